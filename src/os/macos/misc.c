/* SPDX-License-Identifier: MIT
 *
 * The clock, CPUs, and what is true of macOS.
 */
#include <time.h>
#include <unistd.h>

#include "macos.h"

/*
 * Objects of shm_open have whole pages of whoever gives them their size: 4 KiB
 * on Intel and under Rosetta, 16 KiB on Apple silicon. Multiples of the larger
 * one are right for all of them, whoever talks to whom.
 */
#define LARGEST_PAGE_BYTES 16384

/*
 * mach_absolute_time in ns: the same in all processes, under Rosetta too, and
 * it stops while the machine sleeps, as the kernel's timeouts do.
 */
uint64_t weftos_now_ns(void)
{
    return clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
}

/* Not told to programs on Apple silicon. */
int weftos_cpu(void)
{
    return -1;
}

void weftos_fill_facts(weftos_facts *facts)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    facts->page_bytes = LARGEST_PAGE_BYTES;
    facts->cpus = cpus > 0 ? (unsigned)cpus : 1;
    facts->fence_remote = false;
}

/* The kernel has a call of the kind for one process at most. */
weft_status weftos_fence_remote(weft_detail *detail)
{
    return weftos_fail(detail, WEFT_ENOTSUP, 0, "fence other processes");
}
