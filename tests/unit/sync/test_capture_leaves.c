/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto node_base */
/* Covers sync/capture_leaves.c, and capture against the real core: claims, bound rows, long values. */
#include "sync/capture.h"
#include "tests/unit/sync/world.h"

static struct world world;
static struct site *a;

static int start(void **state)
{
    (void)state;
    must(world_start(&world, memory_heap()));
    must(world_join(&world, "64.09", NULL, &a));
    must(world_settle(&world));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

static bool is_acked(const void *owner, uint32_t stream, uint64_t seq)
{
    return core_is_acked(owner, stream, seq);
}

static struct capture_source source_of(struct site *s)
{
    struct capture_source source = {.self = s->id,
                                    .lane = 1,
                                    .crypto = s->crypto,
                                    .secret = span_text("secret"),
                                    .system = span_text("model"),
                                    .actor = span_text("clerk"),
                                    .form_window_ms = 1800000,
                                    .ready = core_is_ready(s->core),
                                    .is_acked = is_acked,
                                    .is_acked_owner = s->core};
    source.scope = scope_of_node(s->id);
    return source;
}

static const struct record *record_of(struct site *s, struct record_id id)
{
    const struct record *record;
    must(core_record(s->core, id, &record));
    return record;
}

static struct capture_row *title_row(const char *title)
{
    struct capture_row *row = arena_alloc(&world.arena, sizeof *row);
    struct capture_register *reg = arena_array(&world.arena, 2, sizeof *reg);
    struct shadow_cell *cells = arena_array(&world.arena, 2, sizeof *cells);
    cells[0] = (struct shadow_cell){.column = span_text("status"), .bytes = span_text("baru")};
    cells[1] = (struct shadow_cell){.column = span_text("judul"), .bytes = span_text(title)};
    reg[0] = (struct capture_register){.number = REG_STATUS,
                                       .cells = &cells[0],
                                       .cell_count = 1,
                                       .present = true,
                                       .value = status_value(&world, COMPLAINT_BELUM_VERIFIKASI),
                                       .readable = true};
    reg[1] = (struct capture_register){.number = REG_TITLE,
                                       .cells = &cells[1],
                                       .cell_count = 1,
                                       .present = true,
                                       .value = text_value(&world, title),
                                       .readable = true,
                                       .writable = true};
    *row = (struct capture_row){.registers = reg, .register_count = 2};
    return row;
}

/* Captures the row with a claim; the shadow after it. */
static struct shadow *capture(const struct capture_row *row, const struct shadow *shadow, uint8_t mark,
                              struct record_id *out_id)
{
    struct capture_source source = source_of(a);
    uint8_t *nonce = arena_alloc(&world.arena, 32);
    capture_nonce(&source, span_text("aduan"), span_text("1"), NULL, 0, 0, nonce);
    struct capture_input input = {.now_ms = world.now_ms,
                                  .row = row,
                                  .shadow = shadow,
                                  .record_id = capture_record_id(&source, span_of(nonce, 32)),
                                  .nonce = span_of(nonce, 32)};
    struct record_id by_core;
    core_record_id(a->core, input.nonce, &by_core);
    assert_memory_equal(by_core.bytes, input.record_id.bytes, sizeof by_core.bytes);
    const uint8_t number[16] = {mark};
    struct capture_decision decision;
    struct written written[4];
    must(site_begin(&world, a));
    input.record = shadow ? record_of(a, shadow->record) : NULL;
    must(capture_decide(&source, &input, &world.arena, &decision));
    assert_int_equal(decision.action, CAPTURE_LEAVES);
    must(capture_claim(&source, &decision, number, &world.arena));
    for (size_t i = 0; i < decision.draft_count; i++) {
        must(core_write(a->core, &decision.drafts[i], &written[i], NULL));
    }
    must(capture_done(&source, &decision, written, &world.arena));
    must(core_commit(a->core));
    *out_id = decision.shadow->record;
    return decision.shadow;
}

static void leaves_of_a_claim_are_found_and_no_others(void **state)
{
    (void)state;
    struct record_id id;
    struct shadow *shadow = capture(title_row("jalan rusak"), NULL, 1, &id);
    shadow = capture(title_row("jalan rusak berat"), shadow, 2, &id);
    const uint8_t first[16] = {1};
    const uint8_t second[16] = {2};
    const uint8_t none[16] = {3};
    struct capture_leaf *leaves;
    size_t count;
    const struct part_id record = {{0}};
    must(site_begin(&world, a));
    must(capture_leaves(a->core, record_of(a, id), 1, record, span_of(first, 16), &world.arena, &leaves, &count));
    assert_int_equal(count, 2);
    must(capture_leaves(a->core, record_of(a, id), 1, record, span_of(second, 16), &world.arena, &leaves, &count));
    assert_int_equal(count, 1);
    assert_int_equal(leaves[0].number, REG_TITLE);
    assert_true(leaves[0].value_held);
    assert_true(span_equal(leaves[0].value, text_value(&world, "jalan rusak berat")));
    assert_true(leaves[0].ctx.count > 0);
    must(capture_leaves(a->core, record_of(a, id), 1, record, span_of(none, 16), &world.arena, &leaves, &count));
    assert_int_equal(count, 0);
    must(capture_leaves(a->core, record_of(a, id), 2, record, span_of(first, 16), &world.arena, &leaves, &count));
    assert_int_equal(count, 0); /* another connector's lane */
    core_rollback(a->core);
}

static void the_first_leaf_of_each_register_is_what_the_row_was_captured_with(void **state)
{
    (void)state;
    struct record_id id;
    struct shadow *shadow = capture(title_row("jalan rusak"), NULL, 1, &id);
    (void)capture(title_row("jalan rusak berat"), shadow, 2, &id);
    struct capture_leaf *leaves;
    size_t count;
    must(site_begin(&world, a));
    must(capture_leaves(a->core, record_of(a, id), 1, (struct part_id){{0}}, (struct span){.size = 0}, &world.arena,
                        &leaves, &count));
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        if (leaves[i].number == REG_TITLE) {
            assert_true(span_equal(leaves[i].value, text_value(&world, "jalan rusak")));
        }
    }
    core_rollback(a->core);
}

