/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "node/base/clock.h"
#include "node/base/heap.h"
#include "node/connector/driver.h"
#include "proto/limits.h"
#include "proto/value.h"

/* `simpul connector preview`: raw row and complaint side by side, and what does not map, counted by reason. Nothing is
 * written, and it works before install. */

enum {
    PREVIEW_WIDTH = 44,       /* of the left side, in characters */
    PREVIEW_REASONS_MAX = 64, /* kinds of problems that are counted apart */
};

struct reason {
    uint32_t number;
    const char *column;
    const char *problem;
    uint64_t count;
};

struct preview {
    struct driver *driver;
    const struct mapping *mapping;
    struct report *report;
    struct arena arena;
    size_t shown, shown_max; /* of this table */
    uint64_t rows, mapped, empty, filtered;
    struct reason reasons[PREVIEW_REASONS_MAX];
    size_t reason_count;
    uint64_t other; /* beyond PREVIEW_REASONS_MAX */
};

/* ---- text ---- */

/* At most `width` characters of one line; what a terminal could take for a command is shown as a dot. */
static void cut(struct span text, size_t width, char *out_text, size_t size)
{
    size_t at = 0;
    size_t characters = 0;
    size_t i = 0;
    while (i < text.size && characters < width && at + 8 < size) {
        uint8_t byte = text.data[i++];
        out_text[at++] = byte < 0x20 || byte == 0x7f ? '.' : (char)byte;
        while (i < text.size && (text.data[i] & 0xc0) == 0x80 && at + 8 < size) {
            out_text[at++] = (char)text.data[i++];
        }
        characters++;
    }
    snprintf(out_text + at, size - at, "%s", i < text.size ? "..." : "");
}

static void time_text(int64_t ms, char *out_text, size_t size)
{
    char text[CLOCK_TEXT_SIZE];
    clock_text(ms, text);
    snprintf(out_text, size, "%s", text);
}

/* Without a latitude and longitude there is no point, in particular not the one in the Gulf of Guinea. */
static void place_text(const struct value *value, const char *village, const char *address, char *out_text, size_t size)
{
    char point[48] = "";
    if (value->place.lat_e7 != 0 || value->place.lon_e7 != 0) {
        snprintf(point, sizeof point, " (%.5f, %.5f)", value->place.lat_e7 / 1e7, value->place.lon_e7 / 1e7);
    }
    snprintf(out_text, size, "%s%s%s%s", village, village[0] && address[0] ? ", " : "", address, point);
}

static void value_text(const struct value *value, char *out_text, size_t size)
{
    char a[160] = "";
    char b[160] = "";
    switch (value->type) {
    case VALUE_STATUS:
        cut(value->status.reason, 40, a, sizeof a);
        snprintf(out_text, size, "%s%s%s%s", complaint_status_name(value->status.status), a[0] ? " (" : "", a,
                 a[0] ? ")" : "");
        break;
    case VALUE_CLASS:
        cut(value->class.category, 40, a, sizeof a);
        snprintf(out_text, size, "%s%s%s%s", classification_name(value->class.classification), a[0] ? ", " : "", a,
                 value->class.supervisory ? ", supervisory" : "");
        break;
    case VALUE_CHANNEL:
        snprintf(out_text, size, "%s", channel_name(value->channel));
        break;
    case VALUE_TIME:
        time_text(value->time.ms, out_text, size);
        break;
    case VALUE_ASSIGN:
        cut(value->assign.opd, 40, a, sizeof a);
        if (value->assign.deadline_ms) {
            time_text(value->assign.deadline_ms, b, sizeof b);
        }
        snprintf(out_text, size, "%s%s%s", a, b[0] ? " until " : "", b);
        break;
    case VALUE_FLAG:
        snprintf(out_text, size, "%s", value->flag ? "yes" : "no");
        break;
    case VALUE_NUMBER:
        snprintf(out_text, size, "%" PRIu64, value->number);
        break;
    case VALUE_TEXT:
        cut(value->text, PREVIEW_WIDTH, out_text, size);
        break;
    case VALUE_PLACE:
        cut(value->place.village, 20, a, sizeof a);
        cut(value->place.address, 30, b, sizeof b);
        place_text(value, a, b, out_text, size);
        break;
    case VALUE_REFS:
        if (value->refs.count > 0) {
            cut(value->refs.refs[0].system, 24, a, sizeof a);
            cut(value->refs.refs[0].key, 24, b, sizeof b);
        }
        snprintf(out_text, size, "%s %s%s", a, b, value->refs.count > 1 ? ", ..." : "");
        break;
    default:
        snprintf(out_text, size, "(set)");
        break;
    }
}

