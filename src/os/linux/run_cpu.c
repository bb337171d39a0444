/* SPDX-License-Identifier: MIT
 *
 * The CPU time of a tree: counted, and limited.
 *
 * What wait4() tells misses those whom their parents have not waited for. A
 * group counts all, but what runs it counts at ticks only, some ms apart. A
 * performance counter that forks inherit is exact, misses nearly nobody, and
 * needs no right. It is taken in the supervisor, off, and goes on in the leader
 * when that becomes the program. The first one on a system takes the kernel
 * some 10 ms, so it is for limits that a tick matters to, and for those that
 * have no group.
 *
 * No timer of the kernel's runs by the CPU time of a tree. But what is left of
 * the limit, divided by the number of CPUs, is a time in which the limit can't
 * be reached: so the next look is then, and that comes closer with each look.
 * Who sleeps, or waits for a CPU, would be looked at ever more often near the
 * limit: the pauses are at least a 16th of the time since some was used, up to
 * IDLE_MAX_NS.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "run_group.h"

#define PAUSE_MIN_NS UINT64_C(250000)
#define IDLE_MAX_NS UINT64_C(10000000)
#define SECOND_NS UINT64_C(1000000000)
#define TICK_NS UINT64_C(10000000) /* the longest one */
#define EXACT_NS (10 * SECOND_NS)  /* a tick matters to limits below */

static const char *const methods[] = {
    "wait4, and /proc for those that live",
    "cgroup v2 cpu.stat",
    "cgroup v1 cpuacct.usage",
    "perf task-clock, inherited",
};

/* ----------------------------------------------------------------- read --- */

static uint64_t time_ns(struct timeval time)
{
    return (uint64_t)time.tv_sec * SECOND_NS + (uint64_t)time.tv_usec * 1000;
}

static uint64_t reaped_ns(const struct run *run)
{
    return time_ns(run->reaped.ru_utime) + time_ns(run->reaped.ru_stime);
}

struct cpu_times {
    uint64_t total;
    uint64_t user;
    uint64_t system;
};

/* A read from the start: the file is opened once. */
static bool read_again(int handle, char *text, size_t room)
{
    ssize_t bytes = pread(handle, text, room - 1, 0);

    if (bytes <= 0) {
        return false;
    }
    text[bytes] = '\0';
    return true;
}

static bool read_unified(int handle, struct cpu_times *times)
{
    char text[512];

    if (!read_again(handle, text, sizeof(text)) ||
        sscanf(text,
               "usage_usec %" SCNu64 " user_usec %" SCNu64
               " system_usec %" SCNu64,
               &times->total, &times->user, &times->system) != 3) {
        return false;
    }
    times->total *= 1000;
    times->user *= 1000;
    times->system *= 1000;
    return true;
}

static bool read_source(struct run *run, struct cpu_times *times)
{
    char text[64];
    struct run_sample sum = {0};

    switch (run->cpu.source) {
    case RUN_CPU_UNIFIED:
        return read_unified(run->cpu.handle, times);
    case RUN_CPU_CPUACCT:
        return read_again(run->cpu.handle, text, sizeof(text)) &&
               sscanf(text, "%" SCNu64, &times->total) == 1;
    case RUN_CPU_PERF:
        /* It misses what a set-user-ID program does, which wait4 may have. */
        times->total = reaped_ns(run);
        return true;
    case RUN_CPU_REAPED:
    default:
        (void)weftos_run_sample(run, &sum);
        times->total = reaped_ns(run) + sum.cpu_ns;
        return true;
    }
}

static bool is_group(const struct run *run)
{
    return run->cpu.source == RUN_CPU_UNIFIED ||
           run->cpu.source == RUN_CPU_CPUACCT;
}

/*
 * What the counter says, if that is more: it does not wait for a tick. But
 * where many wait for the CPUs it has counted up to 13 % too much (Linux 6.18
 * on a virtual machine). So a group, which is behind by a tick at most, and not
 * at all when all have ended, is believed more.
 */
