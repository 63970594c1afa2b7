/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* What the hub owes to streams (merge.md, "Moving a record"). Queued with the change that causes it and appended by the next
 * transaction. STORE_OWED: scope 16, be64 order -> 'R' or 'C', record, node, be32 epoch, be32 lane, be64 rseq, be64 T.
 *
 * The present owner is owed every leaf that stands in no stream of its scope. When a record moves, that is the whole bundle:
 * erasures first, then in order of arrival, the route last; also leaves of the hub's that stand in its own stream for the
 * scope, since their bodies may have been withheld while the record was elsewhere. A leaf relayed twice is nothing. */

#define OWED_KEY 24

struct owing {
    struct core *core;
    struct record *record;
    struct scope_id scope;
};

static struct status owed_put(struct core *core, struct scope_id scope, char what, struct record_id record, struct dot dot,
                              uint64_t accepted_ms)
{
    uint8_t key[OWED_KEY];
    struct buffer b;
    struct span value;
    memcpy(key, scope.text, sizeof scope.text);
    key_be64(key + 16, ++core->meta.order);
    buffer_init(&b, &core->scratch);
    buffer_add_u8(&b, (uint8_t)what);
    buffer_add(&b, record.bytes, sizeof record.bytes);
    buffer_add(&b, dot.replica.node.text, sizeof dot.replica.node.text);
    buffer_add_be32(&b, dot.replica.epoch);
    buffer_add_be32(&b, dot.replica.lane);
    buffer_add_be64(&b, dot.rseq);
    buffer_add_be64(&b, accepted_ms);
    TRY(buffer_end(&b, &value));
    return store_put_one(core->store, STORE_OWED, span_of(key, sizeof key), value);
}

static const struct stream_id *stream_of(const struct owing *o, const struct history_entry *entry)
{
    return &stream_at(o->core, entry->stream)->id;
}

static struct status owe_entry(const struct owing *o, size_t index)
{
    const struct history_entry *entry = &o->record->history[index];
    struct dot dot = {.replica = o->record->replicas[entry->replica].replica, .rseq = entry->rseq};
    if (entry->flags & HISTORY_FORKED) {
        return status_ok();
    }
    return owed_put(o->core, o->scope, 'R', o->record->id, dot, 0);
}

static bool in_bundle(const struct owing *o, const struct history_entry *entry)
{
    const struct stream_id *stream = stream_of(o, entry);
    return !scope_id_equal(stream->scope, o->scope) ||
           (entry->class != CLASS_PUBLIC && node_id_equal(stream->node, o->core->self));
}

static size_t route_index(const struct record *record)
{
    for (size_t i = record->history_count; i > 0; i--) {
        if (record->history[i - 1].kind == KIND_ROUTE) {
            return i - 1;
        }
    }
    return SIZE_MAX;
}

static struct status owe_bundle(const struct owing *o)
{
    const struct record *record = o->record;
    size_t route = route_index(record);
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < record->history_count; i++) {
            bool erase = record->history[i].kind == KIND_ERASE;
            if (i != route && erase == (pass == 0) && in_bundle(o, &record->history[i])) {
                TRY(owe_entry(o, i));
            }
        }
    }
    for (size_t i = 0; i < record->clamp_count; i++) {
        TRY(owed_put(o->core, o->scope, 'C', record->id, record_dot(record, record->clamps[i].dot),
                     record->clamps[i].accepted_ms));
    }
    return route != SIZE_MAX && in_bundle(o, &record->history[route]) ? owe_entry(o, route) : status_ok();
}

/* To every scope that ever had the record, but the owner's, who gets it anyway. */
static struct status owe_erasure(const struct owing *o, size_t index)
{
    const struct record *record = o->record;
    struct scope_id at = stream_of(o, &record->history[index])->scope;
    for (size_t i = 0; i <= record->route_count; i++) {
        struct owing to = *o;
        to.scope = i == 0 ? record->first_scope : record->routes[i - 1].to;
        bool again = i > 0 && scope_id_equal(to.scope, record->first_scope);
        for (size_t k = 1; k < i && !again; k++) {
            again = scope_id_equal(to.scope, record->routes[k - 1].to);
        }
        if (!again && !scope_id_equal(to.scope, o->scope) && !scope_id_equal(to.scope, at)) {
            TRY(owe_entry(&to, index));
        }
    }
    return status_ok();
}

struct status owe_record(struct core *core, struct cached *cached)
{
    struct record *record = &cached->record;
    if (!record->created) {
        return status_ok();
    }
    struct owing o = {.core = core, .record = record, .scope = record_owner(record)};
    bool born = scope_is_none(cached->owner_saved);
    if (!born && !scope_id_equal(o.scope, cached->owner_saved)) {
        TRY(owe_bundle(&o));
    }
    bool moved = !born && !scope_id_equal(o.scope, cached->owner_saved);
    for (size_t i = born ? 0 : cached->history_saved; i < record->history_count; i++) {
        if (!moved && !scope_id_equal(stream_of(&o, &record->history[i])->scope, o.scope)) {
            TRY(owe_entry(&o, i));
        }
        if (record->history[i].kind == KIND_ERASE) {
            TRY(owe_erasure(&o, i));
        }
    }
    return status_ok();
}

struct status owe_clamp(struct core *core, const struct incoming *in)
{
    struct cached *cached;
    TRY(record_cached(core, in->header.record, &cached));
    struct scope_id owner = cached->record.created ? record_owner(&cached->record) : in->header.scope;
    return owed_put(core, owner, 'C', in->header.record, header_dot(&in->header), core->now_ms);
}

