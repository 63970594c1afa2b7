/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "conflict/record_parts.h"
#include "conflict/record_row.h"

static void add_dot(struct buffer *b, struct dot_index dot)
{
    if (dot.rseq == 0 || dot.replica == UINT32_MAX) {
        buffer_add_u8(b, 0);
        return;
    }
    buffer_add_varint(b, (uint64_t)dot.replica + 1);
    buffer_add_varint(b, dot.rseq);
}

static void add_ctx(struct buffer *b, const struct dot_index *ctx, size_t count)
{
    buffer_add_varint(b, count);
    for (size_t i = 0; i < count; i++) {
        add_dot(b, ctx[i]);
    }
}

static void add_id(struct buffer *b, const char text[16])
{
    size_t size = 0;
    while (size < 16 && text[size] != 0) {
        size++;
    }
    buffer_add_sized(b, span_of(text, size));
}

static void add_part(struct buffer *b, struct part_id part)
{
    bool none = part_id_is_none(part);
    buffer_add_u8(b, none ? 0 : 1);
    buffer_add(b, part.bytes, none ? 0 : sizeof part.bytes);
}

static void add_hash(struct buffer *b, struct hash hash)
{
    buffer_add(b, hash.bytes, sizeof hash.bytes);
}

static void add_heads(struct buffer *b, const struct record *record)
{
    buffer_add_varint(b, record->replica_count);
    for (size_t i = 0; i < record->replica_count; i++) {
        const struct replica_head *head = &record->replicas[i];
        buffer_add_u8(b, (uint8_t)((head->replica.epoch == 1 ? HEAD_EPOCH_ONE : 0) |
                                   (head->replica.lane == 0 ? HEAD_LANE_ZERO : 0) | (head->rseq > 0 ? HEAD_HELD : 0)));
        add_id(b, head->replica.node.text);
        if (head->replica.epoch != 1) {
            buffer_add_varint(b, head->replica.epoch);
        }
        if (head->replica.lane != 0) {
            buffer_add_varint(b, head->replica.lane);
        }
        if (head->rseq > 0) {
            buffer_add_varint(b, head->rseq);
            add_hash(b, head->hash);
            buffer_add_varint(b, head->reg);
        }
    }
}

static void add_creates(struct buffer *b, const struct record *record)
{
    buffer_add_varint(b, record->create_count);
    for (size_t i = 0; i < record->create_count; i++) {
        const struct create_step *step = &record->creates[i];
        buffer_add_u8(b, (uint8_t)((step->hub ? 1 : 0) | (step->is_void ? 2 : 0)));
        add_dot(b, step->dot);
        add_hash(b, step->hash);
        add_id(b, step->scope.text);
    }
}

static void add_routes(struct buffer *b, const struct record *record)
{
    buffer_add_varint(b, record->route_count);
    for (size_t i = 0; i < record->route_count; i++) {
        const struct route_step *step = &record->routes[i];
        add_dot(b, step->dot);
        add_hash(b, step->hash);
        add_id(b, step->from.text);
        add_id(b, step->to.text);
        add_ctx(b, step->ctx, step->ctx_count);
    }
}

static bool stays_out(const struct record_register *at, const struct sibling *sibling)
{
    return sibling->fingerprint != 0 || (sibling->value.size > RECORD_VALUE_INLINE && !part_id_is_none(at->part));
}

static void add_sibling(struct buffer *b, const struct record_register *at, const struct sibling *sibling,
                        const struct sibling *before)
{
    bool same = before && dot_index_equal(before->dot, sibling->dot);
    bool out = stays_out(at, sibling);
    uint32_t mark = (sibling->flags & MARK_FLAGS) | (same ? MARK_SAME : 0U) | (sibling->ctx ? MARK_CTX : 0U) |
                    (out ? MARK_PRINT | (uint32_t)SIBLING_MISSING : 0U);
    buffer_add_u8(b, (uint8_t)mark);
    if (!same) {
        add_dot(b, sibling->dot);
        add_hash(b, sibling->hash);
        buffer_add_be64(b, sibling->hlc);
        buffer_add_u8(b, (uint8_t)sibling->kind);
        buffer_add_varint(b, (uint64_t)sibling->role);
        add_dot(b, sibling->grant);
    }
    if (out) {
        buffer_add_be64(b, sibling->fingerprint != 0 ? sibling->fingerprint : value_fingerprint(sibling->value));
    } else if ((mark & SIBLING_MISSING) == 0) {
        buffer_add_sized(b, sibling->value);
    }
    if (sibling->ctx) {
        add_ctx(b, sibling->ctx, sibling->ctx_count);
    }
}

static size_t covered_used(const struct record_register *at)
{
    size_t count = at->covered_count;
    while (count > 0 && at->covered[count - 1] == 0) {
        count--;
    }
    return count;
}

