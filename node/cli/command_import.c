/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "node/cli/cli.h"
#include "node/cli/import_rows.h"
#include "node/cli/print.h"
#include "node/cli/text.h"

/* simpul import FILE.csv --mapping M [--lane N]. */

enum { LANE_DEFAULT = 15, WAIT_MS = 200 };

struct importing {
    struct import_rows rows;
    int64_t lane;
    uint64_t created, known;
};

/* What the node itself refused, row by row. */
static void refusals_count(struct cli *cli, struct importing *importing, const json_t *refused)
{
    for (size_t i = 0; i < json_array_size(refused); i++) {
        const json_t *one = json_array_get(refused, i);
        const char *reason = json_string_value(json_object_get(one, "reason"));
        struct span copy;
        if (reason && status_is_ok(arena_copy(&cli->arena, span_of(reason, strlen(reason) + 1), &copy))) {
            import_rows_reason(&importing->rows, (uint64_t)json_integer_value(json_object_get(one, "line")), "",
                               (const char *)copy.data);
        }
    }
}

/* While many of our leaves wait for the hub, a clerk's fresh change would wait behind them: so does the import. */
static bool should_wait(const json_t *reply)
{
    return json_is_true(json_object_get(reply, "online")) &&
           json_integer_value(json_object_get(reply, "waiting")) > LIMIT_UNACKED_LEAVES;
}

static int batch_send(struct cli *cli, struct importing *importing, json_t *batch)
{
    const char *table = importing->rows.mapping->complaints->table->name;
    for (bool again = true; again;) {
        json_t *reply = NULL;
        json_t *arguments = json_pack("{s:I,s:s,s:o}", "lane", (json_int_t)importing->lane, "table", table, "rows", batch);
        int code = cli_ask(cli, "import.rows", arguments, &reply);
        if (code != EXIT_FINE) {
            return code;
        }
        importing->created += (uint64_t)json_integer_value(json_object_get(reply, "created"));
        importing->known += (uint64_t)json_integer_value(json_object_get(reply, "known"));
        refusals_count(cli, importing, json_object_get(reply, "refused"));
        again = should_wait(reply);
        json_decref(reply);
        if (again) {
            struct timespec pause = {.tv_nsec = WAIT_MS * 1000000L};
            nanosleep(&pause, NULL);
            batch = json_array(); /* asks only how many still wait */
        }
    }
    return EXIT_FINE;
}

static int rows_send(struct cli *cli, struct importing *importing)
{
    struct progress progress;
    struct import_rows *rows = &importing->rows;
    progress_start(&progress, say("bytes read"), cli->terminal && !cli->json);
    int code = EXIT_FINE;
    while (code == EXIT_FINE) {
        json_t *batch = NULL;
        struct status status = import_rows_next(rows, &batch);
        if (!status_is_ok(status)) {
            progress_end(&progress);
            return cli_fail(EXIT_FOUND, say("%s; what stands before it was imported"), rows->problem);
        }
        if (json_array_size(batch) == 0) {
            json_decref(batch);
            break;
        }
        code = batch_send(cli, importing, batch);
        progress_show(&progress, rows->csv.at, rows->csv.bytes.size);
    }
    progress_end(&progress);
    return code;
}

static void reasons_print(struct cli *cli, const struct import_rows *rows)
{
    struct table table;
    table_init(&table, &cli->arena, 4);
    table.right[0] = true;
    for (size_t i = 0; i < rows->reason_count; i++) {
        const struct import_reason *reason = &rows->reasons[i];
        table_cell(&table, "%llu", (unsigned long long)reason->count);
        table_cell(&table, "%s", reason->column);
        table_cell(&table, "%s", reason->sentence);
        table_cell(&table, say("(first in line %llu)"), (unsigned long long)reason->line);
    }
    table_print(&table, stdout, 2);
}

