/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* State digests (merge.md, last paragraph). Two stores with the same set of leaves and clamps of a record must have the same
 * state; whether the sets are the same is told by the vector: heads and clamps, sorted. */

#define HEAD_SIZE 64
#define CLAMP_SIZE 40

static void items_sort(uint8_t *items, size_t count, size_t size)
{
    uint8_t item[HEAD_SIZE];
    for (size_t i = 1; i < count; i++) {
        size_t at = i;
        memcpy(item, items + i * size, size);
        for (; at > 0 && memcmp(items + (at - 1) * size, item, size) > 0; at--) {
            memcpy(items + at * size, items + (at - 1) * size, size);
        }
        memcpy(items + at * size, item, size);
    }
}

static void put_dot(uint8_t *to, struct replica replica, uint64_t rseq)
{
    memcpy(to, replica.node.text, 16);
    key_be32(to + 16, replica.epoch);
    key_be32(to + 20, replica.lane);
    key_be64(to + 24, rseq);
}

static struct status vector_of(struct core *core, const struct record *record, struct hash *out_vector)
{
    struct arena *arena = &core->scratch;
    uint8_t *heads = arena_array(arena, record->replica_count, HEAD_SIZE);
    uint8_t *clamps = arena_array(arena, record->clamp_count, CLAMP_SIZE);
    if (!heads || !clamps) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t count = 0;
    for (size_t i = 0; i < record->replica_count; i++) {
        const struct replica_head *head = &record->replicas[i];
        if (head->rseq > 0) {
            put_dot(heads + count * HEAD_SIZE, head->replica, head->rseq);
            memcpy(heads + count++ * HEAD_SIZE + 32, head->hash.bytes, sizeof head->hash.bytes);
        }
    }
    for (size_t i = 0; i < record->clamp_count; i++) {
        struct dot dot = record_dot(record, record->clamps[i].dot);
        put_dot(clamps + i * CLAMP_SIZE, dot.replica, dot.rseq);
        key_be64(clamps + i * CLAMP_SIZE + 32, record->clamps[i].accepted_ms);
    }
    items_sort(heads, count, HEAD_SIZE);
    items_sort(clamps, record->clamp_count, CLAMP_SIZE);
    struct span parts[2] = {span_of(heads, count * HEAD_SIZE), span_of(clamps, record->clamp_count * CLAMP_SIZE)};
    core_sha256(core, parts, 2, out_vector);
    return status_ok();
}

static struct status digest_of(struct core *core, const struct record *record, struct record_digest *out_digest)
{
    struct record_digest digest = {.record = record->id};
    struct span state;
    TRY(vector_of(core, record, &digest.vector));
    TRY(record_state_bytes(record, &core->scratch, &state));
    core_sha256(core, &state, 1, &digest.digest);
    *out_digest = digest;
    return status_ok();
}

struct status core_digest(struct core *core, struct record_id record, struct record_digest *out_digest)
{
    const struct record *held;
    TRY(core_record(core, record, &held));
    return digest_of(core, held, out_digest);
}

struct status digests_make(struct core *core, const struct record_id *ids, size_t count, struct arena *arena,
                           struct record_digest **out_digests)
{
    struct record_digest *digests = arena_array(arena, count, sizeof *digests);
    if (!digests) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        struct cached *cached;
        TRY(record_cached(core, ids[i], &cached));
        TRY(digest_of(core, &cached->record, &digests[i]));
    }
    *out_digests = digests;
    return status_ok();
}

struct status digests_compare(struct core *core, const struct record_digest *digests, size_t count)
{
    struct record_id *ids = arena_array(&core->scratch, count, sizeof *ids);
    if (!ids) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = digests[i].record;
    }
    TRY(records_prefetch(core, ids, count));
    for (size_t i = 0; i < count; i++) {
        struct cached *cached;
        struct record_digest own;
        TRY(record_cached(core, ids[i], &cached));
        TRY(digest_of(core, &cached->record, &own));
        if (hash_equal(own.vector, digests[i].vector) && !hash_equal(own.digest, digests[i].digest)) {
            TRY(event_add(core, "the hub has another state of the same changes", ids[i]));
        }
    }
    return status_ok();
}
