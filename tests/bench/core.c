/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_store node_crypto node_peer */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "node/peer/pack.h"
#include "node/store/store_postgres.h"
#include "node/store/store_sqlite.h"
#include "tests/unit/sync/world.h"

/* CPU per change on the way from a node's store to the hub's store, in one process and without a network, so that one
 * number stands for one side and a profiler sees nothing else: `bench_core FOLDER [changes [rounds]]`. Both stores are
 * SQLite files in FOLDER; the hub's may be a database of a PostgreSQL server, whose own CPU is not in the numbers. The rows are those of tests/bench/workload.py: an insert and an update are two leaves each.
 */

enum {
    GROUP = 500, /* changes captured in one transaction */
    TEXT_SIZE = 710,
};

static double cpu_us(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static double wall_us(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static struct store *store_open(const char *folder, const char *name)
{
    char path[512];
    char problem[1024];
    struct store *store;
    snprintf(path, sizeof path, "%s/%s.db", folder, name);
    unlink(path);
    if (!status_is_ok(store_sqlite_open(path, memory_heap(), &store, problem, sizeof problem))) {
        fail_msg("%s", problem);
    }
    return store;
}

static struct store *store_connect(const char *source)
{
    char problem[1024];
    struct store *store;
    if (!status_is_ok(store_postgres_open(&(struct store_postgres_options){.source = source}, memory_heap(), &store, problem, sizeof problem))) {
        fail_msg("%s", problem);
    }
    return store;
}

static void sites_start(struct world *w, const char *folder, const char *hub_source)
{
    struct site *s = &w->nodes[0];
    *w = (struct world){.memory = memory_heap(), .now_ms = WORLD_START_MS, .node_count = 1};
    arena_init(&w->arena, memory_heap(), SIZE_MAX);
    w->hub.id = world_node("hub");
    w->hub.crypto = world_crypto(1);
    w->hub.store = hub_source ? store_connect(hub_source) : store_open(folder, "hub");
    must(site_start(w, &w->hub));
    s->id = world_node("61.03");
    s->instance = 1;
    s->crypto = world_crypto(10);
    s->store = store_open(folder, "node");
    must(site_begin(w, &w->hub));
    must(site_end(&w->hub, register_node(w->hub.core, s, (struct node_id){{0}}, INSTITUTION_REGENCY)));
    must(site_start(w, s));
    must(world_settle(w));
}

static struct span bench_value(struct world *w, struct value value)
{
    struct span bytes;
    must(value_write(&value, &w->arena, &bytes));
    return bytes;
}

static struct span bench_text(struct world *w, const char *begin, size_t number, size_t size)
{
    static const char *const words[] = {"jalan",    "berlubang", "air",     "keruh",  "lampu", "padam",  "sampah",
                                        "jembatan", "rusak",     "sekolah", "bocor",  "pasar", "kotor",  "warga",
                                        "sudah",    "melapor",   "mohon",   "segera", "dinas", "terkait"};
    char text[TEXT_SIZE + 64];
    uint64_t dice = number * 0x9e3779b97f4a7c15U | 1;
    size_t at = (size_t)snprintf(text, sizeof text, "%s %08zu: tim survei berangkat hari Rabu", begin, number);
    while (at < size) {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        at += (size_t)snprintf(text + at, sizeof text - at, " %s", words[dice % (sizeof words / sizeof words[0])]);
    }
    return bench_value(w, (struct value){.type = VALUE_TEXT, .text = span_text(text)});
}

static struct record_id insert(struct world *w, struct site *s, size_t number)
{
    uint8_t nonce[32] = {0};
    memcpy(nonce, &number, sizeof number);
    struct body_value values[] = {
        {REG_STATUS, status_value(w, COMPLAINT_BELUM_VERIFIKASI)},
        {REG_CLASS, bench_value(w, (struct value){.type = VALUE_CLASS,
                                                  .class = {.classification = CLASSIFICATION_PENGADUAN,
                                                            .category = span_text("infrastruktur")}})},
        {REG_TIME_RECEIVED, bench_value(w, (struct value){.type = VALUE_TIME, .time = {.ms = (int64_t)w->now_ms}})},
        {REG_ASSIGN, bench_value(w, (struct value){.type = VALUE_ASSIGN, .assign = {.opd = span_text("Dinas PUPR")}})},
        {REG_TITLE, bench_text(w, "Aduan", number, 70)},
        {REG_TEXT, bench_text(w, "Isi", number, TEXT_SIZE)},
        {REG_PLACE, bench_value(w, (struct value){.type = VALUE_PLACE,
                                                  .place = {.village = span_text("Desa 12"),
                                                            .address = span_text("Jalan Sudirman 3")}})},
    };
    for (size_t i = 1; i < sizeof values / sizeof values[0]; i++) {
        for (size_t at = i; at > 0 && values[at].number < values[at - 1].number; at--) {
            struct body_value swap = values[at];
            values[at] = values[at - 1];
            values[at - 1] = swap;
        }
    }
    struct written written;
    struct draft draft = {.kind = KIND_CREATE,
                          .lane = 1,
                          .role = ROLE_CLERK,
                          .actor = span_text("bench"),
                          .values = values,
                          .value_count = sizeof values / sizeof values[0],
                          .nonce = span_of(nonce, sizeof nonce)};
    must(core_write(s->core, &draft, &written, NULL));
    return written.record;
}

static void update(struct world *w, struct site *s, struct record_id id, size_t round, size_t number)
{
    static const enum complaint_status states[] = {COMPLAINT_TERVERIFIKASI, COMPLAINT_PROSES, COMPLAINT_SELESAI};
    const struct record *record;
    struct ctx_entry *ctx;
    size_t count;
    struct written written;
    must(core_record(s->core, id, &record));
    must(record_token(record, &w->arena, &ctx, &count));
    struct body_value values[2] = {{REG_STATUS, status_value(w, states[round % 3])},
                                   {REG_CLOSING, bench_text(w, "Jawaban", number + round, 0)}};
    struct draft draft = {.record = id,
                          .kind = KIND_EDIT,
                          .lane = 1,
                          .role = ROLE_CLERK,
                          .actor = span_text("bench"),
                          .values = values,
                          .value_count = 2,
                          .ctx = ctx,
                          .ctx_count = count};
    must(core_write(s->core, &draft, &written, NULL));
}

struct side_cost {
    double make, hub, acknowledge, compare, wall;
    size_t pushes, bytes;
};

struct parcel {
    struct span bytes; /* owned (malloc) */
    const char *type;
};

static struct parcel parcel_pack(struct span message, size_t *bytes)
{
    struct parcel parcel;
    must(pack_write(message, &parcel.bytes, &parcel.type));
    *bytes += parcel.bytes.size;
    return parcel;
}

/* What the parcel holds lives in it or in the arena: both go after the push. */
static struct span parcel_open(struct world *w, const struct parcel *parcel)
{
    struct span message;
    must(pack_read(span_text(parcel->type), parcel->bytes, &w->arena, &message));
    return message;
}

/* The sides are functions of their own also in an optimised build, so that a profile can be cut at them. */
#define SIDE __attribute__((noinline)) static

SIDE struct parcel side_make(struct world *w, struct site *s, struct push *push, size_t *bytes)
{
    struct span request = {0};
    must(site_begin(w, s));
    must(site_end(s, push_ask(w, s, push, &request)));
    return push->leaf_count > 0 ? parcel_pack(request, bytes) : (struct parcel){.type = ""};
}

SIDE struct parcel side_hub(struct world *w, struct site *s, const struct parcel *request, size_t *bytes)
{
    struct span reply = {0};
    must(site_begin(w, &w->hub));
    must(site_end(&w->hub, hub_push(w, s, parcel_open(w, request), &reply)));
    if (w->verdict != VERDICT_OK) {
        fail_msg("verdict %s", verdict_name(w->verdict));
    }
    return parcel_pack(reply, bytes);
}

SIDE void side_acknowledge(struct world *w, struct site *s, const struct push *push, const struct parcel *reply,
                           struct push_answer *out_answer)
{
    struct next next;
    must(site_begin(w, s));
    must(push_answer_read(parcel_open(w, reply), &w->arena, out_answer));
    must(site_end(s, core_push_acknowledged(s->core, push, out_answer, &next)));
}

SIDE void side_compare(struct world *w, struct site *s, const struct push_answer *answer)
{
    must(site_begin(w, s));
    must(site_end(s, core_push_compared(s->core, answer->digests, answer->digest_count)));
}

/* One push as the two processes do it; false when nothing is left. */
static bool push_once(struct world *w, struct site *s, struct side_cost *cost)
{
    struct push push;
    struct push_answer answer;
    double at[5];
    at[0] = cpu_us();
    struct parcel request = side_make(w, s, &push, &cost->bytes);
    if (push.leaf_count == 0) {
        return false;
    }
    at[1] = cpu_us();
    struct parcel reply = side_hub(w, s, &request, &cost->bytes);
    at[2] = cpu_us();
    side_acknowledge(w, s, &push, &reply, &answer);
    at[3] = cpu_us();
    side_compare(w, s, &answer);
    at[4] = cpu_us();
    cost->make += at[1] - at[0];
    cost->hub += at[2] - at[1];
    cost->acknowledge += at[3] - at[2];
    cost->compare += at[4] - at[3];
    cost->pushes++;
    free((void *)(uintptr_t)request.bytes.data);
    free((void *)(uintptr_t)reply.bytes.data);
    return true;
}

static void push_all(struct world *w, struct site *s, const char *what, size_t changes, double capture)
{
    struct side_cost cost = {0};
    double began = wall_us();
    while (push_once(w, s, &cost)) {
        arena_clear(&w->arena);
    }
    double n = (double)changes;
    printf("%-10s capture %6.1f | make %5.1f acknowledge %5.1f compare %5.1f = node %6.1f | hub %6.1f | %5.0f "
           "B/change, %zu pushes, "
           "%.0f/s in one thread\n",
           what, capture / n, cost.make / n, cost.acknowledge / n, cost.compare / n,
           (cost.make + cost.acknowledge + cost.compare) / n, cost.hub / n, (double)cost.bytes / n, cost.pushes,
           n / (wall_us() - began) * 1e6);
    fflush(stdout);
}

static void events_show(struct world *w, struct site *s, const char *who)
{
    printf("%s: %zu events\n", who, site_events(w, s));
}

int main(int argc, char **argv)
{
    size_t changes = argc > 2 ? (size_t)strtoull(argv[2], NULL, 10) : 20000;
    size_t rounds = argc > 3 ? (size_t)strtoull(argv[3], NULL, 10) : 2;
    struct world w;
    struct site *s = &w.nodes[0];
    if (argc < 2) {
        fprintf(stderr, "usage: bench_core FOLDER [changes [rounds [connection string of an empty database for the hub]]]\n");
        return 2;
    }
    sites_start(&w, argv[1], argc > 4 ? argv[4] : NULL);
    struct record_id *ids = calloc(changes, sizeof *ids);
    for (size_t round = 0; round <= rounds; round++) {
        double began = cpu_us();
        for (size_t at = 0; at < changes; at += GROUP) {
            w.now_ms += 5;
            must(site_begin(&w, s));
            for (size_t i = at; i < at + GROUP && i < changes; i++) {
                if (round == 0) {
                    ids[i] = insert(&w, s, i + 1);
                } else {
                    update(&w, s, ids[i], round, i);
                }
            }
            must(site_end(s, status_ok()));
            arena_clear(&w.arena);
        }
        push_all(&w, s, round == 0 ? "inserts" : "updates", changes, cpu_us() - began);
    }
    events_show(&w, s, "node");
    events_show(&w, &w.hub, "hub");
    free(ids);
    world_release(&w);
    return 0;
}
