/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: proto_schema */
#include "tests/unit/proto/header_sample.h"

#include "proto/value.h"
#include "schema/header.pb-c.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static struct test_heap heap;

static void assert_entry_equal(struct ctx_entry a, struct ctx_entry b)
{
    assert_true(replica_equal(a.replica, b.replica));
    assert_int_equal(a.rseq, b.rseq);
    assert_true(hash_equal(a.hash, b.hash));
}

static void assert_place_equal(const struct header *a, const struct header *b)
{
    assert_true(replica_equal(header_replica(a), header_replica(b)));
    assert_true(scope_id_equal(a->scope, b->scope));
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->has_record, b->has_record);
    assert_true(record_id_equal(a->record, b->record));
    assert_int_equal(a->rseq, b->rseq);
    assert_int_equal(a->has_prev, b->has_prev);
    assert_true(hash_equal(a->prev, b->prev));
    assert_int_equal(a->hlc, b->hlc);
    assert_int_equal(a->reg, b->reg);
}

static void assert_meaning_equal(const struct header *a, const struct header *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->role, b->role);
    assert_int_equal(a->class, b->class);
    assert_true(span_equal(a->actor, b->actor));
    assert_int_equal(a->has_body, b->has_body);
    assert_true(hash_equal(a->commitment, b->commitment));
    assert_int_equal(a->body_size, b->body_size);
    assert_true(part_id_equal(a->part, b->part));
    assert_true(span_equal(a->nonce, b->nonce));
    assert_int_equal(a->has_grant, b->has_grant);
    assert_entry_equal(a->grant, b->grant);
}

static void assert_target_equal(const struct target *a, const struct target *b)
{
    assert_true(replica_equal(a->replica, b->replica));
    assert_int_equal(a->rseq, b->rseq);
    assert_true(hash_equal(a->hash, b->hash));
    assert_int_equal(a->accepted_ms, b->accepted_ms);
    assert_true(scope_id_equal(a->scope, b->scope));
}

static void assert_lists_equal(const struct header *a, const struct header *b)
{
    assert_int_equal(a->ctx_count, b->ctx_count);
    for (size_t i = 0; i < a->ctx_count; i++) {
        assert_entry_equal(a->ctx[i], b->ctx[i]);
    }
    assert_int_equal(a->erasures_seen_count, b->erasures_seen_count);
    for (size_t i = 0; i < a->erasures_seen_count; i++) {
        assert_true(dot_equal(a->erasures_seen[i], b->erasures_seen[i]));
    }
    assert_int_equal(a->target_count, b->target_count);
    for (size_t i = 0; i < a->target_count; i++) {
        assert_target_equal(&a->targets[i], &b->targets[i]);
    }
    assert_int_equal(a->register_count, b->register_count);
    for (size_t i = 0; i < a->register_count; i++) {
        assert_int_equal(a->registers[i], b->registers[i]);
    }
    assert_int_equal(a->open_count, b->open_count);
    for (size_t i = 0; i < a->open_count; i++) {
        assert_int_equal(a->open[i], b->open[i]);
    }
}

static void assert_header_equal(const struct header *a, const struct header *b)
{
    assert_place_equal(a, b);
    assert_meaning_equal(a, b);
    assert_lists_equal(a, b);
}

/* Written, or the test stops with the reason. */
static struct span write_sample(const struct header *h, struct arena *arena)
{
    struct span leaf = {0};
    struct fault fault = {0};
    struct status s = header_write(h, arena, &leaf, &fault);
    if (!status_is_ok(s)) {
        fail_msg("kind %s refused: %s: %s", kind_info(h->kind)->name, fault.field, fault.what);
    }
    return leaf;
}

static void scan_gives_back_what_write_was_given(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct arena arena = test_arena(&heap);
    static struct header_sample sample;
    for (unsigned round = 0; round < 3000; round++) {
        header_sample_make(&sample, sample_kinds[round % COUNT_OF(sample_kinds)], &seed);
        struct span leaf = write_sample(&sample.header, &arena);
        struct header got;
        assert_ok(header_scan(leaf, &arena, &got, NULL));
        assert_header_equal(&sample.header, &got);
        assert_true(header_class_fits(&got));
        arena_clear(&arena);
    }
    arena_release(&arena);
}

