/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_store */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/limits.h"
#include "tests/contract/store_places.h"

/* The contract of a store (sync/store.h), asked of every implementation: random sequences of operations must give the
 * answers of a naive oracle, a sorted array that is copied whole where a transaction begins. A new implementation is
 * one more line in store_places.h.
 *
 * SIMPUL_SEED=7 contract_store runs seed 7 alone; SIMPUL_SEEDS=200 runs more of them. */

#define ROWS_MAX 1024
#define RECORD_IDS 48
#define GROUPS_MAX 512

/* Values are a size and a seed, so that the oracle's rows are small. */
struct row {
    enum store_table table;
    uint8_t key[4];
    size_t key_size;
    size_t value_size;
    uint8_t value_seed;
};

struct record {
    bool present;
    struct record_row row; /* bytes empty */
    size_t bytes_size;
    uint8_t bytes_seed;
};

struct state {
    struct row rows[ROWS_MAX]; /* sorted by table, key */
    size_t count;
    struct record records[RECORD_IDS]; /* sorted by id */
};

struct world {
    struct place place;
    struct state durable;
    struct state now;
    struct state marked;
    bool open;
    bool has_mark;
    uint64_t random;
    struct arena arena;
    enum store_table tables[3];
};

static uint64_t draw(struct world *w, uint64_t below)
{
    uint64_t z = (w->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

static int row_compare(const struct row *row, enum store_table table, struct span key)
{
    if (row->table != table) {
        return row->table < table ? -1 : 1;
    }
    return span_compare(span_of(row->key, row->key_size), key);
}

static size_t oracle_place(const struct state *state, enum store_table table, struct span key)
{
    size_t i = 0;
    while (i < state->count && row_compare(&state->rows[i], table, key) < 0) {
        i++;
    }
    return i;
}

static struct row *oracle_at(struct state *state, enum store_table table, struct span key)
{
    size_t i = oracle_place(state, table, key);
    return i < state->count && row_compare(&state->rows[i], table, key) == 0 ? &state->rows[i] : NULL;
}

static void oracle_put(struct state *state, struct row row)
{
    struct span key = span_of(row.key, row.key_size);
    struct row *held = oracle_at(state, row.table, key);
    if (!held) {
        size_t i = oracle_place(state, row.table, key);
        assert_true(state->count < ROWS_MAX);
        held = &state->rows[i];
        memmove(held + 1, held, (state->count - i) * sizeof *held);
        state->count++;
    }
    *held = row;
}

static void oracle_remove(struct state *state, enum store_table table, struct span key)
{
    struct row *held = oracle_at(state, table, key);
    if (held) {
        state->count--;
        memmove(held, held + 1, (size_t)(&state->rows[state->count] - held) * sizeof *held);
    }
}

static struct span value_make(struct world *w, size_t size, uint8_t seed)
{
    uint8_t *data = arena_alloc(&w->arena, size);
    assert_non_null(data);
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(seed + i * 7 + (i >> 8));
    }
    return span_of(data, size);
}

static void value_must_be(struct span got, size_t size, uint8_t seed)
{
    assert_non_null(got.data);
    assert_int_equal(got.size, size);
    for (size_t i = 0; i < size; i++) {
        if (got.data[i] != (uint8_t)(seed + i * 7 + (i >> 8))) {
            fail_msg("byte %zu of a value differs", i);
        }
    }
}

static size_t draw_size(struct world *w)
{
    switch (draw(w, 12)) {
    case 0:
        return 0;
    case 1:
        return (size_t)draw(w, 70000);
    case 2:
        return (size_t)draw(w, 5000);
    default:
        return (size_t)draw(w, 60);
    }
}

static struct row draw_row(struct world *w)
{
    static const uint8_t alphabet[] = {0x00, 0x01, 'a', 0x7f, 0xff};
    struct row row = {.table = w->tables[draw(w, 3)], .key_size = 1 + (size_t)draw(w, 3)};
    for (size_t i = 0; i < row.key_size; i++) {
        row.key[i] = alphabet[draw(w, sizeof alphabet)];
    }
    row.value_size = draw_size(w);
    row.value_seed = (uint8_t)draw(w, 256);
    return row;
}

#define BATCH_MAX 8

static void do_put(struct world *w)
{
    struct pair pairs[BATCH_MAX];
    struct row rows[BATCH_MAX];
    size_t count = (size_t)draw(w, BATCH_MAX + 1);
    enum store_table table = w->tables[draw(w, 3)];
    for (size_t i = 0; i < count; i++) {
        rows[i] = draw_row(w);
        rows[i].table = table;
        pairs[i].key = span_of(rows[i].key, rows[i].key_size);
        pairs[i].value = value_make(w, rows[i].value_size, rows[i].value_seed);
        oracle_put(&w->now, rows[i]);
    }
    must(w->place.store->ops->put(w->place.store, table, pairs, count));
}

static void do_remove(struct world *w)
{
    struct span keys[BATCH_MAX];
    struct row rows[BATCH_MAX];
    size_t count = (size_t)draw(w, BATCH_MAX + 1);
    enum store_table table = w->tables[draw(w, 3)];
    for (size_t i = 0; i < count; i++) {
        rows[i] = draw_row(w);
        keys[i] = span_of(rows[i].key, rows[i].key_size);
        oracle_remove(&w->now, table, keys[i]);
    }
    must(w->place.store->ops->remove(w->place.store, table, keys, count));
}

static void do_get(struct world *w)
{
    struct span keys[BATCH_MAX];
    struct span values[BATCH_MAX];
    struct row rows[BATCH_MAX];
    size_t count = (size_t)draw(w, BATCH_MAX + 1);
    enum store_table table = w->tables[draw(w, 3)];
    for (size_t i = 0; i < count; i++) {
        rows[i] = draw_row(w);
        keys[i] = span_of(rows[i].key, rows[i].key_size);
    }
    must(w->place.store->ops->get(w->place.store, table, keys, count, &w->arena, values));
    for (size_t i = 0; i < count; i++) {
        struct row *held = oracle_at(&w->now, table, keys[i]);
        if (held) {
            value_must_be(values[i], held->value_size, held->value_seed);
        } else {
            assert_null(values[i].data);
        }
    }
}

/* The oracle's answer to a scan: indexes of rows. */
static size_t oracle_scan(const struct state *state, enum store_table table, struct span from, struct span end,
                          bool descending, size_t limit, size_t bytes_max, size_t *out_indexes)
{
    size_t count = 0;
    size_t bytes = 0;
    for (size_t step = 0; step < state->count && count < limit; step++) {
        size_t i = descending ? state->count - 1 - step : step;
        const struct row *row = &state->rows[i];
        struct span key = span_of(row->key, row->key_size);
        if (row->table != table || span_compare(key, from) < 0 || (end.size > 0 && span_compare(key, end) >= 0)) {
            continue;
        }
        if (count > 0 && bytes + row->value_size > bytes_max) {
            break;
        }
        bytes += row->value_size;
        out_indexes[count++] = i;
    }
    return count;
}

static void do_scan(struct world *w)
{
    static struct pair pairs[ROWS_MAX];
    static size_t expected[ROWS_MAX];
    struct row from_row = draw_row(w);
    struct row end_row = draw_row(w);
    struct span from = span_of(from_row.key, draw(w, 3) == 0 ? 0 : from_row.key_size);
    struct span end = span_of(end_row.key, draw(w, 3) == 0 ? 0 : end_row.key_size);
    bool descending = draw(w, 2) == 0;
    size_t limit = (size_t)draw(w, 3) == 0 ? ROWS_MAX : (size_t)draw(w, 20);
    size_t bytes_max = draw(w, 3) == 0 ? (size_t)draw(w, 3000) : SIZE_MAX;
    enum store_table table = w->tables[draw(w, 3)];
    size_t expected_count = oracle_scan(&w->now, table, from, end, descending, limit, bytes_max, expected);
    size_t count = SIZE_MAX;
    must(w->place.store->ops->scan(w->place.store, table, from, end, descending, limit, bytes_max, &w->arena, pairs,
                                   &count));
    assert_int_equal(count, expected_count);
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &w->now.rows[expected[i]];
        assert_true(span_equal(pairs[i].key, span_of(row->key, row->key_size)));
        value_must_be(pairs[i].value, row->value_size, row->value_seed);
    }
}

