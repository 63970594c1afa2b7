/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_engine node_crypto node_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "node/base/heap.h"
#include "node/crypto/crypto_openssl.h"
#include "node/engine/engine.h"

/* A hub's core over the model store: enough for jobs that write and jobs that fail. */
struct world {
    struct crypto *crypto;
    struct store *store;
    struct core *core;
    struct engine *engine;
    int dead;
    bool returns; /* as on a server */
    atomic_bool repaired;
    atomic_int paused, returned;
};

static void on_dead(void *owner, struct status status)
{
    (void)status;
    ((struct world *)owner)->dead++;
}

static void on_paused(void *owner, struct status status)
{
    (void)status;
    atomic_fetch_add(&((struct world *)owner)->paused, 1);
}

static void on_returned(void *owner, int64_t took_ms)
{
    (void)took_ms;
    atomic_fetch_add(&((struct world *)owner)->returned, 1);
}

/* Asked before each begin, on the engine thread: where a dead store may be revived. */
static uint64_t now_ms(void *owner)
{
    struct world *w = owner;
    if (atomic_exchange(&w->repaired, false)) {
        store_model_crash(w->store);
    }
    return 2000;
}

static void world_open_as(struct world *w, bool returns)
{
    *w = (struct world){.returns = returns};
    assert_true(status_is_ok(crypto_openssl_new_random(&w->crypto)));
    assert_true(status_is_ok(store_model_new(memory_heap(), &w->store)));
    struct core_options options = {.memory = memory_heap(), .crypto = w->crypto, .store = w->store,
                                   .deployment = span_text("test")};
    assert_true(status_is_ok(node_id_parse(span_text("hub"), &options.self)));
    options.hub = options.self;
    assert_true(status_is_ok(core_new(&options, &w->core)));
    assert_true(status_is_ok(core_begin(w->core, 1000)));
    assert_true(status_is_ok(core_open(w->core)));
    assert_true(status_is_ok(core_commit(w->core)));
    struct engine_options engine = {.core = w->core, .memory = memory_heap(), .owner = w, .dead = on_dead,
                                    .store_returns = returns, .paused = on_paused, .returned = on_returned, .now_ms = now_ms};
    assert_true(status_is_ok(engine_start(&engine, &w->engine)));
}

static void world_open(struct world *w)
{
    world_open_as(w, false);
}

static void world_close(struct world *w)
{
    engine_stop(w->engine);
    core_free(w->core);
    w->store->ops->free(w->store);
    crypto_openssl_free(w->crypto);
}

struct put {
    struct job job;
    struct store *store;
    const char *key;
    struct status says;
    struct status status;
    int done;
    pthread_mutex_t *hold; /* the first job of a group waits here, so that the others join its group or the next */
};

static struct status put_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    (void)arena;
    struct put *put = (struct put *)job;
    if (put->hold) {
        pthread_mutex_lock(put->hold);
        pthread_mutex_unlock(put->hold);
    }
    TRY(store_put_one(put->store, STORE_META, span_text(put->key), span_text("1")));
    return put->says;
}

static void put_done(struct job *job, struct status status)
{
    struct put *put = (struct put *)job;
    put->status = status;
    put->done++;
}

static bool holds(struct world *w, const char *key)
{
    struct arena arena;
    struct span value = {0};
    arena_init(&arena, memory_heap(), SIZE_MAX);
    assert_true(status_is_ok(w->store->ops->begin(w->store)));
    assert_true(status_is_ok(store_get_one(w->store, STORE_META, span_text(key), &arena, &value)));
    w->store->ops->rollback(w->store);
    bool there = value.data != NULL;
    arena_release(&arena);
    return there;
}

static void a_job_is_durable_when_done_says_ok(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct put put = {.job = {.run = put_run, .done = put_done}, .store = w.store, .key = "one"};
    assert_true(status_is_ok(engine_call(w.engine, &put.job)));
    assert_int_equal(put.done, 1);
    assert_true(status_is_ok(put.status));
    engine_stop(w.engine);
    w.engine = NULL;
    store_model_crash(w.store);
    assert_true(holds(&w, "one"));
    world_close(&w);
}

