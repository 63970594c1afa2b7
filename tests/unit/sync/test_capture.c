/* SPDX-License-Identifier: Apache-2.0 */
/* Covers sync/capture*.c: one case per sentence of connector.md; the law of capture does the mixtures. */
#include "tests/unit/sync/capture_story.h"

static bool draft_covers(const struct draft *draft, struct ctx_entry leaf)
{
    for (size_t i = 0; i < draft->ctx_count; i++) {
        if (replica_equal(draft->ctx[i].replica, leaf.replica)) {
            return draft->ctx[i].rseq >= leaf.rseq;
        }
    }
    return false;
}

static void a_new_row_is_a_create_that_names_open_flags(void **state)
{
    (void)state;
    struct story s;
    story_init(&s);
    clerk_sets(&s, REG_CONFIDENTIAL, "N");
    clerk_sets(&s, REG_TITLE, "jalan rusak");
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_int_equal(s.decision.draft_count, 1);
    assert_int_equal(s.decision.drafts[0].kind, KIND_CREATE);
    assert_int_equal(s.decision.drafts[0].open_count, 1);
    assert_int_equal(s.decision.drafts[0].open[0], REG_CONFIDENTIAL);
    assert_int_equal(s.decision.drafts[0].ctx_count, 0);
    write_leaves(&s);
    assert_int_equal(decide(&s), CAPTURE_NOTHING);
    story_release(&s);
}

static void an_edit_is_a_raw_difference_whatever_it_means(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    clerk_sets_status(&s, "BARU ", COMPLAINT_BELUM_VERIFIKASI); /* another spelling of the same */
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    write_leaves(&s);
    /* The hub's value is cut by their column: what is read back is the shadow, so nothing is an edit. */
    (void)hub_writes(&s, REG_TITLE, text_value(&s, "jalan rusak berat di depan pasar"));
    assert_int_equal(decide(&s), CAPTURE_WRITE);
    write_back(&s, "jalan rusak ber");
    assert_int_equal(decide(&s), CAPTURE_NOTHING);
    story_release(&s);
}

static void a_form_from_before_a_write_back_does_not_cover_it(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    struct ctx_entry hub = hub_writes(&s, REG_TITLE, text_value(&s, "dari pusat"));
    assert_int_equal(decide(&s), CAPTURE_WRITE);
    write_back(&s, "dari pusat");
    s.now += 10 * MINUTE;
    clerk_sets(&s, REG_TITLE, "dari loket");
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_int_equal(s.decision.drafts[0].kind, KIND_EDIT);
    assert_false(draft_covers(&s.decision.drafts[0], hub));
    story_release(&s);
}

static void after_a_comparison_behind_the_window_a_save_covers_what_the_row_showed(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    struct ctx_entry hub = hub_writes(&s, REG_TITLE, text_value(&s, "dari pusat"));
    (void)decide(&s);
    write_back(&s, "dari pusat");
    s.now += 31 * MINUTE;
    assert_int_equal(decide(&s), CAPTURE_SHADOW); /* the window is closed by this comparison, not by the clock */
    story_store(&s);
    assert_int_equal(decide(&s), CAPTURE_NOTHING);
    clerk_sets(&s, REG_TITLE, "dari loket");
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_true(draft_covers(&s.decision.drafts[0], hub));
    story_release(&s);
}

static void time_without_a_comparison_does_not_close_the_window(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    struct ctx_entry hub = hub_writes(&s, REG_TITLE, text_value(&s, "dari pusat"));
    (void)decide(&s);
    write_back(&s, "dari pusat");
    s.now += 100 * HOUR; /* the node was down */
    clerk_sets(&s, REG_TITLE, "dari loket");
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_false(draft_covers(&s.decision.drafts[0], hub));
    story_release(&s);
}

/* The clock stood an hour behind and was put right a minute after the write-back: the forms from before it are still open. */
static void a_clock_that_was_set_does_not_close_the_window(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    struct ctx_entry hub = hub_writes(&s, REG_TITLE, text_value(&s, "dari pusat"));
    (void)decide(&s);
    write_back(&s, "dari pusat");
    s.now += HOUR;
    s.source.clock_unsure = true;
    assert_int_equal(decide(&s), CAPTURE_NOTHING);
    clerk_sets(&s, REG_TITLE, "dari loket");
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_false(draft_covers(&s.decision.drafts[0], hub));
    story_release(&s);
}

