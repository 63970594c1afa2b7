/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SYNC_CAPTURE_STORY_H
#define TESTS_UNIT_SYNC_CAPTURE_STORY_H

/* One complaint, one row, a node "a" and a hub, so that a test of capture reads like the story it tells. */

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conflict/registry.h"
#include "proto/value.h"
#include "sync/capture.h"

#define MINUTE ((uint64_t)60000)
#define HOUR (60 * MINUTE)
#define STORY_FIELDS 5

struct story_field {
    uint32_t number;
    const char *raw;     /* NULL: the column is NULL */
    const char *problem; /* set: does not map */
    uint32_t status;     /* REG_STATUS: what raw means */
};

struct story {
    struct arena arena;
    struct registry registry;
    struct record record;
    struct capture_source source;
    uint64_t now, hashes, seq;
    bool acked;
    struct shadow *shadow;
    struct story_field fields[STORY_FIELDS];
    size_t field_count;
    bool row_there;
    const char *born;
    struct capture_decision decision;
    const char *last_claim;
};

static inline void *story_alloc(void *owner, size_t size)
{
    (void)owner;
    return malloc(size);
}

static inline void story_free(void *owner, void *pointer)
{
    (void)owner;
    free(pointer);
}

static inline void story_sha256(void *owner, const struct span *parts, size_t count, struct hash *out_hash)
{
    uint64_t lanes[4] = {0xcbf29ce484222325U, 7, 1, 2};
    (void)owner;
    for (size_t p = 0; p < count; p++) {
        for (size_t i = 0; i < parts[p].size; i++) {
            lanes[i % 4] = (lanes[i % 4] ^ parts[p].data[i]) * 0x100000001b3U;
            lanes[(i + 1) % 4] += lanes[i % 4] >> 9;
        }
    }
    memcpy(out_hash->bytes, lanes, sizeof lanes);
}

static inline void story_hmac(void *owner, struct span key, const struct span *parts, size_t count,
                              struct hash *out_hash)
{
    struct hash inner;
    story_sha256(owner, parts, count, &inner);
    const struct span outer[] = {key, span_of(inner.bytes, sizeof inner.bytes)};
    story_sha256(owner, outer, 2, out_hash);
}

static const struct crypto story_crypto = {.sha256 = story_sha256, .hmac = story_hmac};

static inline bool story_is_acked(const void *owner, uint32_t stream, uint64_t seq)
{
    (void)seq;
    const struct story *story = owner;
    return stream != 1 || story->acked;
}

static inline struct node_id node_named(const char *text)
{
    struct node_id id = {{0}};
    memcpy(id.text, text, strlen(text));
    return id;
}

static inline void ok(struct status status)
{
    assert_int_equal(status.code, STATUS_OK);
}

static inline void story_init(struct story *s)
{
    *s = (struct story){.now = 1000 * HOUR, .acked = true, .row_there = true, .born = "2024-01-02"};
    arena_init(&s->arena, (struct memory){.alloc = story_alloc, .release = story_free}, SIZE_MAX);
    registry_init(&s->registry, &s->arena);
    const struct registry_entry entries[] = {
        {.kind = KIND_REG_HUB, .node = node_named("hub"), .active = true},
        {.kind = KIND_REG_ROLE, .node = node_named("hub"), .roles = 0x7e, .active = true},
        {.kind = KIND_REG_NODE, .node = node_named("a"), .institution = INSTITUTION_REGENCY, .active = true},
        {.kind = KIND_REG_ROLE, .node = node_named("a"), .roles = 0x7e, .active = true},
        {.kind = KIND_REG_NODE, .node = node_named("b"), .institution = INSTITUTION_REGENCY, .active = true},
    };
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        ok(registry_apply(&s->registry, &entries[i]));
    }
    record_init(&s->record, (struct record_id){{7}}, &s->arena);
    s->source = (struct capture_source){.self = node_named("a"),
                                        .lane = 1,
                                        .scope = {.text = "a"},
                                        .crypto = &story_crypto,
                                        .secret = span_text("secret"),
                                        .system = span_text("model"),
                                        .actor = span_text("clerk"),
                                        .form_window_ms = 30 * MINUTE,
                                        .ready = true,
                                        .is_acked = story_is_acked,
                                        .is_acked_owner = s};
}

