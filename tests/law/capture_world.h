/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LAW_CAPTURE_WORLD_H
#define TESTS_LAW_CAPTURE_WORLD_H

/* The world of law_capture.c: stores, leaves, a legacy table in memory, and what each person has seen. A store is the
 * merge itself (record_apply) over a list of leaves; signatures and streams are not what this law is about. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conflict/record.h"
#include "conflict/registry.h"
#include "proto/value.h"
#include "sync/capture.h"

#define MINUTE ((uint64_t)60000)
#define WINDOW (30 * MINUTE)
#define EDITS 1024
#define RECORDS 6
#define ROWS 4
#define SHADOWS 24
#define FORMS 4
#define LEAVES 900
#define TEXT_SIZE 28
#define CUT 14

enum column { COLUMN_TITLE, COLUMN_TEXT, COLUMN_STATUS, COLUMN_REASON, COLUMN_FLAG, COLUMN_COUNT };
enum field { FIELD_STATUS, FIELD_FLAG, FIELD_TITLE, FIELD_TEXT, FIELD_REFS, FIELD_COUNT };
static const uint32_t field_numbers[FIELD_COUNT] = {REG_STATUS, REG_CONFIDENTIAL, REG_TITLE, REG_TEXT, REG_REFS};
static const char *const column_names[COLUMN_COUNT] = {"judul", "isi", "status", "alasan", "rahasia"};

/* Values that somebody has read, by the number that each value carries. */
struct seen {
    uint64_t bits[EDITS / 64];
};

struct leaf {
    struct header header;
    struct hash hash;
    struct body_value values[FIELD_COUNT + 1];
    size_t value_count;
    size_t record;
    uint8_t claim[16];
    bool claimed;
};

/* What one participant holds: the leaves of both streams up to a size, and the records made of them. */
struct holder {
    struct node_id id;
    uint32_t epoch;
    struct leaf *own[LEAVES];
    size_t own_count;
    size_t foreign_count; /* leaves of the other that it has received */
    struct record records[RECORDS];
};

struct text {
    char bytes[TEXT_SIZE];
    bool null;
};

struct row {
    bool there;
    uint32_t key;
    uint32_t born;
    struct text columns[COLUMN_COUNT];
    struct seen knows[FIELD_COUNT]; /* what the clerk who saved it last had read of that field */
    bool fresh[FIELD_COUNT];        /* saved by a clerk since the connector captured or wrote it */
    bool by_clerk[FIELD_COUNT];
    struct seen theirs[FIELD_COUNT]; /* what clerks overwrote of each other since the connector wrote it */
    struct text base[COLUMN_COUNT];  /* ... which was this: what a clerk put back unnoticed is no edit */
};

struct shadow_row {
    bool there;
    uint32_t key; /* 0: of a vanished row whose key was used again */
    uint32_t born;
    uint64_t version;
    struct record_id record;
    enum shadow_state state;
    struct span bytes;
};

struct legacy {
    struct row rows[ROWS];
    struct shadow_row shadows[SHADOWS];
    uint32_t next_key;
    uint32_t reusable; /* a key that may be used again */
};

struct form {
    bool open;
    uint64_t at_ms;
    uint32_t key, born;
    struct text columns[COLUMN_COUNT];
};

struct screen {
    bool open;
    size_t record;
    enum field field;
    struct ctx_entry ctx[16];
    size_t ctx_count;
    struct seen seen;
};

struct image {
    bool there;
    size_t own_count, foreign_count;
};

struct world {
    uint64_t seed;
    uint64_t random;
    bool verbose;
    uint64_t now;
    struct arena arena;   /* of the seed */
    struct arena scratch; /* of one step */
    struct registry registry;
    struct holder node, hub;
    size_t acked; /* own leaves of the node that the hub holds */
    bool ready;   /* hello is done */
    bool cut;
    struct record_id ids[RECORDS];
    bool hub_born[RECORDS];
    size_t record_count;
    struct legacy legacy;
    struct legacy legacy_image;
    bool legacy_imaged;
    struct image image;
    struct form forms[FORMS];
    struct screen hub_screens[2], node_screens[2];
    struct seen closure[EDITS];         /* of the author of that value */
    unsigned puts[EDITS], taken[EDITS]; /* how often clerks saved that value; how often it became a leaf */
    bool restored;                      /* after a restore a value may rightly be captured again */
    size_t edit_count;
    uint64_t hash_count;
    uint32_t born_count;
    bool whole_forms, cut_texts, trigger;
    size_t most;                   /* few complaints, so that people meet */
    size_t writes, leaves, stores; /* to the legacy rows, of the node's connector, of shadows */
    jmp_buf failed;
    char why[200];
};

static inline void *heap_alloc(void *owner, size_t size)
{
    (void)owner;
    return malloc(size);
}

static inline void heap_release(void *owner, void *pointer)
{
    (void)owner;
    free(pointer);
}

/* ---- failing, tracing, chance ---- */

static inline void fail(struct world *w, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vsnprintf(w->why, sizeof w->why, format, list);
    va_end(list);
    longjmp(w->failed, 1);
}