static void a_version_column_makes_the_window_zero(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    s.source.form_window_ms = 0;
    struct ctx_entry hub = hub_writes(&s, REG_TITLE, text_value(&s, "dari pusat"));
    (void)decide(&s);
    write_back(&s, "dari pusat");
    clerk_sets(&s, REG_TITLE, "jalan rusak");
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_int_equal(s.decision.drafts[0].kind, KIND_EDIT);
    assert_true(draft_covers(&s.decision.drafts[0], hub));
    story_release(&s);
}

static void a_form_that_puts_an_old_value_back_is_stale_and_the_row_gets_the_new_one_again(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    struct ctx_entry hub = hub_writes(&s, REG_TITLE, text_value(&s, "dari pusat"));
    (void)decide(&s);
    write_back(&s, "dari pusat");
    s.now += 5 * MINUTE;
    clerk_sets(&s, REG_TITLE, "jalan rusak");
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_int_equal(s.decision.drafts[0].kind, KIND_STALE_EDIT);
    assert_false(draft_covers(&s.decision.drafts[0], hub));
    assert_true(has_item(&s, ITEM_STALE, REG_TITLE));
    write_leaves(&s);
    assert_int_equal(decide(&s), CAPTURE_WRITE);
    write_back(&s, "dari pusat");
    /* A day later the same value is a decision, but of one who may still not have seen. */
    s.now += 31 * MINUTE;
    (void)decide(&s);
    story_store(&s);
    s.now += HOUR;
    clerk_sets(&s, REG_TITLE, "jalan rusak");
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_int_equal(s.decision.drafts[0].kind, KIND_EDIT);
    assert_false(draft_covers(&s.decision.drafts[0], hub));
    s.now += 25 * HOUR;
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_true(draft_covers(&s.decision.drafts[0], hub));
    story_release(&s);
}

static void a_status_step_that_the_workflow_knows_is_no_old_form(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    clerk_sets_status(&s, "jalan", COMPLAINT_PROSES);
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_true(has_item(&s, ITEM_STEP, REG_STATUS)); /* belum_verifikasi to proses: applied and flagged */
    write_leaves(&s);
    (void)hub_writes(&s, REG_STATUS, status_value(&s, COMPLAINT_SELESAI));
    (void)decide(&s);
    write_back(&s, "selesai");
    story_field(&s, REG_STATUS)->status = COMPLAINT_SELESAI;
    clerk_sets_status(&s, "jalan", COMPLAINT_PROSES); /* the value of before: but a closed case may be reopened */
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_int_equal(s.decision.drafts[0].kind, KIND_EDIT);
    assert_false(has_item(&s, ITEM_STALE, REG_STATUS));
    story_release(&s);
}

static void what_differs_is_captured_before_anything_is_written(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    (void)hub_writes(&s, REG_TITLE, text_value(&s, "dari pusat"));
    clerk_sets(&s, REG_TEXT, "ada dua lubang");
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    write_leaves(&s);
    assert_int_equal(decide(&s), CAPTURE_WRITE);
    assert_int_equal(s.decision.writes[0].number, REG_TITLE);
    story_release(&s);
}

static void a_captured_value_is_not_written_over_before_the_hub_has_it(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    s.acked = false;
    (void)hub_writes(&s, REG_TITLE, text_value(&s, "dari pusat"));
    assert_int_equal(decide(&s), CAPTURE_WAIT);
    assert_int_equal(s.decision.wait, WAIT_ACK);
    s.acked = true;
    assert_int_equal(decide(&s), CAPTURE_WRITE);
    story_release(&s);
}

