/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "node/figures/figures_parts.h"

/* Sums over counters. A span is whole months and the days at its ends, so its cost does not grow with its length in days. */

enum { BUCKETS_TEXT = 4096, SPAN_YEARS_MAX = 15 };

struct question {
    struct figures *figures;
    const struct figures_span *span;
    sqlite3_stmt *query;
};

static void buckets_text(const struct figures_span *span, char *out_text)
{
    size_t at = 0;
    int32_t first = span->from_day;
    int32_t last = span->to_day;
    if (last - first > SPAN_YEARS_MAX * 366) {
        first = last - SPAN_YEARS_MAX * 366;
    }
    out_text[0] = 0;
    for (int32_t day = first; day <= last && at < BUCKETS_TEXT - 32;) {
        int32_t month = fact_month(day);
        int32_t next = fact_month_first_day(month + 1);
        bool whole = day == fact_month_first_day(month) && next - 1 <= last;
        at += (size_t)snprintf(out_text + at, BUCKETS_TEXT - at, "%s(%d)", at ? "," : "", whole ? -1 - month : day);
        day = whole ? next : day + 1;
    }
    if (at == 0) {
        (void)snprintf(out_text, BUCKETS_TEXT, "(NULL)");
    }
}

/* `tail` goes on after "FROM spans, figures f WHERE dim, level and bucket fit". ?1 dimension, ?2 level, ?3 scope. */
static struct status ask(struct question *question, const char *columns, const char *tail, const char *dim, int level)
{
    char buckets[BUCKETS_TEXT];
    char sql[BUCKETS_TEXT + 1024];
    buckets_text(question->span, buckets);
    (void)snprintf(sql, sizeof sql,
                   "WITH spans(b) AS (VALUES %s) SELECT %s FROM spans CROSS JOIN figures f"
                   " WHERE f.dim = ?1 AND f.level = ?2 AND f.bucket = spans.b %s",
                   buckets, columns, tail);
    sqlite3_finalize(question->query);
    question->query = NULL;
    TRY(figures_prepare(question->figures, sql, &question->query));
    sqlite3_bind_text(question->query, 1, dim, -1, SQLITE_STATIC);
    sqlite3_bind_int(question->query, 2, level);
    sqlite3_bind_text(question->query, 3, question->span->scope, -1, SQLITE_STATIC);
    return status_ok();
}

static const char *text_at(sqlite3_stmt *query, int column)
{
    const unsigned char *text = sqlite3_column_text(query, column);
    return text ? (const char *)text : "";
}

/* ---- one object per scope ---- */

static json_t *object_of(json_t *objects, const char *scope)
{
    json_t *object = json_object_get(objects, scope);
    if (!object) {
        object = json_pack("{s:s,s:i,s:{},s:{},s:{s:i},s:{s:i}}", "scope", scope, "received", 0, "status", "late",
                           "follow_up", "n", 0, "rating", "n", 0);
        json_object_set_new(objects, scope, object);
    }
    return object;
}

static void number_add(json_t *object, const char *name, json_int_t more)
{
    json_object_set_new(object, name, json_integer(json_integer_value(json_object_get(object, name)) + more));
}

/* Which counters, and what they are grouped by. A province is the sum of its owners. */
struct part {
    int level;
    const char *group;
    const char *where;
};

#define OF_PROVINCE "AND f.scope >= ?3 || '.' AND f.scope < ?3 || '/'"
static const struct part by_level[] = {
    [LEVEL_NATION] = {LEVEL_NATION, "f.scope", "AND f.scope = ?3"},
    [LEVEL_PROVINCE] = {LEVEL_OWNER, "?3", OF_PROVINCE},
    [LEVEL_OWNER] = {LEVEL_OWNER, "f.scope", "AND f.scope = ?3"},
};
static const struct part owners_of_nation = {LEVEL_OWNER, "f.scope", ""};
static const struct part owners_of_province = {LEVEL_OWNER, "f.scope", OF_PROVINCE};
static const struct part all_provinces = {LEVEL_OWNER, "substr(f.scope, 1, 2)", "AND f.scope GLOB '[0-9][0-9].*'"};

struct reading {
    struct question question;
    json_t *objects; /* by scope */
    const struct part *part;
};

