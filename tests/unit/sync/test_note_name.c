/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "node/base/heap.h"
#include "sync/note.h"

static struct arena arena;

static int start(void **state)
{
    (void)state;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void span_is(struct span span, const char *text)
{
    assert_int_equal(span.size, strlen(text));
    assert_memory_equal(span.data, text, span.size);
}

static struct stream_id stream_of(const char *node, uint32_t epoch, const char *scope)
{
    struct stream_id stream = {.epoch = epoch};
    memcpy(stream.node.text, node, strlen(node));
    memcpy(stream.scope.text, scope, strlen(scope));
    return stream;
}

static void an_origin_survives_writing_and_parsing(void **state)
{
    (void)state;
    const struct stream_id streams[] = {
        stream_of("64.09", 1, "64.09"),
        stream_of("hub", 4294967295u, "registry"),
        stream_of("abcdefghij.12345", 7, "1234567890123456"),
    };
    static const char *const texts[] = {
        "sync.lapor-2.demo/o/64.09/1/64.09",
        "sync.lapor-2.demo/o/hub/4294967295/registry",
        "sync.lapor-2.demo/o/abcdefghij.12345/7/1234567890123456",
    };
    for (size_t i = 0; i < 3; i++) {
        struct span text;
        struct span deployment;
        struct stream_id stream;
        assert_true(status_is_ok(origin_write(span_text("lapor-2.demo"), &streams[i], &arena, &text)));
        span_is(text, texts[i]);
        assert_true(status_is_ok(origin_parse(text, &deployment, &stream)));
        span_is(deployment, "lapor-2.demo");
        assert_true(stream_id_equal(stream, streams[i]));
    }
}

static void what_no_origin_is_written_as_does_not_parse(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "sync.",
        "sync.demo",
        "sync.demo/o",
        "sync.demo/o/64.09/1",
        "sync.demo/o/64.09/1/",
        "sync.demo/o/64.09//64.09",
        "sync.demo/o//1/64.09",
        "sync./o/64.09/1/64.09",
        "sync.demo/w/64.09/1/64.09",
        "sync.demo/o/64.09/1/64.09/",
        "sync.demo/o/64.09/1/64.09/x",
        "sync.demo/o/64.09/0/64.09",
        "sync.demo/o/64.09/01/64.09",
        "sync.demo/o/64.09/+1/64.09",
        "sync.demo/o/64.09/4294967296/64.09",
        "sync.demo/o/64.09/99999999999999999999/64.09",
        "sync.Demo/o/64.09/1/64.09",
        "sync.demo/o/64_09/1/64.09",
        "sync.demo/o/64.09/1/12345678901234567",
        "Sync.demo/o/64.09/1/64.09",
        "demo/o/64.09/1/64.09",
        "sync.demo\n/o/64.09/1/64.09",
    };
    struct span deployment;
    struct stream_id stream;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (status_is_ok(origin_parse(span_text(bad[i]), &deployment, &stream))) {
            fail_msg("case %zu parses", i);
        }
    }
    assert_false(status_is_ok(origin_parse((struct span){NULL, 0}, &deployment, &stream)));
    struct span text;
    const struct stream_id wrong[] = {stream_of("64.09", 0, "64.09"), stream_of("", 1, "64.09"),
                                      stream_of("64.09", 1, ""), stream_of("A", 1, "b")};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(origin_write(span_text("demo"), &wrong[i], &arena, &text).code, STATUS_INVALID);
    }
    struct stream_id right = stream_of("64.09", 1, "64.09");
    assert_int_equal(origin_write(span_text("de/mo"), &right, &arena, &text).code, STATUS_INVALID);
    assert_int_equal(origin_write(span_text(""), &right, &arena, &text).code, STATUS_INVALID);
    char longest[LIMIT_DEPLOYMENT_SIZE + 2] = {0};
    memset(longest, 'a', LIMIT_DEPLOYMENT_SIZE + 1);
    assert_int_equal(origin_write(span_text(longest), &right, &arena, &text).code, STATUS_LIMIT);
}

static void a_cosigner_name_survives_writing_and_parsing(void **state)
{
    (void)state;
    struct node_id node = stream_of("64", 1, "").node;
    struct node_id again;
    struct span name;
    struct span deployment;
    assert_true(status_is_ok(cosigner_name_write(span_text("demo"), node, &arena, &name)));
    span_is(name, "sync.demo/w/64");
    assert_true(status_is_ok(cosigner_name_parse(name, &deployment, &again)));
    assert_true(node_id_equal(node, again));
    static const char *const bad[] = {
        "", "sync.demo/w", "sync.demo/w/", "sync.demo/o/64", "sync.demo/w/64/", "sync.demo/w/6 4"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(status_is_ok(cosigner_name_parse(span_text(bad[i]), &deployment, &again)));
    }
    assert_int_equal(cosigner_name_write(span_text("demo"), (struct node_id){{0}}, &arena, &name).code, STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_survives_writing_and_parsing),
        cmocka_unit_test(what_no_origin_is_written_as_does_not_parse),
        cmocka_unit_test(a_cosigner_name_survives_writing_and_parsing),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
