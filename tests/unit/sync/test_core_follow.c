/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto node_base */
/* Two processes of one hub on one store, which take its transactions in any order: sync/core_follow.c. */
#include "tests/unit/sync/world.h"

enum { SIDES = 2, KEYS_MAX = 4096 };

/* One model store behind two handles; each is told what the other committed, as node/store/postgres_moves.c does it. */
struct side {
    struct store store; /* first */
    uint8_t keys[KEYS_MAX][4];
    size_t key_count;
    struct record_id records[KEYS_MAX];
    size_t record_count;
    bool all;
};

static struct store *model;
static struct side sides[SIDES];
static struct core *cores[SIDES];
static unsigned turn;
static unsigned (*whose_turn)(void);
static struct world world;
static struct site *a;
static struct site *b;

static struct side *other_side(struct store *store)
{
    return (struct side *)store == &sides[0] ? &sides[1] : &sides[0];
}

static struct status side_begin(struct store *store)
{
    (void)store;
    return model->ops->begin(model);
}

static struct status side_commit(struct store *store)
{
    (void)store;
    return model->ops->commit(model);
}

static void side_rollback(struct store *store)
{
    (void)store;
    model->ops->rollback(model);
}

static struct status side_savepoint(struct store *store)
{
    (void)store;
    return model->ops->savepoint(model);
}

static struct status side_savepoint_undo(struct store *store)
{
    (void)store;
    return model->ops->savepoint_undo(model);
}

static struct status side_savepoint_keep(struct store *store)
{
    (void)store;
    return model->ops->savepoint_keep(model);
}

static struct status side_get(struct store *store, enum store_table table, const struct span *keys, size_t count,
                              struct arena *arena, struct span *out_values)
{
    (void)store;
    return model->ops->get(model, table, keys, count, arena, out_values);
}

static struct status side_put(struct store *store, enum store_table table, const struct pair *pairs, size_t count)
{
    struct side *other = other_side(store);
    for (size_t i = 0; i < count && table == STORE_STREAMS; i++) {
        assert_true(other->key_count < KEYS_MAX && pairs[i].key.size == 4);
        memcpy(other->keys[other->key_count++], pairs[i].key.data, 4);
    }
    return model->ops->put(model, table, pairs, count);
}

static struct status side_remove(struct store *store, enum store_table table, const struct span *keys, size_t count)
{
    (void)store;
    return model->ops->remove(model, table, keys, count);
}

static struct status side_scan(struct store *store, enum store_table table, struct span from, struct span end, bool descending,
                               size_t limit, size_t bytes_max, struct arena *arena, struct pair *out_pairs, size_t *out_count)
{
    (void)store;
    return model->ops->scan(model, table, from, end, descending, limit, bytes_max, arena, out_pairs, out_count);
}

static struct status side_records_load(struct store *store, const struct record_id *ids, size_t count, struct arena *arena,
                                       struct record_row *out_rows)
{
    (void)store;
    return model->ops->records_load(model, ids, count, arena, out_rows);
}

static struct status side_records_save(struct store *store, const struct record_row *rows, size_t count)
{
    struct side *other = other_side(store);
    for (size_t i = 0; i < count; i++) {
        assert_true(other->record_count < KEYS_MAX);
        other->records[other->record_count++] = rows[i].id;
    }
    return model->ops->records_save(model, rows, count);
}

static struct status side_records_list(struct store *store, const struct record_filter *filter, struct record_id after,
                                       bool with_bytes, size_t limit, struct arena *arena, struct record_row *out_rows,
                                       size_t *out_count)
{
    (void)store;
    return model->ops->records_list(model, filter, after, with_bytes, limit, arena, out_rows, out_count);
}

/* The meta row may have moved without a stream or a record, so there is always some news. */
static struct status side_moved(struct store *store, struct arena *arena, struct store_moves *out_moves)
{
    struct side *side = (struct side *)store;
    struct store_moves moves = {.any = true, .all = side->all, .stream_count = side->key_count, .record_count = side->record_count};
    moves.streams = arena_array(arena, side->key_count, sizeof *moves.streams);
    moves.records = arena_array(arena, side->record_count, sizeof *moves.records);
    if (!moves.streams || !moves.records) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < side->key_count; i++) {
        TRY(arena_copy(arena, span_of(side->keys[i], 4), &moves.streams[i]));
    }
    if (side->record_count > 0) {
        memcpy(moves.records, side->records, side->record_count * sizeof *moves.records);
    }
    side->key_count = side->record_count = 0;
    side->all = false;
    *out_moves = moves;
    return status_ok();
}

