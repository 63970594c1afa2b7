/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto/testing.h"

#include "proto/entry.h"
#include "proto/limits.h"
#include "proto/value.h"
#include "tests/unit/proto/vectors.h"

#define TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

static struct test_heap heap;

static const struct body_value values[] = {{1, TEXT("\x08\x04")}, {64, TEXT("")}, {191, TEXT("sealed")}};
static const struct body sample = {.values = values, .count = 3, .claim = TEXT("claim")};

static void a_body_comes_back_as_it_was(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    struct span bytes;
    struct body got;
    assert_ok(body_write(&sample, &arena, &bytes));
    assert_ok(body_read(bytes, &arena, &got));
    assert_int_equal(got.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(got.values[i].number, values[i].number);
        assert_true(span_equal(got.values[i].bytes, values[i].bytes));
    }
    assert_true(span_equal(got.claim, sample.claim));
    assert_int_equal(got.registry.size, 0);
    arena_release(&arena);
}

static const struct registry_entry regency = {.kind = KIND_REG_NODE,
                                              .node = {"64.09"},
                                              .name = TEXT("Kabupaten Penajam Paser Utara"),
                                              .institution = INSTITUTION_REGENCY,
                                              .parent = {"64"},
                                              .epoch = 3,
                                              .roles = 6,
                                              .scope = {"64.09"},
                                              .size = 1234567890123,
                                              .level = 4,
                                              .active = true};

static void another_protobuf_program_writes_the_same_body_and_entry(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    struct body body = sample;
    struct body read;
    struct registry_entry opened;
    struct span bytes;
    struct span vector = vector_bytes("Body");
    assert_ok(
        registry_entry_write(&(struct registry_entry){.kind = KIND_EPOCH_OPEN, .epoch = 2}, &arena, &body.registry));
    assert_ok(body_write(&body, &arena, &bytes));
    assert_true(span_equal(bytes, vector));
    assert_ok(body_read(vector, &arena, &read));
    assert_true(span_equal(read.values[2].bytes, span_text("sealed")));
    assert_ok(registry_entry_read(KIND_EPOCH_OPEN, read.registry, &arena, &opened));
    assert_int_equal(opened.epoch, 2);
    free((void *)(uintptr_t)vector.data);

    vector = vector_bytes("RegistryEntry");
    assert_ok(registry_entry_write(&regency, &arena, &bytes));
    assert_true(span_equal(bytes, vector));
    free((void *)(uintptr_t)vector.data);
    arena_release(&arena);
}

static void values_must_ascend(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    const struct body_value twice[] = {{1, TEXT("a")}, {1, TEXT("b")}};
    const struct body_value down[] = {{2, TEXT("a")}, {1, TEXT("b")}};
    const struct body_value zero[] = {{0, TEXT("a")}};
    const struct body_value large[] = {{LIMIT_REGISTER_NUMBER + 1, TEXT("a")}};
    struct span bytes;
    struct body got;
    assert_status(body_write(&(struct body){.values = twice, .count = 2}, &arena, &bytes), STATUS_INVALID);
    assert_status(body_write(&(struct body){.values = down, .count = 2}, &arena, &bytes), STATUS_INVALID);
    assert_status(body_write(&(struct body){.values = zero, .count = 1}, &arena, &bytes), STATUS_INVALID);
    assert_status(body_write(&(struct body){.values = large, .count = 1}, &arena, &bytes), STATUS_INVALID);
    assert_status(body_read(span_text("\n\2\10\2\n\2\10\1"), &arena, &got), STATUS_INVALID);
    assert_status(body_read(span_text("\n\2\10\1\n\2\10\1"), &arena, &got), STATUS_INVALID);
    assert_status(body_read(span_text("\n\3\22\1x"), &arena, &got), STATUS_INVALID);
    assert_ok(body_read(span_text("\n\2\10\1\n\2\10\2"), &arena, &got));
    arena_release(&arena);
}

static void a_body_cut_anywhere_is_refused_or_shorter(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    struct span bytes;
    assert_ok(body_write(&sample, &arena, &bytes));
    size_t accepted = 0;
    for (size_t size = 0; size < bytes.size; size++) {
        uint8_t *exact = malloc(size ? size : 1);
        memcpy(exact, bytes.data, size);
        struct body got;
        if (status_is_ok(body_read(span_of(exact, size), &arena, &got))) {
            accepted++;
            assert_true(got.count <= 3 && got.claim.size == 0);
        }
        free(exact);
    }
    assert_int_equal(accepted, 4); /* after 0, 1, 2 and 3 values */
    arena_release(&arena);
}

