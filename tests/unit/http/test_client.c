/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_http */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "node/http/client_problem.h"
#include "tests/unit/http/deployment.h"

/* Covers node/http/client.c and client_problem.c: our client against our server, over mutual TLS, in one loop. */

struct pair {
    struct deployment *deployment; /* borrowed */
    struct http_server *server;    /* owned */
    struct http_client *client;    /* owned */
    bool server_stopped;
    bool client_stopped;
    /* the server's side */
    unsigned handled;
    struct http_peer peer;
    bool park;
    struct http_request_id parked;
    unsigned cancels;
    unsigned status;
    size_t answer_size;
    size_t body_size;
    uint64_t body_sum;
    char type[64];
    /* the client's side */
    unsigned done;
    enum http_outcome outcome;
    unsigned got_status;
    size_t got_size;
    uint64_t got_sum;
    uint64_t retry_after_ms;
    char problem[512];
};

static uint64_t sum_of(struct span bytes)
{
    uint64_t sum = 14695981039346656037u;
    for (size_t i = 0; i < bytes.size; i++) {
        sum = (sum ^ bytes.data[i]) * 1099511628211u;
    }
    return sum;
}

static uint8_t *pattern(size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i * 31 + i / 251);
    }
    return bytes;
}

static void handle(void *owner, struct http_request *request)
{
    struct pair *pair = owner;
    struct span type = {0};
    pair->handled++;
    pair->peer = *request->peer;
    pair->body_size = request->body.size;
    pair->body_sum = sum_of(request->body);
    pair->type[0] = 0;
    if (http_header(request, "Content-Type", &type)) {
        (void)snprintf(pair->type, sizeof pair->type, "%.*s", (int)type.size, (const char *)type.data);
    }
    if (pair->park) {
        pair->parked = request->id;
        return;
    }
    if (pair->status != 200) {
        (void)http_respond_text(pair->server, request->id, pair->status, "No.");
        return;
    }
    struct http_response response = {.status = 200,
                                     .content_type = "application/octet-stream",
                                     .body = span_of(pattern(pair->answer_size), pair->answer_size),
                                     .body_free = free};
    (void)http_respond(pair->server, request->id, &response);
}

static void cancelled(void *owner, struct http_request_id id)
{
    (void)id;
    ((struct pair *)owner)->cancels++;
}

static void done(void *owner, struct http_call_id id, const struct http_result *result)
{
    struct pair *pair = owner;
    (void)id;
    pair->done++;
    pair->outcome = result->outcome;
    pair->got_status = result->status;
    pair->got_size = result->body.size;
    pair->got_sum = sum_of(result->body);
    pair->retry_after_ms = result->retry_after_ms;
    (void)snprintf(pair->problem, sizeof pair->problem, "%s", result->problem);
}

static bool is_done(void *owner)
{
    return ((struct pair *)owner)->done > 0;
}

static bool is_handled(void *owner)
{
    return ((struct pair *)owner)->handled > 0;
}

static bool is_cancelled(void *owner)
{
    return ((struct pair *)owner)->cancels > 0;
}

static void on_server_stopped(void *owner)
{
    ((struct pair *)owner)->server_stopped = true;
}

static void on_client_stopped(void *owner)
{
    ((struct pair *)owner)->client_stopped = true;
}

static bool both_stopped(void *owner)
{
    return ((struct pair *)owner)->server_stopped && ((struct pair *)owner)->client_stopped;
}

static struct http_client_options client_options(struct pair *pair, const char *issuer, const char *trusted)
{
    return (struct http_client_options){
        .loop = &pair->deployment->loop,
        .ca_path = path_in(pair->deployment, trusted, "ca.pem"),
        .certificate_path = issuer ? path_in(pair->deployment, issuer, "node.pem") : NULL,
        .key_path = issuer ? path_in(pair->deployment, issuer, "node.key") : NULL,
    };
}

static void start_server(struct pair *pair, const struct http_listener *listener)
{
    struct deployment *deployment = pair->deployment;
    struct http_server_options options = {.loop = &deployment->loop,
                                          .listeners = {*listener},
                                          .listener_count = 1,
                                          .owner = pair,
                                          .handle = handle,
                                          .cancelled = cancelled};
    check(deployment, http_server_new(&options, deployment->problem, sizeof deployment->problem, &pair->server));
}

