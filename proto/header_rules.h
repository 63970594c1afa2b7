/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_HEADER_RULES_H
#define PROTO_HEADER_RULES_H

#include "proto/header.h"

/* What header_scan and header_write have in common: which fields a kind must, may and must not have, and the order of
 * lists. Private to proto/. */

/* Numbers of the fields of proto/header.proto. */
enum header_field {
    FIELD_FMT = 1,
    FIELD_NODE,
    FIELD_EPOCH,
    FIELD_LANE,
    FIELD_SCOPE,
    FIELD_SEQ,
    FIELD_RECORD,
    FIELD_RSEQ,
    FIELD_PREV,
    FIELD_CTX,
    FIELD_HLC,
    FIELD_REG,
    FIELD_KIND,
    FIELD_ACTOR,
    FIELD_ROLE,
    FIELD_COMMITMENT,
    FIELD_BODY_SIZE,
    FIELD_CLASS,
    FIELD_REGISTERS,
    FIELD_PART,
    FIELD_TARGET,
    FIELD_NONCE,
    FIELD_ERASURES_SEEN,
    FIELD_GRANT,
    FIELD_OPEN,
    FIELD_COUNT,
};

/* Of Dot (the first four), Ctx (five) and Target (seven). */
enum target_field {
    TARGET_NODE = 1,
    TARGET_EPOCH,
    TARGET_LANE,
    TARGET_RSEQ,
    TARGET_HASH,
    TARGET_ACCEPTED_MS,
    TARGET_SCOPE,
};

/* Static word for a field, for faults. */
const char *header_field_name(enum header_field field);

/* Everything that can be said of a header without its bytes, but for its class (header_class_fits). INVALID, LIMIT or
 * UNSUPPORTED with a fault at `at`. */
struct status header_rules_check(const struct header *header, uint64_t at, struct fault *fault) MUST_CHECK;

#endif
