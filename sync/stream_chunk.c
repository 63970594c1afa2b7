/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "sync/core_state.h"

/* Leaves and bodies in chunks. A chunk of leaves: version, then per leaf flags and sized bytes. A chunk of bodies: version,
 * then per leaf its state and, where present, sized salt and sized body; absent when no leaf of the run has a body. */

#define CHUNK_VERSION 1
#define CHUNK_KEY 12
#define CHUNK_ROWS 64

static void chunk_key(uint8_t key[CHUNK_KEY], uint32_t number, uint64_t seq)
{
    key_be32(key, number);
    key_be64(key + 4, seq);
}

static uint64_t chunk_key_seq(struct span key)
{
    uint64_t seq = 0;
    for (size_t i = 4; i < CHUNK_KEY && i < key.size; i++) {
        seq = seq << 8 | key.data[i];
    }
    return seq;
}

static void body_write_row(struct buffer *b, const struct wire_body *body)
{
    buffer_add_u8(b, (uint8_t)body->state);
    if (body->state == BODY_PRESENT) {
        buffer_add_sized(b, body->salt);
        buffer_add_sized(b, body->body);
    }
}

static struct wire_body body_read_row(struct reader *r)
{
    struct wire_body body = {.state = (enum body_state)reader_u8(r)};
    if (body.state == BODY_PRESENT) {
        body.salt = reader_sized(r);
        body.body = reader_sized(r);
    }
    return body;
}

/* One run of leaves as its two rows; out_bodies->value.data NULL when there is nothing to store. */
static struct status chunk_write(struct arena *arena, uint32_t number, uint64_t first, const struct stored_leaf *leaves,
                                 size_t count, struct pair *out_leaves, struct pair *out_bodies)
{
    uint8_t *key = arena_alloc(arena, CHUNK_KEY);
    if (!key) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    chunk_key(key, number, first);
    struct buffer b;
    buffer_init(&b, arena);
    buffer_add_u8(&b, CHUNK_VERSION);
    bool bodies = false;
    for (size_t i = 0; i < count; i++) {
        buffer_add_u8(&b, leaves[i].flags);
        buffer_add_sized(&b, leaves[i].leaf);
        bodies = bodies || leaves[i].body.state != BODY_NONE;
    }
    *out_leaves = (struct pair){.key = span_of(key, CHUNK_KEY)};
    *out_bodies = *out_leaves;
    TRY(buffer_end(&b, &out_leaves->value));
    if (!bodies) {
        return status_ok();
    }
    buffer_init(&b, arena);
    buffer_add_u8(&b, CHUNK_VERSION);
    for (size_t i = 0; i < count; i++) {
        body_write_row(&b, &leaves[i].body);
    }
    return buffer_end(&b, &out_bodies->value);
}

