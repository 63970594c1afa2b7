/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/exit.h"
#include "node/control/verbs.h"

/* record.show, record.list, record.find, record.edit, record.note, record.erase, record.loosen, record.same, route. */

/* At the hub a person acts as national admin, elsewhere as admin of the institution. */
static enum role role_here(const struct control_host *host)
{
    return host->local->config->role == CONFIG_HUB ? ROLE_NATIONAL : ROLE_ADMIN;
}

static struct span actor_of(const json_t *arguments)
{
    const char *actor = json_string_value(json_object_get(arguments, "actor"));
    return span_text(actor ? actor : "cli");
}

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

/* Not held is one thing; held and not readable is damage, and must not look like the first. */
static void record_missing(struct verb_job *verb, struct status status)
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

static struct status list_filter(struct verb_job *verb, struct record_filter *out_filter)
{
    const char *owner = json_string_value(json_object_get(verb->arguments, "owner"));
    const char *status = json_string_value(json_object_get(verb->arguments, "status"));
    *out_filter = (struct record_filter){.in_conflict = argument_flag(verb->arguments, "conflicts")};
    if (owner && !status_is_ok(scope_id_parse(span_text(owner), &out_filter->owner))) {
        answer_problem(verb->answer, EXIT_USAGE, "\"%.40s\" is no region code", owner);
        return STATUS_MAKE(STATUS_INVALID);
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
    (void)core;
    enum { PAGE = 500 };
    struct store *store = verb->host->local->store;
    struct record_filter filter;
    struct record_id after = {{0}};
    struct record_row *rows = arena_array(arena, PAGE, sizeof *rows);
    size_t count = 0;
    const char *from = json_string_value(json_object_get(verb->arguments, "after"));
    TRY(list_filter(verb, &filter));
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

/* ---- writing ---- */

/* What the author had read: the token he gives back, or, where a command both reads and writes, the record as it is. */
static struct status author_ctx(struct verb_job *verb, const struct record *record, struct arena *arena,
                                struct ctx_entry **out_ctx, size_t *out_count)
{
    const json_t *token = json_object_get(verb->arguments, "token");
    if (!token) {
        return record_token(record, arena, out_ctx, out_count);
    }
    struct status status = token_read(token, arena, out_ctx, out_count);
    if (!status_is_ok(status)) {
        answer_problem(verb->answer, EXIT_USAGE, "the token is damaged: take it as `record show --json` gives it");
    }
    return status;
}

static struct status draft_write(struct verb_job *verb, struct core *core, struct draft *draft)
{
    struct written written;
    struct fault fault = {0};
    struct status status = core_write(core, draft, &written, &fault);
    if (status.code == STATUS_STALE) {
        answer_problem(verb->answer, EXIT_REFUSED, "somebody changed the record since you read it: read again, then decide");
    } else if (status.code == STATUS_BUSY) {
        answer_problem(verb->answer, EXIT_BUSY, "this record waits for changes that are still on their way: try again");
    } else if (!status_is_ok(status)) {
        answer_problem(verb->answer, EXIT_REFUSED, "it was refused: %s%s%s", fault.what ? fault.what : status_name(status),
                       fault.field ? ", " : "", fault.field ? fault.field : "");
    }
    TRY(status);
    verb->answer->reply = json_pack("{s:o,s:o,s:o}", "record", json_record_id(written.record), "dot", json_dot(written.dot),
                                    "hash", json_hash(written.hash));
    return status_ok();
}

struct author {
    struct record_id id;
    const struct record *record;
    struct ctx_entry *ctx;
    size_t ctx_count;
};

static struct status author_read(struct verb_job *verb, struct core *core, struct arena *arena, struct author *out_author)
{
    struct author author = {0};
    if (!argument_record(verb->arguments, "id", verb->answer, &author.id)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct status status = core_record(core, author.id, &author.record);
    if (!status_is_ok(status)) {
        record_missing(verb, status);
        return status;
    }
    TRY(author_ctx(verb, author.record, arena, &author.ctx, &author.ctx_count));
    *out_author = author;
    return status_ok();
}

static struct draft draft_of(struct verb_job *verb, const struct author *author, enum kind kind)
{
    return (struct draft){.record = author->id,
                          .kind = kind,
                          .role = role_here(verb->host),
                          .actor = actor_of(verb->arguments),
                          .ctx = author->ctx,
                          .ctx_count = author->ctx_count};
}

static struct status erasures_of(const struct record *record, struct arena *arena, struct draft *draft)
{
    size_t count = record->erasure_count < LIMIT_ERASURES_SEEN ? record->erasure_count : LIMIT_ERASURES_SEEN;
    struct dot *dots = arena_array(arena, count, sizeof *dots);
    if (!dots) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        struct dot dot = record_dot(record, record->erasures[i].dot);
        size_t at = i;
        for (; at > 0 && dot_compare(dots[at - 1], dot) > 0; at--) {
            dots[at] = dots[at - 1];
        }
        dots[at] = dot;
    }
    draft->erasures_seen = dots;
    draft->erasures_seen_count = count;
    return status_ok();
}

static const struct register_info *argument_register(struct verb_job *verb)
{
    const char *name = argument_text(verb->arguments, "register", verb->answer);
    const struct register_info *info = name ? register_by_name(name) : NULL;
    if (name && !info) {
        answer_problem(verb->answer, EXIT_USAGE, "there is no register \"%.40s\"", name);
    }
    return info;
}

/* "part": the follow-up whose register is meant; none: the complaint itself. */
static struct status argument_part(struct verb_job *verb, struct part_id *out_part)
{
    struct record_id id = {{0}};
    if (json_is_string(json_object_get(verb->arguments, "part")) &&
        !argument_record(verb->arguments, "part", verb->answer, &id)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    memcpy(out_part->bytes, id.bytes, sizeof out_part->bytes);
    return status_ok();
}

/* The sibling that is meant: by its place ("take": 1, 2, ... as listed), or by the hash that was shown with it
 * ("take_hash"), which names the same value even when others have come since. SIZE_MAX: none. */
static size_t taken_sibling(const struct verb_job *verb, const struct record_register *reg)
{
    const char *wanted = json_string_value(json_object_get(verb->arguments, "take_hash"));
    json_int_t take = json_integer_value(json_object_get(verb->arguments, "take"));
    size_t found = !wanted && take >= 1 && (size_t)take <= reg->sibling_count ? (size_t)take - 1 : SIZE_MAX;
    for (size_t i = 0; wanted && i < reg->sibling_count; i++) {
        char text[65];
        hash_text(reg->siblings[i].hash, text);
        found = strcmp(text, wanted) == 0 ? i : found;
    }
    return found;
}

/* A typed value ("value"), or that of one of the siblings. */
static struct status edit_value(struct verb_job *verb, struct core *core, const struct author *author, struct part_id part,
                                const struct register_info *info, struct arena *arena, struct span *out_value)
{
    const char *text = json_string_value(json_object_get(verb->arguments, "value"));
    const char *problem = NULL;
    if (text) {
        struct status status = value_from_text(info->number, text, arena, out_value, &problem);
        if (!status_is_ok(status)) {
            answer_problem(verb->answer, EXIT_USAGE, "%s", problem);
        }
        return status;
    }
    const struct record_register *reg = record_register_find(author->record, part, info->number);
    size_t taken = reg ? taken_sibling(verb, reg) : SIZE_MAX;
    if (taken == SIZE_MAX && json_object_get(verb->arguments, "take_hash")) {
        answer_problem(verb->answer, EXIT_REFUSED, "somebody decided about that value meanwhile: read again, then decide");
        return STATUS_MAKE(STATUS_STALE);
    }
    if (taken == SIZE_MAX) {
        answer_problem(verb->answer, EXIT_USAGE, "say which value: one of the %zu siblings, or a value of your own",
                       reg ? reg->sibling_count : 0);
        return STATUS_MAKE(STATUS_INVALID);
    }
    enum body_state state = BODY_LATER;
    TRY(core_sibling_value(core, author->record, reg, taken, arena, out_value, &state));
    if (state != BODY_PRESENT && state != BODY_NONE) {
        answer_problem(verb->answer, EXIT_REFUSED, "that value is not here any more: take another one, or write your own");
        return STATUS_MAKE(STATUS_DENIED);
    }
    return status_ok();
}

static struct status edit_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    struct author author;
    TRY(author_read(verb, core, arena, &author));
    const struct register_info *info = argument_register(verb);
    struct body_value value = {.number = info ? info->number : 0};
    if (!info || info->hub_only) {
        if (info) {
            answer_problem(verb->answer, EXIT_REFUSED, "this register has a command of its own");
        }
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct part_id part = {{0}};
    TRY(argument_part(verb, &part));
    TRY(edit_value(verb, core, &author, part, info, arena, &value.bytes));
    struct draft draft = draft_of(verb, &author, KIND_EDIT);
    draft.part = part;
    draft.values = &value;
    draft.value_count = 1;
    TRY(erasures_of(author.record, arena, &draft));
    return draft_write(verb, core, &draft);
}

static void record_edit_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, false, edit_run);
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

static struct status note_values(struct verb_job *verb, struct arena *arena, struct body_value out_values[3])
{
    const char *text = argument_text(verb->arguments, "text", verb->answer);
    if (text && is_blank(text)) {
        answer_problem(verb->answer, EXIT_USAGE, "the text is empty: say something");
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (!text) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct value body = {.type = VALUE_TEXT, .text = span_text(text)};
    struct value internal = {.type = VALUE_FLAG, .flag = argument_flag(verb->arguments, "internal")};
    struct value author = {.type = VALUE_TEXT, .text = actor_of(verb->arguments)};
    out_values[0].number = REG_NOTE_TEXT;
    out_values[1].number = REG_NOTE_INTERNAL;
    out_values[2].number = REG_NOTE_AUTHOR;
    TRY(value_write(&body, arena, &out_values[0].bytes));
    TRY(value_write(&internal, arena, &out_values[1].bytes));
    return value_write(&author, arena, &out_values[2].bytes);
}

static struct status note_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    struct author author;
    struct body_value values[3];
    const struct crypto *crypto = verb->host->local->crypto;
    TRY(author_read(verb, core, arena, &author));
    TRY(note_values(verb, arena, values));
    struct draft draft = draft_of(verb, &author, KIND_NOTE);
    crypto->random(crypto->owner, draft.part.bytes, sizeof draft.part.bytes);
    draft.values = values;
    draft.value_count = 3;
    TRY(erasures_of(author.record, arena, &draft));
    return draft_write(verb, core, &draft);
}

static void record_note_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, false, note_run);
}

