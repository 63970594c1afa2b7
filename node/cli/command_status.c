/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "node/base/clock.h"
#include "node/cli/cli.h"
#include "node/cli/print.h"
#include "node/cli/text.h"
#include "node/control/control.h"
#include "node/peer/peer.h"

/* simpul status, takeover, version. */

static long long number(const json_t *json, const char *name)
{
    return (long long)json_integer_value(json_object_get(json, name));
}

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "";
}

static void print_ago(struct cli *cli, long long ms, char out_text[PRINT_SPAN_SIZE + PRINT_TIME_SIZE])
{
    char span[PRINT_SPAN_SIZE];
    char time[PRINT_TIME_SIZE];
    if (ms == 0) {
        snprintf(out_text, PRINT_SPAN_SIZE + PRINT_TIME_SIZE, "%s", say("not since the start"));
        return;
    }
    int64_t age = clock_now_ms() - ms;
    print_span(age, span);
    print_time(ms, cli->config.zone_minutes, time);
    snprintf(out_text, PRINT_SPAN_SIZE + PRINT_TIME_SIZE, age < 86400000 ? say("%s ago") : "%s", age < 86400000 ? span : time);
}

static void show_head(struct cli *cli, const json_t *reply)
{
    char started[PRINT_TIME_SIZE];
    char size[PRINT_SIZE_SIZE];
    bool running = json_is_true(json_object_get(reply, "running"));
    print_time(number(reply, "started_ms"), cli->config.zone_minutes, started);
    print_size((uint64_t)number(reply, "store_bytes"), size);
    printf("Simpul %s, %s (%s)\n", text_of(reply, "self"), text_of(reply, "deployment"), say(text_of(reply, "role")));
    if (running) {
        printf(say("  running since %s; store %s\n"), started, size);
    } else {
        printf(say("  not running (`simpul run` starts it); store %s\n"), size);
    }
}

/* In the reader's language; the running process knows only that of its configuration. */
static const char *link_sentence(const json_t *link)
{
    for (enum peer_state state = PEER_HELLO; state <= PEER_UPDATE; state++) {
        if (strcmp(peer_state_name(state), text_of(link, "state")) == 0) {
            return peer_state_sentence(state, text_is_indonesian());
        }
    }
    return text_of(link, "sentence");
}

static void show_link(struct cli *cli, const json_t *link)
{
    char ago[PRINT_SPAN_SIZE + PRINT_TIME_SIZE];
    if (!link) {
        return;
    }
    print_ago(cli, number(link, "last_contact_ms"), ago);
    printf(say("  hub link: %s; last contact %s\n"), link_sentence(link), ago);
    if (*text_of(link, "problem")) {
        printf("    %s\n", print_visible(text_of(link, "problem"), 4, &cli->arena));
    }
    long long skew = number(link, "skew_ms");
    if (skew > 300000 || skew < -300000) {
        char span[PRINT_SPAN_SIZE];
        print_span(skew < 0 ? -skew : skew, span);
        printf(say("    the clocks of this machine and of the hub differ by %s: set the wrong one\n"), span);
    }
}

static void show_waiting(const json_t *reply)
{
    long long waiting = number(reply, "waiting");
    long long quarantine = number(reply, "quarantine");
    if (strcmp(text_of(reply, "role"), "hub") != 0) {
        printf(say("  changes waiting for the hub: %lld\n"), waiting);
    }
    printf(say("  in quarantine: %lld\n"), quarantine);
    if (quarantine > 0) {
        printf(say("    `simpul quarantine list` says why\n"));
    }
}

static void show_nodes(struct cli *cli, const json_t *nodes, bool running)
{
    struct table table;
    long long conflicts = 0;
    if (json_array_size(nodes) == 0) {
        printf(say("\nNo regency is registered yet.\n"));
        return;
    }
    table_init(&table, &cli->arena, 6);
    table.right[2] = table.right[3] = table.right[4] = true;
    const char *heads[] = {say("code"), say("institution"), say("complaints"), say("conflicts"), say("entries"), say("heard")};
    for (size_t i = 0; i < 6; i++) {
        table_cell(&table, "%s", heads[i]);
    }
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);
        const json_t *streams = json_object_get(node, "streams");
        char ago[PRINT_SPAN_SIZE + PRINT_TIME_SIZE] = "-";
        long long entries = 0;
        for (size_t s = 0; s < json_array_size(streams); s++) {
            entries += number(json_array_get(streams, s), "size");
        }
        if (running && cli->config.role != CONFIG_REGENCY) {
            print_ago(cli, number(node, "last_seen_ms"), ago);
        }
        conflicts += number(node, "conflicts");
        table_cell(&table, "%s", text_of(node, "node"));
        table_cell(&table, "%s", text_of(node, *text_of(node, "name") ? "name" : "region"));
        table_cell(&table, "%lld", number(node, "records"));
        table_cell(&table, "%lld", number(node, "conflicts"));
        table_cell(&table, "%lld", entries);
        table_cell(&table, "%s", ago);
    }
    fputc('\n', stdout);
    table_print(&table, stdout, 2);
    if (conflicts > 0) {
        printf(say("\nComplaints with a conflict that waits for a person: %lld (`simpul conflicts list`)\n"), conflicts);
    }
}

