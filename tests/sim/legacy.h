/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_LEGACY_H
#define TESTS_SIM_LEGACY_H

#include "proto/ids.h"
#include "sync/shadow.h"
#include "tests/sim/seen.h"

/* A regency's own complaint system: a table of rows, the forms that its clerks have open, and our schema beside it (shadows,
 * outbox, generation). Columns cut, map many to one and are rewritten by a trigger, as the plan says. */

#define ROWS 24
#define SHADOWS 96
#define FORMS 8
#define TEXT_SIZE 32
#define TEXT_CUT 14

enum column { COLUMN_TITLE, COLUMN_TEXT, COLUMN_STATUS, COLUMN_REASON, COLUMN_FLAG, COLUMN_COUNT };
enum field { FIELD_STATUS, FIELD_FLAG, FIELD_TITLE, FIELD_TEXT, FIELD_REFS, FIELD_COUNT };

struct text {
    char bytes[TEXT_SIZE];
    bool null;
};

struct row {
    bool there;
    uint32_t key;
    uint32_t born; /* its case: the identity column */
    struct text columns[COLUMN_COUNT];
    bool in_outbox;
    bool updated;
    /* The oracle's: what the clerk who saved it last had read of that field; whether a clerk saved it since the connector
     * captured or wrote it; what clerks overwrote of each other since the connector wrote it; what it was then. */
    struct seen knows[FIELD_REFS], theirs[FIELD_REFS];
    bool fresh[FIELD_REFS], by_clerk[FIELD_REFS];
    struct text base[COLUMN_COUNT];
};

struct shadow_row {
    bool there;
    uint32_t key; /* above SHADOW_ASIDE: of a row whose key was used again */
    uint32_t born;
    uint64_t version;
    struct record_id record;
    enum shadow_state state;
    uint32_t bytes_size;
    uint8_t *bytes; /* in the pool; owned */
    /* The last look found nothing to do, at a row of these columns (none: it is gone); until shadow, record or row change,
     * the next would find nothing either. */
    bool settled, settled_row;
    struct text settled_columns[COLUMN_COUNT];
};
#define SHADOW_ASIDE 1000000U

struct form {
    bool open;
    uint64_t at_ms;
    uint64_t pick;
    uint32_t key, born;
    struct text columns[COLUMN_COUNT];
};

struct legacy {
    struct row rows[ROWS];
    struct shadow_row shadows[SHADOWS];
    struct form forms[FORMS];
    uint32_t next_key, reusable, born, aside;
    uint64_t generation; /* raised by a restore */
    uint64_t known_generation;
    uint64_t down_until;
    bool cut_texts, trigger, whole_forms;
    size_t row_max;
};

struct row *legacy_row(struct legacy *legacy, uint32_t key);
/* NULL when the table is full. `may_reuse`: the key of a deleted row may come again. */
struct row *legacy_insert(struct legacy *legacy, uint32_t born, bool may_reuse);
/* Every statement passes here, also ours: their trigger rewrites titles, and columns cut. */
void legacy_put(const struct legacy *legacy, struct row *row, enum column column, const char *bytes, size_t size);
struct shadow_row *legacy_shadow(struct legacy *legacy, uint32_t key);

struct span text_span(const struct text *text);
bool text_equal(const struct text *a, const struct text *b);
enum column column_of(enum field field);
const char *column_name(enum column column);
/* NULL: this system has no word for it. */
const char *status_code(enum complaint_status status);
enum complaint_status status_of_code(const char *code);
/* Number of the value that stands in a field, 0: none. */
size_t row_edit(const struct row *row, enum field field);
bool row_is_fresh(const struct row *row, enum field field);
/* Captured, or written by us: nobody's fresh edit stands there any more. */
void row_settle(struct row *row, enum field field);

#endif
