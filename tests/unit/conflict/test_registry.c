/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/conflict/story.h"

static int setup(void **state)
{
    struct story *story = calloc(1, sizeof *story);
    assert_non_null(story);
    story_init(story);
    *state = story;
    return 0;
}

static int teardown(void **state)
{
    story_release(*state);
    free(*state);
    return 0;
}

static void rights_hold_from_the_leaf_that_gives_them(void **state)
{
    struct registry *registry = &((struct story *)*state)->registry;
    uint64_t before = registry->size;
    story_register(*state, KIND_REG_ROLE, "a", 1U << ROLE_CLERK);
    assert_true(registry_role_allowed(registry, before, node_named("a"), ROLE_ADMIN));
    assert_false(registry_role_allowed(registry, before + 1, node_named("a"), ROLE_ADMIN));
    assert_true(registry_role_allowed(registry, before + 1, node_named("a"), ROLE_CLERK));
    assert_false(registry_role_allowed(registry, 0, node_named("a"), ROLE_CLERK));
}

static void a_node_is_unknown_before_its_leaf(void **state)
{
    struct registry *registry = &((struct story *)*state)->registry;
    uint64_t before = registry->size;
    story_register(*state, KIND_REG_NODE, "z9", 0);
    assert_null(registry_node(registry, before, node_named("z9")));
    assert_non_null(registry_node(registry, before + 1, node_named("z9")));
    assert_null(registry_node(registry, before + 1, node_named("nobody")));
    assert_int_equal(registry_epoch_max(registry, node_named("nobody")), 0);
}

static void an_entry_about_an_unknown_node_is_counted_without_effect(void **state)
{
    struct registry *registry = &((struct story *)*state)->registry;
    uint64_t before = registry->size;
    struct registry_entry entry = {.kind = KIND_REG_ROLE, .node = node_named("zz"), .roles = 2};
    assert_int_equal(registry_apply(registry, &entry).code, STATUS_INVALID);
    assert_int_equal(registry->size, before + 1);
    entry = (struct registry_entry){.kind = KIND_REG_HUB, .node = node_named("b")};
    assert_int_equal(registry_apply(registry, &entry).code, STATUS_INVALID);
    assert_true(node_id_equal(registry->hub, node_named("hub")));
}

static void epochs_only_rise(void **state)
{
    struct registry *registry = &((struct story *)*state)->registry;
    struct registry_entry entry = {.kind = KIND_REG_EPOCH, .node = node_named("a"), .epoch = 3, .size = 17};
    assert_int_equal(registry_apply(registry, &entry).code, STATUS_OK);
    assert_int_equal(registry_epoch_max(registry, node_named("a")), 3);
    assert_true(registry_epoch_known(registry, registry->size, node_named("a"), 3));
    assert_false(registry_epoch_known(registry, registry->size - 1, node_named("a"), 3));
    assert_false(registry_epoch_known(registry, registry->size, node_named("a"), 2));
    assert_true(registry_epoch_known(registry, registry->size, node_named("a"), 1));
    entry.epoch = 2;
    assert_int_equal(registry_apply(registry, &entry).code, STATUS_INVALID);
}

static void add_key(struct story *story, enum key_use use, uint32_t epoch, uint8_t first, bool active)
{
    uint8_t bytes[32] = {first};
    struct registry_entry entry = {.kind = KIND_REG_KEY,
                                   .node = node_named("a"),
                                   .key_use = use,
                                   .epoch = epoch,
                                   .key = span_of(bytes, sizeof bytes),
                                   .active = active};
    assert_int_equal(registry_apply(&story->registry, &entry).code, STATUS_OK);
}

static void the_log_key_is_that_of_the_epoch_or_the_newest_before_it(void **state)
{
    struct story *story = *state;
    uint8_t key[32];
    assert_int_equal(registry_key(&story->registry, node_named("a"), KEY_LOG, 1, key).code, STATUS_NOT_FOUND);
    add_key(story, KEY_LOG, 1, 11, true);
    add_key(story, KEY_LOG, 3, 33, true);
    add_key(story, KEY_TLS, 0, 90, true);
    assert_int_equal(registry_key(&story->registry, node_named("a"), KEY_LOG, 2, key).code, STATUS_OK);
    assert_int_equal(key[0], 11);
    assert_int_equal(registry_key(&story->registry, node_named("a"), KEY_LOG, 7, key).code, STATUS_OK);
    assert_int_equal(key[0], 33);
    add_key(story, KEY_LOG, 3, 33, false);
    assert_int_equal(registry_key(&story->registry, node_named("a"), KEY_LOG, 7, key).code, STATUS_OK);
    assert_int_equal(key[0], 11);
    assert_int_equal(registry_key(&story->registry, node_named("a"), KEY_TLS, 0, key).code, STATUS_OK);
    assert_int_equal(key[0], 90);
}

