/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memory.h"

#include <stdalign.h>
#include <string.h>

enum {
    CHUNK_FIRST = 4 * 1024,
    CHUNK_MOST = 256 * 1024, /* chunks double up to here; a larger request gets a chunk of its own size */
};

struct arena_chunk {
    struct arena_chunk *next; /* owned */
    size_t capacity;          /* of data */
    size_t used;
    alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *arena, struct memory memory, size_t budget)
{
    *arena = (struct arena){.memory = memory, .budget = budget};
}

static void chunk_free(struct arena *arena, struct arena_chunk *chunk)
{
    if (arena->budget != SIZE_MAX) {
        arena->budget += sizeof *chunk + chunk->capacity;
    }
    arena->memory.release(arena->memory.owner, chunk);
}

void arena_release(struct arena *arena)
{
    while (arena->chunks) {
        struct arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        chunk_free(arena, chunk);
    }
}

void arena_clear(struct arena *arena)
{
    struct arena_chunk *kept = arena->chunks;
    for (struct arena_chunk *chunk = kept; chunk; chunk = chunk->next) {
        if (chunk->capacity > kept->capacity) {
            kept = chunk;
        }
    }
    while (arena->chunks) {
        struct arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        if (chunk != kept) {
            chunk_free(arena, chunk);
        }
    }
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
        arena->chunks = kept;
    }
}

/* A new chunk for at least `size` bytes; when the budget is too small for the usual chunk, one of exactly `size`. */
static struct arena_chunk *chunk_add(struct arena *arena, size_t size)
{
    size_t capacity = arena->chunks ? arena->chunks->capacity * 2 : CHUNK_FIRST - sizeof(struct arena_chunk);
    if (capacity > CHUNK_MOST) {
        capacity = CHUNK_MOST;
    }
    if (capacity < size || arena->budget < sizeof(struct arena_chunk) + capacity) {
        capacity = size;
    }
    if (capacity > SIZE_MAX - sizeof(struct arena_chunk) || arena->budget < sizeof(struct arena_chunk) + capacity) {
        return NULL;
    }
    struct arena_chunk *chunk = arena->memory.alloc(arena->memory.owner, sizeof *chunk + capacity);
    if (!chunk) {
        return NULL;
    }
    if (arena->budget != SIZE_MAX) {
        arena->budget -= sizeof *chunk + capacity;
    }
    chunk->capacity = capacity;
    chunk->used = 0;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return chunk;
}

