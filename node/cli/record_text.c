/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/cli.h"
#include "node/cli/print.h"
#include "node/cli/text.h"

static const char *member(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "";
}

const json_t *record_register_json(const json_t *record, const char *name, const char *part)
{
    const json_t *registers = json_object_get(record, "registers");
    for (size_t i = 0; i < json_array_size(registers); i++) {
        const json_t *reg = json_array_get(registers, i);
        const char *reg_part = json_string_value(json_object_get(reg, "part"));
        bool same_part = part ? reg_part && strcmp(part, reg_part) == 0 : !reg_part;
        if (same_part && strcmp(member(reg, "register"), name) == 0) {
            return reg;
        }
    }
    return NULL;
}

/* ---- values ---- */

static void value_add(struct cli *cli, struct buffer *buffer, const json_t *value);

static void text_add(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

/* A time in milliseconds stands in an object as NAME_ms. */
static void member_add(struct cli *cli, struct buffer *buffer, const char *name, const json_t *value)
{
    size_t size = strlen(name);
    if (size > 3 && strcmp(name + size - 3, "_ms") == 0 && json_is_integer(value)) {
        char time[PRINT_TIME_SIZE];
        print_time((int64_t)json_integer_value(value), cli->config.zone_minutes, time);
        buffer_add(buffer, name, size - 3);
        text_add(buffer, ": ");
        text_add(buffer, time);
    } else {
        text_add(buffer, name);
        text_add(buffer, ": ");
        value_add(cli, buffer, value);
    }
}

static bool is_nothing(const json_t *value)
{
    return (json_is_string(value) && json_string_length(value) == 0) || (json_is_number(value) && json_number_value(value) == 0);
}

static void object_add(struct cli *cli, struct buffer *buffer, const json_t *value)
{
    const char *system = json_string_value(json_object_get(value, "system"));
    const char *name;
    json_t *one;
    bool first = true;
    if (system) {
        text_add(buffer, system);
        text_add(buffer, " ");
        text_add(buffer, member(value, "key"));
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)value, name, one)
    {
        if (!is_nothing(one)) {
            text_add(buffer, first ? "" : ", ");
            member_add(cli, buffer, name, one);
            first = false;
        }
    }
}

/* "2026-11-21T09:41:07.000Z" as a local time; false for other text. */
static bool time_add(struct cli *cli, struct buffer *buffer, const char *text)
{
    static const char form[] = "0000-00-00T00:00:00.000Z";
    unsigned part[7];
    char shown[PRINT_TIME_SIZE];
    for (size_t i = 0; i < sizeof form; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == '0' ? !digit : text[i] != form[i]) {
            return false;
        }
    }
    if (sscanf(text, "%4u-%2u-%2uT%2u:%2u:%2u.%3uZ", &part[0], &part[1], &part[2], &part[3], &part[4], &part[5], &part[6]) != 7) {
        return false;
    }
    /* Days since 1970 (civil calendar, March-based years). */
    int64_t year = (int64_t)part[0] - (part[1] <= 2 ? 1 : 0);
    int64_t era = year / 400;
    int64_t of_era = year - era * 400;
    int64_t day = (153 * ((int64_t)part[1] + (part[1] > 2 ? -3 : 9)) + 2) / 5 + (int64_t)part[2] - 1;
    int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day - 719468;
    int64_t ms = ((days * 24 + part[3]) * 60 + part[4]) * 60000 + (int64_t)part[5] * 1000;
    print_time(ms, cli->config.zone_minutes, shown);
    text_add(buffer, shown);
    return true;
}

static void value_add(struct cli *cli, struct buffer *buffer, const json_t *value)
{
    char number[32];
    switch (json_typeof(value)) {
    case JSON_STRING:
        text_add(buffer, json_string_value(value));
        break;
    case JSON_TRUE:
        text_add(buffer, say("yes"));
        break;
    case JSON_FALSE:
        text_add(buffer, say("no"));
        break;
    case JSON_INTEGER:
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        text_add(buffer, number);
        break;
    case JSON_REAL:
        snprintf(number, sizeof number, "%.7g", json_real_value(value));
        text_add(buffer, number);
        break;
    case JSON_ARRAY:
        for (size_t i = 0; i < json_array_size(value); i++) {
            text_add(buffer, i == 0 ? "" : "; ");
            object_add(cli, buffer, json_array_get(value, i));
        }
        break;
    case JSON_OBJECT:
        object_add(cli, buffer, value);
        break;
    case JSON_NULL:
        text_add(buffer, say("(erased, or not here)"));
        break;
    }
}

/* As one text, visible, further lines indented. A register of type time is shown in local form; text that only looks
 * like a time is text. */
