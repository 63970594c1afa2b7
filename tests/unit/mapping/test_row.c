/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_mapping node_config node_base */
#include "tests/unit/mapping/bench.h"

/* Rows, keys, forms and new rows. */

#define STATUS_TABLE "status: {column: a, values: {0: belum_verifikasi, 2: selesai}}"

static void a_register_knows_its_columns(void **state)
{
    struct bench *bench = *state;
    load_field(bench, "title: a\n    text: {template: \"{a} {b}\"}\n    channel: {constant: web}");
    const struct mapping_form *form = bench->mapping->complaints;
    const struct mapping_register *text = mapping_register(form, REG_TEXT);
    const struct mapping_register *title = mapping_register(form, REG_TITLE);
    const struct mapping_register *refs = mapping_register(form, REG_REFS);
    assert_string_equal(form->table->columns[0].name, "id");
    assert_string_equal(form->table->columns[1].name, "a");
    assert_string_equal(form->table->columns[2].name, "b");
    assert_true(mapping_feeds(title, 1) && !mapping_feeds(title, 2) && !mapping_feeds(title, 0));
    assert_true(mapping_feeds(text, 1) && mapping_feeds(text, 2));
    assert_true(mapping_feeds(refs, 0) && !mapping_feeds(refs, 1));
    assert_true(mapping_register(form, REG_CHANNEL)->constant);
    assert_false(mapping_register(form, REG_CHANNEL)->writable);
    assert_false(text->constant || text->writable);
    assert_true(title->writable);
    assert_null(mapping_register(form, REG_STATUS));
    for (size_t i = 1; i < form->register_count; i++) {
        assert_true(form->registers[i - 1].number < form->registers[i].number);
    }
}

#define REPLIES                                                                                                        \
    "system: t\nzone: WITA\nform_window: 45 minutes\ncomplaints:\n  table: t\n  key: id\n  identity: [made, id]\n"     \
    "  only: {kind: [1, ~]}\n  fields: {title: a, reporter: {name: who, phone: tel}}\n"                                \
    "  insert: {defaults: {x: 1, y: ~, z: {now: epoch}, w: {template: \"T-{id}\"}}}\n"                                 \
    "notes:\n  table: t\n  parent: up\n  wait_until_filled: [a, b]\n"                                                  \
    "  fields: {text: a, author: b, at: {column: made, format: epoch}, internal: {column: hide}}\n"

static enum mapping_row form_of(struct bench *bench, const char *kind, const char *up, const char *a,
                                const struct mapping_form **out_form)
{
    const char *const names[] = {"kind", "up", "a"};
    const char *const values[] = {kind, up, a};
    row(bench, &bench->mapping->tables[0], names, values, 3);
    *out_form = NULL;
    return mapping_form(&bench->mapping->tables[0], bench->raw, out_form);
}

static void replies_in_the_same_table_are_notes(void **state)
{
    struct bench *bench = *state;
    const struct mapping_form *form;
    load(bench, REPLIES);
    assert_int_equal(bench->mapping->table_count, 1);
    assert_int_equal(bench->mapping->zone_minutes, 480);
    assert_int_equal(bench->mapping->form_window_ms, 45 * 60000);
    assert_int_equal(form_of(bench, "1", NULL, "x", &form), ROW_MAPPED);
    assert_ptr_equal(form, bench->mapping->complaints);
    assert_int_equal(form_of(bench, "1", "0", "x", &form), ROW_MAPPED);
    assert_ptr_equal(form, bench->mapping->complaints);
    assert_int_equal(form_of(bench, NULL, NULL, "x", &form), ROW_MAPPED);
    assert_int_equal(form_of(bench, "2", NULL, "x", &form), ROW_FILTERED);
    assert_int_equal(form_of(bench, "2", "3", "x", &form), ROW_MAPPED);
    assert_int_equal(form->kind, FORM_NOTE);
    assert_int_equal(form_of(bench, "2", "3", NULL, &form), ROW_EMPTY);
    assert_int_equal(form->kind, FORM_NOTE);
    assert_int_equal(form_of(bench, "2", "3", " ", &form), ROW_EMPTY);
    assert_null(mapping_register(form, REG_REFS));
    assert_non_null(mapping_register(form, REG_NOTE_AUTHOR));
}

