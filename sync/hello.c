/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* Hello, at every start: both sides compare what they hold of the node's own streams (log.md). */

#define EPOCH_STEP_MAX 1024
#define EPOCHS_PER_HELLO 16

struct status own_states(struct core *core, struct node_id node, struct arena *arena, struct stream_state **out_states,
                         size_t *out_count)
{
    size_t most = 0;
    for (uint32_t i = 0; i < core->set.count && most < LIMIT_OWN_STREAMS; i++) {
        most += node_id_equal(core->set.sorted[i]->id.node, node) ? 1 : 0;
    }
    struct stream_state *states = arena_array(arena, most, sizeof *states);
    size_t count = 0;
    if (!states) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    for (uint32_t i = core->set.count; i > 0 && count < most; i--) {
        const struct stream *stream = core->set.sorted[i - 1];
        if (node_id_equal(stream->id.node, node)) {
            states[count] = (struct stream_state){.stream = stream->id, .size = stream->range.size};
            tree_range_root(&stream->range, core->crypto, &states[count++].root);
        }
    }
    *out_states = states;
    *out_count = count;
    return status_ok();
}

struct status core_hello(struct core *core, bool takeover, struct arena *arena, struct hello *out_hello)
{
    if (core->is_hub) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    struct stream_state *own;
    core->made.count = 0;
    struct hello hello = {.version = PROTOCOL_VERSION,
                          .node = core->self,
                          .deployment = core->options.deployment,
                          .program = span_text("simpul"),
                          .now_ms = core->now_ms,
                          .takeover = takeover,
                          .epoch_open = core->meta.epoch};
    memcpy(hello.instance, core->options.instance, sizeof hello.instance);
    TRY(own_states(core, core->self, arena, &own, &hello.own_count));
    hello.own = own;
    struct stream_state *read;
    TRY(read_states(core, arena, &read, &hello.read_count));
    hello.read = read;
    if (core->meta.has_lease) {
        TRY(arena_copy(arena, span_of(core->meta.lease, sizeof core->meta.lease), &hello.lease));
    }
    *out_hello = hello;
    return status_ok();
}

/* ---- the hub ---- */

/* An epoch that the node has opened; log.md: hello announces it, the hub writes the registry leaf, then takes pushes. */
static struct status register_epoch(struct core *core, struct node_id node, uint32_t epoch)
{
    uint32_t newest = registry_epoch_max(&core->registry, node);
    if (epoch <= newest || epoch - newest > EPOCH_STEP_MAX) {
        return status_ok();
    }
    struct stream_id last = {.node = node, .epoch = newest, .scope = scope_of_node(node)};
    const struct stream *stream = stream_find(core, last);
    struct registry_entry entry = {
        .kind = KIND_REG_EPOCH, .node = node, .epoch = epoch, .size = stream ? stream->range.size : 0};
    return core_registry_add(core, &entry);
}

/* Every epoch in which the node has leaves, lowest first: it may have opened several while it was offline. */
static struct status register_epochs(struct core *core, const struct hello *hello)
{
    for (size_t n = 0; n < EPOCHS_PER_HELLO; n++) {
        uint32_t newest = registry_epoch_max(&core->registry, hello->node);
        uint32_t next = hello->epoch_open > newest ? hello->epoch_open : UINT32_MAX;
        for (size_t i = 0; i < hello->own_count; i++) {
            const struct stream_state *own = &hello->own[i];
            bool named = node_id_equal(own->stream.node, hello->node) && own->size > 0 && own->stream.epoch > newest;
            next = named && own->stream.epoch < next ? own->stream.epoch : next;
        }
        if (next == UINT32_MAX) {
            break;
        }
        TRY(register_epoch(core, hello->node, next));
    }
    return status_ok();
}

static bool epochs_are_known(const struct core *core, const struct hello *hello)
{
    uint32_t newest = registry_epoch_max(&core->registry, hello->node);
    bool known = hello->epoch_open <= newest;
    for (size_t i = 0; i < hello->own_count && known; i++) {
        known = hello->own[i].size == 0 || hello->own[i].stream.epoch <= newest;
    }
    return known;
}

