/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* REFS: system 00 key 00 record -> (nothing): which records bear an external number (connector.md, "Day one"). Written when
 * a leaf that writes the register comes; a number that was taken back later may stay, so whoever finds a record here looks
 * whether it still bears it. Removed with the values that an erasure covers. */

static struct status ref_key(const struct ref *ref, struct record_id record, struct arena *arena, struct span *out_key)
{
    struct buffer key;
    buffer_init(&key, arena);
    buffer_add_span(&key, ref->system);
    buffer_add_u8(&key, 0);
    buffer_add_span(&key, ref->key);
    buffer_add_u8(&key, 0);
    buffer_add(&key, record.bytes, sizeof record.bytes);
    return buffer_end(&key, out_key);
}

static struct status refs_of_value(struct core *core, struct record_id record, struct span bytes, bool remove)
{
    struct value value;
    if (!status_is_ok(value_read_register(REG_REFS, bytes, &core->scratch, &value))) {
        return status_ok(); /* foreign bytes: shown as nothing, found by nothing */
    }
    for (size_t i = 0; i < value.refs.count; i++) {
        struct span key;
        TRY(ref_key(&value.refs.refs[i], record, &core->scratch, &key));
        if (key.size <= LIMIT_STORE_KEY) {
            TRY(remove ? store_remove_one(core->store, STORE_REFS, key)
                       : store_put_one(core->store, STORE_REFS, key, (struct span){0}));
        }
    }
    return status_ok();
}

static bool is_new(const struct cached *cached, const struct sibling *sibling)
{
    const struct record *record = &cached->record;
    if (cached->was_parked) {
        return true; /* it may have come long ago and been applied now */
    }
    for (size_t i = cached->history_saved; i < record->history_count; i++) {
        if (record->history[i].replica == sibling->dot.replica && record->history[i].rseq == sibling->dot.rseq) {
            return true;
        }
    }
    return false;
}

struct status refs_update(struct core *core, struct cached *cached)
{
    const struct record_register *reg = record_register_find(&cached->record, (struct part_id){{0}}, REG_REFS);
    for (size_t i = 0; reg && i < reg->sibling_count; i++) {
        const struct sibling *sibling = &reg->siblings[i];
        if (sibling->flags & SIBLING_ERASED) {
            TRY(refs_of_value(core, cached->record.id, sibling->value, true));
        } else if (is_new(cached, sibling)) {
            TRY(refs_of_value(core, cached->record.id, sibling->value, false));
        }
    }
    return status_ok();
}
