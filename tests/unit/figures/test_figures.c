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

#include "node/figures/figures.h"

/* Counters against a plain recount of the same facts, and the published figures of domain.md. */

#define DAY_MS ((int64_t)86400000)
enum { ZONE = 420 };

struct place {
    char folder[64];
    char path[128];
    struct figures_options options;
    struct figures *figures;
};

static int place_make(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    (void)snprintf(place->folder, sizeof place->folder, "/tmp/simpul-figures-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof place->path, "%s/screens.db", place->folder);
    place->options = (struct figures_options){.path = place->path, .workdays = {.zone_minutes = ZONE}, .writes = true};
    assert_true(status_is_ok(figures_open(&place->options, &place->figures)));
    *state = place;
    return 0;
}

static int place_remove(void **state)
{
    struct place *place = *state;
    char command[128];
    figures_close(place->figures);
    (void)snprintf(command, sizeof command, "rm -rf %s", place->folder);
    assert_int_equal(system(command), 0);
    free(place);
    return 0;
}

static struct fact fact_make(unsigned number, const char *owner, int32_t day, enum complaint_status status)
{
    struct fact fact = {.counted = true, .status = status, .channel = CHANNEL_WEB, .changed = 1};
    memcpy(fact.id.bytes, &number, sizeof number);
    memcpy(fact.owner.text, owner, strlen(owner));
    fact.received_ms = (int64_t)day * DAY_MS - (int64_t)ZONE * 60000 + 8 * 3600000;
    (void)snprintf(fact.title, sizeof fact.title, "Jalan rusak nomor %u", number);
    return fact;
}

static int32_t day_of(int year, int month, int day)
{
    return fact_month_first_day((year - 1970) * 12 + month - 1) + day - 1;
}

static struct figures_span span_of_days(const char *scope, int32_t from, int32_t to)
{
    struct figures_span span = {.from_day = from, .to_day = to, .today = to + 100};
    (void)snprintf(span.scope, sizeof span.scope, "%s", scope);
    return span;
}

static void put(struct place *place, unsigned *number, const char *owner, int32_t day, enum complaint_status status, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fact fact = fact_make((*number)++, owner, day + (int32_t)(i % 20), status);
        assert_true(status_is_ok(figures_apply(place->figures, &fact, 1)));
    }
}

static json_int_t in(const json_t *totals, const char *status)
{
    return json_integer_value(json_object_get(json_object_get(totals, "status"), status));
}

static json_int_t received(const json_t *totals)
{
    return json_integer_value(json_object_get(totals, "received"));
}

static json_t *totals_of(struct place *place, const char *scope, int32_t from, int32_t to)
{
    struct figures_span span = span_of_days(scope, from, to);
    json_t *totals = figures_totals(place->figures, &span);
    assert_non_null(totals);
    return totals;
}

static void the_published_figures_of_three_regencies_come_out(void **state)
{
    struct place *place = *state;
    unsigned n = 1;
    put(place, &n, "64.09", day_of(2023, 3, 1), COMPLAINT_SELESAI, 41);
    put(place, &n, "64.09", day_of(2024, 2, 1), COMPLAINT_SELESAI, 7);
    put(place, &n, "64.09", day_of(2024, 3, 1), COMPLAINT_PROSES, 1);
    put(place, &n, "15.71", day_of(2020, 2, 1), COMPLAINT_SELESAI, 77);
    put(place, &n, "15.71", day_of(2020, 6, 1), COMPLAINT_PROSES, 12);
    put(place, &n, "15.71", day_of(2020, 8, 1), COMPLAINT_TERVERIFIKASI, 126);
    put(place, &n, "33.21", day_of(2022, 5, 1), COMPLAINT_SELESAI, 373);
    put(place, &n, "33.21", day_of(2022, 6, 1), COMPLAINT_PROSES, 28);
    put(place, &n, "33.21", day_of(2022, 7, 1), COMPLAINT_ARSIP, 21);

    json_t *penajam = totals_of(place, "64.09", day_of(2023, 1, 1), day_of(2023, 12, 31));
    assert_int_equal(received(penajam), 41);
    assert_int_equal(in(penajam, "selesai"), 41);
    json_decref(penajam);
    penajam = totals_of(place, "64.09", day_of(2024, 1, 1), day_of(2024, 4, 30));
    assert_int_equal(received(penajam), 8);
    assert_int_equal(in(penajam, "selesai"), 7);
    assert_int_equal(in(penajam, "proses"), 1);
    json_decref(penajam);
    json_t *jambi = totals_of(place, "15", day_of(2020, 1, 1), day_of(2020, 8, 31));
    assert_int_equal(received(jambi), 215);
    assert_int_equal((in(jambi, "selesai") + in(jambi, "proses")) * 100 / received(jambi), 41);
    assert_int_equal(in(jambi, "selesai") * 100 / received(jambi), 35);
    json_decref(jambi);
    json_t *demak = totals_of(place, "33.21", day_of(2022, 1, 1), day_of(2022, 12, 31));
    assert_int_equal(received(demak), 422);
    assert_int_equal(in(demak, "arsip"), 21);
    json_decref(demak);
    json_t *nation = totals_of(place, "", day_of(2020, 1, 1), day_of(2024, 12, 31));
    assert_int_equal(received(nation), 41 + 8 + 215 + 422);
    json_decref(nation);
}

