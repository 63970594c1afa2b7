/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/header_rules.h"

/* A part of the leaf that is being read; offsets in faults count from the leaf's first byte. */
struct cursor {
    const uint8_t *leaf;
    const uint8_t *at;
    const uint8_t *end;
    const char *field;
    struct fault *fault;
};

enum wire {
    WIRE_VARINT = 0,
    WIRE_SIZED = 2,
};

static struct status refuse(const struct cursor *c, const char *what)
{
    return fault_set(c->fault, STATUS_INVALID, what, c->field, (uint64_t)(c->at - c->leaf));
}

/* Shortest form only. */
static struct status scan_long_varint(struct cursor *c, uint64_t *out_value)
{
    size_t left = (size_t)(c->end - c->at);
    uint64_t value = 0;
    for (size_t i = 0; i < 10; i++) {
        if (i == left) {
            return refuse(c, "cut off within a number");
        }
        uint8_t byte = c->at[i];
        if (i == 9 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte >= 0x80) {
            continue;
        }
        if (byte == 0 && i > 0) {
            return refuse(c, "number not in its shortest form");
        }
        c->at += i + 1;
        *out_value = value;
        return status_ok();
    }
    return refuse(c, "number above 64 bits");
}

/* Tags, sizes and most numbers are one byte. */
static inline struct status scan_varint(struct cursor *c, uint64_t *out_value)
{
    if (c->at < c->end && *c->at < 0x80) {
        *out_value = *c->at++;
        return status_ok();
    }
    return scan_long_varint(c, out_value);
}

/* A field's number: present, so not the default. */
static struct status scan_u64(struct cursor *c, uint64_t *out_value)
{
    uint64_t value;
    TRY(scan_varint(c, &value));
    if (value == 0) {
        return refuse(c, "default value written out");
    }
    *out_value = value;
    return status_ok();
}

static struct status scan_u32(struct cursor *c, uint32_t *out_value)
{
    uint64_t value;
    TRY(scan_u64(c, &value));
    if (value > UINT32_MAX) {
        return refuse(c, "number above 32 bits");
    }
    *out_value = (uint32_t)value;
    return status_ok();
}

static struct status scan_sized(struct cursor *c, struct span *out_bytes)
{
    uint64_t size;
    TRY(scan_varint(c, &size));
    if (size > (size_t)(c->end - c->at)) {
        return refuse(c, "cut off");
    }
    if (size == 0) {
        return refuse(c, "default value written out");
    }
    *out_bytes = span_of(c->at, (size_t)size);
    c->at += size;
    return status_ok();
}

/* Exactly `size` bytes, not all zero where zero means "none". */
static struct status scan_fixed(struct cursor *c, void *out_bytes, size_t size)
{
    struct span bytes;
    TRY(scan_sized(c, &bytes));
    if (bytes.size != size) {
        return refuse(c, "wrong size");
    }
    memcpy(out_bytes, bytes.data, size);
    return status_ok();
}

