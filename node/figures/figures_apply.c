/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/figures/figures_parts.h"

/* A record's share of each counter is a function of its facts, so a change is: take away the old facts' share, add the
 * new ones'. What both have in common is not touched. */

enum { SHARES_MAX = 16, VALUE_SIZE = sizeof(((struct addition *)0)->value), WORDS_MAX = 24 };

struct share {
    const char *dim;
    int32_t day;
    bool owner_only;
    char value[VALUE_SIZE];
    int64_t total;
};

struct shares {
    struct share list[SHARES_MAX];
    size_t count;
};

static struct share *share_add(struct shares *shares, const char *dim, int32_t day, int64_t total)
{
    struct share *share = &shares->list[shares->count++];
    *share = (struct share){.dim = dim, .day = day, .total = total};
    return share;
}

static void share_number(struct shares *shares, const char *dim, int32_t day, int64_t value, int64_t total)
{
    (void)snprintf(share_add(shares, dim, day, total)->value, VALUE_SIZE, "%lld", (long long)value);
}

static void share_text(struct shares *shares, const char *dim, int32_t day, const char *value)
{
    (void)snprintf(share_add(shares, dim, day, 0)->value, VALUE_SIZE, "%s", value);
}

static void shares_of(const struct fact *fact, int32_t zone_minutes, struct shares *shares)
{
    shares->count = 0;
    if (!fact->counted) {
        return;
    }
    int32_t day = fact_day(fact->received_ms, zone_minutes);
    int32_t speed = fact_follow_up_days(fact);
    share_text(shares, DIM_STATUS, day, complaint_status_name(fact->status));
    share_text(shares, DIM_CHANNEL, day, channel_name(fact->channel));
    share_text(shares, DIM_CATEGORY, day, fact->category);
    if (speed >= 0) {
        share_number(shares, DIM_SPEED, day, speed, fact->followed_ms - fact->disposed_ms);
    }
    if (fact->rating > 0) {
        share_number(shares, DIM_RATING, day, fact->rating, 0);
    }
    if (fact->status == COMPLAINT_SELESAI && fact->closed_ms > 0) {
        share_text(shares, DIM_FINISHED, fact_day(fact->closed_ms, zone_minutes), "");
    }
    for (size_t i = 0; i < FACT_CLOCK_COUNT; i++) {
        if (fact->due_day[i] != 0) {
            share_number(shares, figures_late_dims[i], day, fact->due_day[i], 0);
        }
    }
    if (fact->opd[0]) {
        struct share *opd = share_add(shares, DIM_OPD, day, 0);
        opd->owner_only = true;
        (void)snprintf(opd->value, VALUE_SIZE, "%s\x1f%s", fact->opd, complaint_status_name(fact->status));
    }
}

static bool share_equal(const struct share *a, const struct share *b)
{
    return strcmp(a->dim, b->dim) == 0 && a->day == b->day && a->total == b->total && strcmp(a->value, b->value) == 0;
}

static bool shares_hold(const struct shares *shares, const struct share *share)
{
    for (size_t i = 0; i < shares->count; i++) {
        if (share_equal(&shares->list[i], share)) {
            return true;
        }
    }
    return false;
}

static struct status query_of(struct figures *figures, sqlite3_stmt **slot, const char *sql)
{
    return *slot ? status_ok()
                 : figures_result(figures, sqlite3_prepare_v3(figures->db, sql, -1, SQLITE_PREPARE_PERSISTENT, slot, NULL));
}

static struct status step(struct figures *figures, sqlite3_stmt *query)
{
    struct status status = figures_result(figures, sqlite3_step(query));
    sqlite3_reset(query);
    return status;
}

