/* SPDX-License-Identifier: MIT
 *
 * CPUs and pipes of the benchmark on Linux.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include "bench_sys_posix.h"

/* The most that every user may have, unless the administrator changed it. */
#define PIPE_BYTES (1 << 20)

size_t bench_sys_cpus(unsigned *cpus, size_t room)
{
    cpu_set_t set;
    size_t count = 0;

    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return 0;
    }
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &set)) {
            if (count < room) {
                cpus[count] = cpu;
            }
            count++;
        }
    }
    return count;
}

bool bench_sys_has_cpu(unsigned cpu)
{
    cpu_set_t set;

    return cpu < CPU_SETSIZE && sched_getaffinity(0, sizeof(set), &set) == 0 &&
           CPU_ISSET(cpu, &set);
}

bool bench_sys_pin(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0;
}

bool bench_sys_die_with_parent(void)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

uint64_t bench_sys_enlarge_pipe(int pipe)
{
    int bytes;

    /* Refused if this user's pipes are too large already: then as it was. */
    fcntl(pipe, F_SETPIPE_SZ, PIPE_BYTES);
    bytes = fcntl(pipe, F_GETPIPE_SZ);
    return bytes < 0 ? 0 : (uint64_t)bytes;
}
