/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_STORE_H
#define SYNC_STORE_H

#include "proto/ids.h"
#include "proto/memory.h"
#include "proto/vocabulary.h"

/* The contract of a store: what the core needs from a disk. Synchronous; every call stands inside one transaction that
 * the caller opened and will commit. Ordered byte-key tables plus one table of records with columns for lists; whatever
 * is in the bytes is the core's business, so that model, SQLite and PostgreSQL stay small and equal.
 * tests/contract/ runs one suite of random operation sequences over every implementation.
 *
 * Guarantees an implementation gives:
 * - After commit returns OK everything in the transaction is durable (synced), and all of it or nothing is ever seen.
 * - commit ends the transaction whatever it returns. IO: nothing of it was done. UNKNOWN: all of it or nothing was done
 *   (the connection was lost while it ran, or a sync failed under it): begin again and look. A store on a server connects
 *   anew by itself; an embedded one is dead then, begin says IO, and it must be opened anew.
 * - A failed sync is fatal: every later call fails with IO until the store is opened anew. A full disk is IO too, but
 *   after the rollback the store goes on.
 * - A put, remove or records_save that fails may have been done in part (LIMIT excepted: then nothing was done). The
 *   transaction is spoilt: only rollback, or savepoint_undo to a mark before the failure, helps; a commit would be
 *   refused with IO.
 * - Reads see the transaction's own writes. Keys sort bytewise, 1 to LIMIT_STORE_KEY bytes; values up to
 *   LIMIT_RECORD_SIZE; LIMIT otherwise. A key that comes twice in one put: the last wins.
 * - Calls with n = 0 do nothing. Returned spans live in the given arena (NO_MEMORY when it is exhausted). Output arrays
 *   hold nothing of use after a failure; out_count is untouched then.
 *
 * The caller's side, asserted: no call but rollback, size and free outside a transaction, begin only outside, one mark
 * at a time, one thread. */

enum store_table {
    STORE_META,       /* name -> value: instance, generation, epoch, hlc, registry mark */
    STORE_STREAMS,    /* be32 stream number -> stream row: id, size, frontier, notes, acknowledged size, flags */
    STORE_LEAVES,     /* be32 stream, be64 first seq -> chunk of leaves */
    STORE_BODIES,     /* be32 stream, be64 first seq -> chunk of bodies with salts and states */
    STORE_TILES,      /* be32 stream, u8 level, be64 index -> 256 hashes (full tiles only) */
    STORE_WAITING,    /* dot a parked change waits for, record -> (nothing) */
    STORE_OWED,       /* hub: scope, be64 order -> relay or clamp owed to that scope's stream */
    STORE_DUE,        /* lane u8, record -> be64 order: records that a connector has to look at for write-back */
    STORE_REFS,       /* system 00 key 00 record -> (nothing) */
    STORE_PENDING,    /* lane, table, row key -> pending shadow */
    STORE_SHADOWS,    /* lane, table, row key -> shadow, where it cannot live in the legacy database */
    STORE_TIES,       /* lane, record or part -> table, row key */
    STORE_QUARANTINE, /* sync/quarantine.h: row and register, or leaf, with its reason */
    STORE_INBOX,      /* kind, record, register, part -> conflict or item for a person */
    STORE_EVIDENCE,   /* be64 number -> both leaves of a fork */
    STORE_EVENTS,     /* be64 number -> something a person must be told once (skew, restored store, ...) */
    STORE_TABLE_COUNT,
};

/* A record's row: encoded bytes and the columns that lists and counts use. */
struct record_row {
    struct record_id id;
    struct span bytes; /* conflict/record_codec.h */
    struct scope_id owner;
    enum complaint_status status; /* shown */
    uint32_t conflicts;           /* registers with siblings that ask for a person */
    bool visible;                 /* created, present, not same_as another */
    int64_t received_ms;          /* shown time_received, else hlc of the create */
    uint64_t changed;             /* caller's counter, rises with each save: "what changed since" */
};

struct record_filter {
    struct scope_id owner;        /* zero: all */
    enum complaint_status status; /* NONE: all */
    bool in_conflict;             /* only with conflicts > 0 */
    bool hidden_too;              /* also records that are not visible */
};

struct record_count {
    struct scope_id owner;
    enum complaint_status status;
    uint64_t count;
    uint64_t conflicts; /* records with conflicts > 0 among them */
};

/* STORE_META: present while the store may be an old copy; the core removes it with the epoch that it opens for that. */
#define STORE_META_DOUBT "in_doubt"

struct pair {
    struct span key;
    struct span value;
};

struct store {
    const struct store_ops *ops; /* borrowed */
};

/* What other processes have committed to a store that several write. */
struct store_moves {
    bool any;
    bool all;              /* more than is remembered, or a new connection: whatever is cached is read again */
    struct span *streams;  /* without `all`: keys of the rows of STORE_STREAMS that they wrote, some perhaps twice */
    size_t stream_count;
    struct record_id *records; /* and the records that they saved, likewise */
    size_t record_count;
};

