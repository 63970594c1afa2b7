/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/schema.h"

#include <assert.h>

#include "proto/ids.h"
#include "proto/value.h"

/* Messages within messages, as our own tables nest them: pull_answer, part, leaf, attachment, body. */
#define SCHEMA_DEPTH 6

enum wire {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_SIZED = 2,
    WIRE_FIXED32 = 5,
};

static bool kind_is_number(enum schema_kind kind)
{
    return kind <= SCHEMA_ENUM;
}

static bool kind_is_many(enum schema_kind kind)
{
    return kind >= SCHEMA_LIST;
}

static size_t element_size(const struct schema_field *field)
{
    return field->kind == SCHEMA_LIST     ? field->message->size
           : field->kind == SCHEMA_HASHES ? sizeof(struct hash)
                                          : sizeof(struct record_id);
}

static const void *member_pointer(const void *value, size_t offset)
{
    const void *pointer;
    memcpy(&pointer, (const char *)value + offset, sizeof(void *));
    return pointer;
}

static size_t member_count(const void *value, size_t offset)
{
    size_t count;
    memcpy(&count, (const char *)value + offset, sizeof count);
    return count;
}

/* Writing: one pass measures and checks, one puts. Sizes of inner messages are measured again at each level, which with
 * the few levels we have costs less than remembering them. */

struct writer {
    uint8_t *at;
    enum status_code code; /* first thing found wrong */
};

static size_t message_size(struct writer *w, const struct schema_message *message, const void *value, unsigned depth);

static void spoil(struct writer *w, enum status_code code)
{
    if (w->code == STATUS_OK) {
        w->code = code;
    }
}

static size_t varint_size(uint64_t value)
{
    size_t size = 1;
    while (value >= 0x80) {
        value >>= 7;
        size++;
    }
    return size;
}

/* The number as it stands on the wire; 0 is the default of every kind. */
static uint64_t number_of(struct writer *w, const struct schema_field *field, const void *member)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;
    bool flag = false;
    switch (field->kind) {
    case SCHEMA_U64:
    case SCHEMA_I64:
        memcpy(&wide, member, sizeof wide);
        return wide;
    case SCHEMA_BOOL:
        memcpy(&flag, member, sizeof flag);
        return flag;
    case SCHEMA_S32:
        memcpy(&narrow, member, sizeof narrow);
        return (narrow << 1) ^ (0u - (narrow >> 31));
    case SCHEMA_ENUM:
        memcpy(&narrow, member, sizeof narrow);
        if (narrow >= field->bound) {
            spoil(w, STATUS_INVALID);
        }
        return narrow;
    default:
        memcpy(&narrow, member, sizeof narrow);
        return narrow;
    }
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

static struct span code_of(struct writer *w, const void *member)
{
    size_t size = 0;
    while (size < sizeof(struct node_id) && ((const char *)member)[size] != 0) {
        size++;
    }
    struct span code = span_of(member, size);
    struct node_id id = {{0}};
    if (!is_zero(member, sizeof id) &&
        (!status_is_ok(node_id_parse(code, &id)) || memcmp(id.text, member, sizeof id) != 0)) {
        spoil(w, STATUS_INVALID);
    }
    return code;
}

/* The bytes of a field that is neither number, message nor list. */
static struct span bytes_of(struct writer *w, const struct schema_field *field, const void *member)
{
    if (field->kind == SCHEMA_CODE) {
        return code_of(w, member);
    }
    if (field->kind == SCHEMA_FIXED) {
        return is_zero(member, field->bound) ? (struct span){0} : span_of(member, field->bound);
    }
    struct span bytes;
    memcpy(&bytes, member, sizeof bytes);
    if (bytes.size > field->bound) {
        spoil(w, STATUS_LIMIT);
    } else if (field->kind == SCHEMA_EXACT && bytes.size != 0 && bytes.size != field->bound) {
        spoil(w, STATUS_INVALID);
    } else if (field->kind == SCHEMA_TEXT && w->at == NULL && !text_is_utf8(bytes)) {
        spoil(w, STATUS_INVALID);
    }
    return bytes;
}

static size_t sized_size(const struct schema_field *field, size_t size)
{
    return varint_size((uint64_t)field->number << 3) + varint_size(size) + size;
}

