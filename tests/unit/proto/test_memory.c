/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto/testing.h"

#include <stdalign.h>

static bool is_aligned(const void *pointer)
{
    return (uintptr_t)pointer % alignof(max_align_t) == 0;
}

static void arena_memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct test_heap heap = {0};
    struct arena arena = test_arena(&heap);
    uint64_t seed = test_seed();
    uint8_t *pointers[200];
    size_t sizes[200];
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < 200; i++) {
            sizes[i] = test_below(&seed, i % 50 == 0 ? 300000 : 300);
            pointers[i] = arena_alloc(&arena, sizes[i]);
            assert_non_null(pointers[i]);
            assert_true(is_aligned(pointers[i]));
            for (size_t at = 0; at < sizes[i]; at++) {
                assert_int_equal(pointers[i][at], 0);
            }
            memset(pointers[i], (int)i + 1, sizes[i]);
        }
        for (size_t i = 0; i < 200; i++) {
            for (size_t at = 0; at < sizes[i]; at++) {
                assert_int_equal(pointers[i][at], (uint8_t)(i + 1));
            }
        }
        arena_clear(&arena);
        assert_int_equal(heap.live, 1); /* the largest chunk is kept */
    }
    arena_release(&arena);
    assert_int_equal(heap.live, 0);
}

static void releasing_is_harmless_when_empty_half_built_or_repeated(void **state)
{
    (void)state;
    struct arena zero = {0};
    arena_release(&zero);
    arena_clear(&zero);
    assert_null(arena_alloc(&zero, 8));
    struct test_heap heap = {.fail_at = 1};
    struct arena arena = test_arena(&heap);
    assert_null(arena_alloc(&arena, 8));
    assert_non_null(arena_alloc(&arena, 8));
    arena_release(&arena);
    arena_release(&arena);
    assert_int_equal(heap.live, 0);
}

static void a_budget_is_never_exceeded_and_comes_back(void **state)
{
    (void)state;
    struct test_heap heap = {0};
    struct arena arena;
    arena_init(&arena, test_heap_memory(&heap), 10000);
    assert_null(arena_alloc(&arena, 10001));
    assert_non_null(arena_alloc(&arena, 6000)); /* less than what is left, more than half of it */
    assert_null(arena_alloc(&arena, 6000));
    assert_true(arena.budget < 4000);
    arena_clear(&arena);
    assert_non_null(arena_alloc(&arena, 6000));
    arena_release(&arena);
    assert_int_equal(arena.budget, 10000);
}

static void absurd_sizes_give_no_memory(void **state)
{
    (void)state;
    struct test_heap heap = {0};
    struct arena arena = test_arena(&heap);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX / 2 + 1));
    assert_null(arena_array(&arena, SIZE_MAX / 2, 4));
    assert_null(arena_array(&arena, SIZE_MAX, SIZE_MAX));
    assert_non_null(arena_array(&arena, 0, 8));
    assert_non_null(arena_alloc(&arena, 0));
    arena_release(&arena);
}

static void a_buffer_holds_what_was_added_whatever_else_the_arena_gives(void **state)
{
    (void)state;
    struct test_heap heap = {0};
    struct arena arena = test_arena(&heap);
    uint64_t seed = test_seed();
    uint8_t *model = malloc(400000);
    size_t size = 0;
    struct buffer buffer;
    buffer_init(&buffer, &arena);
    while (size < 300000) {
        uint8_t piece[3000];
        size_t n = test_below(&seed, sizeof piece);
        test_bytes(&seed, piece, n);
        buffer_add(&buffer, piece, n);
        memcpy(model + size, piece, n);
        size += n;
        if (test_below(&seed, 4) == 0) {
            memset(arena_alloc(&arena, 40), 0xee, 40);
        }
    }
    struct span bytes;
    assert_ok(buffer_end(&buffer, &bytes));
    assert_int_equal(bytes.size, size);
    assert_memory_equal(bytes.data, model, size);
    free(model);
    arena_release(&arena);
}

static void an_empty_buffer_ends_as_a_valid_pointer(void **state)
{
    (void)state;
    struct test_heap heap = {0};
    struct arena arena = test_arena(&heap);
    struct buffer buffer;
    struct span bytes = {0};
    buffer_init(&buffer, &arena);
    buffer_add_span(&buffer, (struct span){0});
    assert_ok(buffer_end(&buffer, &bytes));
    assert_int_equal(bytes.size, 0);
    assert_non_null(bytes.data);
    arena_release(&arena);
}

