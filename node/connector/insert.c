/* SPDX-License-Identifier: Apache-2.0 */
#include "node/base/clock.h"
#include "node/connector/runner.h"

/* Complaints and notes of others that have no row here yet. */

/* ---- which ---- */

struct insert_job {
    struct job job; /* first */
    struct runner *runner;
    struct record_id record;
    const struct legacy_shadow *shadows;
    size_t shadow_count;
    struct insert_work *inserts;
    size_t count;
    bool waits;
};

static const struct mapping_form *note_form(const struct mapping *mapping)
{
    for (size_t t = 0; t < mapping->table_count; t++) {
        for (size_t f = 0; f < mapping->tables[t].form_count; f++) {
            const struct mapping_form *form = &mapping->tables[t].forms[f];
            if (form->kind == FORM_NOTE && form->insert) {
                return form;
            }
        }
    }
    return NULL;
}

static const struct legacy_shadow *shadow_of_part(const struct insert_job *job, struct part_id part)
{
    for (size_t i = 0; i < job->shadow_count; i++) {
        if (part_id_equal(job->shadows[i].part, part)) {
            return &job->shadows[i];
        }
    }
    return NULL;
}

/* One whose row is gone for good: its record had left, and is back. */
static const struct legacy_shadow *living_shadow(const struct insert_job *job, struct part_id part)
{
    const struct legacy_shadow *shadow = shadow_of_part(job, part);
    return shadow && shadow->state != SHADOW_UNTIED ? shadow : NULL;
}

static struct status insert_ask(struct insert_job *job, struct core *core, const struct record *record,
                                struct part_id part, const struct mapping_form *form, struct span parent_key)
{
    const struct capture_source source = runner_source(job->runner, core);
    struct arena *arena = &job->runner->arena;
    uint32_t *numbers = arena_array(arena, form->register_count, sizeof *numbers);
    size_t count = 0;
    if (!numbers) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < form->register_count; i++) {
        if (form->registers[i].writable) {
            numbers[count++] = form->registers[i].number;
        }
    }
    struct insert_work *insert = &job->inserts[job->count];
    *insert = (struct insert_work){.record = record->id, .part = part, .form = form, .parent_key = parent_key};
    insert->untied = shadow_of_part(job, part);
    if (!part_id_is_none(part)) {
        TRY(work_whole_part(core, record, part, arena, &record));
    }
    bool unbound = !insert->untied && record_made_here(job->runner, record, part);
    TRY(capture_insert(&source, record, part, numbers, count, unbound, false, arena, &insert->decision));
    TRY(decision_own(&insert->decision, arena));
    job->waits |= insert->decision.action == CAPTURE_WAIT;
    job->count += insert->decision.action == CAPTURE_INSERT ? 1 : 0;
    return status_ok();
}

static bool part_seen_before(const struct record *record, size_t index)
{
    return index > 0 && part_id_equal(record->registers[index].part, record->registers[index - 1].part);
}

static struct status insert_run(struct job *base, struct core *core, struct arena *arena)
{
    (void)arena;
    struct insert_job *job = (struct insert_job *)base;
    const struct mapping *mapping = job->runner->options.mapping;
    const struct record *record = NULL;
    struct part_id none = {{0}};
    struct status status = core_record(core, job->record, &record);
    if (!status_is_ok(status)) {
        return status.code == STATUS_NOT_FOUND ? status_ok() : status;
    }
    const struct legacy_shadow *main_shadow = living_shadow(job, none);
    if (!main_shadow) {
        return mapping->complaints->insert ? insert_ask(job, core, record, none, mapping->complaints, (struct span){0})
                                           : status_ok();
    }
    const struct mapping_form *form = note_form(mapping);
    for (size_t i = 0; form && i < record->register_count && job->count < RUNNER_DUE_MAX; i++) {
        struct part_id part = record->registers[i].part;
        uint32_t number = record->registers[i].number;
        bool note = number >= REG_NOTE_TEXT && number <= REG_NOTE_HIDDEN;
        if (part_id_is_none(part) || part_seen_before(record, i) || !note || living_shadow(job, part)) {
            continue;
        }
        TRY(insert_ask(job, core, record, part, form, main_shadow->key));
    }
    return status_ok();
}

static struct status runner_inserts(struct runner *runner, struct record_id record, const struct legacy_shadow *shadows,
                                    size_t shadow_count, struct insert_work *out_inserts, size_t *out_count,
                                    bool *out_waits)
{
    struct insert_job job = {.job = {.run = insert_run, .reads_only = true},
                             .runner = runner,
                             .record = record,
                             .shadows = shadows,
                             .shadow_count = shadow_count,
                             .inserts = out_inserts};
    TRY(engine_call(runner->options.engine, &job.job));
    *out_count = job.count;
    *out_waits = job.waits;
    return status_ok();
}

