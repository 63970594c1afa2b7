/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "node/base/clock.h"
#include "node/connector/runner.h"

/* What was decided, carried out in the legacy database. Each transaction is short; what loses a comparison is read and
 * decided again. */

static struct status give_up(struct runner *runner, struct status status)
{
    runner->driver->ops->rollback(runner->driver);
    return status;
}

/* Runs `expr` inside a legacy transaction. */
#define TRY_LEGACY(expr)                                                                                               \
    do {                                                                                                               \
        struct status legacy_status_ = (expr);                                                                         \
        if (!status_is_ok(legacy_status_)) {                                                                           \
            return give_up(runner, legacy_status_);                                                                    \
        }                                                                                                              \
    } while (0)

/* ---- lookups ---- */

/* Exactly one vanished row with the same identity columns: this row is that case again. */
static struct status lookup_vanished(struct runner *runner, struct work *work)
{
    struct legacy_shadow found[2];
    uint8_t digest[16];
    size_t count = 0;
    identity_digest(runner, work->capture_row.identity, work->capture_row.identity_count, digest);
    TRY(runner->driver->ops->shadows_of_identity(runner->driver, work->table, digest, 2, &runner->arena, found, &count));
    if (count != 1 || (found[0].state != SHADOW_VANISHED && found[0].state != SHADOW_WITHDRAWN)) {
        return status_ok();
    }
    TRY(shadow_decode(found[0].bytes, &runner->arena, &work->vanished));
    work->vanished_at = found[0];
    work->match = MATCH_VANISHED;
    return status_ok();
}

/* A record (or note) of the derived id is held: is another row tied to it? */
static struct status lookup_derived(struct runner *runner, struct work *work)
{
    struct legacy_shadow found[2];
    size_t count = 0;
    TRY(runner->driver->ops->shadows_of_record(runner->driver, work->input.record_id, false, work->input.part, 2,
                                               &runner->arena, found, &count));
    if (count == 0) {
        work->match = MATCH_DERIVED;
    } else if (count == 1 && (found[0].state == SHADOW_VANISHED || found[0].state == SHADOW_WITHDRAWN)) {
        TRY(shadow_decode(found[0].bytes, &runner->arena, &work->vanished));
        work->vanished_at = found[0];
        work->match = MATCH_VANISHED;
    } else {
        work->match = MATCH_DOUBTFUL;
    }
    return status_ok();
}

/* A complaint's row is gone: the vectors of its notes count too. */
static struct status lookup_parts(struct runner *runner, struct work *work)
{
    struct legacy_shadow found[RUNNER_DUE_MAX];
    size_t count = 0;
    TRY(runner->driver->ops->shadows_of_record(runner->driver, work->shadow.record, true, (struct part_id){{0}},
                                               RUNNER_DUE_MAX, &runner->arena, found, &count));
    const struct shadow **parts = arena_array(&runner->arena, count, sizeof *parts);
    struct shadow *shadows = arena_array(&runner->arena, count, sizeof *shadows);
    if (!parts || !shadows) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!part_id_is_none(found[i].part) && status_is_ok(shadow_decode(found[i].bytes, &runner->arena, &shadows[n]))) {
            parts[n] = &shadows[n];
            n++;
        }
    }
    work->input.parts = parts;
    work->input.part_count = n;
    return status_ok();
}

static struct status works_lookup(struct runner *runner, struct work *works, size_t count, bool *out_any)
{
    *out_any = false;
    for (size_t i = 0; i < count; i++) {
        struct work *work = &works[i];
        if (work->end != WORK_OPEN || !work->needs_lookup) {
            continue;
        }
        *out_any = true;
        work->looked_up = true;
        if (work->has_shadow) {
            TRY(lookup_parts(runner, work));
            continue;
        }
        if (work->input.record) {
            TRY(lookup_derived(runner, work));
        }
        if (work->match == MATCH_NONE && work->form->kind == FORM_COMPLAINT) {
            TRY(lookup_vanished(runner, work));
        }
    }
    return status_ok();
}

/* ---- shadows ---- */

