/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/import_rows.h"

#include <stdio.h>

#include "node/base/heap.h"

/* ---- header ---- */

/* Names every column that is missing, so that one look is enough. */
static struct status columns_find(struct import_rows *rows, const struct span *header, size_t count)
{
    const struct mapping_table *table = rows->mapping->complaints->table;
    size_t missing = 0;
    int used = snprintf(rows->problem, sizeof rows->problem, "the file lacks these columns that the mapping names:");
    for (size_t i = 0; i < table->column_count; i++) {
        rows->at[i] = SIZE_MAX;
        for (size_t j = 0; j < count; j++) {
            if (span_equal(header[j], span_text(table->columns[i].name))) {
                rows->at[i] = j;
            }
        }
        if (rows->at[i] == SIZE_MAX && used > 0 && (size_t)used < sizeof rows->problem) {
            used += snprintf(rows->problem + used, sizeof rows->problem - (size_t)used, "%s %s (%s:%u:%u)", missing ? "," : "",
                             table->columns[i].name, rows->mapping->file, table->columns[i].line, table->columns[i].column);
            missing++;
        }
    }
    return missing == 0 ? status_ok() : STATUS_MAKE(STATUS_NOT_FOUND);
}

static struct status csv_problem(struct import_rows *rows, struct status status, const struct fault *fault)
{
    snprintf(rows->problem, sizeof rows->problem, "line %llu of the file: %s", (unsigned long long)fault->at,
             fault->what ? fault->what : status_name(status));
    return STATUS_MAKE(STATUS_INVALID);
}

struct status import_rows_open(struct import_rows *rows, const struct mapping *mapping, struct scope_id scope,
                               struct span bytes, struct arena *arena)
{
    struct span header[LIMIT_COLUMNS];
    struct fault fault = {0};
    size_t count = 0;
    *rows = (struct import_rows){.mapping = mapping, .scope = scope, .arena = arena};
    arena_init(&rows->row_arena, memory_heap(), SIZE_MAX);
    csv_init(&rows->csv, bytes);
    struct status status = csv_next(&rows->csv, arena, header, &count, &fault);
    if (status.code == STATUS_NOT_FOUND) {
        snprintf(rows->problem, sizeof rows->problem, "the file is empty: its first line must name the columns");
        return STATUS_MAKE(STATUS_INVALID);
    }
    return status_is_ok(status) ? columns_find(rows, header, count) : csv_problem(rows, status, &fault);
}

/* ---- rows ---- */

void import_rows_reason(struct import_rows *rows, uint64_t line, const char *column, const char *sentence)
{
    rows->skipped++;
    for (size_t i = 0; i < rows->reason_count; i++) {
        struct import_reason *reason = &rows->reasons[i];
        if (strcmp(reason->column, column) == 0 && strcmp(reason->sentence, sentence) == 0) {
            reason->count++;
            return;
        }
    }
    if (rows->reason_count < IMPORT_REASONS_MAX) {
        rows->reasons[rows->reason_count++] =
            (struct import_reason){.column = column, .sentence = sentence, .count = 1, .line = line};
    }
}

static json_t *raw_json(const struct mapping_raw *raw)
{
    return raw->null ? json_null() : json_stringn(raw->bytes.size > 0 ? (const char *)raw->bytes.data : "", raw->bytes.size);
}

/* NULL if an identity column is no UTF-8. */
static json_t *identity_json(const struct mapping_form *form, const struct mapping_raw *raw)
{
    json_t *identity = json_array();
    for (size_t i = 0; i < form->identity_count; i++) {
        size_t column = form->identity[i];
        json_t *pair = json_pack("[s,o]", form->table->columns[column].name, raw_json(&raw[column]));
        if (json_array_append_new(identity, pair) != 0) {
            json_decref(identity);
            return NULL;
        }
    }
    return identity;
}

