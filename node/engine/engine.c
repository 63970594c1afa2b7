/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/engine.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "node/base/clock.h"

struct engine {
    struct engine_options options;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *first; /* queue, oldest first; under the lock */
    struct job **last;
    size_t queued;
    bool stopping;
    bool started;
    struct engine_counts counts; /* under the lock */
    bool is_dead;                /* engine thread only, as all that follows */
    bool is_paused;
    int64_t paused_since_ms; /* monotonic */
    int64_t retry_at_ms;     /* monotonic */
    int64_t retry_ms;        /* the last wait; 0 after a commit */
};

enum { RETURN_FIRST_MS = 100, RETURN_MAX_MS = 5000 };

static uint64_t engine_now(const struct engine *engine)
{
    return engine->options.now_ms ? engine->options.now_ms(engine->options.owner) : (uint64_t)clock_now_ms();
}

/* Waits for a job, for the end, or in a pause for the time of the next try. */
static void engine_wait(struct engine *engine)
{
    struct timespec until = {.tv_sec = engine->retry_at_ms / 1000, .tv_nsec = engine->retry_at_ms % 1000 * 1000000};
    while (!engine->first && !engine->stopping) {
        if (!engine->is_paused) {
            pthread_cond_wait(&engine->wake, &engine->lock);
        } else if (pthread_cond_timedwait(&engine->wake, &engine->lock, &until) != 0) {
            return;
        }
    }
}

/* Takes up to a group of jobs, waiting for the first. NULL when the engine is to end, or to look for its store. */
static struct job *engine_take(struct engine *engine, bool *out_end)
{
    pthread_mutex_lock(&engine->lock);
    engine_wait(engine);
    *out_end = engine->stopping && !engine->first;
    struct job *group = engine->first;
    struct job **end = &group;
    for (size_t i = 0; i < LIMIT_GROUP_JOBS && *end; i++) {
        end = &(*end)->next;
        engine->queued--;
    }
    engine->first = group ? *end : NULL;
    if (group) {
        *end = NULL;
    }
    if (!engine->first) {
        engine->last = &engine->first;
    }
    pthread_mutex_unlock(&engine->lock);
    return group;
}

/* One job of a group of several: its writes stand behind a mark, so that it can be undone alone. */
static struct status engine_run_marked(struct engine *engine, struct job *job, struct arena *arena)
{
    struct core *core = engine->options.core;
    if (job->reads_only) {
        job->status = job->run(job, core, arena);
        return status_ok();
    }
    TRY(core_mark(core));
    job->status = job->run(job, core, arena);
    return status_is_ok(job->status) ? core_mark_keep(core) : core_mark_undo(core);
}

static bool engine_only_reads(const struct job *group)
{
    while (group && group->reads_only) {
        group = group->next;
    }
    return !group;
}

/* What other processes committed is told before anything is run on it, and whatever becomes of the group. */
static void engine_tell_news(struct engine *engine)
{
    struct core *core = engine->options.core;
    if (core_has_news(core)) {
        if (engine->options.committed) {
            engine->options.committed(engine->options.owner, core);
        }
        core_news_told(core);
    }
}

static struct status engine_run_all(struct engine *engine, struct job *group, struct arena *arena, bool *out_write)
{
    struct core *core = engine->options.core;
    bool alone = group->next == NULL;
    uint64_t now_ms = engine_now(engine);
    TRY(engine->options.reads_only || engine_only_reads(group) ? core_begin_reading(core, now_ms) : core_begin(core, now_ms));
    engine_tell_news(engine);
    for (struct job *job = group; job; job = job->next) {
        if (alone) {
            job->status = job->run(job, core, arena);
        } else {
            TRY(engine_run_marked(engine, job, arena));
        }
        *out_write |= !job->reads_only && status_is_ok(job->status);
    }
    if (!*out_write) {
        core_rollback(core);
        return status_ok();
    }
    return core_commit(core);
}

/* Counted before any `done` runs, so that whoever was told finds itself counted. */
static void engine_count(struct engine *engine, const struct job *group, uint64_t took_ms)
{
    pthread_mutex_lock(&engine->lock);
    for (const struct job *job = group; job; job = job->next) {
        engine->counts.jobs++;
        engine->counts.failed += status_is_ok(job->status) ? 0 : 1;
    }
    engine->counts.groups++;
    if (took_ms > engine->counts.longest_ms) {
        engine->counts.longest_ms = took_ms;
    }
    pthread_mutex_unlock(&engine->lock);
}

