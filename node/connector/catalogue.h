/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CONNECTOR_CATALOGUE_H
#define NODE_CONNECTOR_CATALOGUE_H

#include "node/connector/driver.h"

/* What a legacy database says of the tables that a mapping names, read once at open, and the mapping's names held
 * against it. The drivers fill it; everything lives in the driver's memory. */

struct catalogue_column {
    const char *name;
    struct legacy_column is;
    bool generated;       /* nobody can write it */
    const char *cast;     /* the type as it is written in SQL; NULL where the driver needs none */
};

struct catalogue_table {
    const struct mapping_table *mapping;
    bool there;
    const char *kind;  /* NULL: a table; else what it is: "view" */
    bool key_unique;   /* the key columns are unique and not null */
    bool may_insert;
    bool may_trigger;
    const struct catalogue_column *columns;
    size_t column_count;
};

struct catalogue {
    struct catalogue_table *tables; /* as mapping->tables */
    size_t table_count;
    const char *const *names; /* all tables that are there, for "did you mean"; ends with NULL */
    bool any_case; /* SQLite: names match in any case */
    const char *user; /* for GRANTs; NULL: the database knows no rights */
};

/* NULL if the table has no such column. */
const struct catalogue_column *catalogue_column(const struct catalogue *catalogue, size_t table, const char *name);

/* The first name of the mapping that is not there: INVALID with a sentence that names table, column and the line of the
 * mapping. DENIED for a column that may not be read. */
struct status catalogue_check(const struct catalogue *catalogue, const struct mapping *mapping, char *problem,
                              size_t problem_size) MUST_CHECK;

/* Everything in words, problems counted. */
void catalogue_report(const struct catalogue *catalogue, const struct mapping *mapping, struct report *report);

#endif
