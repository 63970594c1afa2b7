/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto/testing.h"

#include "proto/message.h"
#include "tests/unit/proto/vectors.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}
#define SALT TEXT("0123456789abcdef0123456789abcdef")

static struct test_heap heap;

/* One message of each kind with nothing left at its default. */

static const struct stream_state states[] = {
    {.stream = {{"64.09"}, 1, {"64.09"}}, .size = 300, .root = {{1, 2, 3}}},
    {.stream = {{"hub"}, 2, {"registry"}}, .size = UINT64_MAX, .root = {{0, 0xff}}},
};

static const struct hash proof[] = {{{1}}, {{0}}, {{3}}};

static const struct attachment attachment = {.stream = {{"64.01"}, 3, {"64.01"}},
                                             .seq = 41,
                                             .leaf = TEXT("foreign leaf"),
                                             .body = {BODY_PRESENT, SALT, TEXT("foreign body")},
                                             .checkpoint = TEXT("note"),
                                             .proof = proof,
                                             .proof_count = 3};

static const struct wire_leaf leaves[] = {
    {.leaf = TEXT("leaf 0"), .body = {BODY_PRESENT, SALT, TEXT("body 0")}},
    {.leaf = TEXT("leaf 1"), .attachment = &attachment},
    {.leaf = TEXT("leaf 2"), .body = {.state = BODY_ERASED}},
};

static const struct record_digest digests[] = {{{{1}}, {{2}}, {{5}}}, {{{3}}, {{4}}, {{6}}}};
static const struct void_leaf voids[] = {{7, TEXT("rights")}, {0, TEXT("cut")}};
static const struct dot want[] = {{{{"64.09"}, 1, 0}, 3}, {{{"64.10"}, 2, 1}, 9}};
static const struct record_id want_records[] = {{{9}}, {{8}}};

static const struct hello hello = {.version = PROTOCOL_VERSION,
                                   .node = {"64.09"},
                                   .deployment = TEXT("uji"),
                                   .program = TEXT("0.1.0"),
                                   .now_ms = 1700000000000,
                                   .instance = {1, 2, 3},
                                   .lease = TEXT("lease"),
                                   .takeover = true,
                                   .own = states,
                                   .own_count = 2,
                                   .epoch_open = 4};

static const struct hello_answer hello_answer = {.verdict = VERDICT_LEASE_TAKEN,
                                                 .version = PROTOCOL_VERSION,
                                                 .now_ms = 1,
                                                 .lease = TEXT("lease"),
                                                 .retry_ms = 600000,
                                                 .registry_checkpoint = TEXT("note"),
                                                 .own = states,
                                                 .own_count = 2,
                                                 .epoch_max = 2,
                                                 .leaves_max = 1000,
                                                 .bytes_max = 4194304};

static const struct push push = {.stream = {{"64.09"}, 1, {"64.09"}},
                                 .old_size = 17,
                                 .checkpoint = TEXT("note"),
                                 .lease = TEXT("lease"),
                                 .leaves = leaves,
                                 .leaf_count = 3};

static const struct push_answer push_answer = {.verdict = VERDICT_SIZE_DIFFERS,
                                               .size = 20,
                                               .root = {{5}},
                                               .checkpoint = TEXT("note"),
                                               .at = 2,
                                               .voids = voids,
                                               .void_count = 2,
                                               .digests = digests,
                                               .digest_count = 2,
                                               .now_ms = 3};

static const struct pull pull = {.have = states,
                                 .have_count = 2,
                                 .want = want,
                                 .want_records = want_records,
                                 .want_count = 2,
                                 .wait_ms = 55000,
                                 .lease = {(const uint8_t *)"sewasewasewasewa", 16},
                                 .bytes_max = 1000};

static const struct pull_part parts[] = {
    {.stream = {{"hub"}, 1, {"64.09"}},
     .first = 5,
     .checkpoint = TEXT("note"),
     .consistency = proof,
     .consistency_count = 2,
     .leaves = leaves,
     .leaf_count = 3},
    {.stream = {{"hub"}, 1, {"registry"}}},
};

