/* SPDX-License-Identifier: Apache-2.0 */
#include "node/store/postgres_parts.h"

#include <assert.h>
#include <stdio.h>

/* Every statement of a running store. Identifiers come from the tables below, values are parameters. */

static const struct {
    const char *name;
    size_t part_size;
} tables[STORE_TABLE_COUNT] = {
    [STORE_META] = {"meta", 0},       [STORE_STREAMS] = {"streams", 4},       [STORE_LEAVES] = {"leaves", 4},
    [STORE_BODIES] = {"bodies", 4},   [STORE_TILES] = {"tiles", 4},           [STORE_WAITING] = {"waiting", 0},
    [STORE_OWED] = {"owed", 16},      [STORE_DUE] = {"due", 0},               [STORE_REFS] = {"refs", 0},
    [STORE_PENDING] = {"pending", 0}, [STORE_SHADOWS] = {"shadows", 0},       [STORE_TIES] = {"ties", 0},
    [STORE_INBOX] = {"inbox", 0},     [STORE_QUARANTINE] = {"quarantine", 0}, [STORE_EVIDENCE] = {"evidence", 0},
    [STORE_EVENTS] = {"events", 0},
};

const char *pg_table_name(enum store_table table)
{
    assert((size_t)table < STORE_TABLE_COUNT);
    return tables[table].name;
}

size_t pg_part_size(enum store_table table)
{
    assert((size_t)table < STORE_TABLE_COUNT);
    return tables[table].part_size;
}

#define COLUMNS "id, owner, status, conflicts, visible, received_ms, changed"

/* The counts are kept here and not by triggers, so that the tables may be distributed. Sent before the rows are saved. */
#define RECOUNT_SQL                                                                                                    \
    "WITH new AS (SELECT * FROM unnest($1::bytea[], $2::text[], $3::int8[], $4::int8[], $5::int8[])"                   \
    " AS n (id, owner, status, conflicts, visible)),"                                                                  \
    " delta AS (SELECT owner COLLATE \"C\" AS owner, status, visible, sum(n) AS n, sum(c) AS c FROM ("                  \
    "SELECT owner, status, visible <> 0 AS visible, 1 AS n, (conflicts > 0)::int AS c FROM new UNION ALL"              \
    " SELECT r.owner, r.status, r.visible, -1, -(r.conflicts > 0)::int FROM new JOIN records AS r ON r.id = new.id"   \
    ") AS d GROUP BY 1, 2, 3 HAVING sum(n) <> 0 OR sum(c) <> 0)"                                                       \
    " INSERT INTO record_counts AS t (owner, status, visible, count, conflicts)"                                       \
    " SELECT owner, status, visible, n, c FROM delta ORDER BY owner, status, visible"                                  \
    " ON CONFLICT (owner, status, visible) DO UPDATE SET count = t.count + excluded.count,"                            \
    " conflicts = t.conflicts + excluded.conflicts"

#define SAVE_SQL                                                                                                       \
    "INSERT INTO records (" COLUMNS ", bytes) SELECT id, owner, status, conflicts, visible <> 0, received_ms, changed,"\
    " bytes FROM unnest($1::bytea[], $2::text[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[],"           \
    " $8::bytea[]) AS n (" COLUMNS ", bytes)"                                                                          \
    " ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, status = excluded.status,"                                \
    " conflicts = excluded.conflicts, visible = excluded.visible, received_ms = excluded.received_ms,"                 \
    " changed = excluded.changed, bytes = excluded.bytes"

/* $1 owner or '', $2 status or 0, $3 hidden too, $4 in conflict. */
#define COUNT_SQL                                                                                                      \
    "SELECT owner, status, sum(CASE WHEN $4::int8 <> 0 THEN conflicts ELSE count END)::int8, sum(conflicts)::int8"     \
    " FROM record_counts WHERE ($1::text = '' OR owner = $1::text) AND ($2::int8 = 0 OR status = $2::int8)"            \
    " AND ($3::int8 <> 0 OR visible) GROUP BY owner, status"                                                           \
    " HAVING sum(CASE WHEN $4::int8 <> 0 THEN conflicts ELSE count END) > 0 ORDER BY owner, status"

#define LOAD_SQL                                                                                                       \
    "SELECT r.id, r.owner, r.status, r.conflicts, r.visible, r.received_ms, r.changed, r.bytes, k.n"                   \
    " FROM unnest($1::bytea[]) WITH ORDINALITY AS k (id, n) JOIN records AS r ON r.id = k.id"

/* ---- tables ---- */

static void get_text(const char *name, size_t part, char *out_text)
{
    char join[64] = "";
    if (part > 0) {
        snprintf(join, sizeof join, "t.part = substr(k.key, 1, %zu) AND ", part);
    }
    snprintf(out_text, STATEMENT_TEXT_MAX,
             "SELECT k.n, t.value FROM unnest($1::bytea[]) WITH ORDINALITY AS k (key, n) JOIN %s AS t ON %st.key = k.key",
             name, join);
}

