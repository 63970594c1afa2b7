/* SPDX-License-Identifier: Apache-2.0 */
#include "node/process/overview.h"


#include "node/base/clock.h"
#include "node/region/region.h"

enum { COUNTS_MAX = 600 * COMPLAINT_STATUS_COUNT };

static json_t *text_of(struct span text)
{
    return json_stringn(text.size > 0 ? (const char *)text.data : "", text.size); /* no data: no NULL either */
}

static json_t *node_counts(const struct record_count *counts, size_t count, struct scope_id scope, uint64_t *out_conflicts,
                           uint64_t *out_total)
{
    json_t *statuses = json_object();
    *out_conflicts = *out_total = 0;
    for (size_t i = 0; i < count; i++) {
        if (scope_id_equal(counts[i].owner, scope)) {
            json_object_set_new(statuses, complaint_status_name(counts[i].status), json_integer((json_int_t)counts[i].count));
            *out_conflicts += counts[i].conflicts;
            *out_total += counts[i].count;
        }
    }
    return statuses;
}

static json_t *node_streams(const struct stream_info *streams, size_t count, struct node_id node, struct scope_id scope)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct stream_info *s = &streams[i];
        if (!node_id_equal(s->id.node, node) && !scope_id_equal(s->id.scope, scope)) {
            continue;
        }
        char root[65];
        hash_text(s->root, root);
        json_array_append_new(
            list, json_pack("{s:s%,s:i,s:s%,s:I,s:s,s:I,s:I,s:b,s:b}", "node", s->id.node.text, node_id_size(s->id.node), "epoch",
                            (int)s->id.epoch, "scope", s->id.scope.text, scope_id_size(s->id.scope), "size",
                            (json_int_t)s->size, "root", root, "signed", (json_int_t)s->signed_size, "acked",
                            (json_int_t)s->acked_size, "own", s->own ? 1 : 0, "stopped", s->stopped ? 1 : 0));
    }
    return list;
}

/* What the catalogue calls it today, and its province; nothing for an institution that is no region. */
static void region_add(json_t *json, struct node_id id)
{
    struct region region;
    struct region province;
    struct span code = span_of(id.text, node_id_size(id));
    if (!region_today(code, &region) || !region_province(code, &province)) {
        return;
    }
    json_object_set_new(json, "code", text_of(region.code));
    json_object_set_new(json, "region", text_of(region.name));
    json_object_set_new(json, "province", text_of(province.name));
}

/* What the node said of itself, and when. */
static json_t *health_json(const struct heard_node *heard)
{
    const struct health *h = &heard->health;
    return json_pack("{s:I,s:I,s:I,s:s,s:I,s:I,s:I,s:I,s:I,s:i,s:i}", "said_ms", (json_int_t)heard->said_ms, "caught_up_ms",
                     (json_int_t)heard->caught_up_ms, "skew_ms", (json_int_t)heard->skew_ms, "version", heard->program, "started_ms",
                     (json_int_t)h->started_ms, "certificate_end_ms", (json_int_t)h->certificate_end_ms, "waiting",
                     (json_int_t)h->waiting, "quarantine", (json_int_t)h->quarantine, "store_bytes", (json_int_t)h->store_bytes,
                     "connectors", (int)h->connectors, "connectors_stuck", (int)h->connectors_stuck);
}

static json_t *node_json(struct process *process, const struct registry_node *node, const struct record_count *counts,
                         size_t count, const struct stream_info *streams, size_t stream_count)
{
    struct scope_id scope = scope_of_node(node->id);
    uint64_t conflicts;
    uint64_t total;
    json_t *statuses = node_counts(counts, count, scope, &conflicts, &total);
    struct heard_node heard = {.seen_ms = 0};
    bool known = process->heard && heard_get(process->heard, node->id, (uint64_t)clock_now_ms(), &heard);
    json_t *json = json_pack("{s:s%,s:o,s:b,s:I,s:I,s:o,s:I,s:o}", "node", node->id.text, node_id_size(node->id), "name",
                             text_of(node->name), "active", node->active ? 1 : 0, "records", (json_int_t)total, "conflicts",
                             (json_int_t)conflicts, "status", statuses, "last_seen_ms", (json_int_t)heard.seen_ms, "streams",
                             node_streams(streams, stream_count, node->id, scope));
    if (known && heard.said_ms > 0) {
        json_object_set_new(json, "health", health_json(&heard));
    }
    region_add(json, node->id);
    return json;
}

struct status overview_read(struct process *process, struct core *core, struct arena *arena, json_t **out_json)
{
    struct store *store = process->local.store;
    const struct registry *registry = core_registry(core);
    struct record_count *counts = arena_array(arena, COUNTS_MAX, sizeof *counts);
    if (!counts) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t count = 0;
    struct stream_info *streams = NULL;
    size_t stream_count = 0;
    struct record_filter all = {0};
    TRY(store->ops->records_count(store, &all, counts, COUNTS_MAX, &count));
    TRY(core_streams(core, arena, &streams, &stream_count));
    json_t *nodes = json_array();
    for (size_t i = 0; i < registry->node_count; i++) {
        if (registry->nodes[i].institution != INSTITUTION_HUB) {
            json_array_append_new(nodes, node_json(process, &registry->nodes[i], counts, count, streams, stream_count));
        }
    }
    *out_json = json_pack("{s:s,s:i,s:s%,s:s%,s:I,s:o}", "deployment", process->config->deployment, "zone_minutes",
                          (int)process->config->zone_minutes, "self",
                          process->config->node.text, node_id_size(process->config->node), "hub", registry->hub.text,
                          node_id_size(registry->hub), "as_of_ms", (json_int_t)clock_now_ms(), "nodes", nodes);
    return *out_json ? status_ok() : STATUS_MAKE(STATUS_NO_MEMORY);
}

json_t *process_ports(const struct process *process)
{
    static const char *const names[] = {"admin", "page", "sync"};
    const size_t listeners[] = {process->listener_admin, process->listener_page, process->listener_sync};
    json_t *ports = json_object();
    for (size_t i = 0; i < 3; i++) {
        if (listeners[i] != SIZE_MAX) {
            json_object_set_new(ports, names[i], json_integer(http_server_port(process->server, listeners[i])));
        }
    }
    return ports;
}