static const struct pull_answer pull_answer = {.verdict = VERDICT_BUSY,
                                               .parts = parts,
                                               .part_count = 2,
                                               .wanted = &attachment,
                                               .wanted_count = 1,
                                               .own = states,
                                               .own_count = 2,
                                               .digests = digests,
                                               .digest_count = 2,
                                               .more = true,
                                               .now_ms = 9};

static const struct bodies_ask bodies_ask = {.positions = states, .count = 2};
static const struct wire_body bodies[] = {{BODY_PRESENT, SALT, TEXT("body")}, {BODY_LATER, {0}, {0}}, {0}};
static const struct bodies_answer bodies_answer = {.verdict = VERDICT_OK, .bodies = bodies, .count = 3};

/* Each kind: written, read into `room` and written again; and the vector that says the same as the sample. */
struct kind_under_test {
    const char *name;
    struct status (*write)(const void *m, struct arena *arena, struct span *out_bytes);
    struct status (*read)(struct span bytes, struct arena *arena, void *out_m);
    const void *sample;
    const char *vector;
};

#define KIND(name)                                                                                                     \
    static struct status write_##name(const void *m, struct arena *arena, struct span *out_bytes)                      \
    {                                                                                                                  \
        return name##_write(m, arena, out_bytes);                                                                      \
    }                                                                                                                  \
    static struct status read_##name(struct span bytes, struct arena *arena, void *out_m)                              \
    {                                                                                                                  \
        return name##_read(bytes, arena, out_m);                                                                       \
    }
KIND(hello)
KIND(hello_answer)
KIND(push)
KIND(push_answer)
KIND(pull)
KIND(pull_answer)
KIND(bodies_ask)
KIND(bodies_answer)

union room {
    struct hello hello;
    struct hello_answer hello_answer;
    struct push push;
    struct push_answer push_answer;
    struct pull pull;
    struct pull_answer pull_answer;
    struct bodies_ask bodies_ask;
    struct bodies_answer bodies_answer;
    uint8_t bytes[256];
};

static const struct kind_under_test kinds[] = {
    {"hello", write_hello, read_hello, &hello, "Hello"},
    {"hello_answer", write_hello_answer, read_hello_answer, &hello_answer, "HelloAnswer"},
    {"push", write_push, read_push, &push, "Push"},
    {"push_answer", write_push_answer, read_push_answer, &push_answer, "PushAnswer"},
    {"pull", write_pull, read_pull, &pull, "Pull"},
    {"pull_answer", write_pull_answer, read_pull_answer, &pull_answer, "PullAnswer"},
    {"bodies_ask", write_bodies_ask, read_bodies_ask, &bodies_ask, "BodiesAsk"},
    {"bodies_answer", write_bodies_answer, read_bodies_answer, &bodies_answer, "BodiesAnswer"},
};

static void a_message_read_back_is_written_as_the_same_bytes(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct span bytes;
        struct span again;
        union room room;
        assert_ok(kinds[i].write(kinds[i].sample, &arena, &bytes));
        assert_ok(kinds[i].read(bytes, &arena, &room));
        assert_ok(kinds[i].write(&room, &arena, &again));
        assert_true(span_equal(bytes, again));
    }
    arena_release(&arena);
}

static void another_protobuf_program_writes_the_same_messages(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct span bytes;
        struct span again;
        union room room;
        struct span vector = vector_bytes(kinds[i].vector);
        assert_ok(kinds[i].write(kinds[i].sample, &arena, &bytes));
        assert_true(span_equal(bytes, vector));
        assert_ok(kinds[i].read(vector, &arena, &room));
        free((void *)(uintptr_t)vector.data);
        assert_ok(kinds[i].write(&room, &arena, &again));
        assert_true(span_equal(bytes, again));
    }
    arena_release(&arena);
}

