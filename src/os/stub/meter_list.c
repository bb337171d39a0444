/* SPDX-License-Identifier: MIT
 *
 * What processes take of the memory, which weft can't tell here yet.
 */
#include "../meter.h"
#include "stub.h"

weft_status weftos_meter_list(weft_memory_process *processes, size_t room,
                              size_t *count, weft_detail *detail)
{
    (void)processes;
    (void)room;
    (void)count;
    return stub_refuse(detail, "look at other processes");
}

weft_status weftos_meter_measure(weft_memory_process *process,
                                 weft_detail *detail)
{
    (void)process;
    return stub_refuse(detail, "look at other processes");
}
