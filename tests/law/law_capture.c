/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The law of capture: clerks of a legacy program, a hub and an admin edit the same complaints; forms stay open for up
 * to the window and are saved whole or in part; values are cut, mapped many to one and rewritten by triggers; stores
 * and legacy databases are restored. Then: no edit is ever covered by somebody who had not seen it (the oracle knows
 * the values that each person had read); no fresh edit is overwritten; no row becomes two complaints; idle rounds add
 * no leaf and write nothing; at the end the rows show what the policy says and both stores hold the same.
 *
 *   law_capture [seeds] [first seed]      a single failing seed prints its trace
 *   LAW_SEEDS in the environment: how many by default
 */
#include "sync/capture_work.h"
#include "tests/law/capture_world.h"

/* ---- writing leaves ---- */

static size_t record_index(struct world *w, struct record_id id)
{
    for (size_t r = 0; r < w->record_count; r++) {
        if (record_id_equal(w->ids[r], id)) {
            return r;
        }
    }
    return SIZE_MAX;
}

static size_t record_add(struct world *w, struct record_id id, bool hub_born)
{
    size_t r = record_index(w, id);
    if (r != SIZE_MAX || w->record_count == RECORDS) {
        return r;
    }
    r = w->record_count++;
    w->ids[r] = id;
    w->hub_born[r] = hub_born;
    record_init(&w->node.records[r], id, &w->arena);
    record_init(&w->hub.records[r], id, &w->arena);
    return r;
}

static struct ctx_entry *leaf_ctx(struct world *w, const struct draft *draft, const struct ctx_entry *before,
                                  size_t *out_count)
{
    struct ctx_entry *ctx = arena_array(&w->arena, draft->ctx_count + 1, sizeof *ctx);
    size_t count = 0;
    bool put = before == NULL;
    for (size_t i = 0; i < draft->ctx_count; i++) {
        if (!put && replica_compare(before->replica, draft->ctx[i].replica) <= 0) {
            ctx[count++] = *before;
            put = true;
        }
        if (!before || !replica_equal(before->replica, draft->ctx[i].replica)) {
            ctx[count++] = draft->ctx[i];
        }
    }
    if (!put) {
        ctx[count++] = *before;
    }
    *out_count = count;
    return ctx;
}

static struct leaf *leaf_new(struct world *w, struct holder *store, size_t r, const struct draft *draft)
{
    struct record *record = &store->records[r];
    struct leaf *leaf = arena_alloc(&w->arena, sizeof *leaf);
    struct header *header = &leaf->header;
    if (store->own_count == LEAVES) {
        fail(w, "too many leaves for one seed (echo?)");
    }
    leaf->record = r;
    *header = (struct header){.node = store->id,
                              .epoch = store->epoch,
                              .lane = draft->lane,
                              .scope = {.text = "a"},
                              .seq = w->hash_count + 1,
                              .record = w->ids[r],
                              .has_record = true,
                              .rseq = 1,
                              .hlc = w->now << 16 | (w->hash_count & 0xffff),
                              .reg = w->registry.size,
                              .kind = draft->kind,
                              .role = draft->role,
                              .nonce = draft->nonce};
    uint32_t own = record_replica_find(record, header_replica(header));
    if (own != UINT32_MAX && record->replicas[own].rseq > 0) {
        header->rseq = record->replicas[own].rseq + 1;
        header->prev = record->replicas[own].hash;
        header->has_prev = true;
    }
    header->has_grant = record_grant(record, header->scope, w->hub.id, &header->grant);
    uint64_t number = ++w->hash_count;
    const struct span part = span_of(&number, sizeof number);
    stub_sha256(NULL, &part, 1, &leaf->hash);
    return leaf;
}

static void leaf_values(struct world *w, struct leaf *leaf, const struct draft *draft, enum class class)
{
    uint32_t *registers = arena_array(&w->arena, FIELD_COUNT + 1, sizeof *registers);
    for (size_t i = 0; i < draft->value_count; i++) {
        if (register_class(draft->values[i].number) == class) {
            struct body_value *value = &leaf->values[leaf->value_count];
            value->number = draft->values[i].number;
            must(w, arena_copy(&w->arena, draft->values[i].bytes, &value->bytes), "copy");
            registers[leaf->value_count++] = value->number;
        }
    }
    leaf->header.registers = registers;
    leaf->header.register_count = leaf->value_count;
    leaf->header.class = class;
    leaf->header.has_body = leaf->value_count > 0;
}

