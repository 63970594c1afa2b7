/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/runner.h"

#include <inttypes.h>
#include <stdio.h>

/* What stands between a leaf and its shadow, so that a crash at any moment leaves the row captured once:
 *
 *   claims   in the legacy database, before the leaves: all of a batch in one mark, "claims LANE". Its first bytes are a
 *            stamp that changes with each batch, and every batch names the stamp that it replaces, so that two connectors
 *            of one lane notice each other before one of them writes a leaf.
 *   pending  in our store, in the transaction of the leaves: the finished shadows of a batch in one value. Dropped with
 *            the next batch, or as soon as there is none.
 *
 * After an interruption pending shadows are stored first; a claim whose shadow was stored so has lost its comparison and
 * is gone; what is left becomes the claim of its shadow, and the capture rule looks for its leaf. */

enum { PENDING_VALUE_MAX = 4 * 1024 * 1024, STAMP_SIZE = 16, MARK_NAME_SIZE = 32 };

/* ---- a list of shadows ---- */

static void list_add(struct runner *runner, const struct work *work, struct span shadow, struct buffer *list)
{
    buffer_add_sized(list, span_text(runner->options.mapping->tables[work->table].name));
    buffer_add_sized(list, work->key);
    buffer_add_sized(list, shadow);
}

/* Shadows of tables that the mapping does not name any more are left out, and so are damaged ones. */
static struct status list_next(struct runner *runner, struct reader *list, struct legacy_shadow *out_shadow, bool *out_ours)
{
    const struct mapping *mapping = runner->options.mapping;
    struct span table = reader_sized(list);
    struct work work = {.table = 0, .key = reader_sized(list)};
    struct span bytes = reader_sized(list);
    struct shadow shadow;
    *out_ours = false;
    if (list->failed) {
        char *problem = runner->driver->problem;
        snprintf(problem, sizeof runner->driver->problem,
                 "what an interrupted batch left is damaged: restore our schema in the local database, or remove the mark "
                 "\"claims %" PRIu32 "\" there and run a comparison",
                 runner->options.legacy->lane);
        return STATUS_MAKE(STATUS_INVALID);
    }
    while (work.table < mapping->table_count && !span_equal(table, span_text(mapping->tables[work.table].name))) {
        work.table++;
    }
    if (work.table == mapping->table_count) {
        return status_ok();
    }
    struct status status = shadow_decode(bytes, &runner->arena, &shadow);
    if (!status_is_ok(status)) {
        return status.code == STATUS_NO_MEMORY ? status : status_ok();
    }
    *out_ours = true;
    return work_shadow(runner, &work, &shadow, &runner->arena, out_shadow);
}

/* Compare-and-set for each of a list: what loses had been stored, or was overtaken. */
static struct status list_store(struct runner *runner, struct span list)
{
    struct legacy_shadow *shadows = arena_array(&runner->arena, LIMIT_CAPTURE_ROWS, sizeof *shadows);
    bool *stored = arena_array(&runner->arena, LIMIT_CAPTURE_ROWS, sizeof *stored);
    struct reader reader;
    size_t count = 0;
    if (!shadows || !stored) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    reader_init(&reader, list);
    while (reader.at < list.size) {
        bool ours;
        TRY(list_next(runner, &reader, &shadows[count], &ours));
        count += ours ? 1 : 0;
        if (count == LIMIT_CAPTURE_ROWS) {
            TRY(runner->driver->ops->shadows_store(runner->driver, shadows, count, stored));
            count = 0;
        }
    }
    return runner->driver->ops->shadows_store(runner->driver, shadows, count, stored);
}

/* ---- pending ---- */

static struct span pending_key(const struct runner *runner, uint64_t number, uint8_t out_key[12])
{
    uint32_t lane = runner->options.legacy->lane;
    for (size_t i = 0; i < 4; i++) {
        out_key[i] = (uint8_t)(lane >> (24 - 8 * i));
    }
    for (size_t i = 0; i < 8; i++) {
        out_key[4 + i] = (uint8_t)(number >> (56 - 8 * i));
    }
    return span_of(out_key, 12);
}

static struct status pending_remove(struct runner *runner)
{
    struct store *store = runner->options.store;
    for (uint64_t number = runner->pending_kept; number < runner->pending_closed; number++) {
        uint8_t key[12];
        TRY(store_remove_one(store, STORE_PENDING, pending_key(runner, number, key)));
    }
    return status_ok();
}

static struct status pending_flush(struct runner *runner, struct buffer *list)
{
    uint8_t key[12];
    struct span value;
    TRY(buffer_end(list, &value));
    return value.size == 0 ? status_ok()
                           : store_put_one(runner->options.store, STORE_PENDING,
                                           pending_key(runner, runner->pending_next++, key), value);
}

struct status pending_put(struct runner *runner, const struct work *works, size_t count, struct arena *arena)
{
    struct buffer list;
    TRY(pending_remove(runner));
    buffer_init(&list, arena);
    for (size_t i = 0; i < count; i++) {
        if (!works[i].written) {
            continue;
        }
        list_add(runner, &works[i], works[i].stored.bytes, &list);
        if (list.size > PENDING_VALUE_MAX) {
            TRY(pending_flush(runner, &list));
            buffer_init(&list, arena);
        }
    }
    return pending_flush(runner, &list);
}

