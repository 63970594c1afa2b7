/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/shadow.h"

#include <assert.h>

/* The encoding: version byte, then a table of the distinct context entries (registers of one row mostly share them),
 * then the rest, in which an entry is its index in the table. Our own format: only ever read by this program. */
#define SHADOW_FMT 1

struct entry_table {
    struct ctx_entry *entries;
    size_t count;
};

static bool entry_equal(const struct ctx_entry *a, const struct ctx_entry *b)
{
    return a->rseq == b->rseq && replica_equal(a->replica, b->replica) && hash_equal(a->hash, b->hash);
}

static size_t table_index(struct entry_table *table, const struct ctx_entry *entry)
{
    for (size_t i = 0; i < table->count; i++) {
        if (entry_equal(&table->entries[i], entry)) {
            return i;
        }
    }
    table->entries[table->count] = *entry;
    return table->count++;
}

static void table_collect(struct entry_table *table, const struct shadow_vector *vector)
{
    for (size_t i = 0; i < vector->count; i++) {
        (void)table_index(table, &vector->entries[i]);
    }
}

static size_t entry_bound(const struct shadow *shadow)
{
    size_t bound = 1;
    for (size_t i = 0; i < shadow->register_count; i++) {
        const struct shadow_register *reg = &shadow->registers[i];
        bound += 1 + reg->vector.count;
        for (size_t k = 0; k < reg->past_count; k++) {
            bound += reg->past[k].vector.count;
        }
    }
    return bound;
}

static struct status table_make(const struct shadow *shadow, struct arena *arena, struct entry_table *out_table)
{
    struct entry_table table = {.entries = arena_array(arena, entry_bound(shadow), sizeof *table.entries)};
    if (!table.entries) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < shadow->register_count; i++) {
        const struct shadow_register *reg = &shadow->registers[i];
        if (reg->leaf.rseq > 0) {
            (void)table_index(&table, &reg->leaf);
        }
        table_collect(&table, &reg->vector);
        for (size_t k = 0; k < reg->past_count; k++) {
            table_collect(&table, &reg->past[k].vector);
        }
    }
    *out_table = table;
    return status_ok();
}

static void put_replica(struct buffer *out, struct replica replica)
{
    buffer_add_sized(out, span_of(replica.node.text, node_id_size(replica.node)));
    buffer_add_varint(out, replica.epoch);
    buffer_add_varint(out, replica.lane);
}

static void put_cells(struct buffer *out, const struct shadow_cell *cells, size_t count)
{
    buffer_add_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        buffer_add_sized(out, cells[i].column);
        buffer_add_u8(out, cells[i].null);
        buffer_add_sized(out, cells[i].bytes);
    }
}

static void put_vector(struct buffer *out, struct entry_table *table, const struct shadow_vector *vector)
{
    buffer_add_varint(out, vector->count);
    for (size_t i = 0; i < vector->count; i++) {
        buffer_add_varint(out, table_index(table, &vector->entries[i]));
    }
}

static void put_register(struct buffer *out, struct entry_table *table, const struct shadow_register *reg)
{
    buffer_add_varint(out, reg->number);
    buffer_add_varint(out, reg->flags);
    buffer_add(out, reg->sent.bytes, sizeof reg->sent.bytes);
    buffer_add_varint(out, (uint64_t)reg->status);
    buffer_add_varint(out, reg->leaf.rseq == 0 ? 0 : 1 + table_index(table, &reg->leaf));
    put_cells(out, reg->cells, reg->cell_count);
    put_vector(out, table, &reg->vector);
    buffer_add_varint(out, reg->past_count);
    for (size_t i = 0; i < reg->past_count; i++) {
        const struct shadow_past *past = &reg->past[i];
        buffer_add_varint(out, past->replaced_at_ms);
        buffer_add_u8(out, past->open);
        buffer_add(out, past->raw.bytes, sizeof past->raw.bytes);
        put_vector(out, table, &past->vector);
    }
}

static void put_erased(struct buffer *out, const struct shadow *shadow)
{
    buffer_add_varint(out, shadow->blanked_count);
    for (size_t i = 0; i < shadow->blanked_count; i++) {
        buffer_add_varint(out, shadow->blanked[i].number);
        buffer_add_varint(out, shadow->blanked[i].at_ms);
        buffer_add(out, shadow->blanked[i].raw.bytes, sizeof shadow->blanked[i].raw.bytes);
    }
    buffer_add_varint(out, shadow->erasure_count);
    for (size_t i = 0; i < shadow->erasure_count; i++) {
        put_replica(out, shadow->erasures[i].dot.replica);
        buffer_add_varint(out, shadow->erasures[i].dot.rseq);
        buffer_add_varint(out, shadow->erasures[i].at_ms);
        buffer_add_u8(out, shadow->erasures[i].seen);
    }
}

