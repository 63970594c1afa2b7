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

/* The examples of deploy/MAPPING.md load: a whole file as it stands, a part of one (told by its indentation) put into a
 * small mapping at its place. And every field that the program knows is in the guide. */

#define GUIDE "deploy/MAPPING.md"
#define HEAD "system: t\nzone: WIB\ncomplaints:\n  table: laporan\n  key: id\n"

static char *read_guide(void)
{
    FILE *file = fopen(GUIDE, "r");
    assert_non_null(file);
    char *text = calloc(1, 65536);
    assert_non_null(text);
    size_t size = fread(text, 1, 65535, file);
    assert_true(size > 1000 && size < 65535);
    fclose(file);
    return text;
}

static void expect_loads(const char *text)
{
    struct arena arena;
    struct problems problems;
    const struct mapping *mapping;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    problems_init(&problems, &arena);
    if (!status_is_ok(mapping_parse("MAPPING.md", span_text(text), &arena, &problems, &mapping))) {
        struct span report;
        assert_true(status_is_ok(problems_text(&problems, &arena, &report)));
        fail_msg("%s", (const char *)report.data);
    }
    arena_release(&arena);
}

static void try_example(const char *example, size_t size)
{
    char text[4000];
    size_t indent = strspn(example, " ");
    const char *before = strncmp(example, "system:", 7) == 0 ? ""
                         : indent == 4                       ? HEAD "  fields:\n"
                                                             : HEAD "  fields: {title: a}\n";
    assert_true(indent == 0 || indent == 2 || indent == 4);
    snprintf(text, sizeof text, "%s%.*s", before, (int)size, example);
    expect_loads(text);
}

static void every_example_loads(void **state)
{
    (void)state;
    static const char fence[] = "```yaml\n";
    char *guide = read_guide();
    size_t count = 0;
    for (const char *at = strstr(guide, fence); at; at = strstr(at, fence)) {
        at += sizeof fence - 1;
        const char *end = strstr(at, "```");
        assert_non_null(end);
        try_example(at, (size_t)(end - at));
        count++;
    }
    assert_int_equal(count, 5);
    free(guide);
}

static void every_field_is_described(void **state)
{
    (void)state;
    size_t count;
    char *guide = read_guide();
    const struct register_info *all = register_table(&count);
    for (size_t i = 0; i < count; i++) {
        char quoted[64];
        bool is_note = strncmp(all[i].name, "note_", 5) == 0;
        bool is_mapped = all[i].type != VALUE_PRESENCE && all[i].type != VALUE_RECORD && (!all[i].of_part || is_note);
        snprintf(quoted, sizeof quoted, "`%s`", all[i].name + (is_note ? 5 : 0));
        if (is_mapped && !strstr(guide, quoted)) {
            fail_msg("%s is not in %s", quoted, GUIDE);
        }
    }
    free(guide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_loads),
        cmocka_unit_test(every_field_is_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
