/* SPDX-License-Identifier: MIT
 *
 * Facts, time, CPUs, and the token that tells a forked child from its parent.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "linux.h"

/* No directory is kept for a user but the one of XDG_RUNTIME_DIR. */
weft_status weftos_place_of_files(char *path, weft_detail *detail)
{
    (void)path;
    (void)detail;
    return WEFT_OK;
}

uint64_t weftos_now_ns(void)
{
    struct timespec now;

    /* Can't fail: the clock exists and the address is good. */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

int weftos_cpu(void)
{
    return sched_getcpu();
}

/*
 * The CPUs are those of the machine, not those this thread is pinned to: the
 * peer may run on another one, and that is what spinning is about.
 */
void weftos_fill_facts(weftos_facts *facts)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    facts->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    facts->cpus = cpus > 0 ? (unsigned)cpus : 1;
    facts->fence_remote = weftos_fence_enroll() == WEFT_OK &&
                          weftos_fence_remote(NULL) == WEFT_OK;
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

/*
 * The namespaces that a process's number and its start are true in, by numbers
 * that no other ones have at the same time. Kernels before 5.6 have none of
 * time.
 */
static weft_status find_domain(uint64_t *domain, weft_detail *detail)
{
    struct stat info;

    if (stat("/proc/self/ns/pid", &info) != 0) {
        return weftos_fail_errno(detail, "look at the PID namespace");
    }
    *domain = (uint64_t)info.st_ino;
    if (stat("/proc/self/ns/time", &info) == 0) {
        *domain ^= (uint64_t)info.st_ino << 32;
    }
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
