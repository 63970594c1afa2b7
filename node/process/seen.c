/* SPDX-License-Identifier: Apache-2.0 */
#include "node/process/seen.h"

#include <stdatomic.h>
#include <stdlib.h>

#define PREFIX "seen/"
#define PREFIX_SIZE (sizeof PREFIX - 1)
#define PREFIX_END "seen0" /* '0' follows '/' */

enum { PROCESSES_MAX = 64, INSTANCE_SIZE = 16 };

struct seen {
    struct job job; /* first */
    struct store *store;
    struct heard *heard;
    struct engine *engine;
    uint8_t key[PREFIX_SIZE + INSTANCE_SIZE];
    atomic_bool queued;
};

static uint64_t heard_ms(struct seen *seen, struct node_id node)
{
    struct heard_node known;
    return heard_get(seen->heard, node, 0, &known) ? known.seen_ms : 0;
}

static struct status row_say(struct seen *seen, const struct registry *registry, struct arena *arena)
{
    struct buffer row;
    struct span bytes;
    buffer_init(&row, arena);
    for (size_t i = 0; i < registry->node_count; i++) {
        uint64_t at_ms = heard_ms(seen, registry->nodes[i].id);
        if (at_ms > 0) {
            buffer_add(&row, registry->nodes[i].id.text, sizeof registry->nodes[i].id.text);
            buffer_add_be64(&row, at_ms);
        }
    }
    TRY(buffer_end(&row, &bytes));
    return store_put_one(seen->store, STORE_META, span_of(seen->key, sizeof seen->key), bytes);
}

static void row_take(struct seen *seen, struct span row)
{
    struct reader r;
    for (reader_init(&r, row); !r.failed && !reader_at_end(&r);) {
        struct node_id node = {{0}};
        struct span text = reader_bytes(&r, sizeof node.text);
        uint64_t at_ms = reader_be64(&r);
        if (r.failed) {
            return;
        }
        memcpy(node.text, text.data, text.size);
        if (at_ms > heard_ms(seen, node)) {
            heard_saw(seen->heard, node, at_ms);
        }
    }
}

static struct status exchange_run(struct job *job, struct core *core, struct arena *arena)
{
    struct seen *seen = (struct seen *)job;
    struct pair rows[PROCESSES_MAX];
    size_t count = 0;
    TRY(seen->store->ops->scan(seen->store, STORE_META, span_text(PREFIX), span_text(PREFIX_END), false, PROCESSES_MAX, SIZE_MAX,
                               arena, rows, &count));
    for (size_t i = 0; i < count; i++) {
        row_take(seen, rows[i].value);
    }
    return row_say(seen, core_registry(core), arena);
}

static void exchange_done(struct job *job, struct status status)
{
    struct seen *seen = (struct seen *)job;
    (void)status; /* the next comes soon */
    atomic_store(&seen->queued, false);
}

void seen_exchange(struct seen *seen)
{
    if (!atomic_exchange(&seen->queued, true) && !status_is_ok(engine_submit(seen->engine, &seen->job))) {
        atomic_store(&seen->queued, false);
    }
}

struct status seen_new(struct engine *engine, struct store *store, struct heard *heard, const uint8_t *instance,
                       struct seen **out_seen)
{
    struct seen *seen = calloc(1, sizeof *seen);
    if (!seen) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    seen->job = (struct job){.run = exchange_run, .done = exchange_done};
    seen->engine = engine;
    seen->store = store;
    seen->heard = heard;
    memcpy(seen->key, PREFIX, PREFIX_SIZE);
    memcpy(seen->key + PREFIX_SIZE, instance, INSTANCE_SIZE);
    *out_seen = seen;
    return status_ok();
}

void seen_free(struct seen *seen)
{
    free(seen);
}