/* Either refused, or read and written again as the same bytes. */
static bool accepted_only_in_one_encoding(struct span bytes, struct arena *arena)
{
    struct header got;
    if (!status_is_ok(header_scan(bytes, arena, &got, NULL))) {
        return false;
    }
    if (!header_class_fits(&got)) {
        return false;
    }
    struct span again;
    assert_ok(header_write(&got, arena, &again, NULL));
    assert_true(span_equal(bytes, again));
    return true;
}

static void every_changed_byte_is_refused_or_means_what_it_says(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct arena arena = test_arena(&heap);
    static struct header_sample sample;
    size_t accepted = 0;
    for (unsigned round = 0; round < 2 * COUNT_OF(sample_kinds); round++) {
        header_sample_make(&sample, sample_kinds[round % COUNT_OF(sample_kinds)], &seed);
        struct span leaf = write_sample(&sample.header, &arena);
        uint8_t *copy = malloc(leaf.size);
        for (size_t at = 0; at < leaf.size; at++) {
            memcpy(copy, leaf.data, leaf.size);
            for (unsigned step = 1; step < 256; step += 1 + (unsigned)test_below(&seed, 7)) {
                copy[at] = (uint8_t)(leaf.data[at] + step);
                struct arena inner = test_arena(&heap);
                accepted += accepted_only_in_one_encoding(span_of(copy, leaf.size), &inner);
                arena_release(&inner);
            }
        }
        free(copy);
        arena_clear(&arena);
    }
    assert_true(accepted > 1000);
    arena_release(&arena);
}

static void every_inserted_removed_or_doubled_piece_is_refused_or_means_what_it_says(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct arena arena = test_arena(&heap);
    static struct header_sample sample;
    for (unsigned round = 0; round < 4000; round++) {
        header_sample_make(&sample, sample_kinds[round % COUNT_OF(sample_kinds)], &seed);
        struct span leaf = write_sample(&sample.header, &arena);
        size_t from = test_below(&seed, leaf.size);
        size_t size = 1 + test_below(&seed, leaf.size - from);
        bool twice = test_coin(&seed);
        uint8_t *copy = malloc(2 * leaf.size);
        memcpy(copy, leaf.data, from + (twice ? size : 0));
        size_t kept = from + (twice ? size : 0);
        size_t rest = twice ? from : from + size;
        memcpy(copy + kept, leaf.data + rest, leaf.size - rest);
        accepted_only_in_one_encoding(span_of(copy, kept + leaf.size - rest), &arena);
        free(copy);
        arena_clear(&arena);
    }
    arena_release(&arena);
}

static void a_leaf_cut_short_within_a_required_field_is_refused(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct arena arena = test_arena(&heap);
    static struct header_sample sample;
    header_sample_make(&sample, KIND_ROUTE, &seed);
    sample.header.has_grant = false;
    sample.header.erasures_seen_count = 0;
    struct span leaf = write_sample(&sample.header, &arena);
    for (size_t size = 0; size < leaf.size; size++) {
        uint8_t *exact = malloc(size ? size : 1); /* so that the sanitizer sees a read past the end */
        memcpy(exact, leaf.data, size);
        struct header got;
        struct fault fault = {0};
        assert_status(header_scan(span_of(exact, size), &arena, &got, &fault), STATUS_INVALID);
        assert_non_null(fault.what);
        assert_non_null(fault.field);
        free(exact);
    }
    arena_release(&arena);
}

static void random_bytes_neither_crash_nor_take_much_memory(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t bytes[300];
        size_t size = test_below(&seed, sizeof bytes);
        test_bytes(&seed, bytes, size);
        bytes[0] = 8;
        bytes[1] = 1;
        struct arena arena;
        arena_init(&arena, test_heap_memory(&heap), 64 * 1024);
        struct header got;
        struct status s = header_scan(span_of(bytes, size), &arena, &got, NULL);
        assert_true(s.code != STATUS_NO_MEMORY);
        arena_release(&arena);
    }
    assert_int_equal(heap.live, 0);
}

/* What header_write refuses, and header_scan too: shown by writing a good leaf and breaking the value. */
struct broken {
    const char *why;
    enum kind kind;
    void (*spoil)(struct header_sample *s);
    enum status_code wanted;
};

