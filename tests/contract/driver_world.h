/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CONTRACT_DRIVER_WORLD_H
#define TESTS_CONTRACT_DRIVER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/base/clock.h"
#include "node/base/heap.h"
#include "node/connector/driver.h"
#include "sync/shadow.h"
#include "tests/postgres_cluster.h"

/* The contract of node/connector/driver.h, asked of every driver over a real database with a second session beside it that
 * plays the legacy application. A new driver is one more line in `factories`. */

/* Names as they are met: blanks, brackets, quotes, mixed case; a key of two columns. */
static const char MAPPING[] = "system: uji\n"
                              "zone: WIB\n"
                              "complaints:\n"
                              "  table: Aduan Warga\n"
                              "  key: [Kantor, \"nomor \\\"urut\\\"\"]\n"
                              "  identity: masuk\n"
                              "  fields:\n"
                              "    title: \"Judul (Baru)\"\n"
                              "    text: isi\n"
                              "    status: {column: status, values: {0: belum_verifikasi, 2: proses, 3: selesai}}\n"
                              "    class: {classification: {constant: pengaduan}}\n"
                              "    confidential: {constant: no}\n"
                              "    anonymous: {constant: no}\n"
                              "    time_received: masuk\n"
                              "  insert:\n"
                              "    defaults:\n"
                              "      Kantor: P\n"
                              "      \"nomor \\\"urut\\\"\": {template: \"{id}\"}\n"
                              "      pelapor: SIMPUL\n"
                              "notes:\n"
                              "  table: balasan\n"
                              "  key: id\n"
                              "  parent: [kantor, nomor]\n"
                              "  fields:\n"
                              "    text: pesan\n"
                              "  insert:\n"
                              "    defaults:\n"
                              "      petugas: SIMPUL\n";

/* %s: the type of a key that the database makes. */
static const char SCHEMA[] = "CREATE TABLE \"Aduan Warga\" (\"Kantor\" TEXT NOT NULL, \"nomor \"\"urut\"\"\" TEXT NOT NULL,"
                             " \"Judul (Baru)\" VARCHAR(40), isi TEXT, status INTEGER NOT NULL DEFAULT 0, masuk TEXT,"
                             " pelapor TEXT NOT NULL, PRIMARY KEY (\"Kantor\", \"nomor \"\"urut\"\"\"));"
                             "CREATE TABLE balasan (id %s, kantor TEXT NOT NULL, nomor TEXT NOT NULL,"
                             " pesan TEXT CONSTRAINT pantas CHECK (pesan <> 'terlarang'), petugas TEXT NOT NULL);";

enum { ADUAN, BALASAN };

struct world {
    const struct factory *factory;
    struct arena arena;
    const struct mapping *mapping;
    struct config_legacy legacy;
    struct driver *driver;
    void *application; /* the foreign session */
    char folder[64];
    char source[160];
};

struct factory {
    const char *name;
    const char *made_key;
    bool (*start)(struct world *world); /* false: this database is not installed here */
    void (*stop)(struct world *world);
    void (*exec)(struct world *world, const char *sql);
    int64_t (*number)(struct world *world, const char *sql);
    struct status (*open)(const struct config_legacy *legacy, const struct mapping *mapping, bool lenient,
                          struct driver **out_driver, char *problem, size_t problem_size);
};

static inline void must(struct world *world, struct status status)
{
    if (!status_is_ok(status)) {
        print_error("status %s: %s\n", status_name(status), world->driver ? world->driver->problem : "");
    }
    assert_int_equal(status.code, STATUS_OK);
}

/* ---- SQLite ---- */

