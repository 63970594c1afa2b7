/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/conflict/story.h"

struct world {
    struct story story;
    struct record hub, a, b; /* what three stores hold */
    struct leaf *create;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    story_init(&w->story);
    reader_store(&w->story, &w->hub);
    reader_store(&w->story, &w->a);
    reader_store(&w->story, &w->b);
    w->create = story_leaf(&w->story, &w->a, "a", "a", KIND_CREATE, ROLE_CLERK);
    leaf_status(w->create, COMPLAINT_BELUM_VERIFIKASI);
    APPLIES(&w->story, &w->a, w->create);
    APPLIES(&w->story, &w->hub, w->create);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    story_release(&w->story);
    free(w);
    return 0;
}

static struct leaf *title(struct world *w, const struct record *writer, const char *node, const char *text)
{
    enum role role = strcmp(node, "hub") == 0 ? ROLE_NATIONAL : ROLE_ADMIN;
    return leaf_text(story_leaf(&w->story, writer, node, "a", KIND_EDIT, role), REG_TITLE, text);
}

static void an_edit_that_read_the_value_replaces_it(void **state)
{
    struct world *w = *state;
    APPLIES(&w->story, &w->a, title(w, &w->a, "a", "jalan"));
    APPLIES(&w->story, &w->a, title(w, &w->a, "a", "jalan rusak"));
    shows_text(&w->story, &w->a, REG_TITLE, "jalan rusak");
    assert_false(story_show(&w->story, &w->a, REG_TITLE).conflict);
}

static void two_edits_at_once_are_both_kept_and_a_conflict(void **state)
{
    struct world *w = *state;
    struct leaf *one = title(w, &w->a, "a", "satu");
    struct leaf *two = title(w, &w->hub, "hub", "dua");
    APPLIES(&w->story, &w->a, one);
    APPLIES(&w->story, &w->a, two);
    assert_int_equal(record_register_find(&w->a, (struct part_id){{0}}, REG_TITLE)->sibling_count, 2);
    assert_true(story_show(&w->story, &w->a, REG_TITLE).conflict);
    APPLIES(&w->story, &w->a, title(w, &w->a, "a", "tiga"));
    shows_text(&w->story, &w->a, REG_TITLE, "tiga");
    assert_false(story_show(&w->story, &w->a, REG_TITLE).conflict);
}

static void equal_values_are_no_conflict(void **state)
{
    struct world *w = *state;
    struct leaf *one = title(w, &w->a, "a", "sama");
    struct leaf *two = title(w, &w->hub, "hub", "sama");
    APPLIES(&w->story, &w->a, one);
    APPLIES(&w->story, &w->a, two);
    assert_false(story_show(&w->story, &w->a, REG_TITLE).conflict);
}

static void a_leaf_that_comes_twice_is_a_duplicate(void **state)
{
    struct world *w = *state;
    size_t before = w->a.history_count;
    assert_int_equal(story_result(&w->story, &w->a, w->create), APPLY_DUPLICATE);
    assert_int_equal(w->a.history_count, before);
}

static void a_change_before_its_create_is_parked_and_tried_again(void **state)
{
    struct world *w = *state;
    struct leaf *edit = title(w, &w->a, "a", "jalan");
    struct apply_outcome outcome = story_apply(&w->story, &w->b, "b", edit);
    assert_int_equal(outcome.result, APPLY_PARKED);
    assert_int_equal(outcome.waits.rseq, 1);
    assert_true(hash_equal(outcome.waits.hash, w->create->hash));
    assert_int_equal(w->b.parked_count, 1);
    assert_int_equal(record_ready(&w->b, &w->story.registry, 0), SIZE_MAX);
    APPLIES(&w->story, &w->b, w->create);
    assert_int_equal(record_ready(&w->b, &w->story.registry, 0), 0);
    APPLIES(&w->story, &w->b, edit);
    assert_int_equal(w->b.parked_count, 0);
    assert_int_equal(w->b.history_count, 2);
}

static void a_context_that_is_not_held_parks(void **state)
{
    struct world *w = *state;
    struct leaf *one = title(w, &w->a, "a", "satu");
    APPLIES(&w->story, &w->hub, one);
    struct leaf *two = title(w, &w->hub, "hub", "dua");
    struct apply_outcome outcome = story_apply(&w->story, &w->a, "a", two);
    assert_int_equal(outcome.result, APPLY_PARKED);
    assert_int_equal(outcome.waits.rseq, 2);
    assert_true(hash_equal(outcome.waits.hash, one->hash));
    APPLIES(&w->story, &w->a, one);
    APPLIES(&w->story, &w->a, two);
}

