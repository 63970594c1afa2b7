/* SPDX-License-Identifier: Apache-2.0 */
#include "node/config/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "proto/limits.h"

/* The tree is built from libyaml's events and not from its documents, because a document no longer tells an alias from
 * a copy: here aliases are refused, and the depth is bounded before anything is built. */

struct frame {
    struct yaml_node *node;
    const struct yaml_node *key; /* of a map: read, its value not yet */
    struct yaml_pair *pairs;
    const struct yaml_node **items;
    size_t capacity;
};

struct builder {
    struct yaml_walk *walk;
    yaml_parser_t *parser;
    struct frame frames[LIMIT_YAML_DEPTH];
    size_t depth;
    size_t node_count;
    const struct yaml_node *root;
    bool done;
};

static struct yaml_node *node_new(struct builder *builder, const yaml_event_t *event, enum yaml_kind kind)
{
    struct yaml_node *node = arena_alloc(builder->walk->arena, sizeof *node);
    if (node) {
        node->kind = kind;
        node->line = (uint32_t)event->start_mark.line + 1;
        node->column = (uint32_t)event->start_mark.column + 1;
    }
    return node;
}

static struct status refuse(struct builder *builder, const struct yaml_node *at, const char *hint, const char *sentence)
{
    yaml_problem(builder->walk, at, hint, "%s", sentence);
    return STATUS_MAKE(STATUS_INVALID);
}

static bool same_key(const struct yaml_node *a, const struct yaml_node *b)
{
    return a->kind == b->kind && a->size == b->size && (a->size == 0 || memcmp(a->text, b->text, a->size) == 0);
}

static void check_duplicate(struct builder *builder, const struct frame *frame, const struct yaml_node *key)
{
    for (size_t i = 0; i < frame->node->count; i++) {
        if (same_key(frame->pairs[i].key, key)) {
            yaml_problem(builder->walk, key, "Keep one of the two.", "The key \"%s\" already stands in line %u.",
                         key->kind == YAML_TEXT ? key->text : "~", frame->pairs[i].key->line);
            return;
        }
    }
}

static struct status grow(struct builder *builder, struct frame *frame)
{
    if (frame->node->count < frame->capacity) {
        return status_ok();
    }
    struct arena *arena = builder->walk->arena;
    size_t capacity = frame->capacity == 0 ? 8 : frame->capacity * 2;
    size_t count = frame->node->count;
    if (frame->node->kind == YAML_MAP) {
        struct yaml_pair *pairs = arena_array(arena, capacity, sizeof *pairs);
        if (!pairs) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
        if (count > 0) {
            memcpy(pairs, frame->pairs, count * sizeof *pairs);
        }
        frame->pairs = pairs;
        frame->node->pairs = pairs;
    } else {
        const struct yaml_node **items = arena_array(arena, capacity, sizeof *items);
        if (!items) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
        if (count > 0) {
            memcpy(items, frame->items, count * sizeof *items);
        }
        frame->items = items;
        frame->node->items = items;
    }
    frame->capacity = capacity;
    return status_ok();
}

/* Hangs a finished or just opened node under the innermost frame. */
static struct status attach(struct builder *builder, const struct yaml_node *node)
{
    if (++builder->node_count > LIMIT_YAML_NODES) {
        return refuse(builder, node, NULL, "This file has too many entries.");
    }
    if (builder->depth == 0) {
        builder->root = node;
        return status_ok();
    }
    struct frame *frame = &builder->frames[builder->depth - 1];
    if (frame->node->kind == YAML_MAP && !frame->key) {
        if (node->kind != YAML_TEXT && node->kind != YAML_NULL) {
            return refuse(builder, node, "Put words with blanks or brackets into quotes.",
                          "A key must be a plain word.");
        }
        check_duplicate(builder, frame, node);
        frame->key = node;
        return status_ok();
    }
    TRY(grow(builder, frame));
    if (frame->node->kind == YAML_MAP) {
        frame->pairs[frame->node->count++] = (struct yaml_pair){.key = frame->key, .value = node};
        frame->key = NULL;
    } else {
        frame->items[frame->node->count++] = node;
    }
    return status_ok();
}

static struct status open_frame(struct builder *builder, struct yaml_node *node)
{
    if (!node) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(attach(builder, node));
    if (builder->depth == LIMIT_YAML_DEPTH) {
        return refuse(builder, node, NULL, "This is nested too deeply.");
    }
    builder->frames[builder->depth++] = (struct frame){.node = node};
    return status_ok();
}

