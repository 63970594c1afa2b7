/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "node/base/clock.h"
#include "node/board/board_parts.h"
#include "node/pki/pki.h"
#include "node/region/region.h"

/* Overview, nodes, lists and the report. */

enum { CURRENT_MS = 5 * 60 * 1000 };

/* As of when the figures hold, and how many saved records are not in them yet. */
static json_t *trust_json(struct board_call *call)
{
    struct projector_state state = projector_state(call->board->projector);
    struct process *process = call->board->process;
    int64_t replica_ms = readers_local(process->readers) ? readers_as_of_ms(process->readers) : state.as_of_ms;
    state.as_of_ms = replica_ms < state.as_of_ms ? replica_ms : state.as_of_ms;
    return json_pack("{s:I,s:I,s:I}", "as_of_ms", (json_int_t)state.as_of_ms, "waiting", (json_int_t)state.waiting, "now_ms",
                     (json_int_t)clock_now_ms());
}

static const char *member(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "";
}

/* A member of the status, or null. */
static json_t *taken(const json_t *status, const char *name)
{
    json_t *value = json_object_get(status, name);
    return value ? json_incref(value) : json_null();
}

/* The registry's name for a node, else the catalogue's for its region. */
static json_t *name_json(const json_t *node)
{
    struct region region;
    const char *name = member(node, "name");
    if (!name[0] && region_find(span_text(member(node, "node")), &region)) {
        return json_stringn((const char *)region.name.data, region.name.size);
    }
    return json_string(name);
}

static void name_add(json_t *names, const char *code)
{
    struct region region;
    if (code[0] && !json_object_get(names, code) && region_find(span_text(code), &region)) {
        json_object_set_new(names, code, json_stringn((const char *)region.name.data, region.name.size));
    }
}

/* Names by code, of everything that the answer mentions. */
static json_t *names_json(const json_t *nodes, const json_t *children, const char *scope)
{
    json_t *names = json_object();
    char province[3];
    size_t index;
    json_t *item;
    json_array_foreach(nodes, index, item)
    {
        if (member(item, "name")[0]) {
            json_object_set(names, member(item, "node"), json_object_get(item, "name"));
        }
    }
    json_array_foreach(children, index, item)
    {
        name_add(names, member(item, "scope"));
    }
    (void)snprintf(province, sizeof province, "%.2s", scope);
    name_add(names, scope);
    name_add(names, province);
    return names;
}

/* How far behind it was in each of the last hours, in minutes; only for the page of nodes. */
static json_t *lags_json(const struct process *process, const char *id)
{
    struct node_id node;
    struct heard_node heard;
    json_t *lags = json_array();
    if (process->heard && status_is_ok(node_id_parse(span_text(id), &node)) &&
        heard_get(process->heard, node, (uint64_t)clock_now_ms(), &heard)) {
        for (size_t i = 0; i < heard.lag_count; i++) {
            json_array_append_new(lags, json_integer(heard.lags[i]));
        }
    }
    return lags;
}

struct node_streams {
    bool stopped;
    json_int_t leaves, acked, epoch;
};

static struct node_streams streams_sum(const json_t *node, const char *id)
{
    struct node_streams sum = {.stopped = false};
    size_t at;
    json_t *stream;
    json_array_foreach(json_object_get(node, "streams"), at, stream)
    {
        bool own = strcmp(member(stream, "node"), id) == 0;
        json_int_t epoch = json_integer_value(json_object_get(stream, "epoch"));
        sum.stopped |= json_is_true(json_object_get(stream, "stopped"));
        sum.leaves += own ? json_integer_value(json_object_get(stream, "size")) : 0;
        sum.acked += own ? json_integer_value(json_object_get(stream, "acked")) : 0;
        sum.epoch = own && epoch > sum.epoch ? epoch : sum.epoch;
    }
    return sum;
}

static json_t *node_json(const json_t *node, const char *id, json_int_t seen_ms)
{
    struct node_streams sum = streams_sum(node, id);
    const char *state = !json_is_true(json_object_get(node, "active")) ? "inactive"
                        : sum.stopped                                  ? "forked"
                        : seen_ms == 0                                 ? "unheard"
                        : clock_now_ms() - seen_ms > CURRENT_MS        ? "behind"
                                                                       : "current";
    return json_pack("{s:s,s:o,s:s,s:I,s:O,s:O,s:I,s:I,s:I}", "node", id, "name", name_json(node), "state", state, "seen_ms",
                     seen_ms, "records", json_object_get(node, "records"), "conflicts", json_object_get(node, "conflicts"),
                     "leaves", sum.leaves, "acked", sum.acked, "epoch", sum.epoch);
}

