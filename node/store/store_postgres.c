/* SPDX-License-Identifier: Apache-2.0 */
#include "node/store/store_postgres.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>

#include "node/store/postgres_parts.h"
#include "proto/limits.h"

/* The calls of the contract over one connection in pipeline mode. Opening stands in postgres_open.c, what travels in
 * postgres_wire.c, records in postgres_records.c, what other processes write in postgres_moves.c. */

/* A statement's arrays stay below this; a call with more is several statements, still one round trip. */
#define STATEMENT_BYTES ((size_t)32 * 1024 * 1024)
/* A COMMIT that takes longer is of unknown outcome: nobody is kept waiting for a standby that is gone. */
#define COMMIT_WAIT_MS 30000

struct postgres_store *pg_store_of(struct store *store)
{
    assert(store->ops == &pg_ops);
    return (struct postgres_store *)store;
}

/* Who writes waits until nobody else does. Each statement behind that sees what was committed before it. */
static struct status transaction_begin(struct postgres_store *s)
{
    const char *begin = s->reading ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" : "BEGIN";
    s->begun = true;
    TRY(pg_send_command(s, begin));
    if (!s->reading) {
        TRY(pg_send_command(s, "SELECT pg_advisory_xact_lock(" POSTGRES_LOCK ", 3)"));
    }
    return pg_moves_read(s);
}

struct status pg_inside(struct postgres_store *s)
{
    assert(s->open);
    arena_clear(&s->scratch);
    if (s->lost) {
        return STATUS_MAKE(STATUS_IO);
    }
    return s->begun ? status_ok() : transaction_begin(s);
}

/* The server may have gone while nobody asked it anything: its farewell is in the socket. */
static bool connection_is_stale(struct postgres_store *s)
{
    struct pollfd fd = {.fd = PQsocket(s->conn), .events = POLLIN};
    if (PQstatus(s->conn) != CONNECTION_OK) {
        return true;
    }
    return poll(&fd, 1, 0) > 0 && (!PQconsumeInput(s->conn) || PQstatus(s->conn) != CONNECTION_OK);
}

static struct status op_begin(struct store *store)
{
    struct postgres_store *s = pg_store_of(store);
    assert(!s->open);
    if (s->conn && connection_is_stale(s)) {
        pg_drop(s);
    }
    if (!s->conn) {
        arena_clear(&s->scratch);
        TRY(pg_connect(s));
    }
    s->open = true;
    s->reading = s->is_replica;
    return status_ok();
}

static struct status op_begin_reading(struct store *store)
{
    TRY(op_begin(store));
    pg_store_of(store)->reading = true;
    return status_ok();
}

static void transaction_end(struct postgres_store *s)
{
    s->open = false;
    s->reading = false;
    s->begun = false;
    s->marked = false;
    s->spoilt = false;
    s->lost = false;
}

static void op_rollback(struct store *store)
{
    struct postgres_store *s = pg_store_of(store);
    const char *problem = s->problem;
    if (s->open && s->begun && s->conn) {
        if (!status_is_ok(pg_drain(s, NULL)) && s->conn) {
            s->spoilt = true; /* what is refused here does not matter any more */
        }
        if (s->conn && !status_is_ok(pg_run(s, "ROLLBACK", NULL))) {
            pg_drop(s);
        }
        s->problem = problem ? problem : s->problem;
    }
    transaction_end(s);
}

/* The server said no, and its session lives: nothing was done. A warning says that the commit stands, but that the wait for
 * a standby was broken off; then, and where the session ended, only another connection can tell. */
static struct status commit_outcome(struct postgres_store *s, struct status status, bool committed)
{
    if (!s->conn) {
        return STATUS_MAKE(STATUS_UNKNOWN);
    }
    if (s->warned) {
        s->problem = "the synchronous standby did not confirm a commit";
        pg_drop(s);
        return STATUS_MAKE(STATUS_UNKNOWN);
    }
    return status_is_ok(status) && committed ? status : STATUS_MAKE(STATUS_IO);
}

