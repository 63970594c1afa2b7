/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/cli.h"

/* The table of commands. Sentences are named by their English form (text.h). */

#define OPTION(name, key, value, doc) {name, key, value, 0, doc, 0}

static const struct argp_option run_options[] = {
    OPTION("takeover", OPT_TAKEOVER, NULL, "this copy of the node is the right one; another that ran loses its lease"),
    {0},
};
static const struct argp_option ca_options[] = {
    OPTION("deployment", OPT_DEPLOYMENT, "NAME", "the federation's name, as in every configuration"),
    {0},
};
static const struct argp_option issue_options[] = {
    OPTION("ca", OPT_CA, "DIR", "folder of the certificate authority"),
    OPTION("out", OPT_OUT, "DIR", "where key and certificate go: DATA_DIR/keys of the one who gets them"),
    OPTION("deployment", OPT_DEPLOYMENT, "NAME", "refuse unless the authority is that of this federation"),
    OPTION("hub", OPT_HUB, NULL, "a server certificate, for the hub (or a province)"),
    OPTION("name", OPT_NAME, "HOST[,HOST]", "with --hub: names under which nodes reach it"),
    OPTION("ip", OPT_IP, "ADDRESS[,ADDRESS]", "with --hub: addresses under which nodes reach it"),
    OPTION("node", OPT_NODE, "ID", "a client certificate, for this node: the region's code"),
    OPTION("days", OPT_DAYS, "N", "how long it is valid (default 90)"),
    {0},
};
static const struct argp_option request_options[] = {
    OPTION("name", OPT_NAME, "TITLE", "the institution's name, as the hub's screens show it"),
    {0},
};
static const struct argp_option register_options[] = {
    OPTION("province", OPT_PROVINCE, NULL, "the node is a province: it reads, and writes nothing"),
    {0},
};
static const struct argp_option status_options[] = {
    OPTION("wait-ready", OPT_WAIT_READY, "SECONDS", "wait until it runs and the link to the hub is up; exit 5 if not"),
    {0},
};
static const struct argp_option preview_options[] = {
    OPTION("rows", OPT_ROWS, "N", "rows to show (default 5)"),
    {0},
};
static const struct argp_option print_options[] = {
    OPTION("print", OPT_PRINT, NULL, "print the SQL for the database administrator and do nothing"),
    {0},
};
static const struct argp_option list_options[] = {
    OPTION("owner", OPT_OWNER, "REGION", "only those that belong to this region"),
    OPTION("status", OPT_STATUS, "STATUS", "only those of this status"),
    OPTION("conflicts", OPT_CONFLICTS, NULL, "only those that wait for a person's decision"),
    OPTION("limit", OPT_LIMIT, "N", "at most so many (default 200)"),
    {0},
};
#define AS_OPTION OPTION("as", OPT_AS, "PSEUDONYM", "who decides, as the log names it; no real name (default: cli)")
#define PART_OPTION OPTION("part", OPT_PART, "ID", "the follow-up that is meant, as `record show` names it")
static const struct argp_option edit_options[] = {AS_OPTION, PART_OPTION, {0}};
static const struct argp_option as_options[] = {AS_OPTION, {0}};
static const struct argp_option note_options[] = {
    OPTION("internal", OPT_INTERNAL, NULL, "for the offices only, not for the citizen"),
    AS_OPTION,
    {0},
};
static const struct argp_option erase_options[] = {
    OPTION("reporter", OPT_REPORTER, NULL, "only the reporter's identity, not the texts"),
    AS_OPTION,
    {0},
};
#define STDIN_OPTION OPTION("stdin", OPT_STDIN, NULL, "take the password from standard input instead of making one")
static const struct argp_option account_options[] = {
    OPTION("role", OPT_ROLE, "ROLE", "national, province, regency or auditor"),
    OPTION("scope", OPT_SCOPE, "REGION", "what it sees: 64 or 64.09; nothing for the nation"),
    STDIN_OPTION,
    {0},
};
static const struct argp_option password_options[] = {STDIN_OPTION, {0}};
static const struct argp_option disable_options[] = {
    OPTION("enable", OPT_ENABLE, NULL, "let it in again"),
    {0},
};
static const struct argp_option all_options[] = {
    OPTION("all", OPT_ALL, NULL, "also those that only inform and ask nobody"),
    {0},
};
static const struct argp_option resolve_options[] = {
    OPTION("take", OPT_TAKE, "N", "keep the N-th of the values shown"),
    OPTION("value", OPT_VALUE, "VALUE", "write this value instead"),
    OPTION("token", OPT_TOKEN, "FILE|JSON", "what was read earlier: the output of `record show --json`, or its token"),
    PART_OPTION,
    AS_OPTION,
    {0},
};
static const struct argp_option route_options[] = {
    OPTION("reason", OPT_REASON, "TEXT", "why; goes along as an internal note"),
    AS_OPTION,
    {0},
};
static const struct argp_option verify_options[] = {
    OPTION("stream", OPT_STREAM, "N", "only this stream, as `simpul log streams` numbers it"),
    {0},
};
static const struct argp_option import_options[] = {
    OPTION("mapping", OPT_MAPPING, "FILE", "how the columns are complaints, as for a connector"),
    OPTION("lane", OPT_LANE, "N", "the writer's number, kept for good (default 15)"),
    {0},
};

