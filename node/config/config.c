/* SPDX-License-Identifier: Apache-2.0 */
#include "node/config/config.h"

#include <stdio.h>
#include <sys/un.h>

#include "proto/limits.h"

#define NAME_SIZE 32
#define DEPLOYMENT_SIZE 63

static const char *const ROLES[] = {"hub", "province", "regency", NULL};

const char *config_role_name(enum config_role role)
{
    return ROLES[role];
}

/* One run over the file. A failed allocation is remembered and told once at the end. */
struct reading {
    struct yaml_walk walk;
    const struct yaml_node *root;
    struct config *config;
    size_t before; /* problems of earlier files */
    bool no_memory;
};

static const char *join(struct reading *reading, const char *folder, const char *name)
{
    size_t folder_size = strlen(folder);
    size_t size = folder_size + 1 + strlen(name) + 1;
    char *path = arena_alloc(reading->walk.arena, size);
    if (!path) {
        reading->no_memory = true;
        return "";
    }
    snprintf(path, size, "%s%s%s", folder, folder_size > 0 && folder[folder_size - 1] != '/' ? "/" : "", name);
    return path;
}

/* Relative to the folder of the configuration file. */
static const char *resolve(struct reading *reading, const char *path)
{
    const char *slash = strrchr(reading->config->path, '/');
    if (path[0] == '/' || !slash) {
        return path;
    }
    size_t size = (size_t)(slash - reading->config->path) + 1;
    char *copy = arena_alloc(reading->walk.arena, size + 1);
    if (!copy) {
        reading->no_memory = true;
        return "";
    }
    memcpy(copy, reading->config->path, size);
    return join(reading, copy, path);
}

static const char *read_path(struct reading *reading, const struct yaml_node *node, const char *what,
                             const char *otherwise)
{
    const char *text;
    if (!yaml_text(&reading->walk, node, what, &text)) {
        return otherwise;
    }
    return resolve(reading, text);
}

static bool is_name(const char *text, const char *more, size_t size_max)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        bool letter = text[i] >= 'a' && text[i] <= 'z';
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (!letter && !digit && !strchr(more, text[i])) {
            return false;
        }
    }
    return size > 0 && size <= size_max;
}

static void read_node_id(struct reading *reading, const struct yaml_node *node, const char *what,
                         struct node_id *out_id)
{
    const char *text;
    if (!yaml_text(&reading->walk, node, what, &text)) {
        return;
    }
    if (!status_is_ok(node_id_parse(span_text(text), out_id))) {
        yaml_problem(&reading->walk, node, "A region's code in quotes, as in \"61.03\", or hub.",
                     "%s must be 1 to %d of the characters a-z, 0-9 and \".\".", yaml_say(&reading->walk, what), LIMIT_NODE_ID_SIZE);
    }
}

static void read_address(struct reading *reading, const struct yaml_node *listen, const char *key,
                         const char *otherwise, struct config_address *out_address)
{
    const struct yaml_node *node = yaml_get(listen, key);
    const char *text = otherwise;
    if (node && !yaml_text(&reading->walk, node, "The address", &text)) {
        return;
    }
    if (text && !config_address_parse(text, reading->walk.arena, out_address)) {
        yaml_problem(&reading->walk, node, "Write host and port, as in \"127.0.0.1:8480\"; the port is 0 to 65535.",
                     "\"%s\" is not an address to listen on.", text);
    }
}

/* Beside data_dir, which also says where the store is if nothing else does. */
static void read_store(struct reading *reading)
{
    static const char *const known[] = {"path", "postgres", "replica", NULL};
    struct config *config = reading->config;
    struct yaml_walk *walk = &reading->walk;
    const struct yaml_node *store = yaml_get(reading->root, "store");
    config->store_path = join(reading, config->data_dir, "simpul.db");
    if (!store || !yaml_is_map(walk, store, "\"store\"")) {
        return;
    }
    yaml_only_keys(walk, store, known, "\"store\"");
    const struct yaml_node *path = yaml_get(store, "path");
    const struct yaml_node *postgres = yaml_get(store, "postgres");
    if (path && postgres) {
        yaml_problem(walk, store, "Remove one of them.",
                     "The store is either a file (path) or a database of a PostgreSQL server (postgres).");
        return;
    }
    if (path) {
        config->store_path = read_path(reading, path, "The store's path", config->store_path);
    } else if (postgres && yaml_text(walk, postgres, "The store's connection string", &config->store_postgres)) {
        config->store_path = NULL;
    }
    const struct yaml_node *replica = yaml_get(store, "replica");
    if (replica && !postgres) {
        yaml_problem(walk, replica, "Remove it, or name the primary under postgres.", "Only a store on a PostgreSQL server has a replica.");
    } else if (replica) {
        (void)yaml_text(walk, replica, "The replica's connection string", &config->store_replica);
    }
}

