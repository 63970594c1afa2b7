/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message.h"

#include "proto/schema.h"

/* proto/sync.proto. Parts that several messages share come first. */

#define BODY_STATE_COUNT (BODY_LATER + 1)
#define VERDICT_COUNT (VERDICT_BUSY + 1)

static const struct schema_field stream_state_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_CODE, struct stream_state, stream.node, 0),
    SCHEMA_FIELD(2, SCHEMA_U32, struct stream_state, stream.epoch, 0),
    SCHEMA_FIELD(3, SCHEMA_CODE, struct stream_state, stream.scope, 0),
    SCHEMA_FIELD(4, SCHEMA_U64, struct stream_state, size, 0),
    SCHEMA_FIELD(5, SCHEMA_FIXED, struct stream_state, root, sizeof(struct hash)),
};

static const struct schema_message stream_state_message = SCHEMA_TABLE(struct stream_state, stream_state_fields);

static const struct schema_field wire_body_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_ENUM, struct wire_body, state, BODY_STATE_COUNT),
    SCHEMA_FIELD(2, SCHEMA_EXACT, struct wire_body, salt, LIMIT_SALT_SIZE),
    SCHEMA_FIELD(3, SCHEMA_BYTES, struct wire_body, body, LIMIT_BODY_SIZE),
};

static const struct schema_message wire_body_message = SCHEMA_TABLE(struct wire_body, wire_body_fields);

static const struct schema_field attachment_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_CODE, struct attachment, stream.node, 0),
    SCHEMA_FIELD(2, SCHEMA_U32, struct attachment, stream.epoch, 0),
    SCHEMA_FIELD(3, SCHEMA_CODE, struct attachment, stream.scope, 0),
    SCHEMA_FIELD(4, SCHEMA_U64, struct attachment, seq, 0),
    SCHEMA_FIELD(5, SCHEMA_BYTES, struct attachment, leaf, LIMIT_HEADER_SIZE),
    SCHEMA_PART(6, SCHEMA_MESSAGE, struct attachment, body, &wire_body_message),
    SCHEMA_FIELD(7, SCHEMA_BYTES, struct attachment, checkpoint, LIMIT_NOTE_SIZE),
    SCHEMA_MANY(8, SCHEMA_HASHES, struct attachment, proof, proof_count, LIMIT_PROOF_HASHES, NULL),
};

static const struct schema_message attachment_message = SCHEMA_TABLE(struct attachment, attachment_fields);

static const struct schema_field wire_leaf_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_BYTES, struct wire_leaf, leaf, LIMIT_HEADER_SIZE),
    SCHEMA_PART(2, SCHEMA_MESSAGE, struct wire_leaf, body, &wire_body_message),
    SCHEMA_PART(3, SCHEMA_OPTIONAL, struct wire_leaf, attachment, &attachment_message),
};

static const struct schema_message wire_leaf_message = SCHEMA_TABLE(struct wire_leaf, wire_leaf_fields);

static const struct schema_field record_digest_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_FIXED, struct record_digest, record, sizeof(struct record_id)),
    SCHEMA_FIELD(2, SCHEMA_FIXED, struct record_digest, digest, sizeof(struct hash)),
    SCHEMA_FIELD(3, SCHEMA_FIXED, struct record_digest, vector, sizeof(struct hash)),
};

static const struct schema_message record_digest_message = SCHEMA_TABLE(struct record_digest, record_digest_fields);

static struct status message_write(const struct schema_message *message, const void *m, struct arena *arena,
                                   struct span *out_bytes)
{
    return schema_write(message, m, LIMIT_MESSAGE_SIZE, arena, out_bytes);
}

static struct status message_read(const struct schema_message *message, struct span bytes, struct arena *arena, void *m)
{
    if (bytes.size > LIMIT_MESSAGE_SIZE) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    return schema_read(message, bytes, LIMIT_MESSAGE_MEMORY, arena, m);
}

/* hello */

