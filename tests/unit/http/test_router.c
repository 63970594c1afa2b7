/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_http */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "node/http/router.h"

/* Covers node/http/router.c and query.c. */

static void nothing(void *owner, struct http_request *request, struct span rest)
{
    (void)owner;
    (void)request;
    (void)rest;
}

static const struct http_route routes[] = {
    {HTTP_GET, "/healthz", 1u << 2, nothing}, {HTTP_POST, "/sync/v1/push", 0, nothing},
    {HTTP_GET, "/log/*", 0, nothing},         {HTTP_GET, "/", 0, nothing},
    {HTTP_PUT, "/blob/*", 0, nothing},        {HTTP_GET, "/blob/*", 0, nothing},
};

static void finding_takes_method_path_and_listener(void **state)
{
    static const struct {
        enum http_method method;
        const char *path;
        size_t listener;
        int found;
        const char *rest;
        unsigned status;
    } cases[] = {
        {HTTP_GET, "/healthz", 2, 0, "", 0},
        {HTTP_GET, "/healthz", 1, -1, "", 404},
        {HTTP_GET, "/healthz/", 2, -1, "", 404},
        {HTTP_POST, "/healthz", 2, -1, "", 405},
        {HTTP_POST, "/sync/v1/push", 0, 1, "", 0},
        {HTTP_GET, "/sync/v1/push", 0, -1, "", 405},
        {HTTP_GET, "/log/x/checkpoint", 0, 2, "x/checkpoint", 0},
        {HTTP_HEAD, "/log/", 0, 2, "", 0},
        {HTTP_GET, "/log", 0, -1, "", 404},
        {HTTP_GET, "/", 0, 3, "", 0},
        {HTTP_GET, "/x", 0, -1, "", 404},
        {HTTP_PUT, "/blob/ab", 0, 4, "ab", 0},
        {HTTP_GET, "/blob/ab", 0, 5, "ab", 0},
        {HTTP_DELETE, "/blob/ab", 0, -1, "", 405},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_request request = {
            .method = cases[i].method, .path = span_text(cases[i].path), .listener = cases[i].listener};
        struct span rest = {0};
        unsigned status = 0;
        const struct http_route *route =
            http_route_find(routes, sizeof routes / sizeof routes[0], &request, &rest, &status);
        assert_int_equal(route ? (int)(route - routes) : -1, cases[i].found);
        assert_true(span_equal(rest, span_text(cases[i].rest)));
        assert_int_equal(status, cases[i].status);
    }
}

static void assert_value(const char *query, const char *name, size_t size, enum status_code code, const char *expected)
{
    char text[64] = "untouched";
    assert_true(size <= sizeof text);
    struct status status = http_query_value(span_text(query), name, text, size);
    if (status.code != code) {
        fail_msg("%s of %s: status %d", name, query, (int)status.code);
    }
    assert_string_equal(text, code == STATUS_OK ? expected : "untouched");
}

static void values_of_a_query_are_decoded(void **state)
{
    (void)state;
    assert_value("a=1&b=2", "a", 64, STATUS_OK, "1");
    assert_value("a=1&b=2", "b", 64, STATUS_OK, "2");
    assert_value("a=1&b=2", "c", 64, STATUS_NOT_FOUND, "");
    assert_value("", "a", 64, STATUS_NOT_FOUND, "");
    assert_value("a", "a", 64, STATUS_OK, "");
    assert_value("a=&b", "a", 64, STATUS_OK, "");
    assert_value("a=1&a=2", "a", 64, STATUS_OK, "1");
    assert_value("aa=1&a=2", "a", 64, STATUS_OK, "2");
    assert_value("q=jalan+rusak%20di%2Bini%3D", "q", 64, STATUS_OK, "jalan rusak di+ini=");
    assert_value("x%5B1%5D=y", "x[1]", 64, STATUS_OK, "y");
    assert_value("&&a=1&", "a", 64, STATUS_OK, "1");
    assert_value("a==b", "a", 64, STATUS_OK, "=b");
}

static void broken_or_long_values_are_refused(void **state)
{
    (void)state;
    assert_value("a=%", "a", 64, STATUS_INVALID, "");
    assert_value("a=%4", "a", 64, STATUS_INVALID, "");
    assert_value("a=%g1", "a", 64, STATUS_INVALID, "");
    assert_value("a=x%00y", "a", 64, STATUS_INVALID, "");
    assert_value("a=1234", "a", 4, STATUS_INVALID, "");
    assert_value("a=123", "a", 4, STATUS_OK, "123");
    assert_value("a=", "a", 0, STATUS_INVALID, "");
}

static void a_path_segment_keeps_its_plus(void **state)
{
    char text[16];
    (void)state;
    assert_true(status_is_ok(http_decode_segment(span_text("a+b%2Fc"), text, sizeof text)));
    assert_string_equal(text, "a+b/c");
    assert_int_equal(http_decode_segment(span_text("%2"), text, sizeof text).code, STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finding_takes_method_path_and_listener),
        cmocka_unit_test(values_of_a_query_are_decoded),
        cmocka_unit_test(broken_or_long_values_are_refused),
        cmocka_unit_test(a_path_segment_keeps_its_plus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
