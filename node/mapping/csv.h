/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_MAPPING_CSV_H
#define NODE_MAPPING_CSV_H

#include <stddef.h>

#include "proto/memory.h"
#include "proto/status.h"

/* A strict reader of comma separated values (RFC 4180) over bytes in memory: fields split by commas, records by LF or
 * CRLF, a field in double quotes may hold commas, line ends and doubled quotes. Refused, with the line: a quote inside
 * an unquoted field, text behind a closing quote, a quote that is never closed, a bare CR, NUL, a record whose number
 * of fields differs from the first one's, more than LIMIT_COLUMNS fields, a field above LIMIT_LEGACY_VALUE. A byte
 * order mark at the start is skipped; the last line end may be missing; encoding is not judged here. Proved by
 * tests/unit/mapping/test_csv.c and tests/fuzz/fuzz_csv.c. */
struct csv {
    struct span bytes; /* borrowed */
    size_t at;
    uint64_t line; /* line on which the last record begins, from 1 */
    uint64_t next_line;
    size_t field_count; /* of the first record; 0 before it */
};

void csv_init(struct csv *csv, struct span bytes);

/* Next record. Fields are borrowed from the input, or stand in the arena where quotes had to be taken out; `out_fields`
 * has room for LIMIT_COLUMNS. NOT_FOUND at the end; INVALID or LIMIT with fault: `what` in words, `at` the line. */
struct status csv_next(struct csv *csv, struct arena *arena, struct span *out_fields, size_t *out_count,
                       struct fault *fault) MUST_CHECK;

#endif
