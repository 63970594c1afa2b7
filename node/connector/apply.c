/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/runner.h"

/* What was decided, carried out in the legacy database. Each transaction is short; what loses a comparison is read and
 * decided again. */

/* ---- shadows ---- */

/* Where a shadow goes that no longer belongs to its key: found by record and identity, never by a row. */
struct status shadow_gone_key(struct runner *runner, struct span row_key, struct record_id id, struct span *out_key)
{
    struct buffer key;
    char record[33];
    buffer_init(&key, &runner->arena);
    record_id_text(id, record);
    buffer_add_span(&key, row_key);
    buffer_add(&key, "#gone-", 6);
    buffer_add(&key, record, 32);
    return buffer_end(&key, out_key);
}

/* Stores decision->shadow under the work's key, compare-and-set. */
struct status shadow_put(struct runner *runner, struct work *work, bool *out_stored)
{
    struct legacy_shadow stored;
    TRY(work_shadow(runner, work, work->decision.shadow, &runner->arena, &stored));
    return runner->driver->ops->shadows_store(runner->driver, &stored, 1, out_stored);
}

static struct status work_store(struct runner *runner, struct work *work, bool *out_stored)
{
    const struct driver_ops *ops = runner->driver->ops;
    struct span gone;
    *out_stored = true;
    switch (work->decision.action) {
    case CAPTURE_FORGET:
        return ops->shadow_remove(runner->driver, work->table, work->key, work->shadow_version);
    case CAPTURE_REPLACED:
        TRY(shadow_gone_key(runner, work->key, work->shadow.record, &gone));
        return ops->shadow_move(runner->driver, work->table, work->key, work->shadow_version, gone);
    case CAPTURE_SHADOW:
    case CAPTURE_LEAVES:
        if (work->match == MATCH_VANISHED && !work->has_shadow) {
            TRY(ops->shadow_move(runner->driver, work->table, work->vanished_at.key, work->vanished_at.version,
                                 work->key));
        }
        runner->vanished |= shadow_state_is_gone(work->decision.shadow->state);
        return shadow_put(runner, work, out_stored);
    default:
        return status_ok();
    }
}

static bool stores_first(const struct work *work)
{
    enum capture_action action = work->decision.action;
    return work->end == WORK_OPEN && !work->needs_lookup &&
           (action == CAPTURE_SHADOW || action == CAPTURE_FORGET || action == CAPTURE_REPLACED ||
            action == CAPTURE_LEAVES);
}

/* Numbers have to differ within a record only, so one random number serves a batch. */
static struct status work_claim(struct runner *runner, struct work *work, uint8_t number[16])
{
    const struct capture_source source = runner_source(runner, NULL);
    for (size_t i = 0; i < 16 && ++number[i] == 0; i++) {
    }
    return capture_claim(&source, &work->decision, number, &runner->arena);
}

/* Rows that take over a vanished row's shadow have their claim in it. */
static bool claims_in_batch(const struct work *work)
{
    return stores_first(work) && work->decision.action == CAPTURE_LEAVES && work->match != MATCH_VANISHED;
}

struct status works_claim(struct runner *runner, struct work *works, size_t count, struct work **out_which,
                          size_t *out_count)
{
    uint8_t number[16];
    runner->options.crypto->random(runner->options.crypto->owner, number, sizeof number);
    *out_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (stores_first(&works[i]) && works[i].decision.action == CAPTURE_LEAVES) {
            TRY(work_claim(runner, &works[i], number));
        }
        if (claims_in_batch(&works[i])) {
            out_which[(*out_count)++] = &works[i];
        }
    }
    return status_ok();
}

/* Changes of shadows that are no claims, one by one: they are rare. */
static struct status store_others(struct runner *runner, struct work *works, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct work *work = &works[i];
        if (!stores_first(work) || claims_in_batch(work)) {
            continue;
        }
        bool won;
        TRY(work_store(runner, work, &won));
        work->shadow_version = 0;
        if (!won) {
            work->decision.action = CAPTURE_NOTHING;
            work->rounds++;
        }
    }
    return status_ok();
}

static size_t stores_first_count(const struct work *works, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        n += stores_first(&works[i]) ? 1 : 0;
    }
    return n;
}

/* Claims stand in one mark for the whole batch. The shadow that a lost comparison would replace is read again; STALE means
 * just that. */
struct status works_store_first(struct runner *runner, struct work *works, size_t count)
{
    struct work **which = arena_array(&runner->arena, count, sizeof *which);
    size_t claims = 0;
    size_t all = stores_first_count(works, count);
    if (!which) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(works_claim(runner, works, count, which, &claims));
    if (all > claims) {
        TRY(runner->driver->ops->begin(runner->driver));
        TRY_LEGACY(store_others(runner, works, count));
        TRY_LEGACY(runner->driver->ops->commit(runner->driver));
    }
    return claims > 0 ? claims_put(runner, which, claims) : status_ok();
}

/* A first capture shows all that there is; later ones were asked about. */
bool work_ends_here(const struct work *work)
{
    return work->end == WORK_OPEN && work->written && (!work->has_shadow || work->settled);
}

/* Outbox entries that nobody needs any more once the claims are closed. */
static struct status events_ended(struct runner *runner, const struct work *works, int64_t **out_ids, size_t *out_count)
{
    int64_t *ids = arena_array(&runner->arena, runner->event_count, sizeof *ids);
    size_t count = 0;
    if (!ids) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < runner->event_count; i++) {
        if (runner->events[i].id != 0 && work_ends_here(&works[runner->event_works[i]])) {
            ids[count++] = runner->events[i].id;
        }
    }
    *out_ids = ids;
    *out_count = count;
    return status_ok();
}

