/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_config */
#include "node/config/config.h"
#include "tests/fuzz/budget.h"

/* Any bytes as a configuration: loaded, or refused with problems that can be told. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = budget_arena(32 * 1024 * 1024);
    struct problems problems;
    struct config config;
    struct span report;
    problems_init(&problems, &arena);
    struct status s = config_parse("/etc/simpul/fuzz.yaml", span_of(data, size), &arena, &problems, &config);
    REQUIRE(!status_is_ok(s) || problems_none(&problems));
    REQUIRE(s.code != STATUS_INVALID || !problems_none(&problems));
    if (!status_is_ok(s) && s.code != STATUS_NO_MEMORY) {
        REQUIRE(status_is_ok(problems_text(&problems, &arena, &report)) || problems.left_off > 0 || problems.count > 0);
    }
    arena_release(&arena);
    return 0;
}
