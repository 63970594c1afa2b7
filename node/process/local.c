/* SPDX-License-Identifier: Apache-2.0 */
#include "node/process/local.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "node/base/clock.h"
#include "node/base/files.h"
#include "node/base/heap.h"
#include "node/crypto/crypto_openssl.h"
#include "node/pki/pki.h"
#include "node/store/generation.h"
#include "node/store/store_postgres.h"
#include "node/store/store_sqlite.h"
#include "sync/note.h"

enum { PATH_SIZE = 1024 };

/* A file beside the signing keys. */
static void path_beside_keys(const struct config *config, const char *name, char out_path[PATH_SIZE])
{
    const char *slash = strrchr(config->log_key, '/');
    int folder = slash ? (int)(slash - config->log_key) : 1;
    snprintf(out_path, PATH_SIZE, "%.*s/%s", folder, slash ? config->log_key : ".", name);
}

static void path_in_data(const struct config *config, const char *name, char out_path[PATH_SIZE])
{
    snprintf(out_path, PATH_SIZE, "%s/%s", config->data_dir, name);
}

static struct status folder_make(const char *path, char *problem, size_t problem_size)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST) {
        return status_ok();
    }
    snprintf(problem, problem_size, "the folder %s cannot be made (%s): make it, or name another in the configuration", path,
             strerror(errno));
    return STATUS_MAKE(STATUS_IO);
}

