/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/connector.h"

#define ROUNDS 24

struct work {
    struct row *row; /* NULL: vanished */
    struct row read; /* as it was decided on */
    struct shadow_row *at;
    uint64_t version; /* of the shadow decided on */
    struct shadow_row *vanished;
    struct capture_input input;
    struct capture_decision decision;
    uint8_t nonce[32];
    uint32_t key, born;
    bool held;
};

static bool interrupted(struct world *w, struct site *s, const char *where)
{
    struct random random = random_from(w->plan->seed + 991, ++w->serial);
    if (w->healed || !random_hits(&random, w->plan->settings[SETTING_interrupted])) {
        return false;
    }
    TRACE(w, s, "connector: interrupted %s", where);
    SIM_MARK(w, capture_claim_lost);
    site_crash(w, s, 10000);
    return true;
}

/* ---- finding out what a row is ---- */

static size_t shadows_of(struct legacy *legacy, struct record_id id, struct shadow_row **out_first)
{
    size_t count = 0;
    for (size_t i = 0; i < SHADOWS; i++) {
        struct shadow_row *shadow = &legacy->shadows[i];
        if (shadow->there && record_id_equal(shadow->record, id)) {
            *out_first = count++ == 0 ? shadow : *out_first;
        }
    }
    return count;
}

/* sync/capture.h: under its key stands no row, or one with other identity columns. */
static bool is_gone(struct legacy *legacy, const struct shadow_row *shadow)
{
    const struct row *row = legacy_row(legacy, shadow->key);
    return !row || row->born != shadow->born;
}

/* Exactly one vanished row with the same identity columns: this row is that case again. */
static struct shadow_row *vanished_with(struct legacy *legacy, uint32_t born)
{
    struct shadow_row *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < SHADOWS; i++) {
        struct shadow_row *shadow = &legacy->shadows[i];
        if (shadow->there && shadow->born == born) {
            found = shadow;
            count++;
        }
    }
    return count == 1 && is_gone(legacy, found) ? found : NULL;
}

static void derive(struct world *w, const struct capture_source *source, struct work *work, uint32_t counter)
{
    struct capture_row *row = connector_map(w, &work->read);
    char key[16];
    int size = snprintf(key, sizeof key, "%u", work->key);
    capture_nonce(source, span_text("aduan"), span_of(key, (size_t)size), row->identity, row->identity_count, counter,
                  work->nonce);
    work->input.nonce = span_of(work->nonce, 32);
    work->input.record_id = capture_record_id(source, work->input.nonce);
}

static struct status record_held(struct site *s, struct record_id id, const struct record **out_record)
{
    struct status status = core_record(s->core, id, out_record);
    if (status.code == STATUS_NOT_FOUND) {
        *out_record = NULL;
        return status_ok();
    }
    return status;
}

static struct status match_new(struct world *w, struct site *s, const struct capture_source *source, struct work *work)
{
    struct shadow_row *first = NULL;
    derive(w, source, work, 0);
    TRY(record_held(s, work->input.record_id, &work->input.record));
    if (work->input.record) {
        size_t count = shadows_of(s->legacy, work->input.record_id, &first);
        work->input.match = count == 0 ? MATCH_DERIVED : count == 1 && is_gone(s->legacy, first) ? MATCH_VANISHED : MATCH_DOUBTFUL;
        work->vanished = work->input.match == MATCH_VANISHED ? first : NULL;
    } else {
        work->vanished = vanished_with(s->legacy, work->read.born);
        work->input.match = work->vanished ? MATCH_VANISHED : MATCH_NONE;
    }
    if (work->vanished) {
        SIM_MARK(w, capture_vanished);
        work->input.shadow = shadow_get(w, work->vanished);
        return record_held(s, work->vanished->record, &work->input.record);
    }
    if (work->input.match == MATCH_DOUBTFUL) {
        SIM_MARK(w, capture_doubtful);
        derive(w, source, work, 1);
        return record_held(s, work->input.record_id, &work->input.record);
    }
    if (work->input.match == MATCH_DERIVED) {
        SIM_MARK(w, capture_derived);
    }
    return status_ok();
}

