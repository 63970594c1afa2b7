/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_CAPTURE_H
#define SYNC_CAPTURE_H

#include "sync/core.h"
#include "sync/shadow.h"

/* Capture and write-back: row + shadow + record -> what to do (connector.md). Pure: no store, no clock, no I/O, no
 * memory but the arena's. Connectors read, write and store what is decided here; the laws run the same functions
 * against simulated clerks (tests/law/law_capture.c: no edit is covered by somebody who had not seen it, no echo, no
 * fresh edit overwritten).
 *
 * How a connector goes through one row, under the row's lock or with a comparison as below:
 *
 *   read the row and its shadow; map it (struct capture_row); load the record; capture_decide
 *     NOTHING, WAIT  leave it; WAIT_PERSON until the record or the row changes, the others are worth another look later
 *     SETTLE         load the leaves of the claim (capture_leaves), decide again with `found`
 *     SHADOW         store decision.shadow (compare-and-set), decide again. After MATCH_VANISHED it is moved from the
 *                    vanished row's key to this one at the same time
 *     FORGET         delete the shadow (compare-and-set on the version given), decide again
 *     REPLACED       move the shadow away from this key (it stays among the vanished ones), decide again without shadow
 *     LEAVES         capture_claim, store decision.shadow; core_write each draft in one transaction; capture_done;
 * store the pending shadow in that transaction; commit; store the shadow (compare-and-set); drop the pending WRITE in
 * one legacy transaction: lock, read again; any mapped column or the shadow's version differs from what was decided on:
 * decide again. Write the columns, read them back, capture_written, store the shadow ROUTED, BLANK  the same, with
 * capture_routed, capture_blanked INSERT         (capture_insert) insert the row, read key and columns back,
 * capture_written, store the shadow, all in one legacy transaction; a shadow that already stands under that key is a
 * vanished row's: as REPLACED
 *
 * So raw differs -> capture comes first and nothing is written. Decisions are made for one row at a time; after LEAVES
 * the record has changed, so decide again. Items are told anew by each decision: the caller keeps one of a kind. */

/* What stays the same for a connector. */
struct capture_source {
    struct node_id self;
    uint32_t lane;               /* its own, for good */
    struct scope_id scope;       /* whose records belong here; zero: all (the hub's own connectors) */
    const struct crypto *crypto; /* borrowed */
    struct span secret;          /* the node secret, never renewed */
    struct span system;          /* name of the connector in nonces: never changed once rows are captured */
    struct span actor;           /* pseudonym of the clerks in leaves */
    uint64_t form_window_ms;     /* 0: the legacy system has a version column or lock */
    bool clock_unsure;           /* now_ms has been watched for less than that, or was set meanwhile: no window is over */
    bool ready;                  /* core_is_ready: hello is done, nothing is in doubt */
    bool (*is_acked)(const void *owner, uint32_t stream, uint64_t seq); /* core_is_acked */
    const void *is_acked_owner;
};

/* One register of the row's form. */
struct capture_register {
    uint32_t number;
    const struct shadow_cell *cells; /* the raw columns that feed it, always in the same order; none: a constant */
    size_t cell_count;
    bool present;        /* the row carries a value (not all columns NULL) */
    struct span value;   /* canonical, if present */
    const char *problem; /* static sentence: does not map; goes to the quarantine, the others go on */
    bool readable;       /* direction in or both */
    bool writable;       /* direction out or both, and the mapping can say it */
};

struct capture_row {
    const struct capture_register
        *registers; /* ascending by number; all of the form, also those that are not present */
    size_t register_count;
    const struct shadow_cell *identity;
    size_t identity_count;
    bool empty;            /* the mapping calls it empty: not captured before it is filled in */
    bool updated_in_place; /* the outbox reports an UPDATE of this key: changed identity columns are an edit */
};

/* What the caller found about a row without shadow, in this order. */
enum capture_match {
    MATCH_NONE,      /* nothing: a new complaint or note */
    MATCH_VANISHED,  /* exactly one vanished row here has the same identity columns: input.shadow is its shadow.
                        Vanished:  under its key stands no row, or one with other identity columns (the key was used
                        again) */
    MATCH_DERIVED,   /* a record (or part) of the derived id is held and no row here is tied to it: input.record */
    MATCH_REFERENCE, /* exactly one record of the scope has the same external reference, tied to no row here:
                        input.record */
    MATCH_DOUBTFUL,  /* several have, or one that is tied, or the derived id has another row (then counter + 1): a new
                        record with write-back held, listed as "perhaps the same case" */
};

