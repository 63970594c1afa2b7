/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "sync/store.h"

/* A site's store and what can go wrong with it: the model store, whose calls are counted, or (setting `sqlite`) the real
 * one on a disk in memory, whose I/Os are counted: what was not synced is lost in pieces when the power goes. */

struct world;
struct site;

struct store *disk_new(struct world *w);
/* A backup or clone of what is committed. */
struct store *disk_copy(struct world *w, struct store *store);
/* The power is off; disk_up before it is used again. */
void disk_crash(struct world *w, struct site *s);
/* IO: a fault struck while it was opened. */
struct status disk_up(struct world *w, struct site *s) MUST_CHECK;
/* The n-th call or I/O from now on fails, once; 0: none. */
void disk_fail(struct world *w, struct site *s, uint64_t n);
/* The power goes at the n-th from now on. */
void disk_cut_power(struct world *w, struct site *s, uint64_t n);
bool disk_lost_power(struct world *w, const struct site *s);
/* The next commit's outcome is not known. */
void disk_unknown(struct world *w, struct site *s, bool applied);
/* Full from its n-th call on, or (a disk) with room for a few pages. */
void disk_full(struct world *w, struct site *s, uint64_t n);
void disk_calm(struct world *w, struct site *s);

#endif