static void a_change_waits_for_the_registry_that_its_author_had(void **state)
{
    struct world *w = *state;
    struct leaf *edit = title(w, &w->a, "a", "jalan");
    edit->header.reg = w->story.registry.size + 1;
    struct apply_outcome outcome = story_apply(&w->story, &w->a, "a", edit);
    assert_int_equal(outcome.result, APPLY_PARKED);
    assert_int_equal(outcome.waits_registry, w->story.registry.size + 1);
    story_register(&w->story, KIND_REG_ROLE, "a", ALL_ROLES);
    assert_int_equal(record_ready(&w->a, &w->story.registry, 0), 1);
    APPLIES(&w->story, &w->a, edit);
}

static void a_level_that_this_program_does_not_know_parks_instead_of_voiding(void **state)
{
    struct world *w = *state;
    struct registry_entry entry = {.kind = KIND_REG_SETTINGS, .level = REGISTRY_LEVEL_KNOWN + 1};
    struct leaf *old = title(w, &w->a, "a", "lama");
    assert_int_equal(registry_apply(&w->story.registry, &entry).code, STATUS_OK);
    APPLIES(&w->story, &w->a, old);
    struct leaf *young = title(w, &w->a, "a", "baru");
    assert_int_equal(story_result(&w->story, &w->a, young), APPLY_PARKED);
}

static void two_contents_for_one_dot_are_a_fork_and_advance_nothing(void **state)
{
    struct world *w = *state;
    struct leaf *one = title(w, &w->a, "a", "satu");
    struct leaf *two = title(w, &w->a, "a", "dua");
    APPLIES(&w->story, &w->a, one);
    struct apply_outcome outcome = story_apply(&w->story, &w->a, "hub", two);
    assert_int_equal(outcome.result, APPLY_FORKED);
    assert_string_equal(outcome.why, "dot");
    assert_true(hash_equal(outcome.other, one->hash));
    shows_text(&w->story, &w->a, REG_TITLE, "satu");
    size_t kept = w->a.history_count;
    assert_int_equal(story_result(&w->story, &w->a, two), APPLY_FORKED);
    assert_int_equal(w->a.history_count, kept);
    assert_true(hash_equal(record_history_find(&w->a, header_replica(&one->header), 2)->hash, one->hash));
    assert_int_equal(story_result(&w->story, &w->a, one), APPLY_DUPLICATE);
}

static void a_wrong_prev_hash_is_a_fork(void **state)
{
    struct world *w = *state;
    struct leaf *edit = title(w, &w->a, "a", "satu");
    edit->header.prev = hash_number(99);
    struct apply_outcome outcome = story_apply(&w->story, &w->hub, "hub", edit);
    assert_int_equal(outcome.result, APPLY_FORKED);
    assert_string_equal(outcome.why, "prev");
}

static void a_context_hash_that_contradicts_what_is_held_is_a_fork(void **state)
{
    struct world *w = *state;
    struct leaf *edit = title(w, &w->hub, "hub", "satu");
    edit->ctx[0].hash = hash_number(99);
    struct apply_outcome outcome = story_apply(&w->story, &w->b, "b", w->create);
    assert_int_equal(outcome.result, APPLY_APPLIED);
    outcome = story_apply(&w->story, &w->b, "b", edit);
    assert_int_equal(outcome.result, APPLY_FORKED);
    assert_string_equal(outcome.why, "ctx");
    assert_null(record_register_find(&w->b, (struct part_id){{0}}, REG_TITLE));
}

static void a_hash_against_the_readers_own_replica_is_no_evidence(void **state)
{
    struct world *w = *state;
    struct leaf *edit = title(w, &w->hub, "hub", "satu");
    struct hash right = edit->ctx[0].hash;
    edit->ctx[0].hash = hash_number(99);
    assert_int_equal(story_apply(&w->story, &w->a, "a", edit).result, APPLY_OWN_FORK);
    assert_int_equal(w->a.parked_count, 1);
    edit->ctx[0].hash = right;
    assert_int_equal(story_apply(&w->story, &w->a, "a", edit).result, APPLY_APPLIED);
    struct leaf *other = title(w, &w->a, "a", "dua");
    other->header.rseq = 1;
    assert_int_equal(story_apply(&w->story, &w->a, "a", other).result, APPLY_OWN_FORK);
    assert_int_equal(w->a.parked_count, 0);
}