static void members_of_a_pull_answer_come_back_as_they_were(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    struct span bytes;
    struct pull_answer got;
    assert_ok(pull_answer_write(&pull_answer, &arena, &bytes));
    assert_ok(pull_answer_read(bytes, &arena, &got));
    assert_int_equal(got.verdict, VERDICT_BUSY);
    assert_int_equal(got.part_count, 2);
    assert_true(got.more);
    assert_int_equal(got.now_ms, 9);
    assert_true(stream_id_equal(got.parts[0].stream, parts[0].stream));
    assert_int_equal(got.parts[0].leaf_count, 3);
    assert_int_equal(got.parts[1].leaf_count, 0);
    const struct wire_leaf *leaf = got.parts[0].leaves;
    assert_true(span_equal(leaf[0].leaf, span_text("leaf 0")));
    assert_int_equal(leaf[0].body.state, BODY_PRESENT);
    assert_true(span_equal(leaf[0].body.body, span_text("body 0")));
    assert_null(leaf[0].attachment);
    assert_non_null(leaf[1].attachment);
    assert_int_equal(leaf[1].attachment->seq, 41);
    assert_int_equal(leaf[1].attachment->proof_count, 3);
    assert_true(hash_equal(leaf[1].attachment->proof[2], proof[2]));
    assert_true(span_equal(leaf[1].attachment->body.body, span_text("foreign body")));
    assert_int_equal(leaf[2].body.state, BODY_ERASED);
    assert_int_equal(got.wanted_count, 1);
    assert_true(hash_equal(got.own[1].root, states[1].root));
    assert_true(record_id_equal(got.digests[1].record, digests[1].record));
    arena_release(&arena);
}

static void what_a_node_says_of_its_health_comes_back_and_an_older_program_says_nothing(void **state)
{
    (void)state;
    static const struct health health = {.program = TEXT("0.2.0"), .now_ms = 1700000000001, .started_ms = 2, .certificate_end_ms = 3,
                                         .waiting = 4, .quarantine = 5, .store_bytes = 6, .connectors = 7, .connectors_stuck = 8};
    struct arena arena = test_arena(&heap);
    struct span bytes;
    struct span again;
    struct pull with = pull;
    struct pull got;
    assert_ok(pull_write(&pull, &arena, &bytes));
    assert_ok(pull_read(bytes, &arena, &got));
    assert_null(got.health);
    with.health = &health;
    assert_ok(pull_write(&with, &arena, &bytes));
    assert_ok(pull_read(bytes, &arena, &got));
    assert_true(span_equal(got.health->program, health.program));
    assert_int_equal(got.health->waiting, 4);
    assert_int_equal(got.health->connectors_stuck, 8);
    struct hello first = hello;
    struct hello read;
    first.health = &health;
    assert_ok(hello_write(&first, &arena, &bytes));
    assert_ok(hello_read(bytes, &arena, &read));
    assert_ok(hello_write(&read, &arena, &again));
    assert_true(span_equal(bytes, again));
    const struct node_heard heard[] = {{{"64.09"}, 1, 2, 3, -4, &health}, {.node = {"64.71"}, .seen_ms = 5}};
    struct pull_answer told = pull_answer;
    struct pull_answer back;
    told.heard = heard;
    told.heard_count = 2;
    assert_ok(pull_answer_write(&told, &arena, &bytes));
    assert_ok(pull_answer_read(bytes, &arena, &back));
    assert_int_equal(back.heard_count, 2);
    assert_int_equal(back.heard[0].skew_ms, -4);
    assert_int_equal(back.heard[0].health->quarantine, 5);
    assert_null(back.heard[1].health);
    char text[LIMIT_PROGRAM_SIZE + 1];
    memset(text, 'v', sizeof text);
    struct health long_one = {.program = span_of(text, sizeof text)};
    with.health = &long_one;
    assert_int_equal(pull_write(&with, &arena, &bytes).code, STATUS_LIMIT);
    arena_release(&arena);
}

static void an_empty_message_is_all_defaults(void **state)
{
    (void)state;
    static const uint8_t zeros[sizeof(union room)];
    struct arena arena = test_arena(&heap);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct span bytes;
        union room room = {.bytes = {0}};
        assert_ok(kinds[i].write(zeros, &arena, &bytes));
        assert_int_equal(bytes.size, 0);
        assert_ok(kinds[i].read((struct span){0}, &arena, &room));
        assert_memory_equal(&room, zeros, sizeof room);
    }
    arena_release(&arena);
}

