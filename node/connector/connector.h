/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CONNECTOR_CONNECTOR_H
#define NODE_CONNECTOR_CONNECTOR_H

#include "node/config/config.h"
#include "node/engine/engine.h"
#include "node/mapping/mapping.h"

/* A connector keeps one legacy database and the record store equal (connector.md). It runs on a thread of its own, since
 * database libraries block; the rule that decides is sync/capture, its drivers (node/connector/driver.h) only read, write
 * and store. What follows is what the process and the CLI see of it. */

struct connector;

struct connector_options {
    const struct config_legacy *legacy; /* borrowed */
    const struct mapping *mapping;      /* borrowed */
    struct engine *engine;              /* borrowed */
    struct store *store;                /* borrowed: touched inside engine jobs only */
    const struct crypto *crypto;        /* borrowed: derived ids */
    struct node_id self;
    struct scope_id scope;
    uint8_t secret[32];                 /* the node's secret for derived ids, never renewed */
    void *owner;
    void (*captured)(void *owner);      /* own leaves were committed: wake the peer. Any thread */
    /* Optional: nobody has answered since the start, so nothing is gained by waiting for hello. Any thread */
    bool (*offline)(void *owner);
};

enum connector_state {
    CONNECTOR_STARTING,
    CONNECTOR_LOADING,   /* first load, or a full comparison after a restore */
    CONNECTOR_RUNNING,
    CONNECTOR_COMPARING, /* nightly full comparison */
    CONNECTOR_WAITING,   /* hello is not done yet, or too many leaves wait for the hub */
    CONNECTOR_DOWN,      /* the legacy database does not answer: trying again by itself */
    CONNECTOR_REFUSED,   /* schema, rights or mapping do not fit: a person has to look */
};

struct connector_status {
    const char *name;       /* borrowed from the configuration */
    enum connector_state state;
    uint64_t captured;      /* changes taken from the legacy database since start */
    uint64_t written;       /* write-backs into it since start */
    uint64_t outbox;        /* rows waiting there at the last look */
    uint64_t due;           /* records waiting to be written back at the last look */
    uint64_t load_done, load_total; /* rows of the first load or comparison; total is an estimate */
    uint64_t last_ok_ms;    /* wall clock */
    char problem[256];      /* one sentence; "" when fine */
};

struct status connector_start(const struct connector_options *options, struct connector **out_connector) MUST_CHECK;
/* Something became due for write-back (after an engine commit). Any thread, cheap. */
void connector_wake(struct connector *connector);
/* A full comparison now. Any thread. */
void connector_compare(struct connector *connector);
struct connector_status connector_status(struct connector *connector);
/* Finishes the step it is in and frees. Accepts NULL. */
void connector_stop(struct connector *connector);

const char *connector_state_name(enum connector_state state);

/* ---- for `simpul connector ...`; they open a connection of their own and need no running process ---- */

/* A growing text for a person. */
struct report {
    char *text; /* owned (malloc) */
    size_t size;
    size_t problems; /* things a person has to mend */
};
void report_release(struct report *report);

/* What it found in words: tables, columns, types, missing GRANTs with the statement to run, WAL warnings. */
struct status connector_check(const struct config_legacy *legacy, const struct mapping *mapping,
                              struct report *out_report) MUST_CHECK;
/* Raw rows and complaints side by side, at most `rows`, and how many do not map, by reason. */
struct status connector_preview(const struct config_legacy *legacy, const struct mapping *mapping, size_t rows,
                                struct report *out_report) MUST_CHECK;
/* Schema, outbox, shadows and triggers of ours; `print_only`: the SQL for the DBA, nothing is done. */
struct status connector_install(const struct config_legacy *legacy, const struct mapping *mapping, bool print_only,
                                struct report *out_report) MUST_CHECK;
/* Removes everything of ours, and says so. */
struct status connector_uninstall(const struct config_legacy *legacy, const struct mapping *mapping, bool print_only,
                                  struct report *out_report) MUST_CHECK;

#endif
