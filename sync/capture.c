/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/capture.h"

#include <assert.h>

#include "sync/capture_work.h"

/* The decision for one row: what state it is in, then who has to act. */

void capture_set(struct capture_work *work, enum capture_action action)
{
    work->out.action = action;
    work->decided = true;
}

void capture_waits(struct capture_work *work, enum capture_wait wait)
{
    if (work->out.wait == WAIT_NONE) {
        work->out.wait = wait;
    }
}

void capture_item_add(struct capture_work *work, enum capture_item_kind kind, uint32_t number, const char *problem)
{
    work->out.items[work->out.item_count++] = (struct capture_item){.kind = kind, .number = number, .problem = problem};
}

/* Registers of the row that the shadow does not know. */
static size_t unknown_count(const struct shadow *shadow, const struct capture_row *row)
{
    size_t count = 0;
    for (size_t i = 0; row && i < row->register_count; i++) {
        count += shadow_register_find(shadow, row->registers[i].number) ? 0 : 1;
    }
    return count;
}

static struct status work_init(struct capture_work *work, const struct capture_source *source,
                               const struct capture_input *input, struct arena *arena)
{
    size_t registers = input->row ? input->row->register_count : 0;
    *work = (struct capture_work){.source = source, .input = input, .arena = arena};
    work->out.row = input->row;
    work->out.record = input->record;
    /* A register gives at most one write, one draft (capture_drafts_room) and two items; the row one more of each. */
    work->out.writes = arena_array(arena, registers + 1, sizeof *work->out.writes);
    work->out.items = arena_array(arena, 2 * registers + 2, sizeof *work->out.items);
    if (!work->out.writes || !work->out.items) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (input->shadow) {
        size_t more = unknown_count(input->shadow, input->row) + input->shadow->claim.register_count;
        TRY(capture_shadow_room(input->shadow, more, arena, &work->shadow));
        work->out.shadow = work->shadow;
    }
    return status_ok();
}

struct status capture_drafts_room(struct capture_work *work)
{
    size_t registers = work->input->row ? work->input->row->register_count : 0;
    if (!work->out.drafts) {
        work->out.drafts = arena_array(work->arena, registers + 2, sizeof *work->out.drafts);
    }
    return work->out.drafts ? status_ok() : STATUS_MAKE(STATUS_NO_MEMORY);
}

/* ---- rows without shadow ---- */

static struct status shadow_new(struct capture_work *work, enum shadow_state state)
{
    const struct shadow none = {.version = 0,
                                .state = state,
                                .record = work->input->record_id,
                                .part = work->input->part,
                                .held = work->input->match == MATCH_DOUBTFUL};
    TRY(capture_shadow_room(&none, work->input->row->register_count, work->arena, &work->shadow));
    memcpy(&work->shadow->identity, &work->input->row->identity, sizeof work->shadow->identity);
    work->shadow->identity_count = work->input->row->identity_count;
    work->out.shadow = work->shadow;
    return status_ok();
}

static const struct capture_leaf *first_leaf(const struct capture_input *input, uint32_t number)
{
    for (size_t i = 0; i < input->found_count; i++) {
        if (input->found[i].number == number) {
            return &input->found[i];
        }
    }
    return NULL;
}

/* A row restored to another value is no reader of the one first captured. */
static struct status bind_first(struct capture_work *work, const struct capture_register *reg,
                                const struct capture_leaf *first)
{
    struct shadow_register *known = capture_slot(work, reg->number);
    memcpy(&known->cells, &reg->cells, sizeof known->cells);
    known->cell_count = reg->cell_count;
    bool same = reg->present && first->value_held && span_equal(reg->value, first->value);
    const struct history_entry *leaf = record_history_find(work->input->record, first->leaf.replica, first->leaf.rseq);
    bool erased = leaf && (leaf->flags & HISTORY_ERASED);
    if (!same && !erased) {
        known->flags = reg->present ? SHADOW_RECAPTURE : 0;
        return status_ok();
    }
    known->leaf = first->leaf; /* an erased one: blanking finds it */
    if (same) {
        known->flags = SHADOW_SENT;
        capture_value_digest(work->source, reg->value, &known->sent);
        if (reg->number == REG_STATUS) {
            TRY(capture_read_status(reg->value, work->arena, &known->status));
        }
    }
    return shadow_vector_raise(&first->ctx, NULL, work->shadow->part, reg->number, first->leaf, work->arena,
                               &known->vector);
}

