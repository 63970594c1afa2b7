/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/driver_sqlite.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "proto/limits.h"

/* The catalogue, our own tables and triggers, and check, install and uninstall. */

static const char *const TABLES[] = {
    "CREATE TABLE IF NOT EXISTS simpul_outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, tbl TEXT NOT NULL,"
    " key TEXT NOT NULL, op INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS simpul_shadow (lane INTEGER NOT NULL, tbl TEXT NOT NULL, key TEXT NOT NULL,"
    " version INTEGER NOT NULL, state INTEGER NOT NULL, record BLOB NOT NULL, part BLOB NOT NULL,"
    " identity BLOB NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (lane, tbl, key))",
    "CREATE INDEX IF NOT EXISTS simpul_shadow_record ON simpul_shadow (lane, record, part)",
    "CREATE INDEX IF NOT EXISTS simpul_shadow_identity ON simpul_shadow (lane, tbl, identity)",
    "CREATE TABLE IF NOT EXISTS simpul_mark (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL)",
};
enum { TABLES_COUNT = sizeof TABLES / sizeof TABLES[0] };

/* ---- catalogue ---- */

/* Columns without a declared type (or BLOB) convert nothing: their keys are compared as text. */
static bool has_affinity(const char *type)
{
    return type[0] && !strcasestr(type, "BLOB") && strcasecmp(type, "ANY") != 0;
}

static struct status text_get(struct query *query, int column, struct arena *arena, const char **out_text)
{
    const char *text = (const char *)sqlite3_column_text(query->stmt, column);
    struct span copy;
    text = text ? text : "";
    TRY(arena_copy(arena, span_of(text, strlen(text) + 1), &copy));
    *out_text = (const char *)copy.data;
    return status_ok();
}

/* name, type, notnull, dflt_value, pk, hidden, number of key columns in the primary key */
static struct status column_get(struct driver_sqlite *sqlite, struct query *query, struct catalogue_column *out_column)
{
    struct catalogue_column column = {.generated = query_get_int(query, 5) >= 2};
    TRY(text_get(query, 0, &sqlite->arena, &column.name));
    TRY(text_get(query, 1, &sqlite->arena, &column.is.type));
    bool row_number = query_get_int(query, 4) == 1 && query_get_int(query, 6) == 1 &&
                      strcasecmp(column.is.type, "INTEGER") == 0;
    column.is.there = true;
    column.is.not_null = query_get_int(query, 2) != 0 || row_number;
    column.is.has_default = sqlite3_column_type(query->stmt, 3) != SQLITE_NULL || row_number;
    column.is.may_read = true;
    column.is.may_write = !column.generated && sqlite3_db_readonly(sqlite->db, "main") == 0;
    *out_column = column;
    return status_ok();
}

static struct status columns_load(struct driver_sqlite *sqlite, struct catalogue_table *table)
{
    struct catalogue_column *columns = arena_array(&sqlite->arena, LIMIT_CATALOGUE_COLUMNS, sizeof *columns);
    struct query query;
    struct status status = status_ok();
    if (!columns) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    query_sql(&query, sqlite,
              "SELECT name, type, \"notnull\", dflt_value, pk, hidden, (SELECT count(*) FROM pragma_table_xinfo(?1, ?2)"
              " WHERE pk > 0) FROM pragma_table_xinfo(?1, ?2) WHERE hidden <> 1");
    query_text(&query, span_text(table->mapping->name));
    query_text(&query, span_text(table->mapping->schema ? table->mapping->schema : "main"));
    while (status_is_ok(status) && table->column_count < LIMIT_CATALOGUE_COLUMNS && query_next(&query)) {
        status = column_get(sqlite, &query, &columns[table->column_count++]);
    }
    struct status end = query_end(&query);
    table->columns = columns;
    TRY(status);
    return end;
}

static void add_key_names(struct buffer *sql, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sql_add(sql, i > 0 ? ", lower(?" : "lower(?");
        sql_number(sql, i + 2);
        sql_add(sql, ")");
    }
}

