/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/print.h"

#include <stdarg.h>
#include <string.h>

#include "node/base/clock.h"
#include "node/cli/text.h"

/* ---- visible text ---- */

/* Size of the UTF-8 character at `text` and its number; 0 for a byte that begins none. */
static size_t character(const char *text, uint32_t *out_number)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t size = bytes[0] < 0x80 ? 1 : (bytes[0] & 0xe0) == 0xc0 ? 2 : (bytes[0] & 0xf0) == 0xe0 ? 3 : 4;
    uint32_t number = size == 1 ? bytes[0] : bytes[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
        number = number << 6 | (bytes[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (bytes[0] >= 0xf8 || (bytes[0] & 0xc0) == 0x80 || number < least[size] || number > 0x10ffff ||
        (number >= 0xd800 && number < 0xe000)) {
        return 0;
    }
    *out_number = number;
    return size;
}

/* Moves the cursor, turns the direction of what follows, or shows nothing at all. */
static bool is_hidden(uint32_t number)
{
    return (number >= 0x80 && number < 0xa0) || number == 0xad || number == 0x61c || (number >= 0x200b && number <= 0x200f) ||
           (number >= 0x2028 && number <= 0x202e) || (number >= 0x2060 && number <= 0x206f) || number == 0xfeff ||
           (number >= 0xfff9 && number <= 0xfffb) || (number >= 0xe0000 && number <= 0xe007f);
}

const char *print_visible(const char *text, size_t indent, struct arena *arena)
{
    struct buffer buffer;
    struct span bytes;
    buffer_init(&buffer, arena);
    while (text && *text) {
        char mark[16];
        uint32_t number = 0;
        size_t size = character(text, &number);
        if (size == 0) {
            snprintf(mark, sizeof mark, "<%02X>", (unsigned)(uint8_t)*text);
            size = 1;
        } else if (number == '\n') {
            snprintf(mark, sizeof mark, "\n%*s", (int)(indent < 8 ? indent : 8), "");
        } else if (number < 0x20 || number == 0x7f) {
            unsigned picture = number == 0x7f ? 0x21 : number; /* U+2400 and on */
            snprintf(mark, sizeof mark, "\xe2\x90%c", (char)(uint8_t)(0x80 + picture));
        } else if (is_hidden(number)) {
            snprintf(mark, sizeof mark, "<U+%04X>", number);
        } else {
            buffer_add(&buffer, text, size);
            text += size;
            continue;
        }
        buffer_add(&buffer, mark, strlen(mark));
        if (number == '\n') { /* an indent above 8 in steps */
            for (size_t i = 8; i < indent; i++) {
                buffer_add_u8(&buffer, ' ');
            }
        }
        text += size;
    }
    buffer_add_u8(&buffer, 0);
    return status_is_ok(buffer_end(&buffer, &bytes)) ? (const char *)bytes.data : "";
}

/* ---- times and sizes ---- */

void print_time(int64_t ms, int32_t zone_minutes, char out_text[PRINT_TIME_SIZE])
{
    char utc[CLOCK_TEXT_SIZE];
    if (ms <= 0) {
        snprintf(out_text, PRINT_TIME_SIZE, "-");
        return;
    }
    clock_text(ms + (int64_t)zone_minutes * 60000, utc);
    if (strlen(utc) < 19 || utc[10] != 'T') {
        snprintf(out_text, PRINT_TIME_SIZE, "%s", utc);
        return;
    }
    static const struct {
        int32_t minutes;
        const char *name;
    } zones[] = {{0, "UTC"}, {420, "WIB"}, {480, "WITA"}, {540, "WIT"}};
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        if (zones[i].minutes == zone_minutes) {
            snprintf(out_text, PRINT_TIME_SIZE, "%.10s %.8s %s", utc, utc + 11, zones[i].name);
            return;
        }
    }
    int minutes = zone_minutes < 0 ? -zone_minutes : zone_minutes;
    snprintf(out_text, PRINT_TIME_SIZE, "%.10s %.8s %c%02d:%02d", utc, utc + 11, zone_minutes < 0 ? '-' : '+',
             minutes / 60 % 100, minutes % 60);
}

void print_size(uint64_t bytes, char out_text[PRINT_SIZE_SIZE])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1000 && unit < 4) {
        value /= 1000;
        unit++;
    }
    snprintf(out_text, PRINT_SIZE_SIZE, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

void print_span(int64_t ms, char out_text[PRINT_SPAN_SIZE])
{
    long long seconds = (long long)(ms / 1000);
    if (ms < 1000) {
        snprintf(out_text, PRINT_SPAN_SIZE, "%lld ms", (long long)(ms < 0 ? 0 : ms));
    } else if (seconds < 60) {
        snprintf(out_text, PRINT_SPAN_SIZE, "%lld s", seconds);
    } else if (seconds < 3600) {
        snprintf(out_text, PRINT_SPAN_SIZE, "%lld min %lld s", seconds / 60, seconds % 60);
    } else if (seconds < 86400) {
        snprintf(out_text, PRINT_SPAN_SIZE, "%lld h %lld min", seconds / 3600, seconds / 60 % 60);
    } else {
        snprintf(out_text, PRINT_SPAN_SIZE, "%lld d %lld h", seconds / 86400, seconds / 3600 % 24);
    }
}

/* ---- tables ---- */

void table_init(struct table *table, struct arena *arena, size_t columns)
{
    *table = (struct table){.arena = arena, .columns = columns < TABLE_COLUMNS_MAX ? columns : TABLE_COLUMNS_MAX};
}

static bool table_grow(struct table *table)
{
    size_t capacity = table->capacity ? table->capacity * 2 : 64;
    const char **cells = arena_array(table->arena, capacity, sizeof *cells);
    if (!cells) {
        return false;
    }
    for (size_t i = 0; i < table->count; i++) {
        cells[i] = table->cells[i];
    }
    table->cells = cells;
    table->capacity = capacity;
    return true;
}

void table_cell(struct table *table, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (table->failed || (table->count == table->capacity && !table_grow(table))) {
        table->failed = true;
        return;
    }
    table->cells[table->count++] = print_visible(text, 0, table->arena);
}

static size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++) {
        width += ((uint8_t)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return width;
}

static void row_print(const struct table *table, size_t row, const size_t *widths, FILE *out, size_t indent)
{
    size_t owed = indent; /* spaces before the next text: so none are left at the end of a line */
    for (size_t i = 0; i < table->columns; i++) {
        const char *cell = table->cells[row + i];
        size_t gap = widths[i] - text_width(cell);
        owed += table->right[i] ? gap : 0;
        if (*cell) {
            fprintf(out, "%*s%s", (int)owed, "", cell);
            owed = 0;
        } else {
            owed += table->right[i] ? 0 : widths[i];
            gap = 0;
        }
        owed += (table->right[i] ? 0 : gap) + 2;
    }
    fputc('\n', out);
}

void table_print(const struct table *table, FILE *out, size_t indent)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < table->count; i++) {
        size_t width = text_width(table->cells[i]);
        size_t column = i % table->columns;
        widths[column] = width > widths[column] ? width : widths[column];
    }
    for (size_t row = 0; row + table->columns <= table->count; row += table->columns) {
        row_print(table, row, widths, out, indent);
    }
}

