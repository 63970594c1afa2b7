/* SPDX-License-Identifier: Apache-2.0 */
#include "node/api/heard.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

#include "node/base/files.h"

struct entry {
    struct heard_node shown;
    uint64_t up_ms;     /* the hub holds what the node had then */
    uint64_t down_ms;   /* the node holds what the hub had for it then */
    uint64_t target;    /* leaves that the hub has to hold to have what the node had at target_ms */
    uint64_t target_ms;
    uint64_t slot;      /* the last one in ring, counted since 1970 */
    uint16_t ring[HEARD_SLOTS];
    size_t ring_count;
};

struct heard {
    pthread_mutex_t lock;
    char *path;            /* owned */
    struct entry *entries; /* owned, HEARD_NODES_MAX of them */
    size_t count;
};

static struct entry *entry_find(struct heard *heard, struct node_id node)
{
    for (size_t i = 0; i < heard->count; i++) {
        if (node_id_equal(heard->entries[i].shown.node, node)) {
            return &heard->entries[i];
        }
    }
    return NULL;
}

static struct entry *entry_make(struct heard *heard, struct node_id node, uint64_t now_ms)
{
    struct entry *entry = entry_find(heard, node);
    if (!entry && heard->count < HEARD_NODES_MAX) {
        entry = &heard->entries[heard->count++];
        *entry = (struct entry){.shown = {.node = node}, .up_ms = now_ms, .down_ms = now_ms, .slot = now_ms / HEARD_SLOT_MS};
    }
    return entry;
}

static uint64_t caught_up_ms(const struct entry *entry)
{
    return entry->up_ms < entry->down_ms ? entry->up_ms : entry->down_ms;
}

/* Slots that ended since: nothing was caught up in between, or it would have been filled in then. */
static void slots_fill(struct entry *entry, uint64_t now_ms)
{
    uint64_t slot = now_ms / HEARD_SLOT_MS;
    if (slot > entry->slot + HEARD_SLOTS) {
        entry->slot = slot - HEARD_SLOTS;
    }
    while (entry->slot < slot) {
        uint64_t end_ms = ++entry->slot * HEARD_SLOT_MS;
        uint64_t lag = end_ms > caught_up_ms(entry) ? (end_ms - caught_up_ms(entry)) / 60000 : 0;
        entry->ring[entry->slot % HEARD_SLOTS] = (uint16_t)(lag < UINT16_MAX ? lag : UINT16_MAX);
        entry->ring_count += entry->ring_count < HEARD_SLOTS ? 1 : 0;
    }
}

/* A stranger's text for a screen. */
static void program_copy(struct span program, char out_text[LIMIT_PROGRAM_SIZE + 1])
{
    size_t size = program.size < LIMIT_PROGRAM_SIZE ? program.size : LIMIT_PROGRAM_SIZE;
    for (size_t i = 0; i < size; i++) {
        out_text[i] = program.data[i] > 0x20 && program.data[i] < 0x7f ? (char)program.data[i] : '?';
    }
    out_text[size] = 0;
}

void heard_saw(struct heard *heard, struct node_id node, uint64_t now_ms)
{
    pthread_mutex_lock(&heard->lock);
    struct entry *entry = entry_make(heard, node, now_ms);
    if (entry) {
        entry->shown.seen_ms = now_ms;
    }
    pthread_mutex_unlock(&heard->lock);
}

/* Its own word: what JavaScript holds exactly, and no sum of ours overflows. */
static uint64_t bounded(uint64_t number)
{
    const uint64_t most = (uint64_t)1 << 52;
    return number < most ? number : most;
}

static void health_copy(const struct health *said, struct heard_node *out_node)
{
    out_node->health = (struct health){.now_ms = bounded(said->now_ms),
                                       .started_ms = bounded(said->started_ms),
                                       .certificate_end_ms = bounded(said->certificate_end_ms),
                                       .waiting = bounded(said->waiting),
                                       .quarantine = bounded(said->quarantine),
                                       .store_bytes = bounded(said->store_bytes),
                                       .connectors = said->connectors & INT32_MAX,
                                       .connectors_stuck = said->connectors_stuck & INT32_MAX};
    program_copy(said->program, out_node->program);
}

