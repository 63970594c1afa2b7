/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto node_base */
/* Records that move between regencies: sync/relay.c, sync/core_attach.c, sync/serve_pull.c, sync/erase.c. */
#include "tests/unit/sync/world.h"

static struct world world;
static struct site *a;
static struct site *b;
static struct site *province;

static int start(void **state)
{
    (void)state;
    must(world_start(&world, memory_heap()));
    must(world_join(&world, "64.09", "64", &a));
    must(world_join(&world, "61.03", NULL, &b));
    must(world_join(&world, "64", NULL, &province));
    must(world_settle(&world));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

static size_t parked(struct site *s, struct record_id id)
{
    const struct record *record;
    must(site_begin(&world, s));
    must(core_record(s->core, id, &record));
    size_t count = record->parked_count;
    core_rollback(s->core);
    return count;
}

static void a_routed_record_arrives_whole_with_its_history(void **state)
{
    (void)state;
    struct record_id id;
    struct token token;
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    must(site_read(&world, &world.hub, id, &token));
    must(site_edit(&world, &world.hub, 0, id, &token, REG_STATUS, status_value(&world, COMPLAINT_TERVERIFIKASI)));
    must(world_route(&world, id, "61.03"));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, b, id), "jalan rusak");
    assert_true(digests_equal(&world, b, &world.hub, id));
    assert_true(digests_equal(&world, a, &world.hub, id));
    assert_int_equal(parked(b, id), 0);
    must(site_read(&world, b, id, &token));
    must(site_edit_title(&world, b, id, &token, "jalan provinsi rusak"));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, &world.hub, id), "jalan provinsi rusak");
    assert_int_equal(site_siblings(&world, &world.hub, id, REG_TITLE), 1);
}

static void renew_key(struct site *s)
{
    struct crypto *old = s->crypto;
    struct public_key key;
    site_stop(s);
    s->crypto = world_crypto(77);
    must(s->crypto->public_key(s->crypto->owner, SIGN_LOG, &key));
    struct registry_entry entry = {.kind = KIND_REG_KEY,
                                   .node = s->id,
                                   .epoch = 1,
                                   .key_use = KEY_LOG,
                                   .key = span_of(key.bytes, sizeof key.bytes),
                                   .active = true};
    must(site_begin(&world, &world.hub));
    must(site_end(&world.hub, core_registry_add(world.hub.core, &entry)));
    must(site_start(&world, s));
    crypto_openssl_free(old);
}

/* The registry reaches the readers before the node has signed anything with its new key. */
static void what_a_key_signed_before_it_was_renewed_is_still_taken(void **state)
{
    (void)state;
    struct record_id id;
    struct next next;
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_push(&world, a, &next));
    renew_key(a);
    must(world_route(&world, id, "61.03"));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, b, id), "jalan rusak");
    assert_true(digests_equal(&world, b, &world.hub, id));
    assert_true(digests_equal(&world, province, &world.hub, id));
    struct record_id later;
    must(site_create(&world, a, NULL, "di bawah kunci baru", &later));
    must(world_settle(&world));
    assert_true(digests_equal(&world, province, &world.hub, later));
}

static void a_regency_that_never_had_the_record_may_not_write_it(void **state)
{
    (void)state;
    struct record_id id;
    struct token token;
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    assert_int_equal(site_read(&world, b, id, &token).code, STATUS_NOT_FOUND);
}

static void a_late_edit_of_the_former_owner_is_a_sibling_at_the_new_one(void **state)
{
    (void)state;
    struct record_id id;
    struct token token;
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    must(site_read(&world, a, id, &token));
    must(world_route(&world, id, "61.03"));
    must(site_edit_title(&world, a, id, &token, "jalan rusak parah"));
    must(site_read(&world, &world.hub, id, &token));
    must(site_edit_title(&world, &world.hub, id, &token, "jalan kabupaten"));
    must(world_settle(&world));
    assert_int_equal(site_siblings(&world, b, id, REG_TITLE), 2);
    assert_true(digests_equal(&world, b, &world.hub, id));
}

