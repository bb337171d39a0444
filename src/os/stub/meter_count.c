/* SPDX-License-Identifier: MIT
 *
 * What the system counts of its memory, which weft can't read here yet.
 */
#include "../meter.h"
#include "stub.h"

weft_status weftos_meter_count(const char *root, weft_memory_counters *counters,
                               weft_detail *detail)
{
    (void)root;
    (void)counters;
    return stub_refuse(detail, "read the counters of memory");
}
