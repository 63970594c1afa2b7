/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/driver_postgres.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/base/clock.h"

/* One statement: parameters, sending, waiting for the answer, errors. */

enum { OID_BYTEA = 17, OID_INT8 = 20, OID_TEXT = 25, OID_BYTEA_ARRAY = 1001, OID_TEXT_ARRAY = 1009, OID_INT8_ARRAY = 1016 };

/* ---- parameters ---- */

void parameters_init(struct parameters *parameters, struct driver_postgres *postgres)
{
    parameters->postgres = postgres;
    parameters->count = 0;
    parameters->keep = false;
    parameters->failed = STATUS_OK;
}

static void add(struct parameters *parameters, const char *value, size_t size, int format, Oid type)
{
    if (parameters->count == POSTGRES_PARAMETERS_MAX || size > LIMIT_MESSAGE_SIZE) {
        parameters->failed = STATUS_LIMIT;
        return;
    }
    parameters->values[parameters->count] = value;
    parameters->sizes[parameters->count] = (int)size;
    parameters->formats[parameters->count] = format;
    parameters->types[parameters->count] = type;
    parameters->count++;
}

void parameter_any(struct parameters *parameters, struct span text, bool null)
{
    if (null) {
        add(parameters, NULL, 0, 0, 0);
        return;
    }
    char *copy = arena_alloc(&parameters->postgres->scratch, text.size + 1);
    if (!copy) {
        parameters->failed = STATUS_NO_MEMORY;
        return;
    }
    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    if (memchr(copy, 0, text.size)) {
        snprintf(parameters->postgres->driver.problem, sizeof parameters->postgres->driver.problem,
                 "a value with a zero byte has no place in PostgreSQL");
        parameters->failed = STATUS_INVALID;
    }
    add(parameters, copy, text.size, 0, 0);
}

void parameter_text(struct parameters *parameters, struct span text)
{
    add(parameters, text.size ? (const char *)text.data : "", text.size, 1, OID_TEXT);
}

void parameter_bytes(struct parameters *parameters, const void *data, size_t size)
{
    add(parameters, size ? data : "", size, 1, OID_BYTEA);
}

void parameter_int(struct parameters *parameters, int64_t value)
{
    uint8_t *bytes = arena_alloc(&parameters->postgres->scratch, 8);
    if (!bytes) {
        parameters->failed = STATUS_NO_MEMORY;
        return;
    }
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
    }
    add(parameters, (const char *)bytes, 8, 1, OID_INT8);
}

enum { ARRAY_COUNT_AT = 12 }; /* where the number of elements stands */

void array_begin(struct array *array, struct driver_postgres *postgres, enum array_of what)
{
    static const Oid types[] = {[ARRAY_TEXT] = OID_TEXT, [ARRAY_BYTES] = OID_BYTEA, [ARRAY_INT] = OID_INT8};
    static const Oid arrays[] = {
        [ARRAY_TEXT] = OID_TEXT_ARRAY, [ARRAY_BYTES] = OID_BYTEA_ARRAY, [ARRAY_INT] = OID_INT8_ARRAY};
    *array = (struct array){.type = arrays[what]};
    buffer_init(&array->bytes, &postgres->scratch);
    buffer_add_be32(&array->bytes, 1); /* dimensions */
    buffer_add_be32(&array->bytes, 0); /* no nulls */
    buffer_add_be32(&array->bytes, types[what]);
    buffer_add_be32(&array->bytes, 0); /* elements: said at the end */
    buffer_add_be32(&array->bytes, 1); /* lower bound */
}

void array_add(struct array *array, const void *data, size_t size)
{
    buffer_add_be32(&array->bytes, (uint32_t)size);
    buffer_add(&array->bytes, data, size);
    array->count++;
}

void array_add_int(struct array *array, int64_t value)
{
    buffer_add_be32(&array->bytes, 8);
    buffer_add_be64(&array->bytes, (uint64_t)value);
    array->count++;
}

void parameter_array(struct parameters *parameters, struct array *array)
{
    struct span bytes;
    if (!status_is_ok(buffer_end(&array->bytes, &bytes))) {
        parameters->failed = STATUS_NO_MEMORY;
        return;
    }
    for (size_t i = 0; i < 4; i++) {
        array->bytes.data[ARRAY_COUNT_AT + i] = (uint8_t)(array->count >> (24 - 8 * i));
    }
    add(parameters, (const char *)array->bytes.data, array->bytes.size, 1, array->type);
}

/* ---- results ---- */

