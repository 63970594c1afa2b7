/* SPDX-License-Identifier: Apache-2.0 */
/* law_merge [histories] [first seed]
 * law_merge export histories: for tests/law/automerge/run
 *
 * The obligations of merge.md over random histories: (1) the state is a function of the set of leaves and the registry,
 * whatever the order, the repetitions, the parking and the storing in between; (2) a sibling leaves only when a change
 * has read it; (3) the conflicts listed are those of an independent multi-value register; (4) registers that no program
 * knows merge like the others; (5) what is shown is a pure function. A history that breaks one is cut down and told as
 * a story. Default: 100,000 histories (LAW_SEEDS says otherwise), a few thousand under sanitizers. */
#include "tests/law/law_merge_export.h"
#include "tests/law/law_merge_history.h"
#include "tests/law/law_merge_oracle.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HISTORIES_DEFAULT 4000
#else
#define HISTORIES_DEFAULT 100000
#endif

enum feature {
    SHUFFLE = 1 << 0,  /* any order at all; else nearly causal */
    REPEAT = 1 << 1,   /* leaves come twice */
    STORE = 1 << 2,    /* the record is saved and loaded between leaves */
    BODIES = 1 << 3,   /* bodies come later */
    REGISTRY = 1 << 4, /* the registry grows only half way through */
    CAUSAL = 1 << 5,   /* the plain order */
    FEATURES = 31,
};

struct counts {
    uint64_t histories, leaves, voids, parked, duplicates, conflicts, erased, late, stores, withdrawn, routes, forks;
};

struct trial {
    const struct world *world;
    const struct history *history;
    struct arena *arena;
    struct counts *counts;
    struct random random;
    unsigned features;
    const struct registry *registry;
    struct record record;
    const char *broken; /* the law, NULL while all hold */
};

static void *law_alloc(void *owner, size_t size)
{
    (void)owner;
    return malloc(size);
}

static void law_free(void *owner, void *pointer)
{
    (void)owner;
    free(pointer);
}

static struct span encode(struct trial *t)
{
    struct span bytes;
    must(record_encode(&t->record, t->arena, &bytes), "encode");
    return bytes;
}

static void store_and_load(struct trial *t)
{
    struct span bytes = encode(t);
    must(record_decode(t->record.id, bytes, t->arena, &t->record), "decode");
    if (!span_equal(bytes, encode(t))) {
        t->broken = "1: a record that was stored and loaded is stored differently";
    }
    t->counts->stores++;
}

static enum apply_result deliver(struct trial *t, size_t leaf)
{
    const struct law_leaf *l = &t->history->leaves[leaf];
    bool held = l->header.has_body && !((t->features & BODIES) != 0 && (l->hash.bytes[0] & 1U) != 0);
    struct change change = {.header = &l->header,
                            .hash = l->hash,
                            .stream = (uint32_t)l->scope,
                            .seq = leaf,
                            .relayed = random_below(&t->random, 4) == 0,
                            .binds = l->binds,
                            .body = held                 ? BODY_PRESENT
                                    : l->header.has_body ? BODY_LATER
                                                         : BODY_NONE,
                            .values = l->values,
                            .value_count = held ? l->header.register_count : 0};
    struct apply_outcome outcome;
    must(record_apply(&t->record, &change, t->registry, (struct node_id){"nobody"}, &outcome), "apply");
    if (outcome.result == APPLY_FORKED || outcome.result == APPLY_OWN_FORK) {
        t->broken = "1: an honest history was taken for a fork";
    }
    if ((outcome.result == APPLY_VOID && !l->expect_void) || (outcome.result == APPLY_APPLIED && l->expect_void)) {
        t->broken = "1: void, or not, against log.md";
    }
    t->counts->parked += outcome.result == APPLY_PARKED ? 1 : 0;
    t->counts->duplicates += outcome.result == APPLY_DUPLICATE ? 1 : 0;
    return outcome.result;
}

