/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/driver_postgres.h"

#include <stdio.h>
#include <stdlib.h>

/* What the catalogue says of the mapping's tables, and the SQL that is written once per table. */

/* ---- catalogue ---- */

/* An unqualified name is looked up along the session's search_path, as the application does. */
static const char TABLE_SQL[] =
    "SELECT c.oid::bigint, n.nspname::text, c.relkind::text, c.reltuples::bigint,"
    " has_table_privilege(c.oid, 'INSERT') OR has_any_column_privilege(c.oid, 'INSERT'),"
    " has_table_privilege(c.oid, 'TRIGGER') OR pg_has_role(c.relowner, 'USAGE'),"
    " has_schema_privilege(n.oid, 'USAGE')"
    " FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE c.relname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
    " AND CASE WHEN $2 = '' THEN n.nspname = ANY (current_schemas(false)) ELSE n.nspname = $2 END"
    " ORDER BY array_position(current_schemas(false), n.nspname) LIMIT 1";

static const char COLUMNS_SQL[] =
    "SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod),"
    " pg_catalog.format_type(a.atttypid, -1),"
    " CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 ELSE 0 END::bigint,"
    " a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '',"
    " has_column_privilege($1::bigint::oid, a.attnum, 'SELECT'), has_column_privilege($1::bigint::oid, a.attnum, 'UPDATE')"
    " FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid"
    " WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum LIMIT $2";

/* A unique, complete, valid index over key columns only. */
static const char KEY_SQL[] =
    "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_index AS i WHERE i.indrelid = $1::bigint::oid AND i.indisunique"
    " AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indisvalid"
    " AND NOT EXISTS (SELECT 1 FROM unnest(i.indkey[0:i.indnkeyatts - 1]) AS k (attnum) JOIN pg_catalog.pg_attribute AS a"
    " ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE a.attname <> ALL ($2::text[])))";

static const char NAMES_SQL[] =
    "SELECT c.relname::text FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'simpul')"
    " AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1 LIMIT $1";

static const char OURS_SQL[] =
    "SELECT current_user::text, EXISTS (SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n"
    " ON n.oid = c.relnamespace WHERE n.nspname = 'simpul' AND c.relname = 'shadow'"
    " AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')),"
    " has_database_privilege(current_database(), 'CREATE')";

static bool result_bool(const PGresult *result, int row, int column)
{
    struct span value = result_span(result, row, column);
    return value.size == 1 && value.data[0] == 1;
}

static struct status column_take(struct driver_postgres *postgres, const PGresult *result, int row,
                                 struct catalogue_column *out_column)
{
    struct catalogue_column column = {.generated = result_bool(result, row, 6)};
    TRY(result_text(result, row, 0, &postgres->arena, &column.name));
    TRY(result_text(result, row, 1, &postgres->arena, &column.is.type));
    TRY(result_text(result, row, 2, &postgres->arena, &column.cast));
    column.is.there = true;
    column.is.length_max = (uint32_t)result_int(result, row, 3);
    column.is.not_null = result_bool(result, row, 4);
    column.is.has_default = result_bool(result, row, 5);
    column.is.may_read = result_bool(result, row, 7);
    column.is.may_write = result_bool(result, row, 8) && !column.generated;
    *out_column = column;
    return status_ok();
}

static struct status columns_load(struct driver_postgres *postgres, unsigned oid, struct catalogue_table *table)
{
    struct parameters parameters;
    PGresult *result = NULL;
    struct status status = status_ok();
    parameters_init(&parameters, postgres);
    parameter_int(&parameters, oid);
    parameter_int(&parameters, LIMIT_CATALOGUE_COLUMNS);
    TRY(postgres_query(postgres, COLUMNS_SQL, &parameters, &result));
    int rows = PQntuples(result);
    struct catalogue_column *columns = arena_array(&postgres->arena, (size_t)rows, sizeof *columns);
    status = columns ? status : STATUS_MAKE(STATUS_NO_MEMORY);
    for (int i = 0; i < rows && status_is_ok(status); i++) {
        status = column_take(postgres, result, i, &columns[i]);
    }
    PQclear(result);
    table->columns = columns;
    table->column_count = status_is_ok(status) ? (size_t)rows : 0;
    return status;
}

