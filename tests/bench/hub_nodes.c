/* SPDX-License-Identifier: Apache-2.0 */
/* Many nodes of a federation in one process, for tests/bench/hub: each with its own keys, certificate, store and core, each with
 * a TLS connection of its own to a real hub, speaking the real protocol. `bench_hub_nodes URL THREADS` reads configurations,
 * one a line, up to an empty line; then commands, each answered with one line of JSON:
 *
 *   write COMPLAINTS UPDATES   each node writes so many complaints, and so many changes of each of them; nothing is sent
 *   sync                       all nodes at once: hello, pushes until nothing is left, pulls */
#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "conflict/record.h"
#include "node/base/clock.h"
#include "node/base/heap.h"
#include "node/peer/pack.h"
#include "node/process/local.h"
#include "proto/limits.h"
#include "proto/value.h"

enum { NODES_MAX = 1024, THREADS_MAX = 64, GROUP = 200, TEXT_SIZE = 500, RETRY_MS = 200 };

struct sim {
    struct arena kept; /* configuration */
    struct arena arena; /* of one step */
    struct config config;
    struct local local;
    CURL *curl;
    struct curl_slist *plain, *packed;
    uint64_t written;
    uint64_t busy;
};

struct samples {
    double *ms;
    size_t count, capacity;
};

static struct sim sims[NODES_MAX];
static size_t sim_count;
static size_t thread_count;
static char **hub_urls; /* one for each process of the hub */
static size_t hub_count;

static void must_at(struct status status, const char *what, int line)
{
    if (!status_is_ok(status)) {
        fprintf(stderr, "hub_nodes.c:%d: %s: %s\n", line, what, status_name(status));
        exit(1);
    }
}
#define MUST(call) must_at(call, #call, __LINE__)

static void samples_add(struct samples *samples, double ms)
{
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity ? samples->capacity * 2 : 256;
        samples->ms = realloc(samples->ms, samples->capacity * sizeof *samples->ms);
        assert(samples->ms);
    }
    samples->ms[samples->count++] = ms;
}