static void a_record_that_returns_brings_what_was_missed(void **state)
{
    (void)state;
    struct record_id id;
    struct token token;
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    must(world_route(&world, id, "61.03"));
    must(world_settle(&world));
    must(site_read(&world, b, id, &token));
    must(site_edit_title(&world, b, id, &token, "bukan jalan kami"));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, a, id), "jalan rusak");
    must(world_route(&world, id, "64.09"));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, a, id), "bukan jalan kami");
    assert_true(digests_equal(&world, a, &world.hub, id));
    must(site_read(&world, a, id, &token));
    must(site_edit_title(&world, a, id, &token, "jalan kami"));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, &world.hub, id), "jalan kami");
    assert_int_equal(site_siblings(&world, &world.hub, id, REG_TITLE), 1);
}

static void a_record_of_the_hub_belongs_to_the_scope_it_is_for(void **state)
{
    (void)state;
    struct record_id id;
    struct token token;
    must(site_create(&world, &world.hub, "64.09", "dari LAPOR", &id));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, a, id), "dari LAPOR");
    must(site_read(&world, a, id, &token));
    must(site_edit_title(&world, a, id, &token, "dari LAPOR!"));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, &world.hub, id), "dari LAPOR!");
    assert_true(digests_equal(&world, a, &world.hub, id));
}

static void a_province_reads_its_regencies_and_nobody_else(void **state)
{
    (void)state;
    struct record_id of_a;
    struct record_id of_b;
    struct token token;
    must(site_create(&world, a, NULL, "jalan rusak", &of_a));
    must(site_create(&world, b, NULL, "jembatan", &of_b));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, province, of_a), "jalan rusak");
    assert_true(digests_equal(&world, province, &world.hub, of_a));
    assert_int_equal(site_read(&world, province, of_b, &token).code, STATUS_NOT_FOUND);
    must(world_route(&world, of_b, "64.09"));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, province, of_b), "jembatan");
    assert_true(digests_equal(&world, province, &world.hub, of_b));
}

struct stripping {
    int left;
};

static void strip_attachments(struct pull_answer *answer, void *owner)
{
    struct stripping *stripping = owner;
    for (size_t p = 0; p < answer->part_count; p++) {
        struct wire_leaf *leaves = arena_array(&world.arena, answer->parts[p].leaf_count, sizeof *leaves);
        memcpy(leaves, answer->parts[p].leaves, answer->parts[p].leaf_count * sizeof *leaves);
        for (size_t i = 0; i < answer->parts[p].leaf_count; i++) {
            if (leaves[i].attachment && stripping->left > 0) {
                leaves[i].attachment = NULL;
                stripping->left--;
            }
        }
        struct pull_part *parts = arena_array(&world.arena, answer->part_count, sizeof *parts);
        memcpy(parts, answer->parts, answer->part_count * sizeof *parts);
        parts[p].leaves = leaves;
        answer->parts = parts;
    }
}

static void a_relay_without_its_leaf_asks_for_it(void **state)
{
    (void)state;
    struct record_id id;
    struct stripping stripping = {.left = 1};
    struct next next;
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    must(world_route(&world, id, "61.03"));
    must(world_owed(&world));
    world.on_pull_answer = strip_attachments;
    world.owner = &stripping;
    must(world_pull(&world, b, &next));
    world.on_pull_answer = NULL;
    assert_int_equal(stripping.left, 0);
    assert_true(parked(b, id) > 0);
    must(world_pull(&world, b, &next));
    assert_int_equal(parked(b, id), 0);
    assert_true(digests_equal(&world, b, &world.hub, id));
}

static void forge_attachment(struct pull_answer *answer, void *owner)
{
    int *left = owner;
    for (size_t p = 0; p < answer->part_count; p++) {
        for (size_t i = 0; i < answer->parts[p].leaf_count && *left > 0; i++) {
            const struct attachment *attachment = answer->parts[p].leaves[i].attachment;
            if (attachment) {
                uint8_t *byte = (uint8_t *)(uintptr_t)attachment->leaf.data;
                byte[attachment->leaf.size - 1] ^= 1;
                (*left)--;
            }
        }
    }
}

