/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CONTROL_CONTROL_H
#define NODE_CONTROL_CONTROL_H

#include <jansson.h>

#include "node/process/process.h"

/* What `simpul VERB` asks of a node. The CLI never opens a store that runs: it sends the verb and its arguments as one
 * line of JSON through the Unix socket in the data directory (mode 0600), and gets one line back. When no process runs,
 * the same verbs work on the store that the CLI opens itself, for a moment.
 *
 *   {"verb":"record.show","arguments":{"id":"..."}}
 *   {"ok":true,"reply":{...}}   or   {"ok":false,"code":3,"problem":"one sentence, with what to do"}
 */

struct control;

/* Where a verb works: in a running process, or on a store opened for it. */
struct control_host {
    struct process *process; /* NULL: offline */
    struct local *local;
    struct engine *engine;   /* NULL: offline, jobs run here and now */
};

/* Runs a job on the engine, or in a transaction of its own when offline. The job's `done` is not called offline. */
struct status control_call(struct control_host *host, struct job *job) MUST_CHECK;

/* A verb's answer: a reply, or an exit code with a sentence. */
struct control_answer {
    json_t *reply;     /* owned; NULL with a problem */
    int code;          /* node/cli/exit.h */
    char problem[512];
};

struct control_verb {
    const char *name;
    bool needs_process; /* makes sense only while `simpul run` runs */
    void (*run)(struct control_host *host, const json_t *arguments, struct control_answer *answer);
};

/* All verbs; node/control/verb_*.c, one file per noun. NULL for an unknown one. */
const struct control_verb *control_verb_find(const char *name);

/* The socket's thread; given to process_run as control_start and control_stop. */
struct status control_start(struct process *process, struct control **out_control, char *problem, size_t problem_size);
void control_stop(struct control *control);

/* True if a process answers on the socket of this configuration. Never touches the store. */
bool control_running(const struct config *config);
/* The CLI's side: asks the running process, or opens the store. Fills `out_answer` in every case. */
void control_ask(const struct config *config, const char *verb, json_t *arguments, struct control_answer *out_answer);

#endif
