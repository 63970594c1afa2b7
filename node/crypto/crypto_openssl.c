/* SPDX-License-Identifier: Apache-2.0 */
#include "node/crypto/crypto_openssl.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "node/crypto/key_file.h"

#define KEY_COUNT 2 /* enum signing_key */

struct openssl {
    struct crypto crypto;      /* what callers hold */
    EVP_MD *sha256;            /* owned: fetched once, a fetch per call would cost more than the hash */
    EVP_MAC *hmac;             /* owned */
    EVP_PKEY *keys[KEY_COUNT]; /* owned; NULL: no such key */
    struct public_key public_keys[KEY_COUNT];
    pthread_key_t contexts; /* per thread: struct contexts */
    bool has_contexts;
};

struct contexts {
    EVP_MD_CTX *digest; /* SHA-256, re-initialised per call */
    EVP_MD_CTX *verify; /* Ed25519 */
    EVP_MAC_CTX *mac;
};

/* What cannot fail for its caller: memory for a context, or a library without SHA-256. There is no answer to give. */
static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void contexts_free(void *pointer)
{
    struct contexts *contexts = pointer;
    if (contexts) {
        EVP_MD_CTX_free(contexts->digest);
        EVP_MD_CTX_free(contexts->verify);
        EVP_MAC_CTX_free(contexts->mac);
        free(contexts);
    }
}

static struct contexts *contexts_make(const struct openssl *openssl)
{
    struct contexts *contexts = calloc(1, sizeof *contexts);
    require(contexts);
    contexts->digest = EVP_MD_CTX_new();
    contexts->verify = EVP_MD_CTX_new();
    contexts->mac = EVP_MAC_CTX_new(openssl->hmac);
    require(contexts->digest && contexts->verify && contexts->mac);
    require(EVP_DigestInit_ex2(contexts->digest, openssl->sha256, NULL) == 1);
    char name[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", name, 0), OSSL_PARAM_construct_end()};
    require(EVP_MAC_CTX_set_params(contexts->mac, params) == 1);
    require(pthread_setspecific(openssl->contexts, contexts) == 0);
    return contexts;
}

static struct contexts *contexts_of_thread(const struct openssl *openssl)
{
    struct contexts *contexts = pthread_getspecific(openssl->contexts);
    return contexts ? contexts : contexts_make(openssl);
}

static void sha256(void *owner, const struct span *parts, size_t count, struct hash *out_hash)
{
    const struct openssl *openssl = owner;
    EVP_MD_CTX *digest = contexts_of_thread(openssl)->digest;
    bool good = EVP_DigestInit_ex2(digest, NULL, NULL) == 1; /* NULL: the algorithm it already has */
    for (size_t i = 0; i < count; i++) {
        good = good && EVP_DigestUpdate(digest, parts[i].data, parts[i].size) == 1;
    }
    good = good && EVP_DigestFinal_ex(digest, out_hash->bytes, NULL) == 1;
    require(good);
}

static void hmac(void *owner, struct span key, const struct span *parts, size_t count, struct hash *out_hash)
{
    static const uint8_t empty_key[1];
    const struct openssl *openssl = owner;
    EVP_MAC_CTX *mac = contexts_of_thread(openssl)->mac;
    /* A NULL key would mean "the key of the last call". */
    bool good = EVP_MAC_init(mac, key.size != 0 ? key.data : empty_key, key.size, NULL) == 1;
    for (size_t i = 0; i < count; i++) {
        good = good && (parts[i].size == 0 || EVP_MAC_update(mac, parts[i].data, parts[i].size) == 1);
    }
    size_t size = 0;
    good = good && EVP_MAC_final(mac, out_hash->bytes, &size, sizeof out_hash->bytes) == 1;
    require(good && size == sizeof out_hash->bytes);
}

static void random_bytes(void *owner, void *out_bytes, size_t size)
{
    (void)owner;
    uint8_t *bytes = out_bytes;
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
    EVP_MD_CTX *context = contexts_of_thread(openssl)->verify;
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
        contexts_free(pthread_getspecific(openssl->contexts));
        (void)pthread_key_delete(openssl->contexts);
    }
    for (size_t i = 0; i < KEY_COUNT; i++) {
        EVP_PKEY_free(openssl->keys[i]);
    }
    EVP_MAC_free(openssl->hmac);
    EVP_MD_free(openssl->sha256);
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
    openssl->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    openssl->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    openssl->has_contexts = pthread_key_create(&openssl->contexts, contexts_free) == 0;
    if (!openssl->sha256 || !openssl->hmac || !openssl->has_contexts) {
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
