/* SPDX-License-Identifier: Apache-2.0 */
#include "conflict/array.h"

#include <string.h>

#define ARRAY_FIRST 4

void *array_grow(struct arena *arena, void *items, size_t item_size, size_t count, size_t wanted, size_t *capacity)
{
    size_t grown = *capacity * 2 < ARRAY_FIRST ? ARRAY_FIRST : *capacity * 2;
    if (grown < wanted) {
        grown = wanted;
    }
    void *memory = arena_array(arena, grown, item_size);
    if (!memory) {
        return items;
    }
    if (count > 0) {
        memcpy(memory, items, count * item_size);
    }
    *capacity = grown;
    return memory;
}
