/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/vfs_store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/store/store_sqlite.h"
#include "tests/sim/content.h"

/* ---- the store between the core and SQLite ---- */

static struct vfs_store *self_of(struct store *store)
{
    return (struct vfs_store *)store;
}

static struct store *inner_of(struct store *store)
{
    assert(self_of(store)->inner);
    return self_of(store)->inner;
}

static void violated(struct vfs_store *s, const char *what)
{
    if (!s->violation) {
        s->violation = what;
    }
}

static struct status op_begin(struct store *store)
{
    return inner_of(store)->ops->begin(inner_of(store));
}

static struct status op_commit(struct store *store)
{
    struct vfs_store *s = self_of(store);
    bool watched = s->watch && s->judged;
    if (watched && !status_is_ok(store_content(s->inner, true, (struct span){0}, &s->after))) {
        s->after = s->before; /* it can be read no more: then it cannot be committed either */
    }
    struct status status = s->inner->ops->commit(s->inner);
    bool lies = vfs_disk_faults(s->disk)->lies;
    if (status_is_ok(status)) {
        s->commits++;
        s->before = s->after;
        s->judged = s->judged && !lies;
        if (!lies && vfs_disk_unsynced_log(s->disk)) {
            violated(s, "a commit said OK, and no sync came before it");
        }
    } else if (status.code != STATUS_UNKNOWN) {
        s->after = s->before;
    }
    return status;
}

static void op_rollback(struct store *store)
{
    if (self_of(store)->inner) {
        inner_of(store)->ops->rollback(inner_of(store));
    }
}

static struct status op_savepoint(struct store *store)
{
    return inner_of(store)->ops->savepoint(inner_of(store));
}

static struct status op_savepoint_undo(struct store *store)
{
    return inner_of(store)->ops->savepoint_undo(inner_of(store));
}

static struct status op_savepoint_keep(struct store *store)
{
    return inner_of(store)->ops->savepoint_keep(inner_of(store));
}

static struct status op_get(struct store *store, enum store_table table, const struct span *keys, size_t count,
                            struct arena *arena, struct span *out_values)
{
    return inner_of(store)->ops->get(inner_of(store), table, keys, count, arena, out_values);
}

static struct status op_put(struct store *store, enum store_table table, const struct pair *pairs, size_t count)
{
    return inner_of(store)->ops->put(inner_of(store), table, pairs, count);
}

static struct status op_remove(struct store *store, enum store_table table, const struct span *keys, size_t count)
{
    return inner_of(store)->ops->remove(inner_of(store), table, keys, count);
}

static struct status op_scan(struct store *store, enum store_table table, struct span from, struct span end,
                             bool descending, size_t limit, size_t bytes_max, struct arena *arena,
                             struct pair *out_pairs, size_t *out_count)
{
    return inner_of(store)->ops->scan(inner_of(store), table, from, end, descending, limit, bytes_max, arena, out_pairs,
                                      out_count);
}

static struct status op_records_load(struct store *store, const struct record_id *ids, size_t count,
                                     struct arena *arena, struct record_row *out_rows)
{
    return inner_of(store)->ops->records_load(inner_of(store), ids, count, arena, out_rows);
}

static struct status op_records_save(struct store *store, const struct record_row *rows, size_t count)
{
    return inner_of(store)->ops->records_save(inner_of(store), rows, count);
}

static struct status op_records_list(struct store *store, const struct record_filter *filter, struct record_id after,
                                     bool with_bytes, size_t limit, struct arena *arena, struct record_row *out_rows,
                                     size_t *out_count)
{
    return inner_of(store)->ops->records_list(inner_of(store), filter, after, with_bytes, limit, arena, out_rows,
                                              out_count);
}

static struct status op_records_count(struct store *store, const struct record_filter *filter,
                                      struct record_count *out_counts, size_t capacity, size_t *out_count)
{
    return inner_of(store)->ops->records_count(inner_of(store), filter, out_counts, capacity, out_count);
}

static struct status op_size(struct store *store, uint64_t *out_bytes)
{
    return inner_of(store)->ops->size(inner_of(store), out_bytes);
}

static void op_free(struct store *store)
{
    vfs_store_free(self_of(store));
}

static const struct store_ops vfs_ops = {
    .begin = op_begin,
    .commit = op_commit,
    .rollback = op_rollback,
    .savepoint = op_savepoint,
    .savepoint_undo = op_savepoint_undo,
    .savepoint_keep = op_savepoint_keep,
    .get = op_get,
    .put = op_put,
    .remove = op_remove,
    .scan = op_scan,
    .records_load = op_records_load,
    .records_save = op_records_save,
    .records_list = op_records_list,
    .records_count = op_records_count,
    .size = op_size,
    .free = op_free,
};

/* ---- its life ---- */

static struct status open_inner(struct vfs_store *s)
{
    char problem[256];
    return store_sqlite_open_on(vfs_disk_name(s->disk), "/store", s->memory, &s->inner, problem, sizeof problem);
}

static struct status vfs_store_on(struct vfs_disk *disk, struct memory memory, bool watch, struct vfs_store **out_store)
{
    struct vfs_store *s = calloc(1, sizeof *s);
    if (!s) {
        vfs_disk_free(disk);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    *s = (struct vfs_store){.store = {&vfs_ops}, .disk = disk, .memory = memory, .watch = watch};
    struct status status = open_inner(s);
    if (!status_is_ok(status)) {
        vfs_store_free(s);
        return status;
    }
    vfs_store_judge_anew(s);
    *out_store = s;
    return status_ok();
}

struct status vfs_store_new(struct memory memory, uint64_t seed, bool watch, struct vfs_store **out_store)
{
    return vfs_store_on(vfs_disk_new(seed), memory, watch, out_store);
}

struct status vfs_store_copy(struct vfs_store *store, uint64_t seed, struct vfs_store **out_copy)
{
    return vfs_store_on(vfs_disk_copy(store->disk, seed), store->memory, store->watch, out_copy);
}

void vfs_store_close(struct vfs_store *store)
{
    if (store->inner) {
        store->inner->ops->rollback(store->inner);
        store->inner->ops->free(store->inner);
        store->inner = NULL;
    }
}

void vfs_store_crash(struct vfs_store *store, enum vfs_outcome outcome)
{
    if (vfs_disk_faults(store->disk)->lies) {
        store->judged = false;
    }
    vfs_disk_stop(store->disk); /* closing writes nothing more */
    vfs_store_close(store);
    vfs_disk_power_off(store->disk, outcome);
}

struct status vfs_store_reopen(struct vfs_store *store)
{
    assert(!store->inner);
    TRY(open_inner(store));
    uint64_t digest = 0;
    if (!store->watch || !store->judged) {
        return status_ok();
    }
    struct status status = store_content(store->inner, false, (struct span){0}, &digest);
    if (!status_is_ok(status)) {
        vfs_store_close(store);
        return status;
    }
    if (digest != store->before && digest != store->after) {
        violated(store, "after the crash the content is neither the one before nor the one after");
    }
    store->before = digest;
    store->after = digest;
    return status_ok();
}

void vfs_store_judge_anew(struct vfs_store *store)
{
    store->judged = store->watch && status_is_ok(store_content(store->inner, false, (struct span){0}, &store->before));
    store->after = store->before;
}

void vfs_store_free(struct vfs_store *store)
{
    if (store) {
        vfs_store_close(store);
        vfs_disk_free(store->disk);
        free(store);
    }
}