/* Other registers are met by the next decision, which compares them with the living siblings. */
static struct status decide_bind(struct capture_work *work)
{
    const struct capture_input *input = work->input;
    if (!input->record || !input->record->created || capture_is_behind(work->source, input->record)) {
        capture_waits(work, input->record && input->record->created ? WAIT_OWN_LEAVES : WAIT_RECORD);
        capture_set(work, CAPTURE_WAIT);
        return status_ok();
    }
    if (input->match == MATCH_DERIVED && !input->found_known) {
        capture_set(work, CAPTURE_SETTLE);
        return status_ok();
    }
    TRY(shadow_new(work, SHADOW_TIED));
    work->shadow->record = input->record->id;
    for (size_t i = 0; i < input->row->register_count && input->match == MATCH_DERIVED; i++) {
        const struct capture_register *reg = &input->row->registers[i];
        const struct capture_leaf *first = first_leaf(input, reg->number);
        const struct record_register *living = record_register_find(input->record, work->shadow->part, reg->number);
        if (reg->present && capture_sibling_with(living, reg->value)) {
            continue; /* the row shows what is said now: whoever reads it has read that */
        }
        if (first && reg->readable && reg->cell_count > 0 && !reg->problem) {
            TRY(bind_first(work, reg, first));
        }
    }
    work->changed = true;
    capture_set(work, CAPTURE_SHADOW);
    return status_ok();
}

static struct status create_values(struct capture_work *work, struct draft *draft)
{
    const struct capture_row *row = work->input->row;
    struct body_value *values = arena_array(work->arena, row->register_count, sizeof *values);
    uint32_t *open = arena_array(work->arena, row->register_count, sizeof *open);
    if (!values || !open) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < row->register_count; i++) {
        const struct capture_register *reg = &row->registers[i];
        if (!reg->readable) {
            continue;
        }
        if (reg->problem) {
            capture_item_add(work, ITEM_QUARANTINE, reg->number, reg->problem);
        } else if (reg->present) {
            values[draft->value_count++] = (struct body_value){.number = reg->number, .bytes = reg->value};
            bool strict = true;
            if (capture_is_flag(reg->number)) {
                TRY(capture_read_flag(reg->value, work->arena, &strict));
            }
            if (!strict) {
                open[draft->open_count++] = reg->number;
            }
        }
    }
    draft->values = values;
    draft->open = open;
    return status_ok();
}

/* A note is written by somebody who has the complaint's row before him. */
static struct status note_ctx(struct capture_work *work, struct draft *draft)
{
    const struct capture_input *input = work->input;
    struct shadow_vector least = {.entries = NULL};
    for (size_t i = 0; i < input->parent->register_count; i++) {
        struct shadow_vector read;
        TRY(capture_context(work->source, input->record, input->parent->part, &input->parent->registers[i], NULL,
                            input->now_ms, work->arena, &read));
        if (i == 0) {
            least = read;
        } else {
            TRY(shadow_vector_min(&least, &read, work->arena, &least));
        }
    }
    struct shadow_vector none = {.entries = NULL};
    struct shadow_vector own;
    TRY(capture_own_current(work->source, input->record, (struct part_id){{0}}, 0, &none, work->arena, &own));
    TRY(shadow_vector_own(&least, &own, work->source->self, work->source->lane, work->arena, &least));
    draft->ctx = least.entries;
    draft->ctx_count = least.count;
    return least.count > LIMIT_CTX_COUNT ? STATUS_MAKE(STATUS_LIMIT) : status_ok();
}

