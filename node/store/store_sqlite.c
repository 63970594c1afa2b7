/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <sys/stat.h>

#include "node/base/files.h"
#include "node/store/sqlite_parts.h"
#include "proto/limits.h"

/* The calls of the contract over one open connection. Opening stands in sqlite_open.c, records in sqlite_records.c. */

static const char *const table_sql[QUERY_TABLE_COUNT] = {
    [QUERY_GET] = "SELECT value FROM %s WHERE key = ?1",
    [QUERY_PUT] = "INSERT INTO %s (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
    [QUERY_REMOVE] = "DELETE FROM %s WHERE key = ?1",
    [QUERY_SCAN_UP] = "SELECT key, value FROM %s WHERE key >= ?1 ORDER BY key LIMIT ?2",
    [QUERY_SCAN_UP_END] = "SELECT key, value FROM %s WHERE key >= ?1 AND key < ?3 ORDER BY key LIMIT ?2",
    [QUERY_SCAN_DOWN] = "SELECT key, value FROM %s WHERE key >= ?1 ORDER BY key DESC LIMIT ?2",
    [QUERY_SCAN_DOWN_END] = "SELECT key, value FROM %s WHERE key >= ?1 AND key < ?3 ORDER BY key DESC LIMIT ?2",
};

static const char *const plain_sql[QUERY_PLAIN_COUNT] = {
    [QUERY_BEGIN] = "BEGIN IMMEDIATE",      [QUERY_COMMIT] = "COMMIT",
    [QUERY_ROLLBACK] = "ROLLBACK",          [QUERY_MARK] = "SAVEPOINT mark",
    [QUERY_MARK_UNDO] = "ROLLBACK TO mark", [QUERY_MARK_END] = "RELEASE mark",
};

struct sqlite_store *sqlite_store_of(struct store *store)
{
    assert(store->ops == &sqlite_ops);
    return (struct sqlite_store *)store;
}

static struct status failed(struct sqlite_store *s, enum status_code code, const char *problem, bool fatal)
{
    s->problem = problem;
    s->dead = s->dead || fatal;
    return STATUS_MAKE(code);
}

struct status sqlite_result(struct sqlite_store *s, int rc)
{
    int primary = rc & 0xff;
    if (primary == SQLITE_OK || primary == SQLITE_ROW || primary == SQLITE_DONE) {
        return status_ok();
    }
    s->failure = primary;
    if (s->open && s->db && sqlite3_get_autocommit(s->db)) {
        s->lost = true;
        s->spoilt = true;
    }
    if (rc == SQLITE_IOERR_NOMEM) {
        return failed(s, STATUS_NO_MEMORY, "out of memory", false);
    }
    switch (primary) {
    case SQLITE_NOMEM:
        return failed(s, STATUS_NO_MEMORY, "out of memory", false);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return failed(s, STATUS_BUSY, "in use by another process", false);
    case SQLITE_FULL:
        return failed(s, STATUS_IO, "disk full", false);
    case SQLITE_TOOBIG:
        return failed(s, STATUS_LIMIT, "value too large", false);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return failed(s, STATUS_IO, "file damaged", true);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return failed(s, STATUS_IO, "no right to write, or no file handle left", false);
    case SQLITE_IOERR:
        return failed(s, STATUS_IO, "disk failed: open the store anew", true);
    default:
        return failed(s, STATUS_IO, "unexpected failure of SQLite", true);
    }
}

struct status sqlite_query(struct sqlite_store *s, sqlite3_stmt **cached, const char *sql, sqlite3_stmt **out_query)
{
    if (!*cached) {
        TRY(sqlite_result(s, sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, cached, NULL)));
    }
    *out_query = *cached;
    return status_ok();
}

static struct status table_query(struct sqlite_store *s, enum store_table table, enum table_query kind,
                                 sqlite3_stmt **out_query)
{
    assert((size_t)table < STORE_TABLE_COUNT);
    sqlite3_stmt **cached = &s->table_queries[table][kind];
    if (*cached) {
        *out_query = *cached;
        return status_ok();
    }
    char sql[256];
    char *text = sqlite3_snprintf(sizeof sql, sql, table_sql[kind], sqlite_table_name(table));
    return sqlite_query(s, cached, text, out_query);
}

