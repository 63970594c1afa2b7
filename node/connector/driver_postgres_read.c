/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/driver_postgres.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char SHADOWS_RECORD_SQL[] =
    "SELECT tbl, key, version, state::bigint, record, part, identity, bytes FROM simpul.shadow"
    " WHERE lane = $1 AND record = $2 AND ($3 OR part = $4) ORDER BY tbl, key LIMIT $5";
static const char SHADOWS_IDENTITY_SQL[] =
    "SELECT tbl, key, version, state::bigint, record, part, identity, bytes FROM simpul.shadow"
    " WHERE lane = $1 AND tbl = $2 AND identity = $3 ORDER BY key LIMIT $4";
static const char OUTBOX_SQL[] = "SELECT id, tbl, key, op::bigint FROM simpul.outbox ORDER BY id LIMIT $1";
/* Only where entries of tables that the mapping does not name stand in the way: it may read the whole outbox. */
static const char OUTBOX_MAPPED_SQL[] =
    "SELECT id, tbl, key, op::bigint FROM simpul.outbox WHERE tbl = ANY ($2) ORDER BY id LIMIT $1";
static const char OUTBOX_COUNT_SQL[] = "SELECT count(*) FROM (SELECT 1 FROM simpul.outbox LIMIT 10000) AS o";
static const char MARK_SQL[] = "SELECT value FROM simpul.mark WHERE name = $1";

static void begin_call(struct driver_postgres *postgres, struct parameters *parameters)
{
    arena_clear(&postgres->scratch);
    parameters_init(parameters, postgres);
}

struct status driver_postgres_column(struct driver *driver, size_t table, const char *column,
                                     struct legacy_column *out_column)
{
    const struct catalogue_column *found = catalogue_column(&postgres_of(driver)->catalogue, table, column);
    *out_column = found ? found->is : (struct legacy_column){.type = ""};
    return status_ok();
}

/* ---- outbox ---- */

/* out_foreign: there are entries of tables that the mapping does not name. */
static struct status outbox_take(struct driver_postgres *postgres, const PGresult *result, struct arena *arena,
                                 struct legacy_event *out_events, size_t *out_count, bool *out_foreign)
{
    size_t tables = postgres->driver.mapping->table_count;
    size_t count = 0;
    for (int row = 0; row < PQntuples(result); row++) {
        struct legacy_event event = {.id = result_int(result, row, 0), .op = (enum legacy_op)result_int(result, row, 3)};
        event.table = sql_label_find(postgres->labels, tables, result_span(result, row, 1));
        if (event.table == tables) {
            *out_foreign = true;
            continue;
        }
        TRY(result_copy(result, row, 2, arena, &event.key));
        if (event.op < LEGACY_INSERT || event.op > LEGACY_DELETE) {
            event.op = LEGACY_UPDATE; /* written by somebody else: only a hint to look */
        }
        out_events[count++] = event;
    }
    *out_count = count;
    return status_ok();
}

static struct status outbox_read(struct driver_postgres *postgres, bool mapped, size_t limit, struct arena *arena,
                                 struct legacy_event *out_events, size_t *out_count, bool *out_foreign)
{
    struct parameters parameters;
    struct array labels;
    PGresult *result = NULL;
    begin_call(postgres, &parameters);
    parameter_int(&parameters, (int64_t)limit);
    array_begin(&labels, postgres, ARRAY_TEXT);
    for (size_t i = 0; mapped && i < postgres->driver.mapping->table_count; i++) {
        array_add(&labels, postgres->labels[i], strlen(postgres->labels[i]));
    }
    if (mapped) {
        parameter_array(&parameters, &labels);
    }
    parameters.keep = !mapped;
    TRY(postgres_query(postgres, mapped ? OUTBOX_MAPPED_SQL : OUTBOX_SQL, &parameters, &result));
    struct status status = outbox_take(postgres, result, arena, out_events, out_count, out_foreign);
    PQclear(result);
    return status;
}

