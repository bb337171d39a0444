/* SPDX-License-Identifier: MIT
 *
 * The limits of a tree together, and how it is killed.
 *
 * Groups are made only if something asked for needs one: a start without
 * limits does not pay for them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "run_group.h"

#define SECOND_NS UINT64_C(1000000000)

/*
 * It is always tried; a group of its own has who requires it, and is to have no
 * pid namespace, which ends as a whole, too.
 */
static bool needs_group(const struct run *run)
{
    return (run->request->fences[WEFT_FENCE_TREE_KILL].demand == WEFT_REQUIRE &&
            !weftos_run_is_asked(run, WEFT_FENCE_PIDS)) ||
           (run->request->flags & WEFTI_RUN_PROBE) != 0;
}

static void prepare_kill(struct run *run)
{
    const char *why_not = "nothing asked for needs a group";

    if (needs_group(run) && weftos_run_group_make(run, RUN_UNIFIED) < 0) {
        why_not = run->groups[RUN_UNIFIED].why_not;
    }
    if (weftos_run_can_kill_group(run)) {
        weftos_run_row(run, WEFT_FENCE_TREE_KILL, WEFT_LEVEL_TREE,
                       "cgroup v2 cgroup.kill, subreaper", NULL);
        run->populated = openat(run->groups[RUN_UNIFIED].directory,
                                "cgroup.events", O_RDONLY | O_CLOEXEC);
    } else {
        weftos_run_row(run, WEFT_FENCE_TREE_KILL, WEFT_LEVEL_MONITORED,
                       "subreaper, stop and kill", why_not);
    }
}

void weftos_run_limits_prepare(struct run *run)
{
    run->populated = -1;
    weftos_run_memory_prepare(run);
    weftos_run_tasks_prepare(run);
    weftos_run_cpu_prepare(run);
    prepare_kill(run);
}

void weftos_run_limits_start(struct run *run)
{
    /* The deadlines are this exact; the leader has the usual slack. */
    (void)prctl(PR_SET_TIMERSLACK, 1);
    weftos_run_memory_start(run);
    weftos_run_tasks_start(run);
    weftos_run_cpu_start(run);
}

void weftos_run_limits_look(struct run *run)
{
    weftos_run_cpu_look(run);
    weftos_run_memory_look(run);
    weftos_run_tasks_look(run);
}

void weftos_run_limits_end(struct run *run)
{
    weftos_run_memory_look(run);
    weftos_run_cpu_end(run);
    weftos_run_tasks_end(run);
}

uint64_t weftos_run_limits_next(const struct run *run)
{
    uint64_t next = run->cpu.look_at_ns;

    if (run->memory.look_at_ns < next) {
        next = run->memory.look_at_ns;
    }
    if (run->tasks.look_at_ns < next) {
        next = run->tasks.look_at_ns;
    }
    return next;
}

void weftos_run_limits_usage(struct run *run, weft_usage *usage)
{
    weftos_run_cpu_usage(run, usage);
    weftos_run_memory_usage(run, usage);
    weftos_run_tasks_usage(run, usage);
}

void weftos_run_limits_poll(struct run *run, struct pollfd *polls)
{
    /* An eventfd has something to read; a file of v2 something new. */
    polls[0] = (struct pollfd){
        .fd = run->memory.events,
        .events = run->memory.kind == RUN_MEMORY_V1 ? POLLIN : POLLPRI};
    /* The last one of a group may be nobody's child whom this one sees end. */
    polls[1] = (struct pollfd){.fd = run->populated, .events = POLLPRI};
}

/*
 * A file of v2 that is polled is ready until it was read. If that were done
 * after the tree was killed, it could be its end that nobody hears of.
 */
void weftos_run_limits_hear(const struct pollfd *polls)
{
    char text[16];

    for (int i = 0; i < RUN_LIMITS_POLLS; i++) {
        if ((polls[i].revents & POLLPRI) != 0) {
            (void)!pread(polls[i].fd, text, sizeof(text), 0);
        }
    }
}

static bool set_limit(__rlimit_resource_t resource, uint64_t value)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0) {
        return false;
    }
    if (value < limit.rlim_max) {
        limit.rlim_max = value;
    }
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit) == 0;
}

bool weftos_run_limits_child(const struct run *run, const char **operation,
                             int *fence)
{
    const struct wefti_run_fence *cpu = &run->request->fences[WEFT_FENCE_CPU];

    if (cpu->is_asked != 0 &&
        !set_limit(RLIMIT_CPU, (cpu->hard + SECOND_NS - 1) / SECOND_NS + 1)) {
        *operation = "RLIMIT_CPU";
        *fence = WEFT_FENCE_CPU;
        return false;
    }
    if (weftos_run_isolate_tasks(run) != 0 &&
        !set_limit(RLIMIT_NPROC, weftos_run_isolate_tasks(run))) {
        *operation = "RLIMIT_NPROC";
        *fence = WEFT_FENCE_PROCESSES;
        return false;
    }
    if (run->memory.kind == RUN_MEMORY_SAMPLED &&
        !set_limit(RLIMIT_DATA, run->memory.limit)) {
        *operation = "RLIMIT_DATA";
        *fence = WEFT_FENCE_MEMORY;
        return false;
    }
    return true;
}
