/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_config node_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/base/heap.h"
#include "node/config/yaml.h"
#include "proto/limits.h"

struct bench {
    struct arena arena;
    struct problems problems;
    struct yaml_walk walk;
    const struct yaml_node *root;
};

static int bench_make(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    arena_init(&bench->arena, memory_heap(), SIZE_MAX);
    problems_init(&bench->problems, &bench->arena);
    *state = bench;
    return 0;
}

static int bench_remove(void **state)
{
    struct bench *bench = *state;
    arena_release(&bench->arena);
    free(bench);
    return 0;
}

static enum status_code parse(struct bench *bench, const char *text)
{
    return yaml_parse("x.yaml", span_text(text), &bench->arena, &bench->problems, &bench->walk, &bench->root).code;
}

/* The whole report, as a person sees it. */
static void expect_report(struct bench *bench, const char *report)
{
    struct span text;
    assert_true(status_is_ok(problems_text(&bench->problems, &bench->arena, &text)));
    assert_string_equal((const char *)text.data, report);
}

static void a_tree_keeps_order_places_and_kinds(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(parse(bench, "a: 1\nb:\n  - x\n  - ~\n  - \"~\"\nc: {d: ''}\n"), STATUS_OK);
    assert_int_equal(bench->root->kind, YAML_MAP);
    assert_int_equal(bench->root->count, 3);
    assert_string_equal(yaml_get(bench->root, "a")->text, "1");
    const struct yaml_node *b = yaml_get(bench->root, "b");
    assert_int_equal(b->kind, YAML_LIST);
    assert_int_equal(b->count, 3);
    assert_int_equal(b->items[1]->kind, YAML_NULL);
    assert_int_equal(b->items[2]->kind, YAML_TEXT);
    assert_int_equal(b->items[2]->line, 5);
    assert_int_equal(b->items[2]->column, 5);
    assert_int_equal(yaml_get(yaml_get(bench->root, "c"), "d")->kind, YAML_TEXT);
    assert_null(yaml_get(bench->root, "d"));
    assert_true(problems_none(&bench->problems));
}

static void an_empty_file_has_an_empty_root(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(parse(bench, "# nothing\n"), STATUS_OK);
    assert_int_equal(bench->root->kind, YAML_NULL);
    assert_int_equal(parse(bench, ""), STATUS_OK);
    assert_int_equal(bench->root->kind, YAML_NULL);
}

static void a_key_twice_is_reported_where_it_stands_again(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(parse(bench, "role: hub\nnode: x\n  \nrole: hub\n"), STATUS_INVALID);
    assert_non_null(bench->root);
    expect_report(bench, "x.yaml:4:1: The key \"role\" already stands in line 1.\n"
                         "    role: hub\n"
                         "    ^\n"
                         "    Keep one of the two.\n");
}

static void anchors_aliases_and_tags_are_refused_together(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(parse(bench, "a: &x 1\nb: *x\nc: !!int 3\n"), STATUS_INVALID);
    assert_int_equal(bench->problems.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(bench->problems.list[i].line, i + 1);
        assert_int_equal(bench->problems.list[i].column, 4);
    }
}

static void a_second_document_is_refused(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(parse(bench, "a: 1\n---\nb: 2\n"), STATUS_INVALID);
    assert_int_equal(bench->problems.list[0].line, 2);
}

static void a_key_that_is_a_list_is_refused(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(parse(bench, "[a, b]: 1\n"), STATUS_INVALID);
    assert_int_equal(bench->problems.list[0].line, 1);
}

static void too_deep_too_large_and_too_many_are_refused(void **state)
{
    struct bench *bench = *state;
    char deep[LIMIT_YAML_DEPTH + 3] = {0};
    memset(deep, '[', LIMIT_YAML_DEPTH + 1);
    assert_int_equal(parse(bench, deep), STATUS_INVALID);
    assert_string_equal(bench->problems.list[0].sentence, "This is nested too deeply.");

    char *large = malloc(LIMIT_YAML_SIZE + 2);
    assert_non_null(large);
    memset(large, ' ', LIMIT_YAML_SIZE + 1);
    large[LIMIT_YAML_SIZE + 1] = 0;
    problems_init(&bench->problems, &bench->arena);
    assert_int_equal(parse(bench, large), STATUS_INVALID);
    assert_int_equal(bench->problems.list[0].line, 0);

    memset(large, '-', (size_t)3 * (LIMIT_YAML_NODES + 1));
    for (size_t i = 0; i <= LIMIT_YAML_NODES; i++) {
        memcpy(large + 3 * i, "- \n", 3);
    }
    large[(size_t)3 * (LIMIT_YAML_NODES + 1)] = 0;
    problems_init(&bench->problems, &bench->arena);
    assert_int_equal(parse(bench, large), STATUS_INVALID);
    assert_string_equal(bench->problems.list[0].sentence, "This file has too many entries.");
    free(large);
}

