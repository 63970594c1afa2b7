/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "node/base/files.h"
#include "node/store/sqlite_parts.h"

/* What has to hold before the first read. A foreign file must not be changed before it is known, so WAL comes later. */
static const char first_sql[] = "PRAGMA locking_mode=EXCLUSIVE;"
                                "PRAGMA trusted_schema=OFF;"
                                "PRAGMA cell_size_check=ON;"
                                "PRAGMA mmap_size=0;"
                                "PRAGMA temp_store=MEMORY;"
                                "PRAGMA page_size=8192;" /* of a new store; an old one keeps its own */
                                "PRAGMA cache_size=-8192;"
                                /* what an erasure removes must not stay readable in free pages */
                                "PRAGMA secure_delete=ON;";

static const char then_sql[] = "PRAGMA journal_mode=WAL;"
                               "PRAGMA synchronous=FULL;"
                               "PRAGMA journal_size_limit=33554432;"
                               "BEGIN IMMEDIATE; COMMIT;"; /* takes the lock now, not at the first write */

/* 24 MB of log. Pages of the indexes are written again and again; the later the checkpoint, the fewer of them go to the
 * database twice (at 4 KiB a page 8 MB: 3.7 KB per change, 24 MB: 3.0 KB). */
#define CHECKPOINT_BYTES (24 * 1024 * 1024)

/* After each commit. SQLite's own hook throws the result of the checkpoint away; a failed sync of the database must end
 * this store instead. The commit itself stands: it is in the log that the next opening reads. */
static int after_commit(void *owner, sqlite3 *db, const char *name, int pages)
{
    struct sqlite_store *s = owner;
    if ((int64_t)pages * s->page_size >= CHECKPOINT_BYTES) {
        int rc = sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        if ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CORRUPT) {
            s->problem = "disk failed: open the store anew";
            s->dead = true;
        }
    }
    return SQLITE_OK;
}

/* Made here, because SQLite would make it readable for everybody. An existing file is not opened: closing it again
 * would drop the locks that another connection of this process has on it. */
static struct status file_make(const char *path)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == EEXIST ? status_ok() : file_error(errno);
    }
    close(fd);
    return file_sync_folder(path);
}

static struct status connect_and_prepare(struct sqlite_store *s, const char *vfs, char *problem, size_t problem_size)
{
    bool empty = false;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (vfs) {
        flags |= SQLITE_OPEN_CREATE;
    } else {
        TRY(file_make(s->path));
    }
    TRY(sqlite_result(s, sqlite3_open_v2(s->path, &s->db, flags, vfs)));
    TRY(sqlite_result(s, sqlite3_exec(s->db, first_sql, NULL, NULL, NULL)));
    TRY(sqlite_schema_check(s, problem, problem_size, &empty));
    TRY(sqlite_result(s, sqlite3_exec(s->db, then_sql, NULL, NULL, NULL)));
    if (empty) {
        TRY(sqlite_schema_make(s));
    }
    TRY(sqlite_number(s, "PRAGMA page_size", &s->page_size));
    sqlite3_wal_hook(s->db, after_commit, s); /* instead of SQLite's own */
    return status_ok();
}

static const char *open_sentence(struct status status, int failure)
{
    if (failure == SQLITE_CORRUPT || failure == SQLITE_NOTADB) {
        return "%s is damaged or is no store of simpul; put the last backup in its place and start again";
    }
    if (failure == SQLITE_FULL) {
        return "no space is left on the disk of %s; make room and start again";
    }
    switch (status.code) {
    case STATUS_BUSY:
        return "%s is in use by another process; stop that process, or ask it through its socket";
    case STATUS_NOT_FOUND:
        return "the folder of %s does not exist; make it, owned by the user that runs simpul";
    case STATUS_DENIED:
        return "no right to write %s; give the file and its folder to the user that runs simpul";
    case STATUS_NO_MEMORY:
        return "not enough memory to open %s; stop other programs and start again";
    default:
        return "%s cannot be read or written; check the disk and the rights of its folder, then start again";
    }
}

/* SQLite would count every byte it allocates under a lock of the whole process. Nobody asks for these counts. Once, before
 * its first use; later it refuses, and goes on as it is. */
static void library_set_up(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

struct status store_sqlite_open(const char *path, struct memory memory, struct store **out_store, char *problem,
                                size_t problem_size)
{
    return store_sqlite_open_on(NULL, path, memory, out_store, problem, problem_size);
}

struct status store_sqlite_open_on(const char *vfs, const char *path, struct memory memory, struct store **out_store,
                                   char *problem, size_t problem_size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, library_set_up);
    struct sqlite_store *s = memory.alloc(memory.owner, sizeof *s);
    if (!s) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    memset(s, 0, sizeof *s);
    s->store.ops = &sqlite_ops;
    s->memory = memory;
    /* SQLite takes a name with a colon in front for something else than a file. */
    int length = snprintf(s->path, sizeof s->path, "%s%s", path[0] == ':' ? "./" : "", path);
    if (length <= 0 || (size_t)length >= sizeof s->path - sizeof "-journal") {
        memory.release(memory.owner, s);
        snprintf(problem, problem_size, "the path of the store is empty or too long; name a shorter one");
        return STATUS_MAKE(STATUS_LIMIT);
    }
    char sentence[PATH_MAX + 256] = "";
    struct status status = connect_and_prepare(s, vfs, sentence, sizeof sentence);
    if (!status_is_ok(status)) {
        if (sentence[0] == 0) {
            sqlite3_snprintf(sizeof sentence, sentence, open_sentence(status, s->failure), s->path);
        }
        bool damaged = s->failure == SQLITE_CORRUPT || s->failure == SQLITE_NOTADB;
        snprintf(problem, problem_size, "%s", sentence);
        s->store.ops->free(&s->store);
        return damaged ? STATUS_MAKE(STATUS_INVALID) : status;
    }
    *out_store = &s->store;
    return status_ok();
}

static struct status file_sync(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return file_error(errno);
    }
    struct status status = fsync(fd) == 0 ? status_ok() : file_error(errno);
    close(fd);
    return status;
}

/* VACUUM INTO writes without syncing. */
static struct status copy_into(struct sqlite_store *s, const char *path)
{
    sqlite3_stmt *query = NULL;
    TRY(sqlite_result(s, sqlite3_prepare_v2(s->db, "VACUUM INTO ?1", -1, &query, NULL)));
    int rc = sqlite3_bind_text(query, 1, path, -1, SQLITE_STATIC);
    rc = rc ? rc : sqlite3_step(query);
    sqlite3_finalize(query);
    TRY(sqlite_result(s, rc));
    TRY(file_sync(path));
    return file_sync_folder(path);
}

struct status store_sqlite_copy(struct store *store, const char *path)
{
    struct sqlite_store *s = sqlite_store_of(store);
    if (s->open) {
        return STATUS_MAKE(STATUS_BUSY);
    }
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == EEXIST ? STATUS_MAKE(STATUS_EXISTS) : file_error(errno);
    }
    close(fd);
    struct status status = copy_into(s, path);
    if (!status_is_ok(status)) {
        unlink(path);
    }
    return status;
}
