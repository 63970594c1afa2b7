/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

#define FULL_CALLS 24 /* of a transaction, within which a full disk is met */

void site_init(struct world *w, uint32_t index, const char *name)
{
    struct site *s = &w->sites[index];
    *s = (struct site){.index = index, .is_hub = index == 0, .instance = (uint8_t)(index + 1), .keys = (uint8_t)(index + 1), .births = s->births + 1};
    must(w, node_id_parse(span_text(name), &s->id), "a node's name");
    stub_init(&s->stub, w->plan->seed, s->keys, w->plan->settings[SETTING_real] > 0);
    s->store = disk_new(w);
    for (size_t i = 0; i < EXCHANGE_COUNT; i++) {
        arena_init(&s->dialogue.exchanges[i].arena, w->memory, SIZE_MAX);
    }
    s->dialogue.hello_wanted = true;
}

void site_release(struct world *w, struct site *s)
{
    core_free(s->core);
    if (s->store) {
        s->store->ops->free(s->store);
    }
    if (s->backup) {
        s->backup->ops->free(s->backup);
    }
    for (size_t i = 0; i < EXCHANGE_COUNT; i++) {
        arena_release(&s->dialogue.exchanges[i].arena);
    }
    stub_release(&s->stub);
    s->core = NULL;
    s->store = s->backup = NULL;
    (void)w;
}

uint64_t site_now(const struct world *w, const struct site *s)
{
    int64_t drift = s->drift_ppm * (int64_t)((w->now_ms - s->drift_from) / 1000) / 1000;
    return (uint64_t)((int64_t)w->now_ms + s->clock_off_ms + drift);
}

/* ---- power ---- */

void site_crash(struct world *w, struct site *s, uint64_t ms)
{
    if (!s->core) {
        return;
    }
    TRACE(w, s, "power off for %llu ms", (unsigned long long)ms);
    SIM_MARK(w, site_crash);
    core_free(s->core);
    s->core = NULL;
    disk_crash(w, s);
    s->crash_calls = 0;
    peer_reset(w, s);
    for (size_t i = 0; i < SCREENS; i++) {
        s->screens[i].open = false;
    }
    for (uint32_t i = 1; s->is_hub && i < w->site_count; i++) {
        struct site *node = &w->sites[i];
        if (node->dialogue.poll) {
            message_free(w, node->dialogue.poll);
            node->dialogue.poll = NULL;
            struct event *event = world_put(w, w->now_ms + 1000, EVENT_TIMEOUT, i);
            event->number = EXCHANGE_PULL;
            event->serial = node->dialogue.exchanges[EXCHANGE_PULL].serial;
        }
    }
    (void)world_put(w, w->now_ms + ms, EVENT_START, s->index);
}

/* The armed call of the store has been reached: the power fails in the middle of whatever it was. */
static bool power_failed(struct world *w, struct site *s)
{
    if (!disk_lost_power(w, s)) {
        return false;
    }
    SIM_MARK(w, crash_in_commit);
    site_crash(w, s, 20000);
    return true;
}

/* The generation file beside the store (node/store/generation.c): a doubt lasts until the core ends it. */
static struct status doubt_kept(struct site *s, struct arena *arena)
{
    const struct span key = span_text(STORE_META_DOUBT);
    const struct pair pair = {.key = key, .value = {0}};
    struct span value;
    TRY(s->store->ops->begin(s->store));
    struct status status = s->doubt ? s->store->ops->put(s->store, STORE_META, &pair, 1) : status_ok();
    if (status_is_ok(status)) {
        status = s->store->ops->get(s->store, STORE_META, &key, 1, arena, &value);
    }
    if (!status_is_ok(status)) {
        s->store->ops->rollback(s->store);
        return status;
    }
    s->doubt = value.data != NULL;
    return s->store->ops->commit(s->store);
}

