/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/vfs.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES 6
#define NAME_SIZE 64
#define SECTOR 512

struct range {
    size_t from;
    size_t size;
};

struct bytes {
    uint8_t *data; /* owned */
    size_t size;
    size_t capacity;
};

/* `now` is what the running system sees, `durable` what a crash cannot take away. */
struct disk_file {
    char name[NAME_SIZE];
    bool there;
    bool there_durable;
    bool is_log;
    struct bytes now;
    struct bytes durable;
    struct range *ranges; /* written since the last sync, owned */
    size_t range_count;
    size_t range_capacity;
    size_t lost; /* the first of them, under which a sync has failed: no later sync writes them */
    bool cut;    /* truncated since the last sync */
};

struct vfs_disk {
    sqlite3_vfs vfs;
    char name[32];
    struct disk_file files[FILES];
    struct vfs_faults faults;
    struct vfs_counts counts;
    uint64_t random;
    size_t open_count;
    bool dead;
};

struct handle {
    sqlite3_file base;
    struct vfs_disk *disk;
    struct disk_file *file;
};

static uint64_t draw(struct vfs_disk *disk, uint64_t below)
{
    disk->random ^= disk->random >> 12;
    disk->random ^= disk->random << 25;
    disk->random ^= disk->random >> 27;
    return (disk->random * 2685821657736338717U >> 17) % below;
}

static void *must_have(void *pointer)
{
    if (!pointer) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return pointer;
}

/* ---- bytes and files ---- */

static void bytes_size(struct bytes *bytes, size_t size)
{
    if (size > bytes->capacity) {
        size_t capacity = bytes->capacity > 0 ? bytes->capacity : 16384;
        while (capacity < size) {
            capacity *= 2;
        }
        bytes->data = must_have(realloc(bytes->data, capacity));
        bytes->capacity = capacity;
    }
    if (size > bytes->size) {
        memset(bytes->data + bytes->size, 0, size - bytes->size);
    }
    bytes->size = size;
}

static void bytes_copy(struct bytes *to, const struct bytes *from)
{
    bytes_size(to, from->size);
    if (from->size > 0) {
        memcpy(to->data, from->data, from->size);
    }
}

/* The part of `from` that lies in the range, as far as it goes; `to` grows where needed. */
static void bytes_take(struct bytes *to, const struct bytes *from, struct range range)
{
    if (range.from >= from->size) {
        return;
    }
    size_t size = from->size - range.from < range.size ? from->size - range.from : range.size;
    if (to->size < range.from + size) {
        bytes_size(to, range.from + size);
    }
    memcpy(to->data + range.from, from->data + range.from, size);
}

static struct disk_file *file_find(struct vfs_disk *disk, const char *name)
{
    for (size_t i = 0; i < FILES; i++) {
        if (disk->files[i].name[0] != 0 && strcmp(disk->files[i].name, name) == 0) {
            return &disk->files[i];
        }
    }
    return NULL;
}

static struct disk_file *file_make(struct vfs_disk *disk, const char *name)
{
    struct disk_file *file = file_find(disk, name);
    for (size_t i = 0; !file && i < FILES; i++) {
        file = disk->files[i].name[0] == 0 ? &disk->files[i] : NULL;
    }
    assert(file && strlen(name) < NAME_SIZE);
    memcpy(file->name, name, strlen(name) + 1);
    return file;
}

static void file_wrote(struct disk_file *file, struct range range)
{
    struct range *last = file->range_count > file->lost ? &file->ranges[file->range_count - 1] : NULL;
    if (last && last->from + last->size == range.from) {
        last->size += range.size;
        return;
    }
    if (file->range_count == file->range_capacity) {
        file->range_capacity = file->range_capacity > 0 ? 2 * file->range_capacity : 16;
        file->ranges = must_have(realloc(file->ranges, file->range_capacity * sizeof *file->ranges));
    }
    file->ranges[file->range_count++] = range;
}

static void file_sync(struct vfs_disk *disk, struct disk_file *file)
{
    for (size_t i = file->lost; i < file->range_count; i++) {
        bytes_take(&file->durable, &file->now, file->ranges[i]);
    }
    if (file->lost == 0 && file->cut) {
        bytes_copy(&file->durable, &file->now);
        file->cut = false;
    }
    file->range_count = file->lost;
    if (!file->there_durable) { /* SQLite syncs the folder of a new log or journal with its first sync */
        for (size_t i = 0; i < FILES; i++) {
            disk->files[i].there_durable = disk->files[i].there;
        }
    }
}

/* ---- the power goes ---- */

