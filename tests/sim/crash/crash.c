/* SPDX-License-Identifier: Apache-2.0 */
/* Crash at every I/O: fixed scripts over the real core on the real SQLite store, on disks of tests/sim/vfs.h. The power
 * goes at the k-th I/O of a script, unsynced sectors become old, new, torn or garbage, and at every second crash the
 * power goes again soon after it came back. An I/O may also fail once (the process ends and starts again), or find the
 * disk full (every second time the process goes on when there is room again). After that the content is the one before
 * or the one after, every stream verifies against its tree, the world settles, the script can be played again, and
 * everything that was acknowledged is at the hub.
 *
 *   sim_crash                         all scripts, at most CRASH_RUNS crashes of each (default 100)
 *   sim_crash NAME hub|node           one script, every I/O
 *   sim_crash NAME hub|node K STRIKE  one; STRIKE 0 old, 1 new, 2 torn, 3 garbage, 4 mixed, 5 I/O error, 6 disk full */
#include "tests/sim/scripts.h"
#include "tests/sim/vfs_store.h"

/* Two more things that may happen at the k-th I/O, beside the power going. */
enum { STRIKE_ERROR = VFS_OUTCOME_COUNT, STRIKE_FULL, STRIKE_COUNT };

static const char *const strike_names[STRIKE_COUNT] = {"old",   "new",       "torn",     "garbage",
                                                       "mixed", "I/O error", "disk full"};

struct crash {
    const struct script *script;
    bool at_hub;
    uint64_t io;
    unsigned strike; /* an outcome of the power going, or one of the two above */
};

struct tally {
    uint64_t crashes;
    uint64_t twice; /* the power went again in recovery */
    uint64_t failures;
};

/* ---- stores on simulated disks ---- */

static struct status disk_make(struct memory memory, struct store **out_store)
{
    struct vfs_store *s;
    TRY(vfs_store_new(memory, 1, false, &s));
    *out_store = &s->store;
    return status_ok();
}

static struct vfs_store *disk_of(struct site *site)
{
    return (struct vfs_store *)site->store;
}

/* The machine goes down and comes up in the middle of a script: what is armed stays armed. */
static struct status disk_restart(struct store *store)
{
    struct vfs_store *s = (struct vfs_store *)store;
    struct vfs_faults faults = *vfs_disk_faults(s->disk);
    if (vfs_disk_dead(s->disk)) {
        return STATUS_MAKE(STATUS_IO);
    }
    vfs_store_crash(s, VFS_MIXED);
    *vfs_disk_faults(s->disk) = faults;
    return vfs_store_reopen(s);
}

static struct status disk_copy(struct store *store, struct memory memory, struct store **out_copy)
{
    struct vfs_store *copy;
    (void)memory;
    TRY(vfs_store_copy((struct vfs_store *)store, 1, &copy));
    *out_copy = &copy->store;
    return status_ok();
}

static const struct stage_disks disks = {{disk_make, disk_restart}, disk_copy};

/* ---- scripts that only a disk has ---- */

/* Power off and on between writes, then an orderly end (SQLite moves its log into the database and deletes it). */
static struct status play_recovery(struct stage *st)
{
    struct site *a = stage_a(st);
    TRY(stage_edit(st, a, st->first, 1));
    TRY(site_restart(&st->w, a));
    TRY(stage_edit(st, a, st->first, 1));
    site_stop(a);
    vfs_store_close(disk_of(a));
    TRY(vfs_store_reopen(disk_of(a)));
    TRY(site_start(&st->w, a));
    TRY(stage_edit(st, a, st->first, 1));
    return world_settle(&st->w);
}

/* The log stands just below the size at which a commit moves it into the database. */
static void prepare_checkpoint(struct stage *st, const struct stage_disks *unused)
{
    static uint8_t block[64 * 1024];
    struct site *a = stage_a(st);
    (void)unused;
    for (uint8_t i = 0; i < 120; i++) {
        memset(block, i, sizeof block);
        must(site_begin(&st->w, a));
        must(store_put_one(a->store, STORE_QUARANTINE, span_of(&i, 1), span_of(block, sizeof block)));
        must(core_commit(a->core));
    }
}

static struct status play_checkpoint(struct stage *st)
{
    for (int i = 0; i < 6; i++) {
        TRY(play_write(st));
    }
    return status_ok();
}

static const struct script disk_scripts[] = {
    {"recovery", prepare_nothing, play_recovery},
    {"checkpoint", prepare_checkpoint, play_checkpoint},
};

#define DISK_SCRIPT_COUNT (sizeof disk_scripts / sizeof disk_scripts[0])

static const struct script *script_at(size_t i)
{
    return i < SCRIPT_COUNT ? &scripts[i] : &disk_scripts[i - SCRIPT_COUNT];
}

/* ---- one crash ---- */

static bool said(const struct crash *c, const char *what, const char *detail)
{
    printf("FAILED %s %s %llu %d (%s): %s%s%s\n", c->script->name, c->at_hub ? "hub" : "node",
           (unsigned long long)c->io, (int)c->strike, strike_names[c->strike], what, detail[0] ? ": " : "", detail);
    return false;
}

