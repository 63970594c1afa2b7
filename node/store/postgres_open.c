/* SPDX-License-Identifier: Apache-2.0 */
#include "node/store/postgres_parts.h"

#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "node/base/clock.h"

/* Connecting: settings, whether the server will do, the lock, the schema, the holder's row. */

#define SERVER_OLDEST 120000
#define LOCK POSTGRES_LOCK
#define HOLD_WAIT_MS 5000
#define PATIENCE_MS 3000
#define OWN_PATIENCE_MS 20000

/* What the connection string does not say otherwise. Values are never printed. */
PGconn *pg_connection_open(const char *source, const char *name, const char *servers)
{
    const char *const keywords[] = {"application_name",   "connect_timeout",  "keepalives_idle", "keepalives_interval",
                                    "keepalives_count",   "tcp_user_timeout", "target_session_attrs", "dbname",
                                    "client_encoding",    NULL};
    const char *const values[] = {name, "5", "10", "5", "3", "20000", servers, source, "UTF8", NULL};
    return PQconnectdbParams(keywords, values, 1);
}

/* Settings that the connection string (options=-c ...) does not make. Every statement finds its rows by an index and must do
 * so also while the server has no statistics yet. */
static const char settings_sql[] =
    "SELECT set_config(v.name, v.value, false) FROM (VALUES ('statement_timeout', '60s'), ('lock_timeout', '20s'),"
    " ('idle_in_transaction_session_timeout', '60s'), ('jit', 'off'), ('enable_seqscan', 'off'),"
    " ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'), ('plan_cache_mode', 'force_generic_plan'),"
    " ('tcp_keepalives_idle', '15'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3'),"
    " ('client_connection_check_interval', '5s')) AS v (name, value)"
    " JOIN pg_settings AS p ON p.name = v.name WHERE p.source <> 'client'";

/* Whatever anybody set, an acknowledged commit survives a power cut. */
static const char durable_sql[] =
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/* Shared: a program that knows only one process on a database took it alone. */
static const char join_sql[] = "SELECT pg_try_advisory_lock_shared(" LOCK ", 1)";
static const char connectors_sql[] = "SELECT pg_try_advisory_lock(" LOCK ", 4)";

/* %u: the lock of our instance; %s: hexadecimal digits of the token. */
static const char end_own_sql[] =
    "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l JOIN simpul_store.holders AS h ON h.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = " LOCK " AND l.objid = %u AND l.objsubid = 2"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND h.token = decode('%s', 'hex')";

static const char hold_sql[] =
    "INSERT INTO holders (instance, token, pid, host, since) VALUES (decode('%s', 'hex'), decode('%s', 'hex'), pg_backend_pid(),"
    " '%s', now()) ON CONFLICT (instance) DO UPDATE SET token = excluded.token, pid = excluded.pid, host = excluded.host,"
    " since = excluded.since";

enum { HEX_SIZE = 33 };

void pg_hex_text(const uint8_t bytes[16], char out_text[33])
{
    for (size_t i = 0; i < 16; i++) {
        snprintf(out_text + 2 * i, 3, "%02x", bytes[i]);
    }
}

/* Two instances that share a number would only keep each other out. */
static unsigned instance_lock(const struct postgres_store *s)
{
    const uint8_t *b = s->instance;
    unsigned number = (unsigned)b[0] << 24 | (unsigned)b[1] << 16 | (unsigned)b[2] << 8 | b[3];
    return (number & 0x3fffffff) | 0x40000000;
}

static void on_notice(void *owner, const PGresult *result)
{
    struct postgres_store *s = owner;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    s->warned |= severity && strcmp(severity, "WARNING") == 0;
}

/* One line, without what a connection string may hold. libpq names host and user, never a password. */
static struct status connect_failed(struct postgres_store *s)
{
    int size = snprintf(s->sentence, sizeof s->sentence, "the database of the store does not answer: %s",
                        PQerrorMessage(s->conn));
    for (int i = 0; i < size && s->sentence[i]; i++) {
        if (s->sentence[i] == '\n') {
            s->sentence[i] = s->sentence[i + 1] ? ' ' : 0;
        }
    }
    s->problem = strstr(s->sentence, "too many") || strstr(s->sentence, "remaining connection slots")
                     ? "too many connections to the database server"
                     : "the database server does not answer";
    return STATUS_MAKE(STATUS_IO);
}

static bool answer_is_true(const PGresult *result)
{
    return PQntuples(result) > 0 && pg_number(result, 0, 0) != 0;
}

static struct status ask(struct postgres_store *s, const char *sql, bool *out_answer)
{
    PGresult *result = NULL;
    TRY(pg_run(s, sql, &result));
    *out_answer = answer_is_true(result);
    PQclear(result);
    return status_ok();
}