static void sector_settle(struct vfs_disk *disk, struct disk_file *file, struct range piece, enum vfs_outcome outcome)
{
    if (outcome == VFS_MIXED) {
        outcome = (enum vfs_outcome)draw(disk, VFS_MIXED);
    }
    if (outcome == VFS_OLD) {
        return;
    }
    if (outcome == VFS_TORN) {
        piece.size = (size_t)draw(disk, piece.size) + 1;
    }
    bytes_take(&file->durable, &file->now, piece);
    for (size_t i = 0; outcome == VFS_GARBAGE && i < piece.size && piece.from + i < file->durable.size; i++) {
        file->durable.data[piece.from + i] = (uint8_t)draw(disk, 256);
    }
}

static void file_settle(struct vfs_disk *disk, struct disk_file *file, enum vfs_outcome outcome)
{
    for (size_t i = 0; i < file->range_count; i++) {
        struct range left = file->ranges[i];
        while (left.size > 0) {
            size_t room = SECTOR - left.from % SECTOR;
            struct range piece = {left.from, left.size < room ? left.size : room};
            sector_settle(disk, file, piece, outcome);
            left.from += piece.size;
            left.size -= piece.size;
        }
    }
    if (file->cut && file->durable.size > file->now.size && outcome != VFS_OLD && draw(disk, 2) == 0) {
        bytes_size(&file->durable, file->now.size);
    }
    if (file->there != file->there_durable && outcome != VFS_OLD && (outcome == VFS_NEW || draw(disk, 2) == 0)) {
        file->there_durable = file->there;
    }
    file->there = file->there_durable;
    if (!file->there) {
        file->durable.size = 0;
    }
    bytes_copy(&file->now, &file->durable);
    file->range_count = 0;
    file->lost = 0;
    file->cut = false;
}

void vfs_disk_power_off(struct vfs_disk *disk, enum vfs_outcome outcome)
{
    assert(disk->open_count == 0);
    for (size_t i = 0; i < FILES; i++) {
        if (disk->files[i].name[0] != 0) {
            file_settle(disk, &disk->files[i], outcome);
        }
    }
    disk->faults = (struct vfs_faults){.full_bytes = 0};
    disk->dead = false;
}

/* ---- SQLite's file layer ---- */

enum io {
    IO_DONE,
    IO_FAILED,
    IO_LAST, /* done, and then the power went */
};

/* Counts an I/O and says what becomes of it. */
static enum io io_next(struct vfs_disk *disk)
{
    if (disk->dead) {
        return IO_FAILED;
    }
    disk->counts.ios++;
    if (disk->counts.ios == disk->faults.crash_at) {
        disk->dead = true;
        disk->counts.faults++;
        return IO_LAST;
    }
    if (disk->counts.ios == disk->faults.fail_at) {
        disk->counts.faults++;
        return IO_FAILED;
    }
    return IO_DONE;
}

static int on_close(sqlite3_file *file)
{
    struct handle *handle = (struct handle *)file;
    handle->disk->open_count--;
    return SQLITE_OK;
}

static int on_read(sqlite3_file *sqlite_file, void *data, int size, sqlite3_int64 at)
{
    struct handle *handle = (struct handle *)sqlite_file;
    struct vfs_disk *disk = handle->disk;
    const struct bytes *now = &handle->file->now;
    disk->counts.reads++;
    if (disk->dead || disk->counts.reads == disk->faults.fail_read_at) {
        disk->counts.faults += !disk->dead;
        return SQLITE_IOERR_READ;
    }
    size_t from = (size_t)at;
    size_t there = from < now->size ? now->size - from : 0;
    size_t taken = there < (size_t)size ? there : (size_t)size;
    if (taken > 0) {
        memcpy(data, now->data + from, taken);
    }
    memset((uint8_t *)data + taken, 0, (size_t)size - taken);
    return taken == (size_t)size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

uint64_t vfs_disk_bytes(const struct vfs_disk *disk)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < FILES; i++) {
        sum += disk->files[i].there ? disk->files[i].now.size : 0;
    }
    return sum;
}

static void file_write(struct disk_file *file, const void *data, struct range range)
{
    if (range.from + range.size > file->now.size) {
        bytes_size(&file->now, range.from + range.size);
    }
    memcpy(file->now.data + range.from, data, range.size);
    file_wrote(file, range);
}

