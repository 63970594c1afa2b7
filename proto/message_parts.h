/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_MESSAGE_PARTS_H
#define PROTO_MESSAGE_PARTS_H

#include "proto/message.h"
#include "proto/wire.h"
#include "schema/sync.pb-c.h"

/* What several messages are made of, between our structs and protobuf-c's. Private to proto/. _get reads and leaves errors
 * in `wire`; _put fills a generated struct that borrows from ours and from the arena. */

void stream_state_get(struct wire *wire, const Simpul__StreamState *from, struct stream_state *to);
void stream_state_put(struct wire *wire, const struct stream_state *from, Simpul__StreamState *to);
WIRE_LIST(stream_state, struct stream_state, Simpul__StreamState)

void wire_body_get(struct wire *wire, const Simpul__LeafBody *from, struct wire_body *to);
void wire_body_put(struct wire *wire, const struct wire_body *from, Simpul__LeafBody *to);
WIRE_LIST(wire_body, struct wire_body, Simpul__LeafBody)

void attachment_get(struct wire *wire, const Simpul__Attachment *from, struct attachment *to);
void attachment_put(struct wire *wire, const struct attachment *from, Simpul__Attachment *to);
WIRE_LIST(attachment, struct attachment, Simpul__Attachment)

void wire_leaf_get(struct wire *wire, const Simpul__Leaf *from, struct wire_leaf *to);
void wire_leaf_put(struct wire *wire, const struct wire_leaf *from, Simpul__Leaf *to);
WIRE_LIST(wire_leaf, struct wire_leaf, Simpul__Leaf)

void record_digest_get(struct wire *wire, const Simpul__RecordDigest *from, struct record_digest *to);
void record_digest_put(struct wire *wire, const struct record_digest *from, Simpul__RecordDigest *to);
WIRE_LIST(record_digest, struct record_digest, Simpul__RecordDigest)

/* NULL stays NULL. */
const struct health *health_get(struct wire *wire, const Simpul__Health *from);
Simpul__Health *health_put(struct wire *wire, const struct health *from);

enum verdict verdict_get(struct wire *wire, Simpul__Verdict from);
Simpul__Verdict verdict_put(struct wire *wire, enum verdict from);

/* A whole message in and out, with the limits of a message. */
void *message_unpack(struct wire *wire, struct arena *arena, const ProtobufCMessageDescriptor *message,
                     struct span bytes);
void message_begin(struct wire *wire, struct arena *arena);
struct status message_pack(struct wire *wire, const ProtobufCMessage *message, struct span *out_bytes) MUST_CHECK;

#endif
