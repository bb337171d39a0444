/* SPDX-License-Identifier: MIT
 *
 * The figures of memory that follow from the system's lists of pages, which
 * RAMMap shows: free ones, and those of files that are not written yet.
 */
#include "meter_lists.h"

#include <stdio.h>

#include "../meter.h"

static bool fits(const weft_memory_figures *figures, uint64_t pages,
                 uint64_t page_bytes)
{
    return pages <= figures->total_bytes / page_bytes;
}

/* Of what can't be nothing is taken, for the layout is not documented. */
void weftos_page_lists_conclude(const struct weftos_page_lists *lists,
                                size_t bytes, uint64_t page_bytes,
                                weft_memory_figures *figures)
{
    if (page_bytes == 0 ||
        bytes < offsetof(struct weftos_page_lists, modified_page_file) ||
        !fits(figures, lists->zero, page_bytes) ||
        !fits(figures, lists->free, page_bytes) ||
        !fits(figures, lists->zero + lists->free, page_bytes)) {
        return;
    }
    WEFTOS_FIGURE(figures, WEFT_MEMORY_FREE, free,
                  (lists->zero + lists->free) * page_bytes);
    if (bytes >= sizeof(*lists) &&
        lists->modified_page_file <= lists->modified &&
        fits(figures, lists->modified, page_bytes)) {
        WEFTOS_FIGURE(figures, WEFT_MEMORY_DIRTY, dirty,
                      (lists->modified - lists->modified_page_file) *
                          page_bytes);
    }
}
