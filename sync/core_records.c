/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "sync/core_state.h"

/* The records of a transaction: each is loaded once, changed in memory, and saved once at commit or before a mark. What
 * is decided about a row, written, and compared with the hub's digest are transactions of their own soon after each other,
 * so records stay in memory from one to the next where nobody else writes the store. */

static struct cached **bucket_of(struct core *core, struct record_id id)
{
    size_t h = (size_t)id.bytes[0] << 8 | id.bytes[1]; /* ids are hashes */
    return &core->buckets[h % CACHE_BUCKETS];
}

static struct cached *cached_find(struct core *core, struct record_id id)
{
    struct cached *cached = *bucket_of(core, id);
    while (cached && !record_id_equal(cached->record.id, id)) {
        cached = cached->next;
    }
    return cached;
}

void records_forget(struct core *core)
{
    memset(core->buckets, 0, sizeof core->buckets);
    core->dirty = NULL;
}

static size_t generation_size(const struct core *core, unsigned generation)
{
    return RECORDS_BUDGET - core->records[generation].budget;
}

static void generation_drop(struct core *core, unsigned generation)
{
    for (size_t i = 0; i < CACHE_BUCKETS; i++) {
        struct cached **at = &core->buckets[i];
        while (*at) {
            if ((*at)->generation == generation) {
                *at = (*at)->next;
            } else {
                at = &(*at)->next;
            }
        }
    }
    arena_clear(&core->records[generation]);
}

void records_begin(struct core *core)
{
    assert(!core->dirty);
    unsigned old = 1 - core->young;
    if (core->store->ops->moved || !core->loaded) {
        records_forget(core);
        arena_clear(&core->records[0]);
        arena_clear(&core->records[1]);
    } else if (generation_size(core, core->young) > LIMIT_RECORD_CACHE || generation_size(core, old) > 2 * LIMIT_RECORD_CACHE) {
        generation_drop(core, old);
        core->young = old;
    }
}

void record_dirty(struct core *core, struct cached *cached)
{
    if (!cached->dirty) {
        cached->dirty = true;
        cached->next_dirty = core->dirty;
        core->dirty = cached;
    }
}

static struct status cached_add(struct core *core, const struct record_row *row, struct cached **out_cached)
{
    struct arena *arena = &core->records[core->young];
    struct cached *cached = arena_alloc(arena, sizeof *cached);
    if (!cached) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (row->bytes.data) {
        TRY(record_decode(row->id, row->bytes, arena, &cached->record));
        cached->exists = true;
        cached->owner_saved = cached->record.created ? record_owner(&cached->record) : (struct scope_id){{0}};
        cached->had_items = inbox_possible(&cached->record);
        cached->was_parked = cached->record.parked_count > 0;
        cached->history_saved = cached->record.history_count;
    } else {
        record_init(&cached->record, row->id, arena);
    }
    cached->generation = core->young;
    struct cached **bucket = bucket_of(core, row->id);
    cached->next = *bucket;
    *bucket = cached;
    *out_cached = cached;
    return status_ok();
}

static void ids_sort(struct record_id *ids, size_t count)
{
    /* Shell sort: no recursion, fast enough for a batch. */
    for (size_t gap = count / 2; gap > 0; gap /= 2) {
        for (size_t i = gap; i < count; i++) {
            struct record_id id = ids[i];
            size_t at = i;
            while (at >= gap && memcmp(ids[at - gap].bytes, id.bytes, sizeof id.bytes) > 0) {
                ids[at] = ids[at - gap];
                at -= gap;
            }
            ids[at] = id;
        }
    }
}

size_t record_ids_unique(struct record_id *ids, size_t count)
{
    size_t unique = 0;
    ids_sort(ids, count);
    for (size_t i = 0; i < count; i++) {
        if (unique == 0 || !record_id_equal(ids[unique - 1], ids[i])) {
            ids[unique++] = ids[i];
        }
    }
    return unique;
}

struct status records_prefetch(struct core *core, const struct record_id *ids, size_t count)
{
    struct record_id *missing = arena_array(&core->scratch, count, sizeof *missing);
    if (!missing) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!cached_find(core, ids[i])) {
            missing[n++] = ids[i];
        }
    }
    size_t unique = record_ids_unique(missing, n);
    struct record_row *rows = arena_array(&core->scratch, unique, sizeof *rows);
    if (!rows) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (unique > 0) {
        TRY(core->store->ops->records_load(core->store, missing, unique, &core->records[core->young], rows));
    }
    for (size_t i = 0; i < unique; i++) {
        struct cached *cached;
        rows[i].id = missing[i];
        TRY(cached_add(core, &rows[i], &cached));
    }
    return status_ok();
}

struct status record_cached(struct core *core, struct record_id id, struct cached **out_cached)
{
    struct cached *cached = cached_find(core, id);
    if (!cached) {
        TRY(records_prefetch(core, &id, 1));
        cached = cached_find(core, id);
    }
    *out_cached = cached;
    return status_ok();
}

