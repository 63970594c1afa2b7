/* SPDX-License-Identifier: Apache-2.0 */
#include "node/store/postgres_parts.h"

#include <stdio.h>

/* The tables, in versions. A version that was released is never changed: what comes after it is one more entry. Each runs in
 * the one transaction that also notes its number. Primary keys begin with the part (stream or scope) where a key has one;
 * records move between regions, so they are keyed by their id, which is a hash and spreads by itself. No foreign keys.
 * Values are ciphertext, hashes and small encodings: stored as they are, never compressed. */

#define PLAIN_TABLE(name)                                                                                              \
    "CREATE TABLE " name " (key bytea NOT NULL, value bytea NOT NULL, PRIMARY KEY (key)) WITH (fillfactor = 80);"       \
    "ALTER TABLE " name " ALTER COLUMN value SET STORAGE EXTERNAL;"

#define PART_TABLE(name)                                                                                               \
    "CREATE TABLE " name " (part bytea NOT NULL, key bytea NOT NULL, value bytea NOT NULL, PRIMARY KEY (part, key))"    \
    " WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);"                                                  \
    "ALTER TABLE " name " ALTER COLUMN value SET STORAGE EXTERNAL;"

/* clang-format off */
static const char version_1[] =
    PLAIN_TABLE("meta") PART_TABLE("streams") PART_TABLE("leaves") PART_TABLE("bodies") PART_TABLE("tiles")
    PLAIN_TABLE("waiting") PART_TABLE("owed") PLAIN_TABLE("due") PLAIN_TABLE("refs") PLAIN_TABLE("pending")
    PLAIN_TABLE("shadows") PLAIN_TABLE("ties") PLAIN_TABLE("quarantine") PLAIN_TABLE("inbox") PLAIN_TABLE("evidence")
    PLAIN_TABLE("events")
    "CREATE TABLE records (id bytea NOT NULL, owner text COLLATE \"C\" NOT NULL, status smallint NOT NULL,"
    " conflicts bigint NOT NULL, visible boolean NOT NULL, received_ms bigint NOT NULL, changed bigint NOT NULL,"
    " bytes bytea NOT NULL, PRIMARY KEY (id)) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);"
    "ALTER TABLE records ALTER COLUMN bytes SET STORAGE EXTERNAL;"
    "CREATE INDEX records_by_owner ON records (owner, id);"
    "CREATE INDEX records_by_owner_status ON records (owner, status, id);"
    "CREATE INDEX records_by_status ON records (status, id);"
    "CREATE INDEX records_in_conflict ON records (id) WHERE conflicts > 0;"
    "CREATE TABLE record_counts (owner text COLLATE \"C\" NOT NULL, status smallint NOT NULL, visible boolean NOT NULL,"
    " count bigint NOT NULL, conflicts bigint NOT NULL, PRIMARY KEY (owner, status, visible)) WITH (fillfactor = 50);"
    /* who has the store, for the sentence that refuses another, and to know our own earlier session */
    "CREATE TABLE holder (one boolean PRIMARY KEY CHECK (one), token bytea NOT NULL, pid integer NOT NULL,"
    " host text NOT NULL, since timestamptz NOT NULL);";

/* Several processes: what each commit wrote, and who they are. `moves` is one short table that every writer appends to, so it is
 * never distributed. */
static const char version_2[] =
    "CREATE TABLE moves (number bigint NOT NULL, writer bytea NOT NULL, streams bytea NOT NULL, records bytea NOT NULL, PRIMARY KEY (number))"
    " WITH (autovacuum_vacuum_threshold = 4096, autovacuum_vacuum_scale_factor = 0.2);"
    "ALTER TABLE moves ALTER COLUMN records SET STORAGE EXTERNAL;"
    "INSERT INTO moves (number, writer, streams, records) VALUES (0, '', '', '');"
    "DROP TABLE holder;"
    "CREATE TABLE holders (instance bytea NOT NULL, token bytea NOT NULL, pid integer NOT NULL, host text NOT NULL,"
    " since timestamptz NOT NULL, PRIMARY KEY (instance));";
/* clang-format on */

static const char *const versions[] = {version_1, version_2};

