/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_api */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/api/heard.h"

static const struct node_id node = {"64.09"};
static const uint64_t start = (uint64_t)1800000000000 / HEARD_SLOT_MS * HEARD_SLOT_MS;

static struct heard *heard_made(const char *path)
{
    struct heard *heard = NULL;
    assert_true(status_is_ok(heard_new(path, &heard)));
    return heard;
}

static void say(struct heard *heard, uint64_t now_ms, uint64_t waiting, uint64_t held, bool nothing_owed)
{
    struct health health = {.program = span_text("0.1.0"), .now_ms = now_ms - 4000, .waiting = waiting, .quarantine = 3};
    struct heard_report report = {.now_ms = now_ms, .health = &health, .held = held, .nothing_owed = nothing_owed};
    heard_saw(heard, node, now_ms);
    heard_report(heard, node, &report);
}

static struct heard_node look(struct heard *heard, uint64_t now_ms)
{
    struct heard_node shown;
    assert_true(heard_get(heard, node, now_ms, &shown));
    return shown;
}

static void what_a_node_says_is_kept_with_its_skew(void **state)
{
    (void)state;
    struct heard_node shown;
    struct heard *heard = heard_made(NULL);
    assert_false(heard_get(heard, node, start, &shown));
    say(heard, start, 0, 10, true);
    shown = look(heard, start + 1000);
    assert_int_equal(shown.seen_ms, start);
    assert_int_equal(shown.said_ms, start);
    assert_int_equal(shown.skew_ms, 4000);
    assert_int_equal(shown.health.quarantine, 3);
    assert_string_equal(shown.program, "0.1.0");
    heard_free(heard);
}

static void a_node_is_behind_since_it_last_held_everything(void **state)
{
    (void)state;
    struct heard *heard = heard_made(NULL);
    say(heard, start, 0, 10, true);
    assert_int_equal(look(heard, start + 1).caught_up_ms, start);
    say(heard, start + 60000, 5, 10, true); /* five wait there */
    assert_int_equal(look(heard, start + 60001).caught_up_ms, start);
    say(heard, start + 120000, 9, 14, true); /* four came, eight are new */
    assert_int_equal(look(heard, start + 120001).caught_up_ms, start);
    say(heard, start + 180000, 9, 15, true); /* what it had at 60 s is here, though more waits: it flows */
    assert_int_equal(look(heard, start + 180001).caught_up_ms, start + 60000);
    say(heard, start + 240000, 0, 24, false); /* all of it is here, but it lacks something of the hub's */
    assert_int_equal(look(heard, start + 240001).caught_up_ms, start + 180000);
    say(heard, start + 300000, 0, 24, true);
    assert_int_equal(look(heard, start + 300001).caught_up_ms, start + 300000);
    heard_free(heard);
}

static void a_silent_node_lags_more_each_quarter_of_an_hour(void **state)
{
    (void)state;
    struct heard *heard = heard_made(NULL);
    say(heard, start, 0, 10, true);
    struct heard_node shown = look(heard, start + 4 * (uint64_t)HEARD_SLOT_MS + 1);
    assert_int_equal(shown.lag_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(shown.lags[i], 15 * (i + 1));
    }
    say(heard, start + 4 * (uint64_t)HEARD_SLOT_MS + 2, 0, 10, true); /* it is back */
    shown = look(heard, start + 5 * (uint64_t)HEARD_SLOT_MS);
    assert_int_equal(shown.lag_count, 5);
    assert_int_equal(shown.lags[4], 14);
    shown = look(heard, start + 2000 * (uint64_t)HEARD_SLOT_MS); /* three weeks later: a day is kept */
    assert_int_equal(shown.lag_count, HEARD_SLOTS);
    assert_true(shown.lags[0] < shown.lags[HEARD_SLOTS - 1]);
    heard_free(heard);
}

