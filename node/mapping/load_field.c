/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "node/config/config.h"
#include "node/mapping/field.h"
#include "proto/limits.h"

#define WHAT_SIZE 160

/* Which parts a register's value has and under which key each stands in its form; NULL: its options stand with the
 * register itself. A register written as a single word has that column in its first part. */
static const struct part_spec {
    enum value_type type;
    const char *key;
    enum field_part part;
    enum field_target target;
} PARTS[] = {
    {VALUE_TEXT, NULL, PART_TEXT, TARGET_TEXT},
    {VALUE_STATUS, NULL, PART_STATUS, TARGET_WORD},
    {VALUE_STATUS, "reason", PART_REASON, TARGET_TEXT},
    {VALUE_CLASS, "classification", PART_CLASSIFICATION, TARGET_WORD},
    {VALUE_CLASS, "category", PART_CATEGORY, TARGET_TEXT},
    {VALUE_CLASS, "supervisory", PART_SUPERVISORY, TARGET_WORD},
    {VALUE_CHANNEL, NULL, PART_CHANNEL, TARGET_WORD},
    {VALUE_TIME, NULL, PART_TIME, TARGET_TIME},
    {VALUE_ASSIGN, "opd", PART_OPD, TARGET_TEXT},
    {VALUE_ASSIGN, "deadline", PART_DEADLINE, TARGET_TIME},
    {VALUE_ASSIGN, "by", PART_BY, TARGET_TEXT},
    {VALUE_SCOPE, NULL, PART_SCOPE, TARGET_TEXT},
    {VALUE_REQUEST, "wanted", PART_SCOPE, TARGET_TEXT},
    {VALUE_REQUEST, "reason", PART_REASON, TARGET_TEXT},
    {VALUE_FLAG, NULL, PART_FLAG, TARGET_WORD},
    {VALUE_NUMBER, NULL, PART_NUMBER, TARGET_NUMBER},
    {VALUE_PLACE, "region", PART_REGION, TARGET_TEXT},
    {VALUE_PLACE, "village", PART_VILLAGE, TARGET_TEXT},
    {VALUE_PLACE, "address", PART_ADDRESS, TARGET_TEXT},
    {VALUE_PLACE, "lat", PART_LAT, TARGET_DEGREES},
    {VALUE_PLACE, "lon", PART_LON, TARGET_DEGREES},
};
#define PART_SPECS (sizeof PARTS / sizeof PARTS[0])
#define FIELDS_MAX 16

/* The words that a TARGET_WORD field may mean, by number. */
struct vocabulary {
    const char *words[COMPLAINT_STATUS_COUNT + CLASSIFICATION_COUNT + CHANNEL_COUNT];
    uint32_t first; /* number of words[0] */
    const char *what;
};

static void vocabulary_of(enum field_part part, struct vocabulary *out)
{
    size_t count = 0;
    out->first = 1;
    if (part == PART_STATUS) {
        for (int i = 1; i < COMPLAINT_STATUS_COUNT; i++) {
            out->words[count++] = complaint_status_name((enum complaint_status)i);
        }
        out->what = "The status";
    } else if (part == PART_CLASSIFICATION) {
        for (int i = 1; i < CLASSIFICATION_COUNT; i++) {
            out->words[count++] = classification_name((enum classification)i);
        }
        out->what = "The classification";
    } else if (part == PART_CHANNEL) {
        for (int i = 1; i < CHANNEL_COUNT; i++) {
            out->words[count++] = channel_name((enum channel)i);
        }
        out->what = "The channel";
    } else {
        out->words[count++] = "no";
        out->words[count++] = "yes";
        out->first = 0;
        out->what = "The flag";
    }
    out->words[count] = NULL;
}

