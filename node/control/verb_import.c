/* SPDX-License-Identifier: Apache-2.0 */
#include "node/base/clock.h"
#include "node/cli/exit.h"
#include "node/control/verbs.h"
#include "sync/capture.h"

/* import.rows: rows that the CLI has mapped already become complaints, at most LIMIT_CAPTURE_ROWS a call, in one
 * transaction. Ids are derived as a connector derives them, so the same row never makes a second complaint:
 *
 *   {"lane":15,"table":"aduan","rows":[
 *      {"line":3,"key":"12","identity":[["no_tiket","S-1"],["tgl",null]],"values":[[1,"0801"],...]}]}
 *   {"created":400,"known":100,"refused":[{"line":3,"reason":"..."}],"waiting":812,"online":true} */

/* The name of this writer in nonces: never changed, or an import repeated would make every complaint twice. */
#define IMPORT_SYSTEM "import"

struct import {
    struct verb_job *verb;
    struct core *core;
    struct arena *arena;
    struct capture_source source;
    const char *table;
};

static struct status hex_read(const char *text, struct arena *arena, struct span *out_bytes)
{
    size_t size = text ? strlen(text) : 1;
    uint8_t *bytes = arena_alloc(arena, size / 2 + 1);
    if (!bytes || size % 2 != 0) {
        return STATUS_MAKE(bytes ? STATUS_INVALID : STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | digit);
    }
    *out_bytes = span_of(bytes, size / 2);
    return status_ok();
}

static struct status identity_read(struct import *import, const json_t *row, struct shadow_cell **out_cells, size_t *out_count)
{
    const json_t *identity = json_object_get(row, "identity");
    size_t count = json_array_size(identity);
    struct shadow_cell *cells = arena_array(import->arena, count, sizeof *cells);
    if (!cells || count > LIMIT_COLUMNS) {
        return STATUS_MAKE(cells ? STATUS_LIMIT : STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        const char *column = json_string_value(json_array_get(json_array_get(identity, i), 0));
        const json_t *value = json_array_get(json_array_get(identity, i), 1);
        if (!column) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        cells[i] = (struct shadow_cell){.column = span_text(column),
                                        .bytes = span_of(json_string_value(value), json_string_length(value)),
                                        .null = !json_is_string(value)};
    }
    *out_cells = cells;
    *out_count = count;
    return status_ok();
}

/* Values and the flags that the source states as false (merge.md: a create can loosen nothing otherwise). */
static struct status values_read(struct import *import, const json_t *row, struct draft *draft)
{
    const json_t *list = json_object_get(row, "values");
    size_t count = json_array_size(list);
    struct body_value *values = arena_array(import->arena, count, sizeof *values);
    uint32_t *open = arena_array(import->arena, count, sizeof *open);
    if (!values || !open || count > LIMIT_REGISTER_COUNT) {
        return STATUS_MAKE(values && open ? STATUS_LIMIT : STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(list, i);
        values[i].number = (uint32_t)json_integer_value(json_array_get(pair, 0));
        TRY(hex_read(json_string_value(json_array_get(pair, 1)), import->arena, &values[i].bytes));
        struct value value;
        TRY(value_read_register(values[i].number, values[i].bytes, import->arena, &value));
        if (value.type == VALUE_FLAG && !value.flag &&
            (values[i].number == REG_CONFIDENTIAL || values[i].number == REG_ANONYMOUS)) {
            open[draft->open_count++] = values[i].number;
        }
    }
    draft->values = values;
    draft->value_count = count;
    draft->open = open;
    return status_ok();
}

/* OK and out_known: it is here already, from an earlier import. */
static struct status row_write(struct import *import, const json_t *row, bool *out_known, struct fault *fault)
{
    const char *key = json_string_value(json_object_get(row, "key"));
    struct shadow_cell *identity = NULL;
    size_t identity_count = 0;
    uint8_t nonce[32];
    const struct record *record = NULL;
    struct draft draft = {.kind = KIND_CREATE,
                          .lane = import->source.lane,
                          .role = ROLE_CLERK,
                          .actor = import->source.actor,
                          .nonce = span_of(nonce, sizeof nonce)};
    if (!key) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    TRY(identity_read(import, row, &identity, &identity_count));
    TRY(values_read(import, row, &draft));
    capture_nonce(&import->source, span_text(import->table), span_text(key), identity, identity_count, 0, nonce);
    draft.record = capture_record_id(&import->source, draft.nonce);
    *out_known = status_is_ok(core_record(import->core, draft.record, &record)) && record->created;
    if (*out_known) {
        return status_ok();
    }
    struct written written;
    return core_write(import->core, &draft, &written, fault);
}

struct tally {
    json_int_t created, known;
    json_t *refused; /* owned */
};

static struct status rows_write(struct import *import, const json_t *rows, struct tally *tally)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct fault fault = {0};
        bool known = false;
        struct status status = row_write(import, json_array_get(rows, i), &known, &fault);
        if (status.code == STATUS_NO_MEMORY || status.code == STATUS_IO || status.code == STATUS_UNKNOWN) {
            return status;
        }
        if (status.code == STATUS_BUSY || status.code == STATUS_DENIED) {
            answer_problem(import->verb->answer, status.code == STATUS_BUSY ? EXIT_BUSY : EXIT_REFUSED,
                           "this node may not write yet (%s): is it registered at the hub, and has it been connected once?",
                           fault.what ? fault.what : status_name(status));
            return status;
        }
        if (!status_is_ok(status)) {
            json_array_append_new(tally->refused, json_pack("{s:I,s:s}", "line", json_integer_value(json_object_get(
                                                                json_array_get(rows, i), "line")),
                                                            "reason", fault.what ? fault.what : status_name(status)));
        }
        tally->known += known ? 1 : 0;
        tally->created += status_is_ok(status) && !known ? 1 : 0;
    }
    return status_ok();
}

