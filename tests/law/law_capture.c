/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The law of capture: clerks of a legacy program, a hub and an admin edit the same complaints; forms stay open for up
 * to the window and are saved whole or in part; values are cut, mapped many to one and rewritten by triggers; stores
 * and legacy databases are restored. Then: no edit is ever covered by somebody who had not seen it (the oracle knows
 * the values that each person had read); no fresh edit is overwritten; no row becomes two complaints; idle rounds add
 * no leaf and write nothing; at the end the rows show what the policy says and both stores hold the same.
 *
 *   law_capture [seeds] [first seed]      a single failing seed prints its trace
 *   LAW_SEEDS in the environment: how many by default
 */
#include "sync/capture_work.h"
#include "tests/law/capture_world.h"

/* ---- writing leaves ---- */

static size_t record_index(struct world *w, struct record_id id)
{
    for (size_t r = 0; r < w->record_count; r++) {
        if (record_id_equal(w->ids[r], id)) {
            return r;
        }
    }
    return SIZE_MAX;
}

static size_t record_add(struct world *w, struct record_id id, bool hub_born)
{
    size_t r = record_index(w, id);
    if (r != SIZE_MAX || w->record_count == RECORDS) {
        return r;
    }
    r = w->record_count++;
    w->ids[r] = id;
    w->hub_born[r] = hub_born;
    record_init(&w->node.records[r], id, &w->arena);
    record_init(&w->hub.records[r], id, &w->arena);
    return r;
}

static struct ctx_entry *leaf_ctx(struct world *w, const struct draft *draft, const struct ctx_entry *before,
                                  size_t *out_count)
{
    struct ctx_entry *ctx = arena_array(&w->arena, draft->ctx_count + 1, sizeof *ctx);
    size_t count = 0;
    bool put = before == NULL;
    for (size_t i = 0; i < draft->ctx_count; i++) {
        if (!put && replica_compare(before->replica, draft->ctx[i].replica) <= 0) {
            ctx[count++] = *before;
            put = true;
        }
        if (!before || !replica_equal(before->replica, draft->ctx[i].replica)) {
            ctx[count++] = draft->ctx[i];
        }
    }
    if (!put) {
        ctx[count++] = *before;
    }
    *out_count = count;
    return ctx;
}

static struct leaf *leaf_new(struct world *w, struct holder *store, size_t r, const struct draft *draft)
{
    struct record *record = &store->records[r];
    struct leaf *leaf = arena_alloc(&w->arena, sizeof *leaf);
    struct header *header = &leaf->header;
    if (store->own_count == LEAVES) {
        fail(w, "too many leaves for one seed (echo?)");
    }
    leaf->record = r;
    *header = (struct header){.node = store->id,
                              .epoch = store->epoch,
                              .lane = draft->lane,
                              .scope = {.text = "a"},
                              .seq = w->hash_count + 1,
                              .record = w->ids[r],
                              .has_record = true,
                              .rseq = 1,
                              .hlc = w->now << 16 | (w->hash_count & 0xffff),
                              .reg = w->registry.size,
                              .kind = draft->kind,
                              .role = draft->role,
                              .nonce = draft->nonce};
    uint32_t own = record_replica_find(record, header_replica(header));
    if (own != UINT32_MAX && record->replicas[own].rseq > 0) {
        header->rseq = record->replicas[own].rseq + 1;
        header->prev = record->replicas[own].hash;
        header->has_prev = true;
    }
    header->has_grant = record_grant(record, header->scope, w->hub.id, &header->grant);
    uint64_t number = ++w->hash_count;
    const struct span part = span_of(&number, sizeof number);
    stub_sha256(NULL, &part, 1, &leaf->hash);
    return leaf;
}

