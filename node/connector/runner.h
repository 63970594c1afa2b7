/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CONNECTOR_RUNNER_H
#define NODE_CONNECTOR_RUNNER_H

#include <pthread.h>

#include "node/connector/driver.h"
#include "sync/capture.h"
#include "sync/quarantine.h"

/* The connector's thread: takes rows from a driver, asks the capture rule inside engine jobs, and carries out what it
 * decides, in the order of commits of connector.md. Private to node/connector.
 *
 *   work.c      one row on its way: read, mapped, decided
 *   decide.c    the engine jobs: decide, write leaves, pending shadows
 *   apply.c     the legacy transactions: claims, shadows, write-backs, inserts
 *   runner.c    what to look at next: outbox, due records, first load, comparison */

enum {
    RUNNER_HELD_MAX = 4096,  /* outbox entries put off until something changes */
    RUNNER_ROUNDS_MAX = 12,  /* decisions about one row before it is put off */
    RUNNER_DUE_MAX = 500,
    RUNNER_WRITES_MAX = 64,  /* registers written into one row */
};

struct runner {
    struct connector_options options;
    struct driver *driver; /* owned; NULL while down */
    struct arena arena;    /* of the batch in hand */
    bool ready;            /* the core said so in the last job */
    bool quarantined;      /* some row may have an entry: what is decided without items takes it back */
    bool vanished;         /* some shadow's row is gone: new rows are looked up by identity */
    bool locked_out;       /* a row was locked: look again soon, without a wake */
    uint64_t due_seen;     /* wake count at the last look at due records */
    uint64_t due_count, outbox_count; /* at the last look */
    uint64_t due_order, due_acked;    /* newest due entry and leaves acknowledged, at the last look: unless one of them
                                         moved, what had to wait still has to */
    uint64_t acked;                   /* own leaves that the hub has acknowledged, as of the last job */
    struct legacy_event *events;      /* of the batch in hand, NULL outside of one; id 0: removed from the outbox */
    const size_t *event_works;        /* per event, the index of its work */
    size_t event_count;
    int64_t held[RUNNER_HELD_MAX];
    size_t held_count;
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
    bool looked_up;
    bool needs_lookup;
    struct shadow vanished;     /* MATCH_VANISHED */
    struct legacy_shadow vanished_at;
    bool written;               /* its leaves stand in the store */
    bool settled;               /* and the row as it was read has nothing more to get */
    uint64_t shadow_version;    /* as stored now */
};

struct capture_source runner_source(const struct runner *runner, struct core *core);

/* Maps a row that was read: fills form, capture_row, shadow. INVALID shadows are told and the work fails. */
struct status work_map(struct runner *runner, struct work *work) MUST_CHECK;
/* Reads rows, shadows and parents of all open works of the batch, and maps them. */
struct status works_read(struct runner *runner, struct work *works, size_t count) MUST_CHECK;
/* The columns under which a shadow is stored. */
struct status work_shadow(struct runner *runner, const struct work *work, const struct shadow *shadow,
                          struct legacy_shadow *out_shadow) MUST_CHECK;
/* A row as capture sees it, from raw columns. */
struct status row_capture(struct runner *runner, size_t table, const struct mapping_form *form,
                          const struct mapping_raw *raw, struct capture_row *out_row) MUST_CHECK;
/* After a lookup said that the derived id has another row: the next counter. */
void work_rederive(struct runner *runner, struct work *work);
void identity_digest(struct runner *runner, const struct shadow_cell *cells, size_t count, uint8_t out_digest[16]);

/* ---- decide.c ---- */

/* Decides every open work in one engine job. */
struct status works_decide(struct runner *runner, struct work *works, size_t count) MUST_CHECK;
/* Writes the leaves of every open work whose decision is LEAVES, with its pending shadow, in one engine job. */
struct status works_write_leaves(struct runner *runner, struct work *works, size_t count) MUST_CHECK;
/* Drops the pending shadows of written works. */
struct status works_forget_pending(struct runner *runner, struct work *works, size_t count) MUST_CHECK;
/* Stores in the legacy database what an interrupted capture left pending. */
struct status runner_settle_pending(struct runner *runner) MUST_CHECK;
struct status work_quarantine(struct runner *runner, const struct work *work, uint32_t number, const char *reason) MUST_CHECK;

/* Puts the items of ended works into the quarantine, and takes back what has been mended. */
struct status works_tell(struct runner *runner, struct work *works, size_t count) MUST_CHECK;

struct due_work {
    struct due due;
    bool keep; /* something of it still waits */
};
struct status runner_due(struct runner *runner, struct due_work *out_due, size_t *out_count) MUST_CHECK;
struct status runner_due_done(struct runner *runner, const struct due_work *due, size_t count) MUST_CHECK;

/* A record or note without a row here: what capture_insert says of it. */
struct insert_work {
    struct record_id record;
    struct part_id part;
    const struct mapping_form *form;
    struct capture_decision decision;
    struct span parent_key;
};
/* Fills `out_inserts` (room for RUNNER_DUE_MAX) for a record: itself and its notes that have no shadow here. */
struct status runner_inserts(struct runner *runner, struct record_id record, const struct legacy_shadow *shadows,
                             size_t shadow_count, struct insert_work *out_inserts, size_t *out_count,
                             bool *out_waits) MUST_CHECK;

struct core_facts {
    bool ready;
    uint64_t unacked;
    uint64_t legacy_generation; /* as our store remembers it, 0: never */
};
struct status runner_facts(struct runner *runner, struct core_facts *out_facts) MUST_CHECK;
struct status runner_remember_generation(struct runner *runner, uint64_t generation) MUST_CHECK;

/* ---- apply.c ---- */

/* Goes on with every work until it ends: claims, leaves, shadows, write-backs. Outbox entries of works that end with their
 * capture are removed in the legacy transaction that closes their claim. */
struct status works_finish(struct runner *runner, struct work *works, size_t count) MUST_CHECK;
struct status insert_apply(struct runner *runner, struct insert_work *insert, bool *out_inserted) MUST_CHECK;

/* ---- runner.c ---- */

/* One look at everything; `woken` counts wake-ups, so that due records are looked at only when something changed.
 * out_busy: there was work, look again at once. */
struct status runner_step(struct runner *runner, uint64_t woken, bool *out_busy) MUST_CHECK;
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
