/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "node/connector/runner.h"

/* Hand-copied complaints exist on both sides (connector.md, "Day one"): a new row that bears the number of a complaint which
 * is held is that complaint, if it is the only one and has no row yet. */

static struct status work_refs(struct runner *runner, const struct work *work, const struct ref **out_refs, size_t *out_count)
{
    *out_count = 0;
    if (!work->there || work->form->kind != FORM_COMPLAINT) {
        return status_ok();
    }
    for (size_t i = 0; i < work->capture_row.register_count; i++) {
        const struct capture_register *reg = &work->capture_row.registers[i];
        struct value value;
        if (reg->number == REG_REFS && reg->present && reg->readable) {
            TRY(value_read_register(REG_REFS, reg->value, &runner->arena, &value));
            *out_refs = value.refs.refs;
            *out_count = value.refs.count;
        }
    }
    return status_ok();
}

static bool ref_is_own_key(const struct runner *runner, const struct ref *ref)
{
    static const char prefix[] = "legacy:";
    struct span name = span_text(runner->options.mapping->system);
    return ref->system.size == sizeof prefix - 1 + name.size &&
           memcmp(ref->system.data, prefix, sizeof prefix - 1) == 0 &&
           memcmp(ref->system.data + sizeof prefix - 1, name.data, name.size) == 0;
}

bool record_made_here(const struct runner *runner, const struct record *record, struct part_id part)
{
    for (size_t i = 0; i < record->history_count; i++) {
        const struct history_entry *h = &record->history[i];
        bool makes = part_id_is_none(part) ? h->kind == KIND_CREATE : part_id_equal(h->part, part);
        if (makes) {
            const struct replica *replica = &record->replicas[h->replica].replica;
            return node_id_equal(replica->node, runner->options.self) && replica->lane == runner->options.legacy->lane;
        }
    }
    return false;
}

static void candidate_add(struct work *work, struct record_id id, bool made_here)
{
    for (size_t i = 0; i < work->candidate_count; i++) {
        if (record_id_equal(work->candidates[i], id)) {
            return;
        }
    }
    /* What this lane made has a row with a derived id, even if its shadow was lost and it is not bound again yet. */
    work->candidate_tied |= made_here;
    if (work->candidate_count < RUNNER_CANDIDATES_MAX) {
        work->candidates[work->candidate_count++] = id;
    }
}

static struct status candidates_of(struct runner *runner, struct core *core, struct work *work, const struct ref *ref)
{
    struct record_id ids[RUNNER_CANDIDATES_MAX];
    size_t count = 0;
    TRY(core_refs(core, ref, runner->options.scope, RUNNER_CANDIDATES_MAX, ids, &count));
    for (size_t i = 0; i < count; i++) {
        const struct record *record;
        TRY(core_record(core, ids[i], &record));
        bool made_here = record_made_here(runner, record, (struct part_id){{0}});
        bool itself = work->has_shadow && record_id_equal(work->shadow.record, ids[i]);
        /* A key of ours that was used again: its earlier case was made here, and is told by its identity columns. */
        bool earlier = !work->has_shadow && made_here && ref_is_own_key(runner, ref);
        if (!itself && !earlier) {
            candidate_add(work, ids[i], made_here);
        }
    }
    return status_ok();
}

struct status work_references(struct runner *runner, struct core *core, struct work *work)
{
    const struct ref *refs = NULL;
    size_t count = 0;
    if (work->looked_up || (work->has_shadow && !work->shadow.held)) {
        return status_ok();
    }
    work->candidate_count = 0;
    work->candidate_tied = false;
    TRY(work_refs(runner, work, &refs, &count));
    for (size_t i = 0; i < count; i++) {
        TRY(candidates_of(runner, core, work, &refs[i]));
    }
    bool folded = work->has_shadow && work->input.record &&
                  record_register_find(work->input.record, (struct part_id){{0}}, REG_SAME_AS) != NULL;
    work->input.released = work->has_shadow && (folded || (count > 0 && work->candidate_count == 0));
    return status_ok();
}

struct status lookup_reference(struct runner *runner, struct work *work)
{
    struct legacy_shadow found;
    size_t count = 0;
    if (work->candidate_count == 0) {
        return status_ok();
    }
    bool single = work->candidate_count == 1 && !work->candidate_tied;
    if (single) {
        TRY(runner->driver->ops->shadows_of_record(runner->driver, work->candidates[0], false, (struct part_id){{0}}, 1,
                                                   &runner->arena, &found, &count));
    }
    work->match = single && count == 0 ? MATCH_REFERENCE : MATCH_DOUBTFUL;
    if (work->match == MATCH_REFERENCE) {
        work->input.record_id = work->candidates[0];
    }
    return status_ok();
}

static bool share_number(const struct runner *runner, const struct ref *a, size_t a_count, const struct ref *b,
                         size_t b_count)
{
    for (size_t i = 0; i < a_count; i++) {
        for (size_t k = 0; k < b_count && !ref_is_own_key(runner, &a[i]); k++) {
            if (span_equal(a[i].key, b[k].key) && span_equal(a[i].system, b[k].system)) {
                return true;
            }
        }
    }
    return false;
}

static bool is_new(const struct work *work)
{
    return work->end == WORK_OPEN && work->there && !work->has_shadow && work->form->kind == FORM_COMPLAINT;
}

struct numbers {
    struct work *work;
    const struct ref *refs;
    size_t count;
};

/* True if an earlier row of the batch takes what this one might take. */
static bool has_twin(const struct runner *runner, const struct numbers *earlier, size_t count, const struct numbers *one)
{
    for (size_t i = 0; i < count; i++) {
        bool same_record = one->work->match == MATCH_REFERENCE &&
                           record_id_equal(one->work->input.record_id, earlier[i].work->input.record_id);
        if (same_record || share_number(runner, earlier[i].refs, earlier[i].count, one->refs, one->count)) {
            return true;
        }
    }
    return false;
}

/* Rows of one batch with one number: the first goes on, the others are decided when its shadow stands. */
struct status works_part_twins(struct runner *runner, struct work *works, size_t count)
{
    struct numbers *bearing = arena_array(&runner->arena, count, sizeof *bearing);
    size_t n = 0;
    if (!bearing) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        struct numbers one = {.work = &works[i]};
        if (!is_new(&works[i])) {
            continue;
        }
        TRY(work_refs(runner, &works[i], &one.refs, &one.count));
        bool bears = one.count > 1 || works[i].match == MATCH_REFERENCE; /* more than its own key */
        if (bears && has_twin(runner, bearing, n, &one)) {
            works[i].decision = (struct capture_decision){.action = CAPTURE_NOTHING};
            works[i].needs_lookup = true;
        } else if (bears) {
            bearing[n++] = one;
        }
    }
    return status_ok();
}

const char *same_case_text(const struct work *work, struct arena *arena)
{
    static const char format[] = "its number is also that of complaint %s: nothing is written back until `simpul record "
                                 "same` says that they are one, or the number in one of the rows is corrected";
    char id[33];
    char *text = arena_alloc(arena, sizeof format + sizeof id);
    if (!text || work->candidate_count == 0) {
        return "perhaps the same case as another record: nothing is written back until `simpul record same` says so";
    }
    record_id_text(work->candidates[0], id);
    snprintf(text, sizeof format + sizeof id, format, id);
    return text;
}
