/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFLICT_RECORD_H
#define CONFLICT_RECORD_H

#include "conflict/registry.h"
#include "proto/header.h"
#include "proto/message.h"
#include "proto/value.h"

/* One complaint as the merge sees it: registers with siblings, parts, erasures, and the history that everything can be
 * rebuilt from (merge.md). State is a function of the set of leaves and the registry, whatever the order of arrival
 * (tests/law/law_merge.c).
 *
 * All memory comes from record->arena and is never freed one by one: a record lives for one batch, is loaded from its
 * row (conflict/record_encode.c), changed, and saved. Spans of values may point into the row's bytes, the batch's
 * bodies or the arena; all three must outlive the record. Replica numbers below are indexes into record->replicas. */

struct replica_head {
    struct replica replica;
    uint64_t rseq;    /* of the last change applied, void ones counted; 0: known only from a context */
    struct hash hash; /* its leaf */
    uint64_t reg;     /* its registry size */
};

enum history_flag {
    HISTORY_PARKED = 1 << 0,  /* held, not applied: its dependencies are missing */
    HISTORY_VOID = 1 << 1,    /* applied as a no-op */
    HISTORY_BODY = 1 << 2,    /* has a body and it is present */
    HISTORY_ERASED = 1 << 3,  /* its body is to be (or has been) destroyed */
    HISTORY_RELAYED = 1 << 4, /* came as the attachment of a relay; (stream, seq) is the relay's place, see core */
    HISTORY_FORKED = 1 << 5,  /* contradicts what is held: evidence, no effect */
};

/* One change of this record, in the order in which it came. */
struct history_entry {
    uint32_t replica;
    uint64_t rseq;
    uint32_t stream; /* the store's number of the stream where the leaf lies */
    uint64_t seq;
    uint64_t reg;
    struct hash hash;
    enum kind kind;
    enum class class;
    uint32_t flags;
    struct part_id part; /* zero unless the leaf names one */
};

/* All of it: contexts that are lowered to an older change name it whole. */
#define HISTORY_HASH_SIZE 32

struct dot_index { /* a dot with its replica as an index into record->replicas */
    uint32_t replica;
    uint64_t rseq;
};

enum sibling_flag {
    SIBLING_STALE = 1 << 0, /* written as stale_edit */
    SIBLING_ERASED =
        1 << 1, /* an erasure covers it: never show or export `value`, which stays until record_body_gone */
    SIBLING_MISSING = 1 << 2, /* value not held (later, not entitled, destroyed): unreadable, not empty */
};

struct sibling {
    struct dot_index dot;
    struct hash hash; /* leaf */
    uint64_t hlc;
    enum kind kind;
    enum role role;
    uint32_t flags;
    struct dot_index grant;      /* rseq 0: none */
    struct span value;           /* encoded, empty when missing */
    uint64_t fingerprint;        /* of a value that the row leaves out, so that equal ones are known as equal; else 0 */
    const struct dot_index *ctx; /* only for presence, else NULL */
    size_t ctx_count;
};

struct record_register {
    struct part_id part; /* zero: the record's own */
    uint32_t number;
    uint64_t *covered; /* K: per replica index, the rseq covered; covered_count entries, missing ones are 0 */
    size_t covered_count;
    struct sibling *siblings; /* sorted by dot (replica identity, rseq) */
    size_t sibling_count;
    size_t sibling_capacity;
};

struct erasure {
    struct dot_index dot;
    struct hash hash;
    enum class class;    /* SEALED: reporter only; RESTRICTED: restricted and sealed */
    struct part_id part; /* zero: the record and all parts */
    struct dot_index grant;
    bool applied; /* false: its dependencies have not come; it hides as far as it can be trusted without them */
    bool vouched; /* written or relayed by the hub: hides before its dependencies come */
};

/* "Seen" of a change: it was written by somebody who knew of the erasure, so the erasure spares it. */
struct erasure_seen {
    struct dot_index change;
    struct dot erasure; /* may name a replica that the record does not know yet */
};

/* A create leaf that binds to the record's id. There may be several, of one node (log.md, "Kinds"). */
struct create_step {
    struct dot_index dot;
    struct hash hash;
    struct scope_id scope; /* of the stream in which it stands */
    bool hub;              /* written by the hub: grants the scope its right to write */
    bool is_void;          /* counts as the record's beginning, grants nothing */
};

struct route_step {
    struct dot_index dot;
    struct hash hash;
    struct scope_id from; /* scope of the stream in which the route leaf stands */
    struct scope_id to;
    const struct dot_index *ctx;
    size_t ctx_count;
};

struct clamp {
    struct dot_index dot;
    uint64_t accepted_ms; /* T; of several the smallest */
};

