/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "node/config/config.h"
#include "node/mapping/field.h"
#include "proto/limits.h"

#define NAME_SIZE 128
#define REGISTERS_MAX 40

/* A single column, or a list of columns. */
static size_t *read_columns(struct loader *loader, struct mapping_table *table, const struct yaml_node *node,
                            const char *what, size_t *out_count)
{
    size_t *list = loader_array(loader, LIMIT_COLUMNS, sizeof *list);
    size_t count = 0;
    const struct yaml_node *single[1] = {node};
    bool is_list = node && node->kind == YAML_LIST;
    const struct yaml_node *const *items = is_list ? node->items : single;
    size_t item_count = is_list ? node->count : node ? 1 : 0;
    for (size_t i = 0; list && i < item_count && i < LIMIT_COLUMNS; i++) {
        size_t column = loader_column(loader, table, items[i], what);
        if (column != NO_COLUMN) {
            list[count++] = column;
        }
    }
    if (is_list && node->count == 0) {
        yaml_problem(&loader->walk, node, NULL, "%s: the list is empty.", yaml_say(&loader->walk, what));
    }
    *out_count = count;
    return list;
}

static void read_filter(struct loader *loader, struct mapping_filter *filter, const struct yaml_node *node)
{
    const struct yaml_node *single[1] = {node};
    bool is_list = node->kind == YAML_LIST;
    const struct yaml_node *const *items = is_list ? node->items : single;
    size_t count = is_list ? node->count : 1;
    struct mapping_raw *values = loader_array(loader, count + 1, sizeof *values);
    for (size_t i = 0; values && i < count; i++) {
        if (loader_raw(loader, items[i], "A value of \"only\"", &values[filter->count])) {
            filter->count++;
        }
    }
    if (count == 0) {
        yaml_problem(&loader->walk, node, NULL, "A list in \"only\" is empty: no row would pass.");
    }
    filter->values = values;
}

static void read_filters(struct loader *loader, struct mapping_table *table, struct mapping_form *form,
                         const struct yaml_node *node)
{
    if (!yaml_is_map(&loader->walk, node, "\"only\"")) {
        return;
    }
    struct mapping_filter *filters = loader_array(loader, node->count + 1, sizeof *filters);
    for (size_t i = 0; filters && i < node->count; i++) {
        struct mapping_filter *filter = &filters[form->filter_count];
        filter->column = loader_column(loader, table, node->pairs[i].key, "The column");
        if (filter->column != NO_COLUMN) {
            read_filter(loader, filter, node->pairs[i].value);
            form->filter_count++;
        }
    }
    form->filters = filters;
}

/* A text with {id} in it, for values that the application makes itself and that must differ from row to row. */
static const char *read_pattern(struct loader *loader, const struct yaml_node *node, const char *what)
{
    const char *text;
    if (!yaml_text(&loader->walk, node, what, &text)) {
        return NULL;
    }
    if (!strstr(text, "{id}")) {
        yaml_problem(&loader->walk, node, "As in \"SIMPUL-{id}\".", "%s must hold {id}.", yaml_say(&loader->walk, what));
        return NULL;
    }
    return text;
}

static void read_default(struct loader *loader, const struct mapping_table *table, const struct yaml_pair *pair,
                         struct mapping_default *value)
{
    static const char *const known[] = {"now", "zone", "template", NULL};
    const struct yaml_node *node = pair->value;
    *value = (struct mapping_default){.format = {.zone_minutes = loader->mapping->zone_minutes}};
    loader_name(loader, USE_INSERT, table, pair->key);
    value->column = pair->key->kind == YAML_TEXT ? pair->key->text : "";
    if (node->kind != YAML_MAP) {
        loader_raw(loader, node, "A default", &value->raw);
        return;
    }
    yaml_only_keys(&loader->walk, node, known, "a default");
    value->pattern = read_pattern(loader, yaml_get(node, "template"), "The template of a default");
    if (!yaml_get(node, "template")) {
        const struct yaml_node *now = yaml_need(&loader->walk, node, "now", "the format of the current time");
        value->now = now && loader_format(loader, now, &value->format);
        config_zone(&loader->walk, yaml_get(node, "zone"), &value->format.zone_minutes);
    }
}