static void start_client(struct pair *pair, const struct http_client_options *options)
{
    struct deployment *deployment = pair->deployment;
    check(deployment, http_client_new(options, deployment->problem, sizeof deployment->problem, &pair->client));
}

static void pair_begin(struct pair *pair, void **state)
{
    *pair = (struct pair){.deployment = *state, .status = 200};
    loop_begin(*state);
}

/* Server with our certificates that requires a client certificate; client with a certificate of `issuer` (NULL: none)
 * that trusts `trusted`. */
static void pair_start(struct pair *pair, void **state, const char *issuer, const char *trusted)
{
    pair_begin(pair, state);
    struct http_listener listener = listener_of(pair->deployment, true, true);
    start_server(pair, &listener);
    struct http_client_options options = client_options(pair, issuer, trusted);
    start_client(pair, &options);
}

static void pair_end(struct pair *pair)
{
    http_client_stop(pair->client, on_client_stopped, pair);
    http_server_stop(pair->server, 0, on_server_stopped);
    assert_true(run_until(pair->deployment, both_stopped, pair));
    http_client_free(pair->client);
    http_server_free(pair->server);
    loop_end(pair->deployment);
}

static struct http_call_id call_host(struct pair *pair, struct http_call call, const char *host)
{
    char url[128];
    struct http_call_id id = {0};
    (void)snprintf(url, sizeof url, "https://%s:%u/sync/v1/push", host, http_server_port(pair->server, 0));
    call.url = url;
    call.method = call.method ? call.method : "POST";
    call.done = done;
    call.owner = pair;
    pair->done = 0;
    assert_true(status_is_ok(http_client_call(pair->client, &call, &id)));
    return id;
}

static void call_and_wait(struct pair *pair, struct http_call call)
{
    (void)call_host(pair, call, "127.0.0.1");
    assert_true(run_until(pair->deployment, is_done, pair));
}

static void expect_security(struct pair *pair, const char *word)
{
    call_and_wait(pair, (struct http_call){.body = span_text("x")});
    if (pair->outcome != HTTP_OUTCOME_SECURITY || !strstr(pair->problem, word)) {
        fail_msg("expected security and '%s', got kind %d: %s", word, (int)pair->outcome, pair->problem);
    }
    assert_int_equal(pair->got_status, 0);
    assert_int_equal(pair->handled, 0);
}

static void mutual_tls_carries_a_request_and_who_sent_it(void **state)
{
    struct pair pair;
    struct pki_facts facts;
    pair_start(&pair, state, ISSUER_OURS, ISSUER_OURS);
    pair.answer_size = 7;
    call_and_wait(&pair, (struct http_call){.body = span_text("hello"), .content_type = "application/x-protobuf"});
    assert_int_equal(pair.outcome, HTTP_OUTCOME_OK);
    assert_int_equal(pair.got_status, 200);
    assert_int_equal(pair.got_size, 7);
    assert_string_equal(pair.problem, "");
    assert_int_equal(pair.body_size, 5);
    assert_string_equal(pair.type, "application/x-protobuf");
    assert_true(pair.peer.present);
    assert_string_equal(pair.peer.uri, "simpul://ours/node/61.03");
    check(*state, pki_certificate_facts(path_in(*state, ISSUER_OURS, "node.pem"), time(NULL), &facts, NULL, 0));
    assert_memory_equal(pair.peer.spki_sha256, facts.spki_sha256, 32);
    pair_end(&pair);
}

static void connections_are_reused_until_the_files_change(void **state)
{
    struct pair pair;
    pair_start(&pair, state, ISSUER_OURS, ISSUER_OURS);
    for (unsigned i = 0; i < 5; i++) {
        call_and_wait(&pair, (struct http_call){.body = span_text("x")});
        assert_int_equal(pair.outcome, HTTP_OUTCOME_OK);
    }
    assert_int_equal(http_server_counts(pair.server).accepted, 1);
    http_client_reload(pair.client);
    call_and_wait(&pair, (struct http_call){.body = span_text("x")});
    assert_int_equal(pair.outcome, HTTP_OUTCOME_OK);
    assert_int_equal(http_server_counts(pair.server).accepted, 2);
    pair_end(&pair);
}

