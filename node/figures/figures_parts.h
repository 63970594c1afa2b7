/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_FIGURES_FIGURES_PARTS_H
#define NODE_FIGURES_FIGURES_PARTS_H

#include <sqlite3.h>

#include "node/figures/figures.h"

/* Private to node/figures/. The file's tables and what its files share. */

/* One addition to one counter; those of a transaction are sorted and summed before they are written. */
struct addition {
    const char *dim;
    int level;
    int32_t bucket;
    char scope[20];
    char value[FACT_NAME_SIZE + 40];
    int64_t n, total;
};

struct figures {
    sqlite3 *db;
    int32_t zone_minutes;
    uint64_t marked;
    struct addition *additions; /* owned */
    size_t addition_count, addition_capacity;
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
    LEVEL_PROVINCE, /* not counted by itself: the sum of its owners */
    LEVEL_OWNER,
    LEVEL_COUNT,
};

struct status figures_result(struct figures *figures, int rc);
struct status figures_prepare(struct figures *figures, const char *sql, sqlite3_stmt **out_query) MUST_CHECK;
/* When a local day begins. */
static inline int64_t figures_day_ms(const struct figures *figures, int32_t day)
{
    return (int64_t)day * 86400000 - (int64_t)figures->zone_minutes * 60000;
}
/* Words of a title in lower case, at least two letters: calls `each` for up to 24. */
void figures_words(const char *text, void (*each)(void *owner, const char *word, size_t size), void *owner);

#endif