static void put_claim(struct buffer *out, const struct shadow_claim *claim)
{
    buffer_add_u8(out, claim->open);
    if (!claim->open) {
        return;
    }
    buffer_add(out, claim->number, sizeof claim->number);
    buffer_add_varint(out, claim->register_count);
    for (size_t i = 0; i < claim->register_count; i++) {
        buffer_add_varint(out, claim->registers[i].number);
        put_cells(out, claim->registers[i].cells, claim->registers[i].cell_count);
    }
}

bool shadow_state_is_gone(enum shadow_state state)
{
    return state == SHADOW_VANISHED || state == SHADOW_WITHDRAWN || state == SHADOW_UNTIED;
}

struct status shadow_encode(const struct shadow *shadow, struct arena *arena, struct span *out_bytes)
{
    struct entry_table table;
    TRY(table_make(shadow, arena, &table));
    struct buffer out;
    buffer_init(&out, arena);
    buffer_add_u8(&out, SHADOW_FMT);
    buffer_add_varint(&out, table.count);
    for (size_t i = 0; i < table.count; i++) {
        put_replica(&out, table.entries[i].replica);
        buffer_add_varint(&out, table.entries[i].rseq);
        buffer_add(&out, table.entries[i].hash.bytes, sizeof table.entries[i].hash.bytes);
    }
    buffer_add_varint(&out, shadow->version);
    buffer_add_u8(&out, (uint8_t)shadow->state);
    buffer_add(&out, shadow->record.bytes, sizeof shadow->record.bytes);
    buffer_add(&out, shadow->part.bytes, sizeof shadow->part.bytes);
    buffer_add_varint(&out, shadow->since_ms);
    buffer_add_u8(&out, shadow->routed);
    buffer_add_u8(&out, shadow->held);
    put_cells(&out, shadow->identity, shadow->identity_count);
    buffer_add_varint(&out, shadow->register_count);
    for (size_t i = 0; i < shadow->register_count; i++) {
        put_register(&out, &table, &shadow->registers[i]);
    }
    put_erased(&out, shadow);
    put_claim(&out, &shadow->claim);
    return buffer_end(&out, out_bytes);
}

/* ---- decode: one sticky error for damage, one for memory ---- */

struct decoder {
    struct reader in;
    struct arena *arena;
    struct entry_table table;
    bool no_memory;
};

/* An array whose elements take at least one byte each, so damage cannot ask for more memory than its own size times the
 * element. */
static void *take_array(struct decoder *d, size_t element, size_t *out_count)
{
    uint64_t count = reader_varint(&d->in);
    *out_count = 0;
    if (d->in.failed || count > d->in.bytes.size - d->in.at) {
        d->in.failed = true;
        return NULL;
    }
    void *array = arena_array(d->arena, (size_t)count, element);
    if (!array) {
        d->no_memory = true;
        d->in.failed = true;
        return NULL;
    }
    *out_count = (size_t)count;
    return array;
}

static void take_fixed(struct decoder *d, void *out, size_t size)
{
    struct span bytes = reader_bytes(&d->in, size);
    if (!d->in.failed) {
        memcpy(out, bytes.data, size);
    }
}

static uint32_t take_u32(struct decoder *d)
{
    uint64_t value = reader_varint(&d->in);
    if (value > UINT32_MAX) {
        d->in.failed = true;
        return 0;
    }
    return (uint32_t)value;
}

static bool take_bool(struct decoder *d)
{
    uint8_t value = reader_u8(&d->in);
    if (value > 1) {
        d->in.failed = true;
    }
    return value == 1;
}

static struct replica take_replica(struct decoder *d)
{
    struct replica replica = {.epoch = 0};
    struct span text = reader_sized(&d->in);
    if (!d->in.failed && !status_is_ok(node_id_parse(text, &replica.node))) {
        d->in.failed = true;
    }
    replica.epoch = take_u32(d);
    replica.lane = take_u32(d);
    return replica;
}

