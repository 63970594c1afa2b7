/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_SEEN_H
#define TESTS_SIM_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/span.h"

/* Values that somebody has read, by the number that each value carries ("v17-..."). */

#define EDITS 2048

struct seen {
    uint64_t bits[EDITS / 64];
};

static inline void seen_add(struct seen *seen, size_t edit)
{
    seen->bits[edit / 64] |= (uint64_t)1 << (edit % 64);
}

static inline bool seen_has(const struct seen *seen, size_t edit)
{
    return (seen->bits[edit / 64] >> (edit % 64)) & 1;
}

static inline void seen_join(struct seen *seen, const struct seen *other)
{
    for (size_t i = 0; i < EDITS / 64; i++) {
        seen->bits[i] |= other->bits[i];
    }
}

/* The number that a value carries, 0: none. */
size_t seen_number(struct span text);

#endif