static inline bool sqlite_start(struct world *world)
{
    sqlite3 *db = NULL;
    snprintf(world->folder, sizeof world->folder, "/tmp/simpul-driver-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->source, sizeof world->source, "%s/legacy.db", world->folder);
    assert_int_equal(sqlite3_open(world->source, &db), SQLITE_OK);
    world->application = db;
    return true;
}

static inline void sqlite_stop(struct world *world)
{
    sqlite3_close(world->application);
    unlink(world->source);
    rmdir(world->folder);
}

static inline void sqlite_run(struct world *world, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(world->application, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", message, sql);
    }
}

static inline int64_t sqlite_number(struct world *world, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(world->application, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

/* ---- PostgreSQL ---- */

static inline bool postgres_start(struct world *world)
{
    if (!cluster_start("its driver")) {
        return false;
    }
    snprintf(world->source, sizeof world->source, "%s dbname=uji%u", cluster.source, cluster_database());
    world->application = connect_to(world->source);
    return true;
}

static inline void postgres_stop(struct world *world)
{
    PQfinish(world->application);
}

static inline void postgres_exec_sql(struct world *world, const char *sql)
{
    conn_run(world->application, sql);
}

static inline int64_t postgres_number(struct world *world, const char *sql)
{
    PGresult *result = PQexec(world->application, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        fail_msg("%s: %s", PQerrorMessage(world->application), sql);
    }
    int64_t number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return number;
}

static const struct factory factories[] = {
    {"postgres", "integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", postgres_start, postgres_stop, postgres_exec_sql,
     postgres_number, driver_postgres_open},
    {"sqlite", "INTEGER PRIMARY KEY AUTOINCREMENT", sqlite_start, sqlite_stop, sqlite_run, sqlite_number,
     driver_sqlite_open},
};

/* ---- a world ---- */

static inline void world_mapping(struct world *world)
{
    struct problems problems;
    struct span text = {0};
    problems_init(&problems, &world->arena);
    struct status status = mapping_parse("uji.yaml", span_text(MAPPING), &world->arena, &problems, &world->mapping);
    if (!status_is_ok(status) && status_is_ok(problems_text(&problems, &world->arena, &text))) {
        print_error("%.*s\n", (int)text.size, (const char *)text.data);
    }
    assert_int_equal(status.code, STATUS_OK);
}

static inline struct status world_open_status(struct world *world, bool lenient, char *problem, size_t size)
{
    return world->factory->open(&world->legacy, world->mapping, lenient, &world->driver, problem, size);
}

static inline void world_open(struct world *world, bool lenient)
{
    char problem[256] = "";
    struct status status = world_open_status(world, lenient, problem, sizeof problem);
    if (!status_is_ok(status)) {
        print_error("%s\n", problem);
    }
    assert_int_equal(status.code, STATUS_OK);
}

static inline void world_close(struct world *world)
{
    if (world->driver) {
        world->driver->ops->free(world->driver);
    }
    world->driver = NULL;
}

/* A database with the tables of the application, ours installed. */
static inline void world_begin(struct world *world, const struct factory *factory)
{
    char schema[sizeof SCHEMA + 64];
    struct report report = {0};
    *world = (struct world){.factory = factory};
    arena_init(&world->arena, memory_heap(), SIZE_MAX);
    world_mapping(world);
    if (!factory->start(world)) {
        arena_release(&world->arena);
        skip();
    }
    world->legacy = (struct config_legacy){.name = "uji", .source = world->source, .lane = 1, .poll_ms = 20};
    snprintf(schema, sizeof schema, SCHEMA, factory->made_key);
    factory->exec(world, schema);
    world_open(world, true);
    assert_false(world->driver->installed);
    must(world, world->driver->ops->install(world->driver, false, &report));
    assert_true(world->driver->installed);
    assert_int_equal(report.problems, 0);
    report_release(&report);
    world_close(world);
    world_open(world, false);
    assert_true(world->driver->installed);
}

static inline void world_end(struct world *world)
{
    world_close(world);
    world->factory->stop(world);
    arena_release(&world->arena);
}

static inline void add_complaint(struct world *world, const char *office, const char *number, const char *title)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO \"Aduan Warga\" (\"Kantor\", \"nomor \"\"urut\"\"\", \"Judul (Baru)\", masuk, pelapor)"
             " VALUES ('%s', '%s', %s%s%s, '2026-01-01 08:00:00', 'Warga')",
             office, number, title ? "'" : "", title ? title : "NULL", title ? "'" : "");
    world->factory->exec(world, sql);
}

/* ---- what the driver says ---- */

#define EVENTS_MAX 64

static struct legacy_event events[EVENTS_MAX];

static inline size_t outbox(struct world *world)
{
    size_t count = SIZE_MAX;
    must(world, world->driver->ops->outbox(world->driver, EVENTS_MAX, &world->arena, events, &count));
    return count;
}

static inline void assert_event(const struct legacy_event *event, size_t table, const char *key, enum legacy_op op)
{
    assert_int_equal(event->table, table);
    assert_int_equal(event->op, op);
    if (!span_equal(event->key, span_text(key))) {
        fail_msg("key %.*s instead of %s", (int)event->key.size, (const char *)event->key.data, key);
    }
}

static inline struct legacy_row row_of(struct world *world, size_t table, const char *key)
{
    struct span span = span_text(key);
    struct legacy_row row;
    must(world, world->driver->ops->rows(world->driver, table, &span, 1, false, &world->arena, &row));
    assert_true(span_equal(row.key, span));
    return row;
}

static inline size_t column_index(struct world *world, size_t table, const char *name)
{
    for (size_t i = 0; i < world->mapping->tables[table].column_count; i++) {
        if (strcmp(world->mapping->tables[table].columns[i].name, name) == 0) {
            return i;
        }
    }
    fail_msg("no column %s", name);
    return 0;
}

static inline void assert_column(struct world *world, const struct legacy_row *row, size_t table, const char *name,
                          const char *text)
{
    const struct mapping_raw *raw = &row->raw[column_index(world, table, name)];
    assert_int_equal(raw->null, text == NULL);
    if (text && !span_equal(raw->bytes, span_text(text))) {
        fail_msg("column %s is %.*s instead of %s", name, (int)raw->bytes.size, (const char *)raw->bytes.data, text);
    }
}

static inline struct mapping_cell cell(struct world *world, size_t table, const char *name, const char *text)
{
    return (struct mapping_cell){.column = column_index(world, table, name),
                                 .raw = {.bytes = text ? span_text(text) : (struct span){0}, .null = text == NULL}};
}

static inline struct legacy_shadow shadow_of(const char *key, uint64_t version, uint8_t record, const char *bytes)
{
    struct legacy_shadow shadow = {
        .table = ADUAN, .key = span_text(key), .version = version, .state = SHADOW_TIED, .bytes = span_text(bytes)};
    memset(shadow.record.bytes, record, sizeof shadow.record.bytes);
    memset(shadow.identity, 7, sizeof shadow.identity);
    return shadow;
}

static inline bool store_shadow(struct world *world, struct legacy_shadow shadow)
{
    bool stored = false;
    must(world, world->driver->ops->begin(world->driver));
    must(world, world->driver->ops->shadows_store(world->driver, &shadow, 1, &stored));
    must(world, world->driver->ops->commit(world->driver));
    return stored;
}

/* ---- cases ---- */

static inline const struct factory *factory_of(void **state)
{
    return *state;
}

static inline void only_for(void **state, const char *name)
{
    if (strcmp(factory_of(state)->name, name) != 0) {
        skip();
    }
}

/* Every case over every driver. */
static inline int driver_cases_run(const struct CMUnitTest *cases, size_t count)
{
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    int failed = 0;
    assert_non_null(tests);
    for (size_t f = 0; f < sizeof factories / sizeof factories[0]; f++) {
        for (size_t i = 0; i < count; i++) {
            tests[i] = cases[i];
            tests[i].initial_state = (void *)(uintptr_t)&factories[f];
        }
        failed += _cmocka_run_group_tests(factories[f].name, tests, count, NULL, NULL);
    }
    free(tests);
    cluster_stop();
    return failed;
}

#endif
