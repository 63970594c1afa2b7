/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/driver_postgres.h"

#include <inttypes.h>
#include <stdio.h>

/* The triggers of a table: they run inside every statement of the application, so they must be cheap, and must never make
 * one fail.
 *
 * SECURITY DEFINER, since the application has no right to our schema, without a search_path of its own: setting and
 * resetting it costs more than all the rest. That is safe because nothing in the body is looked up along the path: every
 * function, operator, type and table is written with its schema; `simpul_new` and `simpul_old` are transition tables,
 * which go before any table of that name; what has no name to qualify (IS NULL, CASE, coalesce) is not looked up. A name
 * added here must be qualified too; a construct that looks up "=" by itself (IN, IS DISTINCT FROM, NULLIF) must not be used.
 *
 * A key column that was renamed or dropped must not make their statements fail: its bare name then means the column of
 * `absent`, which is NULL, so nothing is written, and the connector finds the missing column itself. PostgreSQL makes the
 * plan anew when the table changes. */

enum { LABEL_MAX = 50 };

uint64_t postgres_text_digest(const char *text, uint64_t digest)
{
    for (; *text; text++) {
        digest = (digest ^ (uint8_t)*text) * 1099511628211u;
    }
    return digest;
}

/* Names are cut at 63 bytes: a long one gets a digest in its place. */
void postgres_function_name(struct driver_postgres *postgres, size_t table, char *out_name, size_t size)
{
    const char *label = postgres->labels[table];
    if (strlen(label) <= LABEL_MAX) {
        snprintf(out_name, size, "capture %s", label);
    } else {
        snprintf(out_name, size, "capture %016" PRIx64, postgres_text_digest(label, POSTGRES_DIGEST_START));
    }
}

/* As postgres_add_key says it, from bare names. */
static void add_bare_key(struct buffer *sql, const struct mapping_table *mapped)
{
    for (size_t i = 0; i < mapped->key_count; i++) {
        bool several = mapped->key_count > 1;
        sql_add(sql, i > 0 ? " OPERATOR(pg_catalog.||) '|' OPERATOR(pg_catalog.||) " : "");
        sql_add(sql, several ? "pg_catalog.replace(pg_catalog.replace(" : "");
        sql_name(sql, mapped->columns[mapped->key[i]].name);
        sql_add(sql, several ? "::pg_catalog.text, E'\\\\', E'\\\\\\\\'), '|', E'\\\\|')" : "::pg_catalog.text");
    }
}

/* FROM: the keys of `rows` as k.key */
static void add_keys_from(struct buffer *sql, const struct mapping_table *mapped, const char *rows)
{
    sql_add(sql, "(SELECT ");
    for (size_t i = 0; i < mapped->key_count; i++) {
        sql_add(sql, i > 0 ? ", " : "");
        sql_add(sql, "NULL::pg_catalog.text AS ");
        sql_name(sql, mapped->columns[mapped->key[i]].name);
    }
    sql_add(sql, ") AS absent, LATERAL (SELECT ");
    add_bare_key(sql, mapped);
    sql_add(sql, " AS key FROM ");
    sql_add(sql, rows);
    sql_add(sql, ") AS k");
}

static void add_capture(struct buffer *sql, const struct mapping_table *mapped, const char *label, const char *rows,
                        const char *op)
{
    sql_add(sql, "    INSERT INTO simpul.outbox (tbl, key, op) SELECT ");
    sql_literal(sql, label, true);
    sql_add(sql, ", k.key, ");
    sql_add(sql, op);
    sql_add(sql, " FROM ");
    add_keys_from(sql, mapped, rows);
    sql_add(sql, " WHERE k.key IS NOT NULL;\n");
}

/* Another key is another row: what is only among the old ones is deleted, what is only among the new ones inserted. */
static void add_capture_moved(struct buffer *sql, const struct mapping_table *mapped, const char *label)
{
    sql_add(sql, "    INSERT INTO simpul.outbox (tbl, key, op) SELECT ");
    sql_literal(sql, label, true);
    sql_add(sql, ", coalesce(n.key, o.key), CASE WHEN n.key IS NULL THEN 3 WHEN o.key IS NULL THEN 1 ELSE 2 END FROM"
                 " (SELECT k.key FROM ");
    add_keys_from(sql, mapped, "simpul_new");
    sql_add(sql, ") AS n FULL JOIN (SELECT k.key FROM ");
    add_keys_from(sql, mapped, "simpul_old");
    sql_add(sql, ") AS o ON o.key OPERATOR(pg_catalog.=) n.key WHERE coalesce(n.key, o.key) IS NOT NULL ORDER BY 3 DESC;\n");
}

