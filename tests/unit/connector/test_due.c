/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_connector node_engine node_mapping node_config node_crypto node_base */
#include "tests/unit/connector/runner_world.h"

/* What has to wait is tried again by itself and starves nobody: node/connector/due.c, late.c. */

/* A complaint that is not filled in is not captured, and its notes wait for it. */
static void begin_with_unfilled(struct bench *b)
{
    static const char line[] = "  identity: tiket\n";
    char mapping[sizeof BENCH_MAPPING + 64];
    const char *rest = strstr(BENCH_MAPPING, line) + sizeof line - 1;
    snprintf(mapping, sizeof mapping, "%.*s  wait_until_filled: isi\n%s", (int)(rest - BENCH_MAPPING), BENCH_MAPPING, rest);
    bench_begin_with(b, mapping, BENCH_SCHEMA);
}

/* The rows were there before our triggers. */
static void open_later(struct bench *b)
{
    bench_sql(b, "DELETE FROM simpul_outbox");
    bench_open(b);
}

static void a_note_that_waits_for_its_complaint_in_the_first_load_follows_by_itself(void **state)
{
    (void)state;
    struct bench b;
    begin_with_unfilled(&b);
    bench_sql(&b, "INSERT INTO aduan (tiket, judul) VALUES ('T1', 'Jalan rusak');"
                  "INSERT INTO catatan (aduan_id, isi, petugas) VALUES (1, 'sudah dicek', 'Ani')");
    open_later(&b);
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM simpul_shadow"), 0);
    assert_int_equal(b.runner.late_count, 1);
    bench_sql(&b, "UPDATE aduan SET isi = 'lubang' WHERE id = 1");
    bench_settle(&b);
    bench_impatient(&b);
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM simpul_shadow"), 2);
    assert_int_equal(b.runner.late_count, 0);
    bench_end(&b);
}

static void what_was_put_off_is_known_after_a_restart(void **state)
{
    (void)state;
    struct bench b;
    begin_with_unfilled(&b);
    bench_sql(&b, "INSERT INTO aduan (tiket, judul) VALUES ('T1', 'Jalan rusak');"
                  "INSERT INTO catatan (aduan_id, isi, petugas) VALUES (1, 'satu', 'Ani'), (1, 'dua', 'Ani')");
    open_later(&b);
    bench_settle(&b);
    bench_sql(&b, "UPDATE aduan SET isi = 'lubang' WHERE id = 1");
    bench_close(&b);
    bench_open(&b);
    assert_int_equal(b.runner.late_count, 2);
    bench_settle(&b);
    bench_impatient(&b);
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM simpul_shadow"), 3);
    bench_close(&b);
    bench_open(&b);
    assert_int_equal(b.runner.late_count, 0);
    bench_end(&b);
}

static void more_than_can_be_remembered_is_found_by_a_comparison(void **state)
{
    (void)state;
    struct bench b;
    begin_with_unfilled(&b);
    bench_sql(&b, "INSERT INTO aduan (tiket, judul) VALUES ('T1', 'Jalan rusak')");
    bench_sql(&b, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)"
                  " INSERT INTO catatan (aduan_id, isi, petugas) SELECT 1, 'catatan ' || i, 'Ani' FROM n");
    open_later(&b);
    bench_settle(&b);
    assert_int_equal(b.runner.late_count, RUNNER_LATE_MAX);
    bench_sql(&b, "UPDATE aduan SET isi = 'lubang' WHERE id = 1");
    for (int i = 0; i < 4; i++) {
        bench_settle(&b);
        bench_impatient(&b);
    }
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM simpul_shadow"), 1101);
    bench_end(&b);
}

static void a_damaged_list_of_what_was_put_off_means_a_comparison(void **state)
{
    (void)state;
    struct bench b;
    begin_with_unfilled(&b);
    bench_sql(&b, "INSERT INTO aduan (tiket, judul) VALUES ('T1', 'Jalan rusak');"
                  "INSERT INTO catatan (aduan_id, isi, petugas) VALUES (1, 'satu', 'Ani')");
    open_later(&b);
    bench_settle(&b);
    bench_close(&b);
    bench_sql(&b, "UPDATE aduan SET isi = 'lubang' WHERE id = 1;"
                  "UPDATE simpul_mark SET value = '1,99:1' WHERE name = 'late'");
    bench_open(&b);
    assert_true(b.runner.compare_wanted);
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM simpul_shadow"), 2);
    bench_end(&b);
}

