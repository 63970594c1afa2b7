/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "node/base/clock.h"
#include "node/connector/runner.h"

/* Batches that follow each other. The orders that have to be kept stand in runner.h. */

static_assert(RUNNER_BATCH_ROWS < UINT16_MAX, "an index is 16 bits");

/* ---- a batch ---- */

struct status batch_room(struct runner *runner, struct batch *batch, size_t rows, size_t events)
{
    struct arena *arena = &runner->arena;
    size_t slots = 2;
    while (slots < 2 * rows) {
        slots *= 2;
    }
    *batch = (struct batch){.works = arena_array(arena, rows, sizeof *batch->works),
                            .room = rows,
                            .slots = arena_array(arena, slots, sizeof *batch->slots),
                            .slot_mask = slots - 1,
                            .events = arena_array(arena, events, sizeof *batch->events),
                            .event_works = arena_array(arena, events, sizeof *batch->event_works)};
    bool all = batch->works && batch->slots && batch->events && batch->event_works;
    return all ? status_ok() : STATUS_MAKE(STATUS_NO_MEMORY);
}

/* The slot that holds the row, or the free one where it would stand. */
static size_t slot_of(const struct batch *batch, size_t table, struct span key)
{
    uint64_t hash = 14695981039346656037u + table;
    for (size_t i = 0; i < key.size; i++) {
        hash = (hash ^ key.data[i]) * 1099511628211u;
    }
    size_t slot = (size_t)(hash ^ hash >> 32) & batch->slot_mask;
    for (; batch->slots[slot]; slot = (slot + 1) & batch->slot_mask) {
        const struct work *work = &batch->works[batch->slots[slot] - 1];
        if (work->table == table && span_equal(work->key, key)) {
            break;
        }
    }
    return slot;
}

size_t batch_find(const struct batch *batch, size_t table, struct span key)
{
    return (size_t)batch->slots[slot_of(batch, table, key)] - 1;
}

size_t batch_add(struct batch *batch, size_t table, struct span key)
{
    size_t slot = slot_of(batch, table, key);
    if (!batch->slots[slot]) {
        assert(batch->count < batch->room);
        batch->works[batch->count++] = (struct work){.table = table, .key = key};
        batch->slots[slot] = (uint16_t)batch->count;
    }
    return (size_t)batch->slots[slot] - 1;
}

static void batch_forget(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct work *work = &batch->works[i];
        batch->works[i] = (struct work){.table = work->table, .key = work->key, .updated = work->updated,
                                        .deleted = work->deleted, .event = work->event};
    }
}

/* ---- one by itself ---- */

/* Deleted rows first: one that is inserted in their place, in the same transaction, then finds that its case is free. */
static struct status deleted_first(struct runner *runner, struct batch *batch)
{
    size_t deleted = 0;
    for (size_t i = 0; i < batch->count; i++) {
        deleted += batch->works[i].deleted ? 1 : 0;
    }
    if (deleted == 0 || deleted == batch->count) {
        return status_ok();
    }
    for (size_t i = 0; i < batch->count; i++) {
        batch->works[i].end = batch->works[i].deleted ? WORK_OPEN : WORK_HELD;
    }
    struct status status = works_finish(runner, batch->works, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        batch->works[i].end = batch->works[i].deleted ? batch->works[i].end : WORK_OPEN;
    }
    return status;
}

enum batch_is { BATCH_UNREAD, BATCH_DECIDED, BATCH_WRITTEN };

static struct status batch_go_on(struct runner *runner, struct batch *batch, enum batch_is is)
{
    switch (is) {
    case BATCH_DECIDED:
        return works_finish_decided(runner, batch->works, batch->count);
    case BATCH_WRITTEN:
        return works_finish_written(runner, batch->works, batch->count);
    default:
        TRY(deleted_first(runner, batch));
        return works_finish(runner, batch->works, batch->count);
    }
}

static struct status batch_finish(struct runner *runner, struct chain *chain, struct batch *batch, enum batch_is is)
{
    runner->events = batch->events;
    runner->event_works = batch->event_works;
    runner->event_count = batch->event_count;
    struct status status = batch_go_on(runner, batch, is);
    runner->events = NULL;
    runner->event_count = 0;
    return status_is_ok(status) ? chain->ended(chain, runner, batch) : status;
}

/* ---- one after another ---- */

/* Leaves or nothing, found without asking the driver who is tied to what. */
static bool work_is_plain(const struct work *work)
{
    const struct capture_decision *decision = &work->decision;
    if (work->end != WORK_OPEN) {
        return work->end != WORK_HELD;
    }
    bool nothing = decision->action == CAPTURE_NOTHING && decision->wait != WAIT_ACK;
    return !work->needs_lookup && work->candidate_count == 0 && work->match == MATCH_NONE &&
           (nothing || decision->action == CAPTURE_LEAVES);
}

static bool batch_is_plain(const struct batch *batch)
{
    bool leaves = false;
    for (size_t i = 0; i < batch->count; i++) {
        const struct work *work = &batch->works[i];
        if (!work_is_plain(work)) {
            return false;
        }
        leaves |= work->end == WORK_OPEN && work->decision.action == CAPTURE_LEAVES;
    }
    return leaves;
}

/* Its leaves were written, and no row needs another look. */
static bool batch_is_whole(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct work *work = &batch->works[i];
        if (work->end == WORK_OPEN && work->decision.action == CAPTURE_LEAVES && !work_ends_here(work)) {
            return false;
        }
    }
    return true;
}

