/* SPDX-License-Identifier: MIT
 *
 * Errors, deadlines, the environment, CPUs and facts.
 *
 * Only POSIX is asked for: under GNU's name strerror_r is another function. On
 * macOS that would hide some of the errors.
 */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "posix.h"

void weftos_environment_remove(const char *name)
{
    (void)unsetenv(name);
}

struct timespec *weftos_time_left(uint64_t deadline_ns, struct timespec *room)
{
    uint64_t now;
    uint64_t left;

    if (deadline_ns == WEFT_FOREVER) {
        return NULL;
    }
    now = deadline_ns == WEFT_NOW ? 0 : weftos_now_ns();
    left = deadline_ns > now ? deadline_ns - now : 0;
    room->tv_sec = (time_t)(left / UINT64_C(1000000000));
    room->tv_nsec = (long)(left % UINT64_C(1000000000));
    return room;
}

void weftos_error_text(int os_code, char *text, size_t bytes)
{
    if (bytes > 0 && strerror_r(os_code, text, bytes) != 0) {
        (void)snprintf(text, bytes, "system error %d", os_code);
    }
}

weft_status weftos_errno_status(int os_code)
{
    switch (os_code) {
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC: /* a memory object that tmpfs's limit does not let grow */
        return WEFT_ENOMEM;
    case EMFILE:
    case ENFILE:
    case ETOOMANYREFS: /* descriptors in flight */
        return WEFT_ELIMIT;
    case EACCES:
    case EPERM:
        return WEFT_EACCES;
    case ENOSYS:
        return WEFT_ENOTSUP;
    case EINTR:
        return WEFT_EINTR;
    case EAGAIN:
        return WEFT_EAGAIN;
    default:
        return WEFT_EOS;
    }
}

void weftos_yield(void)
{
    (void)sched_yield();
}

/* ---------------------------------------------------------------- facts --- */

/* Times a burst of pauses; the shortest of three is the undisturbed one. */
static unsigned measure_pauses(void)
{
    const unsigned burst = 256;
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < 3; i++) {
        uint64_t start = weftos_now_ns();

        for (unsigned k = 0; k < burst; k++) {
            weftos_pause();
        }
        uint64_t took = weftos_now_ns() - start;
        best = took < best ? took : best;
    }
    unsigned per_us = (unsigned)(burst * UINT64_C(1000) / (best + 1));
    return per_us > 0 ? per_us : 1;
}

const weftos_facts *weftos_get_facts(void)
{
    static weftos_facts facts;
    /* 0: not filled; 1: being filled; 2: filled. */
    static _Atomic unsigned state;
    unsigned expected = 0;

    if (atomic_load_explicit(&state, memory_order_acquire) == 2) {
        return &facts;
    }
    if (atomic_compare_exchange_strong(&state, &expected, 1)) {
        weftos_fill_facts(&facts);
        facts.pauses_per_us = measure_pauses();
        atomic_store_explicit(&state, 2, memory_order_release);
        return &facts;
    }
    while (atomic_load_explicit(&state, memory_order_acquire) != 2) {
        weftos_yield(); /* some microseconds, once in a process's life */
    }
    return &facts;
}
