/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire.h"

#include "proto/value.h"

/* The arena rounds each piece up; small pieces, of which there may be many, count with that. */
#define WIRE_ROUNDING 16

void wire_init(struct wire *wire, struct arena *arena, size_t memory_max)
{
    *wire = (struct wire){.arena = arena, .left = memory_max};
}

void wire_fail(struct wire *wire, enum status_code code)
{
    if (wire->code == STATUS_OK) {
        wire->code = code;
    }
}

struct status wire_end(const struct wire *wire)
{
    return STATUS_MAKE(wire->code);
}

static void *wire_take(struct wire *wire, size_t size)
{
    if (wire->left < WIRE_ROUNDING || size > wire->left - WIRE_ROUNDING) {
        wire_fail(wire, STATUS_LIMIT);
        return NULL;
    }
    void *pointer = arena_alloc(wire->arena, size);
    if (!pointer) {
        wire_fail(wire, STATUS_NO_MEMORY);
        return NULL;
    }
    wire->left -= size + WIRE_ROUNDING;
    return pointer;
}

void *wire_array(struct wire *wire, size_t count, size_t size)
{
    if (count == 0) {
        return NULL;
    }
    if (count > SIZE_MAX / size) {
        wire_fail(wire, STATUS_LIMIT);
        return NULL;
    }
    return wire_take(wire, count * size);
}

static void *allocator_alloc(void *wire, size_t size)
{
    return wire_take(wire, size);
}

/* The arena frees everything at once. */
static void allocator_free(void *wire, void *pointer)
{
    (void)wire;
    (void)pointer;
}

void *wire_unpack(struct wire *wire, const ProtobufCMessageDescriptor *message, struct span bytes)
{
    static const uint8_t nothing[1];
    struct status status = wire_scan(message, bytes);
    if (!status_is_ok(status)) {
        wire_fail(wire, status.code);
        return NULL;
    }
    ProtobufCAllocator allocator = {.alloc = allocator_alloc, .free = allocator_free, .allocator_data = wire};
    void *unpacked = protobuf_c_message_unpack(message, &allocator, bytes.size, bytes.size ? bytes.data : nothing);
    if (!unpacked) {
        wire_fail(wire, STATUS_INVALID); /* unless it was memory */
    }
    return wire->code == STATUS_OK ? unpacked : NULL;
}

struct status wire_pack(struct wire *wire, const ProtobufCMessage *message, size_t size_max, struct span *out_bytes)
{
    TRY(wire_end(wire));
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size > size_max) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    uint8_t *bytes = wire_take(wire, size);
    TRY(wire_end(wire));
    *out_bytes = span_of(bytes, protobuf_c_message_pack(message, bytes));
    return status_ok();
}

/* Reading. */

struct span wire_get_text(struct wire *wire, const char *text, size_t max)
{
    size_t size = strlen(text);
    if (size > max) {
        wire_fail(wire, STATUS_LIMIT);
    }
    return size == 0 ? (struct span){0} : span_of(text, size);
}

struct span wire_get_bytes(struct wire *wire, ProtobufCBinaryData bytes, size_t max)
{
    if (bytes.len > max) {
        wire_fail(wire, STATUS_LIMIT);
    }
    return bytes.len == 0 ? (struct span){0} : span_of(bytes.data, bytes.len);
}

struct span wire_get_exact(struct wire *wire, ProtobufCBinaryData bytes, size_t size)
{
    if (bytes.len != 0 && bytes.len != size) {
        wire_fail(wire, STATUS_INVALID);
    }
    return wire_get_bytes(wire, bytes, SIZE_MAX);
}

void wire_get_fixed(struct wire *wire, ProtobufCBinaryData bytes, void *out, size_t size)
{
    if (bytes.len == size) {
        memcpy(out, bytes.data, size);
        return;
    }
    if (bytes.len != 0) {
        wire_fail(wire, STATUS_INVALID);
    }
    memset(out, 0, size);
}

struct node_id wire_get_node(struct wire *wire, const char *text)
{
    struct node_id id = {{0}};
    if (text[0] != 0 && !status_is_ok(node_id_parse(span_text(text), &id))) {
        wire_fail(wire, STATUS_INVALID);
    }
    return id;
}