static inline void story_release(struct story *s)
{
    arena_release(&s->arena);
}

static inline struct span story_value(struct story *s, const struct value *value)
{
    struct span bytes;
    ok(value_write(value, &s->arena, &bytes));
    return bytes;
}

static inline struct span text_value(struct story *s, const char *text)
{
    return story_value(s, &(struct value){.type = VALUE_TEXT, .text = span_text(text)});
}

static inline struct span status_value(struct story *s, enum complaint_status status)
{
    return story_value(s, &(struct value){.type = VALUE_STATUS, .status = {.status = status}});
}

static inline struct span flag_value(struct story *s, bool flag)
{
    return story_value(s, &(struct value){.type = VALUE_FLAG, .flag = flag});
}

/* ---- leaves ---- */

struct story_leaf {
    const char *node;
    uint32_t lane;
    enum kind kind;
    enum role role;
    const struct body_value *values;
    size_t value_count;
    const struct ctx_entry *ctx; /* NULL: everything that is held */
    size_t ctx_count;
    bool empty_ctx;
    enum class class; /* erase */
    const char *to;   /* route */
    const uint32_t *open;
    size_t open_count;
    struct part_id part;
};

/* Puts one leaf into the record; every value must be of one class. */
static inline struct ctx_entry story_apply(struct story *s, const struct story_leaf *what)
{
    struct header header = {.node = node_named(what->node),
                            .epoch = 1,
                            .lane = what->lane,
                            .scope = {.text = "a"},
                            .seq = ++s->seq,
                            .record = s->record.id,
                            .has_record = true,
                            .rseq = 1,
                            .hlc = s->now << 16 | (++s->hashes & 0xffff),
                            .reg = s->registry.size,
                            .kind = what->kind,
                            .role = what->role,
                            .part = what->part,
                            .open = what->open,
                            .open_count = what->open_count,
                            .has_body = what->value_count > 0};
    uint32_t own = record_replica_find(&s->record, header_replica(&header));
    if (own != UINT32_MAX && s->record.replicas[own].rseq > 0) {
        header.rseq = s->record.replicas[own].rseq + 1;
        header.prev = s->record.replicas[own].hash;
        header.has_prev = true;
    }
    struct ctx_entry *ctx = NULL;
    size_t ctx_count = 0;
    if (what->kind != KIND_CREATE && !what->empty_ctx && !what->ctx) {
        ok(record_token(&s->record, &s->arena, &ctx, &ctx_count));
    }
    header.ctx = what->ctx ? what->ctx : ctx;
    header.ctx_count = what->ctx ? what->ctx_count : ctx_count;
    uint32_t *registers = arena_array(&s->arena, what->value_count, sizeof *registers);
    for (size_t i = 0; i < what->value_count; i++) {
        registers[i] = what->values[i].number;
        header.class = register_class(registers[i]);
    }
    if (what->kind == KIND_ERASE) {
        header.class = what->class;
    }
    header.registers = registers;
    header.register_count = what->value_count;
    struct target target = {.rseq = 0};
    if (what->to) {
        memcpy(target.scope.text, what->to, strlen(what->to));
        header.targets = &target;
        header.target_count = 1;
        static const uint32_t route = REG_ROUTE;
        header.registers = &route;
        header.register_count = 1;
    }
    header.has_grant =
        strcmp(what->node, "a") == 0 && record_grant(&s->record, header.scope, node_named("hub"), &header.grant);
    struct hash hash;
    const struct span part = span_of(&s->hashes, sizeof s->hashes);
    story_sha256(NULL, &part, 1, &hash);
    struct change change = {.header = &header,
                            .hash = hash,
                            .stream = strcmp(what->node, "a") == 0 ? 1 : 2,
                            .seq = header.seq,
                            .binds = what->kind == KIND_CREATE,
                            .body = header.has_body ? BODY_PRESENT : BODY_NONE,
                            .values = what->values,
                            .value_count = what->value_count};
    struct apply_outcome outcome;
    ok(record_apply(&s->record, &change, &s->registry, node_named("a"), &outcome));
    assert_int_equal(outcome.result, APPLY_APPLIED);
    return (struct ctx_entry){.replica = header_replica(&header), .rseq = header.rseq, .hash = hash};
}

