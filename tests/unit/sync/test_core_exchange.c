/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto node_base */
/* A hub and its regencies over model stores: sync/core.h, the dialogue (write, push, pull, hello, relay). */
#include "tests/unit/sync/world.h"

static struct world world;
static struct site *a;
static struct site *b;

static int start(void **state)
{
    (void)state;
    must(world_start(&world, memory_heap()));
    must(world_join(&world, "64.09", NULL, &a));
    must(world_join(&world, "61.03", NULL, &b));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

static void a_complaint_of_a_regency_reaches_the_hub(void **state)
{
    (void)state;
    struct record_id id;
    must(world_settle(&world));
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, &world.hub, id), "jalan rusak");
    assert_true(digests_equal(&world, a, &world.hub, id));
    assert_int_equal(core_unacked(a->core), 0);
    struct record_row row = site_row(&world, &world.hub, id);
    assert_int_equal(row.status, COMPLAINT_BELUM_VERIFIKASI);
    assert_true(node_id_equal(registry_scope_node(core_registry(world.hub.core), row.owner), a->id));
}

static void an_edit_of_the_hub_comes_back(void **state)
{
    (void)state;
    struct record_id id;
    struct token token;
    must(world_settle(&world));
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    must(site_read(&world, &world.hub, id, &token));
    must(site_edit(&world, &world.hub, 0, id, &token, REG_STATUS, status_value(&world, COMPLAINT_PROSES)));
    must(world_settle(&world));
    assert_true(digests_equal(&world, a, &world.hub, id));
    assert_int_equal(site_row(&world, a, id).status, COMPLAINT_PROSES);
}

static void concurrent_edits_become_a_conflict_at_both_ends(void **state)
{
    (void)state;
    struct record_id id;
    struct token at_hub;
    struct token at_node;
    must(world_settle(&world));
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    must(site_read(&world, &world.hub, id, &at_hub));
    must(site_read(&world, a, id, &at_node));
    must(site_edit(&world, &world.hub, 0, id, &at_hub, REG_TEXT, text_value(&world, "rusak berat")));
    must(site_edit(&world, a, 1, id, &at_node, REG_TEXT, text_value(&world, "berlubang")));
    must(world_settle(&world));
    assert_int_equal(site_siblings(&world, a, id, REG_TEXT), 2);
    assert_int_equal(site_siblings(&world, &world.hub, id, REG_TEXT), 2);
    assert_true(digests_equal(&world, a, &world.hub, id));
    struct inbox_item items[4];
    size_t count;
    struct span last;
    must(site_begin(&world, a));
    must(core_inbox_list(a->core, true, (struct span){0}, 4, &world.arena, items, &count, &last));
    core_rollback(a->core);
    assert_int_equal(count, 1);
    assert_int_equal(items[0].number, REG_TEXT);
    assert_int_equal(site_row(&world, a, id).conflicts, 1);
    must(site_read(&world, a, id, &at_node));
    must(site_edit(&world, a, 1, id, &at_node, REG_TEXT, text_value(&world, "rusak dan berlubang")));
    must(world_settle(&world));
    assert_int_equal(site_siblings(&world, &world.hub, id, REG_TEXT), 1);
    assert_int_equal(site_row(&world, &world.hub, id).conflicts, 0);
    must(site_begin(&world, a));
    must(core_inbox_list(a->core, true, (struct span){0}, 4, &world.arena, items, &count, &last));
    core_rollback(a->core);
    assert_int_equal(count, 0);
}

static void an_idle_world_writes_no_leaf(void **state)
{
    (void)state;
    struct record_id id;
    must(world_settle(&world));
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    uint64_t size = site_own_stream(&world, a).size;
    world.leaves_moved = 0;
    must(world_settle(&world));
    assert_int_equal(site_own_stream(&world, a).size, size);
    assert_int_equal(world.leaves_moved, 0);
}

