/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/tree.h"

#include <assert.h>

/* Making. Every hash of a proof is the root of leaves [begin, end), where begin is a multiple of the smallest power of
 * two not below end - begin; only at the right border of the tree is such a subtree imperfect, and then it is folded
 * from the perfect ones it consists of, the smallest (rightmost) first. */

static struct status subtree_hash(const struct tree_source *source, const struct crypto *crypto, uint64_t begin,
                                  uint64_t end, struct hash *out_hash)
{
    uint64_t size = end - begin;
    struct hash root = {{0}};
    bool started = false;
    for (uint32_t level = 0; level < 64 && size >> level != 0; level++) {
        if (!(size >> level & 1)) {
            continue;
        }
        uint64_t first = begin + (size >> level >> 1 << 1 << level);
        struct hash part;
        TRY(source->hash(source->owner, level, first >> level, &part));
        if (started) {
            tree_node_hash(crypto, &part, &root, &root);
        } else {
            root = part;
            started = true;
        }
    }
    assert(started);
    *out_hash = root;
    return status_ok();
}

/* Siblings on the way from node (level, index) up to the root of `size` leaves. */
static struct status path_make(const struct tree_source *source, const struct crypto *crypto, uint32_t level,
                               uint64_t index, uint64_t size, struct tree_proof *proof)
{
    for (uint64_t last = (size - 1) >> level; last != 0; last >>= 1, index >>= 1, level++) {
        uint64_t sibling = index ^ 1;
        if (sibling > last) {
            continue; /* right border: this node is carried up as it is */
        }
        uint64_t begin = sibling << level;
        uint64_t end = sibling == last ? size : begin + ((uint64_t)1 << level);
        assert(proof->count < LIMIT_PROOF_HASHES);
        TRY(subtree_hash(source, crypto, begin, end, &proof->hashes[proof->count]));
        proof->count++;
    }
    return status_ok();
}

struct status tree_inclusion_make(const struct tree_source *source, const struct crypto *crypto, uint64_t index,
                                  uint64_t size, struct tree_proof *out_proof)
{
    if (size > LIMIT_TREE_SIZE || index >= size) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct tree_proof proof = {.count = 0};
    TRY(path_make(source, crypto, 0, index, size, &proof));
    *out_proof = proof;
    return status_ok();
}

struct status tree_consistency_make(const struct tree_source *source, const struct crypto *crypto, uint64_t old_size,
                                    uint64_t new_size, struct tree_proof *out_proof)
{
    if (new_size > LIMIT_TREE_SIZE || old_size > new_size) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct tree_proof proof = {.count = 0};
    if (old_size != 0 && old_size != new_size) {
        /* The way starts at the last perfect subtree of the old tree. Where that is the whole old tree, the verifier
         * has it. */
        uint32_t level = 0;
        while (!(old_size >> level & 1)) {
            level++;
        }
        uint64_t index = (old_size >> level) - 1;
        if (index != 0) {
            TRY(source->hash(source->owner, level, index, &proof.hashes[0]));
            proof.count = 1;
        }
        TRY(path_make(source, crypto, level, index, new_size, &proof));
    }
    *out_proof = proof;
    return status_ok();
}

struct status tree_root_at(const struct tree_source *source, const struct crypto *crypto, uint64_t size,
                           struct hash *out_root)
{
    if (size > LIMIT_TREE_SIZE) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (size == 0) {
        crypto->sha256(crypto->owner, NULL, 0, out_root);
        return status_ok();
    }
    return subtree_hash(source, crypto, 0, size, out_root);
}

struct status tree_range_at(const struct tree_source *source, uint64_t size, struct tree_range *out_range)
{
    if (size > LIMIT_TREE_SIZE) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct tree_range range = {.size = size};
    for (uint32_t level = 0; level < 64; level++) {
        if (size >> level & 1) {
            TRY(source->hash(source->owner, level, (size >> level) - 1, &range.nodes[level]));
        }
    }
    *out_range = range;
    return status_ok();
}

/* Verifying: the steps of RFC 9162, its names in the comments. */

struct status tree_inclusion_verify(const struct crypto *crypto, uint64_t index, uint64_t size, const struct hash *leaf,
                                    const struct hash *root, const struct hash *proof, size_t proof_count)
{
    if (size > LIMIT_TREE_SIZE || index >= size) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    uint64_t node = index;    /* fn */
    uint64_t last = size - 1; /* sn */
    struct hash result = *leaf;
    for (size_t i = 0; i < proof_count; i++) {
        if (last == 0) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        if ((node & 1) || node == last) {
            tree_node_hash(crypto, &proof[i], &result, &result);
            while (!(node & 1) && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            tree_node_hash(crypto, &result, &proof[i], &result);
        }
        node >>= 1;
        last >>= 1;
    }
    return STATUS_MAKE(last == 0 && hash_equal(result, *root) ? STATUS_OK : STATUS_INVALID);
}

/* Both sizes above 0 and different. */
static struct status growth_verify(const struct crypto *crypto, uint64_t old_size, const struct hash *old_root,
                                   uint64_t new_size, const struct hash *new_root, const struct hash *proof,
                                   size_t proof_count)
{
    uint64_t node = old_size - 1; /* fn */
    uint64_t last = new_size - 1; /* sn */
    while (node & 1) {
        node >>= 1;
        last >>= 1;
    }
    size_t i = 0;
    struct hash start = *old_root;
    if ((old_size & (old_size - 1)) != 0) {
        if (proof_count == 0) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        start = proof[i++];
    }
    struct hash old_result = start; /* fr */
    struct hash new_result = start; /* sr */
    for (; i < proof_count; i++) {
        if (last == 0) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        if ((node & 1) || node == last) {
            tree_node_hash(crypto, &proof[i], &old_result, &old_result);
            tree_node_hash(crypto, &proof[i], &new_result, &new_result);
            while (!(node & 1) && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            tree_node_hash(crypto, &new_result, &proof[i], &new_result);
        }
        node >>= 1;
        last >>= 1;
    }
    bool holds = last == 0 && hash_equal(old_result, *old_root) && hash_equal(new_result, *new_root);
    return STATUS_MAKE(holds ? STATUS_OK : STATUS_INVALID);
}

struct status tree_consistency_verify(const struct crypto *crypto, uint64_t old_size, const struct hash *old_root,
                                      uint64_t new_size, const struct hash *new_root, const struct hash *proof,
                                      size_t proof_count)
{
    if (new_size > LIMIT_TREE_SIZE || old_size > new_size) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (old_size != 0 && old_size != new_size) {
        return growth_verify(crypto, old_size, old_root, new_size, new_root, proof, proof_count);
    }
    struct hash empty;
    crypto->sha256(crypto->owner, NULL, 0, &empty);
    bool old_holds = old_size != 0 || hash_equal(*old_root, empty);
    bool new_holds = old_size != new_size || hash_equal(*old_root, *new_root);
    return STATUS_MAKE(proof_count == 0 && old_holds && new_holds ? STATUS_OK : STATUS_INVALID);
}
