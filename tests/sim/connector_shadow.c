/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/connector.h"

/* Shadows in the legacy database, and the pending ones in the store. */

struct shadow *shadow_get(struct world *w, const struct shadow_row *at)
{
    struct shadow *shadow = arena_alloc(&w->arena, sizeof *shadow);
    struct span bytes;
    must(w, arena_copy(&w->arena, span_of(at->bytes, at->bytes_size), &bytes), "copy");
    must(w, shadow_decode(bytes, &w->arena, shadow), "shadow_decode");
    return shadow;
}

static struct shadow_row *shadow_place(struct world *w, struct legacy *legacy, uint32_t key)
{
    struct shadow_row *at = legacy_shadow(legacy, key);
    for (size_t i = 0; !at && i < SHADOWS; i++) {
        at = legacy->shadows[i].there ? NULL : &legacy->shadows[i];
    }
    if (!at) {
        violation(w, "more shadows than a legacy system can hold: raise SHADOWS");
    }
    return at;
}

static bool shadow_set(struct world *w, struct site *s, uint32_t key, uint32_t born, uint64_t version, struct record_id id,
                       enum shadow_state state, struct span bytes)
{
    struct shadow_row *at = shadow_place(w, s->legacy, key);
    if (version != (at->there ? at->version : 0) + 1) {
        return false;
    }
    uint8_t *copy = w->memory.alloc(w->memory.owner, bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    w->memory.release(w->memory.owner, at->there ? at->bytes : NULL);
    *at = (struct shadow_row){.there = true,
                              .key = key,
                              .born = born,
                              .version = version,
                              .record = id,
                              .state = state,
                              .bytes = copy,
                              .bytes_size = (uint32_t)bytes.size};
    w->shadow_stores++;
    return true;
}

bool shadow_store(struct world *w, struct site *s, uint32_t key, uint32_t born, const struct shadow *shadow)
{
    struct span bytes;
    must(w, shadow_encode(shadow, &w->arena, &bytes), "shadow_encode");
    return shadow_set(w, s, key, born, shadow->version, shadow->record, shadow->state, bytes);
}

void shadow_settle(struct shadow_row *at, const struct row *row)
{
    at->settled = true;
    at->settled_row = row != NULL;
    if (row) {
        memcpy(at->settled_columns, row->columns, sizeof row->columns);
    }
}

bool shadow_is_settled(const struct shadow_row *at, const struct row *row)
{
    if (!at->settled || at->settled_row != (row != NULL) || (row && row->born != at->born)) {
        return false;
    }
    return !row || memcmp(at->settled_columns, row->columns, sizeof row->columns) == 0;
}

void connector_saved(struct site *s, const struct record_id *ids, size_t count)
{
    for (size_t i = 0; i < SHADOWS && count > 0; i++) {
        struct shadow_row *at = &s->legacy->shadows[i];
        for (size_t k = 0; k < count && at->settled; k++) {
            at->settled = !record_id_equal(at->record, ids[k]);
        }
    }
}

void connector_forget(struct legacy *legacy)
{
    for (size_t i = 0; i < SHADOWS; i++) {
        legacy->shadows[i].settled = false;
    }
}

void shadow_drop(struct world *w, struct shadow_row *at)
{
    w->memory.release(w->memory.owner, at->bytes);
    *at = (struct shadow_row){.there = false};
    w->shadow_stores++;
}

void shadow_aside(struct world *w, struct site *s, uint32_t key)
{
    struct shadow_row *shadow = legacy_shadow(s->legacy, key);
    if (shadow) {
        shadow->key = SHADOW_ASIDE + ++s->legacy->aside;
        shadow->settled = false;
        w->shadow_stores++;
    }
}

void legacy_forget(struct world *w, struct legacy *legacy)
{
    for (size_t i = 0; i < SHADOWS; i++) {
        if (legacy->shadows[i].there) {
            w->memory.release(w->memory.owner, legacy->shadows[i].bytes);
            legacy->shadows[i].there = false;
        }
    }
}

void legacy_copy(struct world *w, struct legacy *to, const struct legacy *from)
{
    legacy_forget(w, to);
    *to = *from;
    for (size_t i = 0; i < SHADOWS; i++) {
        struct shadow_row *shadow = &to->shadows[i];
        if (shadow->there) {
            uint8_t *copy = w->memory.alloc(w->memory.owner, shadow->bytes_size);
            memcpy(copy, shadow->bytes, shadow->bytes_size);
            shadow->bytes = copy;
            shadow->settled = false;
        }
    }
}

/* ---- pending ---- */

static struct span pending_key(uint32_t key, uint8_t out_key[8])
{
    for (size_t i = 0; i < 4; i++) {
        out_key[i] = i == 3 ? CONNECTOR_LANE : 0;
        out_key[4 + i] = (uint8_t)(key >> (24 - 8 * i));
    }
    return span_of(out_key, 8);
}

struct status pending_put(struct world *w, struct site *s, uint32_t key, uint32_t born, const struct shadow *shadow)
{
    uint8_t bytes[8];
    struct pair pair = {.key = pending_key(key, bytes)};
    struct buffer value;
    struct span encoded;
    TRY(shadow_encode(shadow, &w->arena, &encoded));
    buffer_init(&value, &w->arena);
    buffer_add_be32(&value, born);
    buffer_add_be64(&value, shadow->version);
    buffer_add_be32(&value, (uint32_t)shadow->state);
    buffer_add(&value, shadow->record.bytes, sizeof shadow->record.bytes);
    buffer_add_sized(&value, encoded);
    TRY(buffer_end(&value, &pair.value));
    return s->store->ops->put(s->store, STORE_PENDING, &pair, 1);
}

struct status pending_drop(struct site *s, uint32_t key)
{
    uint8_t bytes[8];
    struct span span = pending_key(key, bytes);
    return s->store->ops->remove(s->store, STORE_PENDING, &span, 1);
}

/* At start, before any row is read: what a capture had not finished. */
bool pending_settle(struct world *w, struct site *s)
{
    struct pair *pairs = arena_array(&w->arena, 64, sizeof *pairs);
    size_t count = 0;
    if (!site_begin(w, s)) {
        return false;
    }
    struct status status = s->store->ops->scan(s->store, STORE_PENDING, (struct span){0}, (struct span){0}, false, 64,
                                               SIZE_MAX, &w->arena, pairs, &count);
    for (size_t i = 0; i < count && status_is_ok(status); i++) {
        struct reader key;
        struct reader value;
        struct record_id id;
        reader_init(&key, pairs[i].key);
        reader_init(&value, pairs[i].value);
        (void)reader_be32(&key);
        uint32_t row_key = reader_be32(&key);
        uint32_t born = reader_be32(&value);
        uint64_t version = reader_be64(&value);
        uint32_t state = reader_be32(&value);
        memcpy(id.bytes, reader_bytes(&value, sizeof id.bytes).data, sizeof id.bytes);
        struct span bytes = reader_sized(&value);
        must(w, reader_end(&value), "pending shadow");
        SIM_MARK(w, capture_pending_settled);
        TRACE(w, s, "connector: settles the pending shadow of row %u", row_key);
        (void)shadow_set(w, s, row_key, born, version, id, (enum shadow_state)state, bytes);
        status = s->store->ops->remove(s->store, STORE_PENDING, &pairs[i].key, 1);
    }
    return status_is_ok(site_end(w, s, status)) && s->core;
}
