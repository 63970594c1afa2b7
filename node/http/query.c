/* SPDX-License-Identifier: Apache-2.0 */
#include "node/http/server.h"

/* Reading of what a request's head carries: headers and percent-encoded text. */

bool http_header(const struct http_request *request, const char *name, struct span *out_value)
{
    return h1_find(request->head, name, out_value);
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One decoded byte at text[*at], which moves behind it; negative when the encoding is broken or gives a NUL. */
static int decode_byte(struct span text, size_t *at, bool plus)
{
    uint8_t c = text.data[*at];
    *at += 1;
    if (c == '+' && plus) {
        return ' ';
    }
    if (c != '%') {
        return c == 0 ? -1 : c;
    }
    int high = *at < text.size ? hex_value(text.data[*at]) : -1;
    int low = *at + 1 < text.size ? hex_value(text.data[*at + 1]) : -1;
    *at += 2;
    return high < 0 || low < 0 || high * 16 + low == 0 ? -1 : high * 16 + low;
}

static struct status decode(struct span text, bool plus, char *out_text, size_t size)
{
    size_t used = 0;
    for (size_t pass = 0; pass < 2; pass++) {
        used = 0;
        for (size_t at = 0; at < text.size;) {
            int c = decode_byte(text, &at, plus);
            if (c < 0 || used + 1 >= size) {
                return STATUS_MAKE(STATUS_INVALID);
            }
            if (pass == 1) {
                out_text[used] = (char)c;
            }
            used++;
        }
    }
    if (size == 0) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    out_text[used] = 0;
    return status_ok();
}

struct status http_decode_segment(struct span text, char *out_text, size_t size)
{
    return decode(text, false, out_text, size);
}

/* True when the encoded name decodes to `name`. */
static bool is_name(struct span encoded, const char *name)
{
    size_t at = 0;
    while (at < encoded.size) {
        int c = decode_byte(encoded, &at, true);
        if (c < 0 || *name == 0 || c != (uint8_t)*name) {
            return false;
        }
        name++;
    }
    return *name == 0;
}

static size_t find(struct span text, uint8_t c)
{
    const uint8_t *at = text.size == 0 ? NULL : memchr(text.data, c, text.size);
    return at ? (size_t)(at - text.data) : text.size;
}

struct status http_query_value(struct span query, const char *name, char *out_text, size_t size)
{
    while (query.size > 0) {
        size_t end = find(query, '&');
        struct span pair = span_of(query.data, end);
        size_t equals = find(pair, '=');
        if (is_name(span_of(pair.data, equals), name)) {
            size_t from = equals < pair.size ? equals + 1 : equals;
            return decode(span_of(pair.data + from, pair.size - from), true, out_text, size);
        }
        query = end < query.size ? span_of(query.data + end + 1, query.size - end - 1) : (struct span){0};
    }
    return STATUS_MAKE(STATUS_NOT_FOUND);
}
