/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

#include "tests/sim/connector.h"

#define HEAL_ROUNDS 40
#define IDLE_MS (3 * DAY)
#define UPKEEP_MS (6 * HOUR)
#define EVENTS_MAX 2000000U

_Noreturn void violation(struct world *w, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vsnprintf(w->why, sizeof w->why, format, list);
    va_end(list);
    longjmp(w->failed, 1);
}

_Noreturn void world_stop(struct world *w)
{
    longjmp(w->failed, 2);
}

void must(struct world *w, struct status status, const char *what)
{
    if (!status_is_ok(status)) {
        violation(w, "%s: %s", what, status_name(status));
    }
}

/* ---- the heap of events ---- */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

struct event *world_put(struct world *w, uint64_t at_ms, enum event_kind kind, uint32_t site)
{
    if (w->heap_count == w->heap_capacity) {
        size_t capacity = w->heap_capacity ? w->heap_capacity * 2 : 1024;
        struct event *heap = w->memory.alloc(w->memory.owner, capacity * sizeof *heap);
        if (w->heap_count > 0) {
            memcpy(heap, w->heap, w->heap_count * sizeof *heap);
        }
        w->memory.release(w->memory.owner, w->heap);
        w->heap = heap;
        w->heap_capacity = capacity;
    }
    struct event event = {.at_ms = at_ms, .order = ++w->order, .kind = kind, .site = site};
    size_t at = w->heap_count++;
    for (; at > 0 && is_before(&event, &w->heap[(at - 1) / 2]); at = (at - 1) / 2) {
        w->heap[at] = w->heap[(at - 1) / 2];
    }
    w->heap[at] = event;
    return &w->heap[at]; /* for its numbers; valid until the next put */
}

static struct event heap_take(struct world *w)
{
    struct event first = w->heap[0];
    struct event last = w->heap[--w->heap_count];
    size_t at = 0;
    for (size_t child = 1; child < w->heap_count; child = 2 * at + 1) {
        if (child + 1 < w->heap_count && is_before(&w->heap[child + 1], &w->heap[child])) {
            child++;
        }
        if (!is_before(&w->heap[child], &last)) {
            break;
        }
        w->heap[at] = w->heap[child];
        at = child;
    }
    if (w->heap_count > 0) {
        w->heap[at] = last;
    }
    return first;
}

/* ---- events ---- */

static void run_act(struct world *w, const struct act *act)
{
    struct site *s = &w->sites[act->site];
    w->counts->acts++;
    if (act->site >= w->site_count) {
        return;
    }
    switch (act->kind) {
    case ACT_clerk_new:
        clerk_new(w, s, act->pick);
        return;
    case ACT_clerk_edit:
        clerk_open(w, s, act->pick);
        return;
    case ACT_clerk_delete:
        clerk_delete(w, s, act->pick);
        return;
    case ACT_admin_edit:
        screen_open(w, s, act->pick, act->pick % 4 == 0);
        return;
    case ACT_hub_new:
        hub_new(w, act->site, act->pick);
        return;
    case ACT_hub_edit:
        screen_open(w, &w->sites[0], act->pick, false);
        return;
    case ACT_hub_settle:
        screen_open(w, &w->sites[0], act->pick, true);
        return;
    case ACT_hub_route:
        hub_route(w, act->pick);
        return;
    case ACT_hub_erase:
        hub_erase(w, act->pick);
        return;
    default:
        fault_begin(w, act);
    }
}

static void run_owed(struct world *w)
{
    bool more = false;
    struct site *hub = &w->sites[0];
    if (!site_begin(w, hub)) {
        return;
    }
    struct status status = site_end(w, hub, core_owed(hub->core, &more));
    if (more || !status_is_ok(status)) {
        (void)world_put(w, w->now_ms + (status_is_ok(status) ? 1 : MINUTE), EVENT_OWED, 0);
    }
}

static void run_upkeep(struct world *w, struct site *s)
{
    bool more = false;
    uint64_t next = UPKEEP_MS;
    if (site_begin(w, s)) {
        uint64_t unacked = core_unacked(s->core);
        struct status status = site_end(w, s, core_upkeep(s->core, &more));
        next = status_is_ok(status) && more ? 1000 : UPKEEP_MS;
        if (s->core && core_unacked(s->core) > unacked) {
            SIM_MARK(w, erase_done);
            s->dialogue.push_wanted = true;
            peer_wake(w, s, 5);
        }
    }
    (void)world_put(w, w->now_ms + next, EVENT_UPKEEP, s->index);
}

