/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_connector node_engine node_mapping node_config node_crypto node_base */
#include "tests/unit/connector/runner_world.h"

/* Old copies of a node's store beside a legacy database that went on (connector.md, "Order of commits", 3). */

static void swap_store(struct bench *b, struct store *store)
{
    site_stop(b->node);
    b->node->store = store;
    b->w.now_ms += 15 * 60 * 1000;
    must(site_start(&b->w, b->node));
}

static void begin_with_a_row(struct bench *b)
{
    bench_begin(b);
    bench_sql(b, "INSERT INTO aduan (tiket, judul) VALUES ('T1', 'pertama')");
    bench_open(b);
    bench_settle(b);
}

/* The same store started twice: the other one's changes reached the hub, and these were archived and written again. */
static void a_capture_that_was_written_again_in_a_new_epoch_is_not_captured_again(void **state)
{
    (void)state;
    struct bench b;
    struct token token;
    struct store *twin;
    begin_with_a_row(&b);
    struct record_id id = bench_only_record(&b);
    must(store_model_copy(b.node->store, b.w.memory, &twin));
    bench_sql(&b, "UPDATE aduan SET judul = 'dari petugas' WHERE id = 1");
    bench_run(&b); /* captured, and not pushed: the shadow names it */
    bench_close(&b);
    struct store *mine = b.node->store;
    b.w.takeover = true;
    swap_store(&b, twin);
    must(site_read(&b.w, b.node, id, &token));
    must(site_edit_title(&b.w, b.node, id, &token, "dari kembarannya"));
    must(world_settle(&b.w));
    swap_store(&b, mine);
    must(world_settle(&b.w));
    assert_int_equal(core_epoch(b.node->core), 2);
    assert_int_equal(site_siblings(&b.w, b.node, id, REG_TITLE), 2);
    uint64_t size = site_own_stream(&b.w, b.node).size;
    bench_open(&b);
    bench_settle(&b);
    bench_compare(&b);
    bench_settle(&b);
    assert_int_equal(site_own_stream(&b.w, b.node).size, size);
    assert_int_equal(site_siblings(&b.w, &b.w.hub, id, REG_TITLE), 2);
    assert_string_equal(bench_text(&b, "SELECT judul FROM aduan"), "dari petugas");
    bench_sql(&b, "UPDATE aduan SET judul = 'lagi dari petugas' WHERE id = 1"); /* and the row goes on as ever */
    bench_settle(&b);
    assert_int_equal(site_own_stream(&b.w, b.node).size, size + 1);
    assert_int_equal(site_siblings(&b.w, &b.w.hub, id, REG_TITLE), 2);
    twin->ops->free(twin);
    bench_end(&b);
}

static void installed_again(struct bench *b)
{
    struct report report = {0};
    must(connector_uninstall(&b->legacy, b->mapping, false, &report));
    must(connector_install(&b->legacy, b->mapping, false, &report));
    report_release(&report);
}

/* In a running node: `simpul connector uninstall` and `install`, as a DBA does who moves our schema. */
static void after_uninstall_and_install_an_edit_is_one_value(void **state)
{
    (void)state;
    struct bench b;
    begin_with_a_row(&b);
    bench_sql(&b, "INSERT INTO aduan (tiket, judul) VALUES ('T2', 'lain')");
    bench_sql(&b, "UPDATE aduan SET judul = 'kedua' WHERE id = 1");
    bench_settle(&b);
    bench_sql(&b, "UPDATE aduan SET judul = 'ketiga' WHERE id = 1");
    bench_settle(&b);
    uint64_t size = site_own_stream(&b.w, b.node).size;
    installed_again(&b);
    bench_sql(&b, "UPDATE aduan SET status = 1 WHERE id = 2"); /* any look at a row tells that our shadows are gone */
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM simpul_shadow"), 2);
    assert_int_equal(site_own_stream(&b.w, b.node).size, size + 1);
    bench_sql(&b, "UPDATE aduan SET judul = 'keempat' WHERE id = 1");
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM simpul_shadow"), 2);
    assert_int_equal(site_own_stream(&b.w, b.node).size, size + 2);
    struct record_row rows[4];
    struct record_filter filter = {.hidden_too = true};
    size_t count = 0;
    must(site_begin(&b.w, b.node));
    must(b.node->store->ops->records_list(b.node->store, &filter, (struct record_id){{0}}, false, 4, &b.arena, rows, &count));
    core_rollback(b.node->core);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(site_siblings(&b.w, &b.w.hub, rows[i].id, REG_TITLE), 1);
    }
    bench_end(&b);
}