static void a_conflict_that_asks_for_a_person_leaves_the_row_as_the_clerks_saw_it(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    struct body_value text = {.number = REG_TEXT, .bytes = text_value(&s, "versi pusat")};
    clerk_sets(&s, REG_TEXT, "versi loket");
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    struct ctx_entry *before;
    size_t count;
    ok(record_token(&s.record, &s.arena, &before, &count));
    write_leaves(&s);
    s.now += MINUTE;
    (void)story_apply(&s, &(struct story_leaf){.node = "hub",
                                               .kind = KIND_EDIT,
                                               .role = ROLE_NATIONAL,
                                               .values = &text,
                                               .value_count = 1,
                                               .ctx = before,
                                               .ctx_count = count});
    assert_int_equal(decide(&s), CAPTURE_WAIT);
    assert_int_equal(s.decision.wait, WAIT_PERSON);
    (void)hub_writes(&s, REG_TEXT, text_value(&s, "keduanya")); /* who saw both settles it */
    assert_int_equal(decide(&s), CAPTURE_WRITE);
    story_release(&s);
}

static void loosening_by_a_clerk_writes_no_leaf_and_is_set_right(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    (void)hub_writes(&s, REG_CONFIDENTIAL, flag_value(&s, true));
    assert_int_equal(decide(&s), CAPTURE_WRITE);
    write_back(&s, "Y");
    assert_int_equal(decide(&s), CAPTURE_NOTHING);
    clerk_sets(&s, REG_CONFIDENTIAL, "N");
    assert_int_equal(decide(&s), CAPTURE_WRITE);
    assert_int_equal(s.decision.draft_count, 0);
    assert_true(has_item(&s, ITEM_LOOSENED, REG_CONFIDENTIAL));
    write_back(&s, "Y");
    assert_int_equal(decide(&s), CAPTURE_NOTHING);
    story_release(&s);
}

static void a_stricter_flag_does_not_wait_for_the_hub(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    s.acked = false;
    (void)hub_writes(&s, REG_CONFIDENTIAL, flag_value(&s, true));
    assert_int_equal(decide(&s), CAPTURE_WRITE);
    story_release(&s);
}

static void a_register_that_does_not_map_is_quarantined_alone_and_captured_when_it_does(void **state)
{
    (void)state;
    struct story s;
    story_init(&s);
    clerk_sets(&s, REG_TITLE, "jalan rusak");
    clerk_sets_status(&s, "???", COMPLAINT_NONE);
    story_field(&s, REG_STATUS)->problem = "the mapping does not name this status";
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_int_equal(s.decision.drafts[0].value_count, 1);
    assert_true(has_item(&s, ITEM_QUARANTINE, REG_STATUS));
    write_leaves(&s);
    assert_int_equal(decide(&s), CAPTURE_NOTHING);
    assert_true(has_item(&s, ITEM_QUARANTINE, REG_STATUS));
    story_field(&s, REG_STATUS)->problem = NULL; /* the mapping was fixed; the row is as it was */
    story_field(&s, REG_STATUS)->status = COMPLAINT_PROSES;
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_int_equal(s.decision.drafts[0].values[0].number, REG_STATUS);
    story_release(&s);
}

static void what_the_mapping_cannot_say_is_tried_once(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    (void)hub_writes(&s, REG_STATUS, status_value(&s, COMPLAINT_ESKALASI_OMBUDSMAN));
    assert_int_equal(decide(&s), CAPTURE_WRITE);
    s.decision.writes[0].skipped = true;
    write_back(&s, "baru");
    assert_int_equal(decide(&s), CAPTURE_NOTHING);
    clerk_sets_status(&s, "jalan", COMPLAINT_PROSES); /* nobody here has seen the escalation */
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    for (size_t i = 0; i < s.decision.drafts[0].ctx_count; i++) {
        assert_false(node_id_equal(s.decision.drafts[0].ctx[i].replica.node, node_named("hub")));
    }
    story_release(&s);
}

static void after_a_route_away_only_its_status_is_written_once(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    (void)story_apply(&s, &(struct story_leaf){.node = "hub", .kind = KIND_ROUTE, .role = ROLE_NATIONAL, .to = "b"});
    (void)hub_writes(&s, REG_TITLE, text_value(&s, "dari b"));
    assert_int_equal(decide(&s), CAPTURE_ROUTED);
    clerk_sets_status(&s, "dialihkan", COMPLAINT_NONE);
    ok(capture_routed(&s.source, &s.decision, story_row(&s), s.now, &s.arena));
    story_store(&s);
    assert_int_equal(decide(&s), CAPTURE_NOTHING);
    s.row_there = false;
    assert_int_equal(decide(&s), CAPTURE_SHADOW);
    assert_int_equal(s.decision.shadow->state, SHADOW_UNTIED);
    story_store(&s);
    s.now += 100 * HOUR;
    assert_int_equal(decide(&s), CAPTURE_NOTHING);
    story_release(&s);
}

