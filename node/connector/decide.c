/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "node/base/clock.h"
#include "node/base/log.h"
#include "node/connector/runner.h"

/* Everything here runs inside engine jobs: the store is touched nowhere else. */

struct works_job {
    struct job job; /* first */
    struct runner *runner;
    struct work *works;
    size_t count;
    struct due_work *due;
    size_t *due_count;
    struct core_facts *facts;
    uint64_t generation;
    const struct pair *pending;
};

static struct status works_call(struct runner *runner, struct works_job *job,
                                struct status (*run)(struct job *, struct core *, struct arena *), bool reads_only)
{
    job->job = (struct job){.run = run, .reads_only = reads_only};
    job->runner = runner;
    return engine_call(runner->options.engine, &job->job);
}

/* ---- quarantine ---- */

static struct status quarantine_add(struct runner *runner, const struct work *work, uint32_t number, const char *reason,
                                    struct arena *arena)
{
    const struct mapping_table *table = &runner->options.mapping->tables[work->table];
    const struct mapping_register *reg =
        work->form && number ? mapping_register(work->form, number & QUARANTINE_REGISTER) : NULL;
    struct quarantine_entry entry = {.kind = QUARANTINE_ROW,
                                     .at_ms = (uint64_t)clock_now_ms(),
                                     .reason = span_text(reason),
                                     .record = work->has_shadow ? work->shadow.record : work->input.record_id,
                                     .lane = runner->options.legacy->lane,
                                     .table = span_text(table->name),
                                     .row_key = work->key,
                                     .number = number};
    if (reg && reg->column_count > 0) {
        entry.column = span_text(table->columns[reg->columns[0]].name);
    }
    bool fresh;
    runner->quarantined = true;
    TRY(quarantine_put(runner->options.store, &entry, arena, &fresh));
    if (fresh) {
        LOG(row_quarantined, log_word(runner->options.legacy->name), log_word(table->name), log_word(reason));
    }
    return status_ok();
}

struct quarantine_job {
    struct job job; /* first */
    struct runner *runner;
    const struct work *work;
    uint32_t number;
    const char *reason;
};

static struct status quarantine_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    struct quarantine_job *q = (struct quarantine_job *)job;
    return quarantine_add(q->runner, q->work, q->number, q->reason, arena);
}

struct status work_quarantine(struct runner *runner, const struct work *work, uint32_t number, const char *reason)
{
    struct quarantine_job job = {
        .job = {.run = quarantine_run}, .runner = runner, .work = work, .number = number, .reason = reason};
    return engine_call(runner->options.engine, &job.job);
}

static const char *item_text(const struct capture_item *item)
{
    switch (item->kind) {
    case ITEM_QUARANTINE:
        return item->problem ? item->problem : "this value does not map: mend the row or the mapping";
    case ITEM_STALE:
        return "a form opened before a change from the hub put an old value back: both are kept, see `simpul conflicts`";
    case ITEM_LOOSENED:
        return "made looser in the local system: the strict value stays until an admin says `simpul record loosen`";
    case ITEM_SAME_CASE:
        return "perhaps the same case as another record: nothing is written back until `simpul record same` says so";
    case ITEM_BLANKED_AGAIN:
        return "an erased value came back from an old form and was blanked again";
    case ITEM_STEP:
        break;
    }
    return "";
}

/* A step that the workflow does not know is applied, and stands in the record's history for whoever looks at it. Systems
 * that close a case in one step make thousands of them, which would bury what a person has to mend. */
static bool is_told(const struct capture_item *item)
{
    return item->kind != ITEM_STEP;
}

static bool has_told(const struct work *work)
{
    for (size_t i = 0; i < work->decision.item_count; i++) {
        if (is_told(&work->decision.items[i])) {
            return true;
        }
    }
    return false;
}

