/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/conflict/story.h"

/* The bytes are a hard format (merge.md, last paragraph): written out by hand here. */

static size_t put(uint8_t *to, size_t at, const void *bytes, size_t size)
{
    memcpy(to + at, bytes, size);
    return at + size;
}

static size_t put_number(uint8_t *to, size_t at, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        to[at + i] = (uint8_t)(number >> (8 * (size - 1 - i)));
    }
    return at + size;
}

static size_t put_dot(uint8_t *to, size_t at, const char *node, uint64_t rseq)
{
    memset(to + at, 0, 16);
    memcpy(to + at, node, strlen(node));
    at = put_number(to, at + 16, 1, 4);
    at = put_number(to, at, 0, 4);
    return put_number(to, at, rseq, 8);
}

static struct span state_bytes(struct story *story, const struct record *record)
{
    struct span bytes;
    assert_int_equal(record_state_bytes(record, &story->arena, &bytes).code, STATUS_OK);
    return bytes;
}

static void the_state_is_written_as_merge_md_says(void **state)
{
    (void)state;
    struct story story;
    struct record record;
    story_init(&story);
    reader_store(&story, &record);
    struct leaf *create = leaf_status(story_leaf(&story, &record, "a", "a", KIND_CREATE, ROLE_CLERK), COMPLAINT_PROSES);
    APPLIES(&story, &record, create);
    struct leaf *one = leaf_status(story_leaf(&story, &record, "hub", "a", KIND_EDIT, ROLE_NATIONAL), COMPLAINT_ARSIP);
    struct leaf *two = leaf_status(story_leaf(&story, &record, "a", "a", KIND_EDIT, ROLE_CLERK), COMPLAINT_SELESAI);
    struct leaf *erase = story_leaf(&story, &record, "hub", "a", KIND_ERASE, ROLE_ADMIN);
    erase->header.rseq = 2;
    erase->header.prev = one->hash;
    erase->header.class = CLASS_RESTRICTED;
    erase->header.part.bytes[15] = 9;
    APPLIES(&story, &record, one);
    APPLIES(&story, &record, two);
    APPLIES(&story, &record, erase);
    assert_int_equal(record_clamp(&record, header_dot(&two->header), 0x0102030405).code, STATUS_OK);

    uint8_t expected[512] = {0};
    size_t at = put(expected, 0, "simpul/state/v1", 16);
    at += 16; /* the record's own part */
    at = put_number(expected, at, REG_STATUS, 4);
    at = put_number(expected, at, 1, 4); /* K: both edits had read the create */
    at = put_dot(expected, at, "a", 1);
    at = put_number(expected, at, 2, 4);
    bool one_first = memcmp(one->hash.bytes, two->hash.bytes, 32) < 0;
    at = put(expected, at, one_first ? one->hash.bytes : two->hash.bytes, 32);
    at = put(expected, at, one_first ? two->hash.bytes : one->hash.bytes, 32);
    at = put_number(expected, at, 1, 4); /* erasures */
    at = put_dot(expected, at, "hub", 2);
    at = put_number(expected, at, CLASS_RESTRICTED, 4);
    at = put(expected, at, erase->header.part.bytes, 16);
    at = put_number(expected, at, 1, 4); /* clamps */
    at = put_dot(expected, at, "a", 2);
    at = put_number(expected, at, 0x0102030405, 8);
    struct span bytes = state_bytes(&story, &record);
    assert_int_equal(bytes.size, at);
    assert_memory_equal(bytes.data, expected, at);
    story_release(&story);
}

static void an_empty_record_has_a_state_too(void **state)
{
    (void)state;
    struct story story;
    struct record record;
    story_init(&story);
    reader_store(&story, &record);
    struct span bytes = state_bytes(&story, &record);
    assert_int_equal(bytes.size, 16 + 8);
    story_release(&story);
}

static void what_waits_is_no_part_of_the_state(void **state)
{
    (void)state;
    struct story story;
    struct record record, other;
    story_init(&story);
    reader_store(&story, &record);
    reader_store(&story, &other);
    struct leaf *create = leaf_status(story_leaf(&story, &record, "a", "a", KIND_CREATE, ROLE_CLERK), COMPLAINT_PROSES);
    APPLIES(&story, &record, create);
    APPLIES(&story, &other, create);
    APPLIES(&story, &other, leaf_text(story_leaf(&story, &other, "a", "a", KIND_EDIT, ROLE_CLERK), REG_TITLE, "x"));
    struct leaf *erase = story_leaf(&story, &other, "a", "a", KIND_ERASE, ROLE_ADMIN);
    erase->header.class = CLASS_SEALED;
    struct span before = state_bytes(&story, &record);
    assert_int_equal(story_result(&story, &record, erase), APPLY_PARKED);
    assert_int_equal(record.erasure_count, 1);
    assert_true(span_equal(before, state_bytes(&story, &record)));
    story_release(&story);
}

static void a_record_rebuilt_after_a_cut_forgets_what_stood_above_it(void **state)
{
    (void)state;
    struct story story;
    struct record record, rebuilt;
    story_init(&story);
    reader_store(&story, &record);
    reader_store(&story, &rebuilt);
    struct leaf *leaves[3];
    leaves[0] = leaf_status(story_leaf(&story, &record, "a", "a", KIND_CREATE, ROLE_CLERK), COMPLAINT_PROSES);
    APPLIES(&story, &record, leaves[0]);
    leaves[1] = leaf_text(story_leaf(&story, &record, "a", "a", KIND_EDIT, ROLE_CLERK), REG_TITLE, "forged");
    APPLIES(&story, &record, leaves[1]);
    leaves[2] = leaf_text(story_leaf(&story, &record, "hub", "a", KIND_EDIT, ROLE_ADMIN), REG_CLOSING, "honest");
    APPLIES(&story, &record, leaves[2]);
    struct registry_entry cut = {.kind = KIND_REG_CUT,
                                 .node = node_named("a"),
                                 .epoch = 1,
                                 .scope = scope_named("a"),
                                 .size = leaves[1]->header.seq};
    assert_int_equal(registry_apply(&story.registry, &cut).code, STATUS_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(story_result(&story, &rebuilt, leaves[i]), i == 1 ? APPLY_VOID : APPLY_APPLIED);
    }
    assert_null(record_register_find(&rebuilt, (struct part_id){{0}}, REG_TITLE));
    shows_text(&story, &rebuilt, REG_CLOSING, "honest");
    story_release(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_is_written_as_merge_md_says),
        cmocka_unit_test(an_empty_record_has_a_state_too),
        cmocka_unit_test(what_waits_is_no_part_of_the_state),
        cmocka_unit_test(a_record_rebuilt_after_a_cut_forgets_what_stood_above_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
