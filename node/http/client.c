/* SPDX-License-Identifier: Apache-2.0 */
#include "node/http/client.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "node/http/client_problem.h"
#include "node/http/tls_conn.h"
#include "proto/limits.h"

/* Two rules of libcurl's multi interface shape this file: curl_multi_socket_action is never called from curl's own
 * callbacks (they only start a libuv timer or poll), and a message of curl_multi_info_read is copied before its handle
 * is removed. Everything that ends a call passes through finish(). */

/* A kept connection that the server is about to close would cost a retry: ours are dropped earlier. */
#define REUSE_IDLE_S ((long)LIMIT_HTTP_IDLE_MS / 1000 - 10)

struct call {
    struct http_client *client; /* borrowed */
    struct http_call_id id;
    CURL *easy;                 /* owned */
    struct curl_slist *headers; /* owned */
    struct curl_slist *route;   /* owned, CONNECT_TO */
    void *body;                 /* owned */
    void (*body_free)(void *);
    uint8_t *answer; /* owned */
    size_t answer_size;
    size_t answer_capacity;
    size_t response_max;
    bool too_large;
    bool cancelled;
    char detail[CURL_ERROR_SIZE];
    void (*done)(void *owner, struct http_call_id id, const struct http_result *result);
    void *owner; /* borrowed */
};

struct call_slot {
    struct call *call; /* owned */
    uint32_t generation;
};

struct http_client {
    struct uv_loop_s *loop; /* borrowed */
    CURLM *multi;           /* owned */
    uv_timer_t curl_timer;  /* what curl asked for */
    uv_timer_t work_timer;  /* cancelled calls, stopping */
    unsigned open_handles;
    size_t sockets; /* polls not yet closed */
    char *ca_path;  /* owned, like the following */
    char *certificate_path;
    char *key_path;
    char *server_name;
    char *proxy;
    struct call_slot slots[LIMIT_HTTP_CALLS];
    size_t call_count;
    uint64_t fresh_since_ms; /* connections older than this are not used; 0: any */
    bool stopping;
    bool closed;
    bool abandoned; /* freed while handles were open: the loop frees it */
    void (*stopped)(void *owner);
    void *owner;
};

struct socket_watch {
    uv_poll_t poll;
    struct http_client *client; /* borrowed */
    curl_socket_t fd;
};

/* Ends of calls. */

static void call_free(struct call *call)
{
    if (!call) {
        return;
    }
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->route);
    if (call->body_free) {
        call->body_free(call->body);
    }
    free(call->answer);
    free(call);
}

static void describe_answer(struct call *call, long status, struct http_result *result)
{
    const char *type = NULL;
    curl_off_t retry_s = 0;
    struct client_verdict verdict = client_verdict_of_status((unsigned)status);
    result->outcome = verdict.outcome;
    result->problem = verdict.problem;
    result->status = (unsigned)status;
    result->body = span_of(call->answer, call->answer_size);
    if (curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type) {
        result->content_type = span_text(type);
    }
    if (curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_s) == CURLE_OK && retry_s > 0) {
        uint64_t ms = retry_s < LIMIT_RETRY_AFTER_MS / 1000 ? (uint64_t)retry_s * 1000 : LIMIT_RETRY_AFTER_MS;
        result->retry_after_ms = ms;
    }
}

