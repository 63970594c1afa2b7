/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_http */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "node/http/router.h"
#include "tests/unit/http/deployment.h"

/* Covers node/http/server.c, http_conn.c, reply.c, tls_conn.c with raw sockets, so that a peer can behave badly. The
 * well-behaved peer, over mutual TLS, is in test_client.c. */

#define PLAIN 0
#define TLS 1

struct bench {
    struct deployment *deployment; /* borrowed */
    struct http_server *server;    /* owned */
    bool stopped;
    bool park; /* the handler keeps the id instead of answering */
    struct http_request_id parked;
    struct http_request_id cancelled;
    unsigned handled;
    unsigned cancels;
    char path[64];
    size_t body_size;
    unsigned admit_status;
    struct http_asset asset;
};

static void handle(void *owner, struct http_request *request)
{
    struct bench *bench = owner;
    bench->handled++;
    bench->body_size = request->body.size;
    (void)snprintf(bench->path, sizeof bench->path, "%.*s", (int)request->path.size, (const char *)request->path.data);
    if (bench->park) {
        bench->parked = request->id;
        return;
    }
    if (strcmp(bench->path, "/asset") == 0) {
        (void)http_respond_asset(bench->server, request, &bench->asset);
        return;
    }
    struct http_response response = {.status = 200, .content_type = "text/plain", .body = request->body};
    if (strcmp(bench->path, "/take") == 0) {
        response.body = span_of(http_take_body(bench->server, request), request->body.size);
        response.body_free = free;
    }
    (void)http_respond(bench->server, request->id, &response);
}

static void cancelled(void *owner, struct http_request_id id)
{
    struct bench *bench = owner;
    bench->cancelled = id;
    bench->cancels++;
}

static unsigned admit(void *owner, const struct http_request *request, size_t *body_max)
{
    const struct bench *bench = owner;
    (void)request;
    (void)body_max;
    return bench->admit_status;
}

static struct http_server_options options_of(struct bench *bench)
{
    return (struct http_server_options){
        .loop = &bench->deployment->loop,
        .listeners = {listener_of(bench->deployment, false, false), listener_of(bench->deployment, true, true)},
        .listener_count = 2,
        .owner = bench,
        .handle = handle,
        .cancelled = cancelled,
        .admit = admit,
    };
}

static void bench_start(struct bench *bench, struct deployment *deployment, const struct http_server_options *options)
{
    bench->deployment = deployment;
    check(deployment, http_server_new(options, deployment->problem, sizeof deployment->problem, &bench->server));
}

static void bench_begin(struct bench *bench, void **state)
{
    *bench = (struct bench){.deployment = *state};
    http_asset_init(&bench->asset, "text/css", span_text("body{}"));
    loop_begin(*state);
}

static void on_stopped(void *owner)
{
    ((struct bench *)owner)->stopped = true;
}

static bool is_stopped(void *owner)
{
    return ((struct bench *)owner)->stopped;
}

static void bench_end(struct bench *bench)
{
    http_server_stop(bench->server, 0, on_stopped);
    assert_true(run_until(bench->deployment, is_stopped, bench));
    assert_int_equal(http_server_counts(bench->server).connections, 0);
    assert_int_equal(http_server_counts(bench->server).waiting, 0);
    assert_int_equal(http_server_counts(bench->server).body_memory, 0);
    http_server_free(bench->server);
    loop_end(bench->deployment);
}

/* A peer on a raw socket. */
struct peer {
    int fd;
    char text[65536];
    size_t size;
    bool closed;
};

