/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/cli.h"
#include "node/cli/log_files.h"
#include "node/cli/print.h"
#include "node/cli/text.h"

/* simpul log streams | verify | show | export. */

static const char *member(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "";
}

static long long number(const json_t *json, const char *name)
{
    return (long long)json_integer_value(json_object_get(json, name));
}

static bool stream_argument(const char *text, int64_t *out_stream)
{
    if (!cli_number_text(text, 0, UINT32_MAX, out_stream)) {
        cli_fail(EXIT_USAGE, say("\"%.40s\" is no stream: take its number from `simpul log streams`"), text);
        return false;
    }
    return true;
}

/* ---- streams ---- */

static void show_streams(struct cli *cli, const json_t *reply)
{
    struct table table;
    const json_t *streams = json_object_get(reply, "streams");
    table_init(&table, &cli->arena, 8);
    table.right[0] = table.right[2] = table.right[4] = table.right[5] = table.right[6] = true;
    const char *heads[] = {say("no."), say("written by"), say("epoch"), say("about"), say("entries"), say("signed"),
                           say("confirmed"), ""};
    for (size_t i = 0; i < 8; i++) {
        table_cell(&table, "%s", heads[i]);
    }
    for (size_t i = 0; i < json_array_size(streams); i++) {
        const json_t *s = json_array_get(streams, i);
        table_cell(&table, "%lld", number(s, "number"));
        table_cell(&table, "%s", member(s, "node"));
        table_cell(&table, "%lld", number(s, "epoch"));
        table_cell(&table, "%s", member(s, "scope"));
        table_cell(&table, "%lld", number(s, "size"));
        table_cell(&table, "%lld", number(s, "signed"));
        table_cell(&table, "%lld", number(s, "acked"));
        table_cell(&table, "%s", json_is_true(json_object_get(s, "stopped")) ? say("contradicts itself: stopped")
                                 : json_is_true(json_object_get(s, "own"))   ? say("own")
                                                                             : "");
    }
    table_print(&table, stdout, 0);
}

int command_log_streams(struct cli *cli)
{
    return cli_ask_and_show(cli, "log.streams", NULL, show_streams);
}

/* ---- verify ---- */

/* One stream, slice by slice. EXIT_FOUND when it is broken, with the place added to `broken`. */
static int stream_verify(struct cli *cli, const json_t *stream, struct progress *progress, uint64_t *done, uint64_t total,
                         json_t *broken)
{
    long long size = number(stream, "size");
    for (long long at = 0; at < size;) {
        json_t *reply = NULL;
        int code = cli_ask(cli, "log.verify",
                           json_pack("{s:I,s:I}", "stream", (json_int_t)number(stream, "number"), "from", (json_int_t)at), &reply);
        if (code != EXIT_FINE) {
            return code;
        }
        long long next = number(reply, "next");
        if (!json_is_true(json_object_get(reply, "fine"))) {
            json_array_append_new(broken, json_pack("{s:I,s:s,s:I,s:s,s:I,s:s}", "stream", (json_int_t)number(stream, "number"),
                                                    "node", member(stream, "node"), "epoch",
                                                    (json_int_t)number(stream, "epoch"), "scope", member(stream, "scope"),
                                                    "seq", (json_int_t)number(reply, "at"), "what", member(reply, "what")));
            json_decref(reply);
            return EXIT_FOUND;
        }
        json_decref(reply);
        if (next <= at) {
            break; /* its end */
        }
        *done += (uint64_t)(next - at);
        at = next;
        progress_show(progress, *done, total);
    }
    return EXIT_FINE;
}

static void verdict_print(struct cli *cli, const json_t *broken, uint64_t done, size_t streams)
{
    if (cli->json) {
        json_t *reply = json_pack("{s:b,s:I,s:I,s:O}", "fine", json_array_size(broken) == 0, "streams", (json_int_t)streams,
                                  "entries", (json_int_t)done, "broken", broken);
        cli_json(reply);
        json_decref(reply);
        return;
    }
    for (size_t i = 0; i < json_array_size(broken); i++) {
        const json_t *b = json_array_get(broken, i);
        printf(say("BROKEN: stream %lld (%s, epoch %lld, about %s) at entry %lld: %s\n"), number(b, "stream"), member(b, "node"),
               number(b, "epoch"), member(b, "scope"), number(b, "seq"), member(b, "what"));
    }
    if (json_array_size(broken) == 0) {
        printf(say("Every hash holds: %zu streams, %llu entries.\n"), streams, (unsigned long long)done);
    }
}

