/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto/testing.h"

#include "proto/limits.h"
#include "proto/value.h"
#include "tests/unit/proto/vectors.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static struct test_heap heap;

/* One value of each type with nothing left at its default, and the vector that says the same. */
struct sample {
    struct value value;
    const char *message;
};

#define TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

static const struct ref sample_refs[] = {{TEXT("lapor"), TEXT("")}, {TEXT("legacy:a"), TEXT("7")}};

static const struct sample samples[] = {
    {{.type = VALUE_STATUS, .status = {COMPLAINT_PROSES, TEXT("duplikat")}}, "StatusValue"},
    {{.type = VALUE_CLASS, .class = {CLASSIFICATION_ASPIRASI, TEXT("12.3"), true}}, "ClassValue"},
    {{.type = VALUE_CHANNEL, .channel = CHANNEL_SMS}, "ChannelValue"},
    {{.type = VALUE_TIME, .time = {-86400000}}, "TimeValue"},
    {{.type = VALUE_ASSIGN, .assign = {TEXT("dinkes"), 1700000000000, TEXT("p1")}}, "AssignValue"},
    {{.type = VALUE_SCOPE, .scope = {"64.09"}}, "ScopeValue"},
    {{.type = VALUE_REQUEST, .request = {{"64.09"}, TEXT("wewenang")}}, "RequestValue"},
    {{.type = VALUE_FLAG, .flag = true}, "FlagValue"},
    {{.type = VALUE_PRESENCE, .presence = {true, TEXT("dicabut")}}, "PresenceValue"},
    {{.type = VALUE_NUMBER, .number = UINT64_MAX}, "NumberValue"},
    {{.type = VALUE_RECORD, .record = {{1, 2, 3}}}, "RecordValue"},
    {{.type = VALUE_TEXT, .text = TEXT("Jalan rusak \xe2\x80\x94 mohon")}, "TextValue"},
    {{.type = VALUE_PLACE, .place = {TEXT("64.09"), TEXT("Nenang"), TEXT("Jl. Propinsi"), -12345678, 1167654321}},
     "PlaceValue"},
    {{.type = VALUE_REFS, .refs = {sample_refs, 2}}, "RefsValue"},
    {{.type = VALUE_BYTES, .bytes = {(const uint8_t *)"\0\xff\x80", 3}}, "BytesValue"},
};

static void another_protobuf_program_writes_the_same_bytes_for_every_type(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct span bytes;
        struct span again;
        struct value got;
        struct span vector = vector_bytes(samples[i].message);
        assert_ok(value_write(&samples[i].value, &arena, &bytes));
        assert_true(span_equal(bytes, vector));
        assert_ok(value_read(samples[i].value.type, vector, &arena, &got));
        free((void *)(uintptr_t)vector.data);
        assert_ok(value_write(&got, &arena, &again));
        assert_true(span_equal(bytes, again));
    }
    arena_release(&arena);
}

static void a_value_read_back_is_written_as_the_same_bytes(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct span bytes;
        struct span again;
        struct value got;
        assert_ok(value_write(&samples[i].value, &arena, &bytes));
        assert_ok(value_read(samples[i].value.type, bytes, &arena, &got));
        assert_int_equal(got.type, samples[i].value.type);
        assert_ok(value_write(&got, &arena, &again));
        assert_true(span_equal(bytes, again));
    }
    arena_release(&arena);
}