static struct status key_load(struct driver_postgres *postgres, unsigned oid, struct catalogue_table *table)
{
    const struct mapping_table *mapped = table->mapping;
    struct parameters parameters;
    struct array names;
    PGresult *result = NULL;
    array_begin(&names, postgres, ARRAY_TEXT);
    for (size_t i = 0; i < mapped->key_count; i++) {
        const char *name = mapped->columns[mapped->key[i]].name;
        array_add(&names, name, strlen(name));
    }
    parameters_init(&parameters, postgres);
    parameter_int(&parameters, oid);
    parameter_array(&parameters, &names);
    TRY(postgres_query(postgres, KEY_SQL, &parameters, &result));
    table->key_unique = result_bool(result, 0, 0);
    PQclear(result);
    return status_ok();
}

static const char *kind_name(struct span kind)
{
    switch (kind.size == 1 ? kind.data[0] : 0) {
    case 'v':
        return "view";
    case 'm':
        return "materialized view";
    case 'f':
        return "foreign table";
    default:
        return NULL;
    }
}

static struct status table_load(struct driver_postgres *postgres, size_t index)
{
    struct catalogue_table *table = &postgres->catalogue.tables[index];
    struct postgres_table *own = &postgres->tables[index];
    struct parameters parameters;
    PGresult *result = NULL;
    struct status status = status_ok();
    parameters_init(&parameters, postgres);
    parameter_text(&parameters, span_text(table->mapping->name));
    parameter_text(&parameters, span_text(table->mapping->schema ? table->mapping->schema : ""));
    TRY(postgres_query(postgres, TABLE_SQL, &parameters, &result));
    table->there = PQntuples(result) == 1;
    own->schema = table->mapping->schema ? table->mapping->schema : "public";
    if (table->there) {
        own->oid = (unsigned)result_int(result, 0, 0);
        own->estimate = (double)result_int(result, 0, 3);
        status = result_text(result, 0, 1, &postgres->arena, &own->schema);
        table->kind = kind_name(result_span(result, 0, 2));
        table->may_insert = result_bool(result, 0, 4);
        table->may_trigger = result_bool(result, 0, 5);
    }
    PQclear(result);
    TRY(status);
    if (!table->there) {
        return status_ok();
    }
    TRY(columns_load(postgres, own->oid, table));
    return key_load(postgres, own->oid, table);
}

static struct status names_load(struct driver_postgres *postgres)
{
    struct parameters parameters;
    PGresult *result = NULL;
    struct status status = status_ok();
    parameters_init(&parameters, postgres);
    parameter_int(&parameters, LIMIT_CATALOGUE_COLUMNS);
    TRY(postgres_query(postgres, NAMES_SQL, &parameters, &result));
    int rows = PQntuples(result);
    const char **names = arena_array(&postgres->arena, (size_t)rows + 1, sizeof *names);
    status = names ? status : STATUS_MAKE(STATUS_NO_MEMORY);
    for (int i = 0; i < rows && status_is_ok(status); i++) {
        status = result_text(result, i, 0, &postgres->arena, &names[i]);
    }
    PQclear(result);
    postgres->catalogue.names = status_is_ok(status) ? names : NULL;
    return status;
}

static struct status ours_load(struct driver_postgres *postgres)
{
    struct parameters none;
    PGresult *result = NULL;
    parameters_init(&none, postgres);
    TRY(postgres_query(postgres, OURS_SQL, &none, &result));
    struct status status = result_text(result, 0, 0, &postgres->arena, &postgres->catalogue.user);
    postgres->schema_there = result_bool(result, 0, 1);
    postgres->may_create = result_bool(result, 0, 2);
    PQclear(result);
    return status;
}

struct status postgres_catalogue_load(struct driver_postgres *postgres)
{
    const struct mapping *mapping = postgres->driver.mapping;
    struct catalogue *catalogue = &postgres->catalogue;
    catalogue->tables = arena_array(&postgres->arena, mapping->table_count, sizeof *catalogue->tables);
    postgres->tables = arena_array(&postgres->arena, mapping->table_count, sizeof *postgres->tables);
    if (!catalogue->tables || !postgres->tables) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    catalogue->table_count = mapping->table_count;
    TRY(ours_load(postgres));
    TRY(names_load(postgres));
    for (size_t i = 0; i < mapping->table_count; i++) {
        catalogue->tables[i].mapping = &mapping->tables[i];
        TRY(table_load(postgres, i));
    }
    return status_ok();
}

/* ---- SQL of a table ---- */

