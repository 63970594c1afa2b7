/* SPDX-License-Identifier: Apache-2.0 */
#include "node/control/control.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/base/clock.h"
#include "node/base/heap.h"
#include "node/cli/exit.h"
#include "node/control/verbs.h"

/* One request at a time: verbs are for people and scripts, and a slow one must not starve the engine. A client that says
 * nothing for CLIENT_MS is let go. */
enum { CLIENT_MS = 10000, BACKLOG = 16 };

struct control {
    struct control_host host;
    pthread_t thread;
    int listening;
    int wake;
    char path[108];
    bool started;
};

struct status control_call(struct control_host *host, struct job *job)
{
    if (host->engine) {
        return engine_call(host->engine, job);
    }
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    struct core *core = host->local->core;
    struct status status = core_begin(core, (uint64_t)clock_now_ms());
    if (status_is_ok(status)) {
        status = job->run(job, core, &arena);
        if (status_is_ok(status) && !job->reads_only) {
            status = core_commit(core);
        } else {
            core_rollback(core);
        }
    }
    arena_release(&arena);
    return status;
}

const struct control_verb *control_verb_find(const char *name)
{
    static const struct control_verb *const tables[] = {verbs_status,    verbs_record,   verbs_record_show, verbs_conflicts,
                                                        verbs_quarantine, verbs_log,     verbs_registry,    verbs_connector,
                                                        verbs_import,    verbs_timeline, verbs_account};
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (const struct control_verb *verb = tables[t]; verb->name; verb++) {
            if (strcmp(verb->name, name) == 0) {
                return verb;
            }
        }
    }
    return NULL;
}

void answer_problem(struct control_answer *answer, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    answer->code = code;
    vsnprintf(answer->problem, sizeof answer->problem, format, arguments);
    va_end(arguments);
}

static void verb_run(struct control_host *host, const json_t *request, struct control_answer *answer)
{
    const char *name = json_string_value(json_object_get(request, "verb"));
    const struct control_verb *verb = name ? control_verb_find(name) : NULL;
    if (!verb) {
        answer_problem(answer, EXIT_USAGE, "this version of simpul does not know that verb: is another version running?");
    } else if (verb->needs_process && !host->process) {
        answer_problem(answer, EXIT_BUSY, "simpul does not run with this configuration: start `simpul run` first");
    } else {
        verb->run(host, json_object_get(request, "arguments"), answer);
    }
    if (!answer->reply && answer->code == 0) {
        answer_problem(answer, EXIT_STORE, "the verb gave no answer (out of memory?)");
    }
}

/* ---- the socket's side ---- */

/* Reads up to a newline, at most LIMIT_CLI_REQUEST bytes, waiting at most CLIENT_MS for each piece. */
static char *line_read(int fd, int timeout_ms, size_t max)
{
    size_t size = 0;
    size_t capacity = 4096;
    char *line = malloc(capacity);
    while (line && size < max) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (size + 1 == capacity) {
            char *more = realloc(line, capacity *= 2);
            if (!more) {
                break;
            }
            line = more;
        }
        if (poll(&poll_fd, 1, timeout_ms) != 1) {
            break;
        }
        ssize_t got = read(fd, line + size, capacity - size - 1);
        if (got <= 0) {
            break;
        }
        size += (size_t)got;
        if (line[size - 1] == '\n') {
            line[size - 1] = 0;
            return line;
        }
    }
    free(line);
    return NULL;
}

static bool line_write(int fd, const char *text)
{
    size_t size = strlen(text);
    for (size_t at = 0; at < size;) {
        ssize_t put = send(fd, text + at, size - at, MSG_NOSIGNAL);
        if (put <= 0) {
            return false;
        }
        at += (size_t)put;
    }
    return send(fd, "\n", 1, MSG_NOSIGNAL) == 1;
}

static void client_serve(struct control *control, int fd)
{
    struct control_answer answer = {0};
    char *line = line_read(fd, CLIENT_MS, LIMIT_CLI_REQUEST);
    json_t *request = line ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : NULL;
    free(line);
    if (request) {
        verb_run(&control->host, request, &answer);
        json_t *reply = answer.reply ? json_pack("{s:b,s:o}", "ok", 1, "reply", answer.reply)
                                     : json_pack("{s:b,s:i,s:s}", "ok", 0, "code", answer.code, "problem", answer.problem);
        char *text = json_dumps(reply, JSON_COMPACT);
        if (text) {
            (void)line_write(fd, text);
        }
        free(text);
        json_decref(reply);
        json_decref(request);
    }
    close(fd);
}

