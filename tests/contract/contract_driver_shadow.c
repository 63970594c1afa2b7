/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_connector node_mapping node_config node_base */
#include "tests/contract/driver_world.h"

/* Shadows, marks and lanes: the contract of node/connector/driver.h. */

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
    assert_int_equal(count, 3);
    assert_true(span_equal(keys[0], span_text("A|2")));
    must(&world, world.driver->ops->orphans(world.driver, ADUAN, keys[0], 4, &world.arena, keys, &count));
    assert_int_equal(count, 2);
    assert_true(span_equal(keys[0], span_text("A|3")));
    assert_true(span_equal(keys[1], span_text("A|4")));
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

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_shadow_is_replaced_only_by_its_next_version),
        cmocka_unit_test(of_many_shadows_only_the_losers_are_not_stored),
        cmocka_unit_test(shadows_are_found_by_record_part_and_identity),
        cmocka_unit_test(a_shadow_moves_and_goes_only_in_its_version),
        cmocka_unit_test(vanished_rows_are_found_by_their_shadows),
        cmocka_unit_test(marks_are_kept),
        cmocka_unit_test(a_mark_is_swapped_only_for_the_one_that_was_seen),
        cmocka_unit_test(two_lanes_do_not_see_each_other),
    };
    return driver_cases_run(cases, sizeof cases / sizeof cases[0]);
}