static void side_free(struct store *store)
{
    (void)store;
}

static const struct store_ops side_ops = {
    .begin = side_begin,
    .commit = side_commit,
    .rollback = side_rollback,
    .savepoint = side_savepoint,
    .savepoint_undo = side_savepoint_undo,
    .savepoint_keep = side_savepoint_keep,
    .get = side_get,
    .put = side_put,
    .remove = side_remove,
    .scan = side_scan,
    .moved = side_moved,
    .records_load = side_records_load,
    .records_save = side_records_save,
    .records_list = side_records_list,
    .free = side_free,
};

/* The first store of the world is the hub's. */
static struct status disk_make(struct memory memory, struct store **out_store)
{
    if (model) {
        return store_model_new(memory, out_store);
    }
    TRY(store_model_new(memory, &model));
    for (size_t i = 0; i < SIDES; i++) {
        sides[i] = (struct side){.store = {.ops = &side_ops}, .all = true};
    }
    *out_store = &sides[0].store;
    return status_ok();
}

static struct status disk_restart(struct store *store)
{
    store_model_crash(store);
    return status_ok();
}

static const struct world_disks disks = {disk_make, disk_restart};

/* Each transaction of the hub goes to the process whose turn it is. */
static void take_turns(const struct site *site)
{
    if (site == &world.hub) {
        turn = whose_turn();
        world.hub.core = cores[turn];
    }
}

static unsigned in_turn(void)
{
    return (turn + 1) % SIDES;
}

static unsigned by_dice(void)
{
    static uint32_t dice = 7;
    dice = dice * 1664525 + 1013904223;
    return dice >> 24 & 1;
}

static int start(void **state)
{
    (void)state;
    model = NULL;
    whose_turn = in_turn;
    must(world_start_on(&world, memory_heap(), &disks));
    cores[0] = world.hub.core;
    world.hub.store = &sides[1].store;
    must(site_start(&world, &world.hub));
    cores[1] = world.hub.core;
    world.on_begin = take_turns;
    must(world_join(&world, "64.09", NULL, &a));
    must(world_join(&world, "61.03", NULL, &b));
    must(world_settle(&world));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    core_free(cores[0] == world.hub.core ? cores[1] : cores[0]);
    world_release(&world);
    model->ops->free(model);
    return 0;
}

static void both_hold_the_same(void)
{
    struct stream_info *infos[SIDES];
    size_t counts[SIDES];
    uint64_t registries[SIDES];
    for (size_t i = 0; i < SIDES; i++) {
        must(core_begin_reading(cores[i], world.now_ms));
        must(core_streams(cores[i], &world.arena, &infos[i], &counts[i]));
        registries[i] = core_registry(cores[i])->size;
        core_rollback(cores[i]);
    }
    assert_int_equal(counts[0], counts[1]);
    assert_int_equal(registries[0], registries[1]);
    for (size_t i = 0; i < counts[0]; i++) {
        assert_true(infos[0][i].size == infos[1][i].size && hash_equal(infos[0][i].root, infos[1][i].root));
        assert_true(infos[0][i].signed_size == infos[1][i].signed_size);
    }
}

static void story(void)
{
    struct record_id ids[6];
    struct token token;
    for (size_t i = 0; i < 6; i++) {
        must(site_create(&world, i % 2 ? a : b, NULL, "jalan rusak", &ids[i]));
        must(world_settle(&world));
        must(site_read(&world, &world.hub, ids[i], &token));
        must(site_edit_title(&world, &world.hub, ids[i], &token, "jalan rusak parah"));
        must(site_read(&world, i % 2 ? a : b, ids[i], &token));
        must(site_edit(&world, i % 2 ? a : b, 0, ids[i], &token, REG_STATUS, status_value(&world, COMPLAINT_TERVERIFIKASI)));
        must(world_settle(&world));
        must(world_route(&world, ids[i], i % 2 ? "61.03" : "64.09"));
        must(world_settle(&world));
        both_hold_the_same();
    }
    for (size_t i = 0; i < 6; i++) {
        struct site *owner = i % 2 ? b : a;
        assert_string_equal(site_title(&world, owner, ids[i]), "jalan rusak parah");
        assert_true(digests_equal(&world, owner, &world.hub, ids[i]));
    }
}

