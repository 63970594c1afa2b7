/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_connector node_mapping node_config node_base */
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

static void must(struct world *world, struct status status)
{
    if (!status_is_ok(status)) {
        print_error("status %s: %s\n", status_name(status), world->driver ? world->driver->problem : "");
    }
    assert_int_equal(status.code, STATUS_OK);
}

/* ---- SQLite ---- */

static bool sqlite_start(struct world *world)
{
    sqlite3 *db = NULL;
    snprintf(world->folder, sizeof world->folder, "/tmp/simpul-driver-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->source, sizeof world->source, "%s/legacy.db", world->folder);
    assert_int_equal(sqlite3_open(world->source, &db), SQLITE_OK);
    world->application = db;
    return true;
}

static void sqlite_stop(struct world *world)
{
    sqlite3_close(world->application);
    unlink(world->source);
    rmdir(world->folder);
}

static void sqlite_run(struct world *world, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(world->application, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", message, sql);
    }
}

static int64_t sqlite_number(struct world *world, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(world->application, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

/* ---- PostgreSQL ---- */

static bool postgres_start(struct world *world)
{
    if (!cluster_start("its driver")) {
        return false;
    }
    snprintf(world->source, sizeof world->source, "%s dbname=uji%u", cluster.source, cluster_database());
    world->application = connect_to(world->source);
    return true;
}

static void postgres_stop(struct world *world)
{
    PQfinish(world->application);
}

static void postgres_exec_sql(struct world *world, const char *sql)
{
    conn_run(world->application, sql);
}

static int64_t postgres_number(struct world *world, const char *sql)
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

static void world_mapping(struct world *world)
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

static struct status world_open_status(struct world *world, bool lenient, char *problem, size_t size)
{
    return world->factory->open(&world->legacy, world->mapping, lenient, &world->driver, problem, size);
}

static void world_open(struct world *world, bool lenient)
{
    char problem[256] = "";
    struct status status = world_open_status(world, lenient, problem, sizeof problem);
    if (!status_is_ok(status)) {
        print_error("%s\n", problem);
    }
    assert_int_equal(status.code, STATUS_OK);
}

static void world_close(struct world *world)
{
    if (world->driver) {
        world->driver->ops->free(world->driver);
    }
    world->driver = NULL;
}

/* A database with the tables of the application, ours installed. */
static void world_begin(struct world *world, const struct factory *factory)
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

static void world_end(struct world *world)
{
    world_close(world);
    world->factory->stop(world);
    arena_release(&world->arena);
}

static void add_complaint(struct world *world, const char *office, const char *number, const char *title)
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

static size_t outbox(struct world *world)
{
    size_t count = SIZE_MAX;
    must(world, world->driver->ops->outbox(world->driver, EVENTS_MAX, &world->arena, events, &count));
    return count;
}

static void assert_event(const struct legacy_event *event, size_t table, const char *key, enum legacy_op op)
{
    assert_int_equal(event->table, table);
    assert_int_equal(event->op, op);
    if (!span_equal(event->key, span_text(key))) {
        fail_msg("key %.*s instead of %s", (int)event->key.size, (const char *)event->key.data, key);
    }
}

static struct legacy_row row_of(struct world *world, size_t table, const char *key)
{
    struct span span = span_text(key);
    struct legacy_row row;
    must(world, world->driver->ops->rows(world->driver, table, &span, 1, false, &world->arena, &row));
    assert_true(span_equal(row.key, span));
    return row;
}

static size_t column_index(struct world *world, size_t table, const char *name)
{
    for (size_t i = 0; i < world->mapping->tables[table].column_count; i++) {
        if (strcmp(world->mapping->tables[table].columns[i].name, name) == 0) {
            return i;
        }
    }
    fail_msg("no column %s", name);
    return 0;
}

static void assert_column(struct world *world, const struct legacy_row *row, size_t table, const char *name,
                          const char *text)
{
    const struct mapping_raw *raw = &row->raw[column_index(world, table, name)];
    assert_int_equal(raw->null, text == NULL);
    if (text && !span_equal(raw->bytes, span_text(text))) {
        fail_msg("column %s is %.*s instead of %s", name, (int)raw->bytes.size, (const char *)raw->bytes.data, text);
    }
}

static struct mapping_cell cell(struct world *world, size_t table, const char *name, const char *text)
{
    return (struct mapping_cell){.column = column_index(world, table, name),
                                 .raw = {.bytes = text ? span_text(text) : (struct span){0}, .null = text == NULL}};
}

static struct legacy_shadow shadow_of(const char *key, uint64_t version, uint8_t record, const char *bytes)
{
    struct legacy_shadow shadow = {
        .table = ADUAN, .key = span_text(key), .version = version, .state = SHADOW_TIED, .bytes = span_text(bytes)};
    memset(shadow.record.bytes, record, sizeof shadow.record.bytes);
    memset(shadow.identity, 7, sizeof shadow.identity);
    return shadow;
}

static bool store_shadow(struct world *world, struct legacy_shadow shadow)
{
    bool stored = false;
    must(world, world->driver->ops->begin(world->driver));
    must(world, world->driver->ops->shadows_store(world->driver, &shadow, 1, &stored));
    must(world, world->driver->ops->commit(world->driver));
    return stored;
}

/* ---- cases ---- */

static const struct factory *factory_of(void **state)
{
    return *state;
}

static void changes_of_the_application_stand_in_the_outbox(void **state)
{
    struct world world;
    world_begin(&world, factory_of(state));
    assert_int_equal(outbox(&world), 0);
    add_complaint(&world, "A", "1", "Jalan");
    world.factory->exec(&world, "UPDATE \"Aduan Warga\" SET status = 2");
    world.factory->exec(&world, "INSERT INTO balasan (kantor, nomor, pesan, petugas) VALUES ('A', '1', 'ya', 'Budi')");
    world.factory->exec(&world, "DELETE FROM \"Aduan Warga\"");
    assert_int_equal(outbox(&world), 4);
    assert_event(&events[0], ADUAN, "A|1", LEGACY_INSERT);
    assert_event(&events[1], ADUAN, "A|1", LEGACY_UPDATE);
    assert_event(&events[2], BALASAN, "1", LEGACY_INSERT);
    assert_event(&events[3], ADUAN, "A|1", LEGACY_DELETE);
    uint64_t waiting = 0;
    must(&world, world.driver->ops->outbox_count(world.driver, &waiting));
    assert_int_equal(waiting, 4);
    world_end(&world);
}

static void what_a_rolled_back_statement_did_is_not_in_the_outbox(void **state)
{
    struct world world;
    world_begin(&world, factory_of(state));
    world.factory->exec(&world, "BEGIN");
    add_complaint(&world, "A", "1", "Jalan");
    world.factory->exec(&world, "ROLLBACK");
    assert_int_equal(outbox(&world), 0);
    world_end(&world);
}

static void our_own_writes_are_not_in_the_outbox(void **state)
{
    struct world world;
    world_begin(&world, factory_of(state));
    add_complaint(&world, "A", "1", "Jalan");
    assert_int_equal(outbox(&world), 1);
    int64_t id = events[0].id;
    struct mapping_cell status = cell(&world, ADUAN, "status", "3");
    must(&world, world.driver->ops->begin(world.driver));
    must(&world, world.driver->ops->update(world.driver, ADUAN, span_text("A|1"), &status, 1));
    must(&world, world.driver->ops->outbox_remove(world.driver, &id, 1));
    must(&world, world.driver->ops->commit(world.driver));
    assert_int_equal(outbox(&world), 0);
    assert_int_equal(world.factory->number(&world, "SELECT status FROM \"Aduan Warga\""), 3);
    /* and the mark of our session is gone with it */
    world.factory->exec(&world, "UPDATE \"Aduan Warga\" SET status = 2");
    assert_int_equal(outbox(&world), 1);
    world_end(&world);
}

static void removing_outbox_rows_takes_exactly_these(void **state)
{
    struct world world;
    world_begin(&world, factory_of(state));
    add_complaint(&world, "A", "1", NULL);
    add_complaint(&world, "A", "2", NULL);
    add_complaint(&world, "A", "3", NULL);
    assert_int_equal(outbox(&world), 3);
    int64_t ids[2] = {events[0].id, events[2].id};
    must(&world, world.driver->ops->begin(world.driver));
    must(&world, world.driver->ops->outbox_remove(world.driver, ids, 2));
    must(&world, world.driver->ops->commit(world.driver));
    assert_int_equal(outbox(&world), 1);
    assert_event(&events[0], ADUAN, "A|2", LEGACY_INSERT);
    world_end(&world);
}

static void composite_keys_with_bars_and_backslashes_come_through(void **state)
{
    struct world world;
    world_begin(&world, factory_of(state));
    add_complaint(&world, "A|B", "x\\y", "satu");
    add_complaint(&world, "A", "B|x\\y", "dua");
    assert_int_equal(outbox(&world), 2);
    assert_event(&events[0], ADUAN, "A\\|B|x\\\\y", LEGACY_INSERT);
    assert_event(&events[1], ADUAN, "A|B\\|x\\\\y", LEGACY_INSERT);
    struct legacy_row row = row_of(&world, ADUAN, "A\\|B|x\\\\y");
    assert_true(row.there);
    assert_column(&world, &row, ADUAN, "Judul (Baru)", "satu");
    assert_column(&world, &row, ADUAN, "Kantor", "A|B");
    row = row_of(&world, ADUAN, "A|B\\|x\\\\y");
    assert_column(&world, &row, ADUAN, "Judul (Baru)", "dua");
    world_end(&world);
}

static void another_key_is_another_row(void **state)
{
    struct world world;
    world_begin(&world, factory_of(state));
    add_complaint(&world, "A", "1", "Jalan");
    outbox(&world);
    must(&world, world.driver->ops->begin(world.driver));
    must(&world, world.driver->ops->outbox_remove(world.driver, &events[0].id, 1));
    must(&world, world.driver->ops->commit(world.driver));
    world.factory->exec(&world, "UPDATE \"Aduan Warga\" SET \"Kantor\" = 'B'");
    assert_int_equal(outbox(&world), 2);
    assert_event(&events[0], ADUAN, "A|1", LEGACY_DELETE);
    assert_event(&events[1], ADUAN, "B|1", LEGACY_INSERT);
    world_end(&world);
}

static void rows_come_in_the_order_asked_for_with_null_as_null(void **state)
{
    struct world world;
    struct span keys[3] = {span_text("A|2"), span_text("A|404"), span_text("A|1")};
    struct legacy_row rows[3];
    world_begin(&world, factory_of(state));
    add_complaint(&world, "A", "1", "O''Brien");
    add_complaint(&world, "A", "2", NULL);
    must(&world, world.driver->ops->rows(world.driver, ADUAN, keys, 3, false, &world.arena, rows));
    assert_true(rows[0].there);
    assert_false(rows[1].there);
    assert_true(rows[2].there);
    assert_column(&world, &rows[0], ADUAN, "Judul (Baru)", NULL);
    assert_column(&world, &rows[0], ADUAN, "status", "0");
    assert_column(&world, &rows[2], ADUAN, "Judul (Baru)", "O'Brien");
    assert_column(&world, &rows[2], ADUAN, "masuk", "2026-01-01 08:00:00");
    assert_null(rows[2].shadow.bytes.data);
    world_end(&world);
}

static void a_key_that_no_row_can_have_is_not_there(void **state)
{
    struct world world;
    world_begin(&world, factory_of(state));
    assert_false(row_of(&world, ADUAN, "only one part").there);
    assert_false(row_of(&world, BALASAN, "not a number").there);
    assert_false(row_of(&world, BALASAN, "99999999999999999999999999").there);
    world_end(&world);
}

static void pages_walk_through_all_keys_once(void **state)
{
    struct world world;
    char number[16];
    struct span keys[7];
    struct span after = {0};
    size_t seen = 0;
    size_t count = 7;
    uint64_t estimate = 0;
    world_begin(&world, factory_of(state));
    for (int i = 0; i < 30; i++) {
        snprintf(number, sizeof number, "%d", i);
        add_complaint(&world, i % 2 ? "a|b" : "A", number, NULL);
        world.factory->exec(&world, "INSERT INTO balasan (kantor, nomor, petugas) VALUES ('A', '1', 'Budi')");
    }
    while (count == 7) {
        must(&world, world.driver->ops->page(world.driver, ADUAN, after, 7, &world.arena, keys, &count));
        seen += count;
        after = count > 0 ? keys[count - 1] : after;
    }
    assert_int_equal(seen, 30);
    must(&world, world.driver->ops->page(world.driver, BALASAN, span_text("9"), 3, &world.arena, keys, &count));
    assert_int_equal(count, 3);
    assert_true(span_equal(keys[0], span_text("10"))); /* the database's own order, not that of texts */
    must(&world, world.driver->ops->estimate(world.driver, BALASAN, &estimate));
    assert_true(estimate <= 30);
    world_end(&world);
}

static void a_shadow_is_replaced_only_by_its_next_version(void **state)
{
    struct world world;
    world_begin(&world, factory_of(state));
    add_complaint(&world, "A", "1", "Jalan");
    assert_true(store_shadow(&world, shadow_of("A|1", 1, 9, "one")));
    assert_false(store_shadow(&world, shadow_of("A|1", 1, 9, "again")));
    assert_false(store_shadow(&world, shadow_of("A|1", 3, 9, "three")));
    assert_true(store_shadow(&world, shadow_of("A|1", 2, 9, "two")));
    struct legacy_row row = row_of(&world, ADUAN, "A|1");
    assert_true(span_equal(row.shadow.bytes, span_text("two")));
    assert_int_equal(row.shadow.version, 2);
    assert_int_equal(row.shadow.state, SHADOW_TIED);
    assert_int_equal(row.shadow.record.bytes[15], 9);
    assert_int_equal(row.shadow.identity[0], 7);
    assert_true(part_id_is_none(row.shadow.part));
    world_end(&world);
}

static void of_many_shadows_only_the_losers_are_not_stored(void **state)
{
    struct world world;
    bool stored[4] = {0};
    world_begin(&world, factory_of(state));
    assert_true(store_shadow(&world, shadow_of("A|2", 1, 1, "first")));
    assert_true(store_shadow(&world, shadow_of("A|3", 1, 1, "first")));
    struct legacy_shadow many[4] = {shadow_of("A|1", 1, 1, "a"), shadow_of("A|2", 1, 1, "b"), shadow_of("A|3", 2, 1, "c"),
                                    shadow_of("A|4", 2, 1, "d")};
    must(&world, world.driver->ops->begin(world.driver));
    must(&world, world.driver->ops->shadows_store(world.driver, many, 4, stored));
    must(&world, world.driver->ops->commit(world.driver));
    assert_true(stored[0]);
    assert_false(stored[1]);
    assert_true(stored[2]);
    assert_false(stored[3]);
    assert_true(span_equal(row_of(&world, ADUAN, "A|2").shadow.bytes, span_text("first")));
    assert_null(row_of(&world, ADUAN, "A|4").shadow.bytes.data);
    world_end(&world);
}

static void shadows_are_found_by_record_part_and_identity(void **state)
{
    struct world world;
    struct legacy_shadow found[4];
    size_t count = 0;
    struct part_id none = {{0}};
    struct part_id part = {{5}};
    world_begin(&world, factory_of(state));
    struct legacy_shadow note = shadow_of("1", 1, 9, "note");
    note.table = BALASAN;
    note.part = part;
    memset(note.identity, 0, sizeof note.identity);
    assert_true(store_shadow(&world, shadow_of("A|1", 1, 9, "complaint")));
    assert_true(store_shadow(&world, note));
    assert_true(store_shadow(&world, shadow_of("A|2", 1, 8, "other")));
    struct record_id record = note.record;
    const struct driver_ops *ops = world.driver->ops;
    must(&world, ops->shadows_of_record(world.driver, record, true, none, 4, &world.arena, found, &count));
    assert_int_equal(count, 2);
    must(&world, ops->shadows_of_record(world.driver, record, false, part, 4, &world.arena, found, &count));
    assert_int_equal(count, 1);
    assert_int_equal(found[0].table, BALASAN);
    assert_true(span_equal(found[0].bytes, span_text("note")));
    must(&world, ops->shadows_of_record(world.driver, record, false, none, 4, &world.arena, found, &count));
    assert_int_equal(count, 1);
    assert_true(span_equal(found[0].key, span_text("A|1")));
    must(&world, ops->shadows_of_identity(world.driver, ADUAN, shadow_of("", 1, 0, "").identity, 4, &world.arena, found, &count));
    assert_int_equal(count, 2);
    world_end(&world);
}

static void a_shadow_moves_and_goes_only_in_its_version(void **state)
{
    struct world world;
    world_begin(&world, factory_of(state));
    const struct driver_ops *ops = world.driver->ops;
    assert_true(store_shadow(&world, shadow_of("A|1", 1, 9, "one")));
    assert_true(store_shadow(&world, shadow_of("A|2", 1, 9, "two")));
    must(&world, ops->begin(world.driver));
    assert_int_equal(ops->shadow_move(world.driver, ADUAN, span_text("A|1"), 2, span_text("B|1")).code, STATUS_STALE);
    assert_int_equal(ops->shadow_move(world.driver, ADUAN, span_text("A|1"), 1, span_text("A|2")).code, STATUS_STALE);
    must(&world, ops->shadow_move(world.driver, ADUAN, span_text("A|1"), 1, span_text("B|1")));
    assert_int_equal(ops->shadow_remove(world.driver, ADUAN, span_text("A|2"), 5).code, STATUS_STALE);
    must(&world, ops->shadow_remove(world.driver, ADUAN, span_text("A|2"), 1));
    must(&world, ops->commit(world.driver));
    assert_null(row_of(&world, ADUAN, "A|1").shadow.bytes.data);
    assert_null(row_of(&world, ADUAN, "A|2").shadow.bytes.data);
    assert_true(span_equal(row_of(&world, ADUAN, "B|1").shadow.bytes, span_text("one")));
    world_end(&world);
}

static void vanished_rows_are_found_by_their_shadows(void **state)
{
    struct world world;
    struct span keys[4];
    size_t count = 0;
    world_begin(&world, factory_of(state));
    add_complaint(&world, "A|x", "1", NULL);
    assert_true(store_shadow(&world, shadow_of("A\\|x|1", 1, 1, "here")));
    assert_true(store_shadow(&world, shadow_of("A|2", 1, 2, "gone")));
    assert_true(store_shadow(&world, shadow_of("A|3", 1, 3, "gone")));
    struct legacy_shadow untied = shadow_of("A|4", 1, 4, "untied");
    untied.state = SHADOW_UNTIED;
    assert_true(store_shadow(&world, untied));
    must(&world, world.driver->ops->orphans(world.driver, ADUAN, (struct span){0}, 4, &world.arena, keys, &count));
    assert_int_equal(count, 2);
    assert_true(span_equal(keys[0], span_text("A|2")));
    must(&world, world.driver->ops->orphans(world.driver, ADUAN, keys[0], 4, &world.arena, keys, &count));
    assert_int_equal(count, 1);
    assert_true(span_equal(keys[0], span_text("A|3")));
    world_end(&world);
}

static void an_insert_takes_cells_fills_and_defaults_and_gives_its_key(void **state)
{
    struct world world;
    struct span key = {0};
    world_begin(&world, factory_of(state));
    struct mapping_cell cells[2] = {cell(&world, ADUAN, "Judul (Baru)", "Baru; DROP TABLE balasan"),
                                    cell(&world, ADUAN, "isi", NULL)};
    struct mapping_fill fills[4] = {{"Kantor", {.bytes = span_text("P|1")}},
                                    {"nomor \"urut\"", {.bytes = span_text("7")}},
                                    {"pelapor", {.bytes = span_text("SIMPUL")}},
                                    {"isi", {.bytes = span_text("the cell wins")}}};
    must(&world, world.driver->ops->begin(world.driver));
    must(&world, world.driver->ops->insert(world.driver, ADUAN, cells, 2, fills, 4, &world.arena, &key));
    must(&world, world.driver->ops->commit(world.driver));
    assert_true(span_equal(key, span_text("P\\|1|7")));
    struct legacy_row row = row_of(&world, ADUAN, "P\\|1|7");
    assert_true(row.there);
    assert_column(&world, &row, ADUAN, "Judul (Baru)", "Baru; DROP TABLE balasan");
    assert_column(&world, &row, ADUAN, "isi", NULL);
    assert_column(&world, &row, ADUAN, "status", "0");
    assert_int_equal(outbox(&world), 0);
    world_end(&world);
}

static void a_key_made_by_the_database_is_read_back(void **state)
{
    struct world world;
    struct span key = {0};
    world_begin(&world, factory_of(state));
    world.factory->exec(&world, "INSERT INTO balasan (kantor, nomor, petugas) VALUES ('A', '1', 'Budi')");
    struct mapping_cell text = cell(&world, BALASAN, "pesan", "dibalas");
    struct mapping_fill fills[3] = {{"kantor", {.bytes = span_text("A")}},
                                    {"nomor", {.bytes = span_text("1")}},
                                    {"petugas", {.bytes = span_text("SIMPUL")}}};
    must(&world, world.driver->ops->begin(world.driver));
    must(&world, world.driver->ops->insert(world.driver, BALASAN, &text, 1, fills, 3, &world.arena, &key));
    must(&world, world.driver->ops->commit(world.driver));
    assert_true(span_equal(key, span_text("2")));
    struct legacy_row row = row_of(&world, BALASAN, "2");
    assert_column(&world, &row, BALASAN, "pesan", "dibalas");
    world_end(&world);
}

static void a_refused_value_is_invalid_and_the_transaction_goes_back(void **state)
{
    struct world world;
    world_begin(&world, factory_of(state));
    const struct driver_ops *ops = world.driver->ops;
    add_complaint(&world, "A", "1", "Jalan");
    world.factory->exec(&world, "INSERT INTO balasan (kantor, nomor, petugas) VALUES ('A', '1', 'Budi')");
    struct mapping_cell status = cell(&world, ADUAN, "status", "3");
    struct mapping_cell refused = cell(&world, BALASAN, "pesan", "terlarang");
    must(&world, ops->begin(world.driver));
    must(&world, ops->update(world.driver, ADUAN, span_text("A|1"), &status, 1));
    assert_int_equal(ops->update(world.driver, BALASAN, span_text("1"), &refused, 1).code, STATUS_INVALID);
    assert_true(strlen(world.driver->problem) > 0);
    assert_null(strstr(world.driver->problem, "terlarang"));
    ops->rollback(world.driver);
    assert_int_equal(world.factory->number(&world, "SELECT status FROM \"Aduan Warga\""), 0);
    must(&world, ops->begin(world.driver));
    assert_int_equal(ops->update(world.driver, ADUAN, span_text("A|404"), &status, 1).code, STATUS_NOT_FOUND);
    ops->rollback(world.driver);
    struct mapping_cell nothing = cell(&world, ADUAN, "status", NULL);
    must(&world, ops->begin(world.driver));
    assert_int_equal(ops->update(world.driver, ADUAN, span_text("A|1"), &nothing, 1).code, STATUS_INVALID);
    ops->rollback(world.driver);
    world_end(&world);
}

static void a_lock_of_the_application_is_busy_and_passes(void **state)
{
    struct world world;
    world_begin(&world, factory_of(state));
    add_complaint(&world, "A", "1", "Jalan");
    world.factory->exec(&world, "BEGIN");
    world.factory->exec(&world, "UPDATE \"Aduan Warga\" SET status = 2");
    struct mapping_cell status = cell(&world, ADUAN, "status", "3");
    struct status begun = world.driver->ops->begin(world.driver);
    if (status_is_ok(begun)) { /* the row is locked, not the database */
        begun = world.driver->ops->update(world.driver, ADUAN, span_text("A|1"), &status, 1);
        world.driver->ops->rollback(world.driver);
    }
    assert_int_equal(begun.code, STATUS_BUSY);
    world.factory->exec(&world, "COMMIT");
    must(&world, world.driver->ops->begin(world.driver));
    must(&world, world.driver->ops->update(world.driver, ADUAN, span_text("A|1"), &status, 1));
    must(&world, world.driver->ops->commit(world.driver));
    world_end(&world);
}

static void a_column_that_is_renamed_under_us_is_invalid_and_named_at_open(void **state)
{
    struct world world;
    struct span key = span_text("A|1");
    struct legacy_row row;
    char problem[256] = "";
    world_begin(&world, factory_of(state));
    add_complaint(&world, "A", "1", "Jalan");
    assert_true(row_of(&world, ADUAN, "A|1").there);
    world.factory->exec(&world, "ALTER TABLE \"Aduan Warga\" RENAME COLUMN isi TO isinya");
    struct status status = world.driver->ops->rows(world.driver, ADUAN, &key, 1, false, &world.arena, &row);
    assert_int_equal(status.code, STATUS_INVALID);
    world_close(&world);
    status = world_open_status(&world, false, problem, sizeof problem);
    assert_int_equal(status.code, STATUS_INVALID);
    assert_non_null(strstr(problem, "uji.yaml:9:"));
    assert_non_null(strstr(problem, "table \"Aduan Warga\" has no column \"isi\""));
    world.driver = NULL;
    world_end(&world);
}

static void marks_are_kept(void **state)
{
    struct world world;
    struct span value = {0};
    world_begin(&world, factory_of(state));
    const struct driver_ops *ops = world.driver->ops;
    assert_int_equal(ops->mark(world.driver, "place", &world.arena, &value).code, STATUS_NOT_FOUND);
    must(&world, ops->begin(world.driver));
    must(&world, ops->mark_set(world.driver, "place", span_of("a\0b", 3)));
    must(&world, ops->mark_set(world.driver, "place", span_of("c\0d", 3)));
    must(&world, ops->commit(world.driver));
    must(&world, ops->mark(world.driver, "place", &world.arena, &value));
    assert_true(span_equal(value, span_of("c\0d", 3)));
    world_end(&world);
}

static void a_mark_is_swapped_only_for_the_one_that_was_seen(void **state)
{
    struct world world;
    struct span value = {0};
    world_begin(&world, factory_of(state));
    const struct driver_ops *ops = world.driver->ops;
    struct span none = {0};
    struct span one = span_text("0123456789abcdefand more");
    struct span two = span_text("fedcba9876543210");
    must(&world, ops->begin(world.driver));
    assert_int_equal(ops->mark_swap(world.driver, "claims", span_of(one.data, 16), two).code, STATUS_STALE);
    must(&world, ops->mark_swap(world.driver, "claims", none, one));
    assert_int_equal(ops->mark_swap(world.driver, "claims", none, two).code, STATUS_STALE);
    assert_int_equal(ops->mark_swap(world.driver, "claims", two, two).code, STATUS_STALE);
    must(&world, ops->mark_swap(world.driver, "claims", span_of(one.data, 16), two));
    must(&world, ops->commit(world.driver));
    must(&world, ops->mark(world.driver, "claims", &world.arena, &value));
    assert_true(span_equal(value, two));
    world_end(&world);
}

static void a_rollback_takes_everything_back(void **state)
{
    struct world world;
    bool stored = false;
    world_begin(&world, factory_of(state));
    struct legacy_shadow shadow = shadow_of("A|1", 1, 1, "one");
    must(&world, world.driver->ops->begin(world.driver));
    must(&world, world.driver->ops->shadows_store(world.driver, &shadow, 1, &stored));
    world.driver->ops->rollback(world.driver);
    assert_null(row_of(&world, ADUAN, "A|1").shadow.bytes.data);
    /* and the next session of the application is seen */
    add_complaint(&world, "A", "1", NULL);
    assert_int_equal(outbox(&world), 1);
    world_end(&world);
}

static void *wake_it(void *driver)
{
    ((struct driver *)driver)->ops->wake(driver);
    return NULL;
}

static void waiting_ends_with_a_change_or_a_wake(void **state)
{
    struct world world;
    bool changed = false;
    pthread_t thread;
    world_begin(&world, factory_of(state));
    const struct driver_ops *ops = world.driver->ops;
    do { /* what installing did */
        must(&world, ops->wait(world.driver, 0, &changed));
    } while (changed);
    add_complaint(&world, "A", "1", NULL);
    must(&world, ops->wait(world.driver, 20000, &changed));
    assert_true(changed);
    int64_t before_ms = clock_monotonic_ms();
    assert_int_equal(pthread_create(&thread, NULL, wake_it, world.driver), 0);
    must(&world, ops->wait(world.driver, 60000, &changed));
    assert_true(clock_monotonic_ms() - before_ms < 30000);
    pthread_join(thread, NULL);
    world_end(&world);
}

static void the_catalogue_names_types_and_bounds(void **state)
{
    struct world world;
    struct legacy_column column;
    world_begin(&world, factory_of(state));
    must(&world, world.driver->ops->column(world.driver, ADUAN, "Judul (Baru)", &column));
    assert_true(column.there && column.may_read && column.may_write);
    assert_false(column.not_null);
    must(&world, world.driver->ops->column(world.driver, ADUAN, "status", &column));
    assert_true(column.not_null && column.has_default);
    must(&world, world.driver->ops->column(world.driver, ADUAN, "tidak ada", &column));
    assert_false(column.there);
    world_end(&world);
}

static void installing_twice_changes_nothing_and_uninstalling_leaves_nothing(void **state)
{
    struct world world;
    struct report report = {0};
    world_begin(&world, factory_of(state));
    const struct driver_ops *ops = world.driver->ops;
    add_complaint(&world, "A", "1", NULL);
    must(&world, ops->install(world.driver, false, &report));
    assert_int_equal(outbox(&world), 1);
    must(&world, ops->uninstall(world.driver, true, &report));
    assert_non_null(strstr(report.text, "DROP"));
    assert_int_equal(outbox(&world), 1);
    must(&world, ops->uninstall(world.driver, false, &report));
    assert_false(world.driver->installed);
    add_complaint(&world, "A", "2", NULL);
    assert_int_not_equal(ops->outbox(world.driver, EVENTS_MAX, &world.arena, events, &(size_t){0}).code, STATUS_OK);
    must(&world, ops->install(world.driver, true, &report));
    assert_non_null(strstr(report.text, "CREATE"));
    must(&world, ops->install(world.driver, false, &report));
    assert_int_equal(outbox(&world), 0);
    must(&world, ops->check(world.driver, &report));
    assert_int_equal(report.problems, 0);
    report_release(&report);
    world_end(&world);
}

static void a_dropped_trigger_is_noticed_at_open(void **state)
{
    struct world world;
    struct report report = {0};
    world_begin(&world, factory_of(state));
    world.factory->exec(&world, "DROP TABLE balasan");
    char sql[512];
    snprintf(sql, sizeof sql, "CREATE TABLE balasan (id %s, kantor TEXT NOT NULL, nomor TEXT NOT NULL, pesan TEXT)",
             world.factory->made_key);
    world.factory->exec(&world, sql);
    world_close(&world);
    world_open(&world, true);
    assert_false(world.driver->installed);
    must(&world, world.driver->ops->check(world.driver, &report));
    assert_non_null(strstr(report.text, "has no column \"petugas\""));
    assert_int_not_equal(report.problems, 0);
    report_release(&report);
    world_end(&world);
}

static void two_lanes_do_not_see_each_other(void **state)
{
    struct world world;
    world_begin(&world, factory_of(state));
    assert_true(store_shadow(&world, shadow_of("A|1", 1, 1, "lane one")));
    world_close(&world);
    world.legacy.lane = 2;
    world_open(&world, false);
    assert_null(row_of(&world, ADUAN, "A|1").shadow.bytes.data);
    assert_true(store_shadow(&world, shadow_of("A|1", 1, 1, "lane two")));
    world_end(&world);
}

/* ---- what only one of them has ---- */

static void only_for(void **state, const char *name)
{
    if (strcmp(factory_of(state)->name, name) != 0) {
        skip();
    }
}

static void a_killed_connection_is_io_and_opens_again(void **state)
{
    struct world world;
    struct legacy_row row;
    struct span key = span_text("A|1");
    bool changed;
    only_for(state, "postgres");
    world_begin(&world, factory_of(state));
    const char *kill_us = "SELECT count(pg_terminate_backend(pid, 20000)) FROM pg_stat_activity"
                          " WHERE application_name = 'simpul' AND datname = current_database()";
    assert_int_equal(world.factory->number(&world, kill_us), 1);
    assert_int_equal(world.driver->ops->rows(world.driver, ADUAN, &key, 1, false, &world.arena, &row).code, STATUS_IO);
    assert_int_equal(world.driver->ops->wait(world.driver, 0, &changed).code, STATUS_IO);
    world_close(&world);
    world_open(&world, false);
    must(&world, world.driver->ops->begin(world.driver));
    assert_int_equal(world.factory->number(&world, kill_us), 1);
    assert_int_equal(world.driver->ops->commit(world.driver).code, STATUS_UNKNOWN);
    world.driver->ops->rollback(world.driver);
    world_close(&world);
    world_open(&world, false);
    assert_false(row_of(&world, ADUAN, "A|1").there);
    world_end(&world);
}

static void a_text_that_is_too_long_is_refused_and_not_cut(void **state)
{
    struct world world;
    struct legacy_column column;
    only_for(state, "postgres");
    world_begin(&world, factory_of(state));
    add_complaint(&world, "A", "1", "Jalan");
    must(&world, world.driver->ops->column(world.driver, ADUAN, "Judul (Baru)", &column));
    assert_int_equal(column.length_max, 40);
    struct mapping_cell title = cell(&world, ADUAN, "Judul (Baru)", "12345678901234567890123456789012345678901");
    must(&world, world.driver->ops->begin(world.driver));
    assert_int_equal(world.driver->ops->update(world.driver, ADUAN, span_text("A|1"), &title, 1).code, STATUS_INVALID);
    assert_non_null(strstr(world.driver->problem, "too long"));
    world.driver->ops->rollback(world.driver);
    struct mapping_cell broken = cell(&world, ADUAN, "isi", "\xff\xfe");
    must(&world, world.driver->ops->begin(world.driver));
    assert_int_equal(world.driver->ops->update(world.driver, ADUAN, span_text("A|1"), &broken, 1).code, STATUS_INVALID);
    world.driver->ops->rollback(world.driver);
    world_end(&world);
}

static void a_truncated_table_is_a_deletion_of_every_row(void **state)
{
    struct world world;
    only_for(state, "postgres");
    world_begin(&world, factory_of(state));
    add_complaint(&world, "A", "1", NULL);
    add_complaint(&world, "A", "2", NULL);
    world.factory->exec(&world, "TRUNCATE \"Aduan Warga\"");
    assert_int_equal(outbox(&world), 4);
    assert_int_equal(events[2].op, LEGACY_DELETE);
    assert_int_equal(events[3].op, LEGACY_DELETE);
    world_end(&world);
}

static void a_renamed_key_does_not_break_the_application(void **state)
{
    struct world world;
    only_for(state, "postgres");
    world_begin(&world, factory_of(state));
    add_complaint(&world, "A", "1", NULL);
    const char *fires = "INSERT INTO balasan (kantor, nomor, petugas) VALUES ('A', '1', 'Budi')";
    for (int i = 0; i < 8; i++) { /* until plans are kept */
        world.factory->exec(&world, fires);
        world.factory->exec(&world, "UPDATE balasan SET pesan = 'ya' WHERE petugas = 'Wati'");
    }
    assert_int_equal(outbox(&world), 9);
    world.factory->exec(&world, "ALTER TABLE balasan RENAME COLUMN id TO nomor_balasan");
    world.factory->exec(&world, fires);
    world.factory->exec(&world, "UPDATE balasan SET pesan = 'ya'");
    world.factory->exec(&world, "ALTER TABLE balasan DROP COLUMN nomor_balasan CASCADE");
    world.factory->exec(&world, fires);
    world.factory->exec(&world, "TRUNCATE balasan");
    assert_int_equal(outbox(&world), 9);
    world.factory->exec(&world, "ALTER TABLE balasan ADD COLUMN id bigint DEFAULT 77");
    world.factory->exec(&world, fires);
    assert_int_equal(outbox(&world), 10);
    assert_true(span_equal(events[9].key, span_text("77")));
    world_end(&world);
}

/* The triggers run with our rights and without a search_path of their own: nothing in them may be looked up along the
 * application's. */
static void objects_on_the_path_of_the_application_are_not_used_by_the_triggers(void **state)
{
    struct world world;
    only_for(state, "postgres");
    world_begin(&world, factory_of(state));
    const char *const traps[] = {
        "CREATE SCHEMA jebakan",
        "CREATE FUNCTION jebakan.salah() RETURNS void LANGUAGE plpgsql AS 'BEGIN RAISE ''looked up''; END'",
        "CREATE FUNCTION jebakan.salah(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT jebakan.salah(); SELECT true'",
        "CREATE FUNCTION jebakan.satu(text, text) RETURNS text LANGUAGE sql AS 'SELECT jebakan.salah(); SELECT $1'",
        "CREATE FUNCTION jebakan.salah(anyarray, anyarray) RETURNS boolean LANGUAGE sql AS 'SELECT jebakan.salah(); SELECT true'",
        "CREATE OPERATOR jebakan.= (LEFTARG = text, RIGHTARG = text, FUNCTION = jebakan.salah)",
        "CREATE OPERATOR jebakan.= (LEFTARG = anyarray, RIGHTARG = anyarray, FUNCTION = jebakan.salah)",
        "CREATE OPERATOR jebakan.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = jebakan.satu)",
        "CREATE FUNCTION jebakan.replace(text, text, text) RETURNS text LANGUAGE sql AS 'SELECT jebakan.salah(); SELECT $1'",
        "CREATE FUNCTION jebakan.current_setting(text, boolean) RETURNS text LANGUAGE sql AS 'SELECT jebakan.salah(); SELECT $1'",
        "CREATE FUNCTION jebakan.pg_try_advisory_xact_lock_shared(integer, integer) RETURNS boolean LANGUAGE sql AS"
        " 'SELECT jebakan.salah(); SELECT true'",
        "CREATE DOMAIN jebakan.text AS varchar CHECK (length(VALUE) < 0)",
        "CREATE TABLE jebakan.simpul_new (kantor varchar, nomor varchar)",
        "CREATE TABLE jebakan.simpul_old (kantor varchar, nomor varchar)",
        "SET search_path = jebakan, pg_catalog, public",
    };
    for (size_t i = 0; i < sizeof traps / sizeof traps[0]; i++) {
        world.factory->exec(&world, traps[i]);
    }
    add_complaint(&world, "A", "1", NULL);
    world.factory->exec(&world, "UPDATE \"Aduan Warga\" SET status = 2");
    world.factory->exec(&world, "UPDATE \"Aduan Warga\" SET \"Kantor\" = 'B'");
    world.factory->exec(&world, "DELETE FROM \"Aduan Warga\"");
    world.factory->exec(&world, "RESET search_path");
    assert_int_equal(outbox(&world), 5);
    assert_true(span_equal(events[4].key, span_text("B|1")));
    world_end(&world);
}

static void only_a_connector_that_sleeps_is_notified_and_no_change_is_slept_through(void **state)
{
    struct world world;
    bool changed = false;
    const char *sleepers = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted"
                           " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    only_for(state, "postgres");
    world_begin(&world, factory_of(state));
    const struct driver_ops *ops = world.driver->ops;
    must(&world, ops->wait(world.driver, 0, &changed));
    assert_int_equal(world.factory->number(&world, sleepers), 1);
    add_complaint(&world, "A", "1", NULL);
    must(&world, ops->wait(world.driver, 20000, &changed));
    assert_true(changed);
    assert_int_equal(world.factory->number(&world, sleepers), 0);
    while (changed) {
        must(&world, ops->wait(world.driver, 0, &changed));
    }
    assert_int_equal(outbox(&world), 1);
    assert_int_equal(world.factory->number(&world, sleepers), 0);
    world.factory->exec(&world, "BEGIN");
    add_complaint(&world, "A", "2", NULL); /* nobody slept: it will not notify */
    must(&world, ops->wait(world.driver, 50, &changed));
    assert_false(changed);
    assert_int_equal(world.factory->number(&world, sleepers), 0);
    world.factory->exec(&world, "COMMIT");
    int64_t before_ms = clock_monotonic_ms();
    must(&world, ops->wait(world.driver, 20000, &changed));
    assert_true(changed);
    assert_true(clock_monotonic_ms() - before_ms < 10000);
    world_end(&world);
}

static void one_statement_over_many_rows_gives_each_its_event(void **state)
{
    struct world world;
    only_for(state, "postgres");
    world_begin(&world, factory_of(state));
    world.factory->exec(&world, "INSERT INTO balasan (kantor, nomor, petugas) SELECT 'A', n::text, 'Budi'"
                                " FROM generate_series(1, 10) AS n");
    world.factory->exec(&world, "UPDATE balasan SET id = id + 5 WHERE id > 5");
    assert_int_equal(outbox(&world), 20);
    assert_int_equal(events[10].op, LEGACY_DELETE);
    assert_int_equal(events[14].op, LEGACY_DELETE);
    assert_int_equal(events[15].op, LEGACY_INSERT);
    world_end(&world);
}

static void a_user_without_rights_is_told_the_grant(void **state)
{
    struct world world;
    struct report report = {0};
    char problem[256] = "";
    only_for(state, "postgres");
    world_begin(&world, factory_of(state));
    world_close(&world);
    world.factory->exec(&world, "DROP ROLE IF EXISTS tamu");
    world.factory->exec(&world, "CREATE ROLE tamu LOGIN");
    world.factory->exec(&world, "GRANT SELECT ON balasan TO tamu");
    snprintf(world.source, sizeof world.source, "%s user=tamu dbname=uji%u", cluster.source, cluster.databases);
    world.legacy.kind = LEGACY_POSTGRES;
    assert_int_equal(world_open_status(&world, false, problem, sizeof problem).code, STATUS_DENIED);
    assert_non_null(strstr(problem, "GRANT SELECT ON \"Aduan Warga\" TO \"tamu\";"));
    world.driver = NULL;
    assert_int_equal(connector_check(&world.legacy, world.mapping, &report).code, STATUS_OK);
    assert_non_null(strstr(report.text, "GRANT INSERT ON"));
    assert_non_null(strstr(report.text, "GRANT TRIGGER ON"));
    report_release(&report);
    world.factory->exec(&world, "DROP OWNED BY tamu");
    world.factory->exec(&world, "DROP ROLE tamu");
    world_end(&world);
}

static void a_restored_file_in_our_place_is_noticed(void **state)
{
    struct world world;
    char copy[200];
    bool changed;
    only_for(state, "sqlite");
    world_begin(&world, factory_of(state));
    snprintf(copy, sizeof copy, "%s.copy", world.source);
    char sql[256];
    snprintf(sql, sizeof sql, "VACUUM INTO '%s'", copy);
    world.factory->exec(&world, sql);
    assert_int_equal(rename(copy, world.source), 0);
    assert_int_equal(world.driver->ops->wait(world.driver, 1000, &changed).code, STATUS_IO);
    world_close(&world);
    world_open(&world, false);
    assert_true(world.driver->installed);
    world_end(&world);
}

#define CASE(f)                                                                                                        \
    {                                                                                                                  \
        #f, f, NULL, NULL, NULL                                                                                        \
    }

static const struct CMUnitTest cases[] = {
    CASE(changes_of_the_application_stand_in_the_outbox),
    CASE(what_a_rolled_back_statement_did_is_not_in_the_outbox),
    CASE(our_own_writes_are_not_in_the_outbox),
    CASE(removing_outbox_rows_takes_exactly_these),
    CASE(composite_keys_with_bars_and_backslashes_come_through),
    CASE(another_key_is_another_row),
    CASE(rows_come_in_the_order_asked_for_with_null_as_null),
    CASE(a_key_that_no_row_can_have_is_not_there),
    CASE(pages_walk_through_all_keys_once),
    CASE(a_shadow_is_replaced_only_by_its_next_version),
    CASE(of_many_shadows_only_the_losers_are_not_stored),
    CASE(shadows_are_found_by_record_part_and_identity),
    CASE(a_shadow_moves_and_goes_only_in_its_version),
    CASE(vanished_rows_are_found_by_their_shadows),
    CASE(an_insert_takes_cells_fills_and_defaults_and_gives_its_key),
    CASE(a_key_made_by_the_database_is_read_back),
    CASE(a_refused_value_is_invalid_and_the_transaction_goes_back),
    CASE(a_lock_of_the_application_is_busy_and_passes),
    CASE(a_column_that_is_renamed_under_us_is_invalid_and_named_at_open),
    CASE(marks_are_kept),
    CASE(a_mark_is_swapped_only_for_the_one_that_was_seen),
    CASE(a_rollback_takes_everything_back),
    CASE(waiting_ends_with_a_change_or_a_wake),
    CASE(the_catalogue_names_types_and_bounds),
    CASE(installing_twice_changes_nothing_and_uninstalling_leaves_nothing),
    CASE(a_dropped_trigger_is_noticed_at_open),
    CASE(two_lanes_do_not_see_each_other),
    CASE(a_killed_connection_is_io_and_opens_again),
    CASE(a_text_that_is_too_long_is_refused_and_not_cut),
    CASE(a_truncated_table_is_a_deletion_of_every_row),
    CASE(a_renamed_key_does_not_break_the_application),
    CASE(objects_on_the_path_of_the_application_are_not_used_by_the_triggers),
    CASE(only_a_connector_that_sleeps_is_notified_and_no_change_is_slept_through),
    CASE(one_statement_over_many_rows_gives_each_its_event),
    CASE(a_user_without_rights_is_told_the_grant),
    CASE(a_restored_file_in_our_place_is_noticed),
};
enum { CASE_COUNT = sizeof cases / sizeof cases[0] };

int main(void)
{
    static struct CMUnitTest tests[CASE_COUNT];
    int failed = 0;
    for (size_t f = 0; f < sizeof factories / sizeof factories[0]; f++) {
        for (size_t i = 0; i < CASE_COUNT; i++) {
            tests[i] = cases[i];
            tests[i].initial_state = (void *)(uintptr_t)&factories[f];
        }
        failed += _cmocka_run_group_tests(factories[f].name, tests, CASE_COUNT, NULL, NULL);
    }
    cluster_stop();
    return failed;
}
