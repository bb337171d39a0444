/* SPDX-License-Identifier: MIT
 *
 * The job of a tree: what it holds, and what it counts.
 *
 * A job may take a limit and do nothing about it (Wine's do so), so what it has
 * kept is read back. Where it has kept nothing the supervisor looks itself, and
 * the row says why. That it ends with its last handle can't be seen so there;
 * that is tried once, with a process that never runs.
 *
 * The limit of memory is what is committed. An allocation beyond a job's own
 * limit fails, and the program may go on. So the tree is ended when the job
 * notifies of the limit asked for, which is sure to come; and the job's own
 * limit is a little above, for a tree that is faster than that.
 */
#include "run.h"

#include <stdio.h>

/* What of the job's limits was kept. */
struct kept {
    bool kill;
    bool memory;
    bool processes;
    bool notifies;
};

/* How far above the limit of memory the job's own is. */
#define MEMORY_SLACK(bytes) ((bytes) / 16 + (uint64_t)4 * 1024 * 1024)

#define PROBE_BYTES ((uint64_t)64 * 1024 * 1024)
#define PROBE_PROCESSES 64

/* ---------------------------------------------------------------- limits ---
 */

DWORD_PTR weftos_run_job_cpus(const struct run *run)
{
    DWORD_PTR own = 0;
    DWORD_PTR all = 0;

    if ((run->request->flags & WEFTI_RUN_HAS_CPUS) == 0 ||
        !GetProcessAffinityMask(GetCurrentProcess(), &own, &all)) {
        return 0;
    }
    return (DWORD_PTR)run->request->cpus[0] & all;
}

/* JOBOBJECT_NOTIFICATION_LIMIT_INFORMATION, of Windows 8; a class of 12. */
struct notification {
    DWORD64 bytes[2];
    LARGE_INTEGER user_time;
    DWORD64 memory;
    DWORD tolerance[2];
    DWORD flags;
};
#define NOTIFICATION_CLASS ((JOBOBJECTINFOCLASS)12)

static bool ask_notification(HANDLE job, uint64_t bytes)
{
    struct notification wanted = {.memory = bytes,
                                  .flags = JOB_OBJECT_LIMIT_JOB_MEMORY};

    return SetInformationJobObject(job, NOTIFICATION_CLASS, &wanted,
                                   sizeof(wanted)) != 0;
}

static const struct wefti_run_fence *asked_of(const struct run *run,
                                              weft_fence fence)
{
    return &run->request->fences[fence];
}

static SIZE_T to_size(uint64_t bytes)
{
    return bytes < SIZE_MAX ? (SIZE_T)bytes : SIZE_MAX;
}

static void fill_in(struct run *run, JOBOBJECT_EXTENDED_LIMIT_INFORMATION *info,
                    struct kept *kept)
{
    const struct wefti_run_fence *processes =
        asked_of(run, WEFT_FENCE_PROCESSES);
    uint64_t most =
        processes->is_asked != 0 ? processes->hard : PROBE_PROCESSES;
    uint64_t memory = run->memory.limit;
    DWORD *flags = &info->BasicLimitInformation.LimitFlags;

    *flags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    if (weftos_run_is_asked(run, WEFT_FENCE_MEMORY)) {
        kept->notifies = ask_notification(run->job, memory);
        *flags |= JOB_OBJECT_LIMIT_JOB_MEMORY;
        info->JobMemoryLimit = to_size(kept->notifies && memory < UINT64_MAX / 2
                                           ? memory + MEMORY_SLACK(memory)
                                           : memory);
    }
    if (weftos_run_is_asked(run, WEFT_FENCE_PROCESSES)) {
        *flags |= JOB_OBJECT_LIMIT_ACTIVE_PROCESS;
        info->BasicLimitInformation.ActiveProcessLimit =
            most < UINT32_MAX ? (DWORD)most : UINT32_MAX;
    }
    if (weftos_run_job_cpus(run) != 0) {
        *flags |= JOB_OBJECT_LIMIT_AFFINITY;
        info->BasicLimitInformation.Affinity = weftos_run_job_cpus(run);
    }
}

/* Sets the limits, and sees what is left of them. */
static bool set_limits(struct run *run, struct kept *kept)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION wanted = {0};
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION found = {0};
    DWORD flags;

    fill_in(run, &wanted, kept);
    if (!SetInformationJobObject(run->job, JobObjectExtendedLimitInformation,
                                 &wanted, sizeof(wanted))) {
        return false;
    }
    if (!QueryInformationJobObject(run->job, JobObjectExtendedLimitInformation,
                                   &found, sizeof(found), NULL)) {
        return true; /* nothing is confirmed */
    }
    flags = found.BasicLimitInformation.LimitFlags;
    kept->kill = (flags & JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE) != 0;
    /* It counts whole pages. */
    kept->memory = (flags & JOB_OBJECT_LIMIT_JOB_MEMORY) != 0 &&
                   found.JobMemoryLimit / weftos_get_facts()->page_bytes ==
                       wanted.JobMemoryLimit / weftos_get_facts()->page_bytes;
    kept->processes = (flags & JOB_OBJECT_LIMIT_ACTIVE_PROCESS) != 0 &&
                      found.BasicLimitInformation.ActiveProcessLimit ==
                          wanted.BasicLimitInformation.ActiveProcessLimit;
    return true;
}

/* -------------------------------------------------------------- the rows ---
 */

