/* SPDX-License-Identifier: MIT
 *
 * The figures of memory that follow from the kernel's counts of pages.
 *
 * Each page that is not free, wired or the compressor's is external (it has a
 * file behind it) or internal, whatever queue it is in: so says
 * host_statistics64() (host.c), and so do the recordings of the test. Of the
 * free ones, as that call tells them, speculative ones hold what was read
 * ahead; vm_page_speculate() counts these as external too. So what is
 * available is the free ones without them, the external ones, and those that
 * programs have marked as purgeable, which are internal. The rest is what
 * Activity Monitor calls used, and what the machine keeps for its firmware.
 *
 * The counts are not taken at one moment, so a difference may be less than
 * nothing. A figure from such a one is left out.
 */
#include "meter_counts.h"

#include <stdio.h>

#include "../meter.h"

/* How many of these pages there can be. */
static bool fits(const struct weftos_counts *counts, uint64_t pages)
{
    return pages <= counts->total_bytes / counts->page_bytes;
}

/* As WEFTOS_FIGURE, of as many pages as there can be. */
#define SET_PAGES(figures, counts, symbol, member, pages)                      \
    do {                                                                       \
        if (fits((counts), (pages))) {                                         \
            (figures)->member##_bytes = (pages) * (counts)->page_bytes;        \
            (figures)->valid |= UINT32_C(1) << (symbol);                       \
        }                                                                      \
    } while (false)

static void conclude_available(const struct weftos_counts *counts,
                               weft_memory_figures *figures)
{
    uint64_t really_free;

    if (counts->speculative > counts->free || !fits(counts, counts->free)) {
        return;
    }
    really_free = counts->free - counts->speculative;
    SET_PAGES(figures, counts, WEFT_MEMORY_FREE, free, really_free);
    if (!fits(counts, counts->external) || !fits(counts, counts->purgeable)) {
        return;
    }
    SET_PAGES(figures, counts, WEFT_MEMORY_AVAILABLE, available,
              really_free + counts->external + counts->purgeable);
    if ((figures->valid >> WEFT_MEMORY_AVAILABLE & 1) != 0) {
        WEFTOS_SET_TEXT(figures->available_method,
                        "free, file-backed and purgeable memory");
    }
}

/*
 * What is stored includes what the compressor has written to swap, of which
 * older kernels do not tell how much it is.
 */
static void conclude_packed(const struct weftos_counts *counts,
                            weft_memory_figures *figures)
{
    uint64_t pages = counts->stored;
    bool is_swapping =
        !counts->has_swap || counts->swap_free_bytes < counts->swap_total_bytes;

    SET_PAGES(figures, counts, WEFT_MEMORY_PACK, pack, counts->compressor);
    if (counts->has_swapped) {
        if (counts->swapped > pages) {
            return;
        }
        pages -= counts->swapped;
    } else if (is_swapping) {
        return;
    }
    /* More than there is memory: that is what it is for. */
    if (pages <= UINT64_MAX / counts->page_bytes) {
        WEFTOS_FIGURE(figures, WEFT_MEMORY_PACKED, packed,
                      pages * counts->page_bytes);
    }
}

static void conclude_pages(const struct weftos_counts *counts,
                           weft_memory_figures *figures)
{
    conclude_available(counts, figures);
    conclude_packed(counts, figures);
    SET_PAGES(figures, counts, WEFT_MEMORY_KERNEL, kernel, counts->wired);
    if (fits(counts, counts->external)) {
        SET_PAGES(figures, counts, WEFT_MEMORY_CACHED, cached,
                  counts->external + counts->purgeable);
    }
    if (counts->purgeable <= counts->internal) {
        SET_PAGES(figures, counts, WEFT_MEMORY_ANONYMOUS, anonymous,
                  counts->internal - counts->purgeable);
    }
}

/*
 * The kernel's own level is worth more than a share of what is available,
 * which it keeps low on purpose. 0, 3 and others mean nothing.
 */
static void conclude_pressure(const struct weftos_counts *counts,
                              weft_memory_figures *figures)
{
    const char *word;
    char available[32] = "";

    switch (counts->level) {
    case WEFTOS_LEVEL_NORMAL:
        figures->pressure = WEFT_PRESSURE_CALM;
        word = "normal";
        break;
    case WEFTOS_LEVEL_WARN:
        figures->pressure = WEFT_PRESSURE_TIGHT;
        word = "warning";
        break;
    case WEFTOS_LEVEL_CRITICAL:
        figures->pressure = WEFT_PRESSURE_EMERGENCY;
        word = "critical";
        break;
    default:
        return;
    }
    if ((figures->valid >> WEFT_MEMORY_AVAILABLE & 1) != 0) {
        (void)snprintf(available, sizeof(available), "%.0f %% available, ",
                       (double)figures->available_bytes * 100.0 /
                           (double)figures->total_bytes);
    }
    (void)snprintf(figures->pressure_reason, sizeof(figures->pressure_reason),
                   "%smacOS says: %s", available, word);
}

void weftos_counts_conclude(const struct weftos_counts *counts,
                            weft_memory_figures *figures)
{
    if (counts->total_bytes == 0) {
        return;
    }
    WEFTOS_FIGURE(figures, WEFT_MEMORY_TOTAL, total, counts->total_bytes);
    if (counts->has_pages && counts->page_bytes > 0) {
        conclude_pages(counts, figures);
    }
    if (counts->has_swap &&
        counts->swap_free_bytes <= counts->swap_total_bytes) {
        WEFTOS_FIGURE(figures, WEFT_MEMORY_SWAP_TOTAL, swap_total,
                      counts->swap_total_bytes);
        WEFTOS_FIGURE(figures, WEFT_MEMORY_SWAP_FREE, swap_free,
                      counts->swap_free_bytes);
    }
    if (counts->has_level) {
        conclude_pressure(counts, figures);
    }
}
