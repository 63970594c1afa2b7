/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_store */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "node/base/heap.h"
#include "node/store/store_postgres.h"
#include "proto/limits.h"
#include "tests/postgres_cluster.h"

/* What the contract does not say: opening, refusing, the schema, the holder, sentences. The contract itself is asked by
 * tests/contract/contract_store.c, real failures of servers by tests/system/hub_postgres. */

struct place {
    char source[192];
    char problem[512];
    struct store *store;
    PGconn *admin;
    uint8_t instance;
    bool connects;
};

static void must(struct status status)
{
    assert_int_equal(status.code, STATUS_OK);
}

static enum status_code open_at(struct place *place, const char *source)
{
    place->store = NULL;
    place->problem[0] = 0;
    struct store_postgres_options options = {.source = source, .instance = {place->instance}, .has_connectors = place->connects};
    return store_postgres_open(&options, memory_heap(), &place->store, place->problem, sizeof place->problem).code;
}

static int begin_place(void **state)
{
    static struct place place;
    if (!cluster_start("its store")) {
        return 0;
    }
    place = (struct place){0};
    snprintf(place.source, sizeof place.source, "%s dbname=uji%u", cluster.source, cluster_database());
    place.admin = connect_to(place.source);
    *state = &place;
    return 0;
}

static int end_place(void **state)
{
    struct place *place = *state;
    if (place) {
        if (place->store) {
            place->store->ops->free(place->store);
        }
        PQfinish(place->admin);
    }
    return 0;
}

static struct place *place_of(void **state)
{
    if (!*state) {
        skip();
    }
    return *state;
}

static long long number(struct place *place, const char *sql)
{
    PGresult *result = PQexec(place->admin, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        fail_msg("%s: %s", PQerrorMessage(place->admin), sql);
    }
    long long value = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return value;
}

static enum status_code put(struct store *store, const char *key, const char *value)
{
    struct status status = store->ops->begin(store);
    if (!status_is_ok(status)) {
        return status.code;
    }
    status = store_put_one(store, STORE_META, span_text(key), span_text(value));
    if (status_is_ok(status)) {
        return store->ops->commit(store).code;
    }
    store->ops->rollback(store);
    return status.code;
}

static void the_tables_are_made_once_and_kept(void **state)
{
    struct place *place = place_of(state);
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    assert_int_equal(put(place->store, "k", "v"), STATUS_OK);
    place->store->ops->free(place->store);
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    assert_int_equal(number(place, "SELECT count(*) FROM simpul_store.meta"), 1);
    assert_int_equal(number(place, "SELECT count(*) FROM simpul_store.schema_version"), 2);
    assert_int_equal(number(place, "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"), 0);
}

static void a_database_of_a_newer_program_is_refused_and_untouched(void **state)
{
    struct place *place = place_of(state);
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    place->store->ops->free(place->store);
    conn_run(place->admin, "INSERT INTO simpul_store.schema_version (version, program) VALUES (99, '9.9')");
    assert_int_equal(open_at(place, place->source), STATUS_UNSUPPORTED);
    assert_non_null(strstr(place->problem, "newer simpul (schema 99"));
    assert_non_null(strstr(place->problem, "install"));
    assert_int_equal(number(place, "SELECT max(version) FROM simpul_store.schema_version"), 99);
}

static void a_second_holder_is_refused_with_the_name_of_the_first(void **state)
{
    struct place *place = place_of(state);
    struct store *first;
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    first = place->store;
    assert_int_equal(open_at(place, place->source), STATUS_BUSY);
    assert_non_null(strstr(place->problem, "in use by another simpul process of this data folder ("));
    assert_int_equal(put(first, "k", "v"), STATUS_OK);
    first->ops->free(first);
    assert_int_equal(open_at(place, place->source), STATUS_OK);
}

static void settled(struct store *store, struct arena *arena, struct store_moves *out_moves)
{
    must(store->ops->begin(store));
    must(store->ops->moved(store, arena, out_moves));
}