static inline void trace(struct world *w, const char *format, ...)
{
    if (!w->verbose) {
        return;
    }
    va_list list;
    va_start(list, format);
    printf("%6llu ", (unsigned long long)(w->now / MINUTE));
    (void)vprintf(format, list);
    printf("\n");
    va_end(list);
}

static inline void must(struct world *w, struct status status, const char *what)
{
    if (!status_is_ok(status)) {
        fail(w, "%s: %s", what, status_name(status));
    }
}

static inline uint64_t chance(struct world *w, uint64_t below)
{
    uint64_t z = (w->random += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    z ^= z >> 31;
    return below == 0 ? 0 : z % below;
}

/* ---- crypto that only has to tell apart ---- */

static inline void stub_mix(uint64_t lanes[4], const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        lanes[0] = (lanes[0] ^ data[i]) * 0x100000001b3U;
        lanes[1] = (lanes[1] + data[i] + 1) * 0x9e3779b97f4a7c15U;
    }
    lanes[2] ^= lanes[0] + (lanes[1] >> 7);
    lanes[3] += (lanes[1] ^ (lanes[0] >> 11)) * 0xbf58476d1ce4e5b9U;
}

static inline void stub_sha256(void *owner, const struct span *parts, size_t count, struct hash *out_hash)
{
    (void)owner;
    uint64_t lanes[4] = {0xcbf29ce484222325U, 0x84222325cbf29ce4U, 1, 2};
    for (size_t i = 0; i < count; i++) {
        stub_mix(lanes, parts[i].data, parts[i].size);
    }
    memcpy(out_hash->bytes, lanes, sizeof lanes);
}

static inline void stub_hmac(void *owner, struct span key, const struct span *parts, size_t count,
                             struct hash *out_hash)
{
    struct hash inner;
    stub_sha256(owner, parts, count, &inner);
    const struct span outer[] = {key, span_of(inner.bytes, sizeof inner.bytes)};
    stub_sha256(owner, outer, 2, out_hash);
}

static const struct crypto stub_crypto = {.sha256 = stub_sha256, .hmac = stub_hmac};

/* ---- values ---- */

static inline void seen_add(struct seen *seen, size_t edit)
{
    seen->bits[edit / 64] |= (uint64_t)1 << (edit % 64);
}

static inline bool seen_has(const struct seen *seen, size_t edit)
{
    return (seen->bits[edit / 64] >> (edit % 64)) & 1;
}

static inline void seen_join(struct seen *seen, const struct seen *other)
{
    for (size_t i = 0; i < EDITS / 64; i++) {
        seen->bits[i] |= other->bits[i];
    }
}

/* The number that a value carries ("v17..."), 0: none. */
static inline size_t edit_of(struct span text)
{
    for (size_t i = 0; i + 1 < text.size; i++) {
        size_t number = 0;
        size_t k = i + 1;
        while (text.data[i] == 'v' && k < text.size && text.data[k] >= '0' && text.data[k] <= '9') {
            number = number * 10 + (size_t)(text.data[k++] - '0');
        }
        if (k > i + 1 && number < EDITS) {
            return number;
        }
    }
    return 0;
}

static inline size_t edit_of_value(struct world *w, uint32_t number, struct span bytes)
{
    struct value value;
    if (number != REG_STATUS && number != REG_TITLE && number != REG_TEXT) {
        return 0;
    }
    must(w, value_read_register(number, bytes, &w->scratch, &value), "value");
    return edit_of(number == REG_STATUS ? value.status.reason : value.text);
}

static inline void seen_value(struct world *w, struct seen *seen, size_t edit)
{
    if (edit > 0) {
        seen_add(seen, edit);
        seen_join(seen, &w->closure[edit]);
    }
}

/* A new value of somebody who had read `seen`. */
static inline size_t edit_new(struct world *w, const struct seen *seen)
{
    if (w->edit_count + 1 >= EDITS) {
        fail(w, "too many edits for one seed");
    }
    size_t edit = ++w->edit_count;
    w->closure[edit] = *seen;
    return edit;
}

static inline struct span write_value(struct world *w, const struct value *value)
{
    struct span bytes;
    must(w, value_write(value, &w->arena, &bytes), "value_write");
    return bytes;
}

static inline struct span text_value(struct world *w, uint32_t number, struct span text, enum complaint_status status)
{
    struct span copy;
    must(w, arena_copy(&w->arena, text, &copy), "copy");
    struct value value = {.type = VALUE_TEXT, .text = copy};
    if (number == REG_STATUS) {
        value = (struct value){.type = VALUE_STATUS, .status = {.status = status, .reason = copy}};
    }
    return write_value(w, &value);
}

/* ---- stores ---- */

static inline struct node_id node_named(const char *text)
{
    struct node_id id = {{0}};
    memcpy(id.text, text, strlen(text));
    return id;
}

static inline const struct record_register *field_of(const struct record *record, enum field field)
{
    return record_register_find(record, (struct part_id){{0}}, field_numbers[field]);
}

