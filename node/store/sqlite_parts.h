/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_STORE_SQLITE_PARTS_H
#define NODE_STORE_SQLITE_PARTS_H

#include <limits.h>
#include <sqlite3.h>

#include "node/store/store_sqlite.h"

/* What the files of the SQLite store share; nobody else includes it. */

enum table_query {
    QUERY_GET,
    QUERY_PUT,
    QUERY_REMOVE,
    QUERY_SCAN_UP,     /* from, limit */
    QUERY_SCAN_UP_END, /* from, limit, end */
    QUERY_SCAN_DOWN,
    QUERY_SCAN_DOWN_END,
    QUERY_TABLE_COUNT,
};

enum plain_query {
    QUERY_BEGIN,
    QUERY_COMMIT,
    QUERY_ROLLBACK,
    QUERY_MARK,
    QUERY_MARK_UNDO,
    QUERY_MARK_END,
    QUERY_RECORD_LOAD,
    QUERY_RECORD_FIND,
    QUERY_RECORD_INSERT,
    QUERY_RECORD_SAVE,
    QUERY_RECORD_SAVE_BYTES,
    QUERY_RECORD_SAVE_STATUS,
    QUERY_RECORD_COUNT,
    QUERY_RECORD_RECOUNT,
    QUERY_PLAIN_COUNT,
};

/* records_list: each combination of filters has its text and its index. */
#define QUERY_LIST_COUNT 32

/* What the row of a record holds beside its bytes, so that a save needs no second look: records_load and records_save leave
 * it here, and whatever undoes a write forgets all of it. */
#define KNOWN_COUNT 2048

struct known_record {
    struct record_id id;
    struct scope_id owner;
    sqlite3_int64 number; /* 0: it has no row */
    uint32_t conflicts;
    uint8_t status;
    bool visible;
    bool used;
};

struct sqlite_store {
    struct store store; /* first, so that the store's address is this one's */
    struct memory memory;
    sqlite3 *db;
    int64_t page_size; /* of this file */
    sqlite3_stmt *table_queries[STORE_TABLE_COUNT][QUERY_TABLE_COUNT]; /* prepared at first use, owned */
    sqlite3_stmt *plain_queries[QUERY_PLAIN_COUNT];
    sqlite3_stmt *list_queries[QUERY_LIST_COUNT];
    const char *problem; /* static */
    int failure;         /* SQLite's primary code of the last failure */
    bool open;
    bool marked;
    bool spoilt; /* a write failed since begin or the mark */
    bool lost;   /* SQLite rolled the whole transaction back by itself */
    bool dead;
    char path[PATH_MAX];
    struct known_record known[KNOWN_COUNT]; /* each in the one place that its id names */
};

struct sqlite_store *sqlite_store_of(struct store *store);

/* The status of an SQLite result; remembers the problem, and whether store or transaction died of it. */
struct status sqlite_result(struct sqlite_store *s, int rc);

/* Takes a cached statement, preparing `sql` at the first use. */
struct status sqlite_query(struct sqlite_store *s, sqlite3_stmt **cached, const char *sql, sqlite3_stmt **out_query);

/* Steps a statement that gives no rows, and resets it. */
struct status sqlite_run(struct sqlite_store *s, sqlite3_stmt *query);

int sqlite_bind_span(sqlite3_stmt *query, int index, struct span bytes);

/* The blob of a column, copied; never NULL data, since a NULL column is not stored. */
struct status sqlite_column_span(sqlite3_stmt *query, int column, struct arena *arena, struct span *out_bytes);

/* What every call inside a transaction starts with. */
struct status sqlite_inside(struct sqlite_store *s);
/* Marks the transaction spoilt if the write failed. */
struct status sqlite_wrote(struct sqlite_store *s, struct status status);

/* node/store/store_sqlite.c */
extern const struct store_ops sqlite_ops;

/* node/store/sqlite_records.c */
void sqlite_records_forget(struct sqlite_store *s);
struct status sqlite_records_load(struct store *store, const struct record_id *ids, size_t count, struct arena *arena,
                                  struct record_row *out_rows);
struct status sqlite_records_save(struct store *store, const struct record_row *rows, size_t count);
struct status sqlite_records_list(struct store *store, const struct record_filter *filter, struct record_id after,
                                  bool with_bytes, size_t limit, struct arena *arena, struct record_row *out_rows,
                                  size_t *out_count);
struct status sqlite_records_count(struct store *store, const struct record_filter *filter,
                                   struct record_count *out_counts, size_t capacity, size_t *out_count);

/* node/store/sqlite_schema.c: whether the open file is ours (INVALID), not too new (UNSUPPORTED), or empty; and the
 * making of its tables. `problem` is written only where SQLite itself did not fail. */
struct status sqlite_schema_check(struct sqlite_store *s, char *problem, size_t problem_size, bool *out_empty);
struct status sqlite_schema_make(struct sqlite_store *s);
/* The first column of the first row of a statement, 0 without a row. */
struct status sqlite_number(struct sqlite_store *s, const char *sql, int64_t *out_number);
/* Name of the SQL table. */
const char *sqlite_table_name(enum store_table table);

#endif
