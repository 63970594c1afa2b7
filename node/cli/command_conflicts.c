/* SPDX-License-Identifier: Apache-2.0 */
#include "node/base/files.h"
#include "node/cli/cli.h"
#include "node/cli/print.h"
#include "node/cli/text.h"

/* simpul conflicts list | show | resolve. A decision covers what its maker was shown and nothing else: resolve reads,
 * prints, and writes with the token of what it printed. */

enum { TOKEN_SIZE_MAX = 1024 * 1024 };

static const char *member(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "";
}

/* ---- list ---- */

static int list_read(struct cli *cli, json_t *items)
{
    char after[33] = "";
    for (bool more = true; more;) {
        json_t *reply = NULL;
        json_t *arguments = json_pack("{s:b}", "all", cli_flag(cli, OPT_ALL) ? 1 : 0);
        if (after[0]) {
            json_object_set_new(arguments, "after", json_string(after));
        }
        int code = cli_ask(cli, "conflicts.list", arguments, &reply);
        if (code != EXIT_FINE) {
            return code;
        }
        json_array_extend(items, json_object_get(reply, "conflicts"));
        snprintf(after, sizeof after, "%s", member(reply, "last"));
        more = json_is_true(json_object_get(reply, "more")) && after[0];
        json_decref(reply);
    }
    return EXIT_FINE;
}

static void items_print(struct cli *cli, const json_t *items)
{
    struct table table;
    table_init(&table, &cli->arena, 5);
    table.right[3] = true;
    const char *heads[] = {say("complaint"), say("region"), say("field"), say("values"), ""};
    for (size_t i = 0; i < 5; i++) {
        table_cell(&table, "%s", heads[i]);
    }
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        const json_t *registers = json_object_get(item, "registers");
        for (size_t r = 0; r < json_array_size(registers); r++) {
            const json_t *reg = json_array_get(registers, r);
            table_cell(&table, "%s", member(item, "id"));
            table_cell(&table, "%s", member(item, "owner"));
            table_cell(&table, "%s", member(reg, "register"));
            table_cell(&table, "%lld", (long long)json_integer_value(json_object_get(reg, "siblings")));
            table_cell(&table, "%s", json_is_true(json_object_get(reg, "person")) ? say("waits for a decision") : say("informs"));
        }
    }
    table_print(&table, stdout, 0);
}

int command_conflicts_list(struct cli *cli)
{
    json_t *items = json_array();
    int code = list_read(cli, items);
    if (code == EXIT_FINE && cli->json) {
        json_t *reply = json_pack("{s:O}", "conflicts", items);
        cli_json(reply);
        json_decref(reply);
    } else if (code == EXIT_FINE && json_array_size(items) == 0) {
        printf("%s\n", say("Nothing waits for a decision."));
    } else if (code == EXIT_FINE) {
        items_print(cli, items);
    }
    json_decref(items);
    return code;
}

/* ---- show ---- */

static void show_conflicts(struct cli *cli, const json_t *reply)
{
    record_print(cli, reply, true);
}

int command_conflicts_show(struct cli *cli)
{
    return cli_ask_and_show(cli, "record.show", json_pack("{s:s}", "id", cli->arguments[0]), show_conflicts);
}

/* ---- resolve ---- */

/* --token: JSON itself, or a file of it. What `record show --json` printed, or only its token. */
static int token_argument(struct cli *cli, json_t **out_read)
{
    const char *text = cli_option(cli, OPT_TOKEN);
    struct span bytes = span_text(text);
    if (text[0] != '[' && text[0] != '{') {
        struct status status = file_read(text, TOKEN_SIZE_MAX, &cli->arena, &bytes);
        if (!status_is_ok(status)) {
            return cli_fail(EXIT_NO_SUCH, say("%s cannot be read (%s)"), text, status_name(status));
        }
    }
    json_t *json = json_loadb((const char *)bytes.data, bytes.size, 0, NULL);
    if (!json_is_array(json) && !json_is_array(json_object_get(json, "token"))) {
        json_decref(json);
        return cli_fail(EXIT_USAGE, say("the token is damaged: give what `simpul record show --json` printed"));
    }
    *out_read = json;
    return EXIT_FINE;
}

