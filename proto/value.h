/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_VALUE_H
#define PROTO_VALUE_H

#include "proto/ids.h"
#include "proto/memory.h"
#include "proto/vocabulary.h"

/* Bodies and register values (proto/body.proto). Equal values are equal bytes: the writer puts fields ascending without
 * defaults, refs sorted. The merge treats value bytes as opaque; only those who show or map them look inside. */

struct ref {
    struct span system; /* "legacy:sanggau", "lapor" */
    struct span key;
};

/* One register's value, decoded. Spans are borrowed: from the arena it was read into (raw bytes: from
 * what was read), or from the caller. */
struct value {
    enum value_type type;
    union {
        struct {
            enum complaint_status status;
            struct span reason; /* reason code, may be empty */
        } status;
        struct {
            enum classification classification;
            struct span category;
            bool supervisory;
        } class;
        enum channel channel;
        struct {
            int64_t ms; /* UTC, since 1970 */
        } time;
        struct {
            struct span opd;
            int64_t deadline_ms; /* 0: none */
            struct span by;      /* pseudonym */
        } assign;
        struct scope_id scope;
        struct {
            struct scope_id wanted;
            struct span reason;
        } request;
        bool flag;
        struct {
            bool withdrawn;
            struct span reason;
        } presence;
        uint64_t number;
        struct record_id record;
        struct span text; /* valid UTF-8 without NUL */
        struct {
            struct span region, village, address;
            int32_t lat_e7, lon_e7; /* 1e-7 degrees; both 0: none */
        } place;
        struct {
            const struct ref *refs; /* sorted by (system, key), no duplicates */
            size_t count;
        } refs;
        struct span bytes; /* VALUE_BYTES, VALUE_SEALED, VALUE_OPAQUE */
    };
};

/* INVALID for broken UTF-8 or an unknown enum number, LIMIT above LIMIT_FIELD_SIZE. Bytes live in `arena`.
 * VALUE_TEXT and others with only defaults give an empty, valid encoding of size 0. */
struct status value_write(const struct value *value, struct arena *arena, struct span *out_bytes) MUST_CHECK;
struct status value_read(enum value_type type, struct span bytes, struct arena *arena, struct value *out_value) MUST_CHECK;
/* Type from the register's number. */
struct status value_read_register(uint32_t number, struct span bytes, struct arena *arena,
                                  struct value *out_value) MUST_CHECK;
/* Sorted union of two encoded VALUE_REFS. */
struct status value_refs_union(struct span a, struct span b, struct arena *arena, struct span *out_bytes) MUST_CHECK;

struct body_value {
    uint32_t number; /* register */
    struct span bytes;
};

struct body {
    const struct body_value *values; /* ascending by number, exactly the header's registers */
    size_t count;
    struct span claim; /* random number of the capture claim, may be empty */
    struct span registry; /* registry kinds: encoded struct registry_entry; else empty */
};

struct status body_write(const struct body *body, struct arena *arena, struct span *out_bytes) MUST_CHECK;
/* INVALID unless values are ascending; does not compare with a header. The spans point into `bytes`. */
struct status body_read(struct span bytes, struct arena *arena, struct body *out_body) MUST_CHECK;

/* True if `text` is valid UTF-8 (RFC 3629: no surrogates, no overlong) and contains no NUL. */
bool text_is_utf8(struct span text);

#endif
