/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SYNC_WORLD_H
#define TESTS_UNIT_SYNC_WORLD_H

/* A hub and its nodes in one process, over model stores, with a clock that only the test moves. Messages travel as their
 * encoded bytes; every step is a transaction of its own, as in the process. Everything that can fail for lack of memory or
 * store returns a status, so that failure loops can run a story; `must` is for stories where nothing may fail. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/base/heap.h"
#include "node/crypto/crypto_openssl.h"
#include "sync/core.h"
#include "sync/note.h"

#define WORLD_SITES 5
#define WORLD_START_MS 1750000000000U

/* Where the stores of a world live. `restart`: power off and on, the store keeps its address. */
struct world_disks {
    struct status (*make)(struct memory memory, struct store **out_store);
    struct status (*restart)(struct store *store);
};

struct site {
    struct core *core;
    struct store *store;
    struct crypto *crypto;
    struct node_id id;
    uint8_t instance;
    int64_t skew_ms;
    bool doubt;
    uint64_t events; /* seen so far */
};

struct world {
    struct memory memory;
    const struct world_disks *disks;
    uint64_t now_ms;
    struct site hub;
    struct site nodes[WORLD_SITES];
    size_t node_count;
    struct arena arena;
    uint64_t nonce;
    /* What the network and a hostile peer do to the next calls; NULL: nothing. */
    void (*on_push)(struct push *push, void *owner);
    void (*on_pull_answer)(struct pull_answer *answer, void *owner);
    void (*on_begin)(const struct site *site); /* before each transaction */
    void *owner;
    bool drop_answer, duplicate;
    bool takeover;
    enum verdict verdict; /* of the last call */
    size_t leaves_moved;
};

static inline struct status world_model_restart(struct store *store)
{
    store_model_crash(store);
    return status_ok();
}

static const struct world_disks world_models = {store_model_new, world_model_restart};

static inline void must(struct status status)
{
    if (!status_is_ok(status)) {
        fail_msg("status %s", status_name(status));
    }
}

static inline struct node_id world_node(const char *text)
{
    struct node_id id;
    must(node_id_parse(span_text(text), &id));
    return id;
}

static inline struct crypto *world_crypto(uint8_t seed)
{
    uint8_t log[32];
    uint8_t cosigner[32];
    struct crypto *crypto;
    memset(log, seed, sizeof log);
    memset(cosigner, seed + 100, sizeof cosigner);
    must(crypto_openssl_new_seeds(log, cosigner, &crypto));
    return crypto;
}

static inline struct status site_start(struct world *w, struct site *s)
{
    struct core_options options = {.memory = w->memory,
                                   .crypto = s->crypto,
                                   .store = s->store,
                                   .deployment = span_text("test"),
                                   .self = s->id,
                                   .hub = w->hub.id,
                                   .in_doubt = s->doubt};
    memset(options.instance, s->instance, sizeof options.instance);
    TRY(w->hub.crypto->public_key(w->hub.crypto->owner, SIGN_LOG, &options.hub_log_key));
    TRY(w->hub.crypto->public_key(w->hub.crypto->owner, SIGN_COSIGNER, &options.hub_cosigner_key));
    TRY(core_new(&options, &s->core));
    TRY(core_begin(s->core, w->now_ms));
    struct status status = core_open(s->core);
    if (!status_is_ok(status)) {
        core_rollback(s->core);
        return status;
    }
    return core_commit(s->core);
}

static inline void site_stop(struct site *s)
{
    core_free(s->core);
    s->core = NULL;
}

/* Power off and on. */
static inline struct status site_restart(struct world *w, struct site *s)
{
    site_stop(s);
    TRY(w->disks->restart(s->store));
    return site_start(w, s);
}

static inline struct status site_begin(struct world *w, struct site *s)
{
    if (w->on_begin) {
        w->on_begin(s);
    }
    return core_begin(s->core, (uint64_t)((int64_t)w->now_ms + s->skew_ms));
}