/* Leaves of one run, from its rows; at most LIMIT_CHUNK_LEAVES. */
static struct status chunk_read(struct span leaves, struct span bodies, struct stored_leaf out_leaves[LIMIT_CHUNK_LEAVES],
                                size_t *out_count)
{
    struct reader r;
    struct reader rb;
    reader_init(&r, leaves);
    reader_init(&rb, bodies);
    if (reader_u8(&r) != CHUNK_VERSION || (bodies.data && reader_u8(&rb) != CHUNK_VERSION)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    size_t count = 0;
    while (!reader_at_end(&r) && !r.failed && count < LIMIT_CHUNK_LEAVES) {
        struct stored_leaf *leaf = &out_leaves[count++];
        *leaf = (struct stored_leaf){.flags = reader_u8(&r)};
        leaf->leaf = reader_sized(&r);
        if (bodies.data) {
            leaf->body = body_read_row(&rb);
        }
    }
    TRY(reader_end(&r));
    if (bodies.data) {
        TRY(reader_end(&rb));
    }
    *out_count = count;
    return status_ok();
}

static struct status leaf_add(struct core *core, struct stream *stream, const struct stored_leaf *leaf,
                              const struct hash *hash)
{
    size_t capacity = stream->pending_capacity;
    TRY(core_grow(core, &stream->pending, stream->pending_count, &capacity, sizeof *leaf));
    capacity = stream->pending_capacity;
    TRY(core_grow(core, &stream->pending_hashes, stream->pending_count, &capacity, sizeof *hash));
    stream->pending_capacity = capacity;
    stream->pending[stream->pending_count] = *leaf;
    stream->pending_hashes[stream->pending_count++] = *hash;
    return status_ok();
}

struct status stream_append(struct core *core, struct stream *stream, const struct stored_leaf *leaf,
                            const struct hash *hash)
{
    TRY(stream_touch(core, stream));
    TRY(tree_range_append(&stream->range, core->crypto, hash));
    return leaf_add(core, stream, leaf, hash);
}

struct status stream_append_run(struct core *core, struct stream *stream, const struct incoming *leaves, size_t count,
                                const struct tree_range *range)
{
    assert(range->size == stream->range.size + count);
    TRY(stream_touch(core, stream));
    for (size_t i = 0; i < count; i++) {
        struct stored_leaf leaf = {.leaf = leaves[i].leaf, .body = leaves[i].body};
        TRY(leaf_add(core, stream, &leaf, &leaves[i].hash));
    }
    stream->range = *range;
    return status_ok();
}

/* How many of the pending leaves go into one run. */
static size_t run_length(const struct stored_leaf *leaves, size_t count)
{
    size_t leaf_bytes = 0;
    size_t body_bytes = 0;
    size_t n = 0;
    while (n < count && n < LIMIT_CHUNK_LEAVES) {
        leaf_bytes += leaves[n].leaf.size;
        body_bytes += leaves[n].body.body.size;
        if (n > 0 && (leaf_bytes > LIMIT_CHUNK_BYTES || body_bytes > LIMIT_CHUNK_BYTES)) {
            break;
        }
        n++;
    }
    return n;
}

static struct status tile_put(void *owner, uint32_t level, uint64_t index, const struct hash *hashes)
{
    struct core *core = ((void **)owner)[0];
    const struct stream *stream = ((void **)owner)[1];
    uint8_t key[13];
    key_be32(key, stream->number);
    key[4] = (uint8_t)level;
    key_be64(key + 5, index);
    return store_put_one(core->store, STORE_TILES, span_of(key, sizeof key),
                         span_of(hashes, LIMIT_TILE_HASHES * sizeof *hashes));
}

static struct status tile_get(void *owner, uint32_t level, uint64_t index, struct hash *out_hashes)
{
    struct core *core = ((void **)owner)[0];
    const struct stream *stream = ((void **)owner)[1];
    struct arena *arena = ((void **)owner)[2];
    uint8_t key[13];
    key_be32(key, stream->number);
    key[4] = (uint8_t)level;
    key_be64(key + 5, index);
    struct span tile;
    TRY(store_get_one(core->store, STORE_TILES, span_of(key, sizeof key), arena, &tile));
    if (tile.size != LIMIT_TILE_HASHES * sizeof *out_hashes) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    memcpy(out_hashes, tile.data, tile.size);
    return status_ok();
}

void stream_tails_forget(struct core *core)
{
    for (size_t i = 0; i < KEPT_TAILS; i++) {
        core->tails[i].stream = 0;
    }
}

/* The slot of this stream's tail from `first` on; an empty one where none is kept. */
static struct kept_tail *tail_kept(struct core *core, uint32_t stream, uint64_t first)
{
    struct kept_tail *tail = NULL;
    for (size_t i = 0; i < KEPT_TAILS && !tail; i++) {
        tail = core->tails[i].stream == stream ? &core->tails[i] : NULL;
    }
    if (!tail) {
        tail = &core->tails[core->tail_next];
        core->tail_next = (core->tail_next + 1) % KEPT_TAILS;
        tail->stream = 0;
    }
    if (tail->stream == 0 || tail->first != first) {
        tail->stream = stream;
        tail->first = first;
        tail->count = 0;
    }
    return tail;
}

/* Leaf hashes [size - size % 256, size): those kept, then from the stored leaves. */
static struct status tail_set(struct core *core, struct stream *stream, uint64_t size, struct arena *arena,
                              struct tree_tiles *tiles)
{
    size_t count = (size_t)(size % LIMIT_TILE_HASHES);
    if (count == 0) {
        return status_ok();
    }
    struct kept_tail *tail = tail_kept(core, stream->number, size - count);
    while (tail->count < count) {
        struct stored_leaf *leaves;
        size_t got;
        TRY(stream_run(core, stream, tail->first + tail->count, count - tail->count, SIZE_MAX, arena, &leaves, &got));
        for (size_t i = 0; i < got; i++) {
            tree_leaf_hash(core->crypto, leaves[i].leaf, &tail->hashes[tail->count++]);
        }
    }
    return tree_tiles_set_tail(tiles, tail->hashes, count);
}

static struct status tiles_flush(struct core *core, struct stream *stream, uint64_t flushed)
{
    const struct hash *hashes = stream->pending_hashes;
    size_t count = stream->pending_count;
    if (flushed / LIMIT_TILE_HASHES == (flushed + count) / LIMIT_TILE_HASHES) {
        return status_ok(); /* fills no tile */
    }
    void *owner[3] = {core, stream, &core->scratch};
    struct tree_tiles tiles;
    tree_tiles_init(&tiles, core->crypto, &core->scratch, flushed,
                    (struct tree_tile_reader){.tile = tile_get, .owner = owner});
    if (tree_tiles_wants_tail(flushed, count)) {
        stream->pending_count = 0; /* what is read now is in the store */
        struct status status = tail_set(core, stream, flushed, &core->scratch, &tiles);
        stream->pending_count = count;
        TRY(status);
    }
    return tree_tiles_append(&tiles, hashes, count, (struct tree_tile_sink){.tile = tile_put, .owner = owner});
}

static struct status stream_flush(struct core *core, struct stream *stream)
{
    size_t count = stream->pending_count;
    if (count == 0) {
        return status_ok();
    }
    struct arena *arena = &core->scratch;
    uint64_t first = stream->range.size - count;
    TRY(tiles_flush(core, stream, first));
    struct pair *leaves = arena_array(arena, count, sizeof *leaves);
    struct pair *bodies = arena_array(arena, count, sizeof *bodies);
    if (!leaves || !bodies) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t leaf_rows = 0;
    size_t body_rows = 0;
    for (size_t at = 0; at < count;) {
        size_t n = run_length(stream->pending + at, count - at);
        TRY(chunk_write(arena, stream->number, first + at, stream->pending + at, n, &leaves[leaf_rows++],
                        &bodies[body_rows]));
        body_rows += bodies[body_rows].value.data ? 1 : 0;
        at += n;
    }
    TRY(core->store->ops->put(core->store, STORE_LEAVES, leaves, leaf_rows));
    TRY(core->store->ops->put(core->store, STORE_BODIES, bodies, body_rows));
    stream->pending = NULL;
    stream->pending_hashes = NULL;
    stream->pending_count = 0;
    stream->pending_capacity = 0;
    return status_ok();
}

struct status streams_flush(struct core *core)
{
    for (uint32_t i = 0; i < core->set.count; i++) {
        TRY(stream_flush(core, core->set.streams[i]));
    }
    return status_ok();
}

struct status stream_attach(struct core *core, uint32_t number, uint64_t seq, const struct stored_leaf *leaf)
{
    struct pair leaves;
    struct pair bodies;
    TRY(chunk_write(&core->scratch, number | CORE_RELAYED, seq, leaf, 1, &leaves, &bodies));
    TRY(core->store->ops->put(core->store, STORE_LEAVES, &leaves, 1));
    return bodies.value.data ? core->store->ops->put(core->store, STORE_BODIES, &bodies, 1) : status_ok();
}

/* The run that holds `seq`: its first seq and leaves. */
static struct status chunk_find(struct core *core, uint32_t number, uint64_t seq, struct arena *arena,
                                struct stored_leaf out_leaves[LIMIT_CHUNK_LEAVES], size_t *out_count, uint64_t *out_first)
{
    uint8_t from[CHUNK_KEY];
    uint8_t end[CHUNK_KEY];
    chunk_key(from, number, 0);
    chunk_key(end, number, seq + 1);
    struct pair pair;
    size_t found;
    TRY(core->store->ops->scan(core->store, STORE_LEAVES, span_of(from, CHUNK_KEY), span_of(end, CHUNK_KEY), true, 1,
                               SIZE_MAX, arena, &pair, &found));
    if (found == 0) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    struct span bodies;
    TRY(store_get_one(core->store, STORE_BODIES, pair.key, arena, &bodies));
    size_t count;
    TRY(chunk_read(pair.value, bodies, out_leaves, &count));
    uint64_t first = chunk_key_seq(pair.key);
    if (seq - first >= count) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    *out_count = count;
    *out_first = first;
    return status_ok();
}

struct status stream_leaf(struct core *core, uint32_t number, uint64_t seq, struct arena *arena,
                          struct stored_leaf *out_leaf)
{
    const struct stream *stream = stream_at(core, number);
    if (!stream || seq >= stream->range.size) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    uint64_t flushed = stream->range.size - stream->pending_count;
    if (!(number & CORE_RELAYED) && seq >= flushed) {
        *out_leaf = stream->pending[seq - flushed];
        return status_ok();
    }
    struct stored_leaf leaves[LIMIT_CHUNK_LEAVES];
    size_t count;
    uint64_t first;
    TRY(chunk_find(core, number, seq, arena, leaves, &count, &first));
    *out_leaf = leaves[seq - first];
    return status_ok();
}

struct run {
    struct stored_leaf *leaves;
    size_t count, limit, bytes, bytes_max;
};

/* False when the run is full. */
static bool run_add(struct run *run, const struct stored_leaf *leaves, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = leaves[i].leaf.size + leaves[i].body.body.size;
        if (run->count == run->limit || (run->count > 0 && size > run->bytes_max - run->bytes)) {
            return false;
        }
        run->bytes = size < run->bytes_max - run->bytes ? run->bytes + size : run->bytes_max;
        run->leaves[run->count++] = leaves[i];
    }
    return run->count < run->limit;
}

