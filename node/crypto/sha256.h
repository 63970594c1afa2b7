/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CRYPTO_SHA256_H
#define NODE_CRYPTO_SHA256_H

#include "proto/ids.h"

/* The two hashes of struct crypto (sync/crypto.h), with OpenSSL's assembly. Pure, any thread. Proved by
 * tests/unit/crypto/test_sha256.c: the vectors of FIPS 180-4 and RFC 4231, and OpenSSL's EVP over random keys and lengths. */
void crypto_sha256(const struct span *parts, size_t count, struct hash *out_hash);
void crypto_hmac_sha256(struct span key, const struct span *parts, size_t count, struct hash *out_hash);

#endif
