/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_BASE_CLOCK_H
#define NODE_BASE_CLOCK_H

#include <stdint.h>

/* The only place that asks the machine for the time. */

/* Milliseconds since 1970 UTC; may jump both ways when somebody sets the clock. */
int64_t clock_now_ms(void);

/* Milliseconds since some moment, never stepping back: for durations and deadlines. */
int64_t clock_monotonic_ms(void);

/* Microseconds of the same clock, for measurements. */
int64_t clock_monotonic_us(void);

#define CLOCK_TEXT_SIZE 25
/* "2026-11-21T21:51:13.123Z" and a zero; years outside 0 to 9999 give "out-of-range". */
void clock_text(int64_t now_ms, char out_text[CLOCK_TEXT_SIZE]);

#endif
