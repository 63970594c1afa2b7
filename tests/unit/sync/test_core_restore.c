/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto node_base */
/* Old copies of a node's store: sync/hello.c, sync/epoch.c, sync/lease.c. */
#include "tests/unit/sync/world.h"

static struct world world;
static struct site *a;
static struct record_id id;
static struct store *backup;

static int start(void **state)
{
    (void)state;
    must(world_start(&world, memory_heap()));
    must(world_join(&world, "64.09", NULL, &a));
    must(world_settle(&world));
    must(site_create(&world, a, NULL, "pertama", &id));
    must(world_settle(&world));
    backup = NULL;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (backup) {
        backup->ops->free(backup);
    }
    world_release(&world);
    return 0;
}

static void take_backup(void)
{
    must(store_model_copy(a->store, world.memory, &backup));
}

/* The store is the old copy from now on; the machine it ran on is gone for a quarter of an hour. */
static void restore(bool doubt)
{
    site_stop(a);
    a->store->ops->free(a->store);
    a->store = backup;
    backup = NULL;
    a->doubt = doubt;
    world.now_ms += 15 * 60 * 1000;
    must(site_start(&world, a));
}

static void edit(const char *title)
{
    struct token token;
    must(site_read(&world, a, id, &token));
    must(site_edit_title(&world, a, id, &token, title));
}

static void a_restored_store_gets_its_own_changes_back(void **state)
{
    (void)state;
    take_backup();
    edit("kedua");
    edit("ketiga");
    must(world_settle(&world));
    uint64_t size = site_own_stream(&world, a).size;
    restore(false);
    assert_false(core_is_ready(a->core));
    must(world_settle(&world));
    assert_int_equal(core_epoch(a->core), 1);
    assert_int_equal(site_own_stream(&world, a).size, size);
    assert_string_equal(site_title(&world, a, id), "ketiga");
    assert_true(digests_equal(&world, a, &world.hub, id));
    edit("keempat");
    must(world_settle(&world));
    assert_string_equal(site_title(&world, &world.hub, id), "keempat");
}

static void a_restored_store_that_wrote_on_keeps_both_histories(void **state)
{
    (void)state;
    struct record_id other;
    take_backup();
    edit("sebelum bencana");
    must(world_settle(&world));
    restore(false);
    edit("sesudah bencana");
    edit("sesudahnya lagi");
    must(site_create(&world, a, NULL, "baru", &other));
    must(world_settle(&world));
    assert_int_equal(core_epoch(a->core), 2);
    assert_int_equal(site_siblings(&world, a, id, REG_TITLE), 2);
    assert_int_equal(site_siblings(&world, &world.hub, id, REG_TITLE), 2);
    assert_true(digests_equal(&world, a, &world.hub, id));
    assert_string_equal(site_title(&world, &world.hub, other), "baru");
    assert_true(digests_equal(&world, a, &world.hub, other));
    edit("selesai");
    must(world_settle(&world));
    assert_int_equal(site_siblings(&world, &world.hub, id, REG_TITLE), 1);
    assert_string_equal(site_title(&world, &world.hub, id), "selesai");
    must(site_restart(&world, a));
    must(world_settle(&world));
    assert_int_equal(core_epoch(a->core), 2);
}

static void a_context_that_names_an_archived_change_is_mapped_to_its_successor(void **state)
{
    (void)state;
    struct token token;
    take_backup();
    edit("sebelum bencana");
    must(world_settle(&world));
    restore(false);
    edit("sesudah bencana");
    must(site_read(&world, a, id, &token));
    must(world_settle(&world));
    struct ctx_entry *mapped;
    size_t count;
    must(site_begin(&world, a));
    must(core_map_ctx(a->core, id, token.ctx, token.count, &world.arena, &mapped, &count));
    core_rollback(a->core);
    assert_int_equal(count, token.count + 1);
    assert_int_equal(site_edit_title(&world, a, id, &token, "token lama").code, STATUS_STALE);
    memcpy(token.ctx, mapped, count * sizeof *mapped);
    token.count = count;
    must(site_edit_title(&world, a, id, &token, "token baru"));
    must(world_settle(&world));
    assert_int_equal(site_siblings(&world, &world.hub, id, REG_TITLE), 2);
}

