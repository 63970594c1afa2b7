/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/stub.h"

#include <stdlib.h>
#include <string.h>

#include "node/crypto/crypto_openssl.h"

/* ---- a hash that is quick and tells apart ---- */

struct mixer {
    uint64_t lanes[4];
    uint8_t tail[32];
    size_t tail_size;
    uint64_t size;
};

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static uint64_t lane_take(uint64_t lane, uint64_t word)
{
    return rotate(lane ^ (word * 0x9e3779b97f4a7c15U), 29) * 0xbf58476d1ce4e5b9U;
}

/* In single variables: as loops over the lanes this was a twelfth of a world. */
static inline void mixer_block(struct mixer *m, const uint8_t *block)
{
    uint64_t words[4];
    memcpy(words, block, sizeof words);
    uint64_t a = lane_take(m->lanes[0], words[0]);
    uint64_t b = lane_take(m->lanes[1], words[1]);
    uint64_t c = lane_take(m->lanes[2], words[2]);
    uint64_t d = lane_take(m->lanes[3], words[3]);
    a += rotate(b, 17) ^ c;
    b += rotate(c, 17) ^ d;
    c += rotate(d, 17) ^ a;
    d += rotate(a, 17) ^ b;
    m->lanes[0] = a;
    m->lanes[1] = b;
    m->lanes[2] = c;
    m->lanes[3] = d;
}

static void mixer_add(struct mixer *m, const uint8_t *data, size_t size)
{
    m->size += size;
    if (m->tail_size > 0) {
        size_t take = 32 - m->tail_size < size ? 32 - m->tail_size : size;
        memcpy(m->tail + m->tail_size, data, take);
        m->tail_size += take;
        data += take;
        size -= take;
        if (m->tail_size < 32) {
            return;
        }
        mixer_block(m, m->tail);
        m->tail_size = 0;
    }
    for (; size >= 32; data += 32, size -= 32) {
        mixer_block(m, data);
    }
    if (size > 0) {
        memcpy(m->tail, data, size);
        m->tail_size = size;
    }
}

static void mixer_end(struct mixer *m, struct hash *out_hash)
{
    memset(m->tail + m->tail_size, 0, 32 - m->tail_size);
    mixer_block(m, m->tail);
    for (size_t i = 0; i < 4; i++) {
        m->lanes[i] = random_mix(m->lanes[i] + m->size * 0x2545f4914f6cdd1dU + i);
    }
    mixer_block(m, (const uint8_t *)m->lanes);
    for (size_t i = 0; i < 4; i++) {
        m->lanes[i] = random_mix(m->lanes[i]);
    }
    memcpy(out_hash->bytes, m->lanes, sizeof out_hash->bytes);
}

static void hash_parts(uint64_t key, const struct span *parts, size_t count, struct hash *out_hash)
{
    struct mixer m = {.lanes = {0x6a09e667f3bcc908U ^ key, 0xbb67ae8584caa73bU, 0x3c6ef372fe94f82bU, 0xa54ff53a5f1d36f1U}};
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > 0) {
            mixer_add(&m, parts[i].data, parts[i].size);
        }
    }
    mixer_end(&m, out_hash);
}

/* ---- the interface ---- */

static void stub_sha256(void *owner, const struct span *parts, size_t count, struct hash *out_hash)
{
    struct stub *stub = owner;
    if (stub->real) {
        stub->real->sha256(stub->real->owner, parts, count, out_hash);
        return;
    }
    hash_parts(0, parts, count, out_hash);
}

static void stub_hmac(void *owner, struct span key, const struct span *parts, size_t count, struct hash *out_hash)
{
    struct stub *stub = owner;
    if (stub->real) {
        stub->real->hmac(stub->real->owner, key, parts, count, out_hash);
        return;
    }
    struct hash inner;
    hash_parts(1, parts, count, &inner);
    const struct span outer[] = {key, span_of(inner.bytes, sizeof inner.bytes)};
    hash_parts(2, outer, 2, out_hash);
}

static void stub_random(void *owner, void *out_bytes, size_t size)
{
    struct stub *stub = owner;
    uint8_t *bytes = out_bytes;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(random_next(&stub->random) >> 40);
    }
}

static void stub_key(const struct stub *stub, enum signing_key key, struct public_key *out_key)
{
    struct hash hash;
    const struct span seed = span_of(stub->seeds[key], 32);
    hash_parts(3, &seed, 1, &hash);
    memcpy(out_key->bytes, hash.bytes, 32);
}

static void stub_signature(struct public_key key, struct span message, struct signature *out_signature)
{
    struct hash hash;
    const struct span parts[] = {span_of(key.bytes, 32), message};
    hash_parts(4, parts, 2, &hash);
    memcpy(out_signature->bytes, hash.bytes, 32);
    memcpy(out_signature->bytes + 32, key.bytes, 32);
}

static struct status stub_sign(void *owner, enum signing_key key, struct span message, struct signature *out_signature)
{
    struct stub *stub = owner;
    if (stub->real) {
        return stub->real->sign(stub->real->owner, key, message, out_signature);
    }
    struct public_key public;
    stub_key(stub, key, &public);
    stub_signature(public, message, out_signature);
    return status_ok();
}

static struct status stub_verify(void *owner, struct public_key key, struct span message, struct signature signature)
{
    struct stub *stub = owner;
    if (stub->real) {
        return stub->real->verify(stub->real->owner, key, message, signature);
    }
    struct signature right;
    stub_signature(key, message, &right);
    return STATUS_MAKE(memcmp(right.bytes, signature.bytes, 64) == 0 ? STATUS_OK : STATUS_DENIED);
}

static struct status stub_public_key(void *owner, enum signing_key key, struct public_key *out_key)
{
    struct stub *stub = owner;
    if (stub->real) {
        return stub->real->public_key(stub->real->owner, key, out_key);
    }
    stub_key(stub, key, out_key);
    return status_ok();
}

void stub_init(struct stub *stub, uint64_t seed, uint8_t keys, bool real)
{
    *stub = (struct stub){.crypto = {.sha256 = stub_sha256,
                                     .hmac = stub_hmac,
                                     .random = stub_random,
                                     .sign = stub_sign,
                                     .verify = stub_verify,
                                     .public_key = stub_public_key},
                          .random = random_from(seed, 1000U + keys)};
    stub->crypto.owner = stub;
    memset(stub->seeds[0], keys, 32);
    memset(stub->seeds[1], keys + 100, 32);
    if (real && !status_is_ok(crypto_openssl_new_seeds(stub->seeds[0], stub->seeds[1], &stub->real))) {
        abort();
    }
}

void stub_release(struct stub *stub)
{
    crypto_openssl_free(stub->real);
    stub->real = NULL;
}
