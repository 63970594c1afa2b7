/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LAW_CAPTURE_CONNECTOR_H
#define TESTS_LAW_CAPTURE_CONNECTOR_H

/* The connector of law_capture.c: what a real one does around sync/capture, over the legacy table in memory. Included
 * once, after the people. */

static bool leaf_is_acked(const void *owner, uint32_t stream, uint64_t seq)
{
    const struct world *w = owner;
    size_t held = w->ready ? w->acked : w->image.own_count;
    for (size_t i = 0; i < w->node.own_count && stream == 1; i++) {
        if (w->node.own[i]->header.seq == seq) {
            return i < held;
        }
    }
    return true;
}

static struct capture_source source_of(struct world *w)
{
    return (struct capture_source){.self = w->node.id,
                                   .lane = 1,
                                   .scope = {.text = "a"},
                                   .crypto = &stub_crypto,
                                   .secret = span_text("secret"),
                                   .system = span_text("model"),
                                   .actor = span_text("clerk"),
                                   .form_window_ms = WINDOW,
                                   .ready = w->ready,
                                   .is_acked = leaf_is_acked,
                                   .is_acked_owner = w};
}

/* ---- the mapping ---- */

static struct shadow_cell cell_of(struct world *w, const char *name, const struct text *text)
{
    struct span bytes;
    must(w, arena_copy(&w->scratch, text_span(text), &bytes), "copy");
    return (struct shadow_cell){.column = span_text(name), .bytes = bytes, .null = text->null};
}

static struct text number_text(uint32_t number)
{
    struct text text = {.null = false};
    (void)snprintf(text.bytes, sizeof text.bytes, "%u", number);
    return text;
}

static void map_field(struct world *w, const struct row *row, enum field field, struct capture_register *reg)
{
    struct shadow_cell *cells = arena_array(&w->scratch, 2, sizeof *cells);
    const struct text *text = field == FIELD_REFS ? NULL : &row->columns[column_of(field)];
    *reg = (struct capture_register){
        .number = field_numbers[field], .cells = cells, .cell_count = 1, .readable = true, .writable = true};
    if (field == FIELD_REFS) {
        struct text key = number_text(row->key);
        cells[0] = cell_of(w, "id", &key);
        struct ref *ref = arena_alloc(&w->scratch, sizeof *ref);
        *ref = (struct ref){.system = span_text("legacy:model"), .key = cells[0].bytes};
        reg->value = write_value(w, &(struct value){.type = VALUE_REFS, .refs = {.refs = ref, .count = 1}});
        reg->present = true;
        reg->writable = false;
        return;
    }
    cells[0] = cell_of(w, column_names[column_of(field)], text);
    reg->present = !text->null;
    if (field == FIELD_FLAG && reg->present) {
        reg->value = write_value(w, &(struct value){.type = VALUE_FLAG, .flag = text->bytes[0] == 'Y'});
    } else if (field == FIELD_STATUS) {
        cells[1] = cell_of(w, column_names[COLUMN_STATUS], &row->columns[COLUMN_STATUS]);
        reg->cell_count = 2;
        reg->present = !row->columns[COLUMN_STATUS].null;
        if (reg->present) {
            reg->value = text_value(w, REG_STATUS, text_span(text), status_of_code(row->columns[COLUMN_STATUS].bytes));
        }
    } else if (reg->present) {
        reg->value = text_value(w, reg->number, text_span(text), COMPLAINT_NONE);
    }
}

static struct capture_row *map_row(struct world *w, const struct row *row)
{
    struct capture_row *mapped = arena_alloc(&w->scratch, sizeof *mapped);
    struct capture_register *registers = arena_array(&w->scratch, FIELD_COUNT, sizeof *registers);
    struct shadow_cell *identity = arena_alloc(&w->scratch, sizeof *identity);
    struct text born = number_text(row->born);
    *identity = cell_of(w, "diterima", &born);
    for (size_t f = 0; f < FIELD_COUNT; f++) {
        map_field(w, row, (enum field)f, &registers[f]);
    }
    *mapped = (struct capture_row){
        .registers = registers, .register_count = FIELD_COUNT, .identity = identity, .identity_count = 1};
    return mapped;
}

