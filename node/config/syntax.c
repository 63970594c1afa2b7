/* SPDX-License-Identifier: Apache-2.0 */
#include "node/config/config.h"

#define HOST_SIZE 253

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_host_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.';
}

static bool is_hex_or_colon(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

/* Decimal, at most 65535, nothing behind it. */
static bool scan_port(const char *text, uint16_t *out_port)
{
    uint32_t value = 0;
    size_t digits = 0;
    for (; is_digit(text[digits]); digits++) {
        if (digits == 5) {
            return false;
        }
        value = value * 10 + (uint32_t)(text[digits] - '0');
    }
    if (digits == 0 || text[digits] != 0 || value > UINT16_MAX) {
        return false;
    }
    *out_port = (uint16_t)value;
    return true;
}

/* A name, an IPv4 address or an IPv6 address in brackets; *out_end is behind it. */
static bool scan_host(const char *text, const char **out_host, size_t *out_size, const char **out_end)
{
    bool bracket = text[0] == '[';
    const char *host = bracket ? text + 1 : text;
    size_t size = 0;
    while (bracket ? is_hex_or_colon(host[size]) : is_host_char(host[size])) {
        size++;
    }
    if (size > HOST_SIZE || (bracket && (host[size] != ']' || size < 2))) {
        return false;
    }
    *out_host = host;
    *out_size = size;
    *out_end = host + size + (bracket ? 1 : 0);
    return true;
}

bool config_address_parse(const char *text, struct arena *arena, struct config_address *out_address)
{
    const char *host;
    const char *end;
    size_t size;
    uint16_t port;
    if (!scan_host(text, &host, &size, &end) || *end != ':' || !scan_port(end + 1, &port)) {
        return false;
    }
    char *copy = arena_alloc(arena, size + 1);
    if (!copy) {
        return false;
    }
    memcpy(copy, host, size);
    *out_address = (struct config_address){.host = copy, .port = port};
    return true;
}

bool config_url_is_valid(const char *text)
{
    static const char scheme[] = "https://";
    const char *host;
    const char *end;
    size_t size;
    uint16_t port = 443;
    if (strncmp(text, scheme, sizeof scheme - 1) != 0 || !scan_host(text + sizeof scheme - 1, &host, &size, &end) ||
        size == 0) {
        return false;
    }
    if (*end == ':') {
        return scan_port(end + 1, &port) && port > 0;
    }
    return *end == 0;
}

/* "+07:00", "-08:00", "+7" is not enough. */
static bool scan_offset(const char *text, int32_t *out_minutes)
{
    if ((text[0] != '+' && text[0] != '-') || strlen(text) != 6 || !is_digit(text[1]) || !is_digit(text[2]) ||
        text[3] != ':' || !is_digit(text[4]) || !is_digit(text[5])) {
        return false;
    }
    int32_t hours = (text[1] - '0') * 10 + (text[2] - '0');
    int32_t minutes = (text[4] - '0') * 10 + (text[5] - '0');
    if (hours > 14 || minutes > 59) {
        return false;
    }
    *out_minutes = (text[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

bool config_zone(struct yaml_walk *walk, const struct yaml_node *node, int32_t *out_minutes)
{
    static const char *const words[] = {
        "WIB", "WITA", "WIT", "UTC", "Asia/Jakarta", "Asia/Pontianak", "Asia/Makassar", "Asia/Jayapura", NULL};
    static const int32_t minutes[] = {420, 480, 540, 0, 420, 420, 480, 540};
    const char *text;
    size_t index;
    if (!node || (node->kind == YAML_TEXT && scan_offset(node->text, out_minutes))) {
        return node != NULL;
    }
    if (node->kind == YAML_TEXT && !yaml_nearest(node->text, words)) {
        yaml_problem(walk, node, "Write WIB, WITA, WIT, UTC, Asia/Jakarta, or an offset as in \"+07:00\".",
                     "The time zone \"%s\" is not known.", node->text);
        return false;
    }
    if (!yaml_text(walk, node, "The time zone", &text) || !yaml_word(walk, node, "The time zone", words, &index)) {
        return false;
    }
    *out_minutes = minutes[index];
    return true;
}
