/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/driver_sqlite.h"

#include <assert.h>
#include <stdio.h>
#include <strings.h>

#include "proto/limits.h"

/* ---- transactions ---- */

struct status driver_sqlite_begin(struct driver *driver)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    struct query query;
    assert(!sqlite->in_transaction);
    TRY(sqlite_exec(sqlite, "BEGIN IMMEDIATE"));
    sqlite->in_transaction = true;
    query_fixed(&query, sqlite, STATEMENT_SESSION_BEGIN);
    struct status status = query_run(&query);
    if (!status_is_ok(status)) {
        driver_sqlite_rollback(driver);
    }
    return status;
}

struct status driver_sqlite_commit(struct driver *driver)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    struct query query;
    assert(sqlite->in_transaction);
    query_fixed(&query, sqlite, STATEMENT_SESSION_END);
    TRY(query_run(&query));
    sqlite3_busy_timeout(sqlite->db, SQLITE_DRIVER_COMMIT_MS);
    struct status status = sqlite_exec(sqlite, "COMMIT");
    sqlite3_busy_timeout(sqlite->db, SQLITE_DRIVER_LOCK_MS);
    if (status_is_ok(status)) {
        sqlite->in_transaction = false;
    }
    return status.code == STATUS_IO ? STATUS_MAKE(STATUS_UNKNOWN) : status;
}

void driver_sqlite_rollback(struct driver *driver)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    if (sqlite->in_transaction && !sqlite3_get_autocommit(sqlite->db)) {
        sqlite3_exec(sqlite->db, "ROLLBACK", NULL, NULL, NULL);
    }
    sqlite->in_transaction = false;
}

/* ---- our own tables ---- */

struct status driver_sqlite_outbox_remove(struct driver *driver, const int64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct query query;
        query_fixed(&query, sqlite_of(driver), STATEMENT_OUTBOX_REMOVE);
        query_int(&query, ids[i]);
        TRY(query_run(&query));
    }
    return status_ok();
}

static void query_shadow_key(struct query *query, struct driver_sqlite *sqlite, enum sqlite_statement which, size_t table,
                             struct span key, uint64_t version)
{
    query_fixed(query, sqlite, which);
    query_int(query, sqlite->driver.lane);
    query_text(query, span_text(sqlite->labels[table]));
    query_text(query, key);
    query_int(query, (int64_t)version);
}

static struct status shadow_store(struct driver_sqlite *sqlite, const struct legacy_shadow *shadow, bool *out_stored)
{
    struct query query;
    if (shadow->table >= sqlite->driver.mapping->table_count) { /* left by a mapping that named this table */
        *out_stored = false;
        return status_ok();
    }
    query_shadow_key(&query, sqlite, shadow->version == 1 ? STATEMENT_SHADOW_INSERT : STATEMENT_SHADOW_UPDATE,
                     shadow->table, shadow->key, shadow->version);
    query_int(&query, shadow->state);
    query_bytes(&query, shadow->record.bytes, sizeof shadow->record.bytes);
    query_bytes(&query, shadow->part.bytes, sizeof shadow->part.bytes);
    query_bytes(&query, shadow->identity, sizeof shadow->identity);
    query_bytes(&query, shadow->bytes.data, shadow->bytes.size);
    TRY(query_run(&query));
    *out_stored = sqlite3_changes(sqlite->db) == 1;
    return status_ok();
}

struct status driver_sqlite_shadows_store(struct driver *driver, const struct legacy_shadow *shadows, size_t count,
                                          bool *out_stored)
{
    for (size_t i = 0; i < count; i++) {
        TRY(shadow_store(sqlite_of(driver), &shadows[i], &out_stored[i]));
    }
    return status_ok();
}

static struct status changed_one(struct driver_sqlite *sqlite, struct query *query)
{
    TRY(query_run(query));
    return sqlite3_changes(sqlite->db) == 1 ? status_ok() : STATUS_MAKE(STATUS_STALE);
}

struct status driver_sqlite_shadow_remove(struct driver *driver, size_t table, struct span key, uint64_t version)
{
    struct query query;
    query_shadow_key(&query, sqlite_of(driver), STATEMENT_SHADOW_REMOVE, table, key, version);
    return changed_one(sqlite_of(driver), &query);
}

struct status driver_sqlite_shadow_move(struct driver *driver, size_t table, struct span key, uint64_t version,
                                        struct span new_key)
{
    struct query query;
    query_shadow_key(&query, sqlite_of(driver), STATEMENT_SHADOW_MOVE, table, key, version);
    query_text(&query, new_key);
    return changed_one(sqlite_of(driver), &query);
}

struct status driver_sqlite_mark_set(struct driver *driver, const char *name, struct span value)
{
    struct query query;
    query_fixed(&query, sqlite_of(driver), STATEMENT_MARK_SET);
    query_text(&query, span_text(name));
    query_bytes(&query, value.data, value.size);
    return query_run(&query);
}

struct status driver_sqlite_mark_swap(struct driver *driver, const char *name, struct span known, struct span value)
{
    struct query query;
    query_fixed(&query, sqlite_of(driver), known.size > 0 ? STATEMENT_MARK_SWAP : STATEMENT_MARK_ADD);
    query_text(&query, span_text(name));
    query_bytes(&query, value.data, value.size);
    if (known.size > 0) {
        query_bytes(&query, known.data, known.size);
    }
    return changed_one(sqlite_of(driver), &query);
}

/* ---- their tables ---- */

static void query_raw(struct query *query, const struct mapping_raw *raw)
{
    if (raw->null) {
        query_null(query);
    } else {
        query_text(query, raw->bytes);
    }
}

