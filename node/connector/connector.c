/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/connector.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "node/base/clock.h"
#include "node/base/heap.h"
#include "node/base/log.h"
#include "node/connector/runner.h"

enum {
    RETRY_FIRST_MS = 200,
    RETRY_MAX_MS = 30000,
    REFUSED_RETRY_MS = 60000, /* schema or rights: a person mends it, we notice */
    LOCKED_MS = 100,
    WAITING_MS = 200,
    GATHER_MS = 4,    /* after a small batch: what clerks save meanwhile makes the next one larger */
    GATHER_DOUBLED_MAX = 5,
    GATHER_ROWS = 200,
    DAY_MINUTES = 24 * 60,
};

struct connector {
    struct connector_options options;
    struct runner runner;
    pthread_t thread;
    bool started;
    atomic_bool stopping;
    atomic_bool compare_asked;
    atomic_uint_fast64_t woken;
    pthread_mutex_t lock;
    pthread_cond_t wake;            /* for waits without a driver */
    struct driver *waking;          /* under the lock: who else has to be woken */
    struct connector_status status; /* under the lock */
    unsigned small_batches;         /* in a row, bounded */
    int64_t compared_day;           /* local day of the last nightly comparison */
};

const char *connector_state_name(enum connector_state state)
{
    static const char *const names[] = {"starting", "loading", "running", "comparing", "waiting", "down", "refused"};
    return names[state];
}

static void connector_say(struct connector *c, enum connector_state state, const char *problem, const struct walk *walk)
{
    pthread_mutex_lock(&c->lock);
    c->status.state = state;
    c->status.captured = c->runner.captured;
    c->status.written = c->runner.written;
    c->status.outbox = c->runner.outbox_count;
    c->status.due = c->runner.due_count;
    if (walk) {
        c->status.load_done = walk->done;
        c->status.load_total = walk->total;
    }
    if (state == CONNECTOR_RUNNING || state == CONNECTOR_LOADING || state == CONNECTOR_COMPARING) {
        c->status.last_ok_ms = (uint64_t)clock_now_ms();
    }
    snprintf(c->status.problem, sizeof c->status.problem, "%s", problem);
    pthread_mutex_unlock(&c->lock);
}

/* A wait that a wake or a stop ends. */
static void connector_pause(struct connector *c, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&c->lock);
    if (!atomic_load(&c->stopping)) {
        pthread_cond_timedwait(&c->wake, &c->lock, &until);
    }
    pthread_mutex_unlock(&c->lock);
}

static void connector_close(struct connector *c)
{
    pthread_mutex_lock(&c->lock);
    struct driver *driver = c->waking;
    c->waking = NULL;
    pthread_mutex_unlock(&c->lock);
    if (driver) {
        driver->ops->free(driver);
    }
    c->runner.driver = NULL;
}

static struct status connector_open(struct connector *c, char *problem, size_t problem_size)
{
    const struct config_legacy *legacy = c->options.legacy;
    struct driver *driver = NULL;
    TRY(legacy->kind == LEGACY_SQLITE
            ? driver_sqlite_open(legacy, c->options.mapping, false, &driver, problem, problem_size)
            : driver_postgres_open(legacy, c->options.mapping, false, &driver, problem, problem_size));
    if (!driver->installed) {
        driver->ops->free(driver);
        snprintf(problem, problem_size, "our tables and triggers are not in the local database yet: run `simpul connector "
                 "install %s`", legacy->name);
        return STATUS_MAKE(STATUS_INVALID);
    }
    pthread_mutex_lock(&c->lock);
    c->waking = driver;
    pthread_mutex_unlock(&c->lock);
    c->runner.driver = driver;
    return status_ok();
}

/* True once a day, at the minute that the configuration names, and when a person asked for it. */
static bool compare_is_due(struct connector *c)
{
    if (atomic_exchange(&c->compare_asked, false)) {
        return true;
    }
    int64_t minutes = clock_now_ms() / 60000 + c->options.mapping->zone_minutes;
    int64_t day = minutes / DAY_MINUTES;
    if (c->compared_day == day || minutes % DAY_MINUTES < (int64_t)c->options.legacy->compare_minute) {
        return false;
    }
    bool first = c->compared_day < 0; /* a start later in the day is no reason to compare at once */
    c->compared_day = day;
    return !first;
}

/* A batch costs the same few transactions, whether it has one row or a hundred. The edit before was already taken, so only
 * one that comes within these milliseconds waits for them; the longer small batches follow each other, the longer. */
static void connector_gather(struct connector *c)
{
    struct timespec time = {.tv_nsec = (GATHER_MS << c->small_batches) * 1000000L};
    c->small_batches += c->small_batches < GATHER_DOUBLED_MAX ? 1 : 0;
    nanosleep(&time, NULL);
}

