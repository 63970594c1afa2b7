/* SPDX-License-Identifier: Apache-2.0 */
#include "node/peer/exchange.h"

#include <stdlib.h>

#include "node/base/clock.h"
#include "node/base/heap.h"
#include "node/peer/pack.h"

/* How long the hub may hold a pull open. Shorter than the time after which middle boxes forget a silent connection. */
#define EXCHANGE_WAIT_MS 25000

void exchange_init(struct exchange *x, struct peer *peer, enum exchange_kind kind, struct memory memory)
{
    *x = (struct exchange){.peer = peer, .kind = kind};
    arena_init(&x->arena, memory, LIMIT_MESSAGE_MEMORY);
}

void exchange_clear(struct exchange *x)
{
    free((void *)(uintptr_t)x->packed.data);
    free((void *)(uintptr_t)x->answer.data);
    x->packed = x->answer = (struct span){0};
    x->digests = NULL;
    x->digest_count = 0;
    arena_clear(&x->arena);
    x->phase = EXCHANGE_IDLE;
}

void exchange_release(struct exchange *x)
{
    exchange_clear(x);
    arena_release(&x->arena);
}

const char *exchange_path(enum exchange_kind kind)
{
    static const char *const paths[EXCHANGE_COUNT] = {"/sync/v1/hello", "/sync/v1/push", "/sync/v1/pull"};
    return paths[kind];
}

const char *exchange_problem(const struct exchange *x)
{
    switch (x->status.code) {
    case STATUS_DENIED:
        return "the hub's answer bears no valid signature of the key that this node trusts: check `hub_key`";
    case STATUS_FORKED:
        return "the hub shows another history than before: keep both and call the ministry";
    case STATUS_INVALID:
    case STATUS_LIMIT:
        return "the hub's answer cannot be read by this version";
    case STATUS_IO:
    case STATUS_UNKNOWN:
        return "the node's own store failed";
    default:
        return "the engine could not take part in the dialogue right now";
    }
}

static struct status make_message(struct exchange *x, struct core *core, struct span *out_message)
{
    struct hello hello;
    struct pull pull;
    switch (x->kind) {
    case EXCHANGE_HELLO:
        TRY(core_hello(core, x->takeover, &x->arena, &hello));
        hello.health = peer_health(x->peer, core, &x->arena);
        return hello_write(&hello, &x->arena, out_message);
    case EXCHANGE_PUSH:
        TRY(x->ahead ? core_push_ahead(core, LIMIT_PUSH_AHEAD, &x->arena, &x->push)
                     : core_push(core, &x->arena, &x->push));
        x->nothing = x->push.leaf_count == 0;
        return x->nothing ? status_ok() : push_write(&x->push, &x->arena, out_message);
    case EXCHANGE_PULL:
        TRY(core_pull(core, EXCHANGE_WAIT_MS, &x->arena, &pull));
        pull.health = peer_health(x->peer, core, &x->arena);
        return pull_write(&pull, &x->arena, out_message);
    case EXCHANGE_COUNT:
        break;
    }
    return STATUS_MAKE(STATUS_INVALID);
}

static struct status make_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)arena;
    struct exchange *x = (struct exchange *)job;
    struct span message = {0};
    x->nothing = false;
    TRY(make_message(x, core, &message));
    TRY(x->nothing ? status_ok() : pack_write(message, &x->packed, &x->packed_type));
    if (x->kind == EXCHANGE_PUSH) {
        x->push = (struct push){
            .stream = x->push.stream, .old_size = x->push.old_size, .leaf_count = x->push.leaf_count};
        arena_release(&x->arena); /* two pushes may wait at once: only their packed bytes stay */
    }
    return status_ok();
}

