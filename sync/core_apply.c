/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "sync/core_state.h"
#include "sync/quarantine.h"

#define REGISTRY_ROWS 64

static bool commitment_fits(struct core *core, const struct header *header, const struct wire_body *body)
{
    if (!header->has_body || body->state != BODY_PRESENT || body->body.size != header->body_size ||
        body->salt.size != LIMIT_SALT_SIZE) {
        return false;
    }
    static const uint8_t label[15] = "simpul/body/v1"; /* its zero byte belongs to it */
    struct span parts[2] = {span_of(label, sizeof label), body->body};
    struct hash commitment;
    core->crypto->hmac(core->crypto->owner, body->salt, parts, 2, &commitment);
    return hash_equal(commitment, header->commitment);
}

static bool registers_fit(const struct header *header, const struct body *body)
{
    if (body->count != header->register_count) {
        return false;
    }
    for (size_t i = 0; i < body->count; i++) {
        if (body->values[i].number != header->registers[i]) {
            return false;
        }
    }
    return true;
}

struct status body_fits(struct core *core, const struct header *header, const struct wire_body *body, struct arena *arena,
                        struct body *out_body, bool *out_fits)
{
    struct body read;
    bool fits = commitment_fits(core, header, body);
    if (fits) {
        struct status status = body_read(body->body, arena, &read);
        if (status.code == STATUS_NO_MEMORY) {
            return status;
        }
        fits = status_is_ok(status) && registers_fit(header, &read);
    }
    if (fits) {
        *out_body = read;
    }
    *out_fits = fits;
    return status_ok();
}

static struct status incoming_body(struct core *core, struct incoming *in)
{
    if (!in->header.has_body) {
        in->body = (struct wire_body){.state = BODY_NONE};
        return status_ok();
    }
    if (in->body.state == BODY_NONE) {
        in->body.state = BODY_LATER;
    }
    if (in->body.state != BODY_PRESENT) {
        return status_ok();
    }
    struct body body;
    /* the record's values point into it */
    TRY(arena_copy(&core->records[core->young], in->body.body, &in->body.body));
    TRY(arena_copy(&core->arena, in->body.salt, &in->body.salt));
    bool fits = false;
    TRY(body_fits(core, &in->header, &in->body, &core->arena, &body, &fits));
    if (!fits) {
        in->body = (struct wire_body){.state = BODY_LATER};
        return status_ok();
    }
    in->values = body.values;
    in->value_count = body.count;
    return status_ok();
}

struct status incoming_read(struct core *core, struct incoming *in, struct stream_id place, uint64_t place_seq)
{
    if (in->leaf.size > LIMIT_HEADER_SIZE || in->body.body.size > LIMIT_BODY_SIZE) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    tree_leaf_hash(core->crypto, in->leaf, &in->hash);
    struct status status = header_scan(in->leaf, &core->arena, &in->header, NULL);
    if (status.code == STATUS_NO_MEMORY || status.code == STATUS_LIMIT) {
        return status;
    }
    in->bad = NULL;
    if (!status_is_ok(status)) {
        in->bad = status.code == STATUS_UNSUPPORTED ? "unsupported" : "format";
    } else if (!header_stands(&in->header, place, place_seq)) {
        in->bad = "position";
    }
    return in->bad ? status_ok() : incoming_body(core, in);
}

struct status quarantine_leaf(struct core *core, const struct incoming *in, const char *why)
{
    return quarantine_leaf_text(core, in, span_text(why));
}

struct status quarantine_leaf_text(struct core *core, const struct incoming *in, struct span why)
{
    struct quarantine_entry entry = {.kind = QUARANTINE_LEAF,
                                     .at_ms = core->now_ms,
                                     .reason = why,
                                     .record = in->header.record,
                                     .stream = in->stream->number,
                                     .seq = in->seq};
    return quarantine_put(core->store, &entry, &core->scratch, NULL);
}

bool writer_is_stopped(const struct core *core, struct node_id node)
{
    for (uint32_t i = 0; i < core->meta.stopped_count; i++) {
        if (node_id_equal(core->meta.stopped[i], node)) {
            return true;
        }
    }
    return false;
}

static struct status writer_stop(struct core *core, const struct incoming *in, struct hash other)
{
    TRY(evidence_add(core, in, other));
    if (!writer_is_stopped(core, in->header.node) && core->meta.stopped_count < LIMIT_STOPPED) {
        core->meta.stopped[core->meta.stopped_count++] = in->header.node;
    }
    return event_add(core, "forked", in->header.record);
}

static bool create_binds(const struct core *core, const struct header *header)
{
    struct record_id id;
    record_id_of(core, header->node, header->nonce, &id);
    return record_id_equal(id, header->record);
}

static void follow_stamp(struct core *core, uint64_t hlc)
{
    if (hlc >> 16 <= core->now_ms + LIMIT_HLC_FOLLOW_MS && hlc > core->meta.hlc) {
        core->meta.hlc = hlc;
    }
}

