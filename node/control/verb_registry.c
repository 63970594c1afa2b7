/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/exit.h"
#include "node/control/verbs.h"
#include "node/pki/pki.h"
#include "node/process/local.h"
#include "node/region/region.h"

/* registry.request (a node's public facts), registry.add (at the hub), registry.list, registry.hub_key. */

static json_t *bytes_hex(const uint8_t bytes[32])
{
    struct hash hash;
    memcpy(hash.bytes, bytes, sizeof hash.bytes);
    return json_hash(hash);
}

static bool hex_bytes(const json_t *json, uint8_t out_bytes[32])
{
    const char *text = json_string_value(json);
    struct record_id half;
    for (size_t i = 0; i < 2; i++) {
        if (!text || strlen(text) != 64 || !status_is_ok(record_id_parse(span_of(text + 32 * i, 32), &half))) {
            return false;
        }
        memcpy(out_bytes + 16 * i, half.bytes, 16);
    }
    return true;
}

/* What the ministry needs to register this node: its id, epoch and public keys. Nothing secret. */
static struct status request_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    (void)arena;
    const struct local *local = verb->host->local;
    const struct crypto *crypto = local->crypto;
    struct pki_facts facts;
    struct public_key log_key;
    struct public_key cosigner_key;
    struct status status = pki_certificate_facts(local->config->certificate, 0, &facts, verb->answer->problem,
                                                 sizeof verb->answer->problem);
    if (!status_is_ok(status)) {
        verb->answer->code = EXIT_CONFIGURATION;
        return status;
    }
    TRY(crypto->public_key(crypto->owner, SIGN_LOG, &log_key));
    TRY(crypto->public_key(crypto->owner, SIGN_COSIGNER, &cosigner_key));
    const char *name = json_string_value(json_object_get(verb->arguments, "name"));
    verb->answer->reply =
        json_pack("{s:s,s:o,s:s,s:i,s:o,s:o,s:o}", "deployment", local->config->deployment, "node",
                  json_node(local->config->node), "name", name ? name : "", "epoch", (int)core_epoch(core), "log_key",
                  bytes_hex(log_key.bytes), "cosigner_key", bytes_hex(cosigner_key.bytes), "tls_key",
                  bytes_hex(facts.spki_sha256));
    return status_ok();
}

static void request_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, true, request_run);
}

static struct status add_key(struct core *core, struct node_id node, enum key_use use, uint32_t epoch, const uint8_t key[32])
{
    uint8_t held[32];
    if (status_is_ok(registry_key(core_registry(core), node, use, UINT32_MAX, held)) && memcmp(held, key, 32) == 0) {
        return status_ok();
    }
    struct registry_entry entry = {
        .kind = KIND_REG_KEY, .node = node, .epoch = epoch, .key_use = use, .key = span_of(key, 32), .active = true};
    return core_registry_add(core, &entry);
}

struct request {
    struct node_id node;
    const char *name;
    uint32_t epoch;
    uint8_t keys[3][32]; /* log, cosigner, TLS */
    enum institution institution;
};

