/* SPDX-License-Identifier: Apache-2.0 */
#include "node/control/verbs.h"
#include "proto/header.h"

/* record.timeline: the changes of a record as their leaves tell them: who, where, when, what. The newest TIMELINE_MAX. */

enum { TIMELINE_MAX = 300 };

static json_t *registers_json(const struct header *header)
{
    json_t *list = json_array();
    for (size_t i = 0; i < header->register_count; i++) {
        const struct register_info *info = register_info(header->registers[i]);
        json_array_append_new(list, json_string(info ? info->name : "unknown"));
    }
    return list;
}

static const char *state_of(const struct history_entry *h)
{
    return h->flags & HISTORY_PARKED   ? "parked"
           : h->flags & HISTORY_VOID   ? "void"
           : h->flags & HISTORY_FORKED ? "forked"
           : h->flags & HISTORY_ERASED ? "erased"
                                       : "applied";
}

static json_t *entry_json(struct core *core, const struct record *record, const struct history_entry *h, struct arena *arena)
{
    const struct kind_info *info = kind_info((uint32_t)h->kind);
    struct dot_index dot = {.replica = h->replica, .rseq = h->rseq};
    struct wire_leaf leaf;
    struct header header = {0};
    uint32_t stream = h->flags & HISTORY_RELAYED ? h->stream | CORE_RELAYED : h->stream;
    bool read = status_is_ok(core_leaf(core, stream, h->seq, arena, &leaf)) &&
                status_is_ok(header_scan(leaf.leaf, arena, &header, NULL));
    json_t *actor = read && header.actor.size > 0 ? json_stringn((const char *)header.actor.data, header.actor.size) : json_null();
    return json_pack("{s:s,s:o,s:I,s:I,s:s,s:o,s:b,s:I,s:s,s:o,s:o,s:s}", "kind", info ? info->name : "unknown", "by",
                     json_dot(record_dot(record, dot)), "stream", (json_int_t)h->stream, "seq", (json_int_t)h->seq, "state",
                     state_of(h), "hash", json_hash(h->hash), "acked", core_is_acked(core, h->stream, h->seq) ? 1 : 0, "at_ms",
                     read ? (json_int_t)(header.hlc >> 16) : 0, "role", read ? role_name(header.role) : "", "actor",
                     actor ? actor : json_null(), "registers", registers_json(&header), "body",
                     h->flags & HISTORY_BODY ? "held" : "none");
}

static struct status timeline_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    struct record_id id;
    const struct record *record = NULL;
    if (!argument_record(verb->arguments, "id", verb->answer, &id)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    TRY(core_record(core, id, &record));
    json_t *list = json_array();
    size_t from = record->history_count > TIMELINE_MAX ? record->history_count - TIMELINE_MAX : 0;
    for (size_t i = from; i < record->history_count; i++) {
        json_array_append_new(list, entry_json(core, record, &record->history[i], arena));
    }
    verb->answer->reply = json_pack("{s:o,s:I}", "timeline", list, "earlier", (json_int_t)from);
    return status_ok();
}

static void timeline_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, true, timeline_run);
}

const struct control_verb verbs_timeline[] = {
    {"record.timeline", false, timeline_verb},
    {NULL, false, NULL},
};
