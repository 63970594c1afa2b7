/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto node_base */
/* A node that signs what it should not: what the hub appends, what it refuses, what has an effect (sync/serve_push.c,
 * sync/core_apply.c, sync/cut.c). */
#include "sync/tree.h"
#include "tests/unit/sync/world.h"

static struct world world;
static struct site *a;
static struct site *b;
static struct record_id id;

static int start(void **state)
{
    (void)state;
    struct token token;
    must(world_start(&world, memory_heap()));
    must(world_join(&world, "64.09", NULL, &a));
    must(world_join(&world, "61.03", NULL, &b));
    must(world_settle(&world));
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    must(site_read(&world, &world.hub, id, &token));
    must(site_edit(&world, &world.hub, 0, id, &token, REG_STATUS, status_value(&world, COMPLAINT_PROSES)));
    must(world_settle(&world));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

typedef void (*forgery)(struct header *header);

/* The last leaf of the push with a forged header, under a checkpoint that the node's own key signs. */
static void forge_push(struct push *push, void *owner)
{
    forgery forge;
    memcpy(&forge, owner, sizeof forge);
    struct tree_range range = {0};
    struct hash hash;
    struct wire_leaf *leaves = arena_array(&world.arena, push->leaf_count, sizeof *leaves);
    memcpy(leaves, push->leaves, push->leaf_count * sizeof *leaves);
    struct span *leaf = &leaves[push->leaf_count - 1].leaf;
    if (forge) {
        struct header header;
        must(header_scan(*leaf, &world.arena, &header, NULL));
        forge(&header);
        must(header_write(&header, &world.arena, leaf, NULL));
    } else {
        *leaf = span_text("no header at all");
    }
    struct stream_info own = {0};
    struct stream_info *infos;
    size_t count;
    must(core_streams(a->core, &world.arena, &infos, &count));
    for (size_t i = 0; i < count; i++) {
        own = infos[i].own ? infos[i] : own;
    }
    for (uint64_t seq = 0; seq < push->old_size; seq++) {
        struct wire_leaf held;
        must(core_leaf(a->core, own.number, seq, &world.arena, &held));
        tree_leaf_hash(a->crypto, held.leaf, &hash);
        must(tree_range_append(&range, a->crypto, &hash));
    }
    for (size_t i = 0; i < push->leaf_count; i++) {
        tree_leaf_hash(a->crypto, leaves[i].leaf, &hash);
        must(tree_range_append(&range, a->crypto, &hash));
    }
    struct span origin;
    tree_range_root(&range, a->crypto, &hash);
    must(origin_write(span_text("test"), &push->stream, &world.arena, &origin));
    must(checkpoint_sign(a->crypto, origin, range.size, &hash, &world.arena, &push->checkpoint));
    push->leaves = leaves;
}

/* An edit of `a`, forged, at the hub; the hub's first void reason in out_why. */
static enum verdict push_forged(forgery forge, struct push_answer *out_answer)
{
    struct token token;
    struct push push;
    struct span bytes;
    struct span answer = {0};
    must(site_read(&world, a, id, &token));
    must(site_edit_title(&world, a, id, &token, "palsu"));
    must(site_begin(&world, a));
    must(core_push(a->core, &world.arena, &push));
    forge_push(&push, &forge);
    core_rollback(a->core);
    must(push_write(&push, &world.arena, &bytes));
    must(hub_call(&world, a, hub_push, bytes, &answer));
    must(push_answer_read(answer, &world.arena, out_answer));
    return world.verdict;
}

static void forge_reg(struct header *header)
{
    header->reg += 1000;
}

static void forge_hub_dot(struct header *header)
{
    struct ctx_entry *ctx = (struct ctx_entry *)(uintptr_t)header->ctx;
    for (size_t i = 0; i < header->ctx_count; i++) {
        ctx[i].rseq += node_id_equal(ctx[i].replica.node, world.hub.id) ? 7 : 0;
    }
}

static void forge_hash(struct header *header)
{
    struct ctx_entry *ctx = (struct ctx_entry *)(uintptr_t)header->ctx;
    for (size_t i = 0; i < header->ctx_count; i++) {
        ctx[i].hash.bytes[0] ^= node_id_equal(ctx[i].replica.node, world.hub.id) ? 1 : 0;
    }
}

static void forge_position(struct header *header)
{
    header->seq += 1;
}

static void forge_node(struct header *header)
{
    header->node = b->id;
}

static void forge_role(struct header *header)
{
    header->role = ROLE_NATIONAL;
}

static void forge_future(struct header *header)
{
    header->rseq += 3;
}

static void a_registry_size_that_does_not_exist_is_refused(void **state)
{
    (void)state;
    struct push_answer answer;
    assert_int_equal(push_forged(forge_reg, &answer), VERDICT_TOO_NEW);
    assert_string_equal(site_title(&world, &world.hub, id), "jalan rusak");
}

static void a_change_of_the_hub_that_does_not_exist_is_refused(void **state)
{
    (void)state;
    struct push_answer answer;
    assert_int_equal(push_forged(forge_hub_dot, &answer), VERDICT_TOO_NEW);
}

static void check_void(forgery forge, const char *why)
{
    struct push_answer answer;
    assert_int_equal(push_forged(forge, &answer), VERDICT_OK);
    assert_int_equal(answer.void_count, 1);
    assert_true(span_equal(answer.voids[0].why, span_text(why)));
    assert_string_equal(site_title(&world, &world.hub, id), "jalan rusak");
}

static void bytes_that_are_no_leaf_are_appended_without_effect(void **state)
{
    (void)state;
    check_void(NULL, "format");
}

static void a_leaf_that_does_not_stand_where_it_says_has_no_effect(void **state)
{
    (void)state;
    check_void(forge_position, "position");
}

static void a_leaf_in_the_name_of_another_node_has_no_effect(void **state)
{
    (void)state;
    check_void(forge_node, "position");
}

static void a_role_that_the_node_does_not_have_is_void(void **state)
{
    (void)state;
    check_void(forge_role, "role");
}

static void a_change_that_leaves_one_out_waits(void **state)
{
    (void)state;
    struct push_answer answer;
    const struct record *record;
    assert_int_equal(push_forged(forge_future, &answer), VERDICT_OK);
    assert_string_equal(site_title(&world, &world.hub, id), "jalan rusak");
    must(site_begin(&world, &world.hub));
    must(core_record(world.hub.core, id, &record));
    assert_int_equal(record->parked_count, 1);
    core_rollback(world.hub.core);
}

static void a_context_that_contradicts_the_hubs_own_history_is_held_and_told(void **state)
{
    (void)state;
    struct push_answer answer;
    const struct record *record;
    assert_int_equal(push_forged(forge_hash, &answer), VERDICT_OK);
    assert_string_equal(site_title(&world, &world.hub, id), "jalan rusak");
    assert_int_equal(site_events(&world, &world.hub), 1);
    must(site_begin(&world, &world.hub));
    must(core_record(world.hub.core, id, &record));
    assert_int_equal(record->parked_count, 1);
    core_rollback(world.hub.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_registry_size_that_does_not_exist_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(a_change_of_the_hub_that_does_not_exist_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_leaf_are_appended_without_effect, start, stop),
        cmocka_unit_test_setup_teardown(a_leaf_that_does_not_stand_where_it_says_has_no_effect, start, stop),
        cmocka_unit_test_setup_teardown(a_leaf_in_the_name_of_another_node_has_no_effect, start, stop),
        cmocka_unit_test_setup_teardown(a_role_that_the_node_does_not_have_is_void, start, stop),
        cmocka_unit_test_setup_teardown(a_change_that_leaves_one_out_waits, start, stop),
        cmocka_unit_test_setup_teardown(a_context_that_contradicts_the_hubs_own_history_is_held_and_told, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
