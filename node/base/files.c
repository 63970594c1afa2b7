/* SPDX-License-Identifier: Apache-2.0 */
#include "node/base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_FILE_SUFFIX ".XXXXXX"

struct status file_error(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return STATUS_MAKE(STATUS_NOT_FOUND);
    case EACCES:
    case EPERM:
    case EROFS:
        return STATUS_MAKE(STATUS_DENIED);
    case ENAMETOOLONG:
        return STATUS_MAKE(STATUS_LIMIT);
    case EISDIR:
    case ELOOP:
        return STATUS_MAKE(STATUS_INVALID);
    case ENOMEM:
        return STATUS_MAKE(STATUS_NO_MEMORY);
    default:
        return STATUS_MAKE(STATUS_IO);
    }
}

static struct status read_all(int fd, size_t size_max, mode_t forbidden, struct arena *arena, struct span *out_bytes)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return file_error(errno);
    }
    if (!S_ISREG(info.st_mode)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    if ((info.st_mode & forbidden) != 0) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    if (info.st_size < 0 || (uintmax_t)info.st_size > size_max) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    size_t size = (size_t)info.st_size;
    uint8_t *data = arena_alloc(arena, size + 1);
    if (!data) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t at = 0;
    while (at < size) {
        ssize_t got = read(fd, data + at, size - at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return file_error(errno);
        }
        if (got == 0) {
            break; /* it was cut short meanwhile: what is there is the file */
        }
        at += (size_t)got;
    }
    data[at] = 0;
    *out_bytes = span_of(data, at);
    return status_ok();
}

static struct status read_file(const char *path, size_t size_max, mode_t forbidden, struct arena *arena,
                               struct span *out_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a named pipe must not hang us */
    if (fd < 0) {
        return file_error(errno);
    }
    struct status status = read_all(fd, size_max, forbidden, arena, out_bytes);
    close(fd);
    return status;
}

struct status file_read(const char *path, size_t size_max, struct arena *arena, struct span *out_bytes)
{
    return read_file(path, size_max, 0, arena, out_bytes);
}

struct status file_read_private(const char *path, size_t size_max, struct arena *arena, struct span *out_bytes)
{
    return read_file(path, size_max, S_IRWXG | S_IRWXO, arena, out_bytes);
}

static struct status write_all(int fd, struct span bytes)
{
    size_t at = 0;
    while (at < bytes.size) {
        ssize_t put = write(fd, bytes.data + at, bytes.size - at);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return file_error(errno);
        }
        at += (size_t)put;
    }
    return status_ok();
}

static struct status fill_and_sync(int fd, struct span bytes, mode_t mode)
{
    TRY(write_all(fd, bytes));
    if (fchmod(fd, mode) != 0 || fsync(fd) != 0) {
        return file_error(errno);
    }
    return status_ok();
}

struct status file_sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : 0;
    if (size >= sizeof folder) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    memcpy(folder, path, size);
    folder[size] = 0;
    const char *name = size > 0 ? folder : slash ? "/" : ".";
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return file_error(errno);
    }
    struct status status = fsync(fd) == 0 ? status_ok() : file_error(errno);
    close(fd);
    return status;
}

struct status file_write(const char *path, struct span bytes, mode_t mode)
{
    char beside[PATH_MAX];
    int length = snprintf(beside, sizeof beside, "%s" NEW_FILE_SUFFIX, path);
    if (length < 0 || (size_t)length >= sizeof beside) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    int fd = mkostemp(beside, O_CLOEXEC); /* made 0600: never wider than it will be */
    if (fd < 0) {
        return file_error(errno);
    }
    struct status status = fill_and_sync(fd, bytes, mode);
    if (close(fd) != 0 && status_is_ok(status)) {
        status = file_error(errno);
    }
    if (status_is_ok(status) && rename(beside, path) != 0) {
        status = file_error(errno);
    }
    if (!status_is_ok(status)) {
        unlink(beside);
        return status;
    }
    return file_sync_folder(path);
}
