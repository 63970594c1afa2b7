/* SPDX-License-Identifier: Apache-2.0 */
#include "node/base/clock.h"
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

struct due_job {
    struct job job; /* first */
    struct runner *runner;
    uint64_t after;
    struct due_work *out; /* room for RUNNER_DUE_MAX */
    size_t count;
};

static struct status due_run(struct job *base, struct core *core, struct arena *arena)
{
    struct due_job *job = (struct due_job *)base;
    struct due *due = NULL;
    TRY(count_acked(core, arena, &job->runner->acked));
    job->runner->ready = runner_may_work(job->runner, core);
    TRY(core_due_after(core, job->runner->options.legacy->lane, job->after, RUNNER_DUE_MAX, arena, &due, &job->count));
    for (size_t i = 0; i < job->count; i++) {
        job->out[i] = (struct due_work){.due = due[i]};
    }
    return status_ok();
}

static struct status runner_due(struct runner *runner, uint64_t after, size_t *out_count)
{
    struct due_job job = {.job = {.run = due_run, .reads_only = true}, .runner = runner, .after = after, .out = runner->due};
    TRY(engine_call(runner->options.engine, &job.job));
    *out_count = job.count;
    return status_ok();
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
    struct works_job job = {.due = due, .count = count};
    return works_call(runner, &job, due_done_run, false);
}

/* ---- one record ---- */

static struct status due_round(struct runner *runner, struct due_work *due, bool *out_again)
{
    struct legacy_shadow *shadows = arena_array(&runner->arena, RUNNER_DUE_MAX, sizeof *shadows);
    size_t count = 0;
    if (!shadows) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(runner->driver->ops->shadows_of_record(runner->driver, due->due.record, true, (struct part_id){{0}},
                                               RUNNER_DUE_MAX, &runner->arena, shadows, &count));
    struct work *works = arena_array(&runner->arena, count, sizeof *works);
    if (!works) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        works[i] = (struct work){.table = shadows[i].table, .key = shadows[i].key, .updated = true};
    }
    TRY(works_finish(runner, works, count));
    for (size_t i = 0; i < count; i++) {
        due->keep |= works[i].end == WORK_HELD;
        due->acks |= works[i].end == WORK_HELD && works[i].decision.wait == WAIT_ACK;
        due->locked |= works[i].end == WORK_HELD && works[i].locked;
    }
    TRY(due_insert(runner, due, shadows, count, out_again));
    return due_tell(runner, due, shadows, count);
}

static struct status due_record(struct runner *runner, struct due_work *due)
{
    bool again = false;
    TRY(due_round(runner, due, &again));
    return again ? due_round(runner, due, &again) : status_ok();
}

/* ---- what has to wait ---- */

static struct due_wait *wait_of(struct runner *runner, uint64_t order)
{
    return &runner->due_waits[order % RUNNER_DUE_WAITS];
}

/* Its turn has come, or nothing is remembered of it. */
static bool wait_is_over(struct runner *runner, uint64_t order, int64_t now_ms)
{
    const struct due_wait *wait = wait_of(runner, order);
    if (wait->order != order) {
        return true;
    }
    return now_ms >= wait->retry_at_ms || (wait->acks && wait->acked != runner->acked && now_ms >= wait->acks_at_ms);
}

static void wait_longer(struct runner *runner, const struct due_work *due, int64_t now_ms)
{
    struct due_wait *wait = wait_of(runner, due->due.order);
    int64_t before = wait->order == due->due.order ? wait->wait_ms : 0;
    int64_t last = due->locked ? RUNNER_DUE_SOON_MS : RUNNER_DUE_LAST_MS;
    int64_t longer = before == 0 ? RUNNER_DUE_FIRST_MS : 2 * before;
    int64_t soon = before == 0 ? 0 : longer > RUNNER_DUE_SOON_MS ? RUNNER_DUE_SOON_MS : longer;
    longer = longer > last ? last : longer;
    *wait = (struct due_wait){.order = due->due.order,
                              .wait_ms = longer,
                              .retry_at_ms = now_ms + longer,
                              .acks = due->acks,
                              .acked = runner->acked,
                              .acks_at_ms = now_ms + soon};
}

