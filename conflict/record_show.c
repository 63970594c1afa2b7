/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "conflict/array.h"
#include "conflict/record_parts.h"
#include "conflict/workflow.h"

/* What is shown while siblings differ: a total order over siblings, never a local clock, locale or roster. */

static const uint8_t flag_true[] = {0x08, 0x01};

uint64_t value_first_number(struct span value)
{
    if (value.size < 2 || value.data[0] != 0x08) {
        return 0;
    }
    uint64_t number = 0;
    for (size_t i = 1; i < value.size && i <= 10; i++) {
        number |= (uint64_t)(value.data[i] & 0x7fU) << (7 * (i - 1));
        if ((value.data[i] & 0x80U) == 0) {
            break;
        }
    }
    return number;
}

/* FNV-1a. Says only whether two values of one register are the same text; who could forge equality could as well write
 * the same text. Never 0, which stands for unknown. */
uint64_t value_fingerprint(struct span value)
{
    uint64_t hash = 0xcbf29ce484222325U ^ value.size;
    for (size_t i = 0; i < value.size; i++) {
        hash = (hash ^ value.data[i]) * 0x100000001b3U;
    }
    return hash == 0 ? 1 : hash;
}

static bool is_readable(const struct sibling *sibling)
{
    return (sibling->flags & (SIBLING_ERASED | SIBLING_MISSING)) == 0;
}

uint64_t record_effective_ms(const struct record *record, const struct sibling *sibling)
{
    uint64_t stamp = sibling->hlc >> 16;
    for (size_t i = 0; i < record->clamp_count; i++) {
        const struct clamp *clamp = &record->clamps[i];
        if (dot_index_equal(clamp->dot, sibling->dot) && clamp->accepted_ms <= UINT64_MAX - LIMIT_CLAMP_MS &&
            clamp->accepted_ms + LIMIT_CLAMP_MS < stamp) {
            stamp = clamp->accepted_ms + LIMIT_CLAMP_MS;
        }
    }
    return stamp;
}

/* Authority: national, regency admin, clerk, automatic; the Ombudsman stands beside the hub. Smaller wins. */
static int authority(enum role role, enum show_policy policy)
{
    static const int hub_first[ROLE_COUNT] = {
        [ROLE_NONE] = 9,  [ROLE_NATIONAL] = 0,  [ROLE_OMBUDSMAN] = 1, [ROLE_ADMIN] = 2,
        [ROLE_CLERK] = 3, [ROLE_AUTOMATIC] = 4, [ROLE_PROVINCE] = 5,  [ROLE_AUDITOR] = 6,
    };
    static const int regency_first[ROLE_COUNT] = {
        [ROLE_NONE] = 9,      [ROLE_ADMIN] = 0,     [ROLE_CLERK] = 1,    [ROLE_NATIONAL] = 2,
        [ROLE_OMBUDSMAN] = 3, [ROLE_AUTOMATIC] = 4, [ROLE_PROVINCE] = 5, [ROLE_AUDITOR] = 6,
    };
    if (policy == SHOW_TIME || (unsigned)role >= ROLE_COUNT) {
        return 0;
    }
    return policy == SHOW_REGENCY_FIRST ? regency_first[role] : hub_first[role];
}

static int status_rank(const struct sibling *sibling)
{
    uint64_t status = value_first_number(sibling->value);
    return workflow_rank(status < COMPLAINT_STATUS_COUNT ? (enum complaint_status)status : COMPLAINT_NONE);
}

/* Negative if a is shown before b. An erased value loses to any readable one; a stale form to anything else; a program
 * to any person. On the path of the workflow the furthest status is also the one of the smallest rank. */
