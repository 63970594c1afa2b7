/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_connector node_engine node_mapping node_config node_crypto node_base */
#include "tests/unit/connector/runner_world.h"

/* Day one: complaints that were copied by hand exist on both sides (connector.md, "Day one"). */

static void says_number(struct bench *b, struct site *s, struct record_id id, const char *system, const char *key)
{
    struct ref ref = {.system = span_text(system), .key = span_text(key)};
    struct span bytes;
    struct token token;
    must(site_read(&b->w, s, id, &token));
    must(value_write(&(struct value){.type = VALUE_REFS, .refs = {.refs = &ref, .count = 1}}, &b->w.arena, &bytes));
    must(site_edit(&b->w, s, 0, id, &token, REG_REFS, bytes));
}

static struct record_id at_the_hub(struct bench *b, const char *title, const char *number)
{
    struct record_id id;
    must(site_create(&b->w, &b->w.hub, "61.03", title, &id));
    says_number(b, &b->w.hub, id, "lapor", number);
    return id;
}

static void a_hand_copied_complaint_is_tied_and_not_created_again(void **state)
{
    (void)state;
    struct bench b;
    struct token token;
    bench_begin(&b);
    struct record_id id = at_the_hub(&b, "Jalan rusak", "LPR-1");
    bench_sql(&b, "INSERT INTO aduan (tiket, judul, isi, no_lapor) VALUES ('T1', 'Jalan rusak', 'lubang', 'LPR-1'),"
                  " ('T2', 'Lampu mati', 'gelap', NULL)");
    bench_open(&b);
    bench_settle(&b);
    assert_int_equal(bench_records(&b, &b.w.hub), 2); /* the tied one and T2 */
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM aduan"), 2);
    assert_int_equal(bench_quarantine_count(&b), 0);
    must(site_read(&b.w, &b.w.hub, id, &token));
    must(site_edit(&b.w, &b.w.hub, 0, id, &token, REG_TITLE, text_value(&b.w, "Jalan rusak berat")));
    bench_settle(&b);
    assert_string_equal(bench_text(&b, "SELECT judul FROM aduan WHERE tiket = 'T1'"), "Jalan rusak berat");
    bench_sql(&b, "UPDATE aduan SET status = 2 WHERE tiket = 'T1'");
    bench_settle(&b);
    assert_int_equal(site_row(&b.w, &b.w.hub, id).status, COMPLAINT_PROSES);
    bench_end(&b);
}

static void what_both_sides_say_differently_of_a_tied_complaint_is_a_conflict(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b);
    struct record_id id = at_the_hub(&b, "Jalan rusak", "LPR-1");
    bench_sql(&b, "INSERT INTO aduan (tiket, judul, no_lapor) VALUES ('T1', 'Jalan berlubang', 'LPR-1')");
    bench_open(&b);
    bench_settle(&b);
    assert_int_equal(site_siblings(&b.w, &b.w.hub, id, REG_TITLE), 2);
    assert_int_equal(bench_records(&b, &b.w.hub), 1);
    bench_end(&b);
}

static void complaints_of_the_hub_that_no_row_bears_are_inserted_after_the_load(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b);
    at_the_hub(&b, "Jalan rusak", "LPR-1");
    bench_sql(&b, "INSERT INTO aduan (tiket, judul) VALUES ('T2', 'Lampu mati')");
    bench_open(&b);
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM aduan"), 2);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM aduan WHERE no_lapor = 'LPR-1'"), 1);
    assert_int_equal(bench_records(&b, &b.w.hub), 2);
    bench_end(&b);
}

static void nothing_is_created_before_all_that_the_hub_has_is_here(void **state)
{
    (void)state;
    struct bench b;
    struct next next;
    bench_begin(&b);
    at_the_hub(&b, "Jalan rusak", "LPR-1");
    bench_sql(&b, "INSERT INTO aduan (tiket, judul, no_lapor) VALUES ('T1', 'Jalan rusak', 'LPR-1')");
    bench_open(&b);
    bench_sql(&b, "UPDATE aduan SET judul = 'Jalan rusak' WHERE tiket = 'T1'"); /* the outbox names it too */
    must(world_hello(&b.w, b.node, &next));
    bench_run(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM simpul_shadow"), 0);
    bench_settle(&b);
    assert_int_equal(bench_records(&b, &b.w.hub), 1);
    bench_end(&b);
}

static void of_two_rows_with_one_number_one_is_tied_and_the_other_told(void **state)
{
    (void)state;
    struct bench b;
    struct token token;
    bench_begin(&b);
    struct record_id id = at_the_hub(&b, "Jalan rusak", "LPR-1");
    bench_sql(&b, "INSERT INTO aduan (tiket, judul, no_lapor) VALUES ('T1', 'Jalan rusak', 'LPR-1'),"
                  " ('T2', 'Jalan rusak', 'LPR-1')");
    bench_open(&b);
    bench_settle(&b);
    assert_int_equal(bench_records(&b, &b.w.hub), 2);
    assert_int_equal(bench_quarantine_count(&b), 1);
    assert_true(bench_quarantined(&b, "2", "its number is also that of complaint"));
    must(site_read(&b.w, &b.w.hub, id, &token));
    must(site_edit(&b.w, &b.w.hub, 0, id, &token, REG_TITLE, text_value(&b.w, "Judul baru")));
    bench_settle(&b);
    assert_string_equal(bench_text(&b, "SELECT judul FROM aduan WHERE tiket = 'T1'"), "Judul baru");
    assert_string_equal(bench_text(&b, "SELECT judul FROM aduan WHERE tiket = 'T2'"), "Jalan rusak");
    bench_end(&b);
}

/* The same whether they stand in one batch or come one after the other. */
static void of_two_new_rows_with_one_number_that_nobody_knows_the_second_is_told(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b);
    bench_sql(&b, "INSERT INTO aduan (tiket, judul, no_lapor) VALUES ('T1', 'Jalan rusak', 'LPR-1'),"
                  " ('T2', 'Jalan rusak', 'LPR-1')");
    bench_open(&b);
    bench_settle(&b);
    assert_int_equal(bench_quarantine_count(&b), 1);
    assert_true(bench_quarantined(&b, "2", "its number is also that of complaint"));
    bench_sql(&b, "INSERT INTO aduan (tiket, judul, no_lapor) VALUES ('T3', 'Jalan rusak', 'LPR-1')");
    bench_settle(&b);
    assert_true(bench_quarantined(&b, "3", "its number is also that of complaint"));
    assert_int_equal(bench_records(&b, &b.w.hub), 3);
    bench_end(&b);
}

