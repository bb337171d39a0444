/* SPDX-License-Identifier: MIT
 *
 * The figures of the machine's memory: what the kernel counts.
 *
 * Each call that fails leaves out what it alone tells; only the total must be.
 * None of them needs a right, nor root.
 */
#define _DARWIN_C_SOURCE
#include "../meter.h"

#include <mach/mach.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "macos.h"
#include "meter.h"
#include "meter_counts.h"

struct weftos_meter {
    mach_port_t host;
    int64_t pid; /* a forked child has none of the ports */
};

static bool ask(const char *name, void *value, size_t bytes)
{
    size_t got = bytes;

    return sysctlbyname(name, value, &got, NULL, 0) == 0 && got == bytes;
}

bool weftos_pressure_level(int *level)
{
    return ask("kern.memorystatus_vm_pressure_level", level, sizeof(*level));
}

/*
 * The last words came with macOS 15: an older one says that it has not filled
 * them in. macOS 10.9 has filled in all that is asked for here.
 */
mach_msg_type_number_t weftos_ask_host(mach_port_t host,
                                       struct vm_statistics64 *found)
{
    mach_msg_type_number_t words = HOST_VM_INFO64_COUNT;

    memset(found, 0, sizeof(*found));
    return host_statistics64(host, HOST_VM_INFO64, (host_info64_t)(void *)found,
                             &words) == KERN_SUCCESS &&
                   words >= HOST_VM_INFO64_REV1_COUNT
               ? words
               : 0;
}

static void ask_pages(const weftos_meter *meter, struct weftos_counts *counts)
{
    struct vm_statistics64 found;
    mach_msg_type_number_t words = weftos_ask_host(meter->host, &found);

    if (words == 0) {
        return;
    }
    /* Translated programs have smaller pages of their own. */
    counts->page_bytes = vm_kernel_page_size;
    counts->has_pages = true;
    counts->free = found.free_count;
    counts->speculative = found.speculative_count;
    counts->wired = found.wire_count;
    counts->purgeable = found.purgeable_count;
    counts->external = found.external_page_count;
    counts->internal = found.internal_page_count;
    counts->compressor = found.compressor_page_count;
    counts->stored = found.total_uncompressed_pages_in_compressor;
    counts->has_swapped = words >= HOST_VM_INFO64_REV2_COUNT;
    counts->swapped = found.swapped_count;
}

static void ask_swap(struct weftos_counts *counts)
{
    struct xsw_usage usage;

    counts->has_swap = ask("vm.swapusage", &usage, sizeof(usage));
    if (counts->has_swap) {
        counts->swap_total_bytes = usage.xsu_total;
        counts->swap_free_bytes = usage.xsu_avail;
    }
}

weft_status weftos_meter_open(const char *root, weftos_meter **meter,
                              weft_detail *detail)
{
    weftos_meter *made = calloc(1, sizeof(*made));

    (void)root;
    if (made == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    /* Each call of this adds a right to the port: one is enough. */
    made->host = mach_host_self();
    made->pid = getpid();
    *meter = made;
    return WEFT_OK;
}

void weftos_meter_close(weftos_meter *meter)
{
    if (meter == NULL) {
        return;
    }
    if (meter->pid == getpid()) {
        (void)mach_port_deallocate(mach_task_self(), meter->host);
    }
    free(meter);
}

weft_status weftos_meter_read(weftos_meter *meter, weft_memory_figures *figures,
                              weft_detail *detail)
{
    struct weftos_counts counts = {.total_bytes = 0};

    if (!ask("hw.memsize", &counts.total_bytes, sizeof(counts.total_bytes))) {
        return weftos_fail_errno(detail, "read hw.memsize");
    }
    ask_pages(meter, &counts);
    ask_swap(&counts);
    counts.has_level = weftos_pressure_level(&counts.level);
    weftos_counts_conclude(&counts, figures);
    return (figures->valid >> WEFT_MEMORY_TOTAL & 1) != 0
               ? WEFT_OK
               : weftos_fail(detail, WEFT_EOS, 0, "read hw.memsize");
}
