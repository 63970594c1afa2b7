/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_VFS_STORE_H
#define TESTS_SIM_VFS_STORE_H

#include "sync/store.h"
#include "tests/sim/vfs.h"

/* The real SQLite store on a simulated disk (tests/sim/vfs.h). `store` goes to the core and keeps its address over
 * crashes and reopenings; a core that used it before a crash is freed before vfs_store_crash, and a new one is made
 * after vfs_store_reopen.
 *
 *   vfs_disk_faults(s->disk)->crash_at = 17;     the power goes at the 17th I/O from vfs_disk_count on
 *   ... calls say IO or UNKNOWN; free the core ...
 *   vfs_store_crash(s, VFS_MIXED);
 *   vfs_store_reopen(s);                          IO if a fault struck again: crash and reopen once more
 *
 * What it watches by itself stands in `violation`: a commit that said OK with no sync before it, content after a crash
 * that is neither the content before the open transaction nor after it, or not the one after where commit said OK.
 * Lies and flipped bits are the disk's own doing: after one the content is not judged until vfs_store_judge_anew. */
struct vfs_store {
    struct store store;    /* first; for the core */
    struct store *inner;   /* owned; NULL while closed */
    struct vfs_disk *disk; /* owned */
    struct memory memory;  /* the owner it points to is borrowed */
    const char *violation; /* static sentence, or NULL */
    bool watch;            /* compares contents; costs a reading of the whole store per commit */
    bool judged;
    uint64_t before;  /* digest of the content that was committed last */
    uint64_t after;   /* ... and of the one whose commit is under way or of unknown outcome */
    uint64_t commits; /* that said OK */
};

struct status vfs_store_new(struct memory memory, uint64_t seed, bool watch, struct vfs_store **out_store) MUST_CHECK;
/* A backup or clone of what is committed, opened. BUSY inside a transaction is the caller's fault (asserted). */
struct status vfs_store_copy(struct vfs_store *store, uint64_t seed, struct vfs_store **out_copy) MUST_CHECK;
/* Power off, at any moment, also amid a transaction. */
void vfs_store_crash(struct vfs_store *store, enum vfs_outcome outcome);
/* Closes in order and stays closed until vfs_store_reopen. */
void vfs_store_close(struct vfs_store *store);
struct status vfs_store_reopen(struct vfs_store *store) MUST_CHECK;
/* Takes the present content for granted; outside a transaction. */
void vfs_store_judge_anew(struct vfs_store *store);
/* Accepts NULL. */
void vfs_store_free(struct vfs_store *store);

#endif