static void no_node(struct header_sample *s)
{
    s->header.node = (struct node_id){{0}};
}
static void bad_node(struct header_sample *s)
{
    s->header.node.text[0] = 'A';
}
static void node_with_bytes_after_its_end(struct header_sample *s)
{
    s->header.node = (struct node_id){"64.09"};
    s->header.node.text[9] = 'x';
}
static void no_epoch(struct header_sample *s)
{
    s->header.epoch = 0;
}
static void no_record(struct header_sample *s)
{
    s->header.has_record = false;
}
static void zero_record(struct header_sample *s)
{
    s->header.record = (struct record_id){{0}};
}
static void a_record(struct header_sample *s)
{
    s->header.has_record = true;
    s->header.record.bytes[0] = 1;
}
static void no_rseq(struct header_sample *s)
{
    s->header.rseq = 0;
    s->header.has_prev = false;
}
static void an_rseq(struct header_sample *s)
{
    s->header.rseq = 1;
}
static void prev_at_first(struct header_sample *s)
{
    s->header.rseq = 1;
    s->header.has_prev = true;
}
static void no_prev_at_second(struct header_sample *s)
{
    s->header.rseq = 2;
    s->header.has_prev = false;
}
static void some_ctx(struct header_sample *s)
{
    uint64_t seed = 7;
    s->ctx[0] = sample_ctx_entry(&seed);
    s->header.ctx = s->ctx;
    s->header.ctx_count = 1;
}
static void ctx_twice(struct header_sample *s)
{
    some_ctx(s);
    s->ctx[1] = s->ctx[0];
    s->ctx[1].rseq++;
    s->header.ctx_count = 2;
}
static void ctx_descending(struct header_sample *s)
{
    some_ctx(s);
    s->ctx[1] = s->ctx[0];
    s->ctx[0].replica.epoch++;
    s->header.ctx_count = 2;
}
static void ctx_without_rseq(struct header_sample *s)
{
    some_ctx(s);
    s->ctx[0].rseq = 0;
}
static void too_much_ctx(struct header_sample *s)
{
    static struct ctx_entry many[LIMIT_CTX_COUNT + 1];
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        many[i].replica = (struct replica){.node = {"a"}, .epoch = (uint32_t)i + 1};
        many[i].rseq = 1;
    }
    s->header.ctx = many;
    s->header.ctx_count = COUNT_OF(many);
}
static void no_registers(struct header_sample *s)
{
    s->header.register_count = 0;
    s->header.class = CLASS_PUBLIC;
}
static void a_register(struct header_sample *s)
{
    s->registers[0] = REG_STATUS;
    s->header.registers = s->registers;
    s->header.register_count = 1;
}
static void registers_descending(struct header_sample *s)
{
    a_register(s);
    s->registers[0] = REG_CHANNEL;
    s->registers[1] = REG_STATUS;
    s->header.register_count = 2;
}
static void register_twice(struct header_sample *s)
{
    a_register(s);
    s->registers[1] = REG_STATUS;
    s->header.register_count = 2;
}
static void register_too_large(struct header_sample *s)
{
    a_register(s);
    s->registers[0] = LIMIT_REGISTER_NUMBER + 1;
    s->header.class = CLASS_SEALED;
}
static void register_zero(struct header_sample *s)
{
    a_register(s);
    s->registers[0] = 0;
    s->header.class = CLASS_PUBLIC;
}
static void part_register_of_the_record(struct header_sample *s)
{
    a_register(s);
    s->registers[0] = REG_NOTE_TEXT;
    s->header.class = CLASS_RESTRICTED;
    s->header.part = (struct part_id){{0}};
}
static void record_register_of_a_part(struct header_sample *s)
{
    a_register(s);
    s->header.part.bytes[0] = 1;
    s->header.class = CLASS_PUBLIC;
}
static void a_part(struct header_sample *s)
{
    s->header.part.bytes[0] = 1;
}
static void no_part(struct header_sample *s)
{
    s->header.part = (struct part_id){{0}};
}
static void no_body(struct header_sample *s)
{
    s->header.has_body = false;
    s->header.body_size = 0;
}
static void a_body(struct header_sample *s)
{
    s->header.has_body = true;
    s->header.body_size = 3;
}
static void empty_body(struct header_sample *s)
{
    s->header.body_size = 0;
}
static void large_body(struct header_sample *s)
{
    s->header.body_size = LIMIT_BODY_SIZE + 1;
}
static void no_nonce(struct header_sample *s)
{
    s->header.nonce = (struct span){0};
}
static void a_nonce(struct header_sample *s)
{
    s->header.nonce = span_text("n");
}
static void large_nonce(struct header_sample *s)
{
    s->header.nonce = span_text("a nonce of more than thirty-two bytes");
}
static void no_target(struct header_sample *s)
{
    s->header.target_count = 0;
}
static void two_targets(struct header_sample *s)
{
    static struct target two[2];
    two[0] = two[1] = s->target;
    s->header.targets = two;
    s->header.target_count = 2;
}
static void a_target(struct header_sample *s)
{
    s->target.scope = (struct scope_id){"64.09"};
    s->header.targets = &s->target;
    s->header.target_count = 1;
}
static void target_without_scope(struct header_sample *s)
{
    s->target.scope = (struct scope_id){{0}};
}
static void target_without_hash(struct header_sample *s)
{
    s->target.hash = (struct hash){{0}};
}
static void target_without_time(struct header_sample *s)
{
    s->target.accepted_ms = 0;
}
static void a_grant(struct header_sample *s)
{
    uint64_t seed = 9;
    s->header.has_grant = true;
    s->header.grant = sample_ctx_entry(&seed);
}
static void open_title(struct header_sample *s)
{
    a_register(s);
    s->registers[0] = REG_TITLE;
    s->header.class = CLASS_RESTRICTED;
    s->open[0] = REG_TITLE;
    s->header.open = s->open;
    s->header.open_count = 1;
}
static void open_not_written(struct header_sample *s)
{
    a_register(s);
    s->header.class = CLASS_PUBLIC;
    s->open[0] = REG_ANONYMOUS;
    s->header.open = s->open;
    s->header.open_count = 1;
}
static void status_register(struct header_sample *s)
{
    s->registers[0] = REG_STATUS;
}
static void erasures_descending(struct header_sample *s)
{
    s->erasures[0] = (struct dot){.replica = {.node = {"a"}, .epoch = 1}, .rseq = 2};
    s->erasures[1] = (struct dot){.replica = {.node = {"a"}, .epoch = 1}, .rseq = 1};
    s->header.erasures_seen = s->erasures;
    s->header.erasures_seen_count = 2;
}
static void unknown_kind(struct header_sample *s)
{
    s->header.kind = (enum kind)99;
}
static void unknown_role(struct header_sample *s)
{
    s->header.role = ROLE_COUNT;
}
static void unknown_class(struct header_sample *s)
{
    s->header.class = (enum class)3;
}
static void long_actor(struct header_sample *s)
{
    static const char text[LIMIT_ACTOR_SIZE + 1] = "a";
    s->header.actor = span_of(text, sizeof text);
}
static void actor_no_utf8(struct header_sample *s)
{
    s->header.actor = span_text("\xff");
}

