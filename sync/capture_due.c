/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/capture_work.h"

/* What is due in the row: digest of the shown value differs from the digest sent; and when it may be written. */

struct due_state {
    const struct record_register *reg;
    struct shown shown;
    struct span value;     /* what the row is to show */
    struct ctx_entry leaf; /* ... and where that comes from */
    bool due;
};

static bool is_readable(const struct sibling *sibling)
{
    return !(sibling->flags & (SIBLING_ERASED | SIBLING_MISSING));
}

static struct ctx_entry sibling_entry(const struct record *record, const struct sibling *sibling)
{
    struct dot dot = record_dot(record, sibling->dot);
    return (struct ctx_entry){.replica = dot.replica, .rseq = dot.rseq, .hash = sibling->hash};
}

static bool was_sent(const struct capture_work *work, const struct shadow_register *known, struct span value)
{
    return (known->flags & SHADOW_SENT) && capture_value_is(work->source, value, &known->sent);
}

static bool row_shows(const struct capture_work *work, const struct shadow_register *known,
                      const struct sibling *sibling)
{
    if (known->leaf.rseq > 0 && hash_equal(known->leaf.hash, sibling->hash)) {
        return true;
    }
    return !(known->flags & SHADOW_UNSAID) && was_sent(work, known, sibling->value);
}

/* The own lane's living sibling that is no old form: the row keeps it, or gets it back after an old form. */
static const struct sibling *own_sibling(const struct capture_work *work, const struct record_register *reg,
                                         const struct shadow_register *known)
{
    const struct sibling *best = NULL;
    for (size_t i = 0; reg && i < reg->sibling_count; i++) {
        const struct sibling *sibling = &reg->siblings[i];
        if (!is_readable(sibling) || (sibling->flags & SIBLING_STALE) ||
            !capture_is_own(work->source, record_dot(work->input->record, sibling->dot).replica)) {
            continue;
        }
        if (row_shows(work, known, sibling)) {
            return sibling;
        }
        best = sibling;
    }
    return best;
}

/* The row shows what an old form put back. */
static bool row_is_stale(const struct record_register *reg, const struct shadow_register *known)
{
    for (size_t i = 0; reg && i < reg->sibling_count; i++) {
        const struct sibling *sibling = &reg->siblings[i];
        if ((sibling->flags & SIBLING_STALE) && known->leaf.rseq > 0 && hash_equal(sibling->hash, known->leaf.hash)) {
            return true;
        }
    }
    return false;
}

static void take_sibling(const struct record *record, const struct sibling *sibling, struct due_state *state)
{
    state->value = sibling->value;
    state->leaf = sibling_entry(record, sibling);
}

/* Which value the row should have, by the policy of connector.md ("Written to the row while a conflict is open"). */
static void choose(struct capture_work *work, const struct shadow_register *known, struct due_state *state)
{
    const struct record *record = work->input->record;
    state->value = state->shown.value;
    if (state->reg && state->shown.sibling != SIZE_MAX) {
        state->leaf = sibling_entry(record, &state->reg->siblings[state->shown.sibling]);
    }
    state->due = !was_sent(work, known, state->value);
    if (!state->shown.conflict || capture_is_flag(known->number) || !(known->flags & SHADOW_SENT)) {
        return;
    }
    const struct sibling *own = own_sibling(work, state->reg, known);
    if (own && !row_shows(work, known, own)) {
        take_sibling(record, own, state); /* after an old form, or a restored legacy database */
        state->due = !was_sent(work, known, state->value);
    } else if (state->due && (own || (state->shown.person && !row_is_stale(state->reg, known)))) {
        state->due = false;
        capture_waits(work, WAIT_PERSON);
    }
}

/* A looser flag is only ever written after an admin loosened it: then `shown` says so. A stricter one does not wait. */
static struct status waits_for_ack(struct capture_work *work, const struct shadow_register *known, struct span value,
                                   bool *out_waits)
{
    *out_waits = false;
    if (capture_is_flag(known->number)) {
        bool strict;
        TRY(capture_read_flag(value, work->arena, &strict));
        if (strict) {
            return status_ok();
        }
    }
    if (known->leaf.rseq == 0 || !node_id_equal(known->leaf.replica.node, work->source->self)) {
        return status_ok();
    }
    const struct history_entry *leaf = record_history_find(work->input->record, known->leaf.replica, known->leaf.rseq);
    *out_waits = leaf && !work->source->is_acked(work->source->is_acked_owner, leaf->stream, leaf->seq);
    return status_ok();
}