/* Whatever is accepted can be written, and means the same when it is read again. */
static bool accepted_and_stable(const struct kind_under_test *kind, struct span bytes)
{
    struct arena arena = test_arena(&heap);
    union room room;
    bool accepted = status_is_ok(kind->read(bytes, &arena, &room));
    if (accepted) {
        struct span again;
        struct span third;
        assert_ok(kind->write(&room, &arena, &again));
        assert_ok(kind->read(again, &arena, &room));
        assert_ok(kind->write(&room, &arena, &third));
        assert_true(span_equal(again, third));
    }
    arena_release(&arena);
    return accepted;
}

static void a_message_cut_at_any_byte_is_refused_or_shorter(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct span bytes;
        assert_ok(kinds[i].write(kinds[i].sample, &arena, &bytes));
        size_t refused = 0;
        for (size_t size = 0; size < bytes.size; size++) {
            uint8_t *exact = malloc(size ? size : 1); /* so that the sanitizer sees a read past the end */
            memcpy(exact, bytes.data, size);
            refused += !accepted_and_stable(&kinds[i], span_of(exact, size));
            free(exact);
        }
        assert_true(refused > bytes.size / 2);
    }
    arena_release(&arena);
}

static void a_message_with_any_byte_changed_is_refused_or_stable(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct arena arena = test_arena(&heap);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct span bytes;
        assert_ok(kinds[i].write(kinds[i].sample, &arena, &bytes));
        uint8_t *copy = malloc(bytes.size);
        for (size_t at = 0; at < bytes.size; at++) {
            for (unsigned round = 0; round < 24; round++) {
                memcpy(copy, bytes.data, bytes.size);
                copy[at] = (uint8_t)(round < 8 ? bytes.data[at] ^ 1u << round : (uint32_t)test_random(&seed));
                accepted_and_stable(&kinds[i], span_of(copy, bytes.size));
            }
        }
        free(copy);
    }
    arena_release(&arena);
    assert_int_equal(heap.live, 0);
}

/* `size` bytes of two-byte empty sub-messages of field `number`. */
static struct span flood(uint8_t *room, size_t size, unsigned number)
{
    for (size_t i = 0; i + 1 < size; i += 2) {
        room[i] = (uint8_t)(number << 3 | 2);
        room[i + 1] = 0;
    }
    return span_of(room, size & ~(size_t)1);
}

static void a_flood_of_empty_messages_takes_no_memory(void **state)
{
    (void)state;
    const size_t size = 1024 * 1024;
    uint8_t *room = malloc(size);
    const struct {
        size_t kind;
        unsigned number;
    } floods[] = {{0, 15}, {5, 15}, {0, 9}, {1, 7}, {2, 7}, {3, 6}, {3, 7}, {4, 1}, {4, 2}, {5, 2}, {5, 3}, {5, 4}, {5, 5}, {5, 8}, {6, 1}, {7, 2}};
    for (size_t i = 0; i < COUNT_OF(floods); i++) {
        struct test_heap counted = {0};
        struct arena arena = test_arena(&counted);
        union room m;
        assert_status(kinds[floods[i].kind].read(flood(room, size, floods[i].number), &arena, &m), STATUS_LIMIT);
        assert_int_equal(counted.requests, 0);
        arena_release(&arena);
    }
    free(room);
}

static void nested_floods_stay_within_the_memory_of_a_message(void **state)
{
    (void)state;
    /* 64 parts of 1,000 leaves with an empty attachment each: 4 bytes become more than 200. */
    struct buffer part;
    struct buffer message;
    struct arena arena = test_arena(&heap);
    buffer_init(&part, &arena);
    for (size_t i = 0; i < LIMIT_BATCH_LEAVES; i++) {
        buffer_add(&part, "\x3a\2\x1a\0", 4);
    }
    struct span bytes;
    assert_ok(buffer_end(&part, &bytes));
    buffer_init(&message, &arena);
    for (size_t i = 0; i < LIMIT_PULL_ORIGINS; i++) {
        buffer_add_u8(&message, 0x12);
        buffer_add_sized(&message, bytes);
    }
    assert_ok(buffer_end(&message, &bytes));
    struct test_heap counted = {0};
    struct arena reading;
    arena_init(&reading, test_heap_memory(&counted), LIMIT_MESSAGE_MEMORY + 1024 * 1024);
    struct pull_answer got;
    struct status s = pull_answer_read(bytes, &reading, &got);
    assert_true(status_is_ok(s) || s.code == STATUS_LIMIT);
    arena_release(&reading);
    arena_init(&reading, test_heap_memory(&counted), 64 * 1024);
    assert_status(pull_answer_read(bytes, &reading, &got), STATUS_NO_MEMORY);
    arena_release(&reading);
    arena_release(&arena);
}