/* A leaf of this node that wrote a register: of a claim, or the first that wrote it. */
struct capture_leaf {
    uint32_t number;
    struct ctx_entry leaf;
    struct shadow_vector ctx; /* of that leaf */
    struct span value;        /* canonical; empty if the body is gone */
    bool value_held;
};

struct capture_input {
    uint64_t now_ms;               /* when the row was read, or earlier */
    const struct capture_row *row; /* NULL: the row is not there (any more) */
    const struct shadow *shadow;   /* NULL: none */
    const struct record *record;   /* of the shadow, of the match, else NULL: not held */
    enum capture_match match;      /* only without shadow, or MATCH_VANISHED */
    struct record_id record_id;    /* without shadow: the derived id (capture_record_id), or for a note its record */
    struct span nonce;             /* the one it comes from; complaints */
    struct part_id part;           /* note rows: the derived id (capture_part_id), else zero */
    const struct shadow *parent;   /* note rows without shadow: shadow of the complaint's row, NULL while it has none */
    const struct shadow *const *parts; /* row vanished: shadows of the note rows of this complaint */
    size_t part_count;
    bool released;    /* shadow.held: nobody else bears the row's numbers any more, or a person folded the records */
    bool found_known; /* `found` was looked for (SETTLE, MATCH_DERIVED) */
    const struct capture_leaf *found;
    size_t found_count;
};

enum capture_action {
    CAPTURE_NOTHING,
    CAPTURE_WAIT,
    CAPTURE_SETTLE,
    CAPTURE_SHADOW,
    CAPTURE_FORGET,
    CAPTURE_REPLACED,
    CAPTURE_LEAVES,
    CAPTURE_WRITE,
    CAPTURE_INSERT, /* capture_insert only */
    CAPTURE_ROUTED,
    CAPTURE_BLANK,
};

enum capture_wait {
    WAIT_NONE,
    WAIT_HELLO,      /* an own leaf is missing and hello is not done */
    WAIT_OWN_LEAVES, /* an own leaf of the record is parked */
    WAIT_FOREIGN,    /* the shadow names a foreign leaf that the store does not hold yet */
    WAIT_RECORD,     /* the store does not hold the record yet */
    WAIT_PARENT,     /* note row: its complaint is not tied yet */
    WAIT_ACK,        /* a value is due, but the hub has not acknowledged the leaf of the one in the row */
    WAIT_GRACE,      /* vanished, the grace is running */
    WAIT_PERSON,     /* write-back is held: "perhaps the same case", or a conflict that asks for a person */
    WAIT_UNREADABLE, /* a value is due whose body is not here */
    WAIT_CLAIM,      /* insert: a claim is open for that record */
};
const char *capture_wait_text(enum capture_wait wait); /* static sentence */

enum capture_item_kind {
    ITEM_QUARANTINE,    /* a register does not map: `problem` */
    ITEM_STALE,         /* a form from before a write-back put an old value back: both values are listed */
    ITEM_LOOSENED,      /* a clerk made confidential or anonymous looser: no leaf, an admin decides */
    ITEM_SAME_CASE,     /* perhaps the same case as another record */
    ITEM_BLANKED_AGAIN, /* an erased value came back from an old form */
    ITEM_STEP,          /* status: the workflow does not know this step; applied and flagged */
};

struct capture_item {
    enum capture_item_kind kind;
    uint32_t number;     /* register, 0: the row */
    const char *problem; /* static, may be NULL */
};

/* What is to be written to the row, or its columns blanked. */
struct capture_write {
    uint32_t number;
    struct span value; /* canonical; none with BLANK */
    bool
        skipped; /* set by the caller: the mapping cannot say this value; told once, not tried again until it changes */
    /* For the completion. */
    struct ctx_entry leaf;
    struct shadow_vector vector;
};

struct capture_decision {
    enum capture_action action;
    enum capture_wait wait; /* also set beside NOTHING-like outcomes of one register */
    struct shadow *shadow;  /* SHADOW: to be stored. Others: what the completion goes on from */
    struct draft *drafts;   /* LEAVES: in this order */
    size_t draft_count;
    struct capture_write *writes; /* WRITE, INSERT, BLANK */
    size_t write_count;
    struct capture_item *items;
    size_t item_count;
    const struct capture_row *row; /* borrowed from the input */
    const struct record *record;   /* borrowed from the input; NULL: a create */
    const struct dot *erasures;    /* BLANK: carried out by it */
    size_t erasure_count;
};

