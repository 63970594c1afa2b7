/* SPDX-License-Identifier: Apache-2.0 */
#include "node/figures/fact.h"

#include <stdio.h>

#include "conflict/workflow.h"

enum { DAY_MS = 86400000 };

static const struct part_id none = {{0}};

static int64_t floor_divide(int64_t a, int64_t b)
{
    int64_t quotient = a / b;
    return quotient * b > a ? quotient - 1 : quotient;
}

int32_t fact_day(int64_t ms, int32_t zone_minutes)
{
    return (int32_t)floor_divide(ms + (int64_t)zone_minutes * 60000, DAY_MS);
}

/* Civil calendar (Howard Hinnant, "chrono-compatible low-level date algorithms"): years begin in March. */
int32_t fact_month(int32_t day)
{
    int64_t z = (int64_t)day + 719468;
    int64_t era = floor_divide(z, 146097);
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t march = (5 * doy + 2) / 153;
    int64_t month = march < 10 ? march + 2 : march - 10; /* 0: January */
    int64_t year = yoe + era * 400 + (month < 2 ? 1 : 0);
    return (int32_t)((year - 1970) * 12 + month);
}

int32_t fact_month_first_day(int32_t month)
{
    int64_t year = 1970 + floor_divide(month, 12);
    int64_t m = month - (year - 1970) * 12;
    year -= m < 2 ? 1 : 0;
    int64_t era = floor_divide(year, 400);
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (m < 2 ? m + 10 : m - 2) + 2) / 5;
    return (int32_t)(era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468);
}

bool fact_day_parse(const char *text, int32_t *out_day)
{
    int year = 0;
    int month = 0;
    int day = 0;
    char rest = 0;
    if (sscanf(text, "%4d-%2d-%2d%c", &year, &month, &day, &rest) != 3 || year < 1970 || month < 1 || month > 12 || day < 1) {
        return false;
    }
    int32_t first = fact_month_first_day((year - 1970) * 12 + month - 1);
    if (day > fact_month_first_day((year - 1970) * 12 + month) - first) {
        return false;
    }
    *out_day = first + day - 1;
    return true;
}

int32_t fact_follow_up_days(const struct fact *fact)
{
    if (fact->disposed_ms == 0 || fact->followed_ms < fact->disposed_ms) {
        return -1;
    }
    int64_t days = (fact->followed_ms - fact->disposed_ms) / DAY_MS;
    return days > FACT_DAYS_MAX ? FACT_DAYS_MAX : (int32_t)days;
}

/* The value shown; false where none can be read. */
static bool shown_value(const struct record *record, struct part_id part, uint32_t number, struct arena *arena,
                        struct shown *out_shown, struct value *out_value)
{
    return status_is_ok(record_show(record, part, number, arena, out_shown)) && out_shown->present &&
           out_shown->readable && status_is_ok(value_read_register(number, out_shown->value, arena, out_value));
}

static int64_t time_of(const struct record *record, struct part_id part, uint32_t number, struct arena *arena)
{
    struct shown shown;
    struct value value;
    return shown_value(record, part, number, arena, &shown, &value) ? value.time.ms : 0;
}

/* When the value that is shown came to be, by the log; 0 where it came with the complaint itself: that a first load brought
 * it today says nothing about when it happened. */
static int64_t written_at(const struct record *record, struct part_id part, uint32_t number, struct arena *arena)
{
    struct shown shown;
    const struct record_register *reg = record_register_find(record, part, number);
    if (!reg || !status_is_ok(record_show(record, part, number, arena, &shown)) || !shown.present ||
        shown.sibling >= reg->sibling_count) {
        return 0;
    }
    const struct sibling *sibling = &reg->siblings[shown.sibling];
    return sibling->kind == KIND_CREATE ? 0 : (int64_t)record_effective_ms(record, sibling);
}

/* A complaint that came through us says by itself when it did. */
static int64_t created_at(const struct record *record)
{
    const struct record_register *reg = record_register_find(record, none, REG_STATUS);
    return reg && reg->sibling_count > 0 ? (int64_t)record_effective_ms(record, &reg->siblings[0]) : 0;
}

/* Copies what fits, never half a character, with control characters as spaces. */
static void text_copy(struct span text, char *out_text, size_t max)
{
    size_t size = text.size < max ? text.size : max;
    while (size > 0 && size < text.size && (text.data[size] & 0xC0U) == 0x80U) {
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        out_text[i] = text.data[i] < 0x20 ? ' ' : (char)text.data[i];
    }
    out_text[size] = 0;
}