int command_log_verify(struct cli *cli)
{
    json_t *reply = NULL;
    int64_t only = -1;
    uint64_t total = 0;
    uint64_t done = 0;
    size_t count = 0;
    struct progress progress;
    if (cli_flag(cli, OPT_STREAM) && !stream_argument(cli_option(cli, OPT_STREAM), &only)) {
        return EXIT_USAGE;
    }
    int code = cli_ask(cli, "log.streams", NULL, &reply);
    const json_t *streams = json_object_get(reply, "streams");
    for (size_t i = 0; i < json_array_size(streams); i++) {
        const json_t *s = json_array_get(streams, i);
        if (only < 0 || number(s, "number") == only) {
            total += (uint64_t)number(s, "size");
            count++;
        }
    }
    if (code == EXIT_FINE && only >= 0 && count == 0) {
        code = cli_fail(EXIT_NO_SUCH, say("there is no stream %lld here"), (long long)only);
    }
    json_t *broken = json_array();
    progress_start(&progress, say("entries verified"), cli->terminal && !cli->json);
    for (size_t i = 0; (code == EXIT_FINE || code == EXIT_FOUND) && i < json_array_size(streams); i++) {
        const json_t *s = json_array_get(streams, i);
        if (only < 0 || number(s, "number") == only) {
            int one = stream_verify(cli, s, &progress, &done, total, broken);
            code = one != EXIT_FINE ? one : code;
        }
    }
    progress_end(&progress);
    if (code == EXIT_FINE || code == EXIT_FOUND) {
        verdict_print(cli, broken, done, count);
    }
    json_decref(broken);
    json_decref(reply);
    return code;
}

/* ---- show ---- */

static void show_entry(struct cli *cli, const json_t *reply)
{
    const json_t *stream = json_object_get(reply, "stream");
    const json_t *proof = json_object_get(reply, "proof");
    char time[PRINT_TIME_SIZE];
    print_time((int64_t)number(reply, "hlc_ms"), cli->config.zone_minutes, time);
    printf(say("Entry %lld of stream %lld, written by %s (epoch %lld) about %s\n"), number(reply, "seq"), number(stream, "number"),
           member(stream, "node"), number(stream, "epoch"), member(stream, "scope"));
    printf(say("  kind      %s\n  complaint %s\n  stamp     %s\n  body      %lld bytes\n  entry     %s\n"), member(reply, "kind"),
           *member(reply, "record") ? member(reply, "record") : "-", time, number(reply, "body_size"), member(reply, "leaf"));
    printf(say("  proof     %zu hashes to the root %s of %lld entries\n"), json_array_size(proof), member(reply, "root"),
           number(stream, "size"));
    for (size_t i = 0; i < json_array_size(proof); i++) {
        printf("            %s\n", json_string_value(json_array_get(proof, i)));
    }
    printf(say("  newest signed checkpoint:\n\n%s"), member(reply, "checkpoint"));
}

int command_log_show(struct cli *cli)
{
    int64_t stream = 0;
    int64_t seq = 0;
    if (!stream_argument(cli->arguments[0], &stream)) {
        return EXIT_USAGE;
    }
    if (!cli_number_text(cli->arguments[1], 0, INT64_MAX, &seq)) {
        return cli_fail(EXIT_USAGE, say("\"%.40s\" is no position"), cli->arguments[1]);
    }
    return cli_ask_and_show(cli, "log.show", json_pack("{s:I,s:I}", "stream", (json_int_t)stream, "seq", (json_int_t)seq),
                            show_entry);
}

/* ---- export ---- */

static int leaves_export(struct cli *cli, int64_t stream, uint64_t size, struct log_files *files)
{
    struct progress progress;
    int code = EXIT_FINE;
    progress_start(&progress, say("entries written"), cli->terminal && !cli->json);
    for (uint64_t at = 0; code == EXIT_FINE && at < size;) {
        json_t *reply = NULL;
        code = cli_ask(cli, "log.leaves",
                       json_pack("{s:I,s:I,s:I}", "stream", (json_int_t)stream, "from", (json_int_t)at, "size", (json_int_t)size),
                       &reply);
        const json_t *leaves = json_object_get(reply, "leaves");
        size_t count = json_array_size(leaves);
        for (size_t i = 0; code == EXIT_FINE && i < count; i++) {
            struct status status = log_files_add(files, json_array_get(leaves, i));
            code = status_is_ok(status) ? EXIT_FINE : cli_fail(EXIT_STORE, "%s", files->problem);
        }
        if (code == EXIT_FINE && count == 0) {
            code = cli_fail(EXIT_STORE, say("the log ends before its checkpoint: run `simpul log verify`"));
        }
        json_decref(reply);
        at += count;
        progress_show(&progress, at, size);
    }
    progress_end(&progress);
    return code;
}

int command_log_export(struct cli *cli)
{
    int64_t stream = 0;
    json_t *head = NULL;
    struct log_files files;
    char sentence[512];
    if (!stream_argument(cli->arguments[0], &stream)) {
        return EXIT_USAGE;
    }
    int code = cli_ask(cli, "log.head", json_pack("{s:I}", "stream", (json_int_t)stream), &head);
    if (code != EXIT_FINE) {
        return code;
    }
    uint64_t size = (uint64_t)number(head, "size");
    struct status status = log_files_open(&files, cli->arguments[1], head);
    code = status_is_ok(status) ? leaves_export(cli, stream, size, &files) : cli_fail(EXIT_STORE, "%s", files.problem);
    if (code == EXIT_FINE && !status_is_ok(log_files_finish(&files))) {
        code = cli_fail(EXIT_STORE, "%s", files.problem);
    }
    log_files_release(&files);
    if (code == EXIT_FINE) {
        snprintf(sentence, sizeof sentence, say("Wrote %llu entries of %s to %s%s"), (unsigned long long)size,
                 member(head, "origin"), cli->arguments[1],
                 json_is_true(json_object_get(head, "cosigned")) ? "." : say(" (the hub has not cosigned this checkpoint yet)."));
        return cli_done(cli, head, sentence);
    }
    json_decref(head);
    return code;
}
