/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/exit.h"
#include "node/control/verbs.h"
#include "sync/note.h"

/* log.streams, log.verify (a slice; the CLI asks until the end and shows progress), log.show, log.head and
 * log.leaves (export). */

static json_t *stream_json(const struct stream_info *s)
{
    return json_pack("{s:i,s:o,s:i,s:o,s:I,s:o,s:I,s:I,s:b,s:b}", "number", (int)s->number, "node", json_node(s->id.node),
                     "epoch", (int)s->id.epoch, "scope", json_scope(s->id.scope), "size", (json_int_t)s->size, "root",
                     json_hash(s->root), "signed", (json_int_t)s->signed_size, "acked", (json_int_t)s->acked_size, "own",
                     s->own ? 1 : 0, "stopped", s->stopped ? 1 : 0);
}

static struct status streams_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    struct stream_info *streams = NULL;
    size_t count = 0;
    TRY(core_streams(core, arena, &streams, &count));
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, stream_json(&streams[i]));
    }
    verb->answer->reply = json_pack("{s:o}", "streams", list);
    return status_ok();
}

static void streams_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, true, streams_run);
}

static struct status verify_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    (void)arena;
    enum { SLICE = 20000 };
    uint32_t stream = (uint32_t)json_integer_value(json_object_get(verb->arguments, "stream"));
    uint64_t from = (uint64_t)json_integer_value(json_object_get(verb->arguments, "from"));
    uint64_t next = from;
    struct fault fault = {0};
    struct status status = core_verify(core, stream, from, SLICE, &next, &fault);
    if (status.code == STATUS_NOT_FOUND) {
        answer_problem(verb->answer, EXIT_NO_SUCH, "there is no stream %u here", (unsigned)stream);
        return status;
    }
    bool broken = status.code == STATUS_INVALID || status.code == STATUS_FORKED;
    if (!broken) {
        TRY(status);
    }
    verb->answer->reply = json_pack("{s:b,s:I,s:s,s:I}", "fine", broken ? 0 : 1, "next", (json_int_t)next, "what",
                                    fault.what ? fault.what : "", "at", (json_int_t)fault.at);
    return status_ok();
}

static void verify_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, true, verify_run);
}

static json_t *hex(struct span bytes, struct arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(arena, bytes.size * 2);
    for (size_t i = 0; text && i < bytes.size; i++) {
        text[2 * i] = digits[bytes.data[i] >> 4];
        text[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    return text ? json_stringn(text, bytes.size * 2) : json_null();
}

static json_t *proof_json(const struct hash *proof, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_hash(proof[i]));
    }
    return list;
}

static struct status show_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    uint32_t stream = (uint32_t)json_integer_value(json_object_get(verb->arguments, "stream"));
    uint64_t seq = (uint64_t)json_integer_value(json_object_get(verb->arguments, "seq"));
    struct stream_info *streams = NULL;
    struct wire_leaf leaf;
    struct header header;
    struct hash *proof = NULL;
    size_t count = 0;
    size_t proof_count = 0;
    TRY(core_streams(core, arena, &streams, &count));
    size_t at = 0;
    while (at < count && streams[at].number != stream) {
        at++;
    }
    if (at == count || !status_is_ok(core_leaf(core, stream, seq, arena, &leaf))) {
        answer_problem(verb->answer, EXIT_NO_SUCH, "there is no such leaf here");
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    TRY(core_inclusion(core, stream, seq, streams[at].size, arena, &proof, &proof_count));
    bool scanned = status_is_ok(header_scan(leaf.leaf, arena, &header, NULL));
    const struct kind_info *kind = scanned ? kind_info((uint32_t)header.kind) : NULL;
    verb->answer->reply =
        json_pack("{s:o,s:I,s:o,s:s,s:o,s:I,s:I,s:o,s:o,s:s%}", "stream", stream_json(&streams[at]), "seq", (json_int_t)seq,
                  "leaf", hex(leaf.leaf, arena), "kind", kind ? kind->name : "unknown", "record",
                  scanned && header.has_record ? json_record_id(header.record) : json_null(), "hlc_ms",
                  scanned ? (json_int_t)(header.hlc >> 16) : 0, "body_size", scanned ? (json_int_t)header.body_size : 0,
                  "proof", proof_json(proof, proof_count), "root", json_hash(streams[at].root), "checkpoint",
                  streams[at].note.size > 0 ? (const char *)streams[at].note.data : "", streams[at].note.size);
    return status_ok();
}

/* ---- export ---- */

static struct status stream_find(struct verb_job *verb, struct core *core, struct arena *arena,
                                 struct stream_info *out_stream)
{
    struct stream_info *streams = NULL;
    size_t count = 0;
    uint32_t number = (uint32_t)json_integer_value(json_object_get(verb->arguments, "stream"));
    TRY(core_streams(core, arena, &streams, &count));
    for (size_t i = 0; i < count; i++) {
        if (streams[i].number == number) {
            *out_stream = streams[i];
            return status_ok();
        }
    }
    answer_problem(verb->answer, EXIT_NO_SUCH, "there is no stream %u here", (unsigned)number);
    return STATUS_MAKE(STATUS_NOT_FOUND);
}