static void a_store_in_doubt_writes_in_a_new_epoch_at_once(void **state)
{
    (void)state;
    take_backup();
    edit("sebelum bencana");
    must(world_settle(&world));
    restore(true);
    edit("sesudah bencana");
    assert_int_equal(core_epoch(a->core), 2);
    must(world_settle(&world));
    assert_int_equal(core_epoch(a->core), 2);
    assert_int_equal(site_siblings(&world, &world.hub, id, REG_TITLE), 2);
    assert_true(digests_equal(&world, a, &world.hub, id));
}

static void a_store_in_doubt_that_wrote_nothing_goes_on_in_its_epoch(void **state)
{
    (void)state;
    take_backup();
    restore(true);
    must(world_settle(&world));
    edit("seperti biasa");
    must(world_settle(&world));
    assert_int_equal(core_epoch(a->core), 1);
}

static void a_doubt_that_hello_ended_does_not_come_back_with_the_next_start(void **state)
{
    (void)state;
    struct arena arena;
    struct span kept;
    const uint8_t yes = 1;
    take_backup();
    must(backup->ops->begin(backup));
    must(store_put_one(backup, STORE_META, span_text(STORE_META_DOUBT), span_of(&yes, 1)));
    must(backup->ops->commit(backup));
    restore(true);
    must(world_settle(&world));
    arena_init(&arena, world.memory, SIZE_MAX);
    must(site_begin(&world, a));
    must(store_get_one(a->store, STORE_META, span_text(STORE_META_DOUBT), &arena, &kept));
    core_rollback(a->core);
    assert_null(kept.data);
    arena_release(&arena);
}

static void a_crash_between_archive_and_rewriting_loses_nothing(void **state)
{
    (void)state;
    struct next next;
    take_backup();
    edit("sebelum bencana");
    must(world_settle(&world));
    restore(false);
    edit("sesudah bencana");
    must(world_hello(&world, a, &next));
    assert_int_equal(next.step, NEXT_GO_ON);
    must(world_pull(&world, a, &next));
    must(site_restart(&world, a));
    must(world_settle(&world));
    assert_int_equal(core_epoch(a->core), 2);
    assert_int_equal(site_siblings(&world, &world.hub, id, REG_TITLE), 2);
    assert_true(digests_equal(&world, a, &world.hub, id));
}

/* Monday's backup, restored on Tuesday, wrote on: epoch 2. On Wednesday Monday's backup is restored once more; it has never
 * heard of epoch 2, of which the hub holds everything. */
static void restore_what_is_older_than_the_epoch(bool doubt)
{
    struct store *monday;
    take_backup();
    must(store_model_copy(backup, world.memory, &monday));
    edit("sebelum bencana");
    must(world_settle(&world));
    restore(false);
    edit("sesudah bencana");
    must(world_settle(&world));
    assert_int_equal(core_epoch(a->core), 2);
    backup = monday;
    restore(doubt);
    assert_int_equal(core_epoch(a->core), 1);
}

static void a_backup_from_before_the_present_epoch_gets_that_epoch_back(void **state)
{
    (void)state;
    restore_what_is_older_than_the_epoch(false);
    must(world_settle(&world));
    assert_int_equal(core_epoch(a->core), 2);
    assert_int_equal(site_siblings(&world, a, id, REG_TITLE), 2);
    assert_true(digests_equal(&world, a, &world.hub, id));
    edit("selesai");
    must(world_settle(&world));
    assert_int_equal(core_epoch(a->core), 2);
    assert_string_equal(site_title(&world, &world.hub, id), "selesai");
}

static void a_backup_from_before_the_present_epoch_that_wrote_on_loses_nothing(void **state)
{
    (void)state;
    restore_what_is_older_than_the_epoch(false);
    edit("hari Rabu");
    must(world_settle(&world));
    assert_int_equal(core_epoch(a->core), 3);
    assert_int_equal(site_siblings(&world, &world.hub, id, REG_TITLE), 3);
    assert_true(digests_equal(&world, a, &world.hub, id));
}

