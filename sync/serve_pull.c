/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* The hub's side of a pull: what the reader lacks of each stream that it may read, the registry first, relays with the
 * foreign leaves that they name. Rights are asked at each request. */

/* A foreign stream of which leaves ride along in this answer. */
struct riding {
    struct riding *next;
    struct stream *stream;
    struct tree_tiles tiles;
    struct span note;
    uint64_t note_size;
};

struct serving {
    struct core *core;
    struct node_id peer;
    const struct pull *pull;
    struct arena *arena;
    struct pull_part *parts;
    size_t part_count;
    size_t leaves_left, bytes_left;
    bool own_wanted;  /* the reader's own streams come too */
    struct riding *riding;
    const struct stream *last_note; /* whose checkpoint the attachment before bore */
    struct record_id *ids;
    size_t id_count;
    bool more;
};

bool core_may_read(const struct core *core, struct node_id peer, struct stream_id stream)
{
    if (!peer_is_active(core, peer)) {
        return false;
    }
    if (scope_is_registry(stream.scope)) {
        return node_id_equal(stream.node, core->hub);
    }
    return node_id_equal(node_of_scope(stream.scope), peer) || registry_is_province_of(&core->registry, peer, stream.scope);
}

static const struct stream_state *have_of(const struct pull *pull, struct stream_id id)
{
    for (size_t i = 0; i < pull->have_count; i++) {
        if (stream_id_equal(pull->have[i].stream, id)) {
            return &pull->have[i];
        }
    }
    return NULL;
}

/* Only a store that is fetching its own history names streams of its own. It may be older than some of them and cannot name
 * those: one named asks for all. */
static bool own_asked(const struct pull *pull, struct node_id peer)
{
    for (size_t i = 0; i < pull->have_count; i++) {
        if (node_id_equal(pull->have[i].stream.node, peer)) {
            return true;
        }
    }
    return false;
}

/* A body goes to its author, to the present owner, and, if it is not sealed, to the owner's province. */
static bool body_entitled(const struct serving *s, const struct header *header, const struct record *record)
{
    if (header->class == CLASS_PUBLIC || node_id_equal(header->node, s->peer)) {
        return true;
    }
    struct scope_id owner = record->created ? record_owner(record) : header->scope;
    return node_id_equal(node_of_scope(owner), s->peer) ||
           (header->class == CLASS_RESTRICTED && registry_is_province_of(&s->core->registry, s->peer, owner));
}

static struct status wire_body_for(struct serving *s, const struct header *header, struct wire_body stored,
                                   struct wire_body *out_body)
{
    if (!header->has_record || stored.state == BODY_NONE) {
        *out_body = stored;
        return status_ok();
    }
    struct cached *cached;
    TRY(record_cached(s->core, header->record, &cached));
    const struct history_entry *entry =
        record_history_find(&cached->record, header_replica(header), header->rseq);
    if (stored.state == BODY_ERASED || (entry && (entry->flags & HISTORY_ERASED))) {
        *out_body = (struct wire_body){.state = BODY_ERASED};
    } else if (!body_entitled(s, header, &cached->record)) {
        *out_body = (struct wire_body){.state = BODY_NOT_ENTITLED};
    } else {
        *out_body = stored;
    }
    return status_ok();
}

static struct status stream_checkpoint(struct serving *s, struct stream *stream, struct span *out_note)
{
    return stream->own ? stream_sign(s->core, stream, s->arena, out_note)
                       : stream_note(s->core, stream, s->arena, out_note);
}

static struct status riding_of(struct serving *s, struct stream *stream, struct riding **out_riding)
{
    for (struct riding *r = s->riding; r; r = r->next) {
        if (r->stream == stream) {
            *out_riding = r;
            return status_ok();
        }
    }
    struct riding *r = arena_alloc(s->arena, sizeof *r);
    if (!r) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    r->stream = stream;
    TRY(stream_checkpoint(s, stream, &r->note));
    r->note_size = stream->note_size;
    TRY(stream_tiles(s->core, stream, s->arena, &r->tiles));
    r->next = s->riding;
    s->riding = r;
    *out_riding = r;
    return status_ok();
}

