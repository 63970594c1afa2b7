/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/connector.h"

static const uint32_t numbers[FIELD_COUNT] = {REG_STATUS, REG_CONFIDENTIAL, REG_TITLE, REG_TEXT, REG_REFS};

uint32_t field_number(enum field field)
{
    return numbers[field];
}

bool field_of_number(uint32_t number, enum field *out_field)
{
    for (size_t f = 0; f < FIELD_COUNT; f++) {
        if (numbers[f] == number) {
            *out_field = (enum field)f;
            return true;
        }
    }
    return false;
}

static bool is_acked(const void *owner, uint32_t stream, uint64_t seq)
{
    return core_is_acked(owner, stream, seq);
}

struct capture_source connector_source(const struct world *w, const struct site *s)
{
    return (struct capture_source){.self = s->id,
                                   .lane = CONNECTOR_LANE,
                                   .scope = scope_of_node(s->id),
                                   .crypto = &s->stub.crypto,
                                   .secret = span_text("secret"),
                                   .system = span_text("model"),
                                   .actor = span_text("clerk"),
                                   .form_window_ms = FORM_WINDOW,
                                   .clock_unsure = w->now_ms < s->clock_set_ms + FORM_WINDOW,
                                   .ready = s->core && core_is_ready(s->core),
                                   .is_acked = is_acked,
                                   .is_acked_owner = s->core};
}

static struct shadow_cell cell_of(struct world *w, const char *name, const struct text *text)
{
    struct span bytes;
    must(w, arena_copy(&w->arena, text_span(text), &bytes), "copy");
    return (struct shadow_cell){.column = span_text(name), .bytes = bytes, .null = text->null};
}

static struct text number_text(uint32_t number)
{
    struct text text = {.null = false};
    (void)snprintf(text.bytes, sizeof text.bytes, "%u", number);
    return text;
}

static struct span value_bytes(struct world *w, const struct value *value)
{
    struct span bytes;
    must(w, value_write(value, &w->arena, &bytes), "value_write");
    return bytes;
}

static void map_refs(struct world *w, const struct row *row, struct shadow_cell *cells, struct capture_register *reg)
{
    struct text key = number_text(row->key);
    struct ref *ref = arena_alloc(&w->arena, sizeof *ref);
    cells[0] = cell_of(w, "id", &key);
    *ref = (struct ref){.system = span_text("legacy:model"), .key = cells[0].bytes};
    reg->value = value_bytes(w, &(struct value){.type = VALUE_REFS, .refs = {.refs = ref, .count = 1}});
    reg->present = true;
    reg->writable = false;
}

static void map_field(struct world *w, const struct row *row, enum field field, struct capture_register *reg)
{
    struct shadow_cell *cells = arena_array(&w->arena, 2, sizeof *cells);
    *reg = (struct capture_register){
        .number = numbers[field], .cells = cells, .cell_count = 1, .readable = true, .writable = true};
    if (field == FIELD_REFS) {
        map_refs(w, row, cells, reg);
        return;
    }
    const struct text *text = &row->columns[column_of(field)];
    cells[0] = cell_of(w, column_name(column_of(field)), text);
    reg->present = !text->null;
    if (field == FIELD_FLAG && reg->present) {
        reg->value = value_bytes(w, &(struct value){.type = VALUE_FLAG, .flag = text->bytes[0] == 'Y'});
    } else if (field == FIELD_STATUS) {
        const struct text *code = &row->columns[COLUMN_STATUS];
        cells[1] = cell_of(w, column_name(COLUMN_STATUS), code);
        reg->cell_count = 2;
        reg->present = !code->null;
        enum complaint_status status = status_of_code(code->bytes);
        if (reg->present && status == COMPLAINT_NONE) {
            reg->problem = "a status that the mapping does not know"; /* "dialihkan": written by us after a route away */
            reg->present = false;
        } else if (reg->present) {
            reg->value = value_bytes(
                w, &(struct value){.type = VALUE_STATUS, .status = {.status = status, .reason = cells[0].bytes}});
        }
    } else if (reg->present) {
        reg->value = value_bytes(w, &(struct value){.type = VALUE_TEXT, .text = cells[0].bytes});
    }
}

struct capture_row *connector_map(struct world *w, const struct row *row)
{
    struct capture_row *mapped = arena_alloc(&w->arena, sizeof *mapped);
    struct capture_register *registers = arena_array(&w->arena, FIELD_COUNT, sizeof *registers);
    struct shadow_cell *identity = arena_alloc(&w->arena, sizeof *identity);
    struct text born = number_text(row->born);
    *identity = cell_of(w, "diterima", &born);
    for (size_t f = 0; f < FIELD_COUNT; f++) {
        map_field(w, row, (enum field)f, &registers[f]);
    }
    *mapped = (struct capture_row){
        .registers = registers, .register_count = FIELD_COUNT, .identity = identity, .identity_count = 1};
    return mapped;
}

bool connector_say(struct world *w, const struct legacy *legacy, struct row *row, uint32_t number, struct span bytes)
{
    struct value value;
    must(w, value_read_register(number, bytes, &w->arena, &value), "value");
    if (number == REG_CONFIDENTIAL) {
        legacy_put(legacy, row, COLUMN_FLAG, value.flag ? "Y" : "N", 1);
    } else if (number == REG_STATUS) {
        const char *code = status_code(value.status.status);
        if (!code) {
            return false;
        }
        legacy_put(legacy, row, COLUMN_STATUS, code, strlen(code));
        legacy_put(legacy, row, COLUMN_REASON, (const char *)value.status.reason.data, value.status.reason.size);
    } else {
        legacy_put(legacy, row, number == REG_TITLE ? COLUMN_TITLE : COLUMN_TEXT, (const char *)value.text.data,
                   value.text.size);
    }
    return true;
}