static struct status run_rows(struct core *core, uint32_t number, uint64_t from_seq, struct arena *arena, struct run *run,
                              bool *out_more)
{
    uint8_t from[CHUNK_KEY];
    uint8_t end[CHUNK_KEY];
    chunk_key(from, number, from_seq);
    chunk_key(end, number + 1, 0);
    struct pair *rows = arena_array(arena, CHUNK_ROWS, sizeof *rows);
    struct span *keys = arena_array(arena, CHUNK_ROWS, sizeof *keys);
    struct span *bodies = arena_array(arena, CHUNK_ROWS, sizeof *bodies);
    if (!rows || !keys || !bodies) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t want = run->limit - run->count < CHUNK_ROWS ? run->limit - run->count : CHUNK_ROWS;
    size_t count;
    TRY(core->store->ops->scan(core->store, STORE_LEAVES, span_of(from, CHUNK_KEY), span_of(end, CHUNK_KEY), false, want,
                               run->bytes_max - run->bytes, arena, rows, &count));
    for (size_t i = 0; i < count; i++) {
        keys[i] = rows[i].key;
    }
    TRY(core->store->ops->get(core->store, STORE_BODIES, keys, count, arena, bodies));
    bool more = count > 0;
    for (size_t i = 0; i < count && more; i++) {
        struct stored_leaf leaves[LIMIT_CHUNK_LEAVES];
        size_t n;
        TRY(chunk_read(rows[i].value, bodies[i], leaves, &n));
        more = run_add(run, leaves, n);
    }
    *out_more = more;
    return status_ok();
}