static void peer_open(struct peer *peer, struct bench *bench, size_t listener)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(bench->server, listener)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *peer = (struct peer){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(connect(peer->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(peer->fd, F_SETFL, O_NONBLOCK), 0);
}

static void peer_send(struct peer *peer, const char *text)
{
    assert_int_equal(send(peer->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void peer_read(struct peer *peer)
{
    ssize_t got = recv(peer->fd, peer->text + peer->size, sizeof peer->text - 1 - peer->size, 0);
    if (got > 0) {
        peer->size += (size_t)got;
        peer->text[peer->size] = 0;
    } else if (got == 0 || errno != EAGAIN) {
        peer->closed = true;
    }
}

/* A condition over a peer, with the bench's loop kept turning by a short timer. */
struct wanted {
    struct peer *peer;
    const char *text; /* NULL: the connection is closed */
    unsigned times;
};

static bool holds(void *owner)
{
    const struct wanted *wanted = owner;
    peer_read(wanted->peer);
    if (!wanted->text) {
        return wanted->peer->closed;
    }
    unsigned count = 0;
    for (const char *at = wanted->peer->text; (at = strstr(at, wanted->text)) != NULL; at++) {
        count++;
    }
    return count >= wanted->times;
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

static bool wait_for(struct bench *bench, bool (*condition)(void *), void *owner)
{
    uv_timer_t tick;
    (void)uv_timer_init(&bench->deployment->loop, &tick);
    (void)uv_timer_start(&tick, on_tick, 1, 1);
    bool good = run_until(bench->deployment, condition, owner);
    uv_close((uv_handle_t *)&tick, NULL);
    (void)uv_run(&bench->deployment->loop, UV_RUN_NOWAIT);
    return good;
}

static void expect(struct bench *bench, struct peer *peer, const char *text)
{
    struct wanted wanted = {.peer = peer, .text = text, .times = 1};
    if (!wait_for(bench, holds, &wanted)) {
        fail_msg("expected %s, got %s", text ? text : "the end", peer->text);
    }
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

static void requests_on_one_connection_are_answered_in_order(void **state)
{
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, PLAIN);
    peer_send(&peer, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\noneP");
    peer_send(&peer, "OST /take HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\ntwo" GET("/3"));
    struct wanted three = {.peer = &peer, .text = "HTTP/1.1 200 OK\r\n", .times = 3};
    assert_true(wait_for(&bench, holds, &three));
    assert_int_equal(bench.handled, 3);
    assert_true(strstr(peer.text, "\r\n\r\noneHTTP") && strstr(peer.text, "\r\n\r\ntwoHTTP"));
    assert_non_null(strstr(peer.text, "Date: "));
    peer_send(&peer, "GET /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    expect(&bench, &peer, "Connection: close\r\n");
    expect(&bench, &peer, NULL);
    (void)close(peer.fd);
    bench_end(&bench);
}

static void a_hundred_pipelined_requests_are_answered(void **state)
{
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, PLAIN);
    for (unsigned i = 0; i < 100; i++) {
        peer_send(&peer, GET("/x"));
    }
    struct wanted all = {.peer = &peer, .text = "HTTP/1.1 200 OK\r\n", .times = 100};
    assert_true(wait_for(&bench, holds, &all));
    (void)close(peer.fd);
    bench_end(&bench);
}

static void a_bad_request_gets_an_answer_and_the_end(void **state)
{
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, PLAIN);
    peer_send(&peer,
              "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc" GET("/hidden"));
    expect(&bench, &peer, "HTTP/1.1 400 Bad Request\r\n");
    expect(&bench, &peer, NULL);
    assert_int_equal(bench.handled, 0);
    assert_int_equal(http_server_counts(bench.server).bad_requests, 1);
    (void)close(peer.fd);
    bench_end(&bench);
}

static void a_body_over_the_limit_is_refused_before_it_is_read(void **state)
{
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    options.listeners[PLAIN].body_max = 10;
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, PLAIN);
    peer_send(&peer, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n");
    expect(&bench, &peer, "HTTP/1.1 413 ");
    (void)close(peer.fd);
    bench_end(&bench);
}

static void bodies_together_are_bounded(void **state)
{
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    options.body_memory_max = 4;
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, PLAIN);
    peer_send(&peer, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde");
    expect(&bench, &peer, "HTTP/1.1 503 ");
    assert_non_null(strstr(peer.text, "Retry-After: 5\r\n"));
    (void)close(peer.fd);
    bench_end(&bench);
}

static void a_head_can_be_refused_before_its_body(void **state)
{
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    bench.admit_status = 403;
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, PLAIN);
    peer_send(&peer, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
    expect(&bench, &peer, "HTTP/1.1 403 Forbidden");
    assert_int_equal(bench.handled, 0);
    (void)close(peer.fd);
    bench_end(&bench);
}

static void who_waits_to_be_told_to_go_on_is_told(void **state)
{
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, PLAIN);
    peer_send(&peer, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    expect(&bench, &peer, "HTTP/1.1 100 Continue\r\n\r\n");
    peer_send(&peer, "abcde");
    expect(&bench, &peer, "\r\n\r\nabcde");
    (void)close(peer.fd);
    bench_end(&bench);
}

/* Small times, one state after the other; each peer does nothing more. */
static void every_state_has_its_time(void **state)
{
    static const struct {
        const char *sent;
        const char *expected; /* NULL: just the end */
    } cases[] = {
        {"", NULL},
        {"GET / HT", "HTTP/1.1 408 "},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab", "HTTP/1.1 408 "},
        {GET("/park"), "HTTP/1.1 503 "},
    };
    struct bench bench;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    options.times = (struct http_server_times){.handshake_ms = 30,
                                               .idle_ms = 30,
                                               .head_ms = 30,
                                               .request_ms = 30,
                                               .answer_ms = 30,
                                               .linger_ms = 30,
                                               .rate = 1000000};
    bench.park = true;
    bench_start(&bench, *state, &options);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct peer peer;
        peer_open(&peer, &bench, PLAIN);
        peer_send(&peer, cases[i].sent);
        if (cases[i].expected) {
            expect(&bench, &peer, cases[i].expected);
        }
        expect(&bench, &peer, NULL);
        (void)close(peer.fd);
    }
    assert_int_equal(bench.cancels, 1);
    assert_int_equal(bench.cancelled.generation, bench.parked.generation);
    struct peer silent;
    peer_open(&silent, &bench, TLS);
    expect(&bench, &silent, NULL);
    (void)close(silent.fd);
    assert_int_equal(http_server_counts(bench.server).timed_out, 4);
    bench_end(&bench);
}

/* One byte of the head at a time: the time of the head is not prolonged by bytes. */
static bool drip(void *owner)
{
    struct peer *peer = owner;
    peer_read(peer);
    if (!peer->closed) {
        (void)send(peer->fd, "x", 1, MSG_NOSIGNAL);
    }
    return peer->closed || strstr(peer->text, "408") != NULL;
}

static void a_slow_loris_is_closed_by_the_state_timer(void **state)
{
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    options.times.head_ms = 60;
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, PLAIN);
    peer_send(&peer, "GET /");
    assert_true(wait_for(&bench, drip, &peer));
    assert_int_equal(http_server_counts(bench.server).timed_out, 1);
    assert_int_equal(bench.handled, 0);
    (void)close(peer.fd);
    bench_end(&bench);
}

static bool is_handled(void *owner)
{
    return ((struct bench *)owner)->handled > 0;
}

static bool is_cancelled(void *owner)
{
    return ((struct bench *)owner)->cancels > 0;
}

static void a_long_poll_is_answered_later(void **state)
{
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    bench.park = true;
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, PLAIN);
    peer_send(&peer, GET("/poll"));
    assert_true(wait_for(&bench, is_handled, &bench));
    assert_int_equal(http_server_counts(bench.server).waiting, 1);
    assert_true(status_is_ok(http_respond_text(bench.server, bench.parked, 200, "Here it is.")));
    expect(&bench, &peer, "Here it is.\n");
    /* The id died with its answer. */
    assert_int_equal(http_respond_text(bench.server, bench.parked, 200, "Again.").code, STATUS_NOT_FOUND);
    assert_int_equal(http_respond_text(bench.server, (struct http_request_id){0}, 200, "Nobody.").code,
                     STATUS_NOT_FOUND);
    assert_int_equal(
        http_respond_text(bench.server, (struct http_request_id){.slot = 9999999, .generation = 1}, 200, "").code,
        STATUS_NOT_FOUND);
    (void)close(peer.fd);
    bench_end(&bench);
}

static void a_peer_that_leaves_its_long_poll_is_noticed(void **state)
{
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    bench.park = true;
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, PLAIN);
    peer_send(&peer, GET("/poll"));
    assert_true(wait_for(&bench, is_handled, &bench));
    (void)close(peer.fd);
    assert_true(wait_for(&bench, is_cancelled, &bench));
    assert_int_equal(bench.cancelled.slot, bench.parked.slot);
    assert_int_equal(bench.cancelled.generation, bench.parked.generation);
    void *owned = malloc(100000); /* freed although nobody is there: the sanitizer would tell */
    assert_non_null(owned);
    struct http_response response = {.status = 200, .body = span_of(owned, 100000), .body_free = free};
    assert_int_equal(http_respond(bench.server, bench.parked, &response).code, STATUS_NOT_FOUND);
    bench_end(&bench);
}

static void a_stream_is_written_in_parts(void **state)
{
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    bench.park = true;
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, PLAIN);
    peer_send(&peer, GET("/events"));
    assert_true(wait_for(&bench, is_handled, &bench));
    struct http_response begin = {.status = 200, .content_type = "text/event-stream"};
    assert_true(status_is_ok(http_stream_begin(bench.server, bench.parked, &begin)));
    expect(&bench, &peer, "Transfer-Encoding: chunked\r\n\r\n");
    assert_true(status_is_ok(http_stream_write(bench.server, bench.parked, span_text("data: 1\n\n"))));
    expect(&bench, &peer, "9\r\ndata: 1\n\n\r\n");
    assert_true(status_is_ok(http_stream_end(bench.server, bench.parked)));
    expect(&bench, &peer, "0\r\n\r\n");
    assert_int_equal(http_stream_write(bench.server, bench.parked, span_text("x")).code, STATUS_NOT_FOUND);
    bench.park = false;
    peer_send(&peer, GET("/after"));
    struct wanted two = {.peer = &peer, .text = "HTTP/1.1 200 OK\r\n", .times = 2};
    assert_true(wait_for(&bench, holds, &two));
    (void)close(peer.fd);
    bench_end(&bench);
}