static void put_stream(struct store *store, const char *key, uint8_t record)
{
    struct record_row row = {.id = {{record}}, .bytes = span_text("r"), .status = COMPLAINT_PROSES};
    struct store_moves moves;
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    settled(store, &arena, &moves);
    must(store_put_one(store, STORE_STREAMS, span_text(key), span_text("s")));
    must(store->ops->records_save(store, &row, 1));
    must(store->ops->commit(store));
    arena_release(&arena);
}

/* A second writer's commit between two of ours. */
static void two_processes_write_in_turn_and_each_is_told_what_the_other_wrote(void **state)
{
    struct place *place = place_of(state);
    struct store_moves moves;
    struct arena arena;
    struct store *two[2];
    arena_init(&arena, memory_heap(), SIZE_MAX);
    for (uint8_t i = 0; i < 2; i++) {
        place->instance = i;
        assert_int_equal(open_at(place, place->source), STATUS_OK);
        two[i] = place->store;
    }
    settled(two[0], &arena, &moves); /* of what was before it came, a process knows nothing */
    assert_true(moves.any && moves.all);
    two[0]->ops->rollback(two[0]);
    put_stream(two[0], "aaaa", 1);
    settled(two[0], &arena, &moves); /* its own commit is no news */
    assert_false(moves.any);
    two[0]->ops->rollback(two[0]);
    put_stream(two[1], "bbbb", 2);
    put_stream(two[1], "cccc", 3);
    settled(two[0], &arena, &moves);
    assert_true(moves.any && !moves.all);
    assert_int_equal(moves.stream_count, 2);
    assert_memory_equal(moves.streams[0].data, "bbbb", 4);
    assert_memory_equal(moves.streams[1].data, "cccc", 4);
    assert_int_equal(moves.record_count, 2);
    assert_int_equal(moves.records[1].bytes[0], 3);
    two[0]->ops->rollback(two[0]);
    settled(two[0], &arena, &moves); /* told once */
    assert_false(moves.any);
    two[0]->ops->rollback(two[0]);
    place->store = two[0];
    two[1]->ops->free(two[1]);
    arena_release(&arena);
}

static void a_process_that_is_far_behind_is_told_to_read_everything(void **state)
{
    struct place *place = place_of(state);
    struct store_moves moves;
    struct arena arena;
    struct store *first;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    first = place->store;
    put_stream(first, "aaaa", 1);
    conn_run(place->admin, "INSERT INTO simpul_store.moves SELECT n, '', '', '' FROM generate_series(2, 300) AS n");
    settled(first, &arena, &moves); /* many pages */
    assert_true(moves.any && !moves.all && moves.stream_count == 0);
    first->ops->rollback(first);
    conn_run(place->admin, "DELETE FROM simpul_store.moves; INSERT INTO simpul_store.moves VALUES (9000, '', '', '')");
    settled(first, &arena, &moves);
    assert_true(moves.all);
    must(store_put_one(first, STORE_META, span_text("k"), span_text("v")));
    must(first->ops->commit(first));
    assert_int_equal(number(place, "SELECT max(number) FROM simpul_store.moves"), 9001);
    arena_release(&arena);
}

static void another_history_under_the_same_numbers_is_noticed(void **state)
{
    struct place *place = place_of(state);
    struct store_moves moves;
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        put_stream(place->store, "aaaa", 1);
    }
    conn_run(place->admin, "UPDATE simpul_store.moves SET writer = 'somebody else' WHERE number = 3");
    must(place->store->ops->begin(place->store));
    assert_int_equal(place->store->ops->moved(place->store, &arena, &moves).code, STATUS_FORKED);
    place->store->ops->rollback(place->store);
    conn_run(place->admin, "DELETE FROM simpul_store.moves WHERE number = 3");
    must(place->store->ops->begin(place->store));
    assert_int_equal(place->store->ops->moved(place->store, &arena, &moves).code, STATUS_FORKED);
    assert_non_null(strstr(store_postgres_problem(place->store), "older copy"));
    place->store->ops->rollback(place->store);
    arena_release(&arena);
}