static void a_change_moves_its_share_and_the_same_fact_twice_counts_once(void **state)
{
    struct place *place = *state;
    int32_t day = day_of(2026, 5, 10);
    struct fact fact = fact_make(1, "64.09", day, COMPLAINT_BELUM_VERIFIKASI);
    fact.due_day[FACT_VERIFY] = fact.due_day[FACT_ANY] = day + 5;
    assert_true(status_is_ok(figures_apply(place->figures, &fact, 1)));
    assert_true(status_is_ok(figures_apply(place->figures, &fact, 1)));
    json_t *totals = totals_of(place, "64.09", day, day);
    assert_int_equal(received(totals), 1);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(totals, "late"), "verify")), 1);
    json_decref(totals);

    struct fact moved = fact;
    moved.status = COMPLAINT_PROSES;
    memcpy(moved.owner.text, "61.03", 6);
    memset(moved.due_day, 0, sizeof moved.due_day);
    moved.disposed_ms = moved.received_ms;
    moved.followed_ms = moved.received_ms + 3 * DAY_MS;
    assert_true(status_is_ok(figures_apply(place->figures, &moved, 1)));
    totals = totals_of(place, "64.09", day, day);
    assert_int_equal(received(totals), 0);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(totals, "late"), "verify")), 0);
    json_decref(totals);
    totals = totals_of(place, "", day, day);
    assert_int_equal(received(totals), 1);
    assert_int_equal(in(totals, "proses"), 1);
    const json_t *speed = json_object_get(totals, "follow_up");
    assert_int_equal(json_integer_value(json_object_get(speed, "n")), 1);
    assert_true(json_real_value(json_object_get(speed, "mean")) == 3.0);
    json_decref(totals);

    moved.counted = false; /* withdrawn */
    assert_true(status_is_ok(figures_apply(place->figures, &moved, 1)));
    totals = totals_of(place, "", day, day);
    assert_int_equal(received(totals), 0);
    json_decref(totals);
}

static void the_median_of_an_even_count_lies_between_the_two_in_the_middle(void **state)
{
    struct place *place = *state;
    int32_t day = day_of(2026, 1, 5);
    static const int days[] = {1, 2, 4, 30};
    for (unsigned i = 0; i < 4; i++) {
        struct fact fact = fact_make(i, "64.09", day, COMPLAINT_PROSES);
        fact.disposed_ms = fact.received_ms;
        fact.followed_ms = fact.received_ms + days[i] * DAY_MS;
        assert_true(status_is_ok(figures_apply(place->figures, &fact, 1)));
    }
    json_t *totals = totals_of(place, "64.09", day, day);
    const json_t *speed = json_object_get(totals, "follow_up");
    assert_true(json_real_value(json_object_get(speed, "median")) == 3.0);
    assert_true(json_real_value(json_object_get(speed, "mean")) == 9.25);
    json_decref(totals);
}

/* Any span, at any level, by months and days, equals a recount; and so does the list behind it. */
static void every_span_equals_a_recount_and_the_list_behind_it(void **state)
{
    enum { COUNT = 400, SPANS = 60 };
    static const char *const owners[] = {"64.09", "64.01", "61.03", "91.71"};
    static const char *const scopes[] = {"", "64", "64.09", "61"};
    struct place *place = *state;
    struct fact facts[COUNT];
    uint32_t seed = 12345;
    for (unsigned i = 0; i < COUNT; i++) {
        seed = seed * 1664525 + 1013904223;
        facts[i] = fact_make(i, owners[seed >> 30], day_of(2024, 1, 1) + (int32_t)(seed >> 8) % 800, COMPLAINT_PROSES);
    }
    assert_true(status_is_ok(figures_apply(place->figures, facts, COUNT)));
    for (unsigned s = 0; s < SPANS; s++) {
        seed = seed * 1664525 + 1013904223;
        int32_t from = day_of(2024, 1, 1) + (int32_t)(seed >> 8) % 800;
        struct figures_filter filter = {.late = -1};
        filter.span = span_of_days(scopes[s % 4], from, from + (int32_t)(seed >> 20) % 500);
        json_int_t counted = 0;
        for (unsigned i = 0; i < COUNT; i++) {
            char owner[20] = "";
            memcpy(owner, facts[i].owner.text, sizeof facts[i].owner.text);
            int32_t day = fact_day(facts[i].received_ms, ZONE);
            counted += figures_covers(filter.span.scope, owner) && day >= filter.span.from_day && day <= filter.span.to_day;
        }
        json_t *totals = figures_totals(place->figures, &filter.span);
        json_t *list = figures_list(place->figures, &filter);
        assert_int_equal(received(totals), counted);
        assert_int_equal(json_integer_value(json_object_get(list, "total")), counted);
        json_decref(totals);
        json_decref(list);
    }
}