/* Is there a unique index (or primary key) over key columns only? Then the key is unique. */
static struct status key_load(struct driver_sqlite *sqlite, struct catalogue_table *table)
{
    const struct mapping_table *mapped = table->mapping;
    struct buffer sql;
    struct query query;
    const char *text;
    buffer_init(&sql, &sqlite->scratch);
    sql_add(&sql, "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1) AS l WHERE l.\"unique\" = 1 AND l.partial = 0"
                  " AND NOT EXISTS (SELECT 1 FROM pragma_index_info(l.name) AS i WHERE i.name IS NULL"
                  " OR lower(i.name) NOT IN (");
    add_key_names(&sql, mapped->key_count);
    /* a row number as primary key has no index of its own */
    sql_add(&sql, "))) OR (SELECT count(*) = 1 AND max(lower(name) IN (");
    add_key_names(&sql, mapped->key_count);
    sql_add(&sql, ")) FROM pragma_table_info(?1) WHERE pk > 0)");
    TRY(sql_end(&sql, &text));
    query_sql(&query, sqlite, text);
    query_text(&query, span_text(mapped->name));
    for (size_t i = 0; i < mapped->key_count; i++) {
        query_text(&query, span_text(mapped->columns[mapped->key[i]].name));
    }
    table->key_unique = query_next(&query) && query_get_int(&query, 0) != 0;
    return query_end(&query);
}

static struct status table_load(struct driver_sqlite *sqlite, struct catalogue_table *table)
{
    struct query query;
    query_sql(&query, sqlite, "SELECT type FROM sqlite_master WHERE lower(name) = lower(?1) AND type IN ('table', 'view')");
    query_text(&query, span_text(table->mapping->name));
    table->there = query_next(&query);
    if (table->there && strcmp((const char *)sqlite3_column_text(query.stmt, 0), "table") != 0) {
        table->kind = "view";
    }
    TRY(query_end(&query));
    table->may_insert = sqlite3_db_readonly(sqlite->db, "main") == 0;
    table->may_trigger = table->may_insert;
    if (!table->there) {
        return status_ok();
    }
    TRY(columns_load(sqlite, table));
    return key_load(sqlite, table);
}

static struct status names_load(struct driver_sqlite *sqlite)
{
    const char **names = arena_array(&sqlite->arena, LIMIT_CATALOGUE_COLUMNS + 1, sizeof *names);
    struct query query;
    struct status status = status_ok();
    size_t count = 0;
    if (!names) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    query_sql(&query, sqlite, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'simpul\\_%' ESCAPE '\\'"
                              " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name");
    while (status_is_ok(status) && count < LIMIT_CATALOGUE_COLUMNS && query_next(&query)) {
        status = text_get(&query, 0, &sqlite->arena, &names[count]);
        count += status_is_ok(status) ? 1 : 0;
    }
    struct status end = query_end(&query);
    sqlite->catalogue.names = names;
    TRY(status);
    return end;
}

struct status sqlite_catalogue_load(struct driver_sqlite *sqlite)
{
    const struct mapping *mapping = sqlite->driver.mapping;
    struct catalogue *catalogue = &sqlite->catalogue;
    catalogue->tables = arena_array(&sqlite->arena, mapping->table_count, sizeof *catalogue->tables);
    if (!catalogue->tables) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    catalogue->table_count = mapping->table_count;
    catalogue->any_case = true;
    TRY(names_load(sqlite));
    for (size_t i = 0; i < mapping->table_count; i++) {
        catalogue->tables[i].mapping = &mapping->tables[i];
        TRY(table_load(sqlite, &catalogue->tables[i]));
    }
    return status_ok();
}

struct status driver_sqlite_column(struct driver *driver, size_t table, const char *column, struct legacy_column *out_column)
{
    const struct catalogue_column *found = catalogue_column(&sqlite_of(driver)->catalogue, table, column);
    *out_column = found ? found->is : (struct legacy_column){.type = ""};
    return status_ok();
}

/* ---- SQL of a table ---- */

/* The key column as it is compared with a parameter: its affinity converts the parameter, so its index serves. */
static void add_key_column(struct driver_sqlite *sqlite, struct buffer *sql, size_t table, size_t key)
{
    const struct mapping_table *mapped = &sqlite->driver.mapping->tables[table];
    const char *name = mapped->columns[mapped->key[key]].name;
    const struct catalogue_column *column = catalogue_column(&sqlite->catalogue, table, name);
    bool plain = !column || has_affinity(column->is.type);
    sql_add(sql, plain ? "" : "CAST(");
    sql_column(sql, "r", name);
    sql_add(sql, plain ? "" : " AS TEXT)");
}

static void add_key_columns(struct driver_sqlite *sqlite, struct buffer *sql, size_t table)
{
    for (size_t i = 0; i < sqlite->driver.mapping->tables[table].key_count; i++) {
        sql_add(sql, i > 0 ? ", " : "");
        add_key_column(sqlite, sql, table, i);
    }
}

