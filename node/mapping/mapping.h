/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_MAPPING_MAPPING_H
#define NODE_MAPPING_MAPPING_H

#include "node/config/yaml.h"
#include "proto/ids.h"
#include "proto/value.h"

/* A mapping says how rows of a legacy database are complaints and follow-ups: a YAML file that reads like a form
 * (deploy/MAPPING.md). This module loads it and evaluates it, purely: raw column text in, encoded register values out,
 * and back. It holds no SQL and sees no database; names are checked against the catalogue by the connector
 * (mapping_name), which also knows how long a column may be.
 *
 *   table    a physical table. Its columns[] are what a connector reads, always in that order.
 *   form     how one row of a table is understood: as a complaint (the record) or as a follow-up (a note). A table
 * whose replies are rows of the same table has both forms; mapping_form tells which one a row has. register what the
 * form fills (proto/vocabulary.h), from which columns.
 *
 * Proved by tests/unit/mapping/: test_mapping.c (every type, both directions), test_row.c (rows, keys, new rows),
 * test_mapping_errors.c (each mistake at its place), test_requests.c (10,000 real rows), test_demo_legacy.c (three SQLite
 * databases), test_guide.c (deploy/MAPPING.md); and by tests/fuzz/fuzz_mapping.c. */

/* One column's text as the driver gives it. */
struct mapping_raw {
    struct span bytes;
    bool null;
};

enum mapping_direction {
    MAPPING_BOTH,
    MAPPING_IN,  /* legacy to hub only */
    MAPPING_OUT, /* hub to legacy only */
};

struct mapping_column {
    const char *name;
    uint32_t line, column; /* where the mapping names it first */
};

enum mapping_form_kind {
    FORM_COMPLAINT,
    FORM_NOTE,
};

struct mapping_register {
    uint32_t number;
    enum value_type type;
    enum mapping_direction direction;
    bool constant; /* fed by no column: the same value for every row, belongs into the create only */
    bool writable; /* mapping_write can answer other than NOT_FOUND */
    const size_t
        *columns; /* the raw columns that feed it, as indexes of table->columns, ascending; refs: the key too */
    size_t column_count;
    const struct mapping_field *fields; /* private to node/mapping */
    size_t field_count;
};

/* Whether clerks are told of conflicts by an internal note in this table. */
enum mapping_tell {
    TELL_NOTHING,
    TELL_INDONESIAN,
    TELL_ENGLISH,
};

struct mapping_form {
    enum mapping_form_kind kind;
    enum mapping_tell tell; /* FORM_NOTE */
    const struct mapping_table *table;
    const struct mapping_register *registers; /* ascending by number */
    size_t register_count;
    const size_t *identity; /* identity columns, as indexes of table->columns */
    size_t identity_count;
    const size_t *parent; /* FORM_NOTE: the columns that hold the complaint's key, one per key column of its table */
    size_t parent_count;
    bool insert;                          /* rows may be inserted here (hub-born complaints, notes of others) */
    const struct mapping_filter *filters; /* private */
    size_t filter_count;
    const size_t *filled; /* private: a row in which all of these are empty is not captured yet */
    size_t filled_count;
    const struct mapping_default *defaults; /* private */
    size_t default_count;
    const char *new_key; /* template of the key of an inserted row with {id} in it; NULL: the database makes the key */
};

struct mapping_table {
    const char *name;
    const char *schema; /* NULL: the default */
    uint32_t line, column;
    const struct mapping_column *columns; /* at most LIMIT_COLUMNS */
    size_t column_count;
    const size_t *key; /* key columns, as indexes of columns, in the order of the mapping */
    size_t key_count;
    const struct mapping_form *forms; /* one or two */
    size_t form_count;
};

struct mapping {
    const char *file;
    const char *system;   /* "sanggau": own keys become the ref ("legacy:sanggau", key) */
    int32_t zone_minutes; /* of times without a zone */
    int64_t form_window_ms;
    const struct mapping_table *tables; /* the complaint's table first */
    size_t table_count;
    const struct mapping_form *complaints; /* the one form of kind FORM_COMPLAINT */
    const struct mapping_field *scope;     /* private; NULL: everything belongs to the node's own scope */
    const struct mapping_name *names;      /* for mapping_name */
    size_t name_count;
};

/* INVALID with every mistake in `problems`; NO_MEMORY. Everything lives in the arena and is read-only afterwards. */
struct status mapping_load(const char *path, struct arena *arena, struct problems *problems,
                           const struct mapping **out_mapping) MUST_CHECK;
struct status mapping_parse(const char *path, struct span source, struct arena *arena, struct problems *problems,
                            const struct mapping **out_mapping) MUST_CHECK;