static void a_vanished_row_is_withdrawn_after_the_grace_and_comes_back(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    s.row_there = false;
    assert_int_equal(decide(&s), CAPTURE_SHADOW);
    story_store(&s);
    s.now += HOUR;
    assert_int_equal(decide(&s), CAPTURE_WAIT);
    assert_int_equal(s.decision.wait, WAIT_GRACE);
    s.now += 24 * HOUR;
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_int_equal(s.decision.drafts[0].values[0].number, REG_PRESENCE);
    write_leaves(&s);
    assert_true(record_is_withdrawn(&s.record));
    assert_int_equal(decide(&s), CAPTURE_NOTHING);
    s.row_there = true;
    assert_int_equal(decide(&s), CAPTURE_SHADOW);
    story_store(&s);
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    write_leaves(&s);
    assert_false(record_is_withdrawn(&s.record));
    assert_int_equal(decide(&s), CAPTURE_NOTHING);
    story_release(&s);
}

static void a_withdrawal_covers_nothing_that_the_row_did_not_show(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    struct ctx_entry hub = hub_writes(&s, REG_TITLE, text_value(&s, "dari pusat")); /* never written to the row */
    s.row_there = false;
    (void)decide(&s);
    story_store(&s);
    s.now += 25 * HOUR;
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_false(draft_covers(&s.decision.drafts[0], hub));
    write_leaves(&s);
    assert_false(record_is_withdrawn(&s.record)); /* deleted there, edited here */
    story_release(&s);
}

static void a_key_that_was_used_again_is_another_case(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    s.born = "2024-05-06";
    assert_int_equal(decide(&s), CAPTURE_REPLACED);
    assert_int_equal(s.decision.shadow->state, SHADOW_VANISHED);
    struct capture_input input = story_input(&s);
    input.row = NULL;
    struct capture_row row = *story_row(&s);
    row.updated_in_place = true; /* the outbox says: an UPDATE of this row */
    input.row = &row;
    ok(capture_decide(&s.source, &input, &s.arena, &s.decision));
    assert_int_equal(s.decision.action, CAPTURE_SHADOW);
    assert_int_equal(s.decision.shadow->state, SHADOW_TIED);
    story_release(&s);
}

static void an_erasure_blanks_the_row_and_old_bytes_do_not_come_back(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    s.acked = false; /* blanking does not wait */
    (void)story_apply(
        &s, &(struct story_leaf){.node = "hub", .kind = KIND_ERASE, .role = ROLE_NATIONAL, .class = CLASS_RESTRICTED});
    assert_int_equal(decide(&s), CAPTURE_WAIT); /* hidden: the hold is running */
    assert_int_equal(s.decision.wait, WAIT_UNREADABLE);
    story_destroy(&s);
    assert_int_equal(decide(&s), CAPTURE_BLANK);
    assert_int_equal(s.decision.write_count, 2);
    clerk_sets(&s, REG_TITLE, "");
    clerk_sets(&s, REG_TEXT, "");
    ok(capture_blanked(&s.source, &s.decision, story_row(&s), s.now, &s.arena));
    story_store(&s);
    assert_int_equal(decide(&s), CAPTURE_NOTHING); /* nothing is written back from what is erased */
    clerk_sets(&s, REG_TEXT, "ada lubang");        /* an old form */
    assert_int_equal(decide(&s), CAPTURE_BLANK);
    assert_true(has_item(&s, ITEM_BLANKED_AGAIN, REG_TEXT));
    clerk_sets(&s, REG_TEXT, "");
    ok(capture_blanked(&s.source, &s.decision, story_row(&s), s.now, &s.arena));
    story_store(&s);
    s.now += 31 * MINUTE;
    assert_int_equal(decide(&s), CAPTURE_SHADOW);
    story_store(&s);
    clerk_sets(&s, REG_TEXT, "laporan baru");
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_int_equal(s.decision.drafts[0].erasures_seen_count, 1); /* so it is not erased too */
    story_release(&s);
}

