/* SPDX-License-Identifier: MIT
 *
 * sys_memory.h - what a recording of memory needs of the system beyond
 * <weft/memory.h>: when pages were used last, and the group that they count in.
 */
#ifndef WEFT_SYS_MEMORY_H
#define WEFT_SYS_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Which members of a sys_pages are known. */
#define SYS_PAGES_SIZES 1u  /* resident, anonymous and swapped */
#define SYS_PAGES_USED 2u   /* referenced_bytes */
#define SYS_PAGES_FAULTS 4u /* both kinds of fault */

/* The pages of a process. */
typedef struct sys_pages {
    uint32_t valid;
    uint64_t resident_bytes;
    uint64_t anonymous_bytes; /* of those */
    uint64_t swapped_bytes;
    uint64_t referenced_bytes; /* since sys_pages_forget */
    uint64_t minor_faults;
    uint64_t major_faults;
} sys_pages;

/* What it can find out of a process; nothing of one that has ended. */
void sys_pages_look(int64_t pid, sys_pages *pages);

/*
 * From now on none of its pages counts as referenced. This is seen by the
 * system's own reclaim, too: for processes that the caller has started.
 */
bool sys_pages_forget(int64_t pid);

/* The group with a limit of memory that a process counts in. */
typedef struct sys_memory_group {
    uint64_t used_bytes;
    uint64_t limit_bytes;
    uint64_t refaulted_bytes; /* since the group began */
} sys_memory_group;

/* False: there is none, or it has no limit, or it does not tell. */
bool sys_memory_group_look(int64_t pid, sys_memory_group *group);

/* For how long programs have waited for files in all. False: not told. */
bool sys_io_stall(uint64_t *stall_ns);

#endif
