/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_http */
#include "tests/unit/http/h1_transcript.h"

/* The HTTP parser: any split of the same bytes gives the same events. The first byte seeds the split, the rest is what
 * a peer sends. Each offer stands in memory of its exact size, so a read behind it is seen. */

static size_t piece_whole(void *owner)
{
    (void)owner;
    return SIZE_MAX;
}

struct pieces {
    uint32_t x;
    uint32_t usual_max; /* grows with the input, or long heads would be offered thousands of times */
};

static size_t piece_random(void *owner)
{
    struct pieces *pieces = owner;
    pieces->x = pieces->x * 1664525 + 1013904223;
    return 1 + (pieces->x >> 16) % ((pieces->x & 3) == 0 ? 300 : pieces->usual_max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct pieces pieces = {.x = data[0], .usual_max = 7 + (uint32_t)size / 64};
    struct span input = span_of(data + 1, size - 1);
    char *whole = transcript_of(input, 4096, piece_whole, NULL);
    char *split = transcript_of(input, 4096, piece_random, &pieces);
    if (strcmp(whole, split) != 0) {
        abort();
    }
    free(whole);
    free(split);
    return 0;
}