struct status sqlite_run(struct sqlite_store *s, sqlite3_stmt *query)
{
    struct status status = sqlite_result(s, sqlite3_step(query));
    sqlite3_reset(query);
    return status;
}

static struct status plain_run(struct sqlite_store *s, enum plain_query kind)
{
    sqlite3_stmt *query = NULL;
    TRY(sqlite_query(s, &s->plain_queries[kind], plain_sql[kind], &query));
    return sqlite_run(s, query);
}

int sqlite_bind_span(sqlite3_stmt *query, int index, struct span bytes)
{
    return bytes.size > 0 ? sqlite3_bind_blob64(query, index, bytes.data, bytes.size, SQLITE_STATIC)
                          : sqlite3_bind_zeroblob(query, index, 0); /* a NULL pointer would be a NULL value */
}

struct status sqlite_column_span(sqlite3_stmt *query, int column, struct arena *arena, struct span *out_bytes)
{
    const void *data = sqlite3_column_blob(query, column);
    size_t size = (size_t)sqlite3_column_bytes(query, column);
    uint8_t *copy = data || size == 0 ? arena_alloc(arena, size) : NULL;
    if (!copy) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    *out_bytes = span_of(copy, size);
    return status_ok();
}

struct status sqlite_inside(struct sqlite_store *s)
{
    assert(s->open || s->dead);
    return s->dead || s->lost ? STATUS_MAKE(STATUS_IO) : status_ok();
}

struct status sqlite_wrote(struct sqlite_store *s, struct status status)
{
    if (!status_is_ok(status)) {
        s->spoilt = true;
    }
    return status;
}

static struct status op_begin(struct store *store)
{
    struct sqlite_store *s = sqlite_store_of(store);
    assert(!s->open);
    if (s->dead) {
        return STATUS_MAKE(STATUS_IO);
    }
    TRY(plain_run(s, QUERY_BEGIN));
    s->open = true;
    return status_ok();
}

static void op_rollback(struct store *store)
{
    struct sqlite_store *s = sqlite_store_of(store);
    if (s->lost) {
        sqlite_records_forget(s);
    }
    if (!sqlite3_get_autocommit(s->db)) {
        sqlite_records_forget(s);
        const char *problem = s->problem;
        int rc = sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
        if (rc != SQLITE_OK && !sqlite3_get_autocommit(s->db)) {
            s->dead = true;
        }
        s->problem = problem;
    }
    s->open = false;
    s->marked = false;
    s->spoilt = false;
    s->lost = false;
}

/* A full disk is noticed before the commit frame is whole, so nothing was done. Any other failure may come after it: a
 * failed sync leaves bytes that the next opening may find or not. */
static struct status op_commit(struct store *store)
{
    struct sqlite_store *s = sqlite_store_of(store);
    assert(s->open || s->dead);
    if (s->spoilt || s->dead || s->lost) {
        op_rollback(store);
        return STATUS_MAKE(STATUS_IO);
    }
    struct status status = plain_run(s, QUERY_COMMIT);
    bool nothing_done = s->failure == SQLITE_FULL || s->failure == SQLITE_BUSY;
    op_rollback(store);
    if (status_is_ok(status)) {
        return status;
    }
    if (nothing_done) {
        return STATUS_MAKE(STATUS_IO);
    }
    s->dead = true;
    return STATUS_MAKE(STATUS_UNKNOWN);
}

static struct status op_savepoint(struct store *store)
{
    struct sqlite_store *s = sqlite_store_of(store);
    TRY(sqlite_inside(s));
    assert(!s->marked);
    if (s->spoilt) {
        return STATUS_MAKE(STATUS_IO);
    }
    TRY(plain_run(s, QUERY_MARK));
    s->marked = true;
    return status_ok();
}

