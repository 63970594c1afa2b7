/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

/* The node's end of the dialogue, as node/peer goes about it: hello first, then pushes while there is something, and always
 * one pull, which the hub may hold. */

#define STALL_MS 75000
#define POLL_MS (12 * HOUR)

void peer_wake(struct world *w, struct site *s, uint64_t after_ms)
{
    uint64_t at = w->now_ms + after_ms;
    if (s->is_hub) {
        return;
    }
    if (at < s->dialogue.rest_until) {
        at = s->dialogue.rest_until;
    }
    (void)world_put(w, at, EVENT_PEER, s->index);
}

void peer_reset(struct world *w, struct site *s)
{
    struct dialogue *d = &s->dialogue;
    for (size_t i = 0; i < EXCHANGE_COUNT; i++) {
        d->exchanges[i].busy = false;
        arena_clear(&d->exchanges[i].arena);
    }
    if (d->poll) {
        message_free(w, d->poll);
        d->poll = NULL;
    }
    d->hello_wanted = true;
    d->push_wanted = true;
    d->stopped = false;
    d->rest_until = 0;
    d->back_off_ms = 250;
}

/* Like peer_wait: everything in flight is given up, and after a while it begins with hello. */
static void peer_rest(struct world *w, struct site *s, uint64_t ms)
{
    struct dialogue *d = &s->dialogue;
    uint64_t back_off = d->back_off_ms;
    peer_reset(w, s);
    d->back_off_ms = back_off * 2 < MINUTE ? back_off * 2 : MINUTE;
    ms = ms > 0 ? ms : d->back_off_ms;
    d->rest_until = w->now_ms + ms;
    if (net_is_cut(w, s) && d->rest_until < s->cut_until) {
        d->rest_until = s->cut_until + 1000; /* the tries in between would all fail */
    }
    peer_wake(w, s, 0);
}

static bool is_idle(const struct dialogue *d)
{
    return !d->exchanges[0].busy && !d->exchanges[1].busy && !d->exchanges[2].busy;
}

static struct status make(struct world *w, struct site *s, enum exchange_kind kind, struct span *out_bytes)
{
    struct exchange *x = &s->dialogue.exchanges[kind];
    struct hello hello;
    struct pull pull;
    switch (kind) {
    case EXCHANGE_HELLO:
        TRY(core_hello(s->core, s->dialogue.stopped, &w->arena, &hello));
        return hello_write(&hello, &w->arena, out_bytes);
    case EXCHANGE_PUSH:
        TRY(core_push(s->core, &x->arena, &x->push));
        return x->push.leaf_count == 0 ? status_ok() : push_write(&x->push, &w->arena, out_bytes);
    default:
        TRY(core_pull(s->core, 25000, &w->arena, &pull));
        return pull_write(&pull, &w->arena, out_bytes);
    }
}

static void exchange_start(struct world *w, struct site *s, enum exchange_kind kind)
{
    struct exchange *x = &s->dialogue.exchanges[kind];
    struct span bytes = {0};
    arena_clear(&x->arena);
    if (!site_begin(w, s)) {
        return;
    }
    struct status status = site_end(w, s, make(w, s, kind, &bytes));
    if (!status_is_ok(status) || !s->core) {
        if (s->core) {
            peer_rest(w, s, 0);
        }
        return;
    }
    if (bytes.size == 0 && kind == EXCHANGE_PUSH) {
        return;
    }
    x->busy = true;
    x->serial = ++w->serial;
    if (kind == EXCHANGE_PUSH) {
        TRACE(w, s, "pushes %zu leaves from %llu", x->push.leaf_count, (unsigned long long)x->push.old_size);
    }
    net_request(w, s, kind, x->serial, bytes);
    struct event *timeout = world_put(w, w->now_ms + STALL_MS + 2 * w->plan->settings[SETTING_delay], EVENT_TIMEOUT, s->index);
    timeout->number = kind;
    timeout->serial = x->serial;
}

void peer_look(struct world *w, struct site *s)
{
    struct dialogue *d = &s->dialogue;
    if (!s->core || w->now_ms < d->rest_until) {
        return;
    }
    if (d->hello_wanted) {
        if (is_idle(d)) {
            exchange_start(w, s, EXCHANGE_HELLO);
        }
        return;
    }
    if (d->push_wanted && !d->exchanges[EXCHANGE_PUSH].busy) {
        d->push_wanted = false;
        exchange_start(w, s, EXCHANGE_PUSH);
    }
    if (s->core && !d->hello_wanted && !d->exchanges[EXCHANGE_PULL].busy) {
        exchange_start(w, s, EXCHANGE_PULL);
    }
}

/* ---- answers ---- */