static struct record_id record_of(size_t index)
{
    struct record_id id = {{0}};
    id.bytes[0] = (uint8_t)(index * 5);
    id.bytes[15] = (uint8_t)(index + 1);
    return id;
}

static struct scope_id draw_owner(struct world *w)
{
    static const char owners[][16] = {"64.09", "64", "64.0", "abcdefghijklmnop", "hub"};
    struct scope_id scope;
    memcpy(scope.text, owners[draw(w, 5)], sizeof scope.text);
    return scope;
}

static void do_records_save(struct world *w)
{
    struct record_row rows[BATCH_MAX];
    size_t count = (size_t)draw(w, BATCH_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        struct record *record = &w->now.records[draw(w, RECORD_IDS)];
        record->present = true;
        record->row = (struct record_row){
            .id = record_of((size_t)(record - w->now.records)),
            .owner = draw_owner(w),
            .status = (enum complaint_status)draw(w, COMPLAINT_STATUS_COUNT),
            .conflicts = draw(w, 3) == 0 ? (uint32_t)draw(w, UINT32_MAX) : 0,
            .visible = draw(w, 4) > 0,
            .received_ms = (int64_t)draw(w, UINT64_MAX),
            .changed = draw(w, UINT64_MAX),
        };
        record->bytes_size = draw_size(w);
        record->bytes_seed = (uint8_t)draw(w, 256);
        rows[i] = record->row;
        rows[i].bytes = value_make(w, record->bytes_size, record->bytes_seed);
    }
    must(w->place.store->ops->records_save(w->place.store, rows, count));
}

