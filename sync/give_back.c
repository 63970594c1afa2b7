/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* A hub that was put back from a copy lacks leaves of its own that its readers hold, signed by itself (log.md, "The hub
 * compares and sets"). Every hello of a reader says how much it holds of the hub's streams; what the hub lacks it gives back in
 * pushes that name the hub's stream, under the hub's own checkpoint. From the first of them on (or from the start, where the
 * generation file tells of a copy) the hub is in doubt: it writes nothing of its own until it has heard every active node.
 *
 * A relay that comes back may name a leaf of the hub's that nobody who reads its stream holds: others have seen that dot, so
 * its number must not be written again, and it cannot be put back. Then the doubt stays (log.md: a new epoch of the hub, by
 * ceremony); regencies go on sending meanwhile.
 *
 * STORE_META: STORE_META_DOUBT as long as the doubt lasts; "heard/" node: it was not ahead at its last hello; "lost/" record,
 * be32 lane, be64 rseq: named by a relay that came back. */

#define HEARD_SIZE 6
#define LOST_SIZE 5
#define LOST_KEY (LOST_SIZE + 16 + 12)
#define LOST_PAGE 64

static struct span heard_key(uint8_t key[HEARD_SIZE + sizeof(struct node_id)], struct node_id node)
{
    memcpy(key, "heard/", HEARD_SIZE);
    memcpy(key + HEARD_SIZE, node.text, sizeof node.text);
    return span_of(key, HEARD_SIZE + sizeof node.text);
}

/* ---- the hub ---- */

static struct status doubt_begin(struct core *core)
{
    if (core->in_doubt) {
        return status_ok();
    }
    core->in_doubt = true;
    TRY(store_put_one(core->store, STORE_META, span_text(STORE_META_DOUBT), (struct span){0}));
    return event_add(core, "the hub is an older copy of itself: its readers give back what it lacks", (struct record_id){{0}});
}

static bool is_reader(const struct core *core, const struct registry_node *node)
{
    return node->active && !node_id_equal(node->id, core->self);
}

struct status core_doubt(struct core *core, struct arena *arena, struct node_id **out_missing, size_t *out_count)
{
    const struct registry *registry = &core->registry;
    struct node_id *missing = arena_array(arena, registry->node_count, sizeof *missing);
    size_t count = 0;
    if (!missing) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < registry->node_count && core->in_doubt && core->is_hub; i++) {
        uint8_t key[HEARD_SIZE + sizeof(struct node_id)];
        struct span heard;
        if (is_reader(core, &registry->nodes[i])) {
            TRY(store_get_one(core->store, STORE_META, heard_key(key, registry->nodes[i].id), &core->scratch, &heard));
            if (!heard.data) {
                missing[count++] = registry->nodes[i].id;
            }
        }
    }
    *out_missing = missing;
    *out_count = count;
    return status_ok();
}

static struct status lost_note(struct core *core, const struct incoming *in)
{
    const struct target *target = in->header.kind == KIND_RELAY && in->header.target_count > 0 ? &in->header.targets[0] : NULL;
    struct cached *cached;
    if (in->bad || !target || !node_id_equal(target->replica.node, core->self)) {
        return status_ok();
    }
    TRY(record_cached(core, in->header.record, &cached));
    if (record_history_find(&cached->record, target->replica, target->rseq)) {
        return status_ok();
    }
    uint8_t key[LOST_KEY] = {'l', 'o', 's', 't', '/'};
    memcpy(key + LOST_SIZE, in->header.record.bytes, 16);
    key_be32(key + LOST_SIZE + 16, target->replica.lane);
    key_be64(key + LOST_SIZE + 20, target->rseq);
    uint8_t epoch[4];
    key_be32(epoch, target->replica.epoch);
    return store_put_one(core->store, STORE_META, span_of(key, sizeof key), span_of(epoch, sizeof epoch));
}

