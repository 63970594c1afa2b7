/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* A node's pull: leaves are appended only if the checkpoint's signature and the tree over what is held and what has come
 * fit; the cursor is the stream's size, so effect and cursor are one transaction. */

#define WANT_VALUE 48 /* record, node, epoch, lane, rseq */

struct pulling {
    struct core *core;
    const struct pull_part *part;
    struct stream *stream;
    struct note note;
    struct tree_range range;
    struct incoming *leaves;
    size_t skip; /* leaves of the part that are held already */
    struct next next;
    bool stop;   /* next says why nothing more of this answer is taken */
};

static struct status wanted_add(struct core *core, struct arena *arena, struct pull *pull)
{
    uint8_t from[1] = {'W'};
    uint8_t end[1] = {'W' + 1};
    struct pair rows[LIMIT_WANT_COUNT];
    size_t count;
    TRY(core->store->ops->scan(core->store, STORE_WAITING, span_of(from, 1), span_of(end, 1), false, LIMIT_WANT_COUNT,
                               SIZE_MAX, arena, rows, &count));
    struct dot *want = arena_array(arena, count, sizeof *want);
    struct record_id *records = arena_array(arena, count, sizeof *records);
    if (!want || !records) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        struct reader r;
        reader_init(&r, rows[i].value);
        struct span record = reader_bytes(&r, sizeof records[i].bytes);
        struct span node = reader_bytes(&r, sizeof want[i].replica.node.text);
        want[i].replica.epoch = reader_be32(&r);
        want[i].replica.lane = reader_be32(&r);
        want[i].rseq = reader_be64(&r);
        TRY(reader_end(&r));
        memcpy(records[i].bytes, record.data, record.size);
        memcpy(want[i].replica.node.text, node.data, node.size);
    }
    pull->want = want;
    pull->want_records = records;
    pull->want_count = count;
    return status_ok();
}

struct status core_pull(struct core *core, uint32_t wait_ms, struct arena *arena, struct pull *out_pull)
{
    struct pull pull = {.wait_ms = wait_ms, .bytes_max = LIMIT_PUSH_BYTES};
    size_t most = core->set.count < LIMIT_READ_STREAMS ? core->set.count : LIMIT_READ_STREAMS;
    struct stream_state *have = arena_array(arena, most, sizeof *have);
    if (!have || core->is_hub) {
        return STATUS_MAKE(core->is_hub ? STATUS_DENIED : STATUS_NO_MEMORY);
    }
    bool fetch = core->phase == PHASE_FETCH;
    for (uint32_t i = 0; i < core->set.count; i++) {
        const struct stream *stream = core->set.sorted[i];
        if (!stream->own || fetch) {
            if (pull.have_count == LIMIT_READ_STREAMS) {
                return STATUS_MAKE(STATUS_LIMIT); /* one left out would come again from its start, each time */
            }
            struct stream_state *state = &have[pull.have_count++];
            *state = (struct stream_state){.stream = stream->id, .size = stream->range.size};
            tree_range_root(&stream->range, core->crypto, &state->root);
        }
    }
    pull.have = have;
    if (fetch || !core->current) {
        pull.wait_ms = 0;
    }
    if (core->meta.has_lease) {
        TRY(arena_copy(arena, span_of(core->meta.lease, sizeof core->meta.lease), &pull.lease));
    }
    TRY(wanted_add(core, arena, &pull));
    *out_pull = pull;
    return status_ok();
}

static void pulling_stop(struct pulling *p, struct next next)
{
    p->next = next;
    p->stop = true;
}

static bool may_follow(const struct core *core, struct stream_id id)
{
    bool of_hub = node_id_equal(id.node, core->hub);
    if (of_hub && (scope_is_registry(id.scope) || scope_id_equal(id.scope, core->scope))) {
        return true;
    }
    if (node_id_equal(id.node, core->self)) {
        return core->phase == PHASE_FETCH && scope_id_equal(id.scope, core->scope);
    }
    return registry_is_province_of(&core->registry, core->self, id.scope) &&
           (of_hub || node_id_equal(node_of_scope(id.scope), id.node));
}

