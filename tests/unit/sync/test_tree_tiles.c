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
#include "sync/tree_tiles.h"
#include "tests/unit/sync/tree_model.h"

#define TILE 256
#define LEAVES 66200 /* past the first tile of level 1 */
#define LEVEL_TILES 300

static struct crypto *crypto;
static struct hash *leaves;

static int start(void **state)
{
    (void)state;
    if (!status_is_ok(crypto_openssl_new(NULL, &crypto, NULL, 0))) {
        return -1;
    }
    leaves = model_leaves(crypto, LEAVES);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    free(leaves);
    crypto_openssl_free(crypto);
    return 0;
}

/* A store of tiles. */
struct shelf {
    struct hash tiles[2][LEVEL_TILES][TILE];
    bool has[2][LEVEL_TILES];
    uint64_t count; /* taken */
    uint64_t reads;
    uint64_t fail_at; /* the sink call with this number fails; 0: none */
};

static struct status shelf_take(void *owner, uint32_t level, uint64_t index, const struct hash *hashes)
{
    struct shelf *shelf = owner;
    assert_true(level < 2 && index < LEVEL_TILES);
    assert_false(shelf->has[level][index]);
    assert_true(index == 0 || shelf->has[level][index - 1]);
    assert_true(level == 0 || shelf->has[0][index * TILE + TILE - 1]);
    shelf->count++;
    if (shelf->count == shelf->fail_at) {
        return STATUS_MAKE(STATUS_IO);
    }
    shelf->has[level][index] = true;
    memcpy(shelf->tiles[level][index], hashes, sizeof shelf->tiles[level][index]);
    return status_ok();
}

static struct status shelf_read(void *owner, uint32_t level, uint64_t index, struct hash *out_hashes)
{
    struct shelf *shelf = owner;
    shelf->reads++;
    if (level >= 2 || index >= LEVEL_TILES || !shelf->has[level][index]) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    memcpy(out_hashes, shelf->tiles[level][index], sizeof shelf->tiles[level][index]);
    return status_ok();
}

static struct shelf *shelf_new(void)
{
    struct shelf *shelf = calloc(1, sizeof *shelf);
    assert_non_null(shelf);
    return shelf;
}

/* As the exchange does it: each batch begins from the size alone, with the tail only where it is wanted. */
static void append_batch(struct shelf *shelf, struct arena *arena, uint64_t size, size_t count)
{
    struct tree_tiles tiles;
    tree_tiles_init(&tiles, crypto, arena, size, (struct tree_tile_reader){shelf_read, shelf});
    if (tree_tiles_wants_tail(size, count)) {
        assert_true(status_is_ok(tree_tiles_set_tail(&tiles, leaves + size - size % TILE, size % TILE)));
    }
    assert_true(
        status_is_ok(tree_tiles_append(&tiles, leaves + size, count, (struct tree_tile_sink){shelf_take, shelf})));
    assert_int_equal(tiles.size, size + count);
}

static void append_in_batches(struct shelf *shelf, size_t batch_max, uint64_t seed)
{
    struct arena arena;
    arena_init(&arena, memory_heap(), 160 * 1024 + 4096);
    for (uint64_t size = 0; size < LEAVES;) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t count = 1 + (size_t)((seed >> 33) % batch_max);
        count = count > LEAVES - size ? (size_t)(LEAVES - size) : count;
        append_batch(shelf, &arena, size, count);
        size += count;
        arena_clear(&arena);
    }
    arena_release(&arena);
}

static void shelf_is_right(const struct shelf *shelf)
{
    assert_int_equal(shelf->count, LEAVES / TILE + LEAVES / TILE / TILE);
    for (uint64_t i = 0; i < LEAVES / TILE; i++) {
        assert_memory_equal(shelf->tiles[0][i], leaves + i * TILE, sizeof shelf->tiles[0][i]);
    }
    for (uint64_t i = 0; i < TILE; i++) {
        struct hash root = model_root(crypto, leaves + i * TILE, TILE);
        assert_memory_equal(shelf->tiles[1][0][i].bytes, root.bytes, 32);
    }
}

static void any_batches_give_the_same_tiles(void **state)
{
    (void)state;
    const size_t batch_max[] = {1, 300, 1000, LEAVES};
    for (size_t i = 0; i < 4; i++) {
        struct shelf *shelf = shelf_new();
        append_in_batches(shelf, batch_max[i], 7 + i);
        shelf_is_right(shelf);
        free(shelf);
    }
}

static struct shelf *shelf_of(uint64_t size)
{
    struct shelf *shelf = shelf_new();
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    append_batch(shelf, &arena, 0, (size_t)size);
    arena_release(&arena);
    return shelf;
}

static struct status tiles_open(struct tree_tiles *tiles, struct arena *arena, struct shelf *shelf, uint64_t size)
{
    tree_tiles_init(tiles, crypto, arena, size, (struct tree_tile_reader){shelf_read, shelf});
    return tree_tiles_set_tail(tiles, leaves + size - size % TILE, size % TILE);
}