/* Both transition tables have the rows in the same order, so keys that stayed are the same list. Anything else, NULL too,
 * takes the long way. */
static void add_keys_stayed(struct buffer *sql, const struct mapping_table *mapped)
{
    sql_add(sql, "(SELECT pg_catalog.array_agg(k.key) FROM ");
    add_keys_from(sql, mapped, "simpul_old");
    sql_add(sql, ") OPERATOR(pg_catalog.=) (SELECT pg_catalog.array_agg(k.key) FROM ");
    add_keys_from(sql, mapped, "simpul_new");
    sql_add(sql, ")");
}

static void add_branches(struct buffer *sql, const struct mapping_table *mapped, const char *label, const char *table)
{
    sql_add(sql, "  IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' THEN\n   IF ");
    add_keys_stayed(sql, mapped);
    sql_add(sql, " THEN\n");
    add_capture(sql, mapped, label, "simpul_new", "2");
    sql_add(sql, "   ELSE\n");
    add_capture_moved(sql, mapped, label);
    sql_add(sql, "   END IF;\n  ELSIF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN\n");
    add_capture(sql, mapped, label, "simpul_new", "1");
    sql_add(sql, "  ELSIF TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN\n");
    add_capture(sql, mapped, label, "simpul_old", "3");
    sql_add(sql, "  ELSE\n");
    add_capture(sql, mapped, label, table, "3");
    sql_add(sql, "  END IF;\n");
}

struct status postgres_function_sql(struct driver_postgres *postgres, size_t table, const char **out_sql)
{
    char name[80];
    struct buffer sql;
    postgres_function_name(postgres, table, name, sizeof name);
    buffer_init(&sql, &postgres->scratch);
    sql_add(&sql, "CREATE OR REPLACE FUNCTION simpul.");
    sql_name(&sql, name);
    sql_add(&sql, "() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $simpul$\n"
                  "#variable_conflict use_column\n"
                  "BEGIN\n"
                  "  IF pg_catalog.current_setting('simpul.session', true) OPERATOR(pg_catalog.=) 'on' THEN RETURN NULL; END IF;\n");
    add_branches(&sql, &postgres->driver.mapping->tables[table], postgres->labels[table], postgres->tables[table].name);
    if (!postgres->tables[table].quiet) {
        sql_add(&sql, "  IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(" POSTGRES_SLEEP_LOCK ") THEN NOTIFY simpul; END IF;\n");
    }
    sql_add(&sql, "  RETURN NULL;\nEND\n$simpul$");
    return sql_end(&sql, out_sql);
}

struct trigger {
    const char *name, *event, *tables;
};
static const struct trigger TRIGGERS[POSTGRES_TRIGGERS] = {
    {"simpul_insert", "AFTER INSERT", " REFERENCING NEW TABLE AS simpul_new"},
    {"simpul_update", "AFTER UPDATE", " REFERENCING OLD TABLE AS simpul_old NEW TABLE AS simpul_new"},
    {"simpul_delete", "AFTER DELETE", " REFERENCING OLD TABLE AS simpul_old"},
    {"simpul_truncate", "BEFORE TRUNCATE", ""},
};

struct status postgres_trigger_sql(struct driver_postgres *postgres, size_t table, size_t trigger, const char **out_sql)
{
    char name[80];
    struct buffer sql;
    postgres_function_name(postgres, table, name, sizeof name);
    buffer_init(&sql, &postgres->scratch);
    sql_add(&sql, "CREATE OR REPLACE TRIGGER ");
    sql_add(&sql, TRIGGERS[trigger].name);
    sql_add(&sql, " ");
    sql_add(&sql, TRIGGERS[trigger].event);
    sql_add(&sql, " ON ");
    sql_add(&sql, postgres->tables[table].name);
    sql_add(&sql, TRIGGERS[trigger].tables);
    sql_add(&sql, " FOR EACH STATEMENT EXECUTE FUNCTION simpul.");
    sql_name(&sql, name);
    sql_add(&sql, "()");
    return sql_end(&sql, out_sql);
}
