/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

/* Copies of a node: one that somebody started beside it (a cloned machine), and at the end one with an empty store, to which
 * everything comes in another order. Both are sites of their own with the same name and the same keys. */

static struct site *copy_place(struct world *w)
{
    for (uint32_t i = 1; i < w->site_count; i++) {
        if (w->sites[i].copy_of && w->sites[i].gone) {
            return &w->sites[i];
        }
    }
    return w->site_count < PLAN_SITES ? &w->sites[w->site_count] : NULL;
}

static struct site *copy_new(struct world *w, struct site *of)
{
    struct site *s = copy_place(w);
    char name[17] = {0};
    if (!s) {
        return NULL;
    }
    uint32_t index = (uint32_t)(s - w->sites);
    memcpy(name, of->id.text, sizeof of->id.text);
    site_init(w, index, name);
    w->site_count = index + 1 > w->site_count ? index + 1 : w->site_count;
    stub_release(&s->stub);
    s->keys = of->keys;
    stub_init(&s->stub, w->plan->seed, s->keys, w->plan->settings[SETTING_real] > 0);
    s->stub.random = random_from(w->plan->seed, w->now_ms);
    s->copy_of = of;
    s->hostile = of->hostile;
    return s;
}

void copy_end(struct world *w, struct site *s)
{
    if (!s->gone) {
        TRACE(w, s, "the copy is switched off");
        peer_reset(w, s);
        site_release(w, s);
        s->gone = true;
    }
}

/* With the same installation number, as a copied machine has it. */
void copy_clone(struct world *w, struct site *of, uint64_t pick)
{
    struct random random = {.state = pick};
    struct site *s = of->core && !of->revoked && !failover_lasts(w) ? copy_new(w, of) : NULL;
    if (!s) {
        return;
    }
    s->store->ops->free(s->store);
    s->store = disk_copy(w, of->store);
    s->instance = of->instance;
    s->doubt = random_hits(&random, 300);
    SIM_MARK(w, clone_ran);
    TRACE(w, s, "a copy of it is started beside it%s", s->doubt ? ", which it can tell" : "");
    (void)world_put(w, w->now_ms + 1000, EVENT_START, s->index);
    uint64_t stays = 10 * MINUTE + random_below(&random, 2 * DAY);
    for (uint64_t i = random_below(&random, 4); i > 0; i--) {
        uint64_t at_ms = w->now_ms + MINUTE + random_below(&random, stays);
        uint64_t edit = random_next(&random);
        world_put(w, at_ms, EVENT_COPY_EDIT, s->index)->number = edit;
    }
    world_put(w, w->now_ms + stays, EVENT_COPY_END, s->index)->number = s->births;
}

/* 2: the same state from another order of delivery. */
void copy_compare(struct world *w, struct site *of)
{
    struct site *s = copy_new(w, of);
    if (!s) {
        return;
    }
    SIM_MARK(w, fresh_node);
    site_crash(w, of, 100 * DAY); /* the machine is gone, store and all; the keys are not */
    s->instance = (uint8_t)(of->instance + 100);
    s->is_province = of->is_province;
    s->dialogue.stopped = true; /* a person says takeover */
    TRACE(w, s, "begins again with an empty store");
    site_start(w, s);
    world_run_until(w, w->now_ms + 6 * HOUR);
    check_copy(w, s);
}
