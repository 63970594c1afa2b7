/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL calls these functions low-level and would rather have EVP used; they are what EVP calls in the end, with the same
 * assembly. EVP costs 120 ns more for each hash and 800 ns more for each HMAC, and a change needs about ten of them on its
 * way: a tenth of all the work of the hub. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "node/crypto/sha256.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

#define BLOCK_SIZE 64

static void parts_add(SHA256_CTX *context, const struct span *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > 0) {
            SHA256_Update(context, parts[i].data, parts[i].size);
        }
    }
}

void crypto_sha256(const struct span *parts, size_t count, struct hash *out_hash)
{
    static_assert(sizeof out_hash->bytes == SHA256_DIGEST_LENGTH, "a hash is a SHA-256");
    SHA256_CTX context;
    SHA256_Init(&context);
    parts_add(&context, parts, count);
    SHA256_Final(out_hash->bytes, &context);
}

/* RFC 2104: the key, filled up with zeros, under one of two masks, is the first block. */
static void begin_masked(SHA256_CTX *context, const uint8_t key[BLOCK_SIZE], uint8_t mask)
{
    uint8_t block[BLOCK_SIZE];
    for (size_t i = 0; i < BLOCK_SIZE; i++) {
        block[i] = key[i] ^ mask;
    }
    SHA256_Init(context);
    SHA256_Update(context, block, sizeof block);
    OPENSSL_cleanse(block, sizeof block);
}

void crypto_hmac_sha256(struct span key, const struct span *parts, size_t count, struct hash *out_hash)
{
    SHA256_CTX context;
    uint8_t padded[BLOCK_SIZE] = {0};
    struct hash hash;
    if (key.size > BLOCK_SIZE) {
        crypto_sha256(&key, 1, &hash);
        memcpy(padded, hash.bytes, sizeof hash.bytes);
    } else if (key.size > 0) {
        memcpy(padded, key.data, key.size);
    }
    begin_masked(&context, padded, 0x36);
    parts_add(&context, parts, count);
    SHA256_Final(hash.bytes, &context);
    begin_masked(&context, padded, 0x5c);
    SHA256_Update(&context, hash.bytes, sizeof hash.bytes);
    SHA256_Final(out_hash->bytes, &context);
    OPENSSL_cleanse(padded, sizeof padded);
    OPENSSL_cleanse(&context, sizeof context);
}
