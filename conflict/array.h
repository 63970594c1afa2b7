/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFLICT_ARRAY_H
#define CONFLICT_ARRAY_H

#include "proto/memory.h"

/* Growing arrays in an arena: the old memory stays where it is until the arena dies, so growth doubles. */

/* The array with room for at least `wanted` items, *capacity raised; or `items` and capacity as they were when memory
 * is exhausted. */
void *array_grow(struct arena *arena, void *items, size_t item_size, size_t count, size_t wanted, size_t *capacity);

/* Room for `more` items behind `count`; evaluates to a status. After a failure the array is as it was. */
#define ARRAY_RESERVE(arena_, items_, count_, capacity_, more_)                                                        \
    ((count_) + (more_) <= (capacity_) ||                                                                              \
             ((items_) = array_grow((arena_), (items_), sizeof *(items_), (count_), (count_) + (more_), &(capacity_)), \
              (count_) + (more_) <= (capacity_))                                                                       \
         ? status_ok()                                                                                                 \
         : STATUS_MAKE(STATUS_NO_MEMORY))

#endif
