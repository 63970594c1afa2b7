/* SPDX-License-Identifier: Apache-2.0 */
#include "node/api/sync_api.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "node/base/clock.h"
#include "node/base/heap.h"
#include "node/peer/pack.h"

enum {
    FOLLOWS_MAX = 64, /* regencies of a province; more: it looks whenever anything grows */
    GROWN_MAX = 64,  /* scopes remembered between two rounds of the loop; more: every parked pull looks again */
    TICK_MS = 500,
};

enum call_kind {
    CALL_HELLO,
    CALL_PUSH,
    CALL_PULL,
};

/* One request on its way through the engine, or a parked pull. */
struct call {
    struct job job; /* first: the engine gives it back */
    struct sync_api *api;
    enum call_kind kind;
    struct http_request_id id;
    struct node_id peer;
    uint8_t spki[32];
    struct arena arena;
    struct span body;    /* owned (malloc) */
    char type[64];
    uint64_t park_until; /* monotonic ms, 0: not yet known */
    uint32_t wait_ms;
    bool again;          /* something grew while it was in the engine */
    bool empty;
    bool cancelled;
    bool parked;
    struct node_id follows[FOLLOWS_MAX];  /* of a province's pull, besides its own */
    size_t follow_count;                  /* above FOLLOWS_MAX: everything */
    int64_t came_ms;     /* wall clock */
    bool reported;
    unsigned http_status;
    struct span answer;  /* owned (malloc), packed */
    const char *answer_type;
    const char *problem;
    struct call *next;       /* of all calls */
    struct call *next_ready; /* back from the engine; under the lock */
};

struct sync_api {
    uv_loop_t *loop;
    struct engine *engine;
    struct http_server *server;
    char deployment[128];
    uv_async_t async;
    uv_timer_t timer;
    struct call *calls; /* loop thread */
    pthread_mutex_t lock;
    struct call *ready;             /* under the lock */
    struct scope_id grown[GROWN_MAX]; /* under the lock */
    size_t grown_count;
    bool grown_all;
    struct heard *heard; /* borrowed */
    bool stopping;
    size_t handles;
    void (*stopped)(void *owner);
    void *stopped_owner;
};

/* "simpul://<deployment>/node/<id>" */
static bool peer_from_uri(const struct sync_api *api, const struct http_peer *peer, struct node_id *out_node)
{
    char prefix[192];
    int size = snprintf(prefix, sizeof prefix, "simpul://%s/node/", api->deployment);
    if (!peer || !peer->present || size < 0 || strncmp(peer->uri, prefix, (size_t)size) != 0) {
        return false;
    }
    return status_is_ok(node_id_parse(span_text(peer->uri + size), out_node));
}

/* The certificate proves a key; the registry must name that key for that node now. */
static bool peer_is_registered(struct call *call, const struct registry *registry)
{
    uint8_t key[32];
    const struct registry_node *node = registry_node(registry, registry->size, call->peer);
    if (!node || !node->active) {
        call->problem = "this node is not in the hub's registry: ask the ministry to register it";
        return false;
    }
    if (!status_is_ok(registry_key(registry, call->peer, KEY_TLS, UINT32_MAX, key)) ||
        memcmp(key, call->spki, sizeof key) != 0) {
        call->problem = "the registry names another TLS key for this node: register the new certificate at the hub";
        return false;
    }
    return true;
}

/* What the node says of itself counts once, though a parked pull is looked at several times. */
static void report(struct call *call, const struct health *health, const struct stream_state *own, size_t own_count, bool nothing_owed)
{
    struct heard_report said = {.now_ms = (uint64_t)call->came_ms, .health = health, .nothing_owed = nothing_owed};
    for (size_t i = 0; i < own_count; i++) {
        said.held += own[i].size;
    }
    if (!call->reported) {
        heard_report(call->api->heard, call->peer, &said);
    }
    call->reported = true;
}

/* What a parked pull has to be woken for. */
static void follows_find(struct call *call, const struct registry *registry)
{
    call->follow_count = 0;
    for (size_t i = 0; i < registry->node_count; i++) {
        struct node_id node = registry->nodes[i].id;
        if (registry_is_province_of(registry, call->peer, scope_of_node(node))) {
            if (call->follow_count < FOLLOWS_MAX) {
                call->follows[call->follow_count] = node;
            }
            call->follow_count++;
        }
    }
}

static struct status serve_hello(struct call *call, struct core *core, struct span message, struct span *out_bytes)
{
    struct hello hello;
    struct hello_answer answer;
    TRY(hello_read(message, &call->arena, &hello));
    TRY(core_serve_hello(core, call->peer, &hello, &call->arena, &answer));
    report(call, hello.health, answer.own, answer.own_count, false);
    return hello_answer_write(&answer, &call->arena, out_bytes);
}

