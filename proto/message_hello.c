/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message_parts.h"

struct status hello_write(const struct hello *m, struct arena *arena, struct span *out_bytes)
{
    struct wire w;
    message_begin(&w, arena);
    Simpul__Hello to;
    simpul__hello__init(&to);
    to.version = m->version;
    to.node = wire_put_node(&w, m->node);
    to.deployment = wire_put_text(&w, m->deployment, LIMIT_ORIGIN_SIZE);
    to.program = wire_put_text(&w, m->program, LIMIT_ORIGIN_SIZE);
    to.now_ms = m->now_ms;
    to.instance = wire_put_fixed(m->instance, sizeof m->instance);
    to.lease = wire_put_bytes(&w, m->lease, LIMIT_LEASE_SIZE);
    to.takeover = m->takeover;
    to.own = stream_state_list_put(&w, m->own, m->own_count, LIMIT_OWN_STREAMS);
    to.n_own = m->own_count;
    to.epoch_open = m->epoch_open;
    to.read = stream_state_list_put(&w, m->read, m->read_count, LIMIT_READ_STREAMS);
    to.n_read = m->read_count;
    to.health = health_put(&w, m->health);
    return message_pack(&w, &to.base, out_bytes);
}

struct status hello_read(struct span bytes, struct arena *arena, struct hello *out_m)
{
    struct wire w;
    const Simpul__Hello *from = message_unpack(&w, arena, &simpul__hello__descriptor, bytes);
    TRY(wire_end(&w));
    struct hello m = {
        .version = from->version,
        .node = wire_get_node(&w, from->node),
        .deployment = wire_get_text(&w, from->deployment, LIMIT_ORIGIN_SIZE),
        .program = wire_get_text(&w, from->program, LIMIT_ORIGIN_SIZE),
        .now_ms = from->now_ms,
        .lease = wire_get_bytes(&w, from->lease, LIMIT_LEASE_SIZE),
        .takeover = from->takeover,
        .own = stream_state_list_get(&w, from->own, from->n_own),
        .own_count = from->n_own,
        .epoch_open = from->epoch_open,
        .read = stream_state_list_get(&w, from->read, from->n_read),
        .read_count = from->n_read,
        .health = health_get(&w, from->health),
    };
    wire_get_fixed(&w, from->instance, m.instance, sizeof m.instance);
    TRY(wire_end(&w));
    *out_m = m;
    return status_ok();
}

struct status hello_answer_write(const struct hello_answer *m, struct arena *arena, struct span *out_bytes)
{
    struct wire w;
    message_begin(&w, arena);
    Simpul__HelloAnswer to;
    simpul__hello_answer__init(&to);
    to.verdict = verdict_put(&w, m->verdict);
    to.version = m->version;
    to.now_ms = m->now_ms;
    to.lease = wire_put_bytes(&w, m->lease, LIMIT_LEASE_SIZE);
    to.retry_ms = m->retry_ms;
    to.registry_checkpoint = wire_put_bytes(&w, m->registry_checkpoint, LIMIT_NOTE_SIZE);
    to.own = stream_state_list_put(&w, m->own, m->own_count, LIMIT_OWN_STREAMS);
    to.n_own = m->own_count;
    to.epoch_max = m->epoch_max;
    to.leaves_max = m->leaves_max;
    to.bytes_max = m->bytes_max;
    to.behind = stream_state_list_put(&w, m->behind, m->behind_count, LIMIT_READ_STREAMS);
    to.n_behind = m->behind_count;
    return message_pack(&w, &to.base, out_bytes);
}

struct status hello_answer_read(struct span bytes, struct arena *arena, struct hello_answer *out_m)
{
    struct wire w;
    const Simpul__HelloAnswer *from = message_unpack(&w, arena, &simpul__hello_answer__descriptor, bytes);
    TRY(wire_end(&w));
    struct hello_answer m = {
        .verdict = verdict_get(&w, from->verdict),
        .version = from->version,
        .now_ms = from->now_ms,
        .lease = wire_get_bytes(&w, from->lease, LIMIT_LEASE_SIZE),
        .retry_ms = from->retry_ms,
        .registry_checkpoint = wire_get_bytes(&w, from->registry_checkpoint, LIMIT_NOTE_SIZE),
        .own = stream_state_list_get(&w, from->own, from->n_own),
        .own_count = from->n_own,
        .epoch_max = from->epoch_max,
        .leaves_max = from->leaves_max,
        .bytes_max = from->bytes_max,
        .behind = stream_state_list_get(&w, from->behind, from->n_behind),
        .behind_count = from->n_behind,
    };
    TRY(wire_end(&w));
    *out_m = m;
    return status_ok();
}
