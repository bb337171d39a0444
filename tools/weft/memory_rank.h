/* SPDX-License-Identifier: MIT
 *
 * memory_rank.h - whose memory would be taken first, and what that is worth.
 *
 * What taking memory from a process gains is what of it is cold, times what
 * comes free of each byte. Both are guesses until it is tried, and these are
 * plain ones, which are told with their reasons:
 *
 * - cold: what is the process's alone and has no file behind it, less the part
 *   that it works with. Who uses no CPU time works with none of it; who uses a
 *   tenth of a CPU, with all.
 * - free: nothing without swap, as memory of programs has nowhere to go; what
 *   compressing has saved so far, where swap is memory that is compressed; all
 *   of it on a disk. Files in memory count as available already.
 *
 * What bringing it back would cost is the same for each byte of this machine,
 * so that it does not change the order.
 */
#ifndef MEMORY_RANK_H
#define MEMORY_RANK_H

#include "tool.h"

/* From this part of a CPU on, a process works with all that it has. */
#define RANK_BUSY_PPM 100000

/* What becomes of memory that is taken from programs. */
typedef struct rank_backing {
    double value;        /* what comes free of a byte: 0 to 1 */
    uint64_t room_bytes; /* no more than that can go */
    char reason[96];
} rank_backing;

void rank_find_backing(const weft_memory_figures *figures,
                       rank_backing *backing);

/* One process. */
typedef struct rank_entry {
    weft_memory_process process;
    weft_memory_identity identity;
    weft_protection protection;
    bool has_busy;
    uint32_t busy_ppm; /* of one CPU; more than one are more than a million */
    bool has_gain;     /* its own memory and its CPU time are known */
    uint64_t cold_bytes;
    uint64_t gain_bytes;
} rank_entry;

/* Fills in what taking its memory would gain. */
void rank_judge(rank_entry *entry, const rank_backing *backing);

/* For qsort: whose memory would be taken first, then who is protected. */
int rank_compare(const void *a, const void *b);

#endif
