/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "sync/capture_work.h"

/* Completions: the shadow after what was decided has been done. */

struct status capture_shadow_room(const struct shadow *shadow, size_t more, struct arena *arena,
                                  struct shadow **out_shadow)
{
    struct shadow *copy = arena_alloc(arena, sizeof *copy);
    if (!copy) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(shadow_copy(shadow, more, arena, copy));
    *out_shadow = copy;
    return status_ok();
}

struct shadow_register *capture_slot_in(struct shadow *shadow, uint32_t number)
{
    size_t at = 0;
    while (at < shadow->register_count && shadow->registers[at].number < number) {
        at++;
    }
    if (at == shadow->register_count || shadow->registers[at].number != number) {
        for (size_t i = shadow->register_count; i > at; i--) {
            shadow->registers[i] = shadow->registers[i - 1];
        }
        shadow->registers[at] = (struct shadow_register){.number = number};
        shadow->register_count++;
    }
    return &shadow->registers[at];
}

struct shadow_register *capture_slot(struct capture_work *work, uint32_t number)
{
    return capture_slot_in(work->shadow, number);
}

static void take_cells(struct shadow_register *known, const struct capture_register *reg)
{
    memcpy(&known->cells, &reg->cells, sizeof known->cells); /* borrowed, never written through */
    known->cell_count = reg->cell_count;
}

static struct status take_sent(const struct capture_source *source, struct shadow_register *known, struct span value,
                               struct arena *arena)
{
    known->flags = SHADOW_SENT;
    capture_value_digest(source, value, &known->sent);
    known->status = COMPLAINT_NONE;
    return known->number == REG_STATUS ? capture_read_status(value, arena, &known->status) : status_ok();
}

/* ---- leaves ---- */

struct status capture_claim(const struct capture_source *source, struct capture_decision *decision,
                            const uint8_t number[16], struct arena *arena)
{
    (void)source;
    assert(decision->action == CAPTURE_LEAVES);
    struct shadow_claim claim = {.open = true};
    memcpy(claim.number, number, sizeof claim.number);
    size_t count = 0;
    for (size_t i = 0; i < decision->draft_count; i++) {
        count += decision->drafts[i].value_count;
    }
    claim.registers = arena_array(arena, count, sizeof *claim.registers);
    struct span bytes;
    TRY(arena_copy(arena, span_of(number, 16), &bytes));
    if (!claim.registers) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < decision->draft_count; i++) {
        struct draft *draft = &decision->drafts[i];
        draft->claim = bytes;
        for (size_t k = 0; k < draft->value_count; k++) {
            struct shadow_claimed *claimed = &claim.registers[claim.register_count++];
            const struct capture_register *reg =
                decision->row ? capture_row_register(decision->row, draft->values[k].number) : NULL;
            claimed->number = draft->values[k].number;
            if (reg) {
                memcpy(&claimed->cells, &reg->cells, sizeof claimed->cells);
                claimed->cell_count = reg->cell_count;
            }
        }
    }
    decision->shadow->claim = claim;
    decision->shadow->version++;
    return status_ok();
}

static bool leaf_of_class(const struct written *written, enum class class, struct ctx_entry *out_leaf)
{
    for (size_t i = 0; i < written->leaf_count; i++) {
        if (written->classes[i] == class) {
            *out_leaf = written->leaves[i];
            return true;
        }
    }
    return false;
}

/* A form opened before a capture: its clerk's later save knows the earlier one, for their system has settled it. */
struct status capture_raise(struct shadow_register *known, const struct record *record, struct part_id part,
                            struct ctx_entry leaf, struct arena *arena)
{
    for (size_t i = 0; i < known->past_count; i++) {
        struct shadow_vector *vector = &known->past[i].vector;
        TRY(shadow_vector_raise(vector, record, part, known->number, leaf, arena, vector));
    }
    return status_ok();
}

