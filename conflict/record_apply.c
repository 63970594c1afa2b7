/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "conflict/array.h"
#include "conflict/record_parts.h"

/* merge.md's apply(c). Order: duplicate, park, prev and ctx hashes, rights, merge. Everything that can fail is reserved
 * before the record shows any difference; an empty register or a replica without a change is no difference. */

struct applying {
    struct record *record;
    const struct change *change;
    const struct header *header;
    const struct registry *registry;
    struct node_id self;
    struct apply_outcome outcome;
    uint32_t replica;             /* index, UINT32_MAX while the record does not know it */
    struct history_entry *parked; /* the entry of this very change, if it waited */
    struct dot_index *ctx;        /* header->ctx by index */
    struct dot_index grant;
};

/* ---- what decides ---- */

static bool is_parked(const struct applying *a)
{
    return a->parked != NULL;
}

static void find_parked(struct applying *a, bool *out_other)
{
    struct record *record = a->record;
    *out_other = false;
    for (size_t i = 0; record->parked_count > 0 && i < record->history_count; i++) {
        struct history_entry *entry = &record->history[i];
        if ((entry->flags & HISTORY_PARKED) == 0 || entry->replica != a->replica || entry->rseq != a->header->rseq) {
            continue;
        }
        if (history_hash_equal(entry->hash, a->change->hash)) {
            a->parked = entry;
        } else {
            *out_other = true;
            a->outcome.other = entry->hash;
        }
    }
}

static enum apply_result forked(struct applying *a, struct replica contradicted, struct hash held, const char *why)
{
    a->outcome.other = held;
    a->outcome.why = why;
    return node_id_equal(contradicted.node, a->self) ? APPLY_OWN_FORK : APPLY_FORKED;
}

/* The dot is held already, or stands twice among those that wait. */
static bool decide_held(struct applying *a, enum apply_result *out_result)
{
    const struct header *header = a->header;
    if (a->replica == UINT32_MAX) {
        return false;
    }
    const struct replica_head *head = &a->record->replicas[a->replica];
    if (header->rseq <= head->rseq) {
        struct hash held = head->hash;
        if (header->rseq < head->rseq) {
            const struct history_entry *entry =
                record_entry(a->record, (struct dot_index){.replica = a->replica, .rseq = header->rseq});
            held = entry ? entry->hash : a->change->hash;
        }
        *out_result = history_hash_equal(held, a->change->hash) ? APPLY_DUPLICATE
                                                                : forked(a, header_replica(header), held, "dot");
        return true;
    }
    bool other;
    find_parked(a, &other);
    if (other) {
        *out_result = forked(a, header_replica(header), a->outcome.other, "dot");
    }
    return other;
}

static bool is_missing(const struct record *record, const struct ctx_entry *entry)
{
    uint32_t replica = record_replica_find(record, entry->replica);
    return replica == UINT32_MAX || record->replicas[replica].rseq < entry->rseq;
}

static bool decide_park(struct applying *a)
{
    const struct header *header = a->header;
    const struct record *record = a->record;
    uint64_t last = a->replica == UINT32_MAX ? 0 : record->replicas[a->replica].rseq;
    if (header->reg > a->registry->size || (a->registry->unknown_at > 0 && header->reg >= a->registry->unknown_at)) {
        a->outcome.waits_registry = header->reg;
        return true;
    }
    if (header->rseq != last + 1) {
        a->outcome.waits =
            (struct ctx_entry){.replica = header_replica(header), .rseq = header->rseq - 1, .hash = header->prev};
        return true;
    }
    for (size_t i = 0; i < header->ctx_count; i++) {
        if (is_missing(record, &header->ctx[i])) {
            a->outcome.waits = header->ctx[i];
            return true;
        }
    }
    if (header->has_grant && is_missing(record, &header->grant)) {
        a->outcome.waits = header->grant;
        return true;
    }
    return header->kind != KIND_CREATE && !record->created;
}

/* The hash held for a dot that is applied. */
static struct hash hash_held(const struct record *record, uint32_t replica, uint64_t rseq)
{
    if (record->replicas[replica].rseq == rseq) {
        return record->replicas[replica].hash;
    }
    const struct history_entry *entry = record_entry(record, (struct dot_index){.replica = replica, .rseq = rseq});
    return entry ? entry->hash : (struct hash){{0}};
}

