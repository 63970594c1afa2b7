/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CRYPTO_KEY_FILE_H
#define NODE_CRYPTO_KEY_FILE_H

#include <openssl/types.h>
#include <stddef.h>

#include "proto/status.h"

/* Private keys in PEM files of mode 0400, for the files that wrap OpenSSL (crypto here, TLS and certificates
 * elsewhere). A problem is a sentence for the operator: "<path>: <what and what to do>"; buffers may be NULL. */

#define KEY_FILE_SIZE_MAX 16384

/* Writes "<path>: <what>", cut to size; no path, no colon. */
void key_file_problem(char *problem, size_t problem_size, const char *path, const char *what);

/* An unencrypted Ed25519 key. NOT_FOUND; DENIED when the file is not a plain file of this user (or root) or its mode is
 * wider than 0400; INVALID when it holds anything but an Ed25519 key; IO; NO_MEMORY. */
struct status key_file_read(const char *path, EVP_PKEY **out_pkey, char *problem, size_t problem_size) MUST_CHECK;

/* The same for a key of any kind. */
struct status key_file_read_any(const char *path, EVP_PKEY **out_pkey, char *problem, size_t problem_size) MUST_CHECK;

/* PKCS#8 PEM into a new file of mode 0400, file and folder synced. EXISTS if there is one; nothing is left on failure.
 */
struct status key_file_write(const char *path, EVP_PKEY *pkey, char *problem, size_t problem_size) MUST_CHECK;

#endif