/* A second content for a dot that is held, applied or waiting: evidence that changes nothing. */
static void deliver_twin(struct trial *t, size_t leaf)
{
    const struct law_leaf *l = &t->history->leaves[leaf];
    struct change change = {.header = &l->header, .hash = l->hash, .seq = leaf, .binds = l->binds, .body = BODY_LATER};
    change.hash.bytes[3] ^= 1;
    struct apply_outcome outcome;
    must(record_apply(&t->record, &change, t->registry, (struct node_id){"nobody"}, &outcome), "apply");
    if (outcome.result != APPLY_FORKED || memcmp(outcome.other.bytes, l->hash.bytes, HISTORY_HASH_SIZE) != 0) {
        t->broken = "1: a second content for a dot was not taken for a fork";
    }
    t->counts->forks++;
}

static void retry_parked(struct trial *t)
{
    size_t from = 0;
    for (;;) {
        size_t index = record_ready(&t->record, t->registry, from);
        if (index == SIZE_MAX) {
            return;
        }
        enum apply_result result = deliver(t, (size_t)t->record.history[index].seq);
        from = result == APPLY_APPLIED || result == APPLY_VOID ? 0 : index + 1;
    }
}

static void clamp_leaf(struct trial *t, size_t leaf)
{
    const struct law_leaf *l = &t->history->leaves[leaf];
    if (l->clamped) {
        must(record_clamp(&t->record, header_dot(&l->header), l->clamp_ms), "clamp");
    }
}

static void order_of(struct trial *t, uint8_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        order[i] = (uint8_t)i;
    }
    unsigned reach = (t->features & SHUFFLE) != 0 ? (unsigned)count : 4;
    for (size_t i = count; (t->features & CAUSAL) == 0 && i > 1; i--) {
        unsigned back = random_below(&t->random, reach < i ? reach : (unsigned)i);
        uint8_t swapped = order[i - 1];
        order[i - 1] = order[i - 1 - back];
        order[i - 1 - back] = swapped;
    }
}

static void finish_delivery(struct trial *t)
{
    const struct history *h = t->history;
    if (t->broken) {
        return;
    }
    t->registry = &t->world->late;
    retry_parked(t);
    for (size_t i = 0; i < h->leaf_count; i++) {
        clamp_leaf(t, i);
        if (h->leaves[i].header.has_body) {
            must(record_body(&t->record, header_dot(&h->leaves[i].header), h->leaves[i].values,
                             h->leaves[i].header.register_count),
                 "body");
        }
    }
    if (t->record.parked_count > 0 && !t->broken) {
        t->broken = "3: a change waits though everything has come";
    }
}

static void deliver_all(struct trial *t)
{
    size_t count = t->history->leaf_count;
    uint8_t order[LEAVES_MAX];
    order_of(t, order, count);
    record_init(&t->record, (struct record_id){{1}}, t->arena);
    t->registry = (t->features & REGISTRY) != 0 ? &t->world->early : &t->world->late;
    size_t grows_at = random_below(&t->random, (unsigned)count + 1);
    for (size_t i = 0; i < count && !t->broken; i++) {
        t->registry = i >= grows_at ? &t->world->late : t->registry;
        if (random_below(&t->random, 4) == 0) {
            clamp_leaf(t, random_below(&t->random, (unsigned)count));
        }
        deliver(t, order[i]);
        retry_parked(t);
        if ((t->features & REPEAT) != 0 && random_below(&t->random, 3) == 0) {
            deliver(t, order[random_below(&t->random, (unsigned)i + 1)]);
        }
        if ((t->features & REPEAT) != 0 && random_below(&t->random, 9) == 0) {
            deliver_twin(t, order[random_below(&t->random, (unsigned)i + 1)]);
        }
        if ((t->features & STORE) != 0 && random_below(&t->random, 5) == 0) {
            store_and_load(t);
        }
    }
    finish_delivery(t);
}

/* ---- what two stores must agree on ---- */