/* Left side of `width` characters, whatever their bytes. */
static void line_side_by_side(struct preview *preview, const char *left, const char *right)
{
    size_t characters = 0;
    for (const char *c = left; *c; c++) {
        characters += ((uint8_t)*c & 0xc0) != 0x80 ? 1 : 0;
    }
    int pad = characters < PREVIEW_WIDTH ? (int)(PREVIEW_WIDTH - characters) : 0;
    report_line(preview->report, "  %s%*s | %s", left, pad, "", right);
}

/* ---- one row ---- */

static void count_reason(struct preview *preview, uint32_t number, const char *column, const char *problem)
{
    for (size_t i = 0; i < preview->reason_count; i++) {
        struct reason *reason = &preview->reasons[i];
        if (reason->number == number && reason->column == column && strcmp(reason->problem, problem) == 0) {
            reason->count++;
            return;
        }
    }
    if (preview->reason_count == PREVIEW_REASONS_MAX) {
        preview->other++;
        return;
    }
    preview->reasons[preview->reason_count++] =
        (struct reason){.number = number, .column = column, .problem = problem, .count = 1};
}

static const char *register_label(uint32_t number)
{
    const struct register_info *info = register_info(number);
    return info ? info->name : "register";
}

static void reading_text(struct preview *preview, const struct mapping_reading *reading, char *out_text, size_t size)
{
    char text[400];
    struct value value;
    if (reading->problem) {
        snprintf(text, sizeof text, "does not map: %s", reading->problem);
    } else if (status_is_ok(value_read_register(reading->number, reading->value, &preview->arena, &value))) {
        value_text(&value, text, sizeof text);
    } else {
        snprintf(text, sizeof text, "(set)");
    }
    snprintf(out_text, size, "%s: %s", register_label(reading->number), text);
}

static void show_row(struct preview *preview, const struct mapping_table *table, const struct legacy_row *row,
                     const struct mapping_reading *readings, size_t count)
{
    char text[200];
    char left[320];
    char right[512];
    cut(row->key, 80, text, sizeof text);
    report_line(preview->report, "\n%s %s", table->name, text);
    for (size_t i = 0; i < table->column_count || i < count; i++) {
        left[0] = 0;
        right[0] = 0;
        if (i < table->column_count) {
            const struct mapping_raw *raw = &row->raw[i];
            size_t used = strlen(table->columns[i].name) + 2;
            cut(raw->null ? span_text("NULL") : raw->bytes, used < PREVIEW_WIDTH - 8 ? PREVIEW_WIDTH - 3 - used : 8, text,
                sizeof text);
            snprintf(left, sizeof left, "%.60s: %s", table->columns[i].name, text);
        }
        if (i < count) {
            reading_text(preview, &readings[i], right, sizeof right);
        }
        line_side_by_side(preview, left, right);
    }
}

static struct status preview_row(struct preview *preview, const struct mapping_table *table, const struct legacy_row *row)
{
    const struct mapping_form *form = NULL;
    size_t count = 0;
    bool fine = true;
    if (!row->there) {
        return status_ok();
    }
    preview->rows++;
    enum mapping_row how = mapping_form(table, row->raw, &form);
    if (how == ROW_FILTERED) {
        preview->filtered++;
        return status_ok();
    }
    preview->empty += how == ROW_EMPTY ? 1 : 0;
    struct mapping_reading *readings = arena_array(&preview->arena, form->register_count, sizeof *readings);
    if (!readings) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(mapping_read(preview->mapping, form, row->raw, &preview->arena, readings, &count));
    for (size_t i = 0; i < count; i++) {
        if (readings[i].problem) {
            fine = false;
            count_reason(preview, readings[i].number, table->columns[readings[i].column].name, readings[i].problem);
        }
    }
    preview->mapped += fine ? 1 : 0;
    if (preview->shown < preview->shown_max && how == ROW_MAPPED) {
        preview->shown++;
        show_row(preview, table, row, readings, count);
    }
    return status_ok();
}