static struct record_id between_id;

static void a_writes(void *owner)
{
    (void)owner;
    must(site_create(&world, a, NULL, "sampah menumpuk", &between_id));
}

static void nothing_happens(void *owner)
{
    (void)owner;
}

/* Both ends hold both complaints, whatever became of the two pushes. */
static void two_arrive(bool crossed, bool lost)
{
    struct record_id id;
    struct next next;
    must(world_settle(&world));
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_push_two(&world, a, a_writes, NULL, crossed, lost, &next));
    assert_int_equal(next.step, crossed ? NEXT_HELLO : NEXT_GO_ON);
    if (!crossed && !lost) {
        assert_int_equal(world.verdict, VERDICT_OK);
        assert_int_equal(core_unacked(a->core), 0);
    }
    must(world_settle(&world));
    assert_int_equal(core_unacked(a->core), 0);
    assert_true(digests_equal(&world, a, &world.hub, id));
    assert_true(digests_equal(&world, a, &world.hub, between_id));
    assert_int_equal(site_events(&world, a), 0);
    assert_int_equal(site_events(&world, &world.hub), 0);
}

static void a_push_is_made_while_another_is_on_its_way(void **state)
{
    (void)state;
    two_arrive(false, false);
}

static void a_push_that_overtakes_another_is_refused_and_goes_again(void **state)
{
    (void)state;
    two_arrive(true, false);
}

static void a_push_behind_a_lost_one_is_refused_and_goes_again(void **state)
{
    (void)state;
    two_arrive(false, true);
}

static void nothing_is_made_ahead_where_nothing_waits(void **state)
{
    (void)state;
    struct record_id id;
    struct next next;
    must(world_settle(&world));
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    size_t moved = world.leaves_moved;
    must(world_push_two(&world, a, nothing_happens, NULL, false, false, &next));
    assert_int_equal(world.leaves_moved - moved, 2); /* the leaves of one complaint, once */
    assert_int_equal(core_unacked(a->core), 0);
}

static void a_note_signed_ahead_survives_a_crash(void **state)
{
    (void)state;
    struct record_id id;
    struct push push;
    must(world_settle(&world));
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(site_begin(&world, a));
    must(site_end(a, core_push(a->core, &world.arena, &push)));
    a_writes(NULL);
    must(site_begin(&world, a));
    must(site_end(a, core_push_ahead(a->core, 1, &world.arena, &push)));
    assert_int_not_equal(push.leaf_count, 0);
    uint64_t signed_size = site_own_stream(&world, a).signed_size;
    assert_int_equal(signed_size, push.old_size + push.leaf_count);
    must(site_restart(&world, a));
    assert_int_equal(site_own_stream(&world, a).signed_size, signed_size);
    must(world_settle(&world));
    assert_int_equal(core_unacked(a->core), 0);
    assert_true(digests_equal(&world, a, &world.hub, between_id));
    assert_int_equal(core_epoch(a->core), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_complaint_of_a_regency_reaches_the_hub, start, stop),
        cmocka_unit_test_setup_teardown(an_edit_of_the_hub_comes_back, start, stop),
        cmocka_unit_test_setup_teardown(concurrent_edits_become_a_conflict_at_both_ends, start, stop),
        cmocka_unit_test_setup_teardown(an_idle_world_writes_no_leaf, start, stop),
        cmocka_unit_test_setup_teardown(a_push_is_made_while_another_is_on_its_way, start, stop),
        cmocka_unit_test_setup_teardown(a_push_that_overtakes_another_is_refused_and_goes_again, start, stop),
        cmocka_unit_test_setup_teardown(a_push_behind_a_lost_one_is_refused_and_goes_again, start, stop),
        cmocka_unit_test_setup_teardown(nothing_is_made_ahead_where_nothing_waits, start, stop),
        cmocka_unit_test_setup_teardown(a_note_signed_ahead_survives_a_crash, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
