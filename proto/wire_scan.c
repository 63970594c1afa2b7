/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "proto/limits.h"
#include "proto/value.h"
#include "proto/wire.h"
#include "schema/body.pb-c.h"
#include "schema/sync.pb-c.h"

/* The schema nests no deeper and names no more fields; neither is recursive, so the bytes cannot ask for more. */
#define SCAN_DEPTH 6 /* pull answer, part, leaf, attachment, body */
#define SCAN_FIELDS 16

#define VARINT_SIZE 10
#define NUMBER_MAX 536870911 /* of a field */

/* How often a repeated field may stand; one that is not named here may not stand at all. */
struct scan_bound {
    const ProtobufCMessageDescriptor *message;
    uint32_t field;
    uint32_t count;
};

static const struct scan_bound bounds[] = {
    {&simpul__body__descriptor, 1, LIMIT_REGISTER_COUNT},
    {&simpul__refs_value__descriptor, 1, LIMIT_REFS_COUNT},
    {&simpul__attachment__descriptor, 8, LIMIT_PROOF_HASHES},
    {&simpul__hello__descriptor, 9, LIMIT_OWN_STREAMS},
    {&simpul__hello__descriptor, 11, LIMIT_READ_STREAMS},
    {&simpul__hello_answer__descriptor, 7, LIMIT_OWN_STREAMS},
    {&simpul__hello_answer__descriptor, 11, LIMIT_READ_STREAMS},
    {&simpul__push__descriptor, 7, LIMIT_BATCH_LEAVES},
    {&simpul__push__descriptor, 8, LIMIT_PROOF_HASHES},
    {&simpul__push_answer__descriptor, 6, LIMIT_BATCH_LEAVES},
    {&simpul__push_answer__descriptor, 7, LIMIT_BATCH_LEAVES},
    {&simpul__pull__descriptor, 1, LIMIT_READ_STREAMS},
    {&simpul__pull__descriptor, 2, LIMIT_WANT_COUNT},
    {&simpul__pull__descriptor, 3, LIMIT_WANT_COUNT},
    {&simpul__pull_part__descriptor, 6, LIMIT_PROOF_HASHES},
    {&simpul__pull_part__descriptor, 7, LIMIT_BATCH_LEAVES},
    {&simpul__pull_answer__descriptor, 2, LIMIT_PULL_ORIGINS},
    {&simpul__pull_answer__descriptor, 3, LIMIT_WANT_COUNT},
    {&simpul__pull_answer__descriptor, 4, LIMIT_OWN_STREAMS},
    {&simpul__pull_answer__descriptor, 5, LIMIT_BATCH_LEAVES},
    {&simpul__pull_answer__descriptor, 8, LIMIT_HEARD_COUNT},
    {&simpul__bodies_ask__descriptor, 1, LIMIT_BATCH_LEAVES},
    {&simpul__bodies_answer__descriptor, 2, LIMIT_BATCH_LEAVES},
};

static uint32_t repeated_bound(const ProtobufCMessageDescriptor *message, uint32_t field)
{
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        if (bounds[i].message == message && bounds[i].field == field) {
            return bounds[i].count;
        }
    }
    return 0;
}

/* A message being scanned. */
struct scan_frame {
    const ProtobufCMessageDescriptor *message;
    const uint8_t *end;
    uint32_t counts[SCAN_FIELDS]; /* of its fields, in the descriptor's order */
    uint32_t unknown;
};

struct scan {
    const uint8_t *at;
    struct scan_frame frames[SCAN_DEPTH];
    size_t depth;
};

/* One field as it stands in the bytes. */
struct raw_field {
    uint64_t number;
    unsigned wire;
    uint64_t value;    /* varint */
    struct span bytes; /* else */
};

static struct status scan_varint(struct scan *s, const uint8_t *end, uint64_t *out_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_SIZE && s->at < end; i++) {
        uint8_t byte = *s->at++;
        if (i == VARINT_SIZE - 1 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *out_value = value;
            return status_ok();
        }
    }
    return STATUS_MAKE(STATUS_INVALID);
}

/* Groups were never part of proto3. */
static struct status scan_raw(struct scan *s, const uint8_t *end, struct raw_field *out_field)
{
    uint64_t tag;
    TRY(scan_varint(s, end, &tag));
    struct raw_field field = {.number = tag >> 3, .wire = (unsigned)(tag & 7)};
    uint64_t size = 0;
    if (field.number == 0 || field.number > NUMBER_MAX) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    switch (field.wire) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        TRY(scan_varint(s, end, &field.value));
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        TRY(scan_varint(s, end, &size));
        break;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        size = 8;
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        size = 4;
        break;
    default:
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (size > (size_t)(end - s->at)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    field.bytes = span_of(s->at, (size_t)size);
    s->at += size;
    *out_field = field;
    return status_ok();
}

static bool type_is_sized(ProtobufCType type)
{
    return type == PROTOBUF_C_TYPE_STRING || type == PROTOBUF_C_TYPE_BYTES || type == PROTOBUF_C_TYPE_MESSAGE;
}

/* Whether the field's content is what its type says; protobuf-c itself cuts large numbers and takes any text. */
static bool content_is_valid(const ProtobufCFieldDescriptor *field, const struct raw_field *raw)
{
    if (type_is_sized(field->type)) {
        return raw->wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED &&
               (field->type != PROTOBUF_C_TYPE_STRING || text_is_utf8(raw->bytes));
    }
    if (raw->wire != PROTOBUF_C_WIRE_TYPE_VARINT) {
        return false;
    }
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_ENUM:
        return raw->value <= UINT32_MAX;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_BOOL:
        return true;
    default:
        return false; /* no schema of ours uses the others */
    }
}

/* What is neither number nor repeated stands once: protobuf-c would merge sub-messages, and the text that is replaced would
 * stay in the arena. */
static bool count_is_within(struct scan_frame *frame, const ProtobufCFieldDescriptor *field)
{
    uint32_t count = ++frame->counts[field - frame->message->fields];
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return count <= repeated_bound(frame->message, field->id);
    }
    return count <= (type_is_sized(field->type) ? 1 : LIMIT_SPARE_FIELDS);
}

static void scan_enter(struct scan *s, const ProtobufCMessageDescriptor *message, struct span bytes)
{
    assert(s->depth < SCAN_DEPTH && message->n_fields <= SCAN_FIELDS);
    struct scan_frame *frame = &s->frames[s->depth++];
    *frame = (struct scan_frame){.message = message, .end = bytes.data + bytes.size};
    s->at = bytes.data;
}

static struct status scan_field(struct scan *s, struct scan_frame *frame)
{
    struct raw_field raw;
    TRY(scan_raw(s, frame->end, &raw));
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(frame->message, (unsigned)raw.number);
    if (!field) {
        return STATUS_MAKE(++frame->unknown <= LIMIT_SPARE_FIELDS ? STATUS_OK : STATUS_LIMIT);
    }
    if (!content_is_valid(field, &raw)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (!count_is_within(frame, field)) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        scan_enter(s, field->descriptor, raw.bytes);
    }
    return status_ok();
}

struct status wire_scan(const ProtobufCMessageDescriptor *message, struct span bytes)
{
    static const uint8_t nothing[1];
    struct scan s = {.depth = 0};
    scan_enter(&s, message, bytes.size ? bytes : span_of(nothing, 0));
    while (s.depth > 0) {
        struct scan_frame *frame = &s.frames[s.depth - 1];
        if (s.at == frame->end) {
            s.depth--; /* and go on behind it: there its parent stood */
        } else {
            TRY(scan_field(&s, frame));
        }
    }
    return status_ok();
}