static const struct schema_field hello_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_U32, struct hello, version, 0),
    SCHEMA_FIELD(2, SCHEMA_CODE, struct hello, node, 0),
    SCHEMA_FIELD(3, SCHEMA_TEXT, struct hello, deployment, LIMIT_ORIGIN_SIZE),
    SCHEMA_FIELD(4, SCHEMA_TEXT, struct hello, program, LIMIT_ORIGIN_SIZE),
    SCHEMA_FIELD(5, SCHEMA_U64, struct hello, now_ms, 0),
    SCHEMA_FIELD(6, SCHEMA_FIXED, struct hello, instance, sizeof((struct hello *)0)->instance),
    SCHEMA_FIELD(7, SCHEMA_BYTES, struct hello, lease, LIMIT_LEASE_SIZE),
    SCHEMA_FIELD(8, SCHEMA_BOOL, struct hello, takeover, 0),
    SCHEMA_MANY(9, SCHEMA_LIST, struct hello, own, own_count, LIMIT_OWN_STREAMS, &stream_state_message),
    SCHEMA_FIELD(10, SCHEMA_U32, struct hello, epoch_open, 0),
};

static const struct schema_message hello_message = SCHEMA_TABLE(struct hello, hello_fields);

static const struct schema_field hello_answer_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_ENUM, struct hello_answer, verdict, VERDICT_COUNT),
    SCHEMA_FIELD(2, SCHEMA_U32, struct hello_answer, version, 0),
    SCHEMA_FIELD(3, SCHEMA_U64, struct hello_answer, now_ms, 0),
    SCHEMA_FIELD(4, SCHEMA_BYTES, struct hello_answer, lease, LIMIT_LEASE_SIZE),
    SCHEMA_FIELD(5, SCHEMA_U64, struct hello_answer, retry_ms, 0),
    SCHEMA_FIELD(6, SCHEMA_BYTES, struct hello_answer, registry_checkpoint, LIMIT_NOTE_SIZE),
    SCHEMA_MANY(7, SCHEMA_LIST, struct hello_answer, own, own_count, LIMIT_OWN_STREAMS, &stream_state_message),
    SCHEMA_FIELD(8, SCHEMA_U32, struct hello_answer, epoch_max, 0),
    SCHEMA_FIELD(9, SCHEMA_U32, struct hello_answer, leaves_max, 0),
    SCHEMA_FIELD(10, SCHEMA_U32, struct hello_answer, bytes_max, 0),
};

static const struct schema_message hello_answer_message = SCHEMA_TABLE(struct hello_answer, hello_answer_fields);

struct status hello_write(const struct hello *m, struct arena *arena, struct span *out_bytes)
{
    return message_write(&hello_message, m, arena, out_bytes);
}

struct status hello_read(struct span bytes, struct arena *arena, struct hello *out_m)
{
    struct hello m;
    TRY(message_read(&hello_message, bytes, arena, &m));
    *out_m = m;
    return status_ok();
}

struct status hello_answer_write(const struct hello_answer *m, struct arena *arena, struct span *out_bytes)
{
    return message_write(&hello_answer_message, m, arena, out_bytes);
}

struct status hello_answer_read(struct span bytes, struct arena *arena, struct hello_answer *out_m)
{
    struct hello_answer m;
    TRY(message_read(&hello_answer_message, bytes, arena, &m));
    *out_m = m;
    return status_ok();
}

/* push */

static const struct schema_field push_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_CODE, struct push, stream.node, 0),
    SCHEMA_FIELD(2, SCHEMA_U32, struct push, stream.epoch, 0),
    SCHEMA_FIELD(3, SCHEMA_CODE, struct push, stream.scope, 0),
    SCHEMA_FIELD(4, SCHEMA_U64, struct push, old_size, 0),
    SCHEMA_FIELD(5, SCHEMA_BYTES, struct push, checkpoint, LIMIT_NOTE_SIZE),
    SCHEMA_FIELD(6, SCHEMA_BYTES, struct push, lease, LIMIT_LEASE_SIZE),
    SCHEMA_MANY(7, SCHEMA_LIST, struct push, leaves, leaf_count, LIMIT_BATCH_LEAVES, &wire_leaf_message),
};

static const struct schema_message push_message = SCHEMA_TABLE(struct push, push_fields);

static const struct schema_field void_leaf_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_U64, struct void_leaf, seq, 0),
    SCHEMA_FIELD(2, SCHEMA_TEXT, struct void_leaf, why, LIMIT_WHY_SIZE),
};