static struct status find_leaves(struct world *w, struct site *s, struct work *work, struct span claim)
{
    struct capture_leaf *leaves = NULL;
    size_t count = 0;
    if (work->input.record) {
        TRY(capture_leaves(s->core, work->input.record, CONNECTOR_LANE, (struct part_id){{0}}, claim, &w->arena, &leaves,
                           &count));
    }
    work->input.found_known = true;
    work->input.found = leaves;
    work->input.found_count = count;
    return status_ok();
}

static struct status decide(struct world *w, struct site *s, struct work *work)
{
    const struct capture_source source = connector_source(w, s);
    work->input.now_ms = site_now(w, s);
    if (work->row) {
        work->read = *work->row;
        work->input.row = connector_map(w, work->row);
    }
    if (work->at) {
        work->input.shadow = shadow_get(w, work->at);
        work->version = work->at->version;
        TRY(record_held(s, work->at->record, &work->input.record));
    } else {
        TRY(match_new(w, s, &source, work));
    }
    if (work->input.match == MATCH_DERIVED) {
        TRY(find_leaves(w, s, work, (struct span){0}));
    }
    TRY(capture_decide(&source, &work->input, &w->arena, &work->decision));
    if (work->decision.action == CAPTURE_SETTLE) {
        SIM_MARK(w, capture_settle);
        TRY(find_leaves(w, s, work, span_of(work->input.shadow->claim.number, 16)));
        TRY(capture_decide(&source, &work->input, &w->arena, &work->decision));
    }
    for (size_t i = 0; i < work->decision.write_count; i++) {
        struct span *value = &work->decision.writes[i].value;
        TRY(arena_copy(&w->arena, *value, value));
    }
    return status_ok();
}

/* ---- leaves ---- */

static void mark_draft(struct world *w, const struct draft *draft)
{
    switch (draft->kind) {
    case KIND_CREATE:
        SIM_MARK(w, capture_create);
        return;
    case KIND_STALE_EDIT:
        SIM_MARK(w, capture_stale);
        return;
    default:
        SIM_MARK(w, capture_edit);
        if (draft->value_count > 0 && draft->values[0].number == REG_PRESENCE) {
            SIM_MARK(w, capture_presence);
        }
    }
}

static void draft_known(struct world *w, const struct work *work, struct seen knows[FIELD_REFS])
{
    for (size_t f = 0; f < FIELD_REFS; f++) {
        knows[f] = (struct seen){{0}};
        if (work->row) {
            knows[f] = work->read.knows[f];
            oracle_reads(w->oracle, &knows[f], row_edit(&work->read, (enum field)f));
        }
    }
}

static struct status write_drafts(struct world *w, struct site *s, struct work *work, struct written *written)
{
    struct capture_decision *decision = &work->decision;
    struct seen *knows = arena_array(&w->arena, FIELD_REFS, sizeof *knows);
    struct fault fault = {0};
    draft_known(w, work, knows);
    for (size_t i = 0; i < decision->draft_count; i++) {
        oracle_covers(w, s, &decision->drafts[i], knows);
        struct status status = core_write(s->core, &decision->drafts[i], &written[i], &fault);
        if (status.code == STATUS_INVALID || status.code == STATUS_LIMIT || status.code == STATUS_DENIED) {
            violation(w, "%.16s: a captured row is refused: %s (%s %s)", s->id.text, status_name(status),
                      fault.what ? fault.what : "", fault.field ? fault.field : "");
        }
        TRY(status);
    }
    if (decision->draft_count > 0 && decision->record) {
        TRY(core_record(s->core, written[0].record, &decision->record));
    }
    const struct capture_source source = connector_source(w, s);
    TRY(capture_done(&source, decision, written, &w->arena));
    return pending_put(w, s, work->key, work->born, decision->shadow);
}

