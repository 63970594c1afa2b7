/* SPDX-License-Identifier: Apache-2.0 */
#include "conflict/record.h"

#include <assert.h>
#include <string.h>

#include "conflict/array.h"
#include "conflict/record_parts.h"

void record_init(struct record *record, struct record_id id, struct arena *arena)
{
    *record = (struct record){.id = id, .arena = arena};
}

uint32_t record_replica_find(const struct record *record, struct replica replica)
{
    for (size_t i = 0; i < record->replica_count; i++) {
        if (replica_equal(record->replicas[i].replica, replica)) {
            return (uint32_t)i;
        }
    }
    return UINT32_MAX;
}

struct status record_replica(struct record *record, struct replica replica, uint32_t *out_index)
{
    uint32_t found = record_replica_find(record, replica);
    if (found != UINT32_MAX) {
        *out_index = found;
        return status_ok();
    }
    if (record->replica_count >= LIMIT_RECORD_REPLICAS) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    TRY(ARRAY_RESERVE(record->arena, record->replicas, record->replica_count, record->replica_capacity, 1));
    record->replicas[record->replica_count] = (struct replica_head){.replica = replica};
    *out_index = (uint32_t)record->replica_count++;
    return status_ok();
}

struct dot record_dot(const struct record *record, struct dot_index dot)
{
    if (dot.rseq == 0) {
        return (struct dot){.rseq = 0};
    }
    assert(dot.replica < record->replica_count);
    return (struct dot){.replica = record->replicas[dot.replica].replica, .rseq = dot.rseq};
}

int record_dot_index_compare(const struct record *record, struct dot_index a, struct dot_index b)
{
    if (a.replica == b.replica) {
        return a.rseq < b.rseq ? -1 : a.rseq > b.rseq ? 1 : 0;
    }
    return replica_compare(record->replicas[a.replica].replica, record->replicas[b.replica].replica);
}

bool ctx_covers(const struct dot_index *ctx, size_t count, struct dot_index dot)
{
    for (size_t i = 0; i < count; i++) {
        if (ctx[i].replica == dot.replica) {
            return ctx[i].rseq >= dot.rseq;
        }
    }
    return false;
}

struct history_entry *record_entry(const struct record *record, struct dot_index dot)
{
    struct history_entry *parked = NULL;
    for (size_t i = record->history_count; i > 0; i--) {
        struct history_entry *entry = &record->history[i - 1];
        if (entry->replica != dot.replica || entry->rseq != dot.rseq || (entry->flags & HISTORY_FORKED) != 0) {
            continue;
        }
        if ((entry->flags & HISTORY_PARKED) == 0) {
            return entry;
        }
        parked = entry;
    }
    return parked;
}

const struct history_entry *record_history_find(const struct record *record, struct replica replica, uint64_t rseq)
{
    uint32_t index = record_replica_find(record, replica);
    return index == UINT32_MAX ? NULL : record_entry(record, (struct dot_index){.replica = index, .rseq = rseq});
}