/* How many of an author's changes to the record the hub gives to a reader that asks for each by its dot. */
static size_t given(struct site *reader, struct record_id id, const struct site *author)
{
    const struct record *record;
    struct pull pull;
    struct pull_answer answer;
    bool empty;
    struct dot want[16];
    struct record_id ids[16];
    size_t count = 0;
    must(site_begin(&world, reader));
    must(core_pull(reader->core, 0, &world.arena, &pull));
    core_rollback(reader->core);
    must(site_begin(&world, &world.hub));
    must(core_record(world.hub.core, id, &record));
    for (size_t i = 0; i < record->history_count; i++) {
        const struct history_entry *entry = &record->history[i];
        if (node_id_equal(record->replicas[entry->replica].replica.node, author->id) && count < 16) {
            want[count] = (struct dot){.replica = record->replicas[entry->replica].replica, .rseq = entry->rseq};
            ids[count++] = id;
        }
    }
    assert_true(count > 0);
    pull.want = want;
    pull.want_records = ids;
    pull.want_count = count;
    must(core_serve_pull(world.hub.core, reader->id, &pull, &world.arena, &answer, &empty));
    core_rollback(world.hub.core);
    return answer.wanted_count;
}

static void a_former_owner_is_given_only_what_the_route_had_read(void **state)
{
    (void)state;
    struct record_id id;
    struct token token;
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    must(world_route(&world, id, "61.03"));
    must(world_settle(&world));
    must(site_read(&world, b, id, &token));
    must(site_edit(&world, b, 0, id, &token, REG_STATUS, status_value(&world, COMPLAINT_PROSES)));
    must(world_settle(&world));
    assert_true(given(a, id, a) > 0);
    assert_int_equal(given(a, id, b), 0);
    assert_int_equal(given(b, id, b), 1);
    assert_int_equal(given(province, id, b), 0);
    must(world_route(&world, id, "64.09"));
    assert_int_equal(given(a, id, b), 1); /* it is the owner again */
}

static void a_relayed_leaf_that_was_changed_on_the_way_is_not_applied(void **state)
{
    (void)state;
    struct record_id id;
    struct next next;
    int left = 1;
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    must(world_route(&world, id, "61.03"));
    must(world_owed(&world));
    world.on_pull_answer = forge_attachment;
    world.owner = &left;
    must(world_pull(&world, b, &next));
    world.on_pull_answer = NULL;
    assert_string_equal(site_title(&world, b, id), "");
    assert_int_equal(site_events(&world, b), 1);
    must(world_settle(&world));
    assert_string_equal(site_title(&world, b, id), "jalan rusak");
}

/* One bit of the last byte of the last row at or above `from`, which belongs to a relayed leaf. */
static void damage_relayed(struct site *s, enum store_table table)
{
    uint8_t from[4] = {CORE_RELAYED >> 24};
    uint8_t end[4] = {0xff, 0xff, 0xff, 0xff};
    struct pair row;
    size_t count;
    must(site_begin(&world, s));
    must(s->store->ops->scan(s->store, table, span_of(from, 4), span_of(end, 4), true, 1, SIZE_MAX, &world.arena, &row, &count));
    assert_int_equal(count, 1);
    uint8_t *bytes = arena_alloc(&world.arena, row.value.size);
    assert_non_null(bytes);
    memcpy(bytes, row.value.data, row.value.size);
    bytes[row.value.size - 1] ^= 1;
    must(store_put_one(s->store, table, row.key, span_of(bytes, row.value.size)));
    must(core_commit(s->core));
}