static void took_values(struct world *w, struct site *s, struct work *work, const struct written *written, bool certain)
{
    for (size_t i = 0; i < work->decision.draft_count; i++) {
        const struct draft *draft = &work->decision.drafts[i];
        mark_draft(w, draft);
        for (size_t v = 0; v < draft->value_count; v++) {
            size_t edit = oracle_number(w, draft->values[v].number, draft->values[v].bytes);
            struct edit *e = &w->oracle->edits[edit];
            TRACE(w, s, "connector: captures row %u register %u v%zu%s", work->key, draft->values[v].number, edit,
                  draft->kind == KIND_STALE_EDIT ? " (stale)" : draft->kind == KIND_CREATE ? " (create)" : "");
            /* After a restore, and for leaves archived with an old epoch, a value may rightly be captured again. */
            bool once = s->core && s->restores == 0 && core_epoch(s->core) == 1 && !s->hostile;
            e->puts += !certain; /* a commit of unknown outcome may have to be made again */
            if (edit > 0 && e->taken == e->puts && once) {
                violation(w, "%.16s: row %u: v%zu is captured twice", s->id.text, work->key, edit);
            }
            e->taken += e->taken < e->puts;
            enum field field;
            if (work->row && field_of_number(draft->values[v].number, &field) &&
                row_edit(work->row, field) == row_edit(&work->read, field)) {
                row_settle(work->row, field);
            }
        }
        oracle_wrote(w, s, draft, written[i].record, certain);
    }
    bool create = work->decision.draft_count > 0 && work->decision.drafts[0].kind == KIND_CREATE;
    for (size_t f = 0; create && work->row && f < FIELD_REFS; f++) {
        if (row_edit(work->row, (enum field)f) == row_edit(&work->read, (enum field)f)) {
            row_settle(work->row, (enum field)f);
        }
    }
}

static enum row_end do_leaves(struct world *w, struct site *s, struct work *work)
{
    const struct capture_source source = connector_source(w, s);
    struct capture_decision *decision = &work->decision;
    struct written *written = arena_array(&w->arena, decision->draft_count, sizeof *written);
    uint8_t number[16];
    source.crypto->random(source.crypto->owner, number, sizeof number);
    must(w, capture_claim(&source, decision, number, &w->arena), "claim");
    if (!shadow_store(w, s, work->key, work->born, decision->shadow)) {
        return ROW_HELD;
    }
    if (interrupted(w, s, "after the claim") || !site_begin(w, s)) {
        return ROW_DOWN;
    }
    struct status status = site_end(w, s, write_drafts(w, s, work, written));
    bool certain = status_is_ok(status);
    if (certain || status.code == STATUS_UNKNOWN) {
        took_values(w, s, work, written, certain);
    }
    if (!certain) {
        SIM_MARK(w, capture_refused);
        return s->core && status.code != STATUS_IO ? ROW_HELD : ROW_DOWN;
    }
    peer_wake(w, s, 5);
    s->dialogue.push_wanted = true;
    if (!s->core || interrupted(w, s, "after the leaves")) {
        return ROW_DOWN;
    }
    if (!shadow_store(w, s, work->key, work->born, decision->shadow)) {
        violation(w, "%.16s: row %u: the shadow behind the claim changed", s->id.text, work->key);
    }
    if (interrupted(w, s, "after the shadow") || !site_begin(w, s)) {
        return ROW_DOWN;
    }
    status = site_end(w, s, pending_drop(s, work->key));
    return s->core && status_is_ok(status) ? ROW_HELD : ROW_DOWN;
}

/* ---- rows are written ---- */

static bool row_is_as_read(const struct work *work)
{
    const struct row *row = work->row;
    return row->there && row->key == work->read.key && row->born == work->read.born &&
           memcmp(row->columns, work->read.columns, sizeof row->columns) == 0 &&
           (work->at == NULL || work->at->version == work->version);
}

