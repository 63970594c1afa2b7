/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_ENGINE_ENGINE_H
#define NODE_ENGINE_ENGINE_H

#include <pthread.h>

#include "sync/core.h"

/* The engine thread owns the core and its store. Work arrives as jobs in a bounded queue and is committed in groups: many
 * peers' pushes, many captures, one fsync (architecture.md). A job's effect is durable when its `done` says OK; until then
 * nothing may be sent or acknowledged.
 *
 * Guarantees: jobs run in the order of submission; a job that fails undoes itself and spoils no other of its group; `done`
 * runs exactly once for every job that engine_submit took, also when the engine stops (BUSY) or the store dies (IO,
 * UNKNOWN). After a failed sync or an unknown outcome of an embedded store the engine stops for good and says so through
 * `dead`: the process exits and recovers from the log (testing.md, "A failed fsync is fatal").
 *
 * A store on a server (`store_returns`) may be out of reach for a while. That is a pause: the group that met it ends with BUSY
 * (nothing was done) or UNKNOWN, later jobs with BUSY, while the engine tries again and again to come back (core_return). It
 * is dead only if what comes back is not what was left. Where several processes write to it, a group of jobs that only read waits
 * for none of them, and each group begins with what they committed since the last. Proved by tests/unit/engine/test_engine.c. */

struct engine;

struct job {
    /* On the engine thread, inside the group's transaction. `arena` lives until `done` returns. A status other than OK
     * undoes what this job wrote. */
    struct status (*run)(struct job *job, struct core *core, struct arena *arena);
    /* On the engine thread, after the commit. Must not block for long, nor wait for another job. */
    void (*done)(struct job *job, struct status status);
    bool reads_only; /* writes nothing, so needs no mark of its own */
    /* Private to the engine. */
    struct job *next;
    struct status status;
};

struct engine_options {
    struct core *core; /* borrowed; only the engine thread touches it between start and stop */
    struct memory memory;
    void *owner; /* borrowed, first argument of the callbacks */
    /* Optional, on the engine thread after each commit that changed something, and when another process's commits were found
     * (core_has_news): what grew may be asked of the core. */
    void (*committed)(void *owner, const struct core *core);
    /* Optional, on the engine thread: the store is gone (failed sync, unknown outcome, disk error). */
    void (*dead)(void *owner, struct status status);
    uint64_t (*now_ms)(void *owner); /* NULL: the system's clock */
    bool store_returns; /* the store connects anew by itself */
    bool reads_only;    /* every job only reads, of a replica */
    /* Optional, on the engine thread: the store is out of reach; it is there again, after so long. */
    void (*paused)(void *owner, struct status status);
    void (*returned)(void *owner, int64_t took_ms);
};

struct status engine_start(const struct engine_options *options, struct engine **out_engine) MUST_CHECK;
/* Takes a job (the caller keeps it alive until done). BUSY: the queue is full (LIMIT_JOBS) or the engine is stopping. */
struct status engine_submit(struct engine *engine, struct job *job) MUST_CHECK;
/* Runs a job and waits for its `done` (which may be NULL here). Never from the engine or the loop thread. The waiting
 * caller's queue place is counted like any other. */
struct status engine_call(struct engine *engine, struct job *job) MUST_CHECK;
/* The two halves of engine_call, for a caller that has something to do meanwhile. The ticket stays where it is; of one that
 * was sent the end must be awaited, once. */
struct engine_ticket { /* private to the engine */
    struct job job;
    struct job *inner;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done;
    struct status status;
};
struct status engine_send(struct engine *engine, struct job *job, struct engine_ticket *ticket) MUST_CHECK;
struct status engine_await(struct engine_ticket *ticket) MUST_CHECK;
/* Finishes what is queued, then ends the thread and frees. Accepts NULL. */
void engine_stop(struct engine *engine);

struct engine_counts {
    uint64_t jobs;
    uint64_t groups;
    uint64_t failed;       /* jobs that undid themselves */
    uint64_t longest_ms;   /* longest group so far */
    size_t queued;         /* now */
    uint64_t pauses;       /* times that the store was out of reach */
    bool paused;           /* now */
};
struct engine_counts engine_counts(struct engine *engine);

#endif