/* Ends the transaction as the process does: commit if it went well, else roll back. */
static inline struct status site_end(struct site *s, struct status status)
{
    if (!status_is_ok(status)) {
        core_rollback(s->core);
        return status;
    }
    return core_commit(s->core);
}

static inline struct status register_node(struct core *core, const struct site *s, struct node_id parent,
                                          enum institution institution)
{
    struct public_key key;
    TRY(s->crypto->public_key(s->crypto->owner, SIGN_LOG, &key));
    struct registry_entry node = {.kind = KIND_REG_NODE,
                                  .node = s->id,
                                  .name = span_text("Kabupaten"),
                                  .institution = institution,
                                  .parent = parent,
                                  .active = true};
    struct registry_entry epoch = {.kind = KIND_REG_EPOCH, .node = s->id, .epoch = 1};
    struct registry_entry log_key = {.kind = KIND_REG_KEY,
                                     .node = s->id,
                                     .epoch = 1,
                                     .key_use = KEY_LOG,
                                     .key = span_of(key.bytes, sizeof key.bytes),
                                     .active = true};
    struct registry_entry role = {.kind = KIND_REG_ROLE,
                                  .node = s->id,
                                  .roles = 1u << ROLE_CLERK | 1u << ROLE_ADMIN | 1u << ROLE_AUTOMATIC};
    TRY(core_registry_add(core, &node));
    TRY(core_registry_add(core, &epoch));
    TRY(core_registry_add(core, &log_key));
    return core_registry_add(core, &role);
}

static inline struct status world_join(struct world *w, const char *name, const char *parent, struct site **out_site)
{
    struct site *s = &w->nodes[w->node_count];
    s->id = world_node(name);
    s->instance = (uint8_t)(w->node_count + 1);
    s->crypto = world_crypto((uint8_t)(w->node_count + 10));
    w->node_count++;
    TRY(w->disks->make(w->memory, &s->store));
    TRY(site_begin(w, &w->hub));
    struct node_id above = parent ? world_node(parent) : (struct node_id){{0}};
    enum institution institution = strlen(name) == 2 ? INSTITUTION_PROVINCE : INSTITUTION_REGENCY;
    TRY(site_end(&w->hub, register_node(w->hub.core, s, above, institution)));
    TRY(site_start(w, s));
    *out_site = s;
    return status_ok();
}

static inline struct status world_start_on(struct world *w, struct memory memory, const struct world_disks *disks)
{
    *w = (struct world){.memory = memory, .disks = disks, .now_ms = WORLD_START_MS};
    arena_init(&w->arena, memory_heap(), SIZE_MAX);
    w->hub.id = world_node("hub");
    w->hub.crypto = world_crypto(1);
    TRY(disks->make(memory, &w->hub.store));
    return site_start(w, &w->hub);
}

/* Over model stores. */
static inline struct status world_start(struct world *w, struct memory memory)
{
    return world_start_on(w, memory, &world_models);
}

static inline void site_release(struct site *s)
{
    site_stop(s);
    if (s->store) {
        s->store->ops->free(s->store);
    }
    crypto_openssl_free(s->crypto);
    *s = (struct site){0};
}

static inline void world_release(struct world *w)
{
    for (size_t i = 0; i < w->node_count; i++) {
        site_release(&w->nodes[i]);
    }
    site_release(&w->hub);
    arena_release(&w->arena);
}

/* ---- calls ---- */

static inline struct status hub_hello(struct world *w, struct site *s, struct span bytes, struct span *out_bytes)
{
    struct hello hello;
    struct hello_answer answer;
    TRY(hello_read(bytes, &w->arena, &hello));
    TRY(core_serve_hello(w->hub.core, s->id, &hello, &w->arena, &answer));
    w->verdict = answer.verdict;
    return hello_answer_write(&answer, &w->arena, out_bytes);
}