static void forget_clerk(struct row *row, enum field field)
{
    if (field < FIELD_REFS) {
        row->knows[field] = row->theirs[field] = (struct seen){{0}};
        row->by_clerk[field] = false;
        row_settle(row, field);
    }
}

static void write_one(struct world *w, struct site *s, struct row *row, struct capture_write *write)
{
    enum field field = FIELD_REFS;
    (void)field_of_number(write->number, &field);
    if (field != FIELD_FLAG && field < FIELD_REFS && row_is_fresh(row, field)) {
        violation(w, "%.16s: row %u: a fresh edit of register %u is overwritten", s->id.text, row->key, write->number);
    }
    size_t old = field < FIELD_REFS ? row_edit(row, field) : 0;
    const struct edit *e = &w->oracle->edits[old];
    if (old > 0 && e->site == s->index && !s->hostile && e->state == EDIT_WRITTEN && !e->at_hub) {
        violation(w, "%.16s: row %u: v%zu is overwritten before the hub has it", s->id.text, row->key, old);
    }
    write->skipped = !connector_say(w, s->legacy, row, write->number, write->value);
    if (write->skipped) {
        SIM_MARK(w, write_unsayable);
    }
    TRACE(w, s, "connector: row %u register %u %s v%zu", row->key, write->number, write->skipped ? "cannot say" : "gets",
          oracle_number(w, write->number, write->value));
    forget_clerk(row, field);
    w->legacy_writes++;
    w->counts->writes++;
}

static void blank_one(struct site *s, struct row *row, uint32_t number)
{
    enum field field;
    if (field_of_number(number, &field) && field < FIELD_REFS) {
        legacy_put(s->legacy, row, column_of(field), "", 0);
        forget_clerk(row, field);
    }
}

static enum row_end do_write(struct world *w, struct site *s, struct work *work)
{
    const struct capture_source source = connector_source(w, s);
    struct random random = random_from(w->plan->seed + 31, ++w->serial);
    enum capture_action action = work->decision.action;
    if (!w->healed && random_hits(&random, w->plan->settings[SETTING_locked])) {
        SIM_MARK(w, write_lost_race);
        if (random_hits(&random, 400)) {
            work->held = true; /* locked: later */
            return ROW_DONE;
        }
        clerk_between(w, s, work->key, &random);
    }
    if (!row_is_as_read(work)) {
        return ROW_HELD;
    }
    for (size_t i = 0; i < work->decision.write_count; i++) {
        struct capture_write *write = &work->decision.writes[i];
        if (action == CAPTURE_BLANK) {
            blank_one(s, work->row, write->number);
        } else if (action == CAPTURE_WRITE) {
            write_one(w, s, work->row, write);
        }
    }
    struct capture_row *after = connector_map(w, work->row);
    uint64_t now = site_now(w, s);
    if (action == CAPTURE_ROUTED) {
        SIM_MARK(w, routed_row);
        TRACE(w, s, "connector: row %u has left", work->key);
        must(w, capture_routed(&source, &work->decision, after, now, &w->arena), "capture_routed");
    } else if (action == CAPTURE_BLANK) {
        SIM_MARK(w, blank_row);
        TRACE(w, s, "connector: row %u is blanked", work->key);
        must(w, capture_blanked(&source, &work->decision, after, now, &w->arena), "capture_blanked");
    } else {
        SIM_MARK(w, write_back);
        must(w, capture_written(&source, &work->decision, after, now, &w->arena), "capture_written");
    }
    if (!shadow_store(w, s, work->key, work->born, work->decision.shadow)) {
        violation(w, "%.16s: row %u: the shadow changed inside the writing transaction", s->id.text, work->key);
    }
    return ROW_HELD;
}

/* ---- rounds ---- */

