/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/base/clock.h"
#include "node/base/files.h"
#include "node/cli/cli.h"
#include "node/cli/print.h"
#include "node/cli/text.h"
#include "node/pki/pki.h"

/* simpul pki ca | issue | keys | hub-key | request | register | show */

enum { NAMES_MAX = 16, PATH_SIZE = 1024, REQUEST_SIZE_MAX = 64 * 1024 };

static int pki_exit(struct status status, const char *problem)
{
    int code = status.code == STATUS_NOT_FOUND  ? EXIT_NO_SUCH
               : status.code == STATUS_EXISTS || status.code == STATUS_DENIED ? EXIT_REFUSED
               : status.code == STATUS_INVALID || status.code == STATUS_LIMIT ? EXIT_USAGE
                                                                              : EXIT_STORE;
    return cli_fail(code, "%s", problem[0] ? problem : status_name(status));
}

/* The folders above `path`; keys go into the last one, which the pki makes itself. */
static void parents_make(const char *path)
{
    char part[PATH_SIZE];
    size_t size = strlen(path);
    for (size_t i = 1; i < size && i < sizeof part; i++) {
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = 0;
            (void)mkdir(part, 0700); /* what fails here is said by the next step, with its path */
        }
    }
}

int command_pki_ca(struct cli *cli)
{
    char problem[PKI_PROBLEM_SIZE] = "";
    const char *deployment = cli_option(cli, OPT_DEPLOYMENT);
    const char *folder = cli->arguments[0];
    if (!deployment) {
        return cli_fail(EXIT_USAGE, say("say which federation: --deployment NAME"));
    }
    parents_make(folder);
    struct status status = pki_ca_create(folder, deployment, clock_now_ms() / 1000, problem, sizeof problem);
    if (!status_is_ok(status)) {
        return pki_exit(status, problem);
    }
    printf(say("Made %s/ca.pem and %s/ca.key for \"%s\".\nca.key signs every certificate: keep it off the network, with a copy "
               "in a safe.\n"),
           folder, folder, deployment);
    return EXIT_FINE;
}

static size_t words_split(struct cli *cli, const char *text, const char **out_words)
{
    size_t count = 0;
    while (text && *text && count < NAMES_MAX) {
        size_t size = strcspn(text, ",");
        char *word = arena_alloc(&cli->arena, size + 1);
        if (!word) {
            return count;
        }
        memcpy(word, text, size);
        out_words[count++] = word;
        text += size + (text[size] == ',' ? 1 : 0);
    }
    return count;
}

/* Who gets the certificate needs to know whom to trust: ca.pem beside it. */
static struct status authority_copy(struct cli *cli, const char *from, const char *to)
{
    char source[PATH_SIZE];
    char target[PATH_SIZE];
    struct span bytes;
    snprintf(source, sizeof source, "%s/ca.pem", from);
    snprintf(target, sizeof target, "%s/ca.pem", to);
    if (access(target, F_OK) == 0) {
        return status_ok();
    }
    TRY(file_read(source, REQUEST_SIZE_MAX, &cli->arena, &bytes));
    return file_write(target, bytes, 0444);
}

static int deployment_check_ca(struct cli *cli, const char *ca)
{
    char path[PATH_SIZE];
    char problem[PKI_PROBLEM_SIZE] = "";
    struct pki_facts facts;
    const char *wanted = cli_option(cli, OPT_DEPLOYMENT);
    snprintf(path, sizeof path, "%s/ca.pem", ca);
    struct status status = pki_certificate_facts(path, clock_now_ms() / 1000, &facts, problem, sizeof problem);
    if (!status_is_ok(status)) {
        return pki_exit(status, problem);
    }
    if (wanted && strcmp(wanted, facts.deployment) != 0) {
        return cli_fail(EXIT_REFUSED, say("%s is the authority of \"%s\", not of \"%s\""), path, facts.deployment, wanted);
    }
    return EXIT_FINE;
}

int command_pki_issue(struct cli *cli)
{
    const char *ca = cli_option(cli, OPT_CA);
    const char *out = cli_option(cli, OPT_OUT);
    const char *node = cli_option(cli, OPT_NODE);
    bool hub = cli_flag(cli, OPT_HUB);
    const char *dns[NAMES_MAX];
    const char *ip[NAMES_MAX];
    char problem[PKI_PROBLEM_SIZE] = "";
    int64_t days = 0;
    if (!ca || !out || hub == (node != NULL)) {
        return cli_fail(EXIT_USAGE, say("needed: --ca DIR, --out DIR, and either --hub --name HOST or --node ID"));
    }
    if (!cli_number(cli, OPT_DAYS, 1, PKI_CA_DAYS, &days)) {
        return EXIT_USAGE;
    }
    int code = deployment_check_ca(cli, ca);
    if (code != EXIT_FINE) {
        return code;
    }
    struct pki_issue issue = {.kind = hub ? PKI_SERVER : PKI_NODE,
                              .name = hub ? "server" : "node",
                              .node_id = node,
                              .dns = dns,
                              .dns_count = words_split(cli, cli_option(cli, OPT_NAME), dns),
                              .ip = ip,
                              .ip_count = words_split(cli, cli_option(cli, OPT_IP), ip),
                              .days = (unsigned)days,
                              .now_s = clock_now_ms() / 1000};
    parents_make(out);
    struct status status = pki_issue(ca, out, &issue, problem, sizeof problem);
    if (!status_is_ok(status)) {
        return pki_exit(status, problem);
    }
    if (!status_is_ok(authority_copy(cli, ca, out))) {
        return cli_fail(EXIT_STORE, say("%s/ca.pem cannot be written: copy it there yourself"), out);
    }
    printf(say("Made %s/%s.pem and %s/%s.key, valid for %u days; %s/ca.pem is there too.\n"), out, issue.name, out, issue.name,
           days ? (unsigned)days : PKI_CERTIFICATE_DAYS, out);
    return EXIT_FINE;
}

