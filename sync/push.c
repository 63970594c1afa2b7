/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "sync/core_state.h"

/* A node's push. Signing order (log.md): the leaves are in the store, the root is computed again from what the store gives,
 * the note is stored and committed, then it is sent. A note that was signed and never acknowledged is sent again. */

static struct stream *stream_to_push(struct core *core)
{
    for (uint32_t i = 0; i < core->set.count; i++) {
        struct stream *stream = core->set.sorted[i];
        if (stream->own && stream->range.size > stream->acked.size) {
            return stream;
        }
    }
    return NULL;
}

/* Never inside a local transaction: back to the last leaf that begins one. */
static size_t cut_at_group(const struct stored_leaf *leaves, size_t count, bool more)
{
    if (!more) {
        return count;
    }
    for (size_t n = count - 1; n > 0; n--) {
        if (!(leaves[n].flags & LEAF_CONTINUES)) {
            return n;
        }
    }
    return count;
}

static struct status range_append(struct core *core, struct tree_range *range, const struct stored_leaf *leaves, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct hash hash;
        tree_leaf_hash(core->crypto, leaves[i].leaf, &hash);
        TRY(tree_range_append(range, core->crypto, &hash));
    }
    return status_ok();
}

static struct status note_for(struct core *core, struct stream *stream, const struct tree_range *range, struct arena *arena,
                              struct span *out_note)
{
    struct hash root;
    struct hash kept;
    struct span origin;
    struct span note;
    tree_range_root(range, core->crypto, &root);
    tree_range_root(&stream->range, core->crypto, &kept);
    if (range->size == stream->range.size && !hash_equal(root, kept)) {
        return STATUS_MAKE(STATUS_FORKED);
    }
    if (stream->note_size == range->size) {
        return hash_equal(root, stream->note_root) ? stream_note(core, stream, arena, out_note) : STATUS_MAKE(STATUS_FORKED);
    }
    TRY(stream_origin(core, stream->id, arena, &origin));
    TRY(checkpoint_sign(core->crypto, origin, range->size, &root, arena, &note));
    if (range->size > stream->note_size) {
        TRY(stream_note_set(core, stream, range->size, &root, note));
    }
    *out_note = note;
    return status_ok();
}

static void made_add(struct core *core, const struct stream *stream, const struct tree_range *range)
{
    struct made_pushes *made = &core->made;
    assert(made->count < PUSHES_AHEAD && (made->count == 0 || made->stream == stream->number));
    made->stream = stream->number;
    made->ranges[made->count++] = *range;
}

/* What was made up to `size` is over. True if the tree behind a push of exactly this size was kept and has this root. */
static bool made_take(struct core *core, const struct stream *stream, uint64_t size, const struct hash *root,
                      struct tree_range *out_range)
{
    struct made_pushes *made = &core->made;
    bool found = false;
    size_t over = 0;
    if (made->stream != stream->number) {
        return false;
    }
    while (over < made->count && made->ranges[over].size <= size) {
        struct hash held;
        tree_range_root(&made->ranges[over], core->crypto, &held);
        if (made->ranges[over].size == size && hash_equal(held, *root)) {
            *out_range = made->ranges[over];
            found = true;
        }
        over++;
    }
    made->count -= over;
    memmove(made->ranges, made->ranges + over, made->count * sizeof made->ranges[0]);
    return found;
}

/* The batch behind `from`, which this store holds. */
static struct status push_make(struct core *core, struct stream *stream, const struct tree_range *from, struct arena *arena,
                               struct push *out_push)
{
    uint64_t old_size = from->size;
    struct stored_leaf *leaves;
    size_t count;
    TRY(stream_run(core, stream, old_size, LIMIT_BATCH_LEAVES, LIMIT_PUSH_BYTES, arena, &leaves, &count));
    if (stream->note_size > old_size && stream->note_size - old_size <= count) {
        count = (size_t)(stream->note_size - old_size);
    } else {
        count = cut_at_group(leaves, count, old_size + count < stream->range.size);
    }
    struct wire_leaf *wire = arena_array(arena, count, sizeof *wire);
    if (!wire) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        wire[i] = (struct wire_leaf){.leaf = leaves[i].leaf, .body = leaves[i].body};
    }
    struct tree_range range = *from;
    struct push push = {.stream = stream->id, .old_size = old_size, .leaves = wire, .leaf_count = count};
    TRY(range_append(core, &range, leaves, count));
    TRY(note_for(core, stream, &range, arena, &push.checkpoint));
    if (core->meta.has_lease) {
        TRY(arena_copy(arena, span_of(core->meta.lease, sizeof core->meta.lease), &push.lease));
    }
    made_add(core, stream, &range);
    *out_push = push;
    return status_ok();
}

