/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "node/board/board_parts.h"

/* One complaint, conflicts, quarantine, and the acts. Every act is a verb of the CLI with the account's pseudonym as its
 * actor, so it becomes an ordinary signed change; what an account may not see is as if it were not there. */

enum { CARDS = 25, RESOLVE_MAX = 200 };

static const char *member(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "";
}

static json_t *record_seen(struct board_call *call, const char *id)
{
    json_t *record = call_verb(call, "record.show", json_pack("{s:s}", "id", id));
    if (record && !call_may_see(call, member(record, "owner"))) {
        json_decref(record);
        call_problem(call, 404, "gone", "this store holds no record of that id");
        return NULL;
    }
    return record;
}

void board_record(struct board_call *call)
{
    char id[40];
    if (!call_query(call, "id", id, sizeof id)) {
        call_problem(call, 422, "invalid", "\"id\" is missing");
        return;
    }
    json_t *record = record_seen(call, id);
    json_t *timeline = record ? call_verb(call, "record.timeline", json_pack("{s:s}", "id", id)) : NULL;
    if (timeline) {
        json_object_set(record, "timeline", json_object_get(timeline, "timeline"));
        json_decref(timeline);
        call->reply = record;
    } else {
        json_decref(record);
    }
}

/* A leaf with its proof; only of a record that the account sees. */
void board_leaf(struct board_call *call)
{
    char stream[16];
    char seq[24];
    long long numbers[2] = {-1, -1};
    if (!call_query(call, "stream", stream, sizeof stream) || !call_query(call, "seq", seq, sizeof seq) ||
        sscanf(stream, "%lld", &numbers[0]) != 1 || sscanf(seq, "%lld", &numbers[1]) != 1 || numbers[0] < 0 || numbers[1] < 0) {
        call_problem(call, 422, "invalid", "\"stream\" and \"seq\" are numbers");
        return;
    }
    json_t *leaf = call_verb(call, "log.show", json_pack("{s:I,s:I}", "stream", (json_int_t)numbers[0], "seq",
                                                         (json_int_t)numbers[1]));
    const char *record = leaf ? member(leaf, "record") : "";
    json_t *seen = leaf && record[0] ? record_seen(call, record) : NULL;
    if (seen) {
        call->reply = leaf;
        json_decref(seen);
        return;
    }
    json_decref(leaf);
    if (!call->reply) {
        call_problem(call, 404, "gone", "there is no such leaf here");
    }
}

/* The registers of a record that differ, with their siblings; the title besides, so that a card says what it is about. */
static json_t *card_json(const json_t *record)
{
    json_t *registers = json_array();
    const char *title = "";
    size_t index;
    json_t *reg;
    json_array_foreach(json_object_get(record, "registers"), index, reg)
    {
        const json_t *value = json_object_get(reg, "value");
        if (strcmp(member(reg, "register"), "title") == 0 && json_is_string(value)) {
            title = json_string_value(value);
        }
        if (json_is_true(json_object_get(reg, "conflict"))) {
            json_array_append(registers, reg);
        }
    }
    return json_pack("{s:O,s:O,s:s,s:o,s:O}", "id", json_object_get(record, "id"), "owner", json_object_get(record, "owner"),
                     "title", title, "registers", registers, "token", json_object_get(record, "token"));
}

static void cards_add(struct board_call *call, const json_t *items, json_t *cards)
{
    size_t index;
    json_t *item;
    json_array_foreach(items, index, item)
    {
        if (json_array_size(cards) == CARDS || !call_may_see(call, member(item, "owner"))) {
            continue;
        }
        json_t *record = call_verb(call, "record.show", json_pack("{s:s}", "id", member(item, "id")));
        if (record) {
            json_array_append_new(cards, card_json(record));
            json_decref(record);
        }
    }
}