static double now_precise_ms(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

/* ---- writing ---- */

static struct span value_bytes(struct sim *s, struct value value)
{
    struct span bytes;
    MUST(value_write(&value, &s->arena, &bytes));
    return bytes;
}

static struct span words(struct sim *s, const char *begin, uint64_t number, size_t size)
{
    static const char *const list[] = {"jalan", "berlubang", "air", "keruh", "lampu", "padam", "sampah", "jembatan", "rusak",
                                       "sekolah", "bocor", "pasar", "kotor", "warga", "melapor", "mohon", "segera", "dinas"};
    char text[TEXT_SIZE + 64];
    uint64_t dice = number * 0x9e3779b97f4a7c15U | 1;
    size_t at = (size_t)snprintf(text, sizeof text, "%s %08llu", begin, (unsigned long long)number);
    while (at < size) {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        at += (size_t)snprintf(text + at, sizeof text - at, " %s", list[dice % (sizeof list / sizeof list[0])]);
    }
    return value_bytes(s, (struct value){.type = VALUE_TEXT, .text = span_text(text)});
}

static struct span status_bytes(struct sim *s, enum complaint_status status)
{
    return value_bytes(s, (struct value){.type = VALUE_STATUS, .status = {.status = status}});
}

static int value_order(const void *left, const void *right)
{
    const struct body_value *a = left;
    const struct body_value *b = right;
    return a->number < b->number ? -1 : a->number > b->number;
}

static struct record_id insert(struct sim *s)
{
    uint8_t nonce[32] = {0};
    uint64_t number = ++s->written;
    struct value class = {.type = VALUE_CLASS,
                          .class = {.classification = CLASSIFICATION_PENGADUAN, .category = span_text("infrastruktur")}};
    struct body_value values[] = {
        {REG_STATUS, status_bytes(s, COMPLAINT_BELUM_VERIFIKASI)},
        {REG_CLASS, value_bytes(s, class)},
        {REG_TIME_RECEIVED, value_bytes(s, (struct value){.type = VALUE_TIME, .time = {.ms = clock_now_ms()}})},
        {REG_TITLE, words(s, "Aduan", number, 60)},
        {REG_TEXT, words(s, "Isi", number, TEXT_SIZE)},
    };
    enum { COUNT = sizeof values / sizeof values[0] };
    struct written written;
    memcpy(nonce, &number, sizeof number);
    qsort(values, COUNT, sizeof values[0], value_order);
    struct draft draft = {.kind = KIND_CREATE, .lane = 1, .role = ROLE_CLERK, .actor = span_text("bench"), .values = values,
                          .value_count = COUNT, .nonce = span_of(nonce, sizeof nonce)};
    MUST(core_write(s->local.core, &draft, &written, NULL));
    return written.record;
}

static void update(struct sim *s, struct record_id id, size_t round)
{
    static const enum complaint_status states[] = {COMPLAINT_TERVERIFIKASI, COMPLAINT_PROSES, COMPLAINT_SELESAI};
    const struct record *record;
    struct ctx_entry *ctx;
    size_t count;
    struct written written;
    MUST(core_record(s->local.core, id, &record));
    MUST(record_token(record, &s->arena, &ctx, &count));
    struct body_value values[2] = {{REG_STATUS, status_bytes(s, states[round % 3])}, {REG_CLOSING, words(s, "Jawab", round, 80)}};
    qsort(values, 2, sizeof values[0], value_order);
    struct draft draft = {.record = id, .kind = KIND_EDIT, .lane = 1, .role = ROLE_CLERK, .actor = span_text("bench"),
                          .values = values, .value_count = 2, .ctx = ctx, .ctx_count = count};
    MUST(core_write(s->local.core, &draft, &written, NULL));
}

static void begin(struct sim *s)
{
    arena_clear(&s->arena);
    MUST(core_begin(s->local.core, (uint64_t)clock_now_ms()));
}

static void write_some(struct sim *s, size_t complaints, size_t updates)
{
    for (size_t at = 0; at < complaints;) {
        begin(s);
        for (size_t i = 0; i < GROUP && at < complaints; i++, at++) {
            struct record_id id = insert(s);
            for (size_t round = 0; round < updates; round++) {
                update(s, id, round);
            }
        }
        MUST(core_commit(s->local.core));
    }
}

/* ---- the dialogue ---- */

struct answer {
    uint8_t *bytes;
    size_t size;
};

static size_t on_bytes(char *data, size_t size, size_t count, void *owner)
{
    struct answer *answer = owner;
    uint8_t *grown = realloc(answer->bytes, answer->size + size * count + 1);
    if (!grown) {
        return 0;
    }
    memcpy(grown + answer->size, data, size * count);
    answer->bytes = grown;
    answer->size += size * count;
    return size * count;
}

/* Until the hub has answered; what it says to be busy is counted and asked again. */
static struct span post(struct sim *s, const char *path, struct span message, struct answer *answer, struct samples *samples)
{
    struct span bytes;
    const char *type;
    char url[256];
    long code = 0;
    snprintf(url, sizeof url, "%s%s", hub_urls[(size_t)(s - sims) % hub_count], path);
    MUST(pack_write(message, &bytes, &type));
    curl_easy_setopt(s->curl, CURLOPT_URL, url);
    curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, strcmp(type, PACK_PLAIN_TYPE) == 0 ? s->plain : s->packed);
    curl_easy_setopt(s->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)bytes.size);
    curl_easy_setopt(s->curl, CURLOPT_POSTFIELDS, bytes.data);
    curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, answer);
    for (;;) {
        double started = now_precise_ms();
        answer->size = 0;
        CURLcode result = curl_easy_perform(s->curl);
        curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &code);
        if (result == CURLE_OK && code == 200) {
            samples_add(samples, now_precise_ms() - started);
            break;
        }
        if (result == CURLE_OK && code != 503) {
            fprintf(stderr, "%s: %ld %.*s\n", path, code, (int)answer->size, (const char *)answer->bytes);
            exit(1);
        }
        s->busy++;
        usleep(RETRY_MS * 1000);
    }
    free((void *)(uintptr_t)bytes.data);
    char *given = NULL;
    struct span out;
    curl_easy_getinfo(s->curl, CURLINFO_CONTENT_TYPE, &given);
    MUST(pack_read(span_text(given ? given : ""), span_of(answer->bytes, answer->size), &s->arena, &out));
    return out;
}

