/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_HTTP_HTTP_CONN_H
#define NODE_HTTP_HTTP_CONN_H

#include <uv.h>

#include "node/http/server.h"
#include "node/http/tls_conn.h"

/* One connection's life: limits, time-outs, back-pressure. Internal to node/http. One request at a time: the next one
 * of a pipelining peer is not read before the answer to this one is written. */

#define HTTP_SCRATCH (LIMIT_HTTP_HEAD + 16 * 1024)

enum conn_state {
    CONN_HANDSHAKE,
    CONN_IDLE,
    CONN_HEAD,
    CONN_BODY,
    CONN_WAITING,
    CONN_ANSWERING,
    CONN_STREAMING,
    CONN_LINGERING,
    CONN_CLOSED,
    CONN_STATES
};

struct out_chunk {
    struct out_chunk *next;
    const uint8_t *data;
    size_t size;
    size_t sent;
    void *owned; /* freed with owned_free once sent; NULL: data stands behind this struct or is borrowed */
    void (*owned_free)(void *);
};

/* A request between its head and its handler: the head's bytes stand behind it, and head's spans point there. */
struct pending {
    struct h1_head head;
    uint8_t *body; /* owned */
    size_t body_size;
    size_t body_capacity;
    uint8_t text[];
};

struct http_conn {
    struct http_server *server; /* borrowed */
    size_t listener;
    uint32_t slot;
    uint32_t generation; /* of the running request */
    enum conn_state state;
    uv_poll_t poll;
    uv_timer_t timer;
    int fd;
    int poll_mask; /* what the poll is started with; starting it again with the same costs a system call */
    unsigned open_handles;
    struct tls_conn tls;
    struct http_peer peer;
    struct h1_parser parser;
    struct pending *pending; /* owned */
    uint8_t *rest;           /* owned: received and not consumed */
    size_t rest_size;
    bool rest_is_new;            /* the parser has not seen `rest` yet */
    struct out_chunk *out_first; /* owned */
    struct out_chunk *out_last;
    size_t out_size;         /* not yet sent */
    uint64_t since_ms;       /* when the state, or in streaming the last progress, began */
    uint64_t moved;          /* bytes in this state */
    uint64_t armed_ms;       /* when the timer fires, 0: not armed */
    enum http_method method; /* of the running request */
    bool close_after;        /* the connection ends with this answer */
    bool read_wants_write;
    bool write_wants_read;
    bool gone;    /* the poll said that the peer hung up */
    bool running; /* inside conn_run */
};

struct server_listener {
    struct http_server *server; /* borrowed */
    uv_poll_t poll;
    int fd; /* -1: closed */
    bool tls;
    bool client_certificate;
    bool handle_open;
    size_t body_max;
    struct tls_context *context; /* owned */
};

struct slot {
    struct http_conn *conn; /* owned; NULL: free */
    uint32_t generation;    /* of the last request */
    uint32_t next_free;
};

struct http_server {
    struct http_server_options options;
    struct server_listener listeners[HTTP_LISTENERS];
    struct slot *slots; /* owned, connections_max */
    uint32_t first_free;
    uv_timer_t timer; /* listens again after running out of file descriptors; ends a drain */
    bool timer_open;
    bool stopping;
    bool stopped;
    unsigned open_handles; /* listeners' polls and the timer */
    size_t closing;        /* connections whose handles are not closed yet */
    void (*on_stopped)(void *owner);
    struct http_server_counts counts;
    struct h1_head head; /* scratch of the parser */
    uint8_t scratch[HTTP_SCRATCH];
};

enum progress {
    PROGRESS_ON,    /* done; go on with what comes next */
    PROGRESS_WAIT,  /* for the socket, or because it is the others' turn */
    PROGRESS_CLOSE, /* the connection is of no more use */
};

/* Takes the socket over in every case. */
void http_conn_start(struct http_server *server, size_t listener, int fd);
/* Reads, parses, hands over, writes, as far as it goes without waiting. Never called by http_respond: a handler must
 * not find itself inside its own answer. */
void http_conn_run(struct http_conn *conn);
/* Sends what is queued as far as it goes and arranges for the rest. */
void http_conn_push(struct http_conn *conn);
/* Asks for http_conn_run from the loop. */
void http_conn_kick(struct http_conn *conn);
void http_conn_close(struct http_conn *conn);
/* Queues `head` and `body` (copied, unless owned_free is set). False: no memory; an owned body is freed. */
bool http_conn_queue(struct http_conn *conn, struct span head, struct span body, void (*owned_free)(void *));
bool http_conn_queue_borrowed(struct http_conn *conn, struct span head, struct span body);
/* Writes what is queued. ON: all is sent. */
enum progress http_conn_flush(struct http_conn *conn);
void http_conn_drop_output(struct http_conn *conn);
void http_conn_enter(struct http_conn *conn, enum conn_state state);
/* The connection that waits for an answer to `id`, in that state; NULL otherwise. */
struct http_conn *http_conn_find(struct http_server *server, struct http_request_id id, enum conn_state state);
/* server.c: a connection's last handle is closed. */
void http_server_conn_closed(struct http_server *server, uint32_t slot);

#endif