static void two_processes_in_turn_are_one_hub(void **state)
{
    (void)state;
    story();
}

static void two_processes_in_any_order_are_one_hub(void **state)
{
    (void)state;
    whose_turn = by_dice;
    story();
}

static void a_node_that_one_process_registers_is_known_to_the_other(void **state)
{
    (void)state;
    struct site *c;
    struct record_id id;
    must(world_join(&world, "73.71", NULL, &c));
    must(world_settle(&world));
    must(site_create(&world, c, NULL, "lampu", &id));
    must(world_settle(&world));
    both_hold_the_same();
    assert_true(digests_equal(&world, c, &world.hub, id));
}

static void what_the_other_wrote_is_news_once(void **state)
{
    (void)state;
    struct record_id id;
    const struct record_id *saved;
    const struct scope_id *scopes;
    size_t count;
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    both_hold_the_same();
    struct token token;
    must(site_read(&world, &world.hub, id, &token));
    must(site_edit_title(&world, &world.hub, id, &token, "satu"));
    unsigned other = (turn + 1) % SIDES;
    must(core_begin_reading(cores[other], world.now_ms));
    assert_true(core_has_news(cores[other]) && !core_news_is_all(cores[other]));
    core_saved(cores[other], &saved, &count);
    assert_int_equal(count, 1);
    assert_true(record_id_equal(saved[0], id));
    must(core_grown(cores[other], &scopes, &count));
    assert_int_equal(count, 1);
    assert_memory_equal(scopes[0].text, a->id.text, sizeof a->id.text);
    core_news_told(cores[other]);
    assert_false(core_has_news(cores[other]));
    core_rollback(cores[other]);
    must(core_begin_reading(cores[other], world.now_ms));
    core_saved(cores[other], &saved, &count);
    assert_int_equal(count, 0);
    core_rollback(cores[other]);
}

static void what_cannot_be_followed_is_read_anew(void **state)
{
    (void)state;
    struct record_id id;
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    sides[0].all = sides[1].all = true;
    must(world_settle(&world));
    memset(sides[0].keys[sides[0].key_count++], 0x7f, 4); /* a stream that nobody has */
    must(core_begin_reading(cores[0], world.now_ms));
    core_rollback(cores[0]);
    both_hold_the_same();
    assert_true(digests_equal(&world, a, &world.hub, id));
}

static void a_failure_while_following_loses_no_news(void **state)
{
    (void)state;
    struct record_id id;
    struct token token;
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    both_hold_the_same();
    for (uint64_t n = 1;; n++) {
        must(site_read(&world, &world.hub, id, &token));
        must(site_edit_title(&world, &world.hub, id, &token, "lagi"));
        struct core *other = cores[(turn + 1) % SIDES];
        store_model_fail_after(model, n);
        struct status status = core_begin_reading(other, world.now_ms);
        store_model_fail_after(model, 0);
        if (!status_is_ok(status)) {
            must(core_begin_reading(other, world.now_ms));
            assert_true(core_has_news(other));
            core_rollback(other);
            both_hold_the_same();
            continue;
        }
        core_rollback(other);
        assert_true(n > 3);
        break;
    }
    must(world_settle(&world));
    assert_true(digests_equal(&world, a, &world.hub, id));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    static const struct CMUnitTest cases[] = {
        CASE(two_processes_in_turn_are_one_hub),
        CASE(two_processes_in_any_order_are_one_hub),
        CASE(a_node_that_one_process_registers_is_known_to_the_other),
        CASE(what_the_other_wrote_is_news_once),
        CASE(what_cannot_be_followed_is_read_anew),
        CASE(a_failure_while_following_loses_no_news),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
