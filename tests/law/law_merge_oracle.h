/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LAW_MERGE_ORACLE_H
#define TESTS_LAW_MERGE_ORACLE_H

#include "tests/law/law_merge_history.h"

/* What must come out, computed from the whole history as sets, with no record, no order and no K: the siblings of a
 * register are its writes that no other write of it had read. Shares no code with conflict/. */

static const uint32_t numbers[] = {REG_STATUS,      REG_ASSIGN,         REG_ROUTE,   REG_CONFIDENTIAL, REG_PRESENCE,
                                   UNKNOWN_PUBLIC,  REG_TITLE,          REG_TEXT,    REG_REFS,         REG_NOTE_TEXT,
                                   REG_NOTE_HIDDEN, UNKNOWN_RESTRICTED, REG_REPORTER};
#define NUMBERS (sizeof numbers / sizeof numbers[0])

struct oracle {
    const struct history *history;
    uint64_t siblings[PARTS][NUMBERS]; /* leaf masks */
    uint64_t erased[PARTS][NUMBERS];
    uint64_t late;
};

static bool had_read(const struct law_leaf *reader, const struct law_leaf *leaf)
{
    return reader->ctx_rseq[leaf->replica] >= leaf->rseq;
}

static int place_of(const struct law_leaf *l, uint32_t number)
{
    for (size_t i = 0; i < l->header.register_count; i++) {
        if (l->registers[i] == number) {
            return (int)i;
        }
    }
    return -1;
}

static bool writes(const struct law_leaf *l, int part, uint32_t number)
{
    return !l->expect_void && l->part == part && place_of(l, number) >= 0;
}

static uint64_t oracle_siblings(const struct history *h, int part, uint32_t number)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < h->leaf_count; i++) {
        bool stays = writes(&h->leaves[i], part, number);
        for (size_t j = 0; stays && j < h->leaf_count; j++) {
            stays = !(writes(&h->leaves[j], part, number) && had_read(&h->leaves[j], &h->leaves[i]));
        }
        mask |= stays ? bit((int)i) : 0;
    }
    return mask;
}

static bool oracle_late(const struct history *h, const struct law_leaf *l)
{
    int node = replica_table[l->replica].node;
    for (size_t i = 0; i < h->leaf_count; i++) { /* the routes in the order in which the hub wrote them */
        const struct law_leaf *route = &h->leaves[i];
        if (route->header.kind != KIND_ROUTE || route->expect_void || route->scope != node || node == HUB) {
            continue;
        }
        if (l->grant < 0 || had_read(route, &h->leaves[l->grant])) {
            return !had_read(route, l);
        }
    }
    return false;
}

static bool oracle_erased(const struct oracle *o, int leaf, int part, uint32_t number)
{
    const struct history *h = o->history;
    enum class class = register_class(number);
    for (size_t i = 0; i < h->leaf_count; i++) {
        const struct law_leaf *e = &h->leaves[i];
        if (e->header.kind == KIND_ERASE && !e->expect_void && (o->late & bit((int)i)) == 0 && class != CLASS_PUBLIC &&
            class >= e->header.class && (e->part == 0 || e->part == part) &&
            (h->leaves[leaf].seen_erasures & bit((int)i)) == 0) {
            return true;
        }
    }
    return false;
}

static void oracle_make(const struct history *h, struct oracle *o)
{
    *o = (struct oracle){.history = h};
    for (size_t i = 0; i < h->leaf_count; i++) {
        o->late |= oracle_late(h, &h->leaves[i]) ? bit((int)i) : 0;
    }
    for (int part = 0; part < PARTS; part++) {
        for (size_t n = 0; n < NUMBERS; n++) {
            uint64_t mask = oracle_siblings(h, part, numbers[n]);
            o->siblings[part][n] = mask;
            for (size_t i = 0; mask != 0 && i < h->leaf_count; i++) {
                if ((mask & bit((int)i)) != 0 && oracle_erased(o, (int)i, part, numbers[n])) {
                    o->erased[part][n] |= bit((int)i);
                }
            }
        }
    }
}