static struct status count_one(struct figures *figures, const struct share *share, int level, const char *scope,
                               int32_t bucket, int sign)
{
    if (figures->addition_count == figures->addition_capacity) {
        size_t capacity = figures->addition_capacity ? figures->addition_capacity * 2 : 1024;
        struct addition *more = realloc(figures->additions, capacity * sizeof *more);
        if (!more) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
        figures->additions = more;
        figures->addition_capacity = capacity;
    }
    struct addition *addition = &figures->additions[figures->addition_count++];
    *addition = (struct addition){.dim = share->dim, .level = level, .bucket = bucket, .n = sign, .total = sign * share->total};
    (void)snprintf(addition->scope, sizeof addition->scope, "%s", scope);
    memcpy(addition->value, share->value, sizeof addition->value);
    return status_ok();
}

/* In the order of the table's key, so that neighbours are written together. */
static int addition_compare(const void *a, const void *b)
{
    const struct addition *x = a;
    const struct addition *y = b;
    int c = strcmp(x->dim, y->dim);
    c = c ? c : x->level - y->level;
    c = c ? c : (x->bucket > y->bucket) - (x->bucket < y->bucket);
    c = c ? c : strcmp(x->scope, y->scope);
    return c ? c : strcmp(x->value, y->value);
}

static struct status addition_write(struct figures *figures, const struct addition *addition)
{
    sqlite3_stmt *query = figures->add;
    if (addition->n == 0 && addition->total == 0) {
        return status_ok();
    }
    sqlite3_bind_text(query, 1, addition->dim, -1, SQLITE_STATIC);
    sqlite3_bind_int(query, 2, addition->level);
    sqlite3_bind_int(query, 3, addition->bucket);
    sqlite3_bind_text(query, 4, addition->scope, -1, SQLITE_STATIC);
    sqlite3_bind_text(query, 5, addition->value, -1, SQLITE_STATIC);
    sqlite3_bind_int64(query, 6, addition->n);
    sqlite3_bind_int64(query, 7, addition->total);
    return step(figures, query);
}

static struct status additions_write(struct figures *figures)
{
    struct addition *list = figures->additions;
    size_t count = figures->addition_count;
    if (count > 0) {
        qsort(list, count, sizeof *list, addition_compare);
    }
    for (size_t i = 0; i < count;) {
        struct addition sum = list[i++];
        for (; i < count && addition_compare(&sum, &list[i]) == 0; i++) {
            sum.n += list[i].n;
            sum.total += list[i].total;
        }
        TRY(addition_write(figures, &sum));
    }
    return status_ok();
}

static void province_of(const char *owner, char out_province[3])
{
    bool two = figures_level(owner) == LEVEL_PROVINCE || (strlen(owner) > 2 && owner[2] == '.');
    (void)snprintf(out_province, 3, "%.2s", two ? owner : "");
}

static struct status count_share(struct figures *figures, const char *owner, const struct share *share, int sign)
{
    int32_t month = -1 - fact_month(share->day);
    if (!share->owner_only) {
        TRY(count_one(figures, share, LEVEL_NATION, "", share->day, sign));
        TRY(count_one(figures, share, LEVEL_NATION, "", month, sign));
    }
    TRY(count_one(figures, share, LEVEL_OWNER, owner, share->day, sign));
    return count_one(figures, share, LEVEL_OWNER, owner, month, sign);
}

static void owner_text(struct scope_id owner, char out_text[20])
{
    (void)snprintf(out_text, 20, "%.*s", (int)scope_id_size(owner), owner.text);
}

static struct status count_difference(struct figures *figures, const struct fact *old, const struct fact *new)
{
    struct shares before;
    struct shares after;
    char owner[20];
    bool moved = !scope_id_equal(old->owner, new->owner);
    shares_of(old, figures->zone_minutes, &before);
    shares_of(new, figures->zone_minutes, &after);
    owner_text(old->owner, owner);
    for (size_t i = 0; i < before.count; i++) {
        if (moved || !shares_hold(&after, &before.list[i])) {
            TRY(count_share(figures, owner, &before.list[i], -1));
        }
    }
    owner_text(new->owner, owner);
    for (size_t i = 0; i < after.count; i++) {
        if (moved || !shares_hold(&before, &after.list[i])) {
            TRY(count_share(figures, owner, &after.list[i], 1));
        }
    }
    return status_ok();
}

