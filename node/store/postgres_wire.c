/* SPDX-License-Identifier: Apache-2.0 */
#include "node/store/postgres_parts.h"

#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>

#include "node/base/clock.h"

/* Binary values out, results in. A connection that has a store's transaction is in pipeline mode all the time. */

enum { TYPE_BYTEA = 17, TYPE_INT8 = 20, TYPE_TEXT = 25 };

/* ---- values ---- */

static void parameter_add(struct postgres_parameters *p, struct span bytes)
{
    assert(p->count < PARAMETERS_MAX);
    if (bytes.size > INT_MAX) {
        p->failed = true;
        return;
    }
    p->values[p->count] = bytes.data ? (const char *)bytes.data : ""; /* a NULL pointer would be a NULL value */
    p->sizes[p->count] = (int)bytes.size;
    p->formats[p->count++] = 1;
}

void pg_bytes(struct postgres_store *s, struct postgres_parameters *p, struct span bytes)
{
    (void)s;
    parameter_add(p, bytes);
}

void pg_int8(struct postgres_store *s, struct postgres_parameters *p, int64_t value)
{
    struct buffer b;
    struct span bytes = {0};
    buffer_init(&b, &s->scratch);
    buffer_add_be64(&b, (uint64_t)value);
    p->failed |= !status_is_ok(buffer_end(&b, &bytes));
    parameter_add(p, bytes);
}

static void array_begin(struct buffer *b, struct postgres_store *s, uint32_t type, size_t count)
{
    buffer_init(b, &s->scratch);
    buffer_add_be32(b, 1); /* dimensions */
    buffer_add_be32(b, 0); /* no NULLs */
    buffer_add_be32(b, type);
    buffer_add_be32(b, (uint32_t)count);
    buffer_add_be32(b, 1); /* lower bound */
}

static void array_end(struct buffer *b, struct postgres_parameters *p)
{
    struct span bytes = {0};
    p->failed |= !status_is_ok(buffer_end(b, &bytes));
    parameter_add(p, bytes);
}

static void span_array(struct postgres_store *s, struct postgres_parameters *p, uint32_t type, const struct span *values,
                       size_t count)
{
    struct buffer b;
    array_begin(&b, s, type, count);
    for (size_t i = 0; i < count; i++) {
        buffer_add_be32(&b, (uint32_t)values[i].size);
        buffer_add_span(&b, values[i]);
    }
    array_end(&b, p);
}

void pg_bytes_array(struct postgres_store *s, struct postgres_parameters *p, const struct span *values, size_t count)
{
    span_array(s, p, TYPE_BYTEA, values, count);
}

void pg_text_array(struct postgres_store *s, struct postgres_parameters *p, const struct span *values, size_t count)
{
    span_array(s, p, TYPE_TEXT, values, count);
}

void pg_int8_array(struct postgres_store *s, struct postgres_parameters *p, const int64_t *values, size_t count)
{
    struct buffer b;
    array_begin(&b, s, TYPE_INT8, count);
    for (size_t i = 0; i < count; i++) {
        buffer_add_be32(&b, 8);
        buffer_add_be64(&b, (uint64_t)values[i]);
    }
    array_end(&b, p);
}

/* ---- failures ---- */

void pg_drop(struct postgres_store *s)
{
    PQfinish(s->conn);
    s->conn = NULL;
    s->waiting = 0;
    memset(s->prepared, 0, sizeof s->prepared);
    s->lost = s->open;
    s->spoilt = s->spoilt || s->open;
}

static struct status connection_lost(struct postgres_store *s)
{
    s->problem = "the connection to the database server was lost";
    pg_drop(s);
    return STATUS_MAKE(STATUS_IO);
}

/* SQLSTATEs by their first characters; the longer ones first. */
static const struct {
    const char *state;
    enum status_code code;
    const char *problem;
} problems[] = {
    {"53100", STATUS_IO, "disk full at the database server"},
    {"53200", STATUS_IO, "the database server is out of memory"},
    {"53300", STATUS_IO, "too many connections to the database server"},
    {"53", STATUS_IO, "the database server lacks resources"},
    {"57014", STATUS_IO, "a statement took too long and was cancelled"},
    {"57P", STATUS_IO, "the database server is stopping or starting"},
    {"55P03", STATUS_BUSY, "a lock was not available in time"},
    {"25006", STATUS_IO, "the database server is a standby or read-only"},
    {"40", STATUS_BUSY, "the transaction collided with another one"},
    {"42501", STATUS_IO, "the database role lacks a right"},
    {"58", STATUS_IO, "disk error at the database server"},
    {"XX", STATUS_IO, "the database is damaged, or its server has failed"},
};

struct status pg_failed(struct postgres_store *s, const PGresult *result)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    s->spoilt = true;
    if (PQstatus(s->conn) == CONNECTION_BAD || !state) {
        return connection_lost(s);
    }
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++) {
        if (strncmp(state, problems[i].state, strlen(problems[i].state)) == 0) {
            s->problem = problems[i].problem;
            return STATUS_MAKE(problems[i].code);
        }
    }
    s->problem = "the database server refused a statement";
    return STATUS_MAKE(STATUS_IO);
}

/* ---- sending ---- */

static struct status sent(struct postgres_store *s, int ok, unsigned preparing)
{
    if (!ok) {
        return connection_lost(s);
    }
    s->preparing[s->waiting++] = preparing;
    return status_ok();
}

