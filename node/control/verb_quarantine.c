/* SPDX-License-Identifier: Apache-2.0 */
#include "node/control/verbs.h"
#include "sync/quarantine.h"

/* quarantine.list, quarantine.retry. */

enum { PAGE = 200 };

static json_t *text_json(struct span text)
{
    return json_stringn(text.size > 0 ? (const char *)text.data : "", text.size); /* no data: no NULL either */
}

static json_t *entry_json(const struct quarantine_entry *entry)
{
    uint32_t number = entry->number & QUARANTINE_REGISTER;
    const struct register_info *info = number ? register_info(number) : NULL;
    bool known = !record_id_equal(entry->record, (struct record_id){{0}});
    json_t *json = json_pack("{s:s,s:I,s:o,s:o}", "kind", entry->kind == QUARANTINE_ROW ? "row" : "leaf", "at_ms",
                             (json_int_t)entry->at_ms, "reason", text_json(entry->reason), "record",
                             known ? json_record_id(entry->record) : json_null());
    if (entry->kind == QUARANTINE_ROW) {
        json_object_set_new(json, "lane", json_integer((json_int_t)entry->lane));
        json_object_set_new(json, "table", text_json(entry->table));
        json_object_set_new(json, "key", text_json(entry->row_key));
        json_object_set_new(json, "column", text_json(entry->column));
        json_object_set_new(json, "register", info ? json_string(info->name) : json_null());
    } else {
        json_object_set_new(json, "stream", json_integer((json_int_t)entry->stream));
        json_object_set_new(json, "seq", json_integer((json_int_t)entry->seq));
    }
    return json;
}

static struct status list_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    (void)core;
    struct quarantine_entry *entries = arena_array(arena, PAGE, sizeof *entries);
    struct span after = {0};
    json_t *list = json_array();
    for (size_t count = PAGE; entries && count == PAGE && json_array_size(list) < 5000;) {
        struct status status = quarantine_list(verb->host->local->store, after, PAGE, arena, entries, &count, &after);
        for (size_t i = 0; i < count && status_is_ok(status); i++) {
            json_array_append_new(list, entry_json(&entries[i]));
        }
        if (!status_is_ok(status)) {
            json_decref(list);
            return status;
        }
    }
    verb->answer->reply = json_pack("{s:o}", "entries", list);
    return status_ok();
}

static void list_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, true, list_run);
}

/* Everything is read again: a comparison finds what maps now, and tells anew what still does not. */
static void retry_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    (void)arguments;
    pthread_mutex_lock(&host->process->connectors_lock);
    for (size_t i = 0; i < host->process->connector_count; i++) {
        if (host->process->connectors[i]) {
            connector_compare(host->process->connectors[i]);
        }
    }
    pthread_mutex_unlock(&host->process->connectors_lock);
    answer->reply = json_pack("{s:b}", "started", 1);
}

const struct control_verb verbs_quarantine[] = {
    {"quarantine.list", false, list_verb},
    {"quarantine.retry", true, retry_verb},
    {NULL, false, NULL},
};