static struct status site_open(struct world *w, struct site *s)
{
    TRY(doubt_kept(s, &w->arena));
    struct core_options options = {.memory = w->memory,
                                   .crypto = &s->stub.crypto,
                                   .store = s->store,
                                   .deployment = span_text("sim"),
                                   .self = s->id,
                                   .hub = w->sites[0].id,
                                   .in_doubt = s->doubt};
    const struct crypto *hub = &w->sites[0].stub.crypto;
    memset(options.instance, s->instance, sizeof options.instance);
    TRY(hub->public_key(hub->owner, SIGN_LOG, &options.hub_log_key));
    TRY(hub->public_key(hub->owner, SIGN_COSIGNER, &options.hub_cosigner_key));
    TRY(core_new(&options, &s->core));
    s->clock_set_ms = w->now_ms;
    TRY(core_begin(s->core, site_now(w, s)));
    struct status status = core_open(s->core);
    if (status_is_ok(status) && s->legacy) {
        status = core_lane_open(s->core, CONNECTOR_LANE);
    }
    if (!status_is_ok(status)) {
        core_rollback(s->core);
        return status;
    }
    return core_commit(s->core);
}

void site_start(struct world *w, struct site *s)
{
    struct random random = random_from(w->plan->seed + s->index, w->now_ms);
    if (s->core || s->gone) {
        return;
    }
    if (s->crash_in_recovery) {
        s->crash_in_recovery = false;
        disk_fail(w, s, 1 + random_below(&random, 30));
    }
    struct status status = disk_up(w, s);
    if (status_is_ok(status)) {
        status = site_open(w, s);
    }
    disk_fail(w, s, 0);
    if (status.code == STATUS_IO || status.code == STATUS_UNKNOWN) {
        SIM_MARK(w, crash_in_recovery);
        TRACE(w, s, "power fails again while it starts");
        core_free(s->core);
        s->core = NULL;
        disk_crash(w, s);
        (void)world_put(w, w->now_ms + 5000, EVENT_START, s->index);
        return;
    }
    if (!status_is_ok(status)) {
        violation(w, "%.16s: its store does not open: %s", s->id.text, status_name(status));
    }
    TRACE(w, s, "starts%s", s->doubt ? ", in doubt about its store" : "");
    s->doubt = false;
    if (s->copy_of && core_is_ready(s->core)) {
        SIM_MARK(w, clone_wrote);
    }
    if (s->is_hub) {
        (void)world_put(w, w->now_ms + 1000, EVENT_OWED, 0);
        return;
    }
    s->dialogue.hello_wanted = true;
    peer_wake(w, s, 100);
    if (s->legacy) {
        s->legacy->known_generation = 0; /* a comparison comes first */
        connector_forget(s->legacy);
        connector_wake(w, s, 500);
    }
}

/* ---- transactions ---- */

bool site_begin(struct world *w, struct site *s)
{
    if (!s->core) {
        return false;
    }
    if (w->now_ms < s->full_until) {
        struct random random = random_from(w->now_ms, ++w->serial);
        disk_full(w, s, 2 + random_below(&random, FULL_CALLS));
    }
    struct status status = core_begin(s->core, site_now(w, s));
    if (status_is_ok(status)) {
        return true;
    }
    if (status.code != STATUS_IO && status.code != STATUS_BUSY) {
        violation(w, "%.16s: begin: %s", s->id.text, status_name(status));
    }
    if (!power_failed(w, s)) {
        SIM_MARK(w, store_failed);
        site_crash(w, s, 5000); /* the process ends itself and is started again */
    }
    return false;
}

static void store_calm(struct world *w, struct site *s)
{
    if (w->now_ms < s->full_until) {
        disk_calm(w, s);
    }
}

void site_roll_back(struct site *s)
{
    core_rollback(s->core);
}

/* Looks at what a commit has left, behind one of WATCH_EVERY. */
static void look(struct world *w, struct site *s)
{
    const struct record_id *saved;
    struct record_id ids[4];
    size_t count = 0;
    if (++w->commits % WATCH_EVERY != 0 || w->now_ms < s->full_until) {
        return;
    }
    core_saved(s->core, &saved, &count);
    count = count < 4 ? count : 4;
    if (count > 0) {
        memcpy(ids, saved, count * sizeof ids[0]);
    }
    if (site_begin(w, s)) {
        watch_site(w, s, ids, count);
        site_roll_back(s);
    }
}

