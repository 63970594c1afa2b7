/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "sync/capture_work.h"

/* Which changes of others a clerk can have read when he saved (connector.md, "The shadow"). */

static bool vector_covers_sibling(const struct record *record, const struct shadow_vector *vector,
                                  const struct sibling *sibling)
{
    return shadow_vector_covers(vector, record_dot(record, sibling->dot));
}

/* The own lane is always current: its heads, but below a sibling of its own that the vector does not cover, because a
 * vector cannot name a later change without an earlier one. Such are a stale edit, an edit that stayed beside it, and a
 * value of the own lane that a write-back brought into the row (after the legacy database was restored): what a capture
 * takes from the row is put into all vectors (capture_raise), what a write-back brings is not. */
struct status capture_own_current(const struct capture_source *source, const struct record *record, struct part_id part,
                                  uint32_t number, const struct shadow_vector *vector, struct arena *arena,
                                  struct shadow_vector *out_own)
{
    struct shadow_vector own = {.entries = arena_array(arena, record->replica_count, sizeof *own.entries)};
    if (!own.entries) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    const struct record_register *reg = record_register_find(record, part, number);
    for (size_t i = 0; i < record->replica_count; i++) {
        const struct replica_head *head = &record->replicas[i];
        if (head->rseq == 0 || !capture_is_own(source, head->replica)) {
            continue;
        }
        uint64_t top = head->rseq;
        for (size_t k = 0; reg && k < reg->sibling_count; k++) {
            const struct sibling *sibling = &reg->siblings[k];
            if (sibling->dot.replica == i && sibling->dot.rseq <= top &&
                !vector_covers_sibling(record, vector, sibling)) {
                top = sibling->dot.rseq - 1;
            }
        }
        const struct history_entry *leaf = top > 0 ? record_history_find(record, head->replica, top) : NULL;
        if (leaf) {
            size_t at = own.count++;
            while (at > 0 && replica_compare(own.entries[at - 1].replica, head->replica) > 0) {
                own.entries[at] = own.entries[at - 1];
                at--;
            }
            own.entries[at] = (struct ctx_entry){.replica = head->replica, .rseq = top, .hash = leaf->hash};
        }
    }
    *out_own = own;
    return status_ok();
}

static bool digest_equal(const struct shadow_digest *a, const struct shadow_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

struct status capture_context(const struct capture_source *source, const struct record *record, struct part_id part,
                              const struct shadow_register *reg, const struct shadow_digest *also, uint64_t now_ms,
                              struct arena *arena, struct shadow_vector *out_vector)
{
    struct shadow_vector least = reg->vector;
    for (size_t i = 0; i < reg->past_count; i++) {
        const struct shadow_past *past = &reg->past[i];
        bool shown = also && digest_equal(&past->raw, also) &&
                     (past->open || now_ms <= past->replaced_at_ms + LIMIT_SHADOW_KEEP_MS);
        if (past->open || shown) {
            TRY(shadow_vector_min(&least, &past->vector, arena, &least));
        }
    }
    struct shadow_vector own;
    TRY(capture_own_current(source, record, part, reg->number, &least, arena, &own));
    return shadow_vector_own(&least, &own, source->self, source->lane, arena, out_vector);
}

/* Siblings of others: what a withdrawal has to have read. */
static bool register_is_bounding(const struct capture_source *source, const struct record *record,
                                 const struct record_register *reg)
{
    for (size_t i = 0; i < reg->sibling_count; i++) {
        if (!capture_is_own(source, record_dot(record, reg->siblings[i].dot).replica)) {
            return true;
        }
    }
    return false;
}

static const struct shadow_register *carried(const struct capture_work *work, const struct record_register *reg)
{
    if (part_id_equal(reg->part, work->shadow->part)) {
        return shadow_register_find(work->shadow, reg->number);
    }
    for (size_t i = 0; i < work->input->part_count; i++) {
        const struct shadow *part = work->input->parts[i];
        if (part_id_equal(part->part, reg->part)) {
            return shadow_register_find(part, reg->number);
        }
    }
    return NULL;
}

static struct status own_heads(const struct capture_work *work, struct shadow_vector *out_own)
{
    /* No register has this number, so nothing lowers the heads. */
    struct shadow_vector none = {.entries = NULL};
    return capture_own_current(work->source, work->input->record, (struct part_id){{0}}, 0, &none, work->arena,
                               out_own);
}

struct status capture_context_all(const struct capture_work *work, struct shadow_vector *out_vector)
{
    const struct record *record = work->input->record;
    struct shadow_vector least = {.entries = NULL};
    bool first = true;
    for (size_t i = 0; i < record->register_count; i++) {
        const struct record_register *reg = &record->registers[i];
        if (!register_is_bounding(work->source, record, reg)) {
            continue;
        }
        struct shadow_vector read = {.entries = NULL};
        const struct shadow_register *known = carried(work, reg);
        if (known) {
            TRY(capture_context(work->source, record, reg->part, known, NULL, work->input->now_ms, work->arena, &read));
        }
        if (first) {
            least = read;
            first = false;
        } else {
            TRY(shadow_vector_min(&least, &read, work->arena, &least));
        }
    }
    struct shadow_vector own;
    TRY(own_heads(work, &own));
    return shadow_vector_own(&least, &own, work->source->self, work->source->lane, work->arena, out_vector);
}