static void who_reads_waits_for_no_writer_and_cannot_write(void **state)
{
    struct place *place = place_of(state);
    struct store *two[2];
    struct arena arena;
    struct span value;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    for (uint8_t i = 0; i < 2; i++) {
        place->instance = i;
        assert_int_equal(open_at(place, place->source), STATUS_OK);
        two[i] = place->store;
    }
    must(two[0]->ops->begin(two[0]));
    must(store_put_one(two[0], STORE_META, span_text("k"), span_text("v")));
    must(two[1]->ops->begin_reading(two[1]));
    must(store_get_one(two[1], STORE_META, span_text("k"), &arena, &value));
    assert_null(value.data);
    must(two[0]->ops->commit(two[0]));
    must(store_get_one(two[1], STORE_META, span_text("k"), &arena, &value)); /* one state, to the end */
    assert_null(value.data);
    assert_int_equal(store_put_one(two[1], STORE_META, span_text("k"), span_text("w")).code, STATUS_BUSY);
    two[1]->ops->rollback(two[1]);
    must(two[1]->ops->begin_reading(two[1]));
    must(store_get_one(two[1], STORE_META, span_text("k"), &arena, &value));
    assert_memory_equal(value.data, "v", 1);
    two[1]->ops->rollback(two[1]);
    place->store = two[0];
    two[1]->ops->free(two[1]);
    arena_release(&arena);
}

static void who_waits_too_long_for_another_writer_is_busy_and_goes_on(void **state)
{
    struct place *place = place_of(state);
    char source[256];
    struct store *two[2];
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    two[0] = place->store;
    place->instance = 1;
    snprintf(source, sizeof source, "%.140s options='-c lock_timeout=100ms'", place->source);
    assert_int_equal(open_at(place, source), STATUS_OK);
    two[1] = place->store;
    must(two[0]->ops->begin(two[0]));
    must(store_put_one(two[0], STORE_META, span_text("k"), span_text("v")));
    assert_int_equal(put(two[1], "l", "w"), STATUS_BUSY);
    must(two[0]->ops->commit(two[0]));
    assert_int_equal(put(two[1], "l", "w"), STATUS_OK);
    assert_int_equal(number(place, "SELECT count(*) FROM simpul_store.meta"), 2);
    place->store = two[0];
    two[1]->ops->free(two[1]);
}

static void only_one_process_has_the_connectors(void **state)
{
    struct place *place = place_of(state);
    struct store *first;
    place->connects = true;
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    first = place->store;
    place->instance = 1;
    assert_int_equal(open_at(place, place->source), STATUS_BUSY);
    assert_non_null(strstr(place->problem, "`legacy` stand in the configuration of one process only"));
    place->connects = false;
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    first->ops->free(first);
}

static void *opener(void *argument)
{
    struct place *place = argument;
    return (void *)(uintptr_t)open_at(place, place->source);
}

