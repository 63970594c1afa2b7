/* SPDX-License-Identifier: Apache-2.0 */
#include "conflict/registry.h"

#include <assert.h>
#include <string.h>

#include "conflict/array.h"

void registry_init(struct registry *registry, struct arena *arena)
{
    *registry = (struct registry){.arena = arena};
}

/* Index of the first node with an id not below `id`. */
static size_t node_place(const struct registry *registry, struct node_id id)
{
    size_t low = 0;
    size_t high = registry->node_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (node_id_compare(registry->nodes[middle].id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct registry_node *node_find(const struct registry *registry, struct node_id id)
{
    size_t place = node_place(registry, id);
    if (place == registry->node_count || !node_id_equal(registry->nodes[place].id, id)) {
        return NULL;
    }
    return &registry->nodes[place];
}

static struct status node_insert(struct registry *registry, struct node_id id, struct registry_node **out_node)
{
    size_t place = node_place(registry, id);
    TRY(ARRAY_RESERVE(registry->arena, registry->nodes, registry->node_count, registry->node_capacity, 1));
    struct registry_node *at = &registry->nodes[place];
    memmove(at + 1, at, (registry->node_count - place) * sizeof *at);
    registry->node_count++;
    *at = (struct registry_node){.id = id, .at = registry->size + 1, .active = true};
    *out_node = at;
    return status_ok();
}

static struct status apply_hub(struct registry *registry, const struct registry_entry *entry)
{
    static const struct node_id none;
    if (node_id_equal(entry->node, none) || !node_id_equal(registry->hub, none)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct span deployment;
    TRY(arena_copy(registry->arena, entry->name, &deployment));
    struct registry_node *node = node_find(registry, entry->node);
    if (!node) {
        TRY(node_insert(registry, entry->node, &node));
    }
    node->institution = INSTITUTION_HUB;
    registry->hub = entry->node;
    registry->deployment = deployment;
    return status_ok();
}

static struct status apply_node(struct registry *registry, const struct registry_entry *entry)
{
    static const struct node_id none;
    if (node_id_equal(entry->node, none)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct span name;
    TRY(arena_copy(registry->arena, entry->name, &name));
    struct registry_node *node = node_find(registry, entry->node);
    if (!node) {
        TRY(node_insert(registry, entry->node, &node));
    }
    node->institution = entry->institution;
    node->parent = entry->parent;
    node->name = name;
    node->active = entry->active;
    return status_ok();
}

static struct status apply_epoch(struct registry *registry, struct registry_node *node,
                                 const struct registry_entry *entry)
{
    if (entry->epoch == 0 || (entry->epoch != 1 && entry->epoch <= registry_epoch_max(registry, node->id))) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    TRY(ARRAY_RESERVE(registry->arena, node->epochs, node->epoch_count, node->epoch_capacity, 1));
    node->epochs[node->epoch_count++] =
        (struct registry_epoch){.at = registry->size + 1, .epoch = entry->epoch, .closed_size = entry->size};
    return status_ok();
}

static struct status apply_key(struct registry *registry, struct registry_node *node,
                               const struct registry_entry *entry)
{
    if (entry->key.size != 32 || entry->key_use == KEY_NONE) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    TRY(ARRAY_RESERVE(registry->arena, node->keys, node->key_count, node->key_capacity, 1));
    for (size_t i = 0; i < node->key_count; i++) {
        struct registry_key *key = &node->keys[i];
        if (key->use == entry->key_use && memcmp(key->key, entry->key.data, sizeof key->key) == 0) {
            key->active = false; /* the newest statement about a key counts */
        }
    }
    struct registry_key *key = &node->keys[node->key_count++];
    *key = (struct registry_key){
        .at = registry->size + 1, .use = entry->key_use, .epoch = entry->epoch, .active = entry->active};
    memcpy(key->key, entry->key.data, sizeof key->key);
    return status_ok();
}

static struct status apply_role(struct registry *registry, struct registry_node *node,
                                const struct registry_entry *entry)
{
    TRY(ARRAY_RESERVE(registry->arena, node->roles, node->role_count, node->role_capacity, 1));
    node->roles[node->role_count++] = (struct registry_role){.at = registry->size + 1, .roles = entry->roles};
    return status_ok();
}

static struct status apply_cut(struct registry *registry, const struct registry_entry *entry)
{
    TRY(ARRAY_RESERVE(registry->arena, registry->cuts, registry->cut_count, registry->cut_capacity, 1));
    registry->cuts[registry->cut_count++] =
        (struct registry_cut){.at = registry->size + 1,
                              .stream = {.node = entry->node, .epoch = entry->epoch, .scope = entry->scope},
                              .size = entry->size};
    return status_ok();
}

static struct status apply_settings(struct registry *registry, const struct registry_entry *entry)
{
    if (entry->level < registry->level) {
        return STATUS_MAKE(STATUS_INVALID); /* what was opened stays open */
    }
    registry->level = entry->level;
    if (entry->level > REGISTRY_LEVEL_KNOWN && registry->unknown_at == 0) {
        registry->unknown_at = registry->size + 1;
    }
    return status_ok();
}

static struct status apply_of_node(struct registry *registry, const struct registry_entry *entry)
{
    struct registry_node *node = node_find(registry, entry->node);
    if (!node) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    switch (entry->kind) {
    case KIND_REG_EPOCH:
        return apply_epoch(registry, node, entry);
    case KIND_REG_KEY:
        return apply_key(registry, node, entry);
    case KIND_REG_ROLE:
        return apply_role(registry, node, entry);
    default:
        return apply_cut(registry, entry);
    }
}

static struct status apply_entry(struct registry *registry, const struct registry_entry *entry)
{
    switch (entry->kind) {
    case KIND_REG_HUB:
        return apply_hub(registry, entry);
    case KIND_REG_NODE:
        return apply_node(registry, entry);
    case KIND_REG_SETTINGS:
        return apply_settings(registry, entry);
    case KIND_REG_EPOCH:
    case KIND_REG_KEY:
    case KIND_REG_ROLE:
    case KIND_REG_CUT:
        return apply_of_node(registry, entry);
    default:
        return STATUS_MAKE(STATUS_INVALID);
    }
}

struct status registry_apply(struct registry *registry, const struct registry_entry *entry)
{
    struct status status = apply_entry(registry, entry);
    if (status.code != STATUS_NO_MEMORY) {
        registry->size++;
    }
    return status;
}

const struct registry_node *registry_node(const struct registry *registry, uint64_t at, struct node_id id)
{
    const struct registry_node *node = node_find(registry, id);
    return node && node->at <= at ? node : NULL;
}

bool registry_role_allowed(const struct registry *registry, uint64_t at, struct node_id node, enum role role)
{
    const struct registry_node *found = registry_node(registry, at, node);
    if (!found || role <= ROLE_NONE || role >= ROLE_COUNT) {
        return false;
    }
    for (size_t i = found->role_count; i > 0; i--) {
        if (found->roles[i - 1].at <= at) {
            return (found->roles[i - 1].roles >> (unsigned)role & 1U) != 0;
        }
    }
    return false;
}

bool registry_epoch_known(const struct registry *registry, uint64_t at, struct node_id node, uint32_t epoch)
{
    const struct registry_node *found = registry_node(registry, at, node);
    if (!found) {
        return false;
    }
    for (size_t i = 0; i < found->epoch_count; i++) {
        if (found->epochs[i].epoch == epoch && found->epochs[i].at <= at) {
            return true;
        }
    }
    return epoch == 1;
}

uint32_t registry_epoch_max(const struct registry *registry, struct node_id node)
{
    const struct registry_node *found = node_find(registry, node);
    if (!found) {
        return 0;
    }
    uint32_t max = 1;
    for (size_t i = 0; i < found->epoch_count; i++) {
        max = found->epochs[i].epoch > max ? found->epochs[i].epoch : max;
    }
    return max;
}

static bool key_serves(const struct registry_key *key, enum key_use use, uint32_t epoch)
{
    return key->active && key->use == use && (use != KEY_LOG || key->epoch <= epoch);
}

struct status registry_key_nth(const struct registry *registry, struct node_id node, enum key_use use, uint32_t epoch,
                               size_t nth, uint8_t out_key[32])
{
    const struct registry_node *found = node_find(registry, node);
    uint32_t newest = 0;
    for (size_t i = 0; found && i < found->key_count; i++) {
        const struct registry_key *key = &found->keys[i];
        newest = key_serves(key, use, epoch) && key->epoch > newest ? key->epoch : newest;
    }
    for (size_t i = found ? found->key_count : 0; i > 0; i--) {
        const struct registry_key *key = &found->keys[i - 1];
        bool chosen = key_serves(key, use, epoch) && (use != KEY_LOG || key->epoch == newest);
        if (chosen && nth-- == 0) {
            memcpy(out_key, key->key, sizeof key->key);
            return status_ok();
        }
    }
    return STATUS_MAKE(STATUS_NOT_FOUND);
}

struct status registry_key(const struct registry *registry, struct node_id node, enum key_use use, uint32_t epoch,
                           uint8_t out_key[32])
{
    return registry_key_nth(registry, node, use, epoch, 0, out_key);
}

uint64_t registry_cut(const struct registry *registry, struct stream_id stream)
{
    uint64_t smallest = UINT64_MAX;
    for (size_t i = 0; i < registry->cut_count; i++) {
        const struct registry_cut *cut = &registry->cuts[i];
        if (cut->size < smallest && stream_id_equal(cut->stream, stream)) {
            smallest = cut->size;
        }
    }
    return smallest;
}

struct node_id registry_scope_node(const struct registry *registry, struct scope_id scope)
{
    struct node_id id;
    memcpy(id.text, scope.text, sizeof id.text);
    const struct registry_node *node = node_find(registry, id);
    return node && node->institution != INSTITUTION_PROVINCE ? id : (struct node_id){{0}};
}

bool registry_is_province_of(const struct registry *registry, struct node_id node, struct scope_id scope)
{
    static const struct node_id none;
    struct node_id id;
    memcpy(id.text, scope.text, sizeof id.text);
    const struct registry_node *found = node_find(registry, id);
    return found && !node_id_equal(node, none) && node_id_equal(found->parent, node);
}
