/* SPDX-License-Identifier: Apache-2.0 */
/* The failure loop around the core: in each script of tests/sim/scripts.h the n-th allocation fails, or the n-th call
 * of one site's store, for every n (up to 60, then wider steps). The call in which it happens says so, has done
 * nothing, and is made once more; in the end every store holds exactly what it holds without the failure, and no memory
 * is left behind.
 *
 *   sim_failing                  all scripts
 *   sim_failing NAME KIND N      one failure; KIND: memory, hub, a, b */
#include "tests/sim/content.h"
#include "tests/sim/scripts.h"

enum failing { FAIL_MEMORY, FAIL_HUB, FAIL_A, FAIL_B, FAIL_KINDS };

static const char *const kind_names[FAIL_KINDS] = {"memory", "hub", "a", "b"};

static const struct stage_disks models = {{store_model_new, world_model_restart}, store_model_copy};

struct outcome {
    struct status status;
    uint64_t failed;      /* calls that had to be made again */
    uint64_t calls;       /* of what is made to fail */
    uint64_t contents[3]; /* hub, a, b */
    uint64_t blocks;      /* left behind */
};

static struct site *site_at(struct stage *st, enum failing kind)
{
    return kind == FAIL_HUB ? &st->w.hub : &st->w.nodes[kind - FAIL_A];
}

static struct status close_script(struct stage *st)
{
    struct record_id id;
    TRY(stage_create(st, stage_a(st), &id));
    TRY(stage_create(st, stage_b(st), &id));
    return stage_settle(st);
}

/* n 0: nothing fails. */
static void play(const struct stage *base, const struct script *script, enum failing kind, uint64_t n,
                 struct outcome *out)
{
    struct stage st;
    struct heap_meter meter = {0};
    stage_copy(base, memory_metered(&meter), &models, &st);
    st.again = true;
    uint64_t before = kind == FAIL_MEMORY ? meter.calls : store_model_calls(site_at(&st, kind)->store);
    if (kind == FAIL_MEMORY) {
        meter.fail_at = n > 0 ? meter.calls + n : 0;
    } else {
        store_model_fail_after(site_at(&st, kind)->store, n);
    }
    out->status = script->play(&st);
    out->calls = (kind == FAIL_MEMORY ? meter.calls : store_model_calls(site_at(&st, kind)->store)) - before;
    out->failed = st.failed;
    /* A failure that led to a hello leaves the last checkpoint without the hub's line until the next push. */
    if (status_is_ok(out->status)) {
        out->status = close_script(&st);
    }
    struct site *sites[3] = {&st.w.hub, &st.w.nodes[0], &st.w.nodes[1]};
    for (size_t i = 0; i < 3; i++) {
        /* a hello that is said twice gets two leases */
        must(store_content(sites[i]->store, false, span_text("lease/"), &out->contents[i]));
    }
    stage_drop(&st);
    out->blocks = meter.blocks;
}

static bool same(const struct script *script, enum failing kind, uint64_t n, const struct outcome *clean,
                 const struct outcome *now)
{
    const char *what = NULL;
    if (!status_is_ok(now->status)) {
        what = status_name(now->status);
    } else if (now->failed > 1) { /* 0: the core does without that memory */
        what = "more than one call failed";
    } else if (now->blocks != 0) {
        what = "memory is left behind";
    }
    for (size_t i = 0; !what && i < 3; i++) {
        if (now->contents[i] != clean->contents[i]) {
            what = i == 0 ? "the hub's store differs" : i == 1 ? "the store of a differs" : "the store of b differs";
        }
    }
    if (what) {
        printf("FAILED %s %s %llu: %s\n", script->name, kind_names[kind], (unsigned long long)n, what);
    }
    return !what;
}

static void loop(const struct stage *base, const struct script *script, enum failing kind, uint64_t *runs,
                 uint64_t *failures)
{
    struct outcome clean;
    uint64_t done = 0;
    uint64_t bad = 0;
    play(base, script, kind, 0, &clean);
    must(clean.status);
    for (uint64_t n = 1; n <= clean.calls; n += n < 60 ? 1 : 1 + n / 25) {
        struct outcome now;
        play(base, script, kind, n, &now);
        bad += !same(script, kind, n, &clean, &now);
        done++;
    }
    printf("%-9s %-6s %5llu calls, %4llu made to fail, %llu failures\n", script->name, kind_names[kind],
           (unsigned long long)clean.calls, (unsigned long long)done, (unsigned long long)bad);
    *runs += done;
    *failures += bad;
}

static void one(const struct stage *base, const struct script *script, char **argv, uint64_t *runs, uint64_t *failures)
{
    for (unsigned kind = 0; kind < FAIL_KINDS; kind++) {
        if (strcmp(argv[2], kind_names[kind]) == 0) {
            struct outcome clean;
            struct outcome now;
            uint64_t n = strtoull(argv[3], NULL, 10);
            play(base, script, (enum failing)kind, 0, &clean);
            play(base, script, (enum failing)kind, n, &now);
            *failures += !same(script, (enum failing)kind, n, &clean, &now);
            ++*runs;
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t runs = 0;
    uint64_t failures = 0;
    for (size_t i = 0; i < SCRIPT_COUNT; i++) {
        struct stage base;
        if (argc == 4 && strcmp(argv[1], scripts[i].name) != 0) {
            continue;
        }
        stage_start(&base, memory_heap(), &models);
        scripts[i].prepare(&base, &models);
        must(stage_settle(&base));
        for (unsigned kind = 0; argc != 4 && kind < FAIL_KINDS; kind++) {
            loop(&base, &scripts[i], (enum failing)kind, &runs, &failures);
        }
        if (argc == 4) {
            one(&base, &scripts[i], argv, &runs, &failures);
        }
        world_release(&base.w);
    }
    printf("%llu failures made, %llu not survived\n", (unsigned long long)runs, (unsigned long long)failures);
    return runs > 0 && failures == 0 ? 0 : 1;
}
