/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_PROTO_HEADER_SAMPLE_H
#define TESTS_UNIT_PROTO_HEADER_SAMPLE_H

#include "proto/header.h"
#include "tests/unit/proto/testing.h"

/* Random valid headers, and the storage of their lists. */

struct header_sample {
    struct header header;
    struct ctx_entry ctx[LIMIT_CTX_COUNT];
    struct dot erasures[LIMIT_ERASURES_SEEN];
    uint32_t registers[LIMIT_REGISTER_COUNT];
    uint32_t open[2];
    struct target target;
    uint8_t nonce[LIMIT_NONCE_SIZE];
    char actor[LIMIT_ACTOR_SIZE];
};

static const enum kind sample_kinds[] = {
    KIND_CREATE, KIND_EDIT,  KIND_STALE_EDIT, KIND_LOOSEN,     KIND_NOTE,    KIND_ATTACH,   KIND_ERASE,
    KIND_ERASED, KIND_ROUTE, KIND_RELAY,      KIND_CLAMP,      KIND_REG_HUB, KIND_REG_NODE, KIND_REG_EPOCH,
    KIND_REG_KEY, KIND_REG_ROLE, KIND_REG_CUT, KIND_EPOCH_OPEN, KIND_REG_SETTINGS,
};

static inline struct node_id sample_node(uint64_t *seed)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789.";
    struct node_id node = {{0}};
    size_t size = 1 + test_below(seed, sizeof node.text);
    for (size_t i = 0; i < size; i++) {
        node.text[i] = letters[test_below(seed, sizeof letters - 1)];
    }
    return node;
}

static inline struct scope_id sample_scope(uint64_t *seed)
{
    return scope_of_node(sample_node(seed));
}

static inline struct replica sample_replica(uint64_t *seed)
{
    return (struct replica){.node = sample_node(seed),
                            .epoch = 1 + (uint32_t)test_number(seed, 31),
                            .lane = (uint32_t)test_number(seed, 32)};
}

static inline struct hash sample_hash(uint64_t *seed)
{
    struct hash hash;
    test_bytes(seed, hash.bytes, sizeof hash.bytes);
    return hash;
}

static inline struct ctx_entry sample_ctx_entry(uint64_t *seed)
{
    return (struct ctx_entry){
        .replica = sample_replica(seed), .rseq = 1 + test_number(seed, 63), .hash = sample_hash(seed)};
}

static inline void sample_ctx(struct header_sample *s, uint64_t *seed, size_t most)
{
    size_t count = 0;
    for (size_t n = test_below(seed, most + 1); n > 0; n--) {
        struct ctx_entry entry = sample_ctx_entry(seed);
        size_t at = count;
        while (at > 0 && replica_compare(s->ctx[at - 1].replica, entry.replica) > 0) {
            at--;
        }
        memmove(&s->ctx[at + 1], &s->ctx[at], (count - at) * sizeof s->ctx[0]);
        s->ctx[at] = entry;
        count++;
    }
    s->header.ctx = count ? s->ctx : NULL;
    s->header.ctx_count = count;
}

static inline void sample_erasures(struct header_sample *s, uint64_t *seed)
{
    struct dot dot = {.replica = sample_replica(seed)};
    size_t count = test_below(seed, 4);
    for (size_t i = 0; i < count; i++) {
        dot.rseq += 1 + test_number(seed, 20);
        s->erasures[i] = dot;
    }
    s->header.erasures_seen = count ? s->erasures : NULL;
    s->header.erasures_seen_count = count;
}

/* Ascending numbers of one class; a part's where the header has a part. */
static inline void sample_registers(struct header_sample *s, uint64_t *seed)
{
    static const uint32_t own[3][4] = {{1, 3, 13, 14}, {64, 65, 68, 101}, {128, 129, 150, 191}};
    static const uint32_t part[4] = {80, 83, 90, 102};
    enum class class = (enum class)test_below(seed, 3);
    const uint32_t *from = own[class];
    if (!part_id_is_none(s->header.part)) {
        from = part;
        class = CLASS_RESTRICTED;
    }
    size_t count = 0;
    for (size_t i = 0; i < 4; i++) {
        if (test_coin(seed) || (i == 3 && count == 0)) {
            s->registers[count++] = from[i];
        }
    }
    s->header.class = class;
    s->header.register_count = count;
}

