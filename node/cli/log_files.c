/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/log_files.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/base/files.h"
#include "node/base/heap.h"
#include "node/crypto/crypto_openssl.h"
#include "sync/note.h"

enum { TILE = 256, BUNDLE_MAX = TILE * (2 + 65535) };

static struct status failed(struct log_files *files, enum status_code code, const char *path, const char *why)
{
    snprintf(files->problem, sizeof files->problem, "%s: %s", path, why);
    return STATUS_MAKE(code);
}

void log_files_index(uint64_t index, char out_text[64])
{
    char text[64];
    size_t size = 0;
    unsigned groups[8];
    size_t count = 0;
    do {
        groups[count++] = (unsigned)(index % 1000);
        index /= 1000;
    } while (index > 0 && count < 8);
    for (size_t i = count; i > 0; i--) {
        size += (size_t)snprintf(text + size, sizeof text - size, i > 1 ? "x%03u/" : "%03u", groups[i - 1]);
    }
    memcpy(out_text, text, sizeof text);
}

/* Every folder above `path`. */
static void folders_make(char *path)
{
    for (char *at = path + 1; *at; at++) {
        if (*at == '/') {
            *at = 0;
            (void)mkdir(path, 0755); /* what fails is said when the file is opened */
            *at = '/';
        }
    }
}

static struct status whole_write(struct log_files *files, char *path, const void *bytes, size_t size)
{
    folders_make(path);
    struct status status = file_write(path, span_of(bytes, size), 0644);
    return status_is_ok(status) ? status : failed(files, status.code, path, "cannot be written: check the folder's rights and space");
}

/* `count` below TILE: a partial one. */
static struct status tile_write(struct log_files *files, const char *level, uint64_t index, size_t count, const void *bytes,
                                size_t size)
{
    char path[LOG_FILES_PATH];
    char number[64];
    log_files_index(index, number);
    int used = snprintf(path, sizeof path, "%s/tile/%s/%s", files->folder, level, number);
    if (count < TILE) {
        snprintf(path + used, sizeof path - (size_t)used, ".p/%zu", count);
    }
    return whole_write(files, path, bytes, size);
}

static struct status level_write(struct log_files *files, size_t level)
{
    char name[24];
    struct log_tile *tile = &files->tiles[level];
    snprintf(name, sizeof name, "%zu", level);
    return tile_write(files, name, tile->index, tile->count, tile->hashes, tile->count * sizeof tile->hashes[0]);
}

/* One hash more in a level; a full tile is written, and its root is one hash more in the level above. */
static struct status hash_add(struct log_files *files, struct hash hash)
{
    for (size_t level = 0; level < LOG_FILES_LEVELS; level++) {
        struct log_tile *tile = &files->tiles[level];
        tile->hashes[tile->count++] = hash;
        if (tile->count < TILE) {
            return status_ok();
        }
        TRY(level_write(files, level));
        struct hash roots[TILE];
        memcpy(roots, tile->hashes, sizeof roots);
        for (size_t width = TILE; width > 1; width /= 2) {
            for (size_t i = 0; i < width / 2; i++) {
                tree_node_hash(files->crypto, &roots[2 * i], &roots[2 * i + 1], &roots[i]);
            }
        }
        hash = roots[0];
        tile->count = 0;
        tile->index++;
    }
    return failed(files, STATUS_LIMIT, files->folder, "the log is too large");
}

static struct status head_write(struct log_files *files, const json_t *head)
{
    char path[LOG_FILES_PATH];
    const char *note = json_string_value(json_object_get(head, "checkpoint"));
    const char *key = json_string_value(json_object_get(head, "key"));
    const char *cosigner = json_string_value(json_object_get(head, "cosigner"));
    struct arena arena;
    struct buffer buffer;
    struct span base64;
    snprintf(path, sizeof path, "%s/checkpoint", files->folder);
    if (access(path, F_OK) == 0) {
        return failed(files, STATUS_EXISTS, path, "is there already: choose an empty folder");
    }
    if (!note || !key || !cosigner) {
        return failed(files, STATUS_INVALID, path, "the log has no signed checkpoint yet");
    }
    TRY(whole_write(files, path, note, strlen(note)));
    snprintf(path, sizeof path, "%s/proofs", files->folder);
    files->proofs = fopen(path, "wxe");
    if (!files->proofs) {
        return failed(files, STATUS_IO, path, strerror(errno));
    }
    arena_init(&arena, memory_heap(), SIZE_MAX);
    buffer_init(&buffer, &arena);
    base64_write(&buffer, span_text(note));
    struct status status = buffer_end(&buffer, &base64);
    if (status_is_ok(status)) {
        /* `older` with the note itself: the smallest consistency there is. */
        fprintf(files->proofs, "key %s\ncosigner %s\nnote %.*s\n", key, cosigner, (int)base64.size, (const char *)base64.data);
        fprintf(files->proofs, "older %.*s\n", (int)base64.size, (const char *)base64.data);
    }
    arena_release(&arena);
    return status;
}

