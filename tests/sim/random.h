/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_RANDOM_H
#define TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* Chance from a seed (splitmix64). Each act of a plan and each message draws from a generator of its own, so that leaving
 * one out changes nothing about the others: that is what makes shrinking work. */

struct random {
    uint64_t state;
};

static inline uint64_t random_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static inline uint64_t random_next(struct random *random)
{
    return random_mix(random->state += 0x9e3779b97f4a7c15U);
}

static inline uint64_t random_below(struct random *random, uint64_t below)
{
    return below == 0 ? 0 : random_next(random) % below;
}

/* True `per_mille` times in a thousand. */
static inline bool random_hits(struct random *random, uint64_t per_mille)
{
    return per_mille > 0 && random_below(random, 1000) < per_mille;
}

static inline struct random random_from(uint64_t a, uint64_t b)
{
    return (struct random){.state = random_mix(a * 0x9e3779b97f4a7c15U + 0x1234567U) ^ random_mix(b + 0x51ed27U)};
}

#endif