static struct status lost_is_back(struct core *core, const struct pair *row, bool *out_back)
{
    struct reader r;
    struct record_id id;
    struct cached *cached;
    struct replica replica = {.node = core->self};
    reader_init(&r, row->value);
    replica.epoch = reader_be32(&r);
    reader_init(&r, row->key);
    (void)reader_bytes(&r, LOST_SIZE);
    struct span record = reader_bytes(&r, sizeof id.bytes);
    replica.lane = reader_be32(&r);
    uint64_t rseq = reader_be64(&r);
    TRY(reader_end(&r));
    memcpy(id.bytes, record.data, sizeof id.bytes);
    TRY(record_cached(core, id, &cached));
    *out_back = record_history_find(&cached->record, replica, rseq) != NULL;
    return status_ok();
}

struct status core_doubt_lost(struct core *core, bool *out_lost)
{
    static const char from[] = "lost/";
    static const char end[] = "lost0"; /* '0' follows '/' */
    *out_lost = false;
    for (size_t count = LOST_PAGE; count == LOST_PAGE && !*out_lost;) {
        struct pair *rows = arena_array(&core->scratch, LOST_PAGE, sizeof *rows);
        if (!rows) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
        TRY(core->store->ops->scan(core->store, STORE_META, span_text(from), span_text(end), false, LOST_PAGE, SIZE_MAX,
                                   &core->scratch, rows, &count));
        for (size_t i = 0; i < count && !*out_lost; i++) {
            bool back;
            TRY(lost_is_back(core, &rows[i], &back));
            if (back) {
                TRY(store_remove_one(core->store, STORE_META, rows[i].key));
            }
            *out_lost = !back;
        }
    }
    return status_ok();
}

struct status core_doubt_end(struct core *core)
{
    const struct registry *registry = &core->registry;
    bool lost;
    if (!core->is_hub || !core->in_doubt) {
        return STATUS_MAKE(core->is_hub ? STATUS_NOT_FOUND : STATUS_DENIED);
    }
    TRY(core_doubt_lost(core, &lost));
    if (lost) {
        return STATUS_MAKE(STATUS_FORKED);
    }
    for (size_t i = 0; i < registry->node_count; i++) {
        uint8_t key[HEARD_SIZE + sizeof(struct node_id)];
        TRY(store_remove_one(core->store, STORE_META, heard_key(key, registry->nodes[i].id)));
    }
    TRY(store_remove_one(core->store, STORE_META, span_text(STORE_META_DOUBT)));
    core->in_doubt = false;
    return event_add(core, "the hub writes again", (struct record_id){{0}});
}

static struct status hub_heard(struct core *core, struct node_id node)
{
    uint8_t key[HEARD_SIZE + sizeof(struct node_id)];
    struct node_id *missing;
    size_t count;
    const uint8_t yes = 1;
    TRY(store_put_one(core->store, STORE_META, heard_key(key, node), span_of(&yes, 1)));
    TRY(core_doubt(core, &core->scratch, &missing, &count));
    struct status status = count == 0 ? core_doubt_end(core) : status_ok();
    return status.code == STATUS_FORKED ? status_ok() : status;
}

static uint64_t size_here(struct core *core, struct stream_id id)
{
    const struct stream *stream = stream_find(core, id);
    return stream ? stream->range.size : 0;
}

static bool is_ahead(struct core *core, struct node_id peer, const struct stream_state *state)
{
    return node_id_equal(state->stream.node, core->self) && state->stream.epoch <= core->meta.epoch &&
           state->size > size_here(core, state->stream) && core_may_read(core, peer, state->stream);
}

struct status hub_compare(struct core *core, struct node_id peer, const struct hello *hello, struct arena *arena,
                          struct stream_state **out_behind, size_t *out_count)
{
    struct stream_state *behind = arena_array(arena, hello->read_count, sizeof *behind);
    size_t count = 0;
    if (!behind) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < hello->read_count; i++) {
        const struct stream *stream = stream_find(core, hello->read[i].stream);
        if (is_ahead(core, peer, &hello->read[i])) {
            struct tree_range empty = {0};
            behind[count] = (struct stream_state){.stream = hello->read[i].stream, .size = size_here(core, hello->read[i].stream)};
            tree_range_root(stream ? &stream->range : &empty, core->crypto, &behind[count++].root);
        }
    }
    /* a claim alone puts the hub in no doubt, else one liar could silence it: leaves under its own signature do */
    if (count == 0 && core->in_doubt) {
        TRY(hub_heard(core, peer));
    }
    *out_behind = behind;
    *out_count = count;
    return status_ok();
}