static bool parent_is_ready(const struct capture_input *input)
{
    return input->parent && input->parent->state == SHADOW_TIED && !input->parent->claim.open && input->record &&
           input->record->created;
}

static struct status decide_create(struct capture_work *work)
{
    const struct capture_input *input = work->input;
    bool note = !part_id_is_none(input->part);
    if (note && !parent_is_ready(input)) {
        capture_waits(work, WAIT_PARENT);
        capture_set(work, CAPTURE_WAIT);
        return status_ok();
    }
    if (input->record && capture_is_behind(work->source, input->record)) {
        capture_waits(work, WAIT_OWN_LEAVES);
        capture_set(work, CAPTURE_WAIT);
        return status_ok();
    }
    TRY(shadow_new(work, SHADOW_NEW));
    struct draft draft = {.record = input->record_id,
                          .kind = note ? KIND_NOTE : KIND_CREATE,
                          .lane = work->source->lane,
                          .role = ROLE_CLERK,
                          .actor = work->source->actor,
                          .part = input->part,
                          .nonce = note ? (struct span){.size = 0} : input->nonce};
    TRY(create_values(work, &draft));
    if (note) {
        draft.open_count = 0;
        TRY(note_ctx(work, &draft));
    }
    if (draft.value_count == 0) {
        return status_ok(); /* everything is in the quarantine */
    }
    if (input->match == MATCH_DOUBTFUL) {
        capture_item_add(work, ITEM_SAME_CASE, 0, NULL);
    }
    TRY(capture_drafts_room(work));
    work->out.drafts[work->out.draft_count++] = draft;
    capture_set(work, CAPTURE_LEAVES);
    return status_ok();
}

static struct status decide_new(struct capture_work *work)
{
    const struct capture_input *input = work->input;
    if (!input->row || input->row->empty) {
        return status_ok();
    }
    if (input->match == MATCH_DERIVED || input->match == MATCH_REFERENCE) {
        return decide_bind(work);
    }
    return decide_create(work);
}

/* ---- interrupted captures ---- */

static struct status complete(struct capture_work *work, const struct shadow_claimed *claimed,
                              const struct capture_leaf *leaf)
{
    struct shadow_register *known = capture_slot(work, claimed->number);
    known->cells = claimed->cells;
    known->cell_count = claimed->cell_count;
    known->flags = 0;
    known->leaf = leaf->leaf;
    if (leaf->value_held) {
        known->flags = SHADOW_SENT;
        capture_value_digest(work->source, leaf->value, &known->sent);
        if (claimed->number == REG_STATUS) {
            TRY(capture_read_status(leaf->value, work->arena, &known->status));
        }
    }
    TRY(capture_raise(known, work->input->record, work->shadow->part, leaf->leaf, work->arena));
    return shadow_vector_raise(&leaf->ctx, work->input->record, work->shadow->part, claimed->number, leaf->leaf,
                               work->arena, &known->vector);
}

static struct status decide_claim(struct capture_work *work)
{
    const struct capture_input *input = work->input;
    struct shadow *shadow = work->shadow;
    if (!input->found_known) {
        capture_set(work, CAPTURE_SETTLE);
        return status_ok();
    }
    bool behind = input->record && capture_is_behind(work->source, input->record);
    if (behind || (input->found_count == 0 && !work->source->ready)) {
        capture_waits(work, behind ? WAIT_OWN_LEAVES : WAIT_HELLO);
        capture_set(work, CAPTURE_WAIT);
        return status_ok();
    }
    for (size_t i = 0; i < shadow->claim.register_count; i++) {
        const struct shadow_claimed *claimed = &shadow->claim.registers[i];
        const struct capture_leaf *leaf = first_leaf(input, claimed->number);
        if (!leaf) {
            continue;
        }
        if (claimed->number == REG_PRESENCE) {
            shadow->state = shadow->state == SHADOW_VANISHED ? SHADOW_WITHDRAWN : shadow->state;
        } else {
            TRY(complete(work, claimed, leaf));
        }
    }
    if (shadow->state == SHADOW_NEW && input->found_count > 0) {
        shadow->state = SHADOW_TIED;
    }
    shadow->claim = (struct shadow_claim){.open = false};
    work->changed = true;
    capture_set(work, shadow->state == SHADOW_NEW ? CAPTURE_FORGET : CAPTURE_SHADOW);
    return status_ok();
}