static void a_source_over_tiles_answers_like_one_over_leaves(void **state)
{
    (void)state;
    const uint64_t sizes[] = {1, 255, 256, 257, 700, 4096, 65535, 65536, 65537, LEAVES};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct shelf *shelf = shelf_of(sizes[i]);
        struct arena arena;
        arena_init(&arena, memory_heap(), SIZE_MAX);
        struct tree_tiles tiles;
        assert_true(status_is_ok(tiles_open(&tiles, &arena, shelf, sizes[i])));
        struct tree_source source = tree_tiles_source(&tiles);
        for (uint32_t level = 0; sizes[i] >> level != 0; level++) {
            uint64_t count = sizes[i] >> level;
            uint64_t step = count > 40 ? count / 40 : 1;
            for (uint64_t index = count - 1; index < count; index -= step) {
                struct hash hash;
                assert_true(status_is_ok(source.hash(source.owner, level, index, &hash)));
                struct hash expected = model_root(crypto, leaves + (index << level), (uint64_t)1 << level);
                assert_memory_equal(hash.bytes, expected.bytes, 32);
            }
            struct hash none;
            assert_int_equal(source.hash(source.owner, level, count, &none).code, STATUS_INVALID);
        }
        arena_release(&arena);
        free(shelf);
    }
}

static void proofs_from_tiles_verify_at_every_kind_of_border(void **state)
{
    (void)state;
    struct shelf *shelf = shelf_of(LEAVES);
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    struct tree_tiles tiles;
    assert_true(status_is_ok(tiles_open(&tiles, &arena, shelf, LEAVES)));
    struct tree_source source = tree_tiles_source(&tiles);
    const uint64_t at[] = {1,     2,     255,   256,   257,   511,   512,        40000,
                           65279, 65280, 65535, 65536, 65537, 66048, LEAVES - 1, LEAVES};
    const size_t count = sizeof at / sizeof at[0];
    struct hash roots[sizeof at / sizeof at[0]];
    for (size_t i = 0; i < count; i++) {
        roots[i] = model_root(crypto, leaves, at[i]);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k <= i; k++) {
            struct tree_proof proof;
            assert_true(status_is_ok(tree_consistency_make(&source, crypto, at[k], at[i], &proof)));
            assert_true(status_is_ok(
                tree_consistency_verify(crypto, at[k], &roots[k], at[i], &roots[i], proof.hashes, proof.count)));
            uint64_t index = at[k] - 1;
            assert_true(status_is_ok(tree_inclusion_make(&source, crypto, index, at[i], &proof)));
            assert_true(status_is_ok(
                tree_inclusion_verify(crypto, index, at[i], &leaves[index], &roots[i], proof.hashes, proof.count)));
        }
    }
    arena_release(&arena);
    free(shelf);
}

static void one_batch_of_proofs_derives_upper_hashes_once(void **state)
{
    (void)state;
    const uint64_t size = 60000;
    struct shelf *shelf = shelf_of(size);
    struct arena arena;
    arena_init(&arena, memory_heap(), 160 * 1024 + 4096);
    struct tree_tiles tiles;
    assert_true(status_is_ok(tiles_open(&tiles, &arena, shelf, size)));
    struct tree_source source = tree_tiles_source(&tiles);
    struct tree_proof proof;
    shelf->reads = 0;
    for (uint64_t index = 100; index < 1100; index++) {
        assert_true(status_is_ok(tree_inclusion_make(&source, crypto, index, size, &proof)));
    }
    assert_true(shelf->reads < 300 + 20);
    arena_release(&arena);
    free(shelf);
}

/* Tiles whose hashes only name themselves: level 2 takes 16 million leaves to reach. */
static struct status synthetic_tile(void *owner, uint32_t level, uint64_t index, struct hash *out_hashes)
{
    (void)owner;
    for (size_t i = 0; i < TILE; i++) {
        out_hashes[i] = (struct hash){{(uint8_t)level, (uint8_t)(index >> 8), (uint8_t)index, (uint8_t)i}};
    }
    return status_ok();
}

struct taken {
    size_t count;
    uint32_t level[4];
    uint64_t index[4];
    struct hash hashes[4][TILE];
};

static struct status taken_take(void *owner, uint32_t level, uint64_t index, const struct hash *hashes)
{
    struct taken *taken = owner;
    assert_true(taken->count < 4);
    taken->level[taken->count] = level;
    taken->index[taken->count] = index;
    memcpy(taken->hashes[taken->count++], hashes, sizeof taken->hashes[0]);
    return status_ok();
}

