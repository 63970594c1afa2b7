/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_NOTE_H
#define SYNC_NOTE_H

#include "proto/ids.h"
#include "proto/limits.h"
#include "proto/memory.h"
#include "sync/crypto.h"

/* Signed notes (C2SP signed-note v1.0.0), checkpoints (tlog-checkpoint v1.0.0: origin, decimal size, base64 root, three
 * lines, no extensions) and cosignatures (tlog-cosignature v1.0.1, cosignature/v1). See log.md, "Hashes" and
 * "Witnesses".
 *
 *   sync.demo/o/64.09/1/64.09
 *   1234
 *   CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
 *
 *   — sync.demo/o/64.09/1/64.09 base64(keyid4 || signature64)
 *   — sync.demo/w/hub base64(keyid4 || be64 seconds || signature64)
 *
 * Guarantees (tests/unit/sync/test_note*.c, tests/system/verify-go): Go's sumdb/note opens what we sign; one accepted
 * encoding (canonical base64, no leading zeros, no CR, no space too many), so write(parse(n)) == n; nothing verifies
 * after any change of a byte of text or of the signature asked about. Strings are not terminated; spans say where they
 * live. */

enum note_key_type {
    NOTE_KEY_ED25519 = 1,     /* log keys: pure Ed25519 over the text */
    NOTE_KEY_COSIGNATURE = 4, /* cosigners: timestamped, Ed25519 */
};

/* Deployment names: [a-z0-9.-], 1 to LIMIT_DEPLOYMENT_SIZE bytes, no '/' . INVALID, LIMIT. */
struct status deployment_check(struct span deployment) MUST_CHECK;

/* sync.<deployment>/o/<node>/<epoch>/<scope>, in `arena`. INVALID for a bad deployment or an empty id or epoch. */
struct status origin_write(struct span deployment, const struct stream_id *stream, struct arena *arena,
                           struct span *out_origin) MUST_CHECK;
/* The reverse; out_deployment points into `origin`. INVALID for anything that origin_write would not write. */
struct status origin_parse(struct span origin, struct span *out_deployment, struct stream_id *out_stream) MUST_CHECK;
/* sync.<deployment>/w/<node>, in `arena`. */
struct status cosigner_name_write(struct span deployment, struct node_id node, struct arena *arena,
                                  struct span *out_name) MUST_CHECK;
struct status cosigner_name_parse(struct span name, struct span *out_deployment, struct node_id *out_node) MUST_CHECK;

struct note_key_id {
    uint8_t bytes[4];
};

/* SHA-256(name || 0A || type || public key)[0..4]. */
void note_key_id(const struct crypto *crypto, struct span name, enum note_key_type type, const struct public_key *key,
                 struct note_key_id *out_id);
/* What outside verifiers take, as Go's note.NewVerifier: <name>+<key id in hex>+<base64(type || key)>. */
struct status note_verifier_key(const struct crypto *crypto, struct span name, enum note_key_type type,
                                const struct public_key *key, struct arena *arena, struct span *out_text) MUST_CHECK;

struct note_signature {
    struct span line; /* the whole line with its newline; points into the note */
    struct span name; /* points into the note */
    struct note_key_id key_id;
    struct span value; /* what follows the key id: 64 bytes for a log key, 72 for a cosigner; in the arena */
};

/* A signed checkpoint, parsed; nothing about it is verified. */
struct note {
    struct span bytes;  /* all of it */
    struct span text;   /* the three lines, what is signed; points into bytes */
    struct span origin; /* points into bytes; any name, not only origin_parse's */
    uint64_t size;
    struct hash root;
    const struct note_signature *signatures; /* in the arena */
    size_t signature_count;                  /* 1 to LIMIT_NOTE_SIGNATURES, all of different (name, key id) */
};

/* `bytes` and `arena` must outlive out_note. LIMIT above LIMIT_NOTE_SIZE, LIMIT_NOTE_SIGNATURES or LIMIT_TREE_SIZE,
 * INVALID for anything else that is not exactly a signed checkpoint, with fault->at the byte offset. Signatures by
 * unknown keys and of unknown types are kept and mean nothing. Names are printable ASCII without space and '+'. */
struct status note_parse(struct span bytes, struct arena *arena, struct note *out_note, struct fault *fault) MUST_CHECK;

/* Makes the checkpoint of an own stream: text and one line by SIGN_LOG under the name `origin`. DENIED without the key.
 * Ed25519 is deterministic: the same input gives the same note. */
struct status checkpoint_sign(const struct crypto *crypto, struct span origin, uint64_t size, const struct hash *root,
                              struct arena *arena, struct span *out_note) MUST_CHECK;
/* DENIED unless the note is of this origin and bears a valid line by `key` under that name. */
struct status checkpoint_verify(const struct crypto *crypto, const struct note *note, struct span origin,
                                const struct public_key *key) MUST_CHECK;

/* One signature line by SIGN_COSIGNER over a checkpoint that the caller has verified and found to follow all that it
 * cosigned before. `time_s`: seconds since 1970, above 0. */
struct status cosign(const struct crypto *crypto, const struct note *note, struct span cosigner_name, uint64_t time_s,
                     struct arena *arena, struct span *out_line) MUST_CHECK;
/* DENIED unless the note bears a valid cosignature of `key` under that name. NO_MEMORY: the arena holds the message. */
struct status cosignature_verify(const struct crypto *crypto, const struct note *note, struct span cosigner_name,
                                 const struct public_key *key, struct arena *arena, uint64_t *out_time_s) MUST_CHECK;

/* The note with `line` (one signature line with its newline) at its end, instead of an earlier line of the same name
 * and key id. INVALID if either does not parse, LIMIT above the note's bounds. The line is not verified here: verify
 * the result, or the line of a note made by adding it. */
struct status note_add_line(const struct note *note, struct span line, struct arena *arena, struct span *out_note,
                            struct fault *fault) MUST_CHECK;

/* Base64 of RFC 4648 section 4, padded; one accepted encoding (no white space, unused bits zero). */
void base64_write(struct buffer *buffer, struct span bytes);
struct status base64_read(struct span text, struct arena *arena, struct span *out_bytes) MUST_CHECK;

/* Decimal digits without leading zeros; read takes at most 19 of them. INVALID for anything else. */
void decimal_write(struct buffer *buffer, uint64_t value);
struct status decimal_read(struct span text, uint64_t *out_value) MUST_CHECK;

#endif