/* The first answer is "later": asking again at once would ask for ever. */
static void an_outbox_of_rows_that_must_wait_does_not_keep_the_connector_busy(void **state)
{
    (void)state;
    struct bench b;
    begin_with_unfilled(&b);
    bench_open(&b);
    bench_settle(&b);
    bench_sql(&b, "INSERT INTO aduan (tiket, judul) VALUES ('T1', 'Jalan rusak');"
                  "INSERT INTO catatan (aduan_id, isi, petugas) VALUES (1, 'satu', 'Ani')");
    assert_true(bench_run(&b) < 10);
    bench_sql(&b, "UPDATE aduan SET isi = 'lubang' WHERE id = 1");
    for (int i = 0; i < 1000 && bench_number(&b, "SELECT count(*) FROM simpul_shadow") < 2; i++) {
        bench_run(&b);
        assert_true(bench_wait(&b));
    }
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM simpul_shadow"), 2);
    bench_end(&b);
}

/* ---- due records ---- */

static void hub_retitles(struct bench *b, struct record_id id, const char *title)
{
    struct token token;
    must(site_read(&b->w, &b->w.hub, id, &token));
    must(site_edit(&b->w, &b->w.hub, 0, id, &token, REG_TITLE, text_value(&b->w, title)));
}

static void begin_with_a_row(struct bench *b, struct record_id *out_id)
{
    bench_begin(b);
    bench_sql(b, "INSERT INTO aduan (tiket, judul) VALUES ('T1', 'Jalan rusak')");
    bench_open(b);
    bench_settle(b);
    *out_id = bench_only_record(b);
}

/* Records of the hub wait for their rows as long as a first load runs. */
static void many_wait(struct bench *b, size_t count)
{
    struct record_id id;
    for (size_t i = 0; i < count; i++) {
        must(site_create(&b->w, &b->w.hub, "61.03", "menunggu", &id));
    }
    must(world_settle(&b->w));
    b->runner.loading = true;
}

