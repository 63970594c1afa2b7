/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_CORE_H
#define SYNC_CORE_H

#include "conflict/record.h"
#include "proto/message.h"
#include "sync/crypto.h"
#include "sync/store.h"

/* The core of a node or hub: values in, values out. It opens no socket, reads no clock, starts no thread, calls nobody
 * back but the store and the crypto it was given. The same code runs in production, in the laws and in the simulator.
 *
 * One caller at a time. Everything happens between core_begin and core_commit (or core_rollback): one store transaction,
 * in which any number of the calls below may be grouped. Nothing may be sent or acknowledged before core_commit returned
 * OK. After a failed or UNKNOWN commit the core has forgotten what it cached and reads the store again.
 *
 * What is written between two of core_begin, core_mark and core_mark_keep is one local transaction: its leaves travel in one
 * push (up to LIMIT_GROUP_LEAVES of them). A call that did not return OK may have done a part: undo to the mark or roll back;
 * only core_write's refusals (LIMIT, INVALID, BUSY, STALE, DENIED, NOT_FOUND, UNSUPPORTED) have done nothing.
 *
 * Proved by tests/unit/sync/test_core_*.c (stories, refusals, the n-th allocation and the n-th store call failing) and by
 * tests/law/law_exchange.c (random schedules with lost and doubled messages, crashes and restored backups). */

struct core;

/* In a history entry with HISTORY_RELAYED, `stream` and `seq` are the place of the relay; the foreign leaf that it brought
 * is at (stream | CORE_RELAYED, seq), for core_leaf. */
#define CORE_RELAYED 0x80000000u

struct core_options {
    struct memory memory;          /* by value; its owner outlives the core */
    const struct crypto *crypto;   /* borrowed */
    struct store *store;           /* borrowed */
    struct span deployment;        /* copied; [a-z0-9-]+ */
    struct node_id self;
    struct node_id hub;            /* equal to self at the hub */
    struct public_key hub_log_key; /* trust root of a node: verifies the hub's checkpoints; ignored at the hub */
    struct public_key hub_cosigner_key;
    bool in_doubt;                 /* the generation file does not fit: epoch + 1 before the first local write */
    uint8_t instance[16];          /* random, made once per installation */
    bool reads_only;               /* of a replica, which may go back to an older state; only core_begin_reading */
};

struct status core_new(const struct core_options *options, struct core **out_core) MUST_CHECK;
void core_free(struct core *core);

/* ---- transaction ---- */

struct status core_begin(struct core *core, uint64_t now_ms) MUST_CHECK;
/* For calls that only read, ended by core_rollback: where several processes write to the store it waits for none of them, and
 * what writes all the same fails with BUSY. */
struct status core_begin_reading(struct core *core, uint64_t now_ms) MUST_CHECK;
/* True behind a core_begin that found what other processes have committed since the last one: core_grown, core_registry_grown
 * and core_saved speak of that, until core_news_told; `all`: more than they can say. FORKED from core_begin: the store holds less
 * than was committed before. */
bool core_has_news(const struct core *core);
bool core_news_is_all(const struct core *core);
void core_news_told(struct core *core);
struct status core_commit(struct core *core) MUST_CHECK;
void core_rollback(struct core *core);
/* One level inside: a push that turns out bad undoes itself and nothing else. */
struct status core_mark(struct core *core) MUST_CHECK;
struct status core_mark_undo(struct core *core) MUST_CHECK;
struct status core_mark_keep(struct core *core) MUST_CHECK;

/* First start of a store: opens epoch 1 (a node: leaf 0 of its stream is epoch_open; the hub: registry with itself, its
 * keys and roles). Later starts: verifies the tail of own streams against their last signed notes. Must be called, and
 * committed, before anything else. FORKED if the store contradicts a note that it signed. */
struct status core_open(struct core *core) MUST_CHECK;
/* After FORKED, in the same transaction: the first stream that is damaged and where (fault->at, a seq, or a size where
 * fault->field says so). Hashes everything. NOT_FOUND: nothing is. */
struct status core_find_damage(struct core *core, struct stream_id *out_stream, uint32_t *out_number,
                               struct fault *out_fault) MUST_CHECK;

/* For a store on a server that was out of reach, outside a transaction: forgets what is cached, reads the store again and
 * checks it as core_open does, in a transaction of its own. FORKED also where the store holds less than was committed before:
 * another server, or an older copy, has taken its place. */
struct status core_return(struct core *core, uint64_t now_ms) MUST_CHECK;

/* ---- reading ---- */

