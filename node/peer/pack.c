/* SPDX-License-Identifier: Apache-2.0 */
#include "node/peer/pack.h"

#include <stdlib.h>
#include <zstd.h>

#include "proto/limits.h"

/* Level 1: on leaves, which are half hashes, the higher ones win a few percent and cost three times the work. */
#define PACK_LEVEL 1
#define PACK_WORTH 512 /* smaller messages are not worth a frame */

static struct status pack_plain(struct span message, struct span *out_bytes, const char **out_type)
{
    uint8_t *copy = malloc(message.size ? message.size : 1);
    if (!copy) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (message.size) {
        memcpy(copy, message.data, message.size);
    }
    *out_bytes = span_of(copy, message.size);
    *out_type = PACK_PLAIN_TYPE;
    return status_ok();
}

struct status pack_write(struct span message, struct span *out_bytes, const char **out_type)
{
    if (message.size < PACK_WORTH) {
        return pack_plain(message, out_bytes, out_type);
    }
    size_t bound = ZSTD_compressBound(message.size);
    uint8_t *packed = malloc(bound);
    if (!packed) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t size = ZSTD_compress(packed, bound, message.data, message.size, PACK_LEVEL);
    if (ZSTD_isError(size) || size >= message.size || message.size / size >= LIMIT_ZSTD_RATIO) {
        free(packed);
        return pack_plain(message, out_bytes, out_type);
    }
    *out_bytes = span_of(packed, size);
    *out_type = PACK_ZSTD_TYPE;
    return status_ok();
}

struct status pack_read(struct span content_type, struct span bytes, struct arena *arena, struct span *out_message)
{
    if (span_equal(content_type, span_text(PACK_PLAIN_TYPE))) {
        if (bytes.size > LIMIT_MESSAGE_SIZE) {
            return STATUS_MAKE(STATUS_LIMIT);
        }
        *out_message = bytes;
        return status_ok();
    }
    if (!span_equal(content_type, span_text(PACK_ZSTD_TYPE))) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    unsigned long long size = ZSTD_getFrameContentSize(bytes.data, bytes.size);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (size > LIMIT_MESSAGE_SIZE || size / LIMIT_ZSTD_RATIO > bytes.size) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    uint8_t *message = arena_alloc(arena, (size_t)size);
    if (!message) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t got = ZSTD_decompress(message, (size_t)size, bytes.data, bytes.size);
    if (ZSTD_isError(got) || got != size) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_message = span_of(message, got);
    return status_ok();
}