static void a_doubtful_backup_that_opens_an_epoch_known_to_the_hub_loses_nothing(void **state)
{
    (void)state;
    restore_what_is_older_than_the_epoch(true);
    edit("hari Rabu");
    assert_int_equal(core_epoch(a->core), 2);
    must(world_settle(&world));
    assert_int_equal(core_epoch(a->core), 3);
    assert_int_equal(site_siblings(&world, &world.hub, id, REG_TITLE), 3);
    assert_true(digests_equal(&world, a, &world.hub, id));
}

static void a_cloned_node_is_refused_until_a_person_says_takeover(void **state)
{
    (void)state;
    struct site clone = {.id = a->id, .instance = 99, .crypto = a->crypto};
    struct next next;
    take_backup();
    clone.store = backup;
    backup = NULL;
    must(site_start(&world, &clone));
    must(world_hello(&world, &clone, &next));
    assert_int_equal(next.step, NEXT_TAKEOVER);
    assert_false(core_is_ready(clone.core));
    struct token token;
    must(site_read(&world, &clone, id, &token));
    assert_int_equal(site_edit_title(&world, &clone, id, &token, "klon").code, STATUS_BUSY);
    edit("asli");
    must(world_settle(&world));
    world.takeover = true;
    must(world_hello(&world, &clone, &next));
    world.takeover = false;
    assert_int_equal(next.step, NEXT_GO_ON);
    must(world_pull(&world, &clone, &next));
    assert_true(core_is_ready(clone.core));
    edit("asli lagi");
    must(world_push(&world, a, &next));
    assert_int_equal(world.verdict, VERDICT_LEASE_TAKEN);
    assert_int_equal(next.step, NEXT_HELLO);
    must(world_hello(&world, a, &next));
    assert_int_equal(next.step, NEXT_TAKEOVER);
    clone.crypto = NULL;
    site_release(&clone);
}

static void a_copy_of_the_same_machine_waits_for_silence(void **state)
{
    (void)state;
    struct next next;
    take_backup();
    edit("asli");
    must(world_settle(&world));
    struct store *live = a->store;
    site_stop(a);
    a->store = backup;
    backup = live;
    must(site_start(&world, a));
    must(world_hello(&world, a, &next));
    must(world_hello(&world, a, &next));
    assert_true(next.step == NEXT_GO_ON || next.step == NEXT_WAIT);
    world.now_ms += 11 * 60 * 1000;
    must(world_settle(&world));
    assert_string_equal(site_title(&world, a, id), "asli");
}

static void of_two_copies_that_write_nothing_one_is_told_by_its_pull(void **state)
{
    (void)state;
    struct site copy = {.id = a->id, .instance = a->instance, .crypto = a->crypto};
    struct next next;
    take_backup();
    copy.store = backup;
    backup = NULL;
    must(site_start(&world, &copy));
    must(world_hello(&world, &copy, &next));
    assert_int_equal(next.step, NEXT_GO_ON);
    must(world_pull(&world, &copy, &next));
    must(world_pull(&world, a, &next));
    assert_int_equal(world.verdict, VERDICT_LEASE_TAKEN);
    assert_int_equal(next.step, NEXT_HELLO);
    for (int minutes = 0; minutes < 20; minutes += 4) {
        must(world_hello(&world, a, &next));
        assert_int_equal(next.step, NEXT_WAIT);
        must(world_pull(&world, &copy, &next));
        assert_int_equal(world.verdict, VERDICT_OK);
        world.now_ms += 4 * 60 * 1000;
    }
    world.now_ms += 11 * 60 * 1000;
    must(world_hello(&world, a, &next));
    assert_int_equal(next.step, NEXT_GO_ON);
    must(world_pull(&world, &copy, &next));
    assert_int_equal(world.verdict, VERDICT_LEASE_TAKEN);
    copy.crypto = NULL;
    site_release(&copy);
}

