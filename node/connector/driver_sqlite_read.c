/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/driver_sqlite.h"

#include <stdio.h>

#include "proto/limits.h"

static struct status query_key(struct query *query, const struct mapping_table *table, struct span key,
                               struct arena *arena)
{
    struct span values[LIMIT_COLUMNS];
    TRY(mapping_key_split(table, key, arena, values));
    for (size_t i = 0; i < table->key_count; i++) {
        query_text(query, values[i]);
    }
    return status_ok();
}

/* ---- outbox ---- */

struct status driver_sqlite_outbox(struct driver *driver, size_t limit, struct arena *arena,
                                   struct legacy_event *out_events, size_t *out_count)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    struct query query;
    struct status status = status_ok();
    size_t count = 0;
    query_sql(&query, sqlite, sqlite->outbox_sql);
    query_int(&query, (int64_t)limit);
    for (size_t i = 0; i < driver->mapping->table_count; i++) {
        query_text(&query, span_text(sqlite->labels[i]));
    }
    while (status_is_ok(status) && count < limit && query_next(&query)) {
        struct legacy_event event = {.id = query_get_int(&query, 0), .op = (enum legacy_op)query_get_int(&query, 3)};
        struct span label = {0};
        status = query_get_bytes(&query, 1, arena, &label);
        event.table = sql_label_find(sqlite->labels, driver->mapping->table_count, label);
        if (status_is_ok(status)) {
            status = query_get_bytes(&query, 2, arena, &event.key);
        }
        if (event.op < LEGACY_INSERT || event.op > LEGACY_DELETE) {
            event.op = LEGACY_UPDATE; /* written by somebody else: only a hint to look */
        }
        out_events[count++] = event;
    }
    struct status end = query_end(&query);
    TRY(status);
    TRY(end);
    *out_count = count;
    return status_ok();
}

struct status driver_sqlite_outbox_count(struct driver *driver, uint64_t *out_count)
{
    struct query query;
    query_fixed(&query, sqlite_of(driver), STATEMENT_OUTBOX_COUNT);
    uint64_t count = query_next(&query) ? (uint64_t)query_get_int(&query, 0) : 0;
    TRY(query_end(&query));
    *out_count = count;
    return status_ok();
}

/* ---- keys ---- */

/* One page of key columns; `last` is where it ended, whether or not those rows have keys that can be said. */
struct page {
    struct span *keys;
    size_t count;
    size_t read;
    struct span last[LIMIT_COLUMNS];
};

static struct status page_row(struct driver_sqlite *sqlite, const struct mapping_table *mapped, struct query *query,
                              struct arena *arena, struct page *page)
{
    struct mapping_raw *raw = arena_array(&sqlite->scratch, mapped->column_count, sizeof *raw);
    if (!raw) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < mapped->key_count; i++) {
        TRY(query_get_raw(query, (int)i, &sqlite->scratch, &raw[mapped->key[i]]));
        page->last[i] = raw[mapped->key[i]].bytes;
    }
    page->read++;
    struct status status = mapping_key(mapped, raw, arena, &page->keys[page->count]);
    page->count += status_is_ok(status) ? 1 : 0;
    return status.code == STATUS_INVALID ? status_ok() : status;
}

static struct status page_read(struct driver_sqlite *sqlite, size_t table, bool from_start, size_t limit,
                               struct arena *arena, struct page *page)
{
    const struct mapping_table *mapped = &sqlite->driver.mapping->tables[table];
    struct query query;
    struct status status = status_ok();
    query_sql(&query, sqlite, from_start ? sqlite->tables[table].page_sql : sqlite->tables[table].page_after_sql);
    query_int(&query, (int64_t)limit);
    for (size_t i = 0; i < mapped->key_count && !from_start; i++) {
        query_text(&query, page->last[i]);
    }
    page->read = 0;
    while (status_is_ok(status) && page->count < limit && query_next(&query)) {
        status = page_row(sqlite, mapped, &query, arena, page);
    }
    struct status end = query_end(&query);
    return status_is_ok(status) ? end : status;
}

