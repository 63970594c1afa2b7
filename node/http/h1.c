/* SPDX-License-Identifier: Apache-2.0 */
#include "node/http/h1.h"

#include <assert.h>

static const char *const method_names[] = {"GET", "HEAD", "POST", "PUT", "DELETE"};

const char *http_method_name(enum http_method method)
{
    return method_names[method];
}

void h1_init(struct h1_parser *parser, uint64_t body_max)
{
    *parser = (struct h1_parser){.state = H1_STATE_HEAD, .body_max = body_max};
}

static enum h1_event refuse(struct h1_parser *parser, unsigned error, const char *reason)
{
    parser->state = H1_STATE_ERROR;
    parser->error = error;
    parser->reason = reason;
    return H1_ERROR;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_one_of(uint8_t c, const char *set)
{
    return c != 0 && memchr(set, c, strlen(set)) != NULL;
}

/* RFC 9110 section 5.6.2. */
static bool is_token_char(uint8_t c)
{
    return is_digit(c) || is_alpha(c) || is_one_of(c, "!#$%&'*+-.^_`|~");
}

static bool is_token(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_token_char(text.data[i])) {
            return false;
        }
    }
    return text.size > 0;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool h1_same(struct span a, const char *b)
{
    if (a.size != strlen(b)) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (lower(a.data[i]) != lower((uint8_t)b[i])) {
            return false;
        }
    }
    return true;
}

bool h1_find(const struct h1_head *head, const char *name, struct span *out_value)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (h1_same(head->fields[i].name, name)) {
            *out_value = head->fields[i].value;
            return true;
        }
    }
    return false;
}

static int hex_value(uint8_t c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986: unreserved, sub-delims, ':', '@', '/'. */
static bool is_path_char(uint8_t c)
{
    return is_digit(c) || is_alpha(c) || is_one_of(c, "-._~!$&'()*+,;=:@/");
}

/* Every byte allowed and every percent-encoding whole and not a NUL. `extra` are allowed beside the path's characters.
 */
static bool is_target_text(struct span text, const char *extra)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c != '%') {
            if (!is_path_char(c) && !is_one_of(c, extra)) {
                return false;
            }
            continue;
        }
        if (text.size - i < 3 || hex_value(text.data[i + 1]) < 0 || hex_value(text.data[i + 2]) < 0 ||
            (text.data[i + 1] == '0' && text.data[i + 2] == '0')) {
            return false;
        }
        i += 2;
    }
    return true;
}

/* How many bytes at the front of `text` stand for one dot: 1, 3 ("%2e") or 0. */
static size_t dot_size(struct span text)
{
    if (text.size >= 1 && text.data[0] == '.') {
        return 1;
    }
    return text.size >= 3 && text.data[0] == '%' && text.data[1] == '2' && lower(text.data[2]) == 'e' ? 3 : 0;
}

static struct span span_from(struct span text, size_t at)
{
    return at == 0 ? text : span_of(text.data + at, text.size - at);
}

static bool is_dot_segment(struct span segment)
{
    size_t first = dot_size(segment);
    if (first == 0 || first == segment.size) {
        return first != 0;
    }
    size_t second = dot_size(span_from(segment, first));
    return second != 0 && first + second == segment.size;
}

static bool has_dot_segment(struct span path)
{
    size_t start = 1;
    for (size_t i = 1; i <= path.size; i++) {
        if (i == path.size || path.data[i] == '/') {
            if (is_dot_segment(span_of(path.data + start, i - start))) {
                return true;
            }
            start = i + 1;
        }
    }
    return false;
}

static size_t find(struct span text, uint8_t c)
{
    const uint8_t *at = text.size == 0 ? NULL : memchr(text.data, c, text.size);
    return at ? (size_t)(at - text.data) : text.size;
}

static enum h1_event parse_target(struct h1_parser *parser, struct span target, struct h1_head *head)
{
    if (target.size > LIMIT_HTTP_TARGET) {
        return refuse(parser, 414, "the address is too long");
    }
    if (target.size == 0 || target.data[0] != '/') {
        return refuse(parser, 400, "the address must begin with a slash");
    }
    size_t mark = find(target, '?');
    head->path = span_of(target.data, mark);
    head->query = mark < target.size ? span_from(target, mark + 1) : span_of(target.data + mark, 0);
    if (!is_target_text(head->path, "") || !is_target_text(head->query, "?[]")) {
        return refuse(parser, 400, "the address has a character that must be percent-encoded");
    }
    if (has_dot_segment(head->path)) {
        return refuse(parser, 400, "the address has a dot segment");
    }
    return H1_HEAD;
}