bool hub_is_behind(struct core *core, struct node_id peer, const struct pull *pull)
{
    for (size_t i = 0; i < pull->have_count; i++) {
        if (is_ahead(core, peer, &pull->have[i])) {
            return true;
        }
    }
    return false;
}

struct returning {
    struct core *core;
    const struct push *push;
    struct stream *stream; /* NULL: nothing of it is left here */
    struct tree_range range;
    struct incoming *leaves;
    struct note note;
};

static struct status returned_read(struct returning *r, enum verdict *out_verdict)
{
    struct core *core = r->core;
    const struct push *push = r->push;
    struct hash root;
    r->leaves = arena_array(&core->arena, push->leaf_count, sizeof *r->leaves);
    if (!r->leaves) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    struct status status = checkpoint_check(core, push->checkpoint, push->stream, &core->scratch, &r->note);
    if (!status_is_ok(status)) {
        *out_verdict = VERDICT_BAD_SIGNATURE;
        return status.code == STATUS_NO_MEMORY ? status : status_ok();
    }
    for (size_t i = 0; i < push->leaf_count; i++) {
        struct incoming *in = &r->leaves[i];
        *in = (struct incoming){.seq = push->old_size + i, .leaf = push->leaves[i].leaf, .body = push->leaves[i].body};
        status = incoming_read(core, in, push->stream, in->seq);
        if (!status_is_ok(status)) {
            *out_verdict = VERDICT_BAD_LEAF;
            return status.code == STATUS_NO_MEMORY ? status : status_ok();
        }
        TRY(tree_range_append(&r->range, core->crypto, &in->hash));
    }
    tree_range_root(&r->range, core->crypto, &root);
    status = tree_consistency_verify(core->crypto, r->range.size, &root, r->note.size, &r->note.root, push->consistency,
                                     push->consistency_count);
    *out_verdict = status_is_ok(status) ? VERDICT_OK : VERDICT_BAD_ROOT;
    return status_ok();
}

static struct status returned_append(struct returning *r)
{
    struct core *core = r->core;
    if (!r->stream) {
        TRY(stream_make(core, r->push->stream, &r->stream));
    }
    for (size_t i = 0; i < r->push->leaf_count; i++) {
        struct incoming *in = &r->leaves[i];
        struct stored_leaf leaf = {.leaf = in->leaf, .body = in->body};
        in->stream = r->stream;
        TRY(stream_append(core, r->stream, &leaf, &in->hash));
    }
    for (size_t i = 0; i < r->push->leaf_count; i++) {
        TRY(apply_leaf(core, &r->leaves[i], NULL));
        TRY(lost_note(core, &r->leaves[i]));
    }
    TRY(streams_flush(core));
    if (r->note.size == r->range.size) {
        TRY(stream_note_set(core, r->stream, r->note.size, &r->note.root, r->push->checkpoint));
    }
    TRY(stream_grew(core, r->stream));
    return core->registry_grown ? apply_waiting_registry(core) : status_ok();
}

struct status serve_returned(struct core *core, struct node_id peer, const struct push *push, struct push_answer *answer)
{
    struct returning r = {.core = core, .push = push, .stream = stream_find(core, push->stream)};
    bool leased = false;
    TRY(lease_check(core, peer, push->lease, 0, &leased));
    if (r.stream) {
        r.range = r.stream->range;
    }
    if (!leased) {
        answer->verdict = VERDICT_LEASE_TAKEN;
    } else if (!core_may_read(core, peer, push->stream) || push->stream.epoch > core->meta.epoch) {
        answer->verdict = VERDICT_UNKNOWN_EPOCH;
    } else if (push->leaf_count == 0 || push->leaf_count > LIMIT_BATCH_LEAVES) {
        answer->verdict = VERDICT_LIMIT;
    } else if (push->old_size != r.range.size) {
        answer->verdict = VERDICT_SIZE_DIFFERS;
    } else {
        TRY(returned_read(&r, &answer->verdict));
    }
    if (answer->verdict == VERDICT_OK) {
        TRY(doubt_begin(core));
        TRY(returned_append(&r));
    }
    if (r.stream) {
        answer->size = r.stream->range.size;
        tree_range_root(&r.stream->range, core->crypto, &answer->root);
    }
    return status_ok();
}

/* ---- the reader ---- */

