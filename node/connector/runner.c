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

/* An UPDATE keeps the identity of its row; an INSERT or DELETE in the same batch says that the key may be another case. */
static void work_note_event(struct work *work, const struct legacy_event *event)
{
    bool first = work->event == 0;
    work->updated = (first || work->updated) && event->op == LEGACY_UPDATE;
    work->deleted = event->op == LEGACY_DELETE;
    work->event = event->id;
}

struct outbox_chain {
    struct chain chain; /* first */
    bool any;           /* some entries need not be looked at again */
};

/* The entries of a batch are in ascending order. */
static bool is_in_flight(const struct batch *flight, const struct legacy_event *event)
{
    size_t from = 0;
    size_t end = flight ? flight->event_count : 0;
    while (from < end) {
        size_t middle = from + (end - from) / 2;
        if (flight->events[middle].id == event->id) {
            return true;
        }
        from = flight->events[middle].id < event->id ? middle + 1 : from;
        end = flight->events[middle].id < event->id ? end : middle;
    }
    return flight && batch_find(flight, event->table, event->key) != SIZE_MAX;
}

/* Several events of one row are one work: the row is read as it is now. */
static struct status outbox_next(struct chain *chain, struct runner *runner, const struct batch *flight, struct batch *batch)
{
    (void)chain;
    size_t limit = RUNNER_BATCH_ROWS + runner->held_count + (flight ? flight->event_count : 0);
    struct legacy_event *events = arena_array(&runner->arena, limit, sizeof *events);
    size_t count = 0;
    if (!events) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(runner->driver->ops->outbox(runner->driver, limit, &runner->arena, events, &count));
    runner->outbox_count = count;
    size_t room = count < RUNNER_BATCH_ROWS ? count : RUNNER_BATCH_ROWS;
    TRY(batch_room(runner, batch, room, room));
    for (size_t i = 0; i < count && batch->event_count < room; i++) {
        if (is_held(runner, events[i].id) || is_in_flight(flight, &events[i])) {
            continue;
        }
        size_t at = batch_add(batch, events[i].table, events[i].key);
        work_note_event(&batch->works[at], &events[i]);
        batch->apart |= events[i].op == LEGACY_DELETE;
        batch->event_works[batch->event_count] = at;
        batch->events[batch->event_count++] = events[i];
    }
    return status_ok();
}

static struct status outbox_ended(struct chain *chain, struct runner *runner, struct batch *batch)
{
    struct outbox_chain *outbox = (struct outbox_chain *)chain;
    int64_t *ids = arena_array(&runner->arena, batch->event_count, sizeof *ids);
    size_t n = 0;
    if (!ids) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < batch->event_count; i++) {
        int64_t id = batch->events[i].id;
        bool held = batch->works[batch->event_works[i]].end == WORK_HELD;
        outbox->any |= !held;
        if (id != 0 && !held) {
            ids[n++] = id;
        } else if (id != 0 && runner->held_count < RUNNER_HELD_MAX && !is_held(runner, id)) {
            runner->held[runner->held_count++] = id;
        }
    }
    if (n == 0) {
        return status_ok();
    }
    TRY(runner->driver->ops->begin(runner->driver));
    TRY_LEGACY(runner->driver->ops->outbox_remove(runner->driver, ids, n));
    return runner->driver->ops->commit(runner->driver);
}