/* ---- conflicts ---- */

static struct span oracle_value(const struct law_leaf *l, uint32_t number)
{
    static const uint8_t yes[2] = {8, 1};
    if (number == REG_CONFIDENTIAL) {
        bool open = l->header.kind == KIND_LOOSEN || (l->header.kind == KIND_CREATE && l->open);
        return open ? (struct span){0} : span_of(yes, 2);
    }
    return l->values[place_of(l, number)].bytes;
}

static bool on_path(const struct law_leaf *l)
{
    unsigned status = l->value[place_of(l, REG_STATUS)] % 8 + 1;
    return status <= COMPLAINT_PROSES;
}

static bool withdraws(const struct oracle *o, int leaf)
{
    const struct law_leaf *l = &o->history->leaves[leaf];
    return l->value[place_of(l, REG_PRESENCE)] % 4 != 0 && (o->late & bit(leaf)) == 0;
}

static bool withdrawal_covers_all(const struct oracle *o, int leaf)
{
    const struct history *h = o->history;
    for (int part = 0; part < PARTS; part++) {
        for (size_t n = 0; n < NUMBERS; n++) {
            for (size_t i = 0; i < h->leaf_count; i++) {
                bool other = (o->siblings[part][n] & bit((int)i)) != 0 && (int)i != leaf;
                bool agrees = numbers[n] == REG_PRESENCE && other && withdraws(o, (int)i);
                if (other && !agrees && !had_read(&h->leaves[leaf], &h->leaves[i])) {
                    return false;
                }
            }
        }
    }
    return true;
}

static bool presence_is_disputed(const struct oracle *o, uint64_t mask)
{
    bool wanted = false;
    for (size_t i = 0; i < o->history->leaf_count; i++) {
        if ((mask & bit((int)i)) != 0 && withdraws(o, (int)i)) {
            wanted = true;
            if (withdrawal_covers_all(o, (int)i)) {
                return false;
            }
        }
    }
    return wanted;
}

struct oracle_item {
    bool listed, person;
    enum conflict_reason reason;
    size_t siblings;
};

static struct oracle_item oracle_conflict(const struct oracle *o, int part, size_t n)
{
    const struct history *h = o->history;
    uint64_t mask = o->siblings[part][n];
    uint32_t number = numbers[n];
    struct oracle_item item = {.reason = CONFLICT_DIFFERS};
    bool differs = false, path = true, late = false, odd = false;
    int first = -1;
    for (size_t i = 0; i < h->leaf_count; i++) {
        const struct law_leaf *l = &h->leaves[i];
        if ((mask & bit((int)i)) == 0) {
            continue;
        }
        item.siblings++;
        path = path && (number != REG_STATUS || on_path(l));
        odd = odd || (number == REG_STATUS && l->header.role == ROLE_OMBUDSMAN &&
                      l->value[place_of(l, number)] % 8 + 1 != COMPLAINT_ESKALASI_OMBUDSMAN);
        bool wish = (number == REG_CONFIDENTIAL && l->header.kind == KIND_LOOSEN) ||
                    (number == REG_PRESENCE && l->value[place_of(l, number)] % 4 != 0);
        late = late || (wish && (o->late & bit((int)i)) != 0);
        if ((o->erased[part][n] & bit((int)i)) != 0 || number == REG_ROUTE) {
            continue;
        }
        differs =
            differs || (first >= 0 && !span_equal(oracle_value(&h->leaves[first], number), oracle_value(l, number)));
        first = first < 0 ? (int)i : first;
    }
    if (number == REG_PRESENCE && presence_is_disputed(o, mask)) {
        differs = true;
    }
    if (number == REG_REFS || (number == REG_STATUS && path)) {
        differs = false;
    }
    if (differs) {
        item.listed = true;
        item.person = number == REG_TEXT || number == REG_REPORTER || number == REG_PRESENCE || number == REG_STATUS;
    } else if (late || odd) {
        item.listed = item.person = true;
        item.reason = late ? CONFLICT_LATE : CONFLICT_OMBUDSMAN;
    }
    return item;
}

#endif
