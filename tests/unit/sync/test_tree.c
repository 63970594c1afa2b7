/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "node/base/heap.h"
#include "node/crypto/crypto_openssl.h"
#include "tests/unit/sync/tree_model.h"

#define SMALL 70 /* all pairs of sizes up to here */

static struct crypto *crypto;

static int start(void **state)
{
    (void)state;
    return status_is_ok(crypto_openssl_new(NULL, &crypto, NULL, 0)) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    crypto_openssl_free(crypto);
    return 0;
}

static uint8_t hex_digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static size_t hex_read(const char *text, uint8_t *out_bytes)
{
    size_t size = strlen(text) / 2;
    for (size_t i = 0; i < size; i++) {
        out_bytes[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    }
    return size;
}

static struct hash hash_of(const char *text)
{
    struct hash hash;
    assert_int_equal(hex_read(text, hash.bytes), 32);
    return hash;
}

/* The published test vectors of the certificate-transparency reference (merkletree tests). */
static const char *const VECTOR_LEAVES[8] = {
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
};

static const char *const VECTOR_ROOTS[9] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

#define N1_96 "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
#define N2_5f "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
#define N4_6b "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
#define N1_bc "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
#define N2_ca "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
#define N4_d3 "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
#define N2_fa "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
#define N1_6e "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
#define N2_0e "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"

struct vector_proof {
    uint64_t first; /* leaf index, or old size */
    uint64_t size;
    size_t count;
    const char *hashes[3];
};

static const struct vector_proof VECTOR_INCLUSION[] = {
    {0, 1, 0, {0}},     {0, 8, 3, {N1_96, N2_5f, N4_6b}}, {5, 8, 3, {N1_bc, N2_ca, N4_d3}},
    {2, 3, 1, {N2_fa}}, {1, 5, 3, {N1_6e, N2_5f, N1_bc}},
};

static const struct vector_proof VECTOR_CONSISTENCY[] = {
    {1, 1, 0, {0}},
    {1, 8, 3, {N1_96, N2_5f, N4_6b}},
    {6, 8, 3, {N2_0e, N2_ca, N4_d3}},
    {2, 5, 2, {N2_5f, N1_bc}},
};

static void vector_leaf_hashes(struct hash *out_leaves)
{
    for (size_t i = 0; i < 8; i++) {
        uint8_t bytes[16];
        size_t size = hex_read(VECTOR_LEAVES[i], bytes);
        tree_leaf_hash(crypto, span_of(bytes, size), &out_leaves[i]);
    }
}

static void the_published_roots_come_out(void **state)
{
    (void)state;
    struct hash leaves[8];
    vector_leaf_hashes(leaves);
    struct tree_range range;
    tree_range_init(&range);
    for (size_t n = 0; n <= 8; n++) {
        struct hash root;
        tree_range_root(&range, crypto, &root);
        struct hash expected = hash_of(VECTOR_ROOTS[n]);
        assert_memory_equal(root.bytes, expected.bytes, 32);
        if (n < 8) {
            assert_true(status_is_ok(tree_range_append(&range, crypto, &leaves[n])));
        }
    }
}

static void proof_equals(const struct tree_proof *proof, const struct vector_proof *vector)
{
    assert_int_equal(proof->count, vector->count);
    for (size_t k = 0; k < proof->count; k++) {
        struct hash expected = hash_of(vector->hashes[k]);
        assert_memory_equal(proof->hashes[k].bytes, expected.bytes, 32);
    }
}

static void the_published_proofs_come_out_and_verify(void **state)
{
    (void)state;
    struct hash leaves[8];
    vector_leaf_hashes(leaves);
    struct model_log log = {crypto, leaves, 8};
    struct tree_source source = model_source(&log);
    struct tree_proof proof;
    for (size_t i = 0; i < sizeof VECTOR_INCLUSION / sizeof VECTOR_INCLUSION[0]; i++) {
        const struct vector_proof *v = &VECTOR_INCLUSION[i];
        struct hash root = hash_of(VECTOR_ROOTS[v->size]);
        assert_true(status_is_ok(tree_inclusion_make(&source, crypto, v->first, v->size, &proof)));
        proof_equals(&proof, v);
        assert_true(status_is_ok(
            tree_inclusion_verify(crypto, v->first, v->size, &leaves[v->first], &root, proof.hashes, proof.count)));
    }
    for (size_t i = 0; i < sizeof VECTOR_CONSISTENCY / sizeof VECTOR_CONSISTENCY[0]; i++) {
        const struct vector_proof *v = &VECTOR_CONSISTENCY[i];
        struct hash old_root = hash_of(VECTOR_ROOTS[v->first]);
        struct hash root = hash_of(VECTOR_ROOTS[v->size]);
        assert_true(status_is_ok(tree_consistency_make(&source, crypto, v->first, v->size, &proof)));
        proof_equals(&proof, v);
        assert_true(status_is_ok(
            tree_consistency_verify(crypto, v->first, &old_root, v->size, &root, proof.hashes, proof.count)));
    }
}

static void proofs_are_equal(const struct tree_proof *a, const struct tree_proof *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->hashes, b->hashes, a->count * sizeof a->hashes[0]);
}