/* What this process knows of each node in the scope. A regency's own node is heard through its link to the hub. */
static json_t *nodes_json(struct board_call *call, const json_t *status, const char *scope, bool in_detail)
{
    const char *self = member(status, "self");
    const json_t *link = json_object_get(status, "hub_link");
    json_t *list = json_array();
    size_t index;
    json_t *node;
    json_array_foreach(json_object_get(status, "nodes"), index, node)
    {
        const char *id = member(node, "node");
        if (!figures_covers(scope, id)) {
            continue;
        }
        bool here = link && strcmp(id, self) == 0;
        const json_t *heard = json_object_get(here ? link : node, here ? "last_contact_ms" : "last_seen_ms");
        json_t *made = node_json(node, id, json_integer_value(heard));
        if (in_detail) {
            json_object_set_new(made, "health", taken(node, "health"));
            json_object_set_new(made, "lags", lags_json(call->board->process, id));
        }
        json_array_append_new(list, made);
    }
    return list;
}

static json_t *before_json(struct board_call *call, const struct figures_span *span)
{
    struct figures_span before = *span;
    before.to_day = span->from_day - 1;
    before.from_day = before.to_day - (span->to_day - span->from_day);
    return figures_totals(call->worker->figures, &before);
}

void board_overview(struct board_call *call)
{
    struct figures_span span;
    if (!call_span(call, &span)) {
        return;
    }
    json_t *status = call_verb(call, "status", json_object());
    if (!status) {
        return;
    }
    struct figures *figures = call->worker->figures;
    int level = figures_level(span.scope);
    json_t *children = level == 2 ? json_array() : figures_children(figures, &span, false);
    json_t *provinces = level == 0 ? figures_children(figures, &span, true) : json_array();
    json_t *nodes = nodes_json(call, status, span.scope, false);
    json_t *names = names_json(nodes, children, span.scope);
    call->reply = json_pack("{s:s,s:i,s:i,s:i,s:i,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "scope", span.scope, "level", level,
                            "from_day", (int)span.from_day, "to_day", (int)span.to_day, "today", (int)span.today, "trust",
                            trust_json(call), "totals", figures_totals(figures, &span), "before", before_json(call, &span),
                            "trend", figures_trend(figures, &span), "mix", figures_mix(figures, &span), "children", children,
                            "provinces", provinces, "nodes", nodes, "names", names);
    json_decref(status);
    if (!call->reply) {
        call_problem(call, 503, "busy", "the figures cannot be read right now");
    }
}

static json_t *certificate_json(struct board_call *call)
{
    struct pki_facts facts;
    char problem[PKI_PROBLEM_SIZE];
    const char *path = call->board->process->config->certificate;
    struct status status = pki_certificate_facts(path, clock_now_ms() / 1000, &facts, problem, sizeof problem);
    return status_is_ok(status) ? json_integer((json_int_t)facts.days_left) : json_null();
}

void board_nodes(struct board_call *call)
{
    json_t *status = call_verb(call, "status", json_object());
    if (!status) {
        return;
    }
    const struct staff_account *account = &call->session.account;
    json_t *here = json_null();
    if (call_may_see(call, call->board->process->config->role == CONFIG_HUB ? "" : member(status, "self"))) {
        here = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:o}", "self", taken(status, "self"), "role",
                         taken(status, "role"), "waiting", taken(status, "waiting"), "quarantine", taken(status, "quarantine"),
                         "store_bytes", taken(status, "store_bytes"), "started_ms", taken(status, "started_ms"), "connectors",
                         taken(status, "connectors"), "hub_link", taken(status, "hub_link"), "epoch", taken(status, "epoch"),
                         "version", SIMPUL_VERSION, "certificate_days", certificate_json(call));
    }
    call->reply = json_pack("{s:o,s:o,s:o,s:s}", "trust", trust_json(call), "here", here, "nodes",
                            nodes_json(call, status, account->scope, true), "version", SIMPUL_VERSION);
    json_decref(status);
}

static bool read_filter(struct board_call *call, struct figures_filter *filter, char texts[3][256])
{
    static const char *const clocks[FACT_CLOCK_COUNT] = {"verify", "follow", "finish", "ombudsman", "any"};
    char text[64];
    if (!call_span(call, &filter->span)) {
        return false;
    }
    filter->late = -1;
    bool holds = true;
    if (call_query(call, "status", text, sizeof text)) {
        filter->status = complaint_status_by_name(text);
        holds &= filter->status != COMPLAINT_NONE;
    }
    if (call_query(call, "channel", text, sizeof text)) {
        filter->channel = channel_by_name(text);
        holds &= filter->channel != CHANNEL_NONE;
    }
    if (call_query(call, "late", text, sizeof text)) {
        for (int i = 0; i < FACT_CLOCK_COUNT; i++) {
            filter->late = strcmp(text, clocks[i]) == 0 ? i : filter->late;
        }
        holds &= filter->late >= 0;
    }
    filter->in_conflict = call_query(call, "conflict", text, sizeof text);
    filter->category = call_query(call, "category", texts[0], 256) ? texts[0] : NULL;
    filter->opd = call_query(call, "opd", texts[1], 256) ? texts[1] : NULL;
    filter->words = call_query(call, "q", texts[2], 256) ? texts[2] : NULL;
    char after_ms[32];
    if (call_query(call, "after_ms", after_ms, sizeof after_ms) && call_query(call, "after", text, sizeof text)) {
        filter->after_ms = strtoll(after_ms, NULL, 10);
        holds &= status_is_ok(record_id_parse(span_text(text), &filter->after));
    }
    if (!holds) {
        call_problem(call, 422, "invalid", "there is no such filter");
    }
    return holds;
}

