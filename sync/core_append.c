/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "sync/core_state.h"

void record_id_of(const struct core *core, struct node_id node, struct span nonce, struct record_id *out_id)
{
    static const uint8_t label[17] = "simpul/record/v1"; /* its zero byte belongs to it */
    static const uint8_t zero = 0;
    struct span parts[4] = {span_of(label, sizeof label), span_of(node.text, node_id_size(node)), span_of(&zero, 1),
                            nonce};
    struct hash hash;
    core_sha256(core, parts, 4, &hash);
    memcpy(out_id->bytes, hash.bytes, sizeof out_id->bytes);
}

void core_record_id(const struct core *core, struct span nonce, struct record_id *out_id)
{
    record_id_of(core, core->self, nonce, out_id);
}

static uint64_t stamp(struct core *core)
{
    uint64_t now = core->now_ms << 16;
    core->meta.hlc = core->meta.hlc >= now ? core->meta.hlc + 1 : now;
    return core->meta.hlc;
}

struct status own_stream(struct core *core, struct scope_id scope, struct stream **out_stream)
{
    struct stream_id id = {.node = core->self, .epoch = core->meta.epoch, .scope = scope};
    struct stream *stream = stream_find(core, id);
    if (!stream) {
        TRY(stream_make(core, id, &stream));
    }
    *out_stream = stream;
    return status_ok();
}

static void commit_body(struct core *core, const uint8_t salt[LIMIT_SALT_SIZE], struct span body, struct header *header)
{
    static const uint8_t label[15] = "simpul/body/v1";
    struct span parts[2] = {span_of(label, sizeof label), body};
    core->crypto->hmac(core->crypto->owner, span_of(salt, LIMIT_SALT_SIZE), parts, 2, &header->commitment);
    header->has_body = true;
    header->body_size = (uint32_t)body.size;
}

struct status append_made(struct core *core, struct stream *stream, struct header *header, struct wire_body body,
                          struct incoming *out_in, struct fault *fault)
{
    header->node = core->self;
    header->epoch = stream->id.epoch;
    header->scope = stream->id.scope;
    header->seq = stream->range.size;
    header->hlc = header->hlc > 0 ? header->hlc : stamp(core);
    header->reg = core->registry.size;
    struct stored_leaf leaf = {.flags = stream->group == core->group ? LEAF_CONTINUES : 0, .body = body};
    TRY(header_write(header, &core->arena, &leaf.leaf, fault));
    struct incoming in = {.stream = stream, .seq = header->seq, .leaf = leaf.leaf, .body = leaf.body};
    TRY(incoming_read(core, &in, stream->id, header->seq));
    assert(!in.bad);
    TRY(stream_append(core, stream, &leaf, &in.hash));
    stream->group = core->group;
    core->group_leaves++;
    core->group_bytes += leaf.leaf.size + leaf.body.body.size;
    TRY(stream_grew(core, stream));
    *out_in = in;
    return status_ok();
}

struct status append_own(struct core *core, struct stream *stream, struct header *header, struct span body,
                         struct incoming *out_in, struct fault *fault)
{
    struct wire_body wire = {.state = BODY_NONE};
    if (body.size > 0) {
        uint8_t *salt = arena_alloc(&core->arena, LIMIT_SALT_SIZE);
        if (!salt) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
        core->crypto->random(core->crypto->owner, salt, LIMIT_SALT_SIZE);
        commit_body(core, salt, body, header);
        wire = (struct wire_body){.state = BODY_PRESENT, .salt = span_of(salt, LIMIT_SALT_SIZE)};
        TRY(arena_copy(&core->arena, body, &wire.body));
    }
    return append_made(core, stream, header, wire, out_in, fault);
}

/* What an epoch after the first says of the one before: how far the hub has it. */
static struct status epoch_body(struct core *core, const struct stream *before, struct span *out_body)
{
    struct hash root;
    tree_range_root(&before->acked, core->crypto, &root);
    struct registry_entry entry = {.kind = KIND_REG_EPOCH,
                                   .node = core->self,
                                   .epoch = before->id.epoch,
                                   .size = before->acked.size,
                                   .key = span_of(root.bytes, sizeof root.bytes)};
    struct body body = {0};
    TRY(registry_entry_write(&entry, &core->scratch, &body.registry));
    return body_write(&body, &core->scratch, out_body);
}

struct status epoch_begin(struct core *core, uint32_t epoch)
{
    assert(epoch > core->meta.epoch);
    struct stream_id last = {.node = core->self, .epoch = core->meta.epoch, .scope = core->scope};
    const struct stream *before = stream_find(core, last);
    core->meta.epoch = epoch;
    if (core->is_hub) {
        return status_ok();
    }
    struct stream *stream;
    struct incoming in;
    struct header header = {.kind = KIND_EPOCH_OPEN};
    struct span body = {0};
    if (before) {
        TRY(epoch_body(core, before, &body));
    }
    TRY(own_stream(core, core->scope, &stream));
    if (stream->range.size > 0) {
        return status_ok();
    }
    return append_own(core, stream, &header, body, &in, NULL);
}

void own_next(const struct record *record, struct replica replica, uint64_t *out_rseq, struct hash *out_prev)
{
    uint32_t index = record_replica_find(record, replica);
    *out_rseq = 1;
    *out_prev = (struct hash){{0}};
    if (index == UINT32_MAX) {
        return;
    }
    *out_rseq = record->replicas[index].rseq + 1;
    *out_prev = record->replicas[index].hash;
    for (size_t i = 0; record->parked_count > 0 && i < record->history_count; i++) {
        const struct history_entry *entry = &record->history[i];
        if (entry->replica == index && !(entry->flags & HISTORY_FORKED) && entry->rseq >= *out_rseq) {
            *out_rseq = entry->rseq + 1;
            *out_prev = entry->hash;
        }
    }
}

struct status core_registry_add(struct core *core, const struct registry_entry *entry)
{
    static const struct scope_id registry_scope = {.text = "registry"};
    if (!core->is_hub) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    if (core->in_doubt) {
        return STATUS_MAKE(STATUS_BUSY); /* give_back.c */
    }
    struct stream *stream;
    struct body body = {0};
    struct span bytes;
    struct incoming in;
    struct header header = {.kind = entry->kind};
    TRY(registry_entry_write(entry, &core->scratch, &body.registry));
    TRY(body_write(&body, &core->scratch, &bytes));
    TRY(own_stream(core, registry_scope, &stream));
    TRY(append_own(core, stream, &header, bytes, &in, NULL));
    TRY(apply_leaf(core, &in, NULL));
    return apply_waiting_registry(core);
}
