/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_store node_mapping node_config node_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/base/heap.h"
#include "node/mapping/mapping.h"
#include "proto/limits.h"

/* The three legacy systems of the demo, as real SQLite databases, through the sample mappings that are delivered. */

struct bench {
    struct arena arena;
    sqlite3 *db;
    const struct mapping *mapping;
};

static void run(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s", message);
    }
}

static void open_demo(struct bench *bench, const char *name)
{
    char path[100];
    struct problems problems;
    struct span report;
    arena_init(&bench->arena, memory_heap(), SIZE_MAX);
    problems_init(&problems, &bench->arena);
    snprintf(path, sizeof path, "deploy/samples/mapping-%s.yaml", name);
    if (!status_is_ok(mapping_load(path, &bench->arena, &problems, &bench->mapping))) {
        assert_true(status_is_ok(problems_text(&problems, &bench->arena, &report)));
        fail_msg("%s", (const char *)report.data);
    }
    assert_int_equal(sqlite3_open(":memory:", &bench->db), SQLITE_OK);
    snprintf(path, sizeof path, "deploy/demo-legacy/%s.sql", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *sql = calloc(1, 65536);
    assert_non_null(sql);
    assert_true(fread(sql, 1, 65535, file) > 0);
    fclose(file);
    run(bench->db, sql);
    free(sql);
}

static void close_demo(struct bench *bench)
{
    sqlite3_close(bench->db);
    arena_release(&bench->arena);
}

static sqlite3_stmt *select_rows(struct bench *bench, const struct mapping_table *table)
{
    char sql[2000] = "SELECT ";
    sqlite3_stmt *rows;
    size_t at = strlen(sql);
    for (size_t i = 0; i < table->column_count; i++) {
        at += (size_t)snprintf(sql + at, sizeof sql - at, "%s\"%s\"", i ? "," : "", table->columns[i].name);
    }
    snprintf(sql + at, sizeof sql - at, " FROM \"%s\" ORDER BY 1", table->name);
    assert_int_equal(sqlite3_prepare_v2(bench->db, sql, -1, &rows, NULL), SQLITE_OK);
    return rows;
}

static bool next_row(struct bench *bench, sqlite3_stmt *rows, size_t count, struct mapping_raw *raw)
{
    if (sqlite3_step(rows) != SQLITE_ROW) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const unsigned char *text = sqlite3_column_text(rows, (int)i);
        raw[i] = (struct mapping_raw){.null = !text};
        if (text) {
            assert_true(
                status_is_ok(arena_copy(&bench->arena, span_of(text, strlen((const char *)text)), &raw[i].bytes)));
        }
    }
    return true;
}

struct tally {
    size_t complaints, notes, empty, filtered, registers;
};

static void read_all(struct bench *bench, struct tally *tally)
{
    for (size_t t = 0; t < bench->mapping->table_count; t++) {
        const struct mapping_table *table = &bench->mapping->tables[t];
        sqlite3_stmt *rows = select_rows(bench, table);
        struct mapping_raw raw[LIMIT_COLUMNS];
        while (next_row(bench, rows, table->column_count, raw)) {
            const struct mapping_form *form = NULL;
            struct mapping_reading readings[64];
            size_t count = 0;
            enum mapping_row kind = mapping_form(table, raw, &form);
            tally->empty += kind == ROW_EMPTY ? 1 : 0;
            tally->filtered += kind == ROW_FILTERED ? 1 : 0;
            if (kind != ROW_MAPPED) {
                continue;
            }
            tally->notes += form->kind == FORM_NOTE ? 1 : 0;
            tally->complaints += form->kind == FORM_COMPLAINT ? 1 : 0;
            assert_true(status_is_ok(mapping_read(bench->mapping, form, raw, &bench->arena, readings, &count)));
            for (size_t i = 0; i < count; i++) {
                if (readings[i].problem) {
                    fail_msg("%s.%s: %s", table->name, table->columns[readings[i].column].name, readings[i].problem);
                }
            }
            tally->registers += count;
        }
        sqlite3_finalize(rows);
    }
}

