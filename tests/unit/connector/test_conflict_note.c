/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_connector node_engine node_mapping node_config node_crypto node_base */
#include "tests/unit/connector/runner_world.h"

/* Clerks are told of conflicts in their own database: node/connector/conflict_note.c. */

static void begin_telling(struct bench *b, const char *how)
{
    char mapping[sizeof BENCH_MAPPING + 64];
    snprintf(mapping, sizeof mapping, "%s%s", BENCH_MAPPING, how);
    bench_begin_with(b, mapping, BENCH_SCHEMA);
    bench_sql(b, "INSERT INTO aduan (tiket, judul) VALUES ('T1', 'Jalan rusak')");
    bench_open(b);
    bench_settle(b);
}

static void hub_says_status(struct bench *b, enum complaint_status status)
{
    struct token token;
    must(site_read(&b->w, &b->w.hub, bench_only_record(b), &token));
    must(site_edit(&b->w, &b->w.hub, 0, bench_only_record(b), &token, REG_STATUS, status_value(&b->w, status)));
}

/* The clerk and the hub, without having seen each other: selesai against bukan_wewenang. */
static void quarrel(struct bench *b)
{
    bench_sql(b, "UPDATE aduan SET status = 3 WHERE id = 1");
    hub_says_status(b, COMPLAINT_BUKAN_WEWENANG);
    bench_run(b);
    bench_settle(b);
    assert_int_equal(site_siblings(&b->w, &b->w.hub, bench_only_record(b), REG_STATUS), 2);
}

static void a_conflict_is_told_once_as_an_internal_note_that_nobody_captures(void **state)
{
    (void)state;
    struct bench b;
    begin_telling(&b, "  conflicts: indonesian\n");
    quarrel(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM catatan WHERE aduan_id = 1 AND internal = 1"), 1);
    const char *text = bench_text(&b, "SELECT isi FROM catatan");
    assert_non_null(strstr(text, "Perlu diputuskan: status berbeda"));
    assert_non_null(strstr(text, "bukan_wewenang"));
    assert_int_equal(bench_number(&b, "SELECT status FROM aduan"), 3);
    uint64_t size = site_own_stream(&b.w, b.node).size;
    for (int i = 0; i < 3; i++) { /* neither a comparison nor a restart makes an echo or a second note */
        bench_compare(&b);
        bench_close(&b);
        bench_open(&b);
        bench_settle(&b);
    }
    bench_sql(&b, "UPDATE catatan SET petugas = 'Ani'");
    bench_settle(&b);
    assert_int_equal(site_own_stream(&b.w, b.node).size, size);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM catatan"), 1);
    bench_end(&b);
}

static void a_settled_conflict_is_followed_up_and_a_new_one_told_anew(void **state)
{
    (void)state;
    struct bench b;
    begin_telling(&b, "  conflicts: english\n");
    quarrel(&b);
    assert_non_null(strstr(bench_text(&b, "SELECT isi FROM catatan"), "To be decided: status differs"));
    hub_says_status(&b, COMPLAINT_PROSES); /* who read both decides */
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM catatan"), 1);
    assert_non_null(strstr(bench_text(&b, "SELECT isi FROM catatan"), "Decided: status"));
    assert_int_equal(bench_number(&b, "SELECT status FROM aduan"), 2);
    quarrel(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM catatan"), 2);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM catatan WHERE isi LIKE '%To be decided%'"), 1);
    bench_end(&b);
}

/* The hub's change is long in the row when an old form comes: nothing comes through others then. */
static void a_conflict_that_an_own_change_makes_is_told_too(void **state)
{
    (void)state;
    struct bench b;
    begin_telling(&b, "  conflicts: indonesian\n");
    bench_sql(&b, "UPDATE aduan SET status = 3 WHERE id = 1");
    bench_settle(&b);
    hub_says_status(&b, COMPLAINT_BUKAN_WEWENANG);
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT status FROM aduan"), 4);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM catatan"), 0);
    bench_sql(&b, "UPDATE aduan SET status = 3 WHERE id = 1"); /* an old form */
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM catatan"), 1);
    bench_end(&b);
}

static void a_note_that_a_clerk_removed_does_not_come_back(void **state)
{
    (void)state;
    struct bench b;
    begin_telling(&b, "  conflicts: indonesian\n");
    quarrel(&b);
    bench_sql(&b, "DELETE FROM catatan");
    bench_settle(&b);
    hub_says_status(&b, COMPLAINT_PROSES);
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM catatan"), 0);
    assert_int_equal(bench_number(&b, "SELECT status FROM aduan"), 2);
    bench_end(&b);
}

static void without_a_word_in_the_mapping_nothing_is_told(void **state)
{
    (void)state;
    struct bench b;
    begin_telling(&b, "");
    quarrel(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM catatan"), 0);
    bench_end(&b);
}

static void a_table_that_citizens_may_read_is_no_place_for_it(void **state)
{
    (void)state;
    static const char text[] = "system: uji\nzone: WIB\ncomplaints:\n  table: aduan\n  key: id\n  fields: {title: judul}\n"
                               "notes:\n  table: catatan\n  key: id\n  parent: aduan_id\n  fields: {text: isi}\n"
                               "  insert: {defaults: {petugas: SIMPUL}}\n  conflicts: indonesian\n";
    struct arena arena;
    struct problems problems;
    const struct mapping *mapping;
    struct span said;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    problems_init(&problems, &arena);
    assert_int_equal(mapping_parse("uji.yaml", span_text(text), &arena, &problems, &mapping).code, STATUS_INVALID);
    must(problems_text(&problems, &arena, &said));
    assert_non_null(memmem(said.data, said.size, "Map \"internal\"", 14));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conflict_is_told_once_as_an_internal_note_that_nobody_captures),
        cmocka_unit_test(a_settled_conflict_is_followed_up_and_a_new_one_told_anew),
        cmocka_unit_test(a_conflict_that_an_own_change_makes_is_told_too),
        cmocka_unit_test(a_note_that_a_clerk_removed_does_not_come_back),
        cmocka_unit_test(without_a_word_in_the_mapping_nothing_is_told),
        cmocka_unit_test(a_table_that_citizens_may_read_is_no_place_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