/* The record as it is in this transaction; borrowed, valid until commit, rollback or mark_undo. NOT_FOUND. */
struct status core_record(struct core *core, struct record_id id, const struct record **out_record) MUST_CHECK;
/* Records of `scope` (zero: any) that bear an external number now and are neither withdrawn nor folded into another one; of
 * one that is folded (same_as) the one it stands for. At most `limit` (up to LIMIT_REFS_SAME) of them. */
struct status core_refs(struct core *core, const struct ref *ref, struct scope_id scope, size_t limit,
                        struct record_id *out_ids, size_t *out_count) MUST_CHECK;
const struct registry *core_registry(const struct core *core);
/* A sibling's value also where it is not in the row (long notes): from its body in the store. Empty and
 * out_state != BODY_PRESENT where it is gone. */
struct status core_sibling_value(struct core *core, const struct record *record, const struct record_register *reg,
                                 size_t sibling, struct arena *arena, struct span *out_value,
                                 enum body_state *out_state) MUST_CHECK;
/* Leaf bytes and body of a position. NOT_FOUND. */
struct status core_leaf(struct core *core, uint32_t stream, uint64_t seq, struct arena *arena,
                        struct wire_leaf *out_leaf) MUST_CHECK;

struct stream_info {
    uint32_t number;
    struct stream_id id;
    uint64_t size;
    struct hash root;
    uint64_t signed_size; /* of the newest note held (own: signed by us) */
    uint64_t acked_size;  /* own: what the hub has cosigned; foreign: what we verified */
    struct span note;     /* newest signed note with its cosignatures; borrowed until commit */
    bool own;
    bool stopped;         /* its writer forked: no longer applied */
};
/* All streams held, in the arena. */
struct status core_streams(struct core *core, struct arena *arena, struct stream_info **out_infos,
                           size_t *out_count) MUST_CHECK;
/* Own leaves not yet acknowledged by the hub. */
uint64_t core_unacked(const struct core *core);
/* True if the leaf is held by the hub (always at the hub itself, and for foreign leaves). */
bool core_is_acked(const struct core *core, uint32_t stream, uint64_t seq);
uint32_t core_epoch(const struct core *core);
struct node_id core_self(const struct core *core);

/* ---- local writes ---- */

/* What a person, a connector or the program itself says. Values may be of several classes: the core makes one leaf per
 * class, public first, in one transaction, the later ones' ctx covering the earlier. Everything is borrowed. */
struct draft {
    struct record_id record;       /* ignored in create: made from the nonce, see core_record_id */
    enum kind kind;
    uint32_t lane;
    enum role role;
    struct span actor;             /* pseudonym */
    struct part_id part;
    const struct body_value *values; /* ascending by number */
    size_t value_count;
    const struct ctx_entry *ctx;   /* what the author had READ (sorted); a write without it is refused unless create, erased */
    size_t ctx_count;
    struct span nonce;             /* create */
    const uint32_t *open;          /* create: flags that the source states as false */
    size_t open_count;
    const uint32_t *registers;     /* loosen */
    size_t register_count;
    const struct dot *erasures_seen;
    size_t erasures_seen_count;
    enum class class;              /* erase: what it erases */
    struct target target;          /* route: scope; erased: the erase leaf; create at the hub: scope, whom the record is for */
    struct span claim;             /* capture: random number of the claim */
};

struct written {
    struct record_id record;
    struct dot dot;     /* of the last leaf */
    struct hash hash;
    uint32_t stream;
    uint64_t seq;
    size_t leaf_count;
    struct ctx_entry leaves[3]; /* one per class written */
    enum class classes[3];
};

/* id of a record created with this nonce by this node. */
void core_record_id(const struct core *core, struct span nonce, struct record_id *out_id);
/* Writes one draft: appended, applied, its record saved at commit. LIMIT or INVALID (fault says which field) before
 * anything is appended; BUSY while an own leaf of that record is parked, the node's lease is taken, or the registry that
 * names this node has not come yet; STALE if the ctx
 * names a leaf that is not held ("read again"), or, on lane 0, lacks a newer change of lane 0 in a register it writes;
 * DENIED if this node's rights would make it void. */
struct status core_write(struct core *core, const struct draft *draft, struct written *out_written,
                         struct fault *fault) MUST_CHECK;

/* Hub only. */
struct status core_registry_add(struct core *core, const struct registry_entry *entry) MUST_CHECK;
/* Moves a record: route leaf in the old owner's stream, bundle owed to the new one. NOT_FOUND, DENIED (not the hub),
 * EXISTS (already there), INVALID (nobody writes for that scope). */
