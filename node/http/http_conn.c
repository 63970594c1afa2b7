/* SPDX-License-Identifier: Apache-2.0 */
#include "node/http/http_conn.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

/* Rounds of work in one wake-up: a fast peer leaves the loop to the others. */
#define ROUNDS 16
/* What is drained at most after a refusal. */
#define LINGER_BYTES (1024 * 1024)

static enum progress step_handshake(struct http_conn *conn);
static enum progress step_read(struct http_conn *conn);
static enum progress step_wait(struct http_conn *conn);
static enum progress step_answer(struct http_conn *conn);
static enum progress step_stream(struct http_conn *conn);
static enum progress step_linger(struct http_conn *conn);

/* The states of a connection. `limit` is where its time stands in struct http_server_times; with `rated`, every byte
 * that moved adds time at the required rate. */
static const struct {
    const char *sentence;
    enum progress (*step)(struct http_conn *conn);
    size_t limit;
    bool rated;
    int events; /* what the socket is always watched for */
} states[CONN_STATES] = {
    [CONN_HANDSHAKE] = {"is negotiating TLS", step_handshake, offsetof(struct http_server_times, handshake_ms), false,
                        0},
    [CONN_IDLE] = {"is idle between requests", step_read, offsetof(struct http_server_times, idle_ms), false,
                   UV_READABLE},
    [CONN_HEAD] = {"is sending the head of a request", step_read, offsetof(struct http_server_times, head_ms), false,
                   UV_READABLE},
    [CONN_BODY] = {"is sending the body of a request", step_read, offsetof(struct http_server_times, request_ms), true,
                   UV_READABLE},
    [CONN_WAITING] = {"waits for its answer", step_wait, offsetof(struct http_server_times, answer_ms), false,
                      UV_DISCONNECT},
    [CONN_ANSWERING] = {"is taking its answer", step_answer, offsetof(struct http_server_times, request_ms), true, 0},
    [CONN_STREAMING] = {"listens to a stream", step_stream, offsetof(struct http_server_times, request_ms), true,
                        UV_DISCONNECT},
    [CONN_LINGERING] = {"was told that this is the end", step_linger, offsetof(struct http_server_times, linger_ms),
                        false, UV_READABLE},
    [CONN_CLOSED] = {"is closed", NULL, 0, false, 0},
};

static uint64_t now_ms(const struct http_conn *conn)
{
    return uv_now(conn->server->options.loop);
}

void http_conn_enter(struct http_conn *conn, enum conn_state state)
{
    conn->state = state;
    conn->since_ms = now_ms(conn);
    conn->moved = 0;
}

/* UINT64_MAX: none. A stream with nothing to send may be silent for ever (TCP keep-alive finds the dead). */
static uint64_t deadline_ms(const struct http_conn *conn)
{
    if (conn->state == CONN_STREAMING && conn->out_size == 0) {
        return UINT64_MAX;
    }
    const struct http_server_times *times = &conn->server->options.times;
    uint64_t limit = *(const uint64_t *)(const void *)((const uint8_t *)times + states[conn->state].limit);
    uint64_t earned = states[conn->state].rated ? conn->moved * 1000 / times->rate : 0;
    return conn->since_ms + limit + earned;
}

static void on_timer(uv_timer_t *timer);
static void on_poll(uv_poll_t *poll, int status, int events);

static void arm_at(struct http_conn *conn, uint64_t at_ms)
{
    uint64_t now = now_ms(conn);
    (void)uv_timer_start(&conn->timer, on_timer, at_ms > now ? at_ms - now : 0, 0);
    conn->armed_ms = at_ms;
}

/* The timer is moved only to an earlier moment; when it fires too early it is set again. That keeps a busy connection
 * from touching it with every request. */
static void arm(struct http_conn *conn)
{
    uint64_t at_ms = deadline_ms(conn);
    if (at_ms != UINT64_MAX && (conn->armed_ms == 0 || at_ms < conn->armed_ms)) {
        arm_at(conn, at_ms);
    }
}

void http_conn_kick(struct http_conn *conn)
{
    if (!conn->running && conn->state != CONN_CLOSED) {
        arm_at(conn, now_ms(conn));
    }
}

