/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/sql_text.h"

#include <stdio.h>

void sql_add(struct buffer *sql, const char *text)
{
    buffer_add(sql, text, strlen(text));
}

void sql_number(struct buffer *sql, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    sql_add(sql, text);
}

static void add_doubled(struct buffer *sql, const char *text, char quote)
{
    buffer_add_u8(sql, (uint8_t)quote);
    for (; *text; text++) {
        if (*text == quote) {
            buffer_add_u8(sql, (uint8_t)quote);
        }
        buffer_add_u8(sql, (uint8_t)*text);
    }
    buffer_add_u8(sql, (uint8_t)quote);
}

void sql_name(struct buffer *sql, const char *name)
{
    add_doubled(sql, name, '"');
}

void sql_table(struct buffer *sql, const struct mapping_table *table)
{
    if (table->schema) {
        sql_name(sql, table->schema);
        sql_add(sql, ".");
    }
    sql_name(sql, table->name);
}

void sql_literal(struct buffer *sql, const char *text, bool e_string)
{
    if (!e_string) {
        add_doubled(sql, text, '\'');
        return;
    }
    sql_add(sql, "E'");
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') {
            buffer_add_u8(sql, (uint8_t)*text);
        }
        buffer_add_u8(sql, (uint8_t)*text);
    }
    sql_add(sql, "'");
}

void sql_column(struct buffer *sql, const char *prefix, const char *column)
{
    sql_add(sql, prefix);
    sql_add(sql, ".");
    sql_name(sql, column);
}

struct status sql_end(struct buffer *sql, const char **out_text)
{
    struct span text;
    buffer_add_u8(sql, 0);
    TRY(buffer_end(sql, &text));
    *out_text = (const char *)text.data;
    return status_ok();
}

const char *sql_label(const struct mapping_table *table, struct arena *arena)
{
    struct buffer label;
    const char *text = NULL;
    buffer_init(&label, arena);
    if (table->schema) {
        sql_add(&label, table->schema);
        sql_add(&label, ".");
    }
    sql_add(&label, table->name);
    return status_is_ok(sql_end(&label, &text)) ? text : NULL;
}

size_t sql_label_find(const char *const *labels, size_t count, struct span label)
{
    size_t i = 0;
    while (i < count && !span_equal(span_text(labels[i]), label)) {
        i++;
    }
    return i;
}