static void read_insert(struct loader *loader, const struct mapping_table *table, struct mapping_form *form,
                        const struct yaml_node *node)
{
    static const char *const known[] = {"allowed", "key", "defaults", NULL};
    form->insert = true;
    if (!yaml_is_map(&loader->walk, node, "\"insert\"")) {
        return;
    }
    yaml_only_keys(&loader->walk, node, known, "\"insert\"");
    yaml_bool(&loader->walk, yaml_get(node, "allowed"), "\"allowed\"", &form->insert);
    const struct yaml_node *key = yaml_get(node, "key");
    form->new_key = read_pattern(loader, key, "The key of new rows");
    if (key && table->key_count != 1) {
        yaml_problem(&loader->walk, key, "Leave it out where the database makes the key.",
                     "The key of new rows can be made here for a key of one column only.");
    }
    const struct yaml_node *defaults = yaml_get(node, "defaults");
    if (!yaml_is_map(&loader->walk, defaults, "\"defaults\"")) {
        return;
    }
    struct mapping_default *list = loader_array(loader, defaults->count + 1, sizeof *list);
    for (size_t i = 0; list && i < defaults->count; i++) {
        read_default(loader, table, &defaults->pairs[i], &list[form->default_count++]);
    }
    form->defaults = list;
}

/* Names inside `fields` of notes are short: text is note_text. */
static const struct register_info *find_register(enum mapping_form_kind kind, const char *name)
{
    char full[NAME_SIZE];
    if (kind == FORM_COMPLAINT) {
        const struct register_info *info = register_by_name(name);
        return info && !info->of_part ? info : NULL;
    }
    snprintf(full, sizeof full, "note_%s", name);
    return register_by_name(full);
}

static bool is_mappable(const struct register_info *info)
{
    return info->type != VALUE_OPAQUE && info->type != VALUE_PRESENCE && info->type != VALUE_RECORD &&
           info->type != VALUE_BYTES;
}

static void unknown_register(struct loader *loader, enum mapping_form_kind kind, const struct yaml_node *key)
{
    const char *words[REGISTERS_MAX + 1];
    size_t count = 0;
    size_t total;
    const struct register_info *all = register_table(&total);
    for (size_t i = 0; i < total && count < REGISTERS_MAX; i++) {
        bool is_note = strncmp(all[i].name, "note_", 5) == 0;
        if (is_mappable(&all[i]) && (kind == FORM_NOTE ? is_note : !all[i].of_part)) {
            words[count++] = all[i].name + (kind == FORM_NOTE ? 5 : 0);
        }
    }
    words[count] = NULL;
    yaml_unknown_key(&loader->walk, key, words,
                     kind == FORM_NOTE ? "the fields of a note" : "the fields of a complaint");
}

/* Personal data: the columns are known by name, and neither read nor captured. */
static void read_reporter(struct loader *loader, const struct mapping_table *table, const struct yaml_node *node)
{
    static const char *const known[] = {"name", "phone", "email", "nik", "address", NULL};
    if (node->kind == YAML_TEXT) {
        loader_name(loader, USE_SEALED, table, node);
        return;
    }
    if (!yaml_is_map(&loader->walk, node, "reporter")) {
        return;
    }
    yaml_only_keys(&loader->walk, node, known, "reporter");
    for (size_t i = 0; i < node->count; i++) {
        loader_name(loader, USE_SEALED, table, node->pairs[i].value);
    }
}

static void insert_register(struct mapping_form *form, struct mapping_register *registers, struct mapping_register reg)
{
    size_t at = form->register_count++;
    for (; at > 0 && registers[at - 1].number > reg.number; at--) {
        registers[at] = registers[at - 1];
    }
    registers[at] = reg;
}

