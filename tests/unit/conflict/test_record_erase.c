/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/conflict/story.h"

struct world {
    struct story story;
    struct record a, b;
    struct leaf *create;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    story_init(&w->story);
    reader_store(&w->story, &w->a);
    reader_store(&w->story, &w->b);
    w->create =
        leaf_status(story_leaf(&w->story, &w->a, "a", "a", KIND_CREATE, ROLE_CLERK), COMPLAINT_BELUM_VERIFIKASI);
    APPLIES(&w->story, &w->a, w->create);
    APPLIES(&w->story, &w->b, w->create);
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

static struct leaf *text(struct world *w, const char *node, uint32_t number, const char *bytes)
{
    enum role role = strcmp(node, "hub") == 0 ? ROLE_NATIONAL : ROLE_ADMIN;
    return leaf_text(story_leaf(&w->story, &w->a, node, "a", KIND_EDIT, role), number, bytes);
}

static struct leaf *erase(struct world *w, const char *node, enum class class)
{
    struct leaf *leaf = story_leaf(&w->story, &w->a, node, "a", KIND_ERASE, ROLE_ADMIN);
    leaf->header.class = class;
    return leaf;
}

static struct leaf *route_to(struct world *w, const char *scope)
{
    struct leaf *route = story_leaf(&w->story, &w->a, "hub", "a", KIND_ROUTE, ROLE_NATIONAL);
    route->registers[0] = REG_ROUTE;
    route->header.register_count = 1;
    route->targets[0].scope = scope_named(scope);
    route->header.target_count = 1;
    return route;
}

static bool readable(struct world *w, const struct record *record, uint32_t number)
{
    return story_show(&w->story, record, number).readable;
}

static size_t erased_bodies(struct world *w, const struct record *record, size_t **out_indexes)
{
    size_t count;
    assert_int_equal(record_erased_bodies(record, &w->story.arena, out_indexes, &count).code, STATUS_OK);
    return count;
}

static void erasure_beats_a_concurrent_edit(void **state)
{
    struct world *w = *state;
    struct leaf *gone = erase(w, "a", CLASS_RESTRICTED);
    struct leaf *edit = text(w, "hub", REG_TEXT, "nama dan alamat");
    APPLIES(&w->story, &w->a, gone);
    APPLIES(&w->story, &w->a, edit);
    APPLIES(&w->story, &w->b, edit);
    APPLIES(&w->story, &w->b, gone);
    assert_false(readable(w, &w->a, REG_TEXT));
    assert_false(readable(w, &w->b, REG_TEXT));
    assert_int_equal(story_show(&w->story, &w->b, REG_TEXT).value.size, 0);
}

static void an_edit_that_had_seen_the_erasure_is_spared(void **state)
{
    struct world *w = *state;
    struct leaf *gone = erase(w, "a", CLASS_RESTRICTED);
    APPLIES(&w->story, &w->a, gone);
    struct leaf *edit = text(w, "a", REG_TEXT, "baru");
    edit->seen[0] = header_dot(&gone->header);
    edit->header.erasures_seen_count = 1;
    APPLIES(&w->story, &w->a, edit);
    shows_text(&w->story, &w->a, REG_TEXT, "baru");
    size_t *indexes;
    assert_int_equal(erased_bodies(w, &w->a, &indexes), 0);
}

static void reading_the_erasure_is_not_enough_without_saying_so(void **state)
{
    struct world *w = *state;
    APPLIES(&w->story, &w->a, erase(w, "a", CLASS_RESTRICTED));
    APPLIES(&w->story, &w->a, text(w, "a", REG_TEXT, "lama dari formulir"));
    assert_false(readable(w, &w->a, REG_TEXT));
}

static void a_sealed_erasure_takes_the_reporter_only(void **state)
{
    struct world *w = *state;
    APPLIES(&w->story, &w->a, text(w, "a", REG_TITLE, "judul"));
    APPLIES(&w->story, &w->a, text(w, "a", REG_REPORTER, "sealed"));
    APPLIES(&w->story, &w->a, erase(w, "a", CLASS_SEALED));
    assert_false(readable(w, &w->a, REG_REPORTER));
    assert_true(readable(w, &w->a, REG_TITLE));
    assert_true(readable(w, &w->a, REG_STATUS));
}

static void a_public_erasure_is_void(void **state)
{
    struct world *w = *state;
    APPLIES(&w->story, &w->a, text(w, "a", REG_TITLE, "judul"));
    VOIDED(&w->story, &w->a, erase(w, "a", CLASS_PUBLIC), "class");
    assert_true(readable(w, &w->a, REG_TITLE));
}

static void an_erasure_of_a_part_leaves_the_rest(void **state)
{
    struct world *w = *state;
    for (uint8_t i = 1; i <= 2; i++) {
        struct leaf *note = story_leaf(&w->story, &w->a, "a", "a", KIND_NOTE, ROLE_CLERK);
        note->header.part.bytes[0] = i;
        APPLIES(&w->story, &w->a, leaf_text(note, REG_NOTE_TEXT, "catatan"));
    }
    APPLIES(&w->story, &w->a, text(w, "a", REG_TITLE, "judul"));
    struct leaf *gone = erase(w, "a", CLASS_RESTRICTED);
    gone->header.part.bytes[0] = 2;
    APPLIES(&w->story, &w->a, gone);
    size_t *indexes;
    assert_int_equal(erased_bodies(w, &w->a, &indexes), 1);
    assert_int_equal(w->a.history[indexes[0]].part.bytes[0], 2);
    assert_true(readable(w, &w->a, REG_TITLE));
}

static void an_erasure_relayed_by_the_hub_hides_before_its_dependencies_come(void **state)
{
    struct world *w = *state;
    struct leaf *edit = text(w, "a", REG_TITLE, "judul");
    APPLIES(&w->story, &w->a, edit);
    APPLIES(&w->story, &w->b, edit);
    APPLIES(&w->story, &w->a, text(w, "a", REG_STATUS, "\x08\x04"));
    struct leaf *gone = erase(w, "a", CLASS_RESTRICTED);
    gone->relayed = true;
    assert_int_equal(story_result(&w->story, &w->b, gone), APPLY_PARKED);
    assert_false(readable(w, &w->b, REG_TITLE));
    size_t *indexes;
    assert_int_equal(erased_bodies(w, &w->b, &indexes), 1);
}

static void a_strangers_erasure_that_waits_for_ever_hides_nothing(void **state)
{
    struct world *w = *state;
    APPLIES(&w->story, &w->a, text(w, "a", REG_TITLE, "judul"));
    struct leaf *forged = erase(w, "b", CLASS_RESTRICTED);
    forged->header.scope = scope_named("b");
    forged->header.has_grant = true;
    forged->header.grant = (struct ctx_entry){.replica = {.node = node_named("hub"), .epoch = 1}, .rseq = 400};
    assert_int_equal(story_result(&w->story, &w->a, forged), APPLY_PARKED);
    assert_true(readable(w, &w->a, REG_TITLE));
    size_t *indexes;
    assert_int_equal(erased_bodies(w, &w->a, &indexes), 0);
}

static void an_erasure_that_turns_out_void_gives_back_what_it_hid(void **state)
{
    struct world *w = *state;
    struct leaf *edit = text(w, "a", REG_TITLE, "judul");
    APPLIES(&w->story, &w->a, edit);
    APPLIES(&w->story, &w->b, edit);
    struct leaf *more = text(w, "a", REG_CLOSING, "x");
    APPLIES(&w->story, &w->a, more);
    struct leaf *gone = erase(w, "a", CLASS_RESTRICTED);
    gone->header.reg = 5; /* has the role at that version, but its context had read more */
    assert_int_equal(story_result(&w->story, &w->b, gone), APPLY_PARKED);
    assert_false(readable(w, &w->b, REG_TITLE));
    APPLIES(&w->story, &w->b, more);
    VOIDED(&w->story, &w->b, gone, "reg");
    assert_true(readable(w, &w->b, REG_TITLE));
    assert_int_equal(w->b.erasure_count, 0);
}

static void destroyed_bodies_leave_the_record_and_stay_gone(void **state)
{
    struct world *w = *state;
    struct leaf *edit = text(w, "a", REG_TITLE, "judul");
    APPLIES(&w->story, &w->a, edit);
    APPLIES(&w->story, &w->a, erase(w, "a", CLASS_RESTRICTED));
    size_t *indexes;
    assert_int_equal(erased_bodies(w, &w->a, &indexes), 1);
    record_body_gone(&w->a, indexes[0]);
    assert_int_equal(erased_bodies(w, &w->a, &indexes), 0);
    const struct sibling *sibling = &record_register_find(&w->a, (struct part_id){{0}}, REG_TITLE)->siblings[0];
    assert_int_equal(sibling->value.size, 0);
    assert_int_equal(record_body(&w->a, header_dot(&edit->header), edit->values, 1).code, STATUS_OK);
    assert_false(readable(w, &w->a, REG_TITLE));
    assert_int_equal(sibling->value.size, 0);
}

static void a_body_that_comes_later_is_shown_then(void **state)
{
    struct world *w = *state;
    struct leaf *edit = text(w, "a", REG_TITLE, "judul");
    edit->body = BODY_LATER;
    APPLIES(&w->story, &w->a, edit);
    assert_true(story_show(&w->story, &w->a, REG_TITLE).present);
    assert_false(readable(w, &w->a, REG_TITLE));
    assert_int_equal(record_body(&w->a, header_dot(&edit->header), edit->values, 1).code, STATUS_OK);
    shows_text(&w->story, &w->a, REG_TITLE, "judul");
    struct dot unknown = {.replica = {.node = node_named("q")}, .rseq = 1};
    assert_int_equal(record_body(&w->a, unknown, edit->values, 1).code, STATUS_NOT_FOUND);
}

static void an_erased_value_loses_to_any_readable_one_without_a_conflict(void **state)
{
    struct world *w = *state;
    struct leaf *young = text(w, "a", REG_TITLE, "dihapus");
    young->header.hlc += 1ULL << 40;
    struct leaf *old = text(w, "hub", REG_TITLE, "tetap");
    struct leaf *gone = erase(w, "a", CLASS_RESTRICTED);
    gone->header.rseq = 3;
    gone->header.prev = young->hash;
    old->seen[0] = header_dot(&gone->header);
    old->header.erasures_seen_count = 1;
    APPLIES(&w->story, &w->a, young);
    APPLIES(&w->story, &w->a, old);
    assert_true(story_show(&w->story, &w->a, REG_TITLE).conflict);
    APPLIES(&w->story, &w->a, gone);
    shows_text(&w->story, &w->a, REG_TITLE, "tetap");
    assert_false(story_show(&w->story, &w->a, REG_TITLE).conflict);
}

static void a_late_erasure_erases_nothing(void **state)
{
    struct world *w = *state;
    APPLIES(&w->story, &w->a, text(w, "a", REG_TITLE, "judul"));
    struct leaf *late = erase(w, "a", CLASS_RESTRICTED);
    struct leaf *route = route_to(w, "b");
    APPLIES(&w->story, &w->a, late);
    assert_false(readable(w, &w->a, REG_TITLE));
    APPLIES(&w->story, &w->a, route);
    assert_true(record_erasure_is_late(&w->a, &w->a.erasures[0]));
    assert_true(readable(w, &w->a, REG_TITLE));
    size_t *indexes;
    assert_int_equal(erased_bodies(w, &w->a, &indexes), 0);
}

static void an_acknowledgement_names_the_holder_or_the_one_the_hub_speaks_for(void **state)
{
    struct world *w = *state;
    struct leaf *gone = erase(w, "a", CLASS_RESTRICTED);
    struct leaf *own = story_leaf(&w->story, &w->a, "hub", "a", KIND_ERASED, ROLE_NATIONAL);
    own->targets[0] = (struct target){.replica = header_replica(&gone->header), .rseq = 2, .hash = gone->hash};
    own->header.target_count = 1;
    APPLIES(&w->story, &w->a, own); /* before the erasure itself: order does not matter */
    APPLIES(&w->story, &w->a, gone);
    const struct erasure *erasure = &w->a.erasures[0];
    assert_true(record_acknowledged(&w->a, erasure, node_named("hub")));
    assert_false(record_acknowledged(&w->a, erasure, node_named("64")));
    struct leaf *other = story_leaf(&w->story, &w->a, "hub", "a", KIND_ERASED, ROLE_NATIONAL);
    other->targets[0] = own->targets[0];
    other->targets[0].replica.node = node_named("64");
    other->header.target_count = 1;
    APPLIES(&w->story, &w->a, other);
    assert_true(record_acknowledged(&w->a, erasure, node_named("64")));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(erasure_beats_a_concurrent_edit),
        T(an_edit_that_had_seen_the_erasure_is_spared),
        T(reading_the_erasure_is_not_enough_without_saying_so),
        T(a_sealed_erasure_takes_the_reporter_only),
        T(a_public_erasure_is_void),
        T(an_erasure_of_a_part_leaves_the_rest),
        T(an_erasure_relayed_by_the_hub_hides_before_its_dependencies_come),
        T(a_strangers_erasure_that_waits_for_ever_hides_nothing),
        T(an_erasure_that_turns_out_void_gives_back_what_it_hid),
        T(destroyed_bodies_leave_the_record_and_stay_gone),
        T(a_body_that_comes_later_is_shown_then),
        T(an_erased_value_loses_to_any_readable_one_without_a_conflict),
        T(a_late_erasure_erases_nothing),
        T(an_acknowledgement_names_the_holder_or_the_one_the_hub_speaks_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
