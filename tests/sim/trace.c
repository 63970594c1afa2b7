/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

const char *time_text(uint64_t ms, char out[24])
{
    uint64_t since = ms - WORLD_BEGIN;
    (void)snprintf(out, 24, "%3u %02u:%02u:%02u.%03u", (unsigned)(since / DAY), (unsigned)(since / HOUR % 24),
                   (unsigned)(since / MINUTE % 60), (unsigned)(since / 1000 % 60), (unsigned)(since % 1000));
    return out;
}

void trace_line(const struct world *w, const struct site *s, const char *format, ...)
{
    char time[24];
    va_list list;
    va_start(list, format);
    printf("%s  %-7.16s ", time_text(w->now_ms, time), s ? s->id.text : "-");
    (void)vprintf(format, list);
    printf("\n");
    va_end(list);
}

void trace_mix(struct world *w, uint64_t a, uint64_t b)
{
    w->trace_hash = random_mix(w->trace_hash * 0x9e3779b97f4a7c15U + a) ^ (b + (w->trace_hash << 7));
}

void trace_bytes(struct world *w, struct span bytes)
{
    uint64_t hash = bytes.size;
    size_t at = 0;
    for (; at + 8 <= bytes.size; at += 8) {
        uint64_t word;
        memcpy(&word, bytes.data + at, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 29;
    }
    for (; at < bytes.size; at++) {
        hash = (hash ^ bytes.data[at]) * 0x100000001b3U;
    }
    trace_mix(w, hash, bytes.size);
}
