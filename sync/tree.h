/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_TREE_H
#define SYNC_TREE_H

#include "proto/ids.h"
#include "proto/limits.h"
#include "proto/memory.h"
#include "sync/crypto.h"

/* The Merkle tree of RFC 6962 section 2 and RFC 9162 section 2.1, as values. Nothing here reads a store: a log keeps a
 * compact range in its stream row, a proof is made from hashes that a tree_source gives, and sync/tree_tiles.h serves
 * those from tiles. Coordinates are (level, index): the root of the leaves [index << level, (index + 1) << level).
 *
 * Guarantees (tests/unit/sync/test_tree.c): the roots and proofs published with the certificate-transparency reference;
 * every inclusion and consistency proof of every tree up to 70 leaves equals a naive implementation and verifies; none
 * verifies after any change of a byte, a hash more or less, another index, size or root.
 *
 * Verification takes any foreign numbers and bytes: no size makes it loop more than 64 times or overflow. */

/* SHA-256(00 || leaf). */
void tree_leaf_hash(const struct crypto *crypto, struct span leaf, struct hash *out_hash);
/* SHA-256(01 || left || right). `out_hash` may be one of the inputs. */
void tree_node_hash(const struct crypto *crypto, const struct hash *left, const struct hash *right,
                    struct hash *out_hash);

/* All that a log must keep to append and to state its root: the roots of the perfect subtrees that the first `size`
 * leaves fall into, one per bit of size. Zero is the empty tree. */
struct tree_range {
    uint64_t size;
    struct hash nodes[64]; /* [level]: valid only where that bit of size is set */
};

void tree_range_init(struct tree_range *range);
/* One leaf hash more; amortised one node hash. LIMIT at LIMIT_TREE_SIZE, range unchanged. */
struct status tree_range_append(struct tree_range *range, const struct crypto *crypto,
                                const struct hash *leaf) MUST_CHECK;
/* Many; LIMIT before anything is appended. */
struct status tree_range_append_all(struct tree_range *range, const struct crypto *crypto, const struct hash *leaves,
                                    size_t count) MUST_CHECK;
/* Empty tree: SHA-256(""). At most 63 node hashes. */
void tree_range_root(const struct tree_range *range, const struct crypto *crypto, struct hash *out_root);
/* be64 size, then one hash per set bit, highest level first. */
void tree_range_write(const struct tree_range *range, struct buffer *buffer);
/* Reads what write wrote, and leaves the reader behind it. INVALID when short, LIMIT above LIMIT_TREE_SIZE. */
struct status tree_range_read(struct reader *reader, struct tree_range *out_range) MUST_CHECK;

/* Where proof making gets its hashes. hash() is only asked for perfect subtrees inside the tree that the proof is for.
 */
struct tree_source {
    struct status (*hash)(void *owner, uint32_t level, uint64_t index, struct hash *out_hash) MUST_CHECK;
    void *owner; /* borrowed */
};

struct tree_proof {
    size_t count;
    struct hash hashes[LIMIT_PROOF_HASHES];
};

/* RFC 9162 section 2.1.3.1: that leaf `index` stands in the tree of `size` leaves. INVALID unless index < size and size
 * <= LIMIT_TREE_SIZE; else the source's status. Asks the source for at most 2 * 62 hashes. */
struct status tree_inclusion_make(const struct tree_source *source, const struct crypto *crypto, uint64_t index,
                                  uint64_t size, struct tree_proof *out_proof) MUST_CHECK;
/* RFC 9162 section 2.1.3.2. `leaf` is the leaf hash. INVALID unless the proof shows it. */
struct status tree_inclusion_verify(const struct crypto *crypto, uint64_t index, uint64_t size, const struct hash *leaf,
                                    const struct hash *root, const struct hash *proof, size_t proof_count) MUST_CHECK;

/* RFC 9162 section 2.1.4.1: that the tree of `old_size` leaves is a prefix of that of `new_size`. Empty when the sizes
 * are equal or old_size is 0. INVALID unless old_size <= new_size <= LIMIT_TREE_SIZE; else the source's status. */
struct status tree_consistency_make(const struct tree_source *source, const struct crypto *crypto, uint64_t old_size,
                                    uint64_t new_size, struct tree_proof *out_proof) MUST_CHECK;
/* RFC 9162 section 2.1.4.2, and: size 0 must state the empty root, equal sizes equal roots, each with an empty proof.
 * INVALID unless the proof shows it. */
struct status tree_consistency_verify(const struct crypto *crypto, uint64_t old_size, const struct hash *old_root,
                                      uint64_t new_size, const struct hash *new_root, const struct hash *proof,
                                      size_t proof_count) MUST_CHECK;

/* Root of the first `size` leaves, from a source: to check a stored tree, or to state an earlier root. INVALID above
 * LIMIT_TREE_SIZE. */
struct status tree_root_at(const struct tree_source *source, const struct crypto *crypto, uint64_t size,
                           struct hash *out_root) MUST_CHECK;
/* The compact range of the first `size` leaves, from a source: to cut a tail off, or to go on from an earlier size. */
struct status tree_range_at(const struct tree_source *source, uint64_t size, struct tree_range *out_range) MUST_CHECK;

#endif