static void row_must_be(const struct record_row *got, const struct record *record, bool with_bytes)
{
    const struct record_row *row = &record->row;
    assert_true(record_id_equal(got->id, row->id));
    assert_true(scope_id_equal(got->owner, row->owner));
    assert_int_equal(got->status, row->status);
    assert_int_equal(got->conflicts, row->conflicts);
    assert_int_equal(got->visible, row->visible);
    assert_true(got->received_ms == row->received_ms);
    assert_true(got->changed == row->changed);
    if (with_bytes) {
        value_must_be(got->bytes, record->bytes_size, record->bytes_seed);
    } else {
        assert_null(got->bytes.data);
    }
}

static void do_records_load(struct world *w)
{
    struct record_id ids[BATCH_MAX];
    struct record_row rows[BATCH_MAX];
    size_t indexes[BATCH_MAX];
    size_t count = (size_t)draw(w, BATCH_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        indexes[i] = (size_t)draw(w, RECORD_IDS);
        ids[i] = record_of(indexes[i]);
    }
    must(w->place.store->ops->records_load(w->place.store, ids, count, &w->arena, rows));
    for (size_t i = 0; i < count; i++) {
        const struct record *record = &w->now.records[indexes[i]];
        if (record->present) {
            row_must_be(&rows[i], record, true);
        } else {
            assert_null(rows[i].bytes.data);
        }
    }
}

static struct record_filter draw_filter(struct world *w)
{
    struct record_filter filter = {.in_conflict = draw(w, 3) == 0, .hidden_too = draw(w, 2) == 0};
    if (draw(w, 2) == 0) {
        filter.owner = draw_owner(w);
    }
    if (draw(w, 2) == 0) {
        filter.status = (enum complaint_status)draw(w, COMPLAINT_STATUS_COUNT);
    }
    return filter;
}

static bool oracle_lets(const struct record_filter *filter, const struct record *record)
{
    const struct record_row *row = &record->row;
    if (!record->present || (!row->visible && !filter->hidden_too) || (filter->in_conflict && row->conflicts == 0)) {
        return false;
    }
    return (filter->owner.text[0] == 0 || scope_id_equal(filter->owner, row->owner)) &&
           (filter->status == COMPLAINT_NONE || filter->status == row->status);
}

static void do_records_list(struct world *w)
{
    struct record_row rows[RECORD_IDS];
    struct record_filter filter = draw_filter(w);
    struct record_id after = draw(w, 2) == 0 ? record_of((size_t)draw(w, RECORD_IDS)) : (struct record_id){{0}};
    bool with_bytes = draw(w, 2) == 0;
    size_t limit = draw(w, 2) == 0 ? RECORD_IDS : (size_t)draw(w, 10);
    size_t count = SIZE_MAX;
    must(w->place.store->ops->records_list(w->place.store, &filter, after, with_bytes, limit, &w->arena, rows, &count));
    size_t seen = 0;
    for (size_t i = 0; i < RECORD_IDS && seen < limit; i++) {
        const struct record *record = &w->now.records[i];
        if (memcmp(record_of(i).bytes, after.bytes, sizeof after.bytes) > 0 && oracle_lets(&filter, record)) {
            assert_true(seen < count);
            row_must_be(&rows[seen++], record, with_bytes);
        }
    }
    assert_int_equal(seen, count);
}