static inline struct status hub_push(struct world *w, struct site *s, struct span bytes, struct span *out_bytes)
{
    struct push push;
    struct push_answer answer;
    TRY(push_read(bytes, &w->arena, &push));
    TRY(core_serve_push(w->hub.core, s->id, &push, &w->arena, &answer));
    w->verdict = answer.verdict;
    return push_answer_write(&answer, &w->arena, out_bytes);
}

static inline struct status hub_pull(struct world *w, struct site *s, struct span bytes, struct span *out_bytes)
{
    struct pull pull;
    struct pull_answer answer;
    bool empty;
    TRY(pull_read(bytes, &w->arena, &pull));
    TRY(core_serve_pull(w->hub.core, s->id, &pull, &w->arena, &answer, &empty));
    w->verdict = answer.verdict;
    if (w->on_pull_answer) {
        w->on_pull_answer(&answer, w->owner);
    }
    for (size_t i = 0; i < answer.part_count; i++) {
        w->leaves_moved += answer.parts[i].leaf_count;
    }
    return pull_answer_write(&answer, &w->arena, out_bytes);
}

typedef struct status (*hub_side)(struct world *w, struct site *s, struct span bytes, struct span *out_bytes);

/* The request at the hub, twice if the network doubles it; out_bytes is the last answer. */
static inline struct status hub_call(struct world *w, struct site *s, hub_side side, struct span bytes, struct span *out_bytes)
{
    for (int i = 0; i <= (w->duplicate ? 1 : 0); i++) {
        struct span answer = {0};
        TRY(site_begin(w, &w->hub));
        TRY(site_end(&w->hub, side(w, s, bytes, &answer)));
        if (i == 0 || side != hub_hello) {
            *out_bytes = answer;
        }
    }
    return status_ok();
}

static inline struct next world_nothing(void)
{
    return (struct next){.step = NEXT_GO_ON, .why = ""};
}

static inline struct status hello_ask(struct world *w, struct site *s, struct span *out_bytes)
{
    struct hello hello;
    TRY(core_hello(s->core, w->takeover, &w->arena, &hello));
    return hello_write(&hello, &w->arena, out_bytes);
}

static inline struct status hello_take(struct world *w, struct site *s, struct span bytes, struct next *out_next)
{
    struct hello_answer answer;
    TRY(hello_answer_read(bytes, &w->arena, &answer));
    return core_hello_answered(s->core, &answer, out_next);
}

static inline struct status world_hello(struct world *w, struct site *s, struct next *out_next)
{
    struct span request = {0};
    struct span answer = {0};
    *out_next = world_nothing();
    TRY(site_begin(w, s));
    TRY(site_end(s, hello_ask(w, s, &request)));
    TRY(hub_call(w, s, hub_hello, request, &answer));
    if (w->drop_answer) {
        return status_ok();
    }
    TRY(site_begin(w, s));
    return site_end(s, hello_take(w, s, answer, out_next));
}

static inline struct status push_ask(struct world *w, struct site *s, struct push *out_push, struct span *out_bytes)
{
    TRY(core_push(s->core, &w->arena, out_push));
    if (out_push->leaf_count == 0) {
        return status_ok();
    }
    if (w->on_push) {
        w->on_push(out_push, w->owner);
    }
    return push_write(out_push, &w->arena, out_bytes);
}

static inline struct status push_take(struct world *w, struct site *s, const struct push *push, struct span bytes,
                                      struct next *out_next)
{
    struct push_answer answer;
    TRY(push_answer_read(bytes, &w->arena, &answer));
    return core_push_answered(s->core, push, &answer, out_next);
}