struct status log_files_open(struct log_files *files, const char *folder, const json_t *head)
{
    *files = (struct log_files){.proofs = NULL};
    if (snprintf(files->folder, sizeof files->folder, "%s", folder) >= (int)sizeof files->folder) {
        return failed(files, STATUS_LIMIT, "the folder", "its path is too long");
    }
    files->tiles = calloc(LOG_FILES_LEVELS, sizeof *files->tiles);
    files->bundle = malloc(BUNDLE_MAX);
    if (!files->tiles || !files->bundle) {
        return failed(files, STATUS_NO_MEMORY, folder, "out of memory");
    }
    TRY(crypto_openssl_new(NULL, &files->crypto, files->problem, sizeof files->problem));
    return head_write(files, head);
}

static struct status entry_add(struct log_files *files, struct span leaf)
{
    if (leaf.size > 65535) {
        return failed(files, STATUS_LIMIT, files->folder, "an entry is larger than any this program writes");
    }
    files->bundle[files->bundle_size] = (uint8_t)(leaf.size >> 8);
    files->bundle[files->bundle_size + 1] = (uint8_t)leaf.size;
    memcpy(files->bundle + files->bundle_size + 2, leaf.data, leaf.size);
    files->bundle_size += leaf.size + 2;
    files->size++;
    if (files->size % TILE == 0) {
        TRY(tile_write(files, "entries", files->size / TILE - 1, TILE, files->bundle, files->bundle_size));
        files->bundle_size = 0;
    }
    struct hash hash;
    tree_leaf_hash(files->crypto, leaf, &hash);
    return hash_add(files, hash);
}

struct status log_files_add(struct log_files *files, const json_t *json)
{
    const char *base64 = json_string_value(json_object_get(json, "leaf"));
    const json_t *proof = json_object_get(json, "proof");
    struct arena arena;
    struct span leaf;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    struct status status = base64 ? base64_read(span_text(base64), &arena, &leaf) : STATUS_MAKE(STATUS_INVALID);
    if (status_is_ok(status)) {
        fprintf(files->proofs, "leaf %llu %s", (unsigned long long)files->size, base64);
        for (size_t i = 0; i < json_array_size(proof); i++) {
            fprintf(files->proofs, " %s", json_string_value(json_array_get(proof, i)));
        }
        fputc('\n', files->proofs);
        status = entry_add(files, leaf);
    } else {
        status = failed(files, STATUS_INVALID, files->folder, "the node's answer is damaged");
    }
    arena_release(&arena);
    return status;
}

struct status log_files_finish(struct log_files *files)
{
    if (files->bundle_size > 0) {
        TRY(tile_write(files, "entries", files->size / TILE, (size_t)(files->size % TILE), files->bundle, files->bundle_size));
    }
    for (size_t level = 0; level < LOG_FILES_LEVELS; level++) {
        if (files->tiles[level].count > 0) {
            TRY(level_write(files, level));
        }
    }
    bool good = fflush(files->proofs) == 0 && fsync(fileno(files->proofs)) == 0;
    return good ? status_ok() : failed(files, STATUS_IO, "proofs", strerror(errno));
}

void log_files_release(struct log_files *files)
{
    if (files->proofs) {
        fclose(files->proofs);
    }
    crypto_openssl_free(files->crypto);
    free(files->tiles);
    free(files->bundle);
    *files = (struct log_files){.proofs = NULL};
}