static inline bool is_zero(const uint8_t *bytes, size_t size)
{
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

static struct status scan_id(struct cursor *c, uint8_t out_bytes[16])
{
    uint8_t bytes[16];
    TRY(scan_fixed(c, bytes, sizeof bytes));
    if (is_zero(bytes, sizeof bytes)) {
        return refuse(c, "zero");
    }
    memcpy(out_bytes, bytes, sizeof bytes);
    return status_ok();
}

static struct status scan_node(struct cursor *c, struct node_id *out_id)
{
    struct span text;
    TRY(scan_sized(c, &text));
    if (!status_is_ok(node_id_parse(text, out_id))) {
        return refuse(c, "no identifier of 1 to 16 bytes [a-z0-9.]");
    }
    return status_ok();
}

static struct status scan_scope(struct cursor *c, struct scope_id *out_id)
{
    struct span text;
    TRY(scan_sized(c, &text));
    if (!status_is_ok(scope_id_parse(text, out_id))) {
        return refuse(c, "no identifier of 1 to 16 bytes [a-z0-9.]");
    }
    return status_ok();
}

/* Fields of a message ascend and each stands once; a list is read whole at its first tag. */
static struct status scan_tag(struct cursor *c, uint32_t last, uint32_t *out_number, uint32_t *out_wire)
{
    uint64_t tag;
    TRY(scan_varint(c, &tag));
    uint64_t number = tag >> 3;
    if (number <= last) {
        return refuse(c, "field out of order or twice");
    }
    if (number > FIELD_COUNT) {
        return refuse(c, "unknown field");
    }
    *out_number = (uint32_t)number;
    *out_wire = (uint32_t)(tag & 7);
    return status_ok();
}

static struct status scan_target_field(struct cursor *c, uint32_t number, struct target *t)
{
    switch (number) {
    case TARGET_NODE:
        return scan_node(c, &t->replica.node);
    case TARGET_EPOCH:
        return scan_u32(c, &t->replica.epoch);
    case TARGET_LANE:
        return scan_u32(c, &t->replica.lane);
    case TARGET_RSEQ:
        return scan_u64(c, &t->rseq);
    case TARGET_HASH:
        return scan_fixed(c, t->hash.bytes, sizeof t->hash.bytes);
    case TARGET_ACCEPTED_MS:
        return scan_u64(c, &t->accepted_ms);
    case TARGET_SCOPE:
        return scan_scope(c, &t->scope);
    default:
        return refuse(c, "unknown field");
    }
}

/* Narrows the cursor to the sized message or list that begins here; the caller puts the end back. */
static struct status scan_enter(struct cursor *c)
{
    struct span bytes;
    TRY(scan_sized(c, &bytes));
    c->at = bytes.data;
    c->end = bytes.data + bytes.size;
    return status_ok();
}

/* Dot, Ctx or Target: one sized message with fields up to `most`. A Target's fields are all optional (the rules of its
 * kind ask for what it needs); a Dot and a Ctx are complete but for lane 0. */
static struct status scan_target(struct cursor *c, enum target_field most, struct target *out_target)
{
    const uint8_t *outer_end = c->end;
    TRY(scan_enter(c));
    uint32_t last = 0;
    uint32_t seen = 0;
    while (c->at < c->end) {
        uint32_t wire;
        TRY(scan_tag(c, last, &last, &wire));
        bool sized = last == TARGET_NODE || last == TARGET_HASH || last == TARGET_SCOPE;
        if (last > (uint32_t)most || wire != (sized ? WIRE_SIZED : WIRE_VARINT)) {
            return refuse(c, "unknown field");
        }
        TRY(scan_target_field(c, last, out_target));
        seen |= 1u << last;
    }
    uint32_t needed = 1u << TARGET_NODE | 1u << TARGET_EPOCH | 1u << TARGET_RSEQ;
    if (most == TARGET_HASH) {
        needed |= 1u << TARGET_HASH;
    }
    if (most != TARGET_SCOPE && (seen & needed) != needed) {
        return refuse(c, "incomplete");
    }
    if (most == TARGET_SCOPE && (seen & 1u << TARGET_HASH) &&
        is_zero(out_target->hash.bytes, sizeof out_target->hash.bytes)) {
        return refuse(c, "default value written out");
    }
    c->end = outer_end;
    return status_ok();
}

/* Elements of the list whose first tag has just been read: how often the same tag follows. Sizes are only followed
 * here; scan_target checks them. */
static size_t count_list(struct cursor c, uint8_t tag_first, uint8_t tag_second)
{
    size_t tag_size = tag_second ? 2 : 1;
    size_t count = 0;
    for (;;) {
        count++;
        uint64_t size;
        c.fault = NULL;
        if (!status_is_ok(scan_varint(&c, &size)) || size > (size_t)(c.end - c.at)) {
            return count;
        }
        c.at += size;
        if ((size_t)(c.end - c.at) <= tag_size || c.at[0] != tag_first || (tag_second && c.at[1] != tag_second)) {
            return count;
        }
        c.at += tag_size;
    }
}

struct list {
    uint8_t tag[2];
    enum target_field most;
    size_t limit;
    size_t element_size;
};

/* A dot is how a ctx entry begins, and that is how a target begins. */
_Static_assert(offsetof(struct target, rseq) == offsetof(struct dot, rseq) &&
                   offsetof(struct target, rseq) == offsetof(struct ctx_entry, rseq) &&
                   offsetof(struct target, hash) == offsetof(struct ctx_entry, hash) &&
                   offsetof(struct target, accepted_ms) >= sizeof(struct ctx_entry),
               "scan_list copies beginnings of a target");

/* Reads the list into a new array of ctx entries, dots or targets. */
static struct status scan_list(struct cursor *c, struct arena *arena, const struct list *list, void *out_array,
                               size_t *out_count)
{
    size_t count = count_list(*c, list->tag[0], list->tag[1]);
    if (count > list->limit) {
        return fault_set(c->fault, STATUS_LIMIT, "above the format limit", c->field, count);
    }
    uint8_t *array = arena_array(arena, count, list->element_size);
    if (!array) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            c->at += list->tag[1] ? 2 : 1;
        }
        struct target t = {0};
        TRY(scan_target(c, list->most, &t));
        memcpy(array + i * list->element_size, &t, list->element_size);
    }
    memcpy(out_array, &(void *){array}, sizeof(void *));
    *out_count = count;
    return status_ok();
}

