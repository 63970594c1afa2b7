/* SPDX-License-Identifier: Apache-2.0 */
#include "node/http/server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/http/http_conn.h"

#define BACKLOG 512
#define ACCEPTS 8 /* in one wake-up: each costs the begin of a handshake */
#define RETRY_LISTEN_MS 1000
#define NO_SLOT UINT32_MAX

static void on_listener(uv_poll_t *poll, int status, int events);

/* Listeners. */

static struct status cannot_listen(const struct http_listener *wanted, const char *why, char *problem,
                                   size_t problem_size)
{
    (void)snprintf(problem, problem_size,
                   "Cannot listen on %s port %u: %s. Choose another address or port, or end the program that has it.",
                   wanted->address, (unsigned)wanted->port, why);
    return STATUS_MAKE(STATUS_IO);
}

static bool listen_on(const struct addrinfo *address, int *out_fd)
{
    int one = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    bool good =
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        (address->ai_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int)) == 0) &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    if (!good) {
        int reason = errno;
        (void)close(fd);
        errno = reason;
        return false;
    }
    *out_fd = fd;
    return true;
}

static struct status open_socket(const struct http_listener *wanted, char *problem, size_t problem_size, int *out_fd)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char port[8];
    (void)snprintf(port, sizeof port, "%u", (unsigned)wanted->port);
    int error = getaddrinfo(wanted->address, port, &hints, &found);
    if (error != 0) {
        return cannot_listen(wanted, gai_strerror(error), problem, problem_size);
    }
    bool good = false;
    for (const struct addrinfo *at = found; at && !good; at = at->ai_next) {
        good = listen_on(at, out_fd);
    }
    int reason = errno;
    freeaddrinfo(found);
    return good ? status_ok() : cannot_listen(wanted, strerror(reason), problem, problem_size);
}

static struct status listener_init(struct http_server *server, size_t index, char *problem, size_t problem_size)
{
    struct server_listener *listener = &server->listeners[index];
    const struct http_listener *wanted = &server->options.listeners[index];
    listener->server = server;
    listener->tls = wanted->tls;
    listener->client_certificate = wanted->tls && wanted->client_certificate;
    listener->body_max = wanted->body_max ? wanted->body_max : LIMIT_HTTP_BODY;
    if (wanted->tls) {
        TRY(tls_context_new(wanted, problem, problem_size, &listener->context));
    }
    TRY(open_socket(wanted, problem, problem_size, &listener->fd));
    if (uv_poll_init(server->options.loop, &listener->poll, listener->fd) != 0) {
        return cannot_listen(wanted, "the event loop refuses it", problem, problem_size);
    }
    listener->poll.data = listener;
    listener->handle_open = true;
    server->open_handles++;
    (void)uv_poll_start(&listener->poll, UV_READABLE, on_listener);
    return status_ok();
}

static void on_timer(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    if (server->stopping) {
        http_server_stop(server, 0, server->on_stopped);
        return;
    }
    for (size_t i = 0; i < server->options.listener_count; i++) {
        (void)uv_poll_start(&server->listeners[i].poll, UV_READABLE, on_listener);
    }
}

/* Without file descriptors a listener would stay readable and the loop would spin. */
static void pause_listening(struct http_server *server)
{
    for (size_t i = 0; i < server->options.listener_count; i++) {
        (void)uv_poll_stop(&server->listeners[i].poll);
    }
    server->counts.refused_full++;
    (void)uv_timer_start(&server->timer, on_timer, RETRY_LISTEN_MS, 0);
}

static void set_socket_options(int fd)
{
    int one = 1;
    int idle_s = 60;
    int interval_s = 20;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
    struct server_listener *listener = poll->data;
    struct http_server *server = listener->server;
    (void)events;
    for (unsigned i = 0; i < ACCEPTS && status == 0 && !server->stopping; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                pause_listening(server);
            }
            return;
        }
        set_socket_options(fd);
        http_conn_start(server, (size_t)(listener - server->listeners), fd);
    }
}

void http_request_address(const struct http_request *request, char out_address[HTTP_ADDRESS_SIZE])
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getpeername(request->socket, (struct sockaddr *)&address, &size) != 0 ||
        getnameinfo((struct sockaddr *)&address, size, out_address, HTTP_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) != 0) {
        out_address[0] = 0;
    }
}

/* The server. */

static void set_default(uint64_t *value, uint64_t by_default)
{
    *value = *value ? *value : by_default;
}

static void fill_options(struct http_server_options *options)
{
    struct http_server_times *times = &options->times;
    set_default(&times->handshake_ms, LIMIT_HTTP_HANDSHAKE_MS);
    set_default(&times->idle_ms, LIMIT_HTTP_IDLE_MS);
    set_default(&times->head_ms, LIMIT_HTTP_HEAD_MS);
    set_default(&times->request_ms, LIMIT_HTTP_REQUEST_MS);
    set_default(&times->rate, LIMIT_HTTP_RATE);
    set_default(&times->answer_ms, LIMIT_HTTP_ANSWER_MS);
    set_default(&times->linger_ms, LIMIT_HTTP_LINGER_MS);
    options->connections_max = options->connections_max ? options->connections_max : LIMIT_HTTP_CONNECTIONS;
    options->body_memory_max = options->body_memory_max ? options->body_memory_max : LIMIT_HTTP_BODY_MEMORY;
}

