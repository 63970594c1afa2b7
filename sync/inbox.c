/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* STORE_INBOX: 'I' (asks for a person) or 'L' (informs), record, be32 register, part -> u8 reason, be32 siblings, be64 since.
 * Kept equal to record_conflicts at each save; records that cannot have items cost one look at their registers. */

#define KEY_SIZE 37
#define ITEMS_MAX 512
#define ROWS_AT_ONCE 32

bool inbox_possible(const struct record *record)
{
    for (size_t i = 0; i < record->register_count; i++) {
        const struct record_register *reg = &record->registers[i];
        bool ombudsman = reg->sibling_count == 1 && reg->siblings[0].role == ROLE_OMBUDSMAN;
        if (reg->sibling_count > 1 || ombudsman || reg->number == REG_PRESENCE) {
            return true; /* a withdrawal clashes with edits of other registers */
        }
    }
    return record->route_count > 0;
}

static void item_key(uint8_t key[KEY_SIZE], bool person, struct record_id record, const struct conflict_item *item)
{
    key[0] = person ? 'I' : 'L';
    memcpy(key + 1, record.bytes, sizeof record.bytes);
    key_be32(key + 17, item->number);
    memcpy(key + 21, item->part.bytes, sizeof item->part.bytes);
}

static struct status item_value(struct core *core, const struct conflict_item *item, struct span *out_value)
{
    struct buffer b;
    buffer_init(&b, &core->scratch);
    buffer_add_u8(&b, (uint8_t)item->reason);
    buffer_add_be32(&b, (uint32_t)item->sibling_count);
    buffer_add_be64(&b, core->now_ms);
    return buffer_end(&b, out_value);
}

/* The row stays as it is, but for its time, when nothing changed. */
static struct status item_put(struct core *core, struct span key, const struct conflict_item *item)
{
    struct span value;
    struct span old;
    TRY(item_value(core, item, &value));
    TRY(store_get_one(core->store, STORE_INBOX, key, &core->scratch, &old));
    if (old.size == value.size && memcmp(old.data, value.data, 5) == 0) {
        return status_ok();
    }
    return store_put_one(core->store, STORE_INBOX, key, value);
}

static bool is_among(struct span key, const uint8_t (*keys)[KEY_SIZE], size_t key_count)
{
    for (size_t i = 0; i < key_count; i++) {
        if (span_equal(key, span_of(keys[i], KEY_SIZE))) {
            return true;
        }
    }
    return false;
}

static struct status rows_remove_others(struct core *core, char kind, struct record_id record, const uint8_t (*keys)[KEY_SIZE],
                                        size_t key_count)
{
    uint8_t from[KEY_SIZE + 1] = {(uint8_t)kind};
    uint8_t end[KEY_SIZE + 1];
    struct pair rows[ROWS_AT_ONCE];
    size_t from_size = 17;
    size_t count = 0;
    memcpy(from + 1, record.bytes, sizeof record.bytes);
    memset(end, 0xff, sizeof end);
    memcpy(end, from, 17);
    do {
        TRY(core->store->ops->scan(core->store, STORE_INBOX, span_of(from, from_size), span_of(end, sizeof end), false,
                                   ROWS_AT_ONCE, SIZE_MAX, &core->scratch, rows, &count));
        for (size_t i = 0; i < count; i++) {
            if (!is_among(rows[i].key, keys, key_count)) {
                TRY(store_remove_one(core->store, STORE_INBOX, rows[i].key));
            }
        }
        if (count == ROWS_AT_ONCE && rows[count - 1].key.size <= KEY_SIZE) {
            from_size = rows[count - 1].key.size + 1; /* behind the last one */
            memset(from, 0, sizeof from);
            memcpy(from, rows[count - 1].key.data, from_size - 1);
        }
    } while (count == ROWS_AT_ONCE);
    return status_ok();
}

