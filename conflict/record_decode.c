/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "conflict/record_parts.h"
#include "conflict/record_row.h"

/* A reader's numbers are checked where they are read; after the first bad one everything reads as zero. */
struct row {
    struct reader reader;
    struct record *record;
    struct arena *arena;
    bool no_memory;
};

static void row_spoil(struct row *row)
{
    row->reader.failed = true;
}

/* A count of items of at least `size` bytes each, so that it cannot ask for more memory than the row justifies. */
static size_t row_count(struct row *row, size_t size)
{
    uint64_t count = reader_varint(&row->reader);
    if (row->reader.failed || count > (row->reader.bytes.size - row->reader.at) / size) {
        row_spoil(row);
        return 0;
    }
    return (size_t)count;
}

/* Room for `count` items and a few more, since a row is loaded to be changed. */
static void *row_array(struct row *row, size_t count, size_t spare, size_t size, size_t *out_capacity)
{
    void *items = arena_array(row->arena, count + spare, size);
    if (!items) {
        row->no_memory = true;
        row_spoil(row);
        return NULL;
    }
    *out_capacity = count + spare;
    return items;
}

static uint32_t row_u32(struct row *row)
{
    uint64_t value = reader_varint(&row->reader);
    if (value > UINT32_MAX) {
        row_spoil(row);
        return 0;
    }
    return (uint32_t)value;
}

/* A dot of one of the record's replicas, or none. */
static struct dot_index row_dot(struct row *row)
{
    struct dot_index dot = {0};
    uint64_t replica = reader_varint(&row->reader);
    if (replica == 0) {
        return dot;
    }
    dot.rseq = reader_varint(&row->reader);
    if (replica > row->record->replica_count || dot.rseq == 0) {
        row_spoil(row);
        return (struct dot_index){0};
    }
    dot.replica = (uint32_t)(replica - 1);
    return dot;
}

static struct dot_index row_dot_needed(struct row *row)
{
    struct dot_index dot = row_dot(row);
    if (dot.rseq == 0) {
        row_spoil(row);
    }
    return dot;
}

static const struct dot_index *row_ctx(struct row *row, size_t *out_count)
{
    size_t capacity;
    size_t count = row_count(row, 2);
    struct dot_index *ctx = row_array(row, count, 0, sizeof *ctx, &capacity);
    for (size_t i = 0; ctx && i < count; i++) {
        ctx[i] = row_dot_needed(row);
    }
    *out_count = ctx ? count : 0;
    return ctx;
}

static enum class row_class(struct row *row) {
    uint8_t class = reader_u8(&row->reader); if (class > CLASS_SEALED){row_spoil(row); return CLASS_PUBLIC;}
return (enum class) class;
}

static void row_bytes(struct row *row, void *out_bytes, size_t size)
{
    struct span bytes = reader_bytes(&row->reader, size);
    if (!row->reader.failed && size > 0) {
        memcpy(out_bytes, bytes.data, size);
    }
}

static void row_id(struct row *row, char out_text[16])
{
    struct span text = reader_sized(&row->reader);
    memset(out_text, 0, 16);
    if (text.size > 16) {
        row_spoil(row);
    } else if (text.size > 0) {
        memcpy(out_text, text.data, text.size);
    }
}

static void row_part(struct row *row, struct part_id *out_part)
{
    *out_part = (struct part_id){{0}};
    uint8_t has = reader_u8(&row->reader);
    if (has > 1) {
        row_spoil(row);
    } else if (has == 1) {
        row_bytes(row, out_part->bytes, sizeof out_part->bytes);
    }
}

static void read_heads(struct row *row)
{
    struct record *record = row->record;
    size_t count = row_count(row, 2);
    if (count > LIMIT_RECORD_REPLICAS) {
        row_spoil(row);
        return;
    }
    record->replicas = row_array(row, count, 2, sizeof *record->replicas, &record->replica_capacity);
    for (size_t i = 0; record->replicas && i < count; i++) {
        struct replica_head *head = &record->replicas[i];
        uint8_t mark = reader_u8(&row->reader);
        row_id(row, head->replica.node.text);
        head->replica.epoch = (mark & HEAD_EPOCH_ONE) != 0 ? 1 : row_u32(row);
        head->replica.lane = (mark & HEAD_LANE_ZERO) != 0 ? 0 : row_u32(row);
        if ((mark & HEAD_HELD) != 0) {
            head->rseq = reader_varint(&row->reader);
            row_bytes(row, head->hash.bytes, sizeof head->hash.bytes);
            head->reg = reader_varint(&row->reader);
        }
    }
    record->replica_count = row->reader.failed ? 0 : count;
}

