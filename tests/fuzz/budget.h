/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_BUDGET_H
#define TESTS_FUZZ_BUDGET_H

#include <stdlib.h>

#include "proto/memory.h"

/* Memory of one fuzz input: plain malloc, so that the sanitizer sees every chunk, in an arena with a budget. */

static inline void *budget_alloc(void *owner, size_t size)
{
    (void)owner;
    return malloc(size);
}

static inline void budget_release(void *owner, void *pointer)
{
    (void)owner;
    free(pointer);
}

static inline struct arena budget_arena(size_t budget)
{
    struct arena arena;
    arena_init(&arena, (struct memory){.alloc = budget_alloc, .release = budget_release}, budget);
    return arena;
}

/* Says which property broke and stops, with assertions or without. */
#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#endif
