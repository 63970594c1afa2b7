/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "conflict/record_parts.h"

/* Void is decided by header, prev, ctx, grant and the registry at version `reg` alone (cuts: newest version held),
 * never by a body, by siblings or by the order of arrival (log.md, "Append and apply are two decisions"). */

#define KIND_BIT(kind) (1U << (unsigned)(kind))

static const uint32_t role_kinds[ROLE_COUNT] = {
    [ROLE_CLERK] = KIND_BIT(KIND_CREATE) | KIND_BIT(KIND_EDIT) | KIND_BIT(KIND_STALE_EDIT) | KIND_BIT(KIND_NOTE) |
                   KIND_BIT(KIND_ATTACH) | KIND_BIT(KIND_ERASED),
    [ROLE_ADMIN] = KIND_BIT(KIND_CREATE) | KIND_BIT(KIND_EDIT) | KIND_BIT(KIND_STALE_EDIT) | KIND_BIT(KIND_LOOSEN) |
                   KIND_BIT(KIND_NOTE) | KIND_BIT(KIND_ATTACH) | KIND_BIT(KIND_ERASE) | KIND_BIT(KIND_ERASED),
    [ROLE_NATIONAL] = KIND_BIT(KIND_CREATE) | KIND_BIT(KIND_EDIT) | KIND_BIT(KIND_STALE_EDIT) | KIND_BIT(KIND_LOOSEN) |
                      KIND_BIT(KIND_NOTE) | KIND_BIT(KIND_ATTACH) | KIND_BIT(KIND_ERASE) | KIND_BIT(KIND_ERASED) |
                      KIND_BIT(KIND_ROUTE),
    [ROLE_OMBUDSMAN] = KIND_BIT(KIND_EDIT) | KIND_BIT(KIND_NOTE) | KIND_BIT(KIND_ERASED),
    [ROLE_AUTOMATIC] = KIND_BIT(KIND_EDIT) | KIND_BIT(KIND_ERASED),
};

static bool is_hidden(uint32_t number)
{
    return number == REG_NOTE_HIDDEN || number == REG_ATTACH_HIDDEN;
}

static bool role_may_edit(enum role role, uint32_t number)
{
    const struct register_info *info = register_info(number);
    switch (role) {
    case ROLE_CLERK:
    case ROLE_AUTOMATIC:
        return number != REG_ASSIGN && !is_hidden(number) && !(info && info->hub_only);
    case ROLE_ADMIN:
        return !(info && info->hub_only);
    case ROLE_NATIONAL:
        return number != REG_ROUTE; /* written by the route leaf alone */
    case ROLE_OMBUDSMAN:
        return number == REG_STATUS;
    default:
        return false;
    }
}

bool record_role_may(enum role role, enum kind kind, uint32_t number)
{
    if (role <= ROLE_NONE || role >= ROLE_COUNT || kind <= KIND_NONE || kind > KIND_ROUTE ||
        (role_kinds[role] & KIND_BIT(kind)) == 0) {
        return false;
    }
    if (number == 0) {
        return true;
    }
    const struct register_info *info = register_info(number);
    switch (kind) {
    case KIND_EDIT:
    case KIND_STALE_EDIT:
        return role_may_edit(role, number);
    case KIND_LOOSEN:
        return number == REG_CONFIDENTIAL || number == REG_ANONYMOUS;
    case KIND_ROUTE:
        return number == REG_ROUTE;
    case KIND_CREATE:
    case KIND_NOTE:
    case KIND_ATTACH:
        return !(info && info->hub_only); /* what somebody makes he may fill in */
    default:
        return false;
    }
}

static bool is_hub(const struct registry *registry, struct node_id node)
{
    return node_id_equal(registry->hub, node);
}

static bool rights_fit(const struct header *header, bool hub)
{
    if (!record_role_may(header->role, header->kind, 0)) {
        return false;
    }
    if (header->kind == KIND_ROUTE && !hub) {
        return false;
    }
    for (size_t i = 0; i < header->register_count; i++) {
        const struct register_info *info = register_info(header->registers[i]);
        if (!record_role_may(header->role, header->kind, header->registers[i]) || (info && info->hub_only && !hub)) {
            return false;
        }
    }
    return true;
}

const char *change_void_reason(const struct change *change, const struct registry *registry)
{
    static const struct scope_id no_scope;
    const struct header *header = change->header;
    bool hub = is_hub(registry, header->node);
    struct stream_id stream = {.node = header->node, .epoch = header->epoch, .scope = header->scope};
    if (header->seq >= registry_cut(registry, stream)) {
        return "cut";
    }
    if (header->kind == KIND_CREATE && !change->binds) {
        return "binding";
    }
    if (!header_class_fits(header)) {
        return "class";
    }
    if (!registry_role_allowed(registry, header->reg, header->node, header->role)) {
        return "role";
    }
    if (!rights_fit(header, hub)) {
        return "rights";
    }
    if (!hub && !scope_id_equal(header->scope, scope_of_node(header->node))) {
        return "scope";
    }
    if (header->kind == KIND_ROUTE &&
        (header->target_count != 1 || scope_id_equal(header->targets[0].scope, no_scope))) {
        return "target";
    }
    return NULL;
}

/* The registry size of a leaf that is held. */
static uint64_t reg_of(const struct record *record, struct replica replica, uint64_t rseq)
{
    uint32_t index = record_replica_find(record, replica);
    if (index == UINT32_MAX) {
        return 0;
    }
    if (record->replicas[index].rseq == rseq) {
        return record->replicas[index].reg;
    }
    const struct history_entry *entry = record_entry(record, (struct dot_index){.replica = index, .rseq = rseq});
    return entry ? entry->reg : 0;
}

static bool reg_falls(const struct record *record, const struct header *header)
{
    if (header->rseq > 1 && header->reg < reg_of(record, header_replica(header), header->rseq - 1)) {
        return true;
    }
    if (header->has_grant && header->reg < reg_of(record, header->grant.replica, header->grant.rseq)) {
        return true;
    }
    for (size_t i = 0; i < header->ctx_count; i++) {
        if (header->reg < reg_of(record, header->ctx[i].replica, header->ctx[i].rseq)) {
            return true;
        }
    }
    return false;
}

const char *record_void_reason(const struct record *record, const struct change *change,
                               const struct registry *registry)
{
    const struct header *header = change->header;
    const char *why = change_void_reason(change, registry);
    if (why) {
        return why;
    }
    if (header->kind != KIND_CREATE && !is_hub(registry, header->node) && !node_id_equal(header->node, record->maker)) {
        struct dot_index grant = {.rseq = header->grant.rseq};
        if (header->has_grant) {
            grant.replica = record_replica_find(record, header->grant.replica);
        }
        if (!header->has_grant || !record_grants(record, grant, header->scope)) {
            return "grant";
        }
    }
    return reg_falls(record, header) ? "reg" : NULL;
}
