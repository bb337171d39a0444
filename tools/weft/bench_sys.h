/* SPDX-License-Identifier: MIT
 *
 * bench_sys.h - what the benchmark asks of the system: CPUs, shared memory
 * and pinned processes. The build picks the file behind it.
 */
#ifndef BENCH_SYS_H
#define BENCH_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: there are no benchmarks on this system. */
extern const bool bench_sys_supported;

/* Writes up to `room` numbers of CPUs that we may run on; how many there are.
 */
size_t bench_sys_cpus(unsigned *cpus, size_t room);

/* May this process run on that CPU? */
bool bench_sys_has_cpu(unsigned cpu);

/* Zeroed memory that forked processes share; NULL if there is none. */
void *bench_sys_share(size_t bytes);
void bench_sys_unshare(void *memory, size_t bytes);

/* The body of a side. Its process ends with it; false is failure. */
typedef bool bench_sys_body(void *context, unsigned index);

/* A number that grows while the two sides get on. */
typedef uint64_t bench_sys_progress(const void *context);

typedef enum bench_sys_result {
    BENCH_SYS_DONE,    /* both sides returned true */
    BENCH_SYS_FAILED,  /* a side returned false */
    BENCH_SYS_KILLED,  /* a side was killed by a signal */
    BENCH_SYS_STALLED, /* no progress for `stall_ns` */
    BENCH_SYS_ERROR    /* the system refused, errno says why */
} bench_sys_result;

/*
 * Runs `body` in two processes, each pinned to its CPU, and waits for both.
 * Neither outlives the call, nor the death of this process. `*signal` is the
 * number behind BENCH_SYS_KILLED.
 */
bench_sys_result bench_sys_run(bench_sys_body *body, void *context,
                               const unsigned cpus[2],
                               bench_sys_progress *progress, uint64_t stall_ns,
                               int *signal);

/*
 * Gives a pipe the largest buffer that helps. Returns its size, 0 if that is
 * not known.
 */
uint64_t bench_sys_enlarge_pipe(int pipe);

void bench_sys_sleep(uint64_t ns);

/* Lets another process run on this CPU. */
void bench_sys_yield(void);

#endif