static void do_records_count(struct world *w)
{
    static struct record_count groups[GROUPS_MAX];
    struct record_filter filter = draw_filter(w);
    size_t count = SIZE_MAX;
    must(w->place.store->ops->records_count(w->place.store, &filter, groups, GROUPS_MAX, &count));
    uint64_t total = 0;
    for (size_t g = 0; g < count; g++) {
        uint64_t here = 0;
        uint64_t conflicts = 0;
        for (size_t i = 0; i < RECORD_IDS; i++) {
            const struct record *record = &w->now.records[i];
            if (oracle_lets(&filter, record) && record->row.status == groups[g].status &&
                scope_id_equal(record->row.owner, groups[g].owner)) {
                here++;
                conflicts += record->row.conflicts > 0;
            }
        }
        assert_true(here > 0);
        assert_int_equal(groups[g].count, here);
        assert_int_equal(groups[g].conflicts, conflicts);
        int order = g == 0 ? -1 : memcmp(groups[g - 1].owner.text, groups[g].owner.text, 16);
        assert_true(order < 0 || (order == 0 && groups[g - 1].status < groups[g].status));
        total += here;
    }
    for (size_t i = 0; i < RECORD_IDS; i++) {
        total -= oracle_lets(&filter, &w->now.records[i]);
    }
    assert_int_equal(total, 0);
    if (count > 0) {
        assert_int_equal(w->place.store->ops->records_count(w->place.store, &filter, groups, count - 1, &count).code,
                         STATUS_LIMIT);
    }
}

static void do_savepoint(struct world *w)
{
    if (!w->has_mark) {
        must(w->place.store->ops->savepoint(w->place.store));
        w->marked = w->now;
        w->has_mark = true;
    } else if (draw(w, 2) == 0) {
        must(w->place.store->ops->savepoint_undo(w->place.store));
        w->now = w->marked;
        w->has_mark = false;
    } else {
        must(w->place.store->ops->savepoint_keep(w->place.store));
        w->has_mark = false;
    }
}

static void do_too_large(struct world *w)
{
    static uint8_t key[LIMIT_STORE_KEY + 1];
    struct pair pairs[2] = {{span_text("zz"), span_text("must not be stored")}, {span_of(key, sizeof key), {0}}};
    assert_int_equal(w->place.store->ops->put(w->place.store, w->tables[0], pairs, 2).code, STATUS_LIMIT);
    pairs[1].key.size = 0;
    assert_int_equal(w->place.store->ops->put(w->place.store, w->tables[0], pairs, 2).code, STATUS_LIMIT);
}

/* Whatever the caller is told, all of it or nothing was done, and the store goes on by itself. */
static void do_unknown(struct world *w)
{
    bool applied = draw(w, 2) == 0;
    struct row row = draw_row(w);
    struct pair pair = {span_of(row.key, row.key_size), value_make(w, row.value_size, row.value_seed)};
    must(w->place.store->ops->put(w->place.store, row.table, &pair, 1));
    oracle_put(&w->now, row);
    w->place.factory->commit_cut(&w->place, applied);
    assert_int_equal(w->place.store->ops->commit(w->place.store).code, STATUS_UNKNOWN);
    if (applied) {
        w->durable = w->now;
    } else {
        w->now = w->durable;
    }
}

static void do_end(struct world *w)
{
    switch (draw(w, w->place.factory->commit_cut ? 9 : 8)) {
    case 8:
        do_unknown(w);
        break;
    case 0:
        w->place.store->ops->rollback(w->place.store);
        w->now = w->durable;
        break;
    case 1:
        w->place.factory->reopen(&w->place);
        w->now = w->durable;
        break;
    case 2:
        w->place.factory->crash(&w->place);
        w->now = w->durable;
        break;
    default:
        must(w->place.store->ops->commit(w->place.store));
        w->durable = w->now;
        break;
    }
    w->open = false;
    w->has_mark = false;
}

