/* SPDX-License-Identifier: MIT
 *
 * The limits of a tree that are looked at: memory, CPU time, processes.
 *
 * No timer of the kernel's runs by the CPU time of a job, but for one that
 * counts user time alone. What is left of the limit, divided by the number of
 * CPUs, is a time in which the limit can't be reached: so the next look is
 * then, and that comes closer with each look. Who sleeps would be looked at
 * ever more often near the limit: the pauses are at least a 16th of the time
 * since some was used, up to IDLE_MAX_NS.
 *
 * A job's accounts miss nobody. One that keeps no limit (Wine's) may count
 * nothing: then its processes are looked at one by one, which takes longer; so
 * it rests for some times as long as that takes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "run.h"

#define PAUSE_MIN_NS UINT64_C(1000000)
#define PAUSE_MAX_NS UINT64_C(100000000)
#define IDLE_MAX_NS UINT64_C(10000000)
#define REST 8                     /* times what a look takes */
#define TICK_NS UINT64_C(15625000) /* what CPU time is counted in */

static const char job_method[] = "job accounting";
static const char list_method[] = "list of processes, looked at";

static const struct wefti_run_fence *asked_of(const struct run *run,
                                              weft_fence fence)
{
    return &run->request->fences[fence];
}

/* One look at the processes, and what it says of memory. */
static bool sample(struct run *run, struct run_sample *found)
{
    if (!weftos_run_sample(run, found)) {
        return false;
    }
    run->has_sampled = true;
    if (found->commit > run->memory.peak) {
        run->memory.peak = found->commit;
    }
    if (found->resident > run->memory.rss_peak) {
        run->memory.rss_peak = found->resident;
    }
    if (found->processes > run->tasks.peak) {
        run->tasks.peak = found->processes;
    }
    return true;
}

/* What a look has cost is paid back by a pause. */
static uint64_t pause_after(uint64_t began_ns, uint64_t pause)
{
    uint64_t rest = (weftos_now_ns() - began_ns) * REST;

    return rest > pause ? rest : pause;
}

/* -------------------------------------------------------------- CPU time ---
 */

static void find_times(struct run *run, uint64_t *user_ns, uint64_t *system_ns)
{
    struct run_sample found;

    weftos_run_job_times(run, user_ns, system_ns);
    if (*user_ns + *system_ns > 0) {
        run->cpu.is_counted = true;
    }
    if (run->cpu.is_counted) {
        return;
    }
    if (run->is_last_look || !sample(run, &found)) {
        *user_ns = run->ended_user_ns;
        *system_ns = run->ended_system_ns;
        for (size_t i = 0; i < run->member_count; i++) {
            *user_ns += run->members[i].user_ns;
            *system_ns += run->members[i].system_ns;
        }
        return;
    }
    *user_ns = found.user_ns;
    *system_ns = found.system_ns;
}

static void prepare_cpu(struct run *run)
{
    const struct wefti_run_fence *asked = asked_of(run, WEFT_FENCE_CPU);
    weft_enforcement *row;

    run->cpu.hard = WEFT_FOREVER;
    run->cpu.soft = WEFT_FOREVER;
    run->cpu.look_at_ns = WEFT_FOREVER;
    if (!weftos_run_is_asked(run, WEFT_FENCE_CPU)) {
        return;
    }
    if (asked->is_asked != 0) {
        run->cpu.hard = asked->hard;
        run->cpu.soft = asked->soft != 0 ? asked->soft : WEFT_FOREVER;
    }
    weftos_run_row(run, WEFT_FENCE_CPU, WEFT_LEVEL_MONITORED,
                   "job accounting; if that is silent, list of processes",
                   "a job limits user time only");
    row = weftos_run_row_of(run, WEFT_FENCE_CPU);
    row->granularity = TICK_NS * weftos_get_facts()->cpus;
    row->blind_ns = IDLE_MAX_NS;
}

static void set_next_look(struct run *run, uint64_t used, uint64_t began_ns)
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
    safe = used < mark ? (mark - used) / weftos_get_facts()->cpus : 0;
    pause = safe > pause ? safe : pause;
    if (!cpu->is_counted) {
        pause = pause_after(began_ns, pause);
    }
    cpu->look_at_ns = now + pause;
}

