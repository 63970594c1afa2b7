/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "node/config/yaml.h"
#include "proto/limits.h"

#define WORD_SIZE 64 /* words longer than this are not compared */
#define LIST_SIZE 300

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static uint8_t lower(char c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Optimal string alignment: insertions, deletions, exchanges and swapped neighbours each cost one. */
static size_t distance(const char *a, const char *b)
{
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    size_t rows[3][WORD_SIZE + 1];
    for (size_t j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        const size_t *above_twice = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t change = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
            row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + change);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
                row[j] = least(row[j], above_twice[j - 2] + 1);
            }
        }
    }
    return rows[a_size % 3][b_size];
}

const char *yaml_nearest(const char *text, const char *const *words)
{
    size_t size = strlen(text);
    const char *best = NULL;
    size_t best_distance = size <= 3 ? 1 : size <= 6 ? 2 : 3;
    for (size_t i = 0; words[i]; i++) {
        if (size > WORD_SIZE || strlen(words[i]) > WORD_SIZE) {
            continue;
        }
        size_t d = distance(text, words[i]);
        if (d < best_distance || (d == best_distance && !best)) {
            best = words[i];
            best_distance = d;
        }
    }
    return best;
}

/* "Did you mean", or what there is to choose from. `hint` has LIST_SIZE bytes. */
static const char *suggest(const struct yaml_walk *walk, const char *text, const char *const *words, char *hint)
{
    const char *near = yaml_nearest(text, words);
    if (near) {
        snprintf(hint, LIST_SIZE, yaml_say(walk, "Did you mean \"%s\"?"), near);
        return hint;
    }
    size_t size = (size_t)snprintf(hint, LIST_SIZE, "%s", yaml_say(walk, "Possible here:"));
    for (size_t i = 0; words[i] && size < LIST_SIZE; i++) {
        size += (size_t)snprintf(hint + size, LIST_SIZE - size, "%s %s", i == 0 ? "" : ",", words[i]);
    }
    if (size + 1 < LIST_SIZE) {
        snprintf(hint + size, LIST_SIZE - size, ".");
    }
    return hint;
}

static const char *kind_name(const struct yaml_node *node)
{
    switch (node->kind) {
    case YAML_NULL:
        return "nothing";
    case YAML_TEXT:
        return "a single value";
    case YAML_MAP:
        return "a group of \"key: value\" lines";
    case YAML_LIST:
        return "a list";
    }
    return "?";
}

static bool expect(struct yaml_walk *walk, const struct yaml_node *node, enum yaml_kind kind, const char *what,
                   const char *wanted)
{
    if (!node || node->kind == kind) {
        return node != NULL;
    }
    yaml_problem(walk, node, NULL, "%s must be %s; here stands %s.", yaml_say(walk, what), yaml_say(walk, wanted), yaml_say(walk, kind_name(node)));
    return false;
}

bool yaml_is_map(struct yaml_walk *walk, const struct yaml_node *node, const char *what)
{
    return expect(walk, node, YAML_MAP, what, "a group of \"key: value\" lines");
}

bool yaml_is_list(struct yaml_walk *walk, const struct yaml_node *node, const char *what)
{
    return expect(walk, node, YAML_LIST, what, "a list");
}

void yaml_unknown_key(struct yaml_walk *walk, const struct yaml_node *key, const char *const *words, const char *where)
{
    char hint[LIST_SIZE];
    const char *text = key->kind == YAML_TEXT ? key->text : "~";
    yaml_problem(walk, key, suggest(walk, text, words, hint), "The key \"%s\" is not known in %s.", text, yaml_say(walk, where));
}

void yaml_only_keys(struct yaml_walk *walk, const struct yaml_node *map, const char *const *words, const char *where)
{
    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->count; i++) {
        const struct yaml_node *key = map->pairs[i].key;
        const char *text = key->kind == YAML_TEXT ? key->text : "~";
        bool known = false;
        for (size_t j = 0; words[j] && !known; j++) {
            known = strcmp(text, words[j]) == 0;
        }
        if (!known) {
            yaml_unknown_key(walk, key, words, where);
        }
    }
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->count; i++) {
        const struct yaml_node *found = map->pairs[i].key;
        if (found->kind == YAML_TEXT && strcmp(found->text, key) == 0) {
            return map->pairs[i].value;
        }
    }
    return NULL;
}

