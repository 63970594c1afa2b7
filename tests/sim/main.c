/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <unistd.h>

#include "tests/sim/run.h"

static const char usage[] = "sim [--seeds N] [--from S] [--jobs J] [--seconds T] [--standard] [--store sqlite] [--ledger FILE]\n"
                            "sim --seed S [--standard] [--store sqlite] [--trace]      one seed\n"
                            "sim --shrink S [--standard]              a story file of a failing seed, in the story folder\n"
                            "sim --file STORY [--trace]               one story\n"
                            "sim --stories                            all stories of the story folder\n"
                            "    [--folder DIR]                       the story folder (tests/sim/stories)\n";

struct arguments {
    struct run_options run;
    uint64_t seed;
    bool one, trace, shrink, stories;
    const char *file, *folder;
};

static bool number(const char *text, uint64_t *out_number)
{
    char *end = NULL;
    uint64_t value = text ? strtoull(text, &end, 10) : 0;
    bool good = text && *text && *end == 0;
    *out_number = good ? value : *out_number;
    return good;
}

/* Arguments with a value; false: the name is none of them, or the value is wrong. */
static bool take_value(struct arguments *a, const char *name, const char *value)
{
    uint64_t jobs = 0;
    if (strcmp(name, "--seeds") == 0) {
        return number(value, &a->run.seeds) && a->run.seeds > 0;
    }
    if (strcmp(name, "--from") == 0) {
        return number(value, &a->run.first);
    }
    if (strcmp(name, "--seconds") == 0) {
        return number(value, &a->run.seconds);
    }
    if (strcmp(name, "--jobs") == 0) {
        bool good = number(value, &jobs) && jobs > 0 && jobs <= RUN_JOBS;
        a->run.jobs = (unsigned)jobs;
        return good;
    }
    if (strcmp(name, "--seed") == 0 || strcmp(name, "--shrink") == 0) {
        a->one = true;
        a->shrink = name[3] == 'h';
        return number(value, &a->seed);
    }
    if (strcmp(name, "--store") == 0) {
        a->run.sqlite = value && strcmp(value, "sqlite") == 0;
        return a->run.sqlite || (value && strcmp(value, "model") == 0);
    }
    const char **text = strcmp(name, "--file") == 0     ? &a->file
                        : strcmp(name, "--folder") == 0 ? &a->folder
                        : strcmp(name, "--ledger") == 0 ? &a->run.ledger
                                                        : NULL;
    if (text) {
        *text = value;
    }
    return text && value;
}

static bool arguments_read(int argc, char **argv, struct arguments *a)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0) {
            a->trace = true;
        } else if (strcmp(argv[i], "--standard") == 0) {
            a->run.size = PLAN_STANDARD;
        } else if (strcmp(argv[i], "--stories") == 0) {
            a->stories = true;
        } else if (take_value(a, argv[i], i + 1 < argc ? argv[i + 1] : NULL)) {
            i++;
        } else {
            (void)fprintf(stderr, "%s is not understood\n%s", argv[i], usage);
            return false;
        }
    }
    return true;
}

static bool one_plan(const struct arguments *a, struct plan *plan)
{
    char why[RUN_WHY];
    if (a->shrink) {
        return shrink(plan, a->folder);
    }
    if (a->trace) {
        return run_traced(plan);
    }
    bool held = run_apart(plan, why);
    printf("%s\n", held ? "nothing broken" : why);
    return held;
}

int main(int argc, char **argv)
{
    static struct plan plan;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct arguments a = {.run = {.first = 1, .seeds = 2000, .jobs = cores > 0 && cores < RUN_JOBS ? (unsigned)cores : 1},
                          .folder = "tests/sim/stories"};
    char problem[256] = "cannot be opened";
    if (!arguments_read(argc, argv, &a)) {
        return 2;
    }
    if (a.stories) {
        return run_stories(a.folder) ? 0 : 1;
    }
    if (a.file) {
        FILE *file = fopen(a.file, "r");
        bool read = file && plan_read(file, &plan, problem, sizeof problem);
        if (file) {
            (void)fclose(file);
        }
        if (!read) {
            (void)fprintf(stderr, "%s: %s\n", a.file, problem);
            return 2;
        }
        return one_plan(&a, &plan) ? 0 : 1;
    }
    if (a.one) {
        plan_make(&plan, a.seed, a.run.size);
        plan.settings[SETTING_sqlite] |= a.run.sqlite;
        return one_plan(&a, &plan) ? 0 : 1;
    }
    return run_seeds(&a.run) ? 0 : 1;
}