/* What a word or text in the mapping means, as the value of `field`. */
static bool read_meaning(struct loader *loader, const struct mapping_field *field, const struct yaml_node *node,
                         struct mapping_word *word)
{
    struct vocabulary vocabulary;
    const char *text;
    size_t index;
    if (field->target != TARGET_WORD) {
        if (!yaml_text(&loader->walk, node, "The value", &text)) {
            return false;
        }
        word->text = span_text(text);
        return true;
    }
    if (field->part == PART_FLAG || field->part == PART_SUPERVISORY) {
        bool flag;
        bool is_flag = yaml_bool(&loader->walk, node, "The flag", &flag);
        word->number = is_flag && flag ? 1 : 0;
        return is_flag;
    }
    vocabulary_of(field->part, &vocabulary);
    if (!yaml_word(&loader->walk, node, vocabulary.what, vocabulary.words, &index)) {
        return false;
    }
    word->number = vocabulary.first + (uint32_t)index;
    return true;
}

/* The right side of a line of a status table may be a group: status and reason. */
static bool read_table_meaning(struct loader *loader, const struct mapping_field *field, const struct yaml_node *node,
                               struct mapping_word *word)
{
    static const char *const known[] = {"status", "reason", NULL};
    if (field->part != PART_STATUS || node->kind != YAML_MAP) {
        return read_meaning(loader, field, node, word);
    }
    const char *reason;
    yaml_only_keys(&loader->walk, node, known, "a line of the status table");
    if (yaml_text(&loader->walk, yaml_get(node, "reason"), "The reason", &reason)) {
        word->text = span_text(reason);
    }
    return read_meaning(loader, field, yaml_need(&loader->walk, node, "status", "the status meant"), word);
}

static void read_values(struct loader *loader, struct mapping_field *field, const struct yaml_node *node)
{
    if (!yaml_is_map(&loader->walk, node, "\"values\"")) {
        return;
    }
    struct mapping_word *words = loader_array(loader, node->count + 1, sizeof *words);
    for (size_t i = 0; words && i < node->count; i++) {
        struct mapping_word *word = &words[field->word_count];
        *word = (struct mapping_word){.number = 0};
        if (loader_raw(loader, node->pairs[i].key, "The value in the column", &word->raw) &&
            read_table_meaning(loader, field, node->pairs[i].value, word)) {
            field->word_count++;
        }
    }
    field->words = words;
    field->open = false;
}

/* "write": meaning: value in the column. */
static void read_writes(struct loader *loader, struct mapping_field *field, const struct yaml_node *node)
{
    if (!yaml_is_map(&loader->walk, node, "\"write\"")) {
        return;
    }
    struct mapping_word *words = loader_array(loader, node->count + 1, sizeof *words);
    for (size_t i = 0; words && i < node->count; i++) {
        struct mapping_word *word = &words[field->write_count];
        *word = (struct mapping_word){.number = 0};
        if (read_meaning(loader, field, node->pairs[i].key, word) &&
            loader_raw(loader, node->pairs[i].value, "The value in the column", &word->raw)) {
            field->write_count++;
        }
    }
    field->writes = words;
}

/* Where no table is given, the column holds our own words; a flag is what databases show for a boolean. */
static void own_words(struct loader *loader, struct mapping_field *field)
{
    static const char *const flags[] = {"1", "0", "t", "f", "true", "false"};
    struct vocabulary vocabulary;
    vocabulary_of(field->part, &vocabulary);
    bool is_flag = vocabulary.first == 0;
    size_t count = 6;
    for (size_t i = 0; !is_flag && vocabulary.words[i]; i++) {
        count = i + 1;
    }
    struct mapping_word *words = loader_array(loader, count, sizeof *words);
    for (size_t i = 0; words && i < count; i++) {
        words[i].raw.bytes = span_text(is_flag ? flags[i] : vocabulary.words[i]);
        words[i].number = is_flag ? 1 - (uint32_t)(i % 2) : vocabulary.first + (uint32_t)i;
    }
    field->words = words;
    field->word_count = words ? count : 0;
}

