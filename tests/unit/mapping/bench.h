/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_MAPPING_BENCH_H
#define TESTS_UNIT_MAPPING_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/base/heap.h"
#include "node/mapping/mapping.h"
#include "proto/limits.h"

/* One mapping and one row of it, for the tests of this folder. A case maps columns a, b and c of one table; what is
 * read or written is compared as one line of text. */

struct bench {
    struct arena arena;
    struct problems problems;
    const struct mapping *mapping;
    struct mapping_raw raw[LIMIT_COLUMNS];
};

static inline int bench_make(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    arena_init(&bench->arena, memory_heap(), SIZE_MAX);
    *state = bench;
    return 0;
}

static inline int bench_remove(void **state)
{
    struct bench *bench = *state;
    arena_release(&bench->arena);
    free(bench);
    return 0;
}

static inline void load(struct bench *bench, const char *text)
{
    struct span copy;
    problems_init(&bench->problems, &bench->arena);
    assert_true(status_is_ok(arena_copy(&bench->arena, span_text(text), &copy)));
    struct status status = mapping_parse("m.yaml", copy, &bench->arena, &bench->problems, &bench->mapping);
    if (!status_is_ok(status)) {
        struct span report;
        assert_true(status_is_ok(problems_text(&bench->problems, &bench->arena, &report)));
        fail_msg("%s", (const char *)report.data);
    }
}

static inline void load_field(struct bench *bench, const char *field)
{
    char text[2000];
    snprintf(text, sizeof text, "system: t\nzone: WIB\ncomplaints:\n  table: t\n  key: id\n  fields:\n    %s\n", field);
    load(bench, text);
}

/* Sets the row: column id is 7; the others by name, NULL where no value is given. */
static inline void row(struct bench *bench, const struct mapping_table *table, const char *const *names,
                       const char *const *values, size_t count)
{
    for (size_t i = 0; i < table->column_count; i++) {
        bool is_id = strcmp(table->columns[i].name, "id") == 0;
        bench->raw[i] = (struct mapping_raw){.null = !is_id, .bytes = is_id ? span_text("7") : (struct span){0}};
        for (size_t j = 0; j < count; j++) {
            if (strcmp(table->columns[i].name, names[j]) == 0 && values[j]) {
                bench->raw[i] = (struct mapping_raw){.bytes = span_text(values[j])};
            }
        }
    }
}

static inline void row_abc(struct bench *bench, const char *const *values)
{
    static const char *const names[] = {"a", "b", "c"};
    row(bench, bench->mapping->complaints->table, names, values, 3);
}

__attribute__((format(printf, 3, 4))) static inline void add(char *out, size_t size, const char *format, ...)
{
    va_list arguments;
    size_t at = strlen(out);
    va_start(arguments, format);
    vsnprintf(out + at, size - at, format, arguments);
    va_end(arguments);
}

#endif
