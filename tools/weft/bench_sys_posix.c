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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench_sys_posix.h"

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

/* A side as the parent sees it. */
typedef struct side_process {
    pid_t pid;  /* 0: it has ended and was reaped, or never was */
    int alive;  /* hangs up when the side ends; -1 when that was seen */
    int status; /* of waitpid */
} side_process;

/* What a side needs to start. */
typedef struct side_launch {
    bench_sys_body *body;
    void *context;
    const unsigned *cpus;
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
        !bench_sys_pin(launch->cpus[index])) {
        _exit(2);
    }
    done = launch->body(launch->context, index);
    exit(done ? 0 : 1);
}

static bool start(const side_launch *launch, unsigned index,
                  side_process *child)
{
    int ends[2];

    if (pipe(ends) != 0) {
        return false;
    }
    child->pid = fork();
    if (child->pid == 0) {
        close(ends[0]);
        live(launch, index);
    }
    close(ends[1]);
    if (child->pid < 0) {
        child->pid = 0;
        close(ends[0]);
        return false;
    }
    child->alive = ends[0];
    return true;
}

static void reap(side_process *child)
{
    while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR) {
    }
    child->pid = 0;
    close(child->alive);
    child->alive = -1;
}

static void end(side_process *child)
{
    if (child->pid != 0) {
        kill(child->pid, SIGKILL);
        reap(child);
    }
}

/* What the end of this side means; DONE: the other one may still work. */
static bench_sys_result judge(const side_process *child, int *signal)
{
    if (WIFSIGNALED(child->status)) {
        *signal = WTERMSIG(child->status);
        return BENCH_SYS_KILLED;
    }
    return WEXITSTATUS(child->status) == 0 ? BENCH_SYS_DONE : BENCH_SYS_FAILED;
}

/* Waits for both, or for the first that fails, or for a stall. */
static bench_sys_result watch(side_process children[2],
                              const side_launch *launch,
                              bench_sys_progress *progress, uint64_t stall_ns,
                              int *signal)
{
    int timeout_ms = (int)(stall_ns / 1000000);
    uint64_t before = UINT64_MAX;
    bench_sys_result result = BENCH_SYS_DONE;

    while (result == BENCH_SYS_DONE &&
           (children[0].pid != 0 || children[1].pid != 0)) {
        struct pollfd ends[2] = {{.fd = children[0].alive},
                                 {.fd = children[1].alive}};
        int ready = poll(ends, 2, timeout_ms);

        if (ready < 0 && errno != EINTR) {
            return BENCH_SYS_ERROR;
        }
        if (ready == 0) {
            uint64_t now = progress(launch->context);

            result = now == before ? BENCH_SYS_STALLED : BENCH_SYS_DONE;
            before = now;
        }
        for (int i = 0; i < 2 && ready > 0 && result == BENCH_SYS_DONE; i++) {
            if (ends[i].revents != 0) {
                reap(&children[i]);
                result = judge(&children[i], signal);
            }
        }
    }
    return result;
}

bench_sys_result bench_sys_run(bench_sys_body *body, void *context,
                               const unsigned cpus[2],
                               bench_sys_progress *progress, uint64_t stall_ns,
                               int *signal)
{
    side_launch launch = {body, context, cpus, getpid()};
    side_process children[2] = {{.alive = -1}, {.alive = -1}};
    bench_sys_result result = BENCH_SYS_ERROR;
    int cause;

    fflush(NULL);
    if (start(&launch, 0, &children[0]) && start(&launch, 1, &children[1])) {
        result = watch(children, &launch, progress, stall_ns, signal);
    }
    cause = errno;
    end(&children[0]);
    end(&children[1]);
    errno = cause;
    return result;
}

/* ---------------------------------------------------------------- time --- */

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