/* ---- into the database ---- */

static struct status insert_id(struct runner *runner, const struct insert_work *insert, struct span *out_id)
{
    struct record_id id = insert->record;
    char *text = arena_alloc(&runner->arena, 33);
    if (!text) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (!part_id_is_none(insert->part)) {
        memcpy(id.bytes, insert->part.bytes, sizeof id.bytes);
    }
    record_id_text(id, text);
    *out_id = span_of(text, 32);
    return status_ok();
}

static struct status insert_locked(struct runner *runner, struct insert_work *insert)
{
    const struct driver_ops *ops = runner->driver->ops;
    const struct mapping *mapping = runner->options.mapping;
    const struct capture_source source = runner_source(runner, NULL);
    size_t table = (size_t)(insert->form->table - mapping->tables);
    struct mapping_cell cells[LIMIT_COLUMNS];
    const struct mapping_fill *fills = NULL;
    size_t cell_count = 0;
    size_t fill_count = 0;
    struct span id;
    struct work work = {.table = table, .form = insert->form, .decision = insert->decision};
    struct legacy_row row;
    bool stored = false;
    uint64_t now = (uint64_t)clock_now_ms();
    TRY(insert_id(runner, insert, &id));
    if (insert->untied) {
        TRY(ops->shadow_remove(runner->driver, insert->untied->table, insert->untied->key, insert->untied->version));
    }
    TRY(write_cells(runner, table, insert->form, &work.decision, NULL, cells, &cell_count));
    TRY(mapping_fills(mapping, insert->form, id, insert->parent_key, (int64_t)now, &runner->arena, &fills,
                      &fill_count));
    TRY(ops->insert(runner->driver, table, cells, cell_count, fills, fill_count, &runner->arena, &work.key));
    TRY(ops->rows(runner->driver, table, &work.key, 1, false, &runner->arena, &row));
    TRY(row_capture(runner, table, insert->form, row.raw, &work.capture_row));
    TRY(capture_written(&source, &work.decision, &work.capture_row, now, &runner->arena));
    if (row.shadow.bytes.data) { /* of a vanished row whose key the database has given again */
        struct span gone;
        TRY(shadow_gone_key(runner, work.key, row.shadow.record, &gone));
        TRY(ops->shadow_move(runner->driver, table, work.key, row.shadow.version, gone));
    }
    TRY(shadow_put(runner, &work, &stored));
    return stored ? status_ok() : STATUS_MAKE(STATUS_STALE);
}

static struct status insert_apply(struct runner *runner, struct insert_work *insert, bool *out_inserted)
{
    *out_inserted = false;
    TRY(runner->driver->ops->begin(runner->driver));
    TRY_LEGACY(insert_locked(runner, insert));
    TRY(runner->driver->ops->commit(runner->driver));
    runner->written++;
    *out_inserted = true;
    return status_ok();
}

struct status due_insert(struct runner *runner, struct due_work *due, const struct legacy_shadow *shadows,
                         size_t shadow_count, bool *out_again)
{
    struct insert_work *inserts = arena_array(&runner->arena, RUNNER_DUE_MAX, sizeof *inserts);
    size_t count = 0;
    bool waits = false;
    if (!inserts) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (runner->loading) {
        due->keep = true; /* its row may be among those that are not looked at yet */
        return status_ok();
    }
    TRY(runner_inserts(runner, due->due.record, shadows, shadow_count, inserts, &count, &waits));
    due->keep |= waits;
    for (size_t i = 0; i < count; i++) {
        bool inserted = false;
        struct status status = insert_apply(runner, &inserts[i], &inserted);
        if (status.code == STATUS_INVALID) {
            struct work work = {.table = (size_t)(inserts[i].form->table - runner->options.mapping->tables),
                                .key = span_text("(new row)"),
                                .form = inserts[i].form,
                                .input = {.record_id = inserts[i].record}};
            TRY(work_quarantine(
                runner, &work, 0,
                "the local database refused a new row from the hub: add defaults for its NOT NULL columns "
                "to the mapping, then `simpul quarantine retry`"));
            continue;
        }
        due->keep |= status.code == STATUS_BUSY || status.code == STATUS_STALE;
        runner->locked_out |= status.code == STATUS_BUSY;
        due->locked |= status.code == STATUS_BUSY;
        if (status.code != STATUS_BUSY && status.code != STATUS_STALE) {
            TRY(status);
        }
        *out_again |= inserted && part_id_is_none(inserts[i].part);
    }
    return status_ok();
}
