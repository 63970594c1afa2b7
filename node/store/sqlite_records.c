/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>

#include "node/store/sqlite_parts.h"
#include "proto/limits.h"

#define COLUMNS "id, owner, status, conflicts, visible, received_ms, changed"

static const char load_sql[] = "SELECT " COLUMNS ", bytes FROM records WHERE id = ?1";
static const char save_sql[] =
    "INSERT INTO records (" COLUMNS ", bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    " ON CONFLICT DO UPDATE SET owner = excluded.owner, status = excluded.status, conflicts = excluded.conflicts,"
    " visible = excluded.visible, received_ms = excluded.received_ms, changed = excluded.changed,"
    " bytes = excluded.bytes";
/* SQLite writes the entry of every index whose columns a statement names, changed or not, and most changes of a record
 * change none of them: so the columns are looked at first. */
static const char find_sql[] = "SELECT rowid, owner, status, conflicts, visible FROM records WHERE id = ?1";
static const char save_bytes_sql[] = "UPDATE records SET received_ms = ?6, changed = ?7, bytes = ?8 WHERE rowid = ?9";
static const char save_status_sql[] =
    "UPDATE records SET status = ?3, visible = ?5, received_ms = ?6, changed = ?7, bytes = ?8 WHERE rowid = ?9";
/* ?1 owner or '', ?2 status or 0, ?3 hidden too, ?4 in conflict. Groups that ran empty stay as zeros. */
static const char count_sql[] =
    "SELECT owner, status, SUM(CASE WHEN ?4 THEN conflicts ELSE count END) AS n, SUM(conflicts) FROM record_counts"
    " WHERE (?1 = '' OR owner = ?1) AND (?2 = 0 OR status = ?2) AND (?3 OR visible)"
    " GROUP BY owner, status HAVING n > 0 ORDER BY owner, status";

static int bind_scope(sqlite3_stmt *query, int index, struct scope_id scope)
{
    return sqlite3_bind_text(query, index, scope.text, (int)strnlen(scope.text, sizeof scope.text), SQLITE_TRANSIENT);
}

static struct status column_scope(sqlite3_stmt *query, int column, struct scope_id *out_scope)
{
    const void *text = sqlite3_column_blob(query, column);
    size_t size = (size_t)sqlite3_column_bytes(query, column);
    if (size > sizeof out_scope->text) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct scope_id scope = {{0}};
    if (size > 0) {
        memcpy(scope.text, text, size);
    }
    *out_scope = scope;
    return status_ok();
}

static struct status column_status(sqlite3_stmt *query, int column, enum complaint_status *out_status)
{
    int64_t status = sqlite3_column_int64(query, column);
    if (status < 0 || status >= COMPLAINT_STATUS_COUNT) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_status = (enum complaint_status)status;
    return status_ok();
}

/* The file is ours, but a file is never trusted: a column out of its range is INVALID. */
static struct status row_read(sqlite3_stmt *query, bool with_bytes, struct arena *arena, struct record_row *out_row)
{
    struct record_row row = {0};
    if (sqlite3_column_bytes(query, 0) != (int)sizeof row.id.bytes) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    memcpy(row.id.bytes, sqlite3_column_blob(query, 0), sizeof row.id.bytes);
    TRY(column_scope(query, 1, &row.owner));
    TRY(column_status(query, 2, &row.status));
    row.conflicts = (uint32_t)sqlite3_column_int64(query, 3);
    row.visible = sqlite3_column_int(query, 4) != 0;
    row.received_ms = sqlite3_column_int64(query, 5);
    row.changed = (uint64_t)sqlite3_column_int64(query, 6);
    if (with_bytes) {
        TRY(sqlite_column_span(query, 7, arena, &row.bytes));
    }
    *out_row = row;
    return status_ok();
}

static struct status load_one(struct sqlite_store *s, sqlite3_stmt *query, struct record_id id, struct arena *arena,
                              struct record_row *out_row)
{
    sqlite3_bind_blob(query, 1, id.bytes, (int)sizeof id.bytes, SQLITE_TRANSIENT);
    int rc = sqlite3_step(query);
    *out_row = (struct record_row){.id = id};
    struct status status = rc == SQLITE_ROW ? row_read(query, true, arena, out_row) : sqlite_result(s, rc);
    sqlite3_reset(query);
    return status;
}

