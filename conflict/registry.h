/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFLICT_REGISTRY_H
#define CONFLICT_REGISTRY_H

#include "proto/entry.h"
#include "proto/memory.h"

/* What the registry stream says, as values that can be asked "as of leaf n": rights are decided by the registry at the
 * version that a leaf names in `reg`; cuts alone are taken from the newest version held (log.md, "Append and apply").
 * Built by applying registry leaves in order; never changed otherwise. Memory comes from the arena given at init, which
 * must live as long as the registry. Proved by tests/unit/conflict/test_registry.c. */

struct registry_role {
    uint64_t at;    /* registry size from which it holds: a leaf at index i holds from i + 1 */
    uint32_t roles; /* bit (1 << enum role) */
};

struct registry_key {
    uint64_t at;
    enum key_use use;
    uint32_t epoch;
    uint8_t key[32];
    bool active;
};

struct registry_epoch {
    uint64_t at;
    uint32_t epoch;
    uint64_t closed_size; /* accepted size of the epoch before, own scope's stream */
};

struct registry_node {
    struct node_id id;
    uint64_t at;
    enum institution institution;
    struct node_id parent;
    struct span name; /* owned by the arena */
    bool active;
    struct registry_role *roles;
    size_t role_count, role_capacity;
    struct registry_key *keys;
    size_t key_count, key_capacity;
    struct registry_epoch *epochs; /* those named; epoch 1 is known with the node itself */
    size_t epoch_count, epoch_capacity;
};

struct registry_cut {
    uint64_t at;
    struct stream_id stream;
    uint64_t size;
};

/* The level of kinds and rights that this program knows. A registry that opens a higher one parks every change whose
 * `reg` is at or above that leaf: "update me", never a void for ignorance. */
#define REGISTRY_LEVEL_KNOWN 1

struct registry {
    struct arena *arena; /* borrowed */
    uint64_t size;       /* registry leaves applied */
    uint32_t level;      /* settings */
    uint64_t unknown_at; /* size from which a level above REGISTRY_LEVEL_KNOWN holds, 0: none */
    struct node_id hub;
    struct span deployment;
    struct registry_node *nodes; /* sorted by id; pointers to them are good until the next registry_apply */
    size_t node_count, node_capacity;
    struct registry_cut *cuts;
    size_t cut_count, cut_capacity;
};

void registry_init(struct registry *registry, struct arena *arena);

/* Leaf number registry->size of the registry stream. INVALID for an entry that names an unknown node or contradicts
 * what is there (it is counted all the same, without effect: size rises, so that all readers stay equal); NO_MEMORY
 * leaves the registry as it was. */
struct status registry_apply(struct registry *registry, const struct registry_entry *entry) MUST_CHECK;

/* NULL if unknown at version `at`; name, parent and `active` are those of the newest version held. Pass registry->size
 * for "now". */
const struct registry_node *registry_node(const struct registry *registry, uint64_t at, struct node_id id);
bool registry_role_allowed(const struct registry *registry, uint64_t at, struct node_id node, enum role role);
bool registry_epoch_known(const struct registry *registry, uint64_t at, struct node_id node, uint32_t epoch);
/* Highest epoch named, 1 for a node of which none was named, 0 for an unknown node. */
uint32_t registry_epoch_max(const struct registry *registry, struct node_id node);
/* Newest active key; NOT_FOUND. For KEY_LOG the key of that epoch or the newest before it. */
struct status registry_key(const struct registry *registry, struct node_id node, enum key_use use, uint32_t epoch,
                           uint8_t out_key[32]) MUST_CHECK;
/* All active keys that registry_key chooses from, newest first: `nth` from 0; NOT_FOUND behind the last. What a key signed before it
 * was renewed stays good until the registry says that the key is not (log.md, "Rotation"). */
struct status registry_key_nth(const struct registry *registry, struct node_id node, enum key_use use, uint32_t epoch,
                               size_t nth, uint8_t out_key[32]) MUST_CHECK;
/* Smallest cut of the stream, UINT64_MAX if none; always from the newest version held. */
uint64_t registry_cut(const struct registry *registry, struct stream_id stream);
/* The node writes for this scope now (its id until codes are remapped); zero if nobody does. */
struct node_id registry_scope_node(const struct registry *registry, struct scope_id scope);
/* True if `node` is the province of `scope`. */
bool registry_is_province_of(const struct registry *registry, struct node_id node, struct scope_id scope);

#endif