static void add_registers(struct buffer *b, const struct record *record)
{
    size_t count = 0;
    for (size_t i = 0; i < record->register_count; i++) {
        count += record->registers[i].sibling_count > 0 || covered_used(&record->registers[i]) > 0 ? 1 : 0;
    }
    buffer_add_varint(b, count);
    const struct sibling *before = NULL;
    const struct record_register *last = NULL;
    for (size_t i = 0; i < record->register_count; i++) {
        const struct record_register *at = &record->registers[i];
        size_t covered = covered_used(at);
        if (at->sibling_count == 0 && covered == 0) {
            continue;
        }
        bool same_part = last && part_id_equal(at->part, last->part);
        last = at;
        buffer_add_varint(b, (uint64_t)at->number << 1 | (same_part ? 1U : 0U));
        if (!same_part) {
            add_part(b, at->part);
        }
        buffer_add_varint(b, covered);
        for (size_t j = 0; j < covered; j++) {
            buffer_add_varint(b, at->covered[j]);
        }
        buffer_add_varint(b, at->sibling_count);
        for (size_t j = 0; j < at->sibling_count; j++) {
            add_sibling(b, at, &at->siblings[j], before);
            before = &at->siblings[j];
        }
    }
}

static void add_erasures(struct buffer *b, const struct record *record)
{
    buffer_add_varint(b, record->erasure_count);
    for (size_t i = 0; i < record->erasure_count; i++) {
        const struct erasure *erasure = &record->erasures[i];
        buffer_add_u8(b, (uint8_t)((erasure->applied ? 1 : 0) | (erasure->vouched ? 2 : 0)));
        buffer_add_u8(b, (uint8_t)erasure->class);
        add_dot(b, erasure->dot);
        add_hash(b, erasure->hash);
        add_part(b, erasure->part);
        add_dot(b, erasure->grant);
    }
    buffer_add_varint(b, record->seen_count);
    for (size_t i = 0; i < record->seen_count; i++) {
        const struct dot *erasure = &record->seen[i].erasure;
        add_dot(b, record->seen[i].change);
        add_id(b, erasure->replica.node.text);
        buffer_add_varint(b, erasure->replica.epoch);
        buffer_add_varint(b, erasure->replica.lane);
        buffer_add_varint(b, erasure->rseq);
    }
    buffer_add_varint(b, record->acknowledgement_count);
    for (size_t i = 0; i < record->acknowledgement_count; i++) {
        add_id(b, record->acknowledgements[i].author.text);
        add_id(b, record->acknowledgements[i].named.text);
        add_hash(b, record->acknowledgements[i].erasure);
    }
}

static void add_clamps(struct buffer *b, const struct record *record)
{
    buffer_add_varint(b, record->clamp_count);
    for (size_t i = 0; i < record->clamp_count; i++) {
        add_dot(b, record->clamps[i].dot);
        buffer_add_varint(b, record->clamps[i].accepted_ms);
    }
}

/* The history is most of a row: an entry is put together here and added at once. */
struct line {
    uint8_t bytes[3 + 5 * 10 + HISTORY_HASH_SIZE + sizeof(struct part_id)];
    size_t size;
};

static void line_varint(struct line *line, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        line->bytes[line->size++] = (uint8_t)(value | 0x80);
    }
    line->bytes[line->size++] = (uint8_t)value;
}

static void line_bytes(struct line *line, const uint8_t *bytes, size_t size)
{
    memcpy(line->bytes + line->size, bytes, size);
    line->size += size;
}

static void add_entry(struct buffer *b, const struct history_entry *entry)
{
    struct line line;
    bool part = !part_id_is_none(entry->part);
    line.bytes[0] = (uint8_t)entry->kind;
    line.bytes[1] = (uint8_t)(entry->flags << 1 | (part ? 1U : 0U));
    line.bytes[2] = (uint8_t)entry->class;
    line.size = 3;
    line_varint(&line, entry->replica);
    line_varint(&line, entry->rseq);
    line_varint(&line, entry->stream);
    line_varint(&line, entry->seq);
    line_varint(&line, entry->reg);
    line_bytes(&line, entry->hash.bytes, HISTORY_HASH_SIZE);
    if (part) {
        line_bytes(&line, entry->part.bytes, sizeof entry->part.bytes);
    }
    buffer_add(b, line.bytes, line.size);
}

static void add_history(struct buffer *b, const struct record *record)
{
    buffer_add_varint(b, record->history_count);
    for (size_t i = 0; i < record->history_count; i++) {
        add_entry(b, &record->history[i]);
    }
}

struct status record_encode(const struct record *record, struct arena *arena, struct span *out_bytes)
{
    struct buffer b;
    buffer_init(&b, arena);
    buffer_add_u8(&b, ROW_VERSION);
    buffer_add_u8(&b, record->created ? 1 : 0);
    add_id(&b, record->maker.text);
    add_id(&b, record->first_scope.text);
    buffer_add_varint(&b, record->changed);
    add_heads(&b, record);
    add_creates(&b, record);
    add_routes(&b, record);
    add_registers(&b, record);
    add_erasures(&b, record);
    add_clamps(&b, record);
    add_history(&b, record);
    return buffer_end(&b, out_bytes);
}
