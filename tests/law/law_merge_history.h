/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LAW_MERGE_HISTORY_H
#define TESTS_LAW_MERGE_HISTORY_H

/* A random history of one record: a hub, three regencies, lanes and a second epoch; people who read parts of what there
 * is and write. A history is a list of steps, each with its own random number, so that a step can be left out and the
 * rest still means something: that is how a failing history shrinks. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conflict/record.h"
#include "conflict/registry.h"

#define STEPS_MAX 64
#define LEAVES_MAX 48
#define NODES 4
#define REPLICAS 8
#define PARTS 3 /* the record itself and two parts */

static const char *const node_names[NODES] = {"hub", "a", "b", "c"};
enum { HUB = 0 };

static const struct {
    int node;
    uint32_t epoch, lane;
} replica_table[REPLICAS] = {{0, 1, 0}, {0, 1, 1}, {1, 1, 0}, {1, 1, 1}, {1, 2, 0}, {2, 1, 0}, {2, 1, 1}, {3, 1, 0}};

struct random {
    uint64_t state;
};

static uint64_t random_next(struct random *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15U);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

static unsigned random_below(struct random *r, unsigned bound)
{
    return (unsigned)(random_next(r) >> 33) % bound;
}

struct step {
    enum { STEP_READ, STEP_WRITE } type;
    uint64_t salt;
};

struct law_leaf {
    int replica;
    uint64_t rseq;
    uint8_t ctx_rseq[REPLICAS]; /* what its author had read */
    int prev, grant;            /* leaf numbers, -1: none */
    int part;
    int scope; /* node number: in whose stream it stands */
    int to;    /* route */
    unsigned value[4];
    bool open;
    uint64_t seen_erasures; /* leaf mask */
    int erasure;            /* erased: the leaf that it acknowledges */
    bool clamped;
    uint64_t clamp_ms;
    bool expect_void;
    bool binds;
    struct header header;
    struct hash hash;
    struct ctx_entry ctx[REPLICAS];
    uint32_t registers[4];
    uint32_t open_numbers[2];
    struct target target;
    struct dot seen[LIMIT_ERASURES_SEEN];
    struct body_value values[4];
};

struct history {
    uint64_t seed;
    struct step steps[STEPS_MAX];
    size_t step_count;
    struct law_leaf leaves[LEAVES_MAX];
    size_t leaf_count;
    int maker; /* node number */
};

/* The registry in two versions: the second takes the clerk's role from b. */
struct world {
    struct arena arena;
    struct registry early, late;
    struct span refs[4];
    uint8_t long_text[2][400];
};

static void must(struct status status, const char *what)
{
    if (!status_is_ok(status)) {
        fprintf(stderr, "law_merge: %s: status %d\n", what, (int)status.code);
        exit(2);
    }
}

static struct node_id node_id_of(int node)
{
    struct node_id id = {{0}};
    memcpy(id.text, node_names[node], strlen(node_names[node]));
    return id;
}

static struct scope_id scope_id_of(int node)
{
    return scope_of_node(node_id_of(node));
}

static struct replica replica_of(int replica)
{
    return (struct replica){.node = node_id_of(replica_table[replica].node),
                            .epoch = replica_table[replica].epoch,
                            .lane = replica_table[replica].lane};
}

static struct part_id part_of(int part)
{
    return (struct part_id){{(uint8_t)part}};
}

/* Leaf 1 names the hub, 2 to 9 each node and its roles. */
#define REG_ROLE_OF_C 9

static void register_entries(struct registry *registry, struct arena *arena, bool late)
{
    registry_init(registry, arena);
    struct registry_entry hub = {.kind = KIND_REG_HUB, .node = node_id_of(HUB)};
    must(registry_apply(registry, &hub), "registry");
    for (int node = 0; node < NODES; node++) {
        struct registry_entry entry = {.kind = KIND_REG_NODE, .node = node_id_of(node), .active = true};
        must(registry_apply(registry, &entry), "registry");
        entry = (struct registry_entry){.kind = KIND_REG_ROLE, .node = node_id_of(node), .roles = 0x7e};
        must(registry_apply(registry, &entry), "registry");
    }
    if (late) {
        struct registry_entry entry = {
            .kind = KIND_REG_ROLE, .node = node_id_of(2), .roles = 0x7eU & ~(1U << ROLE_CLERK)};
        must(registry_apply(registry, &entry), "registry");
    }
}

