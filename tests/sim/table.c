/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "tests/sim/run.h"

/* What a run has been through. */

static const char *const mark_names[MARK_COUNT] = {
#define X(name) #name,
    MARKS(X)
#undef X
};

void counts_add(struct counts *to, const struct counts *from)
{
    to->seeds += from->seeds;
    to->events += from->events;
    to->acts += from->acts;
    to->simulated_ms += from->simulated_ms;
    to->messages += from->messages;
    to->leaves += from->leaves;
    to->writes += from->writes;
    to->edits += from->edits;
    to->twice += from->twice;
    to->traces += from->traces;
    for (size_t i = 0; i < ACT_COUNT; i++) {
        to->faults[i] += from->faults[i];
    }
    for (size_t i = 0; i < MARK_COUNT; i++) {
        to->marks[i] += from->marks[i];
    }
}

static void print_faults(const struct counts *counts)
{
    printf("faults                    ");
    size_t shown = 0;
    for (enum act_kind kind = ACT_partition; kind < ACT_COUNT; kind++) {
        if (counts->faults[kind] > 0) {
            printf("%s%s %" PRIu64, shown++ % 5 ? ", " : shown > 1 ? ",\n                          " : "", act_name(kind),
                   counts->faults[kind]);
        }
    }
    printf("\n");
}

static void print_marks(const struct counts *counts)
{
    size_t hit = 0;
    bool used[MARK_COUNT] = {false};
    for (size_t i = 0; i < MARK_COUNT; i++) {
        hit += counts->marks[i] > 0;
    }
    printf("marks hit                 %zu of %d\nrarest                    ", hit, (int)MARK_COUNT);
    for (size_t n = 0; n < 10; n++) {
        size_t least = MARK_COUNT;
        for (size_t i = 0; i < MARK_COUNT; i++) {
            bool rarer = counts->marks[i] > 0 && !used[i] && (least == MARK_COUNT || counts->marks[i] < counts->marks[least]);
            least = rarer ? i : least;
        }
        if (least == MARK_COUNT) {
            break;
        }
        used[least] = true;
        printf("%s%s %" PRIu64, n == 0 ? "" : n == 5 ? ",\n                          " : ", ", mark_names[least],
               counts->marks[least]);
    }
    printf("\nnever hit                 ");
    for (size_t i = 0; i < MARK_COUNT; i++) {
        if (counts->marks[i] == 0) {
            printf("%s ", mark_names[i]);
        }
    }
    printf("\n");
}

void table_print(const struct counts *counts, double cpu_seconds)
{
    printf("seeds                     %" PRIu64 " (%" PRIu64 " of them twice)\n", counts->seeds, counts->twice);
    printf("events                    %" PRIu64 "\n", counts->events);
    printf("simulated time            %.1f years\n", (double)counts->simulated_ms / (365.25 * 86400e3));
    printf("values written by people  %" PRIu64 "\n", counts->edits);
    printf("changes, write-backs      %" PRIu64 ", %" PRIu64 "\n", counts->leaves, counts->writes);
    printf("messages                  %" PRIu64 "\n", counts->messages);
    printf("traces                    %016" PRIx64 "\n", counts->traces);
    print_faults(counts);
    print_marks(counts);
    printf("invariants                1-8, 11, 12, 14-16 checked; 10, 13 in part; 17 not yet; 9 needs sealing\n");
    printf("CPU                       %.1f s, %.0f seeds a CPU second\n", cpu_seconds,
           cpu_seconds > 0 ? (double)(counts->seeds + counts->twice) / cpu_seconds : 0);
}

bool ledger_append(const char *path, const struct counts *counts, size_t violations, double cpu_seconds)
{
    uint64_t faults = 0;
    const char *commit = getenv("SIM_COMMIT");
    FILE *file = fopen(path, "a");
    if (!file) {
        (void)fprintf(stderr, "the ledger %s cannot be written: make its folder, or leave out --ledger\n", path);
        return false;
    }
    for (enum act_kind kind = ACT_partition; kind < ACT_COUNT; kind++) {
        faults += counts->faults[kind];
    }
    (void)fprintf(file, "%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%zu\t%.0f\n", commit ? commit : "unknown", counts->seeds,
                  counts->events, faults, violations, cpu_seconds);
    return fclose(file) == 0;
}
