/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CONNECTOR_RUNNER_H
#define NODE_CONNECTOR_RUNNER_H

#include <pthread.h>

#include "node/connector/driver.h"
#include "node/engine/engine.h"
#include "sync/capture.h"
#include "sync/quarantine.h"

/* The connector's thread: takes rows from a driver, asks the capture rule inside engine jobs, and carries out what it
 * decides, in the order of commits of connector.md. Private to node/connector/.
 *
 *   work.c      one row on its way: read, mapped
 *   lookup.c    whose row it is, if it has no shadow
 *   decide.c    engine jobs: the capture rule
 *   leaves.c    engine jobs: leaves
 *   pending.c   claims and pending shadows: what makes a crash harmless
 *   apply.c     legacy transactions: claims and shadows; the rounds that carry out what was decided
 *   chain.c     batches that follow each other: the next is read while the leaves of the one before are written
 *   write.c     legacy transactions: write-backs
 *   insert.c    complaints and notes of others that have no row yet
 *   tell.c      the quarantine
 *   conflict_note.c  notes in their database that tell clerks of conflicts
 *   facts.c     what is asked of the core before anything else
 *   due.c       records that changed through others
 *   late.c      rows of a walk that had to be put off
 *   runner.c    what to look at next: outbox, due records, first load, comparison
 *
 * The orders that a crash must find kept (connector.md, "Order of commits"), and no others. Of one batch:
 *
 *   1. claims, durable in the legacy database, before its leaves
 *   2. leaves and pending shadows, in one transaction of our store, before its shadows
 *   3. shadows and the end of its claims, in one legacy transaction; with it go its outbox entries (never before) and the
 *      place of a first load. Until then its claims stand, and nothing takes their place
 *   4. pending shadows are dropped after 3
 *   5. a row is written, or asked whom it is tied to, only while no batch is between 1 and 3
 *
 * Of two batches: a row is in one of them only, from before it is read until 3; what the later one decides, it decides on a
 * store that has the leaves of the earlier one. So the next rows may be read beside 2, and 3 of a batch may be one
 * transaction with 1 of the next. tests/unit/connector/test_pending.c and test_chain.c interrupt there. */

enum {
    RUNNER_HELD_MAX = 4096,  /* outbox entries put off until something changes */
    RUNNER_CLOCK_SET_MS = 1000, /* a clock that moves by more in one turn was set */
    RUNNER_HELD_MS = 200,    /* ... and at least so long */
    RUNNER_ROUNDS_MAX = 12,  /* decisions about one row before it is put off */
    RUNNER_DUE_MAX = 500,
    RUNNER_WRITES_MAX = 64,  /* registers written into one row */
    RUNNER_DUE_WAITS = 4096, /* due records whose waiting is remembered; of more, some are asked more often */
    RUNNER_DUE_FIRST_MS = 100,
    RUNNER_DUE_LAST_MS = 60000,
    RUNNER_DUE_SOON_MS = 2000, /* the longest wait for a lock, and, once one came, for the hub's acknowledgement */
    RUNNER_DUE_PASS_MS = 50,   /* between two passes through all that wait */
    RUNNER_LATE_MAX = 1024,    /* rows of a walk that are tried again by themselves */
    RUNNER_LATE_FIRST_MS = 500,
    RUNNER_LATE_LAST_MS = 300000,
    RUNNER_BATCH_ROWS = 250,   /* two batches are in memory at a time, some 20 KB a row */
    RUNNER_CHAIN_ROWS = 200,   /* a batch with fewer has no next one: what clerks save meanwhile is gathered */
    RUNNER_CHAIN_MS = 200,     /* then other things have their turn */
    RUNNER_CANDIDATES_MAX = 4, /* records that bear a row's number: one is enough to tie it, two to be in doubt */
};

struct due_work {
    struct due due;
    bool keep; /* something of it still waits */
    bool acks; /* ... for the hub's acknowledgement, which a pass after it may find */
    bool locked; /* ... for a clerk's transaction, which ends soon */
};

/* How long a due record has to wait before it is looked at again; twice as long each time. */
struct due_wait {
    uint64_t order; /* of the due entry, 0: none */
    int64_t wait_ms, retry_at_ms;
    bool acks;
    uint64_t acked; /* then */
    int64_t acks_at_ms;
};

/* A row of a walk that was put off. */
struct late_row {
    size_t table;
    struct span key; /* owned (malloc) */
    int64_t wait_ms, retry_at_ms;
};

