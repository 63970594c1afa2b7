/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/run.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define VIOLATIONS 64
#define PROGRESS_MS 2000

struct worker {
    pid_t pid;
    uint64_t seed; /* the one it runs */
    struct counts counts;
};

struct found {
    uint64_t seed;
    char why[RUN_WHY];
};

/* Between the processes. */
struct shared {
    atomic_ullong next, done;
    atomic_bool stop;
    atomic_uint found_count;
    struct found found[VIOLATIONS];
    struct worker workers[RUN_JOBS];
};

static double now_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void found_add(struct shared *shared, uint64_t seed, const char *why)
{
    unsigned at = atomic_fetch_add(&shared->found_count, 1);
    if (at < VIOLATIONS) {
        shared->found[at].seed = seed;
        (void)snprintf(shared->found[at].why, RUN_WHY, "%s", why);
    }
}

/* One of twenty runs twice and must go the same way. */
static void run_one(struct world *world, struct plan *plan, struct pool *pool, struct shared *shared, struct worker *worker,
                    const struct run_options *options)
{
    uint64_t hash = 0;
    uint64_t again = 0;
    plan_make(plan, worker->seed, options->size);
    plan->settings[SETTING_sqlite] |= options->sqlite;
    const char *why = world_run(world, plan, &worker->counts, pool, false, &hash);
    worker->counts.traces += random_mix(worker->seed + hash);
    if (why) {
        found_add(shared, worker->seed, why);
        return;
    }
    if (worker->seed % 20 == 7) {
        static struct counts second;
        (void)world_run(world, plan, &second, pool, false, &again);
        worker->counts.twice++;
        if (again != hash) {
            found_add(shared, worker->seed, "the second run of the seed went another way: the simulator is not deterministic");
        }
    }
}

static _Noreturn void work(struct shared *shared, struct worker *worker, const struct run_options *options)
{
    static struct world world;
    static struct plan plan;
    static struct pool pool;
    for (;;) {
        uint64_t n = atomic_fetch_add(&shared->next, 1);
        if (n >= options->seeds || atomic_load(&shared->stop)) {
            break;
        }
        worker->seed = options->first + n;
        run_one(&world, &plan, &pool, shared, worker, options);
        atomic_fetch_add(&shared->done, 1);
    }
    free(world.oracle);
    pool_free(&pool);
    exit(0);
}

static void start(struct shared *shared, struct worker *worker, const struct run_options *options)
{
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        perror("fork");
        exit(2);
    }
    if (pid == 0) {
        work(shared, worker, options);
    }
    worker->pid = pid;
}

static void progress(const struct run_options *options, struct shared *shared, double began)
{
    double passed = now_seconds() - began;
    uint64_t done = atomic_load(&shared->done);
    double left = done > 0 ? passed / (double)done * (double)(options->seeds - done) : 0;
    if (options->seconds > 0 && left > (double)options->seconds - passed) {
        left = (double)options->seconds - passed;
    }
    (void)fprintf(stderr, "%s%" PRIu64 " of %" PRIu64 " seeds, %.0f a second, %u violations, about %.0f s left%s",
                  isatty(2) ? "\r" : "", done, options->seeds, passed > 0 ? (double)done / passed : 0,
                  atomic_load(&shared->found_count), left < 0 ? 0 : left, isatty(2) ? "   " : "\n");
}

/* True: one of the workers has ended for good. */
static bool reap(struct shared *shared, const struct run_options *options)
{
    int state;
    pid_t pid = waitpid(-1, &state, WNOHANG);
    for (unsigned i = 0; pid > 0 && i < options->jobs; i++) {
        struct worker *worker = &shared->workers[i];
        if (worker->pid != pid) {
            continue;
        }
        if (WIFEXITED(state) && WEXITSTATUS(state) == 0) {
            worker->pid = 0;
            return true;
        }
        found_add(shared, worker->seed, "the program ended itself: an assertion or a sanitizer, see --seed N --trace");
        atomic_fetch_add(&shared->done, 1);
        start(shared, worker, options);
    }
    return false;
}

