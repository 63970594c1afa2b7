/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/connector.h"

#define DUE_MAX 64

void connector_wake(struct world *w, struct site *s, uint64_t after_ms)
{
    if (s->legacy && !s->connector_woken) {
        s->connector_woken = true;
        (void)world_put(w, w->now_ms + after_ms, EVENT_CONNECTOR, s->index);
    }
}

static bool run_row(struct world *w, struct site *s, uint32_t key)
{
    struct row *row = legacy_row(s->legacy, key);
    if (row) {
        row->in_outbox = false;
    }
    enum row_end end = connector_row(w, s, key);
    row = legacy_row(s->legacy, key);
    if (row && end != ROW_DONE) {
        row->in_outbox = true;
    }
    return end != ROW_DOWN && s->core;
}

static bool run_rows(struct world *w, struct site *s, bool all)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &s->legacy->rows[i];
        if (row->there && (all || row->in_outbox) && !run_row(w, s, row->key)) {
            return false;
        }
    }
    for (size_t i = 0; i < SHADOWS && all; i++) {
        struct shadow_row *shadow = &s->legacy->shadows[i];
        bool finished = shadow->state == SHADOW_WITHDRAWN || shadow->state == SHADOW_UNTIED;
        if (shadow->there && (!finished || w->healed) && !legacy_row(s->legacy, shadow->key) && connector_row(w, s, shadow->key) == ROW_DOWN) {
            return false;
        }
    }
    return true;
}

/* What is due of one record: its rows, or a row to be made. Keep: look again later. */
static enum row_end run_record(struct world *w, struct site *s, struct record_id id)
{
    bool held = false;
    bool any = false;
    for (size_t i = 0; i < SHADOWS; i++) {
        const struct shadow_row *shadow = &s->legacy->shadows[i];
        if (shadow->there && record_id_equal(shadow->record, id)) {
            any |= shadow->state != SHADOW_UNTIED || legacy_row(s->legacy, shadow->key);
            enum row_end end = connector_row(w, s, shadow->key);
            if (end == ROW_DOWN) {
                return end;
            }
            held |= end == ROW_HELD;
        }
    }
    if (!any) {
        return connector_insert(w, s, id);
    }
    return held ? ROW_HELD : ROW_DONE;
}

static bool run_due(struct world *w, struct site *s)
{
    struct due *due = NULL;
    size_t count = 0;
    if (!site_begin(w, s)) {
        return false;
    }
    struct status status = core_due(s->core, CONNECTOR_LANE, DUE_MAX, &w->arena, &due, &count);
    if (!status_is_ok(status)) {
        status = site_end(w, s, status);
        return false;
    }
    site_roll_back(s);
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        enum row_end end = run_record(w, s, due[i].record);
        if (end == ROW_DOWN || !s->core) {
            return false;
        }
        if (end == ROW_DONE) {
            due[done++] = due[i];
        }
    }
    if (done == 0 || !site_begin(w, s)) {
        return s->core != NULL;
    }
    status = status_ok();
    for (size_t i = 0; i < done && status_is_ok(status); i++) {
        status = core_due_done(s->core, CONNECTOR_LANE, due[i]);
    }
    return status_is_ok(site_end(w, s, status)) && s->core;
}

void connector_run(struct world *w, struct site *s, bool all)
{
    if (!s->core || !s->legacy) {
        return;
    }
    if (w->now_ms < s->legacy->down_until) {
        SIM_MARK(w, legacy_down);
        (void)world_put(w, s->legacy->down_until + 1000, EVENT_CONNECTOR, s->index);
        return;
    }
    if (!pending_settle(w, s)) {
        connector_wake(w, s, MINUTE);
        return;
    }
    if (s->legacy->known_generation != s->legacy->generation + 1) {
        SIM_MARK(w, generation_seen);
        s->legacy->known_generation = s->legacy->generation + 1;
        all = true;
    }
    if (!run_rows(w, s, all) || !run_due(w, s)) {
        connector_wake(w, s, MINUTE);
    }
}
