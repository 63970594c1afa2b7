/* SPDX-License-Identifier: Apache-2.0 */
#include "node/process/screens.h"

#include <stdlib.h>
#include <uv.h>

#include "node/base/clock.h"
#include "node/base/heap.h"
#include "node/process/metrics.h"
#include "node/process/overview.h"

enum screen_kind {
    SCREEN_OVERVIEW,
    SCREEN_METRICS,
    SCREEN_READY,
};

/* A request that needs the engine. */
struct screen {
    struct job job; /* first */
    struct screens *screens;
    enum screen_kind kind;
    struct http_request_id id;
    bool cancelled;
    char *body; /* owned (malloc) */
    size_t size;
    struct status status;
    struct screen *next;       /* of all */
    struct screen *next_ready; /* under the lock */
};

struct screens {
    struct process *process;
    uv_async_t async;
    pthread_mutex_t lock;
    struct screen *ready; /* under the lock */
    struct screen *all;
    bool stopping;
    void (*stopped)(void *owner);
    void *owner;
};

static struct status screen_run(struct job *job, struct core *core, struct arena *arena)
{
    struct screen *screen = (struct screen *)job;
    struct process *process = screen->screens->process;
    json_t *overview = NULL;
    if (screen->kind == SCREEN_READY) {
        return status_ok(); /* the engine answers, that is all it asks */
    }
    TRY(overview_read(process, core, arena, &overview));
    struct status status = status_ok();
    if (screen->kind == SCREEN_METRICS) {
        status = metrics_text(process, overview, &screen->body, &screen->size);
    } else {
        screen->body = json_dumps(overview, JSON_COMPACT);
        screen->size = screen->body ? strlen(screen->body) : 0;
        status = screen->body ? status_ok() : STATUS_MAKE(STATUS_NO_MEMORY);
    }
    json_decref(overview);
    return status;
}

static void screen_done(struct job *job, struct status status)
{
    struct screen *screen = (struct screen *)job;
    struct screens *screens = screen->screens;
    screen->status = status;
    pthread_mutex_lock(&screens->lock);
    screen->next_ready = screens->ready;
    screens->ready = screen;
    pthread_mutex_unlock(&screens->lock);
    uv_async_send(&screens->async);
}

static void screen_free(struct screen *screen)
{
    struct screen **at = &screen->screens->all;
    while (*at != screen) {
        at = &(*at)->next;
    }
    *at = screen->next;
    free(screen->body);
    free(screen);
}

static void screen_answer(struct screen *screen)
{
    static const char *const types[] = {
        [SCREEN_OVERVIEW] = "application/json",
        [SCREEN_METRICS] = "text/plain; version=0.0.4",
        [SCREEN_READY] = "text/plain",
    };
    static const struct http_field fields[] = {
        {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
        {"Cache-Control", "no-store"},
    };
    struct http_server *server = screen->screens->process->server;
    if (!status_is_ok(screen->status)) {
        (void)http_respond_text(server, screen->id, 503, "the store does not answer right now: its work goes on by itself");
    } else if (screen->kind == SCREEN_READY) {
        (void)http_respond_text(server, screen->id, 200, "ready");
    } else {
        struct http_response response = {.status = 200,
                                         .content_type = types[screen->kind],
                                         .fields = fields,
                                         .field_count = sizeof fields / sizeof fields[0],
                                         .body = span_of(screen->body, screen->size)};
        (void)http_respond(server, screen->id, &response);
    }
}

static void screens_closed(uv_handle_t *handle)
{
    struct screens *screens = handle->data;
    screens->stopped(screens->owner);
}

static void screens_close_when_idle(struct screens *screens)
{
    if (screens->stopping && !screens->all && !uv_is_closing((uv_handle_t *)&screens->async)) {
        uv_close((uv_handle_t *)&screens->async, screens_closed);
    }
}

static void screens_on_async(uv_async_t *async)
{
    struct screens *screens = async->data;
    pthread_mutex_lock(&screens->lock);
    struct screen *ready = screens->ready;
    screens->ready = NULL;
    pthread_mutex_unlock(&screens->lock);
    while (ready) {
        struct screen *next = ready->next_ready;
        if (!ready->cancelled) {
            screen_answer(ready);
        }
        screen_free(ready);
        ready = next;
    }
    screens_close_when_idle(screens);
}

static void screen_start(struct screens *screens, struct http_request *request, enum screen_kind kind)
{
    struct screen *screen = screens->stopping ? NULL : calloc(1, sizeof *screen);
    if (screen) {
        *screen = (struct screen){.job = {.run = screen_run, .done = screen_done, .reads_only = true},
                                  .screens = screens,
                                  .kind = kind,
                                  .id = request->id,
                                  .next = screens->all};
        screens->all = screen;
        if (status_is_ok(engine_submit(screens->process->engine, &screen->job))) {
            return;
        }
        screen_free(screen);
    }
    (void)http_respond_text(screens->process->server, request->id, 503, "busy: try again");
}

static bool is_path(const struct http_request *request, const char *path)
{
    return span_equal(request->path, span_text(path));
}

/* Alive: the loop answers. Ready: the engine does too, and a node has hello behind it. */
static void screens_ready(struct screens *screens, struct http_request *request)
{
    struct process *process = screens->process;
    if (engine_counts(process->engine).paused) {
        (void)http_respond_text(process->server, request->id, 503, "the store's database does not answer");
        return;
    }
    if (process->peer && peer_status(process->peer).last_contact_ms == 0) {
        (void)http_respond_text(process->server, request->id, 503, "no contact with the hub since start");
        return;
    }
    screen_start(screens, request, SCREEN_READY);
}

void screens_handle(struct screens *screens, struct http_request *request)
{
    struct http_server *server = screens->process->server;
    if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
        (void)http_respond_text(server, request->id, 405, "GET only");
    } else if (is_path(request, "/healthz")) {
        (void)http_respond_text(server, request->id, 200, "alive");
    } else if (is_path(request, "/readyz")) {
        screens_ready(screens, request);
    } else if (is_path(request, "/metrics")) {
        screen_start(screens, request, SCREEN_METRICS);
    } else if (is_path(request, "/api/v1/overview")) {
        screen_start(screens, request, SCREEN_OVERVIEW);
    } else {
        (void)http_respond_text(server, request->id, 404, "there is no such page");
    }
}

void screens_cancelled(struct screens *screens, struct http_request_id id)
{
    for (struct screen *screen = screens->all; screen; screen = screen->next) {
        screen->cancelled |= screen->id.slot == id.slot && screen->id.generation == id.generation;
    }
}

struct status screens_new(struct process *process, uv_loop_t *loop, struct screens **out_screens)
{
    struct screens *screens = calloc(1, sizeof *screens);
    if (!screens) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    screens->process = process;
    pthread_mutex_init(&screens->lock, NULL);
    if (uv_async_init(loop, &screens->async, screens_on_async) != 0) {
        screens_free(screens);
        return STATUS_MAKE(STATUS_IO);
    }
    screens->async.data = screens;
    *out_screens = screens;
    return status_ok();
}

void screens_stop(struct screens *screens, void (*stopped)(void *owner), void *owner)
{
    screens->stopping = true;
    screens->stopped = stopped;
    screens->owner = owner;
    screens_close_when_idle(screens);
}

void screens_free(struct screens *screens)
{
    if (!screens) {
        return;
    }
    pthread_mutex_destroy(&screens->lock);
    free(screens);
}
