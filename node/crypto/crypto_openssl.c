/* SPDX-License-Identifier: Apache-2.0 */
#include "node/crypto/crypto_openssl.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "node/crypto/key_file.h"
#include "node/crypto/sha256.h"

#define KEY_COUNT 2 /* enum signing_key */

struct openssl {
    struct crypto crypto;      /* what callers hold */
    EVP_PKEY *keys[KEY_COUNT]; /* owned; NULL: no such key */
    struct public_key public_keys[KEY_COUNT];
    pthread_key_t contexts; /* per thread: EVP_MD_CTX for Ed25519 */
    bool has_contexts;
};

/* What cannot fail for its caller: memory for a context. There is no answer to give. */
static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void context_free(void *pointer)
{
    EVP_MD_CTX_free(pointer);
}

static EVP_MD_CTX *context_of_thread(const struct openssl *openssl)
{
    EVP_MD_CTX *context = pthread_getspecific(openssl->contexts);
    if (!context) {
        context = EVP_MD_CTX_new();
        require(context && pthread_setspecific(openssl->contexts, context) == 0);
    }
    return context;
}

static void sha256(void *owner, const struct span *parts, size_t count, struct hash *out_hash)
{
    (void)owner;
    crypto_sha256(parts, count, out_hash);
}

static void hmac(void *owner, struct span key, const struct span *parts, size_t count, struct hash *out_hash)
{
    (void)owner;
    crypto_hmac_sha256(key, parts, count, out_hash);
}

static void kernel_random(uint8_t *bytes, size_t size)
{
    while (size != 0) {
        ssize_t n = getrandom(bytes, size, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        require(n > 0);
        bytes += n;
        size -= (size_t)n;
    }
}

/* Salts are small and many: they are taken from the kernel a few at a time, and each is wiped once it was given. */
#define RANDOM_POOL 1024

struct random_pool {
    uint8_t bytes[RANDOM_POOL];
    size_t left; /* at the end of bytes */
};

static void random_bytes(void *owner, void *out_bytes, size_t size)
{
    static _Thread_local struct random_pool pool;
    (void)owner;
    if (size > RANDOM_POOL / 4) {
        kernel_random(out_bytes, size);
        return;
    }
    if (pool.left < size) {
        kernel_random(pool.bytes, sizeof pool.bytes);
        pool.left = sizeof pool.bytes;
    }
    uint8_t *from = pool.bytes + sizeof pool.bytes - pool.left;
    memcpy(out_bytes, from, size);
    OPENSSL_cleanse(from, size);
    pool.left -= size;
}

static struct status sign(void *owner, enum signing_key key, struct span message, struct signature *out_signature)
{
    const struct openssl *openssl = owner;
    if ((size_t)key >= KEY_COUNT || !openssl->keys[key]) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    ERR_clear_error();
    struct signature signature;
    size_t size = sizeof signature.bytes;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, openssl->keys[key], NULL) == 1 &&
                EVP_DigestSign(context, signature.bytes, &size, message.data, message.size) == 1 &&
                size == sizeof signature.bytes;
    EVP_MD_CTX_free(context);
    if (!good) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    *out_signature = signature;
    return status_ok();
}

/* Whether the encoding is that of a point's y below p = 2^255 - 19, and the point not of small order. The five
 * encodings are those of order 1, 2, 4, 8 with their sign bit cleared. */
static bool public_key_is_sound(const struct public_key *key)
{
    static const uint8_t small_order[][32] = {
        {0x00},
        {0x01},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
         0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
         0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    };
    uint8_t y[32];
    memcpy(y, key->bytes, sizeof y);
    y[31] &= 0x7f;
    bool high = y[31] == 0x7f;
    for (size_t i = 1; i < 31; i++) {
        high = high && y[i] == 0xff;
    }
    if (high && y[0] >= 0xed) {
        return false; /* y >= p: a second encoding */
    }
    for (size_t i = 0; i < sizeof small_order / sizeof small_order[0]; i++) {
        if (memcmp(y, small_order[i], sizeof y) == 0) {
            return false;
        }
    }
    return true;
}

static struct status verify(void *owner, struct public_key key, struct span message, struct signature signature)
{
    const struct openssl *openssl = owner;
    if (!public_key_is_sound(&key)) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key.bytes, sizeof key.bytes);
    if (!pkey) {
        ERR_clear_error();
        return STATUS_MAKE(STATUS_DENIED);
    }
    EVP_MD_CTX *context = context_of_thread(openssl);
    bool good = EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, pkey, NULL) == 1 &&
                EVP_DigestVerify(context, signature.bytes, sizeof signature.bytes, message.data, message.size) == 1;
    EVP_MD_CTX_reset(context); /* lets go of the key */
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return STATUS_MAKE(good ? STATUS_OK : STATUS_DENIED);
}

static struct status public_key(void *owner, enum signing_key key, struct public_key *out_key)
{
    const struct openssl *openssl = owner;
    if ((size_t)key >= KEY_COUNT || !openssl->keys[key]) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    *out_key = openssl->public_keys[key];
    return status_ok();
}

