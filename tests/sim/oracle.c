/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/oracle.h"

#include "tests/sim/world.h"

void oracle_reset(struct oracle *oracle)
{
    oracle->edit_count = oracle->case_count = oracle->accepted_count = 0;
    memset(oracle->leaves, 0, sizeof oracle->leaves);
}

/* Whose name a site bears. */
static uint32_t home(const struct site *s)
{
    return s->copy_of ? s->copy_of->index : s->index;
}

/* ---- values ---- */

size_t oracle_edit(struct world *w, struct site *s, const struct seen *seen, enum field field)
{
    struct oracle *o = w->oracle;
    if (o->edit_count + 1 >= EDITS) {
        return 0;
    }
    size_t edit = ++o->edit_count;
    o->closure[edit] = *seen;
    o->edits[edit] = (struct edit){.record = SIZE_MAX, .field = field, .site = home(s), .at_ms = w->now_ms};
    w->counts->edits++;
    return edit;
}

void oracle_reads(const struct oracle *oracle, struct seen *seen, size_t edit)
{
    if (edit > 0) {
        seen_add(seen, edit);
        seen_join(seen, &oracle->closure[edit]);
    }
}

size_t oracle_number(struct world *w, uint32_t number, struct span bytes)
{
    struct value value;
    if (number != REG_STATUS && number != REG_TITLE && number != REG_TEXT) {
        return 0;
    }
    if (!status_is_ok(value_read_register(number, bytes, &w->arena, &value))) {
        if (w->hostile) {
            return 0; /* its lies need not be readable */
        }
        violation(w, "a value of register %u cannot be read", number);
    }
    size_t edit = seen_number(number == REG_STATUS ? value.status.reason : value.text);
    return edit <= w->oracle->edit_count ? edit : 0;
}

/* ---- complaints ---- */

size_t oracle_find(const struct oracle *oracle, struct record_id id)
{
    for (size_t i = 0; i < oracle->case_count; i++) {
        if (record_id_equal(oracle->cases[i].id, id)) {
            return i;
        }
    }
    return SIZE_MAX;
}

size_t oracle_case(struct world *w, struct record_id id, uint32_t owner)
{
    struct oracle *o = w->oracle;
    size_t at = oracle_find(o, id);
    if (at != SIZE_MAX) {
        return at;
    }
    if (o->case_count == CASES) {
        violation(w, "more complaints than the oracle can hold: raise CASES");
    }
    o->cases[o->case_count] = (struct complaint){.id = id, .owners = {{.site = owner}}, .owner_count = 1};
    return o->case_count++;
}

void oracle_owner(struct world *w, size_t record, uint32_t site)
{
    struct complaint *c = &w->oracle->cases[record];
    if (c->owner_count < OWNERS) {
        c->owners[c->owner_count].site = site;
        c->owners[c->owner_count++].from_ms = w->now_ms;
    }
}

/* ---- who covers has seen ---- */

static bool ctx_covers(const struct draft *draft, struct dot dot)
{
    for (size_t i = 0; i < draft->ctx_count; i++) {
        if (replica_equal(draft->ctx[i].replica, dot.replica) && draft->ctx[i].rseq >= dot.rseq) {
            return true;
        }
    }
    return false;
}

/* Gone for good, also where a restored store has not been told of the erasure again. */
static bool is_erased(const struct oracle *o, size_t edit, uint32_t number)
{
    const struct edit *e = &o->edits[edit];
    return number != REG_STATUS && e->record != SIZE_MAX && o->cases[e->record].erased &&
           e->at_ms < o->cases[e->record].erased_ms;
}

/* Somebody who had seen it has replaced it, in a leaf that a restored store need not hold at the moment. */
static bool is_replaced(const struct oracle *o, size_t edit)
{
    const struct edit *old = &o->edits[edit];
    for (size_t i = 1; i <= o->edit_count; i++) {
        const struct edit *e = &o->edits[i];
        if (e->state != EDIT_TYPED && e->record == old->record && e->field == old->field && seen_has(&o->closure[i], edit)) {
            return true;
        }
    }
    return false;
}

static void covers_one(struct world *w, struct site *s, const struct draft *draft, const struct record *record,
                       uint32_t number, const struct seen *knows)
{
    const struct record_register *reg = record_register_find(record, (struct part_id){{0}}, number);
    for (size_t k = 0; reg && k < reg->sibling_count; k++) {
        const struct sibling *sibling = &reg->siblings[k];
        if (sibling->flags & (SIBLING_ERASED | SIBLING_MISSING)) {
            continue;
        }
        size_t edit = oracle_number(w, number, sibling->value);
        if (edit > 0 && ctx_covers(draft, record_dot(record, sibling->dot)) && !seen_has(knows, edit) &&
            !is_replaced(w->oracle, edit) && !is_erased(w->oracle, edit, number)) {
            violation(w, "%.16s: v%zu in register %u is covered by somebody who had not seen it", s->id.text, edit, number);
        }
    }
}

