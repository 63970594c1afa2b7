/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_SHADOW_H
#define SYNC_SHADOW_H

#include "conflict/record.h"
#include "proto/ids.h"
#include "proto/memory.h"
#include "sync/crypto.h"

/* The shadow of a legacy row: what this connector last saw in it or wrote to it (connector.md, "The shadow"). A value;
 * its bytes (shadow_encode) are one opaque blob that the connector stores under (lane, table, row key), in our own
 * schema of the legacy database or in our store, beside `version`, which rises by one with each change, so that storing
 * is compare-and-set: replace version v - 1 by v, insert version 1 only where nothing is.
 *
 * Everything lives in the caller's arena; spans of a decoded shadow point into the decoded bytes. Who ties a row to
 * what stands here too: record, part. Shadows of vanished rows are kept.
 *
 * Proved by tests/unit/sync/test_shadow.c. */

/* A column as the driver reads it. */
struct shadow_cell {
    struct span column; /* its name */
    struct span bytes;
    bool null; /* then bytes are empty */
};

/* What a clerk can have read: a causal context, sorted by replica, one entry per replica. */
struct shadow_vector {
    struct ctx_entry *entries;
    size_t count;
};

/* A keyed digest (HMAC under the node secret, truncated) of the raw cells of one register: enough to know a value that
 * comes back, and nothing to erase. */
struct shadow_digest {
    uint8_t bytes[16];
};

/* What a write-back replaced. */
struct shadow_past {
    uint64_t replaced_at_ms;
    bool open; /* no comparison has yet found the row unchanged more than form_window after it: it still bounds contexts
                */
    struct shadow_digest raw;
    struct shadow_vector vector;
};

enum shadow_register_flag {
    SHADOW_RECAPTURE = 1 << 0, /* the row's value is to be captured whatever its raw bytes: its leaf is lost for good,
                                  or the row was bound with another value than the one first captured */
    SHADOW_SENT = 1 << 1,      /* `sent` holds */
    SHADOW_UNSAID = 1 << 2,    /* ... but the mapping could not say that value: the row still shows the one before */
    SHADOW_SETTLED = 1 << 3,   /* SHADOW_OURS: the conflict that it told of has been settled, and it says so */
};

struct shadow_register {
    uint32_t number;
    uint32_t flags;
    struct hash sent;             /* SHA-256 of the canonical value captured or written last; with SHADOW_SENT */
    enum complaint_status status; /* REG_STATUS: that value, else COMPLAINT_NONE */
    struct ctx_entry leaf;        /* the leaf that the row's value came from; rseq 0: none */
    struct shadow_cell *cells;    /* raw, as read back inside the writing transaction */
    size_t cell_count;
    struct shadow_vector vector;
    struct shadow_past *past; /* oldest first */
    size_t past_count;
};

/* A blanked raw value (erasure): the same bytes coming back within 24 h are blanked again, never captured. */
struct shadow_blanked {
    uint32_t number;
    uint64_t at_ms;
    struct shadow_digest raw;
};

/* An erasure carried out in this row. */
struct shadow_erasure {
    struct dot dot;
    uint64_t at_ms;
    bool seen; /* the row was found unchanged more than form_window after: whoever writes now knows of it */
};

struct shadow_claimed {
    uint32_t number;
    struct shadow_cell *cells;
    size_t cell_count;
};

/* An interrupted capture: stored before its leaves, closed by the shadow after them. */
struct shadow_claim {
    bool open;
    uint8_t number[16]; /* random; stands in the leaves' bodies */
    struct shadow_claimed *registers;
    size_t register_count;
};

