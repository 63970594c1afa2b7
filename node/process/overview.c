/* SPDX-License-Identifier: Apache-2.0 */
#include "node/process/overview.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/base/clock.h"

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

static json_t *node_json(struct process *process, const struct registry_node *node, const struct record_count *counts,
                         size_t count, const struct stream_info *streams, size_t stream_count)
{
    struct scope_id scope = scope_of_node(node->id);
    uint64_t conflicts;
    uint64_t total;
    json_t *statuses = node_counts(counts, count, scope, &conflicts, &total);
    uint64_t seen = process && process->sync_api ? sync_api_last_seen(process->sync_api, node->id) : 0;
    json_t *json = json_pack("{s:s%,s:o,s:b,s:I,s:I,s:o,s:I,s:o}", "node", node->id.text, node_id_size(node->id), "name",
                             text_of(node->name), "active", node->active ? 1 : 0, "records", (json_int_t)total, "conflicts",
                             (json_int_t)conflicts, "status", statuses, "last_seen_ms", (json_int_t)seen, "streams",
                             node_streams(streams, stream_count, node->id, scope));
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

/* ---- page ---- */

struct page {
    FILE *out;
    bool indonesian;
    int64_t zone_minutes;
};

static const char *say(const struct page *page, const char *english, const char *indonesian)
{
    return page->indonesian ? indonesian : english;
}

/* Text from anybody is text. */
static void put_text(const struct page *page, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", page->out);
            break;
        case '>':
            fputs("&gt;", page->out);
            break;
        case '&':
            fputs("&amp;", page->out);
            break;
        case '"':
            fputs("&quot;", page->out);
            break;
        default:
            fputc((unsigned char)*text < 0x20 ? ' ' : *text, page->out);
        }
    }
}

static void put_health(const struct page *page, const json_t *node, json_int_t now)
{
    json_int_t seen = json_integer_value(json_object_get(node, "last_seen_ms"));
    json_int_t age = (now - seen) / 1000;
    if (seen == 0) {
        fprintf(page->out, "<td class=late>%s</td>", say(page, "not heard since start", "belum terdengar sejak mulai"));
    } else if (age < 90) {
        fprintf(page->out, "<td>%s</td>", say(page, "up to date", "terkini"));
    } else {
        fprintf(page->out, "<td class=late>%s %lld min</td>", say(page, "silent for", "diam selama"), (long long)(age / 60));
    }
}

static void put_node(const struct page *page, const json_t *node, json_int_t now)
{
    const json_t *statuses = json_object_get(node, "status");
    fputs("<tr><th scope=row>", page->out);
    put_text(page, json_string_value(json_object_get(node, "node")));
    fputs("</th><td>", page->out);
    put_text(page, json_string_value(json_object_get(node, "name")));
    fputs("</td>", page->out);
    put_health(page, node, now);
    fprintf(page->out, "<td class=n>%lld</td><td class=n>%lld</td>",
            (long long)json_integer_value(json_object_get(node, "records")),
            (long long)json_integer_value(json_object_get(node, "conflicts")));
    for (int s = 1; s < COMPLAINT_STATUS_COUNT; s++) {
        const json_t *count = json_object_get(statuses, complaint_status_name((enum complaint_status)s));
        fprintf(page->out, "<td class=n>%lld</td>", (long long)json_integer_value(count));
    }
    fputs("</tr>\n", page->out);
}

/* A status as officers write it: "belum verifikasi". */
static void put_status(const struct page *page, const char *name)
{
    for (; *name; name++) {
        fputc(*name == '_' ? ' ' : *name, page->out);
    }
}

static void put_head(const struct page *page, const json_t *overview, json_int_t now)
{
    char time[CLOCK_TEXT_SIZE];
    clock_text(now + page->zone_minutes * 60000, time);
    fprintf(page->out,
            "<!doctype html><html lang=%s><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"
            "<meta http-equiv=refresh content=5><title>Simpul</title><style>"
            "body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color:#1b1f24;background:#fff}"
            "table{border-collapse:collapse}th,td{padding:.35rem .7rem;border-bottom:1px solid #d8dde3;text-align:left}"
            "thead th{font-weight:600;vertical-align:bottom}.n{text-align:right;font-variant-numeric:tabular-nums}"
            ".late{color:#8a4b00}@media(prefers-color-scheme:dark){body{background:#14171a;color:#e6e8ea}"
            "th,td{border-color:#343a40}.late{color:#ffb866}}</style></head><body><h1>Simpul &middot; ",
            page->indonesian ? "id" : "en");
    put_text(page, json_string_value(json_object_get(overview, "deployment")));
    fprintf(page->out, "</h1><p>%s %.10s %.8s (UTC%+03d:%02d)</p><table><thead><tr><th scope=col>%s</th><th scope=col>%s</th><th scope=col>%s</th>"
            "<th scope=col class=n>%s</th><th scope=col class=n>%s</th>",
            say(page, "As of", "Data per"), time, time + 11, (int)(page->zone_minutes / 60), abs((int)(page->zone_minutes % 60)),
            say(page, "Code", "Kode"), say(page, "Regency", "Kabupaten/kota"), say(page, "Node", "Simpul"),
            say(page, "Complaints", "Aduan"), say(page, "Conflicts", "Konflik"));
    for (int s = 1; s < COMPLAINT_STATUS_COUNT; s++) {
        fputs("<th scope=col class=n>", page->out);
        put_status(page, complaint_status_name((enum complaint_status)s));
        fputs("</th>", page->out);
    }
    fputs("</tr></thead><tbody>\n", page->out);
}

struct status overview_page(const json_t *overview, bool indonesian, char **out_html, size_t *out_size)
{
    struct page page = {.indonesian = indonesian,
                        .zone_minutes = json_integer_value(json_object_get(overview, "zone_minutes"))};
    page.out = open_memstream(out_html, out_size);
    if (!page.out) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    json_int_t now = json_integer_value(json_object_get(overview, "as_of_ms"));
    const json_t *nodes = json_object_get(overview, "nodes");
    put_head(&page, overview, now);
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        put_node(&page, json_array_get(nodes, i), now);
    }
    fputs("</tbody></table></body></html>\n", page.out);
    bool failed = ferror(page.out) != 0;
    if (fclose(page.out) != 0 || failed) {
        free(*out_html);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    return status_ok();
}
