/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/catalogue.h"

#include <stdio.h>
#include <strings.h>

#include "proto/limits.h"

static bool name_equal(const struct catalogue *catalogue, const char *a, const char *b)
{
    return catalogue->any_case ? strcasecmp(a, b) == 0 : strcmp(a, b) == 0;
}

static const struct catalogue_column *table_column(const struct catalogue *catalogue, const struct catalogue_table *table,
                                                   const char *name)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (name_equal(catalogue, table->columns[i].name, name)) {
            return &table->columns[i];
        }
    }
    return NULL;
}

const struct catalogue_column *catalogue_column(const struct catalogue *catalogue, size_t table, const char *name)
{
    return table < catalogue->table_count ? table_column(catalogue, &catalogue->tables[table], name) : NULL;
}

static const struct catalogue_table *table_of(const struct catalogue *catalogue, const struct mapping_table *mapping)
{
    for (size_t i = 0; i < catalogue->table_count; i++) {
        if (catalogue->tables[i].mapping == mapping) {
            return &catalogue->tables[i];
        }
    }
    return NULL;
}

static const char *nearest_column(const struct catalogue_table *table, const char *name)
{
    const char *words[LIMIT_CATALOGUE_COLUMNS + 1];
    size_t count = 0;
    for (size_t i = 0; i < table->column_count && count < LIMIT_CATALOGUE_COLUMNS; i++) {
        if (strcasecmp(table->columns[i].name, name) == 0) {
            return table->columns[i].name;
        }
        words[count++] = table->columns[i].name;
    }
    words[count] = NULL;
    return yaml_nearest(name, words);
}

/* Which right a use needs, as the word of a GRANT. */
static bool lacks_right(const struct mapping_name *name, const struct catalogue_column *column, const char **out_right)
{
    if (!column->is.may_read) {
        *out_right = "SELECT";
        return true;
    }
    if (name->use == USE_WRITE && !column->is.may_write && !column->generated) {
        *out_right = "UPDATE";
        return true;
    }
    return false;
}

static void text_name(const struct mapping_table *table, char *out_text, size_t size)
{
    snprintf(out_text, size, "%s%s%s", table->schema ? table->schema : "", table->schema ? "." : "", table->name);
}

struct place_text {
    char at[256];
    char table[160];
    char sql[340]; /* quoted, for a GRANT */
};

static size_t quote(const char *name, char *out_text, size_t size)
{
    size_t at = 0;
    out_text[at++] = '"';
    for (; *name && at + 4 < size; name++) {
        if (*name == '"') {
            out_text[at++] = '"';
        }
        out_text[at++] = *name;
    }
    out_text[at++] = '"';
    out_text[at] = 0;
    return at;
}

/* "schema"."table" as it stands in a statement for the DBA. */
static void sql_text_name(const struct mapping_table *table, char *out_text, size_t size)
{
    size_t at = 0;
    if (table->schema) {
        at = quote(table->schema, out_text, size / 2);
        out_text[at++] = '.';
    }
    quote(table->name, out_text + at, size - at);
}

static void user_name(const struct catalogue *catalogue, char *out_text, size_t size)
{
    quote(catalogue->user ? catalogue->user : "this user", out_text, size);
}

static struct place_text place_of(const struct mapping *mapping, const struct mapping_name *name)
{
    struct place_text place;
    snprintf(place.at, sizeof place.at, "%s:%u:%u", mapping->file ? mapping->file : "mapping", name->line, name->at);
    text_name(name->table, place.table, sizeof place.table);
    sql_text_name(name->table, place.sql, sizeof place.sql);
    return place;
}

