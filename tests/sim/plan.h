/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_PLAN_H
#define TESTS_SIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What will happen in a world, all of it, made from the seed before it begins: settings, and acts with their time. A story
 * file is a plan with most of its acts left out. What acts lead to (messages, captures, retries) follows by itself. */

#define PLAN_SITES 42 /* hub, up to 40 nodes, a province */
#define PLAN_ACTS 4096

/* name, what it means */
#define SETTINGS(X)                                                                                                    \
    X(nodes, "regencies")                                                                                              \
    X(province, "a province reads along")                                                                              \
    X(days, "how long people work")                                                                                    \
    X(real, "real cryptography")                                                                                       \
    X(rows, "complaints that a legacy system makes at most")                                                           \
    X(whole, "legacy programs save whole forms")                                                                       \
    X(cut, "legacy columns cut texts")                                                                                 \
    X(trigger, "the legacy system has triggers of its own")                                                            \
    X(missed, "per mille of changes that our trigger misses")                                                          \
    X(compare, "hours between full comparisons")                                                                       \
    X(delay, "longest delay of a message, ms")                                                                         \
    X(drop, "per mille of requests lost")                                                                              \
    X(lose, "per mille of answers lost")                                                                               \
    X(twice, "per mille of requests that come twice")                                                                  \
    X(replay, "per mille of requests that come again hours later")                                                     \
    X(cut_body, "per mille of messages cut short")                                                                     \
    X(locked, "per mille of write-backs that find the row locked or edited")                                           \
    X(interrupted, "per mille of captures interrupted between two commits")                                            \
    X(drift, "drift of clocks, seconds a day at most")                                                                 \
    X(hostile, "the last regency's node lies")                                                                        \
    X(sqlite, "stores are SQLite on disks in memory that lose what was not synced")

enum setting {
#define X(name, text) SETTING_##name,
    SETTINGS(X)
#undef X
        SETTING_COUNT
};

#define ACTS(X)                                                                                                        \
    X(clerk_new, "a clerk enters a complaint")                                                                         \
    X(clerk_edit, "a clerk opens a form, waits and saves")                                                             \
    X(clerk_delete, "a clerk deletes a row, perhaps to insert it again")                                               \
    X(admin_edit, "an admin at a screen of the node")                                                                  \
    X(hub_new, "the hub enters a complaint for a regency")                                                             \
    X(hub_edit, "the hub's operator edits")                                                                            \
    X(hub_route, "the hub moves a complaint to another regency")                                                       \
    X(hub_settle, "the hub's operator settles a conflict")                                                             \
    X(hub_erase, "the hub erases")                                                                                     \
    X(partition, "the link is cut")                                                                                    \
    X(one_way, "answers do not come through")                                                                          \
    X(crash, "power fails at a call of the store")                                                                     \
    X(unknown, "a commit's outcome is not known")                                                                      \
    X(io, "a call of the store fails")                                                                                 \
    X(disk_full, "the disk is full for a while")                                                                       \
    X(backup, "the store is copied")                                                                                   \
    X(restore, "an old copy of the store comes back")                                                                  \
    X(legacy_backup, "the legacy database is copied")                                                                  \
    X(legacy_restore, "an old copy of the legacy database comes back")                                                 \
    X(restore_both, "old copies of both come back")                                                                    \
    X(legacy_down, "the legacy database is down for a while")                                                          \
    X(clock, "a clock is set wrong")                                                                                   \
    X(clone, "a copy of the node runs beside it for a while")                                                          \
    X(hub_restore, "an old copy of the hub's store comes back")                                                        \
    X(hostile, "a peer that holds this node's key sends what no honest one would")                                     \
    X(revoke, "the node is switched off at the hub, and taken in again later")                                          \
    X(renew_key, "the node's key is renewed")

enum act_kind {
#define X(name, text) ACT_##name,
    ACTS(X)
#undef X
        ACT_COUNT
};

struct act {
    uint64_t at_ms; /* since the world's beginning */
    enum act_kind kind;
    uint32_t site; /* 0: the hub */
    uint64_t pick; /* chance inside it comes from here */
};

struct plan {
    uint64_t seed;
    uint64_t settings[SETTING_COUNT];
    struct act acts[PLAN_ACTS];
    size_t act_count;
};

enum plan_size {
    PLAN_SWARM,    /* sizes and faults drawn from the seed */
    PLAN_STANDARD, /* hub + 3 nodes, 60 days, 300 acts of clerks, 5 kinds of faults: for measuring */
};

void plan_make(struct plan *plan, uint64_t seed, enum plan_size size);
const char *act_name(enum act_kind kind);
const char *act_text(enum act_kind kind);
const char *setting_name(enum setting setting);
bool act_is_fault(enum act_kind kind);

/* Story files: lines "set NAME VALUE", "act MS NAME SITE PICK", "seed N"; "#" begins a remark. False with a sentence in
 * `problem`. */
bool plan_read(FILE *file, struct plan *out_plan, char *problem, size_t problem_size);
void plan_write(const struct plan *plan, FILE *file);

#endif