static enum h1_event parse_method(struct h1_parser *parser, struct span text, struct h1_head *head)
{
    if (!is_token(text)) {
        return refuse(parser, 400, "the request line does not begin with a method");
    }
    for (size_t i = 0; i < sizeof method_names / sizeof method_names[0]; i++) {
        if (span_equal(text, span_text(method_names[i]))) {
            head->method = (enum http_method)i;
            return H1_HEAD;
        }
    }
    return refuse(parser, 501, "the method is not known here");
}

static enum h1_event parse_version(struct h1_parser *parser, struct span text)
{
    if (span_equal(text, span_text("HTTP/1.1"))) {
        return H1_HEAD;
    }
    bool other = text.size == 8 && memcmp(text.data, "HTTP/", 5) == 0 && is_digit(text.data[5]) &&
                 text.data[6] == '.' && is_digit(text.data[7]);
    return other ? refuse(parser, 505, "only HTTP/1.1 is spoken here")
                 : refuse(parser, 400, "the request line does not end with a version");
}

/* method SP target SP version, with exactly one space each. */
static enum h1_event parse_request_line(struct h1_parser *parser, struct span line, struct h1_head *head)
{
    size_t first = find(line, ' ');
    struct span rest = first < line.size ? span_from(line, first + 1) : span_of(line.data + line.size, 0);
    size_t second = find(rest, ' ');
    if (second == rest.size) {
        return refuse(parser, 400, "the request line is not complete");
    }
    enum h1_event event = parse_method(parser, span_of(line.data, first), head);
    if (event == H1_HEAD) {
        event = parse_target(parser, span_of(rest.data, second), head);
    }
    return event == H1_HEAD ? parse_version(parser, span_from(rest, second + 1)) : event;
}

static struct span trim(struct span text)
{
    while (text.size > 0 && is_one_of(text.data[0], " \t")) {
        text = span_from(text, 1);
    }
    while (text.size > 0 && is_one_of(text.data[text.size - 1], " \t")) {
        text.size--;
    }
    return text;
}

static enum h1_event parse_field(struct h1_parser *parser, struct span line, struct h1_head *head)
{
    size_t colon = find(line, ':');
    struct span name = span_of(line.data, colon);
    if (colon == line.size || !is_token(name)) {
        return refuse(parser, 400, "a header line is folded, has no colon, or has a space in its name");
    }
    if (head->field_count == LIMIT_HTTP_HEADERS) {
        return refuse(parser, 431, "too many header lines");
    }
    head->fields[head->field_count++] = (struct h1_field){.name = name, .value = trim(span_from(line, colon + 1))};
    return H1_HEAD;
}

/* 1 when there, 0 when not, 2 when there twice. */
static unsigned find_single(const struct h1_head *head, const char *name, struct span *out_value)
{
    unsigned count = 0;
    for (size_t i = 0; i < head->field_count && count < 2; i++) {
        if (h1_same(head->fields[i].name, name)) {
            *out_value = head->fields[i].value;
            count++;
        }
    }
    return count;
}

static bool is_host(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i]) && !is_alpha(text.data[i]) && !is_one_of(text.data[i], "-._:[]")) {
            return false;
        }
    }
    return text.size > 0;
}

static bool parse_length(struct span text, uint64_t *out_length)
{
    /* 18 digits cannot overflow; a leading zero is a number that two readers may take for different ones. */
    if (text.size == 0 || text.size > 18 || (text.size > 1 && text.data[0] == '0')) {
        return false;
    }
    uint64_t length = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i])) {
            return false;
        }
        length = length * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out_length = length;
    return true;
}

/* RFC 9112 section 6: where the body ends, and nothing that could be read in another way. */
static enum h1_event parse_framing(struct h1_parser *parser, struct h1_head *head)
{
    struct span length = {0};
    struct span coding = {0};
    unsigned lengths = find_single(head, "content-length", &length);
    unsigned codings = find_single(head, "transfer-encoding", &coding);
    if (lengths > 1 || codings > 1 || (lengths == 1 && codings == 1)) {
        return refuse(parser, 400, "the length of the body is stated twice");
    }
    if (codings == 1 && !h1_same(coding, "chunked")) {
        return refuse(parser, 400, "the transfer coding is not chunked");
    }
    if (lengths == 1 && !parse_length(length, &head->content_length)) {
        return refuse(parser, 400, "Content-Length is not a plain number");
    }
    head->chunked = codings == 1;
    bool has_body = head->chunked || head->content_length > 0;
    if (has_body && (head->method == HTTP_GET || head->method == HTTP_HEAD)) {
        return refuse(parser, 400, "this method has no body");
    }
    return H1_HEAD;
}