/* False: the system cannot say this value. */
static bool write_field(struct world *w, struct row *row, uint32_t number, struct span bytes)
{
    struct value value;
    must(w, value_read_register(number, bytes, &w->scratch, &value), "value");
    if (number == REG_CONFIDENTIAL) {
        column_put(w, row, COLUMN_FLAG, value.flag ? "Y" : "N", 1);
    } else if (number == REG_STATUS) {
        const char *code = status_codes[value.status.status];
        if (!code) {
            return false;
        }
        column_put(w, row, COLUMN_STATUS, code, strlen(code));
        column_put(w, row, COLUMN_REASON, (const char *)value.status.reason.data, value.status.reason.size);
    } else {
        column_put(w, row, number == REG_TITLE ? COLUMN_TITLE : COLUMN_TEXT, (const char *)value.text.data,
                   value.text.size);
    }
    return true;
}

static enum field field_of_number(uint32_t number)
{
    size_t field = 0;
    while (field + 1 < FIELD_COUNT && field_numbers[field] != number) {
        field++;
    }
    return (enum field)field;
}

/* ---- shadows ---- */

static struct shadow_row *shadow_row_of(struct legacy *legacy, uint32_t key)
{
    for (size_t i = 0; i < SHADOWS; i++) {
        if (legacy->shadows[i].there && legacy->shadows[i].key == key) {
            return &legacy->shadows[i];
        }
    }
    return NULL;
}

static void shadow_put(struct world *w, uint32_t key, uint32_t born, const struct shadow *shadow)
{
    struct shadow_row *at = shadow_row_of(&w->legacy, key);
    for (size_t i = 0; !at && i < SHADOWS; i++) {
        at = w->legacy.shadows[i].there ? NULL : &w->legacy.shadows[i];
    }
    if (!at) {
        fail(w, "too many shadows");
    }
    if (shadow->version != (at->there ? at->version : 0) + 1) {
        fail(w, "shadow version %llu follows %llu", (unsigned long long)shadow->version,
             (unsigned long long)at->version);
    }
    struct span bytes;
    must(w, shadow_encode(shadow, &w->arena, &bytes), "shadow_encode");
    *at = (struct shadow_row){.there = true,
                              .key = key,
                              .born = born,
                              .version = shadow->version,
                              .record = shadow->record,
                              .state = shadow->state,
                              .bytes = bytes};
    w->stores++;
}

static struct shadow *shadow_get(struct world *w, const struct shadow_row *at)
{
    struct shadow *shadow = arena_alloc(&w->scratch, sizeof *shadow);
    must(w, shadow_decode(at->bytes, &w->scratch, shadow), "shadow_decode");
    return shadow;
}

/* ---- one row ---- */

static void find_leaves(struct world *w, size_t r, const uint8_t *claim, struct capture_input *input)
{
    struct capture_leaf *found = arena_array(&w->scratch, 64, sizeof *found);
    struct record *record = &w->node.records[r];
    for (size_t i = 0; i < w->node.own_count; i++) {
        const struct leaf *leaf = w->node.own[i];
        if (leaf->record != r || leaf->header.lane != 1 ||
            (claim && (!leaf->claimed || memcmp(leaf->claim, claim, 16))) ||
            !capture_holds(record, &(struct ctx_entry){header_replica(&leaf->header), leaf->header.rseq, leaf->hash})) {
            continue;
        }
        for (size_t v = 0; v < leaf->value_count; v++) {
            bool again = false;
            for (size_t k = 0; k < input->found_count; k++) {
                again = again || found[k].number == leaf->values[v].number;
            }
            struct capture_leaf *at = &found[input->found_count];
            if (again) {
                continue;
            }
            *at = (struct capture_leaf){
                .number = leaf->values[v].number,
                .leaf = {header_replica(&leaf->header), leaf->header.rseq, leaf->hash},
                .ctx = {.entries = arena_array(&w->scratch, leaf->header.ctx_count, sizeof *at->ctx.entries),
                        .count = leaf->header.ctx_count},
                .value = leaf->values[v].bytes,
                .value_held = true};
            if (leaf->header.ctx_count > 0) {
                memcpy(at->ctx.entries, leaf->header.ctx, leaf->header.ctx_count * sizeof *at->ctx.entries);
            }
            input->found_count++;
        }
    }
    input->found = found;
    input->found_known = true;
}

