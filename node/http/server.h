/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_HTTP_SERVER_H
#define NODE_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "node/http/h1.h"
#include "proto/span.h"
#include "proto/status.h"

/* HTTP/1.1 server over TLS 1.3 (or plain, for a loopback admin port) on a libuv loop. It reads strictly (h1.h),
 * collects a whole bounded request, calls the handler on the loop thread, and takes the answer then or later, by id.
 * What a peer does wrong ends in a 4xx or a closed connection and a counter, never in a log line.
 *
 * Threads: everything here belongs to the loop's thread. Another thread is given a request's id and the body it took
 * (http_take_body); its answer comes back to the loop thread, which calls http_respond. An id whose peer has gone is
 * harmless: the answer is dropped.
 *
 * The caller ignores SIGPIPE. Proved by tests/unit/http/test_server.c, test_h1.c and tests/fuzz/fuzz_http.c. */

struct uv_loop_s;
struct http_server;

/* Slot and generation: never reused, never a pointer. {0} is no request. */
struct http_request_id {
    uint32_t slot;
    uint32_t generation;
};

/* Who speaks, from the certificate chain that OpenSSL verified against the listener's CA. Not there on listeners that
 * ask for no certificate. A listener that requires one closes on a certificate without exactly one URI name. */
struct http_peer {
    bool present;
    char uri[256];           /* SAN URI, "simpul://<deployment>/node/<id>" */
    uint8_t spki_sha256[32]; /* SHA-256 of the DER SubjectPublicKeyInfo */
};

/* Everything is borrowed and lives until the callback that got it returns. */
struct http_request {
    struct http_request_id id;
    size_t listener; /* index into http_server_options.listeners */
    enum http_method method;
    struct span path;           /* as sent: begins with '/', percent-encoding valid and kept, no dot segments */
    struct span query;          /* after '?', empty without */
    const struct h1_head *head; /* http_header() reads it */
    struct span body;           /* empty in `admit` */
    const struct http_peer *peer;
    int socket; /* private */
};

enum { HTTP_ADDRESS_SIZE = 46 };
/* The numeric address that the request came from; "" if it cannot be told. Loop thread, while the request is handled. */
void http_request_address(const struct http_request *request, char out_address[HTTP_ADDRESS_SIZE]);

/* Value of a header, looked up without case; false when it is not there. */
bool http_header(const struct http_request *request, const char *name, struct span *out_value);
/* Value of `name` in the query, percent and '+' decoded into `out_text` (NUL-terminated). NOT_FOUND; INVALID when the
 * encoding is broken, holds a NUL, or the value does not fit in `size`. */
struct status http_query_value(struct span query, const char *name, char *out_text, size_t size) MUST_CHECK;
/* Percent decoding of a path segment ('+' stays), as above. */
struct status http_decode_segment(struct span text, char *out_text, size_t size) MUST_CHECK;

struct http_listener {
    const char *address;          /* numeric or a name of this machine, e.g. "127.0.0.1", "::", "0.0.0.0" */
    uint16_t port;                /* 0: the system chooses; http_server_port() reads it back */
    bool tls;                     /* false only for a loopback admin port */
    bool client_certificate;      /* required and verified, else not asked for at all */
    const char *certificate_path; /* PEM chain, own certificate first */
    const char *key_path;         /* PEM, refused when readable by others */
    const char *client_ca_path;   /* PEM; required with client_certificate */
    size_t body_max;              /* 0: LIMIT_HTTP_BODY */
};

#define HTTP_LISTENERS 8

/* 0 takes the limit named in proto/limits.h. Milliseconds. */
struct http_server_times {
    uint64_t handshake_ms; /* TLS handshake: LIMIT_HTTP_HANDSHAKE_MS */
    uint64_t idle_ms;      /* keep-alive between requests: LIMIT_HTTP_IDLE_MS */
    uint64_t head_ms;      /* from the first byte of a request to the end of its head: LIMIT_HTTP_HEAD_MS */
    uint64_t request_ms;   /* base time for a body, and for an answer to be taken; plus its bytes at `rate` */
    uint64_t rate;         /* bytes per second: LIMIT_HTTP_RATE */
    uint64_t answer_ms;    /* the handler's own time, long polls included: LIMIT_HTTP_ANSWER_MS, then 503 */
    uint64_t linger_ms;    /* after a refusal, until the peer has read it: LIMIT_HTTP_LINGER_MS */
};

struct http_server_options {
    struct uv_loop_s *loop;                         /* borrowed, outlives the server */
    struct http_listener listeners[HTTP_LISTENERS]; /* strings borrowed during http_server_new only */
    size_t listener_count;
    struct http_server_times times;
    size_t connections_max; /* 0: LIMIT_HTTP_CONNECTIONS; above it new connections are closed at once */
    size_t body_memory_max; /* all bodies being received together, 0: LIMIT_HTTP_BODY_MEMORY; above it 503 */

