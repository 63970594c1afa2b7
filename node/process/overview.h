/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PROCESS_OVERVIEW_H
#define NODE_PROCESS_OVERVIEW_H

#include <jansson.h>

#include "node/process/process.h"

/* The consolidated status as JSON, read inside an engine job: every node of the registry with its counts per status,
 * conflicts, stream sizes and when it was last heard. The dashboard, /api/v1/overview and `simpul status` are made from it.
 * Grows with the number of nodes, never with the number of records. */
struct status overview_read(struct process *process, struct core *core, struct arena *arena, json_t **out_json) MUST_CHECK;

/* {"sync":8443,...}: what the listeners are bound to. */
json_t *process_ports(const struct process *process);

#endif