static void a_hub_whose_clock_was_years_ahead_does_not_keep_a_restored_node_waiting_for_years(void **state)
{
    (void)state;
    const uint64_t decade_ms = UINT64_C(3652) * 86400000;
    take_backup();
    world.now_ms += decade_ms;
    must(site_restart(&world, a));
    must(world_settle(&world));
    edit("dari masa depan");
    must(world_settle(&world));
    world.now_ms -= decade_ms;
    restore(false);
    must(world_settle(&world));
    assert_true(core_is_ready(a->core));
    assert_string_equal(site_title(&world, a, id), "dari masa depan");
}

static void a_lost_hello_answer_does_not_lock_the_node_out(void **state)
{
    (void)state;
    struct next next;
    must(site_restart(&world, a));
    world.drop_answer = true;
    must(world_hello(&world, a, &next));
    world.drop_answer = false;
    must(world_hello(&world, a, &next));
    assert_int_equal(next.step, NEXT_GO_ON);
    assert_true(core_is_ready(a->core));
}

static void a_hub_that_lost_acknowledged_changes_gets_them_again(void **state)
{
    (void)state;
    struct store *hub_backup;
    must(store_model_copy(world.hub.store, world.memory, &hub_backup));
    edit("hilang di pusat");
    must(world_settle(&world));
    site_stop(&world.hub);
    world.hub.store->ops->free(world.hub.store);
    world.hub.store = hub_backup;
    world.now_ms += 15 * 60 * 1000;
    must(site_start(&world, &world.hub));
    must(site_restart(&world, a));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, &world.hub, id), "hilang di pusat");
    assert_true(digests_equal(&world, a, &world.hub, id));
}

/* Yesterday's copy of the hub; what nodes and hub did since is known only to the nodes. */
static void restore_hub(struct store *copy)
{
    site_stop(&world.hub);
    world.hub.store->ops->free(world.hub.store);
    world.hub.store = copy;
    world.now_ms += 15 * 60 * 1000;
    must(site_start(&world, &world.hub));
}

static bool hub_doubts(size_t *out_missing)
{
    struct node_id *missing;
    must(site_begin(&world, &world.hub));
    must(core_doubt(world.hub.core, &world.arena, &missing, out_missing));
    core_rollback(world.hub.core);
    return *out_missing > 0;
}

static struct status hub_edit(const char *title)
{
    struct token token;
    must(site_read(&world, &world.hub, id, &token));
    return site_edit_title(&world, &world.hub, id, &token, title);
}

static void a_hub_that_lost_its_own_changes_gets_them_back_from_its_readers(void **state)
{
    (void)state;
    struct store *copy;
    struct site *late;
    size_t missing;
    must(store_model_copy(world.hub.store, world.memory, &copy));
    must(hub_edit("dari pusat, hilang"));
    must(world_settle(&world));
    must(world_join(&world, "61.03", NULL, &late)); /* the registry of the copy does not know it */
    must(world_settle(&world));
    edit("sesudah membaca pusat");
    must(world_settle(&world));
    restore_hub(copy);
    struct next next;
    must(site_restart(&world, a));
    must(world_hello(&world, a, &next));
    must(world_push(&world, a, &next));
    assert_true(hub_doubts(&missing));
    assert_int_equal(hub_edit("cabang kedua").code, STATUS_BUSY);
    must(world_settle(&world));
    assert_false(hub_doubts(&missing));
    assert_string_equal(site_title(&world, &world.hub, id), "sesudah membaca pusat");
    assert_true(digests_equal(&world, a, &world.hub, id));
    must(hub_edit("lanjut"));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, a, id), "lanjut");
    assert_string_equal(site_title(&world, &world.hub, id), "lanjut");
    assert_int_equal(site_siblings(&world, a, id, REG_TITLE), 1);
    struct record_id other;
    must(site_create(&world, late, NULL, "dari yang terlambat", &other));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, &world.hub, other), "dari yang terlambat");
}

