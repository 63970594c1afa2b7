/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/connector.h"

/* Invariants (../shared/design/testing.md), numbered as there. */

static struct status record_at(struct site *s, struct record_id id, const struct record **out_record)
{
    return core_record(s->core, id, out_record);
}

/* ---- 1: nothing acknowledged is lost ---- */

static bool is_alive(struct world *w, const struct record *record, const struct edit *e, size_t edit)
{
    const struct record_register *reg = record_register_find(record, (struct part_id){{0}}, field_number(e->field));
    for (size_t i = 0; reg && i < reg->sibling_count; i++) {
        if (reg->siblings[i].flags & (SIBLING_ERASED | SIBLING_MISSING)) {
            return true; /* what an erasure covers cannot be looked at */
        }
        size_t alive = oracle_number(w, reg->number, reg->siblings[i].value);
        if (alive == edit || (alive > 0 && seen_has(&w->oracle->closure[alive], edit))) {
            return true;
        }
    }
    return false;
}

/* Where a liar was at home, his lies may cover what nobody had seen. */
static bool liar_owned(const struct world *w, size_t number)
{
    const struct complaint *c = &w->oracle->cases[number];
    bool owned = false;
    for (size_t i = 0; i < c->owner_count && w->hostile && !owned; i++) {
        owned = c->owners[i].site == w->hostile->index;
    }
    return owned;
}

static void check_written(struct world *w)
{
    struct site *hub = &w->sites[0];
    for (size_t i = 1; i <= w->oracle->edit_count; i++) {
        const struct edit *e = &w->oracle->edits[i];
        const struct record *record = NULL;
        if (e->state != EDIT_WRITTEN || e->settled || liar_owned(w, e->record) || w->oracle->cases[e->record].erased) {
            continue;
        }
        struct status status = record_at(hub, w->oracle->cases[e->record].id, &record);
        if (!status_is_ok(status)) {
            violation(w, "v%zu was written at %.16s and the hub does not know its complaint (%s)", i,
                      w->sites[e->site].id.text, status_name(status));
        }
        if (!is_alive(w, record, e, i)) {
            violation(w, "v%zu was written at %.16s, and nobody who had seen it replaced it: it is lost", i,
                      w->sites[e->site].id.text);
        }
    }
}

/* ---- what a store knows of a record, for whoever looks into a failing seed ---- */

static void print_record(struct world *w, struct site *s, size_t number)
{
    const struct record *record = NULL;
    if (!w->verbose || !status_is_ok(record_at(s, w->oracle->cases[number].id, &record))) {
        return;
    }
    printf("  %.16s, record %zu: owner %.16s, %zu parked, %zu clamps, %zu erasures\n", s->id.text, number,
           record->created ? record_owner(record).text : "-", record->parked_count, record->clamp_count, record->erasure_count);
    for (size_t i = 0; i < record->history_count; i++) {
        const struct history_entry *entry = &record->history[i];
        const struct replica *replica = &record->replicas[entry->replica].replica;
        printf("    %.16s/%u/%u:%llu %s flags %x at %u:%llu %02x%02x\n", replica->node.text, replica->epoch, replica->lane,
               (unsigned long long)entry->rseq, kind_info((uint32_t)entry->kind)->name, entry->flags, entry->stream,
               (unsigned long long)entry->seq, entry->hash.bytes[0], entry->hash.bytes[1]);
    }
    for (size_t i = 0; i < record->register_count; i++) {
        const struct record_register *reg = &record->registers[i];
        for (size_t k = 0; k < reg->sibling_count; k++) {
            struct dot dot = record_dot(record, reg->siblings[k].dot);
            printf("    register %u: %.16s/%u/%u:%llu v%zu\n", reg->number, dot.replica.node.text, dot.replica.epoch,
                   dot.replica.lane, (unsigned long long)dot.rseq, oracle_number(w, reg->number, reg->siblings[k].value));
        }
    }
}

static void print_all(struct world *w)
{
    for (size_t r = 0; r < w->oracle->case_count; r++) {
        for (uint32_t i = 0; i < w->site_count; i++) {
            if (w->sites[i].copy_of) {
                continue;
            }
            print_record(w, &w->sites[i], r);
        }
    }
}