static bool record_is_tied(struct world *w, size_t r)
{
    for (size_t i = 0; i < SHADOWS; i++) {
        const struct shadow_row *shadow = &w->legacy.shadows[i];
        if (shadow->there && record_id_equal(shadow->record, w->ids[r])) {
            return true;
        }
    }
    return false;
}

static struct shadow_row *vanished_with(struct world *w, uint32_t born)
{
    for (size_t i = 0; i < SHADOWS; i++) {
        struct shadow_row *shadow = &w->legacy.shadows[i];
        const struct row *row = shadow->there ? row_of(&w->legacy, shadow->key) : NULL;
        if (shadow->there && shadow->born == born && (!row || row->born != born)) {
            return shadow;
        }
    }
    return NULL;
}

static struct record_id derived_id(struct world *w, const struct capture_source *source, const struct row *row,
                                   uint32_t counter, uint8_t nonce[32])
{
    struct text key = number_text(row->key);
    struct text born = number_text(row->born);
    struct shadow_cell identity = cell_of(w, "diterima", &born);
    capture_nonce(source, span_text("aduan"), text_span(&key), &identity, 1, counter, nonce);
    return capture_record_id(source, span_of(nonce, 32));
}

static const struct record *record_held(struct world *w, struct record_id id)
{
    size_t r = record_index(w, id);
    return r == SIZE_MAX || w->node.records[r].history_count == 0 ? NULL : &w->node.records[r];
}

static void match_new(struct world *w, const struct capture_source *source, const struct row *row, uint8_t nonce[32],
                      struct shadow_row **out_vanished, struct capture_input *input)
{
    *out_vanished = vanished_with(w, row->born);
    if (*out_vanished) {
        input->match = MATCH_VANISHED;
        input->shadow = shadow_get(w, *out_vanished);
        input->record = record_held(w, (*out_vanished)->record);
        return;
    }
    for (uint32_t counter = 0;; counter++) {
        input->record_id = derived_id(w, source, row, counter, nonce);
        input->record = record_held(w, input->record_id);
        if (!input->record || !record_is_tied(w, record_index(w, input->record_id))) {
            break;
        }
        input->match = MATCH_DOUBTFUL;
    }
    input->nonce = span_of(nonce, 32);
    input->match = input->record ? MATCH_DERIVED : input->match;
}

static bool is_fresh(const struct row *row, enum field field)
{
    return row->fresh[field] &&
           (!text_equal(&row->columns[column_of(field)], &row->base[column_of(field)]) ||
            (field == FIELD_STATUS && !text_equal(&row->columns[COLUMN_STATUS], &row->base[COLUMN_STATUS])));
}

static void settle_field(struct row *row, enum field field)
{
    if (field == FIELD_REFS) {
        return;
    }
    row->fresh[field] = false;
    row->base[column_of(field)] = row->columns[column_of(field)];
    if (field == FIELD_STATUS) {
        row->base[COLUMN_STATUS] = row->columns[COLUMN_STATUS];
    }
}