static bool add_piece(struct loader *loader, struct mapping_table *table, const struct yaml_node *node,
                      struct span text, bool is_column, struct template_piece *piece)
{
    *piece = (struct template_piece){.literal = text, .column = NO_COLUMN};
    if (!is_column) {
        return true;
    }
    char *name = loader_array(loader, text.size + 1, 1);
    if (!name) {
        return false;
    }
    memcpy(name, text.data, text.size);
    struct yaml_node column = *node;
    column.text = name;
    column.size = text.size;
    column.kind = YAML_TEXT;
    piece->column = loader_column(loader, table, &column, "The column in the template");
    return piece->column != NO_COLUMN;
}

/* "{RequestType}, {Address}". */
static void read_template(struct loader *loader, struct mapping_table *table, const struct yaml_node *node,
                          struct mapping_field *field)
{
    const char *text;
    size_t columns = 0;
    if (!yaml_text(&loader->walk, node, "The template", &text)) {
        return;
    }
    struct template_piece *pieces = loader_array(loader, node->size + 1, sizeof *pieces);
    field->pieces = pieces;
    for (const char *p = text; pieces && *p;) {
        bool is_column = *p == '{';
        size_t size = is_column ? strcspn(p, "}") : strcspn(p, "{");
        if (is_column && (p[size] != '}' || size < 2)) {
            yaml_problem(&loader->walk, node, "As in \"{judul}: {isi}\".",
                         "A column's name in the template is not closed with }.");
            return;
        }
        struct span part = is_column ? span_of(p + 1, size - 1) : span_of(p, size);
        if (!add_piece(loader, table, node, part, is_column, &pieces[field->piece_count])) {
            return;
        }
        field->piece_count++;
        columns += is_column ? 1 : 0;
        p += size + (is_column ? 1 : 0);
    }
    if (columns == 0) {
        yaml_problem(&loader->walk, node, "Name columns in braces, or write constant:.",
                     "The template names no column.");
    }
}

/* Exactly one of column, constant, template says where the value comes from. */
static void read_origin(struct loader *loader, struct mapping_table *table, const struct yaml_node *node,
                        const char *what, struct mapping_field *field)
{
    const struct yaml_node *column = yaml_get(node, "column");
    const struct yaml_node *constant = yaml_get(node, "constant");
    const struct yaml_node *pattern = yaml_get(node, "template");
    size_t count = (column ? 1u : 0u) + (constant ? 1u : 0u) + (pattern ? 1u : 0u);
    if (count != 1) {
        yaml_problem(&loader->walk, node, "Write one of column, constant or template.",
                     count == 0 ? "%s does not say where its value comes from."
                                : "%s takes its value from more than one place.",
                     yaml_say(&loader->walk, what));
    } else if (column) {
        field->column = loader_column(loader, table, column, "The column");
    } else if (constant) {
        field->constant = read_meaning(loader, field, constant, &field->word);
    } else {
        read_template(loader, table, pattern, field);
    }
}

static void read_routed_away(struct loader *loader, struct mapping_field *field, const struct yaml_node *node)
{
    if (node) {
        field->routes_away = loader_raw(loader, node, "routed_away", &field->routed_away);
    }
}

static void read_tables(struct loader *loader, struct mapping_field *field, const struct yaml_node *node,
                        const char *what)
{
    const struct yaml_node *values = yaml_get(node, "values");
    if (values) {
        read_values(loader, field, values);
    } else if (field->part == PART_STATUS && !field->constant && node->kind == YAML_MAP) {
        yaml_problem(&loader->walk, node, "Add values: with one line per value in the column.",
                     "%s needs a table of what each value means.", yaml_say(&loader->walk, what));
    } else if (field->target == TARGET_WORD && !field->constant) {
        own_words(loader, field);
    }
    if (yaml_get(node, "write")) {
        read_writes(loader, field, yaml_get(node, "write"));
    }
}

