/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "tests/sim/run.h"

/* Leaves out acts and settings as long as the same promise is broken: first halves, then quarters, down to single acts. */

static void without_numbers(const char *why, char out[RUN_WHY])
{
    size_t n = 0;
    for (const char *c = why; *c && n + 1 < RUN_WHY; c++) {
        if (*c < '0' || *c > '9') {
            out[n++] = *c;
        }
    }
    out[n] = 0;
}

/* True: this plan breaks the same promise. */
static bool breaks(struct plan *plan, const char *same)
{
    char why[RUN_WHY];
    char plain[RUN_WHY];
    if (run_apart(plan, why)) {
        return false;
    }
    without_numbers(why, plain);
    return strcmp(plain, same) == 0;
}

static void plan_leave_out(struct plan *to, const struct plan *from, size_t at, size_t count)
{
    *to = *from;
    memmove(&to->acts[at], &from->acts[at + count], (from->act_count - at - count) * sizeof from->acts[0]);
    to->act_count -= count;
}

static bool shrink_acts(struct plan *plan, const char *same)
{
    static struct plan tried;
    bool any = false;
    size_t chunk = plan->act_count / 2;
    while (chunk > 0) {
        for (size_t at = 0; at < plan->act_count;) {
            size_t count = plan->act_count - at < chunk ? plan->act_count - at : chunk;
            plan_leave_out(&tried, plan, at, count);
            if (breaks(&tried, same)) {
                *plan = tried;
                any = true;
            } else {
                at += count;
            }
        }
        (void)fprintf(stderr, "%zu acts are left\n", plan->act_count);
        chunk /= 2;
    }
    return any;
}

static bool shrink_settings(struct plan *plan, const char *same)
{
    static struct plan tried;
    bool any = false;
    uint64_t last = plan->act_count > 0 ? plan->acts[plan->act_count - 1].at_ms / DAY + 1 : 1;
    uint32_t site = 1;
    for (size_t i = 0; i < plan->act_count; i++) {
        site = plan->acts[i].site > site ? plan->acts[i].site : site;
    }
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        uint64_t least = i == SETTING_nodes ? site : i == SETTING_days ? last : i == SETTING_rows || i == SETTING_compare ? 24 : 0;
        if (plan->settings[i] == least) {
            continue;
        }
        tried = *plan;
        tried.settings[i] = least;
        if (breaks(&tried, same)) {
            *plan = tried;
            any = true;
        }
    }
    return any;
}

bool shrink(struct plan *plan, const char *folder)
{
    char why[RUN_WHY];
    char same[RUN_WHY];
    char path[512];
    if (run_apart(plan, why)) {
        printf("nothing breaks: there is nothing to shrink\n");
        return false;
    }
    without_numbers(why, same);
    while (shrink_acts(plan, same) && shrink_settings(plan, same)) {
    }
    (void)run_apart(plan, why);
    (void)snprintf(path, sizeof path, "%s/%" PRIu64 ".story", folder, plan->seed);
    FILE *file = fopen(path, "w");
    if (!file) {
        (void)fprintf(stderr, "%s cannot be written\n", path);
        return false;
    }
    (void)fprintf(file, "# SPDX-License-Identifier: Apache-2.0\n# %s\n", why);
    plan_write(plan, file);
    printf("%s\n%s: %zu acts\n", why, path, plan->act_count);
    return fclose(file) == 0;
}