static struct site *target_of(struct stage *st, const struct crash *c)
{
    return c->at_hub ? &st->w.hub : stage_a(st);
}

/* The power goes once more, soon after it came back: while the store is opened, the core starts or goes on. */
static bool power_twice(struct stage *st, struct site *s, const struct crash *c, struct tally *tally)
{
    struct vfs_disk *disk = disk_of(s)->disk;
    vfs_disk_count(disk);
    vfs_disk_faults(disk)->crash_at = 1 + c->io / 2 % 6;
    struct status status = vfs_store_reopen(disk_of(s));
    if (status_is_ok(status)) {
        status = site_start(&st->w, s);
    }
    if (status_is_ok(status)) {
        st->w.now_ms += 15 * 60 * 1000;
        status = world_settle(&st->w);
    }
    bool struck = vfs_disk_dead(disk);
    if (!status_is_ok(status) && !struck) {
        return said(c, "crash in recovery", status_name(status));
    }
    tally->twice += struck;
    site_stop(s);
    vfs_store_crash(disk_of(s), VFS_MIXED);
    return true;
}

/* Off and on; at every second crash twice. */
static bool power_again(struct stage *st, struct site *s, const struct crash *c, struct tally *tally)
{
    site_stop(s);
    vfs_store_crash(disk_of(s), c->strike < VFS_OUTCOME_COUNT ? (enum vfs_outcome)c->strike : VFS_MIXED);
    if (c->io % 2 == 0 && !power_twice(st, s, c, tally)) {
        return false;
    }
    struct status status = vfs_store_reopen(disk_of(s));
    if (!status_is_ok(status)) {
        return said(c, "the store does not open", status_name(status));
    }
    if (disk_of(s)->violation) {
        return said(c, "store", disk_of(s)->violation);
    }
    status = site_start(&st->w, s);
    return status_is_ok(status) || said(c, "the core does not start", status_name(status));
}

static bool log_verifies(struct stage *st, struct site *s, const struct crash *c)
{
    struct stream_info *infos;
    struct fault fault = {0};
    size_t count;
    struct status status = status_ok();
    must(site_begin(&st->w, s));
    must(core_streams(s->core, &st->w.arena, &infos, &count));
    for (size_t i = 0; i < count && status_is_ok(status); i++) {
        uint64_t next = 0;
        status = core_verify(s->core, infos[i].number, 0, UINT64_MAX, &next, &fault);
    }
    core_rollback(s->core);
    return status_is_ok(status) || said(c, "the log does not verify", fault.what ? fault.what : status_name(status));
}

/* All that were acknowledged, or those that `at` itself acknowledged. */
static bool titles_are_there(struct stage *st, struct site *at, bool all, const struct crash *c)
{
    for (size_t i = 0; i < st->acked_count; i++) {
        if (!all && !node_id_equal(st->acked_by[i], at->id)) {
            continue;
        }
        size_t count = stage_count_title(st, at, st->acked[i]);
        if (count == 0) {
            return said(c, "an acknowledged title is lost", "");
        }
        if (count > 1 && st->acked[i] >= 900000) {
            return said(c, "a version of the row was captured twice", "");
        }
    }
    return true;
}

static bool goes_on(struct stage *st, const struct crash *c)
{
    st->w.now_ms += 15 * 60 * 1000;
    struct status status = world_settle(&st->w);
    if (!status_is_ok(status)) {
        return said(c, "the world does not settle", status_name(status));
    }
    status = c->script->play(st);
    if (!status_is_ok(status)) {
        return said(c, "played again", status_name(status));
    }
    status = world_settle(&st->w);
    if (!status_is_ok(status)) {
        return said(c, "the world does not settle in the end", status_name(status));
    }
    struct record_row row = site_row(&st->w, &st->w.hub, st->first);
    struct node_id owner = registry_scope_node(core_registry(st->w.hub.core), row.owner);
    struct site *holder = node_id_equal(owner, stage_a(st)->id) ? stage_a(st) : stage_b(st);
    if (!digests_equal(&st->w, holder, &st->w.hub, st->first)) {
        return said(c, "owner and hub differ", "");
    }
    return titles_are_there(st, &st->w.hub, true, c);
}

static void arm(struct vfs_store *store, const struct crash *c)
{
    struct vfs_faults *faults = vfs_disk_faults(store->disk);
    vfs_disk_count(store->disk);
    if (c->strike == STRIKE_ERROR) {
        faults->fail_at = c->io;
    } else if (c->strike == STRIKE_FULL) {
        faults->full_bytes = vfs_disk_bytes(store->disk) + c->io * 2048;
    } else {
        faults->crash_at = c->io;
    }
}

/* There is room again: the store goes on as it is, and had promised nothing that it did not keep. */
static bool room_again(struct site *s, const struct crash *c)
{
    vfs_disk_faults(disk_of(s)->disk)->full_bytes = 0;
    if (disk_of(s)->violation) {
        return said(c, "store", disk_of(s)->violation);
    }
    struct status status = disk_of(s)->store.ops->begin(&disk_of(s)->store);
    disk_of(s)->store.ops->rollback(&disk_of(s)->store);
    return status_is_ok(status) || said(c, "a full disk ended the store", status_name(status));
}

