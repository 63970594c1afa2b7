/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

/* What the ministry's people do with a node in the registry: its key is renewed, it is switched off and taken in again. */

#define RENEWALS 2    /* numbers of key pairs that a site has in store */
#define KEYS_APART 43 /* between a site's key pairs */

bool registry_is_revoked(const struct world *w, const struct site *s)
{
    const struct site *named = s->copy_of ? s->copy_of : s;
    return named->revoked || named->perhaps_revoked || (named->readmitted_ms > 0 && w->now_ms < named->readmitted_ms + HOUR);
}

static bool has_copy(const struct world *w, const struct site *s)
{
    for (uint32_t i = 1; i < w->site_count; i++) {
        if (w->sites[i].copy_of == s && !w->sites[i].gone) {
            return true;
        }
    }
    return false;
}

static struct status say(struct world *w, const struct registry_entry *entry)
{
    struct site *hub = &w->sites[0];
    if (!site_begin(w, hub)) {
        return STATUS_MAKE(STATUS_IO);
    }
    return site_end(w, hub, core_registry_add(hub->core, entry));
}

/* The hub knows the new key before the node signs with it; the old one stays good for what it has signed. */
void registry_renew_key(struct world *w, struct site *s)
{
    struct stub next;
    struct public_key key;
    if (!s->core || s->hostile || s->revoked || s->renewals == RENEWALS || has_copy(w, s) || core_epoch(s->core) > 1) {
        return; /* README.md, "Open": a key of a later epoch, and an old copy that still pushes an earlier one */
    }
    stub_init(&next, w->plan->seed, (uint8_t)(s->keys + KEYS_APART), w->plan->settings[SETTING_real] > 0);
    must(w, next.crypto.public_key(&next, SIGN_LOG, &key), "key");
    stub_release(&next);
    struct registry_entry entry = {.kind = KIND_REG_KEY,
                                   .node = s->id,
                                   .epoch = core_epoch(s->core),
                                   .key_use = KEY_LOG,
                                   .key = span_of(key.bytes, sizeof key.bytes),
                                   .active = true};
    if (!status_is_ok(say(w, &entry))) {
        return; /* they try another day */
    }
    site_crash(w, s, MINUTE);
    stub_release(&s->stub);
    s->keys = (uint8_t)(s->keys + KEYS_APART);
    s->renewals++;
    stub_init(&s->stub, w->plan->seed, s->keys, w->plan->settings[SETTING_real] > 0);
    SIM_MARK(w, key_renewed);
    TRACE(w, s, "its key is renewed");
}

static struct status switch_to(struct world *w, const struct site *s, bool active)
{
    struct registry_entry entry = {.kind = KIND_REG_NODE, .node = s->id, .name = span_text("Kabupaten"), .active = active};
    const struct registry_node *node = registry_node(core_registry(w->sites[0].core), UINT64_MAX, s->id);
    entry.institution = node->institution;
    entry.parent = node->parent;
    return say(w, &entry);
}

/* For some hours or days; what its people write meanwhile waits. */
void registry_revoke(struct world *w, struct site *s, uint64_t pick)
{
    struct random random = {.state = pick};
    if (s->hostile || s->revoked || s->perhaps_revoked || !w->sites[0].core) {
        return;
    }
    struct status status = switch_to(w, s, false);
    if (!status_is_ok(status) && status.code != STATUS_UNKNOWN) {
        return;
    }
    s->revoked = status_is_ok(status);
    s->perhaps_revoked = !s->revoked;
    SIM_MARK(w, revoked);
    TRACE(w, s, "is %sswitched off at the hub", s->revoked ? "" : "perhaps ");
    (void)world_put(w, w->now_ms + HOUR + random_below(&random, 6 * DAY), EVENT_READMIT, s->index);
}

void registry_readmit(struct world *w, struct site *s)
{
    if (!s->revoked && !s->perhaps_revoked) {
        return;
    }
    if (!w->sites[0].core || !status_is_ok(switch_to(w, s, true))) {
        (void)world_put(w, w->now_ms + HOUR, EVENT_READMIT, s->index); /* said again */
        return;
    }
    s->revoked = s->perhaps_revoked = false;
    s->readmitted_ms = w->now_ms;
    SIM_MARK(w, readmitted);
    TRACE(w, s, "is taken in again");
}
