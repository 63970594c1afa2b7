/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/base/files.h"
#include "node/base/heap.h"

struct place {
    char folder[64];
    char path[96];
    struct arena arena;
};

static int place_make(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    snprintf(place->folder, sizeof place->folder, "/tmp/simpul-files-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof place->path, "%s/file", place->folder);
    arena_init(&place->arena, memory_heap(), SIZE_MAX);
    *state = place;
    return 0;
}

static int place_remove(void **state)
{
    struct place *place = *state;
    arena_release(&place->arena);
    unlink(place->path);
    assert_int_equal(rmdir(place->folder), 0); /* nothing was left beside the file */
    free(place);
    return 0;
}

static void what_was_written_is_read(void **state)
{
    struct place *place = *state;
    struct span read = {0};
    assert_true(status_is_ok(file_write(place->path, span_text("satu"), 0640)));
    assert_true(status_is_ok(file_read(place->path, 4, &place->arena, &read)));
    assert_true(span_equal(read, span_text("satu")));
    assert_int_equal(read.data[read.size], 0);
}

static void writing_replaces_the_whole_file(void **state)
{
    struct place *place = *state;
    struct span read = {0};
    assert_true(status_is_ok(file_write(place->path, span_text("a longer text"), 0600)));
    assert_true(status_is_ok(file_write(place->path, span_text("short"), 0600)));
    assert_true(status_is_ok(file_read(place->path, 100, &place->arena, &read)));
    assert_true(span_equal(read, span_text("short")));
}

static void an_empty_file_is_no_error(void **state)
{
    struct place *place = *state;
    struct span read = {.size = 9};
    assert_true(status_is_ok(file_write(place->path, (struct span){0}, 0600)));
    assert_true(status_is_ok(file_read(place->path, 0, &place->arena, &read)));
    assert_int_equal(read.size, 0);
}

static void the_file_has_exactly_the_rights_asked_for(void **state)
{
    struct place *place = *state;
    struct stat info;
    mode_t before = umask(0);
    assert_true(status_is_ok(file_write(place->path, span_text("k"), 0400)));
    umask(before);
    assert_int_equal(stat(place->path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0400);
}

static void a_file_above_the_bound_is_refused(void **state)
{
    struct place *place = *state;
    struct span read = {0};
    assert_true(status_is_ok(file_write(place->path, span_text("12345"), 0600)));
    assert_int_equal(file_read(place->path, 4, &place->arena, &read).code, STATUS_LIMIT);
    assert_null(read.data);
}

static void what_is_not_there_is_not_found(void **state)
{
    struct place *place = *state;
    struct span read = {0};
    char missing[128];
    snprintf(missing, sizeof missing, "%s/no/file", place->folder);
    assert_int_equal(file_read(place->path, 4, &place->arena, &read).code, STATUS_NOT_FOUND);
    assert_int_equal(file_write(missing, span_text("x"), 0600).code, STATUS_NOT_FOUND);
}

static void folders_and_pipes_are_invalid(void **state)
{
    struct place *place = *state;
    struct span read = {0};
    assert_int_equal(file_read(place->folder, 4096, &place->arena, &read).code, STATUS_INVALID);
    assert_int_equal(mkfifo(place->path, 0600), 0);
    assert_int_equal(file_read(place->path, 4096, &place->arena, &read).code, STATUS_INVALID);
}

static void a_key_that_others_can_read_is_refused(void **state)
{
    struct place *place = *state;
    struct span read = {0};
    assert_true(status_is_ok(file_write(place->path, span_text("key"), 0440)));
    assert_int_equal(file_read_private(place->path, 100, &place->arena, &read).code, STATUS_DENIED);
    assert_true(status_is_ok(file_write(place->path, span_text("key"), 0400)));
    assert_true(status_is_ok(file_read_private(place->path, 100, &place->arena, &read)));
}

static void a_failed_write_leaves_the_old_file_and_nothing_beside_it(void **state)
{
    struct place *place = *state;
    struct span read = {0};
    char inside[128];
    assert_int_equal(mkdir(place->path, 0700), 0); /* a folder cannot be replaced by a file */
    assert_false(status_is_ok(file_write(place->path, span_text("x"), 0600)));
    assert_int_equal(rmdir(place->path), 0);
    snprintf(inside, sizeof inside, "%s/x", place->path);
    assert_int_equal(file_read(inside, 10, &place->arena, &read).code, STATUS_NOT_FOUND);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char path[5000];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = 0;
    assert_int_equal(file_write(path, span_text("x"), 0600).code, STATUS_LIMIT);
}

static void failing_memory_is_said(void **state)
{
    struct place *place = *state;
    struct span read = {0};
    struct heap_meter meter = {.fail_at = 1};
    struct arena arena;
    arena_init(&arena, memory_metered(&meter), SIZE_MAX);
    assert_true(status_is_ok(file_write(place->path, span_text("x"), 0600)));
    assert_int_equal(file_read(place->path, 10, &arena, &read).code, STATUS_NO_MEMORY);
    arena_release(&arena);
    assert_int_equal(meter.blocks, 0);
}

int main(void)
{
#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
    const struct CMUnitTest tests[] = {
        FILE_TEST(what_was_written_is_read),
        FILE_TEST(writing_replaces_the_whole_file),
        FILE_TEST(an_empty_file_is_no_error),
        FILE_TEST(the_file_has_exactly_the_rights_asked_for),
        FILE_TEST(a_file_above_the_bound_is_refused),
        FILE_TEST(what_is_not_there_is_not_found),
        FILE_TEST(folders_and_pipes_are_invalid),
        FILE_TEST(a_key_that_others_can_read_is_refused),
        FILE_TEST(a_failed_write_leaves_the_old_file_and_nothing_beside_it),
        FILE_TEST(a_path_that_is_too_long_is_refused),
        FILE_TEST(failing_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