static struct status part_read(struct pulling *p)
{
    struct core *core = p->core;
    size_t count = p->part->leaf_count - p->skip;
    struct record_id *ids = arena_array(&core->scratch, count, sizeof *ids);
    size_t id_count = 0;
    p->leaves = arena_array(&core->arena, count, sizeof *p->leaves);
    if (!p->leaves || !ids) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        struct incoming *in = &p->leaves[i];
        const struct wire_leaf *wire = &p->part->leaves[p->skip + i];
        *in = (struct incoming){.seq = p->part->first + p->skip + i, .fresh = true, .leaf = wire->leaf, .body = wire->body};
        TRY(incoming_read(core, in, p->part->stream, in->seq));
        TRY(tree_range_append(&p->range, core->crypto, &in->hash));
        if (!in->bad && in->header.has_record) {
            ids[id_count++] = in->header.record;
        }
    }
    return records_prefetch(core, ids, id_count);
}

static struct status part_fits(const struct pulling *p)
{
    struct hash root;
    tree_range_root(&p->range, p->core->crypto, &root);
    return tree_consistency_verify(p->core->crypto, p->range.size, &root, p->note.size, &p->note.root, p->part->consistency,
                                   p->part->consistency_count);
}

static struct status part_append(struct pulling *p)
{
    struct core *core = p->core;
    size_t count = p->part->leaf_count - p->skip;
    if (!p->stream) {
        TRY(stream_make(core, p->part->stream, &p->stream));
    }
    for (size_t i = 0; i < count; i++) {
        struct incoming *in = &p->leaves[i];
        struct stored_leaf leaf = {.leaf = in->leaf, .body = in->body};
        in->stream = p->stream;
        TRY(stream_append(core, p->stream, &leaf, &in->hash));
    }
    for (size_t i = 0; i < count; i++) {
        TRY(apply_leaf(core, &p->leaves[i], p->part->leaves[p->skip + i].attachment));
    }
    if (p->stream->own) {
        p->stream->acked = p->stream->range;
        core->meta.epoch = p->stream->id.epoch > core->meta.epoch ? p->stream->id.epoch : core->meta.epoch;
    }
    TRY(streams_flush(core));
    if (p->note.size >= p->stream->note_size) {
        TRY(stream_note_set(core, p->stream, p->note.size, &p->note.root, p->part->checkpoint));
    }
    return stream_grew(core, p->stream);
}

/* The signed history is not the one that we hold: of our own stream, the hub has another branch; of anybody else's, two
 * histories have been signed. */
static struct status part_forked(struct pulling *p)
{
    struct core *core = p->core;
    if (p->stream && p->stream->own && p->stream->range.size > p->stream->acked.size) {
        TRY(event_add(core, "the hub holds another branch of this node's changes", (struct record_id){{0}}));
        return epoch_archive(core);
    }
    pulling_stop(p, next_stop("a signed history does not continue the one that is held"));
    return event_add(core, "a signed history does not continue the one that is held", (struct record_id){{0}});
}

static struct status take_part(struct pulling *p)
{
    struct core *core = p->core;
    const struct pull_part *part = p->part;
    p->stream = stream_find(core, part->stream);
    p->range = p->stream ? p->stream->range : (struct tree_range){0};
    uint64_t size = p->range.size;
    if (!may_follow(core, part->stream)) {
        return status_ok();
    }
    if (part->first > size) {
        pulling_stop(p, (struct next){.step = NEXT_WAIT, .retry_ms = LIMIT_BUSY_RETRY_MS, .why = "the hub left a gap"});
        return status_ok();
    }
    if (size - part->first >= part->leaf_count) {
        return status_ok();
    }
    p->skip = (size_t)(size - part->first);
    struct status status = checkpoint_check(core, part->checkpoint, part->stream, &core->scratch, &p->note);
    if (status.code == STATUS_NO_MEMORY) {
        return status;
    }
    if (status_is_ok(status) && node_id_equal(part->stream.node, core->self)) {
        status = note_check_cosigned(core, &p->note);
    }
    if (!status_is_ok(status)) {
        pulling_stop(p, next_stop("a checkpoint does not bear the signature of its key"));
        return event_add(core, "a checkpoint does not bear the signature of its key", (struct record_id){{0}});
    }
    status = part_read(p);
    if (status.code == STATUS_LIMIT) {
        pulling_stop(p, next_stop("the hub sent a leaf above the format limits"));
        return status_ok();
    }
    TRY(status);
    return status_is_ok(part_fits(p)) ? part_append(p) : part_forked(p);
}

