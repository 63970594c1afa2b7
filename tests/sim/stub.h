/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_STUB_H
#define TESTS_SIM_STUB_H

#include "sync/crypto.h"
#include "tests/sim/random.h"

/* Cryptography of a simulated site. Stubbed: hashes that only tell apart, and a "signature" that is a hash of public key
 * and message, which nobody in the world forges unless a hostile peer is to. Real: OpenSSL, for one seed in eight. Random
 * bytes come from the seed in both, so that a world is the same each time. */

struct stub {
    struct crypto crypto; /* crypto.owner is this stub: it stays where it is */
    struct crypto *real;  /* owned; NULL: stubbed */
    uint8_t seeds[2][32];
    struct random random;
};

/* `keys`: number of the key pair; another number, another identity. */
void stub_init(struct stub *stub, uint64_t seed, uint8_t keys, bool real);
void stub_release(struct stub *stub);

#endif