/* The row shows a value that a sibling of others has too: whoever reads the row has read that one. */
static struct status refresh(struct capture_work *work, const struct due_state *state, struct shadow_register *known)
{
    const struct record *record = work->input->record;
    for (size_t i = 0; state->reg && i < state->reg->sibling_count; i++) {
        const struct sibling *sibling = &state->reg->siblings[i];
        if (!is_readable(sibling) || !row_shows(work, known, sibling) ||
            shadow_vector_covers(&known->vector, record_dot(record, sibling->dot))) {
            continue;
        }
        struct shadow_vector seen;
        TRY(shadow_vector_seen(record, work->shadow->part, known->number, sibling->value, work->arena, &seen));
        if (shadow_vector_equal(&seen, &known->vector)) {
            return status_ok();
        }
        known->vector = seen;
        known->leaf = sibling_entry(record, sibling);
        work->changed = true;
        return status_ok();
    }
    return status_ok();
}

/* Something is on its way: a body that is not here yet, or the destruction of one that is erased. */
static bool may_come(const struct record *record, const struct record_register *reg)
{
    for (size_t i = 0; i < reg->sibling_count; i++) {
        const struct sibling *sibling = &reg->siblings[i];
        struct dot dot = record_dot(record, sibling->dot);
        const struct history_entry *leaf = record_history_find(record, dot.replica, dot.rseq);
        bool held = leaf && (leaf->flags & HISTORY_BODY);
        if ((sibling->flags & SIBLING_ERASED) ? held : (sibling->flags & SIBLING_MISSING) != 0) {
            return true;
        }
    }
    return false;
}

static struct status due_register(struct capture_work *work, const struct capture_register *reg,
                                  struct shadow_register *known)
{
    const struct record *record = work->input->record;
    struct due_state state = {.reg = record_register_find(record, work->shadow->part, reg->number)};
    if (!state.reg || state.reg->sibling_count == 0) {
        return status_ok(); /* nobody ever said anything: nothing to write, also no strict flag */
    }
    TRY(record_show(record, work->shadow->part, reg->number, work->arena, &state.shown));
    if (!state.shown.present || !state.shown.readable) {
        if (may_come(record, state.reg)) {
            capture_waits(work, WAIT_UNREADABLE);
        }
        return status_ok();
    }
    choose(work, known, &state);
    if (!state.due || !reg->writable) {
        return refresh(work, &state, known);
    }
    bool waits;
    TRY(waits_for_ack(work, known, state.value, &waits));
    if (waits) {
        capture_waits(work, WAIT_ACK);
        return status_ok();
    }
    struct capture_write *write = &work->out.writes[work->out.write_count];
    *write = (struct capture_write){.number = reg->number, .value = state.value, .leaf = state.leaf};
    TRY(shadow_vector_seen(record, work->shadow->part, reg->number, state.value, work->arena, &write->vector));
    work->out.write_count++;
    return status_ok();
}

/* The record has left: the row only gets the status that the mapping names for it, once. */
static struct status due_routed(struct capture_work *work)
{
    if (work->shadow->routed || !part_id_is_none(work->shadow->part)) {
        return status_ok();
    }
    const struct shadow_register *known = shadow_register_find(work->shadow, REG_STATUS);
    const struct capture_register *reg = capture_row_register(work->input->row, REG_STATUS);
    if (known && reg) {
        bool same = shadow_cells_equal(known->cells, known->cell_count, reg->cells, reg->cell_count);
        bool waits;
        TRY(waits_for_ack(work, known, (struct span){.size = 0}, &waits));
        if (waits || !same || (known->flags & SHADOW_RECAPTURE)) {
            capture_waits(work, WAIT_ACK);
            return status_ok();
        }
    }
    capture_set(work, CAPTURE_ROUTED);
    return status_ok();
}

struct status capture_due(struct capture_work *work)
{
    const struct capture_row *row = work->input->row;
    if (capture_has_left(work->source, work->input->record)) {
        return due_routed(work);
    }
    if (work->shadow->routed) {
        work->shadow->routed = false; /* it came back; its status is due, because none was sent */
        work->changed = true;
    }
    if (work->shadow->held) {
        capture_waits(work, WAIT_PERSON);
        return status_ok();
    }
    for (size_t i = 0; i < row->register_count; i++) {
        const struct capture_register *reg = &row->registers[i];
        if (reg->cell_count == 0) {
            continue;
        }
        struct shadow_register *known = NULL;
        if (shadow_register_find(work->shadow, reg->number)) {
            known = capture_slot(work, reg->number);
        } else if (!reg->readable && reg->writable) {
            known = capture_slot(work, reg->number); /* direction out: nothing is read, everything is written */
        }
        /* What differs, or cannot be read, is captured or quarantined first. */
        bool settled = known && !(known->flags & SHADOW_RECAPTURE) &&
                       (!reg->readable || (!reg->problem && shadow_cells_equal(known->cells, known->cell_count,
                                                                               reg->cells, reg->cell_count)));
        if (settled) {
            TRY(due_register(work, reg, known));
        }
    }
    return status_ok();
}
