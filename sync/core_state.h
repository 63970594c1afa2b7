/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_CORE_STATE_H
#define SYNC_CORE_STATE_H

#include "sync/core.h"
#include "sync/note.h"
#include "sync/stream.h"

/* What the files of the core share. Nothing outside sync/ includes this. */

#define CACHE_BUCKETS 1024
#define RECORDS_BUDGET (SIZE_MAX / 2) /* no bound in itself: so that an arena says what it has taken */

enum phase {
    PHASE_HELLO, /* nothing compared with the hub yet */
    PHASE_FETCH, /* own leaves are coming back from the hub */
    PHASE_READY,
};

/* The small numbers of a store, one row of STORE_META; by value, so that undo is an assignment. */
struct core_meta {
    uint32_t epoch;      /* of own streams, 0: not opened */
    uint64_t hlc;        /* last stamp given or followed */
    uint64_t changed;    /* record_row.changed */
    uint64_t order;      /* of due and owed rows */
    uint64_t event;      /* number of the last event and evidence */
    uint64_t lanes;      /* bit per open connector lane */
    uint8_t lease[16];
    bool has_lease;
    bool rewriting;      /* an archived tail waits to be written again */
    struct node_id stopped[LIMIT_STOPPED];
    uint32_t stopped_count;
};

/* A record as it is now; it and all it points to live in the arena of its generation. */
struct cached {
    struct record record;
    struct cached *next;      /* in its bucket */
    struct cached *next_dirty; /* of those that the next flush saves, the last made dirty first */
    unsigned generation;      /* index in core.records */
    bool exists;              /* it has a row */
    bool dirty;               /* set by record_dirty */
    bool had_items;           /* inbox rows may exist */
    bool was_parked;
    uint64_t due_lanes;       /* lanes to which it becomes due */
    size_t history_saved;     /* history entries that flush has seen */
    struct scope_id owner_saved;
    struct apply_outcome parked; /* the last one that parked, for STORE_WAITING */
};

/* A leaf on its way into a record. */
struct incoming {
    struct stream *stream;  /* where it was read; for a relayed leaf the relay's stream */
    uint64_t seq;
    bool relayed;
    bool retried;           /* read again from the history */
    bool fresh;             /* just appended: a void one is told to its writer */
    struct span leaf;
    struct hash hash;
    struct header header;
    struct wire_body body;  /* LATER where what came does not fit the commitment */
    const struct body_value *values; /* of a present body, in the transaction's arena */
    size_t value_count;
    const char *bad;        /* scan or position failed: no dot, no effect */
};

/* The checkpoint that proved the last attachment, so that a run of relays verifies one signature. */
struct proven {
    struct span bytes; /* in scratch */
    struct note note;
    struct stream_id stream;
};

/* Pushes that were made and are not acknowledged yet, in memory only: what the tree was behind each, so that the next can
 * be made behind the last, and an answer is taken without reading the leaves again. */
#define PUSHES_AHEAD 2

struct made_pushes {
    uint32_t stream; /* number; 0: none */
    size_t count;
    struct tree_range ranges[PUSHES_AHEAD];
};

struct core_undo {
    struct core_meta meta, stored;
    struct made_pushes made;
    uint64_t registry_size;
    enum phase phase;
    bool in_doubt, lease_taken, current;
};

/* What a reader is giving back to the hub; number 0: nothing. */
struct give_back {
    uint32_t number;
    uint64_t from;
};

/* Leaf hashes behind the last full tile of streams that proofs were made for, so that the next proof hashes only what has
 * come since. A wrong one could only make a proof that its reader refuses. */
#define KEPT_TAILS 8

struct kept_tail {
    uint32_t stream; /* number, 0: none */
    uint64_t first;  /* seq of hashes[0] */
    size_t count;
    struct hash hashes[LIMIT_TILE_HASHES];
};