/* What never runs must be gone when the last handle of its job is. */
static BOOL CALLBACK try_kill(INIT_ONCE *once, void *works, void **context)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {
        .BasicLimitInformation = {.LimitFlags =
                                      JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE}};
    HANDLE job = CreateJobObjectW(NULL, NULL);
    HANDLE process = NULL;

    (void)once;
    (void)context;
    if (job != NULL &&
        SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits,
                                sizeof(limits)) &&
        weftos_run_make_idler(job, NULL, &process)) {
        (void)CloseHandle(job);
        job = NULL;
        *(bool *)works = WaitForSingleObject(process, 5000) == WAIT_OBJECT_0;
        (void)TerminateProcess(process, RUN_KILLED);
        (void)CloseHandle(process);
    }
    weftos_close_native(job);
    return TRUE;
}

static bool is_killing(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    static bool works;

    (void)InitOnceExecuteOnce(&once, try_kill, &works, NULL);
    return works;
}

static void row_of_kill(struct run *run, const struct kept *kept)
{
    if (kept->kill || is_killing()) {
        weftos_run_row(run, WEFT_FENCE_TREE_KILL, WEFT_LEVEL_TREE,
                       "job object, which ends with its last handle", NULL);
    } else {
        weftos_run_row(run, WEFT_FENCE_TREE_KILL, WEFT_LEVEL_MONITORED,
                       "job object, terminated",
                       "kill on close: accepted, not confirmed");
    }
}

static void row_of_memory(struct run *run, const struct kept *kept)
{
    struct run_sample sample;

    if (!weftos_run_is_asked(run, WEFT_FENCE_MEMORY)) {
        return;
    }
    run->memory.is_kernels = kept->memory;
    if (kept->memory) {
        weftos_run_row(run, WEFT_FENCE_MEMORY, WEFT_LEVEL_TREE,
                       kept->notifies ? "job notification, JobMemoryLimit"
                                      : "JobMemoryLimit",
                       NULL);
        weftos_run_row_of(run, WEFT_FENCE_MEMORY)->granularity =
            weftos_get_facts()->page_bytes;
    } else if (weftos_run_sample(run, &sample)) {
        weftos_run_row(run, WEFT_FENCE_MEMORY, WEFT_LEVEL_MONITORED,
                       "sum of what its processes have committed",
                       "JobMemoryLimit: accepted, not confirmed");
    } else {
        weftos_run_row(run, WEFT_FENCE_MEMORY, WEFT_LEVEL_UNSUPPORTED, NULL,
                       "JobMemoryLimit: accepted, not confirmed; and its "
                       "processes can't be listed");
    }
}

static void row_of_processes(struct run *run, const struct kept *kept)
{
    if (!weftos_run_is_asked(run, WEFT_FENCE_PROCESSES)) {
        return;
    }
    run->tasks.is_kernels = kept->processes;
    if (kept->processes) {
        weftos_run_row(run, WEFT_FENCE_PROCESSES, WEFT_LEVEL_TREE,
                       "job ActiveProcessLimit", NULL);
    } else {
        weftos_run_row(run, WEFT_FENCE_PROCESSES, WEFT_LEVEL_MONITORED,
                       "counted when the job tells of a new one",
                       "ActiveProcessLimit: accepted, not confirmed; fast "
                       "growth can outrun it");
    }
}

bool weftos_run_job_prepare(struct run *run)
{
    const struct wefti_run_fence *memory = asked_of(run, WEFT_FENCE_MEMORY);
    struct kept kept = {.kill = false};

    run->memory.limit = memory->is_asked != 0 ? memory->hard : PROBE_BYTES;
    if ((run->request->flags & WEFTI_RUN_HAS_CPUS) != 0 &&
        weftos_run_job_cpus(run) == 0) {
        weftos_run_refuse(run, WEFT_EINVAL, 0, "cannot run on these CPUs");
        return false;
    }
    run->job = CreateJobObjectW(NULL, NULL);
    if (run->job == NULL || !weftos_run_register(run) ||
        !set_limits(run, &kept)) {
        DWORD cause = GetLastError();

        weftos_run_refuse(run, weftos_error_status(cause), cause,
                          "cannot make a job");
        return false;
    }
    run->cpu.is_counted = kept.kill; /* a job that works */
    row_of_kill(run, &kept);
    row_of_memory(run, &kept);
    row_of_processes(run, &kept);
    return true;
}

/* ---------------------------------------------------------------- counts ---
 */

int64_t weftos_run_job_count(const struct run *run)
{
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION found = {0};

    return QueryInformationJobObject(run->job,
                                     JobObjectBasicAccountingInformation,
                                     &found, sizeof(found), NULL)
               ? (int64_t)found.ActiveProcesses
               : -1;
}

void weftos_run_job_times(const struct run *run, uint64_t *user_ns,
                          uint64_t *system_ns)
{
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION found = {0};

    (void)QueryInformationJobObject(run->job,
                                    JobObjectBasicAccountingInformation, &found,
                                    sizeof(found), NULL);
    *user_ns = (uint64_t)found.TotalUserTime.QuadPart * 100;
    *system_ns = (uint64_t)found.TotalKernelTime.QuadPart * 100;
}

uint64_t weftos_run_job_peak(const struct run *run)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION found = {0};

    return QueryInformationJobObject(run->job,
                                     JobObjectExtendedLimitInformation, &found,
                                     sizeof(found), NULL)
               ? found.PeakJobMemoryUsed
               : 0;
}