/* What core_write does, without the disk: one leaf per class, public first, the second knowing the first. */
static void write_draft(struct world *w, struct holder *store, size_t r, const struct draft *draft,
                        const struct seen knows[FIELD_COUNT], struct written *out)
{
    *out = (struct written){.record = w->ids[r]};
    for (enum class class = CLASS_PUBLIC; class <= CLASS_RESTRICTED; class = (enum class)(class + 1)) {
        struct leaf *leaf = leaf_new(w, store, r, draft);
        leaf_values(w, leaf, draft, class);
        bool create = draft->kind == KIND_CREATE && class == CLASS_PUBLIC;
        bool loosen = draft->kind == KIND_LOOSEN && class == CLASS_PUBLIC;
        if (leaf->value_count == 0 && !create && !loosen) {
            continue;
        }
        if (loosen) {
            leaf->header.registers = draft->registers;
            leaf->header.register_count = draft->register_count;
        }
        if (draft->kind == KIND_CREATE && !create) {
            leaf->header.kind = KIND_EDIT;
            leaf->header.nonce = (struct span){.size = 0};
        } else if (create) {
            uint32_t *open = arena_array(&w->arena, draft->open_count, sizeof *open);
            for (size_t i = 0; i < draft->open_count; i++) {
                open[i] = draft->open[i];
            }
            leaf->header.open = open;
            leaf->header.open_count = draft->open_count;
        }
        const struct ctx_entry *before = out->leaf_count > 0 ? &out->leaves[0] : NULL;
        leaf->header.ctx = leaf_ctx(w, draft, before, &leaf->header.ctx_count);
        leaf->claimed = draft->claim.size == 16;
        if (leaf->claimed) {
            memcpy(leaf->claim, draft->claim.data, 16);
        }
        check_removed(w, store, leaf, knows);
        store->own[store->own_count++] = leaf;
        store_apply(w, store, leaf);
        if (record_history_find(&store->records[r], header_replica(&leaf->header), leaf->header.rseq) == NULL ||
            store->records[r].history[store->records[r].history_count - 1].flags & HISTORY_PARKED) {
            fail(w, "an own leaf is parked");
        }
        out->leaves[out->leaf_count] =
            (struct ctx_entry){.replica = header_replica(&leaf->header), .rseq = leaf->header.rseq, .hash = leaf->hash};
        out->classes[out->leaf_count++] = class;
    }
}

#include "tests/law/capture_people.h"

/* ---- sync, restores ---- */

static void push(struct world *w)
{
    if (w->cut || !w->ready) {
        return;
    }
    while (w->acked < w->node.own_count) {
        store_apply(w, &w->hub, w->node.own[w->acked++]);
    }
    w->hub.foreign_count = w->acked;
    store_settle(w, &w->hub, &w->node);
}

static void pull(struct world *w, size_t limit)
{
    for (size_t i = 0; !w->cut && i < limit && w->node.foreign_count < w->hub.own_count; i++) {
        store_apply(w, &w->node, w->hub.own[w->node.foreign_count++]);
        store_settle(w, &w->node, &w->hub);
    }
}

static bool leaf_carries(struct world *w, const struct leaf *leaf, size_t edit)
{
    for (size_t v = 0; v < leaf->value_count; v++) {
        if (edit_of_value(w, leaf->values[v].number, leaf->values[v].bytes) == edit) {
            return true;
        }
    }
    return false;
}

/* The hub holds the value that stands in the row: it may be written over. */
static bool is_held(struct world *w, const struct row *row, enum field field)
{
    size_t edit = edit_in(row, field);
    size_t acked = w->ready ? w->acked : w->image.own_count;
    bool found = edit == 0;
    for (size_t i = 0; i < w->hub.own_count && !found; i++) {
        found = leaf_carries(w, w->hub.own[i], edit);
    }
    for (size_t i = 0; i < acked && !found; i++) {
        found = leaf_carries(w, w->node.own[i], edit);
    }
    for (size_t i = 0; i < lost_count && !w->ready && !found; i++) {
        found = leaf_carries(w, lost_own[i], edit);
    }
    return found;
}

static void store_backup(struct world *w)
{
    if (w->ready) {
        w->image = (struct image){true, w->node.own_count, w->node.foreign_count};
    }
}

