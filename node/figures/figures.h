/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_FIGURES_FIGURES_H
#define NODE_FIGURES_FIGURES_H

#include <jansson.h>

#include "node/figures/fact.h"

/* What the screens count from: a file of its own beside the store (DATA_DIR/screens.db), made from records and rebuildable
 * at any time, so it is never backed up and the sync path never waits for it. It holds a row of facts per complaint, for
 * lists and search, and counters per nation and owner by month and day of reception, so that a question costs what its
 * answer has groups, not what the store has records. projector.h fills it.
 *
 * Two handles on one file: one writes (projector), others only read; one thread each. Proved by
 * tests/unit/figures/test_figures.c, with the published figures of domain.md. */

struct figures;

struct figures_options {
    const char *path;
    uint8_t instance[16];  /* of the store: another one's file is emptied */
    struct workdays workdays; /* decides what a day is and what is late: a file made with another one is emptied */
    bool writes;
};

struct status figures_open(const struct figures_options *options, struct figures **out_figures) MUST_CHECK;
void figures_close(struct figures *figures); /* NULL is fine */

/* ---- the writing handle ---- */

/* Replaces what was known of these records: one transaction. */
struct status figures_apply(struct figures *figures, const struct fact *facts, size_t count) MUST_CHECK;
/* `changed` of each record as applied, UINT64_MAX where it is not known. */
struct status figures_changed(struct figures *figures, const struct record_id *ids, size_t count,
                              uint64_t *out_changed) MUST_CHECK;
/* Everything up to this value of the store's counter is in it; 0: nothing is known. */
struct status figures_mark(struct figures *figures, uint64_t changed) MUST_CHECK;
uint64_t figures_marked(const struct figures *figures);
struct status figures_clear(struct figures *figures) MUST_CHECK;
/* Empties the write-ahead log, where what an erasure removed can still stand. */
void figures_tidy(struct figures *figures);

/* ---- questions ---- all answers are JSON, owned by the caller; NULL when it failed */

struct figures_span {
    char scope[20];            /* "": the nation; "64": a province; "64.09" or another code: an owner */
    int32_t from_day, to_day;  /* of reception, local, both included */
    int32_t today;             /* for what is overdue */
};

/* {"received","status":{..},"follow_up":{"n","mean","median"},"rating":{"n","mean"},"late":{"verify",..},"oldest_open_ms"} */
json_t *figures_totals(struct figures *figures, const struct figures_span *span);
/* [[first day of the week, received, finished], ...], by month when the span is longer than two years. */
json_t *figures_trend(struct figures *figures, const struct figures_span *span);
/* {"channel":[[name,n],..],"category":[..],"opd":[[name,{"status":n}],..]}; opd of a single owner only. */
json_t *figures_mix(struct figures *figures, const struct figures_span *span);
/* Objects like figures_totals by scope: every owner below the span's scope, or (provinces) every province. */
json_t *figures_children(struct figures *figures, const struct figures_span *span, bool provinces);

enum { FIGURES_PAGE = 50 };

struct figures_filter {
    struct figures_span span;
    enum complaint_status status; /* NONE: all */
    enum channel channel;         /* NONE: all */
    int late;                     /* enum fact_clock, -1: all */
    bool in_conflict;
    const char *category, *opd; /* NULL: all */
    const char *words;          /* of the title, each the beginning of a word; NULL: all */
    int64_t after_ms;           /* 0: the first page */
    struct record_id after;
};

/* {"total":n,"records":[..newest first..],"next":{"ms","id"} or null} */
json_t *figures_list(struct figures *figures, const struct figures_filter *filter);

/* "" the nation, "64" a province, else an owner. */
int figures_level(const char *scope);
/* True if `owner` lies within `scope`. */
bool figures_covers(const char *scope, const char *owner);

#endif
