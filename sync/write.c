/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "sync/core_state.h"

/* Local writes. A draft becomes one leaf per class; everything that can be refused is refused before the first leaf. */

#define PIECES 3

struct piece {
    enum kind kind;
    enum class class;
    const uint32_t *registers;
    size_t register_count;
    struct span body;
};

struct writing {
    struct core *core;
    const struct draft *draft;
    struct cached *cached;
    struct stream *stream; /* NULL until it is known to be made */
    struct scope_id scope;
    struct record_id record;
    struct replica replica;
    struct piece pieces[PIECES];
    size_t piece_count;
    struct ctx_entry ctx[LIMIT_CTX_COUNT + 1];
    size_t ctx_count;
    uint64_t rseq;
    struct hash prev;
};

static bool writes_values(enum kind kind)
{
    const struct kind_info *info = kind_info((uint32_t)kind);
    return info && info->may_have_body;
}

static struct status piece_body(struct writing *w, struct piece *piece, const struct body_value *values, size_t count)
{
    struct arena *arena = &w->core->scratch;
    uint32_t *registers = arena_array(arena, count, sizeof *registers);
    if (!registers) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        registers[i] = values[i].number;
    }
    piece->registers = registers;
    piece->register_count = count;
    struct body body = {.values = values, .count = count, .claim = w->draft->claim};
    return body_write(&body, arena, &piece->body);
}

/* One leaf per class: values ascend by number, and numbers carry the class. */
static struct status split(struct writing *w, struct fault *fault)
{
    const struct draft *draft = w->draft;
    if (!writes_values(draft->kind)) {
        enum class class = draft->kind == KIND_ERASE ? draft->class : CLASS_PUBLIC;
        w->pieces[w->piece_count++] = (struct piece){.kind = draft->kind,
                                                     .class = class,
                                                     .registers = draft->registers,
                                                     .register_count = draft->register_count};
        return status_ok();
    }
    for (size_t at = 0; at < draft->value_count;) {
        enum class class = register_class(draft->values[at].number);
        size_t end = at;
        while (end < draft->value_count && register_class(draft->values[end].number) == class) {
            end++;
        }
        if (w->piece_count == PIECES) {
            return fault_set(fault, STATUS_INVALID, "registers must ascend", "values", at);
        }
        struct piece *piece = &w->pieces[w->piece_count];
        bool first = w->piece_count++ == 0;
        piece->class = class;
        piece->kind = draft->kind == KIND_CREATE && !first ? KIND_EDIT : draft->kind;
        TRY(piece_body(w, piece, draft->values + at, end - at));
        if (piece->body.size > LIMIT_BODY_SIZE) {
            return fault_set(fault, STATUS_LIMIT, "the values of one class are larger than 256 KiB", "values", at);
        }
        at = end;
    }
    if (w->piece_count == 0 || (draft->kind == KIND_CREATE && w->pieces[0].class != CLASS_PUBLIC)) {
        return fault_set(fault, STATUS_INVALID, "a change needs values, a create one that is public", "values", 0);
    }
    return status_ok();
}

static bool ctx_is_held(const struct record *record, const struct ctx_entry *entry)
{
    const struct history_entry *held = record_history_find(record, entry->replica, entry->rseq);
    return held && !(held->flags & (HISTORY_PARKED | HISTORY_FORKED)) &&
           memcmp(held->hash.bytes, entry->hash.bytes, HISTORY_HASH_SIZE) == 0;
}

static bool ctx_covers_dot(const struct writing *w, struct dot dot)
{
    for (size_t i = 0; i < w->ctx_count; i++) {
        if (replica_equal(w->ctx[i].replica, dot.replica)) {
            return w->ctx[i].rseq >= dot.rseq;
        }
    }
    return false;
}

/* Two people of one office see each other at once: on lane 0 a value of lane 0 is never written over unseen. */
static bool lane_is_stale(const struct writing *w, uint32_t number)
{
    const struct record *record = &w->cached->record;
    const struct record_register *reg = record_register_find(record, w->draft->part, number);
    for (size_t i = 0; reg && i < reg->sibling_count; i++) {
        struct dot dot = record_dot(record, reg->siblings[i].dot);
        if (dot.replica.lane == 0 && node_id_equal(dot.replica.node, w->core->self) && !ctx_covers_dot(w, dot)) {
            return true;
        }
    }
    return false;
}

