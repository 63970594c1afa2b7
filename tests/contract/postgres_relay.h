/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CONTRACT_POSTGRES_RELAY_H
#define TESTS_CONTRACT_POSTGRES_RELAY_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

/* A relay between a store and its PostgreSQL server, on a Unix socket of its own, that can break the connection at a COMMIT.
 * One connection at a time, in a thread. */

enum relay_cut {
    RELAY_PASS,
    RELAY_CUT_BEFORE, /* the COMMIT does not arrive: both sides are closed */
    RELAY_CUT_AFTER,  /* it arrives and is answered; the answer does not arrive */
    RELAY_CUT_BLIND,  /* it arrives, and both sides are closed at once */
    RELAY_CUT_HALF,   /* it does not arrive, and the server does not notice that the client has gone */
    RELAY_CUT_NOW,    /* with the next bytes, whatever they are */
};

struct relay {
    char folder[64];
    struct sockaddr_un server;
    int listener;
    int stop[2]; /* a pipe that wakes the thread for its end */
    int kept;    /* the server's side of a half cut, or -1 */
    pthread_t thread;
    _Atomic enum relay_cut cut; /* armed for the next COMMIT */
    atomic_uint cuts;
};

static bool relay_write(int fd, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = send(fd, bytes + at, size - at, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        at += (size_t)n;
    }
    return true;
}

/* Reads until the server is ready for the next query. */
static void relay_await_ready(int server)
{
    static const uint8_t ready[] = {'Z', 0, 0, 0, 5};
    uint8_t bytes[65536];
    for (;;) {
        ssize_t n = recv(server, bytes, sizeof bytes, 0);
        if (n <= 0 || (n >= 6 && memcmp(bytes + n - 6, ready, sizeof ready) == 0)) {
            return;
        }
    }
}

static bool relay_is_commit(const uint8_t *bytes, size_t size)
{
    return memmem(bytes, size, "COMMIT", sizeof "COMMIT") != NULL;
}

/* What came from the client goes on to the server, or the connection ends here (false). */
static bool relay_forward(struct relay *relay, int server, const uint8_t *bytes, size_t size)
{
    enum relay_cut cut = atomic_load(&relay->cut);
    if (cut == RELAY_PASS || (cut != RELAY_CUT_NOW && !relay_is_commit(bytes, size))) {
        return relay_write(server, bytes, size);
    }
    if (cut == RELAY_CUT_AFTER || cut == RELAY_CUT_BLIND) {
        relay_write(server, bytes, size);
    }
    if (cut == RELAY_CUT_AFTER) {
        relay_await_ready(server);
    }
    if (cut == RELAY_CUT_HALF) {
        relay->kept = dup(server);
    }
    atomic_store(&relay->cut, RELAY_PASS);
    atomic_fetch_add(&relay->cuts, 1);
    return false;
}

static void relay_serve(struct relay *relay, int client, int server)
{
    static uint8_t bytes[1 << 20];
    for (;;) {
        struct pollfd fds[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN},
                               {.fd = relay->stop[0], .events = POLLIN}};
        if (poll(fds, 3, -1) < 0 || fds[2].revents) {
            return;
        }
        if (fds[0].revents) {
            ssize_t n = recv(client, bytes, sizeof bytes, 0);
            if (n <= 0 || !relay_forward(relay, server, bytes, (size_t)n)) {
                return;
            }
        }
        if (fds[1].revents) {
            ssize_t n = recv(server, bytes, sizeof bytes, MSG_DONTWAIT);
            if (n == 0 || (n > 0 && !relay_write(client, bytes, (size_t)n))) {
                return;
            }
        }
    }
}

static void *relay_main(void *argument)
{
    struct relay *relay = argument;
    for (;;) {
        struct pollfd fds[] = {{.fd = relay->listener, .events = POLLIN}, {.fd = relay->stop[0], .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 || fds[1].revents) {
            return NULL;
        }
        int client = accept(relay->listener, NULL, NULL);
        int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(server, (const struct sockaddr *)&relay->server, sizeof relay->server) == 0) {
            relay_serve(relay, client, server);
        }
        close(client);
        close(server);
    }
}

static void relay_start(struct relay *relay, const char *server_folder)
{
    struct sockaddr_un own = {.sun_family = AF_UNIX};
    *relay = (struct relay){.server = {.sun_family = AF_UNIX}, .kept = -1};
    snprintf(relay->folder, sizeof relay->folder, "/tmp/simpul-relay-XXXXXX");
    assert_non_null(mkdtemp(relay->folder));
    snprintf(relay->server.sun_path, sizeof relay->server.sun_path, "%.64s/.s.PGSQL.5432", server_folder);
    snprintf(own.sun_path, sizeof own.sun_path, "%.64s/.s.PGSQL.5432", relay->folder);
    relay->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(relay->listener, (const struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(listen(relay->listener, 8), 0);
    assert_int_equal(pipe(relay->stop), 0);
    assert_int_equal(pthread_create(&relay->thread, NULL, relay_main, relay), 0);
}

static void relay_stop(struct relay *relay)
{
    char path[128];
    assert_int_equal(write(relay->stop[1], "x", 1), 1);
    pthread_join(relay->thread, NULL);
    close(relay->listener);
    close(relay->stop[0]);
    close(relay->stop[1]);
    if (relay->kept >= 0) {
        close(relay->kept);
    }
    snprintf(path, sizeof path, "%s/.s.PGSQL.5432", relay->folder);
    unlink(path);
    rmdir(relay->folder);
}

#endif
