/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/runner.h"

/* Whose row is a row without shadow? */

/* Exactly one vanished row with the same identity columns: this row is that case again. */
static struct status lookup_vanished(struct runner *runner, struct work *work)
{
    struct legacy_shadow found[2];
    uint8_t digest[16];
    size_t count = 0;
    identity_digest(runner, work->capture_row.identity, work->capture_row.identity_count, digest);
    TRY(runner->driver->ops->shadows_of_identity(runner->driver, work->table, digest, 2, &runner->arena, found,
                                                 &count));
    if (count != 1 || !shadow_state_is_gone(found[0].state)) {
        return status_ok();
    }
    TRY(shadow_decode(found[0].bytes, &runner->arena, &work->vanished));
    work->vanished_at = found[0];
    work->match = MATCH_VANISHED;
    return status_ok();
}

/* A row that we captured has no shadow any more: `connector uninstall` and `install`, or only this one? */
static struct status lookup_load(struct runner *runner)
{
    struct span value;
    if (runner->loading || runner->reload_wanted) {
        return status_ok();
    }
    struct status status = runner->driver->ops->mark(runner->driver, "loaded", &runner->arena, &value);
    runner->reload_wanted = status.code == STATUS_NOT_FOUND;
    return status.code == STATUS_NOT_FOUND ? status_ok() : status;
}

/* A record (or note) of the derived id is held: is another row tied to it? */
static struct status lookup_derived(struct runner *runner, struct work *work)
{
    struct legacy_shadow found[2];
    size_t count = 0;
    TRY(runner->driver->ops->shadows_of_record(runner->driver, work->input.record_id, false, work->input.part, 2,
                                               &runner->arena, found, &count));
    if (count == 0) {
        TRY(lookup_load(runner));
        work->match = MATCH_DERIVED;
    } else if (count == 1 && shadow_state_is_gone(found[0].state)) {
        TRY(shadow_decode(found[0].bytes, &runner->arena, &work->vanished));
        work->vanished_at = found[0];
        work->match = MATCH_VANISHED;
    } else {
        work->match = MATCH_DOUBTFUL;
    }
    return status_ok();
}

/* A complaint's row is gone: the vectors of its notes count too. */
static struct status lookup_parts(struct runner *runner, struct work *work)
{
    struct legacy_shadow found[RUNNER_DUE_MAX];
    size_t count = 0;
    TRY(runner->driver->ops->shadows_of_record(runner->driver, work->shadow.record, true, (struct part_id){{0}},
                                               RUNNER_DUE_MAX, &runner->arena, found, &count));
    const struct shadow **parts = arena_array(&runner->arena, count, sizeof *parts);
    struct shadow *shadows = arena_array(&runner->arena, count, sizeof *shadows);
    if (!parts || !shadows) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!part_id_is_none(found[i].part) &&
            status_is_ok(shadow_decode(found[i].bytes, &runner->arena, &shadows[n]))) {
            parts[n] = &shadows[n];
            n++;
        }
    }
    work->input.parts = parts;
    work->input.part_count = n;
    return status_ok();
}

struct status works_lookup(struct runner *runner, struct work *works, size_t count, bool *out_any)
{
    *out_any = false;
    for (size_t i = 0; i < count; i++) {
        struct work *work = &works[i];
        if (work->end != WORK_OPEN || !work->needs_lookup) {
            continue;
        }
        *out_any = true;
        work->looked_up = true;
        if (work->has_shadow) {
            TRY(lookup_parts(runner, work));
            continue;
        }
        if (work->input.record) {
            TRY(lookup_derived(runner, work));
        }
        if (work->match == MATCH_NONE && work->form->kind == FORM_COMPLAINT) {
            TRY(lookup_vanished(runner, work));
        }
        if (work->match == MATCH_NONE) {
            TRY(lookup_reference(runner, work));
        }
    }
    return status_ok();
}