static inline void sample_body(struct header_sample *s, uint64_t *seed)
{
    s->header.has_body = true;
    s->header.commitment = sample_hash(seed);
    s->header.body_size = 1 + (uint32_t)test_below(seed, LIMIT_BODY_SIZE);
}

static inline void sample_target(struct header_sample *s, uint64_t *seed)
{
    struct ctx_entry entry = sample_ctx_entry(seed);
    s->target = (struct target){.replica = entry.replica, .rseq = entry.rseq, .hash = entry.hash};
    s->target.accepted_ms = 1 + test_number(seed, 44);
    s->target.scope = sample_scope(seed);
    s->header.targets = &s->target;
    s->header.target_count = 1;
}

static inline void sample_create(struct header_sample *s, uint64_t *seed)
{
    struct header *h = &s->header;
    h->ctx = NULL;
    h->ctx_count = 0;
    test_bytes(seed, s->nonce, sizeof s->nonce);
    h->nonce = span_of(s->nonce, 1 + test_below(seed, sizeof s->nonce));
    for (size_t i = 0; i < h->register_count; i++) {
        uint32_t number = s->registers[i];
        if ((number == REG_CONFIDENTIAL || number == REG_ANONYMOUS) && test_coin(seed)) {
            s->open[h->open_count++] = number;
        }
    }
    h->open = h->open_count ? s->open : NULL;
}

static inline void sample_change(struct header_sample *s, uint64_t *seed)
{
    struct header *h = &s->header;
    h->rseq = 1 + test_number(seed, 40);
    h->has_prev = h->rseq > 1;
    h->prev = h->has_prev ? sample_hash(seed) : (struct hash){{0}};
    sample_ctx(s, seed, 6);
    sample_erasures(s, seed);
    if (test_coin(seed)) {
        h->has_grant = true;
        h->grant = sample_ctx_entry(seed);
    }
    bool may = h->kind == KIND_EDIT || h->kind == KIND_STALE_EDIT || h->kind == KIND_ERASE;
    if (kind_info(h->kind)->makes_part || (may && test_coin(seed))) {
        test_bytes(seed, h->part.bytes, sizeof h->part.bytes);
    }
    if (kind_info(h->kind)->may_have_body) {
        sample_registers(s, seed);
        sample_body(s, seed);
    }
    if (h->kind == KIND_CREATE) {
        sample_create(s, seed);
    } else if (h->kind == KIND_LOOSEN || h->kind == KIND_ROUTE) {
        s->registers[0] = h->kind == KIND_ROUTE ? REG_ROUTE : test_coin(seed) ? REG_CONFIDENTIAL : REG_ANONYMOUS;
        h->register_count = 1;
    } else if (h->kind == KIND_ERASE) {
        h->class = test_coin(seed) ? CLASS_SEALED : CLASS_RESTRICTED;
    }
    h->registers = h->register_count ? s->registers : NULL;
    if (h->kind == KIND_ROUTE || h->kind == KIND_ERASED) {
        sample_target(s, seed);
    }
}

/* A header of `kind` that header_write accepts. Lists point into *s. */
static inline void header_sample_make(struct header_sample *s, enum kind kind, uint64_t *seed)
{
    *s = (struct header_sample){0};
    struct header *h = &s->header;
    struct replica replica = sample_replica(seed);
    h->node = replica.node;
    h->epoch = replica.epoch;
    h->lane = replica.lane;
    h->scope = sample_scope(seed);
    h->seq = test_number(seed, 64);
    h->hlc = test_number(seed, 64);
    h->reg = test_number(seed, 64);
    h->kind = kind;
    h->role = (enum role)test_below(seed, ROLE_COUNT);
    memset(s->actor, 'a', sizeof s->actor);
    size_t actor_size = test_below(seed, sizeof s->actor + 1);
    h->actor = actor_size ? span_of(s->actor, actor_size) : (struct span){0};
    enum kind_shape shape = kind_info(kind)->shape;
    if (shape == SHAPE_CHANGE || shape == SHAPE_POINTER) {
        h->has_record = true;
        test_bytes(seed, h->record.bytes, sizeof h->record.bytes);
    }
    if (shape == SHAPE_CHANGE) {
        sample_change(s, seed);
    } else if (shape == SHAPE_POINTER) {
        sample_target(s, seed);
    } else {
        sample_body(s, seed);
    }
}

#endif
