/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PROCESS_SCREENS_H
#define NODE_PROCESS_SCREENS_H

#include "node/http/server.h"

/* What a monitoring system sees, on the admin listener: /healthz, /readyz, /metrics, and /api/v1/overview as JSON with the
 * nodes, their counts per status and their health. Figures come from the store through the engine, never from a scan of
 * records. People have the dashboard (node/board). Loop thread. */

struct uv_loop_s;
struct process;
struct screens;

struct status screens_new(struct process *process, struct uv_loop_s *loop, struct screens **out_screens) MUST_CHECK;
void screens_handle(struct screens *screens, struct http_request *request);
void screens_cancelled(struct screens *screens, struct http_request_id id);
void screens_stop(struct screens *screens, void (*stopped)(void *owner), void *owner);
void screens_free(struct screens *screens);

#endif