static void a_renewed_server_certificate_is_used_for_new_connections(void **state)
{
    struct pair pair;
    char problem[512];
    pair_start(&pair, state, ISSUER_OURS, ISSUER_OTHER);
    expect_security(&pair, "not from this deployment's CA");
    assert_int_equal(http_server_reload(pair.server, 0, path_in(*state, ISSUER_OTHER, "hub.pem"),
                                        path_in(*state, ISSUER_OURS, "hub.key"), path_in(*state, ISSUER_OURS, "ca.pem"),
                                        problem, sizeof problem)
                         .code,
                     STATUS_INVALID);
    expect_security(&pair, "not from this deployment's CA");
    check(*state, http_server_reload(pair.server, 0, path_in(*state, ISSUER_OTHER, "hub.pem"),
                                     path_in(*state, ISSUER_OTHER, "hub.key"), path_in(*state, ISSUER_OURS, "ca.pem"),
                                     problem, sizeof problem));
    call_and_wait(&pair, (struct http_call){.body = span_text("x")});
    assert_int_equal(pair.outcome, HTTP_OUTCOME_OK);
    pair_end(&pair);
}

static void other_methods_and_empty_bodies_work(void **state)
{
    struct pair pair;
    pair_start(&pair, state, ISSUER_OURS, ISSUER_OURS);
    call_and_wait(&pair, (struct http_call){.method = "GET"});
    assert_int_equal(pair.outcome, HTTP_OUTCOME_OK);
    call_and_wait(&pair, (struct http_call){.method = "PUT", .body = span_text("abc"), .content_type = "a/b"});
    assert_int_equal(pair.outcome, HTTP_OUTCOME_OK);
    assert_int_equal(pair.body_size, 3);
    call_and_wait(&pair, (struct http_call){.method = "POST"});
    assert_int_equal(pair.outcome, HTTP_OUTCOME_OK);
    assert_int_equal(pair.body_size, 0);
    assert_string_equal(pair.type, "");
    pair_end(&pair);
}

static void big_bodies_pass_both_ways(void **state)
{
    struct pair pair;
    size_t size = LIMIT_BATCH_RAW;
    pair_start(&pair, state, ISSUER_OURS, ISSUER_OURS);
    pair.answer_size = size;
    uint8_t *bytes = pattern(size);
    uint64_t sum = sum_of(span_of(bytes, size));
    call_and_wait(&pair, (struct http_call){.body = span_of(bytes, size), .body_free = free});
    assert_int_equal(pair.outcome, HTTP_OUTCOME_OK);
    assert_int_equal(pair.body_size, size);
    assert_true(pair.body_sum == sum);
    assert_int_equal(pair.got_size, size);
    assert_true(pair.got_sum == sum);
    pair_end(&pair);
}

static void an_answer_over_the_limit_is_refused(void **state)
{
    struct pair pair;
    pair_start(&pair, state, ISSUER_OURS, ISSUER_OURS);
    pair.answer_size = 1001;
    call_and_wait(&pair, (struct http_call){.response_max = 1000});
    assert_int_equal(pair.outcome, HTTP_OUTCOME_DATA);
    assert_non_null(strstr(pair.problem, "larger"));
    call_and_wait(&pair, (struct http_call){.response_max = 1001});
    assert_int_equal(pair.outcome, HTTP_OUTCOME_OK);
    pair_end(&pair);
}

static void a_body_over_the_server_s_limit_gets_its_answer(void **state)
{
    struct pair pair;
    size_t size = 300000;
    pair_begin(&pair, state);
    struct http_listener listener = listener_of(pair.deployment, true, true);
    listener.body_max = 1000;
    start_server(&pair, &listener);
    struct http_client_options options = client_options(&pair, ISSUER_OURS, ISSUER_OURS);
    start_client(&pair, &options);
    call_and_wait(&pair, (struct http_call){.body = span_of(pattern(size), size), .body_free = free});
    assert_int_equal(pair.outcome, HTTP_OUTCOME_DATA);
    assert_int_equal(pair.got_status, 413);
    pair_end(&pair);
}

