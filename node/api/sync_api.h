/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_API_SYNC_API_H
#define NODE_API_SYNC_API_H

#include "node/api/heard.h"
#include "node/engine/engine.h"
#include "node/http/server.h"

/* The hub's side of the dialogue: POST /sync/v1/hello, push and pull on the listener that requires a client certificate.
 * Who speaks is what the certificate proves ("simpul://<deployment>/node/<id>"), checked against the registry with its
 * key at each request. A pull with nothing to give is parked, and answered when a stream that it follows grows, or its
 * time is over. All calls on the loop thread but sync_api_grown. */

struct uv_loop_s;
struct sync_api;

struct sync_api_options {
    struct uv_loop_s *loop;
    struct engine *engine;
    const char *deployment; /* copied */
    struct heard *heard;    /* borrowed: is told of every request */
};

struct status sync_api_new(const struct sync_api_options *options, struct sync_api **out_api) MUST_CHECK;
/* The server is made after the api (its callbacks name the api). */
void sync_api_set_server(struct sync_api *api, struct http_server *server);
/* True if the request was one of ours and is, or will be, answered. */
bool sync_api_handle(struct sync_api *api, struct http_request *request);
void sync_api_cancelled(struct sync_api *api, struct http_request_id id);
/* Streams grew in a commit: parked pulls of those scopes' nodes look again. Engine thread. */
void sync_api_grown(struct sync_api *api, const struct core *core);
/* Parked pulls are answered empty; `stopped` is called when no request is left in the engine. */
void sync_api_stop(struct sync_api *api, void (*stopped)(void *owner), void *owner);
void sync_api_free(struct sync_api *api);

#endif