struct status core_push(struct core *core, struct arena *arena, struct push *out_push)
{
    struct stream *stream = core->phase == PHASE_READY && !core->is_hub ? stream_to_push(core) : NULL;
    core->made.count = 0;
    if (core->back.number > 0 && !core->is_hub) {
        return give_back_make(core, arena, out_push);
    }
    if (!stream) {
        *out_push = (struct push){.leaf_count = 0};
        return status_ok();
    }
    return push_make(core, stream, &stream->acked, arena, out_push);
}

struct status core_push_ahead(struct core *core, uint64_t least, struct arena *arena, struct push *out_push)
{
    struct stream *stream = core->phase == PHASE_READY && !core->is_hub ? stream_to_push(core) : NULL;
    const struct made_pushes *made = &core->made;
    if (core->back.number > 0) {
        *out_push = (struct push){.leaf_count = 0}; /* one after the other */
        return status_ok();
    }
    if (!stream || made->count == 0) {
        return core_push(core, arena, out_push);
    }
    struct tree_range from = made->ranges[made->count - 1];
    if (made->stream != stream->number || made->count == PUSHES_AHEAD || stream->range.size - from.size < least ||
        stream->range.size == from.size) {
        *out_push = (struct push){.leaf_count = 0};
        return status_ok();
    }
    return push_make(core, stream, &from, arena, out_push);
}

/* What this store holds up to `size`, as a compact range, from the acknowledged part on. */
static struct status range_to(struct core *core, struct stream *stream, uint64_t size, struct tree_range *out_range)
{
    struct tree_range range = stream->acked;
    while (range.size < size) {
        struct stored_leaf *leaves;
        size_t count;
        uint64_t left = size - range.size;
        size_t most = left < LIMIT_BATCH_LEAVES ? (size_t)left : LIMIT_BATCH_LEAVES;
        TRY(stream_run(core, stream, range.size, most, LIMIT_PUSH_BYTES, &core->scratch, &leaves, &count));
        TRY(range_append(core, &range, leaves, count));
    }
    *out_range = range;
    return status_ok();
}

/* The hub holds `size` leaves of the stream with this root. OK: taken as acknowledged; INVALID: not what we hold. */
struct status stream_acknowledge(struct core *core, struct stream *stream, uint64_t size, const struct hash *root)
{
    struct tree_range range;
    struct hash held;
    if (size < stream->acked.size) {
        TRY(stream_root_at(core, stream, size, &held));
        return hash_equal(held, *root) ? status_ok() : STATUS_MAKE(STATUS_INVALID);
    }
    if (size > stream->range.size) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (!made_take(core, stream, size, root, &range)) {
        TRY(range_to(core, stream, size, &range));
        tree_range_root(&range, core->crypto, &held);
        if (!hash_equal(held, *root)) {
            return STATUS_MAKE(STATUS_INVALID);
        }
    }
    TRY(stream_touch(core, stream));
    stream->acked = range;
    return status_ok();
}

static struct next go_on(bool more)
{
    return (struct next){.step = NEXT_GO_ON, .why = "", .more = more};
}

struct next next_stop(const char *why)
{
    return (struct next){.step = NEXT_STOP, .why = why};
}

struct next next_hello(struct core *core, const char *why)
{
    core->made.count = 0;
    core->phase = PHASE_HELLO;
    return (struct next){.step = NEXT_HELLO, .why = why};
}

/* A checkpoint of an own stream that the hub has cosigned. */
static struct status cosigned_read(struct core *core, struct stream *stream, struct span bytes, struct note *out_note)
{
    struct span origin;
    struct note note;
    TRY(stream_origin(core, stream->id, &core->scratch, &origin));
    TRY(note_parse(bytes, &core->scratch, &note, NULL));
    if (!span_equal(note.origin, origin)) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    TRY(note_check_cosigned(core, &note));
    *out_note = note;
    return status_ok();
}