/* What the person who decides has seen: `seen` is what was read earlier (whole, or only a token), or what was just shown.
 * With only a token, --take counts the values of today, so nothing may have changed since. */
static int decision_make(struct cli *cli, const json_t *record, const json_t *seen, json_t *arguments)
{
    const json_t *token = json_is_array(seen) ? seen : json_object_get(seen, "token");
    int64_t take = 0;
    json_object_set(arguments, "token", (json_t *)(uintptr_t)token);
    if (cli_flag(cli, OPT_VALUE)) {
        json_object_set_new(arguments, "value", json_string(cli_option(cli, OPT_VALUE)));
        return EXIT_FINE;
    }
    if (!cli_number(cli, OPT_TAKE, 1, 1000, &take)) {
        return EXIT_USAGE;
    }
    if (json_is_array(seen) && !json_equal(seen, json_object_get(record, "token"))) {
        return cli_fail(EXIT_REFUSED, say("the complaint changed since it was read: read again, then decide"));
    }
    const json_t *shown = json_is_array(seen) ? record : seen;
    const json_t *reg = record_register_json(shown, cli->arguments[1], cli_option(cli, OPT_PART));
    const json_t *sibling = json_array_get(json_object_get(reg, "siblings"), (size_t)take - 1);
    if (!sibling) {
        return cli_fail(EXIT_NO_SUCH, say("%s has %zu values; there is no number %lld"), cli->arguments[1],
                        json_array_size(json_object_get(reg, "siblings")), (long long)take);
    }
    json_object_set_new(arguments, "take_hash", json_string(member(sibling, "hash")));
    return EXIT_FINE;
}

static int resolve_write(struct cli *cli, const json_t *record, const json_t *seen)
{
    json_t *reply = NULL;
    const char *as = cli_option(cli, OPT_AS);
    json_t *arguments = json_pack("{s:s,s:s,s:s}", "id", cli->arguments[0], "register", cli->arguments[1], "actor", as ? as : "cli");
    if (cli_flag(cli, OPT_PART)) {
        json_object_set_new(arguments, "part", json_string(cli_option(cli, OPT_PART)));
    }
    int code = decision_make(cli, record, seen, arguments);
    if (code != EXIT_FINE) {
        json_decref(arguments);
        return code;
    }
    code = cli_ask(cli, "record.edit", arguments, &reply);
    return code == EXIT_FINE ? cli_done(cli, reply, say("Decided; every office will see it.")) : code;
}

int command_conflicts_resolve(struct cli *cli)
{
    json_t *record = NULL;
    json_t *seen = NULL;
    if (cli_flag(cli, OPT_TAKE) == cli_flag(cli, OPT_VALUE)) {
        return cli_fail(EXIT_USAGE, say("decide: --take N keeps one of the values, --value VALUE writes another"));
    }
    int code = cli_flag(cli, OPT_TOKEN) ? token_argument(cli, &seen) : EXIT_FINE;
    if (code == EXIT_FINE) {
        code = cli_ask(cli, "record.show", json_pack("{s:s}", "id", cli->arguments[0]), &record);
    }
    if (code == EXIT_FINE && !record_register_json(record, cli->arguments[1], cli_option(cli, OPT_PART))) {
        code = cli_fail(EXIT_NO_SUCH, say("this complaint has no field \"%.40s\""), cli->arguments[1]);
    }
    if (code == EXIT_FINE && !cli->json) {
        record_print(cli, record, true);
        fputc('\n', stdout);
    }
    if (code == EXIT_FINE) {
        code = resolve_write(cli, record, seen ? seen : record);
    }
    json_decref(record);
    json_decref(seen);
    return code;
}