static void read_identity(struct reading *reading)
{
    struct config *config = reading->config;
    struct yaml_walk *walk = &reading->walk;
    static const char *const languages[] = {"en", "id", NULL};
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    size_t index;
    if (yaml_word(walk, yaml_need(walk, reading->root, "role", "hub, province or regency"), "The role", ROLES,
                  &index)) {
        config->role = (enum config_role)index;
    }
    read_node_id(reading, yaml_need(walk, reading->root, "node", "the code of the region, or hub"), "The node",
                 &config->node);
    const struct yaml_node *deployment =
        yaml_need(walk, reading->root, "deployment", "the name that all nodes of one federation share");
    if (yaml_text(walk, deployment, "The deployment", &config->deployment) &&
        !is_name(config->deployment, ".-", DEPLOYMENT_SIZE)) {
        yaml_problem(walk, deployment, NULL,
                     "The deployment must be 1 to %d of the characters a-z, 0-9, \".\" and \"-\".", DEPLOYMENT_SIZE);
    }
    if (yaml_word(walk, yaml_get(reading->root, "language"), "The language", languages, &index)) {
        config->language = (enum config_language)index;
    }
    config->log_level = CONFIG_LOG_INFO;
    if (yaml_word(walk, yaml_get(reading->root, "log_level"), "The log level", levels, &index)) {
        config->log_level = (enum config_log_level)index;
    }
    config->zone_minutes = 420;
    config_zone(walk, yaml_get(reading->root, "zone"), &config->zone_minutes);
    config->holidays = read_path(reading, yaml_get(reading->root, "holidays"), "The file of holidays", NULL);
}

static void read_data_dir(struct reading *reading)
{
    struct config *config = reading->config;
    const struct yaml_node *node =
        yaml_need(&reading->walk, reading->root, "data_dir", "the folder for the store and the control socket");
    config->data_dir = read_path(reading, node, "The data_dir", "");
    config->socket_path = join(reading, config->data_dir, "simpul.sock");
    struct sockaddr_un address;
    if (strlen(config->socket_path) >= sizeof address.sun_path) {
        yaml_problem(&reading->walk, node, "Choose a folder with a shorter path.",
                     "The path of the control socket in data_dir is longer than %zu bytes.",
                     sizeof address.sun_path - 1);
    }
}

static void read_keys(struct reading *reading)
{
    static const char *const known[] = {"log_key",     "cosigner_key", "authority",
                                        "certificate", "private_key",  "server_certificate",
                                        "server_key",  "hub_key",      NULL};
    struct config *config = reading->config;
    const struct yaml_node *keys = yaml_get(reading->root, "keys");
    const char *folder = join(reading, config->data_dir, "keys");
    bool is_hub = config->role == CONFIG_HUB;
    if (yaml_is_map(&reading->walk, keys, "\"keys\"")) {
        yaml_only_keys(&reading->walk, keys, known, "\"keys\"");
    }
    const char *values[8];
    const char *names[8] = {
        "log.key",    "cosigner.key", "ca.pem", is_hub ? "server.pem" : "node.pem", is_hub ? "server.key" : "node.key",
        "server.pem", "server.key",   "hub.pub"};
    for (size_t i = 0; i < 8; i++) {
        values[i] = read_path(reading, yaml_get(keys, known[i]), "The path of a key", NULL);
        bool as_client = is_hub && (i == 5 || i == 6); /* the hub's one certificate is the server's */
        values[i] = values[i] ? values[i] : as_client ? values[i - 2] : join(reading, folder, names[i]);
    }
    config->log_key = values[0];
    config->cosigner_key = values[1];
    config->authority = values[2];
    config->certificate = values[3];
    config->private_key = values[4];
    config->server_certificate = values[5];
    config->server_key = values[6];
    config->hub_key = is_hub ? NULL : values[7];
}