struct status core_record(struct core *core, struct record_id id, const struct record **out_record)
{
    struct cached *cached;
    TRY(record_cached(core, id, &cached));
    if (cached->record.history_count == 0) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    *out_record = &cached->record;
    return status_ok();
}

bool record_has_own_parked(const struct core *core, const struct record *record)
{
    for (size_t i = 0; record->parked_count > 0 && i < record->history_count; i++) {
        const struct history_entry *entry = &record->history[i];
        if ((entry->flags & (HISTORY_PARKED | HISTORY_FORKED)) &&
            node_id_equal(record->replicas[entry->replica].replica.node, core->self)) {
            return true;
        }
    }
    return false;
}

/* Memory that ran out is no reason to store another column. */
static struct status received_ms(const struct record *record, struct arena *arena, int64_t *out_ms)
{
    struct shown shown;
    struct value value;
    TRY(record_show(record, (struct part_id){{0}}, REG_TIME_RECEIVED, arena, &shown));
    if (shown.present && shown.readable) {
        struct status status = value_read_register(REG_TIME_RECEIVED, shown.value, arena, &value);
        if (status_is_ok(status)) {
            *out_ms = value.time.ms;
        }
        if (status_is_ok(status) || status.code == STATUS_NO_MEMORY) {
            return status;
        }
    }
    const struct record_register *reg = record_register_find(record, (struct part_id){{0}}, REG_STATUS);
    *out_ms = reg && reg->sibling_count > 0 ? (int64_t)record_effective_ms(record, &reg->siblings[0]) : 0;
    return status_ok();
}

static struct status is_duplicate_of_another(const struct record *record, struct arena *arena, bool *out_duplicate)
{
    struct shown shown;
    TRY(record_show(record, (struct part_id){{0}}, REG_SAME_AS, arena, &shown));
    *out_duplicate = shown.present && shown.value.size > 0;
    return status_ok();
}

static struct status row_make(struct core *core, struct cached *cached, struct record_row *out_row)
{
    struct record *record = &cached->record;
    struct arena *arena = &core->scratch;
    uint32_t persons = 0;
    TRY(inbox_update(core, cached, &persons));
    record->changed = ++core->meta.changed;
    struct record_row row = {.id = record->id, .conflicts = persons, .changed = record->changed};
    TRY(record_encode(record, arena, &row.bytes));
    if (record->created) {
        row.owner = record_owner(record);
        row.status = record_status(record);
        bool duplicate = false;
        TRY(received_ms(record, arena, &row.received_ms));
        TRY(is_duplicate_of_another(record, arena, &duplicate));
        row.visible = !record_is_withdrawn(record) && !duplicate;
    }
    *out_row = row;
    return status_ok();
}

/* WAITING: 'P' record -> be64 since, be64 registry, dot waited for. */
static struct status parked_update(struct core *core, struct cached *cached)
{
    struct record *record = &cached->record;
    bool parked = record->parked_count > 0;
    if (parked == cached->was_parked) {
        return status_ok();
    }
    uint8_t key[17] = {'P'};
    memcpy(key + 1, record->id.bytes, sizeof record->id.bytes);
    cached->was_parked = parked;
    if (!parked) {
        return store_remove_one(core->store, STORE_WAITING, span_of(key, sizeof key));
    }
    uint8_t since[8];
    key_be64(since, core->now_ms);
    return store_put_one(core->store, STORE_WAITING, span_of(key, sizeof key), span_of(since, sizeof since));
}

static struct status cached_flush(struct core *core, struct cached *cached)
{
    TRY(refs_update(core, cached)); /* first: it asks whether something had been parked */
    TRY(parked_update(core, cached));
    TRY(due_update(core, cached));
    TRY(erasure_update(core, cached));
    if (core->is_hub) {
        TRY(owe_record(core, cached));
    }
    cached->history_saved = cached->record.history_count;
    cached->owner_saved = cached->record.created ? record_owner(&cached->record) : (struct scope_id){{0}};
    return status_ok();
}

struct status records_flush(struct core *core)
{
    size_t count = 0;
    for (struct cached *c = core->dirty; c; c = c->next_dirty) {
        count++;
    }
    if (count == 0) {
        return status_ok();
    }
    struct record_row *rows = arena_array(&core->scratch, count, sizeof *rows);
    if (!rows) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t at = 0;
    for (struct cached *c = core->dirty; c; c = c->next_dirty) {
        TRY(row_make(core, c, &rows[at++]));
        TRY(cached_flush(core, c));
        c->exists = true;
    }
    assert(at == count);
    TRY(core->store->ops->records_save(core->store, rows, count));
    for (size_t i = 0; i < count; i++) {
        TRY(core_grow(core, &core->saved, core->saved_count, &core->saved_capacity, sizeof *core->saved));
        core->saved[core->saved_count++] = rows[i].id;
    }
    for (struct cached *c = core->dirty; c; c = c->next_dirty) {
        c->dirty = false;
    }
    core->dirty = NULL;
    return status_ok();
}
