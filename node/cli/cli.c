/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/base/heap.h"
#include "node/cli/print.h"
#include "node/cli/text.h"
#include "node/control/control.h"

#define CONFIG_DEFAULT "/etc/simpul/simpul.yaml"

enum { OPTIONS_MAX = 24 };

/* ---- what commands ask of their line ---- */

const char *cli_option(const struct cli *cli, enum cli_option option)
{
    return cli->options[option - OPT_NONE];
}

bool cli_flag(const struct cli *cli, enum cli_option option)
{
    return cli_option(cli, option) != NULL;
}

bool cli_number_text(const char *text, int64_t min, int64_t max, int64_t *out_number)
{
    char *end = NULL;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end || number < min || number > max) {
        return false;
    }
    *out_number = number;
    return true;
}

bool cli_number(const struct cli *cli, enum cli_option option, int64_t min, int64_t max, int64_t *out_number)
{
    const char *text = cli_option(cli, option);
    if (text && !cli_number_text(text, min, max, out_number)) {
        cli_fail(EXIT_USAGE, say("\"%.40s\" must be a whole number from %lld to %lld"), text, (long long)min, (long long)max);
        return false;
    }
    return true;
}

int cli_fail(int code, const char *format, ...)
{
    va_list arguments;
    fputs("simpul: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return code;
}

/* ---- configuration and mappings ---- */

static int problems_print(struct cli *cli, const struct problems *problems)
{
    struct span text;
    if (!status_is_ok(problems_text(problems, &cli->arena, &text))) {
        return cli_fail(EXIT_STORE, "%s", say("out of memory"));
    }
    fwrite(text.data, 1, text.size, stderr);
    size_t total = problems_total(problems);
    return cli_fail(EXIT_CONFIGURATION, say("%zu mistakes; nothing was done"), total);
}

int cli_config(struct cli *cli)
{
    struct problems problems;
    if (cli->config_loaded) {
        return EXIT_FINE;
    }
    problems_init(&problems, &cli->arena);
    problems.say = say;
    struct status status = config_load(cli->config_path, &cli->arena, &problems, &cli->config);
    if (!status_is_ok(status)) {
        return problems_print(cli, &problems);
    }
    cli->config_loaded = true;
    if (!cli_flag(cli, OPT_LANG)) {
        text_language(cli->config.language == CONFIG_INDONESIAN);
    }
    return EXIT_FINE;
}

int cli_mapping(struct cli *cli, const char *path, const struct mapping **out_mapping)
{
    struct problems problems;
    problems_init(&problems, &cli->arena);
    problems.say = say;
    struct status status = mapping_load(path, &cli->arena, &problems, out_mapping);
    return status_is_ok(status) ? EXIT_FINE : problems_print(cli, &problems);
}

/* ---- asking ---- */

int cli_ask(struct cli *cli, const char *verb, json_t *arguments, json_t **out_reply)
{
    struct control_answer answer;
    int code = cli_config(cli);
    if (code != EXIT_FINE) {
        json_decref(arguments);
        return code;
    }
    control_ask(&cli->config, verb, arguments, &answer);
    if (!answer.reply) {
        return cli_fail(answer.code ? answer.code : EXIT_STORE, "%s", answer.problem);
    }
    *out_reply = answer.reply;
    return EXIT_FINE;
}

void cli_json(const json_t *reply)
{
    json_dumpf(reply, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY);
    fputc('\n', stdout);
}

int cli_ask_and_show(struct cli *cli, const char *verb, json_t *arguments,
                     void (*show)(struct cli *cli, const json_t *reply))
{
    json_t *reply = NULL;
    int code = cli_ask(cli, verb, arguments, &reply);
    if (code == EXIT_FINE && cli->json) {
        cli_json(reply);
    } else if (code == EXIT_FINE) {
        show(cli, reply);
    }
    json_decref(reply);
    return code;
}

int cli_done(struct cli *cli, json_t *reply, const char *sentence)
{
    if (cli->json) {
        cli_json(reply);
    } else {
        printf("%s\n", sentence);
    }
    json_decref(reply);
    return EXIT_FINE;
}

/* ---- help ---- */

static void print_list(FILE *out, const char *group)
{
    struct arena arena;
    struct table table;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    table_init(&table, &arena, 2);
    size_t size = group ? strlen(group) : 0;
    for (const struct command *c = command_table(); c->name; c++) {
        if (!group || (strncmp(c->name, group, size) == 0 && (c->name[size] == ' ' || c->name[size] == 0))) {
            table_cell(&table, "%s", c->name);
            table_cell(&table, "%s", say(c->about));
        }
    }
    table_print(&table, out, 2);
    arena_release(&arena);
}

static void print_overview(FILE *out, const char *group)
{
    fprintf(out, say("Usage: simpul %s [OPTION...] [ARGUMENT...]\n\n"), group ? group : say("COMMAND"));
    print_list(out, group);
    fputs(say("\n`simpul COMMAND --help` says what a command takes and which exit codes it has.\n"
              "--config FILE names the configuration; else $SIMPUL_CONFIG, else /etc/simpul/simpul.yaml.\n"
              "--lang en|id chooses the language; else that of the configuration.\n"),
          out);
}

/* ---- argp ---- */

static const struct argp_option common_options[] = {
    {"config", OPT_CONFIG, "FILE", 0, "the configuration (default: $SIMPUL_CONFIG, else /etc/simpul/simpul.yaml)", 90},
    {"json", OPT_JSON, NULL, 0, "one JSON value on standard output", 90},
    {0},
};
static const struct argp_option language_option[] = {
    {"lang", OPT_LANG, "en|id", 0, "language of what is printed (default: that of the configuration)", 90},
    {"help", '?', NULL, 0, "print this and do nothing", 91},
    {"usage", OPT_USAGE, NULL, 0, "print a short form of this and do nothing", 91},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct cli *cli = state->input;
    if (key == '?' || key == OPT_USAGE) {
        argp_state_help(state, state->out_stream, key == '?' ? ARGP_HELP_STD_HELP : ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
        return 0;
    }
    if (key > OPT_NONE && key < OPT_END) {
        cli->options[key - OPT_NONE] = argument ? argument : "";
        return 0;
    }
    if (key == ARGP_KEY_ARG) {
        if (cli->argument_count >= cli->command->arguments_max) {
            argp_error(state, say("too many arguments: what to do with \"%.40s\"?"), argument);
            return EINVAL;
        }
        cli->arguments[cli->argument_count++] = argument;
        return 0;
    }
    if (key == ARGP_KEY_END && cli->argument_count < cli->command->arguments_min) {
        argp_error(state, say("arguments are missing: %s"), cli->command->arguments);
        return EINVAL;
    }
    return ARGP_ERR_UNKNOWN;
}

static size_t options_add(struct argp_option *options, size_t count, const struct argp_option *more)
{
    for (; more && more->name && count < OPTIONS_MAX; more++) {
        options[count] = *more;
        options[count++].doc = say(more->doc);
    }
    return count;
}

static void print_exit_codes(FILE *out, const struct command *command)
{
    static const struct {
        int code;
        const char *means;
    } codes[] = {
        {EXIT_NO_SUCH, "there is no such thing here"},
        {EXIT_REFUSED, "refused, or something changed meanwhile: read again"},
        {EXIT_BUSY, "another process holds the store, or none runs and one is needed"},
        {EXIT_UNAVAILABLE, "a database, port or socket is not to be had"},
        {EXIT_STORE, "the store or the disk failed"},
        {EXIT_CONFIGURATION, "mistakes in configuration, mapping or keys; all are printed"},
    };
    fputs(say("Exit codes:\n"), out);
    fprintf(out, "  %2d  %s\n", EXIT_FINE, say("done"));
    if (command->found) {
        fprintf(out, "  %2d  %s\n", EXIT_FOUND, say(command->found));
    }
    fprintf(out, "  %2d  %s\n", EXIT_USAGE, say("unknown command, option or argument"));
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        fprintf(out, "  %2d  %s\n", codes[i].code, say(codes[i].means));
    }
}

/* "about\vmore and exit codes", as argp prints it; malloc'ed. */
static char *document(const struct command *command)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    fprintf(out, "%s\v", say(command->about));
    if (command->more) {
        fprintf(out, "%s\n\n", say(command->more));
    }
    print_exit_codes(out, command);
    return fclose(out) == 0 ? text : NULL;
}