/* The node's store from an old copy. What the hub has of its leaves comes back with hello; the rest is lost. */
static void store_restore(struct world *w)
{
    if (!w->image.there || w->image.own_count > w->acked || !w->ready) {
        return; /* a copy that is ahead of the hub would be a fork of history: log.md, not this law */
    }
    trace(w, "node: store restored to %zu own leaves (hub holds %zu of %zu)", w->image.own_count, w->acked,
          w->node.own_count);
    lost_count = 0;
    for (size_t i = w->image.own_count; i < w->acked; i++) {
        lost_own[lost_count++] = w->node.own[i];
    }
    w->restored = true;
    w->node.own_count = w->image.own_count;
    w->node.foreign_count = w->image.foreign_count;
    store_reset(w, &w->node);
    for (size_t i = 0; i < w->node.own_count; i++) {
        store_apply(w, &w->node, w->node.own[i]);
    }
    for (size_t i = 0; i < w->node.foreign_count; i++) {
        store_apply(w, &w->node, w->hub.own[i]);
    }
    store_settle(w, &w->node, &w->hub);
    w->ready = false;
    w->node.epoch++; /* the generation file does not fit */
    for (size_t i = 0; i < 2; i++) {
        w->node_screens[i].open = false;
    }
}

/* Own leaves come back, behind what was written since in the new epoch: another stream, so only the order of sending.
 */
static void hello(struct world *w)
{
    if (w->ready || w->cut) {
        return;
    }
    trace(w, "node: hello, %zu own leaves come back", lost_count);
    size_t tail = w->node.own_count - w->image.own_count;
    memmove(&w->node.own[w->image.own_count + lost_count], &w->node.own[w->image.own_count],
            tail * sizeof w->node.own[0]);
    memcpy(&w->node.own[w->image.own_count], lost_own, lost_count * sizeof lost_own[0]);
    w->node.own_count += lost_count;
    for (size_t i = 0; i < lost_count; i++) {
        store_apply(w, &w->node, lost_own[i]);
    }
    store_settle(w, &w->node, &w->hub);
    w->ready = true;
    w->image.there = false;
}

static void legacy_restore(struct world *w)
{
    if (!w->legacy_imaged) {
        return;
    }
    trace(w, "legacy: restored from a copy");
    w->legacy = w->legacy_image;
    w->restored = true;
    memset(w->forms, 0, sizeof w->forms);
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &w->legacy.rows[i];
        memset(row->fresh, 0, sizeof row->fresh); /* captured before, or is_held() finds it */
        memcpy(row->base, row->columns, sizeof row->base);
    }
}

#include "tests/law/capture_connector.h"

/* ---- a run ---- */

static void world_init(struct world *w, uint64_t seed, bool verbose)
{
    static struct memory memory;
    memory = (struct memory){.alloc = heap_alloc, .release = heap_release};
    struct arena arena = w->arena;
    struct arena scratch = w->scratch;
    memset(w, 0, sizeof *w);
    w->arena = arena;
    w->scratch = scratch;
    if (!w->arena.memory.alloc) {
        arena_init(&w->arena, memory, SIZE_MAX);
        arena_init(&w->scratch, memory, SIZE_MAX);
    }
    arena_clear(&w->arena);
    arena_clear(&w->scratch);
    w->seed = seed;
    w->random = seed * 0x2545f4914f6cdd1dU + 1;
    w->verbose = verbose;
    w->now = 1000 * MINUTE;
    w->node.id = node_named("a");
    w->hub.id = node_named("hub");
    w->node.epoch = w->hub.epoch = 1;
    w->ready = true;
    w->whole_forms = chance(w, 2);
    w->cut_texts = chance(w, 3) == 0;
    w->trigger = chance(w, 4) == 0;
    w->most = chance(w, 3) ? 1 : 2;
    registry_init(&w->registry, &w->arena);
    const struct registry_entry entries[] = {
        {.kind = KIND_REG_HUB, .node = w->hub.id, .active = true},
        {.kind = KIND_REG_ROLE, .node = w->hub.id, .roles = 0x7e, .active = true},
        {.kind = KIND_REG_NODE, .node = w->node.id, .institution = INSTITUTION_REGENCY, .active = true},
        {.kind = KIND_REG_ROLE, .node = w->node.id, .roles = 0x7e, .active = true},
    };
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        must(w, registry_apply(&w->registry, &entries[i]), "registry");
    }
}

static void tick(struct world *w)
{
    static const uint64_t jumps[] = {0, 0, 0, 0, 1, 1, 2, 4, 9, 20};
    w->now += jumps[chance(w, 10)] * MINUTE;
    if (chance(w, 150) == 0) {
        w->now += 26 * 60 * MINUTE;
    }
}

