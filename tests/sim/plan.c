/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/plan.h"

#include <inttypes.h>
#include <string.h>

#include "tests/sim/random.h"

#define MINUTE UINT64_C(60000)
#define DAY (UINT64_C(24) * 60 * MINUTE)

static const char *const act_names[ACT_COUNT] = {
#define X(name, text) #name,
    ACTS(X)
#undef X
};

static const char *const act_texts[ACT_COUNT] = {
#define X(name, text) text,
    ACTS(X)
#undef X
};

static const char *const setting_names[SETTING_COUNT] = {
#define X(name, text) #name,
    SETTINGS(X)
#undef X
};

const char *act_name(enum act_kind kind)
{
    return act_names[kind];
}

const char *act_text(enum act_kind kind)
{
    return act_texts[kind];
}

const char *setting_name(enum setting setting)
{
    return setting_names[setting];
}

bool act_is_fault(enum act_kind kind)
{
    return kind >= ACT_partition;
}

static void plan_add(struct plan *plan, struct random *random, enum act_kind kind, uint32_t site)
{
    uint64_t span = plan->settings[SETTING_days] * DAY;
    uint64_t at_ms = MINUTE + random_below(random, span); /* one draw a statement: compilers order the others as they like */
    uint64_t pick = random_next(random) >> 1;
    if (plan->act_count < PLAN_ACTS) {
        plan->acts[plan->act_count++] = (struct act){.at_ms = at_ms, .kind = kind, .site = site, .pick = pick};
    }
}

static uint32_t any_node(const struct plan *plan, struct random *random)
{
    return 1 + (uint32_t)random_below(random, plan->settings[SETTING_nodes]);
}

/* Faults that a seed has, and how many of each; they may hit the hub too where that means something. */
static void plan_faults(struct plan *plan, struct random *random, const uint64_t counts[ACT_COUNT])
{
    for (enum act_kind kind = ACT_partition; kind < ACT_COUNT; kind++) {
        bool hub_too = kind == ACT_crash || kind == ACT_unknown || kind == ACT_io || kind == ACT_disk_full || kind == ACT_clock;
        for (uint64_t i = 0; i < counts[kind]; i++) {
            bool hub = kind == ACT_hub_restore || (hub_too && random_hits(random, 250));
            uint32_t node = any_node(plan, random);
            plan_add(plan, random, kind, hub ? 0 : kind == ACT_hostile ? (uint32_t)plan->settings[SETTING_nodes] : node);
        }
    }
}

static void sift(struct plan *plan, size_t at, size_t count)
{
    struct act *acts = plan->acts;
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && acts[child + 1].at_ms > acts[child].at_ms) {
            child++;
        }
        if (acts[at].at_ms >= acts[child].at_ms) {
            return;
        }
        struct act swap = acts[at];
        acts[at] = acts[child];
        acts[child] = swap;
        at = child;
    }
}

/* By time; times are drawn from milliseconds of weeks, so that equal ones hardly ever matter. */
static void plan_sort(struct plan *plan)
{
    for (size_t i = plan->act_count / 2; i > 0; i--) {
        sift(plan, i - 1, plan->act_count);
    }
    for (size_t n = plan->act_count; n > 1; n--) {
        struct act swap = plan->acts[0];
        plan->acts[0] = plan->acts[n - 1];
        plan->acts[n - 1] = swap;
        sift(plan, 0, n - 1);
    }
}

static void plan_people(struct plan *plan, struct random *random, uint64_t clerk_acts, uint64_t hub_acts, bool erases)
{
    for (uint64_t i = 0; i < clerk_acts; i++) {
        uint64_t n = random_below(random, 100);
        enum act_kind kind = n < 14   ? ACT_clerk_new
                             : n < 84 ? ACT_clerk_edit
                             : n < 90 ? ACT_clerk_delete
                                      : ACT_admin_edit;
        plan_add(plan, random, kind, any_node(plan, random));
    }
    for (uint64_t i = 0; i < hub_acts; i++) {
        uint64_t n = random_below(random, 100);
        enum act_kind kind = n < 12                ? ACT_hub_new
                             : n < 68              ? ACT_hub_edit
                             : n < 80              ? ACT_hub_route
                             : n < 96 || !erases ? ACT_hub_settle
                                                   : ACT_hub_erase;
        plan_add(plan, random, kind, kind == ACT_hub_new ? any_node(plan, random) : 0);
    }
}

