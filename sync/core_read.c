/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

static struct status stored_of(struct core *core, const struct record *record, struct dot_index dot, struct arena *arena,
                               struct stored_leaf *out_leaf)
{
    struct dot named = record_dot(record, dot);
    const struct history_entry *entry = record_history_find(record, named.replica, named.rseq);
    if (!entry) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    uint32_t number = entry->stream | (entry->flags & HISTORY_RELAYED ? CORE_RELAYED : 0);
    return stream_leaf(core, number, entry->seq, arena, out_leaf);
}

struct status core_sibling_value(struct core *core, const struct record *record, const struct record_register *reg,
                                 size_t sibling, struct arena *arena, struct span *out_value, enum body_state *out_state)
{
    const struct sibling *s = &reg->siblings[sibling];
    if (s->flags & SIBLING_ERASED) {
        *out_value = (struct span){0};
        *out_state = BODY_ERASED;
        return status_ok();
    }
    if (!(s->flags & SIBLING_MISSING)) {
        *out_value = s->value;
        *out_state = BODY_PRESENT;
        return status_ok();
    }
    struct stored_leaf stored;
    TRY(stored_of(core, record, s->dot, arena, &stored));
    struct span value = {0};
    if (stored.body.state == BODY_PRESENT) {
        struct body body;
        TRY(body_read(stored.body.body, arena, &body));
        for (size_t i = 0; i < body.count; i++) {
            value = body.values[i].number == reg->number ? body.values[i].bytes : value;
        }
    }
    *out_value = value;
    *out_state = stored.body.state;
    return status_ok();
}

struct status core_leaf(struct core *core, uint32_t stream, uint64_t seq, struct arena *arena, struct wire_leaf *out_leaf)
{
    struct stored_leaf stored;
    TRY(stream_leaf(core, stream, seq, arena, &stored));
    *out_leaf = (struct wire_leaf){.leaf = stored.leaf, .body = stored.body};
    return status_ok();
}

static bool acks_count(const struct core *core, const struct stream *stream)
{
    return stream->own && !core->is_hub;
}

struct status core_streams(struct core *core, struct arena *arena, struct stream_info **out_infos, size_t *out_count)
{
    size_t count = core->set.count;
    struct stream_info *infos = arena_array(arena, count, sizeof *infos);
    if (!infos) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        const struct stream *stream = core->set.streams[i];
        struct stream_info *info = &infos[i];
        info->number = stream->number;
        info->id = stream->id;
        info->size = stream->range.size;
        tree_range_root(&stream->range, core->crypto, &info->root);
        info->signed_size = stream->note_size;
        info->acked_size = acks_count(core, stream) ? stream->acked.size : stream->range.size;
        info->own = stream->own;
        info->stopped = writer_is_stopped(core, stream->id.node);
        TRY(stream_note(core, stream, arena, &info->note));
    }
    *out_infos = infos;
    *out_count = count;
    return status_ok();
}

uint64_t core_unacked(const struct core *core)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < core->set.count; i++) {
        const struct stream *stream = core->set.streams[i];
        if (acks_count(core, stream) && stream->range.size > stream->acked.size) {
            count += stream->range.size - stream->acked.size;
        }
    }
    return count;
}

bool core_is_acked(const struct core *core, uint32_t stream, uint64_t seq)
{
    stream &= ~CORE_RELAYED;
    if (stream == 0 || stream > core->set.count) {
        return false;
    }
    const struct stream *s = core->set.streams[stream - 1];
    return !acks_count(core, s) || seq < s->acked.size;
}

struct status core_inclusion(struct core *core, uint32_t stream, uint64_t seq, uint64_t size, struct arena *arena,
                             struct hash **out_proof, size_t *out_count)
{
    struct stream *s = stream_at(core, stream);
    if (!s || (stream & CORE_RELAYED)) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    struct tree_tiles tiles;
    struct tree_proof *proof = arena_alloc(arena, sizeof *proof);
    if (!proof) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(stream_tiles(core, s, arena, &tiles));
    struct tree_source source = tree_tiles_source(&tiles);
    if (size > s->range.size) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    TRY(tree_inclusion_make(&source, core->crypto, seq, size, proof));
    *out_proof = proof->hashes;
    *out_count = proof->count;
    return status_ok();
}

/* The tree holds a body only by its commitment. What does not parse as a header is judged by the tree alone. */
static struct status body_holds(struct core *core, const struct stored_leaf *leaf, bool *out_holds)
{
    struct header header;
    struct body read;
    *out_holds = true;
    if (leaf->body.state != BODY_PRESENT) {
        return status_ok();
    }
    struct status status = header_scan(leaf->leaf, &core->scratch, &header, NULL);
    if (!status_is_ok(status)) {
        return status.code == STATUS_NO_MEMORY ? status : status_ok();
    }
    return body_fits(core, &header, &leaf->body, &core->scratch, &read, out_holds);
}