static void put_text(const char *name, size_t part, char *out_text)
{
    if (part > 0) {
        snprintf(out_text, STATEMENT_TEXT_MAX,
                 "INSERT INTO %s (part, key, value) SELECT substr(key, 1, %zu), key, value"
                 " FROM unnest($1::bytea[], $2::bytea[]) AS n (key, value)"
                 " ON CONFLICT (part, key) DO UPDATE SET value = excluded.value",
                 name, part);
    } else {
        snprintf(out_text, STATEMENT_TEXT_MAX,
                 "INSERT INTO %s (key, value) SELECT key, value FROM unnest($1::bytea[], $2::bytea[]) AS n (key, value)"
                 " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                 name);
    }
}

static void remove_text(const char *name, size_t part, char *out_text)
{
    char join[64] = "";
    if (part > 0) {
        snprintf(join, sizeof join, "t.part = substr(k.key, 1, %zu) AND ", part);
    }
    snprintf(out_text, STATEMENT_TEXT_MAX, "DELETE FROM %s AS t USING unnest($1::bytea[]) AS k (key) WHERE %st.key = k.key",
             name, join);
}

/* Since a part is the beginning of its key, (part, key) sorts as the key alone does. The bound of bytes is a running sum;
 * octet_length does not fetch a large value. */
static void scan_text(const char *name, size_t part, unsigned flags, char *out_text)
{
    char from[96] = "key >= $1::bytea";
    char end[96] = "";
    char inner[STATEMENT_TEXT_MAX / 2];
    bool single = part == 0 || (flags & SCAN_PART);
    const char *down = flags & SCAN_DOWN ? " DESC" : "";
    const char *order = single ? "" : flags & SCAN_DOWN ? "part DESC, " : "part, ";
    if (part > 0 && single) {
        snprintf(from, sizeof from, "part = substr($1::bytea, 1, %zu) AND key >= $1::bytea", part);
    } else if (part > 0) {
        snprintf(from, sizeof from, "(part, key) >= (substr($1::bytea, 1, %zu), $1::bytea)", part);
    }
    if ((flags & SCAN_END) && single) {
        snprintf(end, sizeof end, " AND key < $3::bytea");
    } else if (flags & SCAN_END) {
        snprintf(end, sizeof end, " AND (part, key) < (substr($3::bytea, 1, %zu), $3::bytea)", part);
    }
    snprintf(inner, sizeof inner, "SELECT key, value FROM %s WHERE %s%s ORDER BY %skey%s LIMIT $2::int8", name, from, end,
             order, down);
    if (flags & SCAN_BYTES) {
        snprintf(out_text, STATEMENT_TEXT_MAX,
                 "SELECT key, value FROM (SELECT key, value, row_number() OVER w AS n, sum(octet_length(value)) OVER w AS size"
                 " FROM (%s) AS i WINDOW w AS (ORDER BY key%s ROWS UNBOUNDED PRECEDING)) AS o"
                 " WHERE n = 1 OR size <= $%c::int8 ORDER BY n",
                 inner, down, flags & SCAN_END ? '4' : '3');
    } else {
        snprintf(out_text, STATEMENT_TEXT_MAX, "%s", inner);
    }
}

static void table_text(enum store_table table, unsigned query, char *out_text)
{
    const char *name = pg_table_name(table);
    size_t part = pg_part_size(table);
    switch (query) {
    case POSTGRES_GET:
        get_text(name, part, out_text);
        break;
    case POSTGRES_PUT:
        put_text(name, part, out_text);
        break;
    case POSTGRES_REMOVE:
        remove_text(name, part, out_text);
        break;
    default:
        scan_text(name, part, query - POSTGRES_SCAN, out_text);
        break;
    }
}

/* ---- records ---- */

static void list_text(unsigned flags, char *out_text)
{
    char owner[32] = "";
    char status[32] = "";
    int next = 3;
    if (flags & LIST_OWNER) {
        snprintf(owner, sizeof owner, " AND owner = $%d::text", next++);
    }
    if (flags & LIST_STATUS) {
        snprintf(status, sizeof status, " AND status = $%d::int8", next);
    }
    snprintf(out_text, STATEMENT_TEXT_MAX,
             "SELECT " COLUMNS "%s FROM records WHERE id > $1::bytea%s%s%s%s ORDER BY id LIMIT $2::int8",
             flags & LIST_BYTES ? ", bytes" : "", owner, status, flags & LIST_CONFLICT ? " AND conflicts > 0" : "",
             flags & LIST_HIDDEN ? "" : " AND visible");
}

static void record_text(unsigned query, char *out_text)
{
    static const char *const fixed[RECORDS_LIST] = {
        [RECORDS_LOAD] = LOAD_SQL, [RECORDS_RECOUNT] = RECOUNT_SQL, [RECORDS_SAVE] = SAVE_SQL, [RECORDS_COUNT] = COUNT_SQL};
    if (query >= RECORDS_LIST) {
        list_text(query - RECORDS_LIST, out_text);
    } else {
        snprintf(out_text, STATEMENT_TEXT_MAX, "%s", fixed[query]);
    }
}

void pg_statement_text(unsigned statement, char out_text[STATEMENT_TEXT_MAX])
{
    assert(statement < STATEMENT_COUNT);
    if (statement >= FIRST_MOVE_QUERY) {
        pg_moves_text(statement - FIRST_MOVE_QUERY, out_text);
    } else if (statement >= FIRST_RECORD_QUERY) {
        record_text(statement - FIRST_RECORD_QUERY, out_text);
    } else {
        table_text((enum store_table)(statement / TABLE_QUERIES), statement % TABLE_QUERIES, out_text);
    }
}