static bool file_is_there(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

/* `size` random bytes in a private file, made once. */
static struct status random_file_make(const char *path, size_t size, char *problem, size_t problem_size)
{
    uint8_t bytes[64];
    struct crypto *crypto = NULL;
    if (file_is_there(path)) {
        return status_ok();
    }
    TRY(crypto_openssl_new(NULL, &crypto, problem, problem_size));
    crypto->random(crypto->owner, bytes, size);
    crypto_openssl_free(crypto);
    struct status status = file_write(path, span_of(bytes, size), 0400);
    if (!status_is_ok(status)) {
        snprintf(problem, problem_size, "%s cannot be written: check the rights and the space of its folder", path);
    }
    return status;
}

static struct status random_file_read(const char *path, size_t size, uint8_t *out_bytes, char *problem,
                                      size_t problem_size)
{
    struct arena arena;
    struct span bytes;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    struct status status = file_read_private(path, size, &arena, &bytes);
    if (status_is_ok(status) && bytes.size != size) {
        status = STATUS_MAKE(STATUS_INVALID);
    }
    if (status_is_ok(status)) {
        memcpy(out_bytes, bytes.data, size);
    } else {
        snprintf(problem, problem_size, "%s cannot be used (%s): run `simpul init` on a new node, or restore the file from the "
                 "backup of the keys; it must be private (chmod 400)", path, status_name(status));
    }
    arena_release(&arena);
    return status;
}

static struct status keys_make(const struct config *config, char *problem, size_t problem_size)
{
    char folder[PATH_SIZE];
    path_beside_keys(config, "", folder);
    folder[strlen(folder) - 1] = 0;
    TRY(folder_make(folder, problem, problem_size));
    if (!file_is_there(config->log_key)) {
        TRY(pki_keys_create(folder, problem, problem_size));
    }
    char path[PATH_SIZE];
    path_beside_keys(config, "secret", path);
    return random_file_make(path, 32, problem, problem_size);
}

struct status local_init(const struct config *config, char *problem, size_t problem_size)
{
    char path[PATH_SIZE];
    TRY(folder_make(config->data_dir, problem, problem_size));
    TRY(keys_make(config, problem, problem_size));
    path_in_data(config, "instance", path);
    TRY(random_file_make(path, 16, problem, problem_size));
    struct local local;
    struct status status = local_open(config, &local);
    if (!status_is_ok(status)) {
        snprintf(problem, problem_size, "%s", local.problem);
        return status;
    }
    local_close(&local);
    return status_ok();
}

/* "<name>+<8 hex>+<base64 of type and key>": the key, if name and type are the expected ones. */
static bool verifier_key_parse(struct span line, struct span name, enum note_key_type type, struct arena *arena,
                               struct public_key *out_key)
{
    struct span bytes;
    if (line.size < name.size + 10 || memcmp(line.data, name.data, name.size) != 0 || line.data[name.size] != '+' ||
        line.data[name.size + 9] != '+') {
        return false;
    }
    struct span base64 = span_of(line.data + name.size + 10, line.size - name.size - 10);
    if (!status_is_ok(base64_read(base64, arena, &bytes)) || bytes.size != 33 || bytes.data[0] != type) {
        return false;
    }
    memcpy(out_key->bytes, bytes.data + 1, 32);
    return true;
}

static struct status hub_key_names(const struct config *config, struct arena *arena, struct span *out_log,
                                   struct span *out_cosigner)
{
    struct stream_id registry = {.node = config->hub, .epoch = 1};
    TRY(scope_id_parse(span_text("registry"), &registry.scope));
    TRY(origin_write(span_text(config->deployment), &registry, arena, out_log));
    return cosigner_name_write(span_text(config->deployment), config->hub, arena, out_cosigner);
}

struct status local_hub_keys_read(const struct config *config, struct arena *arena, struct public_key *out_log,
                                  struct public_key *out_cosigner, char *problem, size_t problem_size)
{
    struct span text;
    struct span log_name;
    struct span cosigner_name;
    struct status status = file_read(config->hub_key, 4096, arena, &text);
    if (!status_is_ok(status)) {
        snprintf(problem, problem_size, "%s cannot be read (%s): put the hub's keys there, as the ministry gives them "
                 "(`simpul pki hub-key` at the hub prints them)", config->hub_key, status_name(status));
        return status;
    }
    TRY(hub_key_names(config, arena, &log_name, &cosigner_name));
    bool have_log = false;
    bool have_cosigner = false;
    for (size_t at = 0; at < text.size;) {
        const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
        struct span line = span_of(text.data + at, end ? (size_t)(end - text.data) - at : text.size - at);
        have_log |= verifier_key_parse(line, log_name, NOTE_KEY_ED25519, arena, out_log);
        have_cosigner |= verifier_key_parse(line, cosigner_name, NOTE_KEY_COSIGNATURE, arena, out_cosigner);
        at += line.size + 1;
    }
    if (!have_log || !have_cosigner) {
        snprintf(problem, problem_size, "%s does not hold the two keys of the hub of deployment \"%s\": get the file of this "
                 "deployment from the ministry", config->hub_key, config->deployment);
        return STATUS_MAKE(STATUS_INVALID);
    }
    return status_ok();
}

struct status local_hub_keys_write(struct local *local, struct arena *arena, struct span *out_text)
{
    struct public_key log_key;
    struct public_key cosigner_key;
    struct span names[2];
    struct span lines[2];
    const struct crypto *crypto = local->crypto;
    TRY(crypto->public_key(crypto->owner, SIGN_LOG, &log_key));
    TRY(crypto->public_key(crypto->owner, SIGN_COSIGNER, &cosigner_key));
    TRY(hub_key_names(local->config, arena, &names[0], &names[1]));
    TRY(note_verifier_key(crypto, names[0], NOTE_KEY_ED25519, &log_key, arena, &lines[0]));
    TRY(note_verifier_key(crypto, names[1], NOTE_KEY_COSIGNATURE, &cosigner_key, arena, &lines[1]));
    struct buffer buffer;
    buffer_init(&buffer, arena);
    for (size_t i = 0; i < 2; i++) {
        buffer_add_span(&buffer, lines[i]);
        buffer_add_u8(&buffer, '\n');
    }
    return buffer_end(&buffer, out_text);
}

static struct status open_crypto(const struct config *config, struct local *local)
{
    char path[PATH_SIZE];
    struct crypto_key_files files = {.log = config->log_key, .cosigner = config->cosigner_key};
    TRY(crypto_openssl_new(&files, &local->crypto, local->problem, sizeof local->problem));
    path_beside_keys(config, "secret", path);
    TRY(random_file_read(path, sizeof local->secret, local->secret, local->problem, sizeof local->problem));
    path_in_data(config, "instance", path);
    return random_file_read(path, sizeof local->instance, local->instance, local->problem, sizeof local->problem);
}

/* A store that has once spoken knows whose it is; signed under another name, its log would be worth nothing to anybody. */
static struct status deployment_is_the_same(const struct config *config, struct local *local)
{
    struct span held = core_registry(local->core)->deployment;
    if (held.size == 0 || span_equal(held, span_text(config->deployment))) {
        return status_ok();
    }
    snprintf(local->problem, sizeof local->problem, "the store %s is of the deployment \"%.*s\", and the configuration says "
             "\"%s\": correct `deployment`, or begin a new store with another `data_dir`", local_store_name(config),
             (int)held.size, (const char *)held.data, config->deployment);
    return STATUS_MAKE(STATUS_INVALID);
}

static void damage_tell(const struct config *config, struct local *local)
{
    struct stream_id stream;
    uint32_t number = 0;
    struct fault fault = {0};
    char where[160] = "what was signed and what is stored differ";
    if (status_is_ok(core_find_damage(local->core, &stream, &number, &fault))) {
        snprintf(where, sizeof where, "stream %u (%.*s, epoch %u, about %.*s), entry %llu: %s", (unsigned)number,
                 (int)node_id_size(stream.node), stream.node.text, (unsigned)stream.epoch, (int)scope_id_size(stream.scope),
                 stream.scope.text, (unsigned long long)fault.at, fault.what);
    }
    snprintf(local->problem, sizeof local->problem, "the store %s is damaged or was changed by hand: %s. Keep a copy of the "
             "folder, put the last backup of it back and start again (what the hub holds comes back by itself); `simpul log "
             "verify` looks through all of it", local_store_name(config), where);
}

static struct status open_core(const struct config *config, struct local *local, struct arena *arena)
{
    struct core_options options = {.memory = memory_heap(),
                                   .crypto = local->crypto,
                                   .store = local->store,
                                   .deployment = span_text(config->deployment),
                                   .self = config->node,
                                   .hub = config->role == CONFIG_HUB ? config->node : config->hub,
                                   .in_doubt = local->in_doubt};
    memcpy(options.instance, local->instance, sizeof options.instance);
    if (config->role != CONFIG_HUB) {
        TRY(local_hub_keys_read(config, arena, &options.hub_log_key, &options.hub_cosigner_key, local->problem,
                                sizeof local->problem));
    }
    TRY(core_new(&options, &local->core));
    TRY(core_begin(local->core, (uint64_t)clock_now_ms()));
    TRY(deployment_is_the_same(config, local));
    struct status status = core_open(local->core);
    status = status_is_ok(status) ? core_commit(local->core) : status;
    if (status.code == STATUS_FORKED) {
        local->damaged = true;
        damage_tell(config, local);
        core_rollback(local->core);
    }
    return status;
}

const char *local_store_name(const struct config *config)
{
    return config->store_postgres ? "(database on PostgreSQL)" : config->store_path;
}

const char *local_store_problem(const struct local *local)
{
    return local->config->store_postgres ? store_postgres_problem(local->store) : store_sqlite_problem(local->store);
}

static struct status open_store(const struct config *config, struct local *local)
{
    if (!config->store_postgres) {
        return store_sqlite_open(config->store_path, memory_heap(), &local->store, local->problem, sizeof local->problem);
    }
    struct store_postgres_options options = {.source = config->store_postgres, .has_connectors = config->legacy_count > 0};
    memcpy(options.instance, local->instance, sizeof options.instance);
    return store_postgres_open(&options, memory_heap(), &local->store, local->problem, sizeof local->problem);
}

static struct status open_all(const struct config *config, struct local *local)
{
    struct arena arena;
    char path[PATH_SIZE];
    TRY(open_crypto(config, local));
    TRY(open_store(config, local));
    path_in_data(config, "generation", path); /* beside the database, never the database itself */
    struct generation_place place = {.path = path, .instance = config->store_postgres ? local->instance : NULL};
    TRY(store_generation_check(&place, local->store, &local->in_doubt));
    arena_init(&arena, memory_heap(), SIZE_MAX);
    struct status status = open_core(config, local, &arena);
    arena_release(&arena);
    return status;
}

struct status local_open(const struct config *config, struct local *out_local)
{
    TRY(local_open_log(config, out_local));
    if (out_local->damaged) {
        local_close(out_local);
        return STATUS_MAKE(STATUS_FORKED);
    }
    return status_ok();
}

struct status local_open_log(const struct config *config, struct local *out_local)
{
    *out_local = (struct local){.config = config};
    struct status status = open_all(config, out_local);
    status = out_local->damaged ? status_ok() : status;
    if (!status_is_ok(status)) {
        local_close(out_local);
        if (!out_local->problem[0]) {
            snprintf(out_local->problem, sizeof out_local->problem, "the store %s cannot be opened (%s)", local_store_name(config),
                     status_name(status));
        }
    }
    return status;
}

void local_close(struct local *local)
{
    if (local->core) {
        core_rollback(local->core);
    }
    core_free(local->core);
    if (local->store) {
        local->store->ops->free(local->store);
    }
    crypto_openssl_free(local->crypto);
    local->core = NULL;
    local->store = NULL;
    local->crypto = NULL;
}