static struct status room_make(struct postgres_store *s, unsigned wanted)
{
    if (!s->conn) {
        return connection_lost(s);
    }
    return s->waiting + wanted > WAITING_MAX ? pg_drain(s, NULL) : status_ok();
}

struct status pg_send_command(struct postgres_store *s, const char *sql)
{
    TRY(room_make(s, 1));
    return sent(s, PQsendQueryParams(s->conn, sql, 0, NULL, NULL, NULL, NULL, 1), STATEMENT_NONE);
}

struct status pg_send(struct postgres_store *s, unsigned statement, const struct postgres_parameters *parameters)
{
    char name[16];
    assert(statement < STATEMENT_COUNT);
    if (parameters->failed) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(room_make(s, 2));
    snprintf(name, sizeof name, "s%u", statement);
    if (!s->prepared[statement]) {
        char text[STATEMENT_TEXT_MAX];
        pg_statement_text(statement, text);
        TRY(sent(s, PQsendPrepare(s->conn, name, text, 0, NULL), statement));
        s->prepared[statement] = true;
    }
    return sent(s, PQsendQueryPrepared(s->conn, name, parameters->count, parameters->values, parameters->sizes,
                                       parameters->formats, 1), STATEMENT_NONE);
}

/* ---- results ---- */

static bool result_is_fine(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* Waits until an answer is there or the time is over. */
static bool answer_awaited(struct postgres_store *s)
{
    int64_t end_ms = clock_monotonic_ms() + s->wait_ms;
    while (s->wait_ms > 0 && PQisBusy(s->conn)) {
        struct pollfd fd = {.fd = PQsocket(s->conn), .events = POLLIN};
        int64_t left_ms = end_ms - clock_monotonic_ms();
        if (left_ms <= 0 || (poll(&fd, 1, (int)left_ms) > 0 && !PQconsumeInput(s->conn))) {
            return false;
        }
    }
    return true;
}

/* The result of one statement that waits, and the NULL that ends it. */
static struct status result_next(struct postgres_store *s, unsigned preparing, struct status before, PGresult **out_result)
{
    if (!answer_awaited(s)) {
        return connection_lost(s);
    }
    PGresult *result = PQgetResult(s->conn);
    struct status status = before;
    if (!result_is_fine(result)) {
        if (preparing != STATEMENT_NONE) {
            s->prepared[preparing] = false;
        }
        if (status_is_ok(status)) {
            status = pg_failed(s, result);
        } else if (PQstatus(s->conn) == CONNECTION_BAD) {
            status = connection_lost(s);
        }
        PQclear(result);
        result = NULL;
    }
    if (s->conn) {
        PQclear(PQgetResult(s->conn));
    }
    *out_result = result;
    return status;
}

static struct status sync_end(struct postgres_store *s, struct status status)
{
    PGresult *end = PQgetResult(s->conn);
    bool fine = PQresultStatus(end) == PGRES_PIPELINE_SYNC;
    PQclear(end);
    return fine ? status : connection_lost(s);
}

struct status pg_drain(struct postgres_store *s, PGresult **out_last)
{
    struct status status = status_ok();
    PGresult *last = NULL;
    unsigned count = s->waiting;
    if (!s->conn) {
        return connection_lost(s);
    }
    if (count == 0) {
        return status;
    }
    if (!PQpipelineSync(s->conn)) {
        return connection_lost(s);
    }
    for (unsigned i = 0; i < count && s->conn; i++) {
        PQclear(last);
        last = NULL;
        status = result_next(s, s->preparing[i], status, &last);
    }
    s->waiting = 0;
    status = s->conn ? sync_end(s, status) : status;
    if (out_last && status_is_ok(status)) {
        *out_last = last;
    } else {
        PQclear(last);
    }
    return status;
}

struct status pg_query(struct postgres_store *s, unsigned statement, const struct postgres_parameters *parameters,
                             PGresult **out_result)
{
    TRY(pg_send(s, statement, parameters));
    return pg_drain(s, out_result);
}

struct status pg_run(struct postgres_store *s, const char *sql, PGresult **out_result)
{
    TRY(pg_send_command(s, sql));
    return pg_drain(s, out_result);
}

struct status pg_run_within(struct postgres_store *s, const char *sql, int wait_ms, PGresult **out_result)
{
    int64_t started_ms = clock_monotonic_ms();
    s->wait_ms = wait_ms;
    struct status status = pg_run(s, sql, out_result);
    s->wait_ms = 0;
    if (!s->conn && clock_monotonic_ms() - started_ms >= wait_ms) {
        s->problem = "the database server does not confirm a commit (is its synchronous standby there?)";
    }
    return status;
}

struct span pg_span(const PGresult *result, int row, int column)
{
    return span_of(PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}

int64_t pg_number(const PGresult *result, int row, int column)
{
    struct span bytes = pg_span(result, row, column);
    bool negative = bytes.size > 1 && (bytes.data[0] & 0x80);
    uint64_t value = negative ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes.size; i++) {
        value = value << 8 | bytes.data[i];
    }
    return (int64_t)value;
}

struct status pg_copy(const PGresult *result, int row, int column, struct arena *arena, struct span *out_bytes)
{
    struct span bytes = pg_span(result, row, column);
    uint8_t *copy = arena_alloc(arena, bytes.size);
    if (!copy) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    *out_bytes = span_of(copy, bytes.size);
    return status_ok();
}
