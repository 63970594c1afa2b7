/* SPDX-License-Identifier: Apache-2.0 */
#include "node/store/postgres_parts.h"

#include <stdio.h>

/* Several processes on one database. Whoever writes holds one advisory lock from the begin to the end of its transaction, so
 * that commits come one after the other, and leaves a row in `moves`: a number without gaps, and which streams and records it
 * wrote. Each transaction begins with the rows that this process does not know yet: one look at the end of an index where
 * there are none. Rows are kept for the last KEPT commits; who is further behind reads everything again. */

enum {
    KEPT = 4096,
    DROP_EACH = 256, /* commits */
    PAGE = 64,
};

enum { COLUMN_NUMBER, COLUMN_WRITER, COLUMN_STREAMS, COLUMN_RECORDS };

/* The row that is known already comes along as an anchor: where it is missing, others behind it may be missing too, and where
 * somebody else wrote it, this is not the store that was left. */
static const char *const texts[MOVE_QUERIES] = {
    [MOVES_READ] = "SELECT number, writer, CASE WHEN number > $1::int8 THEN streams END, CASE WHEN number > $1::int8 THEN records END"
                   " FROM moves WHERE number >= $1::int8 ORDER BY number LIMIT $2::int8",
    [MOVES_HEAD] = "SELECT number, writer FROM moves ORDER BY number DESC LIMIT 1",
    [MOVES_WRITE] = "WITH told AS (INSERT INTO moves (number, writer, streams, records) VALUES ($1::int8, $2::bytea, $3::bytea,"
                    " $4::bytea)) SELECT pg_notify('" POSTGRES_CHANNEL "', encode($2::bytea, 'hex'))",
    /* A standby that replays nothing repeats an old time: it cannot know that nothing was committed since. */
    [MOVES_AS_OF] = "SELECT CASE WHEN pg_is_in_recovery() THEN coalesce((extract(epoch FROM pg_last_xact_replay_timestamp())"
                    " * 1000)::int8, 0) ELSE (extract(epoch FROM now()) * 1000)::int8 END",
    [MOVES_DROP] = "DELETE FROM moves WHERE number < $1::int8",
};

void pg_moves_text(unsigned query, char out_text[STATEMENT_TEXT_MAX])
{
    snprintf(out_text, STATEMENT_TEXT_MAX, "%s", texts[query]);
}

/* ---- what others wrote ---- */

static void transaction_clear(struct postgres_store *s)
{
    arena_clear(&s->moves);
    buffer_init(&s->moved_streams, &s->moves);
    buffer_init(&s->moved_records, &s->moves);
    buffer_init(&s->others_streams, &s->moves);
    buffer_init(&s->others_records, &s->moves);
    s->others_all = false;
    s->wrote = false;
}

static struct postgres_move move_read(const PGresult *result, int row)
{
    struct postgres_move move = {.number = pg_number(result, row, COLUMN_NUMBER)};
    struct span writer = pg_span(result, row, COLUMN_WRITER);
    if (writer.size == sizeof move.writer) {
        memcpy(move.writer, writer.data, writer.size);
    }
    return move;
}

static struct status other_history(struct postgres_store *s)
{
    if (s->is_replica) {
        return status_ok();
    }
    s->spoilt = true;
    s->problem = "the database is an older copy of itself, or another one";
    return STATUS_MAKE(STATUS_FORKED);
}

/* Where nothing is known yet, or no longer all that is needed. */
static struct status head_read(struct postgres_store *s)
{
    struct postgres_parameters parameters = {0};
    PGresult *result = NULL;
    TRY(pg_query(s, FIRST_MOVE_QUERY + MOVES_HEAD, &parameters, &result));
    s->head = PQntuples(result) > 0 ? move_read(result, 0) : (struct postgres_move){.number = 0};
    s->others_all = true;
    PQclear(result);
    return s->head.number < s->told.number ? other_history(s) : status_ok();
}

/* One page of rows behind `head`. out_count 0: what was known is not there any more. */
static struct status page_read(struct postgres_store *s, int *out_count)
{
    struct postgres_parameters parameters = {0};
    PGresult *result = NULL;
    pg_int8(s, &parameters, s->head.number);
    pg_int8(s, &parameters, PAGE);
    TRY(pg_query(s, FIRST_MOVE_QUERY + MOVES_READ, &parameters, &result));
    int count = PQntuples(result);
    struct postgres_move anchor = count > 0 ? move_read(result, 0) : (struct postgres_move){.number = -1};
    bool same = memcmp(anchor.writer, s->head.writer, sizeof anchor.writer) == 0;
    if (anchor.number != s->head.number || !same) {
        PQclear(result);
        *out_count = 0;
        return anchor.number == s->head.number ? other_history(s) : status_ok();
    }
    for (int row = 1; row < count; row++) {
        buffer_add_span(&s->others_streams, pg_span(result, row, COLUMN_STREAMS));
        buffer_add_span(&s->others_records, pg_span(result, row, COLUMN_RECORDS));
        s->head = move_read(result, row);
    }
    PQclear(result);
    *out_count = count;
    return status_ok();
}