static void watch(struct http_conn *conn)
{
    int mask = states[conn->state].events;
    if (conn->state == CONN_HANDSHAKE) {
        mask |= conn->read_wants_write ? UV_WRITABLE : UV_READABLE;
    } else if (conn->read_wants_write) {
        mask |= UV_WRITABLE;
    }
    if (conn->out_size > 0) {
        mask |= conn->write_wants_read ? UV_READABLE : UV_WRITABLE;
    }
    if (mask == conn->poll_mask) {
        return;
    }
    conn->poll_mask = mask;
    if (mask == 0) {
        (void)uv_poll_stop(&conn->poll);
    } else if (uv_poll_start(&conn->poll, mask, on_poll) != 0) {
        conn->gone = true;
    }
}

void http_conn_push(struct http_conn *conn)
{
    if (conn->running) {
        return;
    }
    enum progress progress = http_conn_flush(conn);
    if (progress == PROGRESS_WAIT) {
        watch(conn);
        arm(conn);
        return;
    }
    conn->gone = conn->gone || progress == PROGRESS_CLOSE;
    http_conn_kick(conn);
}

/* Requests. */

static void drop_pending(struct http_conn *conn)
{
    if (conn->pending) {
        conn->server->counts.body_memory -= conn->pending->body_capacity;
        free(conn->pending->body);
        free(conn->pending);
        conn->pending = NULL;
    }
}

/* From here on the request has an id, and somebody owes an answer. */
static struct http_request_id begin_request(struct http_conn *conn)
{
    struct slot *slot = &conn->server->slots[conn->slot];
    slot->generation += slot->generation == UINT32_MAX ? 2 : 1; /* 0 is no request */
    conn->generation = slot->generation;
    conn->server->counts.waiting++;
    return (struct http_request_id){.slot = conn->slot, .generation = conn->generation};
}

/* The request ends without an answer of the handler's. */
static void cancel_request(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    struct http_request_id id = {.slot = conn->slot, .generation = conn->generation};
    conn->generation = 0;
    server->counts.waiting--;
    server->counts.cancelled++;
    if (server->options.cancelled) {
        server->options.cancelled(server->options.owner, id);
    }
}

/* An answer of the server's own, after which the connection ends: what follows a broken request cannot be trusted. */
static void refuse(struct http_conn *conn, unsigned status, const char *sentence)
{
    conn->server->counts.bad_requests++;
    conn->close_after = true;
    drop_pending(conn);
    http_conn_enter(conn, CONN_WAITING);
    (void)http_respond_text(conn->server, begin_request(conn), status, sentence);
}

static void move_span(struct span *span, const uint8_t *from, const uint8_t *to)
{
    span->data = span->data ? to + (span->data - from) : NULL;
}

/* The parser's scratch is used again for the next bytes, so the head moves to memory of its own. */
static bool keep_head(struct http_conn *conn, const struct h1_head *head, struct span text)
{
    struct pending *pending = malloc(sizeof *pending + text.size);
    if (!pending) {
        return false;
    }
    memcpy(pending->text, text.data, text.size);
    pending->head = *head;
    pending->body = NULL;
    pending->body_size = 0;
    pending->body_capacity = 0;
    move_span(&pending->head.path, text.data, pending->text);
    move_span(&pending->head.query, text.data, pending->text);
    for (size_t i = 0; i < head->field_count; i++) {
        move_span(&pending->head.fields[i].name, text.data, pending->text);
        move_span(&pending->head.fields[i].value, text.data, pending->text);
    }
    conn->pending = pending;
    return true;
}

static struct http_request request_of(const struct http_conn *conn)
{
    const struct h1_head *head = &conn->pending->head;
    return (struct http_request){.listener = conn->listener,
                                 .method = head->method,
                                 .path = head->path,
                                 .query = head->query,
                                 .head = head,
                                 .peer = &conn->peer,
                                 .socket = conn->fd};
}

static void on_head(struct http_conn *conn, const struct h1_head *head, struct span text)
{
    struct http_server *server = conn->server;
    const struct server_listener *listener = &server->listeners[conn->listener];
    conn->method = head->method;
    if (listener->client_certificate && !conn->peer.present) {
        refuse(conn, 403, "The client certificate does not carry exactly one URI name.");
        return;
    }
    if (!keep_head(conn, head, text)) {
        refuse(conn, 503, "Out of memory.");
        return;
    }
    size_t body_max = listener->body_max;
    struct http_request request = request_of(conn);
    unsigned status = server->options.admit ? server->options.admit(server->options.owner, &request, &body_max) : 0;
    if (conn->state == CONN_CLOSED) {
        return; /* the server was stopped in there */
    }
    if (status != 0) {
        refuse(conn, status, "The request was refused.");
        return;
    }
    http_conn_enter(conn, CONN_BODY);
    conn->close_after = head->close || server->stopping;
    if (!h1_body_max(&conn->parser, head, body_max)) {
        refuse(conn, conn->parser.error, conn->parser.reason);
    } else if (head->expect_continue && (head->chunked || head->content_length > 0) &&
               !http_conn_queue(conn, span_text("HTTP/1.1 100 Continue\r\n\r\n"), (struct span){0}, NULL)) {
        http_conn_enter(conn, CONN_CLOSED);
    }
}

