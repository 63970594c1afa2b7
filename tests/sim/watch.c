/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

/* What must hold at any time, looked at behind some of the commits; and, of the same leaves, what must hold at the end. */

#define WATCHED 4 /* records of one commit */

static bool leaf_header(struct world *w, struct site *s, const struct history_entry *entry, struct header *out_header)
{
    struct wire_leaf leaf;
    uint32_t stream = entry->stream | (entry->flags & HISTORY_RELAYED ? CORE_RELAYED : 0);
    return status_is_ok(core_leaf(s->core, stream, entry->seq, &w->arena, &leaf)) &&
           status_is_ok(header_scan(leaf.leaf, &w->arena, out_header, NULL));
}

/* ---- 5: nothing is applied before what it rests on ---- */

static bool is_applied(const struct record *record, const struct ctx_entry *entry)
{
    uint32_t index = record_replica_find(record, entry->replica);
    return index != UINT32_MAX && record->replicas[index].rseq >= entry->rseq;
}

static void watch_record(struct world *w, struct site *s, struct record_id id)
{
    const struct record *record = NULL;
    if (!status_is_ok(core_record(s->core, id, &record))) {
        return;
    }
    for (size_t i = 0; i < record->history_count; i++) {
        const struct history_entry *entry = &record->history[i];
        struct header header;
        if ((entry->flags & (HISTORY_PARKED | HISTORY_FORKED)) || !leaf_header(w, s, entry, &header)) {
            continue;
        }
        bool rests = header.reg <= core_registry(s->core)->size && (!header.has_grant || is_applied(record, &header.grant));
        for (size_t c = 0; c < header.ctx_count && rests; c++) {
            rests = is_applied(record, &header.ctx[c]);
        }
        if (!rests) {
            violation(w, "%.16s applied a change of %.16s before what it rests on", s->id.text, header.node.text);
        }
    }
}

/* ---- 11: a cursor never steps back ---- */

static void watch_cursor(struct world *w, struct site *s, const struct stream_info *info)
{
    for (size_t i = 0; i < s->cursor_count; i++) {
        if (stream_id_equal(s->cursors[i].stream, info->id)) {
            if (info->size < s->cursors[i].size) {
                violation(w, "%.16s steps back from %llu to %llu in a stream of %.16s", s->id.text,
                          (unsigned long long)s->cursors[i].size, (unsigned long long)info->size, info->id.node.text);
            }
            s->cursors[i].size = info->size;
            return;
        }
    }
    if (s->cursor_count < CURSORS) {
        s->cursors[s->cursor_count++] = (struct cursor){.stream = info->id, .size = info->size};
    }
}

void watch_site(struct world *w, struct site *s, const struct record_id *ids, size_t count)
{
    struct stream_info *infos;
    size_t streams = 0;
    for (size_t i = 0; i < count && i < WATCHED; i++) {
        watch_record(w, s, ids[i]);
    }
    if (!status_is_ok(core_streams(s->core, &w->arena, &infos, &streams))) {
        return; /* an armed failure hits whoever comes first */
    }
    for (size_t i = 0; i < streams; i++) {
        if (s->is_hub || !infos[i].own) { /* a node's own tail is archived where the hub holds another */
            watch_cursor(w, s, &infos[i]);
        }
    }
}

/* ---- 15: a merge that knows no clock makes the same of the same leaves ---- */

struct written_leaf {
    struct header header;
    bool counts;
};

static bool writes(const struct header *header, uint32_t number)
{
    for (size_t i = 0; i < header->register_count; i++) {
        if (header->registers[i] == number && part_id_is_none(header->part)) {
            return true;
        }
    }
    return false;
}

static bool covers(const struct header *header, struct dot dot)
{
    for (size_t i = 0; i < header->ctx_count; i++) {
        if (replica_equal(header->ctx[i].replica, dot.replica)) {
            return header->ctx[i].rseq >= dot.rseq;
        }
    }
    return false;
}

static bool is_living(const struct written_leaf *leaves, size_t count, size_t at, uint32_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (leaves[i].counts && writes(&leaves[i].header, number) && covers(&leaves[i].header, header_dot(&leaves[at].header))) {
            return false;
        }
    }
    return true;
}

static bool is_sibling(const struct record *record, const struct record_register *reg, struct dot dot)
{
    for (size_t i = 0; reg && i < reg->sibling_count; i++) {
        if (dot_compare(record_dot(record, reg->siblings[i].dot), dot) == 0) {
            return true;
        }
    }
    return false;
}

static void check_register(struct world *w, const struct record *record, const struct written_leaf *leaves, size_t count,
                           uint32_t number)
{
    const struct record_register *reg = record_register_find(record, (struct part_id){{0}}, number);
    size_t living = 0;
    for (size_t i = 0; i < count; i++) {
        if (!leaves[i].counts || !writes(&leaves[i].header, number) || !is_living(leaves, count, i, number)) {
            continue;
        }
        living++;
        if (!is_sibling(record, reg, header_dot(&leaves[i].header))) {
            violation(w, "record %zu register %u: the change %llu of %.16s lives, for who knows no clock, and not at the hub",
                      oracle_find(w->oracle, record->id), number, (unsigned long long)leaves[i].header.rseq,
                      leaves[i].header.node.text);
        }
    }
    if (living != (reg ? reg->sibling_count : 0)) {
        violation(w, "record %zu register %u has %zu siblings; for who knows no clock %zu",
                  oracle_find(w->oracle, record->id), number, reg ? reg->sibling_count : 0, living);
    }
}

void check_merge(struct world *w, const struct record *record)
{
    static const uint32_t numbers[] = {REG_STATUS, REG_TITLE, REG_TEXT, REG_CONFIDENTIAL};
    struct written_leaf *leaves = arena_array(&w->arena, record->history_count + 1, sizeof *leaves);
    for (size_t i = 0; i < record->history_count; i++) {
        const struct history_entry *entry = &record->history[i];
        leaves[i].counts = !(entry->flags & (HISTORY_PARKED | HISTORY_VOID | HISTORY_FORKED)) &&
                           leaf_header(w, &w->sites[0], entry, &leaves[i].header);
    }
    for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++) {
        check_register(w, record, leaves, record->history_count, numbers[n]);
    }
}

/* ---- 16: no change has two contents ---- */

static uint64_t mix_bytes(uint64_t state, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++) {
        state = (state ^ at[i]) * 0x100000001b3U;
    }
    return random_mix(state);
}

void watch_leaf(struct world *w, struct node_id author, struct span leaf)
{
    struct header header;
    if (!status_is_ok(header_scan(leaf, &w->arena, &header, NULL)) || !header.has_record || header.rseq == 0 ||
        !node_id_equal(header.node, author) || (w->hostile && node_id_equal(author, w->hostile->id))) {
        return; /* a leaf that does not stand where it says has no dot */
    }
    uint64_t key = mix_bytes(header.rseq * 64 + header.lane, header.record.bytes, sizeof header.record.bytes);
    key = mix_bytes(key + header.epoch, header.node.text, sizeof header.node.text) | 1;
    uint64_t content = mix_bytes(1, leaf.data, leaf.size);
    for (size_t i = 0; i < 64; i++) { /* a full neighbourhood: what does not fit is not watched */
        struct watched_leaf *at = &w->oracle->leaves[(key + i) % LEAVES];
        if (at->key == key && at->content != content) {
            violation(w, "the change %llu of %.16s, epoch %u, has two contents", (unsigned long long)header.rseq,
                      header.node.text, header.epoch);
        }
        if (at->key == key || at->key == 0) {
            *at = (struct watched_leaf){key, content};
            return;
        }
    }
}