struct status driver_sqlite_page(struct driver *driver, size_t table, struct span after, size_t limit,
                                 struct arena *arena, struct span *out_keys, size_t *out_count)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    struct page page = {.keys = out_keys};
    bool from_start = after.size == 0;
    arena_clear(&sqlite->scratch);
    if (!from_start) {
        TRY(mapping_key_split(&driver->mapping->tables[table], after, &sqlite->scratch, page.last));
    }
    do { /* rows whose key cannot be said do not end the table */
        TRY(page_read(sqlite, table, from_start, limit, arena, &page));
        from_start = false;
    } while (page.count == 0 && page.read == limit);
    *out_count = page.count;
    return status_ok();
}

/* The highest row number: counting would read the whole table under a lock. */
struct status driver_sqlite_estimate(struct driver *driver, size_t table, uint64_t *out_rows)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    const char *sql = NULL;
    for (int attempt = 0; attempt < 2; attempt++) {
        struct buffer text;
        struct query query;
        arena_clear(&sqlite->scratch);
        buffer_init(&text, &sqlite->scratch);
        sql_add(&text, attempt == 0 ? "SELECT ifnull(max(r.rowid), 0) FROM " : "SELECT count(*) FROM ");
        sql_table(&text, &driver->mapping->tables[table]);
        sql_add(&text, " AS r");
        TRY(sql_end(&text, &sql));
        query_sql(&query, sqlite, sql);
        int64_t rows = query_next(&query) ? query_get_int(&query, 0) : 0;
        struct status status = query_end(&query);
        if (status_is_ok(status)) {
            *out_rows = rows > 0 ? (uint64_t)rows : 0;
            return status;
        }
        if (status.code != STATUS_INVALID || attempt == 1) { /* a table without row numbers */
            return status;
        }
    }
    return STATUS_MAKE(STATUS_INVALID);
}

static struct status row_is_there(struct driver_sqlite *sqlite, size_t table, struct span key, bool *out_there)
{
    struct query query;
    query_sql(&query, sqlite, sqlite->tables[table].probe_sql);
    struct status status = query_key(&query, &sqlite->driver.mapping->tables[table], key, &sqlite->scratch);
    bool there = status_is_ok(status) && query_next(&query);
    struct status end = query_end(&query);
    if (status.code == STATUS_INVALID) { /* a key of another mapping */
        there = false;
        status = status_ok();
    }
    TRY(status);
    TRY(end);
    *out_there = there;
    return status_ok();
}

static struct status shadow_keys(struct driver_sqlite *sqlite, size_t table, struct span after, struct span *out_keys,
                                 size_t *out_count)
{
    struct query query;
    struct status status = status_ok();
    size_t count = 0;
    query_fixed(&query, sqlite, STATEMENT_SHADOW_KEYS);
    query_int(&query, sqlite->driver.lane);
    query_text(&query, span_text(sqlite->labels[table]));
    query_text(&query, after);
    query_int(&query, LIMIT_CAPTURE_ROWS);
    while (status_is_ok(status) && count < LIMIT_CAPTURE_ROWS && query_next(&query)) {
        status = query_get_bytes(&query, 0, &sqlite->scratch, &out_keys[count++]);
    }
    struct status end = query_end(&query);
    TRY(status);
    TRY(end);
    *out_count = count;
    return status_ok();
}

