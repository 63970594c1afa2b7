/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded by tests/system/clock: the wall clock of one process, moved by the seconds that the file $WRONG_CLOCK holds
 * (eight bytes, read at each call, so that a test can move it while the process runs). Timers keep to the monotonic clock. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *moved;

__attribute__((constructor)) static void wrong_clock_open(void)
{
    const char *path = getenv("WRONG_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = file >= 0 ? mmap(NULL, sizeof *moved, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
    moved = map == MAP_FAILED ? NULL : map;
    if (file >= 0) {
        close(file);
    }
}

int clock_gettime(clockid_t clock, struct timespec *out_time)
{
    int error = (int)syscall(SYS_clock_gettime, clock, out_time);
    if (error == 0 && moved && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        out_time->tv_sec += *moved;
    }
    return error;
}

time_t time(time_t *out_time)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (out_time) {
        *out_time = now.tv_sec;
    }
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out_time, void *restrict zone)
{
    struct timespec now = {0};
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out_time->tv_sec = now.tv_sec;
    out_time->tv_usec = now.tv_nsec / 1000;
    return 0;
}
