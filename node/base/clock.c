/* SPDX-License-Identifier: Apache-2.0 */
#include "node/base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

static struct timespec clock_read(clockid_t clock)
{
    struct timespec at;
    int error = clock_gettime(clock, &at);
    assert(error == 0); /* cannot fail for these two clocks */
    return at;
}

int64_t clock_now_ms(void)
{
    struct timespec at = clock_read(CLOCK_REALTIME);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

int64_t clock_monotonic_us(void)
{
    struct timespec at = clock_read(CLOCK_MONOTONIC);
    return (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

int64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000;
}

void clock_text(int64_t now_ms, char out_text[CLOCK_TEXT_SIZE])
{
    int64_t ms = (now_ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)(now_ms / 1000 - (now_ms % 1000 < 0));
    struct tm t;
    if (!gmtime_r(&seconds, &t) || t.tm_year < -1900 || t.tm_year > 9999 - 1900) {
        snprintf(out_text, CLOCK_TEXT_SIZE, "out-of-range");
        return;
    }
    /* Unsigned and reduced, so that the compiler sees that the text fits. */
    snprintf(out_text, CLOCK_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)(t.tm_year + 1900) % 10000,
             (unsigned)(t.tm_mon + 1) % 100, (unsigned)t.tm_mday % 100, (unsigned)t.tm_hour % 100,
             (unsigned)t.tm_min % 100, (unsigned)t.tm_sec % 100, (unsigned)ms % 1000);
}
