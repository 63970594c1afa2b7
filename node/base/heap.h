/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_BASE_HEAP_H
#define NODE_BASE_HEAP_H

#include "proto/memory.h"

/* The process's own memory for the core: malloc and free. Any thread. */
struct memory memory_heap(void);

/* Memory that counts and may be told to fail, for budgets and for tests of "the n-th allocation fails". One thread. */
struct heap_meter {
    uint64_t taken;      /* bytes out now */
    uint64_t taken_most; /* the most that were out at once */
    uint64_t blocks;     /* blocks out now: 0 when everything was released */
    uint64_t calls;      /* allocations asked for so far, the failed ones too */
    uint64_t limit;      /* bytes that may be out at once; 0: no bound */
    uint64_t fail_at;    /* the allocation with this number fails; 0: none */
};

/* `meter` is borrowed and must outlive the memory; start it as {0}. */
struct memory memory_metered(struct heap_meter *meter);

#endif