/* The options that a part of this kind may have, into `out`; those of the register itself and its other parts too. */
static void known_options(const struct part_spec *spec, const char **out)
{
    size_t count = 0;
    out[count++] = "column";
    if (spec->target == TARGET_WORD || spec->target == TARGET_TEXT) {
        out[count++] = "constant";
        out[count++] = "values";
        out[count++] = "write";
    }
    if (spec->part == PART_TEXT) {
        out[count++] = "template";
    }
    if (spec->target == TARGET_TIME) {
        out[count++] = "format";
        out[count++] = "zone";
    }
    if (spec->part == PART_STATUS) {
        out[count++] = "routed_away";
    }
    if (!spec->key) {
        out[count++] = "direction";
    }
    for (size_t i = 0; i < PART_SPECS && !spec->key; i++) {
        if (PARTS[i].type == spec->type && PARTS[i].key) {
            out[count++] = PARTS[i].key;
        }
    }
    out[count] = NULL;
}

static void read_field(struct loader *loader, struct mapping_table *table, const struct part_spec *spec,
                       const struct yaml_node *node, const char *what, struct mapping_field *field)
{
    *field = (struct mapping_field){.part = spec->part,
                                    .target = spec->target,
                                    .column = NO_COLUMN,
                                    .open = spec->target == TARGET_TEXT,
                                    .format = {.zone_minutes = loader->mapping->zone_minutes}};
    if (node->kind == YAML_TEXT) {
        field->column = loader_column(loader, table, node, what);
        if (spec->part == PART_STATUS) {
            yaml_problem(&loader->walk, node, "Write column: and values: with one line per value in the column.",
                         "%s needs a table of what each value means.", yaml_say(&loader->walk, what));
        } else if (spec->target == TARGET_WORD) {
            own_words(loader, field);
        }
        return;
    }
    if (!yaml_is_map(&loader->walk, node, what)) {
        return;
    }
    const char *known[FIELDS_MAX];
    known_options(spec, known);
    yaml_only_keys(&loader->walk, node, known, what);
    read_origin(loader, table, node, what, field);
    read_tables(loader, field, node, what);
    read_routed_away(loader, field, yaml_get(node, "routed_away"));
    config_zone(&loader->walk, yaml_get(node, "zone"), &field->format.zone_minutes);
    loader_format(loader, yaml_get(node, "format"), &field->format);
}

static void read_parts(struct loader *loader, struct mapping_table *table, const struct register_info *info,
                       const struct yaml_node *node, struct mapping_field *fields, size_t *count)
{
    char what[WHAT_SIZE];
    const char *known[FIELDS_MAX] = {"direction"};
    size_t known_count = 1;
    bool inline_part = false;
    for (size_t i = 0; i < PART_SPECS; i++) {
        if (PARTS[i].type != info->type) {
            continue;
        }
        inline_part |= !PARTS[i].key;
        bool first = *count == 0 && node->kind == YAML_TEXT;
        const struct yaml_node *part = !PARTS[i].key || first ? node : yaml_get(node, PARTS[i].key);
        snprintf(what, sizeof what, "%s%s%s", info->name, PARTS[i].key ? "." : "", PARTS[i].key ? PARTS[i].key : "");
        if (PARTS[i].key) {
            known[known_count++] = PARTS[i].key;
        }
        if (part) {
            read_field(loader, table, &PARTS[i], part, what, &fields[(*count)++]);
        }
    }
    known[known_count] = NULL;
    if (!inline_part) {
        yaml_only_keys(&loader->walk, node, known, info->name);
    }
}

