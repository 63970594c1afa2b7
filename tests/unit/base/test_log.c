/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "node/base/clock.h"
#include "node/base/log.h"

/* Lines go into a pipe; what follows "level=" is compared, the time only for its form. */
struct capture {
    int ends[2];
    char text[65536];
};

static struct capture capture;

static int capture_start(void **state)
{
    (void)state;
    assert_int_equal(pipe(capture.ends), 0);
    log_output_set(capture.ends[1]);
    log_level_set(LOG_INFO);
    return 0;
}

static int capture_stop(void **state)
{
    (void)state;
    log_output_set(STDERR_FILENO);
    close(capture.ends[0]);
    if (capture.ends[1] >= 0) {
        close(capture.ends[1]);
    }
    return 0;
}

static const char *captured(void)
{
    close(capture.ends[1]);
    capture.ends[1] = -1;
    size_t size = 0;
    ssize_t got;
    while ((got = read(capture.ends[0], capture.text + size, sizeof capture.text - 1 - size)) > 0) {
        size += (size_t)got;
    }
    capture.text[size] = 0;
    return capture.text;
}

static const char *captured_after_time(void)
{
    const char *text = captured();
    assert_memory_equal(text, "time=", 5);
    assert_int_equal(text[5 + 10], 'T');
    assert_int_equal(text[5 + 23], 'Z');
    return text + 5 + 25;
}

static void an_event_is_one_line_of_keys_and_values(void **state)
{
    (void)state;
    LOG(store_opened, log_word("sqlite"), log_bytes(8192), log_ms(12));
    assert_string_equal(captured_after_time(), "level=info event=store_opened kind=sqlite size=8192 took=12ms\n");
}

static void identifiers_are_written_by_their_own_rule(void **state)
{
    (void)state;
    struct hash held = {{0xab, 1}};
    struct node_id node = {"abcdefghijklmnop"}; /* all 16 bytes, no zero behind them */
    LOG(stream_forked, log_node(node), log_scope((struct scope_id){"64.09"}), log_hash(held),
        log_hash((struct hash){{0}}));
    assert_string_equal(captured_after_time(),
                        "level=error event=stream_forked node=abcdefghijklmnop scope=64.09 "
                        "held=ab01000000000000000000000000000000000000000000000000000000000000 "
                        "got=0000000000000000000000000000000000000000000000000000000000000000\n");
}

static void records_and_statuses_and_errors_are_named(void **state)
{
    (void)state;
    struct record_id record = {{0xde, 0xad}};
    LOG(record_conflict, log_record(record), log_count(2));
    LOG(store_failed, log_status(STATUS_MAKE(STATUS_IO)), log_word("disk full"));
    LOG(system_error, log_word("bind"), log_errno(EADDRINUSE));
    const char *text = captured();
    assert_non_null(strstr(text, "record=dead0000000000000000000000000000 registers=2\n"));
    assert_non_null(strstr(text, "event=store_failed status="));
    assert_non_null(strstr(text, "problem=\"disk full\"\n"));
    assert_non_null(strstr(text, "call=bind error=EADDRINUSE\n"));
}

static void a_word_can_break_neither_line_nor_quotes(void **state)
{
    (void)state;
    LOG(stopping, log_word("a\"b\\c\nlevel=error\x7f\xc3\xa9"));
    assert_string_equal(captured_after_time(), "level=info event=stopping reason=\"a\\\"b\\\\c?level=error???\"\n");
}

static void an_empty_or_missing_word_is_quoted(void **state)
{
    (void)state;
    LOG(stopping, log_word(""));
    LOG(stopping, log_word(NULL));
    const char *text = captured();
    assert_non_null(strstr(text, "reason=\"\"\n"));
    assert_null(strstr(text, "null"));
}

static void a_long_word_is_cut(void **state)
{
    (void)state;
    char word[4000];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = 0;
    LOG(stopping, log_word(word));
    assert_int_equal(strlen(strstr(captured(), "reason=")), strlen("reason=") + 128 + 1);
}

static void events_below_the_level_are_not_written(void **state)
{
    (void)state;
    log_level_set(LOG_WARN);
    LOG(stopping, log_word("quiet"));
    LOG(clock_jumped, log_ms(-5));
    assert_string_equal(captured_after_time(), "level=warn event=clock_jumped by=-5ms\n");
}

static void levels_are_read_by_name(void **state)
{
    (void)state;
    enum log_level level = LOG_INFO;
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_false(log_level_parse("loud", &level));
    assert_int_equal(level, LOG_DEBUG);
}

static void logging_keeps_errno(void **state)
{
    (void)state;
    errno = ENOSPC;
    LOG(stopped, log_ms(1));
    assert_int_equal(errno, ENOSPC);
}

static void *log_hundred(void *unused)
{
    for (int i = 0; i < 100; i++) {
        LOG(stopped, log_ms(7));
    }
    return unused;
}

static void lines_of_several_threads_stay_whole(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, log_hundred, NULL), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    char *line = capture.text;
    size_t count = 0;
    captured();
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        assert_string_equal(line + 5 + 25, "level=info event=stopped took=7ms");
        count++;
    }
    assert_int_equal(count, 400);
}

static void times_are_written_in_utc(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    clock_text(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    clock_text(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    clock_text(4102444799999, text);
    assert_string_equal(text, "2099-12-31T23:59:59.999Z");
    clock_text(INT64_MAX, text);
    assert_string_equal(text, "out-of-range");
    clock_text(INT64_MIN, text);
    assert_string_equal(text, "out-of-range");
}

static void the_monotonic_clock_does_not_step_back(void **state)
{
    (void)state;
    int64_t last = clock_monotonic_us();
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_monotonic_us();
        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_now_ms() > 1600000000000);
}

int main(void)
{
#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, capture_start, capture_stop)
    const struct CMUnitTest tests[] = {
        LOG_TEST(an_event_is_one_line_of_keys_and_values),
        LOG_TEST(identifiers_are_written_by_their_own_rule),
        LOG_TEST(records_and_statuses_and_errors_are_named),
        LOG_TEST(a_word_can_break_neither_line_nor_quotes),
        LOG_TEST(an_empty_or_missing_word_is_quoted),
        LOG_TEST(a_long_word_is_cut),
        LOG_TEST(events_below_the_level_are_not_written),
        LOG_TEST(levels_are_read_by_name),
        LOG_TEST(logging_keeps_errno),
        LOG_TEST(lines_of_several_threads_stay_whole),
        cmocka_unit_test(times_are_written_in_utc),
        cmocka_unit_test(the_monotonic_clock_does_not_step_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