static void no_client_certificate_is_refused(void **state)
{
    struct pair pair;
    pair_start(&pair, state, NULL, ISSUER_OURS);
    expect_security(&pair, "requires a client certificate");
    assert_int_equal(http_server_counts(pair.server).handshake_failed, 1);
    pair_end(&pair);
}

static void a_client_certificate_of_another_authority_is_refused(void **state)
{
    struct pair pair;
    pair_start(&pair, state, ISSUER_OTHER, ISSUER_OURS);
    expect_security(&pair, "does not know the CA of this node's certificate");
    pair_end(&pair);
}

static void a_server_certificate_of_another_authority_is_refused(void **state)
{
    struct pair pair;
    pair_start(&pair, state, ISSUER_OURS, ISSUER_OTHER);
    expect_security(&pair, "not from this deployment's CA");
    pair_end(&pair);
}

static void a_server_s_certificate_is_no_client_certificate(void **state)
{
    struct pair pair;
    pair_begin(&pair, state);
    struct http_listener listener = listener_of(pair.deployment, true, true);
    start_server(&pair, &listener);
    struct http_client_options options = client_options(&pair, ISSUER_OURS, ISSUER_OURS);
    options.certificate_path = path_in(*state, ISSUER_OURS, "hub.pem");
    options.key_path = path_in(*state, ISSUER_OURS, "hub.key");
    start_client(&pair, &options);
    expect_security(&pair, "kind of this node's certificate");
    pair_end(&pair);
}

static void an_expired_client_certificate_is_refused(void **state)
{
    struct pair pair;
    issue_at(*state, ISSUER_OURS, PKI_NODE, "expired", time(NULL) - (int64_t)100 * 86400);
    pair_begin(&pair, state);
    struct http_listener listener = listener_of(pair.deployment, true, true);
    start_server(&pair, &listener);
    struct http_client_options options = client_options(&pair, ISSUER_OURS, ISSUER_OURS);
    options.certificate_path = path_in(*state, ISSUER_OURS, "expired.pem");
    options.key_path = path_in(*state, ISSUER_OURS, "expired.key");
    start_client(&pair, &options);
    expect_security(&pair, "this node's certificate has expired");
    pair_end(&pair);
}

static void server_with(struct pair *pair, void **state, const char *name)
{
    char file[64];
    pair_begin(pair, state);
    struct http_listener listener = listener_of(pair->deployment, true, true);
    (void)snprintf(file, sizeof file, "%s.pem", name);
    listener.certificate_path = path_in(*state, ISSUER_OURS, file);
    (void)snprintf(file, sizeof file, "%s.key", name);
    listener.key_path = path_in(*state, ISSUER_OURS, file);
    start_server(pair, &listener);
    struct http_client_options options = client_options(pair, ISSUER_OURS, ISSUER_OURS);
    start_client(pair, &options);
}

static void an_expired_server_certificate_is_refused(void **state)
{
    struct pair pair;
    issue_at(*state, ISSUER_OURS, PKI_SERVER, "old", time(NULL) - (int64_t)100 * 86400);
    server_with(&pair, state, "old");
    expect_security(&pair, "The server's certificate has expired");
    pair_end(&pair);
}

static void a_server_certificate_of_tomorrow_points_at_the_clock(void **state)
{
    struct pair pair;
    issue_at(*state, ISSUER_OURS, PKI_SERVER, "early", time(NULL) + (int64_t)10 * 86400);
    server_with(&pair, state, "early");
    expect_security(&pair, "check this computer's clock");
    pair_end(&pair);
}

static void a_node_s_certificate_is_no_server_certificate(void **state)
{
    struct pair pair;
    server_with(&pair, state, "node");
    expect_security(&pair, "not for servers");
    pair_end(&pair);
}

static void the_expected_name_may_differ_from_the_address(void **state)
{
    struct pair pair;
    pair_begin(&pair, state);
    struct http_listener listener = listener_of(pair.deployment, true, true);
    start_server(&pair, &listener);
    struct http_client_options options = client_options(&pair, ISSUER_OURS, ISSUER_OURS);
    options.server_name = "hub.test";
    start_client(&pair, &options);
    call_and_wait(&pair, (struct http_call){.body = span_text("x")});
    assert_int_equal(pair.outcome, HTTP_OUTCOME_OK);
    pair_end(&pair);
}

