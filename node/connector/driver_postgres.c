/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/driver_postgres.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "node/base/clock.h"
#include "node/base/heap.h"

/* Connecting, waiting, and the driver put together. */

#define POLL_MS_DEFAULT 200

/* ---- waiting ---- */

static struct status connection_lost(struct driver_postgres *postgres)
{
    snprintf(postgres->driver.problem, sizeof postgres->driver.problem, "the connection to PostgreSQL was lost");
    return STATUS_MAKE(STATUS_IO);
}

static struct status notified(struct driver_postgres *postgres, bool *out_notified)
{
    if (!PQconsumeInput(postgres->conn) || PQstatus(postgres->conn) == CONNECTION_BAD) {
        return connection_lost(postgres);
    }
    for (PGnotify *notify = PQnotifies(postgres->conn); notify; notify = PQnotifies(postgres->conn)) {
        PQfreemem(notify);
        *out_notified = true;
    }
    return status_ok();
}

static bool any_quiet(const struct driver_postgres *postgres)
{
    bool quiet = false;
    for (size_t i = 0; i < postgres->driver.mapping->table_count; i++) {
        quiet |= postgres->tables[i].quiet;
    }
    return quiet;
}

/* NOTIFY only wakes: the outbox is looked at all the same, now and then. */
static struct status probe(struct driver_postgres *postgres, bool *out_changed)
{
    struct parameters none;
    PGresult *result = NULL;
    parameters_init(&none, postgres);
    TRY(postgres_query(postgres,
                       "SELECT count(*), coalesce(max(id), 0)::bigint FROM (SELECT id FROM simpul.outbox LIMIT 10000) AS o",
                       &none, &result));
    int64_t count = result_int(result, 0, 0);
    int64_t last = result_int(result, 0, 1);
    PQclear(result);
    *out_changed |= count > 0 && (count != postgres->probe_count || last != postgres->probe_last);
    postgres->probe_count = count;
    postgres->probe_last = last;
    postgres->probed_ms = clock_monotonic_ms();
    return status_ok();
}

static int64_t probe_due_ms(const struct driver_postgres *postgres)
{
    int64_t pause_ms = postgres->poll_ms;
    if (!any_quiet(postgres) && pause_ms < POSTGRES_PROBE_MS) {
        pause_ms = POSTGRES_PROBE_MS;
    }
    return postgres->probed_ms + pause_ms - clock_monotonic_ms();
}

/* ---- sleep: only who sleeps is notified ---- */

/* Has the lock, or has not: then a transaction is open that will not notify us, or another connector sleeps. */
static struct status sleep_try(struct driver_postgres *postgres, bool *out_asleep)
{
    struct parameters none;
    PGresult *result = NULL;
    parameters_init(&none, postgres);
    TRY(postgres_query(postgres, "SELECT pg_catalog.pg_try_advisory_lock(" POSTGRES_SLEEP_LOCK ")::int::bigint", &none, &result));
    *out_asleep = result_int(result, 0, 0) == 1;
    PQclear(result);
    return status_ok();
}

/* Who got the lock looks once more: everything that was written without a NOTIFY is committed by then. Who did not get it
 * looks at the outbox too, and tries again a little later. */
static struct status fall_asleep(struct driver_postgres *postgres, bool *out_changed)
{
    int64_t now_ms = clock_monotonic_ms();
    if (postgres->asleep || now_ms < postgres->doze_until_ms) {
        return status_ok();
    }
    TRY(sleep_try(postgres, &postgres->asleep));
    if (!postgres->asleep) {
        postgres->doze_ms = postgres->doze_ms == 0 ? POSTGRES_DOZE_MS : postgres->doze_ms * 2;
        postgres->doze_ms = postgres->doze_ms > POSTGRES_DOZE_MAX_MS ? POSTGRES_DOZE_MAX_MS : postgres->doze_ms;
        postgres->doze_until_ms = now_ms + postgres->doze_ms;
    }
    return probe(postgres, out_changed);
}