static struct status done_value(const struct capture_source *source, struct capture_decision *decision,
                                const struct draft *draft, const struct body_value *value,
                                const struct written *written, struct arena *arena)
{
    const struct capture_register *reg = decision->row ? capture_row_register(decision->row, value->number) : NULL;
    if (!reg || reg->cell_count == 0) {
        return status_ok(); /* presence, constants */
    }
    struct ctx_entry leaf;
    if (!leaf_of_class(written, register_class(value->number), &leaf)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct shadow_vector used = {.count = draft->ctx_count};
    memcpy(&used.entries, &draft->ctx, sizeof used.entries); /* read only */
    struct shadow_register *known = capture_slot_in(decision->shadow, value->number);
    take_cells(known, reg);
    /* References: what the row itself carries, so that the rest of the union becomes due. */
    bool own_value = value->number == REG_REFS && reg->present;
    TRY(take_sent(source, known, own_value ? reg->value : value->bytes, arena));
    known->leaf = leaf;
    TRY(capture_raise(known, decision->record, decision->shadow->part, leaf, arena));
    return shadow_vector_raise(&used, decision->record, decision->shadow->part, value->number, leaf, arena,
                               &known->vector);
}

/* A new row: also what it does not carry is known, and what did not map is captured when it does. */
static struct status done_create(struct capture_decision *decision, const struct written *written, struct arena *arena)
{
    for (size_t i = 0; i < decision->row->register_count; i++) {
        const struct capture_register *reg = &decision->row->registers[i];
        if (!reg->readable || reg->cell_count == 0 || shadow_register_find(decision->shadow, reg->number)) {
            continue;
        }
        struct shadow_register *known = capture_slot_in(decision->shadow, reg->number);
        take_cells(known, reg);
        known->flags = reg->problem ? SHADOW_RECAPTURE : 0;
        const struct shadow_vector none = {.entries = NULL};
        TRY(shadow_vector_raise(&none, NULL, decision->shadow->part, reg->number, written->leaves[0], arena,
                                &known->vector));
    }
    decision->shadow->state = SHADOW_TIED;
    return status_ok();
}

struct status capture_done(const struct capture_source *source, struct capture_decision *decision,
                           const struct written *written, struct arena *arena)
{
    assert(decision->action == CAPTURE_LEAVES);
    for (size_t i = 0; i < decision->draft_count; i++) {
        const struct draft *draft = &decision->drafts[i];
        for (size_t k = 0; k < draft->value_count; k++) {
            TRY(done_value(source, decision, draft, &draft->values[k], &written[i], arena));
        }
    }
    if (decision->shadow->state == SHADOW_NEW) {
        TRY(done_create(decision, &written[0], arena));
    } else if (decision->shadow->state == SHADOW_VANISHED) {
        decision->shadow->state = SHADOW_WITHDRAWN;
    }
    decision->shadow->claim = (struct shadow_claim){.open = false};
    decision->shadow->version++;
    return status_ok();
}

/* ---- write-back ---- */

/* Room for one more: what is closed and older than 24 h goes; above the limit the two oldest are joined. */
static struct status past_room(struct shadow_register *known, uint64_t now_ms, struct arena *arena)
{
    struct shadow_past *past = arena_array(arena, known->past_count + 1, sizeof *past);
    if (!past) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t count = 0;
    for (size_t i = 0; i < known->past_count; i++) {
        if (known->past[i].open || now_ms <= known->past[i].replaced_at_ms + LIMIT_SHADOW_KEEP_MS) {
            past[count++] = known->past[i];
        }
    }
    if (count >= LIMIT_SHADOW_HISTORY) {
        struct shadow_vector least;
        TRY(shadow_vector_min(&past[0].vector, &past[1].vector, arena, &least));
        past[1].vector = least;
        past[1].open = past[0].open || past[1].open;
        memmove(&past[0], &past[1], (count - 1) * sizeof *past);
        count--;
    }
    known->past = past;
    known->past_count = count;
    return status_ok();
}

static struct status replace(const struct capture_source *source, struct shadow_register *known, uint64_t now_ms,
                             struct arena *arena)
{
    if (source->form_window_ms == 0) {
        return status_ok(); /* a version column: no old form is ever saved */
    }
    TRY(past_room(known, now_ms, arena));
    struct shadow_past *past = &known->past[known->past_count++];
    *past = (struct shadow_past){.replaced_at_ms = now_ms, .open = true, .vector = known->vector};
    shadow_cells_digest(source->crypto, source->secret, known->cells, known->cell_count, &past->raw);
    return status_ok();
}

/* An inserted row: states before it existed do not count. What it shows of registers that nobody wrote are the
 * mapping's defaults, and its own key is a reference that is captured next. */
static struct status inserted_rest(struct capture_decision *decision, const struct capture_row *row)
{
    for (size_t i = 0; i < row->register_count; i++) {
        const struct capture_register *reg = &row->registers[i];
        if (!reg->readable || reg->cell_count == 0) {
            continue;
        }
        bool known_before = shadow_register_find(decision->shadow, reg->number) != NULL;
        struct shadow_register *known = capture_slot_in(decision->shadow, reg->number);
        if (!known_before) {
            take_cells(known, reg);
        }
        if (reg->number == REG_REFS) {
            known->flags |= SHADOW_RECAPTURE;
        }
    }
    memcpy(&decision->shadow->identity, &row->identity, sizeof decision->shadow->identity);
    decision->shadow->identity_count = row->identity_count;
    return status_ok();
}

struct status capture_written(const struct capture_source *source, struct capture_decision *decision,
                              const struct capture_row *row, uint64_t now_ms, struct arena *arena)
{
    assert(decision->action == CAPTURE_WRITE || decision->action == CAPTURE_INSERT);
    bool insert = decision->action == CAPTURE_INSERT;
    TRY(capture_shadow_room(decision->shadow, row->register_count + decision->write_count, arena, &decision->shadow));
    for (size_t i = 0; i < decision->write_count; i++) {
        const struct capture_write *write = &decision->writes[i];
        struct shadow_register *known = capture_slot_in(decision->shadow, write->number);
        const struct capture_register *reg = capture_row_register(row, write->number);
        if (!insert && !write->skipped) {
            TRY(replace(source, known, now_ms, arena));
        }
        if (reg && (insert || !write->skipped)) {
            take_cells(known, reg);
        }
        if (write->skipped) {
            enum complaint_status shows = known->status;
            TRY(take_sent(source, known, write->value, arena));
            known->flags |= SHADOW_UNSAID;
            known->status = shows;
            continue;
        }
        TRY(take_sent(source, known, write->value, arena));
        known->leaf = write->leaf;
        known->vector = write->vector;
    }
    if (insert) {
        TRY(inserted_rest(decision, row));
    }
    decision->shadow->version++;
    return status_ok();
}

struct status capture_routed(const struct capture_source *source, struct capture_decision *decision,
                             const struct capture_row *row, uint64_t now_ms, struct arena *arena)
{
    assert(decision->action == CAPTURE_ROUTED);
    TRY(capture_shadow_room(decision->shadow, row->register_count, arena, &decision->shadow));
    for (size_t i = 0; i < row->register_count; i++) {
        const struct capture_register *reg = &row->registers[i];
        const struct shadow_register *before = shadow_register_find(decision->shadow, reg->number);
        /* The status cell may feed other registers too: all of them were ours, none is an edit. */
        if (!before || shadow_cells_equal(before->cells, before->cell_count, reg->cells, reg->cell_count)) {
            continue;
        }
        struct shadow_register *known = capture_slot_in(decision->shadow, reg->number);
        TRY(replace(source, known, now_ms, arena));
        take_cells(known, reg);
        known->flags = 0;
        known->status = COMPLAINT_NONE;
    }
    decision->shadow->routed = true;
    decision->shadow->version++;
    return status_ok();
}

/* ---- blanking ---- */

static void blanked_add(struct shadow *shadow, uint32_t number, uint64_t at_ms, const struct shadow_digest *raw)
{
    shadow->blanked[shadow->blanked_count++] = (struct shadow_blanked){.number = number, .at_ms = at_ms, .raw = *raw};
}

/* Room for the digests of everything that a register showed, without those that have expired. */
static struct status blanked_room(struct shadow *shadow, size_t more, uint64_t now_ms, struct arena *arena)
{
    struct shadow_blanked *blanked = arena_array(arena, shadow->blanked_count + more, sizeof *blanked);
    if (!blanked) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t count = 0;
    for (size_t i = 0; i < shadow->blanked_count; i++) {
        if (now_ms <= shadow->blanked[i].at_ms + LIMIT_SHADOW_KEEP_MS) {
            blanked[count++] = shadow->blanked[i];
        }
    }
    shadow->blanked = blanked;
    shadow->blanked_count = count;
    return status_ok();
}

static struct status blank_register(const struct capture_source *source, struct capture_decision *decision,
                                    const struct capture_register *before, const struct capture_register *after,
                                    uint64_t now_ms, struct arena *arena)
{
    struct shadow *shadow = decision->shadow;
    struct shadow_register *known = capture_slot_in(shadow, after->number);
    TRY(blanked_room(shadow, known->past_count + 2, now_ms, arena));
    struct shadow_digest blank;
    struct shadow_digest raw;
    shadow_cells_digest(source->crypto, source->secret, after->cells, after->cell_count, &blank);
    for (size_t i = 0; i < known->past_count; i++) {
        if (memcmp(known->past[i].raw.bytes, blank.bytes, sizeof blank.bytes) != 0) {
            blanked_add(shadow, after->number, now_ms, &known->past[i].raw);
        }
    }
    if (known->cell_count > 0) {
        shadow_cells_digest(source->crypto, source->secret, known->cells, known->cell_count, &raw);
        if (memcmp(raw.bytes, blank.bytes, sizeof blank.bytes) != 0) {
            blanked_add(shadow, after->number, now_ms, &raw);
        }
    }
    if (before && !shadow_cells_equal(before->cells, before->cell_count, after->cells, after->cell_count) &&
        !shadow_cells_equal(before->cells, before->cell_count, known->cells, known->cell_count)) {
        shadow_cells_digest(source->crypto, source->secret, before->cells, before->cell_count, &raw);
        blanked_add(shadow, after->number, now_ms, &raw);
    }
    take_cells(known, after);
    known->flags = 0;
    known->status = COMPLAINT_NONE;
    known->leaf = (struct ctx_entry){.rseq = 0};
    known->sent = (struct hash){{0}};
    for (size_t i = 0; i < known->past_count; i++) {
        known->past[i].raw =
            (struct shadow_digest){{0}}; /* kept above, where coming back means blanking; vectors stay */
    }
    return status_ok();
}

struct status capture_blanked(const struct capture_source *source, struct capture_decision *decision,
                              const struct capture_row *row, uint64_t now_ms, struct arena *arena)
{
    assert(decision->action == CAPTURE_BLANK);
    TRY(capture_shadow_room(decision->shadow, row->register_count, arena, &decision->shadow));
    struct shadow *shadow = decision->shadow;
    for (size_t i = 0; i < decision->write_count; i++) {
        uint32_t number = decision->writes[i].number;
        const struct capture_register *after = capture_row_register(row, number);
        if (after) {
            TRY(blank_register(source, decision, capture_row_register(decision->row, number), after, now_ms, arena));
        }
    }
    struct shadow_erasure *erasures =
        arena_array(arena, shadow->erasure_count + decision->erasure_count, sizeof *erasures);
    if (!erasures) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < shadow->erasure_count; i++) {
        erasures[i] = shadow->erasures[i];
    }
    for (size_t i = 0; i < decision->erasure_count; i++) {
        erasures[shadow->erasure_count++] = (struct shadow_erasure){.dot = decision->erasures[i], .at_ms = now_ms};
    }
    shadow->erasures = erasures;
    shadow->version++;
    return status_ok();
}