static struct status scan_packed(struct cursor *c, struct arena *arena, const uint32_t **out_numbers, size_t *out_count)
{
    uint32_t numbers[LIMIT_REGISTER_COUNT];
    size_t count = 0;
    const uint8_t *outer_end = c->end;
    TRY(scan_enter(c));
    while (c->at < c->end) {
        if (count == LIMIT_REGISTER_COUNT) {
            return fault_set(c->fault, STATUS_LIMIT, "above the format limit", c->field, count);
        }
        TRY(scan_u32(c, &numbers[count]));
        count++;
    }
    c->end = outer_end;
    uint32_t *array = arena_array(arena, count, sizeof *array);
    if (!array) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    memcpy(array, numbers, count * sizeof *array);
    *out_numbers = array;
    *out_count = count;
    return status_ok();
}

static struct status scan_enum(struct cursor *c, void *out_enum)
{
    uint32_t value;
    TRY(scan_u32(c, &value));
    if (value > INT32_MAX) {
        return refuse(c, "number above 31 bits");
    }
    memcpy(out_enum, &value, sizeof value);
    return status_ok();
}

static const struct list ctx_list = {{0x52, 0}, TARGET_HASH, LIMIT_CTX_COUNT, sizeof(struct ctx_entry)};
static const struct list target_list = {{0xaa, 0x01}, TARGET_SCOPE, LIMIT_TARGET_COUNT, sizeof(struct target)};
static const struct list erasure_list = {{0xba, 0x01}, TARGET_RSEQ, LIMIT_ERASURES_SEEN, sizeof(struct dot)};

/* Fields 1 to 12: where the leaf stands, what its author had read. */
static struct status scan_place(struct cursor *c, uint32_t number, struct arena *arena, struct header *h)
{
    uint32_t fmt;
    switch (number) {
    case FIELD_FMT:
        TRY(scan_u32(c, &fmt));
        return fmt == HEADER_FMT ? status_ok() : fault_set(c->fault, STATUS_UNSUPPORTED, "unknown format", "fmt", fmt);
    case FIELD_NODE:
        return scan_node(c, &h->node);
    case FIELD_EPOCH:
        return scan_u32(c, &h->epoch);
    case FIELD_LANE:
        return scan_u32(c, &h->lane);
    case FIELD_SCOPE:
        return scan_scope(c, &h->scope);
    case FIELD_SEQ:
        return scan_u64(c, &h->seq);
    case FIELD_RECORD:
        h->has_record = true;
        return scan_id(c, h->record.bytes);
    case FIELD_RSEQ:
        return scan_u64(c, &h->rseq);
    case FIELD_PREV:
        h->has_prev = true;
        return scan_fixed(c, h->prev.bytes, sizeof h->prev.bytes);
    case FIELD_CTX:
        return scan_list(c, arena, &ctx_list, &h->ctx, &h->ctx_count);
    case FIELD_HLC:
        return scan_u64(c, &h->hlc);
    default:
        return scan_u64(c, &h->reg);
    }
}