static struct status registry_note(struct core *core, struct arena *arena, struct span *out_note)
{
    static const struct scope_id registry_scope = {.text = "registry"};
    struct stream_id id = {.node = core->self, .epoch = core->meta.epoch, .scope = registry_scope};
    struct stream *stream = stream_find(core, id);
    *out_note = (struct span){0};
    return stream ? stream_sign(core, stream, arena, out_note) : status_ok();
}

static struct status hello_accept(struct core *core, const struct hello *hello, struct arena *arena,
                                  struct hello_answer *answer)
{
    struct stream_state *own;
    TRY(lease_give(core, hello, arena, &answer->lease, &answer->retry_ms));
    if (answer->lease.size == 0) {
        answer->verdict = VERDICT_LEASE_TAKEN;
        return status_ok();
    }
    struct stream_state *behind;
    TRY(hub_compare(core, hello->node, hello, arena, &behind, &answer->behind_count));
    answer->behind = behind;
    if (!core->in_doubt) {
        TRY(register_epochs(core, hello));
    } else if (answer->behind_count == 0 && !epochs_are_known(core, hello)) {
        answer->verdict = VERDICT_BUSY; /* an epoch is a leaf of the registry, and the hub may not write now */
        return status_ok();
    }
    TRY(registry_note(core, arena, &answer->registry_checkpoint));
    TRY(own_states(core, hello->node, arena, &own, &answer->own_count));
    answer->own = own;
    answer->epoch_max = registry_epoch_max(&core->registry, hello->node);
    answer->leaves_max = LIMIT_BATCH_LEAVES;
    answer->bytes_max = LIMIT_BATCH_RAW;
    return status_ok();
}

struct status core_serve_hello(struct core *core, struct node_id peer, const struct hello *hello, struct arena *arena,
                               struct hello_answer *out_answer)
{
    if (!core->is_hub) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    struct hello_answer answer = {.version = PROTOCOL_VERSION, .now_ms = core->now_ms};
    if (!span_equal(hello->deployment, core->options.deployment)) {
        answer.verdict = VERDICT_WRONG_DEPLOYMENT;
    } else if (!node_id_equal(hello->node, peer) || !peer_is_active(core, peer) || node_id_equal(peer, core->self)) {
        answer.verdict = VERDICT_UNKNOWN_NODE;
    } else {
        TRY(hello_accept(core, hello, arena, &answer));
    }
    *out_answer = answer;
    return status_ok();
}

/* ---- the node ---- */

static struct status hello_refused(struct core *core, const struct hello_answer *answer, struct next *out_next)
{
    switch (answer->verdict) {
    case VERDICT_LEASE_TAKEN:
        core->lease_taken = true;
        core->phase = PHASE_HELLO;
        *out_next = answer->retry_ms > 0
                        ? (struct next){.step = NEXT_WAIT,
                                        .retry_ms = answer->retry_ms,
                                        .why = "another copy of this node was active a moment ago"}
                        : (struct next){.step = NEXT_TAKEOVER,
                                        .why = "another copy of this node is in charge: a person must say simpul takeover"};
        return status_ok();
    case VERDICT_BUSY:
        *out_next = (struct next){.step = NEXT_WAIT, .retry_ms = LIMIT_BUSY_RETRY_MS, .why = "the hub is busy"};
        return status_ok();
    default:
        *out_next = next_stop(verdict_sentence(answer->verdict));
        return status_ok();
    }
}

struct comparison {
    bool forked; /* the hub holds leaves of ours that contradict ours */
    bool ahead;  /* the hub holds leaves of ours that we lack */
    bool lost;   /* the hub contradicts what it has cosigned */
};

/* The hub lacks what it has cosigned: it was restored. What it holds must be the beginning of ours; then it gets the rest
 * again. */
