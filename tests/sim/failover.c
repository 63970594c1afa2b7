/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

/* The hub's store comes back as it was when it was copied: a backup after a broken disk, or a standby that was behind. What nodes
 * and hub wrote since is known to the nodes alone, as far as they hold it. They are whole: what two stores have lost, nobody
 * can give back, and log.md promises nothing. */

static const struct stream_info *stream_with(const struct stream_info *infos, size_t count, struct stream_id id)
{
    for (size_t i = 0; i < count; i++) {
        if (stream_id_equal(infos[i].id, id)) {
            return &infos[i];
        }
    }
    return NULL;
}

/* FORKED unless the node holds all of its own that the hub holds. */
static struct status holds_its_own(struct world *w, struct site *s, const struct stream_info *hub, size_t hub_count)
{
    struct stream_info *infos;
    struct wire_leaf here;
    struct wire_leaf there;
    size_t count = 0;
    TRY(core_streams(s->core, &w->arena, &infos, &count));
    for (size_t i = 0; i < hub_count; i++) {
        if (!node_id_equal(hub[i].id.node, s->id) || hub[i].size == 0) {
            continue;
        }
        const struct stream_info *own = stream_with(infos, count, hub[i].id);
        if (!own || own->size < hub[i].size) {
            return STATUS_MAKE(STATUS_FORKED);
        }
        TRY(core_leaf(s->core, own->number, hub[i].size - 1, &w->arena, &here));
        TRY(core_leaf(w->sites[0].core, hub[i].number, hub[i].size - 1, &w->arena, &there));
        if (!span_equal(here.leaf, there.leaf)) {
            return STATUS_MAKE(STATUS_FORKED);
        }
    }
    return status_ok();
}

static struct status nodes_are_whole(struct world *w)
{
    struct stream_info *hub;
    size_t count = 0;
    TRY(core_streams(w->sites[0].core, &w->arena, &hub, &count));
    for (uint32_t i = 1; i < w->site_count; i++) {
        struct site *s = &w->sites[i];
        if (s->copy_of ? !s->gone : !site_begin(w, s)) {
            return STATUS_MAKE(STATUS_FORKED);
        }
        if (!s->copy_of) {
            TRY(site_end(w, s, holds_its_own(w, s, hub, count)));
        }
    }
    return status_ok();
}

/* ---- what the nodes can give back ---- */

/* As a leaf of the hub's stream that the node reads: what a relay brought stands in a stream that it does not hold. */
static bool can_give_back(struct world *w, struct site *s, size_t edit)
{
    const struct edit *e = &w->oracle->edits[edit];
    const struct record *record = NULL;
    if (!status_is_ok(core_record(s->core, w->oracle->cases[e->record].id, &record))) {
        return false;
    }
    const struct record_register *reg = record_register_find(record, (struct part_id){{0}}, field_number(e->field));
    for (size_t i = 0; reg && i < reg->sibling_count; i++) {
        struct dot dot = record_dot(record, reg->siblings[i].dot);
        const struct history_entry *entry = record_history_find(record, dot.replica, dot.rseq);
        if (entry && !(entry->flags & HISTORY_RELAYED) && oracle_number(w, reg->number, reg->siblings[i].value) == edit) {
            return true;
        }
    }
    return false;
}

/* Of what the hub itself wrote since the copy, only that is certain which a reader holds. */
static void forget_unread(struct world *w)
{
    const struct site *hub = &w->sites[0];
    for (size_t edit = hub->backup_edits + 1; edit <= w->oracle->edit_count; edit++) {
        struct edit *e = &w->oracle->edits[edit];
        bool held = false;
        for (uint32_t i = 1; i < w->site_count && e->site == 0 && e->state == EDIT_WRITTEN && !held; i++) {
            struct site *s = &w->sites[i];
            if (!s->copy_of && site_begin(w, s)) {
                held = can_give_back(w, s, edit);
                site_roll_back(s);
            }
        }
        if (held) {
            SIM_MARK(w, failover_held);
        } else if (e->site == 0 && e->state == EDIT_WRITTEN) {
            e->state = EDIT_UNCERTAIN;
        }
    }
    for (size_t i = 0; i < w->oracle->case_count; i++) {
        struct complaint *c = &w->oracle->cases[i];
        c->unsure = c->unsure || (c->owner_count > 1 && c->owners[c->owner_count - 1].from_ms >= hub->backup_ms);
    }
}

void failover_begin(struct world *w)
{
    struct site *hub = &w->sites[0];
    if (!hub->backup || failover_lasts(w) || !site_begin(w, hub)) {
        return;
    }
    if (!status_is_ok(site_end(w, hub, nodes_are_whole(w))) || !hub->core) {
        return;
    }
    forget_unread(w);
    site_crash(w, hub, 5 * MINUTE);
    hub->store->ops->free(hub->store);
    hub->store = disk_copy(w, hub->backup);
    hub->cursor_count = 0;
    hub->doubt = true; /* the file beside the database, or the operator who promotes a standby, tells */
    w->failed_over = true;
    SIM_MARK(w, failover);
    TRACE(w, hub, "an old copy of its store comes back");
}

/* ---- how it ends ---- */

/* Everybody was heard, and a change of the hub's that others have seen is nowhere: a relay of it was read, its stream was not.
 * The hub writes no more until it gets a new epoch, which no program of ours makes yet (log.md, "by a ceremony"). */
static _Noreturn void is_lost(struct world *w)
{
    struct site *hub = &w->sites[0];
    if (core_doubt_end(hub->core).code != STATUS_FORKED) {
        violation(w, "the hub would write a number again that others have seen");
    }
    SIM_MARK(w, failover_lost);
    TRACE(w, hub, "lost what others have seen: the world ends here");
    world_stop(w);
}

static struct status hub_is_whole(struct world *w, bool *out_whole)
{
    struct core *hub = w->sites[0].core;
    struct stream_info *infos;
    struct node_id *missing;
    size_t count = 0;
    size_t silent = 0;
    bool lost = false;
    TRY(core_doubt(hub, &w->arena, &missing, &silent));
    TRY(core_doubt_lost(hub, &lost));
    if (lost && silent == 0) {
        is_lost(w);
    }
    TRY(core_streams(hub, &w->arena, &infos, &count));
    bool whole = silent == 0 && !lost;
    for (size_t i = 0; i < w->oracle->accepted_count && whole; i++) {
        const struct stream_info *held = stream_with(infos, count, w->oracle->accepted[i].stream);
        whole = held && held->size >= w->oracle->accepted[i].size;
    }
    *out_whole = whole;
    return status_ok();
}

bool failover_lasts(struct world *w)
{
    struct site *hub = &w->sites[0];
    bool whole = false;
    if (!w->failed_over || !site_begin(w, hub)) {
        return w->failed_over;
    }
    struct status status = hub_is_whole(w, &whole);
    if (!status_is_ok(status)) {
        status = site_end(w, hub, status); /* an armed failure hits whoever comes first */
        return true;
    }
    site_roll_back(hub);
    w->failed_over = !whole;
    return w->failed_over;
}