static int on_write(sqlite3_file *sqlite_file, const void *data, int size, sqlite3_int64 at)
{
    struct handle *handle = (struct handle *)sqlite_file;
    struct vfs_disk *disk = handle->disk;
    struct disk_file *file = handle->file;
    struct range range = {(size_t)at, (size_t)size};
    enum io io = io_next(disk);
    if (io == IO_FAILED) {
        return SQLITE_IOERR_WRITE;
    }
    size_t end = range.from + range.size;
    uint64_t more = end > file->now.size ? end - file->now.size : 0;
    if (disk->faults.full_bytes > 0 && more > 0 && vfs_disk_bytes(disk) + more > disk->faults.full_bytes) {
        disk->counts.faults++;
        file_write(file, data, (struct range){range.from, range.size / 2}); /* half of it fitted */
        return SQLITE_FULL;
    }
    file_write(file, data, range);
    return io == IO_LAST ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static int on_truncate(sqlite3_file *sqlite_file, sqlite3_int64 size)
{
    struct handle *handle = (struct handle *)sqlite_file;
    enum io io = io_next(handle->disk);
    if (io == IO_FAILED) {
        return SQLITE_IOERR_TRUNCATE;
    }
    if ((size_t)size < handle->file->now.size) {
        bytes_size(&handle->file->now, (size_t)size);
        handle->file->cut = true;
    }
    return io == IO_LAST ? SQLITE_IOERR_TRUNCATE : SQLITE_OK;
}

static int on_sync(sqlite3_file *sqlite_file, int flags)
{
    struct handle *handle = (struct handle *)sqlite_file;
    struct vfs_disk *disk = handle->disk;
    (void)flags;
    disk->counts.syncs++;
    switch (io_next(disk)) {
    case IO_FAILED:
        handle->file->lost = handle->file->range_count;
        return SQLITE_IOERR_FSYNC;
    case IO_LAST: /* the disk may have finished it, only nobody was told */
        if (draw(disk, 2) == 0) {
            file_sync(disk, handle->file);
        }
        return SQLITE_IOERR_FSYNC;
    case IO_DONE:
        break;
    }
    if (!disk->faults.lies) {
        file_sync(disk, handle->file);
    }
    return SQLITE_OK;
}

static int on_size(sqlite3_file *file, sqlite3_int64 *out_size)
{
    *out_size = (sqlite3_int64)((struct handle *)file)->file->now.size;
    return SQLITE_OK;
}

static int on_lock(sqlite3_file *file, int level)
{
    (void)file, (void)level;
    return SQLITE_OK;
}

static int on_check_lock(sqlite3_file *file, int *out_held)
{
    (void)file;
    *out_held = 0;
    return SQLITE_OK;
}

static int on_control(sqlite3_file *file, int operation, void *argument)
{
    (void)file, (void)operation, (void)argument;
    return SQLITE_NOTFOUND;
}

static int on_sector_size(sqlite3_file *file)
{
    (void)file;
    return 4096;
}

static int on_characteristics(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* Version 1: no shared memory, which locking_mode=EXCLUSIVE does without. */
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_lock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector_size,
    .xDeviceCharacteristics = on_characteristics,
};

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *sqlite_file, int flags, int *out_flags)
{
    struct vfs_disk *disk = vfs->pAppData;
    struct handle *handle = (struct handle *)sqlite_file;
    *handle = (struct handle){.disk = disk};
    if (disk->dead || !name) {
        return SQLITE_CANTOPEN;
    }
    struct disk_file *file = file_find(disk, name);
    if (!file || !file->there) {
        if (!(flags & SQLITE_OPEN_CREATE)) {
            return SQLITE_CANTOPEN;
        }
        file = file_make(disk, name);
        file->there = true;
        file->is_log = (flags & SQLITE_OPEN_MAIN_DB) == 0;
        file->there_durable = file->there_durable || !file->is_log; /* the store itself makes and syncs that one */
        bytes_size(&file->now, 0);
        file->range_count = 0;
        file->cut = file->durable.size > 0;
    }
    handle->file = file;
    handle->base.pMethods = &methods;
    disk->open_count++;
    if (out_flags) {
        *out_flags = flags;
    }
    return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    struct vfs_disk *disk = vfs->pAppData;
    struct disk_file *file = file_find(disk, name);
    if (!file || !file->there) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    enum io io = io_next(disk);
    if (io == IO_FAILED) {
        return SQLITE_IOERR_DELETE;
    }
    file->there = false;
    file->range_count = 0;
    file->lost = 0;
    if (sync_folder && io == IO_DONE && !disk->faults.lies) {
        file->there_durable = false;
        bytes_size(&file->durable, 0);
    }
    return io == IO_LAST ? SQLITE_IOERR_DELETE : SQLITE_OK;
}

