/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/driver_sqlite.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/base/clock.h"
#include "node/base/heap.h"

/* Opening, waiting, and one statement on its way. */

#define POLL_MS_DEFAULT 150

static const char *const STATEMENTS[STATEMENT_COUNT] = {
    [STATEMENT_OUTBOX_COUNT] = "SELECT count(*) FROM (SELECT 1 FROM simpul_outbox LIMIT 10000)",
    [STATEMENT_OUTBOX_REMOVE] = "DELETE FROM simpul_outbox WHERE id = ?1",
    [STATEMENT_SHADOW_GET] = "SELECT tbl, key, version, state, record, part, identity, bytes FROM simpul_shadow"
                             " WHERE lane = ?1 AND tbl = ?2 AND key = ?3",
    [STATEMENT_SHADOW_INSERT] =
        "INSERT INTO simpul_shadow (lane, tbl, key, version, state, record, part, identity, bytes)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
    [STATEMENT_SHADOW_UPDATE] =
        "UPDATE simpul_shadow SET version = ?4, state = ?5, record = ?6, part = ?7, identity = ?8, bytes = ?9"
        " WHERE lane = ?1 AND tbl = ?2 AND key = ?3 AND version = ?4 - 1",
    [STATEMENT_SHADOW_REMOVE] = "DELETE FROM simpul_shadow WHERE lane = ?1 AND tbl = ?2 AND key = ?3 AND version = ?4",
    [STATEMENT_SHADOW_MOVE] = "UPDATE OR IGNORE simpul_shadow SET key = ?5"
                              " WHERE lane = ?1 AND tbl = ?2 AND key = ?3 AND version = ?4",
    [STATEMENT_SHADOWS_RECORD] = "SELECT tbl, key, version, state, record, part, identity, bytes FROM simpul_shadow"
                                 " WHERE lane = ?1 AND record = ?2 ORDER BY tbl, key LIMIT ?3",
    [STATEMENT_SHADOWS_PART] = "SELECT tbl, key, version, state, record, part, identity, bytes FROM simpul_shadow"
                               " WHERE lane = ?1 AND record = ?2 AND part = ?3 ORDER BY tbl, key LIMIT ?4",
    [STATEMENT_SHADOWS_IDENTITY] = "SELECT tbl, key, version, state, record, part, identity, bytes FROM simpul_shadow"
                                   " WHERE lane = ?1 AND tbl = ?2 AND identity = ?3 ORDER BY key LIMIT ?4",
    [STATEMENT_SHADOW_KEYS] = "SELECT key FROM simpul_shadow WHERE lane = ?1 AND tbl = ?2 AND key > ?3"
                              " ORDER BY key LIMIT ?4",
    [STATEMENT_MARK_GET] = "SELECT value FROM simpul_mark WHERE name = ?1",
    [STATEMENT_MARK_SET] = "INSERT OR REPLACE INTO simpul_mark (name, value) VALUES (?1, ?2)",
    [STATEMENT_MARK_ADD] = "INSERT OR IGNORE INTO simpul_mark (name, value) VALUES (?1, ?2)",
    [STATEMENT_MARK_SWAP] = "UPDATE simpul_mark SET value = ?2 WHERE name = ?1 AND substr(value, 1, 16) = ?3",
    [STATEMENT_SESSION_BEGIN] = "INSERT OR REPLACE INTO simpul_mark (name, value) VALUES ('session', '1')",
    [STATEMENT_SESSION_END] = "DELETE FROM simpul_mark WHERE name = 'session'",
    [STATEMENT_DATA_VERSION] = "PRAGMA data_version",
};

/* ---- one statement ---- */