static size_t size_rounded(size_t size)
{
    return (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

/* Not zeroed. */
static void *arena_take(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size_t rounded = size_rounded(size);
    struct arena_chunk *chunk = arena->chunks;
    if (!chunk || chunk->capacity - chunk->used < rounded) {
        chunk = chunk_add(arena, rounded);
        if (!chunk) {
            return NULL;
        }
    }
    void *pointer = chunk->data + chunk->used;
    chunk->used += rounded;
    return pointer;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *pointer = arena_take(arena, size);
    if (pointer) {
        memset(pointer, 0, size);
    }
    return pointer;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    return arena_alloc(arena, count * size);
}

struct status arena_copy(struct arena *arena, struct span bytes, struct span *out_copy)
{
    uint8_t *copy = arena_take(arena, bytes.size);
    if (!copy) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (bytes.size != 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    *out_copy = span_of(copy, bytes.size);
    return status_ok();
}

void buffer_init(struct buffer *buffer, struct arena *arena)
{
    *buffer = (struct buffer){.arena = arena};
}

/* In place when the buffer is the newest thing in its chunk, so that a long text written alone is not copied. */
static bool buffer_extend(struct buffer *buffer, size_t capacity)
{
    struct arena_chunk *chunk = buffer->arena->chunks;
    if (!chunk || buffer->capacity == 0 || buffer->data + buffer->capacity != chunk->data + chunk->used) {
        return false;
    }
    if (capacity - buffer->capacity > chunk->capacity - chunk->used) {
        return false;
    }
    chunk->used += capacity - buffer->capacity;
    buffer->capacity = capacity;
    return true;
}

static bool buffer_grow(struct buffer *buffer, size_t size)
{
    if (size > SIZE_MAX / 4 - buffer->size) {
        buffer->failed = true;
        return false;
    }
    size_t capacity = buffer->capacity < 128 ? 256 : buffer->capacity * 2;
    while (capacity < buffer->size + size) {
        capacity *= 2;
    }
    if (buffer_extend(buffer, capacity)) {
        return true;
    }
    uint8_t *data = arena_take(buffer->arena, capacity);
    if (!data) {
        buffer->failed = true;
        return false;
    }
    if (buffer->size != 0) {
        memcpy(data, buffer->data, buffer->size);
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

static inline bool buffer_reserve(struct buffer *buffer, size_t size)
{
    if (buffer->failed) {
        return false;
    }
    return size <= buffer->capacity - buffer->size || buffer_grow(buffer, size);
}

void buffer_add(struct buffer *buffer, const void *data, size_t size)
{
    if (size != 0 && buffer_reserve(buffer, size)) {
        memcpy(buffer->data + buffer->size, data, size);
        buffer->size += size;
    }
}

void buffer_add_span(struct buffer *buffer, struct span bytes)
{
    buffer_add(buffer, bytes.data, bytes.size);
}

void buffer_add_u8(struct buffer *buffer, uint8_t value)
{
    if (buffer_reserve(buffer, 1)) {
        buffer->data[buffer->size++] = value;
    }
}

void buffer_add_be32(struct buffer *buffer, uint32_t value)
{
    uint8_t bytes[4];
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
    }
    buffer_add(buffer, bytes, sizeof bytes);
}

void buffer_add_be64(struct buffer *buffer, uint64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (56 - 8 * i));
    }
    buffer_add(buffer, bytes, sizeof bytes);
}

void buffer_add_varint(struct buffer *buffer, uint64_t value)
{
    uint8_t bytes[10];
    size_t size = 0;
    if (value < 0x80) { /* nearly all of them */
        buffer_add_u8(buffer, (uint8_t)value);
        return;
    }
    while (value >= 0x80) {
        bytes[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[size++] = (uint8_t)value;
    buffer_add(buffer, bytes, size);
}

void buffer_add_sized(struct buffer *buffer, struct span bytes)
{
    buffer_add_varint(buffer, bytes.size);
    buffer_add_span(buffer, bytes);
}

/* The rest of its room goes back when the buffer is the newest thing in its chunk. */
static void buffer_trim(struct buffer *buffer)
{
    struct arena_chunk *chunk = buffer->arena->chunks;
    size_t kept = size_rounded(buffer->size);
    if (chunk && kept < buffer->capacity && buffer->data + buffer->capacity == chunk->data + chunk->used) {
        chunk->used -= buffer->capacity - kept;
        buffer->capacity = kept;
    }
}

struct status buffer_end(struct buffer *buffer, struct span *out_bytes)
{
    static const uint8_t nothing[1];
    if (buffer->failed) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    buffer_trim(buffer);
    *out_bytes = span_of(buffer->data ? buffer->data : nothing, buffer->size);
    return status_ok();
}

void reader_init(struct reader *reader, struct span bytes)
{
    *reader = (struct reader){.bytes = bytes};
}

struct span reader_bytes(struct reader *reader, size_t size)
{
    if (reader->failed || size > reader->bytes.size - reader->at) {
        reader->failed = true;
        return (struct span){0};
    }
    struct span part = size == 0 ? (struct span){0} : span_of(reader->bytes.data + reader->at, size);
    reader->at += size;
    return part;
}

static uint64_t reader_be(struct reader *reader, size_t size)
{
    struct span part = reader_bytes(reader, size);
    uint64_t value = 0;
    for (size_t i = 0; i < part.size; i++) {
        value = value << 8 | part.data[i];
    }
    return value;
}

uint32_t reader_be32(struct reader *reader)
{
    return (uint32_t)reader_be(reader, 4);
}

uint64_t reader_be64(struct reader *reader)
{
    return reader_be(reader, 8);
}

uint64_t reader_varint_long(struct reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (reader->failed || reader->at == reader->bytes.size) {
            break;
        }
        uint8_t byte = reader->bytes.data[reader->at++];
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    reader->failed = true;
    return 0;
}

struct span reader_sized(struct reader *reader)
{
    uint64_t size = reader_varint(reader);
    if (size > SIZE_MAX) {
        reader->failed = true;
    }
    return reader->failed ? (struct span){0} : reader_bytes(reader, (size_t)size);
}

bool reader_at_end(const struct reader *reader)
{
    return reader->failed || reader->at == reader->bytes.size;
}

struct status reader_end(const struct reader *reader)
{
    return STATUS_MAKE(reader->failed || reader->at != reader->bytes.size ? STATUS_INVALID : STATUS_OK);
}
