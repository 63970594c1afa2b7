/* SPDX-License-Identifier: Apache-2.0 */
#include "node/mapping/field.h"
#include "proto/limits.h"

struct span trimmed(struct span text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) {
        text.size--;
    }
    return text;
}

static const char *text_problem(struct span text)
{
    if (text.size > LIMIT_FIELD_SIZE) {
        return "the text is longer than 64 KiB";
    }
    return text_is_utf8(text) ? NULL : "the text is not valid UTF-8";
}

static bool is_empty(const struct mapping_raw *raw)
{
    return raw->null || raw->bytes.size == 0;
}

/* Exactly, or but for the padding of a CHAR column. NULL and "" may stand for each other only if the table has no line
 * of its own for the one in the row. */
static const struct mapping_word *find_word(const struct mapping_field *field, const struct mapping_raw *raw)
{
    const struct mapping_word *empty = NULL;
    for (size_t i = 0; i < field->word_count; i++) {
        const struct mapping_word *word = &field->words[i];
        if (raw->null == word->raw.null && span_equal(trimmed(raw->bytes), trimmed(word->raw.bytes))) {
            return word;
        }
        if (is_empty(raw) && is_empty(&word->raw)) {
            empty = word;
        }
    }
    return empty;
}

static const char *word_problem(enum field_part part)
{
    switch (part) {
    case PART_STATUS:
        return "the mapping has no status for this value";
    case PART_CLASSIFICATION:
        return "the mapping has no classification for this value";
    case PART_CHANNEL:
        return "the mapping has no channel for this value";
    case PART_FLAG:
    case PART_SUPERVISORY:
        return "the mapping says neither yes nor no for this value";
    default:
        return "the mapping has no line for this value";
    }
}

static bool is_routed_away(const struct mapping_field *field, const struct mapping_raw *raw)
{
    return field->routes_away && raw->null == field->routed_away.null &&
           span_equal(trimmed(raw->bytes), trimmed(field->routed_away.bytes));
}

static const char *read_word(const struct mapping_field *field, const struct mapping_raw *raw, struct part_value *out)
{
    const struct mapping_word *word = find_word(field, raw);
    if (!word) {
        return is_empty(raw) || is_routed_away(field, raw) ? NULL : word_problem(field->part);
    }
    *out = (struct part_value){.there = true, .number = word->number, .text = word->text};
    return NULL;
}

/* A text of the register itself may be empty; a part of a larger value is then not there. */
static const char *read_text(const struct mapping_field *field, const struct mapping_raw *raw, struct part_value *out)
{
    const struct mapping_word *word = find_word(field, raw);
    if (word) {
        *out = (struct part_value){.there = true, .text = word->text};
        return NULL;
    }
    if (raw->null) {
        return NULL;
    }
    if (!field->open) {
        return raw->bytes.size == 0 ? NULL : word_problem(field->part);
    }
    const char *problem = text_problem(raw->bytes);
    if (!problem && (raw->bytes.size > 0 || field->part == PART_TEXT)) {
        *out = (struct part_value){.there = true, .text = raw->bytes};
    }
    return problem;
}

