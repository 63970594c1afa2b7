/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LAW_MERGE_EXPORT_H
#define TESTS_LAW_MERGE_EXPORT_H

#include "tests/law/law_merge_history.h"

/* Plain register writes by five actors who take over each other's state, with the sibling values that our merge leaves
 * at each of them, one history per line of JSON:
 * {"ops":[[0,actor,key,value],[1,to,from],...],"end":[actor][key][values]}. tests/law/automerge/ replays them with an
 * implementation that is not ours. Values are never equal, because Automerge takes the writing of the value that is
 * there for no write. */

#define EXPORT_ACTORS 5 /* the hub's and a's replicas: both may always write */
#define EXPORT_KEYS 4
#define EXPORT_KEY_FIRST 100

struct export_run {
    const struct world *world;
    struct arena *arena;
    struct record records[EXPORT_ACTORS];
    uint64_t held[EXPORT_ACTORS]; /* leaf masks */
    struct law_leaf leaves[LEAVES_MAX];
    char texts[LEAVES_MAX][16];
    size_t leaf_count;
};

static void export_apply(struct export_run *run, int actor, size_t leaf)
{
    const struct law_leaf *l = &run->leaves[leaf];
    struct change change = {.header = &l->header,
                            .hash = l->hash,
                            .seq = leaf,
                            .binds = l->binds,
                            .body = BODY_PRESENT,
                            .values = l->values,
                            .value_count = l->header.register_count};
    struct apply_outcome outcome;
    must(record_apply(&run->records[actor], &change, &run->world->late, (struct node_id){"nobody"}, &outcome), "apply");
    if (outcome.result != APPLY_APPLIED) {
        fprintf(stderr, "law_merge: export: result %d %s\n", (int)outcome.result, outcome.why ? outcome.why : "");
        exit(2);
    }
    run->held[actor] |= bit((int)leaf);
}

static struct law_leaf *export_leaf(struct export_run *run, int actor, struct random *r)
{
    struct law_leaf *l = &run->leaves[run->leaf_count];
    *l = (struct law_leaf){.replica = actor};
    struct header *header = &l->header;
    struct replica replica = replica_of(actor);
    uint32_t own = record_replica_find(&run->records[actor], replica);
    bool first = own == UINT32_MAX || run->records[actor].replicas[own].rseq == 0;
    *header = (struct header){.node = replica.node,
                              .epoch = replica.epoch,
                              .lane = replica.lane,
                              .scope = scope_id_of(replica_table[actor].node),
                              .has_record = true,
                              .rseq = first ? 1 : run->records[actor].replicas[own].rseq + 1,
                              .reg = REG_ROLE_OF_C,
                              .kind = KIND_EDIT,
                              .role = ROLE_ADMIN,
                              .class = CLASS_RESTRICTED,
                              .has_body = true,
                              .registers = l->registers,
                              .register_count = 1};
    if (!first) {
        header->prev = run->records[actor].replicas[own].hash;
        header->has_prev = true;
    }
    for (size_t i = 0; i < sizeof l->hash.bytes; i += 8) {
        uint64_t word = random_next(r);
        memcpy(l->hash.bytes + i, &word, 8);
    }
    return l;
}

static void export_create(struct export_run *run, struct random *r)
{
    struct law_leaf *l = export_leaf(run, 2, r);
    l->header.kind = KIND_CREATE;
    l->header.class = CLASS_PUBLIC;
    l->registers[0] = REG_STATUS;
    l->binds = true;
    for (int actor = 0; actor < EXPORT_ACTORS; actor++) {
        export_apply(run, actor, 0);
    }
    run->leaf_count = 1;
}

static void export_set(struct export_run *run, struct random *r, int actor, unsigned key)
{
    struct law_leaf *l = export_leaf(run, actor, r);
    struct ctx_entry *ctx;
    must(record_token(&run->records[actor], run->arena, &ctx, &l->header.ctx_count), "token");
    l->header.ctx = ctx;
    l->registers[0] = EXPORT_KEY_FIRST + key;
    int size = snprintf(run->texts[run->leaf_count], sizeof run->texts[0], "%zu", run->leaf_count);
    l->values[0] = (struct body_value){l->registers[0], span_of(run->texts[run->leaf_count], (size_t)size)};
    export_apply(run, actor, run->leaf_count++);
}

static void export_end(struct export_run *run)
{
    for (int actor = 0; actor < EXPORT_ACTORS; actor++) {
        printf("%s[", actor > 0 ? "," : "");
        for (unsigned key = 0; key < EXPORT_KEYS; key++) {
            const struct record_register *at =
                record_register_find(&run->records[actor], part_of(0), EXPORT_KEY_FIRST + key);
            printf("%s[", key > 0 ? "," : "");
            for (size_t i = 0; at && i < at->sibling_count; i++) {
                printf("%s%.*s", i > 0 ? "," : "", (int)at->siblings[i].value.size, at->siblings[i].value.data);
            }
            printf("]");
        }
        printf("]");
    }
}

static void export_history(const struct world *world, struct arena *arena, uint64_t seed)
{
    static struct export_run run;
    arena_clear(arena);
    run = (struct export_run){.world = world, .arena = arena};
    struct random r = {seed * 0x2545f4914f6cdd1dU + 7};
    for (int actor = 0; actor < EXPORT_ACTORS; actor++) {
        record_init(&run.records[actor], (struct record_id){{1}}, arena);
    }
    export_create(&run, &r);
    unsigned ops = 6 + random_below(&r, 30);
    printf("{\"ops\":[");
    for (unsigned i = 0; i < ops && run.leaf_count < LEAVES_MAX; i++) {
        int actor = (int)random_below(&r, EXPORT_ACTORS);
        if (random_below(&r, 5) < 3) {
            unsigned key = random_below(&r, EXPORT_KEYS);
            printf("%s[0,%d,%u,%zu]", i > 0 ? "," : "", actor, key, run.leaf_count);
            export_set(&run, &r, actor, key);
            continue;
        }
        int from = (int)random_below(&r, EXPORT_ACTORS);
        printf("%s[1,%d,%d]", i > 0 ? "," : "", actor, from);
        uint64_t missing = run.held[from] & ~run.held[actor];
        for (size_t leaf = 0; leaf < run.leaf_count; leaf++) {
            if ((missing & bit((int)leaf)) != 0) {
                export_apply(&run, actor, leaf);
            }
        }
    }
    printf("],\"end\":[");
    export_end(&run);
    printf("]}\n");
}

#endif
