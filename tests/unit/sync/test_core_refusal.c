/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto node_base */
/* What the hub and its readers refuse, and what local writes are refused: sync/serve_push.c, sync/push.c, sync/pull.c,
 * sync/write.c. */
#include "tests/unit/sync/world.h"

static struct world world;
static struct site *a;
static struct site *b;
static struct record_id id;

static int start(void **state)
{
    (void)state;
    must(world_start(&world, memory_heap()));
    must(world_join(&world, "64.09", NULL, &a));
    must(world_join(&world, "61.03", NULL, &b));
    must(world_settle(&world));
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

static void edit(const char *title)
{
    struct token token;
    must(site_read(&world, a, id, &token));
    must(site_edit_title(&world, a, id, &token, title));
}

/* A push of `a` with the change of `tamper` in it; what the hub says. The hub must be as before unless it says OK. */
static enum verdict push_with(void (*tamper)(struct push *push, void *owner), struct next *out_next)
{
    world.on_push = tamper;
    must(world_push(&world, a, out_next));
    world.on_push = NULL;
    return world.verdict;
}

static struct wire_leaf *own_leaves(struct push *push)
{
    struct wire_leaf *leaves = arena_array(&world.arena, push->leaf_count + 1, sizeof *leaves);
    memcpy(leaves, push->leaves, push->leaf_count * sizeof *leaves);
    push->leaves = leaves;
    return leaves;
}

static struct span changed(struct span bytes, size_t at)
{
    struct span copy;
    must(arena_copy(&world.arena, bytes, &copy));
    ((uint8_t *)(uintptr_t)copy.data)[at] ^= 1;
    return copy;
}

static void tamper_leaf(struct push *push, void *owner)
{
    (void)owner;
    struct wire_leaf *leaves = own_leaves(push);
    leaves[0].leaf = changed(leaves[0].leaf, leaves[0].leaf.size - 1);
}

static void tamper_signature(struct push *push, void *owner)
{
    (void)owner;
    push->checkpoint = changed(push->checkpoint, push->checkpoint.size - 4);
}

static void tamper_gap(struct push *push, void *owner)
{
    (void)owner;
    push->old_size++;
}

static void tamper_stream(struct push *push, void *owner)
{
    (void)owner;
    push->stream.node = b->id;
    push->stream.scope = scope_of_node(b->id);
}

static void tamper_epoch(struct push *push, void *owner)
{
    (void)owner;
    push->stream.epoch = 7;
}

static void tamper_lease(struct push *push, void *owner)
{
    (void)owner;
    push->lease = changed(push->lease, 0);
}

static void tamper_drop(struct push *push, void *owner)
{
    (void)owner;
    push->leaf_count--;
}

static void tamper_body(struct push *push, void *owner)
{
    (void)owner;
    struct wire_leaf *leaves = own_leaves(push);
    leaves[0].body.body = changed(leaves[0].body.body, leaves[0].body.body.size - 1);
}

static void what_a_push_is_refused_for(void **state)
{
    (void)state;
    static const struct {
        void (*tamper)(struct push *push, void *owner);
        enum verdict verdict;
        enum next_step step;
    } cases[] = {
        {tamper_leaf, VERDICT_BAD_ROOT, NEXT_STOP},
        {tamper_signature, VERDICT_BAD_SIGNATURE, NEXT_STOP},
        {tamper_gap, VERDICT_SIZE_DIFFERS, NEXT_GO_ON},
        {tamper_stream, VERDICT_UNKNOWN_NODE, NEXT_STOP},
        {tamper_epoch, VERDICT_UNKNOWN_EPOCH, NEXT_HELLO},
        {tamper_lease, VERDICT_LEASE_TAKEN, NEXT_HELLO},
        {tamper_drop, VERDICT_BAD_SIGNATURE, NEXT_STOP},
    };
    edit("kedua");
    edit("ketiga");
    struct record_digest before = site_digest(&world, &world.hub, id);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct push push;
        struct span bytes;
        struct span answer = {0};
        struct next next;
        must(site_begin(&world, a));
        must(site_end(a, push_ask(&world, a, &push, &bytes)));
        struct push sent = push;
        cases[i].tamper(&push, NULL);
        must(push_write(&push, &world.arena, &bytes));
        must(hub_call(&world, a, hub_push, bytes, &answer));
        assert_int_equal(world.verdict, cases[i].verdict);
        must(site_begin(&world, a));
        must(site_end(a, push_take(&world, a, &sent, answer, &next)));
        assert_int_equal(next.step, cases[i].step);
        struct record_digest after = site_digest(&world, &world.hub, id);
        assert_memory_equal(&after, &before, sizeof after);
        for (int k = 0; k < 3 && !core_is_ready(a->core); k++) {
            must(world_hello(&world, a, &next));
        }
    }
    must(world_settle(&world));
    assert_string_equal(site_title(&world, &world.hub, id), "ketiga");
}