static void leaf_values(struct world *w, struct leaf *leaf, const struct draft *draft, enum class class)
{
    uint32_t *registers = arena_array(&w->arena, FIELD_COUNT + 1, sizeof *registers);
    for (size_t i = 0; i < draft->value_count; i++) {
        if (register_class(draft->values[i].number) == class) {
            struct body_value *value = &leaf->values[leaf->value_count];
            value->number = draft->values[i].number;
            must(w, arena_copy(&w->arena, draft->values[i].bytes, &value->bytes), "copy");
            registers[leaf->value_count++] = value->number;
        }
    }
    leaf->header.registers = registers;
    leaf->header.register_count = leaf->value_count;
    leaf->header.class = class;
    leaf->header.has_body = leaf->value_count > 0;
}

/* What core_write does, without the disk: one leaf per class, public first, the second knowing the first. */
static void write_draft(struct world *w, struct holder *store, size_t r, const struct draft *draft,
                        const struct seen knows[FIELD_COUNT], struct written *out)
{
    *out = (struct written){.record = w->ids[r]};
    for (enum class class = CLASS_PUBLIC; class <= CLASS_RESTRICTED; class = (enum class)(class + 1)) {
        struct leaf *leaf = leaf_new(w, store, r, draft);
        leaf_values(w, leaf, draft, class);
        bool create = draft->kind == KIND_CREATE && class == CLASS_PUBLIC;
        bool loosen = draft->kind == KIND_LOOSEN && class == CLASS_PUBLIC;
        if (leaf->value_count == 0 && !create && !loosen) {
            continue;
        }
        if (loosen) {
            leaf->header.registers = draft->registers;
            leaf->header.register_count = draft->register_count;
        }
        if (draft->kind == KIND_CREATE && !create) {
            leaf->header.kind = KIND_EDIT;
            leaf->header.nonce = (struct span){.size = 0};
        } else if (create) {
            uint32_t *open = arena_array(&w->arena, draft->open_count, sizeof *open);
            for (size_t i = 0; i < draft->open_count; i++) {
                open[i] = draft->open[i];
            }
            leaf->header.open = open;
            leaf->header.open_count = draft->open_count;
        }
        const struct ctx_entry *before = out->leaf_count > 0 ? &out->leaves[0] : NULL;
        leaf->header.ctx = leaf_ctx(w, draft, before, &leaf->header.ctx_count);
        leaf->claimed = draft->claim.size == 16;
        if (leaf->claimed) {
            memcpy(leaf->claim, draft->claim.data, 16);
        }
        check_removed(w, store, leaf, knows);
        store->own[store->own_count++] = leaf;
        store_apply(w, store, leaf);
        if (record_history_find(&store->records[r], header_replica(&leaf->header), leaf->header.rseq) == NULL ||
            store->records[r].history[store->records[r].history_count - 1].flags & HISTORY_PARKED) {
            fail(w, "an own leaf is parked");
        }
        out->leaves[out->leaf_count] =
            (struct ctx_entry){.replica = header_replica(&leaf->header), .rseq = leaf->header.rseq, .hash = leaf->hash};
        out->classes[out->leaf_count++] = class;
    }
}

/* ---- the legacy program ---- */

static struct span text_span(const struct text *text)
{
    return span_of(text->bytes, strlen(text->bytes));
}

static bool text_equal(const struct text *a, const struct text *b)
{
    return a->null == b->null && strcmp(a->bytes, b->bytes) == 0;
}

/* Every statement passes here, also ours: their trigger rewrites titles. */
static void column_put(struct world *w, struct row *row, enum column column, const char *bytes, size_t size)
{
    struct text *text = &row->columns[column];
    *text = (struct text){.null = size == 0};
    size_t room = w->cut_texts && column <= COLUMN_TEXT ? CUT : TEXT_SIZE - 2;
    size = size < room ? size : room;
    if (size > 0) {
        memcpy(text->bytes, bytes, size);
    }
    if (w->trigger && column == COLUMN_TITLE && size > 0 && bytes[size - 1] != '.') {
        text->bytes[size] = '.';
    }
}

