/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_store */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/base/files.h"
#include "node/base/heap.h"
#include "node/store/store_sqlite.h"
#include "proto/limits.h"
#include "tests/unit/store/failing_vfs.h"

/* What the SQLite store has beyond the contract: opening, refusals in clear sentences, a failing disk, a killed
 * process. */

struct place {
    char folder[64];
    char path[96];
    char problem[512];
    struct store *store;
};

static void must(struct status status)
{
    assert_int_equal(status.code, STATUS_OK);
}

static enum status_code place_open(struct place *place)
{
    place->problem[0] = 0;
    return store_sqlite_open(place->path, memory_heap(), &place->store, place->problem, sizeof place->problem).code;
}

static void place_close(struct place *place)
{
    if (place->store) {
        place->store->ops->free(place->store);
        place->store = NULL;
    }
}

static int place_make(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    snprintf(place->folder, sizeof place->folder, "/tmp/simpul-sqlite-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof place->path, "%s/store", place->folder);
    memset(&disk, 0, sizeof disk);
    *state = place;
    return 0;
}

static int place_remove(void **state)
{
    struct place *place = *state;
    char path[512];
    place_close(place);
    DIR *dir = opendir(place->folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", place->folder, entry->d_name);
        unlink(path);
    }
    closedir(dir);
    assert_int_equal(rmdir(place->folder), 0);
    free(place);
    return 0;
}

static void number_key(uint64_t number, uint8_t out_key[8])
{
    for (size_t i = 0; i < 8; i++) {
        out_key[i] = (uint8_t)(number >> (8 * (7 - i)));
    }
}

/* One transaction that writes the same number, with 3,000 bytes, into two tables. */
static struct status write_number(struct store *store, uint64_t number)
{
    static const uint8_t value[36000];
    uint8_t key[8];
    number_key(number, key);
    TRY(store->ops->begin(store));
    struct status status = store_put_one(store, STORE_LEAVES, span_of(key, 8), span_of(value, sizeof value));
    if (status_is_ok(status)) {
        status = store_put_one(store, STORE_BODIES, span_of(key, 8), span_of(value, sizeof value));
    }
    if (!status_is_ok(status)) {
        store->ops->rollback(store);
        return status;
    }
    return store->ops->commit(store);
}

static size_t keys_in(struct store *store, enum store_table table, uint64_t number, struct arena *arena)
{
    uint8_t key[8];
    struct span value = {0};
    number_key(number, key);
    must(store_get_one(store, table, span_of(key, 8), arena, &value));
    return value.data != NULL;
}

/* Both or none, or the test fails. */
static bool has_number(struct store *store, uint64_t number)
{
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    must(store->ops->begin(store));
    size_t leaves = keys_in(store, STORE_LEAVES, number, &arena);
    assert_int_equal(leaves, keys_in(store, STORE_BODIES, number, &arena));
    store->ops->rollback(store);
    arena_release(&arena);
    return leaves > 0;
}

static struct span content_of(const char *path, struct arena *arena)
{
    struct span bytes = {0};
    must(file_read(path, SIZE_MAX, arena, &bytes));
    return bytes;
}

static void what_was_committed_is_there_after_opening_again(void **state)
{
    struct place *place = *state;
    assert_int_equal(place_open(place), STATUS_OK);
    must(write_number(place->store, 1));
    place_close(place);
    assert_int_equal(place_open(place), STATUS_OK);
    assert_true(has_number(place->store, 1));
    assert_false(has_number(place->store, 2));
}

static void only_the_owner_can_read_the_files(void **state)
{
    struct place *place = *state;
    struct stat info;
    char wal[128];
    mode_t before = umask(0);
    assert_int_equal(place_open(place), STATUS_OK);
    must(write_number(place->store, 1));
    umask(before);
    snprintf(wal, sizeof wal, "%s-wal", place->path);
    assert_int_equal(stat(place->path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(stat(wal, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
}

static void a_second_opener_is_refused_in_this_process(void **state)
{
    struct place *place = *state;
    struct place second = *place;
    assert_int_equal(place_open(place), STATUS_OK);
    assert_int_equal(place_open(&second), STATUS_BUSY);
    assert_non_null(strstr(second.problem, "is in use by another process"));
    assert_null(second.store);
    must(write_number(place->store, 1));
}

static void a_second_opener_is_refused_in_another_process(void **state)
{
    struct place *place = *state;
    int result = 0;
    assert_int_equal(place_open(place), STATUS_OK);
    for (int i = 0; i < 2; i++) { /* before and after the refused one has closed again */
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct place second = *place;
            _exit(place_open(&second) == STATUS_BUSY ? 7 : 1);
        }
        assert_int_equal(waitpid(child, &result, 0), child);
        assert_true(WIFEXITED(result));
        assert_int_equal(WEXITSTATUS(result), 7);
    }
    must(write_number(place->store, 1));
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_store_of_a_newer_program_is_refused(void **state)
{
    struct place *place = *state;
    assert_int_equal(place_open(place), STATUS_OK);
    place_close(place);
    run_sql(place->path, "PRAGMA user_version=999");
    assert_int_equal(place_open(place), STATUS_UNSUPPORTED);
    assert_non_null(strstr(place->problem, "was written by a newer simpul (schema 999"));
}

static void a_store_from_before_the_first_release_is_refused(void **state)
{
    struct place *place = *state;
    assert_int_equal(place_open(place), STATUS_OK);
    place_close(place);
    run_sql(place->path, "PRAGMA user_version=1");
    assert_int_equal(place_open(place), STATUS_UNSUPPORTED);
    assert_non_null(strstr(place->problem, "from before the first release (schema 1,"));
}

static void the_database_of_another_program_is_refused_and_not_changed(void **state)
{
    struct place *place = *state;
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    run_sql(place->path, "CREATE TABLE pengaduan (id INTEGER PRIMARY KEY, isi TEXT)");
    struct span before = content_of(place->path, &arena);
    assert_int_equal(place_open(place), STATUS_INVALID);
    assert_non_null(strstr(place->problem, "another program"));
    assert_true(span_equal(before, content_of(place->path, &arena)));
    arena_release(&arena);
}

static void a_file_that_is_no_database_is_refused_and_not_changed(void **state)
{
    struct place *place = *state;
    struct arena arena;
    char text[5000];
    arena_init(&arena, memory_heap(), SIZE_MAX);
    memset(text, 'x', sizeof text);
    must(file_write(place->path, span_of(text, sizeof text), 0600));
    assert_int_equal(place_open(place), STATUS_INVALID);
    assert_non_null(strstr(place->problem, "is damaged or is no store"));
    assert_true(span_equal(span_of(text, sizeof text), content_of(place->path, &arena)));
    arena_release(&arena);
}

static void a_damaged_page_ends_the_store(void **state)
{
    struct place *place = *state;
    uint8_t garbage[4096];
    assert_int_equal(place_open(place), STATUS_OK);
    for (uint64_t number = 1; number <= 200; number++) {
        must(write_number(place->store, number));
    }
    place_close(place);
    int fd = open(place->path, O_WRONLY);
    assert_true(fd >= 0);
    memset(garbage, 0xa5, sizeof garbage);
    for (off_t page = 30; page < 200; page++) {
        assert_int_equal(pwrite(fd, garbage, sizeof garbage, page * 4096), sizeof garbage);
    }
    close(fd);
    assert_int_equal(place_open(place), STATUS_OK);
    struct status status = status_ok();
    for (uint64_t number = 1; number <= 200 && status_is_ok(status); number++) {
        status = write_number(place->store, number);
    }
    assert_int_equal(status.code, STATUS_IO);
    assert_string_equal(store_sqlite_problem(place->store), "file damaged");
    assert_true(store_sqlite_dead(place->store));
    assert_int_equal(place->store->ops->begin(place->store).code, STATUS_IO);
}

static void a_missing_folder_is_said(void **state)
{
    struct place *place = *state;
    struct place other = {.path = "/nonexistent/folder/store"};
    (void)place;
    assert_int_equal(place_open(&other), STATUS_NOT_FOUND);
    assert_non_null(strstr(other.problem, "the folder of /nonexistent/folder/store does not exist"));
}

static void an_empty_or_endless_path_is_refused(void **state)
{
    char path[6000];
    struct store *store = NULL;
    (void)state;
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = 0;
    assert_int_equal(store_sqlite_open(path, memory_heap(), &store, NULL, 0).code, STATUS_LIMIT);
    assert_int_equal(store_sqlite_open("", memory_heap(), &store, NULL, 0).code, STATUS_LIMIT);
    assert_null(store);
}

static void failing_memory_is_said(void **state)
{
    struct place *place = *state;
    struct heap_meter meter = {.fail_at = 1};
    assert_int_equal(store_sqlite_open(place->path, memory_metered(&meter), &place->store, NULL, 0).code,
                     STATUS_NO_MEMORY);
    assert_null(place->store);
}

static void a_full_disk_fails_the_commit_and_the_store_goes_on(void **state)
{
    struct place *place = *state;
    assert_int_equal(place_open(place), STATUS_OK);
    must(write_number(place->store, 1));
    memset(&disk, 0, sizeof disk);
    disk.full_from = 2;
    assert_int_equal(write_number(place->store, 2).code, STATUS_IO);
    assert_string_equal(store_sqlite_problem(place->store), "disk full");
    assert_false(store_sqlite_dead(place->store));
    assert_true(has_number(place->store, 1)); /* still readable */
    assert_int_equal(write_number(place->store, 3).code, STATUS_IO);
    disk.full_from = 0;
    must(write_number(place->store, 4));
    place_close(place);
    assert_int_equal(place_open(place), STATUS_OK);
    assert_true(has_number(place->store, 1));
    assert_false(has_number(place->store, 2));
    assert_false(has_number(place->store, 3));
    assert_true(has_number(place->store, 4));
}

static void a_full_disk_at_opening_is_said(void **state)
{
    struct place *place = *state;
    disk.full_from = 1;
    assert_int_equal(place_open(place), STATUS_IO);
    assert_non_null(strstr(place->problem, "no space is left"));
    disk.full_from = 0;
    assert_int_equal(place_open(place), STATUS_OK);
}

static void a_failed_sync_makes_the_commit_unknown_and_ends_the_store(void **state)
{
    struct place *place = *state;
    assert_int_equal(place_open(place), STATUS_OK);
    must(write_number(place->store, 1));
    memset(&disk, 0, sizeof disk);
    disk.sync_fail = 1;
    assert_int_equal(write_number(place->store, 2).code, STATUS_UNKNOWN);
    assert_true(store_sqlite_dead(place->store));
    assert_int_equal(write_number(place->store, 3).code, STATUS_IO);
    place_close(place);
    assert_int_equal(place_open(place), STATUS_OK);
    assert_true(has_number(place->store, 1));
    has_number(place->store, 2); /* either, but whole */
    assert_false(has_number(place->store, 3));
    must(write_number(place->store, 4));
}

/* Fails the n-th write or sync of a run of commits, for every n, checkpoints included. */
static uint64_t fail_nth(struct place *place, uint64_t n, bool sync, uint64_t *out_checkpoint)
{
    enum { numbers = 400 };
    enum status_code codes[numbers];
    assert_int_equal(place_open(place), STATUS_OK);
    memset(&disk, 0, sizeof disk);
    disk.sync_fail = sync ? n : 0;
    disk.write_fail = sync ? 0 : n;
    for (uint64_t i = 0; i < numbers; i++) {
        codes[i] = write_number(place->store, i).code;
    }
    uint64_t reached = sync ? disk.syncs : disk.writes;
    uint64_t checkpoint = disk.main_sync;
    bool dead = store_sqlite_dead(place->store);
    place_close(place);
    memset(&disk, 0, sizeof disk);
    assert_int_equal(place_open(place), STATUS_OK);
    for (uint64_t i = 0; i < numbers; i++) {
        bool there = has_number(place->store, i);
        assert_true(codes[i] == STATUS_OK || codes[i] == STATUS_UNKNOWN || codes[i] == STATUS_IO);
        assert_true(codes[i] == STATUS_UNKNOWN || there == (codes[i] == STATUS_OK));
    }
    assert_int_equal(dead, n <= reached);
    place_close(place);
    unlink(place->path);
    *out_checkpoint = checkpoint;
    return reached;
}

static void no_failing_write_or_sync_loses_what_was_acknowledged(void **state)
{
    uint64_t checkpoint = 0;
    uint64_t unused = 0;
    uint64_t writes = fail_nth(*state, UINT64_MAX, false, &unused);
    uint64_t syncs = fail_nth(*state, UINT64_MAX, true, &checkpoint);
    assert_true(checkpoint > 200); /* at least one checkpoint ran between the commits */
    assert_int_equal(fail_nth(*state, checkpoint, true, &unused), checkpoint);
    assert_int_equal(unused, checkpoint);
    fail_nth(*state, checkpoint - 1, true, &unused);
    for (uint64_t n = 1; n < syncs; n += syncs / 10) {
        fail_nth(*state, n, true, &unused);
    }
    for (uint64_t n = 1; n < writes; n += writes / 12) {
        fail_nth(*state, n, false, &unused);
    }
}

static void a_copy_can_be_opened_as_a_store(void **state)
{
    struct place *place = *state;
    struct place copy = *place;
    snprintf(copy.path, sizeof copy.path, "%s/copy", place->folder);
    assert_int_equal(place_open(place), STATUS_OK);
    must(write_number(place->store, 1));
    must(store_sqlite_copy(place->store, copy.path));
    assert_int_equal(store_sqlite_copy(place->store, copy.path).code, STATUS_EXISTS);
    must(write_number(place->store, 2));
    assert_int_equal(place_open(&copy), STATUS_OK);
    assert_true(has_number(copy.store, 1));
    assert_false(has_number(copy.store, 2));
    must(write_number(copy.store, 3));
    must(place->store->ops->begin(place->store));
    assert_int_equal(store_sqlite_copy(place->store, "unused").code, STATUS_BUSY);
    place_close(&copy);
}

/* Writes number after number, telling the parent each after its commit. */
static void write_until_killed(const char *path, int pipe_end)
{
    struct store *store = NULL;
    if (!status_is_ok(store_sqlite_open(path, memory_heap(), &store, NULL, 0))) {
        _exit(2);
    }
    for (uint64_t number = 1;; number++) {
        if (!status_is_ok(write_number(store, number)) ||
            write(pipe_end, &number, sizeof number) != (ssize_t)sizeof number) {
            _exit(3);
        }
    }
}

static uint64_t kill_after(const char *path, uint64_t count)
{
    int ends[2];
    uint64_t acknowledged = 0;
    uint64_t number = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        write_until_killed(path, ends[1]);
    }
    close(ends[1]);
    while (acknowledged < count && read(ends[0], &number, sizeof number) == (ssize_t)sizeof number) {
        acknowledged = number;
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (read(ends[0], &number, sizeof number) == (ssize_t)sizeof number) {
        acknowledged = number;
    }
    close(ends[0]);
    return acknowledged;
}

static void a_killed_process_leaves_the_state_before_or_after(void **state)
{
    struct place *place = *state;
    for (uint64_t round = 0; round < 12; round++) {
        uint64_t acknowledged = kill_after(place->path, round * 61);
        assert_true(acknowledged >= round * 61);
        assert_int_equal(place_open(place), STATUS_OK);
        for (uint64_t number = 1; number <= acknowledged; number++) {
            assert_true(has_number(place->store, number));
        }
        has_number(place->store, acknowledged + 1); /* either, but whole */
        assert_false(has_number(place->store, acknowledged + 2));
        place_close(place);
        unlink(place->path);
    }
}

int main(void)
{
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
    const struct CMUnitTest tests[] = {
        STORE_TEST(what_was_committed_is_there_after_opening_again),
        STORE_TEST(only_the_owner_can_read_the_files),
        STORE_TEST(a_second_opener_is_refused_in_this_process),
        STORE_TEST(a_second_opener_is_refused_in_another_process),
        STORE_TEST(a_store_of_a_newer_program_is_refused),
        STORE_TEST(a_store_from_before_the_first_release_is_refused),
        STORE_TEST(the_database_of_another_program_is_refused_and_not_changed),
        STORE_TEST(a_file_that_is_no_database_is_refused_and_not_changed),
        STORE_TEST(a_damaged_page_ends_the_store),
        STORE_TEST(a_missing_folder_is_said),
        STORE_TEST(an_empty_or_endless_path_is_refused),
        STORE_TEST(failing_memory_is_said),
        STORE_TEST(a_full_disk_fails_the_commit_and_the_store_goes_on),
        STORE_TEST(a_full_disk_at_opening_is_said),
        STORE_TEST(a_failed_sync_makes_the_commit_unknown_and_ends_the_store),
        STORE_TEST(no_failing_write_or_sync_loses_what_was_acknowledged),
        STORE_TEST(a_copy_can_be_opened_as_a_store),
        STORE_TEST(a_killed_process_leaves_the_state_before_or_after),
    };
    failing_vfs_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