static const struct broken broken[] = {
    {"no node", KIND_EDIT, no_node, STATUS_INVALID},
    {"capital letter in node", KIND_EDIT, bad_node, STATUS_INVALID},
    {"bytes after the node's end", KIND_EDIT, node_with_bytes_after_its_end, STATUS_INVALID},
    {"no epoch", KIND_EDIT, no_epoch, STATUS_INVALID},
    {"change without record", KIND_EDIT, no_record, STATUS_INVALID},
    {"zero record", KIND_EDIT, zero_record, STATUS_INVALID},
    {"relay without record", KIND_RELAY, no_record, STATUS_INVALID},
    {"registry leaf with record", KIND_REG_NODE, a_record, STATUS_INVALID},
    {"epoch_open with record", KIND_EPOCH_OPEN, a_record, STATUS_INVALID},
    {"change without rseq", KIND_EDIT, no_rseq, STATUS_INVALID},
    {"relay with rseq", KIND_RELAY, an_rseq, STATUS_INVALID},
    {"clamp with rseq", KIND_CLAMP, an_rseq, STATUS_INVALID},
    {"prev at rseq 1", KIND_EDIT, prev_at_first, STATUS_INVALID},
    {"no prev at rseq 2", KIND_EDIT, no_prev_at_second, STATUS_INVALID},
    {"create with ctx", KIND_CREATE, some_ctx, STATUS_INVALID},
    {"relay with ctx", KIND_RELAY, some_ctx, STATUS_INVALID},
    {"one replica twice in ctx", KIND_EDIT, ctx_twice, STATUS_INVALID},
    {"ctx descending", KIND_EDIT, ctx_descending, STATUS_INVALID},
    {"ctx entry without rseq", KIND_EDIT, ctx_without_rseq, STATUS_INVALID},
    {"49 ctx entries", KIND_EDIT, too_much_ctx, STATUS_LIMIT},
    {"edit without registers", KIND_EDIT, no_registers, STATUS_INVALID},
    {"create without registers", KIND_CREATE, no_registers, STATUS_INVALID},
    {"note without registers", KIND_NOTE, no_registers, STATUS_INVALID},
    {"route without registers", KIND_ROUTE, no_registers, STATUS_INVALID},
    {"erase with registers", KIND_ERASE, a_register, STATUS_INVALID},
    {"erased with registers", KIND_ERASED, a_register, STATUS_INVALID},
    {"relay with registers", KIND_RELAY, a_register, STATUS_INVALID},
    {"registers descending", KIND_EDIT, registers_descending, STATUS_INVALID},
    {"register twice", KIND_EDIT, register_twice, STATUS_INVALID},
    {"register 192", KIND_EDIT, register_too_large, STATUS_INVALID},
    {"register 0", KIND_EDIT, register_zero, STATUS_INVALID},
    {"a part's register without part", KIND_EDIT, part_register_of_the_record, STATUS_INVALID},
    {"a record's register with part", KIND_EDIT, record_register_of_a_part, STATUS_INVALID},
    {"create with part", KIND_CREATE, a_part, STATUS_INVALID},
    {"loosen with part", KIND_LOOSEN, a_part, STATUS_INVALID},
    {"route with part", KIND_ROUTE, a_part, STATUS_INVALID},
    {"relay with part", KIND_RELAY, a_part, STATUS_INVALID},
    {"note without part", KIND_NOTE, no_part, STATUS_INVALID},
    {"attach without part", KIND_ATTACH, no_part, STATUS_INVALID},
    {"edit without body", KIND_EDIT, no_body, STATUS_INVALID},
    {"registry leaf without body", KIND_REG_CUT, no_body, STATUS_INVALID},
    {"loosen with body", KIND_LOOSEN, a_body, STATUS_INVALID},
    {"route with body", KIND_ROUTE, a_body, STATUS_INVALID},
    {"erase with body", KIND_ERASE, a_body, STATUS_INVALID},
    {"erased with body", KIND_ERASED, a_body, STATUS_INVALID},
    {"relay with body", KIND_RELAY, a_body, STATUS_INVALID},
    {"commitment without size", KIND_EDIT, empty_body, STATUS_INVALID},
    {"body above its limit", KIND_EDIT, large_body, STATUS_LIMIT},
    {"create without nonce", KIND_CREATE, no_nonce, STATUS_INVALID},
    {"edit with nonce", KIND_EDIT, a_nonce, STATUS_INVALID},
    {"nonce of 37 bytes", KIND_CREATE, large_nonce, STATUS_LIMIT},
    {"route without target", KIND_ROUTE, no_target, STATUS_INVALID},
    {"erased without target", KIND_ERASED, no_target, STATUS_INVALID},
    {"relay without target", KIND_RELAY, no_target, STATUS_INVALID},
    {"route with two targets", KIND_ROUTE, two_targets, STATUS_INVALID},
    {"relay with two targets", KIND_RELAY, two_targets, STATUS_INVALID},
    {"edit with target", KIND_EDIT, a_target, STATUS_INVALID},
    {"erase with target", KIND_ERASE, a_target, STATUS_INVALID},
    {"registry leaf with target", KIND_REG_NODE, a_target, STATUS_INVALID},
    {"route without scope", KIND_ROUTE, target_without_scope, STATUS_INVALID},
    {"relay without scope", KIND_RELAY, target_without_scope, STATUS_INVALID},
    {"relay without hash", KIND_RELAY, target_without_hash, STATUS_INVALID},
    {"erased without hash", KIND_ERASED, target_without_hash, STATUS_INVALID},
    {"clamp without time", KIND_CLAMP, target_without_time, STATUS_INVALID},
    {"relay with grant", KIND_RELAY, a_grant, STATUS_INVALID},
    {"open names title", KIND_CREATE, open_title, STATUS_INVALID},
    {"open names what is not written", KIND_CREATE, open_not_written, STATUS_INVALID},
    {"edit with open", KIND_EDIT, open_not_written, STATUS_INVALID},
    {"loosen of status", KIND_LOOSEN, status_register, STATUS_INVALID},
    {"route of status", KIND_ROUTE, status_register, STATUS_INVALID},
    {"erasures seen descending", KIND_EDIT, erasures_descending, STATUS_INVALID},
    {"unknown kind", KIND_EDIT, unknown_kind, STATUS_UNSUPPORTED},
    {"unknown role", KIND_EDIT, unknown_role, STATUS_UNSUPPORTED},
    {"unknown class", KIND_EDIT, unknown_class, STATUS_UNSUPPORTED},
    {"actor of 65 bytes", KIND_EDIT, long_actor, STATUS_LIMIT},
    {"actor not UTF-8", KIND_EDIT, actor_no_utf8, STATUS_INVALID},
};

