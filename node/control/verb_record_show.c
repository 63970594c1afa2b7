/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/exit.h"
#include "node/control/verbs.h"

/* record.show, record.list, record.find: what is read. */

static json_t *sibling_json(const struct record *record, const struct record_register *reg, size_t index, struct core *core,
                            struct arena *arena)
{
    const struct sibling *s = &reg->siblings[index];
    struct span value = {0};
    enum body_state state = BODY_ERASED;
    if (!status_is_ok(core_sibling_value(core, record, reg, index, arena, &value, &state))) {
        state = BODY_LATER;
    }
    json_t *shown = state == BODY_PRESENT || state == BODY_NONE ? json_value(reg->number, value, arena) : json_null();
    return json_pack("{s:o,s:o,s:s,s:I,s:b,s:b,s:o}", "value", shown, "by", json_dot(record_dot(record, s->dot)), "role",
                     role_name(s->role), "at_ms", (json_int_t)record_effective_ms(record, s), "late",
                     record_is_late(record, s) ? 1 : 0, "stale", s->flags & SIBLING_STALE ? 1 : 0, "hash",
                     json_hash(s->hash));
}

static json_t *register_json(const struct record *record, const struct record_register *reg, struct core *core,
                             struct arena *arena)
{
    const struct register_info *info = register_info(reg->number);
    struct shown shown = {0};
    json_t *siblings = json_array();
    for (size_t i = 0; i < reg->sibling_count; i++) {
        json_array_append_new(siblings, sibling_json(record, reg, i, core, arena));
    }
    if (!status_is_ok(record_show(record, reg->part, reg->number, arena, &shown))) {
        shown = (struct shown){0};
    }
    json_t *value = json_null();
    if (shown.present && shown.sibling != SIZE_MAX) {
        value = json_incref(json_object_get(json_array_get(siblings, shown.sibling), "value"));
    } else if (shown.present) {
        value = json_value(reg->number, shown.value, arena);
    }
    return json_pack("{s:s,s:i,s:o,s:b,s:b,s:o}", "register", info ? info->name : "unknown", "number", (int)reg->number,
                     "value", value, "conflict", shown.conflict ? 1 : 0, "person", shown.person ? 1 : 0, "siblings",
                     siblings);
}

static json_t *history_json(const struct record *record, const struct history_entry *h)
{
    const struct kind_info *info = kind_info((uint32_t)h->kind);
    struct dot_index dot = {.replica = h->replica, .rseq = h->rseq};
    const char *state = h->flags & HISTORY_PARKED   ? "parked"
                        : h->flags & HISTORY_VOID   ? "void"
                        : h->flags & HISTORY_FORKED ? "forked"
                                                    : "applied";
    return json_pack("{s:s,s:o,s:i,s:I,s:s,s:o}", "kind", info ? info->name : "unknown", "by",
                     json_dot(record_dot(record, dot)), "stream", (int)h->stream, "seq", (json_int_t)h->seq, "state", state,
                     "hash", json_hash(h->hash));
}

static json_t *part_json(struct part_id part)
{
    struct record_id id;
    memcpy(id.bytes, part.bytes, sizeof id.bytes);
    return part_id_is_none(part) ? json_null() : json_record_id(id);
}

static json_t *record_json(const struct record *record, struct core *core, struct arena *arena)
{
    json_t *registers = json_array();
    json_t *history = json_array();
    struct ctx_entry *ctx = NULL;
    size_t count = 0;
    for (size_t i = 0; i < record->register_count; i++) {
        json_t *reg = register_json(record, &record->registers[i], core, arena);
        json_object_set_new(reg, "part", part_json(record->registers[i].part));
        json_array_append_new(registers, reg);
    }
    for (size_t i = 0; i < record->history_count; i++) {
        json_array_append_new(history, history_json(record, &record->history[i]));
    }
    if (!status_is_ok(record_token(record, arena, &ctx, &count))) {
        count = 0;
    }
    return json_pack("{s:o,s:o,s:o,s:o,s:b,s:o,s:o}", "id", json_record_id(record->id), "owner",
                     json_scope(record_owner(record)), "maker", json_node(record->maker), "registers", registers, "withdrawn",
                     record_is_withdrawn(record) ? 1 : 0, "history", history, "token", json_token(ctx, count));
}

void record_missing(struct verb_job *verb, struct status status)
{
    if (status.code == STATUS_NOT_FOUND) {
        answer_problem(verb->answer, EXIT_NO_SUCH, "this store holds no record of that id");
    } else {
        answer_problem(verb->answer, EXIT_STORE, "this record cannot be read (%s): the store may be damaged, run `simpul log "
                                                 "verify`", status_name(status));
    }
}

