/* SPDX-License-Identifier: Apache-2.0 */
#include "node/pki/pki_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct status pki_problem(enum status_code code, char *problem, size_t problem_size, const char *format, ...)
{
    if (problem && problem_size > 0) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(problem, problem_size, format, arguments);
        va_end(arguments);
    }
    ERR_clear_error();
    return STATUS_MAKE(code);
}

struct status pki_path(const char *directory, const char *stem, const char *suffix, char *problem, size_t problem_size,
                       char out_path[PKI_PATH_SIZE])
{
    int size = snprintf(out_path, PKI_PATH_SIZE, "%s/%s.%s", directory, stem, suffix);
    if (size < 0 || size >= PKI_PATH_SIZE) {
        return pki_problem(STATUS_LIMIT, problem, problem_size, "The path of %s.%s is too long. Use a shorter folder.",
                           stem, suffix);
    }
    return status_ok();
}

struct status pki_directory(const char *directory, char *problem, size_t problem_size)
{
    if (mkdir(directory, 0700) == 0 || errno == EEXIST) {
        return status_ok();
    }
    return pki_problem(STATUS_IO, problem, problem_size,
                       "The folder %s cannot be made: %s. Make its parent first, or choose another one.", directory,
                       strerror(errno));
}

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, bytes, size);
        if (put < 0 && errno != EINTR) {
            return false;
        }
        if (put > 0) {
            bytes += put;
            size -= (size_t)put;
        }
    }
    return fsync(fd) == 0;
}

/* The name of a new file is only safe on disk once its folder is. */
static bool sync_folder_of(const char *path)
{
    char copy[PKI_PATH_SIZE];
    (void)snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

/* Through a temporary name, then link(), which refuses a name that is taken: nobody sees half a key, and none is lost.
 */
static int create_file(const char *path, mode_t mode, const char *bytes, size_t size)
{
    char temporary[PKI_PATH_SIZE + 8];
    (void)snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int error = 0;
    if (!write_all(fd, bytes, size) || fchmod(fd, mode) != 0 || link(temporary, path) != 0) {
        error = errno;
    }
    (void)close(fd);
    (void)unlink(temporary);
    return error == 0 && !sync_folder_of(path) ? errno : error;
}

struct status pki_write(const char *path, mode_t mode, BIO *bytes, char *problem, size_t problem_size)
{
    char *data = NULL;
    long size = bytes ? BIO_get_mem_data(bytes, &data) : 0;
    if (size <= 0) {
        return pki_problem(STATUS_NO_MEMORY, problem, problem_size, "Not enough memory to write %s.", path);
    }
    int error = create_file(path, mode, data, (size_t)size);
    if (error == EEXIST) {
        return pki_problem(STATUS_EXISTS, problem, problem_size,
                           "%s is there already and is never overwritten. Choose another name, or move it away first.",
                           path);
    }
    if (error != 0) {
        return pki_problem(STATUS_IO, problem, problem_size,
                           "%s cannot be written: %s. Check the folder and its rights.", path, strerror(error));
    }
    return status_ok();
}

struct status pki_write_certificate(const char *path, X509 *certificate, char *problem, size_t problem_size)
{
    BIO *bytes = BIO_new(BIO_s_mem());
    if (bytes) {
        (void)PEM_write_bio_X509(bytes, certificate);
    }
    struct status status = pki_write(path, 0444, bytes, problem, problem_size);
    BIO_free(bytes);
    return status;
}

struct status pki_write_public(const char *path, EVP_PKEY *key, char *problem, size_t problem_size)
{
    BIO *bytes = BIO_new(BIO_s_mem());
    if (bytes) {
        (void)PEM_write_bio_PUBKEY(bytes, key);
    }
    struct status status = pki_write(path, 0444, bytes, problem, problem_size);
    BIO_free(bytes);
    return status;
}

static struct status cannot_open(const char *path, char *problem, size_t problem_size)
{
    return errno == ENOENT
               ? pki_problem(STATUS_NOT_FOUND, problem, problem_size,
                             "%s is not there. Give the right path, or make it with `simpul pki`.", path)
               : pki_problem(STATUS_IO, problem, problem_size, "%s cannot be opened: %s.", path, strerror(errno));
}

struct status pki_key_file_check(const char *path, char *problem, size_t problem_size)
{
    struct stat facts;
    if (stat(path, &facts) != 0) {
        return cannot_open(path, problem, problem_size);
    }
    if (!S_ISREG(facts.st_mode)) {
        return pki_problem(STATUS_DENIED, problem, problem_size, "%s is not a file. Give the path of the key file.",
                           path);
    }
    if ((facts.st_mode & 0177) != 0) {
        return pki_problem(STATUS_DENIED, problem, problem_size,
                           "The private key %s can be used by others (mode %04o). Run: chmod 400 %s", path,
                           (unsigned)(facts.st_mode & 07777), path);
    }
    if (facts.st_uid != geteuid() && geteuid() != 0) {
        return pki_problem(STATUS_DENIED, problem, problem_size,
                           "The private key %s belongs to another user. Run: chown %u %s", path, (unsigned)geteuid(),
                           path);
    }
    return status_ok();
}

struct status pki_read_certificate(const char *path, char *problem, size_t problem_size, X509 **out_certificate)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return cannot_open(path, problem, problem_size);
    }
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    (void)fclose(file);
    if (!certificate) {
        return pki_problem(
            STATUS_INVALID, problem, problem_size,
            "%s does not hold a certificate in PEM form. Restore it, or issue a new one with `simpul pki`.", path);
    }
    *out_certificate = certificate;
    return status_ok();
}
