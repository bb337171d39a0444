/* SPDX-License-Identifier: MIT
 *
 * The memory of a tree: limited, and counted.
 *
 * In a group the kernel holds the limit, and kills one of its processes (with
 * v1) or all (with v2's memory.oom.group) when it can't. The count of such
 * kills is what says so; a SIGKILL says nothing. If it rises while the group
 * was never near its limit, it was not for our limit: the system, or a group
 * around, has run out.
 *
 * Without a group each process has RLIMIT_DATA, and the sum of all is looked
 * at, the sooner the less is left. The cheap sum counts shared pages and files
 * too; so only if that is too much, the dear one is made.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "run_group.h"

#define PAUSE_MIN_NS UINT64_C(1000000)
#define PAUSE_MAX_NS UINT64_C(100000000)
#define PROBE_BYTES ((uint64_t)64 * 1024 * 1024)

/*
 * After the kernel has said that v1's group is out of memory it may still kill
 * one, or find memory: so many looks, with pauses that double.
 */
#define EVENT_LOOKS 10

/* What a kernel with several CPUs holds back, and a huge page. */
#define NEAR_BYTES ((uint64_t)4 * 1024 * 1024)

static const char *const metrics[] = {
    "resident, without files and what is shared",
    "cgroup v2 charge, with cache",
    "cgroup v1 charge, with cache",
    "sampled without files, or the peak of its largest process",
};

static const char *events_of(const struct run *run)
{
    return run->memory.kind == RUN_MEMORY_V2 ? "memory.events"
                                             : "memory.oom_control";
}

/* -------------------------------------------------------------- prepare --- */

/* What could not be done, and why; the group does without. */
static void say_missing(char *why_not, const char *name, int code)
{
    if (code != 0) {
        (void)snprintf(why_not, 96, "%s: %s", name, strerror(code));
    }
}

static int limit_unified(struct run *run, const char *bytes, char *why_not)
{
    int directory = run->memory.directory;
    int code = weftos_run_file_write(directory, "memory.max", bytes);

    if (code != 0) {
        say_missing(why_not, "memory.max", code);
        return code;
    }
    say_missing(why_not, "what is swapped does not count: memory.swap.max",
                weftos_run_file_write(directory, "memory.swap.max", "0"));
    /* Older kernels kill one process: then the rest is killed from here. */
    (void)weftos_run_file_write(directory, "memory.oom.group", "1");
    (void)weftos_run_file_number(directory, "memory.max", &run->memory.limit);
    run->memory.kind = RUN_MEMORY_V2;
    run->memory.events =
        openat(directory, "memory.events", O_RDONLY | O_CLOEXEC);
    return 0;
}

/* An eventfd that is written when the group is out of memory. */
static int open_oom_event(int directory)
{
    int control = openat(directory, "memory.oom_control", O_RDONLY | O_CLOEXEC);
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    char text[32];

    (void)snprintf(text, sizeof(text), "%d %d", event, control);
    if (control < 0 || event < 0 ||
        weftos_run_file_write(directory, "cgroup.event_control", text) != 0) {
        if (event >= 0) {
            (void)close(event);
        }
        event = -1;
    }
    if (control >= 0) {
        (void)close(control);
    }
    return event;
}

/* The sum with swap must not be below the other: that one is lowered first. */
static int limit_v1(struct run *run, const char *bytes, char *why_not)
{
    int directory = run->memory.directory;
    int code = weftos_run_file_write(directory, "memory.limit_in_bytes", bytes);

    if (code != 0) {
        say_missing(why_not, "memory.limit_in_bytes", code);
        return code;
    }
    say_missing(
        why_not, "what is swapped does not count: memory.memsw",
        weftos_run_file_write(directory, "memory.memsw.limit_in_bytes", bytes));
    run->memory.events = open_oom_event(directory);
    if (run->memory.events < 0) {
        say_missing(why_not, "cgroup.event_control", errno);
        return errno;
    }
    (void)weftos_run_file_number(directory, "memory.limit_in_bytes",
                                 &run->memory.limit);
    run->memory.kind = RUN_MEMORY_V1;
    return 0;
}