struct acknowledgement { /* an `erased` leaf */
    struct node_id author;
    struct node_id named; /* target.node: another node than that of the erase leaf is the one the hub speaks for */
    struct hash erasure;  /* leaf hash of the erase leaf, which may not be here yet */
};

struct record {
    struct record_id id;
    struct arena *arena;  /* borrowed */
    bool created;         /* a create leaf that binds to the id is held and applied (void ones count) */
    struct node_id maker; /* its node: SHA-256("simpul/record/v1" 00 node 00 nonce) binds it to id */
    struct scope_id
        first_scope; /* scope of the stream of the create with the smallest dot: owner until the first route */
    struct create_step *creates;
    size_t create_count, create_capacity;
    struct replica_head *replicas; /* sorted by nothing: order of appearance, indexes are stable */
    size_t replica_count, replica_capacity;
    struct record_register *registers; /* sorted by part, then number */
    size_t register_count, register_capacity;
    struct erasure *erasures;
    size_t erasure_count, erasure_capacity;
    struct erasure_seen *seen;
    size_t seen_count, seen_capacity;
    struct route_step *routes;
    size_t route_count, route_capacity;
    struct clamp *clamps;
    size_t clamp_count, clamp_capacity;
    struct acknowledgement *acknowledgements;
    size_t acknowledgement_count, acknowledgement_capacity;
    struct history_entry *history;
    size_t history_count, history_capacity;
    size_t parked_count; /* entries of history with HISTORY_PARKED */
    uint64_t changed;    /* copied to the row; set by the core */
};

void record_init(struct record *record, struct record_id id, struct arena *arena);

/* Index of a replica; NO_MEMORY, or LIMIT above LIMIT_RECORD_REPLICAS. _find gives UINT32_MAX if unknown. */
struct status record_replica(struct record *record, struct replica replica, uint32_t *out_index) MUST_CHECK;
uint32_t record_replica_find(const struct record *record, struct replica replica);

const struct record_register *record_register_find(const struct record *record, struct part_id part, uint32_t number);
/* History entry of a dot (never a forked one), or NULL. */
const struct history_entry *record_history_find(const struct record *record, struct replica replica, uint64_t rseq);
struct dot record_dot(const struct record *record, struct dot_index dot);

/* What somebody who reads the whole record now has read: the head of every replica, sorted, as a causal context. */
struct status record_token(const struct record *record, struct arena *arena, struct ctx_entry **out_ctx,
                           size_t *out_count) MUST_CHECK;

/* Scope that owns the record now: `to` of the shown route, else first_scope. */
struct scope_id record_owner(const struct record *record);
/* Newest route into `scope` (or the hub's create there) that is applied: the grant a change from that scope names.
 * false: none is needed or none exists. */
bool record_grant(const struct record *record, struct scope_id scope, struct node_id hub, struct ctx_entry *out_grant);

/* ---- apply ---- */

/* A leaf with its place and, where held, its body. */
struct change {
    const struct header *header;
    struct hash hash;
    uint32_t stream;
    uint64_t seq;
    bool relayed;
    bool binds; /* create only: the core found SHA-256("simpul/record/v1" 00 node 00 nonce)[0..16] equal to the record
                   id */
    enum body_state body;
    const struct body_value *values; /* of a present body */
    size_t value_count;
};

enum apply_result {
    APPLY_APPLIED,
    APPLY_DUPLICATE,
    APPLY_PARKED,
    APPLY_VOID,     /* a no-op that keeps its dot */
    APPLY_FORKED,   /* evidence: nothing advances; the caller stops applying that writer */
    APPLY_OWN_FORK, /* contradicts the reader's own replica: hold it and say hello (log.md, "forked") */
};

struct apply_outcome {
    enum apply_result result;
    const char *why;        /* static word for void and forked: "rights", "cut", "grant", "class", "prev", "ctx", ... */
    struct ctx_entry waits; /* parked: a dot that is not applied yet (its predecessor, else the first of ctx and grant;
                             * it may be held and parked itself); rseq 0: it waits for the create or the registry */
    uint64_t waits_registry; /* parked: registry size that it needs, 0 if that is not why */
    struct hash other;       /* forked: hash of the leaf that is held */
};

/* May this role write this register by this kind of leaf (merge.md, "Registers")? Asked before a leaf is made, so that
 * none is void; number 0 asks for the kind alone. Hub-only registers need the hub besides. A clerk may fill in `assign` and
 * `hidden` in what he makes (create, note, attach) and may not edit them later. That an automatic change covers no sibling
 * of another author is its writer's duty: the context it states is merged like any other. */
bool record_role_may(enum role role, enum kind kind, uint32_t number);

