/* SPDX-License-Identifier: Apache-2.0 */
#include "node/base/log.h"
#include "node/board/board.h"
#include "node/cli/cli.h"
#include "node/cli/text.h"
#include "node/control/control.h"
#include "node/process/process.h"

static void log_level_choose(enum config_log_level level)
{
    static const enum log_level levels[] = {[CONFIG_LOG_DEBUG] = LOG_DEBUG,
                                            [CONFIG_LOG_INFO] = LOG_INFO,
                                            [CONFIG_LOG_WARN] = LOG_WARN,
                                            [CONFIG_LOG_ERROR] = LOG_ERROR};
    log_level_set(levels[level]);
}

/* All mistakes of all mapping files, before anything starts. */
static int mappings_load(struct cli *cli, const struct mapping ***out_mappings)
{
    const struct config *config = &cli->config;
    const struct mapping **mappings = arena_array(&cli->arena, config->legacy_count + 1, sizeof *mappings);
    int code = mappings ? EXIT_FINE : EXIT_STORE;
    for (size_t i = 0; mappings && i < config->legacy_count; i++) {
        int one = cli_mapping(cli, config->legacy[i].mapping, &mappings[i]);
        code = one == EXIT_FINE ? code : one;
    }
    *out_mappings = mappings;
    return code;
}

/* What a problem names is what failed: a port is IO too. */
static int exit_of(struct status status, const char *problem, const struct config *config)
{
    if (status.code == STATUS_IO && config->store_path && strstr(problem, config->store_path)) {
        return EXIT_STORE;
    }
    switch (status.code) {
    case STATUS_BUSY:
        return EXIT_BUSY;
    case STATUS_INVALID:
    case STATUS_DENIED:
    case STATUS_NOT_FOUND:
    case STATUS_LIMIT:
        return EXIT_CONFIGURATION; /* a key, a certificate, an address: something the operator named */
    case STATUS_EXISTS:
    case STATUS_UNKNOWN:
    case STATUS_FORKED:
        return EXIT_STORE;
    default:
        return EXIT_UNAVAILABLE;
    }
}

int command_run(struct cli *cli)
{
    const struct mapping **mappings = NULL;
    char problem[LOCAL_PROBLEM_SIZE] = "";
    int code = cli_config(cli);
    code = code == EXIT_FINE ? mappings_load(cli, &mappings) : code;
    if (code != EXIT_FINE) {
        return code;
    }
    log_level_choose(cli->config.log_level);
    struct process_options options = {.config = &cli->config,
                                      .mappings = mappings,
                                      .takeover = cli_flag(cli, OPT_TAKEOVER),
                                      .control_start = control_start,
                                      .control_stop = control_stop,
                                      .page = &board_page};
    struct status status = process_run(&options, problem, sizeof problem);
    if (status_is_ok(status)) {
        return EXIT_FINE;
    }
    return cli_fail(exit_of(status, problem, &cli->config), "%s", problem[0] ? problem : status_name(status));
}