struct status postgres_awake(struct driver_postgres *postgres)
{
    if (!postgres->asleep) {
        return status_ok();
    }
    TRY(postgres_exec(postgres, "SELECT pg_catalog.pg_advisory_unlock(" POSTGRES_SLEEP_LOCK ")"));
    postgres->asleep = false;
    postgres->doze_ms = 0;
    postgres->doze_until_ms = 0;
    return status_ok();
}

static int64_t min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* True after wake(). */
static bool pause_until(struct driver_postgres *postgres, int64_t ms)
{
    struct pollfd fds[2] = {{.fd = postgres->wake_fd, .events = POLLIN},
                            {.fd = PQsocket(postgres->conn), .events = POLLIN}};
    uint64_t drained;
    if (poll(fds, 2, ms < 0 ? 0 : (int)ms) <= 0 || !(fds[0].revents & POLLIN)) {
        return false;
    }
    return read(postgres->wake_fd, &drained, sizeof drained) > 0;
}

/* How long nothing has to be looked at. */
static int64_t rest_ms(const struct driver_postgres *postgres, int64_t left_ms)
{
    if (!postgres->driver.installed) {
        return left_ms;
    }
    int64_t rest = min_ms(left_ms, probe_due_ms(postgres));
    return postgres->asleep ? rest : min_ms(rest, postgres->doze_until_ms - clock_monotonic_ms());
}

static struct status look(struct driver_postgres *postgres, bool *out_changed)
{
    TRY(notified(postgres, out_changed));
    if (!*out_changed && postgres->driver.installed) {
        TRY(fall_asleep(postgres, out_changed));
        if (!*out_changed && probe_due_ms(postgres) <= 0) {
            TRY(probe(postgres, out_changed));
        }
    }
    return *out_changed ? postgres_awake(postgres) : status_ok();
}

static struct status driver_postgres_wait(struct driver *driver, int64_t timeout_ms, bool *out_changed)
{
    struct driver_postgres *postgres = postgres_of(driver);
    int64_t end_ms = clock_monotonic_ms() + timeout_ms;
    for (;;) {
        bool changed = false;
        TRY(look(postgres, &changed));
        int64_t left_ms = end_ms - clock_monotonic_ms();
        if (changed || left_ms <= 0) {
            *out_changed = changed;
            return status_ok();
        }
        if (pause_until(postgres, rest_ms(postgres, left_ms))) {
            *out_changed = false;
            return status_ok();
        }
    }
}

static void driver_postgres_wake(struct driver *driver)
{
    uint64_t one = 1;
    ssize_t written = write(postgres_of(driver)->wake_fd, &one, sizeof one);
    (void)written; /* a full counter wakes as well */
}

/* ---- open and close ---- */

static void driver_postgres_free(struct driver *driver)
{
    struct driver_postgres *postgres = postgres_of(driver);
    if (!postgres) {
        return;
    }
    PQfinish(postgres->conn);
    if (postgres->wake_fd >= 0) {
        close(postgres->wake_fd);
    }
    arena_release(&postgres->scratch);
    arena_release(&postgres->arena);
    free(postgres);
}

static const struct driver_ops POSTGRES_OPS = {
    .wait = driver_postgres_wait,
    .wake = driver_postgres_wake,
    .column = driver_postgres_column,
    .outbox = driver_postgres_outbox,
    .outbox_count = driver_postgres_outbox_count,
    .page = driver_postgres_page,
    .estimate = driver_postgres_estimate,
    .rows = driver_postgres_rows,
    .shadows_of_record = driver_postgres_shadows_of_record,
    .shadows_of_identity = driver_postgres_shadows_of_identity,
    .orphans = driver_postgres_orphans,
    .begin = driver_postgres_begin,
    .commit = driver_postgres_commit,
    .rollback = driver_postgres_rollback,
    .outbox_remove = driver_postgres_outbox_remove,
    .shadows_store = driver_postgres_shadows_store,
    .shadow_remove = driver_postgres_shadow_remove,
    .shadow_move = driver_postgres_shadow_move,
    .update = driver_postgres_update,
    .insert = driver_postgres_insert,
    .mark = driver_postgres_mark,
    .mark_set = driver_postgres_mark_set,
    .mark_swap = driver_postgres_mark_swap,
    .check = driver_postgres_check,
    .install = driver_postgres_install,
    .uninstall = driver_postgres_uninstall,
    .free = driver_postgres_free,
};