static void cli_parse(struct cli *cli, int argc, char **argv)
{
    const struct command *command = cli->command;
    struct argp_option options[OPTIONS_MAX + 1] = {{0}};
    size_t count = options_add(options, 0, command->options);
    count = options_add(options, count, command->offline ? NULL : common_options);
    (void)options_add(options, count, language_option);
    char *doc = document(command);
    struct argp argp = {.options = options, .parser = parse_option, .args_doc = command->arguments, .doc = doc};
    char name[64];
    snprintf(name, sizeof name, "simpul %s", command->name);
    argv[0] = name; /* argp names it in its messages */
    argp_err_exit_status = EXIT_USAGE;
    error_t error = argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, cli);
    free(doc);
    if (error != 0) {
        exit(EXIT_USAGE);
    }
}

/* ---- dispatch ---- */

static int unknown(const char *first, const char *second)
{
    size_t groups = 0;
    for (const struct command *c = command_table(); c->name; c++) {
        size_t size = strlen(first);
        groups += strncmp(c->name, first, size) == 0 && c->name[size] == ' ' ? 1 : 0;
    }
    if (groups > 0 && (!second || strcmp(second, "--help") == 0)) {
        print_overview(second ? stdout : stderr, first);
        return second ? EXIT_FINE : EXIT_USAGE;
    }
    const char *near = groups > 0 ? command_nearest(first, second) : command_nearest(NULL, first);
    if (groups > 0) {
        fprintf(stderr, say("simpul: there is no command \"%.40s %.40s\"."), first, second);
    } else {
        fprintf(stderr, say("simpul: there is no command \"%.40s\"."), first);
    }
    if (near) {
        fprintf(stderr, say(" Did you mean \"%s\"?\n"), near);
    } else {
        fputc('\n', stderr);
        print_overview(stderr, groups > 0 ? first : NULL);
    }
    return EXIT_USAGE;
}