struct status sqlite_records_load(struct store *store, const struct record_id *ids, size_t count, struct arena *arena,
                                  struct record_row *out_rows)
{
    struct sqlite_store *s = sqlite_store_of(store);
    sqlite3_stmt *query = NULL;
    TRY(sqlite_inside(s));
    TRY(sqlite_query(s, &s->plain_queries[QUERY_RECORD_LOAD], load_sql, &query));
    for (size_t i = 0; i < count; i++) {
        TRY(load_one(s, query, ids[i], arena, &out_rows[i]));
    }
    return status_ok();
}

/* Which statement writes this row with the fewest index entries. */
static struct status save_choose(struct sqlite_store *s, const struct record_row *row, enum plain_query *out_kind,
                                 sqlite3_int64 *out_rowid)
{
    sqlite3_stmt *query = NULL;
    struct record_row old = {0};
    TRY(sqlite_query(s, &s->plain_queries[QUERY_RECORD_FIND], find_sql, &query));
    int rc = sqlite3_bind_blob(query, 1, row->id.bytes, (int)sizeof row->id.bytes, SQLITE_STATIC);
    rc = rc ? rc : sqlite3_step(query);
    struct status status = sqlite_result(s, rc);
    *out_kind = QUERY_RECORD_SAVE;
    if (rc == SQLITE_ROW && status_is_ok(column_scope(query, 1, &old.owner)) &&
        status_is_ok(column_status(query, 2, &old.status)) && scope_id_equal(old.owner, row->owner) &&
        (uint32_t)sqlite3_column_int64(query, 3) == row->conflicts) {
        bool same = old.status == row->status && (sqlite3_column_int(query, 4) != 0) == row->visible;
        *out_kind = same ? QUERY_RECORD_SAVE_BYTES : QUERY_RECORD_SAVE_STATUS;
        *out_rowid = sqlite3_column_int64(query, 0);
    }
    sqlite3_reset(query);
    return status;
}

static struct status save_one(struct sqlite_store *s, const struct record_row *row)
{
    static const char *const texts[QUERY_PLAIN_COUNT] = {[QUERY_RECORD_SAVE] = save_sql,
                                                         [QUERY_RECORD_SAVE_BYTES] = save_bytes_sql,
                                                         [QUERY_RECORD_SAVE_STATUS] = save_status_sql};
    enum plain_query kind;
    sqlite3_int64 rowid = 0;
    sqlite3_stmt *query = NULL;
    TRY(save_choose(s, row, &kind, &rowid));
    TRY(sqlite_query(s, &s->plain_queries[kind], texts[kind], &query));
    bool whole = kind == QUERY_RECORD_SAVE;
    bool moves = kind != QUERY_RECORD_SAVE_BYTES;
    int rc = whole ? sqlite3_bind_blob(query, 1, row->id.bytes, (int)sizeof row->id.bytes, SQLITE_STATIC)
                   : sqlite3_bind_int64(query, 9, rowid);
    rc = rc || !whole ? rc : bind_scope(query, 2, row->owner);
    rc = rc || !whole ? rc : sqlite3_bind_int64(query, 4, row->conflicts);
    rc = rc || !moves ? rc : sqlite3_bind_int(query, 3, (int)row->status);
    rc = rc || !moves ? rc : sqlite3_bind_int(query, 5, row->visible);
    rc = rc ? rc : sqlite3_bind_int64(query, 6, row->received_ms);
    rc = rc ? rc : sqlite3_bind_int64(query, 7, (sqlite3_int64)row->changed);
    rc = rc ? rc : sqlite_bind_span(query, 8, row->bytes);
    return rc ? sqlite_result(s, rc) : sqlite_run(s, query);
}

struct status sqlite_records_save(struct store *store, const struct record_row *rows, size_t count)
{
    struct sqlite_store *s = sqlite_store_of(store);
    TRY(sqlite_wrote(s, sqlite_inside(s)));
    for (size_t i = 0; i < count; i++) {
        if (rows[i].bytes.size > LIMIT_RECORD_SIZE) {
            return STATUS_MAKE(STATUS_LIMIT);
        }
    }
    for (size_t i = 0; i < count; i++) {
        TRY(sqlite_wrote(s, save_one(s, &rows[i])));
    }
    return status_ok();
}