/* True when the comma-separated list has `token`. */
static bool list_has(struct span list, const char *token)
{
    for (;;) {
        size_t comma = find(list, ',');
        if (h1_same(trim(span_of(list.data, comma)), token)) {
            return true;
        }
        if (comma == list.size) {
            return false;
        }
        list = span_from(list, comma + 1);
    }
}

static enum h1_event parse_meaning(struct h1_parser *parser, struct h1_head *head)
{
    static const char *const singles[] = {"content-type", "authorization", "range"};
    struct span value = {0};
    if (find_single(head, "host", &value) != 1 || !is_host(value)) {
        return refuse(parser, 400, "exactly one Host header is required");
    }
    for (size_t i = 0; i < sizeof singles / sizeof singles[0]; i++) {
        if (find_single(head, singles[i], &value) > 1) {
            return refuse(parser, 400, "a header that must stand alone is there twice");
        }
    }
    for (size_t i = 0; i < head->field_count; i++) {
        head->close =
            head->close || (h1_same(head->fields[i].name, "connection") && list_has(head->fields[i].value, "close"));
    }
    unsigned expects = find_single(head, "expect", &value);
    head->expect_continue = expects == 1 && h1_same(value, "100-continue");
    if (expects > 0 && !head->expect_continue) {
        return refuse(parser, 417, "only 100-continue can be expected");
    }
    return parse_framing(parser, head);
}

/* `text` ends with CRLFCRLF, and every CR in it is followed by LF and the reverse. */
static enum h1_event parse_head(struct h1_parser *parser, struct span text, struct h1_head *head)
{
    *head = (struct h1_head){0};
    bool first = true;
    for (size_t at = 0; at < text.size - 2;) {
        size_t size = find(span_from(text, at), '\r');
        struct span line = span_of(text.data + at, size);
        enum h1_event event = first ? parse_request_line(parser, line, head) : parse_field(parser, line, head);
        if (event != H1_HEAD) {
            return event;
        }
        first = false;
        at += size + 2;
    }
    return parse_meaning(parser, head);
}

/* Looks at one byte of the head. H1_MORE: go on; H1_HEAD: it is the last one. What it says depends only on the bytes up
 * to here, so that an error comes at the same byte however they arrive. */
static enum h1_event scan_byte(struct h1_parser *parser, const uint8_t *data, size_t at)
{
    uint8_t c = data[at];
    uint8_t before = at > 0 ? data[at - 1] : 0;
    if (at >= LIMIT_HTTP_HEAD) {
        return refuse(parser, 431, "the request's head is too long");
    }
    if ((c == '\n') != (before == '\r')) {
        return refuse(parser, 400, "a line does not end with CR LF");
    }
    if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f) {
        return refuse(parser, 400, "a control character is in the head");
    }
    if (c == '\n' && at == 1) {
        return refuse(parser, 400, "an empty line stands before the request");
    }
    return c == '\n' && at >= 3 && data[at - 2] == '\n' ? H1_HEAD : H1_MORE;
}

static enum h1_event begin_body(struct h1_parser *parser, const struct h1_head *head)
{
    parser->body_size = 0;
    parser->left = head->chunked ? 0 : head->content_length;
    parser->state = head->chunked ? H1_STATE_CHUNK_SIZE : H1_STATE_FIXED;
    if (parser->left > parser->body_max) {
        return refuse(parser, 413, "the body is too large");
    }
    return H1_HEAD;
}

bool h1_body_max(struct h1_parser *parser, const struct h1_head *head, uint64_t body_max)
{
    parser->body_max = body_max;
    return parser->state != H1_STATE_ERROR && begin_body(parser, head) == H1_HEAD;
}