static struct status op_commit(struct store *store)
{
    struct postgres_store *s = pg_store_of(store);
    assert(s->open);
    if (s->spoilt || s->lost) {
        op_rollback(store);
        return STATUS_MAKE(STATUS_IO);
    }
    if (!s->begun) { /* nothing was asked of the server */
        transaction_end(s);
        return status_ok();
    }
    PGresult *result = NULL;
    s->warned = false;
    struct status status = s->wrote ? pg_moves_send(s) : status_ok();
    status = status_is_ok(status) ? pg_run_within(s, "COMMIT", COMMIT_WAIT_MS, &result) : status;
    bool committed = result && strcmp(PQcmdStatus(result), "COMMIT") == 0; /* a spoilt one answers ROLLBACK */
    PQclear(result);
    status = commit_outcome(s, status, committed);
    if (status.code == STATUS_IO) {
        op_rollback(store);
    } else if (status_is_ok(status)) {
        pg_moves_committed(s);
    }
    transaction_end(s);
    return status;
}

static struct status op_savepoint(struct store *store)
{
    struct postgres_store *s = pg_store_of(store);
    TRY(pg_inside(s));
    assert(!s->marked);
    if (s->spoilt) {
        return STATUS_MAKE(STATUS_IO);
    }
    TRY(pg_send_command(s, "SAVEPOINT mark"));
    s->marked = true;
    return status_ok();
}

/* What waits is looked at first: a write that was refused since the mark is what is undone here. */
static struct status op_savepoint_undo(struct store *store)
{
    struct postgres_store *s = pg_store_of(store);
    TRY(pg_inside(s));
    assert(s->marked);
    struct status before = pg_drain(s, NULL);
    if (!status_is_ok(before) && !s->conn) {
        return before;
    }
    TRY(pg_send_command(s, "ROLLBACK TO SAVEPOINT mark"));
    TRY(pg_run(s, "RELEASE SAVEPOINT mark", NULL));
    s->marked = false;
    s->spoilt = false;
    return status_ok();
}

static struct status op_savepoint_keep(struct store *store)
{
    struct postgres_store *s = pg_store_of(store);
    TRY(pg_inside(s));
    assert(s->marked);
    if (s->spoilt) {
        return STATUS_MAKE(STATUS_IO);
    }
    TRY(pg_run(s, "RELEASE SAVEPOINT mark", NULL));
    s->marked = false;
    return status_ok();
}

static unsigned statement_of(enum store_table table, unsigned query)
{
    assert((size_t)table < STORE_TABLE_COUNT);
    return (unsigned)table * TABLE_QUERIES + query;
}

/* Rows are (number from 1, value); what is absent has none. */
static struct status get_read(const PGresult *result, size_t count, struct arena *arena, struct span *out_values)
{
    for (int row = 0; row < PQntuples(result); row++) {
        int64_t n = pg_number(result, row, 0);
        if (n < 1 || (uint64_t)n > count) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        TRY(pg_copy(result, row, 1, arena, &out_values[n - 1]));
    }
    return status_ok();
}

static struct status op_get(struct store *store, enum store_table table, const struct span *keys, size_t count,
                            struct arena *arena, struct span *out_values)
{
    struct postgres_store *s = pg_store_of(store);
    struct postgres_parameters parameters = {0};
    PGresult *result = NULL;
    TRY(pg_inside(s));
    if (count == 0) {
        return status_ok();
    }
    memset(out_values, 0, count * sizeof *out_values);
    pg_bytes_array(s, &parameters, keys, count);
    TRY(pg_query(s, statement_of(table, POSTGRES_GET), &parameters, &result));
    struct status status = get_read(result, count, arena, out_values);
    PQclear(result);
    return status;
}

/* ---- writes ---- */

static bool pair_fits(const struct pair *pair)
{
    return pair->key.size > 0 && pair->key.size <= LIMIT_STORE_KEY && pair->value.size <= LIMIT_RECORD_SIZE;
}