/* No column may be written by two fields, nor a key at all: the second write would undo the first. */
static void check_writers(struct loader *loader, const struct mapping_table *table, const struct mapping_form *form,
                          const struct mapping_register *reg, const struct yaml_node *key)
{
    for (size_t i = 0; i < reg->field_count; i++) {
        size_t column = reg->fields[i].column;
        if (column == NO_COLUMN || !reg->writable) {
            continue;
        }
        for (size_t j = 0; j < table->key_count; j++) {
            if (table->key[j] == column) {
                yaml_problem(&loader->walk, key, "Write direction: in.", "%s would write into the key column \"%s\".",
                             key->text, table->columns[column].name);
            }
        }
        for (size_t j = 0; j < form->register_count; j++) {
            const struct mapping_register *other = &form->registers[j];
            for (size_t k = 0; other->writable && k < other->field_count; k++) {
                if (other->fields[k].column == column) {
                    yaml_problem(&loader->walk, key, "Write direction: in at one of the two.",
                                 "Two fields would write into the column \"%s\".", table->columns[column].name);
                }
            }
        }
    }
}

static void read_register(struct loader *loader, struct mapping_table *table, struct mapping_form *form,
                          struct mapping_register *registers, const struct yaml_pair *pair)
{
    const char *name = pair->key->kind == YAML_TEXT ? pair->key->text : "~";
    const struct register_info *info = find_register(form->kind, name);
    if (!info || !is_mappable(info)) {
        unknown_register(loader, form->kind, pair->key);
    } else if (info->type == VALUE_SEALED) {
        read_reporter(loader, table, pair->value);
    } else if (form->register_count < REGISTERS_MAX) {
        struct mapping_register reg;
        loader_register(loader, table, info, pair->value, &reg);
        check_writers(loader, table, form, &reg, pair->key);
        insert_register(form, registers, reg);
    }
}

static void read_fields(struct loader *loader, struct mapping_table *table, struct mapping_form *form,
                        const struct yaml_node *node)
{
    struct mapping_register *registers = loader_array(loader, REGISTERS_MAX + 1, sizeof *registers);
    if (!registers) {
        return;
    }
    form->registers = registers;
    if (yaml_is_map(&loader->walk, node, "\"fields\"")) {
        for (size_t i = 0; i < node->count; i++) {
            read_register(loader, table, form, registers, &node->pairs[i]);
        }
    }
    if (form->kind == FORM_COMPLAINT && !yaml_get(node, "refs")) {
        struct mapping_register refs;
        loader_register(loader, table, register_info(REG_REFS), NULL, &refs);
        insert_register(form, registers, refs);
    }
}

static struct mapping_table *find_table(struct loader *loader, const char *schema, const char *name)
{
    for (size_t i = 0; i < loader->table_count; i++) {
        struct mapping_table *table = &loader->tables[i];
        bool same_schema = schema && table->schema ? strcmp(schema, table->schema) == 0 : schema == table->schema;
        if (same_schema && strcmp(table->name, name) == 0) {
            return table;
        }
    }
    return NULL;
}

/* The table of a section, new or, for replies in the same table, the one that is known. */
static struct mapping_table *open_table(struct loader *loader, const struct yaml_node *section)
{
    const char *name = "";
    const char *schema = NULL;
    const struct yaml_node *node = yaml_need(&loader->walk, section, "table", "the table that holds the rows");
    yaml_text(&loader->walk, node, "The table", &name);
    yaml_text(&loader->walk, yaml_get(section, "schema"), "The schema", &schema);
    struct mapping_table *table = find_table(loader, schema, name);
    if (table) {
        return table;
    }
    if (loader->table_count == LIMIT_TABLES) {
        yaml_problem(&loader->walk, section, NULL, "More than %d tables.", LIMIT_TABLES);
        return NULL;
    }
    table = &loader->tables[loader->table_count];
    *table = (struct mapping_table){.name = name, .schema = schema};
    table->columns = loader->columns + loader->table_count * LIMIT_COLUMNS;
    table->forms = loader->forms + loader->table_count * FORMS_PER_TABLE;
    table->line = node ? node->line : section->line;
    table->column = node ? node->column : section->column;
    loader->table_count++;
    return table;
}

