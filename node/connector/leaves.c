/* SPDX-License-Identifier: Apache-2.0 */
#include "node/base/clock.h"
#include "node/connector/runner.h"

/* Engine jobs that write what was decided: leaves and pending shadows in one transaction. */

/* The first draft failed, so nothing of this row stands in the store: it can be told and left. */
static struct status work_refused(struct runner *runner, struct work *work, struct status status,
                                  const struct fault *fault, struct arena *arena)
{
    switch (status.code) {
    case STATUS_BUSY:
        work->end = WORK_HELD;
        return status_ok();
    case STATUS_STALE:
        return status_ok(); /* stays open: read and decided again */
    case STATUS_INVALID:
    case STATUS_LIMIT:
    case STATUS_DENIED:
        work->end = WORK_FAILED;
        return work_quarantine_add(runner, work, 0,
                                   fault->what ? fault->what : "this row makes no valid change: see the limits", arena);
    default:
        return status;
    }
}

/* The rule once more, on the row as it was read and the shadow as it will be stored: usually nothing is left to do, and
 * the row need not be read again. Whatever changed it meanwhile stands in the outbox. */
static struct status work_settle(const struct capture_source *source, struct work *work, struct arena *look)
{
    struct capture_input again = work->input;
    struct capture_decision decision = {0};
    again.now_ms = (uint64_t)clock_now_ms();
    again.shadow = work->decision.shadow;
    again.record = work->decision.record;
    again.match = MATCH_NONE;
    again.found_known = false;
    if (!work->there || !work->has_shadow || !again.record || work->decision.item_count > 0) {
        return status_ok();
    }
    arena_clear(look);
    TRY(capture_decide(source, &again, look, &decision));
    work->settled = decision.action == CAPTURE_NOTHING && decision.wait != WAIT_ACK && decision.item_count == 0;
    return status_ok();
}

static struct status work_leaves(struct runner *runner, struct core *core, struct work *work, struct arena *own,
                                 struct arena *arena)
{
    const struct capture_source source = runner_source(runner, core);
    struct capture_decision *decision = &work->decision;
    struct written *written = arena_array(arena, decision->draft_count, sizeof *written);
    struct fault fault = {0};
    if (!written) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < decision->draft_count; i++) {
        struct status status = core_write(core, &decision->drafts[i], &written[i], &fault);
        if (!status_is_ok(status)) {
            return i == 0 ? work_refused(runner, work, status, &fault, arena) : status;
        }
    }
    /* The record that was decided on has changed, and its memory belongs to an earlier transaction. */
    if (decision->draft_count > 0 && decision->record) {
        TRY(core_record(core, written[0].record, &decision->record));
    }
    TRY(capture_done(&source, decision, written, own));
    TRY(work_shadow(runner, work, decision->shadow, own, &work->stored));
    if (work->decision.item_count > 0 || runner->quarantined) {
        TRY(work_tell(runner, work, true, arena));
    }
    TRY(work_settle(&source, work, &runner->look));
    /* What an own change makes or settles comes back as due to nobody else. */
    if (decision->record && conflict_note_form(runner->options.mapping) &&
        (work->conflicted || record_is_conflicted(decision->record))) {
        TRY(core_due_add(core, runner->options.legacy->lane, decision->record->id));
    }
    work->written = true;
    return status_ok();
}

static struct status leaves_run(struct job *job, struct core *core, struct arena *arena)
{
    struct works_job *w = (struct works_job *)job;
    for (size_t i = 0; i < w->count; i++) {
        struct work *work = &w->works[i];
        work->written = false;
        work->settled = false;
        if (work->end == WORK_OPEN && work->decision.action == CAPTURE_LEAVES) {
            TRY(work_leaves(w->runner, core, work, w->own, arena));
        }
    }
    return pending_put(w->runner, w->works, w->count, arena);
}

/* On the engine thread: the sooner the peer is woken, the better. */
static void leaves_done(struct job *job, struct status status)
{
    const struct connector_options *options = &((struct works_job *)job)->runner->options;
    if (status_is_ok(status) && options->captured) {
        options->captured(options->owner);
    }
}

static bool any_leaves(const struct work *works, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (works[i].end == WORK_OPEN && works[i].decision.action == CAPTURE_LEAVES) {
            return true;
        }
    }
    return false;
}

struct status works_send_leaves(struct runner *runner, struct work *works, size_t count, struct arena *own,
                                struct works_job *out_job)
{
    if (!runner->look.memory.alloc) {
        arena_init(&runner->look, runner->arena.memory, SIZE_MAX);
    }
    *out_job = (struct works_job){
        .job = {.run = leaves_run, .done = leaves_done}, .runner = runner, .works = works, .count = count, .own = own};
    return engine_send(runner->options.engine, &out_job->job, &out_job->ticket);
}

static struct status leaves_alone(struct runner *runner, struct work *work)
{
    struct works_job job;
    TRY(works_send_leaves(runner, work, 1, &runner->arena, &job));
    return engine_await(&job.ticket);
}

/* If a row in the middle spoiled the transaction, each alone, so that only that row is told. */
struct status works_await_leaves(struct works_job *job)
{
    struct runner *runner = job->runner;
    struct work *works = job->works;
    struct status status = engine_await(&job->ticket);
    bool data = status.code == STATUS_INVALID || status.code == STATUS_LIMIT || status.code == STATUS_DENIED ||
                status.code == STATUS_STALE;
    for (size_t i = 0; i < job->count && data; i++) {
        works[i].written = works[i].settled = false;
        if (works[i].end != WORK_OPEN || works[i].decision.action != CAPTURE_LEAVES) {
            continue;
        }
        status = leaves_alone(runner, &works[i]);
        data = status.code != STATUS_IO && status.code != STATUS_UNKNOWN && status.code != STATUS_BUSY;
        if (!status_is_ok(status) && data) {
            works[i].written = works[i].settled = false;
            works[i].end = WORK_FAILED;
            TRY(work_quarantine(runner, &works[i], 0, "this row makes no valid change: see the limits"));
            status = status_ok();
        }
    }
    TRY(status);
    runner->pending_kept = runner->pending_closed;
    for (size_t i = 0; i < job->count; i++) {
        runner->captured += works[i].written ? works[i].decision.draft_count : 0;
    }
    return status_ok();
}

struct status works_write_leaves(struct runner *runner, struct work *works, size_t count)
{
    struct works_job job;
    if (!any_leaves(works, count)) {
        return status_ok();
    }
    TRY(works_send_leaves(runner, works, count, &runner->arena, &job));
    return works_await_leaves(&job);
}
