/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "node/base/clock.h"
#include "node/base/heap.h"
#include "node/cli/exit.h"
#include "node/control/verbs.h"

static struct status verb_job_run(struct job *job, struct core *core, struct arena *arena)
{
    struct verb_job *verb = (struct verb_job *)job;
    return verb->run(verb, core, arena);
}

void verb_call(struct control_host *host, const json_t *arguments, struct control_answer *answer, bool reads_only,
               struct status (*run)(struct verb_job *verb, struct core *core, struct arena *arena))
{
    struct verb_job verb = {.job = {.run = verb_job_run, .reads_only = reads_only},
                            .host = host,
                            .arguments = arguments,
                            .answer = answer,
                            .run = run};
    struct status status = control_call(host, &verb.job);
    if (status_is_ok(status)) {
        return;
    }
    json_decref(answer->reply); /* what was prepared did not come to stand */
    answer->reply = NULL;
    if (answer->code == 0 && status.code == STATUS_BUSY && host->engine && engine_counts(host->engine).paused) {
        answer_problem(answer, EXIT_UNAVAILABLE, "the store's database does not answer (%s); the process goes on trying and "
                       "takes up its work by itself", local_store_problem(host->local));
    }
    if (answer->code == 0) {
        int code = status.code == STATUS_NOT_FOUND                                      ? EXIT_NO_SUCH
                   : status.code == STATUS_DENIED || status.code == STATUS_STALE       ? EXIT_REFUSED
                   : status.code == STATUS_BUSY                                        ? EXIT_BUSY
                   : status.code == STATUS_INVALID || status.code == STATUS_LIMIT      ? EXIT_REFUSED
                                                                                       : EXIT_STORE;
        answer_problem(answer, code, "it was not done (%s)", status_name(status));
    }
}

const char *argument_text(const json_t *arguments, const char *name, struct control_answer *answer)
{
    const char *text = json_string_value(json_object_get(arguments, name));
    if (!text) {
        answer_problem(answer, EXIT_USAGE, "the argument \"%s\" is missing", name);
    }
    return text;
}

bool argument_record(const json_t *arguments, const char *name, struct control_answer *answer, struct record_id *out_id)
{
    const char *text = argument_text(arguments, name, answer);
    if (!text) {
        return false;
    }
    if (!status_is_ok(record_id_parse(span_text(text), out_id))) {
        answer_problem(answer, EXIT_USAGE, "\"%.40s\" is no record id: it has 32 hexadecimal digits", text);
        return false;
    }
    return true;
}

bool argument_flag(const json_t *arguments, const char *name)
{
    return json_is_true(json_object_get(arguments, name));
}

json_t *json_record_id(struct record_id id)
{
    char text[33];
    record_id_text(id, text);
    return json_string(text);
}

json_t *json_node(struct node_id id)
{
    return json_stringn(id.text, node_id_size(id));
}

json_t *json_scope(struct scope_id id)
{
    return json_stringn(id.text, scope_id_size(id));
}

json_t *json_hash(struct hash hash)
{
    char text[65];
    hash_text(hash, text);
    return json_string(text);
}

json_t *json_dot(struct dot dot)
{
    return json_pack("{s:o,s:i,s:i,s:I}", "node", json_node(dot.replica.node), "epoch", (int)dot.replica.epoch, "lane",
                     (int)dot.replica.lane, "rseq", (json_int_t)dot.rseq);
}

static json_t *text_json(struct span text)
{
    return json_stringn(text.size > 0 ? (const char *)text.data : "", text.size); /* no data: no NULL either */
}

static json_t *time_json(int64_t ms)
{
    char text[CLOCK_TEXT_SIZE];
    clock_text(ms, text);
    return json_string(text);
}

static json_t *refs_json(const struct value *value)
{
    json_t *list = json_array();
    for (size_t i = 0; i < value->refs.count; i++) {
        json_array_append_new(list, json_pack("{s:o,s:o}", "system", text_json(value->refs.refs[i].system), "key",
                                              text_json(value->refs.refs[i].key)));
    }
    return list;
}

