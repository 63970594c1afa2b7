/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

#define META_VERSION 1
#define META_KEY "core"
#define LOAD_LEAVES 256

static struct status meta_read(struct span bytes, struct core_meta *out_meta)
{
    struct reader r;
    reader_init(&r, bytes);
    if (reader_u8(&r) != META_VERSION) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct core_meta meta = {.epoch = reader_be32(&r)};
    meta.hlc = reader_be64(&r);
    meta.changed = reader_be64(&r);
    meta.order = reader_be64(&r);
    meta.event = reader_be64(&r);
    meta.lanes = reader_be64(&r);
    meta.has_lease = reader_u8(&r) != 0;
    meta.rewriting = reader_u8(&r) != 0;
    struct span lease = reader_bytes(&r, sizeof meta.lease);
    if (!r.failed) {
        memcpy(meta.lease, lease.data, lease.size);
    }
    meta.stopped_count = reader_be32(&r);
    if (meta.stopped_count > LIMIT_STOPPED) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    for (uint32_t i = 0; i < meta.stopped_count; i++) {
        struct span node = reader_bytes(&r, sizeof meta.stopped[i].text);
        if (!r.failed) {
            memcpy(meta.stopped[i].text, node.data, node.size);
        }
    }
    TRY(reader_end(&r));
    *out_meta = meta;
    return status_ok();
}

struct status core_meta_save(struct core *core)
{
    const struct core_meta *meta = &core->meta;
    if (memcmp(meta, &core->stored, sizeof *meta) == 0) {
        return status_ok();
    }
    struct buffer b;
    buffer_init(&b, &core->scratch);
    buffer_add_u8(&b, META_VERSION);
    buffer_add_be32(&b, meta->epoch);
    buffer_add_be64(&b, meta->hlc);
    buffer_add_be64(&b, meta->changed);
    buffer_add_be64(&b, meta->order);
    buffer_add_be64(&b, meta->event);
    buffer_add_be64(&b, meta->lanes);
    buffer_add_u8(&b, meta->has_lease);
    buffer_add_u8(&b, meta->rewriting);
    buffer_add(&b, meta->lease, sizeof meta->lease);
    buffer_add_be32(&b, meta->stopped_count);
    for (uint32_t i = 0; i < meta->stopped_count; i++) {
        buffer_add(&b, meta->stopped[i].text, sizeof meta->stopped[i].text);
    }
    struct span bytes;
    TRY(buffer_end(&b, &bytes));
    TRY(store_put_one(core->store, STORE_META, span_text(META_KEY), bytes));
    memcpy(&core->stored, meta, sizeof *meta);
    return status_ok();
}

struct status core_meta_load(struct core *core)
{
    struct span bytes;
    core->meta = (struct core_meta){0};
    TRY(store_get_one(core->store, STORE_META, span_text(META_KEY), &core->scratch, &bytes));
    if (bytes.data) {
        TRY(meta_read(bytes, &core->meta));
    }
    memcpy(&core->stored, &core->meta, sizeof core->meta);
    return status_ok();
}

struct status registry_leaf(struct core *core, const struct header *header, const struct wire_body *wire)
{
    struct registry_entry entry = {.kind = KIND_NONE};
    struct body body;
    const struct kind_info *info = header ? kind_info((uint32_t)header->kind) : NULL;
    bool fits = false;
    if (info && info->shape == SHAPE_REGISTRY) {
        TRY(body_fits(core, header, wire, &core->scratch, &body, &fits));
    }
    if (fits) {
        struct registry_entry read;
        struct status status = registry_entry_read(header->kind, body.registry, &core->scratch, &read);
        if (status.code == STATUS_NO_MEMORY) {
            return status;
        }
        if (status_is_ok(status)) {
            entry = read;
            entry.kind = header->kind;
        }
    }
    struct status status = registry_apply(&core->registry, &entry);
    return status.code == STATUS_NO_MEMORY ? status : status_ok();
}

bool header_stands(const struct header *header, struct stream_id id, uint64_t seq)
{
    return header->seq == seq && header->epoch == id.epoch && node_id_equal(header->node, id.node) &&
           scope_id_equal(header->scope, id.scope);
}

/* One registry stream (the hub may have had epochs). */
static struct status registry_stream_load(struct core *core, struct stream *stream, uint64_t from)
{
    for (uint64_t seq = from; seq < stream->range.size;) {
        struct stored_leaf *leaves;
        size_t count;
        TRY(stream_run(core, stream, seq, LOAD_LEAVES, SIZE_MAX, &core->scratch, &leaves, &count));
        for (size_t i = 0; i < count; i++) {
            struct header header;
            struct status status = header_scan(leaves[i].leaf, &core->scratch, &header, NULL);
            if (status.code == STATUS_NO_MEMORY) {
                return status;
            }
            bool stands = status_is_ok(status) && header_stands(&header, stream->id, seq + i);
            TRY(registry_leaf(core, stands ? &header : NULL, &leaves[i].body));
        }
        seq += count;
    }
    return status_ok();
}

bool scope_is_registry(struct scope_id scope)
{
    static const char name[16] = "registry";
    return memcmp(scope.text, name, sizeof name) == 0;
}

struct status core_registry_load(struct core *core)
{
    arena_clear(&core->registry_arena);
    registry_init(&core->registry, &core->registry_arena);
    for (uint32_t i = 0; i < core->set.count; i++) {
        struct stream *stream = core->set.sorted[i];
        if (node_id_equal(stream->id.node, core->hub) && scope_is_registry(stream->id.scope)) {
            TRY(registry_stream_load(core, stream, 0));
        }
    }
    return status_ok();
}

/* Only the last of the hub's registry streams grows, and they come in order. */
struct status core_registry_follow(struct core *core)
{
    uint64_t before = 0;
    struct stream *last = NULL;
    for (uint32_t i = 0; i < core->set.count; i++) {
        struct stream *stream = core->set.sorted[i];
        if (node_id_equal(stream->id.node, core->hub) && scope_is_registry(stream->id.scope)) {
            before += last ? last->range.size : 0;
            last = stream;
        }
    }
    if (!last || core->registry.size < before || core->registry.size > before + last->range.size) {
        return core_registry_load(core);
    }
    return registry_stream_load(core, last, core->registry.size - before);
}

struct status core_load(struct core *core)
{
    core->phase = core->is_hub ? PHASE_READY : PHASE_HELLO;
    core->current = false;
    core->made.count = 0;
    stream_tails_forget(core);
    TRY(core_meta_load(core));
    TRY(streams_load(core));
    return core_registry_load(core);
}