static void hostile_words_are_bounded(void **state)
{
    (void)state;
    static const char program[] = "<b>\x1b[31m\xc3\xa9 0123456789012345678901234567890123456789012345678901234567890123456789";
    struct health health = {.program = span_text(program),
                            .now_ms = UINT64_MAX,
                            .certificate_end_ms = UINT64_MAX,
                            .waiting = UINT64_MAX,
                            .quarantine = UINT64_MAX,
                            .connectors = UINT32_MAX};
    struct heard_report report = {.now_ms = start, .health = &health, .held = 5};
    struct heard *heard = heard_made(NULL);
    heard_report(heard, node, &report);
    struct heard_node shown = look(heard, start);
    assert_int_equal(strlen(shown.program), LIMIT_PROGRAM_SIZE);
    assert_int_equal(strspn(shown.program, "<b>?[31m0123456789"), LIMIT_PROGRAM_SIZE);
    assert_true(shown.health.waiting < UINT64_MAX / 2);
    assert_true(shown.health.certificate_end_ms <= (uint64_t)1 << 52);
    assert_int_equal(shown.health.connectors, INT32_MAX);
    heard_free(heard);
}

static void a_program_that_says_nothing_of_itself_is_only_heard(void **state)
{
    (void)state;
    struct heard *heard = heard_made(NULL);
    struct heard_report report = {.now_ms = start, .nothing_owed = true};
    heard_saw(heard, node, start);
    heard_report(heard, node, &report);
    struct heard_node shown = look(heard, start);
    assert_int_equal(shown.said_ms, 0);
    assert_int_equal(shown.caught_up_ms, start);
    heard_free(heard);
}

static void what_the_hub_tells_a_province_overwrites_nothing_newer(void **state)
{
    (void)state;
    static const struct health health = {.quarantine = 7, .waiting = 1};
    struct heard *heard = heard_made(NULL);
    struct node_heard told = {.node = node, .seen_ms = start, .caught_up_ms = start - 60000, .said_ms = start, .skew_ms = -5, .health = &health};
    heard_told(heard, &told, start + 10);
    struct heard_node shown = look(heard, start + 20);
    assert_int_equal(shown.caught_up_ms, start - 60000);
    assert_int_equal(shown.skew_ms, -5);
    assert_int_equal(shown.health.quarantine, 7);
    told.seen_ms = start - 1;
    told.health = NULL;
    told.caught_up_ms = 1;
    heard_told(heard, &told, start + 30);
    assert_int_equal(look(heard, start + 40).caught_up_ms, start - 60000);
    told.seen_ms = start + 1;
    heard_told(heard, &told, start + 50);
    assert_int_equal(look(heard, start + 60).health.quarantine, 7); /* older word stays where none comes */
    heard_free(heard);
}

static void a_restart_remembers_and_a_damaged_file_is_an_empty_one(void **state)
{
    (void)state;
    char path[] = "/tmp/simpul-heard-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{\"node\":[", 9), 9);
    close(fd);
    struct heard_node shown;
    struct heard *heard = heard_made(path);
    assert_false(heard_get(heard, node, start, &shown));
    say(heard, start, 0, 10, true);
    (void)look(heard, start + 2 * (uint64_t)HEARD_SLOT_MS);
    assert_true(status_is_ok(heard_save(heard)));
    heard_free(heard);
    heard = heard_made(path);
    shown = look(heard, start + 3 * (uint64_t)HEARD_SLOT_MS);
    assert_int_equal(shown.seen_ms, start);
    assert_int_equal(shown.caught_up_ms, start);
    assert_int_equal(shown.skew_ms, 4000);
    assert_string_equal(shown.program, "0.1.0");
    assert_int_equal(shown.lag_count, 3);
    assert_int_equal(shown.lags[0], 15);
    assert_int_equal(shown.lags[2], 45);
    heard_free(heard);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_node_says_is_kept_with_its_skew),
        cmocka_unit_test(a_node_is_behind_since_it_last_held_everything),
        cmocka_unit_test(a_silent_node_lags_more_each_quarter_of_an_hour),
        cmocka_unit_test(hostile_words_are_bounded),
        cmocka_unit_test(a_program_that_says_nothing_of_itself_is_only_heard),
        cmocka_unit_test(what_the_hub_tells_a_province_overwrites_nothing_newer),
        cmocka_unit_test(a_restart_remembers_and_a_damaged_file_is_an_empty_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