static void step(struct world *w, uint64_t calm)
{
    arena_clear(&w->scratch);
    tick(w);
    uint64_t what = chance(w, 100);
    if (what < 5) {
        clerk_new(w);
    } else if (what < 20) {
        clerk_open(w);
    } else if (what < 34) {
        clerk_save(w);
    } else if (what < 40) {
        screen_open(w, &w->hub, &w->hub_screens[chance(w, 2)]);
    } else if (what < 47) {
        screen_save(w, &w->hub, &w->hub_screens[chance(w, 2)], ROLE_NATIONAL);
    } else if (what < 50) {
        screen_open(w, &w->node, &w->node_screens[chance(w, 2)]);
    } else if (what < 54) {
        screen_save(w, &w->node, &w->node_screens[chance(w, 2)], ROLE_ADMIN);
    } else if (what < 80) {
        connector_some(w);
    } else if (what < 86) {
        push(w);
    } else if (what < 92) {
        pull(w, 1 + chance(w, 8));
    } else if (what < 94) {
        w->cut = !w->cut;
    } else if (what < 95) {
        hub_new(w);
    } else if (what < 96) {
        hello(w);
    } else if (chance(w, calm) == 0) {
        switch (chance(w, 6)) {
        case 0:
            clerk_delete(w);
            break;
        case 1:
            store_backup(w);
            break;
        case 2:
            store_restore(w);
            break;
        case 3:
            w->legacy_image = w->legacy;
            w->legacy_imaged = true;
            break;
        case 4:
            legacy_restore(w);
            break;
        default:
            connector_all(w);
        }
    }
}

/* Everything heals; nothing may move after a while: no leaf, no write, no shadow. */
static void heal(struct world *w)
{
    trace(w, "heal");
    w->cut = false;
    memset(w->forms, 0, sizeof w->forms);
    size_t quiet = 0;
    for (size_t round = 0; round < 24 && quiet < 3; round++) {
        size_t before = w->leaves + w->writes + w->stores + w->hub.own_count + w->node.own_count;
        w->now += round == 1 ? 25 * 60 * MINUTE : WINDOW + MINUTE;
        hello(w);
        arena_clear(&w->scratch);
        connector_all(w);
        push(w);
        pull(w, LEAVES);
        quiet = before == w->leaves + w->writes + w->stores + w->hub.own_count + w->node.own_count ? quiet + 1 : 0;
    }
    if (quiet < 3) {
        fail(w, "never quiet: an echo");
    }
    trace(w, "quiet");
}

static void check_same_state(struct world *w)
{
    for (size_t r = 0; r < w->record_count; r++) {
        struct span a;
        struct span b;
        if (w->node.records[r].parked_count + w->hub.records[r].parked_count > 0) {
            fail(w, "record %zu: leaves stay parked", r);
        }
        must(w, record_state_bytes(&w->node.records[r], &w->scratch, &a), "state");
        must(w, record_state_bytes(&w->hub.records[r], &w->scratch, &b), "state");
        if (!span_equal(a, b)) {
            fail(w, "record %zu differs between node and hub", r);
        }
    }
}

static const char *run(struct world *w, uint64_t seed, bool verbose)
{
    world_init(w, seed, verbose);
    if (setjmp(w->failed)) {
        return w->why;
    }
    uint64_t calm = 1 + chance(w, 6);
    uint64_t steps = 60 + chance(w, 160);
    for (uint64_t i = 0; i < steps && w->edit_count + 40 < EDITS; i++) {
        step(w, calm);
    }
    heal(w);
    check_same_state(w);
    check_rows(w);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct world world;
    const char *environment = getenv("LAW_SEEDS");
    unsigned long seeds = argc > 1 ? strtoul(argv[1], NULL, 10) : environment ? strtoul(environment, NULL, 10) : 20000;
    unsigned long first = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    size_t leaves = 0;
    size_t writes = 0;
    if (seeds == 0) {
        (void)fprintf(stderr, "law_capture [seeds] [first seed]: the number of seeds must be above 0\n");
        return 2;
    }
    for (unsigned long i = 0; i < seeds; i++) {
        const char *why = run(&world, first + i, false);
        leaves += world.leaves;
        writes += world.writes;
        if (why) {
            char kept[sizeof world.why];
            (void)snprintf(kept, sizeof kept, "%s", why);
            (void)run(&world, first + i, true);
            printf("seed %lu: %s (after %lu good seeds; again: law_capture 1 %lu)\n", first + i, kept, i, first + i);
            return 1;
        }
    }
    printf("%lu seeds, %zu changes captured, %zu write-backs: no edit covered unseen, no echo, no fresh edit "
           "overwritten\n",
           seeds, leaves, writes);
    arena_release(&world.arena);
    arena_release(&world.scratch);
    return 0;
}
