/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_TREE_TILES_H
#define SYNC_TREE_TILES_H

#include "sync/tree.h"

/* Tiles of 256 hashes, in the coordinates of C2SP tlog-tiles: tile (level, index) holds the tree's hashes at tree level
 * 8 * level, from 256 * index on. A store keeps full tiles only; the rightmost, partial ones are derived: at level 0
 * from the leaf hashes after the last full tile (the tail), above it from the tiles one level below, whose roots they
 * hold.
 *
 * Guarantees (tests/unit/sync/test_tree_tiles.c): however a log is cut into batches, the same tiles are reported, each
 * once, lower before higher; a source over tiles and tail answers as one over all leaves.
 *
 * Usage, to append:  tree_tiles_init(&t, crypto, arena, range.size, reader); if (tree_tiles_wants_tail(...)) read the
 * leaf hashes [size - size % 256, size) and tree_tiles_set_tail(); tree_tiles_append(&t, leaf_hashes, n, sink);
 * tree_range_append_all(&range, crypto, leaf_hashes, n). A commit that fills no tile needs neither tail nor tiles.
 * To prove:  tree_tiles_init; tree_tiles_set_tail; source = tree_tiles_source(&t); tree_inclusion_make(&source, ...).
 * Use one struct tree_tiles for all proofs of a batch: it remembers what it derived. */

#define TREE_TILE_LEVELS 8 /* 8 * 8 tree levels */

/* Reads a full tile: 256 hashes. Only asked for tiles that are full at the size given. NOT_FOUND (or anything else)
 * ends the operation with that status. */
struct tree_tile_reader {
    struct status (*tile)(void *owner, uint32_t level, uint64_t index, struct hash *out_hashes) MUST_CHECK;
    void *owner; /* borrowed */
};

/* Takes a tile that just became full: 256 hashes, valid during the call. */
struct tree_tile_sink {
    struct status (*tile)(void *owner, uint32_t level, uint64_t index, const struct hash *hashes) MUST_CHECK;
    void *owner; /* borrowed */
};

struct tree_tiles {
    const struct crypto *crypto; /* borrowed */
    struct arena *arena;         /* borrowed; 8 KiB per level and kind that is touched, at most 160 KiB */
    struct tree_tile_reader reader;
    uint64_t size; /* leaves */
    bool has_tail;
    struct hash *tail;                                /* [256]: leaf hashes from size - size % 256 on */
    struct tree_tile_slot *full[TREE_TILE_LEVELS];    /* the full tile last read, per level */
    struct tree_tile_slot *partial[TREE_TILE_LEVELS]; /* the rightmost tile as far as it is derived, levels above 0 */
};

void tree_tiles_init(struct tree_tiles *tiles, const struct crypto *crypto, struct arena *arena, uint64_t size,
                     struct tree_tile_reader reader);

/* Whether appending `count` leaves to a tree of `size` fills a tile that has leaves already, so that the tail is
 * needed. */
bool tree_tiles_wants_tail(uint64_t size, size_t count);
/* Leaf hashes [size - size % 256, size), copied. INVALID unless count == size % 256; NO_MEMORY. Not needed for count 0.
 */
struct status tree_tiles_set_tail(struct tree_tiles *tiles, const struct hash *hashes, size_t count) MUST_CHECK;

/* Appends leaf hashes, reports each tile that becomes full. INVALID if a tail was needed and not set; LIMIT above
 * LIMIT_TREE_SIZE; else the status of reader or sink: then `tiles` may no longer be used. Cost: amortised one node hash
 * per leaf; each 65,536th leaf reads up to 255 tiles of level 0. */
struct status tree_tiles_append(struct tree_tiles *tiles, const struct hash *leaves, size_t count,
                                struct tree_tile_sink sink) MUST_CHECK;

/* Hashes of the whole tree of tiles->size. Needs the tail for hashes in it (INVALID without). Points to `tiles`. After
 * an append the reader must give back what the sink took. */
struct tree_source tree_tiles_source(struct tree_tiles *tiles);

#endif