/* Where a shadow goes that no longer belongs to its key: found by record and identity, never by a row. */
static struct status gone_key(struct runner *runner, struct span row_key, struct record_id id, struct span *out_key)
{
    struct buffer key;
    char record[33];
    buffer_init(&key, &runner->arena);
    record_id_text(id, record);
    buffer_add_span(&key, row_key);
    buffer_add(&key, "#gone-", 6);
    buffer_add(&key, record, 32);
    return buffer_end(&key, out_key);
}

/* Stores decision->shadow under the work's key, compare-and-set. */
static struct status shadow_put(struct runner *runner, struct work *work, bool *out_stored)
{
    struct legacy_shadow stored;
    TRY(work_shadow(runner, work, work->decision.shadow, &stored));
    return runner->driver->ops->shadows_store(runner->driver, &stored, 1, out_stored);
}

static struct status work_store(struct runner *runner, struct work *work, bool *out_stored)
{
    const struct driver_ops *ops = runner->driver->ops;
    struct span gone;
    *out_stored = true;
    switch (work->decision.action) {
    case CAPTURE_FORGET:
        return ops->shadow_remove(runner->driver, work->table, work->key, work->shadow_version);
    case CAPTURE_REPLACED:
        TRY(gone_key(runner, work->key, work->shadow.record, &gone));
        return ops->shadow_move(runner->driver, work->table, work->key, work->shadow_version, gone);
    case CAPTURE_SHADOW:
    case CAPTURE_LEAVES:
        if (work->match == MATCH_VANISHED && !work->has_shadow) {
            TRY(ops->shadow_move(runner->driver, work->table, work->vanished_at.key, work->vanished_at.version, work->key));
        }
        runner->vanished |= work->decision.shadow->state == SHADOW_VANISHED ||
                            work->decision.shadow->state == SHADOW_WITHDRAWN;
        return shadow_put(runner, work, out_stored);
    default:
        return status_ok();
    }
}

static bool stores_first(const struct work *work)
{
    enum capture_action action = work->decision.action;
    return work->end == WORK_OPEN && !work->needs_lookup &&
           (action == CAPTURE_SHADOW || action == CAPTURE_FORGET || action == CAPTURE_REPLACED || action == CAPTURE_LEAVES);
}

static struct status work_claim(struct runner *runner, struct work *work)
{
    const struct capture_source source = runner_source(runner, NULL);
    uint8_t number[16];
    runner->options.crypto->random(runner->options.crypto->owner, number, sizeof number);
    return capture_claim(&source, &work->decision, number, &runner->arena);
}

/* One batch of compare-and-set for claims, all other changes of shadows one by one (they are rare). */
static struct status store_claims(struct runner *runner, struct work *works, size_t count)
{
    struct legacy_shadow *shadows = arena_array(&runner->arena, count, sizeof *shadows);
    struct work **which = arena_array(&runner->arena, count, sizeof *which);
    bool *stored = arena_array(&runner->arena, count, sizeof *stored);
    size_t n = 0;
    if (!shadows || !which || !stored) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        struct work *work = &works[i];
        if (!stores_first(work)) {
            continue;
        }
        if (work->decision.action == CAPTURE_LEAVES) {
            TRY(work_claim(runner, work));
        }
        if (work->decision.action == CAPTURE_LEAVES && work->match != MATCH_VANISHED) {
            TRY(work_shadow(runner, work, work->decision.shadow, &shadows[n]));
            which[n++] = work;
            continue;
        }
        bool won;
        TRY(work_store(runner, work, &won));
        work->shadow_version = 0;
        if (!won) {
            work->decision.action = CAPTURE_NOTHING;
            work->rounds++;
        }
    }
    if (n > 0) {
        TRY(runner->driver->ops->shadows_store(runner->driver, shadows, n, stored));
    }
    for (size_t i = 0; i < n; i++) {
        if (!stored[i]) { /* somebody was faster: read again */
            which[i]->decision.action = CAPTURE_SHADOW;
        }
    }
    return status_ok();
}

static bool any_stores_first(const struct work *works, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (stores_first(&works[i])) {
            return true;
        }
    }
    return false;
}