static const char *read_time(const struct mapping_field *field, const struct mapping_raw *raw, struct part_value *out)
{
    struct span text = raw->null ? (struct span){0} : trimmed(raw->bytes);
    struct part_value part = {.there = true};
    if (text.size == 0 || time_is_zero_date(text)) {
        return NULL;
    }
    if (!time_read(&field->format, text, &part.ms)) {
        return "this is not a time in the format that the mapping names";
    }
    part.there = part.ms != 0;
    *out = part;
    return NULL;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Digits; a fraction only of zeros, as a NUMERIC column shows it. 0 stands for none. */
static const char *read_number(const struct mapping_raw *raw, struct part_value *out)
{
    struct span text = raw->null ? (struct span){0} : trimmed(raw->bytes);
    uint64_t value = 0;
    size_t i = 0;
    if (text.size == 0) {
        return NULL;
    }
    for (; i < text.size && i < 18 && is_digit(text.data[i]); i++) {
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    bool is_whole = i > 0;
    if (i < text.size && text.data[i] == '.') {
        for (i++; i < text.size && text.data[i] == '0'; i++) {
        }
    }
    if (!is_whole || i != text.size) {
        return "this is not a whole number from 0";
    }
    *out = (struct part_value){.there = value != 0, .count = value};
    return NULL;
}

static bool scan_degrees(struct span text, int64_t *out_e7)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t i = negative ? 1 : 0;
    size_t first = i;
    int64_t value = 0;
    for (; i < text.size && i < first + 4 && is_digit(text.data[i]); i++) {
        value = value * 10 + (text.data[i] - '0');
    }
    bool has_digits = i > first;
    value *= 10000000;
    if (i < text.size && (text.data[i] == '.' || text.data[i] == ',')) {
        int64_t scale = 1000000;
        for (i++; i < text.size && is_digit(text.data[i]); i++, scale /= 10) {
            value += (text.data[i] - '0') * scale;
        }
    }
    *out_e7 = negative ? -value : value;
    return has_digits && i == text.size;
}

/* 1e-7 degrees are a centimetre: further digits are cut. A comma may be the decimal point. */
static const char *read_degrees(const struct mapping_field *field, const struct mapping_raw *raw,
                                struct part_value *out)
{
    struct span text = raw->null ? (struct span){0} : trimmed(raw->bytes);
    int64_t e7;
    if (text.size == 0) {
        return NULL;
    }
    int64_t most = INT64_C(10000000) * (field->part == PART_LAT ? 90 : 180);
    if (!scan_degrees(text, &e7) || e7 > most || e7 < -most) {
        return field->part == PART_LAT ? "this is not a latitude in degrees" : "this is not a longitude in degrees";
    }
    *out = (struct part_value){.there = true, .e7 = (int32_t)e7};
    return NULL;
}

static const char *read_template(const struct mapping_field *field, const struct mapping_raw *raw, struct arena *arena,
                                 struct part_value *out, size_t *out_column, struct status *status)
{
    struct buffer text;
    bool there = false;
    buffer_init(&text, arena);
    for (size_t i = 0; i < field->piece_count; i++) {
        const struct template_piece *piece = &field->pieces[i];
        if (piece->column == NO_COLUMN) {
            buffer_add_span(&text, piece->literal);
            continue;
        }
        *out_column = piece->column;
        const char *problem = raw[piece->column].null ? NULL : text_problem(raw[piece->column].bytes);
        if (problem) {
            return problem;
        }
        there |= !raw[piece->column].null;
        buffer_add_span(&text, raw[piece->column].null ? (struct span){0} : raw[piece->column].bytes);
    }
    struct part_value part = {.there = there};
    *status = buffer_end(&text, &part.text);
    if (part.text.size > LIMIT_FIELD_SIZE) {
        return "the text is longer than 64 KiB";
    }
    *out = part;
    return NULL;
}

bool field_read(const struct mapping_field *field, const struct mapping_table *table, const struct mapping_raw *raw,
                struct arena *arena, struct part_value *out_part, const char **out_problem, size_t *out_column,
                struct status *status)
{
    const char *problem = NULL;
    struct part_value part = {0};
    size_t column = field->column;
    if (field->constant) {
        part = (struct part_value){.there = true, .number = field->word.number, .text = field->word.text};
    } else if (field->piece_count > 0) {
        problem = read_template(field, raw, arena, &part, &column, status);
    } else if (field->target == TARGET_KEY) {
        column = table->key[0];
        struct status key = mapping_key(table, raw, arena, &part.text);
        part.there = true;
        problem = key.code == STATUS_INVALID ? "the key is empty, too long or not valid UTF-8" : NULL;
        *status = problem ? *status : key;
    } else if (field->target == TARGET_WORD) {
        problem = read_word(field, &raw[column], &part);
    } else if (field->target == TARGET_TIME) {
        problem = read_time(field, &raw[column], &part);
    } else if (field->target == TARGET_NUMBER) {
        problem = read_number(&raw[column], &part);
    } else if (field->target == TARGET_DEGREES) {
        problem = read_degrees(field, &raw[column], &part);
    } else {
        problem = read_text(field, &raw[column], &part);
    }
    if (problem) {
        *out_problem = problem;
        *out_column = column;
        return false;
    }
    *out_part = part;
    return status_is_ok(*status);
}
