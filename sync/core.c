/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core.h"

#include <assert.h>

#include "sync/core_state.h"

struct status core_new(const struct core_options *options, struct core **out_core)
{
    TRY(deployment_check(options->deployment));
    struct memory memory = options->memory;
    struct core *core = memory.alloc(memory.owner, sizeof *core);
    if (!core) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    memset(core, 0, sizeof *core);
    core->options = *options;
    core->deployment = memory.alloc(memory.owner, options->deployment.size);
    if (!core->deployment) {
        core_free(core);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    memcpy(core->deployment, options->deployment.data, options->deployment.size);
    core->options.deployment = span_of(core->deployment, options->deployment.size);
    core->crypto = options->crypto;
    core->store = options->store;
    core->self = options->self;
    core->hub = options->hub;
    core->scope = scope_of_node(options->self);
    core->is_hub = node_id_equal(options->self, options->hub);
    core->in_doubt = options->in_doubt;
    arena_init(&core->arena, memory, SIZE_MAX);
    arena_init(&core->scratch, memory, SIZE_MAX);
    arena_init(&core->records[0], memory, RECORDS_BUDGET);
    arena_init(&core->records[1], memory, RECORDS_BUDGET);
    arena_init(&core->registry_arena, memory, SIZE_MAX);
    registry_init(&core->registry, &core->registry_arena);
    *out_core = core;
    return status_ok();
}

void core_free(struct core *core)
{
    if (!core) {
        return;
    }
    if (core->open) {
        core->store->ops->rollback(core->store);
    }
    streams_free(core);
    arena_release(&core->arena);
    arena_release(&core->scratch);
    arena_release(&core->records[0]);
    arena_release(&core->records[1]);
    arena_release(&core->registry_arena);
    struct memory memory = core->options.memory;
    memory.release(memory.owner, core->deployment);
    memory.release(memory.owner, core);
}

/* Without what stands behind the count: the ranges are most of a core, and mostly empty. */
static void made_copy(struct made_pushes *to, const struct made_pushes *from)
{
    to->stream = from->stream;
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++) {
        to->ranges[i] = from->ranges[i];
    }
}

static void undo_take(const struct core *core, struct core_undo *undo)
{
    undo->meta = core->meta;
    undo->stored = core->stored;
    made_copy(&undo->made, &core->made);
    undo->registry_size = core->registry.size;
    undo->phase = core->phase;
    undo->in_doubt = core->in_doubt;
    undo->lease_taken = core->lease_taken;
    undo->current = core->current;
}

static void transaction_clear(struct core *core)
{
    records_begin(core);
    core->set.undo = NULL;
    core->grown = NULL;
    core->grown_count = 0;
    core->grown_capacity = 0;
    core->saved = NULL;
    core->saved_count = 0;
    core->saved_capacity = 0;
    core->voids = NULL;
    core->void_count = 0;
    core->void_capacity = 0;
    core->proven = (struct proven){0};
    arena_clear(&core->arena);
    arena_clear(&core->scratch);
}

void group_next(struct core *core)
{
    core->group++;
    core->group_leaves = 0;
    core->group_bytes = 0;
}

static struct status begin(struct core *core, uint64_t now_ms, bool reading)
{
    assert(!core->open);
    const struct store_ops *ops = core->store->ops;
    TRY(reading && ops->begin_reading ? ops->begin_reading(core->store) : ops->begin(core->store));
    transaction_clear(core);
    core->registry_grown = false;
    core->news = core->news_all = false;
    core->now_ms = now_ms;
    struct status status = core_catch_up(core);
    if (!status_is_ok(status)) {
        ops->rollback(core->store);
        return status;
    }
    core->open = true;
    core->marked = false;
    group_next(core);
    core->level_begin = ++core->level;
    undo_take(core, &core->at_begin);
    return status_ok();
}

struct status core_begin(struct core *core, uint64_t now_ms)
{
    return begin(core, now_ms, false);
}

struct status core_begin_reading(struct core *core, uint64_t now_ms)
{
    return begin(core, now_ms, true);
}

static void undo_to(struct core *core, const struct core_undo *undo, uint64_t level)
{
    if (core->dirty || core->saved_count > 0) {
        records_forget(core);
    }
    streams_undo(core, level);
    core->level++;
    core->meta = undo->meta;
    core->stored = undo->stored;
    made_copy(&core->made, &undo->made);
    core->phase = undo->phase;
    core->in_doubt = undo->in_doubt;
    core->lease_taken = undo->lease_taken;
    core->current = undo->current;
}

struct status core_commit(struct core *core)
{
    assert(core->open);
    struct status status = core_flush(core);
    if (!status_is_ok(status)) {
        core_rollback(core);
        return status;
    }
    core->open = false;
    status = core->store->ops->commit(core->store);
    core->set.undo = NULL;
    if (status_is_ok(status)) {
        core->committed = core->meta;
    } else {
        core->loaded = false;
    }
    return status;
}