static void write_refuses_what_a_kind_must_not_have_or_lacks(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct arena arena = test_arena(&heap);
    static struct header_sample sample;
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        header_sample_make(&sample, broken[i].kind, &seed);
        (void)write_sample(&sample.header, &arena);
        broken[i].spoil(&sample);
        struct span leaf = span_text("untouched");
        struct fault fault = {0};
        struct status s = header_write(&sample.header, &arena, &leaf, &fault);
        if (s.code != broken[i].wanted || fault.what == NULL || leaf.size != 9) {
            fail_msg("%s: %s", broken[i].why, status_name(s));
        }
    }
    arena_release(&arena);
}

/* The bytes that a protobuf program writes for the same header. */
static void entry_to_schema(const struct ctx_entry *entry, Simpul__Ctx *out, char *node)
{
    simpul__ctx__init(out);
    memcpy(node, entry->replica.node.text, 16);
    out->node = node;
    out->epoch = entry->replica.epoch;
    out->lane = entry->replica.lane;
    out->rseq = entry->rseq;
    out->leaf_hash = (ProtobufCBinaryData){32, (uint8_t *)(uintptr_t)entry->hash.bytes};
}

struct schema_header {
    Simpul__Header header;
    char node[17], scope[17], actor[LIMIT_ACTOR_SIZE + 1], grant_node[17], target_node[17], target_scope[17];
    Simpul__Ctx ctx[LIMIT_CTX_COUNT];
    Simpul__Ctx *ctx_list[LIMIT_CTX_COUNT];
    char ctx_node[LIMIT_CTX_COUNT][17];
    Simpul__Dot erasures[LIMIT_ERASURES_SEEN];
    Simpul__Dot *erasure_list[LIMIT_ERASURES_SEEN];
    char erasure_node[LIMIT_ERASURES_SEEN][17];
    Simpul__Ctx grant;
    Simpul__Target target;
    Simpul__Target *target_list[1];
};