/* The leaf at a history entry with its proof; NULL where it cannot be given now. `alone`: no other may lean on its checkpoint,
 * since what was asked for is read behind the streams. */
static struct status attachment_make(struct serving *s, const struct history_entry *entry, bool alone,
                                     const struct attachment **out_attachment)
{
    struct core *core = s->core;
    struct stream *stream = stream_at(core, entry->stream);
    struct riding *riding;
    struct stored_leaf stored;
    struct header header;
    struct tree_proof *proof = arena_alloc(s->arena, sizeof *proof);
    struct attachment *attachment = arena_alloc(s->arena, sizeof *attachment);
    if (!proof || !attachment) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(riding_of(s, stream, &riding));
    *out_attachment = NULL;
    if (entry->seq >= riding->note_size) {
        return status_ok();
    }
    TRY(stream_leaf(core, entry->stream, entry->seq, s->arena, &stored));
    TRY(header_scan(stored.leaf, &core->scratch, &header, NULL));
    struct tree_source source = tree_tiles_source(&riding->tiles);
    TRY(tree_inclusion_make(&source, core->crypto, entry->seq, riding->note_size, proof));
    *attachment = (struct attachment){.stream = stream->id,
                                      .seq = entry->seq,
                                      .leaf = stored.leaf,
                                      .proof = proof->hashes,
                                      .proof_count = proof->count};
    if (alone || s->last_note != stream) {
        attachment->checkpoint = riding->note;
    }
    s->last_note = alone ? s->last_note : stream;
    TRY(wire_body_for(s, &header, stored.body, &attachment->body));
    *out_attachment = attachment;
    return status_ok();
}

static struct status relay_attachment(struct serving *s, const struct header *header, const struct attachment **out_attachment)
{
    const struct target *target = &header->targets[0];
    struct cached *cached;
    *out_attachment = NULL;
    TRY(record_cached(s->core, header->record, &cached));
    const struct history_entry *entry = record_history_find(&cached->record, target->replica, target->rseq);
    return entry ? attachment_make(s, entry, false, out_attachment) : status_ok();
}

static size_t wire_size(const struct wire_leaf *leaf)
{
    size_t size = leaf->leaf.size + leaf->body.body.size + 64;
    if (leaf->attachment) {
        size += leaf->attachment->leaf.size + leaf->attachment->body.body.size + leaf->attachment->checkpoint.size +
                leaf->attachment->proof_count * sizeof(struct hash) + 64;
    }
    return size;
}

static struct status wire_leaf_make(struct serving *s, const struct stream *stream, const struct stored_leaf *stored,
                                    struct wire_leaf *out_leaf)
{
    struct wire_leaf leaf = {.leaf = stored->leaf, .body = stored->body};
    struct header header;
    struct status status = header_scan(stored->leaf, &s->core->scratch, &header, NULL);
    if (status.code == STATUS_NO_MEMORY) {
        return status;
    }
    if (status_is_ok(status)) {
        TRY(wire_body_for(s, &header, stored->body, &leaf.body));
        if (stream->own && header.kind == KIND_RELAY) {
            TRY(relay_attachment(s, &header, &leaf.attachment));
        }
        if (header.has_record) {
            s->ids[s->id_count++] = header.record;
        }
    }
    *out_leaf = leaf;
    return status_ok();
}

/* The records that a run of leaves speaks of, in one call of the store. */
static struct status prefetch_run(struct core *core, const struct stored_leaf *leaves, size_t count)
{
    struct record_id *ids = arena_array(&core->scratch, count, sizeof *ids);
    size_t n = 0;
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
    return records_prefetch(core, ids, n);
}

