/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/conflict/story.h"

struct world {
    struct story story;
    struct record record;
    struct leaf *create;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    story_init(&w->story);
    reader_store(&w->story, &w->record);
    w->create =
        leaf_status(story_leaf(&w->story, &w->record, "a", "a", KIND_CREATE, ROLE_CLERK), COMPLAINT_BELUM_VERIFIKASI);
    APPLIES(&w->story, &w->record, w->create);
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

static struct leaf *leaf_by(struct world *w, const char *node, enum kind kind, enum role role)
{
    const char *scope = strcmp(node, "hub") == 0 ? "a" : node;
    return story_leaf(&w->story, &w->record, node, scope, kind, role);
}

static struct leaf *edit_by(struct world *w, const char *node, enum role role, uint32_t number)
{
    return leaf_write(leaf_by(w, node, KIND_EDIT, role), number, "\x08\x01", 2);
}

static struct leaf *route_to(struct world *w, const char *scope)
{
    struct leaf *route = leaf_by(w, "hub", KIND_ROUTE, ROLE_NATIONAL);
    route->registers[0] = REG_ROUTE;
    route->header.register_count = 1;
    route->targets[0].scope = scope_named(scope);
    route->header.target_count = 1;
    return route;
}

static void void_keeps_its_dot_and_changes_nothing(void **state)
{
    struct world *w = *state;
    struct leaf *bad = edit_by(w, "a", ROLE_PROVINCE, REG_TITLE);
    VOIDED(&w->story, &w->record, bad, "rights");
    assert_null(record_register_find(&w->record, (struct part_id){{0}}, REG_TITLE));
    struct leaf *next = edit_by(w, "a", ROLE_ADMIN, REG_TITLE);
    assert_int_equal(next->header.rseq, 3);
    APPLIES(&w->story, &w->record, next);
}

static void a_role_that_the_registry_does_not_give_is_void(void **state)
{
    struct world *w = *state;
    VOIDED(&w->story, &w->record, edit_by(w, "o", ROLE_ADMIN, REG_TITLE), "role");
}

static void rights_are_those_of_the_registry_that_the_author_had(void **state)
{
    struct world *w = *state;
    struct leaf *old = edit_by(w, "a", ROLE_ADMIN, REG_TITLE);
    story_register(&w->story, KIND_REG_ROLE, "a", 1U << ROLE_CLERK);
    APPLIES(&w->story, &w->record, old);
    VOIDED(&w->story, &w->record, edit_by(w, "a", ROLE_ADMIN, REG_TITLE), "role");
}

static void a_stranger_to_the_record_is_void(void **state)
{
    struct world *w = *state;
    VOIDED(&w->story, &w->record, edit_by(w, "b", ROLE_ADMIN, REG_TITLE), "grant");
}

static void a_route_grants_its_target_and_no_other(void **state)
{
    struct world *w = *state;
    struct leaf *route = route_to(w, "b");
    APPLIES(&w->story, &w->record, route);
    APPLIES(&w->story, &w->record, edit_by(w, "b", ROLE_ADMIN, REG_TITLE));
    struct leaf *thief = edit_by(w, "c", ROLE_ADMIN, REG_TITLE);
    thief->header.has_grant = true;
    thief->header.grant = (struct ctx_entry){header_replica(&route->header), 1, route->hash};
    VOIDED(&w->story, &w->record, thief, "grant");
}

static void a_grant_that_is_not_held_parks_and_a_false_one_is_a_fork(void **state)
{
    struct world *w = *state;
    struct leaf *route = route_to(w, "b");
    struct leaf *edit = edit_by(w, "b", ROLE_ADMIN, REG_TITLE);
    edit->header.has_grant = true;
    edit->header.grant = (struct ctx_entry){header_replica(&route->header), 1, hash_number(5)};
    struct apply_outcome outcome = story_apply(&w->story, &w->record, "a", edit);
    assert_int_equal(outcome.result, APPLY_PARKED);
    assert_int_equal(outcome.waits.rseq, 1);
    APPLIES(&w->story, &w->record, route);
    outcome = story_apply(&w->story, &w->record, "a", edit);
    assert_int_equal(outcome.result, APPLY_FORKED);
    assert_string_equal(outcome.why, "grant");
    assert_int_equal(w->record.parked_count, 0);
}

static void a_create_of_the_hub_grants_the_scope_in_which_it_stands(void **state)
{
    struct world *w = *state;
    struct record other;
    reader_store(&w->story, &other);
    struct leaf *create = story_leaf(&w->story, &other, "hub", "b", KIND_CREATE, ROLE_NATIONAL);
    APPLIES(&w->story, &other, leaf_status(create, COMPLAINT_BELUM_VERIFIKASI));
    struct leaf *edit = story_leaf(&w->story, &other, "b", "b", KIND_EDIT, ROLE_CLERK);
    assert_true(edit->header.has_grant);
    APPLIES(&w->story, &other, leaf_text(edit, REG_TITLE, "x"));
    struct leaf *stranger = story_leaf(&w->story, &other, "c", "c", KIND_EDIT, ROLE_CLERK);
    VOIDED(&w->story, &other, leaf_text(stranger, REG_TITLE, "x"), "grant");
    assert_true(scope_id_equal(record_owner(&other), scope_named("b")));
}

static void a_create_that_does_not_bind_is_void_and_begins_nothing(void **state)
{
    struct world *w = *state;
    struct record other;
    reader_store(&w->story, &other);
    struct leaf *forged =
        leaf_status(story_leaf(&w->story, &other, "b", "b", KIND_CREATE, ROLE_ADMIN), COMPLAINT_SELESAI);
    forged->binds = false;
    VOIDED(&w->story, &other, forged, "binding");
    assert_false(other.created);
    struct leaf *edit = leaf_text(story_leaf(&w->story, &other, "a", "a", KIND_EDIT, ROLE_ADMIN), REG_TITLE, "x");
    edit->header.rseq = 2;
    assert_int_equal(story_result(&w->story, &other, edit), APPLY_PARKED);
    APPLIES(&w->story, &other, w->create);
    assert_true(node_id_equal(other.maker, node_named("a")));
}

static void a_void_create_still_begins_its_record(void **state)
{
    struct world *w = *state;
    struct record other;
    reader_store(&w->story, &other);
    w->create->header.role = ROLE_AUDITOR;
    VOIDED(&w->story, &other, w->create, "role");
    assert_true(other.created);
    struct leaf *edit = leaf_text(story_leaf(&w->story, &other, "a", "a", KIND_EDIT, ROLE_ADMIN), REG_TITLE, "x");
    APPLIES(&w->story, &other, edit);
}

static void a_leaf_of_mixed_class_is_void(void **state)
{
    struct world *w = *state;
    struct leaf *mixed = edit_by(w, "a", ROLE_ADMIN, REG_STATUS);
    leaf_text(mixed, REG_TITLE, "x");
    VOIDED(&w->story, &w->record, mixed, "class");
}

static void a_registry_size_below_that_of_what_was_read_is_void(void **state)
{
    struct world *w = *state;
    struct leaf *by_hub = edit_by(w, "hub", ROLE_ADMIN, REG_TITLE);
    by_hub->header.reg = w->story.registry.size - 1;
    VOIDED(&w->story, &w->record, by_hub, "reg");
    struct leaf *edit = edit_by(w, "a", ROLE_ADMIN, REG_TITLE);
    edit->header.ctx_count = 0;
    edit->header.reg--;
    VOIDED(&w->story, &w->record, edit, "reg");
}

static void a_leaf_above_a_cut_is_a_no_op_that_keeps_its_dot(void **state)
{
    struct world *w = *state;
    struct leaf *below = edit_by(w, "a", ROLE_ADMIN, REG_TITLE);
    struct registry_entry cut = {.kind = KIND_REG_CUT,
                                 .node = node_named("a"),
                                 .epoch = 1,
                                 .scope = scope_named("a"),
                                 .size = below->header.seq + 1};
    assert_int_equal(registry_apply(&w->story.registry, &cut).code, STATUS_OK);
    APPLIES(&w->story, &w->record, below);
    struct leaf *above = edit_by(w, "a", ROLE_ADMIN, REG_TITLE);
    VOIDED(&w->story, &w->record, above, "cut");
    APPLIES(&w->story, &w->record, edit_by(w, "hub", ROLE_ADMIN, REG_TITLE));
}

static void only_the_hub_routes(void **state)
{
    struct world *w = *state;
    struct leaf *route = route_to(w, "b");
    route->header.node = node_named("a");
    route->header.rseq = 2;
    route->header.prev = w->create->hash;
    VOIDED(&w->story, &w->record, route, "rights");
    VOIDED(&w->story, &w->record, edit_by(w, "hub", ROLE_NATIONAL, REG_ROUTE), "rights");
    VOIDED(&w->story, &w->record, edit_by(w, "a", ROLE_NATIONAL, REG_SAME_AS), "rights");
    APPLIES(&w->story, &w->record, edit_by(w, "hub", ROLE_NATIONAL, REG_SAME_AS));
    struct leaf *nowhere = route_to(w, "b");
    nowhere->header.target_count = 0;
    VOIDED(&w->story, &w->record, nowhere, "target");
}

static void a_node_writes_only_for_its_own_scope(void **state)
{
    struct world *w = *state;
    struct leaf *edit = edit_by(w, "a", ROLE_ADMIN, REG_TITLE);
    edit->header.scope = scope_named("b");
    VOIDED(&w->story, &w->record, edit, "scope");
}

static void each_role_may_what_the_table_says(void **state)
{
    (void)state;
    assert_true(record_role_may(ROLE_CLERK, KIND_EDIT, REG_STATUS));
    assert_false(record_role_may(ROLE_CLERK, KIND_EDIT, REG_ASSIGN));
    assert_true(record_role_may(ROLE_CLERK, KIND_CREATE, REG_ASSIGN));
    assert_false(record_role_may(ROLE_CLERK, KIND_EDIT, REG_NOTE_HIDDEN));
    assert_false(record_role_may(ROLE_CLERK, KIND_LOOSEN, REG_CONFIDENTIAL));
    assert_false(record_role_may(ROLE_CLERK, KIND_ERASE, 0));
    assert_true(record_role_may(ROLE_ADMIN, KIND_LOOSEN, REG_ANONYMOUS));
    assert_false(record_role_may(ROLE_ADMIN, KIND_LOOSEN, REG_STATUS));
    assert_true(record_role_may(ROLE_ADMIN, KIND_ERASE, 0));
    assert_true(record_role_may(ROLE_ADMIN, KIND_EDIT, REG_ASSIGN));
    assert_false(record_role_may(ROLE_ADMIN, KIND_ROUTE, REG_ROUTE));
    assert_true(record_role_may(ROLE_NATIONAL, KIND_ROUTE, REG_ROUTE));
    assert_true(record_role_may(ROLE_OMBUDSMAN, KIND_EDIT, REG_STATUS));
    assert_false(record_role_may(ROLE_OMBUDSMAN, KIND_EDIT, REG_TITLE));
    assert_true(record_role_may(ROLE_OMBUDSMAN, KIND_NOTE, REG_NOTE_TEXT));
    assert_false(record_role_may(ROLE_OMBUDSMAN, KIND_ATTACH, REG_ATTACH_NAME));
    for (uint32_t kind = KIND_CREATE; kind <= KIND_ROUTE; kind++) {
        assert_false(record_role_may(ROLE_PROVINCE, (enum kind)kind, 0));
        assert_false(record_role_may(ROLE_AUDITOR, (enum kind)kind, 0));
        assert_false(record_role_may(ROLE_NONE, (enum kind)kind, 0));
    }
    assert_true(record_role_may(ROLE_CLERK, KIND_EDIT, 50)); /* who may edit may write what the reader does not know */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(void_keeps_its_dot_and_changes_nothing),
        T(a_role_that_the_registry_does_not_give_is_void),
        T(rights_are_those_of_the_registry_that_the_author_had),
        T(a_stranger_to_the_record_is_void),
        T(a_route_grants_its_target_and_no_other),
        T(a_grant_that_is_not_held_parks_and_a_false_one_is_a_fork),
        T(a_create_of_the_hub_grants_the_scope_in_which_it_stands),
        T(a_create_that_does_not_bind_is_void_and_begins_nothing),
        T(a_void_create_still_begins_its_record),
        T(a_leaf_of_mixed_class_is_void),
        T(a_registry_size_below_that_of_what_was_read_is_void),
        T(a_leaf_above_a_cut_is_a_no_op_that_keeps_its_dot),
        T(only_the_hub_routes),
        T(a_node_writes_only_for_its_own_scope),
        T(each_role_may_what_the_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
