/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PEER_EXCHANGE_H
#define NODE_PEER_EXCHANGE_H

#include "node/engine/engine.h"
#include "node/http/client.h"

/* One message and its answer: made on the engine thread and committed, sent by the loop, the answer taken on the engine
 * thread and committed. The peer owns one hello, one pull and two pushes, and never runs one twice at once. */

struct peer;

enum exchange_kind {
    EXCHANGE_HELLO,
    EXCHANGE_PUSH,
    EXCHANGE_PULL,
    EXCHANGE_COUNT,
};

enum exchange_phase {
    EXCHANGE_IDLE,
    EXCHANGE_MAKING,  /* its job makes the message */
    EXCHANGE_MADE,    /* a push that waits for the answer to the one before it */
    EXCHANGE_SENDING, /* it is on the wire */
    EXCHANGE_TAKING,  /* its job takes the answer */
};

struct exchange {
    struct job job; /* first: the engine gives it back */
    struct peer *peer; /* borrowed */
    enum exchange_kind kind;
    enum exchange_phase phase; /* loop thread */
    bool takeover;
    bool ahead;         /* a push behind one that is on its way */
    struct arena arena; /* holds the message until it is packed, then the answer */
    struct push push;   /* once packed, without its leaves */
    bool nothing;       /* made: there is nothing to say */
    struct span packed; /* owned (malloc) */
    const char *packed_type;
    struct span answer; /* owned (malloc) */
    char answer_type[64];
    struct next next;   /* taken: what follows */
    const struct record_digest *digests; /* taken, of a push: states to compare, in the arena */
    size_t digest_count;
    int64_t skew_ms;
    bool skew_known;
    struct status status; /* of the job */
    struct http_call_id call;
    struct exchange *next_ready; /* private to the peer */
};

void exchange_init(struct exchange *x, struct peer *peer, enum exchange_kind kind, struct memory memory);
void exchange_release(struct exchange *x);
/* Back to idle; frees the message and the answer. */
void exchange_clear(struct exchange *x);
const char *exchange_path(enum exchange_kind kind);
/* A static sentence for x->status. */
const char *exchange_problem(const struct exchange *x);
/* Submits the job that makes the message (x->takeover and x->ahead are set before), or takes the answer. BUSY, NO_MEMORY: nothing runs. peer_post follows. */
struct status exchange_make(struct exchange *x, struct engine *engine) MUST_CHECK;
struct status exchange_take(struct exchange *x, struct engine *engine, struct span type, struct span answer) MUST_CHECK;

/* States of a taken push, on their way to be compared. Out of the exchange, so that the next push is made first. NULL: none. */
struct comparison;
struct comparison *exchange_comparison(struct exchange *x);
/* Takes it over. If the queue is full these states are compared when their records change again. */
void comparison_submit(struct comparison *comparison, struct engine *engine);

/* In peer.c: what the node says of itself, in `arena`; NULL: nothing. Engine thread. */
const struct health *peer_health(struct peer *peer, struct core *core, struct arena *arena);

/* In peer.c: what a taken pull told of other nodes. Engine thread. */
void peer_heard(struct peer *peer, const struct node_heard *told, size_t count);

/* In peer.c: hands an exchange back to the loop thread. Called on the engine thread. */
void peer_post(struct peer *peer, struct exchange *x);

#endif
