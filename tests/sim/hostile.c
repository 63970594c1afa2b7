/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/note.h"
#include "sync/tree.h"
#include "tests/sim/world.h"

/* A peer that holds its own key, its certificate, and no scruples. It runs an honest core, and what that says is changed on
 * its way out: bytes, leaves (signed anew with its key), streams of others, sizes, leases, requests for others' records. */

static struct record_id foreign_record(struct world *w, struct site *s, struct random *random)
{
    for (size_t i = 0; i < 8 && w->oracle->case_count > 0; i++) {
        const struct complaint *c = &w->oracle->cases[random_below(random, w->oracle->case_count)];
        if (c->owners[0].site != s->index) {
            return c->id;
        }
    }
    return (struct record_id){{0}};
}

static struct site *other_node(struct world *w, struct site *s, struct random *random)
{
    uint64_t nodes = w->plan->settings[SETTING_nodes];
    uint32_t at = 1 + (uint32_t)random_below(random, nodes);
    return at == s->index ? &w->sites[0] : &w->sites[at];
}

static struct ctx_entry *ctx_any(struct header *header, struct random *random)
{
    return header->ctx_count == 0 ? NULL
                                  : (struct ctx_entry *)(uintptr_t)&header->ctx[random_below(random, header->ctx_count)];
}

/* One lie in a header that stays well-formed, mostly. */
static void forge(struct world *w, struct site *s, struct header *header, struct random *random)
{
    static const enum kind kinds[] = {KIND_ROUTE, KIND_LOOSEN, KIND_ERASE, KIND_CLAMP, KIND_RELAY, KIND_REG_ROLE,
                                      KIND_CREATE, KIND_STALE_EDIT, KIND_EPOCH_OPEN};
    struct ctx_entry *entry = ctx_any(header, random);
    switch (random_below(random, 14)) {
    case 0:
        header->reg += 1 + random_below(random, 1000);
        return;
    case 1:
        header->seq += 1;
        return;
    case 2:
        header->node = other_node(w, s, random)->id;
        return;
    case 3:
        header->role = random_hits(random, 500) ? ROLE_NATIONAL : ROLE_OMBUDSMAN;
        return;
    case 4:
        header->rseq += 1 + random_below(random, 3);
        return;
    case 5:
        header->record = foreign_record(w, s, random);
        return;
    case 6:
        header->hlc = UINT64_C(4102444800000) << 16; /* the year 2100 */
        return;
    case 7:
        header->kind = kinds[random_below(random, sizeof kinds / sizeof kinds[0])];
        return;
    case 8:
        header->epoch += 1;
        return;
    case 9:
        header->scope = scope_of_node(other_node(w, s, random)->id);
        return;
    case 10:
        header->prev.bytes[3] ^= 1;
        return;
    case 11:
        header->has_grant = true;
        header->grant = (struct ctx_entry){.replica = {.node = w->sites[0].id, .epoch = 1}, .rseq = 1 + random_below(random, 4)};
        return;
    case 12:
        if (entry) {
            entry->hash.bytes[5] ^= 1;
        }
        return;
    default:
        if (entry) {
            entry->rseq += random_hits(random, 500) ? UINT64_C(1) << 40 : 1;
        }
    }
}

/* The checkpoint that its own key puts under what it sends. */
static struct status sign_again(struct world *w, struct site *s, struct push *push)
{
    struct stream_info *infos = NULL;
    struct tree_range range = {0};
    struct hash hash;
    struct span origin;
    uint32_t number = 0;
    size_t count = 0;
    TRY(core_streams(s->core, &w->arena, &infos, &count));
    for (size_t i = 0; i < count; i++) {
        number = infos[i].own && stream_id_equal(infos[i].id, push->stream) ? infos[i].number : number;
    }
    for (uint64_t seq = 0; seq < push->old_size; seq++) {
        struct wire_leaf held;
        TRY(core_leaf(s->core, number, seq, &w->arena, &held));
        tree_leaf_hash(&s->stub.crypto, held.leaf, &hash);
        TRY(tree_range_append(&range, &s->stub.crypto, &hash));
    }
    for (size_t i = 0; i < push->leaf_count; i++) {
        tree_leaf_hash(&s->stub.crypto, push->leaves[i].leaf, &hash);
        TRY(tree_range_append(&range, &s->stub.crypto, &hash));
    }
    tree_range_root(&range, &s->stub.crypto, &hash);
    TRY(origin_write(span_text("sim"), &push->stream, &w->arena, &origin));
    return checkpoint_sign(&s->stub.crypto, origin, range.size, &hash, &w->arena, &push->checkpoint);
}

