/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "node/http/http_conn.h"

/* Answers: the head's text, whole answers, streams, files in memory. */

#define REPLY_HEAD 4096

struct head_text {
    char text[REPLY_HEAD];
    size_t size;
};

static const char *phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {303, "See Other"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (phrases[i].status == status) {
            return phrases[i].text;
        }
    }
    return "Answer";
}

/* Header values come from our own code: a line break in one would be our bug, and an answer split in two. */
static bool is_one_line(const char *text)
{
    return strpbrk(text, "\r\n") == NULL;
}

static void add(struct head_text *head, const char *name, const char *value)
{
    assert(is_one_line(name) && is_one_line(value));
    int size = snprintf(head->text + head->size, REPLY_HEAD - head->size, "%s: %s\r\n", name, value);
    assert(size > 0 && (size_t)size < REPLY_HEAD - head->size);
    head->size += (size_t)size;
}

/* IMF-fixdate, RFC 9110 section 5.6.7. Not strftime: its names follow the locale. */
static void add_date(struct head_text *head)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    struct tm tm;
    if (!gmtime_r(&now, &tm)) {
        return;
    }
    char text[64];
    (void)snprintf(text, sizeof text, "%.3s, %02d %.3s %d %02d:%02d:%02d GMT", days + (ptrdiff_t)3 * tm.tm_wday,
                   tm.tm_mday, months + (ptrdiff_t)3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    add(head, "Date", text);
}

static void begin_head(struct head_text *head, const struct http_conn *conn, const struct http_response *response)
{
    assert(response->status >= 200 && response->status <= 599);
    head->size =
        (size_t)snprintf(head->text, REPLY_HEAD, "HTTP/1.1 %u %s\r\n", response->status, phrase(response->status));
    add_date(head);
    if (response->content_type) {
        add(head, "Content-Type", response->content_type);
        add(head, "X-Content-Type-Options", "nosniff");
    }
    for (size_t i = 0; i < response->field_count; i++) {
        add(head, response->fields[i].name, response->fields[i].value);
    }
    if (conn->close_after || conn->server->stopping) {
        add(head, "Connection", "close");
    }
}

static struct span end_head(struct head_text *head)
{
    assert(head->size + 2 < REPLY_HEAD);
    memcpy(head->text + head->size, "\r\n", 2);
    return span_of(head->text, head->size + 2);
}

static void drop_body(const struct http_response *response)
{
    if (response->body_free) {
        response->body_free((void *)(uintptr_t)response->body.data);
    }
}

/* The answer is queued: the id is dead from here. */
static void answered(struct http_conn *conn)
{
    conn->generation = 0;
    conn->server->counts.waiting--;
    http_conn_enter(conn, CONN_ANSWERING);
    http_conn_push(conn);
}

static struct status out_of_memory(struct http_conn *conn)
{
    conn->server->counts.waiting--;
    conn->generation = 0;
    http_conn_close(conn);
    return STATUS_MAKE(STATUS_NO_MEMORY);
}

