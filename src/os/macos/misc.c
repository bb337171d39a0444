/* SPDX-License-Identifier: MIT
 *
 * The clock, CPUs, the user's directory, and what is true of macOS.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
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

/*
 * macOS removes files below /tmp that nobody has used for three days, locked or
 * mapped or not. It leaves sockets alone, whose paths have room for 104 bytes,
 * and the directory that it keeps for each user, /var/folders/.../0/.
 */
static weft_status ask_place(char *path, weft_detail *detail)
{
    static const char own[] = "weft";
    size_t bytes = confstr(_CS_DARWIN_USER_DIR, path, PATH_MAX);

    if (bytes == 0) {
        return weftos_fail_errno(detail, "find this user's directory");
    }
    if (bytes + strlen(own) > PATH_MAX) {
        return weftos_fail(detail, WEFT_ENAME, ENAMETOOLONG,
                           "use this user's directory");
    }
    (void)snprintf(path + bytes - 1, PATH_MAX - bytes + 1, "%s", own);
    return WEFT_OK;
}

/*
 * The first answer is kept: to ask can take a message to another process, and
 * who wakes a word by its file (events.c) needs the path each time.
 */
weft_status weftos_place_of_files(char *path, weft_detail *detail)
{
    static struct {
        uid_t user;
        char path[PATH_MAX];
    } kept;
    /* 0: nothing is kept; 1: it is being written; 2: it is there for good. */
    static _Atomic unsigned state;
    unsigned expected = 0;
    uid_t user = geteuid();
    weft_status status;

    /* Acquire: pairs with the release below. */
    if (atomic_load_explicit(&state, memory_order_acquire) == 2 &&
        kept.user == user) {
        (void)snprintf(path, PATH_MAX, "%s", kept.path);
        return WEFT_OK;
    }
    status = ask_place(path, detail);
    if (status == WEFT_OK &&
        atomic_compare_exchange_strong(&state, &expected, 1)) {
        kept.user = user;
        (void)snprintf(kept.path, PATH_MAX, "%s", path);
        atomic_store_explicit(&state, 2, memory_order_release);
    }
    return status;
}

/* The kernel has a call of the kind for one process at most. */
weft_status weftos_fence_remote(weft_detail *detail)
{
    return weftos_fail(detail, WEFT_ENOTSUP, 0, "fence other processes");
}
