/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CLI_CLI_H
#define NODE_CLI_CLI_H

#include <argp.h>
#include <jansson.h>
#include <stdio.h>

#include "node/cli/exit.h"
#include "node/config/config.h"
#include "node/mapping/mapping.h"

/* The command line: `simpul WORD [WORD] [OPTION...] [ARGUMENT...]`. One table of commands (command.c), one file per noun
 * (command_*.c); options are parsed by argp, so each command has --help and --usage. What a command prints for a person
 * goes to standard output in English or Indonesian (text.h), problems to standard error; with --json standard output
 * holds one JSON value and nothing else. Exit codes: exit.h. */

/* Every option of every command, so that a value is found by its name. */
enum cli_option {
    OPT_NONE = 0x100,
    OPT_CONFIG,
    OPT_JSON,
    OPT_LANG,
    OPT_ALL,
    OPT_AS,
    OPT_CA,
    OPT_CONFLICTS,
    OPT_DAYS,
    OPT_DEPLOYMENT,
    OPT_ENABLE,
    OPT_HUB,
    OPT_INTERNAL,
    OPT_IP,
    OPT_LANE,
    OPT_LIMIT,
    OPT_MAPPING,
    OPT_NAME,
    OPT_NODE,
    OPT_OUT,
    OPT_OWNER,
    OPT_PART,
    OPT_PRINT,
    OPT_PROVINCE,
    OPT_REASON,
    OPT_REPORTER,
    OPT_ROLE,
    OPT_ROWS,
    OPT_SCOPE,
    OPT_STATUS,
    OPT_STDIN,
    OPT_STREAM,
    OPT_TAKE,
    OPT_TAKEOVER,
    OPT_TOKEN,
    OPT_VALUE,
    OPT_WAIT_READY,
    OPT_END,
    OPT_USAGE, /* argp's own, in two languages; so is '?' */
};

enum { CLI_ARGUMENTS_MAX = 8 };

struct cli;

struct command {
    const char *name;                  /* "record show" */
    const char *arguments;             /* "ID", for --help */
    const char *about;                 /* one sentence */
    const char *more;                  /* the rest of --help, may be NULL */
    const char *found;                 /* what exit code 1 says of this command; NULL: it has none */
    const struct argp_option *options; /* besides --config, --json, --lang; NULL: none; ends with {0} */
    int arguments_min, arguments_max;
    bool offline; /* uses neither configuration nor --json: `pki ca` */
    int (*run)(struct cli *cli);
};

struct cli {
    const struct command *command;
    const char *options[OPT_END - OPT_NONE]; /* NULL: not given; flags: "" */
    const char *arguments[CLI_ARGUMENTS_MAX];
    int argument_count;
    bool json;
    bool terminal;        /* standard error is a person's */
    const char *config_path;
    bool config_loaded;
    struct config config; /* after cli_config */
    struct arena arena;   /* everything of this run */
};

/* Runs one command line; returns the exit code. */
int cli_main(int argc, char **argv);

/* All commands, ended by a name of NULL. */
const struct command *command_table(void);
/* The command whose words begin `words`; out_count: how many it has. NULL if there is none. */
const struct command *command_find(const char *const *words, int count, int *out_count);
/* The name that an unknown one probably means; NULL if none is close. `group`: NULL or the first word. */
const char *command_nearest(const char *group, const char *word);

const char *cli_option(const struct cli *cli, enum cli_option option);
bool cli_flag(const struct cli *cli, enum cli_option option);
/* A whole number in min ... max; prints a sentence and returns false otherwise. Untouched if the option was not given. */
bool cli_number(const struct cli *cli, enum cli_option option, int64_t min, int64_t max, int64_t *out_number);
bool cli_number_text(const char *text, int64_t min, int64_t max, int64_t *out_number);

/* "simpul: sentence" on standard error; returns `code`. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Loads the configuration once. 0, or EXIT_CONFIGURATION with every mistake printed. */
int cli_config(struct cli *cli);
/* A mapping file, mistakes printed likewise. */
int cli_mapping(struct cli *cli, const char *path, const struct mapping **out_mapping);
/* Asks the node (control_ask); `arguments` is taken over. 0 and a reply (to be freed by the caller), or the exit code
 * with its sentence printed. */
int cli_ask(struct cli *cli, const char *verb, json_t *arguments, json_t **out_reply);
/* Prints the reply as --json does. */
void cli_json(const json_t *reply);
/* Asks; with --json prints the reply, else calls `show`. For commands that are one question. */
int cli_ask_and_show(struct cli *cli, const char *verb, json_t *arguments,
                     void (*show)(struct cli *cli, const json_t *reply));
/* An answer was obtained: prints it as JSON, or as the sentence. Frees `reply`. */
int cli_done(struct cli *cli, json_t *reply, const char *sentence);

/* command_*.c */
int command_init(struct cli *cli);
int command_run(struct cli *cli);
int command_status(struct cli *cli);
int command_takeover(struct cli *cli);
int command_version(struct cli *cli);
int command_help(struct cli *cli);
int command_pki_ca(struct cli *cli);
int command_pki_issue(struct cli *cli);
int command_pki_keys(struct cli *cli);
int command_pki_hub_key(struct cli *cli);
int command_pki_request(struct cli *cli);
int command_pki_register(struct cli *cli);
int command_pki_show(struct cli *cli);
int command_connector_check(struct cli *cli);
int command_connector_preview(struct cli *cli);
int command_connector_install(struct cli *cli);
int command_connector_uninstall(struct cli *cli);
int command_connector_compare(struct cli *cli);
int command_account_add(struct cli *cli);
int command_account_list(struct cli *cli);
int command_account_disable(struct cli *cli);
int command_account_password(struct cli *cli);
int command_record_show(struct cli *cli);
int command_record_list(struct cli *cli);
int command_record_find(struct cli *cli);
int command_record_edit(struct cli *cli);
int command_record_note(struct cli *cli);
int command_record_erase(struct cli *cli);
int command_record_loosen(struct cli *cli);
int command_record_same(struct cli *cli);
int command_route(struct cli *cli);
int command_conflicts_list(struct cli *cli);
int command_conflicts_show(struct cli *cli);
int command_conflicts_resolve(struct cli *cli);
int command_quarantine_list(struct cli *cli);
int command_quarantine_show(struct cli *cli);
int command_quarantine_retry(struct cli *cli);
int command_log_streams(struct cli *cli);
int command_log_verify(struct cli *cli);
int command_log_show(struct cli *cli);
int command_log_export(struct cli *cli);
int command_import(struct cli *cli);

/* record_text.c: how a record looks to a person; shared by record and conflicts. */
void record_print(struct cli *cli, const json_t *record, bool conflicts_only);
/* The register of that name (and part, NULL: the complaint itself) in a record's JSON; NULL. */
const json_t *record_register_json(const json_t *record, const char *name, const char *part);

#endif