/* In slices, so that a table without vanished rows is not read under one long lock. */
struct status driver_sqlite_orphans(struct driver *driver, size_t table, struct span after, size_t limit,
                                    struct arena *arena, struct span *out_keys, size_t *out_count)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    struct span slice[LIMIT_CAPTURE_ROWS];
    size_t slice_count = LIMIT_CAPTURE_ROWS;
    size_t count = 0;
    struct span at;
    TRY(arena_copy(arena, after, &at));
    while (count < limit && slice_count == LIMIT_CAPTURE_ROWS) {
        arena_clear(&sqlite->scratch);
        TRY(shadow_keys(sqlite, table, at, slice, &slice_count));
        for (size_t i = 0; i < slice_count && count < limit; i++) {
            bool there;
            TRY(row_is_there(sqlite, table, slice[i], &there));
            if (!there) {
                TRY(arena_copy(arena, slice[i], &out_keys[count++]));
            }
        }
        if (slice_count > 0) {
            TRY(arena_copy(arena, slice[slice_count - 1], &at));
        }
    }
    *out_count = count;
    return status_ok();
}

/* ---- shadows ---- */

/* tbl, key, version, state, record, part, identity, bytes. A damaged row is told as an empty shadow, which does not
 * decode. table SIZE_MAX: of a table that the mapping does not name any more. */
static struct status shadow_get(struct driver_sqlite *sqlite, struct query *query, struct arena *arena,
                                struct legacy_shadow *out_shadow)
{
    struct legacy_shadow shadow = {.version = (uint64_t)query_get_int(query, 2),
                                   .state = (uint32_t)query_get_int(query, 3)};
    struct span label;
    TRY(query_get_bytes(query, 0, &sqlite->scratch, &label));
    shadow.table = sql_label_find(sqlite->labels, sqlite->driver.mapping->table_count, label);
    shadow.table = shadow.table < sqlite->driver.mapping->table_count ? shadow.table : SIZE_MAX;
    TRY(query_get_bytes(query, 1, arena, &shadow.key));
    bool whole = query_get_fixed(query, 4, shadow.record.bytes, sizeof shadow.record.bytes) &&
                 query_get_fixed(query, 5, shadow.part.bytes, sizeof shadow.part.bytes) &&
                 query_get_fixed(query, 6, shadow.identity, sizeof shadow.identity);
    if (whole) {
        TRY(query_get_bytes(query, 7, arena, &shadow.bytes));
    } else {
        TRY(arena_copy(arena, (struct span){0}, &shadow.bytes));
    }
    *out_shadow = shadow;
    return status_ok();
}

static struct status shadows_get(struct driver_sqlite *sqlite, struct query *query, size_t limit, struct arena *arena,
                                 struct legacy_shadow *out_shadows, size_t *out_count)
{
    struct status status = status_ok();
    size_t count = 0;
    while (status_is_ok(status) && count < limit && query_next(query)) {
        status = shadow_get(sqlite, query, arena, &out_shadows[count]);
        count += status_is_ok(status) && out_shadows[count].table != SIZE_MAX ? 1 : 0;
    }
    struct status end = query_end(query);
    TRY(status);
    TRY(end);
    *out_count = count;
    return status_ok();
}

struct status driver_sqlite_shadows_of_record(struct driver *driver, struct record_id record, bool any_part,
                                              struct part_id part, size_t limit, struct arena *arena,
                                              struct legacy_shadow *out_shadows, size_t *out_count)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    struct query query;
    arena_clear(&sqlite->scratch);
    query_fixed(&query, sqlite, any_part ? STATEMENT_SHADOWS_RECORD : STATEMENT_SHADOWS_PART);
    query_int(&query, driver->lane);
    query_bytes(&query, record.bytes, sizeof record.bytes);
    if (!any_part) {
        query_bytes(&query, part.bytes, sizeof part.bytes);
    }
    query_int(&query, (int64_t)limit);
    return shadows_get(sqlite, &query, limit, arena, out_shadows, out_count);
}

struct status driver_sqlite_shadows_of_identity(struct driver *driver, size_t table, const uint8_t identity[16],
                                                size_t limit, struct arena *arena, struct legacy_shadow *out_shadows,
                                                size_t *out_count)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    struct query query;
    arena_clear(&sqlite->scratch);
    query_fixed(&query, sqlite, STATEMENT_SHADOWS_IDENTITY);
    query_int(&query, driver->lane);
    query_text(&query, span_text(sqlite->labels[table]));
    query_bytes(&query, identity, 16);
    query_int(&query, (int64_t)limit);
    return shadows_get(sqlite, &query, limit, arena, out_shadows, out_count);
}