static const char *const status_codes[COMPLAINT_STATUS_COUNT] = {
    [COMPLAINT_BELUM_VERIFIKASI] = "baru", [COMPLAINT_TUNDA] = "baru",
    [COMPLAINT_TERVERIFIKASI] = "jalan",   [COMPLAINT_PROSES] = "jalan",
    [COMPLAINT_SELESAI] = "selesai",       [COMPLAINT_BUKAN_WEWENANG] = "tolak",
    [COMPLAINT_ARSIP] = "arsip",           [COMPLAINT_ESKALASI_OMBUDSMAN] = NULL,
};

static enum complaint_status status_of_code(const char *code)
{
    static const enum complaint_status reads[] = {COMPLAINT_BELUM_VERIFIKASI, COMPLAINT_PROSES, COMPLAINT_SELESAI,
                                                  COMPLAINT_BUKAN_WEWENANG, COMPLAINT_ARSIP};
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        if (strcmp(code, status_codes[reads[i]]) == 0) {
            return reads[i];
        }
    }
    return COMPLAINT_NONE;
}

static enum column column_of(enum field field)
{
    static const enum column columns[FIELD_COUNT] = {COLUMN_REASON, COLUMN_FLAG, COLUMN_TITLE, COLUMN_TEXT};
    return columns[field];
}

static size_t edit_in(const struct row *row, enum field field)
{
    return field == FIELD_FLAG || field == FIELD_REFS ? 0 : edit_of(text_span(&row->columns[column_of(field)]));
}

static struct row *row_of(struct legacy *legacy, uint32_t key)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (legacy->rows[i].there && legacy->rows[i].key == key) {
            return &legacy->rows[i];
        }
    }
    return NULL;
}

static struct row *row_new(struct world *w, uint32_t born)
{
    struct legacy *legacy = &w->legacy;
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &legacy->rows[i];
        if (!row->there) {
            *row = (struct row){.there = true, .born = born};
            row->key = legacy->reusable && chance(w, 2) ? legacy->reusable : ++legacy->next_key;
            legacy->reusable = row->key == legacy->reusable ? 0 : legacy->reusable;
            for (size_t c = 0; c < COLUMN_COUNT; c++) {
                row->columns[c].null = true;
            }
            return row;
        }
    }
    return NULL;
}

/* ---- clerks ---- */

/* What a clerk overwrites of another clerk's is settled by their system: as good as seen. */
static void take_over(struct row *row, enum field field, const struct seen *seen)
{
    size_t old = edit_in(row, field);
    if (old > 0 && row->by_clerk[field]) {
        seen_add(&row->theirs[field], old);
    }
    row->knows[field] = *seen;
    seen_join(&row->knows[field], &row->theirs[field]);
    row->fresh[field] = true;
    row->by_clerk[field] = true;
}

static void clerk_value(struct world *w, struct row *row, enum field field, const struct seen *seen)
{
    char bytes[TEXT_SIZE];
    take_over(row, field, seen);
    if (field == FIELD_FLAG) {
        column_put(w, row, COLUMN_FLAG, chance(w, 2) ? "Y" : "N", 1);
        trace(w, "clerk: row %u rahasia = %s", row->key, row->columns[COLUMN_FLAG].bytes);
        return;
    }
    size_t edit = edit_new(w, seen);
    w->puts[edit]++;
    int size = snprintf(bytes, sizeof bytes, "v%zu%s", edit, chance(w, 2) ? "" : "-kabupaten");
    column_put(w, row, column_of(field), bytes, (size_t)size);
    if (field == FIELD_STATUS) {
        static const char *const codes[] = {"baru", "jalan", "jalan", "selesai", "tolak"};
        const char *code = codes[chance(w, 5)];
        column_put(w, row, COLUMN_STATUS, code, strlen(code));
    }
    trace(w, "clerk: row %u %s = %s%s", row->key, column_names[column_of(field)], bytes,
          field == FIELD_STATUS ? row->columns[COLUMN_STATUS].bytes : "");
}