static void the_parent_of_a_reply_is_a_key(void **state)
{
    struct bench *bench = *state;
    const struct mapping_form *form;
    struct span key;
    load(bench, REPLIES);
    assert_int_equal(form_of(bench, "1", "42", "x", &form), ROW_MAPPED);
    assert_true(status_is_ok(mapping_parent_key(form, bench->raw, &bench->arena, &key)));
    assert_true(span_equal(key, span_text("42")));
    assert_int_equal(form_of(bench, "1", NULL, "x", &form), ROW_MAPPED);
    assert_int_equal(mapping_parent_key(form, bench->raw, &bench->arena, &key).code, STATUS_INVALID);
}

static void expect_fills(const struct mapping_fill *fills, size_t count, const char *expected)
{
    char shown[500] = "";
    for (size_t i = 0; i < count; i++) {
        add(shown, sizeof shown, "%s=%.*s ", fills[i].column, fills[i].raw.null ? 4 : (int)fills[i].raw.bytes.size,
            fills[i].raw.null ? "NULL" : (const char *)fills[i].raw.bytes.data);
    }
    assert_string_equal(shown, expected);
}

static void a_new_row_gets_defaults_filters_and_its_parent(void **state)
{
    struct bench *bench = *state;
    const struct mapping_fill *fills;
    size_t count;
    load(bench, REPLIES);
    const struct mapping_table *table = &bench->mapping->tables[0];
    assert_true(status_is_ok(mapping_fills(bench->mapping, &table->forms[0], span_text("ab"), (struct span){0}, 5000,
                                           &bench->arena, &fills, &count)));
    expect_fills(fills, count, "x=1 y=NULL z=5 w=T-ab kind=1 ");
    assert_true(status_is_ok(mapping_fills(bench->mapping, &table->forms[1], span_text("ab"), span_text("42"), 5000,
                                           &bench->arena, &fills, &count)));
    expect_fills(fills, count, "up=42 ");
    load_field(bench, "title: a\n  insert: {key: \"S-{id}!\"}");
    assert_true(status_is_ok(mapping_fills(bench->mapping, bench->mapping->complaints, span_text("ab"),
                                           (struct span){0}, 0, &bench->arena, &fills, &count)));
    expect_fills(fills, count, "id=S-ab! ");
}

static void personal_data_is_named_but_never_read(void **state)
{
    struct bench *bench = *state;
    struct mapping_name name;
    size_t sealed = 0;
    load(bench, REPLIES);
    for (size_t i = 0; mapping_name(bench->mapping, i, &name); i++) {
        bool is_personal = name.column && (strcmp(name.column, "who") == 0 || strcmp(name.column, "tel") == 0);
        assert_int_equal(is_personal, name.use == USE_SEALED);
        sealed += is_personal ? 1 : 0;
    }
    assert_int_equal(sealed, 2);
    const struct mapping_table *table = &bench->mapping->tables[0];
    for (size_t i = 0; i < table->column_count; i++) {
        assert_string_not_equal(table->columns[i].name, "who");
        assert_string_not_equal(table->columns[i].name, "tel");
    }
}

static void every_name_has_its_use_and_place(void **state)
{
    struct bench *bench = *state;
    struct mapping_name name;
    char shown[600] = "";
    load(bench, "system: t\nzone: WIB\ncomplaints:\n  table: T\n  schema: s\n  key: id\n  fields:\n    title: a\n"
                "    text: {template: \"{a}{b}\"}\n  insert: {defaults: {d: 1}}\n");
    for (size_t i = 0; mapping_name(bench->mapping, i, &name); i++) {
        add(shown, sizeof shown, "%d %s.%s.%s %u:%u\n", name.use, name.table->schema, name.table->name,
            name.column ? name.column : "", name.line, name.at);
    }
    assert_string_equal(shown, "3 s.T.d 10:23\n0 s.T. 4:10\n1 s.T.id 6:8\n2 s.T.a 8:12\n1 s.T.b 9:22\n");
}