static struct status update_sql(struct driver_sqlite *sqlite, size_t table, const struct mapping_cell *cells, size_t count,
                                const char **out_sql)
{
    const struct mapping_table *mapped = &sqlite->driver.mapping->tables[table];
    struct buffer sql;
    buffer_init(&sql, &sqlite->scratch);
    sql_add(&sql, "UPDATE ");
    sql_table(&sql, mapped);
    sql_add(&sql, " AS r SET ");
    for (size_t i = 0; i < count; i++) {
        sql_add(&sql, i > 0 ? ", " : "");
        sql_name(&sql, mapped->columns[cells[i].column].name);
        sql_add(&sql, " = ?");
    }
    sql_add(&sql, sqlite->tables[table].key_sql);
    return sql_end(&sql, out_sql);
}

struct status driver_sqlite_update(struct driver *driver, size_t table, struct span key, const struct mapping_cell *cells,
                                   size_t count)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    const struct mapping_table *mapped = &driver->mapping->tables[table];
    struct span values[LIMIT_COLUMNS];
    const char *sql;
    struct query query;
    if (count == 0) {
        return status_ok();
    }
    arena_clear(&sqlite->scratch);
    TRY(mapping_key_split(mapped, key, &sqlite->scratch, values));
    TRY(update_sql(sqlite, table, cells, count, &sql));
    query_sql(&query, sqlite, sql);
    for (size_t i = 0; i < count; i++) {
        query_raw(&query, &cells[i].raw);
    }
    for (size_t i = 0; i < mapped->key_count; i++) {
        query_text(&query, values[i]);
    }
    TRY(query_run(&query));
    int changed = sqlite3_changes(sqlite->db);
    if (changed > 1) {
        snprintf(driver->problem, sizeof driver->problem,
                 "the key of table \"%s\" is not unique: %d rows have the same one; name other key columns", mapped->name,
                 changed);
        return STATUS_MAKE(STATUS_INVALID);
    }
    return changed == 1 ? status_ok() : STATUS_MAKE(STATUS_NOT_FOUND);
}

static bool cells_have(const struct mapping_table *mapped, const struct mapping_cell *cells, size_t count,
                       const char *column)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(mapped->columns[cells[i].column].name, column) == 0) {
            return true;
        }
    }
    return false;
}

/* INSERT INTO t (cells and other fills) VALUES (...) RETURNING key columns */
static struct status insert_sql(struct driver_sqlite *sqlite, const struct mapping_table *mapped,
                                const struct mapping_cell *cells, size_t cell_count, const struct mapping_fill *fills,
                                size_t fill_count, const char **out_sql)
{
    struct buffer sql;
    size_t columns = 0;
    buffer_init(&sql, &sqlite->scratch);
    sql_add(&sql, "INSERT INTO ");
    sql_table(&sql, mapped);
    for (size_t i = 0; i < cell_count; i++) {
        sql_add(&sql, columns++ > 0 ? ", " : " (");
        sql_name(&sql, mapped->columns[cells[i].column].name);
    }
    for (size_t i = 0; i < fill_count; i++) {
        if (!cells_have(mapped, cells, cell_count, fills[i].column)) {
            sql_add(&sql, columns++ > 0 ? ", " : " (");
            sql_name(&sql, fills[i].column);
        }
    }
    sql_add(&sql, columns > 0 ? ") VALUES (" : " DEFAULT VALUES");
    for (size_t i = 0; i < columns; i++) {
        sql_add(&sql, i > 0 ? ", ?" : "?");
    }
    sql_add(&sql, columns > 0 ? ") RETURNING " : " RETURNING ");
    for (size_t i = 0; i < mapped->key_count; i++) {
        sql_add(&sql, i > 0 ? ", " : "");
        sql_name(&sql, mapped->name);
        sql_add(&sql, ".");
        sql_name(&sql, mapped->columns[mapped->key[i]].name);
    }
    return sql_end(&sql, out_sql);
}

struct status driver_sqlite_insert(struct driver *driver, size_t table, const struct mapping_cell *cells,
                                   size_t cell_count, const struct mapping_fill *fills, size_t fill_count,
                                   struct arena *arena, struct span *out_key)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    const struct mapping_table *mapped = &driver->mapping->tables[table];
    const char *sql;
    struct query query;
    struct status status = status_ok();
    arena_clear(&sqlite->scratch);
    struct mapping_raw *raw = arena_array(&sqlite->scratch, mapped->column_count, sizeof *raw);
    if (!raw) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(insert_sql(sqlite, mapped, cells, cell_count, fills, fill_count, &sql));
    query_sql(&query, sqlite, sql);
    for (size_t i = 0; i < cell_count; i++) {
        query_raw(&query, &cells[i].raw);
    }
    for (size_t i = 0; i < fill_count; i++) {
        if (!cells_have(mapped, cells, cell_count, fills[i].column)) {
            query_raw(&query, &fills[i].raw);
        }
    }
    if (query_next(&query)) {
        for (size_t i = 0; i < mapped->key_count && status_is_ok(status); i++) {
            status = query_get_raw(&query, (int)i, &sqlite->scratch, &raw[mapped->key[i]]);
        }
    }
    struct status end = query_run(&query);
    TRY(status);
    TRY(end);
    status = mapping_key(mapped, raw, arena, out_key);
    if (status.code == STATUS_INVALID) {
        snprintf(driver->problem, sizeof driver->problem,
                 "a new row of table \"%s\" got no key: give it one with insert: key: in the mapping", mapped->name);
    }
    return status;
}