/* Writes the leaves; chance may end the step between any two commits, as a crash does. */
static void do_leaves(struct world *w, const struct capture_source *source, struct row *row, uint32_t key,
                      uint32_t born, struct capture_decision *decision)
{
    uint8_t number[16] = {0};
    uint64_t random = chance(w, UINT64_MAX);
    memcpy(number, &random, sizeof random);
    must(w, capture_claim(source, decision, number, &w->scratch), "claim");
    shadow_put(w, key, born, decision->shadow);
    if (chance(w, 10) == 0) {
        trace(w, "connector: crash after the claim of row %u", key);
        return;
    }
    struct written *written = arena_array(&w->scratch, decision->draft_count, sizeof *written);
    for (size_t i = 0; i < decision->draft_count; i++) {
        struct draft *draft = &decision->drafts[i];
        struct seen knows[FIELD_COUNT] = {{{0}}};
        size_t r = record_add(w, draft->record, false);
        if (r == SIZE_MAX) {
            fail(w, "too many records");
        }
        for (size_t f = 0; row && f < FIELD_REFS; f++) {
            knows[f] = row->knows[f];
            seen_value(w, &knows[f], edit_in(row, (enum field)f));
        }
        for (size_t v = 0; v < draft->value_count; v++) {
            size_t edit = edit_of_value(w, draft->values[v].number, draft->values[v].bytes);
            if (edit > 0 && ++w->taken[edit] > w->puts[edit] && !w->restored) {
                fail(w, "row %u: v%zu is captured twice", key, edit);
            }
            trace(w, "connector: captures row %u, record %zu register %u v%zu%s", key, r, draft->values[v].number, edit,
                  draft->kind == KIND_STALE_EDIT ? " (stale)" : "");
            if (row) {
                settle_field(row, field_of_number(draft->values[v].number));
            }
        }
        if (row && draft->kind == KIND_CREATE) {
            memcpy(row->base, row->columns, sizeof row->base);
        }
        write_draft(w, &w->node, r, draft, knows, &written[i]);
        w->leaves++;
    }
    if (chance(w, 10) == 0) {
        trace(w, "connector: crash after the leaves of row %u", key);
        return;
    }
    must(w, capture_done(source, decision, written, &w->scratch), "capture_done");
    shadow_put(w, key, born, decision->shadow);
}

static bool row_is_as_read(const struct row *row, const struct row *read)
{
    return row->there && row->key == read->key && row->born == read->born &&
           memcmp(row->columns, read->columns, sizeof row->columns) == 0;
}

static void do_write(struct world *w, const struct capture_source *source, struct row *row, const struct row *read,
                     struct capture_decision *decision)
{
    if (chance(w, 6) == 0) {
        clerk_save(w); /* between reading and writing */
    }
    if (!row_is_as_read(row, read)) {
        return;
    }
    for (size_t i = 0; i < decision->write_count; i++) {
        struct capture_write *write = &decision->writes[i];
        enum field field = field_of_number(write->number);
        if (field != FIELD_FLAG && (is_fresh(row, field) || !is_held(w, row, field))) {
            fail(w, "row %u: a fresh edit of register %u is overwritten", row->key, write->number);
        }
        write->skipped = !write_field(w, row, write->number, write->value);
        row->knows[field] = (struct seen){{0}};
        row->by_clerk[field] = false;
        row->theirs[field] = (struct seen){{0}};
        settle_field(row, field);
        trace(w, "connector: row %u register %u %s v%zu", row->key, write->number,
              write->skipped ? "cannot say" : "gets", edit_of_value(w, write->number, write->value));
        w->writes++;
    }
    must(w, capture_written(source, decision, map_row(w, row), w->now, &w->scratch), "capture_written");
    shadow_put(w, row->key, row->born, decision->shadow);
}

static void shadow_moved(struct world *w, const struct row *row, struct shadow_row *vanished,
                         const struct shadow *shadow)
{
    struct shadow_row old = *vanished;
    *vanished = (struct shadow_row){.there = false};
    shadow_put(w, row->key, row->born, &(struct shadow){.version = 1, .record = shadow->record});
    struct shadow_row *at = shadow_row_of(&w->legacy, row->key);
    at->version = old.version;
    shadow_put(w, row->key, row->born, shadow);
}

/* The shadow of a vanished row leaves its key, which was used again. */
static void shadow_aside(struct legacy *legacy, uint32_t key)
{
    static uint32_t aside = 1000000;
    struct shadow_row *shadow = shadow_row_of(legacy, key);
    if (shadow) {
        shadow->key = ++aside;
    }
}