/* Every table and column that the mapping names, for the check against the catalogue: index 0... until false. */
enum mapping_use {
    USE_TABLE,  /* column is NULL */
    USE_READ,   /* needs SELECT */
    USE_WRITE,  /* needs SELECT and UPDATE (and INSERT, where the form inserts) */
    USE_INSERT, /* a default of inserted rows */
    USE_SEALED, /* reporter: named, but neither read nor captured until sealing exists */
};
struct mapping_name {
    enum mapping_use use;
    const struct mapping_table *table;
    const char *column;
    uint32_t line, at; /* line and column in the mapping file */
};
bool mapping_name(const struct mapping *mapping, size_t index, struct mapping_name *out_name);

/* NULL if the form does not map the register. */
const struct mapping_register *mapping_register(const struct mapping_form *form, uint32_t number);
/* Whether `column` (index of the table's columns) feeds the register: "raw differs from raw shadow" per register. */
bool mapping_feeds(const struct mapping_register *reg, size_t column);

enum mapping_row {
    ROW_MAPPED,   /* *out_form says how */
    ROW_EMPTY,    /* made in advance and not filled in: not captured yet (*out_form is set) */
    ROW_FILTERED, /* not ours: as if it were not in the table */
};
/* `raw` holds one value per column of the table. */
enum mapping_row mapping_form(const struct mapping_table *table, const struct mapping_raw *raw,
                              const struct mapping_form **out_form);

/* A key as one text, for refs, outbox and messages: the key columns joined with "|" ("\" and "|" escaped with "\" when
 * there are several). INVALID if a key column is NULL, is not UTF-8 or is too long. */
struct status mapping_key(const struct mapping_table *table, const struct mapping_raw *raw, struct arena *arena,
                          struct span *out_key) MUST_CHECK;
/* FORM_NOTE: the key, in the same form, of the complaint that the row belongs to. */
struct status mapping_parent_key(const struct mapping_form *form, const struct mapping_raw *raw, struct arena *arena,
                                 struct span *out_key) MUST_CHECK;
/* Back into key column values. INVALID if the number of parts differs. `out_values` has room for key_count. */
struct status mapping_key_split(const struct mapping_table *table, struct span key, struct arena *arena,
                                struct span *out_values) MUST_CHECK;

/* Whose records a row belongs to: `own`, unless the mapping names a column. INVALID with a reason (static). */
struct status mapping_scope(const struct mapping *mapping, const struct mapping_raw *raw, struct scope_id own,
                            struct scope_id *out_scope, const char **out_problem) MUST_CHECK;

/* One register read from a row: either its encoded value or why it does not map. */
struct mapping_reading {
    uint32_t number;
    bool constant;
    struct span value;   /* proto/value.h; in the arena */
    const char *problem; /* NULL, or a static sentence: this register goes to the quarantine, the others go on */
    size_t column;       /* of the problem, as an index of table->columns */
};

/* Reads all registers of a form that the row carries; ascending by number. A register whose columns are all NULL is not
 * there (no mistake), nor is a time of 1970 itself or the number 0 (legacy programs write them for none), nor a
 * register of direction out. `out_readings` has room for form->register_count. Fails only with NO_MEMORY. */
struct status mapping_read(const struct mapping *mapping, const struct mapping_form *form,
                           const struct mapping_raw *raw, struct arena *arena, struct mapping_reading *out_readings,
                           size_t *out_count) MUST_CHECK;

/* What to write into one column. */
struct mapping_cell {
    size_t column; /* index of table->columns */
    struct mapping_raw raw;
};

/* The columns that show a register's value. The empty encoding (size 0) is what a clerk leaves who empties a field:
 * NULL in the columns of times, numbers, places and assignments, an empty text in those of texts. `current` (may be
 * NULL) is the row as it stands: if it already reads as the same value, its own text is given back, so that lossy
 * tables do not rewrite what a clerk chose. `out_cells` has room for reg->column_count. NOT_FOUND: not mapped or not
 * writable (direction in, template, constant). INVALID: the value cannot be said in this system (*out_problem, static).
 */
struct status mapping_write(const struct mapping *mapping, const struct mapping_form *form, uint32_t number,
                            struct span value, const struct mapping_raw *current, struct arena *arena,
                            struct mapping_cell *out_cells, size_t *out_count, const char **out_problem) MUST_CHECK;

/* What the row gets when its complaint has been routed to another region. NOT_FOUND if the mapping names nothing. */
struct status mapping_routed_away(const struct mapping_form *form, struct mapping_cell *out_cell) MUST_CHECK;

/* A value for a column of a new row that no register fills: by name, since such columns are not read. */
struct mapping_fill {
    const char *column;
    struct mapping_raw raw;
};
/* Defaults of an inserted row; a filter's column that has no default gets the filter's first value; the key, if the
 * mapping makes it, with `id` (record or part, hexadecimal) in the place of {id}. Registers that are written replace a
 * default of the same column. FORM_NOTE: the parent columns are filled from `parent_key` (as mapping_key gives it).
 * At most LIMIT_COLUMNS fills in the arena. */
struct status mapping_fills(const struct mapping *mapping, const struct mapping_form *form, struct span id,
                            struct span parent_key, int64_t now_ms, struct arena *arena,
                            const struct mapping_fill **out_fills, size_t *out_count) MUST_CHECK;

#endif