static struct status verify_all(struct site *s, struct fault *fault)
{
    struct stream_info *streams;
    size_t count;
    struct status status = status_ok();
    must(site_begin(&world, s));
    must(core_streams(s->core, &world.arena, &streams, &count));
    for (size_t i = 0; i < count && status_is_ok(status); i++) {
        uint64_t next = 0;
        status = core_verify(s->core, streams[i].number, 0, 1000, &next, fault);
    }
    core_rollback(s->core);
    return status;
}

static void a_relayed_leaf_or_body_that_was_changed_in_the_store_is_found(void **state)
{
    (void)state;
    static const struct {
        enum store_table table;
        const char *word;
    } cases[] = {{STORE_LEAVES, "relayed entry is not the one"}, {STORE_BODIES, "body of a relayed entry"}};
    for (size_t i = 0; i < 2; i++) {
        struct record_id id;
        struct fault fault = {0};
        must(site_create(&world, a, NULL, "jalan rusak", &id));
        must(world_settle(&world));
        must(world_route(&world, id, "61.03"));
        must(world_settle(&world));
        must(verify_all(b, &fault));
        damage_relayed(b, cases[i].table);
        assert_int_equal(verify_all(b, &fault).code, STATUS_FORKED);
        assert_non_null(strstr(fault.what, cases[i].word));
        damage_relayed(b, cases[i].table); /* and back */
        must(verify_all(b, &fault));
    }
}

static void a_stamp_from_the_future_is_clamped_at_every_end(void **state)
{
    (void)state;
    struct record_id id;
    struct token at_a;
    struct token at_hub;
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(world_settle(&world));
    must(site_read(&world, a, id, &at_a));
    must(site_read(&world, &world.hub, id, &at_hub));
    a->skew_ms = (int64_t)70 * 365 * 24 * 3600 * 1000;
    must(site_edit_title(&world, a, id, &at_a, "dari tahun 2095"));
    a->skew_ms = 0;
    must(world_settle(&world));
    world.now_ms += 3600 * 1000;
    must(site_edit_title(&world, &world.hub, id, &at_hub, "sejam kemudian"));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, &world.hub, id), "sejam kemudian");
    assert_string_equal(site_title(&world, a, id), "sejam kemudian");
    assert_true(digests_equal(&world, a, &world.hub, id));
    must(world_route(&world, id, "61.03"));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, b, id), "sejam kemudian");
    assert_true(digests_equal(&world, b, &world.hub, id));
}

static void erase(struct site *s, struct record_id id)
{
    struct token token;
    struct written written;
    must(site_read(&world, s, id, &token));
    struct draft draft = {.record = id,
                          .kind = KIND_ERASE,
                          .role = ROLE_NATIONAL,
                          .actor = span_text("national"),
                          .ctx = token.ctx,
                          .ctx_count = token.count,
                          .class = CLASS_RESTRICTED};
    must(site_write(&world, s, &draft, &written));
}

static void upkeep(struct site *s)
{
    bool more = true;
    while (more) {
        must(site_begin(&world, s));
        must(site_end(s, core_upkeep(s->core, &more)));
    }
}

static bool title_body_is_there(struct site *s, struct record_id id)
{
    const struct record *record;
    bool there = false;
    must(site_begin(&world, s));
    must(core_record(s->core, id, &record));
    for (size_t i = 0; i < record->history_count; i++) {
        struct wire_leaf leaf;
        const struct history_entry *entry = &record->history[i];
        must(core_leaf(s->core, entry->stream | (entry->flags & HISTORY_RELAYED ? CORE_RELAYED : 0), entry->seq,
                       &world.arena, &leaf));
        there = there || (entry->class == CLASS_RESTRICTED && leaf.body.state == BODY_PRESENT);
    }
    core_rollback(s->core);
    return there;
}

