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
    struct status status = value_read_register(REG_REFS, bytes, &core->scratch, &value);
    if (!status_is_ok(status)) { /* foreign bytes: shown as nothing, found by nothing */
        return status.code == STATUS_NO_MEMORY ? status : status_ok();
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

/* ---- who bears a number ---- */

static struct status is_borne(struct core *core, const struct record *record, const struct ref *ref, bool *out_borne)
{
    struct shown shown;
    struct value value;
    *out_borne = false;
    TRY(record_show(record, (struct part_id){{0}}, REG_REFS, &core->scratch, &shown));
    if (!shown.present || !shown.readable) {
        return status_ok();
    }
    struct status status = value_read_register(REG_REFS, shown.value, &core->scratch, &value);
    if (!status_is_ok(status)) {
        return status.code == STATUS_NO_MEMORY ? status : status_ok();
    }
    for (size_t i = 0; i < value.refs.count && !*out_borne; i++) {
        *out_borne = span_equal(value.refs.refs[i].system, ref->system) && span_equal(value.refs.refs[i].key, ref->key);
    }
    return status_ok();
}

/* The record that another one was folded into, as far as it is held. */
static struct status survivor(struct core *core, const struct record **record)
{
    for (unsigned hops = 0; hops < LIMIT_REFS_SAME; hops++) {
        struct shown shown;
        struct value value;
        TRY(record_show(*record, (struct part_id){{0}}, REG_SAME_AS, &core->scratch, &shown));
        if (!shown.present || shown.value.size == 0) {
            return status_ok();
        }
        struct status status = value_read_register(REG_SAME_AS, shown.value, &core->scratch, &value);
        if (!status_is_ok(status)) {
            return status.code == STATUS_NO_MEMORY ? status : status_ok();
        }
        status = core_record(core, value.record, record);
        if (status.code == STATUS_NOT_FOUND) {
            return status_ok();
        }
        TRY(status);
    }
    return status_ok();
}

static struct status ref_candidate(struct core *core, struct record_id id, const struct ref *ref, struct scope_id scope,
                                   bool *out_counts, struct record_id *out_id)
{
    const struct record *record;
    *out_counts = false;
    struct status status = core_record(core, id, &record);
    if (status.code == STATUS_NOT_FOUND) {
        return status_ok();
    }
    TRY(status);
    bool borne;
    TRY(is_borne(core, record, ref, &borne));
    if (!borne) {
        return status_ok();
    }
    TRY(survivor(core, &record));
    *out_id = record->id;
    *out_counts = record->created && !record_is_withdrawn(record) &&
                  (scope_is_none(scope) || scope_id_equal(record_owner(record), scope));
    return status_ok();
}

struct status core_refs(struct core *core, const struct ref *ref, struct scope_id scope, size_t limit,
                        struct record_id *out_ids, size_t *out_count)
{
    struct span from;
    struct span end;
    struct pair rows[LIMIT_REFS_SAME];
    size_t count = 0;
    size_t found = 0;
    TRY(records_flush(core));
    TRY(ref_key(ref, (struct record_id){{0}}, &core->scratch, &from));
    from.size -= sizeof(struct record_id);
    TRY(arena_copy(&core->scratch, from, &end));
    memcpy((uint8_t *)(uintptr_t)end.data + end.size - 1, "\1", 1); /* the zero byte before the record, plus one */
    if (from.size + sizeof(struct record_id) <= LIMIT_STORE_KEY) {
        TRY(core->store->ops->scan(core->store, STORE_REFS, from, end, false, LIMIT_REFS_SAME, SIZE_MAX, &core->scratch,
                                   rows, &count));
    }
    for (size_t i = 0; i < count && found < limit; i++) {
        struct record_id id;
        bool counts = false;
        if (rows[i].key.size != from.size + sizeof id.bytes) {
            continue; /* a number with a zero byte in it */
        }
        memcpy(id.bytes, rows[i].key.data + from.size, sizeof id.bytes);
        TRY(ref_candidate(core, id, ref, scope, &counts, &id));
        for (size_t k = 0; k < found && counts; k++) {
            counts = !record_id_equal(out_ids[k], id);
        }
        if (counts) {
            out_ids[found++] = id;
        }
    }
    *out_count = found;
    return status_ok();
}
