/* SPDX-License-Identifier: MIT
 *
 * What a supervisor does when the clock, a limit or the leader says so, and
 * what it has to tell of the tree.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "run.h"

/* --------------------------------------------------------------- limits --- */

void weftos_run_soft_limit(struct run *run, weft_fence fence)
{
    run->report->exceeded |= 1u << fence;
    if (run->leader_has_ended) {
        weftos_run_evidence(run, "%s: soft limit reached",
                            weft_fence_name(fence));
        return;
    }
    weftos_run_evidence(run, "%s: soft limit reached, SIGTERM sent",
                        weft_fence_name(fence));
    weftos_run_signal_tree(run, SIGTERM);
}

void weftos_run_hard_limit(struct run *run, weft_fence fence,
                           weft_reason reason)
{
    run->report->exceeded |= 1u << fence;
    weftos_run_set_reason(run, reason);
    if (run->leader_has_ended) {
        weftos_run_evidence(run, "%s: limit reached", weft_fence_name(fence));
        return;
    }
    if (run->request->grace_ns == 0) {
        weftos_run_evidence(run, "%s: limit reached, SIGKILL sent",
                            weft_fence_name(fence));
        weftos_run_kill(run);
    } else if (run->kill_at_ns == WEFT_FOREVER) {
        weftos_run_evidence(run, "%s: limit reached, SIGTERM sent",
                            weft_fence_name(fence));
        run->kill_at_ns = weft_after_ns(run->request->grace_ns);
        weftos_run_signal_tree(run, SIGTERM);
    }
}

void weftos_run_check_times(struct run *run)
{
    uint64_t now = weftos_now_ns();

    if (now >= run->wall_soft_at_ns) {
        run->wall_soft_at_ns = WEFT_FOREVER;
        weftos_run_soft_limit(run, WEFT_FENCE_WALL);
    }
    if (now >= run->wall_hard_at_ns) {
        run->wall_hard_at_ns = WEFT_FOREVER;
        weftos_run_hard_limit(run, WEFT_FENCE_WALL, WEFT_REASON_WALL);
    }
    weftos_run_pump_check(run, now);
    if (now >= run->kill_at_ns) {
        run->kill_at_ns = WEFT_FOREVER;
        weftos_run_evidence(run, "grace time over, SIGKILL sent");
        weftos_run_kill(run);
    }
}

uint64_t weftos_run_next_time(const struct run *run)
{
    uint64_t next = weftos_run_limits_next(run);
    uint64_t output = weftos_run_pump_next(run);

    if (output < next) {
        next = output;
    }
    if (run->kill_at_ns < next) {
        next = run->kill_at_ns;
    }
    if (run->wall_soft_at_ns < next) {
        next = run->wall_soft_at_ns;
    }
    if (run->wall_hard_at_ns < next) {
        next = run->wall_hard_at_ns;
    }
    return next;
}

void weftos_run_set_times(struct run *run)
{
    const struct wefti_run_fence *wall = &run->request->fences[WEFT_FENCE_WALL];

    run->kill_at_ns = WEFT_FOREVER;
    run->wall_soft_at_ns = WEFT_FOREVER;
    run->wall_hard_at_ns = WEFT_FOREVER;
    run->started_ns = weftos_now_ns();
    if (wall->is_asked != 0) {
        run->wall_hard_at_ns = weft_after_ns(wall->hard);
        if (wall->soft != 0) {
            run->wall_soft_at_ns = weft_after_ns(wall->soft);
        }
    }
}

void weftos_run_prepare_rows(struct run *run)
{
    weftos_run_child_rows(run);
    weftos_run_pump_rows(run);
    if (weftos_run_is_asked(run, WEFT_FENCE_WALL)) {
        weftos_run_row(run, WEFT_FENCE_WALL, WEFT_LEVEL_MONITORED,
                       "monotonic clock", "the kernel has no such limit");
    }
    weftos_run_limits_prepare(run);
}

/* ---------------------------------------------------------------- usage --- */

static uint64_t time_ns(struct timeval time)
{
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) +
           (uint64_t)time.tv_usec * UINT64_C(1000);
}

void weftos_run_add_reaped(struct run *run, const struct rusage *more)
{
    struct rusage *all = &run->reaped;

    timeradd(&all->ru_utime, &more->ru_utime, &all->ru_utime);
    timeradd(&all->ru_stime, &more->ru_stime, &all->ru_stime);
    if (more->ru_maxrss > all->ru_maxrss) {
        all->ru_maxrss = more->ru_maxrss;
    }
    all->ru_minflt += more->ru_minflt;
    all->ru_majflt += more->ru_majflt;
    all->ru_nvcsw += more->ru_nvcsw;
    all->ru_nivcsw += more->ru_nivcsw;
}

void weftos_run_fill_in_usage(struct run *run)
{
    weft_usage *usage = &run->report->usage;
    const struct rusage *reaped = &run->reaped;

    usage->wall_ns = weftos_now_ns() - run->started_ns;
    usage->user_ns = time_ns(reaped->ru_utime);
    usage->system_ns = time_ns(reaped->ru_stime);
    usage->cpu_ns = usage->user_ns + usage->system_ns;
    usage->rss_peak_bytes = (uint64_t)reaped->ru_maxrss * RUN_RSS_UNIT;
    usage->minor_faults = (uint64_t)reaped->ru_minflt;
    usage->major_faults = (uint64_t)reaped->ru_majflt;
    usage->switches_voluntary = (uint64_t)reaped->ru_nvcsw;
    usage->switches_involuntary = (uint64_t)reaped->ru_nivcsw;
    usage->valid = WEFT_USAGE_WALL | WEFT_USAGE_CPU | WEFT_USAGE_CPU_SPLIT |
                   WEFT_USAGE_RSS_PEAK | WEFT_USAGE_FAULTS |
                   WEFT_USAGE_SWITCHES;
    weftos_run_limits_usage(run, usage);
    weftos_run_pump_usage(run, usage);
}

void weftos_run_leader_ended(struct run *run, int status)
{
    struct wefti_run_report *report = run->report;

    run->leader_has_ended = true;
    report->exited = WIFEXITED(status);
    report->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    report->signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    report->dumped_core = WIFSIGNALED(status) && WCOREDUMP(status);
    if (report->exited) {
        weftos_run_evidence(run, "leader: exit code %d", report->exit_code);
        return;
    }
    weftos_run_evidence(run, "leader: signal %d (%s)%s", report->signal_number,
                        strsignal(report->signal_number),
                        report->signal_number == SIGKILL &&
                                report->was_killed == 0
                            ? ", which weft has not sent"
                            : "");
    weftos_run_explain(run, report->signal_number);
    if (report->signal_number == SIGXFSZ) {
        report->exceeded |= 1u << WEFT_FENCE_FILE_SIZE;
        weftos_run_set_reason(run, WEFT_REASON_FILE_SIZE);
    }
    weftos_run_set_reason(run, WEFT_REASON_SIGNALLED);
}