static void a_key_of_several_columns_is_one_text(void **state)
{
    struct bench *bench = *state;
    struct span key, values[3];
    const char *row_values[3] = {"x|y", "\\", "3"};
    load(bench, "system: t\nzone: WIB\ncomplaints:\n  table: t\n  key: [a, b, c]\n  fields: {title: d}\n");
    row_abc(bench, row_values);
    const struct mapping_table *table = &bench->mapping->tables[0];
    assert_true(status_is_ok(mapping_key(table, bench->raw, &bench->arena, &key)));
    assert_true(span_equal(key, span_text("x\\|y|\\\\|3")));
    assert_true(status_is_ok(mapping_key_split(table, key, &bench->arena, values)));
    for (size_t i = 0; i < 3; i++) {
        assert_true(span_equal(values[i], span_text(row_values[i])));
    }
    assert_int_equal(mapping_key_split(table, span_text("a|b"), &bench->arena, values).code, STATUS_INVALID);
    assert_int_equal(mapping_key_split(table, span_text("a|b|c|d"), &bench->arena, values).code, STATUS_INVALID);
    assert_true(status_is_ok(mapping_key_split(table, span_text("a||c"), &bench->arena, values)));
    row_values[1] = NULL;
    row_abc(bench, row_values);
    assert_int_equal(mapping_key(table, bench->raw, &bench->arena, &key).code, STATUS_INVALID);
    row_values[1] = "\xff";
    row_abc(bench, row_values);
    assert_int_equal(mapping_key(table, bench->raw, &bench->arena, &key).code, STATUS_INVALID);
}

static void a_row_belongs_to_the_node_or_to_the_region_in_its_column(void **state)
{
    struct bench *bench = *state;
    struct scope_id own = {"61.03"};
    struct scope_id scope;
    const char *problem = NULL;
    const char *values[3] = {"64.09 ", NULL, NULL};
    load_field(bench, "title: b");
    row_abc(bench, values);
    assert_true(status_is_ok(mapping_scope(bench->mapping, bench->raw, own, &scope, &problem)));
    assert_string_equal(scope.text, "61.03");
    load(bench, "system: t\nzone: WIB\nscope: {column: a}\ncomplaints: {table: t, key: id, fields: {title: b}}\n");
    row_abc(bench, values);
    assert_true(status_is_ok(mapping_scope(bench->mapping, bench->raw, own, &scope, &problem)));
    assert_string_equal(scope.text, "64.09");
    values[0] = NULL;
    row_abc(bench, values);
    assert_int_equal(mapping_scope(bench->mapping, bench->raw, own, &scope, &problem).code, STATUS_INVALID);
    assert_non_null(problem);
    load(bench, "system: t\nzone: WIB\nscope: {column: a, values: {SGU: \"61.03\"}}\n"
                "complaints: {table: t, key: id, fields: {title: b}}\n");
    values[0] = "PPU";
    row_abc(bench, values);
    assert_int_equal(mapping_scope(bench->mapping, bench->raw, own, &scope, &problem).code, STATUS_INVALID);
    values[0] = "SGU";
    row_abc(bench, values);
    assert_true(status_is_ok(mapping_scope(bench->mapping, bench->raw, own, &scope, &problem)));
    assert_string_equal(scope.text, "61.03");
}

static void a_complaint_routed_away_gets_the_named_status(void **state)
{
    struct bench *bench = *state;
    struct mapping_cell cell;
    load_field(bench, "status: {column: a, values: {x: proses}, routed_away: alih}");
    assert_true(status_is_ok(mapping_routed_away(bench->mapping->complaints, &cell)));
    assert_string_equal(bench->mapping->tables[0].columns[cell.column].name, "a");
    assert_true(span_equal(cell.raw.bytes, span_text("alih")));
    load_field(bench, STATUS_TABLE);
    assert_int_equal(mapping_routed_away(bench->mapping->complaints, &cell).code, STATUS_NOT_FOUND);
}

static void no_memory_is_reported_and_nothing_leaks(void **state)
{
    (void)state;
    bool done = false;
    for (uint64_t n = 1; n < 400 && !done; n++) {
        struct heap_meter meter = {.fail_at = n};
        struct arena arena;
        struct problems problems;
        const struct mapping *mapping;
        arena_init(&arena, memory_metered(&meter), SIZE_MAX);
        problems_init(&problems, &arena);
        struct status status = mapping_parse("m", span_text(REPLIES), &arena, &problems, &mapping);
        done = status_is_ok(status);
        assert_true(done || status.code == STATUS_NO_MEMORY);
        arena_release(&arena);
        assert_int_equal(meter.blocks, 0);
    }
    assert_true(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_register_knows_its_columns, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(replies_in_the_same_table_are_notes, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(the_parent_of_a_reply_is_a_key, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(a_new_row_gets_defaults_filters_and_its_parent, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(personal_data_is_named_but_never_read, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(every_name_has_its_use_and_place, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(a_key_of_several_columns_is_one_text, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(a_row_belongs_to_the_node_or_to_the_region_in_its_column, bench_make,
                                        bench_remove),
        cmocka_unit_test_setup_teardown(a_complaint_routed_away_gets_the_named_status, bench_make, bench_remove),
        cmocka_unit_test(no_memory_is_reported_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