static bool inclusion_holds(uint64_t index, uint64_t size, const struct hash *leaf, const struct hash *root,
                            const struct tree_proof *proof)
{
    return status_is_ok(tree_inclusion_verify(crypto, index, size, leaf, root, proof->hashes, proof->count));
}

static bool consistency_holds(uint64_t old_size, const struct hash *old_root, uint64_t size, const struct hash *root,
                              const struct tree_proof *proof)
{
    return status_is_ok(tree_consistency_verify(crypto, old_size, old_root, size, root, proof->hashes, proof->count));
}

static void every_small_inclusion_proof_equals_the_definition(void **state)
{
    (void)state;
    struct hash *leaves = model_leaves(crypto, SMALL);
    struct model_log log = {crypto, leaves, SMALL};
    struct tree_source source = model_source(&log);
    for (uint64_t size = 1; size <= SMALL; size++) {
        struct hash root = model_root(crypto, leaves, size);
        for (uint64_t index = 0; index < size; index++) {
            struct tree_proof proof;
            struct tree_proof expected = {.count = 0};
            model_path(crypto, leaves, index, size, &expected);
            assert_true(status_is_ok(tree_inclusion_make(&source, crypto, index, size, &proof)));
            proofs_are_equal(&proof, &expected);
            assert_true(inclusion_holds(index, size, &leaves[index], &root, &proof));
        }
    }
    free(leaves);
}

static void every_small_consistency_proof_equals_the_definition(void **state)
{
    (void)state;
    struct hash *leaves = model_leaves(crypto, SMALL);
    struct model_log log = {crypto, leaves, SMALL};
    struct tree_source source = model_source(&log);
    for (uint64_t size = 0; size <= SMALL; size++) {
        struct hash root = model_root(crypto, leaves, size);
        for (uint64_t old_size = 0; old_size <= size; old_size++) {
            struct hash old_root = model_root(crypto, leaves, old_size);
            struct tree_proof proof;
            struct tree_proof expected = {.count = 0};
            if (old_size != 0) {
                model_subproof(crypto, leaves, old_size, size, true, &expected);
            }
            assert_true(status_is_ok(tree_consistency_make(&source, crypto, old_size, size, &proof)));
            proofs_are_equal(&proof, &expected);
            assert_true(consistency_holds(old_size, &old_root, size, &root, &proof));
        }
    }
    free(leaves);
}

/* Each byte of the hash is changed once; a holding proof would be a forgery. */
static void flip_each(struct hash *hash, bool (*holds)(void *owner), void *owner)
{
    for (size_t i = 0; i < sizeof hash->bytes; i++) {
        uint8_t bit = (uint8_t)(1u << i % 8);
        hash->bytes[i] ^= bit;
        assert_false(holds(owner));
        hash->bytes[i] ^= bit;
    }
}

struct claim {
    bool is_inclusion;
    uint64_t first;
    uint64_t size;
    struct hash first_hash; /* leaf, or old root */
    struct hash root;
    struct tree_proof proof;
};

static bool claim_holds(void *owner)
{
    const struct claim *c = owner;
    return c->is_inclusion ? inclusion_holds(c->first, c->size, &c->first_hash, &c->root, &c->proof)
                           : consistency_holds(c->first, &c->first_hash, c->size, &c->root, &c->proof);
}

