/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PROCESS_SEEN_H
#define NODE_PROCESS_SEEN_H

#include "node/api/heard.h"
#include "node/engine/engine.h"

/* Where several processes of a hub share one database, a node speaks with one of them. Now and then each says through the store
 * when it has heard which node, and takes from the others' rows what is newer (STORE_META: "seen/" instance -> node, be64 ms ...),
 * so that the page of nodes is the same everywhere. What a node says of its health stays with the process that it speaks with.
 * tests/system/hub_pair. */

struct seen;

/* All borrowed; `instance`: 16 bytes. */
struct status seen_new(struct engine *engine, struct store *store, struct heard *heard, const uint8_t *instance,
                       struct seen **out_seen) MUST_CHECK;
/* Soon, on the engine's thread. Any thread. */
void seen_exchange(struct seen *seen);
/* After the engine stopped. NULL is fine. */
void seen_free(struct seen *seen);

#endif