struct status stream_run(struct core *core, struct stream *stream, uint64_t first, size_t limit, size_t bytes_max,
                         struct arena *arena, struct stored_leaf **out_leaves, size_t *out_count)
{
    TRY(stream_flush(core, stream));
    uint64_t left = first < stream->range.size ? stream->range.size - first : 0;
    struct run run = {.limit = limit < left ? limit : (size_t)left, .bytes_max = bytes_max};
    run.leaves = arena_array(arena, run.limit, sizeof *run.leaves);
    if (!run.leaves) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    bool more = run.limit > 0;
    if (more) {
        struct stored_leaf leaves[LIMIT_CHUNK_LEAVES];
        size_t count;
        uint64_t at;
        TRY(chunk_find(core, stream->number, first, arena, leaves, &count, &at));
        more = run_add(&run, leaves + (first - at), count - (size_t)(first - at));
    }
    while (more) {
        TRY(run_rows(core, stream->number, first + run.count, arena, &run, &more));
    }
    *out_leaves = run.leaves;
    *out_count = run.count;
    return status_ok();
}

struct status stream_body_set(struct core *core, uint32_t number, uint64_t seq, struct wire_body body)
{
    struct stream *stream = stream_at(core, number);
    if (!stream) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    TRY(stream_flush(core, stream));
    struct stored_leaf leaves[LIMIT_CHUNK_LEAVES];
    size_t count;
    uint64_t first;
    TRY(chunk_find(core, number, seq, &core->scratch, leaves, &count, &first));
    leaves[seq - first].body = body;
    struct pair leaf_row;
    struct pair body_row;
    TRY(chunk_write(&core->scratch, number, first, leaves, count, &leaf_row, &body_row));
    if (!body_row.value.data) {
        return store_remove_one(core->store, STORE_BODIES, body_row.key);
    }
    return core->store->ops->put(core->store, STORE_BODIES, &body_row, 1);
}

