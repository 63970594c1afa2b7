/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_connector node_engine node_mapping node_config node_crypto node_base */
#include "tests/unit/connector/runner_world.h"

/* Batches that follow each other: node/connector/chain.c. Each row is captured once, whatever happens between two of them. */

enum { ROWS = 3 * RUNNER_BATCH_ROWS + 7, LEAVES = 2 /* what is said of a row stands in two classes of registers */ };

static const struct driver_ops *real_ops;
static struct bench *bench_of_clerk;
static size_t claims_swapped, transactions, cut_at;

static void file_rows(struct bench *b)
{
    bench_sql(b, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 757) INSERT INTO aduan (tiket, judul, "
                 "isi) SELECT 'T' || i, 'Lampu ' || i, 'padam' FROM n");
    assert_int_equal(bench_number(b, "SELECT count(*) FROM aduan"), ROWS);
}

static void all_is_captured_once(struct bench *b, uint64_t leaves)
{
    assert_int_equal(bench_number(b, "SELECT count(*) FROM simpul_shadow"), ROWS);
    assert_int_equal(bench_number(b, "SELECT count(*) FROM simpul_outbox"), 0);
    assert_int_equal(bench_number(b, "SELECT length(value) FROM simpul_mark WHERE name = 'claims 1'"), 16);
    assert_int_equal(bench_quarantine_count(b), 0);
    assert_int_equal(bench_own_leaves(b), leaves);
}

static struct status counted_swap(struct driver *driver, const char *name, struct span known, struct span value)
{
    claims_swapped++;
    return real_ops->mark_swap(driver, name, known, value);
}

/* Loses the connection at one of the commits: before it, or after it and nobody knows. */
static struct status cut_commit(struct driver *driver)
{
    transactions++;
    if (transactions == cut_at) {
        real_ops->rollback(driver);
        return STATUS_MAKE(STATUS_IO);
    }
    TRY(real_ops->commit(driver));
    return transactions + 1000 == cut_at ? STATUS_MAKE(STATUS_UNKNOWN) : status_ok();
}

/* Turns until there is nothing more to do, or until the connection is lost. */
static struct status run_with(struct bench *b, const struct driver_ops *ops)
{
    struct engine_options engine = {.core = b->node->core, .memory = memory_heap()};
    struct status status = status_ok();
    bool busy = true;
    must(engine_start(&engine, &b->options.engine));
    b->runner.options.engine = b->options.engine;
    b->runner.driver->ops = ops;
    b->woken++;
    for (int turns = 0; turns < 100 && busy && status_is_ok(status); turns++) {
        busy = false;
        status = bench_turn(b, &busy);
    }
    b->runner.driver->ops = real_ops;
    engine_stop(b->options.engine);
    return status;
}

static void prepare(struct bench *b, struct driver_ops *out_ops)
{
    bench_begin(b);
    bench_open(b);
    bench_settle(b);
    b->runner.chain_ms = 3600000; /* however busy the machine is */
    real_ops = b->runner.driver->ops;
    *out_ops = *real_ops;
    claims_swapped = transactions = 0;
}

static void batches_follow_each_other_and_each_row_is_captured_once(void **state)
{
    (void)state;
    struct bench b;
    struct driver_ops ops;
    prepare(&b, &ops);
    ops.mark_swap = counted_swap;
    uint64_t before = bench_own_leaves(&b);
    file_rows(&b);
    must(run_with(&b, &ops));
    all_is_captured_once(&b, before + LEAVES * ROWS);
    /* four claims, and an end of its own for each chain: fewer than an end for each batch */
    assert_true(claims_swapped >= 5 && claims_swapped < 8);
    bench_sql(&b, "UPDATE aduan SET judul = judul || '!'");
    must(run_with(&b, &ops));
    all_is_captured_once(&b, before + LEAVES * ROWS + ROWS);
    bench_end(&b);
}

static void a_chain_that_loses_its_connection_anywhere_captures_each_row_once(void **state)
{
    (void)state;
    for (size_t at = 1; at <= 4; at++) {
        for (size_t known = 0; known < 2; known++) {
            struct bench b;
            struct driver_ops ops;
            prepare(&b, &ops);
            ops.commit = cut_commit;
            cut_at = known ? at : at + 1000;
            uint64_t before = bench_own_leaves(&b);
            file_rows(&b);
            assert_false(status_is_ok(run_with(&b, &ops)));
            bench_close(&b);
            bench_open(&b);
            bench_settle(&b);
            all_is_captured_once(&b, before + LEAVES * ROWS);
            bench_end(&b);
        }
    }
}

/* A clerk saves a row of a batch whose leaves are being written. */
static struct status meanwhile(struct driver *driver, size_t limit, struct arena *arena, struct legacy_event *out_events,
                               size_t *out_count)
{
    if (limit > RUNNER_BATCH_ROWS && claims_swapped++ == 0) {
        bench_sql(bench_of_clerk, "UPDATE aduan SET judul = 'Lampu jalan', status = 1 WHERE id IN (3, 400)");
    }
    return real_ops->outbox(driver, limit, arena, out_events, out_count);
}

static void what_is_edited_while_its_batch_is_on_its_way_comes_after_it(void **state)
{
    (void)state;
    struct bench b;
    struct driver_ops ops;
    prepare(&b, &ops);
    ops.outbox = meanwhile;
    bench_of_clerk = &b;
    uint64_t before = bench_own_leaves(&b);
    file_rows(&b);
    must(run_with(&b, &ops));
    assert_true(claims_swapped > 0);
    bench_settle(&b);
    all_is_captured_once(&b, before + LEAVES * ROWS + LEAVES); /* row 3 again; row 400 was read with its edit */
    bench_end(&b);
}

/* A row in doubt ends the chain: it is asked whom it is tied to, and the rest is captured all the same. */
static void a_row_with_the_number_of_a_row_on_its_way_is_decided_after_it(void **state)
{
    (void)state;
    struct bench b;
    struct driver_ops ops;
    prepare(&b, &ops);
    file_rows(&b);
    bench_sql(&b, "UPDATE aduan SET no_lapor = 'L-1' WHERE id IN (249, 251, 700)");
    must(run_with(&b, &ops));
    bench_settle(&b);
    assert_int_equal(bench_number(&b, "SELECT count(*) FROM simpul_shadow"), ROWS);
    assert_int_equal(bench_quarantine_count(&b), 2); /* perhaps the same case */
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_follow_each_other_and_each_row_is_captured_once),
        cmocka_unit_test(a_chain_that_loses_its_connection_anywhere_captures_each_row_once),
        cmocka_unit_test(what_is_edited_while_its_batch_is_on_its_way_comes_after_it),
        cmocka_unit_test(a_row_with_the_number_of_a_row_on_its_way_is_decided_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
