/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CONNECTOR_SQL_TEXT_H
#define NODE_CONNECTOR_SQL_TEXT_H

#include "node/mapping/mapping.h"
#include "proto/memory.h"

/* Writing of SQL whose identifiers come from a mapping: they were checked against the catalogue and are quoted here.
 * Values never stand in such text, they travel as parameters. What is written here is the same in SQLite and PostgreSQL.
 * Sticky error, as struct buffer has it. */

void sql_add(struct buffer *sql, const char *text);
void sql_number(struct buffer *sql, uint64_t number);
/* "name", quotes doubled. */
void sql_name(struct buffer *sql, const char *name);
/* schema and table, or the table alone where the mapping names no schema. */
void sql_table(struct buffer *sql, const struct mapping_table *table);
/* 'text', quotes doubled: for our own labels in triggers. Backslashes are escaped where `e_string`. */
void sql_literal(struct buffer *sql, const char *text, bool e_string);
/* prefix."column" */
void sql_column(struct buffer *sql, const char *prefix, const char *column);
/* With a terminating zero. NO_MEMORY. */
struct status sql_end(struct buffer *sql, const char **out_text) MUST_CHECK;

/* The name under which a table stands in outbox and shadows: "aduan" or "skema.aduan". NULL: no memory. */
const char *sql_label(const struct mapping_table *table, struct arena *arena);
/* Index of the table with this label, table_count if there is none. */
size_t sql_label_find(const char *const *labels, size_t count, struct span label);

#endif