static void no_neighbour_of_a_claim_holds(struct claim *claim)
{
    assert_true(claim_holds(claim));
    flip_each(&claim->first_hash, claim_holds, claim);
    flip_each(&claim->root, claim_holds, claim);
    for (size_t k = 0; k < claim->proof.count; k++) {
        flip_each(&claim->proof.hashes[k], claim_holds, claim);
    }
    struct claim other = *claim;
    other.proof.hashes[other.proof.count++] = claim->root;
    assert_false(claim_holds(&other));
    if (claim->proof.count != 0) {
        other = *claim;
        other.proof.count--;
        assert_false(claim_holds(&other));
        other = *claim;
        memmove(other.proof.hashes, other.proof.hashes + 1, --other.proof.count * sizeof other.proof.hashes[0]);
        assert_false(claim_holds(&other));
    }
}

static void no_changed_inclusion_proof_verifies(void **state)
{
    (void)state;
    struct hash *leaves = model_leaves(crypto, SMALL);
    for (uint64_t size = 1; size <= SMALL; size += size < 18 ? 1 : 13) {
        for (uint64_t index = 0; index < size; index++) {
            struct claim claim = {true, index, size, leaves[index], model_root(crypto, leaves, size), {.count = 0}};
            model_path(crypto, leaves, index, size, &claim.proof);
            no_neighbour_of_a_claim_holds(&claim);
            for (uint64_t other = 0; other < size + 2; other++) {
                claim.first = other;
                assert_true(claim_holds(&claim) == (other == index));
            }
        }
    }
    free(leaves);
}

static void no_changed_consistency_proof_verifies(void **state)
{
    (void)state;
    struct hash *leaves = model_leaves(crypto, SMALL);
    for (uint64_t size = 1; size <= SMALL; size += size < 18 ? 1 : 13) {
        for (uint64_t old_size = 1; old_size < size; old_size++) {
            struct claim claim = {.first = old_size, .size = size};
            claim.first_hash = model_root(crypto, leaves, old_size);
            claim.root = model_root(crypto, leaves, size);
            model_subproof(crypto, leaves, old_size, size, true, &claim.proof);
            no_neighbour_of_a_claim_holds(&claim);
            for (uint64_t other = 0; other < size + 2; other++) {
                claim.first = other;
                assert_true(claim_holds(&claim) == (other == old_size));
            }
        }
    }
    free(leaves);
}

static void equal_and_empty_sizes_need_the_right_roots(void **state)
{
    (void)state;
    struct hash leaves[8];
    vector_leaf_hashes(leaves);
    struct hash empty = hash_of(VECTOR_ROOTS[0]);
    struct hash three = hash_of(VECTOR_ROOTS[3]);
    struct hash eight = hash_of(VECTOR_ROOTS[8]);
    struct tree_proof none = {.count = 0};
    struct tree_proof one = {.count = 1, .hashes = {three}};
    assert_true(consistency_holds(0, &empty, 0, &empty, &none));
    assert_true(consistency_holds(0, &empty, 8, &eight, &none));
    assert_true(consistency_holds(8, &eight, 8, &eight, &none));
    assert_false(consistency_holds(0, &three, 8, &eight, &none));
    assert_false(consistency_holds(0, &three, 0, &three, &none));
    assert_false(consistency_holds(8, &three, 8, &eight, &none));
    assert_false(consistency_holds(8, &eight, 8, &eight, &one));
    assert_false(consistency_holds(0, &empty, 8, &eight, &one));
    assert_false(consistency_holds(8, &eight, 3, &three, &none));
}

