/* SPDX-License-Identifier: MIT
 *
 * This process's own memory. A heap keeps what is freed; to compact it gives
 * whole pages back. malloc() uses the process's heap, or one of its own.
 *
 * The footprint is what is committed to this process alone: the private part of
 * the working set shrinks also when pages are only taken out of it, which gives
 * nothing back.
 */
#include "../heap.h"

/* The calls that kernel32 has since Windows 7, so psapi.dll is not needed. */
#define PSAPI_VERSION 2

#include "win.h"

#include <psapi.h>

/* More heaps than a program has; those beyond are left alone. */
#define HEAPS_MOST 256

weft_status weftos_heap_trim(weft_detail *detail)
{
    HANDLE heaps[HEAPS_MOST];
    DWORD count = GetProcessHeaps(HEAPS_MOST, heaps);

    if (count == 0) {
        return weftos_fail_last(detail, "find the heaps");
    }
    for (DWORD i = 0; i < count && i < HEAPS_MOST; i++) {
        (void)HeapCompact(heaps[i], 0);
    }
    return WEFT_OK;
}

weft_status weftos_heap_footprint(uint64_t *bytes, weft_detail *detail)
{
    PROCESS_MEMORY_COUNTERS_EX usage = {.cb = sizeof(usage)};

    if (!GetProcessMemoryInfo(GetCurrentProcess(),
                              (PROCESS_MEMORY_COUNTERS *)&usage,
                              sizeof(usage))) {
        return weftos_fail_last(detail, "measure this process");
    }
    *bytes = usage.PrivateUsage;
    return WEFT_OK;
}