static bool read_times(struct run *run, struct cpu_times *times)
{
    uint64_t most = UINT64_MAX;
    uint64_t counted;

    if (!read_source(run, times)) {
        return false;
    }
    if (is_group(run)) {
        most = times->total + (run->has_ended ? 0 : TICK_NS * run->cpu.cpus);
    }
    if (run->cpu.counter >= 0 &&
        read(run->cpu.counter, &counted, sizeof(counted)) ==
            (ssize_t)sizeof(counted)) {
        counted = counted < most ? counted : most;
        times->total = counted > times->total ? counted : times->total;
    }
    return true;
}

static uint64_t used_ns(struct run *run)
{
    struct cpu_times times = {0, 0, 0};

    return read_times(run, &times) ? times.total : run->cpu.last_ns;
}

void weftos_run_cpu_usage(struct run *run, weft_usage *usage)
{
    struct cpu_times times = {0, 0, 0};

    (void)snprintf(run->report->cpu_method, sizeof(run->report->cpu_method),
                   "%s", methods[run->cpu.source]);
    if ((run->cpu.source == RUN_CPU_REAPED && run->has_ended) ||
        !read_times(run, &times)) {
        return; /* what was reaped is there already */
    }
    /* A limit that was reached was so by what was seen then. */
    usage->cpu_ns =
        times.total > run->cpu.over_ns ? times.total : run->cpu.over_ns;
    usage->valid |= WEFT_USAGE_CPU;
    if (run->cpu.source == RUN_CPU_UNIFIED) {
        usage->user_ns = times.user;
        usage->system_ns = times.system;
    } else {
        usage->user_ns = 0;
        usage->system_ns = 0;
        usage->valid &= ~WEFT_USAGE_CPU_SPLIT;
    }
    if (is_group(run)) {
        usage->valid |= WEFT_USAGE_CPU_COMPLETE;
    }
}

/* -------------------------------------------------------------- prepare --- */

static bool open_in_group(struct run *run, enum run_tier tier,
                          enum run_cpu_source source, const char *name)
{
    int directory = weftos_run_group_make(run, tier);

    if (directory < 0) {
        return false;
    }
    run->cpu.handle = openat(directory, name, O_RDONLY | O_CLOEXEC);
    if (run->cpu.handle < 0) {
        (void)snprintf(run->groups[tier].why_not,
                       sizeof(run->groups[tier].why_not), "%s: %s", name,
                       strerror(errno));
        return false;
    }
    run->cpu.source = source;
    return true;
}

static bool open_counter(struct run *run)
{
    struct perf_event_attr what = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof(what),
        .config = PERF_COUNT_SW_TASK_CLOCK,
        .disabled = 1,
        .inherit = 1,
        .enable_on_exec = 1,
        .exclude_hv = 1,
    };
    long handle =
        syscall(SYS_perf_event_open, &what, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

    if (handle < 0) {
        /* Without the right to look at the kernel the clock is the same. */
        what.exclude_kernel = 1;
        handle = syscall(SYS_perf_event_open, &what, 0, -1, -1,
                         PERF_FLAG_FD_CLOEXEC);
    }
    if (handle < 0) {
        return false;
    }
    run->cpu.counter = (int)handle;
    return true;
}