static void run_event(struct world *w, const struct event *event)
{
    struct site *s = &w->sites[event->site];
    switch (event->kind) {
    case EVENT_ACT:
        run_act(w, &w->plan->acts[event->number]);
        return;
    case EVENT_REQUEST:
        net_arrived(w, s, event->message);
        return;
    case EVENT_ANSWER:
        peer_answered(w, s, event->message);
        message_free(w, event->message);
        return;
    case EVENT_TIMEOUT:
        peer_timed_out(w, s, (enum exchange_kind)event->number, event->serial);
        return;
    case EVENT_PEER:
        peer_look(w, s);
        return;
    case EVENT_CONNECTOR:
        s->connector_woken = false;
        connector_run(w, s, false);
        return;
    case EVENT_COMPARE:
        connector_run(w, s, true);
        (void)world_put(w, w->now_ms + w->plan->settings[SETTING_compare] * HOUR, EVENT_COMPARE, event->site);
        return;
    case EVENT_SAVE:
        clerk_save(w, s, event->number);
        return;
    case EVENT_SCREEN:
        screen_save(w, s, event->number);
        return;
    case EVENT_START:
        site_start(w, s);
        return;
    case EVENT_OWED:
        run_owed(w);
        return;
    case EVENT_UPKEEP:
        run_upkeep(w, s);
        return;
    case EVENT_READMIT:
        registry_readmit(w, s);
        return;
    case EVENT_COPY_EDIT:
        screen_open(w, s, event->number, false);
        return;
    case EVENT_COPY_END:
        if (s->births == event->number) {
            copy_end(w, s);
        }
        return;
    }
}

void world_run_until(struct world *w, uint64_t until_ms)
{
    while (w->heap_count > 0 && w->heap[0].at_ms <= until_ms) {
        struct event event = heap_take(w);
        w->now_ms = event.at_ms;
        trace_mix(w, event.at_ms, (uint64_t)event.kind * 64 + event.site);
        run_event(w, &event);
        arena_clear(&w->arena);
        w->counts->events++;
        if (++w->event_count > EVENTS_MAX) {
            violation(w, "two million events: something never rests (kind %d at %.16s)", (int)event.kind,
                      w->sites[event.site].id.text);
        }
    }
    w->now_ms = until_ms;
}

/* ---- a world ---- */

static void join(struct world *w, uint32_t index)
{
    const uint64_t *set = w->plan->settings;
    char name[16];
    bool province = index > set[SETTING_nodes];
    (void)snprintf(name, sizeof name, province ? "64" : "64.%02u", index);
    site_init(w, index, name);
    struct site *s = &w->sites[index];
    s->is_province = province;
    s->hostile = set[SETTING_hostile] > 0 && index == set[SETTING_nodes] && index > 1;
    w->site_count = index + 1;
    if (!province) {
        struct random random = random_from(w->plan->seed, 500 + index);
        s->legacy = w->memory.alloc(w->memory.owner, sizeof *s->legacy);
        memset(s->legacy, 0, sizeof *s->legacy);
        s->legacy->row_max = set[SETTING_rows];
        s->legacy->whole_forms = set[SETTING_whole] > 0;
        s->legacy->cut_texts = set[SETTING_cut] > 0 && random_hits(&random, 700);
        s->legacy->trigger = set[SETTING_trigger] > 0 && random_hits(&random, 700);
        (void)world_put(w, w->now_ms + set[SETTING_compare] * HOUR + random_below(&random, HOUR), EVENT_COMPARE, index);
    }
    w->hostile = s->hostile ? s : w->hostile;
    site_enrol(w, s);
    (void)world_put(w, w->now_ms + 1000, EVENT_START, index);
    (void)world_put(w, w->now_ms + UPKEEP_MS + index * 1000, EVENT_UPKEEP, index);
}

static void world_begin(struct world *w)
{
    const uint64_t *set = w->plan->settings;
    w->now_ms = WORLD_BEGIN;
    site_init(w, 0, "hub");
    w->site_count = 1;
    site_start(w, &w->sites[0]);
    (void)world_put(w, w->now_ms + UPKEEP_MS, EVENT_UPKEEP, 0);
    for (uint32_t i = 1; i <= set[SETTING_nodes] + (set[SETTING_province] > 0); i++) {
        join(w, i);
    }
    for (size_t i = 0; i < w->plan->act_count; i++) {
        world_put(w, WORLD_BEGIN + w->plan->acts[i].at_ms, EVENT_ACT, 0)->number = i;
    }
}

