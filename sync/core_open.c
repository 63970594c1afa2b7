/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

static struct status add_key(struct core *core, enum key_use use, enum signing_key which)
{
    struct public_key key;
    TRY(core->crypto->public_key(core->crypto->owner, which, &key));
    struct registry_entry entry = {.kind = KIND_REG_KEY,
                                   .node = core->self,
                                   .epoch = 1,
                                   .key_use = use,
                                   .key = span_of(key.bytes, sizeof key.bytes),
                                   .active = true};
    return core_registry_add(core, &entry);
}

/* The registry begins with the hub itself, its keys and roles. */
static struct status hub_begin(struct core *core)
{
    struct registry_entry hub = {.kind = KIND_REG_HUB, .node = core->self, .name = core->options.deployment};
    struct registry_entry node = {.kind = KIND_REG_NODE,
                                  .node = core->self,
                                  .name = core->options.deployment,
                                  .institution = INSTITUTION_HUB,
                                  .active = true};
    struct registry_entry epoch = {.kind = KIND_REG_EPOCH, .node = core->self, .epoch = 1};
    struct registry_entry role = {.kind = KIND_REG_ROLE, .node = core->self};
    for (uint32_t r = ROLE_CLERK; r <= ROLE_AUTOMATIC; r++) {
        role.roles |= 1u << r;
    }
    TRY(core_registry_add(core, &hub));
    TRY(core_registry_add(core, &node));
    TRY(core_registry_add(core, &epoch));
    TRY(core_registry_add(core, &role));
    TRY(add_key(core, KEY_LOG, SIGN_LOG));
    return add_key(core, KEY_COSIGNER, SIGN_COSIGNER);
}

/* What the row says the hub has cosigned must be the beginning of the leaves: where it is not, hello would take the hub's
 * answer for another history. */
static struct status acked_check(struct core *core, const struct stream *stream, const struct tree_source *source)
{
    struct hash stored;
    struct hash kept;
    if (stream->acked.size > stream->range.size) {
        return STATUS_MAKE(STATUS_FORKED);
    }
    TRY(tree_root_at(source, core->crypto, stream->acked.size, &stored));
    tree_range_root(&stream->acked, core->crypto, &kept);
    return hash_equal(stored, kept) ? status_ok() : STATUS_MAKE(STATUS_FORKED);
}

/* The stored leaves must give the tree of the row, and the last signed note must be of it. */
static struct status stream_check(struct core *core, struct stream *stream)
{
    struct tree_tiles tiles;
    struct hash stored;
    struct hash kept;
    TRY(stream_tiles(core, stream, &core->scratch, &tiles));
    struct tree_source source = tree_tiles_source(&tiles);
    TRY(tree_root_at(&source, core->crypto, stream->range.size, &stored));
    tree_range_root(&stream->range, core->crypto, &kept);
    if (!hash_equal(stored, kept)) {
        return STATUS_MAKE(STATUS_FORKED);
    }
    TRY(acked_check(core, stream, &source));
    if (stream->note_size > stream->range.size) {
        return STATUS_MAKE(STATUS_FORKED);
    }
    if (stream->note_size > 0) {
        TRY(tree_root_at(&source, core->crypto, stream->note_size, &stored));
        return hash_equal(stored, stream->note_root) ? status_ok() : STATUS_MAKE(STATUS_FORKED);
    }
    return status_ok();
}

struct status core_open(struct core *core)
{
    if (core->meta.epoch == 0) {
        TRY(epoch_begin(core, 1));
        return core->is_hub ? hub_begin(core) : status_ok();
    }
    for (uint32_t i = 0; i < core->set.count; i++) {
        if (core->set.streams[i]->own) {
            TRY(stream_check(core, core->set.streams[i]));
        }
    }
    return status_ok();
}
