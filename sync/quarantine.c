/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/quarantine.h"

#include "proto/limits.h"

enum { QUARANTINE_FORMAT = 1 };

static void add_row_prefix(struct buffer *key, uint32_t lane, struct span table, struct span row_key)
{
    buffer_add_u8(key, QUARANTINE_ROW);
    buffer_add_be32(key, lane);
    buffer_add_sized(key, table);
    buffer_add_sized(key, row_key);
}

static struct status entry_key(const struct quarantine_entry *entry, struct arena *arena, struct span *out_key)
{
    struct buffer key;
    buffer_init(&key, arena);
    if (entry->kind == QUARANTINE_ROW) {
        add_row_prefix(&key, entry->lane, entry->table, entry->row_key);
        buffer_add_be32(&key, entry->number);
    } else {
        buffer_add_u8(&key, QUARANTINE_LEAF);
        buffer_add_be32(&key, entry->stream);
        buffer_add_be64(&key, entry->seq);
    }
    return buffer_end(&key, out_key);
}

static struct status entry_value(const struct quarantine_entry *entry, uint64_t at_ms, struct arena *arena,
                                 struct span *out_value)
{
    struct buffer value;
    buffer_init(&value, arena);
    buffer_add_u8(&value, QUARANTINE_FORMAT);
    buffer_add_be64(&value, at_ms);
    buffer_add(&value, entry->record.bytes, sizeof entry->record.bytes);
    buffer_add_sized(&value, entry->reason);
    buffer_add_sized(&value, entry->column);
    return buffer_end(&value, out_value);
}

static struct status entry_read(struct pair pair, struct quarantine_entry *out_entry)
{
    struct quarantine_entry entry = {0};
    struct reader key;
    struct reader value;
    reader_init(&key, pair.key);
    reader_init(&value, pair.value);
    entry.kind = (enum quarantine_kind)reader_u8(&key);
    if (entry.kind == QUARANTINE_ROW) {
        entry.lane = reader_be32(&key);
        entry.table = reader_sized(&key);
        entry.row_key = reader_sized(&key);
        entry.number = reader_be32(&key);
    } else {
        entry.stream = reader_be32(&key);
        entry.seq = reader_be64(&key);
    }
    if (reader_u8(&value) != QUARANTINE_FORMAT) {
        return STATUS_MAKE(STATUS_UNSUPPORTED);
    }
    entry.at_ms = reader_be64(&value);
    struct span record = reader_bytes(&value, sizeof entry.record.bytes);
    entry.reason = reader_sized(&value);
    entry.column = reader_sized(&value);
    TRY(reader_end(&key));
    TRY(reader_end(&value));
    memcpy(entry.record.bytes, record.data, record.size);
    *out_entry = entry;
    return status_ok();
}

struct status quarantine_put(struct store *store, const struct quarantine_entry *entry, struct arena *arena, bool *out_new)
{
    struct pair pair;
    struct pair held = {0};
    struct quarantine_entry before;
    uint64_t at_ms = entry->at_ms;
    TRY(entry_key(entry, arena, &pair.key));
    TRY(store->ops->get(store, STORE_QUARANTINE, &pair.key, 1, arena, &held.value));
    if (held.value.data) {
        held.key = pair.key;
        TRY(entry_read(held, &before));
        if (span_equal(before.reason, entry->reason) && span_equal(before.column, entry->column)) {
            if (out_new) {
                *out_new = false;
            }
            return status_ok(); /* told before: no write, so that an idle node stays idle */
        }
        at_ms = before.at_ms;
    }
    if (out_new) {
        *out_new = true;
    }
    TRY(entry_value(entry, at_ms, arena, &pair.value));
    return store->ops->put(store, STORE_QUARANTINE, &pair, 1);
}

static bool is_kept(struct pair pair, bool captured, const uint32_t *keep, size_t keep_count)
{
    struct quarantine_entry entry;
    uint32_t stays = QUARANTINE_WRITE | (captured ? 0 : QUARANTINE_NOTICE);
    if (!status_is_ok(entry_read(pair, &entry)) || (entry.number & stays)) {
        return true;
    }
    for (size_t i = 0; i < keep_count; i++) {
        if (keep[i] == entry.number) {
            return true;
        }
    }
    return false;
}

struct status quarantine_mend_row(struct store *store, uint32_t lane, struct span table, struct span row_key,
                                  bool captured, const uint32_t *keep, size_t keep_count, struct arena *arena)
{
    struct buffer buffer;
    struct span from;
    struct span end;
    struct pair pairs[LIMIT_REGISTER_COUNT];
    size_t count;
    buffer_init(&buffer, arena);
    add_row_prefix(&buffer, lane, table, row_key);
    TRY(buffer_end(&buffer, &from));
    struct buffer last;
    buffer_init(&last, arena);
    buffer_add_span(&last, from);
    buffer_add_be32(&last, UINT32_MAX);
    TRY(buffer_end(&last, &end));
    TRY(store->ops->scan(store, STORE_QUARANTINE, from, end, false, LIMIT_REGISTER_COUNT, SIZE_MAX, arena, pairs, &count));
    for (size_t i = 0; i < count; i++) {
        if (!is_kept(pairs[i], captured, keep, keep_count)) {
            TRY(store->ops->remove(store, STORE_QUARANTINE, &pairs[i].key, 1));
        }
    }
    return status_ok();
}

struct status quarantine_list(struct store *store, struct span after, size_t limit, struct arena *arena,
                              struct quarantine_entry *out_entries, size_t *out_count, struct span *out_last)
{
    struct buffer buffer;
    struct span from;
    struct pair *pairs = arena_array(arena, limit, sizeof *pairs);
    size_t count;
    if (!pairs) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    buffer_init(&buffer, arena);
    buffer_add_span(&buffer, after);
    if (after.size > 0) {
        buffer_add_u8(&buffer, 0); /* the smallest key above it */
    }
    TRY(buffer_end(&buffer, &from));
    TRY(store->ops->scan(store, STORE_QUARANTINE, from, (struct span){0}, false, limit, SIZE_MAX, arena, pairs, &count));
    for (size_t i = 0; i < count; i++) {
        TRY(entry_read(pairs[i], &out_entries[i]));
    }
    *out_count = count;
    *out_last = count > 0 ? pairs[count - 1].key : after;
    return status_ok();
}
