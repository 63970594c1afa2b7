/* SPDX-License-Identifier: Apache-2.0 */
#include "node/mapping/field.h"
#include "node/mapping/value_part.h"

/* One register on its way from the row to its encoded value. */
struct pending {
    struct value value;
    struct ref *refs;
    size_t ref_count;
    bool there;
    bool has_lat, has_lon;
    const char *problem;
    size_t column;
};

static int ref_compare(const struct ref *a, const struct ref *b)
{
    int c = span_compare(a->system, b->system);
    return c != 0 ? c : span_compare(a->key, b->key);
}

/* Keeps the array sorted and without doubles. */
static void add_ref(struct pending *pending, struct ref ref)
{
    size_t at = pending->ref_count;
    while (at > 0 && ref_compare(&ref, &pending->refs[at - 1]) < 0) {
        at--;
    }
    if (at > 0 && ref_compare(&ref, &pending->refs[at - 1]) == 0) {
        return;
    }
    memmove(&pending->refs[at + 1], &pending->refs[at], (pending->ref_count - at) * sizeof ref);
    pending->refs[at] = ref;
    pending->ref_count++;
}

static void put(struct pending *pending, const struct mapping_field *field, const struct part_value *part)
{
    if (!part->there) {
        return;
    }
    if (field->part == PART_REF || field->part == PART_OWN_KEY) {
        add_ref(pending, (struct ref){.system = field->system, .key = part->text});
    } else {
        value_put(&pending->value, field->part, part);
    }
    pending->there |= field->part != PART_REASON;
    pending->has_lat |= field->part == PART_LAT;
    pending->has_lon |= field->part == PART_LON;
    struct scope_id scope;
    if (field->part == PART_SCOPE && !status_is_ok(scope_id_parse(trimmed(part->text), &scope))) {
        pending->problem = "this is not the code of a region";
        pending->column = field->column;
    }
}

/* A place with one coordinate has none. */
static void finish(struct pending *pending)
{
    if (pending->value.type == VALUE_PLACE && pending->has_lat != pending->has_lon) {
        pending->value.place.lat_e7 = 0;
        pending->value.place.lon_e7 = 0;
    }
    if (pending->value.type == VALUE_REFS) {
        pending->value.refs.refs = pending->refs;
        pending->value.refs.count = pending->ref_count;
    }
}

static struct status read_fields(const struct mapping_form *form, const struct mapping_register *reg,
                                 const struct mapping_raw *raw, struct arena *arena, struct pending *pending)
{
    if (reg->type == VALUE_REFS) {
        pending->refs = arena_array(arena, reg->field_count, sizeof *pending->refs);
        if (!pending->refs) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
    }
    for (size_t i = 0; i < reg->field_count && !pending->problem; i++) {
        struct part_value part = {0};
        struct status status = status_ok();
        if (field_read(&reg->fields[i], form->table, raw, arena, &part, &pending->problem, &pending->column, &status)) {
            put(pending, &reg->fields[i], &part);
        }
        TRY(status);
    }
    finish(pending);
    return status_ok();
}

static struct status read_register(const struct mapping_form *form, const struct mapping_register *reg,
                                   const struct mapping_raw *raw, struct arena *arena,
                                   struct mapping_reading *out_reading, bool *out_there)
{
    struct pending pending = {.value = {.type = reg->type}};
    struct mapping_reading reading = {.number = reg->number, .constant = reg->constant};
    TRY(read_fields(form, reg, raw, arena, &pending));
    *out_there = pending.problem || pending.there;
    if (!pending.problem && pending.there) {
        struct status status = value_write(&pending.value, arena, &reading.value);
        if (status.code == STATUS_NO_MEMORY) {
            return status;
        }
        if (!status_is_ok(status)) {
            pending.problem = status.code == STATUS_LIMIT ? "the value is too long" : "the value cannot be encoded";
            pending.column = reg->column_count > 0 ? reg->columns[0] : 0;
        }
    }
    reading.problem = pending.problem;
    reading.column = pending.column;
    *out_reading = reading;
    return status_ok();
}

struct status mapping_read(const struct mapping *mapping, const struct mapping_form *form,
                           const struct mapping_raw *raw, struct arena *arena, struct mapping_reading *out_readings,
                           size_t *out_count)
{
    (void)mapping;
    size_t count = 0;
    for (size_t i = 0; i < form->register_count; i++) {
        bool there = false;
        if (form->registers[i].direction == MAPPING_OUT) {
            continue;
        }
        TRY(read_register(form, &form->registers[i], raw, arena, &out_readings[count], &there));
        count += there ? 1 : 0;
    }
    *out_count = count;
    return status_ok();
}
