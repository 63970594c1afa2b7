/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/runner.h"

/* Records that changed through others: their rows are looked at, and rows that are missing are made. */

/* ---- engine jobs ---- */

static struct status count_acked(struct core *core, struct arena *arena, uint64_t *out_acked)
{
    struct stream_info *streams = NULL;
    size_t count = 0;
    uint64_t acked = 0;
    TRY(core_streams(core, arena, &streams, &count));
    for (size_t i = 0; i < count; i++) {
        acked += streams[i].own ? streams[i].acked_size : 0;
    }
    *out_acked = acked;
    return status_ok();
}

static struct status due_run(struct job *job, struct core *core, struct arena *arena)
{
    struct works_job *w = (struct works_job *)job;
    struct due *due = NULL;
    TRY(count_acked(core, arena, &w->runner->acked));
    w->runner->ready = core_is_ready(core);
    TRY(core_due(core, w->runner->options.legacy->lane, RUNNER_DUE_MAX, &w->runner->arena, &due, w->due_count));
    for (size_t i = 0; i < *w->due_count; i++) {
        w->due[i] = (struct due_work){.due = due[i]};
    }
    return status_ok();
}

static struct status runner_due(struct runner *runner, struct due_work *out_due, size_t *out_count)
{
    struct works_job job = {.due = out_due, .due_count = out_count};
    return works_call(runner, &job, due_run, true);
}

static struct status due_done_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)arena;
    struct works_job *w = (struct works_job *)job;
    for (size_t i = 0; i < w->count; i++) {
        if (!w->due[i].keep) {
            TRY(core_due_done(core, w->runner->options.legacy->lane, w->due[i].due));
        }
    }
    return status_ok();
}

static struct status runner_due_done(struct runner *runner, const struct due_work *due, size_t count)
{
    struct works_job job = {.due = (struct due_work *)(uintptr_t)due, .count = count};
    return works_call(runner, &job, due_done_run, false);
}

/* ---- one record ---- */

static struct status due_round(struct runner *runner, struct due_work *due, bool *out_again)
{
    struct legacy_shadow *shadows = arena_array(&runner->arena, RUNNER_DUE_MAX, sizeof *shadows);
    struct work *works = arena_array(&runner->arena, RUNNER_DUE_MAX, sizeof *works);
    size_t count = 0;
    if (!shadows || !works) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(runner->driver->ops->shadows_of_record(runner->driver, due->due.record, true, (struct part_id){{0}},
                                               RUNNER_DUE_MAX, &runner->arena, shadows, &count));
    for (size_t i = 0; i < count; i++) {
        works[i] = (struct work){.table = shadows[i].table, .key = shadows[i].key, .updated = true};
    }
    TRY(works_finish(runner, works, count));
    for (size_t i = 0; i < count; i++) {
        due->keep |= works[i].end == WORK_HELD;
    }
    return due_insert(runner, due, shadows, count, out_again);
}

static struct status due_record(struct runner *runner, struct due_work *due)
{
    bool again = false;
    TRY(due_round(runner, due, &again));
    return again ? due_round(runner, due, &again) : status_ok();
}

/* Every due record once; what has to wait stays due and is looked at after the next wake. */
struct status due_step(struct runner *runner, bool retry, bool *out_busy)
{
    struct due_work *due = arena_array(&runner->arena, RUNNER_DUE_MAX, sizeof *due);
    size_t count = 0;
    size_t kept = 0;
    if (!due) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(runner_due(runner, due, &count));
    uint64_t newest = 0;
    for (size_t i = 0; i < count; i++) {
        newest = due[i].due.order > newest ? due[i].due.order : newest;
    }
    if (newest == runner->due_order && runner->acked == runner->due_acked && !retry) {
        return status_ok();
    }
    runner->due_order = newest;
    runner->due_acked = runner->acked;
    for (size_t i = 0; i < count; i++) {
        TRY(due_record(runner, &due[i]));
        kept += due[i].keep ? 1 : 0;
    }
    if (kept < count) {
        TRY(runner_due_done(runner, due, count));
    }
    runner->due_count = kept;
    *out_busy |= kept < count;
    return status_ok();
}