/* Items are told anew by each decision; what is no longer told has been mended. A row that failed keeps its entry. */
static struct status items_tell(struct runner *runner, const struct work *work, bool captured, struct arena *arena)
{
    struct span table = span_text(runner->options.mapping->tables[work->table].name);
    uint32_t *numbers = arena_array(arena, work->decision.item_count, sizeof *numbers);
    size_t count = 0;
    if (!numbers) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < work->decision.item_count; i++) {
        const struct capture_item *item = &work->decision.items[i];
        if (is_told(item)) {
            numbers[count] = item->number | (item->kind == ITEM_QUARANTINE ? 0 : QUARANTINE_NOTICE);
            TRY(quarantine_add(runner, work, numbers[count], item_text(item), arena));
            count++;
        }
    }
    return quarantine_mend_row(runner->options.store, runner->options.legacy->lane, table, work->key, captured, numbers, count,
                               arena);
}

static bool tells(const struct runner *runner, const struct work *work)
{
    bool decided = work->end == WORK_DONE || work->end == WORK_PERSON;
    return decided && work->there && (has_told(work) || runner->quarantined);
}

static struct status tell_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    struct works_job *w = (struct works_job *)job;
    for (size_t i = 0; i < w->count; i++) {
        if (tells(w->runner, &w->works[i])) {
            TRY(items_tell(w->runner, &w->works[i], false, arena));
        }
    }
    return status_ok();
}

struct status works_tell(struct runner *runner, struct work *works, size_t count)
{
    struct works_job job = {.works = works, .count = count};
    for (size_t i = 0; i < count; i++) {
        if (tells(runner, &works[i])) {
            return works_call(runner, &job, tell_run, false);
        }
    }
    return status_ok();
}

/* ---- decide ---- */

static bool record_has_part(const struct record *record, struct part_id part)
{
    for (size_t i = 0; i < record->register_count; i++) {
        if (part_id_equal(record->registers[i].part, part)) {
            return true;
        }
    }
    return false;
}

static bool id_is_none(struct record_id id)
{
    return record_id_equal(id, (struct record_id){{0}});
}

/* True while the driver has to be asked about this row before it can be decided. */
static bool work_wants_lookup(const struct runner *runner, const struct work *work)
{
    if (work->looked_up) {
        return false;
    }
    if (work->has_shadow) {
        return !work->there && part_id_is_none(work->shadow.part); /* its notes' shadows */
    }
    const struct record *record = work->input.record;
    if (work->form->kind == FORM_NOTE) {
        return record && record_has_part(record, work->input.part);
    }
    return record != NULL || (runner->vanished && work->capture_row.identity_count > 0);
}

/* A note's long texts stand in their bodies, not in the record's row. */
static struct status whole_part(struct core *core, const struct record *record, struct part_id part, struct arena *arena,
                                const struct record **out_record)
{
    struct record *whole = arena_alloc(arena, sizeof *whole);
    if (!whole) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(capture_record(core, record, part, arena, whole));
    *out_record = whole;
    return status_ok();
}

static struct status work_found(struct runner *runner, struct core *core, struct work *work, struct span claim)
{
    struct capture_leaf *leaves = NULL;
    size_t count = 0;
    const struct shadow *shadow = work->has_shadow ? &work->shadow : NULL;
    struct part_id part = shadow ? shadow->part : work->input.part;
    if (work->input.record) {
        TRY(capture_leaves(core, work->input.record, runner->options.legacy->lane, part, claim, &runner->arena, &leaves,
                           &count));
    }
    work->input.found_known = true;
    work->input.found = leaves;
    work->input.found_count = count;
    return status_ok();
}

static struct status work_decide(struct runner *runner, struct core *core, struct work *work)
{
    const struct capture_source source = runner_source(runner, core);
    struct capture_input *input = &work->input;
    const struct shadow *shadow = work->has_shadow ? &work->shadow : work->match == MATCH_VANISHED ? &work->vanished : NULL;
    input->now_ms = (uint64_t)clock_now_ms();
    input->row = work->there ? &work->capture_row : NULL;
    input->shadow = shadow;
    input->match = work->match;
    input->parent = work->has_parent ? &work->parent : NULL;
    input->record = NULL;
    struct record_id id = shadow ? shadow->record : input->record_id;
    if (!id_is_none(id)) {
        struct status status = core_record(core, id, &input->record);
        if (!status_is_ok(status) && status.code != STATUS_NOT_FOUND) {
            return status;
        }
    }
    work->needs_lookup = work_wants_lookup(runner, work);
    if (work->needs_lookup) {
        return status_ok();
    }
    struct part_id part = shadow ? shadow->part : input->part;
    if (input->record && !part_id_is_none(part)) {
        TRY(whole_part(core, input->record, part, &runner->arena, &input->record));
    }
    if (work->match == MATCH_DERIVED) {
        TRY(work_found(runner, core, work, (struct span){0}));
    }
    TRY(capture_decide(&source, input, &runner->arena, &work->decision));
    if (work->decision.action == CAPTURE_SETTLE) {
        TRY(work_found(runner, core, work, span_of(shadow->claim.number, sizeof shadow->claim.number)));
        TRY(capture_decide(&source, input, &runner->arena, &work->decision));
    }
    return status_ok();
}

