/* SPDX-License-Identifier: MIT
 *
 * What the kernel counts of its memory. Whatever comes out of the compressor
 * was needed again, from memory or from swap; files that are read again it does
 * not tell from those that are read for the first time.
 */
#define _DARWIN_C_SOURCE
#include <mach/mach.h>
#include <string.h>

#include "macos.h"
#include "meter.h"

static void set(weft_memory_counters *counters, weft_memory_counter counter,
                uint64_t *member, uint64_t count, uint64_t unit)
{
    if (count <= UINT64_MAX / unit) {
        *member = count * unit;
        counters->valid |= UINT32_C(1) << counter;
    }
}

weft_status weftos_meter_count(const char *root, weft_memory_counters *counters,
                               weft_detail *detail)
{
    mach_port_t host = mach_host_self();
    uint64_t page_bytes = vm_kernel_page_size;
    struct vm_statistics64 found;
    mach_msg_type_number_t words = weftos_ask_host(host, &found);

    (void)root;
    (void)mach_port_deallocate(mach_task_self(), host);
    if (words == 0) {
        return weftos_fail(detail, WEFT_EOS, 0, "ask for the kernel's counts");
    }
    set(counters, WEFT_MEMORY_REFAULTED_ANONYMOUS,
        &counters->refaulted_anonymous_bytes, found.decompressions, page_bytes);
    set(counters, WEFT_MEMORY_SWAPPED_IN, &counters->swapped_in_bytes,
        found.swapins, page_bytes);
    set(counters, WEFT_MEMORY_SWAPPED_OUT, &counters->swapped_out_bytes,
        found.swapouts, page_bytes);
    /* As getrusage() has them of one process. */
    set(counters, WEFT_MEMORY_MAJOR_FAULTS, &counters->major_faults,
        found.pageins, 1);
    return WEFT_OK;
}
