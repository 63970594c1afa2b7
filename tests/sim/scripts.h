/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_SCRIPTS_H
#define TESTS_SIM_SCRIPTS_H

/* Short fixed scripts over the real core: a hub and two nodes. A script stops at the first call that fails and can be
 * played again from the start, so that a loop can let every I/O (tests/sim/crash) or every allocation and call of a
 * store (tests/unit/sync/test_core_repeat.c) fail once. Titles written are "w000001" and so on: whatever was
 * acknowledged can be looked for. */

#include "sync/capture.h"
#include "tests/unit/sync/world.h"

#define STAGE_ACKS 64

struct stage {
    struct world w;
    struct record_id first;
    struct record_id second;
    bool has_second;
    uint32_t titles;            /* written so far */
    uint32_t acked[STAGE_ACKS]; /* numbers of titles whose commit said OK */
    struct node_id acked_by[STAGE_ACKS];
    size_t acked_count;
    uint32_t row_version; /* of the captured row */
    bool again;           /* a call that fails is made once more */
    uint64_t failed;      /* calls that did */
};

/* Where stores come from, and how a store is copied with everything committed. */
struct stage_disks {
    struct world_disks disks;
    struct status (*copy)(struct store *store, struct memory memory, struct store **out_copy);
};

struct script {
    const char *name;
    void (*prepare)(struct stage *st, const struct stage_disks *disks); /* nothing fails yet */
    struct status (*play)(struct stage *st);
};

static inline struct site *stage_a(struct stage *st)
{
    return &st->w.nodes[0];
}

static inline struct site *stage_b(struct stage *st)
{
    return &st->w.nodes[1];
}

/* Makes a call, and once more if it failed and that is what the stage is for. */
#define AGAIN(st, call)                                                                                                \
    do {                                                                                                               \
        struct status again_ = (call);                                                                                 \
        if (!status_is_ok(again_) && (st)->again) {                                                                    \
            (st)->failed++;                                                                                            \
            again_ = (call);                                                                                           \
        }                                                                                                              \
        TRY(again_);                                                                                                   \
    } while (0)

/* ---- random bytes that come again with a call that is made again: the same ones in each transaction of a site ---- */

static uint64_t stage_random_state;

static inline void stage_on_begin(const struct site *s)
{
    stage_random_state = s->instance;
}

static inline void stage_random(void *owner, void *out_bytes, size_t size)
{
    uint8_t *bytes = out_bytes;
    (void)owner;
    for (size_t i = 0; i < size; i++) {
        stage_random_state = stage_random_state * 6364136223846793005U + 1442695040888963407U;
        bytes[i] = (uint8_t)(stage_random_state >> 56);
    }
}

/* ---- acknowledged titles ---- */

static inline struct span stage_title(struct stage *st, uint32_t number)
{
    char text[16];
    snprintf(text, sizeof text, "w%06u", number);
    return text_value(&st->w, text);
}

static inline void stage_ack(struct stage *st, const struct site *s, uint32_t number)
{
    if (st->acked_count == STAGE_ACKS) {
        fail_msg("more titles than a script may write");
    }
    st->acked_by[st->acked_count] = s->id;
    st->acked[st->acked_count++] = number;
}

static inline struct status stage_edit(struct stage *st, struct site *s, struct record_id id, uint32_t lane)
{
    struct token token;
    uint32_t number = ++st->titles;
    AGAIN(st, site_read(&st->w, s, id, &token));
    AGAIN(st, site_edit(&st->w, s, lane, id, &token, REG_TITLE, stage_title(st, number)));
    stage_ack(st, s, number);
    return status_ok();
}

static inline struct status create_numbered(struct stage *st, struct site *s, uint32_t number, struct record_id *out_id)
{
    char text[16];
    snprintf(text, sizeof text, "w%06u", number);
    st->w.nonce = number;
    return site_create(&st->w, s, NULL, text, out_id);
}

static inline struct status stage_create(struct stage *st, struct site *s, struct record_id *out_id)
{
    uint32_t number = ++st->titles;
    AGAIN(st, create_numbered(st, s, number, out_id));
    stage_ack(st, s, number);
    return status_ok();
}

