/* SPDX-License-Identifier: MIT
 *
 * CPUs, pipes, and what processes use, of the benchmark on macOS.
 *
 * macOS lets nobody choose a CPU (on Apple silicon the affinity of a thread
 * can't be set at all). So the machine counts as one numbered 0, and as one
 * numbered 1 if it has more: the scheduler places the sides, and what is
 * reported as their CPUs says no more than that.
 */
#include <libproc.h>
#include <mach/mach_time.h>
#include <pthread.h>
#include <sys/event.h>
#include <unistd.h>

#include "bench_sys_posix.h"

size_t bench_sys_cpus(unsigned *cpus, size_t room)
{
    size_t count = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2 : 1;

    for (unsigned cpu = 0; cpu < count && cpu < room; cpu++) {
        cpus[cpu] = cpu;
    }
    return count;
}

bool bench_sys_has_cpu(unsigned cpu)
{
    return cpu < bench_sys_cpus(NULL, 0);
}

bool bench_sys_pin(unsigned cpu)
{
    return bench_sys_has_cpu(cpu);
}

/* Sleeps until the parent has ended. */
static void *follow(void *context)
{
    int queue = *(int *)context;
    struct kevent event;

    while (kevent(queue, NULL, 0, &event, 1, NULL) != 1) {
    }
    _exit(2);
}

bool bench_sys_die_with_parent(void)
{
    static int queue;
    struct kevent change;
    pthread_t thread;

    queue = kqueue();
    EV_SET(&change, (uintptr_t)getppid(), EVFILT_PROC, EV_ADD, NOTE_EXIT, 0,
           NULL);
    return queue >= 0 && kevent(queue, &change, 1, NULL, 0, NULL) == 0 &&
           pthread_create(&thread, NULL, follow, &queue) == 0;
}

/* It grows by itself; nobody is told how far. */
uint64_t bench_sys_enlarge_pipe(int pipe)
{
    (void)pipe;
    return 0;
}

/* Nobody is told how many processes share a page. */
bool bench_sys_pss(uint64_t process, uint64_t *bytes)
{
    (void)process;
    (void)bytes;
    return false;
}

/* In the unit of the machine's clock, which is not a nanosecond everywhere. */
bool bench_sys_cpu_time(uint64_t process, uint64_t *ns)
{
    struct proc_taskinfo used;
    mach_timebase_info_data_t unit;

    if (mach_timebase_info(&unit) != KERN_SUCCESS ||
        proc_pidinfo((int)process, PROC_PIDTASKINFO, 0, &used, sizeof(used)) !=
            (int)sizeof(used)) {
        return false;
    }
    *ns =
        (used.pti_total_user + used.pti_total_system) * unit.numer / unit.denom;
    return true;
}