static struct status forge_leaf(struct world *w, struct site *s, struct push *push, struct random *random)
{
    struct wire_leaf *leaves = arena_array(&w->arena, push->leaf_count, sizeof *leaves);
    struct header header;
    memcpy(leaves, push->leaves, push->leaf_count * sizeof *leaves);
    struct wire_leaf *leaf = &leaves[random_below(random, push->leaf_count)];
    TRY(header_scan(leaf->leaf, &w->arena, &header, NULL));
    forge(w, s, &header, random);
    TRY(header_write(&header, &w->arena, &leaf->leaf, NULL));
    push->leaves = leaves;
    return sign_again(w, s, push);
}

static struct status hostile_push(struct world *w, struct site *s, struct span *bytes, struct random *random)
{
    struct push push;
    TRY(push_read(*bytes, &w->arena, &push));
    switch (random_below(random, 8)) {
    case 0:
        push.stream.node = other_node(w, s, random)->id;
        push.stream.scope = scope_of_node(push.stream.node);
        break;
    case 1:
        push.old_size = random_below(random, push.old_size + 3);
        break;
    case 2:
        push.leaf_count -= push.leaf_count > 1 ? 1 : 0;
        break;
    case 3:
        push.stream.epoch += 1;
        break;
    default:
        TRY(forge_leaf(w, s, &push, random));
    }
    return push_write(&push, &w->arena, bytes);
}

static struct status hostile_hello(struct world *w, struct site *s, struct span *bytes, struct random *random)
{
    struct hello hello;
    TRY(hello_read(*bytes, &w->arena, &hello));
    switch (random_below(random, 4)) {
    case 0:
        hello.node = other_node(w, s, random)->id;
        break;
    case 1:
        hello.epoch_open = (uint32_t)random_below(random, UINT32_MAX);
        break;
    case 2:
        hello.takeover = true;
        hello.instance[0] ^= 1;
        break;
    default:
        hello.now_ms = UINT64_MAX;
    }
    return hello_write(&hello, &w->arena, bytes);
}

/* Asks for the streams and the records of others. */
static struct status hostile_pull(struct world *w, struct site *s, struct span *bytes, struct random *random)
{
    struct pull pull;
    TRY(pull_read(*bytes, &w->arena, &pull));
    struct stream_state *have = arena_array(&w->arena, pull.have_count + 1, sizeof *have);
    struct dot *want = arena_array(&w->arena, 1, sizeof *want);
    struct record_id *records = arena_array(&w->arena, 1, sizeof *records);
    struct site *other = other_node(w, s, random);
    memcpy(have, pull.have, pull.have_count * sizeof *have);
    have[pull.have_count] = (struct stream_state){.stream = {.node = other->id, .epoch = 1, .scope = scope_of_node(other->id)}};
    *records = foreign_record(w, s, random);
    *want = (struct dot){.replica = {.node = other->id, .epoch = 1, .lane = CONNECTOR_LANE}, .rseq = 1 + random_below(random, 3)};
    pull.have = have;
    pull.have_count += 1;
    pull.want = want;
    pull.want_records = records;
    pull.want_count = 1;
    return pull_write(&pull, &w->arena, bytes);
}

static struct span flip(struct world *w, struct span bytes, struct random *random)
{
    struct span copy;
    must(w, arena_copy(&w->arena, bytes, &copy), "copy");
    for (uint64_t i = 1 + random_below(random, 6); i > 0 && copy.size > 0; i--) {
        size_t at = (size_t)random_below(random, copy.size);
        ((uint8_t *)(uintptr_t)copy.data)[at] ^= (uint8_t)(1U << random_below(random, 8));
    }
    return copy;
}

struct span hostile_request(struct world *w, struct site *s, enum exchange_kind kind, struct span bytes)
{
    struct random random = random_from(w->plan->seed * 11, ++w->serial);
    if (!s->hostile_left || w->healed) {
        return bytes;
    }
    s->hostile_left--;
    SIM_MARK(w, hostile_act);
    if (random_hits(&random, 150) || !site_begin(w, s)) {
        return flip(w, bytes, &random);
    }
    struct span changed = bytes;
    struct status status = kind == EXCHANGE_PUSH    ? hostile_push(w, s, &changed, &random)
                           : kind == EXCHANGE_HELLO ? hostile_hello(w, s, &changed, &random)
                                                    : hostile_pull(w, s, &changed, &random);
    site_roll_back(s);
    TRACE(w, s, "lies");
    return status_is_ok(status) ? changed : flip(w, bytes, &random);
}