/* The shadow that a lost comparison would replace is read again; STALE means just that. */
static struct status store_first(struct runner *runner, struct work *works, size_t count)
{
    if (!any_stores_first(works, count)) {
        return status_ok();
    }
    TRY(runner->driver->ops->begin(runner->driver));
    TRY_LEGACY(store_claims(runner, works, count));
    return runner->driver->ops->commit(runner->driver);
}

/* A first capture shows all that there is; later ones were asked about. */
static bool work_ends_here(const struct work *work)
{
    return work->end == WORK_OPEN && work->written && (!work->has_shadow || work->settled);
}

/* Outbox entries that nobody needs any more once the claims are closed. */
static struct status events_ended(struct runner *runner, const struct work *works, int64_t **out_ids, size_t *out_count)
{
    int64_t *ids = arena_array(&runner->arena, runner->event_count, sizeof *ids);
    size_t count = 0;
    if (!ids) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < runner->event_count; i++) {
        if (runner->events[i].id != 0 && work_ends_here(&works[runner->event_works[i]])) {
            ids[count++] = runner->events[i].id;
        }
    }
    *out_ids = ids;
    *out_count = count;
    return status_ok();
}

/* After their leaves are durable, the shadows close the claims. */
static struct status store_after(struct runner *runner, struct work *works, size_t count)
{
    struct legacy_shadow *shadows = arena_array(&runner->arena, count, sizeof *shadows);
    bool *stored = arena_array(&runner->arena, count, sizeof *stored);
    size_t n = 0;
    if (!shadows || !stored) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        if (works[i].written) {
            TRY(work_shadow(runner, &works[i], works[i].decision.shadow, &shadows[n++]));
        }
    }
    if (n == 0) {
        return status_ok();
    }
    int64_t *ids = NULL;
    size_t id_count = 0;
    TRY(events_ended(runner, works, &ids, &id_count));
    TRY(runner->driver->ops->begin(runner->driver));
    TRY_LEGACY(runner->driver->ops->shadows_store(runner->driver, shadows, n, stored));
    TRY_LEGACY(runner->driver->ops->outbox_remove(runner->driver, ids, id_count));
    TRY(runner->driver->ops->commit(runner->driver));
    for (size_t i = 0; i < runner->event_count && id_count > 0; i++) {
        runner->events[i].id = work_ends_here(&works[runner->event_works[i]]) ? 0 : runner->events[i].id;
    }
    return status_ok();
}

/* ---- write-backs ---- */

/* Length in the catalogue is in characters: a text is cut at a character. */
static struct span text_cut(struct span text, uint32_t length_max)
{
    uint32_t characters = 0;
    for (size_t i = 0; i < text.size; i++) {
        if ((text.data[i] & 0xC0) != 0x80 && characters++ == length_max) {
            return span_of(text.data, i);
        }
    }
    return text;
}

static struct status cell_fit(struct runner *runner, size_t table, struct mapping_cell *cell)
{
    struct legacy_column column;
    const char *name = runner->options.mapping->tables[table].columns[cell->column].name;
    TRY(runner->driver->ops->column(runner->driver, table, name, &column));
    if (column.length_max > 0 && !cell->raw.null) {
        cell->raw.bytes = text_cut(cell->raw.bytes, column.length_max);
    }
    return status_ok();
}

/* Columns for all writes; a value that the mapping cannot say is skipped and told once. */
static struct status write_cells(struct runner *runner, size_t table, const struct mapping_form *form,
                                 struct capture_decision *decision, const struct mapping_raw *current,
                                 struct mapping_cell *out_cells, size_t *out_count)
{
    size_t count = 0;
    for (size_t i = 0; i < decision->write_count; i++) {
        struct capture_write *write = &decision->writes[i];
        const struct mapping_register *reg = mapping_register(form, write->number);
        const char *problem = NULL;
        size_t n = 0;
        if (!reg || count + reg->column_count > LIMIT_COLUMNS) {
            write->skipped = true;
            continue;
        }
        struct status status = mapping_write(runner->options.mapping, form, write->number, write->value, current,
                                             &runner->arena, out_cells + count, &n, &problem);
        if (status.code == STATUS_NO_MEMORY) {
            return status;
        }
        write->skipped = !status_is_ok(status);
        for (size_t c = 0; c < n && !write->skipped; c++) {
            TRY(cell_fit(runner, table, &out_cells[count + c]));
        }
        count += write->skipped ? 0 : n;
    }
    *out_count = count;
    return status_ok();
}

