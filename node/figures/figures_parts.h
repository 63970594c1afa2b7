/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_FIGURES_FIGURES_PARTS_H
#define NODE_FIGURES_FIGURES_PARTS_H

#include <sqlite3.h>

#include "node/figures/figures.h"

/* Private to node/figures/. The file's tables and what its files share. */

struct figures {
    sqlite3 *db;
    int32_t zone_minutes;
    uint64_t marked;
    sqlite3_stmt *add, *find, *save, *word_add, *word_drop; /* of the writing handle */
};

/* What is counted. Counters of one dimension differ in `value`. */
#define DIM_STATUS "status"
#define DIM_CHANNEL "channel"
#define DIM_CATEGORY "category"
#define DIM_OPD "opd"          /* opd 1f status; owners only */
#define DIM_SPEED "speed"      /* whole days to the first follow-up; total: milliseconds */
#define DIM_RATING "rating"
#define DIM_FINISHED "finished" /* by the day of closing */
extern const char *const figures_late_dims[FACT_CLOCK_COUNT]; /* value: last day */

enum figures_level {
    LEVEL_NATION,
    LEVEL_PROVINCE,
    LEVEL_OWNER,
    LEVEL_COUNT,
};

struct status figures_result(struct figures *figures, int rc);
struct status figures_prepare(struct figures *figures, const char *sql, sqlite3_stmt **out_query) MUST_CHECK;
/* Words of a title in lower case, at least two letters: calls `each` for up to 24. */
void figures_words(const char *text, void (*each)(void *owner, const char *word, size_t size), void *owner);

#endif
