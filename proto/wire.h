/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include <protobuf-c/protobuf-c.h>

#include "proto/ids.h"
#include "proto/memory.h"

/* Between our structs and the types that protoc-c generates from body.proto and sync.proto. Private to proto/.
 *
 * protobuf-c reads and writes the bytes. Alone it would not do for a stranger's bytes: it follows nesting by recursion,
 * turns 1 MiB of empty sub-messages into 92 MiB, cuts numbers to 32 bits, and checks no text. So wire_unpack first scans
 * the raw bytes along the schema, without recursion and without memory (wire_scan.c), and gives protobuf-c memory only from
 * the arena and only up to a budget.
 *
 * Reading is tolerant where protobuf is: any order, LIMIT_SPARE_FIELDS unknown fields, the last of several numbers wins,
 * defaults and longer numbers accepted. Text, bytes and sub-messages that are not repeated stand once.
 * Writing: fields ascending, no defaults, shortest numbers; so equal values are equal bytes.
 *
 * Proved by tests/unit/proto/test_{value,body,message}.c and tests/fuzz/fuzz_{body,message}.c. */

/* One reading or writing. The error is sticky, so that a message is converted in one line per field and checked once. */
struct wire {
    struct arena *arena;   /* borrowed */
    size_t left;           /* of the arena, what may still be taken */
    enum status_code code; /* first thing found wrong */
};

void wire_init(struct wire *wire, struct arena *arena, size_t memory_max);
/* The first error stays. */
void wire_fail(struct wire *wire, enum status_code code);
struct status wire_end(const struct wire *wire) MUST_CHECK;

/* Whether protobuf-c may read `bytes` as such a message: INVALID where it is none (wire types, varints, sizes, numbers
 * above 32 bits where the field has 32, text that is not UTF-8 or has a NUL), LIMIT where a repeated field, a
 * sub-message or unknown fields stand too often. Cost: one pass. */
struct status wire_scan(const ProtobufCMessageDescriptor *message, struct span bytes) MUST_CHECK;

/* Scanned, then unpacked into the arena; nothing to free. NULL with the error in `wire`. */
void *wire_unpack(struct wire *wire, const ProtobufCMessageDescriptor *message, struct span bytes);
/* Packed bytes in the arena; LIMIT above size_max; any earlier error of `wire` comes first. */
struct status wire_pack(struct wire *wire, const ProtobufCMessage *message, size_t size_max,
                        struct span *out_bytes) MUST_CHECK;

/* count * size bytes of zeros, or NULL: error, or count 0. */
void *wire_array(struct wire *wire, size_t count, size_t size);

/* Reading: members of a generated struct as ours. Above `max`: LIMIT. Spans are borrowed from the unpacked message. */
struct span wire_get_text(struct wire *wire, const char *text, size_t max);
struct span wire_get_bytes(struct wire *wire, ProtobufCBinaryData bytes, size_t max);
struct span wire_get_exact(struct wire *wire, ProtobufCBinaryData bytes, size_t size); /* or empty */
void wire_get_fixed(struct wire *wire, ProtobufCBinaryData bytes, void *out, size_t size); /* absent: zeros */
struct node_id wire_get_node(struct wire *wire, const char *text);
struct scope_id wire_get_scope(struct wire *wire, const char *text);
/* INVALID unless 0 <= value < count. */
uint32_t wire_get_enum(struct wire *wire, int64_t value, uint32_t count);
/* Array of `count` elements of exactly `size` bytes. */
void *wire_get_fixed_list(struct wire *wire, const ProtobufCBinaryData *list, size_t count, size_t size);

/* Writing: ours as members of a generated struct, which borrows bytes and gets copies of text. */
char *wire_put_text(struct wire *wire, struct span text, size_t max);
ProtobufCBinaryData wire_put_bytes(struct wire *wire, struct span bytes, size_t max);
ProtobufCBinaryData wire_put_exact(struct wire *wire, struct span bytes, size_t size);
ProtobufCBinaryData wire_put_fixed(const void *bytes, size_t size); /* zeros: absent */
char *wire_put_node(struct wire *wire, struct node_id id);
char *wire_put_scope(struct wire *wire, struct scope_id id);
uint32_t wire_put_enum(struct wire *wire, uint32_t value, uint32_t count);
ProtobufCBinaryData *wire_put_fixed_list(struct wire *wire, const void *list, size_t count, size_t max, size_t size);
/* LIMIT above max, else wire_array. */
void *wire_put_array(struct wire *wire, size_t count, size_t max, size_t size);

/* name##_list_get and name##_list_put for a repeated sub-message, from name##_get and name##_put for one. */
#define WIRE_LIST(name, ours, theirs)                                                                                  \
    static inline ours *name##_list_get(struct wire *wire, theirs *const *from, size_t count)                          \
    {                                                                                                                  \
        ours *to = wire_array(wire, count, sizeof *to);                                                                \
        for (size_t i = 0; to && i < count; i++) {                                                                     \
            name##_get(wire, from[i], &to[i]);                                                                         \
        }                                                                                                              \
        return to;                                                                                                     \
    }                                                                                                                  \
    static inline theirs **name##_list_put(struct wire *wire, const ours *from, size_t count, size_t max)              \
    {                                                                                                                  \
        theirs **to = wire_put_array(wire, count, max, sizeof *to);                                                    \
        theirs *each = wire_put_array(wire, count, max, sizeof *each);                                                 \
        for (size_t i = 0; to && each && i < count; i++) {                                                             \
            name##_put(wire, &from[i], &each[i]);                                                                      \
            to[i] = &each[i];                                                                                          \
        }                                                                                                              \
        return to;                                                                                                     \
    }

#endif