struct status core_return(struct core *core, uint64_t now_ms)
{
    assert(!core->open);
    core->loaded = false;
    TRY(core_begin(core, now_ms));
    struct status status = core_store_is_behind(core) ? STATUS_MAKE(STATUS_FORKED) : core_open(core);
    if (status_is_ok(status)) {
        return core_commit(core);
    }
    core_rollback(core);
    core->loaded = false;
    return status;
}

void core_rollback(struct core *core)
{
    if (!core->open) {
        return;
    }
    core->store->ops->rollback(core->store);
    core->open = false;
    core->marked = false;
    undo_to(core, &core->at_begin, core->level_begin);
    if (core->registry.size != core->at_begin.registry_size) {
        core->loaded = false;
    }
    core->grown_count = 0;
    core->saved_count = 0;
    core->registry_grown = false;
}

struct status core_mark(struct core *core)
{
    assert(core->open && !core->marked);
    TRY(core_flush(core));
    TRY(core->store->ops->savepoint(core->store));
    core->marked = true;
    group_next(core);
    core->level_mark = ++core->level;
    undo_take(core, &core->at_mark);
    return status_ok();
}

struct status core_mark_undo(struct core *core)
{
    assert(core->open && core->marked);
    core->marked = false;
    undo_to(core, &core->at_mark, core->level_mark);
    TRY(core->store->ops->savepoint_undo(core->store));
    if (core->registry.size != core->at_mark.registry_size) {
        return core_registry_load(core);
    }
    return status_ok();
}

struct status core_mark_keep(struct core *core)
{
    assert(core->open && core->marked);
    TRY(core_flush(core));
    core->marked = false;
    group_next(core);
    return core->store->ops->savepoint_keep(core->store);
}

struct status core_flush(struct core *core)
{
    TRY(records_flush(core));
    TRY(streams_flush(core));
    TRY(stream_rows_flush(core));
    TRY(core_meta_save(core));
    core->proven = (struct proven){0};
    arena_clear(&core->scratch);
    return status_ok();
}

const struct registry *core_registry(const struct core *core)
{
    return &core->registry;
}

uint32_t core_epoch(const struct core *core)
{
    return core->meta.epoch;
}

struct node_id core_self(const struct core *core)
{
    return core->self;
}

bool core_is_ready(const struct core *core)
{
    /* A node whose own entry has not been pulled yet does not know what it may write. */
    return core->phase == PHASE_READY &&
           (core->is_hub || registry_node(&core->registry, core->registry.size, core->self) != NULL);
}

bool core_may_write(const struct core *core)
{
    bool before_hello = core->phase == PHASE_HELLO && !core->in_doubt && !core->lease_taken && !core->meta.rewriting &&
                        registry_node(&core->registry, core->registry.size, core->self) != NULL;
    return core_is_ready(core) || before_hello;
}

bool core_is_current(const struct core *core)
{
    return core->is_hub || core->current;
}

struct status core_grown(const struct core *core, const struct scope_id **out_scopes, size_t *out_count)
{
    *out_scopes = core->grown;
    *out_count = core->grown_count;
    return status_ok();
}

void core_saved(const struct core *core, const struct record_id **out_ids, size_t *out_count)
{
    *out_ids = core->saved;
    *out_count = core->saved_count;
}

uint64_t core_changed(const struct core *core)
{
    return core->meta.changed;
}

bool core_registry_grown(const struct core *core)
{
    return core->registry_grown;
}

void core_sha256(const struct core *core, const struct span *parts, size_t count, struct hash *out_hash)
{
    core->crypto->sha256(core->crypto->owner, parts, count, out_hash);
}

void key_be32(uint8_t *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

void key_be64(uint8_t *out, uint64_t value)
{
    key_be32(out, (uint32_t)(value >> 32));
    key_be32(out + 4, (uint32_t)value);
}

bool scope_is_none(struct scope_id scope)
{
    return scope.text[0] == 0;
}

bool node_is_none(struct node_id node)
{
    return node.text[0] == 0;
}

struct node_id node_of_scope(struct scope_id scope)
{
    struct node_id node;
    memcpy(node.text, scope.text, sizeof node.text);
    return node;
}

struct status core_grow(struct core *core, void *array_pointer, size_t count, size_t *capacity, size_t element_size)
{
    if (count < *capacity) {
        return status_ok();
    }
    size_t more = *capacity > 0 ? *capacity * 2 : 8;
    void *array = arena_array(&core->arena, more, element_size);
    if (!array) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    void *old;
    memcpy(&old, array_pointer, sizeof old);
    if (count > 0) {
        memcpy(array, old, count * element_size);
    }
    memcpy(array_pointer, &array, sizeof array);
    *capacity = more;
    return status_ok();
}

struct status stream_grew(struct core *core, const struct stream *stream)
{
    for (size_t i = 0; i < core->grown_count; i++) {
        if (scope_id_equal(core->grown[i], stream->id.scope)) {
            return status_ok();
        }
    }
    TRY(core_grow(core, &core->grown, core->grown_count, &core->grown_capacity, sizeof *core->grown));
    core->grown[core->grown_count++] = stream->id.scope;
    return status_ok();
}