static void no_raw_value_stays_in_the_shadow_after_blanking(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    (void)hub_writes(&s, REG_TITLE, text_value(&s, "dari pusat"));
    (void)decide(&s);
    write_back(&s, "dari pusat");
    (void)story_apply(
        &s, &(struct story_leaf){.node = "hub", .kind = KIND_ERASE, .role = ROLE_NATIONAL, .class = CLASS_RESTRICTED});
    story_destroy(&s);
    assert_int_equal(decide(&s), CAPTURE_BLANK);
    clerk_sets(&s, REG_TITLE, "");
    clerk_sets(&s, REG_TEXT, "");
    ok(capture_blanked(&s.source, &s.decision, story_row(&s), s.now, &s.arena));
    struct span bytes;
    ok(shadow_encode(s.decision.shadow, &s.arena, &bytes));
    const char *const secrets[] = {"jalan rusak", "ada lubang", "dari pusat"};
    for (size_t i = 0; i < 3; i++) {
        assert_null(memmem(bytes.data, bytes.size, secrets[i], strlen(secrets[i])));
    }
    story_release(&s);
}

static void a_shadow_that_names_a_leaf_not_held_waits(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    struct record older = s.record;
    record_init(&older, s.record.id, &s.arena);
    s.source.ready = false;
    s.record = older; /* an empty store: restored */
    assert_int_equal(decide(&s), CAPTURE_WAIT);
    assert_int_equal(s.decision.wait, WAIT_HELLO);
    s.source.ready = true; /* hello brought nothing back: lost for good, so the derived id makes it again */
    assert_int_equal(decide(&s), CAPTURE_FORGET);
    story_release(&s);
}

static void a_lost_own_value_is_captured_again_and_a_foreign_one_waited_for(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    clerk_sets(&s, REG_TITLE, "judul baru");
    (void)decide(&s);
    write_leaves(&s);
    struct shadow *after = s.shadow;
    for (size_t i = 0; i < after->register_count; i++) { /* as if that leaf had never come back */
        if (after->registers[i].number == REG_TITLE) {
            after->registers[i].leaf.rseq += 5;
        }
    }
    assert_int_equal(decide(&s), CAPTURE_SHADOW);
    story_store(&s);
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_int_equal(s.decision.drafts[0].values[0].number, REG_TITLE);
    write_leaves(&s);
    s.shadow->registers[0].leaf.replica.node = node_named("hub");
    assert_int_equal(decide(&s), CAPTURE_WAIT);
    assert_int_equal(s.decision.wait, WAIT_FOREIGN);
    story_release(&s);
}

static void an_open_claim_is_completed_by_its_leaves_or_taken_back(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    clerk_sets(&s, REG_TITLE, "judul baru");
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    const uint8_t number[16] = {9};
    ok(capture_claim(&s.source, &s.decision, number, &s.arena));
    assert_int_equal(s.decision.drafts[0].claim.size, 16);
    story_store(&s);
    assert_int_equal(decide(&s), CAPTURE_SETTLE);
    struct capture_input input = story_input(&s);
    input.found_known = true;
    struct capture_decision back;
    ok(capture_decide(&s.source, &input, &s.arena, &back));
    assert_int_equal(back.action, CAPTURE_SHADOW);
    assert_false(back.shadow->claim.open);
    const struct body_value title = {.number = REG_TITLE, .bytes = text_value(&s, "judul baru")};
    struct ctx_entry leaf = story_apply(
        &s, &(struct story_leaf){
                .node = "a", .lane = 1, .kind = KIND_EDIT, .role = ROLE_CLERK, .values = &title, .value_count = 1});
    struct capture_leaf found = {.number = REG_TITLE, .leaf = leaf, .value = title.bytes, .value_held = true};
    input.found = &found;
    input.found_count = 1;
    ok(capture_decide(&s.source, &input, &s.arena, &s.decision));
    assert_int_equal(s.decision.action, CAPTURE_SHADOW);
    story_store(&s);
    assert_int_equal(decide(&s), CAPTURE_NOTHING); /* single */
    story_release(&s);
}