static void plan_standard(struct plan *plan, struct random *random)
{
    uint64_t *set = plan->settings;
    uint64_t counts[ACT_COUNT] = {[ACT_partition] = 6, [ACT_crash] = 10, [ACT_clock] = 4};
    set[SETTING_nodes] = 3;
    set[SETTING_days] = 60;
    set[SETTING_rows] = 6;
    set[SETTING_whole] = 1;
    set[SETTING_compare] = 24;
    set[SETTING_delay] = 2000;
    set[SETTING_lose] = 30;
    set[SETTING_twice] = 20;
    plan_people(plan, random, 300, 60, false);
    plan_faults(plan, random, counts);
}

/* One of four seeds has a fault of a kind that can be left out, at an intensity of its own. */
static uint64_t sometimes(struct random *random, uint64_t most)
{
    return random_hits(random, 400) ? 1 + random_below(random, most) : 0;
}

static void plan_network(struct plan *plan, struct random *random)
{
    static const uint64_t delays[] = {5, 200, 2000, 30000, 240000};
    uint64_t *set = plan->settings;
    set[SETTING_delay] = delays[random_below(random, 5)];
    set[SETTING_drop] = sometimes(random, 200);
    set[SETTING_lose] = sometimes(random, 200);
    set[SETTING_twice] = sometimes(random, 200);
    set[SETTING_replay] = sometimes(random, 60);
    set[SETTING_cut_body] = sometimes(random, 60);
}

/* From a generator of its own, so that the other worlds stay what they are. */
static bool plan_hub_restores(struct plan *plan)
{
    struct random random = random_from(plan->seed, 2);
    if (plan->settings[SETTING_hostile] > 0 || !random_hits(&random, 200)) {
        return false;
    }
    for (uint64_t i = 1 + random_below(&random, 3); i > 0; i--) {
        plan_add(plan, &random, ACT_backup, 0);
        plan_add(plan, &random, ACT_hub_restore, 0);
    }
    return true;
}

/* Not where the hub forgets: its people would have to say it again. */
static void plan_registry(struct plan *plan)
{
    struct random random = random_from(plan->seed, 3);
    if (!random_hits(&random, 300)) {
        return;
    }
    enum act_kind kind = random_hits(&random, 500) ? ACT_renew_key : ACT_revoke;
    for (uint64_t i = random_below(&random, 3); i > 0; i--) {
        plan_add(plan, &random, kind, any_node(plan, &random));
    }
}

static void plan_swarm(struct plan *plan, struct random *random)
{
    uint64_t *set = plan->settings;
    uint64_t counts[ACT_COUNT] = {0};
    bool many = random_hits(random, 8);
    set[SETTING_nodes] = many ? 40 : 1 + random_below(random, random_hits(random, 150) ? 7 : 3);
    set[SETTING_province] = random_hits(random, 300);
    set[SETTING_days] = random_hits(random, 700) ? 1 + random_below(random, 20) : 20 + random_below(random, 70);
    set[SETTING_real] = plan->seed % 8 == 0 && !many;
    set[SETTING_rows] = 1 + random_below(random, 6);
    set[SETTING_whole] = random_hits(random, 600);
    set[SETTING_cut] = random_hits(random, 300);
    set[SETTING_trigger] = random_hits(random, 250);
    set[SETTING_missed] = sometimes(random, 200);
    set[SETTING_compare] = 6 + random_below(random, 7) * 7;
    set[SETTING_locked] = sometimes(random, 300);
    set[SETTING_interrupted] = sometimes(random, 150);
    set[SETTING_drift] = sometimes(random, 40);
    plan_network(plan, random);
    for (enum act_kind kind = ACT_partition; kind <= ACT_revoke; kind++) {
        counts[kind] = sometimes(random, kind == ACT_restore || kind == ACT_clone || kind == ACT_legacy_restore ? 3 : 8);
    }
    counts[ACT_backup] += counts[ACT_restore] > 0 ? counts[ACT_restore] : 0;
    counts[ACT_legacy_backup] += counts[ACT_legacy_restore];
    counts[ACT_hub_restore] = 0;
    set[SETTING_hostile] = counts[ACT_hostile] > 0 && set[SETTING_nodes] > 1;
    counts[ACT_hostile] *= 3;
    counts[ACT_revoke] = 0;
    uint64_t clerk_acts = 20 + random_below(random, many ? 300 : 180);
    uint64_t hub_acts = random_below(random, 80);
    bool erases = random_hits(random, 400);
    plan_people(plan, random, clerk_acts, hub_acts, erases);
    plan_faults(plan, random, counts);
    if (!plan_hub_restores(plan)) {
        plan_registry(plan);
    }
}