static void what_names_a_returned_change_that_waits_for_it_is_taken(void **state)
{
    (void)state;
    struct store *copy;
    must(store_model_copy(world.hub.store, world.memory, &copy));
    edit("satu");
    must(world_settle(&world));
    must(hub_edit("dua, sesudah satu"));
    must(world_settle(&world));
    edit("tiga, sesudah dua");
    must(world_settle(&world));
    restore_hub(copy); /* two comes back before one, and three names it */
    must(site_restart(&world, a));
    must(world_settle(&world));
    assert_false(hub_doubts(&(size_t){0}));
    assert_string_equal(site_title(&world, &world.hub, id), "tiga, sesudah dua");
    assert_true(digests_equal(&world, a, &world.hub, id));
}

static void a_route_that_the_hub_lost_comes_back_and_the_bundle_with_it(void **state)
{
    (void)state;
    struct store *copy;
    struct site *b;
    must(world_join(&world, "61.03", NULL, &b));
    must(world_settle(&world));
    must(store_model_copy(world.hub.store, world.memory, &copy));
    must(world_route(&world, id, "61.03"));
    must(world_settle(&world));
    struct token token;
    must(site_read(&world, b, id, &token));
    must(site_edit_title(&world, b, id, &token, "pemilik baru"));
    must(world_settle(&world));
    restore_hub(copy);
    must(site_restart(&world, b)); /* first the one whose changes rest on what only the other can give back */
    struct next next;
    must(world_hello(&world, b, &next));
    must(site_restart(&world, a));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, b, id), "pemilik baru");
    assert_true(digests_equal(&world, b, &world.hub, id));
    assert_false(hub_doubts(&(size_t){0}));
    assert_string_equal(site_title(&world, &world.hub, id), "pemilik baru");
}

static void a_person_may_let_a_doubtful_hub_write_although_a_node_is_silent(void **state)
{
    (void)state;
    struct store *copy;
    size_t missing;
    must(store_model_copy(world.hub.store, world.memory, &copy));
    world.hub.doubt = true;
    restore_hub(copy);
    assert_true(hub_doubts(&missing));
    assert_int_equal(missing, 1);
    assert_int_equal(hub_edit("belum boleh").code, STATUS_BUSY);
    must(site_begin(&world, &world.hub));
    must(site_end(&world.hub, core_doubt_end(world.hub.core)));
    must(hub_edit("boleh"));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, a, id), "boleh");
}

static void a_node_that_only_claims_to_hold_more_does_not_silence_the_hub(void **state)
{
    (void)state;
    struct hello hello;
    struct hello_answer answer;
    size_t missing;
    must(site_begin(&world, a));
    must(core_hello(a->core, false, &world.arena, &hello));
    core_rollback(a->core);
    struct stream_state *claimed = arena_array(&world.arena, hello.read_count, sizeof *claimed);
    assert_true(hello.read_count > 0);
    memcpy(claimed, hello.read, hello.read_count * sizeof *claimed);
    claimed[0].size += 1000;
    hello.read = claimed;
    must(site_begin(&world, &world.hub));
    must(site_end(&world.hub, core_serve_hello(world.hub.core, a->id, &hello, &world.arena, &answer)));
    assert_int_equal(answer.verdict, VERDICT_OK);
    assert_int_equal(answer.behind_count, 1);
    assert_false(hub_doubts(&missing));
    must(hub_edit("pusat tetap menulis"));
}

static void a_forged_return_of_the_hub_s_changes_is_refused(void **state)
{
    (void)state;
    struct store *copy;
    struct next next;
    struct push push;
    struct push_answer answer;
    must(store_model_copy(world.hub.store, world.memory, &copy));
    must(hub_edit("dari pusat, hilang"));
    must(world_settle(&world));
    restore_hub(copy);
    must(site_restart(&world, a));
    must(world_hello(&world, a, &next));
    must(site_begin(&world, a));
    must(core_push(a->core, &world.arena, &push));
    core_rollback(a->core);
    assert_true(node_id_equal(push.stream.node, world.hub.id));
    struct wire_leaf *leaves = arena_array(&world.arena, push.leaf_count, sizeof *leaves);
    memcpy(leaves, push.leaves, push.leaf_count * sizeof *leaves);
    uint8_t *bytes = arena_alloc(&world.arena, leaves[0].leaf.size);
    memcpy(bytes, leaves[0].leaf.data, leaves[0].leaf.size);
    bytes[leaves[0].leaf.size - 1] ^= 1;
    leaves[0].leaf = span_of(bytes, leaves[0].leaf.size);
    push.leaves = leaves;
    must(site_begin(&world, &world.hub));
    must(core_serve_push(world.hub.core, a->id, &push, &world.arena, &answer));
    core_rollback(world.hub.core);
    assert_true(answer.verdict == VERDICT_BAD_ROOT || answer.verdict == VERDICT_BAD_LEAF);
}