/* What is wrong with one name; OK and "" if nothing. */
static struct status name_check(const struct catalogue *catalogue, const struct mapping *mapping,
                                const struct mapping_name *name, char *problem, size_t size)
{
    const struct catalogue_table *table = table_of(catalogue, name->table);
    struct place_text place = place_of(mapping, name);
    const char *near = NULL;
    problem[0] = 0;
    if (!table || !table->there) {
        if (name->use != USE_TABLE) {
            return status_ok(); /* said once, with the table */
        }
        near = catalogue->names ? yaml_nearest(name->table->name, catalogue->names) : NULL;
        snprintf(problem, size, "%s: there is no table \"%s\" in the legacy database%s%s%s", place.at, place.table,
                 near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        return STATUS_MAKE(STATUS_INVALID);
    }
    const struct catalogue_column *column = name->column ? table_column(catalogue, table, name->column) : NULL;
    if (name->column && !column) {
        near = nearest_column(table, name->column);
        snprintf(problem, size, "%s: table \"%s\" has no column \"%s\"%s%s%s", place.at, place.table, name->column,
                 near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        return STATUS_MAKE(STATUS_INVALID);
    }
    const char *right = NULL;
    if (column && name->use != USE_SEALED && lacks_right(name, column, &right)) {
        char user[160];
        user_name(catalogue, user, sizeof user);
        snprintf(problem, size, "%s: no right to %s column \"%s\" of table \"%s\"; have the DBA run: GRANT %s ON %s TO %s;",
                 place.at, right[0] == 'S' ? "read" : "write", name->column, place.table, right, place.sql, user);
        return STATUS_MAKE(STATUS_DENIED);
    }
    return status_ok();
}

struct status catalogue_check(const struct catalogue *catalogue, const struct mapping *mapping, char *problem,
                              size_t problem_size)
{
    struct mapping_name name;
    for (size_t i = 0; mapping_name(mapping, i, &name); i++) {
        if (name.use != USE_SEALED) {
            TRY(name_check(catalogue, mapping, &name, problem, problem_size));
        }
    }
    return status_ok();
}

/* ---- in words ---- */

static bool form_inserts(const struct mapping_table *table)
{
    bool inserts = false;
    for (size_t i = 0; i < table->form_count; i++) {
        inserts |= table->forms[i].insert;
    }
    return inserts;
}

/* A column that a new row must have and that nobody fills. Registers that may be unset do not count as filling. */
static bool mapping_fills_column(const struct mapping *mapping, const struct mapping_table *table, const char *column)
{
    struct mapping_name name;
    for (size_t i = 0; mapping_name(mapping, i, &name); i++) {
        if (name.table == table && name.column && strcasecmp(name.column, column) == 0 &&
            (name.use == USE_INSERT || name.use == USE_WRITE)) {
            return true;
        }
    }
    return false;
}

static bool is_key(const struct mapping_table *table, const char *column)
{
    for (size_t i = 0; i < table->key_count; i++) {
        if (strcasecmp(table->columns[table->key[i]].name, column) == 0) {
            return true;
        }
    }
    return false;
}

static bool key_is_made(const struct mapping_table *table)
{
    for (size_t i = 0; i < table->form_count; i++) {
        if (table->forms[i].insert && !table->forms[i].new_key) {
            return false;
        }
    }
    return true;
}

static bool is_parent(const struct mapping_table *table, const char *column)
{
    for (size_t f = 0; f < table->form_count; f++) {
        for (size_t i = 0; i < table->forms[f].parent_count; i++) {
            if (strcasecmp(table->columns[table->forms[f].parent[i]].name, column) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void report_grant(const struct catalogue *catalogue, const struct mapping_table *table, const char *what,
                         const char *right, struct report *report)
{
    char sql[340];
    char user[160];
    sql_text_name(table, sql, sizeof sql);
    user_name(catalogue, user, sizeof user);
    report_problem(report, "  problem: no right to %s; have the DBA run: GRANT %s ON %s TO %s;", what, right, sql, user);
}

static void report_inserts(const struct mapping *mapping, const struct catalogue_table *table, const char *label,
                           const struct catalogue *catalogue, struct report *report)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct catalogue_column *column = &table->columns[i];
        bool made = is_key(table->mapping, column->name) && key_is_made(table->mapping);
        if (!column->is.not_null || column->is.has_default || column->generated || made ||
            is_parent(table->mapping, column->name) || mapping_fills_column(mapping, table->mapping, column->name)) {
            continue;
        }
        report_problem(report,
                       "  problem: new rows cannot be inserted: column \"%s\" is NOT NULL without a default, and the mapping "
                       "gives none: add it under insert: defaults: of table \"%s\"",
                       column->name, label);
    }
    if (!table->may_insert) {
        report_grant(catalogue, table->mapping, "insert", "INSERT", report);
    }
}

static void report_table(const struct catalogue *catalogue, const struct mapping *mapping,
                         const struct catalogue_table *table, struct report *report)
{
    const struct mapping_table *mapped = table->mapping;
    char label[160];
    text_name(mapped, label, sizeof label);
    if (!table->there) {
        return; /* said among the names */
    }
    report_line(report, "table \"%s\": %zu columns, %zu of them read", label, table->column_count, mapped->column_count);
    for (size_t i = 0; i < mapped->column_count; i++) {
        const struct catalogue_column *column = table_column(catalogue, table, mapped->columns[i].name);
        if (column) {
            report_line(report, "  %-28s %s%s%s%s", column->name, column->is.type[0] ? column->is.type : "(no type)",
                        column->is.not_null ? ", not null" : "", is_key(mapped, column->name) ? ", key" : "",
                        column->generated ? ", generated" : "");
        }
    }
    if (table->kind) {
        report_problem(report, "  problem: \"%s\" is a %s: changes can be seen only in a table", label, table->kind);
    } else if (!table->may_trigger) {
        report_grant(catalogue, mapped, "make triggers", "TRIGGER", report);
    }
    if (!table->kind && !table->key_unique) {
        report_problem(report,
                       "  problem: the key columns of \"%s\" have no unique index: two rows with the same key would be taken "
                       "for one; have the DBA add one, or name other key columns",
                       label);
    }
    if (form_inserts(mapped)) {
        report_inserts(mapping, table, label, catalogue, report);
    }
}

void catalogue_report(const struct catalogue *catalogue, const struct mapping *mapping, struct report *report)
{
    struct mapping_name name;
    char problem[512];
    for (size_t i = 0; i < catalogue->table_count; i++) {
        report_table(catalogue, mapping, &catalogue->tables[i], report);
    }
    for (size_t i = 0; mapping_name(mapping, i, &name); i++) {
        if (!status_is_ok(name_check(catalogue, mapping, &name, problem, sizeof problem))) {
            report_problem(report, "problem: %s", problem);
        }
    }
}