static void members_come_back_as_they_were(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    struct span bytes;
    struct value got;
    assert_ok(value_write(&samples[0].value, &arena, &bytes));
    assert_ok(value_read_register(REG_STATUS, bytes, &arena, &got));
    assert_int_equal(got.status.status, COMPLAINT_PROSES);
    assert_true(span_equal(got.status.reason, span_text("duplikat")));
    assert_ok(value_write(&samples[3].value, &arena, &bytes));
    assert_ok(value_read_register(REG_TIME_CLOSED, bytes, &arena, &got));
    assert_int_equal(got.time.ms, -86400000);
    assert_ok(value_write(&samples[12].value, &arena, &bytes));
    assert_ok(value_read_register(REG_PLACE, bytes, &arena, &got));
    assert_int_equal(got.place.lat_e7, -12345678);
    assert_int_equal(got.place.lon_e7, 1167654321);
    assert_ok(value_write(&samples[13].value, &arena, &bytes));
    assert_ok(value_read_register(REG_REFS, bytes, &arena, &got));
    assert_int_equal(got.refs.count, 2);
    assert_true(span_equal(got.refs.refs[1].system, span_text("legacy:a")));
    assert_true(span_equal(got.refs.refs[1].key, span_text("7")));
    arena_release(&arena);
}

static void a_value_of_defaults_is_no_bytes(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct value nothing = {.type = samples[i].value.type};
        struct span bytes;
        struct value got;
        assert_ok(value_write(&nothing, &arena, &bytes));
        assert_int_equal(bytes.size, 0);
        assert_non_null(bytes.data);
        assert_ok(value_read(nothing.type, (struct span){0}, &arena, &got));
        assert_int_equal(got.type, nothing.type);
    }
    arena_release(&arena);
}

static void an_unknown_register_and_sealed_bytes_pass_unread(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    struct value got;
    struct span bytes = span_text("\xff\xff\xff anything");
    struct span again;
    assert_ok(value_read_register(100, bytes, &arena, &got));
    assert_int_equal(got.type, VALUE_OPAQUE);
    assert_true(span_equal(got.bytes, bytes));
    assert_ok(value_read_register(REG_REPORTER, bytes, &arena, &got));
    assert_int_equal(got.type, VALUE_SEALED);
    assert_ok(value_write(&got, &arena, &again));
    assert_true(span_equal(again, bytes));
    arena_release(&arena);
}

struct foreign {
    const char *why;
    enum value_type type;
    struct span bytes;
    enum status_code wanted;
};

static const struct foreign foreign[] = {
    {"fields in another order", VALUE_STATUS, TEXT("\x12\x01r\x08\x04"), STATUS_OK},
    {"default written out", VALUE_STATUS, TEXT("\x08\x00"), STATUS_OK},
    {"number longer than needed", VALUE_STATUS, TEXT("\x08\x84\x00"), STATUS_OK},
    {"the last of two wins", VALUE_STATUS, TEXT("\x08\x01\x08\x04"), STATUS_OK},
    {"unknown fields of every wire type", VALUE_STATUS,
     TEXT("\x78\x01\x7a\x02xy\x79\1\2\3\4\5\6\7\x8\x7d\1\2\3\4\x08\x04"), STATUS_OK},
    {"text twice", VALUE_STATUS, TEXT("\x12\x01r\x12\x01s"), STATUS_LIMIT},
    {"unknown status", VALUE_STATUS, TEXT("\x08\x09"), STATUS_INVALID},
    {"unknown channel", VALUE_CHANNEL, TEXT("\x08\x7f"), STATUS_INVALID},
    {"text where a number is", VALUE_STATUS, TEXT("\x0a\x01x"), STATUS_INVALID},
    {"number where text is", VALUE_TEXT, TEXT("\x08\x01"), STATUS_INVALID},
    {"group", VALUE_TEXT, TEXT("\x13\x14"), STATUS_INVALID},
    {"field 0", VALUE_TEXT, TEXT("\x02\x00"), STATUS_INVALID},
    {"wire type 7", VALUE_TEXT, TEXT("\x7f\x00"), STATUS_INVALID},
    {"size past the end", VALUE_TEXT, TEXT("\x0a\x05xy"), STATUS_INVALID},
    {"size of 64 bits", VALUE_TEXT, TEXT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), STATUS_INVALID},
    {"number of 11 bytes", VALUE_NUMBER, TEXT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), STATUS_INVALID},
    {"cut off in a number", VALUE_NUMBER, TEXT("\x08\xff"), STATUS_INVALID},
    {"cut off after a tag", VALUE_NUMBER, TEXT("\x08"), STATUS_INVALID},
    {"zero byte in text", VALUE_TEXT, TEXT("\x0a\x03x\0y"), STATUS_INVALID},
    {"broken UTF-8", VALUE_TEXT, TEXT("\x0a\x02\xc3x"), STATUS_INVALID},
    {"surrogate", VALUE_TEXT, TEXT("\x0a\x03\xed\xa0\x80"), STATUS_INVALID},
    {"overlong", VALUE_TEXT, TEXT("\x0a\x02\xc0\xaf"), STATUS_INVALID},
    {"scope with a capital", VALUE_SCOPE, TEXT("\x0a\x01""A"), STATUS_INVALID},
    {"scope of 17 bytes", VALUE_SCOPE, TEXT("\x0a\x11""12345678901234567"), STATUS_INVALID},
    {"record of 15 bytes", VALUE_RECORD, TEXT("\x0a\x0f""123456789012345"), STATUS_INVALID},
    {"latitude above 32 bits", VALUE_PLACE, TEXT("\x20\xff\xff\xff\xff\x7f"), STATUS_INVALID},
};