static void another_name_than_expected_is_refused(void **state)
{
    struct pair pair;
    pair_begin(&pair, state);
    struct http_listener listener = listener_of(pair.deployment, true, true);
    start_server(&pair, &listener);
    struct http_client_options options = client_options(&pair, ISSUER_OURS, ISSUER_OURS);
    options.server_name = "evil.test";
    start_client(&pair, &options);
    expect_security(&pair, "for another name");
    pair_end(&pair);
}

static void a_plain_http_port_is_no_tls_server(void **state)
{
    struct pair pair;
    pair_begin(&pair, state);
    struct http_listener listener = listener_of(pair.deployment, false, false);
    start_server(&pair, &listener);
    struct http_client_options options = client_options(&pair, ISSUER_OURS, ISSUER_OURS);
    start_client(&pair, &options);
    expect_security(&pair, "does not speak TLS 1.3");
    pair_end(&pair);
}

static void a_listener_without_client_certificates_asks_for_none(void **state)
{
    struct pair pair;
    pair_begin(&pair, state);
    struct http_listener listener = listener_of(pair.deployment, true, false);
    start_server(&pair, &listener);
    struct http_client_options options = client_options(&pair, ISSUER_OURS, ISSUER_OURS);
    start_client(&pair, &options);
    call_and_wait(&pair, (struct http_call){.body = span_text("x")});
    assert_int_equal(pair.outcome, HTTP_OUTCOME_OK);
    assert_false(pair.peer.present);
    pair_end(&pair);
}

static void answers_have_their_kinds(void **state)
{
    static const struct {
        unsigned status;
        enum http_outcome outcome;
    } cases[] = {
        {400, HTTP_OUTCOME_DATA},      {401, HTTP_OUTCOME_SECURITY},  {403, HTTP_OUTCOME_SECURITY},
        {404, HTTP_OUTCOME_DATA},      {408, HTTP_OUTCOME_TRANSIENT}, {409, HTTP_OUTCOME_DATA},
        {413, HTTP_OUTCOME_DATA},      {422, HTTP_OUTCOME_DATA},      {429, HTTP_OUTCOME_TRANSIENT},
        {500, HTTP_OUTCOME_TRANSIENT}, {503, HTTP_OUTCOME_TRANSIENT}, {303, HTTP_OUTCOME_DATA},
    };
    struct pair pair;
    pair_start(&pair, state, ISSUER_OURS, ISSUER_OURS);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pair.status = cases[i].status;
        call_and_wait(&pair, (struct http_call){.body = span_text("x")});
        assert_int_equal(pair.got_status, cases[i].status);
        assert_int_equal(pair.outcome, cases[i].outcome);
        assert_int_equal(pair.got_size, 4);
        bool later = cases[i].status == 503 || cases[i].status == 429;
        assert_int_equal(pair.retry_after_ms, later ? 5000 : 0);
        assert_true(strlen(pair.problem) > 10);
    }
    pair_end(&pair);
}

static void a_server_that_is_down_is_transient(void **state)
{
    struct pair pair;
    struct http_call_id id;
    char url[64];
    pair_start(&pair, state, ISSUER_OURS, ISSUER_OURS);
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u/", http_server_port(pair.server, 0));
    http_server_stop(pair.server, 0, on_server_stopped);
    while (!pair.server_stopped) {
        (void)uv_run(&pair.deployment->loop, UV_RUN_ONCE);
    }
    struct http_call call = {.method = "GET", .url = url, .done = done, .owner = &pair};
    assert_true(status_is_ok(http_client_call(pair.client, &call, &id)));
    assert_true(run_until(pair.deployment, is_done, &pair));
    assert_int_equal(pair.outcome, HTTP_OUTCOME_TRANSIENT);
    assert_non_null(strstr(pair.problem, "does not accept connections"));
    http_client_stop(pair.client, on_client_stopped, &pair);
    assert_true(run_until(pair.deployment, both_stopped, &pair));
    http_client_free(pair.client);
    http_server_free(pair.server);
    loop_end(pair.deployment);
}

