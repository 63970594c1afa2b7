/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

#define TOUCH_MS 60000

/* The hub's side of a push. Append is refused only for what log.md names, and then nothing has been written; everything
 * else is appended and its effect decided leaf by leaf. */

struct pushing {
    struct core *core;
    const struct push *push;
    struct node_id peer;
    struct stream *stream; /* NULL: not held yet */
    struct note note;
    struct tree_range range; /* with the new leaves */
    struct incoming *leaves;
    struct record_id *ids;
    size_t id_count;
    uint64_t at;
};

bool peer_is_active(const struct core *core, struct node_id peer)
{
    const struct registry_node *node = registry_node(&core->registry, core->registry.size, peer);
    return node && node->active;
}

static enum verdict check_stream(const struct pushing *p)
{
    const struct registry *registry = &p->core->registry;
    const struct push *push = p->push;
    if (!peer_is_active(p->core, p->peer) || !node_id_equal(push->stream.node, p->peer) ||
        !scope_id_equal(push->stream.scope, scope_of_node(p->peer)) || node_id_equal(p->peer, p->core->self)) {
        return VERDICT_UNKNOWN_NODE;
    }
    if (!registry_epoch_known(registry, registry->size, p->peer, push->stream.epoch)) {
        return VERDICT_UNKNOWN_EPOCH;
    }
    if (push->leaf_count == 0 || push->leaf_count > LIMIT_BATCH_LEAVES) {
        return VERDICT_LIMIT;
    }
    uint64_t held = p->stream ? p->stream->range.size : 0;
    if (push->old_size != held) {
        return VERDICT_SIZE_DIFFERS;
    }
    uint64_t cut = registry_cut(registry, push->stream);
    return push->old_size + push->leaf_count > cut ? VERDICT_CUT : VERDICT_OK;
}

static struct status check_note(struct pushing *p, enum verdict *out_verdict)
{
    struct core *core = p->core;
    struct status status = checkpoint_check(core, p->push->checkpoint, p->push->stream, &core->scratch, &p->note);
    if (status.code == STATUS_NO_MEMORY) {
        return status;
    }
    *out_verdict = status_is_ok(status) && p->note.size == p->push->old_size + p->push->leaf_count ? VERDICT_OK
                                                                                                    : VERDICT_BAD_SIGNATURE;
    return status_ok();
}

static struct status read_leaves(struct pushing *p, enum verdict *out_verdict)
{
    struct core *core = p->core;
    size_t count = p->push->leaf_count;
    p->leaves = arena_array(&core->arena, count, sizeof *p->leaves);
    p->ids = arena_array(&core->arena, count, sizeof *p->ids);
    if (!p->leaves || !p->ids) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        struct incoming *in = &p->leaves[i];
        *in = (struct incoming){.seq = p->push->old_size + i, .fresh = true};
        in->leaf = p->push->leaves[i].leaf;
        in->body = p->push->leaves[i].body;
        struct status status = incoming_read(core, in, p->push->stream, in->seq);
        if (status.code == STATUS_NO_MEMORY) {
            return status;
        }
        if (!status_is_ok(status)) {
            p->at = i;
            *out_verdict = VERDICT_BAD_LEAF;
            return status_ok();
        }
        if (!in->bad && in->header.has_record) {
            p->ids[p->id_count++] = in->header.record;
        }
        TRY(tree_range_append(&p->range, core->crypto, &in->hash));
    }
    struct hash root;
    tree_range_root(&p->range, core->crypto, &root);
    *out_verdict = hash_equal(root, p->note.root) ? VERDICT_OK : VERDICT_BAD_ROOT;
    return status_ok();
}

/* A dot of this hub, in its present epoch, that it has never written. One that a reader gave back may be parked: it waits for
 * changes of the very node that names it. */
static bool names_future(const struct core *core, const struct record *record, const struct ctx_entry *entry)
{
    uint64_t next;
    struct hash prev;
    if (!node_id_equal(entry->replica.node, core->self) || entry->replica.epoch != core->meta.epoch) {
        return false;
    }
    own_next(record, entry->replica, &next, &prev);
    return next <= entry->rseq;
}