static struct status show_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    struct record_id id;
    const struct record *record = NULL;
    if (!argument_record(verb->arguments, "id", verb->answer, &id)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct status status = core_record(core, id, &record);
    if (!status_is_ok(status)) {
        record_missing(verb, status);
        return status;
    }
    verb->answer->reply = record_json(record, core, arena);
    return status_ok();
}

static void record_show_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, true, show_run);
}

static bool scope_is_known(const struct core *core, struct scope_id scope)
{
    const struct registry *registry = core_registry(core);
    for (size_t i = 0; i < registry->node_count; i++) {
        if (scope_id_equal(scope_of_node(registry->nodes[i].id), scope)) {
            return true;
        }
    }
    return scope_id_equal(scope_of_node(core_self(core)), scope);
}

static struct status list_filter(struct verb_job *verb, const struct core *core, struct record_filter *out_filter)
{
    const char *owner = json_string_value(json_object_get(verb->arguments, "owner"));
    const char *status = json_string_value(json_object_get(verb->arguments, "status"));
    *out_filter = (struct record_filter){.in_conflict = argument_flag(verb->arguments, "conflicts")};
    if (owner && !status_is_ok(scope_id_parse(span_text(owner), &out_filter->owner))) {
        answer_problem(verb->answer, EXIT_USAGE, "\"%.40s\" is no region code", owner);
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (owner && !scope_is_known(core, out_filter->owner)) {
        answer_problem(verb->answer, EXIT_NO_SUCH, "no region \"%.40s\" is registered: `simpul status` lists those that are", owner);
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    if (status && (out_filter->status = complaint_status_by_name(status)) == COMPLAINT_NONE) {
        answer_problem(verb->answer, EXIT_USAGE, "\"%.40s\" is no status", status);
        return STATUS_MAKE(STATUS_INVALID);
    }
    return status_ok();
}

static json_t *row_json(const struct record_row *row)
{
    return json_pack("{s:o,s:o,s:s,s:i,s:b,s:I}", "id", json_record_id(row->id), "owner", json_scope(row->owner), "status",
                     complaint_status_name(row->status), "conflicts", (int)row->conflicts, "visible", row->visible ? 1 : 0,
                     "received_ms", (json_int_t)row->received_ms);
}

static struct status list_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    enum { PAGE = 500 };
    struct store *store = verb->host->local->store;
    struct record_filter filter;
    struct record_id after = {{0}};
    struct record_row *rows = arena_array(arena, PAGE, sizeof *rows);
    size_t count = 0;
    const char *from = json_string_value(json_object_get(verb->arguments, "after"));
    TRY(list_filter(verb, core, &filter));
    if (!rows || (from && !argument_record(verb->arguments, "after", verb->answer, &after))) {
        return STATUS_MAKE(rows ? STATUS_INVALID : STATUS_NO_MEMORY);
    }
    TRY(store->ops->records_list(store, &filter, after, false, PAGE, arena, rows, &count));
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, row_json(&rows[i]));
    }
    verb->answer->reply = json_pack("{s:o,s:b}", "records", list, "more", count == PAGE ? 1 : 0);
    return status_ok();
}

static void record_list_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, true, list_run);
}

/* record.find: by external reference, as a person knows it. */
static struct status find_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    (void)core;
    enum { FOUND_MAX = 100 };
    const char *system = argument_text(verb->arguments, "system", verb->answer);
    const char *key = system ? argument_text(verb->arguments, "key", verb->answer) : NULL;
    if (!key) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct buffer from;
    struct span prefix;
    struct span end;
    struct pair pairs[FOUND_MAX];
    size_t count = 0;
    buffer_init(&from, arena);
    buffer_add(&from, system, strlen(system) + 1);
    buffer_add(&from, key, strlen(key) + 1);
    TRY(buffer_end(&from, &prefix));
    TRY(arena_copy(arena, prefix, &end));
    ((uint8_t *)(uintptr_t)end.data)[end.size - 1] = 1; /* the terminating zero: everything below the next key */
    struct store *store = verb->host->local->store;
    TRY(store->ops->scan(store, STORE_REFS, prefix, end, false, FOUND_MAX, SIZE_MAX, arena, pairs, &count));
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct record_id id;
        if (pairs[i].key.size == prefix.size + sizeof id.bytes) {
            memcpy(id.bytes, pairs[i].key.data + prefix.size, sizeof id.bytes);
            json_array_append_new(list, json_record_id(id));
        }
    }
    verb->answer->reply = json_pack("{s:o}", "records", list);
    return status_ok();
}

static void record_find_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, true, find_run);
}
const struct control_verb verbs_record_show[] = {
    {"record.show", false, record_show_verb},
    {"record.list", false, record_list_verb},
    {"record.find", false, record_find_verb},
    {NULL, false, NULL},
};