static struct status op_savepoint_undo(struct store *store)
{
    struct sqlite_store *s = sqlite_store_of(store);
    TRY(sqlite_wrote(s, sqlite_inside(s)));
    assert(s->marked);
    sqlite_records_forget(s);
    TRY(sqlite_wrote(s, plain_run(s, QUERY_MARK_UNDO)));
    TRY(sqlite_wrote(s, plain_run(s, QUERY_MARK_END)));
    s->marked = false;
    s->spoilt = false;
    return status_ok();
}

static struct status op_savepoint_keep(struct store *store)
{
    struct sqlite_store *s = sqlite_store_of(store);
    TRY(sqlite_wrote(s, sqlite_inside(s)));
    assert(s->marked);
    TRY(sqlite_wrote(s, plain_run(s, QUERY_MARK_END)));
    s->marked = false;
    return status_ok();
}

static struct status get_one(struct sqlite_store *s, sqlite3_stmt *query, struct span key, struct arena *arena,
                             struct span *out_value)
{
    int rc = sqlite_bind_span(query, 1, key);
    rc = rc ? rc : sqlite3_step(query);
    struct status status = sqlite_result(s, rc);
    *out_value = (struct span){0};
    if (rc == SQLITE_ROW) {
        status = sqlite_column_span(query, 0, arena, out_value);
    }
    sqlite3_reset(query);
    return status;
}

static struct status op_get(struct store *store, enum store_table table, const struct span *keys, size_t count,
                            struct arena *arena, struct span *out_values)
{
    struct sqlite_store *s = sqlite_store_of(store);
    sqlite3_stmt *query = NULL;
    TRY(sqlite_inside(s));
    TRY(table_query(s, table, QUERY_GET, &query));
    for (size_t i = 0; i < count; i++) {
        TRY(get_one(s, query, keys[i], arena, &out_values[i]));
    }
    return status_ok();
}

static bool pair_fits(const struct pair *pair)
{
    return pair->key.size > 0 && pair->key.size <= LIMIT_STORE_KEY && pair->value.size <= LIMIT_RECORD_SIZE;
}

static struct status put_one(struct sqlite_store *s, sqlite3_stmt *query, const struct pair *pair)
{
    int rc = sqlite_bind_span(query, 1, pair->key);
    rc = rc ? rc : sqlite_bind_span(query, 2, pair->value);
    return rc ? sqlite_result(s, rc) : sqlite_run(s, query);
}

static struct status op_put(struct store *store, enum store_table table, const struct pair *pairs, size_t count)
{
    struct sqlite_store *s = sqlite_store_of(store);
    sqlite3_stmt *query = NULL;
    TRY(sqlite_wrote(s, sqlite_inside(s)));
    for (size_t i = 0; i < count; i++) {
        if (!pair_fits(&pairs[i])) {
            return STATUS_MAKE(STATUS_LIMIT);
        }
    }
    TRY(sqlite_wrote(s, table_query(s, table, QUERY_PUT, &query)));
    for (size_t i = 0; i < count; i++) {
        TRY(sqlite_wrote(s, put_one(s, query, &pairs[i])));
    }
    return status_ok();
}

static struct status op_remove(struct store *store, enum store_table table, const struct span *keys, size_t count)
{
    struct sqlite_store *s = sqlite_store_of(store);
    sqlite3_stmt *query = NULL;
    TRY(sqlite_wrote(s, sqlite_inside(s)));
    TRY(sqlite_wrote(s, table_query(s, table, QUERY_REMOVE, &query)));
    for (size_t i = 0; i < count; i++) {
        int rc = sqlite_bind_span(query, 1, keys[i]);
        TRY(sqlite_wrote(s, rc ? sqlite_result(s, rc) : sqlite_run(s, query)));
    }
    return status_ok();
}

