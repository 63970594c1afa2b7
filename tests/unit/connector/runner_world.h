/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CONNECTOR_RUNNER_WORLD_H
#define TESTS_UNIT_CONNECTOR_RUNNER_WORLD_H

/* A hub and a node as in the core's tests, and beside the node a SQLite complaint database with the real driver and the real
 * runner, which goes exactly as far as the test says: every step is a call. The engine runs only while the runner does, so
 * that the test may use the core in between. */

#include <sqlite3.h>
#include <unistd.h>

#include "node/base/clock.h"
#include "node/connector/runner.h"
#include "tests/unit/sync/world.h"

static const char BENCH_MAPPING[] = "system: uji\n"
                                    "zone: WIB\n"
                                    "complaints:\n"
                                    "  table: aduan\n"
                                    "  key: id\n"
                                    "  identity: tiket\n"
                                    "  fields:\n"
                                    "    title: judul\n"
                                    "    text: isi\n"
                                    "    status: {column: status, values: {0: belum_verifikasi, 1: terverifikasi, 2: proses, "
                                    "3: selesai, 4: bukan_wewenang}}\n"
                                    "    confidential: {constant: no}\n"
                                    "    anonymous: {constant: no}\n"
                                    "    refs: {lapor: no_lapor}\n"
                                    "  insert:\n"
                                    "    defaults:\n"
                                    "      tiket: {template: \"SP-{id}\"}\n"
                                    "notes:\n"
                                    "  table: catatan\n"
                                    "  key: id\n"
                                    "  parent: aduan_id\n"
                                    "  fields: {text: isi, internal: internal}\n"
                                    "  insert:\n"
                                    "    defaults: {petugas: SIMPUL}\n";

static const char BENCH_SCHEMA[] =
    "CREATE TABLE aduan (id INTEGER PRIMARY KEY AUTOINCREMENT, tiket TEXT NOT NULL, judul TEXT, isi TEXT, status INTEGER NOT "
    "NULL DEFAULT 0, no_lapor TEXT);"
    "CREATE TABLE catatan (id INTEGER PRIMARY KEY AUTOINCREMENT, aduan_id INTEGER NOT NULL, isi TEXT, internal INTEGER NOT "
    "NULL DEFAULT 0, petugas TEXT NOT NULL);";

struct bench {
    struct world w;
    struct site *node;
    struct arena arena;
    const struct mapping *mapping;
    struct config_legacy legacy;
    struct connector_options options;
    struct runner runner;
    struct walk walk;
    uint64_t woken;
    sqlite3 *db; /* the session of the clerks */
    char folder[64];
    char path[96];
};

static inline void bench_sql(struct bench *b, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(b->db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", message, sql);
    }
}

static inline int64_t bench_number(struct bench *b, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(b->db, sql, -1, &stmt, NULL), SQLITE_OK);
    int64_t number = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : INT64_MIN;
    sqlite3_finalize(stmt);
    return number;
}

/* "" for NULL and for no row; in the bench's arena. */
static inline const char *bench_text(struct bench *b, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    char *copy = arena_alloc(&b->arena, 512);
    assert_int_equal(sqlite3_prepare_v2(b->db, sql, -1, &stmt, NULL), SQLITE_OK);
    const char *text = sqlite3_step(stmt) == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    snprintf(copy, 512, "%s", text ? text : "");
    sqlite3_finalize(stmt);
    return copy;
}

static inline void bench_mapping(struct bench *b, const char *text)
{
    struct problems problems;
    struct span said = {0};
    problems_init(&problems, &b->arena);
    struct status status = mapping_parse("uji.yaml", span_text(text), &b->arena, &problems, &b->mapping);
    if (!status_is_ok(status) && status_is_ok(problems_text(&problems, &b->arena, &said))) {
        print_error("%.*s\n", (int)said.size, (const char *)said.data);
    }
    must(status);
}

