/* SPDX-License-Identifier: Apache-2.0 */
#include "conflict/record_parts.h"

/* An erasure hides a value while it is in force and covers its class and part, unless the value's author had seen it.
 * The value itself stays in the row until the body is destroyed (record_body_gone): an erasure whose dependencies have
 * not come may still turn out void, and a later route may show it to be late. */

bool record_erasure_is_late(const struct record *record, const struct erasure *erasure)
{
    return record_dot_is_late(record, erasure->dot, erasure->grant);
}

bool record_erasure_in_force(const struct record *record, const struct erasure *erasure)
{
    struct node_id node = record->replicas[erasure->dot.replica].replica.node;
    if (!erasure->applied && !erasure->vouched && !(record->created && node_id_equal(node, record->maker)) &&
        !(erasure->grant.rseq != 0 && record_grants(record, erasure->grant, scope_of_node(node)))) {
        return false;
    }
    return !record_erasure_is_late(record, erasure);
}

static bool erasure_spares(const struct record *record, const struct erasure *erasure, struct dot_index change)
{
    struct dot dot = record_dot(record, erasure->dot);
    for (size_t i = 0; i < record->seen_count; i++) {
        if (dot_index_equal(record->seen[i].change, change) && dot_equal(record->seen[i].erasure, dot)) {
            return true;
        }
    }
    return false;
}

bool record_covers_erased(const struct record *record, enum class class, struct part_id part, struct dot_index dot)
{
    if (class == CLASS_PUBLIC) {
        return false;
    }
    for (size_t i = 0; i < record->erasure_count; i++) {
        const struct erasure *erasure = &record->erasures[i];
        if (class < erasure->class || (!part_id_is_none(erasure->part) && !part_id_equal(erasure->part, part))) {
            continue;
        }
        if (record_erasure_in_force(record, erasure) && !erasure_spares(record, erasure, dot)) {
            return true;
        }
    }
    return false;
}

void record_refresh_erased(struct record *record)
{
    for (size_t i = 0; i < record->register_count; i++) {
        struct record_register *at = &record->registers[i];
        enum class class = register_class(at->number);
        for (size_t j = 0; class != CLASS_PUBLIC && j < at->sibling_count; j++) {
            struct sibling *sibling = &at->siblings[j];
            bool erased = record_covers_erased(record, class, at->part, sibling->dot);
            sibling->flags = erased ? sibling->flags | SIBLING_ERASED : sibling->flags & ~(uint32_t)SIBLING_ERASED;
        }
    }
}

static bool body_is_erased(const struct record *record, const struct history_entry *entry)
{
    struct dot_index dot = {.replica = entry->replica, .rseq = entry->rseq};
    return entry->kind != KIND_ERASE && record_covers_erased(record, entry->class, entry->part, dot);
}

struct status record_erased_bodies(const struct record *record, struct arena *arena, size_t **out_indexes,
                                   size_t *out_count)
{
    size_t count = 0;
    size_t *indexes = arena_array(arena, record->erasure_count == 0 ? 0 : record->history_count, sizeof *indexes);
    if (!indexes) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; record->erasure_count > 0 && i < record->history_count; i++) {
        if ((record->history[i].flags & HISTORY_BODY) != 0 && body_is_erased(record, &record->history[i])) {
            indexes[count++] = i;
        }
    }
    *out_indexes = indexes;
    *out_count = count;
    return status_ok();
}

void record_body_gone(struct record *record, size_t history_index)
{
    struct history_entry *entry = &record->history[history_index];
    entry->flags = (entry->flags & ~(uint32_t)HISTORY_BODY) | HISTORY_ERASED;
    if ((entry->flags & (HISTORY_FORKED | HISTORY_PARKED)) != 0) {
        return;
    }
    for (size_t i = 0; i < record->register_count; i++) {
        for (size_t j = 0; j < record->registers[i].sibling_count; j++) {
            struct sibling *sibling = &record->registers[i].siblings[j];
            if (sibling->dot.replica == entry->replica && sibling->dot.rseq == entry->rseq) {
                sibling->value = (struct span){0};
                sibling->fingerprint = 0;
                sibling->flags |= SIBLING_MISSING;
            }
        }
    }
}

struct status record_body(struct record *record, struct dot dot, const struct body_value *values, size_t count)
{
    uint32_t replica = record_replica_find(record, dot.replica);
    struct history_entry *entry = NULL;
    if (replica != UINT32_MAX) {
        entry = record_entry(record, (struct dot_index){.replica = replica, .rseq = dot.rseq});
    }
    if (!entry) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    if (body_is_erased(record, entry)) {
        return status_ok();
    }
    entry->flags = (entry->flags & ~(uint32_t)HISTORY_ERASED) | HISTORY_BODY;
    for (size_t i = 0; (entry->flags & HISTORY_PARKED) == 0 && i < record->register_count; i++) {
        struct record_register *at = &record->registers[i];
        for (size_t j = 0; j < at->sibling_count; j++) {
            struct sibling *sibling = &at->siblings[j];
            if (sibling->dot.replica != replica || sibling->dot.rseq != dot.rseq ||
                (sibling->flags & SIBLING_MISSING) == 0) {
                continue;
            }
            for (size_t k = 0; k < count; k++) {
                if (values[k].number == at->number) {
                    sibling->value = values[k].bytes;
                    sibling->flags &= ~(uint32_t)SIBLING_MISSING;
                }
            }
        }
    }
    return status_ok();
}

bool record_acknowledged(const struct record *record, const struct erasure *erasure, struct node_id node)
{
    struct node_id eraser = record->replicas[erasure->dot.replica].replica.node;
    for (size_t i = 0; i < record->acknowledgement_count; i++) {
        const struct acknowledgement *given = &record->acknowledgements[i];
        struct node_id who = node_id_equal(given->named, eraser) ? given->author : given->named;
        if (hash_equal(given->erasure, erasure->hash) && node_id_equal(who, node)) {
            return true;
        }
    }
    return false;
}