static inline void store_apply(struct world *w, struct holder *store, struct leaf *leaf)
{
    struct change change = {.header = &leaf->header,
                            .hash = leaf->hash,
                            .stream = node_id_equal(leaf->header.node, w->hub.id) ? 2 : 1,
                            .seq = leaf->header.seq,
                            .binds = leaf->header.kind == KIND_CREATE,
                            .body = leaf->header.has_body ? BODY_PRESENT : BODY_NONE,
                            .values = leaf->values,
                            .value_count = leaf->value_count};
    struct apply_outcome outcome;
    must(w, record_apply(&store->records[leaf->record], &change, &w->registry, store->id, &outcome), "apply");
    if (outcome.result == APPLY_VOID || outcome.result == APPLY_FORKED || outcome.result == APPLY_OWN_FORK) {
        fail(w, "leaf %s: %s", outcome.result == APPLY_VOID ? "void" : "forked", outcome.why ? outcome.why : "");
    }
}

static inline struct leaf *leaf_at(struct holder *store, size_t record, const struct history_entry *entry)
{
    for (size_t i = 0; i < store->own_count; i++) {
        if (store->own[i]->record == record && hash_equal(store->own[i]->hash, entry->hash)) {
            return store->own[i];
        }
    }
    return NULL;
}

/* Tries parked leaves again until nothing moves. */
static inline void store_settle(struct world *w, struct holder *store, struct holder *other)
{
    for (size_t r = 0; r < w->record_count; r++) {
        struct record *record = &store->records[r];
        for (size_t round = 0; record->parked_count > 0 && round < 64; round++) {
            size_t before = record->parked_count;
            for (size_t at = record_ready(record, &w->registry, 0); at != SIZE_MAX;
                 at = record_ready(record, &w->registry, at + 1)) {
                struct history_entry entry = record->history[at];
                struct leaf *leaf = leaf_at(store, r, &entry);
                leaf = leaf ? leaf : leaf_at(other, r, &entry);
                if (leaf) {
                    store_apply(w, store, leaf);
                }
            }
            if (record->parked_count == before) {
                break;
            }
        }
    }
}

static inline void store_reset(struct world *w, struct holder *store)
{
    for (size_t r = 0; r < RECORDS; r++) {
        record_init(&store->records[r], w->ids[r], &w->arena);
    }
}

static struct leaf *lost_own[LEAVES]; /* of a restored store, until hello brings them back */
static size_t lost_count;

static inline bool leaf_covers(const struct leaf *leaf, struct dot dot)
{
    for (size_t c = 0; c < leaf->header.ctx_count; c++) {
        const struct ctx_entry *entry = &leaf->header.ctx[c];
        if (replica_equal(entry->replica, dot.replica) && entry->rseq >= dot.rseq) {
            return true;
        }
    }
    return false;
}

/* A leaf whose author had seen `edit` covers its dot. */
static inline bool leaf_replaces(struct world *w, const struct leaf *leaf, const struct leaf *other, uint32_t number,
                                 struct dot dot, size_t edit)
{
    if (leaf == other || leaf->record != other->record || !leaf_covers(leaf, dot)) {
        return false;
    }
    for (size_t i = 0; i < leaf->value_count; i++) {
        size_t value = edit_of_value(w, leaf->values[i].number, leaf->values[i].bytes);
        if (leaf->values[i].number == number && value > 0 && seen_has(&w->closure[value], edit)) {
            return true;
        }
    }
    return false;
}

/* Somebody who had seen it replaced it, in a leaf that exists but that a restored store does not hold at the moment. */
static inline bool is_replaced(struct world *w, const struct leaf *leaf, uint32_t number, struct dot dot, size_t edit)
{
    for (size_t i = 0; i < w->hub.own_count; i++) {
        if (leaf_replaces(w, w->hub.own[i], leaf, number, dot, edit)) {
            return true;
        }
    }
    for (size_t i = 0; i < lost_count && !w->ready; i++) {
        if (leaf_replaces(w, lost_own[i], leaf, number, dot, edit)) {
            return true;
        }
    }
    return false;
}

/* The oracle: whoever removes a sibling has seen it. */
static inline void check_removed(struct world *w, struct holder *store, const struct leaf *leaf,
                                 const struct seen knows[FIELD_COUNT])
{
    const struct record *record = &store->records[leaf->record];
    for (size_t i = 0; i < leaf->header.register_count; i++) {
        uint32_t number = leaf->header.registers[i];
        const struct record_register *reg = record_register_find(record, (struct part_id){{0}}, number);
        size_t field = 0;
        while (field + 1 < FIELD_COUNT && field_numbers[field] != number) {
            field++;
        }
        for (size_t k = 0; reg && k < reg->sibling_count; k++) {
            struct dot dot = record_dot(record, reg->siblings[k].dot);
            size_t edit = edit_of_value(w, number, reg->siblings[k].value);
            if (edit > 0 && leaf_covers(leaf, dot) && !seen_has(&knows[field], edit) &&
                !is_replaced(w, leaf, number, dot, edit)) {
                fail(w, "register %u: v%zu is covered by somebody who had not seen it", number, edit);
            }
        }
    }
}

#endif