/* One decision. True: decide again. */
static bool connector_decide(struct world *w, uint32_t key, struct shadow_row *orphan)
{
    struct capture_source source = source_of(w);
    struct row *row = orphan ? NULL : row_of(&w->legacy, key);
    struct shadow_row *at = orphan ? orphan : shadow_row_of(&w->legacy, key);
    struct capture_input input = {.now_ms = w->now};
    struct shadow_row *vanished = NULL;
    uint8_t nonce[32];
    struct row read = {.there = false};
    if (row) {
        read = *row;
        input.row = map_row(w, row);
    }
    if (at) {
        input.shadow = shadow_get(w, at);
        input.record = record_held(w, at->record);
    } else if (row) {
        match_new(w, &source, row, nonce, &vanished, &input);
    }
    struct capture_decision decision;
    must(w, capture_decide(&source, &input, &w->scratch, &decision), "capture_decide");
    if (decision.action == CAPTURE_SETTLE) {
        at = at ? at : vanished;
        size_t r = record_index(w, at ? at->record : input.record_id);
        if (r == SIZE_MAX) {
            input.found_known = true; /* no leaf ever made that record */
        } else {
            find_leaves(w, r, at ? input.shadow->claim.number : NULL, &input);
        }
        must(w, capture_decide(&source, &input, &w->scratch, &decision), "capture_decide");
    }
    uint32_t born = at ? at->born : row ? row->born : 0;
    switch (decision.action) {
    case CAPTURE_SHADOW:
        if (vanished) {
            shadow_moved(w, row, vanished, decision.shadow);
        } else {
            shadow_put(w, at ? at->key : key, born, decision.shadow);
        }
        return true;
    case CAPTURE_FORGET:
        (at ? at : vanished)->there = false;
        w->stores++;
        return row != NULL;
    case CAPTURE_REPLACED:
        shadow_put(w, key, born, decision.shadow);
        shadow_aside(&w->legacy, key);
        return true;
    case CAPTURE_LEAVES:
        do_leaves(w, &source, row, at ? at->key : key, born, &decision);
        return true;
    case CAPTURE_WRITE:
        do_write(w, &source, row, &read, &decision);
        return true;
    case CAPTURE_ROUTED:
    case CAPTURE_BLANK:
    case CAPTURE_INSERT:
        fail(w, "unexpected action %d", (int)decision.action);
        return false;
    case CAPTURE_NOTHING:
    case CAPTURE_WAIT:
    case CAPTURE_SETTLE:
        return false;
    }
    return false;
}

static void connector_row(struct world *w, uint32_t key, struct shadow_row *orphan, size_t rounds)
{
    for (size_t i = 0; i < rounds && connector_decide(w, key, orphan); i++) {
        if (i > 24) {
            fail(w, "row %u: decides for ever", key);
        }
    }
}

static bool has_unbound_row(struct world *w, const struct capture_source *source, size_t r)
{
    uint8_t nonce[32];
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &w->legacy.rows[i];
        const struct shadow_row *shadow = row->there ? shadow_row_of(&w->legacy, row->key) : NULL;
        bool bound = shadow && record_held(w, shadow->record);
        if (row->there && !bound && record_id_equal(derived_id(w, source, row, 0, nonce), w->ids[r])) {
            return true;
        }
    }
    return false;
}

static void connector_insert(struct world *w, size_t r)
{
    struct capture_source source = source_of(w);
    struct capture_decision decision;
    if (r >= w->record_count || w->node.records[r].history_count == 0 || record_is_tied(w, r)) {
        return;
    }
    must(w,
         capture_insert(&source, &w->node.records[r], (struct part_id){{0}}, field_numbers, FIELD_REFS,
                        has_unbound_row(w, &source, r), false, &w->scratch, &decision),
         "capture_insert");
    struct row *row = decision.action == CAPTURE_INSERT ? row_new(w, ++w->born_count) : NULL;
    if (!row) {
        return;
    }
    trace(w, "connector: record %zu becomes row %u", r, row->key);
    shadow_aside(&w->legacy, row->key);
    for (size_t i = 0; i < decision.write_count; i++) {
        struct capture_write *write = &decision.writes[i];
        write->skipped = !write_field(w, row, write->number, write->value);
        settle_field(row, field_of_number(write->number));
        w->writes++;
    }
    memcpy(row->base, row->columns, sizeof row->base);
    must(w, capture_written(&source, &decision, map_row(w, row), w->now, &w->scratch), "capture_written");
    shadow_put(w, row->key, row->born, decision.shadow);
}

