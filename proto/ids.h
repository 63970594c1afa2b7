/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_IDS_H
#define PROTO_IDS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "proto/span.h"
#include "proto/status.h"

/* Identifiers. Each has a type of its own, so that a node cannot be passed for a scope nor a record for a part. All are
 * plain values; zero means "none" everywhere. */

/* 1 to 16 bytes [a-z0-9.], zero padded: a region code when the node was enrolled ("64.09"), or "hub". Permanent. */
struct node_id {
    char text[16];
};

/* Whose records a stream carries: a region or institution code, same alphabet; "registry" is reserved. */
struct scope_id {
    char text[16];
};

struct record_id {
    uint8_t bytes[16];
};

struct part_id {
    uint8_t bytes[16]; /* all zero: the record itself */
};

struct hash {
    uint8_t bytes[32]; /* SHA-256 */
};

/* Who writes, as far as a version vector must tell apart: an incarnation (epoch) of a node's store, and a lane in it
 * (0: our own screens and API; 1...: one per connector). Its numbers are never used twice. */
struct replica {
    struct node_id node;
    uint32_t epoch;
    uint32_t lane;
};

struct dot {
    struct replica replica;
    uint64_t rseq; /* 1, 2, 3... per record and replica; 0: none */
};

/* A dot and the hash of its leaf: an entry of a causal context, of a grant, of a version vector. */
struct ctx_entry {
    struct replica replica;
    uint64_t rseq;
    struct hash hash;
};

/* Names one append-only log. */
struct stream_id {
    struct node_id node;
    uint32_t epoch;
    struct scope_id scope;
};

/* 1 to 16 bytes of [a-z0-9.]; INVALID otherwise. */
struct status node_id_parse(struct span text, struct node_id *out_id) MUST_CHECK;
struct status scope_id_parse(struct span text, struct scope_id *out_id) MUST_CHECK;
size_t node_id_size(struct node_id id);
size_t scope_id_size(struct scope_id id);

/* The scope that a node writes into has the node's own name. */
struct scope_id scope_of_node(struct node_id node);

/* 32 lower-case hexadecimal digits and a terminating zero. */
void record_id_text(struct record_id id, char out_text[33]);
/* Accepts upper and lower case; INVALID unless exactly 32 digits. */
struct status record_id_parse(struct span text, struct record_id *out_id) MUST_CHECK;
void hash_text(struct hash hash, char out_text[65]);

/* Total orders, bytewise where bytes, else numeric: node, epoch, lane, then rseq. */
int node_id_compare(struct node_id a, struct node_id b);
int scope_id_compare(struct scope_id a, struct scope_id b);
int replica_compare(struct replica a, struct replica b);
int dot_compare(struct dot a, struct dot b);

static inline bool node_id_equal(struct node_id a, struct node_id b)
{
    return memcmp(a.text, b.text, sizeof a.text) == 0;
}

static inline bool scope_id_equal(struct scope_id a, struct scope_id b)
{
    return memcmp(a.text, b.text, sizeof a.text) == 0;
}

static inline bool record_id_equal(struct record_id a, struct record_id b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

static inline bool part_id_equal(struct part_id a, struct part_id b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

static inline bool hash_equal(struct hash a, struct hash b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

static inline bool replica_equal(struct replica a, struct replica b)
{
    return a.epoch == b.epoch && a.lane == b.lane && node_id_equal(a.node, b.node);
}

static inline bool dot_equal(struct dot a, struct dot b)
{
    return a.rseq == b.rseq && replica_equal(a.replica, b.replica);
}

static inline bool stream_id_equal(struct stream_id a, struct stream_id b)
{
    return a.epoch == b.epoch && node_id_equal(a.node, b.node) && scope_id_equal(a.scope, b.scope);
}

static inline bool part_id_is_none(struct part_id part)
{
    return part_id_equal(part, (struct part_id){{0}});
}

#endif
