/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PROCESS_UPKEEP_H
#define NODE_PROCESS_UPKEEP_H

#include "node/engine/engine.h"

/* What the core wants done that nobody asked for: at the hub, relays and clamps owed to other streams are appended right
 * after the commit that queued them (in transactions of their own, architecture.md, "lock order"); everywhere, work by the
 * clock once a minute (core_upkeep). Never more than one job of each kind in the queue. */

struct uv_loop_s;
struct upkeep;

struct status upkeep_start(struct uv_loop_s *loop, struct engine *engine, struct store *store, bool is_hub,
                           struct upkeep **out_upkeep) MUST_CHECK;
/* After a commit, on the engine thread. */
void upkeep_committed(struct upkeep *upkeep);
/* Loop thread; `stopped` when no job of its own is left. */
void upkeep_stop(struct upkeep *upkeep, void (*stopped)(void *owner), void *owner);
void upkeep_free(struct upkeep *upkeep);

#endif
