/* SPDX-License-Identifier: MIT
 *
 * heap.h - what <weft/trim.h> needs of the operating system besides os.h: this
 * process's own memory.
 *
 * The rules of os.h hold here too.
 */
#ifndef WEFTOS_HEAP_H
#define WEFTOS_HEAP_H

#include "os.h"

/* As weft_memory_trim_heap. */
weft_status weftos_heap_trim(weft_detail *detail);

/*
 * What this process has for itself alone, in memory and in swap or compressed,
 * without copies of files. Takes 2 ms for each 100 MiB on Linux.
 */
weft_status weftos_heap_footprint(uint64_t *bytes, weft_detail *detail);

#endif
