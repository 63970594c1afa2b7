/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/driver_postgres.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Our schema, and check, install and uninstall. */

static const char *const SCHEMA[] = {
    "CREATE SCHEMA IF NOT EXISTS simpul",
    "REVOKE ALL ON SCHEMA simpul FROM PUBLIC",
    "CREATE TABLE IF NOT EXISTS simpul.outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tbl text NOT NULL,"
    " key text NOT NULL, op smallint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS simpul.shadow (lane bigint NOT NULL, tbl text COLLATE \"C\" NOT NULL,"
    " key text COLLATE \"C\" NOT NULL, version bigint NOT NULL, state bigint NOT NULL, record bytea NOT NULL,"
    " part bytea NOT NULL, identity bytea NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (lane, tbl, key)) WITH (fillfactor = 75)",
    /* lane and tbl last: as first columns they would tempt a planner without statistics to read a whole table by them */
    "CREATE INDEX IF NOT EXISTS shadow_record ON simpul.shadow (record, part, lane)",
    "CREATE INDEX IF NOT EXISTS shadow_identity ON simpul.shadow (identity, tbl, lane)",
    "CREATE TABLE IF NOT EXISTS simpul.mark (name text PRIMARY KEY, value bytea NOT NULL)",
    /* the claims of a batch come and go in one value: to compress them would cost more than to write them */
    "ALTER TABLE simpul.mark ALTER COLUMN value SET STORAGE EXTERNAL",
};
enum { SCHEMA_COUNT = sizeof SCHEMA / sizeof SCHEMA[0] };

/* ---- installed? ---- */

/* "1 <digest of the triggers' SQL>": another mapping has other triggers. */
static struct status installed_mark(struct driver_postgres *postgres, char *out_mark, size_t size)
{
    uint64_t digest = POSTGRES_DIGEST_START;
    for (size_t i = 0; i < postgres->driver.mapping->table_count; i++) {
        const char *sql;
        TRY(postgres_function_sql(postgres, i, &sql));
        digest = postgres_text_digest(sql, digest);
    }
    snprintf(out_mark, size, "%d %016" PRIx64, POSTGRES_VERSION, digest);
    return status_ok();
}

static const char TRIGGERS_SQL[] =
    "SELECT count(*) FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid"
    " JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace"
    " WHERE t.tgrelid = $1::bigint::oid AND n.nspname = 'simpul' AND p.proname = $2 AND t.tgenabled <> 'D'";

static struct status triggers_are_there(struct driver_postgres *postgres, size_t table, bool *out_there)
{
    struct parameters parameters;
    PGresult *result = NULL;
    char name[80];
    postgres_function_name(postgres, table, name, sizeof name);
    parameters_init(&parameters, postgres);
    parameter_int(&parameters, postgres->tables[table].oid);
    parameter_text(&parameters, span_text(name));
    TRY(postgres_query(postgres, TRIGGERS_SQL, &parameters, &result));
    *out_there = result_int(result, 0, 0) == POSTGRES_TRIGGERS;
    PQclear(result);
    return status_ok();
}

/* A DBA may say in simpul.mark that a table's trigger is not to notify ("notify:aduan" = 'off'): NOTIFY makes commits
 * queue behind each other on a busy system. Takes effect with the next install. */
static struct status quiet_load(struct driver_postgres *postgres)
{
    for (size_t i = 0; i < postgres->driver.mapping->table_count; i++) {
        char name[256];
        struct span value;
        snprintf(name, sizeof name, "notify:%s", postgres->labels[i]);
        struct status status = driver_postgres_mark(&postgres->driver, name, &postgres->arena, &value);
        if (status.code != STATUS_NOT_FOUND) {
            TRY(status);
            postgres->tables[i].quiet = span_equal(value, span_text("off"));
        }
    }
    return status_ok();
}

/* What another user installed and this one may not read is not installed for us. */
static const char OURS_SQL[] =
    "SELECT count(*) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'simpul' AND c.relname IN ('outbox', 'shadow', 'mark', 'shadow_record', 'shadow_identity')"
    " AND has_schema_privilege(n.oid, 'USAGE') AND (c.relkind = 'i' OR has_table_privilege(c.oid, 'SELECT'))";

static struct status tables_are_there(struct driver_postgres *postgres, bool *out_there)
{
    struct parameters none;
    PGresult *result = NULL;
    parameters_init(&none, postgres);
    TRY(postgres_query(postgres, OURS_SQL, &none, &result));
    *out_there = result_int(result, 0, 0) == 5;
    PQclear(result);
    return status_ok();
}

struct status postgres_installed(struct driver_postgres *postgres, bool *out_installed)
{
    char mark[64];
    struct span value;
    bool there = false;
    TRY(tables_are_there(postgres, &there));
    if (!there) {
        *out_installed = false;
        return status_ok();
    }
    TRY(quiet_load(postgres));
    struct status status = driver_postgres_mark(&postgres->driver, "installed", &postgres->arena, &value);
    if (status.code == STATUS_NOT_FOUND) {
        *out_installed = false;
        return status_ok();
    }
    TRY(status);
    TRY(installed_mark(postgres, mark, sizeof mark));
    there = span_equal(value, span_text(mark));
    for (size_t i = 0; there && i < postgres->driver.mapping->table_count; i++) {
        TRY(triggers_are_there(postgres, i, &there));
    }
    *out_installed = there;
    return status_ok();
}

/* ---- check ---- */

