/* SPDX-License-Identifier: Apache-2.0 */
#include "node/http/tls_conn.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "node/pki/pki.h"

struct tls_context {
    SSL_CTX *ssl;
};

/* OpenSSL's own words for what went wrong last. */
static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_error());
    return text ? text : "no reason given";
}

static struct status refuse(char *problem, size_t problem_size, const char *what, const char *path, const char *next)
{
    (void)snprintf(problem, problem_size, "%s %s: %s. %s", what, path, reason(), next);
    ERR_clear_error();
    return STATUS_MAKE(STATUS_INVALID);
}

static struct status load_certificate(SSL_CTX *ssl, const struct http_listener *listener, char *problem,
                                      size_t problem_size)
{
    if (!listener->certificate_path || !listener->key_path) {
        (void)snprintf(problem, problem_size, "TLS needs a certificate and its private key. Give both paths.");
        return STATUS_MAKE(STATUS_INVALID);
    }
    TRY(pki_key_file_check(listener->key_path, problem, problem_size));
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ssl, listener->certificate_path) != 1) {
        return refuse(problem, problem_size, "The certificate cannot be read from", listener->certificate_path,
                      "Give the path of a PEM certificate; `simpul pki` makes one");
    }
    ERR_clear_error();
    if (SSL_CTX_use_PrivateKey_file(ssl, listener->key_path, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ssl) != 1) {
        return refuse(problem, problem_size, "The private key does not fit the certificate:", listener->key_path,
                      "Give the key that was made together with the certificate");
    }
    return status_ok();
}

static struct status load_client_ca(SSL_CTX *ssl, const struct http_listener *listener, char *problem,
                                    size_t problem_size)
{
    if (!listener->client_certificate) {
        SSL_CTX_set_verify(ssl, SSL_VERIFY_NONE, NULL);
        return status_ok();
    }
    ERR_clear_error();
    bool given = listener->client_ca_path != NULL;
    STACK_OF(X509_NAME) *names = given ? SSL_load_client_CA_file(listener->client_ca_path) : NULL;
    if (!names || SSL_CTX_load_verify_file(ssl, listener->client_ca_path) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return refuse(problem, problem_size, "The CA's certificate cannot be read from",
                      given ? listener->client_ca_path : "(no path)", "Give the path of the deployment's ca.pem");
    }
    SSL_CTX_set_client_CA_list(ssl, names);
    /* Without FAIL_IF_NO_PEER_CERT a certificate would be optional. */
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_verify_depth(ssl, 2);
    return status_ok();
}

static void set_protocol(SSL_CTX *ssl)
{
    (void)SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION);
    /* A ticket would outlive expiry and revocation of the certificate it was given for. */
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_num_tickets(ssl, 0);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                    SSL_MODE_RELEASE_BUFFERS);
}

struct status tls_context_new(const struct http_listener *listener, char *problem, size_t problem_size,
                              struct tls_context **out_context)
{
    struct tls_context *context = calloc(1, sizeof *context);
    if (context) {
        context->ssl = SSL_CTX_new(TLS_server_method());
    }
    if (!context || !context->ssl) {
        tls_context_free(context);
        (void)snprintf(problem, problem_size, "Not enough memory for TLS");
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    set_protocol(context->ssl);
    struct status status = load_certificate(context->ssl, listener, problem, problem_size);
    if (status_is_ok(status)) {
        status = load_client_ca(context->ssl, listener, problem, problem_size);
    }
    if (!status_is_ok(status)) {
        tls_context_free(context);
        return status;
    }
    *out_context = context;
    return status_ok();
}

struct status tls_files_check(const char *certificate_path, const char *key_path, const char *ca_path, char *problem,
                              size_t problem_size)
{
    struct http_listener files = {.certificate_path = certificate_path,
                                  .key_path = key_path,
                                  .client_ca_path = ca_path,
                                  .client_certificate = true};
    SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());
    if (!ssl) {
        (void)snprintf(problem, problem_size, "Not enough memory for TLS");
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    struct status status = load_client_ca(ssl, &files, problem, problem_size);
    if (status_is_ok(status) && (certificate_path || key_path)) {
        status = load_certificate(ssl, &files, problem, problem_size);
    }
    SSL_CTX_free(ssl);
    return status;
}

void tls_context_free(struct tls_context *context)
{
    if (context) {
        SSL_CTX_free(context->ssl);
        free(context);
    }
}

struct status tls_conn_init(struct tls_conn *conn, struct tls_context *context, int fd)
{
    *conn = (struct tls_conn){.fd = fd};
    if (!context) {
        return status_ok();
    }
    conn->tls = SSL_new(context->ssl);
    if (!conn->tls || SSL_set_fd(conn->tls, fd) != 1) {
        tls_conn_release(conn);
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    SSL_set_accept_state(conn->tls);
    return status_ok();
}

void tls_conn_release(struct tls_conn *conn)
{
    SSL_free(conn->tls);
    conn->tls = NULL;
}

/* What a return value of an SSL_ call means. The error queue was cleared before that call. */
static enum tls_result result_of(struct tls_conn *conn, int returned)
{
    switch (SSL_get_error(conn->tls, returned)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        conn->broken = true;
        return TLS_FAILED;
    }
}

enum tls_result tls_conn_handshake(struct tls_conn *conn)
{
    if (!conn->tls) {
        return TLS_DONE;
    }
    ERR_clear_error();
    return result_of(conn, SSL_do_handshake(conn->tls));
}

static enum tls_result plain_result(struct tls_conn *conn, enum tls_result want)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return want;
    }
    conn->broken = true;
    return TLS_FAILED;
}