static bool decide_hashes(struct applying *a, enum apply_result *out_result)
{
    const struct header *header = a->header;
    const struct record *record = a->record;
    if (header->rseq > 1 && !hash_equal(record->replicas[a->replica].hash, header->prev)) {
        *out_result = forked(a, header_replica(header), record->replicas[a->replica].hash, "prev");
        return true;
    }
    for (size_t i = 0; i < header->ctx_count; i++) {
        struct hash held = hash_held(record, a->ctx[i].replica, a->ctx[i].rseq);
        if (!history_hash_equal(held, header->ctx[i].hash)) {
            *out_result = forked(a, header->ctx[i].replica, held, "ctx");
            return true;
        }
    }
    if (header->has_grant) {
        struct hash held = hash_held(record, a->grant.replica, a->grant.rseq);
        if (!history_hash_equal(held, header->grant.hash)) {
            *out_result = forked(a, header->grant.replica, held, "grant");
            return true;
        }
    }
    return false;
}

static struct status resolve(struct applying *a)
{
    const struct header *header = a->header;
    a->ctx = arena_array(a->record->arena, header->ctx_count, sizeof *a->ctx);
    if (!a->ctx) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < header->ctx_count; i++) {
        a->ctx[i] = (struct dot_index){.replica = record_replica_find(a->record, header->ctx[i].replica),
                                       .rseq = header->ctx[i].rseq};
    }
    if (header->has_grant) {
        a->grant = (struct dot_index){.replica = record_replica_find(a->record, header->grant.replica),
                                      .rseq = header->grant.rseq};
    }
    return status_ok();
}

/* ---- the history ---- */

static uint32_t history_flags(const struct change *change)
{
    return (change->body == BODY_PRESENT ? HISTORY_BODY : 0U) | (change->body == BODY_ERASED ? HISTORY_ERASED : 0U) |
           (change->relayed ? HISTORY_RELAYED : 0U);
}

static struct status reserve_history(struct applying *a)
{
    struct record *record = a->record;
    TRY(record_replica(record, header_replica(a->header), &a->replica));
    if (is_parked(a)) {
        return status_ok();
    }
    TRY(ARRAY_RESERVE(record->arena, record->history, record->history_count, record->history_capacity, 1));
    return ARRAY_RESERVE(record->arena, record->seen, record->seen_count, record->seen_capacity,
                         a->header->erasures_seen_count);
}

static void push_seen(struct applying *a)
{
    struct record *record = a->record;
    struct dot_index dot = {.replica = a->replica, .rseq = a->header->rseq};
    for (size_t i = 0; i < a->header->erasures_seen_count; i++) {
        record->seen[record->seen_count++] =
            (struct erasure_seen){.change = dot, .erasure = a->header->erasures_seen[i]};
    }
}

static struct history_entry *push_history(struct applying *a, uint32_t flags)
{
    struct record *record = a->record;
    const struct header *header = a->header;
    struct history_entry *entry = is_parked(a) ? a->parked : &record->history[record->history_count];
    if (is_parked(a)) {
        record->parked_count--;
    } else {
        record->history_count++;
        if ((flags & HISTORY_FORKED) == 0) {
            push_seen(a);
        }
    }
    *entry = (struct history_entry){.replica = a->replica,
                                    .rseq = header->rseq,
                                    .stream = a->change->stream,
                                    .seq = a->change->seq,
                                    .reg = header->reg,
                                    .hash = a->change->hash,
                                    .kind = header->kind,
                                    .class = header->class,
                                    .flags = history_flags(a->change) | flags,
                                    .part = header->part};
    record->parked_count += (flags & HISTORY_PARKED) != 0 ? 1 : 0;
    return entry;
}

static void advance(struct applying *a, uint32_t flags)
{
    struct replica_head *head = &a->record->replicas[a->replica];
    push_history(a, flags);
    head->rseq = a->header->rseq;
    head->hash = a->change->hash;
    head->reg = a->header->reg;
}

/* ---- effects ---- */

static struct erasure *erasure_find(struct record *record, uint32_t replica, uint64_t rseq)
{
    for (size_t i = 0; i < record->erasure_count; i++) {
        if (record->erasures[i].dot.replica == replica && record->erasures[i].dot.rseq == rseq) {
            return &record->erasures[i];
        }
    }
    return NULL;
}