/* ---- rows that are gone, came back, or are another case ---- */

static void to_state(struct capture_work *work, enum shadow_state state)
{
    work->shadow->state = state;
    work->shadow->since_ms = work->input->now_ms;
    work->changed = true;
    capture_set(work, CAPTURE_SHADOW);
}

static struct status withdraw(struct capture_work *work)
{
    TRY(capture_check(work));
    if (work->decided) {
        return status_ok();
    }
    struct value value = {.type = VALUE_PRESENCE, .presence = {.withdrawn = true}};
    struct span bytes;
    TRY(value_write(&value, work->arena, &bytes));
    struct shadow_vector ctx;
    TRY(capture_context_all(work, &ctx));
    TRY(capture_draft_add(work, KIND_EDIT, &ctx, REG_PRESENCE, bytes));
    capture_set(work, CAPTURE_LEAVES);
    return status_ok();
}

static struct status decide_vanished(struct capture_work *work)
{
    const struct capture_input *input = work->input;
    enum shadow_state state = work->shadow->state;
    if (state == SHADOW_WITHDRAWN || state == SHADOW_UNTIED || state == SHADOW_NEW) {
        return status_ok();
    }
    if (input->record && capture_has_left(work->source, input->record)) {
        to_state(work, SHADOW_UNTIED);
    } else if (state == SHADOW_TIED) {
        to_state(work, SHADOW_VANISHED);
    } else if (!part_id_is_none(work->shadow->part)) {
        return status_ok(); /* a follow-up that is gone: hiding a note is an admin's act, on a screen */
    } else if (input->now_ms < work->shadow->since_ms + LIMIT_SHADOW_KEEP_MS) {
        capture_waits(work, WAIT_GRACE);
        capture_set(work, CAPTURE_WAIT);
    } else {
        return withdraw(work);
    }
    return status_ok();
}

static bool same_identity(const struct capture_work *work)
{
    const struct capture_row *row = work->input->row;
    return shadow_cells_equal(work->shadow->identity, work->shadow->identity_count, row->identity, row->identity_count);
}

static struct status decide_tied(struct capture_work *work)
{
    TRY(capture_check(work));
    if (work->decided) {
        return status_ok();
    }
    if (work->shadow->held && work->input->released) {
        work->shadow->held = false;
        work->changed = true;
    } else if (work->shadow->held) {
        capture_item_add(work, ITEM_SAME_CASE, 0, NULL);
    }
    TRY(capture_erase(work));
    if (work->decided) {
        return status_ok();
    }
    TRY(capture_compare(work));
    if (work->out.draft_count > 0) {
        capture_set(work, CAPTURE_LEAVES);
        return status_ok();
    }
    TRY(capture_due(work));
    if (!work->decided && work->out.write_count > 0) {
        capture_set(work, CAPTURE_WRITE);
    }
    return status_ok();
}

