/* SPDX-License-Identifier: MIT
 *
 * The unit of the times that proc_pid_rusage() tells.
 *
 * XNU's sources have them in ticks of mach_absolute_time(), which are 125/3 ns
 * on Apple silicon (fill_task_rusage, task_power_info_locked); much that is
 * written about it says ns. So this process's own time is compared with what
 * getrusage() says, once it has used enough for that.
 */
#define _DARWIN_C_SOURCE
#include <libproc.h>
#include <mach/mach_time.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "run.h"
#include "run_clock.h"

static uint64_t in_ns(uint64_t ticks, uint32_t numer, uint32_t denom)
{
    return ticks / denom * numer + ticks % denom * numer / denom;
}

static uint64_t apart(uint64_t one, uint64_t other)
{
    return one > other ? one - other : other - one;
}

bool weftos_run_clock_has_ticks(uint64_t told, uint64_t used_ns, uint32_t numer,
                                uint32_t denom)
{
    return apart(in_ns(told, numer, denom), used_ns) <= apart(told, used_ns);
}

static uint64_t used_ns(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return 0;
    }
    return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) *
               UINT64_C(1000000000) +
           ((uint64_t)usage.ru_utime.tv_usec +
            (uint64_t)usage.ru_stime.tv_usec) *
               UINT64_C(1000);
}

static mach_timebase_info_data_t find_base(void)
{
    const mach_timebase_info_data_t ns = {1, 1};
    mach_timebase_info_data_t base;
    struct rusage_info_v4 self;

    if (mach_timebase_info(&base) != KERN_SUCCESS || base.denom == 0 ||
        base.numer == 0) {
        return ns;
    }
    if (proc_pid_rusage(getpid(), RUSAGE_INFO_V4,
                        (rusage_info_t *)(void *)&self) == 0 &&
        !weftos_run_clock_has_ticks(self.ri_user_time + self.ri_system_time,
                                    used_ns(), base.numer, base.denom)) {
        return ns;
    }
    return base;
}

uint64_t weftos_run_clock_ns(uint64_t told)
{
    /*
     * Both numbers in one word, 0 at first. Relaxed: whoever finds them out
     * finds the same, and nothing else depends on them.
     */
    static _Atomic uint64_t known;
    uint64_t both = atomic_load_explicit(&known, memory_order_relaxed);

    if (both == 0) {
        mach_timebase_info_data_t base = find_base();

        both = (uint64_t)base.numer << 32 | base.denom;
        atomic_store_explicit(&known, both, memory_order_relaxed);
    }
    return in_ns(told, (uint32_t)(both >> 32), (uint32_t)both);
}
