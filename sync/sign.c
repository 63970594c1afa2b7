/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

struct status stream_origin(struct core *core, struct stream_id stream, struct arena *arena, struct span *out_origin)
{
    return origin_write(core->options.deployment, &stream, arena, out_origin);
}

struct status stream_sign(struct core *core, struct stream *stream, struct arena *arena, struct span *out_note)
{
    if (stream->note_size == stream->range.size && stream->note_size > 0) {
        return stream_note(core, stream, arena, out_note);
    }
    struct span origin;
    struct span note;
    struct hash root;
    TRY(stream_origin(core, stream->id, arena, &origin));
    tree_range_root(&stream->range, core->crypto, &root);
    TRY(checkpoint_sign(core->crypto, origin, stream->range.size, &root, arena, &note));
    TRY(stream_note_set(core, stream, stream->range.size, &root, note));
    *out_note = note;
    return status_ok();
}

struct status note_cosign(struct core *core, const struct note *note, struct arena *arena, struct span *out_note)
{
    struct span name;
    struct span line;
    uint64_t seconds = core->now_ms / 1000;
    TRY(cosigner_name_write(core->options.deployment, core->self, arena, &name));
    TRY(cosign(core->crypto, note, name, seconds > 0 ? seconds : 1, arena, &line));
    return note_add_line(note, line, arena, out_note, NULL);
}

struct status note_check_cosigned(struct core *core, const struct note *note)
{
    struct span name;
    struct public_key key;
    uint64_t seconds;
    TRY(cosigner_name_write(core->options.deployment, core->hub, &core->scratch, &name));
    struct status status = STATUS_MAKE(STATUS_DENIED);
    if (status_is_ok(registry_key(&core->registry, core->hub, KEY_COSIGNER, UINT32_MAX, key.bytes))) {
        status = cosignature_verify(core->crypto, note, name, &key, &core->scratch, &seconds);
    }
    if (!status_is_ok(status)) {
        status = cosignature_verify(core->crypto, note, name, &core->options.hub_cosigner_key, &core->scratch,
                                    &seconds);
    }
    return status;
}