static struct http_result describe(struct call *call, CURLcode code)
{
    struct http_result result = {.outcome = HTTP_OUTCOME_CANCELLED, .problem = "The call was cancelled."};
    long status = 0;
    long verify = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(call->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
    if (call->cancelled) {
        return result;
    }
    if (call->too_large) {
        result.outcome = HTTP_OUTCOME_DATA;
        result.status = (unsigned)status;
        result.problem = "The answer is larger than this node accepts.";
    } else if (code == CURLE_OK) {
        describe_answer(call, status, &result);
    } else {
        struct client_verdict verdict = client_verdict_of_error((int)code, verify, call->detail);
        result.outcome = verdict.outcome;
        result.problem = verdict.problem;
    }
    return result;
}

static void kick(struct http_client *client);

static void finish(struct call *call, CURLcode code)
{
    struct http_client *client = call->client;
    (void)curl_multi_remove_handle(client->multi, call->easy);
    client->slots[call->id.slot].call = NULL;
    client->call_count--;
    struct http_result result = describe(call, code);
    call->done(call->owner, call->id, &result);
    call_free(call);
    if (client->stopping) {
        kick(client);
    }
}

static void finish_done(struct http_client *client)
{
    int left = 0;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        struct call *call = NULL;
        CURLcode code = message->data.result;
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call) == CURLE_OK && call) {
            finish(call, code);
        }
    }
}

/* curl on libuv. */

static void on_curl_timer(uv_timer_t *timer)
{
    struct http_client *client = timer->data;
    int running = 0;
    (void)curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_done(client);
}

static int set_curl_timer(CURLM *multi, long timeout_ms, void *owner)
{
    struct http_client *client = owner;
    (void)multi;
    if (client->closed) {
        return 0;
    }
    if (timeout_ms < 0) {
        return uv_timer_stop(&client->curl_timer);
    }
    uv_update_time(client->loop);
    return uv_timer_start(&client->curl_timer, on_curl_timer, (uint64_t)timeout_ms, 0);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct socket_watch *watch = poll->data;
    struct http_client *client = watch->client;
    int running = 0;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) |
                (status < 0 ? CURL_CSELECT_ERR : 0);
    (void)curl_multi_socket_action(client->multi, watch->fd, flags, &running);
    finish_done(client);
}

static void finish_close(struct http_client *client);

static void on_socket_closed(uv_handle_t *handle)
{
    struct socket_watch *watch = handle->data;
    struct http_client *client = watch->client;
    free(watch);
    client->sockets--;
    finish_close(client);
}

static struct socket_watch *watch_new(struct http_client *client, curl_socket_t fd)
{
    struct socket_watch *watch = calloc(1, sizeof *watch);
    if (!watch || uv_poll_init_socket(client->loop, &watch->poll, fd) != 0) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->client = client;
    watch->fd = fd;
    client->sockets++;
    (void)curl_multi_assign(client->multi, fd, watch);
    return watch;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *socket_owner)
{
    struct http_client *client = owner;
    struct socket_watch *watch = socket_owner;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            (void)curl_multi_assign(client->multi, fd, NULL);
            uv_close((uv_handle_t *)&watch->poll, on_socket_closed);
        }
        return 0;
    }
    watch = watch ? watch : watch_new(client, fd);
    if (!watch) {
        return -1;
    }
    int events = (what != CURL_POLL_OUT ? UV_READABLE : 0) | (what != CURL_POLL_IN ? UV_WRITABLE : 0);
    return uv_poll_start(&watch->poll, events, on_socket);
}

/* The client. */

static void free_memory(struct http_client *client)
{
    free(client->ca_path);
    free(client->certificate_path);
    free(client->key_path);
    free(client->server_name);
    free(client->proxy);
    free(client);
}