static ProtobufCBinaryData binary(const void *data, size_t size)
{
    return (ProtobufCBinaryData){size, (uint8_t *)(uintptr_t)data};
}

static void plain_to_schema(const struct header *h, struct schema_header *out)
{
    Simpul__Header *p = &out->header;
    memcpy(out->node, h->node.text, 16);
    memcpy(out->scope, h->scope.text, 16);
    if (h->actor.size) {
        memcpy(out->actor, h->actor.data, h->actor.size);
    }
    p->fmt = HEADER_FMT;
    p->node = out->node;
    p->epoch = h->epoch;
    p->lane = h->lane;
    p->scope = out->scope;
    p->seq = h->seq;
    p->record = binary(h->record.bytes, h->has_record ? 16 : 0);
    p->rseq = h->rseq;
    p->prev = binary(h->prev.bytes, h->has_prev ? 32 : 0);
    p->hlc = h->hlc;
    p->reg = h->reg;
    p->kind = (Simpul__Kind)h->kind;
    p->actor = out->actor;
    p->role = (Simpul__Role)h->role;
    p->commitment = binary(h->commitment.bytes, h->has_body ? 32 : 0);
    p->body_size = h->body_size;
    p->class_ = (Simpul__Class)h->class;
    p->part = binary(h->part.bytes, part_id_is_none(h->part) ? 0 : 16);
    p->nonce = binary(h->nonce.data, h->nonce.size);
    p->registers = (uint32_t *)(uintptr_t)h->registers;
    p->n_registers = h->register_count;
    p->open = (uint32_t *)(uintptr_t)h->open;
    p->n_open = h->open_count;
}

