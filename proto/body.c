/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/limits.h"
#include "proto/value.h"
#include "proto/wire.h"
#include "schema/body.pb-c.h"

static void body_value_get(struct wire *wire, const Simpul__RegisterValue *from, struct body_value *to)
{
    to->number = from->number;
    to->bytes = wire_get_bytes(wire, from->value, LIMIT_FIELD_SIZE);
}

static void body_value_put(struct wire *wire, const struct body_value *from, Simpul__RegisterValue *to)
{
    simpul__register_value__init(to);
    to->number = from->number;
    to->value = wire_put_bytes(wire, from->bytes, LIMIT_FIELD_SIZE);
}

WIRE_LIST(body_value, struct body_value, Simpul__RegisterValue)

static bool values_ascend(const struct body *body)
{
    for (size_t i = 0; i < body->count; i++) {
        uint32_t number = body->values[i].number;
        if (number == 0 || number > LIMIT_REGISTER_NUMBER || (i > 0 && body->values[i - 1].number >= number)) {
            return false;
        }
    }
    return true;
}

struct status body_write(const struct body *body, struct arena *arena, struct span *out_bytes)
{
    if (body->count > LIMIT_REGISTER_COUNT) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    if (!values_ascend(body)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct wire w;
    wire_init(&w, arena, SIZE_MAX);
    Simpul__Body to;
    simpul__body__init(&to);
    to.values = body_value_list_put(&w, body->values, body->count, LIMIT_REGISTER_COUNT);
    to.n_values = body->count;
    to.claim = wire_put_bytes(&w, body->claim, LIMIT_CLAIM_SIZE);
    to.registry = wire_put_bytes(&w, body->registry, LIMIT_FIELD_SIZE);
    return wire_pack(&w, &to.base, LIMIT_BODY_SIZE, out_bytes);
}

struct status body_read(struct span bytes, struct arena *arena, struct body *out_body)
{
    if (bytes.size > LIMIT_BODY_SIZE) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    struct wire w;
    wire_init(&w, arena, LIMIT_MESSAGE_MEMORY);
    const Simpul__Body *from = wire_unpack(&w, &simpul__body__descriptor, bytes);
    TRY(wire_end(&w));
    struct body body = {
        .values = body_value_list_get(&w, from->values, from->n_values),
        .count = from->n_values,
        .claim = wire_get_bytes(&w, from->claim, LIMIT_CLAIM_SIZE),
        .registry = wire_get_bytes(&w, from->registry, LIMIT_FIELD_SIZE),
    };
    TRY(wire_end(&w));
    if (!values_ascend(&body)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_body = body;
    return status_ok();
}
