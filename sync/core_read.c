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
static bool body_holds(struct core *core, const struct stored_leaf *leaf)
{
    struct header header;
    struct body read;
    if (leaf->body.state != BODY_PRESENT || !status_is_ok(header_scan(leaf->leaf, &core->scratch, &header, NULL))) {
        return true;
    }
    return body_fits(core, &header, &leaf->body, &core->scratch, &read);
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
    TRY(stream_tiles(core, s, &core->scratch, &tiles));
    struct tree_source source = tree_tiles_source(&tiles);
    if (from < s->range.size) {
        size_t most = limit < LIMIT_BATCH_LEAVES ? (size_t)limit : LIMIT_BATCH_LEAVES;
        TRY(stream_run(core, s, from, most, SIZE_MAX, &core->scratch, &leaves, &count));
    }
    for (size_t i = 0; i < count; i++) {
        struct hash stored;
        struct hash kept;
        tree_leaf_hash(core->crypto, leaves[i].leaf, &stored);
        TRY(source.hash(source.owner, 0, from + i, &kept));
        if (!hash_equal(stored, kept)) {
            return fault_set(fault, STATUS_FORKED, "a stored leaf does not fit the tree", "seq", from + i);
        }
        if (!body_holds(core, &leaves[i])) {
            return fault_set(fault, STATUS_FORKED, "a stored body is not the one that the entry commits to", "seq", from + i);
        }
    }
    if (from + count >= s->range.size) {
        struct hash stored;
        struct hash kept;
        TRY(tree_root_at(&source, core->crypto, s->range.size, &stored));
        tree_range_root(&s->range, core->crypto, &kept);
        if (!hash_equal(stored, kept)) {
            return fault_set(fault, STATUS_FORKED, "the stored tree does not give the root that was signed", "size",
                             s->range.size);
        }
    }
    *out_next = from + count;
    return status_ok();
}
