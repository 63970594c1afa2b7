/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_HTTP_H1_TRANSCRIPT_H
#define TESTS_UNIT_HTTP_H1_TRANSCRIPT_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/http/h1.h"

/* The events of the parser as text, adjacent body parts joined, for tests and the fuzz target: two ways to split the
 * same bytes must give the same text. Bytes are offered as a connection does: what is not consumed comes again. */

struct transcript {
    char *text; /* owned */
    size_t size;
    size_t capacity;
    bool in_body;
};

static inline void transcript_add(struct transcript *transcript, const void *bytes, size_t size)
{
    if (transcript->size + size + 1 > transcript->capacity) {
        transcript->capacity = (transcript->size + size + 1) * 2;
        transcript->text = realloc(transcript->text, transcript->capacity);
        assert(transcript->text);
    }
    for (size_t i = 0; i < size; i++) {
        char c = ((const char *)bytes)[i];
        transcript->text[transcript->size + i] = c ? c : 1; /* a zero byte would end the comparison */
    }
    transcript->size += size;
    transcript->text[transcript->size] = 0;
}

static inline void transcript_event(struct transcript *transcript, const char *text)
{
    transcript_add(transcript, transcript->in_body ? "]" : "", transcript->in_body ? 1 : 0);
    transcript->in_body = false;
    transcript_add(transcript, text, strlen(text));
}

static inline void transcript_head(struct transcript *transcript, const struct h1_head *head)
{
    transcript_event(transcript, http_method_name(head->method));
    transcript_event(transcript, " ");
    transcript_add(transcript, head->path.data, head->path.size);
    transcript_event(transcript, "?");
    transcript_add(transcript, head->query.data, head->query.size);
    for (size_t i = 0; i < head->field_count; i++) {
        transcript_event(transcript, ";");
        transcript_add(transcript, head->fields[i].name.data, head->fields[i].name.size);
        transcript_event(transcript, "=");
        transcript_add(transcript, head->fields[i].value.data, head->fields[i].value.size);
    }
    transcript_event(transcript, head->close ? " close " : " ");
}

static inline void transcript_body(struct transcript *transcript, struct span body)
{
    assert(body.size > 0);
    if (!transcript->in_body) {
        transcript_event(transcript, "[");
        transcript->in_body = true;
    }
    transcript_add(transcript, body.data, body.size);
}

/* Takes all events that the bytes offered give. Returns how many bytes were consumed; false in *out_more after an
 * error. */
static inline size_t transcript_feed(struct transcript *transcript, struct h1_parser *parser, struct span input,
                                     bool *out_more)
{
    struct h1_head *head = malloc(sizeof *head);
    size_t at = 0;
    enum h1_event event = H1_END;
    assert(head);
    while (event != H1_MORE && event != H1_ERROR) {
        size_t consumed = 0;
        struct span body = {0};
        event = h1_next(parser, span_of(input.data + at, input.size - at), &consumed, head, &body);
        assert(consumed <= input.size - at);
        at += consumed;
        if (event == H1_HEAD) {
            transcript_head(transcript, head);
        } else if (event == H1_BODY) {
            transcript_body(transcript, body);
        } else if (event == H1_END) {
            transcript_event(transcript, "END\n");
        } else if (event == H1_ERROR) {
            char text[16];
            (void)snprintf(text, sizeof text, "ERROR %u\n", parser->error);
            transcript_event(transcript, text);
        }
    }
    free(head);
    *out_more = event == H1_MORE;
    return at;
}

/* Whole transcript of `input`, offered in pieces whose ends `next_piece` chooses: it returns 1 or more. The bytes of
 * each offer stand in memory of exactly their size, so that a sanitizer sees a read behind them. */
static inline char *transcript_of(struct span input, uint64_t body_max, size_t (*next_piece)(void *owner), void *owner)
{
    struct transcript transcript = {0};
    struct h1_parser parser;
    size_t start = 0;
    size_t end = 0;
    bool more = true;
    h1_init(&parser, body_max);
    transcript_add(&transcript, "", 0);
    while (more && end < input.size) {
        size_t piece = next_piece(owner);
        end = piece < input.size - end ? end + piece : input.size;
        uint8_t *offer = malloc(end - start);
        assert(offer && end - start > 0);
        memcpy(offer, input.data + start, end - start);
        start += transcript_feed(&transcript, &parser, span_of(offer, end - start), &more);
        free(offer);
        assert(end - start <= LIMIT_HTTP_HEAD || !more);
    }
    return transcript.text;
}

#endif
