/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/connector.h"

/* What goes wrong in a world, one act at a time; rates of the network are in net.c. */

static void poll_broken(struct world *w, struct site *s)
{
    struct dialogue *d = &s->dialogue;
    if (d->poll) {
        message_free(w, d->poll);
        d->poll = NULL;
    }
    if (d->exchanges[EXCHANGE_PULL].busy) {
        struct event *event = world_put(w, w->now_ms + 75000, EVENT_TIMEOUT, s->index);
        event->number = EXCHANGE_PULL;
        event->serial = d->exchanges[EXCHANGE_PULL].serial;
    }
}

/* From a minute to eight weeks, mostly short. */
static uint64_t duration(struct random *random)
{
    static const uint64_t most[] = {5 * MINUTE, HOUR, 8 * HOUR, 3 * DAY, 14 * DAY, 56 * DAY};
    return MINUTE + random_below(random, most[random_below(random, random_hits(random, 150) ? 6 : 4)]);
}

static void partition(struct world *w, struct site *s, struct random *random)
{
    s->cut = true;
    s->cut_until = w->now_ms + duration(random);
    TRACE(w, s, "link cut for %llu minutes", (unsigned long long)((s->cut_until - w->now_ms) / MINUTE));
    poll_broken(w, s);
}

static void clock_wrong(struct world *w, struct site *s, struct random *random)
{
    static const int64_t offsets[] = {0, 0, -40, 30, 290, 400, -3600, 7200, 86400, -86400 * 30, 86400 * 365, 2147483647};
    int64_t offset = offsets[random_below(random, 12)];
    s->clock_off_ms = offset * 1000 + (int64_t)random_below(random, 1000);
    s->clock_set_ms = w->now_ms;
    s->drift_ppm = (int64_t)random_below(random, 2 * w->plan->settings[SETTING_drift] + 1) * 12 -
                   (int64_t)w->plan->settings[SETTING_drift] * 12;
    s->drift_from = w->now_ms;
    TRACE(w, s, "clock %lld s off", (long long)(s->clock_off_ms / 1000));
    if (s->clock_off_ms > 86400000 || s->clock_off_ms < -86400000) {
        SIM_MARK(w, clock_years);
    }
}

/* ---- copies ---- */

static void backup(struct world *w, struct site *s)
{
    if (s->backup) {
        s->backup->ops->free(s->backup);
        s->backup = NULL;
    }
    s->backup = disk_copy(w, s->store);
    s->backup_edits = w->oracle->edit_count;
    s->backup_ms = w->now_ms;
    TRACE(w, s, "its store is copied");
}

static void restore(struct world *w, struct site *s, struct random *random)
{
    if (!s->backup || failover_lasts(w)) {
        return;
    }
    site_crash(w, s, 2 * MINUTE);
    s->store->ops->free(s->store);
    s->store = disk_copy(w, s->backup);
    s->doubt = random_hits(random, 500);
    s->restores++;
    s->cursor_count = 0;
    oracle_restored(w, s, s->backup_edits);
    SIM_MARK(w, store_restored);
    if (s->doubt) {
        SIM_MARK(w, store_restored_in_doubt);
    }
    TRACE(w, s, "an old copy of its store comes back%s", s->doubt ? ", which it can tell" : "");
}

static void legacy_backup(struct world *w, struct site *s)
{
    if (!s->legacy_image) {
        s->legacy_image = w->memory.alloc(w->memory.owner, sizeof *s->legacy_image);
        memset(s->legacy_image, 0, sizeof *s->legacy_image);
    }
    legacy_copy(w, s->legacy_image, s->legacy);
    TRACE(w, s, "its legacy database is copied");
}

static void legacy_restore(struct world *w, struct site *s)
{
    if (!s->legacy_image) {
        return;
    }
    uint64_t generation = s->legacy->generation;
    uint64_t known = s->legacy->known_generation;
    uint32_t born = s->legacy->born; /* keys come again, an identity (with the time of receipt in it) does not */
    legacy_copy(w, s->legacy, s->legacy_image);
    s->legacy->born = born;
    s->legacy->generation = generation + 1;
    s->legacy->known_generation = known;
    s->restores++;
    memset(s->legacy->forms, 0, sizeof s->legacy->forms);
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &s->legacy->rows[i];
        memset(row->fresh, 0, sizeof row->fresh); /* captured before, or the end finds it */
        memcpy(row->base, row->columns, sizeof row->base);
    }
    SIM_MARK(w, legacy_restored);
    TRACE(w, s, "an old copy of its legacy database comes back");
    connector_wake(w, s, MINUTE);
}

/* ---- */

static void crash(struct world *w, struct site *s, struct random *random)
{
    s->crash_in_recovery = random_hits(random, 300);
    if (random_hits(random, 250)) {
        site_crash(w, s, random_below(random, 10 * MINUTE));
        return;
    }
    uint64_t calls = 1 + random_below(random, 200);
    disk_cut_power(w, s, calls);
    TRACE(w, s, "power will fail at call %llu of the store", (unsigned long long)calls);
}

