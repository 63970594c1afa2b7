/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/entry.h"

#include "proto/limits.h"
#include "proto/wire.h"
#include "schema/body.pb-c.h"

#define INSTITUTION_COUNT (INSTITUTION_OTHER + 1)
#define KEY_USE_COUNT (KEY_TLS + 1)
#define KEY_SIZE 32

static bool entry_is_complete(const struct registry_entry *e)
{
    bool node = e->node.text[0] != 0;
    switch (e->kind) {
    case KIND_EPOCH_OPEN:
        return e->epoch != 0;
    case KIND_REG_HUB:
        return node && e->name.size != 0;
    case KIND_REG_NODE:
        return node && e->institution != INSTITUTION_NONE;
    case KIND_REG_EPOCH:
        return node && e->epoch != 0;
    case KIND_REG_KEY:
        return node && e->key_use != KEY_NONE && e->key.size != 0;
    case KIND_REG_ROLE:
        return node;
    case KIND_REG_CUT:
        return node && e->epoch != 0 && e->scope.text[0] != 0;
    case KIND_REG_SETTINGS:
        return true;
    default:
        return false;
    }
}

struct status registry_entry_write(const struct registry_entry *entry, struct arena *arena, struct span *out_bytes)
{
    if (!entry_is_complete(entry)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct wire w;
    wire_init(&w, arena, SIZE_MAX);
    Simpul__RegistryEntry to;
    simpul__registry_entry__init(&to);
    to.node = wire_put_node(&w, entry->node);
    to.name = wire_put_text(&w, entry->name, LIMIT_ORIGIN_SIZE);
    to.institution = wire_put_enum(&w, entry->institution, INSTITUTION_COUNT);
    to.parent = wire_put_node(&w, entry->parent);
    to.epoch = entry->epoch;
    to.key_use = wire_put_enum(&w, entry->key_use, KEY_USE_COUNT);
    to.key = wire_put_exact(&w, entry->key, KEY_SIZE);
    to.roles = entry->roles;
    to.scope = wire_put_scope(&w, entry->scope);
    to.size = entry->size;
    to.level = entry->level;
    to.active = entry->active;
    return wire_pack(&w, &to.base, LIMIT_FIELD_SIZE, out_bytes);
}

struct status registry_entry_read(enum kind kind, struct span bytes, struct arena *arena,
                                  struct registry_entry *out_entry)
{
    if (bytes.size > LIMIT_FIELD_SIZE) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    struct wire w;
    wire_init(&w, arena, LIMIT_MESSAGE_MEMORY);
    const Simpul__RegistryEntry *from = wire_unpack(&w, &simpul__registry_entry__descriptor, bytes);
    TRY(wire_end(&w));
    struct registry_entry entry = {
        .kind = kind,
        .node = wire_get_node(&w, from->node),
        .name = wire_get_text(&w, from->name, LIMIT_ORIGIN_SIZE),
        .institution = (enum institution)wire_get_enum(&w, from->institution, INSTITUTION_COUNT),
        .parent = wire_get_node(&w, from->parent),
        .epoch = from->epoch,
        .key_use = (enum key_use)wire_get_enum(&w, from->key_use, KEY_USE_COUNT),
        .key = wire_get_exact(&w, from->key, KEY_SIZE),
        .roles = from->roles,
        .scope = wire_get_scope(&w, from->scope),
        .size = from->size,
        .level = from->level,
        .active = from->active,
    };
    TRY(wire_end(&w));
    if (!entry_is_complete(&entry)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_entry = entry;
    return status_ok();
}