static void dump_sibling(struct buffer *b, const struct record *record, const struct sibling *sibling)
{
    buffer_add(b, sibling->hash.bytes, sizeof sibling->hash.bytes);
    buffer_add_be32(b, sibling->flags & (SIBLING_STALE | SIBLING_ERASED));
    buffer_add_u8(b, record_is_late(record, sibling));
    buffer_add_be64(b, record_effective_ms(record, sibling));
}

static void dump_register(struct buffer *b, struct trial *t, int part, uint32_t number)
{
    const struct record *record = &t->record;
    struct shown shown;
    must(record_show(record, part_of(part), number, t->arena, &shown), "show");
    buffer_add_u8(b, (uint8_t)((shown.present ? 1 : 0) | (shown.readable ? 2 : 0) | (shown.conflict ? 4 : 0) |
                               (shown.person ? 8 : 0)));
    buffer_add_sized(b, shown.value);
    const struct record_register *at = record_register_find(record, part_of(part), number);
    for (size_t i = 0; at && i < at->sibling_count; i++) {
        dump_sibling(b, record, &at->siblings[i]);
    }
}

static void dump_erasures(struct buffer *b, struct trial *t)
{
    for (size_t i = 0; i < t->history->leaf_count; i++) {
        for (size_t j = 0; j < t->record.erasure_count; j++) {
            const struct erasure *erasure = &t->record.erasures[j];
            if (!hash_equal(erasure->hash, t->history->leaves[i].hash)) {
                continue;
            }
            buffer_add_be32(b, (uint32_t)i);
            buffer_add_u8(b, record_erasure_in_force(&t->record, erasure));
            for (int node = 0; node < NODES; node++) {
                buffer_add_u8(b, record_acknowledged(&t->record, erasure, node_id_of(node)));
            }
        }
    }
}

static struct span dump(struct trial *t)
{
    struct buffer b;
    struct span state, bytes;
    buffer_init(&b, t->arena);
    must(record_state_bytes(&t->record, t->arena, &state), "state");
    buffer_add_span(&b, state);
    for (int part = 0; part < PARTS; part++) {
        for (size_t n = 0; n < NUMBERS; n++) {
            dump_register(&b, t, part, numbers[n]);
        }
    }
    dump_erasures(&b, t);
    buffer_add_u8(&b, (uint8_t)record_status(&t->record));
    buffer_add_u8(&b, record_is_withdrawn(&t->record));
    buffer_add(&b, record_owner(&t->record).text, 16);
    buffer_add(&b, t->record.maker.text, 16);
    for (int node = 1; node < NODES; node++) {
        struct ctx_entry grant = {.rseq = 0};
        buffer_add_u8(&b, record_grant(&t->record, scope_id_of(node), node_id_of(HUB), &grant));
        buffer_add(&b, grant.hash.bytes, sizeof grant.hash.bytes);
    }
    must(buffer_end(&b, &bytes), "dump");
    return bytes;
}

/* Destroying what is erased shows no difference: it was hidden before. */
static void destroy_erased(struct trial *t, struct span before)
{
    size_t *indexes;
    size_t count;
    must(record_erased_bodies(&t->record, t->arena, &indexes, &count), "erased bodies");
    for (size_t i = 0; i < count; i++) {
        record_body_gone(&t->record, indexes[i]);
    }
    if (count > 0 && !span_equal(before, dump(t))) {
        t->broken = "5: destroying an erased body changes what is shown";
    }
}

/* ---- against the oracle ---- */

static bool covered_agrees(const struct trial *t, const struct record_register *at, int part, uint32_t number)
{
    for (int replica = 0; replica < REPLICAS; replica++) {
        uint64_t expected = 0;
        for (size_t i = 0; i < t->history->leaf_count; i++) {
            const struct law_leaf *l = &t->history->leaves[i];
            if (writes(l, part, number) && l->ctx_rseq[replica] > expected) {
                expected = l->ctx_rseq[replica];
            }
        }
        uint32_t index = record_replica_find(&t->record, replica_of(replica));
        uint64_t covered = index < at->covered_count ? at->covered[index] : 0;
        if (covered != expected) {
            return false;
        }
    }
    return true;
}