static struct status read_statuses(struct reading *reading)
{
    char tail[256];
    char columns[128];
    (void)snprintf(columns, sizeof columns, "%s, f.value, sum(f.n)", reading->part->group);
    (void)snprintf(tail, sizeof tail, "%s GROUP BY 1, 2 HAVING sum(f.n) > 0", reading->part->where);
    TRY(ask(&reading->question, columns, tail, DIM_STATUS, reading->part->level));
    sqlite3_stmt *query = reading->question.query;
    while (sqlite3_step(query) == SQLITE_ROW) {
        json_t *object = object_of(reading->objects, text_at(query, 0));
        number_add(object, "received", sqlite3_column_int64(query, 2));
        number_add(json_object_get(object, "status"), text_at(query, 1), sqlite3_column_int64(query, 2));
    }
    return status_ok();
}

static struct status read_late(struct reading *reading)
{
    static const char *const names[FACT_CLOCK_COUNT] = {"verify", "follow", "finish", "ombudsman", "any"};
    char tail[256];
    char columns[128];
    (void)snprintf(columns, sizeof columns, "%s, sum(f.n)", reading->part->group);
    (void)snprintf(tail, sizeof tail, "AND CAST(f.value AS INTEGER) < ?4 %s GROUP BY 1 HAVING sum(f.n) > 0",
                   reading->part->where);
    for (size_t i = 0; i < FACT_CLOCK_COUNT; i++) {
        TRY(ask(&reading->question, columns, tail, figures_late_dims[i], reading->part->level));
        sqlite3_stmt *query = reading->question.query;
        sqlite3_bind_int(query, 4, reading->question.span->today);
        while (sqlite3_step(query) == SQLITE_ROW) {
            json_t *object = object_of(reading->objects, text_at(query, 0));
            number_add(json_object_get(object, "late"), names[i], sqlite3_column_int64(query, 1));
        }
    }
    return status_ok();
}

/* Mean of milliseconds, median of the whole days that the counters are kept by; the days come in ascending order. */
struct spread {
    char scope[20];
    json_int_t n;
    double total;
    json_int_t counts[FACT_DAYS_MAX + 1];
};

static void spread_put(const struct spread *spread, json_t *objects, const char *name, double unit)
{
    if (spread->n == 0) {
        return;
    }
    json_int_t below = 0;
    double low = -1;
    double high = -1;
    for (int value = 0; value <= FACT_DAYS_MAX && high < 0; value++) {
        below += spread->counts[value];
        low = low < 0 && below * 2 >= spread->n ? value : low;
        high = below * 2 > spread->n ? value : high;
    }
    json_object_set_new(object_of(objects, spread->scope), name,
                        json_pack("{s:I,s:f,s:f}", "n", spread->n, "mean", spread->total / (double)spread->n / unit, "median",
                                  (low + high) / 2));
}

static struct status read_spread(struct reading *reading, const char *dim, const char *name, bool of_totals)
{
    char tail[256];
    char columns[128];
    struct spread *spread = calloc(1, sizeof *spread);
    if (!spread) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    (void)snprintf(tail, sizeof tail, "%s GROUP BY 1, 2 HAVING sum(f.n) > 0 ORDER BY 1", reading->part->where);
    (void)snprintf(columns, sizeof columns, "%s, CAST(f.value AS INTEGER), sum(f.n), sum(f.total)", reading->part->group);
    struct status status = ask(&reading->question, columns, tail, dim, reading->part->level);
    sqlite3_stmt *query = reading->question.query;
    double unit = of_totals ? 86400000.0 : 1;
    while (status_is_ok(status) && sqlite3_step(query) == SQLITE_ROW) {
        if (strcmp(spread->scope, text_at(query, 0)) != 0) {
            spread_put(spread, reading->objects, name, unit);
            *spread = (struct spread){0};
            (void)snprintf(spread->scope, sizeof spread->scope, "%s", text_at(query, 0));
        }
        int value = sqlite3_column_int(query, 1);
        json_int_t n = sqlite3_column_int64(query, 2);
        spread->n += n;
        spread->total += of_totals ? (double)sqlite3_column_int64(query, 3) : (double)value * (double)n;
        spread->counts[value < 0 ? 0 : value > FACT_DAYS_MAX ? FACT_DAYS_MAX : value] += n;
    }
    spread_put(spread, reading->objects, name, unit);
    free(spread);
    return status;
}

static struct status read_all(struct reading *reading)
{
    TRY(read_statuses(reading));
    TRY(read_late(reading));
    TRY(read_spread(reading, DIM_SPEED, "follow_up", true));
    return read_spread(reading, DIM_RATING, "rating", false);
}

