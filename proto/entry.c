/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/entry.h"

#include "proto/limits.h"
#include "proto/schema.h"

static const struct schema_field entry_fields[] = {
    SCHEMA_FIELD(1, SCHEMA_CODE, struct registry_entry, node, 0),
    SCHEMA_FIELD(2, SCHEMA_TEXT, struct registry_entry, name, LIMIT_ORIGIN_SIZE),
    SCHEMA_FIELD(3, SCHEMA_ENUM, struct registry_entry, institution, INSTITUTION_OTHER + 1),
    SCHEMA_FIELD(4, SCHEMA_CODE, struct registry_entry, parent, 0),
    SCHEMA_FIELD(5, SCHEMA_U32, struct registry_entry, epoch, 0),
    SCHEMA_FIELD(6, SCHEMA_ENUM, struct registry_entry, key_use, KEY_TLS + 1),
    SCHEMA_FIELD(7, SCHEMA_EXACT, struct registry_entry, key, 32),
    SCHEMA_FIELD(8, SCHEMA_U32, struct registry_entry, roles, 0),
    SCHEMA_FIELD(9, SCHEMA_CODE, struct registry_entry, scope, 0),
    SCHEMA_FIELD(10, SCHEMA_U64, struct registry_entry, size, 0),
    SCHEMA_FIELD(11, SCHEMA_U32, struct registry_entry, level, 0),
    SCHEMA_FIELD(12, SCHEMA_BOOL, struct registry_entry, active, 0),
};

static const struct schema_message entry_message = SCHEMA_TABLE(struct registry_entry, entry_fields);

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
    return schema_write(&entry_message, entry, LIMIT_FIELD_SIZE, arena, out_bytes);
}

struct status registry_entry_read(enum kind kind, struct span bytes, struct arena *arena,
                                  struct registry_entry *out_entry)
{
    if (bytes.size > LIMIT_FIELD_SIZE) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    struct registry_entry entry;
    TRY(schema_read(&entry_message, bytes, 0, arena, &entry));
    entry.kind = kind;
    if (!entry_is_complete(&entry)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_entry = entry;
    return status_ok();
}