/* How often a title stands in a body at this site. */
static inline size_t stage_count_title(struct stage *st, struct site *s, uint32_t number)
{
    struct stream_info *infos;
    size_t stream_count;
    size_t count = 0;
    char text[16];
    snprintf(text, sizeof text, "w%06u", number);
    must(site_begin(&st->w, s));
    must(core_streams(s->core, &st->w.arena, &infos, &stream_count));
    for (size_t i = 0; i < stream_count; i++) {
        for (uint64_t seq = 0; seq < infos[i].size; seq++) {
            struct wire_leaf leaf;
            must(core_leaf(s->core, infos[i].number, seq, &st->w.arena, &leaf));
            struct span body = leaf.body.body;
            for (size_t at = 0; at + 7 <= body.size; at++) {
                count += memcmp(body.data + at, text, 7) == 0;
            }
        }
    }
    core_rollback(s->core);
    return count;
}

/* ---- stages ---- */

/* Hub, two nodes, one complaint of the first. */
static inline void stage_start(struct stage *st, struct memory memory, const struct stage_disks *disks)
{
    struct site *site;
    *st = (struct stage){.titles = 0};
    must(world_start_on(&st->w, memory, &disks->disks));
    must(world_join(&st->w, "64.09", NULL, &site));
    must(world_join(&st->w, "61.03", NULL, &site));
    must(world_settle(&st->w));
    must(stage_create(st, stage_a(st), &st->first));
    must(world_settle(&st->w));
    st->w.on_begin = stage_on_begin;
    st->w.hub.crypto->random = stage_random;
    stage_a(st)->crypto->random = stage_random;
    stage_b(st)->crypto->random = stage_random;
}

static inline void site_copy(const struct site *from, struct memory memory, const struct stage_disks *disks,
                             struct site *to)
{
    *to = *from;
    to->core = NULL;
    must(disks->copy(from->store, memory, &to->store));
}

/* The same stage on copies of its stores, its cores started; the crypto is shared with `base`. */
static inline void stage_copy(const struct stage *base, struct memory memory, const struct stage_disks *disks,
                              struct stage *to)
{
    *to = *base;
    to->w.memory = memory;
    to->w.disks = &disks->disks;
    arena_init(&to->w.arena, memory_heap(), SIZE_MAX);
    site_copy(&base->w.hub, memory, disks, &to->w.hub);
    must(site_start(&to->w, &to->w.hub));
    for (size_t i = 0; i < to->w.node_count; i++) {
        site_copy(&base->w.nodes[i], memory, disks, &to->w.nodes[i]);
        must(site_start(&to->w, &to->w.nodes[i]));
    }
}

static inline void site_drop(struct site *s)
{
    site_stop(s);
    if (s->store) {
        s->store->ops->free(s->store);
        s->store = NULL;
    }
}

/* Of a copy: without the crypto. */
static inline void stage_drop(struct stage *st)
{
    for (size_t i = 0; i < st->w.node_count; i++) {
        site_drop(&st->w.nodes[i]);
    }
    site_drop(&st->w.hub);
    arena_release(&st->w.arena);
}

/* ---- exchange: as world_settle, call by call ---- */

static inline struct status stage_pull(struct stage *st, struct site *s)
{
    struct next next = {.more = true};
    for (int i = 0; i < 200 && next.more; i++) {
        AGAIN(st, world_pull(&st->w, s, &next));
    }
    return status_ok();
}

static inline struct status stage_round(struct stage *st, struct site *s)
{
    struct next next = {.more = true};
    for (int i = 0; i < 8 && !core_is_ready(s->core); i++) {
        AGAIN(st, world_hello(&st->w, s, &next));
        TRY(stage_pull(st, s));
    }
    next.more = true;
    for (int i = 0; i < 200 && next.more; i++) {
        AGAIN(st, world_push(&st->w, s, &next));
    }
    AGAIN(st, world_owed(&st->w));
    TRY(stage_pull(st, s));
    arena_clear(&st->w.arena);
    return status_ok();
}

static inline struct status stage_settle(struct stage *st)
{
    for (int i = 0; i < 40; i++) {
        bool ready = true;
        st->w.leaves_moved = 0;
        for (size_t n = 0; n < st->w.node_count; n++) {
            TRY(stage_round(st, &st->w.nodes[n]));
        }
        for (size_t n = 0; n < st->w.node_count; n++) {
            ready = ready && core_is_ready(st->w.nodes[n].core);
        }
        if (st->w.leaves_moved == 0 && ready) {
            return status_ok();
        }
    }
    return STATUS_MAKE(STATUS_BUSY);
}

/* ---- a row of a legacy system, captured into the store ---- */

static inline bool stage_is_acked(const void *owner, uint32_t stream, uint64_t seq)
{
    return core_is_acked(owner, stream, seq);
}

