/* SPDX-License-Identifier: Apache-2.0 */
#include "node/figures/figures.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/figures/figures_parts.h"

/* Another layout is another number: the file is made anew. */
#define FIGURES_VERSION "4"

static const char schema_sql[] =
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE facts (id BLOB PRIMARY KEY, changed INTEGER, counted INTEGER, owner TEXT, province TEXT, status INTEGER,"
    " received_ms INTEGER, received_day INTEGER, disposed_ms INTEGER, followed_ms INTEGER, closed_ms INTEGER,"
    " due_verify INTEGER, due_follow INTEGER, due_finish INTEGER, due_ombudsman INTEGER, due_any INTEGER, channel INTEGER,"
    " classification INTEGER, supervisory INTEGER, confidential INTEGER, anonymous INTEGER, rating INTEGER,"
    " conflicts INTEGER, category TEXT, opd TEXT, title TEXT) WITHOUT ROWID;"
    "CREATE INDEX facts_time ON facts (received_ms, id) WHERE counted;"
    "CREATE INDEX facts_owner ON facts (owner, received_ms, id) WHERE counted;"
    "CREATE INDEX facts_province ON facts (province, received_ms, id) WHERE counted;"
    "CREATE INDEX facts_status ON facts (status, received_ms) WHERE counted;"
    "CREATE INDEX facts_owner_status ON facts (owner, status, received_ms) WHERE counted;"
    "CREATE INDEX facts_conflict ON facts (owner, received_ms) WHERE counted AND conflicts > 0;"
    "CREATE TABLE words (word TEXT, id BLOB, PRIMARY KEY (word, id)) WITHOUT ROWID;"
    /* level: nation, owner; bucket: a day, or a month as -1 - months since 1970 */
    "CREATE TABLE figures (dim TEXT, level INTEGER, bucket INTEGER, scope TEXT, value TEXT, n INTEGER, total INTEGER,"
    " PRIMARY KEY (dim, level, bucket, scope, value)) WITHOUT ROWID;";

static const char writer_sql[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA secure_delete=ON;"
                                 "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8192; PRAGMA busy_timeout=5000;";
static const char reader_sql[] = "PRAGMA query_only=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4096;"
                                 "PRAGMA busy_timeout=5000;";

const char *const figures_late_dims[FACT_CLOCK_COUNT] = {"late verify", "late follow", "late finish", "late ombudsman", "late any"};

struct status figures_result(struct figures *figures, int rc)
{
    (void)figures;
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return status_ok();
    case SQLITE_NOMEM:
        return STATUS_MAKE(STATUS_NO_MEMORY);
    case SQLITE_BUSY:
        return STATUS_MAKE(STATUS_BUSY);
    default:
        return STATUS_MAKE(STATUS_IO);
    }
}

struct status figures_prepare(struct figures *figures, const char *sql, sqlite3_stmt **out_query)
{
    return figures_result(figures, sqlite3_prepare_v2(figures->db, sql, -1, out_query, NULL));
}

static struct status run(struct figures *figures, const char *sql)
{
    return figures_result(figures, sqlite3_exec(figures->db, sql, NULL, NULL, NULL));
}

int figures_level(const char *scope)
{
    if (scope[0] == 0) {
        return LEVEL_NATION;
    }
    bool two_digits = strlen(scope) == 2 && scope[0] >= '0' && scope[0] <= '9' && scope[1] >= '0' && scope[1] <= '9';
    return two_digits ? LEVEL_PROVINCE : LEVEL_OWNER;
}

bool figures_covers(const char *scope, const char *owner)
{
    size_t size = strlen(scope);
    switch (figures_level(scope)) {
    case LEVEL_NATION:
        return true;
    case LEVEL_PROVINCE:
        return strncmp(scope, owner, size) == 0 && (owner[size] == '.' || owner[size] == 0);
    default:
        return strcmp(scope, owner) == 0;
    }
}

/* ---- opening ---- */

static struct status meta_put(struct figures *figures, const char *name, const void *value, size_t size)
{
    sqlite3_stmt *query = NULL;
    TRY(figures_prepare(figures, "INSERT OR REPLACE INTO meta VALUES (?1, ?2)", &query));
    sqlite3_bind_text(query, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_blob(query, 2, value, (int)size, SQLITE_STATIC);
    struct status status = figures_result(figures, sqlite3_step(query));
    sqlite3_finalize(query);
    return status;
}

static bool meta_is(struct figures *figures, const char *name, const void *value, size_t size)
{
    sqlite3_stmt *query = NULL;
    if (!status_is_ok(figures_prepare(figures, "SELECT value FROM meta WHERE name = ?1", &query))) {
        return false;
    }
    sqlite3_bind_text(query, 1, name, -1, SQLITE_STATIC);
    bool same = sqlite3_step(query) == SQLITE_ROW && sqlite3_column_bytes(query, 0) == (int)size &&
                (size == 0 || memcmp(sqlite3_column_blob(query, 0), value, size) == 0);
    sqlite3_finalize(query);
    return same;
}

static uint64_t meta_mark(struct figures *figures)
{
    sqlite3_stmt *query = NULL;
    uint64_t mark = 0;
    if (status_is_ok(figures_prepare(figures, "SELECT value FROM meta WHERE name = 'mark'", &query)) &&
        sqlite3_step(query) == SQLITE_ROW && sqlite3_column_bytes(query, 0) == sizeof mark) {
        memcpy(&mark, sqlite3_column_blob(query, 0), sizeof mark);
    }
    sqlite3_finalize(query);
    return mark;
}

/* The file is only a copy: one that is damaged, of another layout, store or zone is removed and made anew. */
static void files_remove(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char name[4096];
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

static struct status connect_file(struct figures *figures, const struct figures_options *options)
{
    if (options->writes) {
        int fd = open(options->path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0) {
            close(fd);
        }
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    TRY(figures_result(figures, sqlite3_open_v2(options->path, &figures->db, flags, NULL)));
    return run(figures, options->writes ? writer_sql : reader_sql);
}

static const void *holidays_of(const struct figures_options *options)
{
    return options->workdays.holiday_count > 0 ? (const void *)options->workdays.holidays : "";
}

static size_t holidays_size(const struct figures_options *options)
{
    return options->workdays.holiday_count * sizeof *options->workdays.holidays;
}

static bool is_ours(struct figures *figures, const struct figures_options *options)
{
    return meta_is(figures, "version", FIGURES_VERSION, strlen(FIGURES_VERSION)) &&
           meta_is(figures, "instance", options->instance, sizeof options->instance) &&
           meta_is(figures, "zone", &options->workdays.zone_minutes, sizeof options->workdays.zone_minutes) &&
           meta_is(figures, "holidays", holidays_of(options), holidays_size(options));
}

static struct status make_anew(struct figures *figures, const struct figures_options *options)
{
    sqlite3_close(figures->db);
    figures->db = NULL;
    files_remove(options->path);
    TRY(connect_file(figures, options));
    TRY(run(figures, "BEGIN IMMEDIATE"));
    TRY(run(figures, schema_sql));
    TRY(meta_put(figures, "version", FIGURES_VERSION, strlen(FIGURES_VERSION)));
    TRY(meta_put(figures, "instance", options->instance, sizeof options->instance));
    TRY(meta_put(figures, "zone", &options->workdays.zone_minutes, sizeof options->workdays.zone_minutes));
    TRY(meta_put(figures, "holidays", holidays_of(options), holidays_size(options)));
    return run(figures, "COMMIT");
}

static struct status open_file(struct figures *figures, const struct figures_options *options)
{
    struct status status = connect_file(figures, options);
    if (!options->writes) {
        return status;
    }
    if (!status_is_ok(status) || !is_ours(figures, options)) {
        TRY(make_anew(figures, options));
    }
    figures->marked = meta_mark(figures);
    return status_ok();
}

struct status figures_open(const struct figures_options *options, struct figures **out_figures)
{
    struct figures *figures = calloc(1, sizeof *figures);
    if (!figures) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    figures->zone_minutes = options->workdays.zone_minutes;
    struct status status = open_file(figures, options);
    if (!status_is_ok(status)) {
        figures_close(figures);
        return status;
    }
    *out_figures = figures;
    return status_ok();
}

void figures_close(struct figures *figures)
{
    if (!figures) {
        return;
    }
    sqlite3_stmt *const queries[] = {figures->add,  figures->find,     figures->save,
                                     figures->word_add, figures->word_drop};
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        sqlite3_finalize(queries[i]);
    }
    sqlite3_close(figures->db);
    free(figures->additions);
    free(figures);
}

struct status figures_mark(struct figures *figures, uint64_t changed)
{
    TRY(meta_put(figures, "mark", &changed, sizeof changed));
    figures->marked = changed;
    return status_ok();
}

uint64_t figures_marked(const struct figures *figures)
{
    return figures->marked;
}

struct status figures_clear(struct figures *figures)
{
    TRY(figures_mark(figures, 0));
    return run(figures, "DELETE FROM facts; DELETE FROM words; DELETE FROM figures;");
}

void figures_tidy(struct figures *figures)
{
    (void)sqlite3_wal_checkpoint_v2(figures->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}