static bool is_orphan(struct world *w, const struct shadow_row *shadow)
{
    return shadow->there && !row_of(&w->legacy, shadow->key);
}

static void connector_some(struct world *w)
{
    const struct row *row = &w->legacy.rows[chance(w, ROWS)];
    struct shadow_row *shadow = &w->legacy.shadows[chance(w, SHADOWS)];
    if (chance(w, 5) == 0) {
        connector_insert(w, chance(w, RECORDS));
    } else if (row->there) {
        connector_row(w, row->key, NULL, 1 + chance(w, 6));
    } else if (is_orphan(w, shadow)) {
        connector_row(w, shadow->key, shadow, 1);
    }
}

static void connector_all(struct world *w)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (w->legacy.rows[i].there) {
            connector_row(w, w->legacy.rows[i].key, NULL, 40);
        }
    }
    for (size_t i = 0; i < SHADOWS; i++) {
        if (is_orphan(w, &w->legacy.shadows[i])) {
            connector_row(w, w->legacy.shadows[i].key, &w->legacy.shadows[i], 40);
        }
    }
    for (size_t r = 0; r < w->record_count; r++) {
        connector_insert(w, r);
    }
}

/* ---- at the end ---- */

static bool row_says(struct world *w, const struct row *row, uint32_t number, struct span value)
{
    struct row would = *row;
    if (!write_field(w, &would, number, value)) {
        return true; /* this system has no word for it */
    }
    return memcmp(would.columns, row->columns, sizeof would.columns) == 0;
}

static void check_field(struct world *w, const struct row *row, const struct record *record, enum field field)
{
    const struct record_register *reg = field_of(record, field);
    struct shown shown;
    if (!reg || reg->sibling_count == 0) {
        return;
    }
    must(w, record_show(record, (struct part_id){{0}}, reg->number, &w->scratch, &shown), "show");
    bool own = false;
    bool own_is_shown = false;
    for (size_t i = 0; i < reg->sibling_count; i++) {
        const struct sibling *sibling = &reg->siblings[i];
        struct dot dot = record_dot(record, sibling->dot);
        if (dot.replica.lane == 1 && node_id_equal(dot.replica.node, w->node.id) && !(sibling->flags & SIBLING_STALE)) {
            own = true;
            own_is_shown = own_is_shown || row_says(w, row, reg->number, sibling->value);
        }
    }
    bool says = row_says(w, row, reg->number, shown.value);
    if ((!shown.conflict || field == FIELD_FLAG) && !says) {
        fail(w, "row %u register %u does not show what is shown", row->key, reg->number);
    }
    if (shown.conflict && !shown.person && !says && !own_is_shown) {
        fail(w, "row %u register %u shows neither the shown value nor its own", row->key, reg->number);
    }
    if (shown.conflict && own && !own_is_shown && field != FIELD_FLAG) {
        fail(w, "row %u register %u: a clerk's living value has left the row", row->key, reg->number);
    }
}

static void check_rows(struct world *w)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &w->legacy.rows[i];
        const struct shadow_row *shadow = row->there ? shadow_row_of(&w->legacy, row->key) : NULL;
        if (!row->there) {
            continue;
        }
        if (!shadow || !record_held(w, shadow->record) || shadow->state != SHADOW_TIED) {
            fail(w, "row %u is not tied", row->key);
        }
        if (shadow_get(w, shadow)->held) {
            continue; /* perhaps the same case: a person decides */
        }
        for (size_t f = 0; f < FIELD_REFS; f++) {
            if (f != FIELD_FLAG && (is_fresh(row, (enum field)f) || !is_held(w, row, (enum field)f))) {
                fail(w, "row %u register %u was never captured", row->key, field_numbers[f]);
            }
            check_field(w, row, record_held(w, shadow->record), (enum field)f);
        }
        for (size_t k = 0; k < SHADOWS; k++) {
            const struct shadow_row *other = &w->legacy.shadows[k];
            if (other->there && other != shadow && record_id_equal(other->record, shadow->record)) {
                fail(w, "record %zu has two rows", record_index(w, shadow->record));
            }
        }
    }
}

#endif