static struct status serve_push(struct call *call, struct core *core, struct span message, struct span *out_bytes)
{
    struct push push;
    struct push_answer answer;
    TRY(push_read(message, &call->arena, &push));
    TRY(core_serve_push(core, call->peer, &push, &call->arena, &answer));
    call->http_status = answer.verdict == VERDICT_SIZE_DIFFERS ? 409 : 200;
    return push_answer_write(&answer, &call->arena, out_bytes);
}

/* A province is told how its regencies are; once for each pull that is answered, not while one is parked. */
static struct status heard_add(struct call *call, struct pull_answer *answer)
{
    size_t follows = call->follow_count < LIMIT_HEARD_COUNT ? call->follow_count : LIMIT_HEARD_COUNT;
    struct node_heard *told = arena_array(&call->arena, follows, sizeof *told);
    struct heard_node *nodes = arena_array(&call->arena, follows, sizeof *nodes);
    if (!told || !nodes) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < follows; i++) {
        struct heard_node *node = &nodes[answer->heard_count];
        if (heard_get(call->api->heard, call->follows[i], (uint64_t)clock_now_ms(), node)) {
            node->health.program = span_text(node->program);
            told[answer->heard_count++] = (struct node_heard){.node = node->node,
                                                              .seen_ms = node->seen_ms,
                                                              .caught_up_ms = node->caught_up_ms,
                                                              .said_ms = node->said_ms,
                                                              .skew_ms = node->skew_ms,
                                                              .health = node->said_ms > 0 ? &node->health : NULL};
        }
    }
    answer->heard = told;
    return status_ok();
}

static struct status serve_pull(struct call *call, struct core *core, struct span message, struct span *out_bytes)
{
    struct pull pull;
    struct pull_answer answer;
    TRY(pull_read(message, &call->arena, &pull));
    call->wait_ms = pull.wait_ms < LIMIT_PULL_WAIT_MS ? pull.wait_ms : LIMIT_PULL_WAIT_MS;
    TRY(core_serve_pull(core, call->peer, &pull, &call->arena, &answer, &call->empty));
    report(call, pull.health, answer.own, answer.own_count, call->empty);
    TRY(call->follow_count > 0 ? heard_add(call, &answer) : status_ok());
    return pull_answer_write(&answer, &call->arena, out_bytes);
}

static struct status call_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)arena;
    struct call *call = (struct call *)job;
    call->http_status = 200;
    call->empty = false;
    if (!peer_is_registered(call, core_registry(core))) {
        call->http_status = 403;
        return STATUS_MAKE(STATUS_DENIED);
    }
    struct span message;
    struct span bytes = {0};
    TRY(pack_read(span_text(call->type), call->body, &call->arena, &message));
    switch (call->kind) {
    case CALL_HELLO:
        TRY(serve_hello(call, core, message, &bytes));
        break;
    case CALL_PUSH:
        TRY(serve_push(call, core, message, &bytes));
        break;
    case CALL_PULL:
        follows_find(call, core_registry(core));
        TRY(serve_pull(call, core, message, &bytes));
        break;
    }
    return pack_write(bytes, &call->answer, &call->answer_type);
}

static void call_done(struct job *job, struct status status)
{
    struct call *call = (struct call *)job;
    struct sync_api *api = call->api;
    if (!status_is_ok(status) && call->http_status != 403) {
        bool foreign = status.code == STATUS_INVALID || status.code == STATUS_LIMIT;
        call->http_status = foreign ? 400 : 503;
        call->problem = foreign ? "the message does not parse or exceeds a limit" : "the hub is busy: try again";
    }
    pthread_mutex_lock(&api->lock);
    call->next_ready = api->ready;
    api->ready = call;
    pthread_mutex_unlock(&api->lock);
    uv_async_send(&api->async);
}

static void call_clear_answer(struct call *call)
{
    free((void *)(uintptr_t)call->answer.data);
    call->answer = (struct span){0};
    arena_clear(&call->arena);
}

static void call_free(struct call *call)
{
    struct call **at = &call->api->calls;
    while (*at != call) {
        at = &(*at)->next;
    }
    *at = call->next;
    call_clear_answer(call);
    arena_release(&call->arena);
    free((void *)(uintptr_t)call->body.data);
    free(call);
}

static void call_refuse(struct call *call, unsigned http_status, const char *problem)
{
    if (!call->cancelled) {
        (void)http_respond_text(call->api->server, call->id, http_status, problem);
    }
    call_free(call);
}