static void a_stream_that_nobody_reads_is_bounded_and_ends(void **state)
{
    static uint8_t part[65536];
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    options.times.request_ms = 50;
    options.times.rate = 1000000000;
    bench.park = true;
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, PLAIN);
    peer_send(&peer, GET("/events"));
    assert_true(wait_for(&bench, is_handled, &bench));
    struct http_response begin = {.status = 200, .content_type = "text/event-stream"};
    assert_true(status_is_ok(http_stream_begin(bench.server, bench.parked, &begin)));
    struct status status = status_ok();
    for (unsigned i = 0; i < 1000 && status_is_ok(status); i++) {
        status = http_stream_write(bench.server, bench.parked, span_of(part, sizeof part));
    }
    assert_int_equal(status.code, STATUS_BUSY);
    assert_true(wait_for(&bench, is_cancelled, &bench));
    (void)close(peer.fd);
    bench_end(&bench);
}

static void a_file_is_sent_once_and_then_not_modified(void **state)
{
    struct bench bench;
    struct peer peer;
    char again[256];
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, PLAIN);
    peer_send(&peer, GET("/asset"));
    expect(&bench, &peer, "\r\n\r\nbody{}");
    assert_non_null(strstr(peer.text, bench.asset.etag));
    assert_non_null(strstr(peer.text, "Content-Type: text/css\r\n"));
    (void)snprintf(again, sizeof again, "GET /asset HTTP/1.1\r\nHost: h\r\nIf-None-Match: W/%s\r\n\r\n",
                   bench.asset.etag);
    peer_send(&peer, again);
    expect(&bench, &peer, "HTTP/1.1 304 Not Modified\r\n");
    peer_send(&peer, "POST /asset HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(&bench, &peer, "HTTP/1.1 405 ");
    size_t before = peer.size;
    peer_send(&peer, "HEAD /asset HTTP/1.1\r\nHost: h\r\n\r\n");
    struct wanted length = {.peer = &peer, .text = "Content-Length: 6\r\n", .times = 2};
    assert_true(wait_for(&bench, holds, &length));
    assert_null(strstr(peer.text + before, "body{}"));
    (void)close(peer.fd);
    bench_end(&bench);
}