static void a_long_poll_is_answered_when_there_is_something(void **state)
{
    struct pair pair;
    pair_start(&pair, state, ISSUER_OURS, ISSUER_OURS);
    pair.park = true;
    (void)call_host(&pair, (struct http_call){.body = span_text("x")}, "localhost");
    assert_true(run_until(pair.deployment, is_handled, &pair));
    assert_int_equal(pair.done, 0);
    assert_int_equal(http_client_calls(pair.client), 1);
    assert_true(status_is_ok(http_respond_text(pair.server, pair.parked, 200, "now")));
    assert_true(run_until(pair.deployment, is_done, &pair));
    assert_int_equal(pair.outcome, HTTP_OUTCOME_OK);
    assert_int_equal(pair.got_size, 4);
    pair_end(&pair);
}

static void a_silent_server_is_a_time_out(void **state)
{
    struct pair pair;
    pair_start(&pair, state, ISSUER_OURS, ISSUER_OURS);
    pair.park = true;
    call_and_wait(&pair, (struct http_call){.body = span_text("x"), .total_ms = 100});
    assert_int_equal(pair.outcome, HTTP_OUTCOME_TRANSIENT);
    assert_non_null(strstr(pair.problem, "in time"));
    assert_true(run_until(pair.deployment, is_cancelled, &pair));
    pair.handled = 0;
    call_and_wait(&pair, (struct http_call){.body = span_text("x"), .stall_ms = 1000});
    assert_int_equal(pair.outcome, HTTP_OUTCOME_TRANSIENT);
    assert_int_equal(pair.handled, 1);
    pair_end(&pair);
}

static void a_cancelled_call_ends_and_the_server_notices(void **state)
{
    struct pair pair;
    pair_start(&pair, state, ISSUER_OURS, ISSUER_OURS);
    pair.park = true;
    struct http_call_id id = call_host(&pair, (struct http_call){.body = span_text("x")}, "127.0.0.1");
    assert_true(run_until(pair.deployment, is_handled, &pair));
    http_client_cancel(pair.client, id);
    assert_int_equal(pair.done, 0);
    assert_true(run_until(pair.deployment, is_done, &pair));
    assert_int_equal(pair.outcome, HTTP_OUTCOME_CANCELLED);
    assert_true(run_until(pair.deployment, is_cancelled, &pair));
    http_client_cancel(pair.client, id); /* has ended: ignored */
    pair_end(&pair);
    assert_int_equal(pair.done, 1);
}

static void a_stop_ends_every_call_once(void **state)
{
    struct pair pair;
    pair_start(&pair, state, ISSUER_OURS, ISSUER_OURS);
    pair.park = true;
    (void)call_host(&pair, (struct http_call){.body = span_text("x")}, "127.0.0.1");
    assert_true(run_until(pair.deployment, is_handled, &pair));
    (void)call_host(&pair, (struct http_call){.body = span_text("x")}, "127.0.0.1");
    pair_end(&pair);
    assert_int_equal(pair.done, 2);
    assert_int_equal(pair.outcome, HTTP_OUTCOME_CANCELLED);
}

static void only_https_addresses_are_called(void **state)
{
    static const char *const bad[] = {"http://127.0.0.1/", "ftp://x/", "file:///etc/passwd", "https://", "", "hub"};
    struct pair pair;
    struct http_call_id id;
    pair_start(&pair, state, ISSUER_OURS, ISSUER_OURS);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct http_call call = {.method = "GET", .url = bad[i], .done = done, .owner = &pair};
        assert_int_equal(http_client_call(pair.client, &call, &id).code, STATUS_INVALID);
    }
    pair_end(&pair);
    assert_int_equal(pair.done, 0);
}