static struct shadow_cell *take_cells(struct decoder *d, size_t *out_count)
{
    struct shadow_cell *cells = take_array(d, sizeof *cells, out_count);
    for (size_t i = 0; i < *out_count && !d->in.failed; i++) {
        cells[i].column = reader_sized(&d->in);
        cells[i].null = take_bool(d);
        cells[i].bytes = reader_sized(&d->in);
    }
    return cells;
}

static struct shadow_vector take_vector(struct decoder *d)
{
    struct shadow_vector vector;
    vector.entries = take_array(d, sizeof *vector.entries, &vector.count);
    for (size_t i = 0; i < vector.count && !d->in.failed; i++) {
        uint64_t index = reader_varint(&d->in);
        if (index >= d->table.count) {
            d->in.failed = true;
            break;
        }
        vector.entries[i] = d->table.entries[index];
        if (i > 0 && replica_compare(vector.entries[i - 1].replica, vector.entries[i].replica) >= 0) {
            d->in.failed = true;
        }
    }
    return vector;
}

static void take_register(struct decoder *d, struct shadow_register *reg)
{
    reg->number = take_u32(d);
    reg->flags = take_u32(d);
    take_fixed(d, reg->sent.bytes, sizeof reg->sent.bytes);
    uint32_t status = take_u32(d);
    uint64_t leaf = reader_varint(&d->in);
    if (status >= COMPLAINT_STATUS_COUNT || leaf > d->table.count) {
        d->in.failed = true;
        return;
    }
    reg->status = (enum complaint_status)status;
    if (leaf > 0) {
        reg->leaf = d->table.entries[leaf - 1];
    }
    reg->cells = take_cells(d, &reg->cell_count);
    reg->vector = take_vector(d);
    reg->past = take_array(d, sizeof *reg->past, &reg->past_count);
    for (size_t i = 0; i < reg->past_count && !d->in.failed; i++) {
        reg->past[i].replaced_at_ms = reader_varint(&d->in);
        reg->past[i].open = take_bool(d);
        take_fixed(d, reg->past[i].raw.bytes, sizeof reg->past[i].raw.bytes);
        reg->past[i].vector = take_vector(d);
    }
}

static void take_table(struct decoder *d)
{
    d->table.entries = take_array(d, sizeof *d->table.entries, &d->table.count);
    for (size_t i = 0; i < d->table.count && !d->in.failed; i++) {
        struct ctx_entry *entry = &d->table.entries[i];
        entry->replica = take_replica(d);
        entry->rseq = reader_varint(&d->in);
        take_fixed(d, entry->hash.bytes, sizeof entry->hash.bytes);
        if (entry->rseq == 0) {
            d->in.failed = true;
        }
    }
}

static void take_erased(struct decoder *d, struct shadow *shadow)
{
    shadow->blanked = take_array(d, sizeof *shadow->blanked, &shadow->blanked_count);
    for (size_t i = 0; i < shadow->blanked_count && !d->in.failed; i++) {
        shadow->blanked[i].number = take_u32(d);
        shadow->blanked[i].at_ms = reader_varint(&d->in);
        take_fixed(d, shadow->blanked[i].raw.bytes, sizeof shadow->blanked[i].raw.bytes);
    }
    shadow->erasures = take_array(d, sizeof *shadow->erasures, &shadow->erasure_count);
    for (size_t i = 0; i < shadow->erasure_count && !d->in.failed; i++) {
        shadow->erasures[i].dot.replica = take_replica(d);
        shadow->erasures[i].dot.rseq = reader_varint(&d->in);
        shadow->erasures[i].at_ms = reader_varint(&d->in);
        shadow->erasures[i].seen = take_bool(d);
    }
}

static void take_claim(struct decoder *d, struct shadow_claim *claim)
{
    claim->open = take_bool(d);
    if (!claim->open) {
        return;
    }
    take_fixed(d, claim->number, sizeof claim->number);
    claim->registers = take_array(d, sizeof *claim->registers, &claim->register_count);
    for (size_t i = 0; i < claim->register_count && !d->in.failed; i++) {
        claim->registers[i].number = take_u32(d);
        claim->registers[i].cells = take_cells(d, &claim->registers[i].cell_count);
    }
}