/* Before argp runs, so that --help speaks the right language: --lang, else the configuration's if it can be read. */
static const char *option_before(int argc, char **argv, const char *name)
{
    size_t size = strlen(name);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], name, size) == 0 && argv[i][size] == '=') {
            return argv[i] + size + 1;
        }
        if (strcmp(argv[i], name) == 0 && i + 1 < argc) {
            return argv[i + 1];
        }
    }
    return NULL;
}

static const char *config_path_default(void)
{
    const char *path = getenv("SIMPUL_CONFIG");
    return path && *path ? path : CONFIG_DEFAULT;
}

static void language_choose(int argc, char **argv)
{
    const char *lang = option_before(argc, argv, "--lang");
    const char *path = option_before(argc, argv, "--config");
    if (lang) {
        text_language(strcmp(lang, "id") == 0);
        return;
    }
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    text_language(config_language(path ? path : config_path_default(), &arena) == CONFIG_INDONESIAN);
    arena_release(&arena);
}

static int cli_run(const struct command *command, int argc, char **argv)
{
    struct cli cli = {.command = command, .terminal = isatty(STDERR_FILENO) == 1};
    arena_init(&cli.arena, memory_heap(), SIZE_MAX);
    cli_parse(&cli, argc, argv);
    const char *lang = cli_option(&cli, OPT_LANG);
    int code = EXIT_USAGE;
    cli.json = cli_flag(&cli, OPT_JSON);
    cli.config_path = cli_option(&cli, OPT_CONFIG) ? cli_option(&cli, OPT_CONFIG) : config_path_default();
    if (lang && strcmp(lang, "id") != 0 && strcmp(lang, "en") != 0) {
        cli_fail(EXIT_USAGE, "%s", say("--lang is en or id"));
    } else {
        code = command->run(&cli);
    }
    arena_release(&cli.arena);
    if (fflush(stdout) != 0 && code == EXIT_FINE) {
        code = cli_fail(EXIT_STORE, "%s", say("standard output cannot be written"));
    }
    return code;
}

int command_help(struct cli *cli)
{
    int count = 0;
    const struct command *found = cli->argument_count > 0 ? command_find(cli->arguments, cli->argument_count, &count) : NULL;
    if (found) {
        char help[] = "--help";
        char *arguments[] = {help, help, NULL}; /* the first is the program's name */
        return cli_run(found, 2, arguments);
    }
    print_overview(stdout, cli->argument_count > 0 ? cli->arguments[0] : NULL);
    return EXIT_FINE;
}

/* What a person says goes into JSON and into the log, which hold UTF-8 only. */
static bool arguments_are_text(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!text_is_utf8(span_text(argv[i]))) {
            cli_fail(EXIT_USAGE, say("argument %d is not valid UTF-8: set the terminal to UTF-8 and type it again"), i);
            return false;
        }
    }
    return true;
}

int cli_main(int argc, char **argv)
{
    language_choose(argc, argv);
    if (!arguments_are_text(argc, argv)) {
        return EXIT_USAGE;
    }
    if (argc < 2) {
        print_overview(stderr, NULL);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0) {
        print_overview(stdout, NULL);
        return EXIT_FINE;
    }
    const char *words[2] = {strcmp(argv[1], "--version") == 0 ? "version" : argv[1], argc > 2 ? argv[2] : NULL};
    int count = 0;
    const struct command *command = command_find(words, argc > 2 ? 2 : 1, &count);
    if (!command) {
        return unknown(words[0], words[1]);
    }
    return cli_run(command, argc - count, argv + count);
}