/* The index is named, because a planner without statistics cannot know which one also gives the order. */
static const char *list_index(bool by_owner, bool by_status, bool in_conflict)
{
    if (in_conflict) {
        return "INDEXED BY records_in_conflict";
    }
    if (by_owner) {
        return by_status ? "INDEXED BY records_by_owner_status" : "INDEXED BY records_by_owner";
    }
    return by_status ? "INDEXED BY records_by_status" : "";
}

static struct status list_query(struct sqlite_store *s, const struct record_filter *filter, bool with_bytes,
                                sqlite3_stmt **out_query)
{
    bool by_owner = filter->owner.text[0] != 0;
    bool by_status = filter->status != COMPLAINT_NONE;
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT " COLUMNS "%s FROM records %s WHERE id > ?1%s%s%s%s ORDER BY id LIMIT ?2",
             with_bytes ? ", bytes" : "", list_index(by_owner, by_status, filter->in_conflict),
             by_owner ? " AND owner = ?3" : "", by_status ? " AND status = ?4" : "",
             filter->in_conflict ? " AND conflicts > 0" : "", filter->hidden_too ? "" : " AND visible");
    size_t slot = (size_t)by_owner | (size_t)by_status << 1 | (size_t)filter->in_conflict << 2 |
                  (size_t)filter->hidden_too << 3 | (size_t)with_bytes << 4;
    TRY(sqlite_query(s, &s->list_queries[slot], sql, out_query));
    if (by_owner) {
        bind_scope(*out_query, 3, filter->owner);
    }
    if (by_status) {
        sqlite3_bind_int(*out_query, 4, (int)filter->status);
    }
    return status_ok();
}

static struct status list_read(struct sqlite_store *s, sqlite3_stmt *query, bool with_bytes, struct arena *arena,
                               struct record_row *out_rows, size_t *out_count)
{
    size_t count = 0;
    int rc;
    while ((rc = sqlite3_step(query)) == SQLITE_ROW) {
        TRY(row_read(query, with_bytes, arena, &out_rows[count]));
        count++;
    }
    TRY(sqlite_result(s, rc));
    *out_count = count;
    return status_ok();
}

struct status sqlite_records_list(struct store *store, const struct record_filter *filter, struct record_id after,
                                  bool with_bytes, size_t limit, struct arena *arena, struct record_row *out_rows,
                                  size_t *out_count)
{
    struct sqlite_store *s = sqlite_store_of(store);
    sqlite3_stmt *query = NULL;
    TRY(sqlite_inside(s));
    TRY(list_query(s, filter, with_bytes, &query));
    sqlite3_bind_blob(query, 1, after.bytes, (int)sizeof after.bytes, SQLITE_TRANSIENT);
    sqlite3_bind_int64(query, 2, limit < LIMIT_SCAN_COUNT ? (sqlite3_int64)limit : LIMIT_SCAN_COUNT);
    struct status status = list_read(s, query, with_bytes, arena, out_rows, out_count);
    sqlite3_reset(query);
    return status;
}

static struct status count_read(struct sqlite_store *s, sqlite3_stmt *query, struct record_count *out_counts,
                                size_t capacity, size_t *out_count)
{
    size_t count = 0;
    int rc;
    while ((rc = sqlite3_step(query)) == SQLITE_ROW) {
        if (count == capacity) {
            return STATUS_MAKE(STATUS_LIMIT);
        }
        TRY(column_scope(query, 0, &out_counts[count].owner));
        TRY(column_status(query, 1, &out_counts[count].status));
        out_counts[count].count = (uint64_t)sqlite3_column_int64(query, 2);
        out_counts[count].conflicts = (uint64_t)sqlite3_column_int64(query, 3);
        count++;
    }
    TRY(sqlite_result(s, rc));
    *out_count = count;
    return status_ok();
}

struct status sqlite_records_count(struct store *store, const struct record_filter *filter,
                                   struct record_count *out_counts, size_t capacity, size_t *out_count)
{
    struct sqlite_store *s = sqlite_store_of(store);
    sqlite3_stmt *query = NULL;
    TRY(sqlite_inside(s));
    TRY(sqlite_query(s, &s->plain_queries[QUERY_RECORD_COUNT], count_sql, &query));
    bind_scope(query, 1, filter->owner);
    sqlite3_bind_int(query, 2, (int)filter->status);
    sqlite3_bind_int(query, 3, filter->hidden_too);
    sqlite3_bind_int(query, 4, filter->in_conflict);
    struct status status = count_read(s, query, out_counts, capacity, out_count);
    sqlite3_reset(query);
    return status;
}