static int pair_order(const void *left, const void *right)
{
    const struct pair *a = *(const struct pair *const *)left;
    const struct pair *b = *(const struct pair *const *)right;
    int order = span_compare(a->key, b->key);
    return order != 0 ? order : a < b ? -1 : a > b; /* of equal keys the last given is last */
}

static struct status put_send(struct postgres_store *s, enum store_table table, const struct span *keys,
                              const struct span *values, size_t count)
{
    struct postgres_parameters parameters = {0};
    if (table == STORE_STREAMS) {
        TRY(pg_moves_note_streams(s, keys, count));
    }
    pg_bytes_array(s, &parameters, keys, count);
    pg_bytes_array(s, &parameters, values, count);
    return pg_send(s, statement_of(table, POSTGRES_PUT), &parameters);
}

/* Sorted, so that rows are always locked in one order and pages are met once; of a key that comes twice the last. */
static struct status put_sorted(struct postgres_store *s, enum store_table table, const struct pair **sorted, size_t count)
{
    struct span *keys = arena_array(&s->scratch, count, sizeof *keys);
    struct span *values = arena_array(&s->scratch, count, sizeof *values);
    size_t n = 0;
    size_t bytes = 0;
    if (!keys || !values) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && span_equal(sorted[i]->key, sorted[i + 1]->key)) {
            continue;
        }
        keys[n] = sorted[i]->key;
        values[n++] = sorted[i]->value;
        bytes += sorted[i]->key.size + sorted[i]->value.size;
        if (bytes > STATEMENT_BYTES) {
            TRY(put_send(s, table, keys, values, n));
            n = 0;
            bytes = 0;
        }
    }
    return n > 0 ? put_send(s, table, keys, values, n) : status_ok();
}

static struct status wrote(struct postgres_store *s, struct status status)
{
    s->spoilt |= !status_is_ok(status);
    return status;
}

struct status pg_inside_writing(struct postgres_store *s)
{
    TRY(wrote(s, s->reading ? STATUS_MAKE(STATUS_BUSY) : pg_inside(s)));
    s->wrote = true;
    return status_ok();
}

static struct status op_put(struct store *store, enum store_table table, const struct pair *pairs, size_t count)
{
    struct postgres_store *s = pg_store_of(store);
    if (count == 0) {
        return status_ok();
    }
    TRY(pg_inside_writing(s));
    for (size_t i = 0; i < count; i++) {
        if (!pair_fits(&pairs[i])) {
            return STATUS_MAKE(STATUS_LIMIT);
        }
    }
    const struct pair **sorted = arena_array(&s->scratch, count, sizeof *sorted);
    if (!sorted) {
        return wrote(s, STATUS_MAKE(STATUS_NO_MEMORY));
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &pairs[i];
    }
    qsort(sorted, count, sizeof *sorted, pair_order);
    return wrote(s, put_sorted(s, table, sorted, count));
}

static struct status op_remove(struct store *store, enum store_table table, const struct span *keys, size_t count)
{
    struct postgres_store *s = pg_store_of(store);
    struct postgres_parameters parameters = {0};
    if (count == 0) {
        return status_ok();
    }
    TRY(pg_inside_writing(s));
    if (table == STORE_STREAMS) {
        TRY(wrote(s, pg_moves_note_streams(s, keys, count)));
    }
    pg_bytes_array(s, &parameters, keys, count);
    return wrote(s, pg_send(s, statement_of(table, POSTGRES_REMOVE), &parameters));
}

/* ---- scan ---- */

static bool one_part(size_t part_size, struct span from, struct span end)
{
    return part_size > 0 && from.size >= part_size && end.size >= part_size && memcmp(from.data, end.data, part_size) == 0;
}