static void a_buffer_out_of_memory_says_so_at_its_end(void **state)
{
    (void)state;
    struct test_heap heap = {0};
    struct arena arena;
    arena_init(&arena, test_heap_memory(&heap), 1000);
    struct buffer buffer;
    buffer_init(&buffer, &arena);
    for (unsigned i = 0; i < 2000; i++) {
        buffer_add_u8(&buffer, (uint8_t)i);
    }
    struct span bytes = span_text("untouched");
    assert_status(buffer_end(&buffer, &bytes), STATUS_NO_MEMORY);
    assert_int_equal(bytes.size, 9);
    arena_release(&arena);
}

static void a_reader_reads_back_what_a_buffer_wrote(void **state)
{
    (void)state;
    struct test_heap heap = {0};
    struct arena arena = test_arena(&heap);
    uint64_t seed = test_seed();
    for (unsigned round = 0; round < 500; round++) {
        uint64_t number = test_number(&seed, 64);
        struct buffer buffer;
        buffer_init(&buffer, &arena);
        buffer_add_u8(&buffer, (uint8_t)number);
        buffer_add_be32(&buffer, (uint32_t)number);
        buffer_add_be64(&buffer, number);
        buffer_add_varint(&buffer, number);
        buffer_add_sized(&buffer, span_text("text"));
        buffer_add_sized(&buffer, (struct span){0});
        struct span bytes;
        assert_ok(buffer_end(&buffer, &bytes));
        struct reader reader;
        reader_init(&reader, bytes);
        assert_int_equal(reader_u8(&reader), (uint8_t)number);
        assert_int_equal(reader_be32(&reader), (uint32_t)number);
        assert_int_equal(reader_be64(&reader), number);
        assert_int_equal(reader_varint(&reader), number);
        assert_true(span_equal(reader_sized(&reader), span_text("text")));
        assert_int_equal(reader_sized(&reader).size, 0);
        assert_true(reader_at_end(&reader));
        assert_ok(reader_end(&reader));
    }
    arena_release(&arena);
}

static void big_endian_puts_the_high_byte_first(void **state)
{
    (void)state;
    struct test_heap heap = {0};
    struct arena arena = test_arena(&heap);
    struct buffer buffer;
    struct span bytes;
    buffer_init(&buffer, &arena);
    buffer_add_be32(&buffer, 0x01020304);
    buffer_add_be64(&buffer, 0x05060708090a0b0c);
    assert_ok(buffer_end(&buffer, &bytes));
    assert_memory_equal(bytes.data, "\1\2\3\4\5\6\7\10\11\12\13\14", 12);
    arena_release(&arena);
}

static void reading_past_the_end_fails_and_stays_failed(void **state)
{
    (void)state;
    struct reader reader;
    reader_init(&reader, span_text("\1\2\3"));
    assert_int_equal(reader_be32(&reader), 0);
    assert_int_equal(reader_u8(&reader), 0);
    assert_true(reader_at_end(&reader));
    assert_status(reader_end(&reader), STATUS_INVALID);
    reader_init(&reader, span_text("\5ab"));
    assert_int_equal(reader_sized(&reader).size, 0);
    assert_status(reader_end(&reader), STATUS_INVALID);
    reader_init(&reader, span_text("\xff\xff\xff\xff\xff\xff\xff\xff\xff\2"));
    assert_int_equal(reader_varint(&reader), 0);
    assert_status(reader_end(&reader), STATUS_INVALID);
    reader_init(&reader, span_text("\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"));
    assert_true(reader_varint(&reader) == UINT64_MAX);
    assert_ok(reader_end(&reader));
    reader_init(&reader, span_text("ab"));
    (void)reader_u8(&reader);
    assert_false(reader_at_end(&reader));
    assert_status(reader_end(&reader), STATUS_INVALID); /* a byte is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(releasing_is_harmless_when_empty_half_built_or_repeated),
        cmocka_unit_test(a_budget_is_never_exceeded_and_comes_back),
        cmocka_unit_test(absurd_sizes_give_no_memory),
        cmocka_unit_test(a_buffer_holds_what_was_added_whatever_else_the_arena_gives),
        cmocka_unit_test(an_empty_buffer_ends_as_a_valid_pointer),
        cmocka_unit_test(a_buffer_out_of_memory_says_so_at_its_end),
        cmocka_unit_test(a_reader_reads_back_what_a_buffer_wrote),
        cmocka_unit_test(big_endian_puts_the_high_byte_first),
        cmocka_unit_test(reading_past_the_end_fails_and_stays_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
