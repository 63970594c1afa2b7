/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/runner.h"

#include <stdlib.h>

#include "node/base/clock.h"

/* ---- outbox ---- */

static bool is_held(const struct runner *runner, int64_t event)
{
    for (size_t i = 0; i < runner->held_count; i++) {
        if (runner->held[i] == event) {
            return true;
        }
    }
    return false;
}

/* Several events of one row are one work: the row is read as it is now. */
static size_t work_for(struct work *works, size_t *count, const struct legacy_event *event)
{
    for (size_t i = *count; i-- > 0;) {
        if (works[i].table == event->table && span_equal(works[i].key, event->key)) {
            return i;
        }
    }
    works[*count] = (struct work){.table = event->table, .key = event->key};
    return (*count)++;
}

/* An UPDATE keeps the identity of its row; an INSERT or DELETE in the same batch says that the key may be another case. */
static void work_note_event(struct work *work, const struct legacy_event *event)
{
    bool first = work->event == 0;
    work->updated = (first || work->updated) && event->op == LEGACY_UPDATE;
    work->deleted = event->op == LEGACY_DELETE;
    work->event = event->id;
}

/* out_any: some need not be looked at again. */
static struct status outbox_finish(struct runner *runner, const struct work *works, bool *out_any)
{
    int64_t *ids = arena_array(&runner->arena, runner->event_count, sizeof *ids);
    size_t n = 0;
    if (!ids) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < runner->event_count; i++) {
        int64_t id = runner->events[i].id;
        *out_any |= works[runner->event_works[i]].end != WORK_HELD;
        if (id != 0 && works[runner->event_works[i]].end != WORK_HELD) {
            ids[n++] = id;
        } else if (id != 0 && runner->held_count < RUNNER_HELD_MAX && !is_held(runner, id)) {
            runner->held[runner->held_count++] = id;
        }
    }
    if (n == 0) {
        return status_ok();
    }
    TRY(runner->driver->ops->begin(runner->driver));
    struct status status = runner->driver->ops->outbox_remove(runner->driver, ids, n);
    if (!status_is_ok(status)) {
        runner->driver->ops->rollback(runner->driver);
        return status;
    }
    return runner->driver->ops->commit(runner->driver);
}

/* Deleted rows first: one that is inserted in their place, in the same transaction, then finds that its case is free. */
static struct status outbox_deleted(struct runner *runner, struct work *works, size_t work_count)
{
    size_t deleted = 0;
    for (size_t i = 0; i < work_count; i++) {
        deleted += works[i].deleted ? 1 : 0;
    }
    if (deleted == 0 || deleted == work_count) {
        return status_ok();
    }
    for (size_t i = 0; i < work_count; i++) {
        works[i].end = works[i].deleted ? WORK_OPEN : WORK_HELD;
    }
    struct status status = works_finish(runner, works, work_count);
    for (size_t i = 0; i < work_count; i++) {
        works[i].end = works[i].deleted ? works[i].end : WORK_OPEN;
    }
    return status;
}

static struct status outbox_works(struct runner *runner, struct work *works, size_t work_count, bool *out_any)
{
    TRY(outbox_deleted(runner, works, work_count));
    TRY(works_finish(runner, works, work_count));
    return outbox_finish(runner, works, out_any);
}

static struct status outbox_step(struct runner *runner, bool *out_busy)
{
    size_t limit = LIMIT_CAPTURE_ROWS + runner->held_count;
    struct legacy_event *events = arena_array(&runner->arena, limit, sizeof *events);
    struct work *works = arena_array(&runner->arena, LIMIT_CAPTURE_ROWS, sizeof *works);
    size_t *event_works = arena_array(&runner->arena, LIMIT_CAPTURE_ROWS, sizeof *event_works);
    size_t count = 0;
    size_t fresh = 0;
    size_t work_count = 0;
    if (!events || !works || !event_works) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(runner->driver->ops->outbox(runner->driver, limit, &runner->arena, events, &count));
    runner->outbox_count = count;
    for (size_t i = 0; i < count && fresh < LIMIT_CAPTURE_ROWS; i++) {
        if (!is_held(runner, events[i].id)) {
            event_works[fresh] = work_for(works, &work_count, &events[i]);
            work_note_event(&works[event_works[fresh]], &events[i]);
            events[fresh++] = events[i];
        }
    }
    if (fresh == 0) {
        return status_ok();
    }
    runner->events = events;
    runner->event_works = event_works;
    runner->event_count = fresh;
    struct status status = outbox_works(runner, works, work_count, out_busy);
    runner->events = NULL;
    runner->event_count = 0;
    return status;
}

