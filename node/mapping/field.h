/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_MAPPING_FIELD_H
#define NODE_MAPPING_FIELD_H

#include "node/mapping/mapping.h"

/* Inside node/mapping: how one part of a register's value stands in a column. A register such as `place` has several
 * fields, each fed by a column of its own. */

enum field_part {
    PART_TEXT,
    PART_STATUS,
    PART_REASON,
    PART_CLASSIFICATION,
    PART_CATEGORY,
    PART_SUPERVISORY,
    PART_CHANNEL,
    PART_TIME,
    PART_OPD,
    PART_DEADLINE,
    PART_BY,
    PART_SCOPE,
    PART_FLAG,
    PART_NUMBER,
    PART_REGION,
    PART_VILLAGE,
    PART_ADDRESS,
    PART_LAT,
    PART_LON,
    PART_REF,
    PART_OWN_KEY,
};

/* What the text of a column is read as. */
enum field_target {
    TARGET_TEXT,
    TARGET_WORD, /* number of an enum, or 0 and 1 of a flag */
    TARGET_TIME,
    TARGET_NUMBER,
    TARGET_DEGREES,
    TARGET_KEY,
};

#define NO_COLUMN SIZE_MAX

/* One line of a value table. */
struct mapping_word {
    struct mapping_raw raw; /* in the legacy column */
    uint32_t number;        /* TARGET_WORD */
    struct span text;       /* TARGET_TEXT: the value; status: the reason */
};

struct template_piece {
    struct span literal;
    size_t column; /* NO_COLUMN: the literal */
};

enum time_kind {
    TIME_ISO,      /* reads a zone where there is one, writes none */
    TIME_ISO_ZONE, /* writes the zone */
    TIME_EPOCH,
    TIME_EPOCH_MS,
    TIME_PATTERN,
};

struct time_format {
    enum time_kind kind;
    const char *pattern;
    int32_t zone_minutes;
};

struct mapping_field {
    enum field_part part;
    enum field_target target;
    size_t column; /* NO_COLUMN: constant, template or key */
    bool constant; /* `word` is the value of every row */
    bool open;     /* texts that are not in `words` stand for themselves (there is no value table) */
    struct mapping_word word;
    const struct mapping_word *words; /* value table, in the order of the file */
    size_t word_count;
    const struct mapping_word *writes; /* explicit: looked at before `words` when writing */
    size_t write_count;
    const struct template_piece *pieces;
    size_t piece_count;
    struct time_format format;
    struct span system; /* PART_REF */
    bool routes_away;   /* `routed_away` is set */
    struct mapping_raw routed_away;
};

struct mapping_filter {
    size_t column;
    const struct mapping_raw *values;
    size_t count;
};

struct mapping_default {
    const char *column;
    struct mapping_raw raw;
    const char *pattern; /* with {id} in it; else NULL */
    bool now;            /* the time of the insertion in `format` */
    struct time_format format;
};

/* A part's value on its way between a column and a struct value. */
struct part_value {
    bool there;
    uint32_t number;  /* TARGET_WORD */
    uint64_t count;   /* TARGET_NUMBER */
    int64_t ms;       /* TARGET_TIME */
    int32_t e7;       /* TARGET_DEGREES */
    struct span text; /* TARGET_TEXT, and the reason of a status */
};

/* Reads what a field says about a row. False with a static sentence and the column if it does not map. `table` gives
 * the key. NO_MEMORY goes to *status. */
bool field_read(const struct mapping_field *field, const struct mapping_table *table, const struct mapping_raw *raw,
                struct arena *arena, struct part_value *out_part, const char **out_problem, size_t *out_column,
                struct status *status);
/* The text of a column that says `part`. Same conventions. */
bool field_write(const struct mapping_field *field, const struct part_value *part, struct arena *arena,
                 struct mapping_raw *out_raw, const char **out_problem, struct status *status);

/* Dates (time.c). Pattern: YYYY MM M DD D HH H hh h mm ss AM; everything else stands for itself. */
bool time_pattern_is_valid(const char *pattern, const char **out_problem);
bool time_read(const struct time_format *format, struct span text, int64_t *out_ms);
/* A date of zeros, as MySQL writes it for none. */
bool time_is_zero_date(struct span text);
struct status time_write(const struct time_format *format, int64_t ms, struct arena *arena, struct span *out_text);

/* Without ASCII blanks at both ends: CHAR(n) columns are padded. */
struct span trimmed(struct span text);

/* Loading: load.c the file, load_section.c tables and forms, load_field.c registers. Tables, forms and columns stand in
 * arrays of the loader, because readers get them as const. */
#define FORMS_PER_TABLE 2

struct loader {
    struct yaml_walk walk;
    const struct yaml_node *root;
    struct mapping *mapping;
    struct mapping_table *tables; /* room for LIMIT_TABLES */
    size_t table_count;
    struct mapping_form *forms;     /* FORMS_PER_TABLE for each table */
    struct mapping_column *columns; /* LIMIT_COLUMNS for each table */
    struct mapping_name *names;     /* sealed and insert-only columns, found on the way */
    size_t name_count;
    size_t before;
    bool no_memory;
};

/* Arena memory; sets no_memory and gives NULL if there is none. */
void *loader_array(struct loader *loader, size_t count, size_t size);
/* Index of the column that `node` names in the table, added if new; NO_COLUMN after a report. */
size_t loader_column(struct loader *loader, struct mapping_table *table, const struct yaml_node *node,
                     const char *what);
/* A scalar or ~ as raw text. */
bool loader_raw(struct loader *loader, const struct yaml_node *node, const char *what, struct mapping_raw *out_raw);
void loader_name(struct loader *loader, enum mapping_use use, const struct mapping_table *table,
                 const struct yaml_node *node);
/* "iso", "iso_zone", "epoch", "epoch_ms" or a pattern. */
bool loader_format(struct loader *loader, const struct yaml_node *node, struct time_format *out_format);
/* The register's fields from its node; the register's columns, direction and writability follow from them. */
void loader_register(struct loader *loader, struct mapping_table *table, const struct register_info *info,
                     const struct yaml_node *node, struct mapping_register *reg);
/* "complaints" or an item of "notes"; NULL is no mistake. */
void loader_section(struct loader *loader, enum mapping_form_kind kind, const struct yaml_node *section);
/* The next form of a table. */
struct mapping_form *loader_form(struct loader *loader, struct mapping_table *table);
void loader_scope(struct loader *loader, struct mapping_table *table, const struct yaml_node *node);
/* columns, constant, writable of a register from its fields. */
void loader_settle(struct loader *loader, const struct mapping_table *table, struct mapping_register *reg);

#endif
