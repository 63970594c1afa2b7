/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "node/base/clock.h"
#include "node/connector/runner.h"

static bool source_is_acked(const void *owner, uint32_t stream, uint64_t seq)
{
    return core_is_acked(owner, stream, seq);
}

struct capture_source runner_source(const struct runner *runner, struct core *core)
{
    const struct connector_options *o = &runner->options;
    return (struct capture_source){.self = o->self,
                                   .lane = o->legacy->lane,
                                   .scope = o->scope,
                                   .crypto = o->crypto,
                                   .secret = span_of(o->secret, sizeof o->secret),
                                   .system = span_text(o->legacy->name),
                                   .actor = span_text(o->legacy->name),
                                   .form_window_ms = (uint64_t)o->mapping->form_window_ms,
                                   .clock_unsure = clock_monotonic_ms() - runner->clock_set_ms < o->mapping->form_window_ms,
                                   .ready = core && core_is_ready(core),
                                   .is_acked = source_is_acked,
                                   .is_acked_owner = core};
}

static struct shadow_cell cell_of(const struct mapping_table *table, const struct mapping_raw *raw, size_t column)
{
    return (struct shadow_cell){.column = span_text(table->columns[column].name),
                                .bytes = raw[column].null ? (struct span){0} : raw[column].bytes,
                                .null = raw[column].null};
}

static struct status cells_of(struct runner *runner, const struct mapping_table *table, const struct mapping_raw *raw,
                              const size_t *columns, size_t count, const struct shadow_cell **out_cells)
{
    struct shadow_cell *cells = arena_array(&runner->arena, count, sizeof *cells);
    if (!cells) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        cells[i] = cell_of(table, raw, columns[i]);
    }
    *out_cells = cells;
    return status_ok();
}

static void register_reading(struct capture_register *out, const struct mapping_reading *readings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (readings[i].number == out->number) {
            out->present = readings[i].problem == NULL;
            out->value = readings[i].value;
            out->problem = readings[i].problem;
        }
    }
}

struct status row_capture(struct runner *runner, size_t table_index, const struct mapping_form *form,
                          const struct mapping_raw *raw, struct capture_row *out_row)
{
    const struct mapping *mapping = runner->options.mapping;
    const struct mapping_table *table = &mapping->tables[table_index];
    struct mapping_reading *readings = arena_array(&runner->arena, form->register_count, sizeof *readings);
    struct capture_register *registers = arena_array(&runner->arena, form->register_count, sizeof *registers);
    size_t count = 0;
    if (!readings || !registers) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(mapping_read(mapping, form, raw, &runner->arena, readings, &count));
    for (size_t i = 0; i < form->register_count; i++) {
        const struct mapping_register *reg = &form->registers[i];
        struct capture_register *out = &registers[i];
        out->number = reg->number;
        out->readable = reg->direction != MAPPING_OUT;
        out->writable = reg->writable;
        out->cell_count = reg->constant ? 0 : reg->column_count;
        TRY(cells_of(runner, table, raw, reg->columns, out->cell_count, &out->cells));
        register_reading(out, readings, count);
    }
    struct capture_row row = {.registers = registers, .register_count = form->register_count,
                              .identity_count = form->identity_count};
    TRY(cells_of(runner, table, raw, form->identity, form->identity_count, &row.identity));
    *out_row = row;
    return status_ok();
}

void identity_digest(struct runner *runner, const struct shadow_cell *cells, size_t count, uint8_t out_digest[16])
{
    struct shadow_digest digest = {{0}};
    if (count > 0) {
        shadow_cells_digest(runner->options.crypto, span_of(runner->options.secret, sizeof runner->options.secret), cells,
                            count, &digest);
    }
    memcpy(out_digest, digest.bytes, sizeof digest.bytes);
}

struct status work_shadow(struct runner *runner, const struct work *work, const struct shadow *shadow, struct arena *arena,
                          struct legacy_shadow *out_shadow)
{
    struct legacy_shadow stored = {.table = work->table,
                                   .key = work->key,
                                   .version = shadow->version,
                                   .state = (uint32_t)shadow->state,
                                   .record = shadow->record,
                                   .part = shadow->part};
    identity_digest(runner, shadow->identity, shadow->identity_count, stored.identity);
    TRY(shadow_encode(shadow, arena, &stored.bytes));
    *out_shadow = stored;
    return status_ok();
}

