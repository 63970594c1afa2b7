/* SPDX-License-Identifier: Apache-2.0 */
#include "node/base/clock.h"
#include "node/connector/runner.h"

/* Write-backs: in one legacy transaction lock, compare, write, read back, store the shadow. */

/* Length in the catalogue is in characters: a text is cut at a character. */
static struct span text_cut(struct span text, uint32_t length_max)
{
    uint32_t characters = 0;
    for (size_t i = 0; i < text.size; i++) {
        if ((text.data[i] & 0xC0) != 0x80 && characters++ == length_max) {
            return span_of(text.data, i);
        }
    }
    return text;
}

static struct status cell_fit(struct runner *runner, size_t table, struct mapping_cell *cell)
{
    struct legacy_column column;
    const char *name = runner->options.mapping->tables[table].columns[cell->column].name;
    TRY(runner->driver->ops->column(runner->driver, table, name, &column));
    if (column.length_max > 0 && !cell->raw.null) {
        cell->raw.bytes = text_cut(cell->raw.bytes, column.length_max);
    }
    return status_ok();
}

/* Columns for all writes; a value that the mapping cannot say is skipped and told once. */
struct status write_cells(struct runner *runner, size_t table, const struct mapping_form *form,
                          struct capture_decision *decision, const struct mapping_raw *current,
                          struct mapping_cell *out_cells, size_t *out_count)
{
    size_t count = 0;
    for (size_t i = 0; i < decision->write_count; i++) {
        struct capture_write *write = &decision->writes[i];
        const struct mapping_register *reg = mapping_register(form, write->number);
        const char *problem = NULL;
        size_t n = 0;
        if (!reg || count + reg->column_count > LIMIT_COLUMNS) {
            write->skipped = true;
            continue;
        }
        struct status status = mapping_write(runner->options.mapping, form, write->number, write->value, current,
                                             &runner->arena, out_cells + count, &n, &problem);
        if (status.code == STATUS_NO_MEMORY) {
            return status;
        }
        write->skipped = !status_is_ok(status);
        for (size_t c = 0; c < n && !write->skipped; c++) {
            TRY(cell_fit(runner, table, &out_cells[count + c]));
        }
        count += write->skipped ? 0 : n;
    }
    *out_count = count;
    return status_ok();
}

/* Blank: empty where the column must not be NULL. */
static struct status blank_cells(struct runner *runner, const struct work *work, struct mapping_cell *out_cells,
                                 size_t *out_count)
{
    size_t count = 0;
    for (size_t i = 0; i < work->decision.write_count; i++) {
        const struct mapping_register *reg = mapping_register(work->form, work->decision.writes[i].number);
        for (size_t c = 0; reg && c < reg->column_count && count < LIMIT_COLUMNS; c++) {
            struct legacy_column column;
            const char *name = runner->options.mapping->tables[work->table].columns[reg->columns[c]].name;
            TRY(runner->driver->ops->column(runner->driver, work->table, name, &column));
            out_cells[count++] = (struct mapping_cell){.column = reg->columns[c],
                                                       .raw = {.bytes = span_of("", 0), .null = !column.not_null}};
        }
    }
    *out_count = count;
    return status_ok();
}

static bool raw_equal(const struct mapping_table *table, const struct mapping_raw *a, const struct mapping_raw *b)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (a[i].null != b[i].null || (!a[i].null && !span_equal(a[i].bytes, b[i].bytes))) {
            return false;
        }
    }
    return true;
}

/* True if the locked row is still the one that was decided on. */
static bool row_is_same(const struct runner *runner, const struct work *work, const struct legacy_row *row)
{
    const struct mapping_table *table = &runner->options.mapping->tables[work->table];
    uint64_t version = row->shadow.bytes.data ? row->shadow.version : 0;
    return row->there == work->row.there && version == work->shadow_version &&
           (!row->there || raw_equal(table, row->raw, work->row.raw));
}