static struct status request_read(struct verb_job *verb, struct request *out_request)
{
    const json_t *json = json_object_get(verb->arguments, "request");
    const char *node = json_string_value(json_object_get(json, "node"));
    const char *deployment = json_string_value(json_object_get(json, "deployment"));
    const char *name = json_string_value(json_object_get(json, "name"));
    struct request request = {.name = name ? name : "",
                              .epoch = (uint32_t)json_integer_value(json_object_get(json, "epoch")),
                              .institution = argument_flag(verb->arguments, "province") ? INSTITUTION_PROVINCE
                                                                                        : INSTITUTION_REGENCY};
    if (!node || !status_is_ok(node_id_parse(span_text(node), &request.node)) || request.epoch == 0 ||
        !hex_bytes(json_object_get(json, "log_key"), request.keys[0]) ||
        !hex_bytes(json_object_get(json, "cosigner_key"), request.keys[1]) ||
        !hex_bytes(json_object_get(json, "tls_key"), request.keys[2])) {
        answer_problem(verb->answer, EXIT_USAGE, "the file is no registration request: make it with `simpul pki request`");
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (!deployment || strcmp(deployment, verb->host->local->config->deployment) != 0) {
        answer_problem(verb->answer, EXIT_REFUSED, "the request is for another deployment: that node's configuration names "
                                                   "\"%.60s\", this hub is \"%.60s\"",
                       deployment ? deployment : "", verb->host->local->config->deployment);
        return STATUS_MAKE(STATUS_DENIED);
    }
    *out_request = request;
    return status_ok();
}

/* The node of the province that a region lies in today, by the catalogue; none for what is no region, or a province itself. */
static struct node_id province_of(struct node_id id)
{
    struct region province;
    struct node_id parent = {{0}};
    struct span code = span_of(id.text, node_id_size(id));
    if (region_province(code, &province) && !span_equal(code, province.code) && !status_is_ok(node_id_parse(province.code, &parent))) {
        parent = (struct node_id){{0}};
    }
    return parent;
}

/* Regencies that were registered without a province become those of this one: it reads their streams from then on. */
static struct status regencies_adopt(struct core *core, struct node_id province)
{
    const struct registry *registry = core_registry(core);
    for (size_t i = 0; i < registry->node_count; i++) { /* no node is added in between: the places stay */
        const struct registry_node *node = &registry->nodes[i];
        struct registry_entry entry = {.kind = KIND_REG_NODE, .node = node->id, .name = node->name, .institution = node->institution,
                                       .parent = province, .active = node->active};
        if (node->institution == INSTITUTION_REGENCY && node_id_size(node->parent) == 0 && node_id_equal(province_of(node->id), province)) {
            TRY(core_registry_add(core, &entry));
        }
    }
    return status_ok();
}

static struct status add_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    (void)arena;
    static const enum key_use uses[] = {KEY_LOG, KEY_COSIGNER, KEY_TLS};
    struct request request;
    if (verb->host->local->config->role != CONFIG_HUB) {
        answer_problem(verb->answer, EXIT_REFUSED, "nodes are registered at the hub");
        return STATUS_MAKE(STATUS_DENIED);
    }
    TRY(request_read(verb, &request));
    const struct registry *registry = core_registry(core);
    if (!registry_node(registry, registry->size, request.node)) {
        struct registry_entry node = {.kind = KIND_REG_NODE,
                                      .node = request.node,
                                      .name = span_text(request.name),
                                      .institution = request.institution,
                                      .parent = province_of(request.node),
                                      .active = true};
        struct registry_entry roles = {.kind = KIND_REG_ROLE,
                                       .node = request.node,
                                       .roles = request.institution == INSTITUTION_REGENCY
                                                    ? 1u << ROLE_CLERK | 1u << ROLE_ADMIN | 1u << ROLE_AUTOMATIC
                                                    : 1u << ROLE_PROVINCE};
        TRY(core_registry_add(core, &node));
        TRY(core_registry_add(core, &roles));
        TRY(request.institution == INSTITUTION_PROVINCE ? regencies_adopt(core, request.node) : status_ok());
    }
    if (!registry_epoch_known(core_registry(core), core_registry(core)->size, request.node, request.epoch)) {
        struct registry_entry epoch = {.kind = KIND_REG_EPOCH, .node = request.node, .epoch = request.epoch};
        TRY(core_registry_add(core, &epoch));
    }
    for (size_t i = 0; i < 3; i++) {
        TRY(add_key(core, request.node, uses[i], request.epoch, request.keys[i]));
    }
    verb->answer->reply = json_pack("{s:o,s:I}", "node", json_node(request.node), "registry_size",
                                    (json_int_t)core_registry(core)->size);
    return status_ok();
}

static void add_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, false, add_run);
}

static struct status hub_key_run(struct verb_job *verb, struct core *core, struct arena *arena)
{
    (void)core;
    struct span text;
    if (verb->host->local->config->role != CONFIG_HUB) {
        answer_problem(verb->answer, EXIT_REFUSED, "the hub's keys are printed at the hub");
        return STATUS_MAKE(STATUS_DENIED);
    }
    TRY(local_hub_keys_write(verb->host->local, arena, &text));
    verb->answer->reply = json_pack("{s:s%}", "text", (const char *)text.data, text.size);
    return status_ok();
}

static void hub_key_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    verb_call(host, arguments, answer, true, hub_key_run);
}

const struct control_verb verbs_registry[] = {
    {"registry.request", false, request_verb},
    {"registry.add", false, add_verb},
    {"registry.hub_key", false, hub_key_verb},
    {NULL, false, NULL},
};
