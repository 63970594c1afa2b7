/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/limits.h"
#include "proto/schema.h"
#include "proto/value.h"

static const struct schema_field body_value_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_U32, struct body_value, number, 0),
    SCHEMA_FIELD(2, SCHEMA_BYTES, struct body_value, bytes, LIMIT_FIELD_SIZE),
};

static const struct schema_message body_value_message = SCHEMA_TABLE(struct body_value, body_value_fields);

static const struct schema_field body_fields[] = {
    SCHEMA_MANY(1, SCHEMA_LIST, struct body, values, count, LIMIT_REGISTER_COUNT, &body_value_message),
    SCHEMA_FIELD(2, SCHEMA_BYTES, struct body, claim, LIMIT_CLAIM_SIZE),
    SCHEMA_FIELD(3, SCHEMA_BYTES, struct body, registry, LIMIT_FIELD_SIZE),
};

static const struct schema_message body_message = SCHEMA_TABLE(struct body, body_fields);

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
    return schema_write(&body_message, body, LIMIT_BODY_SIZE, arena, out_bytes);
}

struct status body_read(struct span bytes, struct arena *arena, struct body *out_body)
{
    if (bytes.size > LIMIT_BODY_SIZE) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    struct body body;
    TRY(schema_read(&body_message, bytes, LIMIT_MESSAGE_MEMORY, arena, &body));
    if (!values_ascend(&body)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_body = body;
    return status_ok();
}
