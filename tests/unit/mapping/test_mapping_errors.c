/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_mapping node_config node_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/base/heap.h"
#include "node/mapping/mapping.h"

/* Each mistake that a mapping file can hold, with its exact place, and all of them at once. */

static enum status_code parse(struct arena *arena, struct problems *problems, const char *text)
{
    const struct mapping *mapping = NULL;
    problems_init(problems, arena);
    struct status status = mapping_parse("m.yaml", span_text(text), arena, problems, &mapping);
    assert_int_equal(status_is_ok(status), mapping != NULL);
    assert_int_equal(status_is_ok(status), problems_none(problems));
    return status.code;
}

#define HEAD "system: t\nzone: WIB\n"
#define TABLE HEAD "complaints:\n  table: t\n  key: id\n"
#define FIELD TABLE "  fields:\n    "
#define NOTE FIELD "title: a\nnotes:\n"

static const struct mistake {
    const char *text;
    uint32_t line, column;
    const char *part; /* of the sentence */
    const char *hint; /* part of the hint; NULL: not looked at */
} MISTAKES[] = {
    {"", 0, 0, "empty", "deploy/samples"},
    {"x\n", 1, 1, "The mapping must be a group", NULL},
    {"zone: WIB\ncomplaints: {table: t, key: id, fields: {title: a}}\n", 1, 1, "\"system\" is missing", NULL},
    {"system: Kab Sanggau\nzone: WIB\ncomplaints: {table: t, key: id, fields: {title: a}}\n", 1, 9, "The system must",
     NULL},
    {"system: t\ncomplaints: {table: t, key: id, fields: {title: a}}\n", 1, 1, "\"zone\" is missing", NULL},
    {HEAD, 1, 1, "\"complaints\" is missing", NULL},
    {HEAD "complaints: x\n", 3, 13, "\"complaints\" must be a group", NULL},
    {HEAD "complaint: {}\ncomplaints: {table: t, key: id, fields: {title: a}}\n", 3, 1, "\"complaint\" is not known",
     "Did you mean \"complaints\"?"},
    {HEAD "form_window: 30\ncomplaints: {table: t, key: id, fields: {title: a}}\n", 3, 14, "not a length of time",
     "unit"},
    {HEAD "form_window: 2 days\ncomplaints: {table: t, key: id, fields: {title: a}}\n", 3, 14, "must be from", NULL},
    {HEAD "scope: region\ncomplaints: {table: t, key: id, fields: {title: a}}\n", 3, 8, "scope cannot be", "node"},
    {HEAD "complaints: {key: id, fields: {title: a}}\n", 3, 13, "\"table\" is missing", NULL},
    {HEAD "complaints: {table: t, fields: {title: a}}\n", 3, 13, "\"key\" is missing", NULL},
    {HEAD "complaints: {table: t, key: [], fields: {title: a}}\n", 3, 29, "the list is empty", NULL},
    {HEAD "complaints: {table: t, key: id}\n", 3, 13, "\"fields\" is missing", NULL},
    {TABLE "  wher: x\n  fields: {title: a}\n", 6, 3, "\"wher\" is not known", "Possible here"},
    {TABLE "  only: {a: []}\n  fields: {title: a}\n", 6, 13, "no row would pass", NULL},
    {TABLE "  only: {a: [[1]]}\n  fields: {title: a}\n", 6, 14, "must be a single value", NULL},
    {TABLE "  insert: {key: X}\n  fields: {title: a}\n", 6, 17, "must hold {id}", "SIMPUL"},
    {TABLE "  insert: {defaults: {a: {now: iso, zoen: WIB}}}\n  fields: {title: a}\n", 6, 37, "\"zoen\" is not known",
     "zone"},
    {TABLE "  insert: {allowed: perhaps}\n  fields: {title: a}\n", 6, 21, "\"allowed\" cannot be", NULL},
    {FIELD "titel: a\n", 7, 5, "\"titel\" is not known in the fields of a complaint", "Did you mean \"title\"?"},
    {FIELD "presence: a\n", 7, 5, "\"presence\" is not known", NULL},
    {FIELD "note_text: a\n", 7, 5, "\"note_text\" is not known", NULL},
    {FIELD "title: [a]\n", 7, 12, "title must be a group", NULL},
    {FIELD "title:\n", 7, 11, "title must be a group", NULL},
    {FIELD "title: ''\n", 7, 12, "may not be empty", NULL},
    {FIELD "title: {direction: in}\n", 7, 12, "does not say where", NULL},
    {FIELD "title: {column: a, constant: b}\n", 7, 12, "more than one place", NULL},
    {FIELD "title: {column: a, direction: inn}\n", 7, 35, "direction cannot be \"inn\"", "\"in\""},
    {FIELD "title: {constant: x, direction: out}\n", 7, 12, "cannot go out", NULL},
    {FIELD "title: {column: a, format: iso}\n", 7, 24, "\"format\" is not known in title", NULL},
    {FIELD "text: {template: \"{a\"}\n", 7, 22, "not closed", NULL},
    {FIELD "text: {template: \"{a} {b\"}\n", 7, 22, "not closed", NULL},
    {FIELD "text: {template: \"{}\"}\n", 7, 22, "not closed", NULL},
    {FIELD "text: {template: \"abc\"}\n", 7, 22, "names no column", NULL},
    {FIELD "status: a\n", 7, 13, "needs a table", NULL},
    {FIELD "status: {column: a}\n", 7, 13, "needs a table", NULL},
    {FIELD "status: {column: a, values: {1: selesia}}\n", 7, 37, "status cannot be \"selesia\"",
     "Did you mean \"selesai\"?"},
    {FIELD "status: {column: a, values: {1: {status: tunda, raeson: x}}}\n", 7, 53, "\"raeson\" is not known",
     "reason"},
    {FIELD "status: {column: a, values: {1: {reason: x}}}\n", 7, 37, "\"status\" is missing", NULL},
    {FIELD "status: {column: a, values: {1: tunda}, write: {tnda: 1}}\n", 7, 53, "cannot be \"tnda\"", "\"tunda\""},
    {FIELD "status: {column: a, values: {1: tunda}, write: {tunda: [1]}}\n", 7, 60, "must be a single value", NULL},
    {FIELD "status: {column: a, values: {1: tunda, 1: proses}}\n", 7, 44, "already stands in line 7", NULL},
    {FIELD "class: {clasification: a}\n", 7, 13, "\"clasification\" is not known in class", "\"classification\""},
    {FIELD "class: {classification: {constant: keluhan}}\n", 7, 40, "classification cannot be", "pengaduan"},
    {FIELD "channel: {column: a, values: {w: wab}}\n", 7, 38, "channel cannot be \"wab\"", "\"web\""},
    {FIELD "anonymous: {column: a, values: {Y: maybe}}\n", 7, 40, "flag cannot be \"maybe\"", NULL},
    {FIELD "time_received: {column: a, format: ISO8601}\n", 7, 40, "format cannot be", NULL},
    {FIELD "time_received: {column: a, format: \"YYYY-MM\"}\n", 7, 40, "must hold YYYY, MM and DD", NULL},
    {FIELD "time_received: {column: a, format: \"YYYY-MM-DD hh:mm\"}\n", 7, 40, "AM together with hh", NULL},
    {FIELD "time_received: {column: a, zone: WAB}\n", 7, 38, "time zone cannot be \"WAB\"", NULL},
    {FIELD "refs: lapor\n", 7, 11, "refs must be a group", NULL},
    {FIELD "refs: {lapor: [a]}\n", 7, 19, "must be a single value", NULL},
    {FIELD "reporter: {nmae: a}\n", 7, 16, "\"nmae\" is not known", "\"name\""},
    {FIELD "route: {column: a, direction: both}\n", 7, 35, "Only the hub decides", "out"},
    {FIELD "title: a\n    closing: a\n", 8, 5, "Two fields would write into the column \"a\"", "direction: in"},
    {FIELD "title: id\n", 7, 5, "would write into the key column \"id\"", "direction: in"},
    {NOTE "  table: n\n  key: id\n  fields: {text: a}\n", 9, 3, "\"parent\" is missing", NULL},
    {NOTE "  table: n\n  parent: p\n  fields: {text: a}\n", 9, 3, "\"key\" is missing", NULL},
    {NOTE "  table: n\n  key: id\n  parent: [p, q]\n  fields: {text: a}\n", 11, 11, "has 1 column(s), but 2 stand here",
     NULL},
    {NOTE "  table: n\n  key: id\n  parent: p\n  fields: {note_text: a}\n", 12, 12, "in the fields of a note",
     "Possible here: text"},
    {NOTE "  table: t\n  key: id\n  parent: p\n  fields: {text: a}\n", 10, 8, "already named above", NULL},
    {NOTE "- {table: n, key: id, parent: p, fields: {text: a}}\n- {table: n, parent: p, fields: {text: a}}\n", 10, 3,
     "already described above", NULL},
};