static struct next hello(struct sim *s, struct answer *buffer, struct samples *samples)
{
    struct hello message;
    struct hello_answer answer;
    struct next next;
    struct span bytes;
    begin(s);
    MUST(core_hello(s->local.core, false, &s->arena, &message));
    MUST(hello_write(&message, &s->arena, &bytes));
    MUST(core_commit(s->local.core));
    bytes = post(s, "/sync/v1/hello", bytes, buffer, samples);
    MUST(core_begin(s->local.core, (uint64_t)clock_now_ms()));
    MUST(hello_answer_read(bytes, &s->arena, &answer));
    MUST(core_hello_answered(s->local.core, &answer, &next));
    MUST(core_commit(s->local.core));
    return next;
}

/* False when nothing is left. */
static bool push(struct sim *s, struct answer *buffer, struct samples *samples)
{
    struct push message;
    struct push_answer answer;
    struct next next;
    struct span bytes;
    begin(s);
    MUST(core_push(s->local.core, &s->arena, &message));
    if (message.leaf_count == 0) {
        MUST(core_commit(s->local.core));
        return false;
    }
    MUST(push_write(&message, &s->arena, &bytes));
    MUST(core_commit(s->local.core));
    bytes = post(s, "/sync/v1/push", bytes, buffer, samples);
    MUST(core_begin(s->local.core, (uint64_t)clock_now_ms()));
    MUST(push_answer_read(bytes, &s->arena, &answer));
    MUST(core_push_answered(s->local.core, &message, &answer, &next));
    MUST(core_commit(s->local.core));
    if (next.step == NEXT_HELLO) {
        (void)hello(s, buffer, samples);
    }
    return true;
}

static bool pull(struct sim *s, struct answer *buffer, struct samples *samples)
{
    struct pull message;
    struct pull_answer answer;
    struct next next;
    struct span bytes;
    begin(s);
    MUST(core_pull(s->local.core, 0, &s->arena, &message));
    MUST(pull_write(&message, &s->arena, &bytes));
    MUST(core_commit(s->local.core));
    bytes = post(s, "/sync/v1/pull", bytes, buffer, samples);
    MUST(core_begin(s->local.core, (uint64_t)clock_now_ms()));
    MUST(pull_answer_read(bytes, &s->arena, &answer));
    MUST(core_pull_answered(s->local.core, &answer, &next));
    MUST(core_commit(s->local.core));
    return next.more;
}

/* ---- commands: the nodes are dealt out to the threads ---- */

struct work {
    pthread_t thread;
    size_t first;
    size_t complaints, updates; /* of a write */
    bool sync;
    struct samples pushes, others;
};

static void sync_one(struct sim *s, struct work *work, struct answer *buffer)
{
    if (!core_is_ready(s->local.core)) {
        struct next next = hello(s, buffer, &work->others);
        if (next.step != NEXT_GO_ON) {
            fprintf(stderr, "hello: %s\n", next.why);
            exit(1);
        }
        while (pull(s, buffer, &work->others)) {
        }
    }
    while (push(s, buffer, &work->pushes)) {
    }
    while (pull(s, buffer, &work->others)) {
    }
}

static void *work_main(void *argument)
{
    struct work *work = argument;
    struct answer buffer = {0};
    for (size_t i = work->first; i < sim_count; i += thread_count) {
        if (work->sync) {
            sync_one(&sims[i], work, &buffer);
        } else {
            write_some(&sims[i], work->complaints, work->updates);
        }
    }
    free(buffer.bytes);
    return NULL;
}