static inline struct status world_push(struct world *w, struct site *s, struct next *out_next)
{
    struct push push;
    struct span request = {0};
    struct span answer = {0};
    *out_next = world_nothing();
    TRY(site_begin(w, s));
    TRY(site_end(s, push_ask(w, s, &push, &request)));
    if (push.leaf_count == 0) {
        return status_ok();
    }
    w->leaves_moved += push.leaf_count;
    TRY(hub_call(w, s, hub_push, request, &answer));
    if (w->drop_answer) {
        return status_ok();
    }
    TRY(site_begin(w, s));
    return site_end(s, push_take(w, s, &push, answer, out_next));
}

struct pushed_ahead {
    struct push push;
    struct span request, answer;
};

static inline struct status push_deliver(struct world *w, struct site *s, struct pushed_ahead *p)
{
    return p->push.leaf_count > 0 ? hub_call(w, s, hub_push, p->request, &p->answer) : status_ok();
}

static inline struct status push_return(struct world *w, struct site *s, const struct pushed_ahead *p, struct next *out_next)
{
    if (p->push.leaf_count == 0 || !p->answer.data) {
        return status_ok();
    }
    TRY(site_begin(w, s));
    return site_end(s, push_take(w, s, &p->push, p->answer, out_next));
}

/* Two pushes, the second made while the first is on its way: delivered in order, or crossed, or the first one lost. What the
 * site writes between the two is done by `between`. */
static inline struct status world_push_two(struct world *w, struct site *s, void (*between)(void *owner), void *owner,
                                           bool crossed, bool lost, struct next *out_next)
{
    struct pushed_ahead pushes[2] = {{.push = {.leaf_count = 0}}};
    *out_next = world_nothing();
    TRY(site_begin(w, s));
    TRY(site_end(s, push_ask(w, s, &pushes[0].push, &pushes[0].request)));
    between(owner);
    TRY(site_begin(w, s));
    struct status status = core_push_ahead(s->core, 1, &w->arena, &pushes[1].push);
    if (status_is_ok(status) && pushes[1].push.leaf_count > 0) {
        status = push_write(&pushes[1].push, &w->arena, &pushes[1].request);
    }
    TRY(site_end(s, status));
    w->leaves_moved += pushes[0].push.leaf_count + pushes[1].push.leaf_count;
    for (size_t i = 0; i < 2; i++) {
        size_t at = crossed ? 1 - i : i;
        if (at == 1 || !lost) {
            TRY(push_deliver(w, s, &pushes[at]));
        }
    }
    TRY(push_return(w, s, &pushes[0], out_next));
    return push_return(w, s, &pushes[1], out_next);
}

static inline struct status pull_ask(struct world *w, struct site *s, struct span *out_bytes)
{
    struct pull pull;
    TRY(core_pull(s->core, 0, &w->arena, &pull));
    return pull_write(&pull, &w->arena, out_bytes);
}

static inline struct status pull_take(struct world *w, struct site *s, struct span bytes, struct next *out_next)
{
    struct pull_answer answer;
    TRY(pull_answer_read(bytes, &w->arena, &answer));
    return core_pull_answered(s->core, &answer, out_next);
}

static inline struct status world_pull(struct world *w, struct site *s, struct next *out_next)
{
    struct span request = {0};
    struct span answer = {0};
    *out_next = world_nothing();
    TRY(site_begin(w, s));
    TRY(site_end(s, pull_ask(w, s, &request)));
    TRY(hub_call(w, s, hub_pull, request, &answer));
    if (w->drop_answer) {
        return status_ok();
    }
    TRY(site_begin(w, s));
    return site_end(s, pull_take(w, s, answer, out_next));
}

static inline struct status world_owed(struct world *w)
{
    bool more = true;
    while (more) {
        TRY(site_begin(w, &w->hub));
        TRY(site_end(&w->hub, core_owed(w->hub.core, &more)));
    }
    return status_ok();
}