/* Every column that the mapping names is in the table: what `connector check` does first. */
static void check_names(struct bench *bench)
{
    struct mapping_name name;
    for (size_t i = 0; mapping_name(bench->mapping, i, &name); i++) {
        int found =
            sqlite3_table_column_metadata(bench->db, NULL, name.table->name, name.column, NULL, NULL, NULL, NULL, NULL);
        if (found != SQLITE_OK) {
            fail_msg("%u:%u: %s.%s is not there", name.line, name.at, name.table->name, name.column ? name.column : "");
        }
    }
}

/* Inserts a row as a connector does: fills, then the cells of the registers, which win. */
static int insert(struct bench *bench, const struct mapping_form *form, const struct mapping_fill *fills,
                  size_t fill_count, const struct mapping_cell *cells, size_t cell_count)
{
    const char *names[2 * LIMIT_COLUMNS];
    struct mapping_raw values[2 * LIMIT_COLUMNS];
    size_t count = 0;
    for (size_t i = 0; i < cell_count; i++) {
        names[count] = form->table->columns[cells[i].column].name;
        values[count++] = cells[i].raw;
    }
    for (size_t i = 0; i < fill_count; i++) {
        bool has = false;
        for (size_t j = 0; j < cell_count && !has; j++) {
            has = strcmp(names[j], fills[i].column) == 0;
        }
        if (!has) {
            names[count] = fills[i].column;
            values[count++] = fills[i].raw;
        }
    }
    char sql[3000];
    size_t at = (size_t)snprintf(sql, sizeof sql, "INSERT INTO \"%s\" (", form->table->name);
    for (size_t i = 0; i < count; i++) {
        at += (size_t)snprintf(sql + at, sizeof sql - at, "%s\"%s\"", i ? "," : "", names[i]);
    }
    at += (size_t)snprintf(sql + at, sizeof sql - at, ") VALUES (");
    for (size_t i = 0; i < count; i++) {
        at += (size_t)snprintf(sql + at, sizeof sql - at, "%s?", i ? "," : "");
    }
    snprintf(sql + at, sizeof sql - at, ")");
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(bench->db, sql, -1, &statement, NULL), SQLITE_OK);
    for (size_t i = 0; i < count; i++) {
        if (!values[i].null) {
            sqlite3_bind_text(statement, (int)i + 1, (const char *)values[i].bytes.data, (int)values[i].bytes.size,
                              SQLITE_TRANSIENT);
        }
    }
    int result = sqlite3_step(statement);
    if (result != SQLITE_DONE) {
        print_error("%s\n", sqlite3_errmsg(bench->db));
    }
    sqlite3_finalize(statement);
    return result;
}

struct wanted {
    uint32_t number;
    struct value value;
};

/* A row that the hub made: written registers and the mapping's defaults satisfy the table's NOT NULL and UNIQUE. */
static void insert_from_hub(struct bench *bench, const struct mapping_form *form, const struct wanted *wanted,
                            size_t count, const char *id)
{
    struct mapping_cell cells[LIMIT_COLUMNS];
    const struct mapping_fill *fills;
    size_t cell_count = 0;
    size_t fill_count;
    for (size_t i = 0; i < count; i++) {
        struct span bytes;
        size_t written = 0;
        const char *problem = NULL;
        assert_true(status_is_ok(value_write(&wanted[i].value, &bench->arena, &bytes)));
        assert_true(status_is_ok(mapping_write(bench->mapping, form, wanted[i].number, bytes, NULL, &bench->arena,
                                               cells + cell_count, &written, &problem)));
        cell_count += written;
    }
    assert_true(form->insert);
    assert_true(status_is_ok(mapping_fills(bench->mapping, form, span_text(id), span_text("1"), 1768180500000,
                                           &bench->arena, &fills, &fill_count)));
    assert_int_equal(insert(bench, form, fills, fill_count, cells, cell_count), SQLITE_DONE);
}

static void insert_complaint(struct bench *bench, const char *id)
{
    const struct wanted wanted[] = {
        {REG_STATUS, {.type = VALUE_STATUS, .status = {.status = COMPLAINT_TERVERIFIKASI}}},
        {REG_TITLE, {.type = VALUE_TEXT, .text = span_text("Dari hub")}},
        {REG_TEXT, {.type = VALUE_TEXT, .text = span_text("Isi dari hub")}},
    };
    insert_from_hub(bench, bench->mapping->complaints, wanted, 3, id);
}