int64_t result_int(const PGresult *result, int row, int column)
{
    const uint8_t *bytes = (const uint8_t *)PQgetvalue(result, row, column);
    int size = PQgetlength(result, row, column);
    uint64_t value = 0;
    if (PQgetisnull(result, row, column)) {
        return 0;
    }
    for (int i = 0; i < size && i < 8; i++) {
        value = value << 8 | bytes[i];
    }
    return size == 2 ? (int16_t)value : size == 4 ? (int32_t)value : (int64_t)value;
}

struct span result_span(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column)) {
        return (struct span){0};
    }
    return span_of(PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}

struct status result_copy(const PGresult *result, int row, int column, struct arena *arena, struct span *out_bytes)
{
    return arena_copy(arena, result_span(result, row, column), out_bytes);
}

struct status result_text(const PGresult *result, int row, int column, struct arena *arena, const char **out_text)
{
    struct span text = result_span(result, row, column);
    char *copy = arena_alloc(arena, text.size + 1);
    if (!copy) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    *out_text = copy;
    return status_ok();
}

bool result_fixed(const PGresult *result, int row, int column, void *out_bytes, size_t size)
{
    struct span bytes = result_span(result, row, column);
    if (bytes.size != size || !bytes.data) {
        return false;
    }
    memcpy(out_bytes, bytes.data, size);
    return true;
}

/* ---- errors ---- */

struct sqlstate {
    const char *prefix;
    enum status_code code;
    const char *sentence;
    bool names; /* the server's own message names objects and no content: it may be shown */
};

/* The first that fits. */
static const struct sqlstate SQLSTATES[] = {
    {"40", STATUS_BUSY, "another session was in the way (deadlock or serialisation)", false},
    {"55P03", STATUS_BUSY, "a row or table is locked by another session", false},
    {"55006", STATUS_BUSY, "an object is in use by another session", false},
    {"57014", STATUS_BUSY, "the statement took too long", false},
    {"42501", STATUS_DENIED, "no right", true},
    {"28", STATUS_DENIED, "the user may not connect", true},
    {"42", STATUS_INVALID, "the schema has changed or does not fit the mapping", true},
    {"22001", STATUS_INVALID, "a value is too long", false},
    {"22", STATUS_INVALID, "a value does not fit its column", false},
    {"23", STATUS_INVALID, "a constraint refused the row", false},
    {"44", STATUS_INVALID, "a view refused the row", false},
    {"P0", STATUS_INVALID, "a trigger of the legacy database refused the row", false},
    {"54", STATUS_INVALID, "a bound of PostgreSQL was exceeded", false},
    {"0A", STATUS_INVALID, "PostgreSQL cannot do this here", true},
    {"25006", STATUS_IO, "the database is read-only now (a standby?)", false},
    {"25P03", STATUS_IO, "the transaction stayed open for too long", false},
    {"25", STATUS_INVALID, "the transaction cannot go on", false},
    {"53", STATUS_IO, "the server has no room or no connections left", false},
    {"57P", STATUS_IO, "the server is going down or coming up", false},
    {"08", STATUS_IO, "the connection to PostgreSQL was lost", false},
    {"", STATUS_IO, "the server failed", false},
};

static const char *field_or(const PGresult *result, int field, const char *otherwise)
{
    const char *text = PQresultErrorField(result, field);
    return text ? text : otherwise;
}

static struct status answer_status(struct driver_postgres *postgres, const PGresult *result)
{
    char *problem = postgres->driver.problem;
    size_t size = sizeof postgres->driver.problem;
    const char *state = field_or(result, PG_DIAG_SQLSTATE, "");
    const struct sqlstate *known = SQLSTATES;
    while (strncmp(state, known->prefix, strlen(known->prefix)) != 0) {
        known++;
    }
    if (PQstatus(postgres->conn) == CONNECTION_BAD && known->code != STATUS_IO) {
        known = &SQLSTATES[sizeof SQLSTATES / sizeof SQLSTATES[0] - 2];
    }
    const char *table = field_or(result, PG_DIAG_TABLE_NAME, "");
    const char *column = field_or(result, PG_DIAG_COLUMN_NAME, "");
    const char *constraint = field_or(result, PG_DIAG_CONSTRAINT_NAME, "");
    const char *message = known->names ? field_or(result, PG_DIAG_MESSAGE_PRIMARY, "") : "";
    snprintf(problem, size, "PostgreSQL: %s%s%s%s%s%s%s%s%s (SQLSTATE %s)", known->sentence, message[0] ? ": " : "",
             message, table[0] ? ", table " : "", table, column[0] ? ", column " : "", column,
             constraint[0] ? ", constraint " : "", constraint, state[0] ? state : "none");
    return STATUS_MAKE(known->code);
}

/* ---- one statement ---- */

static struct status lost(struct driver_postgres *postgres, const char *why)
{
    snprintf(postgres->driver.problem, sizeof postgres->driver.problem, "PostgreSQL: %s", why);
    return STATUS_MAKE(STATUS_IO);
}