static struct status as_of_read(struct postgres_store *s)
{
    const struct postgres_parameters none = {0};
    PGresult *result = NULL;
    TRY(pg_query(s, FIRST_MOVE_QUERY + MOVES_AS_OF, &none, &result));
    s->as_of_ms = pg_number(result, 0, 0);
    PQclear(result);
    return status_ok();
}

struct status pg_moves_read(struct postgres_store *s)
{
    int count = PAGE;
    transaction_clear(s);
    if (s->is_replica) { /* before what it is said of */
        TRY(as_of_read(s));
    }
    s->head = s->told;
    while (s->head.number >= 0 && count == PAGE) {
        TRY(page_read(s, &count));
    }
    return s->head.number < 0 || count == 0 ? head_read(s) : status_ok();
}

static struct status streams_copy(struct span bytes, struct arena *arena, struct store_moves *moves)
{
    struct reader r;
    moves->streams = arena_array(arena, bytes.size / 2, sizeof *moves->streams); /* a size and at least one byte each */
    if (!moves->streams) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (reader_init(&r, bytes); !reader_at_end(&r) && !r.failed;) {
        struct span key = reader_sized(&r);
        if (r.failed || key.size == 0) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        TRY(arena_copy(arena, key, &moves->streams[moves->stream_count++]));
    }
    return reader_end(&r);
}

static struct status records_copy(struct span bytes, struct arena *arena, struct store_moves *moves)
{
    moves->record_count = bytes.size / sizeof *moves->records;
    moves->records = arena_array(arena, moves->record_count, sizeof *moves->records);
    if (!moves->records) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (bytes.size % sizeof *moves->records != 0) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (bytes.size > 0) {
        memcpy(moves->records, bytes.data, bytes.size);
    }
    return status_ok();
}

struct status pg_moved(struct store *store, struct arena *arena, struct store_moves *out_moves)
{
    struct postgres_store *s = pg_store_of(store);
    struct store_moves moves = {.any = false};
    struct span streams;
    struct span records;
    TRY(pg_inside(s));
    TRY(buffer_end(&s->others_streams, &streams));
    TRY(buffer_end(&s->others_records, &records));
    moves.all = s->others_all;
    moves.any = moves.all || s->head.number != s->told.number;
    if (!moves.all) {
        TRY(streams_copy(streams, arena, &moves));
        TRY(records_copy(records, arena, &moves));
    }
    s->told = s->head;
    buffer_init(&s->others_streams, &s->moves);
    buffer_init(&s->others_records, &s->moves);
    s->others_all = false;
    *out_moves = moves;
    return status_ok();
}

/* ---- what we write ---- */

static struct status noted(const struct buffer *buffer)
{
    return buffer->failed ? STATUS_MAKE(STATUS_NO_MEMORY) : status_ok();
}

struct status pg_moves_note_streams(struct postgres_store *s, const struct span *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_add_sized(&s->moved_streams, keys[i]);
    }
    return noted(&s->moved_streams);
}

struct status pg_moves_note_records(struct postgres_store *s, const struct record_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_add(&s->moved_records, rows[i].id.bytes, sizeof rows[i].id.bytes);
    }
    return noted(&s->moved_records);
}

struct status pg_moves_send(struct postgres_store *s)
{
    struct postgres_parameters write = {0};
    struct postgres_parameters drop = {0};
    struct span streams;
    struct span records;
    arena_clear(&s->scratch);
    TRY(buffer_end(&s->moved_streams, &streams));
    TRY(buffer_end(&s->moved_records, &records));
    pg_int8(s, &write, s->head.number + 1);
    pg_bytes(s, &write, span_of(s->token, sizeof s->token));
    pg_bytes(s, &write, streams);
    pg_bytes(s, &write, records);
    TRY(pg_send(s, FIRST_MOVE_QUERY + MOVES_WRITE, &write));
    if (s->head.number % DROP_EACH != 0) {
        return status_ok();
    }
    pg_int8(s, &drop, s->head.number - KEPT);
    return pg_send(s, FIRST_MOVE_QUERY + MOVES_DROP, &drop);
}

void pg_moves_committed(struct postgres_store *s)
{
    if (s->wrote && s->told.number == s->head.number) { /* what we wrote we know */
        s->told.number++;
        memcpy(s->told.writer, s->token, sizeof s->told.writer);
    }
}