static void retry_by(struct runner *runner, int64_t at_ms)
{
    runner->due_retry_ms = at_ms < runner->due_retry_ms ? at_ms : runner->due_retry_ms;
}

/* ---- steps ---- */

/* The first `count` of runner->due, those whose turn it is. */
static struct status due_slice(struct runner *runner, size_t count, size_t *out_kept, size_t *out_done)
{
    int64_t now = clock_now_ms();
    size_t kept = 0;
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        struct due_work *due = &runner->due[i];
        if (wait_is_over(runner, due->due.order, now)) {
            TRY(due_record(runner, due));
            arena_clear(&runner->arena);
            if (due->keep) {
                wait_longer(runner, due, now);
            }
        } else {
            due->keep = true;
        }
        if (due->keep) {
            retry_by(runner, wait_of(runner, due->due.order)->retry_at_ms);
        }
        kept += due->keep ? 1 : 0;
        done += due->keep ? 0 : 1;
    }
    if (done > 0) {
        TRY(runner_due_done(runner, runner->due, count));
    }
    *out_kept = kept;
    *out_done = done;
    return status_ok();
}

/* What was never looked at, however many wait before it. */
static struct status due_fresh(struct runner *runner, bool *out_busy)
{
    size_t count = 0;
    size_t kept;
    size_t done;
    TRY(runner_due(runner, runner->due_top, &count));
    if (count == 0) {
        return status_ok();
    }
    uint64_t top = runner->due[count - 1].due.order;
    TRY(due_slice(runner, count, &kept, &done));
    runner->due_top = top;
    runner->due_count += kept;
    *out_busy |= done > 0 || count == RUNNER_DUE_MAX;
    return status_ok();
}

/* The next slice of those that had to wait. A pass through all of them takes as many steps as there are slices. */
static struct status due_again(struct runner *runner, bool *out_busy)
{
    size_t count = 0;
    size_t kept;
    size_t done;
    TRY(runner_due(runner, runner->due_cursor, &count));
    bool last = count < RUNNER_DUE_MAX;
    while (count > 0 && runner->due[count - 1].due.order > runner->due_top) {
        count--; /* it came since */
    }
    if (count > 0) {
        runner->due_cursor = runner->due[count - 1].due.order;
        TRY(due_slice(runner, count, &kept, &done));
        runner->due_passed += kept;
        *out_busy |= done > 0;
    }
    runner->due_passing = !last && count > 0;
    if (!runner->due_passing) {
        runner->due_count = runner->due_passed;
        runner->due_pause_ms = clock_now_ms() + RUNNER_DUE_PASS_MS + (int64_t)(runner->due_passed / 100);
    }
    *out_busy |= runner->due_passing;
    return status_ok();
}

static bool pass_begins(struct runner *runner, bool retry)
{
    int64_t now = clock_now_ms();
    bool asked = retry || runner->acked != runner->due_acked || now >= runner->due_retry_ms;
    if (runner->due_passing || !asked || runner->due_count == 0) {
        return false;
    }
    if (now < runner->due_pause_ms) {
        retry_by(runner, runner->due_pause_ms);
        return false;
    }
    return true;
}

struct status due_step(struct runner *runner, bool retry, bool *out_busy)
{
    TRY(due_fresh(runner, out_busy));
    if (pass_begins(runner, retry)) {
        runner->due_passing = true;
        runner->due_acked = runner->acked;
        runner->due_cursor = 0;
        runner->due_passed = 0;
        runner->due_retry_ms = INT64_MAX;
    }
    return runner->due_passing ? due_again(runner, out_busy) : status_ok();
}

void due_forget(struct runner *runner)
{
    runner->due_seen = UINT64_MAX;
    runner->due_top = 0;
    runner->due_count = 0;
    runner->due_passing = false;
    runner->due_retry_ms = INT64_MAX;
    memset(runner->due_waits, 0, sizeof runner->due_waits);
}

bool due_is_time(const struct runner *runner)
{
    return runner->due_passing || (runner->due_count > 0 && clock_now_ms() >= runner->due_retry_ms);
}