/* Notes what was reached; the tree may have ended meanwhile. */
static bool is_over(struct run *run, uint64_t used)
{
    if (used < run->cpu.hard) {
        return false;
    }
    weftos_run_evidence(run, "%s: %" PRIu64 " ns of %" PRIu64,
                        run->cpu.is_counted ? job_method : list_method, used,
                        run->cpu.hard);
    run->cpu.hard = WEFT_FOREVER;
    run->cpu.soft = WEFT_FOREVER;
    return true;
}

static void look_at_cpu(struct run *run)
{
    uint64_t began = weftos_now_ns();
    uint64_t user_ns;
    uint64_t system_ns;
    uint64_t used;

    if (began < run->cpu.look_at_ns) {
        return;
    }
    find_times(run, &user_ns, &system_ns);
    used = user_ns + system_ns;
    if (is_over(run, used)) {
        weftos_run_hard_limit(run, WEFT_FENCE_CPU, WEFT_REASON_CPU);
    } else if (used >= run->cpu.soft) {
        run->cpu.soft = WEFT_FOREVER;
        weftos_run_soft_limit(run, WEFT_FENCE_CPU);
    }
    set_next_look(run, used, began);
    run->cpu.last_ns = used;
}

static void end_cpu(struct run *run)
{
    uint64_t user_ns;
    uint64_t system_ns;

    if (run->cpu.hard == WEFT_FOREVER) {
        return;
    }
    find_times(run, &user_ns, &system_ns);
    if (is_over(run, user_ns + system_ns)) {
        run->report->exceeded |= 1u << WEFT_FENCE_CPU;
    }
}

/* ---------------------------------------------------------------- memory ---
 */

static bool is_memory_sampled(const struct run *run)
{
    return asked_of(run, WEFT_FENCE_MEMORY)->is_asked != 0 &&
           !run->memory.is_kernels;
}

/* What is left could be filled at 4 bytes/ns, which is fast for one memory. */
static uint64_t pause_for(uint64_t left)
{
    uint64_t pause = left / 4;

    return pause < PAUSE_MIN_NS   ? PAUSE_MIN_NS
           : pause > PAUSE_MAX_NS ? PAUSE_MAX_NS
                                  : pause;
}

static void memory_is_over(struct run *run)
{
    run->memory.is_over = true;
    run->memory.look_at_ns = WEFT_FOREVER;
    run->report->exceeded |= 1u << WEFT_FENCE_MEMORY;
    weftos_run_set_reason(run, WEFT_REASON_MEMORY);
    weftos_run_kill(run);
}

static void look_at_memory(struct run *run)
{
    struct run_memory *memory = &run->memory;
    uint64_t began = weftos_now_ns();
    struct run_sample found;

    if (memory->is_over || began < memory->look_at_ns) {
        return;
    }
    if (!sample(run, &found)) {
        memory->look_at_ns = weft_after_ns(PAUSE_MAX_NS);
        return;
    }
    if (found.commit > memory->limit) {
        weftos_run_evidence(run,
                            "its processes: %" PRIu64 " of %" PRIu64 " bytes",
                            found.commit, memory->limit);
        memory_is_over(run);
        return;
    }
    memory->look_at_ns = weft_after_ns(
        pause_after(began, pause_for(memory->limit - found.commit)));
}

/* ------------------------------------------------------------- processes ---
 */

static void count_processes(struct run *run)
{
    const struct wefti_run_fence *asked = asked_of(run, WEFT_FENCE_PROCESSES);
    int64_t count = weftos_run_job_count(run);

    if (count < 0) {
        return;
    }
    if ((uint64_t)count > run->tasks.peak) {
        run->tasks.peak = (uint64_t)count;
    }
    if (asked->is_asked != 0 && (uint64_t)count > asked->hard &&
        !run->is_ending) {
        weftos_run_evidence(run, "job: %" PRId64 " processes of %" PRIu64,
                            count, asked->hard);
        run->report->exceeded |= 1u << WEFT_FENCE_PROCESSES;
        weftos_run_set_reason(run, WEFT_REASON_PROCESSES);
        weftos_run_kill(run);
    }
}