static struct status check_known(struct pushing *p, enum verdict *out_verdict)
{
    struct core *core = p->core;
    p->id_count = record_ids_unique(p->ids, p->id_count);
    TRY(records_prefetch(core, p->ids, p->id_count));
    for (size_t i = 0; i < p->push->leaf_count; i++) {
        const struct header *header = &p->leaves[i].header;
        struct cached *cached;
        if (p->leaves[i].bad || !header->has_record) {
            continue;
        }
        TRY(record_cached(core, header->record, &cached));
        bool future = header->reg > core->registry.size ||
                      (header->has_grant && names_future(core, &cached->record, &header->grant));
        for (size_t c = 0; c < header->ctx_count && !future; c++) {
            future = names_future(core, &cached->record, &header->ctx[c]);
        }
        if (future) {
            p->at = i;
            /* a hub that may be an older copy of itself has written it, and gets it back */
            *out_verdict = core->in_doubt ? VERDICT_BUSY : VERDICT_TOO_NEW;
            return status_ok();
        }
    }
    *out_verdict = VERDICT_OK;
    return status_ok();
}

static struct status push_check(struct pushing *p, enum verdict *out_verdict)
{
    bool leased;
    enum verdict verdict = check_stream(p);
    if (verdict == VERDICT_OK || verdict == VERDICT_SIZE_DIFFERS) {
        TRY(lease_check(p->core, p->peer, p->push->lease, TOUCH_MS, &leased));
        verdict = leased ? verdict : VERDICT_LEASE_TAKEN;
    }
    if (verdict == VERDICT_OK) {
        TRY(check_note(p, &verdict));
    }
    if (verdict == VERDICT_OK) {
        TRY(read_leaves(p, &verdict));
    }
    if (verdict == VERDICT_OK) {
        TRY(check_known(p, &verdict));
    }
    *out_verdict = verdict;
    return status_ok();
}

static bool stamp_is_ahead(const struct core *core, const struct header *header)
{
    return header->hlc >> 16 > core->now_ms + LIMIT_CLAMP_MS;
}

static struct status push_append(struct pushing *p)
{
    struct core *core = p->core;
    if (!p->stream) {
        TRY(stream_make(core, p->push->stream, &p->stream));
    }
    for (size_t i = 0; i < p->push->leaf_count; i++) {
        p->leaves[i].stream = p->stream;
    }
    TRY(stream_append_run(core, p->stream, p->leaves, p->push->leaf_count, &p->range));
    core->void_count = 0;
    for (size_t i = 0; i < p->push->leaf_count; i++) {
        struct incoming *in = &p->leaves[i];
        TRY(apply_leaf(core, in, NULL));
        const struct kind_info *info = in->bad ? NULL : kind_info((uint32_t)in->header.kind);
        if (info && info->shape == SHAPE_CHANGE && stamp_is_ahead(core, &in->header)) {
            TRY(owe_clamp(core, in));
        }
    }
    TRY(streams_flush(core));
    return stream_grew(core, p->stream);
}

/* What the hub holds of the stream, for a 409. */
static struct status answer_held(struct core *core, struct stream *stream, struct arena *arena, struct push_answer *answer)
{
    if (!stream) {
        struct tree_range empty = {0};
        tree_range_root(&empty, core->crypto, &answer->root);
        return status_ok();
    }
    answer->size = stream->range.size;
    tree_range_root(&stream->range, core->crypto, &answer->root);
    return stream_note(core, stream, arena, &answer->checkpoint);
}

static struct status answer_accepted(struct pushing *p, struct arena *arena, struct push_answer *answer)
{
    struct core *core = p->core;
    struct record_digest *digests;
    TRY(note_cosign(core, &p->note, arena, &answer->checkpoint));
    TRY(stream_note_set(core, p->stream, p->note.size, &p->note.root, answer->checkpoint));
    answer->size = p->note.size;
    answer->root = p->note.root;
    answer->voids = core->voids;
    answer->void_count = core->void_count;
    TRY(digests_make(core, p->ids, p->id_count, arena, &digests));
    answer->digests = digests;
    answer->digest_count = p->id_count;
    return status_ok();
}

struct status core_serve_push(struct core *core, struct node_id peer, const struct push *push, struct arena *arena,
                              struct push_answer *out_answer)
{
    if (!core->is_hub) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    struct pushing p = {.core = core, .push = push, .peer = peer, .stream = stream_find(core, push->stream)};
    struct push_answer answer = {.now_ms = core->now_ms};
    if (node_id_equal(push->stream.node, core->self)) {
        TRY(serve_returned(core, peer, push, &answer));
        *out_answer = answer;
        return status_ok();
    }
    if (p.stream) {
        p.range = p.stream->range;
    }
    TRY(push_check(&p, &answer.verdict));
    answer.at = p.at;
    if (answer.verdict == VERDICT_OK) {
        TRY(push_append(&p));
        TRY(answer_accepted(&p, arena, &answer));
    } else {
        TRY(answer_held(core, node_id_equal(push->stream.node, peer) ? p.stream : NULL, arena, &answer));
    }
    *out_answer = answer;
    return status_ok();
}
