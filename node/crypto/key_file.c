/* SPDX-License-Identifier: Apache-2.0 */
#include "node/crypto/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void key_file_problem(char *problem, size_t problem_size, const char *path, const char *what)
{
    if (problem && problem_size != 0) {
        (void)snprintf(problem, problem_size, "%s%s%s", path, path[0] ? ": " : "", what);
    }
}

struct place {
    const char *path;
    char *problem;
    size_t problem_size;
};

static struct status refuse(const struct place *place, enum status_code code, const char *what)
{
    key_file_problem(place->problem, place->problem_size, place->path, what);
    return STATUS_MAKE(code);
}

static struct status refuse_errno(const struct place *place, const char *doing)
{
    enum status_code code = errno == ENOENT                     ? STATUS_NOT_FOUND
                            : errno == EEXIST                   ? STATUS_EXISTS
                            : errno == EACCES || errno == EPERM ? STATUS_DENIED
                                                                : STATUS_IO;
    const char *hint = code == STATUS_NOT_FOUND ? " (make the node's keys first, or correct the path)"
                       : code == STATUS_EXISTS  ? " (a key is never overwritten: move the old file away first)"
                       : code == STATUS_DENIED  ? " (give the file to the user that runs simpul)"
                                                : "";
    char reason[128];
    char what[320];
    (void)snprintf(what, sizeof what, "%s: %s%s", doing, strerror_r(errno, reason, sizeof reason), hint);
    return refuse(place, code, what);
}

static struct status mode_check(const struct place *place, const struct stat *info)
{
    if (!S_ISREG(info->st_mode)) {
        return refuse(place, STATUS_DENIED, "not a plain file; a private key is read from a plain file only");
    }
    if (info->st_uid != geteuid() && info->st_uid != 0) {
        return refuse(place, STATUS_DENIED,
                      "belongs to another user, who could replace the key; chown it to the user that "
                      "runs simpul");
    }
    if ((info->st_mode & 07377) != 0) {
        char what[160];
        (void)snprintf(
            what, sizeof what,
            "has mode %04o, but only its owner may read a private key, and nobody write it; run chmod 0400 on it",
            (unsigned)(info->st_mode & 07777));
        return refuse(place, STATUS_DENIED, what);
    }
    if (info->st_size > KEY_FILE_SIZE_MAX) {
        return refuse(place, STATUS_INVALID, "too large for a private key");
    }
    return status_ok();
}

static struct status bytes_read(const struct place *place, int fd, char *bytes, size_t capacity, size_t *out_size)
{
    size_t size = 0;
    while (size < capacity) {
        ssize_t n = read(fd, bytes + size, capacity - size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return refuse_errno(place, "cannot be read");
        }
        if (n == 0) {
            break;
        }
        size += (size_t)n;
    }
    *out_size = size;
    return status_ok();
}

/* Without this, OpenSSL would ask for a passphrase on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *owner)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)owner;
    return -1;
}

static struct status pem_parse(const struct place *place, const char *bytes, size_t size, EVP_PKEY **out_pkey)
{
    ERR_clear_error();
    BIO *bio = BIO_new_mem_buf(bytes, (int)size);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    if (!pkey) {
        return refuse(place, STATUS_INVALID,
                      "not an unencrypted private key in PEM form (BEGIN PRIVATE KEY); restore it from "
                      "the keys' backup");
    }
    *out_pkey = pkey;
    return status_ok();
}

struct status key_file_read_any(const char *path, EVP_PKEY **out_pkey, char *problem, size_t problem_size)
{
    const struct place place = {path, problem, problem_size};
    struct stat info;
    /* NONBLOCK: opening a FIFO by mistake must not hang. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return refuse_errno(&place, "cannot be opened");
    }
    char bytes[KEY_FILE_SIZE_MAX];
    size_t size = 0;
    struct status status =
        fstat(fd, &info) != 0 ? refuse_errno(&place, "cannot be examined") : mode_check(&place, &info);
    if (status_is_ok(status)) {
        status = bytes_read(&place, fd, bytes, sizeof bytes, &size);
    }
    (void)close(fd);
    if (status_is_ok(status)) {
        status = pem_parse(&place, bytes, size, out_pkey);
    }
    OPENSSL_cleanse(bytes, size);
    return status;
}

struct status key_file_read(const char *path, EVP_PKEY **out_pkey, char *problem, size_t problem_size)
{
    const struct place place = {path, problem, problem_size};
    EVP_PKEY *pkey;
    TRY(key_file_read_any(path, &pkey, problem, problem_size));
    if (EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519) {
        EVP_PKEY_free(pkey);
        return refuse(&place, STATUS_INVALID, "holds a key of another kind; log and cosigner keys are Ed25519");
    }
    *out_pkey = pkey;
    return status_ok();
}

static struct status bytes_write(const struct place *place, int fd, const char *bytes, size_t size)
{
    while (size != 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return refuse_errno(place, "cannot be written");
        }
        bytes += n;
        size -= (size_t)n;
    }
    return fsync(fd) == 0 ? status_ok() : refuse_errno(place, "cannot be synced");
}

static struct status folder_sync(const struct place *place)
{
    char copy[PATH_MAX];
    if (strlen(place->path) >= sizeof copy) {
        errno = ENAMETOOLONG;
        return refuse_errno(place, "cannot be synced");
    }
    memcpy(copy, place->path, strlen(place->path) + 1);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    struct status status = good ? status_ok() : refuse_errno(place, "its folder cannot be synced");
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

static struct status file_make(const struct place *place, const char *bytes, size_t size)
{
    int fd = open(place->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (fd < 0) {
        return refuse_errno(place, "cannot be made");
    }
    /* The umask may have taken the owner's right to read. */
    struct status status =
        fchmod(fd, 0400) == 0 ? bytes_write(place, fd, bytes, size) : refuse_errno(place, "cannot get mode 0400");
    (void)close(fd);
    if (status_is_ok(status)) {
        status = folder_sync(place);
    }
    if (!status_is_ok(status)) {
        (void)unlink(place->path);
    }
    return status;
}

struct status key_file_write(const char *path, EVP_PKEY *pkey, char *problem, size_t problem_size)
{
    const struct place place = {path, problem, problem_size};
    ERR_clear_error();
    BIO *bio = BIO_new(BIO_s_secmem()); /* cleansed when freed */
    char *bytes = NULL;
    bool good = bio && PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1;
    long size = good ? BIO_get_mem_data(bio, &bytes) : 0;
    struct status status = size > 0 ? file_make(&place, bytes, (size_t)size)
                                    : refuse(&place, STATUS_NO_MEMORY, "OpenSSL could not encode it");
    BIO_free(bio);
    ERR_clear_error();
    return status;
}