static const struct command commands[] = {
    {"init", "", "Make what a first start needs: folder, signing keys, secret, store.",
     "Never overwrites anything; running it again is harmless and says what is still missing.", NULL, NULL, 0, 0, false,
     command_init},
    {"run", "", "Run the node or hub of this configuration until it is told to stop.",
     "SIGINT and SIGTERM end it cleanly. The log goes to standard error.", NULL, run_options, 0, 0, false, command_run},
    {"status", "", "Show how the node is: streams, link, what waits, conflicts, connectors.", NULL, NULL, status_options, 0, 0,
     false, command_status},
    {"takeover", "", "Say that this copy of the node is the right one.",
     "Needed when the hub still holds the lease for another copy, for example on a replaced machine.", NULL, NULL, 0, 0,
     false, command_takeover},
    {"pki ca", "DIR", "Make the certificate authority of a federation.", NULL, NULL, ca_options, 1, 1, true, command_pki_ca},
    {"pki issue", "", "Make key and certificate of a hub or node.",
     "Writes node.pem and node.key (with --hub: server.pem and server.key) and ca.pem, the names that a configuration looks "
     "for in DATA_DIR/keys.",
     NULL, issue_options, 0, 0, true, command_pki_issue},
    {"pki keys", "DIR", "Make signing keys only (`simpul init` does it by itself).", NULL, NULL, NULL, 1, 1, true,
     command_pki_keys},
    {"pki hub-key", "", "Print the hub's public keys: what nodes keep as hub.pub.", NULL, NULL, NULL, 0, 0, false,
     command_pki_hub_key},
    {"pki request", "", "Print this node's public facts, for `simpul pki register` at the hub.", "Nothing in it is secret.",
     NULL, request_options, 0, 0, false, command_pki_request},
    {"pki register", "REQUEST.json", "At the hub: register a node from its request.",
     "Registering the same request again changes nothing; a request with new keys adds them.", NULL, register_options, 1, 1,
     false, command_pki_register},
    {"pki show", "FILE", "Say what a certificate is: for whom, until when.", NULL, NULL, NULL, 1, 1, false, command_pki_show},
    {"connector check", "[NAME]", "Look whether the local database and its mapping fit, and say which rights are missing.",
     NULL, "there is something to mend; all of it is printed", NULL, 0, 1, false, command_connector_check},
    {"connector preview", "[NAME]", "Show rows and the complaints they become, and count what does not map.", NULL,
     "some rows do not map", preview_options, 0, 1, false, command_connector_preview},
    {"connector install", "[NAME]", "Put our tables and triggers into the local database.", NULL,
     "something is missing; all of it is printed", print_options, 0, 1, false, command_connector_install},
    {"connector uninstall", "[NAME]", "Take everything of ours out of the local database again.", NULL,
     "something is left; it is printed", print_options, 0, 1, false, command_connector_uninstall},
    {"connector compare", "[NAME]", "Compare every row with what is known of it, now.", NULL, NULL, NULL, 0, 1, false,
     command_connector_compare},
    {"record show", "ID", "Show a complaint: values, who wrote them and when, what differs, history.", NULL, NULL, NULL, 1, 1,
     false, command_record_show},
    {"record list", "", "List complaints.", NULL, NULL, list_options, 0, 0, false, command_record_list},
    {"record find", "SYSTEM KEY", "Find a complaint by its number in another system.",
     "SYSTEM is as the mapping calls it, for example lapor or legacy:sanggau.", NULL, NULL, 2, 2, false, command_record_find},
    {"record edit", "ID REGISTER VALUE", "Write a value.",
     "The complaint is read first; if its value changes before the write arrives, both values are kept as a conflict.", NULL,
     edit_options, 3, 3, false, command_record_edit},
    {"record note", "ID TEXT", "Add a follow-up.", NULL, NULL, note_options, 2, 2, false, command_record_note},
    {"record erase", "ID", "Erase the texts of a complaint, everywhere and for good.", NULL, NULL, erase_options, 1, 1, false,
     command_record_erase},
    {"record loosen", "ID confidential|anonymous", "Make a confidential or anonymous complaint less so.", NULL, NULL, as_options,
     2, 2, false, command_record_loosen},
    {"record same", "ID OTHER", "Say that two complaints are one case.", NULL, NULL, as_options, 2, 2, false,
     command_record_same},
    {"conflicts list", "", "List what two people wrote differently and nobody has decided.", NULL, NULL, all_options, 0, 0,
     false, command_conflicts_list},
    {"conflicts show", "ID", "Show the differing values of a complaint, numbered.", NULL, NULL, NULL, 1, 1, false,
     command_conflicts_show},
    {"conflicts resolve", "ID REGISTER", "Decide: keep one of the values, or write a third.",
     "Shows the values and then writes, covering only what it showed. A value that arrives meanwhile stays a conflict.", NULL,
     resolve_options, 2, 2, false, command_conflicts_resolve},
    {"quarantine list", "", "List rows and entries that could not be applied.", NULL, NULL, NULL, 0, 0, false,
     command_quarantine_list},
    {"quarantine show", "N", "Show one of them, as numbered by the list.", NULL, NULL, NULL, 1, 1, false,
     command_quarantine_show},
    {"quarantine retry", "", "Read everything again, after the mapping or the rows were mended.", NULL, NULL, NULL, 0, 0, false,
     command_quarantine_retry},
    {"account add", "NAME", "Make an account for the dashboard; prints its password once.", NULL, NULL, account_options, 1, 1,
     false, command_account_add},
    {"account list", "", "List the dashboard's accounts.", NULL, NULL, NULL, 0, 0, false, command_account_list},
    {"account disable", "NAME", "Shut an account out and end its sessions.", NULL, NULL, disable_options, 1, 1, false,
     command_account_disable},
    {"account password", "NAME", "Give an account a new password and end its sessions.", NULL, NULL, password_options, 1, 1,
     false, command_account_password},
    {"route", "ID REGION", "At the hub: move a complaint to another region.", NULL, NULL, route_options, 2, 2, false,
     command_route},
    {"log streams", "", "List the logs that are held here.", NULL, NULL, NULL, 0, 0, false, command_log_streams},
    {"log verify", "", "Read the logs again and compare every hash.", NULL, "a log is broken; stream and position are printed",
     verify_options, 0, 0, false, command_log_verify},
    {"log show", "STREAM SEQ", "Show one entry with its proof and checkpoint.", NULL, NULL, NULL, 2, 2, false, command_log_show},
    {"log export", "STREAM DIR", "Write a log as files that others can verify.",
     "DIR/checkpoint is the signed note. DIR/tile/ holds the hash tiles and DIR/tile/entries/ the entries, both laid out as "
     "C2SP tlog-tiles says (an entry: its size as two bytes, big-endian, then its bytes). DIR/proofs has a line for each "
     "key, the note, and each entry with its inclusion proof, in base64, as tests/system/verify-go reads it. Entries are "
     "headers: no complaint text is in them.",
     NULL, NULL, 2, 2, false, command_log_export},
    {"import", "FILE.csv", "Make complaints from a spreadsheet saved as CSV with a header line.",
     "Rows are known by their key and identity columns: importing the file again makes no complaint twice. Rows that do not "
     "map are counted by reason and left out; mend the mapping and import again.",
     "some rows did not map", import_options, 1, 1, false, command_import},
    {"version", "", "Print the version.", NULL, NULL, NULL, 0, 0, true, command_version},
    {"help", "[COMMAND]", "List the commands, or explain one.", NULL, NULL, NULL, 0, 2, true, command_help},
    {NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};

const struct command *command_table(void)
{
    return commands;
}

const struct command *command_find(const char *const *words, int count, int *out_count)
{
    for (const struct command *command = commands; command->name; command++) {
        const char *space = strchr(command->name, ' ');
        size_t first = space ? (size_t)(space - command->name) : strlen(command->name);
        if (count < (space ? 2 : 1) || strlen(words[0]) != first || memcmp(words[0], command->name, first) != 0) {
            continue;
        }
        if (!space || strcmp(words[1], space + 1) == 0) {
            *out_count = space ? 2 : 1;
            return command;
        }
    }
    return NULL;
}

const char *command_nearest(const char *group, const char *word)
{
    const char *words[sizeof commands / sizeof commands[0]];
    static char firsts[sizeof commands / sizeof commands[0]][24];
    size_t count = 0;
    for (size_t i = 0; commands[i].name; i++) {
        const char *space = strchr(commands[i].name, ' ');
        size_t size = space ? (size_t)(space - commands[i].name) : strlen(commands[i].name);
        if (group && space && strlen(group) == size && memcmp(group, commands[i].name, size) == 0) {
            words[count++] = space + 1;
        } else if (!group && size < sizeof firsts[0]) {
            memcpy(firsts[i], commands[i].name, size);
            words[count++] = firsts[i];
        }
    }
    words[count] = NULL;
    return yaml_nearest(word, words);
}
