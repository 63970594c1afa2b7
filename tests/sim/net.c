/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

/* Messages on their way, as encoded bytes, and the hub's end of the dialogue. */

#define REPLAY_MS (12 * HOUR)

struct message *message_new(struct world *w, enum exchange_kind kind, uint64_t serial, struct span bytes)
{
    struct message *message = w->memory.alloc(w->memory.owner, sizeof *message + bytes.size);
    uint8_t *copy = (uint8_t *)(message + 1);
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    *message = (struct message){.kind = kind, .serial = serial, .bytes = span_of(copy, bytes.size)};
    return message;
}

void message_free(struct world *w, struct message *message)
{
    w->memory.release(w->memory.owner, message);
}

bool net_is_cut(const struct world *w, const struct site *s)
{
    return s->cut && w->now_ms < s->cut_until;
}

static bool answers_are_cut(const struct world *w, const struct site *s)
{
    return net_is_cut(w, s) || (s->one_way && w->now_ms < s->one_way_until);
}

static uint64_t delay_of(const struct world *w, struct random *random)
{
    return 2 + random_below(random, w->plan->settings[SETTING_delay]);
}

static void travel(struct world *w, struct site *s, struct message *message, enum event_kind kind, uint64_t after_ms)
{
    world_put(w, w->now_ms + after_ms, kind, s->index)->message = message;
}

static struct span cut_short(struct world *w, struct span bytes, struct random *random, bool *out_cut)
{
    *out_cut = bytes.size > 0 && random_hits(random, w->plan->settings[SETTING_cut_body]);
    return *out_cut ? span_of(bytes.data, (size_t)random_below(random, bytes.size)) : bytes;
}

void net_request(struct world *w, struct site *s, enum exchange_kind kind, uint64_t serial, struct span bytes)
{
    const uint64_t *set = w->plan->settings;
    struct random random = random_from(w->plan->seed * 3 + s->index, serial);
    bool cut;
    bytes = hostile_request(w, s, kind, bytes);
    trace_bytes(w, bytes);
    w->counts->messages++;
    if (net_is_cut(w, s) || random_hits(&random, set[SETTING_drop])) {
        SIM_MARK(w, request_dropped);
        return;
    }
    struct message *message = message_new(w, kind, serial, cut_short(w, bytes, &random, &cut));
    message->cut = cut;
    if (cut) {
        SIM_MARK(w, request_cut);
    }
    if (random_hits(&random, set[SETTING_twice])) {
        SIM_MARK(w, request_twice);
        struct message *second = message_new(w, kind, serial, message->bytes);
        second->cut = cut;
        travel(w, s, second, EVENT_REQUEST, delay_of(w, &random) * 2);
    }
    if (random_hits(&random, set[SETTING_replay])) {
        SIM_MARK(w, request_replayed);
        struct message *again = message_new(w, kind, serial, message->bytes);
        again->cut = cut;
        travel(w, s, again, EVENT_REQUEST, random_below(&random, REPLAY_MS));
    }
    travel(w, s, message, EVENT_REQUEST, delay_of(w, &random));
}

/* ---- the hub's end ---- */

static struct status serve_hello(struct world *w, struct site *s, struct span bytes, struct span *out_bytes)
{
    struct hello hello;
    struct hello_answer answer;
    TRY(hello_read(bytes, &w->arena, &hello));
    TRY(core_serve_hello(w->sites[0].core, s->id, &hello, &w->arena, &answer));
    return hello_answer_write(&answer, &w->arena, out_bytes);
}

static struct status serve_push(struct world *w, struct site *s, struct span bytes, struct push *out_push,
                                struct push_answer *out_answer, struct span *out_bytes)
{
    TRY(push_read(bytes, &w->arena, out_push));
    TRY(core_serve_push(w->sites[0].core, s->id, out_push, &w->arena, out_answer));
    return push_answer_write(out_answer, &w->arena, out_bytes);
}

static struct status serve_pull(struct world *w, struct site *s, struct span bytes, bool *out_empty, struct span *out_bytes)
{
    struct pull pull;
    struct pull_answer answer;
    TRY(pull_read(bytes, &w->arena, &pull));
    TRY(core_serve_pull(w->sites[0].core, s->id, &pull, &w->arena, &answer, out_empty));
    oracle_sent(w, s, &answer);
    return pull_answer_write(&answer, &w->arena, out_bytes);
}

/* A request that nobody waits for any more: doubled, replayed, or its sender gave up. */
static bool is_awaited(const struct site *s, const struct message *message)
{
    const struct exchange *x = &s->dialogue.exchanges[message->kind];
    return x->busy && x->serial == message->serial;
}