static void follow(struct shared *shared, const struct run_options *options)
{
    double began = now_seconds();
    double told = began;
    unsigned left = options->jobs;
    while (left > 0) {
        if (reap(shared, options)) {
            left--;
            continue;
        }
        (void)usleep(20000);
        double now = now_seconds();
        if (now - told > (isatty(2) ? 1 : 20)) {
            progress(options, shared, began);
            told = now;
        }
        if (options->seconds > 0 && now - began > (double)options->seconds) {
            atomic_store(&shared->stop, true);
        }
    }
    progress(options, shared, began);
    (void)fprintf(stderr, "\n");
}

bool run_seeds(const struct run_options *options)
{
    static struct counts counts;
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("mmap");
        return false;
    }
    for (unsigned i = 0; i < options->jobs; i++) {
        start(shared, &shared->workers[i], options);
    }
    follow(shared, options);
    for (unsigned i = 0; i < options->jobs; i++) {
        counts_add(&counts, &shared->workers[i].counts);
    }
    unsigned violations = atomic_load(&shared->found_count);
    table_print(&counts, cpu_seconds());
    printf("violations                %u\n", violations);
    for (unsigned i = 0; i < violations && i < VIOLATIONS; i++) {
        printf("  seed %" PRIu64 ": %s\n", shared->found[i].seed, shared->found[i].why);
    }
    if (violations > 0) {
        printf("see one with --seed N --trace, make a story of it with --shrink N\n");
    }
    bool kept = !options->ledger || ledger_append(options->ledger, &counts, violations, cpu_seconds());
    (void)munmap(shared, sizeof *shared);
    return violations == 0 && kept;
}

/* ---- one plan ---- */

bool run_traced(struct plan *plan)
{
    static struct world world;
    static struct counts counts;
    static struct pool pool;
    uint64_t hash;
    const char *why = world_run(&world, plan, &counts, &pool, true, &hash);
    if (why) {
        printf("broken: %s\n", why);
    } else {
        printf("nothing broken; %" PRIu64 " events, %" PRIu64 " leaves, trace hash %016" PRIx64 "\n", counts.events,
               counts.leaves, hash);
    }
    free(world.oracle);
    world.oracle = NULL;
    pool_free(&pool);
    return why == NULL;
}

static _Noreturn void run_child(struct plan *plan, int to)
{
    static struct world world;
    static struct counts counts;
    static struct pool pool;
    char text[RUN_WHY] = "";
    uint64_t hash;
    const char *why = world_run(&world, plan, &counts, &pool, false, &hash);
    (void)snprintf(text, sizeof text, "%s", why ? why : "");
    ssize_t written = write(to, text, sizeof text);
    _exit(written == (ssize_t)sizeof text ? 0 : 1);
}

bool run_apart(struct plan *plan, char why[RUN_WHY])
{
    int ends[2];
    int state = 0;
    if (pipe(ends) != 0) {
        perror("pipe");
        exit(2);
    }
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr)) {
            _exit(1);
        }
        (void)close(ends[0]);
        run_child(plan, ends[1]);
    }
    (void)close(ends[1]);
    ssize_t got = read(ends[0], why, RUN_WHY);
    (void)close(ends[0]);
    (void)waitpid(pid, &state, 0);
    if (got != RUN_WHY) {
        (void)snprintf(why, RUN_WHY, "the program ended itself");
    }
    why[RUN_WHY - 1] = 0;
    return why[0] == 0;
}

/* ---- stories ---- */

static int is_story(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 6 && strcmp(entry->d_name + size - 6, ".story") == 0;
}

static bool run_story(const char *path)
{
    static struct plan plan;
    char problem[256] = "cannot be opened";
    FILE *file = fopen(path, "r");
    bool read = file && plan_read(file, &plan, problem, sizeof problem);
    if (file) {
        (void)fclose(file);
    }
    bool held = read && run_apart(&plan, problem);
    printf("%-7s %s%s%s\n", held ? "holds" : "BROKEN", path, held ? "" : ": ", held ? "" : problem);
    return held;
}

bool run_stories(const char *folder)
{
    struct dirent **names;
    int count = scandir(folder, &names, is_story, alphasort);
    bool all = count >= 0;
    for (int i = 0; i < count; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        all = run_story(path) && all;
        free(names[i]);
    }
    if (count >= 0) {
        free(names);
    }
    printf("%d stories\n", count < 0 ? 0 : count);
    return all;
}
