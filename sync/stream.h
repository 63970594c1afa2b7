/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_STREAM_H
#define SYNC_STREAM_H

#include "proto/message.h"
#include "sync/store.h"
#include "sync/tree_tiles.h"

/* The streams that a store holds, inside the core. Rows in STORE_STREAMS (be32 number: the struct below; be32 number with
 * the top bit set: the newest signed note), leaves and bodies in chunks (STORE_LEAVES, STORE_BODIES: be32 number, be64
 * first seq; both chunks of one run have the same key), full tiles in STORE_TILES. A foreign leaf that a relay brought lies
 * in a chunk of its own under (number | CORE_RELAYED, seq of the relay).
 *
 * Struct streams stay in memory from load on. What a transaction changes is copied first, so that rollback and undo of a
 * mark need no store. Appended leaves wait in memory (`pending`) and are written as chunks by streams_flush. */

struct core;

enum leaf_flag {
    LEAF_CONTINUES = 1 << 0, /* same local transaction as the leaf before: a push does not cut here */
};

struct stored_leaf {
    struct span leaf;
    struct wire_body body;
    uint8_t flags;
};

struct stream {
    uint32_t number;
    struct stream_id id;
    struct tree_range range; /* all leaves, pending ones counted */
    struct tree_range acked; /* own, at a node: what the hub has cosigned */
    uint64_t note_size;      /* newest note held, 0: none */
    struct hash note_root;
    bool own;
    /* Of this transaction. */
    uint64_t touched;        /* the undo level at which it was last copied */
    bool dirty;              /* row to be saved */
    struct stored_leaf *pending;
    struct hash *pending_hashes;
    size_t pending_count, pending_capacity;
    uint64_t group;          /* the local transaction that appended last */
};

struct stream_set {
    struct stream **streams; /* owned: number - 1 is the index */
    struct stream **sorted;  /* owned: the same by id */
    uint32_t count, capacity;
    struct stream_undo *undo; /* of this transaction, newest first */
};

struct status streams_load(struct core *core) MUST_CHECK;
/* The rows behind these keys of STORE_STREAMS again, and those of streams that are new. INVALID: load all of them. */
struct status streams_reload(struct core *core, const struct span *keys, size_t count) MUST_CHECK;
/* The stream whose row, or whose note's row, has this key. NULL. */
struct stream *stream_of_key(struct core *core, struct span key);
void streams_free(struct core *core);
/* Back to how it was at undo level `level` (and higher ones forgotten). */
void streams_undo(struct core *core, uint64_t level);

struct stream *stream_find(struct core *core, struct stream_id id); /* NULL */
struct stream *stream_at(struct core *core, uint32_t number);       /* NULL; CORE_RELAYED is ignored */
struct status stream_make(struct core *core, struct stream_id id, struct stream **out_stream) MUST_CHECK;
/* Before any change of the struct. */
struct status stream_touch(struct core *core, struct stream *stream) MUST_CHECK;
int stream_id_compare(struct stream_id a, struct stream_id b);

/* Leaf and body are borrowed until the next streams_flush. */
struct status stream_append(struct core *core, struct stream *stream, const struct stored_leaf *leaf, const struct hash *hash) MUST_CHECK;
struct status streams_flush(struct core *core) MUST_CHECK;
struct status stream_rows_flush(struct core *core) MUST_CHECK;
/* A relay's foreign leaf: stored at once. */
struct status stream_attach(struct core *core, uint32_t number, uint64_t seq, const struct stored_leaf *leaf) MUST_CHECK;

/* One leaf, pending ones too; `number` may bear CORE_RELAYED. NOT_FOUND. */
struct status stream_leaf(struct core *core, uint32_t number, uint64_t seq, struct arena *arena, struct stored_leaf *out_leaf) MUST_CHECK;
/* Leaves from `first` on, at most `limit`, and until their bytes exceed bytes_max (at least one). Flushes the stream. */
struct status stream_run(struct core *core, struct stream *stream, uint64_t first, size_t limit, size_t bytes_max,
                         struct arena *arena, struct stored_leaf **out_leaves, size_t *out_count) MUST_CHECK;
/* Replaces the body of one leaf: an erasure, or a body that has come. */
struct status stream_body_set(struct core *core, uint32_t number, uint64_t seq, struct wire_body body) MUST_CHECK;

/* Takes the leaves behind `range` out of the store; their tiles are written over as new ones come. */
struct status stream_truncate(struct core *core, struct stream *stream, const struct tree_range *range) MUST_CHECK;
struct status stream_range_at(struct core *core, struct stream *stream, uint64_t size, struct tree_range *out_range) MUST_CHECK;

struct status stream_note(struct core *core, const struct stream *stream, struct arena *arena, struct span *out_note) MUST_CHECK;
struct status stream_note_set(struct core *core, struct stream *stream, uint64_t size, const struct hash *root, struct span note) MUST_CHECK;

/* Hashes of the whole stream, for proofs; flushes it. */
struct status stream_tiles(struct core *core, struct stream *stream, struct arena *arena, struct tree_tiles *out_tiles) MUST_CHECK;
/* What is asked next is read from the store: leaves were taken back, or the store itself is to be checked. */
void stream_tails_forget(struct core *core);
struct status stream_root_at(struct core *core, struct stream *stream, uint64_t size, struct hash *out_root) MUST_CHECK;

#endif
