/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_ORACLE_H
#define TESTS_SIM_ORACLE_H

#include "sync/core.h"
#include "tests/sim/legacy.h"
#include "tests/sim/seen.h"

/* What stands outside all nodes and knows everything: each value that a person ever wrote with the values that this person
 * had read before, each record with the scopes that ever owned it, each signed history that anybody has accepted, each
 * change's content. */

#define CASES 512
#define OWNERS 24
#define NOTES 4096
#define LEAVES 8192

struct world;
struct site;

enum edit_state {
    EDIT_TYPED,     /* stands in a legacy row (or nowhere any more), not captured */
    EDIT_WRITTEN,   /* a committed leaf carries it */
    EDIT_UNCERTAIN, /* ... in a store that was restored to a copy from before, or a commit whose outcome is not known */
};

struct edit {
    size_t record; /* in cases; SIZE_MAX before it is captured */
    enum field field;
    enum edit_state state;
    uint32_t site;
    uint32_t puts, taken; /* saved by clerks, captured */
    bool at_hub;          /* the hub has taken a leaf with it */
    bool settled;         /* overwritten by another clerk in the same row: their system's affair */
    uint64_t at_ms;
};

/* A complaint. */
struct complaint {
    struct record_id id;
    struct {
        uint32_t site;
        uint64_t from_ms;
    } owners[OWNERS]; /* index of the node, since when */
    size_t owner_count;
    bool erased;
    uint64_t erased_ms;
    bool unsure; /* it is not known whether a route came about */
};

/* A size and root that a verified receiver has taken over. */
struct accepted {
    struct stream_id stream;
    uint64_t size;
    struct hash root;
};

/* Of a change that has been taken by somebody; key 0: none. */
struct watched_leaf {
    uint64_t key, content;
};

struct oracle {
    struct edit edits[EDITS];
    struct seen closure[EDITS]; /* of the author of that value */
    size_t edit_count;
    struct complaint cases[CASES];
    size_t case_count;
    struct accepted accepted[NOTES];
    size_t accepted_count;
    struct watched_leaf leaves[LEAVES];
};

void oracle_reset(struct oracle *oracle);
/* A new value of somebody who had read `seen`; 0 when the seed has no numbers left. */
size_t oracle_edit(struct world *w, struct site *s, const struct seen *seen, enum field field);
/* A person has read this value and so whatever its author had read. */
void oracle_reads(const struct oracle *oracle, struct seen *seen, size_t edit);
size_t oracle_case(struct world *w, struct record_id id, uint32_t owner);
size_t oracle_find(const struct oracle *oracle, struct record_id id);
void oracle_owner(struct world *w, size_t record, uint32_t site);
/* Number of the value in encoded bytes of a register, 0: none. */
size_t oracle_number(struct world *w, uint32_t number, struct span bytes);

/* Before a leaf is written: whoever covers a sibling has seen it. */
void oracle_covers(struct world *w, struct site *s, const struct draft *draft, const struct seen knows[FIELD_REFS]);
/* A committed leaf carries these values. */
void oracle_wrote(struct world *w, struct site *s, const struct draft *draft, struct record_id id, bool certain);
/* Values written by this site since the copy was made may be gone. */
void oracle_restored(struct world *w, struct site *s, size_t from_edit);

/* The hub has taken these leaves. */
void oracle_pushed(struct world *w, const struct push *push);
/* A message that the hub sends to a node: no value of a record that the node never owned since it was written. */
void oracle_sent(struct world *w, struct site *to, const struct pull_answer *answer);
void oracle_accepted(struct world *w, struct stream_id stream, uint64_t size, struct hash root);

#endif
