/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_BOARD_BOARD_PARTS_H
#define NODE_BOARD_BOARD_PARTS_H

#include <jansson.h>
#include <uv.h>

#include "node/board/board.h"
#include "node/control/control.h"
#include "node/figures/projector.h"
#include "node/staff/staff.h"

/* Private to node/board/. */

enum { BOARD_WORKERS = 2, BOARD_QUEUE_MAX = 256, BOARD_STREAMS_MAX = 512, BOARD_HOST_MAX = 200 };

/* A request on its way through a worker. Everything is copied: the connection may be gone when the answer comes. */
struct board_request {
    struct http_request_id id;
    enum http_method method;
    char path[128];
    char *query; /* owned */
    char *body;  /* owned */
    size_t body_size;
    char token[STAFF_TOKEN_SIZE + 1];
    char csrf[STAFF_TOKEN_SIZE + 1];
    char origin[BOARD_HOST_MAX];
    char host[BOARD_HOST_MAX];
    char address[STAFF_ADDRESS_MAX + 1]; /* of the browser; "": unknown */
    bool json; /* content type */
    /* the answer */
    unsigned status;
    const char *content_type;
    char *answer; /* owned */
    size_t answer_size;
    char cookie[256];
    char disposition[96];
    bool stream; /* authorised to listen to changes of `scope` */
    char scope[20];
    struct board_request *next;
};

struct board_worker {
    struct board *board;
    pthread_t thread;
    bool started;
    struct staff *staff;
    struct figures *figures;
};

struct board_stream {
    struct http_request_id id;
    char scope[20];
    int64_t began_ms;
    bool due;
};

struct board {
    struct process *process;
    struct control_host host;
    struct projector *projector;
    struct arena arena; /* of the calendar */
    struct workdays workdays;
    struct board_worker workers[BOARD_WORKERS];
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct board_request *queue; /* under the lock, oldest first */
    size_t queued;
    struct board_request *answered; /* under the lock */
    struct scope_id told[32];       /* owners whose figures changed; under the lock */
    size_t told_count;
    bool told_all;
    bool stopping;
    /* loop thread */
    uv_async_t async;
    uv_timer_t beat;
    struct board_stream streams[BOARD_STREAMS_MAX];
    size_t stream_count;
    int64_t told_ms;
    size_t handles;
    void (*stopped)(void *owner);
    void *owner;
};

/* ---- one request in a worker ---- */

struct board_call {
    struct board *board;
    struct board_worker *worker;
    struct board_request *request;
    struct staff_session session;
    json_t *body;  /* of a POST; borrowed */
    json_t *reply; /* owned until it is written */
};

/* Fills the request's answer. */
void board_answer(struct board_worker *worker, struct board_request *request);

/* Handlers set call->reply, or say why not: */
void call_problem(struct board_call *call, unsigned status, const char *code, const char *sentence);
/* Runs a verb of the CLI with these arguments (taken over); its reply, or NULL with the problem said. */
json_t *call_verb(struct board_call *call, const char *verb, json_t *arguments);
/* Value of the query, decoded; false when it is not there or too long. */
bool call_query(const struct board_call *call, const char *name, char *out_text, size_t size);
/* Text of the body's member, or NULL with the problem said. */
const char *call_text(struct board_call *call, const char *name);
/* The scope asked for, or the account's own; false with the problem said when it is not the account's to see. */
bool call_scope(struct board_call *call, char out_scope[20]);
bool call_may_see(const struct board_call *call, const char *owner);
/* Scope, period and today. */
bool call_span(struct board_call *call, struct figures_span *out_span);
int32_t call_today(const struct board_call *call);
/* A national account at the hub, a regency's at its node. */
bool call_may_act(const struct board_call *call);

void board_sign_in(struct board_call *call);
void board_sign_out(struct board_call *call);
void board_accept(struct board_call *call);
void board_session(struct board_call *call);
void board_own_password(struct board_call *call);
void board_accounts(struct board_call *call);
void board_account_add(struct board_call *call);
void board_account_disable(struct board_call *call);
void board_account_invite(struct board_call *call);
void board_overview(struct board_call *call);
void board_nodes(struct board_call *call);
void board_records(struct board_call *call);
void board_report(struct board_call *call);
void board_record(struct board_call *call);
void board_leaf(struct board_call *call);
void board_conflicts(struct board_call *call);
void board_resolve(struct board_call *call);
void board_edit(struct board_call *call);
void board_note(struct board_call *call);
void board_route(struct board_call *call);
void board_quarantine(struct board_call *call);
void board_quarantine_retry(struct board_call *call);

/* ---- what is served without an account: board_assets.c ---- */
/* True if the path is one of the page's files, and it was answered. */
bool board_asset(struct board *board, struct http_request *request);
/* The headers of every answer of this listener. */
extern const struct http_field board_headers[];
extern const size_t board_header_count;

#endif
