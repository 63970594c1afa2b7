/* SPDX-License-Identifier: Apache-2.0 */
#include "node/mapping/field.h"
#include "proto/limits.h"

bool mapping_name(const struct mapping *mapping, size_t index, struct mapping_name *out_name)
{
    if (index >= mapping->name_count) {
        return false;
    }
    *out_name = mapping->names[index];
    return true;
}

const struct mapping_register *mapping_register(const struct mapping_form *form, uint32_t number)
{
    for (size_t i = 0; i < form->register_count; i++) {
        if (form->registers[i].number == number) {
            return &form->registers[i];
        }
    }
    return NULL;
}

bool mapping_feeds(const struct mapping_register *reg, size_t column)
{
    for (size_t i = 0; i < reg->column_count; i++) {
        if (reg->columns[i] == column) {
            return true;
        }
    }
    return false;
}

static bool filter_holds(const struct mapping_filter *filter, const struct mapping_raw *raw)
{
    const struct mapping_raw *value = &raw[filter->column];
    for (size_t i = 0; i < filter->count; i++) {
        if (value->null == filter->values[i].null &&
            (value->null || span_equal(trimmed(value->bytes), trimmed(filter->values[i].bytes)))) {
            return true;
        }
    }
    return false;
}

static bool is_blank(const struct mapping_raw *raw)
{
    return raw->null || trimmed(raw->bytes).size == 0;
}

/* Home-made systems write 0 where no parent is meant. */
static bool has_parent(const struct mapping_form *form, const struct mapping_raw *raw)
{
    for (size_t i = 0; i < form->parent_count; i++) {
        const struct mapping_raw *value = &raw[form->parent[i]];
        if (is_blank(value) || span_equal(trimmed(value->bytes), span_text("0"))) {
            return false;
        }
    }
    return true;
}

static bool is_unfilled(const struct mapping_form *form, const struct mapping_raw *raw)
{
    for (size_t i = 0; i < form->filled_count; i++) {
        if (!is_blank(&raw[form->filled[i]])) {
            return false;
        }
    }
    return form->filled_count > 0;
}

enum mapping_row mapping_form(const struct mapping_table *table, const struct mapping_raw *raw,
                              const struct mapping_form **out_form)
{
    const struct mapping_form *form = NULL;
    for (size_t i = 0; i < table->form_count; i++) {
        bool is_note = table->forms[i].kind == FORM_NOTE;
        bool fits = is_note ? has_parent(&table->forms[i], raw) : !form;
        form = fits ? &table->forms[i] : form;
    }
    for (size_t i = 0; form && i < form->filter_count; i++) {
        if (!filter_holds(&form->filters[i], raw)) {
            return ROW_FILTERED;
        }
    }
    if (!form) {
        return ROW_FILTERED;
    }
    *out_form = form;
    return is_unfilled(form, raw) ? ROW_EMPTY : ROW_MAPPED;
}

static struct status join_columns(const size_t *columns, size_t count, const struct mapping_raw *raw,
                                  struct arena *arena, struct span *out_key)
{
    struct buffer key;
    buffer_init(&key, arena);
    for (size_t i = 0; i < count; i++) {
        const struct mapping_raw *part = &raw[columns[i]];
        if (part->null || part->bytes.size == 0 || part->bytes.size > LIMIT_KEY_SIZE || !text_is_utf8(part->bytes)) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        if (count == 1) {
            return arena_copy(arena, part->bytes, out_key);
        }
        if (i > 0) {
            buffer_add_u8(&key, '|');
        }
        for (size_t j = 0; j < part->bytes.size; j++) {
            if (part->bytes.data[j] == '|' || part->bytes.data[j] == '\\') {
                buffer_add_u8(&key, '\\');
            }
            buffer_add_u8(&key, part->bytes.data[j]);
        }
    }
    return buffer_end(&key, out_key);
}

struct status mapping_key(const struct mapping_table *table, const struct mapping_raw *raw, struct arena *arena,
                          struct span *out_key)
{
    return join_columns(table->key, table->key_count, raw, arena, out_key);
}

struct status mapping_parent_key(const struct mapping_form *form, const struct mapping_raw *raw, struct arena *arena,
                                 struct span *out_key)
{
    if (form->parent_count == 0 || !has_parent(form, raw)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    return join_columns(form->parent, form->parent_count, raw, arena, out_key);
}

struct status mapping_key_split(const struct mapping_table *table, struct span key, struct arena *arena,
                                struct span *out_values)
{
    struct span values[LIMIT_COLUMNS];
    size_t count = 0;
    if (table->key_count == 1) {
        return arena_copy(arena, key, &out_values[0]);
    }
    for (size_t at = 0; at <= key.size && count < table->key_count; at++, count++) {
        struct buffer part;
        buffer_init(&part, arena);
        for (; at < key.size && key.data[at] != '|'; at++) {
            at += key.data[at] == '\\' && at + 1 < key.size ? 1 : 0;
            buffer_add_u8(&part, key.data[at]);
        }
        TRY(buffer_end(&part, &values[count]));
        if (count + 1 == table->key_count && at != key.size) {
            return STATUS_MAKE(STATUS_INVALID);
        }
    }
    if (count != table->key_count) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    memcpy(out_values, values, count * sizeof values[0]);
    return status_ok();
}

struct status mapping_scope(const struct mapping *mapping, const struct mapping_raw *raw, struct scope_id own,
                            struct scope_id *out_scope, const char **out_problem)
{
    struct part_value part;
    struct status status = status_ok();
    size_t column;
    if (!mapping->scope) {
        *out_scope = own;
        return status_ok();
    }
    if (!field_read(mapping->scope, mapping->complaints->table, raw, NULL, &part, out_problem, &column, &status)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (!part.there || !status_is_ok(scope_id_parse(trimmed(part.text), out_scope))) {
        *out_problem = "this is not the code of a region";
        return STATUS_MAKE(STATUS_INVALID);
    }
    return status_ok();
}
