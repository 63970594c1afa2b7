/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto node_base */
#include "tests/unit/sync/world.h"

/* Which records bear an external number (connector.md, "Day one"). */

static struct span refs_value(struct world *w, const char *system, const char *key)
{
    struct ref ref = {.system = span_text(system), .key = span_text(key)};
    struct span bytes;
    must(value_write(&(struct value){.type = VALUE_REFS, .refs = {.refs = &ref, .count = 1}}, &w->arena, &bytes));
    return bytes;
}

static void says_number(struct world *w, struct site *s, struct record_id id, const char *key)
{
    struct token token;
    must(site_read(w, s, id, &token));
    must(site_edit(w, s, 0, id, &token, REG_REFS, refs_value(w, "lapor", key)));
}

static size_t bearers(struct world *w, struct site *s, const char *scope, const char *key, struct record_id *out_ids)
{
    struct ref ref = {.system = span_text("lapor"), .key = span_text(key)};
    struct scope_id in = {{0}};
    size_t count = 99;
    if (scope) {
        must(scope_id_parse(span_text(scope), &in));
    }
    must(site_begin(w, s));
    must(core_refs(s->core, &ref, in, LIMIT_REFS_SAME, out_ids, &count));
    core_rollback(s->core);
    return count;
}

static void a_number_names_the_records_of_its_scope_that_bear_it(void **state)
{
    (void)state;
    struct world w;
    struct site *a;
    struct site *b;
    struct record_id ids[LIMIT_REFS_SAME];
    struct record_id one;
    struct record_id two;
    struct record_id other;
    must(world_start(&w, memory_heap()));
    must(world_join(&w, "61.03", NULL, &a));
    must(world_join(&w, "64.09", NULL, &b));
    must(world_settle(&w));
    must(site_create(&w, &w.hub, "61.03", "satu", &one));
    must(site_create(&w, &w.hub, "61.03", "dua", &two));
    must(site_create(&w, &w.hub, "64.09", "tiga", &other));
    says_number(&w, &w.hub, one, "123");
    says_number(&w, &w.hub, other, "123");
    says_number(&w, &w.hub, two, "1234"); /* the other one's number is the beginning of this one */
    must(world_settle(&w));
    assert_int_equal(bearers(&w, a, "61.03", "123", ids), 1);
    assert_true(record_id_equal(ids[0], one));
    assert_int_equal(bearers(&w, a, "61.03", "12", ids), 0);
    assert_int_equal(bearers(&w, a, "64.09", "123", ids), 0);
    assert_int_equal(bearers(&w, &w.hub, NULL, "123", ids), 2);
    says_number(&w, &w.hub, two, "123");
    must(world_settle(&w));
    assert_int_equal(bearers(&w, a, "61.03", "123", ids), 2);
    world_release(&w);
}

static void a_number_that_was_taken_back_names_nothing(void **state)
{
    (void)state;
    struct world w;
    struct record_id ids[LIMIT_REFS_SAME];
    struct record_id id;
    struct site *a;
    must(world_start(&w, memory_heap()));
    must(world_join(&w, "61.03", NULL, &a));
    must(site_create(&w, &w.hub, "61.03", "satu", &id));
    says_number(&w, &w.hub, id, "123");
    assert_int_equal(bearers(&w, &w.hub, "61.03", "123", ids), 1);
    says_number(&w, &w.hub, id, "124");
    assert_int_equal(bearers(&w, &w.hub, "61.03", "123", ids), 0);
    assert_int_equal(bearers(&w, &w.hub, "61.03", "124", ids), 1);
    world_release(&w);
}

static void of_a_folded_record_the_one_it_stands_for_is_named(void **state)
{
    (void)state;
    struct world w;
    struct site *a;
    struct token token;
    struct span bytes;
    struct record_id ids[LIMIT_REFS_SAME];
    struct record_id one;
    struct record_id two;
    must(world_start(&w, memory_heap()));
    must(world_join(&w, "61.03", NULL, &a));
    must(site_create(&w, &w.hub, "61.03", "satu", &one));
    must(site_create(&w, &w.hub, "61.03", "dua", &two));
    says_number(&w, &w.hub, one, "123");
    says_number(&w, &w.hub, two, "123");
    assert_int_equal(bearers(&w, &w.hub, "61.03", "123", ids), 2);
    must(site_read(&w, &w.hub, two, &token));
    must(value_write(&(struct value){.type = VALUE_RECORD, .record = one}, &w.arena, &bytes));
    must(site_edit(&w, &w.hub, 0, two, &token, REG_SAME_AS, bytes));
    assert_int_equal(bearers(&w, &w.hub, "61.03", "123", ids), 1);
    assert_true(record_id_equal(ids[0], one));
    world_release(&w);
}

static void a_node_is_current_only_after_a_pull_that_left_nothing(void **state)
{
    (void)state;
    struct world w;
    struct site *a;
    struct next next;
    struct record_id id;
    must(world_start(&w, memory_heap()));
    must(world_join(&w, "61.03", NULL, &a));
    assert_true(core_is_current(w.hub.core));
    for (int i = 0; i < 1200; i++) {
        must(site_create(&w, &w.hub, "61.03", "satu", &id));
    }
    must(world_hello(&w, a, &next));
    must(world_pull(&w, a, &next));
    assert_true(next.more);
    assert_false(core_is_current(a->core));
    must(world_settle(&w));
    assert_true(core_is_current(a->core));
    must(site_restart(&w, a)); /* who knows what was written meanwhile */
    assert_false(core_is_current(a->core));
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_names_the_records_of_its_scope_that_bear_it),
        cmocka_unit_test(a_number_that_was_taken_back_names_nothing),
        cmocka_unit_test(of_a_folded_record_the_one_it_stands_for_is_named),
        cmocka_unit_test(a_node_is_current_only_after_a_pull_that_left_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
