/* SPDX-License-Identifier: MIT
 *
 * This process's own memory. glibc keeps what is freed below the top of a heap;
 * malloc_trim() returns the whole pages of it, in all arenas. Other C libraries
 * for Linux have nothing like it.
 */
#include "../heap.h"

#include <malloc.h>

#include "linux.h"
#include "text.h"

/* More than smaps_rollup has. */
#define TEXT_BYTES 4096

#ifdef __GLIBC__
weft_status weftos_heap_trim(weft_detail *detail)
{
    (void)detail;
    (void)malloc_trim(0);
    return WEFT_OK;
}
#else
weft_status weftos_heap_trim(weft_detail *detail)
{
    return weftos_fail(detail, WEFT_ENOTSUP, 0, "trim the heap");
}
#endif

/*
 * The kernel's quick counters are off by some pages for each CPU, so the sum
 * over the mappings is asked for: Linux 4.14, and its parts 5.4.
 */
weft_status weftos_heap_footprint(uint64_t *bytes, weft_detail *detail)
{
    static const char *const labels[] = {"Pss_Anon:", "Pss_Shmem:", "SwapPss:"};
    char text[TEXT_BYTES];
    uint64_t part;

    if (!weftos_read_text("/proc/self/smaps_rollup", text, sizeof(text))) {
        return weftos_fail_errno(detail, "measure this process");
    }
    *bytes = 0;
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        if (!weftos_find_bytes(text, labels[i], &part)) {
            return weftos_fail(detail, WEFT_ENOTSUP, 0, "measure this process");
        }
        *bytes += part;
    }
    return WEFT_OK;
}
