/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>

#include "node/store/sqlite_parts.h"

/* "SIMP": tells a store of ours from any other SQLite file, such as the legacy database itself. */
#define APPLICATION_ID 0x53494d50
#define SCHEMA_VERSION 2 /* 1 was never released */

static const char *const table_names[STORE_TABLE_COUNT] = {
    [STORE_META] = "meta",
    [STORE_STREAMS] = "streams",
    [STORE_LEAVES] = "leaves",
    [STORE_BODIES] = "bodies",
    [STORE_TILES] = "tiles",
    [STORE_WAITING] = "waiting",
    [STORE_OWED] = "owed",
    [STORE_DUE] = "due",
    [STORE_REFS] = "refs",
    [STORE_PENDING] = "pending",
    [STORE_SHADOWS] = "shadows",
    [STORE_TIES] = "ties",
    [STORE_QUARANTINE] = "quarantine",
    [STORE_INBOX] = "inbox",
    [STORE_EVIDENCE] = "evidence",
    [STORE_EVENTS] = "events",
};

/* Measured with 100,000 records of 1,500 bytes and 4 KiB pages: with rowids two to three times as fast to insert and to
 * update as without, because ids are random and only small index entries then go to random pages. The other tables are
 * faster without, also those with large values, whose keys rise. Records keep their columns in front of the bytes, so
 * that a list reads no overflow pages. Each further index would cost every change of every record about 2 us and 4 KiB of
 * log, so lists share one (sqlite_records.c merges its groups). The counts are kept beside the records by records_save,
 * since counting a regency's twenty years at each look at the dashboard would be a scan. */
static const char records_sql[] =
    "CREATE TABLE records ("
    " number INTEGER PRIMARY KEY, id BLOB UNIQUE NOT NULL, owner TEXT NOT NULL, status INTEGER NOT NULL,"
    " conflicts INTEGER NOT NULL, visible INTEGER NOT NULL, received_ms INTEGER NOT NULL, changed INTEGER NOT NULL,"
    " bytes BLOB NOT NULL"
    ");"
    "CREATE INDEX records_by_owner_status ON records (owner, status, id);"
    "CREATE INDEX records_in_conflict ON records (id) WHERE conflicts > 0;"
    "CREATE TABLE record_counts ("
    " owner TEXT NOT NULL, status INTEGER NOT NULL, visible INTEGER NOT NULL,"
    " count INTEGER NOT NULL, conflicts INTEGER NOT NULL, PRIMARY KEY (owner, status, visible)"
    ") WITHOUT ROWID;";

const char *sqlite_table_name(enum store_table table)
{
    assert((size_t)table < STORE_TABLE_COUNT);
    return table_names[table];
}

struct status sqlite_number(struct sqlite_store *s, const char *sql, int64_t *out_number)
{
    sqlite3_stmt *query = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &query, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(query);
    }
    int64_t number = rc == SQLITE_ROW ? sqlite3_column_int64(query, 0) : 0;
    sqlite3_finalize(query);
    TRY(sqlite_result(s, rc));
    *out_number = number;
    return status_ok();
}

static struct status schema_write(struct sqlite_store *s)
{
    char sql[256];
    for (size_t table = 0; table < STORE_TABLE_COUNT; table++) {
        snprintf(sql, sizeof sql, "CREATE TABLE %s (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID",
                 table_names[table]);
        TRY(sqlite_result(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL)));
    }
    TRY(sqlite_result(s, sqlite3_exec(s->db, records_sql, NULL, NULL, NULL)));
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID, SCHEMA_VERSION);
    return sqlite_result(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

struct status sqlite_schema_make(struct sqlite_store *s)
{
    TRY(sqlite_result(s, sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL)));
    TRY(schema_write(s));
    return sqlite_result(s, sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL));
}

struct status sqlite_schema_check(struct sqlite_store *s, char *problem, size_t problem_size, bool *out_empty)
{
    int64_t application = 0;
    int64_t version = 0;
    int64_t tables = 0;
    TRY(sqlite_number(s, "PRAGMA application_id", &application));
    TRY(sqlite_number(s, "PRAGMA user_version", &version));
    TRY(sqlite_number(s, "SELECT count(*) FROM sqlite_schema", &tables));
    bool empty = application == 0 && version == 0 && tables == 0;
    if (!empty && application != APPLICATION_ID) {
        snprintf(problem, problem_size,
                 "%s is the database of another program, not a store of simpul; name a path of its own for the store",
                 s->path);
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (version > SCHEMA_VERSION) {
        snprintf(problem, problem_size,
                 "%s was written by a newer simpul (schema %lld, this program knows %d); install that version or a "
                 "later one",
                 s->path, (long long)version, SCHEMA_VERSION);
        return STATUS_MAKE(STATUS_UNSUPPORTED);
    }
    if (!empty && version < SCHEMA_VERSION) {
        snprintf(problem, problem_size,
                 "%s was written by a simpul from before the first release (schema %lld, this program knows %d); set the "
                 "deployment up anew, in empty folders",
                 s->path, (long long)version, SCHEMA_VERSION);
        return STATUS_MAKE(STATUS_UNSUPPORTED);
    }
    *out_empty = empty;
    return status_ok();
}
