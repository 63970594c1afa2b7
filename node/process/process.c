/* SPDX-License-Identifier: Apache-2.0 */
#include "node/process/process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "node/base/clock.h"
#include "node/base/heap.h"
#include "node/base/log.h"
#include "node/process/follow.h"
#include "node/process/health.h"
#include "node/process/notify.h"
#include "node/process/screens.h"
#include "node/process/upkeep.h"
#include "node/store/generation.h"

#define EXIT_STORE_LOST 74
#define DRAIN_MS 3000
#define HEARD_SAVE_MS (5 * 60 * 1000)
#define SEEN_MS (15 * 1000)

/* Taking apart goes in steps, each begun when everything of the one before has said that it stopped. */
struct running {
    struct process process; /* first */
    const struct process_options *options;
    char *problem;
    size_t problem_size;
    uv_loop_t loop;
    uv_signal_t interrupt, terminate;
    uv_timer_t heard_timer, seen_timer;
    uv_work_t heard_work;
    bool heard_busy;
    bool signals_open;
    bool stopping;
    int64_t stopping_since_ms;
    size_t pending; /* parts that have not yet said "stopped" */
    int step;
};

static void stop_next(struct running *running);

static void part_stopped(void *owner)
{
    struct running *running = owner;
    if (--running->pending == 0) {
        stop_next(running);
    }
}

static void server_stopped(void *owner)
{
    part_stopped(owner); /* the server's owner is this struct too */
}

/* Step 1: who asks the engine for work. Step 2: who carried it. Step 3: the loop's own handles. */
static void stop_next(struct running *running)
{
    struct process *process = &running->process;
    running->pending = 1;
    switch (running->step++) {
    case 0:
        if (process->peer) {
            running->pending++;
            peer_stop(process->peer, part_stopped, running);
        }
        if (process->sync_api) {
            running->pending++;
            sync_api_stop(process->sync_api, part_stopped, running);
        }
        if (process->upkeep) {
            running->pending++;
            upkeep_stop(process->upkeep, part_stopped, running);
        }
        if (process->board) {
            running->pending++;
            process->page->stop(process->board, part_stopped, running);
        }
        if (process->screens) {
            running->pending++;
            screens_stop(process->screens, part_stopped, running);
        }
        break;
    case 1:
        if (process->server) {
            running->pending++;
            http_server_stop(process->server, DRAIN_MS, server_stopped);
        }
        if (process->client) {
            running->pending++;
            http_client_stop(process->client, part_stopped, running);
        }
        break;
    case 2:
        if (running->signals_open) {
            uv_close((uv_handle_t *)&running->interrupt, NULL);
            uv_close((uv_handle_t *)&running->terminate, NULL);
            uv_close((uv_handle_t *)&running->heard_timer, NULL);
            uv_close((uv_handle_t *)&running->seen_timer, NULL);
            running->signals_open = false;
        }
        return;
    default:
        return;
    }
    part_stopped(running);
}

/* The engine thread wakes connectors, so they leave the table before they are freed. */
static struct connector *process_connector_take(struct process *process, size_t index)
{
    pthread_mutex_lock(&process->connectors_lock);
    struct connector *connector = process->connectors[index];
    process->connectors[index] = NULL;
    pthread_mutex_unlock(&process->connectors_lock);
    return connector;
}

static void process_stop(struct running *running, const char *reason)
{
    struct process *process = &running->process;
    if (running->stopping) {
        return;
    }
    running->stopping = true;
    running->stopping_since_ms = clock_monotonic_ms();
    notify_state("STOPPING=1");
    LOG(stopping, log_word(reason));
    /* These are threads that wait for the engine, which still runs. */
    if (process->control) {
        running->options->control_stop(process->control);
        process->control = NULL;
    }
    for (size_t i = 0; i < process->connector_count; i++) {
        connector_stop(process_connector_take(process, i));
    }
    follow_stop(process->follow);
    readers_stop(process->readers);
    stop_next(running);
}

static void on_signal(uv_signal_t *handle, int number)
{
    process_stop(handle->data, number == SIGINT ? "interrupt" : "terminate");
}

/* ---- engine callbacks, on the engine thread ---- */

static void on_committed(void *owner, const struct core *core)
{
    struct process *process = owner;
    if (process->sync_api) {
        sync_api_grown(process->sync_api, core);
    }
    if (process->board && !readers_local(process->readers)) { /* else told when the replica has it */
        process->page->committed(process->board, core);
    }
    if (process->upkeep) {
        upkeep_committed(process->upkeep);
    }
    if (process->peer && core_unacked(core) > 0) {
        peer_wake(process->peer, core_unacked(core));
    }
    pthread_mutex_lock(&process->connectors_lock);
    for (size_t i = 0; i < process->connector_count; i++) {
        if (process->connectors[i]) {
            connector_wake(process->connectors[i]);
        }
    }
    pthread_mutex_unlock(&process->connectors_lock);
}