static void a_row_whose_shadow_was_lost_is_bound_and_its_change_covers_nothing(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    struct ctx_entry hub = hub_writes(&s, REG_TEXT, text_value(&s, "dari pusat"));
    clerk_sets(&s, REG_TITLE, "judul lama");
    s.shadow = NULL;
    struct capture_input input = story_input(&s);
    input.match = MATCH_DERIVED;
    ok(capture_decide(&s.source, &input, &s.arena, &s.decision));
    assert_int_equal(s.decision.action, CAPTURE_SETTLE);
    const struct replica_head *own = &s.record.replicas[0];
    struct capture_leaf found[] = {{.number = REG_TITLE,
                                    .leaf = {own->replica, own->rseq, own->hash},
                                    .value = text_value(&s, "jalan rusak"),
                                    .value_held = true},
                                   {.number = REG_TEXT,
                                    .leaf = {own->replica, own->rseq, own->hash},
                                    .value = text_value(&s, "ada lubang"),
                                    .value_held = true}};
    input.found = found;
    input.found_count = 2;
    input.found_known = true;
    ok(capture_decide(&s.source, &input, &s.arena, &s.decision));
    assert_int_equal(s.decision.action, CAPTURE_SHADOW);
    story_store(&s);
    assert_int_equal(decide(&s), CAPTURE_LEAVES);
    assert_int_equal(s.decision.draft_count, 1);
    assert_int_equal(s.decision.drafts[0].values[0].number, REG_TITLE);
    assert_false(draft_covers(&s.decision.drafts[0], hub));
    story_release(&s);
}

static void a_note_waits_for_its_complaint_and_is_one_note(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    struct shadow *parent = s.shadow;
    s.shadow = NULL;
    s.field_count = 0;
    clerk_sets(&s, REG_NOTE_TEXT, "sudah dicek");
    struct capture_input input = story_input(&s);
    input.part = (struct part_id){{3}};
    ok(capture_decide(&s.source, &input, &s.arena, &s.decision));
    assert_int_equal(s.decision.wait, WAIT_PARENT);
    input.parent = parent;
    ok(capture_decide(&s.source, &input, &s.arena, &s.decision));
    assert_int_equal(s.decision.action, CAPTURE_LEAVES);
    assert_int_equal(s.decision.drafts[0].kind, KIND_NOTE);
    assert_true(s.decision.drafts[0].ctx_count > 0);
    write_leaves(&s);
    assert_int_equal(decide(&s), CAPTURE_NOTHING);
    story_release(&s);
}

static void an_insert_is_held_back_while_its_row_may_be_there(void **state)
{
    (void)state;
    struct story s;
    story_init(&s);
    const struct body_value status = {.number = REG_STATUS, .bytes = status_value(&s, COMPLAINT_BELUM_VERIFIKASI)};
    (void)story_apply(
        &s, &(struct story_leaf){
                .node = "hub", .kind = KIND_CREATE, .role = ROLE_NATIONAL, .values = &status, .value_count = 1});
    static const uint32_t numbers[] = {REG_STATUS, REG_CONFIDENTIAL, REG_TITLE};
    struct part_id none = {{0}};
    ok(capture_insert(&s.source, &s.record, none, numbers, 3, true, false, &s.arena, &s.decision));
    assert_int_equal(s.decision.action, CAPTURE_WAIT);
    ok(capture_insert(&s.source, &s.record, none, numbers, 3, false, true, &s.arena, &s.decision));
    assert_int_equal(s.decision.action, CAPTURE_WAIT);
    s.source.ready = false;
    ok(capture_insert(&s.source, &s.record, none, numbers, 3, false, false, &s.arena, &s.decision));
    assert_int_equal(s.decision.action, CAPTURE_WAIT);
    s.source.ready = true;
    ok(capture_insert(&s.source, &s.record, none, numbers, 3, false, false, &s.arena, &s.decision));
    assert_int_equal(s.decision.action, CAPTURE_INSERT);
    assert_int_equal(s.decision.write_count, 1); /* a flag that nobody set is not written */
    clerk_sets_status(&s, "baru", COMPLAINT_BELUM_VERIFIKASI);
    ok(capture_written(&s.source, &s.decision, story_row(&s), s.now, &s.arena));
    story_store(&s);
    assert_int_equal(decide(&s), CAPTURE_NOTHING);
    story_release(&s);
}

