/* SPDX-License-Identifier: Apache-2.0 */
#include "node/http/router.h"

static bool path_matches(const char *pattern, struct span path, struct span *out_rest)
{
    struct span wanted = span_text(pattern);
    bool open = wanted.size > 0 && wanted.data[wanted.size - 1] == '*';
    if (open) {
        wanted.size--;
    }
    if (path.size < wanted.size || (!open && path.size != wanted.size) ||
        memcmp(path.data, wanted.data, wanted.size) != 0) {
        return false;
    }
    *out_rest = span_of(path.data + wanted.size, path.size - wanted.size);
    return true;
}

const struct http_route *http_route_find(const struct http_route *routes, size_t count,
                                         const struct http_request *request, struct span *out_rest,
                                         unsigned *out_status)
{
    enum http_method method = request->method == HTTP_HEAD ? HTTP_GET : request->method;
    unsigned status = 404;
    for (size_t i = 0; i < count; i++) {
        const struct http_route *route = &routes[i];
        struct span rest = {0};
        bool here = route->listeners == 0 || (route->listeners >> request->listener & 1) != 0;
        if (!here || !path_matches(route->path, request->path, &rest)) {
            continue;
        }
        if (route->method == method) {
            *out_rest = rest;
            return route;
        }
        status = 405;
    }
    *out_status = status;
    return NULL;
}

void http_route_dispatch(struct http_server *server, const struct http_route *routes, size_t count, void *owner,
                         struct http_request *request)
{
    struct span rest = {0};
    unsigned status = 0;
    const struct http_route *route = http_route_find(routes, count, request, &rest, &status);
    if (route) {
        route->handle(owner, request, rest);
    } else {
        (void)http_respond_text(server, request->id, status,
                                status == 405 ? "This address has no such method."
                                              : "There is nothing at this address.");
    }
}