/* ---- values ---- */

#define UNKNOWN_PUBLIC 50
#define UNKNOWN_RESTRICTED 120

static struct span value_bytes(const struct world *world, uint32_t number, unsigned value)
{
    static const uint8_t statuses[8][2] = {{8, 1}, {8, 2}, {8, 3}, {8, 4}, {8, 5}, {8, 6}, {8, 7}, {8, 8}};
    static const uint8_t yes[2] = {8, 1};
    static const uint8_t withdrawn_because[5] = {8, 1, 18, 1, 'x'};
    switch (number) {
    case REG_STATUS:
        return span_of(statuses[value % 8], 2);
    case REG_CONFIDENTIAL: /* the merge must not look at it */
        return value % 2 == 0 ? (struct span){0} : span_of(yes, 2);
    case REG_PRESENCE:
        if (value % 4 == 0) {
            return (struct span){0};
        }
        return value % 4 == 1 ? span_of(withdrawn_because, 5) : span_of(yes, 2);
    case REG_REFS:
        return world->refs[value % 4];
    case REG_NOTE_TEXT:
        return value % 4 < 2 ? span_of(world->long_text[value % 2], 400) : span_of("note", value % 3 + 2);
    default:
        return span_of("abcd", value % 4 + 1);
    }
}

/* ---- what people write ---- */

struct builder {
    const struct world *world;
    struct history *history;
    uint64_t seen[NODES]; /* leaf masks: what each store holds */
    int last[REPLICAS];   /* last leaf of each replica, -1: none */
    uint64_t clock;
};

static uint64_t bit(int leaf)
{
    return 1ULL << (unsigned)leaf;
}

static uint64_t rseq_read(const struct history *h, uint64_t mask, int replica)
{
    uint64_t max = 0;
    for (size_t i = 0; i < h->leaf_count; i++) {
        if ((mask & bit((int)i)) != 0 && h->leaves[i].replica == replica && h->leaves[i].rseq > max) {
            max = h->leaves[i].rseq;
        }
    }
    return max;
}

static int leaf_at(const struct history *h, int replica, uint64_t rseq)
{
    for (size_t i = 0; i < h->leaf_count; i++) {
        if (h->leaves[i].replica == replica && h->leaves[i].rseq == rseq) {
            return (int)i;
        }
    }
    return -1;
}

static bool leaf_is_grant(const struct history *h, int leaf, int scope)
{
    const struct law_leaf *l = &h->leaves[leaf];
    if (l->expect_void) {
        return false;
    }
    if (l->header.kind == KIND_ROUTE) {
        return l->to == scope;
    }
    return l->header.kind == KIND_CREATE && replica_table[l->replica].node == HUB && l->scope == scope;
}

static int newest_grant(const struct history *h, uint64_t mask, int scope)
{
    int create = -1;
    for (size_t i = h->leaf_count; i > 0; i--) {
        int leaf = (int)i - 1;
        if ((mask & bit(leaf)) != 0 && leaf_is_grant(h, leaf, scope)) {
            if (h->leaves[leaf].header.kind == KIND_ROUTE) {
                return leaf;
            }
            create = leaf;
        }
    }
    return create;
}

static int owner_seen(const struct history *h, uint64_t mask)
{
    for (size_t i = h->leaf_count; i > 0; i--) {
        const struct law_leaf *l = &h->leaves[i - 1];
        if ((mask & bit((int)i - 1)) != 0 && l->header.kind == KIND_ROUTE && !l->expect_void) {
            return l->to;
        }
    }
    return h->leaf_count > 0 ? h->leaves[0].scope : 1;
}

static void leaf_register(struct law_leaf *l, uint32_t number, unsigned value)
{
    size_t place = l->header.register_count++;
    for (; place > 0 && l->registers[place - 1] > number; place--) {
        l->registers[place] = l->registers[place - 1];
        l->value[place] = l->value[place - 1];
    }
    l->registers[place] = number;
    l->value[place] = value;
    l->header.class = register_class(number);
}

