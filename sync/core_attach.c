/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* A relay names a foreign leaf by position and hash; the leaf rides along with a checkpoint of its stream and an inclusion
 * proof, and is applied at its own dot (merge.md, "Moving a record"). */

static struct status verify_with(struct core *core, const struct note *note, struct span origin, const uint8_t key[32])
{
    struct public_key public_key;
    memcpy(public_key.bytes, key, sizeof public_key.bytes);
    return checkpoint_verify(core->crypto, note, origin, &public_key);
}

struct status checkpoint_check(struct core *core, struct span bytes, struct stream_id stream, struct arena *arena,
                               struct note *out_note)
{
    struct span origin;
    struct note note;
    uint8_t key[32];
    TRY(origin_write(core->options.deployment, &stream, arena, &origin));
    TRY(note_parse(bytes, arena, &note, NULL));
    struct status status = STATUS_MAKE(STATUS_DENIED);
    for (size_t nth = 0; !status_is_ok(status) && nth < LIMIT_KEYS_TRIED &&
                         status_is_ok(registry_key_nth(&core->registry, stream.node, KEY_LOG, stream.epoch, nth, key));
         nth++) {
        status = verify_with(core, &note, origin, key);
    }
    if (!status_is_ok(status) && !core->is_hub && node_id_equal(stream.node, core->hub)) {
        status = verify_with(core, &note, origin, core->options.hub_log_key.bytes);
    }
    TRY(status);
    *out_note = note;
    return status_ok();
}

/* The note of this attachment, or the one before where it is left out. */
static struct status proven_note(struct core *core, const struct attachment *attachment, const struct note **out_note)
{
    struct proven *proven = &core->proven;
    bool same = proven->bytes.size > 0 && stream_id_equal(proven->stream, attachment->stream) &&
                (attachment->checkpoint.size == 0 || span_equal(attachment->checkpoint, proven->bytes));
    if (!same) {
        struct proven fresh = {.stream = attachment->stream};
        TRY(arena_copy(&core->scratch, attachment->checkpoint, &fresh.bytes));
        TRY(checkpoint_check(core, fresh.bytes, fresh.stream, &core->scratch, &fresh.note));
        *proven = fresh;
    }
    *out_note = &proven->note;
    return status_ok();
}

static bool attachment_fits(const struct incoming *in, const struct attachment *attachment)
{
    const struct target *target = &in->header.targets[0];
    return node_id_equal(attachment->stream.node, target->replica.node) &&
           attachment->stream.epoch == target->replica.epoch &&
           scope_id_equal(attachment->stream.scope, target->scope) && attachment->leaf.size <= LIMIT_HEADER_SIZE;
}

/* INVALID or DENIED unless the attachment is the leaf that the relay names and its stream holds it. */
static struct status attachment_read(struct core *core, const struct incoming *in, const struct attachment *attachment,
                                     struct incoming *out_foreign)
{
    const struct target *target = &in->header.targets[0];
    struct incoming foreign = {.stream = in->stream,
                               .seq = in->seq,
                               .relayed = true,
                               .leaf = attachment->leaf,
                               .body = attachment->body};
    const struct note *note;
    TRY(proven_note(core, attachment, &note)); /* first: the attachments that follow may rest on it */
    if (!attachment_fits(in, attachment)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    TRY(incoming_read(core, &foreign, attachment->stream, attachment->seq));
    if (foreign.bad || !hash_equal(foreign.hash, target->hash) || foreign.header.rseq != target->rseq ||
        foreign.header.lane != target->replica.lane || !record_id_equal(foreign.header.record, in->header.record) ||
        foreign.header.rseq == 0) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    TRY(tree_inclusion_verify(core->crypto, attachment->seq, note->size, &foreign.hash, &note->root, attachment->proof,
                              attachment->proof_count));
    *out_foreign = foreign;
    return status_ok();
}

/* WAITING: 'W' stream of the relay, seq -> record, dot: the attachment is asked for by the next pull. */
static struct status want_put(struct core *core, const struct incoming *in)
{
    const struct target *target = &in->header.targets[0];
    uint8_t key[13] = {'W'};
    key_be32(key + 1, in->stream->number);
    key_be64(key + 5, in->seq);
    struct buffer b;
    buffer_init(&b, &core->scratch);
    buffer_add(&b, in->header.record.bytes, sizeof in->header.record.bytes);
    buffer_add(&b, target->replica.node.text, sizeof target->replica.node.text);
    buffer_add_be32(&b, target->replica.epoch);
    buffer_add_be32(&b, target->replica.lane);
    buffer_add_be64(&b, target->rseq);
    struct span value;
    TRY(buffer_end(&b, &value));
    return store_put_one(core->store, STORE_WAITING, span_of(key, sizeof key), value);
}

static struct status want_remove(struct core *core, const struct incoming *in)
{
    uint8_t key[13] = {'W'};
    key_be32(key + 1, in->stream->number);
    key_be64(key + 5, in->seq);
    return store_remove_one(core->store, STORE_WAITING, span_of(key, sizeof key));
}

static struct status foreign_apply(struct core *core, struct incoming *foreign)
{
    struct cached *cached;
    TRY(record_cached(core, foreign->header.record, &cached));
    if (held_better(cached, foreign)) {
        return status_ok();
    }
    const struct history_entry *entry =
        record_history_find(&cached->record, header_replica(&foreign->header), foreign->header.rseq);
    if (!entry || (entry->flags & HISTORY_PARKED)) {
        struct stored_leaf stored = {.leaf = foreign->leaf, .body = foreign->body};
        TRY(stream_attach(core, foreign->stream->number, foreign->seq, &stored));
    }
    if (writer_is_stopped(core, foreign->header.node)) {
        return quarantine_leaf(core, foreign, "stopped"); /* kept: a cut may say that it counts (cut.c) */
    }
    struct apply_outcome outcome;
    TRY(apply_change(core, foreign, &outcome));
    return cached->record.parked_count > 0 ? apply_parked(core, cached) : status_ok();
}

struct status apply_relay(struct core *core, struct incoming *in, const struct attachment *attachment)
{
    if (core->is_hub) {
        return status_ok();
    }
    const struct target *target = &in->header.targets[0];
    if (target->accepted_ms > 0) {
        struct cached *cached;
        TRY(record_cached(core, in->header.record, &cached));
        record_dirty(core, cached);
        struct dot dot = {.replica = target->replica, .rseq = target->rseq};
        TRY(record_clamp(&cached->record, dot, target->accepted_ms));
    }
    if (!attachment) {
        return want_put(core, in);
    }
    struct incoming foreign;
    struct status status = attachment_read(core, in, attachment, &foreign);
    if (status.code == STATUS_NO_MEMORY || status.code == STATUS_IO) {
        return status;
    }
    if (!status_is_ok(status)) {
        TRY(event_add(core, "a relayed leaf does not fit its proof", in->header.record));
        return want_put(core, in);
    }
    if (!in->fresh) {
        TRY(want_remove(core, in));
    }
    return foreign_apply(core, &foreign);
}
