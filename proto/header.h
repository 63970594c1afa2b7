/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_HEADER_H
#define PROTO_HEADER_H

#include "proto/ids.h"
#include "proto/limits.h"
#include "proto/memory.h"
#include "proto/vocabulary.h"

/* The leaf: header bytes as received, never re-encoded (log.md, "The leaf"). One accepted encoding: fields ascending, no
 * duplicates, no unknown fields, no defaults, shortest varints. The scan of the raw bytes is the parser; this codec does
 * not use protobuf-c, though the bytes are what a protobuf program writes for proto/header.proto.
 *
 * Which kind has what (header_rules.c): a change (create to route) has record, rseq and, above rseq 1, prev. create: nonce,
 * registers, body, no ctx. edit, stale_edit: registers, body; with `part` registers of a part, else of the record. note,
 * attach: part, its registers, body. loosen: confidential or anonymous, no body. route: the register route alone and one
 * target with the new scope, no body. erase: no registers, body, target. erased: one target with node and hash. relay, clamp:
 * record and one target (node, epoch, hash; relay: scope; clamp: accepted_ms) and nothing else of a change. epoch_open and
 * registry kinds: nothing of a record; registry kinds have a body. Registers that this program does not know pass anywhere.
 *
 * Guarantees (tests/unit/proto/test_header.c, tests/fuzz/fuzz_header.c): scan(write(h)) == h; write(scan(b)) == b for
 * every accepted b; no byte string of any size makes scan read outside it, recurse or allocate more than 64 KiB. */

#define HEADER_FMT 1

struct target {
    struct replica replica; /* may be zero for a pure stream position */
    uint64_t rseq;
    struct hash hash;       /* leaf hash; may be zero in a route (nothing but scope) */
    uint64_t accepted_ms;   /* T, relay and clamp; 0 when unknown */
    struct scope_id scope;  /* route: new owner; relay: scope of the foreign stream */
};

struct header {
    struct node_id node;
    uint32_t epoch;
    uint32_t lane;
    struct scope_id scope;
    uint64_t seq;
    struct record_id record;   /* has_record */
    uint64_t rseq;
    struct hash prev;          /* has_prev */
    const struct ctx_entry *ctx; /* borrowed from the arena; sorted by replica, one per replica */
    size_t ctx_count;
    uint64_t hlc;              /* ms << 16 | counter */
    uint64_t reg;              /* registry size the author had applied */
    enum kind kind;
    struct span actor;         /* borrowed from the leaf; a pseudonym */
    enum role role;
    struct hash commitment;    /* has_body */
    uint32_t body_size;
    enum class class;
    const uint32_t *registers; /* ascending */
    size_t register_count;
    struct part_id part;       /* zero: none */
    const struct target *targets;
    size_t target_count;
    struct span nonce;         /* only create */
    const struct dot *erasures_seen; /* sorted */
    size_t erasures_seen_count;
    struct ctx_entry grant;    /* has_grant */
    const uint32_t *open;      /* only create; ascending; subset of registers */
    size_t open_count;
    bool has_record;
    bool has_prev;
    bool has_body;
    bool has_grant;
};

static inline struct replica header_replica(const struct header *h)
{
    return (struct replica){.node = h->node, .epoch = h->epoch, .lane = h->lane};
}

static inline struct dot header_dot(const struct header *h)
{
    return (struct dot){.replica = header_replica(h), .rseq = h->rseq};
}

/* Parses and checks one leaf. Arrays are allocated in `arena`, spans point into `leaf`, so both must outlive out_header.
 * INVALID with a fault naming field and byte offset for anything but the one accepted encoding, for fields that the kind
 * must not have or lacks (kind_info), and for unknown kinds and fmt (UNSUPPORTED); LIMIT above a format limit. */
struct status header_scan(struct span leaf, struct arena *arena, struct header *out_header, struct fault *fault) MUST_CHECK;

/* The one encoding. INVALID if the header breaks a rule that header_scan would refuse (a caller's mistake found before a
 * leaf exists), LIMIT above a format limit. Bytes live in `arena`. */
struct status header_write(const struct header *header, struct arena *arena, struct span *out_leaf,
                           struct fault *fault) MUST_CHECK;

/* The class rule (log.md, "Classes"): exactly the class of its registers; public without registers; an erase names what it
 * erases, never public. False makes an accepted leaf void, so header_scan lets it pass; header_write does not. */
bool header_class_fits(const struct header *header);

#endif
