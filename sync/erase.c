/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* Erasures hide at arrival (conflict/); here their bodies and salts are destroyed after the hold, and `erased` is written.
 * STORE_WAITING: 'E', record -> be64 time at which it is due. */

#define UPKEEP_ROWS 16

static bool erasure_is_open(const struct core *core, const struct record *record, const struct erasure *erasure)
{
    return record_erasure_in_force(record, erasure) && !record_acknowledged(record, erasure, core->self);
}

static void erase_key(uint8_t key[17], struct record_id record)
{
    key[0] = 'E';
    memcpy(key + 1, record.bytes, sizeof record.bytes);
}

struct status erasure_update(struct core *core, struct cached *cached)
{
    const struct record *record = &cached->record;
    bool open = false;
    for (size_t i = 0; i < record->erasure_count && !open; i++) {
        open = erasure_is_open(core, record, &record->erasures[i]);
    }
    if (record->erasure_count > 0 && !open) {
        size_t *indexes;
        size_t count;
        TRY(record_erased_bodies(record, &core->scratch, &indexes, &count));
        open = count > 0;
    }
    if (!open) {
        return status_ok();
    }
    uint8_t key[17];
    uint8_t due[8];
    struct span old;
    erase_key(key, record->id);
    TRY(store_get_one(core->store, STORE_WAITING, span_of(key, sizeof key), &core->scratch, &old));
    if (old.data) {
        return status_ok();
    }
    key_be64(due, core->now_ms + LIMIT_ERASE_HOLD_MS);
    return store_put_one(core->store, STORE_WAITING, span_of(key, sizeof key), span_of(due, sizeof due));
}

static struct status bodies_destroy(struct core *core, struct cached *cached)
{
    struct record *record = &cached->record;
    size_t *indexes;
    size_t count;
    TRY(record_erased_bodies(record, &core->scratch, &indexes, &count));
    for (size_t i = 0; i < count; i++) {
        const struct history_entry *entry = &record->history[indexes[i]];
        uint32_t number = entry->stream | (entry->flags & HISTORY_RELAYED ? CORE_RELAYED : 0);
        struct wire_body gone = {.state = BODY_ERASED};
        TRY(stream_body_set(core, number, entry->seq, gone));
        record_dirty(core, cached);
        record_body_gone(record, indexes[i]);
    }
    return status_ok();
}

static enum role acknowledging_role(const struct core *core)
{
    const enum role roles[3] = {ROLE_AUTOMATIC, ROLE_CLERK, ROLE_ADMIN};
    for (size_t i = 0; i < 3; i++) {
        if (registry_role_allowed(&core->registry, core->registry.size, core->self, roles[i])) {
            return roles[i];
        }
    }
    return ROLE_NONE;
}

/* OK also where this node may not write: then its silence is all there is. BUSY is tried again. */
static struct status acknowledge(struct core *core, struct record *record, size_t index, bool *out_again)
{
    const struct erasure *erasure = &record->erasures[index];
    struct dot dot = record_dot(record, erasure->dot);
    struct draft draft = {.record = record->id,
                          .kind = KIND_ERASED,
                          .role = acknowledging_role(core),
                          .target = {.replica = dot.replica, .rseq = dot.rseq, .hash = erasure->hash}};
    struct written written;
    struct fault fault;
    struct status status = core_write(core, &draft, &written, &fault);
    switch (status.code) {
    case STATUS_DENIED:
    case STATUS_NOT_FOUND:
    case STATUS_UNSUPPORTED:
        return status_ok();
    case STATUS_BUSY:
        *out_again = true;
        return status_ok();
    default:
        return status;
    }
}

static struct status erase_one(struct core *core, struct record_id id)
{
    struct cached *cached;
    bool again = false;
    TRY(record_cached(core, id, &cached));
    TRY(bodies_destroy(core, cached));
    size_t count = cached->record.erasure_count;
    for (size_t i = 0; i < count; i++) {
        if (erasure_is_open(core, &cached->record, &cached->record.erasures[i])) {
            TRY(acknowledge(core, &cached->record, i, &again));
        }
    }
    uint8_t key[17];
    erase_key(key, id);
    return again ? status_ok() : store_remove_one(core->store, STORE_WAITING, span_of(key, sizeof key));
}

struct status core_upkeep(struct core *core, bool *out_more)
{
    uint8_t from[17] = {'E'};
    size_t size = 1;
    size_t done = 0;
    for (;;) {
        uint8_t end[1] = {'E' + 1};
        struct pair rows[UPKEEP_ROWS];
        size_t count;
        TRY(core->store->ops->scan(core->store, STORE_WAITING, span_of(from, size), span_of(end, 1), false, UPKEEP_ROWS,
                                   SIZE_MAX, &core->scratch, rows, &count));
        for (size_t i = 0; i < count; i++) {
            struct record_id id;
            struct reader r;
            reader_init(&r, rows[i].value);
            memcpy(id.bytes, rows[i].key.data + 1, sizeof id.bytes);
            uint64_t due = reader_be64(&r);
            if (due <= core->now_ms) {
                TRY(erase_one(core, id));
                done++;
            } else if (due > core->now_ms + LIMIT_ERASE_HOLD_MS) {
                /* Noted by a clock that was years ahead: the hold begins again, with the clock as it is now. */
                uint8_t again[8];
                key_be64(again, core->now_ms + LIMIT_ERASE_HOLD_MS);
                TRY(store_put_one(core->store, STORE_WAITING, rows[i].key, span_of(again, sizeof again)));
            }
        }
        if (count < UPKEEP_ROWS || done >= UPKEEP_ROWS) {
            *out_more = count == UPKEEP_ROWS;
            return status_ok();
        }
        memcpy(from, rows[count - 1].key.data, sizeof from);
        from[16]++;
        size = sizeof from;
        if (from[16] == 0) {
            *out_more = false; /* the next upkeep goes on from the start */
            return status_ok();
        }
    }
}