/* Rows of leaves and bodies at or after `seq`. */
static struct status chunks_remove(struct core *core, uint32_t number, uint64_t seq)
{
    uint8_t from[CHUNK_KEY];
    uint8_t end[CHUNK_KEY];
    size_t count = CHUNK_ROWS;
    chunk_key(from, number, seq);
    chunk_key(end, number + 1, 0);
    while (count == CHUNK_ROWS) {
        struct pair rows[CHUNK_ROWS];
        struct span keys[CHUNK_ROWS];
        TRY(core->store->ops->scan(core->store, STORE_LEAVES, span_of(from, CHUNK_KEY), span_of(end, CHUNK_KEY), false,
                                   CHUNK_ROWS, SIZE_MAX, &core->scratch, rows, &count));
        for (size_t i = 0; i < count; i++) {
            keys[i] = rows[i].key;
        }
        TRY(core->store->ops->remove(core->store, STORE_LEAVES, keys, count));
        TRY(core->store->ops->remove(core->store, STORE_BODIES, keys, count));
    }
    return status_ok();
}

struct status stream_truncate(struct core *core, struct stream *stream, const struct tree_range *range)
{
    struct stored_leaf leaves[LIMIT_CHUNK_LEAVES];
    size_t count = 0;
    uint64_t first = 0;
    TRY(stream_flush(core, stream));
    TRY(stream_touch(core, stream));
    core->made.count = 0;
    stream_tails_forget(core);
    if (range->size > 0) {
        TRY(chunk_find(core, stream->number, range->size - 1, &core->scratch, leaves, &count, &first));
    }
    TRY(chunks_remove(core, stream->number, range->size));
    if (count > 0 && first + count > range->size) {
        struct pair leaf_row;
        struct pair body_row;
        TRY(chunk_write(&core->scratch, stream->number, first, leaves, (size_t)(range->size - first), &leaf_row, &body_row));
        TRY(core->store->ops->put(core->store, STORE_LEAVES, &leaf_row, 1));
        TRY(store_remove_one(core->store, STORE_BODIES, body_row.key));
        if (body_row.value.data) {
            TRY(core->store->ops->put(core->store, STORE_BODIES, &body_row, 1));
        }
    }
    stream->range = *range;
    if (stream->note_size > range->size) {
        stream->note_size = 0;
    }
    return status_ok();
}

struct status stream_range_at(struct core *core, struct stream *stream, uint64_t size, struct tree_range *out_range)
{
    struct tree_tiles tiles;
    TRY(stream_tiles(core, stream, &core->scratch, &tiles));
    struct tree_source source = tree_tiles_source(&tiles);
    return tree_range_at(&source, size, out_range);
}

struct status stream_tiles(struct core *core, struct stream *stream, struct arena *arena, struct tree_tiles *out_tiles)
{
    TRY(stream_flush(core, stream));
    void **owner = arena_array(arena, 3, sizeof *owner);
    if (!owner) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    owner[0] = core;
    owner[1] = stream;
    owner[2] = arena;
    tree_tiles_init(out_tiles, core->crypto, arena, stream->range.size,
                    (struct tree_tile_reader){.tile = tile_get, .owner = owner});
    return tail_set(core, stream, stream->range.size, arena, out_tiles);
}

struct status stream_root_at(struct core *core, struct stream *stream, uint64_t size, struct hash *out_root)
{
    if (size == stream->range.size || size == 0) {
        struct tree_range empty = {0};
        tree_range_root(size == 0 ? &empty : &stream->range, core->crypto, out_root);
        return status_ok();
    }
    if (stream->own && size == stream->acked.size) {
        tree_range_root(&stream->acked, core->crypto, out_root);
        return status_ok();
    }
    struct tree_tiles tiles;
    TRY(stream_tiles(core, stream, &core->scratch, &tiles));
    struct tree_source source = tree_tiles_source(&tiles);
    return tree_root_at(&source, core->crypto, size, out_root);
}
