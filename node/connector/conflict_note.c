/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "node/base/clock.h"
#include "node/connector/runner.h"

/* A conflict that asks for a person is told to the clerks as an internal note in their own database, where the mapping says
 * so. The row is ours alone (SHADOW_OURS): nothing is ever captured from it, so there is no echo; its shadow is stored in
 * the transaction that makes it and says which field it tells of, so it is made once; when the conflict has been settled,
 * its text says that. No citizen's words are repeated in it: an erasure has nothing to find. */

enum { NOTES_MAX = 32 }; /* conflicts of one record that are told */

struct wish {
    uint32_t number;
    struct span text;
};

struct wish_job {
    struct job job; /* first */
    struct runner *runner;
    const struct mapping_form *form;
    struct record_id record;
    struct wish wishes[NOTES_MAX];
    size_t count;
    bool there;
};

struct words {
    const char *begins, *ends;          /* of an open conflict: the label and what differs stand in between */
    const char *differs, *presence;
    const char *settled, *settled_ends; /* around the label */
};

static const struct words *words_of(enum mapping_tell tell)
{
    static const struct words indonesian = {
        .begins = "[Simpul] Perlu diputuskan: ",
        .ends = ". Isian ini tidak diubah di sini sampai ada keputusan; admin melihat semua nilainya dan memutuskannya di "
                "Simpul.",
        .differs = " berbeda antara sistem ini dan pihak lain",
        .presence = ": aduan ini dihapus oleh satu pihak dan diubah oleh pihak lain",
        .settled = "[Simpul] Sudah diputuskan: ",
        .settled_ends = ". Tidak ada lagi yang perlu dilakukan."};
    static const struct words english = {
        .begins = "[Simpul] To be decided: ",
        .ends = ". It is left here as it is until then; an admin sees all its values and decides in Simpul.",
        .differs = " differs between this system and others",
        .presence = ": this complaint was deleted by one side and changed by another",
        .settled = "[Simpul] Decided: ",
        .settled_ends = ". Nothing is left to do."};
    return tell == TELL_ENGLISH ? &english : &indonesian;
}

static const char *label_of(enum mapping_tell tell, uint32_t number)
{
    bool english = tell == TELL_ENGLISH;
    switch (number) {
    case REG_STATUS:
        return "status";
    case REG_TEXT:
        return english ? "text" : "isi aduan";
    case REG_TITLE:
        return english ? "title" : "judul";
    case REG_PRESENCE:
        return english ? "presence" : "keberadaan";
    case REG_REPORTER:
        return english ? "reporter" : "pelapor";
    default:
        return english ? "a field" : "satu isian";
    }
}

/* The statuses that stand beside each other; of other fields the values are not repeated. */
static void statuses_of(const struct record *record, struct arena *arena, char *out_text, size_t size)
{
    const struct record_register *reg = record_register_find(record, (struct part_id){{0}}, REG_STATUS);
    size_t at = 0;
    out_text[0] = 0;
    for (size_t i = 0; reg && i < reg->sibling_count && at < size; i++) {
        struct value value;
        bool readable = !(reg->siblings[i].flags & (SIBLING_ERASED | SIBLING_MISSING));
        if (!readable || !status_is_ok(value_read_register(REG_STATUS, reg->siblings[i].value, arena, &value))) {
            continue;
        }
        int n = snprintf(out_text + at, size - at, "%s%s", at > 0 ? ", " : "", complaint_status_name(value.status.status));
        at += n > 0 ? (size_t)n : 0;
    }
}

static struct status text_copy(struct runner *runner, const char *text, struct span *out_text)
{
    return arena_copy(&runner->arena, span_text(text), out_text);
}

static struct status wish_add(struct wish_job *job, const struct record *record, uint32_t number, struct arena *arena)
{
    const struct words *words = words_of(job->form->tell);
    char values[160] = "";
    char text[640];
    if (number == REG_STATUS) {
        statuses_of(record, arena, values, sizeof values);
    }
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s", words->begins, label_of(job->form->tell, number),
             number == REG_PRESENCE ? words->presence : words->differs, values[0] ? " (" : "", values, values[0] ? ")" : "",
             words->ends);
    job->wishes[job->count] = (struct wish){.number = number};
    return text_copy(job->runner, text, &job->wishes[job->count++].text);
}

