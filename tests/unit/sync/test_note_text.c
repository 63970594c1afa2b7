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

static void base64_gives_the_values_of_rfc_4648_and_has_one_spelling(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < 7; i++) {
        struct buffer buffer;
        struct span text;
        struct span bytes;
        buffer_init(&buffer, &arena);
        base64_write(&buffer, span_text(pairs[i][0]));
        assert_true(status_is_ok(buffer_end(&buffer, &text)));
        span_is(text, pairs[i][1]);
        assert_true(status_is_ok(base64_read(text, &arena, &bytes)));
        span_is(bytes, pairs[i][0]);
    }
    static const char *const bad[] = {"Z",    "Zg",       "Zg=",    "Zh==", "Zm9=", "====",   "Z===",
                                      "=g==", "Zg==Zg==", "Zm9v\n", "Zm 9", "Zm-_", "Zg==\n", "Zm9vYg=a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct span bytes;
        if (status_is_ok(base64_read(span_text(bad[i]), &arena, &bytes))) {
            fail_msg("case %zu is read", i);
        }
    }
}

/* Every accepted four digits are the spelling that would be written. */
static void what_base64_reads_it_writes_back(void **state)
{
    (void)state;
    static const char digits[] = "AQgwZaz09+/=B*";
    const size_t count = sizeof digits - 1;
    size_t accepted = 0;
    struct arena scratch;
    arena_init(&scratch, memory_heap(), SIZE_MAX);
    for (size_t i = 0; i < count * count * count * count; i++) {
        const char text[4] = {digits[i % count], digits[i / count % count], digits[i / count / count % count],
                              digits[i / count / count / count]};
        struct span bytes;
        struct span again;
        struct buffer buffer;
        arena_clear(&scratch);
        if (!status_is_ok(base64_read(span_of(text, 4), &scratch, &bytes))) {
            continue;
        }
        accepted++;
        buffer_init(&buffer, &scratch);
        base64_write(&buffer, bytes);
        assert_true(status_is_ok(buffer_end(&buffer, &again)));
        assert_true(span_equal(again, span_of(text, 4)));
    }
    arena_release(&scratch);
    assert_true(accepted > 1000);
}

static void decimals_have_one_spelling(void **state)
{
    (void)state;
    const uint64_t values[] = {0, 1, 9, 10, 1234567890, LIMIT_TREE_SIZE, 9999999999999999999u};
    static const char *const texts[] = {
        "0", "1", "9", "10", "1234567890", "4611686018427387904", "9999999999999999999"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct buffer buffer;
        struct span text;
        uint64_t value;
        buffer_init(&buffer, &arena);
        decimal_write(&buffer, values[i]);
        assert_true(status_is_ok(buffer_end(&buffer, &text)));
        span_is(text, texts[i]);
        assert_true(status_is_ok(decimal_read(text, &value)));
        assert_int_equal(value, values[i]);
    }
    static const char *const bad[] = {"", "00", "01", "+1", "-1", " 1", "1 ", "1.0", "1a", "a", "10000000000000000000"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t value = 77;
        assert_int_equal(decimal_read(span_text(bad[i]), &value).code, STATUS_INVALID);
        assert_int_equal(value, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_gives_the_values_of_rfc_4648_and_has_one_spelling),
        cmocka_unit_test(what_base64_reads_it_writes_back),
        cmocka_unit_test(decimals_have_one_spelling),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