/* What is to be written points into the record, whose memory is the core's and ends with this transaction. */
static struct status decision_own(struct capture_decision *decision, struct arena *arena)
{
    for (size_t i = 0; i < decision->write_count; i++) {
        TRY(arena_copy(arena, decision->writes[i].value, &decision->writes[i].value));
    }
    return status_ok();
}

static struct status decide_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)arena;
    struct works_job *w = (struct works_job *)job;
    w->runner->ready = core_is_ready(core);
    for (size_t i = 0; i < w->count; i++) {
        if (w->works[i].end == WORK_OPEN) {
            TRY(work_decide(w->runner, core, &w->works[i]));
            TRY(decision_own(&w->works[i].decision, &w->runner->arena));
        }
    }
    return status_ok();
}

struct status works_decide(struct runner *runner, struct work *works, size_t count)
{
    struct works_job job = {.works = works, .count = count};
    return works_call(runner, &job, decide_run, true);
}

/* ---- leaves ---- */

static struct status pending_key(struct runner *runner, struct span table, struct span key, struct arena *arena,
                                 struct span *out_key)
{
    struct buffer buffer;
    buffer_init(&buffer, arena);
    buffer_add_be32(&buffer, runner->options.legacy->lane);
    buffer_add_sized(&buffer, table);
    buffer_add_sized(&buffer, key);
    return buffer_end(&buffer, out_key);
}

static struct status pending_put(struct runner *runner, const struct work *work, struct arena *arena)
{
    struct legacy_shadow stored;
    struct pair pair;
    struct buffer value;
    TRY(work_shadow(runner, work, work->decision.shadow, &stored));
    TRY(pending_key(runner, span_text(runner->options.mapping->tables[work->table].name), work->key, arena, &pair.key));
    buffer_init(&value, arena);
    buffer_add_be64(&value, stored.version);
    buffer_add_be32(&value, stored.state);
    buffer_add(&value, stored.record.bytes, sizeof stored.record.bytes);
    buffer_add(&value, stored.part.bytes, sizeof stored.part.bytes);
    buffer_add(&value, stored.identity, sizeof stored.identity);
    buffer_add_sized(&value, stored.bytes);
    TRY(buffer_end(&value, &pair.value));
    return runner->options.store->ops->put(runner->options.store, STORE_PENDING, &pair, 1);
}

static struct status pending_read(struct runner *runner, struct pair pair, struct legacy_shadow *out_shadow)
{
    struct legacy_shadow shadow = {.table = SIZE_MAX};
    struct reader key;
    struct reader value;
    reader_init(&key, pair.key);
    reader_init(&value, pair.value);
    (void)reader_be32(&key);
    struct span table = reader_sized(&key);
    shadow.key = reader_sized(&key);
    shadow.version = reader_be64(&value);
    shadow.state = reader_be32(&value);
    struct span record = reader_bytes(&value, sizeof shadow.record.bytes);
    struct span part = reader_bytes(&value, sizeof shadow.part.bytes);
    struct span identity = reader_bytes(&value, sizeof shadow.identity);
    shadow.bytes = reader_sized(&value);
    TRY(reader_end(&key));
    TRY(reader_end(&value));
    memcpy(shadow.record.bytes, record.data, record.size);
    memcpy(shadow.part.bytes, part.data, part.size);
    memcpy(shadow.identity, identity.data, identity.size);
    for (size_t i = 0; i < runner->options.mapping->table_count; i++) {
        if (span_equal(table, span_text(runner->options.mapping->tables[i].name))) {
            shadow.table = i;
        }
    }
    *out_shadow = shadow;
    return status_ok();
}