static void two_at_once_make_the_tables_once_and_one_is_refused(void **state)
{
    struct place *place = place_of(state);
    struct place two[2] = {*place, *place};
    pthread_t threads[2];
    uintptr_t codes[2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, opener, &two[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        void *code;
        pthread_join(threads[i], &code);
        codes[i] = (uintptr_t)code;
    }
    assert_true((codes[0] == STATUS_OK && codes[1] == STATUS_BUSY) || (codes[1] == STATUS_OK && codes[0] == STATUS_BUSY));
    assert_int_equal(number(place, "SELECT count(*) FROM simpul_store.schema_version"), 2);
    place->store = codes[0] == STATUS_OK ? two[0].store : two[1].store;
}

static void what_cannot_be_opened_says_what_to_do(void **state)
{
    struct place *place = place_of(state);
    char source[256];
    assert_int_equal(open_at(place, "this is = not 'a connection string"), STATUS_INVALID);
    assert_non_null(strstr(place->problem, "host=... dbname=..."));
    assert_int_equal(open_at(place, "host=/nowhere-at-all password=rahasia dbname=x"), STATUS_IO);
    assert_non_null(strstr(place->problem, "does not answer"));
    assert_null(strstr(place->problem, "rahasia"));
    assert_null(strchr(place->problem, '\n'));
    snprintf(source, sizeof source, "%s dbname=tiada", cluster.source);
    assert_int_equal(open_at(place, source), STATUS_IO);
    assert_non_null(strstr(place->problem, "tiada"));
    conn_run(place->admin, "DO $$ BEGIN CREATE ROLE tamu LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
    snprintf(source, sizeof source, "%.140s user=tamu", place->source);
    assert_int_equal(open_at(place, source), STATUS_IO);
    assert_non_null(strstr(place->problem, "lacks a right"));
    assert_non_null(strstr(place->problem, "own the schema"));
}

static void a_role_that_owns_only_the_schema_suffices(void **state)
{
    struct place *place = place_of(state);
    char source[256];
    conn_run(place->admin, "DO $$ BEGIN CREATE ROLE pusat LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
    conn_run(place->admin, "CREATE SCHEMA simpul_store AUTHORIZATION pusat");
    snprintf(source, sizeof source, "%.140s user=pusat", place->source);
    assert_int_equal(open_at(place, source), STATUS_OK);
    assert_int_equal(put(place->store, "k", "v"), STATUS_OK);
}

static void a_commit_is_durable_whatever_the_role_was_set_to(void **state)
{
    struct place *place = place_of(state);
    char source[256];
    conn_run(place->admin, "ALTER ROLE simpul SET synchronous_commit = 'off'");
    conn_run(place->admin, "CREATE TABLE seen (setting text)");
    conn_run(place->admin, "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen "
                           "VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$");
    snprintf(source, sizeof source, "%.140s options='-c synchronous_commit=local'", place->source);
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    conn_run(place->admin, "CREATE TRIGGER see BEFORE INSERT ON simpul_store.meta FOR EACH ROW EXECUTE FUNCTION public.see()");
    assert_int_equal(put(place->store, "a", "v"), STATUS_OK);
    place->store->ops->free(place->store);
    assert_int_equal(open_at(place, source), STATUS_OK);
    assert_int_equal(put(place->store, "b", "v"), STATUS_OK);
    conn_run(place->admin, "ALTER ROLE simpul RESET synchronous_commit");
    assert_int_equal(number(place, "SELECT count(*) FROM seen"), 2);
    assert_int_equal(number(place, "SELECT count(*) FROM seen WHERE setting <> 'on'"), 0);
}

static void a_server_that_refuses_a_write_spoils_its_transaction_only(void **state)
{
    struct place *place = place_of(state);
    struct store *store;
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    store = place->store;
    conn_run(place->admin, "ALTER TABLE simpul_store.meta ADD CONSTRAINT kecil CHECK (octet_length(value) < 10)");
    must(store->ops->begin(store));
    must(store_put_one(store, STORE_META, span_text("good"), span_text("1")));
    must(store->ops->savepoint(store));
    must(store_put_one(store, STORE_META, span_text("bad"), span_text("much too long")));
    assert_int_equal(store->ops->savepoint_keep(store).code, STATUS_IO);
    must(store->ops->savepoint_undo(store));
    must(store_put_one(store, STORE_META, span_text("also good"), span_text("2")));
    must(store->ops->commit(store));
    assert_int_equal(number(place, "SELECT count(*) FROM simpul_store.meta"), 2);
    assert_int_equal(put(store, "bad", "much too long again"), STATUS_IO);
    assert_string_equal(store_postgres_problem(store), "the database server refused a statement");
    assert_int_equal(put(store, "third", "3"), STATUS_OK);
    assert_int_equal(number(place, "SELECT count(*) FROM simpul_store.meta"), 3);
}

static void a_statement_that_takes_too_long_is_io_and_the_store_goes_on(void **state)
{
    struct place *place = place_of(state);
    char source[256];
    snprintf(source, sizeof source, "%.140s options='-c statement_timeout=200ms'", place->source);
    assert_int_equal(open_at(place, source), STATUS_OK);
    assert_int_equal(put(place->store, "k", "v"), STATUS_OK);
    conn_run(place->admin, "BEGIN; LOCK TABLE simpul_store.meta IN ACCESS EXCLUSIVE MODE");
    assert_int_equal(put(place->store, "k", "w"), STATUS_IO);
    assert_string_equal(store_postgres_problem(place->store), "a statement took too long and was cancelled");
    conn_run(place->admin, "ROLLBACK");
    assert_int_equal(put(place->store, "k", "w"), STATUS_OK);
    assert_int_equal(store_postgres_connections(place->store), 1);
}

static void too_many_connections_are_named_and_waited_for(void **state)
{
    struct place *place = place_of(state);
    char sql[64];
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    snprintf(sql, sizeof sql, "ALTER DATABASE uji%u CONNECTION LIMIT 0", cluster.databases);
    conn_run(place->admin, "CREATE ROLE biasa LOGIN");
    conn_run(place->admin, "ALTER SCHEMA simpul_store OWNER TO biasa");
    conn_run(place->admin, sql);
    char source[256];
    snprintf(source, sizeof source, "%.140s user=biasa", place->source);
    struct store *first = place->store;
    assert_int_equal(open_at(place, source), STATUS_IO);
    assert_non_null(strstr(place->problem, "too many connections"));
    place->store = first;
}

/* Until the number is 1. */
static void until(struct place *place, const char *sql)
{
    for (int i = 0; i < 400 && number(place, sql) != 1; i++) {
        conn_run(place->admin, "SELECT pg_sleep(0.02)");
    }
    assert_int_equal(number(place, sql), 1);
}

/* ---- a synchronous standby that is not there ---- */

static void standby_want(struct place *place, const char *name)
{
    char sql[96];
    snprintf(sql, sizeof sql, "ALTER SYSTEM SET synchronous_standby_names = '%s'", name);
    conn_run(place->admin, "SET synchronous_commit = local");
    conn_run(place->admin, sql);
    conn_run(place->admin, "SELECT pg_reload_conf()");
    snprintf(sql, sizeof sql, "SELECT (current_setting('synchronous_standby_names') = '%s')::int", name);
    until(place, sql);
}

/* Breaks the wait off as an administrator would. */
static void *cancel_main(void *argument)
{
    struct place *place = argument;
    PGconn *conn = connect_to(place->source);
    for (int i = 0; i < 1000; i++) {
        PGresult *result = PQexec(conn, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'simpul-store'"
                                        " AND wait_event = 'SyncRep' AND query = 'COMMIT'");
        bool done = PQntuples(result) > 0;
        PQclear(result);
        if (done) {
            break;
        }
        PQclear(PQexec(conn, "SELECT pg_sleep(0.02)"));
    }
    PQfinish(conn);
    return NULL;
}

static void a_wait_for_a_standby_that_is_broken_off_is_no_success(void **state)
{
    struct place *place = place_of(state);
    pthread_t canceller;
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    standby_want(place, "nobody");
    assert_int_equal(pthread_create(&canceller, NULL, cancel_main, place), 0);
    assert_int_equal(put(place->store, "k", "v"), STATUS_UNKNOWN);
    pthread_join(canceller, NULL);
    assert_string_equal(store_postgres_problem(place->store), "the synchronous standby did not confirm a commit");
    /* What can be seen now is on no standby: nothing is read before it is. */
    assert_int_equal(place->store->ops->begin(place->store).code, STATUS_IO);
    assert_non_null(strstr(store_postgres_problem(place->store), "does not confirm a commit"));
    standby_want(place, "");
    assert_int_equal(put(place->store, "l", "v"), STATUS_OK);
    assert_int_equal(number(place, "SELECT count(*) FROM simpul_store.meta"), 2);
}

/* ---- plans: nothing scans ---- */

static void no_statement_of_a_full_store_reads_a_whole_table(void **state)
{
    struct place *place = place_of(state);
    struct arena arena;
    struct store *store;
    struct span value;
    struct pair pairs[2];
    struct record_row rows[2];
    struct record_filter filter = {.hidden_too = true, .owner = {"64.09"}};
    size_t count;
    uint8_t key[12] = {0, 0, 0, 7};
    uint8_t end[12] = {0, 0, 0, 8};
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    place->store->ops->free(place->store);
    place->store = NULL;
    until(place, "SELECT 1 - count(*) FROM pg_stat_activity WHERE application_name = 'simpul-store'"); /* it has told its counts */
    conn_run(place->admin,
             "INSERT INTO simpul_store.leaves SELECT substr(k, 1, 4), k, 'x' FROM (SELECT decode(lpad(to_hex(n % 50), 8, '0') ||"
             " lpad(to_hex(n), 16, '0'), 'hex') AS k FROM generate_series(1, 20000) AS n) AS g;"
             "INSERT INTO simpul_store.records SELECT decode(md5(n::text), 'hex'), '64.0' || n % 10, 1, 0, true, 0, n, 'x'"
             " FROM generate_series(1, 20000) AS n");
    conn_run(place->admin, "SELECT pg_stat_reset()");
    assert_int_equal(open_at(place, place->source), STATUS_OK);
    store = place->store;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    must(store->ops->begin(store));
    must(store_get_one(store, STORE_LEAVES, span_of(key, 12), &arena, &value));
    must(store_put_one(store, STORE_LEAVES, span_of(key, 12), span_text("y")));
    must(store_remove_one(store, STORE_LEAVES, span_of(end, 12)));
    for (int way = 0; way < 2; way++) {
        must(store->ops->scan(store, STORE_LEAVES, span_of(key, 12), span_of(end, 12), way, 2, 1000, &arena, pairs, &count));
        assert_int_equal(count, 2);
        must(store->ops->scan(store, STORE_LEAVES, span_of(key, 12), (struct span){0}, way, 2, SIZE_MAX, &arena, pairs, &count));
        assert_int_equal(count, 2);
    }
    must(store->ops->records_list(store, &filter, (struct record_id){{0}}, false, 2, &arena, rows, &count));
    assert_int_equal(count, 2);
    must(store->ops->records_load(store, &rows[0].id, 1, &arena, rows));
    assert_non_null(rows[0].bytes.data);
    must(store->ops->records_save(store, rows, 1));
    must(store->ops->commit(store));
    store->ops->free(store); /* its session tells its counts when it ends */
    place->store = NULL;
    arena_release(&arena);
    until(place, "SELECT count(*) FROM pg_stat_user_tables WHERE relname = 'leaves' AND idx_scan > 0");
    assert_int_equal(number(place, "SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_user_tables WHERE relname IN ('leaves',"
                                   " 'records')"), 0);
    assert_true(number(place, "SELECT sum(idx_tup_fetch) FROM pg_stat_user_tables WHERE relname IN ('leaves', 'records')") <
                200);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin_place, end_place)

int main(void)
{
    static const struct CMUnitTest cases[] = {
        CASE(the_tables_are_made_once_and_kept),
        CASE(a_database_of_a_newer_program_is_refused_and_untouched),
        CASE(a_second_holder_is_refused_with_the_name_of_the_first),
        CASE(two_at_once_make_the_tables_once_and_one_is_refused),
        CASE(two_processes_write_in_turn_and_each_is_told_what_the_other_wrote),
        CASE(a_process_that_is_far_behind_is_told_to_read_everything),
        CASE(another_history_under_the_same_numbers_is_noticed),
        CASE(who_reads_waits_for_no_writer_and_cannot_write),
        CASE(who_waits_too_long_for_another_writer_is_busy_and_goes_on),
        CASE(only_one_process_has_the_connectors),
        CASE(what_cannot_be_opened_says_what_to_do),
        CASE(a_role_that_owns_only_the_schema_suffices),
        CASE(a_commit_is_durable_whatever_the_role_was_set_to),
        CASE(a_server_that_refuses_a_write_spoils_its_transaction_only),
        CASE(a_statement_that_takes_too_long_is_io_and_the_store_goes_on),
        CASE(too_many_connections_are_named_and_waited_for),
        CASE(a_wait_for_a_standby_that_is_broken_off_is_no_success),
        CASE(no_statement_of_a_full_store_reads_a_whole_table),
    };
    int failures = cmocka_run_group_tests_name("store_postgres", cases, NULL, NULL);
    cluster_stop();
    return failures;
}
