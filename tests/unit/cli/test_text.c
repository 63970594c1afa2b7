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
#include "node/cli/cli.h"
#include "node/cli/log_files.h"
#include "node/cli/print.h"
#include "node/cli/text.h"

/* Covers node/cli/text.c, print.c, command.c and the names of log_files.c. */

/* The conversions of a format, one after the other: "%s%lld". */
static void conversions(const char *text, char out_list[128])
{
    size_t size = 0;
    for (const char *at = strchr(text, '%'); at; at = strchr(at, '%')) {
        size_t one = strcspn(at + 1, "sdu%fgX") + 2;
        assert_true(size + one < 128);
        memcpy(out_list + size, at, one);
        size += one;
        at += one;
    }
    out_list[size] = 0;
}

static void both_languages_convert_the_same_values_in_the_same_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < text_count; i++) {
        char english[128];
        char indonesian[128];
        conversions(text_table[i].english, english);
        conversions(text_table[i].indonesian, indonesian);
        assert_string_equal(english, indonesian);
    }
}

static void no_text_stands_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < text_count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(text_table[i].english, text_table[j].english);
        }
    }
}

static void every_command_is_explained_in_both_languages(void **state)
{
    (void)state;
    text_language(true);
    for (const struct command *c = command_table(); c->name; c++) {
        assert_ptr_not_equal(say(c->about), c->about);
        assert_true(!c->found || say(c->found) != c->found);
        assert_true(!c->more || say(c->more) != c->more);
        for (const struct argp_option *o = c->options; o && o->name; o++) {
            assert_ptr_not_equal(say(o->doc), o->doc);
        }
    }
    text_language(false);
}

static void a_command_is_found_by_its_words_and_a_wrong_one_is_guessed(void **state)
{
    (void)state;
    int count = 0;
    const char *two[] = {"record", "show"};
    const char *one[] = {"status", "--json"};
    const char *half[] = {"record"};
    assert_string_equal(command_find(two, 2, &count)->name, "record show");
    assert_int_equal(count, 2);
    assert_string_equal(command_find(one, 2, &count)->name, "status");
    assert_int_equal(count, 1);
    assert_null(command_find(half, 1, &count));
    assert_string_equal(command_nearest(NULL, "statsu"), "status");
    assert_string_equal(command_nearest("record", "shwo"), "show");
    assert_null(command_nearest(NULL, "xyzzyxyzzy"));
}

static void what_a_terminal_would_obey_is_made_visible(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    assert_string_equal(print_visible("a\x1b[31mb", 0, &arena), "a\xe2\x90\x9b[31mb");
    assert_string_equal(print_visible("a\nb", 3, &arena), "a\n   b");
    assert_string_equal(print_visible("a\xe2\x80\xae" "b", 0, &arena), "a<U+202E>b");
    assert_string_equal(print_visible("\xc2\x9b\x7f", 0, &arena), "<U+009B>\xe2\x90\xa1");
    assert_string_equal(print_visible("\xff\xc3(", 0, &arena), "<FF><C3>(");
    assert_string_equal(print_visible("\xc0\xaf", 0, &arena), "<C0><AF>");
    assert_string_equal(print_visible("S\xc3\xa3o", 0, &arena), "S\xc3\xa3o");
    arena_release(&arena);
}

static void times_are_local_and_spans_and_sizes_are_short(void **state)
{
    (void)state;
    char time[PRINT_TIME_SIZE];
    char span[PRINT_SPAN_SIZE];
    char size[PRINT_SIZE_SIZE];
    print_time(1795297947000, 420, time);
    assert_string_equal(time, "2026-11-22 04:52:27 WIB");
    print_time(1795297947000, -210, time);
    assert_string_equal(time, "2026-11-21 18:22:27 -03:30");
    print_time(0, 420, time);
    assert_string_equal(time, "-");
    print_span(200000, span);
    assert_string_equal(span, "3 min 20 s");
    print_size(3400000, size);
    assert_string_equal(size, "3.4 MB");
    progress_estimate(100, 300, 10000, span);
    assert_string_equal(span, "21 s");
    progress_estimate(0, 300, 10000, span);
    assert_string_equal(span, "");
}

static void tables_are_aligned_by_characters_and_end_without_spaces(void **state)
{
    (void)state;
    struct arena arena;
    struct table table;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    arena_init(&arena, memory_heap(), SIZE_MAX);
    table_init(&table, &arena, 3);
    table.right[1] = true;
    table_cell(&table, "\xc3\xa4"); /* one character of two bytes */
    table_cell(&table, "5");
    table_cell(&table, "%s", "");
    table_cell(&table, "long");
    table_cell(&table, "1234");
    table_cell(&table, "x");
    table_print(&table, out, 1);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, " \xc3\xa4        5\n long  1234  x\n");
    free(text);
    arena_release(&arena);
}

static void tiles_are_named_as_tlog_tiles_names_them(void **state)
{
    (void)state;
    char text[64];
    log_files_index(5, text);
    assert_string_equal(text, "005");
    log_files_index(1234067, text);
    assert_string_equal(text, "x001/x234/067");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_languages_convert_the_same_values_in_the_same_order),
        cmocka_unit_test(no_text_stands_twice),
        cmocka_unit_test(every_command_is_explained_in_both_languages),
        cmocka_unit_test(a_command_is_found_by_its_words_and_a_wrong_one_is_guessed),
        cmocka_unit_test(what_a_terminal_would_obey_is_made_visible),
        cmocka_unit_test(times_are_local_and_spans_and_sizes_are_short),
        cmocka_unit_test(tables_are_aligned_by_characters_and_end_without_spaces),
        cmocka_unit_test(tiles_are_named_as_tlog_tiles_names_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
