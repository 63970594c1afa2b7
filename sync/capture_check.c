/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/capture_work.h"

/* Restored stores (connector.md, "Order of commits", 3): a row whose shadow names a leaf that the store does not hold
 * is neither captured nor written. A foreign leaf is waited for; an own one until hello is done and all own leaves are
 * applied; what is missing then is lost for good, and the row's value is captured again. */

bool capture_holds(const struct record *record, const struct ctx_entry *entry)
{
    uint32_t index = record_replica_find(record, entry->replica);
    if (index == UINT32_MAX || record->replicas[index].rseq < entry->rseq) {
        return false;
    }
    const struct history_entry *leaf = record_history_find(record, entry->replica, entry->rseq);
    return leaf && hash_equal(leaf->hash, entry->hash);
}

bool capture_is_behind(const struct capture_source *source, const struct record *record)
{
    if (record->parked_count == 0) {
        return false;
    }
    for (size_t i = 0; i < record->history_count; i++) {
        const struct history_entry *leaf = &record->history[i];
        if ((leaf->flags & HISTORY_PARKED) &&
            node_id_equal(record->replicas[leaf->replica].replica.node, source->self)) {
            return true;
        }
    }
    return false;
}

struct missing {
    bool own;
    bool foreign;
};

static void look(const struct capture_work *work, const struct ctx_entry *entry, struct missing *missing)
{
    if (!work->input->record || !capture_holds(work->input->record, entry)) {
        if (node_id_equal(entry->replica.node, work->source->self)) {
            missing->own = true;
        } else {
            missing->foreign = true;
        }
    }
}

static void look_vector(const struct capture_work *work, const struct shadow_vector *vector, struct missing *missing)
{
    for (size_t i = 0; i < vector->count; i++) {
        look(work, &vector->entries[i], missing);
    }
}

static struct missing look_all(const struct capture_work *work)
{
    struct missing missing = {.own = false};
    for (size_t i = 0; i < work->shadow->register_count; i++) {
        const struct shadow_register *reg = &work->shadow->registers[i];
        if (reg->leaf.rseq > 0) {
            look(work, &reg->leaf, &missing);
        }
        look_vector(work, &reg->vector, &missing);
        for (size_t k = 0; k < reg->past_count; k++) {
            look_vector(work, &reg->past[k].vector, &missing);
        }
    }
    return missing;
}

/* Cuts a vector to what is held, then below every sibling that shows another value than the row's. */
static struct status cut(const struct capture_work *work, const struct shadow_register *reg,
                         const struct shadow_vector *vector, struct shadow_vector *out_vector)
{
    const struct record *record = work->input->record;
    struct shadow_vector held = {.entries = arena_array(work->arena, vector->count, sizeof *held.entries)};
    if (!held.entries) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    const struct record_register *siblings = record_register_find(record, work->shadow->part, reg->number);
    for (size_t i = 0; i < vector->count; i++) {
        const struct ctx_entry *entry = &vector->entries[i];
        uint32_t index = record_replica_find(record, entry->replica);
        uint64_t rseq = entry->rseq;
        if (!capture_holds(record, entry)) {
            /* Beyond the head: lost. Another leaf in its place: nothing of that replica is certain. */
            bool beyond = index != UINT32_MAX && record->replicas[index].rseq < entry->rseq;
            rseq = beyond ? record->replicas[index].rseq : 0;
        }
        for (size_t k = 0; siblings && k < siblings->sibling_count; k++) {
            const struct sibling *sibling = &siblings->siblings[k];
            bool shown = (reg->flags & SHADOW_SENT) && capture_value_is(work->source, sibling->value, &reg->sent);
            if (sibling->dot.replica == index && sibling->dot.rseq <= rseq && !shown) {
                rseq = sibling->dot.rseq - 1;
            }
        }
        const struct history_entry *leaf = rseq > 0 ? record_history_find(record, entry->replica, rseq) : NULL;
        if (leaf) {
            held.entries[held.count++] =
                (struct ctx_entry){.replica = entry->replica, .rseq = rseq, .hash = leaf->hash};
        }
    }
    *out_vector = held;
    return status_ok();
}

static struct status repair(struct capture_work *work)
{
    for (size_t i = 0; i < work->shadow->register_count; i++) {
        struct shadow_register *reg = &work->shadow->registers[i];
        TRY(cut(work, reg, &reg->vector, &reg->vector));
        for (size_t k = 0; k < reg->past_count; k++) {
            TRY(cut(work, reg, &reg->past[k].vector, &reg->past[k].vector));
        }
        if (reg->leaf.rseq > 0 && !capture_holds(work->input->record, &reg->leaf)) {
            reg->flags = (reg->flags | SHADOW_RECAPTURE) & ~(uint32_t)SHADOW_SENT;
            reg->leaf = (struct ctx_entry){.rseq = 0};
        }
    }
    work->changed = true;
    capture_set(work, CAPTURE_SHADOW);
    return status_ok();
}

static void wait_for(struct capture_work *work, enum capture_wait wait)
{
    capture_waits(work, wait);
    capture_set(work, CAPTURE_WAIT);
}

struct status capture_check(struct capture_work *work)
{
    const struct record *record = work->input->record;
    if (record && capture_is_behind(work->source, record)) {
        wait_for(work, WAIT_OWN_LEAVES);
        return status_ok();
    }
    struct missing missing = look_all(work);
    if (missing.foreign) {
        wait_for(work, record ? WAIT_FOREIGN : WAIT_RECORD);
    } else if (record && record->created && !missing.own) {
        return status_ok();
    } else if (!work->source->ready) {
        wait_for(work, WAIT_HELLO);
    } else if (!record || !record->created) {
        /* Its create was lost with the store, and nobody else wrote to it: the derived id makes the same record again.
         */
        if (record && record->history_count > 0) {
            wait_for(work, WAIT_RECORD);
        } else {
            capture_set(work, CAPTURE_FORGET);
        }
    } else {
        return repair(work);
    }
    return status_ok();
}
