/* SPDX-License-Identifier: Apache-2.0 */
#include "node/peer/peer.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "node/base/clock.h"
#include "node/base/heap.h"
#include "node/base/log.h"
#include "node/peer/exchange.h"
#include "node/peer/pack.h"

/* A link that fails is tried again after a time that doubles, with jitter, so that 552 nodes do not return as one. */

enum { PATH_SIZE = 512 };

/* One of each kind, and a second push: while one is on the wire and the hub works on it, the next is made. */
enum slot {
    SLOT_HELLO,
    SLOT_PUSH,
    SLOT_PULL,
    SLOT_PUSH_AHEAD,
    SLOT_COUNT,
};

static const enum exchange_kind slot_kinds[SLOT_COUNT] = {EXCHANGE_HELLO, EXCHANGE_PUSH, EXCHANGE_PULL, EXCHANGE_PUSH};

struct peer {
    uv_loop_t *loop;
    struct engine *engine;
    struct http_client *client;
    void *owner;
    struct status (*health)(void *owner, struct core *core, struct arena *arena, struct health *out_health);
    void (*heard)(void *owner, const struct node_heard *told);
    uv_async_t async;
    uv_timer_t timer;
    char url[PATH_SIZE];
    uint64_t jitter;     /* state of the seeded generator */
    uint64_t back_off_ms;
    struct exchange exchanges[SLOT_COUNT];
    struct exchange *ready; /* back from the engine; under the lock */
    pthread_mutex_t lock;
    struct peer_status status; /* under the lock */
    bool wake;           /* under the lock */
    uint64_t unacked;    /* under the lock: own leaves that the hub does not have, at the last wake */
    bool takeover;       /* under the lock, then taken by the next hello */
    bool push_wanted;
    bool logged;                  /* logged_state holds what the log said last */
    enum peer_state logged_state;
    struct comparison *comparison; /* of the last push, to be submitted behind the next one */
    bool stopping;
    size_t handles;      /* to be closed before `stopped` */
    void (*stopped)(void *owner);
    void *stopped_owner;
};

static const struct {
    const char *name, *english, *indonesian;
} peer_states[] = {
    [PEER_HELLO] = {"hello", "introducing itself to the hub", "sedang memperkenalkan diri ke pusat"},
    [PEER_ONLINE] = {"online", "connected: changes go both ways", "terhubung: perubahan mengalir dua arah"},
    [PEER_RETRY] = {"retry", "no link to the hub; local work goes on, trying again by itself",
                    "tidak ada sambungan ke pusat; pekerjaan lokal tetap berjalan, dicoba lagi otomatis"},
    [PEER_STOPPED] = {"stopped", "stopped for safety: a person has to look at the problem below",
                      "dihentikan demi keamanan: perlu diperiksa petugas"},
    [PEER_TAKEOVER] = {"takeover", "another copy of this node is running; stop it, or say `simpul takeover` here",
                       "salinan lain dari simpul ini sedang berjalan; hentikan, atau jalankan `simpul takeover` di sini"},
    [PEER_UPDATE] = {"update", "the hub needs a newer version of simpul here",
                     "pusat memerlukan versi simpul yang lebih baru di sini"},
};

const char *peer_state_name(enum peer_state state)
{
    return peer_states[state].name;
}

const char *peer_state_sentence(enum peer_state state, bool indonesian)
{
    return indonesian ? peer_states[state].indonesian : peer_states[state].english;
}

static enum peer_state peer_state(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    enum peer_state state = peer->status.state;
    pthread_mutex_unlock(&peer->lock);
    return state;
}

/* Comings and goings of the link, once each: an hour of retries is one line. */
static void peer_log(struct peer *peer, enum peer_state state)
{
    if (state == PEER_HELLO || (peer->logged && peer->logged_state == state)) {
        return;
    }
    peer->logged = true;
    peer->logged_state = state;
    if (state == PEER_ONLINE) {
        LOG(link_up, log_word("hub"));
    } else if (state == PEER_RETRY) {
        LOG(link_lost, log_word("hub"), log_word(peer_states[state].name));
    } else {
        LOG(link_stopped, log_word("hub"), log_word(peer_states[state].name));
    }
}

