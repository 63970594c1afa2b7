/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_region */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/region/region.h"

static void is(struct span got, const char *expected)
{
    if (!span_equal(got, span_text(expected))) {
        fail_msg("\"%.*s\" is not \"%s\"", (int)got.size, (const char *)got.data, expected);
    }
}

static void there_are_38_provinces_and_514_regencies_today(void **state)
{
    (void)state;
    size_t provinces = 0;
    size_t regencies = 0;
    for (size_t i = 0; i < region_count(); i++) {
        struct region region = region_at(i);
        if (region.last_day.size == 0) {
            provinces += region.code.size == 2;
            regencies += region.code.size == 5;
        }
    }
    assert_int_equal(provinces, 38);
    assert_int_equal(regencies, 514);
}

static void every_line_is_well_formed_and_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < region_count(); i++) {
        struct region region = region_at(i);
        struct region other;
        struct node_id node;
        assert_true(region.code.size == 2 || (region.code.size == 5 && region.code.data[2] == '.'));
        assert_int_equal(node_id_parse(region.code, &node).code, STATUS_OK);
        assert_true(region.name.size > 0);
        assert_true(region.first_day.size == 0 || region.first_day.size == 10);
        assert_true(region.last_day.size == 0 || region.last_day.size == 10);
        assert_int_equal(region.successor.size > 0, region.last_day.size > 0);
        assert_true(i == 0 || span_compare(region_at(i - 1).code, region.code) < 0);
        assert_true(region_province(region.code, &other));
        assert_int_equal(other.code.size, 2);
        if (region.successor.size > 0) {
            assert_true(region_find(region.successor, &other));
            assert_true(span_equal(other.name, region.name));
            assert_true(span_compare(region.last_day, other.first_day) < 0);
        }
    }
}

static void a_code_has_a_name_and_a_province(void **state)
{
    (void)state;
    struct region region;
    assert_true(region_find(span_text("64.09"), &region));
    is(region.name, "Kabupaten Penajam Paser Utara");
    assert_true(region_province(span_text("64.09"), &region));
    is(region.name, "Kalimantan Timur");
    assert_true(region_find(span_text("64"), &region));
    is(region.name, "Kalimantan Timur");
}

static void a_code_that_ended_leads_to_what_came_after_it(void **state)
{
    (void)state;
    struct region region;
    assert_true(region_find(span_text("91.01"), &region));
    is(region.last_day, "2022-07-24");
    assert_true(region_today(span_text("91.01"), &region));
    is(region.code, "93.01");
    is(region.name, "Kabupaten Merauke");
    is(region.first_day, "2022-07-25");
    assert_true(region_province(span_text("91.01"), &region));
    is(region.name, "Papua Selatan");
}

static void every_region_keeps_one_of_three_zones(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        int32_t minutes;
    } zones[] = {{"11.71", 420}, {"31.71", 420}, {"61.03", 420}, {"62", 420}, {"63.71", 480}, {"64.09", 480}, {"65.01", 480},
                 {"51.71", 480}, {"53.71", 480}, {"71.71", 480}, {"76.04", 480}, {"81.71", 540}, {"82.71", 540}, {"91.01", 540}, {"96.01", 540}};
    int32_t minutes = -1;
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        assert_true(region_zone(span_text(zones[i].code), &minutes));
        assert_int_equal(minutes, zones[i].minutes);
    }
    minutes = -1;
    assert_false(region_zone(span_text("kemen.pu"), &minutes));
    assert_int_equal(minutes, -1);
}

static void what_is_no_region_is_not_found(void **state)
{
    (void)state;
    struct region region = {.code = span_text("untouched")};
    static const char *const codes[] = {"", "hub", "6", "64.", "64.090", "99.99", "00", "registry", "k.kesehatan"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        assert_false(region_find(span_text(codes[i]), &region));
        assert_false(region_today(span_text(codes[i]), &region));
        assert_false(region_province(span_text(codes[i]), &region));
    }
    is(region.code, "untouched");
}

int main(void)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test(there_are_38_provinces_and_514_regencies_today),
        cmocka_unit_test(every_line_is_well_formed_and_in_order),
        cmocka_unit_test(a_code_has_a_name_and_a_province),
        cmocka_unit_test(a_code_that_ended_leads_to_what_came_after_it),
        cmocka_unit_test(every_region_keeps_one_of_three_zones),
        cmocka_unit_test(what_is_no_region_is_not_found),
    };
    return cmocka_run_group_tests_name("region", cases, NULL, NULL);
}