/* The same leaf again: it may bring a body that was missing. */
static struct status take_body(struct core *core, struct cached *cached, const struct incoming *in)
{
    const struct history_entry *entry =
        record_history_find(&cached->record, header_replica(&in->header), in->header.rseq);
    if (in->body.state != BODY_PRESENT || !entry || (entry->flags & (HISTORY_BODY | HISTORY_ERASED | HISTORY_PARKED))) {
        return status_ok();
    }
    uint32_t number = entry->stream | (entry->flags & HISTORY_RELAYED ? CORE_RELAYED : 0);
    TRY(stream_body_set(core, number, entry->seq, in->body));
    record_dirty(core, cached);
    return record_body(&cached->record, header_dot(&in->header), in->values, in->value_count);
}

static struct status void_note(struct core *core, const struct incoming *in, const char *why)
{
    if (in->fresh) {
        TRY(core_grow(core, &core->voids, core->void_count, &core->void_capacity, sizeof *core->voids));
        core->voids[core->void_count++] = (struct void_leaf){.seq = in->seq, .why = span_text(why)};
    }
    return quarantine_leaf(core, in, why);
}

/* WAITING: 'R' registry size, record -> nothing. */
static struct status wait_registry(struct core *core, struct record_id record, uint64_t size)
{
    uint8_t key[25] = {'R'};
    key_be64(key + 1, size);
    memcpy(key + 9, record.bytes, sizeof record.bytes);
    return store_put_one(core->store, STORE_WAITING, span_of(key, sizeof key), span_of(key, 0));
}

static struct status take_outcome(struct core *core, struct cached *cached, const struct incoming *in,
                                  const struct apply_outcome *outcome)
{
    const struct header *header = &in->header;
    if (outcome->result != APPLY_DUPLICATE) {
        record_dirty(core, cached);
    }
    uint64_t lane = node_id_equal(header->node, core->self) && header->epoch == core->meta.epoch && header->lane < 64
                        ? (uint64_t)1 << header->lane
                        : 0;
    switch (outcome->result) {
    case APPLY_APPLIED:
        cached->due_lanes |= core->meta.lanes & ~lane;
        follow_stamp(core, header->hlc);
        return status_ok();
    case APPLY_VOID:
        return void_note(core, in, outcome->why);
    case APPLY_DUPLICATE:
        return take_body(core, cached, in);
    case APPLY_PARKED:
        return outcome->waits_registry > 0 ? wait_registry(core, header->record, outcome->waits_registry) : status_ok();
    case APPLY_FORKED:
        return writer_stop(core, in, outcome->other);
    case APPLY_OWN_FORK:
        if (in->retried) {
            return status_ok();
        }
        TRY(event_add(core, "own history differs", header->record));
        core->phase = core->is_hub ? PHASE_READY : PHASE_HELLO;
        return evidence_add(core, in, outcome->other);
    }
    return status_ok();
}

static struct change change_of(const struct core *core, const struct incoming *in)
{
    return (struct change){
        .header = &in->header,
        .hash = in->hash,
        .stream = in->stream->number,
        .seq = in->seq,
        .relayed = in->relayed,
        .body = in->body.state,
        .values = in->values,
        .value_count = in->value_count,
        .binds = in->header.kind == KIND_CREATE && create_binds(core, &in->header),
    };
}

struct status apply_change(struct core *core, struct incoming *in, struct apply_outcome *out_outcome)
{
    struct cached *cached;
    struct apply_outcome outcome;
    struct change change = change_of(core, in);
    TRY(record_cached(core, in->header.record, &cached));
    TRY(record_apply(&cached->record, &change, &core->registry, core->self, &outcome));
    TRY(take_outcome(core, cached, in, &outcome));
    *out_outcome = outcome;
    return status_ok();
}

/* A leaf of the history, read again from the store. */
struct status entry_read(struct core *core, const struct history_entry *entry, struct incoming *out_in)
{
    struct incoming in = {.stream = stream_at(core, entry->stream),
                          .seq = entry->seq,
                          .relayed = (entry->flags & HISTORY_RELAYED) != 0,
                          .retried = true};
    struct stored_leaf stored;
    struct header header;
    TRY(stream_leaf(core, entry->stream | (in.relayed ? CORE_RELAYED : 0), entry->seq, &core->scratch, &stored));
    in.leaf = stored.leaf;
    in.body = stored.body;
    TRY(header_scan(in.leaf, &core->scratch, &header, NULL));
    struct stream_id place = {.node = header.node, .epoch = header.epoch, .scope = header.scope};
    TRY(incoming_read(core, &in, place, header.seq));
    *out_in = in;
    return status_ok();
}

static struct status parked_try(struct core *core, struct cached *cached, size_t index, bool *out_progress)
{
    struct incoming in;
    struct apply_outcome outcome;
    TRY(entry_read(core, &cached->record.history[index], &in));
    if (writer_is_stopped(core, in.header.node)) {
        return status_ok();
    }
    size_t parked = cached->record.parked_count;
    TRY(apply_change(core, &in, &outcome));
    /* what contradicts the own history stays parked too: only one less is progress */
    *out_progress = *out_progress || cached->record.parked_count < parked;
    return status_ok();
}