static void write_some(struct law_leaf *l, struct random *r, const uint32_t *numbers, unsigned count)
{
    unsigned first = random_below(r, count);
    leaf_register(l, numbers[first], random_below(r, 16));
    if (random_below(r, 3) == 0) {
        leaf_register(l, numbers[(first + 1 + random_below(r, count - 1)) % count], random_below(r, 16));
    }
}

static void write_fields(struct law_leaf *l, struct random *r)
{
    static const uint32_t of_public[] = {REG_STATUS, REG_ASSIGN, REG_CONFIDENTIAL, REG_PRESENCE, UNKNOWN_PUBLIC};
    static const uint32_t of_restricted[] = {REG_TITLE, REG_TEXT, REG_REFS, UNKNOWN_RESTRICTED};
    unsigned pick = random_below(r, 10);
    if (l->part > 0) {
        leaf_register(l, REG_NOTE_TEXT, random_below(r, 16));
        if (random_below(r, 4) == 0 && l->header.role != ROLE_CLERK) {
            leaf_register(l, REG_NOTE_HIDDEN, random_below(r, 16));
        }
    } else if (pick == 0) {
        leaf_register(l, REG_REPORTER, random_below(r, 16));
    } else if (pick < 6) {
        write_some(l, r, of_public, 5);
    } else {
        write_some(l, r, of_restricted, 4);
    }
}

static void write_create(struct builder *b, struct law_leaf *l, struct random *r)
{
    l->header.kind = KIND_CREATE;
    l->part = 0;
    l->binds = replica_table[l->replica].node == b->history->maker;
    leaf_register(l, REG_STATUS, random_below(r, 8));
    leaf_register(l, REG_CONFIDENTIAL, 1);
    l->open = random_below(r, 2) == 0;
    l->header.role = random_below(r, 2) == 0 ? ROLE_CLERK : ROLE_ADMIN;
}

static void write_erase(struct law_leaf *l, struct random *r)
{
    l->header.kind = KIND_ERASE;
    l->header.class = random_below(r, 2) == 0 ? CLASS_SEALED : CLASS_RESTRICTED;
    l->part = (int)random_below(r, PARTS);
    l->header.role = ROLE_ADMIN;
}

static void write_route(struct builder *b, struct law_leaf *l, struct random *r)
{
    l->header.kind = KIND_ROUTE;
    l->header.role = ROLE_NATIONAL;
    l->scope = owner_seen(b->history, b->seen[HUB]);
    l->to = 1 + (int)random_below(r, NODES - 1);
    leaf_register(l, REG_ROUTE, 0);
}

static void write_erased(struct builder *b, struct law_leaf *l, struct random *r, uint64_t held)
{
    l->header.kind = KIND_ERASED;
    for (size_t i = 0; i < b->history->leaf_count; i++) {
        if ((held & bit((int)i)) != 0 && b->history->leaves[i].header.kind == KIND_ERASE) {
            l->erasure = (int)i;
        }
    }
    if (l->erasure < 0) { /* nothing to acknowledge: an ordinary edit */
        l->header.kind = KIND_EDIT;
        write_fields(l, r);
    }
}

static void write_kind(struct builder *b, struct law_leaf *l, struct random *r, uint64_t held)
{
    static const enum role roles[] = {ROLE_CLERK, ROLE_CLERK, ROLE_ADMIN, ROLE_ADMIN, ROLE_NATIONAL, ROLE_AUTOMATIC};
    bool hub = replica_table[l->replica].node == HUB;
    unsigned kind = random_below(r, 40);
    l->header.role = roles[random_below(r, 6)];
    l->header.kind = KIND_EDIT;
    if (kind < 4) {
        l->header.kind = KIND_NOTE;
        l->part = 1 + (int)random_below(r, PARTS - 1);
        l->header.role = ROLE_CLERK;
        write_fields(l, r);
    } else if (kind < 6) {
        write_erase(l, r);
    } else if (kind < 8) {
        l->header.kind = KIND_LOOSEN;
        l->header.role = ROLE_ADMIN;
        leaf_register(l, REG_CONFIDENTIAL, 0);
    } else if (kind < 9) {
        write_erased(b, l, r, held);
    } else if (kind < 15 && hub) {
        write_route(b, l, r);
    } else if (kind < 16) {
        write_create(b, l, r);
    } else {
        if (kind < 19) {
            l->header.kind = KIND_STALE_EDIT;
            l->header.role = ROLE_CLERK;
        }
        l->part = random_below(r, 5) == 0 ? 1 + (int)random_below(r, PARTS - 1) : 0;
        write_fields(l, r);
    }
}

