/* SPDX-License-Identifier: MIT
 *
 * The limits of a tree together: memory, CPU time, processes.
 *
 * The kernel of macOS has none of them for a tree. One look at all its
 * processes tells all three, and is made when one of the limits can first have
 * been reached:
 *
 *   memory     what is left of it can be filled at 4 bytes/ns.
 *   CPU time   what is left, divided by the CPUs. Who sleeps is looked at less
 *              often: after a 16th of the time since it has used any.
 *   processes  the sooner, the more were made since the last look.
 *
 * A look costs some us for each process of the tree, as the kqueue tells which
 * they are; now and then it looks for more (run_members.c).
 */
#define _DARWIN_C_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "run.h"

#define PAUSE_MIN_NS UINT64_C(1000000)
#define PAUSE_MAX_NS UINT64_C(100000000)
#define CPU_PAUSE_MIN_NS UINT64_C(250000)
#define CPU_PAUSE_MAX_NS UINT64_C(10000000)
#define SECOND_NS UINT64_C(1000000000)

static const struct wefti_run_fence *asked_of(const struct run *run,
                                              weft_fence fence)
{
    return &run->request->fences[fence];
}

/* -------------------------------------------------------------- prepare --- */

static void prepare_row(struct run *run, weft_fence fence,
                        const char *mechanism, const char *why_not,
                        uint64_t blind_ns)
{
    if (weftos_run_is_asked(run, fence)) {
        weftos_run_row(run, fence, WEFT_LEVEL_MONITORED, mechanism, why_not);
        weftos_run_row_of(run, fence)->blind_ns = blind_ns;
    }
}

void weftos_run_limits_prepare(struct run *run)
{
    struct run_limits *limits = &run->limits;
    const struct wefti_run_fence *cpu = asked_of(run, WEFT_FENCE_CPU);
    const struct wefti_run_fence *memory = asked_of(run, WEFT_FENCE_MEMORY);
    const struct wefti_run_fence *tasks = asked_of(run, WEFT_FENCE_PROCESSES);

    *limits = (struct run_limits){
        .look_at_ns = WEFT_FOREVER,
        .memory = memory->is_asked != 0 ? memory->hard : WEFT_FOREVER,
        .processes = tasks->is_asked != 0 ? tasks->hard : WEFT_FOREVER,
        .cpu_hard = cpu->is_asked != 0 ? cpu->hard : WEFT_FOREVER,
        .cpu_soft =
            cpu->is_asked != 0 && cpu->soft != 0 ? cpu->soft : WEFT_FOREVER,
        .cpus = weftos_get_facts()->cpus,
    };
    prepare_row(run, WEFT_FENCE_MEMORY, "sum of footprints",
                "the kernel has no such limit for a tree", PAUSE_MAX_NS);
    prepare_row(run, WEFT_FENCE_CPU, "sum of proc_pid_rusage, RLIMIT_CPU",
                "the kernel has no such limit for a tree", CPU_PAUSE_MAX_NS);
    prepare_row(run, WEFT_FENCE_PROCESSES, "counted from proc_listallpids",
                "RLIMIT_NPROC counts all of the user's; fast growth can "
                "outrun this",
                PAUSE_MAX_NS);
    weftos_run_row(run, WEFT_FENCE_TREE_KILL, WEFT_LEVEL_MONITORED,
                   "parents, groups and a mark; stop and kill",
                   "a double fork without the mark can get away unseen");
}

bool weftos_run_limits_child(const struct run *run, const char **operation,
                             int *fence)
{
    const struct wefti_run_fence *cpu = asked_of(run, WEFT_FENCE_CPU);
    uint64_t seconds = (cpu->hard + SECOND_NS - 1) / SECOND_NS + 1;
    struct rlimit limit;

    if (cpu->is_asked == 0) {
        return true;
    }
    *operation = "RLIMIT_CPU";
    *fence = WEFT_FENCE_CPU;
    if (getrlimit(RLIMIT_CPU, &limit) != 0) {
        return false;
    }
    if (seconds < limit.rlim_max) {
        limit.rlim_max = (rlim_t)seconds;
    }
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_CPU, &limit) == 0;
}