static void engine_finish(struct engine *engine, struct job *group, struct status status, uint64_t took_ms)
{
    for (struct job *job = group; job && !status_is_ok(status); job = job->next) {
        job->status = status;
    }
    engine_count(engine, group, took_ms);
    for (struct job *job = group; job;) {
        struct job *next = job->next; /* done may free the job */
        job->done(job, job->status);
        job = next;
    }
}

/* A commit or a mark that failed: memory and a lock may pass, anything else means that the store cannot be trusted. */
static bool engine_is_fatal(struct status status)
{
    return status.code == STATUS_IO || status.code == STATUS_UNKNOWN || status.code == STATUS_FORKED;
}

static bool engine_is_lost(const struct engine *engine, struct status status)
{
    return engine->options.store_returns && (status.code == STATUS_IO || status.code == STATUS_UNKNOWN);
}

static void engine_set_paused(struct engine *engine, bool paused)
{
    engine->is_paused = paused;
    pthread_mutex_lock(&engine->lock);
    engine->counts.pauses += paused ? 1 : 0;
    engine->counts.paused = paused;
    pthread_mutex_unlock(&engine->lock);
}

static void engine_die(struct engine *engine, struct status status)
{
    engine->is_dead = true;
    if (engine->is_paused) {
        engine_set_paused(engine, false); /* nothing is tried any more */
    }
    if (engine->options.dead) {
        engine->options.dead(engine->options.owner, status);
    }
}

/* The first try comes at once: often only the connection was lost. */
static void engine_pause(struct engine *engine, struct status status)
{
    engine->paused_since_ms = clock_monotonic_ms();
    engine->retry_at_ms = engine->paused_since_ms + engine->retry_ms;
    engine_set_paused(engine, true);
    if (engine->options.paused) {
        engine->options.paused(engine->options.owner, status);
    }
}

static struct status engine_look_again(struct engine *engine)
{
    struct core *core = engine->options.core;
    if (!engine->options.reads_only) {
        return core_return(core, engine_now(engine));
    }
    TRY(core_begin_reading(core, engine_now(engine)));
    engine_tell_news(engine);
    core_rollback(core);
    return status_ok();
}

static void engine_return(struct engine *engine)
{
    struct status status = engine_look_again(engine);
    int64_t now_ms = clock_monotonic_ms();
    engine->retry_ms = engine->retry_ms == 0 ? RETURN_FIRST_MS : engine->retry_ms * 2;
    engine->retry_ms = engine->retry_ms > RETURN_MAX_MS ? RETURN_MAX_MS : engine->retry_ms;
    if (status_is_ok(status)) {
        engine_tell_news(engine);
        engine_set_paused(engine, false);
        if (engine->options.returned) {
            engine->options.returned(engine->options.owner, now_ms - engine->paused_since_ms);
        }
    } else if (status.code == STATUS_FORKED || status.code == STATUS_INVALID) {
        engine_die(engine, status);
    } else {
        engine->retry_at_ms = now_ms + engine->retry_ms;
    }
}

/* Told to the jobs of a group that met a store out of reach: of BUSY nothing was done. */
static struct status engine_verdict(const struct engine *engine, struct status status)
{
    return engine_is_lost(engine, status) && status.code == STATUS_IO ? STATUS_MAKE(STATUS_BUSY) : status;
}

/* A job of a group whose others could be saved. */
static struct status engine_worst(const struct engine *engine, const struct job *group)
{
    for (const struct job *job = group; job; job = job->next) {
        if (engine_is_lost(engine, job->status)) {
            return job->status;
        }
    }
    return status_ok();
}

static void engine_group(struct engine *engine, struct job *group, struct arena *arena)
{
    if (engine->is_dead || engine->is_paused) {
        engine_finish(engine, group, STATUS_MAKE(engine->is_dead ? STATUS_IO : STATUS_BUSY), 0);
        return;
    }
    bool write = false;
    int64_t started = clock_monotonic_ms();
    struct status status = engine_run_all(engine, group, arena, &write);
    struct status lost = status_is_ok(status) ? engine_worst(engine, group) : status;
    if (!status_is_ok(status)) {
        core_rollback(engine->options.core);
    } else if (write) {
        engine->retry_ms = status_is_ok(lost) ? 0 : engine->retry_ms;
        if (engine->options.committed) {
            engine->options.committed(engine->options.owner, engine->options.core);
        }
    }
    engine_finish(engine, group, engine_verdict(engine, status), (uint64_t)(clock_monotonic_ms() - started));
    if (engine_is_lost(engine, lost)) {
        engine_pause(engine, lost);
    } else if (!status_is_ok(status) && engine_is_fatal(status)) {
        engine_die(engine, status);
    }
}

