/* SPDX-License-Identifier: Apache-2.0 */
/* Covers sync/shadow.c, sync/shadow_vector.c. */
#include "tests/unit/sync/capture_story.h"

static struct ctx_entry entry(const char *node, uint32_t epoch, uint32_t lane, uint64_t rseq)
{
    return (struct ctx_entry){.replica = {.node = node_named(node), .epoch = epoch, .lane = lane},
                              .rseq = rseq,
                              .hash = {{(uint8_t)rseq, (uint8_t)node[0]}}};
}

static struct shadow_vector vector(struct story *s, const struct ctx_entry *entries, size_t count)
{
    struct shadow_vector out = {.entries = arena_array(&s->arena, count, sizeof *entries), .count = count};
    memcpy(out.entries, entries, count * sizeof *entries);
    return out;
}

static struct span sample(struct story *s)
{
    const struct ctx_entry a[] = {entry("64.09", 1, 1, 4), entry("hub", 1, 0, 7)};
    const struct ctx_entry b[] = {entry("hub", 1, 0, 6)};
    static struct shadow_cell cells[] = {{.column = {(const uint8_t *)"judul", 5}, .bytes = {(const uint8_t *)"x", 1}},
                                         {.column = {(const uint8_t *)"isi", 3}, .null = true}};
    struct shadow_past past = {.replaced_at_ms = 77, .open = true, .raw = {{1, 2}}, .vector = vector(s, b, 1)};
    struct shadow_register regs[] = {{.number = REG_STATUS,
                                      .flags = SHADOW_SENT,
                                      .sent = {{9}},
                                      .status = COMPLAINT_PROSES,
                                      .leaf = a[1],
                                      .cells = cells,
                                      .cell_count = 1,
                                      .vector = vector(s, a, 2),
                                      .past = &past,
                                      .past_count = 1},
                                     {.number = REG_TITLE, .flags = SHADOW_RECAPTURE, .cells = cells, .cell_count = 2}};
    struct shadow_blanked blanked = {.number = REG_TITLE, .at_ms = 5, .raw = {{3}}};
    struct shadow_erasure erasure = {.dot = {.replica = a[1].replica, .rseq = 3}, .at_ms = 6, .seen = true};
    struct shadow_claimed claimed = {.number = REG_TITLE, .cells = cells, .cell_count = 2};
    struct shadow shadow = {.version = 300,
                            .state = SHADOW_VANISHED,
                            .record = {{1}},
                            .part = {{2}},
                            .since_ms = 12345678901,
                            .held = true,
                            .identity = cells,
                            .identity_count = 2,
                            .registers = regs,
                            .register_count = 2,
                            .blanked = &blanked,
                            .blanked_count = 1,
                            .erasures = &erasure,
                            .erasure_count = 1,
                            .claim = {.open = true, .number = {8}, .registers = &claimed, .register_count = 1}};
    struct span bytes;
    ok(shadow_encode(&shadow, &s->arena, &bytes));
    return bytes;
}

static void what_is_written_is_read_and_written_again_alike(void **state)
{
    (void)state;
    struct story s;
    story_init(&s);
    struct span bytes = sample(&s);
    struct shadow shadow;
    ok(shadow_decode(bytes, &s.arena, &shadow));
    assert_int_equal(shadow.version, 300);
    assert_int_equal(shadow.state, SHADOW_VANISHED);
    assert_int_equal(shadow.since_ms, 12345678901);
    assert_true(shadow.held);
    assert_int_equal(shadow.register_count, 2);
    assert_int_equal(shadow.registers[0].status, COMPLAINT_PROSES);
    assert_int_equal(shadow.registers[0].leaf.rseq, 7);
    assert_int_equal(shadow.registers[0].vector.count, 2);
    assert_true(shadow.registers[0].past[0].open);
    assert_int_equal(shadow_vector_rseq(&shadow.registers[0].past[0].vector, entry("hub", 1, 0, 1).replica), 6);
    assert_true(shadow.registers[1].cells[1].null);
    assert_true(shadow.erasures[0].seen);
    assert_int_equal(shadow.claim.registers[0].cell_count, 2);
    struct span again;
    ok(shadow_encode(&shadow, &s.arena, &again));
    assert_true(span_equal(bytes, again));
    story_release(&s);
}

static void no_part_and_no_damage_of_a_shadow_is_read_as_another(void **state)
{
    (void)state;
    struct story s;
    story_init(&s);
    struct span bytes = sample(&s);
    struct shadow shadow;
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(shadow_decode(span_of(bytes.data, size), &s.arena, &shadow).code, STATUS_INVALID);
    }
    uint8_t *changed = arena_alloc(&s.arena, bytes.size + 1);
    for (size_t i = 1; i < bytes.size; i++) { /* nothing outside is read, whatever a byte says */
        memcpy(changed, bytes.data, bytes.size);
        changed[i] ^= 0xff;
        (void)status_is_ok(shadow_decode(span_of(changed, bytes.size), &s.arena, &shadow));
    }
    memcpy(changed, bytes.data, bytes.size);
    assert_int_equal(shadow_decode(span_of(changed, bytes.size + 1), &s.arena, &shadow).code, STATUS_INVALID);
    changed[0] = 2;
    assert_int_equal(shadow_decode(span_of(changed, bytes.size), &s.arena, &shadow).code, STATUS_UNSUPPORTED);
    story_release(&s);
}