static enum h1_event next_head(struct h1_parser *parser, struct span input, size_t *out_consumed,
                               struct h1_head *out_head)
{
    assert(parser->scanned <= input.size);
    for (size_t i = parser->scanned; i < input.size; i++) {
        enum h1_event event = scan_byte(parser, input.data, i);
        if (event == H1_HEAD) {
            parser->scanned = 0;
            *out_consumed = i + 1;
            event = parse_head(parser, span_of(input.data, i + 1), out_head);
            return event == H1_HEAD ? begin_body(parser, out_head) : event;
        }
        if (event == H1_ERROR) {
            return event;
        }
    }
    parser->scanned = input.size;
    return H1_MORE;
}

/* 1 to 8 hexadecimal digits, CRLF. A chunk extension has no use between us and is where readers differ. */
static enum h1_event next_chunk_size(struct h1_parser *parser, struct span input, size_t *out_consumed)
{
    uint64_t size = 0;
    size_t digits = 0;
    while (digits < input.size && hex_value(input.data[digits]) >= 0) {
        if (digits == 8) {
            return refuse(parser, 400, "a chunk size has too many digits");
        }
        size = size * 16 + (uint64_t)hex_value(input.data[digits]);
        digits++;
    }
    if (digits == input.size) {
        return H1_MORE;
    }
    if (digits == 0 || input.data[digits] != '\r' || (digits + 1 < input.size && input.data[digits + 1] != '\n')) {
        return refuse(parser, 400, "a chunk size is not a plain hexadecimal number");
    }
    if (digits + 1 == input.size) {
        return H1_MORE;
    }
    if (size > parser->body_max - parser->body_size) {
        return refuse(parser, 413, "the body is too large");
    }
    *out_consumed = digits + 2;
    parser->left = size;
    parser->state = size == 0 ? H1_STATE_LAST_CRLF : H1_STATE_CHUNK_DATA;
    return H1_MORE;
}

static enum h1_event next_crlf(struct h1_parser *parser, struct span input, size_t *out_consumed)
{
    if (input.size >= 1 && input.data[0] != '\r') {
        return refuse(parser, 400, "a chunk does not end where it said, or has trailers");
    }
    if (input.size >= 2 && input.data[1] != '\n') {
        return refuse(parser, 400, "a chunk does not end with CR LF");
    }
    if (input.size >= 2) {
        *out_consumed = 2;
        parser->state = parser->state == H1_STATE_LAST_CRLF ? H1_STATE_END : H1_STATE_CHUNK_SIZE;
    }
    return H1_MORE;
}

static enum h1_event next_data(struct h1_parser *parser, struct span input, size_t *out_consumed, struct span *out_body)
{
    if (parser->left == 0) {
        parser->state = parser->state == H1_STATE_FIXED ? H1_STATE_END : H1_STATE_CHUNK_CRLF;
        return H1_MORE;
    }
    if (input.size == 0) {
        return H1_MORE;
    }
    size_t size = parser->left < input.size ? (size_t)parser->left : input.size;
    *out_body = span_of(input.data, size);
    *out_consumed = size;
    parser->left -= size;
    parser->body_size += size;
    return H1_BODY;
}

static enum h1_event step(struct h1_parser *parser, struct span input, size_t *out_consumed, struct h1_head *out_head,
                          struct span *out_body)
{
    switch (parser->state) {
    case H1_STATE_HEAD:
        return next_head(parser, input, out_consumed, out_head);
    case H1_STATE_FIXED:
    case H1_STATE_CHUNK_DATA:
        return next_data(parser, input, out_consumed, out_body);
    case H1_STATE_CHUNK_SIZE:
        return next_chunk_size(parser, input, out_consumed);
    case H1_STATE_CHUNK_CRLF:
    case H1_STATE_LAST_CRLF:
        return next_crlf(parser, input, out_consumed);
    case H1_STATE_END:
        h1_init(parser, parser->body_max);
        return H1_END;
    case H1_STATE_ERROR:
        break;
    }
    return H1_ERROR;
}

enum h1_event h1_next(struct h1_parser *parser, struct span input, size_t *out_consumed, struct h1_head *out_head,
                      struct span *out_body)
{
    size_t total = 0;
    for (;;) {
        enum h1_state before = parser->state;
        size_t consumed = 0;
        enum h1_event event = step(parser, input, &consumed, out_head, out_body);
        total += consumed;
        /* A step that only moved on (a chunk's size, its end) is no event: look again from there. */
        if (event != H1_MORE || parser->state == before) {
            *out_consumed = total;
            return event;
        }
        input = span_from(input, consumed);
    }
}