struct status read_states(struct core *core, struct arena *arena, struct stream_state **out_states, size_t *out_count)
{
    struct stream_state *states = arena_array(arena, core->set.count, sizeof *states);
    size_t count = 0;
    if (!states) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (uint32_t i = 0; i < core->set.count && count < LIMIT_READ_STREAMS; i++) {
        const struct stream *stream = core->set.sorted[i];
        if (node_id_equal(stream->id.node, core->hub)) {
            states[count] = (struct stream_state){.stream = stream->id, .size = stream->range.size};
            tree_range_root(&stream->range, core->crypto, &states[count++].root);
        }
    }
    *out_states = states;
    *out_count = count;
    return status_ok();
}

/* The hub's part must be the beginning of what is held, and what is held must be signed to its end. */
static struct status can_give(struct core *core, const struct stream_state *behind, bool *out_can)
{
    struct stream *stream = stream_find(core, behind->stream);
    struct hash root;
    *out_can = false;
    if (!stream || stream->own || !node_id_equal(behind->stream.node, core->hub) || behind->size >= stream->range.size ||
        stream->note_size != stream->range.size) {
        return status_ok();
    }
    TRY(stream_root_at(core, stream, behind->size, &root));
    *out_can = hash_equal(root, behind->root);
    return status_ok();
}

struct status give_back_begin(struct core *core, const struct stream_state *behind, size_t count)
{
    static const struct give_back none;
    core->back = none;
    for (size_t i = 0; i < count; i++) {
        bool can = false;
        TRY(can_give(core, &behind[i], &can));
        /* the registry first: the others name it */
        if (can && (core->back.number == 0 || scope_is_registry(behind[i].stream.scope))) {
            core->back = (struct give_back){.number = stream_find(core, behind[i].stream)->number, .from = behind[i].size};
        }
    }
    return status_ok();
}

struct status give_back_make(struct core *core, struct arena *arena, struct push *out_push)
{
    struct stream *stream = stream_at(core, core->back.number);
    struct stored_leaf *leaves;
    size_t count;
    struct tree_tiles tiles;
    struct tree_proof *proof = arena_alloc(arena, sizeof *proof);
    TRY(stream_run(core, stream, core->back.from, LIMIT_BATCH_LEAVES, LIMIT_PUSH_BYTES, arena, &leaves, &count));
    struct wire_leaf *wire = arena_array(arena, count, sizeof *wire);
    if (!wire || !proof) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        wire[i] = (struct wire_leaf){.leaf = leaves[i].leaf, .body = leaves[i].body};
    }
    struct push push = {.stream = stream->id, .old_size = core->back.from, .leaves = wire, .leaf_count = count};
    TRY(stream_note(core, stream, arena, &push.checkpoint));
    if (core->back.from + count < stream->note_size) {
        TRY(stream_tiles(core, stream, arena, &tiles));
        struct tree_source source = tree_tiles_source(&tiles);
        TRY(tree_consistency_make(&source, core->crypto, core->back.from + count, stream->note_size, proof));
        push.consistency = proof->hashes;
        push.consistency_count = proof->count;
    }
    TRY(arena_copy(arena, span_of(core->meta.lease, sizeof core->meta.lease), &push.lease));
    *out_push = push;
    return status_ok();
}

struct status give_back_answered(struct core *core, const struct push_answer *answer, struct next *out_next)
{
    static const struct give_back none;
    const struct stream *stream = stream_at(core, core->back.number);
    if (answer->verdict == VERDICT_OK && stream && answer->size > core->back.from && answer->size < stream->range.size) {
        core->back.from = answer->size;
        *out_next = (struct next){.step = NEXT_GO_ON, .why = "", .more = true};
        return status_ok();
    }
    core->back = none;
    if (answer->verdict == VERDICT_OK) {
        *out_next = next_hello(core, "the hub has changes of its own back");
        return event_add(core, "the hub was given back changes of its own that it had lost", (struct record_id){{0}});
    }
    bool again = answer->verdict == VERDICT_SIZE_DIFFERS || answer->verdict == VERDICT_LEASE_TAKEN;
    *out_next = again ? next_hello(core, "the hub got them from somebody else") : next_stop(verdict_sentence(answer->verdict));
    return status_ok();
}
