/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include "proto/header.h"

/* The peer dialogue as values (protocol.md; proto/sync.proto). Every message is decoded with a budget
 * (LIMIT_MESSAGE_MEMORY, taken from the arena); counts and sizes are checked on the raw bytes before anything is
 * allocated for them, and the depth is that of the schema (proto/wire.h). Spans point into the arena: keep it. */

#define PROTOCOL_VERSION 1

/* Body of one leaf as it travels. */
enum body_state {
    BODY_NONE = 0,         /* the leaf has none */
    BODY_PRESENT = 1,
    BODY_ERASED = 2,
    BODY_NOT_ENTITLED = 3,
    BODY_LATER = 4,
};

struct wire_body {
    enum body_state state;
    struct span salt; /* 32 bytes when present */
    struct span body;
};

/* The foreign leaf that a relay brings, with what proves it. */
struct attachment {
    struct stream_id stream;
    uint64_t seq;
    struct span leaf;           /* header bytes */
    struct wire_body body;
    struct span checkpoint;     /* signed note of the foreign stream, may be shared (empty: that of the attachment before) */
    const struct hash *proof;   /* inclusion proof of (seq, checkpoint size) */
    size_t proof_count;
};

struct wire_leaf {
    struct span leaf;
    struct wire_body body;
    const struct attachment *attachment; /* relay leaves, or NULL */
};

struct stream_state {
    struct stream_id stream;
    uint64_t size;
    struct hash root;
};

/* What a node says of itself with its regular messages, for people who look at the hub's screens. Its own word: nothing of
 * the protocol hangs on it. Programs before it say nothing. */
struct health {
    struct span program; /* its version, at most LIMIT_PROGRAM_SIZE */
    uint64_t now_ms;     /* its clock when it said so */
    uint64_t started_ms;
    uint64_t certificate_end_ms; /* 0: not known */
    uint64_t waiting;            /* own leaves that the hub does not have */
    uint64_t quarantine;         /* rows and leaves that it could not apply */
    uint64_t store_bytes;
    uint32_t connectors, connectors_stuck;
};

/* What the hub heard of a node, told to the province that reads its streams. */
struct node_heard {
    struct node_id node;
    uint64_t seen_ms, caught_up_ms, said_ms;
    int64_t skew_ms;
    const struct health *health; /* NULL: it says nothing */
};

/* POST /sync/v1/hello */
struct hello {
    uint32_t version;
    struct node_id node;
    struct span deployment;
    struct span program;           /* program version, for people */
    uint64_t now_ms;
    uint8_t instance[16];          /* random per installation of a store, to recognise a clone */
    struct span lease;             /* last lease held, may be empty */
    bool takeover;                 /* a person said `simpul takeover` */
    const struct stream_state *own; /* all own streams, all epochs */
    size_t own_count;
    uint32_t epoch_open;           /* epoch that this node opened and the registry may not know yet, 0: none */
    const struct stream_state *read; /* what the caller holds of the hub's streams */
    size_t read_count;
    const struct health *health; /* NULL: not said */
};

enum verdict {
    VERDICT_OK = 0,
    VERDICT_WRONG_DEPLOYMENT = 1,
    VERDICT_UNKNOWN_NODE = 2,
    VERDICT_LEASE_TAKEN = 3,     /* another instance holds it; retry_ms says when it may be given */
    VERDICT_UNKNOWN_EPOCH = 4,
    VERDICT_SIZE_DIFFERS = 5,    /* 409: size, root, checkpoint name what the hub holds */
    VERDICT_BAD_SIGNATURE = 6,
    VERDICT_BAD_ROOT = 7,
    VERDICT_BAD_LEAF = 8,        /* format limit or position; at = index in the batch */
    VERDICT_CUT = 9,
    VERDICT_TOO_NEW = 10,        /* reg or hub dot that does not exist: security */
    VERDICT_LIMIT = 11,
    VERDICT_BUSY = 12,
};

struct hello_answer {
    enum verdict verdict;
    uint32_t version;
    uint64_t now_ms;
    struct span lease;
    uint64_t retry_ms;
    struct span registry_checkpoint;       /* hub's signed note of the registry stream */
    const struct stream_state *own;        /* the hub's view of the caller's streams */
    size_t own_count;
    uint32_t epoch_max;                    /* highest epoch of the caller that the registry names */
    uint32_t leaves_max;                   /* batch limits */
    uint32_t bytes_max;
    const struct stream_state *behind; /* of those, what the hub holds less of: it is an older copy of itself */
    size_t behind_count;
};

/* POST /sync/v1/push */
struct push {
    struct stream_id stream;
    uint64_t old_size;
    struct span checkpoint; /* signed note over old_size + leaf_count */
    struct span lease;
    const struct wire_leaf *leaves;
    size_t leaf_count;
    const struct hash *consistency; /* a reader gives the hub its own leaves back: that they begin the checkpoint's tree */
    size_t consistency_count;
};

