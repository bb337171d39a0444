/* SPDX-License-Identifier: MIT
 *
 * How many processes and threads a tree may have at one time.
 *
 * In a group the kernel lets a fork fail that would be one too many; that is
 * no end of the tree. Without one the supervisor counts, and ends the tree; one
 * that grows fast may be far beyond its limit by then, and harder to end.
 * RLIMIT_NPROC is of no use for that, as it counts all processes of the user:
 * but in a user namespace of the tree's own (run_isolate.c) it counts the
 * tree's, unless that is root's. Nobody counts then what forks have failed.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "run_group.h"

#define PAUSE_MIN_NS UINT64_C(1000000)
#define PAUSE_MAX_NS UINT64_C(100000000)
#define PIDS_MAX UINT64_C(4194304) /* the kernel's PID_MAX_LIMIT */
#define PROBE_TASKS 64

static const struct wefti_run_fence *asked_of(const struct run *run)
{
    return &run->request->fences[WEFT_FENCE_PROCESSES];
}

void weftos_run_tasks_prepare(struct run *run)
{
    const struct wefti_run_fence *asked = asked_of(run);
    uint64_t most = asked->is_asked != 0 ? asked->hard : PROBE_TASKS;
    char why_not[96] = "";
    char reason[100];
    char text[32] = "max";
    bool is_unified;
    int directory;
    int code;

    run->tasks.directory = -1;
    run->tasks.look_at_ns = WEFT_FOREVER;
    if (!weftos_run_is_asked(run, WEFT_FENCE_PROCESSES)) {
        return;
    }
    directory =
        weftos_run_group_with(run, "pids", RUN_PIDS, &is_unified, why_not);
    if (directory >= 0) {
        if (most < PIDS_MAX) {
            (void)snprintf(text, sizeof(text), "%" PRIu64, most);
        }
        code = weftos_run_file_write(directory, "pids.max", text);
        if (code == 0) {
            run->tasks.directory = directory;
            weftos_run_row(
                run, WEFT_FENCE_PROCESSES, WEFT_LEVEL_TREE,
                is_unified ? "cgroup v2 pids.max" : "cgroup v1 pids.max", NULL);
            return;
        }
        (void)snprintf(why_not, sizeof(why_not), "pids.max: %s",
                       strerror(code));
    }
    run->tasks.is_sampled = asked->is_asked != 0;
    (void)snprintf(reason, sizeof(reason), "%.68s; fast growth can outrun it",
                   why_not);
    weftos_run_row(run, WEFT_FENCE_PROCESSES, WEFT_LEVEL_MONITORED,
                   "counted from /proc", reason);
    weftos_run_row_of(run, WEFT_FENCE_PROCESSES)->blind_ns = PAUSE_MAX_NS;
}

void weftos_run_tasks_start(struct run *run)
{
    if (run->tasks.is_sampled) {
        run->tasks.look_at_ns = weft_after_ns(PAUSE_MIN_NS);
    }
}

/*
 * The next look is the sooner the more were made since the last one; as a fork
 * takes some 100 us, even the shortest pause allows some.
 */
void weftos_run_tasks_look(struct run *run)
{
    struct run_tasks *tasks = &run->tasks;
    uint64_t most = asked_of(run)->hard;
    struct run_sample sum = {0};

    if (!tasks->is_sampled || weftos_now_ns() < tasks->look_at_ns) {
        return;
    }
    (void)weftos_run_sample(run, &sum);
    tasks->pause_ns =
        sum.tasks > tasks->peak ? PAUSE_MIN_NS : tasks->pause_ns * 2;
    if (tasks->pause_ns < PAUSE_MIN_NS || sum.tasks + sum.tasks / 4 > most) {
        tasks->pause_ns = PAUSE_MIN_NS;
    }
    if (tasks->pause_ns > PAUSE_MAX_NS) {
        tasks->pause_ns = PAUSE_MAX_NS;
    }
    if (sum.tasks > tasks->peak) {
        tasks->peak = sum.tasks;
    }
    tasks->look_at_ns = weft_after_ns(tasks->pause_ns);
    if (sum.tasks > most) {
        tasks->look_at_ns = WEFT_FOREVER;
        tasks->is_sampled = false;
        weftos_run_evidence(
            run, "/proc: %" PRIu64 " processes and threads of %" PRIu64,
            sum.tasks, most);
        weftos_run_hard_limit(run, WEFT_FENCE_PROCESSES, WEFT_REASON_PROCESSES);
    }
}

void weftos_run_tasks_end(struct run *run)
{
    uint64_t refused = 0;

    if (run->tasks.directory >= 0 &&
        weftos_run_file_value(run->tasks.directory, "pids.events", "max",
                              &refused) &&
        refused > 0) {
        run->report->exceeded |= 1u << WEFT_FENCE_PROCESSES;
        weftos_run_evidence(run, "pids.events: max 0 -> %" PRIu64, refused);
    }
}

void weftos_run_tasks_usage(struct run *run, weft_usage *usage)
{
    int directory = run->tasks.directory;

    if (directory >= 0 &&
        weftos_run_file_number(directory, "pids.current", &usage->processes)) {
        usage->valid |= WEFT_USAGE_PROCESSES;
        if (!weftos_run_file_number(directory, "pids.peak",
                                    &usage->processes_peak)) {
            usage->processes_peak = 0;
        }
        return;
    }
    usage->processes_peak = run->tasks.peak;
}