/* Conflicts, and late erasures as one item of the whole record. */
static struct status items_of(struct core *core, const struct record *record, struct conflict_item **out_items,
                              size_t *out_count)
{
    struct conflict_item *found;
    size_t count;
    TRY(record_conflicts(record, &core->scratch, &found, &count));
    struct conflict_item *items = arena_array(&core->scratch, count + 1, sizeof *items);
    if (!items) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (count > 0) {
        memcpy(items, found, count * sizeof *items);
    }
    for (size_t i = 0; i < record->erasure_count; i++) {
        if (record_erasure_is_late(record, &record->erasures[i])) {
            items[count++] = (struct conflict_item){.person = true, .reason = CONFLICT_LATE};
            break;
        }
    }
    *out_items = items;
    *out_count = count < ITEMS_MAX ? count : ITEMS_MAX;
    return status_ok();
}

struct status inbox_update(struct core *core, struct cached *cached, uint32_t *out_persons)
{
    const struct record *record = &cached->record;
    bool possible = record->created && inbox_possible(record);
    if (!possible && !cached->had_items) {
        *out_persons = 0;
        return status_ok();
    }
    struct conflict_item *items = NULL;
    size_t count = 0;
    if (possible) {
        TRY(items_of(core, record, &items, &count));
    }
    uint8_t(*keys)[KEY_SIZE] = arena_array(&core->scratch, count, sizeof *keys);
    if (!keys) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    uint32_t persons = 0;
    for (size_t i = 0; i < count; i++) {
        item_key(keys[i], items[i].person, record->id, &items[i]);
        TRY(item_put(core, span_of(keys[i], KEY_SIZE), &items[i]));
        persons += items[i].person ? 1 : 0;
    }
    TRY(rows_remove_others(core, 'I', record->id, (const uint8_t(*)[KEY_SIZE])keys, count));
    TRY(rows_remove_others(core, 'L', record->id, (const uint8_t(*)[KEY_SIZE])keys, count));
    cached->had_items = count > 0;
    *out_persons = persons;
    return status_ok();
}

static struct status item_read(const struct pair *row, struct inbox_item *out_item)
{
    struct reader k;
    struct reader v;
    reader_init(&k, row->key);
    reader_init(&v, row->value);
    struct inbox_item item = {.number = 0};
    (void)reader_u8(&k);
    struct span record = reader_bytes(&k, sizeof item.record.bytes);
    item.number = reader_be32(&k);
    struct span part = reader_bytes(&k, sizeof item.part.bytes);
    item.reason = (enum conflict_reason)reader_u8(&v);
    item.sibling_count = reader_be32(&v);
    item.since_ms = reader_be64(&v);
    TRY(reader_end(&k));
    TRY(reader_end(&v));
    memcpy(item.record.bytes, record.data, record.size);
    memcpy(item.part.bytes, part.data, part.size);
    *out_item = item;
    return status_ok();
}

struct status core_inbox_list(struct core *core, bool persons, struct span after, size_t limit, struct arena *arena,
                              struct inbox_item *out_items, size_t *out_count, struct span *out_last)
{
    uint8_t first[1] = {persons ? 'I' : 'L'};
    uint8_t end[1] = {(uint8_t)(first[0] + 1)};
    struct buffer from;
    struct span from_key;
    buffer_init(&from, arena);
    buffer_add_span(&from, after.size > 0 ? after : span_of(first, 1));
    if (after.size > 0) {
        buffer_add_u8(&from, 0);
    }
    TRY(buffer_end(&from, &from_key));
    struct pair *rows = arena_array(arena, limit, sizeof *rows);
    size_t count;
    if (!rows) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(core->store->ops->scan(core->store, STORE_INBOX, from_key, span_of(end, 1), false, limit, SIZE_MAX, arena, rows,
                               &count));
    for (size_t i = 0; i < count; i++) {
        TRY(item_read(&rows[i], &out_items[i]));
    }
    *out_last = count > 0 ? rows[count - 1].key : after;
    *out_count = count;
    return status_ok();
}
