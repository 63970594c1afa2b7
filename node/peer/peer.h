/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PEER_PEER_H
#define NODE_PEER_PEER_H

#include "node/engine/engine.h"
#include "node/http/client.h"

/* A node's side of the dialogue with its hub: hello, then pushing and pulling side by side for as long as the link holds.
 * The core says what to send and what an answer means; this file only carries bytes and keeps time. Lives on the loop
 * thread; peer_wake and peer_status may be called from any thread. Proved by tests/system/. */

struct uv_loop_s;
struct peer;

enum peer_state {
    PEER_HELLO,    /* introducing itself */
    PEER_ONLINE,   /* pushing and pulling */
    PEER_RETRY,    /* no link, or the hub asked for patience: trying again by itself */
    PEER_STOPPED,  /* security: a person has to look; looked at again every few minutes */
    PEER_TAKEOVER, /* another instance of this node holds the lease: waits for `simpul takeover` */
    PEER_UPDATE,   /* the hub speaks a newer level */
};

const char *peer_state_name(enum peer_state state);
/* One sentence for a person. */
const char *peer_state_sentence(enum peer_state state, bool indonesian);

struct peer_options {
    struct uv_loop_s *loop;     /* borrowed */
    struct engine *engine;      /* borrowed */
    struct http_client *client; /* borrowed */
    const char *hub_url;        /* copied; "https://host:port" */
    uint64_t seed;              /* of the jitter */
    bool in_takeover;           /* say takeover in the first hello */
    void *owner;
    /* Engine thread, in a job that only reads: what the node says of itself. May be NULL; what fails is not said. */
    struct status (*health)(void *owner, struct core *core, struct arena *arena, struct health *out_health);
    /* Engine thread: what the hub told of a node whose streams are read here. May be NULL. */
    void (*heard)(void *owner, const struct node_heard *told);
};

struct peer_status {
    enum peer_state state;
    uint64_t last_contact_ms;  /* wall clock of the last good answer, 0: never since start */
    uint64_t retry_in_ms;      /* PEER_RETRY, PEER_STOPPED: time of the next try, wall clock */
    int64_t skew_ms;           /* the hub's clock minus ours, at the last answer */
    uint64_t pushes, pulls, failures;
    uint64_t bytes_out, bytes_in; /* packed messages */
    char problem[256];         /* last failure, one sentence; "" when fine */
};

struct status peer_start(const struct peer_options *options, struct peer **out_peer) MUST_CHECK;
/* There is something to push: how many own leaves the hub does not have, 0 where the caller cannot know. Any thread. */
void peer_wake(struct peer *peer, uint64_t unacked);
/* A person said `simpul takeover`. Any thread. */
void peer_takeover(struct peer *peer);
struct peer_status peer_status(struct peer *peer);
/* Cancels what runs, then calls `stopped` from the loop, exactly once; then free. */
void peer_stop(struct peer *peer, void (*stopped)(void *owner), void *owner);
void peer_free(struct peer *peer);

#endif