static void read_hub(struct reading *reading)
{
    static const char *const known[] = {"url", "name", NULL};
    struct config *config = reading->config;
    struct yaml_walk *walk = &reading->walk;
    const struct yaml_node *hub = yaml_get(reading->root, "hub");
    memcpy(config->hub.text, "hub", 3);
    if (config->role == CONFIG_HUB) {
        if (hub) {
            yaml_problem(walk, hub, "Remove it, or set role to regency or province.",
                         "A hub has no hub above it, but \"hub\" is set.");
        }
        return;
    }
    if (!hub) {
        hub = yaml_need(walk, reading->root, "hub", "where the hub is (url, name)");
    }
    if (!yaml_is_map(walk, hub, "\"hub\"")) {
        return;
    }
    yaml_only_keys(walk, hub, known, "\"hub\"");
    const struct yaml_node *url = yaml_need(walk, hub, "url", "https://, the hub's name and port");
    if (yaml_text(walk, url, "The url", &config->hub_url) && !config_url_is_valid(config->hub_url)) {
        yaml_problem(walk, url, "As in \"https://hub.example.go.id:8443\".",
                     "The url must be https://, a host and if needed a port, without a path.");
    }
    read_node_id(reading, yaml_get(hub, "name"), "The hub's name", &config->hub);
}

static void read_listen(struct reading *reading)
{
    static const char *const known[] = {"sync", "admin", "page", NULL};
    struct config *config = reading->config;
    const struct yaml_node *listen = yaml_get(reading->root, "listen");
    bool is_node = config->role == CONFIG_REGENCY;
    if (yaml_is_map(&reading->walk, listen, "\"listen\"")) {
        yaml_only_keys(&reading->walk, listen, known, "\"listen\"");
    }
    if (is_node && yaml_get(listen, "sync")) {
        yaml_problem(&reading->walk, yaml_get(listen, "sync"), "Remove it: a regency only opens connections outward.",
                     "A regency does not listen for other nodes.");
    }
    read_address(reading, listen, "sync", is_node ? NULL : "0.0.0.0:8443", &config->listen_sync);
    read_address(reading, listen, "admin", "127.0.0.1:8480", &config->listen_admin);
    read_address(reading, listen, "page", NULL, &config->listen_page);
}

/* "HH:MM". */
static void read_compare(struct reading *reading, const struct yaml_node *node, uint32_t *out_minute)
{
    const char *text;
    unsigned hour, minute;
    char rest;
    if (!yaml_text(&reading->walk, node, "The time of the comparison", &text)) {
        return;
    }
    if (strlen(text) != 5 || text[2] != ':' || sscanf(text, "%2u:%2u%c", &hour, &minute, &rest) != 2 || hour > 23 ||
        minute > 59) {
        yaml_problem(&reading->walk, node, "Write hour and minute in quotes, as in \"02:00\".",
                     "The time of the comparison must be from \"00:00\" to \"23:59\".");
        return;
    }
    *out_minute = hour * 60 + minute;
}

static void read_source(struct reading *reading, const struct yaml_node *item, struct config_legacy *legacy)
{
    bool is_sqlite = legacy->kind == LEGACY_SQLITE;
    const char *wanted = is_sqlite ? "path" : "dsn";
    const struct yaml_node *other = yaml_get(item, is_sqlite ? "dsn" : "path");
    if (other) {
        yaml_problem(&reading->walk, other, is_sqlite ? "SQLite: path." : "PostgreSQL: dsn.",
                     "A legacy system of this kind is found by \"%s\".", wanted);
        return;
    }
    const struct yaml_node *node =
        yaml_need(&reading->walk, item, wanted,
                  is_sqlite ? "the SQLite file" : "a connection string, as in \"host=... dbname=...\"");
    if (yaml_text(&reading->walk, node, "The legacy database", &legacy->source) && is_sqlite) {
        legacy->source = resolve(reading, legacy->source);
    }
}

static void read_legacy_entry(struct reading *reading, const struct yaml_node *item, struct config_legacy *legacy)
{
    static const char *const known[] = {"name", "kind", "path", "dsn", "mapping", "lane", "poll", "compare", NULL};
    static const char *const kinds[] = {"sqlite", "postgres", NULL};
    struct yaml_walk *walk = &reading->walk;
    size_t kind;
    int64_t lane;
    *legacy = (struct config_legacy){.name = "",
                                     .source = "",
                                     .mapping = "",
                                     .poll_ms = 200,
                                     .compare_minute = 120,
                                     .line = item->line,
                                     .column = item->column};
    if (!yaml_is_map(walk, item, "A legacy system")) {
        return;
    }
    yaml_only_keys(walk, item, known, "a legacy system");
    const struct yaml_node *name = yaml_need(walk, item, "name", "how this connector is called");
    if (yaml_text(walk, name, "The name", &legacy->name) && !is_name(legacy->name, "-", NAME_SIZE)) {
        yaml_problem(walk, name, NULL, "The name must be 1 to %d of the characters a-z, 0-9 and \"-\".", NAME_SIZE);
    }
    if (yaml_word(walk, yaml_need(walk, item, "kind", "sqlite or postgres"), "The kind", kinds, &kind)) {
        legacy->kind = (enum legacy_kind)kind;
        read_source(reading, item, legacy);
    }
    legacy->mapping = read_path(reading, yaml_need(walk, item, "mapping", "the mapping file"), "The mapping", "");
    const struct yaml_node *lane_node =
        yaml_need(walk, item, "lane", "a number from 1 that this connector keeps for good");
    if (yaml_integer(walk, lane_node, "The lane", 1, UINT32_MAX, &lane)) {
        legacy->lane = (uint32_t)lane;
    }
    yaml_duration(walk, yaml_get(item, "poll"), "poll", 10, 3600000, &legacy->poll_ms);
    read_compare(reading, yaml_get(item, "compare"), &legacy->compare_minute);
}