/* ---- rows ---- */

static struct status row_columns(struct driver_sqlite *sqlite, size_t table, struct query *query, struct arena *arena,
                                 struct legacy_row *row)
{
    const struct mapping_table *mapped = &sqlite->driver.mapping->tables[table];
    struct mapping_raw *raw = arena_array(arena, mapped->column_count, sizeof *raw);
    struct span key;
    if (!raw) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < mapped->column_count; i++) {
        TRY(query_get_raw(query, (int)i, arena, &raw[i]));
    }
    /* Their idea of "equal" may be wider than ours (a collation without case). */
    row->there = status_is_ok(mapping_key(mapped, raw, &sqlite->scratch, &key)) && span_equal(key, row->key);
    row->raw = row->there ? raw : NULL;
    return status_ok();
}

static struct status row_get(struct driver_sqlite *sqlite, size_t table, struct arena *arena, struct legacy_row *row)
{
    struct sqlite_table *prepared = &sqlite->tables[table];
    struct query query;
    query_prepared(&query, sqlite, &prepared->row, prepared->row_sql);
    struct status status = query_key(&query, &sqlite->driver.mapping->tables[table], row->key, &sqlite->scratch);
    if (status_is_ok(status) && query_next(&query)) {
        status = row_columns(sqlite, table, &query, arena, row);
    }
    struct status end = query_end(&query);
    TRY(status.code == STATUS_INVALID ? status_ok() : status); /* a key that no row can have */
    return end;
}

static struct status row_shadow(struct driver_sqlite *sqlite, size_t table, struct arena *arena, struct legacy_row *row)
{
    struct query query;
    struct status status = status_ok();
    if (!sqlite->driver.installed) { /* a preview */
        return status;
    }
    query_fixed(&query, sqlite, STATEMENT_SHADOW_GET);
    query_int(&query, sqlite->driver.lane);
    query_text(&query, span_text(sqlite->labels[table]));
    query_text(&query, row->key);
    if (query_next(&query)) {
        status = shadow_get(sqlite, &query, arena, &row->shadow);
    }
    struct status end = query_end(&query);
    return status_is_ok(status) ? end : status;
}

struct status driver_sqlite_rows(struct driver *driver, size_t table, const struct span *keys, size_t count, bool lock,
                                 struct arena *arena, struct legacy_row *out_rows)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    bool alone = !sqlite->in_transaction; /* BEGIN IMMEDIATE keeps all others out: nothing more to lock */
    struct status status = status_ok();
    (void)lock;
    arena_clear(&sqlite->scratch);
    if (alone) {
        TRY(sqlite_exec(sqlite, "BEGIN"));
    }
    for (size_t i = 0; i < count && status_is_ok(status); i++) {
        out_rows[i] = (struct legacy_row){0};
        status = arena_copy(arena, keys[i], &out_rows[i].key);
        if (status_is_ok(status)) {
            status = row_get(sqlite, table, arena, &out_rows[i]);
        }
        if (status_is_ok(status)) {
            status = row_shadow(sqlite, table, arena, &out_rows[i]);
        }
    }
    if (alone) {
        sqlite3_exec(sqlite->db, "ROLLBACK", NULL, NULL, NULL); /* nothing was written */
    }
    return status;
}

struct status driver_sqlite_mark(struct driver *driver, const char *name, struct arena *arena, struct span *out_value)
{
    struct query query;
    struct span value = {0};
    query_fixed(&query, sqlite_of(driver), STATEMENT_MARK_GET);
    query_text(&query, span_text(name));
    bool there = query_next(&query);
    struct status status = there ? query_get_bytes(&query, 0, arena, &value) : STATUS_MAKE(STATUS_NOT_FOUND);
    struct status end = query_end(&query);
    TRY(end);
    TRY(status);
    *out_value = value;
    return status_ok();
}