static bool limit_group(struct run *run, uint64_t bytes, char *why_not)
{
    char text[32];
    bool is_unified;

    run->memory.directory =
        weftos_run_group_with(run, "memory", RUN_MEMORY, &is_unified, why_not);
    if (run->memory.directory < 0) {
        return false;
    }
    (void)snprintf(text, sizeof(text), "%" PRIu64, bytes);
    return (is_unified ? limit_unified(run, text, why_not)
                       : limit_v1(run, text, why_not)) == 0;
}

void weftos_run_memory_prepare(struct run *run)
{
    const struct wefti_run_fence *asked =
        &run->request->fences[WEFT_FENCE_MEMORY];
    uint64_t bytes = asked->is_asked != 0 ? asked->hard : PROBE_BYTES;
    struct run_memory *memory = &run->memory;
    char why_not[96] = "";
    weft_enforcement *row;

    *memory = (struct run_memory){.directory = -1,
                                  .events = -1,
                                  .limit = bytes,
                                  .look_at_ns = WEFT_FOREVER};
    if (!weftos_run_is_asked(run, WEFT_FENCE_MEMORY)) {
        return;
    }
    if (limit_group(run, bytes, why_not)) {
        weftos_run_row(run, WEFT_FENCE_MEMORY, WEFT_LEVEL_TREE,
                       memory->kind == RUN_MEMORY_V2 ? "cgroup v2 memory"
                                                     : "cgroup v1 memory",
                       why_not);
        row = weftos_run_row_of(run, WEFT_FENCE_MEMORY);
        row->granularity = weftos_get_facts()->page_bytes;
    } else {
        memory->kind = RUN_MEMORY_SAMPLED;
        weftos_run_row(run, WEFT_FENCE_MEMORY, WEFT_LEVEL_MONITORED,
                       "RLIMIT_DATA, and the sum by /proc", why_not);
        row = weftos_run_row_of(run, WEFT_FENCE_MEMORY);
        row->blind_ns = PAUSE_MAX_NS;
    }
    row->applied = asked->is_asked != 0 ? memory->limit : 0;
}

void weftos_run_memory_start(struct run *run)
{
    if (run->memory.kind == RUN_MEMORY_SAMPLED) {
        run->memory.look_at_ns = weft_after_ns(PAUSE_MIN_NS);
    }
}

/* ----------------------------------------------------------------- look --- */

static bool peak_of(const struct run *run, uint64_t *peak)
{
    return weftos_run_file_number(run->memory.directory,
                                  run->memory.kind == RUN_MEMORY_V2
                                      ? "memory.peak"
                                      : "memory.max_usage_in_bytes",
                                  peak);
}

/*
 * Whether it was for our limit: v2 counts when that is reached; with v1 the
 * most that was ever charged must have been near it.
 */
static bool is_limits_doing(const struct run *run, uint64_t peak)
{
    uint64_t reached = 0;

    if (run->memory.kind == RUN_MEMORY_V2) {
        return weftos_run_file_value(run->memory.directory, "memory.events",
                                     "oom", &reached) &&
               reached > 0;
    }
    return peak + NEAR_BYTES >= run->memory.limit;
}

/* There is no grace time: what is to be saved would take more of it. */
static void end_for_limit(struct run *run)
{
    run->memory.is_over = true;
    run->report->exceeded |= 1u << WEFT_FENCE_MEMORY;
    weftos_run_set_reason(run, WEFT_REASON_MEMORY);
    weftos_run_evidence(run, "memory: limit reached, SIGKILL sent");
    weftos_run_kill(run);
}

/* The kernel has killed; notes it once. */
static void look_at_kills(struct run *run)
{
    struct run_memory *memory = &run->memory;
    uint64_t before = memory->kills;
    uint64_t peak = 0;

    if (!weftos_run_file_value(memory->directory, events_of(run), "oom_kill",
                               &memory->kills) ||
        memory->kills == before || memory->is_over) {
        return;
    }
    memory->look_at_ns = WEFT_FOREVER;
    weftos_run_evidence(run, "%s: oom_kill %" PRIu64 " -> %" PRIu64,
                        events_of(run), before, memory->kills);
    if (peak_of(run, &peak)) {
        weftos_run_evidence(run,
                            "memory peak: %" PRIu64 " of %" PRIu64 " bytes",
                            peak, memory->limit);
    }
    if (!is_limits_doing(run, peak)) {
        memory->is_host = true;
        return;
    }
    end_for_limit(run);
}

