/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_HTTP_TLS_CONN_H
#define NODE_HTTP_TLS_CONN_H

#include "node/http/server.h"

/* One socket, with TLS 1.3 by OpenSSL on it or plain. Internal to node/http. Non-blocking: each call says what the
 * socket must become before it is worth trying again. Reading may want to write and the reverse. OpenSSL's types stop
 * in the .c file. */

struct tls_context; /* certificate, key and CA of a listener; shared by its connections */

struct status tls_context_new(const struct http_listener *listener, char *problem, size_t problem_size,
                              struct tls_context **out_context) MUST_CHECK;
/* Only looks whether the files are there, readable and fit together: own certificate and key (both NULL: none), and CA.
 */
struct status tls_files_check(const char *certificate_path, const char *key_path, const char *ca_path, char *problem,
                              size_t problem_size) MUST_CHECK;
/* Connections keep what they need. NULL is fine. */
void tls_context_free(struct tls_context *context);

enum tls_result {
    TLS_DONE,
    TLS_WANT_READ,
    TLS_WANT_WRITE,
    TLS_CLOSED, /* the peer ended in order */
    TLS_FAILED, /* final */
};

struct tls_conn {
    int fd;             /* borrowed */
    struct ssl_st *tls; /* owned; NULL: plain */
    bool broken;
};

struct status tls_conn_init(struct tls_conn *conn, struct tls_context *context, int fd) MUST_CHECK;
void tls_conn_release(struct tls_conn *conn);
enum tls_result tls_conn_handshake(struct tls_conn *conn);
enum tls_result tls_conn_read(struct tls_conn *conn, void *out_bytes, size_t size, size_t *out_size);
enum tls_result tls_conn_write(struct tls_conn *conn, const void *bytes, size_t size, size_t *out_size);
/* close_notify where it can be sent, then no more writing; what the peer still sends can be drained. */
void tls_conn_finish(struct tls_conn *conn);
/* Reads and forgets raw bytes. TLS_CLOSED at the end. */
enum tls_result tls_conn_drain(struct tls_conn *conn);
/* The verified client certificate; false when there is none, or not exactly one URI in it. */
bool tls_conn_peer(const struct tls_conn *conn, struct http_peer *out_peer);

#endif
