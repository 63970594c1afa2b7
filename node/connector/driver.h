/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CONNECTOR_DRIVER_H
#define NODE_CONNECTOR_DRIVER_H

#include "node/connector/connector.h"

/* What a legacy database of one kind can do for a connector (connector.md, "Seeing changes", "Order of commits"). A driver
 * reads, writes and stores; it decides nothing. One thread, one connection. Identifiers come from the mapping, were checked
 * against the catalogue at open, and are quoted by the driver; values always travel as parameters.
 *
 * Our things in the legacy database (schema `simpul` in PostgreSQL, tables simpul_* in SQLite; install makes them):
 *   outbox(id, tbl, key, op)             filled by triggers, except for sessions that are ours
 *   shadow(lane, tbl, key, version, state, record, part, identity, bytes), primary key (lane, tbl, key),
 *     indexes on (lane, record, part) and (lane, tbl, identity)
 *   mark(name, value)                    generation, installed version, progress of a first load
 *
 * Errors: BUSY (locked, deadlock, serialisation: try again at once or soon), IO (connection lost, server gone: open
 * again), UNKNOWN (connection lost during commit), DENIED (rights), INVALID (the database refused the value: constraint,
 * type, too long; the row goes to the quarantine), STALE (shadow version differs), NOT_FOUND. After any error inside a
 * transaction the caller rolls back. driver->problem then holds one sentence (no personal data: never a row's content).
 *
 * tests/contract/contract_driver*.c run one suite over every driver. */

struct driver;

enum legacy_op {
    LEGACY_INSERT = 1,
    LEGACY_UPDATE = 2,
    LEGACY_DELETE = 3,
};

struct legacy_event {
    int64_t id; /* outbox row; order of ids is not order of commits: consumed by deleting, never by "id > last" */
    size_t table; /* index into mapping->tables */
    struct span key; /* as mapping_key */
    enum legacy_op op;
};

/* A stored shadow with the columns that it is found by. bytes.data NULL: none. */
struct legacy_shadow {
    size_t table;
    struct span key;
    uint64_t version;
    uint32_t state; /* enum shadow_state */
    struct record_id record;
    struct part_id part;
    uint8_t identity[16]; /* digest of the identity columns, zero without */
    struct span bytes;    /* shadow_encode */
};

/* A row as read, with its shadow from the same snapshot. */
struct legacy_row {
    struct span key;
    bool there;
    struct mapping_raw *raw; /* one per column of the table; if there */
    struct legacy_shadow shadow;
};

/* What the catalogue says of a mapped column. */
struct legacy_column {
    bool there;
    const char *type;      /* as the database names it; in the driver's memory */
    uint32_t length_max;   /* characters, 0: no bound */
    bool not_null;
    bool has_default;
    bool may_read, may_write;
};

struct driver_ops {
    /* Wakes or waits: returns when something may have changed, after timeout_ms at the latest, or at once after wake().
     * out_changed false: nothing seen (the caller polls the outbox all the same, but rarely). */
    struct status (*wait)(struct driver *driver, int64_t timeout_ms, bool *out_changed) MUST_CHECK;
    void (*wake)(struct driver *driver); /* any thread */

    struct status (*column)(struct driver *driver, size_t table, const char *column,
                            struct legacy_column *out_column) MUST_CHECK;

    /* Outside a transaction or inside one. Oldest first; several events of one key may be joined by the caller. */
    struct status (*outbox)(struct driver *driver, size_t limit, struct arena *arena, struct legacy_event *out_events,
                            size_t *out_count) MUST_CHECK;
    struct status (*outbox_count)(struct driver *driver, uint64_t *out_count) MUST_CHECK; /* may stop counting at 10,000 */
    /* Keys of a table above `after` (empty: from the start), ascending in the database's own order of the key. */
    struct status (*page)(struct driver *driver, size_t table, struct span after, size_t limit, struct arena *arena,
                          struct span *out_keys, size_t *out_count) MUST_CHECK;
    struct status (*estimate)(struct driver *driver, size_t table, uint64_t *out_rows) MUST_CHECK;
    /* Rows and shadows by key, of one snapshot. `lock`: inside a transaction, rows are locked until its end. Before
     * install there are no shadows. */
    struct status (*rows)(struct driver *driver, size_t table, const struct span *keys, size_t count, bool lock,
                          struct arena *arena, struct legacy_row *out_rows) MUST_CHECK;
    /* Shadows by record (part too unless any_part), or by identity digest, or keys with a shadow but no row,
     * ascending by key after `after`. */
    struct status (*shadows_of_record)(struct driver *driver, struct record_id record, bool any_part, struct part_id part,
                                       size_t limit, struct arena *arena, struct legacy_shadow *out_shadows,
                                       size_t *out_count) MUST_CHECK;
    struct status (*shadows_of_identity)(struct driver *driver, size_t table, const uint8_t identity[16], size_t limit,
                                         struct arena *arena, struct legacy_shadow *out_shadows,
                                         size_t *out_count) MUST_CHECK;
    struct status (*orphans)(struct driver *driver, size_t table, struct span after, size_t limit, struct arena *arena,
                             struct span *out_keys, size_t *out_count) MUST_CHECK;