static struct status connector_turn(struct connector *c, struct walk *walk)
{
    struct runner *runner = &c->runner;
    bool busy = false;
    bool waits = false;
    TRY(runner_step(runner, atomic_load(&c->woken), &busy));
    if (!walk->active && runner->reload_wanted) {
        runner->reload_wanted = false;
        runner->loading = true;
        TRY(walk_begin(runner, walk, true));
    }
    if (!walk->active && (compare_is_due(c) || runner->compare_wanted)) {
        runner->compare_wanted = false;
        TRY(walk_begin(runner, walk, false));
    }
    if (walk->active) {
        TRY(walk_step(runner, walk, &waits));
        arena_clear(&runner->arena);
    }
    enum connector_state working = walk->active ? walk->load ? CONNECTOR_LOADING : CONNECTOR_COMPARING : CONNECTOR_RUNNING;
    connector_say(c, runner->ready ? working : CONNECTOR_WAITING,
                  runner->ready ? "" : "waits until the hub has been greeted once", walk);
    if (busy && !walk->active && runner->outbox_count > 0 && runner->outbox_count < GATHER_ROWS) {
        connector_gather(c);
    } else {
        c->small_batches = 0;
    }
    if (busy || (walk->active && !waits)) {
        return status_ok();
    }
    bool changed;
    TRY(runner_forget_pending(runner));
    int64_t wait = runner->locked_out ? LOCKED_MS : !runner->ready || waits ? WAITING_MS : c->options.legacy->poll_ms;
    return runner->driver->ops->wait(runner->driver, wait, &changed);
}

static struct status connector_serve(struct connector *c)
{
    struct walk walk = {0};
    bool load = false;
    bool compare = false;
    struct status status = runner_open(&c->runner, &load, &compare);
    if (status_is_ok(status) && (load || compare)) {
        status = walk_begin(&c->runner, &walk, load);
    }
    arena_clear(&c->runner.arena);
    if (status_is_ok(status)) {
        LOG(connector_up, log_word(c->options.legacy->name));
    }
    while (status_is_ok(status) && !atomic_load(&c->stopping)) {
        status = connector_turn(c, &walk);
        arena_clear(&c->runner.arena);
        if (status.code == STATUS_BUSY || status.code == STATUS_STALE) {
            connector_pause(c, LOCKED_MS); /* locked, or somebody was faster */
            status = status_ok();
        }
    }
    walk_release(&walk);
    return status;
}

static void *connector_main(void *argument)
{
    struct connector *c = argument;
    pthread_setname_np(pthread_self(), "connector");
    int64_t retry_ms = RETRY_FIRST_MS;
    while (!atomic_load(&c->stopping)) {
        char problem[256] = "";
        struct status status = connector_open(c, problem, sizeof problem);
        if (status_is_ok(status)) {
            retry_ms = RETRY_FIRST_MS;
            status = connector_serve(c);
            snprintf(problem, sizeof problem, "%s", c->runner.driver->problem);
        }
        connector_close(c);
        arena_clear(&c->runner.arena);
        if (atomic_load(&c->stopping)) {
            break;
        }
        bool refused = status.code == STATUS_INVALID || status.code == STATUS_DENIED || status.code == STATUS_NOT_FOUND;
        int64_t wait = refused ? REFUSED_RETRY_MS : retry_ms;
        if (!problem[0]) {
            snprintf(problem, sizeof problem, "the local database does not answer; trying again by itself");
        }
        connector_say(c, refused ? CONNECTOR_REFUSED : CONNECTOR_DOWN, problem, NULL);
        LOG(connector_down, log_word(c->options.legacy->name), log_status(status), log_ms(wait), log_word(problem));
        retry_ms = retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : retry_ms * 2;
        connector_pause(c, wait);
    }
    return NULL;
}

struct status connector_start(const struct connector_options *options, struct connector **out_connector)
{
    struct connector *c = calloc(1, sizeof *c);
    if (!c) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    c->options = *options;
    c->runner.options = *options;
    c->status.name = options->legacy->name;
    c->compared_day = -1;
    arena_init(&c->runner.arena, memory_heap(), SIZE_MAX);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, NULL);
    if (pthread_create(&c->thread, NULL, connector_main, c) != 0) {
        connector_stop(c);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    c->started = true;
    *out_connector = c;
    return status_ok();
}

static void connector_rouse(struct connector *c)
{
    pthread_mutex_lock(&c->lock);
    pthread_cond_signal(&c->wake);
    if (c->waking) {
        c->waking->ops->wake(c->waking);
    }
    pthread_mutex_unlock(&c->lock);
}

void connector_wake(struct connector *c)
{
    atomic_fetch_add(&c->woken, 1);
    connector_rouse(c);
}

void connector_compare(struct connector *c)
{
    atomic_store(&c->compare_asked, true);
    connector_rouse(c);
}

struct connector_status connector_status(struct connector *c)
{
    pthread_mutex_lock(&c->lock);
    struct connector_status status = c->status;
    pthread_mutex_unlock(&c->lock);
    return status;
}

void connector_stop(struct connector *c)
{
    if (!c) {
        return;
    }
    if (c->started) {
        atomic_store(&c->stopping, true);
        connector_rouse(c);
        pthread_join(c->thread, NULL);
    }
    runner_release(&c->runner);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