static struct status wish_run(struct job *base, struct core *core, struct arena *arena)
{
    struct wish_job *job = (struct wish_job *)base;
    const struct capture_source source = runner_source(job->runner, core);
    const struct record *record;
    struct conflict_item *items = NULL;
    size_t count = 0;
    struct status status = core_record(core, job->record, &record);
    if (status.code == STATUS_NOT_FOUND) {
        return status_ok();
    }
    TRY(status);
    job->there = true;
    if (!scope_id_equal(source.scope, record_owner(record))) {
        return status_ok(); /* it has left: others decide */
    }
    TRY(record_conflicts(record, arena, &items, &count));
    for (size_t i = 0; i < count && job->count < NOTES_MAX; i++) {
        if (items[i].person && items[i].reason == CONFLICT_DIFFERS && part_id_is_none(items[i].part)) {
            TRY(wish_add(job, record, items[i].number, arena));
        }
    }
    return status_ok();
}

/* ---- the rows ---- */

struct told {
    const struct legacy_shadow *stored;
    struct shadow shadow;
    bool settled;
};

static void digest_of(struct runner *runner, struct span text, struct hash *out_hash)
{
    runner->options.crypto->sha256(runner->options.crypto->owner, &text, 1, out_hash);
}

/* "simpul/conflict-note/v1" 00, record, register, how many were told before: a place for its shadow, no part of the record. */
static struct part_id note_id(struct runner *runner, struct record_id record, uint32_t number, size_t before)
{
    static const char name[] = "simpul/conflict-note/v1";
    uint8_t bytes[8];
    struct hash hash;
    struct part_id part;
    for (size_t i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(number >> (24 - 8 * i));
        bytes[4 + i] = (uint8_t)(before >> (24 - 8 * i));
    }
    const struct span parts[] = {span_of(name, sizeof name), span_of(record.bytes, sizeof record.bytes),
                                 span_of(bytes, sizeof bytes)};
    runner->options.crypto->sha256(runner->options.crypto->owner, parts, 3, &hash);
    memcpy(part.bytes, hash.bytes, sizeof part.bytes);
    return part;
}

/* The registers of an internal note with this text, as far as the mapping has columns for them. */
static struct status note_writes(struct runner *runner, const struct mapping_form *form, struct span text, bool fresh,
                                 struct capture_decision *out_decision)
{
    const struct value values[] = {
        {.type = VALUE_TEXT, .text = text},
        {.type = VALUE_FLAG, .flag = true},
        {.type = VALUE_TEXT, .text = span_text("Simpul")},
        {.type = VALUE_TIME, .time = {.ms = clock_now_ms()}},
    };
    static const uint32_t numbers[] = {REG_NOTE_TEXT, REG_NOTE_INTERNAL, REG_NOTE_AUTHOR, REG_NOTE_AT};
    struct capture_write *writes = arena_array(&runner->arena, 4, sizeof *writes);
    *out_decision = (struct capture_decision){.writes = writes};
    if (!writes) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < (fresh ? 4 : 1); i++) {
        const struct mapping_register *reg = mapping_register(form, numbers[i]);
        if (reg && reg->writable) {
            struct capture_write *write = &writes[out_decision->write_count++];
            *write = (struct capture_write){.number = numbers[i]};
            TRY(value_write(&values[i], &runner->arena, &write->value));
        }
    }
    return status_ok();
}

static struct status note_shadow_put(struct runner *runner, struct work *work, uint32_t number, struct span text, bool settled,
                                     bool *out_stored)
{
    struct shadow_register *reg = arena_alloc(&runner->arena, sizeof *reg);
    if (!reg) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    *reg = (struct shadow_register){.number = number, .flags = SHADOW_SENT | (settled ? SHADOW_SETTLED : 0)};
    digest_of(runner, text, &reg->sent);
    work->decision.shadow->registers = reg;
    work->decision.shadow->register_count = 1;
    work->decision.shadow->version++;
    return shadow_put(runner, work, out_stored);
}