/* ---- 2: convergence; 14: nothing waits ---- */

static void check_same(struct world *w, struct site *s, struct record_id id, size_t number)
{
    struct record_digest here = {0};
    struct record_digest hub = {0};
    struct status a = core_digest(s->core, id, &here);
    struct status b = core_digest(w->sites[0].core, id, &hub);
    if (!status_is_ok(a) || !status_is_ok(b) || !hash_equal(here.digest, hub.digest) ||
        !hash_equal(here.vector, hub.vector)) {
        violation(w, "record %zu is not the same at %.16s and the hub (%s, %s; %s %s)", number, s->id.text, status_name(a),
                  status_name(b), hash_equal(here.vector, hub.vector) ? "equal vectors" : "vectors differ",
                  hash_equal(here.digest, hub.digest) ? "equal digests" : "digests differ");
    }
}

/* A liar's leaves may wait for ever, in the records that they name. */
static bool hostile_parked(const struct world *w, const struct record *record)
{
    for (size_t i = 0; i < record->history_count; i++) {
        const struct history_entry *entry = &record->history[i];
        const struct node_id *node = &record->replicas[entry->replica].replica.node;
        if ((entry->flags & HISTORY_PARKED) && !(w->hostile && node_id_equal(*node, w->hostile->id))) {
            return false;
        }
    }
    return true;
}

/* 12: a liar has an effect only where the complaint was once his. */
static void check_hostile(struct world *w, const struct record *record, size_t number)
{
    bool owned = !w->hostile || liar_owned(w, number);
    for (size_t i = 0; i < record->history_count && !owned; i++) {
        const struct history_entry *entry = &record->history[i];
        const struct node_id *node = &record->replicas[entry->replica].replica.node;
        if (node_id_equal(*node, w->hostile->id) && !(entry->flags & (HISTORY_PARKED | HISTORY_VOID | HISTORY_FORKED))) {
            violation(w, "record %zu bears a change of %.16s, whose it never was", number, w->hostile->id.text);
        }
    }
}

static bool reads_scope(const struct world *w, const struct site *s, struct scope_id scope)
{
    return scope_id_equal(scope_of_node(s->id), scope) ||
           (s->is_province && registry_is_province_of(core_registry(w->sites[0].core), s->id, scope));
}

static void check_records(struct world *w)
{
    for (size_t r = 0; r < w->oracle->case_count; r++) {
        const struct record *record = NULL;
        struct record_id id = w->oracle->cases[r].id;
        if (!status_is_ok(record_at(&w->sites[0], id, &record))) {
            continue; /* check_written says whether something of it was certain */
        }
        if (record->parked_count > 0 && !hostile_parked(w, record)) {
            violation(w, "record %zu: %zu leaves stay parked at the hub", r, record->parked_count);
        }
        check_hostile(w, record, r);
        check_merge(w, record);
        if (liar_owned(w, r)) {
            continue; /* README.md, "Open" */
        }
        struct scope_id owner = record_owner(record);
        for (uint32_t i = 1; i < w->site_count; i++) {
            if (!w->sites[i].copy_of && !w->sites[i].hostile && reads_scope(w, &w->sites[i], owner)) {
                check_same(w, &w->sites[i], id, r);
            }
        }
    }
}

/* ---- 6: every accepted history is a beginning of the last ---- */

static void check_histories(struct world *w)
{
    struct stream_info *infos = NULL;
    size_t count = 0;
    must(w, core_streams(w->sites[0].core, &w->arena, &infos, &count), "streams");
    for (size_t i = 0; i < count; i++) {
        struct fault fault = {0};
        uint64_t next = 0;
        struct status status = core_verify(w->sites[0].core, infos[i].number, 0, UINT64_MAX, &next, &fault);
        if (!status_is_ok(status)) {
            violation(w, "the hub's copy of stream %u does not verify at %llu: %s", infos[i].number,
                      (unsigned long long)fault.at, status_name(status));
        }
    }
    for (size_t i = 0; i < w->oracle->accepted_count; i++) {
        const struct accepted *a = &w->oracle->accepted[i];
        bool found = false;
        for (size_t k = 0; k < count; k++) {
            found = found || (stream_id_equal(infos[k].id, a->stream) && infos[k].size >= a->size &&
                              (infos[k].size != a->size || hash_equal(infos[k].root, a->root)));
        }
        if (!found) {
            violation(w, "the hub does not continue a history that it accepted: %.16s epoch %u, %llu leaves",
                      a->stream.node.text, a->stream.epoch, (unsigned long long)a->size);
        }
    }
}