struct status driver_postgres_outbox(struct driver *driver, size_t limit, struct arena *arena,
                                     struct legacy_event *out_events, size_t *out_count)
{
    struct driver_postgres *postgres = postgres_of(driver);
    bool foreign = false;
    TRY(outbox_read(postgres, false, limit, arena, out_events, out_count, &foreign));
    if (foreign) {
        TRY(outbox_read(postgres, true, limit, arena, out_events, out_count, &foreign));
    }
    return *out_count > 0 ? postgres_awake(postgres) : status_ok(); /* busy: nobody need notify us */
}

struct status driver_postgres_outbox_count(struct driver *driver, uint64_t *out_count)
{
    struct driver_postgres *postgres = postgres_of(driver);
    struct parameters none;
    PGresult *result = NULL;
    begin_call(postgres, &none);
    TRY(postgres_query(postgres, OUTBOX_COUNT_SQL, &none, &result));
    *out_count = (uint64_t)result_int(result, 0, 0);
    PQclear(result);
    return status_ok();
}

/* ---- keys ---- */

struct page {
    struct span *keys;
    size_t count;
    size_t read;
    struct span last[LIMIT_COLUMNS];
};

static struct status page_take(struct driver_postgres *postgres, const struct mapping_table *mapped,
                               const PGresult *result, struct arena *arena, struct page *page)
{
    struct mapping_raw *raw = arena_array(&postgres->scratch, mapped->column_count, sizeof *raw);
    if (!raw) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    page->read = (size_t)PQntuples(result);
    for (int row = 0; row < (int)page->read; row++) {
        for (size_t i = 0; i < mapped->key_count; i++) {
            raw[mapped->key[i]].bytes = result_span(result, row, (int)i);
        }
        struct status status = mapping_key(mapped, raw, arena, &page->keys[page->count]);
        page->count += status_is_ok(status) ? 1 : 0;
        if (status.code != STATUS_INVALID) {
            TRY(status);
        }
    }
    for (size_t i = 0; i < mapped->key_count && page->read > 0; i++) {
        TRY(result_copy(result, (int)page->read - 1, (int)i, arena, &page->last[i]));
    }
    return status_ok();
}

static struct status page_read(struct driver_postgres *postgres, size_t table, bool from_start, size_t limit,
                               struct arena *arena, struct page *page)
{
    const struct mapping_table *mapped = &postgres->driver.mapping->tables[table];
    struct parameters parameters;
    PGresult *result = NULL;
    begin_call(postgres, &parameters);
    parameter_int(&parameters, (int64_t)limit);
    for (size_t i = 0; i < mapped->key_count && !from_start; i++) {
        parameter_text(&parameters, page->last[i]);
    }
    TRY(postgres_query(postgres, from_start ? postgres->tables[table].page_sql : postgres->tables[table].page_after_sql,
                       &parameters, &result));
    struct status status = page_take(postgres, mapped, result, arena, page);
    PQclear(result);
    return status;
}

struct status driver_postgres_page(struct driver *driver, size_t table, struct span after, size_t limit,
                                   struct arena *arena, struct span *out_keys, size_t *out_count)
{
    struct driver_postgres *postgres = postgres_of(driver);
    struct page page = {.keys = out_keys};
    bool from_start = after.size == 0;
    if (!from_start) {
        TRY(mapping_key_split(&driver->mapping->tables[table], after, arena, page.last));
    }
    do { /* rows whose key cannot be said do not end the table */
        TRY(page_read(postgres, table, from_start, limit, arena, &page));
        from_start = false;
    } while (page.count == 0 && page.read == limit);
    *out_count = page.count;
    return status_ok();
}

/* What the last VACUUM or ANALYZE knew; a table that never had one is counted up to a bound. */
struct status driver_postgres_estimate(struct driver *driver, size_t table, uint64_t *out_rows)
{
    struct driver_postgres *postgres = postgres_of(driver);
    struct parameters none;
    struct buffer sql;
    const char *text;
    PGresult *result = NULL;
    if (postgres->tables[table].estimate > 0) {
        *out_rows = (uint64_t)postgres->tables[table].estimate;
        return status_ok();
    }
    begin_call(postgres, &none);
    buffer_init(&sql, &postgres->scratch);
    sql_add(&sql, "SELECT count(*) FROM (SELECT 1 FROM ");
    sql_add(&sql, postgres->tables[table].name);
    sql_add(&sql, " LIMIT 200000) AS r");
    TRY(sql_end(&sql, &text));
    TRY(postgres_query(postgres, text, &none, &result));
    *out_rows = (uint64_t)result_int(result, 0, 0);
    PQclear(result);
    return status_ok();
}

