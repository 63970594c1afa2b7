/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CONFIG_YAML_H
#define NODE_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/memory.h"
#include "proto/status.h"

/* YAML of people: a strict subset of YAML 1.1 as a tree, and a walk over it that reports every mistake of a file at
 * once, each with its place, the line, a caret and, where a word is close to one we know, "did you mean". libyaml's
 * types stay in yaml.c. Refused: anchors and aliases, tags, several documents, keys that are not plain words, a key
 * twice, NUL bytes, more than LIMIT_YAML_SIZE bytes, LIMIT_YAML_DEPTH levels or LIMIT_YAML_NODES nodes. Proved by
 * tests/unit/config/test_yaml.c. */

enum yaml_kind {
    YAML_NULL, /* plain ~, null or nothing */
    YAML_TEXT,
    YAML_MAP,
    YAML_LIST,
};

struct yaml_node {
    enum yaml_kind kind;
    uint32_t line, column; /* from 1; column counts characters */
    const char *text;      /* YAML_TEXT: zero-terminated, without NUL inside; size below */
    size_t size;
    bool quoted;
    size_t count;                   /* children: pairs of a map, items of a list */
    const struct yaml_pair *pairs;  /* YAML_MAP, in the order of the file */
    const struct yaml_node **items; /* YAML_LIST */
};

struct yaml_pair {
    const struct yaml_node *key; /* YAML_TEXT, or YAML_NULL (an empty value in a value table) */
    const struct yaml_node *value;
};

struct problem {
    const char *file;
    uint32_t line, column; /* 0: the file as a whole */
    const char *sentence;
    const char *source; /* the line itself; NULL if none */
    const char *hint;   /* what to do or the word probably meant; NULL if none */
};

/* What is wrong in one or several files. Everything lives in the arena. Above LIMIT_PROBLEMS only counted. */
struct problems {
    struct arena *arena; /* borrowed */
    /* The sentence, phrase or hint in the reader's language, with the same conversions in the same order; NULL: English,
     * as written here. May be set after problems_init. */
    const char *(*say)(const char *english);
    struct problem *list;
    size_t count;    /* in the list */
    size_t left_off; /* not in the list */
};

void problems_init(struct problems *problems, struct arena *arena);
bool problems_none(const struct problems *problems);
/* How many there were so far, those left off too. */
size_t problems_total(const struct problems *problems);
/* "file:line:column: sentence", the source line, a caret under the place, the hint; one after the other, ordered by
 * place within a file. The text is zero-terminated (size without the zero). */
struct status problems_text(const struct problems *problems, struct arena *arena, struct span *out_text) MUST_CHECK;

/* The file that is being walked. */
struct yaml_walk {
    const char *file;
    struct span source;
    struct problems *problems; /* borrowed */
    struct arena *arena;       /* borrowed; the tree lives here */
};

/* Parses `source`. NO_MEMORY, or INVALID with at least one problem reported; where the text could be read in spite of
 * it (a key twice, an alias), *out_root is set as well, so that the walk can report the rest: start it as NULL. The
 * root of an empty file is YAML_NULL. */
struct status yaml_parse(const char *file, struct span source, struct arena *arena, struct problems *problems,
                         struct yaml_walk *out_walk, const struct yaml_node **out_root) MUST_CHECK;
/* Reads the file first. A file that cannot be read is a problem too (INVALID). */
struct status yaml_load(const char *path, struct arena *arena, struct problems *problems, struct yaml_walk *out_walk,
                        const struct yaml_node **out_root) MUST_CHECK;

/* Reports at a node (NULL: the file as a whole). The sentence ends with a full stop. */
void yaml_problem(struct yaml_walk *walk, const struct yaml_node *at, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A phrase that goes into a sentence, in the reader's language. */
const char *yaml_say(const struct yaml_walk *walk, const char *english) __attribute__((format_arg(2)));

/* The following report what does not fit and then return false or NULL and leave *out untouched; a NULL `node` (key not
 * there) is no mistake and returns false too. `words` ends with NULL. */
bool yaml_is_map(struct yaml_walk *walk, const struct yaml_node *node, const char *what);
bool yaml_is_list(struct yaml_walk *walk, const struct yaml_node *node, const char *what);
/* Reports each key of `map` that is not among `words`. */
void yaml_only_keys(struct yaml_walk *walk, const struct yaml_node *map, const char *const *words, const char *where);
/* Reports one key; `words` are those that are possible there. */
void yaml_unknown_key(struct yaml_walk *walk, const struct yaml_node *key, const char *const *words, const char *where);
/* The value of a key; NULL if `map` is NULL, is no map or lacks it. No report. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
/* As yaml_get, but its absence is reported at the map. */
const struct yaml_node *yaml_need(struct yaml_walk *walk, const struct yaml_node *map, const char *key,
                                  const char *what_for);
bool yaml_text(struct yaml_walk *walk, const struct yaml_node *node, const char *what, const char **out_text);
/* yes/no, true/false, ya/tidak, on/off in lower case. */
bool yaml_bool(struct yaml_walk *walk, const struct yaml_node *node, const char *what, bool *out_value);
bool yaml_integer(struct yaml_walk *walk, const struct yaml_node *node, const char *what, int64_t min, int64_t max,
                  int64_t *out_value);
/* "90 s", "30 minutes", "200 ms", "2 h", "1 day", "0". */
bool yaml_duration(struct yaml_walk *walk, const struct yaml_node *node, const char *what, int64_t min_ms,
                   int64_t max_ms, int64_t *out_ms);
/* Index of the word in `words`. */
bool yaml_word(struct yaml_walk *walk, const struct yaml_node *node, const char *what, const char *const *words,
               size_t *out_index);
/* The word of `words` that `text` is probably meant to be; NULL if none is close. */
const char *yaml_nearest(const char *text, const char *const *words);

#endif
