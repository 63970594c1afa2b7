/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message.h"

#include "proto/message_parts.h"

#define BODY_STATE_COUNT (BODY_LATER + 1)
#define VERDICT_COUNT (VERDICT_BUSY + 1)

void *message_unpack(struct wire *wire, struct arena *arena, const ProtobufCMessageDescriptor *message,
                     struct span bytes)
{
    wire_init(wire, arena, LIMIT_MESSAGE_MEMORY);
    if (bytes.size > LIMIT_MESSAGE_SIZE) {
        wire_fail(wire, STATUS_LIMIT);
        return NULL;
    }
    return wire_unpack(wire, message, bytes);
}

void message_begin(struct wire *wire, struct arena *arena)
{
    wire_init(wire, arena, SIZE_MAX);
}

struct status message_pack(struct wire *wire, const ProtobufCMessage *message, struct span *out_bytes)
{
    return wire_pack(wire, message, LIMIT_MESSAGE_SIZE, out_bytes);
}

void stream_state_get(struct wire *wire, const Simpul__StreamState *from, struct stream_state *to)
{
    to->stream.node = wire_get_node(wire, from->node);
    to->stream.epoch = from->epoch;
    to->stream.scope = wire_get_scope(wire, from->scope);
    to->size = from->size;
    wire_get_fixed(wire, from->root, &to->root, sizeof to->root);
}

void stream_state_put(struct wire *wire, const struct stream_state *from, Simpul__StreamState *to)
{
    simpul__stream_state__init(to);
    to->node = wire_put_node(wire, from->stream.node);
    to->epoch = from->stream.epoch;
    to->scope = wire_put_scope(wire, from->stream.scope);
    to->size = from->size;
    to->root = wire_put_fixed(&from->root, sizeof from->root);
}

void wire_body_get(struct wire *wire, const Simpul__LeafBody *from, struct wire_body *to)
{
    to->state = (enum body_state)wire_get_enum(wire, from->state, BODY_STATE_COUNT);
    to->salt = wire_get_exact(wire, from->salt, LIMIT_SALT_SIZE);
    to->body = wire_get_bytes(wire, from->body, LIMIT_BODY_SIZE);
}

void wire_body_put(struct wire *wire, const struct wire_body *from, Simpul__LeafBody *to)
{
    simpul__leaf_body__init(to);
    to->state = (Simpul__BodyState)wire_put_enum(wire, from->state, BODY_STATE_COUNT);
    to->salt = wire_put_exact(wire, from->salt, LIMIT_SALT_SIZE);
    to->body = wire_put_bytes(wire, from->body, LIMIT_BODY_SIZE);
}

/* A body with nothing to say is left out. */
static Simpul__LeafBody *wire_body_put_optional(struct wire *wire, const struct wire_body *from)
{
    bool empty = from->state == BODY_NONE && from->salt.size == 0 && from->body.size == 0;
    Simpul__LeafBody *to = empty ? NULL : wire_array(wire, 1, sizeof *to);
    if (to) {
        wire_body_put(wire, from, to);
    }
    return to;
}

void attachment_get(struct wire *wire, const Simpul__Attachment *from, struct attachment *to)
{
    to->stream.node = wire_get_node(wire, from->node);
    to->stream.epoch = from->epoch;
    to->stream.scope = wire_get_scope(wire, from->scope);
    to->seq = from->seq;
    to->leaf = wire_get_bytes(wire, from->leaf, LIMIT_HEADER_SIZE);
    if (from->body) {
        wire_body_get(wire, from->body, &to->body);
    }
    to->checkpoint = wire_get_bytes(wire, from->checkpoint, LIMIT_NOTE_SIZE);
    to->proof = wire_get_fixed_list(wire, from->proof, from->n_proof, sizeof *to->proof);
    to->proof_count = from->n_proof;
}

void attachment_put(struct wire *wire, const struct attachment *from, Simpul__Attachment *to)
{
    simpul__attachment__init(to);
    to->node = wire_put_node(wire, from->stream.node);
    to->epoch = from->stream.epoch;
    to->scope = wire_put_scope(wire, from->stream.scope);
    to->seq = from->seq;
    to->leaf = wire_put_bytes(wire, from->leaf, LIMIT_HEADER_SIZE);
    to->body = wire_body_put_optional(wire, &from->body);
    to->checkpoint = wire_put_bytes(wire, from->checkpoint, LIMIT_NOTE_SIZE);
    to->proof = wire_put_fixed_list(wire, from->proof, from->proof_count, LIMIT_PROOF_HASHES, sizeof *from->proof);
    to->n_proof = from->proof_count;
}

void wire_leaf_get(struct wire *wire, const Simpul__Leaf *from, struct wire_leaf *to)
{
    to->leaf = wire_get_bytes(wire, from->leaf, LIMIT_HEADER_SIZE);
    if (from->body) {
        wire_body_get(wire, from->body, &to->body);
    }
    struct attachment *attachment = from->attachment ? wire_array(wire, 1, sizeof *attachment) : NULL;
    if (attachment) {
        attachment_get(wire, from->attachment, attachment);
    }
    to->attachment = attachment;
}