struct core {
    struct core_options options;
    uint8_t *deployment;      /* owned */
    const struct crypto *crypto;
    struct store *store;
    struct node_id self, hub;
    struct scope_id scope;    /* of self */
    bool is_hub;
    bool loaded;              /* what is cached is what the store holds */
    bool open;                /* inside a transaction */
    bool marked;
    bool in_doubt;
    bool current;             /* a pull came back with nothing left, since the store was read */
    enum phase phase;
    uint64_t now_ms;
    uint64_t level;           /* undo level: rises with begin and mark */
    uint64_t level_begin, level_mark;
    uint64_t group;           /* number of the local transaction: what must travel in one push */
    size_t group_leaves, group_bytes;
    bool lease_taken;
    struct give_back back;
    struct core_meta meta;
    struct core_meta stored;  /* what the row holds */
    struct made_pushes made;  /* node */
    struct core_meta committed; /* what the row held after the last commit that was OK */
    struct core_undo at_begin, at_mark;
    struct arena arena;       /* of the transaction */
    struct arena scratch;     /* of one call */
    struct arena registry_arena;
    struct registry registry;
    struct stream_set set;
    struct kept_tail tails[KEPT_TAILS];
    size_t tail_next;         /* the one to be given up */
    struct cached *buckets[CACHE_BUCKETS];
    struct cached *dirty;
    struct arena records[2];  /* generations: records stay over transactions until their generation is the older one and the
                               * younger has grown full */
    unsigned young;           /* index of the one that takes what is loaded */
    struct scope_id *grown;   /* in the arena */
    size_t grown_count, grown_capacity;
    bool registry_grown;
    bool news, news_all;     /* by others, found by core_begin */
    bool missed;             /* the store told of some, and they could not be followed yet */
    struct record_id *saved; /* in the arena */
    size_t saved_count, saved_capacity;
    struct proven proven;
    struct void_leaf *voids;  /* of one push, in the arena */
    size_t void_count, void_capacity;
};

/* ---- core.c ---- */
void group_next(struct core *core);

/* ---- give_back.c: a hub that lacks what it signed ---- */
struct status hub_compare(struct core *core, struct node_id peer, const struct hello *hello, struct arena *arena,
                          struct stream_state **out_behind, size_t *out_count) MUST_CHECK;
bool hub_is_behind(struct core *core, struct node_id peer, const struct pull *pull);
struct status serve_returned(struct core *core, struct node_id peer, const struct push *push,
                             struct push_answer *answer) MUST_CHECK;
struct status read_states(struct core *core, struct arena *arena, struct stream_state **out_states,
                          size_t *out_count) MUST_CHECK;
struct status give_back_begin(struct core *core, const struct stream_state *behind, size_t count) MUST_CHECK;
struct status give_back_make(struct core *core, struct arena *arena, struct push *out_push) MUST_CHECK;
struct status give_back_answered(struct core *core, const struct push_answer *answer, struct next *out_next) MUST_CHECK;

/* ---- core_open.c ---- */
/* FORKED with the fault filled where what is stored is not what was signed or acknowledged. */
struct status stream_check(struct core *core, struct stream *stream, struct fault *fault) MUST_CHECK;

/* ---- core_follow.c ---- */
/* At the begin of a transaction: what is cached is what the store holds. */
struct status core_catch_up(struct core *core) MUST_CHECK;
bool core_store_is_behind(const struct core *core);

/* ---- core_load.c: what the store says, and back into it ---- */
struct status core_load(struct core *core) MUST_CHECK;
struct status core_meta_load(struct core *core) MUST_CHECK;
/* The registry's leaves that are not applied yet. */
struct status core_registry_follow(struct core *core) MUST_CHECK;
struct status core_meta_save(struct core *core) MUST_CHECK;
/* One leaf of the registry stream: header NULL where it does not stand; it counts all the same. */
struct status registry_leaf(struct core *core, const struct header *header, const struct wire_body *body) MUST_CHECK;
bool scope_is_registry(struct scope_id scope);
/* The leaf stands where it says. */
bool header_stands(const struct header *header, struct stream_id id, uint64_t seq);
/* Reads the registry again from its stream. */
struct status core_registry_load(struct core *core) MUST_CHECK;
/* Records, meta and chunks of this transaction into the store. */
struct status core_flush(struct core *core) MUST_CHECK;

/* ---- core_records.c ---- */
/* Loads what is not there yet, one call of the store for all. */
struct status records_prefetch(struct core *core, const struct record_id *ids, size_t count) MUST_CHECK;
struct status record_cached(struct core *core, struct record_id id, struct cached **out_cached) MUST_CHECK;
/* Sorts and drops repeats. */
size_t record_ids_unique(struct record_id *ids, size_t count);
/* Marks a record for the next flush; an undo knows by it that the record is not what the store holds. */
void record_dirty(struct core *core, struct cached *cached);
/* At the begin of a transaction: keeps what may be kept, within LIMIT_RECORD_CACHE. */
void records_begin(struct core *core);
/* Those that the transaction, or what is undone of it, may have changed: all are loaded anew. */
void records_forget(struct core *core);
struct status records_flush(struct core *core) MUST_CHECK;
bool record_has_own_parked(const struct core *core, const struct record *record);