void oracle_covers(struct world *w, struct site *s, const struct draft *draft, const struct seen knows[FIELD_REFS])
{
    const struct record *record = NULL;
    if (draft->kind == KIND_CREATE || !status_is_ok(core_record(s->core, draft->record, &record))) {
        return;
    }
    for (size_t i = 0; i < draft->value_count; i++) {
        enum field field;
        if (field_of_number(draft->values[i].number, &field) && field < FIELD_REFS) {
            covers_one(w, s, draft, record, draft->values[i].number, &knows[field]);
        }
    }
}

void oracle_wrote(struct world *w, struct site *s, const struct draft *draft, struct record_id id, bool certain)
{
    struct oracle *o = w->oracle;
    size_t record = oracle_case(w, id, home(s));
    for (size_t i = 0; i < draft->value_count; i++) {
        size_t edit = oracle_number(w, draft->values[i].number, draft->values[i].bytes);
        if (edit > 0) {
            o->edits[edit].record = record;
            o->edits[edit].state = certain ? EDIT_WRITTEN : EDIT_UNCERTAIN;
        }
    }
    w->leaf_count += certain;
    w->counts->leaves += certain;
}

void oracle_restored(struct world *w, struct site *s, size_t from_edit)
{
    for (size_t i = 1; i <= w->oracle->edit_count; i++) {
        struct edit *e = &w->oracle->edits[i];
        (void)from_edit; /* a value typed before the copy may have been captured after it */
        if (e->site == home(s) && e->state == EDIT_WRITTEN) {
            e->state = EDIT_UNCERTAIN;
        }
    }
}

/* ---- what is sent, what is accepted ---- */

/* Entitled: the node, or a regency of the province, owned the complaint when the value was written or later. */
static bool is_entitled(const struct world *w, const struct site *to, const struct complaint *c, uint64_t at_ms)
{
    for (size_t i = 0; i < c->owner_count; i++) {
        bool after = i + 1 < c->owner_count && c->owners[i + 1].from_ms < at_ms;
        if (!after && (to->is_province || c->owners[i].site == home(to))) {
            return true;
        }
    }
    (void)w;
    return c->unsure || c->owner_count == OWNERS;
}

static void sent_body(struct world *w, struct site *to, const struct wire_body *body)
{
    struct body decoded;
    if (body->state != BODY_PRESENT || !status_is_ok(body_read(body->body, &w->arena, &decoded))) {
        return;
    }
    for (size_t i = 0; i < decoded.count; i++) {
        size_t edit = oracle_number(w, decoded.values[i].number, decoded.values[i].bytes);
        if (edit == 0 || w->oracle->edits[edit].record == SIZE_MAX) {
            continue;
        }
        const struct edit *e = &w->oracle->edits[edit];
        if (w->hostile && e->site == w->hostile->index) {
            continue; /* a liar may put his own texts into whatever he names */
        }
        if (e->site != home(to) && !is_entitled(w, to, &w->oracle->cases[e->record], e->at_ms)) {
            violation(w, "v%zu is sent to %.16s, which never owned that complaint since", edit, to->id.text);
        }
    }
}

void oracle_sent(struct world *w, struct site *to, const struct pull_answer *answer)
{
    if (to->revoked && (answer->part_count > 0 || answer->wanted_count > 0)) {
        violation(w, "%.16s is switched off and is served", to->id.text);
    }
    for (size_t p = 0; p < answer->part_count; p++) {
        for (size_t i = 0; i < answer->parts[p].leaf_count; i++) {
            sent_body(w, to, &answer->parts[p].leaves[i].body);
            if (answer->parts[p].leaves[i].attachment) {
                sent_body(w, to, &answer->parts[p].leaves[i].attachment->body);
            }
        }
    }
    for (size_t i = 0; i < answer->wanted_count; i++) {
        sent_body(w, to, &answer->wanted[i].body);
    }
}

void oracle_pushed(struct world *w, const struct push *push)
{
    struct body decoded;
    for (size_t i = 0; i < push->leaf_count; i++) {
        const struct wire_body *body = &push->leaves[i].body;
        if (body->state != BODY_PRESENT || !status_is_ok(body_read(body->body, &w->arena, &decoded))) {
            continue;
        }
        for (size_t k = 0; k < decoded.count; k++) {
            w->oracle->edits[oracle_number(w, decoded.values[k].number, decoded.values[k].bytes)].at_hub = true;
        }
    }
}

void oracle_accepted(struct world *w, struct stream_id stream, uint64_t size, struct hash root)
{
    struct oracle *o = w->oracle;
    for (size_t i = o->accepted_count; i > 0; i--) {
        const struct accepted *a = &o->accepted[i - 1];
        if (a->size == size && stream_id_equal(a->stream, stream)) {
            if (!hash_equal(a->root, root)) {
                violation(w, "two histories of %llu leaves of %.16s epoch %u were accepted", (unsigned long long)size,
                          stream.node.text, stream.epoch);
            }
            return;
        }
    }
    if (o->accepted_count < NOTES) {
        o->accepted[o->accepted_count++] = (struct accepted){stream, size, root};
    }
}
