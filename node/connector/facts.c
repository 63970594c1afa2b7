/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/runner.h"

/* What a connector asks of the core and the store before it goes on. */

/* "generation" 00 lane: which life of the legacy database our store last worked with. */
static struct span generation_key(const struct runner *runner, uint8_t out_key[16])
{
    static const char name[11] = "generation";
    memcpy(out_key, name, sizeof name);
    for (size_t i = 0; i < 4; i++) {
        out_key[sizeof name + i] = (uint8_t)(runner->options.legacy->lane >> (24 - 8 * i));
    }
    return span_of(out_key, sizeof name + 4);
}

bool runner_may_work(const struct runner *runner, const struct core *core)
{
    const struct connector_options *options = &runner->options;
    return core_is_ready(core) || (options->offline && options->offline(options->owner) && core_may_write(core));
}

void core_facts_take(struct runner *runner, const struct core *core, struct core_facts *out_facts)
{
    out_facts->ready = runner_may_work(runner, core);
    out_facts->current = core_is_current(core);
    out_facts->unacked = core_unacked(core);
}

static struct status facts_run(struct job *job, struct core *core, struct arena *arena)
{
    struct works_job *w = (struct works_job *)job;
    struct store *store = w->runner->options.store;
    uint8_t bytes[16];
    struct span key = generation_key(w->runner, bytes);
    struct span value = {0};
    TRY(store->ops->get(store, STORE_META, &key, 1, arena, &value));
    struct reader reader;
    reader_init(&reader, value);
    w->facts->legacy_generation = value.data ? reader_be64(&reader) : 0;
    struct pair entry;
    size_t entries = 0;
    TRY(store->ops->scan(store, STORE_QUARANTINE, (struct span){0}, (struct span){0}, false, 1, SIZE_MAX, arena, &entry,
                         &entries));
    w->runner->quarantined = entries > 0;
    core_facts_take(w->runner, core, w->facts);
    w->runner->ready = w->facts->ready;
    return status_ok();
}

struct status runner_facts(struct runner *runner, struct core_facts *out_facts)
{
    struct works_job job = {.facts = out_facts};
    return works_call(runner, &job, facts_run, true);
}

static struct status generation_run(struct job *job, struct core *core, struct arena *arena)
{
    (void)core;
    struct works_job *w = (struct works_job *)job;
    struct store *store = w->runner->options.store;
    uint8_t bytes[16];
    struct pair pair = {.key = generation_key(w->runner, bytes)};
    struct buffer value;
    buffer_init(&value, arena);
    buffer_add_be64(&value, w->generation);
    TRY(buffer_end(&value, &pair.value));
    TRY(core_lane_open(core, w->runner->options.legacy->lane));
    return store->ops->put(store, STORE_META, &pair, 1);
}

struct status runner_remember_generation(struct runner *runner, uint64_t generation)
{
    struct works_job job = {.generation = generation};
    return works_call(runner, &job, generation_run, false);
}
