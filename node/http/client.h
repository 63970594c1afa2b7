/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_HTTP_CLIENT_H
#define NODE_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/span.h"
#include "proto/status.h"

/* Outbound HTTPS with libcurl on the libuv loop: TLS 1.3 only, our client certificate, and only the deployment's own CA
 * is trusted. Connections are kept alive and reused. One client per upstream. All calls and callbacks on the loop
 * thread. Proved by tests/unit/http/test_client.c. */

struct uv_loop_s;
struct http_client;

/* The three kinds of errors of protocol.md, whose paths never meet. */
enum http_outcome {
    HTTP_OUTCOME_OK,        /* 2xx */
    HTTP_OUTCOME_TRANSIENT, /* no connection, time-out, cut, 408, 429, 5xx: retry for ever, with back-off */
    HTTP_OUTCOME_SECURITY,  /* certificates on either side, TLS version, 401, 403: stop this peer and raise an alarm */
    HTTP_OUTCOME_DATA,      /* other answers (3xx, 4xx; 409 has meaning in push), or an answer over response_max */
    HTTP_OUTCOME_CANCELLED, /* http_client_cancel, or the client is stopped */
};

struct http_call_id {
    uint32_t slot;
    uint32_t generation;
};

/* Borrowed; lives until `done` returns. */
struct http_result {
    enum http_outcome outcome;
    unsigned status;  /* 0: there was no answer */
    struct span body; /* also with 4xx and 5xx, up to response_max */
    struct span content_type;
    uint64_t retry_after_ms; /* 0: not given; at most LIMIT_RETRY_AFTER_MS */
    const char *problem;     /* "" when OK, else one sentence with what to do; names no path or personal data */
};

struct http_client_options {
    struct uv_loop_s *loop;       /* borrowed */
    const char *ca_path;          /* PEM with the deployment's CA; the system's CAs are never used. Required */
    const char *certificate_path; /* own certificate and key, PEM; both NULL: none (enrolment) */
    const char *key_path;
    const char *server_name; /* expected name in the server's certificate; NULL: the URL's host */
    const char *proxy;       /* "http://proxy:3128"; NULL or "": none. The environment is not read */
    size_t connections_max;  /* kept alive; 0: LIMIT_HTTP_CLIENT_CONNECTIONS */
};

/* Strings are copied. `problem`: as in http_server_new (files missing, key file too wide, certificate and key that do
 * not belong together). */
struct status http_client_new(const struct http_client_options *options, char *problem, size_t problem_size,
                              struct http_client **out_client) MUST_CHECK;
/* Files were renewed, or the network changed: calls from now on use new connections, with what the paths hold now. */
void http_client_reload(struct http_client *client);
/* Cancels all calls (their `done` runs, CANCELLED) and calls `stopped` from the loop, exactly once; then free. */
void http_client_stop(struct http_client *client, void (*stopped)(void *owner), void *owner);
void http_client_free(struct http_client *client);

struct http_call {
    const char *method;            /* "POST", "GET", "PUT" */
    const char *url;               /* https only; borrowed during the call */
    const char *content_type;      /* of the body; NULL without */
    const char *accept;            /* NULL: any */
    struct span body;              /* copied, unless body_free is set */
    void (*body_free)(void *data); /* the client owns body.data, also on failure */
    uint64_t connect_ms;           /* 0: LIMIT_HTTP_CONNECT_MS */
    uint64_t stall_ms;   /* no byte in either direction for so long is a time-out; 0: LIMIT_HTTP_STALL_MS (above the
                            longest poll). Whole seconds, rounded up */
    uint64_t total_ms;   /* 0: none, which is what long polls need */
    size_t response_max; /* 0: LIMIT_HTTP_BODY */
    void (*done)(void *owner, struct http_call_id id, const struct http_result *result); /* exactly once, never inside
                                 http_client_call */
    void *owner;
};

/* INVALID: the URL is not https or does not parse. LIMIT: too many calls at once (LIMIT_HTTP_CALLS). */
struct status http_client_call(struct http_client *client, const struct http_call *call,
                               struct http_call_id *out_id) MUST_CHECK;
/* `done` runs with CANCELLED from the loop. A call that has ended is ignored. */
void http_client_cancel(struct http_client *client, struct http_call_id id);
size_t http_client_calls(const struct http_client *client);

#endif
