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

/* A hub that may be an older copy of itself writes nothing until its nodes have said what they hold. */
static struct status doubt_json(struct core *core, struct arena *arena, json_t *overview)
{
    struct node_id *missing;
    size_t count;
    bool lost;
    TRY(core_doubt(core, arena, &missing, &count));
    TRY(core_doubt_lost(core, &lost));
    json_t *nodes = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(nodes, json_node(missing[i]));
    }
    json_object_set_new(overview, "older_copy", json_pack("{s:b,s:o,s:b}", "writes", count == 0 && !lost ? 1 : 0, "waits_for", nodes,
                                                          "lost", lost ? 1 : 0));
    return status_ok();
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
    return doubt_json(core, arena, overview);
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

static struct status hub_takeover_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    (void)arena;
    struct status status = core_doubt_end(core);
    if (status.code == STATUS_NOT_FOUND) {
        answer_problem(verb->answer, EXIT_USAGE, "this is the hub, and it is in no doubt: there is nothing to take over");
    } else if (status.code == STATUS_FORKED) {
        answer_problem(verb->answer, EXIT_REFUSED, "this hub lost changes of its own that others have seen: restore a newer backup, or "
                       "let a standby take its place; regencies go on sending meanwhile");
    }
    TRY(status);
    verb->answer->reply = json_pack("{s:b}", "asked", 1);
    return status_ok();
}

static void takeover_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    if (!host->process->peer) {
        verb_call(host, arguments, answer, false, hub_takeover_run);
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
