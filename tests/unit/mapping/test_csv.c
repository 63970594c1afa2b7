/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_mapping node_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/base/heap.h"
#include "node/mapping/csv.h"
#include "proto/limits.h"

/* All records of a text, fields in <>, records ended by a semicolon; a fault as "!line what". */
static void expect_size(const char *text, size_t size, const char *expected)
{
    struct arena arena;
    struct csv csv;
    struct fault fault = {0};
    struct span fields[LIMIT_COLUMNS];
    size_t count;
    char shown[1000] = "";
    size_t at = 0;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    csv_init(&csv, span_of(text, size));
    struct status status = csv_next(&csv, &arena, fields, &count, &fault);
    while (status_is_ok(status)) {
        for (size_t i = 0; i < count; i++) {
            at += (size_t)snprintf(shown + at, sizeof shown - at, "<%.*s>", (int)fields[i].size,
                                   fields[i].size ? (const char *)fields[i].data : "");
        }
        at += (size_t)snprintf(shown + at, sizeof shown - at, ";");
        status = csv_next(&csv, &arena, fields, &count, &fault);
    }
    if (status.code != STATUS_NOT_FOUND) {
        snprintf(shown + at, sizeof shown - at, "!%u %s", (unsigned)fault.at, fault.what);
    }
    assert_string_equal(shown, expected);
    arena_release(&arena);
}

static void expect(const char *text, const char *expected)
{
    expect_size(text, strlen(text), expected);
}

static void plain_records_end_with_lf_crlf_or_the_file(void **state)
{
    (void)state;
    expect("a,b\nc,d\n", "<a><b>;<c><d>;");
    expect("a,b\r\nc,d", "<a><b>;<c><d>;");
    expect("", "");
    expect(",\n,\n", "<><>;<><>;");
    expect("a\n\nb\n", "<a>;<>;<b>;");
    expect("\xef\xbb\xbf"
           "a\n",
           "<a>;");
}

static void quoted_fields_hold_commas_lines_and_quotes(void **state)
{
    (void)state;
    expect("\"a,b\",\"c\nd\"\r\n", "<a,b><c\nd>;");
    expect("\"say \"\"ya\"\"\",\"\"\n", "<say \"ya\"><>;");
    expect("\"\"\"\"", "<\">;");
    expect("x,\"y\"", "<x><y>;");
}

static void what_is_not_csv_is_refused_with_its_line(void **state)
{
    (void)state;
    expect("a\nb\"c\n", "<a>;!2 a quote stands inside a field that does not begin with one");
    expect("a\n\"b\"c\n", "<a>;!2 text stands behind a closing quote");
    expect("a\nb\n\"c\nd\n", "<a>;<b>;!3 a quote is opened here and never closed");
    expect("a,b\n\"x\ny\",z\nc\n", "<a><b>;<x\ny><z>;!4 the number of fields differs from the first line's");
    expect("a,b\nc,d,e\n", "<a><b>;!2 the number of fields differs from the first line's");
    expect("a\rb\n", "!1 a carriage return stands without a line feed");
    expect_size("a\0b", 3, "!1 a zero byte: is this a text file?");
    expect_size("\"a\0\"", 4, "!1 a zero byte: is this a text file?");
}

static void too_many_fields_and_too_long_ones_are_refused(void **state)
{
    (void)state;
    char commas[LIMIT_COLUMNS + 1] = {0};
    memset(commas, ',', LIMIT_COLUMNS);
    expect(commas, "!1 too many fields");
    char *longer = malloc(LIMIT_LEGACY_VALUE + 1);
    assert_non_null(longer);
    memset(longer, 'x', LIMIT_LEGACY_VALUE + 1);
    expect_size(longer, LIMIT_LEGACY_VALUE + 1, "!1 a field is longer than 1 MiB");
    free(longer);
}

static void the_line_of_a_record_counts_lines_inside_quotes(void **state)
{
    (void)state;
    static const char text[] = "\"a\n\n\"\nb\n";
    struct arena arena;
    struct csv csv;
    struct span fields[LIMIT_COLUMNS];
    size_t count;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    csv_init(&csv, span_text(text));
    assert_true(status_is_ok(csv_next(&csv, &arena, fields, &count, NULL)));
    assert_int_equal(csv.line, 1);
    assert_true(status_is_ok(csv_next(&csv, &arena, fields, &count, NULL)));
    assert_int_equal(csv.line, 4);
    assert_int_equal(csv_next(&csv, &arena, fields, &count, NULL).code, STATUS_NOT_FOUND);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_records_end_with_lf_crlf_or_the_file),
        cmocka_unit_test(quoted_fields_hold_commas_lines_and_quotes),
        cmocka_unit_test(what_is_not_csv_is_refused_with_its_line),
        cmocka_unit_test(too_many_fields_and_too_long_ones_are_refused),
        cmocka_unit_test(the_line_of_a_record_counts_lines_inside_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