static struct status key_sql(struct driver_sqlite *sqlite, size_t table, const char **out_sql)
{
    struct buffer sql;
    buffer_init(&sql, &sqlite->arena);
    for (size_t i = 0; i < sqlite->driver.mapping->tables[table].key_count; i++) {
        sql_add(&sql, i > 0 ? " AND " : " WHERE ");
        add_key_column(sqlite, &sql, table, i);
        sql_add(&sql, " = ?");
    }
    return sql_end(&sql, out_sql);
}

/* SELECT what FROM t AS r WHERE key = ... Columns carry the table's name, so that one that is gone is an error and not,
 * as SQLite would have it, a string in double quotes. */
static struct status select_sql(struct driver_sqlite *sqlite, size_t table, bool all_columns, const char **out_sql)
{
    const struct mapping_table *mapped = &sqlite->driver.mapping->tables[table];
    struct buffer sql;
    buffer_init(&sql, &sqlite->arena);
    sql_add(&sql, "SELECT ");
    for (size_t i = 0; i < mapped->column_count && all_columns; i++) {
        sql_add(&sql, i > 0 ? ", " : "");
        sql_column(&sql, "r", mapped->columns[i].name);
    }
    sql_add(&sql, all_columns ? " FROM " : "1 FROM ");
    sql_table(&sql, mapped);
    sql_add(&sql, " AS r");
    sql_add(&sql, sqlite->tables[table].key_sql);
    return sql_end(&sql, out_sql);
}

static struct status page_sql(struct driver_sqlite *sqlite, size_t table, bool after, const char **out_sql)
{
    const struct mapping_table *mapped = &sqlite->driver.mapping->tables[table];
    struct buffer sql;
    buffer_init(&sql, &sqlite->arena);
    sql_add(&sql, "SELECT ");
    for (size_t i = 0; i < mapped->key_count; i++) {
        sql_add(&sql, i > 0 ? ", " : "");
        sql_column(&sql, "r", mapped->columns[mapped->key[i]].name);
    }
    sql_add(&sql, " FROM ");
    sql_table(&sql, mapped);
    sql_add(&sql, " AS r");
    for (size_t i = 0; i < mapped->key_count; i++) {
        sql_add(&sql, i > 0 ? " AND " : " WHERE ");
        sql_column(&sql, "r", mapped->columns[mapped->key[i]].name);
        sql_add(&sql, " IS NOT NULL");
    }
    if (after) {
        sql_add(&sql, " AND (");
        add_key_columns(sqlite, &sql, table);
        sql_add(&sql, ") > (");
        for (size_t i = 0; i < mapped->key_count; i++) {
            sql_add(&sql, i > 0 ? ", ?" : "?");
            sql_number(&sql, i + 2);
        }
        sql_add(&sql, ")");
    }
    sql_add(&sql, " ORDER BY ");
    add_key_columns(sqlite, &sql, table);
    sql_add(&sql, " LIMIT ?1");
    return sql_end(&sql, out_sql);
}

static struct status outbox_sql(struct driver_sqlite *sqlite)
{
    struct buffer sql;
    buffer_init(&sql, &sqlite->arena);
    sql_add(&sql, "SELECT id, tbl, key, op FROM simpul_outbox WHERE tbl IN (");
    for (size_t i = 0; i < sqlite->driver.mapping->table_count; i++) {
        sql_add(&sql, i > 0 ? ", ?" : "?");
        sql_number(&sql, i + 2);
    }
    sql_add(&sql, ") ORDER BY id LIMIT ?1");
    return sql_end(&sql, &sqlite->outbox_sql);
}

struct status sqlite_tables_prepare(struct driver_sqlite *sqlite)
{
    const struct mapping *mapping = sqlite->driver.mapping;
    sqlite->tables = arena_array(&sqlite->arena, mapping->table_count, sizeof *sqlite->tables);
    sqlite->labels = arena_array(&sqlite->arena, mapping->table_count, sizeof *sqlite->labels);
    if (!sqlite->tables || !sqlite->labels) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < mapping->table_count; i++) {
        struct sqlite_table *table = &sqlite->tables[i];
        table->label = sql_label(&mapping->tables[i], &sqlite->arena);
        sqlite->labels[i] = table->label;
        if (!table->label) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
        TRY(key_sql(sqlite, i, &table->key_sql));
        TRY(select_sql(sqlite, i, true, &table->row_sql));
        TRY(select_sql(sqlite, i, false, &table->probe_sql));
        TRY(page_sql(sqlite, i, false, &table->page_sql));
        TRY(page_sql(sqlite, i, true, &table->page_after_sql));
    }
    return outbox_sql(sqlite);
}

