/* SPDX-License-Identifier: MIT
 *
 * The watchdog is a thread; the mappings are found page by page.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <windows.h>

#include <weft/base.h>

#include "check.h"
#include "guard.h"

#define LOOK_MS 20

static _Atomic uint64_t late_ns = WEFT_FOREVER;
static _Atomic(const char *) watched;

static DWORD WINAPI watch(void *unused)
{
    (void)unused;
    while (weft_now_ns() < late_ns) {
        Sleep(LOOK_MS);
    }
    printf("# hangs: %s\n", watched);
    (void)TerminateProcess(GetCurrentProcess(), 1);
    return 0;
}

void guard_watch(const char *doing, unsigned seconds)
{
    static atomic_bool is_watching;
    HANDLE thread;

    watched = doing;
    late_ns = weft_after_ns(seconds * UINT64_C(1000000000));
    if (!atomic_exchange(&is_watching, true)) {
        thread = CreateThread(NULL, 0, watch, NULL, 0, NULL);
        REQUIRE(thread != NULL);
        CHECK(CloseHandle(thread));
    }
}

int guard_mappings(void)
{
    MEMORY_BASIC_INFORMATION region;
    const char *at = NULL;
    const void *last = NULL;
    int count = 0;

    while (VirtualQuery(at, &region, sizeof(region)) == sizeof(region)) {
        if (region.State != MEM_FREE && region.Type == MEM_MAPPED &&
            region.AllocationBase != last) {
            count++;
            last = region.AllocationBase;
        }
        at = (const char *)region.BaseAddress + region.RegionSize;
    }
    return count;
}

uint64_t guard_resident_bytes(int id)
{
    (void)id; /* the system does not tell how many share a page */
    return 0;
}

/* --------------------------------------------------------------- strays --- */

/* Handle values are multiples of 4, and small: a test has a few dozen. */
#define VALUES 256
static bool was_open[VALUES];

static bool is_open(size_t number)
{
    DWORD flags;

    return GetHandleInformation((HANDLE)(uintptr_t)(number * 4), &flags) != 0;
}

void guard_count_strays(void)
{
    for (size_t i = 1; i < VALUES; i++) {
        was_open[i] = is_open(i);
    }
}

unsigned guard_close_strays(void)
{
    unsigned strays = 0;

    for (size_t i = 1; i < VALUES; i++) {
        if (!was_open[i] && is_open(i)) {
            CHECK(CloseHandle((HANDLE)(uintptr_t)(i * 4)));
            strays++;
        }
    }
    return strays;
}

/* ---------------------------------------------------------------- waits --- */

bool guard_await(weft_handle handle, unsigned timeout_ms)
{
    return WaitForSingleObject((HANDLE)handle, timeout_ms) == WAIT_OBJECT_0;
}

/* Sleep() knows milliseconds only, and may round them up by far. */
void guard_nap_us(unsigned us)
{
    uint64_t end_ns = weft_after_ns(us * UINT64_C(1000));

    if (us >= 1000) {
        Sleep(us / 1000);
    }
    while (weft_now_ns() < end_ns) {
        (void)SwitchToThread();
    }
}

/* In units of 100 ns. */
static uint64_t sum_of(const FILETIME *kernel, const FILETIME *user)
{
    return ((uint64_t)kernel->dwHighDateTime << 32) + kernel->dwLowDateTime +
           ((uint64_t)user->dwHighDateTime << 32) + user->dwLowDateTime;
}

uint64_t guard_cpu_ns(void)
{
    FILETIME unused;
    FILETIME kernel;
    FILETIME user;

    REQUIRE(
        GetProcessTimes(GetCurrentProcess(), &unused, &unused, &kernel, &user));
    return sum_of(&kernel, &user) * 100;
}

uint64_t guard_thread_cpu_ns(void)
{
    FILETIME unused;
    FILETIME kernel;
    FILETIME user;

    REQUIRE(
        GetThreadTimes(GetCurrentThread(), &unused, &unused, &kernel, &user));
    return sum_of(&kernel, &user) * 100;
}
