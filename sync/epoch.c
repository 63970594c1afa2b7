/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "sync/core_state.h"

/* A store that was restored or cloned and wrote on: the hub's branch is kept, ours is archived and written again in the next
 * epoch (log.md, "Hello, at every start"). STORE_EVIDENCE:
 *   'A' be32 epoch, be64 seq                            -> u8 flags, leaf, body: waits to be written again
 *   'Z' the same                                        -> the same, written again
 *   'S' record, be32 epoch, be32 lane, be64 rseq        -> hash of the archived leaf; epoch, rseq, hash of its successor */

#define TAIL_PAGE 64
#define SUCCESSOR_KEY 33

struct successor {
    struct ctx_entry archived, written;
};

/* ---- the archive ---- */

static void tail_key(uint8_t key[13], char kind, uint32_t epoch, uint64_t seq)
{
    key[0] = (uint8_t)kind;
    key_be32(key + 1, epoch);
    key_be64(key + 5, seq);
}

static struct status tail_write(struct core *core, const struct stored_leaf *leaf, struct span *out_value)
{
    struct buffer b;
    buffer_init(&b, &core->scratch);
    buffer_add_u8(&b, leaf->flags);
    buffer_add_sized(&b, leaf->leaf);
    buffer_add_u8(&b, (uint8_t)leaf->body.state);
    buffer_add_sized(&b, leaf->body.salt);
    buffer_add_sized(&b, leaf->body.body);
    return buffer_end(&b, out_value);
}

static struct status tail_read(struct span value, struct stored_leaf *out_leaf)
{
    struct reader r;
    struct stored_leaf leaf = {.flags = 0};
    reader_init(&r, value);
    leaf.flags = reader_u8(&r);
    leaf.leaf = reader_sized(&r);
    leaf.body.state = (enum body_state)reader_u8(&r);
    leaf.body.salt = reader_sized(&r);
    leaf.body.body = reader_sized(&r);
    TRY(reader_end(&r));
    *out_leaf = leaf;
    return status_ok();
}

struct archiving {
    struct core *core;
    struct record_id *ids; /* in the transaction's arena */
    size_t id_count, id_capacity;
};

static struct status archive_leaf(struct archiving *a, const struct stream *stream, uint64_t seq,
                                  const struct stored_leaf *leaf)
{
    struct core *core = a->core;
    uint8_t key[13];
    struct span value;
    struct header header;
    tail_key(key, 'A', stream->id.epoch, seq);
    TRY(tail_write(core, leaf, &value));
    TRY(store_put_one(core->store, STORE_EVIDENCE, span_of(key, sizeof key), value));
    TRY(header_scan(leaf->leaf, &core->scratch, &header, NULL));
    if (header.has_record) {
        TRY(core_grow(core, &a->ids, a->id_count, &a->id_capacity, sizeof *a->ids));
        a->ids[a->id_count++] = header.record;
    }
    return status_ok();
}

static struct status archive_stream(struct archiving *a, struct stream *stream)
{
    struct core *core = a->core;
    struct tree_range kept = stream->acked;
    for (uint64_t seq = kept.size; seq < stream->range.size;) {
        struct stored_leaf *leaves;
        size_t count;
        TRY(stream_run(core, stream, seq, LIMIT_BATCH_LEAVES, LIMIT_PUSH_BYTES, &core->scratch, &leaves, &count));
        for (size_t i = 0; i < count; i++) {
            TRY(archive_leaf(a, stream, seq + i, &leaves[i]));
        }
        seq += count;
    }
    return stream_truncate(core, stream, &kept);
}

