/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CONFIG_CONFIG_H
#define NODE_CONFIG_CONFIG_H

#include "node/config/yaml.h"
#include "proto/ids.h"

/* The one configuration file of a process (deploy/samples/hub.yaml, regency.yaml say each line in words). Read once at
 * start; all mistakes are reported together. Relative paths are relative to the folder of the file; everything lives in
 * the caller's arena. Proved by tests/unit/config/test_config.c. */

enum config_role {
    CONFIG_HUB,
    CONFIG_PROVINCE,
    CONFIG_REGENCY,
};

enum config_language {
    CONFIG_ENGLISH,
    CONFIG_INDONESIAN,
};

enum config_log_level {
    CONFIG_LOG_DEBUG,
    CONFIG_LOG_INFO,
    CONFIG_LOG_WARN,
    CONFIG_LOG_ERROR,
};

enum legacy_kind {
    LEGACY_SQLITE,
    LEGACY_POSTGRES,
};

/* An address to listen on. "127.0.0.1:8480", "[::1]:8480", ":8480" (all addresses), "localhost:0" (any free port). */
struct config_address {
    const char *host; /* NULL: this listener is not configured; "" all addresses */
    uint16_t port;    /* 0: choose a free one */
};

struct config_legacy {
    const char *name; /* [a-z0-9-], at most 32: names the connector in the CLI and in logs */
    enum legacy_kind kind;
    const char *source;  /* path of the SQLite file, or a libpq connection string (may hold a password: never log it) */
    const char *mapping; /* path of the mapping file */
    uint32_t lane;       /* 1...: kept for good (connector.md) */
    int64_t poll_ms;
    uint32_t compare_minute; /* minute of the local day at which the full comparison begins */
    uint32_t line, column;   /* of this entry in the file */
};

struct config {
    const char *path; /* of the file itself */
    enum config_role role;
    struct node_id node;
    const char *deployment; /* [a-z0-9.-], in every checkpoint's origin */
    enum config_language language;
    enum config_log_level log_level;
    int32_t zone_minutes; /* east of UTC */
    const char *holidays; /* path of a file of days off, or NULL */

    const char *data_dir;
    const char *store_path;  /* of the SQLite file: `store: {path: ...}`, else data_dir/simpul.db; NULL on PostgreSQL */
    const char *store_replica;  /* with it `replica: ...`: another one, of a standby that the screens read from; NULL: none */
    const char *store_postgres; /* `store: {postgres: ...}`: a libpq connection string (may hold a password: never log it) */
    const char *socket_path; /* data_dir/simpul.sock, at most 107 bytes */

    /* Key and certificate files, PEM, as `simpul pki` makes them; by default under data_dir/keys. */
    const char *log_key;      /* Ed25519, signs the node's checkpoints; keys/log.key */
    const char *cosigner_key; /* Ed25519, cosigns the checkpoints of others; keys/cosigner.key */
    const char *authority;    /* the deployment's certificate authority; keys/ca.pem */
    const char
        *certificate; /* shown to the hub (regency, province), or to callers (hub); keys/node.pem, keys/server.pem */
    const char *private_key; /* keys/node.key, keys/server.key */
    const char
        *server_certificate; /* shown to callers: at the hub the same as certificate; province: keys/server.pem */
    const char *server_key;
    const char *hub_key; /* public key of the hub's log; keys/hub.pub. NULL at the hub */

    const char *hub_url; /* https://host[:port], no path; NULL at the hub */
    struct node_id hub;  /* name expected in the hub's certificate; default "hub" */

    struct config_address listen_sync;  /* hub, province */
    struct config_address listen_admin; /* /healthz, /readyz, /metrics; default 127.0.0.1:8480 */
    struct config_address listen_page;  /* the hub's page */

    const struct config_legacy *legacy;
    size_t legacy_count;
};

/* The language that a configuration names, however faulty the rest of it is: its mistakes are told in it. English where it
 * names none or cannot be read. */
enum config_language config_language(const char *path, struct arena *arena);
/* INVALID with every mistake in `problems`; NO_MEMORY. The mapping files are not read here. */
struct status config_load(const char *path, struct arena *arena, struct problems *problems,
                          struct config *out_config) MUST_CHECK;
/* The same for text in memory; `path` names it and gives the folder of relative paths. */
struct status config_parse(const char *path, struct span source, struct arena *arena, struct problems *problems,
                           struct config *out_config) MUST_CHECK;

const char *config_role_name(enum config_role role);

/* Syntax of single values, for the CLI too. */
bool config_address_parse(const char *text, struct arena *arena, struct config_address *out_address);
bool config_url_is_valid(const char *text);

/* "WIB", "WITA", "WIT", "UTC", Asia/Jakarta, Pontianak, Makassar or Jayapura, or "+07:00". Shared with the mapping. */
bool config_zone(struct yaml_walk *walk, const struct yaml_node *node, int32_t *out_minutes);

#endif
