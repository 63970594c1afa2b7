/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "node/config/config.h"
#include "node/mapping/field.h"
#include "proto/limits.h"

#define SYSTEM_SIZE 32
#define NAME_SIZE 128 /* of a table or column; PostgreSQL has 63 */
#define NAMES_MAX ((size_t)LIMIT_TABLES * (LIMIT_COLUMNS * 2 + 1))
#define FORM_WINDOW_MAX (24 * INT64_C(3600000))

void *loader_array(struct loader *loader, size_t count, size_t size)
{
    void *array = arena_array(loader->walk.arena, count, size);
    loader->no_memory |= !array;
    return array;
}

static bool read_name(struct loader *loader, const struct yaml_node *node, const char *what, const char **out_name)
{
    if (!yaml_text(&loader->walk, node, what, out_name)) {
        return false;
    }
    if (node->size > NAME_SIZE) {
        yaml_problem(&loader->walk, node, NULL, "%s is longer than %d bytes.", yaml_say(&loader->walk, what), NAME_SIZE);
        return false;
    }
    return true;
}

size_t loader_column(struct loader *loader, struct mapping_table *table, const struct yaml_node *node, const char *what)
{
    const char *name;
    struct mapping_column *columns = loader->columns + (size_t)(table - loader->tables) * LIMIT_COLUMNS;
    if (!read_name(loader, node, what, &name)) {
        return NO_COLUMN;
    }
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(columns[i].name, name) == 0) {
            return i;
        }
    }
    if (table->column_count == LIMIT_COLUMNS) {
        yaml_problem(&loader->walk, node, NULL, "More than %d columns of one table.", LIMIT_COLUMNS);
        return NO_COLUMN;
    }
    columns[table->column_count] = (struct mapping_column){.name = name, .line = node->line, .column = node->column};
    return table->column_count++;
}

bool loader_raw(struct loader *loader, const struct yaml_node *node, const char *what, struct mapping_raw *out_raw)
{
    if (node->kind != YAML_TEXT && node->kind != YAML_NULL) {
        yaml_problem(&loader->walk, node, "Put it into quotes if it holds special characters.",
                     "%s must be a single value.", yaml_say(&loader->walk, what));
        return false;
    }
    *out_raw = (struct mapping_raw){.null = node->kind == YAML_NULL};
    if (!out_raw->null) {
        out_raw->bytes = span_of(node->text, node->size);
    }
    return true;
}

void loader_name(struct loader *loader, enum mapping_use use, const struct mapping_table *table,
                 const struct yaml_node *node)
{
    const char *name;
    if (read_name(loader, node, "The column", &name) && loader->name_count < NAMES_MAX) {
        loader->names[loader->name_count++] =
            (struct mapping_name){.use = use, .table = table, .column = name, .line = node->line, .at = node->column};
    }
}

bool loader_format(struct loader *loader, const struct yaml_node *node, struct time_format *out_format)
{
    static const char *const words[] = {"iso", "iso_zone", "epoch", "epoch_ms", NULL};
    const char *text;
    const char *problem;
    size_t index;
    if (!yaml_text(&loader->walk, node, "The format", &text)) {
        return false;
    }
    if (!strstr(text, "YY")) {
        bool known = yaml_word(&loader->walk, node, "The format", words, &index);
        out_format->kind = known ? (enum time_kind)index : TIME_ISO;
        return known;
    }
    if (!time_pattern_is_valid(text, &problem)) {
        yaml_problem(&loader->walk, node, "As in \"DD/MM/YYYY HH:mm:ss\" or \"MM/DD/YYYY hh:mm:ss AM\".",
                     "A time format %s.", yaml_say(&loader->walk, problem));
        return false;
    }
    out_format->kind = TIME_PATTERN;
    out_format->pattern = text;
    return true;
}

static void add_index(size_t *list, size_t *count, size_t index)
{
    size_t at = *count;
    for (size_t i = 0; i < *count; i++) {
        if (list[i] == index) {
            return;
        }
    }
    while (at > 0 && list[at - 1] > index) {
        list[at] = list[at - 1];
        at--;
    }
    list[at] = index;
    (*count)++;
}

void loader_settle(struct loader *loader, const struct mapping_table *table, struct mapping_register *reg)
{
    size_t *columns = loader_array(loader, LIMIT_COLUMNS, sizeof *columns);
    if (!columns) {
        return;
    }
    for (size_t i = 0; i < reg->field_count; i++) {
        const struct mapping_field *field = &reg->fields[i];
        if (field->column != NO_COLUMN) {
            add_index(columns, &reg->column_count, field->column);
            reg->writable |= reg->direction != MAPPING_IN;
        }
        for (size_t j = 0; j < field->piece_count; j++) {
            if (field->pieces[j].column != NO_COLUMN) {
                add_index(columns, &reg->column_count, field->pieces[j].column);
            }
        }
        for (size_t j = 0; field->part == PART_OWN_KEY && j < table->key_count; j++) {
            add_index(columns, &reg->column_count, table->key[j]);
        }
    }
    reg->columns = columns;
    reg->constant = reg->column_count == 0;
}

struct mapping_form *loader_form(struct loader *loader, struct mapping_table *table)
{
    struct mapping_form *form =
        &loader->forms[(size_t)(table - loader->tables) * FORMS_PER_TABLE + table->form_count++];
    form->table = table;
    return form;
}

