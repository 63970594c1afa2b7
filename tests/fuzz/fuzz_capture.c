/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_mapping node_config node_crypto node_base PkgConfig::CMOCKA */
#include "node/mapping/mapping.h"
#include "sync/capture.h"
#include "tests/fuzz/budget.h"
#include "tests/fuzz/row.h"
#include "tests/unit/sync/world.h"

/* From a row to changes: two versions of a legacy row (columns parted by the byte 1, versions by the byte 0, a column
 * that is the byte 2 is NULL) go through mapping and capture into a real core. Every draft is taken by the core or
 * refused for its size, and a row that did not change is never captured again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char mapping_text[] = "system: fuzz\n"
                                   "zone: WIB\n"
                                   "complaints:\n"
                                   "  table: aduan\n"
                                   "  key: id\n"
                                   "  identity: dibuat\n"
                                   "  fields:\n"
                                   "    title: judul\n"
                                   "    text: isi\n"
                                   "    status:\n"
                                   "      column: status\n"
                                   "      values: {baru: belum_verifikasi, proses: proses, tuntas: selesai}\n"
                                   "    confidential: {column: rahasia, values: {1: yes, 0: no}}\n"
                                   "    assign: {opd: bidang}\n"
                                   "    time_received: {column: dibuat, format: epoch}\n"
                                   "    rating: bintang\n"
                                   "    refs: {lapor: nomor}\n";

static struct world world;
static struct site *node;
static struct arena kept;
static const struct mapping *mapping;

static void begin(void)
{
    struct problems problems;
    must(world_start(&world, memory_heap()));
    must(world_join(&world, "64.09", NULL, &node));
    must(world_settle(&world));
    kept = budget_arena(SIZE_MAX);
    problems_init(&problems, &kept);
    REQUIRE(status_is_ok(mapping_parse("fuzz.yaml", span_text(mapping_text), &kept, &problems, &mapping)));
}

static struct shadow_cell *cells_of(const struct mapping_table *table, const struct mapping_raw *raw,
                                    const size_t *columns, size_t count)
{
    struct shadow_cell *cells = arena_array(&world.arena, count, sizeof *cells);
    for (size_t i = 0; i < count; i++) {
        const struct mapping_raw *from = &raw[columns[i]];
        cells[i] = (struct shadow_cell){span_text(table->columns[columns[i]].name), from->bytes, from->null};
    }
    return cells;
}

/* As node/connector/work.c does. */
static struct capture_row *row_of(const struct mapping_form *form, const struct mapping_raw *raw)
{
    struct arena *arena = &world.arena;
    struct mapping_reading *readings = arena_array(arena, form->register_count, sizeof *readings);
    struct capture_register *registers = arena_array(arena, form->register_count, sizeof *registers);
    struct capture_row *row = arena_alloc(arena, sizeof *row);
    size_t count = 0;
    must(mapping_read(mapping, form, raw, arena, readings, &count));
    for (size_t i = 0; i < form->register_count; i++) {
        const struct mapping_register *reg = &form->registers[i];
        struct capture_register *out = &registers[i];
        out->number = reg->number;
        out->readable = reg->direction != MAPPING_OUT;
        out->writable = reg->writable;
        out->cell_count = reg->constant ? 0 : reg->column_count;
        out->cells = cells_of(form->table, raw, reg->columns, out->cell_count);
        for (size_t k = 0; k < count; k++) {
            if (readings[k].number == reg->number) {
                out->present = readings[k].problem == NULL;
                out->value = readings[k].value;
                out->problem = readings[k].problem;
            }
        }
    }
    *row = (struct capture_row){.registers = registers,
                                .register_count = form->register_count,
                                .identity = cells_of(form->table, raw, form->identity, form->identity_count),
                                .identity_count = form->identity_count,
                                .updated_in_place = true};
    return row;
}

static bool is_acked(const void *owner, uint32_t stream, uint64_t seq)
{
    return core_is_acked(owner, stream, seq);
}

/* One look at the row; *shadow is the one after it. False: nothing to do. */
static bool look(struct capture_row *row, struct shadow **shadow)
{
    struct capture_source source = {.self = node->id,
                                    .lane = 1,
                                    .scope = scope_of_node(node->id),
                                    .crypto = node->crypto,
                                    .secret = span_text("secret"),
                                    .system = span_text("fuzz"),
                                    .actor = span_text("clerk"),
                                    .form_window_ms = 1800000,
                                    .ready = true,
                                    .is_acked = is_acked,
                                    .is_acked_owner = node->core};
    uint8_t nonce[32];
    struct capture_decision decision;
    struct written written[64];
    struct capture_input input = {.now_ms = world.now_ms, .row = row, .shadow = *shadow};
    capture_nonce(&source, span_text("aduan"), span_text("1"), row->identity, row->identity_count, 0, nonce);
    input.nonce = span_of(nonce, sizeof nonce);
    input.record_id = capture_record_id(&source, input.nonce);
    if (*shadow) {
        must(core_record(node->core, (*shadow)->record, &input.record));
    }
    must(capture_decide(&source, &input, &world.arena, &decision));
    if (decision.action == CAPTURE_SHADOW) {
        *shadow = decision.shadow;
        return true;
    }
    if (decision.action != CAPTURE_LEAVES) {
        return false;
    }
    REQUIRE(decision.draft_count > 0 && decision.draft_count <= 64);
    for (size_t i = 0; i < decision.draft_count; i++) {
        struct fault fault = {0};
        struct status s = core_write(node->core, &decision.drafts[i], &written[i], &fault);
        bool nothing_public =
            s.code == STATUS_INVALID && i == 0 && !*shadow; /* told to a person: the row says too little */
        if (!status_is_ok(s) && s.code != STATUS_LIMIT && !nothing_public) {
            fprintf(stderr, "draft %zu of kind %u: %s, %s %s\n", i, decision.drafts[i].kind, status_name(s),
                    fault.what ? fault.what : "", fault.field ? fault.field : "");
            abort();
        }
        if (!status_is_ok(s)) {
            return false;
        }
    }
    must(capture_done(&source, &decision, written, &world.arena));
    *shadow = decision.shadow;
    return true;
}

static void take(struct span text, struct shadow **shadow)
{
    const struct mapping_form *form = NULL;
    struct mapping_raw raw[LIMIT_COLUMNS];
    row_split(text, raw, mapping->tables[0].column_count);
    if (mapping_form(&mapping->tables[0], raw, &form) == ROW_FILTERED) {
        return;
    }
    struct capture_row *row = row_of(form, raw);
    for (int i = 0; look(row, shadow); i++) {
        REQUIRE(i < 8); /* it comes to rest */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!mapping) {
        begin();
    }
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t first = end ? (size_t)(end - data) : size;
    struct shadow *shadow = NULL;
    must(site_begin(&world, node));
    take(span_of(data, first), &shadow);
    if (end) {
        take(span_of(end + 1, size - first - 1), &shadow);
        take(span_of(data, first), &shadow);
    }
    core_rollback(node->core);
    arena_clear(&world.arena);
    return 0;
}
