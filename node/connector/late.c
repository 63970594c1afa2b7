/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "node/base/clock.h"
#include "node/connector/runner.h"

/* Rows of a walk that had to be put off (locked by a clerk, a follow-up before its complaint): tried again by themselves,
 * each later than the time before. Their keys stand beside the rows, in the mark "late", so that a restart finds them; what
 * is beyond the bound is found by a comparison. */

static void late_free(struct late_row *row)
{
    free((void *)(uintptr_t)row->key.data);
    *row = (struct late_row){0};
}

static void late_drop(struct runner *runner, size_t index)
{
    late_free(&runner->late[index]);
    runner->late[index] = runner->late[--runner->late_count];
    runner->late[runner->late_count] = (struct late_row){0};
}

void late_release(struct runner *runner)
{
    while (runner->late_count > 0) {
        late_drop(runner, runner->late_count - 1);
    }
    runner->late_missed = false;
}

static struct late_row *late_find(struct runner *runner, size_t table, struct span key)
{
    for (size_t i = 0; i < runner->late_count; i++) {
        if (runner->late[i].table == table && span_equal(runner->late[i].key, key)) {
            return &runner->late[i];
        }
    }
    return NULL;
}

static struct status late_add(struct runner *runner, size_t table, struct span key)
{
    if (late_find(runner, table, key)) {
        return status_ok();
    }
    if (runner->late_count == RUNNER_LATE_MAX) {
        runner->late_missed = true;
        return status_ok();
    }
    uint8_t *copy = malloc(key.size ? key.size : 1);
    if (!copy) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    memcpy(copy, key.data, key.size);
    runner->late[runner->late_count++] = (struct late_row){.table = table,
                                                           .key = span_of(copy, key.size),
                                                           .wait_ms = RUNNER_LATE_FIRST_MS,
                                                           .retry_at_ms = clock_now_ms() + RUNNER_LATE_FIRST_MS};
    return status_ok();
}

/* ---- the mark: "!" if some are missing, then table, size, ":" and key of each ---- */

static void add_number(struct buffer *buffer, uint64_t number, char end)
{
    char text[24];
    size_t at = sizeof text;
    text[--at] = end;
    do {
        text[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    buffer_add(buffer, text + at, sizeof text - at);
}

static struct status late_save(struct runner *runner)
{
    const struct driver_ops *ops = runner->driver->ops;
    struct buffer buffer;
    struct span value;
    buffer_init(&buffer, &runner->arena);
    if (runner->late_missed) {
        buffer_add_u8(&buffer, '!');
    }
    for (size_t i = 0; i < runner->late_count; i++) {
        add_number(&buffer, runner->late[i].table, ',');
        add_number(&buffer, runner->late[i].key.size, ':');
        buffer_add_span(&buffer, runner->late[i].key);
    }
    TRY(buffer_end(&buffer, &value));
    TRY(ops->begin(runner->driver));
    TRY_LEGACY(ops->mark_set(runner->driver, "late", value));
    return ops->commit(runner->driver);
}

static bool take_number(struct span *text, char end, size_t *out_number)
{
    size_t number = 0;
    size_t i = 0;
    while (i < text->size && i < 9 && text->data[i] >= '0' && text->data[i] <= '9') {
        number = number * 10 + (size_t)(text->data[i++] - '0');
    }
    if (i == 0 || i >= text->size || text->data[i] != (uint8_t)end) {
        return false;
    }
    *text = span_of(text->data + i + 1, text->size - i - 1);
    *out_number = number;
    return true;
}

struct status late_open(struct runner *runner)
{
    struct span text = {0};
    late_release(runner);
    struct status status = runner->driver->ops->mark(runner->driver, "late", &runner->arena, &text);
    if (status.code == STATUS_NOT_FOUND) {
        return status_ok();
    }
    TRY(status);
    if (text.size > 0 && text.data[0] == '!') {
        runner->late_missed = true;
        text = span_of(text.data + 1, text.size - 1);
    }
    while (text.size > 0) {
        size_t table;
        size_t size;
        if (!take_number(&text, ',', &table) || !take_number(&text, ':', &size) || size > text.size ||
            table >= runner->options.mapping->table_count) {
            runner->late_missed = true; /* another mapping, or damaged: a comparison finds them */
            break;
        }
        TRY(late_add(runner, table, span_of(text.data, size)));
        text = span_of(text.data + size, text.size - size);
    }
    runner->compare_wanted |= runner->late_missed;
    runner->late_missed = false;
    return status_ok();
}

/* ---- steps ---- */

struct status late_keep(struct runner *runner, const struct work *works, size_t count)
{
    size_t before = runner->late_count;
    bool missed = runner->late_missed;
    for (size_t i = 0; i < count; i++) {
        if (works[i].end == WORK_HELD) {
            TRY(late_add(runner, works[i].table, works[i].key));
        }
    }
    return runner->late_count != before || runner->late_missed != missed ? late_save(runner) : status_ok();
}

static size_t late_works(struct runner *runner, struct work *works, int64_t now_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < runner->late_count && count < LIMIT_CAPTURE_ROWS; i++) {
        struct late_row *row = &runner->late[i];
        if (now_ms < row->retry_at_ms) {
            continue;
        }
        row->wait_ms = 2 * row->wait_ms > RUNNER_LATE_LAST_MS ? RUNNER_LATE_LAST_MS : 2 * row->wait_ms;
        row->retry_at_ms = now_ms + row->wait_ms;
        works[count++] = (struct work){.table = row->table, .key = row->key};
    }
    return count;
}

bool late_is_time(const struct runner *runner)
{
    int64_t now = clock_now_ms();
    for (size_t i = 0; i < runner->late_count; i++) {
        if (now >= runner->late[i].retry_at_ms) {
            return true;
        }
    }
    return false;
}

struct status late_step(struct runner *runner, bool *out_busy)
{
    if (!late_is_time(runner)) {
        return status_ok();
    }
    struct work *works = arena_array(&runner->arena, LIMIT_CAPTURE_ROWS, sizeof *works);
    if (!works) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t count = late_works(runner, works, clock_now_ms());
    TRY(works_finish(runner, works, count));
    size_t before = runner->late_count;
    for (size_t i = 0; i < count; i++) {
        struct late_row *row = late_find(runner, works[i].table, works[i].key);
        if (row && works[i].end != WORK_HELD) {
            late_drop(runner, (size_t)(row - runner->late));
        }
    }
    if (runner->late_count == before) {
        return status_ok();
    }
    *out_busy = true;
    if (runner->late_count == 0 && runner->late_missed) {
        runner->late_missed = false;
        runner->compare_wanted = true;
    }
    return late_save(runner);
}
