/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_PROTO_TESTING_H
#define TESTS_UNIT_PROTO_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/memory.h"

/* Memory that counts what is live and can fail the n-th request, and a seeded source of random numbers. */

struct test_heap {
    size_t live;
    size_t requests;
    size_t fail_at; /* 0: never; n: the n-th request gives NULL */
};

static inline void *test_heap_alloc(void *owner, size_t size)
{
    struct test_heap *heap = owner;
    heap->requests++;
    if (heap->requests == heap->fail_at) {
        return NULL;
    }
    void *pointer = malloc(size);
    heap->live += pointer != NULL;
    return pointer;
}

static inline void test_heap_release(void *owner, void *pointer)
{
    struct test_heap *heap = owner;
    heap->live -= pointer != NULL;
    free(pointer);
}

static inline struct memory test_heap_memory(struct test_heap *heap)
{
    return (struct memory){.alloc = test_heap_alloc, .release = test_heap_release, .owner = heap};
}

static inline struct arena test_arena(struct test_heap *heap)
{
    struct arena arena;
    arena_init(&arena, test_heap_memory(heap), SIZE_MAX);
    return arena;
}

/* xorshift64*, good enough to vary tests and the same everywhere. */
static inline uint64_t test_random(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 2685821657736338717u;
}

static inline uint64_t test_below(uint64_t *seed, uint64_t bound)
{
    return (test_random(seed) >> 11) % bound;
}

static inline bool test_coin(uint64_t *seed)
{
    return test_below(seed, 2) == 0;
}

/* Numbers of all magnitudes, 0 included. */
static inline uint64_t test_number(uint64_t *seed, unsigned bits)
{
    uint64_t width = test_below(seed, bits + 1);
    return width == 0 ? 0 : test_random(seed) >> (64 - width);
}

static inline void test_bytes(uint64_t *seed, void *out_bytes, size_t size)
{
    uint8_t *bytes = out_bytes;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(test_random(seed) >> 32);
    }
}

/* The seed of a run: TEST_SEED, or a fixed one. Printed when a test fails is not needed: it is the same next time. */
static inline uint64_t test_seed(void)
{
    const char *text = getenv("TEST_SEED");
    return text ? strtoull(text, NULL, 0) | 1 : 20260101;
}

#define assert_ok(expr) assert_int_equal((expr).code, STATUS_OK)
#define assert_status(expr, wanted) assert_int_equal((expr).code, (wanted))

#endif