void weftos_run_cpu_prepare(struct run *run)
{
    const struct wefti_run_fence *asked = &run->request->fences[WEFT_FENCE_CPU];
    bool is_asked = weftos_run_is_asked(run, WEFT_FENCE_CPU);
    bool is_counted =
        (is_asked || run->has_found_groups ||
         (run->request->flags & WEFTI_RUN_ACCOUNT) != 0) &&
        (open_in_group(run, RUN_UNIFIED, RUN_CPU_UNIFIED, "cpu.stat") ||
         open_in_group(run, RUN_CPUACCT, RUN_CPU_CPUACCT, "cpuacct.usage"));
    bool has_counter = false;
    char mechanism[64];
    weft_enforcement *row;
    long cpus;

    run->cpu.hard = WEFT_FOREVER;
    run->cpu.soft = WEFT_FOREVER;
    run->cpu.look_at_ns = WEFT_FOREVER;
    run->cpu.counter = -1;
    if (is_asked &&
        (!is_counted || (asked->is_asked != 0 && asked->hard < EXACT_NS))) {
        has_counter = open_counter(run);
    }
    if (!is_counted) {
        run->cpu.source = has_counter ? RUN_CPU_PERF : RUN_CPU_REAPED;
    }
    if (!is_asked) {
        return;
    }
    cpus = sysconf(_SC_NPROCESSORS_ONLN);
    run->cpu.cpus = cpus > 0 ? (unsigned)cpus : 1;
    if (asked->is_asked != 0) {
        run->cpu.hard = asked->hard;
        run->cpu.soft = asked->soft != 0 ? asked->soft : WEFT_FOREVER;
    }
    (void)snprintf(mechanism, sizeof(mechanism), "%s%s, RLIMIT_CPU",
                   methods[run->cpu.source],
                   is_counted && has_counter ? ", perf task-clock" : "");
    weftos_run_row(run, WEFT_FENCE_CPU, WEFT_LEVEL_MONITORED, mechanism,
                   "the kernel has no such limit for a tree");
    row = weftos_run_row_of(run, WEFT_FENCE_CPU);
    row->granularity = (has_counter ? PAUSE_MIN_NS : TICK_NS) * run->cpu.cpus;
    row->blind_ns = IDLE_MAX_NS;
}

/* ----------------------------------------------------------------- look --- */

static void set_next_look(struct run *run, uint64_t used)
{
    struct run_cpu *cpu = &run->cpu;
    uint64_t mark = cpu->soft < cpu->hard ? cpu->soft : cpu->hard;
    uint64_t now = weftos_now_ns();
    uint64_t pause;
    uint64_t safe;

    if (mark == WEFT_FOREVER) {
        cpu->look_at_ns = WEFT_FOREVER;
        return;
    }
    if (used != cpu->last_ns) {
        cpu->used_at_ns = now;
    }
    pause = (now - cpu->used_at_ns) / 16;
    pause = pause < PAUSE_MIN_NS  ? PAUSE_MIN_NS
            : pause > IDLE_MAX_NS ? IDLE_MAX_NS
                                  : pause;
    safe = used < mark ? (mark - used) / cpu->cpus : 0;
    cpu->look_at_ns = now + (safe > pause ? safe : pause);
}

/*
 * Many that burn make whoever wakes up wait for a turn, and burn meanwhile.
 * Only root may come before them; nothing is lost if that is refused.
 */
void weftos_run_cpu_start(struct run *run)
{
    if (run->cpu.hard != WEFT_FOREVER) {
        (void)setpriority(PRIO_PROCESS, 0, -20);
    }
    run->cpu.last_ns = UINT64_MAX;
    set_next_look(run, 0);
}

/* Notes what was reached; the tree may have ended meanwhile. */
static bool is_over(struct run *run, uint64_t used)
{
    if (used < run->cpu.hard) {
        return false;
    }
    weftos_run_evidence(run, "%s: %" PRIu64 " ns of %" PRIu64,
                        methods[run->cpu.source], used, run->cpu.hard);
    run->cpu.over_ns = used;
    run->cpu.hard = WEFT_FOREVER;
    run->cpu.soft = WEFT_FOREVER;
    return true;
}

void weftos_run_cpu_look(struct run *run)
{
    uint64_t used;

    if (weftos_now_ns() < run->cpu.look_at_ns) {
        return;
    }
    used = used_ns(run);
    if (is_over(run, used)) {
        weftos_run_hard_limit(run, WEFT_FENCE_CPU, WEFT_REASON_CPU);
    } else if (used >= run->cpu.soft) {
        run->cpu.soft = WEFT_FOREVER;
        weftos_run_soft_limit(run, WEFT_FENCE_CPU);
    }
    set_next_look(run, used);
    run->cpu.last_ns = used;
}

void weftos_run_cpu_end(struct run *run)
{
    if (run->cpu.hard != WEFT_FOREVER && is_over(run, used_ns(run))) {
        run->report->exceeded |= 1u << WEFT_FENCE_CPU;
    }
}
