/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CLI_PRINT_H
#define NODE_CLI_PRINT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/memory.h"

/* Output for people: aligned tables, local times, sizes, progress; what a terminal would obey is made visible. Proved by
 * tests/unit/cli/test_text.c. */

/* Text with every control, format and direction-changing character shown as a picture or <U+XXXX>, and bytes that are no
 * UTF-8 as <XX>. A line feed becomes "\n" and `indent` spaces. In the arena; "" without memory. */
const char *print_visible(const char *text, size_t indent, struct arena *arena);

enum { PRINT_TIME_SIZE = 40, PRINT_SIZE_SIZE = 24, PRINT_SPAN_SIZE = 40 };
/* "2026-11-21 16:41:07 WIB"; 0 gives "-". */
void print_time(int64_t ms, int32_t zone_minutes, char out_text[PRINT_TIME_SIZE]);
/* "812 B", "3.4 MB". */
void print_size(uint64_t bytes, char out_text[PRINT_SIZE_SIZE]);
/* "850 ms", "12 s", "3 min 20 s", "2 h 5 min", "3 d 4 h". */
void print_span(int64_t ms, char out_text[PRINT_SPAN_SIZE]);

enum { TABLE_COLUMNS_MAX = 10 };
/* Rows of text cells, printed with columns as wide as their widest cell (in characters). */
struct table {
    struct arena *arena; /* borrowed */
    size_t columns;
    bool right[TABLE_COLUMNS_MAX]; /* numbers */
    const char **cells;            /* row by row */
    size_t count, capacity;        /* cells */
    bool failed;
};
void table_init(struct table *table, struct arena *arena, size_t columns);
/* The next cell; text is copied and made visible. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `indent` spaces before each row; trailing spaces are left out. */
void table_print(const struct table *table, FILE *out, size_t indent);

/* One line that is rewritten, on a terminal only, at most five times a second. */
struct progress {
    const char *label;
    int64_t started_ms, shown_ms;
    bool on;
};
void progress_start(struct progress *progress, const char *label, bool on);
/* `total` 0: unknown. The estimate is by the pace so far. */
void progress_show(struct progress *progress, uint64_t done, uint64_t total);
/* Clears the line. */
void progress_end(struct progress *progress);
/* "3 min 20 s" still to go, or "" when nothing can be said yet; the arithmetic of progress_show. */
void progress_estimate(uint64_t done, uint64_t total, int64_t elapsed_ms, char out_text[PRINT_SPAN_SIZE]);

#endif
