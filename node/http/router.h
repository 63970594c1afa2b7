/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_HTTP_ROUTER_H
#define NODE_HTTP_ROUTER_H

#include "node/http/server.h"

/* Which function answers which address: a constant table, looked through in order, so that more special lines stand
 * first. Proved by tests/unit/http/test_router.c. */

struct http_route {
    enum http_method method; /* a GET line also answers HEAD */
    const char *path;   /* whole path; with a '*' at its end everything that begins so, and `rest` is what follows */
    uint32_t listeners; /* bit i: answers on listener i; 0: on all */
    void (*handle)(void *owner, struct http_request *request, struct span rest);
};

/* The line that answers, or NULL with 404 or 405 in *out_status. */
const struct http_route *http_route_find(const struct http_route *routes, size_t count,
                                         const struct http_request *request, struct span *out_rest,
                                         unsigned *out_status);
/* Calls the line's function, or answers 404 or 405 itself. */
void http_route_dispatch(struct http_server *server, const struct http_route *routes, size_t count, void *owner,
                         struct http_request *request);

#endif
