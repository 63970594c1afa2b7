/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PROCESS_PROCESS_H
#define NODE_PROCESS_PROCESS_H

#include <pthread.h>

#include "node/api/sync_api.h"
#include "node/connector/connector.h"
#include "node/peer/peer.h"
#include "node/process/local.h"
#include "node/process/readers.h"
#include "node/process/seen.h"

struct process;

/* `simpul run`: everything that a configuration names, put together and taken apart again. The loop thread (this one)
 * owns sockets and timers, the engine thread the core, each connector a thread of its own, the control socket one.
 *
 * Exit codes: see node/cli/exit.h. After a fatal failure of the store the process ends at once (74): what is durable is
 * durable, and the next start recovers from the log. */

struct uv_loop_s;
struct board;

/* What the page listener serves, handed in like the control socket. Loop thread, but `committed`: engine thread. */
struct process_page {
    /* Also after a failure *out_board is to be stopped and freed, unless it is NULL. */
    struct status (*start)(struct process *process, struct uv_loop_s *loop, struct board **out_board, char *problem,
                           size_t problem_size);
    void (*handle)(struct board *board, struct http_request *request);
    void (*cancelled)(struct board *board, struct http_request_id id);
    void (*committed)(struct board *board, const struct core *core);
    void (*missed)(struct board *board); /* more was committed than anybody can say; any engine's thread */
    void (*stop)(struct board *board, void (*stopped)(void *owner), void *owner);
    void (*free)(struct board *board); /* after the engine */
};

struct process {
    const struct config *config; /* borrowed */
    struct local local;
    struct engine *engine;
    struct http_client *client;    /* node */
    struct peer *peer;             /* node */
    struct http_server *server;
    struct sync_api *sync_api;     /* hub */
    struct heard *heard;           /* what was heard of other nodes */
    struct health health;          /* node: what it says of itself; engine thread */
    int64_t health_ms;             /* when that was looked up, monotonic; 0: not yet */
    struct screens *screens;
    struct upkeep *upkeep;
    struct seen *seen; /* with a store that several processes write */
    struct readers *readers; /* with a replica */
    struct follow *follow; /* with a store that several processes write */
    struct control *control;
    const struct process_page *page;
    struct board *board; /* with a page listener */
    pthread_mutex_t connectors_lock; /* the engine thread wakes them */
    struct connector **connectors;
    size_t connector_count;
    int64_t started_ms;
    size_t listener_sync, listener_admin, listener_page; /* SIZE_MAX: not there */
};

struct process_options {
    const struct config *config;
    const struct mapping *const *mappings; /* one per config->legacy, borrowed */
    bool takeover;
    /* Starts and stops the control socket: node/control hands itself in, so that this folder need not know it. */
    struct status (*control_start)(struct process *process, struct control **out_control, char *problem, size_t problem_size);
    void (*control_stop)(struct control *control);
    const struct process_page *page; /* likewise */
};

/* Runs until SIGINT, SIGTERM or a fatal failure. `problem` is filled when it does not come up. */
struct status process_run(const struct process_options *options, char *problem, size_t problem_size) MUST_CHECK;

#endif