static const struct schema_message void_leaf_message = SCHEMA_TABLE(struct void_leaf, void_leaf_fields);

static const struct schema_field push_answer_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_ENUM, struct push_answer, verdict, VERDICT_COUNT),
    SCHEMA_FIELD(2, SCHEMA_U64, struct push_answer, size, 0),
    SCHEMA_FIELD(3, SCHEMA_FIXED, struct push_answer, root, sizeof(struct hash)),
    SCHEMA_FIELD(4, SCHEMA_BYTES, struct push_answer, checkpoint, LIMIT_NOTE_SIZE),
    SCHEMA_FIELD(5, SCHEMA_U64, struct push_answer, at, 0),
    SCHEMA_MANY(6, SCHEMA_LIST, struct push_answer, voids, void_count, LIMIT_BATCH_LEAVES, &void_leaf_message),
    SCHEMA_MANY(7, SCHEMA_LIST, struct push_answer, digests, digest_count, LIMIT_BATCH_LEAVES, &record_digest_message),
    SCHEMA_FIELD(8, SCHEMA_U64, struct push_answer, now_ms, 0),
};

static const struct schema_message push_answer_message = SCHEMA_TABLE(struct push_answer, push_answer_fields);

struct status push_write(const struct push *m, struct arena *arena, struct span *out_bytes)
{
    return message_write(&push_message, m, arena, out_bytes);
}

struct status push_read(struct span bytes, struct arena *arena, struct push *out_m)
{
    struct push m;
    TRY(message_read(&push_message, bytes, arena, &m));
    *out_m = m;
    return status_ok();
}

struct status push_answer_write(const struct push_answer *m, struct arena *arena, struct span *out_bytes)
{
    return message_write(&push_answer_message, m, arena, out_bytes);
}

struct status push_answer_read(struct span bytes, struct arena *arena, struct push_answer *out_m)
{
    struct push_answer m;
    TRY(message_read(&push_answer_message, bytes, arena, &m));
    *out_m = m;
    return status_ok();
}

/* pull. The two lists of `want` have one count in the struct and are two lists on the wire, equally long. */

struct pull_wire {
    struct pull m;
    size_t record_count;
};

static const struct schema_field dot_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_CODE, struct dot, replica.node, 0),
    SCHEMA_FIELD(2, SCHEMA_U32, struct dot, replica.epoch, 0),
    SCHEMA_FIELD(3, SCHEMA_U32, struct dot, replica.lane, 0),
    SCHEMA_FIELD(4, SCHEMA_U64, struct dot, rseq, 0),
};

static const struct schema_message dot_message = SCHEMA_TABLE(struct dot, dot_fields);

static const struct schema_field pull_fields[] = {
    SCHEMA_MANY(1, SCHEMA_LIST, struct pull_wire, m.have, m.have_count, LIMIT_PULL_ORIGINS, &stream_state_message),
    SCHEMA_MANY(2, SCHEMA_LIST, struct pull_wire, m.want, m.want_count, LIMIT_WANT_COUNT, &dot_message),
    SCHEMA_MANY(3, SCHEMA_IDS, struct pull_wire, m.want_records, record_count, LIMIT_WANT_COUNT, NULL),
    SCHEMA_FIELD(4, SCHEMA_U32, struct pull_wire, m.wait_ms, 0),
    SCHEMA_FIELD(5, SCHEMA_U32, struct pull_wire, m.bytes_max, 0),
};

static const struct schema_message pull_message = SCHEMA_TABLE(struct pull_wire, pull_fields);

static const struct schema_field pull_part_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_CODE, struct pull_part, stream.node, 0),
    SCHEMA_FIELD(2, SCHEMA_U32, struct pull_part, stream.epoch, 0),
    SCHEMA_FIELD(3, SCHEMA_CODE, struct pull_part, stream.scope, 0),
    SCHEMA_FIELD(4, SCHEMA_U64, struct pull_part, first, 0),
    SCHEMA_FIELD(5, SCHEMA_BYTES, struct pull_part, checkpoint, LIMIT_NOTE_SIZE),
    SCHEMA_MANY(6, SCHEMA_HASHES, struct pull_part, consistency, consistency_count, LIMIT_PROOF_HASHES, NULL),
    SCHEMA_MANY(7, SCHEMA_LIST, struct pull_part, leaves, leaf_count, LIMIT_BATCH_LEAVES, &wire_leaf_message),
};

