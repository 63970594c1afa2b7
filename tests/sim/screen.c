/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

/* People at screens of ours: admins at nodes, the operator at the hub. They see all siblings of a register, think, and
 * write with the token of what they saw. */

static struct span text_bytes(struct world *w, uint32_t number, const char *text, size_t size, enum complaint_status status)
{
    struct span copy;
    struct span bytes;
    must(w, arena_copy(&w->arena, span_of(text, size), &copy), "copy");
    struct value value = {.type = VALUE_TEXT, .text = copy};
    if (number == REG_STATUS) {
        value = (struct value){.type = VALUE_STATUS, .status = {.status = status, .reason = copy}};
    }
    must(w, value_write(&value, &w->arena, &bytes), "value_write");
    return bytes;
}

static bool in_conflict(const struct record *record, enum field field)
{
    const struct record_register *reg = record_register_find(record, (struct part_id){{0}}, field_number(field));
    return reg && reg->sibling_count > 1;
}

/* A record of those known, and a field; with `conflict` the first that has siblings, looked for from a random place. */
static struct status screen_choose(struct world *w, struct site *s, struct random *random, bool conflict,
                                   struct screen *screen, const struct record **out_record)
{
    size_t count = w->oracle->case_count;
    size_t start = (size_t)random_below(random, count);
    for (size_t i = 0; i < count && i < 12; i++) {
        screen->record = (start + i) % count;
        screen->field = (enum field)random_below(random, FIELD_REFS);
        struct status status = core_record(s->core, w->oracle->cases[screen->record].id, out_record);
        if (status.code == STATUS_NOT_FOUND) {
            continue;
        }
        TRY(status);
        if (!(*out_record)->created || (!s->is_hub && !scope_id_equal(record_owner(*out_record), scope_of_node(s->id)))) {
            continue;
        }
        for (size_t f = 0; f < FIELD_REFS && conflict; f++) {
            screen->field = in_conflict(*out_record, (enum field)f) ? (enum field)f : screen->field;
        }
        if (!conflict || in_conflict(*out_record, screen->field)) {
            return status_ok();
        }
    }
    return STATUS_MAKE(STATUS_NOT_FOUND);
}

static struct status screen_read(struct world *w, struct site *s, const struct record *record, struct screen *screen)
{
    struct ctx_entry *ctx;
    TRY(record_token(record, &w->arena, &ctx, &screen->ctx_count));
    if (screen->ctx_count > LIMIT_CTX_COUNT) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    memcpy(screen->ctx, ctx, screen->ctx_count * sizeof *ctx);
    const struct record_register *reg = record_register_find(record, (struct part_id){{0}}, field_number(screen->field));
    for (size_t i = 0; reg && i < reg->sibling_count; i++) {
        if (!(reg->siblings[i].flags & (SIBLING_ERASED | SIBLING_MISSING))) {
            oracle_reads(w->oracle, &screen->seen, oracle_number(w, reg->number, reg->siblings[i].value));
        }
    }
    (void)s;
    return status_ok();
}

void screen_open(struct world *w, struct site *s, uint64_t pick, bool conflict)
{
    struct random random = {.state = pick};
    size_t at = 0;
    while (at < SCREENS && s->screens[at].open) {
        at++;
    }
    if (at == SCREENS || w->oracle->case_count == 0 || !site_begin(w, s)) {
        return;
    }
    struct screen *screen = &s->screens[at];
    const struct record *record = NULL;
    *screen = (struct screen){.pick = random_next(&random)};
    struct status status = screen_choose(w, s, &random, conflict, screen, &record);
    if (status_is_ok(status)) {
        status = screen_read(w, s, record, screen);
    }
    screen->open = status_is_ok(status);
    if (!screen->open) {
        status = site_end(w, s, status);
        return;
    }
    site_roll_back(s);
    uint64_t wait = conflict ? random_below(&random, 3 * MINUTE) : random_below(&random, HOUR);
    world_put(w, w->now_ms + 1000 + wait, EVENT_SCREEN, s->index)->number = at;
    if (conflict) {
        SIM_MARK(w, conflict);
    }
}

