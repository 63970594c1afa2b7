/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_connector node_engine node_mapping node_config node_crypto node_base */
#include "tests/unit/connector/runner_world.h"

/* A batch that is interrupted anywhere between its claims and their end leaves each row captured exactly once:
 * node/connector/pending.c. */

enum cut {
    CUT_NOWHERE,
    CUT_AFTER_CLAIMS, /* claims are durable, no leaf is */
    CUT_BEFORE_CLOSE, /* the leaves are durable, their shadows are not */
    CUT_AFTER_CLOSE,  /* all is done, and nobody was told */
    CUT_COUNT,
};

static const struct driver_ops *real_ops;

static struct status claimed_then_lost(struct driver *driver, const char *name, struct span known, struct span value)
{
    TRY(real_ops->mark_swap(driver, name, known, value));
    return STATUS_MAKE(STATUS_IO);
}

static struct status lost_before(struct driver *driver, const struct legacy_shadow *shadows, size_t count, bool *out_stored)
{
    (void)driver;
    (void)shadows;
    (void)count;
    (void)out_stored;
    return STATUS_MAKE(STATUS_IO);
}

static struct status committed_then_lost(struct driver *driver)
{
    TRY(real_ops->commit(driver));
    return STATUS_MAKE(STATUS_UNKNOWN);
}

/* Turns of the connector until the connection is lost; then another begins. */
static void run_cut(struct bench *b, enum cut cut)
{
    if (cut == CUT_NOWHERE) {
        return;
    }
    struct engine_options engine = {.core = b->node->core, .memory = memory_heap()};
    struct driver_ops ops = *b->runner.driver->ops;
    real_ops = b->runner.driver->ops;
    ops.mark_swap = cut == CUT_AFTER_CLAIMS ? claimed_then_lost : ops.mark_swap;
    ops.shadows_store = cut == CUT_BEFORE_CLOSE ? lost_before : ops.shadows_store;
    ops.commit = cut == CUT_AFTER_CLOSE ? committed_then_lost : ops.commit;
    must(engine_start(&engine, &b->options.engine));
    b->runner.options.engine = b->options.engine;
    b->runner.driver->ops = &ops;
    b->woken++;
    struct status status = status_ok();
    for (int turns = 0; turns < 50 && status_is_ok(status); turns++) {
        bool busy = false;
        status = bench_turn(b, &busy);
    }
    assert_false(status_is_ok(status));
    b->runner.driver->ops = real_ops;
    engine_stop(b->options.engine);
    bench_close(b);
    bench_open(b);
}

static size_t pending_count(struct bench *b)
{
    struct pair pairs[8];
    size_t count = 0;
    must(site_begin(&b->w, b->node));
    must(b->node->store->ops->scan(b->node->store, STORE_PENDING, (struct span){0}, (struct span){0}, false, 8, SIZE_MAX,
                                   &b->arena, pairs, &count));
    core_rollback(b->node->core);
    return count;
}

/* A row is filed, and later edited, each interrupted so; how many leaves that made. */
static uint64_t leaves_with(enum cut first, enum cut second)
{
    struct bench b;
    bench_begin(&b);
    bench_open(&b);
    bench_settle(&b);
    bench_sql(&b, "INSERT INTO aduan (tiket, judul, isi) VALUES ('T1', 'Jalan rusak', 'lubang'), ('T2', 'Lampu', 'padam')");
    run_cut(&b, first);
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM simpul_shadow"), 2);
    assert_int_equal(bench_records(&b, b.node), 2);
    bench_sql(&b, "UPDATE aduan SET judul = 'Jalan rusak berat', status = 1");
    run_cut(&b, second);
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM simpul_outbox"), 0);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM aduan WHERE judul = 'Jalan rusak berat' AND status = 1"), 2);
    assert_int_equal(bench_number(&b, "SELECT length(value) FROM simpul_mark WHERE name = 'claims 1'"), 16);
    assert_int_equal(bench_quarantine_count(&b), 0);
    assert_true(pending_count(&b) <= 1); /* of the last batch */
    uint64_t leaves = bench_own_leaves(&b);
    bench_end(&b);
    return leaves;
}