static void show(struct problems *problems, struct arena *arena)
{
    struct span report;
    assert_true(status_is_ok(problems_text(problems, arena, &report)));
    print_error("%s\n", (const char *)report.data);
}

static void each_mistake_is_reported_once_at_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof MISTAKES / sizeof MISTAKES[0]; i++) {
        const struct mistake *m = &MISTAKES[i];
        struct arena arena;
        struct problems problems;
        arena_init(&arena, memory_heap(), SIZE_MAX);
        assert_int_equal(parse(&arena, &problems, m->text), STATUS_INVALID);
        const struct problem *p = &problems.list[0];
        if (problems.count != 1 || p->line != m->line || p->column != m->column || !strstr(p->sentence, m->part) ||
            (m->hint && (!p->hint || !strstr(p->hint, m->hint)))) {
            show(&problems, &arena);
            fail_msg("mistake %zu: expected once %u:%u %s", i, m->line, m->column, m->part);
        }
        arena_release(&arena);
    }
}

static void all_mistakes_of_a_file_are_told_together(void **state)
{
    (void)state;
    struct arena arena;
    struct problems problems;
    struct span report;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    assert_int_equal(parse(&arena, &problems,
                           "system: t\n"
                           "zone: WIP\n"
                           "complaints:\n"
                           "  table: aduan\n"
                           "  key: id\n"
                           "  fields:\n"
                           "    titel: judul\n"
                           "    status: {column: st, values: {1: selesia}}\n"
                           "    time_received: {column: tgl, fromat: iso}\n"),
                     STATUS_INVALID);
    assert_true(status_is_ok(problems_text(&problems, &arena, &report)));
    assert_string_equal((const char *)report.data,
                        "m.yaml:2:7: The time zone cannot be \"WIP\".\n"
                        "    zone: WIP\n"
                        "          ^\n"
                        "    Did you mean \"WIB\"?\n"
                        "m.yaml:7:5: The key \"titel\" is not known in the fields of a complaint.\n"
                        "        titel: judul\n"
                        "        ^\n"
                        "    Did you mean \"title\"?\n"
                        "m.yaml:8:38: The status cannot be \"selesia\".\n"
                        "        status: {column: st, values: {1: selesia}}\n"
                        "                                         ^\n"
                        "    Did you mean \"selesai\"?\n"
                        "m.yaml:9:34: The key \"fromat\" is not known in time_received.\n"
                        "        time_received: {column: tgl, fromat: iso}\n"
                        "                                     ^\n"
                        "    Did you mean \"format\"?\n");
    arena_release(&arena);
}

static void too_many_columns_of_a_table_are_refused(void **state)
{
    (void)state;
    struct arena arena;
    struct problems problems;
    char text[4000] = TABLE "  fields: {title: a}\n  wait_until_filled:\n";
    size_t at = strlen(text);
    for (int i = 0; i < 140; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "  - c%d\n", i);
    }
    arena_init(&arena, memory_heap(), SIZE_MAX);
    assert_int_equal(parse(&arena, &problems, text), STATUS_INVALID);
    assert_non_null(strstr(problems.list[0].sentence, "More than 128 columns"));
    arena_release(&arena);
}

static void a_missing_file_is_a_problem(void **state)
{
    (void)state;
    struct arena arena;
    struct problems problems;
    const struct mapping *mapping;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    problems_init(&problems, &arena);
    assert_int_equal(mapping_load("/nowhere/m.yaml", &arena, &problems, &mapping).code, STATUS_INVALID);
    assert_int_equal(problems.count, 1);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_is_reported_once_at_its_place),
        cmocka_unit_test(all_mistakes_of_a_file_are_told_together),
        cmocka_unit_test(too_many_columns_of_a_table_are_refused),
        cmocka_unit_test(a_missing_file_is_a_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
