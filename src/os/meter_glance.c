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

    if (status != WEFT_OK) {
        return status;
    }
    /* Windows does not tell what of it was touched and is in page files. */
    if ((process->valid & WEFT_MEMORY_PROCESS_COMMITTED) != 0) {
        process->own_bytes = process->committed_bytes;
        process->valid |= WEFT_MEMORY_PROCESS_OWN;
    } else if ((process->valid & WEFT_MEMORY_PROCESS_FOOTPRINT) != 0) {
        /* It has what is compressed or swapped in it. */
        process->own_bytes = process->footprint_bytes;
        process->valid |= WEFT_MEMORY_PROCESS_OWN;
    }
    return WEFT_OK;
}