/* Needs reserved room, and the grant's replica if it is known by now. */
static void put_erasure(struct applying *a, bool applied)
{
    struct record *record = a->record;
    struct erasure *erasure = erasure_find(record, a->replica, a->header->rseq);
    if (!erasure) {
        erasure = &record->erasures[record->erasure_count++];
        *erasure = (struct erasure){.dot = {.replica = a->replica, .rseq = a->header->rseq},
                                    .hash = a->change->hash,
                                    .class = a->header->class,
                                    .part = a->header->part};
    }
    erasure->grant = a->grant;
    erasure->applied = applied;
    erasure->vouched = a->change->relayed || node_id_equal(a->header->node, a->registry->hub);
    record_refresh_erased(record);
}

static void drop_erasure(struct applying *a)
{
    struct record *record = a->record;
    struct erasure *erasure = erasure_find(record, a->replica, a->header->rseq);
    if (erasure) {
        *erasure = record->erasures[--record->erasure_count];
        record_refresh_erased(record);
    }
}

static void put_create(struct applying *a, bool is_void)
{
    struct record *record = a->record;
    struct create_step *step = &record->creates[record->create_count++];
    *step = (struct create_step){.dot = {.replica = a->replica, .rseq = a->header->rseq},
                                 .hash = a->change->hash,
                                 .scope = a->header->scope,
                                 .hub = node_id_equal(a->header->node, a->registry->hub),
                                 .is_void = is_void};
    const struct create_step *first = step;
    for (size_t i = 0; i < record->create_count; i++) {
        if (record_dot_index_compare(record, record->creates[i].dot, first->dot) < 0) {
            first = &record->creates[i];
        }
    }
    record->created = true;
    record->maker = a->header->node;
    record->first_scope = first->scope;
    if (record->erasure_count > 0) {
        record_refresh_erased(record);
    }
}

static void put_route(struct applying *a)
{
    struct record *record = a->record;
    record->routes[record->route_count++] = (struct route_step){.dot = {.replica = a->replica, .rseq = a->header->rseq},
                                                                .hash = a->change->hash,
                                                                .from = a->header->scope,
                                                                .to = a->header->targets[0].scope,
                                                                .ctx = a->ctx,
                                                                .ctx_count = a->header->ctx_count};
    if (record->erasure_count > 0) {
        record_refresh_erased(record);
    }
}

static void put_acknowledgements(struct applying *a)
{
    bool hub = node_id_equal(a->header->node, a->registry->hub);
    for (size_t i = 0; i < a->header->target_count; i++) {
        const struct target *target = &a->header->targets[i];
        a->record->acknowledgements[a->record->acknowledgement_count++] = (struct acknowledgement){
            .author = a->header->node, .named = hub ? target->replica.node : a->header->node, .erasure = target->hash};
    }
}

/* The value of a register as far as the header alone says it; true if it does. */
static struct status header_value(const struct applying *a, uint32_t number, struct span *out_value, bool *out_known)
{
    static const uint8_t flag_true[] = {0x08, 0x01}; /* canonical encoding of VALUE_FLAG; false is empty */
    const struct header *header = a->header;
    *out_known = true;
    if (header->kind == KIND_ROUTE) {
        struct scope_id scope = header->targets[0].scope;
        size_t size = scope_id_size(scope);
        uint8_t *bytes = arena_alloc(a->record->arena, size + 2);
        if (!bytes) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
        bytes[0] = 0x0a;
        bytes[1] = (uint8_t)size;
        memcpy(bytes + 2, scope.text, size);
        *out_value = span_of(bytes, size + 2);
        return status_ok();
    }
    if (number != REG_CONFIDENTIAL && number != REG_ANONYMOUS) {
        *out_known = false;
        return status_ok();
    }
    bool open = header->kind == KIND_LOOSEN;
    for (size_t i = 0; header->kind == KIND_CREATE && i < header->open_count; i++) {
        open = open || header->open[i] == number;
    }
    *out_value = open ? (struct span){0} : span_of(flag_true, sizeof flag_true);
    return status_ok();
}

static struct status body_value(const struct applying *a, uint32_t number, struct span *out_value, bool *out_known)
{
    TRY(header_value(a, number, out_value, out_known));
    if (*out_known || a->change->body != BODY_PRESENT) {
        return status_ok();
    }
    for (size_t i = 0; i < a->change->value_count; i++) {
        if (a->change->values[i].number == number) {
            *out_value = a->change->values[i].bytes;
            *out_known = true;
            break;
        }
    }
    return status_ok();
}

