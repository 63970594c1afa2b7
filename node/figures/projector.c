/* SPDX-License-Identifier: Apache-2.0 */
#include "node/figures/projector.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "node/base/clock.h"
#include "node/base/heap.h"
#include "node/base/log.h"

enum {
    SLICE = 400,            /* records of one engine job */
    COMPARE_SLICE = 2000,   /* rows of one job of the comparison */
    GATHER_MS = 200,        /* so long a record may change again before it is read */
    RETRY_MS = 2000,        /* after a failure */
    REMEMBERED = 1 << 18,   /* saved records kept in memory; more start a comparison */
    OWNERS_TOLD = 32,
    TIDY_MS = 60000,
    GIVE_WAY = 4,           /* while the engine works for others, a pause of so many times what a slice took */
    GIVE_WAY_MAX_MS = 1000,
    PRIORITY = 10,          /* nice: changes come first, figures say how old they are */
};

struct projector {
    struct projector_options options;
    struct figures *figures;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct record_id *saved; /* all below under the lock */
    size_t saved_count, saved_capacity;
    bool overflowed;
    bool stopping;
    bool compared; /* written by its thread only */
    int64_t as_of_ms;
    /* projector's thread only */
    int64_t tidied_ms;
    struct engine *engine;  /* of the last job */
    struct store *store;    /* likewise */
    uint64_t jobs_seen;     /* of the engine, at the last slice */
    struct arena arena;
    struct scope_id told[OWNERS_TOLD];
    size_t told_count;
};

void projector_saved(struct projector *projector, const struct record_id *ids, size_t count)
{
    if (count == 0) {
        return;
    }
    pthread_mutex_lock(&projector->lock);
    size_t wanted = projector->saved_count + count;
    if (wanted > projector->saved_capacity && wanted <= REMEMBERED) {
        size_t capacity = wanted * 2 < 1024 ? 1024 : wanted * 2;
        struct record_id *more = realloc(projector->saved, capacity * sizeof *more);
        projector->saved = more ? more : projector->saved;
        projector->saved_capacity = more ? capacity : projector->saved_capacity;
    }
    if (wanted > projector->saved_capacity) {
        projector->overflowed = true;
    } else {
        memcpy(projector->saved + projector->saved_count, ids, count * sizeof *ids);
        projector->saved_count = wanted;
    }
    pthread_cond_signal(&projector->wake);
    pthread_mutex_unlock(&projector->lock);
}

void projector_missed(struct projector *projector)
{
    pthread_mutex_lock(&projector->lock);
    projector->overflowed = true;
    pthread_cond_signal(&projector->wake);
    pthread_mutex_unlock(&projector->lock);
}

static int id_compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct record_id));
}

/* ---- jobs: on the engine thread, reading only, into the projector's arena ---- */

struct take_job {
    struct job job; /* first */
    struct projector *projector;
    struct record_id ids[SLICE];
    struct record_row rows[SLICE];
    size_t count;
    uint64_t changed; /* the store's counter; everything up to it is taken when `all` */
    bool all;
};

/* The newest first, and each once: what came while the last slice was counted is at the end. */
static void take_ids(struct projector *projector, struct take_job *take)
{
    pthread_mutex_lock(&projector->lock);
    size_t from = projector->saved_count > SLICE ? projector->saved_count - SLICE : 0;
    size_t count = projector->saved_count - from;
    if (count > 0) {
        memcpy(take->ids, projector->saved + from, count * sizeof *take->ids);
    }
    projector->saved_count = from;
    take->all = from == 0 && !projector->overflowed;
    pthread_mutex_unlock(&projector->lock);
    qsort(take->ids, count, sizeof *take->ids, id_compare);
    take->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (take->count == 0 || !record_id_equal(take->ids[take->count - 1], take->ids[i])) {
            take->ids[take->count++] = take->ids[i];
        }
    }
}

static struct status take_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)arena;
    struct take_job *take = (struct take_job *)job;
    struct projector *projector = take->projector;
    take_ids(projector, take);
    take->changed = core_changed(core);
    return projector->store->ops->records_load(projector->store, take->ids, take->count, &projector->arena, take->rows);
}

struct compare_job {
    struct job job; /* first */
    struct projector *projector;
    struct record_id after;
    struct record_row rows[COMPARE_SLICE];
    size_t count;
    uint64_t changed;
};

static struct status compare_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)arena;
    struct compare_job *compare = (struct compare_job *)job;
    struct store *store = compare->projector->store;
    const struct record_filter all = {.hidden_too = true};
    compare->changed = core_changed(core);
    return store->ops->records_list(store, &all, compare->after, false, COMPARE_SLICE, &compare->projector->arena,
                                    compare->rows, &compare->count);
}

static struct status projector_call(struct projector *projector, struct job *job)
{
    projector->options.source(projector->options.owner, &projector->engine, &projector->store);
    return engine_call(projector->engine, job);
}

/* ---- counting ---- */