/* What is left could be filled at 4 bytes/ns, which is fast for one memory. */
static uint64_t pause_for(uint64_t left)
{
    uint64_t pause = left / 4;

    return pause < PAUSE_MIN_NS   ? PAUSE_MIN_NS
           : pause > PAUSE_MAX_NS ? PAUSE_MAX_NS
                                  : pause;
}

static void look_at_sum(struct run *run)
{
    struct run_memory *memory = &run->memory;
    struct run_sample sum = {0};
    uint64_t began = weftos_now_ns();
    uint64_t bytes;
    uint64_t pause;

    (void)weftos_run_sample(run, &sum);
    bytes = sum.private_;
    pause = pause_for(
        sum.resident < memory->limit ? memory->limit - sum.resident : 0);
    if (sum.resident >= memory->limit) {
        bytes = weftos_run_sample_memory(run);
        pause = pause_for(bytes < memory->limit ? memory->limit - bytes : 0);
    }
    if (bytes > memory->peak) {
        memory->peak = bytes;
    }
    if (bytes > memory->limit && !memory->is_over) {
        memory->look_at_ns = WEFT_FOREVER;
        weftos_run_evidence(run,
                            "sum by /proc: %" PRIu64 " of %" PRIu64 " bytes",
                            bytes, memory->limit);
        end_for_limit(run);
        return;
    }
    /* No more than a twentieth of a CPU goes into looking. */
    began = (weftos_now_ns() - began) * 20;
    memory->look_at_ns = weft_after_ns(began > pause ? began : pause);
}

void weftos_run_memory_look(struct run *run)
{
    struct run_memory *memory = &run->memory;
    uint64_t happened;

    if (memory->kind == RUN_MEMORY_SAMPLED) {
        if (weftos_now_ns() >= memory->look_at_ns) {
            look_at_sum(run);
        }
        return;
    }
    if (memory->kind == RUN_MEMORY_FREE) {
        return;
    }
    if (memory->kind == RUN_MEMORY_V1 &&
        read(memory->events, &happened, sizeof(happened)) > 0) {
        memory->pause_ns = PAUSE_MIN_NS;
        memory->look_at_ns = weft_after_ns(PAUSE_MIN_NS);
    } else if (weftos_now_ns() >= memory->look_at_ns) {
        memory->pause_ns *= 2;
        memory->look_at_ns = memory->pause_ns < PAUSE_MIN_NS << EVENT_LOOKS
                                 ? weft_after_ns(memory->pause_ns)
                                 : WEFT_FOREVER;
    }
    look_at_kills(run);
}

void weftos_run_memory_usage(struct run *run, weft_usage *usage)
{
    const struct run_memory *memory = &run->memory;
    struct run_sample sum = {0};
    bool is_v2 = memory->kind == RUN_MEMORY_V2;

    if (is_v2 || memory->kind == RUN_MEMORY_V1) {
        if (weftos_run_file_number(memory->directory,
                                   is_v2 ? "memory.current"
                                         : "memory.usage_in_bytes",
                                   &usage->memory_bytes)) {
            usage->valid |= WEFT_USAGE_MEMORY;
        }
        if (peak_of(run, &usage->memory_peak_bytes)) {
            usage->valid |= WEFT_USAGE_PEAK;
        }
    } else if (memory->kind == RUN_MEMORY_SAMPLED) {
        usage->memory_bytes = weftos_run_sample_memory(run);
        usage->memory_peak_bytes = memory->peak > usage->memory_bytes
                                       ? memory->peak
                                       : usage->memory_bytes;
        /* The kernel has seen what came and went between two looks. */
        if (usage->rss_peak_bytes > usage->memory_peak_bytes) {
            usage->memory_peak_bytes = usage->rss_peak_bytes;
        }
        usage->valid |= WEFT_USAGE_MEMORY | WEFT_USAGE_PEAK;
    } else if (weftos_run_sample(run, &sum)) {
        usage->memory_bytes = sum.private_;
        usage->valid |= WEFT_USAGE_MEMORY;
    }
    (void)snprintf(run->report->memory_metric,
                   sizeof(run->report->memory_metric), "%s",
                   metrics[memory->kind]);
}