/* Grows with what has arrived, not with what was announced: announcing is free. */
static bool body_room(struct http_conn *conn, size_t size)
{
    struct pending *pending = conn->pending;
    size_t need = pending->body_size + size;
    if (need <= pending->body_capacity) {
        return true;
    }
    size_t capacity = pending->body_capacity * 2 > need ? pending->body_capacity * 2 : need;
    uint64_t announced = pending->head.chunked ? 0 : pending->head.content_length;
    if (announced >= need && capacity > announced) {
        capacity = (size_t)announced;
    }
    size_t more = capacity - pending->body_capacity;
    struct http_server *server = conn->server;
    if (more > server->options.body_memory_max - server->counts.body_memory) {
        return false;
    }
    uint8_t *body = realloc(pending->body, capacity);
    if (!body) {
        return false;
    }
    pending->body = body;
    pending->body_capacity = capacity;
    server->counts.body_memory += more;
    return true;
}

static void on_body(struct http_conn *conn, struct span body)
{
    if (!body_room(conn, body.size)) {
        refuse(conn, 503, "Too much is being received at the moment; try again later.");
        return;
    }
    memcpy(conn->pending->body + conn->pending->body_size, body.data, body.size);
    conn->pending->body_size += body.size;
}

/* A whole request is there. */
static void hand_over(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    struct pending *pending = conn->pending;
    struct http_request request = request_of(conn);
    request.id = begin_request(conn);
    request.body = span_of(pending->body, pending->body_size);
    http_conn_enter(conn, CONN_WAITING);
    server->counts.requests++;
    server->options.handle(server->options.owner, &request);
    drop_pending(conn);
}

static bool is_reading(const struct http_conn *conn)
{
    return conn->state == CONN_IDLE || conn->state == CONN_HEAD || conn->state == CONN_BODY;
}

/* Gives `input` to the parser until it wants more or a request is whole. Returns how much was consumed; *out_whole says
 * that a request waits to be handed over. */
static size_t feed(struct http_conn *conn, struct span input, bool *out_whole)
{
    struct http_server *server = conn->server;
    size_t at = 0;
    *out_whole = false;
    while (is_reading(conn)) {
        size_t consumed = 0;
        struct span body = {0};
        struct span left = span_of(input.data + at, input.size - at);
        enum h1_event event = h1_next(&conn->parser, left, &consumed, &server->head, &body);
        at += consumed;
        if (event == H1_HEAD) {
            on_head(conn, &server->head, span_of(left.data, consumed));
        } else if (event == H1_BODY) {
            on_body(conn, body);
        } else if (event == H1_ERROR) {
            conn->method = HTTP_POST; /* an answer with a body */
            refuse(conn, conn->parser.error, conn->parser.reason);
        } else {
            *out_whole = event == H1_END;
            if (*out_whole) {
                h1_init(&conn->parser, UINT64_MAX); /* this request's bound is not the next one's */
            }
            break;
        }
    }
    return at;
}

static bool keep_rest(struct http_conn *conn, struct span rest)
{
    free(conn->rest);
    conn->rest = NULL;
    conn->rest_size = 0;
    if (rest.size == 0) {
        return true;
    }
    conn->rest = malloc(rest.size);
    if (!conn->rest) {
        return false;
    }
    memcpy(conn->rest, rest.data, rest.size);
    conn->rest_size = rest.size;
    return true;
}

/* Steps, one per state. */

static enum progress want(struct http_conn *conn, enum tls_result result)
{
    conn->read_wants_write = result == TLS_WANT_WRITE;
    return result == TLS_WANT_READ || result == TLS_WANT_WRITE ? PROGRESS_WAIT : PROGRESS_CLOSE;
}

/* Half-closes and drains for a moment: with unread bytes a close would send a reset, and the peer would lose the alert
 * or the answer that tells what is wrong. */