static struct status server_check(struct postgres_store *s)
{
    bool standby = false;
    if (PQserverVersion(s->conn) < SERVER_OLDEST) {
        snprintf(s->sentence, sizeof s->sentence, "the database server is PostgreSQL %d; the store needs 12 or later",
                 PQserverVersion(s->conn) / 10000);
        return STATUS_MAKE(STATUS_UNSUPPORTED);
    }
    TRY(ask(s, "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'", &standby));
    if (standby) {
        s->problem = "the database server is a standby or read-only";
        snprintf(s->sentence, sizeof s->sentence, "the database server is a standby or read-only: name its primary, or all "
                 "servers (host=a,b), in the store's connection string");
        return STATUS_MAKE(STATUS_IO);
    }
    return status_ok();
}

static void holder_describe(struct postgres_store *s)
{
    PGresult *result = NULL;
    char sql[192];
    char instance[HEX_SIZE];
    s->problem = "another process has the store";
    snprintf(s->sentence, sizeof s->sentence, "the database of the store is in use by another simpul process");
    pg_hex_text(s->instance, instance);
    snprintf(sql, sizeof sql, "SELECT host, to_char(since, 'YYYY-MM-DD HH24:MI:SS TZ') FROM simpul_store.holders"
             " WHERE instance = decode('%s', 'hex')", instance);
    if (!status_is_ok(pg_run(s, sql, &result))) {
        return;
    }
    if (PQntuples(result) > 0) {
        snprintf(s->sentence, sizeof s->sentence, "the database of the store is in use by another simpul process of this data folder "
                 "(%.80s, since %.40s); stop that process, or ask it through its socket; a second process of the hub needs a "
                 "folder of its own", PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
    }
    PQclear(result);
}

/* A session takes a moment to end. */
static struct status lock_await(struct postgres_store *s, const char *sql, int64_t patience_ms)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000000};
    int64_t end_ms = clock_monotonic_ms() + patience_ms;
    for (;;) {
        bool taken = false;
        TRY(ask(s, sql, &taken));
        if (taken || clock_monotonic_ms() >= end_ms) {
            return taken ? status_ok() : STATUS_MAKE(STATUS_BUSY);
        }
        nanosleep(&pause, NULL);
    }
}

/* The lock of an instance belongs to a session, so it is free only when the last session has ended at the server, whatever became
 * of its network. Our own earlier one is ended here; then a COMMIT that it was in is over, one way or the other. */
static struct status instance_take(struct postgres_store *s)
{
    bool taken = false;
    bool there = false;
    char sql[sizeof end_own_sql + 64];
    char token[HEX_SIZE];
    char lock[64];
    snprintf(lock, sizeof lock, "SELECT pg_try_advisory_lock(" LOCK ", %u)", instance_lock(s));
    TRY(ask(s, lock, &taken));
    if (taken) {
        return status_ok();
    }
    TRY(ask(s, "SELECT to_regclass('simpul_store.holders') IS NOT NULL", &there));
    if (there && s->connections > 0) {
        bool ended = false;
        pg_hex_text(s->token, token);
        snprintf(sql, sizeof sql, end_own_sql, instance_lock(s), token);
        TRY(ask(s, sql, &ended));
        if (ended) { /* a COMMIT that waits for its standby is broken off by that */
            return lock_await(s, lock, OWN_PATIENCE_MS);
        }
    }
    struct status status = lock_await(s, lock, PATIENCE_MS);
    if (status.code == STATUS_BUSY && there) {
        holder_describe(s);
    }
    return status;
}

static struct status locks_take(struct postgres_store *s)
{
    TRY(instance_take(s));
    struct status status = lock_await(s, join_sql, PATIENCE_MS);
    if (status.code == STATUS_BUSY) {
        s->problem = "another process has the store";
        snprintf(s->sentence, sizeof s->sentence, "the database of the store is in use by another simpul process of an older version, "
                 "or is being moved; stop that process first");
    }
    TRY(status);
    if (!s->has_connectors) {
        return status;
    }
    status = lock_await(s, connectors_sql, PATIENCE_MS);
    if (status.code == STATUS_BUSY) {
        s->problem = "another process has the connectors";
        snprintf(s->sentence, sizeof s->sentence, "another process of this hub is connected to its legacy systems: let `legacy` stand in "
                 "the configuration of one process only");
    }
    return status;
}

