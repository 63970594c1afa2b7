/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_http */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/http/h1_transcript.h"

/* Covers node/http/h1.c. */

static size_t piece_whole(void *owner)
{
    (void)owner;
    return SIZE_MAX;
}

static size_t piece_one(void *owner)
{
    (void)owner;
    return 1;
}

/* xorshift: mostly short pieces, sometimes long ones. */
static size_t piece_random(void *owner)
{
    uint64_t *x = owner;
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return 1 + (*x >> 20) % (*x % 4 == 0 ? 200 : 9);
}

static char *whole(struct span input, uint64_t body_max)
{
    return transcript_of(input, body_max, piece_whole, NULL);
}

static void assert_transcript(const char *input, const char *expected)
{
    char *text = whole(span_text(input), 1000);
    assert_string_equal(text, expected);
    free(text);
}

static void a_simple_request_is_read(void **state)
{
    (void)state;
    assert_transcript("GET /a/b?c=d&e HTTP/1.1\r\nHost: hub\r\nX-One:  two \t\r\n\r\n",
                      "GET /a/b?c=d&e;Host=hub;X-One=two END\n");
}

static void a_body_with_its_length_is_read(void **state)
{
    (void)state;
    assert_transcript("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
                      "POST /?;Host=h;Content-Length=5 [hello]END\n");
    assert_transcript("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
                      "POST /?;Host=h;Content-Length=0 END\n");
    assert_transcript("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel",
                      "POST /?;Host=h;Content-Length=5 [hel");
}

static void a_chunked_body_is_joined(void **state)
{
    (void)state;
    assert_transcript(
        "PUT /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n",
        "PUT /x?;host=h;transfer-encoding=Chunked [abc0123456789]END\n");
}

static void pipelined_requests_follow_each_other(void **state)
{
    (void)state;
    assert_transcript(
        "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\nHost: h\r\nConnection: x, "
        "Close\r\n\r\nDELETE /3 HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /1?;Host=h;Content-Length=2 [ab]END\nGET /2?;Host=h;Connection=x, Close close END\nDELETE "
        "/3?;Host=h END\n");
}

static void a_zero_byte_in_a_body_is_data(void **state)
{
    (void)state;
    static const char input[] = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n\0\n\r";
    char *text = whole(span_of(input, sizeof input - 1), 10);
    assert_non_null(strstr(text, "[\1\n\r]END\n"));
    free(text);
}

#define OK_LINE "POST / HTTP/1.1\r\n"
#define OK_HOST OK_LINE "Host: h\r\n"
#define CHUNKED OK_HOST "Transfer-Encoding: chunked\r\n\r\n"