static int shown_order(const struct record *record, enum show_policy policy, const struct sibling *a,
                       const struct sibling *b)
{
    int order = (is_readable(b) ? 1 : 0) - (is_readable(a) ? 1 : 0);
    if (order == 0) {
        order = (int)(a->flags & SIBLING_STALE) - (int)(b->flags & SIBLING_STALE);
    }
    if (order == 0) {
        order = (a->role == ROLE_AUTOMATIC ? 1 : 0) - (b->role == ROLE_AUTOMATIC ? 1 : 0);
    }
    if (order == 0 && policy == SHOW_STATUS) {
        order = status_rank(a) - status_rank(b);
    }
    if (order == 0) {
        order = authority(a->role, policy) - authority(b->role, policy);
    }
    if (order == 0) {
        uint64_t ta = record_effective_ms(record, a);
        uint64_t tb = record_effective_ms(record, b);
        order = ta > tb ? -1 : ta < tb ? 1 : 0;
    }
    return order != 0 ? order : -memcmp(a->hash.bytes, b->hash.bytes, sizeof a->hash.bytes);
}

static size_t shown_first(const struct record *record, const struct record_register *at, enum show_policy policy)
{
    size_t best = 0;
    for (size_t i = 1; i < at->sibling_count; i++) {
        if (shown_order(record, policy, &at->siblings[i], &at->siblings[best]) < 0) {
            best = i;
        }
    }
    return best;
}

static enum show_policy policy_of(uint32_t number)
{
    const struct register_info *info = register_info(number);
    return info ? info->show : SHOW_TIME;
}

/* ---- conflicts ---- */

static uint64_t fingerprint_of(const struct sibling *sibling)
{
    return (sibling->flags & SIBLING_MISSING) != 0 ? sibling->fingerprint : value_fingerprint(sibling->value);
}

/* An erased value differs from nothing: nobody can compare it. One that is not held may differ. */
static bool siblings_differ(const struct sibling *a, const struct sibling *b)
{
    if (((a->flags | b->flags) & SIBLING_ERASED) != 0) {
        return false;
    }
    if (is_readable(a) && is_readable(b)) {
        return !span_equal(a->value, b->value);
    }
    uint64_t print = fingerprint_of(a);
    return print == 0 || print != fingerprint_of(b);
}

static bool register_differs(const struct record_register *at)
{
    const struct sibling *first = NULL;
    for (size_t i = 0; i < at->sibling_count; i++) {
        if ((at->siblings[i].flags & SIBLING_ERASED) != 0) {
            continue;
        }
        if (first && siblings_differ(first, &at->siblings[i])) {
            return true;
        }
        first = first ? first : &at->siblings[i];
    }
    return false;
}

static bool status_leaves_path(const struct record_register *at)
{
    for (size_t i = 0; i < at->sibling_count; i++) {
        uint64_t status = value_first_number(at->siblings[i].value);
        if (!is_readable(&at->siblings[i]) || status >= COMPLAINT_STATUS_COUNT ||
            workflow_path_place((enum complaint_status)status) < 0) {
            return true;
        }
    }
    return false;
}

/* ---- presence ---- */

static bool is_withdrawal(const struct record *record, const struct sibling *sibling)
{
    return is_readable(sibling) && value_first_number(sibling->value) == 1 && !record_is_late(record, sibling);
}

/* Withdrawn counts only if its ctx covers all siblings and parts of the record; another withdrawal does not stand
 * against it. */
static bool withdrawal_counts(const struct record *record, const struct sibling *withdrawal)
{
    for (size_t i = 0; i < record->register_count; i++) {
        const struct record_register *at = &record->registers[i];
        bool own = at->number == REG_PRESENCE && part_id_is_none(at->part);
        for (size_t j = 0; j < at->sibling_count; j++) {
            const struct sibling *other = &at->siblings[j];
            if (dot_index_equal(other->dot, withdrawal->dot) || (own && is_withdrawal(record, other))) {
                continue;
            }
            if (!ctx_covers(withdrawal->ctx, withdrawal->ctx_count, other->dot)) {
                return false;
            }
        }
    }
    return true;
}

/* Index of the withdrawal that counts, SIZE_MAX if none does. Of several the first in showing order. */
static size_t presence_withdrawn(const struct record *record, const struct record_register *at)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < at->sibling_count; i++) {
        const struct sibling *sibling = &at->siblings[i];
        if (is_withdrawal(record, sibling) && withdrawal_counts(record, sibling) &&
            (best == SIZE_MAX || shown_order(record, SHOW_PRESENCE, sibling, &at->siblings[best]) < 0)) {
            best = i;
        }
    }
    return best;
}