/* ----------------------------------------------------------------- look --- */

static uint64_t between(uint64_t value, uint64_t least, uint64_t most)
{
    return value < least ? least : value > most ? most : value;
}

static uint64_t time_ns(struct timeval time)
{
    return (uint64_t)time.tv_sec * SECOND_NS + (uint64_t)time.tv_usec * 1000;
}

static uint64_t reaped_ns(const struct run *run)
{
    return time_ns(run->reaped.ru_utime) + time_ns(run->reaped.ru_stime);
}

/* Also notes the peaks. */
static struct run_sample take_sample(struct run *run)
{
    struct run_limits *limits = &run->limits;
    struct run_sample sum = {0};

    weftos_run_members_sample(&run->members, &sum);
    sum.cpu_ns += reaped_ns(run);
    /* One that has ended since, and is not awaited yet, is in neither. */
    if (sum.cpu_ns < limits->cpu_last_ns) {
        sum.cpu_ns = limits->cpu_last_ns;
    }
    if (sum.footprint > limits->memory_peak) {
        limits->memory_peak = sum.footprint;
    }
    return sum;
}

static uint64_t look_at_memory(struct run *run, const struct run_sample *sum)
{
    struct run_limits *limits = &run->limits;

    if (limits->memory == WEFT_FOREVER) {
        return WEFT_FOREVER;
    }
    if (sum->footprint <= limits->memory) {
        return between((limits->memory - sum->footprint) / 4, PAUSE_MIN_NS,
                       PAUSE_MAX_NS);
    }
    run->report->exceeded |= 1u << WEFT_FENCE_MEMORY;
    weftos_run_set_reason(run, WEFT_REASON_MEMORY);
    weftos_run_evidence(run,
                        "sum of footprints: %" PRIu64 " of %" PRIu64 " bytes",
                        sum->footprint, limits->memory);
    limits->memory = WEFT_FOREVER;
    weftos_run_kill(run);
    return WEFT_FOREVER;
}

/* Notes what was reached; the tree may have ended meanwhile. */
static bool is_cpu_over(struct run *run, uint64_t used)
{
    struct run_limits *limits = &run->limits;

    if (used < limits->cpu_hard) {
        return false;
    }
    weftos_run_evidence(run, "proc_pid_rusage: %" PRIu64 " ns of %" PRIu64,
                        used, limits->cpu_hard);
    limits->cpu_hard = WEFT_FOREVER;
    limits->cpu_soft = WEFT_FOREVER;
    return true;
}

static uint64_t look_at_cpu(struct run *run, const struct run_sample *sum,
                            uint64_t now)
{
    struct run_limits *limits = &run->limits;
    uint64_t mark;
    uint64_t pause;
    uint64_t safe;

    if (is_cpu_over(run, sum->cpu_ns)) {
        weftos_run_hard_limit(run, WEFT_FENCE_CPU, WEFT_REASON_CPU);
    } else if (sum->cpu_ns >= limits->cpu_soft) {
        limits->cpu_soft = WEFT_FOREVER;
        weftos_run_soft_limit(run, WEFT_FENCE_CPU);
    }
    mark = limits->cpu_soft < limits->cpu_hard ? limits->cpu_soft
                                               : limits->cpu_hard;
    if (sum->cpu_ns != limits->cpu_last_ns) {
        limits->cpu_used_at_ns = now;
    }
    limits->cpu_last_ns = sum->cpu_ns;
    if (mark == WEFT_FOREVER) {
        return WEFT_FOREVER;
    }
    pause = between((now - limits->cpu_used_at_ns) / 16, CPU_PAUSE_MIN_NS,
                    CPU_PAUSE_MAX_NS);
    safe = (mark - sum->cpu_ns) / limits->cpus;
    return safe > pause ? safe : pause;
}