static size_t many_size(struct writer *w, const struct schema_field *field, const void *value, unsigned depth)
{
    const char *array = member_pointer(value, field->offset);
    size_t count = member_count(value, field->count_offset);
    if (count > field->bound) {
        spoil(w, STATUS_LIMIT);
        return 0;
    }
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size_t inner = element_size(field);
        if (field->kind == SCHEMA_LIST) {
            inner = message_size(w, field->message, array + i * element_size(field), depth + 1);
        }
        size += sized_size(field, inner);
    }
    return size;
}

static size_t field_size(struct writer *w, const struct schema_field *field, const void *value, unsigned depth)
{
    const char *member = (const char *)value + field->offset;
    if (kind_is_number(field->kind)) {
        uint64_t number = number_of(w, field, member);
        return number == 0 ? 0 : varint_size((uint64_t)field->number << 3) + varint_size(number);
    }
    if (kind_is_many(field->kind)) {
        return many_size(w, field, value, depth);
    }
    if (field->kind == SCHEMA_OPTIONAL) {
        const void *inner = member_pointer(value, field->offset);
        return inner ? sized_size(field, message_size(w, field->message, inner, depth + 1)) : 0;
    }
    size_t size = field->kind == SCHEMA_MESSAGE ? message_size(w, field->message, member, depth + 1)
                                                : bytes_of(w, field, member).size;
    return size == 0 ? 0 : sized_size(field, size);
}

static size_t message_size(struct writer *w, const struct schema_message *message, const void *value, unsigned depth)
{
    assert(depth < SCHEMA_DEPTH);
    size_t size = 0;
    for (size_t i = 0; i < message->field_count; i++) {
        size += field_size(w, &message->fields[i], value, depth);
    }
    return size;
}

static void put_message(struct writer *w, const struct schema_message *message, const void *value, unsigned depth);

static void put_varint(struct writer *w, uint64_t value)
{
    while (value >= 0x80) {
        *w->at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *w->at++ = (uint8_t)value;
}

static void put_sized(struct writer *w, const struct schema_field *field, struct span bytes)
{
    put_varint(w, (uint64_t)field->number << 3 | WIRE_SIZED);
    put_varint(w, bytes.size);
    if (bytes.size != 0) {
        memcpy(w->at, bytes.data, bytes.size);
        w->at += bytes.size;
    }
}

static void put_inner(struct writer *w, const struct schema_field *field, const void *value, bool always,
                      unsigned depth)
{
    size_t size = message_size(w, field->message, value, depth + 1);
    if (size != 0 || always) {
        put_varint(w, (uint64_t)field->number << 3 | WIRE_SIZED);
        put_varint(w, size);
        put_message(w, field->message, value, depth + 1);
    }
}

static void put_many(struct writer *w, const struct schema_field *field, const void *value, unsigned depth)
{
    const char *array = member_pointer(value, field->offset);
    size_t count = member_count(value, field->count_offset);
    for (size_t i = 0; i < count; i++) {
        const char *element = array + i * element_size(field);
        if (field->kind == SCHEMA_LIST) {
            put_inner(w, field, element, true, depth);
        } else {
            put_sized(w, field, span_of(element, element_size(field)));
        }
    }
}

static void put_field(struct writer *w, const struct schema_field *field, const void *value, unsigned depth)
{
    const char *member = (const char *)value + field->offset;
    if (kind_is_number(field->kind)) {
        uint64_t number = number_of(w, field, member);
        if (number != 0) {
            put_varint(w, (uint64_t)field->number << 3 | WIRE_VARINT);
            put_varint(w, number);
        }
    } else if (kind_is_many(field->kind)) {
        put_many(w, field, value, depth);
    } else if (field->kind == SCHEMA_MESSAGE) {
        put_inner(w, field, member, false, depth);
    } else if (field->kind == SCHEMA_OPTIONAL) {
        const void *inner = member_pointer(value, field->offset);
        if (inner) {
            put_inner(w, field, inner, true, depth);
        }
    } else {
        struct span bytes = bytes_of(w, field, member);
        if (bytes.size != 0) {
            put_sized(w, field, bytes);
        }
    }
}

static void put_message(struct writer *w, const struct schema_message *message, const void *value, unsigned depth)
{
    for (size_t i = 0; i < message->field_count; i++) {
        put_field(w, &message->fields[i], value, depth);
    }
}

struct status schema_write(const struct schema_message *message, const void *value, size_t size_max,
                           struct arena *arena, struct span *out_bytes)
{
    struct writer w = {0};
    size_t size = message_size(&w, message, value, 0);
    if (w.code != STATUS_OK) {
        return STATUS_MAKE(w.code);
    }
    if (size > size_max) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    uint8_t *bytes = arena_alloc(arena, size);
    if (!bytes) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    w.at = bytes;
    put_message(&w, message, value, 0);
    assert(w.code == STATUS_OK && w.at == bytes + size);
    *out_bytes = span_of(bytes, size);
    return status_ok();
}

/* Reading. */

struct source {
    struct arena *arena;
    size_t memory_left;
};

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

/* One field as it stands in the bytes. */
struct raw_field {
    uint64_t number;
    unsigned wire;
    uint64_t value;    /* VARINT */
    struct span bytes; /* SIZED */
};

static struct status cursor_varint(struct cursor *c, uint64_t *out_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && c->at < c->end; shift += 7) {
        uint8_t byte = *c->at++;
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out_value = value;
            return status_ok();
        }
    }
    return STATUS_MAKE(STATUS_INVALID);
}

