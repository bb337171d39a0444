/* SPDX-License-Identifier: MIT
 *
 * victim_linux.h - a process with memory that can be taken from it, and
 * private swap for that.
 */
#ifndef WEFT_TESTS_VICTIM_H
#define WEFT_TESTS_VICTIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What it has. */
enum victim_kind {
    VICTIM_FILE,  /* a file on a disk, mapped, and read */
    VICTIM_ZEROS, /* pages of zeros, that were written */
    VICTIM_TEXT,  /* such that compress well */
    VICTIM_RANDOM /* such that do not */
};

/*
 * It descends from nobody that could be in the foreground of a terminal, and
 * ends with this process, or when it is told to.
 */
struct victim {
    pid_t pid;
    int control;
    char *memory; /* at the same address there */
    size_t bytes;
    char *hot; /* memory that it uses all the time; NULL: it has none */
};

#define VICTIM_HOT_BYTES ((size_t)1 << 20)

/* `hot`: it has such memory. */
void victim_start(struct victim *victim, enum victim_kind kind, size_t bytes,
                  bool hot);

/* It reads the first `bytes` bytes of its memory, once. */
void victim_use(struct victim *victim, size_t bytes);

void victim_end(struct victim *victim);

/* How much of its memory is there, by its page table; and how much in swap. */
size_t victim_present(const struct victim *victim);
size_t victim_swapped(const struct victim *victim);

/* The same of what it uses all the time. */
size_t victim_hot_present(const struct victim *victim);

/*
 * Waits until no other test has swap of its own, or relies on that there is
 * none; until swap_unlock, none has.
 */
void swap_lock(void);
void swap_unlock(void);

/*
 * Swap on a zram device of our own, of this size. Whatever becomes of this
 * process, it is removed. False, and why not: it can't be had here.
 */
bool swap_begin(size_t bytes, const char **why);

/* The memory that the device takes. */
uint64_t swap_takes(void);

void swap_end(void);

#endif