/* One round of a node as its peer loop goes: hello where needed, push and pull until nothing is left. */
static inline struct status world_round(struct world *w, struct site *s)
{
    struct next next = {.more = true};
    for (int i = 0; i < 8 && !core_is_ready(s->core); i++) {
        TRY(world_hello(w, s, &next));
        for (int k = 0; k < 200 && next.more; k++) {
            TRY(world_pull(w, s, &next));
        }
    }
    next.more = true;
    for (int i = 0; i < 200 && next.more; i++) {
        TRY(world_push(w, s, &next));
    }
    TRY(world_owed(w));
    next.more = true;
    for (int i = 0; i < 200 && next.more; i++) {
        TRY(world_pull(w, s, &next));
    }
    arena_clear(&w->arena);
    return status_ok();
}

/* Until a whole round moves nothing. */
static inline struct status world_settle(struct world *w)
{
    for (int i = 0; i < 40; i++) {
        w->leaves_moved = 0;
        for (size_t n = 0; n < w->node_count; n++) {
            TRY(world_round(w, &w->nodes[n]));
        }
        bool ready = true;
        for (size_t n = 0; n < w->node_count; n++) {
            ready = ready && core_is_ready(w->nodes[n].core);
        }
        if (w->leaves_moved == 0 && ready) {
            return status_ok();
        }
    }
    return STATUS_MAKE(STATUS_BUSY);
}

/* ---- people ---- */

static inline struct span text_value(struct world *w, const char *text)
{
    struct span bytes;
    must(value_write(&(struct value){.type = VALUE_TEXT, .text = span_text(text)}, &w->arena, &bytes));
    return bytes;
}

static inline struct span status_value(struct world *w, enum complaint_status status)
{
    struct span bytes;
    must(value_write(&(struct value){.type = VALUE_STATUS, .status = {.status = status}}, &w->arena, &bytes));
    return bytes;
}

static inline struct status site_write(struct world *w, struct site *s, const struct draft *draft, struct written *out_written)
{
    struct written written;
    TRY(site_begin(w, s));
    TRY(site_end(s, core_write(s->core, draft, &written, NULL)));
    *out_written = written;
    return status_ok();
}

/* A complaint with status and title, as a connector's lane would capture it; at the hub for `scope`. */
static inline struct status site_create(struct world *w, struct site *s, const char *scope, const char *title,
                                        struct record_id *out_id)
{
    uint8_t nonce[16] = {0};
    uint64_t number = ++w->nonce;
    memcpy(nonce, &number, sizeof number);
    struct body_value values[2] = {{REG_STATUS, status_value(w, COMPLAINT_BELUM_VERIFIKASI)},
                                   {REG_TITLE, text_value(w, title)}};
    struct written written;
    struct draft draft = {.kind = KIND_CREATE,
                          .lane = 1,
                          .role = ROLE_CLERK,
                          .actor = span_text("clerk"),
                          .values = values,
                          .value_count = 2,
                          .nonce = span_of(nonce, sizeof nonce)};
    if (scope) {
        must(scope_id_parse(span_text(scope), &draft.target.scope));
    }
    TRY(site_write(w, s, &draft, &written));
    *out_id = written.record;
    return status_ok();
}

/* What somebody reads of a record before he writes. */
struct token {
    struct ctx_entry ctx[LIMIT_CTX_COUNT];
    size_t count;
};

static inline struct status site_read(struct world *w, struct site *s, struct record_id id, struct token *out_token)
{
    const struct record *record;
    struct ctx_entry *ctx;
    size_t count = 0;
    TRY(site_begin(w, s));
    struct status status = core_record(s->core, id, &record);
    if (status_is_ok(status)) {
        status = record_token(record, &w->arena, &ctx, &count);
    }
    if (status_is_ok(status)) {
        memcpy(out_token->ctx, ctx, count * sizeof *ctx);
        out_token->count = count;
    }
    core_rollback(s->core);
    return status;
}

