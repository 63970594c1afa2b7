/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_MODEL_TABLE_H
#define SYNC_MODEL_TABLE_H

#include "proto/memory.h"

/* A table of the model store (sync/store_model.c): a skip list whose levels come from a hash of the key, so that one
 * sequence of operations always builds one structure. Linking and unlinking need no memory. */

#define MODEL_LEVELS 14

struct model_cell {
    size_t size;
    uint8_t data[];
};

struct model_node {
    struct model_node *previous;
    struct model_cell *value; /* owned */
    struct span key;          /* lies behind next[] */
    struct model_node *next[];
};

/* {0} is an empty table. */
struct model_table {
    struct model_node *next[MODEL_LEVELS];
    struct model_node *last;
};

/* First node whose key is not below `key`, or NULL. */
struct model_node *model_table_first(struct model_table *table, struct span key);
/* The node with this key, or NULL. */
struct model_node *model_table_at(struct model_table *table, struct span key);
/* Hangs in a node whose key is not there yet (asserted); takes one out that is there (asserted). */
void model_table_link(struct model_table *table, struct model_node *node);
void model_table_unlink(struct model_table *table, struct model_node *node);

/* A cell of two parts, because a record is columns and bytes. NULL without memory. */
struct model_cell *model_cell_new(const struct memory *memory, struct span head, struct span tail);
/* A node that owns `value` from then on; NULL without memory, then it does not. */
struct model_node *model_node_new(const struct memory *memory, struct span key, struct model_cell *value);
void model_node_free(const struct memory *memory, struct model_node *node);

#endif
