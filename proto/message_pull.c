/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message_parts.h"

static void want_get(struct wire *wire, const Simpul__WantDot *from, struct dot *to)
{
    to->replica.node = wire_get_node(wire, from->node);
    to->replica.epoch = from->epoch;
    to->replica.lane = from->lane;
    to->rseq = from->rseq;
}

static void want_put(struct wire *wire, const struct dot *from, Simpul__WantDot *to)
{
    simpul__want_dot__init(to);
    to->node = wire_put_node(wire, from->replica.node);
    to->epoch = from->replica.epoch;
    to->lane = from->replica.lane;
    to->rseq = from->rseq;
}

WIRE_LIST(want, struct dot, Simpul__WantDot)

static void pull_part_get(struct wire *wire, const Simpul__PullPart *from, struct pull_part *to)
{
    to->stream.node = wire_get_node(wire, from->node);
    to->stream.epoch = from->epoch;
    to->stream.scope = wire_get_scope(wire, from->scope);
    to->first = from->first;
    to->checkpoint = wire_get_bytes(wire, from->checkpoint, LIMIT_NOTE_SIZE);
    to->consistency = wire_get_fixed_list(wire, from->consistency, from->n_consistency, sizeof *to->consistency);
    to->consistency_count = from->n_consistency;
    to->leaves = wire_leaf_list_get(wire, from->leaves, from->n_leaves);
    to->leaf_count = from->n_leaves;
}

static void pull_part_put(struct wire *wire, const struct pull_part *from, Simpul__PullPart *to)
{
    simpul__pull_part__init(to);
    to->node = wire_put_node(wire, from->stream.node);
    to->epoch = from->stream.epoch;
    to->scope = wire_put_scope(wire, from->stream.scope);
    to->first = from->first;
    to->checkpoint = wire_put_bytes(wire, from->checkpoint, LIMIT_NOTE_SIZE);
    to->consistency = wire_put_fixed_list(wire, from->consistency, from->consistency_count, LIMIT_PROOF_HASHES,
                                          sizeof *from->consistency);
    to->n_consistency = from->consistency_count;
    to->leaves = wire_leaf_list_put(wire, from->leaves, from->leaf_count, LIMIT_BATCH_LEAVES);
    to->n_leaves = from->leaf_count;
}

WIRE_LIST(pull_part, struct pull_part, Simpul__PullPart)

static void node_heard_get(struct wire *wire, const Simpul__NodeHeard *from, struct node_heard *to)
{
    *to = (struct node_heard){.node = wire_get_node(wire, from->node),
                              .seen_ms = from->seen_ms,
                              .caught_up_ms = from->caught_up_ms,
                              .said_ms = from->said_ms,
                              .skew_ms = from->skew_ms,
                              .health = health_get(wire, from->health)};
}

static void node_heard_put(struct wire *wire, const struct node_heard *from, Simpul__NodeHeard *to)
{
    simpul__node_heard__init(to);
    to->node = wire_put_node(wire, from->node);
    to->seen_ms = from->seen_ms;
    to->caught_up_ms = from->caught_up_ms;
    to->said_ms = from->said_ms;
    to->skew_ms = from->skew_ms;
    to->health = health_put(wire, from->health);
}

WIRE_LIST(node_heard, struct node_heard, Simpul__NodeHeard)

/* `want` and `want_records` have one count in the struct and are two lists on the wire, equally long. */
struct status pull_write(const struct pull *m, struct arena *arena, struct span *out_bytes)
{
    struct wire w;
    message_begin(&w, arena);
    Simpul__Pull to;
    simpul__pull__init(&to);
    to.have = stream_state_list_put(&w, m->have, m->have_count, LIMIT_READ_STREAMS);
    to.n_have = m->have_count;
    to.want = want_list_put(&w, m->want, m->want_count, LIMIT_WANT_COUNT);
    to.n_want = m->want_count;
    to.want_records =
        wire_put_fixed_list(&w, m->want_records, m->want_count, LIMIT_WANT_COUNT, sizeof *m->want_records);
    to.n_want_records = m->want_count;
    to.wait_ms = m->wait_ms;
    to.bytes_max = m->bytes_max;
    to.lease = wire_put_bytes(&w, m->lease, LIMIT_LEASE_SIZE);
    to.health = health_put(&w, m->health);
    return message_pack(&w, &to.base, out_bytes);
}

struct status pull_read(struct span bytes, struct arena *arena, struct pull *out_m)
{
    struct wire w;
    const Simpul__Pull *from = message_unpack(&w, arena, &simpul__pull__descriptor, bytes);
    TRY(wire_end(&w));
    if (from->n_want != from->n_want_records) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct pull m = {
        .have = stream_state_list_get(&w, from->have, from->n_have),
        .have_count = from->n_have,
        .want = want_list_get(&w, from->want, from->n_want),
        .want_records = wire_get_fixed_list(&w, from->want_records, from->n_want, sizeof *m.want_records),
        .want_count = from->n_want,
        .wait_ms = from->wait_ms,
        .bytes_max = from->bytes_max,
        .lease = wire_get_bytes(&w, from->lease, LIMIT_LEASE_SIZE),
        .health = health_get(&w, from->health),
    };
    TRY(wire_end(&w));
    *out_m = m;
    return status_ok();
}

struct status pull_answer_write(const struct pull_answer *m, struct arena *arena, struct span *out_bytes)
{
    struct wire w;
    message_begin(&w, arena);
    Simpul__PullAnswer to;
    simpul__pull_answer__init(&to);
    to.verdict = verdict_put(&w, m->verdict);
    to.parts = pull_part_list_put(&w, m->parts, m->part_count, LIMIT_PULL_ORIGINS);
    to.n_parts = m->part_count;
    to.wanted = attachment_list_put(&w, m->wanted, m->wanted_count, LIMIT_WANT_COUNT);
    to.n_wanted = m->wanted_count;
    to.own = stream_state_list_put(&w, m->own, m->own_count, LIMIT_OWN_STREAMS);
    to.n_own = m->own_count;
    to.digests = record_digest_list_put(&w, m->digests, m->digest_count, LIMIT_BATCH_LEAVES);
    to.n_digests = m->digest_count;
    to.more = m->more;
    to.now_ms = m->now_ms;
    to.heard = node_heard_list_put(&w, m->heard, m->heard_count, LIMIT_HEARD_COUNT);
    to.n_heard = m->heard_count;
    return message_pack(&w, &to.base, out_bytes);
}

struct status pull_answer_read(struct span bytes, struct arena *arena, struct pull_answer *out_m)
{
    struct wire w;
    const Simpul__PullAnswer *from = message_unpack(&w, arena, &simpul__pull_answer__descriptor, bytes);
    TRY(wire_end(&w));
    struct pull_answer m = {
        .verdict = verdict_get(&w, from->verdict),
        .parts = pull_part_list_get(&w, from->parts, from->n_parts),
        .part_count = from->n_parts,
        .wanted = attachment_list_get(&w, from->wanted, from->n_wanted),
        .wanted_count = from->n_wanted,
        .own = stream_state_list_get(&w, from->own, from->n_own),
        .own_count = from->n_own,
        .digests = record_digest_list_get(&w, from->digests, from->n_digests),
        .digest_count = from->n_digests,
        .more = from->more,
        .now_ms = from->now_ms,
        .heard = node_heard_list_get(&w, from->heard, from->n_heard),
        .heard_count = from->n_heard,
    };
    TRY(wire_end(&w));
    *out_m = m;
    return status_ok();
}
