/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_POOL_H
#define TESTS_SIM_POOL_H

#include "proto/memory.h"

/* Memory of one simulated world: size classes cut from large blocks, forgotten all at once, so that hundreds of worlds a
 * second cost no system calls. Under AddressSanitizer every piece is an allocation of its own, so that it sees misuse. */

struct pool {
    struct pool_block *blocks;
    struct pool_piece *free[64];
    uint8_t *at, *end;
    size_t used, peak; /* bytes handed out now, and at most */
};

struct memory pool_memory(struct pool *pool);
/* Forgets all pieces; blocks are kept for the next world. */
void pool_reset(struct pool *pool);
void pool_free(struct pool *pool);

#endif
