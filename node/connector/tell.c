/* SPDX-License-Identifier: Apache-2.0 */
#include "node/base/clock.h"
#include "node/base/log.h"
#include "node/connector/runner.h"

/* What a person has to mend is told in the quarantine. */

struct status work_quarantine_add(struct runner *runner, const struct work *work, uint32_t number, const char *reason,
                                  struct arena *arena)
{
    const struct mapping_table *table = &runner->options.mapping->tables[work->table];
    const struct mapping_register *reg =
        work->form && number ? mapping_register(work->form, number & QUARANTINE_REGISTER) : NULL;
    struct quarantine_entry entry = {.kind = QUARANTINE_ROW,
                                     .at_ms = (uint64_t)clock_now_ms(),
                                     .reason = span_text(reason),
                                     .record = work->has_shadow ? work->shadow.record : work->input.record_id,
                                     .lane = runner->options.legacy->lane,
                                     .table = span_text(table->name),
                                     .row_key = work->key,
                                     .number = number};
    if (reg && reg->column_count > 0) {
        entry.column = span_text(table->columns[reg->columns[0]].name);
    }
    bool fresh;
    runner->quarantined = true;
    TRY(quarantine_put(runner->options.store, &entry, arena, &fresh));
    if (fresh) {
        LOG(row_quarantined, log_word(runner->options.legacy->name), log_word(table->name), log_word(reason));
    }
    return status_ok();
}

struct quarantine_job {
    struct job job; /* first */
    struct runner *runner;
    const struct work *work;
    uint32_t number;
    const char *reason;
};

static struct status quarantine_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    struct quarantine_job *q = (struct quarantine_job *)job;
    return work_quarantine_add(q->runner, q->work, q->number, q->reason, arena);
}

struct status work_quarantine(struct runner *runner, const struct work *work, uint32_t number, const char *reason)
{
    struct quarantine_job job = {
        .job = {.run = quarantine_run}, .runner = runner, .work = work, .number = number, .reason = reason};
    return engine_call(runner->options.engine, &job.job);
}

static const char *item_text(const struct work *work, const struct capture_item *item, struct arena *arena)
{
    switch (item->kind) {
    case ITEM_QUARANTINE:
        return item->problem ? item->problem : "this value does not map: mend the row or the mapping";
    case ITEM_STALE:
        return "a form opened before a change from the hub put an old value back: both are kept, see `simpul "
               "conflicts`";
    case ITEM_LOOSENED:
        return "made looser in the local system: the strict value stays until an admin says `simpul record loosen`";
    case ITEM_SAME_CASE:
        return same_case_text(work, arena);
    case ITEM_BLANKED_AGAIN:
        return "an erased value came back from an old form and was blanked again";
    case ITEM_STEP:
        break;
    }
    return "";
}

/* A step that the workflow does not know is applied, and stands in the record's history for whoever looks at it.
 * Systems that close a case in one step make thousands of them, which would bury what a person has to mend. */
static bool is_told(const struct capture_item *item)
{
    return item->kind != ITEM_STEP;
}

static bool has_told(const struct work *work)
{
    for (size_t i = 0; i < work->decision.item_count; i++) {
        if (is_told(&work->decision.items[i])) {
            return true;
        }
    }
    return false;
}

/* Items are told anew by each decision; what is no longer told has been mended. A row that failed keeps its entry. */
struct status work_tell(struct runner *runner, const struct work *work, bool captured, struct arena *arena)
{
    struct span table = span_text(runner->options.mapping->tables[work->table].name);
    uint32_t *numbers = arena_array(arena, work->decision.item_count, sizeof *numbers);
    size_t count = 0;
    if (!numbers) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < work->decision.item_count; i++) {
        const struct capture_item *item = &work->decision.items[i];
        if (is_told(item)) {
            bool stands = item->kind == ITEM_QUARANTINE || item->kind == ITEM_SAME_CASE;
            numbers[count] = item->number | (stands ? 0 : QUARANTINE_NOTICE);
            TRY(work_quarantine_add(runner, work, numbers[count], item_text(work, item, arena), arena));
            count++;
        }
    }
    return quarantine_mend_row(runner->options.store, runner->options.legacy->lane, table, work->key, captured, numbers,
                               count, arena);
}

static bool tells(const struct runner *runner, const struct work *work)
{
    bool decided = work->end == WORK_DONE || work->end == WORK_PERSON;
    return decided && work->there && (has_told(work) || runner->quarantined);
}

static struct status tell_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    struct works_job *w = (struct works_job *)job;
    for (size_t i = 0; i < w->count; i++) {
        if (tells(w->runner, &w->works[i])) {
            TRY(work_tell(w->runner, &w->works[i], false, arena));
        }
    }
    return status_ok();
}

struct status works_tell(struct runner *runner, struct work *works, size_t count)
{
    struct works_job job = {.works = works, .count = count};
    for (size_t i = 0; i < count; i++) {
        if (tells(runner, &works[i])) {
            return works_call(runner, &job, tell_run, false);
        }
    }
    return status_ok();
}
