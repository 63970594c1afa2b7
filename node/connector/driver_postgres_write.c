/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/driver_postgres.h"

#include <assert.h>
#include <stdio.h>

/* Our session is marked for the triggers from the first write into a table of theirs until the transaction ends. */
static const char MARKED_SQL[] = "SET LOCAL simpul.session = 'on'";
/* Exactly these; the range only leads to the index, where the planner would read the whole outbox. */
static const char OUTBOX_REMOVE_SQL[] = "DELETE FROM simpul.outbox WHERE id = ANY ($1) AND id BETWEEN $2 AND $3";
/* Version n replaces n - 1, version 1 is inserted where nothing is; keys of one call are distinct. */
#define SHADOWS_GIVEN                                                                                                  \
    " FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[])"  \
    " AS n (tbl, key, version, state, record, part, identity, bytes) "
static const char SHADOWS_ADD_SQL[] =
    "INSERT INTO simpul.shadow AS t (lane, tbl, key, version, state, record, part, identity, bytes)"
    " SELECT $1, n.tbl, n.key, n.version, n.state, n.record, n.part, n.identity, n.bytes" SHADOWS_GIVEN
    "ON CONFLICT (lane, tbl, key) DO NOTHING RETURNING t.tbl, t.key";
static const char SHADOWS_REPLACE_SQL[] =
    "UPDATE simpul.shadow AS t SET version = n.version, state = n.state, record = n.record, part = n.part,"
    " identity = n.identity, bytes = n.bytes" SHADOWS_GIVEN
    "WHERE t.lane = $1 AND t.tbl = n.tbl AND t.key = n.key AND t.version = n.version - 1 RETURNING t.tbl, t.key";
static const char SHADOW_REMOVE_SQL[] =
    "DELETE FROM simpul.shadow WHERE lane = $1 AND tbl = $2 AND key = $3 AND version = $4";
static const char SHADOW_MOVE_SQL[] =
    "UPDATE simpul.shadow AS t SET key = $5 WHERE t.lane = $1 AND t.tbl = $2 AND t.key = $3 AND t.version = $4"
    " AND NOT EXISTS (SELECT 1 FROM simpul.shadow AS o WHERE o.lane = $1 AND o.tbl = $2 AND o.key = $5)";
static const char MARK_SET_SQL[] =
    "INSERT INTO simpul.mark (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
static const char MARK_ADD_SQL[] = "INSERT INTO simpul.mark (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
static const char MARK_SWAP_SQL[] =
    "UPDATE simpul.mark SET value = $2 WHERE name = $1 AND pg_catalog.substr(value, 1, 16) = $3";

static void begin_call(struct driver_postgres *postgres, struct parameters *parameters)
{
    arena_clear(&postgres->scratch);
    parameters_init(parameters, postgres);
}

/* ---- transactions ---- */

struct status driver_postgres_begin(struct driver *driver)
{
    struct driver_postgres *postgres = postgres_of(driver);
    assert(!postgres->in_transaction);
    TRY(postgres_exec(postgres, "BEGIN"));
    postgres->in_transaction = true;
    postgres->marked = false;
    return status_ok();
}

static struct status be_marked(struct driver_postgres *postgres)
{
    assert(postgres->in_transaction);
    if (!postgres->marked) {
        TRY(postgres_exec(postgres, MARKED_SQL));
        postgres->marked = true;
    }
    return status_ok();
}

