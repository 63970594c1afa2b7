/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/exit.h"
#include "node/control/verbs.h"

/* conflicts.list: records with open conflicts and the registers that differ. Showing one is record.show; resolving one is
 * record.edit with the token that record.show gave, so that only who saw all siblings covers them. */

enum { PAGE = 200 };

static json_t *item_json(const struct conflict_item *item)
{
    const struct register_info *info = register_info(item->number);
    struct record_id part;
    memcpy(part.bytes, item->part.bytes, sizeof part.bytes);
    return json_pack("{s:s,s:o,s:b,s:i}", "register", info ? info->name : "unknown", "part",
                     part_id_is_none(item->part) ? json_null() : json_record_id(part), "person", item->person ? 1 : 0,
                     "siblings", (int)item->sibling_count);
}

static struct status record_items(struct core *core, struct record_id id, bool all, struct arena *arena, json_t *list)
{
    const struct record *record = NULL;
    struct conflict_item *items = NULL;
    size_t count = 0;
    TRY(core_record(core, id, &record));
    TRY(record_conflicts(record, arena, &items, &count));
    json_t *registers = json_array();
    for (size_t i = 0; i < count; i++) {
        if (items[i].person || all) {
            json_array_append_new(registers, item_json(&items[i]));
        }
    }
    if (json_array_size(registers) == 0) {
        json_decref(registers);
        return status_ok();
    }
    json_array_append_new(list, json_pack("{s:o,s:o,s:o}", "id", json_record_id(id), "owner",
                                          json_scope(record_owner(record)), "registers", registers));
    return status_ok();
}

/* The first record above `after` that stands in one of the two lists of items. */
static struct status next_listed(struct core *core, bool persons, struct record_id after, struct arena *arena,
                                 struct record_id *out_id, bool *out_found)
{
    uint8_t key[64]; /* kind, record, and above every item of it */
    struct inbox_item item;
    struct span last;
    size_t count = 0;
    memset(key, 0xff, sizeof key);
    key[0] = persons ? 'I' : 'L';
    memcpy(key + 1, after.bytes, sizeof after.bytes);
    TRY(core_inbox_list(core, persons, span_of(key, sizeof key), 1, arena, &item, &count, &last));
    *out_found = count > 0;
    if (count > 0) {
        *out_id = item.record;
    }
    return status_ok();
}

/* With `all` from both lists, in the order of ids. */
static struct status next_record(struct core *core, bool all, struct record_id after, struct arena *arena,
                                 struct record_id *out_id, bool *out_found)
{
    struct record_id informs;
    bool found = false;
    TRY(next_listed(core, true, after, arena, out_id, out_found));
    if (all) {
        TRY(next_listed(core, false, after, arena, &informs, &found));
    }
    if (found && (!*out_found || memcmp(informs.bytes, out_id->bytes, sizeof informs.bytes) < 0)) {
        *out_id = informs;
        *out_found = true;
    }
    return status_ok();
}

static struct status list_page(struct core *core, bool all, struct record_id *after, struct arena *arena, json_t *list,
                               bool *out_more)
{
    *out_more = true;
    for (size_t i = 0; i < PAGE && *out_more; i++) {
        TRY(next_record(core, all, *after, arena, after, out_more));
        if (*out_more) {
            TRY(record_items(core, *after, all, arena, list));
        }
    }
    return status_ok();
}

static struct status list_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    struct record_id after = {{0}};
    bool more = false;
    if (json_object_get(verb->arguments, "after") && !argument_record(verb->arguments, "after", verb->answer, &after)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    json_t *list = json_array();
    struct status status = list_page(core, argument_flag(verb->arguments, "all"), &after, arena, list, &more);
    if (!status_is_ok(status)) {
        json_decref(list);
        return status;
    }
    verb->answer->reply =
        json_pack("{s:o,s:b,s:o}", "conflicts", list, "more", more ? 1 : 0, "last", json_record_id(after));
    return status_ok();
}

static void list_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, true, list_run);
}

const struct control_verb verbs_conflicts[] = {
    {"conflicts.list", false, list_verb},
    {NULL, false, NULL},
};