static void the_last_leaf_of_a_level_two_tile_completes_three_tiles(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    struct taken *taken = calloc(1, sizeof *taken);
    assert_non_null(taken);
    struct tree_tiles tiles;
    const uint64_t size = 3 * ((uint64_t)1 << 24) - TILE;
    tree_tiles_init(&tiles, crypto, &arena, size, (struct tree_tile_reader){synthetic_tile, NULL});
    assert_true(status_is_ok(tree_tiles_append(&tiles, leaves, TILE, (struct tree_tile_sink){taken_take, taken})));
    assert_int_equal(taken->count, 3);
    const uint64_t index[3] = {3 * 65536 - 1, 3 * 256 - 1, 2};
    for (uint32_t level = 0; level < 3; level++) {
        assert_int_equal(taken->level[level], level);
        assert_int_equal(taken->index[level], index[level]);
    }
    assert_memory_equal(taken->hashes[0], leaves, sizeof taken->hashes[0]);
    for (uint32_t level = 1; level < 3; level++) {
        for (uint64_t i = 0; i < TILE; i++) {
            struct hash below[TILE];
            assert_true(status_is_ok(synthetic_tile(NULL, level - 1, index[level] * TILE + i, below)));
            struct hash root = model_root(crypto, i == TILE - 1 ? taken->hashes[level - 1] : below, TILE);
            assert_memory_equal(taken->hashes[level][i].bytes, root.bytes, 32);
        }
    }
    free(taken);
    arena_release(&arena);
}

static void a_tail_that_is_wanted_must_be_given(void **state)
{
    (void)state;
    assert_false(tree_tiles_wants_tail(0, 1000));
    assert_false(tree_tiles_wants_tail(256, 1000));
    assert_false(tree_tiles_wants_tail(255, 0));
    assert_false(tree_tiles_wants_tail(200, 55));
    assert_true(tree_tiles_wants_tail(200, 56));
    struct shelf *shelf = shelf_new();
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    struct tree_tiles tiles;
    const struct tree_tile_sink sink = {shelf_take, shelf};
    tree_tiles_init(&tiles, crypto, &arena, 200, (struct tree_tile_reader){shelf_read, shelf});
    assert_int_equal(tree_tiles_set_tail(&tiles, leaves, 199).code, STATUS_INVALID);
    assert_int_equal(tree_tiles_append(&tiles, leaves + 200, 56, sink).code, STATUS_INVALID);
    assert_int_equal(tiles.size, 200);
    assert_true(status_is_ok(tree_tiles_append(&tiles, leaves + 200, 55, sink)));
    struct tree_source source = tree_tiles_source(&tiles);
    struct hash hash;
    assert_int_equal(source.hash(source.owner, 0, 3, &hash).code, STATUS_INVALID);
    tree_tiles_init(&tiles, crypto, &arena, LIMIT_TREE_SIZE, (struct tree_tile_reader){shelf_read, shelf});
    assert_int_equal(tree_tiles_append(&tiles, leaves, 1, sink).code, STATUS_LIMIT);
    arena_release(&arena);
    free(shelf);
}

static void a_missing_tile_and_a_full_disk_end_the_operation(void **state)
{
    (void)state;
    struct shelf *shelf = shelf_of(1000);
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    struct tree_tiles tiles;
    assert_true(status_is_ok(tiles_open(&tiles, &arena, shelf, 1000)));
    shelf->has[0][1] = false;
    struct tree_source source = tree_tiles_source(&tiles);
    struct tree_proof proof;
    assert_int_equal(tree_inclusion_make(&source, crypto, 3, 1000, &proof).code, STATUS_NOT_FOUND);
    shelf->has[0][1] = true;
    assert_true(status_is_ok(tree_inclusion_make(&source, crypto, 3, 1000, &proof)));
    shelf->fail_at = shelf->count + 2;
    assert_int_equal(tree_tiles_append(&tiles, leaves + 1000, 600, (struct tree_tile_sink){shelf_take, shelf}).code,
                     STATUS_IO);
    arena_release(&arena);
    free(shelf);
}

static struct status prove_and_append(struct arena *arena, struct shelf *shelf)
{
    struct tree_tiles tiles;
    struct tree_proof proof;
    TRY(tiles_open(&tiles, arena, shelf, 1000));
    struct tree_source source = tree_tiles_source(&tiles);
    TRY(tree_inclusion_make(&source, crypto, 600, 1000, &proof));
    return tree_tiles_append(&tiles, leaves + 1000, 30, (struct tree_tile_sink){shelf_take, shelf});
}

static void any_failed_allocation_is_reported(void **state)
{
    (void)state;
    uint64_t failures = 0;
    for (uint64_t fail_at = 1;; fail_at++) {
        struct shelf *shelf = shelf_of(1000);
        struct heap_meter meter = {.fail_at = fail_at};
        struct arena arena;
        arena_init(&arena, memory_metered(&meter), SIZE_MAX);
        struct status status = prove_and_append(&arena, shelf);
        arena_release(&arena);
        free(shelf);
        assert_int_equal(meter.blocks, 0);
        if (status_is_ok(status)) {
            break;
        }
        assert_int_equal(status.code, STATUS_NO_MEMORY);
        failures++;
    }
    assert_true(failures >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_batches_give_the_same_tiles),
        cmocka_unit_test(a_source_over_tiles_answers_like_one_over_leaves),
        cmocka_unit_test(proofs_from_tiles_verify_at_every_kind_of_border),
        cmocka_unit_test(one_batch_of_proofs_derives_upper_hashes_once),
        cmocka_unit_test(the_last_leaf_of_a_level_two_tile_completes_three_tiles),
        cmocka_unit_test(a_tail_that_is_wanted_must_be_given),
        cmocka_unit_test(a_missing_tile_and_a_full_disk_end_the_operation),
        cmocka_unit_test(any_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