static void read_key(struct loader *loader, struct mapping_table *table, const struct yaml_node *section)
{
    const struct yaml_node *key = yaml_get(section, "key");
    bool known = table->key_count > 0;
    if (known && key) {
        yaml_problem(&loader->walk, key, "Remove this line.", "The key of this table is already named above.");
    }
    if (known) {
        return;
    }
    if (!key) {
        key = yaml_need(&loader->walk, section, "key", "the primary key column, or a list of them");
    }
    table->key = read_columns(loader, table, key, "The key column", &table->key_count);
}

static void read_parent(struct loader *loader, struct mapping_table *table, struct mapping_form *form,
                        const struct yaml_node *section)
{
    const struct yaml_node *parent =
        yaml_need(&loader->walk, section, "parent", "the column that holds the key of the complaint");
    form->parent = read_columns(loader, table, parent, "The parent column", &form->parent_count);
    if (parent && form->parent_count != loader->tables[0].key_count && form->parent_count > 0) {
        yaml_problem(&loader->walk, parent, NULL, "The key of a complaint has %zu column(s), but %zu stand here.",
                     loader->tables[0].key_count, form->parent_count);
    }
}

static bool has_form(const struct mapping_table *table, enum mapping_form_kind kind)
{
    for (size_t i = 0; i < table->form_count; i++) {
        if (table->forms[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static bool writes(const struct mapping_form *form, uint32_t number)
{
    for (size_t i = 0; i < form->register_count; i++) {
        if (form->registers[i].number == number) {
            return form->registers[i].writable;
        }
    }
    return false;
}

/* Notes that tell clerks of conflicts must not be seen by citizens. */
static void read_tell(struct loader *loader, struct mapping_form *form, const struct yaml_node *node)
{
    static const char *const words[] = {"no", "indonesian", "english", NULL};
    size_t word = 0;
    if (!node || !yaml_word(&loader->walk, node, "\"conflicts\"", words, &word) || word == 0) {
        return;
    }
    form->tell = (enum mapping_tell)word;
    if (!form->insert || !writes(form, REG_NOTE_TEXT) || !writes(form, REG_NOTE_INTERNAL)) {
        yaml_problem(&loader->walk, node, "Map \"internal\" to a column and let Simpul insert rows here, or write: no.",
                     "Conflicts can be told only in a table with \"text\", \"internal\" and \"insert\".");
    }
}

void loader_section(struct loader *loader, enum mapping_form_kind kind, const struct yaml_node *section)
{
    static const char *const known_complaint[] = {
        "table", "schema", "key", "identity", "only", "fields", "insert", "wait_until_filled", NULL};
    static const char *const known_note[] = {
        "table", "schema", "key", "parent", "identity", "only", "fields", "insert", "wait_until_filled", "conflicts", NULL};
    bool is_note = kind == FORM_NOTE;
    const char *what = is_note ? "\"notes\"" : "\"complaints\"";
    if (!yaml_is_map(&loader->walk, section, what)) {
        return;
    }
    yaml_only_keys(&loader->walk, section, is_note ? known_note : known_complaint, what);
    struct mapping_table *table = open_table(loader, section);
    if (!table) {
        return;
    }
    if (has_form(table, kind)) {
        yaml_problem(&loader->walk, section, NULL, "This table is already described above.");
        return;
    }
    struct mapping_form *form = loader_form(loader, table);
    form->kind = kind;
    read_key(loader, table, section);
    if (is_note) {
        read_parent(loader, table, form, section);
    }
    form->identity =
        read_columns(loader, table, yaml_get(section, "identity"), "The identity column", &form->identity_count);
    form->filled =
        read_columns(loader, table, yaml_get(section, "wait_until_filled"), "The column", &form->filled_count);
    read_filters(loader, table, form, yaml_get(section, "only"));
    read_fields(loader, table, form, yaml_need(&loader->walk, section, "fields", "which column holds what"));
    read_insert(loader, table, form, yaml_get(section, "insert"));
    read_tell(loader, form, yaml_get(section, "conflicts"));
}
