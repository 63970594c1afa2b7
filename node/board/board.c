/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/base/clock.h"
#include "node/base/heap.h"
#include "node/board/board_parts.h"

/* Threads, the queue, and what the loop thread does: taking requests, sending answers, telling streams. */

enum { BEAT_MS = 1000, STREAM_BEAT_MS = 20000, STREAM_MS = 10 * 60 * 1000 };

static void request_free(struct board_request *request)
{
    if (request) {
        free(request->query);
        free(request->body);
        free(request->answer);
        free(request);
    }
}

/* ---- workers ---- */

static struct board_request *request_take(struct board *board)
{
    pthread_mutex_lock(&board->lock);
    while (!board->queue && !board->stopping) {
        pthread_cond_wait(&board->wake, &board->lock);
    }
    struct board_request *request = board->queue;
    if (request) {
        board->queue = request->next;
    }
    pthread_mutex_unlock(&board->lock);
    return request;
}

static void *worker_main(void *argument)
{
    struct board_worker *worker = argument;
    struct board *board = worker->board;
    pthread_setname_np(pthread_self(), "board");
    for (struct board_request *request = request_take(board); request; request = request_take(board)) {
        board_answer(worker, request);
        pthread_mutex_lock(&board->lock);
        request->next = board->answered;
        board->answered = request;
        pthread_mutex_unlock(&board->lock);
        uv_async_send(&board->async);
    }
    return NULL;
}

/* ---- what changed: from the projector's thread ---- */

static void on_changed(void *owner, const struct scope_id *owners, size_t count)
{
    struct board *board = owner;
    const size_t max = sizeof board->told / sizeof board->told[0];
    pthread_mutex_lock(&board->lock);
    board->told_all |= count == 0 || board->told_count + count > max;
    for (size_t i = 0; i < count && !board->told_all; i++) {
        board->told[board->told_count++] = owners[i];
    }
    pthread_mutex_unlock(&board->lock);
}

static bool told_covers(const struct board *board, const char *scope)
{
    for (size_t i = 0; i < board->told_count && !board->told_all; i++) {
        char owner[20];
        (void)snprintf(owner, sizeof owner, "%.*s", (int)scope_id_size(board->told[i]), board->told[i].text);
        if (figures_covers(scope, owner)) {
            return true;
        }
    }
    return board->told_all;
}

static void stream_drop(struct board *board, size_t index)
{
    board->streams[index] = board->streams[--board->stream_count];
}

/* False: the stream is gone. */
static bool stream_say(struct board *board, struct board_stream *stream, const char *text)
{
    struct status status = http_stream_write(board->process->server, stream->id, span_text(text));
    return status_is_ok(status) || status.code == STATUS_BUSY;
}

static void streams_tell(struct board *board, int64_t now_ms)
{
    bool beat = now_ms - board->told_ms >= STREAM_BEAT_MS;
    board->told_ms = beat ? now_ms : board->told_ms;
    pthread_mutex_lock(&board->lock);
    for (size_t i = 0; i < board->stream_count; i++) {
        board->streams[i].due = told_covers(board, board->streams[i].scope);
    }
    board->told_count = 0;
    board->told_all = false;
    pthread_mutex_unlock(&board->lock);
    for (size_t i = board->stream_count; i-- > 0;) {
        struct board_stream *stream = &board->streams[i];
        if (now_ms - stream->began_ms > STREAM_MS) {
            (void)http_stream_end(board->process->server, stream->id); /* the browser comes back, with its cookie */
            stream_drop(board, i);
        } else if ((stream->due && !stream_say(board, stream, "data: {\"changed\":[\"figures\"]}\n\n")) ||
                   (beat && !stream->due && !stream_say(board, stream, ": here\n\n"))) {
            stream_drop(board, i);
        }
    }
    if (board->stream_count == 0) {
        uv_timer_stop(&board->beat); /* nobody listens: the process sleeps */
    }
}

static void on_beat(uv_timer_t *timer)
{
    streams_tell(timer->data, clock_monotonic_ms());
}

/* ---- answers ---- */

static bool id_equal(struct http_request_id a, struct http_request_id b)
{
    return a.slot == b.slot && a.generation == b.generation;
}

