/* SPDX-License-Identifier: MIT
 *
 * What this process uses, and which of its limits macOS enforces.
 *
 * Memory is the footprint, which the system's own tools show and its own
 * limits count; ru_maxrss is another figure, in bytes here, that this does
 * without.
 */
#include <libproc.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../posix/limit.h"
#include "macos.h"

/* Descriptors that other threads may open while they are counted. */
#define SPARE_ENTRIES 64
#define LIST_TRIES 8

static void find_memory(weft_self *self)
{
    struct rusage_info_v4 usage;
    struct proc_taskinfo task;

    if (proc_pid_rusage(getpid(), RUSAGE_INFO_V4,
                        (rusage_info_t *)(void *)&usage) == 0) {
        self->memory_bytes = usage.ri_phys_footprint;
        self->memory_peak_bytes = usage.ri_lifetime_max_phys_footprint;
        self->valid |= WEFT_SELF_MEMORY | WEFT_SELF_PEAK;
    }
    if (proc_pidinfo(getpid(), PROC_PIDTASKINFO, 0, &task, sizeof(task)) ==
        (int)sizeof(task)) {
        self->address_space_bytes = task.pti_virtual_size;
        self->threads = (uint64_t)task.pti_threadnum;
        self->valid |= WEFT_SELF_ADDRESS_SPACE | WEFT_SELF_THREADS;
    }
}

/* All descriptors, for the caller to free; NULL: they can't be had. */
static struct proc_fdinfo *list_handles(size_t *count)
{
    int bytes = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, NULL, 0);

    for (int i = 0; i < LIST_TRIES && bytes > 0; i++) {
        int room = bytes + SPARE_ENTRIES * (int)PROC_PIDLISTFD_SIZE;
        struct proc_fdinfo *list = calloc(1, (size_t)room);

        if (list == NULL) {
            return NULL;
        }
        bytes = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, list, room);
        /* A full one may have no room for all. */
        if (bytes > 0 && bytes < room) {
            *count = (size_t)bytes / PROC_PIDLISTFD_SIZE;
            return list;
        }
        free(list);
    }
    return NULL;
}

static void count_handles(weft_self *self)
{
    size_t count = 0;
    struct proc_fdinfo *list = list_handles(&count);

    if (list == NULL) {
        return;
    }
    self->handles = count;
    for (size_t i = 0; i < count; i++) {
        uint64_t number = (uint64_t)list[i].proc_fd;

        if (number >= self->handle_highest) {
            self->handle_highest = number + 1;
        }
    }
    free(list);
    self->valid |= WEFT_SELF_HANDLES | WEFT_SELF_HIGHEST;
}

weft_status weftos_self_find(weft_self *self)
{
    self->memory_metric = "footprint";
    weftos_self_times(self);
    find_memory(self);
    count_handles(self);
    return WEFT_OK;
}

/* --------------------------------------------------------------- limits --- */

/* Of macOS 12, the first that heeds RLIMIT_AS (dosetrlimit, vm_map_enter). */
#define DARWIN_OF_MACOS_12 21

weft_status weftos_limit_number(weft_resource resource, int *number,
                                weft_detail *detail)
{
    unsigned major;

    switch (resource) {
    case WEFT_RESOURCE_ADDRESS_SPACE:
        if (!weftos_darwin_major(&major) || major < DARWIN_OF_MACOS_12) {
            return weftos_fail(detail, WEFT_ENOTSUP, 0,
                               "limit the address space: macOS before 12 takes "
                               "RLIMIT_AS and does nothing with it");
        }
        *number = RLIMIT_AS;
        return WEFT_OK;
    case WEFT_RESOURCE_DATA:
        return weftos_fail(detail, WEFT_ENOTSUP, 0,
                           "limit data: macOS takes RLIMIT_DATA for a limit "
                           "of the address space");
    case WEFT_RESOURCE_RESIDENT:
        return weftos_fail(detail, WEFT_ENOTSUP, 0,
                           "limit resident memory: RLIMIT_RSS is RLIMIT_AS on "
                           "macOS");
    case WEFT_RESOURCE_CPU:
        *number = RLIMIT_CPU;
        return WEFT_OK;
    case WEFT_RESOURCE_FILES:
        *number = RLIMIT_NOFILE;
        return WEFT_OK;
    case WEFT_RESOURCE_PROCESSES:
        *number = RLIMIT_NPROC;
        return WEFT_OK;
    case WEFT_RESOURCE_FILE_SIZE:
        *number = RLIMIT_FSIZE;
        return WEFT_OK;
    case WEFT_RESOURCE_CORE:
        *number = RLIMIT_CORE;
        return WEFT_OK;
    default:
        *number = RLIMIT_STACK;
        return WEFT_OK;
    }
}