/* Somebody writes without the right to. */
static void spoil(const struct history *h, struct law_leaf *l, struct random *r, uint64_t held)
{
    int other = (int)random_below(r, (unsigned)h->leaf_count);
    switch (random_below(r, 6)) {
    case 0:
        l->header.role = ROLE_PROVINCE;
        break;
    case 1:
        l->header.class = l->header.class == CLASS_PUBLIC ? CLASS_SEALED : CLASS_PUBLIC;
        break;
    case 2:
        l->header.reg -= 2;
        break;
    case 3:
        l->grant = -1;
        break;
    case 4: /* some leaf that grants nothing, or not to him */
        l->grant = (held & bit(other)) != 0 ? other : l->grant;
        break;
    default:
        l->header.role = ROLE_OMBUDSMAN;
        break;
    }
}

/* ---- is it void? Written from log.md and merge.md alone, with sets ---- */

static bool role_allows(const struct law_leaf *l, uint32_t number)
{
    enum role role = l->header.role;
    bool edit = l->header.kind == KIND_EDIT || l->header.kind == KIND_STALE_EDIT;
    if (number == REG_ROUTE) {
        return l->header.kind == KIND_ROUTE;
    }
    if (edit && (role == ROLE_CLERK || role == ROLE_AUTOMATIC)) {
        return number != REG_ASSIGN && number != REG_NOTE_HIDDEN;
    }
    return role != ROLE_OMBUDSMAN || !edit || number == REG_STATUS;
}

static bool kind_allowed(const struct law_leaf *l, int node)
{
    enum kind kind = l->header.kind;
    switch (l->header.role) {
    case ROLE_CLERK:
        return kind != KIND_LOOSEN && kind != KIND_ERASE && kind != KIND_ROUTE;
    case ROLE_ADMIN:
        return kind != KIND_ROUTE;
    case ROLE_NATIONAL:
        return kind != KIND_ROUTE || node == HUB;
    case ROLE_OMBUDSMAN:
        return kind == KIND_EDIT || kind == KIND_NOTE || kind == KIND_ERASED;
    case ROLE_AUTOMATIC:
        return kind == KIND_EDIT || kind == KIND_ERASED;
    default:
        return false;
    }
}

static bool classes_fit(const struct law_leaf *l)
{
    if (l->header.kind == KIND_ERASE) {
        return l->header.class != CLASS_PUBLIC;
    }
    for (size_t i = 0; i < l->header.register_count; i++) {
        if (register_class(l->registers[i]) != l->header.class) {
            return false;
        }
    }
    return l->header.register_count > 0 || l->header.class == CLASS_PUBLIC;
}

/* The largest registry size of what the author names. */
static uint64_t reg_named(const struct history *h, const struct law_leaf *l)
{
    uint64_t reg = l->prev >= 0 ? h->leaves[l->prev].header.reg : 0;
    if (l->grant >= 0 && h->leaves[l->grant].header.reg > reg) {
        reg = h->leaves[l->grant].header.reg;
    }
    for (int replica = 0; replica < REPLICAS; replica++) {
        if (l->ctx_rseq[replica] > 0) {
            uint64_t of = h->leaves[leaf_at(h, replica, l->ctx_rseq[replica])].header.reg;
            reg = of > reg ? of : reg;
        }
    }
    return reg;
}

static bool is_void(const struct builder *b, const struct law_leaf *l)
{
    const struct history *h = b->history;
    int node = replica_table[l->replica].node;
    if ((l->header.kind == KIND_CREATE && !l->binds) || !classes_fit(l) || !kind_allowed(l, node)) {
        return true;
    }
    if (l->header.role == ROLE_CLERK && node == 2 && l->header.reg >= b->world->late.size) {
        return true;
    }
    for (size_t i = 0; i < l->header.register_count; i++) {
        if (!role_allows(l, l->registers[i])) {
            return true;
        }
    }
    if (l->header.reg < REG_ROLE_OF_C && node == 3) {
        return true;
    }
    if (l->header.kind != KIND_CREATE && node != HUB && node != h->maker &&
        (l->grant < 0 || !leaf_is_grant(h, l->grant, node))) {
        return true;
    }
    return l->header.reg < reg_named(h, l);
}

