/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CONTROL_VERBS_H
#define NODE_CONTROL_VERBS_H

#include <stdarg.h>

#include "node/control/control.h"

/* One table per noun, ended by a name of NULL. Private to node/control. */
extern const struct control_verb verbs_status[];
extern const struct control_verb verbs_record[];
extern const struct control_verb verbs_record_show[];
extern const struct control_verb verbs_conflicts[];
extern const struct control_verb verbs_quarantine[];
extern const struct control_verb verbs_log[];
extern const struct control_verb verbs_registry[];
extern const struct control_verb verbs_connector[];
extern const struct control_verb verbs_import[];
extern const struct control_verb verbs_timeline[];
extern const struct control_verb verbs_account[];

void answer_problem(struct control_answer *answer, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A job with the verb's arguments, and the reply that it makes. */
struct verb_job {
    struct job job; /* first */
    struct control_host *host;
    const json_t *arguments;
    struct control_answer *answer;
    struct status (*run)(struct verb_job *verb, struct core *core, struct arena *arena);
};

/* Runs `run` inside an engine job (or offline transaction). A status that `run` returned without filling the answer is
 * turned into a sentence. */
void verb_call(struct control_host *host, const json_t *arguments, struct control_answer *answer, bool reads_only,
               struct status (*run)(struct verb_job *verb, struct core *core, struct arena *arena));

/* ---- arguments ---- NULL or false when missing, with the answer filled. */
const char *argument_text(const json_t *arguments, const char *name, struct control_answer *answer);
bool argument_record(const json_t *arguments, const char *name, struct control_answer *answer, struct record_id *out_id);
bool argument_flag(const json_t *arguments, const char *name);

/* Not held is one thing; held and not readable is damage, and must not look like the first. */
void record_missing(struct verb_job *verb, struct status status);

/* ---- values as JSON ---- */
json_t *json_record_id(struct record_id id);
json_t *json_node(struct node_id id);
json_t *json_scope(struct scope_id id);
json_t *json_hash(struct hash hash);
/* {"node":..,"epoch":..,"lane":..,"rseq":..} */
json_t *json_dot(struct dot dot);
/* A register's value as a person reads it: text, status name, time as RFC 3339, list of refs. */
json_t *json_value(uint32_t number, struct span bytes, struct arena *arena);
/* The reverse, for values that a person types: {"text"|...} by the register's type. INVALID with a sentence. */
struct status value_from_text(uint32_t number, const char *text, struct arena *arena, struct span *out_bytes,
                              const char **out_problem) MUST_CHECK;
/* A causal context as the opaque token that a screen keeps between reading and writing. */
json_t *json_token(const struct ctx_entry *ctx, size_t count);
struct status token_read(const json_t *token, struct arena *arena, struct ctx_entry **out_ctx, size_t *out_count) MUST_CHECK;

#endif