/* What is written: a value that carries a number, or the flag. */
static bool screen_draft(struct world *w, struct site *s, struct screen *screen, struct body_value *value,
                         struct draft *draft, size_t *out_edit)
{
    static const uint32_t confidential = REG_CONFIDENTIAL;
    struct random random = random_from(screen->pick, 3);
    char bytes[TEXT_SIZE];
    *out_edit = 0;
    value->number = field_number(screen->field);
    if (screen->field == FIELD_FLAG && draft->role == ROLE_ADMIN && random_hits(&random, 500)) {
        draft->kind = KIND_LOOSEN;
        draft->registers = &confidential;
        draft->register_count = 1;
        return true;
    }
    draft->values = value;
    draft->value_count = 1;
    if (screen->field == FIELD_FLAG) {
        must(w, value_write(&(struct value){.type = VALUE_FLAG, .flag = true}, &w->arena, &value->bytes), "flag");
        return true;
    }
    *out_edit = oracle_edit(w, s, &screen->seen, screen->field);
    int size = snprintf(bytes, sizeof bytes, "v%zu%s", *out_edit, random_hits(&random, 500) ? "" : "-pusat-jakarta");
    enum complaint_status status = (enum complaint_status)(1 + random_below(&random, COMPLAINT_STATUS_COUNT - 1));
    value->bytes = text_bytes(w, value->number, bytes, (size_t)size, status);
    return *out_edit > 0;
}

static void screen_wrote(struct world *w, struct site *s, struct screen *screen, const struct draft *draft,
                         struct status status, size_t edit)
{
    TRACE(w, s, "screen: record %zu register %u v%zu%s: %s", screen->record, field_number(screen->field), edit,
          draft->kind == KIND_LOOSEN ? " (loosened)" : "", status_name(status));
    switch (status.code) {
    case STATUS_OK:
    case STATUS_UNKNOWN:
        oracle_wrote(w, s, draft, draft->record, status_is_ok(status) && !s->copy_of && !s->hostile);
        if (s->copy_of) {
            SIM_MARK(w, clone_wrote);
        }
        s->dialogue.push_wanted = true;
        peer_wake(w, s, 5);
        return;
    case STATUS_STALE:
        SIM_MARK(w, token_stale);
        return;
    case STATUS_DENIED:
        SIM_MARK(w, write_denied);
        return;
    case STATUS_BUSY:
        SIM_MARK(w, write_busy);
        return;
    case STATUS_IO:
        return;
    default:
        violation(w, "%.16s: a screen's write ends with %s", s->id.text, status_name(status));
    }
}

void screen_save(struct world *w, struct site *s, size_t index)
{
    struct screen *screen = &s->screens[index];
    struct body_value value = {.number = 0};
    struct fault fault = {0};
    struct written written;
    size_t edit;
    if (!screen->open) {
        return;
    }
    screen->open = false;
    struct draft draft = {.record = w->oracle->cases[screen->record].id,
                          .kind = KIND_EDIT,
                          .role = s->is_hub ? ROLE_NATIONAL : ROLE_ADMIN,
                          .actor = span_text("admin"),
                          .ctx = screen->ctx,
                          .ctx_count = screen->ctx_count};
    if (!screen_draft(w, s, screen, &value, &draft, &edit) || !site_begin(w, s)) {
        return;
    }
    struct seen *knows = arena_array(&w->arena, FIELD_REFS, sizeof *knows);
    knows[screen->field] = screen->seen;
    struct status status = core_write(s->core, &draft, &written, &fault);
    if (status_is_ok(status)) {
        /* Asked afterwards, of what was there before: a screen that is refused covers nothing. */
        site_roll_back(s);
        if (!site_begin(w, s)) {
            return;
        }
        oracle_covers(w, s, &draft, knows);
        status = core_write(s->core, &draft, &written, &fault);
    }
    screen_wrote(w, s, screen, &draft, site_end(w, s, status), edit);
}

/* ---- the hub ---- */

