/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LAW_CAPTURE_PEOPLE_H
#define TESTS_LAW_CAPTURE_PEOPLE_H

/* The people of law_capture.c: clerks of the legacy program with their forms, and those at screens of ours. Included
 * once, after the writing of leaves. */

/* ---- the legacy program ---- */

static struct span text_span(const struct text *text)
{
    return span_of(text->bytes, strlen(text->bytes));
}

static bool text_equal(const struct text *a, const struct text *b)
{
    return a->null == b->null && strcmp(a->bytes, b->bytes) == 0;
}

/* Every statement passes here, also ours: their trigger rewrites titles. */
static void column_put(struct world *w, struct row *row, enum column column, const char *bytes, size_t size)
{
    struct text *text = &row->columns[column];
    *text = (struct text){.null = size == 0};
    size_t room = w->cut_texts && column <= COLUMN_TEXT ? CUT : TEXT_SIZE - 2;
    size = size < room ? size : room;
    if (size > 0) {
        memcpy(text->bytes, bytes, size);
    }
    if (w->trigger && column == COLUMN_TITLE && size > 0 && bytes[size - 1] != '.') {
        text->bytes[size] = '.';
    }
}

static const char *const status_codes[COMPLAINT_STATUS_COUNT] = {
    [COMPLAINT_BELUM_VERIFIKASI] = "baru", [COMPLAINT_TUNDA] = "baru",
    [COMPLAINT_TERVERIFIKASI] = "jalan",   [COMPLAINT_PROSES] = "jalan",
    [COMPLAINT_SELESAI] = "selesai",       [COMPLAINT_BUKAN_WEWENANG] = "tolak",
    [COMPLAINT_ARSIP] = "arsip",           [COMPLAINT_ESKALASI_OMBUDSMAN] = NULL,
};

static enum complaint_status status_of_code(const char *code)
{
    static const enum complaint_status reads[] = {COMPLAINT_BELUM_VERIFIKASI, COMPLAINT_PROSES, COMPLAINT_SELESAI,
                                                  COMPLAINT_BUKAN_WEWENANG, COMPLAINT_ARSIP};
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        if (strcmp(code, status_codes[reads[i]]) == 0) {
            return reads[i];
        }
    }
    return COMPLAINT_NONE;
}

static enum column column_of(enum field field)
{
    static const enum column columns[FIELD_COUNT] = {COLUMN_REASON, COLUMN_FLAG, COLUMN_TITLE, COLUMN_TEXT};
    return columns[field];
}

static size_t edit_in(const struct row *row, enum field field)
{
    return field == FIELD_FLAG || field == FIELD_REFS ? 0 : edit_of(text_span(&row->columns[column_of(field)]));
}

static struct row *row_of(struct legacy *legacy, uint32_t key)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (legacy->rows[i].there && legacy->rows[i].key == key) {
            return &legacy->rows[i];
        }
    }
    return NULL;
}

static struct row *row_new(struct world *w, uint32_t born)
{
    struct legacy *legacy = &w->legacy;
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &legacy->rows[i];
        if (!row->there) {
            *row = (struct row){.there = true, .born = born};
            row->key = legacy->reusable && chance(w, 2) ? legacy->reusable : ++legacy->next_key;
            legacy->reusable = row->key == legacy->reusable ? 0 : legacy->reusable;
            for (size_t c = 0; c < COLUMN_COUNT; c++) {
                row->columns[c].null = true;
            }
            return row;
        }
    }
    return NULL;
}

/* ---- clerks ---- */

/* What a clerk overwrites of another clerk's is settled by their system: as good as seen. */
static void take_over(struct row *row, enum field field, const struct seen *seen)
{
    size_t old = edit_in(row, field);
    if (old > 0 && row->by_clerk[field]) {
        seen_add(&row->theirs[field], old);
    }
    row->knows[field] = *seen;
    seen_join(&row->knows[field], &row->theirs[field]);
    row->fresh[field] = true;
    row->by_clerk[field] = true;
}