static void begin_linger(struct http_conn *conn)
{
    tls_conn_finish(&conn->tls);
    http_conn_drop_output(conn);
    conn->read_wants_write = false;
    http_conn_enter(conn, CONN_LINGERING);
}

static enum progress step_handshake(struct http_conn *conn)
{
    enum tls_result result = tls_conn_handshake(&conn->tls);
    if (result == TLS_DONE) {
        conn->read_wants_write = false;
        if (conn->server->listeners[conn->listener].client_certificate) {
            (void)tls_conn_peer(&conn->tls, &conn->peer);
        }
        http_conn_enter(conn, CONN_IDLE);
        return PROGRESS_ON;
    }
    if (want(conn, result) == PROGRESS_WAIT) {
        return PROGRESS_WAIT;
    }
    conn->server->counts.handshake_failed++;
    begin_linger(conn);
    return PROGRESS_ON;
}

/* More bytes behind `rest`, in the scratch. */
static enum progress receive(struct http_conn *conn, size_t *out_size)
{
    uint8_t *scratch = conn->server->scratch;
    size_t got = 0;
    if (!conn->rest_is_new) {
        assert(conn->rest_size <= LIMIT_HTTP_HEAD);
        enum tls_result result =
            tls_conn_read(&conn->tls, scratch + conn->rest_size, HTTP_SCRATCH - conn->rest_size, &got);
        if (result != TLS_DONE) {
            return want(conn, result);
        }
        conn->read_wants_write = false;
        conn->server->counts.bytes_in += got;
        conn->moved += got;
    }
    if (conn->rest_size > 0) {
        memcpy(scratch, conn->rest, conn->rest_size);
    }
    conn->rest_is_new = false;
    *out_size = conn->rest_size + got;
    return PROGRESS_ON;
}

static enum progress step_read(struct http_conn *conn)
{
    size_t size = 0;
    if (conn->out_first && http_conn_flush(conn) == PROGRESS_CLOSE) {
        return PROGRESS_CLOSE;
    }
    if (conn->server->stopping && conn->state == CONN_IDLE && conn->rest_size == 0) {
        begin_linger(conn);
        return PROGRESS_ON;
    }
    enum progress progress = receive(conn, &size);
    if (progress != PROGRESS_ON) {
        return progress;
    }
    if (conn->state == CONN_IDLE) {
        http_conn_enter(conn, CONN_HEAD);
    }
    bool whole = false;
    const uint8_t *scratch = conn->server->scratch;
    size_t used = feed(conn, span_of(scratch, size), &whole);
    if (!keep_rest(conn, span_of(scratch + used, size - used))) {
        return PROGRESS_CLOSE;
    }
    if (whole) {
        hand_over(conn);
    }
    return PROGRESS_ON;
}

static enum progress step_wait(struct http_conn *conn)
{
    return conn->gone ? PROGRESS_CLOSE : PROGRESS_WAIT;
}

static enum progress step_answer(struct http_conn *conn)
{
    enum progress progress = http_conn_flush(conn);
    if (progress != PROGRESS_ON) {
        return progress;
    }
    if (conn->close_after || conn->server->stopping) {
        begin_linger(conn);
        return PROGRESS_ON;
    }
    conn->rest_is_new = conn->rest_size > 0;
    http_conn_enter(conn, conn->rest_is_new ? CONN_HEAD : CONN_IDLE);
    return PROGRESS_ON;
}

static enum progress step_stream(struct http_conn *conn)
{
    uint64_t before = conn->moved;
    enum progress progress = conn->gone ? PROGRESS_CLOSE : http_conn_flush(conn);
    if (conn->moved != before) {
        conn->since_ms = now_ms(conn);
        conn->moved = 0;
    }
    return progress == PROGRESS_ON ? PROGRESS_WAIT : progress;
}

static enum progress step_linger(struct http_conn *conn)
{
    enum tls_result result = tls_conn_drain(&conn->tls);
    conn->moved += 4096;
    if (result == TLS_DONE && conn->moved < LINGER_BYTES) {
        return PROGRESS_ON;
    }
    return result == TLS_WANT_READ ? PROGRESS_WAIT : PROGRESS_CLOSE;
}

void http_conn_run(struct http_conn *conn)
{
    enum progress progress = PROGRESS_ON;
    conn->running = true;
    for (unsigned i = 0; i < ROUNDS && progress == PROGRESS_ON; i++) {
        progress = conn->state == CONN_CLOSED ? PROGRESS_CLOSE : states[conn->state].step(conn);
    }
    conn->running = false;
    if (progress == PROGRESS_CLOSE || conn->state == CONN_CLOSED || conn->gone) {
        http_conn_close(conn);
        return;
    }
    watch(conn);
    if (progress == PROGRESS_ON) {
        http_conn_kick(conn);
    } else {
        arm(conn);
    }
}