static void clerk_new(struct world *w)
{
    size_t rows = 0;
    for (size_t i = 0; i < ROWS; i++) {
        rows += w->legacy.rows[i].there;
    }
    struct row *row = rows < w->most && w->record_count + 2 < RECORDS ? row_new(w, ++w->born_count) : NULL;
    if (!row) {
        return;
    }
    const struct seen none = {{0}};
    trace(w, "clerk: new row %u, case %u", row->key, row->born);
    for (size_t f = 0; f < FIELD_REFS; f++) {
        if (f != FIELD_TEXT || chance(w, 3)) {
            clerk_value(w, row, (enum field)f, &none);
        }
    }
}

static void clerk_open(struct world *w)
{
    struct row *row = &w->legacy.rows[chance(w, ROWS)];
    struct form *form = &w->forms[chance(w, FORMS)];
    if (!row->there || form->open) {
        return;
    }
    *form = (struct form){.open = true, .at_ms = w->now, .key = row->key, .born = row->born};
    memcpy(form->columns, row->columns, sizeof form->columns);
    trace(w, "clerk: opens a form of row %u (judul %s, isi %s, status %s %s)", row->key,
          form->columns[COLUMN_TITLE].bytes, form->columns[COLUMN_TEXT].bytes, form->columns[COLUMN_STATUS].bytes,
          form->columns[COLUMN_REASON].bytes);
}

static void form_seen(struct world *w, const struct form *form, enum field field, struct seen *out_seen)
{
    *out_seen = (struct seen){{0}};
    if (field != FIELD_FLAG && field != FIELD_REFS) {
        seen_value(w, out_seen, edit_of(text_span(&form->columns[column_of(field)])));
    }
}

/* Whole forms: the old values are written back too, where they differ. */
static void save_rest(struct world *w, struct row *row, const struct form *form, enum field chosen)
{
    for (size_t f = 0; f < FIELD_REFS; f++) {
        enum field field = (enum field)f;
        enum column column = column_of(field);
        bool same = text_equal(&row->columns[column], &form->columns[column]) &&
                    (field != FIELD_STATUS || text_equal(&row->columns[COLUMN_STATUS], &form->columns[COLUMN_STATUS]));
        if (field == chosen || same) {
            continue;
        }
        struct seen seen;
        form_seen(w, form, field, &seen);
        take_over(row, field, &seen);
        row->columns[column] = form->columns[column];
        w->puts[edit_in(row, field)]++;
        if (field == FIELD_STATUS) {
            row->columns[COLUMN_STATUS] = form->columns[COLUMN_STATUS];
        }
        trace(w, "clerk: ... and the form puts %s back in %s", row->columns[column].bytes, column_names[column]);
    }
}

static void clerk_save(struct world *w)
{
    struct form *form = &w->forms[chance(w, FORMS)];
    for (size_t i = 0; i < FORMS && !form->open; i++) {
        form = &w->forms[i];
    }
    if (!form->open) {
        return;
    }
    form->open = false;
    struct row *row = row_of(&w->legacy, form->key);
    if (!row || row->born != form->born || w->now > form->at_ms + WINDOW) {
        return; /* given up */
    }
    enum field field = (enum field)chance(w, FIELD_REFS);
    struct seen seen;
    form_seen(w, form, field, &seen);
    clerk_value(w, row, field, &seen);
    if (w->whole_forms) {
        save_rest(w, row, form, field);
    }
}

static void clerk_delete(struct world *w)
{
    struct row *row = &w->legacy.rows[chance(w, ROWS)];
    if (!row->there) {
        return;
    }
    trace(w, "clerk: deletes row %u", row->key);
    struct row old = *row;
    row->there = false;
    w->legacy.reusable = old.key;
    if (chance(w, 3) == 0) {
        return;
    }
    /* Deleted and inserted again, as re-routing does it in some systems: the same case. */
    struct row *again = row_new(w, old.born);
    if (again) {
        uint32_t key = again->key;
        *again = old;
        again->key = key;
        again->there = true;
        trace(w, "clerk: inserts it again as row %u", key);
    }
}

