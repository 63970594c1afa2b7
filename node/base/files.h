/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_BASE_FILES_H
#define NODE_BASE_FILES_H

#include <sys/types.h>

#include "proto/memory.h"

/* Whole small files: configuration, keys, certificates, marks. tests/unit/base/test_files.c */

/* Reads all of a regular file of at most size_max bytes into the arena, with a zero byte behind the span.
 * NOT_FOUND; DENIED (rights); LIMIT (larger); INVALID (a directory or device); IO; NO_MEMORY. */
struct status file_read(const char *path, size_t size_max, struct arena *arena, struct span *out_bytes) MUST_CHECK;

/* As file_read, but DENIED as well if group or others may read or write the file: for keys. */
struct status file_read_private(const char *path, size_t size_max, struct arena *arena,
                                struct span *out_bytes) MUST_CHECK;

/* Replaces the file's content so that a crash leaves the old or the new file, whole: a new file beside it with exactly
 * the rights `mode`, synced, renamed over it, the directory synced. DENIED (rights, read-only); NOT_FOUND (no such
 * folder); LIMIT (path too long); IO, after which the old file still stands unless only the last sync failed. */
struct status file_write(const char *path, struct span bytes, mode_t mode) MUST_CHECK;

/* Syncs the folder that holds `path`, so that a file made or removed in it stays so. */
struct status file_sync_folder(const char *path) MUST_CHECK;

/* The status that an errno of open, read, write, rename and the like stands for. */
struct status file_error(int error);

#endif