static struct status scan_read(const PGresult *result, size_t bytes_max, struct arena *arena, struct pair *out_pairs,
                               size_t *out_count)
{
    size_t count = 0;
    size_t bytes = 0;
    for (int row = 0; row < PQntuples(result); row++) {
        size_t size = (size_t)PQgetlength(result, row, 1);
        if (count > 0 && (bytes > bytes_max || size > bytes_max - bytes)) {
            break;
        }
        bytes += size;
        TRY(pg_copy(result, row, 0, arena, &out_pairs[count].key));
        TRY(pg_copy(result, row, 1, arena, &out_pairs[count].value));
        count++;
    }
    *out_count = count;
    return status_ok();
}

static struct status op_scan(struct store *store, enum store_table table, struct span from, struct span end,
                             bool descending, size_t limit, size_t bytes_max, struct arena *arena,
                             struct pair *out_pairs, size_t *out_count)
{
    struct postgres_store *s = pg_store_of(store);
    struct postgres_parameters parameters = {0};
    PGresult *result = NULL;
    unsigned flags = descending ? SCAN_DOWN : 0;
    flags |= end.size > 0 ? SCAN_END : 0;
    flags |= bytes_max < INT64_MAX ? SCAN_BYTES : 0;
    flags |= one_part(pg_part_size(table), from, end) ? SCAN_PART : 0;
    TRY(pg_inside(s));
    pg_bytes(s, &parameters, from);
    pg_int8(s, &parameters, limit < LIMIT_SCAN_COUNT ? (int64_t)limit : LIMIT_SCAN_COUNT);
    if (flags & SCAN_END) {
        pg_bytes(s, &parameters, end);
    }
    if (flags & SCAN_BYTES) {
        pg_int8(s, &parameters, (int64_t)bytes_max);
    }
    TRY(pg_query(s, statement_of(table, POSTGRES_SCAN + flags), &parameters, &result));
    struct status status = scan_read(result, bytes_max, arena, out_pairs, out_count);
    PQclear(result);
    return status;
}

/* ---- size, end ---- */

/* What was known last while there is no connection: it is for a person who looks at the status. */
static struct status op_size(struct store *store, uint64_t *out_bytes)
{
    struct postgres_store *s = pg_store_of(store);
    PGresult *result = NULL;
    arena_clear(&s->scratch);
    if (s->spoilt) {
        return STATUS_MAKE(STATUS_IO);
    }
    if (s->conn) {
        TRY(pg_run(s, "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::int8 FROM pg_class"
                            " WHERE relnamespace = 'simpul_store'::regnamespace AND relkind = 'r'", &result));
        s->size_known = (uint64_t)pg_number(result, 0, 0);
        PQclear(result);
    }
    *out_bytes = s->size_known;
    return status_ok();
}

static void op_free(struct store *store)
{
    struct postgres_store *s = pg_store_of(store);
    struct memory memory = s->memory;
    PQfinish(s->conn);
    arena_release(&s->scratch);
    arena_release(&s->moves);
    memory.release(memory.owner, s->source);
    memory.release(memory.owner, s);
}

const struct store_ops pg_ops = {
    .begin = op_begin,
    .begin_reading = op_begin_reading,
    .moved = pg_moved,
    .commit = op_commit,
    .rollback = op_rollback,
    .savepoint = op_savepoint,
    .savepoint_undo = op_savepoint_undo,
    .savepoint_keep = op_savepoint_keep,
    .get = op_get,
    .put = op_put,
    .remove = op_remove,
    .scan = op_scan,
    .records_load = pg_records_load,
    .records_save = pg_records_save,
    .records_list = pg_records_list,
    .records_count = pg_records_count,
    .size = op_size,
    .free = op_free,
};

const char *store_postgres_problem(const struct store *store)
{
    assert(store->ops == &pg_ops);
    const char *problem = ((const struct postgres_store *)store)->problem;
    return problem ? problem : "";
}

int64_t store_postgres_as_of_ms(const struct store *store)
{
    assert(store->ops == &pg_ops);
    return ((const struct postgres_store *)store)->as_of_ms;
}

uint64_t store_postgres_connections(const struct store *store)
{
    assert(store->ops == &pg_ops);
    return ((const struct postgres_store *)store)->connections;
}
