/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CONNECTOR_DRIVER_SQLITE_H
#define NODE_CONNECTOR_DRIVER_SQLITE_H

#include <sqlite3.h>
#include <sys/types.h>

#include "node/connector/catalogue.h"
#include "node/connector/sql_text.h"

/* Private to driver_sqlite*.c, the only files of the connector that know SQLite.
 *
 * The legacy application is the other opener of the file, so nothing here holds a lock for longer than one batch: reads
 * are short transactions, waits for a lock are short too (BUSY: the caller tries again). */

enum {
    SQLITE_DRIVER_LOCK_MS = 50,     /* waiting for a lock of theirs before BUSY */
    SQLITE_DRIVER_COMMIT_MS = 1000, /* at commit, where new readers are kept out already */
    SQLITE_DRIVER_VERSION = 1,      /* of our tables and triggers */
};

/* Statements that are prepared once. */
enum sqlite_statement {
    STATEMENT_OUTBOX_COUNT,
    STATEMENT_OUTBOX_REMOVE,
    STATEMENT_SHADOW_GET,
    STATEMENT_SHADOW_INSERT,
    STATEMENT_SHADOW_UPDATE,
    STATEMENT_SHADOW_REMOVE,
    STATEMENT_SHADOW_MOVE,
    STATEMENT_SHADOWS_RECORD,
    STATEMENT_SHADOWS_PART,
    STATEMENT_SHADOWS_IDENTITY,
    STATEMENT_SHADOW_KEYS,
    STATEMENT_MARK_GET,
    STATEMENT_MARK_SET,
    STATEMENT_MARK_ADD,
    STATEMENT_MARK_SWAP,
    STATEMENT_SESSION_BEGIN,
    STATEMENT_SESSION_END,
    STATEMENT_DATA_VERSION,
    STATEMENT_COUNT,
};

struct sqlite_table {
    const char *label;
    const char *row_sql;        /* all columns of one row, by key */
    const char *page_sql;       /* keys from the start */
    const char *page_after_sql; /* keys above one */
    const char *probe_sql;      /* is there a row of this key? */
    const char *key_sql;        /* the WHERE of one key */
    sqlite3_stmt *row;          /* owned */
};

struct driver_sqlite {
    struct driver driver; /* first */
    struct arena arena;   /* lives as long as the driver */
    struct arena scratch; /* of one call */
    sqlite3 *db;          /* owned */
    const char *path;     /* in the arena */
    dev_t device;
    ino_t inode;          /* a restored file put in its place is another one */
    int wake_fd;          /* eventfd, owned; -1 */
    int64_t poll_ms;
    int64_t data_version;
    bool in_transaction;
    struct catalogue catalogue;
    const char **labels;
    struct sqlite_table *tables;
    const char *outbox_sql;
    sqlite3_stmt *statements[STATEMENT_COUNT]; /* owned */
};

static inline struct driver_sqlite *sqlite_of(struct driver *driver)
{
    return (struct driver_sqlite *)(void *)driver;
}

/* One statement on its way: values bound from left to right, rows read, and one check at the end. */
struct query {
    struct driver_sqlite *sqlite;
    sqlite3_stmt *stmt;
    int bound;
    int rc;
    bool owned; /* finalized at the end */
};

void query_fixed(struct query *query, struct driver_sqlite *sqlite, enum sqlite_statement which);
void query_sql(struct query *query, struct driver_sqlite *sqlite, const char *sql);
void query_prepared(struct query *query, struct driver_sqlite *sqlite, sqlite3_stmt **statement, const char *sql);
void query_int(struct query *query, int64_t value);
void query_text(struct query *query, struct span text);
void query_bytes(struct query *query, const void *data, size_t size);
void query_null(struct query *query);
bool query_next(struct query *query);
int64_t query_get_int(struct query *query, int column);
/* As CAST(... AS TEXT) gives it, in the arena. */
struct status query_get_raw(struct query *query, int column, struct arena *arena, struct mapping_raw *out_raw) MUST_CHECK;
struct status query_get_bytes(struct query *query, int column, struct arena *arena, struct span *out_bytes) MUST_CHECK;
/* false: not exactly that many bytes. */
bool query_get_fixed(struct query *query, int column, void *out_bytes, size_t size);
struct status query_end(struct query *query) MUST_CHECK;
/* Runs what gives no rows. */
struct status query_run(struct query *query) MUST_CHECK;