static void tell(struct projector *projector, struct scope_id owner)
{
    for (size_t i = 0; i < projector->told_count && projector->told_count <= OWNERS_TOLD; i++) {
        if (i < OWNERS_TOLD && scope_id_equal(projector->told[i], owner)) {
            return;
        }
    }
    if (projector->told_count < OWNERS_TOLD) {
        projector->told[projector->told_count] = owner;
    }
    projector->told_count += projector->told_count <= OWNERS_TOLD ? 1 : 0;
}

static void tell_all(struct projector *projector)
{
    if (projector->told_count > 0) {
        size_t count = projector->told_count > OWNERS_TOLD ? 0 : projector->told_count;
        projector->options.changed(projector->options.owner, projector->told, count);
        projector->told_count = 0;
    }
}

static struct status slice_count(struct projector *projector, const struct take_job *take)
{
    struct fact *facts = arena_array(&projector->arena, take->count, sizeof *facts);
    size_t count = 0;
    if (!facts) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < take->count; i++) {
        struct record record;
        const struct record_row *row = &take->rows[i];
        if (!row->bytes.data) {
            facts[count++] = (struct fact){.id = take->ids[i]}; /* it was undone: it counts for nothing */
            continue;
        }
        /* A damaged row is the store's matter (`simpul log verify`); the others are counted. */
        if (status_is_ok(record_decode(row->id, row->bytes, &projector->arena, &record)) &&
            status_is_ok(fact_of_record(&record, &projector->options.figures.workdays, &projector->arena, &facts[count]))) {
            facts[count].changed = row->changed;
            tell(projector, facts[count].owner);
            count++;
        }
    }
    return figures_apply(projector->figures, facts, count);
}

static void remember_again(struct projector *projector, const struct take_job *take)
{
    projector_saved(projector, take->ids, take->count);
}

static void wait_ms(struct projector *projector, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&projector->lock);
    while (!projector->stopping && pthread_cond_timedwait(&projector->wake, &projector->lock, &until) != ETIMEDOUT) {
    }
    pthread_mutex_unlock(&projector->lock);
}

/* A backlog is counted in the gaps: with two cores, every slice of a first load would be taken from the load itself. */
static void give_way(struct projector *projector, int64_t took_ms)
{
    uint64_t jobs = engine_counts(projector->engine).jobs;
    bool others = jobs > projector->jobs_seen + 1; /* one was ours */
    projector->jobs_seen = jobs;
    if (others) {
        wait_ms(projector, took_ms * GIVE_WAY < GIVE_WAY_MAX_MS ? took_ms * GIVE_WAY : GIVE_WAY_MAX_MS);
    }
}

/* One slice. out_all: nothing waits any more. */
static struct status slice_take(struct projector *projector, bool *out_all)
{
    struct take_job *take = calloc(1, sizeof *take);
    if (!take) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    take->job = (struct job){.run = take_run, .reads_only = true};
    take->projector = projector;
    int64_t began_ms = clock_now_ms();
    int64_t began_monotonic_ms = clock_monotonic_ms();
    struct status status = projector_call(projector, &take->job);
    status = status_is_ok(status) ? slice_count(projector, take) : status;
    if (!status_is_ok(status)) {
        remember_again(projector, take);
    } else if (take->all && projector->compared) {
        status = figures_mark(projector->figures, take->changed);
        pthread_mutex_lock(&projector->lock);
        projector->as_of_ms = began_ms;
        pthread_mutex_unlock(&projector->lock);
    }
    *out_all = take->all;
    arena_clear(&projector->arena);
    if (!take->all) {
        give_way(projector, clock_monotonic_ms() - began_monotonic_ms);
    }
    free(take);
    return status;
}

static bool is_stopping(struct projector *projector)
{
    pthread_mutex_lock(&projector->lock);
    bool stopping = projector->stopping;
    pthread_mutex_unlock(&projector->lock);
    return stopping;
}

/* Rows whose counter differs from what was counted are taken as saved. */
static struct status compare_slice(struct projector *projector, struct compare_job *compare)
{
    struct record_id *ids = arena_array(&projector->arena, COMPARE_SLICE, sizeof *ids);
    uint64_t *known = arena_array(&projector->arena, COMPARE_SLICE, sizeof *known);
    size_t differing = 0;
    if (!ids || !known) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < compare->count; i++) {
        ids[i] = compare->rows[i].id;
    }
    TRY(figures_changed(projector->figures, ids, compare->count, known));
    for (size_t i = 0; i < compare->count; i++) {
        if (known[i] != compare->rows[i].changed) {
            ids[differing++] = ids[i];
        }
    }
    projector_saved(projector, ids, differing);
    return status_ok();
}

static struct status compare_page(struct projector *projector, struct compare_job *compare)
{
    compare->count = 0;
    compare->job = (struct job){.run = compare_run, .reads_only = true};
    TRY(projector_call(projector, &compare->job));
    TRY(compare_slice(projector, compare));
    if (compare->count > 0) {
        compare->after = compare->rows[compare->count - 1].id;
    }
    arena_clear(&projector->arena);
    bool all = false;
    while (!all && !is_stopping(projector)) {
        TRY(slice_take(projector, &all));
        tell_all(projector);
    }
    return status_ok();
}

