/* SPDX-License-Identifier: MIT
 *
 * leak_watch.h - samples of what processes have for themselves, over time.
 */
#ifndef WEFT_LEAK_WATCH_H
#define WEFT_LEAK_WATCH_H

#include "leak.h"
#include "memory_processes.h"

/* One process, from when it was first seen to its end. */
typedef struct leak_subject {
    weft_memory_process process; /* as it was seen last */
    bool is_named;               /* the user has named it */
    bool has_ended;
    leak_series *series;
    leak_finding finding;
} leak_subject;

typedef struct leak_watch {
    weft_memory *memory;
    char **names; /* numbers or names; none: all processes */
    size_t name_count;
    memory_processes listed;
    leak_subject *subjects;
    size_t count;
    size_t room;
} leak_watch;

/*
 * Takes one sample of each, at a time in seconds. A process that is started
 * again is another one. The threads of the kernel's own are left out, unless
 * they are named.
 */
weft_status leak_watch_sample(leak_watch *watch, double time,
                              weft_detail *detail);

/*
 * Judges all of them: p is corrected for as many processes as there are that
 * can be judged. False: no memory.
 */
bool leak_watch_judge(leak_watch *watch, double level, double span_least);

/* Frees what it has, but for the memory and the names. */
void leak_watch_end(leak_watch *watch);

#endif