static struct status reserve_register(struct applying *a, uint32_t number)
{
    struct record *record = a->record;
    struct record_register *at;
    TRY(record_register_make(record, a->header->part, number, &at));
    TRY(ARRAY_RESERVE(record->arena, at->siblings, at->sibling_count, at->sibling_capacity, 1));
    if (at->covered_count < record->replica_count) {
        size_t capacity = at->covered_count;
        uint64_t *covered = array_grow(record->arena, at->covered, sizeof *covered, at->covered_count,
                                       record->replica_count, &capacity);
        if (capacity < record->replica_count) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
        at->covered = covered;
        at->covered_count = capacity;
    }
    return status_ok();
}

static struct status reserve_effects(struct applying *a)
{
    struct record *record = a->record;
    TRY(ARRAY_RESERVE(record->arena, record->erasures, record->erasure_count, record->erasure_capacity,
                      a->header->kind == KIND_ERASE ? 1U : 0U));
    TRY(ARRAY_RESERVE(record->arena, record->routes, record->route_count, record->route_capacity,
                      a->header->kind == KIND_ROUTE ? 1U : 0U));
    TRY(ARRAY_RESERVE(record->arena, record->creates, record->create_count, record->create_capacity,
                      a->header->kind == KIND_CREATE ? 1U : 0U));
    return ARRAY_RESERVE(record->arena, record->acknowledgements, record->acknowledgement_count,
                         record->acknowledgement_capacity,
                         a->header->kind == KIND_ERASED ? a->header->target_count : 0U);
}

static bool register_covers(const struct record_register *at, struct dot_index dot)
{
    return dot.replica < at->covered_count && at->covered[dot.replica] >= dot.rseq;
}

static void prune(struct record_register *at)
{
    size_t kept = 0;
    for (size_t i = 0; i < at->sibling_count; i++) {
        if (!register_covers(at, at->siblings[i].dot)) {
            if (kept != i) {
                at->siblings[kept] = at->siblings[i];
            }
            kept++;
        }
    }
    at->sibling_count = kept;
}

/* K[F] = join(K[F], c.ctx); siblings[F] = those of siblings[F] + {c} that K[F] does not cover. */
static void write_register(struct applying *a, struct record_register *at, const struct sibling *sibling)
{
    for (size_t i = 0; i < a->header->ctx_count; i++) {
        uint64_t *covered = &at->covered[a->ctx[i].replica];
        *covered = a->ctx[i].rseq > *covered ? a->ctx[i].rseq : *covered;
    }
    prune(at);
    if (register_covers(at, sibling->dot)) {
        return;
    }
    size_t place = at->sibling_count++;
    for (; place > 0 && record_dot_index_compare(a->record, at->siblings[place - 1].dot, sibling->dot) > 0; place--) {
        at->siblings[place] = at->siblings[place - 1];
    }
    at->siblings[place] = *sibling;
}

static struct sibling sibling_of(const struct applying *a, uint32_t number, struct span value, bool known)
{
    const struct header *header = a->header;
    struct sibling sibling = {.dot = {.replica = a->replica, .rseq = header->rseq},
                              .hash = a->change->hash,
                              .hlc = header->hlc,
                              .kind = header->kind,
                              .role = header->role,
                              .grant = a->grant,
                              .value = known ? value : (struct span){0}};
    sibling.flags = (header->kind == KIND_STALE_EDIT ? SIBLING_STALE : 0U) | (known ? 0U : SIBLING_MISSING);
    if (number == REG_PRESENCE) {
        sibling.ctx = a->ctx;
        sibling.ctx_count = header->ctx_count;
    }
    if (a->record->erasure_count > 0 &&
        record_covers_erased(a->record, register_class(number), header->part, sibling.dot)) {
        sibling.flags |= SIBLING_ERASED;
    }
    return sibling;
}

/* Everything is reserved register by register first, because making one moves the others. */
static struct status reserve_registers(struct applying *a, struct span *values, bool *known)
{
    for (size_t i = 0; i < a->header->register_count; i++) {
        TRY(reserve_register(a, a->header->registers[i]));
        TRY(body_value(a, a->header->registers[i], &values[i], &known[i]));
    }
    return status_ok();
}

