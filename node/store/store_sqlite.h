/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_STORE_STORE_SQLITE_H
#define NODE_STORE_STORE_SQLITE_H

#include "sync/store.h"

/* The embedded store: one SQLite file, one connection, held exclusively, in WAL with synchronous=FULL, so that a commit
 * that returned OK survives a power cut. One thread at a time. tests/contract/contract_store.c,
 * tests/unit/store/test_store_sqlite.c.
 *
 * Opens the store at `path`, or makes a new one there (rights 0600; the folder must exist). On failure `problem`
 * (borrowed, may be NULL with size 0) gets a sentence for the operator that says what to do. BUSY: another process, or
 * this one, has it open. UNSUPPORTED: a newer program wrote it. INVALID: the file is damaged, or is no store of ours.
 * NOT_FOUND, DENIED: the folder. IO: disk full or failing. LIMIT: the path is too long. */
struct status store_sqlite_open(const char *path, struct memory memory, struct store **out_store, char *problem,
                                size_t problem_size) MUST_CHECK;

/* The same on the file layer with this name, registered with SQLite by the caller; NULL: SQLite's own. The simulator's
 * disks (tests/sim/vfs.h) come in here. */
struct status store_sqlite_open_on(const char *vfs, const char *path, struct memory memory, struct store **out_store,
                                   char *problem, size_t problem_size) MUST_CHECK;

/* Static words for the last failure of a call: "disk full", "disk failed: open the store anew", "file damaged", ... ;
 * "" before the first. For the log. */
const char *store_sqlite_problem(const struct store *store);

/* True after a failure that only opening anew can heal (every call returns IO). */
bool store_sqlite_dead(const struct store *store);

/* Writes a copy of the committed content to a new file that can be opened as a store; EXISTS if something is there.
 * BUSY inside a transaction. Call store_generation_raise after it, so that a store restored from it is noticed. */
struct status store_sqlite_copy(struct store *store, const char *path) MUST_CHECK;

#endif