static bool entry_is_gone(struct core *core, const struct history_entry *entry)
{
    return !(entry->flags & HISTORY_RELAYED) && entry->seq >= stream_at(core, entry->stream)->range.size;
}

struct status record_rebuild(struct core *core, struct record_id id)
{
    struct cached *cached;
    TRY(record_cached(core, id, &cached));
    struct record old = cached->record;
    struct record fresh;
    record_init(&fresh, id, old.arena);
    for (size_t i = 0; i < old.history_count; i++) {
        struct incoming in;
        struct apply_outcome outcome;
        if (entry_is_gone(core, &old.history[i])) {
            continue;
        }
        TRY(entry_read(core, &old.history[i], &in));
        struct change change = change_of(core, &in);
        TRY(record_apply(&fresh, &change, &core->registry, core->self, &outcome));
    }
    for (size_t i = 0; i < old.clamp_count; i++) {
        TRY(record_clamp(&fresh, record_dot(&old, old.clamps[i].dot), old.clamps[i].accepted_ms));
    }
    record_dirty(core, cached);
    cached->record = fresh;
    cached->due_lanes |= core->meta.lanes;
    return apply_parked(core, cached);
}

struct status apply_parked(struct core *core, struct cached *cached)
{
    bool progress = cached->record.parked_count > 0;
    while (progress) {
        progress = false;
        size_t from = 0;
        for (;;) {
            size_t index = record_ready(&cached->record, &core->registry, from);
            if (index == SIZE_MAX) {
                break;
            }
            TRY(parked_try(core, cached, index, &progress));
            from = index + 1;
        }
    }
    return status_ok();
}

struct status apply_waiting_registry(struct core *core)
{
    for (;;) {
        uint8_t from[9] = {'R'};
        uint8_t end[9] = {'R'};
        key_be64(end + 1, core->registry.size + 1);
        struct pair rows[REGISTRY_ROWS];
        size_t count;
        TRY(core->store->ops->scan(core->store, STORE_WAITING, span_of(from, 1), span_of(end, sizeof end), false,
                                   REGISTRY_ROWS, SIZE_MAX, &core->scratch, rows, &count));
        for (size_t i = 0; i < count; i++) {
            struct record_id id;
            struct cached *cached;
            memcpy(id.bytes, rows[i].key.data + 9, sizeof id.bytes);
            TRY(record_cached(core, id, &cached));
            TRY(apply_parked(core, cached));
            TRY(store_remove_one(core->store, STORE_WAITING, rows[i].key));
        }
        if (count < REGISTRY_ROWS) {
            return status_ok();
        }
    }
}

static struct status apply_clamp(struct core *core, const struct incoming *in)
{
    const struct target *target = &in->header.targets[0];
    struct cached *cached;
    TRY(record_cached(core, in->header.record, &cached));
    record_dirty(core, cached);
    cached->due_lanes |= core->meta.lanes;
    struct dot dot = {.replica = target->replica, .rseq = target->rseq};
    return record_clamp(&cached->record, dot, target->accepted_ms);
}

bool held_better(const struct cached *cached, const struct incoming *in)
{
    const struct history_entry *entry =
        record_history_find(&cached->record, header_replica(&in->header), in->header.rseq);
    return entry && (entry->flags & HISTORY_PARKED) && (entry->flags & HISTORY_BODY) && in->body.state != BODY_PRESENT &&
           memcmp(entry->hash.bytes, in->hash.bytes, HISTORY_HASH_SIZE) == 0;
}

static struct status apply_standing_change(struct core *core, struct incoming *in)
{
    struct apply_outcome outcome;
    struct cached *cached;
    TRY(record_cached(core, in->header.record, &cached));
    if (writer_is_stopped(core, in->header.node)) {
        return void_note(core, in, "stopped");
    }
    if (held_better(cached, in)) {
        return status_ok();
    }
    TRY(apply_change(core, in, &outcome));
    return cached->record.parked_count > 0 ? apply_parked(core, cached) : status_ok();
}

struct status apply_leaf(struct core *core, struct incoming *in, const struct attachment *attachment)
{
    bool of_hub = node_id_equal(in->stream->id.node, core->hub);
    if (of_hub && scope_is_registry(in->stream->id.scope)) {
        size_t cuts = core->registry.cut_count;
        core->registry_grown = true;
        TRY(registry_leaf(core, in->bad ? NULL : &in->header, &in->body));
        return core->registry.cut_count > cuts ? cut_apply(core, &core->registry.cuts[cuts]) : status_ok();
    }
    if (in->bad) {
        return void_note(core, in, in->bad);
    }
    const struct kind_info *info = kind_info((uint32_t)in->header.kind);
    assert(info);
    switch (info->shape) {
    case SHAPE_CHANGE:
        return apply_standing_change(core, in);
    case SHAPE_POINTER:
        if (!of_hub) {
            return void_note(core, in, "rights");
        }
        return info->kind == KIND_CLAMP ? apply_clamp(core, in) : apply_relay(core, in, attachment);
    case SHAPE_EPOCH:
        return in->seq == 0 ? status_ok() : void_note(core, in, "position");
    default:
        return void_note(core, in, "rights");
    }
}
