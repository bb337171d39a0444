/* SPDX-License-Identifier: MIT
 *
 * The memory of the machine: host_statistics64() and its sysctls, by what
 * /proc/meminfo and /proc/vmstat tell of this one, as a Mac with macOS 14
 * counts it.
 *
 * As in XNU each page is free, wired, the compressor's, external or internal;
 * speculative ones are among the free and the external ones. How scarce memory
 * is a test says: see faults.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mach/mach.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "faults.h"
#include "machine.h"

/* Of Apple silicon, also where a program sees smaller ones. */
vm_size_t vm_kernel_page_size = 16384;

/* What is read ahead is this part of what is cached. */
#define SPECULATIVE_PART 16

/* A port, and how many rights to it this process has. */
#define HOST_PORT 0x0b03
#define TASK_PORT 0x0203
static int host_rights;

mach_port_t mach_host_self(void)
{
    host_rights++;
    return HOST_PORT;
}

mach_port_t mach_task_self(void)
{
    return TASK_PORT;
}

kern_return_t mach_port_deallocate(mach_port_t task, mach_port_t name)
{
    if (task != TASK_PORT || name != HOST_PORT || host_rights == 0) {
        double_lacks("a right that this process does not have");
    }
    host_rights--;
    return KERN_SUCCESS;
}

/* ------------------------------------------------------------- figures --- */

static bool read_text(const char *path, char *text, size_t room)
{
    FILE *file = fopen(path, "re");
    size_t length;

    if (file == NULL) {
        double_lacks("a machine without /proc, or a free descriptor");
    }
    length = fread(text, 1, room - 1, file);
    (void)fclose(file);
    text[length] = '\0';
    return length > 0;
}

static bool read_meminfo(char *text, size_t room)
{
    return read_text("/proc/meminfo", text, room);
}

static uint64_t bytes_of(const char *text, const char *label)
{
    const char *line = strstr(text, label);

    return line != NULL ? strtoull(line + strlen(label), NULL, 10) * 1024 : 0;
}

static natural_t pages_of(const char *text, const char *label)
{
    return (natural_t)(bytes_of(text, label) / vm_kernel_page_size);
}

static void fill(const char *text, struct vm_statistics64 *found)
{
    natural_t total = pages_of(text, "MemTotal:");

    found->free_count = pages_of(text, "MemFree:");
    found->external_page_count =
        pages_of(text, "Active(file):") + pages_of(text, "Inactive(file):");
    found->internal_page_count =
        pages_of(text, "Active(anon):") + pages_of(text, "Inactive(anon):");
    found->compressor_page_count = pages_of(text, "Zswap:");
    found->total_uncompressed_pages_in_compressor = pages_of(text, "Zswapped:");
    found->speculative_count = found->external_page_count / SPECULATIVE_PART;
    found->wire_count = total - found->free_count - found->external_page_count -
                        found->internal_page_count -
                        found->compressor_page_count;
    found->free_count += found->speculative_count;
}

/* Linux counts pages of its own size. */
static uint64_t count_of(const char *text, const char *label, uint64_t unit)
{
    const char *line = strstr(text, label);
    uint64_t count =
        line != NULL ? strtoull(line + strlen(label), NULL, 10) : 0;

    return count * unit / vm_kernel_page_size;
}

static void fill_counts(const char *text, struct vm_statistics64 *found)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    found->decompressions = count_of(text, "\nworkingset_refault_anon ", page);
    found->swapins = count_of(text, "\npswpin ", page);
    found->swapouts = count_of(text, "\npswpout ", page);
    found->pageins = count_of(text, "\npgmajfault ", vm_kernel_page_size);
}

kern_return_t host_statistics64(mach_port_t host, int flavor,
                                host_info64_t info,
                                mach_msg_type_number_t *count)
{
    struct vm_statistics64 found;
    char text[16384];

    if (host != HOST_PORT || host_rights == 0 || flavor != HOST_VM_INFO64 ||
        *count < HOST_VM_INFO64_REV1_COUNT) {
        double_lacks("this use of host_statistics64()");
    }
    if (double_is_without("host_statistics64") ||
        !read_meminfo(text, sizeof(text))) {
        return KERN_FAILURE;
    }
    memset(&found, 0, sizeof(found));
    fill(text, &found);
    if (read_text("/proc/vmstat", text, sizeof(text))) {
        fill_counts(text, &found);
    }
    *count = HOST_VM_INFO64_REV1_COUNT;
    memcpy((void *)info, &found, *count * sizeof(integer_t));
    return KERN_SUCCESS;
}

struct xsw_usage double_swap(void)
{
    struct xsw_usage usage = {.xsu_pagesize = (unsigned)vm_kernel_page_size};
    char text[8192];

    if (read_meminfo(text, sizeof(text))) {
        usage.xsu_total = bytes_of(text, "SwapTotal:");
        usage.xsu_avail = bytes_of(text, "SwapFree:");
        usage.xsu_used = usage.xsu_total - usage.xsu_avail;
    }
    return usage;
}

int double_pressure(void)
{
    const char *level = getenv("WEFT_DOUBLE_PRESSURE");

    return level != NULL ? atoi(level) : 1;
}

/* ----------------------------------------------------------------- purge ---
 */

static unsigned purges;

/* Root's alone. Here nothing is dropped: the machine has others on it. */
static int purge(void)
{
    if (geteuid() != 0) {
        return double_fail(EPERM);
    }
    purges++;
    return 0;
}

/* ISO C has no cast from a function's address to an object's. */
void *double_find_purge(void)
{
    int (*call)(void) = purge;
    void *address;

    memcpy(&address, &call, sizeof(address));
    return double_is_without("vfs_purge") ? NULL : address;
}

unsigned double_purges(void)
{
    return purges;
}