static void report_take(struct entry *entry, const struct heard_report *report)
{
    slots_fill(entry, report->now_ms);
    if (report->nothing_owed) {
        entry->down_ms = report->now_ms;
    }
    if (!report->health) { /* it cannot say what waits there: heard is all that we know */
        entry->up_ms = report->now_ms;
        return;
    }
    const struct health *said = report->health;
    health_copy(said, &entry->shown);
    entry->shown.said_ms = report->now_ms;
    entry->shown.skew_ms = (int64_t)report->now_ms - (int64_t)entry->shown.health.now_ms;
    if (said->waiting == 0) {
        entry->up_ms = report->now_ms;
    } else if (entry->target_ms > entry->up_ms && report->held >= entry->target) {
        entry->up_ms = entry->target_ms;
    }
    if (entry->target_ms <= entry->up_ms) {
        entry->target = report->held + entry->shown.health.waiting;
        entry->target_ms = report->now_ms;
    }
}

void heard_report(struct heard *heard, struct node_id node, const struct heard_report *report)
{
    pthread_mutex_lock(&heard->lock);
    struct entry *entry = entry_make(heard, node, report->now_ms);
    if (entry) {
        report_take(entry, report);
    }
    pthread_mutex_unlock(&heard->lock);
}

void heard_told(struct heard *heard, const struct node_heard *told, uint64_t now_ms)
{
    pthread_mutex_lock(&heard->lock);
    struct entry *entry = entry_make(heard, told->node, now_ms);
    if (entry && bounded(told->seen_ms) >= entry->shown.seen_ms) {
        slots_fill(entry, now_ms);
        entry->shown.seen_ms = bounded(told->seen_ms);
        entry->up_ms = entry->down_ms = bounded(told->caught_up_ms);
        if (told->health) {
            health_copy(told->health, &entry->shown);
            entry->shown.said_ms = bounded(told->said_ms);
            entry->shown.skew_ms = told->skew_ms;
        }
    }
    pthread_mutex_unlock(&heard->lock);
}

bool heard_get(struct heard *heard, struct node_id node, uint64_t now_ms, struct heard_node *out_node)
{
    pthread_mutex_lock(&heard->lock);
    struct entry *entry = entry_find(heard, node);
    if (entry) {
        slots_fill(entry, now_ms);
        *out_node = entry->shown;
        out_node->caught_up_ms = caught_up_ms(entry);
        out_node->lag_count = entry->ring_count;
        for (size_t i = 0; i < entry->ring_count; i++) {
            out_node->lags[i] = entry->ring[(entry->slot - entry->ring_count + 1 + i) % HEARD_SLOTS];
        }
    }
    pthread_mutex_unlock(&heard->lock);
    return entry != NULL;
}

/* ---- the file: an object per node; numbers as JSON has them ---- */

static json_t *entry_json(const struct entry *entry)
{
    const struct heard_node *n = &entry->shown;
    const struct health *h = &n->health;
    json_t *ring = json_array();
    for (size_t i = 0; i < entry->ring_count; i++) {
        json_array_append_new(ring, json_integer(entry->ring[(entry->slot - entry->ring_count + 1 + i) % HEARD_SLOTS]));
    }
    return json_pack("{s:s%,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:s,s:I,s:o}", "node", n->node.text,
                     node_id_size(n->node), "seen", (json_int_t)n->seen_ms, "up", (json_int_t)entry->up_ms, "down",
                     (json_int_t)entry->down_ms, "said", (json_int_t)n->said_ms, "skew", (json_int_t)n->skew_ms, "now",
                     (json_int_t)h->now_ms, "started", (json_int_t)h->started_ms, "certificate",
                     (json_int_t)h->certificate_end_ms, "waiting", (json_int_t)h->waiting, "quarantine",
                     (json_int_t)h->quarantine, "bytes", (json_int_t)h->store_bytes, "connectors", (int)h->connectors, "stuck",
                     (int)h->connectors_stuck, "program", n->program, "slot", (json_int_t)entry->slot, "lags", ring);
}

