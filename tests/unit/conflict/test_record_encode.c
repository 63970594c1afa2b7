/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/conflict/story.h"

struct world {
    struct story story;
    struct record record;
    char text[RECORD_VALUE_INLINE + 2];
};

static struct leaf *leaf_of(struct world *w, const char *node, enum kind kind, enum role role)
{
    return story_leaf(&w->story, &w->record, node, "a", kind, role);
}

/* A record with something in every list of the row. */
static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    struct story *story = &w->story;
    story_init(story);
    reader_store(story, &w->record);
    memset(w->text, 'x', sizeof w->text - 1);
    struct leaf *create = leaf_status(leaf_of(w, "hub", KIND_CREATE, ROLE_NATIONAL), COMPLAINT_BELUM_VERIFIKASI);
    leaf_write(leaf_write(create, REG_CHANNEL, "\x08\x01", 2), REG_CONFIDENTIAL, "", 0);
    APPLIES(story, &w->record, create);
    struct leaf *one = leaf_text(leaf_of(w, "a", KIND_EDIT, ROLE_ADMIN), REG_TITLE, "satu");
    struct leaf *two = leaf_text(leaf_of(w, "hub", KIND_EDIT, ROLE_NATIONAL), REG_TITLE, "dua");
    APPLIES(story, &w->record, one);
    APPLIES(story, &w->record, two);
    struct leaf *note = leaf_of(w, "a", KIND_NOTE, ROLE_CLERK);
    note->header.part.bytes[3] = 1;
    APPLIES(story, &w->record, leaf_text(note, REG_NOTE_TEXT, w->text));
    APPLIES(story, &w->record, leaf_write(leaf_of(w, "a", KIND_EDIT, ROLE_CLERK), REG_PRESENCE, "\x08\x01", 2));
    struct leaf *erase = leaf_of(w, "a", KIND_ERASE, ROLE_ADMIN);
    erase->header.class = CLASS_SEALED;
    APPLIES(story, &w->record, erase);
    struct leaf *spared = leaf_text(leaf_of(w, "a", KIND_EDIT, ROLE_CLERK), REG_REPORTER, "sealed");
    spared->seen[0] = header_dot(&erase->header);
    spared->header.erasures_seen_count = 1;
    APPLIES(story, &w->record, spared);
    struct leaf *erased = leaf_of(w, "hub", KIND_ERASED, ROLE_NATIONAL);
    erased->targets[0] = (struct target){.replica = header_replica(&erase->header), .hash = erase->hash};
    erased->header.target_count = 1;
    APPLIES(story, &w->record, erased);
    struct leaf *route = leaf_of(w, "hub", KIND_ROUTE, ROLE_NATIONAL);
    route->registers[0] = REG_ROUTE;
    route->header.register_count = 1;
    route->targets[0].scope = scope_named("b");
    route->header.target_count = 1;
    APPLIES(story, &w->record, route);
    assert_int_equal(record_clamp(&w->record, header_dot(&one->header), 5000).code, STATUS_OK);
    struct leaf *gap = leaf_text(leaf_of(w, "a", KIND_EDIT, ROLE_CLERK), REG_TITLE, "tiga");
    gap->header.rseq += 3;
    assert_int_equal(story_result(story, &w->record, gap), APPLY_PARKED);
    w->record.changed = 77;
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

static struct span encoded(struct world *w, const struct record *record)
{
    struct span bytes;
    assert_int_equal(record_encode(record, &w->story.arena, &bytes).code, STATUS_OK);
    return bytes;
}

static void a_row_reads_back_as_the_record_it_was(void **state)
{
    struct world *w = *state;
    struct span bytes = encoded(w, &w->record);
    struct record back;
    assert_int_equal(record_decode(w->story.id, bytes, &w->story.arena, &back).code, STATUS_OK);
    assert_true(span_equal(encoded(w, &back), bytes));
    struct span before, after;
    assert_int_equal(record_state_bytes(&w->record, &w->story.arena, &before).code, STATUS_OK);
    assert_int_equal(record_state_bytes(&back, &w->story.arena, &after).code, STATUS_OK);
    assert_true(span_equal(before, after));
    assert_int_equal(back.changed, 77);
    assert_int_equal(back.parked_count, 1);
    assert_int_equal(back.history_count, w->record.history_count);
    assert_true(scope_id_equal(record_owner(&back), scope_named("b")));
    assert_true(record_acknowledged(&back, &back.erasures[0], node_named("hub")));
    assert_true(story_show(&w->story, &back, REG_TITLE).conflict);
    assert_true(story_show(&w->story, &back, REG_REPORTER).readable);
    assert_true(story_show(&w->story, &back, REG_PRESENCE).conflict);
}

