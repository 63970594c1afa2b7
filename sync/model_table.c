/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/model_table.h"

#include <assert.h>

static unsigned key_level(struct span key)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < key.size; i++) {
        h = (h ^ key.data[i]) * 0x100000001b3u;
    }
    h = (h ^ (h >> 32)) * 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
    unsigned level = 1;
    while (level < MODEL_LEVELS && (h & 3) == 0) {
        level++;
        h >>= 2;
    }
    return level;
}

/* First node whose key is not below `key`; out_slots: the links that a node of this key hangs on. */
static struct model_node *table_find(struct model_table *table, struct span key,
                                     struct model_node **out_slots[MODEL_LEVELS])
{
    struct model_node **links = table->next;
    for (size_t level = MODEL_LEVELS; level-- > 0;) {
        while (links[level] && span_compare(links[level]->key, key) < 0) {
            links = links[level]->next;
        }
        out_slots[level] = &links[level];
    }
    return *out_slots[0];
}

struct model_node *model_table_first(struct model_table *table, struct span key)
{
    struct model_node **slots[MODEL_LEVELS];
    return table_find(table, key, slots);
}

struct model_node *model_table_at(struct model_table *table, struct span key)
{
    struct model_node *node = model_table_first(table, key);
    return node && span_equal(node->key, key) ? node : NULL;
}

void model_table_link(struct model_table *table, struct model_node *node)
{
    struct model_node **slots[MODEL_LEVELS];
    struct model_node *after = table_find(table, node->key, slots);
    assert(!after || !span_equal(after->key, node->key));
    unsigned levels = key_level(node->key);
    for (size_t level = 0; level < levels; level++) {
        node->next[level] = *slots[level];
        *slots[level] = node;
    }
    struct model_node **back = after ? &after->previous : &table->last;
    node->previous = *back;
    *back = node;
}

void model_table_unlink(struct model_table *table, struct model_node *node)
{
    struct model_node **slots[MODEL_LEVELS];
    struct model_node *found = table_find(table, node->key, slots);
    assert(found == node);
    unsigned levels = key_level(node->key);
    for (size_t level = 0; level < levels; level++) {
        *slots[level] = node->next[level];
    }
    if (node->next[0]) {
        node->next[0]->previous = node->previous;
    } else {
        table->last = node->previous;
    }
}

struct model_cell *model_cell_new(const struct memory *memory, struct span head, struct span tail)
{
    struct model_cell *cell = memory->alloc(memory->owner, sizeof *cell + head.size + tail.size);
    if (!cell) {
        return NULL;
    }
    cell->size = head.size + tail.size;
    if (head.size > 0) {
        memcpy(cell->data, head.data, head.size);
    }
    if (tail.size > 0) {
        memcpy(cell->data + head.size, tail.data, tail.size);
    }
    return cell;
}

struct model_node *model_node_new(const struct memory *memory, struct span key, struct model_cell *value)
{
    size_t links_size = key_level(key) * sizeof(struct model_node *);
    struct model_node *node = memory->alloc(memory->owner, sizeof *node + links_size + key.size);
    if (!node) {
        return NULL;
    }
    uint8_t *key_data = (uint8_t *)node + sizeof *node + links_size;
    memset(node, 0, sizeof *node + links_size);
    memcpy(key_data, key.data, key.size);
    node->key = span_of(key_data, key.size);
    node->value = value;
    return node;
}

void model_node_free(const struct memory *memory, struct model_node *node)
{
    memory->release(memory->owner, node->value);
    memory->release(memory->owner, node);
}
