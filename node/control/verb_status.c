/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/exit.h"
#include "node/control/verbs.h"
#include "node/process/overview.h"

/* status, takeover. */


static struct status count_table(struct store *store, enum store_table table, struct arena *arena, size_t *out_count)
{
    struct pair *pairs = arena_array(arena, 1000, sizeof *pairs);
    if (!pairs) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    return store->ops->scan(store, table, (struct span){0}, (struct span){0}, false, 1000, SIZE_MAX, arena, pairs, out_count);
}

static struct status status_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    struct control_host *host = verb->host;
    struct process offline = {.config = host->local->config, .local = *host->local};
    json_t *overview = NULL;
    size_t quarantined = 0;
    uint64_t size = 0;
    struct store *store = host->local->store;
    TRY(overview_read(host->process ? host->process : &offline, core, arena, &overview));
    TRY(count_table(store, STORE_QUARANTINE, arena, &quarantined));
    TRY(store->ops->size(store, &size));
    json_object_set_new(overview, "ready", json_boolean(core_is_ready(core)));
    json_object_set_new(overview, "epoch", json_integer((json_int_t)core_epoch(core)));
    json_object_set_new(overview, "waiting", json_integer((json_int_t)core_unacked(core)));
    json_object_set_new(overview, "quarantine", json_integer((json_int_t)quarantined));
    json_object_set_new(overview, "store_bytes", json_integer((json_int_t)size));
    json_object_set_new(overview, "store", json_string(host->local->config->store_postgres ? "postgres" : "sqlite"));
    json_object_set_new(overview, "registry_size", json_integer((json_int_t)core_registry(core)->size));
    verb->answer->reply = overview;
    return status_ok();
}

static json_t *peer_json(struct process *process)
{
    struct peer_status s = peer_status(process->peer);
    bool indonesian = process->config->language == CONFIG_INDONESIAN;
    return json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:s}", "state", peer_state_name(s.state), "sentence",
                     peer_state_sentence(s.state, indonesian), "last_contact_ms", (json_int_t)s.last_contact_ms, "retry_at_ms",
                     (json_int_t)s.retry_in_ms, "skew_ms", (json_int_t)s.skew_ms, "sent_bytes", (json_int_t)s.bytes_out,
                     "received_bytes", (json_int_t)s.bytes_in, "problem", s.problem);
}

static json_t *connectors_json(struct process *process)
{
    json_t *list = json_array();
    pthread_mutex_lock(&process->connectors_lock);
    for (size_t i = 0; i < process->connector_count; i++) {
        if (!process->connectors[i]) {
            continue;
        }
        struct connector_status s = connector_status(process->connectors[i]);
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s}", "name", s.name, "state",
                            connector_state_name(s.state), "captured", (json_int_t)s.captured, "written",
                            (json_int_t)s.written, "outbox", (json_int_t)s.outbox, "due", (json_int_t)s.due, "done",
                            (json_int_t)s.load_done, "total", (json_int_t)s.load_total, "last_ok_ms",
                            (json_int_t)s.last_ok_ms, "problem", s.problem));
    }
    pthread_mutex_unlock(&process->connectors_lock);
    return list;
}

static void status_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, true, status_run);
    if (!answer->reply) {
        return;
    }
    json_object_set_new(answer->reply, "running", json_boolean(host->process != NULL));
    json_object_set_new(answer->reply, "role", json_string(config_role_name(host->local->config->role)));
    if (host->process) {
        json_object_set_new(answer->reply, "started_ms", json_integer((json_int_t)host->process->started_ms));
        json_object_set_new(answer->reply, "connectors", connectors_json(host->process));
        json_object_set_new(answer->reply, "ports", process_ports(host->process));
    }
    if (host->process && host->process->peer) {
        json_object_set_new(answer->reply, "hub_link", peer_json(host->process));
    }
}

static void takeover_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    (void)arguments;
    if (!host->process->peer) {
        answer_problem(answer, EXIT_USAGE, "this is the hub: it holds no lease");
        return;
    }
    peer_takeover(host->process->peer);
    answer->reply = json_pack("{s:b}", "asked", 1);
}

const struct control_verb verbs_status[] = {
    {"status", false, status_verb},
    {"takeover", true, takeover_verb},
    {NULL, false, NULL},
};
