/* SPDX-License-Identifier: Apache-2.0 */
#include "node/process/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/base/clock.h"

static void put(FILE *out, const char *name, const char *type, const char *help, double value)
{
    fprintf(out, "# HELP simpul_%s %s\n# TYPE simpul_%s %s\nsimpul_%s %.17g\n", name, help, name, type, name, value);
}

static void put_engine(FILE *out, struct process *process)
{
    struct engine_counts counts = engine_counts(process->engine);
    put(out, "engine_jobs_total", "counter", "Jobs done by the engine.", (double)counts.jobs);
    put(out, "engine_groups_total", "counter", "Transactions of the engine.", (double)counts.groups);
    put(out, "engine_failed_jobs_total", "counter", "Jobs that undid themselves.", (double)counts.failed);
    put(out, "engine_queue", "gauge", "Jobs waiting for the engine.", (double)counts.queued);
    put(out, "store_pauses_total", "counter", "Times that the store's database was out of reach.", (double)counts.pauses);
    put(out, "engine_longest_group_seconds", "gauge", "Longest transaction since start.", (double)counts.longest_ms / 1000);
}

static void put_peer(FILE *out, struct process *process)
{
    if (!process->peer) {
        return;
    }
    struct peer_status status = peer_status(process->peer);
    put(out, "hub_online", "gauge", "1 while connected to the hub.", status.state == PEER_ONLINE);
    put(out, "hub_last_contact_timestamp_seconds", "gauge", "Last good answer of the hub.",
        (double)status.last_contact_ms / 1000);
    put(out, "hub_clock_skew_seconds", "gauge", "The hub's clock minus ours.", (double)status.skew_ms / 1000);
    put(out, "hub_failures_total", "counter", "Times that the link was lost or refused.", (double)status.failures);
    put(out, "hub_bytes_sent_total", "counter", "Bytes of messages sent to the hub.", (double)status.bytes_out);
    put(out, "hub_bytes_received_total", "counter", "Bytes of messages from the hub.", (double)status.bytes_in);
}

/* The format wants all samples of one name together, below its HELP and TYPE. */
static void put_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static uint64_t connector_number(const struct connector_status *s, size_t which)
{
    const uint64_t numbers[] = {s->state == CONNECTOR_RUNNING || s->state == CONNECTOR_COMPARING, s->captured, s->written,
                                s->outbox};
    return numbers[which];
}

static void put_connectors(FILE *out, struct process *process)
{
    static const struct {
        const char *name, *type, *help;
    } metrics[] = {
        {"simpul_connector_running", "gauge", "1 while changes are taken from and written into the local database."},
        {"simpul_connector_captured_total", "counter", "Changes taken from the local database."},
        {"simpul_connector_written_total", "counter", "Changes written into the local database."},
        {"simpul_connector_outbox", "gauge", "Rows that wait in the local database to be read."},
    };
    pthread_mutex_lock(&process->connectors_lock);
    for (size_t m = 0; process->connector_count > 0 && m < sizeof metrics / sizeof metrics[0]; m++) {
        put_head(out, metrics[m].name, metrics[m].type, metrics[m].help);
        for (size_t i = 0; i < process->connector_count; i++) {
            if (process->connectors[i]) {
                struct connector_status s = connector_status(process->connectors[i]);
                fprintf(out, "%s{connector=\"%s\"} %llu\n", metrics[m].name, s.name,
                        (unsigned long long)connector_number(&s, m));
            }
        }
    }
    pthread_mutex_unlock(&process->connectors_lock);
}

static void put_scopes(FILE *out, const json_t *overview, const char *metric, const char *name, const char *help)
{
    const json_t *nodes = json_object_get(overview, "nodes");
    put_head(out, metric, "gauge", help);
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);
        fprintf(out, "%s{scope=\"%s\"} %lld\n", metric, json_string_value(json_object_get(node, "node")),
                (long long)json_integer_value(json_object_get(node, name)));
    }
}

static void put_nodes(FILE *out, const json_t *overview)
{
    put_scopes(out, overview, "simpul_records", "records", "Complaints that belong to this region.");
    put_scopes(out, overview, "simpul_conflicts", "conflicts",
               "Complaints of this region with a conflict that waits for a person.");
}

struct status metrics_text(struct process *process, const json_t *overview, char **out_text, size_t *out_size)
{
    FILE *out = open_memstream(out_text, out_size);
    if (!out) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    put(out, "start_timestamp_seconds", "gauge", "When this process started.", (double)process->started_ms / 1000);
    put_engine(out, process);
    put_peer(out, process);
    put_connectors(out, process);
    put_nodes(out, overview);
    if (process->server) {
        struct http_server_counts counts = http_server_counts(process->server);
        put(out, "http_connections", "gauge", "Open connections.", (double)counts.connections);
        put(out, "http_bad_requests_total", "counter", "Requests that the server refused.", (double)counts.bad_requests);
        put(out, "http_handshake_failed_total", "counter", "Connections without a good certificate.",
            (double)counts.handshake_failed);
    }
    return fclose(out) == 0 ? status_ok() : STATUS_MAKE(STATUS_NO_MEMORY);
}