/* Committed before anything is read: where the server waits for a standby, everything that can be read now is there too. */
static struct status hold(struct postgres_store *s)
{
    char sql[sizeof hold_sql + 192];
    char instance[HEX_SIZE];
    char token[HEX_SIZE];
    char host[65] = "";
    if (gethostname(host, sizeof host - 1) != 0) {
        host[0] = 0;
    }
    for (size_t i = 0; host[i]; i++) { /* a name, whatever the system gives */
        host[i] = strchr("'\\", host[i]) ? '?' : host[i];
    }
    size_t size = strlen(host);
    char named[96];
    snprintf(named, sizeof named, "%.*s, process %ld", (int)size, host, (long)getpid());
    pg_hex_text(s->instance, instance);
    pg_hex_text(s->token, token);
    snprintf(sql, sizeof sql, hold_sql, instance, token, named);
    s->warned = false;
    TRY(pg_run_within(s, sql, HOLD_WAIT_MS, NULL));
    if (s->warned) {
        s->problem = "the synchronous standby does not answer";
        return STATUS_MAKE(STATUS_IO);
    }
    return status_ok();
}

static struct status session_begin(struct postgres_store *s)
{
    if (!PQenterPipelineMode(s->conn)) {
        return STATUS_MAKE(STATUS_IO);
    }
    TRY(pg_run(s, settings_sql, NULL));
    if (s->is_replica) {
        TRY(pg_schema_check(s));
        return pg_run(s, "SET search_path = simpul_store", NULL);
    }
    TRY(pg_run(s, durable_sql, NULL));
    TRY(server_check(s));
    TRY(locks_take(s));
    TRY(pg_schema_apply(s));
    TRY(pg_run(s, "SET search_path = simpul_store", NULL));
    return hold(s);
}

struct status pg_connect(struct postgres_store *s)
{
    s->sentence[0] = 0;
    s->conn = pg_connection_open(s->source, s->is_replica ? "simpul-replica" : "simpul-store", s->is_replica ? "any" : "read-write");
    if (!s->conn) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (PQstatus(s->conn) != CONNECTION_OK) {
        struct status status = connect_failed(s);
        pg_drop(s);
        return status;
    }
    PQsetNoticeReceiver(s->conn, on_notice, s);
    struct status status = session_begin(s);
    if (!status_is_ok(status)) {
        pg_drop(s);
        return status;
    }
    s->connections++;
    return status;
}

/* ---- open ---- */

static struct status source_copy(struct postgres_store *s, const char *source)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(source, &message);
    if (!options) { /* the message may repeat a part of the string, so it is not shown */
        PQfreemem(message);
        snprintf(s->sentence, sizeof s->sentence, "the connection string of the store is not one of libpq: write "
                 "\"host=... dbname=... user=...\", values with blanks in single quotes");
        return STATUS_MAKE(STATUS_INVALID);
    }
    PQconninfoFree(options);
    size_t size = strlen(source) + 1;
    s->source = s->memory.alloc(s->memory.owner, size);
    if (!s->source) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    memcpy(s->source, source, size);
    return status_ok();
}

static struct status open_all(struct postgres_store *s, const struct store_postgres_options *options)
{
    TRY(source_copy(s, options->source));
    if (getrandom(s->token, sizeof s->token, 0) != (ssize_t)sizeof s->token) {
        return STATUS_MAKE(STATUS_IO);
    }
    return s->is_replica ? status_ok() : pg_connect(s);
}

static const char *hint_of(const struct postgres_store *s)
{
    if (s->problem && strcmp(s->problem, "the database role lacks a right") == 0) {
        return "; let its role own the schema simpul_store (deploy/OPERATOR.md, \"The hub on PostgreSQL\")";
    }
    return "";
}

struct status store_postgres_open(const struct store_postgres_options *options, struct memory memory, struct store **out_store,
                                  char *problem, size_t problem_size)
{
    struct postgres_store *s = memory.alloc(memory.owner, sizeof *s);
    if (!s) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    memset(s, 0, sizeof *s);
    s->store.ops = &pg_ops;
    s->memory = memory;
    s->has_connectors = options->has_connectors;
    s->is_replica = options->is_replica;
    s->told.number = -1;
    memcpy(s->instance, options->instance, sizeof s->instance);
    arena_init(&s->scratch, memory, SIZE_MAX);
    arena_init(&s->moves, memory, SIZE_MAX);
    struct status status = open_all(s, options);
    if (status_is_ok(status)) {
        *out_store = &s->store;
        return status;
    }
    if (s->sentence[0]) {
        snprintf(problem, problem_size, "%s", s->sentence);
    } else {
        snprintf(problem, problem_size, "the database of the store cannot be used: %s%s",
                 s->problem ? s->problem : status_name(status), hint_of(s));
    }
    s->store.ops->free(&s->store);
    return status;
}
