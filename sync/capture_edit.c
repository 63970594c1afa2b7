/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "conflict/workflow.h"
#include "sync/capture_work.h"

/* What clerks did: raw column differs from raw shadow. Canonical values of the two sides are never compared. */

static bool ctx_is(const struct draft *draft, const struct shadow_vector *ctx)
{
    struct shadow_vector other = {.count = draft->ctx_count};
    /* Written by capture_draft_add from a vector of ours. */
    memcpy(&other.entries, &draft->ctx, sizeof other.entries);
    return shadow_vector_equal(&other, ctx);
}

/* Who may change a column is settled by the legacy system's own rights: what only an admin may write (the OPD, hiding a
 * follow-up) is written as the institution's admin, all else as its clerk. */
static enum role role_for(enum kind kind, uint32_t number)
{
    return record_role_may(ROLE_CLERK, kind, number) ? ROLE_CLERK : ROLE_ADMIN;
}

static struct draft *draft_for(struct capture_work *work, enum kind kind, enum role role,
                               const struct shadow_vector *ctx)
{
    for (size_t i = 0; i < work->out.draft_count; i++) {
        const struct draft *draft = &work->out.drafts[i];
        if (draft->kind == kind && draft->role == role && ctx_is(draft, ctx)) {
            return &work->out.drafts[i];
        }
    }
    struct draft *draft = &work->out.drafts[work->out.draft_count++];
    *draft = (struct draft){.record = work->shadow->record,
                            .kind = kind,
                            .lane = work->source->lane,
                            .role = role,
                            .actor = work->source->actor,
                            .part = work->shadow->part,
                            .ctx = ctx->entries,
                            .ctx_count = ctx->count};
    return draft;
}

static struct status draft_seen(struct capture_work *work, struct draft *draft)
{
    struct dot *seen = arena_array(work->arena, work->shadow->erasure_count, sizeof *seen);
    if (!seen) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t count = 0;
    for (size_t i = 0; i < work->shadow->erasure_count && count < LIMIT_ERASURES_SEEN; i++) {
        if (!work->shadow->erasures[i].seen) {
            continue;
        }
        size_t at = count++;
        while (at > 0 && dot_compare(seen[at - 1], work->shadow->erasures[i].dot) > 0) {
            seen[at] = seen[at - 1];
            at--;
        }
        seen[at] = work->shadow->erasures[i].dot;
    }
    draft->erasures_seen = seen;
    draft->erasures_seen_count = count;
    return status_ok();
}

/* Registers with equal contexts go into one change; called in ascending order of numbers, except for presence. */
struct status capture_draft_add(struct capture_work *work, enum kind kind, const struct shadow_vector *ctx,
                                uint32_t number, struct span value)
{
    if (ctx->count > LIMIT_CTX_COUNT) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    TRY(capture_drafts_room(work));
    struct draft *draft = draft_for(work, kind, role_for(kind, number), ctx);
    struct body_value *values = arena_array(work->arena, draft->value_count + 1, sizeof *values);
    if (!values) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t at = 0;
    while (at < draft->value_count && draft->values[at].number < number) {
        values[at] = draft->values[at];
        at++;
    }
    values[at] = (struct body_value){.number = number, .bytes = value};
    for (size_t i = at; i < draft->value_count; i++) {
        values[i + 1] = draft->values[i];
    }
    draft->values = values;
    draft->value_count++;
    return draft_seen(work, draft);
}

/* ---- one register that differs ---- */

static void take_row(struct capture_work *work, const struct capture_register *reg, struct shadow_register *known)
{
    memcpy(&known->cells, &reg->cells, sizeof known->cells); /* borrowed, never written through */
    known->cell_count = reg->cell_count;
    known->flags = 0;
    if (reg->present) {
        capture_value_digest(work->source, reg->value, &known->sent);
        known->flags |= SHADOW_SENT;
    }
    work->changed = true;
}

struct match {
    bool open;   /* a form that was certainly old may have put it back */
    bool closed; /* within 24 h of the write-back */
};

static struct match match_past(const struct shadow_register *known, const struct shadow_digest *raw, uint64_t now_ms)
{
    struct match match = {.open = false};
    for (size_t i = 0; i < known->past_count; i++) {
        const struct shadow_past *past = &known->past[i];
        if (memcmp(past->raw.bytes, raw->bytes, sizeof raw->bytes) != 0) {
            continue;
        }
        if (past->open) {
            match.open = true;
        } else if (now_ms <= past->replaced_at_ms + LIMIT_SHADOW_KEEP_MS) {
            match.closed = true;
        }
    }
    return match;
}