static void check_twins(struct reading *reading, const struct yaml_node *list, const struct config_legacy *legacy,
                        size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (legacy[i].lane != 0 && legacy[i].lane == legacy[j].lane) {
            yaml_problem(&reading->walk, yaml_get(list->items[i], "lane"), "Give each connector a lane of its own.",
                         "The lane %u is already used in line %u.", legacy[i].lane, legacy[j].line);
        }
        if (legacy[i].name[0] != 0 && strcmp(legacy[i].name, legacy[j].name) == 0) {
            yaml_problem(&reading->walk, yaml_get(list->items[i], "name"), NULL,
                         "The name \"%s\" is already used in line %u.", legacy[i].name, legacy[j].line);
        }
    }
}

static void read_legacy(struct reading *reading)
{
    const struct yaml_node *list = yaml_get(reading->root, "legacy");
    if (!list || list->kind == YAML_NULL || !yaml_is_list(&reading->walk, list, "\"legacy\"")) {
        return;
    }
    if (list->count > LIMIT_LEGACY_COUNT) {
        yaml_problem(&reading->walk, list, NULL, "More than %d legacy systems in one process.", LIMIT_LEGACY_COUNT);
        return;
    }
    struct config_legacy *legacy = arena_array(reading->walk.arena, list->count + 1, sizeof *legacy);
    if (!legacy) {
        reading->no_memory = true;
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        read_legacy_entry(reading, list->items[i], &legacy[i]);
        check_twins(reading, list, legacy, i);
    }
    reading->config->legacy = legacy;
    reading->config->legacy_count = list->count;
}

static struct status read_all(struct reading *reading, struct config *out_config)
{
    static const char *const known[] = {"role",      "node", "deployment", "data_dir", "store",  "language",
                                        "log_level", "zone", "keys",       "hub",      "listen", "legacy",
                                        "holidays",  NULL};
    struct config config = {.path = reading->walk.file, .role = CONFIG_REGENCY};
    reading->config = &config;
    if (reading->root->kind == YAML_NULL) {
        yaml_problem(&reading->walk, NULL, "Begin with deploy/samples/regency.yaml.", "The file is empty.");
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (!yaml_is_map(&reading->walk, reading->root, "The configuration")) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    yaml_only_keys(&reading->walk, reading->root, known, "the configuration");
    read_identity(reading);
    read_data_dir(reading);
    read_store(reading);
    read_keys(reading);
    read_hub(reading);
    read_listen(reading);
    read_legacy(reading);
    if (reading->no_memory) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    if (problems_total(reading->walk.problems) > reading->before) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_config = config;
    return status_ok();
}

struct status config_parse(const char *path, struct span source, struct arena *arena, struct problems *problems,
                           struct config *out_config)
{
    struct reading reading = {.before = problems_total(problems)};
    struct status parsed = yaml_parse(path, source, arena, problems, &reading.walk, &reading.root);
    if (!status_is_ok(parsed) && !reading.root) {
        return parsed;
    }
    TRY(read_all(&reading, out_config));
    return parsed;
}

enum config_language config_language(const char *path, struct arena *arena)
{
    struct problems ignored;
    struct yaml_walk walk;
    const struct yaml_node *root = NULL;
    problems_init(&ignored, arena);
    struct status parsed = yaml_load(path, arena, &ignored, &walk, &root);
    const struct yaml_node *language = status_is_ok(parsed) || root ? yaml_get(root, "language") : NULL;
    bool indonesian = language && language->kind == YAML_TEXT && strcmp(language->text, "id") == 0;
    return indonesian ? CONFIG_INDONESIAN : CONFIG_ENGLISH;
}

struct status config_load(const char *path, struct arena *arena, struct problems *problems, struct config *out_config)
{
    struct reading reading = {.before = problems_total(problems)};
    struct status parsed = yaml_load(path, arena, problems, &reading.walk, &reading.root);
    if (!status_is_ok(parsed) && !reading.root) {
        return parsed;
    }
    TRY(read_all(&reading, out_config));
    return parsed;
}
