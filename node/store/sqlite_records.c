/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>

#include "node/store/sqlite_parts.h"
#include "proto/limits.h"

#define COLUMNS "id, owner, status, conflicts, visible, received_ms, changed"

static const char load_sql[] = "SELECT " COLUMNS ", bytes, number FROM records WHERE id = ?1";
static const char find_sql[] = "SELECT " COLUMNS ", 0, number FROM records WHERE id = ?1";
/* SQLite writes the entry of every index whose columns a statement names, changed or not, and most changes of a record
 * change none of them: so what stands in the row decides which statement is taken. */
static const char insert_sql[] = "INSERT INTO records (" COLUMNS ", bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
static const char save_sql[] =
    "UPDATE records SET owner = ?2, status = ?3, conflicts = ?4, visible = ?5, received_ms = ?6,"
    " changed = ?7, bytes = ?8 WHERE number = ?9";
static const char save_bytes_sql[] =
    "UPDATE records SET visible = ?5, received_ms = ?6, changed = ?7, bytes = ?8 WHERE number = ?9";
static const char save_status_sql[] =
    "UPDATE records SET status = ?3, visible = ?5, received_ms = ?6, changed = ?7, bytes = ?8 WHERE number = ?9";
static const char recount_sql[] = "INSERT INTO record_counts VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET"
                                  " count = count + excluded.count, conflicts = conflicts + excluded.conflicts";
/* ?1 owner or '', ?2 status or 0, ?3 hidden too, ?4 in conflict. Groups that ran empty stay as zeros. */
static const char count_sql[] =
    "SELECT owner, status, SUM(CASE WHEN ?4 THEN conflicts ELSE count END) AS n, SUM(conflicts) FROM record_counts"
    " WHERE (?1 = '' OR owner = ?1) AND (?2 = 0 OR status = ?2) AND (?3 OR visible)"
    " GROUP BY owner, status HAVING n > 0 ORDER BY owner, status";

/* The scope outlives the step. */
static int bind_scope(sqlite3_stmt *query, int index, const struct scope_id *scope)
{
    return sqlite3_bind_text(query, index, scope->text, (int)strnlen(scope->text, sizeof scope->text), SQLITE_STATIC);
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

static struct known_record *known_place(struct sqlite_store *s, struct record_id id)
{
    return &s->known[((size_t)id.bytes[0] << 8 | id.bytes[1]) % KNOWN_COUNT]; /* ids are hashes */
}

void sqlite_records_forget(struct sqlite_store *s)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        s->known[i].used = false;
    }
}

static void known_set(struct sqlite_store *s, const struct record_row *row, sqlite3_int64 number)
{
    *known_place(s, row->id) = (struct known_record){.id = row->id,
                                                     .owner = row->owner,
                                                     .number = number,
                                                     .conflicts = row->conflicts,
                                                     .status = (uint8_t)row->status,
                                                     .visible = row->visible,
                                                     .used = true};
}

static struct status row_find(struct sqlite_store *s, sqlite3_stmt *query, struct record_id id, bool with_bytes,
                              struct arena *arena, struct record_row *out_row)
{
    struct record_row row = {.id = id};
    int rc = sqlite3_bind_blob(query, 1, id.bytes, (int)sizeof id.bytes, SQLITE_STATIC);
    rc = rc ? rc : sqlite3_step(query);
    struct status status = rc == SQLITE_ROW ? row_read(query, with_bytes, arena, &row) : sqlite_result(s, rc);
    if (status_is_ok(status)) {
        known_set(s, &row, rc == SQLITE_ROW ? sqlite3_column_int64(query, 8) : 0);
        *out_row = row;
    }
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
        TRY(row_find(s, query, ids[i], true, arena, &out_rows[i]));
    }
    return status_ok();
}

/* What the record's row holds now. */
static struct status known_find(struct sqlite_store *s, struct record_id id, struct known_record *out_known)
{
    const struct known_record *known = known_place(s, id);
    if (!known->used || !record_id_equal(known->id, id)) {
        sqlite3_stmt *query = NULL;
        struct record_row row;
        TRY(sqlite_query(s, &s->plain_queries[QUERY_RECORD_FIND], find_sql, &query));
        TRY(row_find(s, query, id, false, NULL, &row));
    }
    *out_known = *known;
    return status_ok();
}