/* What connector_main does around the runner: a connection, and what the runner finds at its start. */
static inline void bench_open(struct bench *b)
{
    char problem[256] = "";
    bool load = false;
    bool compare = false;
    struct engine_options engine = {.core = b->node->core, .memory = memory_heap()};
    must(engine_start(&engine, &b->options.engine));
    b->options.store = b->node->store;
    b->runner = (struct runner){.options = b->options};
    arena_init(&b->runner.arena, memory_heap(), SIZE_MAX);
    must(driver_sqlite_open(&b->legacy, b->mapping, false, &b->runner.driver, problem, sizeof problem));
    must(runner_open(&b->runner, &load, &compare));
    if (load || compare) {
        must(walk_begin(&b->runner, &b->walk, load));
    }
    arena_clear(&b->runner.arena);
    engine_stop(b->options.engine);
}

static inline void bench_close(struct bench *b)
{
    walk_release(&b->walk);
    if (b->runner.driver) {
        b->runner.driver->ops->free(b->runner.driver);
    }
    runner_release(&b->runner);
    b->runner = (struct runner){0};
}

/* One turn of the connector's thread. */
static inline struct status bench_turn(struct bench *b, bool *out_busy)
{
    bool waits = false;
    if (!b->walk.active && b->runner.reload_wanted) {
        b->runner.reload_wanted = false;
        b->runner.loading = true;
        TRY(walk_begin(&b->runner, &b->walk, true));
    }
    if (!b->walk.active && b->runner.compare_wanted) {
        b->runner.compare_wanted = false;
        TRY(walk_begin(&b->runner, &b->walk, false));
    }
    TRY(runner_step(&b->runner, b->woken, out_busy));
    if (b->walk.active) {
        TRY(walk_step(&b->runner, &b->walk, &waits));
        *out_busy |= !waits;
    }
    arena_clear(&b->runner.arena);
    return status_ok();
}

/* The driver's own wait, as between two turns. */
static inline bool bench_wait(struct bench *b)
{
    bool changed;
    return status_is_ok(b->runner.driver->ops->wait(b->runner.driver, 20, &changed));
}

/* The connector after a wake, until it has nothing more to do; how many turns that took. */
static inline int bench_run(struct bench *b)
{
    int turns = 0;
    struct engine_options engine = {.core = b->node->core, .memory = memory_heap()};
    must(engine_start(&engine, &b->options.engine));
    b->runner.options.engine = b->options.engine;
    b->woken++;
    bool busy = true;
    for (; turns < 2000 && busy; turns++) {
        busy = false;
        struct status status = bench_turn(b, &busy);
        if (status.code != STATUS_BUSY && status.code != STATUS_STALE) {
            must(status);
        }
        arena_clear(&b->runner.arena);
    }
    assert_false(busy); /* it ends */
    engine_stop(b->options.engine);
    return turns;
}

/* As if the waits of all that was put off were over. */
static inline void bench_impatient(struct bench *b)
{
    for (size_t i = 0; i < b->runner.late_count; i++) {
        b->runner.late[i].retry_at_ms = 0;
    }
    for (size_t i = 0; i < RUNNER_DUE_WAITS; i++) {
        b->runner.due_waits[i].retry_at_ms = 0;
    }
    b->runner.due_retry_ms = 0;
    b->runner.due_pause_ms = 0;
}

static inline void bench_compare(struct bench *b)
{
    must(walk_begin(&b->runner, &b->walk, false));
    bench_run(b);
}

/* Exchange and connector until both are quiet. */
static inline void bench_settle(struct bench *b)
{
    for (int i = 0; i < 4; i++) {
        must(world_settle(&b->w));
        bench_run(b);
    }
}