static void target_to_schema(const struct target *t, struct schema_header *out)
{
    simpul__target__init(&out->target);
    memcpy(out->target_node, t->replica.node.text, 16);
    memcpy(out->target_scope, t->scope.text, 16);
    out->target.node = out->target_node;
    out->target.epoch = t->replica.epoch;
    out->target.lane = t->replica.lane;
    out->target.rseq = t->rseq;
    out->target.leaf_hash = binary(t->hash.bytes, 32);
    out->target.accepted_ms = t->accepted_ms;
    out->target.scope = out->target_scope;
    out->target_list[0] = &out->target;
    out->header.target = out->target_list;
    out->header.n_target = 1;
}

static void to_schema(const struct header *h, struct schema_header *out)
{
    memset(out, 0, sizeof *out);
    simpul__header__init(&out->header);
    plain_to_schema(h, out);
    for (size_t i = 0; i < h->ctx_count; i++) {
        entry_to_schema(&h->ctx[i], &out->ctx[i], out->ctx_node[i]);
        out->ctx_list[i] = &out->ctx[i];
    }
    out->header.ctx = out->ctx_list;
    out->header.n_ctx = h->ctx_count;
    for (size_t i = 0; i < h->erasures_seen_count; i++) {
        simpul__dot__init(&out->erasures[i]);
        memcpy(out->erasure_node[i], h->erasures_seen[i].replica.node.text, 16);
        out->erasures[i].node = out->erasure_node[i];
        out->erasures[i].epoch = h->erasures_seen[i].replica.epoch;
        out->erasures[i].lane = h->erasures_seen[i].replica.lane;
        out->erasures[i].rseq = h->erasures_seen[i].rseq;
        out->erasure_list[i] = &out->erasures[i];
    }
    out->header.erasures_seen = out->erasure_list;
    out->header.n_erasures_seen = h->erasures_seen_count;
    if (h->target_count) {
        target_to_schema(h->targets, out);
    }
    if (h->has_grant) {
        entry_to_schema(&h->grant, &out->grant, out->grant_node);
        out->header.grant = &out->grant;
    }
}

static void a_protobuf_program_writes_the_same_bytes(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct arena arena = test_arena(&heap);
    static struct header_sample sample;
    static struct schema_header schema;
    for (unsigned round = 0; round < 1000; round++) {
        header_sample_make(&sample, sample_kinds[round % COUNT_OF(sample_kinds)], &seed);
        struct span leaf = write_sample(&sample.header, &arena);
        to_schema(&sample.header, &schema);
        uint8_t packed[LIMIT_HEADER_SIZE];
        assert_int_equal(simpul__header__get_packed_size(&schema.header), leaf.size);
        assert_int_equal(simpul__header__pack(&schema.header, packed), leaf.size);
        assert_memory_equal(packed, leaf.data, leaf.size);
        arena_clear(&arena);
    }
    arena_release(&arena);
}

static void a_header_above_4096_bytes_is_not_written(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct arena arena = test_arena(&heap);
    static struct header_sample sample;
    header_sample_make(&sample, KIND_EDIT, &seed);
    for (size_t i = 0; i < LIMIT_CTX_COUNT; i++) {
        struct ctx_entry entry = sample_ctx_entry(&seed);
        entry.replica.node = (struct node_id){"aaaaaaaaaaaaaaa"};
        entry.replica.epoch = UINT32_MAX;
        entry.replica.lane = UINT32_MAX - (uint32_t)(LIMIT_CTX_COUNT - i);
        entry.rseq = UINT64_MAX;
        sample.ctx[i] = entry;
    }
    sample.header.ctx = sample.ctx;
    sample.header.ctx_count = LIMIT_CTX_COUNT;
    for (size_t i = 0; i < LIMIT_ERASURES_SEEN; i++) {
        sample.erasures[i] = (struct dot){.replica = sample.ctx[0].replica, .rseq = UINT64_MAX - 100 + i};
    }
    sample.header.erasures_seen = sample.erasures;
    sample.header.erasures_seen_count = LIMIT_ERASURES_SEEN;
    struct span leaf;
    assert_status(header_write(&sample.header, &arena, &leaf, NULL), STATUS_LIMIT);
    sample.header.erasures_seen_count = 0;
    struct header got;
    leaf = write_sample(&sample.header, &arena);
    assert_ok(header_scan(leaf, &arena, &got, NULL));
    assert_int_equal(got.ctx_count, LIMIT_CTX_COUNT);
    static uint8_t large[LIMIT_HEADER_SIZE + 1];
    assert_status(header_scan(span_of(large, sizeof large), &arena, &got, NULL), STATUS_LIMIT);
    arena_release(&arena);
}

