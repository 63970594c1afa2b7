/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CONNECTOR_DRIVER_POSTGRES_H
#define NODE_CONNECTOR_DRIVER_POSTGRES_H

#include <libpq-fe.h>

#include "node/connector/catalogue.h"
#include "node/connector/sql_text.h"
#include "proto/limits.h"

/* Private to driver_postgres*.c, the only files of the connector that know libpq.
 *
 * Everything travels in the extended protocol with parameters and binary results: texts and byte strings as they are,
 * numbers big-endian. search_path and TimeZone of the session stay as the database has them, since the application's own
 * triggers and defaults may rely on them; every name of ours is qualified. */

enum {
    POSTGRES_VERSION = 1,             /* of our schema */
    POSTGRES_PARAMETERS_MAX = 2 * LIMIT_COLUMNS + 16,
    POSTGRES_ANSWER_MS = 150000,      /* without an answer for so long the connection counts as lost */
    POSTGRES_PROBE_MS = 1000,         /* look at the outbox although nobody notified */
    POSTGRES_DOZE_MS = 5,             /* pause before another try to fall asleep, doubled up to ... */
    POSTGRES_DOZE_MAX_MS = 160,
    POSTGRES_TRIGGERS = 4,            /* of a table */
    POSTGRES_KEPT_MAX = 64,           /* prepared statements */
};

struct postgres_table {
    const char *label;
    const char *name;           /* "schema"."table", quoted */
    const char *schema;         /* as found in the catalogue */
    unsigned oid;
    double estimate;            /* rows; negative: nobody knows */
    bool quiet;                 /* its trigger does not notify */
    const char *rows_sql;
    const char *lock_sql;
    const char *page_sql;
    const char *page_after_sql;
    const char *orphans_sql;
};

struct driver_postgres {
    struct driver driver; /* first */
    struct arena arena;   /* lives as long as the driver */
    struct arena scratch; /* of one call */
    PGconn *conn;         /* owned */
    int wake_fd;          /* eventfd, owned; -1 */
    int64_t poll_ms;
    int64_t probed_ms;    /* last look at the outbox */
    int64_t probe_count, probe_last; /* what it had */
    bool asleep;          /* we hold the lock that asks for a NOTIFY */
    int64_t doze_ms;      /* next pause while we cannot have it */
    int64_t doze_until_ms;
    bool in_transaction;
    bool marked;          /* the triggers can tell that this transaction is ours */
    const char *kept[POSTGRES_KEPT_MAX]; /* prepared statement "sN" */
    size_t kept_count;
    bool schema_there;    /* with our tables in it */
    bool may_create;
    struct catalogue catalogue;
    const char **labels;
    struct postgres_table *tables;
};

/* Whoever holds this advisory lock sleeps, and has to be notified: the triggers try to share it, which fails just then.
 * So a busy connector costs no session a NOTIFY, which makes commits queue behind each other. The first number keeps out
 * of the way of an application's own advisory locks; should one hold it all the same, we are notified always, or look at
 * the outbox every POSTGRES_DOZE_MAX_MS: slower, never wrong. */
#define POSTGRES_SLEEP_LOCK "1399418224, 1"

static inline struct driver_postgres *postgres_of(struct driver *driver)
{
    return (struct driver_postgres *)(void *)driver;
}

/* Parameters of one statement; sticky error in `sql`-like manner: memory comes from the driver's scratch arena. */
struct parameters {
    struct driver_postgres *postgres;
    const char *values[POSTGRES_PARAMETERS_MAX];
    int sizes[POSTGRES_PARAMETERS_MAX];
    int formats[POSTGRES_PARAMETERS_MAX];
    Oid types[POSTGRES_PARAMETERS_MAX];
    int count;
    bool keep; /* the statement is sent often and its text lives as long as the driver: prepared once */
    enum status_code failed;
};

void parameters_init(struct parameters *parameters, struct driver_postgres *postgres);
/* Text of whatever type the place wants. A NUL in it is INVALID. */
void parameter_any(struct parameters *parameters, struct span text, bool null);
void parameter_text(struct parameters *parameters, struct span text);
void parameter_bytes(struct parameters *parameters, const void *data, size_t size);
void parameter_int(struct parameters *parameters, int64_t value); /* bigint */
/* Arrays, filled element by element. */
struct array {
    struct buffer bytes;
    Oid type;
    size_t count;
};
enum array_of { ARRAY_TEXT, ARRAY_BYTES, ARRAY_INT };
void array_begin(struct array *array, struct driver_postgres *postgres, enum array_of what);
void array_add(struct array *array, const void *data, size_t size);
void array_add_int(struct array *array, int64_t value);
void parameter_array(struct parameters *parameters, struct array *array);

/* Runs it and gives the result (PQclear). Errors as driver.h has them. */
struct status postgres_query(struct driver_postgres *postgres, const char *sql, const struct parameters *parameters,
                             PGresult **out_result) MUST_CHECK;
/* The same where no row is wanted; number of rows touched. */
struct status postgres_run(struct driver_postgres *postgres, const char *sql, const struct parameters *parameters,
                           size_t *out_touched) MUST_CHECK;