static void commit_unknown(struct world *w, struct site *s, struct random *random)
{
    bool applied = random_hits(random, 500);
    disk_unknown(w, s, applied);
    if (applied) {
        SIM_MARK(w, commit_unknown_done);
    } else {
        SIM_MARK(w, commit_unknown_undone);
    }
    TRACE(w, s, "the next commit's outcome will not be known");
}

void fault_begin(struct world *w, const struct act *act)
{
    struct site *s = &w->sites[act->site];
    struct random random = {.state = act->pick};
    w->counts->faults[act->kind]++;
    switch (act->kind) {
    case ACT_partition:
        partition(w, s, &random);
        return;
    case ACT_one_way:
        s->one_way = true;
        s->one_way_until = w->now_ms + duration(&random) / 4;
        TRACE(w, s, "answers do not come through");
        return;
    case ACT_crash:
        crash(w, s, &random);
        return;
    case ACT_unknown:
        commit_unknown(w, s, &random);
        return;
    case ACT_io:
        disk_fail(w, s, 1 + random_below(&random, 60));
        TRACE(w, s, "a call of the store will fail");
        return;
    case ACT_disk_full:
        s->full_until = w->now_ms + MINUTE + random_below(&random, 3 * HOUR);
        TRACE(w, s, "disk full");
        return;
    case ACT_backup:
        backup(w, s);
        return;
    case ACT_restore:
        restore(w, s, &random);
        return;
    case ACT_clock:
        clock_wrong(w, s, &random);
        return;
    case ACT_clone:
        copy_clone(w, s, act->pick);
        return;
    case ACT_renew_key:
        registry_renew_key(w, s);
        return;
    case ACT_revoke:
        registry_revoke(w, s, act->pick);
        return;
    case ACT_hub_restore:
        failover_begin(w);
        return;
    case ACT_hostile:
        s->hostile_left += s->hostile ? 1 + (uint32_t)random_below(&random, 6) : 0;
        return;
    default:
        break;
    }
    if (!s->legacy) {
        return;
    }
    switch (act->kind) {
    case ACT_legacy_backup:
        legacy_backup(w, s);
        return;
    case ACT_legacy_restore:
        legacy_restore(w, s);
        return;
    case ACT_restore_both:
        restore(w, s, &random);
        legacy_restore(w, s);
        return;
    case ACT_legacy_down:
        s->legacy->down_until = w->now_ms + MINUTE + random_below(&random, DAY);
        TRACE(w, s, "legacy database down");
        return;
    default:
        return;
    }
}

/* The hub's people stop the liar: nothing that it ever wrote counts any more. */
static struct status cut_hostile(struct world *w, struct core *hub)
{
    struct registry_entry node = {.kind = KIND_REG_NODE,
                                  .node = w->hostile->id,
                                  .name = span_text("Kabupaten"),
                                  .institution = INSTITUTION_REGENCY,
                                  .active = false};
    struct stream_info *infos = NULL;
    size_t count = 0;
    TRY(core_streams(hub, &w->arena, &infos, &count));
    for (size_t i = 0; i < count; i++) {
        struct registry_entry cut = {.kind = KIND_REG_CUT,
                                     .node = w->hostile->id,
                                     .epoch = infos[i].id.epoch,
                                     .scope = infos[i].id.scope,
                                     .size = 0};
        if (node_id_equal(infos[i].id.node, w->hostile->id)) {
            TRY(core_registry_add(hub, &cut));
        }
    }
    return core_registry_add(hub, &node);
}

void fault_heal(struct world *w)
{
    struct site *hub = &w->sites[0];
    w->healed = true;
    if (w->hostile) {
        hub->full_until = 0;
        disk_fail(w, hub, 0);
        hub->crash_calls = 0;
        struct status status;
        int tries = 0;
        do { /* an outcome that was armed to stay unknown ends the hub once; then the ministry says it again */
            site_start(w, hub);
            if (!site_begin(w, hub)) {
                violation(w, "the hub cannot cut a liar off");
            }
            status = site_end(w, hub, cut_hostile(w, hub->core));
        } while (status.code == STATUS_UNKNOWN && ++tries < 2);
        must(w, status, "cut");
    }
    for (uint32_t i = 1; i < w->site_count; i++) {
        registry_readmit(w, &w->sites[i]);
    }
    for (size_t i = 0; i < 6; i++) { /* rates of the network */
        w->plan->settings[SETTING_drop + i] = 0;
    }
    for (uint32_t i = 0; i < w->site_count; i++) {
        struct site *s = &w->sites[i];
        if (s->copy_of) {
            copy_end(w, s);
            continue;
        }
        s->cut = s->one_way = false;
        s->clock_off_ms = 0;
        s->clock_set_ms = w->now_ms;
        s->drift_ppm = 0;
        s->full_until = 0;
        s->crash_in_recovery = false;
        if (s->legacy) {
            s->legacy->down_until = 0;
        }
        site_crash(w, s, 1000); /* all are started anew: what hangs on memory alone does not count */
    }
}