struct status driver_postgres_orphans(struct driver *driver, size_t table, struct span after, size_t limit,
                                      struct arena *arena, struct span *out_keys, size_t *out_count)
{
    struct driver_postgres *postgres = postgres_of(driver);
    struct parameters parameters;
    PGresult *result = NULL;
    struct status status = status_ok();
    begin_call(postgres, &parameters);
    parameter_int(&parameters, driver->lane);
    parameter_text(&parameters, span_text(postgres->labels[table]));
    parameter_text(&parameters, after);
    parameter_int(&parameters, (int64_t)limit);
    TRY(postgres_query(postgres, postgres->tables[table].orphans_sql, &parameters, &result));
    size_t count = (size_t)PQntuples(result);
    for (size_t i = 0; i < count && status_is_ok(status); i++) {
        status = result_copy(result, (int)i, 0, arena, &out_keys[i]);
    }
    PQclear(result);
    TRY(status);
    *out_count = count;
    return status_ok();
}

/* ---- shadows ---- */

/* version, state, record, part, identity, bytes from `column` on. A damaged row is told as an empty shadow, which does
 * not decode. */
static struct status shadow_take(const PGresult *result, int row, int column, struct arena *arena,
                                 struct legacy_shadow *shadow)
{
    shadow->version = (uint64_t)result_int(result, row, column);
    shadow->state = (uint32_t)result_int(result, row, column + 1);
    bool whole = result_fixed(result, row, column + 2, shadow->record.bytes, sizeof shadow->record.bytes) &&
                 result_fixed(result, row, column + 3, shadow->part.bytes, sizeof shadow->part.bytes) &&
                 result_fixed(result, row, column + 4, shadow->identity, sizeof shadow->identity);
    return arena_copy(arena, whole ? result_span(result, row, column + 5) : (struct span){0}, &shadow->bytes);
}

static struct status shadows_take(struct driver_postgres *postgres, const PGresult *result, struct arena *arena,
                                  struct legacy_shadow *out_shadows, size_t *out_count)
{
    size_t tables = postgres->driver.mapping->table_count;
    size_t count = 0;
    for (int row = 0; row < PQntuples(result); row++) {
        struct legacy_shadow shadow = {.table = sql_label_find(postgres->labels, tables, result_span(result, row, 0))};
        if (shadow.table == tables) { /* left by a mapping that named this table */
            continue;
        }
        TRY(result_copy(result, row, 1, arena, &shadow.key));
        TRY(shadow_take(result, row, 2, arena, &shadow));
        out_shadows[count++] = shadow;
    }
    *out_count = count;
    return status_ok();
}

static struct status shadows_query(struct driver_postgres *postgres, const char *sql, const struct parameters *parameters,
                                   struct arena *arena, struct legacy_shadow *out_shadows, size_t *out_count)
{
    PGresult *result = NULL;
    TRY(postgres_query(postgres, sql, parameters, &result));
    struct status status = shadows_take(postgres, result, arena, out_shadows, out_count);
    PQclear(result);
    return status;
}

struct status driver_postgres_shadows_of_record(struct driver *driver, struct record_id record, bool any_part,
                                                struct part_id part, size_t limit, struct arena *arena,
                                                struct legacy_shadow *out_shadows, size_t *out_count)
{
    struct driver_postgres *postgres = postgres_of(driver);
    struct parameters parameters;
    begin_call(postgres, &parameters);
    parameter_int(&parameters, driver->lane);
    parameter_bytes(&parameters, record.bytes, sizeof record.bytes);
    parameter_any(&parameters, span_text(any_part ? "t" : "f"), false);
    parameter_bytes(&parameters, part.bytes, sizeof part.bytes);
    parameter_int(&parameters, (int64_t)limit);
    parameters.keep = true;
    return shadows_query(postgres, SHADOWS_RECORD_SQL, &parameters, arena, out_shadows, out_count);
}

