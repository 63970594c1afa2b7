/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/capture_work.h"

/* A shadow may name own changes that were archived when an old copy of the store had written on: they stand again in a later
 * epoch (sync/epoch.c). Without the mapping they would count as lost, and the row's values be captured a second time. */

static bool is_lost(const struct capture_source *source, const struct record *record, const struct ctx_entry *entry)
{
    return entry->rseq > 0 && node_id_equal(entry->replica.node, source->self) && !capture_holds(record, entry);
}

static bool vector_is_lost(const struct capture_source *source, const struct record *record,
                           const struct shadow_vector *vector)
{
    for (size_t i = 0; i < vector->count; i++) {
        if (is_lost(source, record, &vector->entries[i])) {
            return true;
        }
    }
    return false;
}

static bool register_is_lost(const struct capture_source *source, const struct record *record,
                             const struct shadow_register *reg)
{
    bool lost = is_lost(source, record, &reg->leaf) || vector_is_lost(source, record, &reg->vector);
    for (size_t i = 0; i < reg->past_count && !lost; i++) {
        lost = vector_is_lost(source, record, &reg->past[i].vector);
    }
    return lost;
}

static void entry_add(struct shadow_vector *vector, const struct ctx_entry *entry)
{
    size_t at = 0;
    while (at < vector->count && replica_compare(vector->entries[at].replica, entry->replica) < 0) {
        at++;
    }
    if (at < vector->count && replica_equal(vector->entries[at].replica, entry->replica)) {
        vector->entries[at] = vector->entries[at].rseq < entry->rseq ? *entry : vector->entries[at];
        return;
    }
    memmove(&vector->entries[at + 1], &vector->entries[at], (vector->count - at) * sizeof *vector->entries);
    vector->entries[at] = *entry;
    vector->count++;
}

struct mapping_of {
    struct core *core;
    const struct capture_source *source;
    const struct record *record;
    struct arena *arena;
};

/* What is held stays, also where an archived change had the same place. */
static struct status map_vector(const struct mapping_of *m, struct shadow_vector *vector)
{
    struct shadow_vector mapped = {.entries = arena_array(m->arena, 2 * vector->count, sizeof *mapped.entries)};
    if (!mapped.entries) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < vector->count; i++) {
        struct ctx_entry *now = &vector->entries[i];
        size_t count = 1;
        if (is_lost(m->source, m->record, now)) {
            TRY(core_map_ctx(m->core, m->record->id, now, 1, m->arena, &now, &count));
        }
        for (size_t k = 0; k < count; k++) {
            entry_add(&mapped, &now[k]);
        }
    }
    *vector = mapped;
    return status_ok();
}

/* The leaf of a value is its successor, never the last one before it. */
static struct status map_leaf(const struct mapping_of *m, struct ctx_entry *leaf)
{
    struct ctx_entry *now;
    size_t count;
    if (!is_lost(m->source, m->record, leaf)) {
        return status_ok();
    }
    TRY(core_map_ctx(m->core, m->record->id, leaf, 1, m->arena, &now, &count));
    for (size_t i = 0; i < count; i++) {
        if (!replica_equal(now[i].replica, leaf->replica)) {
            *leaf = now[i];
            return status_ok();
        }
    }
    return status_ok();
}

struct status capture_map(struct core *core, const struct capture_source *source, const struct record *record,
                          const struct shadow *shadow, struct arena *arena, const struct shadow **out_shadow)
{
    const struct mapping_of m = {.core = core, .source = source, .record = record, .arena = arena};
    bool lost = false;
    for (size_t i = 0; i < shadow->register_count && !lost; i++) {
        lost = register_is_lost(source, record, &shadow->registers[i]);
    }
    if (!lost) {
        *out_shadow = shadow;
        return status_ok();
    }
    struct shadow *copy = arena_alloc(arena, sizeof *copy);
    if (!copy) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(shadow_copy(shadow, 0, arena, copy));
    for (size_t i = 0; i < copy->register_count; i++) {
        struct shadow_register *reg = &copy->registers[i];
        TRY(map_leaf(&m, &reg->leaf));
        TRY(map_vector(&m, &reg->vector));
        for (size_t k = 0; k < reg->past_count; k++) {
            TRY(map_vector(&m, &reg->past[k].vector));
        }
    }
    *out_shadow = copy;
    return status_ok();
}