void board_records(struct board_call *call)
{
    struct figures_filter filter = {.late = -1};
    char texts[3][256];
    if (!read_filter(call, &filter, texts)) {
        return;
    }
    call->reply = figures_list(call->worker->figures, &filter);
    if (!call->reply) {
        call_problem(call, 503, "busy", "the figures cannot be read right now");
        return;
    }
    json_object_set_new(call->reply, "trust", trust_json(call));
    json_object_set_new(call->reply, "today", json_integer(filter.span.today));
}

/* ---- report ---- */

/* A spreadsheet runs what begins like a formula: such a text gets an apostrophe in front. RFC 4180 quoting. */
static void put_cell(FILE *out, const char *text)
{
    fputc('"', out);
    if (text[0] && strchr("=+-@\t\r\n|%", text[0])) {
        fputc('\'', out);
    }
    for (; *text; text++) {
        if (*text == '"') {
            fputc('"', out);
        }
        fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
    }
    fputc('"', out);
}

static json_int_t number(const json_t *json, const char *first, const char *second)
{
    const json_t *inner = json_object_get(json, first);
    return json_integer_value(second ? json_object_get(inner, second) : inner);
}

static void put_line(FILE *out, const char *code, const char *name, const json_t *row)
{
    json_int_t received = number(row, "received", NULL);
    json_int_t done = number(row, "status", "selesai");
    json_int_t process = number(row, "status", "proses");
    const json_t *speed = json_object_get(row, "follow_up");
    put_cell(out, code);
    fputc(',', out);
    put_cell(out, name);
    fprintf(out, ",%lld", (long long)received);
    for (int s = 1; s < COMPLAINT_STATUS_COUNT; s++) {
        fprintf(out, ",%lld", (long long)number(row, "status", complaint_status_name((enum complaint_status)s)));
    }
    if (received > 0) {
        fprintf(out, ",%lld,%lld", (long long)((done + process) * 100 / received), (long long)(done * 100 / received));
    } else {
        fputs(",,", out);
    }
    if (number(speed, "n", NULL) > 0) {
        fprintf(out, ",%.1f,%.1f", json_real_value(json_object_get(speed, "mean")),
                json_real_value(json_object_get(speed, "median")));
    } else {
        fputs(",,", out);
    }
    fprintf(out, ",%lld,%lld,%lld\r\n", (long long)number(row, "late", "verify"), (long long)number(row, "late", "follow"),
            (long long)number(row, "late", "finish"));
}

static void put_heads(FILE *out)
{
    fputs("\xEF\xBB\xBF\"kode\",\"wilayah\",\"diterima\"", out);
    for (int s = 1; s < COMPLAINT_STATUS_COUNT; s++) {
        fprintf(out, ",\"%s\"", complaint_status_name((enum complaint_status)s));
    }
    fputs(",\"tindak_lanjut_persen\",\"selesai_persen\",\"rata_rata_hari\",\"median_hari\",\"telat_verifikasi\","
          "\"telat_tindak_lanjut\",\"telat_selesai\"\r\n", out);
}


static void put_report(struct board_call *call, FILE *out, const struct figures_span *span, const json_t *nodes)
{
    json_t *totals = figures_totals(call->worker->figures, span);
    json_t *children = figures_level(span->scope) == 2 ? json_array() : figures_children(call->worker->figures, span, false);
    json_t *names = names_json(nodes, children, span->scope);
    size_t index;
    json_t *child;
    put_heads(out);
    json_array_foreach(children, index, child)
    {
        put_line(out, member(child, "scope"), member(names, member(child, "scope")), child);
    }
    put_line(out, span->scope, span->scope[0] ? member(names, span->scope) : "Nasional", totals);
    json_decref(names);
    json_decref(children);
    json_decref(totals);
}

void board_report(struct board_call *call)
{
    struct figures_span span;
    struct board_request *request = call->request;
    if (!call_span(call, &span)) {
        return;
    }
    json_t *status = call_verb(call, "status", json_object());
    FILE *out = status ? open_memstream(&request->answer, &request->answer_size) : NULL;
    if (!out) {
        json_decref(status);
        return;
    }
    put_report(call, out, &span, json_object_get(status, "nodes"));
    json_decref(status);
    if (fclose(out) != 0) {
        call_problem(call, 503, "busy", "out of memory");
        return;
    }
    request->content_type = "text/csv; charset=utf-8";
    (void)snprintf(request->disposition, sizeof request->disposition, "attachment; filename=\"laporan-%s-%d-%d.csv\"",
                   span.scope[0] ? span.scope : "nasional", (int)span.from_day, (int)span.to_day);
}