static enum plain_query save_choose(const struct record_row *row, const struct known_record *old)
{
    if (old->number == 0) {
        return QUERY_RECORD_INSERT;
    }
    if (old->conflicts != row->conflicts || !scope_id_equal(old->owner, row->owner)) {
        return QUERY_RECORD_SAVE;
    }
    return old->status != (uint8_t)row->status ? QUERY_RECORD_SAVE_STATUS : QUERY_RECORD_SAVE_BYTES;
}

static int save_bind(sqlite3_stmt *query, enum plain_query kind, const struct record_row *row, sqlite3_int64 number)
{
    bool whole = kind == QUERY_RECORD_INSERT || kind == QUERY_RECORD_SAVE;
    int rc = kind == QUERY_RECORD_INSERT
                 ? sqlite3_bind_blob(query, 1, row->id.bytes, (int)sizeof row->id.bytes, SQLITE_STATIC)
                 : sqlite3_bind_int64(query, 9, number);
    rc = rc || !whole ? rc : bind_scope(query, 2, &row->owner);
    rc = rc || kind == QUERY_RECORD_SAVE_BYTES ? rc : sqlite3_bind_int(query, 3, (int)row->status);
    rc = rc || !whole ? rc : sqlite3_bind_int64(query, 4, row->conflicts);
    rc = rc ? rc : sqlite3_bind_int(query, 5, row->visible);
    rc = rc ? rc : sqlite3_bind_int64(query, 6, row->received_ms);
    rc = rc ? rc : sqlite3_bind_int64(query, 7, (sqlite3_int64)row->changed);
    return rc ? rc : sqlite_bind_span(query, 8, row->bytes);
}

/* ---- counts: what a batch changes in them is gathered, then written once a group ---- */

#define RECOUNT_GROUPS 16

struct recount {
    struct recount_group {
        struct scope_id owner;
        uint8_t status;
        bool visible;
        int64_t count, conflicts;
    } groups[RECOUNT_GROUPS];
    size_t count;
};

static struct status recount_write(struct sqlite_store *s, struct recount *recount)
{
    sqlite3_stmt *query = NULL;
    TRY(sqlite_query(s, &s->plain_queries[QUERY_RECORD_RECOUNT], recount_sql, &query));
    for (size_t i = 0; i < recount->count; i++) {
        const struct recount_group *group = &recount->groups[i];
        if (group->count == 0 && group->conflicts == 0) {
            continue;
        }
        int rc = bind_scope(query, 1, &group->owner);
        rc = rc ? rc : sqlite3_bind_int(query, 2, group->status);
        rc = rc ? rc : sqlite3_bind_int(query, 3, group->visible);
        rc = rc ? rc : sqlite3_bind_int64(query, 4, group->count);
        rc = rc ? rc : sqlite3_bind_int64(query, 5, group->conflicts);
        TRY(rc ? sqlite_result(s, rc) : sqlite_run(s, query));
    }
    recount->count = 0;
    return status_ok();
}

static struct status recount_add(struct sqlite_store *s, struct recount *recount, const struct recount_group *change)
{
    for (size_t i = 0; i < recount->count; i++) {
        struct recount_group *group = &recount->groups[i];
        if (group->status == change->status && group->visible == change->visible &&
            scope_id_equal(group->owner, change->owner)) {
            group->count += change->count;
            group->conflicts += change->conflicts;
            return status_ok();
        }
    }
    if (recount->count == RECOUNT_GROUPS) {
        TRY(recount_write(s, recount));
    }
    recount->groups[recount->count++] = *change;
    return status_ok();
}

static struct status recount_row(struct sqlite_store *s, struct recount *recount, const struct record_row *row,
                                 const struct known_record *old)
{
    struct recount_group before = {.owner = old->owner,
                                   .status = old->status,
                                   .visible = old->visible,
                                   .count = -1,
                                   .conflicts = -(old->conflicts > 0)};
    struct recount_group after = {.owner = row->owner,
                                  .status = (uint8_t)row->status,
                                  .visible = row->visible,
                                  .count = 1,
                                  .conflicts = row->conflicts > 0};
    if (old->number != 0) {
        TRY(recount_add(s, recount, &before));
    }
    return recount_add(s, recount, &after);
}

