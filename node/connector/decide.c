/* SPDX-License-Identifier: Apache-2.0 */
#include "node/base/clock.h"
#include "node/connector/runner.h"

/* Everything here runs inside engine jobs: the store is touched nowhere else. */

struct status works_call(struct runner *runner, struct works_job *job,
                         struct status (*run)(struct job *, struct core *, struct arena *), bool reads_only)
{
    job->job = (struct job){.run = run, .reads_only = reads_only};
    job->runner = runner;
    job->own = &runner->arena;
    return engine_call(runner->options.engine, &job->job);
}

static bool record_has_part(const struct record *record, struct part_id part)
{
    for (size_t i = 0; i < record->register_count; i++) {
        if (part_id_equal(record->registers[i].part, part)) {
            return true;
        }
    }
    return false;
}

bool record_is_conflicted(const struct record *record)
{
    for (size_t i = 0; i < record->register_count; i++) {
        if (record->registers[i].sibling_count > 1) {
            return true;
        }
    }
    return false;
}

static bool id_is_none(struct record_id id)
{
    return record_id_equal(id, (struct record_id){{0}});
}

/* True while the driver has to be asked about this row before it can be decided. */
static bool work_wants_lookup(const struct runner *runner, const struct work *work)
{
    if (work->looked_up) {
        return false;
    }
    if (work->has_shadow) {
        return !work->there && part_id_is_none(work->shadow.part); /* its notes' shadows */
    }
    const struct record *record = work->input.record;
    if (work->form->kind == FORM_NOTE) {
        return record && record_has_part(record, work->input.part);
    }
    return record != NULL || work->candidate_count > 0 || (runner->vanished && work->capture_row.identity_count > 0);
}

/* A note's long texts stand in their bodies, not in the record's row. */
struct status work_whole_part(struct core *core, const struct record *record, struct part_id part, struct arena *arena,
                              const struct record **out_record)
{
    struct record *whole = arena_alloc(arena, sizeof *whole);
    if (!whole) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(capture_record(core, record, part, arena, whole));
    *out_record = whole;
    return status_ok();
}

static struct status work_found(struct runner *runner, struct core *core, struct work *work, struct span claim)
{
    struct capture_leaf *leaves = NULL;
    size_t count = 0;
    const struct shadow *shadow = work->has_shadow ? &work->shadow : NULL;
    struct part_id part = shadow ? shadow->part : work->input.part;
    if (work->input.record) {
        TRY(capture_leaves(core, work->input.record, runner->options.legacy->lane, part, claim, &runner->arena, &leaves,
                           &count));
    }
    work->input.found_known = true;
    work->input.found = leaves;
    work->input.found_count = count;
    return status_ok();
}

static struct status work_decide(struct runner *runner, struct core *core, struct work *work)
{
    const struct capture_source source = runner_source(runner, core);
    struct capture_input *input = &work->input;
    const struct shadow *shadow = work->has_shadow                ? &work->shadow
                                  : work->match == MATCH_VANISHED ? &work->vanished
                                                                  : NULL;
    input->now_ms = (uint64_t)clock_now_ms();
    input->row = work->there ? &work->capture_row : NULL;
    input->shadow = shadow;
    input->match = work->match;
    input->parent = work->has_parent ? &work->parent : NULL;
    input->record = NULL;
    struct record_id id = shadow ? shadow->record : input->record_id;
    if (!id_is_none(id)) {
        struct status status = core_record(core, id, &input->record);
        if (!status_is_ok(status) && status.code != STATUS_NOT_FOUND) {
            return status;
        }
    }
    work->conflicted = input->record && record_is_conflicted(input->record);
    TRY(work_references(runner, core, work));
    work->needs_lookup = work_wants_lookup(runner, work);
    if (work->needs_lookup) {
        return status_ok();
    }
    if (runner->loading && !core_is_current(core) && !work->has_shadow && work->there) {
        work->end = WORK_HELD;
        return status_ok();
    }
    if (shadow && input->record && source.ready) {
        TRY(capture_map(core, &source, input->record, shadow, &runner->arena, &shadow));
        input->shadow = shadow;
    }
    struct part_id part = shadow ? shadow->part : input->part;
    if (input->record && !part_id_is_none(part)) {
        TRY(work_whole_part(core, input->record, part, &runner->arena, &input->record));
    }
    if (work->match == MATCH_DERIVED) {
        TRY(work_found(runner, core, work, (struct span){0}));
    }
    TRY(capture_decide(&source, input, &runner->arena, &work->decision));
    if (work->decision.action == CAPTURE_SETTLE) {
        TRY(work_found(runner, core, work, span_of(shadow->claim.number, sizeof shadow->claim.number)));
        TRY(capture_decide(&source, input, &runner->arena, &work->decision));
    }
    return status_ok();
}

/* What is to be written points into the record, whose memory is the core's and ends with this transaction. */
struct status decision_own(struct capture_decision *decision, struct arena *arena)
{
    for (size_t i = 0; i < decision->write_count; i++) {
        TRY(arena_copy(arena, decision->writes[i].value, &decision->writes[i].value));
    }
    return status_ok();
}

static struct status decide_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)arena;
    struct works_job *w = (struct works_job *)job;
    w->runner->ready = runner_may_work(w->runner, core);
    if (w->facts) {
        core_facts_take(w->runner, core, w->facts);
    }
    for (size_t i = 0; i < w->count; i++) {
        if (w->works[i].end == WORK_OPEN) {
            TRY(work_decide(w->runner, core, &w->works[i]));
            TRY(decision_own(&w->works[i].decision, &w->runner->arena));
        }
    }
    return status_ok();
}

struct status works_decide(struct runner *runner, struct work *works, size_t count, struct core_facts *out_facts)
{
    struct works_job job = {.works = works, .count = count, .facts = out_facts};
    return works_call(runner, &job, decide_run, true);
}