static bool siblings_agree(const struct trial *t, const struct oracle *o, int part, size_t n)
{
    const struct record_register *at = record_register_find(&t->record, part_of(part), numbers[n]);
    size_t found = 0, expected = 0;
    for (size_t i = 0; i < t->history->leaf_count; i++) {
        bool is_sibling = (o->siblings[part][n] & bit((int)i)) != 0;
        expected += is_sibling ? 1 : 0;
        for (size_t j = 0; is_sibling && at && j < at->sibling_count; j++) {
            const struct sibling *s = &at->siblings[j];
            bool erased = (o->erased[part][n] & bit((int)i)) != 0;
            bool late = (o->late & bit((int)i)) != 0;
            found += hash_equal(s->hash, t->history->leaves[i].hash) && ((s->flags & SIBLING_ERASED) != 0) == erased &&
                             record_is_late(&t->record, s) == late
                         ? 1
                         : 0;
            t->counts->erased += erased ? 1 : 0;
            t->counts->late += late ? 1 : 0;
        }
    }
    return found == expected && (at ? at->sibling_count : 0) == expected &&
           (!at || covered_agrees(t, at, part, numbers[n]));
}

static bool conflicts_agree(const struct trial *t, const struct oracle *o)
{
    struct conflict_item *items;
    size_t count, at = 0;
    must(record_conflicts(&t->record, t->arena, &items, &count), "conflicts");
    for (int part = 0; part < PARTS; part++) {
        for (size_t n = 0; n < NUMBERS; n++) {
            struct oracle_item item = oracle_conflict(o, part, n);
            if (!item.listed) {
                continue;
            }
            if (at == count || items[at].number != numbers[n] || !part_id_equal(items[at].part, part_of(part)) ||
                items[at].person != item.person || items[at].reason != item.reason ||
                items[at].sibling_count != item.siblings) {
                return false;
            }
            at++;
        }
    }
    t->counts->conflicts += count;
    return at == count;
}

static void hold_to_oracle(struct trial *t)
{
    struct oracle oracle;
    oracle_make(t->history, &oracle);
    for (int part = 0; part < PARTS; part++) {
        for (size_t n = 0; n < NUMBERS; n++) {
            if (!siblings_agree(t, &oracle, part, n)) {
                t->broken = numbers[n] == UNKNOWN_PUBLIC || numbers[n] == UNKNOWN_RESTRICTED
                                ? "4: siblings of an unknown register"
                                : "2: siblings, their erasure or their lateness against the oracle";
                return;
            }
        }
    }
    if (!conflicts_agree(t, &oracle)) {
        t->broken = "3: conflicts against the oracle";
    }
    t->counts->withdrawn += record_is_withdrawn(&t->record) ? 1 : 0;
    t->counts->routes += t->record.route_count;
}

/* ---- one history ---- */

struct bench {
    struct world world;
    struct arena plain, other;
    struct counts counts;
};

static const char *check_other(struct bench *bench, const struct history *h, struct span expected, uint64_t seed,
                               unsigned features)
{
    arena_clear(&bench->other);
    struct trial t = {.world = &bench->world,
                      .history = h,
                      .arena = &bench->other,
                      .counts = &bench->counts,
                      .random = {seed},
                      .features = features};
    deliver_all(&t);
    if (t.broken) {
        return t.broken;
    }
    struct span got = dump(&t);
    if (!span_equal(got, expected)) {
        return "1: another order of delivery gives another state, or shows it differently";
    }
    destroy_erased(&t, got);
    return t.broken;
}