static void peer_set(struct peer *peer, enum peer_state state, const char *problem)
{
    peer_log(peer, state);
    pthread_mutex_lock(&peer->lock);
    peer->status.state = state;
    if (problem != peer->status.problem) {
        snprintf(peer->status.problem, sizeof peer->status.problem, "%s", problem ? problem : "");
    }
    pthread_mutex_unlock(&peer->lock);
}

/* xorshift64: only spreads retries. */
static uint64_t peer_jitter(struct peer *peer, uint64_t range)
{
    peer->jitter ^= peer->jitter << 13;
    peer->jitter ^= peer->jitter >> 7;
    peer->jitter ^= peer->jitter << 17;
    return range ? peer->jitter % range : 0;
}

static void peer_step(struct peer *peer);

static void peer_on_timer(uv_timer_t *timer)
{
    struct peer *peer = timer->data;
    if (!peer->stopping) {
        peer_set(peer, PEER_HELLO, peer->status.problem);
        peer_step(peer);
    }
}

static void peer_cancel(struct peer *peer, bool pulls_only)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        struct exchange *x = &peer->exchanges[i];
        if (x->phase == EXCHANGE_SENDING && (!pulls_only || i == SLOT_PULL)) {
            http_client_cancel(peer->client, x->call);
        }
    }
}

/* Leaves the link alone for a while, then says hello again. */
static void peer_wait(struct peer *peer, enum peer_state state, uint64_t asked_ms, const char *problem)
{
    if (peer->stopping || uv_is_active((uv_handle_t *)&peer->timer)) {
        return;
    }
    uint64_t wait = state == PEER_RETRY ? peer->back_off_ms : LIMIT_RETRY_STOPPED_MS;
    wait = wait / 2 + peer_jitter(peer, wait / 2 + 1);
    if (asked_ms > wait) {
        wait = asked_ms;
    }
    peer->back_off_ms = peer->back_off_ms * 2 > LIMIT_RETRY_MAX_MS ? LIMIT_RETRY_MAX_MS : peer->back_off_ms * 2;
    peer_set(peer, state, problem);
    pthread_mutex_lock(&peer->lock);
    peer->status.failures++;
    peer->status.retry_in_ms = (uint64_t)clock_now_ms() + wait;
    pthread_mutex_unlock(&peer->lock);
    uv_timer_start(&peer->timer, peer_on_timer, wait, 0);
    peer_cancel(peer, false);
}

/* What the core made of an answer decides where the dialogue goes on. While the link rests, it goes on with a hello and
 * with nothing else: an answer that was still with the engine when another call failed must not wipe out why it rests. */
static void peer_follow(struct peer *peer, const struct exchange *x)
{
    if (uv_is_active((uv_handle_t *)&peer->timer)) {
        return;
    }
    switch (x->next.step) {
    case NEXT_GO_ON:
        peer->back_off_ms = LIMIT_RETRY_FIRST_MS;
        peer_set(peer, x->kind == EXCHANGE_HELLO || peer_state(peer) == PEER_ONLINE ? PEER_ONLINE : peer_state(peer), "");
        peer->push_wanted |= x->kind == EXCHANGE_HELLO || (x->kind == EXCHANGE_PUSH);
        break;
    case NEXT_HELLO:
        if (x->kind == EXCHANGE_HELLO) {
            peer_wait(peer, PEER_RETRY, 0, x->next.why); /* hello twice in a row is not to become a loop */
            break;
        }
        peer_set(peer, PEER_HELLO, x->next.why);
        peer_cancel(peer, true);
        break;
    case NEXT_WAIT:
        peer_wait(peer, PEER_RETRY, x->next.retry_ms, x->next.why);
        break;
    case NEXT_STOP:
        peer_wait(peer, PEER_STOPPED, 0, x->next.why);
        break;
    case NEXT_TAKEOVER:
        peer_wait(peer, PEER_TAKEOVER, x->next.retry_ms, x->next.why);
        break;
    case NEXT_UPDATE:
        peer_wait(peer, PEER_UPDATE, 0, x->next.why);
        break;
    }
}

