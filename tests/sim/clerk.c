/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

/* Clerks of a legacy program: they open a form, wait, and save it, whole or only what they changed. What each had read
 * goes to the oracle. */

static void outbox_put(struct world *w, struct site *s, struct row *row)
{
    struct random random = random_from(w->plan->seed ^ 77, w->now_ms + row->key);
    if (!random_hits(&random, w->plan->settings[SETTING_missed])) {
        row->in_outbox = true;
        connector_wake(w, s, 200 + random_below(&random, 3000));
    }
}

/* What a clerk overwrites of another clerk's is settled by their system: as good as seen. */
static void take_over(struct world *w, struct row *row, enum field field, const struct seen *seen)
{
    size_t old = row_edit(row, field);
    if (old > 0 && row->by_clerk[field]) {
        seen_add(&row->theirs[field], old);
        w->oracle->edits[old].settled = true;
    }
    row->knows[field] = *seen;
    seen_join(&row->knows[field], &row->theirs[field]);
    row->fresh[field] = true;
    row->by_clerk[field] = true;
}

static bool put_value(struct world *w, struct site *s, struct row *row, enum field field, const struct seen *seen,
                      struct random *random)
{
    char bytes[TEXT_SIZE];
    if (field == FIELD_FLAG) {
        take_over(w, row, field, seen);
        legacy_put(s->legacy, row, COLUMN_FLAG, random_hits(random, 500) ? "Y" : "N", 1);
        TRACE(w, s, "clerk: row %u rahasia = %s", row->key, row->columns[COLUMN_FLAG].bytes);
        return true;
    }
    struct seen all = *seen;
    struct seen theirs = row->theirs[field];
    size_t old = row_edit(row, field);
    if (old > 0 && row->by_clerk[field]) {
        seen_add(&theirs, old);
        seen_join(&theirs, &w->oracle->closure[old]);
    }
    seen_join(&all, &theirs);
    size_t edit = oracle_edit(w, s, &all, field);
    if (edit == 0) {
        return false;
    }
    take_over(w, row, field, seen);
    w->oracle->edits[edit].puts++;
    int size = snprintf(bytes, sizeof bytes, "v%zu%s", edit, random_hits(random, 500) ? "" : "-kabupaten");
    legacy_put(s->legacy, row, column_of(field), bytes, (size_t)size);
    if (field == FIELD_STATUS) {
        static const char *const codes[] = {"baru", "jalan", "jalan", "selesai", "tolak"};
        const char *code = codes[random_below(random, 5)];
        legacy_put(s->legacy, row, COLUMN_STATUS, code, strlen(code));
    }
    TRACE(w, s, "clerk: row %u %s = %s%s%s", row->key, column_name(column_of(field)), bytes,
          field == FIELD_STATUS ? " " : "", field == FIELD_STATUS ? row->columns[COLUMN_STATUS].bytes : "");
    return true;
}

void clerk_new(struct world *w, struct site *s, uint64_t pick)
{
    struct random random = {.state = pick};
    size_t rows = 0;
    for (size_t i = 0; s->legacy && i < ROWS; i++) {
        rows += s->legacy->rows[i].there;
    }
    if (!s->legacy || rows >= s->legacy->row_max) {
        return;
    }
    struct row *row = legacy_insert(s->legacy, ++s->legacy->born, random_hits(&random, 500));
    if (!row) {
        return;
    }
    const struct seen none = {{0}};
    if (legacy_shadow(s->legacy, row->key)) {
        SIM_MARK(w, row_key_reused);
    }
    TRACE(w, s, "clerk: new row %u, case %u", row->key, row->born);
    for (size_t f = 0; f < FIELD_REFS; f++) {
        if (f != FIELD_TEXT || random_hits(&random, 660)) {
            (void)put_value(w, s, row, (enum field)f, &none, &random);
        }
    }
    outbox_put(w, s, row);
}

static struct row *any_row(struct legacy *legacy, struct random *random)
{
    size_t start = (size_t)random_below(random, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &legacy->rows[(start + i) % ROWS];
        if (row->there) {
            return row;
        }
    }
    return NULL;
}