/* That the prefix which the reader will hold belongs to the checkpoint. */
static struct status part_consistency(struct serving *s, struct stream *stream, struct pull_part *part)
{
    uint64_t size = part->first + part->leaf_count;
    struct tree_tiles tiles;
    struct tree_proof *proof = arena_alloc(s->arena, sizeof *proof);
    if (!proof) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(stream_checkpoint(s, stream, &part->checkpoint));
    if (size >= stream->note_size) {
        return status_ok();
    }
    TRY(stream_tiles(s->core, stream, s->arena, &tiles));
    struct tree_source source = tree_tiles_source(&tiles);
    TRY(tree_consistency_make(&source, s->core->crypto, size, stream->note_size, proof));
    part->consistency = proof->hashes;
    part->consistency_count = proof->count;
    return status_ok();
}

/* For the records of `count` more leaves; what has been collected moves. */
static struct status ids_room(struct serving *s, size_t count)
{
    struct record_id *ids = arena_array(&s->core->scratch, s->id_count + count, sizeof *ids);
    if (!ids) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (s->id_count > 0) {
        memcpy(ids, s->ids, s->id_count * sizeof *ids);
    }
    s->ids = ids;
    return status_ok();
}

static struct status part_make(struct serving *s, struct stream *stream, uint64_t first)
{
    struct stored_leaf *stored;
    size_t count;
    TRY(stream_run(s->core, stream, first, s->leaves_left, s->bytes_left, s->arena, &stored, &count));
    TRY(prefetch_run(s->core, stored, count));
    TRY(ids_room(s, count));
    struct wire_leaf *leaves = arena_array(s->arena, count, sizeof *leaves);
    if (!leaves) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    struct pull_part *part = &s->parts[s->part_count++];
    *part = (struct pull_part){.stream = stream->id, .first = first, .leaves = leaves};
    for (size_t i = 0; i < count; i++) {
        TRY(wire_leaf_make(s, stream, &stored[i], &leaves[i]));
        size_t size = wire_size(&leaves[i]);
        if (i > 0 && size > s->bytes_left) {
            s->bytes_left = 0;
            break;
        }
        s->bytes_left -= size < s->bytes_left ? size : s->bytes_left;
        s->leaves_left--;
        part->leaf_count++;
    }
    s->more = s->more || first + part->leaf_count < stream->range.size;
    return part_consistency(s, stream, part);
}

static struct status stream_serve(struct serving *s, struct stream *stream)
{
    const struct stream_state *have = have_of(s->pull, stream->id);
    uint64_t first = have ? have->size : 0;
    bool skipped = node_id_equal(stream->id.node, s->peer) && !s->own_wanted;
    if (skipped || first >= stream->range.size || !core_may_read(s->core, s->peer, stream->id)) {
        return status_ok();
    }
    if (s->leaves_left == 0 || s->bytes_left == 0 || s->part_count == LIMIT_PULL_ORIGINS) {
        s->more = true;
        return status_ok();
    }
    return part_make(s, stream, first);
}

static struct status streams_serve(struct serving *s, bool registry)
{
    for (uint32_t i = 0; i < s->core->set.count; i++) {
        struct stream *stream = s->core->set.sorted[i];
        if (scope_is_registry(stream->id.scope) == registry) {
            TRY(stream_serve(s, stream));
        }
    }
    return status_ok();
}

static bool route_had_read(const struct route_step *route, const struct history_entry *entry)
{
    for (size_t i = 0; i < route->ctx_count; i++) {
        if (route->ctx[i].replica == entry->replica) {
            return entry->rseq <= route->ctx[i].rseq;
        }
    }
    return false;
}

/* A reader asks for what its changes wait for: the owner for anything, a former owner for what stood in the record when it
 * was taken away (a route names the head of every replica), and for the erasures that every former owner is owed. */