static int on_access(sqlite3_vfs *vfs, const char *name, int flags, int *out_there)
{
    struct disk_file *file = file_find(vfs->pAppData, name);
    (void)flags;
    *out_there = file && file->there;
    return SQLITE_OK;
}

static int on_full_name(sqlite3_vfs *vfs, const char *name, int size, char *out_name)
{
    (void)vfs;
    return snprintf(out_name, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int on_random(sqlite3_vfs *vfs, int size, char *out_bytes)
{
    (void)vfs;
    memset(out_bytes, 7, (size_t)size);
    return size;
}

static int on_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static int on_time(sqlite3_vfs *vfs, sqlite3_int64 *out_ms)
{
    (void)vfs;
    *out_ms = 212616000000000; /* 2025 in Julian milliseconds; nothing asks for more */
    return SQLITE_OK;
}

static int on_error(sqlite3_vfs *vfs, int size, char *out_text)
{
    (void)vfs, (void)size, (void)out_text;
    return 0;
}

/* ---- the disk ---- */

struct vfs_disk *vfs_disk_new(uint64_t seed)
{
    static unsigned number;
    struct vfs_disk *disk = must_have(calloc(1, sizeof *disk));
    disk->random = seed * 0x9e3779b97f4a7c15U + 1;
    snprintf(disk->name, sizeof disk->name, "disk%u", ++number);
    disk->vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(struct handle),
        .mxPathname = NAME_SIZE,
        .zName = disk->name,
        .pAppData = disk,
        .xOpen = on_open,
        .xDelete = on_delete,
        .xAccess = on_access,
        .xFullPathname = on_full_name,
        .xRandomness = on_random,
        .xSleep = on_sleep,
        .xGetLastError = on_error,
        .xCurrentTimeInt64 = on_time,
    };
    if (sqlite3_vfs_register(&disk->vfs, 0) != SQLITE_OK) {
        abort();
    }
    return disk;
}

struct vfs_disk *vfs_disk_copy(const struct vfs_disk *disk, uint64_t seed)
{
    struct vfs_disk *copy = vfs_disk_new(seed);
    for (size_t i = 0; i < FILES; i++) {
        const struct disk_file *from = &disk->files[i];
        struct disk_file *to = &copy->files[i];
        memcpy(to->name, from->name, sizeof to->name);
        to->there = from->there;
        to->there_durable = from->there;
        to->is_log = from->is_log;
        if (from->there) {
            bytes_copy(&to->now, &from->now);
            bytes_copy(&to->durable, &from->now);
        }
    }
    return copy;
}

void vfs_disk_free(struct vfs_disk *disk)
{
    if (!disk) {
        return;
    }
    assert(disk->open_count == 0);
    sqlite3_vfs_unregister(&disk->vfs);
    for (size_t i = 0; i < FILES; i++) {
        free(disk->files[i].now.data);
        free(disk->files[i].durable.data);
        free(disk->files[i].ranges);
    }
    free(disk);
}

const char *vfs_disk_name(const struct vfs_disk *disk)
{
    return disk->name;
}

struct vfs_faults *vfs_disk_faults(struct vfs_disk *disk)
{
    return &disk->faults;
}

void vfs_disk_count(struct vfs_disk *disk)
{
    disk->counts = (struct vfs_counts){0};
}

const struct vfs_counts *vfs_disk_counts(const struct vfs_disk *disk)
{
    return &disk->counts;
}

void vfs_disk_stop(struct vfs_disk *disk)
{
    disk->dead = true;
}

bool vfs_disk_dead(const struct vfs_disk *disk)
{
    return disk->dead;
}

bool vfs_disk_flip(struct vfs_disk *disk)
{
    uint64_t bytes = vfs_disk_bytes(disk);
    if (bytes == 0) {
        return false;
    }
    uint64_t at = draw(disk, bytes);
    uint8_t bit = (uint8_t)(1u << draw(disk, 8));
    for (size_t i = 0; i < FILES; i++) {
        struct disk_file *file = &disk->files[i];
        size_t size = file->there ? file->now.size : 0;
        if (at < size) {
            file->now.data[at] ^= bit;
            if (at < file->durable.size) {
                file->durable.data[at] ^= bit;
            }
            return true;
        }
        at -= size;
    }
    return false;
}

bool vfs_disk_unsynced_log(const struct vfs_disk *disk)
{
    for (size_t i = 0; i < FILES; i++) {
        if (disk->files[i].there && disk->files[i].is_log && disk->files[i].range_count > 0) {
            return true;
        }
    }
    return false;
}