/* NULL, or the law that the history breaks; `delivery` chooses the orders, `features` what happens on the way. */
static const char *check(struct bench *bench, const struct history *h, uint64_t delivery, unsigned features)
{
    arena_clear(&bench->plain);
    struct trial plain = {
        .world = &bench->world, .history = h, .arena = &bench->plain, .counts = &bench->counts, .features = CAUSAL};
    deliver_all(&plain);
    if (!plain.broken) {
        hold_to_oracle(&plain);
    }
    if (plain.broken) {
        return plain.broken;
    }
    struct span expected = dump(&plain);
    for (unsigned i = 0; i < 2; i++) {
        struct random r = {delivery * 2 + i};
        unsigned some = ((unsigned)random_next(&r) & FEATURES) | (i == 0 ? (unsigned)SHUFFLE : 0U);
        const char *broken = check_other(bench, h, expected, random_next(&r), some & features);
        if (broken) {
            return broken;
        }
    }
    return NULL;
}

/* ---- shrinking ---- */

static const char *check_many(struct bench *bench, struct history *h, unsigned features, uint64_t *out_delivery)
{
    history_build(&bench->world, h);
    for (uint64_t delivery = h->seed; h->leaf_count > 0 && delivery < h->seed + 40; delivery++) {
        const char *broken = check(bench, h, delivery, features);
        if (broken) {
            *out_delivery = delivery;
            return broken;
        }
    }
    return NULL;
}

static const char *shrink(struct bench *bench, struct history *h, unsigned *features, uint64_t *out_delivery)
{
    const char *broken = check_many(bench, h, *features, out_delivery);
    for (bool smaller = true; smaller && broken;) {
        smaller = false;
        for (size_t i = h->step_count; i > 0; i--) {
            struct history less = *h;
            memmove(&less.steps[i - 1], &less.steps[i], (less.step_count - i) * sizeof less.steps[0]);
            less.step_count--;
            if (check_many(bench, &less, *features, out_delivery)) {
                *h = less;
                smaller = true;
            }
        }
    }
    for (unsigned feature = 1; feature <= FEATURES; feature <<= 1) {
        if (check_many(bench, h, *features & ~feature, out_delivery)) {
            *features &= ~feature;
        }
    }
    return check_many(bench, h, *features, out_delivery);
}

static void tell_leaf(const struct history *h, size_t leaf)
{
    const struct law_leaf *l = &h->leaves[leaf];
    printf("  %2zu. %s/%u/%u #%llu in %s: %s by %s", leaf, node_names[replica_table[l->replica].node],
           replica_table[l->replica].epoch, replica_table[l->replica].lane, (unsigned long long)l->rseq,
           node_names[l->scope], kind_info(l->header.kind)->name, role_name(l->header.role));
    for (size_t i = 0; i < l->header.register_count; i++) {
        printf(" %u=%u", l->registers[i], l->value[i]);
    }
    if (l->part > 0) {
        printf(" part %d", l->part);
    }
    if (l->to >= 0) {
        printf(" to %s", node_names[l->to]);
    }
    if (l->grant >= 0) {
        printf(" granted by %d", l->grant);
    }
    printf(" class %d reg %llu, had read", (int)l->header.class, (unsigned long long)l->header.reg);
    for (size_t i = 0; i < h->leaf_count; i++) {
        if (had_read(l, &h->leaves[i])) {
            printf(" %zu", i);
        }
    }
    printf("%s%s\n", l->seen_erasures != 0 ? ", knows an erasure" : "", l->expect_void ? " (void)" : "");
}

static void tell(struct bench *bench, struct history *h)
{
    unsigned features = FEATURES;
    uint64_t delivery = 0;
    uint64_t seed = h->seed;
    const char *broken = shrink(bench, h, &features, &delivery);
    printf("law %s\n", broken ? broken : "broken, but not while shrinking: run the seed under a debugger");
    printf("seed %llu, delivery %llu, features %u; made by %s; %zu leaves are left:\n", (unsigned long long)seed,
           (unsigned long long)delivery, features, node_names[h->maker], h->leaf_count);
    for (size_t i = 0; i < h->leaf_count; i++) {
        tell_leaf(h, i);
    }
    printf("again: law_merge 1 %llu\n", (unsigned long long)seed);
}