static void broken_yaml_has_its_place_and_a_hint(void **state)
{
    struct bench *bench = *state;
    bench->root = NULL;
    assert_int_equal(parse(bench, "a: 1\nb:\n\tc: 2\n"), STATUS_INVALID);
    assert_null(bench->root);
    assert_int_equal(bench->problems.count, 1);
    assert_int_equal(bench->problems.list[0].line, 3);
    assert_int_equal(bench->problems.list[0].column, 1);
    assert_non_null(strstr(bench->problems.list[0].hint, "not with tabs"));
}

static void broken_utf8_is_found_at_its_byte(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(parse(bench, "a: 1\nb: x\xffy\n"), STATUS_INVALID);
    assert_int_equal(bench->problems.list[0].line, 2);
    assert_int_equal(bench->problems.list[0].column, 5);
}

static void a_zero_byte_in_a_text_is_refused(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(parse(bench, "a: \"x\\0y\"\n"), STATUS_INVALID);
    assert_string_equal(bench->problems.list[0].sentence, "A text may not hold a zero byte.");
}

static void the_caret_stands_under_its_character(void **state)
{
    struct bench *bench = *state;
    static const char *const known[] = {"nama", NULL};
    assert_int_equal(parse(bench, "{nama: \"\xc3\xa9t\xc3\xa9\", namaa: 2}\n"), STATUS_OK);
    yaml_only_keys(&bench->walk, bench->root, known, "this file");
    expect_report(bench, "x.yaml:1:15: The key \"namaa\" is not known in this file.\n"
                         "    {nama: \"\xc3\xa9t\xc3\xa9\", namaa: 2}\n"
                         "                  ^\n"
                         "    Did you mean \"nama\"?\n");
}

static void control_characters_of_a_file_never_reach_the_terminal(void **state)
{
    struct bench *bench = *state;
    static const char *const known[] = {"a", NULL};
    assert_int_equal(parse(bench, "\"\\e[2J\": 1\n"), STATUS_OK);
    yaml_only_keys(&bench->walk, bench->root, known, "this file");
    assert_null(strchr(bench->problems.list[0].sentence, '\x1b'));
}

static void reports_are_ordered_by_place(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(parse(bench, "a: 1\nb: 2\nc: 3\n"), STATUS_OK);
    yaml_problem(&bench->walk, yaml_get(bench->root, "c"), NULL, "third.");
    yaml_problem(&bench->walk, yaml_get(bench->root, "a"), NULL, "first.");
    yaml_problem(&bench->walk, yaml_get(bench->root, "b"), NULL, "second.");
    yaml_problem(&bench->walk, NULL, NULL, "whole.");
    expect_report(bench, "x.yaml: whole.\n"
                         "x.yaml:1:4: first.\n    a: 1\n       ^\n"
                         "x.yaml:2:4: second.\n    b: 2\n       ^\n"
                         "x.yaml:3:4: third.\n    c: 3\n       ^\n");
}

static void above_the_limit_problems_are_counted(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(parse(bench, "a: 1\n"), STATUS_OK);
    for (int i = 0; i < LIMIT_PROBLEMS + 3; i++) {
        yaml_problem(&bench->walk, NULL, NULL, "again.");
    }
    assert_int_equal(bench->problems.count, LIMIT_PROBLEMS);
    assert_int_equal(bench->problems.left_off, 3);
    assert_int_equal(problems_total(&bench->problems), LIMIT_PROBLEMS + 3);
}