enum { VERSION_NEWEST = sizeof versions / sizeof versions[0] };

/* Asked first, because IF NOT EXISTS wants the right to create also where there is nothing to do. */
static struct status is_there(struct postgres_store *s, const char *sql, bool *out_there)
{
    PGresult *result = NULL;
    TRY(pg_run(s, sql, &result));
    *out_there = pg_number(result, 0, 0) != 0;
    PQclear(result);
    return status_ok();
}

static struct status schema_make(struct postgres_store *s)
{
    bool there = false;
    TRY(is_there(s, "SELECT to_regnamespace('simpul_store') IS NOT NULL", &there));
    if (!there) {
        TRY(pg_run(s, "CREATE SCHEMA simpul_store", NULL));
    }
    return pg_run(s, "CREATE TABLE simpul_store.schema_version (version integer PRIMARY KEY,"
                           " applied timestamptz NOT NULL DEFAULT now(), program text NOT NULL)", NULL);
}

static struct status version_read(struct postgres_store *s, int64_t *out_version)
{
    PGresult *result = NULL;
    TRY(pg_run(s, "SELECT coalesce(max(version), 0)::int8 FROM simpul_store.schema_version", &result));
    *out_version = pg_number(result, 0, 0);
    PQclear(result);
    return status_ok();
}

/* Several statements in one text need the simple protocol, outside the pipeline. */
static struct status script_run(struct postgres_store *s, const char *sql)
{
    TRY(pg_drain(s, NULL));
    if (!PQexitPipelineMode(s->conn)) {
        return STATUS_MAKE(STATUS_IO);
    }
    PGresult *result = PQexec(s->conn, sql);
    ExecStatusType got = PQresultStatus(result);
    struct status status = got == PGRES_COMMAND_OK || got == PGRES_TUPLES_OK ? status_ok() : pg_failed(s, result);
    PQclear(result);
    if (s->conn && !PQenterPipelineMode(s->conn)) {
        return STATUS_MAKE(STATUS_IO);
    }
    return status;
}

static struct status version_apply(struct postgres_store *s, size_t version)
{
    char note[160];
    snprintf(note, sizeof note, "INSERT INTO simpul_store.schema_version (version, program) VALUES (%zu, '%s')", version + 1,
             SIMPUL_VERSION);
    TRY(script_run(s, versions[version]));
    return pg_run(s, note, NULL);
}

/* Inside a transaction that has the lock of migrations. */
static struct status versions_apply(struct postgres_store *s)
{
    bool there = false;
    int64_t version = 0;
    TRY(is_there(s, "SELECT to_regclass('simpul_store.schema_version') IS NOT NULL", &there));
    if (!there) {
        TRY(schema_make(s));
    }
    TRY(version_read(s, &version));
    if (version > VERSION_NEWEST) {
        snprintf(s->sentence, sizeof s->sentence,
                 "the database of the store was made by a newer simpul (schema %lld, this program knows %d); install that "
                 "version or a later one", (long long)version, (int)VERSION_NEWEST);
        return STATUS_MAKE(STATUS_UNSUPPORTED);
    }
    TRY(pg_run(s, "SET LOCAL search_path = simpul_store", NULL));
    for (size_t next = (size_t)version; next < VERSION_NEWEST; next++) {
        TRY(version_apply(s, next));
    }
    return status_ok();
}

struct status pg_schema_check(struct postgres_store *s)
{
    int64_t version = 0;
    TRY(version_read(s, &version));
    return version == VERSION_NEWEST ? status_ok() : STATUS_MAKE(STATUS_UNSUPPORTED);
}

struct status pg_schema_apply(struct postgres_store *s)
{
    TRY(pg_run(s, "BEGIN", NULL));
    TRY(pg_run(s, "SELECT pg_advisory_xact_lock(" POSTGRES_LOCK ", 2)", NULL));
    struct status status = versions_apply(s);
    if (status_is_ok(status)) {
        return pg_run(s, "COMMIT", NULL);
    }
    if (s->conn && !status_is_ok(pg_run(s, "ROLLBACK", NULL))) {
        pg_drop(s);
    }
    return status;
}
