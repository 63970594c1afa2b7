/* SPDX-License-Identifier: Apache-2.0 */
#include "node/process/readers.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/base/clock.h"
#include "node/base/heap.h"
#include "node/base/log.h"
#include "node/process/process.h"
#include "node/store/store_postgres.h"

enum { PULSE_MS = 10000 };

struct look {
    struct job job; /* first */
    struct readers *readers;
    atomic_bool queued;
};

struct readers {
    struct process *process;
    struct local local; /* its store and core; the rest is borrowed from the process's */
    struct engine *engine;
    struct store_watch *watch;
    struct look look;   /* at the replica */
    struct look pulse;  /* a commit at the primary, when nothing else tells how old the replica is */
    atomic_bool is_there;
    _Atomic int64_t as_of_ms;
};

/* ---- jobs ---- */

static struct status look_run(struct job *job, struct core *core, struct arena *arena)
{
    struct readers *readers = ((struct look *)job)->readers;
    (void)core;
    (void)arena;
    atomic_store(&readers->as_of_ms, store_postgres_as_of_ms(readers->local.store));
    return status_ok();
}

static struct status pulse_run(struct job *job, struct core *core, struct arena *arena)
{
    struct store *store = ((struct look *)job)->readers->process->local.store;
    (void)core;
    (void)arena;
    return store_put_one(store, STORE_META, span_text("pulse"), (struct span){0});
}

static void on_there(struct readers *readers)
{
    if (!atomic_exchange(&readers->is_there, true)) {
        LOG(replica_back, log_ms(clock_now_ms() - atomic_load(&readers->as_of_ms)));
    }
}

static void look_done(struct job *job, struct status status)
{
    struct look *look = (struct look *)job;
    if (status_is_ok(status) && look == &look->readers->look) {
        on_there(look->readers);
    }
    atomic_store(&look->queued, false);
}

static void look_submit(struct look *look, struct engine *engine, bool reads_only)
{
    if (!atomic_exchange(&look->queued, true)) {
        look->job.reads_only = reads_only;
        if (!status_is_ok(engine_submit(engine, &look->job))) {
            atomic_store(&look->queued, false);
        }
    }
}

/* Once a second, on the look-out's thread. */
static void on_look_out(void *owner)
{
    struct readers *readers = owner;
    int64_t as_of_ms = atomic_load(&readers->as_of_ms);
    look_submit(&readers->look, readers->engine, true);
    if (atomic_load(&readers->is_there) && clock_now_ms() - as_of_ms > PULSE_MS) {
        look_submit(&readers->pulse, readers->process->engine, false);
    }
}

/* ---- engine callbacks, on the readers' engine thread ---- */

static void on_committed(void *owner, const struct core *core)
{
    struct readers *readers = owner;
    struct process *process = readers->process;
    if (process->board) {
        process->page->committed(process->board, core);
    }
}

/* What the primary committed meanwhile was not told to the screens. */
static void away(struct readers *readers, struct status status)
{
    bool was_there = atomic_exchange(&readers->is_there, false);
    if (was_there && readers->process->board) {
        readers->process->page->missed(readers->process->board);
    }
    LOG(replica_away, log_status(status), log_word(store_postgres_problem(readers->local.store)));
}

static void on_paused(void *owner, struct status status)
{
    away(owner, status);
}

/* A store that does not fit: no replica until the next start. */
static void on_dead(void *owner, struct status status)
{
    away(owner, status);
}

/* ---- start and stop ---- */

static struct status core_make(struct readers *readers)
{
    const struct config *config = readers->process->config;
    struct core_options options = {.memory = memory_heap(),
                                   .crypto = readers->local.crypto,
                                   .store = readers->local.store,
                                   .deployment = span_text(config->deployment),
                                   .self = config->node,
                                   .hub = config->node,
                                   .reads_only = true};
    memcpy(options.instance, readers->local.instance, sizeof options.instance);
    return core_new(&options, &readers->local.core);
}

static struct status start_all(struct readers *readers, char *problem, size_t problem_size)
{
    struct store_postgres_options replica = {.source = readers->process->config->store_replica, .is_replica = true};
    TRY(store_postgres_open(&replica, memory_heap(), &readers->local.store, problem, problem_size));
    TRY(core_make(readers));
    struct engine_options options = {.core = readers->local.core,
                                     .memory = memory_heap(),
                                     .owner = readers,
                                     .committed = on_committed,
                                     .dead = on_dead,
                                     .store_returns = true,
                                     .reads_only = true,
                                     .paused = on_paused};
    TRY(engine_start(&options, &readers->engine));
    return store_postgres_watch_start(readers->local.store, on_look_out, readers, &readers->watch);
}

struct status readers_start(struct process *process, struct readers **out_readers, char *problem, size_t problem_size)
{
    struct readers *readers = calloc(1, sizeof *readers);
    if (!readers) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    readers->process = process;
    readers->local = process->local;
    readers->local.store = NULL;
    readers->local.core = NULL;
    readers->look = (struct look){.job = {.run = look_run, .done = look_done}, .readers = readers};
    readers->pulse = (struct look){.job = {.run = pulse_run, .done = look_done}, .readers = readers};
    *out_readers = readers;
    return start_all(readers, problem, problem_size);
}

void readers_stop(struct readers *readers)
{
    if (readers) {
        atomic_store(&readers->is_there, false);
        store_postgres_watch_stop(readers->watch);
        readers->watch = NULL;
    }
}

void readers_free(struct readers *readers)
{
    if (!readers) {
        return;
    }
    engine_stop(readers->engine);
    core_free(readers->local.core);
    if (readers->local.store) {
        readers->local.store->ops->free(readers->local.store);
    }
    free(readers);
}

struct local *readers_local(struct readers *readers)
{
    return readers && atomic_load(&readers->is_there) ? &readers->local : NULL;
}

struct engine *readers_engine(struct readers *readers)
{
    return readers->engine;
}

int64_t readers_as_of_ms(struct readers *readers)
{
    return atomic_load(&readers->as_of_ms);
}
