/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "sync/shadow.h"

/* Contexts as values: small, sorted by replica. A handful of entries each, so everything is linear. */

static struct status vector_new(struct arena *arena, size_t capacity, struct shadow_vector *out_vector)
{
    struct shadow_vector vector = {.entries = arena_array(arena, capacity, sizeof *vector.entries)};
    if (!vector.entries) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    *out_vector = vector;
    return status_ok();
}

static const struct ctx_entry *vector_find(const struct shadow_vector *vector, struct replica replica)
{
    for (size_t i = 0; i < vector->count; i++) {
        if (replica_equal(vector->entries[i].replica, replica)) {
            return &vector->entries[i];
        }
    }
    return NULL;
}

/* Puts or replaces; the caller made room. */
static void vector_put(struct shadow_vector *vector, const struct ctx_entry *entry)
{
    size_t at = 0;
    while (at < vector->count && replica_compare(vector->entries[at].replica, entry->replica) < 0) {
        at++;
    }
    if (at == vector->count || !replica_equal(vector->entries[at].replica, entry->replica)) {
        memmove(&vector->entries[at + 1], &vector->entries[at], (vector->count - at) * sizeof *vector->entries);
        vector->count++;
    }
    vector->entries[at] = *entry;
}

static void vector_drop(struct shadow_vector *vector, struct replica replica)
{
    for (size_t i = 0; i < vector->count; i++) {
        if (replica_equal(vector->entries[i].replica, replica)) {
            memmove(&vector->entries[i], &vector->entries[i + 1], (vector->count - i - 1) * sizeof *vector->entries);
            vector->count--;
            return;
        }
    }
}

/* Just below `rseq`: rseq - 1 with its hash, or nothing. */
static void vector_lower(struct shadow_vector *vector, const struct record *record, struct replica replica,
                         uint64_t rseq)
{
    const struct history_entry *before = rseq > 1 ? record_history_find(record, replica, rseq - 1) : NULL;
    if (!before) {
        vector_drop(vector, replica);
        return;
    }
    struct ctx_entry entry = {.replica = replica, .rseq = rseq - 1, .hash = before->hash};
    vector_put(vector, &entry);
}

uint64_t shadow_vector_rseq(const struct shadow_vector *vector, struct replica replica)
{
    const struct ctx_entry *entry = vector_find(vector, replica);
    return entry ? entry->rseq : 0;
}

bool shadow_vector_covers(const struct shadow_vector *vector, struct dot dot)
{
    return shadow_vector_rseq(vector, dot.replica) >= dot.rseq;
}

bool shadow_vector_equal(const struct shadow_vector *a, const struct shadow_vector *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (a->entries[i].rseq != b->entries[i].rseq || !replica_equal(a->entries[i].replica, b->entries[i].replica) ||
            !hash_equal(a->entries[i].hash, b->entries[i].hash)) {
            return false;
        }
    }
    return true;
}

struct status shadow_vector_min(const struct shadow_vector *a, const struct shadow_vector *b, struct arena *arena,
                                struct shadow_vector *out_vector)
{
    struct shadow_vector min;
    TRY(vector_new(arena, a->count, &min));
    for (size_t i = 0; i < a->count; i++) {
        const struct ctx_entry *other = vector_find(b, a->entries[i].replica);
        if (other) {
            min.entries[min.count++] = other->rseq < a->entries[i].rseq ? *other : a->entries[i];
        }
    }
    *out_vector = min;
    return status_ok();
}

static bool is_own(const struct ctx_entry *entry, struct node_id node, uint32_t lane)
{
    return entry->replica.lane == lane && node_id_equal(entry->replica.node, node);
}

struct status shadow_vector_own(const struct shadow_vector *vector, const struct shadow_vector *current,
                                struct node_id node, uint32_t lane, struct arena *arena,
                                struct shadow_vector *out_vector)
{
    struct shadow_vector out;
    TRY(vector_new(arena, vector->count + current->count, &out));
    for (size_t i = 0; i < vector->count; i++) {
        if (!is_own(&vector->entries[i], node, lane)) {
            vector_put(&out, &vector->entries[i]);
        }
    }
    for (size_t i = 0; i < current->count; i++) {
        if (is_own(&current->entries[i], node, lane)) {
            vector_put(&out, &current->entries[i]);
        }
    }
    *out_vector = out;
    return status_ok();
}

struct status shadow_vector_seen(const struct record *record, struct part_id part, uint32_t number, struct span value,
                                 struct arena *arena, struct shadow_vector *out_vector)
{
    struct shadow_vector seen;
    TRY(vector_new(arena, record->replica_count, &seen));
    for (size_t i = 0; i < record->replica_count; i++) {
        const struct replica_head *head = &record->replicas[i];
        if (head->rseq > 0) {
            vector_put(&seen, &(struct ctx_entry){.replica = head->replica, .rseq = head->rseq, .hash = head->hash});
        }
    }
    const struct record_register *reg = record_register_find(record, part, number);
    for (size_t i = 0; reg && i < reg->sibling_count; i++) {
        const struct sibling *sibling = &reg->siblings[i];
        bool shown = !(sibling->flags & (SIBLING_ERASED | SIBLING_MISSING)) && span_equal(sibling->value, value);
        struct dot dot = record_dot(record, sibling->dot);
        if (!shown && shadow_vector_covers(&seen, dot)) {
            vector_lower(&seen, record, dot.replica, dot.rseq);
        }
    }
    *out_vector = seen;
    return status_ok();
}

struct status shadow_vector_raise(const struct shadow_vector *vector, const struct record *record, struct part_id part,
                                  uint32_t number, struct ctx_entry leaf, struct arena *arena,
                                  struct shadow_vector *out_vector)
{
    struct shadow_vector raised;
    TRY(vector_new(arena, vector->count + 1, &raised));
    for (size_t i = 0; i < vector->count; i++) {
        raised.entries[raised.count++] = vector->entries[i];
    }
    uint64_t top = leaf.rseq;
    const struct record_register *reg = record ? record_register_find(record, part, number) : NULL;
    for (size_t i = 0; reg && i < reg->sibling_count; i++) {
        struct dot dot = record_dot(record, reg->siblings[i].dot);
        bool own = replica_equal(dot.replica, leaf.replica) && dot.rseq != leaf.rseq;
        if (own && !shadow_vector_covers(vector, dot) && dot.rseq - 1 < top) {
            top = dot.rseq - 1;
        }
    }
    if (top == leaf.rseq) {
        vector_put(&raised, &leaf);
    } else if (top > shadow_vector_rseq(vector, leaf.replica)) {
        vector_lower(&raised, record, leaf.replica, top + 1);
    }
    *out_vector = raised;
    return status_ok();
}