/* One leaf with `attachments` inside. */
static struct status read_leaf_of(struct span attachments, struct arena *arena, struct push *out_push)
{
    struct buffer message;
    struct span bytes;
    buffer_init(&message, arena);
    buffer_add_u8(&message, 0x3a);
    buffer_add_sized(&message, attachments);
    TRY(buffer_end(&message, &bytes));
    return push_read(bytes, arena, out_push);
}

static void a_sub_message_that_comes_twice_is_refused(void **state)
{
    (void)state;
    const size_t size = 1024 * 1024;
    uint8_t *room = malloc(size);
    struct arena arena = test_arena(&heap);
    struct push got;
    assert_status(read_leaf_of(flood(room, size, 3), &arena, &got), STATUS_LIMIT);
    assert_status(read_leaf_of(span_text("\x1a\2\x20\1\x1a\2\x20\2"), &arena, &got), STATUS_LIMIT);
    assert_ok(read_leaf_of(span_text("\x1a\2\x20\1"), &arena, &got));
    assert_int_equal(got.leaves[0].attachment->seq, 1);
    free(room);
    arena_release(&arena);
}

struct refused {
    const char *why;
    size_t kind;
    struct span bytes;
    enum status_code wanted;
};

static const struct refused refused[] = {
    {"salt of 3 bytes", 7, TEXT("\x12\5\x12\3xyz"), STATUS_INVALID},
    {"unknown body state", 7, TEXT("\x12\2\x08\5"), STATUS_INVALID},
    {"unknown verdict", 7, TEXT("\x08\x0d"), STATUS_INVALID},
    {"want without its record", 4, TEXT("\x12\2\x10\1"), STATUS_INVALID},
    {"record of 3 bytes", 4, TEXT("\x12\2\x10\1\x1a\3xyz"), STATUS_INVALID},
    {"node with a capital", 0, TEXT("\x12\1A"), STATUS_INVALID},
    {"root of 3 bytes", 6, TEXT("\x0a\5\x2a\3xyz"), STATUS_INVALID},
    {"deployment not UTF-8", 0, TEXT("\x1a\1\xff"), STATUS_INVALID},
    {"instance of 3 bytes", 0, TEXT("\x32\3xyz"), STATUS_INVALID},
    {"lease of 65 bytes", 0, TEXT("\x3a\x41""12345678901234567890123456789012345678901234567890123456789012345"),
     STATUS_LIMIT},
    {"epoch above 32 bits", 0, TEXT("\x50\xff\xff\xff\xff\x7f"), STATUS_INVALID},
    {"inner size past its message", 6, TEXT("\x0a\3\x0a\5x"), STATUS_INVALID},
};

static void broken_messages_are_refused(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        union room room;
        struct status s = kinds[refused[i].kind].read(refused[i].bytes, &arena, &room);
        if (s.code != refused[i].wanted) {
            fail_msg("%s: %s", refused[i].why, status_name(s));
        }
    }
    arena_release(&arena);
}

