/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/capture_work.h"

/* Own leaves read back from the store: what an interrupted capture wrote, or what a row was first captured with. */

struct reading {
    struct core *core;
    const struct record *record;
    struct arena *arena;
    struct part_id part;
    struct span claim;
    struct capture_leaf *leaves;
    size_t count, capacity;
};

static bool has_number(const struct reading *reading, uint32_t number)
{
    for (size_t i = 0; i < reading->count; i++) {
        if (reading->leaves[i].number == number) {
            return true;
        }
    }
    return false;
}

static struct status add(struct reading *reading, const struct capture_leaf *leaf)
{
    if (reading->count == reading->capacity) {
        size_t capacity = reading->capacity == 0 ? 16 : 2 * reading->capacity;
        struct capture_leaf *leaves = arena_array(reading->arena, capacity, sizeof *leaves);
        if (!leaves) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
        if (reading->count > 0) {
            memcpy(leaves, reading->leaves, reading->count * sizeof *leaves);
        }
        reading->leaves = leaves;
        reading->capacity = capacity;
    }
    reading->leaves[reading->count++] = *leaf;
    return status_ok();
}

static struct status leaf_vector(const struct header *header, struct arena *arena, struct shadow_vector *out_vector)
{
    struct shadow_vector vector = {.entries = arena_array(arena, header->ctx_count, sizeof *vector.entries),
                                   .count = header->ctx_count};
    if (!vector.entries) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (header->ctx_count > 0) {
        memcpy(vector.entries, header->ctx, header->ctx_count * sizeof *vector.entries);
    }
    *out_vector = vector;
    return status_ok();
}

static const struct body_value *body_find(const struct body *body, uint32_t number)
{
    for (size_t i = 0; i < body->count; i++) {
        if (body->values[i].number == number) {
            return &body->values[i];
        }
    }
    return NULL;
}

static struct status read_leaf(struct reading *reading, const struct history_entry *entry)
{
    struct wire_leaf wire;
    struct header header;
    struct body body = {.count = 0};
    TRY(core_leaf(reading->core, entry->stream, entry->seq, reading->arena, &wire));
    /* A leaf that came by a relay stands in its attachment. */
    struct span leaf_bytes = wire.attachment ? wire.attachment->leaf : wire.leaf;
    const struct wire_body *held = wire.attachment ? &wire.attachment->body : &wire.body;
    TRY(header_scan(leaf_bytes, reading->arena, &header, NULL));
    bool readable = held->state == BODY_PRESENT;
    if (readable) {
        TRY(body_read(held->body, reading->arena, &body));
    }
    if (reading->claim.size > 0 && (!readable || !span_equal(body.claim, reading->claim))) {
        return status_ok();
    }
    struct shadow_vector ctx;
    TRY(leaf_vector(&header, reading->arena, &ctx));
    for (size_t i = 0; i < header.register_count; i++) {
        const struct body_value *value = body_find(&body, header.registers[i]);
        struct capture_leaf leaf = {
            .number = header.registers[i],
            .leaf = {.replica = header_replica(&header), .rseq = header.rseq, .hash = entry->hash},
            .ctx = ctx,
            .value = value ? value->bytes : (struct span){.size = 0},
            .value_held = value != NULL,
        };
        if (!has_number(reading, leaf.number)) {
            TRY(add(reading, &leaf));
        }
    }
    return status_ok();
}

struct status capture_leaves(struct core *core, const struct record *record, uint32_t lane, struct part_id part,
                             struct span claim, struct arena *arena, struct capture_leaf **out_leaves,
                             size_t *out_count)
{
    struct reading reading = {.core = core, .record = record, .arena = arena, .part = part, .claim = claim};
    struct node_id self = core_self(core);
    for (size_t i = 0; i < record->history_count; i++) {
        const struct history_entry *entry = &record->history[i];
        struct replica replica = record->replicas[entry->replica].replica;
        bool applied = (entry->flags & (HISTORY_PARKED | HISTORY_VOID | HISTORY_FORKED)) == 0;
        if (applied && replica.lane == lane && node_id_equal(replica.node, self) && part_id_equal(entry->part, part)) {
            TRY(read_leaf(&reading, entry));
        }
    }
    *out_leaves = reading.leaves;
    *out_count = reading.count;
    return status_ok();
}

/* Siblings of this part whose values are too long for the record's row get them from their bodies. */
static struct status fill_register(struct core *core, const struct record *record, struct record_register *reg,
                                   struct arena *arena)
{
    struct sibling *siblings = arena_array(arena, reg->sibling_count, sizeof *siblings);
    if (!siblings) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    memcpy(siblings, reg->siblings, reg->sibling_count * sizeof *siblings);
    for (size_t i = 0; i < reg->sibling_count; i++) {
        if (!(siblings[i].flags & SIBLING_MISSING)) {
            continue;
        }
        enum body_state state;
        struct span value;
        TRY(core_sibling_value(core, record, reg, i, arena, &value, &state));
        if (state == BODY_PRESENT) {
            siblings[i].value = value;
            siblings[i].flags &= ~(uint32_t)SIBLING_MISSING;
        }
    }
    reg->siblings = siblings;
    reg->sibling_capacity = reg->sibling_count;
    return status_ok();
}

static bool is_missing(const struct record_register *reg)
{
    for (size_t i = 0; i < reg->sibling_count; i++) {
        if (reg->siblings[i].flags & SIBLING_MISSING) {
            return true;
        }
    }
    return false;
}

struct status capture_record(struct core *core, const struct record *record, struct part_id part, struct arena *arena,
                             struct record *out_record)
{
    struct record copy = *record;
    copy.registers = arena_array(arena, record->register_count, sizeof *copy.registers);
    if (!copy.registers) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < record->register_count; i++) {
        copy.registers[i] = record->registers[i];
        if (part_id_equal(copy.registers[i].part, part) && is_missing(&copy.registers[i])) {
            TRY(fill_register(core, record, &copy.registers[i], arena));
        }
    }
    copy.register_capacity = copy.register_count;
    *out_record = copy;
    return status_ok();
}
