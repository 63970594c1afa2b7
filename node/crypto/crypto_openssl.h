/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CRYPTO_CRYPTO_OPENSSL_H
#define NODE_CRYPTO_CRYPTO_OPENSSL_H

#include "sync/crypto.h"

/* struct crypto over OpenSSL 3 (EVP). Usable from several threads at once: algorithms are fetched once, contexts are
 * kept per thread. Private keys stay inside and leave through no call.
 *
 * verify is stricter than RFC 8032 demands: beside S >= L it refuses public keys in non-canonical encoding and the
 * points of small order, under which a signature can be valid for any message.
 *
 * Proven by tests/unit/crypto/test_crypto_openssl.c: RFC 8032, RFC 4231 and FIPS 180-4 vectors, edge cases, file modes.
 */

/* Ed25519 private keys as PKCS#8 PEM files, mode 0400 (nothing wider is read). NULL: this process has no such key. */
struct crypto_key_files {
    const char *log;
    const char *cosigner;
};

/* `files` may be NULL. On failure `problem` (may be NULL) gets a sentence for the operator: what is wrong with which
 * file, and what to do. NOT_FOUND, DENIED (mode, owner), INVALID (no Ed25519 key), IO, NO_MEMORY. */
struct status crypto_openssl_new(const struct crypto_key_files *files, struct crypto **out_crypto, char *problem,
                                 size_t problem_size) MUST_CHECK;
/* With both keys made fresh, in memory only. For tests. */
struct status crypto_openssl_new_random(struct crypto **out_crypto) MUST_CHECK;
/* With keys from their 32-byte seeds (RFC 8032 section 5.1.5), either may be NULL. For tests and the simulator. */
struct status crypto_openssl_new_seeds(const uint8_t *log_seed, const uint8_t *cosigner_seed,
                                       struct crypto **out_crypto) MUST_CHECK;
/* After every other thread that used it has ended. Accepts NULL. */
void crypto_openssl_free(struct crypto *crypto);

/* Makes a new Ed25519 key in a new file of mode 0400, synced. EXISTS if the file is there: a key is never overwritten.
 */
struct status crypto_openssl_generate(const char *path, struct public_key *out_public, char *problem,
                                      size_t problem_size) MUST_CHECK;

#endif