struct store_ops {
    /* One transaction at a time. begin: BUSY if another process holds the store. */
    struct status (*begin)(struct store *store) MUST_CHECK;
    /* NULL where nobody else writes. Begins a transaction that only reads, one state of the whole store, and waits for no
     * writer; put, remove and records_save say BUSY in it. Ended by rollback. */
    struct status (*begin_reading)(struct store *store) MUST_CHECK;
    /* NULL where nobody else writes. What others committed since this was last asked, as this transaction sees it, told once.
     * A transaction of begin has the store for itself: nobody else commits before it ends. */
    struct status (*moved)(struct store *store, struct arena *arena, struct store_moves *out_moves) MUST_CHECK;
    struct status (*commit)(struct store *store) MUST_CHECK;
    void (*rollback)(struct store *store); /* harmless without a transaction */
    /* One level, inside a transaction: mark; undo everything since the mark; or keep it. Both of these end the mark,
     * and so does the end of the transaction. */
    struct status (*savepoint)(struct store *store) MUST_CHECK;
    struct status (*savepoint_undo)(struct store *store) MUST_CHECK;
    struct status (*savepoint_keep)(struct store *store) MUST_CHECK;

    /* out_values[i].data == NULL where a key is absent (a present, empty value has data != NULL). */
    struct status (*get)(struct store *store, enum store_table table, const struct span *keys, size_t count,
                         struct arena *arena, struct span *out_values) MUST_CHECK;
    /* Insert or replace. */
    struct status (*put)(struct store *store, enum store_table table, const struct pair *pairs,
                         size_t count) MUST_CHECK;
    /* Absent keys are no error. */
    struct status (*remove)(struct store *store, enum store_table table, const struct span *keys,
                            size_t count) MUST_CHECK;
    /* Ascending: keys k with from <= k < end (end.size 0: no bound), smallest first; descending: same set, greatest
     * first. Stops after `limit` pairs (at most LIMIT_SCAN_COUNT) or before the sum of value sizes exceeds `bytes_max`,
     * always giving at least one. An empty `from` starts at the first key. */
    struct status (*scan)(struct store *store, enum store_table table, struct span from, struct span end,
                          bool descending, size_t limit, size_t bytes_max, struct arena *arena, struct pair *out_pairs,
                          size_t *out_count) MUST_CHECK;

    /* out_rows[i].bytes.data == NULL where absent; all other columns filled otherwise. */
    struct status (*records_load)(struct store *store, const struct record_id *ids, size_t count, struct arena *arena,
                                  struct record_row *out_rows) MUST_CHECK;
    struct status (*records_save)(struct store *store, const struct record_row *rows, size_t count) MUST_CHECK;
    /* Ids above `after` (zero: from the start), ascending, at most `limit` (at most LIMIT_SCAN_COUNT); with the rows'
     * columns, but bytes only if with_bytes. */
    struct status (*records_list)(struct store *store, const struct record_filter *filter, struct record_id after,
                                  bool with_bytes, size_t limit, struct arena *arena, struct record_row *out_rows,
                                  size_t *out_count) MUST_CHECK;
    /* Groups of the records that the filter lets through, sorted by owner, then status. LIMIT above `capacity`. */
    struct status (*records_count)(struct store *store, const struct record_filter *filter,
                                   struct record_count *out_counts, size_t capacity, size_t *out_count) MUST_CHECK;
    /* Bytes on disk, for status. */
    struct status (*size)(struct store *store, uint64_t *out_bytes) MUST_CHECK;
    /* Rolls back and closes. */
    void (*free)(struct store *store);
};

/* One key: value.data == NULL where it is absent. */
static inline struct status store_get_one(struct store *store, enum store_table table, struct span key,
                                          struct arena *arena, struct span *out_value)
{
    return store->ops->get(store, table, &key, 1, arena, out_value);
}

static inline struct status store_put_one(struct store *store, enum store_table table, struct span key,
                                          struct span value)
{
    struct pair pair = {.key = key, .value = value};
    return store->ops->put(store, table, &pair, 1);
}

static inline struct status store_remove_one(struct store *store, enum store_table table, struct span key)
{
    return store->ops->remove(store, table, &key, 1);
}

/* The model store, in memory: sorted maps with an undo journal; used by laws, the simulator and unit tests. What is
 * committed is durable. The calls below take a store made by store_model_new or store_model_copy (asserted). */
struct status store_model_new(struct memory memory, struct store **out_store) MUST_CHECK;

/* Power off, power on: drops the open transaction and everything armed below, revives a dead store, keeps the rest. */
void store_model_crash(struct store *store);

/* A new store with the same durable content: a backup, or a backup restored. BUSY inside a transaction. */
struct status store_model_copy(struct store *store, struct memory memory, struct store **out_copy) MUST_CHECK;

/* The n-th call from now that returns a status (1: the next) returns IO, once; 0 disarms. A commit that fails so has
 * done nothing. */
void store_model_fail_after(struct store *store, uint64_t n);
/* Calls that returned a status so far, so that a failure loop knows when it has been through. */
uint64_t store_model_calls(const struct store *store);

/* The next commit that would succeed returns UNKNOWN, having done all (applied) or nothing. */
void store_model_commit_unknown(struct store *store, bool applied);

/* A failed sync: every call returns IO until store_model_crash. */
void store_model_die(struct store *store);

#endif