static inline struct ctx_entry hub_writes(struct story *s, uint32_t number, struct span value)
{
    struct body_value body = {.number = number, .bytes = value};
    return story_apply(s,
                       &(struct story_leaf){
                           .node = "hub", .kind = KIND_EDIT, .role = ROLE_NATIONAL, .values = &body, .value_count = 1});
}

/* What the engine does after the hold. */
static inline void story_destroy(struct story *s)
{
    size_t *bodies;
    size_t count;
    ok(record_erased_bodies(&s->record, &s->arena, &bodies, &count));
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        record_body_gone(&s->record, bodies[i]);
    }
}

/* ---- the row ---- */

static inline struct story_field *story_field(struct story *s, uint32_t number)
{
    for (size_t i = 0; i < s->field_count; i++) {
        if (s->fields[i].number == number) {
            return &s->fields[i];
        }
    }
    assert_true(s->field_count < STORY_FIELDS);
    size_t at = s->field_count++;
    while (at > 0 && s->fields[at - 1].number > number) {
        s->fields[at] = s->fields[at - 1];
        at--;
    }
    s->fields[at] = (struct story_field){.number = number};
    return &s->fields[at];
}

static inline void clerk_sets(struct story *s, uint32_t number, const char *raw)
{
    story_field(s, number)->raw = raw;
}

static inline void clerk_sets_status(struct story *s, const char *raw, enum complaint_status status)
{
    struct story_field *field = story_field(s, REG_STATUS);
    field->raw = raw;
    field->status = (uint32_t)status;
}

static inline const struct capture_row *story_row(struct story *s)
{
    struct capture_row *row = arena_alloc(&s->arena, sizeof *row);
    struct capture_register *registers = arena_array(&s->arena, s->field_count, sizeof *registers);
    struct shadow_cell *identity = arena_alloc(&s->arena, sizeof *identity);
    *identity = (struct shadow_cell){.column = span_text("diterima"), .bytes = span_text(s->born)};
    for (size_t i = 0; i < s->field_count; i++) {
        const struct story_field *field = &s->fields[i];
        struct shadow_cell *cell = arena_alloc(&s->arena, sizeof *cell);
        *cell = (struct shadow_cell){.column = span_text("kolom"),
                                     .bytes = field->raw ? span_text(field->raw) : (struct span){.size = 0},
                                     .null = field->raw == NULL};
        registers[i] = (struct capture_register){.number = field->number,
                                                 .cells = cell,
                                                 .cell_count = 1,
                                                 .present = field->raw != NULL && !field->problem,
                                                 .problem = field->raw ? field->problem : NULL,
                                                 .readable = true,
                                                 .writable = true};
        if (field->number == REG_STATUS) {
            registers[i].value = status_value(s, (enum complaint_status)field->status);
        } else if (field->number == REG_CONFIDENTIAL) {
            registers[i].value = flag_value(s, field->raw && field->raw[0] == 'Y');
        } else if (registers[i].present) {
            registers[i].value = text_value(s, field->raw);
        }
    }
    *row = (struct capture_row){
        .registers = registers, .register_count = s->field_count, .identity = identity, .identity_count = 1};
    return row;
}

/* The shadow goes through its bytes each time, as in a database. */
static inline void story_store(struct story *s)
{
    struct span bytes;
    ok(shadow_encode(s->decision.shadow, &s->arena, &bytes));
    uint64_t before = s->shadow ? s->shadow->version : 0;
    s->shadow = arena_alloc(&s->arena, sizeof *s->shadow);
    ok(shadow_decode(bytes, &s->arena, s->shadow));
    assert_int_equal(s->shadow->version, before + 1);
}

