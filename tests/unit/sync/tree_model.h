/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SYNC_TREE_MODEL_H
#define TESTS_UNIT_SYNC_TREE_MODEL_H

#include <stdlib.h>

#include "sync/tree.h"

/* The definitions of RFC 6962 section 2.1, word for word and slow, over an array of all leaf hashes. */

static inline uint64_t model_split(uint64_t n)
{
    uint64_t k = 1;
    while (k * 2 < n) {
        k *= 2;
    }
    return k;
}

static inline struct hash model_root(const struct crypto *crypto, const struct hash *leaves, uint64_t n)
{
    struct hash root;
    if (n == 0) {
        crypto->sha256(crypto->owner, NULL, 0, &root);
        return root;
    }
    if (n == 1) {
        return leaves[0];
    }
    uint64_t k = model_split(n);
    struct hash left = model_root(crypto, leaves, k);
    struct hash right = model_root(crypto, leaves + k, n - k);
    tree_node_hash(crypto, &left, &right, &root);
    return root;
}

/* PATH(m, D[n]) */
static inline void model_path(const struct crypto *crypto, const struct hash *leaves, uint64_t m, uint64_t n,
                              struct tree_proof *proof)
{
    if (n <= 1) {
        return;
    }
    uint64_t k = model_split(n);
    if (m < k) {
        model_path(crypto, leaves, m, k, proof);
        proof->hashes[proof->count++] = model_root(crypto, leaves + k, n - k);
    } else {
        model_path(crypto, leaves + k, m - k, n - k, proof);
        proof->hashes[proof->count++] = model_root(crypto, leaves, k);
    }
}

/* SUBPROOF(m, D[n], whole) */
static inline void model_subproof(const struct crypto *crypto, const struct hash *leaves, uint64_t m, uint64_t n,
                                  bool whole, struct tree_proof *proof)
{
    if (m == n) {
        if (!whole) {
            proof->hashes[proof->count++] = model_root(crypto, leaves, n);
        }
        return;
    }
    uint64_t k = model_split(n);
    if (m <= k) {
        model_subproof(crypto, leaves, m, k, whole, proof);
        proof->hashes[proof->count++] = model_root(crypto, leaves + k, n - k);
    } else {
        model_subproof(crypto, leaves + k, m - k, n - k, false, proof);
        proof->hashes[proof->count++] = model_root(crypto, leaves, k);
    }
}

/* A source that computes each hash from all leaves, and dies if asked outside of them. */
struct model_log {
    const struct crypto *crypto;
    const struct hash *leaves;
    uint64_t size;
};

static inline struct status model_hash(void *owner, uint32_t level, uint64_t index, struct hash *out_hash)
{
    const struct model_log *log = owner;
    if (level >= 64 || index >= log->size >> level) {
        abort();
    }
    *out_hash = model_root(log->crypto, log->leaves + (index << level), (uint64_t)1 << level);
    return status_ok();
}

static inline struct tree_source model_source(struct model_log *log)
{
    return (struct tree_source){.hash = model_hash, .owner = log};
}

/* Leaf hashes of the leaves be64(0), be64(1)... malloc; the caller frees. */
static inline struct hash *model_leaves(const struct crypto *crypto, uint64_t count)
{
    struct hash *leaves = calloc(count ? count : 1, sizeof *leaves);
    if (!leaves) {
        abort();
    }
    for (uint64_t i = 0; i < count; i++) {
        uint8_t bytes[8];
        for (uint32_t k = 0; k < 8; k++) {
            bytes[k] = (uint8_t)(i >> (56 - 8 * k));
        }
        tree_leaf_hash(crypto, span_of(bytes, sizeof bytes), &leaves[i]);
    }
    return leaves;
}

#endif
