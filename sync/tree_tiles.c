/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/tree_tiles.h"

#include <assert.h>

#define TILE_HEIGHT 8

static_assert(LIMIT_TILE_HASHES == 1 << TILE_HEIGHT, "a tile is eight tree levels");

struct tree_tile_slot {
    bool used;
    uint64_t index;                       /* of the tile */
    uint8_t known[LIMIT_TILE_HASHES / 8]; /* partial tiles: bit per hash */
    struct hash hashes[LIMIT_TILE_HASHES];
};

void tree_tiles_init(struct tree_tiles *tiles, const struct crypto *crypto, struct arena *arena, uint64_t size,
                     struct tree_tile_reader reader)
{
    *tiles = (struct tree_tiles){.crypto = crypto, .arena = arena, .reader = reader, .size = size};
}

bool tree_tiles_wants_tail(uint64_t size, size_t count)
{
    size_t tail_count = (size_t)(size % LIMIT_TILE_HASHES);
    return tail_count != 0 && count >= LIMIT_TILE_HASHES - tail_count;
}

static struct status tail_reserve(struct tree_tiles *tiles)
{
    if (!tiles->tail) {
        tiles->tail = arena_array(tiles->arena, LIMIT_TILE_HASHES, sizeof *tiles->tail);
    }
    return STATUS_MAKE(tiles->tail ? STATUS_OK : STATUS_NO_MEMORY);
}

struct status tree_tiles_set_tail(struct tree_tiles *tiles, const struct hash *hashes, size_t count)
{
    if (count != tiles->size % LIMIT_TILE_HASHES) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    TRY(tail_reserve(tiles));
    if (count != 0) {
        memcpy(tiles->tail, hashes, count * sizeof *hashes);
    }
    tiles->has_tail = true;
    return status_ok();
}

/* Root of 2^height hashes, a power of two up to 256. */
static void perfect_root(const struct crypto *crypto, const struct hash *hashes, uint32_t height, struct hash *out_root)
{
    struct hash row[LIMIT_TILE_HASHES / 2];
    const struct hash *below = hashes;
    for (uint32_t count = 1u << height; count > 1; count /= 2) {
        for (uint32_t i = 0; i < count / 2; i++) {
            tree_node_hash(crypto, &below[2 * i], &below[2 * i + 1], &row[i]);
        }
        below = row;
    }
    *out_root = below[0];
}

/* The slot for a tile, emptied if it held another; NO_MEMORY. */
static struct status slot_take(struct tree_tiles *tiles, struct tree_tile_slot **slots, uint32_t level, uint64_t index,
                               struct tree_tile_slot **out_slot)
{
    if (!slots[level]) {
        slots[level] = arena_alloc(tiles->arena, sizeof **slots);
        if (!slots[level]) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
    }
    struct tree_tile_slot *slot = slots[level];
    if (!slot->used || slot->index != index) {
        slot->used = false;
        slot->index = index;
        memset(slot->known, 0, sizeof slot->known);
    }
    *out_slot = slot;
    return status_ok();
}

static struct status full_tile(struct tree_tiles *tiles, uint32_t level, uint64_t index, const struct hash **out_hashes)
{
    struct tree_tile_slot *slot;
    TRY(slot_take(tiles, tiles->full, level, index, &slot));
    if (!slot->used) {
        TRY(tiles->reader.tile(tiles->reader.owner, level, index, slot->hashes));
        slot->used = true;
    }
    *out_hashes = slot->hashes;
    return status_ok();
}

static void partial_learn(struct tree_tile_slot *slot, uint32_t at, const struct hash *hash)
{
    slot->used = true;
    slot->hashes[at] = *hash;
    slot->known[at / 8] = (uint8_t)(slot->known[at / 8] | 1u << at % 8);
}

/* Hashes [at, at + count) of a tile above level 0 that is not full: each is the root of a full tile one level below. */
static struct status partial_tile(struct tree_tiles *tiles, uint32_t level, uint64_t index, uint32_t at, uint32_t count,
                                  const struct hash **out_hashes)
{
    struct tree_tile_slot *slot;
    TRY(slot_take(tiles, tiles->partial, level, index, &slot));
    for (uint32_t i = at; i < at + count; i++) {
        if (slot->known[i / 8] >> i % 8 & 1) {
            continue;
        }
        const struct hash *below;
        TRY(full_tile(tiles, level - 1, index * LIMIT_TILE_HASHES + i, &below));
        struct hash root;
        perfect_root(tiles->crypto, below, TILE_HEIGHT, &root);
        partial_learn(slot, i, &root);
    }
    *out_hashes = slot->hashes + at;
    return status_ok();
}

