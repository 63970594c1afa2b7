/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "node/board/board_parts.h"

/* The page's files, compressed at build time and embedded by node/web/assets.S. */

extern const uint8_t web_index[], web_index_end[], web_script[], web_script_end[], web_style[], web_style_end[], web_icon[],
    web_icon_end[];

const struct http_field board_headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; "
     "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
    {"X-Frame-Options", "DENY"},
    {"Strict-Transport-Security", "max-age=31536000"}, /* browsers heed it over TLS only */
};
const size_t board_header_count = sizeof board_headers / sizeof board_headers[0];

enum { FIELDS_MAX = 12, ASSETS = 4 };

struct asset {
    const char *path, *content_type;
    const uint8_t *begin, *end;
    struct http_asset made;
};

static struct asset assets[ASSETS] = {
    {"/", "text/html; charset=utf-8", web_index, web_index_end, {0}},
    {"/app.js", "text/javascript; charset=utf-8", web_script, web_script_end, {0}},
    {"/app.css", "text/css; charset=utf-8", web_style, web_style_end, {0}},
    {"/icon.svg", "image/svg+xml", web_icon, web_icon_end, {0}},
};

static void assets_make(void)
{
    for (size_t i = 0; i < ASSETS; i++) {
        http_asset_init(&assets[i].made, assets[i].content_type,
                        span_of(assets[i].begin, (size_t)(assets[i].end - assets[i].begin)));
    }
}

static bool accepts_gzip(const struct http_request *request)
{
    struct span value = {0};
    return http_header(request, "accept-encoding", &value) && memmem(value.data, value.size, "gzip", 4) != NULL;
}

static void asset_answer(struct board *board, struct http_request *request, const struct asset *asset)
{
    struct http_field fields[FIELDS_MAX];
    size_t count = board_header_count;
    struct span wanted = {0};
    memcpy(fields, board_headers, sizeof board_headers);
    fields[count++] = (struct http_field){"ETag", asset->made.etag};
    fields[count++] = (struct http_field){"Cache-Control", "no-cache"};
    struct http_response response = {.status = 200, .fields = fields};
    if (http_header(request, "if-none-match", &wanted) &&
        memmem(wanted.data, wanted.size, asset->made.etag, strlen(asset->made.etag))) {
        response.status = 304;
    } else {
        fields[count++] = (struct http_field){"Content-Encoding", "gzip"};
        response.content_type = asset->content_type;
        response.body = asset->made.body;
    }
    response.field_count = count;
    (void)http_respond(board->process->server, request->id, &response);
}

bool board_asset(struct board *board, struct http_request *request)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, assets_make);
    for (size_t i = 0; i < ASSETS; i++) {
        if (!span_equal(request->path, span_text(assets[i].path))) {
            continue;
        }
        if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
            (void)http_respond_text(board->process->server, request->id, 405, "GET only");
        } else if (!accepts_gzip(request)) {
            (void)http_respond_text(board->process->server, request->id, 406, "this page needs a browser that accepts gzip");
        } else {
            asset_answer(board, request, &assets[i]);
        }
        return true;
    }
    return false;
}
