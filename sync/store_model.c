/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/store.h"

#include <assert.h>

#include "proto/limits.h"
#include "sync/model_table.h"

/* Every change leaves a journal entry that can be undone without memory, so rollback cannot fail. */

#define RECORDS STORE_TABLE_COUNT /* one more table of our own: record id -> columns, then bytes */

enum step_kind { STEP_INSERT, STEP_REPLACE, STEP_REMOVE };

struct step {
    enum step_kind kind;
    size_t table;
    struct model_node *node;     /* STEP_REMOVE: owned, no longer linked */
    struct model_cell *replaced; /* STEP_REPLACE: owned */
};

struct model {
    struct store store; /* first, so that the store's address is the model's */
    struct memory memory;
    struct model_table tables[STORE_TABLE_COUNT + 1];
    struct step *journal; /* owned */
    size_t journal_count;
    size_t journal_capacity;
    size_t mark;
    bool open;
    bool marked;
    bool spoilt; /* a write failed since begin or the mark */
    bool dead;
    bool unknown; /* the next commit returns UNKNOWN */
    bool unknown_done;
    uint64_t calls;
    uint64_t fail_at; /* 0: none */
    uint64_t bytes;
};

static const struct store_ops model_ops;

static struct model *model_of(struct store *store)
{
    assert(store->ops == &model_ops);
    return (struct model *)store;
}

static void model_release(struct model *model, void *pointer)
{
    model->memory.release(model->memory.owner, pointer);
}

static struct status journal_reserve(struct model *model)
{
    if (model->journal_count < model->journal_capacity) {
        return status_ok();
    }
    size_t capacity = model->journal_capacity > 0 ? model->journal_capacity * 2 : 64;
    struct step *journal = model->memory.alloc(model->memory.owner, capacity * sizeof *journal);
    if (!journal) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (model->journal_count > 0) {
        memcpy(journal, model->journal, model->journal_count * sizeof *journal);
    }
    model_release(model, model->journal);
    model->journal = journal;
    model->journal_capacity = capacity;
    return status_ok();
}

static void journal_add(struct model *model, struct step step)
{
    assert(model->journal_count < model->journal_capacity);
    model->journal[model->journal_count++] = step;
}

static void step_undo(struct model *model, struct step step)
{
    struct model_table *table = &model->tables[step.table];
    switch (step.kind) {
    case STEP_INSERT:
        model->bytes -= step.node->key.size + step.node->value->size;
        model_table_unlink(table, step.node);
        model_node_free(&model->memory, step.node);
        break;
    case STEP_REPLACE:
        model->bytes = model->bytes - step.node->value->size + step.replaced->size;
        model_release(model, step.node->value);
        step.node->value = step.replaced;
        break;
    case STEP_REMOVE:
        model->bytes += step.node->key.size + step.node->value->size;
        model_table_link(table, step.node);
        break;
    }
}

static void model_undo(struct model *model, size_t journal_count)
{
    while (model->journal_count > journal_count) {
        step_undo(model, model->journal[--model->journal_count]);
    }
}

static void model_end(struct model *model)
{
    model->journal_count = 0;
    model->open = false;
    model->marked = false;
    model->spoilt = false;
}

static void model_apply(struct model *model)
{
    for (size_t i = 0; i < model->journal_count; i++) {
        struct step *step = &model->journal[i];
        if (step->kind == STEP_REPLACE) {
            model_release(model, step->replaced);
        } else if (step->kind == STEP_REMOVE) {
            model_node_free(&model->memory, step->node);
        }
    }
    model_end(model);
}

