/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_FIGURES_PROJECTOR_H
#define NODE_FIGURES_PROJECTOR_H

#include "node/engine/engine.h"
#include "node/figures/figures.h"

/* Keeps the figures equal to the records, on a thread of its own. The engine says which records it saved (16 bytes each,
 * after the commit); a moment later they are read in small jobs that only read, decoded here, and counted. A record that is
 * saved ten times in that moment is read once. At start, and when more was saved than is remembered, one comparison of
 * counters finds what is missing; there is none in a steady state. */

struct projector;

struct projector_options {
    struct figures_options figures;
    /* Where the next job reads; asked on the projector's thread. The store is used only inside that engine's jobs. */
    void (*source)(void *owner, struct engine **out_engine, struct store **out_store);
    void *owner;
    /* On the projector's thread: figures of these owners changed (count 0: of many). */
    void (*changed)(void *owner, const struct scope_id *owners, size_t count);
};

struct projector_state {
    uint64_t waiting;  /* records saved and not yet counted */
    int64_t as_of_ms;  /* everything saved before is counted; 0: the first comparison has not ended */
};

struct status projector_start(const struct projector_options *options, struct projector **out_projector) MUST_CHECK;
/* On the engine thread, after a commit. */
void projector_saved(struct projector *projector, const struct record_id *ids, size_t count);
/* More was saved than anybody can name: everything is compared. */
void projector_missed(struct projector *projector);
struct projector_state projector_state(struct projector *projector);
/* Ends the thread, while the engine still runs; never from the engine's. NULL is fine. */
void projector_stop(struct projector *projector);
/* After the engine stopped. NULL is fine. */
void projector_free(struct projector *projector);

#endif
