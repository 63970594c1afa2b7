/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "node/mapping/field.h"

static const char *unsayable(enum field_part part)
{
    switch (part) {
    case PART_STATUS:
        return "this system has no word for this status: add it to the mapping under write";
    case PART_CLASSIFICATION:
        return "this system has no word for this classification";
    case PART_CHANNEL:
        return "this system has no word for this channel";
    default:
        return "this system has no word for this value";
    }
}

static bool says(const struct mapping_field *field, const struct mapping_word *word, const struct part_value *part,
                 bool with_reason)
{
    if (field->target == TARGET_TEXT) {
        return span_equal(word->text, part->text);
    }
    return word->number == part->number && (!with_reason || span_equal(word->text, part->text));
}

static const struct mapping_word *choose(const struct mapping_field *field, const struct mapping_word *words,
                                         size_t count, const struct part_value *part, bool with_reason)
{
    for (size_t i = 0; i < count; i++) {
        if (says(field, &words[i], part, with_reason)) {
            return &words[i];
        }
    }
    return NULL;
}

/* A line of the value table with the same status and reason says most; then what the mapping names for writing; then
 * the first line with the same status. */
static const struct mapping_word *find_raw(const struct mapping_field *field, const struct part_value *part)
{
    const struct mapping_word *word = NULL;
    if (field->part == PART_STATUS && part->text.size > 0) {
        word = choose(field, field->words, field->word_count, part, true);
    }
    if (!word) {
        word = choose(field, field->writes, field->write_count, part, false);
    }
    if (!word && field->part == PART_STATUS) {
        word = choose(field, field->words, field->word_count, part, true);
    }
    return word ? word : choose(field, field->words, field->word_count, part, false);
}

static struct status copy_text(struct arena *arena, const char *text, struct mapping_raw *out_raw)
{
    *out_raw = (struct mapping_raw){.null = false};
    return arena_copy(arena, span_text(text), &out_raw->bytes);
}

static struct status write_degrees(int32_t e7, struct arena *arena, struct mapping_raw *out_raw)
{
    char text[24];
    int64_t absolute = e7 < 0 ? -(int64_t)e7 : e7;
    int size = snprintf(text, sizeof text, "%s%" PRId64 ".%07" PRId64, e7 < 0 ? "-" : "", absolute / 10000000,
                        absolute % 10000000);
    while (size > 2 && text[size - 1] == '0' && text[size - 2] != '.') {
        text[--size] = 0;
    }
    return copy_text(arena, text, out_raw);
}

static struct status write_number(uint64_t value, struct arena *arena, struct mapping_raw *out_raw)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return copy_text(arena, text, out_raw);
}

bool field_write(const struct mapping_field *field, const struct part_value *part, struct arena *arena,
                 struct mapping_raw *out_raw, const char **out_problem, struct status *status)
{
    struct mapping_raw raw = {.null = true};
    struct status done = status_ok();
    const struct mapping_word *word = part->there ? find_raw(field, part) : NULL;
    if (word) {
        raw = word->raw;
    } else if (part->there && field->target == TARGET_TIME) {
        raw.null = false;
        done = time_write(&field->format, part->ms, arena, &raw.bytes);
    } else if (part->there && field->target == TARGET_NUMBER) {
        done = write_number(part->count, arena, &raw);
    } else if (part->there && field->target == TARGET_DEGREES) {
        done = write_degrees(part->e7, arena, &raw);
    } else if (part->there && field->target == TARGET_TEXT && field->open) {
        raw = (struct mapping_raw){.bytes = part->text};
    } else if (part->there) {
        *out_problem = unsayable(field->part);
        return false;
    }
    if (done.code == STATUS_INVALID) {
        *out_problem = "this time lies outside the years 1000 to 9999";
        return false;
    }
    *status = done;
    if (status_is_ok(done)) {
        *out_raw = raw;
    }
    return status_is_ok(done);
}