static void do_step(struct world *w)
{
    static void (*const operations[])(struct world *) = {
        do_put,          do_put,          do_remove,       do_get,           do_scan,      do_scan,
        do_records_save, do_records_load, do_records_list, do_records_count, do_savepoint, do_too_large,
    };
    if (!w->open) {
        must(w->place.store->ops->begin(w->place.store));
        w->open = true;
    } else if (draw(w, 12) == 0) {
        do_end(w);
    } else {
        operations[draw(w, sizeof operations / sizeof operations[0])](w);
    }
    arena_clear(&w->arena);
}

static void world_start(struct world *w, const struct factory *factory, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->random = seed * 1000003;
    w->place.factory = factory;
    arena_init(&w->arena, memory_heap(), SIZE_MAX);
    for (size_t i = 0; i < 3; i++) {
        w->tables[i] = (enum store_table)((seed * 3 + i * 5) % STORE_TABLE_COUNT);
    }
    factory->open(&w->place);
}

static void world_stop(struct world *w)
{
    w->place.factory->close(&w->place);
    arena_release(&w->arena);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void random_operations_give_the_oracles_answers(void **state)
{
    static struct world w;
    const struct factory *factory = *state;
    uint64_t only = number_from("SIMPUL_SEED", 0);
    uint64_t last = only > 0 ? only : number_from("SIMPUL_SEEDS", factory->seeds);
    for (uint64_t seed = only > 0 ? only : 1; seed <= last; seed++) {
        world_start(&w, factory, seed);
        for (int step = 0; step < 2500; step++) {
            do_step(&w);
        }
        world_stop(&w);
    }
}

static void put_text(struct store *store, const char *key, const char *value)
{
    must(store_put_one(store, STORE_META, span_text(key), span_text(value)));
}

static bool holds(struct place *place, const char *key)
{
    struct arena arena;
    struct span value = {0};
    arena_init(&arena, memory_heap(), SIZE_MAX);
    must(place->store->ops->begin(place->store));
    must(store_get_one(place->store, STORE_META, span_text(key), &arena, &value));
    place->store->ops->rollback(place->store);
    arena_release(&arena);
    return value.data != NULL;
}

static void a_crash_keeps_what_was_committed_and_nothing_else(void **state)
{
    struct place place = {.factory = *state};
    place.factory->open(&place);
    must(place.store->ops->begin(place.store));
    put_text(place.store, "committed", "1");
    must(place.store->ops->commit(place.store));
    must(place.store->ops->begin(place.store));
    put_text(place.store, "open", "1");
    place.factory->crash(&place);
    assert_true(holds(&place, "committed"));
    assert_false(holds(&place, "open"));
    place.factory->close(&place);
}

static void a_commit_of_unknown_outcome_did_all_or_nothing(void **state)
{
    struct place place = {.factory = *state};
    if (!place.factory->commit_cut) {
        return; /* an embedded store is dead after it: tests/unit/store/ */
    }
    place.factory->open(&place);
    for (unsigned round = 0; round < 4; round++) {
        bool applied = round % 2 == 0;
        char key[8];
        snprintf(key, sizeof key, "k%u", round);
        must(place.store->ops->begin(place.store));
        put_text(place.store, key, "1");
        place.factory->commit_cut(&place, applied);
        assert_int_equal(place.store->ops->commit(place.store).code, STATUS_UNKNOWN);
        assert_int_equal(holds(&place, key), applied);
        must(place.store->ops->begin(place.store));
        put_text(place.store, "after", key);
        must(place.store->ops->commit(place.store));
    }
    place.factory->close(&place);
}

static void rollback_is_harmless_without_a_transaction(void **state)
{
    struct place place = {.factory = *state};
    place.factory->open(&place);
    place.store->ops->rollback(place.store);
    place.store->ops->rollback(place.store);
    must(place.store->ops->begin(place.store));
    place.store->ops->rollback(place.store);
    place.store->ops->rollback(place.store);
    place.factory->close(&place);
}

static void a_mark_ends_with_its_transaction(void **state)
{
    struct place place = {.factory = *state};
    place.factory->open(&place);
    must(place.store->ops->begin(place.store));
    must(place.store->ops->savepoint(place.store));
    put_text(place.store, "kept", "1");
    must(place.store->ops->commit(place.store));
    must(place.store->ops->begin(place.store));
    must(place.store->ops->savepoint(place.store));
    must(place.store->ops->savepoint_undo(place.store));
    must(place.store->ops->commit(place.store));
    assert_true(holds(&place, "kept"));
    place.factory->close(&place);
}

static void the_longest_key_and_a_large_value_fit(void **state)
{
    struct place place = {.factory = *state};
    struct arena arena;
    struct span value = {0};
    arena_init(&arena, memory_heap(), SIZE_MAX);
    uint8_t *large = arena_alloc(&arena, LIMIT_RECORD_SIZE + 1);
    uint8_t key[LIMIT_STORE_KEY] = {1};
    assert_non_null(large);
    place.factory->open(&place);
    must(place.store->ops->begin(place.store));
    must(store_put_one(place.store, STORE_BODIES, span_of(key, sizeof key), span_of(large, LIMIT_RECORD_SIZE)));
    assert_int_equal(
        store_put_one(place.store, STORE_BODIES, span_of(key, 1), span_of(large, LIMIT_RECORD_SIZE + 1)).code,
        STATUS_LIMIT);
    must(store_get_one(place.store, STORE_BODIES, span_of(key, sizeof key), &arena, &value));
    assert_int_equal(value.size, LIMIT_RECORD_SIZE);
    must(place.store->ops->commit(place.store));
    arena_release(&arena);
    place.factory->close(&place);
}

static void an_exhausted_arena_is_said_and_spoils_nothing(void **state)
{
    struct place place = {.factory = *state};
    struct arena small;
    struct span value = {0};
    struct pair pair = {0};
    size_t count = 77;
    static const uint8_t bytes[100000];
    arena_init(&small, memory_heap(), 1000);
    place.factory->open(&place);
    must(place.store->ops->begin(place.store));
    must(store_put_one(place.store, STORE_META, span_text("k"), span_of(bytes, sizeof bytes)));
    assert_int_equal(store_get_one(place.store, STORE_META, span_text("k"), &small, &value).code, STATUS_NO_MEMORY);
    assert_int_equal(place.store->ops
                         ->scan(place.store, STORE_META, (struct span){0}, (struct span){0}, false, 1, SIZE_MAX, &small,
                                &pair, &count)
                         .code,
                     STATUS_NO_MEMORY);
    assert_int_equal(count, 77);
    must(place.store->ops->commit(place.store));
    assert_true(holds(&place, "k"));
    arena_release(&small);
    place.factory->close(&place);
}

static void size_grows_with_what_is_stored(void **state)
{
    struct place place = {.factory = *state};
    static const uint8_t bytes[1000000] = {1};
    uint64_t before = 0;
    uint64_t after = 0;
    place.factory->open(&place);
    must(place.store->ops->size(place.store, &before));
    must(place.store->ops->begin(place.store));
    must(store_put_one(place.store, STORE_META, span_text("k"), span_of(bytes, sizeof bytes)));
    must(place.store->ops->commit(place.store));
    must(place.store->ops->size(place.store, &after));
    assert_true(after >= before + sizeof bytes);
    place.factory->close(&place);
}

int main(void)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test(random_operations_give_the_oracles_answers),
        cmocka_unit_test(a_crash_keeps_what_was_committed_and_nothing_else),
        cmocka_unit_test(a_commit_of_unknown_outcome_did_all_or_nothing),
        cmocka_unit_test(rollback_is_harmless_without_a_transaction),
        cmocka_unit_test(a_mark_ends_with_its_transaction),
        cmocka_unit_test(the_longest_key_and_a_large_value_fit),
        cmocka_unit_test(an_exhausted_arena_is_said_and_spoils_nothing),
        cmocka_unit_test(size_grows_with_what_is_stored),
    };
    enum { case_count = sizeof cases / sizeof cases[0] };
    int failures = 0;
    for (size_t f = 0; f < sizeof factories / sizeof factories[0]; f++) {
        struct CMUnitTest tests[case_count];
        for (size_t i = 0; i < case_count; i++) {
            tests[i] = cases[i];
            tests[i].initial_state = (void *)(uintptr_t)&factories[f];
        }
        if (factories[f].is_there && !factories[f].is_there()) {
            continue;
        }
        print_message("store: %s\n", factories[f].name);
        failures += _cmocka_run_group_tests(factories[f].name, tests, case_count, NULL, NULL);
    }
    cluster_stop();
    return failures;
}
