/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto node_base */
/* Records that stay in memory from one transaction to the next: sync/core_records.c. */
#include "tests/unit/sync/world.h"

enum { MANY = 300, LONG_TITLE = 16 * 1024 }; /* together more than both generations hold */

static struct world w;
static struct site *a;

static int start(void **state)
{
    (void)state;
    must(world_start(&w, memory_heap()));
    must(world_join(&w, "61.03", NULL, &a));
    must(world_settle(&w));
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_release(&w);
    return 0;
}

/* Calls of the store that reading the record in a transaction of its own takes. */
static uint64_t calls_to_read(struct record_id id)
{
    const struct record *record;
    uint64_t before = store_model_calls(a->store);
    must(site_begin(&w, a));
    must(core_record(a->core, id, &record));
    core_rollback(a->core);
    return store_model_calls(a->store) - before;
}

static uint64_t calls_to_begin(void)
{
    uint64_t before = store_model_calls(a->store);
    must(site_begin(&w, a));
    core_rollback(a->core);
    return store_model_calls(a->store) - before;
}

static bool title_is(struct record_id id, const char *title)
{
    const struct record *record;
    struct shown shown;
    must(site_begin(&w, a));
    must(core_record(a->core, id, &record));
    must(record_show(record, (struct part_id){{0}}, REG_TITLE, &w.arena, &shown));
    bool same = span_equal(shown.value, text_value(&w, title));
    core_rollback(a->core);
    return same;
}

static void a_record_is_not_loaded_again_in_the_next_transaction(void **state)
{
    (void)state;
    struct record_id id;
    must(site_create(&w, a, NULL, "satu", &id));
    assert_int_equal(calls_to_read(id), calls_to_begin());
    must(site_restart(&w, a));
    (void)calls_to_begin();
    assert_true(calls_to_read(id) > calls_to_begin());
    assert_int_equal(calls_to_read(id), calls_to_begin());
}

static void what_was_not_committed_is_not_seen_by_the_next_transaction(void **state)
{
    (void)state;
    struct record_id id;
    struct token token;
    struct written written;
    must(site_create(&w, a, NULL, "satu", &id));
    must(site_read(&w, a, id, &token));
    struct body_value value = {REG_TITLE, text_value(&w, "dua")};
    struct draft draft = {.record = id,
                          .kind = KIND_EDIT,
                          .lane = 1,
                          .role = ROLE_CLERK,
                          .actor = span_text("clerk"),
                          .values = &value,
                          .value_count = 1,
                          .ctx = token.ctx,
                          .ctx_count = token.count};
    must(site_begin(&w, a));
    must(core_write(a->core, &draft, &written, NULL));
    core_rollback(a->core);
    assert_true(title_is(id, "satu"));
    must(site_begin(&w, a));
    must(core_write(a->core, &draft, &written, NULL));
    store_model_fail_after(a->store, 1);
    assert_false(status_is_ok(core_commit(a->core)));
    assert_true(title_is(id, "satu"));
    must(site_edit_title(&w, a, id, &token, "dua"));
    assert_true(title_is(id, "dua"));
}

static void records_beyond_the_room_are_loaded_anew_and_the_same(void **state)
{
    (void)state;
    static struct record_id ids[MANY];
    static char title[LONG_TITLE + 1];
    for (size_t i = 0; i < MANY; i++) {
        struct token token;
        memset(title, 'a' + (int)(i % 26), LONG_TITLE);
        must(site_create(&w, a, NULL, title, &ids[i]));
        must(site_read(&w, a, ids[i / 2], &token)); /* of the old generation too */
        must(site_edit(&w, a, 1, ids[i / 2], &token, REG_STATUS, status_value(&w, COMPLAINT_PROSES)));
    }
    assert_true(calls_to_read(ids[0]) > calls_to_begin());
    struct record_digest kept[MANY];
    for (size_t i = 0; i < MANY; i++) {
        kept[i] = site_digest(&w, a, ids[i]);
        memset(title, 'a' + (int)(i % 26), LONG_TITLE);
        assert_true(title_is(ids[i], title));
    }
    must(site_restart(&w, a));
    for (size_t i = 0; i < MANY; i++) {
        struct record_digest loaded = site_digest(&w, a, ids[i]);
        assert_true(hash_equal(loaded.digest, kept[i].digest) && hash_equal(loaded.vector, kept[i].vector));
    }
    must(world_settle(&w));
    assert_true(digests_equal(&w, a, &w.hub, ids[MANY - 1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_is_not_loaded_again_in_the_next_transaction, start, end),
        cmocka_unit_test_setup_teardown(what_was_not_committed_is_not_seen_by_the_next_transaction, start, end),
        cmocka_unit_test_setup_teardown(records_beyond_the_room_are_loaded_anew_and_the_same, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