static void the_nearest_word_is_near_or_nothing(void **state)
{
    (void)state;
    static const char *const words[] = {"listen", "legacy", "language", "log_level", "id", NULL};
    assert_string_equal(yaml_nearest("listn", words), "listen");
    assert_string_equal(yaml_nearest("lsiten", words), "listen");
    assert_string_equal(yaml_nearest("Legacy", words), "legacy");
    assert_string_equal(yaml_nearest("loglevel", words), "log_level");
    assert_string_equal(yaml_nearest("di", words), "id");
    assert_null(yaml_nearest("port", words));
    char longer[200];
    memset(longer, 'l', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    assert_null(yaml_nearest(longer, words));
}

static void durations_need_a_unit(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        {"30 minutes", 1800000},
        {"200ms", 200},
        {"2 jam", 7200000},
        {"0", 0},
        {"1 day", 86400000},
        {"5", -1},
        {"-1 s", -1},
        {"10 weeks", -1},
        {"", -1},
        {"99 days", -1},
        {"9999999999999999 s", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct yaml_node node = {.kind = YAML_TEXT, .line = 1, .column = 1, .text = cases[i].text};
        node.size = strlen(cases[i].text);
        int64_t ms = -1;
        size_t before = problems_total(&bench->problems);
        bench->walk = (struct yaml_walk){.file = "x", .problems = &bench->problems, .arena = &bench->arena};
        bool ok = yaml_duration(&bench->walk, &node, "It", 0, 10 * INT64_C(86400000), &ms);
        assert_int_equal(ok, cases[i].ms >= 0);
        assert_int_equal(ms, cases[i].ms);
        assert_int_equal(problems_total(&bench->problems) - before, ok ? 0 : 1);
    }
}

static void numbers_outside_their_range_are_refused(void **state)
{
    struct bench *bench = *state;
    int64_t value = 7;
    assert_int_equal(parse(bench, "a: 65536\nb: 1x\nc: 12\n"), STATUS_OK);
    assert_false(yaml_integer(&bench->walk, yaml_get(bench->root, "a"), "The port", 1, 65535, &value));
    assert_false(yaml_integer(&bench->walk, yaml_get(bench->root, "b"), "The port", 1, 65535, &value));
    assert_int_equal(value, 7);
    assert_true(yaml_integer(&bench->walk, yaml_get(bench->root, "c"), "The port", 1, 65535, &value));
    assert_int_equal(value, 12);
    assert_int_equal(bench->problems.count, 2);
}

static void a_file_that_cannot_be_opened_is_a_problem(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(yaml_load("/nowhere/x.yaml", &bench->arena, &bench->problems, &bench->walk, &bench->root).code,
                     STATUS_INVALID);
    assert_int_equal(bench->problems.count, 1);
    assert_non_null(strstr(bench->problems.list[0].sentence, "cannot be opened"));
}

static void no_memory_is_never_a_crash(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 60; n++) {
        struct heap_meter meter = {.fail_at = n};
        struct arena arena;
        struct problems problems;
        struct yaml_walk walk;
        const struct yaml_node *root = NULL;
        arena_init(&arena, memory_metered(&meter), SIZE_MAX);
        problems_init(&problems, &arena);
        struct status status = yaml_parse("x", span_text("a: [1, 2]\nb: 1\nb: 2\n"), &arena, &problems, &walk, &root);
        assert_false(status_is_ok(status));
        arena_release(&arena);
        assert_int_equal(meter.blocks, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tree_keeps_order_places_and_kinds, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(an_empty_file_has_an_empty_root, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(a_key_twice_is_reported_where_it_stands_again, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(anchors_aliases_and_tags_are_refused_together, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(a_second_document_is_refused, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(a_key_that_is_a_list_is_refused, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(too_deep_too_large_and_too_many_are_refused, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(broken_yaml_has_its_place_and_a_hint, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(broken_utf8_is_found_at_its_byte, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(a_zero_byte_in_a_text_is_refused, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(the_caret_stands_under_its_character, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(control_characters_of_a_file_never_reach_the_terminal, bench_make,
                                        bench_remove),
        cmocka_unit_test_setup_teardown(reports_are_ordered_by_place, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(above_the_limit_problems_are_counted, bench_make, bench_remove),
        cmocka_unit_test(the_nearest_word_is_near_or_nothing),
        cmocka_unit_test_setup_teardown(durations_need_a_unit, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(numbers_outside_their_range_are_refused, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_opened_is_a_problem, bench_make, bench_remove),
        cmocka_unit_test(no_memory_is_never_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
