/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "node/base/clock.h"
#include "node/base/log.h"
#include "node/board/board_parts.h"

/* Signing in and out, and the accounts. What is done to an account is kept with its actor in staff.db, and logged without
 * names. */

static json_t *session_json(const struct board_call *call)
{
    const struct config *config = call->board->process->config;
    const struct staff_account *account = &call->session.account;
    return json_pack("{s:s,s:s,s:s,s:s,s:b,s:s,s:s,s:s,s:s%,s:i,s:I,s:I}", "name", account->name, "role",
                     staff_role_name(account->role), "scope", account->scope, "pseudonym", account->pseudonym, "acts",
                     call_may_act(call), "csrf", call->session.csrf, "deployment", config->deployment, "here",
                     config_role_name(config->role), "self", config->node.text, node_id_size(config->node), "zone_minutes",
                     (int)config->zone_minutes, "ends_ms", (json_int_t)call->session.ends_ms, "now_ms",
                     (json_int_t)clock_now_ms());
}

static void cookie_begin(struct board_call *call)
{
    (void)snprintf(call->request->cookie, sizeof call->request->cookie,
                   "__Host-simpul=%s; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=%d", call->session.token,
                   STAFF_SESSION_MS / 1000);
    call->reply = session_json(call);
}

/* Where too many wrong ones came from, none is looked at. */
static bool address_may_try(struct board_call *call)
{
    struct status status = staff_address_check(call->worker->staff, call->request->address, clock_now_ms());
    if (!status_is_ok(status)) {
        LOG(sign_in_refused, log_word("the address rests after failures"));
        call_problem(call, 429, "rests", "too many wrong passwords from your address: wait a while, then try again");
    }
    return status_is_ok(status);
}

static void address_failed(struct board_call *call)
{
    struct status status = staff_address_failed(call->worker->staff, call->request->address, clock_now_ms());
    (void)status; /* the account's own count stands */
}

void board_sign_in(struct board_call *call)
{
    const char *name = call_text(call, "name");
    const char *password = name ? call_text(call, "password") : NULL;
    if (!password || !address_may_try(call)) {
        return;
    }
    struct status status = staff_sign_in(call->worker->staff, name, password, clock_now_ms(), &call->session);
    if (status.code == STATUS_BUSY) {
        LOG(sign_in_refused, log_word("the account rests after failures"));
        call_problem(call, 429, "rests", "too many wrong passwords: wait a minute, then try again");
        address_failed(call);
        return;
    }
    if (!status_is_ok(status)) {
        LOG(sign_in_refused, log_word(status.code == STATUS_DENIED ? "name or password" : "the accounts do not answer"));
        call_problem(call, status.code == STATUS_DENIED ? 401 : 503, status.code == STATUS_DENIED ? "wrong" : "busy",
                     "name or password is wrong");
        if (status.code == STATUS_DENIED) {
            address_failed(call);
        }
        return;
    }
    cookie_begin(call);
}

/* The person who was invited chooses a password, and is signed in. */
void board_accept(struct board_call *call)
{
    const char *problem = NULL;
    const char *code = call_text(call, "code");
    const char *password = code ? call_text(call, "password") : NULL;
    if (!password || !address_may_try(call)) {
        return;
    }
    struct status status = staff_accept(call->worker->staff, code, password, clock_now_ms(), &call->session, &problem);
    if (status_is_ok(status)) {
        LOG(account_changed, log_word("invitation"), log_word("password"));
        cookie_begin(call);
    } else if (status.code == STATUS_DENIED) {
        address_failed(call);
        call_problem(call, 403, "code", "this invitation was used, has been replaced, or is too old: ask for another one");
    } else if (problem) {
        call_problem(call, 422, "invalid", problem);
    } else {
        call_problem(call, 503, "busy", "the accounts do not answer: try again");
    }
}

void board_session(struct board_call *call)
{
    call->reply = session_json(call);
}

