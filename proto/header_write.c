/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/header_rules.h"

/* A leaf grows in a fixed array of the format's limit, so nothing is allocated before it is known to fit. */
struct out {
    uint8_t *at;
    uint8_t *end;
    bool full;
};

enum wire {
    WIRE_VARINT = 0,
    WIRE_SIZED = 2,
};

static void put_varint(struct out *out, uint64_t value)
{
    if (out->end - out->at < 10) {
        out->full = true;
        return;
    }
    while (value >= 0x80) {
        *out->at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out->at++ = (uint8_t)value;
}

/* Zero is the default and is not written. */
static void put_number(struct out *out, uint32_t field, uint64_t value)
{
    if (value != 0) {
        put_varint(out, field << 3 | WIRE_VARINT);
        put_varint(out, value);
    }
}

static void put_bytes(struct out *out, uint32_t field, const void *data, size_t size)
{
    if (size == 0) {
        return;
    }
    put_varint(out, field << 3 | WIRE_SIZED);
    put_varint(out, size);
    if (out->full || (size_t)(out->end - out->at) < size) {
        out->full = true;
        return;
    }
    memcpy(out->at, data, size);
    out->at += size;
}

/* Dot, Ctx and Target share their first fields. All three stay below 128 bytes, so their size takes one byte. */
static uint8_t *put_open(struct out *out, uint32_t field)
{
    put_varint(out, field << 3 | WIRE_SIZED);
    uint8_t *size = out->at;
    put_varint(out, 0);
    return size;
}

static void put_close(struct out *out, uint8_t *size)
{
    if (!out->full) {
        *size = (uint8_t)(out->at - size - 1);
    }
}

static void put_dot(struct out *out, const struct replica *replica, uint64_t rseq)
{
    put_bytes(out, TARGET_NODE, replica->node.text, node_id_size(replica->node));
    put_number(out, TARGET_EPOCH, replica->epoch);
    put_number(out, TARGET_LANE, replica->lane);
    put_number(out, TARGET_RSEQ, rseq);
}

static void put_ctx(struct out *out, uint32_t field, const struct ctx_entry *entry)
{
    uint8_t *size = put_open(out, field);
    put_dot(out, &entry->replica, entry->rseq);
    put_bytes(out, TARGET_HASH, entry->hash.bytes, sizeof entry->hash.bytes);
    put_close(out, size);
}

static void put_target(struct out *out, const struct target *target)
{
    static const struct hash none;
    uint8_t *size = put_open(out, FIELD_TARGET);
    put_dot(out, &target->replica, target->rseq);
    if (!hash_equal(target->hash, none)) {
        put_bytes(out, TARGET_HASH, target->hash.bytes, sizeof target->hash.bytes);
    }
    put_number(out, TARGET_ACCEPTED_MS, target->accepted_ms);
    put_bytes(out, TARGET_SCOPE, target->scope.text, scope_id_size(target->scope));
    put_close(out, size);
}

static void put_packed(struct out *out, uint32_t field, const uint32_t *numbers, size_t count)
{
    uint8_t packed[2 * LIMIT_REGISTER_COUNT];
    struct out list = {.at = packed, .end = packed + sizeof packed};
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] >= 0x80) {
            *list.at++ = (uint8_t)(numbers[i] | 0x80);
        }
        *list.at++ = (uint8_t)(numbers[i] >= 0x80 ? numbers[i] >> 7 : numbers[i]);
    }
    put_bytes(out, field, packed, (size_t)(list.at - packed));
}