static uint64_t look_at_processes(struct run *run, const struct run_sample *sum)
{
    struct run_limits *limits = &run->limits;
    bool grows = sum->processes > limits->processes_peak;

    if (grows) {
        limits->processes_peak = sum->processes;
    }
    if (limits->processes == WEFT_FOREVER) {
        return WEFT_FOREVER;
    }
    if (sum->processes > limits->processes) {
        weftos_run_evidence(
            run, "proc_listallpids: %" PRIu64 " processes of %" PRIu64,
            sum->processes, limits->processes);
        limits->processes = WEFT_FOREVER;
        weftos_run_hard_limit(run, WEFT_FENCE_PROCESSES, WEFT_REASON_PROCESSES);
        return WEFT_FOREVER;
    }
    if (grows || sum->processes + sum->processes / 4 > limits->processes) {
        limits->processes_pause_ns = PAUSE_MIN_NS;
    } else {
        limits->processes_pause_ns =
            between(limits->processes_pause_ns * 2, PAUSE_MIN_NS, PAUSE_MAX_NS);
    }
    return limits->processes_pause_ns;
}

static void look(struct run *run)
{
    struct run_sample sum = take_sample(run);
    uint64_t pause = look_at_memory(run, &sum);
    uint64_t other = look_at_cpu(run, &sum, weftos_now_ns());

    pause = other < pause ? other : pause;
    other = look_at_processes(run, &sum);
    pause = other < pause ? other : pause;
    run->limits.look_at_ns =
        pause == WEFT_FOREVER ? WEFT_FOREVER : weft_after_ns(pause);
}

void weftos_run_limits_start(struct run *run)
{
    const struct run_limits *limits = &run->limits;

    if (limits->memory != WEFT_FOREVER || limits->processes != WEFT_FOREVER ||
        limits->cpu_hard != WEFT_FOREVER) {
        look(run);
    }
}

void weftos_run_limits_look(struct run *run)
{
    if (!run->leader_has_ended && weftos_now_ns() >= run->limits.look_at_ns) {
        look(run);
    }
}

uint64_t weftos_run_limits_next(const struct run *run)
{
    return run->leader_has_ended ? WEFT_FOREVER : run->limits.look_at_ns;
}

void weftos_run_limits_end(struct run *run)
{
    struct run_sample sum = take_sample(run);

    run->limits.cpu_last_ns = sum.cpu_ns;
    if (run->limits.cpu_hard != WEFT_FOREVER && is_cpu_over(run, sum.cpu_ns)) {
        run->report->exceeded |= 1u << WEFT_FENCE_CPU;
    }
}

/* ---------------------------------------------------------------- usage --- */

/* User and system time are known of those that were awaited alone. */
void weftos_run_limits_usage(struct run *run, weft_usage *usage)
{
    struct run_limits *limits = &run->limits;
    struct run_sample sum = take_sample(run);

    (void)snprintf(run->report->cpu_method, sizeof(run->report->cpu_method),
                   "wait4, proc_pid_rusage of those that live");
    (void)snprintf(run->report->memory_metric,
                   sizeof(run->report->memory_metric),
                   "sampled: sum of footprints");
    if (sum.cpu_ns != usage->cpu_ns) {
        usage->cpu_ns = sum.cpu_ns;
        usage->user_ns = 0;
        usage->system_ns = 0;
        usage->valid &= ~WEFT_USAGE_CPU_SPLIT;
    }
    usage->memory_bytes = sum.footprint;
    usage->memory_peak_bytes = limits->memory_peak;
    usage->processes = sum.processes;
    usage->processes_peak = limits->processes_peak > sum.processes
                                ? limits->processes_peak
                                : sum.processes;
    usage->valid |= WEFT_USAGE_MEMORY | WEFT_USAGE_PROCESSES;
    if (asked_of(run, WEFT_FENCE_MEMORY)->is_asked != 0) {
        usage->valid |= WEFT_USAGE_PEAK;
    }
}
