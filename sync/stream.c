/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/stream.h"

#include <assert.h>

#include "sync/core_state.h"

#define ROW_VERSION 1
#define NOTE_BIT 0x80000000u /* in the key's number: the note's row */

/* What a stream was before this transaction, or this mark, changed it. */
struct stream_undo {
    struct stream_undo *next;
    struct stream *stream;
    uint64_t level;
    bool made;
    struct stream before;
};

int stream_id_compare(struct stream_id a, struct stream_id b)
{
    int c = node_id_compare(a.node, b.node);
    if (c != 0) {
        return c;
    }
    if (a.epoch != b.epoch) {
        return a.epoch < b.epoch ? -1 : 1;
    }
    return scope_id_compare(a.scope, b.scope);
}

static uint32_t sorted_place(const struct stream_set *set, struct stream_id id)
{
    uint32_t low = 0;
    uint32_t high = set->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (stream_id_compare(set->sorted[middle]->id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct stream *stream_find(struct core *core, struct stream_id id)
{
    const struct stream_set *set = &core->set;
    uint32_t place = sorted_place(set, id);
    return place < set->count && stream_id_equal(set->sorted[place]->id, id) ? set->sorted[place] : NULL;
}

struct stream *stream_at(struct core *core, uint32_t number)
{
    number &= ~CORE_RELAYED;
    return number > 0 && number <= core->set.count ? core->set.streams[number - 1] : NULL;
}

static void *take(struct core *core, size_t size)
{
    struct memory *memory = &core->options.memory;
    return memory->alloc(memory->owner, size);
}

static void give(struct core *core, void *pointer)
{
    struct memory *memory = &core->options.memory;
    memory->release(memory->owner, pointer);
}

static struct status set_reserve(struct core *core)
{
    struct stream_set *set = &core->set;
    if (set->count < set->capacity) {
        return status_ok();
    }
    uint32_t capacity = set->capacity > 0 ? set->capacity * 2 : 16;
    struct stream **streams = take(core, capacity * sizeof *streams);
    struct stream **sorted = take(core, capacity * sizeof *sorted);
    if (!streams || !sorted) {
        give(core, streams);
        give(core, sorted);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (set->count > 0) {
        memcpy(streams, set->streams, set->count * sizeof *streams);
        memcpy(sorted, set->sorted, set->count * sizeof *sorted);
    }
    give(core, set->streams);
    give(core, set->sorted);
    set->streams = streams;
    set->sorted = sorted;
    set->capacity = capacity;
    return status_ok();
}

static struct status set_add(struct core *core, struct stream_id id, struct stream **out_stream)
{
    struct stream_set *set = &core->set;
    TRY(set_reserve(core));
    struct stream *stream = take(core, sizeof *stream);
    if (!stream) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    memset(stream, 0, sizeof *stream);
    stream->id = id;
    stream->own = node_id_equal(id.node, core->self);
    uint32_t place = sorted_place(set, id);
    memmove(&set->sorted[place + 1], &set->sorted[place], (set->count - place) * sizeof(struct stream *));
    set->sorted[place] = stream;
    set->streams[set->count++] = stream;
    stream->number = set->count;
    *out_stream = stream;
    return status_ok();
}

static void set_drop_last(struct core *core)
{
    struct stream_set *set = &core->set;
    struct stream *stream = set->streams[set->count - 1];
    uint32_t place = sorted_place(set, stream->id);
    memmove(&set->sorted[place], &set->sorted[place + 1], (set->count - place - 1) * sizeof(struct stream *));
    set->count--;
    give(core, stream);
}

void streams_free(struct core *core)
{
    while (core->set.count > 0) {
        set_drop_last(core);
    }
    give(core, core->set.streams);
    give(core, core->set.sorted);
    core->set = (struct stream_set){0};
}

static struct status undo_add(struct core *core, struct stream *stream, bool made)
{
    struct stream_undo *undo = arena_alloc(&core->arena, sizeof *undo);
    if (!undo) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    undo->next = core->set.undo;
    undo->stream = stream;
    undo->level = core->level;
    undo->made = made;
    undo->before = *stream;
    core->set.undo = undo;
    stream->touched = core->level;
    return status_ok();
}

void streams_undo(struct core *core, uint64_t level)
{
    struct stream_set *set = &core->set;
    if (set->undo && set->undo->level >= level) {
        stream_tails_forget(core);
    }
    while (set->undo && set->undo->level >= level) {
        struct stream_undo *undo = set->undo;
        set->undo = undo->next;
        if (undo->made) {
            assert(undo->stream == set->streams[set->count - 1]);
            set_drop_last(core);
        } else {
            *undo->stream = undo->before;
        }
    }
}

struct status stream_touch(struct core *core, struct stream *stream)
{
    if (stream->touched != core->level) {
        TRY(undo_add(core, stream, false));
    }
    stream->dirty = true;
    return status_ok();
}

struct status stream_make(struct core *core, struct stream_id id, struct stream **out_stream)
{
    assert(!stream_find(core, id));
    struct stream *stream;
    TRY(set_add(core, id, &stream));
    struct status status = undo_add(core, stream, true);
    if (!status_is_ok(status)) {
        set_drop_last(core);
        return status;
    }
    stream->dirty = true;
    *out_stream = stream;
    return status_ok();
}

static struct status row_parse(struct span bytes, struct stream *out_row)
{
    struct reader r;
    struct stream row = {.number = 0};
    reader_init(&r, bytes);
    if (reader_u8(&r) != ROW_VERSION) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct span node = reader_bytes(&r, sizeof row.id.node.text);
    struct span scope = reader_bytes(&r, sizeof row.id.scope.text);
    row.id.epoch = reader_be32(&r);
    row.note_size = reader_be64(&r);
    struct span root = reader_bytes(&r, sizeof row.note_root.bytes);
    if (r.failed) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    memcpy(row.id.node.text, node.data, node.size);
    memcpy(row.id.scope.text, scope.data, scope.size);
    memcpy(row.note_root.bytes, root.data, root.size);
    TRY(tree_range_read(&r, &row.range));
    TRY(tree_range_read(&r, &row.acked));
    TRY(reader_end(&r));
    *out_row = row;
    return status_ok();
}

static void row_take(struct stream *stream, const struct stream *row)
{
    stream->note_size = row->note_size;
    stream->note_root = row->note_root;
    stream->range = row->range;
    stream->acked = row->acked;
}

static struct status row_read(struct core *core, struct span bytes)
{
    struct stream row;
    struct stream *stream;
    TRY(row_parse(bytes, &row));
    TRY(set_add(core, row.id, &stream));
    row_take(stream, &row);
    return status_ok();
}

static struct status row_write(const struct stream *stream, struct arena *arena, struct pair *out_pair)
{
    struct buffer b;
    buffer_init(&b, arena);
    buffer_add_u8(&b, ROW_VERSION);
    buffer_add(&b, stream->id.node.text, sizeof stream->id.node.text);
    buffer_add(&b, stream->id.scope.text, sizeof stream->id.scope.text);
    buffer_add_be32(&b, stream->id.epoch);
    buffer_add_be64(&b, stream->note_size);
    buffer_add(&b, stream->note_root.bytes, sizeof stream->note_root.bytes);
    tree_range_write(&stream->range, &b);
    tree_range_write(&stream->acked, &b);
    TRY(buffer_end(&b, &out_pair->value));
    uint8_t *key = arena_alloc(arena, 4);
    if (!key) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    key_be32(key, stream->number);
    out_pair->key = span_of(key, 4);
    return status_ok();
}

#define LOAD_ROWS 64

/* Those that are not in the set yet. */
static struct status rows_load(struct core *core)
{
    for (;;) {
        uint8_t from[4];
        uint8_t end[4];
        key_be32(from, core->set.count + 1);
        key_be32(end, NOTE_BIT);
        struct pair pairs[LOAD_ROWS];
        size_t count;
        arena_clear(&core->scratch);
        TRY(core->store->ops->scan(core->store, STORE_STREAMS, span_of(from, 4), span_of(end, 4), false, LOAD_ROWS,
                                   SIZE_MAX, &core->scratch, pairs, &count));
        for (size_t i = 0; i < count; i++) {
            TRY(row_read(core, pairs[i].value));
        }
        if (count < LOAD_ROWS) {
            return status_ok();
        }
    }
}

struct status streams_load(struct core *core)
{
    streams_free(core);
    return rows_load(core);
}

static uint32_t number_of_key(struct span key)
{
    struct reader r;
    reader_init(&r, key);
    return reader_be32(&r) & ~NOTE_BIT;
}

struct stream *stream_of_key(struct core *core, struct span key)
{
    return key.size == 4 ? stream_at(core, number_of_key(key)) : NULL;
}

static struct status rows_reload(struct core *core, const struct span *keys, size_t count)
{
    struct span *values = arena_array(&core->scratch, count, sizeof *values);
    if (!values) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(core->store->ops->get(core->store, STORE_STREAMS, keys, count, &core->scratch, values));
    for (size_t i = 0; i < count; i++) {
        struct stream row;
        struct stream *stream = stream_of_key(core, keys[i]);
        if (!values[i].data) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        TRY(row_parse(values[i], &row));
        if (!stream_id_equal(row.id, stream->id)) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        row_take(stream, &row);
    }
    return status_ok();
}

struct status streams_reload(struct core *core, const struct span *keys, size_t count)
{
    uint8_t *known = arena_array(&core->scratch, (size_t)core->set.count + 1, 1);
    struct span *rows = arena_array(&core->scratch, core->set.count, sizeof *rows);
    size_t row_count = 0;
    bool more = false;
    if (!known || !rows) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    memset(known, 0, (size_t)core->set.count + 1);
    for (size_t i = 0; i < count; i++) {
        struct stream *stream = stream_of_key(core, keys[i]);
        more |= !stream;
        if (stream && !known[stream->number]) {
            uint8_t *key = arena_alloc(&core->scratch, 4);
            if (!key) {
                return STATUS_MAKE(STATUS_NO_MEMORY);
            }
            key_be32(key, stream->number);
            rows[row_count++] = span_of(key, 4);
            known[stream->number] = 1;
        }
    }
    TRY(row_count > 0 ? rows_reload(core, rows, row_count) : status_ok());
    return more ? rows_load(core) : status_ok();
}

/* Rows of the streams that this transaction changed. */
static struct status rows_flush(struct core *core)
{
    size_t count = 0;
    for (uint32_t i = 0; i < core->set.count; i++) {
        count += core->set.streams[i]->dirty ? 1 : 0;
    }
    struct pair *pairs = arena_array(&core->scratch, count, sizeof *pairs);
    if (!pairs) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t at = 0;
    for (uint32_t i = 0; i < core->set.count; i++) {
        if (core->set.streams[i]->dirty) {
            TRY(row_write(core->set.streams[i], &core->scratch, &pairs[at++]));
        }
    }
    return core->store->ops->put(core->store, STORE_STREAMS, pairs, count);
}

struct status stream_rows_flush(struct core *core)
{
    bool any = false;
    for (uint32_t i = 0; i < core->set.count && !any; i++) {
        any = core->set.streams[i]->dirty;
    }
    if (!any) {
        return status_ok();
    }
    TRY(rows_flush(core));
    for (uint32_t i = 0; i < core->set.count; i++) {
        core->set.streams[i]->dirty = false;
    }
    return status_ok();
}

struct status stream_note(struct core *core, const struct stream *stream, struct arena *arena, struct span *out_note)
{
    if (stream->note_size == 0) {
        *out_note = (struct span){0};
        return status_ok();
    }
    uint8_t key[4];
    key_be32(key, stream->number | NOTE_BIT);
    struct span note;
    TRY(store_get_one(core->store, STORE_STREAMS, span_of(key, 4), arena, &note));
    if (!note.data) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_note = note;
    return status_ok();
}

struct status stream_note_set(struct core *core, struct stream *stream, uint64_t size, const struct hash *root,
                              struct span note)
{
    uint8_t key[4];
    key_be32(key, stream->number | NOTE_BIT);
    TRY(stream_touch(core, stream));
    TRY(store_put_one(core->store, STORE_STREAMS, span_of(key, 4), note));
    stream->note_size = size;
    stream->note_root = *root;
    return status_ok();
}