/* Blank: empty where the column must not be NULL. */
static struct status blank_cells(struct runner *runner, const struct work *work, struct mapping_cell *out_cells,
                                 size_t *out_count)
{
    size_t count = 0;
    for (size_t i = 0; i < work->decision.write_count; i++) {
        const struct mapping_register *reg = mapping_register(work->form, work->decision.writes[i].number);
        for (size_t c = 0; reg && c < reg->column_count && count < LIMIT_COLUMNS; c++) {
            struct legacy_column column;
            const char *name = runner->options.mapping->tables[work->table].columns[reg->columns[c]].name;
            TRY(runner->driver->ops->column(runner->driver, work->table, name, &column));
            out_cells[count++] = (struct mapping_cell){
                .column = reg->columns[c], .raw = {.bytes = span_of("", 0), .null = !column.not_null}};
        }
    }
    *out_count = count;
    return status_ok();
}

static bool raw_equal(const struct mapping_table *table, const struct mapping_raw *a, const struct mapping_raw *b)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (a[i].null != b[i].null || (!a[i].null && !span_equal(a[i].bytes, b[i].bytes))) {
            return false;
        }
    }
    return true;
}

/* True if the locked row is still the one that was decided on. */
static bool row_is_same(const struct runner *runner, const struct work *work, const struct legacy_row *row)
{
    const struct mapping_table *table = &runner->options.mapping->tables[work->table];
    uint64_t version = row->shadow.bytes.data ? row->shadow.version : 0;
    return row->there == work->row.there && version == work->shadow_version &&
           (!row->there || raw_equal(table, row->raw, work->row.raw));
}

static struct status write_complete(struct runner *runner, struct work *work, const struct capture_row *row)
{
    const struct capture_source source = runner_source(runner, NULL);
    uint64_t now = (uint64_t)clock_now_ms();
    switch (work->decision.action) {
    case CAPTURE_ROUTED:
        return capture_routed(&source, &work->decision, row, now, &runner->arena);
    case CAPTURE_BLANK:
        return capture_blanked(&source, &work->decision, row, now, &runner->arena);
    default:
        return capture_written(&source, &work->decision, row, now, &runner->arena);
    }
}

static struct status write_choose(struct runner *runner, struct work *work, struct mapping_cell *out_cells,
                                  size_t *out_count)
{
    if (work->decision.action == CAPTURE_BLANK) {
        return blank_cells(runner, work, out_cells, out_count);
    }
    if (work->decision.action == CAPTURE_ROUTED) {
        struct status status = mapping_routed_away(work->form, &out_cells[0]);
        *out_count = status_is_ok(status) ? 1 : 0;
        return status_ok(); /* a mapping that names nothing: the shadow remembers that it was looked at */
    }
    return write_cells(runner, work->table, work->form, &work->decision, work->row.raw, out_cells, out_count);
}

/* Inside a legacy transaction: lock, compare, write, read back, store the shadow. out_same false: decide again. */
static struct status write_locked(struct runner *runner, struct work *work, bool *out_same)
{
    const struct driver_ops *ops = runner->driver->ops;
    struct mapping_cell cells[LIMIT_COLUMNS];
    struct legacy_row row;
    struct capture_row after;
    size_t count = 0;
    bool stored = false;
    TRY(ops->rows(runner->driver, work->table, &work->key, 1, true, &runner->arena, &row));
    *out_same = row_is_same(runner, work, &row);
    if (!*out_same || !row.there) {
        return status_ok();
    }
    TRY(write_choose(runner, work, cells, &count));
    if (count > 0) {
        TRY(ops->update(runner->driver, work->table, work->key, cells, count));
    }
    TRY(ops->rows(runner->driver, work->table, &work->key, 1, false, &runner->arena, &row));
    TRY(row_capture(runner, work->table, work->form, row.raw, &after));
    TRY(write_complete(runner, work, &after));
    TRY(shadow_put(runner, work, &stored));
    *out_same = stored;
    return status_ok();
}