struct status site_end(struct world *w, struct site *s, struct status status)
{
    if (!status_is_ok(status)) {
        core_rollback(s->core);
        if (!power_failed(w, s) && status.code == STATUS_IO) {
            SIM_MARK(w, store_failed);
        }
        store_calm(w, s);
        return status;
    }
    status = core_commit(s->core);
    if (status_is_ok(status)) {
        trace_mix(w, s->index, core_unacked(s->core));
        if (s->is_hub) {
            site_grown(w);
        } else if (s->legacy) {
            const struct record_id *ids;
            size_t count;
            core_saved(s->core, &ids, &count);
            connector_saved(s, ids, count);
        }
        (void)power_failed(w, s);
        if (s->core) {
            store_calm(w, s);
            look(w, s);
        }
        return status;
    }
    TRACE(w, s, "commit: %s", status_name(status));
    if (!power_failed(w, s)) {
        SIM_MARK(w, store_failed);
        site_crash(w, s, 5000);
    }
    return status;
}

static bool reads(const struct world *w, const struct site *s, struct scope_id scope)
{
    if (scope_id_equal(scope_of_node(s->id), scope)) {
        return true;
    }
    return s->is_province && !scope_id_equal(scope, scope_of_node(w->sites[0].id));
}

void site_grown(struct world *w)
{
    const struct scope_id *scopes = NULL;
    size_t count = 0;
    struct site *hub = &w->sites[0];
    must(w, core_grown(hub->core, &scopes, &count), "core_grown");
    bool all = core_registry_grown(hub->core);
    for (uint32_t i = 1; i < w->site_count; i++) {
        struct site *s = &w->sites[i];
        bool grown = all;
        for (size_t k = 0; k < count && !grown; k++) {
            grown = reads(w, s, scopes[k]);
        }
        if (grown && s->dialogue.poll) {
            net_poll_again(w, s);
        }
    }
}

/* ---- enrolment ---- */

static struct status enrol(struct core *core, struct site *s, struct node_id parent)
{
    struct public_key key;
    TRY(s->stub.crypto.public_key(s->stub.crypto.owner, SIGN_LOG, &key));
    struct registry_entry node = {.kind = KIND_REG_NODE,
                                  .node = s->id,
                                  .name = span_text("Kabupaten"),
                                  .institution = s->is_province ? INSTITUTION_PROVINCE : INSTITUTION_REGENCY,
                                  .parent = parent,
                                  .active = true};
    struct registry_entry epoch = {.kind = KIND_REG_EPOCH, .node = s->id, .epoch = 1};
    struct registry_entry log_key = {.kind = KIND_REG_KEY,
                                     .node = s->id,
                                     .epoch = 1,
                                     .key_use = KEY_LOG,
                                     .key = span_of(key.bytes, sizeof key.bytes),
                                     .active = true};
    struct registry_entry role = {.kind = KIND_REG_ROLE,
                                  .node = s->id,
                                  .roles = 1u << ROLE_CLERK | 1u << ROLE_ADMIN | 1u << ROLE_AUTOMATIC};
    TRY(core_registry_add(core, &node));
    TRY(core_registry_add(core, &epoch));
    TRY(core_registry_add(core, &log_key));
    return core_registry_add(core, &role);
}

void site_enrol(struct world *w, struct site *s)
{
    struct site *hub = &w->sites[0];
    struct node_id parent = {{0}};
    if (w->plan->settings[SETTING_province] && !s->is_province) {
        must(w, node_id_parse(span_text("64"), &parent), "a province's name");
    }
    if (!site_begin(w, hub)) {
        violation(w, "the hub takes no enrolment");
    }
    must(w, site_end(w, hub, enrol(hub->core, s, parent)), "enrolment");
}
