/* SPDX-License-Identifier: Apache-2.0 */
#include "node/base/clock.h"
#include "node/connector/runner.h"

/* Engine jobs that write what was decided: leaves and pending shadows in one transaction. */

static struct status pending_key(struct runner *runner, struct span table, struct span key, struct arena *arena,
                                 struct span *out_key)
{
    struct buffer buffer;
    buffer_init(&buffer, arena);
    buffer_add_be32(&buffer, runner->options.legacy->lane);
    buffer_add_sized(&buffer, table);
    buffer_add_sized(&buffer, key);
    return buffer_end(&buffer, out_key);
}

static struct status pending_put(struct runner *runner, const struct work *work, struct arena *arena)
{
    struct legacy_shadow stored;
    struct pair pair;
    struct buffer value;
    TRY(work_shadow(runner, work, work->decision.shadow, &stored));
    TRY(pending_key(runner, span_text(runner->options.mapping->tables[work->table].name), work->key, arena, &pair.key));
    buffer_init(&value, arena);
    buffer_add_be64(&value, stored.version);
    buffer_add_be32(&value, stored.state);
    buffer_add(&value, stored.record.bytes, sizeof stored.record.bytes);
    buffer_add(&value, stored.part.bytes, sizeof stored.part.bytes);
    buffer_add(&value, stored.identity, sizeof stored.identity);
    buffer_add_sized(&value, stored.bytes);
    TRY(buffer_end(&value, &pair.value));
    return runner->options.store->ops->put(runner->options.store, STORE_PENDING, &pair, 1);
}

static struct status pending_read(struct runner *runner, struct pair pair, struct legacy_shadow *out_shadow)
{
    struct legacy_shadow shadow = {.table = SIZE_MAX};
    struct reader key;
    struct reader value;
    reader_init(&key, pair.key);
    reader_init(&value, pair.value);
    (void)reader_be32(&key);
    struct span table = reader_sized(&key);
    shadow.key = reader_sized(&key);
    shadow.version = reader_be64(&value);
    shadow.state = reader_be32(&value);
    struct span record = reader_bytes(&value, sizeof shadow.record.bytes);
    struct span part = reader_bytes(&value, sizeof shadow.part.bytes);
    struct span identity = reader_bytes(&value, sizeof shadow.identity);
    shadow.bytes = reader_sized(&value);
    TRY(reader_end(&key));
    TRY(reader_end(&value));
    memcpy(shadow.record.bytes, record.data, record.size);
    memcpy(shadow.part.bytes, part.data, part.size);
    memcpy(shadow.identity, identity.data, identity.size);
    for (size_t i = 0; i < runner->options.mapping->table_count; i++) {
        if (span_equal(table, span_text(runner->options.mapping->tables[i].name))) {
            shadow.table = i;
        }
    }
    *out_shadow = shadow;
    return status_ok();
}

/* The first draft failed, so nothing of this row stands in the store: it can be told and left. */
static struct status work_refused(struct runner *runner, struct work *work, struct status status,
                                  const struct fault *fault, struct arena *arena)
{
    switch (status.code) {
    case STATUS_BUSY:
        work->end = WORK_HELD;
        return status_ok();
    case STATUS_STALE:
        return status_ok(); /* stays open: read and decided again */
    case STATUS_INVALID:
    case STATUS_LIMIT:
    case STATUS_DENIED:
        work->end = WORK_FAILED;
        return work_quarantine_add(runner, work, 0,
                                   fault->what ? fault->what : "this row makes no valid change: see the limits", arena);
    default:
        return status;
    }
}

/* The rule once more, on the row as it was read and the shadow as it will be stored: usually nothing is left to do, and
 * the row need not be read again. Whatever changed it meanwhile stands in the outbox. */
static struct status work_settle(struct runner *runner, const struct capture_source *source, struct work *work)
{
    struct capture_input again = work->input;
    struct capture_decision decision = {0};
    again.now_ms = (uint64_t)clock_now_ms();
    again.shadow = work->decision.shadow;
    again.record = work->decision.record;
    again.match = MATCH_NONE;
    again.found_known = false;
    if (!work->there || !work->has_shadow || !again.record || work->decision.item_count > 0) {
        return status_ok();
    }
    TRY(capture_decide(source, &again, &runner->arena, &decision));
    work->settled = decision.action == CAPTURE_NOTHING && decision.wait != WAIT_ACK && decision.item_count == 0;
    return status_ok();
}

static struct status work_leaves(struct runner *runner, struct core *core, struct work *work, struct arena *arena)
{
    const struct capture_source source = runner_source(runner, core);
    struct capture_decision *decision = &work->decision;
    struct written *written = arena_array(arena, decision->draft_count, sizeof *written);
    struct fault fault = {0};
    if (!written) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < decision->draft_count; i++) {
        struct status status = core_write(core, &decision->drafts[i], &written[i], &fault);
        if (!status_is_ok(status)) {
            return i == 0 ? work_refused(runner, work, status, &fault, arena) : status;
        }
    }
    /* The record that was decided on has changed, and its memory belongs to an earlier transaction. */
    if (decision->draft_count > 0 && decision->record) {
        TRY(core_record(core, written[0].record, &decision->record));
    }
    TRY(capture_done(&source, decision, written, &runner->arena));
    TRY(pending_put(runner, work, arena));
    TRY(work_tell(runner, work, true, arena));
    TRY(work_settle(runner, &source, work));
    work->written = true;
    return status_ok();
}