/* The database refused the values: the shadow remembers that they were offered, and the person is told once. */
static struct status write_refused(struct runner *runner, struct work *work)
{
    for (size_t i = 0; i < work->decision.write_count; i++) {
        work->decision.writes[i].skipped = true;
    }
    bool stored;
    TRY(write_complete(runner, work, &work->capture_row));
    TRY(runner->driver->ops->begin(runner->driver));
    TRY_LEGACY(shadow_put(runner, work, &stored));
    TRY(runner->driver->ops->commit(runner->driver));
    work->end = WORK_FAILED;
    return work_quarantine(runner, work, 0,
                           "the local database refused a value from the hub (constraint, type or length): mend the mapping "
                           "or the row; the hub keeps its value");
}

static struct status work_write(struct runner *runner, struct work *work)
{
    const struct driver_ops *ops = runner->driver->ops;
    bool same = false;
    work->rounds++;
    TRY(ops->begin(runner->driver));
    struct status status = write_locked(runner, work, &same);
    if (status_is_ok(status) && same) {
        status = ops->commit(runner->driver);
    } else {
        ops->rollback(runner->driver);
    }
    if (status.code == STATUS_INVALID) {
        return write_refused(runner, work);
    }
    if (status.code == STATUS_BUSY) {
        runner->locked_out = true;
        work->end = WORK_HELD;
        return status_ok();
    }
    TRY(status);
    runner->written += same && work->decision.action == CAPTURE_WRITE ? 1 : 0;
    for (size_t i = 0; i < work->decision.write_count && same; i++) {
        if (work->decision.writes[i].skipped) {
            TRY(work_quarantine(runner, work, work->decision.writes[i].number | QUARANTINE_WRITE,
                                "the mapping has no way to say the hub's value in this column: add it to the mapping"));
        }
    }
    return status_ok();
}

/* ---- the rounds ---- */

static enum work_end end_of_wait(enum capture_wait wait)
{
    switch (wait) {
    case WAIT_PERSON:
    case WAIT_GRACE:
    case WAIT_UNREADABLE:
        return WORK_PERSON;
    default:
        return WORK_HELD;
    }
}

/* After a decision was carried out: is the row to be looked at again? */
static void work_close(struct work *work)
{
    enum capture_action action = work->decision.action;
    if (work->end != WORK_OPEN || work->needs_lookup) {
        return;
    }
    if (action == CAPTURE_NOTHING) {
        work->end = work->decision.wait == WAIT_ACK ? WORK_HELD : WORK_DONE;
    } else if (action == CAPTURE_WAIT || action == CAPTURE_SETTLE) {
        work->end = end_of_wait(work->decision.wait);
    } else if (action == CAPTURE_LEAVES && work_ends_here(work)) {
        work->end = WORK_DONE;
    }
    if (++work->rounds > RUNNER_ROUNDS_MAX && work->end == WORK_OPEN) {
        work->end = WORK_HELD;
    }
}

/* A work that goes on is read afresh: everything but its place is forgotten. */
static void work_reopen(struct work *work)
{
    struct work again = {.table = work->table,
                         .key = work->key,
                         .updated = work->updated,
                         .event = work->event,
                         .rounds = work->rounds};
    if (work->end == WORK_OPEN) {
        *work = again;
    }
}

static bool any_open(const struct work *works, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (works[i].end == WORK_OPEN) {
            return true;
        }
    }
    return false;
}