void plan_make(struct plan *plan, uint64_t seed, enum plan_size size)
{
    struct random random = random_from(seed, 1);
    memset(plan->settings, 0, sizeof plan->settings);
    plan->seed = seed;
    plan->act_count = 0;
    if (size == PLAN_STANDARD) {
        plan_standard(plan, &random);
    } else {
        plan_swarm(plan, &random);
    }
    plan->settings[SETTING_sqlite] = size == PLAN_SWARM && seed % 40 == 13 && plan->settings[SETTING_nodes] < 10;
    plan_sort(plan);
}

/* ---- files ---- */

static bool name_find(const char *const *names, size_t count, const char *name, size_t *out_index)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            *out_index = i;
            return true;
        }
    }
    return false;
}

static bool plan_line(struct plan *plan, const char *line)
{
    char name[32];
    size_t index = 0;
    struct act act = {.at_ms = 0};
    uint64_t value = 0;
    if (line[0] == '#' || line[0] == '\n' || line[0] == 0) {
        return true;
    }
    if (sscanf(line, "seed %" SCNu64, &value) == 1) {
        plan->seed = value;
        return true;
    }
    if (sscanf(line, "set %31s %" SCNu64, name, &value) == 2) {
        bool known = name_find(setting_names, SETTING_COUNT, name, &index);
        plan->settings[known ? index : 0] = value;
        return known;
    }
    if (sscanf(line, "act %" SCNu64 " %31s %" SCNu32 " %" SCNu64, &act.at_ms, name, &act.site, &act.pick) == 4) {
        if (!name_find(act_names, ACT_COUNT, name, &index) || plan->act_count == PLAN_ACTS || act.site >= PLAN_SITES) {
            return false;
        }
        act.kind = (enum act_kind)index;
        plan->acts[plan->act_count++] = act;
        return true;
    }
    return false;
}

bool plan_read(FILE *file, struct plan *out_plan, char *problem, size_t problem_size)
{
    char line[256];
    size_t number = 0;
    memset(out_plan->settings, 0, sizeof out_plan->settings);
    out_plan->seed = 0;
    out_plan->act_count = 0;
    while (fgets(line, sizeof line, file)) {
        number++;
        if (!plan_line(out_plan, line)) {
            (void)snprintf(problem, problem_size, "line %zu says neither seed, set nor act as tests/sim/plan.h knows them", number);
            return false;
        }
    }
    uint64_t nodes = out_plan->settings[SETTING_nodes];
    if (nodes == 0 || nodes + 2 > PLAN_SITES || out_plan->settings[SETTING_days] == 0) {
        (void)snprintf(problem, problem_size, "a story needs `set nodes` (1 to %d) and `set days`", PLAN_SITES - 2);
        return false;
    }
    return true;
}

void plan_write(const struct plan *plan, FILE *file)
{
    (void)fprintf(file, "seed %" PRIu64 "\n", plan->seed);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (plan->settings[i] > 0) {
            (void)fprintf(file, "set %s %" PRIu64 "\n", setting_names[i], plan->settings[i]);
        }
    }
    for (size_t i = 0; i < plan->act_count; i++) {
        const struct act *act = &plan->acts[i];
        (void)fprintf(file, "act %" PRIu64 " %s %" PRIu32 " %" PRIu64 "\n", act->at_ms, act_names[act->kind], act->site,
                      act->pick);
    }
}
