/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_STORE_GENERATION_H
#define NODE_STORE_GENERATION_H

#include "sync/store.h"

/* The generation file beside the database (log.md, "Hello"): a number that stands in the store (STORE_META, key
 * "generation", with several processes "generation/" instance) and in a file, and is raised in both at each start and after
 * each backup. Where they do not fit, the database is an older copy than the file knows of, so its numbers may have been used already: the caller opens a new
 * epoch before the first write.
 *
 * The store is raised first: a crash in between leaves the store one ahead, which is accepted; a restored copy is
 * behind. The doubt itself is kept in the store (STORE_META, key "in_doubt") until the core has acted on it (the
 * transaction that opens the new epoch, or the hello that finds none needed), so that a crash before that does not lose it. What this cannot see, hello does: database and file restored together, or a
 * copy made by other means within the present run and put back before the next start.
 * tests/unit/store/test_generation.c */

struct generation_place {
    const char *path;        /* of the generation file, not of the database */
    const uint8_t *instance; /* 16 bytes where several processes share the store, each with a file of its own; else NULL */
};

/* At start, outside a transaction. in_doubt: the store is
 * behind, or more than one ahead; or the file is missing or not readable as ours while the store has a generation; or the
 * store is new beside an old file; or an earlier doubt was not settled. On a failure (of the file or the store) nothing
 * may be written: start again later. */
struct status store_generation_check(const struct generation_place *place, struct store *store, bool *out_in_doubt) MUST_CHECK;

/* After a copy of the store was made, outside a transaction: from now on that copy is in doubt. */
struct status store_generation_raise(const struct generation_place *place, struct store *store) MUST_CHECK;

/* The store that came back on a server is older than what was committed: whoever opens it next is in doubt. */
void store_generation_forget(const char *path);

#endif
