/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "node/base/clock.h"
#include "node/cli/cli.h"
#include "node/cli/text.h"
#include "node/pki/pki.h"
#include "node/process/local.h"

/* One file that a first start needs, and who makes it. */
struct needed {
    const char *path;
    const char *what;
    bool ours; /* made by init; the others come from the ministry or from `simpul pki issue` */
    bool was_there;
};

enum { NEEDED_MAX = 8 };

static size_t needed_list(const struct config *config, struct needed *out_list)
{
    const struct needed all[] = {
        {config->log_key, "signing key of the log", true, false},
        {config->cosigner_key, "signing key of the cosigner", true, false},
        {config->store_path, "store", true, false},
        {config->authority, "the federation's certificate authority (ca.pem)", false, false},
        {config->certificate, "certificate", false, false},
        {config->private_key, "private key of the certificate", false, false},
        {config->hub_key, "the hub's public keys (hub.pub)", false, false},
    };
    size_t count = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].path) {
            out_list[count] = all[i];
            out_list[count++].was_there = access(all[i].path, F_OK) == 0;
        }
    }
    return count;
}

static void print_made(const struct config *config, bool opened, const struct needed *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].ours && access(list[i].path, F_OK) == 0) {
            printf("%-8s %s (%s)\n", list[i].was_there ? say("there") : say("made"), list[i].path, say(list[i].what));
        }
    }
    if (opened && config->store_postgres) {
        printf("%-8s PostgreSQL (%s)\n", say("there"), say("store"));
    }
}

static size_t print_missing(const struct needed *list, size_t count)
{
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        if (!list[i].ours && access(list[i].path, F_OK) != 0) {
            printf("%-8s %s (%s)\n", say("missing"), list[i].path, say(list[i].what));
            missing++;
        }
    }
    return missing;
}

static void print_next(const struct cli *cli, size_t missing)
{
    const struct config *config = &cli->config;
    int node = (int)node_id_size(config->node);
    const char *slash = strrchr(config->certificate, '/');
    int folder = slash ? (int)(slash - config->certificate) : 1;
    if (missing > 0 && config->role == CONFIG_HUB) {
        printf(say("\nNext: make the certificates, then say `simpul init` again:\n"
                   "  simpul pki ca CA-DIR --deployment %s\n"
                   "  simpul pki issue --ca CA-DIR --out %.*s --hub --name HOST\n"),
               config->deployment, folder, slash ? config->certificate : ".");
    } else if (missing > 0) {
        printf(say("\nNext: put what is missing there, then say `simpul init` again. The ministry gives hub.pub\n"
                   "(`simpul pki hub-key`) and the certificate:\n"
                   "  simpul pki issue --ca CA-DIR --out %.*s --node %.*s\n"),
               folder, slash ? config->certificate : ".", node, config->node.text);
    } else if (config->role == CONFIG_HUB) {
        printf(say("\nNext: `simpul pki hub-key --config %s` prints hub.pub for the nodes;\n"
                   "`simpul run --config %s` starts the hub.\n"),
               cli->config_path, cli->config_path);
    } else {
        printf(say("\nNext: `simpul pki request --config %s --name TITLE > request.json` for the ministry, which\n"
                   "registers it (`simpul pki register`); then `simpul run --config %s`.\n"),
               cli->config_path, cli->config_path);
    }
    if (config->legacy_count > 0 && missing == 0) {
        printf(say("Before that, once for each local database: `simpul connector check`, `simpul connector install`.\n"));
    }
}

/* Certificate and key came from elsewhere; what is wrong with them is told now and not by the first start. */
static struct status files_check(const struct config *config, const struct needed *list, size_t count, char *problem,
                                 size_t problem_size)
{
    char id[sizeof config->node.text + 1] = "";
    memcpy(id, config->node.text, node_id_size(config->node));
    struct pki_pair pair = {.authority = config->authority,
                            .certificate = config->certificate,
                            .key = config->private_key,
                            .deployment = config->deployment,
                            .node_id = config->role == CONFIG_HUB ? NULL : id,
                            .now_s = clock_now_ms() / 1000};
    for (size_t i = 0; i < count; i++) {
        if (!list[i].ours && access(list[i].path, F_OK) != 0) {
            return status_ok(); /* told as missing */
        }
    }
    return pki_pair_check(&pair, problem, problem_size);
}

int command_init(struct cli *cli)
{
    struct needed list[NEEDED_MAX];
    char problem[LOCAL_PROBLEM_SIZE] = "";
    int code = cli_config(cli);
    if (code != EXIT_FINE) {
        return code;
    }
    const struct config *config = &cli->config;
    size_t count = needed_list(config, list);
    bool waits_for_hub_key = config->hub_key && access(config->hub_key, F_OK) != 0;
    struct status status = local_init(config, problem, sizeof problem);
    bool made_it = status_is_ok(status);
    status = made_it ? files_check(config, list, count, problem, sizeof problem) : status;
    if (cli->json) {
        json_t *made = json_array();
        json_t *missing = json_array();
        for (size_t i = 0; i < count; i++) {
            bool there = access(list[i].path, F_OK) == 0;
            if (!there || (list[i].ours && !list[i].was_there)) {
                json_array_append_new(there ? made : missing, json_string(list[i].path));
            }
        }
        json_t *reply = json_pack("{s:o,s:o}", "made", made, "missing", missing);
        cli_json(reply);
        json_decref(reply);
    } else {
        print_made(config, made_it, list, count);
        size_t missing = print_missing(list, count);
        if (status_is_ok(status) || missing > 0) { /* else the problem below says what is next */
            print_next(cli, missing);
        }
    }
    if (status_is_ok(status)) {
        return EXIT_FINE;
    }
    if (waits_for_hub_key) {
        return cli_fail(EXIT_CONFIGURATION, say("the store is made as soon as the hub's keys are there"));
    }
    bool is_named = made_it || status.code == STATUS_DENIED || status.code == STATUS_INVALID;
    return cli_fail(status.code == STATUS_BUSY ? EXIT_BUSY : is_named ? EXIT_CONFIGURATION : EXIT_STORE, "%s", problem);
}
