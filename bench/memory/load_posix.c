/* SPDX-License-Identifier: MIT
 *
 * A program whose use of memory is known, to be recorded:
 *
 *     load KIND MIB SECONDS SEED [FILE]
 *
 * It uses MIB of its own memory, or of a mapped FILE that it makes, for so
 * long. The kinds:
 *
 *     leak     an eighth is in use; the rest is taken bit by bit, and left
 *     burst    a quarter is in use; now and then the rest is, for some seconds
 *     cyclic   all is used in turn, again and again
 *     scan     a quarter is in use; the rest is gone through once a minute
 *     thrash   all is used, at random
 *     idle     all is used once, a twentieth from then on
 *     phases   all is used once, then a fifth, later another half for a while
 *
 * It works a little every 20 ms, and so is bound by time and not by a CPU,
 * unless memory makes it wait.
 */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define STEP_S 0.02
#define PAGE 4096

typedef struct load {
    volatile unsigned char *memory;
    size_t pages;
    int is_file;
    double seconds;
    double revisit_s; /* how long an old part is in use again */
    uint64_t random;
} load;

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* xorshift64* (Vigna). */
static uint64_t next_random(load *it)
{
    it->random ^= it->random >> 12;
    it->random ^= it->random << 25;
    it->random ^= it->random >> 27;
    return it->random * UINT64_C(0x2545f4914f6cdd1d);
}

static void touch(load *it, size_t page)
{
    volatile unsigned char *byte = it->memory + page % it->pages * PAGE;

    if (it->is_file) {
        (void)*byte;
    } else {
        *byte = (unsigned char)(*byte + 1);
    }
}

/* The pages from one part of the whole to another, of which some at random. */
static void touch_random(load *it, double from, double to, double share)
{
    size_t first = (size_t)((double)it->pages * from);
    size_t count = (size_t)((double)it->pages * (to - from));
    size_t touches = (size_t)((double)count * share);

    for (size_t i = 0; i < touches && count > 0; i++) {
        touch(it, first + (size_t)(next_random(it) % count));
    }
}

/* The same pages in turn, as far as the time has come since the last step. */
static void touch_in_turn(load *it, double from, double to, double before,
                          double now)
{
    double count = (double)it->pages * (to - from);
    size_t first = (size_t)((double)it->pages * from);
    size_t end = (size_t)(count * now);

    for (size_t i = (size_t)(count * before); i < end && count >= 1; i++) {
        touch(it, first + i % (size_t)count);
    }
}

static void give_back(load *it, double from)
{
    size_t first = (size_t)((double)it->pages * from);

    (void)madvise((void *)(uintptr_t)(it->memory + first * PAGE),
                  (it->pages - first) * PAGE, MADV_DONTNEED);
}

/* One kind for a step; `before` and `at` are seconds since the start. */
static void work(load *it, const char *kind, double before, double at)
{
    if (strcmp(kind, "leak") == 0) {
        touch_random(it, 0, 0.125, 0.02);
        touch_in_turn(it, 0.125, 1, before / it->seconds, at / it->seconds);
    } else if (strcmp(kind, "burst") == 0) {
        double in_turn = at - 24 * (double)(int)(at / 24);

        touch_random(it, 0, 0.25, 0.02);
        if (in_turn > 12 && in_turn < 20) {
            touch_in_turn(it, 0.25, 1, before / 3, at / 3);
        } else if (in_turn >= 20 && in_turn < 20 + 2 * STEP_S) {
            give_back(it, 0.25);
        }
    } else if (strcmp(kind, "cyclic") == 0) {
        touch_in_turn(it, 0, 1, before / 24, at / 24);
    } else if (strcmp(kind, "scan") == 0) {
        touch_random(it, 0, 0.25, 0.02);
        touch_in_turn(it, 0.25, 1, before / 60, at / 60);
    } else if (strcmp(kind, "thrash") == 0) {
        touch_random(it, 0, 1, 0.0015);
    } else if (strcmp(kind, "idle") == 0) {
        touch_in_turn(it, 0, 1, before / 5 > 1 ? 1 : before / 5,
                      at / 5 > 1 ? 1 : at / 5);
        touch_random(it, 0, 0.05, 0.02);
    } else if (strcmp(kind, "phases") == 0) {
        double again = it->seconds * 0.6;

        touch_in_turn(it, 0, 1, before / 5 > 1 ? 1 : before / 5,
                      at / 5 > 1 ? 1 : at / 5);
        touch_random(it, 0, 0.2, 0.02);
        if (at > again && at < again + it->revisit_s) {
            touch_random(it, 0.5, 1, 0.01);
        }
    }
}

/* A file of this length, all of it on the disk and none of it in memory. */
static int make_file(const char *path, size_t bytes)
{
    static unsigned char block[1 << 16];
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    memset(block, 'w', sizeof(block));
    for (size_t i = 0; file >= 0 && i < bytes / sizeof(block); i++) {
        if (write(file, block, sizeof(block)) != (ssize_t)sizeof(block)) {
            return -1;
        }
    }
    if (file >= 0 && (fsync(file) != 0 ||
                      posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0)) {
        return -1;
    }
    return file;
}

static int prepare(load *it, size_t bytes, const char *path)
{
    void *memory;

    it->is_file = path != NULL;
    if (path != NULL) {
        int file = make_file(path, bytes);

        if (file < 0) {
            return 0;
        }
        memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED, file, 0);
        (void)close(file);
        (void)unlink(path);
    } else {
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    /* What is read ahead was not used, and huge pages are used as one. */
    if (memory == MAP_FAILED ||
        (it->is_file && madvise(memory, bytes, MADV_RANDOM) != 0)) {
        return 0;
    }
    it->memory = memory;
    it->pages = bytes / PAGE;
    return 1;
}

int main(int argc, char **argv)
{
    load it = {NULL, 0, 0, 0, 0, 0};
    double start;
    double before = 0;

    if (argc < 5 || argc > 6) {
        (void)fprintf(stderr, "usage: load KIND MIB SECONDS SEED [FILE]\n");
        return 2;
    }
    it.seconds = strtod(argv[3], NULL);
    it.random = strtoull(argv[4], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15) + 1;
    if (!prepare(&it, strtoull(argv[2], NULL, 10) << 20,
                 argc == 6 ? argv[5] : NULL)) {
        perror("load");
        return 1;
    }
    start = now_s();
    while (before < it.seconds) {
        struct timespec pause = {0, (long)(STEP_S * 1e9)};
        double at = now_s() - start;

        work(&it, argv[1], before, at);
        before = at;
        (void)nanosleep(&pause, NULL);
    }
    return 0;
}