/* A relay's foreign leaf must still be the one that the relay, which is in the tree, names. */
static struct status relayed_verify(struct core *core, const struct stream *stream, uint64_t seq, struct span leaf,
                                    struct fault *fault)
{
    struct header header;
    struct stored_leaf foreign;
    struct hash hash;
    struct status status = header_scan(leaf, &core->scratch, &header, NULL);
    if (status.code == STATUS_NO_MEMORY) {
        return status;
    }
    if (!status_is_ok(status) || header.kind != KIND_RELAY) {
        return status_ok();
    }
    status = stream_leaf(core, stream->number | CORE_RELAYED, seq, &core->scratch, &foreign);
    if (status.code == STATUS_NOT_FOUND) {
        return status_ok(); /* still asked for, or held in its own stream */
    }
    if (status.code == STATUS_INVALID) {
        return fault_set(fault, STATUS_FORKED, "the relayed entry cannot be read", "seq", seq);
    }
    TRY(status);
    tree_leaf_hash(core->crypto, foreign.leaf, &hash);
    if (header.target_count == 0 || !hash_equal(hash, header.targets[0].hash)) {
        return fault_set(fault, STATUS_FORKED, "the relayed entry is not the one that the relay names", "seq", seq);
    }
    bool holds = true;
    TRY(body_holds(core, &foreign, &holds));
    if (!holds) {
        return fault_set(fault, STATUS_FORKED, "the body of a relayed entry is not the one that the entry commits to", "seq", seq);
    }
    return status_ok();
}

/* The first leaf that cannot be read, of a run that could not. */
static struct status unreadable(struct core *core, const struct stream *stream, uint64_t from, struct fault *fault)
{
    for (uint64_t seq = from; seq < stream->range.size; seq++) {
        struct stored_leaf leaf;
        struct status status = stream_leaf(core, stream->number, seq, &core->scratch, &leaf);
        if (status.code == STATUS_NO_MEMORY || status.code == STATUS_IO) {
            return status;
        }
        if (!status_is_ok(status)) {
            return fault_set(fault, STATUS_FORKED, "a stored entry cannot be read", "seq", seq);
        }
        arena_clear(&core->scratch);
    }
    return fault_set(fault, STATUS_FORKED, "stored entries cannot be read", "seq", from);
}

static struct status leaf_verify(struct core *core, const struct stream *stream, uint64_t seq, const struct stored_leaf *leaf,
                                 const struct tree_source *source, struct fault *fault)
{
    struct hash stored;
    struct hash kept;
    tree_leaf_hash(core->crypto, leaf->leaf, &stored);
    TRY(source->hash(source->owner, 0, seq, &kept));
    if (!hash_equal(stored, kept)) {
        return fault_set(fault, STATUS_FORKED, "a stored leaf does not fit the tree", "seq", seq);
    }
    bool holds = true;
    TRY(body_holds(core, leaf, &holds));
    if (!holds) {
        return fault_set(fault, STATUS_FORKED, "a stored body is not the one that the entry commits to", "seq", seq);
    }
    return core->is_hub ? status_ok() : relayed_verify(core, stream, seq, leaf->leaf, fault);
}

/* The tree at `from` comes from the tiles; then each leaf is hashed again. */
struct status core_verify(struct core *core, uint32_t stream, uint64_t from, uint64_t limit, uint64_t *out_next,
                          struct fault *fault)
{
    struct stream *s = stream_at(core, stream);
    if (!s || (stream & CORE_RELAYED)) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    struct tree_tiles tiles;
    struct stored_leaf *leaves;
    size_t count = 0;
    stream_tails_forget(core);
    struct status status = stream_tiles(core, s, &core->scratch, &tiles);
    struct tree_source source = tree_tiles_source(&tiles);
    if (status_is_ok(status) && from < s->range.size) {
        size_t most = limit < LIMIT_BATCH_LEAVES ? (size_t)limit : LIMIT_BATCH_LEAVES;
        status = stream_run(core, s, from, most, SIZE_MAX, &core->scratch, &leaves, &count);
    }
    if (status.code == STATUS_INVALID || status.code == STATUS_NOT_FOUND || (from < s->range.size && count == 0)) {
        return unreadable(core, s, from, fault);
    }
    TRY(status);
    for (size_t i = 0; i < count; i++) {
        TRY(leaf_verify(core, s, from + i, &leaves[i], &source, fault));
    }
    if (from + count >= s->range.size) {
        TRY(stream_check(core, s, fault));
    }
    *out_next = from + count;
    return status_ok();
}