static void insert_note(struct bench *bench, const struct mapping_form *form)
{
    const struct wanted wanted[] = {
        {REG_NOTE_TEXT, {.type = VALUE_TEXT, .text = span_text("Catatan dari hub")}},
        {REG_NOTE_INTERNAL, {.type = VALUE_FLAG, .flag = true}},
    };
    insert_from_hub(bench, form, wanted, 2, "01");
}

static void expect_tally(struct bench *bench, struct tally expected)
{
    struct tally tally = {0};
    read_all(bench, &tally);
    assert_int_equal(tally.complaints, expected.complaints);
    assert_int_equal(tally.notes, expected.notes);
    assert_int_equal(tally.empty, expected.empty);
    assert_int_equal(tally.filtered, expected.filtered);
    assert_true(tally.registers >= 4 * tally.complaints);
}

static void one_table_with_numeric_status(void **state)
{
    (void)state;
    struct bench bench = {0};
    open_demo(&bench, "sanggau");
    check_names(&bench);
    expect_tally(&bench, (struct tally){.complaints = 4});
    insert_complaint(&bench, "aa");
    insert_complaint(&bench, "bb");
    expect_tally(&bench, (struct tally){.complaints = 6});
    close_demo(&bench);
}

static void two_tables_with_follow_ups_in_the_second(void **state)
{
    (void)state;
    struct bench bench = {0};
    open_demo(&bench, "penajam");
    check_names(&bench);
    expect_tally(&bench, (struct tally){.complaints = 3, .notes = 3, .empty = 1});
    run(bench.db, "UPDATE pengaduan SET dihapus = 1 WHERE id_pengaduan = 2");
    run(bench.db, "UPDATE tindak_lanjut SET isi_tl = 'Pipa sudah diganti.' WHERE isi_tl IS NULL");
    expect_tally(&bench, (struct tally){.complaints = 2, .notes = 4, .filtered = 1});
    insert_complaint(&bench, "aa");
    insert_note(&bench, &bench.mapping->tables[1].forms[0]);
    expect_tally(&bench, (struct tally){.complaints = 3, .notes = 5, .filtered = 1});
    close_demo(&bench);
}

static void replies_as_rows_of_the_same_table(void **state)
{
    (void)state;
    struct bench bench = {0};
    open_demo(&bench, "kotawaringin");
    check_names(&bench);
    expect_tally(&bench, (struct tally){.complaints = 3, .notes = 2});
    insert_complaint(&bench, "aa");
    insert_note(&bench, &bench.mapping->tables[0].forms[1]);
    expect_tally(&bench, (struct tally){.complaints = 4, .notes = 3});
    close_demo(&bench);
}

static void a_hub_status_that_a_system_lacks_still_has_a_word(void **state)
{
    (void)state;
    static const char *const names[] = {"sanggau", "penajam", "kotawaringin", "myla311"};
    for (size_t i = 0; i < 4; i++) {
        struct bench bench = {0};
        char path[100];
        struct problems problems;
        arena_init(&bench.arena, memory_heap(), SIZE_MAX);
        problems_init(&problems, &bench.arena);
        snprintf(path, sizeof path, "deploy/samples/mapping-%s.yaml", names[i]);
        assert_true(status_is_ok(mapping_load(path, &bench.arena, &problems, &bench.mapping)));
        for (int s = 1; s < COMPLAINT_STATUS_COUNT; s++) {
            struct mapping_cell cells[LIMIT_COLUMNS];
            struct span bytes;
            size_t count;
            const char *problem = "";
            struct value value = {.type = VALUE_STATUS, .status = {.status = (enum complaint_status)s}};
            assert_true(status_is_ok(value_write(&value, &bench.arena, &bytes)));
            struct status status = mapping_write(bench.mapping, bench.mapping->complaints, REG_STATUS, bytes, NULL,
                                                 &bench.arena, cells, &count, &problem);
            if (!status_is_ok(status)) {
                fail_msg("%s, %s: %s", names[i], complaint_status_name((enum complaint_status)s), problem);
            }
        }
        arena_release(&bench.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_table_with_numeric_status),
        cmocka_unit_test(two_tables_with_follow_ups_in_the_second),
        cmocka_unit_test(replies_as_rows_of_the_same_table),
        cmocka_unit_test(a_hub_status_that_a_system_lacks_still_has_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