static void result_json(const struct importing *importing)
{
    const struct import_rows *rows = &importing->rows;
    json_t *reasons = json_array();
    for (size_t i = 0; i < rows->reason_count; i++) {
        const struct import_reason *reason = &rows->reasons[i];
        json_array_append_new(reasons, json_pack("{s:I,s:s,s:s,s:I}", "count", (json_int_t)reason->count, "column",
                                                 reason->column, "reason", reason->sentence, "line", (json_int_t)reason->line));
    }
    json_t *reply = json_pack("{s:I,s:I,s:I,s:I,s:I,s:o}", "read", (json_int_t)rows->read, "created",
                              (json_int_t)importing->created, "known", (json_int_t)importing->known, "skipped",
                              (json_int_t)rows->skipped, "filtered", (json_int_t)rows->filtered, "reasons", reasons);
    cli_json(reply);
    json_decref(reply);
}

static int result_print(struct cli *cli, const struct importing *importing)
{
    const struct import_rows *rows = &importing->rows;
    if (cli->json) {
        result_json(importing);
    } else {
        printf(say("%llu rows read: %llu new complaints, %llu known already, %llu not ours, %llu left out\n"),
               (unsigned long long)rows->read, (unsigned long long)importing->created, (unsigned long long)importing->known,
               (unsigned long long)rows->filtered, (unsigned long long)rows->skipped);
        reasons_print(cli, rows);
    }
    return rows->skipped > 0 ? EXIT_FOUND : EXIT_FINE;
}

/* The whole file as memory; a spreadsheet of a million rows is a few hundred megabytes. */
static int file_map(const char *path, struct span *out_bytes)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        int error = fd < 0 ? errno : EINVAL;
        if (fd >= 0) {
            close(fd);
        }
        return cli_fail(EXIT_NO_SUCH, say("%s cannot be read (%s)"), path, strerror(error));
    }
    void *bytes = info.st_size > 0 ? mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    close(fd);
    if (bytes == MAP_FAILED) {
        return cli_fail(EXIT_STORE, say("%s cannot be read (%s)"), path, strerror(errno));
    }
    *out_bytes = span_of(bytes, (size_t)info.st_size);
    return EXIT_FINE;
}

static int file_import(struct cli *cli, const struct mapping *mapping, struct span bytes, int64_t lane)
{
    struct importing importing = {.lane = lane};
    struct scope_id scope = scope_of_node(cli->config.node);
    struct status status = import_rows_open(&importing.rows, mapping, scope, bytes, &cli->arena);
    int code = EXIT_FINE;
    if (!status_is_ok(status)) {
        code = cli_fail(EXIT_CONFIGURATION, "%s", importing.rows.problem);
    } else {
        code = rows_send(cli, &importing);
    }
    if (status_is_ok(status) && (code == EXIT_FINE || code == EXIT_FOUND)) {
        int result = result_print(cli, &importing);
        code = code == EXIT_FINE ? result : code;
    }
    import_rows_release(&importing.rows);
    return code;
}

int command_import(struct cli *cli)
{
    const char *path = cli_option(cli, OPT_MAPPING);
    const struct mapping *mapping = NULL;
    struct span bytes = {0};
    int64_t lane = LANE_DEFAULT;
    if (!path) {
        return cli_fail(EXIT_USAGE, say("say how the columns are complaints: --mapping FILE"));
    }
    if (!cli_number(cli, OPT_LANE, 1, 255, &lane)) {
        return EXIT_USAGE;
    }
    int code = cli_config(cli);
    code = code == EXIT_FINE ? cli_mapping(cli, path, &mapping) : code;
    code = code == EXIT_FINE ? file_map(cli->arguments[0], &bytes) : code;
    if (code != EXIT_FINE) {
        return code;
    }
    code = file_import(cli, mapping, bytes, lane);
    if (bytes.size > 0) {
        munmap((void *)(uintptr_t)bytes.data, bytes.size);
    }
    return code;
}
