/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_STORE_FAILING_VFS_H
#define TESTS_UNIT_STORE_FAILING_VFS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* SQLite's own file layer with a disk behind it that can be full, fail its writes or fail its syncs. Methods of version
 * 1: no shared memory, which locking_mode=EXCLUSIVE does without. */

struct failing_disk {
    uint64_t writes; /* since the counters were cleared */
    uint64_t syncs;
    uint64_t main_sync;  /* number of the last sync of the database itself, which only a checkpoint does */
    uint64_t full_from;  /* this write and all later ones find the disk full; 0: never */
    uint64_t write_fail; /* this write fails; 0: none */
    uint64_t sync_fail;  /* this sync fails; 0: none */
};

static struct failing_disk disk;

struct failing_file {
    sqlite3_file base;
    sqlite3_file *real; /* lies behind this struct */
    bool is_main;
};

static sqlite3_vfs *real_vfs;

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct failing_file *)file)->real;
}

static int vfs_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int vfs_read(sqlite3_file *file, void *data, int size, sqlite3_int64 at)
{
    return real_of(file)->pMethods->xRead(real_of(file), data, size, at);
}

static int vfs_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at)
{
    disk.writes++;
    if (disk.full_from > 0 && disk.writes >= disk.full_from) {
        real_of(file)->pMethods->xWrite(real_of(file), data, size / 2, at); /* half of it fitted */
        return SQLITE_FULL;
    }
    if (disk.writes == disk.write_fail) {
        return SQLITE_IOERR_WRITE;
    }
    return real_of(file)->pMethods->xWrite(real_of(file), data, size, at);
}

static int vfs_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int vfs_sync(sqlite3_file *file, int flags)
{
    disk.syncs++;
    if (((struct failing_file *)file)->is_main) {
        disk.main_sync = disk.syncs;
    }
    return disk.syncs == disk.sync_fail ? SQLITE_IOERR_FSYNC : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int vfs_file_size(sqlite3_file *file, sqlite3_int64 *out_size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), out_size);
}

static int vfs_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int vfs_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int vfs_check_lock(sqlite3_file *file, int *out_held)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out_held);
}

static int vfs_control(sqlite3_file *file, int operation, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int vfs_sector_size(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int vfs_characteristics(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static const sqlite3_io_methods failing_methods = {
    .iVersion = 1,
    .xClose = vfs_close,
    .xRead = vfs_read,
    .xWrite = vfs_write,
    .xTruncate = vfs_truncate,
    .xSync = vfs_sync,
    .xFileSize = vfs_file_size,
    .xLock = vfs_lock,
    .xUnlock = vfs_unlock,
    .xCheckReservedLock = vfs_check_lock,
    .xFileControl = vfs_control,
    .xSectorSize = vfs_sector_size,
    .xDeviceCharacteristics = vfs_characteristics,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    struct failing_file *failing = (struct failing_file *)file;
    (void)vfs;
    failing->real = (sqlite3_file *)(failing + 1);
    failing->base.pMethods = NULL;
    failing->is_main = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    int rc = real_vfs->xOpen(real_vfs, name, failing->real, flags, out_flags);
    if (rc == SQLITE_OK) {
        failing->base.pMethods = &failing_methods;
    }
    return rc;
}

/* From now on every database that this process opens lies on the failing disk. */
static void failing_vfs_install(void)
{
    static sqlite3_vfs vfs;
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = "failing";
    vfs.szOsFile += (int)sizeof(struct failing_file);
    vfs.xOpen = vfs_open;
    sqlite3_vfs_register(&vfs, 1);
}

#endif
