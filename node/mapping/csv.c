/* SPDX-License-Identifier: Apache-2.0 */
#include "node/mapping/csv.h"

#include "proto/limits.h"

void csv_init(struct csv *csv, struct span bytes)
{
    *csv = (struct csv){.bytes = bytes, .line = 1, .next_line = 1};
    if (bytes.size >= 3 && memcmp(bytes.data, "\xef\xbb\xbf", 3) == 0) {
        csv->at = 3;
    }
}

/* One record being read; its faults name the line that is being read. */
struct record {
    const struct csv *csv;
    struct arena *arena;
    struct fault *fault;
    size_t at;
    uint64_t line;
    size_t count;
};

static struct status bad(const struct record *record, enum status_code code, const char *what)
{
    return fault_set(record->fault, code, what, "line", record->line);
}

static bool at_end(const struct record *record)
{
    return record->at == record->csv->bytes.size;
}

static uint8_t byte(const struct record *record)
{
    return record->csv->bytes.data[record->at];
}

/* LF, CRLF or the end. */
static bool at_line_end(const struct record *record)
{
    const struct span bytes = record->csv->bytes;
    return at_end(record) || byte(record) == '\n' ||
           (byte(record) == '\r' && record->at + 1 < bytes.size && bytes.data[record->at + 1] == '\n');
}

static struct status read_plain(struct record *record, struct span *out_field)
{
    size_t start = record->at;
    while (!at_line_end(record) && byte(record) != ',') {
        if (byte(record) == '"') {
            return bad(record, STATUS_INVALID, "a quote stands inside a field that does not begin with one");
        }
        if (byte(record) == '\r') {
            return bad(record, STATUS_INVALID, "a carriage return stands without a line feed");
        }
        if (byte(record) == 0) {
            return bad(record, STATUS_INVALID, "a zero byte: is this a text file?");
        }
        record->at++;
    }
    *out_field = span_of(record->csv->bytes.data + start, record->at - start);
    return status_ok();
}

static struct status unquote(struct record *record, struct span raw, size_t doubled, struct span *out_field)
{
    if (doubled == 0) {
        *out_field = raw;
        return status_ok();
    }
    uint8_t *copy = arena_alloc(record->arena, raw.size - doubled);
    if (!copy) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t size = 0;
    for (size_t i = 0; i < raw.size; i++) {
        copy[size++] = raw.data[i];
        i += raw.data[i] == '"' ? 1 : 0;
    }
    *out_field = span_of(copy, size);
    return status_ok();
}

static struct status read_quoted(struct record *record, struct span *out_field)
{
    const struct span bytes = record->csv->bytes;
    size_t start = ++record->at;
    size_t doubled = 0;
    for (; !at_end(record); record->at++) {
        bool is_quote = byte(record) == '"';
        if (is_quote && (record->at + 1 == bytes.size || bytes.data[record->at + 1] != '"')) {
            struct span raw = span_of(bytes.data + start, record->at - start);
            record->at++;
            if (!at_line_end(record) && byte(record) != ',') {
                return bad(record, STATUS_INVALID, "text stands behind a closing quote");
            }
            return unquote(record, raw, doubled, out_field);
        }
        if (is_quote) {
            doubled++;
            record->at++;
        } else if (byte(record) == 0) {
            return bad(record, STATUS_INVALID, "a zero byte: is this a text file?");
        } else if (byte(record) == '\n') {
            record->line++;
        }
    }
    record->line = record->csv->next_line;
    return bad(record, STATUS_INVALID, "a quote is opened here and never closed");
}

static struct status read_record(struct record *record, struct span *fields)
{
    for (;;) {
        if (record->count == LIMIT_COLUMNS) {
            return bad(record, STATUS_LIMIT, "too many fields");
        }
        struct span *field = &fields[record->count];
        TRY(!at_end(record) && byte(record) == '"' ? read_quoted(record, field) : read_plain(record, field));
        if (field->size > LIMIT_LEGACY_VALUE) {
            return bad(record, STATUS_LIMIT, "a field is longer than 1 MiB");
        }
        record->count++;
        if (at_line_end(record)) {
            return status_ok();
        }
        record->at++;
    }
}

struct status csv_next(struct csv *csv, struct arena *arena, struct span *out_fields, size_t *out_count,
                       struct fault *fault)
{
    struct span fields[LIMIT_COLUMNS];
    struct record record = {.csv = csv, .arena = arena, .fault = fault, .at = csv->at, .line = csv->next_line};
    if (at_end(&record)) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    TRY(read_record(&record, fields));
    if (csv->field_count != 0 && record.count != csv->field_count) {
        record.line = csv->next_line;
        return bad(&record, STATUS_INVALID, "the number of fields differs from the first line's");
    }
    if (!at_end(&record)) {
        record.at += byte(&record) == '\r' ? 2 : 1;
        record.line++;
    }
    csv->field_count = record.count;
    csv->line = csv->next_line;
    csv->next_line = record.line;
    csv->at = record.at;
    memcpy(out_fields, fields, record.count * sizeof fields[0]);
    *out_count = record.count;
    return status_ok();
}
