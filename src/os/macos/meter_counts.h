/* SPDX-License-Identifier: MIT
 *
 * meter_counts.h - what macOS tells of its memory, and what follows from that.
 *
 * Nothing here asks the system, so it is tested everywhere, with what real
 * machines have told.
 */
#ifndef WEFTOS_METER_COUNTS_H
#define WEFTOS_METER_COUNTS_H

#include <weft/memory.h>

/* The counts are of pages of the kernel, as in struct vm_statistics64. */
struct weftos_counts {
    uint64_t total_bytes;
    uint64_t page_bytes;
    bool has_pages;
    uint64_t free; /* speculative ones are among them */
    uint64_t speculative;
    uint64_t wired;
    uint64_t purgeable;
    uint64_t external; /* with a file behind them; speculative ones too */
    uint64_t internal; /* purgeable ones too */
    uint64_t compressor;
    uint64_t stored; /* in the compressor or, by way of it, in swap */
    bool has_swapped;
    uint64_t swapped; /* of those that are stored */
    bool has_swap;
    uint64_t swap_total_bytes;
    uint64_t swap_free_bytes;
    bool has_level;
    int level; /* kern.memorystatus_vm_pressure_level */
};

/* The levels, as <dispatch/source.h> has them. */
#define WEFTOS_LEVEL_NORMAL 1
#define WEFTOS_LEVEL_WARN 2
#define WEFTOS_LEVEL_CRITICAL 4

/* Fills in what is known, but for USED. What can't be is not. */
void weftos_counts_conclude(const struct weftos_counts *counts,
                            weft_memory_figures *figures);

#endif
