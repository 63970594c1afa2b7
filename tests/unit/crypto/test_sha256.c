/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto */
/* node/crypto/sha256.c against OpenSSL's own EVP, and against published values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "node/crypto/sha256.h"

#define RUNS 3000
#define SIZE_MOST 400

static uint64_t dice = 88172645463325252U;

static uint64_t draw(uint64_t below)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice % below;
}

static size_t draw_bytes(uint8_t bytes[SIZE_MOST])
{
    size_t size = draw(SIZE_MOST + 1);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)draw(256);
    }
    return size;
}

/* The same bytes in three parts, some of them empty. */
static void cut(struct span bytes, struct span parts[3])
{
    size_t first = draw(bytes.size + 1);
    size_t second = draw(bytes.size - first + 1);
    parts[0] = span_of(bytes.data, first);
    parts[1] = span_of(bytes.data + first, second);
    parts[2] = span_of(bytes.data + first + second, bytes.size - first - second);
}

static void a_hash_is_that_of_fips_180_4(void **state)
{
    (void)state;
    static const uint8_t abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                    0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                    0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    struct span text = span_text("abc");
    struct hash hash;
    crypto_sha256(&text, 1, &hash);
    assert_memory_equal(hash.bytes, abc, sizeof abc);
}

static void any_bytes_in_any_parts_hash_as_evp_says(void **state)
{
    (void)state;
    for (size_t run = 0; run < RUNS; run++) {
        uint8_t bytes[SIZE_MOST];
        uint8_t expected[32];
        struct span parts[3];
        struct hash hash;
        size_t size = draw_bytes(bytes);
        cut(span_of(bytes, size), parts);
        crypto_sha256(parts, 3, &hash);
        assert_int_equal(EVP_Digest(bytes, size, expected, NULL, EVP_sha256(), NULL), 1);
        assert_memory_equal(hash.bytes, expected, sizeof expected);
    }
}

static void any_key_and_bytes_give_the_hmac_of_evp(void **state)
{
    (void)state;
    for (size_t run = 0; run < RUNS; run++) {
        uint8_t key[SIZE_MOST];
        uint8_t bytes[SIZE_MOST];
        uint8_t expected[32];
        unsigned expected_size = 0;
        struct span parts[3];
        struct hash hash;
        size_t key_size = run % 3 == 0 ? 60 + draw(10) : draw_bytes(key); /* around the size of a block too */
        for (size_t i = 0; run % 3 == 0 && i < key_size; i++) {
            key[i] = (uint8_t)draw(256);
        }
        size_t size = draw_bytes(bytes);
        cut(span_of(bytes, size), parts);
        crypto_hmac_sha256(span_of(key, key_size), parts, 3, &hash);
        assert_non_null(HMAC(EVP_sha256(), key, (int)key_size, bytes, size, expected, &expected_size));
        assert_int_equal(expected_size, sizeof expected);
        assert_memory_equal(hash.bytes, expected, sizeof expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_is_that_of_fips_180_4),
        cmocka_unit_test(any_bytes_in_any_parts_hash_as_evp_says),
        cmocka_unit_test(any_key_and_bytes_give_the_hmac_of_evp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