static void read_creates(struct row *row)
{
    struct record *record = row->record;
    size_t count = row_count(row, 36);
    record->creates = row_array(row, count, 0, sizeof *record->creates, &record->create_capacity);
    for (size_t i = 0; record->creates && i < count; i++) {
        struct create_step *step = &record->creates[i];
        uint8_t mark = reader_u8(&row->reader);
        step->hub = (mark & 1U) != 0;
        step->is_void = (mark & 2U) != 0;
        step->dot = row_dot_needed(row);
        row_bytes(row, step->hash.bytes, sizeof step->hash.bytes);
        row_id(row, step->scope.text);
    }
    record->create_count = count;
}

static void read_routes(struct row *row)
{
    struct record *record = row->record;
    size_t count = row_count(row, 37);
    record->routes = row_array(row, count, 0, sizeof *record->routes, &record->route_capacity);
    for (size_t i = 0; record->routes && i < count; i++) {
        struct route_step *step = &record->routes[i];
        step->dot = row_dot_needed(row);
        row_bytes(row, step->hash.bytes, sizeof step->hash.bytes);
        row_id(row, step->from.text);
        row_id(row, step->to.text);
        step->ctx = row_ctx(row, &step->ctx_count);
    }
    record->route_count = count;
}

static void read_sibling(struct row *row, struct sibling *sibling, const struct sibling *before)
{
    uint8_t mark = reader_u8(&row->reader);
    if ((mark & MARK_SAME) != 0 && before) {
        sibling->dot = before->dot;
        sibling->hash = before->hash;
        sibling->hlc = before->hlc;
        sibling->kind = before->kind;
        sibling->role = before->role;
        sibling->grant = before->grant;
    } else {
        sibling->dot = row_dot_needed(row);
        row_bytes(row, sibling->hash.bytes, sizeof sibling->hash.bytes);
        sibling->hlc = reader_be64(&row->reader);
        sibling->kind = (enum kind)reader_u8(&row->reader);
        sibling->role = (enum role)row_u32(row);
        sibling->grant = row_dot(row);
    }
    sibling->flags = mark & MARK_FLAGS;
    if ((mark & MARK_PRINT) != 0) {
        sibling->fingerprint = reader_be64(&row->reader);
    } else if ((mark & SIBLING_MISSING) == 0) {
        sibling->value = reader_sized(&row->reader);
    }
    if ((mark & MARK_CTX) != 0) {
        sibling->ctx = row_ctx(row, &sibling->ctx_count);
    }
    if ((mark & 0xc0U) != 0 || ((mark & MARK_SAME) != 0 && !before)) {
        row_spoil(row);
    }
}

static const struct sibling *read_siblings(struct row *row, struct record_register *at, const struct sibling *before)
{
    size_t count = row_count(row, 2);
    at->siblings = row_array(row, count, 1, sizeof *at->siblings, &at->sibling_capacity);
    for (size_t i = 0; at->siblings && i < count && !row->reader.failed; i++) {
        read_sibling(row, &at->siblings[i], before);
        before = &at->siblings[i];
        if (!row->reader.failed && i > 0 && record_dot_index_compare(row->record, before[-1].dot, before->dot) >= 0) {
            row_spoil(row);
        }
    }
    at->sibling_count = count;
    return before;
}

static void read_covered(struct row *row, struct record_register *at)
{
    size_t count = row_count(row, 1);
    if (count > row->record->replica_count) {
        row_spoil(row);
        return;
    }
    at->covered = row_array(row, row->record->replica_count, 0, sizeof *at->covered, &at->covered_count);
    for (size_t i = 0; at->covered && i < count; i++) {
        at->covered[i] = reader_varint(&row->reader);
    }
}

static bool registers_ascend(const struct record_register *a, const struct record_register *b)
{
    int order = memcmp(a->part.bytes, b->part.bytes, sizeof a->part.bytes);
    return order < 0 || (order == 0 && a->number < b->number);
}

static void read_registers(struct row *row)
{
    struct record *record = row->record;
    size_t count = row_count(row, 3);
    const struct sibling *before = NULL;
    record->registers = row_array(row, count, 2, sizeof *record->registers, &record->register_capacity);
    for (size_t i = 0; record->registers && i < count && !row->reader.failed; i++) {
        struct record_register *at = &record->registers[i];
        uint32_t number = row_u32(row);
        at->number = number >> 1;
        if ((number & 1U) == 0) {
            row_part(row, &at->part);
        } else if (i > 0) {
            at->part = at[-1].part;
        }
        if (i > 0 && !registers_ascend(at - 1, at)) {
            row_spoil(row);
        }
        read_covered(row, at);
        before = read_siblings(row, at, before);
    }
    record->register_count = count;
}