static void a_failing_job_undoes_itself_and_spoils_no_other_of_its_group(void **state)
{
    (void)state;
    struct world w;
    pthread_mutex_t hold = PTHREAD_MUTEX_INITIALIZER;
    world_open(&w);
    pthread_mutex_lock(&hold);
    struct put puts[4] = {
        {.job = {.run = put_run, .done = put_done}, .key = "first", .hold = &hold},
        {.job = {.run = put_run, .done = put_done}, .key = "second"},
        {.job = {.run = put_run, .done = put_done}, .key = "bad", .says = {STATUS_INVALID}},
        {.job = {.run = put_run, .done = put_done}, .key = "third"},
    };
    for (size_t i = 0; i < 4; i++) {
        puts[i].store = w.store;
        assert_true(status_is_ok(engine_submit(w.engine, &puts[i].job)));
    }
    pthread_mutex_unlock(&hold);
    engine_stop(w.engine); /* finishes what is queued */
    w.engine = NULL;
    assert_true(status_is_ok(puts[0].status) && status_is_ok(puts[1].status) && status_is_ok(puts[3].status));
    assert_int_equal(puts[2].status.code, STATUS_INVALID);
    assert_true(holds(&w, "first") && holds(&w, "second") && holds(&w, "third"));
    assert_false(holds(&w, "bad"));
    world_close(&w);
}

static void a_failing_job_alone_leaves_nothing(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct put put = {
        .job = {.run = put_run, .done = put_done}, .store = w.store, .key = "bad", .says = {STATUS_LIMIT}};
    assert_int_equal(engine_call(w.engine, &put.job).code, STATUS_LIMIT);
    engine_stop(w.engine);
    w.engine = NULL;
    assert_false(holds(&w, "bad"));
    world_close(&w);
}

static void a_store_that_fails_ends_the_engine_and_every_later_job_hears_it(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    store_model_commit_unknown(w.store, false);
    struct put first = {.job = {.run = put_run, .done = put_done}, .store = w.store, .key = "lost"};
    struct put second = {.job = {.run = put_run, .done = put_done}, .store = w.store, .key = "late"};
    assert_int_equal(engine_call(w.engine, &first.job).code, STATUS_UNKNOWN);
    assert_int_equal(engine_call(w.engine, &second.job).code, STATUS_IO);
    assert_int_equal(w.dead, 1);
    world_close(&w);
}

static enum status_code put_now(struct world *w, const char *key)
{
    struct put put = {.job = {.run = put_run, .done = put_done}, .store = w->store, .key = key};
    struct status status = engine_call(w->engine, &put.job);
    assert_int_equal(put.done, 1);
    return status.code;
}

/* The store of a server is there again by the next job, or soon after it. */
static void put_until_ok(struct world *w, const char *key)
{
    struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < 20000; i++) {
        enum status_code code = put_now(w, key);
        if (code == STATUS_OK) {
            return;
        }
        assert_int_equal(code, STATUS_BUSY);
        nanosleep(&moment, NULL); /* a poll with a deadline */
    }
    fail_msg("the engine did not come back");
}

static void an_unknown_outcome_on_a_server_is_a_pause(void **state)
{
    (void)state;
    for (int applied = 0; applied < 2; applied++) {
        struct world w;
        world_open_as(&w, true);
        store_model_commit_unknown(w.store, applied);
        assert_int_equal(put_now(&w, "doubtful"), STATUS_UNKNOWN);
        put_until_ok(&w, "later");
        assert_int_equal(w.dead, 0);
        assert_int_equal(atomic_load(&w.paused), 1);
        assert_int_equal(atomic_load(&w.returned), 1);
        assert_int_equal(engine_counts(w.engine).pauses, 1);
        assert_false(engine_counts(w.engine).paused);
        engine_stop(w.engine);
        w.engine = NULL;
        assert_int_equal(holds(&w, "doubtful"), applied);
        assert_true(holds(&w, "later"));
        world_close(&w);
    }
}

static struct status die_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    (void)arena;
    store_model_die(((struct put *)job)->store);
    return STATUS_MAKE(STATUS_IO);
}