/* Events of the loop. */

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct http_conn *conn = poll->data;
    conn->gone = conn->gone || status < 0 || (events & UV_DISCONNECT);
    if (status < 0) {
        http_conn_close(conn);
    } else {
        http_conn_run(conn);
    }
}

/* Time is up in the present state. */
static void expire(struct http_conn *conn)
{
    enum conn_state state = conn->state;
    if (state != CONN_IDLE && state != CONN_LINGERING) {
        conn->server->counts.timed_out++;
    }
    if (state == CONN_WAITING) {
        conn->running = true; /* the handler may stop the server meanwhile */
        cancel_request(conn);
        conn->running = false;
        if (conn->state == CONN_CLOSED) {
            http_conn_close(conn);
            return;
        }
        refuse(conn, 503, "The answer took too long; try again later.");
    } else if (state == CONN_HEAD || state == CONN_BODY) {
        conn->method = HTTP_POST;
        refuse(conn, 408, "The request came too slowly.");
    } else if (state == CONN_IDLE) {
        begin_linger(conn);
    } else {
        http_conn_close(conn);
        return;
    }
    http_conn_run(conn);
}

static void on_timer(uv_timer_t *timer)
{
    struct http_conn *conn = timer->data;
    conn->armed_ms = 0;
    if (now_ms(conn) >= deadline_ms(conn)) {
        expire(conn);
    } else {
        http_conn_run(conn);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct http_conn *conn = handle->data;
    if (--conn->open_handles == 0) {
        struct http_server *server = conn->server;
        uint32_t slot = conn->slot;
        (void)close(conn->fd);
        free(conn);
        http_server_conn_closed(server, slot);
    }
}

void http_conn_close(struct http_conn *conn)
{
    if (conn->running) {
        conn->state = CONN_CLOSED;
        return;
    }
    struct http_server *server = conn->server;
    struct slot *slot = &server->slots[conn->slot];
    if (slot->conn != conn) {
        return; /* its handles are closing */
    }
    slot->conn = NULL;
    conn->state = CONN_CLOSED;
    drop_pending(conn);
    http_conn_drop_output(conn);
    (void)keep_rest(conn, (struct span){0});
    tls_conn_release(&conn->tls);
    server->counts.connections--;
    server->closing++;
    uv_close((uv_handle_t *)&conn->poll, on_closed);
    uv_close((uv_handle_t *)&conn->timer, on_closed);
    if (conn->generation != 0) {
        cancel_request(conn);
    }
}

struct http_conn *http_conn_find(struct http_server *server, struct http_request_id id, enum conn_state state)
{
    if (id.generation == 0 || id.slot >= server->options.connections_max) {
        return NULL;
    }
    struct http_conn *conn = server->slots[id.slot].conn;
    return conn && conn->generation == id.generation && conn->state == state ? conn : NULL;
}

static bool open_handles(struct http_conn *conn)
{
    if (uv_poll_init(conn->server->options.loop, &conn->poll, conn->fd) != 0) {
        return false;
    }
    (void)uv_timer_init(conn->server->options.loop, &conn->timer);
    conn->poll.data = conn;
    conn->timer.data = conn;
    conn->open_handles = 2;
    return true;
}

void http_conn_start(struct http_server *server, size_t listener, int fd)
{
    uint32_t slot = server->first_free;
    struct http_conn *conn = slot < server->options.connections_max ? calloc(1, sizeof *conn) : NULL;
    bool ready = conn && status_is_ok(tls_conn_init(&conn->tls, server->listeners[listener].context, fd));
    if (ready) {
        conn->server = server;
        conn->listener = listener;
        conn->slot = slot;
        conn->fd = fd;
        ready = open_handles(conn);
    }
    if (!ready) {
        if (conn) {
            tls_conn_release(&conn->tls);
        }
        free(conn);
        (void)close(fd);
        server->counts.refused_full++;
        return;
    }
    server->first_free = server->slots[slot].next_free;
    server->slots[slot].conn = conn;
    server->counts.accepted++;
    server->counts.connections++;
    h1_init(&conn->parser, UINT64_MAX);
    http_conn_enter(conn, CONN_HANDSHAKE);
    http_conn_run(conn);
}