static struct status save_one(struct sqlite_store *s, const struct record_row *row, struct recount *recount)
{
    static const char *const texts[QUERY_PLAIN_COUNT] = {[QUERY_RECORD_INSERT] = insert_sql,
                                                         [QUERY_RECORD_SAVE] = save_sql,
                                                         [QUERY_RECORD_SAVE_BYTES] = save_bytes_sql,
                                                         [QUERY_RECORD_SAVE_STATUS] = save_status_sql};
    struct known_record old;
    sqlite3_stmt *query = NULL;
    TRY(known_find(s, row->id, &old));
    enum plain_query kind = save_choose(row, &old);
    TRY(sqlite_query(s, &s->plain_queries[kind], texts[kind], &query));
    int rc = save_bind(query, kind, row, old.number);
    TRY(rc ? sqlite_result(s, rc) : sqlite_run(s, query));
    known_set(s, row, kind == QUERY_RECORD_INSERT ? sqlite3_last_insert_rowid(s->db) : old.number);
    return recount_row(s, recount, row, &old);
}

static struct status save_all(struct sqlite_store *s, const struct record_row *rows, size_t count)
{
    struct recount recount = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        TRY(save_one(s, &rows[i], &recount));
    }
    return recount_write(s, &recount);
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
    return count > 0 ? sqlite_wrote(s, save_all(s, rows, count)) : status_ok();
}

/* Which rows, smallest id first. The index is named, because a planner without statistics cannot know which one also
 * gives the order. Where only owner or only status is asked for, each group that has members gives its first ids, at
 * most as many as are wanted, and these are sorted: nothing is read that grows with the table. */
static const char *list_from(bool by_owner, bool by_status, bool in_conflict)
{
    if (in_conflict) {
        return "records INDEXED BY records_in_conflict";
    }
    if (by_owner && by_status) {
        return "records INDEXED BY records_by_owner_status";
    }
    return by_owner || by_status ? NULL : "records";
}

static const char grouped_sql[] =
    "SELECT " COLUMNS "%s FROM records WHERE number IN (SELECT r.number FROM"
    " (SELECT DISTINCT owner AS o, status AS s FROM record_counts WHERE count > 0%s%s) CROSS JOIN records AS r"
    " WHERE r.number IN (SELECT number FROM records INDEXED BY records_by_owner_status"
    " WHERE owner = o AND status = s AND id > ?1%s ORDER BY id LIMIT ?2) ORDER BY r.id LIMIT ?2) ORDER BY +id";

static void list_text(char *sql, size_t size, const struct record_filter *filter, bool with_bytes)
{
    bool by_owner = filter->owner.text[0] != 0;
    bool by_status = filter->status != COMPLAINT_NONE;
    const char *from = list_from(by_owner, by_status, filter->in_conflict);
    const char *owner = by_owner ? " AND owner = ?3" : "";
    const char *status = by_status ? " AND status = ?4" : "";
    const char *bytes = with_bytes ? ", bytes" : "";
    const char *visible = filter->hidden_too ? "" : " AND visible";
    if (from) {
        snprintf(sql, size, "SELECT " COLUMNS "%s FROM %s WHERE id > ?1%s%s%s%s ORDER BY id LIMIT ?2", bytes, from,
                 owner, status, filter->in_conflict ? " AND conflicts > 0" : "", visible);
    } else {
        snprintf(sql, size, grouped_sql, bytes, owner, status, visible);
    }
}

static struct status list_query(struct sqlite_store *s, const struct record_filter *filter, bool with_bytes,
                                sqlite3_stmt **out_query)
{
    bool by_owner = filter->owner.text[0] != 0;
    bool by_status = filter->status != COMPLAINT_NONE;
    char sql[768];
    list_text(sql, sizeof sql, filter, with_bytes);
    size_t slot = (size_t)by_owner | (size_t)by_status << 1 | (size_t)filter->in_conflict << 2 |
                  (size_t)filter->hidden_too << 3 | (size_t)with_bytes << 4;
    TRY(sqlite_query(s, &s->list_queries[slot], sql, out_query));
    if (by_owner) {
        bind_scope(*out_query, 3, &filter->owner);
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
    bind_scope(query, 1, &filter->owner);
    sqlite3_bind_int(query, 2, (int)filter->status);
    sqlite3_bind_int(query, 3, filter->hidden_too);
    sqlite3_bind_int(query, 4, filter->in_conflict);
    struct status status = count_read(s, query, out_counts, capacity, out_count);
    sqlite3_reset(query);
    return status;
}