/* ---- people at screens of ours ---- */

static void screen_open(struct world *w, struct holder *store, struct screen *screen)
{
    size_t r = w->record_count == 0 ? 0 : chance(w, w->record_count);
    struct record *record = &store->records[r];
    enum field field = (enum field)chance(w, FIELD_REFS);
    if (w->record_count == 0 || screen->open || !record->created) {
        return;
    }
    *screen = (struct screen){.open = true, .record = r, .field = field};
    struct ctx_entry *ctx;
    must(w, record_token(record, &w->scratch, &ctx, &screen->ctx_count), "token");
    if (screen->ctx_count > 16) {
        fail(w, "too many replicas");
    }
    memcpy(screen->ctx, ctx, screen->ctx_count * sizeof *ctx);
    const struct record_register *reg = field_of(record, field);
    for (size_t i = 0; reg && i < reg->sibling_count; i++) {
        seen_value(w, &screen->seen, edit_of_value(w, reg->number, reg->siblings[i].value));
    }
}

static bool is_behind(const struct record *record)
{
    return record->parked_count > 0;
}

static void screen_save(struct world *w, struct holder *store, struct screen *screen, enum role role)
{
    if (!screen->open) {
        return;
    }
    screen->open = false;
    struct record *record = &store->records[screen->record];
    struct draft draft = {
        .record = record->id, .kind = KIND_EDIT, .role = role, .ctx = screen->ctx, .ctx_count = screen->ctx_count};
    for (size_t i = 0; i < screen->ctx_count; i++) {
        if (!record_history_find(record, screen->ctx[i].replica, screen->ctx[i].rseq)) {
            return; /* the store was restored: "read again" */
        }
    }
    if (is_behind(record)) {
        return;
    }
    struct body_value value = {.number = field_numbers[screen->field]};
    static const uint32_t confidential = REG_CONFIDENTIAL;
    char bytes[TEXT_SIZE] = "";
    if (screen->field == FIELD_FLAG && role == ROLE_ADMIN && chance(w, 2)) {
        draft.kind = KIND_LOOSEN;
        draft.registers = &confidential;
        draft.register_count = 1;
    } else if (screen->field == FIELD_FLAG) {
        value.bytes = write_value(w, &(struct value){.type = VALUE_FLAG, .flag = true});
        draft.values = &value;
        draft.value_count = 1;
    } else {
        size_t edit = edit_new(w, &screen->seen);
        int size = snprintf(bytes, sizeof bytes, "v%zu%s", edit, chance(w, 2) ? "" : "-pusat-jakarta");
        value.bytes = text_value(w, value.number, span_of(bytes, (size_t)size),
                                 (enum complaint_status)(1 + chance(w, COMPLAINT_STATUS_COUNT - 1)));
        draft.values = &value;
        draft.value_count = 1;
    }
    struct seen knows[FIELD_COUNT] = {{{0}}};
    knows[screen->field] = screen->seen;
    struct written written;
    trace(w, "%s: record %zu register %u = %s", store == &w->hub ? "hub" : "admin", screen->record, value.number,
          draft.kind == KIND_LOOSEN ? "(loosened)" : bytes);
    write_draft(w, store, screen->record, &draft, knows, &written);
}

static void hub_new(struct world *w)
{
    struct record_id id = {{0}};
    uint64_t number = ++w->hash_count;
    memcpy(id.bytes, &number, sizeof number);
    id.bytes[15] = 1;
    if (w->record_count >= w->most) {
        return;
    }
    size_t r = record_add(w, id, true);
    struct body_value values[2];
    const struct seen none[FIELD_COUNT] = {{{0}}};
    char bytes[TEXT_SIZE];
    for (size_t i = 0; i < 2; i++) {
        uint32_t number_of[] = {REG_STATUS, REG_TITLE};
        int size = snprintf(bytes, sizeof bytes, "v%zu-pusat", edit_new(w, &none[0]));
        values[i] = (struct body_value){
            .number = number_of[i],
            .bytes = text_value(w, number_of[i], span_of(bytes, (size_t)size), COMPLAINT_BELUM_VERIFIKASI)};
    }
    struct draft draft = {.kind = KIND_CREATE, .role = ROLE_NATIONAL, .values = values, .value_count = 2};
    struct written written;
    trace(w, "hub: new record %zu", r);
    write_draft(w, &w->hub, r, &draft, none, &written);
}

