/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_store */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/base/files.h"
#include "node/base/heap.h"
#include "node/store/generation.h"

struct place {
    char folder[64];
    char path[96];
    struct store *store;
};

static int place_make(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    snprintf(place->folder, sizeof place->folder, "/tmp/simpul-generation-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof place->path, "%s/generation", place->folder);
    assert_true(status_is_ok(store_model_new(memory_heap(), &place->store)));
    *state = place;
    return 0;
}

static int place_remove(void **state)
{
    struct place *place = *state;
    place->store->ops->free(place->store);
    unlink(place->path);
    assert_int_equal(rmdir(place->folder), 0);
    free(place);
    return 0;
}

static bool start_is_in_doubt(struct place *place)
{
    bool in_doubt = false;
    assert_int_equal(store_generation_check(&(struct generation_place){.path = place->path}, place->store, &in_doubt).code, STATUS_OK);
    return in_doubt;
}

static void settle(struct place *place)
{
    assert_true(status_is_ok(place->store->ops->begin(place->store)));
    assert_true(status_is_ok(store_remove_one(place->store, STORE_META, span_text(STORE_META_DOUBT))));
    assert_true(status_is_ok(place->store->ops->commit(place->store)));
}

static struct store *copy_of(struct place *place)
{
    struct store *copy = NULL;
    assert_true(status_is_ok(store_model_copy(place->store, memory_heap(), &copy)));
    return copy;
}

static void restore(struct place *place, struct store *copy)
{
    place->store->ops->free(place->store);
    place->store = copy;
}

static void write_mark(struct place *place, const char *text)
{
    assert_true(status_is_ok(file_write(place->path, span_text(text), 0600)));
}

static void starts_in_order_are_not_in_doubt(void **state)
{
    for (int i = 0; i < 5; i++) {
        assert_false(start_is_in_doubt(*state));
    }
}

static void a_copy_from_before_the_last_start_is_in_doubt(void **state)
{
    struct place *place = *state;
    assert_false(start_is_in_doubt(place));
    struct store *copy = copy_of(place);
    assert_false(start_is_in_doubt(place));
    restore(place, copy);
    assert_true(start_is_in_doubt(place));
}

static void a_backup_put_back_within_the_same_run_is_in_doubt(void **state)
{
    struct place *place = *state;
    assert_false(start_is_in_doubt(place));
    struct store *copy = copy_of(place);
    assert_true(status_is_ok(store_generation_raise(&(struct generation_place){.path = place->path}, place->store)));
    restore(place, copy);
    assert_true(start_is_in_doubt(place));
}

static void making_a_backup_leaves_the_original_without_doubt(void **state)
{
    struct place *place = *state;
    assert_false(start_is_in_doubt(place));
    assert_true(status_is_ok(store_generation_raise(&(struct generation_place){.path = place->path}, place->store)));
    assert_false(start_is_in_doubt(place));
}

static void a_store_without_its_file_is_in_doubt(void **state)
{
    struct place *place = *state;
    assert_false(start_is_in_doubt(place));
    assert_int_equal(unlink(place->path), 0);
    assert_true(start_is_in_doubt(place));
}

static void a_server_that_came_back_older_is_in_doubt_at_the_next_start(void **state)
{
    struct place *place = *state;
    assert_false(start_is_in_doubt(place));
    store_generation_forget(place->path);
    store_generation_forget(place->path);
    assert_true(start_is_in_doubt(place));
    settle(place);
    assert_false(start_is_in_doubt(place));
}

static void a_new_store_beside_an_old_file_is_in_doubt(void **state)
{
    struct place *place = *state;
    struct store *empty = copy_of(place);
    assert_false(start_is_in_doubt(place));
    restore(place, empty);
    assert_true(start_is_in_doubt(place));
}

static void a_file_that_cannot_be_read_as_ours_is_in_doubt(void **state)
{
    static const char *const texts[] = {
        "",
        "simpul generation",
        "simpul generation \n",
        "simpul generation 1",
        "simpul generation -1\n",
        "simpul generation 1\n\n",
        "simpul generation 99999999999999999999999\n",
        "something longer than any mark of ours could be, so that it must be refused for its size\n",
    };
    struct place *place = *state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_false(start_is_in_doubt(place));
        write_mark(place, texts[i]);
        assert_true(start_is_in_doubt(place));
        settle(place);
    }
}

static void a_crash_between_store_and_file_is_no_doubt(void **state)
{
    struct place *place = *state;
    assert_false(start_is_in_doubt(place)); /* the first start: 1 in the store */
    write_mark(place, "simpul generation 0\n");
    assert_false(start_is_in_doubt(place));
}

static void doubt_stays_until_it_is_settled(void **state)
{
    struct place *place = *state;
    assert_false(start_is_in_doubt(place));
    assert_int_equal(unlink(place->path), 0);
    assert_true(start_is_in_doubt(place));
    assert_true(start_is_in_doubt(place)); /* a crash before the new epoch was opened */
    settle(place);
    assert_false(start_is_in_doubt(place));
}

/* Each call of the store fails once, at a start in doubt; whatever happened, the doubt is found at the next. */
static void no_failing_call_loses_the_doubt(void **state)
{
    struct place *place = *state;
    bool in_doubt = false;
    for (uint64_t n = 1; !in_doubt; n++) {
        assert_false(start_is_in_doubt(place));
        write_mark(place, "simpul generation 4000\n");
        store_model_fail_after(place->store, n);
        struct status status = store_generation_check(&(struct generation_place){.path = place->path}, place->store, &in_doubt);
        store_model_crash(place->store);
        assert_int_equal(status.code, in_doubt ? STATUS_OK : STATUS_IO);
        assert_true(start_is_in_doubt(place));
        settle(place);
        unlink(place->path);
        assert_true(start_is_in_doubt(place));
        settle(place);
        assert_true(n < 100);
    }
}

static void a_folder_that_is_missing_is_an_error(void **state)
{
    struct place *place = *state;
    bool in_doubt = true;
    assert_int_equal(store_generation_check(&(struct generation_place){.path = "/nonexistent/generation"}, place->store, &in_doubt).code, STATUS_NOT_FOUND);
    assert_true(in_doubt); /* untouched */
    assert_false(start_is_in_doubt(place));
}

int main(void)
{
#define GENERATION_TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
    const struct CMUnitTest tests[] = {
        GENERATION_TEST(starts_in_order_are_not_in_doubt),
        GENERATION_TEST(a_copy_from_before_the_last_start_is_in_doubt),
        GENERATION_TEST(a_backup_put_back_within_the_same_run_is_in_doubt),
        GENERATION_TEST(making_a_backup_leaves_the_original_without_doubt),
        GENERATION_TEST(a_store_without_its_file_is_in_doubt),
        GENERATION_TEST(a_server_that_came_back_older_is_in_doubt_at_the_next_start),
        GENERATION_TEST(a_new_store_beside_an_old_file_is_in_doubt),
        GENERATION_TEST(a_file_that_cannot_be_read_as_ours_is_in_doubt),
        GENERATION_TEST(a_crash_between_store_and_file_is_no_doubt),
        GENERATION_TEST(doubt_stays_until_it_is_settled),
        GENERATION_TEST(no_failing_call_loses_the_doubt),
        GENERATION_TEST(a_folder_that_is_missing_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
