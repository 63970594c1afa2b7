/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "node/config/yaml.h"
#include "proto/limits.h"

#define SENTENCE_SIZE 400
#define SOURCE_SIZE 160

void problems_init(struct problems *problems, struct arena *arena)
{
    *problems = (struct problems){.arena = arena};
}

bool problems_none(const struct problems *problems)
{
    return problems_total(problems) == 0;
}

size_t problems_total(const struct problems *problems)
{
    return problems->count + problems->left_off;
}

/* The file's own bytes go to a terminal: control characters do not, and no half character at the end. */
static const char *printable(struct arena *arena, struct span bytes, size_t size_max)
{
    size_t size = bytes.size < size_max ? bytes.size : size_max;
    while (size < bytes.size && size > 0 && (bytes.data[size] & 0xc0) == 0x80) {
        size--;
    }
    char *copy = arena_alloc(arena, size + 1);
    for (size_t i = 0; copy && i < size; i++) {
        bool control = bytes.data[i] < 0x20 || bytes.data[i] == 0x7f;
        copy[i] = bytes.data[i] == '\t' ? '\t' : control ? '?' : (char)bytes.data[i];
    }
    return copy;
}

static const char *source_line(struct arena *arena, struct span source, uint32_t line)
{
    size_t at = 0;
    for (uint32_t n = 1; n < line && at < source.size; at++) {
        n += source.data[at] == '\n' ? 1 : 0;
    }
    size_t end = at;
    while (end < source.size && source.data[end] != '\n' && source.data[end] != '\r') {
        end++;
    }
    return at < source.size ? printable(arena, span_of(source.data + at, end - at), SOURCE_SIZE) : NULL;
}

static bool is_before(const struct problem *a, const struct problem *b)
{
    if (strcmp(a->file, b->file) != 0) {
        return false;
    }
    return a->line < b->line || (a->line == b->line && a->column < b->column);
}

static void insert(struct problems *problems, struct problem problem)
{
    size_t at = problems->count++;
    while (at > 0 && is_before(&problem, &problems->list[at - 1])) {
        problems->list[at] = problems->list[at - 1];
        at--;
    }
    problems->list[at] = problem;
}

static const char *in_language(const struct problems *problems, const char *english) __attribute__((format_arg(2)));
static const char *in_language(const struct problems *problems, const char *english)
{
    return problems->say ? problems->say(english) : english;
}

const char *yaml_say(const struct yaml_walk *walk, const char *english)
{
    return in_language(walk->problems, english);
}

void yaml_problem(struct yaml_walk *walk, const struct yaml_node *at, const char *hint, const char *format, ...)
{
    struct problems *problems = walk->problems;
    struct arena *arena = problems->arena;
    if (!problems->list) {
        problems->list = arena_array(arena, LIMIT_PROBLEMS, sizeof *problems->list);
    }
    char sentence[SENTENCE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(sentence, sizeof sentence, yaml_say(walk, format), arguments);
    va_end(arguments);
    const char *kept = printable(arena, span_text(size < 0 ? "" : sentence), SENTENCE_SIZE - 1);
    if (!problems->list || problems->count == LIMIT_PROBLEMS || !kept) {
        problems->left_off++;
        return;
    }
    struct problem problem = {.file = walk->file, .sentence = kept};
    problem.hint = hint ? printable(arena, span_text(yaml_say(walk, hint)), SENTENCE_SIZE) : NULL;
    if (at) {
        problem.line = at->line;
        problem.column = at->column;
        problem.source = source_line(arena, walk->source, at->line);
    }
    insert(problems, problem);
}

static void add_text(struct buffer *out, const char *text)
{
    buffer_add_span(out, span_text(text));
}

/* Blanks up to the column; a tab of the line stays a tab, so that the caret stands under its character. */
static void add_caret(struct buffer *out, const char *source, uint32_t column)
{
    uint32_t done = 1;
    for (const char *s = source; *s && done < column; s++) {
        if (((uint8_t)*s & 0xc0) == 0x80) {
            continue;
        }
        buffer_add_u8(out, *s == '\t' ? '\t' : ' ');
        done++;
    }
    add_text(out, "^\n");
}

static void add_problem(struct buffer *out, const struct problem *problem)
{
    char place[40] = "";
    if (problem->line > 0) {
        snprintf(place, sizeof place, ":%u:%u", problem->line, problem->column);
    }
    add_text(out, problem->file);
    add_text(out, place);
    add_text(out, ": ");
    add_text(out, problem->sentence);
    add_text(out, "\n");
    if (problem->source) {
        add_text(out, "    ");
        add_text(out, problem->source);
        add_text(out, "\n    ");
        add_caret(out, problem->source, problem->column);
    }
    if (problem->hint) {
        add_text(out, "    ");
        add_text(out, problem->hint);
        add_text(out, "\n");
    }
}

struct status problems_text(const struct problems *problems, struct arena *arena, struct span *out_text)
{
    struct buffer out;
    buffer_init(&out, arena);
    for (size_t i = 0; i < problems->count; i++) {
        add_problem(&out, &problems->list[i]);
    }
    if (problems->left_off > 0) {
        char line[80];
        snprintf(line, sizeof line, in_language(problems, "and %zu more.\n"), problems->left_off);
        add_text(&out, line);
    }
    buffer_add_u8(&out, 0);
    TRY(buffer_end(&out, out_text));
    out_text->size--;
    return status_ok();
}
