/* SPDX-License-Identifier: MIT
 *
 * memory_processes.h - the list of all processes and what they take.
 */
#ifndef MEMORY_PROCESSES_H
#define MEMORY_PROCESSES_H

#include "tool.h"

typedef struct memory_processes {
    weft_memory_process *items; /* the caller frees them */
    size_t count;
} memory_processes;

/*
 * Reads all of them, by rising numbers, instead of what `found` has, which is
 * zero at first. The items are the caller's after a failure too.
 */
weft_status memory_read_processes(weft_memory *memory, memory_processes *found,
                                  weft_detail *detail);

/* The one with this number, or NULL. */
weft_memory_process *memory_find_process(const memory_processes *found,
                                         int64_t pid);

#endif
