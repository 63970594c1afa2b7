/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CLI_IMPORT_ROWS_H
#define NODE_CLI_IMPORT_ROWS_H

#include <jansson.h>

#include "node/mapping/csv.h"
#include "node/mapping/mapping.h"
#include "proto/limits.h"

/* A CSV file through a mapping, into batches for the verb import.rows. A row counts as a whole or not at all: one whose
 * column does not map is left out, so that after mending the mapping the next import takes it. Empty fields are NULL.
 * Proved by tests/unit/cli/test_import_rows.c. */

enum {
    IMPORT_REASONS_MAX = 64,
    IMPORT_BATCH_BYTES = LIMIT_CLI_REQUEST / 2, /* values, before the JSON around them */
};

struct import_reason {
    const char *column;  /* "" : the row */
    const char *sentence; /* static, or in the arena */
    uint64_t count;
    uint64_t line;       /* of the first such row */
};

struct import_rows {
    const struct mapping *mapping; /* borrowed */
    struct scope_id scope;
    struct csv csv;
    size_t at[LIMIT_COLUMNS];  /* where each column of the table stands in the file */
    struct arena *arena;       /* borrowed: lives as long as this */
    struct arena row_arena;    /* owned */
    struct import_reason reasons[IMPORT_REASONS_MAX];
    size_t reason_count;
    uint64_t read, skipped, filtered; /* rows: so far, not mapped, not ours by the mapping's filters */
    bool ended;
    char problem[512];
};

/* Reads the header. NOT_FOUND: columns of the mapping are missing (all are named in `problem`); INVALID: no CSV. */
struct status import_rows_open(struct import_rows *rows, const struct mapping *mapping, struct scope_id scope,
                               struct span bytes, struct arena *arena) MUST_CHECK;
/* The next rows that map, as the verb takes them; an empty array at the end. INVALID: the file is broken at `problem`. */
struct status import_rows_next(struct import_rows *rows, json_t **out_batch) MUST_CHECK;
/* One more row that is left out, for this reason. */
void import_rows_reason(struct import_rows *rows, uint64_t line, const char *column, const char *sentence);
void import_rows_release(struct import_rows *rows);

#endif