void wire_leaf_put(struct wire *wire, const struct wire_leaf *from, Simpul__Leaf *to)
{
    simpul__leaf__init(to);
    to->leaf = wire_put_bytes(wire, from->leaf, LIMIT_HEADER_SIZE);
    to->body = wire_body_put_optional(wire, &from->body);
    to->attachment = from->attachment ? wire_array(wire, 1, sizeof *to->attachment) : NULL;
    if (to->attachment) {
        attachment_put(wire, from->attachment, to->attachment);
    }
}

void record_digest_get(struct wire *wire, const Simpul__RecordDigest *from, struct record_digest *to)
{
    wire_get_fixed(wire, from->record, &to->record, sizeof to->record);
    wire_get_fixed(wire, from->digest, &to->digest, sizeof to->digest);
    wire_get_fixed(wire, from->vector, &to->vector, sizeof to->vector);
}

void record_digest_put(struct wire *wire, const struct record_digest *from, Simpul__RecordDigest *to)
{
    (void)wire; /* nothing of a digest can be wrong */
    simpul__record_digest__init(to);
    to->record = wire_put_fixed(&from->record, sizeof from->record);
    to->digest = wire_put_fixed(&from->digest, sizeof from->digest);
    to->vector = wire_put_fixed(&from->vector, sizeof from->vector);
}

enum verdict verdict_get(struct wire *wire, Simpul__Verdict from)
{
    return (enum verdict)wire_get_enum(wire, from, VERDICT_COUNT);
}

Simpul__Verdict verdict_put(struct wire *wire, enum verdict from)
{
    return (Simpul__Verdict)wire_put_enum(wire, from, VERDICT_COUNT);
}

const struct health *health_get(struct wire *wire, const Simpul__Health *from)
{
    struct health *to = from ? wire_array(wire, 1, sizeof *to) : NULL;
    if (to) {
        *to = (struct health){.program = wire_get_text(wire, from->program, LIMIT_PROGRAM_SIZE),
                              .now_ms = from->now_ms,
                              .started_ms = from->started_ms,
                              .certificate_end_ms = from->certificate_end_ms,
                              .waiting = from->waiting,
                              .quarantine = from->quarantine,
                              .store_bytes = from->store_bytes,
                              .connectors = from->connectors,
                              .connectors_stuck = from->connectors_stuck};
    }
    return to;
}

Simpul__Health *health_put(struct wire *wire, const struct health *from)
{
    Simpul__Health *to = from ? wire_array(wire, 1, sizeof *to) : NULL;
    if (to) {
        simpul__health__init(to);
        to->program = wire_put_text(wire, from->program, LIMIT_PROGRAM_SIZE);
        to->now_ms = from->now_ms;
        to->started_ms = from->started_ms;
        to->certificate_end_ms = from->certificate_end_ms;
        to->waiting = from->waiting;
        to->quarantine = from->quarantine;
        to->store_bytes = from->store_bytes;
        to->connectors = from->connectors;
        to->connectors_stuck = from->connectors_stuck;
    }
    return to;
}

const char *verdict_name(enum verdict v)
{
    static const char *const names[VERDICT_COUNT] = {
        [VERDICT_OK] = "ok",
        [VERDICT_WRONG_DEPLOYMENT] = "wrong_deployment",
        [VERDICT_UNKNOWN_NODE] = "unknown_node",
        [VERDICT_LEASE_TAKEN] = "lease_taken",
        [VERDICT_UNKNOWN_EPOCH] = "unknown_epoch",
        [VERDICT_SIZE_DIFFERS] = "size_differs",
        [VERDICT_BAD_SIGNATURE] = "bad_signature",
        [VERDICT_BAD_ROOT] = "bad_root",
        [VERDICT_BAD_LEAF] = "bad_leaf",
        [VERDICT_CUT] = "cut",
        [VERDICT_TOO_NEW] = "too_new",
        [VERDICT_LIMIT] = "limit",
        [VERDICT_BUSY] = "busy",
    };
    return (uint32_t)v < VERDICT_COUNT ? names[v] : "?";
}

const char *verdict_sentence(enum verdict v)
{
    switch (v) {
    case VERDICT_WRONG_DEPLOYMENT:
        return "the hub is of another deployment: `deployment`, the hub's url, ca.pem and hub.pub must belong together; put in "
               "what the ministry gave for this deployment, and start again";
    case VERDICT_UNKNOWN_NODE:
        return "the hub does not know this node, or it was switched off there: send `simpul pki request` to the ministry";
    case VERDICT_BAD_SIGNATURE:
        return "the hub knows another log key of this node: put keys/log.key back, or have the present one registered "
               "(`simpul pki request`)";
    case VERDICT_BAD_ROOT:
    case VERDICT_BAD_LEAF:
        return "the hub finds this node's log damaged: keep a copy of the data folder, see `simpul log verify`, call the ministry";
    case VERDICT_CUT:
        return "the ministry has closed this node's log: ask there before anything else";
    case VERDICT_TOO_NEW:
        return "this node's changes name what the hub does not hold: the hub is an older copy of itself, or this log is forged; "
               "call the ministry";
    case VERDICT_LIMIT:
        return "this node asks for more than the hub allows: update it, else call the ministry";
    default:
        return "the hub refuses this node: keep the log file and call the ministry";
    }
}
