/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "node/mapping/field.h"
#include "node/mapping/value_part.h"
#include "proto/limits.h"

/* Whether the row as it stands already says this part: then its own text stays, however it was written. A status whose
 * reason this system cannot say is content with the status. */
static bool says_the_same(const struct mapping_field *field, const struct part_value *now,
                          const struct part_value *wanted, const struct part_value *chosen)
{
    if (field->part == PART_SUPERVISORY && !now->there) {
        return wanted->number == 0;
    }
    if (field->part == PART_TEXT && !now->there) {
        return wanted->text.size == 0;
    }
    if (now->there != wanted->there || !now->there) {
        return now->there == wanted->there;
    }
    switch (field->target) {
    case TARGET_WORD:
        return now->number == wanted->number && (field->part != PART_STATUS || span_equal(now->text, wanted->text) ||
                                                 !span_equal(chosen->text, wanted->text));
    case TARGET_TIME:
        return now->ms == wanted->ms;
    case TARGET_NUMBER:
        return now->count == wanted->count;
    case TARGET_DEGREES:
        return now->e7 == wanted->e7;
    case TARGET_TEXT:
    case TARGET_KEY:
        return span_equal(now->text, wanted->text);
    }
    return false;
}

static bool read_back(const struct mapping_field *field, const struct mapping_table *table,
                      const struct mapping_raw *row, struct arena *arena, struct part_value *out_part)
{
    const char *problem;
    size_t column;
    struct status status = status_ok();
    return field_read(field, table, row, arena, out_part, &problem, &column, &status);
}

/* One number per system fits into a column: the one that stands there, if it is among them, else the first. */
static bool take_ref(const struct value *value, const struct mapping_field *field, const struct mapping_raw *current,
                     struct part_value *out_part)
{
    bool found = false;
    for (size_t i = 0; i < value->refs.count; i++) {
        const struct ref *ref = &value->refs.refs[i];
        bool same_system = span_equal(ref->system, field->system);
        bool stands = same_system && current && !current->null && span_equal(ref->key, current->bytes);
        if (same_system && (!found || stands)) {
            *out_part = (struct part_value){.there = true, .text = ref->key};
            found = true;
        }
    }
    return found;
}

