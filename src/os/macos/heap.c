/* SPDX-License-Identifier: MIT
 *
 * This process's own memory. malloc() has zones here, each of which keeps what
 * is freed for the next time; the call below has all of them return it
 * (<malloc/malloc.h>, macOS 10.7).
 */
#include "../heap.h"

#include <libproc.h>
#include <malloc/malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "macos.h"

weft_status weftos_heap_trim(weft_detail *detail)
{
    (void)detail;
    (void)malloc_zone_pressure_relief(NULL, 0);
    return WEFT_OK;
}

weft_status weftos_heap_footprint(uint64_t *bytes, weft_detail *detail)
{
    struct rusage_info_v4 usage;

    if (proc_pid_rusage(getpid(), RUSAGE_INFO_V4,
                        (rusage_info_t *)(void *)&usage) != 0) {
        return weftos_fail_errno(detail, "measure this process");
    }
    *bytes = usage.ri_phys_footprint;
    return WEFT_OK;
}
