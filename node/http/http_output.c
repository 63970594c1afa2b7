/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "node/http/http_conn.h"

/* What waits to be sent on a connection: a list of chunks, copied, owned or borrowed. */

/* Writes in one round: a fast peer leaves the loop to the others. */
#define WRITES 64

/* Up to here a body is copied behind its head, so that both go out in one TLS record. */
#define JOINED_SIZE 8192

static struct out_chunk *chunk_new(size_t room)
{
    struct out_chunk *chunk = malloc(sizeof *chunk + room);
    if (chunk) {
        *chunk = (struct out_chunk){0};
    }
    return chunk;
}

static void chunk_free(struct out_chunk *chunk)
{
    if (chunk->owned_free) {
        chunk->owned_free(chunk->owned);
    }
    free(chunk);
}

static void chunk_add(struct http_conn *conn, struct out_chunk *chunk)
{
    *(conn->out_first ? &conn->out_last->next : &conn->out_first) = chunk;
    conn->out_last = chunk;
    conn->out_size += chunk->size;
}

static bool queue_copy(struct http_conn *conn, struct span head, struct span body)
{
    size_t size = head.size + body.size;
    if (size == 0) {
        return true;
    }
    struct out_chunk *chunk = chunk_new(size);
    if (!chunk) {
        return false;
    }
    uint8_t *data = (uint8_t *)(chunk + 1);
    if (head.size > 0) {
        memcpy(data, head.data, head.size);
    }
    if (body.size > 0) {
        memcpy(data + head.size, body.data, body.size);
    }
    chunk->data = data;
    chunk->size = size;
    chunk_add(conn, chunk);
    return true;
}

bool http_conn_queue_borrowed(struct http_conn *conn, struct span head, struct span body)
{
    struct out_chunk *chunk = body.size > 0 ? chunk_new(0) : NULL;
    if ((body.size > 0 && !chunk) || !queue_copy(conn, head, (struct span){0})) {
        free(chunk);
        return false;
    }
    if (chunk) {
        chunk->data = body.data;
        chunk->size = body.size;
        chunk_add(conn, chunk);
    }
    return true;
}

static void *unconst(const void *pointer)
{
    return (void *)(uintptr_t)pointer;
}

bool http_conn_queue(struct http_conn *conn, struct span head, struct span body, void (*owned_free)(void *))
{
    if (!owned_free) {
        return queue_copy(conn, head, body);
    }
    bool done = body.size <= JOINED_SIZE ? queue_copy(conn, head, body) : http_conn_queue_borrowed(conn, head, body);
    if (done && body.size > JOINED_SIZE) {
        conn->out_last->owned = unconst(body.data);
        conn->out_last->owned_free = owned_free;
    } else {
        owned_free(unconst(body.data));
    }
    return done;
}

void http_conn_drop_output(struct http_conn *conn)
{
    while (conn->out_first) {
        struct out_chunk *chunk = conn->out_first;
        conn->out_first = chunk->next;
        chunk_free(chunk);
    }
    conn->out_last = NULL;
    conn->out_size = 0;
}

enum progress http_conn_flush(struct http_conn *conn)
{
    conn->write_wants_read = false;
    for (unsigned i = 0; i < WRITES && conn->out_first; i++) {
        struct out_chunk *chunk = conn->out_first;
        size_t put = 0;
        enum tls_result result = tls_conn_write(&conn->tls, chunk->data + chunk->sent, chunk->size - chunk->sent, &put);
        if (result != TLS_DONE) {
            conn->write_wants_read = result == TLS_WANT_READ;
            return result == TLS_WANT_READ || result == TLS_WANT_WRITE ? PROGRESS_WAIT : PROGRESS_CLOSE;
        }
        chunk->sent += put;
        conn->out_size -= put;
        conn->moved += put;
        conn->server->counts.bytes_out += put;
        if (chunk->sent == chunk->size) {
            conn->out_first = chunk->next;
            chunk_free(chunk);
        }
    }
    return conn->out_first ? PROGRESS_WAIT : PROGRESS_ON;
}
