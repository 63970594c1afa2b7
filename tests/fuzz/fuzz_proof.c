/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto */
#include "node/crypto/crypto_openssl.h"
#include "sync/tree.h"
#include "tests/fuzz/budget.h"

/* Any numbers and hashes as proofs: never accepted, unless it is the very proof that the tree gives. The first 8 bytes
 * choose index and sizes of a tree of known leaves and which proof; the rest is the proof, as it comes (bit 7 of byte 0
 * clear), or laid over the true one by exclusive or. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LEAVES 300

static struct crypto *crypto;
static struct hash leaves[LEAVES];

static struct status leaf_range(void *owner, uint32_t level, uint64_t index, struct hash *out_hash)
{
    struct tree_range range;
    tree_range_init(&range);
    (void)owner;
    for (uint64_t i = index << level; i < (index + 1) << level; i++) {
        TRY(tree_range_append(&range, crypto, &leaves[i]));
    }
    tree_range_root(&range, crypto, out_hash);
    return status_ok();
}

static void begin(void)
{
    REQUIRE(status_is_ok(crypto_openssl_new_random(&crypto)));
    for (size_t i = 0; i < LEAVES; i++) {
        uint8_t bytes[2] = {(uint8_t)i, (uint8_t)(i >> 8)};
        tree_leaf_hash(crypto, span_of(bytes, sizeof bytes), &leaves[i]);
    }
}

/* The proof that the input makes of the true one; false: it is the true one. */
static bool mutated(const uint8_t *data, size_t size, const struct tree_proof *truth, struct tree_proof *out_proof)
{
    bool over = (data[0] & 0x80) != 0;
    size_t from = 8;
    size_t count = over ? truth->count : (size - from) / sizeof(struct hash);
    struct tree_proof proof = {.count = count < LIMIT_PROOF_HASHES ? count : LIMIT_PROOF_HASHES};
    for (size_t i = 0; i < proof.count; i++) {
        struct hash hash = over ? truth->hashes[i] : (struct hash){{0}};
        for (size_t k = 0; k < sizeof hash.bytes && from < size; k++) {
            hash.bytes[k] ^= data[from++];
        }
        proof.hashes[i] = hash;
    }
    *out_proof = proof;
    return proof.count != truth->count || memcmp(proof.hashes, truth->hashes, proof.count * sizeof *proof.hashes) != 0;
}

static void fuzz_inclusion(const uint8_t *data, size_t size, const struct tree_source *source, uint64_t index,
                           uint64_t tree)
{
    struct tree_proof truth;
    struct tree_proof proof;
    struct hash root;
    REQUIRE(status_is_ok(tree_inclusion_make(source, crypto, index, tree, &truth)));
    REQUIRE(status_is_ok(tree_root_at(source, crypto, tree, &root)));
    bool other = mutated(data, size, &truth, &proof);
    struct status s = tree_inclusion_verify(crypto, index, tree, &leaves[index], &root, proof.hashes, proof.count);
    REQUIRE(status_is_ok(s) == !other);
    uint64_t wild;
    memcpy(&wild, data, sizeof wild); /* numbers of no tree */
    if (wild > LEAVES) {
        s = tree_inclusion_verify(crypto, wild, UINT64_MAX - index, &leaves[index], &root, proof.hashes, proof.count);
        REQUIRE(!status_is_ok(s));
    }
}

static void fuzz_consistency(const uint8_t *data, size_t size, const struct tree_source *source, uint64_t old_size,
                             uint64_t new_size)
{
    struct tree_proof truth;
    struct tree_proof proof;
    struct hash old_root;
    struct hash new_root;
    REQUIRE(status_is_ok(tree_consistency_make(source, crypto, old_size, new_size, &truth)));
    REQUIRE(status_is_ok(tree_root_at(source, crypto, old_size, &old_root)));
    REQUIRE(status_is_ok(tree_root_at(source, crypto, new_size, &new_root)));
    bool other = mutated(data, size, &truth, &proof);
    struct status s =
        tree_consistency_verify(crypto, old_size, &old_root, new_size, &new_root, proof.hashes, proof.count);
    REQUIRE(status_is_ok(s) == !other);
    new_root.bytes[data[1] % 32] ^= 1;
    s = tree_consistency_verify(crypto, old_size, &old_root, new_size, &new_root, truth.hashes, truth.count);
    REQUIRE(!status_is_ok(s) || old_size == 0); /* everything follows the empty tree */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tree_source source = {.hash = leaf_range};
    if (size < 8) {
        return 0;
    }
    if (!crypto) {
        begin();
    }
    uint64_t tree = 1 + (data[2] | (uint64_t)data[3] << 8) % LEAVES;
    uint64_t index = (data[4] | (uint64_t)data[5] << 8) % tree;
    if (data[0] & 1) {
        fuzz_inclusion(data, size, &source, index, tree);
    } else {
        fuzz_consistency(data, size, &source, index, tree);
    }
    return 0;
}
