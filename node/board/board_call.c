/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "node/base/clock.h"
#include "node/board/board_parts.h"
#include "node/cli/exit.h"

/* Who asks, may they, what do they want: the way of every request through a worker. */

enum needs {
    NEEDS_NOTHING,
    NEEDS_SESSION,
    NEEDS_ACTOR, /* may change complaints, and keeps the accounts */
};

struct board_route {
    enum http_method method;
    const char *path;
    enum needs needs;
    void (*handle)(struct board_call *call);
};

static void events(struct board_call *call)
{
    call->request->stream = true;
    memcpy(call->request->scope, call->session.account.scope, sizeof call->request->scope);
}

static const struct board_route routes[] = {
    {HTTP_POST, "/api/v1/sign-in", NEEDS_NOTHING, board_sign_in},
    {HTTP_POST, "/api/v1/accept", NEEDS_NOTHING, board_accept},
    {HTTP_GET, "/api/v1/session", NEEDS_SESSION, board_session},
    {HTTP_POST, "/api/v1/sign-out", NEEDS_SESSION, board_sign_out},
    {HTTP_POST, "/api/v1/password", NEEDS_SESSION, board_own_password},
    {HTTP_GET, "/api/v1/events", NEEDS_SESSION, events},
    {HTTP_GET, "/api/v1/overview", NEEDS_SESSION, board_overview},
    {HTTP_GET, "/api/v1/nodes", NEEDS_SESSION, board_nodes},
    {HTTP_GET, "/api/v1/records", NEEDS_SESSION, board_records},
    {HTTP_GET, "/api/v1/record", NEEDS_SESSION, board_record},
    {HTTP_GET, "/api/v1/leaf", NEEDS_SESSION, board_leaf},
    {HTTP_GET, "/api/v1/conflicts", NEEDS_SESSION, board_conflicts},
    {HTTP_GET, "/api/v1/report.csv", NEEDS_SESSION, board_report},
    {HTTP_GET, "/api/v1/quarantine", NEEDS_SESSION, board_quarantine},
    {HTTP_POST, "/api/v1/resolve", NEEDS_ACTOR, board_resolve},
    {HTTP_POST, "/api/v1/edit", NEEDS_ACTOR, board_edit},
    {HTTP_POST, "/api/v1/note", NEEDS_ACTOR, board_note},
    {HTTP_POST, "/api/v1/route", NEEDS_ACTOR, board_route},
    {HTTP_POST, "/api/v1/quarantine/retry", NEEDS_ACTOR, board_quarantine_retry},
    {HTTP_GET, "/api/v1/accounts", NEEDS_ACTOR, board_accounts},
    {HTTP_POST, "/api/v1/accounts/add", NEEDS_ACTOR, board_account_add},
    {HTTP_POST, "/api/v1/accounts/disable", NEEDS_ACTOR, board_account_disable},
    {HTTP_POST, "/api/v1/accounts/invite", NEEDS_ACTOR, board_account_invite},
};

/* ---- for handlers ---- */

void call_problem(struct board_call *call, unsigned status, const char *code, const char *sentence)
{
    json_decref(call->reply);
    call->request->status = status;
    call->reply = json_pack("{s:s,s:s}", "code", code, "problem", sentence);
}

json_t *call_verb(struct board_call *call, const char *verb, json_t *arguments)
{
    struct control_answer answer = {0};
    const struct control_verb *found = control_verb_find(verb);
    struct control_host host = call->board->host;
    struct local *replica = readers_local(call->board->process->readers);
    if (replica && call->request->method == HTTP_GET && strcmp(verb, "status") != 0) { /* the status is the process's own */
        host.local = replica;
        host.engine = readers_engine(call->board->process->readers);
    }
    if (arguments && found) {
        found->run(&host, arguments, &answer);
    }
    json_decref(arguments);
    if (answer.reply) {
        return answer.reply;
    }
    switch (answer.code) {
    case EXIT_NO_SUCH:
        call_problem(call, 404, "gone", answer.problem);
        break;
    case EXIT_REFUSED:
        call_problem(call, 409, "refused", answer.problem);
        break;
    case EXIT_USAGE:
        call_problem(call, 422, "invalid", answer.problem);
        break;
    default:
        call_problem(call, 503, "busy", answer.problem);
        break;
    }
    return NULL;
}

bool call_query(const struct board_call *call, const char *name, char *out_text, size_t size)
{
    return status_is_ok(http_query_value(span_text(call->request->query), name, out_text, size)) && out_text[0] != 0;
}

const char *call_text(struct board_call *call, const char *name)
{
    const char *text = json_string_value(json_object_get(call->body, name));
    if (!text) {
        char sentence[128];
        (void)snprintf(sentence, sizeof sentence, "\"%s\" is missing", name);
        call_problem(call, 422, "invalid", sentence);
    }
    return text;
}

bool call_may_see(const struct board_call *call, const char *owner)
{
    return owner && figures_covers(call->session.account.scope, owner);
}