static void a_body_that_does_not_fit_its_commitment_is_taken_as_missing(void **state)
{
    (void)state;
    struct next next;
    edit("kedua");
    assert_int_equal(push_with(tamper_body, &next), VERDICT_OK);
    assert_string_equal(site_title(&world, &world.hub, id), "");
    assert_true(digests_equal(&world, a, &world.hub, id));
}

static void a_push_whose_answer_was_lost_is_acknowledged_by_the_next(void **state)
{
    (void)state;
    struct next next;
    edit("kedua");
    world.drop_answer = true;
    must(world_push(&world, a, &next));
    world.drop_answer = false;
    assert_int_equal(core_unacked(a->core), 1);
    must(world_push(&world, a, &next));
    assert_int_equal(world.verdict, VERDICT_SIZE_DIFFERS);
    assert_int_equal(next.step, NEXT_GO_ON);
    assert_int_equal(core_unacked(a->core), 0);
}

static void a_doubled_push_is_nothing(void **state)
{
    (void)state;
    struct next next;
    edit("kedua");
    world.duplicate = true;
    must(world_push(&world, a, &next));
    world.duplicate = false;
    assert_int_equal(core_unacked(a->core), 0);
    must(world_settle(&world));
    assert_true(digests_equal(&world, a, &world.hub, id));
}

static void the_note_is_the_same_after_a_crash(void **state)
{
    (void)state;
    struct push first;
    struct push second;
    struct span bytes;
    struct next next;
    edit("kedua");
    must(site_begin(&world, a));
    must(site_end(a, push_ask(&world, a, &first, &bytes)));
    edit("ketiga");
    must(site_restart(&world, a));
    must(world_hello(&world, a, &next));
    must(site_begin(&world, a));
    must(site_end(a, push_ask(&world, a, &second, &bytes)));
    assert_true(span_equal(first.checkpoint, second.checkpoint));
    assert_int_equal(second.leaf_count, first.leaf_count);
    must(world_settle(&world));
    assert_string_equal(site_title(&world, &world.hub, id), "ketiga");
}

static void a_push_never_cuts_a_local_transaction(void **state)
{
    (void)state;
    struct token token;
    struct push push;
    struct span bytes;
    must(site_read(&world, a, id, &token));
    for (int i = 0; i < LIMIT_BATCH_LEAVES / 3 + 50; i++) {
        must(site_begin(&world, a));
        struct body_value values[2] = {{REG_STATUS, status_value(&world, COMPLAINT_PROSES)},
                                       {REG_TEXT, text_value(&world, "isi")}};
        struct draft draft = {.record = id,
                              .kind = KIND_EDIT,
                              .lane = 1,
                              .role = ROLE_CLERK,
                              .values = values,
                              .value_count = 2,
                              .ctx = token.ctx,
                              .ctx_count = token.count};
        struct written written;
        must(core_write(a->core, &draft, &written, NULL));
        struct body_value title = {REG_TITLE, text_value(&world, "judul")};
        draft.values = &title;
        draft.value_count = 1;
        must(site_end(a, core_write(a->core, &draft, &written, NULL)));
    }
    must(site_begin(&world, a));
    must(site_end(a, push_ask(&world, a, &push, &bytes)));
    assert_int_equal(push.leaf_count, LIMIT_BATCH_LEAVES - LIMIT_BATCH_LEAVES % 3);
    must(world_settle(&world));
    assert_true(digests_equal(&world, a, &world.hub, id));
}

static void tamper_pull_leaf(struct pull_answer *answer, void *owner)
{
    (void)owner;
    for (size_t p = 0; p < answer->part_count; p++) {
        if (answer->parts[p].leaf_count > 0) {
            uint8_t *byte = (uint8_t *)(uintptr_t)answer->parts[p].leaves[0].leaf.data;
            byte[answer->parts[p].leaves[0].leaf.size - 1] ^= 1;
        }
    }
}