static void absurd_sizes_and_counts_are_refused(void **state)
{
    (void)state;
    struct hash root = hash_of(VECTOR_ROOTS[1]);
    struct hash proof[70] = {{{0}}};
    const uint64_t huge[] = {LIMIT_TREE_SIZE, LIMIT_TREE_SIZE + 1, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        for (size_t count = 0; count <= 70; count += 7) {
            const struct status s[] = {
                tree_inclusion_verify(crypto, huge[i] - 1, huge[i], &root, &root, proof, count),
                tree_inclusion_verify(crypto, 0, huge[i], &root, &root, proof, count),
                tree_inclusion_verify(crypto, huge[i], huge[i], &root, &root, proof, count),
                tree_consistency_verify(crypto, 1, &root, huge[i], &root, proof, count),
                tree_consistency_verify(crypto, huge[i] - 1, &root, huge[i], &root, proof, count),
            };
            for (size_t k = 0; k < sizeof s / sizeof s[0]; k++) {
                assert_int_equal(s[k].code, STATUS_INVALID);
            }
        }
    }
    struct model_log log = {crypto, &root, 1};
    struct tree_source source = model_source(&log);
    struct tree_proof made;
    struct tree_range range;
    struct hash hash;
    assert_int_equal(tree_inclusion_make(&source, crypto, 1, 1, &made).code, STATUS_INVALID);
    assert_int_equal(tree_inclusion_make(&source, crypto, 0, 0, &made).code, STATUS_INVALID);
    assert_int_equal(tree_inclusion_make(&source, crypto, 0, UINT64_MAX, &made).code, STATUS_INVALID);
    assert_int_equal(tree_consistency_make(&source, crypto, 2, 1, &made).code, STATUS_INVALID);
    assert_int_equal(tree_consistency_make(&source, crypto, 1, UINT64_MAX, &made).code, STATUS_INVALID);
    assert_int_equal(tree_root_at(&source, crypto, UINT64_MAX, &hash).code, STATUS_INVALID);
    assert_int_equal(tree_range_at(&source, UINT64_MAX, &range).code, STATUS_INVALID);
}

/* Hashes that need no tree: the sizes at the upper bound cannot be built. */
static struct status synthetic_hash(void *owner, uint32_t level, uint64_t index, struct hash *out_hash)
{
    uint64_t *asked = owner;
    (*asked)++;
    *out_hash = (struct hash){{(uint8_t)level, (uint8_t)index, (uint8_t)(index >> 8)}};
    return status_ok();
}

static void proofs_stay_within_their_bound_at_the_largest_size(void **state)
{
    (void)state;
    uint64_t asked = 0;
    struct tree_source source = {synthetic_hash, &asked};
    const uint64_t sizes[] = {LIMIT_TREE_SIZE, LIMIT_TREE_SIZE - 1, LIMIT_TREE_SIZE / 2 + 1, 0x2aaaaaaaaaaaaaaa};
    for (size_t i = 0; i < 4; i++) {
        const uint64_t firsts[] = {
            1, 3, sizes[i] / 2, sizes[i] / 2 + 1, sizes[i] - 2, sizes[i] - 1, 0x1555555555555555};
        for (size_t k = 0; k < sizeof firsts / sizeof firsts[0]; k++) {
            struct tree_proof proof;
            asked = 0;
            assert_true(status_is_ok(tree_inclusion_make(&source, crypto, firsts[k], sizes[i], &proof)));
            assert_true(proof.count <= 62 && asked <= 124);
            asked = 0;
            assert_true(status_is_ok(tree_consistency_make(&source, crypto, firsts[k], sizes[i], &proof)));
            assert_true(proof.count <= 63 && asked <= 125);
        }
    }
}

static struct status failing_hash(void *owner, uint32_t level, uint64_t index, struct hash *out_hash)
{
    uint64_t *left = owner;
    if ((*left)-- == 0) {
        return STATUS_MAKE(STATUS_IO);
    }
    *out_hash = (struct hash){{(uint8_t)level, (uint8_t)index}};
    return status_ok();
}

static void a_failing_source_fails_the_proof_and_leaves_the_output(void **state)
{
    (void)state;
    for (uint64_t fail_at = 0; fail_at < 4; fail_at++) {
        struct tree_proof proof = {.count = 99};
        struct tree_range range = {.size = 99};
        struct hash root = {{99}};
        uint64_t left = fail_at;
        struct tree_source source = {failing_hash, &left};
        assert_int_equal(tree_inclusion_make(&source, crypto, 5, 63, &proof).code, STATUS_IO);
        left = fail_at;
        assert_int_equal(tree_consistency_make(&source, crypto, 5, 63, &proof).code, STATUS_IO);
        left = fail_at;
        assert_int_equal(tree_root_at(&source, crypto, 63, &root).code, STATUS_IO);
        left = fail_at;
        assert_int_equal(tree_range_at(&source, 63, &range).code, STATUS_IO);
        assert_true(proof.count == 99 && range.size == 99 && root.bytes[0] == 99);
    }
}

