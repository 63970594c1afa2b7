/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_mapping */
#include "node/mapping/csv.h"
#include "proto/limits.h"
#include "tests/fuzz/budget.h"

/* Any bytes: records of one width that lie inside the input, then its end or one fault with a word and a line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = budget_arena(size + 64 * 1024);
    struct csv csv;
    struct fault fault = {0};
    struct span fields[LIMIT_COLUMNS];
    size_t count = 0;
    size_t width = 0;
    size_t before = 0;
    csv_init(&csv, span_of(data, size));
    struct status s = csv_next(&csv, &arena, fields, &count, &fault);
    while (status_is_ok(s)) {
        REQUIRE(count > 0 && (width == 0 || count == width) && csv.at > before && csv.at <= size);
        width = count;
        before = csv.at;
        for (size_t i = 0; i < count; i++) {
            REQUIRE(fields[i].size <= size && (fields[i].size == 0 || !memchr(fields[i].data, 0, fields[i].size)));
        }
        s = csv_next(&csv, &arena, fields, &count, &fault);
    }
    REQUIRE(s.code == STATUS_NO_MEMORY || s.code == STATUS_NOT_FOUND || (fault.what && fault.at > 0));
    arena_release(&arena);
    return 0;
}