static void tamper_pull_gap(struct pull_answer *answer, void *owner)
{
    (void)owner;
    struct pull_part *parts = arena_array(&world.arena, answer->part_count, sizeof *parts);
    memcpy(parts, answer->parts, answer->part_count * sizeof *parts);
    for (size_t p = 0; p < answer->part_count; p++) {
        parts[p].first++;
    }
    answer->parts = parts;
}

static void a_reader_takes_nothing_that_the_signed_tree_does_not_hold(void **state)
{
    (void)state;
    struct token token;
    struct next next;
    must(site_read(&world, &world.hub, id, &token));
    must(site_edit_title(&world, &world.hub, id, &token, "dari pusat"));
    world.on_pull_answer = tamper_pull_leaf;
    must(world_pull(&world, a, &next));
    assert_int_equal(next.step, NEXT_STOP);
    world.on_pull_answer = tamper_pull_gap;
    must(world_pull(&world, a, &next));
    assert_int_equal(next.step, NEXT_WAIT);
    world.on_pull_answer = NULL;
    assert_string_equal(site_title(&world, a, id), "jalan rusak");
    must(world_settle(&world));
    assert_string_equal(site_title(&world, a, id), "dari pusat");
}

static void a_peer_reads_only_its_own_streams(void **state)
{
    (void)state;
    struct stream_id of_a = {.node = a->id, .epoch = 1, .scope = scope_of_node(a->id)};
    struct stream_id for_a = {.node = world.hub.id, .epoch = 1, .scope = scope_of_node(a->id)};
    struct stream_id registry = {.node = world.hub.id, .epoch = 1, .scope = {"registry"}};
    assert_true(core_may_read(world.hub.core, a->id, of_a));
    assert_true(core_may_read(world.hub.core, a->id, for_a));
    assert_true(core_may_read(world.hub.core, a->id, registry));
    assert_false(core_may_read(world.hub.core, b->id, of_a));
    assert_false(core_may_read(world.hub.core, b->id, for_a));
    assert_false(core_may_read(world.hub.core, world_node("99.99"), registry));
}

static void what_a_local_write_is_refused_for(void **state)
{
    (void)state;
    struct token token;
    struct token old;
    struct fault fault;
    struct written written;
    must(site_read(&world, a, id, &old));
    struct body_value values[1] = {{REG_TITLE, text_value(&world, "x")}};
    struct draft draft = {.record = id, .kind = KIND_EDIT, .role = ROLE_CLERK, .values = values, .value_count = 1};
    uint64_t size = site_own_stream(&world, a).size;
    assert_int_equal(site_write(&world, a, &draft, &written).code, STATUS_STALE);
    must(site_read(&world, a, id, &token));
    draft.ctx = token.ctx;
    draft.ctx_count = token.count;
    draft.role = ROLE_NATIONAL;
    assert_int_equal(site_write(&world, a, &draft, &written).code, STATUS_DENIED);
    draft.role = ROLE_CLERK;
    token.ctx[0].rseq += 5;
    assert_int_equal(site_write(&world, a, &draft, &written).code, STATUS_STALE);
    token.ctx[0].rseq -= 5;
    char *large = arena_alloc(&world.arena, LIMIT_BODY_SIZE + 100);
    memset(large, 'x', LIMIT_BODY_SIZE + 99);
    values[0].bytes = span_of(large, LIMIT_BODY_SIZE + 99);
    must(site_begin(&world, a));
    struct status status = core_write(a->core, &draft, &written, &fault);
    core_rollback(a->core);
    assert_int_equal(status.code, STATUS_LIMIT);
    values[0].bytes = text_value(&world, "x");
    draft.record.bytes[0] ^= 1;
    assert_int_equal(site_write(&world, a, &draft, &written).code, STATUS_NOT_FOUND);
    assert_int_equal(site_own_stream(&world, a).size, size);
    must(site_edit(&world, a, 0, id, &token, REG_TITLE, text_value(&world, "rekan")));
    assert_int_equal(site_edit(&world, a, 0, id, &old, REG_TITLE, text_value(&world, "saya")).code, STATUS_STALE);
}

