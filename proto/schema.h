/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_SCHEMA_H
#define PROTO_SCHEMA_H

#include "proto/memory.h"

/* Protobuf messages (proto3 wire format) straight into our structs, by tables that lie beside the structs in the codec
 * files. Private to proto/.
 *
 * Why not protobuf-c: it expands 1 MiB of empty sub-messages to 92 MiB, has no depth guard, checks no UTF-8 and copies
 * every byte. Here the depth is that of the tables, every count has a bound that is checked on the raw bytes before its
 * array is allocated, and spans are borrowed from the input. tests/unit/proto/ shows with protobuf-c that a protobuf
 * program reads and writes the same bytes for the published .proto files.
 *
 * Writing: fields ascending, no defaults, shortest numbers; so equal values are equal bytes. Reading is tolerant where
 * protobuf is: any order, unknown fields skipped, the last of several wins (also for sub-messages: they are replaced, not
 * merged), defaults and longer numbers accepted. */

enum schema_kind {
    SCHEMA_U32,
    SCHEMA_U64,
    SCHEMA_I64,      /* int64: two's complement in ten bytes when negative */
    SCHEMA_S32,      /* sint32: zigzag */
    SCHEMA_BOOL,
    SCHEMA_ENUM,     /* bound: number of values; others are INVALID */
    SCHEMA_TEXT,     /* struct span, UTF-8 without NUL; bound: greatest size */
    SCHEMA_BYTES,    /* struct span; bound: greatest size */
    SCHEMA_EXACT,    /* struct span of exactly `bound` bytes, or empty */
    SCHEMA_CODE,     /* struct node_id or scope_id; zero: absent */
    SCHEMA_FIXED,    /* `bound` bytes in place; zero: absent */
    SCHEMA_MESSAGE,  /* struct in place; absent when all its fields are */
    SCHEMA_OPTIONAL, /* pointer to a struct, or NULL */
    SCHEMA_LIST,     /* pointer to an array of structs, count beside it; bound: greatest count */
    SCHEMA_HASHES,   /* pointer to an array of struct hash, count beside it; bound: greatest count */
    SCHEMA_IDS,      /* the same of struct record_id */
};

struct schema_message;

struct schema_field {
    uint32_t number; /* ascending within a message */
    enum schema_kind kind;
    size_t offset; /* of the member in the struct */
    size_t bound;
    const struct schema_message *message; /* MESSAGE, OPTIONAL, LIST */
    size_t count_offset;                  /* LIST, HASHES, IDS: of the size_t member */
};

struct schema_message {
    size_t size; /* of the struct */
    const struct schema_field *fields;
    size_t field_count;
};

/* INVALID for a value that schema_read would refuse, LIMIT above a bound or above `size_max` bytes. */
struct status schema_write(const struct schema_message *message, const void *value, size_t size_max,
                           struct arena *arena, struct span *out_bytes) MUST_CHECK;

/* Fills the struct at out_value (cleared first, so undefined after a failure). Arrays live in `arena` and take at most
 * `memory_max` bytes of it (LIMIT above). INVALID for bytes that are no such message. */
struct status schema_read(const struct schema_message *message, struct span bytes, size_t memory_max,
                          struct arena *arena, void *out_value) MUST_CHECK;

#define SCHEMA_COUNT(array) (sizeof(array) / sizeof(array)[0])

/* For tables: a member of a struct, and the whole table. */
#define SCHEMA_FIELD(number, kind, type, member, bound) {number, kind, offsetof(type, member), bound, NULL, 0}
#define SCHEMA_PART(number, kind, type, member, message)                                                              \
    {number, kind, offsetof(type, member), 0, message, 0}
#define SCHEMA_MANY(number, kind, type, member, count, bound, message)                                                \
    {number, kind, offsetof(type, member), bound, message, offsetof(type, count)}
#define SCHEMA_TABLE(type, fields) {sizeof(type), fields, SCHEMA_COUNT(fields)}

#endif