static struct status erase_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    struct author author;
    TRY(author_read(verb, core, arena, &author));
    struct draft draft = draft_of(verb, &author, KIND_ERASE);
    draft.class = argument_flag(verb->arguments, "reporter") ? CLASS_SEALED : CLASS_RESTRICTED;
    return draft_write(verb, core, &draft);
}

static void record_erase_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, false, erase_run);
}

static struct status loosen_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    struct author author;
    TRY(author_read(verb, core, arena, &author));
    const struct register_info *info = argument_register(verb);
    if (!info || (info->number != REG_CONFIDENTIAL && info->number != REG_ANONYMOUS)) {
        answer_problem(verb->answer, EXIT_USAGE, "only confidential and anonymous can be loosened");
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct draft draft = draft_of(verb, &author, KIND_LOOSEN);
    draft.registers = &info->number;
    draft.register_count = 1;
    return draft_write(verb, core, &draft);
}

static void record_loosen_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, false, loosen_run);
}

/* Two records are one case: the smaller id survives, the other is shown inside it. */
static struct status same_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    struct author author;
    struct record_id other;
    TRY(author_read(verb, core, arena, &author));
    if (!argument_record(verb->arguments, "other", verb->answer, &other)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (record_id_equal(author.id, other)) {
        answer_problem(verb->answer, EXIT_USAGE, "these are one complaint already: give the id of the other one");
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct record_id survivor = memcmp(author.id.bytes, other.bytes, sizeof other.bytes) < 0 ? author.id : other;
    struct record_id inner = record_id_equal(survivor, author.id) ? other : author.id;
    struct value same = {.type = VALUE_RECORD, .record = survivor};
    struct body_value value = {.number = REG_SAME_AS};
    TRY(value_write(&same, arena, &value.bytes));
    struct status status = core_record(core, survivor, &author.record);
    status = status_is_ok(status) ? core_record(core, inner, &author.record) : status;
    if (!status_is_ok(status)) {
        answer_problem(verb->answer, EXIT_NO_SUCH, "this store does not hold both records");
        return status;
    }
    author.id = inner;
    TRY(record_token(author.record, arena, &author.ctx, &author.ctx_count));
    struct draft draft = draft_of(verb, &author, KIND_EDIT);
    draft.values = &value;
    draft.value_count = 1;
    return draft_write(verb, core, &draft);
}

static void record_same_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, false, same_run);
}

