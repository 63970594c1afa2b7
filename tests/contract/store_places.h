/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CONTRACT_STORE_PLACES_H
#define TESTS_CONTRACT_STORE_PLACES_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/base/files.h"
#include "node/base/heap.h"
#include "node/store/store_postgres.h"
#include "node/store/store_sqlite.h"
#include "tests/contract/postgres_relay.h"
#include "tests/postgres_cluster.h"

/* The implementations that the contract suite asks, and how each is opened, crashed and closed. Included by
 * contract_store.c after cmocka. */

/* Where a store lives during a test, and how it comes back. */
struct place {
    const struct factory *factory;
    struct store *store;
    char folder[64];
    char path[128];
    unsigned generation;
    struct relay *relay; /* PostgreSQL: between store and server */
    char source[256];
};

struct factory {
    const char *name;
    unsigned seeds;
    void (*open)(struct place *place);
    void (*reopen)(struct place *place); /* orderly, maybe with an open transaction, which is lost */
    void (*crash)(struct place *place);  /* the process dies and the store is opened again */
    void (*close)(struct place *place);
    /* The next commit is of unknown outcome, having done all or nothing. NULL: not without ending the store. */
    void (*commit_cut)(struct place *place, bool applied);
    bool (*is_there)(void); /* NULL: always; else whether it can be tested here */
};

static void must(struct status status)
{
    if (!status_is_ok(status)) {
        print_error("status %s\n", status_name(status));
    }
    assert_int_equal(status.code, STATUS_OK);
}

static void model_open(struct place *place)
{
    must(store_model_new(memory_heap(), &place->store));
}

static void model_reopen(struct place *place)
{
    store_model_crash(place->store);
}

static void model_close(struct place *place)
{
    place->store->ops->free(place->store);
}

static void sqlite_open_path(struct place *place)
{
    char problem[512] = "";
    struct status status = store_sqlite_open(place->path, memory_heap(), &place->store, problem, sizeof problem);
    if (!status_is_ok(status)) {
        print_error("%s\n", problem);
    }
    must(status);
}

static void sqlite_open(struct place *place)
{
    snprintf(place->folder, sizeof place->folder, "/tmp/simpul-contract-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof place->path, "%s/store", place->folder);
    sqlite_open_path(place);
}

static void sqlite_reopen(struct place *place)
{
    place->store->ops->free(place->store);
    sqlite_open_path(place);
}

static void copy_file(const char *from, const char *to)
{
    struct arena arena;
    struct span bytes = {0};
    arena_init(&arena, memory_heap(), SIZE_MAX);
    if (file_read(from, SIZE_MAX, &arena, &bytes).code == STATUS_OK) {
        must(file_write(to, bytes, 0600));
    }
    arena_release(&arena);
}

/* What kill -9 leaves behind: both files as they stand while the connection is open. */
static void sqlite_crash(struct place *place)
{
    char from[256];
    char to[256];
    char next[128];
    snprintf(next, sizeof next, "%.64s/store-%u", place->folder, ++place->generation);
    copy_file(place->path, next);
    snprintf(from, sizeof from, "%s-wal", place->path);
    snprintf(to, sizeof to, "%s-wal", next);
    copy_file(from, to);
    place->store->ops->free(place->store);
    unlink(place->path);
    memcpy(place->path, next, sizeof next);
    sqlite_open_path(place);
}

static void folder_remove(const char *folder)
{
    char path[512];
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    closedir(dir);
    assert_int_equal(rmdir(folder), 0);
}

static void sqlite_close(struct place *place)
{
    place->store->ops->free(place->store);
    folder_remove(place->folder);
}

static void model_commit_cut(struct place *place, bool applied)
{
    store_model_commit_unknown(place->store, applied);
}

/* ---- PostgreSQL: a database per place, behind a relay ---- */

static bool postgres_is_there(void)
{
    return cluster_start("its store");
}

static void postgres_open_source(struct place *place)
{
    char problem[512] = "";
    struct store_postgres_options options = {.source = place->source};
    struct status status = store_postgres_open(&options, memory_heap(), &place->store, problem, sizeof problem);
    if (!status_is_ok(status)) {
        print_error("%s\n", problem);
    }
    must(status);
}

static void postgres_open(struct place *place)
{
    place->relay = malloc(sizeof *place->relay);
    assert_non_null(place->relay);
    relay_start(place->relay, cluster.folder);
    snprintf(place->source, sizeof place->source, "host=%s user=simpul dbname=uji%u", place->relay->folder,
             cluster_database());
    postgres_open_source(place);
}

static void postgres_reopen(struct place *place)
{
    place->store->ops->free(place->store);
    postgres_open_source(place);
}

static bool postgres_answers(struct place *place)
{
    struct arena arena;
    struct span value;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    struct status status = place->store->ops->begin(place->store);
    if (status_is_ok(status)) {
        status = store_get_one(place->store, STORE_META, span_text("any"), &arena, &value);
    }
    place->store->ops->rollback(place->store);
    arena_release(&arena);
    return status_is_ok(status);
}

/* The server ends the session, as its own death would. */
static void postgres_terminate(struct place *place)
{
    char source[192];
    char sql[192];
    const char *database = strstr(place->source, "dbname=") + strlen("dbname=");
    snprintf(source, sizeof source, "%s dbname=postgres", cluster.source);
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '%s'",
             database);
    PGconn *conn = connect_to(source);
    conn_run(conn, sql);
    PQfinish(conn);
}

/* Server or network fails; the store goes on by itself, at the latest with the second try, where the first was on its way
 * already. */
static void postgres_crash(struct place *place)
{
    static unsigned turn;
    if (turn++ % 2 == 0) {
        postgres_terminate(place);
    } else {
        atomic_store(&place->relay->cut, RELAY_CUT_NOW);
    }
    place->store->ops->rollback(place->store);
    assert_true(postgres_answers(place) || postgres_answers(place));
    atomic_store(&place->relay->cut, RELAY_PASS);
}

static void postgres_commit_cut(struct place *place, bool applied)
{
    static unsigned turn;
    enum relay_cut nothing = turn++ % 2 == 0 ? RELAY_CUT_BEFORE : RELAY_CUT_HALF;
    atomic_store(&place->relay->cut, applied ? RELAY_CUT_AFTER : nothing);
}

static void postgres_close(struct place *place)
{
    place->store->ops->free(place->store);
    relay_stop(place->relay);
    free(place->relay);
}

static const struct factory factories[] = {
    {"model", 16, model_open, model_reopen, model_reopen, model_close, model_commit_cut, NULL},
    {"sqlite", 16, sqlite_open, sqlite_reopen, sqlite_crash, sqlite_close, NULL, NULL},
    {"postgres", 2, postgres_open, postgres_reopen, postgres_crash, postgres_close, postgres_commit_cut,
     postgres_is_there},
};

#endif