static void a_stale_form_is_shown_only_if_nothing_else_is_there(void **state)
{
    struct world *w = *state;
    struct leaf *stale = title(w, &w->a, "a", "lama");
    stale->header.kind = KIND_STALE_EDIT;
    stale->header.hlc += 1U << 30;
    struct leaf *fresh = title(w, &w->hub, "hub", "baru");
    APPLIES(&w->story, &w->a, stale);
    shows_text(&w->story, &w->a, REG_TITLE, "lama");
    APPLIES(&w->story, &w->a, fresh);
    shows_text(&w->story, &w->a, REG_TITLE, "baru");
    assert_true(story_show(&w->story, &w->a, REG_TITLE).conflict);
}

static void a_second_create_merges_like_an_edit(void **state)
{
    struct world *w = *state;
    struct leaf *again = story_leaf(&w->story, &w->b, "a", "a", KIND_CREATE, ROLE_CLERK);
    again->header.epoch = 2;
    leaf_status(again, COMPLAINT_SELESAI);
    APPLIES(&w->story, &w->a, again);
    assert_int_equal(record_register_find(&w->a, (struct part_id){{0}}, REG_STATUS)->sibling_count, 2);
    assert_true(story_show(&w->story, &w->a, REG_STATUS).person);
}

static void unknown_registers_merge_as_opaque_bytes(void **state)
{
    struct world *w = *state;
    struct leaf *one = leaf_text(story_leaf(&w->story, &w->a, "a", "a", KIND_EDIT, ROLE_CLERK), 120, "x");
    struct leaf *two = leaf_text(story_leaf(&w->story, &w->hub, "hub", "a", KIND_EDIT, ROLE_ADMIN), 120, "y");
    APPLIES(&w->story, &w->a, one);
    APPLIES(&w->story, &w->a, two);
    assert_true(story_show(&w->story, &w->a, 120).conflict);
    assert_false(story_show(&w->story, &w->a, 120).person);
}

static void parts_have_registers_of_their_own(void **state)
{
    struct world *w = *state;
    for (uint8_t i = 1; i <= 3; i++) {
        struct leaf *note = story_leaf(&w->story, &w->a, "a", "a", KIND_NOTE, ROLE_CLERK);
        note->header.part.bytes[0] = i;
        APPLIES(&w->story, &w->a, leaf_text(note, REG_NOTE_TEXT, "sudah dicek"));
        assert_non_null(record_register_find(&w->a, note->header.part, REG_NOTE_TEXT));
    }
    assert_null(record_register_find(&w->a, (struct part_id){{0}}, REG_NOTE_TEXT));
    assert_null(record_register_find(&w->a, (struct part_id){{9}}, REG_NOTE_TEXT));
}

static void the_token_names_the_head_of_every_replica_in_order(void **state)
{
    struct world *w = *state;
    struct leaf *edit = title(w, &w->hub, "hub", "x");
    edit->header.lane = 3;
    APPLIES(&w->story, &w->a, edit);
    APPLIES(&w->story, &w->a, title(w, &w->hub, "hub", "y"));
    struct ctx_entry *ctx;
    size_t count;
    assert_int_equal(record_token(&w->a, &w->story.arena, &ctx, &count).code, STATUS_OK);
    assert_int_equal(count, 3);
    for (size_t i = 1; i < count; i++) {
        assert_true(replica_compare(ctx[i - 1].replica, ctx[i].replica) < 0);
    }
}

static void replicas_beyond_the_limit_are_refused(void **state)
{
    struct world *w = *state;
    struct status status = status_ok();
    for (uint32_t lane = 0; lane < LIMIT_RECORD_REPLICAS && status_is_ok(status); lane++) {
        uint32_t index;
        struct replica replica = {.node = node_named("x"), .epoch = 1, .lane = lane};
        status = record_replica(&w->a, replica, &index);
    }
    assert_int_equal(status.code, STATUS_LIMIT);
}