struct status driver_postgres_shadows_of_identity(struct driver *driver, size_t table, const uint8_t identity[16],
                                                  size_t limit, struct arena *arena, struct legacy_shadow *out_shadows,
                                                  size_t *out_count)
{
    struct driver_postgres *postgres = postgres_of(driver);
    struct parameters parameters;
    begin_call(postgres, &parameters);
    parameter_int(&parameters, driver->lane);
    parameter_text(&parameters, span_text(postgres->labels[table]));
    parameter_bytes(&parameters, identity, 16);
    parameter_int(&parameters, (int64_t)limit);
    return shadows_query(postgres, SHADOWS_IDENTITY_SQL, &parameters, arena, out_shadows, out_count);
}

/* ---- rows ---- */

enum { ROW_COLUMNS_AT = 7 }; /* at, then the shadow's six */

static struct status row_take(struct driver_postgres *postgres, size_t table, const PGresult *result, int at,
                              struct arena *arena, struct legacy_row *row)
{
    const struct mapping_table *mapped = &postgres->driver.mapping->tables[table];
    struct mapping_raw *raw = arena_array(arena, mapped->column_count, sizeof *raw);
    struct span key;
    if (!raw) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (!PQgetisnull(result, at, 1)) {
        row->shadow.table = table;
        row->shadow.key = row->key;
        TRY(shadow_take(result, at, 1, arena, &row->shadow));
    }
    for (size_t i = 0; i < mapped->column_count; i++) {
        raw[i].null = PQgetisnull(result, at, ROW_COLUMNS_AT + (int)i) != 0;
        if (!raw[i].null) {
            TRY(result_copy(result, at, ROW_COLUMNS_AT + (int)i, arena, &raw[i].bytes));
        }
    }
    /* Their idea of "equal" may be wider than ours (text without case). */
    row->there = status_is_ok(mapping_key(mapped, raw, &postgres->scratch, &key)) && span_equal(key, row->key);
    row->raw = row->there ? raw : NULL;
    return status_ok();
}

/* A text that no whole number is, in a key that is one, would spoil the batch. */
static bool key_value_fits(const char *cast, struct span value)
{
    char text[24];
    char *end;
    bool big = strcmp(cast, "bigint") == 0;
    bool middle = strcmp(cast, "integer") == 0;
    if (!big && !middle && strcmp(cast, "smallint") != 0) {
        return true;
    }
    if (value.size == 0 || value.size >= sizeof text || (value.data[0] != '-' && !isdigit(value.data[0]))) {
        return false;
    }
    memcpy(text, value.data, value.size);
    text[value.size] = 0;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    long long most = big ? INT64_MAX : middle ? INT32_MAX : INT16_MAX;
    return errno == 0 && *end == 0 && number <= most && number >= -most;
}

struct batch {
    struct parameters parameters;
    struct array keys;
    struct array columns[LIMIT_COLUMNS];
    size_t *at; /* index of the row for each key sent */
    size_t count;
};

static struct status batch_add(struct driver_postgres *postgres, size_t table, struct span key, size_t at,
                               struct batch *batch)
{
    const struct mapping_table *mapped = &postgres->driver.mapping->tables[table];
    struct span values[LIMIT_COLUMNS];
    struct status status = mapping_key_split(mapped, key, &postgres->scratch, values);
    bool fits = status_is_ok(status);
    for (size_t i = 0; fits && i < mapped->key_count; i++) {
        const struct catalogue_column *column =
            catalogue_column(&postgres->catalogue, table, mapped->columns[mapped->key[i]].name);
        fits = !column || key_value_fits(column->cast, values[i]);
    }
    if (!fits) {
        return status.code == STATUS_NO_MEMORY ? status : status_ok();
    }
    array_add(&batch->keys, key.data, key.size);
    for (size_t i = 0; i < mapped->key_count; i++) {
        array_add(&batch->columns[i], values[i].data, values[i].size);
    }
    batch->at[batch->count++] = at;
    return status_ok();
}

