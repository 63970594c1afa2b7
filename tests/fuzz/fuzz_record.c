/* SPDX-License-Identifier: Apache-2.0 */
#include "conflict/record.h"
#include "tests/fuzz/budget.h"

/* Any bytes as a record's row: refused, or a record that is written and read again as the same bytes, and can be shown.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(const struct record *record, struct arena *arena)
{
    struct ctx_entry *ctx;
    size_t count;
    for (size_t i = 0; i < record->register_count; i++) {
        struct shown shown;
        (void)!status_is_ok(record_show(record, record->registers[i].part, record->registers[i].number, arena, &shown));
    }
    (void)!status_is_ok(record_token(record, arena, &ctx, &count));
    (void)record_status(record);
    (void)record_is_withdrawn(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = budget_arena(64 * 1024 * 1024);
    struct record_id id = {{7}};
    struct record record;
    struct span once;
    struct span twice;
    struct status s = record_decode(id, span_of(data, size), &arena, &record);
    REQUIRE(s.code != STATUS_NO_MEMORY || size > 64 * 1024);
    if (status_is_ok(s)) {
        show(&record, &arena);
        REQUIRE(status_is_ok(record_encode(&record, &arena, &once)));
        REQUIRE(status_is_ok(record_decode(id, once, &arena, &record)));
        REQUIRE(status_is_ok(record_encode(&record, &arena, &twice)) && span_equal(once, twice));
    }
    arena_release(&arena);
    return 0;
}