/* The first draft failed, so nothing of this row stands in the store: it can be told and left. */
static struct status work_refused(struct runner *runner, struct work *work, struct status status,
                                  const struct fault *fault, struct arena *arena)
{
    switch (status.code) {
    case STATUS_BUSY:
        work->end = WORK_HELD;
        return status_ok();
    case STATUS_STALE:
        return status_ok(); /* stays open: read and decided again */
    case STATUS_INVALID:
    case STATUS_LIMIT:
    case STATUS_DENIED:
        work->end = WORK_FAILED;
        return quarantine_add(runner, work, 0, fault->what ? fault->what : "this row makes no valid change: see the limits",
                              arena);
    default:
        return status;
    }
}

/* The rule once more, on the row as it was read and the shadow as it will be stored: usually nothing is left to do, and the
 * row need not be read again. Whatever changed it meanwhile stands in the outbox. */
static struct status work_settle(struct runner *runner, const struct capture_source *source, struct work *work)
{
    struct capture_input again = work->input;
    struct capture_decision decision = {0};
    again.now_ms = (uint64_t)clock_now_ms();
    again.shadow = work->decision.shadow;
    again.record = work->decision.record;
    again.match = MATCH_NONE;
    again.found_known = false;
    if (!work->there || !work->has_shadow || !again.record || work->decision.item_count > 0) {
        return status_ok();
    }
    TRY(capture_decide(source, &again, &runner->arena, &decision));
    work->settled = decision.action == CAPTURE_NOTHING && decision.wait != WAIT_ACK && decision.item_count == 0;
    return status_ok();
}

static struct status work_leaves(struct runner *runner, struct core *core, struct work *work, struct arena *arena)
{
    const struct capture_source source = runner_source(runner, core);
    struct capture_decision *decision = &work->decision;
    struct written *written = arena_array(arena, decision->draft_count, sizeof *written);
    struct fault fault = {0};
    if (!written) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < decision->draft_count; i++) {
        struct status status = core_write(core, &decision->drafts[i], &written[i], &fault);
        if (!status_is_ok(status)) {
            return i == 0 ? work_refused(runner, work, status, &fault, arena) : status;
        }
    }
    /* The record that was decided on has changed, and its memory belongs to an earlier transaction. */
    if (decision->draft_count > 0 && decision->record) {
        TRY(core_record(core, written[0].record, &decision->record));
    }
    TRY(capture_done(&source, decision, written, &runner->arena));
    TRY(pending_put(runner, work, arena));
    TRY(items_tell(runner, work, true, arena));
    TRY(work_settle(runner, &source, work));
    work->written = true;
    return status_ok();
}

static struct status leaves_run(struct job *job, struct core *core, struct arena *arena)
{
    struct works_job *w = (struct works_job *)job;
    for (size_t i = 0; i < w->count; i++) {
        struct work *work = &w->works[i];
        work->written = false;
        work->settled = false;
        if (work->end == WORK_OPEN && work->decision.action == CAPTURE_LEAVES) {
            TRY(work_leaves(w->runner, core, work, arena));
        }
    }
    return status_ok();
}

/* All in one transaction; if a row in the middle spoils it, each alone, so that only that row is told. */
struct status works_write_leaves(struct runner *runner, struct work *works, size_t count)
{
    struct works_job job = {.works = works, .count = count};
    struct status status = works_call(runner, &job, leaves_run, false);
    bool data = status.code == STATUS_INVALID || status.code == STATUS_LIMIT || status.code == STATUS_DENIED ||
                status.code == STATUS_STALE;
    for (size_t i = 0; i < count && data; i++) {
        works[i].written = works[i].settled = false;
        if (works[i].end != WORK_OPEN || works[i].decision.action != CAPTURE_LEAVES) {
            continue;
        }
        struct works_job one = {.works = &works[i], .count = 1};
        status = works_call(runner, &one, leaves_run, false);
        data = status.code != STATUS_IO && status.code != STATUS_UNKNOWN && status.code != STATUS_BUSY;
        if (!status_is_ok(status) && data) {
            works[i].written = works[i].settled = false;
            works[i].end = WORK_FAILED;
            TRY(work_quarantine(runner, &works[i], 0, "this row makes no valid change: see the limits"));
            status = status_ok();
        }
    }
    for (size_t i = 0; i < count && status_is_ok(status); i++) {
        runner->captured += works[i].written ? works[i].decision.draft_count : 0;
    }
    if (status_is_ok(status) && runner->options.captured) {
        runner->options.captured(runner->options.owner);
    }
    return status;
}