static bool lane_is_taken(const struct config *config, json_int_t lane)
{
    for (size_t i = 0; i < config->legacy_count; i++) {
        if (config->legacy[i].lane == (uint32_t)lane) {
            return true;
        }
    }
    return false;
}

static struct status rows_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    const struct local *local = verb->host->local;
    const char *table = argument_text(verb->arguments, "table", verb->answer);
    const json_t *rows = json_object_get(verb->arguments, "rows");
    json_int_t lane = json_integer_value(json_object_get(verb->arguments, "lane"));
    struct tally tally = {.refused = json_array()};
    if (!table || lane < 1 || lane > UINT8_MAX || json_array_size(rows) > LIMIT_CAPTURE_ROWS ||
        lane_is_taken(local->config, lane)) {
        answer_problem(verb->answer, EXIT_USAGE, "the lane of an import is 1 to 255 and no connector's, and a batch has at most "
                                                 "%d rows", LIMIT_CAPTURE_ROWS);
        json_decref(tally.refused);
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct import import = {.verb = verb, .core = core, .arena = arena, .table = table};
    import.source = (struct capture_source){.self = local->config->node,
                                            .lane = (uint32_t)lane,
                                            .scope = scope_of_node(local->config->node),
                                            .crypto = local->crypto,
                                            .secret = span_of(local->secret, sizeof local->secret),
                                            .system = span_text(IMPORT_SYSTEM),
                                            .actor = span_text(IMPORT_SYSTEM)};
    struct status status = rows_write(&import, rows, &tally);
    verb->answer->reply = json_pack("{s:I,s:I,s:o,s:I}", "created", tally.created, "known", tally.known, "refused", tally.refused,
                                    "waiting", (json_int_t)core_unacked(core));
    return status;
}

static void rows_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, false, rows_run);
    if (answer->reply) {
        bool online = host->process && host->process->peer && peer_status(host->process->peer).state == PEER_ONLINE;
        json_object_set_new(answer->reply, "online", json_boolean(online));
    }
}

const struct control_verb verbs_import[] = {
    {"import.rows", false, rows_verb},
    {NULL, false, NULL},
};