enum shadow_state {
    SHADOW_NEW = 0, /* claimed only: the row is not captured yet */
    SHADOW_TIED = 1,
    SHADOW_VANISHED = 2,  /* the row is gone since `since_ms`; grace, then presence = withdrawn */
    SHADOW_WITHDRAWN = 3, /* ... and that has been written */
    SHADOW_UNTIED = 4,    /* vanished after a route away: writes nothing any more */
    SHADOW_OURS = 5,      /* a row of ours that tells clerks something: nothing is captured from it; its one register is
                             what it tells of, with the digest of its text */
};

struct shadow {
    uint64_t version; /* 1, 2, 3... */
    enum shadow_state state;
    struct record_id record;
    struct part_id part;          /* zero: the row is the complaint itself */
    uint64_t since_ms;            /* of the state, for VANISHED and WITHDRAWN */
    bool routed;                  /* the status that the mapping names for "dialihkan" has been written */
    bool held;                    /* "perhaps the same case": nothing is written back until a person says so */
    struct shadow_cell *identity; /* raw identity columns */
    size_t identity_count;
    struct shadow_register *registers; /* ascending by number */
    size_t register_count;
    struct shadow_blanked *blanked;
    size_t blanked_count;
    struct shadow_erasure *erasures;
    size_t erasure_count;
    struct shadow_claim claim;
};

/* Its row is gone: the next one with the same identity columns is that row again. */
bool shadow_state_is_gone(enum shadow_state state);

struct status shadow_encode(const struct shadow *shadow, struct arena *arena, struct span *out_bytes) MUST_CHECK;
/* INVALID for damaged bytes, UNSUPPORTED for a newer encoding; spans point into `bytes`. */
struct status shadow_decode(struct span bytes, struct arena *arena, struct shadow *out_shadow) MUST_CHECK;
/* A copy whose arrays may be changed without touching the original, with room for `more` registers; bytes of cells stay
 * borrowed. */
struct status shadow_copy(const struct shadow *shadow, size_t more, struct arena *arena, struct shadow *out_copy) MUST_CHECK;

/* NULL if the row does not carry it. */
const struct shadow_register *shadow_register_find(const struct shadow *shadow, uint32_t number);

/* Same columns with the same raw bytes, in the same order. */
bool shadow_cells_equal(const struct shadow_cell *a, size_t a_count, const struct shadow_cell *b, size_t b_count);
void shadow_cells_digest(const struct crypto *crypto, struct span secret, const struct shadow_cell *cells, size_t count,
                         struct shadow_digest *out_digest);

/* ---- vectors ---- */

/* rseq of a replica, 0 if it is not named. */
uint64_t shadow_vector_rseq(const struct shadow_vector *vector, struct replica replica);
bool shadow_vector_covers(const struct shadow_vector *vector, struct dot dot);
bool shadow_vector_equal(const struct shadow_vector *a, const struct shadow_vector *b);
/* Pointwise minimum; a replica that one of both does not name is dropped. */
struct status shadow_vector_min(const struct shadow_vector *a, const struct shadow_vector *b, struct arena *arena,
                                struct shadow_vector *out_vector) MUST_CHECK;
/* `vector` with the entries of the own lane (same node and lane, all epochs) as they are in `current`. */
struct status shadow_vector_own(const struct shadow_vector *vector, const struct shadow_vector *current,
                                struct node_id node, uint32_t lane, struct arena *arena,
                                struct shadow_vector *out_vector) MUST_CHECK;
/* The record's vv, the entry of every sibling of that register with another value than `value` lowered to just below
 * it: what a row that shows `value` proves to have been read. */
struct status shadow_vector_seen(const struct record *record, struct part_id part, uint32_t number, struct span value,
                                 struct arena *arena, struct shadow_vector *out_vector) MUST_CHECK;
/* `vector` plus the own leaf, so far as no sibling of the own replica that it does not cover stands in between. */
struct status shadow_vector_raise(const struct shadow_vector *vector, const struct record *record, struct part_id part,
                                  uint32_t number, struct ctx_entry leaf, struct arena *arena,
                                  struct shadow_vector *out_vector) MUST_CHECK;

#endif