/* ---- 7: no conflict is silent ---- */

static bool in_list(struct world *w, struct site *s, struct record_id id, uint32_t number, bool persons)
{
    struct inbox_item items[64];
    struct span after = {0};
    struct span last = {0};
    size_t count = 64;
    while (count == 64) {
        must(w, core_inbox_list(s->core, persons, after, 64, &w->arena, items, &count, &last), "inbox");
        for (size_t i = 0; i < count; i++) {
            if (record_id_equal(items[i].record, id) && items[i].number == number) {
                return true;
            }
        }
        after = last;
    }
    return false;
}

static bool differ(const struct record_register *reg)
{
    for (size_t i = 1; i < reg->sibling_count; i++) {
        if (!span_equal(reg->siblings[0].value, reg->siblings[i].value)) {
            return true;
        }
    }
    return false;
}

static void check_conflicts(struct world *w, struct site *s)
{
    for (size_t r = 0; r < w->oracle->case_count; r++) {
        const struct record *record = NULL;
        struct record_id id = w->oracle->cases[r].id;
        if (!status_is_ok(record_at(s, id, &record)) || w->oracle->cases[r].erased) {
            continue;
        }
        if (!s->is_hub && !scope_id_equal(record_owner(record), scope_of_node(s->id))) {
            continue;
        }
        static const uint32_t numbers[] = {REG_TITLE, REG_TEXT};
        for (size_t i = 0; i < 2; i++) {
            const struct record_register *reg = record_register_find(record, (struct part_id){{0}}, numbers[i]);
            if (reg && differ(reg) && !in_list(w, s, id, numbers[i], numbers[i] == REG_TEXT)) {
                violation(w, "%.16s: record %zu register %u has siblings that no list names", s->id.text, r, numbers[i]);
            }
        }
    }
}

/* ---- rows ---- */

static bool row_says(struct world *w, const struct site *s, const struct row *row, uint32_t number, struct span value)
{
    struct row *would = arena_alloc(&w->arena, sizeof *would);
    *would = *row;
    if (!connector_say(w, s->legacy, would, number, value)) {
        return true; /* this system has no word for it */
    }
    return memcmp(would->columns, row->columns, sizeof would->columns) == 0;
}

static void check_field(struct world *w, struct site *s, const struct row *row, const struct record *record, enum field field)
{
    const struct record_register *reg = record_register_find(record, (struct part_id){{0}}, field_number(field));
    struct shown shown;
    if (!reg || reg->sibling_count == 0) {
        return;
    }
    must(w, record_show(record, (struct part_id){{0}}, reg->number, &w->arena, &shown), "show");
    if (!shown.readable) {
        return;
    }
    bool own = false;
    bool own_is_shown = false;
    for (size_t i = 0; i < reg->sibling_count; i++) {
        const struct sibling *sibling = &reg->siblings[i];
        struct dot dot = record_dot(record, sibling->dot);
        if (dot.replica.lane == CONNECTOR_LANE && node_id_equal(dot.replica.node, s->id) &&
            !(sibling->flags & (SIBLING_STALE | SIBLING_ERASED | SIBLING_MISSING))) {
            own = true;
            own_is_shown = own_is_shown || row_says(w, s, row, reg->number, sibling->value);
        }
    }
    bool says = row_says(w, s, row, reg->number, shown.value);
    if ((!shown.conflict || field == FIELD_FLAG) && !says) {
        violation(w, "%.16s: row %u register %u does not show what is shown", s->id.text, row->key, reg->number);
    }
    if (shown.conflict && !shown.person && !says && !own_is_shown) {
        violation(w, "%.16s: row %u register %u shows neither the shown value nor its own", s->id.text, row->key, reg->number);
    }
    if (shown.conflict && own && !own_is_shown && field != FIELD_FLAG) {
        violation(w, "%.16s: row %u register %u: a clerk's living value has left the row", s->id.text, row->key, reg->number);
    }
}