static struct status batch_make(struct driver_postgres *postgres, size_t table, const struct span *keys, size_t count,
                                struct batch *batch)
{
    size_t columns = postgres->driver.mapping->tables[table].key_count;
    batch->count = 0;
    batch->at = arena_array(&postgres->scratch, count, sizeof *batch->at);
    if (!batch->at) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    array_begin(&batch->keys, postgres, ARRAY_TEXT);
    for (size_t i = 0; i < columns; i++) {
        array_begin(&batch->columns[i], postgres, ARRAY_TEXT);
    }
    for (size_t i = 0; i < count; i++) {
        TRY(batch_add(postgres, table, keys[i], i, batch));
    }
    parameter_array(&batch->parameters, &batch->keys);
    for (size_t i = 0; i < columns; i++) {
        parameter_array(&batch->parameters, &batch->columns[i]);
    }
    return status_ok();
}

static struct status batch_read(struct driver_postgres *postgres, size_t table, struct batch *batch, struct arena *arena,
                                struct legacy_row *out_rows)
{
    PGresult *result = NULL;
    struct status status = status_ok();
    parameter_int(&batch->parameters, postgres->driver.lane);
    parameter_text(&batch->parameters, span_text(postgres->labels[table]));
    batch->parameters.keep = true;
    TRY(postgres_query(postgres, postgres->tables[table].rows_sql, &batch->parameters, &result));
    for (int i = 0; i < PQntuples(result) && status_is_ok(status); i++) {
        size_t at = (size_t)result_int(result, i, 0) - 1;
        if (at < batch->count) {
            status = row_take(postgres, table, result, i, arena, &out_rows[batch->at[at]]);
        }
    }
    PQclear(result);
    return status;
}

static struct status rows_read(struct driver_postgres *postgres, size_t table, const struct span *keys, size_t count,
                               bool lock, struct arena *arena, struct legacy_row *out_rows)
{
    struct batch batch;
    size_t locked;
    begin_call(postgres, &batch.parameters);
    for (size_t i = 0; i < count; i++) {
        out_rows[i] = (struct legacy_row){0};
        TRY(arena_copy(arena, keys[i], &out_rows[i].key));
    }
    TRY(batch_make(postgres, table, keys, count, &batch));
    if (batch.count == 0) {
        return status_ok();
    }
    if (lock) {
        TRY(postgres_run(postgres, postgres->tables[table].lock_sql, &batch.parameters, &locked));
    }
    return batch_read(postgres, table, &batch, arena, out_rows);
}

struct status driver_postgres_rows(struct driver *driver, size_t table, const struct span *keys, size_t count, bool lock,
                                   struct arena *arena, struct legacy_row *out_rows)
{
    struct driver_postgres *postgres = postgres_of(driver);
    struct status status = rows_read(postgres, table, keys, count, lock, arena, out_rows);
    /* One key that its column's type refuses (a date that is none) must not keep the others back. */
    if (status.code != STATUS_INVALID || postgres->in_transaction || !strstr(driver->problem, "SQLSTATE 22")) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        status = rows_read(postgres, table, &keys[i], 1, false, arena, &out_rows[i]);
        if (status.code == STATUS_INVALID && strstr(driver->problem, "SQLSTATE 22")) {
            out_rows[i] = (struct legacy_row){0};
            status = arena_copy(arena, keys[i], &out_rows[i].key);
        }
        TRY(status);
    }
    return status_ok();
}

struct status driver_postgres_mark(struct driver *driver, const char *name, struct arena *arena, struct span *out_value)
{
    struct driver_postgres *postgres = postgres_of(driver);
    struct parameters parameters;
    PGresult *result = NULL;
    begin_call(postgres, &parameters);
    parameter_text(&parameters, span_text(name));
    TRY(postgres_query(postgres, MARK_SQL, &parameters, &result));
    struct status status = STATUS_MAKE(STATUS_NOT_FOUND);
    if (PQntuples(result) == 1) {
        status = result_copy(result, 0, 0, arena, out_value);
    }
    PQclear(result);
    return status;
}