json_t *json_value(uint32_t number, struct span bytes, struct arena *arena)
{
    struct value value;
    if (!status_is_ok(value_read_register(number, bytes, arena, &value))) {
        return json_null();
    }
    switch (value.type) {
    case VALUE_STATUS:
        return value.status.reason.size == 0
                   ? json_string(complaint_status_name(value.status.status))
                   : json_pack("{s:s,s:o}", "status", complaint_status_name(value.status.status), "reason",
                               text_json(value.status.reason));
    case VALUE_CLASS:
        return json_pack("{s:s,s:o,s:b}", "classification", classification_name(value.class.classification), "category",
                         text_json(value.class.category), "supervisory", value.class.supervisory ? 1 : 0);
    case VALUE_CHANNEL:
        return json_string(channel_name(value.channel));
    case VALUE_TIME:
        return time_json(value.time.ms);
    case VALUE_ASSIGN:
        return json_pack("{s:o,s:o,s:I}", "opd", text_json(value.assign.opd), "by", text_json(value.assign.by), "deadline_ms",
                         (json_int_t)value.assign.deadline_ms);
    case VALUE_SCOPE:
        return json_scope(value.scope);
    case VALUE_REQUEST:
        return json_pack("{s:o,s:o}", "wanted", json_scope(value.request.wanted), "reason", text_json(value.request.reason));
    case VALUE_FLAG:
        return json_boolean(value.flag);
    case VALUE_PRESENCE:
        return json_pack("{s:b,s:o}", "withdrawn", value.presence.withdrawn ? 1 : 0, "reason",
                         text_json(value.presence.reason));
    case VALUE_NUMBER:
        return json_integer((json_int_t)value.number);
    case VALUE_RECORD:
        return json_record_id(value.record);
    case VALUE_TEXT:
        return text_json(value.text);
    case VALUE_PLACE:
        return json_pack("{s:o,s:o,s:o,s:f,s:f}", "region", text_json(value.place.region), "village",
                         text_json(value.place.village), "address", text_json(value.place.address), "lat",
                         (double)value.place.lat_e7 / 1e7, "lon", (double)value.place.lon_e7 / 1e7);
    case VALUE_REFS:
        return refs_json(&value);
    case VALUE_BYTES:
    case VALUE_SEALED:
    case VALUE_OPAQUE:
        break;
    }
    return json_pack("{s:i}", "bytes", (int)bytes.size);
}

static bool status_from_text(const char *text, struct value *value)
{
    value->status.status = complaint_status_by_name(text);
    return value->status.status != COMPLAINT_NONE;
}

struct status value_from_text(uint32_t number, const char *text, struct arena *arena, struct span *out_bytes,
                              const char **out_problem)
{
    const struct register_info *info = register_info(number);
    struct value value = {.type = info ? info->type : VALUE_OPAQUE};
    *out_problem = "this register cannot be typed: take one of the siblings (--take N)";
    switch (value.type) {
    case VALUE_STATUS:
        *out_problem = "a status is one of belum_verifikasi, tunda, terverifikasi, proses, selesai, bukan_wewenang, arsip, "
                       "eskalasi_ombudsman";
        if (!status_from_text(text, &value)) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        break;
    case VALUE_CHANNEL:
        *out_problem = "there is no such channel";
        value.channel = channel_by_name(text);
        if (value.channel == CHANNEL_NONE) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        break;
    case VALUE_FLAG:
        *out_problem = "write true or false";
        value.flag = strcmp(text, "true") == 0;
        if (!value.flag && strcmp(text, "false") != 0) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        break;
    case VALUE_TEXT:
        *out_problem = "the text is too long or not UTF-8";
        value.text = span_text(text);
        break;
    case VALUE_ASSIGN:
        *out_problem = "the name of the OPD is too long or not UTF-8";
        value.assign.opd = span_text(text);
        break;
    default:
        return STATUS_MAKE(STATUS_INVALID);
    }
    return value_write(&value, arena, out_bytes);
}

json_t *json_token(const struct ctx_entry *ctx, size_t count)
{
    json_t *token = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(token, json_pack("[o,i,i,I,o]", json_node(ctx[i].replica.node), (int)ctx[i].replica.epoch,
                                               (int)ctx[i].replica.lane, (json_int_t)ctx[i].rseq, json_hash(ctx[i].hash)));
    }
    return token;
}

static bool hash_read(const char *text, struct hash *out_hash)
{
    struct record_id half;
    for (size_t i = 0; i < 2; i++) {
        if (!text || strlen(text) != 64 || !status_is_ok(record_id_parse(span_of(text + 32 * i, 32), &half))) {
            return false;
        }
        memcpy(out_hash->bytes + 16 * i, half.bytes, 16);
    }
    return true;
}

struct status token_read(const json_t *token, struct arena *arena, struct ctx_entry **out_ctx, size_t *out_count)
{
    size_t count = json_array_size(token);
    struct ctx_entry *ctx = arena_array(arena, count, sizeof *ctx);
    if (!ctx) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(token, i);
        const char *node = json_string_value(json_array_get(entry, 0));
        ctx[i].replica.epoch = (uint32_t)json_integer_value(json_array_get(entry, 1));
        ctx[i].replica.lane = (uint32_t)json_integer_value(json_array_get(entry, 2));
        ctx[i].rseq = (uint64_t)json_integer_value(json_array_get(entry, 3));
        if (!node || !status_is_ok(node_id_parse(span_text(node), &ctx[i].replica.node)) ||
            !hash_read(json_string_value(json_array_get(entry, 4)), &ctx[i].hash) ||
            (i > 0 && replica_compare(ctx[i - 1].replica, ctx[i].replica) >= 0)) {
            return STATUS_MAKE(STATUS_INVALID);
        }
    }
    *out_ctx = ctx;
    *out_count = count;
    return status_ok();
}