/* Why the hub refuses: what it says itself, if that is a line of plain words, tells more than its number. */
static const char *peer_refusal(const struct http_result *result, char out_text[256])
{
    static const char ends[] = ": ask the ministry";
    const struct span body = result->body;
    bool is_plain = result->status != 0 && body.size > 0 && body.size < 200;
    for (size_t i = 0; i < body.size && is_plain; i++) {
        is_plain = (body.data[i] >= 0x20 && body.data[i] < 0x7f) || (body.data[i] == '\n' && i + 1 == body.size);
    }
    if (!is_plain) {
        return result->problem;
    }
    int size = (int)(body.data[body.size - 1] == '\n' ? body.size - 1 : body.size);
    snprintf(out_text, 256, "the hub refuses this node: %.*s%s", size, (const char *)body.data,
             memchr(body.data, ':', body.size) ? "" : ends);
    return out_text;
}

/* What was made and not sent is made again behind the next hello. */
static void peer_drop_made(struct peer *peer)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        if (peer->exchanges[i].phase == EXCHANGE_MADE) {
            exchange_clear(&peer->exchanges[i]);
        }
    }
}

static void peer_answer(void *owner, struct http_call_id id, const struct http_result *result)
{
    (void)id;
    struct exchange *x = owner;
    struct peer *peer = x->peer;
    x->phase = EXCHANGE_IDLE;
    char refusal[256];
    bool answered = result->outcome == HTTP_OUTCOME_OK || (result->outcome == HTTP_OUTCOME_DATA && result->status == 409);
    pthread_mutex_lock(&peer->lock);
    peer->status.bytes_in += result->body.size;
    if (answered) {
        peer->status.last_contact_ms = (uint64_t)clock_now_ms();
        peer->status.pushes += x->kind == EXCHANGE_PUSH;
        peer->status.pulls += x->kind == EXCHANGE_PULL;
    }
    pthread_mutex_unlock(&peer->lock);
    if (result->status == 409) {
        peer_drop_made(peer); /* it does not follow any more */
    }
    if (answered && !peer->stopping) {
        if (status_is_ok(exchange_take(x, peer->engine, result->content_type, result->body))) {
            peer_step(peer); /* the next push goes out while this answer is taken */
            return;
        }
        peer_wait(peer, PEER_RETRY, 0, "the engine is busy");
    } else if (result->outcome == HTTP_OUTCOME_SECURITY) {
        peer_wait(peer, PEER_STOPPED, 0, peer_refusal(result, refusal));
    } else if (result->outcome == HTTP_OUTCOME_DATA) {
        peer_wait(peer, PEER_STOPPED, 0, peer_refusal(result, refusal));
    } else if (result->outcome == HTTP_OUTCOME_TRANSIENT) {
        peer_wait(peer, PEER_RETRY, result->retry_after_ms, result->problem);
    }
    exchange_clear(x);
    peer_step(peer);
}

static void peer_send(struct peer *peer, struct exchange *x)
{
    char url[PATH_SIZE + 32];
    snprintf(url, sizeof url, "%s%s", peer->url, exchange_path(x->kind));
    struct http_call call = {.method = "POST",
                             .url = url,
                             .content_type = x->packed_type,
                             .body = x->packed,
                             .body_free = free,
                             .response_max = LIMIT_MESSAGE_SIZE,
                             .done = peer_answer,
                             .owner = x};
    pthread_mutex_lock(&peer->lock);
    peer->status.bytes_out += x->packed.size;
    pthread_mutex_unlock(&peer->lock);
    x->packed = (struct span){0}; /* the client owns it now, also on failure */
    if (!status_is_ok(http_client_call(peer->client, &call, &x->call))) {
        exchange_clear(x);
        peer_wait(peer, PEER_RETRY, 0, "the HTTPS client took no call");
        return;
    }
    x->phase = EXCHANGE_SENDING;
}