struct void_leaf {
    uint64_t seq;
    struct span why; /* static word: "rights", "cut", "format", ... */
};

/* Only digests under equal vectors can be compared: of equal sets of leaves and clamps. */
struct record_digest {
    struct record_id record;
    struct hash digest;
    struct hash vector; /* SHA-256 over the record's heads and clamps */
};

struct push_answer {
    enum verdict verdict;
    uint64_t size;            /* hub's size of the stream now */
    struct hash root;
    struct span checkpoint;   /* cosigned note */
    uint64_t at;              /* index of the offending leaf */
    const struct void_leaf *voids;
    size_t void_count;
    const struct record_digest *digests;
    size_t digest_count;
    uint64_t now_ms;
};

/* POST /sync/v1/pull */
struct pull {
    /* What the reader holds of each stream that it follows; root for fail-over checks. Streams of its own only while it
     * fetches its history after hello: then every one that the hub holds comes, named or not. */
    const struct stream_state *have;
    size_t have_count;
    const struct dot *want;          /* dots that parked changes wait for, with their record in want_records */
    const struct record_id *want_records;
    size_t want_count;
    uint32_t wait_ms;
    uint32_t bytes_max;
    struct span lease;               /* that of the last hello; empty: of a program that sends none */
    const struct health *health;     /* NULL: not said */
};

struct pull_part {
    struct stream_id stream;
    uint64_t first;           /* seq of leaves[0] */
    struct span checkpoint;   /* signed note over at least first + leaf_count */
    const struct hash *consistency; /* that first + leaf_count leaves are a prefix of the checkpoint's tree; none if equal */
    size_t consistency_count;
    const struct wire_leaf *leaves;
    size_t leaf_count;
};

struct pull_answer {
    enum verdict verdict;
    const struct pull_part *parts;
    size_t part_count;
    const struct attachment *wanted; /* answers to want */
    size_t wanted_count;
    const struct stream_state *own;  /* the hub's sizes of the caller's own streams */
    size_t own_count;
    const struct record_digest *digests;
    size_t digest_count;
    bool more;
    uint64_t now_ms;
    const struct node_heard *heard; /* to a province: of its regencies */
    size_t heard_count;
};

/* POST /sync/v1/bodies: positions in, bodies out. */
struct bodies_ask {
    const struct stream_state *positions; /* size = seq asked for; root unused */
    size_t count;
};

struct bodies_answer {
    enum verdict verdict;
    const struct wire_body *bodies; /* in the order of the positions */
    size_t count;
};

/* One function pair per message. write: bytes in `arena`. read: INVALID, LIMIT or NO_MEMORY; never reads outside `bytes`. */
struct status hello_write(const struct hello *m, struct arena *arena, struct span *out_bytes) MUST_CHECK;
struct status hello_read(struct span bytes, struct arena *arena, struct hello *out_m) MUST_CHECK;
struct status hello_answer_write(const struct hello_answer *m, struct arena *arena, struct span *out_bytes) MUST_CHECK;
struct status hello_answer_read(struct span bytes, struct arena *arena, struct hello_answer *out_m) MUST_CHECK;
struct status push_write(const struct push *m, struct arena *arena, struct span *out_bytes) MUST_CHECK;
struct status push_read(struct span bytes, struct arena *arena, struct push *out_m) MUST_CHECK;
struct status push_answer_write(const struct push_answer *m, struct arena *arena, struct span *out_bytes) MUST_CHECK;
struct status push_answer_read(struct span bytes, struct arena *arena, struct push_answer *out_m) MUST_CHECK;
struct status pull_write(const struct pull *m, struct arena *arena, struct span *out_bytes) MUST_CHECK;
struct status pull_read(struct span bytes, struct arena *arena, struct pull *out_m) MUST_CHECK;
struct status pull_answer_write(const struct pull_answer *m, struct arena *arena, struct span *out_bytes) MUST_CHECK;
struct status pull_answer_read(struct span bytes, struct arena *arena, struct pull_answer *out_m) MUST_CHECK;
struct status bodies_ask_write(const struct bodies_ask *m, struct arena *arena, struct span *out_bytes) MUST_CHECK;
struct status bodies_ask_read(struct span bytes, struct arena *arena, struct bodies_ask *out_m) MUST_CHECK;
struct status bodies_answer_write(const struct bodies_answer *m, struct arena *arena, struct span *out_bytes) MUST_CHECK;
struct status bodies_answer_read(struct span bytes, struct arena *arena, struct bodies_answer *out_m) MUST_CHECK;

const char *verdict_name(enum verdict v);
/* What a refused node tells its officer: one sentence with what to do. */
const char *verdict_sentence(enum verdict v);

#endif