static void show_stopped(const json_t *nodes)
{
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *streams = json_object_get(json_array_get(nodes, i), "streams");
        for (size_t s = 0; s < json_array_size(streams); s++) {
            const json_t *stream = json_array_get(streams, s);
            if (json_is_true(json_object_get(stream, "stopped"))) {
                printf(say("\nThe log of %s (epoch %lld) contradicts itself and is no longer applied: call the ministry.\n"),
                       text_of(stream, "node"), number(stream, "epoch"));
            }
        }
    }
}

static void show_load(const json_t *connector, long long started_ms)
{
    char estimate[PRINT_SPAN_SIZE];
    long long done = number(connector, "done");
    long long total = number(connector, "total");
    if (total == 0 || (strcmp(text_of(connector, "state"), "loading") != 0 &&
                       strcmp(text_of(connector, "state"), "comparing") != 0)) {
        return;
    }
    printf(say("    %lld of %lld rows"), done, total);
    progress_estimate((uint64_t)done, (uint64_t)total, clock_now_ms() - started_ms, estimate);
    if (estimate[0] && strcmp(text_of(connector, "state"), "loading") == 0) {
        printf(say(", about %s to go"), estimate);
    }
    fputc('\n', stdout);
}

static void show_connectors(struct cli *cli, const json_t *connectors, long long started_ms)
{
    for (size_t i = 0; i < json_array_size(connectors); i++) {
        const json_t *c = json_array_get(connectors, i);
        char ago[PRINT_SPAN_SIZE + PRINT_TIME_SIZE];
        print_ago(cli, number(c, "last_ok_ms"), ago);
        printf(say("\nLocal database %s: %s; last answer %s\n"), text_of(c, "name"), say(text_of(c, "state")), ago);
        printf(say("    taken from it %lld, written into it %lld, waiting there %lld, to be written %lld\n"),
               number(c, "captured"), number(c, "written"), number(c, "outbox"), number(c, "due"));
        show_load(c, started_ms);
        if (*text_of(c, "problem")) {
            printf("    %s\n", print_visible(text_of(c, "problem"), 4, &cli->arena));
        }
    }
}

/* A hub that was put back from a backup. */
static void show_older_copy(const json_t *copy)
{
    const json_t *nodes = json_object_get(copy, "waits_for");
    if (!copy || json_is_true(json_object_get(copy, "writes"))) {
        return;
    }
    printf(say("  THIS HUB IS AN OLDER COPY OF ITSELF: it takes what regencies send, and writes nothing of its own yet\n"));
    if (json_is_true(json_object_get(copy, "lost"))) {
        printf(say("    changes of its own that others have seen are lost: restore a newer backup\n"));
        return;
    }
    printf(say("    it waits for %zu nodes to give back what it lacks:"), json_array_size(nodes));
    for (size_t i = 0; i < json_array_size(nodes) && i < 10; i++) {
        printf(" %s", json_string_value(json_array_get(nodes, i)));
    }
    printf(say("\n    `simpul takeover` lets it write without them; what only they hold is then lost\n"));
}

static void show_status(struct cli *cli, const json_t *reply)
{
    show_head(cli, reply);
    show_older_copy(json_object_get(reply, "older_copy"));
    show_link(cli, json_object_get(reply, "hub_link"));
    show_waiting(reply);
    show_nodes(cli, json_object_get(reply, "nodes"), json_is_true(json_object_get(reply, "running")));
    show_stopped(json_object_get(reply, "nodes"));
    show_connectors(cli, json_object_get(reply, "connectors"), number(reply, "started_ms"));
}

/* True once the process runs and, at a node, talks to its hub. Never opens the store: that would be in the way of the
 * process that is starting. */
static bool is_ready(struct cli *cli)
{
    struct control_answer answer;
    if (!control_running(&cli->config)) {
        return false;
    }
    control_ask(&cli->config, "status", NULL, &answer);
    const json_t *link = json_object_get(answer.reply, "hub_link");
    bool ready = json_is_true(json_object_get(answer.reply, "running")) &&
                 (!link || strcmp(text_of(link, "state"), "online") == 0);
    json_decref(answer.reply);
    return ready;
}

static int wait_ready(struct cli *cli, int64_t seconds)
{
    int64_t until = clock_monotonic_ms() + seconds * 1000;
    while (!is_ready(cli)) {
        struct timespec pause = {.tv_nsec = 50000000};
        if (clock_monotonic_ms() >= until) {
            return cli_fail(EXIT_BUSY, say("not ready after %lld s: see `simpul status` and its log"), (long long)seconds);
        }
        nanosleep(&pause, NULL);
    }
    return EXIT_FINE;
}

int command_status(struct cli *cli)
{
    int64_t seconds = 0;
    int code = cli_config(cli);
    if (code != EXIT_FINE) {
        return code;
    }
    if (!cli_number(cli, OPT_WAIT_READY, 0, 86400, &seconds)) {
        return EXIT_USAGE;
    }
    if (cli_flag(cli, OPT_WAIT_READY) && (code = wait_ready(cli, seconds)) != EXIT_FINE) {
        return code;
    }
    return cli_ask_and_show(cli, "status", NULL, show_status);
}

int command_takeover(struct cli *cli)
{
    json_t *reply = NULL;
    int code = cli_ask(cli, "takeover", NULL, &reply);
    return code == EXIT_FINE ? cli_done(cli, reply, say("Asked; `simpul status` shows when the hub has agreed.")) : code;
}

int command_version(struct cli *cli)
{
    (void)cli;
    printf("simpul %s\n", SIMPUL_VERSION);
    return EXIT_FINE;
}