/* Some sibling wants the record gone, but the record stays. */
static bool presence_disputed(const struct record *record, const struct record_register *at)
{
    if (presence_withdrawn(record, at) != SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < at->sibling_count; i++) {
        if (is_withdrawal(record, &at->siblings[i])) {
            return true;
        }
    }
    return false;
}

static void show_presence(const struct record *record, const struct record_register *at, struct shown *shown)
{
    size_t withdrawn = presence_withdrawn(record, at);
    if (withdrawn != SIZE_MAX) {
        shown->sibling = withdrawn;
        shown->value = at->siblings[withdrawn].value;
        return;
    }
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < at->sibling_count; i++) {
        const struct sibling *sibling = &at->siblings[i];
        if (is_readable(sibling) && value_first_number(sibling->value) == 0 &&
            (best == SIZE_MAX || shown_order(record, SHOW_PRESENCE, sibling, &at->siblings[best]) < 0)) {
            best = i;
        }
    }
    shown->sibling = best;
    shown->value = best == SIZE_MAX ? (struct span){0} : at->siblings[best].value; /* empty says present */
}

/* ---- flags and unions ---- */

static bool flag_is_strict(const struct record *record, const struct sibling *sibling)
{
    return value_first_number(sibling->value) != 0 || record_is_late(record, sibling);
}

/* True if any sibling is true, a late loosen counts as true, absent is true. */
static void show_strict(const struct record *record, const struct record_register *at, struct shown *shown)
{
    bool strict = !at || at->sibling_count == 0;
    for (size_t i = 0; at && i < at->sibling_count; i++) {
        strict = strict || flag_is_strict(record, &at->siblings[i]);
    }
    shown->present = true;
    shown->readable = true;
    shown->value = strict ? span_of(flag_true, sizeof flag_true) : (struct span){0};
    shown->sibling = at && at->sibling_count == 1 && span_equal(at->siblings[0].value, shown->value) ? 0 : SIZE_MAX;
}

/* A sibling whose bytes are no set adds nothing: a body is foreign, and one bad one must not hide the others. */
static struct status show_union(const struct record_register *at, struct arena *arena, struct shown *shown)
{
    size_t joined = 0;
    bool readable = true;
    for (size_t i = 0; i < at->sibling_count; i++) {
        struct span value = at->siblings[i].value;
        struct value set;
        if (!is_readable(&at->siblings[i])) {
            readable = false; /* the union is not known: nothing may be written back from it */
            continue;
        }
        struct status status = value_read(VALUE_REFS, value, arena, &set);
        if (status_is_ok(status) && joined > 0) {
            status = value_refs_union(shown->value, value, arena, &value);
        }
        if (status.code == STATUS_NO_MEMORY) {
            return status;
        }
        if (status_is_ok(status)) {
            shown->value = value;
            shown->sibling = joined++ == 0 ? i : SIZE_MAX;
        }
    }
    shown->readable = readable;
    return status_ok();
}

/* ---- conflict items ---- */

static bool is_flag(uint32_t number)
{
    return number == REG_CONFIDENTIAL || number == REG_ANONYMOUS;
}

static bool has_late_wish(const struct record *record, const struct record_register *at)
{
    if (!is_flag(at->number) && at->number != REG_PRESENCE) {
        return false;
    }
    for (size_t i = 0; i < at->sibling_count; i++) {
        const struct sibling *sibling = &at->siblings[i];
        bool wish = is_flag(at->number) ? sibling->kind == KIND_LOOSEN : value_first_number(sibling->value) == 1;
        if (wish && is_readable(sibling) && record_is_late(record, sibling)) {
            return true;
        }
    }
    return false;
}

static bool has_odd_ombudsman(const struct record_register *at)
{
    for (size_t i = 0; at->number == REG_STATUS && i < at->sibling_count; i++) {
        if (at->siblings[i].role == ROLE_OMBUDSMAN && is_readable(&at->siblings[i]) &&
            value_first_number(at->siblings[i].value) != COMPLAINT_ESKALASI_OMBUDSMAN) {
            return true;
        }
    }
    return false;
}