/* SQLite's messages name tables, columns and constraints, never a row's content. */
struct status sqlite_status(struct driver_sqlite *sqlite, int rc)
{
    struct driver *driver = &sqlite->driver;
    snprintf(driver->problem, sizeof driver->problem, "SQLite: %s",
             sqlite->db ? sqlite3_errmsg(sqlite->db) : sqlite3_errstr(rc));
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return STATUS_MAKE(STATUS_BUSY);
    case SQLITE_NOMEM:
        return STATUS_MAKE(STATUS_NO_MEMORY);
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        return STATUS_MAKE(STATUS_DENIED);
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
    case SQLITE_ERROR: /* a name that is gone */
        return STATUS_MAKE(STATUS_INVALID);
    default:
        return STATUS_MAKE(STATUS_IO);
    }
}

void query_prepared(struct query *query, struct driver_sqlite *sqlite, sqlite3_stmt **statement, const char *sql)
{
    *query = (struct query){.sqlite = sqlite, .rc = SQLITE_OK};
    if (!*statement) {
        query->rc = sqlite3_prepare_v3(sqlite->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
    }
    query->stmt = *statement;
}

void query_fixed(struct query *query, struct driver_sqlite *sqlite, enum sqlite_statement which)
{
    query_prepared(query, sqlite, &sqlite->statements[which], STATEMENTS[which]);
}

void query_sql(struct query *query, struct driver_sqlite *sqlite, const char *sql)
{
    *query = (struct query){.sqlite = sqlite, .owned = true};
    query->rc = sqlite3_prepare_v2(sqlite->db, sql, -1, &query->stmt, NULL);
}

static void query_bind(struct query *query, int rc)
{
    query->rc = query->rc == SQLITE_OK ? rc : query->rc;
}

void query_int(struct query *query, int64_t value)
{
    if (query->rc == SQLITE_OK) {
        query_bind(query, sqlite3_bind_int64(query->stmt, ++query->bound, value));
    }
}

/* The caller's bytes outlive the statement's run. */
void query_text(struct query *query, struct span text)
{
    if (query->rc == SQLITE_OK) {
        query_bind(query, sqlite3_bind_text64(query->stmt, ++query->bound, text.size ? (const char *)text.data : "",
                                              text.size, SQLITE_STATIC, SQLITE_UTF8));
    }
}

void query_bytes(struct query *query, const void *data, size_t size)
{
    if (query->rc == SQLITE_OK) {
        query_bind(query, sqlite3_bind_blob64(query->stmt, ++query->bound, size ? data : "", size, SQLITE_STATIC));
    }
}

void query_null(struct query *query)
{
    if (query->rc == SQLITE_OK) {
        query_bind(query, sqlite3_bind_null(query->stmt, ++query->bound));
    }
}

bool query_next(struct query *query)
{
    if (query->rc != SQLITE_OK && query->rc != SQLITE_ROW) {
        return false;
    }
    query->rc = sqlite3_step(query->stmt);
    return query->rc == SQLITE_ROW;
}

int64_t query_get_int(struct query *query, int column)
{
    return sqlite3_column_int64(query->stmt, column);
}

struct status query_get_raw(struct query *query, int column, struct arena *arena, struct mapping_raw *out_raw)
{
    struct mapping_raw raw = {.null = sqlite3_column_type(query->stmt, column) == SQLITE_NULL};
    if (!raw.null) {
        const unsigned char *text = sqlite3_column_text(query->stmt, column);
        int size = sqlite3_column_bytes(query->stmt, column);
        TRY(arena_copy(arena, span_of(text, size > 0 ? (size_t)size : 0), &raw.bytes));
    }
    *out_raw = raw;
    return status_ok();
}

struct status query_get_bytes(struct query *query, int column, struct arena *arena, struct span *out_bytes)
{
    const void *data = sqlite3_column_blob(query->stmt, column);
    int size = sqlite3_column_bytes(query->stmt, column);
    return arena_copy(arena, span_of(data, size > 0 ? (size_t)size : 0), out_bytes);
}

bool query_get_fixed(struct query *query, int column, void *out_bytes, size_t size)
{
    const void *data = sqlite3_column_blob(query->stmt, column);
    if (!data || sqlite3_column_bytes(query->stmt, column) != (int)size) {
        return false;
    }
    memcpy(out_bytes, data, size);
    return true;
}

struct status query_end(struct query *query)
{
    bool fine = query->rc == SQLITE_OK || query->rc == SQLITE_ROW || query->rc == SQLITE_DONE;
    struct status status = fine ? status_ok() : sqlite_status(query->sqlite, query->rc);
    if (query->owned) {
        sqlite3_finalize(query->stmt);
    } else if (query->stmt) {
        sqlite3_reset(query->stmt);
        sqlite3_clear_bindings(query->stmt);
    }
    *query = (struct query){.sqlite = query->sqlite};
    return status;
}

struct status query_run(struct query *query)
{
    while (query_next(query)) {
    }
    return query_end(query);
}

struct status sqlite_exec(struct driver_sqlite *sqlite, const char *sql)
{
    int rc = sqlite3_exec(sqlite->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? status_ok() : sqlite_status(sqlite, rc);
}

/* ---- waiting ---- */

/* A file put in the place of ours is another database: the open one is a file without a name. */
static struct status file_is_same(struct driver_sqlite *sqlite)
{
    struct stat now;
    if (stat(sqlite->path, &now) == 0 && now.st_dev == sqlite->device && now.st_ino == sqlite->inode) {
        return status_ok();
    }
    snprintf(sqlite->driver.problem, sizeof sqlite->driver.problem,
             "the legacy database file is gone or was replaced: it is opened again");
    return STATUS_MAKE(STATUS_IO);
}

/* Cheap: one page's counter. While somebody commits it cannot be read; the next look will. */
static struct status look(struct driver_sqlite *sqlite, bool *out_changed)
{
    struct query query;
    TRY(file_is_same(sqlite));
    query_fixed(&query, sqlite, STATEMENT_DATA_VERSION);
    int64_t version = query_next(&query) ? query_get_int(&query, 0) : sqlite->data_version;
    struct status status = query_end(&query);
    if (!status_is_ok(status)) {
        return status.code == STATUS_BUSY ? status_ok() : status;
    }
    *out_changed = version != sqlite->data_version;
    sqlite->data_version = version;
    return status_ok();
}

static struct status driver_sqlite_wait(struct driver *driver, int64_t timeout_ms, bool *out_changed)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    int64_t end_ms = clock_monotonic_ms() + timeout_ms;
    for (;;) {
        bool changed = false;
        TRY(look(sqlite, &changed));
        int64_t left_ms = end_ms - clock_monotonic_ms();
        if (changed || left_ms <= 0) {
            *out_changed = changed;
            return status_ok();
        }
        struct pollfd wake = {.fd = sqlite->wake_fd, .events = POLLIN};
        uint64_t drained;
        if (poll(&wake, 1, (int)(left_ms < sqlite->poll_ms ? left_ms : sqlite->poll_ms)) > 0 &&
            read(sqlite->wake_fd, &drained, sizeof drained) > 0) {
            *out_changed = false;
            return status_ok();
        }
    }
}

static void driver_sqlite_wake(struct driver *driver)
{
    uint64_t one = 1;
    ssize_t written = write(sqlite_of(driver)->wake_fd, &one, sizeof one);
    (void)written; /* a full counter wakes as well */
}

/* ---- open and close ---- */

static void driver_sqlite_free(struct driver *driver)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    if (!sqlite) {
        return;
    }
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(sqlite->statements[i]);
    }
    for (size_t i = 0; sqlite->tables && i < driver->mapping->table_count; i++) {
        sqlite3_finalize(sqlite->tables[i].row);
    }
    sqlite3_close(sqlite->db);
    if (sqlite->wake_fd >= 0) {
        close(sqlite->wake_fd);
    }
    arena_release(&sqlite->scratch);
    arena_release(&sqlite->arena);
    free(sqlite);
}