struct runner {
    struct connector_options options;
    struct driver *driver; /* owned; NULL while down */
    struct arena arena;    /* of the batch in hand */
    struct arena spare;    /* of the one before it, whose leaves are being written */
    struct arena look;     /* of one row's second look, inside the job that writes leaves */
    bool ready;            /* runner_may_work, in the last job */
    int64_t chain_ms;      /* 0: RUNNER_CHAIN_MS */
    bool loading;          /* the first load is not finished: no rows are made, and no complaints before all that the hub
                              has of this region is here, so that what stands on both sides is found */
    bool quarantined;      /* some row may have an entry: what is decided without items takes it back */
    bool reload_wanted;    /* our tables were removed and made again under us: as after the first install */
    bool vanished;         /* some shadow's row is gone: new rows are looked up by identity */
    int64_t clock_off_ms;  /* from the clock that nobody sets, at the last look */
    int64_t clock_set_ms;  /* by that clock: when the other was found to be set, or first looked at */
    bool locked_out;       /* a row was locked: look again soon, without a wake */
    uint64_t due_seen;     /* wake count at the last look at due records */
    uint64_t due_count, outbox_count; /* at the last look */
    struct due_work due[RUNNER_DUE_MAX]; /* slice in hand */
    uint64_t due_top;                 /* newest due entry that was looked at */
    uint64_t due_cursor;              /* last one of the pass through those that wait */
    uint64_t due_passed;              /* ... and how many still waited */
    bool due_passing;
    int64_t due_retry_ms, due_pause_ms; /* the next pass: not after, not before */
    struct due_wait due_waits[RUNNER_DUE_WAITS];
    uint64_t acked, due_acked;        /* own leaves that the hub has acknowledged: now, at the last pass */
    struct legacy_event *events;      /* of the batch in hand, NULL outside of one; id 0: removed from the outbox */
    const size_t *event_works;        /* per event, the index of its work: as in struct batch */
    size_t event_count;
    int64_t held[RUNNER_HELD_MAX];
    size_t held_count;
    int64_t held_until_ms;
    bool held_asked; /* something changed before that time */
    struct late_row late[RUNNER_LATE_MAX];
    size_t late_count;
    bool late_missed;    /* there were more */
    bool compare_wanted; /* ... so a full comparison is to look for them: whoever begins it clears this */
    uint64_t pending_next;   /* number of the next value of pending shadows */
    uint64_t pending_closed; /* those below are in the legacy database */
    uint64_t pending_kept;   /* those below are dropped from our store */
    uint8_t claims_stamp[16];
    bool claims_stamped;     /* the mark of claims is there, and begins so */
    bool claims_open;        /* a batch was interrupted: runner_recover before anything is read */
    uint64_t captured, written;
};

/* ---- work.c ---- */

enum work_end {
    WORK_OPEN,    /* to be decided (again) */
    WORK_DONE,    /* nothing is left to do for now */
    WORK_HELD,    /* waits for something: look again when something changed */
    WORK_PERSON,  /* waits for a person, or for time: the next comparison looks again */
    WORK_FAILED,  /* told in the quarantine */
};

struct work {
    size_t table;
    struct span key;
    bool updated;          /* the outbox says UPDATE */
    bool deleted;          /* by the last event */
    int64_t event;         /* last outbox id, 0: none */
    enum work_end end;
    unsigned rounds;
    struct legacy_row row;
    const struct mapping_form *form; /* NULL: filtered or not there */
    struct capture_row capture_row;
    bool there;            /* the row is there and ours */
    struct shadow shadow;
    bool has_shadow;
    struct shadow parent;
    bool has_parent;
    uint8_t nonce[32];
    struct capture_input input;
    struct capture_decision decision;
    enum capture_match match;   /* what the lookups found */
    struct record_id candidates[RUNNER_CANDIDATES_MAX]; /* other records with an external number of this row */
    size_t candidate_count;
    bool candidate_tied; /* one of them certainly has another row */
    bool looked_up;
    bool needs_lookup;
    struct shadow vanished;     /* MATCH_VANISHED */
    struct legacy_shadow vanished_at;
    bool locked;                /* held by a clerk's transaction */
    bool conflicted;            /* the record had siblings when this was decided */
    bool written;               /* its leaves stand in the store */
    struct legacy_shadow stored; /* ... and this is its shadow */
    bool settled;               /* and the row as it was read has nothing more to get */
    uint64_t shadow_version;    /* as stored now */
};

struct capture_source runner_source(const struct runner *runner, struct core *core);