static void put_header(struct out *out, const struct header *h)
{
    put_number(out, FIELD_FMT, HEADER_FMT);
    put_bytes(out, FIELD_NODE, h->node.text, node_id_size(h->node));
    put_number(out, FIELD_EPOCH, h->epoch);
    put_number(out, FIELD_LANE, h->lane);
    put_bytes(out, FIELD_SCOPE, h->scope.text, scope_id_size(h->scope));
    put_number(out, FIELD_SEQ, h->seq);
    put_bytes(out, FIELD_RECORD, h->record.bytes, h->has_record ? sizeof h->record.bytes : 0);
    put_number(out, FIELD_RSEQ, h->rseq);
    put_bytes(out, FIELD_PREV, h->prev.bytes, h->has_prev ? sizeof h->prev.bytes : 0);
    for (size_t i = 0; i < h->ctx_count; i++) {
        put_ctx(out, FIELD_CTX, &h->ctx[i]);
    }
    put_number(out, FIELD_HLC, h->hlc);
    put_number(out, FIELD_REG, h->reg);
    put_number(out, FIELD_KIND, h->kind);
    put_bytes(out, FIELD_ACTOR, h->actor.data, h->actor.size);
    put_number(out, FIELD_ROLE, h->role);
    put_bytes(out, FIELD_COMMITMENT, h->commitment.bytes, h->has_body ? sizeof h->commitment.bytes : 0);
    put_number(out, FIELD_BODY_SIZE, h->body_size);
    put_number(out, FIELD_CLASS, h->class);
    put_packed(out, FIELD_REGISTERS, h->registers, h->register_count);
    put_bytes(out, FIELD_PART, h->part.bytes, part_id_is_none(h->part) ? 0 : sizeof h->part.bytes);
    for (size_t i = 0; i < h->target_count; i++) {
        put_target(out, &h->targets[i]);
    }
    put_bytes(out, FIELD_NONCE, h->nonce.data, h->nonce.size);
    for (size_t i = 0; i < h->erasures_seen_count; i++) {
        uint8_t *size = put_open(out, FIELD_ERASURES_SEEN);
        put_dot(out, &h->erasures_seen[i].replica, h->erasures_seen[i].rseq);
        put_close(out, size);
    }
    if (h->has_grant) {
        put_ctx(out, FIELD_GRANT, &h->grant);
    }
    put_packed(out, FIELD_OPEN, h->open, h->open_count);
}

static bool code_is_valid(const char text[LIMIT_NODE_ID_SIZE])
{
    struct node_id id;
    memcpy(id.text, text, sizeof id.text);
    struct node_id parsed;
    struct status s = node_id_parse(span_of(id.text, node_id_size(id)), &parsed);
    return status_is_ok(s) && node_id_equal(id, parsed);
}

static bool dot_is_valid(const struct replica *replica, uint64_t rseq)
{
    return code_is_valid(replica->node.text) && replica->epoch != 0 && rseq != 0;
}

/* What the scan finds in the bytes themselves and header_rules_check therefore does not ask. */
static struct status write_check(const struct header *h, struct fault *fault)
{
    if (!code_is_valid(h->node.text) || !code_is_valid(h->scope.text)) {
        return fault_set(fault, STATUS_INVALID, "no identifier of 1 to 16 bytes [a-z0-9.]", "node, scope", 0);
    }
    if (h->has_record && record_id_equal(h->record, (struct record_id){{0}})) {
        return fault_set(fault, STATUS_INVALID, "zero", "record", 0);
    }
    for (size_t i = 0; i < h->ctx_count; i++) {
        if (!dot_is_valid(&h->ctx[i].replica, h->ctx[i].rseq)) {
            return fault_set(fault, STATUS_INVALID, "incomplete", "ctx", i);
        }
    }
    for (size_t i = 0; i < h->erasures_seen_count; i++) {
        if (!dot_is_valid(&h->erasures_seen[i].replica, h->erasures_seen[i].rseq)) {
            return fault_set(fault, STATUS_INVALID, "incomplete", "erasures_seen", i);
        }
    }
    if (h->has_grant && !dot_is_valid(&h->grant.replica, h->grant.rseq)) {
        return fault_set(fault, STATUS_INVALID, "incomplete", "grant", 0);
    }
    for (size_t i = 0; i < h->target_count; i++) {
        const struct target *t = &h->targets[i];
        if ((t->replica.node.text[0] != 0 && !code_is_valid(t->replica.node.text)) ||
            (t->scope.text[0] != 0 && !code_is_valid(t->scope.text))) {
            return fault_set(fault, STATUS_INVALID, "no identifier of 1 to 16 bytes [a-z0-9.]", "target", i);
        }
    }
    return status_ok();
}

struct status header_write(const struct header *header, struct arena *arena, struct span *out_leaf, struct fault *fault)
{
    TRY(header_rules_check(header, 0, fault));
    TRY(write_check(header, fault));
    if (!header_class_fits(header)) {
        return fault_set(fault, STATUS_INVALID, "not the class of its registers", "class", 0);
    }
    /* The slack lets put_varint ask for ten bytes wherever it writes, and the limit be checked once at the end. */
    uint8_t bytes[LIMIT_HEADER_SIZE + 16];
    struct out out = {.at = bytes, .end = bytes + sizeof bytes};
    put_header(&out, header);
    size_t size = (size_t)(out.at - bytes);
    if (out.full || size > LIMIT_HEADER_SIZE) {
        return fault_set(fault, STATUS_LIMIT, "header above the format limit", "header", size);
    }
    return arena_copy(arena, span_of(bytes, size), out_leaf);
}
