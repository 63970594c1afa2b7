/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CLI_LOG_FILES_H
#define NODE_CLI_LOG_FILES_H

#include <jansson.h>
#include <stdio.h>

#include "sync/tree.h"

/* A log as files that others can verify, laid out as C2SP tlog-tiles:
 *
 *   checkpoint             the signed note
 *   tile/L/N[.p/W]         hash tiles of 256 (the last of a level: W), 32 bytes each; N as 000, 001, x001/000
 *   tile/entries/N[.p/W]   entries: be16 size, then the bytes
 *   proofs                 text: keys, note, each entry with its inclusion proof, as tests/system/verify-go reads it
 *
 * The names are proved by tests/unit/cli/test_text.c, the content by tests/system/verify-go on an export. */

enum { LOG_FILES_LEVELS = 8, LOG_FILES_PATH = 1024 };

struct log_tile {
    struct hash hashes[256];
    size_t count;
    uint64_t index; /* of the tile that is being filled */
};

struct log_files {
    char folder[LOG_FILES_PATH - 128];
    struct crypto *crypto; /* owned */
    FILE *proofs;
    uint64_t size;
    struct log_tile *tiles; /* owned, LOG_FILES_LEVELS */
    uint8_t *bundle;        /* owned: entries of the tile that is being filled */
    size_t bundle_size;
    char problem[LOG_FILES_PATH + 128];
};

/* `head`: the reply of log.head. EXISTS if the folder holds a checkpoint already; IO. */
struct status log_files_open(struct log_files *files, const char *folder, const json_t *head) MUST_CHECK;
/* The next entry, one of the reply of log.leaves: {"leaf": base64, "proof": [base64]}. */
struct status log_files_add(struct log_files *files, const json_t *leaf) MUST_CHECK;
/* Writes the partial tiles. */
struct status log_files_finish(struct log_files *files) MUST_CHECK;
void log_files_release(struct log_files *files);

/* "000", "x001/000", "x001/x234/067": tlog-tiles. */
void log_files_index(uint64_t index, char out_text[64]);

#endif
