/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_ENTRY_H
#define PROTO_ENTRY_H

#include "proto/ids.h"
#include "proto/memory.h"
#include "proto/vocabulary.h"

/* What a registry leaf says (log.md, "Streams", "Keys"); stands in the leaf's body as a protobuf message
 * (proto/body.proto, RegistryEntry). One struct for all kinds; fields that a kind does not name are zero. An epoch_open leaf
 * uses it too: epoch is the previous one, size and key its accepted size and root, name the reason code. */

enum institution {
    INSTITUTION_NONE = 0,
    INSTITUTION_HUB = 1,
    INSTITUTION_REGENCY = 2,
    INSTITUTION_PROVINCE = 3,
    INSTITUTION_OMBUDSMAN = 4,
    INSTITUTION_OTHER = 5,
};

enum key_use {
    KEY_NONE = 0,
    KEY_LOG = 1,      /* Ed25519, checkpoints */
    KEY_COSIGNER = 2, /* Ed25519 */
    KEY_TLS = 3,      /* SHA-256 of the SubjectPublicKeyInfo */
};

struct registry_entry {
    enum kind kind;            /* KIND_REG_*, from the header, not encoded */
    struct node_id node;       /* node, epoch, key, role, cut; hub: the hub's own id */
    struct span name;          /* hub: deployment name; node: title for people, e.g. "Kabupaten Sanggau" */
    enum institution institution; /* node */
    struct node_id parent;     /* node: its province's node id, may be zero */
    uint32_t epoch;            /* epoch, cut, key */
    enum key_use key_use;      /* key */
    struct span key;           /* key: 32 bytes */
    uint32_t roles;            /* role: bit (1 << enum role) for each role that its leaves may name */
    struct scope_id scope;     /* cut */
    uint64_t size;             /* cut: leaves at or above are void; epoch: accepted size of the previous epoch */
    uint32_t level;            /* settings */
    bool active;               /* node, key */
};

/* INVALID where the kind has no entry or lacks what it is about: hub node, name; node node, institution; epoch node, epoch;
 * key node, key_use, key; role node; cut node, epoch, scope; epoch_open epoch. Spans of what is read point into `arena`. */
struct status registry_entry_write(const struct registry_entry *entry, struct arena *arena,
                                   struct span *out_bytes) MUST_CHECK;
struct status registry_entry_read(enum kind kind, struct span bytes, struct arena *arena,
                                  struct registry_entry *out_entry) MUST_CHECK;

#endif