static void on_dead(void *owner, struct status status)
{
    struct process *process = owner;
    bool other = process->config->store_postgres && status.code == STATUS_FORKED;
    if (other) { /* the next start takes it for an old copy, and asks the readers of its logs */
        char path[1024];
        snprintf(path, sizeof path, "%s/generation", process->config->data_dir);
        store_generation_forget(path);
    }
    LOG(store_failed, log_status(status),
        log_word(other ? "the database that came back holds less than was committed: look which server is the right one"
                       : "the store failed: the process ends and recovers from its log"));
    _exit(EXIT_STORE_LOST);
}

static void on_paused(void *owner, struct status status)
{
    struct process *process = owner;
    LOG(store_paused, log_status(status), log_word(local_store_problem(&process->local)));
}

static void on_returned(void *owner, int64_t took_ms)
{
    (void)owner;
    LOG(store_returned, log_ms(took_ms));
}

/* ---- requests, on the loop thread ---- */

static void on_request(void *owner, struct http_request *request)
{
    struct process *process = owner;
    if (request->listener == process->listener_sync) {
        if (!process->sync_api || !sync_api_handle(process->sync_api, request)) {
            (void)http_respond_text(process->server, request->id, 404, "no such call");
        }
    } else if (request->listener == process->listener_page) {
        process->page->handle(process->board, request);
    } else {
        screens_handle(process->screens, request);
    }
}

static void on_cancelled(void *owner, struct http_request_id id)
{
    struct process *process = owner;
    if (process->sync_api) {
        sync_api_cancelled(process->sync_api, id);
    }
    if (process->board) {
        process->page->cancelled(process->board, id);
    }
    if (process->screens) {
        screens_cancelled(process->screens, id);
    }
}

/* ---- what was heard of other nodes is kept: off the loop, because a file is synced ---- */

static void heard_work(uv_work_t *work)
{
    struct running *running = work->data;
    struct status status = heard_save(running->process.heard);
    if (!status_is_ok(status)) {
        LOG(heard_unsaved, log_status(status));
    }
}

static void heard_worked(uv_work_t *work, int code)
{
    struct running *running = work->data;
    (void)code;
    running->heard_busy = false;
}

static void on_heard_timer(uv_timer_t *timer)
{
    struct running *running = timer->data;
    if (!running->heard_busy) {
        running->heard_work.data = running;
        running->heard_busy = uv_queue_work(&running->loop, &running->heard_work, heard_work, heard_worked) == 0;
    }
}

static void on_seen_timer(uv_timer_t *timer)
{
    struct running *running = timer->data;
    if (!running->stopping) {
        seen_exchange(running->process.seen);
    }
}

/* A regency hears of nobody. */
static struct status start_heard(struct running *running)
{
    char path[4096];
    const struct config *config = running->process.config;
    if (config->role == CONFIG_REGENCY) {
        return status_ok();
    }
    snprintf(path, sizeof path, "%s/heard.json", config->data_dir);
    TRY(heard_new(path, &running->process.heard));
    uv_timer_start(&running->heard_timer, on_heard_timer, HEARD_SAVE_MS, HEARD_SAVE_MS);
    if (config->store_postgres) {
        struct process *process = &running->process;
        TRY(seen_new(process->engine, process->local.store, process->heard, process->local.instance, &process->seen));
        uv_timer_start(&running->seen_timer, on_seen_timer, SEEN_MS, SEEN_MS);
    }
    return status_ok();
}

/* ---- start ---- */

static size_t add_listener(struct http_server_options *options, struct config_address address, bool tls)
{
    if (!address.host) {
        return SIZE_MAX;
    }
    options->listeners[options->listener_count] =
        (struct http_listener){.address = address.host[0] ? address.host : "::", .port = address.port, .tls = tls};
    return options->listener_count++;
}

/* Passwords cross this listener: in clear only within this machine. */
static bool is_loopback(const char *host)
{
    return host && (strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0);
}