/* Status and problem sentence of an error of SQLite's. */
struct status sqlite_status(struct driver_sqlite *sqlite, int rc);
struct status sqlite_exec(struct driver_sqlite *sqlite, const char *sql) MUST_CHECK;

/* ---- driver_sqlite_schema.c ---- */

struct status sqlite_catalogue_load(struct driver_sqlite *sqlite) MUST_CHECK;
/* Writes the SQL of every table of the mapping. */
struct status sqlite_tables_prepare(struct driver_sqlite *sqlite) MUST_CHECK;
struct status sqlite_installed(struct driver_sqlite *sqlite, bool *out_installed) MUST_CHECK;
struct status driver_sqlite_column(struct driver *driver, size_t table, const char *column, struct legacy_column *out_column);
struct status driver_sqlite_check(struct driver *driver, struct report *report);
struct status driver_sqlite_install(struct driver *driver, bool print_only, struct report *report);
struct status driver_sqlite_uninstall(struct driver *driver, bool print_only, struct report *report);

/* ---- driver_sqlite_read.c ---- */

struct status driver_sqlite_outbox(struct driver *driver, size_t limit, struct arena *arena,
                                   struct legacy_event *out_events, size_t *out_count);
struct status driver_sqlite_outbox_count(struct driver *driver, uint64_t *out_count);
struct status driver_sqlite_page(struct driver *driver, size_t table, struct span after, size_t limit,
                                 struct arena *arena, struct span *out_keys, size_t *out_count);
struct status driver_sqlite_estimate(struct driver *driver, size_t table, uint64_t *out_rows);
struct status driver_sqlite_rows(struct driver *driver, size_t table, const struct span *keys, size_t count, bool lock,
                                 struct arena *arena, struct legacy_row *out_rows);
struct status driver_sqlite_shadows_of_record(struct driver *driver, struct record_id record, bool any_part,
                                              struct part_id part, size_t limit, struct arena *arena,
                                              struct legacy_shadow *out_shadows, size_t *out_count);
struct status driver_sqlite_shadows_of_identity(struct driver *driver, size_t table, const uint8_t identity[16],
                                                size_t limit, struct arena *arena, struct legacy_shadow *out_shadows,
                                                size_t *out_count);
struct status driver_sqlite_orphans(struct driver *driver, size_t table, struct span after, size_t limit,
                                    struct arena *arena, struct span *out_keys, size_t *out_count);
struct status driver_sqlite_mark(struct driver *driver, const char *name, struct arena *arena, struct span *out_value);

/* ---- driver_sqlite_write.c ---- */

struct status driver_sqlite_begin(struct driver *driver);
struct status driver_sqlite_commit(struct driver *driver);
void driver_sqlite_rollback(struct driver *driver);
struct status driver_sqlite_outbox_remove(struct driver *driver, const int64_t *ids, size_t count);
struct status driver_sqlite_shadows_store(struct driver *driver, const struct legacy_shadow *shadows, size_t count,
                                          bool *out_stored);
struct status driver_sqlite_shadow_remove(struct driver *driver, size_t table, struct span key, uint64_t version);
struct status driver_sqlite_shadow_move(struct driver *driver, size_t table, struct span key, uint64_t version,
                                        struct span new_key);
struct status driver_sqlite_update(struct driver *driver, size_t table, struct span key, const struct mapping_cell *cells,
                                   size_t count);
struct status driver_sqlite_insert(struct driver *driver, size_t table, const struct mapping_cell *cells,
                                   size_t cell_count, const struct mapping_fill *fills, size_t fill_count,
                                   struct arena *arena, struct span *out_key);
struct status driver_sqlite_mark_set(struct driver *driver, const char *name, struct span value);
struct status driver_sqlite_mark_swap(struct driver *driver, const char *name, struct span known, struct span value);

#endif