static void read_root(struct loader *loader)
{
    static const char *const known[] = {"system", "zone", "form_window", "scope", "complaints", "notes", NULL};
    struct yaml_walk *walk = &loader->walk;
    struct mapping *mapping = loader->mapping;
    yaml_only_keys(walk, loader->root, known, "the mapping");
    const struct yaml_node *system = yaml_need(walk, loader->root, "system", "a short name for the legacy system");
    if (yaml_text(walk, system, "The system", &mapping->system) &&
        (system->size > SYSTEM_SIZE ||
         strspn(mapping->system, "abcdefghijklmnopqrstuvwxyz0123456789._-") != system->size)) {
        yaml_problem(walk, system, NULL,
                     "The system must be 1 to %d of the characters a-z, 0-9, \".\", \"_\" and \"-\".", SYSTEM_SIZE);
    }
    config_zone(walk, yaml_need(walk, loader->root, "zone", "the time zone of times without one, as in WIB"),
                &mapping->zone_minutes);
    yaml_duration(walk, yaml_get(loader->root, "form_window"), "form_window", 0, FORM_WINDOW_MAX,
                  &mapping->form_window_ms);
    loader_section(loader, FORM_COMPLAINT, yaml_need(walk, loader->root, "complaints", "the table of the complaints"));
    if (loader->table_count == 0) {
        return;
    }
    loader_scope(loader, &loader->tables[0], yaml_get(loader->root, "scope"));
    const struct yaml_node *notes = yaml_get(loader->root, "notes");
    bool is_list = notes && notes->kind == YAML_LIST;
    for (size_t i = 0; is_list && i < notes->count; i++) {
        loader_section(loader, FORM_NOTE, notes->items[i]);
    }
    if (!is_list) {
        loader_section(loader, FORM_NOTE, notes);
    }
}

static bool is_written(const struct mapping_table *table, size_t column)
{
    for (size_t i = 0; i < table->form_count; i++) {
        const struct mapping_form *form = &table->forms[i];
        for (size_t j = 0; j < form->register_count; j++) {
            for (size_t k = 0; k < form->registers[j].field_count; k++) {
                if (form->registers[j].writable && form->registers[j].fields[k].column == column) {
                    return true;
                }
            }
        }
    }
    return false;
}

static void list_names(struct loader *loader)
{
    for (size_t i = 0; i < loader->table_count; i++) {
        const struct mapping_table *table = &loader->tables[i];
        struct mapping_name *next = &loader->names[loader->name_count];
        if (loader->name_count + table->column_count + 1 > NAMES_MAX) {
            return;
        }
        *next++ = (struct mapping_name){.use = USE_TABLE, .table = table, .line = table->line, .at = table->column};
        for (size_t j = 0; j < table->column_count; j++) {
            *next++ = (struct mapping_name){.use = is_written(table, j) ? USE_WRITE : USE_READ,
                                            .table = table,
                                            .column = table->columns[j].name,
                                            .line = table->columns[j].line,
                                            .at = table->columns[j].column};
        }
        loader->name_count += table->column_count + 1;
    }
    loader->mapping->names = loader->names;
    loader->mapping->name_count = loader->name_count;
}

static struct status load(struct loader *loader, const char *path, const struct mapping **out_mapping)
{
    struct mapping *mapping = loader_array(loader, 1, sizeof *mapping);
    loader->tables = loader_array(loader, LIMIT_TABLES, sizeof *loader->tables);
    loader->forms = loader_array(loader, (size_t)LIMIT_TABLES * FORMS_PER_TABLE, sizeof *loader->forms);
    loader->columns = loader_array(loader, (size_t)LIMIT_TABLES * LIMIT_COLUMNS, sizeof *loader->columns);
    loader->names = loader_array(loader, NAMES_MAX, sizeof *loader->names);
    if (loader->no_memory) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    *mapping = (struct mapping){.file = path, .system = "", .form_window_ms = LIMIT_FORM_WINDOW_MS};
    loader->mapping = mapping;
    if (loader->root->kind == YAML_NULL) {
        yaml_problem(&loader->walk, NULL, "Begin with one of deploy/samples/*-mapping.yaml.", "The file is empty.");
    } else if (yaml_is_map(&loader->walk, loader->root, "The mapping")) {
        read_root(loader);
        list_names(loader);
    }
    if (loader->no_memory) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (problems_total(loader->walk.problems) > loader->before) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    mapping->tables = loader->tables;
    mapping->table_count = loader->table_count;
    mapping->complaints = &loader->tables[0].forms[0];
    *out_mapping = mapping;
    return status_ok();
}

struct status mapping_parse(const char *path, struct span source, struct arena *arena, struct problems *problems,
                            const struct mapping **out_mapping)
{
    struct loader loader = {.before = problems_total(problems)};
    struct status parsed = yaml_parse(path, source, arena, problems, &loader.walk, &loader.root);
    if (!loader.root) {
        return parsed;
    }
    return load(&loader, path, out_mapping);
}

struct status mapping_load(const char *path, struct arena *arena, struct problems *problems,
                           const struct mapping **out_mapping)
{
    struct loader loader = {.before = problems_total(problems)};
    struct status parsed = yaml_load(path, arena, problems, &loader.walk, &loader.root);
    if (!loader.root) {
        return parsed;
    }
    return load(&loader, path, out_mapping);
}
