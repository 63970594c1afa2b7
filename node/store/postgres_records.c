/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "node/store/postgres_parts.h"
#include "proto/limits.h"

enum { COLUMN_ID, COLUMN_OWNER, COLUMN_STATUS, COLUMN_CONFLICTS, COLUMN_VISIBLE, COLUMN_RECEIVED, COLUMN_CHANGED,
       COLUMN_BYTES, COLUMN_N };

#define STATEMENT_BYTES ((size_t)32 * 1024 * 1024)

static struct span scope_span(const struct scope_id *scope)
{
    return span_of(scope->text, strnlen(scope->text, sizeof scope->text));
}

static struct status read_scope(struct span text, struct scope_id *out_scope)
{
    struct scope_id scope = {{0}};
    if (text.size > sizeof scope.text) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    memcpy(scope.text, text.data, text.size);
    *out_scope = scope;
    return status_ok();
}

static struct status read_status(int64_t number, enum complaint_status *out_status)
{
    if (number < 0 || number >= COMPLAINT_STATUS_COUNT) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_status = (enum complaint_status)number;
    return status_ok();
}

/* The tables are ours, but a database is never trusted: a column out of its range is INVALID. */
static struct status row_read(const PGresult *result, int at, bool with_bytes, struct arena *arena,
                              struct record_row *out_row)
{
    struct record_row row = {0};
    struct span id = pg_span(result, at, COLUMN_ID);
    int64_t conflicts = pg_number(result, at, COLUMN_CONFLICTS);
    if (id.size != sizeof row.id.bytes || conflicts < 0 || conflicts > UINT32_MAX) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    memcpy(row.id.bytes, id.data, id.size);
    TRY(read_scope(pg_span(result, at, COLUMN_OWNER), &row.owner));
    TRY(read_status(pg_number(result, at, COLUMN_STATUS), &row.status));
    row.conflicts = (uint32_t)conflicts;
    row.visible = pg_number(result, at, COLUMN_VISIBLE) != 0;
    row.received_ms = pg_number(result, at, COLUMN_RECEIVED);
    row.changed = (uint64_t)pg_number(result, at, COLUMN_CHANGED);
    if (with_bytes) {
        TRY(pg_copy(result, at, COLUMN_BYTES, arena, &row.bytes));
    }
    *out_row = row;
    return status_ok();
}

/* ---- load ---- */

static struct status load_read(const PGresult *result, size_t count, struct arena *arena, struct record_row *out_rows)
{
    for (int at = 0; at < PQntuples(result); at++) {
        int64_t n = pg_number(result, at, COLUMN_N);
        if (n < 1 || (uint64_t)n > count) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        TRY(row_read(result, at, true, arena, &out_rows[n - 1]));
    }
    return status_ok();
}

struct status pg_records_load(struct store *store, const struct record_id *ids, size_t count, struct arena *arena,
                                    struct record_row *out_rows)
{
    struct postgres_store *s = pg_store_of(store);
    struct postgres_parameters parameters = {0};
    PGresult *result = NULL;
    TRY(pg_inside(s));
    if (count == 0) {
        return status_ok();
    }
    struct span *keys = arena_array(&s->scratch, count, sizeof *keys);
    if (!keys) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        keys[i] = span_of(ids[i].bytes, sizeof ids[i].bytes);
        out_rows[i] = (struct record_row){.id = ids[i]};
    }
    pg_bytes_array(s, &parameters, keys, count);
    TRY(pg_query(s, FIRST_RECORD_QUERY + RECORDS_LOAD, &parameters, &result));
    struct status status = load_read(result, count, arena, out_rows);
    PQclear(result);
    return status;
}

/* ---- save ---- */

/* Columns of the rows that one statement saves. */
struct columns {
    struct span *ids;
    struct span *owners;
    struct span *bytes;
    int64_t *numbers[5]; /* status, conflicts, visible, received, changed */
    size_t count;
};

static struct status columns_make(struct arena *arena, size_t count, struct columns *out_columns)
{
    struct columns columns = {.ids = arena_array(arena, count, sizeof(struct span)),
                              .owners = arena_array(arena, count, sizeof(struct span)),
                              .bytes = arena_array(arena, count, sizeof(struct span))};
    bool made = columns.ids && columns.owners && columns.bytes;
    for (size_t i = 0; i < 5; i++) {
        columns.numbers[i] = arena_array(arena, count, sizeof(int64_t));
        made = made && columns.numbers[i];
    }
    *out_columns = columns;
    return made ? status_ok() : STATUS_MAKE(STATUS_NO_MEMORY);
}

static void columns_add(struct columns *columns, const struct record_row *row)
{
    size_t i = columns->count++;
    columns->ids[i] = span_of(row->id.bytes, sizeof row->id.bytes);
    columns->owners[i] = scope_span(&row->owner);
    columns->bytes[i] = row->bytes;
    columns->numbers[0][i] = row->status;
    columns->numbers[1][i] = row->conflicts;
    columns->numbers[2][i] = row->visible;
    columns->numbers[3][i] = row->received_ms;
    columns->numbers[4][i] = (int64_t)row->changed;
}

static struct status columns_send(struct postgres_store *s, struct columns *columns)
{
    struct postgres_parameters recount = {0};
    struct postgres_parameters save = {0};
    pg_bytes_array(s, &save, columns->ids, columns->count);
    pg_text_array(s, &save, columns->owners, columns->count);
    for (size_t i = 0; i < 5; i++) {
        pg_int8_array(s, &save, columns->numbers[i], columns->count);
    }
    recount = save; /* the first five of the same values */
    recount.count = 5;
    pg_bytes_array(s, &save, columns->bytes, columns->count);
    columns->count = 0;
    recount.failed = save.failed;
    TRY(pg_send(s, FIRST_RECORD_QUERY + RECORDS_RECOUNT, &recount));
    return pg_send(s, FIRST_RECORD_QUERY + RECORDS_SAVE, &save);
}