/* Maps a row that was read: fills form, capture_row, shadow. INVALID shadows are told and the work fails. */
struct status work_map(struct runner *runner, struct work *work) MUST_CHECK;
/* Reads rows, shadows and parents of all open works of the batch, and maps them. */
struct status works_read(struct runner *runner, struct work *works, size_t count) MUST_CHECK;
/* The columns under which a shadow is stored. */
struct status work_shadow(struct runner *runner, const struct work *work, const struct shadow *shadow, struct arena *arena,
                          struct legacy_shadow *out_shadow) MUST_CHECK;
/* A row as capture sees it, from raw columns. */
struct status row_capture(struct runner *runner, size_t table, const struct mapping_form *form,
                          const struct mapping_raw *raw, struct capture_row *out_row) MUST_CHECK;
/* After a lookup said that the derived id has another row: the next counter. */
void work_rederive(struct runner *runner, struct work *work);
void identity_digest(struct runner *runner, const struct shadow_cell *cells, size_t count, uint8_t out_digest[16]);

/* ---- lookup.c ---- */

/* Asks the driver about the works that need it; out_any: some did, decide them again. */
struct status works_lookup(struct runner *runner, struct work *works, size_t count, bool *out_any) MUST_CHECK;

/* ---- reference.c ---- */

/* Inside a job: which records bear the external numbers of a new row; of a held one, whether it may be released. */
struct status work_references(struct runner *runner, struct core *core, struct work *work) MUST_CHECK;
/* After work_references: whether that is this row's record. */
struct status lookup_reference(struct runner *runner, struct work *work) MUST_CHECK;
/* After the lookups and decisions of a batch: rows with one number are not decided in one round. */
struct status works_part_twins(struct runner *runner, struct work *works, size_t count) MUST_CHECK;
/* What is said of a row in doubt; static or in the arena. */
const char *same_case_text(const struct work *work, struct arena *arena);
/* Who made a record or part: this connector? */
bool record_made_here(const struct runner *runner, const struct record *record, struct part_id part);

/* ---- decide.c ---- */

/* An engine job over works. The store is touched in engine jobs and nowhere else. */
struct works_job {
    struct job job; /* first */
    struct runner *runner;
    struct work *works;
    size_t count;
    const struct due_work *due;
    struct core_facts *facts;
    uint64_t generation;
    struct arena *own; /* for what outlives the job */
    struct engine_ticket ticket;
};
struct status works_call(struct runner *runner, struct works_job *job,
                         struct status (*run)(struct job *, struct core *, struct arena *), bool reads_only) MUST_CHECK;

/* Some register has several siblings. */
bool record_is_conflicted(const struct record *record);
/* Decides every open work in one engine job; out_facts (may be NULL): as in that job. */
struct status works_decide(struct runner *runner, struct work *works, size_t count, struct core_facts *out_facts) MUST_CHECK;
/* A note's long texts stand in their bodies, not in the record's row: the record with them. Inside a job. */
struct status work_whole_part(struct core *core, const struct record *record, struct part_id part, struct arena *arena,
                              const struct record **out_record) MUST_CHECK;
/* What is to be written points into the record, whose memory ends with the transaction: a copy. */
struct status decision_own(struct capture_decision *decision, struct arena *arena) MUST_CHECK;

/* ---- leaves.c ---- */

/* Writes the leaves of every open work whose decision is LEAVES, with its pending shadow, in one engine job. */
struct status works_write_leaves(struct runner *runner, struct work *works, size_t count) MUST_CHECK;
/* The same in two halves. Meanwhile works, job and `own` (where the shadows are made) belong to the engine. What was sent
 * must be awaited. */
struct status works_send_leaves(struct runner *runner, struct work *works, size_t count, struct arena *own,
                                struct works_job *out_job) MUST_CHECK;
struct status works_await_leaves(struct works_job *job) MUST_CHECK;

/* ---- pending.c ---- */

/* Inside the job that wrote the leaves: the shadows of what was written, and away with those that are closed. */
struct status pending_put(struct runner *runner, const struct work *works, size_t count, struct arena *arena) MUST_CHECK;
/* Drops what is closed, where no batch follows that would. */
struct status runner_forget_pending(struct runner *runner) MUST_CHECK;
/* Inside a legacy transaction: claims of decisions to write leaves (capture_claim was called), and their end. STALE: another
 * connector works on this lane, or an interruption has not been recovered from. */
struct status claims_put(struct runner *runner, struct work *const *works, size_t count) MUST_CHECK;
struct status claims_close(struct runner *runner) MUST_CHECK;
/* Stores in the legacy database what an interrupted batch left: pending shadows, then claims. Between batches only. */
struct status runner_recover(struct runner *runner) MUST_CHECK;