static void write_refuses_what_breaks_a_bound(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    static uint8_t large[LIMIT_BODY_SIZE + 1];
    static struct wire_leaf many[LIMIT_BATCH_LEAVES + 1];
    struct span bytes = span_text("untouched");
    struct wire_leaf leaf = {.leaf = {large, LIMIT_HEADER_SIZE + 1}};
    struct push m = {.leaves = &leaf, .leaf_count = 1};
    assert_status(push_write(&m, &arena, &bytes), STATUS_LIMIT);
    leaf = (struct wire_leaf){.body = {.state = BODY_PRESENT, .body = {large, sizeof large}}};
    assert_status(push_write(&m, &arena, &bytes), STATUS_LIMIT);
    leaf = (struct wire_leaf){.body = {.state = BODY_PRESENT, .salt = TEXT("short")}};
    assert_status(push_write(&m, &arena, &bytes), STATUS_INVALID);
    m = (struct push){.leaves = many, .leaf_count = COUNT_OF(many)};
    assert_status(push_write(&m, &arena, &bytes), STATUS_LIMIT);
    /* Each leaf within its bound, all of them above a message's. */
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        many[i].body = (struct wire_body){.state = BODY_PRESENT, .body = {large, LIMIT_BODY_SIZE}};
    }
    m.leaf_count = 30;
    assert_status(push_write(&m, &arena, &bytes), STATUS_LIMIT);
    assert_int_equal(bytes.size, 9);
    arena_release(&arena);
}

static void a_failed_allocation_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    struct span bytes;
    assert_ok(pull_answer_write(&pull_answer, &arena, &bytes));
    for (size_t n = 1; n < 20; n++) {
        struct test_heap failing = {.fail_at = n};
        struct arena inner = test_arena(&failing);
        struct pull_answer got = {.now_ms = 77};
        struct status s = pull_answer_read(bytes, &inner, &got);
        struct span again;
        if (status_is_ok(s)) {
            s = pull_answer_write(&got, &inner, &again);
        } else {
            assert_int_equal(got.now_ms, 77);
        }
        assert_true(s.code == (failing.requests >= n ? STATUS_NO_MEMORY : STATUS_OK));
        arena_release(&inner);
        assert_int_equal(failing.live, 0);
    }
    arena_release(&arena);
}

/* With a small budget each piece of memory is asked for by itself: every one of them fails once. */
static void a_budget_that_ends_anywhere_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    struct arena arena = test_arena(&heap);
    struct span bytes;
    assert_ok(pull_answer_write(&pull_answer, &arena, &bytes));
    size_t failed = 0;
    for (size_t budget = 0; budget < 16 * 1024; budget += 16) {
        struct test_heap counted = {0};
        struct arena inner;
        struct pull_answer got = {.now_ms = 77};
        arena_init(&inner, test_heap_memory(&counted), budget);
        struct status s = pull_answer_read(bytes, &inner, &got);
        failed += !status_is_ok(s);
        assert_true(status_is_ok(s) || (s.code == STATUS_NO_MEMORY && got.now_ms == 77));
        arena_release(&inner);
        assert_int_equal(counted.live, 0);
    }
    assert_true(failed > 100 && failed < 1000);
    arena_release(&arena);
}

static void every_verdict_has_a_word(void **state)
{
    (void)state;
    for (unsigned v = 0; v <= VERDICT_BUSY; v++) {
        assert_true(strlen(verdict_name((enum verdict)v)) > 1);
        assert_true(strlen(verdict_sentence((enum verdict)v)) > 40);
    }
    assert_string_equal(verdict_name((enum verdict)99), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_read_back_is_written_as_the_same_bytes),
        cmocka_unit_test(another_protobuf_program_writes_the_same_messages),
        cmocka_unit_test(members_of_a_pull_answer_come_back_as_they_were),
        cmocka_unit_test(what_a_node_says_of_its_health_comes_back_and_an_older_program_says_nothing),
        cmocka_unit_test(an_empty_message_is_all_defaults),
        cmocka_unit_test(a_message_cut_at_any_byte_is_refused_or_shorter),
        cmocka_unit_test(a_message_with_any_byte_changed_is_refused_or_stable),
        cmocka_unit_test(a_flood_of_empty_messages_takes_no_memory),
        cmocka_unit_test(nested_floods_stay_within_the_memory_of_a_message),
        cmocka_unit_test(a_sub_message_that_comes_twice_is_refused),
        cmocka_unit_test(broken_messages_are_refused),
        cmocka_unit_test(write_refuses_what_breaks_a_bound),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaks_nothing),
        cmocka_unit_test(a_budget_that_ends_anywhere_is_reported_and_leaks_nothing),
        cmocka_unit_test(every_verdict_has_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