static void files_that_do_not_fit_are_told_at_the_start(void **state)
{
    struct pair pair;
    char problem[512];
    struct http_client *client = NULL;
    pair_begin(&pair, state);
    struct http_client_options options = client_options(&pair, ISSUER_OURS, ISSUER_OURS);
    options.key_path = path_in(*state, ISSUER_OTHER, "node.key");
    assert_int_equal(http_client_new(&options, problem, sizeof problem, &client).code, STATUS_INVALID);
    assert_non_null(strstr(problem, "does not fit"));
    options.key_path = "/nonexistent/node.key";
    assert_int_equal(http_client_new(&options, problem, sizeof problem, &client).code, STATUS_NOT_FOUND);
    options = client_options(&pair, ISSUER_OURS, ISSUER_OURS);
    options.ca_path = "/nonexistent/ca.pem";
    assert_int_equal(http_client_new(&options, problem, sizeof problem, &client).code, STATUS_INVALID);
    assert_non_null(strstr(problem, "/nonexistent/ca.pem"));
    assert_null(client);
    loop_end(*state);
}

static void alerts_are_read_from_curl_s_words(void **state)
{
    (void)state;
    struct client_verdict verdict = client_verdict_of_error(
        CURLE_RECV_ERROR, 0, "OpenSSL SSL_read: error:0A000414:SSL routines::sslv3 alert certificate revoked, errno 0");
    assert_int_equal(verdict.outcome, HTTP_OUTCOME_SECURITY);
    assert_non_null(strstr(verdict.problem, "revoked"));
    verdict = client_verdict_of_error(CURLE_RECV_ERROR, 0, "Recv failure: Connection reset by peer");
    assert_int_equal(verdict.outcome, HTTP_OUTCOME_TRANSIENT);
    verdict = client_verdict_of_error(CURLE_SSL_CONNECT_ERROR, 0, "OpenSSL SSL_connect: Connection reset by peer");
    assert_int_equal(verdict.outcome, HTTP_OUTCOME_TRANSIENT);
    verdict = client_verdict_of_error(CURLE_PEER_FAILED_VERIFICATION, X509_V_ERR_CERT_SIGNATURE_FAILURE, "");
    assert_int_equal(verdict.outcome, HTTP_OUTCOME_SECURITY);
}

static int make_deployment(void **state)
{
    *state = deployment_new();
    return 0;
}

static int drop_deployment(void **state)
{
    deployment_free(*state);
    curl_global_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutual_tls_carries_a_request_and_who_sent_it),
        cmocka_unit_test(connections_are_reused_until_the_files_change),
        cmocka_unit_test(a_renewed_server_certificate_is_used_for_new_connections),
        cmocka_unit_test(other_methods_and_empty_bodies_work),
        cmocka_unit_test(big_bodies_pass_both_ways),
        cmocka_unit_test(an_answer_over_the_limit_is_refused),
        cmocka_unit_test(a_body_over_the_server_s_limit_gets_its_answer),
        cmocka_unit_test(no_client_certificate_is_refused),
        cmocka_unit_test(a_client_certificate_of_another_authority_is_refused),
        cmocka_unit_test(a_server_certificate_of_another_authority_is_refused),
        cmocka_unit_test(a_server_s_certificate_is_no_client_certificate),
        cmocka_unit_test(an_expired_client_certificate_is_refused),
        cmocka_unit_test(an_expired_server_certificate_is_refused),
        cmocka_unit_test(a_server_certificate_of_tomorrow_points_at_the_clock),
        cmocka_unit_test(a_node_s_certificate_is_no_server_certificate),
        cmocka_unit_test(the_expected_name_may_differ_from_the_address),
        cmocka_unit_test(another_name_than_expected_is_refused),
        cmocka_unit_test(a_plain_http_port_is_no_tls_server),
        cmocka_unit_test(a_listener_without_client_certificates_asks_for_none),
        cmocka_unit_test(answers_have_their_kinds),
        cmocka_unit_test(a_server_that_is_down_is_transient),
        cmocka_unit_test(a_long_poll_is_answered_when_there_is_something),
        cmocka_unit_test(a_silent_server_is_a_time_out),
        cmocka_unit_test(a_cancelled_call_ends_and_the_server_notices),
        cmocka_unit_test(a_stop_ends_every_call_once),
        cmocka_unit_test(only_https_addresses_are_called),
        cmocka_unit_test(files_that_do_not_fit_are_told_at_the_start),
        cmocka_unit_test(alerts_are_read_from_curl_s_words),
    };
    return cmocka_run_group_tests(tests, make_deployment, drop_deployment);
}
