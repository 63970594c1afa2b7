/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/note.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(struct buffer *buffer, struct span bytes)
{
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t n = bytes.size - i < 3 ? bytes.size - i : 3;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        group |= n > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
        group |= n > 2 ? (uint32_t)bytes.data[i + 2] : 0;
        uint8_t text[4];
        for (uint32_t k = 0; k < 4; k++) {
            text[k] = k <= n ? (uint8_t)ALPHABET[group >> (18 - 6 * k) & 63] : (uint8_t)'=';
        }
        buffer_add(buffer, text, sizeof text);
    }
}

/* 0 to 63, or 64. */
static uint32_t digit_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return (uint32_t)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (uint32_t)(c - 'a') + 26;
    }
    if (c >= '0' && c <= '9') {
        return (uint32_t)(c - '0') + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

struct status base64_read(struct span text, struct arena *arena, struct span *out_bytes)
{
    if (text.size % 4 != 0) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    size_t padding = 0;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=') {
        padding++;
    }
    uint8_t *bytes = arena_alloc(arena, text.size / 4 * 3);
    if (!bytes) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t digits = text.size - padding;
    uint32_t bits = 0;
    uint32_t bit_count = 0;
    size_t size = 0;
    for (size_t i = 0; i < digits; i++) {
        uint32_t value = digit_value(text.data[i]);
        if (value == 64) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        bits = (bits << 6 | value) & 0xfff;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            bytes[size++] = (uint8_t)(bits >> bit_count);
        }
    }
    if ((bits & ((1u << bit_count) - 1)) != 0) {
        return STATUS_MAKE(STATUS_INVALID); /* a second spelling of the same bytes */
    }
    *out_bytes = span_of(bytes, size);
    return status_ok();
}

void decimal_write(struct buffer *buffer, uint64_t value)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    buffer_add(buffer, digits + at, sizeof digits - at);
}

struct status decimal_read(struct span text, uint64_t *out_value)
{
    /* 19 digits stay below 2^64, and nothing here is larger than 2^63. */
    if (text.size == 0 || text.size > 19 || (text.data[0] == '0' && text.size > 1)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return STATUS_MAKE(STATUS_INVALID);
        }
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out_value = value;
    return status_ok();
}
