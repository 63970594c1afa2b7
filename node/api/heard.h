/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_API_HEARD_H
#define NODE_API_HEARD_H

#include "proto/message.h"

/* What this process has heard of each node: when, what the node says of itself, and how far behind it is. For screens only.
 * Kept in memory and, now and then, in a small file, so that a restart does not forget when a dead node was last heard; a
 * file that is missing or damaged is an empty one. Any thread. Proved by tests/unit/api/test_heard.c.
 *
 * A node is caught up at a moment if the hub holds every change that the node had then, and the node every one that the hub had
 * for it. Its lag is the time since. */

enum {
    HEARD_NODES_MAX = 1024,
    HEARD_SLOTS = 96,                /* lags kept: a day */
    HEARD_SLOT_MS = 15 * 60 * 1000,
};

struct heard_node {
    struct node_id node;
    uint64_t seen_ms;      /* last request; 0: never */
    uint64_t caught_up_ms; /* 0: never */
    uint64_t said_ms;      /* when `health` came; 0: it says nothing */
    int64_t skew_ms;       /* our clock minus the node's, then */
    struct health health;  /* without its program */
    char program[LIMIT_PROGRAM_SIZE + 1]; /* printable ASCII */
    uint16_t lags[HEARD_SLOTS]; /* minutes at the end of each slot, the oldest first; slots before it was heard: 0 */
    size_t lag_count;           /* of the last slots, how many are known */
};

struct heard;

/* `path` is copied; NULL: only in memory. NO_MEMORY. */
struct status heard_new(const char *path, struct heard **out_heard) MUST_CHECK;
void heard_free(struct heard *heard); /* NULL is fine */
void heard_saw(struct heard *heard, struct node_id node, uint64_t now_ms);

/* One message of a node and what the hub made of it. */
struct heard_report {
    uint64_t now_ms;             /* when it arrived */
    const struct health *health; /* NULL: not said */
    uint64_t held;               /* leaves of its own streams that the hub holds */
    bool nothing_owed;           /* the hub had nothing more for it */
};

void heard_report(struct heard *heard, struct node_id node, const struct heard_report *report);
/* What another process heard of it; nothing newer is overwritten. */
void heard_told(struct heard *heard, const struct node_heard *told, uint64_t now_ms);
/* False: never heard. */
bool heard_get(struct heard *heard, struct node_id node, uint64_t now_ms, struct heard_node *out_node);
/* Replaces the file. */
struct status heard_save(struct heard *heard) MUST_CHECK;

#endif