/* ---- walks: first load and comparison ---- */

struct status walk_begin(struct runner *runner, struct walk *walk, bool load)
{
    walk_release(walk);
    *walk = (struct walk){.active = true, .load = load};
    for (size_t t = 0; t < runner->options.mapping->table_count; t++) {
        uint64_t rows = 0;
        TRY(runner->driver->ops->estimate(runner->driver, t, &rows));
        walk->total += rows;
    }
    if (!load) {
        return status_ok();
    }
    struct span place = {0};
    struct status status = runner->driver->ops->mark(runner->driver, "load", &runner->arena, &place);
    if (status.code == STATUS_NOT_FOUND || (status_is_ok(status) && place.size < 1)) {
        return status_ok();
    }
    TRY(status);
    walk->table = (size_t)(place.data[0] - '0');
    if (walk->table >= runner->options.mapping->table_count) {
        walk->table = 0;
        return status_ok();
    }
    uint8_t *after = malloc(place.size);
    if (!after) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    memcpy(after, place.data + 1, place.size - 1);
    walk->after = span_of(after, place.size - 1);
    return status_ok();
}

void walk_release(struct walk *walk)
{
    free((void *)(uintptr_t)walk->after.data);
    *walk = (struct walk){0};
}

static struct status walk_remember(struct walk *walk, struct span key)
{
    uint8_t *after = malloc(key.size ? key.size : 1);
    if (!after) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (key.size) {
        memcpy(after, key.data, key.size);
    }
    free((void *)(uintptr_t)walk->after.data);
    walk->after = span_of(after, key.size);
    return status_ok();
}

/* The place of a first load stands beside the rows, so that it is restored with them. */
static struct status walk_save(struct runner *runner, const struct walk *walk)
{
    struct buffer buffer;
    struct span place;
    const struct driver_ops *ops = runner->driver->ops;
    buffer_init(&buffer, &runner->arena);
    buffer_add_u8(&buffer, (uint8_t)('0' + walk->table));
    buffer_add_span(&buffer, walk->after);
    TRY(buffer_end(&buffer, &place));
    TRY(ops->begin(runner->driver));
    struct status status = ops->mark_set(runner->driver, walk->active ? "load" : "loaded", walk->active ? place : span_text("1"));
    if (!status_is_ok(status)) {
        ops->rollback(runner->driver);
        return status;
    }
    return ops->commit(runner->driver);
}

static struct status walk_next(struct runner *runner, struct walk *walk)
{
    TRY(walk_remember(walk, (struct span){0}));
    if (!walk->orphans) {
        walk->orphans = true;
        return status_ok();
    }
    walk->orphans = false;
    if (++walk->table >= runner->options.mapping->table_count) {
        bool load = walk->load;
        walk_release(walk);
        walk->load = load;
        if (load) { /* rows that the load did not find may be made now */
            runner->loading = false;
            due_forget(runner);
        }
    }
    return walk->load ? walk_save(runner, walk) : status_ok();
}

struct status walk_step(struct runner *runner, struct walk *walk, bool *out_waits)
{
    struct core_facts facts;
    TRY(runner_facts(runner, &facts));
    *out_waits = !facts.ready || (walk->load && !facts.current) || facts.unacked >= LIMIT_UNACKED_LEAVES;
    if (*out_waits) {
        return status_ok();
    }
    struct span *keys = arena_array(&runner->arena, LIMIT_CAPTURE_ROWS, sizeof *keys);
    struct work *works = arena_array(&runner->arena, LIMIT_CAPTURE_ROWS, sizeof *works);
    size_t count = 0;
    if (!keys || !works) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    const struct driver_ops *ops = runner->driver->ops;
    TRY(walk->orphans
            ? ops->orphans(runner->driver, walk->table, walk->after, LIMIT_CAPTURE_ROWS, &runner->arena, keys, &count)
            : ops->page(runner->driver, walk->table, walk->after, LIMIT_CAPTURE_ROWS, &runner->arena, keys, &count));
    if (count == 0) {
        return walk_next(runner, walk);
    }
    for (size_t i = 0; i < count; i++) {
        works[i] = (struct work){.table = walk->table, .key = keys[i]};
    }
    runner->vanished |= walk->orphans;
    TRY(works_finish(runner, works, count));
    TRY(late_keep(runner, works, count));
    walk->done += walk->orphans ? 0 : count;
    TRY(walk_remember(walk, keys[count - 1]));
    return walk->load ? walk_save(runner, walk) : status_ok();
}