static void a_corrected_number_releases_the_row(void **state)
{
    (void)state;
    struct bench b;
    struct record_row rows[4];
    struct record_filter filter = {.hidden_too = true};
    size_t count = 0;
    bench_begin(&b);
    struct record_id id = at_the_hub(&b, "Jalan rusak", "LPR-1");
    bench_sql(&b, "INSERT INTO aduan (tiket, judul, no_lapor) VALUES ('T1', 'Jalan rusak', 'LPR-1'),"
                  " ('T2', 'Lampu mati', 'LPR-1')");
    bench_open(&b);
    bench_settle(&b);
    bench_sql(&b, "UPDATE aduan SET judul = 'Lampu mati total' WHERE tiket = 'T2'"); /* an edit does not wipe it out */
    bench_settle(&b);
    assert_int_equal(bench_quarantine_count(&b), 1);
    bench_sql(&b, "UPDATE aduan SET no_lapor = 'LPR-2' WHERE tiket = 'T2'");
    bench_settle(&b);
    assert_int_equal(bench_quarantine_count(&b), 0);
    must(site_begin(&b.w, &b.w.hub));
    must(b.w.hub.store->ops->records_list(b.w.hub.store, &filter, (struct record_id){{0}}, false, 4, &b.arena, rows, &count));
    core_rollback(b.w.hub.core);
    assert_int_equal(count, 2);
    struct record_id other = record_id_equal(rows[0].id, id) ? rows[1].id : rows[0].id;
    struct token token;
    must(site_read(&b.w, &b.w.hub, other, &token));
    must(site_edit(&b.w, &b.w.hub, 0, other, &token, REG_TITLE, text_value(&b.w, "Lampu baru")));
    bench_settle(&b);
    assert_string_equal(bench_text(&b, "SELECT judul FROM aduan WHERE tiket = 'T2'"), "Lampu baru");
    bench_end(&b);
}

static void a_number_of_two_complaints_ties_neither(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b);
    at_the_hub(&b, "Jalan rusak", "LPR-1");
    at_the_hub(&b, "Jalan rusak lagi", "LPR-1");
    bench_sql(&b, "INSERT INTO aduan (tiket, judul, no_lapor) VALUES ('T1', 'Jalan rusak', 'LPR-1')");
    bench_open(&b);
    bench_settle(&b);
    assert_true(bench_quarantined(&b, "1", "its number is also that of complaint"));
    assert_int_equal(bench_records(&b, &b.w.hub), 3);
    bench_end(&b);
}

/* uninstall and install throw our shadows away: a row that came from the hub bears its own key as a number there. */
static void a_row_made_for_the_hub_is_found_again_without_its_shadow(void **state)
{
    (void)state;
    struct bench b;
    struct report report = {0};
    bench_begin(&b);
    bench_open(&b);
    bench_settle(&b);
    at_the_hub(&b, "Jalan rusak", "LPR-1");
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM aduan"), 1);
    bench_close(&b);
    must(connector_uninstall(&b.legacy, b.mapping, false, &report));
    must(connector_install(&b.legacy, b.mapping, false, &report));
    report_release(&report);
    bench_sql(&b, "UPDATE aduan SET no_lapor = NULL");
    bench_open(&b);
    bench_settle(&b);
    assert_int_equal(bench_records(&b, &b.w.hub), 1);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM aduan"), 1);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hand_copied_complaint_is_tied_and_not_created_again),
        cmocka_unit_test(what_both_sides_say_differently_of_a_tied_complaint_is_a_conflict),
        cmocka_unit_test(complaints_of_the_hub_that_no_row_bears_are_inserted_after_the_load),
        cmocka_unit_test(nothing_is_created_before_all_that_the_hub_has_is_here),
        cmocka_unit_test(of_two_rows_with_one_number_one_is_tied_and_the_other_told),
        cmocka_unit_test(of_two_new_rows_with_one_number_that_nobody_knows_the_second_is_told),
        cmocka_unit_test(a_corrected_number_releases_the_row),
        cmocka_unit_test(a_number_of_two_complaints_ties_neither),
        cmocka_unit_test(a_row_made_for_the_hub_is_found_again_without_its_shadow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