static struct status cursor_field(struct cursor *c, struct raw_field *out_field)
{
    uint64_t tag;
    TRY(cursor_varint(c, &tag));
    struct raw_field field = {.number = tag >> 3, .wire = (unsigned)(tag & 7)};
    if (field.number == 0 || field.number > 536870911) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (field.wire == WIRE_VARINT) {
        TRY(cursor_varint(c, &field.value));
    } else {
        uint64_t size = field.wire == WIRE_FIXED64 ? 8 : 4;
        if (field.wire == WIRE_SIZED) {
            TRY(cursor_varint(c, &size));
        } else if (field.wire != WIRE_FIXED64 && field.wire != WIRE_FIXED32) {
            return STATUS_MAKE(STATUS_INVALID); /* groups were never part of proto3 */
        }
        if (size > (size_t)(c->end - c->at)) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        field.bytes = span_of(c->at, (size_t)size);
        c->at += size;
    }
    *out_field = field;
    return status_ok();
}

/* The arena rounds each piece up; small pieces, of which there may be many, count with that. */
#define SOURCE_ROUNDING 16

static struct status source_take(struct source *s, size_t count, size_t size, void **out_pointer)
{
    if (s->memory_left < SOURCE_ROUNDING || count > (s->memory_left - SOURCE_ROUNDING) / size) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    void *pointer = arena_array(s->arena, count, size);
    if (!pointer) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    s->memory_left -= count * size + SOURCE_ROUNDING;
    *out_pointer = pointer;
    return status_ok();
}

static struct status read_message(struct source *s, const struct schema_message *message, struct span bytes,
                                  void *value, unsigned depth);

