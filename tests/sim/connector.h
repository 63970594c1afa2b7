/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_CONNECTOR_H
#define TESTS_SIM_CONNECTOR_H

#include "sync/capture.h"
#include "tests/sim/world.h"

/* A model connector around sync/capture, with the order of commits of node/connector: claim in the legacy database, leaves
 * and pending shadow in the store, shadow in the legacy database, pending dropped. */

enum row_end {
    ROW_DONE, /* nothing more to do until something changes */
    ROW_HELD, /* to be looked at again later */
    ROW_DOWN, /* the site went down, or its store failed: given up */
};

/* connector_map.c */
struct capture_source connector_source(const struct world *w, const struct site *s);
struct capture_row *connector_map(struct world *w, const struct row *row);
/* False: the system cannot say this value. */
bool connector_say(struct world *w, const struct legacy *legacy, struct row *row, uint32_t number, struct span bytes);

/* connector_shadow.c */
struct shadow *shadow_get(struct world *w, const struct shadow_row *at);
/* Compare-and-set; false: another version stands there. */
bool shadow_store(struct world *w, struct site *s, uint32_t key, uint32_t born, const struct shadow *shadow);
void shadow_drop(struct world *w, struct shadow_row *at);
/* The shadow of a vanished row leaves its key, which was used again. */
void shadow_aside(struct world *w, struct site *s, uint32_t key);
void legacy_copy(struct world *w, struct legacy *to, const struct legacy *from);
void legacy_forget(struct world *w, struct legacy *legacy);
struct status pending_put(struct world *w, struct site *s, uint32_t key, uint32_t born, const struct shadow *shadow);
struct status pending_drop(struct site *s, uint32_t key);
bool pending_settle(struct world *w, struct site *s);

void shadow_settle(struct shadow_row *at, const struct row *row);
bool shadow_is_settled(const struct shadow_row *at, const struct row *row);

/* connector_row.c: rounds of one row, or (key without row) of a vanished row's shadow */
enum row_end connector_row(struct world *w, struct site *s, uint32_t key);
enum row_end connector_insert(struct world *w, struct site *s, struct record_id id);

#endif