static void foreign_bytes_are_read_tolerantly_or_refused(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    for (size_t i = 0; i < COUNT_OF(foreign); i++) {
        struct value got = {.number = 4711};
        struct status s = value_read(foreign[i].type, foreign[i].bytes, &arena, &got);
        if (s.code != foreign[i].wanted) {
            fail_msg("%s: %s", foreign[i].why, status_name(s));
        }
        if (!status_is_ok(s)) {
            assert_int_equal(got.number, 4711);
        }
    }
    arena_release(&arena);
}

static void spare_fields_are_read_up_to_a_bound(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    const char *const fields[] = {"\x08\1", "\x78\1"}; /* the value's number again and again, and an unknown field */
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        uint8_t bytes[2 * LIMIT_SPARE_FIELDS + 2];
        struct value got;
        for (size_t at = 0; at < sizeof bytes; at += 2) {
            memcpy(bytes + at, fields[i], 2);
        }
        assert_ok(value_read(VALUE_NUMBER, span_of(bytes, sizeof bytes - 2), &arena, &got));
        assert_status(value_read(VALUE_NUMBER, span_of(bytes, sizeof bytes), &arena, &got), STATUS_LIMIT);
    }
    arena_release(&arena);
}

static void write_refuses_what_read_would_refuse(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    struct span bytes = span_text("untouched");
    const struct ref twice[] = {sample_refs[1], sample_refs[1]};
    static uint8_t large[LIMIT_FIELD_SIZE + 1];
    memset(large, 'x', sizeof large);
    static struct ref many[LIMIT_REFS_COUNT + 1];
    const struct {
        struct value value;
        enum status_code wanted;
    } bad[] = {
        {{.type = VALUE_STATUS, .status = {COMPLAINT_STATUS_COUNT, {0}}}, STATUS_INVALID},
        {{.type = VALUE_TEXT, .text = TEXT("\xff")}, STATUS_INVALID},
        {{.type = VALUE_TEXT, .text = TEXT("a\0b")}, STATUS_INVALID},
        {{.type = VALUE_SCOPE, .scope = {"A"}}, STATUS_INVALID},
        {{.type = VALUE_REFS, .refs = {twice, 2}}, STATUS_INVALID},
        {{.type = VALUE_REFS, .refs = {many, COUNT_OF(many)}}, STATUS_LIMIT},
        {{.type = VALUE_TEXT, .text = {large, sizeof large}}, STATUS_LIMIT},
        {{.type = VALUE_TEXT, .text = {large, sizeof large - 1}}, STATUS_LIMIT}, /* with its tag above the limit */
        {{.type = VALUE_SEALED, .bytes = {large, sizeof large}}, STATUS_LIMIT},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_status(value_write(&bad[i].value, &arena, &bytes), bad[i].wanted);
        assert_int_equal(bytes.size, 9);
    }
    arena_release(&arena);
}