/* ---- tell.c ---- */

struct status work_quarantine(struct runner *runner, const struct work *work, uint32_t number, const char *reason) MUST_CHECK;
/* The same inside a job. */
struct status work_quarantine_add(struct runner *runner, const struct work *work, uint32_t number, const char *reason,
                                  struct arena *arena) MUST_CHECK;
/* Inside a job: the items of one work's decision. Items are told anew by each decision; what is no longer told has been
 * mended. A row that failed keeps its entry. */
struct status work_tell(struct runner *runner, const struct work *work, bool captured, struct arena *arena) MUST_CHECK;
/* Puts the items of ended works into the quarantine, and takes back what has been mended. */
struct status works_tell(struct runner *runner, struct work *works, size_t count) MUST_CHECK;

/* ---- due.c ---- */

/* What is freshly due; and, slice by slice, what had to wait: when the hub acknowledged something, when it is time, or with
 * `retry`. Each waits longer each time, so that thousands that wait starve nothing. */
struct status due_step(struct runner *runner, bool retry, bool *out_busy) MUST_CHECK;
void due_forget(struct runner *runner);           /* everything is looked at anew */
bool due_is_time(const struct runner *runner);    /* without a wake */

/* ---- late.c ---- */

/* What an earlier process put off. */
struct status late_open(struct runner *runner) MUST_CHECK;
/* The works of a walk that ended as HELD. */
struct status late_keep(struct runner *runner, const struct work *works, size_t count) MUST_CHECK;
/* Tries those whose time has come. */
struct status late_step(struct runner *runner, bool *out_busy) MUST_CHECK;
bool late_is_time(const struct runner *runner);
void late_release(struct runner *runner);

/* ---- insert.c ---- */

/* A record or note without a row here: what capture_insert says of it. */
struct insert_work {
    struct record_id record;
    struct part_id part;
    const struct mapping_form *form;
    struct capture_decision decision;
    struct span parent_key;
    const struct legacy_shadow *untied; /* of the row that it had before it left; the new one takes its place */
};
/* Makes the rows that a record lacks here: its own, then those of its notes. `shadows`: those that it has. out_again: it
 * has a row now, so its number can be told and its notes can follow. */
struct status due_insert(struct runner *runner, struct due_work *due, const struct legacy_shadow *shadows,
                         size_t shadow_count, bool *out_again) MUST_CHECK;

/* ---- conflict_note.c ---- */

/* The table in which clerks are told of conflicts; NULL: nowhere. */
const struct mapping_form *conflict_note_form(const struct mapping *mapping);
/* Tells the clerks of the record's conflicts, and of their end. `shadows`: those of the record. */
struct status due_tell(struct runner *runner, struct due_work *due, const struct legacy_shadow *shadows,
                       size_t count) MUST_CHECK;

/* ---- facts.c ---- */

struct core_facts {
    bool ready;   /* runner_may_work */
    bool current; /* what the hub had is here */
    uint64_t unacked;
    uint64_t legacy_generation; /* as our store remembers it, 0: never */
};
struct status runner_facts(struct runner *runner, struct core_facts *out_facts) MUST_CHECK;
/* Inside a job: all but the generation. */
void core_facts_take(struct runner *runner, const struct core *core, struct core_facts *out_facts);
/* Inside a job: the core takes local changes. With a link it is waited until the hub was greeted. */
bool runner_may_work(const struct runner *runner, const struct core *core);
struct status runner_remember_generation(struct runner *runner, uint64_t generation) MUST_CHECK;

/* ---- apply.c ---- */

/* Goes on with every work until it ends: claims, leaves, shadows, write-backs. Outbox entries of works that end with their
 * capture are removed in the legacy transaction that closes their claim. */
struct status works_finish(struct runner *runner, struct work *works, size_t count) MUST_CHECK;
/* The same for works that were read and decided; whose leaves were written. */
struct status works_finish_decided(struct runner *runner, struct work *works, size_t count) MUST_CHECK;
struct status works_finish_written(struct runner *runner, struct work *works, size_t count) MUST_CHECK;
/* Claims for all decisions to write leaves, made but not stored: out_which has room for all works. */
struct status works_claim(struct runner *runner, struct work *works, size_t count, struct work **out_which,
                          size_t *out_count) MUST_CHECK;