static struct status outbox_step(struct runner *runner, bool *out_busy)
{
    struct outbox_chain outbox = {.chain = {.next = outbox_next, .ended = outbox_ended}};
    struct status status = chain_run(runner, &outbox.chain);
    *out_busy |= outbox.any;
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

static struct status walk_place(struct runner *runner, size_t table, struct span after, struct span *out_place)
{
    struct buffer buffer;
    buffer_init(&buffer, &runner->arena);
    buffer_add_u8(&buffer, (uint8_t)('0' + table));
    buffer_add_span(&buffer, after);
    return buffer_end(&buffer, out_place);
}

/* The place of a first load stands beside the rows, so that it is restored with them. */
static struct status walk_save(struct runner *runner, const struct walk *walk)
{
    struct span place = span_text("1");
    const struct driver_ops *ops = runner->driver->ops;
    if (walk->active) {
        TRY(walk_place(runner, walk->table, walk->after, &place));
    }
    TRY(ops->begin(runner->driver));
    TRY_LEGACY(ops->mark_set(runner->driver, walk->active ? "load" : "loaded", place));
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

static bool walk_waits(const struct walk *walk, const struct core_facts *facts)
{
    return !facts->ready || (walk->load && !facts->current) || facts->unacked >= LIMIT_UNACKED_LEAVES;
}

struct walk_chain {
    struct chain chain; /* first */
    struct walk *walk;
    bool at_end; /* of the table */
};

static bool walk_full(const struct chain *chain, const struct core_facts *facts)
{
    return walk_waits(((const struct walk_chain *)chain)->walk, facts);
}

static struct status walk_page(struct chain *chain, struct runner *runner, const struct batch *flight, struct batch *batch)
{
    struct walk_chain *w = (struct walk_chain *)chain;
    const struct walk *walk = w->walk;
    const struct driver_ops *ops = runner->driver->ops;
    struct span *keys = arena_array(&runner->arena, RUNNER_BATCH_ROWS, sizeof *keys);
    struct span after = flight ? flight->works[flight->count - 1].key : walk->after;
    size_t count = 0;
    if (!keys) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(walk->orphans ? ops->orphans(runner->driver, walk->table, after, RUNNER_BATCH_ROWS, &runner->arena, keys, &count)
                      : ops->page(runner->driver, walk->table, after, RUNNER_BATCH_ROWS, &runner->arena, keys, &count));
    TRY(batch_room(runner, batch, count, 0));
    for (size_t i = 0; i < count; i++) {
        (void)batch_add(batch, walk->table, keys[i]);
    }
    w->at_end = count == 0;
    batch->apart = walk->orphans;
    runner->vanished |= walk->orphans && count > 0;
    return walk->load && count > 0 ? walk_place(runner, walk->table, keys[count - 1], &batch->place) : status_ok();
}

static struct status walk_ended(struct chain *chain, struct runner *runner, struct batch *batch)
{
    struct walk *walk = ((struct walk_chain *)chain)->walk;
    TRY(late_keep(runner, batch->works, batch->count));
    walk->done += walk->orphans ? 0 : batch->count;
    TRY(walk_remember(walk, batch->works[batch->count - 1].key));
    return batch->place.size > 0 ? walk_save(runner, walk) : status_ok();
}

struct status walk_step(struct runner *runner, struct walk *walk, bool *out_waits)
{
    struct core_facts facts;
    TRY(runner_facts(runner, &facts));
    *out_waits = walk_waits(walk, &facts);
    if (*out_waits) {
        return status_ok();
    }
    struct walk_chain chain = {.chain = {.next = walk_page, .ended = walk_ended, .full = walk_full}, .walk = walk};
    TRY(chain_run(runner, &chain.chain));
    return chain.at_end ? walk_next(runner, walk) : status_ok();
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
    arena_release(&runner->spare);
    arena_release(&runner->look);
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

/* Forms are waited for by a clock that people and NTP set: after a jump, and after a start, nothing is over for a while. */
static void clock_look(struct runner *runner)
{
    int64_t steady = clock_monotonic_ms();
    int64_t off = clock_now_ms() - steady;
    int64_t moved = off - runner->clock_off_ms;
    if (moved > RUNNER_CLOCK_SET_MS || moved < -RUNNER_CLOCK_SET_MS) {
        runner->clock_set_ms = steady;
    }
    runner->clock_off_ms = off;
}

struct status runner_step(struct runner *runner, uint64_t woken, bool *out_busy)
{
    *out_busy = false;
    clock_look(runner);
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
