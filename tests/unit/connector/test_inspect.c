/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_connector node_mapping node_config node_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/base/files.h"
#include "node/base/heap.h"
#include "node/connector/driver.h"

/* check, preview, install and uninstall over the three legacy databases of the demo, with the mappings delivered for them. */

struct world {
    struct arena arena;
    const struct mapping *mapping;
    struct config_legacy legacy;
    sqlite3 *db;
    char folder[64];
    char path[96];
};

static const char *const NAMES[] = {"sanggau", "penajam", "kotawaringin"};

static void world_exec(struct world *world, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(world->db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s", message);
    }
}

static void world_begin(struct world *world, const char *name)
{
    char file[128];
    struct span sql;
    struct problems problems;
    *world = (struct world){0};
    arena_init(&world->arena, memory_heap(), SIZE_MAX);
    problems_init(&problems, &world->arena);
    snprintf(file, sizeof file, "deploy/samples/mapping-%s.yaml", name);
    assert_true(status_is_ok(mapping_load(file, &world->arena, &problems, &world->mapping)));
    snprintf(world->folder, sizeof world->folder, "/tmp/simpul-inspect-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->path, sizeof world->path, "%s/legacy.db", world->folder);
    assert_int_equal(sqlite3_open(world->path, &world->db), SQLITE_OK);
    snprintf(file, sizeof file, "deploy/demo-legacy/%s.sql", name);
    assert_true(status_is_ok(file_read(file, 1 << 20, &world->arena, &sql)));
    world_exec(world, (const char *)sql.data);
    world->legacy = (struct config_legacy){.name = name, .kind = LEGACY_SQLITE, .source = world->path, .lane = 1};
}

static void world_end(struct world *world)
{
    sqlite3_close(world->db);
    unlink(world->path);
    rmdir(world->folder);
    arena_release(&world->arena);
}

static void assert_says(const struct report *report, const char *text)
{
    if (!report->text || !strstr(report->text, text)) {
        fail_msg("\"%s\" is not said:\n%s", text, report->text ? report->text : "");
    }
}

static void the_demo_databases_fit_their_mappings(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct world world;
        struct report report = {0};
        world_begin(&world, NAMES[i]);
        assert_int_equal(connector_check(&world.legacy, world.mapping, &report).code, STATUS_OK);
        assert_says(&report, "not installed");
        assert_int_equal(connector_preview(&world.legacy, world.mapping, 2, &report).code, STATUS_OK);
        assert_says(&report, "status: ");
        assert_says(&report, "rows read");
        assert_int_equal(connector_install(&world.legacy, world.mapping, false, &report).code, STATUS_OK);
        assert_int_equal(connector_check(&world.legacy, world.mapping, &report).code, STATUS_OK);
        assert_says(&report, "ours: installed");
        assert_int_equal(connector_uninstall(&world.legacy, world.mapping, false, &report).code, STATUS_OK);
        if (report.problems != 0) {
            fail_msg("%s", report.text);
        }
        report_release(&report);
        world_end(&world);
    }
}

static void the_reporter_is_not_shown(void **state)
{
    (void)state;
    struct world world;
    struct report report = {0};
    world_begin(&world, "sanggau");
    assert_int_equal(connector_preview(&world.legacy, world.mapping, 10, &report).code, STATUS_OK);
    assert_null(strstr(report.text, "Warga Satu"));
    report_release(&report);
    world_end(&world);
}

static void a_place_without_a_point_shows_none(void **state)
{
    (void)state;
    struct world world;
    struct report report = {0};
    world_begin(&world, "penajam");
    world_exec(&world, "UPDATE pengaduan SET lat = NULL, lng = NULL");
    assert_int_equal(connector_preview(&world.legacy, world.mapping, 10, &report).code, STATUS_OK);
    assert_null(strstr(report.text, "0.00000"));
    report_release(&report);
    world_exec(&world, "UPDATE pengaduan SET lat = -1.25, lng = 116.5");
    assert_int_equal(connector_preview(&world.legacy, world.mapping, 10, &report).code, STATUS_OK);
    assert_says(&report, "(-1.25000, 116.50000)");
    report_release(&report);
    world_end(&world);
}