static struct status check_token(struct writing *w, struct fault *fault)
{
    const struct draft *draft = w->draft;
    if (draft->kind == KIND_CREATE || draft->kind == KIND_ERASED) {
        return status_ok();
    }
    /* A screen always has a token. A row that is bound anew has proved nothing: its change covers nothing. */
    bool none = draft->ctx_count == 0 && draft->lane == 0;
    if (none || draft->ctx_count > LIMIT_CTX_COUNT) {
        return fault_set(fault, none ? STATUS_STALE : STATUS_LIMIT,
                         "a write needs the token of what was read", "ctx", draft->ctx_count);
    }
    for (size_t i = 0; i < draft->ctx_count; i++) {
        if (!ctx_is_held(&w->cached->record, &draft->ctx[i])) {
            return fault_set(fault, STATUS_STALE, "the token names a change that is not held: read again", "ctx", i);
        }
        w->ctx[i] = draft->ctx[i];
    }
    w->ctx_count = draft->ctx_count;
    if (draft->lane != 0) {
        return status_ok();
    }
    for (size_t p = 0; p < w->piece_count; p++) {
        for (size_t i = 0; i < w->pieces[p].register_count; i++) {
            if (lane_is_stale(w, w->pieces[p].registers[i])) {
                return fault_set(fault, STATUS_STALE, "changed by somebody of this office meanwhile: read again",
                                 "registers", w->pieces[p].registers[i]);
            }
        }
    }
    return status_ok();
}

static bool hub_only(uint32_t number)
{
    const struct register_info *info = register_info(number);
    return info && info->hub_only;
}

/* What record_apply would call void. */
static struct status check_rights(const struct writing *w, struct fault *fault)
{
    const struct core *core = w->core;
    const struct draft *draft = w->draft;
    if (!registry_node(&core->registry, core->registry.size, core->self)) {
        return fault_set(fault, STATUS_BUSY, "the registry that names this node has not come yet: the hub has to be reached first",
                         "store", 0);
    }
    if (!registry_role_allowed(&core->registry, core->registry.size, core->self, draft->role)) {
        return fault_set(fault, STATUS_DENIED, "this node may not write in that role", "role", (uint64_t)draft->role);
    }
    for (size_t p = 0; p < w->piece_count; p++) {
        const struct piece *piece = &w->pieces[p];
        bool may = record_role_may(draft->role, piece->kind, 0);
        for (size_t i = 0; may && i < piece->register_count; i++) {
            may = record_role_may(draft->role, piece->kind, piece->registers[i]) &&
                  (core->is_hub || !hub_only(piece->registers[i]));
        }
        if (!may) {
            return fault_set(fault, STATUS_DENIED, "this role may not write that", "role", (uint64_t)draft->role);
        }
    }
    const struct record *record = &w->cached->record;
    struct ctx_entry grant;
    bool maker = draft->kind == KIND_CREATE || node_id_equal(record->maker, core->self);
    if (!core->is_hub && !maker && !record_grant(record, core->scope, core->hub, &grant)) {
        return fault_set(fault, STATUS_DENIED, "the record was never routed to this node", "grant", 0);
    }
    return status_ok();
}

/* The previous leaf of this write is read by the next. */
static void ctx_set_own(struct writing *w, uint64_t rseq, struct hash hash)
{
    size_t at = 0;
    while (at < w->ctx_count && replica_compare(w->ctx[at].replica, w->replica) < 0) {
        at++;
    }
    if (at == w->ctx_count || !replica_equal(w->ctx[at].replica, w->replica)) {
        memmove(&w->ctx[at + 1], &w->ctx[at], (w->ctx_count - at) * sizeof w->ctx[0]);
        w->ctx_count++;
    }
    w->ctx[at] = (struct ctx_entry){.replica = w->replica, .rseq = rseq, .hash = hash};
}