static bool one_was_refused(void *owner)
{
    return http_server_counts(((struct bench *)owner)->server).refused_full > 0;
}

static void above_the_limit_of_connections_new_ones_are_closed(void **state)
{
    struct bench bench;
    struct peer peers[3];
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    options.connections_max = 2;
    bench_start(&bench, *state, &options);
    for (size_t i = 0; i < 3; i++) {
        peer_open(&peers[i], &bench, PLAIN);
    }
    assert_true(wait_for(&bench, one_was_refused, &bench));
    peer_send(&peers[0], GET("/still"));
    expect(&bench, &peers[0], "HTTP/1.1 200 OK");
    for (size_t i = 0; i < 3; i++) {
        (void)close(peers[i].fd);
    }
    bench_end(&bench);
}

static void a_stop_lets_the_running_request_finish(void **state)
{
    struct bench bench;
    struct peer busy;
    struct peer idle;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    bench.park = true;
    bench_start(&bench, *state, &options);
    peer_open(&idle, &bench, PLAIN);
    peer_open(&busy, &bench, PLAIN);
    peer_send(&busy, GET("/work"));
    assert_true(wait_for(&bench, is_handled, &bench));
    http_server_stop(bench.server, 10000, on_stopped);
    expect(&bench, &idle, NULL);
    assert_false(bench.stopped);
    (void)http_respond_text(bench.server, bench.parked, 200, "Done.");
    expect(&bench, &busy, "Connection: close\r\n");
    expect(&bench, &busy, "Done.\n");
    (void)close(busy.fd);
    (void)close(idle.fd);
    assert_true(wait_for(&bench, is_stopped, &bench));
    http_server_free(bench.server);
    loop_end(*state);
}

