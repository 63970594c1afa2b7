/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_MEMORY_H
#define PROTO_MEMORY_H

#include <stddef.h>

#include "proto/span.h"
#include "proto/status.h"

/* Where memory comes from. The core never calls malloc: the caller passes one of these, so that a test can fail the
 * n-th allocation and a peer's message can be given a budget. alloc returns NULL when exhausted; release accepts NULL. */
struct memory {
    void *(*alloc)(void *owner, size_t size);
    void (*release)(void *owner, void *pointer);
    void *owner; /* borrowed */
};

/* Temporary memory that dies with its scope. Bump allocation in chunks taken from `memory`; nothing is freed one by one.
 * Zero is a valid released arena. */
struct arena {
    struct memory memory; /* by value: the owner it points to is borrowed */
    struct arena_chunk *chunks; /* owned, newest first */
    size_t budget;        /* bytes that may still be taken from `memory`; SIZE_MAX for no bound */
};

void arena_init(struct arena *arena, struct memory memory, size_t budget);
/* Frees everything. Accepts {0} and twice. */
void arena_release(struct arena *arena);
/* Forgets everything but keeps the largest chunk for the next round. */
void arena_clear(struct arena *arena);

/* Zeroed memory of `size` bytes aligned for any type, or NULL when memory or budget is exhausted. size 0 gives a valid
 * pointer. */
void *arena_alloc(struct arena *arena, size_t size) MUST_CHECK;
/* count * size with overflow check. */
void *arena_array(struct arena *arena, size_t count, size_t size) MUST_CHECK;
/* Copy of `bytes` in the arena. */
struct status arena_copy(struct arena *arena, struct span bytes, struct span *out_copy) MUST_CHECK;

/* A growing byte buffer in an arena, with a sticky error so that writing is linear and checked once at the end. */
struct buffer {
    struct arena *arena; /* borrowed */
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool failed; /* out of memory: everything after it is ignored */
};

void buffer_init(struct buffer *buffer, struct arena *arena);
void buffer_add(struct buffer *buffer, const void *data, size_t size);
void buffer_add_span(struct buffer *buffer, struct span bytes);
void buffer_add_u8(struct buffer *buffer, uint8_t value);
void buffer_add_be32(struct buffer *buffer, uint32_t value);
void buffer_add_be64(struct buffer *buffer, uint64_t value);
void buffer_add_varint(struct buffer *buffer, uint64_t value);      /* protobuf base-128 */
void buffer_add_sized(struct buffer *buffer, struct span bytes);    /* varint size, then bytes */
/* NO_MEMORY if any add failed, else the bytes (borrowed from the arena). */
struct status buffer_end(struct buffer *buffer, struct span *out_bytes) MUST_CHECK;

/* Reading of our own encodings (rows of the store): sticky error, checked once at the end. Reading past the end sets
 * failed and gives zeros. */
struct reader {
    struct span bytes;
    size_t at;
    bool failed;
};

void reader_init(struct reader *reader, struct span bytes);
static inline uint8_t reader_u8(struct reader *reader)
{
    if (reader->failed || reader->at == reader->bytes.size) {
        reader->failed = true;
        return 0;
    }
    return reader->bytes.data[reader->at++];
}
uint32_t reader_be32(struct reader *reader);
uint64_t reader_be64(struct reader *reader);
uint64_t reader_varint_long(struct reader *reader);
static inline uint64_t reader_varint(struct reader *reader)
{
    if (!reader->failed && reader->at < reader->bytes.size && reader->bytes.data[reader->at] < 0x80) {
        return reader->bytes.data[reader->at++]; /* nearly all of a record's numbers */
    }
    return reader_varint_long(reader);
}
struct span reader_bytes(struct reader *reader, size_t size); /* borrowed from the input */
struct span reader_sized(struct reader *reader);
bool reader_at_end(const struct reader *reader);
/* OK only if nothing failed and everything was read. */
struct status reader_end(const struct reader *reader) MUST_CHECK;

#endif
