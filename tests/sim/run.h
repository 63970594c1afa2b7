/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_RUN_H
#define TESTS_SIM_RUN_H

#include "tests/sim/world.h"

/* Many worlds, in several processes, so that a failing assertion is one seed's violation and not the end. */

#define RUN_JOBS 64
#define RUN_WHY 256

struct run_options {
    uint64_t first, seeds;
    uint64_t seconds; /* 0: no limit */
    unsigned jobs;
    enum plan_size size;
    bool sqlite;        /* every world on SQLite */
    const char *ledger; /* NULL: none */
};

/* Runs the seeds, prints progress and the closing table. True: no violation. */
bool run_seeds(const struct run_options *options);
/* One plan in a process of its own. True: nothing broken; else `why`. */
bool run_apart(struct plan *plan, char why[RUN_WHY]);
/* One plan here, with its trace. */
bool run_traced(struct plan *plan);
/* All stories of a folder. */
bool run_stories(const char *folder);

/* shrink.c: the smallest plan that is found to break the same, as a story file. */
bool shrink(struct plan *plan, const char *folder);

/* table.c */
void table_print(const struct counts *counts, double cpu_seconds);
void counts_add(struct counts *to, const struct counts *from);
bool ledger_append(const char *path, const struct counts *counts, size_t violations, double cpu_seconds);

#endif