static bool may_want(const struct record *record, const struct history_entry *entry, struct node_id peer)
{
    bool had = node_id_equal(node_of_scope(record->first_scope), peer);
    bool may = node_id_equal(node_of_scope(record_owner(record)), peer);
    for (size_t i = 0; i < record->route_count && !may; i++) {
        const struct route_step *route = &record->routes[i];
        had = had || node_id_equal(node_of_scope(route->to), peer);
        may = node_id_equal(node_of_scope(route->from), peer) && route_had_read(route, entry);
    }
    return may || (had && entry->kind == KIND_ERASE);
}

static struct status wanted_make(struct serving *s, struct pull_answer *answer)
{
    size_t count = s->pull->want_count < LIMIT_WANT_COUNT ? s->pull->want_count : LIMIT_WANT_COUNT;
    struct attachment *wanted = arena_array(s->arena, count, sizeof *wanted);
    if (!wanted) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        struct cached *cached;
        const struct attachment *attachment = NULL;
        TRY(record_cached(s->core, s->pull->want_records[i], &cached));
        const struct history_entry *entry =
            record_history_find(&cached->record, s->pull->want[i].replica, s->pull->want[i].rseq);
        if (entry && may_want(&cached->record, entry, s->peer) && s->bytes_left > 0) {
            TRY(attachment_make(s, entry, true, &attachment));
        }
        if (attachment) {
            wanted[answer->wanted_count++] = *attachment;
            size_t size = attachment->leaf.size + attachment->body.body.size + attachment->checkpoint.size;
            s->bytes_left -= size < s->bytes_left ? size : s->bytes_left;
        }
    }
    answer->wanted = wanted;
    return status_ok();
}

struct status core_serve_pull(struct core *core, struct node_id peer, const struct pull *pull, struct arena *arena,
                              struct pull_answer *out_answer, bool *out_empty)
{
    struct pull_answer answer = {.now_ms = core->now_ms};
    struct serving s = {.core = core, .peer = peer, .pull = pull, .arena = arena, .leaves_left = LIMIT_BATCH_LEAVES};
    s.own_wanted = own_asked(pull, peer);
    s.bytes_left = pull->bytes_max > 0 && pull->bytes_max < LIMIT_PUSH_BYTES ? pull->bytes_max : LIMIT_PUSH_BYTES;
    if (!core->is_hub) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    if (!peer_is_active(core, peer)) {
        answer.verdict = VERDICT_UNKNOWN_NODE;
        *out_answer = answer;
        *out_empty = false;
        return status_ok();
    }
    bool leased = true;
    if (pull->lease.size > 0) { /* which of two copies works shows also where nobody writes */
        TRY(lease_check(core, peer, pull->lease, LIMIT_LEASE_SILENT_MS / 2, &leased));
    }
    if (!leased || hub_is_behind(core, peer, pull)) {
        answer.verdict = leased ? VERDICT_SIZE_DIFFERS : VERDICT_LEASE_TAKEN;
        *out_answer = answer;
        *out_empty = false;
        return status_ok();
    }
    struct stream_state *own;
    struct record_digest *digests;
    size_t parts_max = core->set.count < LIMIT_PULL_ORIGINS ? core->set.count : LIMIT_PULL_ORIGINS;
    s.parts = arena_array(arena, parts_max, sizeof *s.parts);
    if (!s.parts) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(wanted_make(&s, &answer));
    TRY(streams_serve(&s, true));
    TRY(streams_serve(&s, false));
    TRY(own_states(core, peer, arena, &own, &answer.own_count));
    s.id_count = s.more ? 0 : record_ids_unique(s.ids, s.id_count);
    TRY(digests_make(core, s.ids, s.id_count, arena, &digests));
    answer.parts = s.parts;
    answer.part_count = s.part_count;
    answer.own = own;
    answer.digests = digests;
    answer.digest_count = s.id_count;
    answer.more = s.more;
    *out_answer = answer;
    *out_empty = s.part_count == 0 && answer.wanted_count == 0;
    return status_ok();
}