static struct status write_field(const struct mapping_form *form, const struct mapping_field *field,
                                 const struct value *value, const struct mapping_raw *current, struct arena *arena,
                                 struct mapping_cell *out_cell, const char **out_problem)
{
    struct status status = status_ok();
    struct part_value wanted = value_take(value, field->part);
    struct part_value now = {0};
    struct part_value chosen = {0};
    struct mapping_raw raw;
    if (field->part == PART_REF && !take_ref(value, field, current ? &current[field->column] : NULL, &wanted)) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    if (field->part == PART_STATUS && !wanted.there) {
        *out_problem = "the value names no status";
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (!field_write(field, &wanted, arena, &raw, out_problem, &status)) {
        return status_is_ok(status) ? STATUS_MAKE(STATUS_INVALID) : status;
    }
    if (field->part == PART_STATUS) {
        struct mapping_raw row[LIMIT_COLUMNS] = {0};
        row[field->column] = raw;
        (void)read_back(field, form->table, row, arena, &chosen);
    }
    if (current && read_back(field, form->table, current, arena, &now) &&
        says_the_same(field, &now, &wanted, &chosen)) {
        raw = current[field->column];
    }
    *out_cell = (struct mapping_cell){.column = field->column, .raw = raw};
    return status_ok();
}

struct status mapping_write(const struct mapping *mapping, const struct mapping_form *form, uint32_t number,
                            struct span value, const struct mapping_raw *current, struct arena *arena,
                            struct mapping_cell *out_cells, size_t *out_count, const char **out_problem)
{
    (void)mapping;
    struct value decoded;
    size_t count = 0;
    const struct mapping_register *reg = mapping_register(form, number);
    if (!reg || !reg->writable) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    struct status status = value_read(reg->type, value, arena, &decoded);
    if (!status_is_ok(status)) {
        *out_problem = status.code == STATUS_NO_MEMORY ? *out_problem : "the value does not decode";
        return status.code == STATUS_NO_MEMORY ? status : STATUS_MAKE(STATUS_INVALID);
    }
    for (size_t i = 0; i < reg->field_count; i++) {
        if (reg->fields[i].column == NO_COLUMN) {
            continue;
        }
        status = write_field(form, &reg->fields[i], &decoded, current, arena, &out_cells[count], out_problem);
        if (status.code != STATUS_NOT_FOUND) {
            TRY(status);
            count++;
        }
    }
    *out_count = count;
    return status_ok();
}

struct status mapping_routed_away(const struct mapping_form *form, struct mapping_cell *out_cell)
{
    const struct mapping_register *reg = mapping_register(form, REG_STATUS);
    if (!reg || !reg->fields[0].routes_away) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    *out_cell = (struct mapping_cell){.column = reg->fields[0].column, .raw = reg->fields[0].routed_away};
    return status_ok();
}

/* The list grows in place; LIMIT_COLUMNS entries at most. */
struct fills {
    struct mapping_fill *list;
    size_t count;
    bool full;
};

static bool has_fill(const struct fills *fills, const char *column)
{
    for (size_t i = 0; i < fills->count; i++) {
        if (strcmp(fills->list[i].column, column) == 0) {
            return true;
        }
    }
    return false;
}

static void add_fill(struct fills *fills, const char *column, struct mapping_raw raw)
{
    if (has_fill(fills, column)) {
        return;
    }
    if (fills->count == LIMIT_COLUMNS) {
        fills->full = true;
        return;
    }
    fills->list[fills->count++] = (struct mapping_fill){.column = column, .raw = raw};
}

static const char *column_name(const struct mapping_form *form, size_t column)
{
    return form->table->columns[column].name;
}

/* A pattern with `id` in the place of {id}. */
static struct status expand(const char *pattern, struct span id, struct arena *arena, struct span *out_text)
{
    static const char mark[] = "{id}";
    const char *at = strstr(pattern, mark);
    struct buffer text;
    assert(at);
    buffer_init(&text, arena);
    buffer_add(&text, pattern, (size_t)(at - pattern));
    buffer_add_span(&text, id);
    buffer_add_span(&text, span_text(at + sizeof mark - 1));
    return buffer_end(&text, out_text);
}

static struct status fill_key(const struct mapping_form *form, struct span id, struct arena *arena, struct fills *fills)
{
    struct mapping_raw raw = {0};
    if (form->new_key) {
        TRY(expand(form->new_key, id, arena, &raw.bytes));
        add_fill(fills, column_name(form, form->table->key[0]), raw);
    }
    return status_ok();
}

static struct status fill_parent(const struct mapping *mapping, const struct mapping_form *form, struct span parent_key,
                                 struct arena *arena, struct fills *fills)
{
    struct span values[LIMIT_COLUMNS];
    if (form->kind != FORM_NOTE) {
        return status_ok();
    }
    TRY(mapping_key_split(mapping->complaints->table, parent_key, arena, values));
    for (size_t i = 0; i < form->parent_count; i++) {
        add_fill(fills, column_name(form, form->parent[i]), (struct mapping_raw){.bytes = values[i]});
    }
    return status_ok();
}

static struct status fill_defaults(const struct mapping_form *form, struct span id, int64_t now_ms, struct arena *arena,
                                   struct fills *fills)
{
    for (size_t i = 0; i < form->default_count; i++) {
        struct mapping_raw raw = form->defaults[i].raw;
        if (form->defaults[i].now) {
            TRY(time_write(&form->defaults[i].format, now_ms, arena, &raw.bytes));
        } else if (form->defaults[i].pattern) {
            TRY(expand(form->defaults[i].pattern, id, arena, &raw.bytes));
        }
        add_fill(fills, form->defaults[i].column, raw);
    }
    for (size_t i = 0; i < form->filter_count; i++) {
        add_fill(fills, column_name(form, form->filters[i].column), form->filters[i].values[0]);
    }
    return status_ok();
}

struct status mapping_fills(const struct mapping *mapping, const struct mapping_form *form, struct span id,
                            struct span parent_key, int64_t now_ms, struct arena *arena,
                            const struct mapping_fill **out_fills, size_t *out_count)
{
    struct fills fills = {.list = arena_array(arena, LIMIT_COLUMNS, sizeof *fills.list)};
    if (!fills.list) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(fill_key(form, id, arena, &fills));
    TRY(fill_parent(mapping, form, parent_key, arena, &fills));
    TRY(fill_defaults(form, id, now_ms, arena, &fills));
    if (fills.full) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    *out_fills = fills.list;
    *out_count = fills.count;
    return status_ok();
}
