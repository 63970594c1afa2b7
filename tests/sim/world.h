/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/core.h"
#include "tests/sim/disk.h"
#include "tests/sim/legacy.h"
#include "tests/sim/mark.h"
#include "tests/sim/oracle.h"
#include "tests/sim/plan.h"
#include "tests/sim/pool.h"
#include "tests/sim/random.h"
#include "tests/sim/stub.h"

/* A hub and its nodes in one thread, on a heap of events with virtual time; the real core, everything else a model.
 * One seed gives one plan (plan.h), one plan one world; a world is run from end to end by world_run. */

#define MINUTE UINT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define WORLD_BEGIN UINT64_C(1750000000000)
#define FORM_WINDOW (30 * MINUTE)
#define CONNECTOR_LANE 1
#define SCREENS 4
#define CURSORS 48
#define WATCH_EVERY 32 /* commits */

enum event_kind {
    EVENT_ACT,       /* number: index in the plan */
    EVENT_REQUEST,   /* message arrives at the hub */
    EVENT_ANSWER,    /* message arrives at the node */
    EVENT_TIMEOUT,   /* number: exchange kind, serial */
    EVENT_PEER,      /* the node's dialogue looks what to do */
    EVENT_CONNECTOR, /* the connector looks at its outbox */
    EVENT_COMPARE,   /* full comparison of rows and shadows */
    EVENT_SAVE,      /* number: form that is saved now */
    EVENT_SCREEN,    /* number: screen that is saved now */
    EVENT_START,     /* the site comes up again */
    EVENT_OWED,      /* the hub appends what it owes */
    EVENT_UPKEEP,
    EVENT_COPY_EDIT, /* somebody writes at the copy of a node */
    EVENT_COPY_END,
    EVENT_READMIT,   /* a node that was switched off at the hub */
};

struct message;

struct event {
    uint64_t at_ms;
    uint64_t order; /* equal times: in the order in which they were put */
    enum event_kind kind;
    uint32_t site;
    uint64_t number;
    uint64_t serial;
    struct message *message;
};

enum exchange_kind { EXCHANGE_HELLO, EXCHANGE_PUSH, EXCHANGE_PULL, EXCHANGE_COUNT };

/* A request or an answer on its way; its bytes are one piece of the pool. */
struct message {
    enum exchange_kind kind;
    uint64_t serial; /* of the exchange */
    bool cut;        /* it ended early */
    struct span bytes;
};

struct exchange {
    bool busy;
    uint64_t serial;
    struct push push;
    struct arena arena; /* of the push that waits for its answer */
};

/* How a node speaks with the hub: node/peer, without sockets. */
struct dialogue {
    struct exchange exchanges[EXCHANGE_COUNT];
    bool hello_wanted, push_wanted, stopped;
    uint64_t rest_until; /* nothing is asked before */
    uint64_t back_off_ms;
    struct message *poll; /* a pull that the hub holds open */
};

struct screen {
    bool open;
    size_t record; /* in the oracle */
    enum field field;
    struct ctx_entry ctx[LIMIT_CTX_COUNT];
    size_t ctx_count;
    struct seen seen;
    uint64_t pick;
};

/* How far a site had come in a stream when it was last looked at. */
struct cursor {
    struct stream_id stream;
    uint64_t size;
};

struct site {
    uint32_t index;
    struct node_id id;
    bool is_hub, is_province;
    struct core *core; /* NULL while it is down */
    struct store *store;
    struct stub stub;
    bool doubt;       /* the generation file does not fit the store */
    uint8_t instance;
    bool cut, one_way; /* its link to the hub */
    uint64_t cut_until, one_way_until;
    int64_t clock_off_ms;
    uint64_t clock_set_ms; /* true time when it was set, or began to be watched */
    int64_t drift_ppm;
    uint64_t drift_from;
    uint64_t crash_calls; /* the power fails at this call of the store; 0: not armed */
    bool crash_in_recovery;
    uint64_t full_until;
    struct dialogue dialogue;
    struct screen screens[SCREENS];
    struct legacy *legacy; /* NULL: hub, province */
    struct store *backup;
    size_t backup_edits;   /* values known to the oracle when it was made */
    uint64_t backup_ms;
    struct legacy *legacy_image;
    bool connector_woken;
    uint64_t own_size;     /* of the own stream of the present epoch, for "before or after" */
    uint32_t restores;
    struct site *copy_of; /* a copy of that node; NULL: the node itself */
    bool gone;            /* a copy that was switched off */
    uint32_t births;
    uint8_t keys;         /* number of its key pair */
    uint8_t renewals;
    bool revoked;         /* switched off in the registry */
    bool perhaps_revoked; /* ... in a commit of unknown outcome */
    uint64_t readmitted_ms;
    bool hostile;         /* its owner lies; only what concerns others is checked */
    uint32_t hostile_left; /* requests that are still to be changed */
    struct cursor cursors[CURSORS];
    size_t cursor_count; /* 0 again where another store takes its place */
};

