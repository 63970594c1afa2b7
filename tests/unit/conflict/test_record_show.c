/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/conflict/story.h"

struct world {
    struct story story;
    struct record a;
    struct leaf *create;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    story_init(&w->story);
    reader_store(&w->story, &w->a);
    w->create = story_leaf(&w->story, &w->a, "a", "a", KIND_CREATE, ROLE_CLERK);
    leaf_write(w->create, REG_CHANNEL, "\x08\x01", 2);
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

static struct leaf *edit_by(struct world *w, const char *node, uint32_t lane, enum role role, uint32_t number,
                            const char *bytes, size_t size)
{
    const char *scope = strcmp(node, "hub") == 0 ? "a" : node;
    struct leaf *leaf = story_leaf(&w->story, &w->a, node, scope, KIND_EDIT, role);
    leaf->header.lane = lane;
    leaf->header.ctx_count = 0; /* true siblings, unless a test says otherwise */
    uint32_t own = record_replica_find(&w->a, header_replica(&leaf->header));
    bool first = own == UINT32_MAX || w->a.replicas[own].rseq == 0;
    leaf->header.rseq = first ? 1 : w->a.replicas[own].rseq + 1;
    leaf->header.prev = first ? (struct hash){{0}} : w->a.replicas[own].hash;
    return leaf_write(leaf, number, bytes, size);
}

static void status_by(struct world *w, const char *node, uint32_t lane, enum role role, enum complaint_status status)
{
    const char bytes[2] = {8, (char)status};
    uint8_t *copy = arena_alloc(&w->story.arena, 2);
    assert_non_null(copy);
    memcpy(copy, bytes, 2);
    APPLIES(&w->story, &w->a, edit_by(w, node, lane, role, REG_STATUS, (const char *)copy, 2));
}

static void begin(struct world *w)
{
    APPLIES(&w->story, &w->a, w->create);
}

static void on_the_path_the_furthest_status_is_shown_and_nobody_is_asked(void **state)
{
    struct world *w = *state;
    begin(w);
    status_by(w, "a", 1, ROLE_CLERK, COMPLAINT_PROSES);
    status_by(w, "hub", 0, ROLE_NATIONAL, COMPLAINT_TERVERIFIKASI);
    status_by(w, "a", 2, ROLE_CLERK, COMPLAINT_BELUM_VERIFIKASI);
    assert_int_equal(record_status(&w->a), COMPLAINT_PROSES);
    assert_false(story_show(&w->story, &w->a, REG_STATUS).conflict);
}

static void done_here_and_wrong_office_there_goes_to_a_person(void **state)
{
    struct world *w = *state;
    begin(w);
    status_by(w, "a", 1, ROLE_CLERK, COMPLAINT_SELESAI);
    status_by(w, "hub", 0, ROLE_NATIONAL, COMPLAINT_BUKAN_WEWENANG);
    assert_int_equal(record_status(&w->a), COMPLAINT_BUKAN_WEWENANG);
    struct shown shown = story_show(&w->story, &w->a, REG_STATUS);
    assert_true(shown.conflict);
    assert_true(shown.person);
}

static void an_open_case_stays_in_sight(void **state)
{
    struct world *w = *state;
    begin(w);
    status_by(w, "hub", 0, ROLE_NATIONAL, COMPLAINT_ARSIP);
    status_by(w, "a", 1, ROLE_CLERK, COMPLAINT_BELUM_VERIFIKASI);
    assert_int_equal(record_status(&w->a), COMPLAINT_BELUM_VERIFIKASI);
}

static void an_automatic_change_loses_to_any_person(void **state)
{
    struct world *w = *state;
    begin(w);
    status_by(w, "a", 0, ROLE_AUTOMATIC, COMPLAINT_ESKALASI_OMBUDSMAN);
    status_by(w, "a", 1, ROLE_CLERK, COMPLAINT_ARSIP);
    assert_int_equal(record_status(&w->a), COMPLAINT_ARSIP);
}

static void the_ombudsman_asks_only_for_his_own_status(void **state)
{
    struct world *w = *state;
    begin(w);
    status_by(w, "hub", 5, ROLE_OMBUDSMAN, COMPLAINT_ESKALASI_OMBUDSMAN);
    struct conflict_item *items;
    size_t count;
    assert_int_equal(record_conflicts(&w->a, &w->story.arena, &items, &count).code, STATUS_OK);
    assert_int_equal(count, 0);
    struct leaf *odd = edit_by(w, "hub", 5, ROLE_OMBUDSMAN, REG_STATUS, "\x08\x05", 2);
    odd->ctx[0] = (struct ctx_entry){header_replica(&odd->header), 1, odd->header.prev};
    odd->header.ctx_count = 1;
    APPLIES(&w->story, &w->a, odd);
    assert_int_equal(record_status(&w->a), COMPLAINT_SELESAI);
    assert_int_equal(record_conflicts(&w->a, &w->story.arena, &items, &count).code, STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(items[0].reason, CONFLICT_OMBUDSMAN);
    assert_true(items[0].person);
}

static void an_assignment_of_the_regency_comes_before_the_hubs_and_a_class_after(void **state)
{
    struct world *w = *state;
    begin(w);
    const uint32_t numbers[] = {REG_ASSIGN, REG_CLASS};
    for (size_t i = 0; i < 2; i++) {
        APPLIES(&w->story, &w->a, edit_by(w, "a", 0, ROLE_ADMIN, numbers[i], "regency", 7));
        APPLIES(&w->story, &w->a, edit_by(w, "hub", 0, ROLE_NATIONAL, numbers[i], "hub", 3));
    }
    shows_text(&w->story, &w->a, REG_ASSIGN, "regency");
    shows_text(&w->story, &w->a, REG_CLASS, "hub");
    assert_false(story_show(&w->story, &w->a, REG_ASSIGN).person);
}

static void the_later_title_is_shown(void **state)
{
    struct world *w = *state;
    begin(w);
    struct leaf *late = edit_by(w, "a", 1, ROLE_CLERK, REG_TITLE, "dua", 3);
    late->header.hlc += 5ULL << 16;
    APPLIES(&w->story, &w->a, late);
    APPLIES(&w->story, &w->a, edit_by(w, "hub", 0, ROLE_ADMIN, REG_TITLE, "satu", 4));
    shows_text(&w->story, &w->a, REG_TITLE, "dua");
}

static void a_stamp_from_the_future_counts_as_five_minutes_after_its_acceptance(void **state)
{
    struct world *w = *state;
    begin(w);
    struct leaf *future = edit_by(w, "a", 1, ROLE_CLERK, REG_TITLE, "tahun 2099", 10);
    future->header.hlc = 4000000000000ULL << 16;
    struct leaf *now = edit_by(w, "hub", 0, ROLE_ADMIN, REG_TITLE, "kini", 4);
    now->header.hlc = 1000600000ULL << 16;
    APPLIES(&w->story, &w->a, future);
    APPLIES(&w->story, &w->a, now);
    shows_text(&w->story, &w->a, REG_TITLE, "tahun 2099");
    assert_int_equal(record_clamp(&w->a, header_dot(&future->header), 1000100000).code, STATUS_OK);
    shows_text(&w->story, &w->a, REG_TITLE, "kini");
    const struct record_register *at = record_register_find(&w->a, (struct part_id){{0}}, REG_TITLE);
    assert_int_equal(record_effective_ms(&w->a, &at->siblings[0]), 1000100000 + LIMIT_CLAMP_MS);
    assert_int_equal(record_clamp(&w->a, header_dot(&future->header), 2000000000).code, STATUS_OK);
    assert_int_equal(record_effective_ms(&w->a, &at->siblings[0]), 1000100000 + LIMIT_CLAMP_MS);
}

static void a_flag_that_nobody_wrote_is_true(void **state)
{
    struct world *w = *state;
    begin(w);
    struct shown shown = story_show(&w->story, &w->a, REG_CONFIDENTIAL);
    assert_true(shown.present);
    assert_int_equal(shown.value.size, 2);
    assert_false(shown.conflict);
}

static bool is_strict(struct world *w)
{
    return story_show(&w->story, &w->a, REG_CONFIDENTIAL).value.size == 2;
}

static void a_create_may_state_a_flag_as_open(void **state)
{
    struct world *w = *state;
    leaf_write(w->create, REG_CONFIDENTIAL, "\x08\x01", 2);
    w->create->open[0] = REG_CONFIDENTIAL; /* the header decides, never the body */
    w->create->header.open_count = 1;
    begin(w);
    assert_false(is_strict(w));
    APPLIES(&w->story, &w->a, edit_by(w, "a", 1, ROLE_CLERK, REG_CONFIDENTIAL, "", 0));
    assert_true(is_strict(w));
    assert_true(story_show(&w->story, &w->a, REG_CONFIDENTIAL).conflict);
}

static struct leaf *loosen(struct world *w, const char *node)
{
    const char *scope = strcmp(node, "hub") == 0 ? "a" : node;
    struct leaf *leaf = story_leaf(&w->story, &w->a, node, scope, KIND_LOOSEN, ROLE_ADMIN);
    leaf->registers[0] = REG_CONFIDENTIAL;
    leaf->header.register_count = 1;
    return leaf;
}

static void loosen_makes_a_flag_false_unless_somebody_was_stricter_at_once(void **state)
{
    struct world *w = *state;
    leaf_write(w->create, REG_CONFIDENTIAL, "", 0);
    begin(w);
    assert_true(is_strict(w));
    struct leaf *strict = edit_by(w, "hub", 0, ROLE_ADMIN, REG_CONFIDENTIAL, "", 0);
    APPLIES(&w->story, &w->a, loosen(w, "a"));
    assert_false(is_strict(w));
    APPLIES(&w->story, &w->a, strict);
    assert_true(is_strict(w));
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

static void a_late_loosen_counts_as_true_and_goes_to_a_person(void **state)
{
    struct world *w = *state;
    leaf_write(w->create, REG_CONFIDENTIAL, "", 0);
    begin(w);
    struct leaf *late = loosen(w, "a");
    APPLIES(&w->story, &w->a, route_to(w, "b"));
    APPLIES(&w->story, &w->a, late);
    assert_true(is_strict(w));
    struct conflict_item *items;
    size_t count;
    assert_int_equal(record_conflicts(&w->a, &w->story.arena, &items, &count).code, STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(items[0].reason, CONFLICT_LATE);
    assert_true(items[0].person);
}

static void a_route_makes_the_new_owner_and_former_owners_late(void **state)
{
    struct world *w = *state;
    begin(w);
    assert_true(scope_id_equal(record_owner(&w->a), scope_named("a")));
    struct leaf *late = leaf_text(story_leaf(&w->story, &w->a, "a", "a", KIND_EDIT, ROLE_CLERK), REG_TITLE, "late");
    struct leaf *route = route_to(w, "b");
    APPLIES(&w->story, &w->a, route);
    assert_true(scope_id_equal(record_owner(&w->a), scope_named("b")));
    APPLIES(&w->story, &w->a, late);
    struct leaf *owner = leaf_text(story_leaf(&w->story, &w->a, "b", "b", KIND_EDIT, ROLE_CLERK), REG_CLOSING, "x");
    APPLIES(&w->story, &w->a, owner);
    const struct record_register *title = record_register_find(&w->a, (struct part_id){{0}}, REG_TITLE);
    const struct record_register *closing = record_register_find(&w->a, (struct part_id){{0}}, REG_CLOSING);
    assert_true(record_is_late(&w->a, &title->siblings[0]));
    assert_false(record_is_late(&w->a, &closing->siblings[0]));
    struct leaf *back = route_to(w, "a");
    back->header.scope = scope_named("b");
    APPLIES(&w->story, &w->a, back);
    assert_true(scope_id_equal(record_owner(&w->a), scope_named("a")));
    struct leaf *again = leaf_text(story_leaf(&w->story, &w->a, "a", "a", KIND_EDIT, ROLE_CLERK), REG_TITLE, "again");
    assert_true(hash_equal(again->header.grant.hash, back->hash));
    APPLIES(&w->story, &w->a, again);
    title = record_register_find(&w->a, (struct part_id){{0}}, REG_TITLE);
    assert_false(record_is_late(&w->a, &title->siblings[0]));
}

static void a_withdrawal_that_read_everything_counts(void **state)
{
    struct world *w = *state;
    begin(w);
    struct leaf *gone = story_leaf(&w->story, &w->a, "a", "a", KIND_EDIT, ROLE_CLERK);
    APPLIES(&w->story, &w->a, leaf_write(gone, REG_PRESENCE, "\x08\x01", 2));
    assert_true(record_is_withdrawn(&w->a));
    assert_false(story_show(&w->story, &w->a, REG_PRESENCE).conflict);
}

static void deleted_there_and_edited_here_stays_and_asks_a_person(void **state)
{
    struct world *w = *state;
    begin(w);
    struct leaf *gone = story_leaf(&w->story, &w->a, "a", "a", KIND_EDIT, ROLE_CLERK);
    leaf_write(gone, REG_PRESENCE, "\x08\x01", 2);
    struct leaf *note = story_leaf(&w->story, &w->a, "hub", "a", KIND_NOTE, ROLE_NATIONAL);
    note->header.part.bytes[0] = 1;
    APPLIES(&w->story, &w->a, gone);
    APPLIES(&w->story, &w->a, leaf_text(note, REG_NOTE_TEXT, "sudah ditangani"));
    assert_false(record_is_withdrawn(&w->a));
    struct shown shown = story_show(&w->story, &w->a, REG_PRESENCE);
    assert_true(shown.conflict);
    assert_true(shown.person);
    assert_int_equal(shown.value.size, 0);
    struct leaf *back = story_leaf(&w->story, &w->a, "a", "a", KIND_EDIT, ROLE_ADMIN);
    APPLIES(&w->story, &w->a, leaf_write(back, REG_PRESENCE, "", 0));
    assert_false(story_show(&w->story, &w->a, REG_PRESENCE).conflict);
}

static void two_offices_that_withdraw_at_once_agree(void **state)
{
    struct world *w = *state;
    begin(w);
    struct leaf *one = story_leaf(&w->story, &w->a, "a", "a", KIND_EDIT, ROLE_CLERK);
    struct leaf *two = story_leaf(&w->story, &w->a, "hub", "a", KIND_EDIT, ROLE_NATIONAL);
    APPLIES(&w->story, &w->a, leaf_write(one, REG_PRESENCE, "\x08\x01", 2));
    APPLIES(&w->story, &w->a, leaf_write(two, REG_PRESENCE, "\x08\x01", 2));
    assert_true(record_is_withdrawn(&w->a));
    assert_false(story_show(&w->story, &w->a, REG_PRESENCE).conflict);
}

static void a_late_withdrawal_counts_as_present(void **state)
{
    struct world *w = *state;
    begin(w);
    struct leaf *late = story_leaf(&w->story, &w->a, "a", "a", KIND_EDIT, ROLE_CLERK);
    leaf_write(late, REG_PRESENCE, "\x08\x01", 2);
    APPLIES(&w->story, &w->a, route_to(w, "b"));
    APPLIES(&w->story, &w->a, late);
    assert_false(record_is_withdrawn(&w->a));
    struct conflict_item *items;
    size_t count;
    assert_int_equal(record_conflicts(&w->a, &w->story.arena, &items, &count).code, STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(items[0].reason, CONFLICT_LATE);
}

static struct span refs(struct world *w, const char *system, const char *key)
{
    struct ref one = {.system = span_text(system), .key = span_text(key)};
    struct value value = {.type = VALUE_REFS, .refs = {.refs = &one, .count = 1}};
    struct span bytes;
    assert_int_equal(value_write(&value, &w->story.arena, &bytes).code, STATUS_OK);
    return bytes;
}

static void references_are_a_union_and_never_a_conflict(void **state)
{
    struct world *w = *state;
    begin(w);
    struct span one = refs(w, "lapor", "123"), two = refs(w, "legacy:a", "9");
    APPLIES(&w->story, &w->a, edit_by(w, "a", 1, ROLE_CLERK, REG_REFS, (const char *)one.data, one.size));
    APPLIES(&w->story, &w->a, edit_by(w, "hub", 0, ROLE_CLERK, REG_REFS, (const char *)two.data, two.size));
    struct shown shown = story_show(&w->story, &w->a, REG_REFS);
    assert_false(shown.conflict);
    struct value value;
    assert_int_equal(value_read(VALUE_REFS, shown.value, &w->story.arena, &value).code, STATUS_OK);
    assert_int_equal(value.refs.count, 2);
    APPLIES(&w->story, &w->a, edit_by(w, "a", 2, ROLE_CLERK, REG_REFS, "\xff\xff broken", 9));
    shown = story_show(&w->story, &w->a, REG_REFS);
    assert_int_equal(value_read(VALUE_REFS, shown.value, &w->story.arena, &value).code, STATUS_OK);
    assert_int_equal(value.refs.count, 2);
}

/* The merge reads enums, flags and presence from the encoded bytes and writes flags and scopes itself; this holds it to
 * the codec. */
static void the_merge_and_the_codec_agree_on_the_encoding(void **state)
{
    struct world *w = *state;
    struct span bytes;
    struct value flag = {.type = VALUE_FLAG, .flag = true};
    assert_int_equal(value_write(&flag, &w->story.arena, &bytes).code, STATUS_OK);
    assert_true(span_equal(bytes, story_show(&w->story, &w->a, REG_CONFIDENTIAL).value));
    flag.flag = false;
    assert_int_equal(value_write(&flag, &w->story.arena, &bytes).code, STATUS_OK);
    assert_int_equal(bytes.size, 0);
    begin(w);
    for (int i = COMPLAINT_BELUM_VERIFIKASI; i < COMPLAINT_STATUS_COUNT; i++) {
        struct value status = {.type = VALUE_STATUS, .status = {.status = (enum complaint_status)i}};
        status.status.reason = span_text("kode");
        assert_int_equal(value_write(&status, &w->story.arena, &bytes).code, STATUS_OK);
        struct leaf *leaf = story_leaf(&w->story, &w->a, "a", "a", KIND_EDIT, ROLE_ADMIN);
        APPLIES(&w->story, &w->a, leaf_write(leaf, REG_STATUS, (const char *)bytes.data, bytes.size));
        assert_int_equal(record_status(&w->a), i);
    }
    APPLIES(&w->story, &w->a, route_to(w, "b.7"));
    struct value scope = {.type = VALUE_SCOPE, .scope = scope_named("b.7")};
    assert_int_equal(value_write(&scope, &w->story.arena, &bytes).code, STATUS_OK);
    assert_true(span_equal(bytes, story_show(&w->story, &w->a, REG_ROUTE).value));
    struct value gone = {.type = VALUE_PRESENCE, .presence = {.withdrawn = true, .reason = span_text("hapus")}};
    assert_int_equal(value_write(&gone, &w->story.arena, &bytes).code, STATUS_OK);
    struct leaf *leaf = story_leaf(&w->story, &w->a, "hub", "b.7", KIND_EDIT, ROLE_NATIONAL);
    APPLIES(&w->story, &w->a, leaf_write(leaf, REG_PRESENCE, (const char *)bytes.data, bytes.size));
    assert_true(record_is_withdrawn(&w->a));
    gone = (struct value){.type = VALUE_PRESENCE};
    assert_int_equal(value_write(&gone, &w->story.arena, &bytes).code, STATUS_OK);
    assert_int_equal(bytes.size, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(on_the_path_the_furthest_status_is_shown_and_nobody_is_asked),
        T(done_here_and_wrong_office_there_goes_to_a_person),
        T(an_open_case_stays_in_sight),
        T(an_automatic_change_loses_to_any_person),
        T(the_ombudsman_asks_only_for_his_own_status),
        T(an_assignment_of_the_regency_comes_before_the_hubs_and_a_class_after),
        T(the_later_title_is_shown),
        T(a_stamp_from_the_future_counts_as_five_minutes_after_its_acceptance),
        T(a_flag_that_nobody_wrote_is_true),
        T(a_create_may_state_a_flag_as_open),
        T(loosen_makes_a_flag_false_unless_somebody_was_stricter_at_once),
        T(a_late_loosen_counts_as_true_and_goes_to_a_person),
        T(a_route_makes_the_new_owner_and_former_owners_late),
        T(a_withdrawal_that_read_everything_counts),
        T(deleted_there_and_edited_here_stays_and_asks_a_person),
        T(two_offices_that_withdraw_at_once_agree),
        T(a_late_withdrawal_counts_as_present),
        T(references_are_a_union_and_never_a_conflict),
        T(the_merge_and_the_codec_agree_on_the_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