static uint64_t number(const json_t *json, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(json, name));
    return value > 0 ? (uint64_t)value : 0;
}

static void entry_load(struct heard *heard, const json_t *json)
{
    struct node_id node;
    const char *name = json_string_value(json_object_get(json, "node"));
    if (!name || !status_is_ok(node_id_parse(span_text(name), &node)) || entry_find(heard, node)) {
        return;
    }
    struct entry *entry = entry_make(heard, node, number(json, "up"));
    if (!entry) {
        return;
    }
    struct heard_node *n = &entry->shown;
    const char *program = json_string_value(json_object_get(json, "program"));
    entry->down_ms = number(json, "down");
    entry->slot = number(json, "slot");
    n->seen_ms = number(json, "seen");
    n->said_ms = number(json, "said");
    n->skew_ms = json_integer_value(json_object_get(json, "skew"));
    n->health = (struct health){.now_ms = number(json, "now"),
                                .started_ms = number(json, "started"),
                                .certificate_end_ms = number(json, "certificate"),
                                .waiting = number(json, "waiting"),
                                .quarantine = number(json, "quarantine"),
                                .store_bytes = number(json, "bytes"),
                                .connectors = (uint32_t)number(json, "connectors"),
                                .connectors_stuck = (uint32_t)number(json, "stuck")};
    program_copy(span_text(program ? program : ""), n->program);
    const json_t *lags = json_object_get(json, "lags");
    size_t count = json_array_size(lags) < HEARD_SLOTS ? json_array_size(lags) : HEARD_SLOTS;
    for (size_t i = 0; i < count && entry->slot >= HEARD_SLOTS; i++) {
        json_int_t lag = json_integer_value(json_array_get(lags, i));
        entry->ring[(entry->slot - count + 1 + i) % HEARD_SLOTS] = (uint16_t)(lag >= 0 && lag < UINT16_MAX ? lag : UINT16_MAX);
        entry->ring_count = i + 1;
    }
}

static void load(struct heard *heard)
{
    json_t *saved = json_load_file(heard->path, 0, NULL);
    size_t index;
    json_t *entry;
    json_array_foreach(saved, index, entry)
    {
        entry_load(heard, entry);
    }
    json_decref(saved);
}

struct status heard_save(struct heard *heard)
{
    if (!heard->path) {
        return status_ok();
    }
    json_t *saved = json_array();
    pthread_mutex_lock(&heard->lock);
    for (size_t i = 0; i < heard->count; i++) {
        json_array_append_new(saved, entry_json(&heard->entries[i]));
    }
    pthread_mutex_unlock(&heard->lock);
    char *text = json_dumps(saved, JSON_COMPACT);
    json_decref(saved);
    struct status status = text ? file_write(heard->path, span_text(text), 0600) : STATUS_MAKE(STATUS_NO_MEMORY);
    free(text);
    return status;
}

struct status heard_new(const char *path, struct heard **out_heard)
{
    struct heard *heard = calloc(1, sizeof *heard);
    struct entry *entries = calloc(HEARD_NODES_MAX, sizeof *entries);
    char *copy = path ? strdup(path) : NULL;
    if (!heard || !entries || (path && !copy)) {
        free(heard);
        free(entries);
        free(copy);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    heard->entries = entries;
    heard->path = copy;
    pthread_mutex_init(&heard->lock, NULL);
    if (path) {
        load(heard);
    }
    *out_heard = heard;
    return status_ok();
}

void heard_free(struct heard *heard)
{
    if (heard) {
        pthread_mutex_destroy(&heard->lock);
        free(heard->entries);
        free(heard->path);
        free(heard);
    }
}
