/* SPDX-License-Identifier: MIT
 *
 * raw asleep on Linux: a futex at the word itself.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench_raw.h"

bool raw_beds_open(raw_bed beds[2])
{
    (void)beds;
    return true;
}

void raw_beds_close(raw_bed beds[2])
{
    (void)beds;
}

void raw_bed_sleep(const raw_bed *bed, raw_word *word, uint32_t old)
{
    (void)bed;
    syscall(SYS_futex, word, FUTEX_WAIT, old, NULL, NULL, 0);
}

void raw_bed_wake(const raw_bed *bed, raw_word *word)
{
    (void)bed;
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}