/* ---- the leaf as bytes would say it ---- */

static void finish_lists(struct builder *b, struct law_leaf *l)
{
    struct history *h = b->history;
    struct header *header = &l->header;
    static const int sorted[REPLICAS] = {2, 3, 4, 5, 6, 7, 0, 1}; /* a, b, c, hub */
    for (int i = 0; i < REPLICAS; i++) {
        int from = sorted[i];
        if (l->ctx_rseq[from] > 0) {
            l->ctx[header->ctx_count++] =
                (struct ctx_entry){.replica = replica_of(from),
                                   .rseq = l->ctx_rseq[from],
                                   .hash = h->leaves[leaf_at(h, from, l->ctx_rseq[from])].hash};
        }
    }
    for (size_t i = 0; i < header->register_count; i++) {
        l->values[i] = (struct body_value){.number = l->registers[i],
                                           .bytes = value_bytes(b->world, l->registers[i], l->value[i])};
        if (header->kind == KIND_CREATE && l->registers[i] == REG_CONFIDENTIAL && l->open) {
            l->open_numbers[header->open_count++] = REG_CONFIDENTIAL;
        }
    }
    for (size_t i = 0; i < h->leaf_count && header->erasures_seen_count < LIMIT_ERASURES_SEEN; i++) {
        if ((l->seen_erasures & bit((int)i)) != 0) {
            l->seen[header->erasures_seen_count++] =
                (struct dot){.replica = replica_of(h->leaves[i].replica), .rseq = h->leaves[i].rseq};
        }
    }
}

static void finish_header(struct builder *b, struct law_leaf *l, struct random *r)
{
    struct history *h = b->history;
    struct header *header = &l->header;
    struct replica replica = replica_of(l->replica);
    header->node = replica.node;
    header->epoch = replica.epoch;
    header->lane = replica.lane;
    header->scope = scope_id_of(l->scope);
    header->seq = h->leaf_count;
    header->has_record = true;
    header->rseq = l->rseq;
    header->part = part_of(l->part);
    if (l->prev >= 0) {
        header->prev = h->leaves[l->prev].hash;
        header->has_prev = true;
    }
    if (l->grant >= 0) {
        const struct law_leaf *grant = &h->leaves[l->grant];
        header->has_grant = true;
        header->grant = (struct ctx_entry){replica_of(grant->replica), grant->rseq, grant->hash};
    }
    if (header->kind == KIND_ROUTE) {
        l->target.scope = scope_id_of(l->to);
        header->target_count = 1;
    } else if (header->kind == KIND_ERASED) {
        const struct law_leaf *erase = &h->leaves[l->erasure];
        l->target = (struct target){.replica = replica_of(erase->replica), .rseq = erase->rseq, .hash = erase->hash};
        header->target_count = 1;
    }
    finish_lists(b, l);
    header->has_body = header->register_count > 0 && header->kind != KIND_LOOSEN && header->kind != KIND_ROUTE;
    header->ctx = l->ctx;
    header->registers = l->registers;
    header->open = l->open_numbers;
    header->targets = &l->target;
    header->erasures_seen = l->seen;
    for (size_t i = 0; i < sizeof l->hash.bytes; i += 8) {
        uint64_t word = random_next(r);
        memcpy(l->hash.bytes + i, &word, 8);
    }
}

/* What the author of a change had read: everything his store holds, or per replica a beginning of it. */
static void read_some(struct builder *b, struct law_leaf *l, struct random *r, uint64_t held)
{
    bool everything = random_below(r, 2) == 0 || l->header.kind == KIND_ROUTE;
    for (int replica = 0; replica < REPLICAS; replica++) {
        uint64_t rseq = rseq_read(b->history, held, replica);
        if (!everything && random_below(r, 2) == 0) {
            rseq = random_below(r, (unsigned)rseq + 1);
        }
        l->ctx_rseq[replica] = (uint8_t)(l->header.kind == KIND_CREATE ? 0 : rseq);
    }
}

