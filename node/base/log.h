/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_BASE_LOG_H
#define NODE_BASE_LOG_H

#include "node/base/log_events.h"
#include "proto/ids.h"

/* The log: one event, one line, in logfmt, one write(2) to stderr; any thread.
 *
 *     LOG(store_opened, log_word("sqlite"), log_bytes(8192), log_ms(12));
 *     time=2026-11-21T21:51:13.123Z level=info event=store_opened kind=sqlite size=8192 took=12ms
 *
 * What an event is and which fields it has stands in log_events.h; a call that gives others is asserted. There is no
 * field for text out of a complaint, a form, a peer's message or a database, and there must be none: log_word takes
 * static words of this program (what and field of a struct fault too) and names out of the operator's configuration
 * (connector, table, listener, role, file), and sentences of ours that name those or a record (a driver's `problem`, never a
 * row's content), nothing else. It prints at most 128 bytes and no control character. */

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

#define LOG_FIELDS_MAX 6

enum log_kind {
    FIELD_NONE,
    FIELD_WORD,   /* log_word */
    FIELD_INT,    /* log_int */
    FIELD_COUNT,  /* log_count: counts, sizes of streams, sequence numbers */
    FIELD_MS,     /* log_ms: a duration */
    FIELD_BYTES,  /* log_bytes */
    FIELD_RECORD, /* log_record */
    FIELD_NODE,   /* log_node */
    FIELD_SCOPE,  /* log_scope */
    FIELD_HASH,   /* log_hash */
    FIELD_STATUS, /* log_status */
    FIELD_ERRNO,  /* log_errno: its symbol, "ENOSPC" */
};

#define LOG_EVENT_NAME(name, ...) EVENT_##name,
enum log_event { LOG_EVENTS(LOG_EVENT_NAME) EVENT_COUNT };

struct log_value {
    enum log_kind kind;
    union {
        const char *word;
        int64_t number;
        uint64_t count;
        struct record_id record;
        struct node_id node;
        struct scope_id scope;
        struct hash hash;
        struct status status;
    } is;
};

static inline struct log_value log_word(const char *static_word)
{
    return (struct log_value){FIELD_WORD, {.word = static_word}};
}

static inline struct log_value log_int(int64_t number)
{
    return (struct log_value){FIELD_INT, {.number = number}};
}

static inline struct log_value log_count(uint64_t count)
{
    return (struct log_value){FIELD_COUNT, {.count = count}};
}

static inline struct log_value log_ms(int64_t duration_ms)
{
    return (struct log_value){FIELD_MS, {.number = duration_ms}};
}

static inline struct log_value log_bytes(uint64_t size)
{
    return (struct log_value){FIELD_BYTES, {.count = size}};
}

static inline struct log_value log_record(struct record_id record)
{
    return (struct log_value){FIELD_RECORD, {.record = record}};
}

static inline struct log_value log_node(struct node_id node)
{
    return (struct log_value){FIELD_NODE, {.node = node}};
}

static inline struct log_value log_scope(struct scope_id scope)
{
    return (struct log_value){FIELD_SCOPE, {.scope = scope}};
}

static inline struct log_value log_hash(struct hash hash)
{
    return (struct log_value){FIELD_HASH, {.hash = hash}};
}

static inline struct log_value log_status(struct status status)
{
    return (struct log_value){FIELD_STATUS, {.status = status}};
}

static inline struct log_value log_errno(int error)
{
    return (struct log_value){FIELD_ERRNO, {.number = error}};
}

/* LOG(event, value, ...): values as log_events.h names them, in that order. */
#define LOG(event, ...)                                                                                                \
    log_event_write(EVENT_##event, (const struct log_value[]){__VA_ARGS__},                                            \
                    sizeof((const struct log_value[]){__VA_ARGS__}) / sizeof(struct log_value))

void log_event_write(enum log_event event, const struct log_value *values, size_t count);

/* Events below the level are not written; LOG_INFO at start. */
void log_level_set(enum log_level level);
/* "debug", "info", "warn", "error"; false for another word. */
bool log_level_parse(const char *word, enum log_level *out_level);

/* Where lines go (borrowed); standard error at start. */
void log_output_set(int fd);

#endif