int command_pki_keys(struct cli *cli)
{
    char problem[PKI_PROBLEM_SIZE] = "";
    parents_make(cli->arguments[0]);
    struct status status = pki_keys_create(cli->arguments[0], problem, sizeof problem);
    if (!status_is_ok(status)) {
        return pki_exit(status, problem);
    }
    printf(say("Made log.key and cosigner.key in %s, with their public halves (.pub).\n"), cli->arguments[0]);
    return EXIT_FINE;
}

static void show_hub_key(struct cli *cli, const json_t *reply)
{
    (void)cli;
    fputs(json_string_value(json_object_get(reply, "text")), stdout);
}

int command_pki_hub_key(struct cli *cli)
{
    return cli_ask_and_show(cli, "registry.hub_key", NULL, show_hub_key);
}

static void show_json(struct cli *cli, const json_t *reply)
{
    (void)cli;
    cli_json(reply);
}

int command_pki_request(struct cli *cli)
{
    const char *name = cli_option(cli, OPT_NAME);
    return cli_ask_and_show(cli, "registry.request", json_pack("{s:s}", "name", name ? name : ""), show_json);
}

int command_pki_register(struct cli *cli)
{
    struct span bytes;
    char sentence[128];
    json_t *reply = NULL;
    struct status status = file_read(cli->arguments[0], REQUEST_SIZE_MAX, &cli->arena, &bytes);
    if (!status_is_ok(status)) {
        return cli_fail(EXIT_NO_SUCH, say("%s cannot be read (%s)"), cli->arguments[0], status_name(status));
    }
    json_t *request = json_loadb((const char *)bytes.data, bytes.size, JSON_REJECT_DUPLICATES, NULL);
    if (!request) {
        return cli_fail(EXIT_USAGE, say("%s is no request: make it with `simpul pki request` at the node"), cli->arguments[0]);
    }
    json_t *arguments = json_pack("{s:o,s:b}", "request", request, "province", cli_flag(cli, OPT_PROVINCE) ? 1 : 0);
    int code = cli_ask(cli, "registry.add", arguments, &reply);
    if (code != EXIT_FINE) {
        return code;
    }
    snprintf(sentence, sizeof sentence, say("%s is registered; the registry has %lld entries."),
             json_string_value(json_object_get(reply, "node")),
             (long long)json_integer_value(json_object_get(reply, "registry_size")));
    return cli_done(cli, reply, sentence);
}

static void facts_print(struct cli *cli, const struct pki_facts *facts)
{
    char from[PRINT_TIME_SIZE];
    char until[PRINT_TIME_SIZE];
    struct hash key;
    char key_text[65];
    memcpy(key.bytes, facts->spki_sha256, sizeof key.bytes);
    hash_text(key, key_text);
    print_time(facts->not_before_s * 1000, 0, from);
    print_time(facts->not_after_s * 1000, 0, until);
    if (cli->json) {
        json_t *json = json_pack("{s:s,s:s,s:s,s:b,s:I,s:I,s:I,s:s}", "subject", facts->subject, "deployment",
                                 facts->deployment, "uri", facts->uri, "authority", facts->is_ca ? 1 : 0, "not_before_s",
                                 (json_int_t)facts->not_before_s, "not_after_s", (json_int_t)facts->not_after_s, "days_left",
                                 (json_int_t)facts->days_left, "key_sha256", key_text);
        cli_json(json);
        json_decref(json);
        return;
    }
    struct table table;
    table_init(&table, &cli->arena, 2);
    table_cell(&table, "%s", say("for"));
    table_cell(&table, "%s%s%s", facts->subject, facts->is_ca ? ", " : "", facts->is_ca ? say("a certificate authority") : "");
    table_cell(&table, "%s", say("federation"));
    table_cell(&table, "%s", facts->deployment);
    table_cell(&table, "%s", say("node"));
    table_cell(&table, "%s", facts->uri[0] ? facts->uri : "-");
    table_cell(&table, "%s", say("valid"));
    table_cell(&table, say("%s to %s (%lld days left)"), from, until, (long long)facts->days_left);
    table_cell(&table, "%s", say("key (SHA-256)"));
    table_cell(&table, "%s", key_text);
    table_print(&table, stdout, 0);
}

int command_pki_show(struct cli *cli)
{
    char problem[PKI_PROBLEM_SIZE] = "";
    struct pki_facts facts;
    struct status status =
        pki_certificate_facts(cli->arguments[0], clock_now_ms() / 1000, &facts, problem, sizeof problem);
    if (!status_is_ok(status)) {
        return pki_exit(status, problem);
    }
    facts_print(cli, &facts);
    return EXIT_FINE;
}