/* ---- core_apply.c ---- */
/* Hash, scan, position and body of in->leaf, which stands at (in->stream, in->seq) or, relayed, at `place`. OK also for a
 * bad leaf (in->bad); NO_MEMORY, or LIMIT for one that breaks a format limit. */
struct status incoming_read(struct core *core, struct incoming *in, struct stream_id place, uint64_t place_seq) MUST_CHECK;
/* A leaf of a record's history, or (HISTORY_RELAYED) one that a relay brought, read again from the store. NOT_FOUND. */
struct status entry_read(struct core *core, const struct history_entry *entry, struct incoming *out_in) MUST_CHECK;
/* A change, at its own dot. What had waited for it is tried by apply_parked. */
struct status apply_change(struct core *core, struct incoming *in, struct apply_outcome *out_outcome) MUST_CHECK;
/* The record built anew from the leaves of its history that are still there. */
struct status record_rebuild(struct core *core, struct record_id id) MUST_CHECK;
/* Effect of a leaf that has just been appended to its stream; of a relay with its attachment (NULL: not there). */
struct status apply_leaf(struct core *core, struct incoming *in, const struct attachment *attachment) MUST_CHECK;
/* Parked changes of the record that may go now. */
struct status apply_parked(struct core *core, struct cached *cached) MUST_CHECK;
/* The same leaf waits already, and with its body, which this copy lacks: a parked entry's place is that of the last copy. */
bool held_better(const struct cached *cached, const struct incoming *in);
/* Those that waited for a registry of this size. */
struct status apply_waiting_registry(struct core *core) MUST_CHECK;
/* Whether it is a present body that fits header and commitment and holds exactly the header's registers; only then out_body is
 * written. NO_MEMORY is no answer: a body must never be taken for a wrong one because memory ran out. */
struct status body_fits(struct core *core, const struct header *header, const struct wire_body *body, struct arena *arena,
                        struct body *out_body, bool *out_fits) MUST_CHECK;
struct status quarantine_leaf_text(struct core *core, const struct incoming *in, struct span why) MUST_CHECK;
struct status quarantine_leaf(struct core *core, const struct incoming *in, const char *why) MUST_CHECK;
bool writer_is_stopped(const struct core *core, struct node_id node);

/* ---- core_attach.c: foreign leaves that relays bring ---- */
struct status apply_relay(struct core *core, struct incoming *in, const struct attachment *attachment) MUST_CHECK;
/* Signature of a stream's checkpoint by the key that the registry names, for the hub also by the trust root. */
struct status checkpoint_check(struct core *core, struct span bytes, struct stream_id stream, struct arena *arena, struct note *out_note) MUST_CHECK;

/* ---- stream_chunk.c ---- */
/* As stream_append, of leaves behind which the tree has been computed already. */
struct status stream_append_run(struct core *core, struct stream *stream, const struct incoming *leaves, size_t count,
                                const struct tree_range *range) MUST_CHECK;

/* ---- core_append.c: leaves of our own ---- */
/* A leaf of this node: place, stamp, registry size and commitment are filled in, then it is appended; it is not applied. */
struct status append_own(struct core *core, struct stream *stream, struct header *header, struct span body,
                         struct incoming *out_in, struct fault *fault) MUST_CHECK;
/* The same with a body whose commitment stands in the header already; a stamp that is set is kept. */
struct status append_made(struct core *core, struct stream *stream, struct header *header, struct wire_body body,
                          struct incoming *out_in, struct fault *fault) MUST_CHECK;
struct status own_stream(struct core *core, struct scope_id scope, struct stream **out_stream) MUST_CHECK;
/* Own streams from now on are of this epoch; a node's begins with epoch_open. */
struct status epoch_begin(struct core *core, uint32_t epoch) MUST_CHECK;
/* The next rseq of an own replica and the leaf before it, parked ones counted. */
void own_next(const struct record *record, struct replica replica, uint64_t *out_rseq, struct hash *out_prev);
struct status stream_grew(struct core *core, const struct stream *stream) MUST_CHECK;

/* ---- relay.c, hub ---- */
struct status owe_record(struct core *core, struct cached *cached) MUST_CHECK;
struct status owe_clamp(struct core *core, const struct incoming *in) MUST_CHECK;

