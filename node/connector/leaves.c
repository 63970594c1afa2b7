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
static struct status work_settle(struct runner *runner, const struct capture_source *source, struct work *work)
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
    TRY(capture_decide(source, &again, &runner->arena, &decision));
    work->settled = decision.action == CAPTURE_NOTHING && decision.wait != WAIT_ACK && decision.item_count == 0;
    return status_ok();
}

static struct status work_leaves(struct runner *runner, struct core *core, struct work *work, struct arena *arena)
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
    TRY(capture_done(&source, decision, written, &runner->arena));
    TRY(work_shadow(runner, work, decision->shadow, &work->stored));
    if (work->decision.item_count > 0 || runner->quarantined) {
        TRY(work_tell(runner, work, true, arena));
    }
    TRY(work_settle(runner, &source, work));
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
            TRY(work_leaves(w->runner, core, work, arena));
        }
    }
    return pending_put(w->runner, w->works, w->count, arena);
}

/* All in one transaction; if a row in the middle spoils it, each alone, so that only that row is told. */
struct status works_write_leaves(struct runner *runner, struct work *works, size_t count)
{
    struct works_job job = {.works = works, .count = count};
    struct status status = works_call(runner, &job, leaves_run, false);
    bool data = status.code == STATUS_INVALID || status.code == STATUS_LIMIT || status.code == STATUS_DENIED ||
                status.code == STATUS_STALE;
    for (size_t i = 0; i < count && data; i++) {
        works[i].written = works[i].settled = false;
        if (works[i].end != WORK_OPEN || works[i].decision.action != CAPTURE_LEAVES) {
            continue;
        }
        struct works_job one = {.works = &works[i], .count = 1};
        status = works_call(runner, &one, leaves_run, false);
        data = status.code != STATUS_IO && status.code != STATUS_UNKNOWN && status.code != STATUS_BUSY;
        if (!status_is_ok(status) && data) {
            works[i].written = works[i].settled = false;
            works[i].end = WORK_FAILED;
            TRY(work_quarantine(runner, &works[i], 0, "this row makes no valid change: see the limits"));
            status = status_ok();
        }
    }
    if (status_is_ok(status)) {
        runner->pending_kept = runner->pending_closed;
    }
    for (size_t i = 0; i < count && status_is_ok(status); i++) {
        runner->captured += works[i].written ? works[i].decision.draft_count : 0;
    }
    if (status_is_ok(status) && runner->options.captured) {
        runner->options.captured(runner->options.owner);
    }
    return status;
}
