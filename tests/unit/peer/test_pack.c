/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_peer node_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <zstd.h>

#include "node/base/heap.h"
#include "node/peer/pack.h"
#include "proto/limits.h"

static struct arena arena;

static int arena_open(void **state)
{
    (void)state;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    return 0;
}

static int arena_close(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

/* Text that packs, but not by more than the ratio allowed. */
static struct span message_make(size_t size)
{
    uint8_t *data = arena_alloc(&arena, size);
    assert_non_null(data);
    uint32_t x = 7;
    for (size_t i = 0; i < size; i++) {
        x = x * 1664525 + 1013904223;
        data[i] = (uint8_t)(i % 4 == 0 ? x >> 24 : 'a');
    }
    return span_of(data, size);
}

static void what_was_packed_reads_back(void **state)
{
    (void)state;
    const size_t sizes[] = {0, 1, 511, 512, 5000, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct span message = message_make(sizes[i]);
        struct span packed;
        struct span back;
        const char *type;
        assert_true(status_is_ok(pack_write(message, &packed, &type)));
        assert_true(status_is_ok(pack_read(span_text(type), packed, &arena, &back)));
        assert_true(span_equal(message, back));
        assert_true(sizes[i] < 5000 || packed.size < message.size);
        free((void *)(uintptr_t)packed.data);
    }
}

static void a_bomb_is_refused_before_it_is_expanded(void **state)
{
    (void)state;
    size_t size = 4 * 1024 * 1024;
    uint8_t *zeros = calloc(1, size);
    uint8_t packed[4096];
    size_t got = ZSTD_compress(packed, sizeof packed, zeros, size, 1);
    assert_false(ZSTD_isError(got));
    struct arena small;
    struct span out;
    arena_init(&small, memory_heap(), 65536);
    assert_int_equal(pack_read(span_text(PACK_ZSTD_TYPE), span_of(packed, got), &small, &out).code, STATUS_LIMIT);
    arena_release(&small);
    free(zeros);
}

static void damaged_cut_and_unknown_messages_are_refused(void **state)
{
    (void)state;
    struct span message = message_make(20000);
    struct span packed;
    struct span out;
    const char *type;
    assert_true(status_is_ok(pack_write(message, &packed, &type)));
    assert_int_equal(pack_read(span_text("application/json"), packed, &arena, &out).code, STATUS_INVALID);
    for (size_t size = 0; size < packed.size; size += 37) {
        struct status status = pack_read(span_text(type), span_of(packed.data, size), &arena, &out);
        assert_true(status.code == STATUS_INVALID || status.code == STATUS_LIMIT);
    }
    free((void *)(uintptr_t)packed.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_packed_reads_back, arena_open, arena_close),
        cmocka_unit_test_setup_teardown(a_bomb_is_refused_before_it_is_expanded, arena_open, arena_close),
        cmocka_unit_test_setup_teardown(damaged_cut_and_unknown_messages_are_refused, arena_open, arena_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