static struct status start_server(struct running *running)
{
    struct process *process = &running->process;
    const struct config *config = process->config;
    struct http_server_options options = {.loop = &running->loop,
                                          .owner = running,
                                          .handle = on_request,
                                          .cancelled = on_cancelled};
    process->listener_admin = add_listener(&options, config->listen_admin, false);
    bool page_tls = !is_loopback(config->listen_page.host);
    process->listener_page = process->page ? add_listener(&options, config->listen_page, page_tls) : SIZE_MAX;
    if (process->listener_page != SIZE_MAX) {
        struct http_listener *listener = &options.listeners[process->listener_page];
        listener->certificate_path = config->server_certificate;
        listener->key_path = config->server_key;
        listener->body_max = LIMIT_HTTP_PAGE_BODY;
    }
    process->listener_sync = add_listener(&options, config->listen_sync, true);
    if (process->listener_sync != SIZE_MAX) {
        struct http_listener *listener = &options.listeners[process->listener_sync];
        listener->client_certificate = true;
        listener->certificate_path = config->certificate;
        listener->key_path = config->private_key;
        listener->client_ca_path = config->authority;
        listener->body_max = LIMIT_MESSAGE_SIZE;
        struct sync_api_options api = {.loop = &running->loop, .engine = process->engine, .deployment = config->deployment,
                                       .heard = process->heard};
        TRY(sync_api_new(&api, &process->sync_api));
    }
    if (options.listener_count == 0) {
        return status_ok();
    }
    TRY(http_server_new(&options, running->problem, running->problem_size, &process->server));
    if (process->sync_api) {
        sync_api_set_server(process->sync_api, process->server);
    }
    TRY(screens_new(process, &running->loop, &process->screens));
    if (process->listener_page != SIZE_MAX) {
        TRY(process->page->start(process, &running->loop, &process->board, running->problem, running->problem_size));
    }
    static const char *const names[] = {"admin", "page", "sync"};
    const size_t listeners[] = {process->listener_admin, process->listener_page, process->listener_sync};
    for (size_t i = 0; i < 3; i++) {
        if (listeners[i] != SIZE_MAX) {
            LOG(listening, log_word(names[i]), log_int(http_server_port(process->server, listeners[i])));
        }
    }
    return status_ok();
}

static void on_heard(void *owner, const struct node_heard *told)
{
    struct process *process = owner;
    if (process->heard) {
        heard_told(process->heard, told, (uint64_t)clock_now_ms());
    }
}

static struct status start_peer(struct running *running)
{
    struct process *process = &running->process;
    const struct config *config = process->config;
    if (!config->hub_url) {
        return status_ok();
    }
    struct http_client_options client = {.loop = &running->loop,
                                         .ca_path = config->authority,
                                         .certificate_path = config->certificate,
                                         .key_path = config->private_key};
    TRY(http_client_new(&client, running->problem, running->problem_size, &process->client));
    struct peer_options options = {.loop = &running->loop,
                                   .engine = process->engine,
                                   .client = process->client,
                                   .hub_url = config->hub_url,
                                   .in_takeover = running->options->takeover,
                                   .owner = process,
                                   .health = health_read,
                                   .heard = on_heard};
    process->local.crypto->random(process->local.crypto->owner, &options.seed, sizeof options.seed);
    return peer_start(&options, &process->peer);
}

static void on_captured(void *owner)
{
    struct process *process = owner;
    if (process->peer) {
        peer_wake(process->peer, 0);
    }
}

/* Without a link since the start: local work does not wait for it. */
static bool on_offline(void *owner)
{
    struct process *process = owner;
    struct peer_status status = process->peer ? peer_status(process->peer) : (struct peer_status){0};
    return process->peer && status.last_contact_ms == 0 && status.failures > 0 &&
           (status.state == PEER_RETRY || status.state == PEER_HELLO);
}

static struct status start_connectors(struct running *running)
{
    struct process *process = &running->process;
    const struct config *config = process->config;
    process->connectors = calloc(config->legacy_count + 1, sizeof(struct connector *));
    if (!process->connectors) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < config->legacy_count; i++) {
        struct connector_options options = {.legacy = &config->legacy[i],
                                            .mapping = running->options->mappings[i],
                                            .engine = process->engine,
                                            .store = process->local.store,
                                            .crypto = process->local.crypto,
                                            .self = config->node,
                                            /* The hub's own systems show every region's records. */
                                            .scope = config->role == CONFIG_HUB ? (struct scope_id){{0}}
                                                                                : scope_of_node(config->node),
                                            .owner = process,
                                            .captured = on_captured,
                                            .offline = on_offline};
        memcpy(options.secret, process->local.secret, sizeof options.secret);
        struct connector *connector = NULL;
        TRY(connector_start(&options, &connector));
        pthread_mutex_lock(&process->connectors_lock);
        process->connectors[process->connector_count++] = connector;
        pthread_mutex_unlock(&process->connectors_lock);
    }
    return status_ok();
}

