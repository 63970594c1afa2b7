/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_connector node_mapping node_config node_base */
#include "tests/contract/driver_world.h"

/* What the application does, rows, writes, waits: the contract of node/connector/driver.h. */

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

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(changes_of_the_application_stand_in_the_outbox),
        cmocka_unit_test(what_a_rolled_back_statement_did_is_not_in_the_outbox),
        cmocka_unit_test(our_own_writes_are_not_in_the_outbox),
        cmocka_unit_test(removing_outbox_rows_takes_exactly_these),
        cmocka_unit_test(composite_keys_with_bars_and_backslashes_come_through),
        cmocka_unit_test(another_key_is_another_row),
        cmocka_unit_test(rows_come_in_the_order_asked_for_with_null_as_null),
        cmocka_unit_test(a_key_that_no_row_can_have_is_not_there),
        cmocka_unit_test(pages_walk_through_all_keys_once),
        cmocka_unit_test(an_insert_takes_cells_fills_and_defaults_and_gives_its_key),
        cmocka_unit_test(a_key_made_by_the_database_is_read_back),
        cmocka_unit_test(a_refused_value_is_invalid_and_the_transaction_goes_back),
        cmocka_unit_test(a_lock_of_the_application_is_busy_and_passes),
        cmocka_unit_test(a_rollback_takes_everything_back),
        cmocka_unit_test(waiting_ends_with_a_change_or_a_wake),
        cmocka_unit_test(a_killed_connection_is_io_and_opens_again),
        cmocka_unit_test(a_text_that_is_too_long_is_refused_and_not_cut),
        cmocka_unit_test(a_truncated_table_is_a_deletion_of_every_row),
        cmocka_unit_test(only_a_connector_that_sleeps_is_notified_and_no_change_is_slept_through),
        cmocka_unit_test(one_statement_over_many_rows_gives_each_its_event),
    };
    return driver_cases_run(cases, sizeof cases / sizeof cases[0]);
}
