/* SPDX-License-Identifier: MIT
 *
 * Shared memory and processes for the benchmark, with fork.
 *
 * The parent sleeps in poll on a pipe from each side, whose other end the side
 * holds until it ends.
 */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench_sys_posix.h"

/* What a server may have open for each client, and a process besides. */
#define DESCRIPTORS_EACH 4
#define DESCRIPTORS_OWN 512

const bool bench_sys_supported = true;
const char *const bench_sys_killer = "signal";

void bench_sys_begin(char **arguments)
{
    (void)arguments; /* no side begins at main() */
}

/* A fork has everything where its parent has it. */
uintptr_t bench_sys_number(const void *object)
{
    return (uintptr_t)object;
}

const void *bench_sys_object(uintptr_t number)
{
    return (const void *)number;
}

const char *bench_sys_cause(char *text, size_t room)
{
    snprintf(text, room, "%s", strerror(errno));
    return text;
}

/* -------------------------------------------------------------- memory --- */

void *bench_sys_share(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        return NULL;
    }
    memset(memory, 0, bytes); /* no first touch while time is taken */
    return memory;
}

void bench_sys_unshare(void *memory, size_t bytes)
{
    if (memory != NULL) {
        munmap(memory, bytes);
    }
}

/* ------------------------------------------------------------ processes --- */

/* The sides as the parent sees them. */
typedef struct side_group {
    unsigned count;
    unsigned running;
    pid_t *pids;         /* 0: it has ended and was reaped, or never was */
    struct pollfd *ends; /* hang up when the side ends; -1 when that was seen */
} side_group;

/* What a side needs to start. */
typedef struct side_launch {
    bench_sys_body *body;
    void *context;
    const unsigned *cpus; /* NULL: none is pinned */
    pid_t parent;
} side_launch;

/*
 * The whole life of a side. It ends by exit(), because libraries that are
 * compared have something to undo; output was flushed before the fork.
 */
static _Noreturn void live(const side_launch *launch, unsigned index)
{
    bool done;

    /* The parent may have died before the kernel was told. */
    if (!bench_sys_die_with_parent() || getppid() != launch->parent ||
        (launch->cpus != NULL && !bench_sys_pin(launch->cpus[index]))) {
        _exit(2);
    }
    done = launch->body(launch->context, index);
    exit(done ? 0 : 1);
}

static bool start(side_group *group, const side_launch *launch, unsigned index)
{
    int ends[2];
    pid_t pid;

    if (pipe(ends) != 0) {
        return false;
    }
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        live(launch, index);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return false;
    }
    group->pids[index] = pid;
    group->ends[index].fd = ends[0];
    group->running++;
    return true;
}

/* Returns the status of waitpid. */
static int reap(side_group *group, unsigned index)
{
    int status = 0;

    while (waitpid(group->pids[index], &status, 0) < 0 && errno == EINTR) {
    }
    close(group->ends[index].fd);
    group->ends[index].fd = -1;
    group->pids[index] = 0;
    group->running--;
    return status;
}

/* What the end of a side means; DONE: the others may still work. */
static bench_sys_result judge(int status, int *signal)
{
    if (WIFSIGNALED(status)) {
        *signal = WTERMSIG(status);
        return BENCH_SYS_KILLED;
    }
    return WEXITSTATUS(status) == 0 ? BENCH_SYS_DONE : BENCH_SYS_FAILED;
}

/* Reaps those that have ended. One that was killed may have felled others. */
static bench_sys_result reap_ended(side_group *group, int *signal)
{
    bench_sys_result result = BENCH_SYS_DONE;

    for (unsigned i = 0; i < group->count; i++) {
        if (group->ends[i].revents != 0) {
            bench_sys_result one = judge(reap(group, i), signal);

            group->ends[i].revents = 0;
            result = one > result ? one : result;
        }
    }
    return result;
}

/* Waits for all, or for the first that fails, or for a stall. */
static bench_sys_result watch(side_group *group, const void *context,
                              bench_sys_progress *progress, uint64_t stall_ns,
                              int *signal)
{
    int timeout_ms = (int)(stall_ns / 1000000);
    uint64_t before = UINT64_MAX;
    bench_sys_result result = BENCH_SYS_DONE;

    while (result == BENCH_SYS_DONE && group->running > 0) {
        int ready = poll(group->ends, (nfds_t)group->count, timeout_ms);

        if (ready > 0) {
            result = reap_ended(group, signal);
        } else if (ready == 0) {
            uint64_t now = progress(context);

            result = now == before ? BENCH_SYS_STALLED : BENCH_SYS_DONE;
            before = now;
        } else if (errno != EINTR) {
            return BENCH_SYS_ERROR;
        }
    }
    return result;
}

/*
 * Descriptors for a pipe from each side, and in a server for each client. Where
 * there are not so many, the call that finds none says so.
 */
static void allow_descriptors(unsigned count)
{
    rlim_t wanted = (rlim_t)count * DESCRIPTORS_EACH + DESCRIPTORS_OWN;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bench_sys_result run_group(side_group *group, const side_launch *launch,
                                  bench_sys_progress *progress,
                                  uint64_t stall_ns, int *signal)
{
    bench_sys_result result = BENCH_SYS_ERROR;
    unsigned started = 0;
    int cause;

    for (unsigned i = 0; i < group->count; i++) {
        group->ends[i].fd = -1;
    }
    while (started < group->count && start(group, launch, started)) {
        started++;
    }
    if (started == group->count) {
        result = watch(group, launch->context, progress, stall_ns, signal);
    }
    cause = errno;
    for (unsigned i = 0; i < started; i++) {
        if (group->pids[i] != 0) {
            kill(group->pids[i], SIGKILL);
        }
    }
    for (unsigned i = 0; i < started; i++) {
        if (group->pids[i] != 0) {
            (void)reap(group, i);
        }
    }
    errno = cause;
    return result;
}

bench_sys_result bench_sys_run(bench_sys_body *body, void *context,
                               unsigned count, const unsigned *cpus,
                               bench_sys_progress *progress, uint64_t stall_ns,
                               int *signal)
{
    side_launch launch = {body, context, cpus, getpid()};
    side_group group = {.count = count,
                        .pids = calloc(count, sizeof(pid_t)),
                        .ends = calloc(count, sizeof(struct pollfd))};
    bench_sys_result result = BENCH_SYS_ERROR;
    int cause;

    fflush(NULL);
    allow_descriptors(count);
    if (group.pids != NULL && group.ends != NULL) {
        result = run_group(&group, &launch, progress, stall_ns, signal);
    }
    cause = errno;
    free(group.pids);
    free(group.ends);
    errno = cause;
    return result;
}

uint64_t bench_sys_process(void)
{
    return (uint64_t)getpid();
}

/* ---------------------------------------------------------------- time --- */

bool bench_sys_thread_cpu_time(uint64_t *ns)
{
    struct timespec used;

    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0) {
        return false;
    }
    *ns = (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
    return true;
}

void bench_sys_sleep(uint64_t ns)
{
    struct timespec left = {(time_t)(ns / 1000000000u),
                            (long)(ns % 1000000000u)};

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

void bench_sys_yield(void)
{
    sched_yield();
}