/* Until the whole answer is there; a server that says nothing any more counts as lost. */
static struct status await(struct driver_postgres *postgres)
{
    int64_t end_ms = clock_monotonic_ms() + POSTGRES_ANSWER_MS;
    for (;;) {
        int unsent = PQflush(postgres->conn);
        if (unsent < 0 || !PQconsumeInput(postgres->conn)) {
            return PQisBusy(postgres->conn) ? lost(postgres, "the connection was lost") : status_ok();
        }
        if (unsent == 0 && !PQisBusy(postgres->conn)) {
            return status_ok();
        }
        struct pollfd fd = {.fd = PQsocket(postgres->conn), .events = (short)(POLLIN | (unsent ? POLLOUT : 0))};
        int64_t left_ms = end_ms - clock_monotonic_ms();
        if (left_ms <= 0) {
            return lost(postgres, "no answer for too long: the connection is given up");
        }
        poll(&fd, 1, (int)left_ms);
    }
}

/* Takes all results, keeps the last, or the first error. */
static struct status collect(struct driver_postgres *postgres, PGresult **out_result)
{
    PGresult *kept = NULL;
    struct status status = status_ok();
    for (;;) {
        struct status waited = await(postgres);
        PGresult *result = status_is_ok(waited) ? PQgetResult(postgres->conn) : NULL;
        if (!result) {
            status = status_is_ok(status) ? waited : status;
            break;
        }
        ExecStatusType kind = PQresultStatus(result);
        bool fine = kind == PGRES_TUPLES_OK || kind == PGRES_COMMAND_OK || kind == PGRES_EMPTY_QUERY;
        if (!fine && status_is_ok(status)) {
            status = answer_status(postgres, result);
        }
        PQclear(kept);
        kept = result;
    }
    if (status_is_ok(status) && !kept) {
        status = lost(postgres, "the connection was lost");
    }
    if (!status_is_ok(status)) {
        PQclear(kept);
        return status;
    }
    *out_result = kept;
    return status_ok();
}

static struct status send_plain(struct driver_postgres *postgres, const char *sql, const struct parameters *parameters)
{
    int sent = PQsendQueryParams(postgres->conn, sql, parameters->count, parameters->types, parameters->values,
                                 parameters->sizes, parameters->formats, 1);
    return sent ? status_ok() : lost(postgres, "the connection was lost");
}

/* A statement is known by the place of its text. */
static struct status send_kept(struct driver_postgres *postgres, const char *sql, const struct parameters *parameters)
{
    char name[24];
    size_t at = 0;
    while (at < postgres->kept_count && postgres->kept[at] != sql) {
        at++;
    }
    if (at == POSTGRES_KEPT_MAX) {
        return send_plain(postgres, sql, parameters);
    }
    snprintf(name, sizeof name, "s%zu", at);
    if (at == postgres->kept_count) {
        PGresult *result = NULL;
        if (!PQsendPrepare(postgres->conn, name, sql, parameters->count, parameters->types)) {
            return lost(postgres, "the connection was lost");
        }
        TRY(collect(postgres, &result));
        PQclear(result);
        postgres->kept[postgres->kept_count++] = sql;
    }
    int sent = PQsendQueryPrepared(postgres->conn, name, parameters->count, parameters->values, parameters->sizes,
                                   parameters->formats, 1);
    return sent ? status_ok() : lost(postgres, "the connection was lost");
}

struct status postgres_query(struct driver_postgres *postgres, const char *sql, const struct parameters *parameters,
                             PGresult **out_result)
{
    if (parameters->failed != STATUS_OK) {
        return STATUS_MAKE(parameters->failed);
    }
    if (PQstatus(postgres->conn) == CONNECTION_BAD) {
        return lost(postgres, "the connection was lost");
    }
    TRY(parameters->keep ? send_kept(postgres, sql, parameters) : send_plain(postgres, sql, parameters));
    return collect(postgres, out_result);
}

struct status postgres_run(struct driver_postgres *postgres, const char *sql, const struct parameters *parameters,
                           size_t *out_touched)
{
    PGresult *result = NULL;
    TRY(postgres_query(postgres, sql, parameters, &result));
    *out_touched = (size_t)strtoull(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    return status_ok();
}

struct status postgres_exec(struct driver_postgres *postgres, const char *sql)
{
    PGresult *result = NULL;
    if (PQstatus(postgres->conn) == CONNECTION_BAD || !PQsendQuery(postgres->conn, sql)) {
        return lost(postgres, "the connection was lost");
    }
    TRY(collect(postgres, &result));
    PQclear(result);
    return status_ok();
}
