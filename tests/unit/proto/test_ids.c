/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto/testing.h"

#include "proto/ids.h"

static void a_node_id_has_1_to_16_bytes_of_its_alphabet(void **state)
{
    (void)state;
    static const char *const good[] = {"64.09", "hub", "a", "0", ".", "abcdefghijklmnop", "z9"};
    static const char *const bad[] = {"", "abcdefghijklmnopq", "A", "64-09", "a b", "a/b", "\xc3\xa9", "a_b", "`", "{", ":"};
    struct node_id id;
    struct scope_id scope;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_ok(node_id_parse(span_text(good[i]), &id));
        assert_int_equal(node_id_size(id), strlen(good[i]));
        assert_memory_equal(id.text, good[i], strlen(good[i]));
        assert_ok(scope_id_parse(span_text(good[i]), &scope));
        assert_true(scope_id_equal(scope, scope_of_node(id)));
        assert_int_equal(scope_id_size(scope), strlen(good[i]));
    }
    id = (struct node_id){"kept"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_status(node_id_parse(span_text(bad[i]), &id), STATUS_INVALID);
        assert_status(scope_id_parse(span_text(bad[i]), &scope), STATUS_INVALID);
        assert_string_equal(id.text, "kept");
    }
    assert_status(node_id_parse(span_of("a\0b", 3), &id), STATUS_INVALID);
    assert_int_equal(node_id_size((struct node_id){{0}}), 0);
}

static void a_record_id_is_read_back_from_its_text(void **state)
{
    (void)state;
    const struct record_id id = {{0, 1, 2, 0xab, 0xcd, 0xef, 0xff, 7, 8, 9, 10, 11, 12, 13, 14, 15}};
    struct record_id got;
    char text[33];
    record_id_text(id, text);
    assert_string_equal(text, "000102abcdefff0708090a0b0c0d0e0f");
    assert_ok(record_id_parse(span_text(text), &got));
    assert_true(record_id_equal(id, got));
    assert_ok(record_id_parse(span_text("000102ABCDEFFF0708090A0B0C0D0E0F"), &got));
    assert_true(record_id_equal(id, got));
    static const char *const bad[] = {"", "00", "000102abcdefff0708090a0b0c0d0e0", "000102abcdefff0708090a0b0c0d0e0f0",
                                      "g00102abcdefff0708090a0b0c0d0e0f", "000102abcdefff0708090a0b0c0d0e0 ",
                                      "0x0102abcdefff0708090a0b0c0d0e0f"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_status(record_id_parse(span_text(bad[i]), &got), STATUS_INVALID);
        assert_true(record_id_equal(id, got));
    }
}

static void a_hash_is_shown_as_64_digits(void **state)
{
    (void)state;
    struct hash hash = {{0xde, 0xad}};
    char text[65];
    hash_text(hash, text);
    assert_int_equal(strlen(text), 64);
    assert_memory_equal(text, "dead00", 6);
}

static void replicas_are_ordered_by_node_epoch_lane_and_dots_by_rseq_too(void **state)
{
    (void)state;
    const struct dot ascending[] = {
        {{{"64"}, 9, 9}, 9},    {{{"64.09"}, 1, 0}, 1},          {{{"64.09"}, 1, 0}, 2},  {{{"64.09"}, 1, 1}, 1},
        {{{"64.09"}, 2, 0}, 1}, {{{"64.09"}, 0x80000000u, 0}, 1}, {{{"64.10"}, 1, 0}, 1}, {{{"hub"}, 1, 0}, UINT64_MAX},
    };
    const size_t count = sizeof ascending / sizeof ascending[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            int c = dot_compare(ascending[i], ascending[j]);
            assert_true(i < j ? c < 0 : i > j ? c > 0 : c == 0);
            assert_int_equal(dot_equal(ascending[i], ascending[j]), i == j);
            assert_int_equal(replica_compare(ascending[i].replica, ascending[j].replica) == 0,
                             replica_equal(ascending[i].replica, ascending[j].replica));
        }
    }
    assert_true(scope_id_compare((struct scope_id){"a"}, (struct scope_id){"b"}) < 0);
    assert_true(node_id_compare((struct node_id){"a"}, (struct node_id){"a"}) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_id_has_1_to_16_bytes_of_its_alphabet),
        cmocka_unit_test(a_record_id_is_read_back_from_its_text),
        cmocka_unit_test(a_hash_is_shown_as_64_digits),
        cmocka_unit_test(replicas_are_ordered_by_node_epoch_lane_and_dots_by_rseq_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