/* ---- words ---- */

/* ASCII is folded; other letters stay as they are. */
void figures_words(const char *text, void (*each)(void *owner, const char *word, size_t size), void *owner)
{
    char word[48];
    size_t size = 0;
    size_t count = 0;
    for (;; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || c >= 0x80) {
            if (size < sizeof word - 1) {
                word[size++] = (char)tolower(c);
            }
            continue;
        }
        if (size >= 2 && count++ < WORDS_MAX) {
            word[size] = 0;
            each(owner, word, size);
        }
        size = 0;
        if (c == 0) {
            return;
        }
    }
}

struct word_job {
    struct figures *figures;
    sqlite3_stmt *query;
    const struct record_id *id;
    struct status status;
};

static void word_write(void *owner, const char *word, size_t size)
{
    struct word_job *job = owner;
    if (!status_is_ok(job->status)) {
        return;
    }
    sqlite3_bind_text(job->query, 1, word, (int)size, SQLITE_STATIC);
    sqlite3_bind_blob(job->query, 2, job->id->bytes, sizeof job->id->bytes, SQLITE_STATIC);
    job->status = step(job->figures, job->query);
}

static struct status words_write(struct figures *figures, sqlite3_stmt *query, const struct fact *fact)
{
    struct word_job job = {.figures = figures, .query = query, .id = &fact->id, .status = status_ok()};
    if (fact->counted) {
        figures_words(fact->title, word_write, &job);
    }
    return job.status;
}

/* ---- facts ---- */

static void column_text(sqlite3_stmt *query, int column, char *out_text, size_t size)
{
    const unsigned char *text = sqlite3_column_text(query, column);
    (void)snprintf(out_text, size, "%s", text ? (const char *)text : "");
}

static void fact_read(sqlite3_stmt *query, struct fact *out_fact)
{
    struct fact *fact = out_fact;
    char owner[20];
    column_text(query, 2, owner, sizeof owner);
    memcpy(fact->owner.text, owner, strnlen(owner, sizeof fact->owner.text));
    fact->counted = sqlite3_column_int(query, 1) != 0;
    fact->status = (enum complaint_status)sqlite3_column_int(query, 3);
    fact->received_ms = sqlite3_column_int64(query, 4);
    fact->disposed_ms = sqlite3_column_int64(query, 5);
    fact->followed_ms = sqlite3_column_int64(query, 6);
    fact->closed_ms = sqlite3_column_int64(query, 7);
    for (int i = 0; i < FACT_CLOCK_COUNT; i++) {
        fact->due_day[i] = sqlite3_column_int(query, 8 + i);
    }
    fact->channel = (enum channel)sqlite3_column_int(query, 13);
    fact->rating = (uint32_t)sqlite3_column_int(query, 14);
    column_text(query, 15, fact->category, sizeof fact->category);
    column_text(query, 16, fact->opd, sizeof fact->opd);
    column_text(query, 17, fact->title, sizeof fact->title);
}

static struct status fact_find(struct figures *figures, struct record_id id, struct fact *out_fact)
{
    static const char sql[] = "SELECT changed, counted, owner, status, received_ms, disposed_ms, followed_ms, closed_ms,"
                              " due_verify, due_follow, due_finish, due_ombudsman, due_any, channel, rating, category, opd, title"
                              " FROM facts WHERE id = ?1";
    TRY(query_of(figures, &figures->find, sql));
    *out_fact = (struct fact){.id = id, .changed = UINT64_MAX};
    sqlite3_bind_blob(figures->find, 1, id.bytes, sizeof id.bytes, SQLITE_STATIC);
    int rc = sqlite3_step(figures->find);
    if (rc == SQLITE_ROW) {
        fact_read(figures->find, out_fact);
        out_fact->changed = (uint64_t)sqlite3_column_int64(figures->find, 0);
    }
    sqlite3_reset(figures->find);
    return figures_result(figures, rc);
}

