/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* STORE_EVENTS: be64 number -> be64 time, record, sentence. */
struct status event_add(struct core *core, const char *what, struct record_id record)
{
    uint8_t key[8];
    struct buffer b;
    struct span value;
    key_be64(key, ++core->meta.event);
    buffer_init(&b, &core->scratch);
    buffer_add_be64(&b, core->now_ms);
    buffer_add(&b, record.bytes, sizeof record.bytes);
    buffer_add_span(&b, span_text(what));
    TRY(buffer_end(&b, &value));
    return store_put_one(core->store, STORE_EVENTS, span_of(key, sizeof key), value);
}

struct status core_events(struct core *core, uint64_t after, size_t limit, struct arena *arena,
                          struct core_event *out_events, size_t *out_count)
{
    uint8_t from[8];
    struct pair *rows = arena_array(arena, limit, sizeof *rows);
    size_t count;
    if (!rows) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    key_be64(from, after + 1);
    TRY(core->store->ops->scan(core->store, STORE_EVENTS, span_of(from, sizeof from), (struct span){0}, false, limit,
                               SIZE_MAX, arena, rows, &count));
    for (size_t i = 0; i < count; i++) {
        struct reader k;
        struct reader v;
        reader_init(&k, rows[i].key);
        reader_init(&v, rows[i].value);
        struct core_event event = {.number = reader_be64(&k), .at_ms = reader_be64(&v)};
        struct span record = reader_bytes(&v, sizeof event.record.bytes);
        if (k.failed || v.failed) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        memcpy(event.record.bytes, record.data, record.size);
        event.what = reader_bytes(&v, v.bytes.size - v.at);
        out_events[i] = event;
    }
    *out_count = count;
    return status_ok();
}

/* STORE_EVIDENCE: 'F', be64 number -> hash of the leaf that is held, stream, seq, the leaf that contradicts it. */
struct status evidence_add(struct core *core, const struct incoming *in, struct hash other)
{
    uint8_t key[9] = {'F'};
    struct buffer b;
    struct span value;
    key_be64(key + 1, ++core->meta.event);
    buffer_init(&b, &core->scratch);
    buffer_add(&b, other.bytes, sizeof other.bytes);
    buffer_add_be32(&b, in->stream->number);
    buffer_add_be64(&b, in->seq);
    buffer_add_sized(&b, in->leaf);
    TRY(buffer_end(&b, &value));
    return store_put_one(core->store, STORE_EVIDENCE, span_of(key, sizeof key), value);
}