static struct status server_init(struct http_server *server, char *problem, size_t problem_size)
{
    size_t count = server->options.connections_max;
    server->slots = calloc(count, sizeof *server->slots);
    if (!server->slots) {
        (void)snprintf(problem, problem_size, "Not enough memory for %zu connections", count);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        server->slots[i].next_free = i + 1 < count ? (uint32_t)(i + 1) : NO_SLOT;
    }
    (void)uv_timer_init(server->options.loop, &server->timer);
    server->timer.data = server;
    server->timer_open = true;
    server->open_handles = 1;
    for (size_t i = 0; i < server->options.listener_count; i++) {
        TRY(listener_init(server, i, problem, problem_size));
    }
    return status_ok();
}

static void free_memory(struct http_server *server)
{
    for (size_t i = 0; i < server->options.listener_count; i++) {
        tls_context_free(server->listeners[i].context);
    }
    free(server->slots);
    free(server);
}

static void finish_if_empty(struct http_server *server)
{
    if (!server->stopping || server->stopped || server->open_handles > 0 || server->closing > 0 ||
        server->counts.connections > 0) {
        return;
    }
    server->stopped = true;
    if (server->on_stopped) {
        server->on_stopped(server->options.owner);
    } else {
        free_memory(server);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct http_server *server = handle->data;
    server->open_handles--;
    finish_if_empty(server);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct server_listener *listener = handle->data;
    struct http_server *server = listener->server;
    (void)close(listener->fd);
    listener->fd = -1;
    server->open_handles--;
    finish_if_empty(server);
}

static void close_listeners(struct http_server *server)
{
    for (size_t i = 0; i < server->options.listener_count; i++) {
        struct server_listener *listener = &server->listeners[i];
        if (listener->handle_open) {
            listener->handle_open = false;
            uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
        } else if (listener->fd >= 0 && !server->stopping) {
            (void)close(listener->fd);
            listener->fd = -1;
        }
    }
}

static void close_timer(struct http_server *server)
{
    if (server->timer_open) {
        server->timer_open = false;
        uv_close((uv_handle_t *)&server->timer, on_timer_closed);
    }
}

struct status http_server_new(const struct http_server_options *options, char *problem, size_t problem_size,
                              struct http_server **out_server)
{
    assert(options->loop && options->handle);
    assert(options->listener_count > 0 && options->listener_count <= HTTP_LISTENERS);
    struct http_server *server = calloc(1, sizeof *server);
    if (!server) {
        (void)snprintf(problem, problem_size, "Not enough memory for the HTTP server");
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    server->options = *options;
    fill_options(&server->options);
    for (size_t i = 0; i < HTTP_LISTENERS; i++) {
        server->listeners[i].fd = -1;
    }
    struct status status = server_init(server, problem, problem_size);
    memset(server->options.listeners, 0, sizeof server->options.listeners); /* borrowed only until here */
    if (!status_is_ok(status)) {
        http_server_free(server);
        return status;
    }
    *out_server = server;
    return status_ok();
}

uint16_t http_server_port(const struct http_server *server, size_t listener)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    assert(listener < server->options.listener_count);
    if (getsockname(server->listeners[listener].fd, (struct sockaddr *)&address, &size) != 0) {
        return 0;
    }
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

struct status http_server_reload(struct http_server *server, size_t listener, const char *certificate_path,
                                 const char *key_path, const char *client_ca_path, char *problem, size_t problem_size)
{
    assert(listener < server->options.listener_count && server->listeners[listener].tls);
    struct http_listener wanted = {
        .client_certificate = server->listeners[listener].client_certificate,
        .certificate_path = certificate_path,
        .key_path = key_path,
        .client_ca_path = client_ca_path,
    };
    struct tls_context *context = NULL;
    TRY(tls_context_new(&wanted, problem, problem_size, &context));
    tls_context_free(server->listeners[listener].context);
    server->listeners[listener].context = context;
    return status_ok();
}

/* Whether this connection may live on until its request is done. */
static bool has_request(const struct http_conn *conn)
{
    return conn->state == CONN_HEAD || conn->state == CONN_BODY || conn->state == CONN_WAITING ||
           conn->state == CONN_ANSWERING;
}

void http_server_stop(struct http_server *server, uint64_t drain_ms, void (*stopped)(void *owner))
{
    close_listeners(server);
    server->stopping = true;
    server->on_stopped = stopped;
    for (size_t i = 0; i < server->options.connections_max; i++) {
        struct http_conn *conn = server->slots ? server->slots[i].conn : NULL;
        if (conn && (drain_ms == 0 || !has_request(conn))) {
            http_conn_close(conn);
        }
    }
    if (drain_ms > 0 && server->counts.connections > 0) {
        (void)uv_timer_start(&server->timer, on_timer, drain_ms, 0);
    } else {
        close_timer(server);
    }
}

void http_server_conn_closed(struct http_server *server, uint32_t slot)
{
    server->slots[slot].next_free = server->first_free;
    server->first_free = slot;
    server->closing--;
    if (server->stopping && server->counts.connections == 0) {
        close_timer(server);
    }
    finish_if_empty(server);
}

void http_server_free(struct http_server *server)
{
    if (!server) {
        return;
    }
    if (server->stopped || server->open_handles == 0) {
        free_memory(server);
        return;
    }
    /* Its handles are still in the loop, which frees it when it has closed them. */
    http_server_stop(server, 0, NULL);
}

void *http_take_body(struct http_server *server, struct http_request *request)
{
    struct http_conn *conn = http_conn_find(server, request->id, CONN_WAITING);
    struct http_conn *answered = conn ? conn : server->slots[request->id.slot].conn;
    if (!answered || !answered->pending) {
        return NULL;
    }
    struct pending *pending = answered->pending;
    void *body = pending->body;
    server->counts.body_memory -= pending->body_capacity;
    pending->body = NULL;
    pending->body_size = 0;
    pending->body_capacity = 0;
    return body;
}

struct http_server_counts http_server_counts(const struct http_server *server)
{
    return server->counts;
}
