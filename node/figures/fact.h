/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_FIGURES_FACT_H
#define NODE_FIGURES_FACT_H

#include "conflict/record.h"
#include "node/figures/workdays.h"

/* What the screens need of one complaint, and nothing else: taken from its record, counted in figures.h. A pure function
 * of the record and the calendar. Definitions: domain.md, "Clocks" and "What admins look at". The reporter is not in it. */

enum fact_clock {
    FACT_VERIFY,    /* belum_verifikasi: 3 working days from received */
    FACT_FOLLOW_UP, /* terverifikasi without a follow-up: 5 from the disposition */
    FACT_FINISH,    /* terverifikasi or proses: 5, 14 or 60 from the disposition */
    FACT_OMBUDSMAN, /* open: 60 calendar days from received */
    FACT_ANY,       /* the first of verify, follow up and finish that ends: each late complaint once */
    FACT_CLOCK_COUNT,
};

enum { FACT_TITLE_SIZE = 240, FACT_NAME_SIZE = 120, FACT_DAYS_MAX = 3650 };

struct fact {
    struct record_id id;
    uint64_t changed;
    bool counted; /* created, present, not the same case as another */
    struct scope_id owner;
    enum complaint_status status;
    int64_t received_ms, disposed_ms, followed_ms, closed_ms; /* 0: not known */
    int32_t due_day[FACT_CLOCK_COUNT];                        /* last day of a clock that runs, local; 0: it does not run */
    enum channel channel;
    enum classification classification;
    bool supervisory, confidential, anonymous;
    uint32_t rating; /* 0: none */
    uint32_t conflicts;
    char category[FACT_NAME_SIZE + 1];
    char opd[FACT_NAME_SIZE + 1];
    char title[FACT_TITLE_SIZE + 1]; /* the beginning */
};

/* NO_MEMORY; INVALID for values that do not decode. `arena` for the time of the call. */
struct status fact_of_record(const struct record *record, const struct workdays *workdays, struct arena *arena,
                             struct fact *out_fact) MUST_CHECK;

/* Days since 1970-01-01 of a local calendar, and months since January 1970. */
int32_t fact_day(int64_t ms, int32_t zone_minutes);
/* "2026-11-21"; false: there is no such day. */
bool fact_day_parse(const char *text, int32_t *out_day);
int32_t fact_month(int32_t day);
int32_t fact_month_first_day(int32_t month);
/* Whole days from disposition to first follow-up; -1: not known. */
int32_t fact_follow_up_days(const struct fact *fact);

#endif