static struct status write_complete(struct runner *runner, struct work *work, const struct capture_row *row)
{
    const struct capture_source source = runner_source(runner, NULL);
    uint64_t now = (uint64_t)clock_now_ms();
    switch (work->decision.action) {
    case CAPTURE_ROUTED:
        return capture_routed(&source, &work->decision, row, now, &runner->arena);
    case CAPTURE_BLANK:
        return capture_blanked(&source, &work->decision, row, now, &runner->arena);
    default:
        return capture_written(&source, &work->decision, row, now, &runner->arena);
    }
}

static struct status write_choose(struct runner *runner, struct work *work, struct mapping_cell *out_cells,
                                  size_t *out_count)
{
    if (work->decision.action == CAPTURE_BLANK) {
        return blank_cells(runner, work, out_cells, out_count);
    }
    if (work->decision.action == CAPTURE_ROUTED) {
        struct status status = mapping_routed_away(work->form, &out_cells[0]);
        *out_count = status_is_ok(status) ? 1 : 0;
        return status_ok(); /* a mapping that names nothing: the shadow remembers that it was looked at */
    }
    return write_cells(runner, work->table, work->form, &work->decision, work->row.raw, out_cells, out_count);
}

/* Inside a legacy transaction: lock, compare, write, read back, store the shadow. out_same false: decide again. */
static struct status write_locked(struct runner *runner, struct work *work, bool *out_same)
{
    const struct driver_ops *ops = runner->driver->ops;
    struct mapping_cell cells[LIMIT_COLUMNS];
    struct legacy_row row;
    struct capture_row after;
    size_t count = 0;
    bool stored = false;
    TRY(ops->rows(runner->driver, work->table, &work->key, 1, true, &runner->arena, &row));
    *out_same = row_is_same(runner, work, &row);
    if (!*out_same || !row.there) {
        return status_ok();
    }
    TRY(write_choose(runner, work, cells, &count));
    if (count > 0) {
        TRY(ops->update(runner->driver, work->table, work->key, cells, count));
    }
    TRY(ops->rows(runner->driver, work->table, &work->key, 1, false, &runner->arena, &row));
    TRY(row_capture(runner, work->table, work->form, row.raw, &after));
    TRY(write_complete(runner, work, &after));
    TRY(shadow_put(runner, work, &stored));
    *out_same = stored;
    return status_ok();
}

/* The database refused the values: the shadow remembers that they were offered, and the person is told once. */
static struct status write_refused(struct runner *runner, struct work *work)
{
    for (size_t i = 0; i < work->decision.write_count; i++) {
        work->decision.writes[i].skipped = true;
    }
    bool stored;
    TRY(write_complete(runner, work, &work->capture_row));
    TRY(runner->driver->ops->begin(runner->driver));
    TRY_LEGACY(shadow_put(runner, work, &stored));
    TRY(runner->driver->ops->commit(runner->driver));
    work->end = WORK_FAILED;
    return work_quarantine(
        runner, work, 0,
        "the local database refused a value from the hub (constraint, type or length): mend the mapping "
        "or the row; the hub keeps its value");
}

struct status work_write(struct runner *runner, struct work *work)
{
    const struct driver_ops *ops = runner->driver->ops;
    bool same = false;
    work->rounds++;
    TRY(ops->begin(runner->driver));
    struct status status = write_locked(runner, work, &same);
    if (status_is_ok(status) && same) {
        status = ops->commit(runner->driver);
    } else {
        ops->rollback(runner->driver);
    }
    if (status.code == STATUS_INVALID) {
        return write_refused(runner, work);
    }
    if (status.code == STATUS_BUSY) {
        runner->locked_out = true;
        work->locked = true;
        work->end = WORK_HELD;
        return status_ok();
    }
    TRY(status);
    runner->written += same && work->decision.action == CAPTURE_WRITE ? 1 : 0;
    for (size_t i = 0; i < work->decision.write_count && same; i++) {
        if (work->decision.writes[i].skipped) {
            TRY(work_quarantine(runner, work, work->decision.writes[i].number | QUARANTINE_WRITE,
                                "the mapping has no way to say the hub's value in this column: add it to the mapping"));
        }
    }
    return status_ok();
}