static inline struct capture_input story_input(struct story *s)
{
    static const uint8_t nonce[32] = {1};
    return (struct capture_input){.now_ms = s->now,
                                  .row = s->row_there ? story_row(s) : NULL,
                                  .shadow = s->shadow,
                                  .record = s->record.history_count > 0 ? &s->record : NULL,
                                  .record_id = s->record.id,
                                  .nonce = span_of(nonce, sizeof nonce)};
}

static inline enum capture_action decide(struct story *s)
{
    struct capture_input input = story_input(s);
    ok(capture_decide(&s->source, &input, &s->arena, &s->decision));
    return s->decision.action;
}

static inline bool has_item(const struct story *s, enum capture_item_kind kind, uint32_t number)
{
    for (size_t i = 0; i < s->decision.item_count; i++) {
        if (s->decision.items[i].kind == kind && s->decision.items[i].number == number) {
            return true;
        }
    }
    return false;
}

/* Carries out LEAVES; claims nothing. */
static inline void write_leaves(struct story *s)
{
    assert_int_equal(s->decision.action, CAPTURE_LEAVES);
    struct written written[STORY_FIELDS + 2];
    for (size_t i = 0; i < s->decision.draft_count; i++) {
        const struct draft *draft = &s->decision.drafts[i];
        written[i] = (struct written){.leaf_count = 0};
        for (enum class class = CLASS_PUBLIC; class <= CLASS_RESTRICTED; class = (enum class)(class + 1)) {
            struct body_value values[STORY_FIELDS];
            size_t count = 0;
            for (size_t v = 0; v < draft->value_count; v++) {
                if (register_class(draft->values[v].number) == class) {
                    values[count++] = draft->values[v];
                }
            }
            bool create = draft->kind == KIND_CREATE && class == CLASS_PUBLIC;
            if (count == 0 && !create) {
                continue;
            }
            struct story_leaf leaf = {.node = "a",
                                      .lane = 1,
                                      .kind = draft->kind == KIND_CREATE && !create ? KIND_EDIT : draft->kind,
                                      .role = draft->role,
                                      .values = values,
                                      .value_count = count,
                                      .ctx = draft->ctx_count > 0 ? draft->ctx : NULL,
                                      .ctx_count = draft->ctx_count,
                                      .empty_ctx = draft->ctx_count == 0,
                                      .part = draft->part,
                                      .open = create ? draft->open : NULL,
                                      .open_count = create ? draft->open_count : 0};
            written[i].classes[written[i].leaf_count] = class;
            written[i].leaves[written[i].leaf_count++] = story_apply(s, &leaf);
        }
    }
    ok(capture_done(&s->source, &s->decision, written, &s->arena));
    story_store(s);
}

/* Carries out WRITE: the row gets `raw` in the one register that is due. */
static inline void write_back(struct story *s, const char *raw)
{
    assert_int_equal(s->decision.action, CAPTURE_WRITE);
    assert_int_equal(s->decision.write_count, 1);
    story_field(s, s->decision.writes[0].number)->raw = raw;
    ok(capture_written(&s->source, &s->decision, story_row(s), s->now, &s->arena));
    story_store(s);
}

/* A captured complaint: title, text, status, confidential. */
static inline void story_begin(struct story *s)
{
    story_init(s);
    clerk_sets_status(s, "baru", COMPLAINT_BELUM_VERIFIKASI);
    clerk_sets(s, REG_CONFIDENTIAL, "N");
    clerk_sets(s, REG_TITLE, "jalan rusak");
    clerk_sets(s, REG_TEXT, "ada lubang");
    assert_int_equal(decide(s), CAPTURE_LEAVES);
    write_leaves(s);
    assert_int_equal(decide(s), CAPTURE_NOTHING);
}

#endif