struct status epoch_archive(struct core *core)
{
    struct archiving a = {.core = core};
    TRY(event_add(core, "this store and the hub have different histories: the next epoch begins", (struct record_id){{0}}));
    for (uint32_t i = 0; i < core->set.count; i++) {
        struct stream *stream = core->set.streams[i];
        if (stream->own && stream->range.size > stream->acked.size) {
            TRY(archive_stream(&a, stream));
        }
    }
    a.id_count = record_ids_unique(a.ids, a.id_count);
    TRY(records_prefetch(core, a.ids, a.id_count));
    for (size_t i = 0; i < a.id_count; i++) {
        TRY(record_rebuild(core, a.ids[i]));
    }
    core->meta.rewriting = true;
    core->phase = PHASE_FETCH;
    return status_ok();
}

/* ---- what stands for an archived leaf ---- */

static void successor_key(uint8_t key[SUCCESSOR_KEY], struct record_id record, struct replica replica, uint64_t rseq)
{
    key[0] = 'S';
    memcpy(key + 1, record.bytes, sizeof record.bytes);
    key_be32(key + 17, replica.epoch);
    key_be32(key + 21, replica.lane);
    key_be64(key + 25, rseq);
}

static struct status successor_put(struct core *core, struct record_id record, const struct successor *s)
{
    uint8_t key[SUCCESSOR_KEY];
    struct buffer b;
    struct span value;
    successor_key(key, record, s->archived.replica, s->archived.rseq);
    buffer_init(&b, &core->scratch);
    buffer_add(&b, s->archived.hash.bytes, sizeof s->archived.hash.bytes);
    buffer_add_be32(&b, s->written.replica.epoch);
    buffer_add_be64(&b, s->written.rseq);
    buffer_add(&b, s->written.hash.bytes, sizeof s->written.hash.bytes);
    TRY(buffer_end(&b, &value));
    return store_put_one(core->store, STORE_EVIDENCE, span_of(key, sizeof key), value);
}

/* NOT_FOUND where the leaf was never archived; a zero hash asks by dot alone. */
static struct status successor_get(struct core *core, struct record_id record, struct ctx_entry archived,
                                   struct ctx_entry *out_written)
{
    uint8_t key[SUCCESSOR_KEY];
    struct span value;
    struct reader r;
    successor_key(key, record, archived.replica, archived.rseq);
    TRY(store_get_one(core->store, STORE_EVIDENCE, span_of(key, sizeof key), &core->scratch, &value));
    if (!value.data) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    struct ctx_entry written = {.replica = archived.replica};
    reader_init(&r, value);
    struct span old = reader_bytes(&r, sizeof written.hash.bytes);
    written.replica.epoch = reader_be32(&r);
    written.rseq = reader_be64(&r);
    struct span hash = reader_bytes(&r, sizeof written.hash.bytes);
    TRY(reader_end(&r));
    memcpy(written.hash.bytes, hash.data, hash.size);
    if (!hash_equal(archived.hash, (struct hash){{0}}) && memcmp(old.data, archived.hash.bytes, HISTORY_HASH_SIZE) != 0) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    *out_written = written;
    return status_ok();
}

/* The last leaf of the replica before the first that was archived; rseq 0: there is none. */
static struct status common_get(struct core *core, struct record_id record, struct replica replica, struct ctx_entry *out_common)
{
    uint8_t from[SUCCESSOR_KEY];
    uint8_t end[SUCCESSOR_KEY];
    struct pair row;
    size_t count;
    struct ctx_entry common = {.replica = replica};
    struct cached *cached;
    successor_key(from, record, replica, 0);
    successor_key(end, record, replica, UINT64_MAX);
    TRY(core->store->ops->scan(core->store, STORE_EVIDENCE, span_of(from, sizeof from), span_of(end, sizeof end), false, 1,
                               SIZE_MAX, &core->scratch, &row, &count));
    assert(count == 1);
    struct reader r;
    reader_init(&r, row.key);
    (void)reader_bytes(&r, 25);
    uint64_t first = reader_be64(&r);
    TRY(record_cached(core, record, &cached));
    const struct history_entry *entry = first > 1 ? record_history_find(&cached->record, replica, first - 1) : NULL;
    if (entry) {
        struct stored_leaf stored;
        uint32_t number = entry->stream | (entry->flags & HISTORY_RELAYED ? CORE_RELAYED : 0);
        TRY(stream_leaf(core, number, entry->seq, &core->scratch, &stored));
        tree_leaf_hash(core->crypto, stored.leaf, &common.hash);
        common.rseq = first - 1;
    }
    *out_common = common;
    return status_ok();
}

