/* SPDX-License-Identifier: MIT
 *
 * Mappings, with guards in test builds.
 */
#define _DEFAULT_SOURCE
#include <sys/mman.h>

#include "posix.h"

/*
 * Test builds put an inaccessible page on each side of every mapping, so that
 * a step outside is a crash and not a silent read of a neighbour.
 */
#ifdef WEFT_GUARD_PAGES
#define GUARD_PAGES 1
#else
#define GUARD_PAGES 0
#endif

static size_t guard_bytes(void)
{
    return GUARD_PAGES * weftos_get_facts()->page_bytes;
}

void *weftos_map_guarded(int fd, size_t bytes, int protection, int flags)
{
    size_t guard = guard_bytes();
    char *room;
    void *map;

    if (guard == 0) {
        return mmap(NULL, bytes, protection, flags, fd, 0);
    }
    room = mmap(NULL, bytes + 2 * guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                -1, 0);
    if (room == MAP_FAILED) {
        return MAP_FAILED;
    }
    map = mmap(room + guard, bytes, protection, flags | MAP_FIXED, fd, 0);
    if (map == MAP_FAILED) {
        int cause = errno;

        (void)munmap(room, bytes + 2 * guard);
        errno = cause;
    }
    return map;
}

void weftos_shm_unmap(const void *base, size_t bytes)
{
    size_t guard = guard_bytes();

    if (base != NULL) {
        /* munmap takes a pointer to non-const, but writes nothing. */
        (void)munmap((void *)((uintptr_t)base - guard), bytes + 2 * guard);
    }
}
