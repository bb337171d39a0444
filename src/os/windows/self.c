/* SPDX-License-Identifier: MIT
 *
 * What this process uses. How many threads it has, Windows tells only with a
 * list of all processes; that is not asked for.
 */
#include "../system.h"

/* The calls that kernel32 has since Windows 7, so psapi.dll is not needed. */
#define PSAPI_VERSION 2

#include "win.h"

#include <psapi.h>

#define NS_PER_TICK UINT64_C(100)

static uint64_t to_ns(FILETIME time)
{
    return ((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime) *
           NS_PER_TICK;
}

static void find_memory(weft_self *self)
{
    PROCESS_MEMORY_COUNTERS_EX usage = {.cb = sizeof(usage)};
    MEMORYSTATUSEX space = {.dwLength = sizeof(space)};

    if (GetProcessMemoryInfo(GetCurrentProcess(),
                             (PROCESS_MEMORY_COUNTERS *)&usage,
                             sizeof(usage))) {
        self->memory_bytes = usage.WorkingSetSize;
        self->memory_peak_bytes = usage.PeakWorkingSetSize;
        self->data_bytes = usage.PrivateUsage;
        self->valid |= WEFT_SELF_MEMORY | WEFT_SELF_PEAK | WEFT_SELF_DATA;
    }
    /* The figures of address space are those of the process that asks. */
    if (GlobalMemoryStatusEx(&space) &&
        space.ullTotalVirtual > space.ullAvailVirtual) {
        self->address_space_bytes =
            space.ullTotalVirtual - space.ullAvailVirtual;
        self->valid |= WEFT_SELF_ADDRESS_SPACE;
    }
}

weft_status weftos_self_find(weft_self *self)
{
    FILETIME unused;
    FILETIME kernel;
    FILETIME user;
    DWORD handles;

    self->memory_metric = "working set";
    if (GetProcessTimes(GetCurrentProcess(), &unused, &unused, &kernel,
                        &user)) {
        self->user_ns = to_ns(user);
        self->system_ns = to_ns(kernel);
        self->valid |= WEFT_SELF_CPU;
    }
    find_memory(self);
    if (GetProcessHandleCount(GetCurrentProcess(), &handles)) {
        self->handles = handles;
        self->valid |= WEFT_SELF_HANDLES;
    }
    return WEFT_OK;
}
