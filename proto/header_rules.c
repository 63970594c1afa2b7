/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/header_rules.h"

#include "proto/value.h"

/* What is being checked and where a fault says it is. */
struct check {
    const struct header *h;
    const struct kind_info *info;
    uint64_t at;
    struct fault *fault;
};

static const char *const field_names[FIELD_COUNT] = {
    [FIELD_FMT] = "fmt",
    [FIELD_NODE] = "node",
    [FIELD_EPOCH] = "epoch",
    [FIELD_LANE] = "lane",
    [FIELD_SCOPE] = "scope",
    [FIELD_SEQ] = "seq",
    [FIELD_RECORD] = "record",
    [FIELD_RSEQ] = "rseq",
    [FIELD_PREV] = "prev",
    [FIELD_CTX] = "ctx",
    [FIELD_HLC] = "hlc",
    [FIELD_REG] = "reg",
    [FIELD_KIND] = "kind",
    [FIELD_ACTOR] = "actor",
    [FIELD_ROLE] = "role",
    [FIELD_COMMITMENT] = "commitment",
    [FIELD_BODY_SIZE] = "body_size",
    [FIELD_CLASS] = "class",
    [FIELD_REGISTERS] = "registers",
    [FIELD_PART] = "part",
    [FIELD_TARGET] = "target",
    [FIELD_NONCE] = "nonce",
    [FIELD_ERASURES_SEEN] = "erasures_seen",
    [FIELD_GRANT] = "grant",
    [FIELD_OPEN] = "open",
};

const char *header_field_name(enum header_field field)
{
    return field > 0 && field < FIELD_COUNT ? field_names[field] : "unknown";
}

static struct status refuse(const struct check *c, enum header_field field, const char *what)
{
    return fault_set(c->fault, STATUS_INVALID, what, field_names[field], c->at);
}

static struct status over_limit(const struct check *c, enum header_field field)
{
    return fault_set(c->fault, STATUS_LIMIT, "above the format limit", field_names[field], c->at);
}

static struct status must(const struct check *c, bool present, enum header_field field)
{
    return present ? status_ok() : refuse(c, field, "required by this kind but missing");
}

static struct status must_not(const struct check *c, bool present, enum header_field field)
{
    return present ? refuse(c, field, "not allowed in this kind") : status_ok();
}

static bool has_part(const struct header *h)
{
    return !part_id_is_none(h->part);
}

static bool numbers_ascend(const uint32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == 0 || numbers[i] > LIMIT_REGISTER_NUMBER || (i > 0 && numbers[i - 1] >= numbers[i])) {
            return false;
        }
    }
    return true;
}

static struct status check_lists(const struct check *c)
{
    const struct header *h = c->h;
    if (h->ctx_count > LIMIT_CTX_COUNT) {
        return over_limit(c, FIELD_CTX);
    }
    if (h->register_count > LIMIT_REGISTER_COUNT) {
        return over_limit(c, FIELD_REGISTERS);
    }
    if (h->target_count > LIMIT_TARGET_COUNT) {
        return over_limit(c, FIELD_TARGET);
    }
    if (h->erasures_seen_count > LIMIT_ERASURES_SEEN) {
        return over_limit(c, FIELD_ERASURES_SEEN);
    }
    for (size_t i = 1; i < h->ctx_count; i++) {
        if (replica_compare(h->ctx[i - 1].replica, h->ctx[i].replica) >= 0) {
            return refuse(c, FIELD_CTX, "not ascending, or one replica twice");
        }
    }
    for (size_t i = 1; i < h->erasures_seen_count; i++) {
        if (dot_compare(h->erasures_seen[i - 1], h->erasures_seen[i]) >= 0) {
            return refuse(c, FIELD_ERASURES_SEEN, "not ascending");
        }
    }
    if (!numbers_ascend(h->registers, h->register_count)) {
        return refuse(c, FIELD_REGISTERS, "not ascending, or no register number");
    }
    return status_ok();
}