static inline struct capture_source stage_source(struct site *s)
{
    return (struct capture_source){.self = s->id,
                                   .lane = 2,
                                   .scope = scope_of_node(s->id),
                                   .crypto = s->crypto,
                                   .secret = span_text("secret"),
                                   .system = span_text("model"),
                                   .actor = span_text("clerk"),
                                   .form_window_ms = 1800000,
                                   .ready = core_is_ready(s->core),
                                   .is_acked = stage_is_acked,
                                   .is_acked_owner = s->core};
}

static inline struct capture_row *stage_row(struct stage *st)
{
    struct arena *arena = &st->w.arena;
    struct capture_row *row = arena_alloc(arena, sizeof *row);
    struct capture_register *reg = arena_array(arena, 2, sizeof *reg);
    struct shadow_cell *cells = arena_array(arena, 2, sizeof *cells);
    uint32_t number = 900000 + st->row_version;
    cells[0] = (struct shadow_cell){.column = span_text("status"), .bytes = span_text("baru")};
    cells[1] = (struct shadow_cell){.column = span_text("judul"), .bytes = stage_title(st, number)};
    reg[0] = (struct capture_register){.number = REG_STATUS,
                                       .cells = &cells[0],
                                       .cell_count = 1,
                                       .present = true,
                                       .value = status_value(&st->w, COMPLAINT_BELUM_VERIFIKASI),
                                       .readable = true};
    reg[1] = (struct capture_register){.number = REG_TITLE,
                                       .cells = &cells[1],
                                       .cell_count = 1,
                                       .present = true,
                                       .value = cells[1].bytes,
                                       .readable = true,
                                       .writable = true};
    *row = (struct capture_row){.registers = reg, .register_count = 2};
    return row;
}

static const char stage_row_key[] = "row 1";

static inline struct status capture_leaves_of(struct stage *st, struct site *s, const struct capture_source *source,
                                              struct capture_decision *decision)
{
    struct written written[8];
    struct span bytes;
    for (size_t i = 0; i < decision->draft_count; i++) {
        TRY(core_write(s->core, &decision->drafts[i], &written[i], NULL));
    }
    TRY(capture_done(source, decision, written, &st->w.arena));
    TRY(shadow_encode(decision->shadow, &st->w.arena, &bytes));
    return store_put_one(s->store, STORE_SHADOWS, span_text(stage_row_key), bytes);
}

/* One look at the row, in a transaction of the caller's. */
static inline struct status capture_look(struct stage *st, struct site *s, bool *out_again)
{
    struct arena *arena = &st->w.arena;
    struct capture_source source = stage_source(s);
    struct span bytes = {0};
    struct shadow shadow;
    uint8_t nonce[32];
    struct capture_decision decision;
    struct capture_input input = {.now_ms = st->w.now_ms, .row = stage_row(st)};
    capture_nonce(&source, span_text("aduan"), span_text(stage_row_key), NULL, 0, 0, nonce);
    input.nonce = span_of(nonce, sizeof nonce);
    input.record_id = capture_record_id(&source, input.nonce);
    TRY(store_get_one(s->store, STORE_SHADOWS, span_text(stage_row_key), arena, &bytes));
    if (bytes.data) {
        TRY(shadow_decode(bytes, arena, &shadow));
        input.shadow = &shadow;
        TRY(core_record(s->core, shadow.record, &input.record));
    }
    TRY(capture_decide(&source, &input, arena, &decision));
    *out_again = decision.action == CAPTURE_LEAVES || decision.action == CAPTURE_SHADOW;
    if (decision.action == CAPTURE_LEAVES) {
        return capture_leaves_of(st, s, &source, &decision);
    }
    if (decision.action == CAPTURE_SHADOW) {
        TRY(shadow_encode(decision.shadow, arena, &bytes));
        return store_put_one(s->store, STORE_SHADOWS, span_text(stage_row_key), bytes);
    }
    return status_ok();
}

static inline struct status capture_once(struct stage *st, struct site *s, bool *out_again)
{
    TRY(site_begin(&st->w, s));
    return site_end(s, capture_look(st, s, out_again));
}

static inline struct status stage_capture(struct stage *st, struct site *s)
{
    bool again = true;
    for (int i = 0; i < 8 && again; i++) {
        AGAIN(st, capture_once(st, s, &again));
    }
    return status_ok();
}

/* ---- the scripts ---- */

static inline void prepare_nothing(struct stage *st, const struct stage_disks *disks)
{
    (void)st, (void)disks;
}