/* A relay whose attachment was asked for, found by what it waits for. */
static struct status take_wanted(struct core *core, const struct attachment *attachment)
{
    uint8_t from[1] = {'W'};
    uint8_t end[1] = {'W' + 1};
    struct pair rows[LIMIT_WANT_COUNT];
    size_t count;
    struct hash hash;
    tree_leaf_hash(core->crypto, attachment->leaf, &hash);
    TRY(core->store->ops->scan(core->store, STORE_WAITING, span_of(from, 1), span_of(end, 1), false, LIMIT_WANT_COUNT,
                               SIZE_MAX, &core->scratch, rows, &count));
    for (size_t i = 0; i < count; i++) {
        struct reader r;
        reader_init(&r, rows[i].key);
        (void)reader_u8(&r);
        struct incoming in = {.stream = stream_at(core, reader_be32(&r))};
        in.seq = reader_be64(&r);
        struct stored_leaf stored;
        if (!in.stream) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        TRY(stream_leaf(core, in.stream->number, in.seq, &core->scratch, &stored));
        in.leaf = stored.leaf;
        TRY(incoming_read(core, &in, in.stream->id, in.seq));
        if (!in.bad && hash_equal(in.header.targets[0].hash, hash)) {
            return apply_relay(core, &in, attachment);
        }
    }
    return status_ok();
}

/* What the hub holds of our own streams, beside what we hold. */
static bool own_is_behind(struct core *core, const struct pull_answer *answer)
{
    for (size_t i = 0; i < answer->own_count; i++) {
        const struct stream *stream = stream_find(core, answer->own[i].stream);
        if (answer->own[i].size > (stream ? stream->range.size : 0)) {
            return true;
        }
    }
    return false;
}

static struct status after_parts(struct core *core, const struct pull_answer *answer, struct next *out_next)
{
    bool behind = own_is_behind(core, answer);
    *out_next = (struct next){.step = NEXT_GO_ON, .why = "", .more = answer->more};
    if (core->phase == PHASE_FETCH) {
        if (behind) {
            out_next->more = true;
            return status_ok();
        }
        if (core->meta.rewriting) {
            return epoch_rewrite(core, 0, out_next);
        }
        core->phase = PHASE_READY;
        out_next->more = true;
        return status_ok();
    }
    if (behind) {
        *out_next = next_hello(core, "the hub holds changes of this node that this store lacks");
    } else if (core->phase == PHASE_HELLO) {
        *out_next = (struct next){.step = NEXT_HELLO, .why = "own history is to be compared", .more = answer->more};
    }
    return status_ok();
}

struct status core_pull_answered(struct core *core, const struct pull_answer *answer, struct next *out_next)
{
    bool was_ready = core->phase == PHASE_READY;
    if (core->is_hub) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    if (answer->verdict == VERDICT_LEASE_TAKEN) {
        *out_next = next_hello(core, "another copy of this node may be running");
        return status_ok();
    }
    if (answer->verdict == VERDICT_SIZE_DIFFERS) {
        *out_next = next_hello(core, "the hub holds less of its own changes than this node");
        return status_ok();
    }
    if (answer->verdict != VERDICT_OK) {
        *out_next = answer->verdict == VERDICT_BUSY
                        ? (struct next){.step = NEXT_WAIT, .retry_ms = LIMIT_BUSY_RETRY_MS, .why = "the hub is busy"}
                        : next_stop(verdict_sentence(answer->verdict));
        return status_ok();
    }
    for (size_t i = 0; i < answer->part_count; i++) {
        struct pulling p = {.core = core, .part = &answer->parts[i]};
        TRY(take_part(&p));
        if (p.stop) {
            *out_next = p.next;
            return status_ok();
        }
        if (core->registry_grown) {
            TRY(apply_waiting_registry(core));
        }
    }
    for (size_t i = 0; i < answer->wanted_count; i++) {
        TRY(take_wanted(core, &answer->wanted[i]));
    }
    if (!answer->more) {
        TRY(digests_compare(core, answer->digests, answer->digest_count));
    }
    if (writer_is_stopped(core, core->hub)) {
        *out_next = next_stop("the hub has signed two histories");
        return status_ok();
    }
    TRY(after_parts(core, answer, out_next));
    core->current = core->current || !answer->more;
    if (was_ready && core->phase == PHASE_HELLO) {
        out_next->step = NEXT_HELLO;
    }
    return status_ok();
}
