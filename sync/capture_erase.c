/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/capture_work.h"

/* Blanking (log.md, "Erase"): does not wait for acknowledgements, comes before every capture and reaches also a row
 * whose record has left. A value is blanked when the leaf it came from is erased; a value that no leaf knows, when it
 * stands in a row of an erased complaint; and bytes that were blanked here, when an old form brings them back within 24
 * h. */

static bool erasure_reaches(const struct erasure *erasure, struct part_id part, uint32_t number)
{
    bool here = part_id_is_none(erasure->part) || part_id_equal(erasure->part, part);
    enum class class = register_class(number);
    return here && class != CLASS_PUBLIC && class >= erasure->class;
}

static bool leaf_is_erased(const struct record *record, const struct ctx_entry *leaf)
{
    const struct history_entry *entry = record_history_find(record, leaf->replica, leaf->rseq);
    return entry && (entry->flags & HISTORY_ERASED);
}

/* An erasure that erased something: a late one, which erases nothing, leaves no such mark. */
static bool record_has_erased(const struct record *record)
{
    for (size_t i = 0; i < record->history_count; i++) {
        if (record->history[i].flags & HISTORY_ERASED) {
            return true;
        }
    }
    return false;
}

static bool is_done(const struct shadow *shadow, struct dot dot)
{
    for (size_t i = 0; i < shadow->erasure_count; i++) {
        if (dot_equal(shadow->erasures[i].dot, dot)) {
            return true;
        }
    }
    return false;
}

static bool came_back(const struct capture_work *work, const struct capture_register *reg)
{
    const struct shadow *shadow = work->shadow;
    if (shadow->blanked_count == 0) {
        return false;
    }
    struct shadow_digest digest;
    shadow_cells_digest(work->source->crypto, work->source->secret, reg->cells, reg->cell_count, &digest);
    for (size_t i = 0; i < shadow->blanked_count; i++) {
        const struct shadow_blanked *blanked = &shadow->blanked[i];
        if (blanked->number == reg->number && work->input->now_ms <= blanked->at_ms + LIMIT_SHADOW_KEEP_MS &&
            memcmp(blanked->raw.bytes, digest.bytes, sizeof digest.bytes) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_to_blank(struct capture_work *work, const struct capture_register *reg, bool any_new)
{
    const struct record *record = work->input->record;
    const struct shadow_register *known = shadow_register_find(work->shadow, reg->number);
    if (known && known->leaf.rseq > 0 && leaf_is_erased(record, &known->leaf)) {
        return true;
    }
    bool unchanged = known && shadow_cells_equal(known->cells, known->cell_count, reg->cells, reg->cell_count);
    if (!unchanged && came_back(work, reg)) {
        capture_item_add(work, ITEM_BLANKED_AGAIN, reg->number, NULL);
        return true;
    }
    if (!any_new || (known && known->leaf.rseq > 0) || !record_has_erased(record)) {
        return false;
    }
    for (size_t i = 0; i < record->erasure_count; i++) {
        const struct erasure *erasure = &record->erasures[i];
        if (!is_done(work->shadow, record_dot(record, erasure->dot)) &&
            erasure_reaches(erasure, work->shadow->part, reg->number)) {
            return true;
        }
    }
    return false;
}

/* Bodies that it covers are still to be destroyed: the hold is running. */
static bool is_held_back(const struct record *record, const struct erasure *erasure, const size_t *bodies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct history_entry *entry = &record->history[bodies[i]];
        bool here = part_id_is_none(erasure->part) || part_id_equal(erasure->part, entry->part);
        if (here && entry->class >= erasure->class) {
            return true;
        }
    }
    return false;
}

/* Erasures of this row or part that are not yet marked as carried out. */
static struct status collect(struct capture_work *work, struct dot **out_dots, size_t *out_count)
{
    const struct record *record = work->input->record;
    struct dot *dots = arena_array(work->arena, record->erasure_count, sizeof *dots);
    if (!dots) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t *bodies;
    size_t body_count;
    TRY(record_erased_bodies(record, work->arena, &bodies, &body_count));
    size_t count = 0;
    for (size_t i = 0; i < record->erasure_count; i++) {
        const struct erasure *erasure = &record->erasures[i];
        struct dot dot = record_dot(record, erasure->dot);
        bool here = part_id_is_none(erasure->part) || part_id_equal(erasure->part, work->shadow->part);
        if (here && erasure->applied && !is_done(work->shadow, dot) &&
            !is_held_back(record, erasure, bodies, body_count)) {
            dots[count++] = dot;
        }
    }
    *out_dots = dots;
    *out_count = count;
    return status_ok();
}

struct status capture_erase(struct capture_work *work)
{
    const struct capture_row *row = work->input->row;
    if (work->input->record->erasure_count == 0 && work->shadow->blanked_count == 0) {
        return status_ok();
    }
    struct dot *dots;
    size_t count;
    TRY(collect(work, &dots, &count));
    for (size_t i = 0; i < row->register_count; i++) {
        const struct capture_register *reg = &row->registers[i];
        if (reg->cell_count > 0 && is_to_blank(work, reg, count > 0)) {
            work->out.writes[work->out.write_count++] = (struct capture_write){.number = reg->number};
        }
    }
    if (work->out.write_count == 0 && count == 0) {
        return status_ok();
    }
    /* With nothing to write it is still a BLANK: the completion marks the erasure as carried out. */
    work->out.erasures = dots;
    work->out.erasure_count = count;
    capture_set(work, CAPTURE_BLANK);
    return status_ok();
}
