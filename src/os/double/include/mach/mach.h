/* SPDX-License-Identifier: MIT
 *
 * <mach/mach.h> of macOS, as far as the double has it: what the machine's
 * memory holds. The structure has Darwin's layout.
 */
#ifndef DOUBLE_MACH_MACH_H
#define DOUBLE_MACH_MACH_H

#include <stddef.h>
#include <stdint.h>

#include <mach/mach_time.h>

typedef unsigned mach_port_t;
typedef unsigned mach_msg_type_number_t;
typedef unsigned natural_t;
typedef int integer_t;
typedef integer_t *host_info64_t;
typedef uintptr_t vm_size_t;

mach_port_t mach_host_self(void);
mach_port_t mach_task_self(void);
kern_return_t mach_port_deallocate(mach_port_t task, mach_port_t name);

#define KERN_FAILURE 5

#define HOST_VM_INFO64 4

struct vm_statistics64 {
    natural_t free_count;
    natural_t active_count;
    natural_t inactive_count;
    natural_t wire_count;
    uint64_t zero_fill_count;
    uint64_t reactivations;
    uint64_t pageins;
    uint64_t pageouts;
    uint64_t faults;
    uint64_t cow_faults;
    uint64_t lookups;
    uint64_t hits;
    uint64_t purges;
    natural_t purgeable_count;
    natural_t speculative_count;
    uint64_t decompressions;
    uint64_t compressions;
    uint64_t swapins;
    uint64_t swapouts;
    natural_t compressor_page_count;
    natural_t throttled_count;
    natural_t external_page_count;
    natural_t internal_page_count;
    uint64_t total_uncompressed_pages_in_compressor;
    uint64_t swapped_count;
};

#define HOST_VM_INFO64_COUNT                                                   \
    ((mach_msg_type_number_t)(sizeof(struct vm_statistics64) /                 \
                              sizeof(integer_t)))
#define HOST_VM_INFO64_REV2_COUNT HOST_VM_INFO64_COUNT
#define HOST_VM_INFO64_REV1_COUNT                                              \
    ((mach_msg_type_number_t)(offsetof(struct vm_statistics64,                 \
                                       swapped_count) /                        \
                              sizeof(integer_t)))

kern_return_t host_statistics64(mach_port_t host, int flavor,
                                host_info64_t info,
                                mach_msg_type_number_t *count);

extern vm_size_t vm_kernel_page_size;

#endif