static void a_key_of_another_size_is_refused(void **state)
{
    struct story *story = *state;
    struct registry_entry entry = {
        .kind = KIND_REG_KEY, .node = node_named("a"), .key_use = KEY_LOG, .key = span_text("short"), .active = true};
    assert_int_equal(registry_apply(&story->registry, &entry).code, STATUS_INVALID);
}

static void the_smallest_cut_of_a_stream_counts(void **state)
{
    struct registry *registry = &((struct story *)*state)->registry;
    struct stream_id stream = {.node = node_named("a"), .epoch = 1, .scope = scope_named("a")};
    assert_true(registry_cut(registry, stream) == UINT64_MAX);
    struct registry_entry entry = {.kind = KIND_REG_CUT, .node = stream.node, .epoch = 1, .scope = stream.scope};
    entry.size = 9;
    assert_int_equal(registry_apply(registry, &entry).code, STATUS_OK);
    entry.size = 20;
    assert_int_equal(registry_apply(registry, &entry).code, STATUS_OK);
    assert_int_equal(registry_cut(registry, stream), 9);
    stream.epoch = 2;
    assert_true(registry_cut(registry, stream) == UINT64_MAX);
}

static void provinces_write_nothing_and_know_their_regencies(void **state)
{
    struct registry *registry = &((struct story *)*state)->registry;
    struct registry_entry entry = {
        .kind = KIND_REG_NODE, .node = node_named("64"), .institution = INSTITUTION_PROVINCE, .active = true};
    assert_int_equal(registry_apply(registry, &entry).code, STATUS_OK);
    entry = (struct registry_entry){.kind = KIND_REG_NODE,
                                    .node = node_named("64.09"),
                                    .parent = node_named("64"),
                                    .institution = INSTITUTION_REGENCY,
                                    .active = true};
    assert_int_equal(registry_apply(registry, &entry).code, STATUS_OK);
    assert_true(registry_is_province_of(registry, node_named("64"), scope_named("64.09")));
    assert_false(registry_is_province_of(registry, node_named("64"), scope_named("a")));
    assert_false(registry_is_province_of(registry, (struct node_id){{0}}, scope_named("a")));
    assert_true(node_id_equal(registry_scope_node(registry, scope_named("64.09")), node_named("64.09")));
    assert_true(node_id_equal(registry_scope_node(registry, scope_named("64")), (struct node_id){{0}}));
    assert_true(node_id_equal(registry_scope_node(registry, scope_named("q")), (struct node_id){{0}}));
}

static void without_memory_nothing_is_counted(void **state)
{
    struct registry *registry = &((struct story *)*state)->registry;
    struct arena empty;
    arena_init(&empty, registry->arena->memory, 0);
    struct arena *arena = registry->arena;
    uint64_t size = registry->size;
    registry->arena = &empty;
    struct registry_entry entry = {.kind = KIND_REG_NODE, .node = node_named("new"), .name = span_text("Kabupaten")};
    assert_int_equal(registry_apply(registry, &entry).code, STATUS_NO_MEMORY);
    registry->arena = arena;
    assert_int_equal(registry->size, size);
    assert_null(registry_node(registry, size + 1, node_named("new")));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(rights_hold_from_the_leaf_that_gives_them),
        T(a_node_is_unknown_before_its_leaf),
        T(an_entry_about_an_unknown_node_is_counted_without_effect),
        T(epochs_only_rise),
        T(the_log_key_is_that_of_the_epoch_or_the_newest_before_it),
        T(a_key_of_another_size_is_refused),
        T(the_smallest_cut_of_a_stream_counts),
        T(provinces_write_nothing_and_know_their_regencies),
        T(without_memory_nothing_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