/* Inside a legacy transaction: what ends a batch that is whole. */
static struct status batch_close(struct runner *runner, struct batch *batch)
{
    const struct driver_ops *ops = runner->driver->ops;
    struct legacy_shadow *shadows = arena_array(&runner->arena, batch->count, sizeof *shadows);
    bool *stored = arena_array(&runner->arena, batch->count, sizeof *stored);
    int64_t *ids = arena_array(&runner->arena, batch->event_count, sizeof *ids);
    size_t count = 0;
    if (!shadows || !stored || !ids) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->works[i].written) {
            shadows[count++] = batch->works[i].stored;
        }
    }
    for (size_t i = 0; i < batch->event_count; i++) {
        ids[i] = batch->events[i].id;
    }
    TRY(ops->shadows_store(runner->driver, shadows, count, stored));
    TRY(ops->outbox_remove(runner->driver, ids, batch->event_count));
    return batch->place.size > 0 ? ops->mark_set(runner->driver, "load", batch->place) : status_ok();
}

/* One transaction: the end of `flight`, the claims of `next`. */
static struct status hand_over(struct runner *runner, struct chain *chain, struct batch *flight, struct batch *next)
{
    struct work **which = arena_array(&runner->arena, next->count, sizeof(struct work *));
    size_t claims = 0;
    if (!which) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < flight->count; i++) {
        work_close(&flight->works[i]);
    }
    TRY(works_tell(runner, flight->works, flight->count));
    TRY(works_claim(runner, next->works, next->count, which, &claims));
    TRY(runner->driver->ops->begin(runner->driver));
    TRY_LEGACY(batch_close(runner, flight));
    TRY_LEGACY(claims_put(runner, which, claims));
    TRY_LEGACY(runner->driver->ops->commit(runner->driver));
    runner->pending_closed = runner->pending_next;
    flight->place = (struct span){0};
    for (size_t i = 0; i < flight->event_count; i++) {
        flight->events[i].id = 0;
    }
    return chain->ended(chain, runner, flight);
}

/* What the rows say. out_plain: they may follow the batch before at once; a chain that is full goes on with nothing. */
static struct status batch_look(struct runner *runner, struct chain *chain, bool follows, struct batch *next, bool *out_plain)
{
    struct core_facts facts = {0};
    TRY(works_decide(runner, next->works, next->count, &facts));
    if (follows && chain->full && chain->full(chain, &facts)) {
        next->count = 0;
        return status_ok();
    }
    if (batch_is_plain(next)) {
        TRY(works_part_twins(runner, next->works, next->count));
        *out_plain = batch_is_plain(next);
    }
    return status_ok();
}

/* Its leaves go to the engine, and its arena with them. */
static struct status batch_send(struct runner *runner, struct batch *batch)
{
    struct arena arena = runner->spare;
    runner->spare = runner->arena;
    runner->arena = arena;
    return works_send_leaves(runner, batch->works, batch->count, &runner->spare, &batch->job);
}

/* Nothing is on its way, so its claims go first. */
static struct status batch_start(struct runner *runner, struct chain *chain, struct batch *next, struct batch **out_flight)
{
    struct status status = works_store_first(runner, next->works, next->count);
    if (status.code == STATUS_STALE && !runner->claims_open) {
        batch_forget(next); /* somebody was faster */
        return batch_finish(runner, chain, next, BATCH_UNREAD);
    }
    TRY(status);
    TRY(batch_send(runner, next));
    *out_flight = next;
    return status_ok();
}

/* The batch on its way ends, and the next one is on its way, or done. *flight: NULL where there is none. */
static struct status chain_link(struct runner *runner, struct chain *chain, bool follows, struct batch **flight,
                                struct batch *next)
{
    bool plain = false;
    struct batch *before = *flight;
    if (next->count > 0 && !next->apart) {
        TRY(works_read(runner, next->works, next->count));
    }
    *flight = NULL;
    if (before) {
        TRY(works_await_leaves(&before->job));
    }
    if (next->count > 0 && !next->apart) {
        TRY(batch_look(runner, chain, follows, next, &plain));
    }
    if (before && plain && batch_is_whole(before)) {
        TRY(hand_over(runner, chain, before, next));
        TRY(batch_send(runner, next));
        *flight = next;
        return status_ok();
    }
    if (before) { /* what was seen of the next one may be true no more when this one has ended */
        TRY(batch_finish(runner, chain, before, BATCH_WRITTEN));
        batch_forget(next);
    }
    if (next->count == 0) {
        return status_ok();
    }
    if (plain && !before) {
        return batch_start(runner, chain, next, flight);
    }
    return batch_finish(runner, chain, next, before || next->apart ? BATCH_UNREAD : BATCH_DECIDED);
}

struct status chain_run(struct runner *runner, struct chain *chain)
{
    struct batch batches[2];
    struct batch *flight = NULL;
    struct status status = status_ok();
    int64_t until_ms = clock_monotonic_ms() + (runner->chain_ms > 0 ? runner->chain_ms : RUNNER_CHAIN_MS);
    bool more = true;
    if (!runner->spare.memory.alloc) {
        arena_init(&runner->spare, runner->arena.memory, SIZE_MAX);
    }
    for (size_t n = 0; status_is_ok(status) && (more || flight); n++) {
        struct batch *next = &batches[n % 2];
        arena_clear(&runner->arena); /* of a batch that has ended */
        *next = (struct batch){0};
        if (more) {
            status = chain->next(chain, runner, flight, next);
        }
        if (status_is_ok(status)) {
            status = chain_link(runner, chain, n > 0, &flight, next);
        }
        more = next->count >= RUNNER_CHAIN_ROWS && clock_monotonic_ms() < until_ms;
    }
    if (flight) { /* its memory is ours, so its end is awaited whatever happened */
        struct status end = works_await_leaves(&flight->job);
        status = status_is_ok(status) ? end : status;
    }
    return status;
}
