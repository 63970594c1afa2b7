/* SPDX-License-Identifier: Apache-2.0 */
#include "node/process/upkeep.h"

#include <pthread.h>
#include <stdlib.h>
#include <uv.h>

enum { UPKEEP_MS = 60000 };

enum chore_kind {
    CHORE_LOOK, /* is anything owed? Reads only, so that looking wakes nobody */
    CHORE_OWED,
    CHORE_CLOCK,
    CHORE_COUNT,
};

struct chore {
    struct job job; /* first */
    struct upkeep *upkeep;
    enum chore_kind kind;
    bool queued; /* under the lock */
    bool again;  /* the last run said that there is more */
};

struct upkeep {
    struct engine *engine;
    struct store *store;
    bool is_hub;
    uv_timer_t timer;
    uv_async_t idle; /* the last chore has ended */
    pthread_mutex_t lock;
    bool stopping; /* under the lock */
    struct chore chores[CHORE_COUNT];
    size_t handles;
    void (*stopped)(void *owner);
    void *owner;
};

static void chore_submit(struct upkeep *upkeep, enum chore_kind kind);

static struct status chore_run(struct job *job, struct core *core, struct arena *arena)
{
    struct chore *chore = (struct chore *)job;
    struct store *store = chore->upkeep->store;
    struct pair pair;
    size_t count = 0;
    chore->again = false;
    switch (chore->kind) {
    case CHORE_LOOK:
        TRY(store->ops->scan(store, STORE_OWED, (struct span){0}, (struct span){0}, false, 1, SIZE_MAX, arena, &pair, &count));
        chore->again = count > 0;
        return status_ok();
    case CHORE_OWED:
        return core_owed(core, &chore->again);
    case CHORE_CLOCK:
        return core_upkeep(core, &chore->again);
    case CHORE_COUNT:
        break;
    }
    return STATUS_MAKE(STATUS_INVALID);
}

static void chore_done(struct job *job, struct status status)
{
    struct chore *chore = (struct chore *)job;
    struct upkeep *upkeep = chore->upkeep;
    pthread_mutex_lock(&upkeep->lock);
    chore->queued = false;
    bool go_on = !upkeep->stopping && status_is_ok(status) && chore->again;
    if (upkeep->stopping) {
        uv_async_send(&upkeep->idle);
    }
    pthread_mutex_unlock(&upkeep->lock);
    if (go_on) {
        chore_submit(upkeep, chore->kind == CHORE_LOOK ? CHORE_OWED : chore->kind);
    }
}

static void chore_submit(struct upkeep *upkeep, enum chore_kind kind)
{
    struct chore *chore = &upkeep->chores[kind];
    pthread_mutex_lock(&upkeep->lock);
    if (!upkeep->stopping && !chore->queued) {
        chore->job = (struct job){.run = chore_run, .done = chore_done, .reads_only = kind == CHORE_LOOK};
        chore->queued = status_is_ok(engine_submit(upkeep->engine, &chore->job));
    }
    pthread_mutex_unlock(&upkeep->lock);
}

void upkeep_committed(struct upkeep *upkeep)
{
    if (upkeep->is_hub) {
        chore_submit(upkeep, CHORE_LOOK);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct upkeep *upkeep = timer->data;
    chore_submit(upkeep, CHORE_CLOCK);
    upkeep_committed(upkeep); /* what a full queue refused is looked for again */
}

static void on_closed(uv_handle_t *handle)
{
    struct upkeep *upkeep = handle->data;
    if (--upkeep->handles == 0) {
        upkeep->stopped(upkeep->owner);
    }
}

static void on_idle(uv_async_t *async)
{
    struct upkeep *upkeep = async->data;
    bool busy = false;
    pthread_mutex_lock(&upkeep->lock);
    for (size_t i = 0; i < CHORE_COUNT; i++) {
        busy |= upkeep->chores[i].queued;
    }
    bool close = upkeep->stopping && !busy && !uv_is_closing((uv_handle_t *)&upkeep->idle);
    pthread_mutex_unlock(&upkeep->lock);
    if (close) {
        uv_close((uv_handle_t *)&upkeep->idle, on_closed);
        uv_close((uv_handle_t *)&upkeep->timer, on_closed);
    }
}

struct status upkeep_start(uv_loop_t *loop, struct engine *engine, struct store *store, bool is_hub,
                           struct upkeep **out_upkeep)
{
    struct upkeep *upkeep = calloc(1, sizeof *upkeep);
    if (!upkeep) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    upkeep->engine = engine;
    upkeep->store = store;
    upkeep->is_hub = is_hub;
    pthread_mutex_init(&upkeep->lock, NULL);
    for (size_t i = 0; i < CHORE_COUNT; i++) {
        upkeep->chores[i].upkeep = upkeep;
        upkeep->chores[i].kind = (enum chore_kind)i;
    }
    if (uv_async_init(loop, &upkeep->idle, on_idle) != 0) {
        upkeep_free(upkeep);
        return STATUS_MAKE(STATUS_IO);
    }
    uv_timer_init(loop, &upkeep->timer);
    upkeep->idle.data = upkeep;
    upkeep->timer.data = upkeep;
    upkeep->handles = 2;
    uv_timer_start(&upkeep->timer, on_timer, 0, UPKEEP_MS); /* at once: what a crash left owed */
    *out_upkeep = upkeep;
    return status_ok();
}

void upkeep_stop(struct upkeep *upkeep, void (*stopped)(void *owner), void *owner)
{
    upkeep->stopped = stopped;
    upkeep->owner = owner;
    uv_timer_stop(&upkeep->timer);
    pthread_mutex_lock(&upkeep->lock);
    upkeep->stopping = true;
    pthread_mutex_unlock(&upkeep->lock);
    uv_async_send(&upkeep->idle);
}

void upkeep_free(struct upkeep *upkeep)
{
    if (!upkeep) {
        return;
    }
    pthread_mutex_destroy(&upkeep->lock);
    free(upkeep);
}