/* Place, kind, author and body: what every kind has. */
static struct status check_common(const struct check *c)
{
    const struct header *h = c->h;
    TRY(must(c, h->node.text[0] != 0, FIELD_NODE));
    TRY(must(c, h->epoch != 0, FIELD_EPOCH));
    TRY(must(c, h->scope.text[0] != 0, FIELD_SCOPE));
    if ((uint32_t)h->role >= ROLE_COUNT) {
        return fault_set(c->fault, STATUS_UNSUPPORTED, "unknown role", "role", c->at);
    }
    if ((uint32_t)h->class > CLASS_SEALED) {
        return fault_set(c->fault, STATUS_UNSUPPORTED, "unknown class", "class", c->at);
    }
    if (h->actor.size > LIMIT_ACTOR_SIZE) {
        return over_limit(c, FIELD_ACTOR);
    }
    if (!text_is_utf8(h->actor)) {
        return refuse(c, FIELD_ACTOR, "not UTF-8, or with a zero byte");
    }
    if (!c->info->may_have_body) {
        TRY(must_not(c, h->has_body, FIELD_COMMITMENT));
    }
    if (h->has_body != (h->body_size != 0)) {
        return refuse(c, FIELD_BODY_SIZE, "commitment and body_size go together");
    }
    return h->body_size > LIMIT_BODY_SIZE ? over_limit(c, FIELD_BODY_SIZE) : status_ok();
}

/* For kinds that are no change of a record. */
static struct status check_no_change(const struct check *c)
{
    const struct header *h = c->h;
    TRY(must_not(c, h->rseq != 0, FIELD_RSEQ));
    TRY(must_not(c, h->has_prev, FIELD_PREV));
    TRY(must_not(c, h->ctx_count != 0, FIELD_CTX));
    TRY(must_not(c, h->register_count != 0, FIELD_REGISTERS));
    TRY(must_not(c, has_part(h), FIELD_PART));
    TRY(must_not(c, h->nonce.size != 0, FIELD_NONCE));
    TRY(must_not(c, h->erasures_seen_count != 0, FIELD_ERASURES_SEEN));
    TRY(must_not(c, h->has_grant, FIELD_GRANT));
    return must_not(c, h->open_count != 0, FIELD_OPEN);
}

/* Exactly one target, with what this kind says by it. The others of its fields may be zero: a relayed clamp has no
 * rseq, and the target.node of an `erased` that the hub writes for a province is the province. */
static struct status check_target(const struct check *c)
{
    TRY(must(c, c->h->target_count != 0, FIELD_TARGET));
    TRY(must_not(c, c->h->target_count != 1, FIELD_TARGET));
    const struct target *t = &c->h->targets[0];
    enum kind kind = c->info->kind;
    bool scope = kind == KIND_ROUTE || kind == KIND_RELAY;
    bool leaf = kind != KIND_ROUTE;
    bool place = kind == KIND_RELAY || kind == KIND_CLAMP;
    if ((scope && t->scope.text[0] == 0) || (kind == KIND_CLAMP && t->accepted_ms == 0) ||
        (leaf && (t->replica.node.text[0] == 0 || hash_equal(t->hash, (struct hash){{0}}))) ||
        (place && t->replica.epoch == 0)) {
        return refuse(c, FIELD_TARGET, "incomplete for this kind");
    }
    return status_ok();
}

static struct status check_registers(const struct check *c)
{
    const struct header *h = c->h;
    if (c->info->needs_registers) {
        TRY(must(c, h->register_count != 0, FIELD_REGISTERS));
    } else {
        TRY(must_not(c, h->register_count != 0, FIELD_REGISTERS));
    }
    for (size_t i = 0; i < h->register_count; i++) {
        uint32_t number = h->registers[i];
        const struct register_info *info = register_info(number);
        if (info && info->of_part != has_part(h)) {
            return refuse(c, FIELD_REGISTERS, "a part's register without part, or the record's own with one");
        }
        if (c->info->kind == KIND_LOOSEN && number != REG_CONFIDENTIAL && number != REG_ANONYMOUS) {
            return refuse(c, FIELD_REGISTERS, "loosen names only confidential and anonymous");
        }
        if (c->info->kind == KIND_ROUTE && number != REG_ROUTE) {
            return refuse(c, FIELD_REGISTERS, "a route writes only the register route");
        }
    }
    return c->info->may_have_body ? must(c, h->has_body, FIELD_COMMITMENT) : status_ok();
}