struct scope_id wire_get_scope(struct wire *wire, const char *text)
{
    struct scope_id id = {{0}};
    if (text[0] != 0 && !status_is_ok(scope_id_parse(span_text(text), &id))) {
        wire_fail(wire, STATUS_INVALID);
    }
    return id;
}

uint32_t wire_get_enum(struct wire *wire, int64_t value, uint32_t count)
{
    if (value < 0 || value >= count) {
        wire_fail(wire, STATUS_INVALID);
        return 0;
    }
    return (uint32_t)value;
}

void *wire_get_fixed_list(struct wire *wire, const ProtobufCBinaryData *list, size_t count, size_t size)
{
    uint8_t *to = wire_array(wire, count, size);
    for (size_t i = 0; to && i < count; i++) {
        if (list[i].len != size) {
            wire_fail(wire, STATUS_INVALID);
            return NULL;
        }
        memcpy(to + i * size, list[i].data, size);
    }
    return to;
}

/* Writing. */

void *wire_put_array(struct wire *wire, size_t count, size_t max, size_t size)
{
    if (count > max) {
        wire_fail(wire, STATUS_LIMIT);
        return NULL;
    }
    return wire_array(wire, count, size);
}

/* With the zero that the generated structs want; NULL is an absent text to protobuf-c. */
static char *text_copy(struct wire *wire, struct span text)
{
    char *copy = text.size == 0 ? NULL : wire_take(wire, text.size + 1);
    if (copy) {
        memcpy(copy, text.data, text.size);
    }
    return copy;
}

char *wire_put_text(struct wire *wire, struct span text, size_t max)
{
    if (text.size > max) {
        wire_fail(wire, STATUS_LIMIT);
        return NULL;
    }
    if (!text_is_utf8(text)) {
        wire_fail(wire, STATUS_INVALID);
        return NULL;
    }
    return text_copy(wire, text);
}

ProtobufCBinaryData wire_put_bytes(struct wire *wire, struct span bytes, size_t max)
{
    if (bytes.size > max) {
        wire_fail(wire, STATUS_LIMIT);
    }
    /* Packing only reads. */
    return (ProtobufCBinaryData){.len = bytes.size, .data = (uint8_t *)(uintptr_t)bytes.data};
}

ProtobufCBinaryData wire_put_exact(struct wire *wire, struct span bytes, size_t size)
{
    if (bytes.size != 0 && bytes.size != size) {
        wire_fail(wire, STATUS_INVALID);
    }
    return wire_put_bytes(wire, bytes, SIZE_MAX);
}

ProtobufCBinaryData wire_put_fixed(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) {
        any |= at[i];
    }
    return any == 0 ? (ProtobufCBinaryData){0}
                    : (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)bytes};
}

char *wire_put_node(struct wire *wire, struct node_id id)
{
    struct node_id again = {{0}};
    struct span text = span_of(id.text, node_id_size(id));
    if ((text.size != 0 && !status_is_ok(node_id_parse(text, &again))) || memcmp(&again, &id, sizeof id) != 0) {
        wire_fail(wire, STATUS_INVALID);
        return NULL;
    }
    return text_copy(wire, text);
}

char *wire_put_scope(struct wire *wire, struct scope_id id)
{
    struct node_id same; /* the same alphabet and size */
    _Static_assert(sizeof same == sizeof id, "a scope has the shape of a node");
    memcpy(&same, &id, sizeof same);
    return wire_put_node(wire, same);
}

uint32_t wire_put_enum(struct wire *wire, uint32_t value, uint32_t count)
{
    if (value >= count) {
        wire_fail(wire, STATUS_INVALID);
    }
    return value;
}

ProtobufCBinaryData *wire_put_fixed_list(struct wire *wire, const void *list, size_t count, size_t max, size_t size)
{
    ProtobufCBinaryData *to = wire_put_array(wire, count, max, sizeof *to);
    for (size_t i = 0; to && i < count; i++) {
        to[i] = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)list + i * size};
    }
    return to;
}
