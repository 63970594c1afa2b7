/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_HTTP_H1_H
#define NODE_HTTP_H1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"
#include "proto/span.h"

/* HTTP/1.1 request parser (RFC 9110, 9112), strict, pull-style, pure: no I/O, no memory of its own. Two readers of one
 * byte stream must never disagree about where a request ends, so whatever is optional, obsolete or ambiguous is
 * refused: lines end with CRLF only, no folding, no space before a colon, one Host, at most one Content-Length, never
 * together with Transfer-Encoding, "chunked" is the only coding, no chunk extensions, no trailers, HTTP/1.1 only,
 * origin-form targets only.
 *
 * The caller keeps unconsumed bytes in one run and offers it again with more behind it. Any split of the same bytes
 * gives the same events (adjacent H1_BODY joined): tests/unit/http/test_h1.c and tests/fuzz/fuzz_http.c. */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE };

const char *http_method_name(enum http_method method);

struct h1_field {
    struct span name;
    struct span value; /* without surrounding spaces and tabs */
};

/* A parsed head. Spans point into the input of the h1_next() call that returned H1_HEAD. */
struct h1_head {
    enum http_method method;
    struct span path;  /* percent-encoding checked, not decoded; no dot segments */
    struct span query; /* without '?' */
    struct h1_field fields[LIMIT_HTTP_HEADERS];
    size_t field_count;
    bool chunked;
    uint64_t content_length; /* 0 without; meaningless when chunked */
    bool close;              /* Connection: close */
    bool expect_continue;
};

enum h1_event {
    H1_MORE,  /* nothing more in these bytes */
    H1_HEAD,  /* *out_head is filled */
    H1_BODY,  /* *out_body: never empty */
    H1_END,   /* the request is complete; the next byte begins the next one */
    H1_ERROR, /* parser.error and parser.reason say why; final */
};

enum h1_state {
    H1_STATE_HEAD,
    H1_STATE_FIXED, /* body with Content-Length */
    H1_STATE_CHUNK_SIZE,
    H1_STATE_CHUNK_DATA,
    H1_STATE_CHUNK_CRLF, /* after a chunk's data */
    H1_STATE_LAST_CRLF,  /* after the last chunk; anything but CRLF would be a trailer */
    H1_STATE_END,
    H1_STATE_ERROR,
};

struct h1_parser {
    enum h1_state state;
    size_t scanned;     /* bytes of the head already looked at */
    uint64_t left;      /* bytes left of the body or chunk */
    uint64_t body_size; /* bytes of body given out so far */
    uint64_t body_max;
    unsigned error;     /* HTTP status to answer with */
    const char *reason; /* static sentence */
};

/* body_max holds for every request until h1_body_max() changes it. */
void h1_init(struct h1_parser *parser, uint64_t body_max);
/* Right after H1_HEAD, before the next h1_next(): the bound for this request's body. False: the head already announces
 * more; the parser is then in H1_ERROR with 413. */
bool h1_body_max(struct h1_parser *parser, const struct h1_head *head, uint64_t body_max);
/* Looks at `input` and returns the next event; *out_consumed bytes are done with (0 with H1_MORE when the head or a
 * chunk size line is incomplete: keep them). Never asks to keep more than LIMIT_HTTP_HEAD bytes. */
enum h1_event h1_next(struct h1_parser *parser, struct span input, size_t *out_consumed, struct h1_head *out_head,
                      struct span *out_body);

/* First field of that name, without case. */
bool h1_find(const struct h1_head *head, const char *name, struct span *out_value);
/* Equal without regard to ASCII case. */
bool h1_same(struct span a, const char *b);

#endif