/* An application that saves by deleting and inserting: the case stays one case, also when both come in one look. */
static void a_row_deleted_and_inserted_again_in_one_transaction_stays_one_complaint(void **state)
{
    (void)state;
    struct bench b;
    begin_with_a_row(&b);
    struct record_id id = bench_only_record(&b);
    bench_sql(&b, "BEGIN; DELETE FROM aduan WHERE id = 1; INSERT INTO aduan (id, tiket, judul) VALUES (7, 'T1', 'diperbaiki'); COMMIT");
    bench_settle(&b);
    assert_true(record_id_equal(bench_only_record(&b), id));
    assert_int_equal(site_siblings(&b.w, &b.w.hub, id, REG_TITLE), 1);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM aduan"), 1);
    bench_sql(&b, "BEGIN; INSERT INTO aduan (id, tiket, judul) VALUES (8, 'T1', 'sekali lagi'); DELETE FROM aduan WHERE id = 7; COMMIT");
    bench_settle(&b);
    assert_true(record_id_equal(bench_only_record(&b), id));
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM aduan"), 1);
    bench_end(&b);
}

/* Rows deleted and inserted again on re-routing (domain.md, "Legacy systems met in the field"): while the complaint moves away
 * its row is gone for a moment and stands under another key afterwards. */
static void a_row_that_comes_back_under_another_key_after_its_complaint_has_left_stays_that_complaint(void **state)
{
    (void)state;
    struct bench b;
    struct site *other;
    begin_with_a_row(&b);
    struct record_id id = bench_only_record(&b);
    must(world_join(&b.w, "61.04", NULL, &other));
    bench_sql(&b, "DELETE FROM aduan WHERE id = 1");
    must(world_route(&b.w, id, "61.04"));
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT state FROM simpul_shadow"), SHADOW_UNTIED);
    bench_close(&b); /* a connector that starts knows it as well */
    bench_open(&b);
    bench_sql(&b, "INSERT INTO aduan (id, tiket, judul) VALUES (7, 'T1', 'pertama')");
    bench_settle(&b);
    assert_true(record_id_equal(bench_only_record(&b), id));
    bench_sql(&b, "UPDATE aduan SET judul = 'dari pemilik lama' WHERE id = 7");
    bench_settle(&b);
    assert_true(record_id_equal(bench_only_record(&b), id));
    assert_string_equal(site_title(&b.w, other, id), "dari pemilik lama");
    bench_end(&b);
}

/* A complaint that the ministry sends back is work again, whatever became of its first row. */
static void a_complaint_that_comes_back_has_a_row_again_where_the_first_one_is_gone(void **state)
{
    (void)state;
    struct bench b;
    struct site *other;
    begin_with_a_row(&b);
    struct record_id id = bench_only_record(&b);
    must(world_join(&b.w, "61.04", NULL, &other));
    must(world_route(&b.w, id, "61.04"));
    bench_settle(&b);
    bench_sql(&b, "DELETE FROM aduan WHERE id = 1");
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT state FROM simpul_shadow"), SHADOW_UNTIED);
    must(world_route(&b.w, id, "61.03"));
    bench_settle(&b);
    assert_string_equal(bench_text(&b, "SELECT judul FROM aduan"), "pertama");
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM simpul_shadow"), 1);
    bench_sql(&b, "UPDATE aduan SET judul = 'dikerjakan lagi'");
    bench_settle(&b);
    assert_true(record_id_equal(bench_only_record(&b), id));
    assert_string_equal(site_title(&b.w, &b.w.hub, id), "dikerjakan lagi");
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_that_comes_back_under_another_key_after_its_complaint_has_left_stays_that_complaint),
        cmocka_unit_test(a_complaint_that_comes_back_has_a_row_again_where_the_first_one_is_gone),
        cmocka_unit_test(a_capture_that_was_written_again_in_a_new_epoch_is_not_captured_again),
        cmocka_unit_test(after_uninstall_and_install_an_edit_is_one_value),
        cmocka_unit_test(a_row_deleted_and_inserted_again_in_one_transaction_stays_one_complaint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
