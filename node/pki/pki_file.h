/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PKI_PKI_FILE_H
#define NODE_PKI_PKI_FILE_H

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/types.h>

#include "node/pki/pki.h"

/* Files of certificates and public keys: read whole, written whole or not at all (private keys:
 * node/crypto/key_file.h). Internal to node/pki. */

#define PKI_PATH_SIZE 4096

/* Writes one sentence (printf) into `problem` and returns that status. */
struct status pki_problem(enum status_code code, char *problem, size_t problem_size, const char *format, ...)
    __attribute__((format(printf, 4, 5))) MUST_CHECK;
/* DIRECTORY/STEM.SUFFIX; LIMIT when too long. */
struct status pki_path(const char *directory, const char *stem, const char *suffix, char *problem, size_t problem_size,
                       char out_path[PKI_PATH_SIZE]) MUST_CHECK;
/* Makes the folder (0700) unless it is there. */
struct status pki_directory(const char *directory, char *problem, size_t problem_size) MUST_CHECK;
/* New file of that mode, synced, EXISTS when it is there. */
struct status pki_write(const char *path, mode_t mode, BIO *bytes, char *problem, size_t problem_size) MUST_CHECK;
struct status pki_write_certificate(const char *path, X509 *certificate, char *problem, size_t problem_size) MUST_CHECK;
struct status pki_write_public(const char *path, EVP_PKEY *key, char *problem, size_t problem_size) MUST_CHECK;
/* Owned by the caller. */
struct status pki_read_certificate(const char *path, char *problem, size_t problem_size,
                                   X509 **out_certificate) MUST_CHECK;

#endif