static void follow(struct world *w, struct site *s, enum exchange_kind kind, const struct next *next)
{
    struct dialogue *d = &s->dialogue;
    switch (next->step) {
    case NEXT_GO_ON:
        d->back_off_ms = 250;
        if (kind == EXCHANGE_HELLO) {
            d->hello_wanted = false;
            d->stopped = false;
        }
        /* As the process does after each commit: a pull may have brought what a push had to wait for. */
        d->push_wanted |= kind != EXCHANGE_PULL || core_unacked(s->core) > 0;
        if (kind == EXCHANGE_PULL && next->more) {
            SIM_MARK(w, pull_more);
        }
        peer_wake(w, s, 0);
        return;
    case NEXT_HELLO:
        if (kind == EXCHANGE_HELLO) {
            peer_rest(w, s, 0);
            return;
        }
        SIM_MARK(w, hello_fetch);
        peer_reset(w, s);
        peer_wake(w, s, 0);
        return;
    case NEXT_WAIT:
        SIM_MARK(w, wait_step);
        TRACE(w, s, "waits %llu ms: %s", (unsigned long long)next->retry_ms, next->why);
        peer_rest(w, s, next->retry_ms);
        return;
    case NEXT_TAKEOVER:
        SIM_MARK(w, hello_takeover);
        TRACE(w, s, "%s", next->why);
        peer_rest(w, s, HOUR);
        d->stopped = !s->copy_of; /* by then a person has said so */
        if (s->copy_of) {
            SIM_MARK(w, clone_refused);
        }
        return;
    case NEXT_STOP:
    case NEXT_UPDATE:
        SIM_MARK(w, stop_step);
        TRACE(w, s, "stops: %s", next->why);
        if (registry_is_revoked(w, s)) {
            SIM_MARK(w, revoked_refused);
            peer_rest(w, s, HOUR);
            return;
        }
        if (!s->hostile) {
            violation(w, "%.16s stops the dialogue with an honest hub: %s", s->id.text, next->why);
        }
        peer_rest(w, s, s->hostile && w->healed ? DAY : 5 * MINUTE);
        return;
    }
}

static struct status take(struct world *w, struct site *s, const struct message *message, struct next *out_next,
                          struct pull_answer *out_pull)
{
    struct hello_answer hello;
    struct push_answer push;
    switch (message->kind) {
    case EXCHANGE_HELLO:
        TRY(hello_answer_read(message->bytes, &w->arena, &hello));
        return core_hello_answered(s->core, &hello, out_next);
    case EXCHANGE_PUSH:
        TRY(push_answer_read(message->bytes, &w->arena, &push));
        return core_push_answered(s->core, &s->dialogue.exchanges[EXCHANGE_PUSH].push, &push, out_next);
    default:
        TRY(pull_answer_read(message->bytes, &w->arena, out_pull));
        return core_pull_answered(s->core, out_pull, out_next);
    }
}

void peer_answered(struct world *w, struct site *s, struct message *message)
{
    struct exchange *x = &s->dialogue.exchanges[message->kind];
    struct next next = {.step = NEXT_GO_ON, .why = ""};
    struct pull_answer pull = {.part_count = 0};
    bool late = !s->core || !x->busy || x->serial != message->serial;
    if (late || !site_begin(w, s)) {
        SIM_MARK(w, answer_late);
        return;
    }
    x->busy = false;
    uint32_t epoch = core_epoch(s->core);
    struct status status = take(w, s, message, &next, &pull);
    if (message->cut) {
        site_roll_back(s); /* the HTTP client does not hand on what ended early; it was only to be survived */
        peer_rest(w, s, 0);
        return;
    }
    status = site_end(w, s, status);
    if (!s->core) {
        return;
    }
    if (!status_is_ok(status)) {
        bool bad = status.code == STATUS_DENIED || status.code == STATUS_FORKED;
        TRACE(w, s, "an answer is not taken: %s", status_name(status));
        if (bad && !s->hostile) {
            violation(w, "%.16s refuses an honest answer: %s", s->id.text, status_name(status));
        }
        peer_rest(w, s, 0);
        return;
    }
    for (size_t p = 0; p < pull.part_count; p++) {
        for (size_t i = 0; i < pull.parts[p].leaf_count; i++) {
            watch_leaf(w, pull.parts[p].stream.node, pull.parts[p].leaves[i].leaf);
        }
    }
    if (core_epoch(s->core) != epoch) {
        SIM_MARK(w, new_epoch);
        TRACE(w, s, "is in epoch %u now", core_epoch(s->core));
    }
    follow(w, s, message->kind, &next);
    if (s->legacy) {
        connector_wake(w, s, 50);
    }
}

void peer_timed_out(struct world *w, struct site *s, enum exchange_kind kind, uint64_t serial)
{
    struct exchange *x = &s->dialogue.exchanges[kind];
    if (!s->core || !x->busy || x->serial != serial) {
        return;
    }
    if (kind == EXCHANGE_PULL && s->dialogue.poll && s->dialogue.poll->serial == serial && !net_is_cut(w, s)) {
        struct event *later = world_put(w, w->now_ms + POLL_MS, EVENT_TIMEOUT, s->index);
        later->number = EXCHANGE_PULL;
        later->serial = serial;
        return; /* the hub holds it */
    }
    SIM_MARK(w, push_unanswered);
    TRACE(w, s, "no answer");
    peer_rest(w, s, 0);
}