/* ---- triggers ---- */

/* The key of NEW or OLD as mapping_key says it. */
static void add_trigger_key(struct buffer *sql, const struct mapping_table *mapped, const char *row)
{
    for (size_t i = 0; i < mapped->key_count; i++) {
        bool several = mapped->key_count > 1;
        sql_add(sql, i > 0 ? " || '|' || " : "");
        sql_add(sql, several ? "replace(replace(CAST(" : "CAST(");
        sql_column(sql, row, mapped->columns[mapped->key[i]].name);
        sql_add(sql, several ? " AS TEXT), '\\', '\\\\'), '|', '\\|')" : " AS TEXT)");
    }
}

/* A row without a key is left alone: nothing of ours may make their statement fail. */
static void add_trigger_insert(struct buffer *sql, const struct mapping_table *mapped, const char *label, const char *row,
                               const char *op, const char *condition)
{
    sql_add(sql, "INSERT INTO simpul_outbox (tbl, key, op) SELECT ");
    sql_literal(sql, label, false);
    sql_add(sql, ", ");
    add_trigger_key(sql, mapped, row);
    sql_add(sql, ", ");
    sql_add(sql, op);
    sql_add(sql, " WHERE ");
    add_trigger_key(sql, mapped, row);
    sql_add(sql, " IS NOT NULL");
    if (condition) {
        sql_add(sql, " AND (");
        add_trigger_key(sql, mapped, "OLD");
        sql_add(sql, ") COLLATE BINARY ");
        sql_add(sql, condition);
        sql_add(sql, " (");
        add_trigger_key(sql, mapped, "NEW");
        sql_add(sql, ")");
    }
    sql_add(sql, "; ");
}

enum { TRIGGER_COUNT = 3 };
static const char *const TRIGGER_WORDS[TRIGGER_COUNT] = {"insert", "update", "delete"};

static struct status trigger_name(const struct mapping_table *mapped, size_t which, struct arena *arena,
                                  const char **out_name)
{
    struct buffer name;
    buffer_init(&name, arena);
    sql_add(&name, "simpul_");
    sql_add(&name, TRIGGER_WORDS[which]);
    sql_add(&name, "_");
    sql_add(&name, mapped->name);
    return sql_end(&name, out_name);
}

static struct status trigger_sql(struct driver_sqlite *sqlite, size_t table, size_t which, const char **out_sql)
{
    const struct mapping_table *mapped = &sqlite->driver.mapping->tables[table];
    const char *label = sqlite->labels[table];
    const char *name;
    struct buffer sql;
    TRY(trigger_name(mapped, which, &sqlite->scratch, &name));
    buffer_init(&sql, &sqlite->scratch);
    sql_add(&sql, "CREATE TRIGGER ");
    sql_name(&sql, name);
    sql_add(&sql, which == 0 ? " AFTER INSERT ON " : which == 1 ? " AFTER UPDATE ON " : " AFTER DELETE ON ");
    sql_name(&sql, mapped->name);
    sql_add(&sql, " WHEN (SELECT value FROM simpul_mark WHERE name = 'session') IS NULL BEGIN ");
    if (which == 1) { /* another key is another row */
        add_trigger_insert(&sql, mapped, label, "NEW", "2", "IS");
        add_trigger_insert(&sql, mapped, label, "OLD", "3", "IS NOT");
        add_trigger_insert(&sql, mapped, label, "NEW", "1", "IS NOT");
    } else {
        add_trigger_insert(&sql, mapped, label, which == 0 ? "NEW" : "OLD", which == 0 ? "1" : "3", NULL);
    }
    sql_add(&sql, "END");
    return sql_end(&sql, out_sql);
}

/* ---- installed? ---- */

static struct status trigger_is_there(struct driver_sqlite *sqlite, size_t table, size_t which, bool *out_there)
{
    struct query query;
    const char *name;
    const char *sql;
    TRY(trigger_name(&sqlite->driver.mapping->tables[table], which, &sqlite->scratch, &name));
    TRY(trigger_sql(sqlite, table, which, &sql));
    query_sql(&query, sqlite, "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = ?1 AND sql = ?2");
    query_text(&query, span_text(name));
    query_text(&query, span_text(sql));
    *out_there = query_next(&query);
    return query_end(&query);
}