static void run_crash(const struct stage *base, const struct crash *c, struct tally *tally)
{
    struct stage st;
    stage_copy(base, memory_heap(), &disks, &st);
    struct site *s = target_of(&st, c);
    disk_of(s)->watch = true;
    vfs_store_judge_anew(disk_of(s));
    arm(disk_of(s), c);
    struct status status = c->script->play(&st);
    bool struck = vfs_disk_counts(disk_of(s)->disk)->faults > 0;
    bool good = true;
    tally->crashes += struck;
    if (!struck && !status_is_ok(status)) {
        good = said(c, "fails without a fault", status_name(status));
    }
    bool goes = c->strike == STRIKE_FULL && c->io % 2 == 1;
    good = good && (goes ? room_again(s, c) : power_again(&st, s, c, tally)) && log_verifies(&st, s, c);
    good = good && titles_are_there(&st, s, false, c) && goes_on(&st, c);
    tally->failures += !good;
    stage_drop(&st);
}

/* ---- all crashes of a script ---- */

static uint64_t count_ios(const struct stage *base, const struct script *script, bool at_hub)
{
    struct stage st;
    stage_copy(base, memory_heap(), &disks, &st);
    struct vfs_disk *disk = disk_of(at_hub ? &st.w.hub : stage_a(&st))->disk;
    vfs_disk_count(disk);
    must(script->play(&st));
    uint64_t ios = vfs_disk_counts(disk)->ios;
    stage_drop(&st);
    return ios;
}

static void base_of(const struct script *script, struct stage *out_base)
{
    stage_start(out_base, memory_heap(), &disks);
    script->prepare(out_base, &disks);
    must(world_settle(&out_base->w));
    site_stop(&out_base->w.hub);
    for (size_t i = 0; i < out_base->w.node_count; i++) {
        site_stop(&out_base->w.nodes[i]);
    }
}

/* At most `runs` crashes, spread evenly; the outcomes take turns, and the first I/O moves with `round`. */
static void run_script(const struct script *script, bool at_hub, uint64_t runs, struct tally *tally)
{
    struct stage base;
    base_of(script, &base);
    uint64_t ios = count_ios(&base, script, at_hub);
    uint64_t all = ios * STRIKE_COUNT;
    uint64_t step = all <= runs ? 1 : all / runs;
    struct tally before = *tally;
    for (uint64_t i = 0; i < all; i += step) {
        struct crash c = {script, at_hub, 1 + i / STRIKE_COUNT, (unsigned)(i % STRIKE_COUNT)};
        if (step > 1) { /* else a step that 7 divides would only ever see one of them */
            c.strike = (unsigned)(i / step % STRIKE_COUNT);
        }
        run_crash(&base, &c, tally);
    }
    printf("%-11s %-4s %5llu I/Os, %5llu crashes and faults, %4llu again in recovery, %llu failures\n", script->name,
           at_hub ? "hub" : "node", (unsigned long long)ios, (unsigned long long)(tally->crashes - before.crashes),
           (unsigned long long)(tally->twice - before.twice), (unsigned long long)(tally->failures - before.failures));
    fflush(stdout);
    world_release(&base.w);
}

static bool needs_hub(size_t i)
{
    return i < SCRIPT_COUNT && scripts[i].play != play_write && scripts[i].play != play_capture;
}

static void run_all(struct tally *tally)
{
    const char *text = getenv("CRASH_RUNS");
    uint64_t runs = text ? strtoull(text, NULL, 10) : 0;
    runs = runs > 0 ? runs : 100;
    for (size_t i = 0; i < SCRIPT_COUNT + DISK_SCRIPT_COUNT; i++) {
        run_script(script_at(i), false, runs, tally);
        if (needs_hub(i)) {
            run_script(script_at(i), true, runs, tally);
        }
    }
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    bool at_hub = argc > 2 && strcmp(argv[2], "hub") == 0;
    if (argc == 1) {
        run_all(&tally);
    }
    for (size_t i = 0; argc > 2 && i < SCRIPT_COUNT + DISK_SCRIPT_COUNT; i++) {
        if (strcmp(argv[1], script_at(i)->name) != 0) {
            continue;
        }
        if (argc == 3) {
            run_script(script_at(i), at_hub, UINT64_MAX, &tally);
        } else {
            struct stage base;
            struct crash c = {script_at(i), at_hub, strtoull(argv[3], NULL, 10), VFS_MIXED};
            c.strike = argc > 4 ? (unsigned)(strtoul(argv[4], NULL, 10) % STRIKE_COUNT) : VFS_MIXED;
            base_of(c.script, &base);
            run_crash(&base, &c, &tally);
            world_release(&base.w);
        }
    }
    printf("%llu crashes and faults, %llu of them twice, %llu failures\n", (unsigned long long)tally.crashes,
           (unsigned long long)tally.twice, (unsigned long long)tally.failures);
    return tally.crashes > 0 && tally.failures == 0 ? 0 : 1;
}
