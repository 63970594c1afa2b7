/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_mapping node_config */
#include "node/mapping/mapping.h"
#include "proto/limits.h"
#include "tests/fuzz/budget.h"
#include "tests/fuzz/row.h"

/* A mapping file, a zero byte, and the columns of a row, parted by the byte 1 (a column that is the byte 2 is NULL).
 * The file is refused with problems, or it loads and then any row is read, every value that was read decodes and can be
 * written back or is refused with a sentence. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_back(const struct mapping *mapping, const struct mapping_form *form, const struct mapping_raw *raw,
                       const struct mapping_reading *reading, struct arena *arena)
{
    struct mapping_cell cells[LIMIT_COLUMNS];
    size_t count = 0;
    const char *problem = NULL;
    const struct mapping_register *reg = mapping_register(form, reading->number);
    REQUIRE(reg);
    struct status s =
        mapping_write(mapping, form, reading->number, reading->value, raw, arena, cells, &count, &problem);
    REQUIRE(s.code != STATUS_NOT_FOUND || !reg->writable);
    REQUIRE(s.code != STATUS_INVALID || problem);
    REQUIRE(!status_is_ok(s) || (reg->writable && count <= reg->column_count));
    for (size_t i = 0; i < count; i++) {
        REQUIRE(mapping_feeds(reg, cells[i].column));
    }
}

static void take_row(const struct mapping *mapping, const struct mapping_table *table, const struct mapping_raw *raw,
                     struct arena *arena)
{
    const struct mapping_form *form = NULL;
    struct mapping_reading readings[64];
    size_t count = 0;
    if (mapping_form(table, raw, &form) == ROW_FILTERED) {
        return;
    }
    REQUIRE(form && form->register_count <= 64);
    if (!status_is_ok(mapping_read(mapping, form, raw, arena, readings, &count))) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct value value;
        if (readings[i].problem) {
            REQUIRE(readings[i].column < table->column_count);
            continue;
        }
        struct status s = value_read_register(readings[i].number, readings[i].value, arena, &value);
        REQUIRE(status_is_ok(s) || s.code == STATUS_NO_MEMORY);
        write_back(mapping, form, raw, &readings[i], arena);
    }
    struct span key, parts[LIMIT_COLUMNS];
    if (status_is_ok(mapping_key(table, raw, arena, &key))) {
        struct status s = mapping_key_split(table, key, arena, parts);
        REQUIRE(s.code != STATUS_INVALID);
        for (size_t i = 0; status_is_ok(s) && i < table->key_count; i++) {
            REQUIRE(span_equal(parts[i], raw[table->key[i]].bytes));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t file_size = end ? (size_t)(end - data) : size;
    struct span row = end ? span_of(end + 1, size - file_size - 1) : (struct span){0};
    struct arena arena = budget_arena(32 * 1024 * 1024);
    struct problems problems;
    const struct mapping *mapping = NULL;
    struct span report;
    problems_init(&problems, &arena);
    struct status s = mapping_parse("fuzz.yaml", span_of(data, file_size), &arena, &problems, &mapping);
    REQUIRE(status_is_ok(s) == (mapping != NULL));
    REQUIRE(s.code != STATUS_INVALID || !problems_none(&problems));
    if (status_is_ok(s)) {
        REQUIRE(problems_none(&problems));
        for (size_t i = 0; i < mapping->table_count; i++) {
            struct mapping_raw raw[LIMIT_COLUMNS];
            row_split(row, raw, mapping->tables[i].column_count);
            take_row(mapping, &mapping->tables[i], raw, &arena);
        }
    } else if (!status_is_ok(problems_text(&problems, &arena, &report))) {
        REQUIRE(s.code == STATUS_NO_MEMORY || problems.left_off > 0 || problems.count > 0);
    }
    arena_release(&arena);
    return 0;
}