/* Takes over what the hub says that it holds, if that is part of what we hold and cosigned. */
static struct status take_checkpoint(struct core *core, struct stream *stream, struct span bytes, struct next *out_next)
{
    struct note note;
    struct status status = cosigned_read(core, stream, bytes, &note);
    if (status.code == STATUS_NO_MEMORY) {
        return status;
    }
    if (!status_is_ok(status)) {
        *out_next = next_stop("the hub's answer is not cosigned by its key");
        return status_ok();
    }
    status = stream_acknowledge(core, stream, note.size, &note.root);
    if (status.code == STATUS_INVALID) {
        *out_next = next_hello(core, "the hub holds another history of this node");
        return status_ok();
    }
    TRY(status);
    if (note.size >= stream->note_size) {
        TRY(stream_note_set(core, stream, note.size, &note.root, bytes));
    }
    *out_next = go_on(stream_to_push(core) != NULL);
    return status_ok();
}

static struct status take_voids(struct core *core, struct stream *stream, const struct push_answer *answer)
{
    for (size_t i = 0; i < answer->void_count; i++) {
        struct incoming in = {.stream = stream, .seq = answer->voids[i].seq};
        struct stored_leaf stored;
        if (in.seq >= stream->range.size) {
            continue;
        }
        TRY(stream_leaf(core, stream->number, in.seq, &core->scratch, &stored));
        struct header header;
        if (status_is_ok(header_scan(stored.leaf, &core->scratch, &header, NULL))) {
            in.header.record = header.record;
        }
        TRY(quarantine_leaf_text(core, &in, answer->voids[i].why));
    }
    return status_ok();
}

static struct status take_refusal(struct core *core, struct stream *stream, const struct push_answer *answer,
                                  struct next *out_next)
{
    switch (answer->verdict) {
    case VERDICT_SIZE_DIFFERS:
        if (answer->size > stream->range.size || answer->size < stream->acked.size || answer->size == 0) {
            *out_next = next_hello(core, "the hub has another size of this node's stream");
            return status_ok();
        }
        return take_checkpoint(core, stream, answer->checkpoint, out_next);
    case VERDICT_LEASE_TAKEN:
        *out_next = next_hello(core, "another copy of this node may be running");
        return status_ok();
    case VERDICT_UNKNOWN_EPOCH:
        *out_next = next_hello(core, "the hub does not know this epoch yet");
        return status_ok();
    case VERDICT_BUSY:
        *out_next = (struct next){.step = NEXT_WAIT, .retry_ms = LIMIT_BUSY_RETRY_MS, .why = "the hub is busy"};
        return status_ok();
    default:
        *out_next = next_stop(verdict_sentence(answer->verdict));
        return event_add(core, "the hub refuses this node's push", (struct record_id){{0}});
    }
}

struct status core_push_acknowledged(struct core *core, const struct push *sent, const struct push_answer *answer,
                                     struct next *out_next)
{
    if (!core->is_hub && node_id_equal(sent->stream.node, core->hub)) {
        return give_back_answered(core, answer, out_next);
    }
    struct stream *stream = stream_find(core, sent->stream);
    if (!stream || !stream->own || core->is_hub) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (answer->verdict != VERDICT_OK) {
        core->made.count = 0; /* what was made behind it does not follow any more */
        return take_refusal(core, stream, answer, out_next);
    }
    struct next next;
    TRY(take_checkpoint(core, stream, answer->checkpoint, &next));
    if (next.step == NEXT_GO_ON) {
        TRY(take_voids(core, stream, answer));
    }
    *out_next = next;
    return status_ok();
}

struct status core_push_compared(struct core *core, const struct record_digest *digests, size_t count)
{
    return digests_compare(core, digests, count);
}

struct status core_push_answered(struct core *core, const struct push *sent, const struct push_answer *answer,
                                 struct next *out_next)
{
    struct next next;
    TRY(core_push_acknowledged(core, sent, answer, &next));
    if (answer->verdict == VERDICT_OK && next.step == NEXT_GO_ON) {
        TRY(core_push_compared(core, answer->digests, answer->digest_count));
    }
    *out_next = next;
    return status_ok();
}
