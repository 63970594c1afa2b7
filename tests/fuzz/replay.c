/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs a fuzz target over its kept corpus, and over every file cut short and with single bits changed, without libFuzzer:
 *   fuzz_header_replay tests/fuzz/corpus/header
 * A broken property aborts; the name of the file stands on stderr then. Fails on an empty corpus. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An exact copy, so that the sanitizer sees a read past its end. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) {
        abort();
    }
    if (size) {
        memcpy(copy, data, size);
    }
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_variants(uint8_t *data, size_t size)
{
    run(data, size);
    size_t step = 1 + size / 256;
    for (size_t at = 0; at < size; at += step) {
        run(data, at);
        for (unsigned bit = 0; bit < 8; bit++) {
            data[at] = (uint8_t)(data[at] ^ 1u << bit);
            run(data, size);
            data[at] = (uint8_t)(data[at] ^ 1u << bit);
        }
    }
}

static int run_file(const char *path)
{
    static uint8_t data[4 * 1024 * 1024];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    fprintf(stderr, "%s\n", path);
    run_variants(data, size);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    size_t count = 0;
    int failed = 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char path[4096];
        int length = snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (length < 0 || (size_t)length >= sizeof path) {
            fprintf(stderr, "%s: name too long\n", entry->d_name);
            failed = 1;
            continue;
        }
        failed |= run_file(path);
        count++;
    }
    closedir(folder);
    printf("%zu files\n", count);
    return failed || count == 0;
}