struct counts {
    uint64_t seeds, events, acts, simulated_ms, messages, leaves, writes, edits, twice;
    uint64_t traces; /* trace hashes, summed up: two builds that do the same print the same */
    uint64_t faults[ACT_COUNT];
    uint64_t marks[MARK_COUNT];
};

struct world {
    struct plan *plan;
    struct counts *counts; /* of this run; borrowed */
    struct pool *pool;     /* borrowed */
    struct memory memory;
    uint64_t now_ms;
    struct event *heap;
    size_t heap_count, heap_capacity;
    uint64_t order, serial, event_count, commits;
    struct site sites[PLAN_SITES]; /* 0: the hub */
    size_t site_count;
    struct arena arena; /* of one event */
    struct oracle *oracle;
    struct site *hostile; /* the one that lies, or NULL */
    bool healed, idle;
    bool failed_over;     /* the hub may lack what nodes hold */
    uint64_t leaf_count, legacy_writes, shadow_stores; /* so far, for "idle worlds write nothing" */
    uint64_t trace_hash;
    bool verbose;
    jmp_buf failed;
    char why[256];
};

/* ---- world.c ---- */

/* Runs the plan. NULL: every invariant held; else a sentence (borrowed until the next run). `out_hash`: of everything that
 * happened, equal for equal plans. */
const char *world_run(struct world *w, struct plan *plan, struct counts *counts, struct pool *pool, bool verbose,
                      uint64_t *out_hash);
