/* SPDX-License-Identifier: MIT
 *
 * This process's own memory, of which nothing is known here yet.
 */
#include "../heap.h"
#include "stub.h"

weft_status weftos_heap_trim(weft_detail *detail)
{
    return stub_refuse(detail, "trim the heap");
}

weft_status weftos_heap_footprint(uint64_t *bytes, weft_detail *detail)
{
    (void)bytes;
    return stub_refuse(detail, "measure this process");
}