/* After a COMMIT without an answer nobody knows. */
struct status driver_postgres_commit(struct driver *driver)
{
    struct driver_postgres *postgres = postgres_of(driver);
    assert(postgres->in_transaction);
    if (PQstatus(postgres->conn) == CONNECTION_OK && PQtransactionStatus(postgres->conn) == PQTRANS_INERROR) {
        snprintf(driver->problem, sizeof driver->problem, "PostgreSQL: the transaction had failed: nothing was written");
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct status status = postgres_exec(postgres, "COMMIT");
    if (status_is_ok(status)) {
        postgres->in_transaction = false;
    }
    return status.code == STATUS_IO ? STATUS_MAKE(STATUS_UNKNOWN) : status;
}

void driver_postgres_rollback(struct driver *driver)
{
    struct driver_postgres *postgres = postgres_of(driver);
    if (postgres->in_transaction && PQstatus(postgres->conn) == CONNECTION_OK) {
        char problem[sizeof driver->problem];
        memcpy(problem, driver->problem, sizeof problem);
        struct status status = postgres_exec(postgres, "ROLLBACK");
        if (!status_is_ok(status)) { /* the next call finds the connection lost */
            memcpy(driver->problem, problem, sizeof problem);
        }
    }
    postgres->in_transaction = false;
}

/* ---- our own tables ---- */

struct status driver_postgres_outbox_remove(struct driver *driver, const int64_t *ids, size_t count)
{
    struct driver_postgres *postgres = postgres_of(driver);
    struct parameters parameters;
    struct array array;
    size_t removed;
    if (count == 0) {
        return status_ok();
    }
    int64_t least = ids[0];
    int64_t most = ids[0];
    begin_call(postgres, &parameters);
    array_begin(&array, postgres, ARRAY_INT);
    for (size_t i = 0; i < count; i++) {
        array_add_int(&array, ids[i]);
        least = ids[i] < least ? ids[i] : least;
        most = ids[i] > most ? ids[i] : most;
    }
    parameter_array(&parameters, &array);
    parameter_int(&parameters, least);
    parameter_int(&parameters, most);
    parameters.keep = true;
    return postgres_run(postgres, OUTBOX_REMOVE_SQL, &parameters, &removed);
}

enum { COLUMN_TBL, COLUMN_KEY, COLUMN_VERSION, COLUMN_STATE, COLUMN_RECORD, COLUMN_PART, COLUMN_IDENTITY, COLUMN_BYTES,
       SHADOW_COLUMNS };

/* Those with version 1, or the others. */
static size_t shadows_add(struct driver_postgres *postgres, struct parameters *parameters,
                          const struct legacy_shadow *shadows, size_t count, bool fresh)
{
    static const enum array_of types[SHADOW_COLUMNS] = {
        [COLUMN_TBL] = ARRAY_TEXT,     [COLUMN_KEY] = ARRAY_TEXT,   [COLUMN_VERSION] = ARRAY_INT,
        [COLUMN_STATE] = ARRAY_INT,    [COLUMN_RECORD] = ARRAY_BYTES, [COLUMN_PART] = ARRAY_BYTES,
        [COLUMN_IDENTITY] = ARRAY_BYTES, [COLUMN_BYTES] = ARRAY_BYTES};
    struct array columns[SHADOW_COLUMNS];
    size_t added = 0;
    for (size_t c = 0; c < SHADOW_COLUMNS; c++) {
        array_begin(&columns[c], postgres, types[c]);
    }
    for (size_t i = 0; i < count; i++) {
        const struct legacy_shadow *shadow = &shadows[i];
        bool named = shadow->table < postgres->driver.mapping->table_count; /* else left by a mapping that named it */
        if (!named || (shadow->version == 1) != fresh) {
            continue;
        }
        const char *label = postgres->labels[shadow->table];
        array_add(&columns[COLUMN_TBL], label, strlen(label));
        array_add(&columns[COLUMN_KEY], shadow->key.data, shadow->key.size);
        array_add_int(&columns[COLUMN_VERSION], (int64_t)shadow->version);
        array_add_int(&columns[COLUMN_STATE], shadow->state);
        array_add(&columns[COLUMN_RECORD], shadow->record.bytes, sizeof shadow->record.bytes);
        array_add(&columns[COLUMN_PART], shadow->part.bytes, sizeof shadow->part.bytes);
        array_add(&columns[COLUMN_IDENTITY], shadow->identity, sizeof shadow->identity);
        array_add(&columns[COLUMN_BYTES], shadow->bytes.data, shadow->bytes.size);
        added++;
    }
    for (size_t c = 0; c < SHADOW_COLUMNS; c++) {
        parameter_array(parameters, &columns[c]);
    }
    return added;
}

/* They come back in the order in which they were given, so the search goes on where the last one was found. */
static void mark_stored(struct driver_postgres *postgres, const PGresult *result, const struct legacy_shadow *shadows,
                        size_t count, bool *out_stored)
{
    size_t at = 0;
    for (int row = 0; row < PQntuples(result); row++) {
        size_t table = sql_label_find(postgres->labels, postgres->driver.mapping->table_count, result_span(result, row, 0));
        struct span key = result_span(result, row, 1);
        for (size_t tried = 0; tried < count; tried++, at = at + 1 < count ? at + 1 : 0) {
            if (shadows[at].table == table && span_equal(shadows[at].key, key)) {
                out_stored[at] = true;
                break;
            }
        }
    }
}

static struct status shadows_write(struct driver_postgres *postgres, const struct legacy_shadow *shadows, size_t count,
                                   bool fresh, bool *out_stored)
{
    struct parameters parameters;
    PGresult *result = NULL;
    begin_call(postgres, &parameters);
    parameter_int(&parameters, postgres->driver.lane);
    if (shadows_add(postgres, &parameters, shadows, count, fresh) == 0) {
        return status_ok();
    }
    parameters.keep = true;
    TRY(postgres_query(postgres, fresh ? SHADOWS_ADD_SQL : SHADOWS_REPLACE_SQL, &parameters, &result));
    mark_stored(postgres, result, shadows, count, out_stored);
    PQclear(result);
    return status_ok();
}

struct status driver_postgres_shadows_store(struct driver *driver, const struct legacy_shadow *shadows, size_t count,
                                            bool *out_stored)
{
    memset(out_stored, 0, count * sizeof *out_stored);
    TRY(shadows_write(postgres_of(driver), shadows, count, true, out_stored));
    return shadows_write(postgres_of(driver), shadows, count, false, out_stored);
}

static struct status one_shadow(struct driver_postgres *postgres, const char *sql, size_t table, struct span key,
                                uint64_t version, const struct span *new_key)
{
    struct parameters parameters;
    size_t touched = 0;
    begin_call(postgres, &parameters);
    parameter_int(&parameters, postgres->driver.lane);
    parameter_text(&parameters, span_text(postgres->labels[table]));
    parameter_text(&parameters, key);
    parameter_int(&parameters, (int64_t)version);
    if (new_key) {
        parameter_text(&parameters, *new_key);
    }
    TRY(postgres_run(postgres, sql, &parameters, &touched));
    return touched == 1 ? status_ok() : STATUS_MAKE(STATUS_STALE);
}

struct status driver_postgres_shadow_remove(struct driver *driver, size_t table, struct span key, uint64_t version)
{
    return one_shadow(postgres_of(driver), SHADOW_REMOVE_SQL, table, key, version, NULL);
}

struct status driver_postgres_shadow_move(struct driver *driver, size_t table, struct span key, uint64_t version,
                                          struct span new_key)
{
    return one_shadow(postgres_of(driver), SHADOW_MOVE_SQL, table, key, version, &new_key);
}

struct status driver_postgres_mark_set(struct driver *driver, const char *name, struct span value)
{
    struct driver_postgres *postgres = postgres_of(driver);
    struct parameters parameters;
    size_t touched;
    begin_call(postgres, &parameters);
    parameter_text(&parameters, span_text(name));
    parameter_bytes(&parameters, value.data, value.size);
    return postgres_run(postgres, MARK_SET_SQL, &parameters, &touched);
}

struct status driver_postgres_mark_swap(struct driver *driver, const char *name, struct span known, struct span value)
{
    struct driver_postgres *postgres = postgres_of(driver);
    struct parameters parameters;
    size_t touched = 0;
    begin_call(postgres, &parameters);
    parameter_text(&parameters, span_text(name));
    parameter_bytes(&parameters, value.data, value.size);
    if (known.size > 0) {
        parameter_bytes(&parameters, known.data, known.size);
    }
    parameters.keep = known.size > 0;
    TRY(postgres_run(postgres, known.size > 0 ? MARK_SWAP_SQL : MARK_ADD_SQL, &parameters, &touched));
    return touched == 1 ? status_ok() : STATUS_MAKE(STATUS_STALE);
}

/* ---- their tables ---- */

/* Values are given without a type, so that the column's own rules hold: a text that is too long is refused, where a cast
 * would cut it in silence. */
static struct status update_sql(struct driver_postgres *postgres, size_t table, const struct mapping_cell *cells,
                                size_t count, const char **out_sql)
{
    const struct mapping_table *mapped = &postgres->driver.mapping->tables[table];
    struct buffer sql;
    buffer_init(&sql, &postgres->scratch);
    sql_add(&sql, "UPDATE ");
    sql_add(&sql, postgres->tables[table].name);
    sql_add(&sql, " AS r SET ");
    for (size_t i = 0; i < count; i++) {
        sql_add(&sql, i > 0 ? ", " : "");
        sql_name(&sql, mapped->columns[cells[i].column].name);
        sql_add(&sql, " = $");
        sql_number(&sql, i + 1);
    }
    for (size_t i = 0; i < mapped->key_count; i++) {
        sql_add(&sql, i > 0 ? " AND " : " WHERE ");
        sql_column(&sql, "r", mapped->columns[mapped->key[i]].name);
        sql_add(&sql, " = $");
        sql_number(&sql, count + i + 1);
    }
    return sql_end(&sql, out_sql);
}

struct status driver_postgres_update(struct driver *driver, size_t table, struct span key,
                                     const struct mapping_cell *cells, size_t count)
{
    struct driver_postgres *postgres = postgres_of(driver);
    const struct mapping_table *mapped = &driver->mapping->tables[table];
    struct span values[LIMIT_COLUMNS];
    struct parameters parameters;
    const char *sql;
    size_t touched = 0;
    if (count == 0) {
        return status_ok();
    }
    begin_call(postgres, &parameters);
    TRY(be_marked(postgres));
    TRY(mapping_key_split(mapped, key, &postgres->scratch, values));
    TRY(update_sql(postgres, table, cells, count, &sql));
    for (size_t i = 0; i < count; i++) {
        parameter_any(&parameters, cells[i].raw.bytes, cells[i].raw.null);
    }
    for (size_t i = 0; i < mapped->key_count; i++) {
        parameter_any(&parameters, values[i], false);
    }
    TRY(postgres_run(postgres, sql, &parameters, &touched));
    if (touched > 1) {
        snprintf(driver->problem, sizeof driver->problem,
                 "the key of table \"%s\" is not unique: %zu rows have the same one; name other key columns", mapped->name,
                 touched);
        return STATUS_MAKE(STATUS_INVALID);
    }
    return touched == 1 ? status_ok() : STATUS_MAKE(STATUS_NOT_FOUND);
}

static bool cells_have(const struct mapping_table *mapped, const struct mapping_cell *cells, size_t count,
                       const char *column)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(mapped->columns[cells[i].column].name, column) == 0) {
            return true;
        }
    }
    return false;
}