/* refs: system: column. The own key is always one of them. */
static void read_refs(struct loader *loader, struct mapping_table *table, const struct yaml_node *node,
                      struct mapping_field *fields, size_t *count)
{
    static const char own[] = "legacy:";
    char *system = loader_array(loader, sizeof own + strlen(loader->mapping->system), 1);
    if (!system) {
        return;
    }
    memcpy(system, own, sizeof own - 1);
    memcpy(system + sizeof own - 1, loader->mapping->system, strlen(loader->mapping->system));
    fields[(*count)++] = (struct mapping_field){
        .part = PART_OWN_KEY, .target = TARGET_KEY, .column = NO_COLUMN, .system = span_text(system)};
    if (!node || !yaml_is_map(&loader->walk, node, "refs")) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->pairs[i].key;
        if (key->kind != YAML_TEXT || key->size == 0 || *count == FIELDS_MAX) {
            yaml_problem(&loader->walk, key, NULL, "refs holds lines of \"system: column\", at most %d.",
                         FIELDS_MAX - 1);
            return;
        }
        if (strcmp(key->text, "direction") == 0) {
            continue;
        }
        size_t column = loader_column(loader, table, node->pairs[i].value, "The column of a ref");
        if (column != NO_COLUMN) {
            fields[(*count)++] = (struct mapping_field){.part = PART_REF,
                                                        .target = TARGET_TEXT,
                                                        .column = column,
                                                        .open = true,
                                                        .system = span_of(key->text, key->size)};
        }
    }
}

static void read_direction(struct loader *loader, const struct register_info *info, const struct yaml_node *node,
                           struct mapping_register *reg)
{
    static const char *const words[] = {"both", "in", "out", NULL};
    const struct yaml_node *direction = yaml_get(node, "direction");
    size_t index;
    reg->direction = info->hub_only ? MAPPING_OUT : MAPPING_BOTH;
    if (!yaml_word(&loader->walk, direction, "The direction", words, &index)) {
        return;
    }
    if (info->hub_only && index != MAPPING_OUT) {
        yaml_problem(&loader->walk, direction, "Write direction: out.",
                     "Only the hub decides %s; a legacy system may show it.", info->name);
        return;
    }
    reg->direction = (enum mapping_direction)index;
}

static void check_direction(struct loader *loader, const struct register_info *info, const struct yaml_node *node,
                            const struct mapping_register *reg)
{
    if (reg->direction == MAPPING_OUT && !reg->writable) {
        yaml_problem(&loader->walk, node, "Name a column, or remove the direction.",
                     "%s cannot go out: a constant or a template has no column of its own.", info->name);
    }
}

void loader_register(struct loader *loader, struct mapping_table *table, const struct register_info *info,
                     const struct yaml_node *node, struct mapping_register *reg)
{
    struct mapping_field *fields = loader_array(loader, FIELDS_MAX, sizeof *fields);
    *reg = (struct mapping_register){.number = info->number, .type = info->type, .fields = fields};
    if (!fields) {
        return;
    }
    if (info->type == VALUE_REFS) {
        read_refs(loader, table, node, fields, &reg->field_count);
    } else if (node && (node->kind == YAML_TEXT || yaml_is_map(&loader->walk, node, info->name))) {
        read_parts(loader, table, info, node, fields, &reg->field_count);
    }
    read_direction(loader, info, node, reg);
    loader_settle(loader, table, reg);
    if (node && reg->field_count > 0) {
        check_direction(loader, info, node, reg);
    }
}

void loader_scope(struct loader *loader, struct mapping_table *table, const struct yaml_node *node)
{
    static const struct part_spec spec = {VALUE_SCOPE, "scope", PART_SCOPE, TARGET_TEXT};
    if (!node || (node->kind == YAML_TEXT && strcmp(node->text, "node") == 0)) {
        return;
    }
    if (node->kind == YAML_TEXT) {
        yaml_problem(&loader->walk, node, "Write \"node\", or column: and the column that holds the region's code.",
                     "scope cannot be \"%s\".", node->text);
        return;
    }
    struct mapping_field *field = loader_array(loader, 1, sizeof *field);
    if (field) {
        read_field(loader, table, &spec, node, "scope", field);
        loader->mapping->scope = field;
    }
}