void clerk_open(struct world *w, struct site *s, uint64_t pick)
{
    struct random random = {.state = pick};
    struct row *row = s->legacy ? any_row(s->legacy, &random) : NULL;
    if (!row) {
        clerk_new(w, s, pick);
        return;
    }
    for (size_t i = 0; i < FORMS; i++) {
        struct form *form = &s->legacy->forms[i];
        if (form->open) {
            continue;
        }
        *form = (struct form){.open = true, .at_ms = w->now_ms, .pick = pick, .key = row->key, .born = row->born};
        memcpy(form->columns, row->columns, sizeof form->columns);
        uint64_t wait = random_hits(&random, 600) ? random_below(&random, 4 * MINUTE) : random_below(&random, FORM_WINDOW);
        TRACE(w, s, "clerk: opens a form of row %u (judul %s, isi %s, status %s %s)", row->key,
              form->columns[COLUMN_TITLE].bytes, form->columns[COLUMN_TEXT].bytes, form->columns[COLUMN_STATUS].bytes,
              form->columns[COLUMN_REASON].bytes);
        world_put(w, w->now_ms + 1000 + wait, EVENT_SAVE, s->index)->number = i;
        return;
    }
}

static void form_seen(struct world *w, const struct form *form, enum field field, struct seen *out_seen)
{
    *out_seen = (struct seen){{0}};
    if (field != FIELD_FLAG) {
        oracle_reads(w->oracle, out_seen, seen_number(text_span(&form->columns[column_of(field)])));
    }
}

/* Whole forms: the old values are written back too, where they differ. */
static void save_rest(struct world *w, struct site *s, struct row *row, const struct form *form, enum field chosen)
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
        take_over(w, row, field, &seen);
        row->columns[column] = form->columns[column];
        if (row_edit(row, field) > 0) {
            w->oracle->edits[row_edit(row, field)].puts++;
        }
        if (field == FIELD_STATUS) {
            row->columns[COLUMN_STATUS] = form->columns[COLUMN_STATUS];
        }
        TRACE(w, s, "clerk: ... and the form puts %s back in %s", row->columns[column].bytes, column_name(column));
    }
}

void clerk_save(struct world *w, struct site *s, size_t index)
{
    struct form *form = &s->legacy->forms[index];
    if (!form->open) {
        return;
    }
    form->open = false;
    struct row *row = legacy_row(s->legacy, form->key);
    if (!row || row->born != form->born || w->now_ms > form->at_ms + FORM_WINDOW) {
        return; /* given up */
    }
    struct random random = random_from(form->pick, 2);
    enum field field = (enum field)random_below(&random, FIELD_REFS);
    struct seen seen;
    form_seen(w, form, field, &seen);
    if (!put_value(w, s, row, field, &seen, &random)) {
        return;
    }
    if (s->legacy->whole_forms) {
        save_rest(w, s, row, form, field);
    }
    outbox_put(w, s, row);
}

void clerk_between(struct world *w, struct site *s, uint32_t key, struct random *random)
{
    struct row *row = legacy_row(s->legacy, key);
    enum field field = (enum field)random_below(random, FIELD_REFS);
    struct seen seen = {{0}};
    if (!row) {
        return;
    }
    oracle_reads(w->oracle, &seen, row_edit(row, field));
    if (put_value(w, s, row, field, &seen, random)) {
        outbox_put(w, s, row);
    }
}

void clerk_delete(struct world *w, struct site *s, uint64_t pick)
{
    struct random random = {.state = pick};
    struct row *row = s->legacy ? any_row(s->legacy, &random) : NULL;
    if (!row) {
        return;
    }
    struct row old = *row;
    TRACE(w, s, "clerk: deletes row %u", row->key);
    row->there = false;
    s->legacy->reusable = old.key;
    if (random_hits(&random, 330)) {
        connector_wake(w, s, 1000);
        return;
    }
    /* Deleted and inserted again, as re-routing does it in some systems: the same case. */
    struct row *again = legacy_insert(s->legacy, old.born, random_hits(&random, 300));
    uint32_t key = again->key;
    *again = old;
    again->key = key;
    TRACE(w, s, "clerk: inserts it again as row %u", key);
    SIM_MARK(w, row_again);
    outbox_put(w, s, again);
}