static const char *value_text(struct cli *cli, const json_t *value, const char *name, size_t indent)
{
    struct buffer buffer;
    struct span bytes;
    buffer_init(&buffer, &cli->arena);
    bool is_time = strncmp(name, "time_", 5) == 0 || strcmp(name, "note_at") == 0 || strcmp(name, "at") == 0;
    if (!is_time || !json_is_string(value) || !time_add(cli, &buffer, json_string_value(value))) {
        value_add(cli, &buffer, value);
    }
    buffer_add_u8(&buffer, 0);
    return status_is_ok(buffer_end(&buffer, &bytes)) ? print_visible((const char *)bytes.data, indent, &cli->arena) : "";
}

/* ---- registers ---- */

static void sibling_print(struct cli *cli, const json_t *sibling, const char *name, size_t number)
{
    char time[PRINT_TIME_SIZE];
    const json_t *by = json_object_get(sibling, "by");
    print_time((int64_t)json_integer_value(json_object_get(sibling, "at_ms")), cli->config.zone_minutes, time);
    printf("     %2zu  %s\n", number, value_text(cli, json_object_get(sibling, "value"), name, 9));
    printf("         %s, %s, %s%s%s\n", member(by, "node"), say(member(sibling, "role")), time,
           json_is_true(json_object_get(sibling, "stale")) ? say(", from a form opened earlier") : "",
           json_is_true(json_object_get(sibling, "late")) ? say(", written by the former owner") : "");
}

static void register_print(struct cli *cli, const json_t *reg)
{
    const json_t *siblings = json_object_get(reg, "siblings");
    const char *name = member(reg, "register");
    bool conflict = json_is_true(json_object_get(reg, "conflict"));
    printf("  %-14s %s\n", name, value_text(cli, json_object_get(reg, "value"), name, 17));
    if (!conflict) {
        const json_t *only = json_array_get(siblings, 0);
        char time[PRINT_TIME_SIZE];
        print_time((int64_t)json_integer_value(json_object_get(only, "at_ms")), cli->config.zone_minutes, time);
        printf("                 %s, %s, %s\n", member(json_object_get(only, "by"), "node"), say(member(only, "role")), time);
        return;
    }
    printf(json_is_true(json_object_get(reg, "person")) ? say("     written differently; somebody has to decide:\n")
                                                        : say("     written differently (for information):\n"));
    for (size_t i = 0; i < json_array_size(siblings); i++) {
        sibling_print(cli, json_array_get(siblings, i), name, i + 1);
    }
}

static void history_print(struct cli *cli, const json_t *history)
{
    struct table table;
    table_init(&table, &cli->arena, 4);
    for (size_t i = 0; i < json_array_size(history); i++) {
        const json_t *entry = json_array_get(history, i);
        const json_t *by = json_object_get(entry, "by");
        table_cell(&table, "%s", member(entry, "kind"));
        table_cell(&table, say("%s, writer %lld.%lld"), member(by, "node"), (long long)json_integer_value(json_object_get(by, "epoch")),
                   (long long)json_integer_value(json_object_get(by, "lane")));
        table_cell(&table, say("log %lld, entry %lld"), (long long)json_integer_value(json_object_get(entry, "stream")),
                   (long long)json_integer_value(json_object_get(entry, "seq")));
        table_cell(&table, "%s", strcmp(member(entry, "state"), "applied") == 0 ? "" : say(member(entry, "state")));
    }
    printf(say("\nHistory (`simpul log show` opens an entry)\n"));
    table_print(&table, stdout, 2);
}

void record_print(struct cli *cli, const json_t *record, bool conflicts_only)
{
    const json_t *registers = json_object_get(record, "registers");
    const char *part = "";
    printf(say("Complaint %s, belongs to %s, made by %s%s\n"), member(record, "id"), member(record, "owner"),
           member(record, "maker"), json_is_true(json_object_get(record, "withdrawn")) ? say(", withdrawn") : "");
    size_t shown = 0;
    for (size_t i = 0; i < json_array_size(registers); i++) {
        const json_t *reg = json_array_get(registers, i);
        if (conflicts_only && !json_is_true(json_object_get(reg, "conflict"))) {
            continue;
        }
        if (strcmp(part, member(reg, "part")) != 0) {
            part = member(reg, "part");
            printf(say("\nFollow-up %s\n"), part);
        }
        register_print(cli, reg);
        shown++;
    }
    if (conflicts_only && shown == 0) {
        printf(say("  nothing differs\n"));
    }
    if (!conflicts_only) {
        history_print(cli, json_object_get(record, "history"));
    }
}
