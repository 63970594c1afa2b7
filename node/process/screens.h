/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PROCESS_SCREENS_H
#define NODE_PROCESS_SCREENS_H

#include "node/http/server.h"

/* What a person's browser and a monitoring system see: /healthz, /readyz and /metrics on the admin listener, and a plain
 * first page ("/", and "/api/v1/overview" as JSON) with the regencies, their counts per status and their nodes' health.
 * Figures come from the store through the engine, never from a scan of records. Loop thread. */

struct uv_loop_s;
struct process;
struct screens;

struct status screens_new(struct process *process, struct uv_loop_s *loop, struct screens **out_screens) MUST_CHECK;
void screens_handle(struct screens *screens, struct http_request *request, bool admin);
void screens_cancelled(struct screens *screens, struct http_request_id id);
void screens_stop(struct screens *screens, void (*stopped)(void *owner), void *owner);
void screens_free(struct screens *screens);

#endif