static void stream_open(struct board *board, const struct board_request *request)
{
    struct http_field fields[12];
    size_t count = board_header_count;
    memcpy(fields, board_headers, board_header_count * sizeof *fields);
    fields[count++] = (struct http_field){"Cache-Control", "no-store"};
    struct http_response response = {.status = 200,
                                     .content_type = "text/event-stream",
                                     .fields = fields,
                                     .field_count = count,
                                     .body = span_text("retry: 3000\n\n")};
    if (board->stream_count == BOARD_STREAMS_MAX) {
        (void)http_respond_text(board->process->server, request->id, 503, "too many listeners");
    } else if (status_is_ok(http_stream_begin(board->process->server, request->id, &response))) {
        struct board_stream *stream = &board->streams[board->stream_count++];
        *stream = (struct board_stream){.id = request->id, .began_ms = clock_monotonic_ms()};
        memcpy(stream->scope, request->scope, sizeof stream->scope);
        if (!uv_is_active((uv_handle_t *)&board->beat)) {
            uv_timer_start(&board->beat, on_beat, BEAT_MS, BEAT_MS);
        }
    }
}

static void request_answer(struct board *board, struct board_request *request)
{
    struct http_field fields[12];
    size_t count = board_header_count;
    if (request->stream) {
        stream_open(board, request);
        return;
    }
    memcpy(fields, board_headers, board_header_count * sizeof *fields);
    fields[count++] = (struct http_field){"Cache-Control", "no-store"};
    if (request->cookie[0]) {
        fields[count++] = (struct http_field){"Set-Cookie", request->cookie};
    }
    if (request->disposition[0]) {
        fields[count++] = (struct http_field){"Content-Disposition", request->disposition};
    }
    struct http_response response = {.status = request->status,
                                     .content_type = request->content_type,
                                     .fields = fields,
                                     .field_count = count,
                                     .body = span_of(request->answer, request->answer_size)};
    (void)http_respond(board->process->server, request->id, &response);
}

static void on_closed(uv_handle_t *handle)
{
    struct board *board = handle->data;
    if (--board->handles == 0) {
        board->stopped(board->owner);
    }
}

static void on_async(uv_async_t *async)
{
    struct board *board = async->data;
    pthread_mutex_lock(&board->lock);
    struct board_request *answered = board->answered;
    board->answered = NULL;
    pthread_mutex_unlock(&board->lock);
    while (answered) {
        struct board_request *next = answered->next;
        if (!board->stopping) {
            request_answer(board, answered); /* to an id that has gone it is dropped */
        }
        request_free(answered);
        board->queued--;
        answered = next;
    }
}

/* ---- requests ---- */

static void header_copy(const struct http_request *request, const char *name, char *out_text, size_t size)
{
    struct span value = {0};
    if (http_header(request, name, &value) && value.size < size) {
        memcpy(out_text, value.data, value.size);
        out_text[value.size] = 0;
    }
}

/* The value of our cookie among the others; RFC 6265: "; " between them. */
static void cookie_copy(const struct http_request *request, char out_token[STAFF_TOKEN_SIZE + 1])
{
    static const char name[] = "__Host-simpul=";
    struct span value = {0};
    if (!http_header(request, "cookie", &value)) {
        return;
    }
    for (size_t at = 0; at + sizeof name - 1 + STAFF_TOKEN_SIZE <= value.size; at++) {
        bool begins = at == 0 || value.data[at - 1] == ' ' || value.data[at - 1] == ';';
        if (begins && memcmp(value.data + at, name, sizeof name - 1) == 0) {
            memcpy(out_token, value.data + at + sizeof name - 1, STAFF_TOKEN_SIZE);
            out_token[STAFF_TOKEN_SIZE] = 0;
            return;
        }
    }
}

/* One spelling of what is an address; nothing of what is none. IPv6: a line's /64, not each of its addresses. */
static void address_plain(const char *text, char out_address[STAFF_ADDRESS_MAX + 1])
{
    struct in6_addr v6;
    struct in_addr v4;
    if (inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_V4MAPPED(&v6)) {
        (void)inet_ntop(AF_INET, v6.s6_addr + 12, out_address, STAFF_ADDRESS_MAX + 1);
    } else if (inet_pton(AF_INET6, text, &v6) == 1) {
        memset(v6.s6_addr + 8, 0, 8);
        (void)inet_ntop(AF_INET6, &v6, out_address, STAFF_ADDRESS_MAX + 1);
    } else if (inet_pton(AF_INET, text, &v4) == 1) {
        (void)inet_ntop(AF_INET, &v4, out_address, STAFF_ADDRESS_MAX + 1);
    }
}

