/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_VFS_H
#define TESTS_SIM_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A disk in memory that can lie, as a file layer of SQLite of its own. What was written and not synced is lost in
 * pieces when the power goes: each unsynced sector keeps its old bytes, has the new ones, is torn between both, or is
 * garbage. Bytes that were not written stay (SQLite calls that powersafe overwrite; its own file layer promises the
 * same). Deleting a file may be undone by a crash, as long as its folder was not synced.
 *
 * An I/O is a write, truncation, sync or deletion; reads are counted apart. One thread. Out of memory ends the test. */

struct vfs_disk;

/* What becomes of the unsynced sectors. */
enum vfs_outcome {
    VFS_OLD,
    VFS_NEW,
    VFS_TORN,
    VFS_GARBAGE,
    VFS_MIXED, /* each sector draws one of the four */
    VFS_OUTCOME_COUNT,
};

/* Switched on by writing into vfs_disk_faults; all are off again after vfs_disk_power_off. Numbers count from the
 * moment of vfs_disk_count. 0: never. */
struct vfs_faults {
    uint64_t crash_at;     /* at this I/O the power goes: it is done in part at most, everything after it fails */
    uint64_t fail_at;      /* this I/O fails, once; what a failed sync should have written never gets synced any more */
    uint64_t fail_read_at; /* this read fails, once */
    uint64_t full_bytes;   /* size of the disk */
    bool lies;             /* syncs say OK and do nothing */
};

struct vfs_counts {
    uint64_t ios;
    uint64_t syncs;
    uint64_t reads;
    uint64_t faults; /* that really struck */
};

struct vfs_disk *vfs_disk_new(uint64_t seed);
/* What the running system sees on it now: a backup or clone, all of it synced. No transaction may be open. */
struct vfs_disk *vfs_disk_copy(const struct vfs_disk *disk, uint64_t seed);
/* All files must be closed. Accepts NULL. */
void vfs_disk_free(struct vfs_disk *disk);

/* The name for store_sqlite_open_on. */
const char *vfs_disk_name(const struct vfs_disk *disk);
struct vfs_faults *vfs_disk_faults(struct vfs_disk *disk);
/* Counts start at 0 again. */
void vfs_disk_count(struct vfs_disk *disk);
const struct vfs_counts *vfs_disk_counts(const struct vfs_disk *disk);
/* The power goes now: everything fails until it is off and on again. */
void vfs_disk_stop(struct vfs_disk *disk);
bool vfs_disk_dead(const struct vfs_disk *disk);
/* Power off and on; all files must be closed. Nothing is lost of what was synced. */
void vfs_disk_power_off(struct vfs_disk *disk, enum vfs_outcome outcome);
/* Size of all files. */
uint64_t vfs_disk_bytes(const struct vfs_disk *disk);
/* One bit anywhere on the disk is the other one from now on. False: the disk is empty. */
bool vfs_disk_flip(struct vfs_disk *disk);
/* True if a log or journal has bytes that no sync covers: nothing may be acknowledged now. */
bool vfs_disk_unsynced_log(const struct vfs_disk *disk);

#endif