    void *owner; /* borrowed, first argument of the callbacks */
    /* A whole request. Answer with http_respond now or later, exactly once, or open a stream. Required. */
    void (*handle)(void *owner, struct http_request *request);
    /* Optional, when the head is there and before the body is read: 0 goes on, else the status to refuse with. May
     * lower or raise *body_max for this request. */
    unsigned (*admit)(void *owner, const struct http_request *request, size_t *body_max);
    /* Optional: the peer of an unanswered request or of an open stream went away, or time ran out. The id is dead. */
    void (*cancelled)(void *owner, struct http_request_id id);
};

/* Binds and listens at once; serves when the loop runs. On failure `problem` is one clear sentence (port taken, key
 * file too wide, certificate unreadable, ...): IO, DENIED (key file), INVALID (certificate, key or CA do not parse or
 * do not fit together), NO_MEMORY; the loop must then turn once more before it is closed. */
struct status http_server_new(const struct http_server_options *options, char *problem, size_t problem_size,
                              struct http_server **out_server) MUST_CHECK;
uint16_t http_server_port(const struct http_server *server, size_t listener);
/* Reads certificate, key and CA of a TLS listener again (after renewal); connections that stand keep theirs. On failure
 * nothing changes. */
struct status http_server_reload(struct http_server *server, size_t listener, const char *certificate_path,
                                 const char *key_path, const char *client_ca_path, char *problem,
                                 size_t problem_size) MUST_CHECK;
/* Stops listening, closes idle connections, lets running requests finish for up to drain_ms (0: cancels them at once),
 * then calls `stopped` from the loop, exactly once. */
void http_server_stop(struct http_server *server, uint64_t drain_ms, void (*stopped)(void *owner));
/* Only after `stopped`, or right after http_server_new with a loop that never ran. NULL is fine. */
void http_server_free(struct http_server *server);

struct http_field {
    const char *name; /* static or borrowed during the call; token, no CR or LF (asserted) */
    const char *value;
};

struct http_response {
    unsigned status;          /* 200..599 */
    const char *content_type; /* NULL with an empty body */
    const struct http_field *fields;
    size_t field_count;
    struct span body;              /* copied, unless body_free is set */
    void (*body_free)(void *data); /* the server owns body.data and frees it with this, also when the id is dead */
    bool close;                    /* close the connection after it */
};

/* NOT_FOUND: the request has gone (harmless). NO_MEMORY: the connection was closed. */
struct status http_respond(struct http_server *server, struct http_request_id id, const struct http_response *response);
/* Text answer of one line, for errors: `sentence` is copied and gets a newline. */
struct status http_respond_text(struct http_server *server, struct http_request_id id, unsigned status,
                                const char *sentence);

/* Takes the body out of a request inside `handle`: the caller frees it with free(). NULL for an empty body. */
void *http_take_body(struct http_server *server, struct http_request *request);

/* A streaming answer (server-sent events): begin once, write, end. BUSY: the peer reads too slowly and
 * LIMIT_HTTP_STREAM_BUFFER is full: nothing was queued; skip, or end. NOT_FOUND as above. */
struct status http_stream_begin(struct http_server *server, struct http_request_id id,
                                const struct http_response *response) MUST_CHECK;
struct status http_stream_write(struct http_server *server, struct http_request_id id, struct span bytes) MUST_CHECK;
struct status http_stream_end(struct http_server *server, struct http_request_id id);

/* A file in memory (.incbin). */
struct http_asset {
    const char *content_type;
    struct span body; /* borrowed, outlives the server */
    char etag[35];    /* quoted, from the content */
};

void http_asset_init(struct http_asset *asset, const char *content_type, struct span body);
/* 200 with ETag, or 304 by If-None-Match, or 405. Without copying the body. */
struct status http_respond_asset(struct http_server *server, const struct http_request *request,
                                 const struct http_asset *asset);

/* Monotonic counters and gauges, for /metrics. */
struct http_server_counts {
    uint64_t accepted;
    uint64_t refused_full;     /* above connections_max, or no file descriptors */
    uint64_t handshake_failed; /* no or bad client certificate, older TLS, not TLS */
    uint64_t requests;         /* handed to the handler */
    uint64_t bad_requests;     /* 4xx and 5xx that the server itself gave */
    uint64_t timed_out;
    uint64_t cancelled;
    uint64_t bytes_in;
    uint64_t bytes_out;
    size_t connections; /* now */
    size_t waiting;     /* requests handed over and not answered, open streams included, now */
    size_t body_memory; /* bytes of bodies, now */
};

struct http_server_counts http_server_counts(const struct http_server *server);

#endif