/* INSERT INTO t (cells and other fills) VALUES (...) RETURNING key columns; the parameters with it. */
static struct status insert_sql(struct driver_postgres *postgres, size_t table, const struct mapping_cell *cells,
                                size_t cell_count, const struct mapping_fill *fills, size_t fill_count,
                                struct parameters *parameters, const char **out_sql)
{
    const struct mapping_table *mapped = &postgres->driver.mapping->tables[table];
    struct buffer sql;
    size_t columns = 0;
    buffer_init(&sql, &postgres->scratch);
    sql_add(&sql, "INSERT INTO ");
    sql_add(&sql, postgres->tables[table].name);
    sql_add(&sql, " AS r");
    for (size_t i = 0; i < cell_count; i++) {
        sql_add(&sql, columns++ > 0 ? ", " : " (");
        sql_name(&sql, mapped->columns[cells[i].column].name);
        parameter_any(parameters, cells[i].raw.bytes, cells[i].raw.null);
    }
    for (size_t i = 0; i < fill_count; i++) {
        if (!cells_have(mapped, cells, cell_count, fills[i].column)) {
            sql_add(&sql, columns++ > 0 ? ", " : " (");
            sql_name(&sql, fills[i].column);
            parameter_any(parameters, fills[i].raw.bytes, fills[i].raw.null);
        }
    }
    sql_add(&sql, columns > 0 ? ") VALUES (" : " DEFAULT VALUES");
    for (size_t i = 0; i < columns; i++) {
        sql_add(&sql, i > 0 ? ", $" : "$");
        sql_number(&sql, i + 1);
    }
    sql_add(&sql, columns > 0 ? ") RETURNING " : " RETURNING ");
    for (size_t i = 0; i < mapped->key_count; i++) {
        sql_add(&sql, i > 0 ? ", " : "");
        sql_column(&sql, "r", mapped->columns[mapped->key[i]].name);
        sql_add(&sql, "::text");
    }
    return sql_end(&sql, out_sql);
}