void postgres_add_key(struct buffer *sql, const struct mapping_table *mapped, const char *row)
{
    for (size_t i = 0; i < mapped->key_count; i++) {
        bool several = mapped->key_count > 1;
        sql_add(sql, i > 0 ? " || '|' || " : "");
        sql_add(sql, several ? "replace(replace(" : "");
        sql_column(sql, row, mapped->columns[mapped->key[i]].name);
        sql_add(sql, several ? "::text, E'\\\\', E'\\\\\\\\'), '|', E'\\\\|')" : "::text");
    }
}

static const char *key_cast(struct driver_postgres *postgres, size_t table, size_t key)
{
    const struct mapping_table *mapped = &postgres->driver.mapping->tables[table];
    const struct catalogue_column *column =
        catalogue_column(&postgres->catalogue, table, mapped->columns[mapped->key[key]].name);
    return column ? column->cast : "text";
}

static void add_key_columns(struct buffer *sql, const struct mapping_table *mapped, const char *after)
{
    for (size_t i = 0; i < mapped->key_count; i++) {
        sql_add(sql, i > 0 ? ", " : "");
        sql_column(sql, "r", mapped->columns[mapped->key[i]].name);
        sql_add(sql, after);
    }
}

/* unnest($1, $2, ...) WITH ORDINALITY: the whole keys, then each key column's text. */
static void add_keys(struct buffer *sql, const struct mapping_table *mapped)
{
    sql_add(sql, "unnest($1::text[]");
    for (size_t i = 0; i < mapped->key_count; i++) {
        sql_add(sql, ", $");
        sql_number(sql, i + 2);
        sql_add(sql, "::text[]");
    }
    sql_add(sql, ") WITH ORDINALITY AS k (key");
    for (size_t i = 0; i < mapped->key_count; i++) {
        sql_add(sql, ", c");
        sql_number(sql, i);
    }
    sql_add(sql, ", at)");
}

/* r.key = k.c0::type, so that the index of the key serves */
static void add_key_join(struct driver_postgres *postgres, struct buffer *sql, size_t table)
{
    const struct mapping_table *mapped = &postgres->driver.mapping->tables[table];
    for (size_t i = 0; i < mapped->key_count; i++) {
        sql_add(sql, i > 0 ? " AND " : "");
        sql_column(sql, "r", mapped->columns[mapped->key[i]].name);
        sql_add(sql, " = k.c");
        sql_number(sql, i);
        sql_add(sql, "::");
        sql_add(sql, key_cast(postgres, table, i));
    }
}

static void add_shadow_columns(struct buffer *sql, const struct mapping_table *mapped)
{
    sql_add(sql, "(SELECT o.version, o.state, o.record, o.part, o.identity, o.bytes FROM simpul.shadow AS o WHERE o.lane = $");
    sql_number(sql, mapped->key_count + 2);
    sql_add(sql, " AND o.tbl = $");
    sql_number(sql, mapped->key_count + 3);
    sql_add(sql, " AND o.key = k.key OFFSET 0)");
}

/* Before install there are no shadows. */
static void add_no_shadow(struct buffer *sql, const struct mapping_table *mapped)
{
    sql_add(sql, "(SELECT 0::bigint AS version, 0::bigint AS state, ''::bytea AS record, ''::bytea AS part, ''::bytea AS"
                 " identity, ''::bytea AS bytes WHERE $");
    sql_number(sql, mapped->key_count + 2);
    sql_add(sql, "::bigint < 0 AND $");
    sql_number(sql, mapped->key_count + 3);
    sql_add(sql, "::text = '')");
}

/* OFFSET 0 keeps the planner from joining by a walk through the whole table, which it prefers while it knows nothing of
 * a table's size: key by key through the index is right for a batch of any table. */
static struct status rows_sql(struct driver_postgres *postgres, size_t table, const char **out_sql)
{
    const struct mapping_table *mapped = &postgres->driver.mapping->tables[table];
    struct buffer sql;
    buffer_init(&sql, &postgres->arena);
    sql_add(&sql, "SELECT k.at, s.version, s.state, s.record, s.part, s.identity, s.bytes, r.* FROM ");
    add_keys(&sql, mapped);
    sql_add(&sql, " LEFT JOIN LATERAL (SELECT ");
    for (size_t i = 0; i < mapped->column_count; i++) {
        sql_add(&sql, i > 0 ? ", " : "");
        sql_column(&sql, "r", mapped->columns[i].name);
        sql_add(&sql, "::text");
    }
    sql_add(&sql, " FROM ");
    sql_add(&sql, postgres->tables[table].name);
    sql_add(&sql, " AS r WHERE ");
    add_key_join(postgres, &sql, table);
    sql_add(&sql, " OFFSET 0) AS r ON true LEFT JOIN LATERAL ");
    if (postgres->schema_there) {
        add_shadow_columns(&sql, mapped);
    } else {
        add_no_shadow(&sql, mapped);
    }
    sql_add(&sql, " AS s ON true");
    return sql_end(&sql, out_sql);
}