static void a_change_out_of_memory_leaves_no_difference(void **state)
{
    struct world *w = *state;
    struct leaf *edit = title(w, &w->a, "a", "jalan");
    struct change change = {
        .header = &edit->header, .hash = edit->hash, .body = BODY_PRESENT, .values = edit->values, .value_count = 1};
    struct span before, after;
    size_t history = w->a.history_count;
    assert_int_equal(record_state_bytes(&w->a, &w->story.arena, &before).code, STATUS_OK);
    struct arena empty;
    arena_init(&empty, w->story.arena.memory, 0);
    w->a.arena = &empty;
    struct apply_outcome outcome;
    assert_int_equal(record_apply(&w->a, &change, &w->story.registry, node_named("a"), &outcome).code,
                     STATUS_NO_MEMORY);
    w->a.arena = &w->story.arena;
    assert_int_equal(record_state_bytes(&w->a, &w->story.arena, &after).code, STATUS_OK);
    assert_true(span_equal(before, after));
    assert_int_equal(w->a.history_count, history);
    APPLIES(&w->story, &w->a, edit);
}

static struct span encoded(struct world *w, const struct record *record)
{
    struct span bytes;
    assert_int_equal(record_encode(record, &w->story.arena, &bytes).code, STATUS_OK);
    return bytes;
}

static void memory_may_end_anywhere_and_the_change_can_be_given_again(void **state)
{
    struct world *w = *state;
    struct leaf *leaves[12] = {w->create};
    for (size_t i = 1; i < 12; i++) {
        leaves[i] = title(w, &w->a, "a", "judul");
        leaf_text(leaves[i], REG_TEXT, "isi");
        leaves[i]->header.lane = (uint32_t)i; /* siblings, replicas, contexts: everything grows */
        leaves[i]->header.rseq = 1;
        leaves[i]->header.has_prev = false;
        APPLIES(&w->story, &w->a, leaves[i]);
    }
    size_t failures = 0;
    for (size_t budget = 256; budget < 64 * 1024; budget += 256) {
        struct arena small;
        arena_init(&small, w->story.arena.memory, budget);
        struct record record;
        record_init(&record, w->story.id, &small);
        for (size_t i = 0; i < 12; i++) {
            const struct leaf *leaf = leaves[i];
            struct change change = {.header = &leaf->header,
                                    .hash = leaf->hash,
                                    .stream = 1,
                                    .seq = leaf->header.seq,
                                    .binds = leaf->binds,
                                    .body = leaf->body,
                                    .values = leaf->values,
                                    .value_count = leaf->value_count};
            struct span before = encoded(w, &record);
            size_t replicas = record.replica_count;
            struct apply_outcome outcome;
            struct status status = record_apply(&record, &change, &w->story.registry, node_named("n"), &outcome);
            if (status_is_ok(status)) {
                continue;
            }
            failures++;
            assert_int_equal(status.code, STATUS_NO_MEMORY);
            assert_int_equal(record.history_count, i);
            if (record.replica_count == replicas) { /* a replica without a change may be known early */
                assert_true(span_equal(before, encoded(w, &record)));
            }
            record.arena = &w->story.arena;
            APPLIES(&w->story, &record, leaf);
        }
        struct span got, expected;
        assert_int_equal(record_state_bytes(&record, &w->story.arena, &got).code, STATUS_OK);
        assert_int_equal(record_state_bytes(&w->a, &w->story.arena, &expected).code, STATUS_OK);
        assert_true(span_equal(got, expected));
        arena_release(&small);
    }
    assert_true(failures > 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_edit_that_read_the_value_replaces_it),
        T(two_edits_at_once_are_both_kept_and_a_conflict),
        T(equal_values_are_no_conflict),
        T(a_leaf_that_comes_twice_is_a_duplicate),
        T(a_change_before_its_create_is_parked_and_tried_again),
        T(a_context_that_is_not_held_parks),
        T(a_change_waits_for_the_registry_that_its_author_had),
        T(a_level_that_this_program_does_not_know_parks_instead_of_voiding),
        T(two_contents_for_one_dot_are_a_fork_and_advance_nothing),
        T(a_wrong_prev_hash_is_a_fork),
        T(a_context_hash_that_contradicts_what_is_held_is_a_fork),
        T(a_hash_against_the_readers_own_replica_is_no_evidence),
        T(a_stale_form_is_shown_only_if_nothing_else_is_there),
        T(a_second_create_merges_like_an_edit),
        T(unknown_registers_merge_as_opaque_bytes),
        T(parts_have_registers_of_their_own),
        T(the_token_names_the_head_of_every_replica_in_order),
        T(replicas_beyond_the_limit_are_refused),
        T(a_change_out_of_memory_leaves_no_difference),
        T(memory_may_end_anywhere_and_the_change_can_be_given_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
