/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_CONTENT_H
#define TESTS_SIM_CONTENT_H

#include "sync/store.h"

/* Digest of everything in a store, so that two contents can be compared: in a transaction of the caller's, or, outside,
 * in one of its own. Entries of STORE_META whose key begins with `skip` (empty: none) are left out. Not for
 * adversaries. */
struct status store_content(struct store *store, bool inside, struct span skip, uint64_t *out_digest) MUST_CHECK;

#endif