void crypto_openssl_free(struct crypto *crypto)
{
    if (!crypto) {
        return;
    }
    struct openssl *openssl = crypto->owner;
    if (openssl->has_contexts) {
        context_free(pthread_getspecific(openssl->contexts));
        (void)pthread_key_delete(openssl->contexts);
    }
    for (size_t i = 0; i < KEY_COUNT; i++) {
        EVP_PKEY_free(openssl->keys[i]);
    }
    free(openssl);
}

/* Without keys. */
static struct status openssl_new(struct openssl **out_openssl)
{
    struct openssl *openssl = calloc(1, sizeof *openssl);
    if (!openssl) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    openssl->crypto = (struct crypto){
        .owner = openssl,
        .sha256 = sha256,
        .hmac = hmac,
        .random = random_bytes,
        .sign = sign,
        .verify = verify,
        .public_key = public_key,
    };
    openssl->has_contexts = pthread_key_create(&openssl->contexts, context_free) == 0;
    if (!openssl->has_contexts) {
        ERR_clear_error();
        crypto_openssl_free(&openssl->crypto);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    *out_openssl = openssl;
    return status_ok();
}

/* Takes over `pkey`. */
static struct status key_set(struct openssl *openssl, enum signing_key key, EVP_PKEY *pkey)
{
    struct public_key half;
    size_t size = sizeof half.bytes;
    if (!pkey || EVP_PKEY_get_raw_public_key(pkey, half.bytes, &size) != 1 || size != sizeof half.bytes) {
        ERR_clear_error();
        EVP_PKEY_free(pkey);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    openssl->keys[key] = pkey;
    openssl->public_keys[key] = half;
    return status_ok();
}

static struct status key_load(struct openssl *openssl, enum signing_key key, const char *path, char *problem,
                              size_t problem_size)
{
    if (!path) {
        return status_ok();
    }
    EVP_PKEY *pkey;
    TRY(key_file_read(path, &pkey, problem, problem_size));
    return key_set(openssl, key, pkey);
}

static struct status keys_load(struct openssl *openssl, const struct crypto_key_files *files, char *problem,
                               size_t problem_size)
{
    TRY(key_load(openssl, SIGN_LOG, files->log, problem, problem_size));
    return key_load(openssl, SIGN_COSIGNER, files->cosigner, problem, problem_size);
}

struct status crypto_openssl_new(const struct crypto_key_files *files, struct crypto **out_crypto, char *problem,
                                 size_t problem_size)
{
    key_file_problem(problem, problem_size, "", "OpenSSL gives no SHA-256, HMAC or memory: is its installation whole?");
    struct openssl *openssl;
    TRY(openssl_new(&openssl));
    struct status status = files ? keys_load(openssl, files, problem, problem_size) : status_ok();
    if (!status_is_ok(status)) {
        crypto_openssl_free(&openssl->crypto);
        return status;
    }
    key_file_problem(problem, problem_size, "", "");
    *out_crypto = &openssl->crypto;
    return status_ok();
}

static struct status seed_set(struct openssl *openssl, enum signing_key key, const uint8_t *seed)
{
    if (!seed) {
        return status_ok();
    }
    return key_set(openssl, key, EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32));
}

struct status crypto_openssl_new_seeds(const uint8_t *log_seed, const uint8_t *cosigner_seed,
                                       struct crypto **out_crypto)
{
    struct openssl *openssl;
    TRY(openssl_new(&openssl));
    struct status status = seed_set(openssl, SIGN_LOG, log_seed);
    if (status_is_ok(status)) {
        status = seed_set(openssl, SIGN_COSIGNER, cosigner_seed);
    }
    if (!status_is_ok(status)) {
        crypto_openssl_free(&openssl->crypto);
        return status;
    }
    *out_crypto = &openssl->crypto;
    return status_ok();
}

struct status crypto_openssl_new_random(struct crypto **out_crypto)
{
    uint8_t seeds[2][32];
    random_bytes(NULL, seeds, sizeof seeds);
    struct status status = crypto_openssl_new_seeds(seeds[0], seeds[1], out_crypto);
    OPENSSL_cleanse(seeds, sizeof seeds);
    return status;
}

struct status crypto_openssl_generate(const char *path, struct public_key *out_public, char *problem,
                                      size_t problem_size)
{
    key_file_problem(problem, problem_size, path, "OpenSSL could not make a key");
    ERR_clear_error();
    uint8_t seed[32];
    struct public_key half;
    size_t size = sizeof half.bytes;
    random_bytes(NULL, seed, sizeof seed);
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
    OPENSSL_cleanse(seed, sizeof seed);
    if (!pkey || EVP_PKEY_get_raw_public_key(pkey, half.bytes, &size) != 1) {
        EVP_PKEY_free(pkey);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    struct status status = key_file_write(path, pkey, problem, problem_size);
    EVP_PKEY_free(pkey);
    if (status_is_ok(status)) {
        *out_public = half;
    }
    return status;
}