static struct status take_message(struct exchange *x, struct core *core, struct span message)
{
    struct hello_answer hello;
    struct push_answer push;
    struct pull_answer pull;
    uint64_t hub_ms = 0;
    switch (x->kind) {
    case EXCHANGE_HELLO:
        TRY(hello_answer_read(message, &x->arena, &hello));
        hub_ms = hello.now_ms;
        TRY(core_hello_answered(core, &hello, &x->next));
        break;
    case EXCHANGE_PUSH:
        TRY(push_answer_read(message, &x->arena, &push));
        hub_ms = push.now_ms;
        TRY(core_push_acknowledged(core, &x->push, &push, &x->next));
        if (push.verdict == VERDICT_OK && x->next.step == NEXT_GO_ON) {
            x->digests = push.digests;
            x->digest_count = push.digest_count;
        }
        break;
    case EXCHANGE_PULL:
        TRY(pull_answer_read(message, &x->arena, &pull));
        hub_ms = pull.now_ms;
        TRY(core_pull_answered(core, &pull, &x->next));
        peer_heard(x->peer, pull.heard, pull.heard_count);
        break;
    case EXCHANGE_COUNT:
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (hub_ms) {
        x->skew_ms = (int64_t)hub_ms - clock_now_ms();
        x->skew_known = true;
    }
    return status_ok();
}

/* ---- comparison of states after a push ---- */

struct comparison {
    struct job job; /* first */
    struct arena arena;
    const struct record_digest *digests; /* in the arena */
    size_t count;
};

static struct status comparison_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)arena;
    struct comparison *c = (struct comparison *)job;
    return core_push_compared(core, c->digests, c->count);
}

static void comparison_done(struct job *job, struct status status)
{
    (void)status; /* a failing store ends the process by its own way */
    struct comparison *c = (struct comparison *)job;
    arena_release(&c->arena);
    free(c);
}

struct comparison *exchange_comparison(struct exchange *x)
{
    struct comparison *c = x->digest_count > 0 ? calloc(1, sizeof *c) : NULL;
    if (c) {
        c->job = (struct job){.run = comparison_run, .done = comparison_done};
        c->arena = x->arena;
        c->digests = x->digests;
        c->count = x->digest_count;
        arena_init(&x->arena, memory_heap(), LIMIT_MESSAGE_MEMORY);
    }
    return c;
}

void comparison_submit(struct comparison *comparison, struct engine *engine)
{
    if (comparison && !status_is_ok(engine_submit(engine, &comparison->job))) {
        comparison_done(&comparison->job, STATUS_MAKE(STATUS_BUSY));
    }
}

static struct status take_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)arena;
    struct exchange *x = (struct exchange *)job;
    struct span message;
    x->next = (struct next){.step = NEXT_GO_ON, .why = ""};
    x->skew_known = false;
    TRY(pack_read(span_text(x->answer_type), x->answer, &x->arena, &message));
    return take_message(x, core, message);
}

static void exchange_done(struct job *job, struct status status)
{
    struct exchange *x = (struct exchange *)job;
    x->status = status;
    peer_post(x->peer, x);
}

struct status exchange_make(struct exchange *x, struct engine *engine)
{
    /* A pull writes nothing of its own; hello and push store notes and marks. */
    x->job = (struct job){.run = make_run, .done = exchange_done, .reads_only = x->kind == EXCHANGE_PULL};
    TRY(engine_submit(engine, &x->job));
    x->phase = EXCHANGE_MAKING;
    return status_ok();
}

struct status exchange_take(struct exchange *x, struct engine *engine, struct span type, struct span answer)
{
    uint8_t *copy = malloc(answer.size ? answer.size : 1);
    if (!copy || type.size >= sizeof x->answer_type) {
        free(copy);
        return STATUS_MAKE(copy ? STATUS_LIMIT : STATUS_NO_MEMORY);
    }
    if (answer.size) {
        memcpy(copy, answer.data, answer.size);
    }
    memcpy(x->answer_type, type.data, type.size);
    x->answer_type[type.size] = 0;
    x->answer = span_of(copy, answer.size);
    x->job = (struct job){.run = take_run, .done = exchange_done};
    TRY(engine_submit(engine, &x->job));
    x->phase = EXCHANGE_TAKING;
    return status_ok();
}
