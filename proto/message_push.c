/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message_parts.h"

static void void_leaf_get(struct wire *wire, const Simpul__VoidLeaf *from, struct void_leaf *to)
{
    to->seq = from->seq;
    to->why = wire_get_text(wire, from->why, LIMIT_WHY_SIZE);
}

static void void_leaf_put(struct wire *wire, const struct void_leaf *from, Simpul__VoidLeaf *to)
{
    simpul__void_leaf__init(to);
    to->seq = from->seq;
    to->why = wire_put_text(wire, from->why, LIMIT_WHY_SIZE);
}

WIRE_LIST(void_leaf, struct void_leaf, Simpul__VoidLeaf)

struct status push_write(const struct push *m, struct arena *arena, struct span *out_bytes)
{
    struct wire w;
    message_begin(&w, arena);
    Simpul__Push to;
    simpul__push__init(&to);
    to.node = wire_put_node(&w, m->stream.node);
    to.epoch = m->stream.epoch;
    to.scope = wire_put_scope(&w, m->stream.scope);
    to.old_size = m->old_size;
    to.checkpoint = wire_put_bytes(&w, m->checkpoint, LIMIT_NOTE_SIZE);
    to.lease = wire_put_bytes(&w, m->lease, LIMIT_LEASE_SIZE);
    to.leaves = wire_leaf_list_put(&w, m->leaves, m->leaf_count, LIMIT_BATCH_LEAVES);
    to.n_leaves = m->leaf_count;
    to.consistency =
        wire_put_fixed_list(&w, m->consistency, m->consistency_count, LIMIT_PROOF_HASHES, sizeof *m->consistency);
    to.n_consistency = m->consistency_count;
    return message_pack(&w, &to.base, out_bytes);
}

struct status push_read(struct span bytes, struct arena *arena, struct push *out_m)
{
    struct wire w;
    const Simpul__Push *from = message_unpack(&w, arena, &simpul__push__descriptor, bytes);
    TRY(wire_end(&w));
    struct push m = {
        .stream.node = wire_get_node(&w, from->node),
        .stream.epoch = from->epoch,
        .stream.scope = wire_get_scope(&w, from->scope),
        .old_size = from->old_size,
        .checkpoint = wire_get_bytes(&w, from->checkpoint, LIMIT_NOTE_SIZE),
        .lease = wire_get_bytes(&w, from->lease, LIMIT_LEASE_SIZE),
        .leaves = wire_leaf_list_get(&w, from->leaves, from->n_leaves),
        .leaf_count = from->n_leaves,
        .consistency = wire_get_fixed_list(&w, from->consistency, from->n_consistency, sizeof *m.consistency),
        .consistency_count = from->n_consistency,
    };
    TRY(wire_end(&w));
    *out_m = m;
    return status_ok();
}

struct status push_answer_write(const struct push_answer *m, struct arena *arena, struct span *out_bytes)
{
    struct wire w;
    message_begin(&w, arena);
    Simpul__PushAnswer to;
    simpul__push_answer__init(&to);
    to.verdict = verdict_put(&w, m->verdict);
    to.size = m->size;
    to.root = wire_put_fixed(&m->root, sizeof m->root);
    to.checkpoint = wire_put_bytes(&w, m->checkpoint, LIMIT_NOTE_SIZE);
    to.at = m->at;
    to.voids = void_leaf_list_put(&w, m->voids, m->void_count, LIMIT_BATCH_LEAVES);
    to.n_voids = m->void_count;
    to.digests = record_digest_list_put(&w, m->digests, m->digest_count, LIMIT_BATCH_LEAVES);
    to.n_digests = m->digest_count;
    to.now_ms = m->now_ms;
    return message_pack(&w, &to.base, out_bytes);
}

struct status push_answer_read(struct span bytes, struct arena *arena, struct push_answer *out_m)
{
    struct wire w;
    const Simpul__PushAnswer *from = message_unpack(&w, arena, &simpul__push_answer__descriptor, bytes);
    TRY(wire_end(&w));
    struct push_answer m = {
        .verdict = verdict_get(&w, from->verdict),
        .size = from->size,
        .checkpoint = wire_get_bytes(&w, from->checkpoint, LIMIT_NOTE_SIZE),
        .at = from->at,
        .voids = void_leaf_list_get(&w, from->voids, from->n_voids),
        .void_count = from->n_voids,
        .digests = record_digest_list_get(&w, from->digests, from->n_digests),
        .digest_count = from->n_digests,
        .now_ms = from->now_ms,
    };
    wire_get_fixed(&w, from->root, &m.root, sizeof m.root);
    TRY(wire_end(&w));
    *out_m = m;
    return status_ok();
}