enum tls_result tls_conn_read(struct tls_conn *conn, void *out_bytes, size_t size, size_t *out_size)
{
    if (conn->tls) {
        ERR_clear_error();
        return result_of(conn, SSL_read_ex(conn->tls, out_bytes, size, out_size));
    }
    ssize_t got = recv(conn->fd, out_bytes, size, 0);
    if (got < 0) {
        return plain_result(conn, TLS_WANT_READ);
    }
    *out_size = (size_t)got;
    return got == 0 ? TLS_CLOSED : TLS_DONE;
}

enum tls_result tls_conn_write(struct tls_conn *conn, const void *bytes, size_t size, size_t *out_size)
{
    if (conn->tls) {
        ERR_clear_error();
        return result_of(conn, SSL_write_ex(conn->tls, bytes, size, out_size));
    }
    ssize_t put = send(conn->fd, bytes, size, MSG_NOSIGNAL);
    if (put < 0) {
        return plain_result(conn, TLS_WANT_WRITE);
    }
    *out_size = (size_t)put;
    return TLS_DONE;
}

void tls_conn_finish(struct tls_conn *conn)
{
    /* SSL_shutdown is not allowed inside a handshake or after a fatal error. */
    if (conn->tls && !conn->broken && SSL_is_init_finished(conn->tls)) {
        ERR_clear_error();
        (void)SSL_shutdown(conn->tls);
    }
    (void)shutdown(conn->fd, SHUT_WR);
}

enum tls_result tls_conn_drain(struct tls_conn *conn)
{
    char bytes[4096];
    ssize_t got = recv(conn->fd, bytes, sizeof bytes, 0);
    if (got < 0) {
        return plain_result(conn, TLS_WANT_READ);
    }
    return got == 0 ? TLS_CLOSED : TLS_DONE;
}

static bool copy_uri(const GENERAL_NAME *name, struct http_peer *peer)
{
    const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
    int length = ASN1_STRING_length(uri);
    if (length <= 0 || (size_t)length >= sizeof peer->uri ||
        memchr(ASN1_STRING_get0_data(uri), 0, (size_t)length) != NULL) {
        return false;
    }
    memcpy(peer->uri, ASN1_STRING_get0_data(uri), (size_t)length);
    peer->uri[length] = 0;
    return true;
}

/* Exactly one URI: with several, two readers could take different ones. */
static bool read_uri(const X509 *certificate, struct http_peer *peer)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    size_t count = 0;
    bool good = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_URI) {
            count++;
            good = copy_uri(name, peer);
        }
    }
    GENERAL_NAMES_free(names);
    return good && count == 1;
}

bool tls_conn_peer(const struct tls_conn *conn, struct http_peer *out_peer)
{
    if (!conn->tls || SSL_get_verify_result(conn->tls) != X509_V_OK) {
        return false;
    }
    /* The first of the chain that was verified, not of what the peer sent. */
    STACK_OF(X509) *chain = SSL_get0_verified_chain(conn->tls);
    if (sk_X509_num(chain) < 2) {
        return false;
    }
    X509 *certificate = sk_X509_value(chain, 0);
    struct http_peer peer = {.present = true};
    unsigned char *key = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);
    bool good = size > 0 && EVP_Digest(key, (size_t)size, peer.spki_sha256, NULL, EVP_sha256(), NULL) == 1 &&
                read_uri(certificate, &peer);
    OPENSSL_free(key);
    if (good) {
        *out_peer = peer;
    }
    return good;
}