/* NO_MEMORY; LIMIT if more is there than a leaf or shadow holds. Everything in the arena; borrows from the input. */
struct status capture_decide(const struct capture_source *source, const struct capture_input *input,
                             struct arena *arena, struct capture_decision *out_decision) MUST_CHECK;

/* A record (or, with `part`, a note) that has no row here: INSERT, WAIT or NOTHING. `numbers`: the registers that the
 * mapping can write, ascending. `unbound`: a row here has the derived id of that record or part but no shadow yet, or
 * one of a record that is not held (it will be forgotten and bound); who cannot tell captures all rows of the table
 * first; `claimed`: a claim is open on a row of the table that may be it. */
struct status capture_insert(const struct capture_source *source, const struct record *record, struct part_id part,
                             const uint32_t *numbers, size_t number_count, bool unbound, bool claimed,
                             struct arena *arena, struct capture_decision *out_decision) MUST_CHECK;

/* ---- completion: the shadow to store, in decision->shadow; its version is one more than that of the shadow before
 * ---- */

/* Opens a claim before the leaves are written (shadows in the legacy database): store decision->shadow first. Also puts
 * the number into the drafts. Without it capture_done works as well. */
struct status capture_claim(const struct capture_source *source, struct capture_decision *decision,
                            const uint8_t number[16], struct arena *arena) MUST_CHECK;
/* After LEAVES: `written` has one entry per draft. */
struct status capture_done(const struct capture_source *source, struct capture_decision *decision,
                           const struct written *written, struct arena *arena) MUST_CHECK;
/* After WRITE or INSERT: `row` as read back in the writing transaction. */
struct status capture_written(const struct capture_source *source, struct capture_decision *decision,
                              const struct capture_row *row, uint64_t now_ms, struct arena *arena) MUST_CHECK;
/* After ROUTED: the status cell is written. */
struct status capture_routed(const struct capture_source *source, struct capture_decision *decision,
                             const struct capture_row *row, uint64_t now_ms, struct arena *arena) MUST_CHECK;
/* After BLANK: the columns of decision->writes are blank. */
struct status capture_blanked(const struct capture_source *source, struct capture_decision *decision,
                              const struct capture_row *row, uint64_t now_ms, struct arena *arena) MUST_CHECK;

/* ---- derived ids ---- */

/* Nonce of the complaint that a row is: HMAC-SHA-256(secret, "simpul/row/v1" 00, then each of system, table, key and
 * the raw identity columns as be32 size and bytes (NULL: ffffffff), then the counter). */
void capture_nonce(const struct capture_source *source, struct span table, struct span key,
                   const struct shadow_cell *identity, size_t identity_count, uint32_t counter, uint8_t out_nonce[32]);
/* log.md: SHA-256("simpul/record/v1" 00 node 00 nonce)[0..16]; equal to core_record_id. */
struct record_id capture_record_id(const struct capture_source *source, struct span nonce);
/* Part of a note row: the same HMAC with "simpul/part/v1", truncated. */
struct part_id capture_part_id(const struct capture_source *source, struct span table, struct span key,
                               const struct shadow_cell *identity, size_t identity_count, uint32_t counter);

/* ---- reading of own leaves (needs the core; no I/O of its own) ---- */

/* `claim` of 16 bytes: the leaves of this node that carry it. Empty: per register of `part`, the first that this node's
 * lane wrote. */
struct status capture_leaves(struct core *core, const struct record *record, uint32_t lane, struct part_id part,
                             struct span claim, struct arena *arena, struct capture_leaf **out_leaves,
                             size_t *out_count) MUST_CHECK;
/* The shadow as capture_decide needs it: own changes that it names and that were archived, because an old copy of the store
 * had written on, are replaced by what they became (core_map_ctx). The same shadow if there are none. Read only. */
struct status capture_map(struct core *core, const struct capture_source *source, const struct record *record,
                          const struct shadow *shadow, struct arena *arena, const struct shadow **out_shadow) MUST_CHECK;
/* The record as capture_decide needs it: long values of `part`, which a record's row leaves out, are read from their
 * bodies. Shallow: valid as long as `record`. Read only. */
struct status capture_record(struct core *core, const struct record *record, struct part_id part, struct arena *arena,
                             struct record *out_record) MUST_CHECK;

#endif
