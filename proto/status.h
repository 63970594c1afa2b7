/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_STATUS_H
#define PROTO_STATUS_H

#include <stdbool.h>
#include <stdint.h>

/* What a call says about its outcome. A struct, so that it can be taken neither for a count nor for a truth value.
 * Outputs are last, named out_*, and untouched unless the status is OK. Detail for a person goes into a struct fault. */

#define MUST_CHECK __attribute__((warn_unused_result))

enum status_code {
    STATUS_OK = 0,
    STATUS_NO_MEMORY,    /* the caller's struct memory, or an arena's budget, is exhausted */
    STATUS_INVALID,      /* foreign bytes that do not parse or do not hold: never to be retried (data) */
    STATUS_LIMIT,        /* a bound of proto/limits.h is exceeded (data) */
    STATUS_NOT_FOUND,
    STATUS_EXISTS,
    STATUS_STALE,        /* compare-and-set lost: read again (size, shadow version, token) */
    STATUS_DENIED,       /* not entitled, wrong key, wrong signature (security) */
    STATUS_FORKED,       /* two histories for one position (security) */
    STATUS_BUSY,         /* locked or not ready: try later (transient) */
    STATUS_IO,           /* disk, network or database failed (transient, or fatal for the own store) */
    STATUS_UNKNOWN,      /* COMMIT was sent and its outcome is not known: ask again by position */
    STATUS_UNSUPPORTED,  /* newer format or level: "update me" */
};

struct status {
    enum status_code code;
};

#define STATUS_MAKE(c) ((struct status){.code = (c)})

static inline bool status_is_ok(struct status s)
{
    return s.code == STATUS_OK;
}

static inline struct status status_ok(void)
{
    return STATUS_MAKE(STATUS_OK);
}

/* Returns early with the status of `expr` unless it is OK. Safe because constructors have no unwinding ladders:
 * temporary memory lives in arenas and release() accepts half-built objects. */
#define TRY(expr)                                                                                                      \
    do {                                                                                                               \
        struct status try_status_ = (expr);                                                                            \
        if (!status_is_ok(try_status_)) {                                                                              \
            return try_status_;                                                                                        \
        }                                                                                                              \
    } while (0)

/* Static word for a code, for logs and exit messages. */
const char *status_name(struct status s);

/* Where and why, for whoever reports it. `what` and `field` point to static text, never to foreign bytes or personal
 * data; `at` is a byte offset, an index or a number named by `what`. Cheap to fill in the core, which has no printf. */
struct fault {
    const char *what;
    const char *field;
    uint64_t at;
};

static inline struct status fault_set(struct fault *fault, enum status_code code, const char *what, const char *field,
                                      uint64_t at)
{
    if (fault) {
        *fault = (struct fault){.what = what, .field = field, .at = at};
    }
    return STATUS_MAKE(code);
}

#endif