static void cookie_end(struct board_call *call)
{
    (void)snprintf(call->request->cookie, sizeof call->request->cookie,
                   "__Host-simpul=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
}

void board_sign_out(struct board_call *call)
{
    staff_sign_out(call->worker->staff, span_text(call->request->token));
    cookie_end(call);
    call->reply = json_object();
}

/* Says what a change of an account came to. */
static void changed(struct board_call *call, struct status status, const char *what, const char *problem)
{
    if (status_is_ok(status)) {
        LOG(account_changed, log_word("dashboard"), log_word(what));
        call->reply = json_object();
    } else if (status.code == STATUS_NOT_FOUND) {
        call_problem(call, 404, "gone", "there is no such account");
    } else if (problem) {
        call_problem(call, 422, "invalid", problem);
    } else {
        call_problem(call, 503, "busy", "the accounts do not answer: try again");
    }
}

void board_own_password(struct board_call *call)
{
    struct staff_session fresh;
    const char *problem = NULL;
    const char *old = call_text(call, "old");
    const char *new = old ? call_text(call, "new") : NULL;
    if (!new) {
        return;
    }
    const struct staff_account *account = &call->session.account;
    struct status status = staff_sign_in(call->worker->staff, account->name, old, clock_now_ms(), &fresh);
    if (!status_is_ok(status)) {
        call_problem(call, 403, "wrong", "the old password is wrong");
        return;
    }
    status = staff_set_password(call->worker->staff, account->name, new, account->pseudonym, clock_now_ms(), &problem);
    changed(call, status, "password", problem);
    if (status_is_ok(status)) {
        cookie_end(call);
    }
}

void board_accounts(struct board_call *call)
{
    call->reply = json_pack("{s:o,s:o}", "accounts", staff_list(call->worker->staff), "acts", staff_acts(call->worker->staff));
}

/* A national account exists only at the hub; elsewhere the node's own regency or province, and auditors. */
static bool role_fits(const struct board_call *call, enum staff_role role, const char *scope)
{
    const struct config *config = call->board->process->config;
    return config->role == CONFIG_HUB || (role != STAFF_NATIONAL && strcmp(scope, config->node.text) == 0);
}

/* A code, told once, with which the person chooses a password: whoever keeps the accounts never knows it. */
static void invite(struct board_call *call, const char *name)
{
    char code[STAFF_CODE_SIZE + 1];
    struct status status = staff_invite(call->worker->staff, name, call->session.account.pseudonym, clock_now_ms(), code);
    json_decref(call->reply);
    call->reply = NULL;
    changed(call, status, "invite", NULL);
    if (status_is_ok(status)) {
        json_object_set_new(call->reply, "code", json_string(code));
    }
}

void board_account_add(struct board_call *call)
{
    enum staff_role role;
    const char *problem = NULL;
    const char *name = call_text(call, "name");
    const char *role_name = name ? call_text(call, "role") : NULL;
    const char *scope = role_name ? call_text(call, "scope") : NULL;
    char password[25];
    if (!scope) {
        return;
    }
    if (!staff_role_by_name(role_name, &role) || !role_fits(call, role, scope)) {
        call_problem(call, 422, "invalid", "that role and scope do not fit this node");
        return;
    }
    staff_password_make(call->board->process->local.crypto, password); /* nobody learns it */
    struct status status = staff_add(call->worker->staff, name, role, scope, password, call->session.account.pseudonym,
                                     clock_now_ms(), &problem);
    changed(call, status, "add", problem);
    if (status_is_ok(status)) {
        invite(call, name);
    }
}

void board_account_disable(struct board_call *call)
{
    const char *name = call_text(call, "name");
    if (!name) {
        return;
    }
    if (strcmp(name, call->session.account.name) == 0) {
        call_problem(call, 422, "invalid", "nobody disables the own account");
        return;
    }
    bool disabled = json_is_true(json_object_get(call->body, "disabled"));
    changed(call, staff_set_disabled(call->worker->staff, name, disabled, call->session.account.pseudonym, clock_now_ms()),
            disabled ? "disable" : "enable", NULL);
}

void board_account_invite(struct board_call *call)
{
    const char *name = call_text(call, "name");
    if (name) {
        invite(call, name);
    }
}