static void the_minimum_drops_what_one_side_never_read(void **state)
{
    (void)state;
    struct story s;
    story_init(&s);
    const struct ctx_entry a[] = {entry("a", 1, 0, 3), entry("a", 1, 1, 9), entry("hub", 1, 0, 5)};
    const struct ctx_entry b[] = {entry("a", 1, 1, 8), entry("hub", 1, 0, 7)};
    struct shadow_vector va = vector(&s, a, 3);
    struct shadow_vector vb = vector(&s, b, 2);
    struct shadow_vector least;
    ok(shadow_vector_min(&va, &vb, &s.arena, &least));
    assert_int_equal(least.count, 2);
    assert_int_equal(shadow_vector_rseq(&least, a[1].replica), 8);
    assert_int_equal(shadow_vector_rseq(&least, a[2].replica), 5);
    struct shadow_vector own;
    ok(shadow_vector_own(&least, &va, node_named("a"), 1, &s.arena, &own));
    assert_int_equal(shadow_vector_rseq(&own, a[1].replica), 9);
    assert_int_equal(shadow_vector_rseq(&own, a[2].replica), 5);
    assert_int_equal(shadow_vector_rseq(&own, a[0].replica),
                     0); /* another lane of the same node is no clerk of theirs */
    story_release(&s);
}

static void what_the_row_does_not_show_is_not_read(void **state)
{
    (void)state;
    struct story s;
    story_begin(&s);
    struct ctx_entry *before;
    size_t count;
    ok(record_token(&s.record, &s.arena, &before, &count));
    struct body_value first = {.number = REG_TITLE, .bytes = text_value(&s, "satu")};
    struct body_value second = {.number = REG_TITLE, .bytes = text_value(&s, "dua")};
    struct story_leaf leaf = {
        .node = "hub", .kind = KIND_EDIT, .role = ROLE_NATIONAL, .values = &first, .value_count = 1};
    struct ctx_entry one = story_apply(&s, &leaf);
    leaf = (struct story_leaf){.node = "a",
                               .kind = KIND_EDIT,
                               .role = ROLE_ADMIN,
                               .values = &second,
                               .value_count = 1,
                               .ctx = before,
                               .ctx_count = count};
    struct ctx_entry two = story_apply(&s, &leaf);
    struct shadow_vector seen;
    ok(shadow_vector_seen(&s.record, (struct part_id){{0}}, REG_TITLE, first.bytes, &s.arena, &seen));
    assert_true(shadow_vector_covers(&seen, (struct dot){one.replica, one.rseq}));
    assert_false(shadow_vector_covers(&seen, (struct dot){two.replica, two.rseq}));
    ok(shadow_vector_seen(&s.record, (struct part_id){{0}}, REG_TEXT, first.bytes, &s.arena, &seen));
    assert_true(shadow_vector_covers(
        &seen, (struct dot){two.replica, two.rseq})); /* another register's siblings do not matter */
    story_release(&s);
}

static void cells_and_their_digests_tell_null_from_empty_and_columns_apart(void **state)
{
    (void)state;
    struct story s;
    story_init(&s);
    const struct shadow_cell cells[] = {{.column = span_text("judul"), .bytes = span_text("x")},
                                        {.column = span_text("judulx")},
                                        {.column = span_text("judul")},
                                        {.column = span_text("judul"), .null = true}};
    struct shadow_digest digests[4];
    for (size_t i = 0; i < 4; i++) {
        shadow_cells_digest(&story_crypto, span_text("k"), &cells[i], 1, &digests[i]);
        assert_true(shadow_cells_equal(&cells[i], 1, &cells[i], 1));
        for (size_t k = 0; k < i; k++) {
            assert_false(shadow_cells_equal(&cells[i], 1, &cells[k], 1));
            assert_memory_not_equal(digests[i].bytes, digests[k].bytes, sizeof digests[i].bytes);
        }
    }
    struct shadow_digest other;
    shadow_cells_digest(&story_crypto, span_text("l"), &cells[0], 1, &other);
    assert_memory_not_equal(other.bytes, digests[0].bytes, sizeof other.bytes); /* keyed */
    story_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_and_written_again_alike),
        cmocka_unit_test(no_part_and_no_damage_of_a_shadow_is_read_as_another),
        cmocka_unit_test(the_minimum_drops_what_one_side_never_read),
        cmocka_unit_test(what_the_row_does_not_show_is_not_read),
        cmocka_unit_test(cells_and_their_digests_tell_null_from_empty_and_columns_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
