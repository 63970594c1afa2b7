/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CONFLICT_STORY_H
#define TESTS_UNIT_CONFLICT_STORY_H

/* A few people around one record, so that a test reads like the story it tells. Leaves get hashes of their own (a hash
 * here is a number); a `struct story` holds what the world knows, a record is what one store knows. */

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conflict/record.h"
#include "conflict/registry.h"

static void *story_alloc(void *owner, size_t size)
{
    (void)owner;
    return malloc(size);
}

static void story_free(void *owner, void *pointer)
{
    (void)owner;
    free(pointer);
}

struct leaf {
    struct header header;
    struct ctx_entry ctx[LIMIT_CTX_COUNT];
    uint32_t registers[8];
    uint32_t open[2];
    struct target targets[2];
    struct dot seen[4];
    struct hash hash;
    struct body_value values[8];
    size_t value_count;
    bool binds;
    bool relayed;
    enum body_state body;
};

struct story {
    struct arena arena;
    struct registry registry;
    struct record_id id;
    uint64_t hashes;
    struct leaf *leaves[256];
    size_t leaf_count;
};

static inline struct node_id node_named(const char *text)
{
    struct node_id id = {{0}};
    memcpy(id.text, text, strlen(text));
    return id;
}

static inline struct scope_id scope_named(const char *text)
{
    struct scope_id id = {{0}};
    memcpy(id.text, text, strlen(text));
    return id;
}

static inline struct hash hash_number(uint64_t number)
{
    struct hash hash = {{0}};
    for (size_t i = 0; i < 8; i++) {
        hash.bytes[i] = (uint8_t)(number * 0x9e3779b97f4a7c15U >> (8 * i));
        hash.bytes[i + 8] = (uint8_t)(number >> (8 * i));
    }
    return hash;
}

static inline void story_register(struct story *story, enum kind kind, const char *node, uint32_t roles)
{
    struct registry_entry entry = {.kind = kind, .node = node_named(node), .roles = roles, .active = true};
    entry.institution = kind == KIND_REG_NODE ? INSTITUTION_REGENCY : INSTITUTION_NONE;
    assert_int_equal(registry_apply(&story->registry, &entry).code, STATUS_OK);
}

#define ALL_ROLES 0x7eU

/* hub, regencies a, b, c, Ombudsman o; everybody may name every role but o. */
static inline void story_init(struct story *story)
{
    *story = (struct story){.id = {{7}}};
    arena_init(&story->arena, (struct memory){.alloc = story_alloc, .release = story_free}, SIZE_MAX);
    registry_init(&story->registry, &story->arena);
    story_register(story, KIND_REG_HUB, "hub", 0);
    story_register(story, KIND_REG_ROLE, "hub", ALL_ROLES);
    const char *names[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        story_register(story, KIND_REG_NODE, names[i], 0);
        story_register(story, KIND_REG_ROLE, names[i], ALL_ROLES);
    }
    story_register(story, KIND_REG_NODE, "o", 0);
    story_register(story, KIND_REG_ROLE, "o", 1U << ROLE_OMBUDSMAN);
}

static inline void story_release(struct story *story)
{
    for (size_t i = 0; i < story->leaf_count; i++) {
        free(story->leaves[i]);
    }
    arena_release(&story->arena);
}

static inline void reader_store(struct story *story, struct record *record)
{
    record_init(record, story->id, &story->arena);
}