static struct status compare_behind(struct core *core, struct stream *stream, const struct stream_state *state,
                                    struct comparison *c)
{
    struct hash root;
    struct tree_range range;
    TRY(stream_root_at(core, stream, state->size, &root));
    if (!hash_equal(root, state->root)) {
        c->lost = true;
        return status_ok();
    }
    TRY(stream_range_at(core, stream, state->size, &range));
    TRY(stream_touch(core, stream));
    stream->acked = range;
    return event_add(core, "the hub was behind what it had acknowledged: sent again", (struct record_id){{0}});
}

static struct status compare_one(struct core *core, const struct stream_state *state, struct comparison *c)
{
    struct stream *stream = stream_find(core, state->stream);
    if (!stream || state->size > stream->range.size) {
        c->ahead = true;
        return status_ok();
    }
    if (state->size < stream->acked.size) {
        return compare_behind(core, stream, state, c);
    }
    struct status status = stream_acknowledge(core, stream, state->size, &state->root);
    if (status.code == STATUS_INVALID) {
        /* At the size of what was cosigned nothing of ours is in the way: a next epoch would meet the same contradiction. */
        c->lost = c->lost || state->size == stream->acked.size;
        c->forked = true;
        return status_ok();
    }
    return status;
}

static struct status compare_all(struct core *core, const struct hello_answer *answer, struct comparison *out_comparison)
{
    struct comparison c = {.forked = false};
    for (size_t i = 0; i < answer->own_count; i++) {
        const struct stream_id *id = &answer->own[i].stream;
        if (!node_id_equal(id->node, core->self) || !scope_id_equal(id->scope, core->scope) || id->epoch == 0) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        TRY(compare_one(core, &answer->own[i], &c));
    }
    for (uint32_t i = 0; i < core->set.count; i++) {
        const struct stream *stream = core->set.streams[i];
        struct stream_state none = {.stream = stream->id};
        bool named = !stream->own || stream->acked.size == 0;
        for (size_t k = 0; k < answer->own_count && !named; k++) {
            named = stream_id_equal(stream->id, answer->own[k].stream);
        }
        if (!named) {
            struct tree_range empty = {0};
            tree_range_root(&empty, core->crypto, &none.root);
            TRY(compare_one(core, &none, &c));
        }
    }
    *out_comparison = c;
    return status_ok();
}

struct status core_hello_answered(struct core *core, const struct hello_answer *answer, struct next *out_next)
{
    struct comparison c;
    if (core->is_hub) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    bool is_given = answer->lease.size == sizeof core->meta.lease;
    if (is_given && (answer->verdict == VERDICT_OK || answer->verdict == VERDICT_BUSY)) {
        memcpy(core->meta.lease, answer->lease.data, sizeof core->meta.lease);
        core->meta.has_lease = true;
    }
    if (answer->verdict != VERDICT_OK) {
        return hello_refused(core, answer, out_next);
    }
    if (!is_given) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    core->lease_taken = false;
    TRY(compare_all(core, answer, &c));
    if (c.lost) {
        *out_next = next_stop("the hub contradicts what it has acknowledged");
        return event_add(core, "the hub contradicts what it has acknowledged", (struct record_id){{0}});
    }
    if (c.forked) {
        TRY(epoch_archive(core));
    }
    if (core->in_doubt) { /* the hub has compared: what this store is, is known */
        TRY(store_remove_one(core->store, STORE_META, span_text(STORE_META_DOUBT)));
        core->in_doubt = false;
    }
    TRY(give_back_begin(core, answer->behind, answer->behind_count));
    if (answer->behind_count > 0 && core->back.number == 0) {
        *out_next = (struct next){.step = NEXT_WAIT,
                                  .retry_ms = LIMIT_BUSY_RETRY_MS,
                                  .why = "the hub is an older copy of itself, and waits for other nodes to give back what it lacks"};
        return status_ok();
    }
    bool fetch = c.ahead || c.forked;
    core->phase = fetch ? PHASE_FETCH : PHASE_READY;
    if (!fetch && core->meta.rewriting) {
        return epoch_rewrite(core, answer->epoch_max, out_next);
    }
    *out_next = (struct next){
        .step = NEXT_GO_ON, .why = fetch ? "own changes come back from the hub" : "", .more = true};
    return status_ok();
}