/* Behind a proxy on this machine the browser's address is the last one in X-Forwarded-For: the proxy wrote it. Without that,
 * everybody would be one address, so it counts for nobody. */
static void address_copy(const struct http_request *request, char out_address[STAFF_ADDRESS_MAX + 1])
{
    char address[HTTP_ADDRESS_SIZE];
    char text[BOARD_HOST_MAX] = "";
    http_request_address(request, address);
    bool local = strcmp(address, "127.0.0.1") == 0 || strcmp(address, "::1") == 0 || strcmp(address, "::ffff:127.0.0.1") == 0;
    header_copy(request, "x-forwarded-for", text, sizeof text);
    const char *last = strrchr(text, ',');
    last = last ? last + 1 : text;
    last += strspn(last, " ");
    address_plain(local ? last : address, out_address);
}

static char *span_copy(struct span text)
{
    char *copy = calloc(1, text.size + 1);
    if (copy && text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    return copy;
}

static struct board_request *request_make(const struct http_request *from)
{
    struct board_request *request = calloc(1, sizeof *request);
    if (!request) {
        return NULL;
    }
    request->id = from->id;
    request->method = from->method == HTTP_HEAD ? HTTP_GET : from->method;
    (void)snprintf(request->path, sizeof request->path, "%.*s", (int)from->path.size, (const char *)from->path.data);
    request->query = span_copy(from->query);
    request->body = span_copy(from->body);
    request->body_size = from->body.size;
    cookie_copy(from, request->token);
    header_copy(from, "x-simpul-csrf", request->csrf, sizeof request->csrf);
    header_copy(from, "origin", request->origin, sizeof request->origin);
    header_copy(from, "host", request->host, sizeof request->host);
    address_copy(from, request->address);
    struct span type = {0};
    request->json = http_header(from, "content-type", &type) && type.size >= 16 && memcmp(type.data, "application/json", 16) == 0;
    if (!request->query || !request->body) {
        request_free(request);
        return NULL;
    }
    return request;
}

static void request_queue(struct board *board, struct board_request *request)
{
    board->queued++;
    pthread_mutex_lock(&board->lock);
    struct board_request **last = &board->queue;
    while (*last) {
        last = &(*last)->next;
    }
    *last = request;
    pthread_cond_signal(&board->wake);
    pthread_mutex_unlock(&board->lock);
}

static void board_handle(struct board *board, struct http_request *request)
{
    if (board_asset(board, request)) {
        return;
    }
    if (request->path.size < 8 || memcmp(request->path.data, "/api/v1/", 8) != 0) {
        (void)http_respond_text(board->process->server, request->id, 404, "there is no such page");
        return;
    }
    struct board_request *made =
        board->stopping || board->queued >= BOARD_QUEUE_MAX || request->body.size > LIMIT_HTTP_PAGE_BODY ? NULL : request_make(request);
    if (!made) {
        (void)http_respond_text(board->process->server, request->id, 503, "busy: try again");
        return;
    }
    request_queue(board, made);
}

static void board_cancelled(struct board *board, struct http_request_id id)
{
    for (size_t i = 0; i < board->stream_count; i++) {
        if (id_equal(board->streams[i].id, id)) {
            stream_drop(board, i);
            return;
        }
    }
}

static void board_missed(struct board *board)
{
    projector_missed(board->projector);
}

static void board_committed(struct board *board, const struct core *core)
{
    const struct record_id *ids = NULL;
    size_t count = 0;
    core_saved(core, &ids, &count);
    projector_saved(board->projector, ids, count);
    if (core_news_is_all(core)) {
        projector_missed(board->projector);
    }
}

/* ---- start and stop ---- */

static struct status start_worker(struct board *board, struct board_worker *worker, const struct figures_options *figures,
                                  const char *staff_path)
{
    struct figures_options reader = *figures;
    reader.writes = false;
    worker->board = board;
    TRY(figures_open(&reader, &worker->figures));
    TRY(staff_open(staff_path, board->process->local.crypto, &worker->staff));
    if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    worker->started = true;
    return status_ok();
}

/* Screens read from the replica where there is one, as long as it answers. */
static void figures_source(void *owner, struct engine **out_engine, struct store **out_store)
{
    struct process *process = ((struct board *)owner)->process;
    struct local *local = readers_local(process->readers);
    *out_engine = local ? readers_engine(process->readers) : process->engine;
    *out_store = local ? local->store : process->local.store;
}

static struct status start_parts(struct board *board)
{
    char path[4096];
    char staff_path[4096];
    struct process *process = board->process;
    (void)snprintf(path, sizeof path, "%s/screens.db", process->config->data_dir);
    (void)snprintf(staff_path, sizeof staff_path, "%s/staff.db", process->config->data_dir);
    struct projector_options options = {.source = figures_source, .owner = board, .changed = on_changed};
    options.figures = (struct figures_options){.path = path, .workdays = board->workdays, .writes = true};
    memcpy(options.figures.instance, process->local.instance, sizeof options.figures.instance);
    TRY(projector_start(&options, &board->projector));
    for (size_t i = 0; i < BOARD_WORKERS; i++) {
        TRY(start_worker(board, &board->workers[i], &options.figures, staff_path));
    }
    return status_ok();
}

static void threads_stop(struct board *board)
{
    pthread_mutex_lock(&board->lock);
    board->stopping = true;
    pthread_cond_broadcast(&board->wake);
    pthread_mutex_unlock(&board->lock);
    for (size_t i = 0; i < BOARD_WORKERS; i++) {
        if (board->workers[i].started) {
            pthread_join(board->workers[i].thread, NULL);
            board->workers[i].started = false;
        }
    }
    projector_stop(board->projector);
}

static void board_free(struct board *board)
{
    if (!board) {
        return;
    }
    for (size_t i = 0; i < BOARD_WORKERS; i++) {
        figures_close(board->workers[i].figures);
        staff_close(board->workers[i].staff);
    }
    projector_free(board->projector);
    while (board->answered) {
        struct board_request *next = board->answered->next;
        request_free(board->answered);
        board->answered = next;
    }
    pthread_cond_destroy(&board->wake);
    pthread_mutex_destroy(&board->lock);
    arena_release(&board->arena);
    free(board);
}

static bool read_holidays(struct board *board, char *problem, size_t problem_size)
{
    uint32_t line = 0;
    const struct config *config = board->process->config;
    struct status status = workdays_read(config->holidays, config->zone_minutes, &board->arena, &board->workdays, &line);
    if (status.code == STATUS_INVALID && line > 0) {
        (void)snprintf(problem, problem_size, "%s, line %u: a day off is written like \"2026-08-17 Hari Kemerdekaan\"", config->holidays,
                       (unsigned)line);
    } else if (!status_is_ok(status)) {
        (void)snprintf(problem, problem_size, "the holidays in %s cannot be read (%s)", config->holidays, status_name(status));
    }
    return status_is_ok(status);
}

static struct status board_start(struct process *process, uv_loop_t *loop, struct board **out_board, char *problem,
                                 size_t problem_size)
{
    struct board *board = calloc(1, sizeof *board);
    if (!board) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    board->process = process;
    arena_init(&board->arena, memory_heap(), SIZE_MAX);
    board->host = (struct control_host){.process = process, .local = &process->local, .engine = process->engine};
    pthread_mutex_init(&board->lock, NULL);
    pthread_cond_init(&board->wake, NULL);
    uv_async_init(loop, &board->async, on_async);
    uv_timer_init(loop, &board->beat);
    board->async.data = board->beat.data = board;
    board->handles = 2;
    *out_board = board; /* stopped and freed like one that came up */
    if (!read_holidays(board, problem, problem_size)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct status status = start_parts(board);
    if (!status_is_ok(status)) {
        (void)snprintf(problem, problem_size, "the dashboard's files in %s cannot be made (%s)", process->config->data_dir,
                       status_name(status));
    }
    return status;
}

static void board_stop(struct board *board, void (*stopped)(void *owner), void *owner)
{
    board->stopped = stopped;
    board->owner = owner;
    threads_stop(board);
    for (size_t i = 0; i < board->stream_count; i++) {
        (void)http_stream_end(board->process->server, board->streams[i].id);
    }
    board->stream_count = 0;
    uv_close((uv_handle_t *)&board->async, on_closed);
    uv_close((uv_handle_t *)&board->beat, on_closed);
}

const struct process_page board_page = {.start = board_start,
                                        .handle = board_handle,
                                        .cancelled = board_cancelled,
                                        .committed = board_committed, .missed = board_missed,
                                        .stop = board_stop,
                                        .free = board_free};