void board_conflicts(struct board_call *call)
{
    enum { PAGES_MAX = 50 };
    char flag[4];
    char last[40] = "";
    json_t *cards = json_array();
    bool all = call_query(call, "all", flag, sizeof flag);
    bool more = true;
    for (size_t page = 0; more && page < PAGES_MAX && json_array_size(cards) < CARDS; page++) {
        json_t *arguments = json_pack("{s:b}", "all", all);
        if (last[0]) {
            json_object_set_new(arguments, "after", json_string(last));
        }
        json_t *list = call_verb(call, "conflicts.list", arguments);
        if (!list) {
            json_decref(cards);
            return;
        }
        cards_add(call, json_object_get(list, "conflicts"), cards);
        more = json_is_true(json_object_get(list, "more"));
        (void)snprintf(last, sizeof last, "%s", member(list, "last"));
        json_decref(list);
    }
    json_decref(call->reply); /* a record that went away meanwhile is no failure of the list */
    call->request->status = 200;
    call->reply = json_pack("{s:o,s:b}", "cards", cards, "more", more || json_array_size(cards) == CARDS);
}

/* ---- acts ---- */

/* Members of `from` that are there, by name, and the actor. */
static json_t *arguments_of(struct board_call *call, const json_t *from, const char *const *names)
{
    json_t *arguments = json_pack("{s:s}", "actor", call->session.account.pseudonym);
    for (; *names; names++) {
        json_t *value = json_object_get(from, *names);
        if (value && !json_is_null(value)) {
            json_object_set(arguments, *names, value);
        }
    }
    return arguments;
}

/* The verb, once the account is known to see the record. */
static json_t *act(struct board_call *call, const char *verb, const json_t *from, const char *const *names)
{
    json_t *seen = record_seen(call, member(from, "id"));
    if (!seen) {
        return NULL;
    }
    json_decref(seen);
    return call_verb(call, verb, arguments_of(call, from, names));
}

void board_edit(struct board_call *call)
{
    static const char *const names[] = {"id", "register", "part", "value", "take_hash", "token", NULL};
    if (!json_object_get(call->body, "token")) {
        call_problem(call, 422, "invalid", "the token of what was read is missing");
        return;
    }
    json_t *written = act(call, "record.edit", call->body, names);
    call->reply = written ? written : call->reply;
}

void board_note(struct board_call *call)
{
    static const char *const names[] = {"id", "text", "internal", "token", NULL};
    json_t *written = act(call, "record.note", call->body, names);
    call->reply = written ? written : call->reply;
}

void board_route(struct board_call *call)
{
    static const char *const names[] = {"id", "region", "reason", "token", NULL};
    const char *reason = call_text(call, "reason");
    if (!reason) {
        return;
    }
    if (reason[strspn(reason, " \t\r\n")] == 0) {
        call_problem(call, 422, "invalid", "say why: the old and the new owner both read it");
        return;
    }
    json_t *written = act(call, "route", call->body, names);
    call->reply = written ? written : call->reply;
}

/* Several equal decisions: each is written by itself, and each says what came of it. */
void board_resolve(struct board_call *call)
{
    static const char *const names[] = {"id", "register", "part", "value", "take_hash", "token", NULL};
    const json_t *items = json_object_get(call->body, "items");
    json_t *results = json_array();
    size_t index;
    json_t *item;
    if (json_array_size(items) == 0 || json_array_size(items) > RESOLVE_MAX) {
        json_decref(results);
        call_problem(call, 422, "invalid", "\"items\" are 1 to 200 decisions");
        return;
    }
    json_array_foreach((json_t *)(uintptr_t)items, index, item)
    {
        json_t *written = json_object_get(item, "token") ? act(call, "record.edit", item, names) : NULL;
        json_array_append_new(results, json_pack("{s:s,s:b,s:s}", "id", member(item, "id"), "done", written != NULL, "problem",
                                                 written ? "" : member(call->reply, "problem")));
        json_decref(written);
        json_decref(call->reply);
        call->reply = NULL;
    }
    call->request->status = 200;
    call->reply = json_pack("{s:o}", "results", results);
}

/* Quarantine is of this node: its rows and the leaves that it could not apply. */
void board_quarantine(struct board_call *call)
{
    const struct config *config = call->board->process->config;
    char self[20];
    (void)snprintf(self, sizeof self, "%.*s", (int)node_id_size(config->node), config->node.text);
    if (!call_may_see(call, config->role == CONFIG_HUB ? "" : self)) {
        call->reply = json_pack("{s:[]}", "entries");
        return;
    }
    call->reply = call_verb(call, "quarantine.list", json_object());
}

void board_quarantine_retry(struct board_call *call)
{
    call->reply = call_verb(call, "quarantine.retry", json_object());
}