static void a_batch_that_is_interrupted_anywhere_is_captured_once(void **state)
{
    (void)state;
    uint64_t leaves = leaves_with(CUT_NOWHERE, CUT_NOWHERE);
    assert_true(leaves >= 4);
    for (enum cut cut = CUT_AFTER_CLAIMS; cut < CUT_COUNT; cut++) {
        assert_int_equal(leaves_with(cut, CUT_NOWHERE), leaves);
        assert_int_equal(leaves_with(CUT_NOWHERE, cut), leaves);
    }
}

static void pending_shadows_go_with_the_next_batch_or_when_there_is_none(void **state)
{
    (void)state;
    struct bench b;
    struct engine_options engine;
    bench_begin(&b);
    bench_open(&b);
    bench_settle(&b);
    for (int i = 0; i < 3; i++) {
        bench_sql(&b, "INSERT INTO aduan (tiket, judul, isi) VALUES (hex(randomblob(4)), 'Lampu', 'padam')");
        bench_run(&b);
        assert_int_equal(pending_count(&b), 1);
    }
    engine = (struct engine_options){.core = b.node->core, .memory = memory_heap()};
    must(engine_start(&engine, &b.options.engine));
    b.runner.options.engine = b.options.engine;
    must(runner_forget_pending(&b.runner));
    engine_stop(b.options.engine);
    assert_int_equal(pending_count(&b), 0);
    bench_end(&b);
}

/* The mark is not as this connector left it: another one works on the lane. Nothing is written before it was read anew. */
static void claims_of_another_connector_are_noticed_before_a_leaf_is_written(void **state)
{
    (void)state;
    struct bench b;
    struct engine_options engine;
    bool busy = false;
    bench_begin(&b);
    bench_open(&b);
    bench_sql(&b, "INSERT INTO aduan (tiket, judul, isi) VALUES ('T1', 'Lampu', 'padam')");
    bench_settle(&b);
    uint64_t leaves = bench_own_leaves(&b);
    bench_sql(&b, "UPDATE simpul_mark SET value = randomblob(16) WHERE name = 'claims 1'");
    bench_sql(&b, "UPDATE aduan SET judul = 'Lampu jalan'");
    engine = (struct engine_options){.core = b.node->core, .memory = memory_heap()};
    must(engine_start(&engine, &b.options.engine));
    b.runner.options.engine = b.options.engine;
    assert_int_equal(bench_turn(&b, &busy).code, STATUS_STALE);
    arena_clear(&b.runner.arena);
    engine_stop(b.options.engine);
    assert_int_equal(bench_own_leaves(&b), leaves);
    bench_settle(&b);
    assert_int_equal(bench_own_leaves(&b), leaves + 1);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM simpul_outbox"), 0);
    bench_end(&b);
}

static void damaged_claims_are_told_and_nothing_is_written(void **state)
{
    (void)state;
    struct bench b;
    struct engine_options engine;
    bench_begin(&b);
    bench_open(&b);
    bench_settle(&b);
    bench_sql(&b, "INSERT INTO simpul_mark (name, value) VALUES ('claims 1', x'000102030405060708090a0b0c0d0e0f7fffffff')");
    engine = (struct engine_options){.core = b.node->core, .memory = memory_heap()};
    must(engine_start(&engine, &b.options.engine));
    b.runner.options.engine = b.options.engine;
    assert_int_equal(runner_recover(&b.runner).code, STATUS_INVALID);
    assert_non_null(strstr(b.runner.driver->problem, "claims 1"));
    engine_stop(b.options.engine);
    assert_int_equal(bench_number(&b, "SELECT length(value) FROM simpul_mark WHERE name = 'claims 1'"), 20);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_that_is_interrupted_anywhere_is_captured_once),
        cmocka_unit_test(pending_shadows_go_with_the_next_batch_or_when_there_is_none),
        cmocka_unit_test(claims_of_another_connector_are_noticed_before_a_leaf_is_written),
        cmocka_unit_test(damaged_claims_are_told_and_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