/* ---- progress ---- */

void progress_start(struct progress *progress, const char *label, bool on)
{
    *progress = (struct progress){.label = label, .started_ms = clock_monotonic_ms(), .on = on};
}

void progress_estimate(uint64_t done, uint64_t total, int64_t elapsed_ms, char out_text[PRINT_SPAN_SIZE])
{
    out_text[0] = 0;
    if (total > done && done > 0 && elapsed_ms >= 1000) {
        print_span((int64_t)((double)elapsed_ms * (double)(total - done) / (double)done) / 1000 * 1000 + 1000, out_text);
    }
}

void progress_show(struct progress *progress, uint64_t done, uint64_t total)
{
    int64_t now = clock_monotonic_ms();
    if (!progress->on || now - progress->shown_ms < 200) {
        return;
    }
    char estimate[PRINT_SPAN_SIZE];
    progress->shown_ms = now;
    progress_estimate(done, total, now - progress->started_ms, estimate);
    fprintf(stderr, "\r\033[K%s: %llu", progress->label, (unsigned long long)done);
    if (total > 0) {
        unsigned percent = done >= total ? 100 : (unsigned)((double)done * 100 / (double)total);
        fprintf(stderr, " / %llu (%u %%)", (unsigned long long)total, percent);
    }
    if (estimate[0]) {
        fprintf(stderr, say(", about %s to go"), estimate);
    }
    fflush(stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->on && progress->shown_ms != 0) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}