static void read_erasures(struct row *row)
{
    struct record *record = row->record;
    size_t count = row_count(row, 38);
    record->erasures = row_array(row, count, 0, sizeof *record->erasures, &record->erasure_capacity);
    for (size_t i = 0; record->erasures && i < count; i++) {
        struct erasure *erasure = &record->erasures[i];
        uint8_t mark = reader_u8(&row->reader);
        erasure->applied = (mark & 1U) != 0;
        erasure->vouched = (mark & 2U) != 0;
        erasure->class = row_class(row);
        erasure->dot = row_dot_needed(row);
        row_bytes(row, erasure->hash.bytes, sizeof erasure->hash.bytes);
        row_part(row, &erasure->part);
        erasure->grant = row_dot(row);
    }
    record->erasure_count = count;
}

static void read_seen(struct row *row)
{
    struct record *record = row->record;
    size_t count = row_count(row, 6);
    record->seen = row_array(row, count, 0, sizeof *record->seen, &record->seen_capacity);
    for (size_t i = 0; record->seen && i < count; i++) {
        struct erasure_seen *seen = &record->seen[i];
        seen->change = row_dot_needed(row);
        row_id(row, seen->erasure.replica.node.text);
        seen->erasure.replica.epoch = row_u32(row);
        seen->erasure.replica.lane = row_u32(row);
        seen->erasure.rseq = reader_varint(&row->reader);
    }
    record->seen_count = count;
}

static void read_acknowledgements(struct row *row)
{
    struct record *record = row->record;
    size_t count = row_count(row, 34);
    record->acknowledgements =
        row_array(row, count, 0, sizeof *record->acknowledgements, &record->acknowledgement_capacity);
    for (size_t i = 0; record->acknowledgements && i < count; i++) {
        row_id(row, record->acknowledgements[i].author.text);
        row_id(row, record->acknowledgements[i].named.text);
        row_bytes(row, record->acknowledgements[i].erasure.bytes, sizeof record->acknowledgements[i].erasure.bytes);
    }
    record->acknowledgement_count = count;
}

static void read_clamps(struct row *row)
{
    struct record *record = row->record;
    size_t count = row_count(row, 3);
    record->clamps = row_array(row, count, 0, sizeof *record->clamps, &record->clamp_capacity);
    for (size_t i = 0; record->clamps && i < count; i++) {
        record->clamps[i].dot = row_dot_needed(row);
        record->clamps[i].accepted_ms = reader_varint(&row->reader);
    }
    record->clamp_count = count;
}

static void read_history(struct row *row)
{
    struct record *record = row->record;
    size_t count = row_count(row, 8 + HISTORY_HASH_SIZE);
    record->history = row_array(row, count, 4, sizeof *record->history, &record->history_capacity);
    for (size_t i = 0; record->history && i < count; i++) {
        struct history_entry *entry = &record->history[i];
        entry->kind = (enum kind)reader_u8(&row->reader);
        uint32_t flags = reader_u8(&row->reader);
        entry->flags = flags >> 1;
        entry->class = row_class(row);
        entry->replica = row_u32(row);
        entry->rseq = reader_varint(&row->reader);
        entry->stream = row_u32(row);
        entry->seq = reader_varint(&row->reader);
        entry->reg = reader_varint(&row->reader);
        row_bytes(row, entry->hash.bytes, HISTORY_HASH_SIZE);
        if ((flags & 1U) != 0) {
            row_bytes(row, entry->part.bytes, sizeof entry->part.bytes);
        }
        if (entry->replica >= record->replica_count) {
            row_spoil(row);
        }
        record->parked_count += (entry->flags & HISTORY_PARKED) != 0 ? 1 : 0;
    }
    record->history_count = count;
}

struct status record_decode(struct record_id id, struct span bytes, struct arena *arena, struct record *out_record)
{
    struct record record;
    record_init(&record, id, arena);
    struct row row = {.record = &record, .arena = arena};
    reader_init(&row.reader, bytes);
    uint8_t version = reader_u8(&row.reader);
    if (!row.reader.failed && version > ROW_VERSION) {
        return STATUS_MAKE(STATUS_UNSUPPORTED);
    }
    uint8_t created = reader_u8(&row.reader);
    if (version != ROW_VERSION || created > 1) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    record.created = created == 1;
    row_id(&row, record.maker.text);
    row_id(&row, record.first_scope.text);
    record.changed = reader_varint(&row.reader);
    static void (*const sections[])(struct row *) = {read_heads,    read_creates, read_routes,           read_registers,
                                                     read_erasures, read_seen,    read_acknowledgements, read_clamps,
                                                     read_history};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0] && !row.reader.failed; i++) {
        sections[i](&row);
    }
    if (row.no_memory) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (!status_is_ok(reader_end(&row.reader))) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_record = record;
    return status_ok();
}