static int row_order(const void *left, const void *right)
{
    const struct record_row *a = *(const struct record_row *const *)left;
    const struct record_row *b = *(const struct record_row *const *)right;
    int order = memcmp(a->id.bytes, b->id.bytes, sizeof a->id.bytes);
    return order != 0 ? order : a < b ? -1 : a > b;
}

/* Ascending by id, the order in which records are locked; of an id that comes twice the last. */
static struct status save_sorted(struct postgres_store *s, const struct record_row **sorted, size_t count)
{
    struct columns columns;
    size_t bytes = 0;
    TRY(columns_make(&s->scratch, count, &columns));
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && record_id_equal(sorted[i]->id, sorted[i + 1]->id)) {
            continue;
        }
        columns_add(&columns, sorted[i]);
        bytes += sorted[i]->bytes.size;
        if (bytes > STATEMENT_BYTES) {
            TRY(columns_send(s, &columns));
            bytes = 0;
        }
    }
    return columns.count > 0 ? columns_send(s, &columns) : status_ok();
}

static struct status save(struct postgres_store *s, const struct record_row *rows, size_t count)
{
    const struct record_row **sorted = arena_array(&s->scratch, count, sizeof *sorted);
    if (!sorted) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &rows[i];
    }
    qsort(sorted, count, sizeof *sorted, row_order);
    return save_sorted(s, sorted, count);
}

struct status pg_records_save(struct store *store, const struct record_row *rows, size_t count)
{
    struct postgres_store *s = pg_store_of(store);
    if (count == 0) {
        return status_ok();
    }
    TRY(pg_inside_writing(s));
    for (size_t i = 0; i < count; i++) {
        if (rows[i].bytes.size > LIMIT_RECORD_SIZE) {
            return STATUS_MAKE(STATUS_LIMIT);
        }
    }
    struct status status = pg_moves_note_records(s, rows, count);
    status = status_is_ok(status) ? save(s, rows, count) : status;
    s->spoilt |= !status_is_ok(status);
    return status;
}

/* ---- lists and counts ---- */

static struct status list_read(const PGresult *result, bool with_bytes, struct arena *arena, struct record_row *out_rows,
                               size_t *out_count)
{
    int count = PQntuples(result);
    for (int at = 0; at < count; at++) {
        TRY(row_read(result, at, with_bytes, arena, &out_rows[at]));
    }
    *out_count = (size_t)count;
    return status_ok();
}

struct status pg_records_list(struct store *store, const struct record_filter *filter, struct record_id after,
                                    bool with_bytes, size_t limit, struct arena *arena, struct record_row *out_rows,
                                    size_t *out_count)
{
    struct postgres_store *s = pg_store_of(store);
    struct postgres_parameters parameters = {0};
    PGresult *result = NULL;
    unsigned flags = (filter->in_conflict ? LIST_CONFLICT : 0u) | (filter->hidden_too ? LIST_HIDDEN : 0u) |
                     (with_bytes ? LIST_BYTES : 0u);
    TRY(pg_inside(s));
    pg_bytes(s, &parameters, span_of(after.bytes, sizeof after.bytes));
    pg_int8(s, &parameters, limit < LIMIT_SCAN_COUNT ? (int64_t)limit : LIMIT_SCAN_COUNT);
    if (filter->owner.text[0] != 0) {
        flags |= LIST_OWNER;
        pg_bytes(s, &parameters, scope_span(&filter->owner));
    }
    if (filter->status != COMPLAINT_NONE) {
        flags |= LIST_STATUS;
        pg_int8(s, &parameters, filter->status);
    }
    TRY(pg_query(s, FIRST_RECORD_QUERY + RECORDS_LIST + flags, &parameters, &result));
    struct status status = list_read(result, with_bytes, arena, out_rows, out_count);
    PQclear(result);
    return status;
}

static struct status count_read(const PGresult *result, struct record_count *out_counts, size_t capacity, size_t *out_count)
{
    int count = PQntuples(result);
    if ((size_t)count > capacity) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    for (int at = 0; at < count; at++) {
        TRY(read_scope(pg_span(result, at, 0), &out_counts[at].owner));
        TRY(read_status(pg_number(result, at, 1), &out_counts[at].status));
        out_counts[at].count = (uint64_t)pg_number(result, at, 2);
        out_counts[at].conflicts = (uint64_t)pg_number(result, at, 3);
    }
    *out_count = (size_t)count;
    return status_ok();
}

struct status pg_records_count(struct store *store, const struct record_filter *filter,
                                     struct record_count *out_counts, size_t capacity, size_t *out_count)
{
    struct postgres_store *s = pg_store_of(store);
    struct postgres_parameters parameters = {0};
    PGresult *result = NULL;
    TRY(pg_inside(s));
    pg_bytes(s, &parameters, scope_span(&filter->owner));
    pg_int8(s, &parameters, filter->status);
    pg_int8(s, &parameters, filter->hidden_too);
    pg_int8(s, &parameters, filter->in_conflict);
    TRY(pg_query(s, FIRST_RECORD_QUERY + RECORDS_COUNT, &parameters, &result));
    struct status status = count_read(result, out_counts, capacity, out_count);
    PQclear(result);
    return status;
}
