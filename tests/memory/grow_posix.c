/* SPDX-License-Identifier: MIT
 *
 * A program whose memory grows by the clock, until its standard input ends:
 *
 *   leak  a MiB a second, for ever
 *   stay  32 MiB in a second and a half, and no more
 *   saw   16 MiB in a second, and then from the beginning
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define MOST (512 * MIB)

/* What it should have after so many seconds. */
static size_t wanted(const char *how, double seconds)
{
    if (strcmp(how, "leak") == 0) {
        return (size_t)(seconds * (double)MIB);
    }
    if (strcmp(how, "stay") == 0) {
        return (size_t)((seconds < 1.5 ? seconds / 1.5 : 1) * 32 * (double)MIB);
    }
    return (size_t)((seconds - (double)(uint64_t)seconds) * 16 * (double)MIB);
}

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    char *room = mmap(NULL, MOST, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    double began = now();
    size_t has = 0;

    if (argc != 2 || room == MAP_FAILED) {
        return 2;
    }
    /* By small pages: a large one would be there all at once. */
    (void)madvise(room, MOST, MADV_NOHUGEPAGE);
    while (poll(&input, 1, 20) == 0) {
        size_t wants = wanted(argv[1], now() - began);

        wants = wants < MOST ? wants : MOST;
        if (wants > has) {
            memset(room + has, 'x', wants - has);
        } else if (wants < has) {
            (void)madvise(room, MOST, MADV_DONTNEED);
            memset(room, 'x', wants);
        }
        has = wants;
    }
    return 0;
}