static struct status read_number(const struct schema_field *field, uint64_t number, void *member)
{
    if (field->kind == SCHEMA_U64 || field->kind == SCHEMA_I64) {
        memcpy(member, &number, sizeof number);
        return status_ok();
    }
    if (field->kind == SCHEMA_BOOL) {
        bool flag = number != 0;
        memcpy(member, &flag, sizeof flag);
        return status_ok();
    }
    if (number > UINT32_MAX || (field->kind == SCHEMA_ENUM && number >= field->bound)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    uint32_t narrow = (uint32_t)number;
    if (field->kind == SCHEMA_S32) {
        narrow = (narrow >> 1) ^ (0u - (narrow & 1));
    }
    memcpy(member, &narrow, sizeof narrow);
    return status_ok();
}

static struct status read_code(struct span bytes, void *member)
{
    struct node_id id = {{0}};
    if (bytes.size != 0) {
        TRY(node_id_parse(bytes, &id));
    }
    memcpy(member, id.text, sizeof id.text);
    return status_ok();
}

static struct status read_bytes(const struct schema_field *field, struct span bytes, void *member)
{
    if (field->kind == SCHEMA_CODE) {
        return read_code(bytes, member);
    }
    if (field->kind == SCHEMA_FIXED) {
        if (bytes.size != field->bound && bytes.size != 0) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        memset(member, 0, field->bound);
        if (bytes.size != 0) {
            memcpy(member, bytes.data, bytes.size);
        }
        return status_ok();
    }
    if (bytes.size > field->bound) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    if ((field->kind == SCHEMA_TEXT && !text_is_utf8(bytes)) ||
        (field->kind == SCHEMA_EXACT && bytes.size != 0 && bytes.size != field->bound)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    memcpy(member, &bytes, sizeof bytes);
    return status_ok();
}

/* How often the field stands in the rest of the message, this first one included; more than the bound is not counted.
 */
static struct status count_many(const struct schema_field *field, struct cursor rest, size_t *out_count)
{
    size_t count = 1;
    while (rest.at < rest.end && count <= field->bound) {
        struct raw_field raw;
        TRY(cursor_field(&rest, &raw));
        count += raw.number == field->number;
    }
    if (count > field->bound) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    *out_count = count;
    return status_ok();
}

/* One element. The array is made at the first, for all of them. */
static struct status read_many(struct source *s, const struct schema_field *field, struct span bytes,
                               struct cursor rest, void *value, unsigned depth)
{
    size_t size = element_size(field);
    size_t count = member_count(value, field->count_offset);
    void *array;
    if (count == 0) {
        size_t total;
        TRY(count_many(field, rest, &total));
        TRY(source_take(s, total, size, &array));
        memcpy((char *)value + field->offset, &array, sizeof array);
    }
    memcpy(&array, (char *)value + field->offset, sizeof array);
    char *element = (char *)array + count * size;
    count++;
    memcpy((char *)value + field->count_offset, &count, sizeof count);
    if (field->kind == SCHEMA_LIST) {
        return read_message(s, field->message, bytes, element, depth + 1);
    }
    if (bytes.size != size) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    memcpy(element, bytes.data, size);
    return status_ok();
}

static struct status read_field(struct source *s, const struct schema_field *field, const struct raw_field *raw,
                                struct cursor rest, void *value, unsigned depth)
{
    char *member = (char *)value + field->offset;
    if (raw->wire != (kind_is_number(field->kind) ? WIRE_VARINT : WIRE_SIZED)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (kind_is_number(field->kind)) {
        return read_number(field, raw->value, member);
    }
    if (kind_is_many(field->kind)) {
        return read_many(s, field, raw->bytes, rest, value, depth);
    }
    if (field->kind == SCHEMA_MESSAGE) {
        return read_message(s, field->message, raw->bytes, member, depth + 1);
    }
    if (field->kind == SCHEMA_OPTIONAL) {
        void *inner;
        TRY(source_take(s, 1, field->message->size, &inner));
        memcpy(member, &inner, sizeof inner);
        return read_message(s, field->message, raw->bytes, inner, depth + 1);
    }
    return read_bytes(field, raw->bytes, member);
}

/* Calls itself only along our own tables, never along the input. */
static struct status read_message(struct source *s, const struct schema_message *message, struct span bytes,
                                  void *value, unsigned depth)
{
    assert(depth < SCHEMA_DEPTH);
    memset(value, 0, message->size);
    struct cursor c = {.at = bytes.data, .end = bytes.data + bytes.size};
    size_t next = 0; /* fields usually ascend: go on where the last one stood */
    while (c.at < c.end) {
        struct raw_field raw;
        TRY(cursor_field(&c, &raw));
        if (next == message->field_count || message->fields[next].number > raw.number) {
            next = 0;
        }
        while (next < message->field_count && message->fields[next].number < raw.number) {
            next++;
        }
        if (next < message->field_count && message->fields[next].number == raw.number) {
            TRY(read_field(s, &message->fields[next], &raw, c, value, depth));
        }
    }
    return status_ok();
}

struct status schema_read(const struct schema_message *message, struct span bytes, size_t memory_max,
                          struct arena *arena, void *out_value)
{
    static const uint8_t nothing[1];
    struct source s = {.arena = arena, .memory_left = memory_max};
    return read_message(&s, message, bytes.size ? bytes : span_of(nothing, 0), out_value, 0);
}