/* One change (a kind with a dot). Adds it to the history, parks it, or merges it: merge.md's apply(c), O(registers
 * written + history for ctx checks). `self` is the reader's own node id. A parked change that is given again is tried
 * again. An erase hides at once even when parked, if the hub wrote or relayed it or its right is proved by what is
 * held. The record shows no difference after a failure (NO_MEMORY; LIMIT above LIMIT_RECORD_REPLICAS,
 * LIMIT_RECORD_PARKED). FORKED keeps one history entry as evidence. OWN_FORK in ctx, grant or prev keeps it parked; a
 * second content for an own dot is not kept at all. */
struct status record_apply(struct record *record, const struct change *change, const struct registry *registry,
                           struct node_id self, struct apply_outcome *out_outcome) MUST_CHECK;

/* A clamp leaf: T for a dot, also of one that is not held yet. */
struct status record_clamp(struct record *record, struct dot dot, uint64_t accepted_ms) MUST_CHECK;

/* A parked entry that may be applicable now, for the caller to load and apply; SIZE_MAX if none. `from`: where to go on
 * (index into history), so that a round visits each entry once. */
size_t record_ready(const struct record *record, const struct registry *registry, size_t from);

/* A body that was missing has come (or come back). No effect if it has been erased since. */
struct status record_body(struct record *record, struct dot dot, const struct body_value *values,
                          size_t count) MUST_CHECK;

/* History entries whose bodies an erasure covers and that still have HISTORY_BODY: the caller destroys body and salt in
 * the store and then calls record_body_gone. Indexes into history, in the arena. */
struct status record_erased_bodies(const struct record *record, struct arena *arena, size_t **out_indexes,
                                   size_t *out_count) MUST_CHECK;
void record_body_gone(struct record *record, size_t history_index);
/* An erasure that erases nothing, because it was written by a former owner after the route out that did not know it. */
bool record_erasure_is_late(const struct record *record, const struct erasure *erasure);
/* The erasure hides now: applied, or trusted before its dependencies come, and not late. */
bool record_erasure_in_force(const struct record *record, const struct erasure *erasure);
/* `node` has said that it destroyed what the erasure covers. */
bool record_acknowledged(const struct record *record, const struct erasure *erasure, struct node_id node);

/* ---- show ---- */

struct shown {
    bool present;      /* something is there */
    struct span value; /* encoded; borrowed from the record, or the arena for unions */
    size_t sibling;    /* index of the one shown, SIZE_MAX for unions and strict flags made from several */
    bool readable;     /* false: erased or missing, nothing may be written back from it */
    bool conflict;     /* siblings with different values */
    bool person;       /* ... that asks for a person (inbox), else it informs (list) */
};

/* Pure function of siblings, clamps and registry; no local clock, locale or roster (merge.md, "Registers"). For
 * confidential and anonymous, absent shows present=true, value true. */
struct status record_show(const struct record *record, struct part_id part, uint32_t number, struct arena *arena,
                          struct shown *out_shown) MUST_CHECK;
/* min(hlc, T + 5 min) in milliseconds. */
uint64_t record_effective_ms(const struct record *record, const struct sibling *sibling);
/* Written by a former owner after the route out that did not know it. */
bool record_is_late(const struct record *record, const struct sibling *sibling);
/* Shown presence is withdrawn. */
bool record_is_withdrawn(const struct record *record);
enum complaint_status record_status(const struct record *record);

enum conflict_reason {
    CONFLICT_DIFFERS,   /* siblings of different values (presence: deleted there, edited here) */
    CONFLICT_LATE,      /* a late loosen or withdrawal that is not followed */
    CONFLICT_OMBUDSMAN, /* the Ombudsman set a status other than eskalasi_ombudsman */
};

/* One item per register that a person should know of; the first reason that holds. Late erasures are asked for with
 * record_erasure_is_late. */
struct conflict_item {
    struct part_id part;
    uint32_t number;
    bool person;
    size_t sibling_count;
    enum conflict_reason reason;
};
struct status record_conflicts(const struct record *record, struct arena *arena, struct conflict_item **out_items,
                               size_t *out_count) MUST_CHECK;

/* Bytes over which the state digest is taken (merge.md, last paragraph): "simpul/state/v1" 00, ... big-endian, sorted.
 */
struct status record_state_bytes(const struct record *record, struct arena *arena, struct span *out_bytes) MUST_CHECK;

/* ---- row ---- (conflict/record_encode.c, record_decode.c) */

/* The store's encoding; versioned by its first byte. Values of parts above RECORD_VALUE_INLINE bytes stay out of the
 * row: they read back as SIBLING_MISSING with the body in the store (the core fills them when shown). */
#define RECORD_VALUE_INLINE 256
struct status record_encode(const struct record *record, struct arena *arena, struct span *out_bytes) MUST_CHECK;
/* INVALID for damaged bytes. Spans point into `bytes`. */
struct status record_decode(struct record_id id, struct span bytes, struct arena *arena,
                            struct record *out_record) MUST_CHECK;

#endif
