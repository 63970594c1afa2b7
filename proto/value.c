/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/value.h"

#include "proto/limits.h"
#include "proto/schema.h"

static const struct schema_field status_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_ENUM, struct value, status.status, COMPLAINT_STATUS_COUNT),
    SCHEMA_FIELD(2, SCHEMA_TEXT, struct value, status.reason, LIMIT_FIELD_SIZE),
};

static const struct schema_field class_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_ENUM, struct value, class.classification, CLASSIFICATION_COUNT),
    SCHEMA_FIELD(2, SCHEMA_TEXT, struct value, class.category, LIMIT_FIELD_SIZE),
    SCHEMA_FIELD(3, SCHEMA_BOOL, struct value, class.supervisory, 0),
};

static const struct schema_field channel_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_ENUM, struct value, channel, CHANNEL_COUNT),
};

static const struct schema_field time_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_I64, struct value, time.ms, 0),
};

static const struct schema_field assign_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_TEXT, struct value, assign.opd, LIMIT_FIELD_SIZE),
    SCHEMA_FIELD(2, SCHEMA_I64, struct value, assign.deadline_ms, 0),
    SCHEMA_FIELD(3, SCHEMA_TEXT, struct value, assign.by, LIMIT_FIELD_SIZE),
};

static const struct schema_field scope_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_CODE, struct value, scope, 0),
};

static const struct schema_field request_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_CODE, struct value, request.wanted, 0),
    SCHEMA_FIELD(2, SCHEMA_TEXT, struct value, request.reason, LIMIT_FIELD_SIZE),
};

static const struct schema_field flag_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_BOOL, struct value, flag, 0),
};

static const struct schema_field presence_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_BOOL, struct value, presence.withdrawn, 0),
    SCHEMA_FIELD(2, SCHEMA_TEXT, struct value, presence.reason, LIMIT_FIELD_SIZE),
};

static const struct schema_field number_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_U64, struct value, number, 0),
};

static const struct schema_field record_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_FIXED, struct value, record, sizeof(struct record_id)),
};

static const struct schema_field text_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_TEXT, struct value, text, LIMIT_FIELD_SIZE),
};

static const struct schema_field place_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_TEXT, struct value, place.region, LIMIT_FIELD_SIZE),
    SCHEMA_FIELD(2, SCHEMA_TEXT, struct value, place.village, LIMIT_FIELD_SIZE),
    SCHEMA_FIELD(3, SCHEMA_TEXT, struct value, place.address, LIMIT_FIELD_SIZE),
    SCHEMA_FIELD(4, SCHEMA_S32, struct value, place.lat_e7, 0),
    SCHEMA_FIELD(5, SCHEMA_S32, struct value, place.lon_e7, 0),
};

static const struct schema_field ref_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_TEXT, struct ref, system, LIMIT_FIELD_SIZE),
    SCHEMA_FIELD(2, SCHEMA_TEXT, struct ref, key, LIMIT_FIELD_SIZE),
};

static const struct schema_message ref_message = SCHEMA_TABLE(struct ref, ref_fields);

static const struct schema_field refs_fields[] = {
    SCHEMA_MANY(1, SCHEMA_LIST, struct value, refs.refs, refs.count, LIMIT_REFS_COUNT, &ref_message),
};

static const struct schema_field bytes_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_BYTES, struct value, bytes, LIMIT_FIELD_SIZE),
};

/* Types without fields are raw bytes. */
static const struct schema_message messages[] = {
    [VALUE_STATUS] = SCHEMA_TABLE(struct value, status_fields),
    [VALUE_CLASS] = SCHEMA_TABLE(struct value, class_fields),
    [VALUE_CHANNEL] = SCHEMA_TABLE(struct value, channel_fields),
    [VALUE_TIME] = SCHEMA_TABLE(struct value, time_fields),
    [VALUE_ASSIGN] = SCHEMA_TABLE(struct value, assign_fields),
    [VALUE_SCOPE] = SCHEMA_TABLE(struct value, scope_fields),
    [VALUE_REQUEST] = SCHEMA_TABLE(struct value, request_fields),
    [VALUE_FLAG] = SCHEMA_TABLE(struct value, flag_fields),
    [VALUE_PRESENCE] = SCHEMA_TABLE(struct value, presence_fields),
    [VALUE_NUMBER] = SCHEMA_TABLE(struct value, number_fields),
    [VALUE_RECORD] = SCHEMA_TABLE(struct value, record_fields),
    [VALUE_TEXT] = SCHEMA_TABLE(struct value, text_fields),
    [VALUE_PLACE] = SCHEMA_TABLE(struct value, place_fields),
    [VALUE_REFS] = SCHEMA_TABLE(struct value, refs_fields),
    [VALUE_BYTES] = SCHEMA_TABLE(struct value, bytes_fields),
    [VALUE_SEALED] = {0},
};