static struct status respond(struct http_server *server, struct http_request_id id,
                             const struct http_response *response, bool borrowed)
{
    struct http_conn *conn = http_conn_find(server, id, CONN_WAITING);
    if (!conn) {
        drop_body(response);
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    conn->close_after = conn->close_after || response->close;
    struct head_text head;
    begin_head(&head, conn, response);
    char length[24];
    (void)snprintf(length, sizeof length, "%zu", response->body.size);
    if (response->status != 204 && response->status != 304) {
        add(&head, "Content-Length", length);
    }
    bool bodyless = conn->method == HTTP_HEAD || response->status == 204 || response->status == 304;
    struct span body = bodyless ? (struct span){0} : response->body;
    if (bodyless) {
        drop_body(response);
    }
    bool queued = borrowed ? http_conn_queue_borrowed(conn, end_head(&head), body)
                           : http_conn_queue(conn, end_head(&head), body, bodyless ? NULL : response->body_free);
    if (!queued) {
        return out_of_memory(conn);
    }
    answered(conn);
    return status_ok();
}

struct status http_respond(struct http_server *server, struct http_request_id id, const struct http_response *response)
{
    return respond(server, id, response, false);
}

struct status http_respond_text(struct http_server *server, struct http_request_id id, unsigned status,
                                const char *sentence)
{
    char text[512];
    int size = snprintf(text, sizeof text, "%s\n", sentence);
    struct http_field retry = {.name = "Retry-After", .value = "5"};
    struct http_response response = {
        .status = status,
        .content_type = "text/plain; charset=utf-8",
        .fields = &retry,
        .field_count = status == 503 || status == 429 ? 1 : 0,
        .body = span_of(text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1),
    };
    return respond(server, id, &response, false);
}

struct status http_stream_begin(struct http_server *server, struct http_request_id id,
                                const struct http_response *response)
{
    struct http_conn *conn = http_conn_find(server, id, CONN_WAITING);
    if (!conn) {
        drop_body(response);
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    if (conn->method == HTTP_HEAD) {
        drop_body(response);
        struct http_response head_only = *response;
        head_only.body = (struct span){0};
        head_only.body_free = NULL;
        (void)respond(server, id, &head_only, false);
        return STATUS_MAKE(STATUS_NOT_FOUND); /* there is nothing to stream to */
    }
    struct head_text head;
    begin_head(&head, conn, response);
    add(&head, "Transfer-Encoding", "chunked");
    if (!http_conn_queue(conn, end_head(&head), (struct span){0}, NULL)) {
        drop_body(response);
        return out_of_memory(conn);
    }
    http_conn_enter(conn, CONN_STREAMING);
    struct status status = response->body.size > 0 ? http_stream_write(server, id, response->body) : status_ok();
    drop_body(response);
    http_conn_push(conn);
    return status;
}

struct status http_stream_write(struct http_server *server, struct http_request_id id, struct span bytes)
{
    struct http_conn *conn = http_conn_find(server, id, CONN_STREAMING);
    if (!conn) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    if (bytes.size == 0) {
        return status_ok(); /* an empty chunk would end the stream */
    }
    if (bytes.size > LIMIT_HTTP_STREAM_BUFFER || conn->out_size > LIMIT_HTTP_STREAM_BUFFER - bytes.size) {
        return STATUS_MAKE(STATUS_BUSY);
    }
    if (conn->out_size == 0) {
        http_conn_enter(conn, CONN_STREAMING); /* the peer's time to take it begins now */
    }
    char size[24];
    (void)snprintf(size, sizeof size, "%zx\r\n", bytes.size);
    if (!http_conn_queue(conn, span_text(size), bytes, NULL) ||
        !http_conn_queue(conn, span_text("\r\n"), (struct span){0}, NULL)) {
        return out_of_memory(conn);
    }
    http_conn_push(conn);
    return status_ok();
}

struct status http_stream_end(struct http_server *server, struct http_request_id id)
{
    struct http_conn *conn = http_conn_find(server, id, CONN_STREAMING);
    if (!conn) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    if (!http_conn_queue(conn, span_text("0\r\n\r\n"), (struct span){0}, NULL)) {
        return out_of_memory(conn);
    }
    answered(conn);
    return status_ok();
}

void http_asset_init(struct http_asset *asset, const char *content_type, struct span body)
{
    uint8_t digest[32] = {0};
    *asset = (struct http_asset){.content_type = content_type, .body = body};
    (void)EVP_Digest(body.data, body.size, digest, NULL, EVP_sha256(), NULL);
    asset->etag[0] = '"';
    for (size_t i = 0; i < 16; i++) {
        (void)snprintf(asset->etag + 1 + 2 * i, 3, "%02x", digest[i]);
    }
    asset->etag[33] = '"';
}

/* RFC 9110 section 13.1.2: weak comparison. Our tags have no comma, so looking for the quoted text is exact. */
static bool matches(struct span list, const char *etag)
{
    if (span_equal(list, span_text("*"))) {
        return true;
    }
    return list.size > 0 && memmem(list.data, list.size, etag, strlen(etag)) != NULL;
}

struct status http_respond_asset(struct http_server *server, const struct http_request *request,
                                 const struct http_asset *asset)
{
    if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
        struct http_field allow = {.name = "Allow", .value = "GET, HEAD"};
        return http_respond(server, request->id,
                            &(struct http_response){.status = 405, .fields = &allow, .field_count = 1});
    }
    struct http_field fields[] = {{"ETag", asset->etag}, {"Cache-Control", "no-cache"}};
    struct http_response response = {.status = 200, .fields = fields, .field_count = 2};
    struct span wanted = {0};
    if (http_header(request, "if-none-match", &wanted) && matches(wanted, asset->etag)) {
        response.status = 304;
    } else {
        response.content_type = asset->content_type;
        response.body = asset->body;
    }
    return respond(server, request->id, &response, true);
}
