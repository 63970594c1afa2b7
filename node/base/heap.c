/* SPDX-License-Identifier: Apache-2.0 */
#include "node/base/heap.h"

#include <assert.h>
#include <stdlib.h>

static void *heap_alloc(void *owner, size_t size)
{
    (void)owner;
    return malloc(size > 0 ? size : 1);
}

static void heap_release(void *owner, void *pointer)
{
    (void)owner;
    free(pointer);
}

struct memory memory_heap(void)
{
    return (struct memory){.alloc = heap_alloc, .release = heap_release};
}

/* Stands before each metered block; as large as the strictest alignment, so that the block after it is aligned too. */
union meter_prefix {
    size_t size;
    max_align_t align;
};

static void *meter_alloc(void *owner, size_t size)
{
    struct heap_meter *meter = owner;
    meter->calls++;
    if (meter->calls == meter->fail_at || size > SIZE_MAX - sizeof(union meter_prefix)) {
        return NULL;
    }
    if (meter->limit > 0 && size > meter->limit - (meter->taken < meter->limit ? meter->taken : meter->limit)) {
        return NULL;
    }
    union meter_prefix *prefix = malloc(sizeof *prefix + size);
    if (!prefix) {
        return NULL;
    }
    prefix->size = size;
    meter->blocks++;
    meter->taken += size;
    if (meter->taken > meter->taken_most) {
        meter->taken_most = meter->taken;
    }
    return prefix + 1;
}

static void meter_release(void *owner, void *pointer)
{
    struct heap_meter *meter = owner;
    if (!pointer) {
        return;
    }
    union meter_prefix *prefix = (union meter_prefix *)pointer - 1;
    assert(meter->blocks > 0 && meter->taken >= prefix->size);
    meter->blocks--;
    meter->taken -= prefix->size;
    free(prefix);
}

struct memory memory_metered(struct heap_meter *meter)
{
    return (struct memory){.alloc = meter_alloc, .release = meter_release, .owner = meter};
}