void world_run_until(struct world *w, uint64_t until_ms);
struct event *world_put(struct world *w, uint64_t at_ms, enum event_kind kind, uint32_t site);
/* "Invariant broken": ends the run. */
_Noreturn void violation(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Nothing more can be learnt from this world; no violation. */
_Noreturn void world_stop(struct world *w);
void must(struct world *w, struct status status, const char *what);

/* ---- trace.c ---- */

void trace_line(const struct world *w, const struct site *s, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define TRACE(w, s, ...)                                                                                               \
    do {                                                                                                               \
        if ((w)->verbose) {                                                                                            \
            trace_line(w, s, __VA_ARGS__);                                                                             \
        }                                                                                                              \
    } while (0)
void trace_mix(struct world *w, uint64_t a, uint64_t b);
void trace_bytes(struct world *w, struct span bytes);
const char *time_text(uint64_t ms, char out[24]);

/* ---- site.c: a core with its store, its clock, its power ---- */

void site_init(struct world *w, uint32_t index, const char *name);
void site_release(struct world *w, struct site *s);
uint64_t site_now(const struct world *w, const struct site *s);
/* False: it is down, or what was asked for ended with a failure that brought it down or that passes. */
bool site_begin(struct world *w, struct site *s);
/* Commits when `status` is OK, else rolls back; a commit that fails, or power that fails, brings the site down. */
struct status site_end(struct world *w, struct site *s, struct status status);
void site_roll_back(struct site *s);
/* Power off; it comes up again after `ms`. */
void site_crash(struct world *w, struct site *s, uint64_t ms);
void site_start(struct world *w, struct site *s);
void site_enrol(struct world *w, struct site *s);
/* The hub has appended to streams that somebody's held pull waits for. */
void site_grown(struct world *w);

/* ---- net.c: messages on their way, and the hub's end ---- */

void net_request(struct world *w, struct site *s, enum exchange_kind kind, uint64_t serial, struct span bytes);
void net_arrived(struct world *w, struct site *s, struct message *message);
bool net_is_cut(const struct world *w, const struct site *s);
void net_poll_again(struct world *w, struct site *s);
struct message *message_new(struct world *w, enum exchange_kind kind, uint64_t serial, struct span bytes);
void message_free(struct world *w, struct message *message);

/* ---- peer.c: the node's end ---- */

void peer_look(struct world *w, struct site *s);
void peer_wake(struct world *w, struct site *s, uint64_t after_ms);
void peer_reset(struct world *w, struct site *s);
void peer_answered(struct world *w, struct site *s, struct message *message);
void peer_timed_out(struct world *w, struct site *s, enum exchange_kind kind, uint64_t serial);

/* ---- connector.c, connector_row.c ---- */

void connector_wake(struct world *w, struct site *s, uint64_t after_ms);
void connector_run(struct world *w, struct site *s, bool all);
/* These records were saved: what was found of their rows holds no longer. */
void connector_saved(struct site *s, const struct record_id *ids, size_t count);
/* The site begins anew. */
void connector_forget(struct legacy *legacy);

/* ---- clerk.c ---- */

void clerk_new(struct world *w, struct site *s, uint64_t pick);
void clerk_open(struct world *w, struct site *s, uint64_t pick);
void clerk_save(struct world *w, struct site *s, size_t form);
void clerk_delete(struct world *w, struct site *s, uint64_t pick);
/* A clerk who saves between the connector's reading and writing of a row. */
void clerk_between(struct world *w, struct site *s, uint32_t key, struct random *random);

/* ---- screen.c: people at screens of ours, at nodes and at the hub ---- */

void screen_open(struct world *w, struct site *s, uint64_t pick, bool conflict);
void screen_save(struct world *w, struct site *s, size_t screen);
void hub_new(struct world *w, uint32_t for_site, uint64_t pick);
void hub_route(struct world *w, uint64_t pick);
void hub_erase(struct world *w, uint64_t pick);

/* ---- fault.c ---- */

void fault_begin(struct world *w, const struct act *act);
/* Everything heals: links, clocks, disks. */
void fault_heal(struct world *w);

/* ---- failover.c: the hub's store comes back as it was ---- */

/* Nothing happens where a node lacks what it wrote: what two stores have lost nobody can give back. */
void failover_begin(struct world *w);
/* Nodes still hold what the hub lacks. */
bool failover_lasts(struct world *w);

/* ---- registry.c ---- */

void registry_renew_key(struct world *w, struct site *s);
void registry_revoke(struct world *w, struct site *s, uint64_t pick);
void registry_readmit(struct world *w, struct site *s);
/* Or was a moment ago: an answer from before may be long on its way. */
bool registry_is_revoked(const struct world *w, const struct site *s);

/* ---- copy.c ---- */

void copy_clone(struct world *w, struct site *of, uint64_t pick);
void copy_end(struct world *w, struct site *s);
void copy_compare(struct world *w, struct site *of);

/* ---- hostile.c ---- */

/* What a hostile peer sends instead. */
struct span hostile_request(struct world *w, struct site *s, enum exchange_kind kind, struct span bytes);

/* ---- check.c: what must hold at the end, and at any time ---- */

void check_site(struct world *w, struct site *s);
void check_end(struct world *w);
/* A node that began with an empty store holds what the hub holds. */
void check_copy(struct world *w, struct site *s);
bool check_is_settled(struct world *w);

/* ---- watch.c: what must hold at any time ---- */

/* Inside a transaction. The records: those that the last commit saved. */
void watch_site(struct world *w, struct site *s, const struct record_id *ids, size_t count);
/* A leaf of the author's stream that the hub has taken from it, or a reader from the hub. */
void watch_leaf(struct world *w, struct node_id author, struct span leaf);
/* The hub's record is what a merge without clocks makes of its leaves. */
void check_merge(struct world *w, const struct record *record);

/* ---- fields ---- */

uint32_t field_number(enum field field);
bool field_of_number(uint32_t number, enum field *out_field);

#endif