/* REG_STATUS: whether the workflow table knows the step from the value in the row to the new one. */
static struct status step_is_known(struct capture_work *work, const struct shadow_register *known, struct span value,
                                   bool *out_known, bool *out_flagged)
{
    enum complaint_status next;
    TRY(capture_read_status(value, work->arena, &next));
    *out_known = known->status != COMPLAINT_NONE && workflow_knows(known->status, next);
    *out_flagged = known->status != COMPLAINT_NONE && !*out_known;
    return status_ok();
}

static struct status capture_edit(struct capture_work *work, const struct shadow_register *known,
                                  const struct capture_register *reg, struct span value)
{
    struct shadow_digest raw;
    shadow_cells_digest(work->source->crypto, work->source->secret, reg->cells, reg->cell_count, &raw);
    struct match match = match_past(known, &raw, work->input->now_ms);
    if (known->flags & SHADOW_RECAPTURE) {
        match = (struct match){.open = false};
    }
    bool step_known = false;
    bool step_flagged = false;
    if (reg->number == REG_STATUS) {
        TRY(step_is_known(work, known, value, &step_known, &step_flagged));
    }
    bool old = (match.open || match.closed) && !step_known;
    struct shadow_vector ctx;
    TRY(capture_context(work->source, work->input->record, work->shadow->part, known, old ? &raw : NULL,
                        work->input->now_ms, work->arena, &ctx));
    bool stale = old && match.open;
    if (stale) {
        capture_item_add(work, ITEM_STALE, reg->number, NULL);
    } else if (step_flagged) {
        capture_item_add(work, ITEM_STEP, reg->number, NULL);
    }
    return capture_draft_add(work, stale ? KIND_STALE_EDIT : KIND_EDIT, &ctx, reg->number, value);
}

/* A set: what the clerk wrote joins what is there, so the change may cover everything and loses nothing. */
static struct status capture_refs(struct capture_work *work, struct shadow_register *known,
                                  const struct capture_register *reg)
{
    struct shown shown;
    TRY(record_show(work->input->record, work->shadow->part, reg->number, work->arena, &shown));
    struct span before = shown.present ? shown.value : (struct span){.size = 0};
    struct span all;
    TRY(value_refs_union(before, reg->value, work->arena, &all));
    if (shown.present && span_equal(all, before)) {
        take_row(work, reg, known);
        return status_ok();
    }
    struct shadow_vector ctx;
    TRY(record_token(work->input->record, work->arena, &ctx.entries, &ctx.count));
    return capture_draft_add(work, KIND_EDIT, &ctx, reg->number, all);
}

/* Confidential, anonymous: stricter is an edit; looser writes no leaf, is set right again by the next write-back, and
 * an admin is told. */
static struct status capture_flag(struct capture_work *work, struct shadow_register *known,
                                  const struct capture_register *reg)
{
    bool strict = false;
    if (reg->present) {
        TRY(capture_read_flag(reg->value, work->arena, &strict));
    }
    if (strict) {
        return capture_edit(work, known, reg, reg->value);
    }
    struct shown shown;
    bool was_strict = false;
    TRY(record_show(work->input->record, work->shadow->part, reg->number, work->arena, &shown));
    if (shown.present) {
        TRY(capture_read_flag(shown.value, work->arena, &was_strict));
    }
    if (was_strict && reg->present) {
        capture_item_add(work, ITEM_LOOSENED, reg->number, NULL);
    }
    take_row(work, reg, known);
    return status_ok();
}

/* All columns NULL where a value was: for what may be empty that is a value, else it goes to the quarantine. */
static bool may_be_empty(uint32_t number)
{
    const struct register_info *info = register_info(number);
    enum value_type type = info ? info->type : VALUE_OPAQUE;
    return type == VALUE_TEXT || type == VALUE_PLACE || type == VALUE_ASSIGN || type == VALUE_TIME ||
           type == VALUE_NUMBER;
}

static struct status compare_register(struct capture_work *work, const struct capture_register *reg,
                                      struct shadow_register *known)
{
    if (reg->problem) {
        capture_item_add(work, ITEM_QUARANTINE, reg->number, reg->problem);
        return status_ok();
    }
    if (capture_is_flag(reg->number)) {
        return capture_flag(work, known, reg);
    }
    if (reg->present) {
        return reg->number == REG_REFS ? capture_refs(work, known, reg) : capture_edit(work, known, reg, reg->value);
    }
    if (!(known->flags & SHADOW_SENT) && known->leaf.rseq == 0) {
        take_row(work, reg, known); /* it never had a value: another spelling of nothing */
    } else if (may_be_empty(reg->number)) {
        return capture_edit(work, known, reg, (struct span){.size = 0});
    } else {
        capture_item_add(work, ITEM_QUARANTINE, reg->number, "the value was emptied, which this field does not know");
    }
    return status_ok();
}