static struct status leaves_run(struct job *job, struct core *core, struct arena *arena)
{
    struct works_job *w = (struct works_job *)job;
    for (size_t i = 0; i < w->count; i++) {
        struct work *work = &w->works[i];
        work->written = false;
        work->settled = false;
        if (work->end == WORK_OPEN && work->decision.action == CAPTURE_LEAVES) {
            TRY(work_leaves(w->runner, core, work, arena));
        }
    }
    return status_ok();
}

/* All in one transaction; if a row in the middle spoils it, each alone, so that only that row is told. */
struct status works_write_leaves(struct runner *runner, struct work *works, size_t count)
{
    struct works_job job = {.works = works, .count = count};
    struct status status = works_call(runner, &job, leaves_run, false);
    bool data = status.code == STATUS_INVALID || status.code == STATUS_LIMIT || status.code == STATUS_DENIED ||
                status.code == STATUS_STALE;
    for (size_t i = 0; i < count && data; i++) {
        works[i].written = works[i].settled = false;
        if (works[i].end != WORK_OPEN || works[i].decision.action != CAPTURE_LEAVES) {
            continue;
        }
        struct works_job one = {.works = &works[i], .count = 1};
        status = works_call(runner, &one, leaves_run, false);
        data = status.code != STATUS_IO && status.code != STATUS_UNKNOWN && status.code != STATUS_BUSY;
        if (!status_is_ok(status) && data) {
            works[i].written = works[i].settled = false;
            works[i].end = WORK_FAILED;
            TRY(work_quarantine(runner, &works[i], 0, "this row makes no valid change: see the limits"));
            status = status_ok();
        }
    }
    for (size_t i = 0; i < count && status_is_ok(status); i++) {
        runner->captured += works[i].written ? works[i].decision.draft_count : 0;
    }
    if (status_is_ok(status) && runner->options.captured) {
        runner->options.captured(runner->options.owner);
    }
    return status;
}

static struct status forget_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    struct works_job *w = (struct works_job *)job;
    struct store *store = w->runner->options.store;
    for (size_t i = 0; i < w->count; i++) {
        struct span key;
        if (!w->works[i].written) {
            continue;
        }
        TRY(pending_key(w->runner, span_text(w->runner->options.mapping->tables[w->works[i].table].name),
                        w->works[i].key, arena, &key));
        TRY(store->ops->remove(store, STORE_PENDING, &key, 1));
    }
    return status_ok();
}

struct status works_forget_pending(struct runner *runner, struct work *works, size_t count)
{
    struct works_job job = {.works = works, .count = count};
    return works_call(runner, &job, forget_run, false);
}

struct pending_job {
    struct job job; /* first */
    struct runner *runner;
    struct pair *pairs;
    size_t count;
    bool remove;
};

static struct status pending_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    (void)arena;
    struct pending_job *p = (struct pending_job *)job;
    struct store *store = p->runner->options.store;
    if (p->remove) {
        for (size_t i = 0; i < p->count; i++) {
            TRY(store->ops->remove(store, STORE_PENDING, &p->pairs[i].key, 1));
        }
        return status_ok();
    }
    uint8_t from[4];
    uint8_t end[4];
    uint32_t lane = p->runner->options.legacy->lane;
    for (size_t i = 0; i < 4; i++) {
        from[i] = (uint8_t)(lane >> (24 - 8 * i));
        end[i] = (uint8_t)((lane + 1) >> (24 - 8 * i));
    }
    return store->ops->scan(store, STORE_PENDING, span_of(from, 4), span_of(end, 4), false, LIMIT_CAPTURE_ROWS,
                            SIZE_MAX, &p->runner->arena, p->pairs, &p->count);
}

struct status runner_settle_pending(struct runner *runner)
{
    const struct driver_ops *ops = runner->driver->ops;
    struct pair pairs[LIMIT_CAPTURE_ROWS];
    for (;;) {
        struct pending_job job = {.job = {.run = pending_run, .reads_only = true}, .runner = runner, .pairs = pairs};
        TRY(engine_call(runner->options.engine, &job.job));
        if (job.count == 0) {
            return status_ok();
        }
        TRY(ops->begin(runner->driver));
        for (size_t i = 0; i < job.count; i++) {
            struct legacy_shadow shadow;
            bool stored;
            TRY(pending_read(runner, pairs[i], &shadow));
            if (shadow.table != SIZE_MAX) {
                TRY(ops->shadows_store(runner->driver, &shadow, 1, &stored)); /* lost: it had been stored */
            }
        }
        TRY(ops->commit(runner->driver));
        job.job = (struct job){.run = pending_run};
        job.remove = true;
        TRY(engine_call(runner->options.engine, &job.job));
        arena_clear(&runner->arena);
    }
}