struct owed {
    char what;
    struct record_id record;
    struct dot dot;
    uint64_t accepted_ms;
};

static struct status owed_read(struct span value, struct owed *out_owed)
{
    struct reader r;
    struct owed owed;
    reader_init(&r, value);
    owed.what = (char)reader_u8(&r);
    struct span record = reader_bytes(&r, sizeof owed.record.bytes);
    struct span node = reader_bytes(&r, sizeof owed.dot.replica.node.text);
    owed.dot.replica.epoch = reader_be32(&r);
    owed.dot.replica.lane = reader_be32(&r);
    owed.dot.rseq = reader_be64(&r);
    owed.accepted_ms = reader_be64(&r);
    TRY(reader_end(&r));
    memcpy(owed.record.bytes, record.data, record.size);
    memcpy(owed.dot.replica.node.text, node.data, node.size);
    *out_owed = owed;
    return status_ok();
}

static uint64_t clamp_of(const struct record *record, struct dot dot)
{
    for (size_t i = 0; i < record->clamp_count; i++) {
        if (dot_equal(record_dot(record, record->clamps[i].dot), dot)) {
            return record->clamps[i].accepted_ms;
        }
    }
    return 0;
}

/* Header of the relay or clamp; false where the leaf it speaks of is not (or no longer) in the history. */
static struct status owed_append(struct core *core, struct stream *stream, const struct owed *owed)
{
    struct cached *cached;
    struct stored_leaf stored;
    struct incoming in;
    TRY(record_cached(core, owed->record, &cached));
    const struct history_entry *entry = record_history_find(&cached->record, owed->dot.replica, owed->dot.rseq);
    if (!entry) {
        return status_ok();
    }
    struct target target = {.replica = owed->dot.replica, .rseq = owed->dot.rseq};
    TRY(stream_leaf(core, entry->stream, entry->seq, &core->scratch, &stored));
    tree_leaf_hash(core->crypto, stored.leaf, &target.hash);
    if (owed->what == 'R') {
        target.scope = stream_at(core, entry->stream)->id.scope;
        target.accepted_ms = clamp_of(&cached->record, owed->dot);
    } else {
        target.accepted_ms = owed->accepted_ms;
    }
    struct header header = {.has_record = true,
                            .record = owed->record,
                            .kind = owed->what == 'R' ? KIND_RELAY : KIND_CLAMP,
                            .targets = &target,
                            .target_count = 1};
    TRY(append_own(core, stream, &header, (struct span){0}, &in, NULL));
    TRY(apply_leaf(core, &in, NULL));
    /* a clamp that was owed before the record moved holds at its new owner too */
    struct scope_id owner = cached->record.created ? record_owner(&cached->record) : stream->id.scope;
    if (owed->what == 'C' && !scope_id_equal(owner, stream->id.scope)) {
        return owed_put(core, owner, 'C', owed->record, owed->dot, owed->accepted_ms);
    }
    return status_ok();
}

static struct status owed_page(struct core *core, const struct pair *rows, size_t count, size_t *out_done)
{
    struct scope_id scope;
    struct stream *stream;
    struct span *keys = arena_array(&core->scratch, count, sizeof *keys);
    struct owed *owed = arena_array(&core->scratch, count, sizeof *owed);
    struct record_id *ids = arena_array(&core->scratch, count, sizeof *ids);
    size_t n = 0;
    if (!keys || !owed || !ids) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    memcpy(scope.text, rows[0].key.data, sizeof scope.text);
    while (n < count && memcmp(rows[n].key.data, scope.text, sizeof scope.text) == 0) {
        TRY(owed_read(rows[n].value, &owed[n]));
        ids[n] = owed[n].record;
        keys[n] = rows[n].key;
        n++;
    }
    TRY(records_prefetch(core, ids, n));
    TRY(own_stream(core, scope, &stream));
    for (size_t i = 0; i < n; i++) {
        TRY(owed_append(core, stream, &owed[i]));
    }
    TRY(streams_flush(core));
    *out_done = n;
    return core->store->ops->remove(core->store, STORE_OWED, keys, n);
}

#define OWED_FEW 16

/* One scope at a time: the lock order has one stream head (architecture.md). */
struct status core_owed(struct core *core, bool *out_more)
{
    if (!core->is_hub) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    struct pair few[OWED_FEW];
    struct pair *rows = few;
    size_t count;
    size_t done = 0;
    if (core->in_doubt) {
        *out_more = false; /* give_back.c */
        return status_ok();
    }
    TRY(core->store->ops->scan(core->store, STORE_OWED, (struct span){0}, (struct span){0}, false, OWED_FEW, SIZE_MAX,
                               &core->scratch, few, &count));
    if (count == OWED_FEW) { /* room for a whole batch only where there is one */
        rows = arena_array(&core->scratch, LIMIT_RELAY_BATCH, sizeof *rows);
        if (!rows) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
        TRY(core->store->ops->scan(core->store, STORE_OWED, (struct span){0}, (struct span){0}, false, LIMIT_RELAY_BATCH,
                                   SIZE_MAX, &core->scratch, rows, &count));
    }
    if (count > 0) {
        TRY(owed_page(core, rows, count, &done));
    }
    *out_more = count == LIMIT_RELAY_BATCH || done < count;
    return status_ok();
}