struct status core_route(struct core *core, struct record_id record, struct scope_id to, struct span actor,
                         const struct ctx_entry *ctx, size_t ctx_count, struct written *out_written) MUST_CHECK;
/* Hub only: appends up to LIMIT_RELAY_BATCH owed relays and clamps; out_more: call again in another transaction. */
struct status core_owed(struct core *core, bool *out_more) MUST_CHECK;

/* ---- what has changed ---- */

/* Scopes whose streams grew in this transaction (for parked long polls); valid until the next begin. */
struct status core_grown(const struct core *core, const struct scope_id **out_scopes, size_t *out_count) MUST_CHECK;
bool core_registry_grown(const struct core *core);
/* Records saved in this transaction, for those who keep figures beside the store; some may stand there twice, or have been
 * undone with a mark. Valid until the next begin. */
void core_saved(const struct core *core, const struct record_id **out_ids, size_t *out_count);
/* The counter of saves (record_row.changed) as the last transaction left it. */
uint64_t core_changed(const struct core *core);

/* Records that a connector's lane has to look at, oldest first: every record that changed through another replica than
 * the lane's own. `order` names the state looked at: done() removes the entry only if nothing came since. */
struct due {
    struct record_id record;
    uint64_t order;
};
struct status core_due(struct core *core, uint32_t lane, size_t limit, struct arena *arena, struct due **out_due,
                       size_t *out_count) MUST_CHECK;
/* Those above `after`, the order of one that was given out: who has to leave some for later goes on behind them. */
struct status core_due_after(struct core *core, uint32_t lane, uint64_t after, size_t limit, struct arena *arena,
                             struct due **out_due, size_t *out_count) MUST_CHECK;
/* Makes a record due although nothing came through others. */
struct status core_due_add(struct core *core, uint32_t lane, struct record_id record) MUST_CHECK;
struct status core_due_done(struct core *core, uint32_t lane, struct due due) MUST_CHECK;
/* Registers a lane: from now on changes are due to it; records already held and owned become due once. */
struct status core_lane_open(struct core *core, uint32_t lane) MUST_CHECK;

/* Work by the clock: bodies under an erasure are destroyed after the hold (LIMIT_ERASE_HOLD_MS) and `erased` is written.
 * Call it now and then in a transaction of its own; out_more: call again. */
struct status core_upkeep(struct core *core, bool *out_more) MUST_CHECK;

/* What a person must settle (inbox) or may know (list): conflicts, late changes. Kept by the core at each save. */
struct inbox_item {
    struct record_id record;
    struct part_id part;
    uint32_t number; /* register; 0: a late erasure */
    enum conflict_reason reason;
    size_t sibling_count;
    uint64_t since_ms;
};
/* Ascending by record. `after`: out_last of the page before, or empty. Everything lives in the arena. */
struct status core_inbox_list(struct core *core, bool persons, struct span after, size_t limit, struct arena *arena,
                              struct inbox_item *out_items, size_t *out_count, struct span *out_last) MUST_CHECK;

/* What an operator must be told once (a fork, an old copy found, a digest that differs), oldest first above `after` (0: from
 * the start). */
struct core_event {
    uint64_t number;
    uint64_t at_ms;
    struct record_id record; /* zero where it is about none */
    struct span what;        /* a sentence */
};
struct status core_events(struct core *core, uint64_t after, size_t limit, struct arena *arena,
                          struct core_event *out_events, size_t *out_count) MUST_CHECK;

/* ---- the dialogue: a node ---- */

enum next_step {
    NEXT_GO_ON,
    NEXT_HELLO,    /* something does not fit: say hello before pushing or pulling */
    NEXT_WAIT,     /* transient, retry_ms says how long */
    NEXT_STOP,     /* security: stop and alarm, `why` says what */
    NEXT_TAKEOVER, /* the lease is held by another instance: a person must say `simpul takeover` */
    NEXT_UPDATE,   /* the peer speaks a newer level: "update me" */
};

struct next {
    enum next_step step;
    uint64_t retry_ms;
    const char *why; /* static sentence in English */
    bool more;       /* call again at once: the batch was full */
};

struct status core_hello(struct core *core, bool takeover, struct arena *arena, struct hello *out_hello) MUST_CHECK;
struct status core_hello_answered(struct core *core, const struct hello_answer *answer, struct next *out_next) MUST_CHECK;
/* True once hello is done and nothing is in doubt: capture and push may go on. */
bool core_is_ready(const struct core *core);
/* Local changes may be written although the hub was not greeted since the start: the store is in no doubt, and knows its own
 * entry of the registry. For a node without a link; with one, hello comes first, since it may bring own changes back. */
