/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_FIGURES_WORKDAYS_H
#define NODE_FIGURES_WORKDAYS_H

#include "conflict/workflow.h"
#include "proto/ids.h"
#include "proto/memory.h"

/* The calendar behind "overdue": holidays from a file, and the zone in which a region's office opens and closes. Proved by
 * tests/unit/figures/test_workdays.c. */

struct workdays {
    int32_t zone_minutes; /* of the screens, and of what is no region */
    const int32_t *holidays; /* local days since 1970, ascending, each once; borrowed */
    size_t holiday_count;
};

/* A line is a day and what it is called ("2026-08-17 Hari Kemerdekaan"), a comment (#) or empty. `path` NULL: no holidays.
 * INVALID with the line in *out_line (0: too many); what file_read returns, NO_MEMORY. */
struct status workdays_read(const char *path, int32_t zone_minutes, struct arena *arena, struct workdays *out_workdays,
                            uint32_t *out_line) MUST_CHECK;

/* Last day of a term that began at start_ms for this owner, as a day of the screens' zone: the term ends by the owner's
 * midnight, so nothing is called late before it is. */
int32_t workdays_due(const struct workdays *workdays, struct scope_id owner, int64_t start_ms, enum deadline_clock clock);

#endif