static int64_t first_of(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* First public answer: the time that the source gives, else that of its text in the log. */
static int64_t first_note_ms(const struct record *record, struct arena *arena)
{
    int64_t first = 0;
    for (size_t i = 0; i < record->register_count; i++) {
        const struct record_register *reg = &record->registers[i];
        struct shown shown;
        struct value internal;
        if (reg->number != REG_NOTE_TEXT ||
            (shown_value(record, reg->part, REG_NOTE_INTERNAL, arena, &shown, &internal) && internal.flag)) {
            continue;
        }
        int64_t at = time_of(record, reg->part, REG_NOTE_AT, arena);
        first = first_of(first, at != 0 ? at : written_at(record, reg->part, REG_NOTE_TEXT, arena));
    }
    return first;
}

static void read_times(const struct record *record, struct arena *arena, struct fact *fact)
{
    fact->received_ms = time_of(record, none, REG_TIME_RECEIVED, arena);
    fact->received_ms = fact->received_ms ? fact->received_ms : created_at(record);
    fact->disposed_ms = time_of(record, none, REG_TIME_DISPOSED, arena);
    if (fact->disposed_ms == 0) {
        fact->disposed_ms = time_of(record, none, REG_TIME_VERIFIED, arena);
    }
    if (fact->disposed_ms == 0) {
        fact->disposed_ms = written_at(record, none, REG_ASSIGN, arena);
    }
    fact->followed_ms = time_of(record, none, REG_TIME_FOLLOWED_UP, arena);
    if (fact->followed_ms == 0) {
        fact->followed_ms = first_note_ms(record, arena);
    }
    fact->closed_ms = time_of(record, none, REG_TIME_CLOSED, arena);
    if (fact->closed_ms == 0 && fact->status == COMPLAINT_SELESAI) {
        fact->closed_ms = written_at(record, none, REG_STATUS, arena);
    }
}

static void read_values(const struct record *record, struct arena *arena, struct fact *fact)
{
    struct shown shown;
    struct value value;
    if (shown_value(record, none, REG_CLASS, arena, &shown, &value)) {
        fact->classification = value.class.classification;
        fact->supervisory = value.class.supervisory;
        text_copy(value.class.category, fact->category, FACT_NAME_SIZE);
    }
    if (shown_value(record, none, REG_CHANNEL, arena, &shown, &value)) {
        fact->channel = value.channel;
    }
    if (shown_value(record, none, REG_ASSIGN, arena, &shown, &value)) {
        text_copy(value.assign.opd, fact->opd, FACT_NAME_SIZE);
    }
    if (shown_value(record, none, REG_RATING, arena, &shown, &value)) {
        fact->rating = value.number <= 5 ? (uint32_t)value.number : 0;
    }
    if (shown_value(record, none, REG_TITLE, arena, &shown, &value)) {
        text_copy(value.text, fact->title, FACT_TITLE_SIZE);
    }
    fact->confidential = !shown_value(record, none, REG_CONFIDENTIAL, arena, &shown, &value) || value.flag;
    fact->anonymous = !shown_value(record, none, REG_ANONYMOUS, arena, &shown, &value) || value.flag;
}

static int32_t due_day(const struct fact *fact, int64_t start_ms, enum deadline_clock clock, const struct workdays *workdays)
{
    return start_ms == 0 ? 0 : workdays_due(workdays, fact->owner, start_ms, clock);
}

static enum deadline_clock finish_clock(const struct fact *fact)
{
    if (fact->classification == CLASSIFICATION_PERMINTAAN_INFORMASI) {
        return DEADLINE_INFORMATION;
    }
    return fact->supervisory ? DEADLINE_SUPERVISORY : DEADLINE_COMPLAINT;
}

static void run_clocks(struct fact *fact, const struct workdays *workdays)
{
    bool verified = fact->status == COMPLAINT_TERVERIFIKASI;
    /* Where nobody wrote down the disposition, its clocks begin at the reception: rather early than never. */
    int64_t disposed_ms = fact->disposed_ms ? fact->disposed_ms : fact->received_ms;
    if (fact->status == COMPLAINT_BELUM_VERIFIKASI) {
        fact->due_day[FACT_VERIFY] = due_day(fact, fact->received_ms, DEADLINE_VERIFY, workdays);
    }
    if (verified && fact->followed_ms == 0) {
        fact->due_day[FACT_FOLLOW_UP] = due_day(fact, disposed_ms, DEADLINE_FOLLOW_UP, workdays);
    }
    if (verified || fact->status == COMPLAINT_PROSES) {
        fact->due_day[FACT_FINISH] = due_day(fact, disposed_ms, finish_clock(fact), workdays);
    }
    if (workflow_is_open(fact->status)) {
        fact->due_day[FACT_OMBUDSMAN] = due_day(fact, fact->received_ms, DEADLINE_OMBUDSMAN, workdays);
    }
    for (int clock = FACT_VERIFY; clock <= FACT_FINISH; clock++) {
        int32_t day = fact->due_day[clock];
        int32_t *first = &fact->due_day[FACT_ANY];
        *first = day != 0 && (*first == 0 || day < *first) ? day : *first;
    }
}

struct status fact_of_record(const struct record *record, const struct workdays *workdays, struct arena *arena,
                             struct fact *out_fact)
{
    struct fact fact = {.id = record->id, .changed = record->changed};
    struct shown shown = {0};
    struct conflict_item *items = NULL;
    size_t count = 0;
    if (record->created) {
        TRY(record_conflicts(record, arena, &items, &count));
        for (size_t i = 0; i < count; i++) {
            fact.conflicts += items[i].person ? 1 : 0;
        }
        TRY(record_show(record, none, REG_SAME_AS, arena, &shown));
        fact.counted = !record_is_withdrawn(record) && !(shown.present && shown.value.size > 0);
        fact.owner = record_owner(record);
        fact.status = record_status(record);
        read_times(record, arena, &fact);
        read_values(record, arena, &fact);
        run_clocks(&fact, workdays);
    }
    *out_fact = fact;
    return status_ok();
}