static json_t *read_objects(struct figures *figures, const struct figures_span *span, const struct part *part)
{
    struct reading reading = {.question = {.figures = figures, .span = span},
                              .objects = json_object(),
                              .part = part};
    struct status status = read_all(&reading);
    sqlite3_finalize(reading.question.query);
    if (!status_is_ok(status)) {
        json_decref(reading.objects);
        return NULL;
    }
    return reading.objects;
}

/* The first that is still open: indexes give it in the order of reception. */
static json_int_t oldest_open(struct figures *figures, const struct figures_span *span)
{
    static const enum complaint_status open[] = {COMPLAINT_BELUM_VERIFIKASI, COMPLAINT_TUNDA, COMPLAINT_TERVERIFIKASI,
                                                 COMPLAINT_PROSES, COMPLAINT_BUKAN_WEWENANG};
    static const char *const sqls[] = {
        "SELECT received_ms FROM facts INDEXED BY facts_status WHERE counted AND status = ?1",
        "SELECT received_ms FROM facts INDEXED BY facts_province WHERE counted AND status = ?1 AND province = ?2",
        "SELECT received_ms FROM facts INDEXED BY facts_owner_status WHERE counted AND status = ?1 AND owner = ?2"};
    json_int_t oldest = 0;
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
        char sql[256];
        sqlite3_stmt *query = NULL;
        (void)snprintf(sql, sizeof sql, "%s AND received_ms >= ?3 AND received_ms < ?4 ORDER BY received_ms LIMIT 1",
                       sqls[figures_level(span->scope)]);
        if (!status_is_ok(figures_prepare(figures, sql, &query))) {
            return 0;
        }
        sqlite3_bind_int(query, 1, (int)open[i]);
        sqlite3_bind_text(query, 2, span->scope, -1, SQLITE_STATIC);
        sqlite3_bind_int64(query, 3, figures_day_ms(figures, span->from_day));
        sqlite3_bind_int64(query, 4, figures_day_ms(figures, span->to_day + 1));
        json_int_t first = sqlite3_step(query) == SQLITE_ROW ? sqlite3_column_int64(query, 0) : 0;
        oldest = first != 0 && (oldest == 0 || first < oldest) ? first : oldest;
        sqlite3_finalize(query);
    }
    return oldest;
}

json_t *figures_totals(struct figures *figures, const struct figures_span *span)
{
    int level = figures_level(span->scope);
    json_t *objects = read_objects(figures, span, &by_level[level]);
    if (!objects) {
        return NULL;
    }
    json_t *totals = json_incref(object_of(objects, span->scope));
    json_object_set_new(totals, "oldest_open_ms", json_integer(oldest_open(figures, span)));
    json_decref(objects);
    return totals;
}

json_t *figures_children(struct figures *figures, const struct figures_span *span, bool provinces)
{
    int level = figures_level(span->scope);
    const struct part *owners = level == LEVEL_NATION ? &owners_of_nation : &owners_of_province;
    json_t *objects = read_objects(figures, span, provinces ? &all_provinces : owners);
    json_t *list = objects ? json_array() : NULL;
    const char *scope;
    json_t *object;
    json_object_foreach(objects, scope, object)
    {
        json_array_append(list, object);
    }
    json_decref(objects);
    return list;
}

/* ---- trend ---- */

static int32_t trend_step_first(int32_t day, bool months)
{
    if (months) {
        return fact_month_first_day(fact_month(day));
    }
    int32_t weekday = ((day % 7) + 7 + 3) % 7; /* 1970-01-01 was a Thursday; 0: Monday */
    return day - weekday;
}

static json_t *trend_row(json_t *rows, int32_t day)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%d", day);
    json_t *row = json_object_get(rows, name);
    if (!row) {
        row = json_pack("[i,i,i]", day, 0, 0);
        json_object_set_new(rows, name, row);
    }
    return row;
}