static void clerk_value(struct world *w, struct row *row, enum field field, const struct seen *seen)
{
    char bytes[TEXT_SIZE];
    take_over(row, field, seen);
    if (field == FIELD_FLAG) {
        column_put(w, row, COLUMN_FLAG, chance(w, 2) ? "Y" : "N", 1);
        trace(w, "clerk: row %u rahasia = %s", row->key, row->columns[COLUMN_FLAG].bytes);
        return;
    }
    size_t edit = edit_new(w, seen);
    w->puts[edit]++;
    int size = snprintf(bytes, sizeof bytes, "v%zu%s", edit, chance(w, 2) ? "" : "-kabupaten");
    column_put(w, row, column_of(field), bytes, (size_t)size);
    if (field == FIELD_STATUS) {
        static const char *const codes[] = {"baru", "jalan", "jalan", "selesai", "tolak"};
        const char *code = codes[chance(w, 5)];
        column_put(w, row, COLUMN_STATUS, code, strlen(code));
    }
    trace(w, "clerk: row %u %s = %s%s", row->key, column_names[column_of(field)], bytes,
          field == FIELD_STATUS ? row->columns[COLUMN_STATUS].bytes : "");
}

static void clerk_new(struct world *w)
{
    size_t rows = 0;
    for (size_t i = 0; i < ROWS; i++) {
        rows += w->legacy.rows[i].there;
    }
    struct row *row = rows < w->most && w->record_count + 2 < RECORDS ? row_new(w, ++w->born_count) : NULL;
    if (!row) {
        return;
    }
    const struct seen none = {{0}};
    trace(w, "clerk: new row %u, case %u", row->key, row->born);
    for (size_t f = 0; f < FIELD_REFS; f++) {
        if (f != FIELD_TEXT || chance(w, 3)) {
            clerk_value(w, row, (enum field)f, &none);
        }
    }
}

static void clerk_open(struct world *w)
{
    struct row *row = &w->legacy.rows[chance(w, ROWS)];
    struct form *form = &w->forms[chance(w, FORMS)];
    if (!row->there || form->open) {
        return;
    }
    *form = (struct form){.open = true, .at_ms = w->now, .key = row->key, .born = row->born};
    memcpy(form->columns, row->columns, sizeof form->columns);
    trace(w, "clerk: opens a form of row %u (judul %s, isi %s, status %s %s)", row->key,
          form->columns[COLUMN_TITLE].bytes, form->columns[COLUMN_TEXT].bytes, form->columns[COLUMN_STATUS].bytes,
          form->columns[COLUMN_REASON].bytes);
}

static void form_seen(struct world *w, const struct form *form, enum field field, struct seen *out_seen)
{
    *out_seen = (struct seen){{0}};
    if (field != FIELD_FLAG && field != FIELD_REFS) {
        seen_value(w, out_seen, edit_of(text_span(&form->columns[column_of(field)])));
    }
}

/* Whole forms: the old values are written back too, where they differ. */
static void save_rest(struct world *w, struct row *row, const struct form *form, enum field chosen)
{
    for (size_t f = 0; f < FIELD_REFS; f++) {
        enum field field = (enum field)f;
        enum column column = column_of(field);
        bool same = text_equal(&row->columns[column], &form->columns[column]) &&
                    (field != FIELD_STATUS || text_equal(&row->columns[COLUMN_STATUS], &form->columns[COLUMN_STATUS]));
        if (field == chosen || same) {
            continue;
        }
        struct seen seen;
        form_seen(w, form, field, &seen);
        take_over(row, field, &seen);
        row->columns[column] = form->columns[column];
        w->puts[edit_in(row, field)]++;
        if (field == FIELD_STATUS) {
            row->columns[COLUMN_STATUS] = form->columns[COLUMN_STATUS];
        }
        trace(w, "clerk: ... and the form puts %s back in %s", row->columns[column].bytes, column_names[column]);
    }
}

static void clerk_save(struct world *w)
{
    struct form *form = &w->forms[chance(w, FORMS)];
    for (size_t i = 0; i < FORMS && !form->open; i++) {
        form = &w->forms[i];
    }
    if (!form->open) {
        return;
    }
    form->open = false;
    struct row *row = row_of(&w->legacy, form->key);
    if (!row || row->born != form->born || w->now > form->at_ms + WINDOW) {
        return; /* given up */
    }
    enum field field = (enum field)chance(w, FIELD_REFS);
    struct seen seen;
    form_seen(w, form, field, &seen);
    clerk_value(w, row, field, &seen);
    if (w->whole_forms) {
        save_rest(w, row, form, field);
    }
}

static void clerk_delete(struct world *w)
{
    struct row *row = &w->legacy.rows[chance(w, ROWS)];
    if (!row->there) {
        return;
    }
    trace(w, "clerk: deletes row %u", row->key);
    struct row old = *row;
    row->there = false;
    w->legacy.reusable = old.key;
    if (chance(w, 3) == 0) {
        return;
    }
    /* Deleted and inserted again, as re-routing does it in some systems: the same case. */
    struct row *again = row_new(w, old.born);
    if (again) {
        uint32_t key = again->key;
        *again = old;
        again->key = key;
        again->there = true;
        trace(w, "clerk: inserts it again as row %u", key);
    }
}

