/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto/testing.h"

#include "proto/status.h"
#include "proto/value.h"

/* Another way to say what UTF-8 is: decode, check the number, encode the number again the shortest way. */
static bool model_is_utf8(const uint8_t *bytes, size_t size)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    for (size_t at = 0; at < size;) {
        uint8_t first = bytes[at++];
        unsigned more = first < 0x80 ? 0 : first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : first >> 3 == 30 ? 3 : 9;
        uint32_t code = more == 0 ? first : first & (0x3fu >> more);
        for (unsigned i = 0; i < more; i++, at++) {
            if (more == 9 || at == size || bytes[at] >> 6 != 2) {
                return false;
            }
            code = code << 6 | (bytes[at] & 0x3f);
        }
        if (code == 0 || code < least[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
            return false;
        }
    }
    return true;
}

static void every_sequence_of_up_to_three_bytes_agrees_with_a_decoder(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 1u << 24; n += n < 0x10000 ? 1 : 3) {
        uint8_t bytes[3] = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
        for (size_t from = n < 0x100 ? 2 : n < 0x10000 ? 1 : 0; from < 3; from += 3) {
            if (text_is_utf8(span_of(bytes + from, 3 - from)) != model_is_utf8(bytes + from, 3 - from)) {
                fail_msg("bytes %06x", n);
            }
        }
    }
}

static void sequences_of_four_bytes_agree_with_a_decoder(void **state)
{
    (void)state;
    static const uint8_t rest[] = {0x00, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    const size_t count = sizeof rest;
    for (unsigned first = 0xec; first <= 0xff; first++) {
        for (size_t n = 0; n < count * count * count; n++) {
            uint8_t bytes[5] = {(uint8_t)first, rest[n % count], rest[n / count % count], rest[n / count / count], 'x'};
            assert_int_equal(text_is_utf8(span_of(bytes, 5)), model_is_utf8(bytes, 5));
            assert_int_equal(text_is_utf8(span_of(bytes, 4)), model_is_utf8(bytes, 4));
        }
    }
}

static void text_may_be_empty_but_has_no_zero_byte(void **state)
{
    (void)state;
    assert_true(text_is_utf8((struct span){0}));
    assert_true(text_is_utf8(span_text("Pengaduan \xf0\x9f\x9a\xa7 jalan")));
    assert_false(text_is_utf8(span_of("a\0", 2)));
    assert_false(text_is_utf8(span_of("\0", 1)));
}

static void every_status_has_a_word_of_its_own(void **state)
{
    (void)state;
    for (unsigned a = STATUS_OK; a <= STATUS_UNSUPPORTED; a++) {
        for (unsigned b = STATUS_OK; b < a; b++) {
            assert_string_not_equal(status_name(STATUS_MAKE((enum status_code)a)),
                                    status_name(STATUS_MAKE((enum status_code)b)));
        }
        assert_string_not_equal(status_name(STATUS_MAKE((enum status_code)a)), "?");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sequence_of_up_to_three_bytes_agrees_with_a_decoder),
        cmocka_unit_test(sequences_of_four_bytes_agree_with_a_decoder),
        cmocka_unit_test(text_may_be_empty_but_has_no_zero_byte),
        cmocka_unit_test(every_status_has_a_word_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
