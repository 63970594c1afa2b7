/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_HTTP_DEPLOYMENT_H
#define TESTS_UNIT_HTTP_DEPLOYMENT_H

#include <assert.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "node/http/client.h"
#include "node/http/server.h"
#include "node/pki/pki.h"

/* A deployment for tests in a temporary folder: two authorities, certificates of both, a loop, a deadline instead of
 * sleeps. */

struct deployment {
    char folder[64];
    char problem[PKI_PROBLEM_SIZE];
    uv_loop_t loop;
    uv_timer_t alarm;
    bool late;
};

#define ISSUER_OURS "ours"
#define ISSUER_OTHER "other"

/* Static text, overwritten after 8 calls. */
static inline const char *path_in(const struct deployment *deployment, const char *issuer, const char *file)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s/%s", deployment->folder, issuer, file);
    return path;
}

static inline void check(struct deployment *deployment, struct status status)
{
    if (!status_is_ok(status)) {
        (void)fprintf(stderr, "%s\n", deployment->problem);
    }
    assert(status_is_ok(status));
}

static inline void issue_at(struct deployment *deployment, const char *issuer, enum pki_kind kind, const char *name,
                            int64_t now_s)
{
    static const char *const dns[] = {"localhost", "hub.test"};
    static const char *const ip[] = {"127.0.0.1"};
    char folder[128];
    struct pki_issue issue = {.kind = kind, .name = name, .node_id = "61.03", .now_s = now_s};
    if (kind == PKI_SERVER) {
        issue.dns = dns;
        issue.dns_count = 2;
        issue.ip = ip;
        issue.ip_count = 1;
    }
    (void)snprintf(folder, sizeof folder, "%s/%s", deployment->folder, issuer);
    check(deployment, pki_issue(folder, folder, &issue, deployment->problem, sizeof deployment->problem));
}

static inline void make_authority(struct deployment *deployment, const char *issuer)
{
    char folder[128];
    int64_t now_s = time(NULL);
    (void)snprintf(folder, sizeof folder, "%s/%s", deployment->folder, issuer);
    check(deployment, pki_ca_create(folder, issuer, now_s, deployment->problem, sizeof deployment->problem));
    issue_at(deployment, issuer, PKI_SERVER, "hub", now_s);
    issue_at(deployment, issuer, PKI_NODE, "node", now_s);
}

static inline struct deployment *deployment_new(void)
{
    struct deployment *deployment = calloc(1, sizeof *deployment);
    assert(deployment);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(deployment->folder, sizeof deployment->folder, "/tmp/simpul-http-XXXXXX");
    char *made = mkdtemp(deployment->folder);
    assert(made);
    make_authority(deployment, ISSUER_OURS);
    make_authority(deployment, ISSUER_OTHER);
    return deployment;
}

static inline void remove_folder(const char *folder)
{
    char path[512];
    DIR *entries = opendir(folder);
    struct dirent *entry;
    while (entries && (entry = readdir(entries)) != NULL) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    if (entries) {
        (void)closedir(entries);
    }
    (void)rmdir(folder);
}

static inline void deployment_free(struct deployment *deployment)
{
    char folder[128];
    (void)snprintf(folder, sizeof folder, "%s/" ISSUER_OURS, deployment->folder);
    remove_folder(folder);
    (void)snprintf(folder, sizeof folder, "%s/" ISSUER_OTHER, deployment->folder);
    remove_folder(folder);
    remove_folder(deployment->folder);
    free(deployment);
}

static inline void on_alarm(uv_timer_t *timer)
{
    ((struct deployment *)timer->data)->late = true;
}

static inline void loop_begin(struct deployment *deployment)
{
    (void)uv_loop_init(&deployment->loop);
    (void)uv_timer_init(&deployment->loop, &deployment->alarm);
    deployment->alarm.data = deployment;
}

/* All handles must be closed by now. */
static inline void loop_end(struct deployment *deployment)
{
    uv_close((uv_handle_t *)&deployment->alarm, NULL);
    (void)uv_run(&deployment->loop, UV_RUN_DEFAULT);
    int closed = uv_loop_close(&deployment->loop);
    assert(closed == 0);
    (void)closed;
}

/* Runs the loop until the condition holds; false after 20 s. */
static inline bool run_until(struct deployment *deployment, bool (*condition)(void *owner), void *owner)
{
    deployment->late = false;
    (void)uv_timer_start(&deployment->alarm, on_alarm, 20000, 0);
    while (!condition(owner) && !deployment->late) {
        (void)uv_run(&deployment->loop, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&deployment->alarm);
    return condition(owner);
}

static inline struct http_listener listener_of(const struct deployment *deployment, bool tls, bool client_certificate)
{
    return (struct http_listener){
        .address = "127.0.0.1",
        .tls = tls,
        .client_certificate = client_certificate,
        .certificate_path = path_in(deployment, ISSUER_OURS, "hub.pem"),
        .key_path = path_in(deployment, ISSUER_OURS, "hub.key"),
        .client_ca_path = path_in(deployment, ISSUER_OURS, "ca.pem"),
    };
}

#endif