static void what_does_not_map_is_counted_by_reason(void **state)
{
    (void)state;
    struct world world;
    struct report report = {0};
    world_begin(&world, "sanggau");
    world_exec(&world, "UPDATE aduan SET status = 77 WHERE id < 4");
    assert_int_equal(connector_preview(&world.legacy, world.mapping, 0, &report).code, STATUS_OK);
    assert_says(&report, "3 x status (column \"status\")");
    assert_int_equal(report.problems, 1);
    report_release(&report);
    world_end(&world);
}

static void check_says_every_mistake(void **state)
{
    (void)state;
    struct world world;
    struct report report = {0};
    world_begin(&world, "penajam");
    world_exec(&world, "ALTER TABLE pengaduan RENAME COLUMN subjek TO subyek");
    world_exec(&world, "ALTER TABLE tindak_lanjut RENAME TO tindak_lanjut2");
    world_exec(&world, "ALTER TABLE pengaduan ADD COLUMN loket TEXT NOT NULL DEFAULT 'x'");
    assert_int_equal(connector_check(&world.legacy, world.mapping, &report).code, STATUS_OK);
    assert_says(&report, "has no column \"subjek\"; did you mean \"subyek\"?");
    assert_says(&report, "there is no table \"tindak_lanjut\" in the legacy database; did you mean \"tindak_lanjut2\"?");
    assert_says(&report, "column \"subyek\" is NOT NULL without a default");
    assert_int_equal(report.problems, 3);
    report_release(&report);
    report = (struct report){0};
    assert_int_equal(connector_install(&world.legacy, world.mapping, false, &report).code, STATUS_INVALID);
    assert_says(&report, "subjek");
    report_release(&report);
    world_end(&world);
}

static void a_key_without_an_index_and_a_column_without_a_value_are_said(void **state)
{
    (void)state;
    struct world world;
    struct report report = {0};
    world_begin(&world, "penajam");
    world_exec(&world, "ALTER TABLE tindak_lanjut RENAME TO lama");
    world_exec(&world, "CREATE TABLE tindak_lanjut (id_tl INTEGER, id_pengaduan INTEGER NOT NULL, petugas TEXT NOT NULL,"
                       " isi_tl TEXT, waktu TEXT, internal INTEGER NOT NULL DEFAULT 0, loket TEXT NOT NULL)");
    assert_int_equal(connector_check(&world.legacy, world.mapping, &report).code, STATUS_OK);
    assert_says(&report, "have no unique index");
    assert_says(&report, "column \"loket\" is NOT NULL without a default");
    assert_int_equal(report.problems, 2);
    report_release(&report);
    world_end(&world);
}

static void a_wal_file_is_warned_of(void **state)
{
    (void)state;
    struct world world;
    struct report report = {0};
    world_begin(&world, "sanggau");
    world_exec(&world, "PRAGMA journal_mode = WAL");
    assert_int_equal(connector_check(&world.legacy, world.mapping, &report).code, STATUS_OK);
    assert_says(&report, "WAL mode");
    report_release(&report);
    world_end(&world);
}

static void a_file_that_is_not_there_is_said(void **state)
{
    (void)state;
    struct world world;
    struct report report = {0};
    world_begin(&world, "sanggau");
    world.legacy.source = "/nonexistent/legacy.db";
    assert_int_equal(connector_check(&world.legacy, world.mapping, &report).code, STATUS_IO);
    assert_says(&report, "there is no legacy database file /nonexistent/legacy.db");
    report_release(&report);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_demo_databases_fit_their_mappings),
        cmocka_unit_test(the_reporter_is_not_shown),
        cmocka_unit_test(a_place_without_a_point_shows_none),
        cmocka_unit_test(what_does_not_map_is_counted_by_reason),
        cmocka_unit_test(check_says_every_mistake),
        cmocka_unit_test(a_key_without_an_index_and_a_column_without_a_value_are_said),
        cmocka_unit_test(a_wal_file_is_warned_of),
        cmocka_unit_test(a_file_that_is_not_there_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