    /* One transaction; our session is marked so that the triggers can tell. */
    struct status (*begin)(struct driver *driver) MUST_CHECK;
    struct status (*commit)(struct driver *driver) MUST_CHECK;
    void (*rollback)(struct driver *driver);
    struct status (*outbox_remove)(struct driver *driver, const int64_t *ids, size_t count) MUST_CHECK;
    /* Compare-and-set per shadow: version n replaces n - 1, version 1 is inserted. out_stored[i] false: it lost (the
     * others are stored). Batched; the keys of one call are distinct. */
    struct status (*shadows_store)(struct driver *driver, const struct legacy_shadow *shadows, size_t count,
                                   bool *out_stored) MUST_CHECK;
    /* STALE unless it has exactly this version. */
    struct status (*shadow_remove)(struct driver *driver, size_t table, struct span key, uint64_t version) MUST_CHECK;
    /* The shadow of `key` goes on under `new_key` (a vanished row whose key was used again). */
    struct status (*shadow_move)(struct driver *driver, size_t table, struct span key, uint64_t version,
                                 struct span new_key) MUST_CHECK;
    struct status (*update)(struct driver *driver, size_t table, struct span key, const struct mapping_cell *cells,
                            size_t count) MUST_CHECK;
    /* cells win over fills of the same column. The key, read back, in the arena. */
    struct status (*insert)(struct driver *driver, size_t table, const struct mapping_cell *cells, size_t cell_count,
                            const struct mapping_fill *fills, size_t fill_count, struct arena *arena,
                            struct span *out_key) MUST_CHECK;
    /* Small named values of ours. NOT_FOUND. */
    struct status (*mark)(struct driver *driver, const char *name, struct arena *arena, struct span *out_value) MUST_CHECK;
    struct status (*mark_set)(struct driver *driver, const char *name, struct span value) MUST_CHECK;
    /* The same where the value so far begins with these 16 bytes, or, if `known` is empty, where there is none. STALE.
     * Without a transaction it is one of its own. */
    struct status (*mark_swap)(struct driver *driver, const char *name, struct span known, struct span value) MUST_CHECK;

    /* For connector_check, _install, _uninstall: text for a person, and the statements. */
    struct status (*check)(struct driver *driver, struct report *report) MUST_CHECK;
    struct status (*install)(struct driver *driver, bool print_only, struct report *report) MUST_CHECK;
    struct status (*uninstall)(struct driver *driver, bool print_only, struct report *report) MUST_CHECK;
    void (*free)(struct driver *driver);
};

struct driver {
    const struct driver_ops *ops;
    const struct mapping *mapping; /* borrowed */
    uint32_t lane;
    bool installed; /* our things are there, in this version */
    char problem[256];
};

/* Connects and checks the mapping's names against the catalogue (not for check and install, which must be able to say
 * what is missing: `lenient`). IO, DENIED, INVALID with a sentence in `problem`. */
struct status driver_sqlite_open(const struct config_legacy *legacy, const struct mapping *mapping, bool lenient,
                                 struct driver **out_driver, char *problem, size_t problem_size) MUST_CHECK;
struct status driver_postgres_open(const struct config_legacy *legacy, const struct mapping *mapping, bool lenient,
                                   struct driver **out_driver, char *problem, size_t problem_size) MUST_CHECK;

/* The one of the two that the configuration names. */
struct status driver_open(const struct config_legacy *legacy, const struct mapping *mapping, bool lenient,
                          struct driver **out_driver, char *problem, size_t problem_size) MUST_CHECK;

/* Growing of a report: printf-like; for a problem that a person has to mend also report->problems++. */
void report_line(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_problem(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
