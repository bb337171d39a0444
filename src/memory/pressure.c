/* SPDX-License-Identifier: MIT
 *
 * How scarce memory is.
 *
 * Both signs are needed: what is available alone says nothing about damage,
 * and the time that programs wait for memory alone is no proof of want, for a
 * group at its own limit waits as well. The steps are those that oomd, nohang
 * and TMO have in common; see the levels in <weft/memory.h>.
 */
#include "pressure.h"

#include <stdio.h>

#include "../os/meter.h"

/* Percent of all memory. */
#define WATCH_PERCENT 20
#define TIGHT_PERCENT 10
#define EMERGENCY_PERCENT 3
#define EMERGENCY_SWAP_PERCENT 5

/* Millionths of the last 10 s: 0.1 % of some, 10 % of all. */
#define TIGHT_SOME_PPM 1000
#define EMERGENCY_ALL_PPM 100000

/* Rounded down, without overflow. 100 where there is nothing to have. */
static unsigned percent(uint64_t part, uint64_t whole)
{
    if (whole == 0) {
        return 100;
    }
    return whole > UINT64_MAX / 100 ? (unsigned)(part / (whole / 100))
                                    : (unsigned)(part * 100 / whole);
}

/* Whether swap can't take anything worth having either. */
static bool is_swap_full(const weft_memory_figures *figures)
{
    return !wefti_knows(figures, WEFT_MEMORY_SWAP_TOTAL) ||
           figures->swap_total_bytes == 0 ||
           percent(figures->swap_free_bytes, figures->swap_total_bytes) <
               EMERGENCY_SWAP_PERCENT;
}

static weft_pressure judge(const weft_memory_figures *figures,
                           unsigned available)
{
    bool waits_some = figures->stall_some_ppm >= TIGHT_SOME_PPM;
    bool waits_all = figures->stall_all_ppm >= EMERGENCY_ALL_PPM;

    if (available < EMERGENCY_PERCENT && figures->has_stalls && waits_all &&
        is_swap_full(figures)) {
        return WEFT_PRESSURE_EMERGENCY;
    }
    if (available < TIGHT_PERCENT ||
        (available < WATCH_PERCENT && figures->has_stalls && waits_some)) {
        return WEFT_PRESSURE_TIGHT;
    }
    return available < WATCH_PERCENT ? WEFT_PRESSURE_WATCH : WEFT_PRESSURE_CALM;
}

void wefti_pressure_judge(weft_memory_figures *figures)
{
    unsigned available;

    if (!wefti_knows(figures, WEFT_MEMORY_AVAILABLE)) {
        return;
    }
    if (figures->available_bytes > figures->total_bytes) {
        figures->available_bytes = figures->total_bytes;
    }
    WEFTOS_FIGURE(figures, WEFT_MEMORY_USED, used,
                  figures->total_bytes - figures->available_bytes);
    if (figures->pressure_reason[0] != '\0') {
        return;
    }
    available = percent(figures->available_bytes, figures->total_bytes);
    figures->pressure = judge(figures, available);
    if (figures->has_stalls) {
        (void)snprintf(
            figures->pressure_reason, sizeof(figures->pressure_reason),
            "%u %% available, programs waited %.2f %% of the last 10 s",
            available, (double)figures->stall_some_ppm / 1e4);
    } else {
        (void)snprintf(
            figures->pressure_reason, sizeof(figures->pressure_reason),
            "%u %% available; how long programs wait is not told", available);
    }
}

const char *weft_pressure_name(weft_pressure pressure)
{
    switch (pressure) {
    case WEFT_PRESSURE_CALM:
        return "calm";
    case WEFT_PRESSURE_WATCH:
        return "watch";
    case WEFT_PRESSURE_TIGHT:
        return "tight";
    case WEFT_PRESSURE_EMERGENCY:
        return "emergency";
    }
    return "unknown";
}