/* ---- sync, restores ---- */

static void push(struct world *w)
{
    if (w->cut || !w->ready) {
        return;
    }
    while (w->acked < w->node.own_count) {
        store_apply(w, &w->hub, w->node.own[w->acked++]);
    }
    w->hub.foreign_count = w->acked;
    store_settle(w, &w->hub, &w->node);
}

static void pull(struct world *w, size_t limit)
{
    for (size_t i = 0; !w->cut && i < limit && w->node.foreign_count < w->hub.own_count; i++) {
        store_apply(w, &w->node, w->hub.own[w->node.foreign_count++]);
        store_settle(w, &w->node, &w->hub);
    }
}

static bool leaf_carries(struct world *w, const struct leaf *leaf, size_t edit)
{
    for (size_t v = 0; v < leaf->value_count; v++) {
        if (edit_of_value(w, leaf->values[v].number, leaf->values[v].bytes) == edit) {
            return true;
        }
    }
    return false;
}

/* The hub holds the value that stands in the row: it may be written over. */
static bool is_held(struct world *w, const struct row *row, enum field field)
{
    size_t edit = edit_in(row, field);
    size_t acked = w->ready ? w->acked : w->image.own_count;
    bool found = edit == 0;
    for (size_t i = 0; i < w->hub.own_count && !found; i++) {
        found = leaf_carries(w, w->hub.own[i], edit);
    }
    for (size_t i = 0; i < acked && !found; i++) {
        found = leaf_carries(w, w->node.own[i], edit);
    }
    for (size_t i = 0; i < lost_count && !w->ready && !found; i++) {
        found = leaf_carries(w, lost_own[i], edit);
    }
    return found;
}

static void store_backup(struct world *w)
{
    if (w->ready) {
        w->image = (struct image){true, w->node.own_count, w->node.foreign_count};
    }
}

/* The node's store from an old copy. What the hub has of its leaves comes back with hello; the rest is lost. */
static void store_restore(struct world *w)
{
    if (!w->image.there || w->image.own_count > w->acked || !w->ready) {
        return; /* a copy that is ahead of the hub would be a fork of history: log.md, not this law */
    }
    trace(w, "node: store restored to %zu own leaves (hub holds %zu of %zu)", w->image.own_count, w->acked,
          w->node.own_count);
    lost_count = 0;
    for (size_t i = w->image.own_count; i < w->acked; i++) {
        lost_own[lost_count++] = w->node.own[i];
    }
    w->restored = true;
    w->node.own_count = w->image.own_count;
    w->node.foreign_count = w->image.foreign_count;
    store_reset(w, &w->node);
    for (size_t i = 0; i < w->node.own_count; i++) {
        store_apply(w, &w->node, w->node.own[i]);
    }
    for (size_t i = 0; i < w->node.foreign_count; i++) {
        store_apply(w, &w->node, w->hub.own[i]);
    }
    store_settle(w, &w->node, &w->hub);
    w->ready = false;
    w->node.epoch++; /* the generation file does not fit */
    for (size_t i = 0; i < 2; i++) {
        w->node_screens[i].open = false;
    }
}

/* Own leaves come back, behind what was written since in the new epoch: another stream, so only the order of sending.
 */