static struct status forget_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    struct works_job *w = (struct works_job *)job;
    struct store *store = w->runner->options.store;
    for (size_t i = 0; i < w->count; i++) {
        struct span key;
        if (!w->works[i].written) {
            continue;
        }
        TRY(pending_key(w->runner, span_text(w->runner->options.mapping->tables[w->works[i].table].name), w->works[i].key,
                        arena, &key));
        TRY(store->ops->remove(store, STORE_PENDING, &key, 1));
    }
    return status_ok();
}

struct status works_forget_pending(struct runner *runner, struct work *works, size_t count)
{
    struct works_job job = {.works = works, .count = count};
    return works_call(runner, &job, forget_run, false);
}

struct pending_job {
    struct job job; /* first */
    struct runner *runner;
    struct pair *pairs;
    size_t count;
    bool remove;
};

static struct status pending_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    (void)arena;
    struct pending_job *p = (struct pending_job *)job;
    struct store *store = p->runner->options.store;
    if (p->remove) {
        for (size_t i = 0; i < p->count; i++) {
            TRY(store->ops->remove(store, STORE_PENDING, &p->pairs[i].key, 1));
        }
        return status_ok();
    }
    uint8_t from[4];
    uint8_t end[4];
    uint32_t lane = p->runner->options.legacy->lane;
    for (size_t i = 0; i < 4; i++) {
        from[i] = (uint8_t)(lane >> (24 - 8 * i));
        end[i] = (uint8_t)((lane + 1) >> (24 - 8 * i));
    }
    return store->ops->scan(store, STORE_PENDING, span_of(from, 4), span_of(end, 4), false, LIMIT_CAPTURE_ROWS, SIZE_MAX,
                            &p->runner->arena, p->pairs, &p->count);
}

struct status runner_settle_pending(struct runner *runner)
{
    const struct driver_ops *ops = runner->driver->ops;
    struct pair pairs[LIMIT_CAPTURE_ROWS];
    for (;;) {
        struct pending_job job = {.job = {.run = pending_run, .reads_only = true}, .runner = runner, .pairs = pairs};
        TRY(engine_call(runner->options.engine, &job.job));
        if (job.count == 0) {
            return status_ok();
        }
        TRY(ops->begin(runner->driver));
        for (size_t i = 0; i < job.count; i++) {
            struct legacy_shadow shadow;
            bool stored;
            TRY(pending_read(runner, pairs[i], &shadow));
            if (shadow.table != SIZE_MAX) {
                TRY(ops->shadows_store(runner->driver, &shadow, 1, &stored)); /* lost: it had been stored */
            }
        }
        TRY(ops->commit(runner->driver));
        job.job = (struct job){.run = pending_run};
        job.remove = true;
        TRY(engine_call(runner->options.engine, &job.job));
        arena_clear(&runner->arena);
    }
}

/* ---- due ---- */

static struct status count_acked(struct core *core, struct arena *arena, uint64_t *out_acked)
{
    struct stream_info *streams = NULL;
    size_t count = 0;
    uint64_t acked = 0;
    TRY(core_streams(core, arena, &streams, &count));
    for (size_t i = 0; i < count; i++) {
        acked += streams[i].own ? streams[i].acked_size : 0;
    }
    *out_acked = acked;
    return status_ok();
}