/* Siblings with different values, as far as the register knows such a thing. */
static bool is_conflict(const struct record *record, const struct record_register *at, bool *out_person)
{
    const struct register_info *info = register_info(at->number);
    enum person_policy person = info ? info->person : PERSON_INFORMS;
    bool presence = at->number == REG_PRESENCE && part_id_is_none(at->part);
    if (person == PERSON_NEVER || at->sibling_count == 0 || (at->sibling_count == 1 && !presence)) {
        return false;
    }
    if (!register_differs(at) && !(presence && presence_disputed(record, at))) {
        return false;
    }
    if (person == PERSON_PATH && !status_leaves_path(at)) {
        return false;
    }
    *out_person = person == PERSON_ALWAYS || person == PERSON_PATH;
    return true;
}

static bool item_of(const struct record *record, const struct record_register *at, struct conflict_item *item)
{
    *item = (struct conflict_item){.part = at->part, .number = at->number, .sibling_count = at->sibling_count};
    if (is_conflict(record, at, &item->person)) {
        item->reason = CONFLICT_DIFFERS;
        return true;
    }
    if (has_late_wish(record, at)) {
        item->reason = CONFLICT_LATE;
        item->person = true;
        return true;
    }
    item->reason = CONFLICT_OMBUDSMAN;
    item->person = true;
    return has_odd_ombudsman(at);
}

struct status record_conflicts(const struct record *record, struct arena *arena, struct conflict_item **out_items,
                               size_t *out_count)
{
    struct conflict_item *items = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (size_t i = 0; i < record->register_count; i++) {
        struct conflict_item item;
        if (item_of(record, &record->registers[i], &item)) {
            TRY(ARRAY_RESERVE(arena, items, count, capacity, 1));
            items[count++] = item;
        }
    }
    *out_items = items;
    *out_count = count;
    return status_ok();
}

/* ---- showing ---- */

struct status record_show(const struct record *record, struct part_id part, uint32_t number, struct arena *arena,
                          struct shown *out_shown)
{
    const struct record_register *at = record_register_find(record, part, number);
    enum show_policy policy = policy_of(number);
    struct shown shown = {.sibling = SIZE_MAX};
    if (policy == SHOW_STRICT) {
        show_strict(record, at, &shown);
    }
    if (!at || at->sibling_count == 0) {
        *out_shown = shown;
        return status_ok();
    }
    shown.present = true;
    shown.conflict = is_conflict(record, at, &shown.person);
    if (policy == SHOW_UNION) {
        TRY(show_union(at, arena, &shown));
    } else if (policy == SHOW_PRESENCE) {
        shown.readable = true;
        show_presence(record, at, &shown);
    } else if (policy != SHOW_STRICT) {
        shown.sibling = shown_first(record, at, policy);
        shown.readable = is_readable(&at->siblings[shown.sibling]);
        shown.value = shown.readable ? at->siblings[shown.sibling].value : (struct span){0};
    }
    *out_shown = shown;
    return status_ok();
}

bool record_is_withdrawn(const struct record *record)
{
    const struct record_register *at = record_register_find(record, (struct part_id){{0}}, REG_PRESENCE);
    return at && presence_withdrawn(record, at) != SIZE_MAX;
}

enum complaint_status record_status(const struct record *record)
{
    const struct record_register *at = record_register_find(record, (struct part_id){{0}}, REG_STATUS);
    if (!at || at->sibling_count == 0) {
        return COMPLAINT_NONE;
    }
    const struct sibling *shown = &at->siblings[shown_first(record, at, SHOW_STATUS)];
    uint64_t status = is_readable(shown) ? value_first_number(shown->value) : 0;
    return status < COMPLAINT_STATUS_COUNT ? (enum complaint_status)status : COMPLAINT_NONE;
}

struct scope_id record_owner(const struct record *record)
{
    const struct record_register *at = record_register_find(record, (struct part_id){{0}}, REG_ROUTE);
    if (at && at->sibling_count > 0) {
        struct dot_index dot = at->siblings[shown_first(record, at, SHOW_TIME)].dot;
        for (size_t i = 0; i < record->route_count; i++) {
            if (dot_index_equal(record->routes[i].dot, dot)) {
                return record->routes[i].to;
            }
        }
    }
    return record->first_scope;
}