static struct status works_round(struct runner *runner, struct work *works, size_t count)
{
    bool any;
    TRY(works_read(runner, works, count));
    TRY(works_decide(runner, works, count));
    TRY(works_lookup(runner, works, count, &any));
    if (any) {
        for (size_t i = 0; i < count; i++) {
            if (works[i].end == WORK_OPEN && works[i].match == MATCH_DOUBTFUL) {
                work_rederive(runner, &works[i]);
            }
        }
        TRY(works_decide(runner, works, count));
    }
    struct status status = store_first(runner, works, count);
    if (status.code == STATUS_STALE) {
        return status_ok(); /* somebody was faster: the next round reads again */
    }
    TRY(status);
    TRY(works_write_leaves(runner, works, count));
    TRY(store_after(runner, works, count));
    TRY(works_forget_pending(runner, works, count));
    for (size_t i = 0; i < count; i++) {
        enum capture_action action = works[i].decision.action;
        if (works[i].end == WORK_OPEN && !works[i].needs_lookup &&
            (action == CAPTURE_WRITE || action == CAPTURE_ROUTED || action == CAPTURE_BLANK)) {
            TRY(work_write(runner, &works[i]));
        }
    }
    return status_ok();
}

struct status works_finish(struct runner *runner, struct work *works, size_t count)
{
    for (unsigned round = 0; round <= RUNNER_ROUNDS_MAX && any_open(works, count); round++) {
        TRY(works_round(runner, works, count));
        for (size_t i = 0; i < count; i++) {
            work_close(&works[i]);
            work_reopen(&works[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        works[i].end = works[i].end == WORK_OPEN ? WORK_HELD : works[i].end;
    }
    return works_tell(runner, works, count);
}

/* ---- inserts ---- */

static struct status insert_id(struct runner *runner, const struct insert_work *insert, struct span *out_id)
{
    struct record_id id = insert->record;
    char *text = arena_alloc(&runner->arena, 33);
    if (!text) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (!part_id_is_none(insert->part)) {
        memcpy(id.bytes, insert->part.bytes, sizeof id.bytes);
    }
    record_id_text(id, text);
    *out_id = span_of(text, 32);
    return status_ok();
}

static struct status insert_locked(struct runner *runner, struct insert_work *insert)
{
    const struct driver_ops *ops = runner->driver->ops;
    const struct mapping *mapping = runner->options.mapping;
    const struct capture_source source = runner_source(runner, NULL);
    size_t table = (size_t)(insert->form->table - mapping->tables);
    struct mapping_cell cells[LIMIT_COLUMNS];
    const struct mapping_fill *fills = NULL;
    size_t cell_count = 0;
    size_t fill_count = 0;
    struct span id;
    struct work work = {.table = table, .form = insert->form, .decision = insert->decision};
    struct legacy_row row;
    bool stored = false;
    uint64_t now = (uint64_t)clock_now_ms();
    TRY(insert_id(runner, insert, &id));
    TRY(write_cells(runner, table, insert->form, &work.decision, NULL, cells, &cell_count));
    TRY(mapping_fills(mapping, insert->form, id, insert->parent_key, (int64_t)now, &runner->arena, &fills, &fill_count));
    TRY(ops->insert(runner->driver, table, cells, cell_count, fills, fill_count, &runner->arena, &work.key));
    TRY(ops->rows(runner->driver, table, &work.key, 1, false, &runner->arena, &row));
    TRY(row_capture(runner, table, insert->form, row.raw, &work.capture_row));
    TRY(capture_written(&source, &work.decision, &work.capture_row, now, &runner->arena));
    if (row.shadow.bytes.data) { /* of a vanished row whose key the database has given again */
        struct span gone;
        TRY(gone_key(runner, work.key, row.shadow.record, &gone));
        TRY(ops->shadow_move(runner->driver, table, work.key, row.shadow.version, gone));
    }
    TRY(shadow_put(runner, &work, &stored));
    return stored ? status_ok() : STATUS_MAKE(STATUS_STALE);
}

struct status insert_apply(struct runner *runner, struct insert_work *insert, bool *out_inserted)
{
    *out_inserted = false;
    TRY(runner->driver->ops->begin(runner->driver));
    TRY_LEGACY(insert_locked(runner, insert));
    TRY(runner->driver->ops->commit(runner->driver));
    runner->written++;
    *out_inserted = true;
    return status_ok();
}