/* ---- all rows ---- */

static struct status preview_slice(struct preview *preview, size_t table, struct arena *keys_arena, struct span *after,
                                   size_t *out_count)
{
    struct span keys[LIMIT_CAPTURE_ROWS];
    const struct driver_ops *ops = preview->driver->ops;
    arena_clear(&preview->arena);
    TRY(ops->page(preview->driver, table, *after, LIMIT_CAPTURE_ROWS, &preview->arena, keys, out_count));
    if (*out_count == 0) {
        return status_ok();
    }
    struct legacy_row *rows = arena_array(&preview->arena, *out_count, sizeof *rows);
    if (!rows) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(ops->rows(preview->driver, table, keys, *out_count, false, &preview->arena, rows));
    for (size_t i = 0; i < *out_count; i++) {
        TRY(preview_row(preview, &preview->mapping->tables[table], &rows[i]));
    }
    arena_clear(keys_arena);
    return arena_copy(keys_arena, keys[*out_count - 1], after);
}

static struct status preview_table(struct preview *preview, size_t table)
{
    struct arena keys;
    struct span after = {0};
    size_t count = LIMIT_CAPTURE_ROWS;
    uint64_t before = preview->rows;
    struct status status = status_ok();
    arena_init(&keys, memory_heap(), SIZE_MAX);
    preview->shown = 0;
    while (status_is_ok(status) && count == LIMIT_CAPTURE_ROWS && preview->rows - before < LIMIT_PREVIEW_ROWS) {
        status = preview_slice(preview, table, &keys, &after, &count);
    }
    arena_release(&keys);
    if (status_is_ok(status) && count == LIMIT_CAPTURE_ROWS) {
        report_line(preview->report, "(only the first %d rows of %s were looked at)", LIMIT_PREVIEW_ROWS,
                    preview->mapping->tables[table].name);
    }
    return status;
}

static void preview_sum(struct preview *preview)
{
    struct report *report = preview->report;
    report_line(report,
                "\n%" PRIu64 " rows read: %" PRIu64 " map as a whole, %" PRIu64 " are filtered out, %" PRIu64
                " are not filled in yet",
                preview->rows, preview->mapped, preview->filtered, preview->empty);
    for (size_t i = 0; i < preview->reason_count; i++) {
        const struct reason *reason = &preview->reasons[i];
        report_problem(report, "%" PRIu64 " x %s (column \"%s\"): %s", reason->count, register_label(reason->number),
                       reason->column, reason->problem);
    }
    if (preview->other > 0) {
        report_problem(report, "%" PRIu64 " more of other kinds", preview->other);
    }
}

struct status connector_preview(const struct config_legacy *legacy, const struct mapping *mapping, size_t rows,
                                struct report *out_report)
{
    struct preview preview = {.mapping = mapping, .report = out_report, .shown_max = rows};
    char problem[512] = "";
    struct status status = driver_open(legacy, mapping, false, &preview.driver, problem, sizeof problem);
    if (!status_is_ok(status)) {
        report_problem(out_report, "problem: %s", problem[0] ? problem : status_name(status));
        return status;
    }
    arena_init(&preview.arena, memory_heap(), SIZE_MAX);
    for (size_t i = 0; i < mapping->table_count && status_is_ok(status); i++) {
        status = preview_table(&preview, i);
    }
    if (status_is_ok(status)) {
        preview_sum(&preview);
    } else {
        report_problem(out_report, "problem: %s",
                       preview.driver->problem[0] ? preview.driver->problem : status_name(status));
    }
    arena_release(&preview.arena);
    preview.driver->ops->free(preview.driver);
    return status;
}