bool core_may_write(const struct core *core);
/* True once a pull has come back with nothing left to fetch since the store was opened (always at the hub): what others had
 * written until then is held. */
bool core_is_current(const struct core *core);
/* The next batch of an own stream, checkpoint signed and stored: commit, then send. out_push->leaf_count 0: nothing to do. */
/* At a hub that is (or may be) an older copy of itself: the active nodes that have not yet said what they hold; until then
 * it writes nothing of its own (BUSY). Count 0: no doubt. */
struct status core_doubt(struct core *core, struct arena *arena, struct node_id **out_missing, size_t *out_count) MUST_CHECK;
/* True if a change of the hub's own is lost that others have seen: its number must not be used again, so the hub goes on
 * writing nothing until it gets a new epoch. */
struct status core_doubt_lost(struct core *core, bool *out_lost) MUST_CHECK;
/* A person says that the hub shall write although not everybody was heard. NOT_FOUND: there is no doubt. FORKED: as
 * core_doubt_lost. DENIED at a node. */
struct status core_doubt_end(struct core *core) MUST_CHECK;

struct status core_push(struct core *core, struct arena *arena, struct push *out_push) MUST_CHECK;
/* The batch behind those that are on their way (at most two), if at least `least` leaves wait behind them; with none on its
 * way the same as core_push. Send it only after the answer to the one before it: the hub compares sizes, so one that comes
 * too early is refused and nothing is lost. A hello, a refusal or core_push begins again behind what is acknowledged. */
struct status core_push_ahead(struct core *core, uint64_t least, struct arena *arena, struct push *out_push) MUST_CHECK;
struct status core_push_answered(struct core *core, const struct push *sent, const struct push_answer *answer,
                                 struct next *out_next) MUST_CHECK;
/* The same in two parts: what the next push needs, and, while the hub works on that one, the comparison of states, which
 * reads every record of the push again (NEXT_GO_ON after VERDICT_OK only). */
struct status core_push_acknowledged(struct core *core, const struct push *sent, const struct push_answer *answer,
                                     struct next *out_next) MUST_CHECK;
struct status core_push_compared(struct core *core, const struct record_digest *digests, size_t count) MUST_CHECK;
struct status core_pull(struct core *core, uint32_t wait_ms, struct arena *arena, struct pull *out_pull) MUST_CHECK;
struct status core_pull_answered(struct core *core, const struct pull_answer *answer, struct next *out_next) MUST_CHECK;

/* ---- the dialogue: the hub ---- `peer` is the node id proved by the client certificate. */

struct status core_serve_hello(struct core *core, struct node_id peer, const struct hello *hello, struct arena *arena,
                               struct hello_answer *out_answer) MUST_CHECK;
struct status core_serve_push(struct core *core, struct node_id peer, const struct push *push, struct arena *arena,
                              struct push_answer *out_answer) MUST_CHECK;
/* out_empty: nothing new; the caller may park the request and ask again when core_grown names a scope it follows. */
struct status core_serve_pull(struct core *core, struct node_id peer, const struct pull *pull, struct arena *arena,
                              struct pull_answer *out_answer, bool *out_empty) MUST_CHECK;
/* True if the peer may read this stream now. */
bool core_may_read(const struct core *core, struct node_id peer, struct stream_id stream);

/* After a store was restored and its tail written again in a new epoch: what stands for `ctx` now. Of an archived leaf that is
 * its successor and the last leaf that both histories share; everything else stays. For shadows, part and id maps. Sorted,
 * in the arena. */
struct status core_map_ctx(struct core *core, struct record_id record, const struct ctx_entry *ctx, size_t ctx_count,
                           struct arena *arena, struct ctx_entry **out_ctx, size_t *out_count) MUST_CHECK;

/* State digest of a record and of the vector that it belongs to: equal vectors must give equal digests. NOT_FOUND. */
struct status core_digest(struct core *core, struct record_id record, struct record_digest *out_digest) MUST_CHECK;

/* ---- proofs, for the CLI and auditors ---- */

struct status core_inclusion(struct core *core, uint32_t stream, uint64_t seq, uint64_t size, struct arena *arena,
                             struct hash **out_proof, size_t *out_count) MUST_CHECK;
/* Re-hashes a stored stream from leaf `from` and compares with its tree, each held body with its
 * commitment, and each relayed leaf with the relay that names it; FORKED, fault->at is the first seq that does not fit. */
struct status core_verify(struct core *core, uint32_t stream, uint64_t from, uint64_t limit, uint64_t *out_next,
                          struct fault *fault) MUST_CHECK;

#endif