/* After their leaves are durable, the shadows close the claims. */
static struct status store_after(struct runner *runner, struct work *works, size_t count)
{
    struct legacy_shadow *shadows = arena_array(&runner->arena, count, sizeof *shadows);
    bool *stored = arena_array(&runner->arena, count, sizeof *stored);
    size_t n = 0;
    if (!shadows || !stored) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        if (works[i].written) {
            shadows[n++] = works[i].stored;
        }
    }
    if (n == 0 && !runner->claims_open) {
        return status_ok();
    }
    int64_t *ids = NULL;
    size_t id_count = 0;
    TRY(events_ended(runner, works, &ids, &id_count));
    TRY(runner->driver->ops->begin(runner->driver));
    TRY_LEGACY(runner->driver->ops->shadows_store(runner->driver, shadows, n, stored));
    TRY_LEGACY(runner->driver->ops->outbox_remove(runner->driver, ids, id_count));
    TRY_LEGACY(claims_close(runner));
    TRY_LEGACY(runner->driver->ops->commit(runner->driver));
    runner->claims_open = false;
    runner->pending_closed = runner->pending_next;
    for (size_t i = 0; i < runner->event_count && id_count > 0; i++) {
        runner->events[i].id = work_ends_here(&works[runner->event_works[i]]) ? 0 : runner->events[i].id;
    }
    return status_ok();
}

/* ---- the rounds ---- */

static enum work_end end_of_wait(enum capture_wait wait)
{
    switch (wait) {
    case WAIT_PERSON:
    case WAIT_GRACE:
    case WAIT_UNREADABLE:
        return WORK_PERSON;
    default:
        return WORK_HELD;
    }
}

/* After a decision was carried out: is the row to be looked at again? */
void work_close(struct work *work)
{
    enum capture_action action = work->decision.action;
    if (work->end != WORK_OPEN || work->needs_lookup) {
        return;
    }
    if (action == CAPTURE_NOTHING) {
        work->end = work->decision.wait == WAIT_ACK ? WORK_HELD : WORK_DONE;
    } else if (action == CAPTURE_WAIT || action == CAPTURE_SETTLE) {
        work->end = end_of_wait(work->decision.wait);
    } else if (action == CAPTURE_LEAVES && work_ends_here(work)) {
        work->end = WORK_DONE;
    }
    if (++work->rounds > RUNNER_ROUNDS_MAX && work->end == WORK_OPEN) {
        work->end = WORK_HELD;
    }
}

/* A work that goes on is read afresh: everything but its place is forgotten. */
static void work_reopen(struct work *work)
{
    struct work again = {
        .table = work->table, .key = work->key, .updated = work->updated, .event = work->event, .rounds = work->rounds};
    if (work->end == WORK_OPEN) {
        *work = again;
    }
}

static bool any_open(const struct work *works, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (works[i].end == WORK_OPEN) {
            return true;
        }
    }
    return false;
}

/* From the first decision on. */
static struct status works_act(struct runner *runner, struct work *works, size_t count)
{
    bool any;
    TRY(works_lookup(runner, works, count, &any));
    if (any) {
        for (size_t i = 0; i < count; i++) {
            if (works[i].end == WORK_OPEN && works[i].match == MATCH_DOUBTFUL && works[i].input.record) {
                work_rederive(runner, &works[i]);
            }
        }
        TRY(works_decide(runner, works, count, NULL));
    }
    TRY(works_part_twins(runner, works, count));
    struct status status = works_store_first(runner, works, count);
    if (status.code == STATUS_STALE && !runner->claims_open) {
        return status_ok(); /* somebody was faster: the next round reads again */
    }
    TRY(status);
    TRY(works_write_leaves(runner, works, count));
    TRY(store_after(runner, works, count));
    for (size_t i = 0; i < count; i++) {
        enum capture_action action = works[i].decision.action;
        if (works[i].end == WORK_OPEN && !works[i].needs_lookup &&
            (action == CAPTURE_WRITE || action == CAPTURE_ROUTED || action == CAPTURE_BLANK)) {
            TRY(work_write(runner, &works[i]));
        }
    }
    return status_ok();
}

static void round_ends(struct work *works, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        work_close(&works[i]);
        work_reopen(&works[i]);
    }
}

struct status works_finish(struct runner *runner, struct work *works, size_t count)
{
    for (unsigned round = 0; round <= RUNNER_ROUNDS_MAX && any_open(works, count); round++) {
        TRY(works_read(runner, works, count));
        TRY(works_decide(runner, works, count, NULL));
        TRY(works_act(runner, works, count));
        round_ends(works, count);
    }
    for (size_t i = 0; i < count; i++) {
        works[i].end = works[i].end == WORK_OPEN ? WORK_HELD : works[i].end;
    }
    return works_tell(runner, works, count);
}

struct status works_finish_decided(struct runner *runner, struct work *works, size_t count)
{
    TRY(works_act(runner, works, count));
    round_ends(works, count);
    return works_finish(runner, works, count);
}

struct status works_finish_written(struct runner *runner, struct work *works, size_t count)
{
    TRY(store_after(runner, works, count));
    round_ends(works, count);
    return works_finish(runner, works, count);
}
