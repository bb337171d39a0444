/* SPDX-License-Identifier: MIT
 *
 * CPUs, pipes, and what processes use, of the benchmark on Linux.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>

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

/* The line is "Pss:", and kibibytes. */
bool bench_sys_pss(uint64_t process, uint64_t *bytes)
{
    char line[256];
    unsigned long long kib;
    bool found = false;
    FILE *file;

    snprintf(line, sizeof(line), "/proc/%llu/smaps_rollup",
             (unsigned long long)process);
    file = fopen(line, "re");
    if (file == NULL) {
        return false;
    }
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        found = sscanf(line, "Pss: %llu kB", &kib) == 1;
    }
    fclose(file);
    if (found) {
        *bytes = (uint64_t)kib << 10;
    }
    return found;
}

bool bench_sys_cpu_time(uint64_t process, uint64_t *ns)
{
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid((pid_t)process, &clock) != 0 ||
        clock_gettime(clock, &used) != 0) {
        return false;
    }
    *ns = (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
    return true;
}