static struct status merge(struct applying *a)
{
    const struct header *header = a->header;
    struct span values[LIMIT_REGISTER_COUNT] = {{0}};
    bool known[LIMIT_REGISTER_COUNT] = {0};
    if (header->register_count > LIMIT_REGISTER_COUNT) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    TRY(reserve_effects(a));
    TRY(reserve_registers(a, values, known));
    advance(a, 0);
    if (header->kind == KIND_CREATE) {
        put_create(a, false);
    } else if (header->kind == KIND_ROUTE) {
        put_route(a);
    } else if (header->kind == KIND_ERASE) {
        put_erasure(a, true);
    } else if (header->kind == KIND_ERASED) {
        put_acknowledgements(a);
    }
    for (size_t i = 0; i < header->register_count; i++) {
        struct record_register *at;
        TRY(record_register_make(a->record, header->part, header->registers[i], &at)); /* exists: cannot fail */
        struct sibling sibling = sibling_of(a, header->registers[i], values[i], known[i]);
        write_register(a, at, &sibling);
    }
    a->outcome.result = APPLY_APPLIED;
    return status_ok();
}

static struct status keep_void(struct applying *a, const char *why)
{
    TRY(reserve_effects(a));
    advance(a, HISTORY_VOID);
    if (a->header->kind == KIND_CREATE && a->change->binds) {
        put_create(a, true);
    } else if (a->header->kind == KIND_ERASE) {
        drop_erasure(a);
    }
    a->outcome.result = APPLY_VOID;
    a->outcome.why = why;
    return status_ok();
}

static struct status keep_parked(struct applying *a)
{
    struct record *record = a->record;
    if (!is_parked(a) && record->parked_count >= LIMIT_RECORD_PARKED) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    TRY(reserve_effects(a));
    TRY(resolve(a));
    push_history(a, HISTORY_PARKED);
    if (a->header->kind == KIND_ERASE && a->header->reg <= a->registry->size &&
        !change_void_reason(a->change, a->registry)) {
        put_erasure(a, false);
    }
    return status_ok();
}

static bool is_known_evidence(const struct applying *a)
{
    for (size_t i = a->record->history_count; i > 0; i--) {
        const struct history_entry *entry = &a->record->history[i - 1];
        if ((entry->flags & HISTORY_FORKED) != 0 && history_hash_equal(entry->hash, a->change->hash)) {
            return true;
        }
    }
    return false;
}

static struct status keep_evidence(struct applying *a)
{
    if (is_parked(a)) { /* what waited turns out to contradict: it waits no more */
        push_history(a, HISTORY_FORKED);
        if (a->header->kind == KIND_ERASE) {
            drop_erasure(a);
        }
    } else if (!is_known_evidence(a)) {
        TRY(reserve_history(a));
        push_history(a, HISTORY_FORKED);
    }
    return status_ok();
}

static struct status keep_contradiction(struct applying *a, enum apply_result result, bool dot_held)
{
    a->outcome.result = result;
    if (result == APPLY_FORKED) {
        return keep_evidence(a);
    }
    if (result == APPLY_OWN_FORK && !dot_held) {
        TRY(reserve_history(a));
        return keep_parked(a);
    }
    return status_ok();
}

struct status record_apply(struct record *record, const struct change *change, const struct registry *registry,
                           struct node_id self, struct apply_outcome *out_outcome)
{
    struct applying a = {
        .record = record, .change = change, .header = change->header, .registry = registry, .self = self};
    assert(change->header->kind >= KIND_CREATE && change->header->kind <= KIND_ROUTE && change->header->rseq > 0);
    a.replica = record_replica_find(record, header_replica(change->header));
    enum apply_result result;
    if (decide_held(&a, &result)) {
        TRY(keep_contradiction(&a, result, true));
    } else if (decide_park(&a)) {
        TRY(reserve_history(&a));
        a.outcome.result = APPLY_PARKED;
        TRY(keep_parked(&a));
    } else {
        TRY(resolve(&a));
        if (decide_hashes(&a, &result)) {
            TRY(keep_contradiction(&a, result, false));
        } else {
            TRY(reserve_history(&a));
            const char *why = record_void_reason(record, change, registry);
            TRY(why ? keep_void(&a, why) : merge(&a));
        }
    }
    *out_outcome = a.outcome;
    return status_ok();
}