/* What the job has told. */
static void take_news(struct run *run)
{
    unsigned happened = atomic_exchange(&run->happened, 0);
    uint32_t refused = 1u << WEFT_FENCE_PROCESSES;

    if ((happened & RUN_BIRTH) != 0) {
        count_processes(run);
    }
    if ((happened & RUN_PROCESSES) != 0 &&
        (run->report->exceeded & refused) == 0) {
        run->report->exceeded |= refused;
        weftos_run_evidence(run, "job: one process more was refused");
    }
    if ((happened & RUN_MEMORY) != 0 && !run->memory.is_over) {
        weftos_run_evidence(run, "job: the limit of memory was reached");
        memory_is_over(run);
    }
}

/* -------------------------------------------------------------- together ---
 */

void weftos_run_limits_prepare(struct run *run)
{
    run->memory.look_at_ns = WEFT_FOREVER;
    if (is_memory_sampled(run)) {
        weftos_run_row_of(run, WEFT_FENCE_MEMORY)->blind_ns = PAUSE_MAX_NS;
    }
    prepare_cpu(run);
}

void weftos_run_limits_start(struct run *run)
{
    run->cpu.last_ns = UINT64_MAX;
    set_next_look(run, 0, weftos_now_ns());
    if (is_memory_sampled(run)) {
        run->memory.look_at_ns = weft_after_ns(PAUSE_MIN_NS);
    }
    if (run->cpu.look_at_ns != WEFT_FOREVER ||
        run->memory.look_at_ns != WEFT_FOREVER) {
        /* Many that burn make who wakes up wait for a turn. */
        (void)SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_HIGHEST);
    }
}

void weftos_run_limits_look(struct run *run)
{
    take_news(run);
    look_at_cpu(run);
    look_at_memory(run);
}

void weftos_run_limits_end(struct run *run)
{
    take_news(run);
    end_cpu(run);
}

uint64_t weftos_run_limits_next(const struct run *run)
{
    return run->cpu.look_at_ns < run->memory.look_at_ns
               ? run->cpu.look_at_ns
               : run->memory.look_at_ns;
}

static void fill_in_memory(struct run *run, weft_usage *usage)
{
    uint64_t peak = weftos_run_job_peak(run);
    struct run_sample found;

    if (!run->is_last_look && sample(run, &found)) {
        usage->memory_bytes = found.commit;
        usage->processes = found.processes;
        usage->valid |= WEFT_USAGE_MEMORY | WEFT_USAGE_PROCESSES;
    }
    usage->memory_peak_bytes =
        peak > run->memory.peak ? peak : run->memory.peak;
    usage->rss_peak_bytes = run->memory.rss_peak;
    usage->processes_peak = run->tasks.peak;
    if (usage->memory_peak_bytes > 0) {
        usage->valid |= WEFT_USAGE_PEAK;
    }
    if (usage->rss_peak_bytes > 0) {
        usage->valid |= WEFT_USAGE_RSS_PEAK;
    }
    (void)snprintf(
        run->report->memory_metric, sizeof(run->report->memory_metric), "%s",
        peak > 0 ? "job commit charge" : "commit of its processes, looked at");
}

void weftos_run_limits_usage(struct run *run, weft_usage *usage)
{
    find_times(run, &usage->user_ns, &usage->system_ns);
    usage->cpu_ns = usage->user_ns + usage->system_ns;
    if (run->cpu.is_counted) {
        usage->valid |= WEFT_USAGE_CPU_COMPLETE;
    }
    if (run->cpu.is_counted || run->has_sampled) {
        usage->valid |= WEFT_USAGE_CPU | WEFT_USAGE_CPU_SPLIT;
    }
    (void)snprintf(run->report->cpu_method, sizeof(run->report->cpu_method),
                   "%s", run->cpu.is_counted ? job_method : list_method);
    fill_in_memory(run, usage);
}
