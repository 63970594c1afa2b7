/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "conflict/workflow.h"

#define DAY 86400000LL
#define WIB 420

/* Monday 2024-03-04 08:00 in WIB. */
#define MONDAY (19786LL * DAY + (8 - 7) * 3600000LL)

static int64_t local_midnight(int64_t day)
{
    return day * DAY - WIB * 60000LL;
}

static void the_path_of_a_complaint_is_known(void **state)
{
    (void)state;
    assert_true(workflow_knows(COMPLAINT_NONE, COMPLAINT_BELUM_VERIFIKASI));
    assert_true(workflow_knows(COMPLAINT_BELUM_VERIFIKASI, COMPLAINT_TERVERIFIKASI));
    assert_true(workflow_knows(COMPLAINT_TERVERIFIKASI, COMPLAINT_PROSES));
    assert_true(workflow_knows(COMPLAINT_PROSES, COMPLAINT_SELESAI));
    assert_true(workflow_knows(COMPLAINT_SELESAI, COMPLAINT_PROSES));
    assert_true(workflow_knows(COMPLAINT_PROSES, COMPLAINT_ESKALASI_OMBUDSMAN));
    assert_true(workflow_knows(COMPLAINT_ARSIP, COMPLAINT_ARSIP));
}

static void steps_outside_the_table_are_not_known(void **state)
{
    (void)state;
    assert_false(workflow_knows(COMPLAINT_NONE, COMPLAINT_SELESAI));
    assert_false(workflow_knows(COMPLAINT_BELUM_VERIFIKASI, COMPLAINT_SELESAI));
    assert_false(workflow_knows(COMPLAINT_ARSIP, COMPLAINT_PROSES));
    assert_false(workflow_knows(COMPLAINT_SELESAI, COMPLAINT_BUKAN_WEWENANG));
    assert_false(workflow_knows(COMPLAINT_PROSES, COMPLAINT_NONE));
    assert_false(workflow_knows(COMPLAINT_PROSES, COMPLAINT_STATUS_COUNT));
}

static void the_furthest_on_the_path_also_has_the_smaller_rank(void **state)
{
    (void)state;
    for (int a = COMPLAINT_BELUM_VERIFIKASI; a < COMPLAINT_STATUS_COUNT; a++) {
        for (int b = COMPLAINT_BELUM_VERIFIKASI; b < COMPLAINT_STATUS_COUNT; b++) {
            int pa = workflow_path_place((enum complaint_status)a);
            int pb = workflow_path_place((enum complaint_status)b);
            if (pa >= 0 && pb > pa) {
                assert_true(workflow_rank((enum complaint_status)b) < workflow_rank((enum complaint_status)a));
            }
        }
    }
    assert_true(workflow_rank(COMPLAINT_ESKALASI_OMBUDSMAN) < workflow_rank(COMPLAINT_BUKAN_WEWENANG));
    assert_true(workflow_rank(COMPLAINT_SELESAI) < workflow_rank(COMPLAINT_ARSIP));
    assert_true(workflow_rank(COMPLAINT_NONE) > workflow_rank(COMPLAINT_ARSIP));
}

static void a_term_skips_weekends(void **state)
{
    (void)state;
    struct calendar calendar = {.offset_minutes = WIB};
    struct deadline_rule verify = deadline_defaults()[DEADLINE_VERIFY];
    assert_int_equal(deadline_end_ms(MONDAY, verify, &calendar), local_midnight(19786 + 4));
    int64_t friday = MONDAY + 4 * DAY;
    assert_int_equal(deadline_end_ms(friday, verify, &calendar), local_midnight(19786 + 4 + 6));
}

static void a_term_skips_holidays(void **state)
{
    (void)state;
    const int32_t holidays[] = {19700, 19787, 19788};
    struct calendar calendar = {.holidays = holidays, .holiday_count = 3, .offset_minutes = WIB};
    assert_int_equal(deadline_end_ms(MONDAY, (struct deadline_rule){.days = 1}, &calendar), local_midnight(19789 + 1));
}

static void the_ombudsman_counts_calendar_days(void **state)
{
    (void)state;
    struct calendar calendar = {.offset_minutes = WIB};
    assert_int_equal(deadline_end_ms(MONDAY, deadline_defaults()[DEADLINE_OMBUDSMAN], &calendar),
                     local_midnight(19786 + 61));
}

static void the_day_begins_at_local_midnight(void **state)
{
    (void)state;
    struct calendar west = {.offset_minutes = WIB};
    struct calendar east = {.offset_minutes = 540};
    int64_t late = 19786LL * DAY + 16 * 3600000LL; /* Monday 23:00 in WIB, Tuesday 01:00 in WIT */
    struct deadline_rule one = {.days = 1};
    assert_int_equal(deadline_end_ms(late, one, &west), local_midnight(19788));
    assert_int_equal(deadline_end_ms(late, one, &east), 19789LL * DAY - 540 * 60000LL);
}

static void times_before_1970_fall_on_their_own_day(void **state)
{
    (void)state;
    struct calendar utc = {0};
    assert_int_equal(deadline_end_ms(-1, (struct deadline_rule){.days = 1, .calendar_days = true}, &utc), DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_path_of_a_complaint_is_known),
        cmocka_unit_test(steps_outside_the_table_are_not_known),
        cmocka_unit_test(the_furthest_on_the_path_also_has_the_smaller_rank),
        cmocka_unit_test(a_term_skips_weekends),
        cmocka_unit_test(a_term_skips_holidays),
        cmocka_unit_test(the_ombudsman_counts_calendar_days),
        cmocka_unit_test(the_day_begins_at_local_midnight),
        cmocka_unit_test(times_before_1970_fall_on_their_own_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