static void of_several_numbers_the_last_counts_and_unknown_fields_are_passed_over(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    struct body got;
    /* value {number 1, unknown 9 of 8 bytes, number 7, value "ab"}, unknown 5 of 4 bytes, claim "x" */
    assert_ok(body_read(span_text("\n\21\10\1\111\1\2\3\4\5\6\7\10\10\7\22\2ab\55\1\2\3\4\22\1x"), &arena, &got));
    assert_int_equal(got.count, 1);
    assert_int_equal(got.values[0].number, 7);
    assert_true(span_equal(got.values[0].bytes, span_text("ab")));
    assert_true(span_equal(got.claim, span_text("x")));
    assert_status(body_read(span_text("\22\1x\22\1x"), &arena, &got), STATUS_LIMIT); /* what is not a number stands once */
    arena_release(&arena);
}

static void a_flood_of_empty_values_takes_no_memory(void **state)
{
    (void)state;
    static uint8_t flood[LIMIT_BODY_SIZE];
    for (size_t i = 0; i < sizeof flood; i += 2) {
        flood[i] = 0x0a;
        flood[i + 1] = 0;
    }
    struct test_heap counted = {0};
    struct arena arena = test_arena(&counted);
    struct body got;
    assert_status(body_read(span_of(flood, sizeof flood), &arena, &got), STATUS_LIMIT);
    assert_int_equal(counted.requests, 0);
    static uint8_t above[LIMIT_BODY_SIZE + 1];
    assert_status(body_read(span_of(above, sizeof above), &arena, &got), STATUS_LIMIT);
    arena_release(&arena);
}

static void deep_nesting_is_skipped_or_refused_without_descending(void **state)
{
    (void)state;
    /* 100,000 messages, each inside the other: as an unknown field and as the registry entry. */
    static uint8_t nested[6 * 43000];
    struct arena arena = test_arena(&heap);
    struct body got;
    size_t size = 0;
    for (size_t at = sizeof nested; at >= 5;) {
        uint8_t head[5] = {0x7a, (uint8_t)(size | 0x80), (uint8_t)(size >> 7 | 0x80), (uint8_t)(size >> 14), 0};
        at -= 4;
        memcpy(nested + at, head, 4);
        size += 4;
        if (at < 8) {
            nested[at] = 0x7a;
            assert_ok(body_read(span_of(nested + at, size), &arena, &got));
            nested[at] = 0x1a;
            assert_status(body_read(span_of(nested + at, size), &arena, &got), STATUS_LIMIT);
            break;
        }
    }
    arena_release(&arena);
}

static void an_entry_comes_back_as_it_was(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    const struct registry_entry entry = regency;
    struct span bytes;
    struct registry_entry got;
    assert_ok(registry_entry_write(&entry, &arena, &bytes));
    assert_ok(registry_entry_read(KIND_REG_NODE, bytes, &arena, &got));
    assert_true(node_id_equal(got.node, entry.node));
    assert_true(span_equal(got.name, entry.name));
    assert_int_equal(got.institution, entry.institution);
    assert_true(node_id_equal(got.parent, entry.parent));
    assert_int_equal(got.epoch, 3);
    assert_int_equal(got.roles, 6);
    assert_true(scope_id_equal(got.scope, entry.scope));
    assert_int_equal(got.size, 1234567890123);
    assert_int_equal(got.level, 4);
    assert_true(got.active);
    assert_int_equal(got.kind, KIND_REG_NODE);
    arena_release(&arena);
}

static void an_entry_lacking_what_it_is_about_is_refused(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    const enum kind kinds[] = {KIND_EPOCH_OPEN, KIND_REG_HUB, KIND_REG_NODE, KIND_REG_EPOCH,
                               KIND_REG_KEY,    KIND_REG_ROLE, KIND_REG_CUT,  KIND_EDIT};
    struct registry_entry got = {.level = 99};
    struct span bytes;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_status(registry_entry_read(kinds[i], (struct span){0}, &arena, &got), STATUS_INVALID);
        assert_status(registry_entry_write(&(struct registry_entry){.kind = kinds[i]}, &arena, &bytes), STATUS_INVALID);
    }
    struct registry_entry key = {.kind = KIND_REG_KEY, .node = {"a"}, .key_use = KEY_LOG, .key = TEXT("short")};
    assert_status(registry_entry_write(&key, &arena, &bytes), STATUS_INVALID);
    assert_int_equal(got.level, 99);
    assert_ok(registry_entry_read(KIND_REG_SETTINGS, (struct span){0}, &arena, &got));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_comes_back_as_it_was),
        cmocka_unit_test(another_protobuf_program_writes_the_same_body_and_entry),
        cmocka_unit_test(values_must_ascend),
        cmocka_unit_test(a_body_cut_anywhere_is_refused_or_shorter),
        cmocka_unit_test(of_several_numbers_the_last_counts_and_unknown_fields_are_passed_over),
        cmocka_unit_test(a_flood_of_empty_values_takes_no_memory),
        cmocka_unit_test(deep_nesting_is_skipped_or_refused_without_descending),
        cmocka_unit_test(an_entry_comes_back_as_it_was),
        cmocka_unit_test(an_entry_lacking_what_it_is_about_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