static struct status decide(struct capture_work *work)
{
    const struct capture_input *input = work->input;
    if (!work->shadow) {
        return decide_new(work);
    }
    if (work->shadow->state == SHADOW_OURS) {
        return status_ok();
    }
    if (work->shadow->claim.open) {
        return decide_claim(work);
    }
    if (!input->row) {
        return decide_vanished(work);
    }
    if (!same_identity(work)) {
        if (!input->row->updated_in_place) {
            if (work->shadow->state == SHADOW_TIED) {
                to_state(work, SHADOW_VANISHED);
            }
            capture_set(work, CAPTURE_REPLACED);
            return status_ok();
        }
        memcpy(&work->shadow->identity, &input->row->identity, sizeof work->shadow->identity);
        work->shadow->identity_count = input->row->identity_count;
        work->changed = true;
    }
    if (work->shadow->state != SHADOW_TIED || input->match == MATCH_VANISHED) {
        to_state(work, SHADOW_TIED); /* inserted again, or under another key: the grace ends, revive() does the rest */
        return status_ok();
    }
    return decide_tied(work);
}

struct status capture_decide(const struct capture_source *source, const struct capture_input *input,
                             struct arena *arena, struct capture_decision *out_decision)
{
    struct capture_work work;
    TRY(work_init(&work, source, input, arena));
    TRY(decide(&work));
    if (!work.decided && work.changed) {
        capture_set(&work, CAPTURE_SHADOW);
    }
    if (!work.decided) {
        capture_set(&work, work.out.wait == WAIT_NONE ? CAPTURE_NOTHING : CAPTURE_WAIT);
    }
    if (work.out.action == CAPTURE_SHADOW || work.out.action == CAPTURE_REPLACED) {
        work.shadow->version++;
    }
    *out_decision = work.out;
    return status_ok();
}

/* ---- records that have no row ---- */

static bool is_gone(const struct record *record)
{
    return record_is_withdrawn(record) || record_register_find(record, (struct part_id){{0}}, REG_SAME_AS);
}

struct status capture_insert(const struct capture_source *source, const struct record *record, struct part_id part,
                             const uint32_t *numbers, size_t number_count, bool unbound, bool claimed,
                             struct arena *arena, struct capture_decision *out_decision)
{
    struct capture_decision out = {.action = CAPTURE_NOTHING, .record = record};
    if (!record->created || capture_has_left(source, record) || is_gone(record)) {
        *out_decision = out;
        return status_ok();
    }
    out.writes = arena_array(arena, number_count, sizeof *out.writes);
    out.shadow = arena_alloc(arena, sizeof *out.shadow);
    if (!out.writes || !out.shadow) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    *out.shadow = (struct shadow){.state = SHADOW_TIED, .record = record->id, .part = part};
    bool behind = capture_is_behind(source, record);
    if (unbound || claimed || behind || !source->ready) {
        out.wait = behind ? WAIT_OWN_LEAVES : !source->ready ? WAIT_HELLO : WAIT_CLAIM;
    }
    for (size_t i = 0; i < number_count; i++) {
        const struct record_register *reg = record_register_find(record, part, numbers[i]);
        if (!reg || reg->sibling_count == 0) {
            continue; /* nobody said anything: the mapping's default */
        }
        struct shown shown;
        TRY(record_show(record, part, numbers[i], arena, &shown));
        if (!shown.present || !shown.readable) {
            out.wait = out.wait == WAIT_NONE ? WAIT_UNREADABLE : out.wait;
            continue;
        }
        struct capture_write *write = &out.writes[out.write_count++];
        *write = (struct capture_write){.number = numbers[i], .value = shown.value};
        if (shown.sibling != SIZE_MAX) {
            const struct sibling *sibling = &reg->siblings[shown.sibling];
            struct dot dot = record_dot(record, sibling->dot);
            write->leaf = (struct ctx_entry){.replica = dot.replica, .rseq = dot.rseq, .hash = sibling->hash};
        }
        TRY(shadow_vector_seen(record, part, numbers[i], shown.value, arena, &write->vector));
    }
    if (out.wait != WAIT_NONE) {
        out.action = CAPTURE_WAIT;
    } else if (out.write_count > 0) {
        out.action = CAPTURE_INSERT;
    }
    *out_decision = out;
    return status_ok();
}