/* Counters below the mark mean another past of the store: everything is counted anew. */
static struct status compare_begin(struct projector *projector, struct compare_job *compare, bool *out_needed)
{
    compare->job = (struct job){.run = compare_run, .reads_only = true};
    TRY(projector_call(projector, &compare->job));
    arena_clear(&projector->arena);
    uint64_t marked = figures_marked(projector->figures);
    *out_needed = marked != compare->changed;
    if (marked > compare->changed) {
        TRY(figures_clear(projector->figures));
    }
    return status_ok();
}

static struct status compare_all(struct projector *projector)
{
    struct compare_job *compare = calloc(1, sizeof *compare);
    bool needed = true;
    if (!compare) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    compare->projector = projector;
    pthread_mutex_lock(&projector->lock);
    bool lost = projector->compared; /* not the first comparison: more was saved than is remembered */
    projector->overflowed = false;
    projector->compared = false;
    pthread_mutex_unlock(&projector->lock);
    struct status status = compare_begin(projector, compare, &needed);
    needed |= lost;
    status = status_is_ok(status) && needed ? figures_mark(projector->figures, 0) : status;
    do {
        status = status_is_ok(status) && needed ? compare_page(projector, compare) : status;
    } while (status_is_ok(status) && needed && compare->count == COMPARE_SLICE && !is_stopping(projector));
    free(compare);
    pthread_mutex_lock(&projector->lock);
    projector->compared = status_is_ok(status) && !projector->stopping;
    projector->overflowed |= !status_is_ok(status);
    pthread_mutex_unlock(&projector->lock);
    return status;
}

/* ---- thread ---- */

/* Waits until something was saved; true when there is something to do. */
static bool wait_for_work(struct projector *projector)
{
    pthread_mutex_lock(&projector->lock);
    while (!projector->stopping && projector->saved_count == 0 && !projector->overflowed) {
        pthread_cond_wait(&projector->wake, &projector->lock);
    }
    bool work = !projector->stopping;
    pthread_mutex_unlock(&projector->lock);
    return work;
}

static void tidy(struct projector *projector)
{
    if (clock_monotonic_ms() - projector->tidied_ms > TIDY_MS) {
        figures_tidy(projector->figures);
        projector->tidied_ms = clock_monotonic_ms();
    }
}

static struct status work(struct projector *projector)
{
    pthread_mutex_lock(&projector->lock);
    bool compare = projector->overflowed;
    pthread_mutex_unlock(&projector->lock);
    if (compare) {
        TRY(compare_all(projector));
    }
    bool all = false;
    while (!all && !is_stopping(projector)) {
        TRY(slice_take(projector, &all));
        tell_all(projector);
    }
    tidy(projector);
    return status_ok();
}

static void *projector_main(void *argument)
{
    struct projector *projector = argument;
    pthread_setname_np(pthread_self(), "projector");
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), PRIORITY); /* of this thread; without it figures are only not later */
    while (wait_for_work(projector)) {
        struct status status = work(projector);
        if (!status_is_ok(status)) {
            LOG(figures_failed, log_status(status));
        }
        wait_ms(projector, status_is_ok(status) ? GATHER_MS : RETRY_MS);
    }
    return NULL;
}

struct projector_state projector_state(struct projector *projector)
{
    pthread_mutex_lock(&projector->lock);
    struct projector_state state = {.waiting = projector->saved_count, .as_of_ms = projector->as_of_ms};
    if (projector->compared && projector->saved_count == 0 && !projector->overflowed) {
        state.as_of_ms = clock_now_ms();
    }
    pthread_mutex_unlock(&projector->lock);
    return state;
}

struct status projector_start(const struct projector_options *options, struct projector **out_projector)
{
    struct projector *projector = calloc(1, sizeof *projector);
    pthread_condattr_t attributes;
    if (!projector) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    projector->options = *options;
    projector->overflowed = true; /* the first comparison */
    arena_init(&projector->arena, memory_heap(), SIZE_MAX);
    pthread_mutex_init(&projector->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&projector->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    struct status status = figures_open(&options->figures, &projector->figures);
    if (status_is_ok(status) && pthread_create(&projector->thread, NULL, projector_main, projector) != 0) {
        status = STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (!status_is_ok(status)) {
        projector_free(projector);
        return status;
    }
    projector->started = true;
    *out_projector = projector;
    return status_ok();
}

void projector_stop(struct projector *projector)
{
    if (!projector || !projector->started) {
        return;
    }
    pthread_mutex_lock(&projector->lock);
    projector->stopping = true;
    pthread_cond_broadcast(&projector->wake);
    pthread_mutex_unlock(&projector->lock);
    pthread_join(projector->thread, NULL);
    projector->started = false;
}

void projector_free(struct projector *projector)
{
    if (!projector) {
        return;
    }
    figures_close(projector->figures);
    pthread_cond_destroy(&projector->wake);
    pthread_mutex_destroy(&projector->lock);
    arena_release(&projector->arena);
    free(projector->saved);
    free(projector);
}
