/* SPDX-License-Identifier: Apache-2.0 */
#include "node/process/follow.h"

#include <pthread.h>
#include <stdlib.h>

#include "node/store/store_postgres.h"

struct follow {
    struct job job; /* first */
    struct engine *engine;
    struct store_watch *watch;
    pthread_mutex_t lock;
    bool queued; /* under the lock, as what follows */
    bool again;  /* something was told since the job that is queued began */
};

/* The engine told what it found before it came here. */
static struct status look_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)job;
    (void)core;
    (void)arena;
    return status_ok();
}

static void on_moved(void *owner);

static void look_done(struct job *job, struct status status)
{
    struct follow *follow = (struct follow *)job;
    (void)status; /* a store that is away is looked at when it is back */
    pthread_mutex_lock(&follow->lock);
    bool again = follow->again;
    follow->queued = false;
    follow->again = false;
    pthread_mutex_unlock(&follow->lock);
    if (again) {
        on_moved(follow);
    }
}

/* A full queue: its next group looks anyway. */
static void on_moved(void *owner)
{
    struct follow *follow = owner;
    pthread_mutex_lock(&follow->lock);
    if (follow->queued) {
        follow->again = true;
    } else {
        follow->job = (struct job){.run = look_run, .done = look_done, .reads_only = true};
        follow->queued = status_is_ok(engine_submit(follow->engine, &follow->job));
    }
    pthread_mutex_unlock(&follow->lock);
}

struct status follow_start(struct engine *engine, const struct store *store, struct follow **out_follow)
{
    struct follow *follow = calloc(1, sizeof *follow);
    if (!follow) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    follow->engine = engine;
    pthread_mutex_init(&follow->lock, NULL);
    *out_follow = follow;
    return store_postgres_watch_start(store, on_moved, follow, &follow->watch);
}

void follow_stop(struct follow *follow)
{
    if (follow) {
        store_postgres_watch_stop(follow->watch);
        follow->watch = NULL;
    }
}

void follow_free(struct follow *follow)
{
    if (follow) {
        pthread_mutex_destroy(&follow->lock);
        free(follow);
    }
}
