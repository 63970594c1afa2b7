/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/base/heap.h"
#include "sync/store.h"

/* What the model store has beyond the contract: failures that a test arms, copies, crashes. */

static void must(struct status status)
{
    assert_int_equal(status.code, STATUS_OK);
}

static struct store *model_new(void)
{
    struct store *store = NULL;
    must(store_model_new(memory_heap(), &store));
    return store;
}

static void put_text(struct store *store, const char *key, const char *value)
{
    must(store_put_one(store, STORE_META, span_text(key), span_text(value)));
}

static bool holds(struct store *store, const char *key)
{
    struct arena arena;
    struct span value = {0};
    arena_init(&arena, memory_heap(), SIZE_MAX);
    must(store->ops->begin(store));
    must(store_get_one(store, STORE_META, span_text(key), &arena, &value));
    store->ops->rollback(store);
    arena_release(&arena);
    return value.data != NULL;
}

static void an_unknown_commit_has_done_all_or_nothing(void **state)
{
    struct store *store = model_new();
    (void)state;
    for (int applied = 0; applied <= 1; applied++) {
        must(store->ops->begin(store));
        put_text(store, applied ? "applied" : "not applied", "1");
        store_model_commit_unknown(store, applied);
        assert_int_equal(store->ops->commit(store).code, STATUS_UNKNOWN);
    }
    assert_true(holds(store, "applied"));
    assert_false(holds(store, "not applied"));
    store->ops->free(store);
}

static void a_dead_store_answers_io_until_it_is_opened_anew(void **state)
{
    struct store *store = model_new();
    (void)state;
    must(store->ops->begin(store));
    put_text(store, "lost", "1");
    store_model_die(store);
    assert_int_equal(store_put_one(store, STORE_META, span_text("x"), (struct span){0}).code, STATUS_IO);
    assert_int_equal(store->ops->commit(store).code, STATUS_IO);
    assert_int_equal(store->ops->begin(store).code, STATUS_IO);
    store_model_crash(store);
    assert_false(holds(store, "lost"));
    store->ops->free(store);
}

static void a_copy_goes_its_own_way(void **state)
{
    struct store *store = model_new();
    struct store *copy = NULL;
    (void)state;
    must(store->ops->begin(store));
    put_text(store, "old", "1");
    assert_int_equal(store_model_copy(store, memory_heap(), &copy).code, STATUS_BUSY);
    must(store->ops->commit(store));
    must(store_model_copy(store, memory_heap(), &copy));
    must(store->ops->begin(store));
    put_text(store, "new", "1");
    must(store->ops->commit(store));
    assert_true(holds(copy, "old"));
    assert_false(holds(copy, "new"));
    store->ops->free(store);
    copy->ops->free(copy);
}

/* One transaction of every kind of call; the first failure is returned. */
static struct status one_of_each(struct store *store, struct arena *arena)
{
    struct record_row row = {.id = {{1}}, .bytes = span_text("b")};
    struct span key = span_text("key");
    struct span value;
    struct pair pair;
    struct record_count group;
    size_t count;
    TRY(store->ops->begin(store));
    TRY(store_put_one(store, STORE_META, key, span_text("new")));
    TRY(store_put_one(store, STORE_META, span_text("other"), span_text("new")));
    TRY(store->ops->savepoint(store));
    TRY(store_remove_one(store, STORE_META, key));
    TRY(store->ops->savepoint_undo(store));
    TRY(store->ops->savepoint(store));
    TRY(store->ops->records_save(store, &row, 1));
    TRY(store->ops->savepoint_keep(store));
    TRY(store_get_one(store, STORE_META, key, arena, &value));
    TRY(store->ops->scan(store, STORE_META, key, (struct span){0}, false, 1, 100, arena, &pair, &count));
    TRY(store->ops->records_load(store, &row.id, 1, arena, &row));
    TRY(store->ops->records_list(store, &(struct record_filter){0}, (struct record_id){{0}}, true, 1, arena, &row,
                                 &count));
    TRY(store->ops->records_count(store, &(struct record_filter){0}, &group, 1, &count));
    return store->ops->commit(store);
}

static void the_nth_failing_call_leaves_the_state_before(void **state)
{
    (void)state;
    uint64_t failed = 0;
    for (uint64_t n = 1;; n++) {
        struct store *store = model_new();
        struct arena arena;
        arena_init(&arena, memory_heap(), SIZE_MAX);
        store_model_fail_after(store, n);
        struct status status = one_of_each(store, &arena);
        store->ops->rollback(store);
        store_model_fail_after(store, 0);
        assert_int_equal(holds(store, "other"), status_is_ok(status));
        arena_release(&arena);
        store->ops->free(store);
        if (status_is_ok(status)) {
            break;
        }
        assert_int_equal(status.code, STATUS_IO);
        failed++;
    }
    assert_int_equal(failed, 15); /* each call of one_of_each */
}

static void the_nth_failing_allocation_leaves_the_state_before(void **state)
{
    (void)state;
    uint64_t failed = 0;
    for (uint64_t n = 1;; n++) {
        struct heap_meter meter = {.fail_at = n};
        struct store *store = NULL;
        struct arena arena;
        arena_init(&arena, memory_heap(), SIZE_MAX);
        struct status status = store_model_new(memory_metered(&meter), &store);
        if (status_is_ok(status)) {
            status = one_of_each(store, &arena);
            store->ops->rollback(store);
            assert_int_equal(holds(store, "other"), status_is_ok(status));
            store->ops->free(store);
        }
        arena_release(&arena);
        assert_int_equal(meter.blocks, 0);
        if (status_is_ok(status)) {
            break;
        }
        assert_int_equal(status.code, STATUS_NO_MEMORY);
        failed++;
    }
    assert_true(failed > 5);
}

static void a_spoilt_transaction_cannot_be_committed_but_a_mark_heals_it(void **state)
{
    struct store *store = model_new();
    (void)state;
    for (int healed = 0; healed <= 1; healed++) {
        must(store->ops->begin(store));
        put_text(store, "before the mark", "1");
        must(store->ops->savepoint(store));
        store_model_fail_after(store, 1);
        assert_int_equal(store_put_one(store, STORE_META, span_text("x"), (struct span){0}).code, STATUS_IO);
        if (healed) {
            must(store->ops->savepoint_undo(store));
        }
        assert_int_equal(store->ops->commit(store).code, healed ? STATUS_OK : STATUS_IO);
        assert_int_equal(holds(store, "before the mark"), healed);
    }
    store->ops->free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_commit_has_done_all_or_nothing),
        cmocka_unit_test(a_dead_store_answers_io_until_it_is_opened_anew),
        cmocka_unit_test(a_copy_goes_its_own_way),
        cmocka_unit_test(the_nth_failing_call_leaves_the_state_before),
        cmocka_unit_test(the_nth_failing_allocation_leaves_the_state_before),
        cmocka_unit_test(a_spoilt_transaction_cannot_be_committed_but_a_mark_heals_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