static struct status tables_are_there(struct driver_sqlite *sqlite, bool *out_there)
{
    struct query query;
    query_sql(&query, sqlite,
              "SELECT count(*) FROM sqlite_master WHERE name IN ('simpul_outbox', 'simpul_shadow', 'simpul_mark',"
              " 'simpul_shadow_record', 'simpul_shadow_identity')");
    *out_there = query_next(&query) && query_get_int(&query, 0) == TABLES_COUNT;
    return query_end(&query);
}

struct status sqlite_installed(struct driver_sqlite *sqlite, bool *out_installed)
{
    bool there = false;
    arena_clear(&sqlite->scratch);
    TRY(tables_are_there(sqlite, &there));
    for (size_t i = 0; there && i < sqlite->driver.mapping->table_count; i++) {
        for (size_t which = 0; there && which < TRIGGER_COUNT; which++) {
            TRY(trigger_is_there(sqlite, i, which, &there));
        }
    }
    if (there) {
        struct query query;
        query_sql(&query, sqlite, "SELECT CAST(value AS INTEGER) FROM simpul_mark WHERE name = 'installed'");
        there = query_next(&query) && query_get_int(&query, 0) == SQLITE_DRIVER_VERSION;
        TRY(query_end(&query));
    }
    *out_installed = there;
    return status_ok();
}

/* ---- check ---- */

struct status driver_sqlite_check(struct driver *driver, struct report *report)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    struct query query;
    char folder[4096];
    report_line(report, "SQLite %s, file %s", sqlite3_libversion(), sqlite->path);
    query_sql(&query, sqlite, "PRAGMA journal_mode");
    if (query_next(&query) && strcasecmp((const char *)sqlite3_column_text(query.stmt, 0), "wal") == 0) {
        report_line(report, "warning: the file is in WAL mode: a copy of the file alone is not a backup, and both programs "
                            "must run on one machine; rollback-journal mode (PRAGMA journal_mode = DELETE) is safer here");
    }
    TRY(query_end(&query));
    snprintf(folder, sizeof folder, "%s", sqlite->path);
    char *slash = strrchr(folder, '/');
    if (slash) {
        slash[slash == folder ? 1 : 0] = 0;
    }
    if (sqlite3_db_readonly(sqlite->db, "main") != 0 || access(slash ? folder : ".", W_OK) != 0) {
        report_problem(report, "problem: no right to write the file or its folder (SQLite makes its journal there): give this "
                               "user the group of the legacy application");
    }
    catalogue_report(&sqlite->catalogue, driver->mapping, report);
    report_line(report, driver->installed ? "ours: installed, version %d" : "ours: not installed (wants version %d): run "
                                                                            "`simpul connector install`",
                SQLITE_DRIVER_VERSION);
    return status_ok();
}

/* ---- install ---- */

/* Prints or runs. */
static struct status statement(struct driver_sqlite *sqlite, bool print_only, struct report *report, const char *sql)
{
    if (print_only) {
        report_line(report, "%s;", sql);
        return status_ok();
    }
    return sqlite_exec(sqlite, sql);
}

static struct status trigger_drop(struct driver_sqlite *sqlite, const char *name, bool print_only, struct report *report)
{
    struct buffer sql;
    const char *text;
    buffer_init(&sql, &sqlite->scratch);
    sql_add(&sql, "DROP TRIGGER IF EXISTS ");
    sql_name(&sql, name);
    TRY(sql_end(&sql, &text));
    return statement(sqlite, print_only, report, text);
}

static struct status triggers_install(struct driver_sqlite *sqlite, size_t table, bool print_only, struct report *report)
{
    for (size_t which = 0; which < TRIGGER_COUNT; which++) {
        const char *name;
        const char *sql;
        TRY(trigger_name(&sqlite->driver.mapping->tables[table], which, &sqlite->scratch, &name));
        TRY(trigger_sql(sqlite, table, which, &sql));
        TRY(trigger_drop(sqlite, name, print_only, report));
        TRY(statement(sqlite, print_only, report, sql));
    }
    return status_ok();
}