static void unsorted_refs_are_sorted_and_made_unique_when_read(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    struct span bytes = span_text("\n\3\n\1b\n\3\n\1a\n\6\n\1a\22\1x\n\3\n\1a");
    struct value got;
    struct span again;
    assert_ok(value_read(VALUE_REFS, bytes, &arena, &got));
    assert_int_equal(got.refs.count, 3);
    assert_true(span_equal(got.refs.refs[0].system, span_text("a")));
    assert_true(span_equal(got.refs.refs[1].key, span_text("x")));
    assert_true(span_equal(got.refs.refs[2].system, span_text("b")));
    assert_ok(value_write(&got, &arena, &again));
    arena_release(&arena);
}

static void a_union_of_refs_is_commutative_and_idempotent(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    struct span a = span_text("\n\3\n\1a\n\3\n\1c");
    struct span b = span_text("\n\3\n\1b\n\3\n\1c");
    struct span wanted = span_text("\n\3\n\1a\n\3\n\1b\n\3\n\1c");
    struct span got;
    assert_ok(value_refs_union(a, b, &arena, &got));
    assert_true(span_equal(got, wanted));
    assert_ok(value_refs_union(b, a, &arena, &got));
    assert_true(span_equal(got, wanted));
    assert_ok(value_refs_union(got, a, &arena, &got));
    assert_true(span_equal(got, wanted));
    assert_ok(value_refs_union((struct span){0}, (struct span){0}, &arena, &got));
    assert_int_equal(got.size, 0);
    assert_status(value_refs_union(a, span_text("\xff"), &arena, &got), STATUS_INVALID);
    arena_release(&arena);
}

static void random_bytes_are_read_or_refused_and_what_is_read_can_be_written(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct arena arena = test_arena(&heap);
    size_t accepted = 0;
    for (unsigned round = 0; round < 60000; round++) {
        uint8_t bytes[64];
        size_t size = test_below(&seed, 12);
        test_bytes(&seed, bytes, size);
        for (size_t i = 0; i < size; i++) {
            bytes[i] &= test_coin(&seed) ? 0x1f : 0xff;
        }
        struct value got;
        struct span again;
        enum value_type type = (enum value_type)test_below(&seed, VALUE_SEALED + 1);
        if (status_is_ok(value_read(type, span_of(bytes, size), &arena, &got))) {
            accepted++;
            assert_ok(value_write(&got, &arena, &again));
            struct value twice;
            struct span third;
            assert_ok(value_read(type, again, &arena, &twice));
            assert_ok(value_write(&twice, &arena, &third));
            assert_true(span_equal(again, third));
        }
        arena_clear(&arena);
    }
    assert_true(accepted > 500);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_protobuf_program_writes_the_same_bytes_for_every_type),
        cmocka_unit_test(a_value_read_back_is_written_as_the_same_bytes),
        cmocka_unit_test(members_come_back_as_they_were),
        cmocka_unit_test(a_value_of_defaults_is_no_bytes),
        cmocka_unit_test(an_unknown_register_and_sealed_bytes_pass_unread),
        cmocka_unit_test(foreign_bytes_are_read_tolerantly_or_refused),
        cmocka_unit_test(spare_fields_are_read_up_to_a_bound),
        cmocka_unit_test(write_refuses_what_read_would_refuse),
        cmocka_unit_test(unsorted_refs_are_sorted_and_made_unique_when_read),
        cmocka_unit_test(a_union_of_refs_is_commutative_and_idempotent),
        cmocka_unit_test(random_bytes_are_read_or_refused_and_what_is_read_can_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