static void derived_ids_differ_by_every_part_of_a_row_s_identity(void **state)
{
    (void)state;
    struct story s;
    story_init(&s);
    struct shadow_cell born = {.column = span_text("diterima"), .bytes = span_text("2024")};
    struct shadow_cell null = {.column = span_text("diterima"), .null = true};
    struct shadow_cell empty = {.column = span_text("diterima")};
    uint8_t nonces[7][32];
    capture_nonce(&s.source, span_text("aduan"), span_text("1"), &born, 1, 0, nonces[0]);
    capture_nonce(&s.source, span_text("aduan"), span_text("2"), &born, 1, 0, nonces[1]);
    capture_nonce(&s.source, span_text("aduan"), span_text("1"), &born, 1, 1, nonces[2]);
    capture_nonce(&s.source, span_text("aduan1"), span_text(""), &born, 1, 0, nonces[3]);
    capture_nonce(&s.source, span_text("aduan"), span_text("1"), &null, 1, 0, nonces[4]);
    capture_nonce(&s.source, span_text("aduan"), span_text("1"), &empty, 1, 0, nonces[5]);
    capture_nonce(&s.source, span_text("aduan"), span_text("1"), &born, 0, 0, nonces[6]);
    for (size_t i = 0; i < 7; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_memory_not_equal(nonces[i], nonces[k], 32);
        }
    }
    uint8_t again[32];
    capture_nonce(&s.source, span_text("aduan"), span_text("1"), &born, 1, 0, again);
    assert_memory_equal(nonces[0], again, 32);
    struct part_id part = capture_part_id(&s.source, span_text("aduan"), span_text("1"), &born, 1, 0);
    assert_memory_not_equal(part.bytes, again, 16);
    story_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_row_is_a_create_that_names_open_flags),
        cmocka_unit_test(an_edit_is_a_raw_difference_whatever_it_means),
        cmocka_unit_test(a_form_from_before_a_write_back_does_not_cover_it),
        cmocka_unit_test(after_a_comparison_behind_the_window_a_save_covers_what_the_row_showed),
        cmocka_unit_test(time_without_a_comparison_does_not_close_the_window),
        cmocka_unit_test(a_clock_that_was_set_does_not_close_the_window),
        cmocka_unit_test(a_version_column_makes_the_window_zero),
        cmocka_unit_test(a_form_that_puts_an_old_value_back_is_stale_and_the_row_gets_the_new_one_again),
        cmocka_unit_test(a_status_step_that_the_workflow_knows_is_no_old_form),
        cmocka_unit_test(what_differs_is_captured_before_anything_is_written),
        cmocka_unit_test(a_captured_value_is_not_written_over_before_the_hub_has_it),
        cmocka_unit_test(a_conflict_that_asks_for_a_person_leaves_the_row_as_the_clerks_saw_it),
        cmocka_unit_test(loosening_by_a_clerk_writes_no_leaf_and_is_set_right),
        cmocka_unit_test(a_stricter_flag_does_not_wait_for_the_hub),
        cmocka_unit_test(a_register_that_does_not_map_is_quarantined_alone_and_captured_when_it_does),
        cmocka_unit_test(what_the_mapping_cannot_say_is_tried_once),
        cmocka_unit_test(after_a_route_away_only_its_status_is_written_once),
        cmocka_unit_test(a_vanished_row_is_withdrawn_after_the_grace_and_comes_back),
        cmocka_unit_test(a_withdrawal_covers_nothing_that_the_row_did_not_show),
        cmocka_unit_test(a_key_that_was_used_again_is_another_case),
        cmocka_unit_test(an_erasure_blanks_the_row_and_old_bytes_do_not_come_back),
        cmocka_unit_test(no_raw_value_stays_in_the_shadow_after_blanking),
        cmocka_unit_test(a_shadow_that_names_a_leaf_not_held_waits),
        cmocka_unit_test(a_lost_own_value_is_captured_again_and_a_foreign_one_waited_for),
        cmocka_unit_test(an_open_claim_is_completed_by_its_leaves_or_taken_back),
        cmocka_unit_test(a_row_whose_shadow_was_lost_is_bound_and_its_change_covers_nothing),
        cmocka_unit_test(a_note_waits_for_its_complaint_and_is_one_note),
        cmocka_unit_test(an_insert_is_held_back_while_its_row_may_be_there),
        cmocka_unit_test(derived_ids_differ_by_every_part_of_a_row_s_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