/* NULL for raw bytes. */
static const struct schema_message *value_message(enum value_type type)
{
    bool known = (uint32_t)type < SCHEMA_COUNT(messages) && messages[type].field_count != 0;
    return known ? &messages[type] : NULL;
}

static int ref_compare(const struct ref *a, const struct ref *b)
{
    int c = span_compare(a->system, b->system);
    return c != 0 ? c : span_compare(a->key, b->key);
}

static bool refs_are_sorted(const struct value *value)
{
    for (size_t i = 1; i < value->refs.count; i++) {
        if (ref_compare(&value->refs.refs[i - 1], &value->refs.refs[i]) >= 0) {
            return false;
        }
    }
    return true;
}

struct status value_write(const struct value *value, struct arena *arena, struct span *out_bytes)
{
    const struct schema_message *message = value_message(value->type);
    if (!message) {
        return value->bytes.size > LIMIT_FIELD_SIZE ? STATUS_MAKE(STATUS_LIMIT)
                                                    : arena_copy(arena, value->bytes, out_bytes);
    }
    if (value->type == VALUE_REFS) {
        if (value->refs.count > LIMIT_REFS_COUNT) {
            return STATUS_MAKE(STATUS_LIMIT);
        }
        if (!refs_are_sorted(value)) {
            return STATUS_MAKE(STATUS_INVALID);
        }
    }
    return schema_write(message, value, LIMIT_FIELD_SIZE, arena, out_bytes);
}

/* Foreign refs may stand in any order; few enough for insertion. */
static struct status refs_sort(struct value *value, struct arena *arena)
{
    if (refs_are_sorted(value)) {
        return status_ok();
    }
    struct ref *sorted = arena_array(arena, value->refs.count, sizeof *sorted);
    if (!sorted) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t count = 0;
    for (size_t i = 0; i < value->refs.count; i++) {
        const struct ref *ref = &value->refs.refs[i];
        size_t at = count;
        while (at > 0 && ref_compare(&sorted[at - 1], ref) > 0) {
            at--;
        }
        if (at > 0 && ref_compare(&sorted[at - 1], ref) == 0) {
            continue;
        }
        memmove(&sorted[at + 1], &sorted[at], (count - at) * sizeof *sorted);
        sorted[at] = *ref;
        count++;
    }
    value->refs.refs = sorted;
    value->refs.count = count;
    return status_ok();
}

struct status value_read(enum value_type type, struct span bytes, struct arena *arena, struct value *out_value)
{
    if (bytes.size > LIMIT_FIELD_SIZE) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    const struct schema_message *message = value_message(type);
    struct value value = {0};
    if (message) {
        TRY(schema_read(message, bytes, LIMIT_MESSAGE_MEMORY, arena, &value));
    } else {
        value.bytes = bytes;
    }
    value.type = type;
    if (type == VALUE_REFS) {
        TRY(refs_sort(&value, arena));
    }
    *out_value = value;
    return status_ok();
}

struct status value_read_register(uint32_t number, struct span bytes, struct arena *arena, struct value *out_value)
{
    const struct register_info *info = register_info(number);
    return value_read(info ? info->type : VALUE_OPAQUE, bytes, arena, out_value);
}

struct status value_refs_union(struct span a, struct span b, struct arena *arena, struct span *out_bytes)
{
    struct value left;
    struct value right;
    TRY(value_read(VALUE_REFS, a, arena, &left));
    TRY(value_read(VALUE_REFS, b, arena, &right));
    struct ref *refs = arena_array(arena, left.refs.count + right.refs.count, sizeof *refs);
    if (!refs) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t count = 0;
    size_t i = 0;
    size_t j = 0;
    while (i < left.refs.count || j < right.refs.count) {
        int c = i == left.refs.count    ? 1
                : j == right.refs.count ? -1
                                        : ref_compare(&left.refs.refs[i], &right.refs.refs[j]);
        refs[count++] = c <= 0 ? left.refs.refs[i] : right.refs.refs[j];
        i += c <= 0;
        j += c >= 0;
    }
    struct value both = {.type = VALUE_REFS, .refs = {.refs = refs, .count = count}};
    return value_write(&both, arena, out_bytes);
}