static void an_erasure_reaches_whoever_ever_had_the_record(void **state)
{
    (void)state;
    struct record_id id;
    must(site_create(&world, a, NULL, "nama pelapor", &id));
    must(world_settle(&world));
    must(world_route(&world, id, "61.03"));
    must(world_settle(&world));
    erase(&world.hub, id);
    must(world_settle(&world));
    struct site *sites[3] = {a, b, &world.hub};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(site_title(&world, sites[i], id), "");
        assert_true(title_body_is_there(sites[i], id));
    }
    world.now_ms += 25 * 3600 * 1000;
    for (size_t i = 0; i < 3; i++) {
        upkeep(sites[i]);
        assert_false(title_body_is_there(sites[i], id));
    }
    must(world_settle(&world));
    assert_true(digests_equal(&world, b, &world.hub, id));
    const struct record *record;
    must(site_begin(&world, &world.hub));
    must(core_record(world.hub.core, id, &record));
    assert_int_equal(record->acknowledgement_count, 3);
    core_rollback(world.hub.core);
    struct fault fault;
    uint64_t next;
    must(site_begin(&world, &world.hub));
    must(core_verify(world.hub.core, site_own_stream(&world, a).number, 0, 1000, &next, &fault));
    core_rollback(world.hub.core);
}

static void what_lies_above_a_cut_loses_its_effect_everywhere(void **state)
{
    (void)state;
    struct record_id id;
    struct token token;
    must(site_create(&world, a, NULL, "jalan rusak", &id));
    must(site_read(&world, a, id, &token));
    must(site_edit_title(&world, a, id, &token, "palsu"));
    must(world_settle(&world));
    must(world_route(&world, id, "61.03"));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, b, id), "palsu");
    struct registry_entry cut = {.kind = KIND_REG_CUT,
                                 .node = a->id,
                                 .epoch = 1,
                                 .scope = scope_of_node(a->id),
                                 .size = site_own_stream(&world, a).size - 1};
    must(site_begin(&world, &world.hub));
    must(site_end(&world.hub, core_registry_add(world.hub.core, &cut)));
    assert_string_equal(site_title(&world, &world.hub, id), "jalan rusak");
    must(world_settle(&world));
    assert_string_equal(site_title(&world, b, id), "jalan rusak");
    assert_string_equal(site_title(&world, a, id), "jalan rusak");
    assert_true(digests_equal(&world, b, &world.hub, id));
    assert_true(digests_equal(&world, a, &world.hub, id));
    must(site_read(&world, b, id, &token));
    must(site_edit_title(&world, b, id, &token, "sesudah"));
    must(world_settle(&world));
    assert_string_equal(site_title(&world, &world.hub, id), "sesudah");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_routed_record_arrives_whole_with_its_history, start, stop),
        cmocka_unit_test_setup_teardown(what_a_key_signed_before_it_was_renewed_is_still_taken, start, stop),
        cmocka_unit_test_setup_teardown(a_regency_that_never_had_the_record_may_not_write_it, start, stop),
        cmocka_unit_test_setup_teardown(a_late_edit_of_the_former_owner_is_a_sibling_at_the_new_one, start, stop),
        cmocka_unit_test_setup_teardown(a_record_that_returns_brings_what_was_missed, start, stop),
        cmocka_unit_test_setup_teardown(a_record_of_the_hub_belongs_to_the_scope_it_is_for, start, stop),
        cmocka_unit_test_setup_teardown(a_province_reads_its_regencies_and_nobody_else, start, stop),
        cmocka_unit_test_setup_teardown(a_relay_without_its_leaf_asks_for_it, start, stop),
        cmocka_unit_test_setup_teardown(a_former_owner_is_given_only_what_the_route_had_read, start, stop),
        cmocka_unit_test_setup_teardown(a_relayed_leaf_that_was_changed_on_the_way_is_not_applied, start, stop),
        cmocka_unit_test_setup_teardown(a_relayed_leaf_or_body_that_was_changed_in_the_store_is_found, start, stop),
        cmocka_unit_test_setup_teardown(a_stamp_from_the_future_is_clamped_at_every_end, start, stop),
        cmocka_unit_test_setup_teardown(what_lies_above_a_cut_loses_its_effect_everywhere, start, stop),
        cmocka_unit_test_setup_teardown(an_erasure_reaches_whoever_ever_had_the_record, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