/* What the connection string does not say otherwise; the encoding is ours to say. */
static PGconn *connect_to(const char *source)
{
    const char *const keywords[] = {"application_name",   "connect_timeout",  "keepalives_idle", "keepalives_interval",
                                    "keepalives_count",   "tcp_user_timeout", "dbname",          "client_encoding",
                                    NULL};
    const char *const values[] = {"simpul", "10", "30", "10", "3", "30000", source, "UTF8", NULL};
    return PQconnectdbParams(keywords, values, 1);
}

/* Statements are planned while a table is empty, and kept while it grows: an index serves at any size. */
static const char SESSION[] = "SET enable_seqscan = off; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET bytea_output = 'hex'; SET jit = off;"
                              " SET statement_timeout = '120s'; SET lock_timeout = '2s';"
                              " SET idle_in_transaction_session_timeout = '60s'";

static void ignore_notice(void *owner, const PGresult *result)
{
    (void)owner;
    (void)result; /* "schema exists already" and the like; their triggers' notices may hold anything */
}

static struct status open_connection(struct driver_postgres *postgres, const char *source)
{
    char *problem = postgres->driver.problem;
    postgres->conn = connect_to(source);
    if (!postgres->conn) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (PQstatus(postgres->conn) != CONNECTION_OK) { /* names host and user, never the password */
        int size = snprintf(problem, sizeof postgres->driver.problem, "PostgreSQL: %s", PQerrorMessage(postgres->conn));
        for (size_t i = 0; size > 0 && problem[i]; i++) {
            problem[i] = problem[i] == '\n' ? (problem[i + 1] ? ' ' : 0) : problem[i];
        }
        return STATUS_MAKE(STATUS_IO);
    }
    PQsetNoticeReceiver(postgres->conn, ignore_notice, NULL);
    return postgres_exec(postgres, SESSION);
}

static struct status open_all(struct driver_postgres *postgres, const struct config_legacy *legacy, bool lenient)
{
    struct driver *driver = &postgres->driver;
    postgres->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (postgres->wake_fd < 0) {
        snprintf(driver->problem, sizeof driver->problem, "no file handle is left: raise the limit of open files");
        return STATUS_MAKE(STATUS_IO);
    }
    TRY(open_connection(postgres, legacy->source));
    TRY(postgres_catalogue_load(postgres));
    if (!lenient) {
        TRY(catalogue_check(&postgres->catalogue, driver->mapping, driver->problem, sizeof driver->problem));
    }
    TRY(postgres_tables_prepare(postgres));
    TRY(postgres_installed(postgres, &driver->installed));
    return driver->installed ? postgres_exec(postgres, "LISTEN simpul") : status_ok();
}

struct status driver_postgres_open(const struct config_legacy *legacy, const struct mapping *mapping, bool lenient,
                                   struct driver **out_driver, char *problem, size_t problem_size)
{
    struct driver_postgres *postgres = calloc(1, sizeof *postgres);
    if (!postgres) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    *postgres = (struct driver_postgres){.driver = {.ops = &POSTGRES_OPS, .mapping = mapping, .lane = legacy->lane},
                                         .wake_fd = -1,
                                         .poll_ms = legacy->poll_ms > 0 ? legacy->poll_ms : POLL_MS_DEFAULT};
    arena_init(&postgres->arena, memory_heap(), SIZE_MAX);
    arena_init(&postgres->scratch, memory_heap(), SIZE_MAX);
    struct status status = open_all(postgres, legacy, lenient);
    if (!status_is_ok(status)) {
        snprintf(problem, problem_size, "%s", postgres->driver.problem);
        driver_postgres_free(&postgres->driver);
        return status;
    }
    postgres->driver.problem[0] = 0;
    *out_driver = &postgres->driver;
    return status_ok();
}
