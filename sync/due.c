/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* Records that a connector has to look at. STORE_DUE: lane, 'R', record -> be64 order; lane, 'O', be64 order, record ->
 * nothing, which lists them oldest first. A record that changes again moves to the end. */

#define KEY_RECORD 18
#define KEY_ORDER 26
#define OPEN_PAGE 256

static void record_key(uint8_t key[KEY_RECORD], uint32_t lane, struct record_id record)
{
    key[0] = (uint8_t)lane;
    key[1] = 'R';
    memcpy(key + 2, record.bytes, sizeof record.bytes);
}

static void order_key(uint8_t key[KEY_ORDER], uint32_t lane, uint64_t order, struct record_id record)
{
    key[0] = (uint8_t)lane;
    key[1] = 'O';
    key_be64(key + 2, order);
    memcpy(key + 10, record.bytes, sizeof record.bytes);
}

static struct status due_order(struct core *core, uint32_t lane, struct record_id record, uint64_t *out_order)
{
    uint8_t key[KEY_RECORD];
    struct span value;
    struct reader r;
    record_key(key, lane, record);
    TRY(store_get_one(core->store, STORE_DUE, span_of(key, sizeof key), &core->scratch, &value));
    reader_init(&r, value);
    *out_order = value.data ? reader_be64(&r) : 0;
    return status_ok();
}

static struct status due_remove(struct core *core, uint32_t lane, struct record_id record, uint64_t order)
{
    uint8_t by_record[KEY_RECORD];
    uint8_t by_order[KEY_ORDER];
    record_key(by_record, lane, record);
    order_key(by_order, lane, order, record);
    struct span keys[2] = {span_of(by_record, sizeof by_record), span_of(by_order, sizeof by_order)};
    return core->store->ops->remove(core->store, STORE_DUE, keys, 2);
}

static struct status due_put(struct core *core, uint32_t lane, struct record_id record)
{
    uint64_t old;
    TRY(due_order(core, lane, record, &old));
    if (old > 0) {
        TRY(due_remove(core, lane, record, old));
    }
    uint64_t order = ++core->meta.order;
    uint8_t by_record[KEY_RECORD];
    uint8_t by_order[KEY_ORDER];
    uint8_t value[8];
    record_key(by_record, lane, record);
    order_key(by_order, lane, order, record);
    key_be64(value, order);
    struct pair rows[2] = {{span_of(by_record, sizeof by_record), span_of(value, sizeof value)},
                           {span_of(by_order, sizeof by_order), span_of(value, 0)}};
    return core->store->ops->put(core->store, STORE_DUE, rows, 2);
}

struct status due_update(struct core *core, struct cached *cached)
{
    for (uint32_t lane = 0; cached->due_lanes >> lane > 0 && lane <= LIMIT_CONNECTOR_LANES; lane++) {
        if (cached->due_lanes >> lane & 1) {
            TRY(due_put(core, lane, cached->record.id));
        }
    }
    cached->due_lanes = 0;
    return status_ok();
}

struct status core_due_after(struct core *core, uint32_t lane, uint64_t after, size_t limit, struct arena *arena,
                             struct due **out_due, size_t *out_count)
{
    TRY(records_flush(core));
    uint8_t from[10] = {(uint8_t)lane, 'O'};
    key_be64(from + 2, after == UINT64_MAX ? after : after + 1);
    uint8_t end[2] = {(uint8_t)lane, 'O' + 1};
    struct pair *rows = arena_array(arena, limit, sizeof *rows);
    struct due *due = arena_array(arena, limit, sizeof *due);
    size_t count;
    if (!rows || !due) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(core->store->ops->scan(core->store, STORE_DUE, span_of(from, sizeof from), span_of(end, sizeof end), false, limit, SIZE_MAX, arena,
                               rows, &count));
    for (size_t i = 0; i < count; i++) {
        struct reader r;
        reader_init(&r, rows[i].key);
        (void)reader_bytes(&r, 2);
        due[i].order = reader_be64(&r);
        struct span record = reader_bytes(&r, sizeof due[i].record.bytes);
        TRY(reader_end(&r));
        memcpy(due[i].record.bytes, record.data, record.size);
    }
    *out_due = due;
    *out_count = count;
    return status_ok();
}

struct status core_due(struct core *core, uint32_t lane, size_t limit, struct arena *arena, struct due **out_due,
                       size_t *out_count)
{
    return core_due_after(core, lane, 0, limit, arena, out_due, out_count);
}

struct status core_due_add(struct core *core, uint32_t lane, struct record_id record)
{
    TRY(records_flush(core));
    return due_put(core, lane, record);
}

struct status core_due_done(struct core *core, uint32_t lane, struct due due)
{
    uint64_t order;
    TRY(records_flush(core));
    TRY(due_order(core, lane, due.record, &order));
    return order == due.order && order > 0 ? due_remove(core, lane, due.record, order) : status_ok();
}

struct status core_lane_open(struct core *core, uint32_t lane)
{
    if (lane == 0 || lane > LIMIT_CONNECTOR_LANES) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    if (core->meta.lanes >> lane & 1) {
        return status_ok();
    }
    TRY(records_flush(core));
    core->meta.lanes |= (uint64_t)1 << lane;
    struct record_filter filter = {.hidden_too = true};
    if (!core->is_hub) {
        filter.owner = core->scope;
    }
    struct record_row *rows = arena_array(&core->scratch, OPEN_PAGE, sizeof *rows);
    if (!rows) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    struct record_id after = {{0}};
    size_t count = OPEN_PAGE;
    while (count == OPEN_PAGE) {
        TRY(core->store->ops->records_list(core->store, &filter, after, false, OPEN_PAGE, &core->scratch, rows, &count));
        for (size_t i = 0; i < count; i++) {
            TRY(due_put(core, lane, rows[i].id));
            after = rows[i].id;
        }
    }
    return status_ok();
}
