/* SPDX-License-Identifier: Apache-2.0 */
#include "node/base/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "node/base/clock.h"

#define LINE_SIZE 2048
#define WORD_SIZE 128

struct field_info {
    const char *name;
    enum log_kind kind;
};

struct event_info {
    const char *name;
    enum log_level level;
    struct field_info fields[LOG_FIELDS_MAX];
};

#define LOG_EVENT_INFO(name, level, ...) [EVENT_##name] = {#name, LOG_##level, {__VA_ARGS__}},
static const struct event_info event_table[EVENT_COUNT] = {LOG_EVENTS(LOG_EVENT_INFO)};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static atomic_int log_threshold = LOG_INFO;
static atomic_int log_fd = STDERR_FILENO;

/* A line being written; what does not fit is left out. */
struct line {
    size_t size;
    char text[LINE_SIZE];
};

static void line_char(struct line *line, char c)
{
    if (line->size < LINE_SIZE - 1) { /* the last byte is for the newline */
        line->text[line->size++] = c;
    }
}

static void line_text(struct line *line, const char *text)
{
    while (*text) {
        line_char(line, *text++);
    }
}

static void line_key(struct line *line, const char *key)
{
    if (line->size > 0) {
        line_char(line, ' ');
    }
    line_text(line, key);
    line_char(line, '=');
}

static bool char_is_plain(char c)
{
    return c >= ' ' && c < 0x7f;
}

static bool word_is_bare(const char *word, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!char_is_plain(word[i]) || memchr(" \"=\\", word[i], 4)) {
            return false;
        }
    }
    return size > 0;
}

/* Quoted where logfmt asks for it. A byte that is not printable ASCII becomes '?': a line stays a line. */
static void line_word(struct line *line, const char *word, size_t size_max)
{
    size_t size = word ? strnlen(word, size_max) : 0;
    if (word_is_bare(word, size)) {
        for (size_t i = 0; i < size; i++) {
            line_char(line, word[i]);
        }
        return;
    }
    line_char(line, '"');
    for (size_t i = 0; i < size; i++) {
        char c = char_is_plain(word[i]) ? word[i] : '?';
        if (c == '"' || c == '\\') {
            line_char(line, '\\');
        }
        line_char(line, c);
    }
    line_char(line, '"');
}

static void line_hex(struct line *line, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        line_char(line, "0123456789abcdef"[bytes[i] >> 4]);
        line_char(line, "0123456789abcdef"[bytes[i] & 15]);
    }
}

static void line_number(struct line *line, int64_t number, const char *unit)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, number);
    line_text(line, digits);
    line_text(line, unit);
}

static void line_count(struct line *line, uint64_t count)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, count);
    line_text(line, digits);
}

static void line_value(struct line *line, const struct log_value *value)
{
    switch (value->kind) {
    case FIELD_NONE:
        break;
    case FIELD_WORD:
        line_word(line, value->is.word, WORD_SIZE);
        break;
    case FIELD_INT:
        line_number(line, value->is.number, "");
        break;
    case FIELD_MS:
        line_number(line, value->is.number, "ms");
        break;
    case FIELD_COUNT:
    case FIELD_BYTES:
        line_count(line, value->is.count);
        break;
    case FIELD_RECORD:
        line_hex(line, value->is.record.bytes, sizeof value->is.record.bytes);
        break;
    case FIELD_NODE:
        line_word(line, value->is.node.text, sizeof value->is.node.text);
        break;
    case FIELD_SCOPE:
        line_word(line, value->is.scope.text, sizeof value->is.scope.text);
        break;
    case FIELD_HASH:
        line_hex(line, value->is.hash.bytes, sizeof value->is.hash.bytes);
        break;
    case FIELD_STATUS:
        line_word(line, status_name(value->is.status), WORD_SIZE);
        break;
    case FIELD_ERRNO:
        line_word(line, strerrorname_np((int)value->is.number), WORD_SIZE);
        break;
    }
}

static void line_write(struct line *line)
{
    line->text[line->size++] = '\n';
    ssize_t put;
    do {
        put = write(atomic_load(&log_fd), line->text, line->size);
    } while (put < 0 && errno == EINTR);
    /* Nobody is left to be told that the log cannot be written. */
}

void log_event_write(enum log_event event, const struct log_value *values, size_t count)
{
    assert((size_t)event < EVENT_COUNT);
    const struct event_info *info = &event_table[event];
    for (size_t i = 0; i < LOG_FIELDS_MAX; i++) {
        assert(info->fields[i].kind == (i < count ? values[i].kind : FIELD_NONE));
    }
    if ((int)info->level < atomic_load(&log_threshold)) {
        return;
    }
    int kept_errno = errno;
    struct line line = {.size = 0};
    char time[CLOCK_TEXT_SIZE];
    clock_text(clock_now_ms(), time);
    line_key(&line, "time");
    line_text(&line, time);
    line_key(&line, "level");
    line_text(&line, level_names[info->level]);
    line_key(&line, "event");
    line_text(&line, info->name);
    for (size_t i = 0; i < count; i++) {
        line_key(&line, info->fields[i].name);
        line_value(&line, &values[i]);
    }
    line_write(&line);
    errno = kept_errno;
}

void log_level_set(enum log_level level)
{
    atomic_store(&log_threshold, (int)level);
}

bool log_level_parse(const char *word, enum log_level *out_level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(word, level_names[i]) == 0) {
            *out_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_output_set(int fd)
{
    atomic_store(&log_fd, fd);
}
