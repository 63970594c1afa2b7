/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/cli.h"
#include "node/cli/text.h"
#include "node/connector/connector.h"

/* simpul connector check | preview | install | uninstall | compare [NAME]. All but compare open a connection of their own
 * and need no running process. */

static int connector_find(struct cli *cli, const struct config_legacy **out_legacy)
{
    const char *name = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    int code = cli_config(cli);
    if (code != EXIT_FINE) {
        return code;
    }
    const struct config *config = &cli->config;
    for (size_t i = 0; i < config->legacy_count; i++) {
        if ((!name && config->legacy_count == 1) || (name && strcmp(config->legacy[i].name, name) == 0)) {
            *out_legacy = &config->legacy[i];
            return EXIT_FINE;
        }
    }
    if (config->legacy_count == 0) {
        return cli_fail(EXIT_NO_SUCH, say("%s names no local database (\"legacy:\")"), cli->config_path);
    }
    fprintf(stderr, name ? say("simpul: there is no connector \"%.40s\". There are:") : say("simpul: say which connector:"),
            name);
    for (size_t i = 0; i < config->legacy_count; i++) {
        fprintf(stderr, " %s", config->legacy[i].name);
    }
    fputc('\n', stderr);
    return EXIT_NO_SUCH;
}

static int report_end(struct cli *cli, struct status status, struct report *report)
{
    int code = EXIT_FINE;
    if (cli->json) {
        json_t *json = json_pack("{s:b,s:I,s:s%}", "fine", status_is_ok(status) && report->problems == 0 ? 1 : 0, "problems",
                                 (json_int_t)report->problems, "text", report->text ? report->text : "", report->size);
        cli_json(json);
        json_decref(json);
    } else if (report->text) {
        fwrite(report->text, 1, report->size, stdout);
    }
    if (!status_is_ok(status)) {
        code = status.code == STATUS_NOT_FOUND                                   ? EXIT_NO_SUCH
               : status.code == STATUS_IO || status.code == STATUS_BUSY          ? EXIT_UNAVAILABLE
               : status.code == STATUS_DENIED || status.code == STATUS_EXISTS    ? EXIT_REFUSED
               : status.code == STATUS_INVALID || status.code == STATUS_LIMIT    ? EXIT_FOUND
                                                                                 : EXIT_STORE;
        if (!report->text || report->size == 0) {
            cli_fail(code, say("it was not done (%s)"), status_name(status));
        }
    } else if (report->problems > 0) {
        code = EXIT_FOUND;
    }
    report_release(report);
    return code;
}

static int connector_and_mapping(struct cli *cli, const struct config_legacy **out_legacy,
                                 const struct mapping **out_mapping)
{
    int code = connector_find(cli, out_legacy);
    return code == EXIT_FINE ? cli_mapping(cli, (*out_legacy)->mapping, out_mapping) : code;
}

int command_connector_check(struct cli *cli)
{
    const struct config_legacy *legacy = NULL;
    const struct mapping *mapping = NULL;
    struct report report = {0};
    int code = connector_and_mapping(cli, &legacy, &mapping);
    return code == EXIT_FINE ? report_end(cli, connector_check(legacy, mapping, &report), &report) : code;
}

int command_connector_preview(struct cli *cli)
{
    const struct config_legacy *legacy = NULL;
    const struct mapping *mapping = NULL;
    struct report report = {0};
    int64_t rows = 5;
    int code = connector_and_mapping(cli, &legacy, &mapping);
    if (code != EXIT_FINE) {
        return code;
    }
    if (!cli_number(cli, OPT_ROWS, 1, 1000, &rows)) {
        return EXIT_USAGE;
    }
    return report_end(cli, connector_preview(legacy, mapping, (size_t)rows, &report), &report);
}

int command_connector_install(struct cli *cli)
{
    const struct config_legacy *legacy = NULL;
    const struct mapping *mapping = NULL;
    struct report report = {0};
    int code = connector_and_mapping(cli, &legacy, &mapping);
    bool print = cli_flag(cli, OPT_PRINT);
    return code == EXIT_FINE ? report_end(cli, connector_install(legacy, mapping, print, &report), &report) : code;
}

int command_connector_uninstall(struct cli *cli)
{
    const struct config_legacy *legacy = NULL;
    const struct mapping *mapping = NULL;
    struct report report = {0};
    int code = connector_and_mapping(cli, &legacy, &mapping);
    bool print = cli_flag(cli, OPT_PRINT);
    return code == EXIT_FINE ? report_end(cli, connector_uninstall(legacy, mapping, print, &report), &report) : code;
}

int command_connector_compare(struct cli *cli)
{
    const struct config_legacy *legacy = NULL;
    json_t *reply = NULL;
    int code = connector_find(cli, &legacy);
    if (code == EXIT_FINE) {
        code = cli_ask(cli, "connector.compare", json_pack("{s:s}", "name", legacy->name), &reply);
    }
    return code == EXIT_FINE ? cli_done(cli, reply, say("Started; `simpul status` shows how far it is.")) : code;
}