static void finish_close(struct http_client *client)
{
    if (!client->closed || client->open_handles > 0 || client->sockets > 0) {
        return;
    }
    void (*stopped)(void *) = client->stopped;
    client->stopped = NULL;
    if (client->abandoned) {
        free_memory(client);
    } else if (stopped) {
        stopped(client->owner);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct http_client *client = handle->data;
    client->open_handles--;
    finish_close(client);
}

static void close_client(struct http_client *client)
{
    client->closed = true;
    (void)curl_multi_cleanup(client->multi);
    client->multi = NULL;
    uv_close((uv_handle_t *)&client->curl_timer, on_timer_closed);
    uv_close((uv_handle_t *)&client->work_timer, on_timer_closed);
}

static void on_work(uv_timer_t *timer)
{
    struct http_client *client = timer->data;
    for (size_t i = 0; i < LIMIT_HTTP_CALLS; i++) {
        struct call *call = client->slots[i].call;
        if (call && (call->cancelled || client->stopping)) {
            call->cancelled = true;
            finish(call, CURLE_OK);
        }
    }
    if (client->stopping && !client->closed && client->call_count == 0) {
        close_client(client);
    }
}

static void kick(struct http_client *client)
{
    if (!client->closed) {
        (void)uv_timer_start(&client->work_timer, on_work, 0, 0);
    }
}

static bool copy_text(const char *text, char **out_copy)
{
    *out_copy = text && text[0] ? strdup(text) : NULL;
    return *out_copy || !text || !text[0];
}

static bool client_init(struct http_client *client, const struct http_client_options *options)
{
    size_t kept = options->connections_max ? options->connections_max : LIMIT_HTTP_CLIENT_CONNECTIONS;
    client->loop = options->loop;
    client->multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
    bool good = copy_text(options->ca_path, &client->ca_path) &&
                copy_text(options->certificate_path, &client->certificate_path) &&
                copy_text(options->key_path, &client->key_path) &&
                copy_text(options->server_name, &client->server_name) && copy_text(options->proxy, &client->proxy);
    if (!client->multi || !good) {
        return false;
    }
    (void)curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    (void)curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    (void)curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_curl_timer);
    (void)curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    (void)curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)kept);
    (void)uv_timer_init(client->loop, &client->curl_timer);
    (void)uv_timer_init(client->loop, &client->work_timer);
    client->curl_timer.data = client;
    client->work_timer.data = client;
    client->open_handles = 2;
    return true;
}

struct status http_client_new(const struct http_client_options *options, char *problem, size_t problem_size,
                              struct http_client **out_client)
{
    assert(options->loop);
    TRY(tls_files_check(options->certificate_path, options->key_path, options->ca_path, problem, problem_size));
    struct http_client *client = calloc(1, sizeof *client);
    if (!client || !client_init(client, options)) {
        if (client) {
            (void)curl_multi_cleanup(client->multi);
            free_memory(client);
        }
        (void)snprintf(problem, problem_size, "Not enough memory for the HTTP client");
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    *out_client = client;
    return status_ok();
}

void http_client_reload(struct http_client *client)
{
    uv_update_time(client->loop);
    client->fresh_since_ms = uv_now(client->loop) + 1; /* never 0 */
}

void http_client_stop(struct http_client *client, void (*stopped)(void *owner), void *owner)
{
    client->stopping = true;
    client->stopped = stopped;
    client->owner = owner;
    kick(client);
}

void http_client_free(struct http_client *client)
{
    if (!client) {
        return;
    }
    if (client->closed && client->open_handles == 0 && client->sockets == 0) {
        free_memory(client);
        return;
    }
    client->abandoned = true;
    client->stopping = true;
    kick(client);
}

/* Calls. */

static size_t on_answer(char *data, size_t one, size_t size, void *owner)
{
    struct call *call = owner;
    (void)one;
    if (size > call->response_max - call->answer_size) {
        call->too_large = true;
        return 0;
    }
    size_t need = call->answer_size + size;
    if (need > call->answer_capacity) {
        size_t capacity = call->answer_capacity * 2 > need ? call->answer_capacity * 2 : need;
        uint8_t *answer = realloc(call->answer, capacity);
        if (!answer) {
            return 0;
        }
        call->answer = answer;
        call->answer_capacity = capacity;
    }
    if (size > 0) {
        memcpy(call->answer + call->answer_size, data, size);
    }
    call->answer_size = need;
    return size;
}

static bool add_header(struct call *call, const char *name, const char *value)
{
    char line[256];
    int size = snprintf(line, sizeof line, value ? "%s: %s" : "%s:", name, value);
    struct curl_slist *longer = size > 0 && (size_t)size < sizeof line ? curl_slist_append(call->headers, line) : NULL;
    call->headers = longer ? longer : call->headers;
    return longer != NULL;
}

#define SET(easy, option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

/* Only the deployment's CA, only TLS 1.3. The CA folder must be unset: Debian's curl has one built in. */
static bool set_tls(const struct http_client *client, CURL *easy)
{
    return SET(easy, CURLOPT_CAINFO, client->ca_path) && SET(easy, CURLOPT_CAPATH, NULL) &&
           SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3) && SET(easy, CURLOPT_SSL_VERIFYPEER, 1L) &&
           SET(easy, CURLOPT_SSL_VERIFYHOST, 2L) && SET(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L) &&
           SET(easy, CURLOPT_SSL_ENABLE_ALPN, 0L) &&
           (!client->certificate_path ||
            (SET(easy, CURLOPT_SSLCERT, client->certificate_path) && SET(easy, CURLOPT_SSLKEY, client->key_path)));
}