static struct header piece_header(const struct writing *w, size_t index)
{
    const struct draft *draft = w->draft;
    const struct piece *piece = &w->pieces[index];
    struct header header = {.lane = draft->lane,
                            .has_record = true,
                            .record = w->record,
                            .rseq = w->rseq,
                            .has_prev = w->rseq > 1,
                            .prev = w->prev,
                            .ctx = w->ctx,
                            .ctx_count = piece->kind == KIND_CREATE ? 0 : w->ctx_count,
                            .kind = piece->kind,
                            .actor = draft->actor,
                            .role = draft->role,
                            .class = piece->class,
                            .registers = piece->registers,
                            .register_count = piece->register_count,
                            .part = draft->part,
                            .erasures_seen = draft->erasures_seen,
                            .erasures_seen_count = draft->erasures_seen_count};
    if (piece->kind == KIND_CREATE) {
        header.nonce = draft->nonce;
        header.open = draft->open;
        header.open_count = draft->open_count;
    }
    if (piece->kind == KIND_ROUTE || piece->kind == KIND_ERASED) {
        header.targets = &draft->target;
        header.target_count = 1;
    }
    if (!w->core->is_hub) {
        header.has_grant = record_grant(&w->cached->record, w->core->scope, w->core->hub, &header.grant);
    }
    return header;
}

/* Every leaf once with stand-ins for the hashes that are not known yet: of the same size as it will have. */
static struct status rehearse(const struct writing *real, struct fault *fault)
{
    struct writing w = *real;
    struct hash stand_in;
    memset(&stand_in, 1, sizeof stand_in);
    uint64_t seq = w.stream ? w.stream->range.size : 1;
    for (size_t i = 0; i < w.piece_count; i++) {
        if (w.ctx_count > LIMIT_CTX_COUNT) {
            return fault_set(fault, STATUS_LIMIT, "too many replicas in the context", "ctx", w.ctx_count);
        }
        struct header header = piece_header(&w, i);
        struct span leaf;
        header.node = w.core->self;
        header.epoch = w.core->meta.epoch;
        header.scope = w.scope;
        header.seq = seq + i;
        header.hlc = w.core->meta.hlc > w.core->now_ms << 16 ? w.core->meta.hlc + 1 : w.core->now_ms << 16;
        header.reg = w.core->registry.size;
        header.has_body = w.pieces[i].body.size > 0;
        header.body_size = (uint32_t)w.pieces[i].body.size;
        header.commitment = stand_in;
        TRY(header_write(&header, &w.core->scratch, &leaf, fault));
        w.prev = stand_in;
        ctx_set_own(&w, w.rseq++, stand_in);
    }
    return status_ok();
}

static struct status append_pieces(struct writing *w, struct written *out_written, struct fault *fault)
{
    struct core *core = w->core;
    struct written written = {.record = w->record, .stream = w->stream->number};
    for (size_t i = 0; i < w->piece_count; i++) {
        struct header header = piece_header(w, i);
        struct incoming in;
        struct apply_outcome outcome;
        TRY(append_own(core, w->stream, &header, w->pieces[i].body, &in, fault));
        TRY(apply_change(core, &in, &outcome));
        if (outcome.result != APPLY_APPLIED) {
            /* the checks above and record_apply disagree: nothing to go on from */
            return fault_set(fault, STATUS_FORKED, outcome.why ? outcome.why : "not applicable", "record", i);
        }
        written.leaves[i] = (struct ctx_entry){.replica = w->replica, .rseq = w->rseq, .hash = in.hash};
        written.classes[i] = w->pieces[i].class;
        written.dot = header_dot(&in.header);
        written.hash = in.hash;
        written.seq = in.seq;
        written.leaf_count++;
        w->prev = in.hash;
        ctx_set_own(w, w->rseq++, in.hash);
    }
    *out_written = written;
    return apply_parked(core, w->cached);
}