static void a_revoked_stream_takes_no_more(void **state)
{
    (void)state;
    struct next next;
    edit("kedua");
    struct registry_entry cut = {.kind = KIND_REG_CUT,
                                 .node = a->id,
                                 .epoch = 1,
                                 .scope = scope_of_node(a->id),
                                 .size = site_own_stream(&world, a).size - 1};
    must(site_begin(&world, &world.hub));
    must(site_end(&world.hub, core_registry_add(world.hub.core, &cut)));
    must(world_push(&world, a, &next));
    assert_int_equal(world.verdict, VERDICT_CUT);
    assert_int_equal(next.step, NEXT_STOP);
    assert_string_equal(site_title(&world, &world.hub, id), "jalan rusak");
}

static void a_lane_is_due_what_others_changed(void **state)
{
    (void)state;
    struct token token;
    struct due *due;
    size_t count;
    must(site_begin(&world, a));
    must(site_end(a, core_lane_open(a->core, 1)));
    must(site_begin(&world, a));
    must(core_due(a->core, 1, 10, &world.arena, &due, &count));
    assert_int_equal(count, 1);
    must(site_end(a, core_due_done(a->core, 1, due[0])));
    edit("oleh konektor sendiri");
    must(site_read(&world, a, id, &token));
    must(site_begin(&world, a));
    must(core_due(a->core, 1, 10, &world.arena, &due, &count));
    core_rollback(a->core);
    assert_int_equal(count, 0);
    must(site_edit(&world, a, 0, id, &token, REG_STATUS, status_value(&world, COMPLAINT_PROSES)));
    must(site_begin(&world, a));
    must(core_due(a->core, 1, 10, &world.arena, &due, &count));
    core_rollback(a->core);
    assert_int_equal(count, 1);
    struct due looked_at = due[0];
    must(site_read(&world, a, id, &token));
    must(site_edit(&world, a, 0, id, &token, REG_STATUS, status_value(&world, COMPLAINT_SELESAI)));
    must(site_begin(&world, a));
    must(site_end(a, core_due_done(a->core, 1, looked_at)));
    must(site_begin(&world, a));
    must(core_due(a->core, 1, 10, &world.arena, &due, &count));
    core_rollback(a->core);
    assert_int_equal(count, 1);
}

static void what_is_undone_to_a_mark_is_gone_and_the_rest_stays(void **state)
{
    (void)state;
    struct token token;
    struct written written;
    struct body_value values[1] = {{REG_TITLE, text_value(&world, "sebelum tanda")}};
    must(site_read(&world, a, id, &token));
    struct draft draft = {.record = id,
                          .kind = KIND_EDIT,
                          .lane = 1,
                          .role = ROLE_CLERK,
                          .values = values,
                          .value_count = 1,
                          .ctx = token.ctx,
                          .ctx_count = token.count};
    uint64_t size = site_own_stream(&world, a).size;
    must(site_begin(&world, a));
    must(core_write(a->core, &draft, &written, NULL));
    must(core_mark(a->core));
    values[0].bytes = text_value(&world, "sesudah tanda");
    must(core_write(a->core, &draft, &written, NULL));
    must(core_mark_undo(a->core));
    must(core_commit(a->core));
    assert_int_equal(site_own_stream(&world, a).size, size + 1);
    assert_string_equal(site_title(&world, a, id), "sebelum tanda");
    must(site_restart(&world, a));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, &world.hub, id), "sebelum tanda");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_push_is_refused_for, start, stop),
        cmocka_unit_test_setup_teardown(a_body_that_does_not_fit_its_commitment_is_taken_as_missing, start, stop),
        cmocka_unit_test_setup_teardown(a_push_whose_answer_was_lost_is_acknowledged_by_the_next, start, stop),
        cmocka_unit_test_setup_teardown(a_doubled_push_is_nothing, start, stop),
        cmocka_unit_test_setup_teardown(the_note_is_the_same_after_a_crash, start, stop),
        cmocka_unit_test_setup_teardown(a_push_never_cuts_a_local_transaction, start, stop),
        cmocka_unit_test_setup_teardown(a_reader_takes_nothing_that_the_signed_tree_does_not_hold, start, stop),
        cmocka_unit_test_setup_teardown(a_peer_reads_only_its_own_streams, start, stop),
        cmocka_unit_test_setup_teardown(what_a_local_write_is_refused_for, start, stop),
        cmocka_unit_test_setup_teardown(a_revoked_stream_takes_no_more, start, stop),
        cmocka_unit_test_setup_teardown(a_lane_is_due_what_others_changed, start, stop),
        cmocka_unit_test_setup_teardown(what_is_undone_to_a_mark_is_gone_and_the_rest_stays, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
