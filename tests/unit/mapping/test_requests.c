/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_mapping node_config node_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/base/heap.h"
#include "node/mapping/csv.h"
#include "node/mapping/mapping.h"
#include "proto/limits.h"

/* Real input: 10,000 municipal service requests through the sample mapping that is delivered for them. */
#define REQUESTS "../shared/data/service-requests/myla311-2018.csv"

static struct span read_requests(void)
{
    int fd = open(REQUESTS, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        print_error("SKIPPED: %s is not there; the real rows were not read\n", REQUESTS);
        skip();
    }
    struct stat info;
    assert_int_equal(fstat(fd, &info), 0);
    uint8_t *bytes = malloc((size_t)info.st_size);
    assert_non_null(bytes);
    size_t size = 0;
    for (ssize_t n = 1; n > 0; size += (size_t)n) {
        n = read(fd, bytes + size, (size_t)info.st_size - size);
        assert_true(n >= 0);
    }
    close(fd);
    return span_of(bytes, size);
}

static const struct mapping *load(struct arena *arena)
{
    struct problems problems;
    const struct mapping *mapping;
    problems_init(&problems, arena);
    assert_true(status_is_ok(mapping_load("deploy/samples/mapping-myla311.yaml", arena, &problems, &mapping)));
    return mapping;
}

/* Where each column of the mapping stands in the file. */
static void find_columns(const struct mapping_table *table, const struct span *header, size_t count, size_t *out_at)
{
    for (size_t i = 0; i < table->column_count; i++) {
        out_at[i] = SIZE_MAX;
        for (size_t j = 0; j < count; j++) {
            if (span_equal(header[j], span_text(table->columns[i].name))) {
                out_at[i] = j;
            }
        }
        assert_true(out_at[i] != SIZE_MAX);
    }
}

struct tally {
    size_t rows;
    size_t statuses[COMPLAINT_STATUS_COUNT];
    size_t anonymous, closed, places;
};

static void count_reading(struct tally *tally, const struct mapping_reading *reading, struct arena *arena)
{
    struct value value;
    assert_true(status_is_ok(value_read_register(reading->number, reading->value, arena, &value)));
    if (reading->number == REG_STATUS) {
        tally->statuses[value.status.status]++;
    }
    tally->anonymous += reading->number == REG_ANONYMOUS && value.flag ? 1 : 0;
    tally->closed += reading->number == REG_TIME_CLOSED ? 1 : 0;
    tally->places += reading->number == REG_PLACE && value.place.lat_e7 != 0 ? 1 : 0;
}

/* What is read can be written: into the row as it stands, nothing changes. */
static void write_is_idle(const struct mapping *mapping, const struct mapping_form *form,
                          const struct mapping_reading *reading, const struct mapping_raw *raw, struct arena *arena)
{
    struct mapping_cell cells[LIMIT_COLUMNS];
    size_t count = 0;
    const char *problem = NULL;
    struct status status =
        mapping_write(mapping, form, reading->number, reading->value, raw, arena, cells, &count, &problem);
    if (!mapping_register(form, reading->number)->writable) {
        assert_int_equal(status.code, STATUS_NOT_FOUND);
        return;
    }
    assert_int_equal(status.code, STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(cells[i].raw.null, raw[cells[i].column].null);
        assert_true(span_equal(cells[i].raw.bytes, raw[cells[i].column].bytes));
    }
}

static void take_row(const struct mapping *mapping, const struct mapping_raw *raw, struct arena *arena,
                     struct tally *tally)
{
    struct mapping_reading readings[40];
    const struct mapping_form *form = NULL;
    size_t count = 0;
    assert_int_equal(mapping_form(&mapping->tables[0], raw, &form), ROW_MAPPED);
    assert_true(form->register_count <= 40);
    assert_true(status_is_ok(mapping_read(mapping, form, raw, arena, readings, &count)));
    for (size_t i = 0; i < count; i++) {
        if (readings[i].problem) {
            fail_msg("row %zu: register %u: %s", tally->rows, readings[i].number, readings[i].problem);
        }
        count_reading(tally, &readings[i], arena);
        write_is_idle(mapping, form, &readings[i], raw, arena);
    }
    tally->rows++;
}

static void all_ten_thousand_real_rows_map_without_a_problem(void **state)
{
    (void)state;
    struct span bytes = read_requests();
    struct arena arena, row_arena;
    struct csv csv;
    struct fault fault;
    struct span fields[LIMIT_COLUMNS];
    size_t count, at[LIMIT_COLUMNS];
    struct tally tally = {0};
    arena_init(&arena, memory_heap(), SIZE_MAX);
    arena_init(&row_arena, memory_heap(), SIZE_MAX);
    const struct mapping *mapping = load(&arena);
    const struct mapping_table *table = &mapping->tables[0];
    csv_init(&csv, bytes);
    assert_true(status_is_ok(csv_next(&csv, &arena, fields, &count, &fault)));
    assert_int_equal(count, 39);
    find_columns(table, fields, count, at);
    while (status_is_ok(csv_next(&csv, &row_arena, fields, &count, &fault))) {
        struct mapping_raw raw[LIMIT_COLUMNS];
        for (size_t i = 0; i < table->column_count; i++) {
            raw[i] = (struct mapping_raw){.bytes = fields[at[i]], .null = fields[at[i]].size == 0};
        }
        take_row(mapping, raw, &row_arena, &tally);
        arena_clear(&row_arena);
    }
    assert_int_equal(csv.at, bytes.size);
    assert_int_equal(tally.rows, 10000);
    assert_int_equal(tally.statuses[COMPLAINT_SELESAI], 9568);
    assert_int_equal(tally.statuses[COMPLAINT_ARSIP], 403);
    assert_int_equal(tally.statuses[COMPLAINT_BELUM_VERIFIKASI], 16);
    assert_int_equal(tally.statuses[COMPLAINT_BUKAN_WEWENANG], 10);
    assert_int_equal(tally.statuses[COMPLAINT_TUNDA], 3);
    assert_int_equal(tally.anonymous, 989);
    assert_int_equal(tally.closed, 10000 - 19);
    assert_int_equal(tally.places, 10000 - 5);
    arena_release(&row_arena);
    arena_release(&arena);
    free((void *)(uintptr_t)bytes.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ten_thousand_real_rows_map_without_a_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