static void a_wrong_class_is_left_to_the_merge_but_not_written(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct arena arena = test_arena(&heap);
    static struct header_sample sample;
    header_sample_make(&sample, KIND_ERASE, &seed);
    sample.header.class = CLASS_SEALED;
    sample.header.part = (struct part_id){{0}};
    sample.header.has_grant = false;
    sample.header.erasures_seen_count = 0;
    struct span leaf = write_sample(&sample.header, &arena);
    struct header got;
    uint8_t *changed = malloc(leaf.size);
    memcpy(changed, leaf.data, leaf.size);
    assert_int_equal(changed[leaf.size - 1], CLASS_SEALED); /* the class is this leaf's last field, 90 01 02 */
    assert_ok(header_scan(span_of(changed, leaf.size - 3), &arena, &got, NULL));
    assert_int_equal(got.class, CLASS_PUBLIC);
    assert_false(header_class_fits(&got));
    assert_status(header_write(&got, &arena, &leaf, NULL), STATUS_INVALID);
    free(changed);

    header_sample_make(&sample, KIND_EDIT, &seed);
    sample.registers[0] = REG_STATUS;
    sample.registers[1] = REG_TEXT;
    sample.header.part = (struct part_id){{0}};
    sample.header.register_count = 2;
    for (unsigned class = CLASS_PUBLIC; class <= CLASS_SEALED; class++) {
        sample.header.class = (enum class)class;
        assert_false(header_class_fits(&sample.header));
        assert_status(header_write(&sample.header, &arena, &leaf, NULL), STATUS_INVALID);
    }
    arena_release(&arena);
}

static void a_failed_allocation_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct test_heap good = {0};
    struct arena arena = test_arena(&good);
    static struct header_sample sample;
    header_sample_make(&sample, KIND_EDIT, &seed);
    sample_ctx(&sample, &seed, 40);
    struct span leaf = write_sample(&sample.header, &arena);
    for (size_t n = 1;; n++) {
        struct test_heap failing = {.fail_at = n};
        struct arena inner;
        arena_init(&inner, test_heap_memory(&failing), SIZE_MAX);
        struct header got = {.seq = 77};
        struct span again = {0};
        struct status s = header_scan(leaf, &inner, &got, NULL);
        if (status_is_ok(s)) {
            s = header_write(&got, &inner, &again, NULL);
        } else {
            assert_int_equal(got.seq, 77);
        }
        arena_release(&inner);
        assert_int_equal(failing.live, 0);
        if (status_is_ok(s)) {
            assert_true(n > 1);
            break;
        }
        assert_int_equal(s.code, STATUS_NO_MEMORY);
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_gives_back_what_write_was_given),
        cmocka_unit_test(every_changed_byte_is_refused_or_means_what_it_says),
        cmocka_unit_test(every_inserted_removed_or_doubled_piece_is_refused_or_means_what_it_says),
        cmocka_unit_test(a_leaf_cut_short_within_a_required_field_is_refused),
        cmocka_unit_test(random_bytes_neither_crash_nor_take_much_memory),
        cmocka_unit_test(write_refuses_what_a_kind_must_not_have_or_lacks),
        cmocka_unit_test(a_protobuf_program_writes_the_same_bytes),
        cmocka_unit_test(a_header_above_4096_bytes_is_not_written),
        cmocka_unit_test(a_wrong_class_is_left_to_the_merge_but_not_written),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
