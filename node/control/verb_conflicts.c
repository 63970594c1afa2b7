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

static struct status list_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    struct store *store = verb->host->local->store;
    struct record_filter filter = {.in_conflict = true};
    struct record_id after = {{0}};
    struct record_row *rows = arena_array(arena, PAGE, sizeof *rows);
    size_t count = 0;
    if (!rows || (json_object_get(verb->arguments, "after") &&
                  !argument_record(verb->arguments, "after", verb->answer, &after))) {
        return STATUS_MAKE(rows ? STATUS_INVALID : STATUS_NO_MEMORY);
    }
    TRY(store->ops->records_list(store, &filter, after, false, PAGE, arena, rows, &count));
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct status status = record_items(core, rows[i].id, argument_flag(verb->arguments, "all"), arena, list);
        if (!status_is_ok(status)) {
            json_decref(list);
            return status;
        }
    }
    verb->answer->reply = json_pack("{s:o,s:b,s:o}", "conflicts", list, "more", count == PAGE ? 1 : 0, "last",
                                    count > 0 ? json_record_id(rows[count - 1].id) : json_null());
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