static struct status install_all(struct driver_sqlite *sqlite, bool print_only, struct report *report)
{
    char mark[128];
    TRY(statement(sqlite, print_only, report, "BEGIN IMMEDIATE"));
    for (size_t i = 0; i < TABLES_COUNT; i++) {
        TRY(statement(sqlite, print_only, report, TABLES[i]));
    }
    for (size_t i = 0; i < sqlite->driver.mapping->table_count; i++) {
        TRY(triggers_install(sqlite, i, print_only, report));
    }
    snprintf(mark, sizeof mark, "INSERT OR REPLACE INTO simpul_mark (name, value) VALUES ('installed', '%d')",
             SQLITE_DRIVER_VERSION);
    TRY(statement(sqlite, print_only, report, mark));
    return statement(sqlite, print_only, report, "COMMIT");
}

struct status driver_sqlite_install(struct driver *driver, bool print_only, struct report *report)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    arena_clear(&sqlite->scratch);
    if (driver->installed && !print_only) {
        report_line(report, "already installed, version %d: nothing to do", SQLITE_DRIVER_VERSION);
        return status_ok();
    }
    TRY(catalogue_check(&sqlite->catalogue, driver->mapping, driver->problem, sizeof driver->problem));
    sqlite3_busy_timeout(sqlite->db, SQLITE_DRIVER_COMMIT_MS);
    struct status status = install_all(sqlite, print_only, report);
    if (!print_only && !sqlite3_get_autocommit(sqlite->db)) {
        sqlite3_exec(sqlite->db, "ROLLBACK", NULL, NULL, NULL);
    }
    sqlite3_busy_timeout(sqlite->db, SQLITE_DRIVER_LOCK_MS);
    TRY(status);
    if (!print_only) {
        driver->installed = true;
        report_line(report, "installed, version %d: simpul_outbox, simpul_shadow, simpul_mark and triggers on %zu table%s",
                    SQLITE_DRIVER_VERSION, driver->mapping->table_count, driver->mapping->table_count == 1 ? "" : "s");
    }
    return status_ok();
}

/* ---- uninstall ---- */

static struct status triggers_uninstall(struct driver_sqlite *sqlite, bool print_only, struct report *report)
{
    const char *names[LIMIT_COLUMNS];
    size_t count = 0;
    struct status status = status_ok();
    struct query query;
    /* Those of earlier mappings too: ours write into our outbox. */
    query_sql(&query, sqlite, "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'simpul\\_%' ESCAPE '\\'"
                              " AND sql LIKE '%simpul\\_outbox%' ESCAPE '\\' ORDER BY name");
    while (status_is_ok(status) && count < LIMIT_COLUMNS && query_next(&query)) {
        status = text_get(&query, 0, &sqlite->scratch, &names[count]);
        count += status_is_ok(status) ? 1 : 0;
    }
    struct status end = query_end(&query);
    TRY(status);
    TRY(end);
    for (size_t i = 0; i < count; i++) {
        TRY(trigger_drop(sqlite, names[i], print_only, report));
    }
    return status_ok();
}

static struct status uninstall_all(struct driver_sqlite *sqlite, bool print_only, struct report *report)
{
    TRY(statement(sqlite, print_only, report, "BEGIN IMMEDIATE"));
    TRY(triggers_uninstall(sqlite, print_only, report));
    TRY(statement(sqlite, print_only, report, "DROP TABLE IF EXISTS simpul_outbox"));
    TRY(statement(sqlite, print_only, report, "DROP TABLE IF EXISTS simpul_shadow"));
    TRY(statement(sqlite, print_only, report, "DROP TABLE IF EXISTS simpul_mark"));
    return statement(sqlite, print_only, report, "COMMIT");
}

struct status driver_sqlite_uninstall(struct driver *driver, bool print_only, struct report *report)
{
    struct driver_sqlite *sqlite = sqlite_of(driver);
    arena_clear(&sqlite->scratch);
    sqlite3_busy_timeout(sqlite->db, SQLITE_DRIVER_COMMIT_MS);
    struct status status = uninstall_all(sqlite, print_only, report);
    if (!print_only && !sqlite3_get_autocommit(sqlite->db)) {
        sqlite3_exec(sqlite->db, "ROLLBACK", NULL, NULL, NULL);
    }
    sqlite3_busy_timeout(sqlite->db, SQLITE_DRIVER_LOCK_MS);
    TRY(status);
    if (!print_only) {
        driver->installed = false;
        report_line(report, "uninstalled: nothing of ours is left in the file");
    }
    return status_ok();
}
