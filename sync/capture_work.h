/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_CAPTURE_WORK_H
#define SYNC_CAPTURE_WORK_H

#include "sync/capture.h"

/* Inside sync/capture: one decision in the making. Not for others. */

struct capture_work {
    const struct capture_source *source;
    const struct capture_input *input;
    struct arena *arena;
    struct capture_decision out;
    struct shadow *shadow; /* copy that may change, with room for every register of the row; NULL: none yet */
    bool changed;          /* it differs from what is stored */
    bool decided;          /* out.action stands */
};

/* Room for all drafts of the decision, with the first of them: most decisions make none. */
struct status capture_drafts_room(struct capture_work *work) MUST_CHECK;
/* Ends the decision. */
void capture_set(struct capture_work *work, enum capture_action action);
void capture_waits(struct capture_work *work, enum capture_wait wait); /* keeps the first reason */
void capture_item_add(struct capture_work *work, enum capture_item_kind kind, uint32_t number, const char *problem);
/* The register of the shadow, made empty if it is not there yet. */
struct shadow_register *capture_slot(struct capture_work *work, uint32_t number);
struct shadow_register *capture_slot_in(struct shadow *shadow, uint32_t number); /* room: capture_shadow_room */
struct status capture_shadow_room(const struct shadow *shadow, size_t more, struct arena *arena,
                                  struct shadow **out_shadow) MUST_CHECK;

void capture_value_digest(const struct capture_source *source, struct span value, struct hash *out_hash);
bool capture_value_is(const struct capture_source *source, struct span value, const struct hash *digest);
bool capture_has_left(const struct capture_source *source, const struct record *record);
bool capture_is_own(const struct capture_source *source, struct replica replica); /* own lane, any epoch */
bool capture_is_flag(uint32_t number);                                            /* confidential, anonymous */
const struct capture_register *capture_row_register(const struct capture_row *row, uint32_t number);
struct status capture_read_flag(struct span value, struct arena *arena, bool *out_flag) MUST_CHECK;
struct status capture_read_status(struct span value, struct arena *arena, enum complaint_status *out_status) MUST_CHECK;

/* capture_check.c: may the row be compared at all; repairs what a restored store has lost. Sets decided if not. */
struct status capture_check(struct capture_work *work) MUST_CHECK;
bool capture_holds(const struct record *record, const struct ctx_entry *entry);
bool capture_is_behind(const struct capture_source *source, const struct record *record);
/* capture_erase.c: blanking comes first. */
struct status capture_erase(struct capture_work *work) MUST_CHECK;

/* capture_context.c */
struct status capture_own_current(const struct capture_source *source, const struct record *record, struct part_id part,
                                  uint32_t number, const struct shadow_vector *vector, struct arena *arena,
                                  struct shadow_vector *out_own) MUST_CHECK;
/* Pointwise minimum over the last form window, own lane current. `also` (may be NULL) is a digest of raw cells: vectors
 * under which the row showed those cells join the minimum. */
struct status capture_context(const struct capture_source *source, const struct record *record, struct part_id part,
                              const struct shadow_register *reg, const struct shadow_digest *also, uint64_t now_ms,
                              struct arena *arena, struct shadow_vector *out_vector) MUST_CHECK;
/* Context of a withdrawal: all registers and parts of the record. */
struct status capture_context_all(const struct capture_work *work, struct shadow_vector *out_vector) MUST_CHECK;

/* capture_done.c: an own capture joins the vectors that write-backs replaced. */
struct status capture_raise(struct shadow_register *known, const struct record *record, struct part_id part,
                            struct ctx_entry leaf, struct arena *arena) MUST_CHECK;

/* capture_edit.c: row against shadow. Adds drafts, items and shadow changes. */
struct status capture_compare(struct capture_work *work) MUST_CHECK;
/* The living sibling with this value, NULL: none. */
const struct sibling *capture_sibling_with(const struct record_register *reg, struct span value);
struct status capture_draft_add(struct capture_work *work, enum kind kind, const struct shadow_vector *ctx,
                                uint32_t number, struct span value) MUST_CHECK;
/* capture_due.c: record against shadow. Adds writes. */
struct status capture_due(struct capture_work *work) MUST_CHECK;

#endif
