/* SPDX-License-Identifier: Apache-2.0 */
#include "node/figures/workdays.h"

#include <stdlib.h>

#include "node/base/files.h"
#include "node/figures/fact.h"
#include "node/region/region.h"

enum { DAY_SIZE = 10 };

/* The next line without its end. */
static struct span line_take(struct span *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t size = end ? (size_t)(end - rest->data) : rest->size;
    struct span line = span_of(rest->data, size);
    *rest = span_of(rest->data + size + (end ? 1 : 0), rest->size - size - (end ? 1 : 0));
    return line;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* False: the line says no day though it should. *out_there: it says one. */
static bool line_read(struct span line, int32_t *out_day, bool *out_there)
{
    char text[DAY_SIZE + 1] = "";
    *out_there = false;
    while (line.size > 0 && is_blank(line.data[0])) {
        line = span_of(line.data + 1, line.size - 1);
    }
    if (line.size == 0 || line.data[0] == '#') {
        return true;
    }
    if (line.size < DAY_SIZE || (line.size > DAY_SIZE && !is_blank(line.data[DAY_SIZE]) && line.data[DAY_SIZE] != ',')) {
        return false;
    }
    memcpy(text, line.data, DAY_SIZE);
    *out_there = true;
    return fact_day_parse(text, out_day);
}

static int day_compare(const void *a, const void *b)
{
    const int32_t *x = a;
    const int32_t *y = b;
    return (*x > *y) - (*x < *y);
}

static struct status lines_read(struct span text, int32_t *days, size_t *out_count, uint32_t *out_line)
{
    size_t count = 0;
    for (*out_line = 1; text.size > 0; (*out_line)++) {
        bool there = false;
        int32_t day = 0;
        if (!line_read(line_take(&text), &day, &there)) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        if (there && count == LIMIT_HOLIDAYS) {
            *out_line = 0;
            return STATUS_MAKE(STATUS_INVALID);
        }
        if (there) {
            days[count++] = day;
        }
    }
    qsort(days, count, sizeof *days, day_compare);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || days[kept - 1] != days[i]) {
            days[kept++] = days[i];
        }
    }
    *out_count = kept;
    return status_ok();
}

struct status workdays_read(const char *path, int32_t zone_minutes, struct arena *arena, struct workdays *out_workdays,
                            uint32_t *out_line)
{
    struct workdays workdays = {.zone_minutes = zone_minutes};
    *out_line = 0;
    if (path) {
        struct span text;
        int32_t *days = arena_array(arena, LIMIT_HOLIDAYS, sizeof *days);
        if (!days) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
        TRY(file_read(path, LIMIT_HOLIDAYS_FILE, arena, &text));
        TRY(lines_read(text, days, &workdays.holiday_count, out_line));
        workdays.holidays = days;
    }
    *out_workdays = workdays;
    return status_ok();
}

int32_t workdays_due(const struct workdays *workdays, struct scope_id owner, int64_t start_ms, enum deadline_clock clock)
{
    struct calendar calendar = {
        .holidays = workdays->holidays, .holiday_count = workdays->holiday_count, .offset_minutes = workdays->zone_minutes};
    (void)region_zone(span_of(owner.text, scope_id_size(owner)), &calendar.offset_minutes);
    return fact_day(deadline_end_ms(start_ms, deadline_defaults()[clock], &calendar) - 1, workdays->zone_minutes);
}
