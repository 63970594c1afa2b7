/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_CRYPTO_H
#define SYNC_CRYPTO_H

#include "proto/ids.h"
#include "proto/status.h"

/* The one small interface through which the core reaches cryptography. node/crypto/ implements it with OpenSSL; a
 * simulator may stub signatures. Private keys never enter the core: they are named by a handle of the implementation.
 * All calls are pure but random. */

struct public_key {
    uint8_t bytes[32]; /* Ed25519, RFC 8032 */
};

struct signature {
    uint8_t bytes[64];
};

enum signing_key {
    SIGN_LOG,      /* checkpoints of own streams */
    SIGN_COSIGNER, /* cosignatures over foreign checkpoints */
};

struct crypto {
    void *owner; /* borrowed */
    /* SHA-256 over the concatenation of `count` parts. Cannot fail. */
    void (*sha256)(void *owner, const struct span *parts, size_t count, struct hash *out_hash);
    /* HMAC-SHA-256, parts concatenated. */
    void (*hmac)(void *owner, struct span key, const struct span *parts, size_t count, struct hash *out_hash);
    /* Cryptographically secure random bytes. Cannot fail (the process dies if the kernel gives none). */
    void (*random)(void *owner, void *out_bytes, size_t size);
    /* DENIED when this process has no such key. */
    struct status (*sign)(void *owner, enum signing_key key, struct span message, struct signature *out_signature) MUST_CHECK;
    /* DENIED unless `signature` is valid. Deterministic, strict (RFC 8032 section 5.1.7). */
    struct status (*verify)(void *owner, struct public_key key, struct span message, struct signature signature) MUST_CHECK;
    /* Public half of an own key; DENIED if there is none. */
    struct status (*public_key)(void *owner, enum signing_key key, struct public_key *out_key) MUST_CHECK;
};

#endif