static int double_order(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static void print_samples(const char *name, struct samples *all)
{
    if (all->count == 0) {
        return;
    }
    qsort(all->ms, all->count, sizeof *all->ms, double_order);
    printf(", \"%s\": {\"count\": %zu, \"p50\": %.2f, \"p95\": %.2f, \"p99\": %.2f, \"max\": %.2f}", name, all->count,
           all->ms[all->count / 2], all->ms[all->count * 95 / 100], all->ms[all->count * 99 / 100], all->ms[all->count - 1]);
}

static void samples_join(struct samples *all, struct samples *one)
{
    for (size_t i = 0; i < one->count; i++) {
        samples_add(all, one->ms[i]);
    }
    free(one->ms);
}

static void run(bool sync, size_t complaints, size_t updates)
{
    static struct work works[THREADS_MAX];
    struct samples pushes = {0};
    struct samples others = {0};
    uint64_t busy = 0;
    double started = now_precise_ms();
    for (size_t t = 0; t < thread_count; t++) {
        works[t] = (struct work){.first = t, .sync = sync, .complaints = complaints, .updates = updates};
        pthread_create(&works[t].thread, NULL, work_main, &works[t]);
    }
    for (size_t t = 0; t < thread_count; t++) {
        pthread_join(works[t].thread, NULL);
        samples_join(&pushes, &works[t].pushes);
        samples_join(&others, &works[t].others);
    }
    for (size_t i = 0; i < sim_count; i++) {
        busy += sims[i].busy;
        sims[i].busy = 0;
    }
    printf("{\"ms\": %.1f, \"busy\": %llu", now_precise_ms() - started, (unsigned long long)busy);
    print_samples("pushes", &pushes);
    print_samples("others", &others);
    printf("}\n");
    fflush(stdout);
    free(pushes.ms);
    free(others.ms);
}

static void sim_open(struct sim *s, const char *path)
{
    struct problems problems;
    arena_init(&s->kept, memory_heap(), SIZE_MAX);
    arena_init(&s->arena, memory_heap(), SIZE_MAX);
    problems_init(&problems, &s->kept);
    char *copy = strdup(path);
    MUST(config_load(copy, &s->kept, &problems, &s->config));
    struct status status = local_open(&s->config, &s->local);
    if (!status_is_ok(status)) {
        fprintf(stderr, "%s: %s\n", path, s->local.problem);
        exit(1);
    }
    s->curl = curl_easy_init();
    s->plain = curl_slist_append(curl_slist_append(NULL, "Content-Type: " PACK_PLAIN_TYPE), "Expect:");
    s->packed = curl_slist_append(curl_slist_append(NULL, "Content-Type: " PACK_ZSTD_TYPE), "Expect:");
    curl_easy_setopt(s->curl, CURLOPT_CAINFO, s->config.authority);
    curl_easy_setopt(s->curl, CURLOPT_SSLCERT, s->config.certificate);
    curl_easy_setopt(s->curl, CURLOPT_SSLKEY, s->config.private_key);
    curl_easy_setopt(s->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(s->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, on_bytes);
}

int main(int argc, char **argv)
{
    char line[1024];
    if (argc < 3) {
        fprintf(stderr, "usage: bench_hub_nodes THREADS URL...\n");
        return 2;
    }
    hub_urls = argv + 2;
    hub_count = (size_t)argc - 2;
    thread_count = (size_t)strtoul(argv[1], NULL, 10);
    thread_count = thread_count < 1 ? 1 : thread_count > THREADS_MAX ? THREADS_MAX : thread_count;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    while (fgets(line, sizeof line, stdin) && line[0] != '\n' && sim_count < NODES_MAX) {
        line[strcspn(line, "\n")] = 0;
        sim_open(&sims[sim_count++], line);
    }
    while (fgets(line, sizeof line, stdin)) {
        size_t complaints = 0;
        size_t updates = 0;
        if (sscanf(line, "write %zu %zu", &complaints, &updates) == 2) {
            run(false, complaints, updates);
        } else {
            run(true, 0, 0);
        }
    }
    for (size_t i = 0; i < sim_count; i++) {
        curl_easy_cleanup(sims[i].curl);
        local_close(&sims[i].local);
    }
    return 0;
}