bool call_scope(struct board_call *call, char out_scope[20])
{
    struct scope_id id;
    char text[20];
    const char *scope = call_query(call, "scope", text, sizeof text) ? text : call->session.account.scope;
    if (scope[0] && !status_is_ok(scope_id_parse(span_text(scope), &id))) {
        call_problem(call, 422, "invalid", "the scope is no region code");
        return false;
    }
    if (!call_may_see(call, scope)) {
        call_problem(call, 403, "scope", "this account does not see that region");
        return false;
    }
    memmove(out_scope, scope, strlen(scope) + 1);
    return true;
}

int32_t call_today(const struct board_call *call)
{
    return fact_day(clock_now_ms(), call->board->process->config->zone_minutes);
}

bool call_span(struct board_call *call, struct figures_span *out_span)
{
    struct figures_span span = {.today = call_today(call)};
    char from[16];
    char to[16];
    if (!call_scope(call, span.scope)) {
        return false;
    }
    int32_t month = fact_month(span.today);
    span.from_day = fact_month_first_day(month - month % 12); /* this year so far */
    span.to_day = span.today;
    bool holds = (!call_query(call, "from", from, sizeof from) || fact_day_parse(from, &span.from_day)) &&
                 (!call_query(call, "to", to, sizeof to) || fact_day_parse(to, &span.to_day)) && span.from_day <= span.to_day;
    if (!holds) {
        call_problem(call, 422, "invalid", "the period is two dates like 2026-01-31, the first one not after the second");
        return false;
    }
    *out_span = span;
    return true;
}

bool call_may_act(const struct board_call *call)
{
    enum config_role here = call->board->process->config->role;
    enum staff_role role = call->session.account.role;
    return (here == CONFIG_HUB && role == STAFF_NATIONAL) || (here == CONFIG_REGENCY && role == STAFF_REGENCY);
}

/* ---- the way through ---- */

/* A browser says where a POST comes from; behind a proxy on this machine the scheme may differ, the host may not. */
static bool is_same_origin(const struct board_request *request)
{
    const char *host = strstr(request->origin, "://");
    return host && request->host[0] && strcmp(host + 3, request->host) == 0;
}

static bool is_equal_in_constant_time(const char *a, const char *b)
{
    unsigned difference = 0;
    for (size_t i = 0; i < STAFF_TOKEN_SIZE; i++) {
        difference |= (unsigned char)a[i] ^ (unsigned char)b[i];
    }
    return difference == 0;
}

static bool check_session(struct board_call *call)
{
    struct status status =
        staff_session(call->worker->staff, span_text(call->request->token), clock_now_ms(), &call->session);
    if (status.code == STATUS_NOT_FOUND) {
        call_problem(call, 401, "sign-in", "sign in first");
    } else if (!status_is_ok(status)) {
        call_problem(call, 503, "busy", "the accounts do not answer: try again");
    }
    return status_is_ok(status);
}

static bool check_post(struct board_call *call, enum needs needs)
{
    const struct board_request *request = call->request;
    if (!request->json || !is_same_origin(request)) {
        call_problem(call, 403, "origin", "this does not come from the dashboard's own page");
        return false;
    }
    if (needs != NEEDS_NOTHING && !is_equal_in_constant_time(request->csrf, call->session.csrf)) {
        call_problem(call, 403, "csrf", "the page is out of date: load it again");
        return false;
    }
    call->body = json_loadb(request->body, request->body_size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(call->body)) {
        call_problem(call, 400, "invalid", "the request is not a JSON object");
        return false;
    }
    return true;
}

static void dispatch(struct board_call *call, const struct board_route *route)
{
    if (route->needs != NEEDS_NOTHING && !check_session(call)) {
        return;
    }
    if (route->method == HTTP_POST && !check_post(call, route->needs)) {
        return;
    }
    if (route->needs == NEEDS_ACTOR && !call_may_act(call)) {
        call_problem(call, 403, "role", "this account only reads");
        return;
    }
    call->request->status = 200;
    route->handle(call);
}

static void find_and_dispatch(struct board_call *call)
{
    bool known = false;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        bool fits = strcmp(routes[i].path, call->request->path) == 0;
        known |= fits;
        if (fits && routes[i].method == call->request->method) {
            dispatch(call, &routes[i]);
            return;
        }
    }
    call_problem(call, known ? 405 : 404, "invalid", known ? "not by this method" : "there is no such address");
}

void board_answer(struct board_worker *worker, struct board_request *request)
{
    struct board_call call = {.board = worker->board, .worker = worker, .request = request};
    find_and_dispatch(&call);
    if (call.reply && !request->answer) {
        request->content_type = "application/json";
        request->answer = json_dumps(call.reply, JSON_COMPACT);
        request->answer_size = request->answer ? strlen(request->answer) : 0;
    }
    if (!request->answer && !request->stream) {
        request->status = 500;
        request->content_type = NULL;
    }
    json_decref(call.reply);
    json_decref(call.body);
}