/* Where the leaf will stand, and whether this node may write at all now. */
static struct status place(struct writing *w, struct fault *fault)
{
    struct core *core = w->core;
    const struct draft *draft = w->draft;
    if (core->phase == PHASE_FETCH || core->meta.rewriting || core->lease_taken) {
        return fault_set(fault, STATUS_BUSY, "own changes are coming back from the hub, or another copy of this node is in charge",
                         "store", 0);
    }
    if (core->is_hub && core->in_doubt) {
        return fault_set(fault, STATUS_BUSY, "this hub is an older copy of itself and waits for its nodes to give back what it "
                         "lacks: see `simpul status`", "store", 0);
    }
    if (core->registry.level > REGISTRY_LEVEL_KNOWN) {
        return fault_set(fault, STATUS_UNSUPPORTED, "the deployment has moved to a newer version: update this program",
                         "level", core->registry.level);
    }
    w->record = draft->record;
    if (draft->kind == KIND_CREATE) {
        core_record_id(core, draft->nonce, &w->record);
    }
    TRY(record_cached(core, w->record, &w->cached));
    const struct record *record = &w->cached->record;
    if (draft->kind != KIND_CREATE && !record->created) {
        return fault_set(fault, STATUS_NOT_FOUND, "no such record is held", "record", 0);
    }
    if (record_has_own_parked(core, record)) {
        return fault_set(fault, STATUS_BUSY, "a change of this node for the record still waits", "record", 0);
    }
    w->scope = core->scope;
    if (core->is_hub) {
        w->scope = record->created ? record_owner(record) : draft->target.scope;
        if (scope_is_none(w->scope) || scope_is_registry(w->scope)) {
            return fault_set(fault, STATUS_INVALID, "a create of the hub names the scope it is for", "target", 0);
        }
    }
    return status_ok();
}

/* A store that may be an old copy takes no number that it may have used. */
static struct status settle_doubt(struct core *core)
{
    if (!core->in_doubt || core->is_hub) {
        return status_ok();
    }
    TRY(epoch_begin(core, core->meta.epoch + 1));
    TRY(store_remove_one(core->store, STORE_META, span_text(STORE_META_DOUBT)));
    core->in_doubt = false;
    return event_add(core, "new epoch: this store may be an old copy", (struct record_id){{0}});
}

struct status core_write(struct core *core, const struct draft *draft, struct written *out_written, struct fault *fault)
{
    struct writing w = {.core = core, .draft = draft};
    const struct kind_info *info = kind_info((uint32_t)draft->kind);
    if (!info || info->shape != SHAPE_CHANGE) {
        return fault_set(fault, STATUS_INVALID, "not a kind of change", "kind", (uint64_t)draft->kind);
    }
    TRY(place(&w, fault));
    TRY(split(&w, fault));
    TRY(check_token(&w, fault));
    TRY(check_rights(&w, fault));
    w.replica = (struct replica){.node = core->self, .epoch = core->meta.epoch, .lane = draft->lane};
    own_next(&w.cached->record, w.replica, &w.rseq, &w.prev);
    TRY(rehearse(&w, fault));
    TRY(settle_doubt(core));
    w.replica.epoch = core->meta.epoch;
    own_next(&w.cached->record, w.replica, &w.rseq, &w.prev);
    TRY(own_stream(core, w.scope, &w.stream));
    if (core->group_leaves >= LIMIT_GROUP_LEAVES || core->group_bytes >= LIMIT_GROUP_BYTES) {
        group_next(core);
    }
    return append_pieces(&w, out_written, fault);
}

struct status core_route(struct core *core, struct record_id record, struct scope_id to, struct span actor,
                         const struct ctx_entry *ctx, size_t ctx_count, struct written *out_written)
{
    static const uint32_t route_register = REG_ROUTE;
    struct cached *cached;
    if (!core->is_hub) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    TRY(record_cached(core, record, &cached));
    if (!cached->record.created) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    if (node_is_none(registry_scope_node(&core->registry, to))) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (scope_id_equal(record_owner(&cached->record), to)) {
        return STATUS_MAKE(STATUS_EXISTS);
    }
    for (size_t i = 0; i < ctx_count; i++) {
        if (!ctx_is_held(&cached->record, &ctx[i])) {
            return STATUS_MAKE(STATUS_STALE);
        }
    }
    /* A route names the head of every replica, so that the new owner can see that nothing is missing. */
    struct ctx_entry *heads;
    size_t head_count;
    TRY(record_token(&cached->record, &core->scratch, &heads, &head_count));
    struct draft draft = {.record = record,
                          .kind = KIND_ROUTE,
                          .role = ROLE_NATIONAL,
                          .actor = actor,
                          .ctx = heads,
                          .ctx_count = head_count,
                          .registers = &route_register,
                          .register_count = 1,
                          .target = {.scope = to}};
    return core_write(core, &draft, out_written, NULL);
}