/* ---- */

static void world_init(struct world *world)
{
    arena_init(&world->arena, (struct memory){.alloc = law_alloc, .release = law_free}, SIZE_MAX);
    register_entries(&world->early, &world->arena, false);
    register_entries(&world->late, &world->arena, true);
    memset(world->long_text, 'x', sizeof world->long_text);
    world->long_text[1][399] = 'y';
    for (size_t i = 0; i < 4; i++) {
        struct ref refs[2] = {{span_text("lapor"), span_of("0123", i + 1)}, {span_text("legacy"), span_of("9", 1)}};
        struct value value = {.type = VALUE_REFS, .refs = {.refs = refs, .count = i % 2 + 1}};
        must(value_write(&value, &world->arena, &world->refs[i]), "refs");
    }
}

/* A law that never meets a case proves nothing about it. */
static int honest(const struct counts *c)
{
    const uint64_t met[] = {c->voids, c->parked, c->duplicates, c->conflicts, c->erased,
                            c->late,  c->stores, c->withdrawn,  c->routes,    c->forks};
    for (size_t i = 0; i < sizeof met / sizeof met[0]; i++) {
        if (c->histories >= 1000 && met[i] == 0) {
            printf("law_merge: case %zu never came up: the generator is broken\n", i);
            return 1;
        }
    }
    return 0;
}

static int export_all(struct bench *bench, uint64_t count)
{
    for (uint64_t seed = 1; seed <= count; seed++) {
        export_history(&bench->world, &bench->plain, seed);
    }
    arena_release(&bench->plain);
    arena_release(&bench->world.arena);
    return 0;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    static struct history history;
    world_init(&bench.world);
    arena_init(&bench.plain, bench.world.arena.memory, SIZE_MAX);
    arena_init(&bench.other, bench.world.arena.memory, SIZE_MAX);
    if (argc > 2 && strcmp(argv[1], "export") == 0) {
        return export_all(&bench, strtoull(argv[2], NULL, 10));
    }
    const char *env = getenv("LAW_SEEDS");
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : env ? strtoull(env, NULL, 10) : HISTORIES_DEFAULT;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    count = count > 0 ? count : HISTORIES_DEFAULT; /* no number of seeds passes without a run */
    int failed = 0;
    for (uint64_t seed = first; seed < first + count && !failed; seed++) {
        history_steps(&history, seed);
        history_build(&bench.world, &history);
        if (check(&bench, &history, seed, FEATURES)) {
            tell(&bench, &history);
            failed = 1;
        }
        bench.counts.histories++;
        bench.counts.leaves += history.leaf_count;
        for (size_t i = 0; i < history.leaf_count; i++) {
            bench.counts.voids += history.leaves[i].expect_void ? 1 : 0;
        }
    }
    const struct counts *c = &bench.counts;
    printf("law_merge: %llu histories, %llu leaves (%llu void), %llu parkings, %llu duplicates, %llu stores, "
           "%llu conflicts, %llu erased, %llu late, %llu withdrawn, %llu routes, %llu forks: %s\n",
           (unsigned long long)c->histories, (unsigned long long)c->leaves, (unsigned long long)c->voids,
           (unsigned long long)c->parked, (unsigned long long)c->duplicates, (unsigned long long)c->stores,
           (unsigned long long)c->conflicts, (unsigned long long)c->erased, (unsigned long long)c->late,
           (unsigned long long)c->withdrawn, (unsigned long long)c->routes, (unsigned long long)c->forks,
           failed ? "BROKEN" : "all laws hold");
    failed = failed || honest(c);
    arena_release(&bench.plain);
    arena_release(&bench.other);
    arena_release(&bench.world.arena);
    return failed;
}
