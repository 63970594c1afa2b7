/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/base/heap.h"

static void the_heap_gives_and_takes_even_nothing(void **state)
{
    struct memory memory = memory_heap();
    (void)state;
    void *block = memory.alloc(memory.owner, 0);
    assert_non_null(block);
    memory.release(memory.owner, block);
    memory.release(memory.owner, NULL);
}

static void the_meter_counts_what_is_out(void **state)
{
    struct heap_meter meter = {0};
    struct memory memory = memory_metered(&meter);
    (void)state;
    void *a = memory.alloc(memory.owner, 100);
    void *b = memory.alloc(memory.owner, 1);
    assert_int_equal((uintptr_t)b % _Alignof(max_align_t), 0);
    assert_int_equal(meter.taken, 101);
    assert_int_equal(meter.blocks, 2);
    memory.release(memory.owner, a);
    memory.release(memory.owner, NULL);
    assert_int_equal(meter.taken, 1);
    assert_int_equal(meter.taken_most, 101);
    memory.release(memory.owner, b);
    assert_int_equal(meter.blocks, 0);
    assert_int_equal(meter.calls, 2);
}

static void the_limit_is_what_may_be_out_at_once(void **state)
{
    struct heap_meter meter = {.limit = 100};
    struct memory memory = memory_metered(&meter);
    (void)state;
    void *a = memory.alloc(memory.owner, 60);
    assert_non_null(a);
    assert_null(memory.alloc(memory.owner, 41));
    void *b = memory.alloc(memory.owner, 40);
    assert_non_null(b);
    assert_null(memory.alloc(memory.owner, 1));
    memory.release(memory.owner, a);
    a = memory.alloc(memory.owner, 60);
    assert_non_null(a);
    memory.release(memory.owner, a);
    memory.release(memory.owner, b);
}

static void the_nth_allocation_fails_and_the_next_does_not(void **state)
{
    struct heap_meter meter = {.fail_at = 2};
    struct memory memory = memory_metered(&meter);
    (void)state;
    void *a = memory.alloc(memory.owner, 1);
    assert_non_null(a);
    assert_null(memory.alloc(memory.owner, 1));
    void *b = memory.alloc(memory.owner, 1);
    assert_non_null(b);
    memory.release(memory.owner, a);
    memory.release(memory.owner, b);
}

static void an_absurd_size_fails(void **state)
{
    struct heap_meter meter = {0};
    struct memory memory = memory_metered(&meter);
    (void)state;
    assert_null(memory.alloc(memory.owner, SIZE_MAX));
    assert_int_equal(meter.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_heap_gives_and_takes_even_nothing),
        cmocka_unit_test(the_meter_counts_what_is_out),
        cmocka_unit_test(the_limit_is_what_may_be_out_at_once),
        cmocka_unit_test(the_nth_allocation_fails_and_the_next_does_not),
        cmocka_unit_test(an_absurd_size_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