/* ---- route ---- */

/* Why a record is moved travels with it, as an internal note in the same transaction. */
static struct status route_reason(struct verb_job *verb, struct core *core, struct arena *arena, struct author *author)
{
    struct body_value values[3];
    struct written written;
    const char *reason = json_string_value(json_object_get(verb->arguments, "reason"));
    const struct crypto *crypto = verb->host->local->crypto;
    if (!reason) {
        return status_ok();
    }
    json_t *arguments = json_pack("{s:s,s:b}", "text", reason, "internal", 1);
    struct verb_job note = {.arguments = arguments, .answer = verb->answer};
    struct status status = note_values(&note, arena, values);
    struct draft draft = draft_of(verb, author, KIND_NOTE);
    crypto->random(crypto->owner, draft.part.bytes, sizeof draft.part.bytes);
    draft.values = values;
    draft.value_count = 3;
    status = status_is_ok(status) ? erasures_of(author->record, arena, &draft) : status;
    status = status_is_ok(status) ? core_write(core, &draft, &written, NULL) : status;
    json_decref(arguments);
    TRY(status);
    TRY(core_record(core, author->id, &author->record));
    return record_token(author->record, arena, &author->ctx, &author->ctx_count);
}

static struct status route_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    struct author author;
    struct scope_id to;
    struct written written;
    TRY(author_read(verb, core, arena, &author));
    const char *region = argument_text(verb->arguments, "region", verb->answer);
    if (!region || !status_is_ok(scope_id_parse(span_text(region), &to))) {
        if (region) {
            answer_problem(verb->answer, EXIT_USAGE, "\"%.40s\" is no region code", region);
        }
        return STATUS_MAKE(STATUS_INVALID);
    }
    TRY(route_reason(verb, core, arena, &author));
    struct status status = core_route(core, author.id, to, actor_of(verb->arguments), author.ctx, author.ctx_count, &written);
    switch (status.code) {
    case STATUS_DENIED:
        answer_problem(verb->answer, EXIT_REFUSED, "only the hub routes: at a regency, ask for it (`simpul record edit ID "
                                                   "route_request`)");
        break;
    case STATUS_EXISTS:
        answer_problem(verb->answer, EXIT_REFUSED, "the record belongs to %s already", region);
        break;
    case STATUS_INVALID:
        answer_problem(verb->answer, EXIT_NO_SUCH, "no node is registered for %s", region);
        break;
    case STATUS_STALE:
        answer_problem(verb->answer, EXIT_REFUSED, "the record changed meanwhile: read again");
        break;
    default:
        break;
    }
    TRY(status);
    verb->answer->reply = json_pack("{s:o,s:o,s:s}", "record", json_record_id(author.id), "dot", json_dot(written.dot), "to",
                                    region);
    return status_ok();
}

static void route_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, false, route_run);
}

const struct control_verb verbs_record[] = {
    {"record.show", false, record_show_verb},     {"record.list", false, record_list_verb},
    {"record.find", false, record_find_verb},     {"record.edit", false, record_edit_verb},
    {"record.note", false, record_note_verb},     {"record.erase", false, record_erase_verb},
    {"record.loosen", false, record_loosen_verb}, {"record.same", false, record_same_verb},
    {"route", false, route_verb},                 {NULL, false, NULL},
};