static void stamp(struct builder *b, struct law_leaf *l, struct random *r)
{
    b->clock += random_below(r, 400000);
    l->header.hlc = (b->clock + (random_below(r, 10) == 0 ? 100000000U : 0U)) << 16;
    l->clamped = random_below(r, 6) == 0;
    l->clamp_ms = b->clock;
}

static void write_leaf(struct builder *b, struct random *r)
{
    struct history *h = b->history;
    bool first = h->leaf_count == 0;
    int replica = (int)random_below(r, REPLICAS);
    if (first) {
        replica = h->maker == HUB ? 0 : 2;
    }
    int node = replica_table[replica].node;
    uint64_t held = b->seen[node];
    bool stranger = node != HUB && node != h->maker && newest_grant(h, held, node) < 0;
    if (h->leaf_count == LEAVES_MAX || (!first && (held & 1U) == 0) || (stranger && random_below(r, 8) > 0)) {
        return;
    }
    struct law_leaf *l = &h->leaves[h->leaf_count];
    *l = (struct law_leaf){.replica = replica, .grant = -1, .erasure = -1, .to = -1, .scope = node};
    l->prev = b->last[replica];
    l->rseq = l->prev < 0 ? 1 : h->leaves[l->prev].rseq + 1;
    l->header.reg = random_below(r, 4) == 0 ? b->world->late.size : b->world->early.size;
    if (node == HUB) {
        l->scope = first ? 1 + (int)random_below(r, NODES - 1) : owner_seen(h, held);
    }
    if (first) {
        write_create(b, l, r);
    } else {
        write_kind(b, l, r, held);
    }
    read_some(b, l, r, held);
    l->grant = node == HUB || l->header.kind == KIND_CREATE ? -1 : newest_grant(h, held, node);
    l->header.reg = reg_named(h, l) > l->header.reg ? reg_named(h, l) : l->header.reg;
    if (!first && random_below(r, 12) == 0) {
        spoil(h, l, r, held);
    }
    for (size_t i = 0; i < h->leaf_count; i++) {
        if ((held & bit((int)i)) != 0 && h->leaves[i].header.kind == KIND_ERASE && random_below(r, 2) == 0) {
            l->seen_erasures |= bit((int)i);
        }
    }
    stamp(b, l, r);
    finish_header(b, l, r);
    l->expect_void = is_void(b, l);
    b->last[replica] = (int)h->leaf_count;
    b->seen[node] |= bit((int)h->leaf_count);
    h->leaf_count++;
}

/* One store takes over what another holds, or the older part of it: leaves are numbered in causal order. */
static void read_from(struct builder *b, struct random *r)
{
    unsigned reader = random_below(r, NODES);
    unsigned from = random_below(r, 3) == 0 ? random_below(r, NODES) : HUB;
    uint64_t mask = b->seen[from];
    if (random_below(r, 2) == 0 && b->history->leaf_count > 0) {
        mask &= bit((int)random_below(r, (unsigned)b->history->leaf_count)) * 2 - 1;
    }
    b->seen[reader] |= mask;
    if (random_below(r, 2) == 0) {
        b->seen[from] |= b->seen[reader];
    }
}

static void history_steps(struct history *h, uint64_t seed)
{
    struct random r = {seed * 0x2545f4914f6cdd1dU + 1};
    h->seed = seed;
    h->step_count = 6 + random_below(&r, STEPS_MAX - 6);
    for (size_t i = 0; i < h->step_count; i++) {
        h->steps[i].type = i > 0 && random_below(&r, 5) < 2 ? STEP_READ : STEP_WRITE;
        h->steps[i].salt = random_next(&r);
    }
}

static void history_build(const struct world *world, struct history *h)
{
    struct builder b = {.world = world, .history = h, .clock = 1700000000000U};
    h->leaf_count = 0;
    h->maker = h->seed % 3 == 0 ? HUB : 1;
    for (int i = 0; i < REPLICAS; i++) {
        b.last[i] = -1;
    }
    for (size_t i = 0; i < h->step_count; i++) {
        struct random r = {h->steps[i].salt};
        if (h->steps[i].type == STEP_WRITE) {
            write_leaf(&b, &r);
        } else {
            read_from(&b, &r);
        }
    }
}

#endif
