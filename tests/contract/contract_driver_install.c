/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_connector node_mapping node_config node_base */
#include "tests/contract/driver_world.h"

/* The catalogue, installing, and what an application may do to us: the contract of node/connector/driver.h. */

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

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_column_that_is_renamed_under_us_is_invalid_and_named_at_open),
        cmocka_unit_test(the_catalogue_names_types_and_bounds),
        cmocka_unit_test(installing_twice_changes_nothing_and_uninstalling_leaves_nothing),
        cmocka_unit_test(a_dropped_trigger_is_noticed_at_open),
        cmocka_unit_test(a_renamed_key_does_not_break_the_application),
        cmocka_unit_test(objects_on_the_path_of_the_application_are_not_used_by_the_triggers),
        cmocka_unit_test(a_user_without_rights_is_told_the_grant),
        cmocka_unit_test(a_restored_file_in_our_place_is_noticed),
    };
    return driver_cases_run(cases, sizeof cases / sizeof cases[0]);
}