static long seconds(uint64_t ms)
{
    return (long)((ms + 999) / 1000);
}

static bool set_times(const struct http_client *client, CURL *easy, const struct http_call *call)
{
    uint64_t connect_ms = call->connect_ms ? call->connect_ms : LIMIT_HTTP_CONNECT_MS;
    uint64_t stall_ms = call->stall_ms ? call->stall_ms : LIMIT_HTTP_STALL_MS;
    bool good = SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms) && SET(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) &&
                SET(easy, CURLOPT_LOW_SPEED_TIME, seconds(stall_ms)) &&
                SET(easy, CURLOPT_TIMEOUT_MS, (long)call->total_ms) && SET(easy, CURLOPT_MAXAGE_CONN, REUSE_IDLE_S) &&
                SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    if (client->fresh_since_ms == 0) {
        return good;
    }
    /* curl counts a connection's life in whole seconds. */
    uint64_t since_s = (uv_now(client->loop) + 1 - client->fresh_since_ms) / 1000;
    return good && (since_s < 2 ? SET(easy, CURLOPT_FRESH_CONNECT, 1L)
                                : SET(easy, CURLOPT_MAXLIFETIME_CONN, (long)since_s - 1));
}

static bool set_request(struct call *call, const struct http_call *wanted)
{
    CURL *easy = call->easy;
    bool has_body = strcmp(wanted->method, "GET") != 0;
    bool good = SET(easy, CURLOPT_CUSTOMREQUEST, wanted->method) && add_header(call, "Expect", NULL) &&
                (!wanted->accept || add_header(call, "Accept", wanted->accept));
    if (has_body) {
        good = good && SET(easy, CURLOPT_POST, 1L) &&
               SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)wanted->body.size) &&
               SET(easy, CURLOPT_POSTFIELDS, call->body ? call->body : "") &&
               add_header(call, "Content-Type", wanted->content_type);
    }
    return good && SET(easy, CURLOPT_HTTPHEADER, call->headers);
}

/* When another name is expected than the address says, the request goes to the address under that name: then also the
 * certificate is checked for it. */
static bool set_route(struct call *call, CURLU *url, const char *server_name)
{
    char *host = NULL;
    char *port = NULL;
    char route[512];
    bool good = curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    int size = good ? snprintf(route, sizeof route, "::%s:%s", host, port) : -1;
    curl_free(host);
    curl_free(port);
    call->route = size > 0 && (size_t)size < sizeof route ? curl_slist_append(NULL, route) : NULL;
    return call->route && curl_url_set(url, CURLUPART_HOST, server_name, 0) == CURLUE_OK &&
           SET(call->easy, CURLOPT_CONNECT_TO, call->route);
}

static struct status set_url(struct call *call, const char *text, const char *server_name)
{
    char *plain = NULL;
    CURLU *url = curl_url();
    if (!url) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    bool good = strncmp(text, "https://", 8) == 0 && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
                (!server_name || set_route(call, url, server_name)) &&
                curl_url_get(url, CURLUPART_URL, &plain, 0) == CURLUE_OK && SET(call->easy, CURLOPT_URL, plain);
    curl_free(plain);
    curl_url_cleanup(url);
    return STATUS_MAKE(good ? STATUS_OK : STATUS_INVALID);
}

