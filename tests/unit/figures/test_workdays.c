/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_figures */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/base/heap.h"
#include "node/figures/fact.h"

/* The clocks of domain.md over the real days off of 2026: Eid al-Fitr on Saturday and Sunday 21 and 22 March, Nyepi on Thursday the
 * 19th, and days taken together with them. */

enum { WIB = 420, WITA = 480, WIT = 540 };

static const char file_text[] = "# SKB 3 Menteri\n\n2026-03-19 Hari Suci Nyepi\n2026-03-21,Idul Fitri\r\n  2026-03-18 Cuti bersama\n"
                                "2026-03-20\tCuti bersama\n2026-03-23 Cuti bersama\n2026-03-24\n2026-03-19 twice\n";

static struct workdays read_text(struct arena *arena, const char *text, enum status_code expected, uint32_t expected_line)
{
    char path[] = "/tmp/simpul-days-XXXXXX";
    int fd = mkstemp(path);
    struct workdays workdays = {.zone_minutes = -1};
    uint32_t line = 0;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    assert_int_equal(workdays_read(path, WIB, arena, &workdays, &line).code, expected);
    if (expected == STATUS_INVALID) {
        assert_int_equal(line, expected_line);
        assert_int_equal(workdays.zone_minutes, -1); /* untouched */
    }
    unlink(path);
    return workdays;
}

static int32_t day(const char *text)
{
    int32_t day = 0;
    assert_true(fact_day_parse(text, &day));
    return day;
}

static int64_t at(const char *text, int hour, int32_t zone_minutes)
{
    return ((int64_t)day(text) * 1440 + hour * 60 - zone_minutes) * 60000;
}

static void due(const struct workdays *workdays, const char *owner, int64_t start_ms, enum deadline_clock clock, const char *expected)
{
    struct scope_id scope;
    assert_true(status_is_ok(scope_id_parse(span_text(owner), &scope)));
    assert_int_equal(workdays_due(workdays, scope, start_ms, clock), day(expected));
}

static void the_clocks_of_the_domain_skip_weekends_and_holidays(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    struct workdays with = read_text(&arena, file_text, STATUS_OK, 0);
    struct workdays without = {.zone_minutes = WIB};
    assert_int_equal(with.holiday_count, 6);
    int64_t monday = at("2026-03-16", 9, WIB);
    due(&without, "61.03", monday, DEADLINE_VERIFY, "2026-03-19");
    due(&with, "61.03", monday, DEADLINE_VERIFY, "2026-03-26"); /* 17th, then 25th and 26th */
    due(&without, "61.03", monday, DEADLINE_FOLLOW_UP, "2026-03-23");
    due(&with, "61.03", monday, DEADLINE_FOLLOW_UP, "2026-03-30");
    due(&with, "61.03", monday, DEADLINE_INFORMATION, "2026-03-30");
    due(&without, "61.03", monday, DEADLINE_COMPLAINT, "2026-04-03");
    due(&with, "61.03", monday, DEADLINE_COMPLAINT, "2026-04-10");
    due(&without, "61.03", monday, DEADLINE_SUPERVISORY, "2026-06-08");
    due(&with, "61.03", monday, DEADLINE_SUPERVISORY, "2026-06-15");
    due(&with, "61.03", monday, DEADLINE_OMBUDSMAN, "2026-05-15"); /* calendar days */
    arena_release(&arena);
}

static void a_day_begins_where_the_office_is(void **state)
{
    (void)state;
    struct workdays hub = {.zone_minutes = WIB};
    int64_t late_evening = at("2026-03-09", 23, WIB); /* Monday in Jakarta, already Tuesday in Makassar and Jayapura */
    due(&hub, "31.71", late_evening, DEADLINE_VERIFY, "2026-03-12");
    due(&hub, "73.71", late_evening, DEADLINE_VERIFY, "2026-03-13");
    due(&hub, "91.71", late_evening, DEADLINE_VERIFY, "2026-03-13");
    due(&hub, "kemen.pu", late_evening, DEADLINE_VERIFY, "2026-03-12"); /* no region: the screens' zone */
    struct workdays east = {.zone_minutes = WIT}; /* a term that ends at midnight in Jakarta ends at two in Jayapura */
    due(&east, "31.71", late_evening, DEADLINE_VERIFY, "2026-03-13");
}

static void a_line_that_is_no_day_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t line;
    } wrong[] = {{"2026-02-29 no leap year", 1}, {"2026-01-01\n17-08-2026\n", 2}, {"2026-13-01", 1}, {"\n\n2026-1-1 short\n", 3},
                 {"2026-08-17Kemerdekaan", 1}, {"2026-04-31", 1}, {"libur", 1}};
    struct arena arena;
    uint32_t line = 0;
    struct workdays workdays;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)read_text(&arena, wrong[i].text, STATUS_INVALID, wrong[i].line);
    }
    assert_int_equal(workdays_read("/no/such/file", WIB, &arena, &workdays, &line).code, STATUS_NOT_FOUND);
    assert_int_equal(workdays_read(NULL, WIB, &arena, &workdays, &line).code, STATUS_OK);
    assert_int_equal(workdays.holiday_count, 0);
    char *many = malloc((size_t)(LIMIT_HOLIDAYS + 1) * 11 + 1);
    for (int32_t i = 0; i <= LIMIT_HOLIDAYS; i++) {
        memcpy(many + (size_t)i * 11, "2026-08-17\n", 12);
    }
    (void)read_text(&arena, many, STATUS_INVALID, 0);
    free(many);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clocks_of_the_domain_skip_weekends_and_holidays),
        cmocka_unit_test(a_day_begins_where_the_office_is),
        cmocka_unit_test(a_line_that_is_no_day_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