static void do_move(struct world *w, struct site *s, struct work *work)
{
    /* Moved from the vanished row's key to this one, and stored, at the same time. */
    uint32_t born = work->read.born;
    work->vanished->key = work->key;
    work->vanished->born = born;
    if (!shadow_store(w, s, work->key, born, work->decision.shadow)) {
        violation(w, "%.16s: row %u: a vanished row's shadow has another version", s->id.text, work->key);
    }
}

static void mark_wait(struct world *w, enum capture_wait wait)
{
    switch (wait) {
    case WAIT_ACK:
        SIM_MARK(w, capture_wait_ack);
        return;
    case WAIT_FOREIGN:
    case WAIT_RECORD:
        SIM_MARK(w, capture_wait_foreign);
        return;
    case WAIT_HELLO:
        SIM_MARK(w, capture_wait_hello);
        return;
    case WAIT_PERSON:
        SIM_MARK(w, capture_wait_person);
        return;
    case WAIT_OWN_LEAVES:
        SIM_MARK(w, capture_wait_own);
        return;
    default:
        return;
    }
}

static bool is_held(const struct capture_decision *decision)
{
    return decision->wait == WAIT_ACK || (decision->action == CAPTURE_WAIT && decision->wait != WAIT_PERSON &&
                                          decision->wait != WAIT_GRACE && decision->wait != WAIT_UNREADABLE);
}

/* Form windows still stand open: the same row may be decided otherwise when they are over. */
static bool time_will_tell(const struct shadow *shadow)
{
    for (size_t i = 0; i < shadow->register_count; i++) {
        for (size_t k = 0; k < shadow->registers[i].past_count; k++) {
            if (shadow->registers[i].past[k].open) {
                return true;
            }
        }
    }
    for (size_t i = 0; i < shadow->erasure_count; i++) {
        if (!shadow->erasures[i].seen) {
            return true;
        }
    }
    return false;
}

/* One decision, carried out. ROW_HELD with work.held false: decide again. */
static enum row_end row_step(struct world *w, struct site *s, struct work *work)
{
    if (!site_begin(w, s)) {
        return ROW_DOWN;
    }
    struct status status = decide(w, s, work);
    if (!status_is_ok(status)) {
        status = site_end(w, s, status);
        return ROW_DOWN;
    }
    site_roll_back(s);
    mark_wait(w, work->decision.wait);
    switch (work->decision.action) {
    case CAPTURE_SHADOW:
        if (work->vanished) {
            do_move(w, s, work);
        } else if (!shadow_store(w, s, work->key, work->born, work->decision.shadow)) {
            violation(w, "%.16s: row %u: a shadow has another version", s->id.text, work->key);
        }
        return ROW_HELD;
    case CAPTURE_FORGET:
        SIM_MARK(w, capture_forget);
        shadow_drop(w, work->at ? work->at : work->vanished);
        return work->row ? ROW_HELD : ROW_DONE;
    case CAPTURE_REPLACED:
        SIM_MARK(w, capture_replaced);
        if (!shadow_store(w, s, work->key, work->born, work->decision.shadow)) {
            violation(w, "%.16s: row %u: a replaced shadow has another version", s->id.text, work->key);
        }
        shadow_aside(w, s, work->key);
        return ROW_HELD;
    case CAPTURE_LEAVES:
        if (work->vanished && !work->at) {
            work->vanished->key = work->key;
            work->vanished->born = work->read.born;
        }
        return do_leaves(w, s, work);
    case CAPTURE_WRITE:
    case CAPTURE_ROUTED:
    case CAPTURE_BLANK:
        return do_write(w, s, work);
    case CAPTURE_NOTHING:
        if (work->at && work->decision.wait == WAIT_NONE && !time_will_tell(work->input.shadow)) {
            shadow_settle(work->at, work->row);
        }
        work->held = is_held(&work->decision);
        return ROW_DONE;
    case CAPTURE_WAIT:
        work->held = is_held(&work->decision);
        return ROW_DONE;
    case CAPTURE_SETTLE:
    case CAPTURE_INSERT:
        break;
    }
    violation(w, "%.16s: row %u: an action that is none for a row", s->id.text, work->key);
}