static bool set_plumbing(struct call *call)
{
    CURL *easy = call->easy;
    const struct http_client *client = call->client;
    return SET(easy, CURLOPT_PRIVATE, call) && SET(easy, CURLOPT_WRITEFUNCTION, on_answer) &&
           SET(easy, CURLOPT_WRITEDATA, call) && SET(easy, CURLOPT_ERRORBUFFER, call->detail) &&
           SET(easy, CURLOPT_NOSIGNAL, 1L) && SET(easy, CURLOPT_PROTOCOLS_STR, "https") &&
           SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SET(easy, CURLOPT_PROXY, client->proxy ? client->proxy : "") && SET(easy, CURLOPT_NOPROXY, "");
}

static struct status call_set(struct call *call, const struct http_call *wanted)
{
    const struct http_client *client = call->client;
    call->easy = curl_easy_init();
    if (!call->easy) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(set_url(call, wanted->url, client->server_name));
    bool good = set_plumbing(call) && set_tls(client, call->easy) && set_times(client, call->easy, wanted) &&
                set_request(call, wanted);
    return STATUS_MAKE(good ? STATUS_OK : STATUS_NO_MEMORY);
}

static void *copy_bytes(struct span bytes)
{
    void *copy = malloc(bytes.size ? bytes.size : 1);
    if (copy && bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return copy;
}

/* Owns the body in every case, so that call_free() is the one way out. */
static struct call *call_new(struct http_client *client, const struct http_call *wanted)
{
    struct call *call = calloc(1, sizeof *call);
    void *owned = (void *)(uintptr_t)wanted->body.data;
    if (!call) {
        if (wanted->body_free) {
            wanted->body_free(owned);
        }
        return NULL;
    }
    call->client = client;
    call->done = wanted->done;
    call->owner = wanted->owner;
    call->response_max = wanted->response_max ? wanted->response_max : LIMIT_HTTP_BODY;
    call->body = wanted->body_free ? owned : copy_bytes(wanted->body);
    call->body_free = wanted->body_free ? wanted->body_free : free;
    if (!call->body && wanted->body.size > 0) {
        call_free(call);
        return NULL;
    }
    return call;
}

static struct status begin(struct http_client *client, struct call *call)
{
    size_t slot = 0;
    while (slot < LIMIT_HTTP_CALLS && client->slots[slot].call) {
        slot++;
    }
    if (slot == LIMIT_HTTP_CALLS || client->stopping) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    if (curl_multi_add_handle(client->multi, call->easy) != CURLM_OK) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    struct call_slot *free_slot = &client->slots[slot];
    free_slot->generation += free_slot->generation == UINT32_MAX ? 2 : 1;
    free_slot->call = call;
    client->call_count++;
    call->id = (struct http_call_id){.slot = (uint32_t)slot, .generation = free_slot->generation};
    return status_ok();
}

struct status http_client_call(struct http_client *client, const struct http_call *wanted, struct http_call_id *out_id)
{
    assert(wanted->done && wanted->method && wanted->url);
    struct call *call = call_new(client, wanted);
    if (!call) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    struct status status = call_set(call, wanted);
    if (status_is_ok(status)) {
        status = begin(client, call);
    }
    if (!status_is_ok(status)) {
        call_free(call);
        return status;
    }
    *out_id = call->id;
    return status_ok();
}

void http_client_cancel(struct http_client *client, struct http_call_id id)
{
    struct call *call = id.slot < LIMIT_HTTP_CALLS ? client->slots[id.slot].call : NULL;
    if (call && call->id.generation == id.generation) {
        call->cancelled = true;
        kick(client);
    }
}

size_t http_client_calls(const struct http_client *client)
{
    return client->call_count;
}
