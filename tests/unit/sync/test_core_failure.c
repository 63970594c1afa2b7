/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto node_base */
/* A story in which the n-th allocation, the n-th call of a store or a commit fails, for every n: the step that failed has done
 * nothing, the process goes on or starts again, and everything converges (sync/core.c, sync/stream.c). */
#include "tests/unit/sync/world.h"

struct failing {
    struct world world;
    struct heap_meter meter;
    struct site *a;
    struct site *b;
    struct record_id first;
    struct store *backup;
};

static void base(struct failing *f)
{
    *f = (struct failing){.backup = NULL};
    must(world_start(&f->world, memory_metered(&f->meter)));
    must(world_join(&f->world, "64.09", NULL, &f->a));
    must(world_join(&f->world, "61.03", NULL, &f->b));
    must(world_settle(&f->world));
    must(site_create(&f->world, f->a, NULL, "jalan rusak", &f->first));
    must(world_settle(&f->world));
    must(store_model_copy(f->a->store, f->world.memory, &f->backup));
}

static void end(struct failing *f)
{
    if (f->backup) {
        f->backup->ops->free(f->backup);
    }
    world_release(&f->world);
    assert_int_equal(f->meter.blocks, 0);
}

/* Writes at both ends, a conflict, a route, an erasure, everything exchanged. */
static struct status story(struct failing *f)
{
    struct world *w = &f->world;
    struct token at_a;
    struct token at_hub;
    struct written written;
    struct record_id second;
    bool more;
    TRY(site_read(w, f->a, f->first, &at_a));
    TRY(site_read(w, &w->hub, f->first, &at_hub));
    TRY(site_edit_title(w, f->a, f->first, &at_a, "satu"));
    TRY(site_edit_title(w, &w->hub, f->first, &at_hub, "dua"));
    TRY(site_create(w, f->a, NULL, "baru", &second));
    TRY(world_settle(w));
    struct status routed = world_route(w, f->first, "61.03");
    if (routed.code != STATUS_EXISTS) { /* told again, it is there already */
        TRY(routed);
    }
    TRY(site_read(w, &w->hub, f->first, &at_hub));
    struct draft draft = {.record = f->first,
                          .kind = KIND_ERASE,
                          .role = ROLE_NATIONAL,
                          .ctx = at_hub.ctx,
                          .ctx_count = at_hub.count,
                          .class = CLASS_RESTRICTED};
    TRY(site_write(w, &w->hub, &draft, &written));
    TRY(world_settle(w));
    w->now_ms += 25 * 3600 * 1000;
    TRY(site_begin(w, f->b));
    TRY(site_end(f->b, core_upkeep(f->b->core, &more)));
    return world_settle(w);
}

static struct status story_restored(struct failing *f)
{
    struct world *w = &f->world;
    struct token token;
    TRY(site_read(w, f->a, f->first, &token));
    TRY(site_edit_title(w, f->a, f->first, &token, "sebelum"));
    TRY(world_settle(w));
    if (f->backup) {
        site_stop(f->a);
        f->a->store->ops->free(f->a->store);
        f->a->store = f->backup;
        f->backup = NULL;
        w->now_ms += 15 * 60 * 1000;
        TRY(site_start(w, f->a));
    }
    TRY(site_read(w, f->a, f->first, &token));
    TRY(site_edit_title(w, f->a, f->first, &token, "sesudah"));
    return world_settle(w);
}

static void heal_and_check(struct failing *f)
{
    struct world *w = &f->world;
    w->now_ms += 15 * 60 * 1000;
    must(site_restart(w, &w->hub));
    must(site_restart(w, f->a));
    must(site_restart(w, f->b));
    must(world_settle(w));
    struct record_row row = site_row(w, &w->hub, f->first);
    struct site *owner = node_id_equal(registry_scope_node(core_registry(w->hub.core), row.owner), f->a->id) ? f->a : f->b;
    assert_true(digests_equal(w, owner, &w->hub, f->first));
    assert_int_equal(core_unacked(f->a->core), 0);
    assert_int_equal(core_unacked(f->b->core), 0);
    must(story(f));
}

static void every_failing_allocation(struct status (*told)(struct failing *f))
{
    bool failed = true;
    for (uint64_t n = 1; failed; n += n < 40 ? 1 : n / 40) {
        struct failing f;
        base(&f);
        f.meter.fail_at = f.meter.calls + n;
        struct status status = told(&f);
        failed = f.meter.calls >= f.meter.fail_at;
        f.meter.fail_at = 0;
        /* the model store says IO of a commit that found no memory */
        assert_true(failed ? status.code == STATUS_NO_MEMORY || status.code == STATUS_IO : status_is_ok(status));
        heal_and_check(&f);
        end(&f);
    }
}

static void every_failing_call(struct status (*told)(struct failing *f), bool at_hub)
{
    bool failed = true;
    for (uint64_t n = 1; failed; n += n < 40 ? 1 : n / 40) {
        struct failing f;
        base(&f);
        struct store *store = at_hub ? f.world.hub.store : f.a->store;
        uint64_t last = store_model_calls(store) + n;
        store_model_fail_after(store, n);
        struct status status = told(&f);
        failed = store_model_calls(store) >= last;
        assert_int_equal(status.code, failed ? STATUS_IO : STATUS_OK);
        store_model_fail_after(store, 0);
        heal_and_check(&f);
        end(&f);
    }
}

static void an_allocation_that_fails_harms_nothing(void **state)
{
    (void)state;
    every_failing_allocation(story);
}

static void an_allocation_that_fails_after_a_restore_harms_nothing(void **state)
{
    (void)state;
    every_failing_allocation(story_restored);
}

static void a_store_call_that_fails_at_the_hub_harms_nothing(void **state)
{
    (void)state;
    every_failing_call(story, true);
}

static void a_store_call_that_fails_at_the_node_harms_nothing(void **state)
{
    (void)state;
    every_failing_call(story, false);
}

static void a_commit_of_unknown_outcome_is_looked_up(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct failing f;
        base(&f);
        store_model_commit_unknown(i < 2 ? f.world.hub.store : f.a->store, i % 2 == 0);
        struct status status = story(&f);
        assert_int_equal(status.code, STATUS_UNKNOWN);
        must(world_settle(&f.world));
        heal_and_check(&f);
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allocation_that_fails_harms_nothing),
        cmocka_unit_test(an_allocation_that_fails_after_a_restore_harms_nothing),
        cmocka_unit_test(a_store_call_that_fails_at_the_hub_harms_nothing),
        cmocka_unit_test(a_store_call_that_fails_at_the_node_harms_nothing),
        cmocka_unit_test(a_commit_of_unknown_outcome_is_looked_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
