/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PROCESS_METRICS_H
#define NODE_PROCESS_METRICS_H

#include "node/process/overview.h"

/* Prometheus text, from the overview and the process's counters: malloc'ed, caller frees. */
struct status metrics_text(struct process *process, const json_t *overview, char **out_text, size_t *out_size) MUST_CHECK;

#endif
