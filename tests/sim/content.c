/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/content.h"

#include <string.h>

#include "node/base/heap.h"
#include "proto/limits.h"

static uint64_t digest_bytes(uint64_t digest, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    while (size > 0) {
        uint64_t word = 0;
        size_t taken = size < sizeof word ? size : sizeof word;
        memcpy(&word, bytes, taken);
        digest = (digest ^ word) * 0x9e3779b97f4a7c15U;
        digest ^= digest >> 29;
        bytes += taken;
        size -= taken;
    }
    return digest;
}

static uint64_t digest_span(uint64_t digest, struct span bytes)
{
    digest = digest_bytes(digest, &bytes.size, sizeof bytes.size);
    return digest_bytes(digest, bytes.data, bytes.size);
}

static struct status digest_table(struct store *store, enum store_table table, struct span skip, struct arena *arena,
                                  uint64_t *digest)
{
    enum { PAGE = 256 };
    struct pair pairs[PAGE];
    uint8_t from[LIMIT_STORE_KEY + 1];
    size_t from_size = 0;
    size_t count = PAGE;
    while (count > 0) {
        TRY(store->ops->scan(store, table, span_of(from, from_size), (struct span){0}, false, PAGE, SIZE_MAX, arena,
                             pairs, &count));
        for (size_t i = 0; i < count; i++) {
            if (skip.size > 0 && pairs[i].key.size >= skip.size &&
                memcmp(pairs[i].key.data, skip.data, skip.size) == 0) {
                continue;
            }
            *digest = digest_span(digest_span(*digest, pairs[i].key), pairs[i].value);
        }
        if (count > 0) { /* the smallest key above the last */
            memcpy(from, pairs[count - 1].key.data, pairs[count - 1].key.size);
            from_size = pairs[count - 1].key.size;
            from[from_size++] = 0;
        }
        arena_clear(arena);
    }
    return status_ok();
}

static struct status digest_records(struct store *store, struct arena *arena, uint64_t *digest)
{
    enum { PAGE = 64 };
    struct record_row rows[PAGE];
    struct record_filter filter = {.hidden_too = true};
    struct record_id after = {{0}};
    size_t count = PAGE;
    while (count > 0) {
        TRY(store->ops->records_list(store, &filter, after, true, PAGE, arena, rows, &count));
        for (size_t i = 0; i < count; i++) {
            uint64_t columns[] = {rows[i].status, rows[i].conflicts, rows[i].visible, (uint64_t)rows[i].received_ms,
                                  rows[i].changed};
            *digest = digest_bytes(*digest, rows[i].id.bytes, sizeof rows[i].id.bytes);
            *digest = digest_bytes(*digest, rows[i].owner.text, strlen(rows[i].owner.text));
            *digest = digest_bytes(*digest, columns, sizeof columns);
            *digest = digest_span(*digest, rows[i].bytes);
            after = rows[i].id;
        }
        arena_clear(arena);
    }
    return status_ok();
}

static struct status digest_all(struct store *store, struct span skip, uint64_t *out_digest)
{
    struct arena arena;
    uint64_t digest = 1;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    struct status status = status_ok();
    for (size_t table = 0; status_is_ok(status) && table < STORE_TABLE_COUNT; table++) {
        digest = digest_bytes(digest, &table, sizeof table);
        status = digest_table(store, (enum store_table)table, table == STORE_META ? skip : (struct span){0}, &arena,
                              &digest);
    }
    if (status_is_ok(status)) {
        status = digest_records(store, &arena, &digest);
    }
    arena_release(&arena);
    TRY(status);
    *out_digest = digest;
    return status_ok();
}

struct status store_content(struct store *store, bool inside, struct span skip, uint64_t *out_digest)
{
    if (inside) {
        return digest_all(store, skip, out_digest);
    }
    TRY(store->ops->begin(store));
    struct status status = digest_all(store, skip, out_digest);
    store->ops->rollback(store);
    return status;
}