/* Shadow lost, row restored to another value: bound, then an edit that covers nothing, which the core accepts. */
static void a_bound_row_with_another_value_becomes_a_change_beside_the_first(void **state)
{
    (void)state;
    struct record_id id;
    (void)capture(title_row("jalan rusak"), NULL, 1, &id);
    struct capture_source source = source_of(a);
    struct capture_row *row = title_row("judul dari salinan lama");
    struct capture_input input = {
        .now_ms = world.now_ms, .row = row, .match = MATCH_DERIVED, .record_id = id, .found_known = true};
    struct capture_decision decision;
    struct capture_leaf *leaves;
    struct written written;
    must(site_begin(&world, a));
    input.record = record_of(a, id);
    must(capture_leaves(a->core, input.record, 1, (struct part_id){{0}}, (struct span){.size = 0}, &world.arena,
                        &leaves, &input.found_count));
    input.found = leaves;
    must(capture_decide(&source, &input, &world.arena, &decision));
    assert_int_equal(decision.action, CAPTURE_SHADOW);
    input.shadow = decision.shadow;
    must(capture_decide(&source, &input, &world.arena, &decision));
    assert_int_equal(decision.action, CAPTURE_LEAVES);
    must(core_write(a->core, &decision.drafts[0], &written, NULL));
    const struct record_register *title = record_register_find(record_of(a, id), (struct part_id){{0}}, REG_TITLE);
    assert_int_equal(title->sibling_count, 2);
    must(capture_done(&source, &decision, &written, &world.arena));
    must(core_commit(a->core));
    must(world_settle(&world));
    assert_true(digests_equal(&world, a, &world.hub, id));
}

static void a_write_of_a_screen_still_needs_its_token(void **state)
{
    (void)state;
    struct record_id id;
    (void)capture(title_row("jalan rusak"), NULL, 1, &id);
    struct body_value value = {.number = REG_TITLE, .bytes = text_value(&world, "lain")};
    struct draft draft = {.record = id, .kind = KIND_EDIT, .role = ROLE_ADMIN, .values = &value, .value_count = 1};
    struct written written;
    must(site_begin(&world, a));
    assert_int_equal(core_write(a->core, &draft, &written, NULL).code, STATUS_STALE);
    draft.lane = 1;
    draft.role = ROLE_CLERK;
    must(core_write(a->core, &draft, &written, NULL));
    core_rollback(a->core);
}

static void a_long_note_is_read_whole_for_the_decision(void **state)
{
    (void)state;
    struct record_id id;
    char text[3000];
    memset(text, 'n', sizeof text - 1);
    text[sizeof text - 1] = 0;
    struct shadow *shadow = capture(title_row("jalan rusak"), NULL, 1, &id);
    struct body_value value = {.number = REG_NOTE_TEXT, .bytes = text_value(&world, text)};
    const struct part_id part = {{5}};
    struct draft draft = {.record = id,
                          .kind = KIND_NOTE,
                          .lane = 1,
                          .role = ROLE_CLERK,
                          .part = part,
                          .values = &value,
                          .value_count = 1,
                          .ctx = shadow->registers[0].vector.entries,
                          .ctx_count = shadow->registers[0].vector.count};
    struct written written;
    must(site_write(&world, a, &draft, &written));
    must(site_restart(&world, a)); /* nothing cached: the row leaves the text out */
    struct record whole;
    must(site_begin(&world, a));
    must(capture_record(a->core, record_of(a, id), part, &world.arena, &whole));
    const struct record_register *note = record_register_find(&whole, part, REG_NOTE_TEXT);
    assert_int_equal(note->siblings[0].flags & SIBLING_MISSING, 0);
    assert_true(span_equal(note->siblings[0].value, value.bytes));
    core_rollback(a->core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(leaves_of_a_claim_are_found_and_no_others, start, stop),
        cmocka_unit_test_setup_teardown(the_first_leaf_of_each_register_is_what_the_row_was_captured_with, start, stop),
        cmocka_unit_test_setup_teardown(a_bound_row_with_another_value_becomes_a_change_beside_the_first, start, stop),
        cmocka_unit_test_setup_teardown(a_write_of_a_screen_still_needs_its_token, start, stop),
        cmocka_unit_test_setup_teardown(a_long_note_is_read_whole_for_the_decision, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