static void *engine_main(void *argument)
{
    struct engine *engine = argument;
    struct arena arena;
    pthread_setname_np(pthread_self(), "engine");
    arena_init(&arena, engine->options.memory, SIZE_MAX);
    for (bool end = false; !end;) {
        struct job *group = engine_take(engine, &end);
        if (engine->is_paused && !end && clock_monotonic_ms() >= engine->retry_at_ms) {
            engine_return(engine);
        }
        if (group) {
            engine_group(engine, group, &arena);
            arena_clear(&arena);
        }
    }
    arena_release(&arena);
    return NULL;
}

struct status engine_start(const struct engine_options *options, struct engine **out_engine)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    engine->options = *options;
    engine->last = &engine->first;
    pthread_mutex_init(&engine->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&engine->thread, NULL, engine_main, engine) != 0) {
        engine_stop(engine);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    engine->started = true;
    *out_engine = engine;
    return status_ok();
}

struct status engine_submit(struct engine *engine, struct job *job)
{
    assert(job->run && job->done);
    struct status status = STATUS_MAKE(STATUS_BUSY);
    pthread_mutex_lock(&engine->lock);
    if (!engine->stopping && engine->queued < LIMIT_JOBS) {
        job->next = NULL;
        *engine->last = job;
        engine->last = &job->next;
        engine->queued++;
        status = status_ok();
        pthread_cond_signal(&engine->wake);
    }
    pthread_mutex_unlock(&engine->lock);
    return status;
}

/* A ticket's job carries another, and wakes whoever waits for it. */
static struct status ticket_run(struct job *job, struct core *core, struct arena *arena)
{
    struct engine_ticket *ticket = (struct engine_ticket *)job;
    return ticket->inner->run(ticket->inner, core, arena);
}

static void ticket_done(struct job *job, struct status status)
{
    struct engine_ticket *ticket = (struct engine_ticket *)job;
    if (ticket->inner->done) {
        ticket->inner->done(ticket->inner, status);
    }
    pthread_mutex_lock(&ticket->lock);
    ticket->status = status;
    ticket->done = true;
    pthread_cond_signal(&ticket->wake);
    pthread_mutex_unlock(&ticket->lock);
}

static void ticket_release(struct engine_ticket *ticket)
{
    pthread_cond_destroy(&ticket->wake);
    pthread_mutex_destroy(&ticket->lock);
}

struct status engine_send(struct engine *engine, struct job *job, struct engine_ticket *ticket)
{
    assert(!pthread_equal(pthread_self(), engine->thread));
    *ticket = (struct engine_ticket){.job = {.run = ticket_run, .done = ticket_done, .reads_only = job->reads_only}, .inner = job};
    pthread_mutex_init(&ticket->lock, NULL);
    pthread_cond_init(&ticket->wake, NULL);
    struct status status = engine_submit(engine, &ticket->job);
    if (!status_is_ok(status)) {
        ticket_release(ticket);
    }
    return status;
}

struct status engine_await(struct engine_ticket *ticket)
{
    pthread_mutex_lock(&ticket->lock);
    while (!ticket->done) {
        pthread_cond_wait(&ticket->wake, &ticket->lock);
    }
    pthread_mutex_unlock(&ticket->lock);
    struct status status = ticket->status;
    ticket_release(ticket);
    return status;
}

struct status engine_call(struct engine *engine, struct job *job)
{
    struct engine_ticket ticket;
    TRY(engine_send(engine, job, &ticket));
    return engine_await(&ticket);
}

void engine_stop(struct engine *engine)
{
    if (!engine) {
        return;
    }
    if (engine->started) {
        pthread_mutex_lock(&engine->lock);
        engine->stopping = true;
        pthread_cond_signal(&engine->wake);
        pthread_mutex_unlock(&engine->lock);
        pthread_join(engine->thread, NULL);
    }
    pthread_cond_destroy(&engine->wake);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

struct engine_counts engine_counts(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    struct engine_counts counts = engine->counts;
    counts.queued = engine->queued;
    pthread_mutex_unlock(&engine->lock);
    return counts;
}