static void call_submit(struct call *call)
{
    call->parked = false;
    call->again = false;
    call_clear_answer(call);
    /* A pull may sign a hub stream's checkpoint, and that note must be stored: no call is read-only. */
    call->job = (struct job){.run = call_run, .done = call_done};
    if (!status_is_ok(engine_submit(call->api->engine, &call->job))) {
        call_refuse(call, 503, "the hub is busy: try again");
    }
}

static void call_answer(struct call *call)
{
    if (call->http_status != 200 && call->http_status != 409) {
        call_refuse(call, call->http_status, call->problem);
        return;
    }
    if (!call->cancelled) {
        struct http_response response = {.status = call->http_status,
                                         .content_type = call->answer_type,
                                         .body = call->answer,
                                         .body_free = free};
        call->answer = (struct span){0};
        (void)http_respond(call->api->server, call->id, &response);
    }
    call_free(call);
}

/* A pull that found nothing waits for a stream to grow, if its asker has time left. */
static bool call_may_park(struct call *call)
{
    if (call->kind != CALL_PULL || call->http_status != 200 || !call->empty || call->cancelled || call->api->stopping) {
        return false;
    }
    if (call->park_until == 0) {
        call->park_until = (uint64_t)clock_monotonic_ms() + call->wait_ms;
    }
    return (uint64_t)clock_monotonic_ms() < call->park_until;
}

static void call_returned(struct call *call)
{
    if (!call_may_park(call)) {
        call_answer(call);
    } else if (call->again) {
        call_submit(call);
    } else {
        call->parked = true;
        call_clear_answer(call);
    }
}

static bool call_follows_scope(const struct call *call, struct scope_id scope)
{
    bool follows = scope_id_equal(scope, scope_of_node(call->peer)) || call->follow_count > FOLLOWS_MAX;
    for (size_t i = 0; i < call->follow_count && !follows; i++) {
        follows = scope_id_equal(scope, scope_of_node(call->follows[i]));
    }
    return follows;
}

/* A scope grew that it reads. */
static bool call_follows(const struct call *call, const struct scope_id *grown, size_t count, bool all)
{
    for (size_t i = 0; i < count && !all; i++) {
        all = call_follows_scope(call, grown[i]);
    }
    return all;
}

static void api_wake_parked(struct sync_api *api, const struct scope_id *grown, size_t count, bool all)
{
    for (struct call *call = api->calls; call;) {
        struct call *next = call->next; /* call_submit may free it */
        if (call->kind == CALL_PULL && call_follows(call, grown, count, all)) {
            if (call->parked) {
                call_submit(call);
            } else {
                call->again = true;
            }
        }
        call = next;
    }
}

static void api_closed(uv_handle_t *handle)
{
    struct sync_api *api = handle->data;
    if (--api->handles == 0) {
        api->stopped(api->stopped_owner);
    }
}

static void api_close_when_idle(struct sync_api *api)
{
    if (api->stopping && !api->calls && !uv_is_closing((uv_handle_t *)&api->async)) {
        uv_close((uv_handle_t *)&api->async, api_closed);
        uv_close((uv_handle_t *)&api->timer, api_closed);
    }
}

static void api_on_async(uv_async_t *async)
{
    struct sync_api *api = async->data;
    struct scope_id grown[GROWN_MAX];
    pthread_mutex_lock(&api->lock);
    struct call *ready = api->ready;
    size_t count = api->grown_count;
    bool all = api->grown_all;
    memcpy(grown, api->grown, count * sizeof grown[0]);
    api->ready = NULL;
    api->grown_count = 0;
    api->grown_all = false;
    pthread_mutex_unlock(&api->lock);
    api_wake_parked(api, grown, count, all);
    while (ready) {
        struct call *next = ready->next_ready;
        if (ready->kind == CALL_HELLO) {
            struct scope_id own = scope_of_node(ready->peer);
            api_wake_parked(api, &own, 1, false); /* another copy of this node may have to be told */
        }
        call_returned(ready);
        ready = next;
    }
    api_close_when_idle(api);
}

/* Parked pulls whose time is over are asked once more, and then answered whatever comes. */
static void api_on_timer(uv_timer_t *timer)
{
    struct sync_api *api = timer->data;
    uint64_t now = (uint64_t)clock_monotonic_ms();
    uint64_t soonest = UINT64_MAX;
    for (struct call *call = api->calls; call;) {
        struct call *next = call->next;
        if (call->parked && now >= call->park_until) {
            call_submit(call);
        } else if (call->parked && call->park_until - now < soonest) {
            soonest = call->park_until - now;
        }
        call = next;
    }
    if (soonest != UINT64_MAX) {
        uv_timer_start(timer, api_on_timer, soonest + 1 > TICK_MS ? soonest + 1 : TICK_MS, 0);
    }
}

