/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* A registry leaf has cut a stream: accepted leaves above the cut become void, and the records that they touched are built
 * anew (log.md, "forked"). Rare, so it may look at every record where the stream itself is not held. */

#define CUT_PAGE 256

static struct status rebuild_page(struct core *core, struct stream *stream, uint64_t seq, size_t *out_count)
{
    struct stored_leaf *leaves;
    size_t count;
    size_t n = 0;
    TRY(stream_run(core, stream, seq, CUT_PAGE, LIMIT_PUSH_BYTES, &core->scratch, &leaves, &count));
    struct record_id *ids = arena_array(&core->scratch, count, sizeof *ids);
    if (!ids) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        struct header header;
        struct status status = header_scan(leaves[i].leaf, &core->scratch, &header, NULL);
        if (status.code == STATUS_NO_MEMORY) {
            return status;
        }
        if (status_is_ok(status) && header.has_record) {
            ids[n++] = header.record;
        }
    }
    n = record_ids_unique(ids, n);
    TRY(records_prefetch(core, ids, n));
    for (size_t i = 0; i < n; i++) {
        TRY(record_rebuild(core, ids[i]));
    }
    *out_count = count;
    return status_ok();
}

static bool knows_writer(const struct record *record, struct stream_id stream)
{
    for (size_t i = 0; i < record->replica_count; i++) {
        const struct replica *replica = &record->replicas[i].replica;
        if (replica->epoch == stream.epoch && node_id_equal(replica->node, stream.node)) {
            return true;
        }
    }
    return false;
}

/* What relays have brought of a stream that this store does not hold. */
static struct status rebuild_all_of(struct core *core, struct stream_id stream)
{
    struct record_filter filter = {.hidden_too = true};
    struct record_row *rows = arena_array(&core->scratch, CUT_PAGE, sizeof *rows);
    struct record_id after = {{0}};
    size_t count = CUT_PAGE;
    if (!rows) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    while (count == CUT_PAGE) {
        TRY(core->store->ops->records_list(core->store, &filter, after, false, CUT_PAGE, &core->scratch, rows, &count));
        for (size_t i = 0; i < count; i++) {
            struct cached *cached;
            after = rows[i].id;
            TRY(record_cached(core, after, &cached));
            if (knows_writer(&cached->record, stream)) {
                TRY(record_rebuild(core, after));
            }
        }
    }
    return status_ok();
}

/* What came in relays while its writer was stopped is held beside the hub's streams and stands in no record yet. */
static struct status relays_resume(struct core *core, struct node_id node, const struct stream *stream)
{
    for (uint64_t seq = 0; seq < stream->range.size; seq++) {
        struct stored_leaf stored;
        struct header header;
        struct incoming in;
        struct cached *cached;
        struct apply_outcome outcome;
        TRY(stream_leaf(core, stream->number, seq, &core->scratch, &stored));
        struct status status = header_scan(stored.leaf, &core->scratch, &header, NULL);
        bool relays = status_is_ok(status) && header.kind == KIND_RELAY && header.target_count > 0 &&
                      node_id_equal(header.targets[0].replica.node, node);
        struct history_entry entry = {.stream = stream->number, .seq = seq, .flags = HISTORY_RELAYED};
        status = relays ? entry_read(core, &entry, &in) : STATUS_MAKE(STATUS_NOT_FOUND);
        if (status.code == STATUS_NOT_FOUND) {
            continue; /* another kind of leaf, or its attachment is still asked for */
        }
        TRY(status);
        TRY(record_cached(core, in.header.record, &cached));
        TRY(apply_change(core, &in, &outcome));
        TRY(apply_parked(core, cached));
    }
    return status_ok();
}

/* What counts is decided: the writer is applied again, from the first leaf that was passed over. */
static struct status writer_resume(struct core *core, struct node_id node)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < core->meta.stopped_count; i++) {
        if (!node_id_equal(core->meta.stopped[i], node)) {
            core->meta.stopped[kept++] = core->meta.stopped[i];
        }
    }
    core->meta.stopped_count = kept;
    for (uint32_t i = 0; i < core->set.count; i++) {
        struct stream *stream = core->set.streams[i];
        for (uint64_t seq = 0; node_id_equal(stream->id.node, node) && seq < stream->range.size; seq++) {
            struct incoming in = {.stream = stream, .seq = seq};
            struct stored_leaf stored;
            TRY(stream_leaf(core, stream->number, seq, &core->scratch, &stored));
            in.leaf = stored.leaf;
            in.body = stored.body;
            TRY(incoming_read(core, &in, stream->id, seq));
            if (!in.bad && in.header.rseq > 0) {
                TRY(apply_leaf(core, &in, NULL));
            }
        }
        if (!core->is_hub && node_id_equal(stream->id.node, core->hub)) {
            TRY(relays_resume(core, node, stream));
        }
    }
    return status_ok();
}

struct status cut_apply(struct core *core, const struct registry_cut *cut)
{
    struct stream *stream = stream_find(core, cut->stream);
    struct stream_id id = cut->stream;
    TRY(records_flush(core)); /* the list below must know this transaction's records */
    if (stream) {
        size_t count;
        for (uint64_t seq = cut->size; seq < stream->range.size; seq += count) {
            TRY(rebuild_page(core, stream, seq, &count));
        }
    } else {
        TRY(rebuild_all_of(core, id));
    }
    return writer_is_stopped(core, id.node) ? writer_resume(core, id.node) : status_ok();
}