struct pending_job {
    struct job job; /* first */
    struct runner *runner;
    struct pair pair;
    size_t count;
};

static struct status forget_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    (void)arena;
    return pending_remove(((struct pending_job *)job)->runner);
}

struct status runner_forget_pending(struct runner *runner)
{
    struct pending_job job = {.job = {.run = forget_run}, .runner = runner};
    if (runner->pending_kept == runner->pending_closed) {
        return status_ok();
    }
    TRY(engine_call(runner->options.engine, &job.job));
    runner->pending_kept = runner->pending_closed;
    return status_ok();
}

static struct status first_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    (void)arena;
    struct pending_job *p = (struct pending_job *)job;
    struct store *store = p->runner->options.store;
    uint8_t from[12];
    uint8_t end[12];
    uint32_t lane = p->runner->options.legacy->lane;
    (void)pending_key(p->runner, 0, from);
    (void)pending_key(p->runner, 0, end);
    for (size_t i = 0; i < 4; i++) {
        end[i] = (uint8_t)((lane + 1) >> (24 - 8 * i));
    }
    return store->ops->scan(store, STORE_PENDING, span_of(from, 4), span_of(end, 4), false, 1, SIZE_MAX, &p->runner->arena,
                            &p->pair, &p->count);
}

static struct status settled_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    (void)arena;
    struct pending_job *p = (struct pending_job *)job;
    return store_remove_one(p->runner->options.store, STORE_PENDING, p->pair.key);
}

static struct status settle_pending(struct runner *runner)
{
    const struct driver_ops *ops = runner->driver->ops;
    for (;;) {
        struct pending_job job = {.job = {.run = first_run, .reads_only = true}, .runner = runner};
        TRY(engine_call(runner->options.engine, &job.job));
        if (job.count == 0) {
            runner->pending_kept = runner->pending_closed = runner->pending_next;
            return status_ok();
        }
        TRY(ops->begin(runner->driver));
        TRY_LEGACY(list_store(runner, job.pair.value));
        TRY_LEGACY(ops->commit(runner->driver));
        job.job = (struct job){.run = settled_run};
        TRY(engine_call(runner->options.engine, &job.job));
        arena_clear(&runner->arena);
    }
}

/* ---- claims ---- */

static const char *claims_name(const struct runner *runner, char out_name[MARK_NAME_SIZE])
{
    snprintf(out_name, MARK_NAME_SIZE, "claims %" PRIu32, runner->options.legacy->lane);
    return out_name;
}

/* Inside a legacy transaction. `claims` empty: none are open. */
static struct status claims_replace(struct runner *runner, struct span claims)
{
    char name[MARK_NAME_SIZE];
    struct buffer value;
    struct span bytes;
    uint8_t stamp[STAMP_SIZE];
    runner->options.crypto->random(runner->options.crypto->owner, stamp, sizeof stamp);
    buffer_init(&value, &runner->arena);
    buffer_add(&value, stamp, sizeof stamp);
    buffer_add_span(&value, claims);
    TRY(buffer_end(&value, &bytes));
    struct span known = span_of(runner->claims_stamp, runner->claims_stamped ? sizeof runner->claims_stamp : 0);
    runner->claims_open = true; /* until the transaction is known to have ended well */
    TRY(runner->driver->ops->mark_swap(runner->driver, claims_name(runner, name), known, bytes));
    memcpy(runner->claims_stamp, stamp, sizeof stamp);
    runner->claims_stamped = true;
    return status_ok();
}

struct status claims_put(struct runner *runner, struct work *const *works, size_t count)
{
    struct buffer list;
    struct span claims;
    buffer_init(&list, &runner->arena);
    for (size_t i = 0; i < count; i++) {
        struct span bytes;
        TRY(shadow_encode(works[i]->decision.shadow, &runner->arena, &bytes));
        list_add(runner, works[i], bytes, &list);
        works[i]->decision.shadow->version--; /* the claim does not stand in its row: the finished shadow follows the one before */
    }
    TRY(buffer_end(&list, &claims));
    return claims_replace(runner, claims);
}

struct status claims_close(struct runner *runner)
{
    return runner->claims_open ? claims_replace(runner, (struct span){0}) : status_ok();
}

static struct status unfold_claims(struct runner *runner)
{
    char name[MARK_NAME_SIZE];
    struct span value = {0};
    struct status status = runner->driver->ops->mark(runner->driver, claims_name(runner, name), &runner->arena, &value);
    if (status.code != STATUS_NOT_FOUND) {
        TRY(status);
    }
    runner->claims_stamped = value.size >= STAMP_SIZE;
    if (runner->claims_stamped) {
        memcpy(runner->claims_stamp, value.data, STAMP_SIZE);
    }
    if (value.size > STAMP_SIZE) {
        TRY(runner->driver->ops->begin(runner->driver));
        TRY_LEGACY(list_store(runner, span_of(value.data + STAMP_SIZE, value.size - STAMP_SIZE)));
        TRY_LEGACY(claims_replace(runner, (struct span){0}));
        TRY_LEGACY(runner->driver->ops->commit(runner->driver));
    }
    runner->claims_open = false;
    return status_ok();
}

struct status runner_recover(struct runner *runner)
{
    TRY(settle_pending(runner));
    TRY(unfold_claims(runner));
    arena_clear(&runner->arena);
    return status_ok();
}
