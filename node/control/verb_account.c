/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "node/base/clock.h"
#include "node/base/log.h"
#include "node/cli/exit.h"
#include "node/control/verbs.h"
#include "node/staff/staff.h"

/* account.add, account.list, account.disable, account.password: who may use the dashboard (node/staff). */

static bool staff_here(struct control_host *host, struct control_answer *answer, struct staff **out_staff)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/staff.db", host->local->config->data_dir);
    if (status_is_ok(staff_open(path, host->local->crypto, out_staff))) {
        return true;
    }
    answer_problem(answer, EXIT_STORE, "%s cannot be opened: check its rights and the disk", path);
    return false;
}

static bool account_outcome(struct control_answer *answer, struct status status, const char *what, const char *problem)
{
    if (status_is_ok(status)) {
        LOG(account_changed, log_word("cli"), log_word(what));
        return true;
    }
    if (status.code == STATUS_NOT_FOUND) {
        answer_problem(answer, EXIT_NO_SUCH, "there is no such account");
    } else if (problem) {
        answer_problem(answer, EXIT_USAGE, "%s", problem);
    } else {
        answer_problem(answer, EXIT_STORE, "the accounts cannot be written (%s)", status_name(status));
    }
    return false;
}

/* Where a role makes sense: national at the hub; elsewhere only the node's own scope. */
static const char *role_problem(const struct config *config, enum staff_role role, const char *scope)
{
    if (config->role == CONFIG_HUB) {
        return NULL;
    }
    if (role == STAFF_NATIONAL) {
        return "a national account belongs to the hub";
    }
    return strncmp(scope, config->node.text, sizeof config->node.text) == 0 ? NULL : "an account of this node has the node's own scope";
}

/* The password given, or a made one that is told once. */
static const char *password_of(const json_t *arguments, const struct control_host *host, char made[25])
{
    const char *given = json_string_value(json_object_get(arguments, "password"));
    if (!given) {
        staff_password_make(host->local->crypto, made);
    }
    return given ? given : made;
}

static void add_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    struct staff *staff = NULL;
    enum staff_role role = STAFF_AUDITOR;
    char made[25];
    const char *name = argument_text(arguments, "name", answer);
    const char *role_text = name ? argument_text(arguments, "role", answer) : NULL;
    const char *scope = json_string_value(json_object_get(arguments, "scope"));
    if (!role_text) {
        return;
    }
    if (!staff_role_by_name(role_text, &role)) {
        answer_problem(answer, EXIT_USAGE, "a role is national, province, regency or auditor");
        return;
    }
    scope = scope ? scope : "";
    const char *problem = role_problem(host->local->config, role, scope);
    if (problem) {
        answer_problem(answer, EXIT_USAGE, "%s", problem);
        return;
    }
    if (!staff_here(host, answer, &staff)) {
        return;
    }
    const char *password = password_of(arguments, host, made);
    struct status status = staff_add(staff, name, role, scope, password, "cli", clock_now_ms(), &problem);
    if (account_outcome(answer, status, "add", problem)) {
        answer->reply = json_pack("{s:s,s:s,s:s,s:s}", "name", name, "role", role_text, "scope", scope, "password", password);
    }
    staff_close(staff);
}

static void list_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    struct staff *staff = NULL;
    (void)arguments;
    if (staff_here(host, answer, &staff)) {
        answer->reply = json_pack("{s:o,s:o}", "accounts", staff_list(staff), "acts", staff_acts(staff));
        staff_close(staff);
    }
}

static void disable_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    struct staff *staff = NULL;
    const char *name = argument_text(arguments, "name", answer);
    bool enable = argument_flag(arguments, "enable");
    if (!name || !staff_here(host, answer, &staff)) {
        return;
    }
    struct status status = staff_set_disabled(staff, name, !enable, "cli", clock_now_ms());
    if (account_outcome(answer, status, enable ? "enable" : "disable", NULL)) {
        answer->reply = json_pack("{s:s,s:b}", "name", name, "disabled", !enable);
    }
    staff_close(staff);
}

static void password_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    struct staff *staff = NULL;
    const char *problem = NULL;
    char made[25];
    const char *name = argument_text(arguments, "name", answer);
    if (!name || !staff_here(host, answer, &staff)) {
        return;
    }
    const char *password = password_of(arguments, host, made);
    struct status status = staff_set_password(staff, name, password, "cli", clock_now_ms(), &problem);
    if (account_outcome(answer, status, "password", problem)) {
        answer->reply = json_pack("{s:s,s:s}", "name", name, "password", password);
    }
    staff_close(staff);
}

const struct control_verb verbs_account[] = {
    {"account.add", false, add_verb},
    {"account.list", false, list_verb},
    {"account.disable", false, disable_verb},
    {"account.password", false, password_verb},
    {NULL, false, NULL},
};