static void *control_main(void *argument)
{
    struct control *control = argument;
    for (;;) {
        struct pollfd fds[2] = {{.fd = control->listening, .events = POLLIN}, {.fd = control->wake, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            return NULL;
        }
        if (fds[1].revents) {
            return NULL;
        }
        int fd = fds[0].revents ? accept4(control->listening, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd >= 0) {
            client_serve(control, fd);
        }
    }
}

static bool address_make(const char *path, struct sockaddr_un *out_address)
{
    *out_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size >= sizeof out_address->sun_path) {
        return false;
    }
    memcpy(out_address->sun_path, path, size);
    return true;
}

struct status control_start(struct process *process, struct control **out_control, char *problem, size_t problem_size)
{
    struct sockaddr_un address;
    const char *path = process->config->socket_path;
    struct control *control = calloc(1, sizeof *control);
    if (!control || !address_make(path, &address)) {
        free(control);
        snprintf(problem, problem_size, "the path of the control socket %s is too long: choose a shorter data_dir", path);
        return STATUS_MAKE(STATUS_LIMIT);
    }
    control->host = (struct control_host){.process = process, .local = &process->local, .engine = process->engine};
    memcpy(control->path, address.sun_path, sizeof control->path);
    control->wake = eventfd(0, EFD_CLOEXEC);
    control->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(path); /* whoever holds the store owns its socket too: an old one is a leftover */
    mode_t before = umask(0177);
    int bound = bind(control->listening, (const struct sockaddr *)&address, sizeof address);
    umask(before);
    if (bound != 0 || listen(control->listening, BACKLOG) != 0) {
        snprintf(problem, problem_size, "the control socket %s cannot be made (%s)", path, strerror(errno));
        control_stop(control);
        return STATUS_MAKE(STATUS_IO);
    }
    if (pthread_create(&control->thread, NULL, control_main, control) != 0) {
        control_stop(control);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    control->started = true;
    *out_control = control;
    return status_ok();
}

void control_stop(struct control *control)
{
    if (!control) {
        return;
    }
    if (control->started) {
        uint64_t one = 1;
        ssize_t put = write(control->wake, &one, sizeof one);
        (void)put;
        pthread_join(control->thread, NULL);
    }
    unlink(control->path);
    close(control->listening);
    close(control->wake);
    free(control);
}

/* ---- the CLI's side ---- */

static int process_connect(const struct config *config)
{
    struct sockaddr_un address;
    int fd = address_make(config->socket_path, &address) ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

bool control_running(const struct config *config)
{
    int fd = process_connect(config);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static void answer_from_line(const char *line, struct control_answer *answer)
{
    json_t *json = line ? json_loads(line, 0, NULL) : NULL;
    json_t *reply = json_object_get(json, "reply");
    if (reply) {
        answer->reply = json_incref(reply);
    } else if (json) {
        const char *problem = json_string_value(json_object_get(json, "problem"));
        answer_problem(answer, (int)json_integer_value(json_object_get(json, "code")), "%s", problem ? problem : "");
    } else {
        answer_problem(answer, EXIT_UNAVAILABLE, "the running simpul gave no answer: look at its log");
    }
    json_decref(json);
}

static void ask_process(int fd, const json_t *request, struct control_answer *answer)
{
    char *text = json_dumps(request, JSON_COMPACT);
    char *line = text && line_write(fd, text) ? line_read(fd, -1, SIZE_MAX) : NULL;
    answer_from_line(line, answer);
    free(line);
    free(text);
    close(fd);
}

void control_ask(const struct config *config, const char *verb, json_t *arguments, struct control_answer *out_answer)
{
    *out_answer = (struct control_answer){0};
    json_t *request = json_pack("{s:s,s:o}", "verb", verb, "arguments", arguments ? arguments : json_object());
    int fd = process_connect(config);
    if (fd >= 0) {
        ask_process(fd, request, out_answer);
    } else {
        struct local local;
        bool looks_at_the_log = strncmp(verb, "log.", 4) == 0; /* on a damaged store too */
        struct status status = looks_at_the_log ? local_open_log(config, &local) : local_open(config, &local);
        if (status_is_ok(status)) {
            struct control_host host = {.local = &local};
            verb_run(&host, request, out_answer);
            local_close(&local);
        } else {
            answer_problem(out_answer, status.code == STATUS_BUSY ? EXIT_BUSY : EXIT_STORE, "%s", local.problem);
        }
    }
    json_decref(request);
}