/* What comes before leaves: claims and other changes of shadows. STALE: another was faster, or works here too. */
struct status works_store_first(struct runner *runner, struct work *works, size_t count) MUST_CHECK;
bool work_ends_here(const struct work *work); /* its leaves were written, and nothing is left to do */
void work_close(struct work *work);           /* after a decision was carried out: ended, if it is */
/* Stores decision->shadow under the work's key, compare-and-set. */
struct status shadow_put(struct runner *runner, struct work *work, bool *out_stored) MUST_CHECK;
/* Where a shadow goes that no longer belongs to its key: found by record and identity, never by a row. */
struct status shadow_gone_key(struct runner *runner, struct span row_key, struct record_id id, struct span *out_key) MUST_CHECK;
/* Runs `expr` inside a legacy transaction: rolled back if it fails. */
#define TRY_LEGACY(expr)                                                                                               \
    do {                                                                                                               \
        struct status legacy_status_ = (expr);                                                                         \
        if (!status_is_ok(legacy_status_)) {                                                                           \
            runner->driver->ops->rollback(runner->driver);                                                             \
            return legacy_status_;                                                                                     \
        }                                                                                                              \
    } while (0)

/* ---- chain.c ---- */

/* Rows that are captured together. Everything lives in the arena of the time when it was read. */
struct batch {
    struct work *works;
    size_t count, room;
    uint16_t *slots; /* by key: index into works, plus one; a power of two of them */
    size_t slot_mask;
    bool apart;      /* has to be done by itself, without a look at it beforehand */
    struct legacy_event *events; /* of the outbox: which entries were joined into works; id 0: removed */
    size_t *event_works;
    size_t event_count;
    struct span place; /* of a first load that has come so far; size 0: none, or it is stored */
    struct works_job job;
};
/* Empty, with room for so many: at most RUNNER_BATCH_ROWS. */
struct status batch_room(struct runner *runner, struct batch *batch, size_t rows, size_t events) MUST_CHECK;
/* The work of a row: SIZE_MAX where there is none; added if need be, while there is room. */
size_t batch_find(const struct batch *batch, size_t table, struct span key);
size_t batch_add(struct batch *batch, size_t table, struct span key);

/* Where batches come from. */
struct chain {
    /* The next batch (batch_room), without rows that are in `flight` (NULL: nothing is); none: it stays empty. */
    struct status (*next)(struct chain *chain, struct runner *runner, const struct batch *flight, struct batch *batch);
    /* Every work has its end. */
    struct status (*ended)(struct chain *chain, struct runner *runner, struct batch *batch);
    /* Optional: whether no other batch may follow the first one now. */
    bool (*full)(const struct chain *chain, const struct core_facts *facts);
};
/* Batch after batch, while they are large and for RUNNER_CHAIN_MS: the rows of the next are read while the leaves of one are
 * written, and its claims are stored with the shadows of that one. What needs more than that is done by itself. Clears the
 * arena between. When this returns, nothing is on its way. */
struct status chain_run(struct runner *runner, struct chain *chain) MUST_CHECK;

/* ---- write.c ---- */

/* Columns for all writes; a value that the mapping cannot say is skipped and told once. */
struct status write_cells(struct runner *runner, size_t table, const struct mapping_form *form,
                          struct capture_decision *decision, const struct mapping_raw *current,
                          struct mapping_cell *out_cells, size_t *out_count) MUST_CHECK;
/* Carries out WRITE, ROUTED or BLANK in one legacy transaction. */
struct status work_write(struct runner *runner, struct work *work) MUST_CHECK;

/* ---- runner.c ---- */

/* One look at everything; `woken` counts wake-ups, so that due records are looked at only when something changed.
 * out_busy: there was work, look again at once. */
struct status runner_step(struct runner *runner, uint64_t woken, bool *out_busy) MUST_CHECK;
void runner_release(struct runner *runner); /* what it owns but the driver */
/* Opens the lane, settles what was interrupted, and says whether a first load or comparison has to go first. */
struct status runner_open(struct runner *runner, bool *out_load, bool *out_compare) MUST_CHECK;

/* A walk through all tables: the first load (its place is remembered in the legacy database) or a comparison. */
struct walk {
    bool active;
    bool load;
    size_t table;
    bool orphans; /* the rows are done, vanished ones follow */
    struct span after; /* owned (malloc'ed data) */
    uint64_t done, total;
};
struct status walk_begin(struct runner *runner, struct walk *walk, bool load) MUST_CHECK;
/* One slice; out_waits: too many leaves wait for the hub, try later. */
struct status walk_step(struct runner *runner, struct walk *walk, bool *out_waits) MUST_CHECK;
void walk_release(struct walk *walk);

#endif