/* ---- open, step ---- */

static struct status mark_number(struct runner *runner, const char *name, uint64_t *out_number)
{
    struct span value = {0};
    struct status status = runner->driver->ops->mark(runner->driver, name, &runner->arena, &value);
    if (status.code == STATUS_NOT_FOUND) {
        *out_number = 0;
        return status_ok();
    }
    TRY(status);
    *out_number = 0;
    for (size_t i = 0; i < value.size && value.data[i] >= '0' && value.data[i] <= '9'; i++) {
        *out_number = *out_number * 10 + (uint64_t)(value.data[i] - '0');
    }
    return status_ok();
}

/* Raised at each start, on both sides: if they differ, one of the two was restored from a copy. */
static struct status raise_generation(struct runner *runner, bool *out_restored)
{
    struct core_facts facts;
    uint64_t here;
    char text[24];
    const struct driver_ops *ops = runner->driver->ops;
    TRY(runner_facts(runner, &facts));
    TRY(mark_number(runner, "generation", &here));
    *out_restored = here != facts.legacy_generation;
    uint64_t next = (here > facts.legacy_generation ? here : facts.legacy_generation) + 1;
    size_t at = sizeof text;
    for (uint64_t n = next; n > 0; n /= 10) {
        text[--at] = (char)('0' + n % 10);
    }
    TRY(ops->begin(runner->driver));
    struct status status = ops->mark_set(runner->driver, "generation", span_of(text + at, sizeof text - at));
    if (!status_is_ok(status)) {
        ops->rollback(runner->driver);
        return status;
    }
    TRY(ops->commit(runner->driver));
    return runner_remember_generation(runner, next);
}

struct status runner_open(struct runner *runner, bool *out_load, bool *out_compare)
{
    uint64_t loaded;
    bool restored;
    runner->held_count = 0;
    due_forget(runner);
    TRY(runner_recover(runner));
    TRY(mark_number(runner, "loaded", &loaded));
    TRY(raise_generation(runner, &restored));
    *out_load = loaded == 0;
    runner->loading = *out_load;
    *out_compare = loaded != 0 && restored;
    struct span key;
    size_t count = 0;
    for (size_t t = 0; t < runner->options.mapping->table_count && !runner->vanished; t++) {
        TRY(runner->driver->ops->orphans(runner->driver, t, (struct span){0}, 1, &runner->arena, &key, &count));
        runner->vanished = count > 0;
    }
    TRY(late_open(runner));
    arena_clear(&runner->arena);
    return status_ok();
}

void runner_release(struct runner *runner)
{
    late_release(runner);
    arena_release(&runner->arena);
}

/* Something changed: what was put off is looked at again, though not at every turn of a busy connector. */
static void held_release(struct runner *runner)
{
    int64_t now = clock_now_ms();
    if (now >= runner->held_until_ms) {
        runner->held_until_ms = now + RUNNER_HELD_MS;
        runner->held_count = 0;
        runner->held_asked = false;
    } else {
        runner->held_asked = runner->held_count > 0;
    }
}

struct status runner_step(struct runner *runner, uint64_t woken, bool *out_busy)
{
    *out_busy = false;
    if (runner->claims_open) {
        TRY(runner_recover(runner));
    }
    if (!runner->ready) {
        struct core_facts facts;
        TRY(runner_facts(runner, &facts));
        if (!facts.ready) {
            return status_ok();
        }
    }
    TRY(outbox_step(runner, out_busy));
    arena_clear(&runner->arena);
    if (runner->due_seen != woken || *out_busy || runner->locked_out || runner->held_asked || due_is_time(runner)) {
        bool retry = runner->locked_out;
        runner->locked_out = false;
        runner->due_seen = woken;
        held_release(runner);
        TRY(due_step(runner, retry, out_busy));
        arena_clear(&runner->arena);
    }
    TRY(late_step(runner, out_busy));
    arena_clear(&runner->arena);
    return status_ok();
}
