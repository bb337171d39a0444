/* SPDX-License-Identifier: MIT
 *
 * meter_lists.h - the lists that Windows keeps its pages in, and what follows
 * from them.
 *
 * Nothing here asks the system, so it is tested everywhere.
 */
#ifndef WEFTOS_METER_LISTS_H
#define WEFTOS_METER_LISTS_H

#include <weft/memory.h>

/*
 * What the system tells, in pages, in a program of 64 bits; Windows 7 has all
 * but the last one.
 */
struct weftos_page_lists {
    uint64_t zero; /* free, and zeroed */
    uint64_t free;
    uint64_t modified; /* to be written before they can be used */
    uint64_t modified_no_write;
    uint64_t bad;
    uint64_t standby[8]; /* still hold something, by priority */
    uint64_t repurposed[8];
    uint64_t modified_page_file; /* of the modified ones: not of files */
};

/*
 * Adds what follows from `bytes` of it; nothing if that can't be. The total is
 * known.
 */
void weftos_page_lists_conclude(const struct weftos_page_lists *lists,
                                size_t bytes, uint64_t page_bytes,
                                weft_memory_figures *figures);

#endif