static struct status lock_sql(struct driver_postgres *postgres, size_t table, const char **out_sql)
{
    struct buffer sql;
    buffer_init(&sql, &postgres->arena);
    sql_add(&sql, "SELECT 1 FROM ");
    add_keys(&sql, &postgres->driver.mapping->tables[table]);
    sql_add(&sql, " JOIN ");
    sql_add(&sql, postgres->tables[table].name);
    sql_add(&sql, " AS r ON ");
    add_key_join(postgres, &sql, table);
    sql_add(&sql, " ORDER BY k.at FOR UPDATE OF r");
    return sql_end(&sql, out_sql);
}

static struct status page_sql(struct driver_postgres *postgres, size_t table, bool after, const char **out_sql)
{
    const struct mapping_table *mapped = &postgres->driver.mapping->tables[table];
    struct buffer sql;
    buffer_init(&sql, &postgres->arena);
    sql_add(&sql, "SELECT ");
    add_key_columns(&sql, mapped, "::text");
    sql_add(&sql, " FROM ");
    sql_add(&sql, postgres->tables[table].name);
    sql_add(&sql, " AS r WHERE ");
    for (size_t i = 0; i < mapped->key_count; i++) {
        sql_add(&sql, i > 0 ? " AND " : "");
        sql_column(&sql, "r", mapped->columns[mapped->key[i]].name);
        sql_add(&sql, " IS NOT NULL");
    }
    if (after) {
        sql_add(&sql, " AND (");
        add_key_columns(&sql, mapped, "");
        sql_add(&sql, ") > (");
        for (size_t i = 0; i < mapped->key_count; i++) {
            sql_add(&sql, i > 0 ? ", $" : "$");
            sql_number(&sql, i + 2);
            sql_add(&sql, "::text::");
            sql_add(&sql, key_cast(postgres, table, i));
        }
        sql_add(&sql, ")");
    }
    sql_add(&sql, " ORDER BY ");
    add_key_columns(&sql, mapped, "");
    sql_add(&sql, " LIMIT $1");
    return sql_end(&sql, out_sql);
}

static struct status orphans_sql(struct driver_postgres *postgres, size_t table, const char **out_sql)
{
    struct buffer sql;
    buffer_init(&sql, &postgres->arena);
    sql_add(&sql, "SELECT s.key FROM simpul.shadow AS s WHERE s.lane = $1 AND s.tbl = $2 AND s.key > $3"
                  " AND NOT EXISTS (SELECT 1 FROM ");
    sql_add(&sql, postgres->tables[table].name);
    sql_add(&sql, " AS r WHERE ");
    postgres_add_key(&sql, &postgres->driver.mapping->tables[table], "r");
    sql_add(&sql, " = s.key) ORDER BY s.key LIMIT $4");
    return sql_end(&sql, out_sql);
}

static struct status table_name(struct driver_postgres *postgres, size_t table, const char **out_name)
{
    struct buffer name;
    buffer_init(&name, &postgres->arena);
    sql_name(&name, postgres->tables[table].schema);
    sql_add(&name, ".");
    sql_name(&name, postgres->driver.mapping->tables[table].name);
    return sql_end(&name, out_name);
}

struct status postgres_tables_prepare(struct driver_postgres *postgres)
{
    const struct mapping *mapping = postgres->driver.mapping;
    postgres->labels = arena_array(&postgres->arena, mapping->table_count, sizeof *postgres->labels);
    if (!postgres->labels) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < mapping->table_count; i++) {
        struct postgres_table *table = &postgres->tables[i];
        table->label = sql_label(&mapping->tables[i], &postgres->arena);
        postgres->labels[i] = table->label;
        if (!table->label) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
        TRY(table_name(postgres, i, &table->name));
        TRY(rows_sql(postgres, i, &table->rows_sql));
        TRY(lock_sql(postgres, i, &table->lock_sql));
        TRY(page_sql(postgres, i, false, &table->page_sql));
        TRY(page_sql(postgres, i, true, &table->page_after_sql));
        TRY(orphans_sql(postgres, i, &table->orphans_sql));
    }
    return status_ok();
}