static struct status due_run(struct job *job, struct core *core, struct arena *arena)
{
    struct works_job *w = (struct works_job *)job;
    struct due *due = NULL;
    TRY(count_acked(core, arena, &w->runner->acked));
    w->runner->ready = core_is_ready(core);
    TRY(core_due(core, w->runner->options.legacy->lane, RUNNER_DUE_MAX, &w->runner->arena, &due, w->due_count));
    for (size_t i = 0; i < *w->due_count; i++) {
        w->due[i] = (struct due_work){.due = due[i]};
    }
    return status_ok();
}

struct status runner_due(struct runner *runner, struct due_work *out_due, size_t *out_count)
{
    struct works_job job = {.due = out_due, .due_count = out_count};
    return works_call(runner, &job, due_run, true);
}

static struct status due_done_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)arena;
    struct works_job *w = (struct works_job *)job;
    for (size_t i = 0; i < w->count; i++) {
        if (!w->due[i].keep) {
            TRY(core_due_done(core, w->runner->options.legacy->lane, w->due[i].due));
        }
    }
    return status_ok();
}

struct status runner_due_done(struct runner *runner, const struct due_work *due, size_t count)
{
    struct works_job job = {.due = (struct due_work *)(uintptr_t)due, .count = count};
    return works_call(runner, &job, due_done_run, false);
}

/* ---- inserts ---- */

struct insert_job {
    struct job job; /* first */
    struct runner *runner;
    struct record_id record;
    const struct legacy_shadow *shadows;
    size_t shadow_count;
    struct insert_work *inserts;
    size_t count;
    bool waits;
};

static const struct mapping_form *note_form(const struct mapping *mapping)
{
    for (size_t t = 0; t < mapping->table_count; t++) {
        for (size_t f = 0; f < mapping->tables[t].form_count; f++) {
            const struct mapping_form *form = &mapping->tables[t].forms[f];
            if (form->kind == FORM_NOTE && form->insert) {
                return form;
            }
        }
    }
    return NULL;
}

static const struct legacy_shadow *shadow_of_part(const struct insert_job *job, struct part_id part)
{
    for (size_t i = 0; i < job->shadow_count; i++) {
        if (part_id_equal(job->shadows[i].part, part)) {
            return &job->shadows[i];
        }
    }
    return NULL;
}

/* The first change of a part, or of the record itself: who made it, through which lane. */
static bool made_here(const struct insert_job *job, const struct record *record, struct part_id part)
{
    for (size_t i = 0; i < record->history_count; i++) {
        const struct history_entry *h = &record->history[i];
        bool makes = part_id_is_none(part) ? h->kind == KIND_CREATE : part_id_equal(h->part, part);
        if (makes) {
            const struct replica *replica = &record->replicas[h->replica].replica;
            return node_id_equal(replica->node, job->runner->options.self) &&
                   replica->lane == job->runner->options.legacy->lane;
        }
    }
    return false;
}

static struct status insert_ask(struct insert_job *job, struct core *core, const struct record *record, struct part_id part,
                                const struct mapping_form *form, struct span parent_key)
{
    const struct capture_source source = runner_source(job->runner, core);
    struct arena *arena = &job->runner->arena;
    uint32_t *numbers = arena_array(arena, form->register_count, sizeof *numbers);
    size_t count = 0;
    if (!numbers) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < form->register_count; i++) {
        if (form->registers[i].writable) {
            numbers[count++] = form->registers[i].number;
        }
    }
    struct insert_work *insert = &job->inserts[job->count];
    *insert = (struct insert_work){.record = record->id, .part = part, .form = form, .parent_key = parent_key};
    if (!part_id_is_none(part)) {
        TRY(whole_part(core, record, part, arena, &record));
    }
    TRY(capture_insert(&source, record, part, numbers, count, made_here(job, record, part), false, arena,
                       &insert->decision));
    TRY(decision_own(&insert->decision, arena));
    job->waits |= insert->decision.action == CAPTURE_WAIT;
    job->count += insert->decision.action == CAPTURE_INSERT ? 1 : 0;
    return status_ok();
}

static bool part_seen_before(const struct record *record, size_t index)
{
    return index > 0 && part_id_equal(record->registers[index].part, record->registers[index - 1].part);
}

