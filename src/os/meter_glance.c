/* SPDX-License-Identifier: MIT
 *
 * What a process has for itself, where the system has no quicker way to tell it
 * than the exact one: that is cheap there.
 */
#include "meter.h"

weft_status weftos_meter_glance(weft_memory_process *process,
                                weft_detail *detail)
{
    weft_status status = weftos_meter_measure(process, detail);
    uint64_t own = 0;

    if (status != WEFT_OK) {
        return status;
    }
    if ((process->valid & WEFT_MEMORY_PROCESS_PRIVATE) != 0) {
        own = process->private_bytes;
    } else if ((process->valid & WEFT_MEMORY_PROCESS_FOOTPRINT) != 0) {
        own = process->footprint_bytes;
    } else {
        return WEFT_OK;
    }
    /* A footprint has what is compressed or swapped in it already. */
    if ((process->valid & WEFT_MEMORY_PROCESS_PRIVATE) != 0 &&
        (process->valid & WEFT_MEMORY_PROCESS_SWAPPED) != 0) {
        own += process->swapped_bytes;
    }
    process->own_bytes = own;
    process->valid |= WEFT_MEMORY_PROCESS_OWN;
    return WEFT_OK;
}
