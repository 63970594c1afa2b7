/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFLICT_WORKFLOW_H
#define CONFLICT_WORKFLOW_H

#include "proto/vocabulary.h"

/* domain.md, "Status" and "Clocks". A step that the table does not know is applied and flagged when it comes from a
 * legacy system; only our own screens refuse it. */

/* True if the table knows the step. from NONE: a new complaint, which may begin only as belum_verifikasi. from == to:
 * true. */
bool workflow_knows(enum complaint_status from, enum complaint_status to);
bool workflow_is_open(enum complaint_status status);
/* Place on the path belum_verifikasi(0) .. proses(3), -1 outside it. */
int workflow_path_place(enum complaint_status status);
/* Rank for showing, smaller wins: eskalasi_ombudsman, bukan_wewenang, proses, terverifikasi, tunda, belum_verifikasi,
 * selesai, arsip. */
int workflow_rank(enum complaint_status status);

/* Days of a calendar that is passed in: the holiday table and the zone are data. */
struct calendar {
    const int32_t *holidays; /* days since 1970-01-01 local, ascending; weekends are known by themselves */
    size_t holiday_count;
    int32_t offset_minutes; /* zone: WIB 420, WITA 480, WIT 540 */
};

enum deadline_clock {
    DEADLINE_VERIFY,      /* received -> disposition, 3 working days */
    DEADLINE_FOLLOW_UP,   /* disposition -> first follow-up, 5 */
    DEADLINE_INFORMATION, /* disposition -> selesai, 5 */
    DEADLINE_COMPLAINT,   /* disposition -> selesai, 14 */
    DEADLINE_SUPERVISORY, /* disposition -> selesai, 60 */
    DEADLINE_AUTO_CLOSE,  /* last follow-up without a reply, 10 */
    DEADLINE_OMBUDSMAN,   /* received, still open, 60 calendar days */
    DEADLINE_COUNT,
};

struct deadline_rule {
    uint16_t days;
    bool calendar_days;
};

/* The numbers of domain.md; configuration may pass others. */
const struct deadline_rule *deadline_defaults(void); /* DEADLINE_COUNT entries */

/* End of the last day of the term: `days` days after the day of start_ms, that day not counted. Milliseconds UTC. */
int64_t deadline_end_ms(int64_t start_ms, struct deadline_rule rule, const struct calendar *calendar);

#endif