static void many_that_wait_do_not_starve_one_that_need_not(void **state)
{
    (void)state;
    struct bench b;
    struct record_id id;
    begin_with_a_row(&b, &id);
    many_wait(&b, 520);
    bench_run(&b);
    hub_retitles(&b, id, "Jalan rusak berat");
    must(world_settle(&b.w));
    bench_run(&b);
    assert_string_equal(bench_text(&b, "SELECT judul FROM aduan WHERE id = 1"), "Jalan rusak berat");
    assert_true(b.runner.due_count >= 520);
    b.runner.loading = false;
    bench_impatient(&b);
    bench_run(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM aduan"), 521);
    bench_end(&b);
}

static size_t asked;
static const struct driver_ops *real_ops;

static struct status counting_shadows_of_record(struct driver *driver, struct record_id record, bool any_part,
                                                struct part_id part, size_t limit, struct arena *arena,
                                                struct legacy_shadow *out_shadows, size_t *out_count)
{
    asked++;
    return real_ops->shadows_of_record(driver, record, any_part, part, limit, arena, out_shadows, out_count);
}

static void what_has_to_wait_is_not_asked_about_at_every_wake(void **state)
{
    (void)state;
    struct bench b;
    struct record_id id;
    struct driver_ops ops;
    begin_with_a_row(&b, &id);
    many_wait(&b, 50);
    bench_run(&b);
    real_ops = b.runner.driver->ops;
    ops = *real_ops;
    ops.shadows_of_record = counting_shadows_of_record;
    b.runner.driver->ops = &ops;
    asked = 0;
    for (int i = 0; i < 20; i++) {
        bench_run(&b);
    }
    /* Twenty wakes took far less than the second that two thirds of the doubling waits would fill. */
    assert_true(asked <= 50 * 5);
    b.runner.driver->ops = real_ops;
    bench_end(&b);
}

/* The row may be the only copy of what a clerk wrote, until the hub has it. */
static void what_waited_for_the_hub_is_written_when_it_acknowledges(void **state)
{
    (void)state;
    struct bench b;
    struct record_id id;
    struct next next;
    begin_with_a_row(&b, &id);
    bench_sql(&b, "UPDATE aduan SET judul = 'dari petugas' WHERE id = 1");
    bench_run(&b);
    b.w.drop_answer = true; /* the hub has it, and the node does not know */
    must(world_push(&b.w, b.node, &next));
    b.w.drop_answer = false;
    hub_retitles(&b, id, "dari pusat");
    must(world_pull(&b.w, b.node, &next));
    bench_run(&b);
    assert_string_equal(bench_text(&b, "SELECT judul FROM aduan WHERE id = 1"), "dari petugas");
    assert_int_equal(b.runner.due_count, 1);
    bench_settle(&b);
    bench_impatient(&b);
    bench_settle(&b);
    assert_string_equal(bench_text(&b, "SELECT judul FROM aduan WHERE id = 1"), "dari pusat");
    assert_int_equal(b.runner.due_count, 0);
    bench_end(&b);
}

/* ---- what is written back ---- */

static struct bench *between;

/* The engine's next transactions use the memory in which the decided record stood. */
static struct status load_many(struct job *job, struct core *core, struct arena *arena)
{
    struct record_row rows[64];
    struct record_filter filter = {.hidden_too = true};
    const struct record *record;
    size_t count = 0;
    (void)job;
    TRY(between->node->store->ops->records_list(between->node->store, &filter, (struct record_id){{0}}, false, 64, arena, rows,
                                                &count));
    for (size_t i = 0; i < count; i++) {
        TRY(core_record(core, rows[count - 1 - i].id, &record));
    }
    return status_ok();
}

static struct status begin_late(struct driver *driver)
{
    struct job job = {.run = load_many, .reads_only = true};
    TRY(engine_call(between->runner.options.engine, &job));
    TRY(engine_call(between->runner.options.engine, &job));
    return real_ops->begin(driver);
}

static void what_is_written_back_outlives_the_transaction_that_decided_it(void **state)
{
    (void)state;
    struct bench b;
    struct record_id id;
    struct record_id other;
    struct driver_ops ops;
    begin_with_a_row(&b, &id);
    b.runner.loading = true; /* the others get no rows */
    for (int i = 0; i < 40; i++) {
        must(site_create(&b.w, &b.w.hub, "61.03", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", &other));
    }
    bench_settle(&b);
    real_ops = b.runner.driver->ops;
    ops = *real_ops;
    ops.begin = begin_late;
    between = &b;
    b.runner.driver->ops = &ops;
    hub_retitles(&b, id, "Judul dari pusat yang panjang dan utuh");
    must(world_settle(&b.w));
    bench_run(&b);
    b.runner.driver->ops = real_ops;
    assert_string_equal(bench_text(&b, "SELECT judul FROM aduan WHERE id = 1"), "Judul dari pusat yang panjang dan utuh");
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_note_that_waits_for_its_complaint_in_the_first_load_follows_by_itself),
        cmocka_unit_test(what_was_put_off_is_known_after_a_restart),
        cmocka_unit_test(more_than_can_be_remembered_is_found_by_a_comparison),
        cmocka_unit_test(a_damaged_list_of_what_was_put_off_means_a_comparison),
        cmocka_unit_test(an_outbox_of_rows_that_must_wait_does_not_keep_the_connector_busy),
        cmocka_unit_test(many_that_wait_do_not_starve_one_that_need_not),
        cmocka_unit_test(what_has_to_wait_is_not_asked_about_at_every_wake),
        cmocka_unit_test(what_is_written_back_outlives_the_transaction_that_decided_it),
        cmocka_unit_test(what_waited_for_the_hub_is_written_when_it_acknowledges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