/* ---- inbox.c, due.c, erase.c, events.c ---- */
/* Whether the record can have items at all: a look without memory. */
bool inbox_possible(const struct record *record);
struct status inbox_update(struct core *core, struct cached *cached, uint32_t *out_persons) MUST_CHECK;
struct status due_update(struct core *core, struct cached *cached) MUST_CHECK;
/* refs.c: the external numbers that records are found by. */
struct status refs_update(struct core *core, struct cached *cached) MUST_CHECK;
struct status erasure_update(struct core *core, struct cached *cached) MUST_CHECK;
struct status event_add(struct core *core, const char *what, struct record_id record) MUST_CHECK;
struct status evidence_add(struct core *core, const struct incoming *in, struct hash other) MUST_CHECK;

/* ---- sign.c ---- */
struct status stream_origin(struct core *core, struct stream_id stream, struct arena *arena, struct span *out_origin) MUST_CHECK;
/* Signs the stream's present size unless the newest note has it; the note is stored: commit before it goes out. */
struct status stream_sign(struct core *core, struct stream *stream, struct arena *arena, struct span *out_note) MUST_CHECK;
/* Adds this hub's cosignature to a verified note. */
struct status note_cosign(struct core *core, const struct note *note, struct arena *arena, struct span *out_note) MUST_CHECK;
/* DENIED unless the hub has cosigned it. */
struct status note_check_cosigned(struct core *core, const struct note *note) MUST_CHECK;

/* ---- push.c ---- */
/* The hub holds `size` leaves of an own stream with this root. OK: taken as acknowledged; INVALID: not what we hold. */
struct status stream_acknowledge(struct core *core, struct stream *stream, uint64_t size, const struct hash *root) MUST_CHECK;
struct next next_stop(const char *why);
struct next next_hello(struct core *core, const char *why);

/* ---- digest.c ---- */
/* Digests of the records that this batch touched, in the arena. */
struct status digests_make(struct core *core, const struct record_id *ids, size_t count, struct arena *arena,
                           struct record_digest **out_digests) MUST_CHECK;
/* A digest that differs under an equal vector becomes an event. */
struct status digests_compare(struct core *core, const struct record_digest *digests, size_t count) MUST_CHECK;

/* ---- serve_push.c, hello.c ---- */
bool peer_is_active(const struct core *core, struct node_id peer);
/* Sizes and roots of a peer's own streams, in the arena. */
struct status own_states(struct core *core, struct node_id node, struct arena *arena, struct stream_state **out_states, size_t *out_count) MUST_CHECK;

/* ---- cut.c ---- */
struct status cut_apply(struct core *core, const struct registry_cut *cut) MUST_CHECK;

/* ---- epoch.c ---- */
/* The hub holds another branch: every own leaf that it lacks is archived and taken out of its record. */
struct status epoch_archive(struct core *core) MUST_CHECK;
/* All own leaves are back: opens the next epoch and writes the archived ones again. */
struct status epoch_rewrite(struct core *core, uint32_t epoch_max, struct next *out_next) MUST_CHECK;

/* ---- lease.c ---- */
/* `touch_ms`: how old the time of last hearing may grow before it is written anew. */
struct status lease_check(struct core *core, struct node_id node, struct span lease, uint64_t touch_ms,
                          bool *out_valid) MUST_CHECK;
struct status lease_give(struct core *core, const struct hello *hello, struct arena *arena, struct span *out_lease, uint64_t *out_retry_ms) MUST_CHECK;

/* ---- small ---- */
/* SHA-256("simpul/record/v1" 00 node 00 nonce)[0..16]. */
void record_id_of(const struct core *core, struct node_id node, struct span nonce, struct record_id *out_id);
void core_sha256(const struct core *core, const struct span *parts, size_t count, struct hash *out_hash);
void key_be32(uint8_t *out, uint32_t value);
void key_be64(uint8_t *out, uint64_t value);
bool scope_is_none(struct scope_id scope);
bool node_is_none(struct node_id node);
/* The scope that a node id or scope id names: both are the same text. */
struct node_id node_of_scope(struct scope_id scope);

/* Doubles an array in the transaction's arena where it is full; the new room is zeroed. */
struct status core_grow(struct core *core, void *array_pointer, size_t count, size_t *capacity, size_t element_size) MUST_CHECK;

#endif