static void a_stop_cancels_what_outlasts_the_drain(void **state)
{
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    bench.park = true;
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, PLAIN);
    peer_send(&peer, GET("/work"));
    assert_true(wait_for(&bench, is_handled, &bench));
    http_server_stop(bench.server, 20, on_stopped);
    assert_true(wait_for(&bench, is_stopped, &bench));
    assert_int_equal(bench.cancels, 1);
    (void)close(peer.fd);
    http_server_free(bench.server);
    loop_end(*state);
}

static void assert_refused(struct bench *bench, const struct http_server_options *options, enum status_code code,
                           const char *word)
{
    char problem[512] = "";
    struct http_server *server = NULL;
    struct status status = http_server_new(options, problem, sizeof problem, &server);
    assert_int_equal(status.code, code);
    assert_null(server);
    if (!strstr(problem, word)) {
        fail_msg("%s is not in: %s", word, problem);
    }
    (void)uv_run(&bench->deployment->loop, UV_RUN_NOWAIT);
}

static void what_cannot_be_served_is_said_clearly(void **state)
{
    struct bench bench;
    bench_begin(&bench, state);
    struct deployment *deployment = *state;
    struct http_server_options good = options_of(&bench);
    bench_start(&bench, deployment, &good);
    struct http_server_options options = good;
    options.listeners[PLAIN].port = http_server_port(bench.server, PLAIN);
    assert_refused(&bench, &options, STATUS_IO, "in use");
    options = good;
    options.listeners[TLS].certificate_path = "/nonexistent/hub.pem";
    assert_refused(&bench, &options, STATUS_INVALID, "/nonexistent/hub.pem");
    options = good;
    options.listeners[TLS].key_path = path_in(deployment, ISSUER_OTHER, "hub.key");
    assert_refused(&bench, &options, STATUS_INVALID, "does not fit");
    options = good;
    options.listeners[TLS].client_ca_path = path_in(deployment, ISSUER_OURS, "hub.key");
    assert_refused(&bench, &options, STATUS_INVALID, "CA");
    options = good;
    options.listeners[PLAIN].address = "300.1.1.1";
    assert_refused(&bench, &options, STATUS_IO, "Cannot listen on 300.1.1.1");
    options = good;
    assert_int_equal(chmod(options.listeners[TLS].key_path, 0440), 0);
    assert_refused(&bench, &options, STATUS_DENIED, "chmod 400");
    assert_int_equal(chmod(options.listeners[TLS].key_path, 0400), 0);
    bench_end(&bench);
}