static void restart_with(struct store **store)
{
    struct store *live = a->store;
    site_stop(a);
    a->store = *store;
    *store = live;
    world.now_ms += 15 * 60 * 1000;
    must(site_start(&world, a));
}

static void a_hub_that_contradicts_what_it_cosigned_stops_the_node_instead_of_opening_epoch_after_epoch(void **state)
{
    (void)state;
    struct store *hub_backup;
    struct next next;
    take_backup();
    must(store_model_copy(world.hub.store, world.memory, &hub_backup));
    edit("satu cabang");
    must(world_settle(&world));
    site_stop(&world.hub);
    world.hub.store->ops->free(world.hub.store);
    world.hub.store = hub_backup;
    must(site_start(&world, &world.hub));
    restart_with(&backup);
    must(world_settle(&world));
    edit("cabang lain");
    must(world_settle(&world));
    restart_with(&backup);
    must(world_hello(&world, a, &next));
    assert_int_equal(next.step, NEXT_STOP);
    assert_string_equal(site_title(&world, a, id), "satu cabang");
}

/* One bit of the last byte of the table's first row, in a stopped node. */
static void damage(enum store_table table)
{
    uint8_t from[1] = {0};
    uint8_t end[1] = {0x7f};
    struct arena arena;
    struct pair row;
    size_t count;
    arena_init(&arena, world.memory, SIZE_MAX);
    site_stop(a);
    must(a->store->ops->begin(a->store));
    must(a->store->ops->scan(a->store, table, span_of(from, 1), span_of(end, 1), false, 1, SIZE_MAX, &arena, &row, &count));
    assert_int_equal(count, 1);
    uint8_t *bytes = arena_alloc(&arena, row.value.size);
    assert_non_null(bytes);
    memcpy(bytes, row.value.data, row.value.size);
    bytes[row.value.size - 1] ^= 1;
    must(store_put_one(a->store, table, row.key, span_of(bytes, row.value.size)));
    must(a->store->ops->commit(a->store));
    arena_release(&arena);
}

static void a_store_whose_acknowledged_size_is_damaged_does_not_open(void **state)
{
    (void)state;
    damage(STORE_STREAMS);
    assert_int_equal(site_start(&world, a).code, STATUS_FORKED);
}

static void a_changed_body_is_named_when_the_log_is_verified(void **state)
{
    (void)state;
    struct fault fault = {0};
    uint64_t next = 0;
    must(site_begin(&world, a));
    must(site_end(a, core_verify(a->core, 1, 0, 100, &next, &fault)));
    damage(STORE_BODIES);
    must(site_start(&world, a));
    must(site_begin(&world, a));
    assert_int_equal(site_end(a, core_verify(a->core, 1, 0, 100, &next, &fault)).code, STATUS_FORKED);
    assert_non_null(strstr(fault.what, "body"));
}

/* Opens as a process does that only looks: what is damaged is found in the transaction in which core_open refused. */
static void find_damage(struct stream_id *out_stream, struct fault *out_fault)
{
    uint32_t number = 0;
    assert_int_equal(site_start(&world, a).code, STATUS_FORKED);
    must(site_begin(&world, a));
    must(core_find_damage(a->core, out_stream, &number, out_fault));
    core_rollback(a->core);
    assert_true(number > 0);
}