/* A job of this exchange has come back from the engine. */
static void peer_returned(struct peer *peer, struct exchange *x)
{
    bool made = x->phase == EXCHANGE_MAKING;
    x->phase = EXCHANGE_IDLE;
    if (peer->stopping) {
        exchange_clear(x);
    } else if (!status_is_ok(x->status)) {
        bool security = x->status.code == STATUS_DENIED || x->status.code == STATUS_FORKED;
        exchange_clear(x);
        peer_wait(peer, security ? PEER_STOPPED : PEER_RETRY, 0, exchange_problem(x));
    } else if (made && x->nothing) {
        exchange_clear(x);
    } else if (made && x->kind == EXCHANGE_PUSH) {
        x->phase = EXCHANGE_MADE; /* peer_step sends it in its turn */
    } else if (made) {
        peer_send(peer, x);
    } else {
        if (x->skew_known) {
            pthread_mutex_lock(&peer->lock);
            peer->status.skew_ms = x->skew_ms;
            pthread_mutex_unlock(&peer->lock);
        }
        peer_follow(peer, x);
        if (x->digest_count > 0) {
            comparison_submit(peer->comparison, peer->engine);
            peer->comparison = exchange_comparison(x);
        }
        exchange_clear(x);
    }
}

static void peer_start_exchange(struct peer *peer, enum slot slot)
{
    if (!status_is_ok(exchange_make(&peer->exchanges[slot], peer->engine))) {
        peer_wait(peer, PEER_RETRY, 0, "the engine is busy");
    }
}

/* Enough leaves wait behind the push that is on its way; fewer go on gathering until its answer. */
static bool peer_may_go_ahead(struct peer *peer, const struct exchange *before)
{
    pthread_mutex_lock(&peer->lock);
    uint64_t unacked = peer->unacked;
    pthread_mutex_unlock(&peer->lock);
    return unacked >= before->push.leaf_count + LIMIT_PUSH_AHEAD;
}

static void peer_send_push(struct peer *peer, enum slot slot, enum slot other)
{
    if (peer->exchanges[slot].phase == EXCHANGE_MADE && peer->exchanges[other].phase != EXCHANGE_SENDING) {
        peer_send(peer, &peer->exchanges[slot]);
    }
}

static void peer_make_push(struct peer *peer, enum slot slot, enum slot other)
{
    struct exchange *x = &peer->exchanges[slot];
    const struct exchange *before = &peer->exchanges[other];
    bool ahead = before->phase == EXCHANGE_SENDING || before->phase == EXCHANGE_TAKING;
    if (x->phase == EXCHANGE_IDLE && peer->push_wanted &&
        (ahead ? peer_may_go_ahead(peer, before) : before->phase == EXCHANGE_IDLE)) {
        peer->push_wanted = false;
        x->ahead = ahead;
        peer_start_exchange(peer, slot);
    }
}

static void peer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;
    if (--peer->handles == 0) {
        peer->stopped(peer->stopped_owner);
    }
}

static bool peer_is_idle(const struct peer *peer)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        if (peer->exchanges[i].phase != EXCHANGE_IDLE) {
            return false;
        }
    }
    return true;
}

/* Starts whatever the state asks for and is not running yet. */
static void peer_step(struct peer *peer)
{
    if (peer->stopping || peer_state(peer) != PEER_ONLINE) {
        peer_drop_made(peer);
    }
    if (peer->stopping) {
        if (peer_is_idle(peer) && !uv_is_closing((uv_handle_t *)&peer->async)) {
            uv_close((uv_handle_t *)&peer->async, peer_closed);
            uv_close((uv_handle_t *)&peer->timer, peer_closed);
        }
        return;
    }
    enum peer_state state = peer_state(peer);
    if (state == PEER_HELLO && peer_is_idle(peer)) {
        pthread_mutex_lock(&peer->lock);
        bool takeover = peer->takeover;
        peer->takeover = false;
        pthread_mutex_unlock(&peer->lock);
        peer->exchanges[SLOT_HELLO].takeover = takeover;
        peer_start_exchange(peer, SLOT_HELLO);
    }
    if (state == PEER_ONLINE) {
        peer_send_push(peer, SLOT_PUSH, SLOT_PUSH_AHEAD);
        peer_send_push(peer, SLOT_PUSH_AHEAD, SLOT_PUSH);
        peer_make_push(peer, SLOT_PUSH, SLOT_PUSH_AHEAD);
        peer_make_push(peer, SLOT_PUSH_AHEAD, SLOT_PUSH);
    }
    if (peer_state(peer) == PEER_ONLINE && peer->exchanges[SLOT_PULL].phase == EXCHANGE_IDLE) {
        peer_start_exchange(peer, SLOT_PULL);
    }
}