static struct status insert_run(struct job *base, struct core *core, struct arena *arena)
{
    (void)arena;
    struct insert_job *job = (struct insert_job *)base;
    const struct mapping *mapping = job->runner->options.mapping;
    const struct record *record = NULL;
    struct part_id none = {{0}};
    struct status status = core_record(core, job->record, &record);
    if (!status_is_ok(status)) {
        return status.code == STATUS_NOT_FOUND ? status_ok() : status;
    }
    const struct legacy_shadow *main_shadow = shadow_of_part(job, none);
    if (!main_shadow) {
        return mapping->complaints->insert ? insert_ask(job, core, record, none, mapping->complaints, (struct span){0})
                                           : status_ok();
    }
    const struct mapping_form *form = note_form(mapping);
    for (size_t i = 0; form && i < record->register_count && job->count < RUNNER_DUE_MAX; i++) {
        struct part_id part = record->registers[i].part;
        uint32_t number = record->registers[i].number;
        bool note = number >= REG_NOTE_TEXT && number <= REG_NOTE_HIDDEN;
        if (part_id_is_none(part) || part_seen_before(record, i) || !note || shadow_of_part(job, part)) {
            continue;
        }
        TRY(insert_ask(job, core, record, part, form, main_shadow->key));
    }
    return status_ok();
}

struct status runner_inserts(struct runner *runner, struct record_id record, const struct legacy_shadow *shadows,
                             size_t shadow_count, struct insert_work *out_inserts, size_t *out_count, bool *out_waits)
{
    struct insert_job job = {.job = {.run = insert_run, .reads_only = true},
                             .runner = runner,
                             .record = record,
                             .shadows = shadows,
                             .shadow_count = shadow_count,
                             .inserts = out_inserts};
    TRY(engine_call(runner->options.engine, &job.job));
    *out_count = job.count;
    *out_waits = job.waits;
    return status_ok();
}

/* ---- facts ---- */

/* "generation" 00 lane: which life of the legacy database our store last worked with. */
static struct span generation_key(const struct runner *runner, uint8_t out_key[16])
{
    static const char name[11] = "generation";
    memcpy(out_key, name, sizeof name);
    for (size_t i = 0; i < 4; i++) {
        out_key[sizeof name + i] = (uint8_t)(runner->options.legacy->lane >> (24 - 8 * i));
    }
    return span_of(out_key, sizeof name + 4);
}

static struct status facts_run(struct job *job, struct core *core, struct arena *arena)
{
    struct works_job *w = (struct works_job *)job;
    struct store *store = w->runner->options.store;
    uint8_t bytes[16];
    struct span key = generation_key(w->runner, bytes);
    struct span value = {0};
    TRY(store->ops->get(store, STORE_META, &key, 1, arena, &value));
    struct reader reader;
    reader_init(&reader, value);
    w->facts->legacy_generation = value.data ? reader_be64(&reader) : 0;
    struct pair entry;
    size_t entries = 0;
    TRY(store->ops->scan(store, STORE_QUARANTINE, (struct span){0}, (struct span){0}, false, 1, SIZE_MAX, arena, &entry,
                         &entries));
    w->runner->quarantined = entries > 0;
    w->facts->ready = core_is_ready(core);
    w->facts->unacked = core_unacked(core);
    w->runner->ready = w->facts->ready;
    return status_ok();
}

struct status runner_facts(struct runner *runner, struct core_facts *out_facts)
{
    struct works_job job = {.facts = out_facts};
    return works_call(runner, &job, facts_run, true);
}

static struct status generation_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    struct works_job *w = (struct works_job *)job;
    struct store *store = w->runner->options.store;
    uint8_t bytes[16];
    struct pair pair = {.key = generation_key(w->runner, bytes)};
    struct buffer value;
    buffer_init(&value, arena);
    buffer_add_be64(&value, w->generation);
    TRY(buffer_end(&value, &pair.value));
    TRY(core_lane_open(core, w->runner->options.legacy->lane));
    return store->ops->put(store, STORE_META, &pair, 1);
}

struct status runner_remember_generation(struct runner *runner, uint64_t generation)
{
    struct works_job job = {.generation = generation};
    return works_call(runner, &job, generation_run, false);
}
