/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_ROW_H
#define TESTS_FUZZ_ROW_H

#include "node/mapping/mapping.h"

/* The columns of a row from a fuzzer's text: parted by the byte 1; one that is the byte 2 alone, or is not there, is NULL. */
static inline void row_split(struct span text, struct mapping_raw *raw, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t start = at;
        while (at < text.size && text.data[at] != 1) {
            at++;
        }
        raw[i] = (struct mapping_raw){.bytes = span_of(text.size ? text.data + start : NULL, at - start)};
        raw[i].null = start >= text.size || (raw[i].bytes.size == 1 && text.data[start] == 2);
        if (raw[i].null) {
            raw[i].bytes = (struct span){0};
        }
        at += at < text.size ? 1 : 0;
    }
}

#endif
