/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/cli.h"
#include "node/cli/print.h"
#include "node/cli/text.h"

/* simpul record show | list | find | edit | note | erase | loosen | same; simpul route. */

static const char *as_of(const struct cli *cli)
{
    const char *as = cli_option(cli, OPT_AS);
    return as ? as : "cli";
}

static void show_record(struct cli *cli, const json_t *reply)
{
    record_print(cli, reply, false);
}

int command_record_show(struct cli *cli)
{
    return cli_ask_and_show(cli, "record.show", json_pack("{s:s}", "id", cli->arguments[0]), show_record);
}

/* ---- list, find ---- */

static void rows_print(struct cli *cli, const json_t *rows)
{
    struct table table;
    table_init(&table, &cli->arena, 5);
    table.right[4] = true;
    const char *heads[] = {say("complaint"), say("region"), say("received"), say("status"), say("conflicts")};
    for (size_t i = 0; i < 5; i++) {
        table_cell(&table, "%s", heads[i]);
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        char time[PRINT_TIME_SIZE];
        print_time((int64_t)json_integer_value(json_object_get(row, "received_ms")), cli->config.zone_minutes, time);
        table_cell(&table, "%s", json_string_value(json_object_get(row, "id")));
        table_cell(&table, "%s", json_string_value(json_object_get(row, "owner")));
        table_cell(&table, "%s", time);
        table_cell(&table, "%s", json_string_value(json_object_get(row, "status")));
        table_cell(&table, "%lld", (long long)json_integer_value(json_object_get(row, "conflicts")));
    }
    table_print(&table, stdout, 0);
}

static json_t *list_arguments(const struct cli *cli, const json_t *last)
{
    json_t *arguments = json_object();
    if (cli_flag(cli, OPT_OWNER)) {
        json_object_set_new(arguments, "owner", json_string(cli_option(cli, OPT_OWNER)));
    }
    if (cli_flag(cli, OPT_STATUS)) {
        json_object_set_new(arguments, "status", json_string(cli_option(cli, OPT_STATUS)));
    }
    if (cli_flag(cli, OPT_CONFLICTS)) {
        json_object_set_new(arguments, "conflicts", json_true());
    }
    if (last) {
        json_object_set_new(arguments, "after", json_string(json_string_value(last)));
    }
    return arguments;
}

static int list_read(struct cli *cli, size_t limit, json_t *rows, bool *out_more)
{
    bool more = true;
    while (more && json_array_size(rows) < limit) {
        json_t *reply = NULL;
        const json_t *last = json_object_get(json_array_get(rows, json_array_size(rows) - 1), "id");
        int code = cli_ask(cli, "record.list", list_arguments(cli, last), &reply);
        if (code != EXIT_FINE) {
            return code;
        }
        const json_t *page = json_object_get(reply, "records");
        more = json_is_true(json_object_get(reply, "more"));
        for (size_t i = 0; i < json_array_size(page); i++) {
            if (json_array_size(rows) == limit) {
                more = true;
                break;
            }
            json_array_append(rows, json_array_get(page, i));
        }
        json_decref(reply);
    }
    *out_more = more;
    return EXIT_FINE;
}

int command_record_list(struct cli *cli)
{
    int64_t limit = 200;
    bool more = false;
    if (!cli_number(cli, OPT_LIMIT, 1, 10000000, &limit)) {
        return EXIT_USAGE;
    }
    json_t *rows = json_array();
    int code = list_read(cli, (size_t)limit, rows, &more);
    if (code == EXIT_FINE && cli->json) {
        json_t *reply = json_pack("{s:O,s:b}", "records", rows, "more", more ? 1 : 0);
        cli_json(reply);
        json_decref(reply);
    } else if (code == EXIT_FINE) {
        rows_print(cli, rows);
        if (more) {
            printf(say("... and more: --limit N shows them\n"));
        }
    }
    json_decref(rows);
    return code;
}

int command_record_find(struct cli *cli)
{
    json_t *reply = NULL;
    json_t *arguments = json_pack("{s:s,s:s}", "system", cli->arguments[0], "key", cli->arguments[1]);
    int code = cli_ask(cli, "record.find", arguments, &reply);
    if (code != EXIT_FINE) {
        return code;
    }
    const json_t *records = json_object_get(reply, "records");
    if (cli->json) {
        cli_json(reply);
    }
    for (size_t i = 0; !cli->json && i < json_array_size(records); i++) {
        printf("%s\n", json_string_value(json_array_get(records, i)));
    }
    if (json_array_size(records) == 0) {
        code = cli_fail(EXIT_NO_SUCH, say("no complaint here has the number \"%.60s\" of system \"%.40s\""), cli->arguments[1],
                        cli->arguments[0]);
    }
    json_decref(reply);
    return code;
}

/* ---- writing ---- */

static void show_written(struct cli *cli, const json_t *reply)
{
    const char *id = json_string_value(json_object_get(reply, "record"));
    (void)cli;
    printf(say("Written to complaint %s.\n"), id ? id : "");
}

static json_t *write_arguments(const struct cli *cli)
{
    return json_pack("{s:s,s:s}", "id", cli->arguments[0], "actor", as_of(cli));
}

int command_record_edit(struct cli *cli)
{
    json_t *arguments = write_arguments(cli);
    json_object_set_new(arguments, "register", json_string(cli->arguments[1]));
    json_object_set_new(arguments, "value", json_string(cli->arguments[2]));
    if (cli_flag(cli, OPT_PART)) {
        json_object_set_new(arguments, "part", json_string(cli_option(cli, OPT_PART)));
    }
    return cli_ask_and_show(cli, "record.edit", arguments, show_written);
}

int command_record_note(struct cli *cli)
{
    json_t *arguments = write_arguments(cli);
    json_object_set_new(arguments, "text", json_string(cli->arguments[1]));
    json_object_set_new(arguments, "internal", json_boolean(cli_flag(cli, OPT_INTERNAL)));
    return cli_ask_and_show(cli, "record.note", arguments, show_written);
}

int command_record_erase(struct cli *cli)
{
    json_t *arguments = write_arguments(cli);
    json_object_set_new(arguments, "reporter", json_boolean(cli_flag(cli, OPT_REPORTER)));
    return cli_ask_and_show(cli, "record.erase", arguments, show_written);
}

int command_record_loosen(struct cli *cli)
{
    json_t *arguments = write_arguments(cli);
    json_object_set_new(arguments, "register", json_string(cli->arguments[1]));
    return cli_ask_and_show(cli, "record.loosen", arguments, show_written);
}

int command_record_same(struct cli *cli)
{
    json_t *arguments = write_arguments(cli);
    json_object_set_new(arguments, "other", json_string(cli->arguments[1]));
    return cli_ask_and_show(cli, "record.same", arguments, show_written);
}

static void show_routed(struct cli *cli, const json_t *reply)
{
    (void)cli;
    printf(say("Complaint %s now belongs to %s; its history goes along.\n"),
           json_string_value(json_object_get(reply, "record")), json_string_value(json_object_get(reply, "to")));
}

int command_route(struct cli *cli)
{
    const char *reason = cli_option(cli, OPT_REASON);
    if (!reason) {
        return cli_fail(EXIT_USAGE, say("say why: --reason TEXT"));
    }
    json_t *arguments = write_arguments(cli);
    json_object_set_new(arguments, "region", json_string(cli->arguments[1]));
    json_object_set_new(arguments, "reason", json_string(reason));
    return cli_ask_and_show(cli, "route", arguments, show_routed);
}
