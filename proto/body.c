/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "proto/limits.h"
#include "proto/value.h"
#include "proto/wire.h"
#include "schema/body.pb-c.h"

static void body_value_put(struct wire *wire, const struct body_value *from, Simpul__RegisterValue *to)
{
    simpul__register_value__init(to);
    to->number = from->number;
    to->value = wire_put_bytes(wire, from->bytes, LIMIT_FIELD_SIZE);
}

static Simpul__RegisterValue **body_values_put(struct wire *wire, const struct body_value *from, size_t count)
{
    Simpul__RegisterValue **to = wire_put_array(wire, count, LIMIT_REGISTER_COUNT, sizeof *to);
    Simpul__RegisterValue *each = wire_put_array(wire, count, LIMIT_REGISTER_COUNT, sizeof *each);
    for (size_t i = 0; to && each && i < count; i++) {
        body_value_put(wire, &from[i], &each[i]);
        to[i] = &each[i];
    }
    return to;
}

/* Reading is the inner loop of every hub, so bodies are read in place where protobuf-c would copy each value: wire_scan has
 * checked every tag, size and count by then, and what is left is to find the fields. Unknown ones are passed over, and of
 * several numbers the last counts, as with protobuf-c. */
struct field {
    uint32_t number;
    uint64_t value;    /* varint */
    struct span bytes; /* sized */
};

static struct field field_next(struct reader *reader)
{
    uint64_t tag = reader_varint(reader);
    struct field field = {.number = (uint32_t)(tag >> 3)};
    switch (tag & 7) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        field.value = reader_varint(reader);
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        field.bytes = reader_sized(reader);
        break;
    default:
        (void)reader_bytes(reader, (tag & 7) == PROTOBUF_C_WIRE_TYPE_64BIT ? 8 : 4);
        break;
    }
    return field;
}

static struct body_value body_value_read(struct span bytes)
{
    struct reader reader;
    struct body_value value = {.number = 0};
    reader_init(&reader, bytes);
    while (!reader_at_end(&reader)) {
        struct field field = field_next(&reader);
        if (field.number == 1) {
            value.number = (uint32_t)field.value;
        } else if (field.number == 2) {
            value.bytes = field.bytes;
        }
    }
    return value;
}

static bool values_ascend(const struct body_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t number = values[i].number;
        if (number == 0 || number > LIMIT_REGISTER_NUMBER || (i > 0 && values[i - 1].number >= number)) {
            return false;
        }
    }
    return true;
}

static struct status body_check(const struct body *body, const struct body_value *values)
{
    for (size_t i = 0; i < body->count; i++) {
        if (values[i].bytes.size > LIMIT_FIELD_SIZE) {
            return STATUS_MAKE(STATUS_LIMIT);
        }
    }
    if (body->claim.size > LIMIT_CLAIM_SIZE || body->registry.size > LIMIT_FIELD_SIZE) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    return values_ascend(values, body->count) ? status_ok() : STATUS_MAKE(STATUS_INVALID);
}

struct status body_write(const struct body *body, struct arena *arena, struct span *out_bytes)
{
    if (body->count > LIMIT_REGISTER_COUNT) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    if (!values_ascend(body->values, body->count)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct wire w;
    wire_init(&w, arena, SIZE_MAX);
    Simpul__Body to;
    simpul__body__init(&to);
    to.values = body_values_put(&w, body->values, body->count);
    to.n_values = body->count;
    to.claim = wire_put_bytes(&w, body->claim, LIMIT_CLAIM_SIZE);
    to.registry = wire_put_bytes(&w, body->registry, LIMIT_FIELD_SIZE);
    return wire_pack(&w, &to.base, LIMIT_BODY_SIZE, out_bytes);
}

struct status body_read(struct span bytes, struct arena *arena, struct body *out_body)
{
    struct body_value values[LIMIT_REGISTER_COUNT];
    struct body body = {.count = 0};
    struct reader reader;
    if (bytes.size > LIMIT_BODY_SIZE) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    TRY(wire_scan(&simpul__body__descriptor, bytes));
    reader_init(&reader, bytes);
    while (!reader_at_end(&reader)) {
        struct field field = field_next(&reader);
        if (field.number == 1) {
            values[body.count++] = body_value_read(field.bytes);
        } else if (field.number == 2) {
            body.claim = field.bytes;
        } else if (field.number == 3) {
            body.registry = field.bytes;
        }
    }
    assert(!reader.failed); /* it was scanned */
    TRY(body_check(&body, values));
    struct body_value *kept = arena_array(arena, body.count, sizeof *kept);
    if (!kept) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    memcpy(kept, values, body.count * sizeof *kept);
    body.values = kept;
    *out_body = body;
    return status_ok();
}