static void a_range_survives_writing_and_reading(void **state)
{
    (void)state;
    struct hash *leaves = model_leaves(crypto, SMALL);
    struct model_log log = {crypto, leaves, SMALL};
    struct tree_source source = model_source(&log);
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    struct tree_range range;
    tree_range_init(&range);
    for (uint64_t size = 0; size <= SMALL; size++) {
        struct buffer buffer;
        struct span bytes;
        buffer_init(&buffer, &arena);
        tree_range_write(&range, &buffer);
        buffer_add_u8(&buffer, 0x5a);
        assert_true(status_is_ok(buffer_end(&buffer, &bytes)));
        struct reader reader;
        struct tree_range again;
        reader_init(&reader, bytes);
        assert_true(status_is_ok(tree_range_read(&reader, &again)));
        assert_int_equal(reader_u8(&reader), 0x5a);
        assert_true(status_is_ok(reader_end(&reader)));
        struct tree_range derived;
        assert_true(status_is_ok(tree_range_at(&source, size, &derived)));
        struct hash expected = model_root(crypto, leaves, size);
        struct tree_range *const all[] = {&range, &again, &derived};
        for (size_t k = 0; k < 3; k++) {
            struct hash root;
            assert_int_equal(all[k]->size, size);
            tree_range_root(all[k], crypto, &root);
            assert_memory_equal(root.bytes, expected.bytes, 32);
        }
        struct hash root;
        assert_true(status_is_ok(tree_root_at(&source, crypto, size, &root)));
        assert_memory_equal(root.bytes, expected.bytes, 32);
        for (size_t cut = 0; cut + 1 < bytes.size; cut++) {
            reader_init(&reader, span_of(bytes.data, cut));
            assert_int_equal(tree_range_read(&reader, &again).code, STATUS_INVALID);
        }
        range = again; /* going on from what was read */
        if (size < SMALL) {
            assert_true(status_is_ok(tree_range_append(&range, crypto, &leaves[size])));
        }
    }
    arena_release(&arena);
    free(leaves);
}

static void a_range_ends_at_the_largest_size(void **state)
{
    (void)state;
    struct hash leaf = {{1}};
    struct tree_range range = {.size = LIMIT_TREE_SIZE - 1};
    const struct hash two[2] = {leaf, leaf};
    assert_int_equal(tree_range_append_all(&range, crypto, two, 2).code, STATUS_LIMIT);
    assert_int_equal(range.size, LIMIT_TREE_SIZE - 1);
    assert_true(status_is_ok(tree_range_append(&range, crypto, &leaf)));
    assert_int_equal(tree_range_append(&range, crypto, &leaf).code, STATUS_LIMIT);
    uint8_t bytes[8 + 64 * 32] = {0x7f};
    struct reader reader;
    reader_init(&reader, span_of(bytes, sizeof bytes));
    assert_int_equal(tree_range_read(&reader, &range).code, STATUS_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_roots_come_out),
        cmocka_unit_test(the_published_proofs_come_out_and_verify),
        cmocka_unit_test(every_small_inclusion_proof_equals_the_definition),
        cmocka_unit_test(every_small_consistency_proof_equals_the_definition),
        cmocka_unit_test(no_changed_inclusion_proof_verifies),
        cmocka_unit_test(no_changed_consistency_proof_verifies),
        cmocka_unit_test(equal_and_empty_sizes_need_the_right_roots),
        cmocka_unit_test(absurd_sizes_and_counts_are_refused),
        cmocka_unit_test(proofs_stay_within_their_bound_at_the_largest_size),
        cmocka_unit_test(a_failing_source_fails_the_proof_and_leaves_the_output),
        cmocka_unit_test(a_range_survives_writing_and_reading),
        cmocka_unit_test(a_range_ends_at_the_largest_size),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
