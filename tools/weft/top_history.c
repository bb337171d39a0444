/* SPDX-License-Identifier: MIT
 *
 * What the machine's memory did over the last looks.
 */
#include <stdlib.h>

#include "top.h"

/* Files and programs' own memory; what is not told of the two is left out. */
static bool count_refaults(weft_memory *memory, uint64_t *bytes)
{
    weft_memory_counters counters = {.size = sizeof(counters)};
    bool is_known = false;

    *bytes = 0;
    if (weft_memory_count(memory, &counters, NULL) != WEFT_OK) {
        return false;
    }
    if ((counters.valid >> WEFT_MEMORY_REFAULTED_FILE & 1) != 0) {
        *bytes += counters.refaulted_file_bytes;
        is_known = true;
    }
    if ((counters.valid >> WEFT_MEMORY_REFAULTED_ANONYMOUS & 1) != 0) {
        *bytes += counters.refaulted_anonymous_bytes;
        is_known = true;
    }
    return is_known;
}

/* What a counter has grown by, for each of so many ns. */
static double rate(bool is_known, uint64_t before, uint64_t now, uint64_t ns)
{
    return is_known && ns > 0 && now >= before
               ? (double)(now - before) / (double)ns
               : -1;
}

weft_status top_history_look(top_history *history, weft_memory *memory,
                             weft_detail *detail)
{
    weft_memory_figures figures = {.size = sizeof(figures)};
    weft_memory_figures *last = &history->figures;
    weft_status status = weft_memory_look(memory, &figures, detail);
    uint64_t now = weft_now_ns();
    uint64_t ns = now - history->looked_ns;
    uint64_t refaulted;
    bool has_refaults;
    size_t at = history->count % TOP_SAMPLES;

    if (status != WEFT_OK) {
        return status;
    }
    has_refaults = count_refaults(memory, &refaulted);
    if (history->looked_ns != 0) {
        double waiting = rate(figures.has_stalls && last->has_stalls,
                              last->stall_some_ns, figures.stall_some_ns, ns);
        double refaults = rate(has_refaults && history->has_refaults,
                               history->refaulted_bytes, refaulted, ns);

        history->waiting[at] = waiting < 0 ? -1 : waiting * 100;
        history->refaults[at] = refaults < 0 ? -1 : refaults * 1e9;
        history->count++;
    }
    history->figures = figures;
    history->looked_ns = now;
    history->refaulted_bytes = refaulted;
    history->has_refaults = has_refaults;
    return WEFT_OK;
}

double top_history_at(const double *samples, size_t count, size_t age)
{
    return age < count && age < TOP_SAMPLES
               ? samples[(count - 1 - age) % TOP_SAMPLES]
               : -1;
}