static const struct driver_ops SQLITE_OPS = {
    .wait = driver_sqlite_wait,
    .wake = driver_sqlite_wake,
    .column = driver_sqlite_column,
    .outbox = driver_sqlite_outbox,
    .outbox_count = driver_sqlite_outbox_count,
    .page = driver_sqlite_page,
    .estimate = driver_sqlite_estimate,
    .rows = driver_sqlite_rows,
    .shadows_of_record = driver_sqlite_shadows_of_record,
    .shadows_of_identity = driver_sqlite_shadows_of_identity,
    .orphans = driver_sqlite_orphans,
    .begin = driver_sqlite_begin,
    .commit = driver_sqlite_commit,
    .rollback = driver_sqlite_rollback,
    .outbox_remove = driver_sqlite_outbox_remove,
    .shadows_store = driver_sqlite_shadows_store,
    .shadow_remove = driver_sqlite_shadow_remove,
    .shadow_move = driver_sqlite_shadow_move,
    .update = driver_sqlite_update,
    .insert = driver_sqlite_insert,
    .mark = driver_sqlite_mark,
    .mark_set = driver_sqlite_mark_set,
    .mark_swap = driver_sqlite_mark_swap,
    .check = driver_sqlite_check,
    .install = driver_sqlite_install,
    .uninstall = driver_sqlite_uninstall,
    .free = driver_sqlite_free,
};