static inline struct status site_edit(struct world *w, struct site *s, uint32_t lane, struct record_id id,
                                      const struct token *token, uint32_t number, struct span value)
{
    struct body_value values[1] = {{number, value}};
    struct written written;
    struct draft draft = {.record = id,
                          .kind = KIND_EDIT,
                          .lane = lane,
                          .role = node_id_equal(s->id, w->hub.id) ? ROLE_NATIONAL : ROLE_ADMIN,
                          .actor = span_text("admin"),
                          .values = values,
                          .value_count = 1,
                          .ctx = token->ctx,
                          .ctx_count = token->count};
    return site_write(w, s, &draft, &written);
}

static inline struct status site_edit_title(struct world *w, struct site *s, struct record_id id, const struct token *token,
                                            const char *title)
{
    return site_edit(w, s, 1, id, token, REG_TITLE, text_value(w, title));
}

static inline struct status world_route(struct world *w, struct record_id id, const char *scope)
{
    struct token token;
    struct scope_id to;
    struct written written;
    must(scope_id_parse(span_text(scope), &to));
    TRY(site_read(w, &w->hub, id, &token));
    TRY(site_begin(w, &w->hub));
    return site_end(&w->hub,
                    core_route(w->hub.core, id, to, span_text("national"), token.ctx, token.count, &written));
}

/* ---- what is seen ---- */

static inline struct record_digest site_digest(struct world *w, struct site *s, struct record_id id)
{
    struct record_digest digest = {0};
    must(site_begin(w, s));
    must(core_digest(s->core, id, &digest));
    core_rollback(s->core);
    return digest;
}

static inline bool digests_equal(struct world *w, struct site *a, struct site *b, struct record_id id)
{
    struct record_digest x = site_digest(w, a, id);
    struct record_digest y = site_digest(w, b, id);
    return hash_equal(x.digest, y.digest) && hash_equal(x.vector, y.vector);
}

/* The title that is shown, in the world's arena; "" where there is none to be read. */
static inline const char *site_title(struct world *w, struct site *s, struct record_id id)
{
    const struct record *record;
    struct shown shown = {0};
    struct value value = {0};
    char *text = arena_alloc(&w->arena, 128);
    must(site_begin(w, s));
    if (status_is_ok(core_record(s->core, id, &record))) {
        must(record_show(record, (struct part_id){{0}}, REG_TITLE, &w->arena, &shown));
        if (shown.present && shown.readable) {
            must(value_read(VALUE_TEXT, shown.value, &w->arena, &value));
            memcpy(text, value.text.data, value.text.size < 127 ? value.text.size : 127);
        }
    }
    core_rollback(s->core);
    return text;
}

static inline size_t site_siblings(struct world *w, struct site *s, struct record_id id, uint32_t number)
{
    const struct record *record;
    must(site_begin(w, s));
    must(core_record(s->core, id, &record));
    const struct record_register *reg = record_register_find(record, (struct part_id){{0}}, number);
    size_t count = reg ? reg->sibling_count : 0;
    core_rollback(s->core);
    return count;
}

static inline struct record_row site_row(struct world *w, struct site *s, struct record_id id)
{
    struct record_row row;
    must(site_begin(w, s));
    must(s->store->ops->records_load(s->store, &id, 1, &w->arena, &row));
    core_rollback(s->core);
    return row;
}

static inline struct stream_info site_own_stream(struct world *w, struct site *s)
{
    struct stream_info *infos;
    struct stream_info own = {0};
    size_t count;
    must(site_begin(w, s));
    must(core_streams(s->core, &w->arena, &infos, &count));
    for (size_t i = 0; i < count; i++) {
        if (infos[i].own && infos[i].id.epoch == core_epoch(s->core)) {
            own = infos[i];
        }
    }
    core_rollback(s->core);
    return own;
}

static inline size_t site_events(struct world *w, struct site *s)
{
    struct core_event events[64];
    size_t count;
    must(site_begin(w, s));
    must(core_events(s->core, 0, 64, &w->arena, events, &count));
    core_rollback(s->core);
    return count;
}

#endif
