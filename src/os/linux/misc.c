/* SPDX-License-Identifier: MIT
 *
 * Facts, private memory, time, CPUs, and the token that tells a forked child
 * from its parent.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "linux.h"

void weftos_environment_remove(const char *name)
{
    (void)unsetenv(name);
}

uint64_t weftos_now_ns(void)
{
    struct timespec now;

    /* Can't fail: the clock exists and the address is good. */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
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
    char room[128];
    /* The GNU variant: thread-safe, and may return a static string. */
    const char *found = strerror_r(os_code, room, sizeof(room));

    (void)snprintf(text, bytes, "%s", found);
}

weft_status weftos_errno_status(int os_code)
{
    switch (os_code) {
    case ENOMEM:
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

int weftos_cpu(void)
{
    return sched_getcpu();
}

void weftos_yield(void)
{
    (void)sched_yield();
}

/* ---------------------------------------------------------------- facts --- */

/*
 * Those of the machine, not those this thread is pinned to: the peer may run
 * on another one, and that is what spinning is about.
 */
static unsigned count_cpus(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count > 0 ? (unsigned)count : 1;
}

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
        facts.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
        facts.cpus = count_cpus();
        facts.fence_remote = weftos_fence_enroll() == WEFT_OK &&
                             weftos_fence_remote(NULL) == WEFT_OK;
        facts.pauses_per_us = measure_pauses();
        atomic_store_explicit(&state, 2, memory_order_release);
        return &facts;
    }
    while (atomic_load_explicit(&state, memory_order_acquire) != 2) {
        weftos_yield(); /* some microseconds, once in a process's life */
    }
    return &facts;
}

/* ----------------------------------------------------------------- fork --- */

/*
 * The token lives in a page that the kernel gives a child as zeroes
 * (MADV_WIPEONFORK, Linux 4.14): this also holds for children made by a bare
 * clone(), which run no pthread_atfork handler.
 */
static const weftos_word no_token;
_Atomic(const weftos_word *) weftos_token = &no_token;

static weft_status map_token(weftos_word **out, weft_detail *detail)
{
    static _Atomic(weftos_word *) page;
    weftos_word *found = atomic_load(&page);
    size_t bytes = (size_t)sysconf(_SC_PAGESIZE);

    if (found == NULL) {
        void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (map == MAP_FAILED) {
            return weftos_fail_errno(detail, "mmap");
        }
        if (madvise(map, bytes, MADV_WIPEONFORK) != 0) {
            weft_status status =
                weftos_fail(detail, WEFT_ENOTSUP, errno, "MADV_WIPEONFORK");
            (void)munmap(map, bytes);
            return status;
        }
        if (atomic_compare_exchange_strong(&page, &found, map)) {
            found = map;
        } else {
            (void)munmap(map, bytes); /* another thread was first */
        }
    }
    *out = found;
    return WEFT_OK;
}

/* The PID namespace, as a number that no other one has at the same time. */
static weft_status find_domain(uint64_t *domain, weft_detail *detail)
{
    struct stat info;

    if (stat("/proc/self/ns/pid", &info) != 0) {
        return weftos_fail_errno(detail, "look at the PID namespace");
    }
    *domain = (uint64_t)info.st_ino;
    return WEFT_OK;
}

weft_status weftos_process_mark(weftos_process_id *self, uint64_t *domain,
                                weft_detail *detail)
{
    weftos_word *page = NULL;
    uint64_t unmarked = 0;
    weft_status status = map_token(&page, detail);

    if (status == WEFT_OK && self != NULL) {
        self->pid = (uint32_t)getpid();
        status = weftos_process_stamp(self->pid, &self->stamp, detail);
    }
    if (status == WEFT_OK && domain != NULL) {
        status = find_domain(domain, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    /* The time makes it differ from that of an ancestor with the same pid. */
    (void)atomic_compare_exchange_strong(
        page, &unmarked, (weftos_now_ns() << 22) | (uint64_t)getpid());
    atomic_store(&weftos_token, page);
    return WEFT_OK;
}

/* ------------------------------------------------------- waiting inside --- */

weft_status weftos_word_wait(_Atomic uint32_t *word, uint32_t value,
                             const weftos_site *site, uint64_t deadline_ns,
                             bool interruptible, weft_detail *detail)
{
    struct timespec until = {
        (time_t)(deadline_ns / UINT64_C(1000000000)),
        (long)(deadline_ns % UINT64_C(1000000000)),
    };

    if (site != NULL) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0, "wait at a shared word");
    }
    /* The bitset form takes an absolute time on the monotonic clock. */
    if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value,
                deadline_ns == WEFT_FOREVER ? NULL : &until, NULL,
                FUTEX_BITSET_MATCH_ANY) == 0) {
        return WEFT_OK;
    }
    if (errno == ETIMEDOUT) {
        return deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT;
    }
    return errno == EINTR && interruptible ? WEFT_EINTR : WEFT_OK;
}

void weftos_word_wake(_Atomic uint32_t *word, uint32_t count,
                      const weftos_site *site)
{
    (void)site;
    (void)syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG,
                  count < INT_MAX ? (int)count : INT_MAX, NULL, NULL, 0);
}