/* ---- registers that the shadow does not know: a new mapping, a completed claim, a bound row ---- */

const struct sibling *capture_sibling_with(const struct record_register *reg, struct span value)
{
    for (size_t i = 0; reg && i < reg->sibling_count; i++) {
        const struct sibling *sibling = &reg->siblings[i];
        if (!(sibling->flags & (SIBLING_ERASED | SIBLING_MISSING)) && span_equal(sibling->value, value)) {
            return sibling;
        }
    }
    return NULL;
}

static struct status meet_register(struct capture_work *work, const struct capture_register *reg)
{
    const struct record *record = work->input->record;
    if (reg->problem) {
        capture_item_add(work, ITEM_QUARANTINE, reg->number, reg->problem);
        return status_ok();
    }
    struct shadow_register *known = capture_slot(work, reg->number);
    take_row(work, reg, known);
    if (!reg->present) {
        return status_ok();
    }
    const struct record_register *siblings = record_register_find(record, work->shadow->part, reg->number);
    const struct sibling *same = capture_sibling_with(siblings, reg->value);
    if (!same) {
        known->flags = SHADOW_RECAPTURE;
        return status_ok();
    }
    struct dot dot = record_dot(record, same->dot);
    known->leaf = (struct ctx_entry){.replica = dot.replica, .rseq = dot.rseq, .hash = same->hash};
    if (reg->number == REG_STATUS) {
        TRY(capture_read_status(reg->value, work->arena, &known->status));
    }
    return shadow_vector_seen(record, work->shadow->part, reg->number, reg->value, work->arena, &known->vector);
}

/* The row is here, and this lane has said that it was gone. */
static struct status revive(struct capture_work *work)
{
    const struct record *record = work->input->record;
    const struct record_register *presence = record_register_find(record, (struct part_id){{0}}, REG_PRESENCE);
    bool withdrawn = false;
    for (size_t i = 0; presence && i < presence->sibling_count; i++) {
        const struct sibling *sibling = &presence->siblings[i];
        if (!capture_is_own(work->source, record_dot(record, sibling->dot).replica) ||
            (sibling->flags & (SIBLING_ERASED | SIBLING_MISSING))) {
            continue;
        }
        struct value value;
        TRY(value_read_register(REG_PRESENCE, sibling->value, work->arena, &value));
        withdrawn = withdrawn || value.presence.withdrawn;
    }
    if (!withdrawn || !part_id_is_none(work->shadow->part)) {
        return status_ok();
    }
    struct value present = {.type = VALUE_PRESENCE};
    struct span bytes;
    TRY(value_write(&present, work->arena, &bytes));
    struct shadow_vector none = {.entries = NULL};
    struct shadow_vector ctx;
    TRY(capture_own_current(work->source, record, (struct part_id){{0}}, 0, &none, work->arena, &ctx));
    return capture_draft_add(work, KIND_EDIT, &ctx, REG_PRESENCE, bytes);
}

/* The register was found unchanged: forms older than the window are gone, and what they bounded with them. */
static void close_windows(struct capture_work *work, struct shadow_register *known)
{
    for (size_t i = 0; i < known->past_count && !work->source->clock_unsure; i++) {
        struct shadow_past *past = &known->past[i];
        if (past->open && work->input->now_ms > past->replaced_at_ms + work->source->form_window_ms) {
            past->open = false;
            work->changed = true;
        }
    }
}

static void close_erasures(struct capture_work *work)
{
    for (size_t i = 0; i < work->shadow->erasure_count; i++) {
        struct shadow_erasure *erasure = &work->shadow->erasures[i];
        if (!erasure->seen && work->input->now_ms > erasure->at_ms + work->source->form_window_ms) {
            erasure->seen = true;
            work->changed = true;
        }
    }
}

struct status capture_compare(struct capture_work *work)
{
    const struct capture_row *row = work->input->row;
    bool unchanged = true;
    for (size_t i = 0; i < row->register_count; i++) {
        const struct capture_register *reg = &row->registers[i];
        if (!reg->readable || reg->cell_count == 0) {
            continue;
        }
        bool known_before = shadow_register_find(work->shadow, reg->number) != NULL;
        if (!known_before) {
            TRY(meet_register(work, reg));
            continue;
        }
        struct shadow_register *known = capture_slot(work, reg->number);
        if (!(known->flags & SHADOW_RECAPTURE) &&
            shadow_cells_equal(known->cells, known->cell_count, reg->cells, reg->cell_count)) {
            close_windows(work, known);
            continue;
        }
        unchanged = false;
        TRY(compare_register(work, reg, known));
    }
    if (unchanged) {
        close_erasures(work);
    }
    return revive(work);
}