/* ---- people at screens of ours ---- */

static void screen_open(struct world *w, struct holder *store, struct screen *screen)
{
    size_t r = w->record_count == 0 ? 0 : chance(w, w->record_count);
    struct record *record = &store->records[r];
    enum field field = (enum field)chance(w, FIELD_REFS);
    if (w->record_count == 0 || screen->open || !record->created) {
        return;
    }
    *screen = (struct screen){.open = true, .record = r, .field = field};
    struct ctx_entry *ctx;
    must(w, record_token(record, &w->scratch, &ctx, &screen->ctx_count), "token");
    if (screen->ctx_count > 16) {
        fail(w, "too many replicas");
    }
    memcpy(screen->ctx, ctx, screen->ctx_count * sizeof *ctx);
    const struct record_register *reg = field_of(record, field);
    for (size_t i = 0; reg && i < reg->sibling_count; i++) {
        seen_value(w, &screen->seen, edit_of_value(w, reg->number, reg->siblings[i].value));
    }
}

static bool is_behind(const struct record *record)
{
    return record->parked_count > 0;
}

static void screen_save(struct world *w, struct holder *store, struct screen *screen, enum role role)
{
    if (!screen->open) {
        return;
    }
    screen->open = false;
    struct record *record = &store->records[screen->record];
    struct draft draft = {
        .record = record->id, .kind = KIND_EDIT, .role = role, .ctx = screen->ctx, .ctx_count = screen->ctx_count};
    for (size_t i = 0; i < screen->ctx_count; i++) {
        if (!record_history_find(record, screen->ctx[i].replica, screen->ctx[i].rseq)) {
            return; /* the store was restored: "read again" */
        }
    }
    if (is_behind(record)) {
        return;
    }
    struct body_value value = {.number = field_numbers[screen->field]};
    static const uint32_t confidential = REG_CONFIDENTIAL;
    char bytes[TEXT_SIZE] = "";
    if (screen->field == FIELD_FLAG && role == ROLE_ADMIN && chance(w, 2)) {
        draft.kind = KIND_LOOSEN;
        draft.registers = &confidential;
        draft.register_count = 1;
    } else if (screen->field == FIELD_FLAG) {
        value.bytes = write_value(w, &(struct value){.type = VALUE_FLAG, .flag = true});
        draft.values = &value;
        draft.value_count = 1;
    } else {
        size_t edit = edit_new(w, &screen->seen);
        int size = snprintf(bytes, sizeof bytes, "v%zu%s", edit, chance(w, 2) ? "" : "-pusat-jakarta");
        value.bytes = text_value(w, value.number, span_of(bytes, (size_t)size),
                                 (enum complaint_status)(1 + chance(w, COMPLAINT_STATUS_COUNT - 1)));
        draft.values = &value;
        draft.value_count = 1;
    }
    struct seen knows[FIELD_COUNT] = {{{0}}};
    knows[screen->field] = screen->seen;
    struct written written;
    trace(w, "%s: record %zu register %u = %s", store == &w->hub ? "hub" : "admin", screen->record, value.number,
          draft.kind == KIND_LOOSEN ? "(loosened)" : bytes);
    write_draft(w, store, screen->record, &draft, knows, &written);
}

static void hub_new(struct world *w)
{
    struct record_id id = {{0}};
    uint64_t number = ++w->hash_count;
    memcpy(id.bytes, &number, sizeof number);
    id.bytes[15] = 1;
    if (w->record_count >= w->most) {
        return;
    }
    size_t r = record_add(w, id, true);
    struct body_value values[2];
    const struct seen none[FIELD_COUNT] = {{{0}}};
    char bytes[TEXT_SIZE];
    for (size_t i = 0; i < 2; i++) {
        uint32_t number_of[] = {REG_STATUS, REG_TITLE};
        int size = snprintf(bytes, sizeof bytes, "v%zu-pusat", edit_new(w, &none[0]));
        values[i] = (struct body_value){
            .number = number_of[i],
            .bytes = text_value(w, number_of[i], span_of(bytes, (size_t)size), COMPLAINT_BELUM_VERIFIKASI)};
    }
    struct draft draft = {.kind = KIND_CREATE, .role = ROLE_NATIONAL, .values = values, .value_count = 2};
    struct written written;
    trace(w, "hub: new record %zu", r);
    write_draft(w, &w->hub, r, &draft, none, &written);
}

#endif
