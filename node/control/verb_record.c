/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/exit.h"
#include "node/control/verbs.h"

/* record.edit, record.note, record.erase, record.loosen, record.same, route. */

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

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* It stands in the log for good. */
static bool actor_is_usable(struct verb_job *verb)
{
    struct span actor = actor_of(verb->arguments);
    bool usable = actor.size <= LIMIT_ACTOR_SIZE && !is_blank((const char *)actor.data);
    for (size_t i = 0; i < actor.size && usable; i++) {
        usable = actor.data[i] >= ' ' && actor.data[i] != 0x7f;
    }
    if (!usable) {
        answer_problem(verb->answer, EXIT_USAGE, "the pseudonym under which this is written must be one line of 1 to %d bytes: "
                       "leave --as away, or name one", LIMIT_ACTOR_SIZE);
    }
    return usable;
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
        answer_problem(verb->answer, EXIT_BUSY, "not now: %s",
                       fault.what ? fault.what : "this record waits for changes that are still on their way: try again");
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
    if (!actor_is_usable(verb) || !argument_record(verb->arguments, "id", verb->answer, &author.id)) {
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
    case STATUS_BUSY:
        answer_problem(verb->answer, EXIT_BUSY, "not now: changes are still on their way to this hub, see `simpul status`");
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
    {"record.edit", false, record_edit_verb},     {"record.note", false, record_note_verb},
    {"record.erase", false, record_erase_verb},   {"record.loosen", false, record_loosen_verb},
    {"record.same", false, record_same_verb},     {"route", false, route_verb},
    {NULL, false, NULL},
};