/* Resident memory, in kB. */
static size_t memory_kb(void)
{
    size_t total = 0;
    size_t resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &total, &resident), 2);
    (void)fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

#define MANY 200

/* A sanitizer's memory is another: there the number is only printed. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IDLE_MAX_KB 1e9
#else
#define IDLE_MAX_KB 40
#endif

static SSL_CTX *client_context(struct deployment *deployment, int version)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_non_null(context);
    assert_int_equal(
        SSL_CTX_use_certificate_file(context, path_in(deployment, ISSUER_OURS, "node.pem"), SSL_FILETYPE_PEM), 1);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(context, path_in(deployment, ISSUER_OURS, "node.key"), SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(context, version), 1);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    return context;
}

/* The peers live in a process of their own, so that only the server's end is measured. Each shakes hands, sends a
 * request and reads its answer; then all idle until the pipe closes. */
static void run_peers(struct bench *bench, int done_fd, int wait_fd)
{
    struct peer *peer = malloc(sizeof *peer);
    SSL_CTX *context = client_context(bench->deployment, TLS1_3_VERSION);
    char answer[1024];
    bool good = peer != NULL;
    for (size_t i = 0; i < MANY && good; i++) {
        peer_open(peer, bench, TLS);
        (void)fcntl(peer->fd, F_SETFL, 0);
        SSL *tls = SSL_new(context);
        good = tls && SSL_set_fd(tls, peer->fd) == 1 && SSL_connect(tls) == 1 &&
               SSL_write(tls, GET("/x"), sizeof GET("/x") - 1) > 0 && SSL_read(tls, answer, sizeof answer) > 0;
    }
    (void)!write(done_fd, good ? "y" : "n", 1);
    (void)!read(wait_fd, answer, 1);
    _exit(0);
}

struct many {
    int fd;
    char said;
};

static bool peers_said(void *owner)
{
    struct many *many = owner;
    return many->said || read(many->fd, &many->said, 1) == 1;
}

static void idle_tls_connections_are_cheap(void **state)
{
    struct bench bench;
    int done[2];
    int hold[2];
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    bench_start(&bench, *state, &options);
    assert_true(pipe2(done, O_CLOEXEC) == 0 && pipe2(hold, O_CLOEXEC) == 0);
    size_t before_kb = memory_kb();
    pid_t peers = fork();
    if (peers == 0) {
        (void)close(hold[1]);
        run_peers(&bench, done[1], hold[0]);
    }
    assert_true(peers > 0);
    struct many many = {.fd = done[0]};
    assert_int_equal(fcntl(done[0], F_SETFL, O_NONBLOCK), 0);
    assert_true(wait_for(&bench, peers_said, &many));
    assert_int_equal(many.said, 'y');
    assert_int_equal(http_server_counts(bench.server).connections, MANY);
    double each_kb = (double)(memory_kb() - before_kb) / MANY;
    print_message("an idle TLS connection takes %.1f kB\n", each_kb);
    assert_true(each_kb < IDLE_MAX_KB);
    (void)close(hold[1]);
    assert_int_equal(waitpid(peers, NULL, 0), peers);
    (void)close(hold[0]);
    (void)close(done[0]);
    (void)close(done[1]);
    bench_end(&bench);
}

