/* SPDX-License-Identifier: Apache-2.0 */
#include "conflict/workflow.h"

#define STATUS_BIT(status) (1U << (unsigned)(status))
#define OPEN_STATUSES                                                                                                  \
    (STATUS_BIT(COMPLAINT_BELUM_VERIFIKASI) | STATUS_BIT(COMPLAINT_TUNDA) | STATUS_BIT(COMPLAINT_TERVERIFIKASI) |      \
     STATUS_BIT(COMPLAINT_PROSES))

/* domain.md, "Status", column "From": which statuses lead to this one. bukan_wewenang and an escalation come from any
 * open one; a complaint that was wrongly sent (bukan_wewenang) is still open for its next institution, so it can be
 * escalated and goes back to the router, who starts it anew. */
static const uint32_t leads_from[COMPLAINT_STATUS_COUNT] = {
    [COMPLAINT_BELUM_VERIFIKASI] = STATUS_BIT(COMPLAINT_NONE) | STATUS_BIT(COMPLAINT_BUKAN_WEWENANG),
    [COMPLAINT_TUNDA] = STATUS_BIT(COMPLAINT_BELUM_VERIFIKASI),
    [COMPLAINT_TERVERIFIKASI] = STATUS_BIT(COMPLAINT_BELUM_VERIFIKASI) | STATUS_BIT(COMPLAINT_TUNDA),
    [COMPLAINT_PROSES] = STATUS_BIT(COMPLAINT_TERVERIFIKASI) | STATUS_BIT(COMPLAINT_SELESAI),
    [COMPLAINT_SELESAI] = STATUS_BIT(COMPLAINT_PROSES),
    [COMPLAINT_BUKAN_WEWENANG] = OPEN_STATUSES,
    [COMPLAINT_ARSIP] =
        STATUS_BIT(COMPLAINT_BELUM_VERIFIKASI) | STATUS_BIT(COMPLAINT_TUNDA) | STATUS_BIT(COMPLAINT_BUKAN_WEWENANG),
    [COMPLAINT_ESKALASI_OMBUDSMAN] = OPEN_STATUSES | STATUS_BIT(COMPLAINT_BUKAN_WEWENANG),
};

static bool is_status(enum complaint_status status)
{
    return status > COMPLAINT_NONE && status < COMPLAINT_STATUS_COUNT;
}

bool workflow_knows(enum complaint_status from, enum complaint_status to)
{
    if (!is_status(to) || (from != COMPLAINT_NONE && !is_status(from))) {
        return false;
    }
    return from == to || (leads_from[to] & STATUS_BIT(from)) != 0;
}

bool workflow_is_open(enum complaint_status status)
{
    return is_status(status) && ((OPEN_STATUSES | STATUS_BIT(COMPLAINT_BUKAN_WEWENANG)) & STATUS_BIT(status)) != 0;
}

int workflow_path_place(enum complaint_status status)
{
    switch (status) {
    case COMPLAINT_BELUM_VERIFIKASI:
        return 0;
    case COMPLAINT_TUNDA:
        return 1;
    case COMPLAINT_TERVERIFIKASI:
        return 2;
    case COMPLAINT_PROSES:
        return 3;
    default:
        return -1;
    }
}

int workflow_rank(enum complaint_status status)
{
    static const int ranks[COMPLAINT_STATUS_COUNT] = {
        [COMPLAINT_ESKALASI_OMBUDSMAN] = 0,
        [COMPLAINT_BUKAN_WEWENANG] = 1,
        [COMPLAINT_PROSES] = 2,
        [COMPLAINT_TERVERIFIKASI] = 3,
        [COMPLAINT_TUNDA] = 4,
        [COMPLAINT_BELUM_VERIFIKASI] = 5,
        [COMPLAINT_SELESAI] = 6,
        [COMPLAINT_ARSIP] = 7,
    };
    return is_status(status) ? ranks[status] : COMPLAINT_STATUS_COUNT;
}

const struct deadline_rule *deadline_defaults(void)
{
    static const struct deadline_rule rules[DEADLINE_COUNT] = {
        [DEADLINE_VERIFY] = {.days = 3},
        [DEADLINE_FOLLOW_UP] = {.days = 5},
        [DEADLINE_INFORMATION] = {.days = 5},
        [DEADLINE_COMPLAINT] = {.days = 14},
        [DEADLINE_SUPERVISORY] = {.days = 60},
        [DEADLINE_AUTO_CLOSE] = {.days = 10},
        [DEADLINE_OMBUDSMAN] = {.days = 60, .calendar_days = true},
    };
    return rules;
}

#define DAY_MS 86400000

static int64_t floor_divide(int64_t a, int64_t b)
{
    int64_t quotient = a / b;
    return a % b < 0 ? quotient - 1 : quotient;
}

static bool is_holiday(const struct calendar *calendar, int64_t day)
{
    size_t low = 0;
    size_t high = calendar->holiday_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (calendar->holidays[middle] < day) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < calendar->holiday_count && calendar->holidays[low] == day;
}

/* 1970-01-01 was a Thursday; day 2 a Saturday. */
static bool is_working_day(const struct calendar *calendar, int64_t day)
{
    int64_t weekday = (day % 7 + 7) % 7;
    return weekday != 2 && weekday != 3 && !is_holiday(calendar, day);
}

int64_t deadline_end_ms(int64_t start_ms, struct deadline_rule rule, const struct calendar *calendar)
{
    int64_t offset_ms = (int64_t)calendar->offset_minutes * 60000;
    int64_t day = floor_divide(start_ms + offset_ms, DAY_MS);
    uint16_t left = rule.days;
    /* A calendar of nothing but holidays still ends: no more days off in a row than it has entries and weekends. */
    while (left > 0) {
        day++;
        if (rule.calendar_days || is_working_day(calendar, day)) {
            left--;
        }
    }
    return (day + 1) * DAY_MS - offset_ms;
}