static struct status key_take(struct driver_postgres *postgres, size_t table, const PGresult *result, struct arena *arena,
                              struct span *out_key)
{
    const struct mapping_table *mapped = &postgres->driver.mapping->tables[table];
    struct mapping_raw *raw = arena_array(&postgres->scratch, mapped->column_count, sizeof *raw);
    if (!raw) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < mapped->key_count && PQntuples(result) == 1; i++) {
        raw[mapped->key[i]].bytes = result_span(result, 0, (int)i);
    }
    struct status status = mapping_key(mapped, raw, arena, out_key);
    if (status.code == STATUS_INVALID) {
        snprintf(postgres->driver.problem, sizeof postgres->driver.problem,
                 "a new row of table \"%s\" got no key: give it one with insert: key: in the mapping", mapped->name);
    }
    return status;
}

struct status driver_postgres_insert(struct driver *driver, size_t table, const struct mapping_cell *cells,
                                     size_t cell_count, const struct mapping_fill *fills, size_t fill_count,
                                     struct arena *arena, struct span *out_key)
{
    struct driver_postgres *postgres = postgres_of(driver);
    struct parameters parameters;
    PGresult *result = NULL;
    const char *sql;
    begin_call(postgres, &parameters);
    TRY(be_marked(postgres));
    TRY(insert_sql(postgres, table, cells, cell_count, fills, fill_count, &parameters, &sql));
    TRY(postgres_query(postgres, sql, &parameters, &result));
    struct status status = key_take(postgres, table, result, arena, out_key);
    PQclear(result);
    return status;
}