static void hello(struct world *w)
{
    if (w->ready || w->cut) {
        return;
    }
    trace(w, "node: hello, %zu own leaves come back", lost_count);
    size_t tail = w->node.own_count - w->image.own_count;
    memmove(&w->node.own[w->image.own_count + lost_count], &w->node.own[w->image.own_count],
            tail * sizeof w->node.own[0]);
    memcpy(&w->node.own[w->image.own_count], lost_own, lost_count * sizeof lost_own[0]);
    w->node.own_count += lost_count;
    for (size_t i = 0; i < lost_count; i++) {
        store_apply(w, &w->node, lost_own[i]);
    }
    store_settle(w, &w->node, &w->hub);
    w->ready = true;
    w->image.there = false;
}

static void legacy_restore(struct world *w)
{
    if (!w->legacy_imaged) {
        return;
    }
    trace(w, "legacy: restored from a copy");
    w->legacy = w->legacy_image;
    w->restored = true;
    memset(w->forms, 0, sizeof w->forms);
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &w->legacy.rows[i];
        memset(row->fresh, 0, sizeof row->fresh); /* captured before, or is_held() finds it */
        memcpy(row->base, row->columns, sizeof row->base);
    }
}

#include "tests/law/capture_connector.h"

/* ---- a run ---- */

static void world_init(struct world *w, uint64_t seed, bool verbose)
{
    static struct memory memory;
    memory = (struct memory){.alloc = heap_alloc, .release = heap_release};
    struct arena arena = w->arena;
    struct arena scratch = w->scratch;
    memset(w, 0, sizeof *w);
    w->arena = arena;
    w->scratch = scratch;
    if (!w->arena.memory.alloc) {
        arena_init(&w->arena, memory, SIZE_MAX);
        arena_init(&w->scratch, memory, SIZE_MAX);
    }
    arena_clear(&w->arena);
    arena_clear(&w->scratch);
    w->seed = seed;
    w->random = seed * 0x2545f4914f6cdd1dU + 1;
    w->verbose = verbose;
    w->now = 1000 * MINUTE;
    w->node.id = node_named("a");
    w->hub.id = node_named("hub");
    w->node.epoch = w->hub.epoch = 1;
    w->ready = true;
    w->whole_forms = chance(w, 2);
    w->cut_texts = chance(w, 3) == 0;
    w->trigger = chance(w, 4) == 0;
    w->most = chance(w, 3) ? 1 : 2;
    registry_init(&w->registry, &w->arena);
    const struct registry_entry entries[] = {
        {.kind = KIND_REG_HUB, .node = w->hub.id, .active = true},
        {.kind = KIND_REG_ROLE, .node = w->hub.id, .roles = 0x7e, .active = true},
        {.kind = KIND_REG_NODE, .node = w->node.id, .institution = INSTITUTION_REGENCY, .active = true},
        {.kind = KIND_REG_ROLE, .node = w->node.id, .roles = 0x7e, .active = true},
    };
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        must(w, registry_apply(&w->registry, &entries[i]), "registry");
    }
}

static void tick(struct world *w)
{
    static const uint64_t jumps[] = {0, 0, 0, 0, 1, 1, 2, 4, 9, 20};
    w->now += jumps[chance(w, 10)] * MINUTE;
    if (chance(w, 150) == 0) {
        w->now += 26 * 60 * MINUTE;
    }
}

static void step(struct world *w, uint64_t calm)
{
    arena_clear(&w->scratch);
    tick(w);
    uint64_t what = chance(w, 100);
    if (what < 5) {
        clerk_new(w);
    } else if (what < 20) {
        clerk_open(w);
    } else if (what < 34) {
        clerk_save(w);
    } else if (what < 40) {
        screen_open(w, &w->hub, &w->hub_screens[chance(w, 2)]);
    } else if (what < 47) {
        screen_save(w, &w->hub, &w->hub_screens[chance(w, 2)], ROLE_NATIONAL);
    } else if (what < 50) {
        screen_open(w, &w->node, &w->node_screens[chance(w, 2)]);
    } else if (what < 54) {
        screen_save(w, &w->node, &w->node_screens[chance(w, 2)], ROLE_ADMIN);
    } else if (what < 80) {
        connector_some(w);
    } else if (what < 86) {
        push(w);
    } else if (what < 92) {
        pull(w, 1 + chance(w, 8));
    } else if (what < 94) {
        w->cut = !w->cut;
    } else if (what < 95) {
        hub_new(w);
    } else if (what < 96) {
        hello(w);
    } else if (chance(w, calm) == 0) {
        switch (chance(w, 6)) {
        case 0:
            clerk_delete(w);
            break;
        case 1:
            store_backup(w);
            break;
        case 2:
            store_restore(w);
            break;
        case 3:
            w->legacy_image = w->legacy;
            w->legacy_imaged = true;
            break;
        case 4:
            legacy_restore(w);
            break;
        default:
            connector_all(w);
        }
    }
}