static json_t *span_json(struct span text)
{
    return json_stringn(text.size > 0 ? (const char *)text.data : "", text.size);
}

/* The log's and the hub's cosigner key as outside verifiers take them, and whether the checkpoint bears both. */
static struct status head_keys(struct verb_job *verb, struct core *core, struct arena *arena, const struct stream_info *stream)
{
    const struct registry *registry = core_registry(core);
    const struct crypto *crypto = verb->host->local->crypto;
    struct span deployment = span_text(verb->host->local->config->deployment);
    struct public_key log_key;
    struct public_key cosigner_key;
    struct span origin;
    struct span cosigner;
    struct span lines[2];
    struct note note;
    uint64_t time_s = 0;
    TRY(origin_write(deployment, &stream->id, arena, &origin));
    TRY(cosigner_name_write(deployment, registry->hub, arena, &cosigner));
    TRY(registry_key(registry, stream->id.node, KEY_LOG, stream->id.epoch, log_key.bytes));
    TRY(registry_key(registry, registry->hub, KEY_COSIGNER, UINT32_MAX, cosigner_key.bytes));
    TRY(note_verifier_key(crypto, origin, NOTE_KEY_ED25519, &log_key, arena, &lines[0]));
    TRY(note_verifier_key(crypto, cosigner, NOTE_KEY_COSIGNATURE, &cosigner_key, arena, &lines[1]));
    TRY(note_parse(stream->note, arena, &note, NULL));
    bool cosigned = status_is_ok(cosignature_verify(crypto, &note, cosigner, &cosigner_key, arena, &time_s));
    verb->answer->reply = json_pack("{s:o,s:o,s:o,s:I,s:o,s:b}", "origin", span_json(origin), "key", span_json(lines[0]),
                                    "cosigner", span_json(lines[1]), "size", (json_int_t)stream->signed_size, "checkpoint",
                                    span_json(stream->note), "cosigned", cosigned ? 1 : 0);
    return status_ok();
}

static struct status head_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    struct stream_info stream;
    TRY(stream_find(verb, core, arena, &stream));
    if (stream.note.size == 0) {
        answer_problem(verb->answer, EXIT_NO_SUCH, "this stream has no signed checkpoint yet: it gets one when it is sent");
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    struct status status = head_keys(verb, core, arena, &stream);
    if (status.code == STATUS_NOT_FOUND) {
        answer_problem(verb->answer, EXIT_NO_SUCH, "the key of this log's writer is not in the registry here");
    }
    return status;
}

static void head_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, true, head_run);
}

static json_t *base64_json(struct span bytes, struct arena *arena)
{
    struct buffer buffer;
    struct span text;
    buffer_init(&buffer, arena);
    base64_write(&buffer, bytes);
    return status_is_ok(buffer_end(&buffer, &text)) ? span_json(text) : json_null();
}

static struct status leaf_add(struct core *core, uint32_t stream, uint64_t seq, uint64_t size, struct arena *arena, json_t *list)
{
    struct wire_leaf leaf;
    struct hash *proof = NULL;
    size_t count = 0;
    TRY(core_leaf(core, stream, seq, arena, &leaf));
    TRY(core_inclusion(core, stream, seq, size, arena, &proof, &count));
    json_t *hashes = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(hashes, base64_json(span_of(proof[i].bytes, sizeof proof[i].bytes), arena));
    }
    json_array_append_new(list, json_pack("{s:o,s:o}", "leaf", base64_json(leaf.leaf, arena), "proof", hashes));
    return status_ok();
}

/* A slice of leaves from "from" on, with proofs of inclusion in the tree of "size" leaves. */
static struct status leaves_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    enum { SLICE = 200 };
    struct stream_info stream;
    uint64_t from = (uint64_t)json_integer_value(json_object_get(verb->arguments, "from"));
    uint64_t size = (uint64_t)json_integer_value(json_object_get(verb->arguments, "size"));
    json_t *list = json_array();
    struct status status = stream_find(verb, core, arena, &stream);
    size = status_is_ok(status) && size > stream.size ? stream.size : size;
    for (uint64_t seq = from; status_is_ok(status) && seq < size && seq - from < SLICE; seq++) {
        status = leaf_add(core, stream.number, seq, size, arena, list);
    }
    verb->answer->reply = json_pack("{s:o}", "leaves", list);
    return status;
}

static void leaves_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, true, leaves_run);
}

static void show_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, true, show_run);
}

const struct control_verb verbs_log[] = {
    {"log.streams", false, streams_verb},
    {"log.verify", false, verify_verb},
    {"log.show", false, show_verb},
    {"log.head", false, head_verb},
    {"log.leaves", false, leaves_verb},
    {NULL, false, NULL},
};