static const struct schema_message pull_part_message = SCHEMA_TABLE(struct pull_part, pull_part_fields);

static const struct schema_field pull_answer_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_ENUM, struct pull_answer, verdict, VERDICT_COUNT),
    SCHEMA_MANY(2, SCHEMA_LIST, struct pull_answer, parts, part_count, LIMIT_PULL_ORIGINS, &pull_part_message),
    SCHEMA_MANY(3, SCHEMA_LIST, struct pull_answer, wanted, wanted_count, LIMIT_WANT_COUNT, &attachment_message),
    SCHEMA_MANY(4, SCHEMA_LIST, struct pull_answer, own, own_count, LIMIT_OWN_STREAMS, &stream_state_message),
    SCHEMA_MANY(5, SCHEMA_LIST, struct pull_answer, digests, digest_count, LIMIT_BATCH_LEAVES, &record_digest_message),
    SCHEMA_FIELD(6, SCHEMA_BOOL, struct pull_answer, more, 0),
    SCHEMA_FIELD(7, SCHEMA_U64, struct pull_answer, now_ms, 0),
};

static const struct schema_message pull_answer_message = SCHEMA_TABLE(struct pull_answer, pull_answer_fields);

struct status pull_write(const struct pull *m, struct arena *arena, struct span *out_bytes)
{
    struct pull_wire wire = {.m = *m, .record_count = m->want_count};
    return message_write(&pull_message, &wire, arena, out_bytes);
}

struct status pull_read(struct span bytes, struct arena *arena, struct pull *out_m)
{
    struct pull_wire wire;
    TRY(message_read(&pull_message, bytes, arena, &wire));
    if (wire.record_count != wire.m.want_count) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_m = wire.m;
    return status_ok();
}

struct status pull_answer_write(const struct pull_answer *m, struct arena *arena, struct span *out_bytes)
{
    return message_write(&pull_answer_message, m, arena, out_bytes);
}

struct status pull_answer_read(struct span bytes, struct arena *arena, struct pull_answer *out_m)
{
    struct pull_answer m;
    TRY(message_read(&pull_answer_message, bytes, arena, &m));
    *out_m = m;
    return status_ok();
}

/* bodies */

static const struct schema_field bodies_ask_fields[] = {
    SCHEMA_MANY(1, SCHEMA_LIST, struct bodies_ask, positions, count, LIMIT_BATCH_LEAVES, &stream_state_message),
};

static const struct schema_message bodies_ask_message = SCHEMA_TABLE(struct bodies_ask, bodies_ask_fields);

static const struct schema_field bodies_answer_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_ENUM, struct bodies_answer, verdict, VERDICT_COUNT),
    SCHEMA_MANY(2, SCHEMA_LIST, struct bodies_answer, bodies, count, LIMIT_BATCH_LEAVES, &wire_body_message),
};

static const struct schema_message bodies_answer_message = SCHEMA_TABLE(struct bodies_answer, bodies_answer_fields);

struct status bodies_ask_write(const struct bodies_ask *m, struct arena *arena, struct span *out_bytes)
{
    return message_write(&bodies_ask_message, m, arena, out_bytes);
}

struct status bodies_ask_read(struct span bytes, struct arena *arena, struct bodies_ask *out_m)
{
    struct bodies_ask m;
    TRY(message_read(&bodies_ask_message, bytes, arena, &m));
    *out_m = m;
    return status_ok();
}

struct status bodies_answer_write(const struct bodies_answer *m, struct arena *arena, struct span *out_bytes)
{
    return message_write(&bodies_answer_message, m, arena, out_bytes);
}

struct status bodies_answer_read(struct span bytes, struct arena *arena, struct bodies_answer *out_m)
{
    struct bodies_answer m;
    TRY(message_read(&bodies_answer_message, bytes, arena, &m));
    *out_m = m;
    return status_ok();
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