static void take_shadow(struct decoder *d, struct shadow *shadow)
{
    take_table(d);
    shadow->version = reader_varint(&d->in);
    uint8_t state = reader_u8(&d->in);
    if (state > SHADOW_OURS) {
        d->in.failed = true;
        return;
    }
    shadow->state = (enum shadow_state)state;
    take_fixed(d, shadow->record.bytes, sizeof shadow->record.bytes);
    take_fixed(d, shadow->part.bytes, sizeof shadow->part.bytes);
    shadow->since_ms = reader_varint(&d->in);
    shadow->routed = take_bool(d);
    shadow->held = take_bool(d);
    shadow->identity = take_cells(d, &shadow->identity_count);
    shadow->registers = take_array(d, sizeof *shadow->registers, &shadow->register_count);
    for (size_t i = 0; i < shadow->register_count && !d->in.failed; i++) {
        take_register(d, &shadow->registers[i]);
        if (i > 0 && shadow->registers[i - 1].number >= shadow->registers[i].number) {
            d->in.failed = true;
        }
    }
    take_erased(d, shadow);
    take_claim(d, &shadow->claim);
}

struct status shadow_decode(struct span bytes, struct arena *arena, struct shadow *out_shadow)
{
    struct decoder d = {.arena = arena};
    reader_init(&d.in, bytes);
    uint8_t fmt = reader_u8(&d.in);
    if (!d.in.failed && fmt > SHADOW_FMT) {
        return STATUS_MAKE(STATUS_UNSUPPORTED);
    }
    struct shadow shadow = {.version = 0};
    if (fmt == SHADOW_FMT) {
        take_shadow(&d, &shadow);
    } else {
        d.in.failed = true;
    }
    if (d.no_memory) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(reader_end(&d.in));
    *out_shadow = shadow;
    return status_ok();
}

/* ---- values ---- */

static struct status copy_array(const void *from, size_t count, size_t more, size_t element, struct arena *arena, void *out)
{
    void *copy = arena_array(arena, count + more, element);
    if (!copy) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (count > 0) {
        memcpy(copy, from, count * element);
    }
    memcpy(out, &copy, sizeof copy);
    return status_ok();
}

struct status shadow_copy(const struct shadow *shadow, size_t more, struct arena *arena, struct shadow *out_copy)
{
    struct shadow copy = *shadow;
    TRY(copy_array(shadow->registers, shadow->register_count, more, sizeof *shadow->registers, arena, &copy.registers));
    for (size_t i = 0; i < copy.register_count; i++) {
        struct shadow_register *reg = &copy.registers[i];
        TRY(copy_array(reg->past, reg->past_count, 0, sizeof *reg->past, arena, &reg->past));
    }
    TRY(copy_array(shadow->blanked, shadow->blanked_count, 0, sizeof *shadow->blanked, arena, &copy.blanked));
    TRY(copy_array(shadow->erasures, shadow->erasure_count, 0, sizeof *shadow->erasures, arena, &copy.erasures));
    *out_copy = copy;
    return status_ok();
}

const struct shadow_register *shadow_register_find(const struct shadow *shadow, uint32_t number)
{
    for (size_t i = 0; i < shadow->register_count; i++) {
        if (shadow->registers[i].number == number) {
            return &shadow->registers[i];
        }
    }
    return NULL;
}

bool shadow_cells_equal(const struct shadow_cell *a, size_t a_count, const struct shadow_cell *b, size_t b_count)
{
    if (a_count != b_count) {
        return false;
    }
    for (size_t i = 0; i < a_count; i++) {
        if (a[i].null != b[i].null || !span_equal(a[i].column, b[i].column) || !span_equal(a[i].bytes, b[i].bytes)) {
            return false;
        }
    }
    return true;
}

void shadow_cells_digest(const struct crypto *crypto, struct span secret, const struct shadow_cell *cells, size_t count,
                         struct shadow_digest *out_digest)
{
    /* A chain of HMACs: no buffer of the cells' size is needed, and no two lists of cells give the same input. */
    struct hash hash = {{0}};
    for (size_t i = 0; i < count; i++) {
        uint8_t frame[10] = {(uint8_t)cells[i].null, (uint8_t)(cells[i].column.size & 0xff)};
        uint64_t size = cells[i].bytes.size;
        for (size_t k = 0; k < 8; k++) {
            frame[2 + k] = (uint8_t)(size >> (8 * (7 - k)));
        }
        const struct span parts[] = {span_text("simpul/raw/v1"), span_of(hash.bytes, sizeof hash.bytes),
                                     span_of(frame, sizeof frame), cells[i].column, cells[i].bytes};
        struct hash next;
        crypto->hmac(crypto->owner, secret, parts, sizeof parts / sizeof parts[0], &next);
        hash = next;
    }
    memcpy(out_digest->bytes, hash.bytes, sizeof out_digest->bytes);
}