static struct status trend_read(struct figures *figures, const struct figures_span *span, const char *dim, size_t column,
                                bool months, json_t *rows)
{
    sqlite3_stmt *query = NULL;
    int level = figures_level(span->scope);
    char sql[512]; /* a seek for each day: other scopes' rows are not walked over */
    (void)snprintf(sql, sizeof sql,
                   "WITH RECURSIVE days(b) AS (SELECT ?4 UNION ALL SELECT b + 1 FROM days WHERE b < ?5)"
                   " SELECT days.b, sum(f.n) FROM days CROSS JOIN figures f WHERE f.dim = ?1 AND f.level = ?2"
                   " AND f.bucket = days.b %s GROUP BY 1 HAVING sum(f.n) > 0",
                   by_level[level].where);
    TRY(figures_prepare(figures, sql, &query));
    sqlite3_bind_text(query, 1, dim, -1, SQLITE_STATIC);
    sqlite3_bind_int(query, 2, by_level[level].level);
    sqlite3_bind_text(query, 3, span->scope, -1, SQLITE_STATIC);
    sqlite3_bind_int(query, 4, span->from_day < 0 ? 0 : span->from_day);
    sqlite3_bind_int(query, 5, span->to_day);
    while (sqlite3_step(query) == SQLITE_ROW) {
        json_t *row = trend_row(rows, trend_step_first(sqlite3_column_int(query, 0), months));
        json_int_t sum = json_integer_value(json_array_get(row, column)) + sqlite3_column_int64(query, 1);
        json_array_set_new(row, column, json_integer(sum));
    }
    sqlite3_finalize(query);
    return status_ok();
}

json_t *figures_trend(struct figures *figures, const struct figures_span *span)
{
    enum { STEPS_MAX = 400 };
    bool months = span->to_day - span->from_day > 732;
    json_t *rows = json_object();
    json_t *list = json_array();
    struct status status = trend_read(figures, span, DIM_STATUS, 1, months, rows);
    status = status_is_ok(status) ? trend_read(figures, span, DIM_FINISHED, 2, months, rows) : status;
    int32_t day = trend_step_first(span->from_day, months);
    for (size_t i = 0; status_is_ok(status) && i < STEPS_MAX && day <= span->to_day; i++) {
        json_array_append(list, trend_row(rows, day)); /* weeks without any are zeros */
        day = months ? fact_month_first_day(fact_month(day) + 1) : day + 7;
    }
    json_decref(rows);
    return list;
}

/* ---- mix ---- */

static json_t *mix_read(struct question *question, const char *dim, int level)
{
    json_t *list = json_array();
    char tail[256];
    (void)snprintf(tail, sizeof tail, "%s GROUP BY f.value HAVING c > 0 ORDER BY c DESC, f.value LIMIT 40", by_level[level].where);
    if (!status_is_ok(ask(question, "f.value, sum(f.n) AS c", tail, dim, by_level[level].level))) {
        return list;
    }
    while (sqlite3_step(question->query) == SQLITE_ROW) {
        json_array_append_new(list, json_pack("[s,I]", text_at(question->query, 0),
                                              (json_int_t)sqlite3_column_int64(question->query, 1)));
    }
    return list;
}

static json_t *opds_read(struct question *question)
{
    json_t *opds = json_object();
    if (!status_is_ok(ask(question, "f.value, sum(f.n)", "AND f.scope = ?3 GROUP BY f.value HAVING sum(f.n) > 0 LIMIT 4000",
                          DIM_OPD, LEVEL_OWNER))) {
        return opds;
    }
    while (sqlite3_step(question->query) == SQLITE_ROW) {
        char name[FACT_NAME_SIZE + 40];
        (void)snprintf(name, sizeof name, "%s", text_at(question->query, 0));
        char *status = strchr(name, '\x1f');
        if (status) {
            *status++ = 0;
            json_t *object = object_of(opds, name);
            number_add(object, "received", sqlite3_column_int64(question->query, 1));
            number_add(json_object_get(object, "status"), status, sqlite3_column_int64(question->query, 1));
        }
    }
    return opds;
}

json_t *figures_mix(struct figures *figures, const struct figures_span *span)
{
    struct question question = {.figures = figures, .span = span};
    int level = figures_level(span->scope);
    json_t *mix = json_pack("{s:o,s:o}", "channel", mix_read(&question, DIM_CHANNEL, level), "category",
                            mix_read(&question, DIM_CATEGORY, level));
    if (level == LEVEL_OWNER) {
        json_t *opds = opds_read(&question);
        json_t *list = json_array();
        const char *name;
        json_t *object;
        json_object_foreach(opds, name, object)
        {
            json_array_append(list, object);
        }
        json_object_set_new(mix, "opd", list);
        json_decref(opds);
    }
    sqlite3_finalize(question.query);
    return mix;
}