/* 3: one row per complaint. */
static void check_single(struct world *w, struct site *s, const struct shadow_row *shadow)
{
    for (size_t k = 0; k < SHADOWS; k++) {
        const struct shadow_row *other = &s->legacy->shadows[k];
        if (other->there && other != shadow && record_id_equal(other->record, shadow->record) &&
            legacy_row(s->legacy, other->key)) {
            violation(w, "%.16s: record %zu has two rows, %u and %u", s->id.text, oracle_find(w->oracle, shadow->record),
                      shadow->key, other->key);
        }
    }
}

static void check_row(struct world *w, struct site *s, const struct row *row)
{
    const struct shadow_row *shadow = legacy_shadow(s->legacy, row->key);
    const struct record *record = NULL;
    if (!shadow || !status_is_ok(record_at(s, shadow->record, &record)) || shadow->state != SHADOW_TIED) {
        violation(w, "%.16s: row %u is not tied", s->id.text, row->key);
    }
    check_single(w, s, shadow);
    if (shadow_get(w, shadow)->held) {
        return; /* perhaps the same case: a person decides */
    }
    for (size_t f = 0; f < FIELD_REFS; f++) {
        enum field field = (enum field)f;
        if (field != FIELD_FLAG && row_is_fresh(row, field)) {
            violation(w, "%.16s: row %u register %u was never captured", s->id.text, row->key, field_number(field));
        }
        if (scope_id_equal(record_owner(record), scope_of_node(s->id)) && !record_is_withdrawn(record)) {
            check_field(w, s, row, record, field);
        }
    }
}

/* ---- 13, 14: nothing is left lying ---- */

static void check_empty(struct world *w, struct site *s, enum store_table table, const char *what)
{
    struct pair pair;
    size_t count = 0;
    must(w, s->store->ops->scan(s->store, table, (struct span){0}, (struct span){0}, false, 1, SIZE_MAX, &w->arena, &pair, &count),
         "scan");
    if (count > 0) {
        violation(w, "%.16s: %s", s->id.text, what);
    }
}

/* Nothing waits for ever in a record that is the site's; an erasure of one that has left may, and hides all the same. */
static void check_waiting(struct world *w, struct site *s)
{
    struct pair pairs[64];
    size_t count = 0;
    must(w, s->store->ops->scan(s->store, STORE_WAITING, (struct span){0}, (struct span){0}, false, 64, SIZE_MAX, &w->arena, pairs,
                                &count), "scan");
    for (size_t i = 0; i < count; i++) {
        const struct record *record = NULL;
        struct record_id id = {{0}};
        if (pairs[i].key.size == 1 + sizeof id.bytes) {
            memcpy(id.bytes, pairs[i].key.data + 1, sizeof id.bytes);
        }
        if (pairs[i].key.data[0] == 'E') { /* an erasure's hold */
            struct reader due;
            reader_init(&due, pairs[i].value);
            uint64_t at = reader_be64(&due);
            if (at > site_now(w, s) + LIMIT_ERASE_HOLD_MS) {
                violation(w, "%.16s: what an erasure of record %zu covers is to be destroyed in %llu days only", s->id.text,
                          oracle_find(w->oracle, id), (unsigned long long)((at - site_now(w, s)) / DAY));
            }
            if (at + DAY < site_now(w, s)) {
                violation(w, "%.16s: what an erasure of record %zu covers was to be destroyed %llu days ago", s->id.text,
                          oracle_find(w->oracle, id), (unsigned long long)((site_now(w, s) - at) / DAY));
            }
            continue;
        }
        if (!status_is_ok(record_at(s, id, &record)) || s->is_hub || !record->created ||
            reads_scope(w, s, record_owner(record))) {
            violation(w, "%.16s: changes of record %zu wait for dots that never come", s->id.text,
                      oracle_find(w->oracle, id));
        }
    }
}