/* Constant text of ours, several statements maybe. */
struct status postgres_exec(struct driver_postgres *postgres, const char *sql) MUST_CHECK;

int64_t result_int(const PGresult *result, int row, int column);
struct span result_span(const PGresult *result, int row, int column); /* borrowed; data NULL: null */
struct status result_copy(const PGresult *result, int row, int column, struct arena *arena, struct span *out_bytes) MUST_CHECK;
struct status result_text(const PGresult *result, int row, int column, struct arena *arena, const char **out_text) MUST_CHECK;
bool result_fixed(const PGresult *result, int row, int column, void *out_bytes, size_t size);

/* ---- driver_postgres.c ---- */

/* Nobody need notify us any more. */
struct status postgres_awake(struct driver_postgres *postgres) MUST_CHECK;

/* ---- driver_postgres_schema.c ---- */

struct status postgres_catalogue_load(struct driver_postgres *postgres) MUST_CHECK;
struct status postgres_tables_prepare(struct driver_postgres *postgres) MUST_CHECK;
/* The key of row `row` as mapping_key says it, as an SQL expression. */
void postgres_add_key(struct buffer *sql, const struct mapping_table *mapped, const char *row);

/* ---- driver_postgres_trigger.c ---- */

#define POSTGRES_DIGEST_START 14695981039346656037u
uint64_t postgres_text_digest(const char *text, uint64_t digest);
void postgres_function_name(struct driver_postgres *postgres, size_t table, char *out_name, size_t size);
/* CREATE OR REPLACE of the function that all triggers of a table run, and of the triggers, in the scratch arena. */
struct status postgres_function_sql(struct driver_postgres *postgres, size_t table, const char **out_sql) MUST_CHECK;
struct status postgres_trigger_sql(struct driver_postgres *postgres, size_t table, size_t trigger,
                                   const char **out_sql) MUST_CHECK;

/* ---- driver_postgres_install.c ---- */

struct status postgres_installed(struct driver_postgres *postgres, bool *out_installed) MUST_CHECK;
struct status driver_postgres_check(struct driver *driver, struct report *report);
struct status driver_postgres_install(struct driver *driver, bool print_only, struct report *report);
struct status driver_postgres_uninstall(struct driver *driver, bool print_only, struct report *report);

/* ---- driver_postgres_read.c ---- */

struct status driver_postgres_column(struct driver *driver, size_t table, const char *column,
                                     struct legacy_column *out_column);
struct status driver_postgres_outbox(struct driver *driver, size_t limit, struct arena *arena,
                                     struct legacy_event *out_events, size_t *out_count);
struct status driver_postgres_outbox_count(struct driver *driver, uint64_t *out_count);
struct status driver_postgres_page(struct driver *driver, size_t table, struct span after, size_t limit,
                                   struct arena *arena, struct span *out_keys, size_t *out_count);
struct status driver_postgres_estimate(struct driver *driver, size_t table, uint64_t *out_rows);
struct status driver_postgres_rows(struct driver *driver, size_t table, const struct span *keys, size_t count, bool lock,
                                   struct arena *arena, struct legacy_row *out_rows);
struct status driver_postgres_shadows_of_record(struct driver *driver, struct record_id record, bool any_part,
                                                struct part_id part, size_t limit, struct arena *arena,
                                                struct legacy_shadow *out_shadows, size_t *out_count);
struct status driver_postgres_shadows_of_identity(struct driver *driver, size_t table, const uint8_t identity[16],
                                                  size_t limit, struct arena *arena, struct legacy_shadow *out_shadows,
                                                  size_t *out_count);
struct status driver_postgres_orphans(struct driver *driver, size_t table, struct span after, size_t limit,
                                      struct arena *arena, struct span *out_keys, size_t *out_count);
struct status driver_postgres_mark(struct driver *driver, const char *name, struct arena *arena, struct span *out_value);

/* ---- driver_postgres_write.c ---- */

struct status driver_postgres_begin(struct driver *driver);
struct status driver_postgres_commit(struct driver *driver);
void driver_postgres_rollback(struct driver *driver);
struct status driver_postgres_outbox_remove(struct driver *driver, const int64_t *ids, size_t count);
struct status driver_postgres_shadows_store(struct driver *driver, const struct legacy_shadow *shadows, size_t count,
                                            bool *out_stored);
struct status driver_postgres_shadow_remove(struct driver *driver, size_t table, struct span key, uint64_t version);
struct status driver_postgres_shadow_move(struct driver *driver, size_t table, struct span key, uint64_t version,
                                          struct span new_key);
struct status driver_postgres_update(struct driver *driver, size_t table, struct span key,
                                     const struct mapping_cell *cells, size_t count);
struct status driver_postgres_insert(struct driver *driver, size_t table, const struct mapping_cell *cells,
                                     size_t cell_count, const struct mapping_fill *fills, size_t fill_count,
                                     struct arena *arena, struct span *out_key);
struct status driver_postgres_mark_set(struct driver *driver, const char *name, struct span value);
struct status driver_postgres_mark_swap(struct driver *driver, const char *name, struct span known, struct span value);

#endif