static struct status note_insert_locked(struct runner *runner, const struct mapping_form *form, struct record_id record,
                                        struct part_id part, const struct wish *wish, struct span parent_key)
{
    const struct driver_ops *ops = runner->driver->ops;
    size_t table = (size_t)(form->table - runner->options.mapping->tables);
    struct shadow shadow = {.state = SHADOW_OURS, .record = record, .part = part};
    struct work work = {.table = table, .form = form};
    struct mapping_cell cells[LIMIT_COLUMNS];
    const struct mapping_fill *fills = NULL;
    size_t cell_count = 0;
    size_t fill_count = 0;
    char id[33];
    bool stored = false;
    struct record_id as_id;
    memcpy(as_id.bytes, part.bytes, sizeof as_id.bytes);
    record_id_text(as_id, id);
    TRY(note_writes(runner, form, wish->text, true, &work.decision));
    work.decision.shadow = &shadow;
    TRY(write_cells(runner, table, form, &work.decision, NULL, cells, &cell_count));
    TRY(mapping_fills(runner->options.mapping, form, span_of(id, 32), parent_key, clock_now_ms(), &runner->arena, &fills,
                      &fill_count));
    TRY(ops->insert(runner->driver, table, cells, cell_count, fills, fill_count, &runner->arena, &work.key));
    TRY(note_shadow_put(runner, &work, wish->number, wish->text, false, &stored));
    return stored ? status_ok() : STATUS_MAKE(STATUS_STALE);
}

static struct status note_update_locked(struct runner *runner, const struct mapping_form *form, struct told *told,
                                        struct span text, bool settled)
{
    const struct driver_ops *ops = runner->driver->ops;
    struct work work = {.table = told->stored->table, .key = told->stored->key, .form = form};
    struct mapping_cell cells[LIMIT_COLUMNS];
    struct legacy_row row;
    size_t count = 0;
    bool stored = false;
    TRY(ops->rows(runner->driver, work.table, &work.key, 1, true, &runner->arena, &row));
    if (!row.shadow.bytes.data || row.shadow.version != told->stored->version) {
        return STATUS_MAKE(STATUS_STALE);
    }
    TRY(note_writes(runner, form, text, false, &work.decision));
    work.decision.shadow = &told->shadow;
    TRY(write_cells(runner, work.table, form, &work.decision, NULL, cells, &count));
    if (row.there && count > 0) { /* a clerk may have removed it: then only the shadow remembers */
        TRY(ops->update(runner->driver, work.table, work.key, cells, count));
    }
    TRY(note_shadow_put(runner, &work, told->shadow.registers[0].number, text, settled, &stored));
    return stored ? status_ok() : STATUS_MAKE(STATUS_STALE);
}

static struct status settle_legacy(struct runner *runner, struct status status)
{
    if (status_is_ok(status)) {
        status = runner->driver->ops->commit(runner->driver);
    } else {
        runner->driver->ops->rollback(runner->driver);
    }
    runner->written += status_is_ok(status) ? 1 : 0;
    return status;
}

static struct status note_insert(struct runner *runner, const struct mapping_form *form, struct record_id record,
                                 struct part_id part, const struct wish *wish, struct span parent_key)
{
    TRY(runner->driver->ops->begin(runner->driver));
    return settle_legacy(runner, note_insert_locked(runner, form, record, part, wish, parent_key));
}

static struct status note_update(struct runner *runner, const struct mapping_form *form, struct told *told, struct span text,
                                 bool settled)
{
    struct hash digest;
    digest_of(runner, text, &digest);
    if (hash_equal(digest, told->shadow.registers[0].sent)) {
        return status_ok();
    }
    TRY(runner->driver->ops->begin(runner->driver));
    return settle_legacy(runner, note_update_locked(runner, form, told, text, settled));
}

static size_t tolds_of(struct runner *runner, const struct legacy_shadow *shadows, size_t count, struct told *out_tolds)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        struct told told = {.stored = &shadows[i]};
        if (shadows[i].state != SHADOW_OURS ||
            !status_is_ok(shadow_decode(shadows[i].bytes, &runner->arena, &told.shadow)) || told.shadow.register_count != 1) {
            continue;
        }
        told.settled = (told.shadow.registers[0].flags & SHADOW_SETTLED) != 0;
        out_tolds[n++] = told;
    }
    return n;
}