static bool call_kind_of(struct span path, enum call_kind *out_kind)
{
    static const char *const paths[] = {"/sync/v1/hello", "/sync/v1/push", "/sync/v1/pull"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (span_equal(path, span_text(paths[i]))) {
            *out_kind = (enum call_kind)i;
            return true;
        }
    }
    return false;
}

bool sync_api_handle(struct sync_api *api, struct http_request *request)
{
    enum call_kind kind;
    struct node_id peer;
    struct span type = {0};
    if (!call_kind_of(request->path, &kind)) {
        return false;
    }
    if (request->method != HTTP_POST) {
        (void)http_respond_text(api->server, request->id, 405, "POST only");
        return true;
    }
    if (!peer_from_uri(api, request->peer, &peer)) {
        (void)http_respond_text(api->server, request->id, 403,
                                "its certificate does not name a node of this deployment: see `deployment` and the hub's url");
        return true;
    }
    if (api->stopping || !http_header(request, "content-type", &type) || type.size >= sizeof((struct call *)0)->type) {
        (void)http_respond_text(api->server, request->id, api->stopping ? 503 : 415, "not a message of this protocol");
        return true;
    }
    struct call *call = calloc(1, sizeof *call);
    if (!call) {
        (void)http_respond_text(api->server, request->id, 503, "out of memory");
        return true;
    }
    call->api = api;
    call->kind = kind;
    call->id = request->id;
    call->peer = peer;
    call->came_ms = clock_now_ms();
    memcpy(call->spki, request->peer->spki_sha256, sizeof call->spki);
    memcpy(call->type, type.data, type.size);
    arena_init(&call->arena, memory_heap(), LIMIT_MESSAGE_MEMORY);
    size_t size = request->body.size;
    call->body = span_of(http_take_body(api->server, request), size);
    call->next = api->calls;
    api->calls = call;
    heard_saw(api->heard, peer, (uint64_t)call->came_ms);
    call_submit(call);
    if (kind == CALL_PULL && !uv_is_active((uv_handle_t *)&api->timer)) {
        uv_timer_start(&api->timer, api_on_timer, TICK_MS, 0);
    }
    return true;
}

void sync_api_cancelled(struct sync_api *api, struct http_request_id id)
{
    for (struct call *call = api->calls; call; call = call->next) {
        if (call->id.slot == id.slot && call->id.generation == id.generation) {
            call->cancelled = true;
            if (call->parked) {
                call_free(call);
            }
            return;
        }
    }
}

void sync_api_grown(struct sync_api *api, const struct core *core)
{
    const struct scope_id *scopes;
    size_t count;
    if (!status_is_ok(core_grown(core, &scopes, &count))) {
        return;
    }
    bool registry = core_registry_grown(core);
    bool all = core_news_is_all(core);
    if (count == 0 && !registry && !all) {
        return;
    }
    pthread_mutex_lock(&api->lock);
    api->grown_all |= all || registry || api->grown_count + count > GROWN_MAX;
    for (size_t i = 0; i < count && !api->grown_all; i++) {
        api->grown[api->grown_count++] = scopes[i];
    }
    pthread_mutex_unlock(&api->lock);
    uv_async_send(&api->async);
}

struct status sync_api_new(const struct sync_api_options *options, struct sync_api **out_api)
{
    struct sync_api *api = calloc(1, sizeof *api);
    if (!api) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    api->loop = options->loop;
    api->engine = options->engine;
    api->heard = options->heard;
    snprintf(api->deployment, sizeof api->deployment, "%s", options->deployment);
    pthread_mutex_init(&api->lock, NULL);
    if (uv_async_init(api->loop, &api->async, api_on_async) != 0) {
        sync_api_free(api);
        return STATUS_MAKE(STATUS_IO);
    }
    uv_timer_init(api->loop, &api->timer);
    api->async.data = api;
    api->timer.data = api;
    api->handles = 2;
    *out_api = api;
    return status_ok();
}

void sync_api_set_server(struct sync_api *api, struct http_server *server)
{
    api->server = server;
}

void sync_api_stop(struct sync_api *api, void (*stopped)(void *owner), void *owner)
{
    api->stopping = true;
    api->stopped = stopped;
    api->stopped_owner = owner;
    uv_timer_stop(&api->timer);
    for (struct call *call = api->calls; call;) {
        struct call *next = call->next;
        if (call->parked) {
            call_refuse(call, 503, "the hub is stopping: try again");
        }
        call = next;
    }
    api_close_when_idle(api);
}

void sync_api_free(struct sync_api *api)
{
    if (!api) {
        return;
    }
    assert(!api->calls);
    pthread_mutex_destroy(&api->lock);
    free(api);
}