static json_t *hex_json(struct span bytes, struct arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(arena, bytes.size * 2 + 1);
    for (size_t i = 0; text && i < bytes.size; i++) {
        text[2 * i] = digits[bytes.data[i] >> 4];
        text[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    return text ? json_string(text) : NULL;
}

/* NULL, with the reason told, if a column does not map. */
static json_t *values_json(struct import_rows *rows, const struct mapping_form *form, const struct mapping_raw *raw,
                           size_t *out_size)
{
    struct mapping_reading *readings = arena_array(&rows->row_arena, form->register_count + 1, sizeof *readings);
    size_t count = 0;
    if (!readings || !status_is_ok(mapping_read(rows->mapping, form, raw, &rows->row_arena, readings, &count))) {
        import_rows_reason(rows, rows->csv.line, "", "out of memory");
        return NULL;
    }
    json_t *values = json_array();
    for (size_t i = 0; i < count; i++) {
        if (readings[i].problem) {
            import_rows_reason(rows, rows->csv.line, form->table->columns[readings[i].column].name, readings[i].problem);
            json_decref(values);
            return NULL;
        }
        json_array_append_new(values, json_pack("[i,o]", (int)readings[i].number, hex_json(readings[i].value, &rows->row_arena)));
        *out_size += readings[i].value.size * 2 + 16;
    }
    return values;
}

/* NULL if the row is left out. */
static json_t *row_json(struct import_rows *rows, const struct mapping_raw *raw, size_t *out_size)
{
    const struct mapping_table *table = rows->mapping->complaints->table;
    const struct mapping_form *form = NULL;
    struct scope_id scope;
    struct span key;
    const char *problem = NULL;
    if (mapping_form(table, raw, &form) != ROW_MAPPED || form->kind != FORM_COMPLAINT) {
        rows->filtered++;
        return NULL;
    }
    if (!status_is_ok(mapping_key(table, raw, &rows->row_arena, &key))) {
        import_rows_reason(rows, rows->csv.line, table->columns[table->key[0]].name, "the key is empty, too long or not UTF-8");
        return NULL;
    }
    if (!status_is_ok(mapping_scope(rows->mapping, raw, rows->scope, &scope, &problem))) {
        import_rows_reason(rows, rows->csv.line, "", problem);
        return NULL;
    }
    if (!scope_id_equal(scope, rows->scope)) {
        import_rows_reason(rows, rows->csv.line, "", "the row belongs to another region");
        return NULL;
    }
    json_t *identity = identity_json(form, raw);
    if (!identity) {
        import_rows_reason(rows, rows->csv.line, "", "an identity column is not UTF-8");
        return NULL;
    }
    json_t *values = values_json(rows, form, raw, out_size);
    if (!values) {
        json_decref(identity);
        return NULL;
    }
    *out_size += key.size + 64;
    return json_pack("{s:s%,s:o,s:o}", "key", (const char *)key.data, key.size, "identity", identity, "values", values);
}

static void row_take(struct import_rows *rows, const struct span *fields, json_t *batch, size_t *size)
{
    const struct mapping_table *table = rows->mapping->complaints->table;
    struct mapping_raw raw[LIMIT_COLUMNS];
    size_t row_size = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        struct span field = fields[rows->at[i]];
        raw[i] = (struct mapping_raw){.bytes = field, .null = field.size == 0};
    }
    json_t *row = row_json(rows, raw, &row_size);
    if (row && row_size > IMPORT_BATCH_BYTES) {
        import_rows_reason(rows, rows->csv.line, "", "the row is too large");
        json_decref(row);
    } else if (row) {
        json_object_set_new(row, "line", json_integer((json_int_t)rows->csv.line));
        json_array_append_new(batch, row);
        *size += row_size;
    }
}

struct status import_rows_next(struct import_rows *rows, json_t **out_batch)
{
    json_t *batch = json_array();
    size_t size = 0;
    while (!rows->ended && json_array_size(batch) < LIMIT_CAPTURE_ROWS && size < IMPORT_BATCH_BYTES / 2) {
        struct span fields[LIMIT_COLUMNS];
        struct fault fault = {0};
        size_t count = 0;
        struct status status = csv_next(&rows->csv, &rows->row_arena, fields, &count, &fault);
        if (status.code == STATUS_NOT_FOUND) {
            rows->ended = true;
        } else if (!status_is_ok(status)) {
            json_decref(batch);
            return csv_problem(rows, status, &fault);
        } else {
            rows->read++;
            row_take(rows, fields, batch, &size);
        }
        arena_clear(&rows->row_arena);
    }
    *out_batch = batch;
    return status_ok();
}

void import_rows_release(struct import_rows *rows)
{
    arena_release(&rows->row_arena);
}