static struct status scan_read(struct sqlite_store *s, sqlite3_stmt *query, size_t bytes_max, struct arena *arena,
                               struct pair *out_pairs, size_t *out_count)
{
    size_t count = 0;
    size_t bytes = 0;
    int rc;
    while ((rc = sqlite3_step(query)) == SQLITE_ROW) {
        size_t size = (size_t)sqlite3_column_bytes(query, 1);
        if (count > 0 && (bytes > bytes_max || size > bytes_max - bytes)) {
            break;
        }
        bytes += size;
        TRY(sqlite_column_span(query, 0, arena, &out_pairs[count].key));
        TRY(sqlite_column_span(query, 1, arena, &out_pairs[count].value));
        count++;
    }
    TRY(sqlite_result(s, rc));
    *out_count = count;
    return status_ok();
}

static struct status op_scan(struct store *store, enum store_table table, struct span from, struct span end,
                             bool descending, size_t limit, size_t bytes_max, struct arena *arena,
                             struct pair *out_pairs, size_t *out_count)
{
    struct sqlite_store *s = sqlite_store_of(store);
    sqlite3_stmt *query = NULL;
    enum table_query up = end.size > 0 ? QUERY_SCAN_UP_END : QUERY_SCAN_UP;
    enum table_query down = end.size > 0 ? QUERY_SCAN_DOWN_END : QUERY_SCAN_DOWN;
    TRY(sqlite_inside(s));
    TRY(table_query(s, table, descending ? down : up, &query));
    int rc = sqlite_bind_span(query, 1, from);
    rc = rc ? rc : sqlite3_bind_int64(query, 2, limit < LIMIT_SCAN_COUNT ? (sqlite3_int64)limit : LIMIT_SCAN_COUNT);
    rc = rc == SQLITE_OK && end.size > 0 ? sqlite_bind_span(query, 3, end) : rc;
    TRY(sqlite_result(s, rc));
    struct status status = scan_read(s, query, bytes_max, arena, out_pairs, out_count);
    sqlite3_reset(query);
    return status;
}

static uint64_t file_size(const char *path, const char *suffix)
{
    char name[PATH_MAX + 8];
    struct stat info;
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return stat(name, &info) == 0 && info.st_size > 0 ? (uint64_t)info.st_size : 0;
}

static struct status op_size(struct store *store, uint64_t *out_bytes)
{
    struct sqlite_store *s = sqlite_store_of(store);
    *out_bytes = file_size(s->path, "") + file_size(s->path, "-wal");
    return status_ok();
}

static void queries_release(sqlite3_stmt **queries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sqlite3_finalize(queries[i]);
        queries[i] = NULL;
    }
}

static void op_free(struct store *store)
{
    struct sqlite_store *s = sqlite_store_of(store);
    for (size_t table = 0; table < STORE_TABLE_COUNT; table++) {
        queries_release(s->table_queries[table], QUERY_TABLE_COUNT);
    }
    queries_release(s->plain_queries, QUERY_PLAIN_COUNT);
    queries_release(s->list_queries, QUERY_LIST_COUNT);
    int rc = sqlite3_close(s->db);
    assert(rc == SQLITE_OK); /* BUSY would mean a statement that we forgot */
    struct memory memory = s->memory;
    memory.release(memory.owner, s);
}

const struct store_ops sqlite_ops = {
    .begin = op_begin,
    .commit = op_commit,
    .rollback = op_rollback,
    .savepoint = op_savepoint,
    .savepoint_undo = op_savepoint_undo,
    .savepoint_keep = op_savepoint_keep,
    .get = op_get,
    .put = op_put,
    .remove = op_remove,
    .scan = op_scan,
    .records_load = sqlite_records_load,
    .records_save = sqlite_records_save,
    .records_list = sqlite_records_list,
    .records_count = sqlite_records_count,
    .size = op_size,
    .free = op_free,
};

const char *store_sqlite_problem(const struct store *store)
{
    assert(store->ops == &sqlite_ops);
    const char *problem = ((const struct sqlite_store *)store)->problem;
    return problem ? problem : "";
}

bool store_sqlite_dead(const struct store *store)
{
    assert(store->ops == &sqlite_ops);
    return ((const struct sqlite_store *)store)->dead;
}