static struct status open_file(struct driver_sqlite *sqlite, const char *path)
{
    struct stat file;
    struct span copy;
    TRY(arena_copy(&sqlite->arena, span_of(path, strlen(path) + 1), &copy));
    sqlite->path = (const char *)copy.data;
    if (stat(path, &file) != 0) {
        snprintf(sqlite->driver.problem, sizeof sqlite->driver.problem,
                 errno == EACCES ? "no right to open the legacy database file %s"
                                 : "there is no legacy database file %s: look at legacy: source: of the configuration",
                 path);
        return STATUS_MAKE(errno == EACCES ? STATUS_DENIED : STATUS_IO);
    }
    sqlite->device = file.st_dev;
    sqlite->inode = file.st_ino;
    int rc = sqlite3_open_v2(path, &sqlite->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        return sqlite_status(sqlite, rc);
    }
    sqlite3_busy_timeout(sqlite->db, SQLITE_DRIVER_LOCK_MS);
    return sqlite_exec(sqlite, "PRAGMA foreign_keys = ON");
}

static struct status open_all(struct driver_sqlite *sqlite, const struct config_legacy *legacy, bool lenient)
{
    struct driver *driver = &sqlite->driver;
    sqlite->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sqlite->wake_fd < 0) {
        snprintf(driver->problem, sizeof driver->problem, "no file handle is left: raise the limit of open files");
        return STATUS_MAKE(STATUS_IO);
    }
    TRY(open_file(sqlite, legacy->source));
    TRY(sqlite_catalogue_load(sqlite));
    if (!lenient) {
        TRY(catalogue_check(&sqlite->catalogue, driver->mapping, driver->problem, sizeof driver->problem));
    }
    TRY(sqlite_tables_prepare(sqlite));
    return sqlite_installed(sqlite, &driver->installed);
}

struct status driver_sqlite_open(const struct config_legacy *legacy, const struct mapping *mapping, bool lenient,
                                 struct driver **out_driver, char *problem, size_t problem_size)
{
    struct driver_sqlite *sqlite = calloc(1, sizeof *sqlite);
    if (!sqlite) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    *sqlite = (struct driver_sqlite){.driver = {.ops = &SQLITE_OPS, .mapping = mapping, .lane = legacy->lane},
                                     .wake_fd = -1,
                                     .data_version = -1,
                                     .poll_ms = legacy->poll_ms > 0 ? legacy->poll_ms : POLL_MS_DEFAULT};
    arena_init(&sqlite->arena, memory_heap(), SIZE_MAX);
    arena_init(&sqlite->scratch, memory_heap(), SIZE_MAX);
    struct status status = open_all(sqlite, legacy, lenient);
    if (!status_is_ok(status)) {
        snprintf(problem, problem_size, "%s", sqlite->driver.problem);
        driver_sqlite_free(&sqlite->driver);
        return status;
    }
    sqlite->driver.problem[0] = 0;
    *out_driver = &sqlite->driver;
    return status_ok();
}
