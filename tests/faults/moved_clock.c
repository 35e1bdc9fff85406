/* The real-time clock of a process, moved by the seconds in a file: see week.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *moved_seconds;
static int (*real_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void open_clock(void) {
    int file = open(getenv("MOVED_CLOCK"), O_RDONLY);
    real_clock = dlsym(RTLD_NEXT, "clock_gettime");
    moved_seconds = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (moved_seconds == MAP_FAILED) _exit(127);
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (!real_clock) open_clock();
    int failed = real_clock(clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += *moved_seconds;
    return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
