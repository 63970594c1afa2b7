/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "conflict/record_parts.h"

/* merge.md, last paragraph: two stores with equal vectors must give equal bytes. Numbers are big-endian, so that the
 * order of values is the order of bytes. Erasures that wait for their dependencies are left out: no vector speaks of
 * them. */

#define DOT_SIZE 32
#define ERASURE_SIZE (DOT_SIZE + 4 + 16)
#define CLAMP_SIZE (DOT_SIZE + 8)

static void put_be32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static void put_be64(uint8_t *to, uint64_t value)
{
    put_be32(to, (uint32_t)(value >> 32));
    put_be32(to + 4, (uint32_t)value);
}

static void put_dot(uint8_t to[DOT_SIZE], struct replica replica, uint64_t rseq)
{
    memcpy(to, replica.node.text, 16);
    put_be32(to + 16, replica.epoch);
    put_be32(to + 20, replica.lane);
    put_be64(to + 24, rseq);
}

/* Few and short items, nearly sorted: insertion. */
static void items_sort(uint8_t *items, size_t count, size_t size)
{
    uint8_t item[ERASURE_SIZE];
    for (size_t i = 1; i < count; i++) {
        memcpy(item, items + i * size, size);
        size_t place = i;
        for (; place > 0 && memcmp(items + (place - 1) * size, item, size) > 0; place--) {
            memcpy(items + place * size, items + (place - 1) * size, size);
        }
        memcpy(items + place * size, item, size);
    }
}

static void add_items(struct buffer *buffer, uint8_t *items, size_t count, size_t size)
{
    items_sort(items, count, size);
    buffer_add_be32(buffer, (uint32_t)count);
    buffer_add(buffer, items, count * size);
}

static void add_covered(struct buffer *buffer, const struct record *record, const struct record_register *at,
                        uint8_t *items)
{
    size_t count = 0;
    for (size_t i = 0; i < at->covered_count; i++) {
        if (at->covered[i] > 0) {
            put_dot(items + DOT_SIZE * count++, record->replicas[i].replica, at->covered[i]);
        }
    }
    add_items(buffer, items, count, DOT_SIZE);
}

static void add_siblings(struct buffer *buffer, const struct record_register *at, uint8_t *items)
{
    for (size_t i = 0; i < at->sibling_count; i++) {
        memcpy(items + 32 * i, at->siblings[i].hash.bytes, 32);
    }
    add_items(buffer, items, at->sibling_count, 32);
}

static bool register_is_empty(const struct record_register *at)
{
    bool covered = false;
    for (size_t i = 0; i < at->covered_count; i++) {
        covered = covered || at->covered[i] > 0;
    }
    return !covered && at->sibling_count == 0;
}

static void add_erasures(struct buffer *buffer, const struct record *record, uint8_t *items)
{
    size_t count = 0;
    for (size_t i = 0; i < record->erasure_count; i++) {
        const struct erasure *erasure = &record->erasures[i];
        if (erasure->applied) {
            uint8_t *item = items + ERASURE_SIZE * count++;
            put_dot(item, record->replicas[erasure->dot.replica].replica, erasure->dot.rseq);
            put_be32(item + DOT_SIZE, (uint32_t)erasure->class);
            memcpy(item + DOT_SIZE + 4, erasure->part.bytes, 16);
        }
    }
    add_items(buffer, items, count, ERASURE_SIZE);
}

static void add_clamps(struct buffer *buffer, const struct record *record, uint8_t *items)
{
    for (size_t i = 0; i < record->clamp_count; i++) {
        uint8_t *item = items + CLAMP_SIZE * i;
        put_dot(item, record->replicas[record->clamps[i].dot.replica].replica, record->clamps[i].dot.rseq);
        put_be64(item + DOT_SIZE, record->clamps[i].accepted_ms);
    }
    add_items(buffer, items, record->clamp_count, CLAMP_SIZE);
}

static size_t items_max(const struct record *record)
{
    size_t max = record->replica_count > record->erasure_count ? record->replica_count : record->erasure_count;
    max = record->clamp_count > max ? record->clamp_count : max;
    for (size_t i = 0; i < record->register_count; i++) {
        max = record->registers[i].sibling_count > max ? record->registers[i].sibling_count : max;
    }
    return max;
}

struct status record_state_bytes(const struct record *record, struct arena *arena, struct span *out_bytes)
{
    static const char domain[] = "simpul/state/v1"; /* its terminating zero is the separator */
    uint8_t *items = arena_array(arena, items_max(record), ERASURE_SIZE);
    if (!items) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    struct buffer buffer;
    buffer_init(&buffer, arena);
    buffer_add(&buffer, domain, sizeof domain);
    for (size_t i = 0; i < record->register_count; i++) {
        const struct record_register *at = &record->registers[i];
        if (register_is_empty(at)) {
            continue;
        }
        buffer_add(&buffer, at->part.bytes, sizeof at->part.bytes);
        buffer_add_be32(&buffer, at->number);
        add_covered(&buffer, record, at, items);
        add_siblings(&buffer, at, items);
    }
    add_erasures(&buffer, record, items);
    add_clamps(&buffer, record, items);
    return buffer_end(&buffer, out_bytes);
}