static uint64_t made(const struct world *w)
{
    uint64_t leaves = 0;
    for (uint32_t i = 0; i < w->site_count; i++) {
        leaves += w->sites[i].own_size;
    }
    return leaves + w->leaf_count + w->legacy_writes + w->shadow_stores;
}

static void own_sizes(struct world *w)
{
    for (uint32_t i = 0; i < w->site_count; i++) {
        struct site *s = &w->sites[i];
        struct stream_info *infos = NULL;
        size_t count = 0;
        s->own_size = 0;
        if (!site_begin(w, s)) {
            continue;
        }
        must(w, core_streams(s->core, &w->arena, &infos, &count), "streams");
        for (size_t k = 0; k < count; k++) {
            s->own_size += infos[k].own ? infos[k].size : 0;
        }
        site_roll_back(s);
    }
    arena_clear(&w->arena);
}

/* 4, 14: within a bounded time everything has come to rest, and then idle days add no leaf, no write, no shadow. */
static void come_to_rest(struct world *w)
{
    fault_heal(w);
    uint64_t before = UINT64_MAX;
    bool rested = false;
    for (size_t i = 0; i < HEAL_ROUNDS && !rested; i++) {
        world_run_until(w, w->now_ms + (i < 4 ? HOUR : 8 * HOUR));
        for (uint32_t k = 1; k < w->site_count; k++) {
            connector_run(w, &w->sites[k], true);
            arena_clear(&w->arena);
        }
        own_sizes(w);
        rested = made(w) == before && check_is_settled(w) && i > 8;
        before = made(w);
    }
    if (!rested && check_is_settled(w)) {
        violation(w, "never quiet: an echo");
    }
}

static void stay_idle(struct world *w)
{
    w->idle = true;
    uint64_t before = made(w);
    world_run_until(w, w->now_ms + IDLE_MS);
    own_sizes(w);
    if (made(w) != before) {
        violation(w, "idle days wrote %llu things", (unsigned long long)(made(w) - before));
    }
}

static void world_end(struct world *w)
{
    for (uint32_t i = 0; i < w->site_count; i++) {
        struct site *s = &w->sites[i];
        if (s->dialogue.poll) {
            message_free(w, s->dialogue.poll);
            s->dialogue.poll = NULL;
        }
        if (s->legacy) {
            legacy_forget(w, s->legacy);
        }
        if (s->legacy_image) {
            legacy_forget(w, s->legacy_image);
        }
        w->memory.release(w->memory.owner, s->legacy);
        w->memory.release(w->memory.owner, s->legacy_image);
        site_release(w, s);
    }
    while (w->heap_count > 0) {
        struct event event = heap_take(w);
        if (event.message) {
            message_free(w, event.message);
        }
    }
    w->memory.release(w->memory.owner, w->heap);
    arena_release(&w->arena);
}

const char *world_run(struct world *w, struct plan *plan, struct counts *counts, struct pool *pool, bool verbose,
                      uint64_t *out_hash)
{
    struct oracle *oracle = w->oracle ? w->oracle : malloc(sizeof *oracle);
    uint64_t settings[SETTING_COUNT];
    memcpy(settings, plan->settings, sizeof settings);
    pool_reset(pool);
    *w = (struct world){.plan = plan, .counts = counts, .pool = pool, .oracle = oracle, .verbose = verbose};
    w->memory = pool_memory(pool);
    arena_init(&w->arena, w->memory, SIZE_MAX);
    oracle_reset(oracle);
    memset(&oracle->edits[0], 0, sizeof oracle->edits[0]);
    bool failed = false;
    switch (setjmp(w->failed)) {
    case 0:
        world_begin(w);
        world_run_until(w, WORLD_BEGIN + plan->settings[SETTING_days] * DAY + HOUR);
        come_to_rest(w);
        check_end(w);
        stay_idle(w);
        struct site *lost = &w->sites[1 + plan->seed / 4 % plan->settings[SETTING_nodes]];
        if (plan->seed % 4 == 1 && !lost->hostile) {
            copy_compare(w, lost);
        }
        break;
    case 1:
        failed = true;
        break;
    default: /* world_stop */
        break;
    }
    counts->simulated_ms += failed ? 0 : w->now_ms - WORLD_BEGIN;
    world_end(w);
    memcpy(plan->settings, settings, sizeof settings); /* the healing took the faults away */
    counts->seeds++;
    *out_hash = w->trace_hash;
    return failed ? w->why : NULL;
}