static struct status tell_open(struct runner *runner, const struct mapping_form *form, struct record_id record,
                               const struct wish *wish, struct told *tolds, size_t told_count, struct span parent_key)
{
    size_t before = 0;
    for (size_t i = 0; i < told_count; i++) {
        if (tolds[i].shadow.registers[0].number != wish->number) {
            continue;
        }
        if (!tolds[i].settled) {
            return note_update(runner, form, &tolds[i], wish->text, false);
        }
        before++;
    }
    return note_insert(runner, form, record, note_id(runner, record, wish->number, before), wish, parent_key);
}

static struct status tell_settled(struct runner *runner, const struct mapping_form *form, struct told *told)
{
    char text[256];
    struct span copy;
    const struct words *words = words_of(form->tell);
    snprintf(text, sizeof text, "%s%s%s", words->settled, label_of(form->tell, told->shadow.registers[0].number),
             words->settled_ends);
    TRY(text_copy(runner, text, &copy));
    return note_update(runner, form, told, copy, true);
}

static bool is_wished(const struct wish_job *job, uint32_t number)
{
    for (size_t i = 0; i < job->count; i++) {
        if (job->wishes[i].number == number) {
            return true;
        }
    }
    return false;
}

static struct status tell_all(struct wish_job *job, struct told *tolds, size_t told_count, struct span parent_key)
{
    for (size_t i = 0; i < job->count; i++) {
        TRY(tell_open(job->runner, job->form, job->record, &job->wishes[i], tolds, told_count, parent_key));
    }
    for (size_t i = 0; i < told_count; i++) {
        if (!tolds[i].settled && !is_wished(job, tolds[i].shadow.registers[0].number)) {
            TRY(tell_settled(job->runner, job->form, &tolds[i]));
        }
    }
    return status_ok();
}

const struct mapping_form *conflict_note_form(const struct mapping *mapping)
{
    for (size_t t = 0; t < mapping->table_count; t++) {
        for (size_t f = 0; f < mapping->tables[t].form_count; f++) {
            if (mapping->tables[t].forms[f].tell != TELL_NOTHING) {
                return &mapping->tables[t].forms[f];
            }
        }
    }
    return NULL;
}

struct status due_tell(struct runner *runner, struct due_work *due, const struct legacy_shadow *shadows, size_t count)
{
    struct wish_job job = {.job = {.run = wish_run, .reads_only = true},
                           .runner = runner,
                           .form = conflict_note_form(runner->options.mapping),
                           .record = due->due.record};
    const struct legacy_shadow *complaint = NULL;
    for (size_t i = 0; i < count; i++) {
        bool its = part_id_is_none(shadows[i].part) && shadows[i].state == SHADOW_TIED;
        complaint = its ? &shadows[i] : complaint;
    }
    if (!job.form || !complaint) {
        return status_ok();
    }
    struct told *tolds = arena_array(&runner->arena, count, sizeof *tolds);
    if (!tolds) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t told_count = tolds_of(runner, shadows, count, tolds);
    TRY(engine_call(runner->options.engine, &job.job));
    if (!job.there) {
        return status_ok();
    }
    struct status status = tell_all(&job, tolds, told_count, complaint->key);
    if (status.code == STATUS_BUSY || status.code == STATUS_STALE) {
        due->keep = true;
        due->locked |= status.code == STATUS_BUSY;
        return status_ok();
    }
    if (status.code == STATUS_INVALID) {
        struct work work = {.table = (size_t)(job.form->table - runner->options.mapping->tables),
                            .key = span_text("(note of a conflict)"),
                            .form = job.form,
                            .input = {.record_id = due->due.record}};
        return work_quarantine(runner, &work, 0,
                               "the local database refused the note that tells of a conflict: add defaults for its NOT NULL "
                               "columns to the mapping, or take `conflicts` out of it");
    }
    return status;
}