static void a_server_out_of_reach_makes_jobs_busy_until_it_is_back(void **state)
{
    (void)state;
    struct world w;
    world_open_as(&w, true);
    assert_int_equal(put_now(&w, "before"), STATUS_OK);
    struct put die = {.job = {.run = die_run, .done = put_done}, .store = w.store, .key = "x"};
    assert_int_equal(engine_call(w.engine, &die.job).code, STATUS_IO);
    assert_int_equal(put_now(&w, "meanwhile"), STATUS_BUSY);
    assert_int_equal(put_now(&w, "meanwhile"), STATUS_BUSY);
    assert_true(engine_counts(w.engine).paused);
    assert_int_equal(atomic_load(&w.returned), 0);
    atomic_store(&w.repaired, true);
    put_until_ok(&w, "after");
    assert_int_equal(w.dead, 0);
    assert_int_equal(atomic_load(&w.returned), 1);
    engine_stop(w.engine);
    w.engine = NULL;
    assert_true(holds(&w, "before") && holds(&w, "after"));
    assert_false(holds(&w, "meanwhile"));
    world_close(&w);
}

static struct status event_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)job;
    (void)arena;
    struct registry_entry entry = {.kind = KIND_REG_NODE, .institution = INSTITUTION_REGENCY, .name = span_text("R"),
                                   .active = true};
    TRY(node_id_parse(span_text("64.09"), &entry.node));
    return core_registry_add(core, &entry);
}

struct wipe {
    struct put put; /* first */
    struct span old;
};

static struct status wipe_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    (void)arena;
    struct wipe *wipe = (struct wipe *)job;
    return store_put_one(wipe->put.store, STORE_META, span_text("core"), wipe->old);
}

static void a_store_that_comes_back_older_ends_the_engine(void **state)
{
    (void)state;
    struct world w;
    struct arena arena;
    struct span old = {0};
    arena_init(&arena, memory_heap(), SIZE_MAX);
    world_open_as(&w, true);
    assert_true(status_is_ok(w.store->ops->begin(w.store)));
    assert_true(status_is_ok(store_get_one(w.store, STORE_META, span_text("core"), &arena, &old)));
    w.store->ops->rollback(w.store);
    struct put event = {.job = {.run = event_run, .done = put_done}, .store = w.store};
    assert_int_equal(engine_call(w.engine, &event.job).code, STATUS_OK);
    struct wipe wipe = {.put = {.job = {.run = wipe_run, .done = put_done}, .store = w.store}, .old = old};
    assert_int_equal(engine_call(w.engine, &wipe.put.job).code, STATUS_OK);
    store_model_commit_unknown(w.store, false);
    assert_int_equal(put_now(&w, "doubtful"), STATUS_UNKNOWN);
    assert_int_equal(put_now(&w, "late"), STATUS_IO);
    assert_int_equal(w.dead, 1);
    arena_release(&arena);
    world_close(&w);
}

struct race {
    struct world *w;
    struct put puts[200];
};

static void *race_main(void *argument)
{
    struct race *race = argument;
    for (size_t i = 0; i < 200; i++) {
        race->puts[i] = (struct put){.job = {.run = put_run, .done = put_done}, .store = race->w->store, .key = "race"};
        if (!status_is_ok(engine_call(race->w->engine, &race->puts[i].job))) {
            return race;
        }
    }
    return NULL;
}

static void jobs_of_many_threads_are_committed_in_groups_each_done_once(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct race *races = calloc(4, sizeof *races);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        races[i].w = &w;
        pthread_create(&threads[i], NULL, race_main, &races[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    struct engine_counts counts = engine_counts(w.engine);
    assert_int_equal(counts.jobs, 800);
    assert_true(counts.groups <= counts.jobs);
    for (size_t i = 0; i < 800; i++) {
        assert_int_equal(races[i / 200].puts[i % 200].done, 1);
    }
    free(races);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_is_durable_when_done_says_ok),
        cmocka_unit_test(a_failing_job_undoes_itself_and_spoils_no_other_of_its_group),
        cmocka_unit_test(a_failing_job_alone_leaves_nothing),
        cmocka_unit_test(a_store_that_fails_ends_the_engine_and_every_later_job_hears_it),
        cmocka_unit_test(an_unknown_outcome_on_a_server_is_a_pause),
        cmocka_unit_test(a_server_out_of_reach_makes_jobs_busy_until_it_is_back),
        cmocka_unit_test(a_store_that_comes_back_older_ends_the_engine),
        cmocka_unit_test(jobs_of_many_threads_are_committed_in_groups_each_done_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