static struct status tail_tile(const struct tree_tiles *tiles, uint32_t at, const struct hash **out_hashes)
{
    if (!tiles->has_tail) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_hashes = tiles->tail + at;
    return status_ok();
}

static struct status tiles_hash(void *owner, uint32_t level, uint64_t index, struct hash *out_hash)
{
    struct tree_tiles *tiles = owner;
    if (level >= 63 || index >= tiles->size >> level) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    uint32_t tile_level = level / TILE_HEIGHT;
    uint32_t height = level % TILE_HEIGHT; /* of the hash, above the row of its tile */
    uint64_t first = index << height;      /* in that row */
    uint64_t tile = first / LIMIT_TILE_HASHES;
    uint32_t at = (uint32_t)(first % LIMIT_TILE_HASHES);
    const struct hash *row;
    if (tile < tiles->size >> (tile_level * TILE_HEIGHT) >> TILE_HEIGHT) {
        TRY(full_tile(tiles, tile_level, tile, &row));
        row += at;
    } else if (tile_level == 0) {
        TRY(tail_tile(tiles, at, &row));
    } else {
        TRY(partial_tile(tiles, tile_level, tile, at, 1u << height, &row));
    }
    perfect_root(tiles->crypto, row, height, out_hash);
    return status_ok();
}

struct tree_source tree_tiles_source(struct tree_tiles *tiles)
{
    return (struct tree_source){.hash = tiles_hash, .owner = tiles};
}

/* Reports the tile of level 0 that the tail has become, and every tile above it that this one completes. */
static struct status tail_full(struct tree_tiles *tiles, struct tree_tile_sink sink)
{
    uint64_t index = tiles->size / LIMIT_TILE_HASHES - 1;
    const struct hash *hashes = tiles->tail;
    struct hash root;
    for (uint32_t level = 0; level < TREE_TILE_LEVELS; level++) {
        TRY(sink.tile(sink.owner, level, index, hashes));
        perfect_root(tiles->crypto, hashes, TILE_HEIGHT, &root);
        if (level + 1 == TREE_TILE_LEVELS) {
            break;
        }
        /* Learnt here, so that a tile above needs nothing back that the sink has taken but may not have stored yet. */
        uint32_t at = (uint32_t)(index % LIMIT_TILE_HASHES);
        struct tree_tile_slot *slot;
        TRY(slot_take(tiles, tiles->partial, level + 1, index / LIMIT_TILE_HASHES, &slot));
        partial_learn(slot, at, &root);
        if (at != LIMIT_TILE_HASHES - 1) {
            break;
        }
        index /= LIMIT_TILE_HASHES;
        TRY(partial_tile(tiles, level + 1, index, 0, LIMIT_TILE_HASHES, &hashes));
    }
    return status_ok();
}

struct status tree_tiles_append(struct tree_tiles *tiles, const struct hash *leaves, size_t count,
                                struct tree_tile_sink sink)
{
    if (tiles->size > LIMIT_TREE_SIZE || count > LIMIT_TREE_SIZE - tiles->size) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    size_t at = (size_t)(tiles->size % LIMIT_TILE_HASHES);
    if (at != 0 && !tiles->has_tail) {
        if (tree_tiles_wants_tail(tiles->size, count)) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        tiles->size += count; /* fills nothing, and the tail stays unknown */
        return status_ok();
    }
    TRY(tail_reserve(tiles));
    tiles->has_tail = true;
    while (count != 0) {
        size_t n = LIMIT_TILE_HASHES - at < count ? LIMIT_TILE_HASHES - at : count;
        memcpy(tiles->tail + at, leaves, n * sizeof *leaves);
        tiles->size += n;
        leaves += n;
        count -= n;
        at = (at + n) % LIMIT_TILE_HASHES;
        if (at == 0) {
            TRY(tail_full(tiles, sink));
        }
    }
    return status_ok();
}