/* Each is refused, and nothing of it is given out as a request's end. `size` 0: a C string. */
static const struct {
    const char *name;
    unsigned error;
    const char *input;
    size_t size;
} refused[] = {
    {"length and coding", 400, OK_HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0},
    {"coding and length", 400, OK_HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 0},
    {"two lengths", 400, OK_HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 0},
    {"two equal lengths", 400, OK_HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 0},
    {"length list", 400, OK_HOST "Content-Length: 3, 3\r\n\r\nabc", 0},
    {"length with plus", 400, OK_HOST "Content-Length: +3\r\n\r\nabc", 0},
    {"length with minus", 400, OK_HOST "Content-Length: -3\r\n\r\nabc", 0},
    {"length in hexadecimal", 400, OK_HOST "Content-Length: 0x3\r\n\r\nabc", 0},
    {"length with leading zero", 400, OK_HOST "Content-Length: 03\r\n\r\nabc", 0},
    {"length empty", 400, OK_HOST "Content-Length:\r\n\r\n", 0},
    {"length with a space inside", 400, OK_HOST "Content-Length: 1 1\r\n\r\nabc", 0},
    {"length beyond 64 bits", 400, OK_HOST "Content-Length: 18446744073709551619\r\n\r\nabc", 0},
    {"length of a fraction", 400, OK_HOST "Content-Length: 3.0\r\n\r\nabc", 0},
    {"two codings", 400, OK_HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 0},
    {"coding list", 400, OK_HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0},
    {"coding twice in a list", 400, OK_HOST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 0},
    {"coding identity", 400, OK_HOST "Transfer-Encoding: identity\r\n\r\n", 0},
    {"coding misspelt", 400, OK_HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 0},
    {"coding with a vertical tab", 400,
     OK_HOST "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n0\r\n\r\n",
     0},
    {"coding empty", 400, OK_HOST "Transfer-Encoding:\r\n\r\n", 0},
    {"coding quoted", 400, OK_HOST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 0},
    {"coding with parameter", 400, OK_HOST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 0},
    {"coding name with space before colon", 400, OK_HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 0},
    {"coding name with tab before colon", 400, OK_HOST "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", 0},
    {"body of GET", 400, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 0},
    {"chunked body of HEAD", 400, "HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0},
    {"folded header", 400, OK_HOST "X: a\r\n b\r\n\r\n", 0},
    {"folded header with tab", 400, OK_HOST "X: a\r\n\tb\r\n\r\n", 0},
    {"folded coding", 400, OK_HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 0},
    {"first header begins with a space", 400, OK_LINE " Host: h\r\n\r\n", 0},
    {"bare line feed after the request line", 400, "GET / HTTP/1.1\nHost: h\r\n\r\n", 0},
    {"bare line feed in headers", 400, OK_HOST "X: a\nY: b\r\n\r\n", 0},
    {"bare line feeds at the end", 400, OK_HOST "\n\n", 0},
    {"bare carriage return in a value", 400, OK_HOST "X: a\rb\r\n\r\n", 0},
    {"bare carriage return before CR LF", 400, OK_HOST "X: a\r\r\n\r\n", 0},
    {"empty line first", 400, "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"NUL in a value", 400, OK_HOST "X: a\0b\r\n\r\n", sizeof(OK_HOST "X: a\0b\r\n\r\n") - 1},
    {"NUL in the target", 400, "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", sizeof "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n" - 1},
    {"delete character in a value", 400, OK_HOST "X: a\x7f\r\n\r\n", 0},
    {"header without colon", 400, OK_HOST "X\r\n\r\n", 0},
    {"header without name", 400, OK_HOST ": x\r\n\r\n", 0},
    {"header name with a space", 400, OK_HOST "X Y: x\r\n\r\n", 0},
    {"header name with a bracket", 400, OK_HOST "X(Y): x\r\n\r\n", 0},
    {"header name beyond ASCII", 400, OK_HOST "X\xc3\xa4: x\r\n\r\n", 0},
    {"no Host", 400, OK_LINE "X: y\r\n\r\n", 0},
    {"no header at all", 400, OK_LINE "\r\n", 0},
    {"two Hosts", 400, OK_HOST "Host: h\r\n\r\n", 0},
    {"empty Host", 400, OK_LINE "Host:\r\n\r\n", 0},
    {"Host with a path", 400, OK_LINE "Host: h/x\r\n\r\n", 0},
    {"Host with user", 400, OK_LINE "Host: u@h\r\n\r\n", 0},
    {"Host list", 400, OK_LINE "Host: a, b\r\n\r\n", 0},
    {"two content types", 400, OK_HOST "Content-Type: a\r\nContent-Type: b\r\n\r\n", 0},
    {"expecting something else", 417, OK_HOST "Expect: 200-ok\r\n\r\n", 0},
    {"absolute target", 400, "GET http://h/x HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"absolute target of another host", 400, "GET http://evil/ HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"absolute target with https", 400, "GET https://h HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"authority target", 400, "GET h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"CONNECT", 501, "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"asterisk target", 400, "GET * HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"empty target", 400, "GET  HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"target with a fragment", 400, "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"target with a backslash", 400, "GET /a\\b HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"target with raw UTF-8", 400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"target with a broken percent", 400, "GET /%4 HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"target with a wrong percent", 400, "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"target with an encoded NUL", 400, "GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"target with dots", 400, "GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"target with encoded dots", 400, "GET /a/%2E%2e HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"target with one dot", 400, "GET /./a HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"target with half encoded dots", 400, "GET /.%2e/ HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"two spaces", 400, "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"two spaces before the version", 400, "GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"space behind the version", 400, "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 0},
    {"tabs for spaces", 400, "GET\t/\tHTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"space first", 400, " GET / HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"no version", 400, "GET /\r\nHost: h\r\n\r\n", 0},
    {"HTTP/1.0", 505, "GET / HTTP/1.0\r\nHost: h\r\n\r\n", 0},
    {"HTTP/2 preface", 501, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0},
    {"HTTP/2.0", 505, "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 0},
    {"version in small letters", 400, "GET / http/1.1\r\nHost: h\r\n\r\n", 0},
    {"version with two digits", 400, "GET / HTTP/1.10\r\nHost: h\r\n\r\n", 0},
    {"method in small letters", 501, "get / HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"method unknown", 501, "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"method not a token", 400, "G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"TLS on a plain port", 400, "\x16\x03\x01\x02", 4},
    {"chunk size missing", 400, CHUNKED "\r\n", 0},
    {"chunk size not hexadecimal", 400, CHUNKED "g\r\n", 0},
    {"chunk size with 0x", 400, CHUNKED "0x1\r\na\r\n", 0},
    {"chunk size negative", 400, CHUNKED "-1\r\n", 0},
    {"chunk size with plus", 400, CHUNKED "+1\r\na\r\n", 0},
    {"chunk size with a space before", 400, CHUNKED " 1\r\na\r\n", 0},
    {"chunk size with a space behind", 400, CHUNKED "1 \r\na\r\n", 0},
    {"chunk size with underscore", 400, CHUNKED "1_0\r\na\r\n", 0},
    {"chunk size too long", 400, CHUNKED "000000001\r\na\r\n", 0},
    {"chunk size wrapping", 400, CHUNKED "fffffffffffffffff\r\n", 0},
    {"chunk extension", 400, CHUNKED "1;a=b\r\na\r\n", 0},
    {"chunk size ends with a line feed", 400, CHUNKED "1\na\r\n", 0},
    {"chunk size ends with a carriage return", 400, CHUNKED "1\ra\r\n", 0},
    {"chunk longer than it says", 400, CHUNKED "1\r\nab\r\n0\r\n\r\n", 0},
    {"chunk ends with a line feed", 400, CHUNKED "1\r\na\n0\r\n\r\n", 0},
    {"chunk ends with a carriage return", 400, CHUNKED "1\r\na\r0\r\n\r\n", 0},
    {"trailer", 400, CHUNKED "0\r\nX: y\r\n\r\n", 0},
    {"smuggled trailer", 400, CHUNKED "0\r\nContent-Length: 5\r\n\r\n", 0},
    {"body announced too large", 413, OK_HOST "Content-Length: 1001\r\n\r\n", 0},
    {"chunk announced too large", 413, CHUNKED "3e9\r\n", 0},
};

static struct span refused_input(size_t i)
{
    return span_of(refused[i].input, refused[i].size ? refused[i].size : strlen(refused[i].input));
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    size_t count = sizeof refused / sizeof refused[0];
    assert_true(count >= 60);
    for (size_t i = 0; i < count; i++) {
        struct span input = refused_input(i);
        char expected[16];
        (void)snprintf(expected, sizeof expected, "ERROR %u\n", refused[i].error);
        char *text = whole(input, 1000);
        if (!strstr(text, expected) || strstr(text, "END")) {
            fail_msg("%s: expected %s, got %s", refused[i].name, expected, text);
        }
        free(text);
    }
}

static void a_chunked_body_grows_up_to_its_limit_only(void **state)
{
    (void)state;
    char *good = whole(span_text(CHUNKED "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), 5);
    char *bad = whole(span_text(CHUNKED "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"), 5);
    assert_non_null(strstr(good, "[abcde]END"));
    assert_non_null(strstr(bad, "[abc]ERROR 413"));
    free(good);
    free(bad);
}

/* A request whose head has exactly `size` bytes. */
static char *head_of(size_t size)
{
    static const char front[] = OK_HOST "X: ";
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'a', size);
    memcpy(text, front, sizeof front - 1);
    memcpy(text + size - 4, "\r\n\r\n", 5);
    return text;
}

static void a_head_may_be_as_long_as_the_limit_and_no_longer(void **state)
{
    (void)state;
    char *fits = head_of(LIMIT_HTTP_HEAD);
    char *too_long = head_of(LIMIT_HTTP_HEAD + 1);
    char *good = whole(span_text(fits), 0);
    char *bad = whole(span_text(too_long), 0);
    assert_non_null(strstr(good, "END"));
    assert_string_equal(bad, "ERROR 431\n");
    free(fits);
    free(too_long);
    free(good);
    free(bad);
}

static char *with_fields(size_t count)
{
    char *text = calloc(1, 4096);
    assert_non_null(text);
    size_t size = (size_t)snprintf(text, 4096, OK_HOST);
    for (size_t i = 1; i < count; i++) {
        size += (size_t)snprintf(text + size, 4096 - size, "X: y\r\n");
    }
    (void)snprintf(text + size, 4096 - size, "\r\n");
    return text;
}

static void header_lines_are_bounded(void **state)
{
    (void)state;
    char *fits = with_fields(LIMIT_HTTP_HEADERS);
    char *too_many = with_fields(LIMIT_HTTP_HEADERS + 1);
    char *good = whole(span_text(fits), 0);
    char *bad = whole(span_text(too_many), 0);
    assert_non_null(strstr(good, "END"));
    assert_string_equal(bad, "ERROR 431\n");
    free(fits);
    free(too_many);
    free(good);
    free(bad);
}

static void a_target_is_bounded(void **state)
{
    (void)state;
    char *text = malloc(LIMIT_HTTP_TARGET + 64);
    assert_non_null(text);
    memcpy(text, "GET /", 5);
    memset(text + 5, 'a', LIMIT_HTTP_TARGET);
    memcpy(text + 5 + LIMIT_HTTP_TARGET, " HTTP/1.1\r\nHost: h\r\n\r\n", 23);
    char *bad = whole(span_text(text), 0);
    assert_string_equal(bad, "ERROR 414\n");
    free(text);
    free(bad);
}

static void an_error_is_final(void **state)
{
    (void)state;
    struct h1_parser parser;
    struct h1_head head;
    struct span body = {0};
    size_t consumed = 0;
    h1_init(&parser, 10);
    assert_int_equal(h1_next(&parser, span_text("\n"), &consumed, &head, &body), H1_ERROR);
    assert_int_equal(h1_next(&parser, span_text("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), &consumed, &head, &body),
                     H1_ERROR);
    assert_int_equal(parser.error, 400);
}

static void the_bound_of_a_body_can_be_set_when_its_head_is_known(void **state)
{
    (void)state;
    struct h1_parser parser;
    struct h1_head head;
    struct span body = {0};
    size_t consumed = 0;
    struct span input = span_text(OK_HOST "Content-Length: 11\r\n\r\n");
    h1_init(&parser, UINT64_MAX);
    assert_int_equal(h1_next(&parser, input, &consumed, &head, &body), H1_HEAD);
    assert_true(h1_body_max(&parser, &head, 11));
    assert_false(h1_body_max(&parser, &head, 10));
    assert_int_equal(parser.error, 413);
    assert_int_equal(h1_next(&parser, span_text("x"), &consumed, &head, &body), H1_ERROR);
}

static void assert_same_in_any_split(struct span input, uint64_t seed)
{
    char *expected = whole(input, 1000);
    char *single = transcript_of(input, 1000, piece_one, NULL);
    assert_string_equal(single, expected);
    free(single);
    for (unsigned i = 0; i < 20; i++) {
        uint64_t x = seed * 1000 + i + 1;
        char *text = transcript_of(input, 1000, piece_random, &x);
        assert_string_equal(text, expected);
        free(text);
    }
    free(expected);
}

static void any_split_of_the_bytes_gives_the_same_events(void **state)
{
    (void)state;
    static const char *const good[] = {
        "GET /a?b HTTP/1.1\r\nHost: h\r\n\r\nGET /c HTTP/1.1\r\nHost: h\r\n\r\n",
        OK_HOST "Content-Length: 40\r\n\r\n0123456789012345678901234567890123456789" OK_HOST "\r\n",
        CHUNKED "3\r\nabc\r\n00000010\r\n0123456789abcdef\r\n0\r\n\r\n" CHUNKED "1\r\na\r\n0\r\n\r\n",
        CHUNKED "3\r\nabc\r\n5\r\nab",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_same_in_any_split(span_text(good[i]), i);
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_same_in_any_split(refused_input(i), 100 + i);
    }
    char *too_long = head_of(LIMIT_HTTP_HEAD + 1);
    assert_same_in_any_split(span_text(too_long), 1);
    free(too_long);
}

/* Bytes of good requests with some changed: most are refused, in every split at the same place. */
static void damaged_requests_give_the_same_events_in_any_split(void **state)
{
    (void)state;
    static const char good[] =
        OK_HOST "Content-Length: 4\r\n\r\nabcd" CHUNKED "3\r\nabc\r\n0\r\n\r\nGET /%41?x HTTP/1.1\r\nHost: "
                "h\r\nConnection: close\r\n\r\n";
    static const char bytes[] = "\r\n\0 \t:;0123aHT/%.-,";
    uint64_t x = 42;
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t input[sizeof good - 1];
        memcpy(input, good, sizeof input);
        for (size_t k = 0; k < 1 + i % 3; k++) {
            size_t at = (piece_random(&x) * 31 + x) % sizeof input;
            input[at] = (uint8_t)bytes[(x >> 9) % (sizeof bytes - 1)];
        }
        assert_same_in_any_split(span_of(input, sizeof input), i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_simple_request_is_read),
        cmocka_unit_test(a_body_with_its_length_is_read),
        cmocka_unit_test(a_chunked_body_is_joined),
        cmocka_unit_test(pipelined_requests_follow_each_other),
        cmocka_unit_test(a_zero_byte_in_a_body_is_data),
        cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(a_chunked_body_grows_up_to_its_limit_only),
        cmocka_unit_test(a_head_may_be_as_long_as_the_limit_and_no_longer),
        cmocka_unit_test(header_lines_are_bounded),
        cmocka_unit_test(a_target_is_bounded),
        cmocka_unit_test(an_error_is_final),
        cmocka_unit_test(the_bound_of_a_body_can_be_set_when_its_head_is_known),
        cmocka_unit_test(any_split_of_the_bytes_gives_the_same_events),
        cmocka_unit_test(damaged_requests_give_the_same_events_in_any_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