/* Sorted, one per replica, the later one counts. */
static void ctx_add(struct ctx_entry *ctx, size_t *count, struct ctx_entry entry)
{
    size_t at = 0;
    while (at < *count && replica_compare(ctx[at].replica, entry.replica) < 0) {
        at++;
    }
    if (at < *count && replica_equal(ctx[at].replica, entry.replica)) {
        ctx[at] = ctx[at].rseq < entry.rseq ? entry : ctx[at];
        return;
    }
    memmove(&ctx[at + 1], &ctx[at], (*count - at) * sizeof *ctx);
    ctx[at] = entry;
    (*count)++;
}

struct status core_map_ctx(struct core *core, struct record_id record, const struct ctx_entry *ctx, size_t ctx_count,
                           struct arena *arena, struct ctx_entry **out_ctx, size_t *out_count)
{
    struct ctx_entry *mapped = arena_array(arena, 2 * ctx_count, sizeof *mapped);
    size_t count = 0;
    if (!mapped) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < ctx_count; i++) {
        struct ctx_entry written;
        struct status status = STATUS_MAKE(STATUS_NOT_FOUND);
        if (node_id_equal(ctx[i].replica.node, core->self)) {
            status = successor_get(core, record, ctx[i], &written);
        }
        if (status.code == STATUS_NOT_FOUND) {
            ctx_add(mapped, &count, ctx[i]);
            continue;
        }
        TRY(status);
        struct ctx_entry common;
        TRY(common_get(core, record, ctx[i].replica, &common));
        if (common.rseq > 0) {
            ctx_add(mapped, &count, common);
        }
        /* the successor may itself have been archived by a later restore */
        while (status_is_ok(status = successor_get(core, record, written, &common))) {
            written = common;
        }
        if (status.code != STATUS_NOT_FOUND) {
            return status;
        }
        ctx_add(mapped, &count, written);
    }
    *out_ctx = mapped;
    *out_count = count;
    return status_ok();
}

/* ---- writing again ---- */

/* A leaf that was never archived stays as it is. */
static struct status successor_or_same(struct core *core, struct record_id record, struct ctx_entry *entry)
{
    struct ctx_entry written;
    struct status status = successor_get(core, record, *entry, &written);
    if (status_is_ok(status)) {
        *entry = written;
    }
    return status.code == STATUS_NOT_FOUND ? status_ok() : status;
}

static struct status map_seen(struct core *core, struct header *header)
{
    struct dot *seen = arena_array(&core->scratch, header->erasures_seen_count, sizeof *seen);
    size_t count = 0;
    if (!seen) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < header->erasures_seen_count; i++) {
        struct dot dot = header->erasures_seen[i];
        struct ctx_entry asked = {.replica = dot.replica, .rseq = dot.rseq};
        if (node_id_equal(dot.replica.node, core->self)) {
            TRY(successor_or_same(core, header->record, &asked));
            dot = (struct dot){.replica = asked.replica, .rseq = asked.rseq};
        }
        size_t at = count++;
        for (; at > 0 && dot_compare(seen[at - 1], dot) > 0; at--) {
            seen[at] = seen[at - 1];
        }
        seen[at] = dot;
    }
    header->erasures_seen = seen;
    return status_ok();
}

static struct status map_target(struct core *core, struct header *header)
{
    struct target *target = arena_alloc(&core->scratch, sizeof *target);
    if (!target) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    *target = header->targets[0];
    struct ctx_entry asked = {.replica = target->replica, .rseq = target->rseq, .hash = target->hash};
    if (node_id_equal(target->replica.node, core->self)) {
        TRY(successor_or_same(core, header->record, &asked));
        target->replica = asked.replica;
        target->rseq = asked.rseq;
        target->hash = asked.hash;
    }
    header->targets = target;
    return status_ok();
}