struct handshake {
    SSL *tls;
    int result;
};

static bool handshake_ended(void *owner)
{
    struct handshake *handshake = owner;
    handshake->result = SSL_connect(handshake->tls);
    int error = SSL_get_error(handshake->tls, handshake->result);
    return handshake->result == 1 || (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE);
}

static void tls_1_2_is_refused(void **state)
{
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    bench_start(&bench, *state, &options);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX *context = client_context(*state, version);
        peer_open(&peer, &bench, TLS);
        struct handshake handshake = {.tls = SSL_new(context)};
        assert_int_equal(SSL_set_fd(handshake.tls, peer.fd), 1);
        assert_true(wait_for(&bench, handshake_ended, &handshake));
        assert_int_equal(handshake.result == 1, version == TLS1_3_VERSION);
        SSL_free(handshake.tls);
        SSL_CTX_free(context);
        (void)close(peer.fd);
    }
    assert_int_equal(http_server_counts(bench.server).handshake_failed, 1);
    bench_end(&bench);
}

static void garbage_on_the_tls_port_is_refused(void **state)
{
    struct bench bench;
    struct peer peer;
    bench_begin(&bench, state);
    struct http_server_options options = options_of(&bench);
    bench_start(&bench, *state, &options);
    peer_open(&peer, &bench, TLS);
    peer_send(&peer, GET("/"));
    expect(&bench, &peer, NULL);
    assert_int_equal(http_server_counts(bench.server).handshake_failed, 1);
    assert_int_equal(bench.handled, 0);
    (void)close(peer.fd);
    bench_end(&bench);
}

static int make_deployment(void **state)
{
    *state = deployment_new();
    return 0;
}

static int drop_deployment(void **state)
{
    deployment_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_on_one_connection_are_answered_in_order),
        cmocka_unit_test(a_hundred_pipelined_requests_are_answered),
        cmocka_unit_test(a_bad_request_gets_an_answer_and_the_end),
        cmocka_unit_test(a_body_over_the_limit_is_refused_before_it_is_read),
        cmocka_unit_test(bodies_together_are_bounded),
        cmocka_unit_test(a_head_can_be_refused_before_its_body),
        cmocka_unit_test(who_waits_to_be_told_to_go_on_is_told),
        cmocka_unit_test(every_state_has_its_time),
        cmocka_unit_test(a_slow_loris_is_closed_by_the_state_timer),
        cmocka_unit_test(a_long_poll_is_answered_later),
        cmocka_unit_test(a_peer_that_leaves_its_long_poll_is_noticed),
        cmocka_unit_test(a_stream_is_written_in_parts),
        cmocka_unit_test(a_stream_that_nobody_reads_is_bounded_and_ends),
        cmocka_unit_test(a_file_is_sent_once_and_then_not_modified),
        cmocka_unit_test(above_the_limit_of_connections_new_ones_are_closed),
        cmocka_unit_test(a_stop_lets_the_running_request_finish),
        cmocka_unit_test(a_stop_cancels_what_outlasts_the_drain),
        cmocka_unit_test(what_cannot_be_served_is_said_clearly),
        cmocka_unit_test(idle_tls_connections_are_cheap),
        cmocka_unit_test(tls_1_2_is_refused),
        cmocka_unit_test(garbage_on_the_tls_port_is_refused),
    };
    return cmocka_run_group_tests(tests, make_deployment, drop_deployment);
}