static void a_changed_leaf_is_named_with_its_stream_and_place(void **state)
{
    (void)state;
    struct stream_id stream;
    struct fault fault = {0};
    damage(STORE_LEAVES); /* the row of leaf 0 */
    find_damage(&stream, &fault);
    assert_true(node_id_equal(stream.node, a->id));
    assert_int_equal(fault.at, 0);
    assert_non_null(fault.what);
}

static void a_damaged_mark_of_what_was_acknowledged_is_told_from_a_damaged_leaf(void **state)
{
    (void)state;
    struct stream_id stream;
    struct fault fault = {0};
    damage(STORE_STREAMS);
    find_damage(&stream, &fault);
    assert_non_null(strstr(fault.what, "acknowledged"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_restored_store_gets_its_own_changes_back, start, stop),
        cmocka_unit_test_setup_teardown(a_restored_store_that_wrote_on_keeps_both_histories, start, stop),
        cmocka_unit_test_setup_teardown(a_context_that_names_an_archived_change_is_mapped_to_its_successor, start, stop),
        cmocka_unit_test_setup_teardown(a_store_in_doubt_writes_in_a_new_epoch_at_once, start, stop),
        cmocka_unit_test_setup_teardown(a_store_in_doubt_that_wrote_nothing_goes_on_in_its_epoch, start, stop),
        cmocka_unit_test_setup_teardown(a_doubt_that_hello_ended_does_not_come_back_with_the_next_start, start, stop),
        cmocka_unit_test_setup_teardown(a_crash_between_archive_and_rewriting_loses_nothing, start, stop),
        cmocka_unit_test_setup_teardown(a_backup_from_before_the_present_epoch_gets_that_epoch_back, start, stop),
        cmocka_unit_test_setup_teardown(a_backup_from_before_the_present_epoch_that_wrote_on_loses_nothing, start, stop),
        cmocka_unit_test_setup_teardown(a_doubtful_backup_that_opens_an_epoch_known_to_the_hub_loses_nothing, start, stop),
        cmocka_unit_test_setup_teardown(a_cloned_node_is_refused_until_a_person_says_takeover, start, stop),
        cmocka_unit_test_setup_teardown(a_copy_of_the_same_machine_waits_for_silence, start, stop),
        cmocka_unit_test_setup_teardown(
            a_hub_whose_clock_was_years_ahead_does_not_keep_a_restored_node_waiting_for_years, start, stop),
        cmocka_unit_test_setup_teardown(of_two_copies_that_write_nothing_one_is_told_by_its_pull, start, stop),
        cmocka_unit_test_setup_teardown(a_lost_hello_answer_does_not_lock_the_node_out, start, stop),
        cmocka_unit_test_setup_teardown(a_hub_that_lost_acknowledged_changes_gets_them_again, start, stop),
        cmocka_unit_test_setup_teardown(a_hub_that_lost_its_own_changes_gets_them_back_from_its_readers, start, stop),
        cmocka_unit_test_setup_teardown(what_names_a_returned_change_that_waits_for_it_is_taken, start, stop),
        cmocka_unit_test_setup_teardown(a_route_that_the_hub_lost_comes_back_and_the_bundle_with_it, start, stop),
        cmocka_unit_test_setup_teardown(a_person_may_let_a_doubtful_hub_write_although_a_node_is_silent, start, stop),
        cmocka_unit_test_setup_teardown(a_node_that_only_claims_to_hold_more_does_not_silence_the_hub, start, stop),
        cmocka_unit_test_setup_teardown(a_forged_return_of_the_hub_s_changes_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(
            a_hub_that_contradicts_what_it_cosigned_stops_the_node_instead_of_opening_epoch_after_epoch, start, stop),
        cmocka_unit_test_setup_teardown(a_store_whose_acknowledged_size_is_damaged_does_not_open, start, stop),
        cmocka_unit_test_setup_teardown(a_changed_leaf_is_named_with_its_stream_and_place, start, stop),
        cmocka_unit_test_setup_teardown(a_damaged_mark_of_what_was_acknowledged_is_told_from_a_damaged_leaf, start, stop),
        cmocka_unit_test_setup_teardown(a_changed_body_is_named_when_the_log_is_verified, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
