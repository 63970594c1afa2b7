/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PROCESS_HEALTH_H
#define NODE_PROCESS_HEALTH_H

#include "node/process/process.h"

/* What this node says of itself with its messages to the hub (proto/message.h): peer_options.health. Engine thread; what costs
 * more than memory is looked up at most every few seconds. `owner` is the process. */
struct status health_read(void *owner, struct core *core, struct arena *arena, struct health *out_health) MUST_CHECK;

#endif