static inline void bench_begin_with(struct bench *b, const char *mapping, const char *schema)
{
    struct report report = {0};
    *b = (struct bench){.woken = 1};
    arena_init(&b->arena, memory_heap(), SIZE_MAX);
    must(world_start(&b->w, memory_heap()));
    b->w.now_ms = (uint64_t)clock_now_ms(); /* the runner reads the clock itself */
    must(world_join(&b->w, "61.03", NULL, &b->node));
    bench_mapping(b, mapping);
    snprintf(b->folder, sizeof b->folder, "/tmp/simpul-runner-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    snprintf(b->path, sizeof b->path, "%s/legacy.db", b->folder);
    assert_int_equal(sqlite3_open(b->path, &b->db), SQLITE_OK);
    sqlite3_busy_timeout(b->db, 5000);
    bench_sql(b, schema);
    b->legacy = (struct config_legacy){.name = "uji", .kind = LEGACY_SQLITE, .source = b->path, .lane = 1, .poll_ms = 20};
    must(connector_install(&b->legacy, b->mapping, false, &report));
    report_release(&report);
    b->options = (struct connector_options){.legacy = &b->legacy,
                                            .mapping = b->mapping,
                                            .crypto = b->node->crypto,
                                            .self = b->node->id,
                                            .secret = {42}};
    must(scope_id_parse(span_text("61.03"), &b->options.scope));
}

static inline void bench_begin(struct bench *b)
{
    bench_begin_with(b, BENCH_MAPPING, BENCH_SCHEMA);
}

static inline void bench_end(struct bench *b)
{
    bench_close(b);
    sqlite3_close(b->db);
    unlink(b->path);
    rmdir(b->folder);
    world_release(&b->w);
    arena_release(&b->arena);
}

static inline struct record_id bench_only_record(struct bench *b)
{
    struct record_row row;
    struct record_filter filter = {.hidden_too = true};
    size_t count = 0;
    must(site_begin(&b->w, b->node));
    must(b->node->store->ops->records_list(b->node->store, &filter, (struct record_id){{0}}, false, 1, &b->arena, &row, &count));
    core_rollback(b->node->core);
    assert_int_equal(count, 1);
    return row.id;
}

static inline uint64_t bench_own_leaves(struct bench *b)
{
    struct stream_info *streams = NULL;
    size_t count = 0;
    uint64_t leaves = 0;
    must(site_begin(&b->w, b->node));
    must(core_streams(b->node->core, &b->arena, &streams, &count));
    for (size_t i = 0; i < count; i++) {
        leaves += streams[i].own ? streams[i].size : 0;
    }
    core_rollback(b->node->core);
    return leaves;
}

/* ---- what is seen ---- */

static inline size_t bench_records(struct bench *b, struct site *s)
{
    struct record_row rows[64];
    struct record_filter filter = {.hidden_too = true};
    size_t count = 0;
    must(site_begin(&b->w, s));
    must(s->store->ops->records_list(s->store, &filter, (struct record_id){{0}}, false, 64, &b->arena, rows, &count));
    core_rollback(s->core);
    return count;
}

/* The entry of a row whose reason holds `words`. */
static inline bool bench_quarantined(struct bench *b, const char *key, const char *words)
{
    struct quarantine_entry entries[64];
    struct span last;
    size_t count = 0;
    bool found = false;
    must(site_begin(&b->w, b->node));
    must(quarantine_list(b->node->store, (struct span){0}, 64, &b->arena, entries, &count, &last));
    for (size_t i = 0; i < count; i++) {
        char reason[512];
        snprintf(reason, sizeof reason, "%.*s", (int)entries[i].reason.size, (const char *)entries[i].reason.data);
        found |= span_equal(entries[i].row_key, span_text(key)) && strstr(reason, words) != NULL;
    }
    core_rollback(b->node->core);
    return found;
}

static inline size_t bench_quarantine_count(struct bench *b)
{
    struct quarantine_entry entries[64];
    struct span last;
    size_t count = 0;
    must(site_begin(&b->w, b->node));
    must(quarantine_list(b->node->store, (struct span){0}, 64, &b->arena, entries, &count, &last));
    core_rollback(b->node->core);
    return count;
}

#endif
