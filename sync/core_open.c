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

static bool root_is(struct core *core, const struct tree_source *source, uint64_t size, const struct hash *root)
{
    struct hash stored;
    return status_is_ok(tree_root_at(source, core->crypto, size, &stored)) && hash_equal(stored, *root);
}

/* The first leaf of the first perfect subtree that is not the one that was signed: as near as the tree can tell where the
 * leaf's own hash is not stored apart. */
static uint64_t first_difference(const struct tree_source *source, const struct tree_range *range)
{
    uint64_t first = 0;
    for (unsigned level = 64; level-- > 0;) {
        struct hash stored;
        if ((range->size >> level & 1) == 0) {
            continue;
        }
        struct status status = source->hash(source->owner, level, first >> level, &stored);
        if (!status_is_ok(status) || !hash_equal(stored, range->nodes[level])) {
            break;
        }
        first += UINT64_C(1) << level;
    }
    return first;
}

/* The stored leaves must give the tree of the row. What the row says the hub has cosigned must be the beginning of the
 * leaves: where it is not, hello would take the hub's answer for another history. The last signed note must be of them. */
struct status stream_check(struct core *core, struct stream *stream, struct fault *fault)
{
    struct tree_tiles tiles;
    struct hash kept;
    uint64_t size = stream->range.size;
    stream_tails_forget(core);
    struct status status = stream_tiles(core, stream, &core->scratch, &tiles);
    if (status.code == STATUS_INVALID || status.code == STATUS_NOT_FOUND) {
        return fault_set(fault, STATUS_FORKED, "stored entries cannot be read", "size", size);
    }
    TRY(status);
    struct tree_source source = tree_tiles_source(&tiles);
    tree_range_root(&stream->range, core->crypto, &kept);
    if (!root_is(core, &source, size, &kept)) {
        return fault_set(fault, STATUS_FORKED, "this entry or one of those behind it is not the one that was signed", "seq",
                         first_difference(&source, &stream->range));
    }
    tree_range_root(&stream->acked, core->crypto, &kept);
    if (stream->acked.size > size || !root_is(core, &source, stream->acked.size, &kept)) {
        return fault_set(fault, STATUS_FORKED, "what the hub acknowledged is not what is stored", "size", stream->acked.size);
    }
    bool is_note_held = stream->note_size > 0 && (stream->own || stream->note_size <= size);
    if (is_note_held && (stream->note_size > size || !root_is(core, &source, stream->note_size, &stream->note_root))) {
        return fault_set(fault, STATUS_FORKED, "the signed checkpoint is not of the stored entries", "size", stream->note_size);
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
            TRY(stream_check(core, core->set.streams[i], NULL));
        }
    }
    return status_ok();
}

struct status core_find_damage(struct core *core, struct stream_id *out_stream, uint32_t *out_number, struct fault *out_fault)
{
    for (uint32_t i = 0; i < core->set.count; i++) {
        const struct stream *stream = core->set.streams[i];
        struct fault fault = {.what = NULL};
        uint64_t at = 0;
        do {
            arena_clear(&core->scratch);
            struct status status = core_verify(core, stream->number, at, UINT64_MAX, &at, &fault);
            if (status.code == STATUS_FORKED) {
                *out_stream = stream->id;
                *out_number = stream->number;
                *out_fault = fault;
                return status_ok();
            }
            TRY(status);
        } while (at < stream->range.size);
    }
    return STATUS_MAKE(STATUS_NOT_FOUND);
}