static void push_seen(struct world *w, struct site *s, const struct push *push, const struct push_answer *answer)
{
    TRACE(w, &w->sites[0], "push of %.16s: %s, %llu leaves held", s->id.text, verdict_name(answer->verdict),
          (unsigned long long)answer->size);
    for (size_t i = 0; i < answer->void_count && answer->verdict == VERDICT_OK && !s->hostile; i++) {
        violation(w, "a leaf of the honest %.16s is void: %.*s", s->id.text, (int)answer->voids[i].why.size,
                  (const char *)answer->voids[i].why.data);
    }
    if (answer->verdict == VERDICT_OK) {
        oracle_accepted(w, push->stream, answer->size, answer->root);
        oracle_pushed(w, push);
        for (size_t i = 0; i < push->leaf_count && !s->hostile; i++) {
            watch_leaf(w, s->id, push->leaves[i].leaf);
        }
        (void)world_put(w, w->now_ms + 100, EVENT_OWED, 0);
    } else if (s->hostile) {
        SIM_MARK(w, hostile_refused);
    } else {
        SIM_MARK(w, push_refused);
    }
}

enum served { SERVED_NOT, SERVED_ANSWER, SERVED_HOLD };

static enum served serve(struct world *w, struct site *s, struct message *message, struct span *out_bytes)
{
    struct site *hub = &w->sites[0];
    struct push push = {.old_size = 0};
    struct push_answer pushed = {.verdict = VERDICT_BUSY};
    struct status status;
    bool empty = false;
    if (!site_begin(w, hub)) {
        return SERVED_NOT;
    }
    switch (message->kind) {
    case EXCHANGE_HELLO:
        status = serve_hello(w, s, message->bytes, out_bytes);
        break;
    case EXCHANGE_PUSH:
        status = serve_push(w, s, message->bytes, &push, &pushed, out_bytes);
        break;
    default:
        status = serve_pull(w, s, message->bytes, &empty, out_bytes);
    }
    status = site_end(w, hub, status);
    if (status.code == STATUS_UNKNOWN && message->kind == EXCHANGE_PUSH && pushed.verdict == VERDICT_OK) {
        oracle_pushed(w, &push); /* perhaps */
    }
    if (!status_is_ok(status)) {
        TRACE(w, hub, "request of %.16s: %s", s->id.text, status_name(status));
        return SERVED_NOT;
    }
    if (message->kind == EXCHANGE_PUSH) {
        push_seen(w, s, &push, &pushed);
    }
    if (w->failed_over && !failover_lasts(w)) {
        SIM_MARK(w, failover_over);
        TRACE(w, hub, "has everything back, and writes again");
        (void)world_put(w, w->now_ms + 100, EVENT_OWED, 0);
    }
    bool doubled = s->dialogue.poll && s->dialogue.poll->serial == message->serial;
    return empty && is_awaited(s, message) && !doubled && hub->core ? SERVED_HOLD : SERVED_ANSWER;
}

static void send_answer(struct world *w, struct site *s, const struct message *message, struct span bytes)
{
    struct random random = random_from(w->plan->seed * 5 + s->index, ++w->serial);
    bool cut;
    trace_bytes(w, bytes);
    if (answers_are_cut(w, s) || random_hits(&random, w->plan->settings[SETTING_lose])) {
        SIM_MARK(w, answer_lost);
        return;
    }
    struct message *answer = message_new(w, message->kind, message->serial, cut_short(w, bytes, &random, &cut));
    answer->cut = cut;
    if (cut) {
        SIM_MARK(w, answer_cut);
    }
    travel(w, s, answer, EVENT_ANSWER, delay_of(w, &random));
}

/* The HTTP server does not hand on a body that ends early; whoever parses it must at least survive. */
static void parse_cut(struct world *w, const struct message *message)
{
    struct hello hello;
    struct push push;
    struct pull pull;
    struct status status = message->kind == EXCHANGE_HELLO  ? hello_read(message->bytes, &w->arena, &hello)
                           : message->kind == EXCHANGE_PUSH ? push_read(message->bytes, &w->arena, &push)
                                                            : pull_read(message->bytes, &w->arena, &pull);
    trace_mix(w, 17, (uint64_t)status.code);
}

void net_arrived(struct world *w, struct site *s, struct message *message)
{
    struct span bytes = {0};
    bool down = w->sites[0].core == NULL;
    if (message->cut) {
        parse_cut(w, message);
    }
    if (net_is_cut(w, s) || down || message->cut) {
        message_free(w, message);
        return;
    }
    enum served served = serve(w, s, message, &bytes);
    if (served == SERVED_HOLD) {
        if (s->dialogue.poll) {
            message_free(w, s->dialogue.poll); /* of a pull that was given up */
        }
        s->dialogue.poll = message; /* until something is there */
        return;
    }
    if (served == SERVED_ANSWER) {
        send_answer(w, s, message, bytes);
    }
    message_free(w, message);
}

void net_poll_again(struct world *w, struct site *s)
{
    struct message *poll = s->dialogue.poll;
    s->dialogue.poll = NULL;
    SIM_MARK(w, poll_answered);
    travel(w, s, poll, EVENT_REQUEST, 1);
}