/* Index of the first register not before (part, number). */
static size_t register_place(const struct record *record, struct part_id part, uint32_t number)
{
    size_t low = 0;
    size_t high = record->register_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct record_register *at = &record->registers[middle];
        int order = memcmp(at->part.bytes, part.bytes, sizeof part.bytes);
        if (order < 0 || (order == 0 && at->number < number)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool register_is(const struct record *record, size_t place, struct part_id part, uint32_t number)
{
    return place < record->register_count && record->registers[place].number == number &&
           part_id_equal(record->registers[place].part, part);
}

const struct record_register *record_register_find(const struct record *record, struct part_id part, uint32_t number)
{
    size_t place = register_place(record, part, number);
    return register_is(record, place, part, number) ? &record->registers[place] : NULL;
}

struct status record_register_make(struct record *record, struct part_id part, uint32_t number,
                                   struct record_register **out_register)
{
    size_t place = register_place(record, part, number);
    if (!register_is(record, place, part, number)) {
        TRY(ARRAY_RESERVE(record->arena, record->registers, record->register_count, record->register_capacity, 1));
        struct record_register *at = &record->registers[place];
        memmove(at + 1, at, (record->register_count - place) * sizeof *at);
        *at = (struct record_register){.part = part, .number = number};
        record->register_count++;
    }
    *out_register = &record->registers[place];
    return status_ok();
}

struct status record_token(const struct record *record, struct arena *arena, struct ctx_entry **out_ctx,
                           size_t *out_count)
{
    struct ctx_entry *ctx = arena_array(arena, record->replica_count, sizeof *ctx);
    if (!ctx) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t count = 0;
    for (size_t i = 0; i < record->replica_count; i++) {
        const struct replica_head *head = &record->replicas[i];
        if (head->rseq == 0) {
            continue;
        }
        size_t place = count++;
        for (; place > 0 && replica_compare(ctx[place - 1].replica, head->replica) > 0; place--) {
            ctx[place] = ctx[place - 1];
        }
        ctx[place] = (struct ctx_entry){.replica = head->replica, .rseq = head->rseq, .hash = head->hash};
    }
    *out_ctx = ctx;
    *out_count = count;
    return status_ok();
}

/* The hub is the only writer of routes and reads everything, so contexts order them; else the dot, so that the answer
 * is one for all. */
static bool route_follows(const struct record *record, const struct route_step *a, const struct route_step *b)
{
    bool knows = ctx_covers(a->ctx, a->ctx_count, b->dot);
    bool known = ctx_covers(b->ctx, b->ctx_count, a->dot);
    return knows != known ? knows : record_dot_index_compare(record, a->dot, b->dot) > 0;
}

/* Of several creates the one with the smallest dot. */
static const struct create_step *hub_create(const struct record *record, struct scope_id scope)
{
    const struct create_step *first = NULL;
    for (size_t i = 0; i < record->create_count; i++) {
        const struct create_step *step = &record->creates[i];
        if (step->hub && !step->is_void && scope_id_equal(step->scope, scope) &&
            (!first || record_dot_index_compare(record, step->dot, first->dot) < 0)) {
            first = step;
        }
    }
    return first;
}

static struct ctx_entry grant_of(const struct record *record, struct dot_index dot, struct hash hash)
{
    return (struct ctx_entry){.replica = record->replicas[dot.replica].replica, .rseq = dot.rseq, .hash = hash};
}

bool record_grant(const struct record *record, struct scope_id scope, struct node_id hub, struct ctx_entry *out_grant)
{
    (void)hub; /* which creates are the hub's was decided when they were applied */
    const struct route_step *newest = NULL;
    for (size_t i = 0; i < record->route_count; i++) {
        const struct route_step *step = &record->routes[i];
        if (scope_id_equal(step->to, scope) && (!newest || route_follows(record, step, newest))) {
            newest = step;
        }
    }
    const struct create_step *create = newest ? NULL : hub_create(record, scope);
    if (!newest && !create) {
        return false;
    }
    *out_grant = newest ? grant_of(record, newest->dot, newest->hash) : grant_of(record, create->dot, create->hash);
    return true;
}

bool record_grants(const struct record *record, struct dot_index grant, struct scope_id scope)
{
    for (size_t i = 0; i < record->route_count; i++) {
        if (dot_index_equal(record->routes[i].dot, grant)) {
            return scope_id_equal(record->routes[i].to, scope);
        }
    }
    for (size_t i = 0; i < record->create_count; i++) {
        const struct create_step *step = &record->creates[i];
        if (dot_index_equal(step->dot, grant)) {
            return step->hub && !step->is_void && scope_id_equal(step->scope, scope);
        }
    }
    return false;
}

struct status record_clamp(struct record *record, struct dot dot, uint64_t accepted_ms)
{
    uint32_t replica;
    TRY(record_replica(record, dot.replica, &replica));
    for (size_t i = 0; i < record->clamp_count; i++) {
        struct clamp *clamp = &record->clamps[i];
        if (clamp->dot.replica == replica && clamp->dot.rseq == dot.rseq) {
            clamp->accepted_ms = accepted_ms < clamp->accepted_ms ? accepted_ms : clamp->accepted_ms;
            return status_ok();
        }
    }
    TRY(ARRAY_RESERVE(record->arena, record->clamps, record->clamp_count, record->clamp_capacity, 1));
    record->clamps[record->clamp_count++] =
        (struct clamp){.dot = {.replica = replica, .rseq = dot.rseq}, .accepted_ms = accepted_ms};
    return status_ok();
}

size_t record_ready(const struct record *record, const struct registry *registry, size_t from)
{
    if (record->parked_count == 0) {
        return SIZE_MAX;
    }
    for (size_t i = from; i < record->history_count; i++) {
        const struct history_entry *entry = &record->history[i];
        if ((entry->flags & HISTORY_PARKED) != 0 && entry->rseq == record->replicas[entry->replica].rseq + 1 &&
            registry->size >= entry->reg && (record->created || entry->kind == KIND_CREATE)) {
            return i;
        }
    }
    return SIZE_MAX;
}