static struct status model_put(struct model *model, size_t table, struct span key, struct span head, struct span tail)
{
    TRY(journal_reserve(model));
    struct model_cell *value = model_cell_new(&model->memory, head, tail);
    if (!value) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    struct model_node *node = model_table_at(&model->tables[table], key);
    if (node) {
        journal_add(model, (struct step){STEP_REPLACE, table, node, node->value});
        model->bytes = model->bytes - node->value->size + value->size;
        node->value = value;
        return status_ok();
    }
    node = model_node_new(&model->memory, key, value);
    if (!node) {
        model_release(model, value);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    model_table_link(&model->tables[table], node);
    model->bytes += key.size + value->size;
    journal_add(model, (struct step){STEP_INSERT, table, node, NULL});
    return status_ok();
}

static struct status model_remove(struct model *model, size_t table, struct span key)
{
    struct model_node *node = model_table_at(&model->tables[table], key);
    if (!node) {
        return status_ok();
    }
    TRY(journal_reserve(model));
    model_table_unlink(&model->tables[table], node);
    model->bytes -= key.size + node->value->size;
    journal_add(model, (struct step){STEP_REMOVE, table, node, NULL});
    return status_ok();
}

/* What each call does first: the counter, and the failure that a test has armed. */
static struct status model_call(struct model *model)
{
    model->calls++;
    if (model->calls == model->fail_at) {
        model->fail_at = 0;
        return STATUS_MAKE(STATUS_IO);
    }
    return model->dead ? STATUS_MAKE(STATUS_IO) : status_ok();
}

static struct status model_call_inside(struct model *model)
{
    assert(model->open || model->dead);
    return model_call(model);
}

/* A failed write spoils the transaction. */
static struct status model_wrote(struct model *model, struct status status)
{
    if (!status_is_ok(status)) {
        model->spoilt = true;
    }
    return status;
}

static bool key_fits(struct span key)
{
    return key.size > 0 && key.size <= LIMIT_STORE_KEY;
}

static struct status value_copy(const struct model_cell *cell, size_t skip, struct arena *arena, struct span *out_value)
{
    return arena_copy(arena, span_of(cell->data + skip, cell->size - skip), out_value);
}

static struct status op_begin(struct store *store)
{
    struct model *model = model_of(store);
    assert(!model->open);
    TRY(model_call(model));
    model->open = true;
    return status_ok();
}

static struct status op_commit(struct store *store)
{
    struct model *model = model_of(store);
    struct status status = model_call_inside(model);
    if (!status_is_ok(status) || model->spoilt) {
        model_undo(model, 0);
        model_end(model);
        return STATUS_MAKE(STATUS_IO);
    }
    bool unknown = model->unknown;
    model->unknown = false;
    if (unknown && !model->unknown_done) {
        model_undo(model, 0);
    }
    model_apply(model);
    return unknown ? STATUS_MAKE(STATUS_UNKNOWN) : status_ok();
}

static void op_rollback(struct store *store)
{
    struct model *model = model_of(store);
    model_undo(model, 0);
    model_end(model);
}

static struct status op_savepoint(struct store *store)
{
    struct model *model = model_of(store);
    TRY(model_call_inside(model));
    assert(!model->marked);
    if (model->spoilt) {
        return STATUS_MAKE(STATUS_IO);
    }
    model->marked = true;
    model->mark = model->journal_count;
    return status_ok();
}

static struct status op_savepoint_undo(struct store *store)
{
    struct model *model = model_of(store);
    TRY(model_wrote(model, model_call_inside(model)));
    assert(model->marked);
    model_undo(model, model->mark);
    model->marked = false;
    model->spoilt = false;
    return status_ok();
}

static struct status op_savepoint_keep(struct store *store)
{
    struct model *model = model_of(store);
    TRY(model_wrote(model, model_call_inside(model)));
    assert(model->marked);
    model->marked = false;
    return status_ok();
}

static struct status op_get(struct store *store, enum store_table table, const struct span *keys, size_t count,
                            struct arena *arena, struct span *out_values)
{
    struct model *model = model_of(store);
    TRY(model_call_inside(model));
    for (size_t i = 0; i < count; i++) {
        struct model_node *node = model_table_at(&model->tables[table], keys[i]);
        out_values[i] = (struct span){0};
        if (node) {
            TRY(value_copy(node->value, 0, arena, &out_values[i]));
        }
    }
    return status_ok();
}

static struct status op_put(struct store *store, enum store_table table, const struct pair *pairs, size_t count)
{
    struct model *model = model_of(store);
    TRY(model_wrote(model, model_call_inside(model)));
    for (size_t i = 0; i < count; i++) {
        if (!key_fits(pairs[i].key) || pairs[i].value.size > LIMIT_RECORD_SIZE) {
            return STATUS_MAKE(STATUS_LIMIT);
        }
    }
    for (size_t i = 0; i < count; i++) {
        TRY(model_wrote(model, model_put(model, table, pairs[i].key, pairs[i].value, (struct span){0})));
    }
    return status_ok();
}

static struct status op_remove(struct store *store, enum store_table table, const struct span *keys, size_t count)
{
    struct model *model = model_of(store);
    TRY(model_wrote(model, model_call_inside(model)));
    for (size_t i = 0; i < count; i++) {
        TRY(model_wrote(model, model_remove(model, table, keys[i])));
    }
    return status_ok();
}

static struct model_node *scan_first(struct model_table *table, struct span from, struct span end, bool descending)
{
    if (!descending) {
        return model_table_first(table, from);
    }
    struct model_node *after = end.size > 0 ? model_table_first(table, end) : NULL;
    return after ? after->previous : table->last;
}

static bool scan_within(const struct model_node *node, struct span from, struct span end)
{
    return node && span_compare(node->key, from) >= 0 && (end.size == 0 || span_compare(node->key, end) < 0);
}

static struct status op_scan(struct store *store, enum store_table table, struct span from, struct span end,
                             bool descending, size_t limit, size_t bytes_max, struct arena *arena,
                             struct pair *out_pairs, size_t *out_count)
{
    struct model *model = model_of(store);
    TRY(model_call_inside(model));
    limit = limit < LIMIT_SCAN_COUNT ? limit : LIMIT_SCAN_COUNT;
    size_t bytes = 0;
    size_t count = 0;
    struct model_node *node = scan_first(&model->tables[table], from, end, descending);
    while (count < limit && scan_within(node, from, end)) {
        if (count > 0 && (bytes > bytes_max || node->value->size > bytes_max - bytes)) {
            break;
        }
        bytes += node->value->size;
        TRY(arena_copy(arena, node->key, &out_pairs[count].key));
        TRY(value_copy(node->value, 0, arena, &out_pairs[count].value));
        count++;
        node = descending ? node->previous : node->next[0];
    }
    *out_count = count;
    return status_ok();
}

/* The columns stand in front of the bytes, as the struct itself with an empty span. */
static struct record_row record_columns(const struct model_node *node)
{
    struct record_row row;
    memcpy(&row, node->value->data, sizeof row);
    return row;
}

static struct status op_records_load(struct store *store, const struct record_id *ids, size_t count,
                                     struct arena *arena, struct record_row *out_rows)
{
    struct model *model = model_of(store);
    TRY(model_call_inside(model));
    for (size_t i = 0; i < count; i++) {
        struct model_node *node = model_table_at(&model->tables[RECORDS], span_of(ids[i].bytes, sizeof ids[i].bytes));
        out_rows[i] = (struct record_row){.id = ids[i]};
        if (node) {
            out_rows[i] = record_columns(node);
            TRY(value_copy(node->value, sizeof(struct record_row), arena, &out_rows[i].bytes));
        }
    }
    return status_ok();
}

static struct status op_records_save(struct store *store, const struct record_row *rows, size_t count)
{
    struct model *model = model_of(store);
    TRY(model_wrote(model, model_call_inside(model)));
    for (size_t i = 0; i < count; i++) {
        if (rows[i].bytes.size > LIMIT_RECORD_SIZE) {
            return STATUS_MAKE(STATUS_LIMIT);
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct record_row columns = rows[i];
        columns.bytes = (struct span){0};
        TRY(model_wrote(model, model_put(model, RECORDS, span_of(rows[i].id.bytes, sizeof rows[i].id.bytes),
                                         span_of(&columns, sizeof columns), rows[i].bytes)));
    }
    return status_ok();
}

static bool filter_lets(const struct record_filter *filter, const struct record_row *row)
{
    bool any_owner = filter->owner.text[0] == 0;
    return (filter->hidden_too || row->visible) && (!filter->in_conflict || row->conflicts > 0) &&
           (any_owner || scope_id_equal(filter->owner, row->owner)) &&
           (filter->status == COMPLAINT_NONE || filter->status == row->status);
}

static struct status op_records_list(struct store *store, const struct record_filter *filter, struct record_id after,
                                     bool with_bytes, size_t limit, struct arena *arena, struct record_row *out_rows,
                                     size_t *out_count)
{
    struct model *model = model_of(store);
    TRY(model_call_inside(model));
    limit = limit < LIMIT_SCAN_COUNT ? limit : LIMIT_SCAN_COUNT;
    size_t count = 0;
    struct model_node *node = model_table_first(&model->tables[RECORDS], span_of(after.bytes, sizeof after.bytes));
    for (; node && count < limit; node = node->next[0]) {
        struct record_row row = record_columns(node);
        if (record_id_equal(row.id, after) || !filter_lets(filter, &row)) {
            continue;
        }
        if (with_bytes) {
            TRY(value_copy(node->value, sizeof row, arena, &row.bytes));
        }
        out_rows[count++] = row;
    }
    *out_count = count;
    return status_ok();
}

static int group_compare(const struct record_count *group, const struct record_row *row)
{
    int c = memcmp(group->owner.text, row->owner.text, sizeof row->owner.text);
    return c != 0 ? c : (group->status > row->status) - (group->status < row->status);
}

/* The place of the row's group in a sorted array. */
static size_t group_place(const struct record_count *groups, size_t count, const struct record_row *row)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (group_compare(&groups[middle], row) < 0) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

static struct status op_records_count(struct store *store, const struct record_filter *filter,
                                      struct record_count *out_counts, size_t capacity, size_t *out_count)
{
    struct model *model = model_of(store);
    TRY(model_call_inside(model));
    size_t count = 0;
    for (struct model_node *node = model->tables[RECORDS].next[0]; node; node = node->next[0]) {
        struct record_row row = record_columns(node);
        if (!filter_lets(filter, &row)) {
            continue;
        }
        size_t place = group_place(out_counts, count, &row);
        if (place == count || group_compare(&out_counts[place], &row) != 0) {
            if (count == capacity) {
                return STATUS_MAKE(STATUS_LIMIT);
            }
            memmove(&out_counts[place + 1], &out_counts[place], (count - place) * sizeof *out_counts);
            out_counts[place] = (struct record_count){.owner = row.owner, .status = row.status};
            count++;
        }
        out_counts[place].count++;
        out_counts[place].conflicts += row.conflicts > 0;
    }
    *out_count = count;
    return status_ok();
}

static struct status op_size(struct store *store, uint64_t *out_bytes)
{
    struct model *model = model_of(store);
    TRY(model_call(model));
    *out_bytes = model->bytes;
    return status_ok();
}

static void op_free(struct store *store)
{
    struct model *model = model_of(store);
    op_rollback(store);
    for (size_t table = 0; table <= RECORDS; table++) {
        struct model_node *node = model->tables[table].next[0];
        while (node) {
            struct model_node *next = node->next[0];
            model_node_free(&model->memory, node);
            node = next;
        }
    }
    struct memory memory = model->memory;
    memory.release(memory.owner, model->journal);
    memory.release(memory.owner, model);
}

static const struct store_ops model_ops = {
    .begin = op_begin,
    .commit = op_commit,
    .rollback = op_rollback,
    .savepoint = op_savepoint,
    .savepoint_undo = op_savepoint_undo,
    .savepoint_keep = op_savepoint_keep,
    .get = op_get,
    .put = op_put,
    .remove = op_remove,
    .scan = op_scan,
    .records_load = op_records_load,
    .records_save = op_records_save,
    .records_list = op_records_list,
    .records_count = op_records_count,
    .size = op_size,
    .free = op_free,
};

struct status store_model_new(struct memory memory, struct store **out_store)
{
    struct model *model = memory.alloc(memory.owner, sizeof *model);
    if (!model) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    memset(model, 0, sizeof *model);
    model->store.ops = &model_ops;
    model->memory = memory;
    *out_store = &model->store;
    return status_ok();
}

static struct status model_copy_into(const struct model *from, struct model *to)
{
    for (size_t table = 0; table <= RECORDS; table++) {
        for (const struct model_node *node = from->tables[table].next[0]; node; node = node->next[0]) {
            struct span value = span_of(node->value->data, node->value->size);
            TRY(model_put(to, table, node->key, value, (struct span){0}));
        }
    }
    return status_ok();
}

struct status store_model_copy(struct store *store, struct memory memory, struct store **out_copy)
{
    if (model_of(store)->open) {
        return STATUS_MAKE(STATUS_BUSY);
    }
    struct store *copy = NULL;
    TRY(store_model_new(memory, &copy));
    struct status status = model_copy_into(model_of(store), model_of(copy));
    if (!status_is_ok(status)) {
        op_free(copy);
        return status;
    }
    model_apply(model_of(copy));
    *out_copy = copy;
    return status_ok();
}

void store_model_crash(struct store *store)
{
    struct model *model = model_of(store);
    op_rollback(store);
    model->dead = false;
    model->unknown = false;
    model->fail_at = 0;
}

void store_model_fail_after(struct store *store, uint64_t n)
{
    struct model *model = model_of(store);
    model->fail_at = n > 0 ? model->calls + n : 0;
}

uint64_t store_model_calls(const struct store *store)
{
    assert(store->ops == &model_ops);
    return ((const struct model *)store)->calls;
}

void store_model_commit_unknown(struct store *store, bool applied)
{
    struct model *model = model_of(store);
    model->unknown = true;
    model->unknown_done = applied;
}

void store_model_die(struct store *store)
{
    model_of(store)->dead = true;
}
