/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/shadow.h"
#include "tests/fuzz/budget.h"

/* Any bytes as a shadow (they stand in the legacy database, where others can write): refused, or written and read again
 * as the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = budget_arena(64 * 1024 * 1024);
    struct shadow shadow;
    struct shadow copy;
    struct span once;
    struct span twice;
    struct status s = shadow_decode(span_of(data, size), &arena, &shadow);
    REQUIRE(s.code != STATUS_NO_MEMORY || size > 64 * 1024);
    if (status_is_ok(s)) {
        REQUIRE(status_is_ok(shadow_copy(&shadow, 0, &arena, &copy)));
        REQUIRE(status_is_ok(shadow_encode(&copy, &arena, &once)));
        REQUIRE(status_is_ok(shadow_decode(once, &arena, &shadow)));
        REQUIRE(status_is_ok(shadow_encode(&shadow, &arena, &twice)) && span_equal(once, twice));
    }
    arena_release(&arena);
    return 0;
}