static void a_long_text_of_a_part_stays_out_of_the_row(void **state)
{
    struct world *w = *state;
    struct part_id part = {{0, 0, 0, 1}};
    struct record back;
    assert_int_equal(record_decode(w->story.id, encoded(w, &w->record), &w->story.arena, &back).code, STATUS_OK);
    struct shown shown;
    assert_int_equal(record_show(&back, part, REG_NOTE_TEXT, &w->story.arena, &shown).code, STATUS_OK);
    assert_true(shown.present);
    assert_false(shown.readable);
    const struct sibling *sibling = &record_register_find(&back, part, REG_NOTE_TEXT)->siblings[0];
    struct body_value value = {.number = REG_NOTE_TEXT, .bytes = span_text(w->text)};
    assert_int_equal(record_body(&back, record_dot(&back, sibling->dot), &value, 1).code, STATUS_OK);
    assert_int_equal(record_show(&back, part, REG_NOTE_TEXT, &w->story.arena, &shown).code, STATUS_OK);
    assert_true(shown.readable);
    assert_int_equal(shown.value.size, RECORD_VALUE_INLINE + 1);
    assert_true(span_equal(encoded(w, &back), encoded(w, &w->record)));
}

static void long_texts_outside_the_row_are_still_compared(void **state)
{
    struct world *w = *state;
    struct leaf *notes[3];
    for (int i = 0; i < 3; i++) {
        notes[i] = leaf_text(leaf_of(w, "hub", KIND_NOTE, ROLE_NATIONAL), REG_NOTE_TEXT, w->text);
        notes[i]->header.lane = (uint32_t)i + 1;
        notes[i]->header.rseq = 1;
        notes[i]->header.part.bytes[0] = 9;
        notes[i]->header.has_prev = false;
    }
    char other[sizeof w->text];
    memcpy(other, w->text, sizeof other);
    other[17] = 'y';
    notes[2]->values[0].bytes = span_text(other);
    struct conflict_item *items;
    size_t before, equal, differ;
    struct record back = w->record;
    assert_int_equal(record_conflicts(&back, &w->story.arena, &items, &before).code, STATUS_OK);
    APPLIES(&w->story, &back, notes[0]);
    APPLIES(&w->story, &back, notes[1]);
    assert_int_equal(record_decode(w->story.id, encoded(w, &back), &w->story.arena, &back).code, STATUS_OK);
    assert_int_equal(record_conflicts(&back, &w->story.arena, &items, &equal).code, STATUS_OK);
    assert_int_equal(equal, before);
    APPLIES(&w->story, &back, notes[2]);
    assert_int_equal(record_decode(w->story.id, encoded(w, &back), &w->story.arena, &back).code, STATUS_OK);
    assert_int_equal(record_conflicts(&back, &w->story.arena, &items, &differ).code, STATUS_OK);
    assert_int_equal(differ, before + 1);
}

static void a_row_cut_short_anywhere_is_invalid(void **state)
{
    struct world *w = *state;
    struct span bytes = encoded(w, &w->record);
    for (size_t size = 0; size < bytes.size; size++) {
        uint8_t *copy = malloc(size + 1); /* of its exact size, so that a sanitizer sees a read behind it */
        assert_non_null(copy);
        memcpy(copy, bytes.data, size);
        struct record back;
        assert_int_equal(record_decode(w->story.id, span_of(copy, size), &w->story.arena, &back).code, STATUS_INVALID);
        free(copy);
    }
}

static void a_damaged_row_is_refused_or_read_but_never_followed_outside(void **state)
{
    struct world *w = *state;
    struct span bytes = encoded(w, &w->record);
    uint8_t *copy = malloc(bytes.size);
    assert_non_null(copy);
    size_t refused = 0;
    for (size_t at = 0; at < bytes.size; at++) {
        memcpy(copy, bytes.data, bytes.size);
        copy[at] ^= (uint8_t)(at % 3 == 0 ? 0xff : at % 3 == 1 ? 0x80 : 0x01);
        struct record back;
        struct status status = record_decode(w->story.id, span_of(copy, bytes.size), &w->story.arena, &back);
        if (!status_is_ok(status)) {
            refused++;
            continue;
        }
        struct conflict_item *items;
        size_t count;
        struct span state_bytes;
        assert_int_equal(record_state_bytes(&back, &w->story.arena, &state_bytes).code, STATUS_OK);
        assert_int_equal(record_conflicts(&back, &w->story.arena, &items, &count).code, STATUS_OK);
        (void)record_owner(&back);
    }
    assert_true(refused > 50);
    free(copy);
}

static void a_newer_row_asks_for_an_update(void **state)
{
    struct world *w = *state;
    struct record back;
    assert_int_equal(record_decode(w->story.id, span_of("\x02\x00", 2), &w->story.arena, &back).code,
                     STATUS_UNSUPPORTED);
    assert_int_equal(record_decode(w->story.id, span_of("\x00\x00", 2), &w->story.arena, &back).code, STATUS_INVALID);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_row_reads_back_as_the_record_it_was),
        T(a_long_text_of_a_part_stays_out_of_the_row),
        T(long_texts_outside_the_row_are_still_compared),
        T(a_row_cut_short_anywhere_is_invalid),
        T(a_damaged_row_is_refused_or_read_but_never_followed_outside),
        T(a_newer_row_asks_for_an_update),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
