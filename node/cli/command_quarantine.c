/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/cli.h"
#include "node/cli/print.h"
#include "node/cli/text.h"

/* simpul quarantine list | show | retry. */

static const char *member(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "";
}

static void place_write(const json_t *entry, char *out_text, size_t size)
{
    if (strcmp(member(entry, "kind"), "row") == 0) {
        snprintf(out_text, size, "%s %s", member(entry, "table"), member(entry, "key"));
    } else {
        snprintf(out_text, size, say("log %lld, entry %lld"), (long long)json_integer_value(json_object_get(entry, "stream")),
                 (long long)json_integer_value(json_object_get(entry, "seq")));
    }
}

static void show_entries(struct cli *cli, const json_t *reply)
{
    struct table table;
    const json_t *entries = json_object_get(reply, "entries");
    if (json_array_size(entries) == 0) {
        printf("%s\n", say("The quarantine is empty."));
        return;
    }
    table_init(&table, &cli->arena, 5);
    table.right[0] = true;
    const char *heads[] = {say("no."), say("where"), say("field"), say("reason"), say("since")};
    for (size_t i = 0; i < 5; i++) {
        table_cell(&table, "%s", heads[i]);
    }
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        char time[PRINT_TIME_SIZE];
        char place[512];
        place_write(entry, place, sizeof place);
        print_time((int64_t)json_integer_value(json_object_get(entry, "at_ms")), cli->config.zone_minutes, time);
        table_cell(&table, "%zu", i + 1);
        table_cell(&table, "%s", place);
        table_cell(&table, "%s", *member(entry, "column") ? member(entry, "column") : member(entry, "register"));
        table_cell(&table, "%s", member(entry, "reason"));
        table_cell(&table, "%s", time);
    }
    table_print(&table, stdout, 0);
}

int command_quarantine_list(struct cli *cli)
{
    return cli_ask_and_show(cli, "quarantine.list", NULL, show_entries);
}

static void entry_print(struct cli *cli, const json_t *entry)
{
    struct table table;
    const char *name;
    json_t *value;
    table_init(&table, &cli->arena, 2);
    json_object_foreach((json_t *)(uintptr_t)entry, name, value)
    {
        char time[PRINT_TIME_SIZE];
        table_cell(&table, "%s", strcmp(name, "at_ms") == 0 ? say("since") : name);
        if (strcmp(name, "at_ms") == 0) {
            print_time((int64_t)json_integer_value(value), cli->config.zone_minutes, time);
            table_cell(&table, "%s", time);
        } else if (json_is_integer(value)) {
            table_cell(&table, "%lld", (long long)json_integer_value(value));
        } else {
            table_cell(&table, "%s", json_is_string(value) ? json_string_value(value) : "-");
        }
    }
    table_print(&table, stdout, 0);
}

int command_quarantine_show(struct cli *cli)
{
    json_t *reply = NULL;
    int64_t number = 0;
    if (!cli_number_text(cli->arguments[0], 1, 1000000, &number)) {
        return cli_fail(EXIT_USAGE, say("\"%.40s\" is no number of the list"), cli->arguments[0]);
    }
    int code = cli_ask(cli, "quarantine.list", NULL, &reply);
    if (code != EXIT_FINE) {
        return code;
    }
    const json_t *entry = json_array_get(json_object_get(reply, "entries"), (size_t)number - 1);
    if (!entry) {
        code = cli_fail(EXIT_NO_SUCH, say("the quarantine has %zu entries"), json_array_size(json_object_get(reply, "entries")));
    } else if (cli->json) {
        cli_json(entry);
    } else {
        entry_print(cli, entry);
    }
    json_decref(reply);
    return code;
}

int command_quarantine_retry(struct cli *cli)
{
    json_t *reply = NULL;
    int code = cli_ask(cli, "quarantine.retry", NULL, &reply);
    return code == EXIT_FINE ? cli_done(cli, reply, say("Everything is read again; `simpul status` shows how far it is.")) : code;
}
