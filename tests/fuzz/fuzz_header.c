/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/header.h"
#include "tests/fuzz/budget.h"

/* Any bytes: refused, or read within 64 KiB and written again as the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = budget_arena(64 * 1024);
    struct header header;
    struct fault fault = {0};
    struct span leaf = span_of(data, size);
    struct status s = header_scan(leaf, &arena, &header, &fault);
    REQUIRE(s.code != STATUS_NO_MEMORY);
    REQUIRE(status_is_ok(s) || (fault.what && fault.field));
    if (status_is_ok(s)) {
        struct span again;
        s = header_write(&header, &arena, &again, NULL);
        REQUIRE(status_is_ok(s) == header_class_fits(&header));
        REQUIRE(!status_is_ok(s) || span_equal(leaf, again));
    }
    arena_release(&arena);
    return 0;
}
