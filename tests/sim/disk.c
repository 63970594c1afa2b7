/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/disk.h"

#include "tests/sim/vfs_store.h"
#include "tests/sim/world.h"

#define PAGE 4096

/* NULL: the model store. */
static struct vfs_store *vfs_of(const struct world *w, struct store *store)
{
    return w->plan->settings[SETTING_sqlite] ? (struct vfs_store *)store : NULL;
}

static uint64_t ios(const struct vfs_store *vfs)
{
    return vfs_disk_counts(vfs->disk)->ios;
}

struct store *disk_new(struct world *w)
{
    struct store *store = NULL;
    struct vfs_store *vfs = NULL;
    if (!w->plan->settings[SETTING_sqlite]) {
        must(w, store_model_new(w->memory, &store), "store");
        return store;
    }
    must(w, vfs_store_new(w->memory, random_mix(w->plan->seed + ++w->serial), false, &vfs), "store");
    return &vfs->store;
}

struct store *disk_copy(struct world *w, struct store *store)
{
    struct vfs_store *vfs = vfs_of(w, store);
    struct vfs_store *copy = NULL;
    if (!vfs) {
        must(w, store_model_copy(store, w->memory, &store), "copy of a store");
        return store;
    }
    must(w, vfs_store_copy(vfs, random_mix(w->plan->seed + ++w->serial), &copy), "copy of a store");
    return &copy->store;
}

void disk_crash(struct world *w, struct site *s)
{
    struct vfs_store *vfs = vfs_of(w, s->store);
    if (vfs) {
        vfs_store_crash(vfs, VFS_MIXED);
    } else {
        store_model_crash(s->store);
    }
}

struct status disk_up(struct world *w, struct site *s)
{
    struct vfs_store *vfs = vfs_of(w, s->store);
    return vfs && !vfs->inner ? vfs_store_reopen(vfs) : status_ok();
}

void disk_fail(struct world *w, struct site *s, uint64_t n)
{
    struct vfs_store *vfs = vfs_of(w, s->store);
    if (vfs) {
        vfs_disk_faults(vfs->disk)->fail_at = n > 0 ? ios(vfs) + n : 0;
    } else {
        store_model_fail_after(s->store, n);
    }
}

void disk_cut_power(struct world *w, struct site *s, uint64_t n)
{
    struct vfs_store *vfs = vfs_of(w, s->store);
    if (vfs) {
        vfs_disk_faults(vfs->disk)->crash_at = ios(vfs) + n;
    } else {
        store_model_fail_after(s->store, n);
        s->crash_calls = store_model_calls(s->store) + n;
    }
}

bool disk_lost_power(struct world *w, const struct site *s)
{
    struct vfs_store *vfs = vfs_of(w, s->store);
    if (!vfs) {
        return s->crash_calls > 0 && store_model_calls(s->store) >= s->crash_calls;
    }
    if (vfs->violation) {
        violation(w, "%.16s: %s", s->id.text, vfs->violation);
    }
    return vfs_disk_dead(vfs->disk);
}

void disk_unknown(struct world *w, struct site *s, bool applied)
{
    struct vfs_store *vfs = vfs_of(w, s->store);
    if (vfs) {
        disk_fail(w, s, applied ? 2 : 1); /* the writing of its log, or the sync behind it */
    } else {
        store_model_commit_unknown(s->store, applied);
    }
}

void disk_full(struct world *w, struct site *s, uint64_t n)
{
    struct vfs_store *vfs = vfs_of(w, s->store);
    if (vfs) {
        vfs_disk_faults(vfs->disk)->full_bytes = vfs_disk_bytes(vfs->disk) + n * PAGE;
    } else {
        store_model_fail_after(s->store, n);
    }
}

void disk_calm(struct world *w, struct site *s)
{
    struct vfs_store *vfs = vfs_of(w, s->store);
    if (vfs) {
        vfs_disk_faults(vfs->disk)->full_bytes = 0;
    } else {
        store_model_fail_after(s->store, 0);
    }
}