static void check_events(struct world *w, struct site *s)
{
    static const char *const forbidden[] = {"forked", "another state of the same", "does not fit its proof",
                                            "does not continue", "does not bear", "refuses", "contradicts"};
    struct core_event events[64];
    size_t count = 0;
    must(w, core_events(s->core, 0, 64, &w->arena, events, &count), "events");
    for (size_t i = 0; i < count; i++) {
        char what[160] = {0};
        memcpy(what, events[i].what.data, events[i].what.size < sizeof what ? events[i].what.size : sizeof what - 1);
        for (size_t f = 0; f < sizeof forbidden / sizeof forbidden[0]; f++) {
            bool told = s->readmitted_ms > 0 && strcmp(forbidden[f], "refuses") == 0; /* it was switched off */
            if (!told && strstr(what, forbidden[f])) {
                violation(w, "%.16s says: %s", s->id.text, what);
            }
        }
    }
}

void check_site(struct world *w, struct site *s)
{
    if (!w->hostile) {
        check_waiting(w, s);
    }
    check_empty(w, s, STORE_PENDING, "a pending shadow is left");
    check_empty(w, s, STORE_OWED, "something is still owed");
    if (!w->hostile) {
        check_events(w, s);
    }
    check_conflicts(w, s);
    for (size_t i = 0; s->legacy && i < ROWS; i++) {
        if (s->legacy->rows[i].there) {
            check_row(w, s, &s->legacy->rows[i]);
        }
    }
}

bool check_is_settled(struct world *w)
{
    if (failover_lasts(w)) {
        return false;
    }
    for (uint32_t i = 0; i < w->site_count; i++) {
        struct site *s = &w->sites[i];
        if (s->copy_of || s->hostile) {
            continue;
        }
        if (!s->core || (!s->is_hub && (!core_is_ready(s->core) || (!s->is_province && core_unacked(s->core) > 0)))) {
            return false;
        }
    }
    return true;
}

static void begin_all(struct world *w)
{
    for (uint32_t i = 0; i < w->site_count; i++) {
        if (!w->sites[i].copy_of && !site_begin(w, &w->sites[i])) {
            violation(w, "%.16s is down at the end", w->sites[i].id.text);
        }
    }
}

void check_end(struct world *w)
{
    if (failover_lasts(w)) {
        violation(w, "the hub still waits for what it lost");
    }
    begin_all(w);
    for (uint32_t i = 1; i < w->site_count; i++) {
        struct site *s = &w->sites[i];
        if (s->copy_of || s->hostile) {
            continue;
        }
        if (!core_is_ready(s->core) || (!s->is_province && core_unacked(s->core) > 0)) {
            violation(w, "%.16s: after the healing %llu own leaves are not at the hub, %s", s->id.text,
                      (unsigned long long)core_unacked(s->core), core_is_ready(s->core) ? "ready" : "not ready");
        }
    }
    print_all(w);
    check_written(w);
    check_records(w);
    check_histories(w);
    for (uint32_t i = 0; i < w->site_count; i++) {
        if (!w->sites[i].copy_of && !w->sites[i].hostile) {
            check_site(w, &w->sites[i]);
        }
    }
    for (uint32_t i = 0; i < w->site_count; i++) {
        if (!w->sites[i].copy_of) {
            site_roll_back(&w->sites[i]);
        }
    }
}

void check_copy(struct world *w, struct site *s)
{
    if (!s->core || !core_is_ready(s->core) || core_unacked(s->core) > 0) {
        violation(w, "%.16s began with an empty store and is not ready after hours", s->id.text);
    }
    if (!site_begin(w, s) || !site_begin(w, &w->sites[0])) {
        violation(w, "%.16s: no transaction", s->id.text);
    }
    for (size_t r = 0; r < w->oracle->case_count; r++) {
        const struct record *record = NULL;
        struct record_id id = w->oracle->cases[r].id;
        if (status_is_ok(record_at(&w->sites[0], id, &record)) && reads_scope(w, s, record_owner(record)) &&
            !liar_owned(w, r)) {
            check_same(w, s, id, r);
        }
    }
    site_roll_back(s);
    site_roll_back(&w->sites[0]);
}
