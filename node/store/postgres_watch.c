/* SPDX-License-Identifier: Apache-2.0 */
#include "node/store/postgres_parts.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A connection that only listens, on a thread of its own. What is told while it is away is made up for by one call when it is back;
 * until then the process follows at its own next transaction. */

enum {
    RETRY_MS = 1000,
    TOKEN_TEXT = 33,
};

struct store_watch {
    char *source; /* owned */
    char token[TOKEN_TEXT];
    bool is_replica;
    void (*moved)(void *owner);
    void *owner;
    int end; /* eventfd: readable when the thread is to end */
    pthread_t thread;
};

/* True when it is to end. */
static bool watch_wait(const struct store_watch *watch, int socket, int wait_ms)
{
    struct pollfd fds[2] = {{.fd = watch->end, .events = POLLIN}, {.fd = socket, .events = POLLIN}};
    (void)poll(fds, socket < 0 ? 1 : 2, wait_ms);
    return fds[0].revents != 0;
}

static PGconn *watch_connect(const struct store_watch *watch)
{
    PGconn *conn = pg_connection_open(watch->source, "simpul-watch", "read-write");
    PGresult *result = PQexec(conn, "LISTEN " POSTGRES_CHANNEL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        PQfinish(conn);
        conn = NULL;
    }
    PQclear(result);
    return conn;
}

/* Commits of our own store are no news. */
static bool watch_told(const struct store_watch *watch, PGconn *conn)
{
    bool told = false;
    for (PGnotify *notify; (notify = PQnotifies(conn));) {
        told |= strcmp(notify->extra, watch->token) != 0;
        PQfreemem(notify);
    }
    return told;
}

static void *watch_main(void *argument)
{
    struct store_watch *watch = argument;
    PGconn *conn = NULL;
    pthread_setname_np(pthread_self(), "store watch");
    for (bool end = false; !end;) {
        bool told = false;
        if (!conn) {
            conn = watch->is_replica ? NULL : watch_connect(watch);
            told = watch->is_replica || conn;
        } else if (!PQconsumeInput(conn)) {
            PQfinish(conn);
            conn = NULL;
        } else {
            told = watch_told(watch, conn);
        }
        if (told) {
            watch->moved(watch->owner);
        }
        end = watch_wait(watch, conn ? PQsocket(conn) : -1, conn ? -1 : RETRY_MS);
    }
    PQfinish(conn);
    return NULL;
}

struct status store_postgres_watch_start(const struct store *store, void (*moved)(void *owner), void *owner,
                                         struct store_watch **out_watch)
{
    const struct postgres_store *s = (const struct postgres_store *)store;
    struct store_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    watch->source = strdup(s->source);
    watch->end = eventfd(0, EFD_CLOEXEC);
    watch->is_replica = s->is_replica;
    watch->moved = moved;
    watch->owner = owner;
    pg_hex_text(s->token, watch->token);
    if (!watch->source || watch->end < 0 || pthread_create(&watch->thread, NULL, watch_main, watch) != 0) {
        if (watch->end >= 0) {
            close(watch->end);
        }
        free(watch->source);
        free(watch);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    *out_watch = watch;
    return status_ok();
}

void store_postgres_watch_stop(struct store_watch *watch)
{
    if (!watch) {
        return;
    }
    (void)eventfd_write(watch->end, 1);
    pthread_join(watch->thread, NULL);
    close(watch->end);
    free(watch->source);
    free(watch);
}
