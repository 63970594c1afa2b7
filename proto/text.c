/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/value.h"

/* Bytes that continue a sequence begun by `first`, and the range of the second one (RFC 3629, section 4: it excludes
 * overlong forms, surrogates and what lies above U+10FFFF). Negative: no valid first byte. */
static int sequence_rest(uint8_t first, uint8_t *out_low, uint8_t *out_high)
{
    *out_low = 0x80;
    *out_high = 0xbf;
    if (first >= 0xc2 && first <= 0xdf) {
        return 1;
    }
    if (first >= 0xe0 && first <= 0xef) {
        *out_low = first == 0xe0 ? 0xa0 : 0x80;
        *out_high = first == 0xed ? 0x9f : 0xbf;
        return 2;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        *out_low = first == 0xf0 ? 0x90 : 0x80;
        *out_high = first == 0xf4 ? 0x8f : 0xbf;
        return 3;
    }
    return -1;
}

static bool sequence_is_valid(const uint8_t *at, size_t left, size_t *out_size)
{
    uint8_t low;
    uint8_t high;
    int rest = sequence_rest(at[0], &low, &high);
    if (rest < 0 || (size_t)rest >= left || at[1] < low || at[1] > high) {
        return false;
    }
    for (int i = 2; i <= rest; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return false;
        }
    }
    *out_size = (size_t)rest + 1;
    return true;
}

/* Eight bytes of ASCII without a zero: most of what is written here. */
static bool eight_are_plain(const uint8_t *at)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return ((word | (word - ones)) & (ones << 7)) == 0;
}

bool text_is_utf8(struct span text)
{
    size_t at = 0;
    while (at < text.size) {
        if (text.size - at >= 8 && eight_are_plain(text.data + at)) {
            at += 8;
            continue;
        }
        uint8_t byte = text.data[at];
        size_t size = 1;
        if (byte == 0 || (byte >= 0x80 && !sequence_is_valid(text.data + at, text.size - at, &size))) {
            return false;
        }
        at += size;
    }
    return true;
}