enum row_end connector_row(struct world *w, struct site *s, uint32_t key)
{
    for (size_t round = 0; round < ROUNDS; round++) {
        struct work *work = arena_alloc(&w->arena, sizeof *work);
        *work = (struct work){.row = legacy_row(s->legacy, key), .at = legacy_shadow(s->legacy, key), .key = key};
        if ((!work->row && !work->at) || (work->at && shadow_is_settled(work->at, work->row))) {
            return ROW_DONE;
        }
        work->born = work->row && !work->at ? work->row->born : work->at->born;
        enum row_end end = row_step(w, s, work);
        if (end != ROW_HELD) {
            return end == ROW_DONE && work->held ? ROW_HELD : end;
        }
    }
    if (s->hostile) {
        return ROW_DONE; /* of its own making */
    }
    violation(w, "%.16s: row %u: decides for ever", s->id.text, key);
}

/* ---- rows for complaints that have none ---- */

static bool made_here(const struct site *s, const struct record *record)
{
    for (size_t i = 0; i < record->history_count; i++) {
        if (record->history[i].kind == KIND_CREATE) {
            const struct replica *replica = &record->replicas[record->history[i].replica].replica;
            return node_id_equal(replica->node, s->id) && replica->lane == CONNECTOR_LANE;
        }
    }
    return false;
}

static struct status insert_decide(struct world *w, struct site *s, struct record_id id, struct capture_decision *decision)
{
    static const uint32_t writable[] = {REG_STATUS, REG_CONFIDENTIAL, REG_TITLE, REG_TEXT};
    const struct capture_source source = connector_source(w, s);
    const struct record *record = NULL;
    TRY(record_held(s, id, &record));
    if (!record) {
        return status_ok();
    }
    struct shadow_row *untied = NULL;
    bool unbound = shadows_of(s->legacy, id, &untied) == 0 && made_here(s, record);
    TRY(capture_insert(&source, record, (struct part_id){{0}}, writable, 4, unbound, false, &w->arena, decision));
    for (size_t i = 0; i < decision->write_count; i++) {
        TRY(arena_copy(&w->arena, decision->writes[i].value, &decision->writes[i].value));
    }
    return status_ok();
}

enum row_end connector_insert(struct world *w, struct site *s, struct record_id id)
{
    struct capture_decision *decision = arena_alloc(&w->arena, sizeof *decision);
    const struct capture_source source = connector_source(w, s);
    if (!site_begin(w, s)) {
        return ROW_DOWN;
    }
    struct status status = insert_decide(w, s, id, decision);
    if (!status_is_ok(status)) {
        status = site_end(w, s, status);
        return ROW_DOWN;
    }
    site_roll_back(s);
    if (decision->action != CAPTURE_INSERT) {
        return decision->action == CAPTURE_WAIT ? ROW_HELD : ROW_DONE;
    }
    struct row *row = legacy_insert(s->legacy, ++s->legacy->born, false);
    if (!row) {
        return ROW_HELD; /* their table is full: later */
    }
    SIM_MARK(w, insert_row);
    struct shadow_row *untied = NULL;
    if (shadows_of(s->legacy, id, &untied) > 0) { /* of the row that it had before it left */
        shadow_drop(w, untied);
    }
    TRACE(w, s, "connector: a complaint becomes row %u", row->key);
    shadow_aside(w, s, row->key);
    for (size_t i = 0; i < decision->write_count; i++) {
        write_one(w, s, row, &decision->writes[i]);
    }
    memcpy(row->base, row->columns, sizeof row->base);
    must(w, capture_written(&source, decision, connector_map(w, row), site_now(w, s), &w->arena), "capture_written");
    if (!shadow_store(w, s, row->key, row->born, decision->shadow)) {
        violation(w, "%.16s: row %u: an inserted row has a shadow", s->id.text, row->key);
    }
    row->in_outbox = true;
    return ROW_DONE;
}