void hub_new(struct world *w, uint32_t for_site, uint64_t pick)
{
    struct site *hub = &w->sites[0];
    struct body_value values[2];
    struct written written = {.leaf_count = 0};
    const struct seen none = {{0}};
    char bytes[TEXT_SIZE];
    uint8_t nonce[16] = {0};
    memcpy(nonce, &pick, sizeof pick);
    if (!site_begin(w, hub)) {
        return;
    }
    const uint32_t numbers[] = {REG_STATUS, REG_TITLE};
    for (size_t i = 0; i < 2; i++) {
        size_t edit = oracle_edit(w, hub, &none, i == 0 ? FIELD_STATUS : FIELD_TITLE);
        int size = snprintf(bytes, sizeof bytes, "v%zu-pusat", edit);
        values[i] = (struct body_value){.number = numbers[i],
                                        .bytes = text_bytes(w, numbers[i], bytes, (size_t)size, COMPLAINT_BELUM_VERIFIKASI)};
    }
    struct draft draft = {.kind = KIND_CREATE,
                          .role = ROLE_NATIONAL,
                          .actor = span_text("national"),
                          .values = values,
                          .value_count = 2,
                          .nonce = span_of(nonce, sizeof nonce)};
    draft.target.scope = scope_of_node(w->sites[for_site].id);
    struct status status = site_end(w, hub, core_write(hub->core, &draft, &written, NULL));
    TRACE(w, hub, "a complaint for %.16s: %s", w->sites[for_site].id.text, status_name(status));
    if (status_is_ok(status) || status.code == STATUS_UNKNOWN) {
        (void)oracle_case(w, written.record, for_site);
        oracle_wrote(w, hub, &draft, written.record, status_is_ok(status));
    }
}

static struct status token_of(struct world *w, struct site *s, struct record_id id, struct ctx_entry **out_ctx,
                              size_t *out_count)
{
    const struct record *record = NULL;
    TRY(core_record(s->core, id, &record));
    return record_token(record, &w->arena, out_ctx, out_count);
}

void hub_route(struct world *w, uint64_t pick)
{
    struct site *hub = &w->sites[0];
    struct random random = {.state = pick};
    struct ctx_entry *ctx = NULL;
    struct written written;
    size_t count = 0;
    if (w->oracle->case_count == 0 || w->plan->settings[SETTING_nodes] < 2 || !site_begin(w, hub)) {
        return;
    }
    size_t at = (size_t)random_below(&random, w->oracle->case_count);
    uint32_t to = 1 + (uint32_t)random_below(&random, w->plan->settings[SETTING_nodes]);
    struct complaint *c = &w->oracle->cases[at];
    struct status status = token_of(w, hub, c->id, &ctx, &count);
    if (status_is_ok(status)) {
        status = core_route(hub->core, c->id, scope_of_node(w->sites[to].id), span_text("national"), ctx, count, &written);
    }
    status = site_end(w, hub, status);
    if (!status_is_ok(status) && status.code != STATUS_UNKNOWN) {
        return;
    }
    TRACE(w, hub, "record %zu goes to %.16s: %s", at, w->sites[to].id.text, status_name(status));
    SIM_MARK(w, route);
    c->unsure = c->unsure || !status_is_ok(status);
    for (size_t i = 0; i < c->owner_count; i++) {
        if (c->owners[i].site == to) {
            SIM_MARK(w, route_back);
        }
    }
    oracle_owner(w, at, to);
    (void)world_put(w, w->now_ms + 100, EVENT_OWED, 0);
}

void hub_erase(struct world *w, uint64_t pick)
{
    struct site *hub = &w->sites[0];
    struct random random = {.state = pick};
    struct ctx_entry *ctx = NULL;
    struct written written;
    size_t count = 0;
    if (w->oracle->case_count == 0 || !site_begin(w, hub)) {
        return;
    }
    struct complaint *c = &w->oracle->cases[random_below(&random, w->oracle->case_count)];
    struct status status = token_of(w, hub, c->id, &ctx, &count);
    if (status_is_ok(status)) {
        struct draft draft = {.record = c->id,
                              .kind = KIND_ERASE,
                              .role = ROLE_NATIONAL,
                              .actor = span_text("national"),
                              .ctx = ctx,
                              .ctx_count = count,
                              .class = CLASS_RESTRICTED};
        status = core_write(hub->core, &draft, &written, NULL);
    }
    status = site_end(w, hub, status);
    if (status_is_ok(status) || status.code == STATUS_UNKNOWN) {
        SIM_MARK(w, erase);
        c->erased = true;
        c->erased_ms = w->now_ms;
        TRACE(w, hub, "erases record %zu: %s", (size_t)(c - w->oracle->cases), status_name(status));
        (void)world_put(w, w->now_ms + 100, EVENT_OWED, 0);
    }
}