/* Writes of a node on its own: small ones, one of two classes, one with a long text. */
static inline struct status play_write(struct stage *st)
{
    static char text[20001];
    struct token token;
    memset(text, 'x', sizeof text - 1);
    TRY(stage_edit(st, stage_a(st), st->first, 1));
    AGAIN(st, site_read(&st->w, stage_a(st), st->first, &token));
    AGAIN(st, site_edit(&st->w, stage_a(st), 1, st->first, &token, REG_TEXT, text_value(&st->w, text)));
    struct record_id id;
    TRY(stage_create(st, stage_a(st), &id));
    return stage_edit(st, stage_a(st), id, 0);
}

/* Both ends write, everything is exchanged. */
static inline struct status play_exchange(struct stage *st)
{
    TRY(stage_edit(st, stage_a(st), st->first, 1));
    TRY(stage_edit(st, &st->w.hub, st->first, 0));
    TRY(stage_settle(st));
    TRY(stage_edit(st, stage_a(st), st->first, 0));
    return stage_settle(st);
}

/* Four versions of a row, with an exchange between. */
static inline struct status play_capture(struct stage *st)
{
    uint32_t last = st->row_version < 4 ? 4 : st->row_version + 2;
    TRY(stage_capture(st, stage_a(st)));
    while (st->row_version < last) {
        st->row_version++;
        TRY(stage_capture(st, stage_a(st)));
        stage_ack(st, stage_a(st), 900000 + st->row_version);
        if (st->row_version % 2 == 0) {
            TRY(stage_settle(st));
        }
    }
    return status_ok();
}

/* The first node's store becomes an old copy, and nobody says so. */
static inline void prepare_old_copy(struct stage *st, const struct stage_disks *disks)
{
    struct site *a = stage_a(st);
    struct store *copy;
    must(disks->copy(a->store, st->w.memory, &copy));
    must(stage_edit(st, a, st->first, 1));
    must(stage_edit(st, a, st->first, 0));
    must(world_settle(&st->w));
    site_drop(a);
    a->store = copy;
    st->w.now_ms += 15 * 60 * 1000;
    must(site_start(&st->w, a));
}

/* It writes on, so that its history and the hub's part: epoch + 1, and the tail again. */
static inline struct status play_epoch(struct stage *st)
{
    TRY(stage_edit(st, stage_a(st), st->first, 1));
    TRY(stage_settle(st));
    TRY(stage_edit(st, stage_a(st), st->first, 1));
    return stage_settle(st);
}

static inline struct status route_first(struct stage *st)
{
    struct status routed = world_route(&st->w, st->first, "61.03");
    return routed.code == STATUS_EXISTS ? status_ok() : routed; /* played again, it is there already */
}

static inline struct status play_route(struct stage *st)
{
    AGAIN(st, route_first(st));
    TRY(stage_settle(st));
    TRY(stage_edit(st, stage_b(st), st->first, 1));
    return stage_settle(st);
}

static inline struct status site_upkeep(struct stage *st, struct site *s)
{
    bool more;
    TRY(site_begin(&st->w, s));
    return site_end(s, core_upkeep(s->core, &more));
}

/* A second complaint goes on living; the first is erased, held for a day, destroyed. */
static inline struct status play_erase(struct stage *st)
{
    struct token token;
    struct written written;
    if (!st->has_second) {
        TRY(stage_create(st, stage_a(st), &st->second));
        st->has_second = true;
    }
    TRY(stage_settle(st));
    AGAIN(st, site_read(&st->w, &st->w.hub, st->first, &token));
    st->acked_count = 0;
    struct draft draft = {.record = st->first,
                          .kind = KIND_ERASE,
                          .role = ROLE_NATIONAL,
                          .ctx = token.ctx,
                          .ctx_count = token.count,
                          .class = CLASS_RESTRICTED};
    AGAIN(st, site_write(&st->w, &st->w.hub, &draft, &written));
    TRY(stage_edit(st, stage_a(st), st->second, 1));
    TRY(stage_settle(st));
    st->w.now_ms += 25 * 3600 * 1000;
    struct site *sites[2] = {&st->w.hub, stage_a(st)};
    for (size_t i = 0; i < 2; i++) {
        AGAIN(st, site_upkeep(st, sites[i]));
    }
    return stage_settle(st);
}

static const struct script scripts[] = {
    {"write", prepare_nothing, play_write},     {"exchange", prepare_nothing, play_exchange},
    {"capture", prepare_nothing, play_capture}, {"epoch", prepare_old_copy, play_epoch},
    {"route", prepare_nothing, play_route},     {"erase", prepare_nothing, play_erase},
};

#define SCRIPT_COUNT (sizeof scripts / sizeof scripts[0])

#endif