static struct status fact_save(struct figures *figures, const struct fact *fact)
{
    static const char sql[] = "INSERT OR REPLACE INTO facts VALUES"
                              " (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26)";
    char owner[20];
    char province[3];
    TRY(query_of(figures, &figures->save, sql));
    owner_text(fact->owner, owner);
    province_of(owner, province);
    const int64_t numbers[] = {fact->status,
                               fact->received_ms,
                               fact_day(fact->received_ms, figures->zone_minutes),
                               fact->disposed_ms,
                               fact->followed_ms,
                               fact->closed_ms,
                               fact->due_day[0],
                               fact->due_day[1],
                               fact->due_day[2],
                               fact->due_day[3],
                               fact->due_day[4],
                               fact->channel,
                               fact->classification,
                               fact->supervisory,
                               fact->confidential,
                               fact->anonymous,
                               fact->rating,
                               fact->conflicts};
    sqlite3_stmt *query = figures->save;
    sqlite3_bind_blob(query, 1, fact->id.bytes, sizeof fact->id.bytes, SQLITE_STATIC);
    sqlite3_bind_int64(query, 2, (sqlite3_int64)fact->changed);
    sqlite3_bind_int(query, 3, fact->counted);
    sqlite3_bind_text(query, 4, owner, -1, SQLITE_STATIC);
    sqlite3_bind_text(query, 5, province, -1, SQLITE_STATIC);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sqlite3_bind_int64(query, 6 + (int)i, numbers[i]);
    }
    sqlite3_bind_text(query, 24, fact->category, -1, SQLITE_STATIC);
    sqlite3_bind_text(query, 25, fact->opd, -1, SQLITE_STATIC);
    sqlite3_bind_text(query, 26, fact->title, -1, SQLITE_STATIC);
    return step(figures, query);
}

static struct status apply_one(struct figures *figures, const struct fact *fact)
{
    struct fact old;
    TRY(fact_find(figures, fact->id, &old));
    TRY(count_difference(figures, &old, fact));
    if (old.counted != fact->counted || strcmp(old.title, fact->title) != 0) {
        TRY(words_write(figures, figures->word_drop, &old));
        TRY(words_write(figures, figures->word_add, fact));
    }
    return fact_save(figures, fact);
}

static struct status apply_all(struct figures *figures, const struct fact *facts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        TRY(apply_one(figures, &facts[i]));
    }
    return additions_write(figures);
}

struct status figures_apply(struct figures *figures, const struct fact *facts, size_t count)
{
    static const char add_sql[] = "INSERT INTO figures VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE"
                                  " SET n = n + excluded.n, total = total + excluded.total";
    TRY(query_of(figures, &figures->add, add_sql));
    TRY(query_of(figures, &figures->word_add, "INSERT OR IGNORE INTO words VALUES (?1, ?2)"));
    TRY(query_of(figures, &figures->word_drop, "DELETE FROM words WHERE word = ?1 AND id = ?2"));
    TRY(figures_result(figures, sqlite3_exec(figures->db, "BEGIN IMMEDIATE", NULL, NULL, NULL)));
    figures->addition_count = 0;
    struct status status = apply_all(figures, facts, count);
    int rc = sqlite3_exec(figures->db, status_is_ok(status) ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL);
    return status_is_ok(status) ? figures_result(figures, rc) : status;
}

struct status figures_changed(struct figures *figures, const struct record_id *ids, size_t count, uint64_t *out_changed)
{
    for (size_t i = 0; i < count; i++) {
        struct fact fact;
        TRY(fact_find(figures, ids[i], &fact));
        out_changed[i] = fact.changed;
    }
    return status_ok();
}