/* Fields 13 to 25: what it says. */
static struct status scan_meaning(struct cursor *c, uint32_t number, struct arena *arena, struct header *h)
{
    struct target grant = {0};
    switch (number) {
    case FIELD_KIND:
        return scan_enum(c, &h->kind);
    case FIELD_ACTOR:
        return scan_sized(c, &h->actor);
    case FIELD_ROLE:
        return scan_enum(c, &h->role);
    case FIELD_COMMITMENT:
        h->has_body = true;
        return scan_fixed(c, h->commitment.bytes, sizeof h->commitment.bytes);
    case FIELD_BODY_SIZE:
        return scan_u32(c, &h->body_size);
    case FIELD_CLASS:
        return scan_enum(c, &h->class);
    case FIELD_REGISTERS:
        return scan_packed(c, arena, &h->registers, &h->register_count);
    case FIELD_PART:
        return scan_id(c, h->part.bytes);
    case FIELD_TARGET:
        return scan_list(c, arena, &target_list, &h->targets, &h->target_count);
    case FIELD_NONCE:
        return scan_sized(c, &h->nonce);
    case FIELD_ERASURES_SEEN:
        return scan_list(c, arena, &erasure_list, &h->erasures_seen, &h->erasures_seen_count);
    case FIELD_GRANT:
        TRY(scan_target(c, TARGET_HASH, &grant));
        h->grant = (struct ctx_entry){.replica = grant.replica, .rseq = grant.rseq, .hash = grant.hash};
        h->has_grant = true;
        return status_ok();
    default:
        return scan_packed(c, arena, &h->open, &h->open_count);
    }
}

static bool field_is_number(uint32_t number)
{
    const uint32_t numbers = 1u << FIELD_FMT | 1u << FIELD_EPOCH | 1u << FIELD_LANE | 1u << FIELD_SEQ |
                             1u << FIELD_RSEQ | 1u << FIELD_HLC | 1u << FIELD_REG | 1u << FIELD_KIND |
                             1u << FIELD_ROLE | 1u << FIELD_BODY_SIZE | 1u << FIELD_CLASS;
    return (numbers >> number & 1) != 0;
}

struct status header_scan(struct span leaf, struct arena *arena, struct header *out_header, struct fault *fault)
{
    if (leaf.size == 0 || leaf.size > LIMIT_HEADER_SIZE) {
        return fault_set(fault, leaf.size == 0 ? STATUS_INVALID : STATUS_LIMIT, "empty, or above the format limit",
                         "header", leaf.size);
    }
    struct cursor c = {
        .leaf = leaf.data, .at = leaf.data, .end = leaf.data + leaf.size, .field = "tag", .fault = fault};
    struct header h = {0};
    uint32_t number = 0;
    while (c.at < c.end) {
        uint32_t wire;
        TRY(scan_tag(&c, number, &number, &wire));
        if (number >= FIELD_COUNT || wire != (field_is_number(number) ? WIRE_VARINT : WIRE_SIZED)) {
            return refuse(&c, "unknown field, or not of its type");
        }
        if (number > FIELD_FMT && c.leaf[0] != (FIELD_FMT << 3 | WIRE_VARINT)) {
            return fault_set(fault, STATUS_INVALID, "required but missing", "fmt", 0);
        }
        c.field = header_field_name((enum header_field)number);
        TRY(number <= FIELD_REG ? scan_place(&c, number, arena, &h) : scan_meaning(&c, number, arena, &h));
        c.field = "tag";
    }
    TRY(header_rules_check(&h, leaf.size, fault));
    *out_header = h;
    return status_ok();
}