static void peer_on_async(uv_async_t *async)
{
    struct peer *peer = async->data;
    pthread_mutex_lock(&peer->lock);
    struct exchange *ready = peer->ready;
    peer->ready = NULL;
    peer->push_wanted |= peer->wake;
    peer->wake = false;
    bool takeover = peer->takeover && peer->status.state != PEER_HELLO && peer->status.state != PEER_ONLINE;
    pthread_mutex_unlock(&peer->lock);
    while (ready) {
        struct exchange *next = ready->next_ready;
        peer_returned(peer, ready);
        ready = next;
    }
    if (takeover && !peer->stopping) {
        uv_timer_stop(&peer->timer);
        peer_set(peer, PEER_HELLO, "");
    }
    peer_step(peer);
    comparison_submit(peer->comparison, peer->engine);
    peer->comparison = NULL;
}

const struct health *peer_health(struct peer *peer, struct core *core, struct arena *arena)
{
    struct health *health = peer->health ? arena_array(arena, 1, sizeof *health) : NULL;
    return health && status_is_ok(peer->health(peer->owner, core, arena, health)) ? health : NULL;
}

void peer_heard(struct peer *peer, const struct node_heard *told, size_t count)
{
    for (size_t i = 0; i < count && peer->heard; i++) {
        peer->heard(peer->owner, &told[i]);
    }
}

void peer_post(struct peer *peer, struct exchange *x)
{
    pthread_mutex_lock(&peer->lock);
    x->next_ready = peer->ready;
    peer->ready = x;
    pthread_mutex_unlock(&peer->lock);
    uv_async_send(&peer->async);
}

struct status peer_start(const struct peer_options *options, struct peer **out_peer)
{
    size_t size = strlen(options->hub_url);
    while (size && options->hub_url[size - 1] == '/') {
        size--;
    }
    struct peer *peer = size < PATH_SIZE ? calloc(1, sizeof *peer) : NULL;
    if (!peer) {
        return STATUS_MAKE(size < PATH_SIZE ? STATUS_NO_MEMORY : STATUS_LIMIT);
    }
    memcpy(peer->url, options->hub_url, size);
    peer->loop = options->loop;
    peer->engine = options->engine;
    peer->client = options->client;
    peer->owner = options->owner;
    peer->health = options->health;
    peer->heard = options->heard;
    peer->jitter = options->seed | 1;
    peer->back_off_ms = LIMIT_RETRY_FIRST_MS;
    peer->takeover = options->in_takeover;
    pthread_mutex_init(&peer->lock, NULL);
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        exchange_init(&peer->exchanges[i], peer, slot_kinds[i], memory_heap());
    }
    if (uv_async_init(peer->loop, &peer->async, peer_on_async) != 0) {
        peer_free(peer);
        return STATUS_MAKE(STATUS_IO);
    }
    uv_timer_init(peer->loop, &peer->timer);
    peer->async.data = peer;
    peer->timer.data = peer;
    peer->handles = 2;
    peer_step(peer);
    *out_peer = peer;
    return status_ok();
}

void peer_wake(struct peer *peer, uint64_t unacked)
{
    pthread_mutex_lock(&peer->lock);
    bool send = !peer->wake;
    peer->wake = true;
    peer->unacked = unacked > 0 ? unacked : peer->unacked;
    pthread_mutex_unlock(&peer->lock);
    if (send) {
        uv_async_send(&peer->async);
    }
}

void peer_takeover(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    peer->takeover = true;
    pthread_mutex_unlock(&peer->lock);
    uv_async_send(&peer->async);
}

struct peer_status peer_status(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    struct peer_status status = peer->status;
    pthread_mutex_unlock(&peer->lock);
    return status;
}

void peer_stop(struct peer *peer, void (*stopped)(void *owner), void *owner)
{
    peer->stopping = true;
    peer->stopped = stopped;
    peer->stopped_owner = owner;
    uv_timer_stop(&peer->timer);
    peer_cancel(peer, false);
    peer_step(peer);
}

void peer_free(struct peer *peer)
{
    if (!peer) {
        return;
    }
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        exchange_release(&peer->exchanges[i]);
    }
    pthread_mutex_destroy(&peer->lock);
    free(peer);
}