static void words_of_a_title_are_found_by_their_beginnings_until_the_title_goes(void **state)
{
    struct place *place = *state;
    int32_t day = day_of(2026, 2, 2);
    struct fact fact = fact_make(1, "64.09", day, COMPLAINT_PROSES);
    (void)snprintf(fact.title, sizeof fact.title, "Jembatan Gantung-Sekayam'; DROP TABLE facts; %%");
    assert_true(status_is_ok(figures_apply(place->figures, &fact, 1)));
    static const struct {
        const char *words;
        json_int_t total;
    } cases[] = {{"jemb", 1}, {"SEKAYAM gantung", 1}, {"sekayam pasar", 0}, {"drop", 1}, {"' OR 1=1 --", 0}, {"%", 1}, {"tabl", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct figures_filter filter = {.span = span_of_days("", day, day), .late = -1, .words = cases[i].words};
        json_t *list = figures_list(place->figures, &filter);
        assert_int_equal(json_integer_value(json_object_get(list, "total")), cases[i].total);
        json_decref(list);
    }
    fact.title[0] = 0; /* erased */
    assert_true(status_is_ok(figures_apply(place->figures, &fact, 1)));
    figures_tidy(place->figures);
    char command[256];
    (void)snprintf(command, sizeof command, "grep -aqiE 'sekayam|gantung' %s/*", place->folder);
    assert_int_not_equal(system(command), 0);
}

static void a_file_of_another_store_zone_or_calendar_and_a_damaged_one_are_made_anew(void **state)
{
    struct place *place = *state;
    static const int32_t holidays[] = {20000, 20001};
    int32_t day = day_of(2026, 2, 2);
    struct fact fact = fact_make(1, "64.09", day, COMPLAINT_PROSES);
    for (int round = 0; round < 4; round++) {
        assert_true(status_is_ok(figures_apply(place->figures, &fact, 1)));
        assert_true(status_is_ok(figures_mark(place->figures, 7)));
        figures_close(place->figures);
        assert_true(status_is_ok(figures_open(&place->options, &place->figures)));
        assert_int_equal(figures_marked(place->figures), 7);
        figures_close(place->figures);
        place->options.instance[0] = 1;
        place->options.workdays.zone_minutes += round == 1 ? 60 : 0;
        if (round == 3) {
            place->options.workdays.holidays = holidays;
            place->options.workdays.holiday_count = 2;
        }
        if (round == 2) {
            FILE *file = fopen(place->path, "r+");
            assert_non_null(file);
            assert_int_equal(fwrite("nonsense nonsense", 1, 17, file), 17);
            assert_int_equal(fclose(file), 0);
        }
        assert_true(status_is_ok(figures_open(&place->options, &place->figures)));
        assert_int_equal(figures_marked(place->figures), 0);
        uint64_t changed = 0;
        assert_true(status_is_ok(figures_changed(place->figures, &fact.id, 1, &changed)));
        assert_true(changed == UINT64_MAX);
    }
}

static void months_and_days_agree_with_the_calendar(void **state)
{
    (void)state;
    assert_int_equal(fact_month_first_day(0), 0);
    assert_int_equal(day_of(2024, 2, 29), 19782);
    assert_int_equal(day_of(2024, 3, 1), 19783);
    for (int32_t day = -800; day < 30000; day++) {
        int32_t month = fact_month(day);
        assert_true(fact_month_first_day(month) <= day && day < fact_month_first_day(month + 1));
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(the_published_figures_of_three_regencies_come_out),
        CASE(a_change_moves_its_share_and_the_same_fact_twice_counts_once),
        CASE(the_median_of_an_even_count_lies_between_the_two_in_the_middle),
        CASE(every_span_equals_a_recount_and_the_list_behind_it),
        CASE(words_of_a_title_are_found_by_their_beginnings_until_the_title_goes),
        CASE(a_file_of_another_store_zone_or_calendar_and_a_damaged_one_are_made_anew),
        cmocka_unit_test(months_and_days_agree_with_the_calendar),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