static struct status rewrite_change(struct core *core, struct stream *stream, struct header *header,
                                    const struct stored_leaf *leaf)
{
    struct cached *cached;
    struct ctx_entry *ctx;
    struct incoming in;
    struct apply_outcome outcome;
    struct successor s = {.archived = {.replica = header_replica(header), .rseq = header->rseq}};
    tree_leaf_hash(core->crypto, leaf->leaf, &s.archived.hash);
    TRY(record_cached(core, header->record, &cached));
    TRY(core_map_ctx(core, header->record, header->ctx, header->ctx_count, &core->scratch, &ctx, &header->ctx_count));
    header->ctx = ctx;
    if (header->erasures_seen_count > 0) {
        TRY(map_seen(core, header));
    }
    if (header->target_count > 0) {
        TRY(map_target(core, header));
    }
    s.written.replica = (struct replica){.node = core->self, .epoch = core->meta.epoch, .lane = header->lane};
    own_next(&cached->record, s.written.replica, &header->rseq, &header->prev);
    header->has_prev = header->rseq > 1;
    TRY(append_made(core, stream, header, leaf->body, &in, NULL));
    TRY(apply_change(core, &in, &outcome));
    s.written.rseq = header->rseq;
    s.written.hash = in.hash;
    TRY(successor_put(core, header->record, &s));
    return apply_parked(core, cached);
}

static struct status rewrite_leaf(struct core *core, struct stream *stream, const struct pair *row)
{
    struct stored_leaf leaf;
    struct header header;
    struct span key;
    TRY(tail_read(row->value, &leaf));
    TRY(header_scan(leaf.leaf, &core->scratch, &header, NULL));
    const struct kind_info *info = kind_info((uint32_t)header.kind);
    if (info->shape == SHAPE_CHANGE) {
        if (!(leaf.flags & LEAF_CONTINUES)) {
            group_next(core);
        }
        /* what was copied from the store lives as long as the leaf */
        TRY(arena_copy(&core->arena, leaf.body.body, &leaf.body.body));
        TRY(arena_copy(&core->arena, leaf.body.salt, &leaf.body.salt));
        TRY(rewrite_change(core, stream, &header, &leaf));
    }
    TRY(arena_copy(&core->scratch, row->key, &key));
    TRY(store_remove_one(core->store, STORE_EVIDENCE, key));
    uint8_t done[13];
    memcpy(done, key.data, sizeof done);
    done[0] = 'Z';
    return store_put_one(core->store, STORE_EVIDENCE, span_of(done, sizeof done), row->value);
}

static uint32_t next_epoch(const struct core *core, uint32_t epoch_max)
{
    uint32_t newest = registry_epoch_max(&core->registry, core->self);
    newest = newest > epoch_max ? newest : epoch_max;
    return 1 + (newest > core->meta.epoch ? newest : core->meta.epoch);
}

struct status epoch_rewrite(struct core *core, uint32_t epoch_max, struct next *out_next)
{
    uint8_t from[1] = {'A'};
    uint8_t end[1] = {'A' + 1};
    size_t count = TAIL_PAGE;
    struct stream *stream;
    TRY(epoch_begin(core, next_epoch(core, epoch_max)));
    TRY(own_stream(core, core->scope, &stream));
    while (count == TAIL_PAGE) {
        struct pair rows[TAIL_PAGE];
        TRY(core->store->ops->scan(core->store, STORE_EVIDENCE, span_of(from, 1), span_of(end, 1), false, TAIL_PAGE,
                                   SIZE_MAX, &core->scratch, rows, &count));
        for (size_t i = 0; i < count; i++) {
            TRY(rewrite_leaf(core, stream, &rows[i]));
        }
    }
    core->meta.rewriting = false;
    *out_next = next_hello(core, "a new epoch is announced");
    return status_ok();
}
