/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "node/figures/figures_parts.h"

/* Lists and search: rows of facts, newest first, a page at a time by (received, id). */

enum { SQL_SIZE = 4096, WORDS_ASKED = 6 };

struct words {
    char text[WORDS_ASKED][48];
    size_t count;
};

static void word_take(void *owner, const char *word, size_t size)
{
    struct words *words = owner;
    if (words->count < WORDS_ASKED) {
        memcpy(words->text[words->count++], word, size + 1);
    }
}

/* Parameters stand at fixed numbers, so that what a filter leaves out is simply not asked. */
static void where_text(const struct figures_filter *filter, const struct words *words, char *out_sql, size_t size)
{
    static const char *const late[FACT_CLOCK_COUNT] = {"due_verify", "due_follow", "due_finish", "due_ombudsman", "due_any"};
    int level = figures_level(filter->span.scope);
    size_t at = (size_t)snprintf(out_sql, size, "FROM facts WHERE counted AND received_ms >= ?1 AND received_ms < ?2%s%s%s%s%s%s",
                                 level == LEVEL_OWNER      ? " AND owner = ?3"
                                 : level == LEVEL_PROVINCE ? " AND province = ?3"
                                                           : "",
                                 filter->status != COMPLAINT_NONE ? " AND status = ?4" : "",
                                 filter->channel != CHANNEL_NONE ? " AND channel = ?5" : "",
                                 filter->category ? " AND category = ?6" : "", filter->opd ? " AND opd = ?7" : "",
                                 filter->in_conflict ? " AND conflicts > 0" : "");
    if (filter->late >= 0) {
        at += (size_t)snprintf(out_sql + at, size - at, " AND %s > 0 AND %s < ?8", late[filter->late], late[filter->late]);
    }
    for (size_t i = 0; i < words->count; i++) {
        at += (size_t)snprintf(out_sql + at, size - at, " AND id IN (SELECT id FROM words WHERE word >= ?%zu AND word < ?%zu || x'ff')",
                               20 + i, 20 + i);
    }
}

static void bind(const struct figures *figures, sqlite3_stmt *query, const struct figures_filter *filter,
                 const struct words *words)
{
    sqlite3_bind_int64(query, 1, figures_day_ms(figures, filter->span.from_day));
    sqlite3_bind_int64(query, 2, figures_day_ms(figures, filter->span.to_day + 1));
    sqlite3_bind_text(query, 3, filter->span.scope, -1, SQLITE_STATIC);
    sqlite3_bind_int(query, 4, (int)filter->status);
    sqlite3_bind_int(query, 5, (int)filter->channel);
    sqlite3_bind_text(query, 6, filter->category, -1, SQLITE_STATIC);
    sqlite3_bind_text(query, 7, filter->opd, -1, SQLITE_STATIC);
    sqlite3_bind_int(query, 8, filter->span.today);
    sqlite3_bind_int64(query, 9, filter->after_ms);
    sqlite3_bind_blob(query, 10, filter->after.bytes, sizeof filter->after.bytes, SQLITE_STATIC);
    for (size_t i = 0; i < words->count; i++) {
        sqlite3_bind_text(query, 20 + (int)i, words->text[i], -1, SQLITE_STATIC);
    }
}

static json_t *row_json(sqlite3_stmt *query)
{
    struct record_id id = {{0}};
    char text[33];
    if (sqlite3_column_bytes(query, 0) == (int)sizeof id.bytes) {
        memcpy(id.bytes, sqlite3_column_blob(query, 0), sizeof id.bytes);
    }
    record_id_text(id, text);
    return json_pack("{s:s,s:s,s:s,s:I,s:s,s:s,s:s,s:s,s:s,s:b,s:b,s:b,s:i,s:[i,i,i,i]}", "id", text, "owner",
                     (const char *)sqlite3_column_text(query, 1), "status",
                     complaint_status_name((enum complaint_status)sqlite3_column_int(query, 2)), "received_ms",
                     (json_int_t)sqlite3_column_int64(query, 3), "title", (const char *)sqlite3_column_text(query, 4),
                     "category", (const char *)sqlite3_column_text(query, 5), "opd",
                     (const char *)sqlite3_column_text(query, 6), "channel",
                     channel_name((enum channel)sqlite3_column_int(query, 7)), "classification",
                     classification_name((enum classification)sqlite3_column_int(query, 8)), "supervisory",
                     sqlite3_column_int(query, 9), "confidential", sqlite3_column_int(query, 10), "anonymous",
                     sqlite3_column_int(query, 11), "conflicts", sqlite3_column_int(query, 12), "due",
                     sqlite3_column_int(query, 13), sqlite3_column_int(query, 14), sqlite3_column_int(query, 15),
                     sqlite3_column_int(query, 16));
}

static json_int_t total_of(struct figures *figures, const struct figures_filter *filter, const struct words *words,
                           const char *where)
{
    char sql[SQL_SIZE];
    sqlite3_stmt *query = NULL;
    (void)snprintf(sql, sizeof sql, "SELECT count(*) %s", where);
    if (!status_is_ok(figures_prepare(figures, sql, &query))) {
        return -1;
    }
    bind(figures, query, filter, words);
    json_int_t total = sqlite3_step(query) == SQLITE_ROW ? sqlite3_column_int64(query, 0) : -1;
    sqlite3_finalize(query);
    return total;
}

json_t *figures_list(struct figures *figures, const struct figures_filter *filter)
{
    char where[SQL_SIZE / 2];
    char sql[SQL_SIZE];
    struct words words = {.count = 0};
    sqlite3_stmt *query = NULL;
    if (filter->words) {
        figures_words(filter->words, word_take, &words);
    }
    where_text(filter, &words, where, sizeof where);
    (void)snprintf(sql, sizeof sql,
                   "SELECT id, owner, status, received_ms, title, category, opd, channel, classification, supervisory,"
                   " confidential, anonymous, conflicts, due_verify, due_follow, due_finish, due_ombudsman %s%s"
                   " ORDER BY received_ms DESC, id DESC LIMIT %d",
                   where, filter->after_ms != 0 ? " AND (received_ms, id) < (?9, ?10)" : "", FIGURES_PAGE + 1);
    if (!status_is_ok(figures_prepare(figures, sql, &query))) {
        return NULL;
    }
    bind(figures, query, filter, &words);
    json_t *records = json_array();
    bool more = false;
    while (!more && sqlite3_step(query) == SQLITE_ROW) {
        more = json_array_size(records) == FIGURES_PAGE;
        if (!more) {
            json_array_append_new(records, row_json(query));
        }
    }
    sqlite3_finalize(query);
    const json_t *last = more ? json_array_get(records, FIGURES_PAGE - 1) : NULL;
    json_t *next = last ? json_pack("{s:O,s:O}", "ms", json_object_get(last, "received_ms"), "id", json_object_get(last, "id"))
                        : json_null();
    return json_pack("{s:I,s:o,s:o}", "total", total_of(figures, filter, &words, where), "records", records, "next", next);
}