static struct status check_server(struct driver_postgres *postgres, struct report *report)
{
    struct parameters none;
    PGresult *result = NULL;
    parameters_init(&none, postgres);
    TRY(postgres_query(postgres,
                       "SELECT current_setting('server_version'), current_database()::text, current_user::text,"
                       " current_setting('server_encoding'), pg_is_in_recovery()::text, current_setting('TimeZone')",
                       &none, &result));
    struct span values[6];
    for (int i = 0; i < 6; i++) {
        values[i] = result_span(result, 0, i);
    }
    report_line(report, "PostgreSQL %.*s, database \"%.*s\", user \"%.*s\", encoding %.*s, time zone %.*s", (int)values[0].size,
                (const char *)values[0].data, (int)values[1].size, (const char *)values[1].data, (int)values[2].size,
                (const char *)values[2].data, (int)values[3].size, (const char *)values[3].data, (int)values[5].size,
                (const char *)values[5].data);
    if (span_equal(values[4], span_text("true"))) {
        report_problem(report, "problem: this server is a standby and cannot be written: give the address of the primary");
    }
    if (span_equal(values[3], span_text("SQL_ASCII"))) {
        report_line(report, "warning: the encoding SQL_ASCII promises nothing: rows with broken UTF-8 go to the quarantine");
    }
    if (!postgres->schema_there && !postgres->may_create) {
        report_problem(report, "problem: no right to make the schema \"simpul\"; have the DBA run: GRANT CREATE ON DATABASE "
                               "\"%.*s\" TO %s;",
                       (int)values[1].size, (const char *)values[1].data, postgres->catalogue.user);
    }
    PQclear(result);
    return status_ok();
}

struct status driver_postgres_check(struct driver *driver, struct report *report)
{
    struct driver_postgres *postgres = postgres_of(driver);
    arena_clear(&postgres->scratch);
    TRY(check_server(postgres, report));
    catalogue_report(&postgres->catalogue, driver->mapping, report);
    report_line(report, driver->installed ? "ours: installed, version %d"
                                          : "ours: not installed for this mapping (wants version %d): run `simpul connector "
                                            "install`",
                POSTGRES_VERSION);
    return status_ok();
}

/* ---- install ---- */

static struct status statement(struct driver_postgres *postgres, bool print_only, struct report *report, const char *sql)
{
    if (print_only) {
        report_line(report, "%s;", sql);
        return status_ok();
    }
    return postgres_exec(postgres, sql);
}

static struct status install_all(struct driver_postgres *postgres, bool print_only, struct report *report)
{
    char mark[64];
    char sql[256];
    TRY(statement(postgres, print_only, report, "BEGIN"));
    TRY(statement(postgres, print_only, report, "SET LOCAL lock_timeout = '10s'"));
    for (size_t i = 0; i < SCHEMA_COUNT; i++) {
        TRY(statement(postgres, print_only, report, SCHEMA[i]));
    }
    for (size_t i = 0; i < postgres->driver.mapping->table_count; i++) {
        const char *text;
        TRY(postgres_function_sql(postgres, i, &text));
        TRY(statement(postgres, print_only, report, text));
        for (size_t t = 0; t < POSTGRES_TRIGGERS; t++) {
            TRY(postgres_trigger_sql(postgres, i, t, &text));
            TRY(statement(postgres, print_only, report, text));
        }
    }
    TRY(installed_mark(postgres, mark, sizeof mark));
    snprintf(sql, sizeof sql,
             "INSERT INTO simpul.mark (name, value) VALUES ('installed', '%s') ON CONFLICT (name) DO UPDATE SET value = "
             "excluded.value",
             mark);
    TRY(statement(postgres, print_only, report, sql));
    return statement(postgres, print_only, report, "COMMIT");
}

static void roll_back(struct driver_postgres *postgres)
{
    if (PQstatus(postgres->conn) == CONNECTION_OK && PQtransactionStatus(postgres->conn) != PQTRANS_IDLE) {
        char problem[sizeof postgres->driver.problem];
        memcpy(problem, postgres->driver.problem, sizeof problem);
        struct status status = postgres_exec(postgres, "ROLLBACK");
        (void)status;
        memcpy(postgres->driver.problem, problem, sizeof problem);
    }
}

struct status driver_postgres_install(struct driver *driver, bool print_only, struct report *report)
{
    struct driver_postgres *postgres = postgres_of(driver);
    arena_clear(&postgres->scratch);
    if (driver->installed && !print_only) {
        report_line(report, "already installed, version %d: nothing to do", POSTGRES_VERSION);
        return status_ok();
    }
    TRY(catalogue_check(&postgres->catalogue, driver->mapping, driver->problem, sizeof driver->problem));
    struct status status = install_all(postgres, print_only, report);
    if (!print_only) {
        roll_back(postgres);
        TRY(status);
        postgres->schema_there = true;
        driver->installed = true;
        TRY(postgres_tables_prepare(postgres));
        TRY(postgres_exec(postgres, "LISTEN simpul"));
        report_line(report, "installed, version %d: schema simpul and triggers on %zu table%s", POSTGRES_VERSION,
                    driver->mapping->table_count, driver->mapping->table_count == 1 ? "" : "s");
    }
    return status;
}

/* The triggers go with the functions that they run. */
struct status driver_postgres_uninstall(struct driver *driver, bool print_only, struct report *report)
{
    struct driver_postgres *postgres = postgres_of(driver);
    arena_clear(&postgres->scratch);
    TRY(statement(postgres, print_only, report, "DROP SCHEMA IF EXISTS simpul CASCADE"));
    if (!print_only) {
        postgres->schema_there = false;
        driver->installed = false;
        TRY(postgres_tables_prepare(postgres));
        report_line(report, "uninstalled: schema simpul and our triggers are gone");
    }
    return status_ok();
}
