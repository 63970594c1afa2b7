/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message_parts.h"

struct status bodies_ask_write(const struct bodies_ask *m, struct arena *arena, struct span *out_bytes)
{
    struct wire w;
    message_begin(&w, arena);
    Simpul__BodiesAsk to;
    simpul__bodies_ask__init(&to);
    to.positions = stream_state_list_put(&w, m->positions, m->count, LIMIT_BATCH_LEAVES);
    to.n_positions = m->count;
    return message_pack(&w, &to.base, out_bytes);
}

struct status bodies_ask_read(struct span bytes, struct arena *arena, struct bodies_ask *out_m)
{
    struct wire w;
    const Simpul__BodiesAsk *from = message_unpack(&w, arena, &simpul__bodies_ask__descriptor, bytes);
    TRY(wire_end(&w));
    struct bodies_ask m = {
        .positions = stream_state_list_get(&w, from->positions, from->n_positions),
        .count = from->n_positions,
    };
    TRY(wire_end(&w));
    *out_m = m;
    return status_ok();
}

struct status bodies_answer_write(const struct bodies_answer *m, struct arena *arena, struct span *out_bytes)
{
    struct wire w;
    message_begin(&w, arena);
    Simpul__BodiesAnswer to;
    simpul__bodies_answer__init(&to);
    to.verdict = verdict_put(&w, m->verdict);
    to.bodies = wire_body_list_put(&w, m->bodies, m->count, LIMIT_BATCH_LEAVES);
    to.n_bodies = m->count;
    return message_pack(&w, &to.base, out_bytes);
}

struct status bodies_answer_read(struct span bytes, struct arena *arena, struct bodies_answer *out_m)
{
    struct wire w;
    const Simpul__BodiesAnswer *from = message_unpack(&w, arena, &simpul__bodies_answer__descriptor, bytes);
    TRY(wire_end(&w));
    struct bodies_answer m = {
        .verdict = verdict_get(&w, from->verdict),
        .bodies = wire_body_list_get(&w, from->bodies, from->n_bodies),
        .count = from->n_bodies,
    };
    TRY(wire_end(&w));
    *out_m = m;
    return status_ok();
}
