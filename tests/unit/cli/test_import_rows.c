/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_cli */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/heap.h"
#include "node/cli/import_rows.h"

/* Covers node/cli/import_rows.c. */

static const char mapping_text[] = "system: test\n"
                                   "zone: WIB\n"
                                   "complaints:\n"
                                   "  table: aduan\n"
                                   "  key: id\n"
                                   "  identity: no\n"
                                   "  fields:\n"
                                   "    title: judul\n"
                                   "    status: {column: status, values: {0: belum_verifikasi, 1: proses}}\n"
                                   "    confidential: {constant: no}\n"
                                   "    anonymous: {constant: no}\n";

struct fixture {
    struct arena arena;
    struct import_rows rows;
    const struct mapping *mapping;
};

static struct status fixture_open(struct fixture *f, const char *csv)
{
    struct problems problems;
    struct scope_id scope;
    arena_init(&f->arena, memory_heap(), SIZE_MAX);
    problems_init(&problems, &f->arena);
    assert_true(status_is_ok(mapping_parse("m.yaml", span_text(mapping_text), &f->arena, &problems, &f->mapping)));
    assert_true(status_is_ok(scope_id_parse(span_text("61.03"), &scope)));
    return import_rows_open(&f->rows, f->mapping, scope, span_text(csv), &f->arena);
}

static void fixture_release(struct fixture *f)
{
    import_rows_release(&f->rows);
    arena_release(&f->arena);
}

static void rows_that_map_come_in_a_batch_with_key_identity_and_values(void **state)
{
    (void)state;
    struct fixture f;
    json_t *batch = NULL;
    assert_int_equal(fixture_open(&f, "no,id,judul,status\nA-1,7,Jalan,0\n,8,\"Lampu, mati\",1\n").code, STATUS_OK);
    assert_int_equal(import_rows_next(&f.rows, &batch).code, STATUS_OK);
    assert_int_equal(json_array_size(batch), 2);
    const json_t *first = json_array_get(batch, 0);
    const json_t *identity = json_array_get(json_object_get(first, "identity"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "key")), "7");
    assert_int_equal(json_integer_value(json_object_get(first, "line")), 2);
    assert_string_equal(json_string_value(json_array_get(identity, 0)), "no");
    assert_string_equal(json_string_value(json_array_get(identity, 1)), "A-1");
    assert_true(json_array_size(json_object_get(first, "values")) >= 4);
    identity = json_array_get(json_object_get(json_array_get(batch, 1), "identity"), 0);
    assert_true(json_is_null(json_array_get(identity, 1)));
    json_decref(batch);
    assert_int_equal(import_rows_next(&f.rows, &batch).code, STATUS_OK);
    assert_int_equal(json_array_size(batch), 0);
    json_decref(batch);
    fixture_release(&f);
}

static void rows_that_do_not_map_are_counted_by_reason_and_the_rest_goes_on(void **state)
{
    (void)state;
    struct fixture f;
    json_t *batch = NULL;
    assert_int_equal(fixture_open(&f, "no,id,judul,status\nA,1,x,9\nB,2,y,1\nC,3,z,9\nD,,w,1\n").code, STATUS_OK);
    assert_int_equal(import_rows_next(&f.rows, &batch).code, STATUS_OK);
    assert_int_equal(json_array_size(batch), 1);
    assert_int_equal(f.rows.read, 4);
    assert_int_equal(f.rows.skipped, 3);
    assert_int_equal(f.rows.reason_count, 2);
    assert_string_equal(f.rows.reasons[0].column, "status");
    assert_int_equal(f.rows.reasons[0].count, 2);
    assert_int_equal(f.rows.reasons[0].line, 2);
    assert_string_equal(f.rows.reasons[1].column, "id");
    json_decref(batch);
    fixture_release(&f);
}

static void all_missing_columns_are_named_at_once(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(fixture_open(&f, "id,no\n1,2\n").code, STATUS_NOT_FOUND);
    assert_non_null(strstr(f.rows.problem, "judul (m.yaml:8:"));
    assert_non_null(strstr(f.rows.problem, "status (m.yaml:9:"));
    fixture_release(&f);
}

static void a_broken_file_is_told_with_its_line(void **state)
{
    (void)state;
    struct fixture f;
    json_t *batch = NULL;
    assert_int_equal(fixture_open(&f, "no,id,judul,status\nA,1,x\n").code, STATUS_OK);
    assert_int_equal(import_rows_next(&f.rows, &batch).code, STATUS_INVALID);
    assert_non_null(strstr(f.rows.problem, "line 2"));
    fixture_release(&f);
    assert_int_equal(fixture_open(&f, "").code, STATUS_INVALID);
    fixture_release(&f);
}

static void a_batch_is_bounded_in_rows(void **state)
{
    (void)state;
    struct fixture f;
    json_t *batch = NULL;
    char csv[32768];
    size_t size = (size_t)snprintf(csv, sizeof csv, "no,id,judul,status\n");
    for (int i = 1; i <= LIMIT_CAPTURE_ROWS + 1; i++) {
        size += (size_t)snprintf(csv + size, sizeof csv - size, "N,%d,x,0\n", i);
    }
    assert_int_equal(fixture_open(&f, csv).code, STATUS_OK);
    assert_int_equal(import_rows_next(&f.rows, &batch).code, STATUS_OK);
    assert_int_equal(json_array_size(batch), LIMIT_CAPTURE_ROWS);
    json_decref(batch);
    assert_int_equal(import_rows_next(&f.rows, &batch).code, STATUS_OK);
    assert_int_equal(json_array_size(batch), 1);
    json_decref(batch);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_map_come_in_a_batch_with_key_identity_and_values),
        cmocka_unit_test(rows_that_do_not_map_are_counted_by_reason_and_the_rest_goes_on),
        cmocka_unit_test(all_missing_columns_are_named_at_once),
        cmocka_unit_test(a_broken_file_is_told_with_its_line),
        cmocka_unit_test(a_batch_is_bounded_in_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