static bool open_fits(const struct header *h)
{
    size_t at = 0;
    for (size_t i = 0; i < h->open_count; i++) {
        if (h->open[i] != REG_CONFIDENTIAL && h->open[i] != REG_ANONYMOUS) {
            return false;
        }
        while (at < h->register_count && h->registers[at] != h->open[i]) {
            at++;
        }
        if (at == h->register_count) {
            return false;
        }
    }
    return numbers_ascend(h->open, h->open_count);
}

static struct status check_create(const struct check *c)
{
    const struct header *h = c->h;
    if (c->info->kind != KIND_CREATE) {
        TRY(must_not(c, h->nonce.size != 0, FIELD_NONCE));
        return must_not(c, h->open_count != 0, FIELD_OPEN);
    }
    TRY(must(c, h->nonce.size != 0, FIELD_NONCE));
    TRY(must_not(c, h->ctx_count != 0, FIELD_CTX));
    if (h->nonce.size > LIMIT_NONCE_SIZE) {
        return over_limit(c, FIELD_NONCE);
    }
    return open_fits(h)
               ? status_ok()
               : refuse(c, FIELD_OPEN, "only confidential and anonymous, ascending, that are in registers too");
}

static bool kind_may_have_part(const struct kind_info *info)
{
    return info->makes_part || info->kind == KIND_EDIT || info->kind == KIND_STALE_EDIT || info->kind == KIND_ERASE;
}

static struct status check_change(const struct check *c)
{
    const struct header *h = c->h;
    TRY(must(c, h->has_record, FIELD_RECORD));
    TRY(must(c, h->rseq != 0, FIELD_RSEQ));
    if (h->has_prev != (h->rseq > 1)) {
        return refuse(c, FIELD_PREV, "required above rseq 1, and only there");
    }
    if (c->info->makes_part) {
        TRY(must(c, has_part(h), FIELD_PART));
    } else if (!kind_may_have_part(c->info)) {
        TRY(must_not(c, has_part(h), FIELD_PART));
    }
    TRY(check_create(c));
    TRY(check_registers(c));
    bool targets = c->info->kind == KIND_ROUTE || c->info->kind == KIND_ERASED;
    return targets ? check_target(c) : must_not(c, h->target_count != 0, FIELD_TARGET);
}

struct status header_rules_check(const struct header *header, uint64_t at, struct fault *fault)
{
    struct check c = {.h = header, .info = kind_info((uint32_t)header->kind), .at = at, .fault = fault};
    if (!c.info) {
        TRY(must(&c, header->kind != KIND_NONE, FIELD_KIND));
        return fault_set(fault, STATUS_UNSUPPORTED, "unknown kind", "kind", at);
    }
    TRY(check_common(&c));
    TRY(check_lists(&c));
    if (c.info->shape == SHAPE_CHANGE) {
        return check_change(&c);
    }
    TRY(check_no_change(&c));
    if (c.info->shape == SHAPE_POINTER) {
        TRY(must(&c, header->has_record, FIELD_RECORD));
        return check_target(&c);
    }
    TRY(must_not(&c, header->has_record, FIELD_RECORD));
    if (c.info->shape == SHAPE_REGISTRY) {
        TRY(must(&c, header->has_body, FIELD_COMMITMENT));
    }
    return must_not(&c, header->target_count != 0, FIELD_TARGET);
}

bool header_class_fits(const struct header *header)
{
    if (header->kind == KIND_ERASE) {
        return header->class != CLASS_PUBLIC;
    }
    if (header->register_count == 0) {
        return header->class == CLASS_PUBLIC;
    }
    for (size_t i = 0; i < header->register_count; i++) {
        if (register_class(header->registers[i]) != header->class) {
            return false;
        }
    }
    return true;
}
