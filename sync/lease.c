/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* Who writes as this node (log.md, "Hello, at every start"). STORE_META: "lease/" node -> the lease given last, the one
 * before, instance, be64 last heard, u8 used. Every hello gets a fresh lease, so that a copy of the store that says hello
 * takes nothing silently: the other's next push is refused, and neither then gets one without silence or a person. The one
 * before is good for hello while the last was never used: its answer may have been lost. */

#define LEASE_SIZE 16

struct lease {
    bool exists;
    uint8_t token[LEASE_SIZE], before[LEASE_SIZE], instance[16];
    uint64_t heard_ms;
    bool used;
};

static void lease_key(uint8_t key[22], struct node_id node)
{
    memcpy(key, "lease/", 6);
    memcpy(key + 6, node.text, sizeof node.text);
}

static struct status lease_load(struct core *core, struct node_id node, struct lease *out_lease)
{
    uint8_t key[22];
    struct span value;
    struct reader r;
    struct lease lease = {.exists = false};
    lease_key(key, node);
    TRY(store_get_one(core->store, STORE_META, span_of(key, sizeof key), &core->scratch, &value));
    if (value.data) {
        reader_init(&r, value);
        struct span bytes = reader_bytes(&r, LEASE_SIZE * 2 + sizeof lease.instance);
        lease.heard_ms = reader_be64(&r);
        lease.used = reader_u8(&r) != 0;
        TRY(reader_end(&r));
        lease.exists = true;
        memcpy(lease.token, bytes.data, LEASE_SIZE);
        memcpy(lease.before, bytes.data + LEASE_SIZE, LEASE_SIZE);
        memcpy(lease.instance, bytes.data + 2 * LEASE_SIZE, sizeof lease.instance);
    }
    *out_lease = lease;
    return status_ok();
}

static struct status lease_save(struct core *core, struct node_id node, const struct lease *lease)
{
    uint8_t key[22];
    struct buffer b;
    struct span value;
    lease_key(key, node);
    buffer_init(&b, &core->scratch);
    buffer_add(&b, lease->token, LEASE_SIZE);
    buffer_add(&b, lease->before, LEASE_SIZE);
    buffer_add(&b, lease->instance, sizeof lease->instance);
    buffer_add_be64(&b, lease->heard_ms);
    buffer_add_u8(&b, lease->used);
    TRY(buffer_end(&b, &value));
    return store_put_one(core->store, STORE_META, span_of(key, sizeof key), value);
}

static bool lease_is(const uint8_t token[LEASE_SIZE], struct span lease)
{
    return lease.size == LEASE_SIZE && memcmp(token, lease.data, LEASE_SIZE) == 0;
}

struct status lease_check(struct core *core, struct node_id node, struct span lease, uint64_t touch_ms, bool *out_valid)
{
    struct lease held;
    TRY(lease_load(core, node, &held));
    bool valid = held.exists && lease_is(held.token, lease);
    if (valid && (!held.used || core->now_ms > held.heard_ms + touch_ms)) {
        held.used = true;
        held.heard_ms = core->now_ms;
        TRY(lease_save(core, node, &held));
    }
    *out_valid = valid;
    return status_ok();
}

/* Given: retry 0 and a lease. Refused: an empty lease; retry_ms 0 means that a person must say takeover. */
struct status lease_give(struct core *core, const struct hello *hello, struct arena *arena, struct span *out_lease,
                         uint64_t *out_retry_ms)
{
    struct lease held;
    TRY(lease_load(core, hello->node, &held));
    bool same = memcmp(held.instance, hello->instance, sizeof held.instance) == 0;
    /* heard in the future: the hub's clock was wrong then, and must not keep a node waiting for years */
    bool silent = core->now_ms >= held.heard_ms + LIMIT_LEASE_SILENT_MS || held.heard_ms > core->now_ms + LIMIT_LEASE_SILENT_MS;
    silent = silent || core->in_doubt; /* a hub that is an older copy knows older leases than its nodes */
    bool holds = lease_is(held.token, hello->lease) || (!held.used && lease_is(held.before, hello->lease));
    if (held.exists && !hello->takeover && !(same && (silent || holds))) {
        *out_lease = (struct span){0};
        *out_retry_ms = same ? held.heard_ms + LIMIT_LEASE_SILENT_MS - core->now_ms : 0;
        return status_ok();
    }
    struct lease given = {.exists = true, .heard_ms = core->now_ms};
    core->crypto->random(core->crypto->owner, given.token, LEASE_SIZE);
    memcpy(given.instance, hello->instance, sizeof given.instance);
    if (hello->lease.size == LEASE_SIZE) {
        memcpy(given.before, hello->lease.data, LEASE_SIZE);
    }
    TRY(lease_save(core, hello->node, &given));
    *out_retry_ms = 0;
    return arena_copy(arena, span_of(given.token, LEASE_SIZE), out_lease);
}
