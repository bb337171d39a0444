/* SPDX-License-Identifier: MIT
 *
 * The clock where the C library has none: the performance counter of
 * Windows, which is monotonic and the same for every process.
 */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "stub.h"

#define NS_PER_S UINT64_C(1000000000)

uint64_t weftos_now_ns(void)
{
    LARGE_INTEGER ticks;
    LARGE_INTEGER per_second;
    uint64_t whole;
    uint64_t rest;

    /* Neither call can fail since Windows XP. */
    (void)QueryPerformanceFrequency(&per_second);
    (void)QueryPerformanceCounter(&ticks);
    whole = (uint64_t)ticks.QuadPart / (uint64_t)per_second.QuadPart;
    rest = (uint64_t)ticks.QuadPart % (uint64_t)per_second.QuadPart;
    /* In two steps, because the product of all ticks would overflow. */
    return whole * NS_PER_S + rest * NS_PER_S / (uint64_t)per_second.QuadPart;
}