/* The derived id of a row that has no shadow yet. */
static void work_derive(struct runner *runner, struct work *work)
{
    const struct capture_source source = runner_source(runner, NULL);
    struct span table = span_text(runner->options.mapping->tables[work->table].name);
    const struct capture_row *row = &work->capture_row;
    uint32_t counter = work->match == MATCH_DOUBTFUL ? 1 : 0;
    if (work->form->kind == FORM_NOTE) {
        work->input.part = capture_part_id(&source, table, work->key, row->identity, row->identity_count, counter);
        work->input.record_id = work->has_parent ? work->parent.record : (struct record_id){{0}};
        return;
    }
    capture_nonce(&source, table, work->key, row->identity, row->identity_count, counter, work->nonce);
    work->input.nonce = span_of(work->nonce, sizeof work->nonce);
    work->input.record_id = capture_record_id(&source, work->input.nonce);
}

void work_rederive(struct runner *runner, struct work *work)
{
    work_derive(runner, work);
}

struct status work_map(struct runner *runner, struct work *work)
{
    const struct mapping_table *table = &runner->options.mapping->tables[work->table];
    work->there = false;
    work->form = NULL;
    work->has_shadow = work->row.shadow.bytes.data != NULL;
    work->shadow_version = work->has_shadow ? work->row.shadow.version : 0;
    if (work->has_shadow && !status_is_ok(shadow_decode(work->row.shadow.bytes, &runner->arena, &work->shadow))) {
        TRY(work_quarantine(runner, work, 0, "our shadow of this row is damaged: restore the schema of ours, or remove this "
                                             "shadow and run a comparison"));
        work->end = WORK_FAILED;
        return status_ok();
    }
    enum mapping_row how = work->row.there ? mapping_form(table, work->row.raw, &work->form) : ROW_FILTERED;
    if (how == ROW_FILTERED) {
        work->form = NULL;
        work->end = work->has_shadow ? WORK_OPEN : WORK_DONE;
        return status_ok();
    }
    work->there = true;
    TRY(row_capture(runner, work->table, work->form, work->row.raw, &work->capture_row));
    work->capture_row.empty = how == ROW_EMPTY;
    work->capture_row.updated_in_place = work->updated;
    return status_ok();
}

/* Reads the open works of one table. */
static struct status read_table(struct runner *runner, struct work *works, size_t count, size_t table)
{
    struct span *keys = arena_array(&runner->arena, count, sizeof *keys);
    struct work **which = arena_array(&runner->arena, count, sizeof *which);
    struct legacy_row *rows = arena_array(&runner->arena, count, sizeof *rows);
    size_t n = 0;
    if (!keys || !which || !rows) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        if (works[i].end == WORK_OPEN && works[i].table == table) {
            keys[n] = works[i].key;
            which[n++] = &works[i];
        }
    }
    if (n == 0) {
        return status_ok();
    }
    TRY(runner->driver->ops->rows(runner->driver, table, keys, n, false, &runner->arena, rows));
    for (size_t i = 0; i < n; i++) {
        which[i]->row = rows[i];
        TRY(work_map(runner, which[i]));
    }
    return status_ok();
}

/* A note's complaint is tied by the shadow of its row. */
static struct status read_parents(struct runner *runner, struct work *works, size_t count)
{
    size_t main_table = (size_t)(runner->options.mapping->complaints->table - runner->options.mapping->tables);
    struct span *keys = arena_array(&runner->arena, count, sizeof *keys);
    struct work **which = arena_array(&runner->arena, count, sizeof *which);
    struct legacy_row *rows = arena_array(&runner->arena, count, sizeof *rows);
    size_t n = 0;
    if (!keys || !which || !rows) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        struct work *work = &works[i];
        if (work->end == WORK_OPEN && work->there && !work->has_shadow && work->form->kind == FORM_NOTE &&
            status_is_ok(mapping_parent_key(work->form, work->row.raw, &runner->arena, &keys[n]))) {
            which[n++] = work;
        }
    }
    if (n == 0) {
        return status_ok();
    }
    TRY(runner->driver->ops->rows(runner->driver, main_table, keys, n, false, &runner->arena, rows));
    for (size_t i = 0; i < n; i++) {
        which[i]->has_parent = rows[i].shadow.bytes.data &&
                               status_is_ok(shadow_decode(rows[i].shadow.bytes, &runner->arena, &which[i]->parent));
    }
    return status_ok();
}

struct status works_read(struct runner *runner, struct work *works, size_t count)
{
    for (size_t t = 0; t < runner->options.mapping->table_count; t++) {
        TRY(read_table(runner, works, count, t));
    }
    TRY(read_parents(runner, works, count));
    for (size_t i = 0; i < count; i++) {
        struct work *work = &works[i];
        if (work->end == WORK_OPEN && work->there && !work->has_shadow) {
            work_derive(runner, work);
        }
    }
    return status_ok();
}