static bool is_plain_null(const char *text)
{
    return text[0] == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

static struct status add_scalar(struct builder *builder, const yaml_event_t *event)
{
    struct yaml_node *node = node_new(builder, event, YAML_TEXT);
    struct span text = span_of(event->data.scalar.value, event->data.scalar.length);
    char *copy = arena_alloc(builder->walk->arena, text.size + 1);
    if (!node || !copy) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    node->text = copy;
    node->size = text.size;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (!node->quoted && is_plain_null(copy)) {
        node->kind = YAML_NULL;
    }
    if (strlen(copy) != text.size) {
        return refuse(builder, node, "Remove the \\0.", "A text may not hold a zero byte.");
    }
    return attach(builder, node);
}

static void refuse_marks(struct builder *builder, const yaml_event_t *event, const yaml_char_t *anchor,
                         const yaml_char_t *tag)
{
    struct yaml_node at = {.line = (uint32_t)event->start_mark.line + 1,
                           .column = (uint32_t)event->start_mark.column + 1};
    if (anchor) {
        yaml_problem(builder->walk, &at, "Write the text out where it is needed, or put it into quotes.",
                     "Anchors (&) are not accepted here.");
    }
    if (tag) {
        yaml_problem(builder->walk, &at, "Remove it, or put the text into quotes.", "Tags (!) are not accepted here.");
    }
}

static struct status add_event(struct builder *builder, const yaml_event_t *event)
{
    struct yaml_node *node;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (builder->root) {
            node = node_new(builder, event, YAML_NULL);
            return node ? refuse(builder, node, "Remove the line \"---\".",
                                 "A second document begins here; one is expected.")
                        : STATUS_MAKE(STATUS_NO_MEMORY);
        }
        return status_ok();
    case YAML_ALIAS_EVENT:
        node = node_new(builder, event, YAML_NULL);
        if (!node) {
            return STATUS_MAKE(STATUS_NO_MEMORY);
        }
        yaml_problem(builder->walk, node, "Write the text out, or put it into quotes.",
                     "Aliases (*) are not accepted here.");
        return attach(builder, node);
    case YAML_SCALAR_EVENT:
        refuse_marks(builder, event, event->data.scalar.anchor, event->data.scalar.tag);
        return add_scalar(builder, event);
    case YAML_SEQUENCE_START_EVENT:
        refuse_marks(builder, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        return open_frame(builder, node_new(builder, event, YAML_LIST));
    case YAML_MAPPING_START_EVENT:
        refuse_marks(builder, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        return open_frame(builder, node_new(builder, event, YAML_MAP));
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        builder->depth--;
        return status_ok();
    case YAML_STREAM_END_EVENT:
        builder->done = true;
        return status_ok();
    default:
        return status_ok();
    }
}

/* libyaml counts a place only for what its scanner and parser refuse; its reader gives a byte offset. */
static struct status report_parser(struct builder *builder)
{
    const yaml_parser_t *parser = builder->parser;
    if (parser->error == YAML_MEMORY_ERROR) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    struct yaml_node at = {.line = (uint32_t)parser->problem_mark.line + 1,
                           .column = (uint32_t)parser->problem_mark.column + 1};
    const char *hint = NULL;
    if (parser->error == YAML_READER_ERROR) {
        at.line = 1;
        at.column = 1;
        struct span source = builder->walk->source;
        for (size_t i = 0; i < parser->problem_offset && i < source.size; i++) {
            bool line_end = source.data[i] == '\n';
            at.line += line_end ? 1 : 0;
            at.column = line_end ? 1 : at.column + 1;
        }
        hint = "Save the file as UTF-8 text without control characters.";
    } else if (parser->problem && strstr(parser->problem, "cannot start any token")) {
        hint = "Indent with blanks, not with tabs, and put texts that begin with a per cent sign, @, ` or a tab into quotes.";
    } else if (parser->problem && strstr(parser->problem, "did not find expected")) {
        hint = "Is this line indented like its neighbours, and is every quote and bracket closed?";
    }
    yaml_problem(builder->walk, &at, hint, "This is not valid YAML: %s.",
                 parser->problem ? parser->problem : "unknown");
    return STATUS_MAKE(STATUS_INVALID);
}

static struct status build(struct builder *builder)
{
    while (!builder->done) {
        yaml_event_t event;
        if (!yaml_parser_parse(builder->parser, &event)) {
            return report_parser(builder);
        }
        struct status status = add_event(builder, &event);
        yaml_event_delete(&event);
        TRY(status);
    }
    return status_ok();
}

struct status yaml_parse(const char *file, struct span source, struct arena *arena, struct problems *problems,
                         struct yaml_walk *out_walk, const struct yaml_node **out_root)
{
    static const struct yaml_node empty = {.kind = YAML_NULL, .line = 1, .column = 1};
    struct yaml_walk walk = {.file = file, .source = source, .problems = problems, .arena = arena};
    size_t before = problems_total(problems);
    if (source.size > LIMIT_YAML_SIZE) {
        yaml_problem(&walk, NULL, NULL, "The file is larger than %d bytes.", LIMIT_YAML_SIZE);
        return STATUS_MAKE(STATUS_INVALID);
    }
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    yaml_parser_set_input_string(&parser, source.size > 0 ? source.data : (const unsigned char *)"", source.size);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    struct builder builder = {.walk = &walk, .parser = &parser};
    struct status status = build(&builder);
    yaml_parser_delete(&parser);
    TRY(status);
    *out_walk = walk;
    *out_root = builder.root ? builder.root : &empty;
    return problems_total(problems) > before ? STATUS_MAKE(STATUS_INVALID) : status_ok();
}

static struct status read_open(int fd, struct arena *arena, struct span *out_bytes)
{
    uint8_t *bytes = arena_alloc(arena, LIMIT_YAML_SIZE + 1);
    if (!bytes) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t size = 0;
    while (size < LIMIT_YAML_SIZE + 1) {
        ssize_t n = read(fd, bytes + size, LIMIT_YAML_SIZE + 1 - size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return STATUS_MAKE(STATUS_IO);
        }
        if (n == 0) {
            break;
        }
        size += (size_t)n;
    }
    *out_bytes = span_of(bytes, size);
    return status_ok();
}

struct status yaml_load(const char *path, struct arena *arena, struct problems *problems, struct yaml_walk *out_walk,
                        const struct yaml_node **out_root)
{
    struct yaml_walk walk = {.file = path, .problems = problems, .arena = arena};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        yaml_problem(&walk, NULL, "Check the path and the permissions of the file.", "The file cannot be opened: %s.",
                     strerror(errno));
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct span source;
    struct status status = read_open(fd, arena, &source);
    int error = errno;
    close(fd);
    if (status.code == STATUS_IO) {
        yaml_problem(&walk, NULL, NULL, "The file cannot be read: %s.", strerror(error));
        return STATUS_MAKE(STATUS_INVALID);
    }
    TRY(status);
    return yaml_parse(path, source, arena, problems, out_walk, out_root);
}