const struct yaml_node *yaml_need(struct yaml_walk *walk, const struct yaml_node *map, const char *key,
                                  const char *what_for)
{
    const struct yaml_node *value = yaml_get(map, key);
    if (!value && map && map->kind == YAML_MAP) {
        yaml_problem(walk, map, NULL, "The key \"%s\" is missing: %s.", key, yaml_say(walk, what_for));
    }
    return value;
}

bool yaml_text(struct yaml_walk *walk, const struct yaml_node *node, const char *what, const char **out_text)
{
    if (!expect(walk, node, YAML_TEXT, what, "a single value")) {
        return false;
    }
    if (node->size == 0) {
        yaml_problem(walk, node, NULL, "%s may not be empty.", yaml_say(walk, what));
        return false;
    }
    *out_text = node->text;
    return true;
}

bool yaml_bool(struct yaml_walk *walk, const struct yaml_node *node, const char *what, bool *out_value)
{
    static const char *const words[] = {"yes", "no", "true", "false", "ya", "tidak", "on", "off", NULL};
    size_t index;
    if (!yaml_word(walk, node, what, words, &index)) {
        return false;
    }
    *out_value = index % 2 == 0;
    return true;
}

/* Digits with an optional minus; the rest of the text in *out_rest. False without digits or above 15 of them. */
static bool scan_number(const char *text, int64_t *out_value, const char **out_rest)
{
    const char *s = text[0] == '-' ? text + 1 : text;
    int64_t value = 0;
    size_t digits = 0;
    for (; *s >= '0' && *s <= '9'; s++, digits++) {
        if (digits == 15) {
            return false;
        }
        value = value * 10 + (*s - '0');
    }
    *out_value = text[0] == '-' ? -value : value;
    *out_rest = s;
    return digits > 0;
}

bool yaml_integer(struct yaml_walk *walk, const struct yaml_node *node, const char *what, int64_t min, int64_t max,
                  int64_t *out_value)
{
    const char *text;
    const char *rest;
    int64_t value;
    if (!yaml_text(walk, node, what, &text)) {
        return false;
    }
    if (!scan_number(text, &value, &rest) || *rest || value < min || value > max) {
        yaml_problem(walk, node, NULL, "%s must be a whole number from %" PRId64 " to %" PRId64 ".", yaml_say(walk, what), min, max);
        return false;
    }
    *out_value = value;
    return true;
}

static int64_t unit_ms(const char *unit)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {
        {"ms", 1},         {"s", 1000},        {"second", 1000},   {"seconds", 1000},  {"detik", 1000},
        {"m", 60000},      {"min", 60000},     {"minute", 60000},  {"minutes", 60000}, {"menit", 60000},
        {"h", 3600000},    {"hour", 3600000},  {"hours", 3600000}, {"jam", 3600000},   {"d", 86400000},
        {"day", 86400000}, {"days", 86400000}, {"hari", 86400000},
    };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].name) == 0) {
            return units[i].ms;
        }
    }
    return 0;
}

bool yaml_duration(struct yaml_walk *walk, const struct yaml_node *node, const char *what, int64_t min_ms,
                   int64_t max_ms, int64_t *out_ms)
{
    const char *text;
    const char *rest;
    int64_t value;
    if (!yaml_text(walk, node, what, &text)) {
        return false;
    }
    bool number = scan_number(text, &value, &rest);
    while (number && *rest == ' ') {
        rest++;
    }
    int64_t unit = !number ? 0 : value == 0 && *rest == 0 ? 1 : unit_ms(rest);
    if (unit == 0) {
        yaml_problem(walk, node, "Write a number and a unit (ms, s, minutes, hours, days), as in \"30 minutes\".",
                     "%s is not a length of time.", yaml_say(walk, what));
        return false;
    }
    if (value < 0 || value > max_ms / unit || value * unit < min_ms) {
        yaml_problem(walk, node, NULL, "%s must be from %" PRId64 " ms to %" PRId64 " s.", yaml_say(walk, what), min_ms, max_ms / 1000);
        return false;
    }
    *out_ms = value * unit;
    return true;
}

bool yaml_word(struct yaml_walk *walk, const struct yaml_node *node, const char *what, const char *const *words,
               size_t *out_index)
{
    const char *text;
    if (!yaml_text(walk, node, what, &text)) {
        return false;
    }
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out_index = i;
            return true;
        }
    }
    char hint[LIST_SIZE];
    yaml_problem(walk, node, suggest(walk, text, words, hint), "%s cannot be \"%s\".", yaml_say(walk, what), text);
    return false;
}
