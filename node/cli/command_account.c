/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/cli.h"
#include "node/cli/print.h"
#include "node/cli/text.h"

/* simpul account add | list | disable | password. A password is never an argument: other users of the machine see those. */

enum { PASSWORD_SIZE = 256 };

static const char *member(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "";
}

/* The first line of standard input, with --stdin. */
static bool password_read(struct cli *cli, json_t *arguments)
{
    char line[PASSWORD_SIZE];
    if (!cli_flag(cli, OPT_STDIN)) {
        return true;
    }
    if (!fgets(line, sizeof line, stdin)) {
        return false;
    }
    line[strcspn(line, "\r\n")] = 0;
    json_object_set_new(arguments, "password", json_string(line));
    return true;
}

/* A password that was given is not repeated. */
static int password_tell(struct cli *cli, const char *verb, json_t *arguments)
{
    json_t *reply = NULL;
    if (!password_read(cli, arguments)) {
        json_decref(arguments);
        return cli_fail(EXIT_USAGE, "%s", say("--stdin: standard input holds no password"));
    }
    int code = cli_ask(cli, verb, arguments, &reply);
    if (code != EXIT_FINE) {
        return code;
    }
    if (cli_flag(cli, OPT_STDIN)) {
        json_object_del(reply, "password");
    }
    if (cli->json) {
        cli_json(reply);
    } else if (cli_flag(cli, OPT_STDIN)) {
        printf("%s\n", say("done"));
    } else {
        printf(say("password of %s: %s\n"), member(reply, "name"), member(reply, "password"));
    }
    json_decref(reply);
    return EXIT_FINE;
}

int command_account_add(struct cli *cli)
{
    const char *role = cli_option(cli, OPT_ROLE);
    const char *scope = cli_option(cli, OPT_SCOPE);
    if (!role) {
        return cli_fail(EXIT_USAGE, "%s", say("--role is missing: national, province, regency or auditor"));
    }
    json_t *arguments = json_pack("{s:s,s:s,s:s}", "name", cli->arguments[0], "role", role, "scope", scope ? scope : "");
    return password_tell(cli, "account.add", arguments);
}

int command_account_password(struct cli *cli)
{
    return password_tell(cli, "account.password", json_pack("{s:s}", "name", cli->arguments[0]));
}

int command_account_disable(struct cli *cli)
{
    json_t *reply = NULL;
    json_t *arguments = json_pack("{s:s,s:b}", "name", cli->arguments[0], "enable", cli_flag(cli, OPT_ENABLE));
    int code = cli_ask(cli, "account.disable", arguments, &reply);
    return code == EXIT_FINE ? cli_done(cli, reply, say("done")) : code;
}

static void accounts_show(struct cli *cli, const json_t *reply)
{
    struct table table;
    size_t index;
    json_t *account;
    table_init(&table, &cli->arena, 5);
    const char *heads[] = {say("name"), say("role"), say("region"), say("in the log"), say("state")};
    for (size_t i = 0; i < 5; i++) {
        table_cell(&table, "%s", heads[i]);
    }
    json_array_foreach(json_object_get(reply, "accounts"), index, account)
    {
        table_cell(&table, "%s", member(account, "name"));
        table_cell(&table, "%s", member(account, "role"));
        table_cell(&table, "%s", member(account, "scope"));
        table_cell(&table, "%s", member(account, "pseudonym"));
        table_cell(&table, "%s", json_is_true(json_object_get(account, "disabled")) ? say("disabled") : "");
    }
    table_print(&table, stdout, 0);
}

int command_account_list(struct cli *cli)
{
    return cli_ask_and_show(cli, "account.list", NULL, accounts_show);
}