/* A leaf that `writer` (a record: what its store holds) would append now: ctx = everything it holds. */
static inline struct leaf *story_leaf(struct story *story, const struct record *writer, const char *node,
                                      const char *scope, enum kind kind, enum role role)
{
    struct leaf *leaf = calloc(1, sizeof *leaf);
    assert_non_null(leaf);
    story->leaves[story->leaf_count++] = leaf;
    struct header *header = &leaf->header;
    *header = (struct header){.node = node_named(node),
                              .epoch = 1,
                              .scope = scope_named(scope),
                              .seq = story->leaf_count,
                              .record = story->id,
                              .has_record = true,
                              .rseq = 1,
                              .hlc = (uint64_t)(1000 + story->leaf_count) << 16,
                              .reg = story->registry.size,
                              .kind = kind,
                              .role = role};
    uint32_t own = record_replica_find(writer, header_replica(header));
    if (own != UINT32_MAX && writer->replicas[own].rseq > 0) {
        header->rseq = writer->replicas[own].rseq + 1;
        header->prev = writer->replicas[own].hash;
        header->has_prev = true;
    }
    struct ctx_entry *token;
    assert_int_equal(record_token(writer, &story->arena, &token, &header->ctx_count).code, STATUS_OK);
    if (kind == KIND_CREATE) {
        header->ctx_count = 0;
    }
    memcpy(leaf->ctx, token, header->ctx_count * sizeof *token);
    header->has_grant = record_grant(writer, header->scope, story->registry.hub, &header->grant) &&
                        !node_id_equal(header->node, story->registry.hub);
    header->ctx = leaf->ctx;
    header->registers = leaf->registers;
    header->open = leaf->open;
    header->targets = leaf->targets;
    header->erasures_seen = leaf->seen;
    leaf->hash = hash_number(++story->hashes);
    leaf->binds = kind == KIND_CREATE;
    return leaf;
}

static inline struct leaf *leaf_write(struct leaf *leaf, uint32_t number, const char *bytes, size_t size)
{
    leaf->registers[leaf->header.register_count++] = number;
    leaf->values[leaf->value_count++] = (struct body_value){.number = number, .bytes = span_of(bytes, size)};
    leaf->header.class = register_class(number);
    leaf->header.has_body = true;
    leaf->body = BODY_PRESENT;
    return leaf;
}

static inline struct leaf *leaf_text(struct leaf *leaf, uint32_t number, const char *text)
{
    return leaf_write(leaf, number, text, strlen(text));
}

static inline struct leaf *leaf_status(struct leaf *leaf, enum complaint_status status)
{
    static const char bytes[COMPLAINT_STATUS_COUNT][2] = {"\x08\x00", "\x08\x01", "\x08\x02", "\x08\x03", "\x08\x04",
                                                          "\x08\x05", "\x08\x06", "\x08\x07", "\x08\x08"};
    return leaf_write(leaf, REG_STATUS, bytes[status], 2);
}

static inline struct apply_outcome story_apply(struct story *story, struct record *record, const char *self,
                                               const struct leaf *leaf)
{
    struct change change = {.header = &leaf->header,
                            .hash = leaf->hash,
                            .stream = 1,
                            .seq = leaf->header.seq,
                            .relayed = leaf->relayed,
                            .binds = leaf->binds,
                            .body = leaf->body,
                            .values = leaf->values,
                            .value_count = leaf->value_count};
    struct apply_outcome outcome;
    assert_int_equal(record_apply(record, &change, &story->registry, node_named(self), &outcome).code, STATUS_OK);
    return outcome;
}

static inline enum apply_result story_result(struct story *story, struct record *record, const struct leaf *leaf)
{
    return story_apply(story, record, "nobody", leaf).result;
}

#define APPLIES(story, record, leaf) assert_int_equal(story_result((story), (record), (leaf)), APPLY_APPLIED)
#define VOIDED(story, record, leaf, word)                                                                              \
    do {                                                                                                               \
        struct apply_outcome outcome_ = story_apply((story), (record), "nobody", (leaf));                              \
        assert_int_equal(outcome_.result, APPLY_VOID);                                                                 \
        assert_string_equal(outcome_.why, (word));                                                                     \
    } while (0)

static inline struct shown story_show(struct story *story, const struct record *record, uint32_t number)
{
    struct shown shown;
    assert_int_equal(record_show(record, (struct part_id){{0}}, number, &story->arena, &shown).code, STATUS_OK);
    return shown;
}

static inline void shows_text(struct story *story, const struct record *record, uint32_t number, const char *text)
{
    struct shown shown = story_show(story, record, number);
    assert_true(shown.present);
    assert_int_equal(shown.value.size, strlen(text));
    assert_memory_equal(shown.value.data, text, strlen(text));
}

#endif