static struct status start_all(struct running *running)
{
    struct process *process = &running->process;
    struct engine_options options = {.core = process->local.core,
                                     .memory = memory_heap(),
                                     .owner = process,
                                     .committed = on_committed,
                                     .dead = on_dead,
                                     .store_returns = process->config->store_postgres != NULL,
                                     .paused = on_paused,
                                     .returned = on_returned};
    TRY(engine_start(&options, &process->engine));
    TRY(upkeep_start(&running->loop, process->engine, process->local.store, process->config->role == CONFIG_HUB,
                     &process->upkeep));
    TRY(start_heard(running));
    TRY(start_server(running));
    TRY(start_peer(running));
    TRY(start_connectors(running));
    if (process->config->store_replica) {
        TRY(readers_start(process, &process->readers, running->problem, running->problem_size));
    }
    if (process->config->store_postgres) {
        TRY(follow_start(process->engine, process->local.store, &process->follow));
    }
    if (running->options->control_start) {
        TRY(running->options->control_start(process, &process->control, running->problem, running->problem_size));
    }
    return status_ok();
}

static void loop_open(struct running *running)
{
    uv_loop_init(&running->loop);
    uv_signal_init(&running->loop, &running->interrupt);
    uv_signal_init(&running->loop, &running->terminate);
    uv_timer_init(&running->loop, &running->heard_timer);
    uv_timer_init(&running->loop, &running->seen_timer);
    running->seen_timer.data = running;
    running->interrupt.data = running->terminate.data = running->heard_timer.data = running;
    uv_signal_start(&running->interrupt, on_signal, SIGINT);
    uv_signal_start(&running->terminate, on_signal, SIGTERM);
    running->signals_open = true;
}

/* Every part stopped: the loop has ended, so nothing can reach these any more. */
static void release(struct running *running)
{
    struct process *process = &running->process;
    engine_stop(process->engine);
    readers_free(process->readers);
    if (process->board) {
        process->page->free(process->board);
    }
    peer_free(process->peer);
    http_client_free(process->client);
    screens_free(process->screens);
    upkeep_free(process->upkeep);
    follow_free(process->follow);
    http_server_free(process->server);
    sync_api_free(process->sync_api);
    if (process->heard && !status_is_ok(heard_save(process->heard))) {
        LOG(heard_unsaved, log_status(STATUS_MAKE(STATUS_IO)));
    }
    seen_free(process->seen);
    heard_free(process->heard);
    free(process->connectors);
    pthread_mutex_destroy(&process->connectors_lock);
    uv_loop_close(&running->loop);
    local_close(&process->local);
}

static void store_opened_log(const struct running *running)
{
    struct store *store = running->process.local.store;
    uint64_t bytes = 0;
    if (status_is_ok(store->ops->size(store, &bytes))) {
        LOG(store_opened, log_word(running->process.config->store_postgres ? "postgres" : "sqlite"), log_bytes(bytes),
            log_ms(clock_now_ms() - running->process.started_ms));
    }
}

struct status process_run(const struct process_options *options, char *problem, size_t problem_size)
{
    struct running *running = calloc(1, sizeof *running);
    if (!running) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    running->options = options;
    running->problem = problem;
    running->problem_size = problem_size;
    running->process = (struct process){.config = options->config,
                                        .started_ms = clock_now_ms(),
                                        .page = options->page,
                                        .listener_sync = SIZE_MAX,
                                        .listener_admin = SIZE_MAX,
                                        .listener_page = SIZE_MAX};
    signal(SIGPIPE, SIG_IGN);
    pthread_mutex_init(&running->process.connectors_lock, NULL);
    struct status status = local_open(options->config, &running->process.local);
    if (!status_is_ok(status)) {
        snprintf(problem, problem_size, "%s", running->process.local.problem);
        free(running);
        return status;
    }
    store_opened_log(running);
    loop_open(running);
    status = start_all(running);
    if (status_is_ok(status)) {
        LOG(started, log_word(SIMPUL_VERSION), log_word(config_role_name(options->config->role)),
            log_node(options->config->node));
        notify_state("READY=1");
    } else {
        if (!problem[0]) {
            snprintf(problem, problem_size, "it did not start (%s)", status_name(status));
        }
        process_stop(running, "failed start");
    }
    uv_run(&running->loop, UV_RUN_DEFAULT);
    release(running);
    LOG(stopped, log_ms(clock_monotonic_ms() - running->stopping_since_ms));
    free(running);
    return status;
}