/* Everything heals; nothing may move after a while: no leaf, no write, no shadow. */
static void heal(struct world *w)
{
    trace(w, "heal");
    w->cut = false;
    memset(w->forms, 0, sizeof w->forms);
    size_t quiet = 0;
    for (size_t round = 0; round < 24 && quiet < 3; round++) {
        size_t before = w->leaves + w->writes + w->stores + w->hub.own_count + w->node.own_count;
        w->now += round == 1 ? 25 * 60 * MINUTE : WINDOW + MINUTE;
        hello(w);
        arena_clear(&w->scratch);
        connector_all(w);
        push(w);
        pull(w, LEAVES);
        quiet = before == w->leaves + w->writes + w->stores + w->hub.own_count + w->node.own_count ? quiet + 1 : 0;
    }
    if (quiet < 3) {
        fail(w, "never quiet: an echo");
    }
    trace(w, "quiet");
}

static void check_same_state(struct world *w)
{
    for (size_t r = 0; r < w->record_count; r++) {
        struct span a;
        struct span b;
        if (w->node.records[r].parked_count + w->hub.records[r].parked_count > 0) {
            fail(w, "record %zu: leaves stay parked", r);
        }
        must(w, record_state_bytes(&w->node.records[r], &w->scratch, &a), "state");
        must(w, record_state_bytes(&w->hub.records[r], &w->scratch, &b), "state");
        if (!span_equal(a, b)) {
            fail(w, "record %zu differs between node and hub", r);
        }
    }
}

static const char *run(struct world *w, uint64_t seed, bool verbose)
{
    world_init(w, seed, verbose);
    if (setjmp(w->failed)) {
        return w->why;
    }
    uint64_t calm = 1 + chance(w, 6);
    uint64_t steps = 60 + chance(w, 160);
    for (uint64_t i = 0; i < steps && w->edit_count + 40 < EDITS; i++) {
        step(w, calm);
    }
    heal(w);
    check_same_state(w);
    check_rows(w);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct world world;
    const char *environment = getenv("LAW_SEEDS");
    unsigned long seeds = argc > 1 ? strtoul(argv[1], NULL, 10) : environment ? strtoul(environment, NULL, 10) : 20000;
    unsigned long first = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    size_t leaves = 0;
    size_t writes = 0;
    if (seeds == 0) {
        (void)fprintf(stderr, "law_capture [seeds] [first seed]: the number of seeds must be above 0\n");
        return 2;
    }
    for (unsigned long i = 0; i < seeds; i++) {
        const char *why = run(&world, first + i, false);
        leaves += world.leaves;
        writes += world.writes;
        if (why) {
            char kept[sizeof world.why];
            (void)snprintf(kept, sizeof kept, "%s", why);
            (void)run(&world, first + i, true);
            printf("seed %lu: %s (after %lu good seeds; again: law_capture 1 %lu)\n", first + i, kept, i, first + i);
            return 1;
        }
    }
    printf("%lu seeds, %zu changes captured, %zu write-backs: no edit covered unseen, no echo, no fresh edit "
           "overwritten\n",
           seeds, leaves, writes);
    arena_release(&world.arena);
    arena_release(&world.scratch);
    return 0;
}
